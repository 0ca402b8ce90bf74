//! The pages on which people look after what is theirs: client passwords, devices, delegations, blocks, and help.

use super::super::block::{Block, OtherBlock};
use super::super::delegations::{Delegation, Delegations, Effects};
use super::super::devices::{Client, Devices, Trusted, Way};
use super::super::factors::Kind;
use super::super::frame::Frame;
use super::super::help::{Help, Program, Security, Server};
use super::super::history::{Day, Stopped};
use super::super::passwords::{
    Life, NewPassword, NewProfile, Password, Passwords, RemoveAllPasswords, RemovePassword, ShownPassword,
    StillTried, Use,
};
use super::super::problem::Problem;
use super::super::routes;
use super::super::said::Said;
use super::{DAY, Gallery, HOUR, ago};
use crate::gate::delegation::Right;

impl Gallery<'_> {
    pub(super) fn passwords(&mut self) {
        self.password_list();
        self.new_password();
        self.help();
    }

    fn used(&self, hours: i64, address: Option<&str>, place: &str) -> Use {
        Use {
            at: ago(hours * HOUR),
            address: address.map(|address| self.outside(address)),
            place: if place.is_empty() { String::new() } else { self.outside(place) },
            protocol: self.outside("imap"),
        }
    }

    pub(super) fn password(&self, id: i64, name: &str) -> Password {
        Password {
            id,
            name: self.outside(name),
            created: ago(id * 30 * DAY),
            expires: None,
            life: Life::Good,
            protocols: Vec::new(),
            networks: Vec::new(),
            last_use: (id == 1).then(|| self.used(2, Some("192.0.2.7"), "Shanghai, China")),
        }
    }

    fn five_passwords(&self) -> Vec<Password> {
        let outlook = self.used(20, None, "");
        vec![
            self.password(1, "Phone"),
            Password { last_use: Some(outlook), ..self.password(2, "Outlook at work") },
            Password {
                expires: Some(ago(-90 * DAY)),
                protocols: vec![self.outside("submission")],
                networks: vec![self.outside("192.0.2.0/24")],
                ..self.password(3, "Printer on the third floor")
            },
            Password { expires: Some(ago(DAY)), life: Life::Ended, ..self.password(4, "Intern") },
            Password { expires: Some(ago(-5 * DAY)), life: Life::EndsSoon, ..self.password(5, "Scanner") },
        ]
    }

    fn password_list(&mut self) {
        let frame = self.frame(routes::PASSWORDS);
        let said = Frame { notice: Some(Said::PasswordRemoved(self.outside("Old phone"))), ..frame.clone() };
        let tried = |Use { at, address, place, .. }| StillTried {
            name: self.outside("Old phone"),
            at,
            address,
            place,
        };
        let used = [self.used(1, Some("192.0.2.7"), "Shanghai, China"), self.used(1, None, "")];
        let still_tried: Vec<StillTried> = used.map(tried).into();
        let page =
            Passwords { passwords: self.five_passwords(), most: 6, still_tried: Vec::new(), profiles: true };
        self.add("passwords", page.render(&said));
        self.add("passwords-full", Passwords { most: 5, still_tried, ..page }.render(&frame));
        let page = Passwords { passwords: Vec::new(), most: 6, still_tried: Vec::new(), profiles: false };
        self.add("passwords-none", page.render(&frame));
        let password = self.password(1, "Phone");
        self.add("remove-password", RemovePassword { password }.render(&frame));
        self.add("remove-all-passwords", RemoveAllPasswords { count: 3 }.render(&frame));
    }

    fn new_password(&mut self) {
        let frame = self.frame(routes::PASSWORDS_NEW);
        self.add("new-password", NewPassword::default().render(&frame));
        let wrong = NewPassword {
            name: self.outside("ABCDefgh2345mnpq"),
            protocols: vec!["imap".into()],
            expires: Some(90),
            networks: self.outside("192.0.2.0/24"),
            problem: Some(Problem::NameIsPassword),
        };
        self.add("new-password-wrong", wrong.render(&frame));
        let shown = ShownPassword {
            account: self.outside("ann@example.org"),
            name: self.outside("Phone"),
            password: self.outside("ABCDefgh2345mnpq"),
            expires: Some(ago(-90 * DAY)),
        };
        self.add("shown-password", shown.render(&frame));
        let frame = self.frame(routes::PASSWORDS_PROFILE);
        self.add("new-profile", NewProfile::default().render(&frame));
        let wrong = NewProfile { name: self.outside("Phone"), problem: Some(Problem::NameTaken) };
        self.add("new-profile-wrong", wrong.render(&frame));
    }

    fn help(&mut self) {
        for program in Program::ALL {
            let frame = self.frame(&program.path());
            let server = |protocol: &str, port, security| Server {
                protocol: self.outside(protocol),
                host: self.outside("mail.example.org"),
                port,
                security,
            };
            let servers = vec![
                server("IMAP", 993, Security::Tls),
                server("POP3", 995, Security::Tls),
                server("SMTP", 587, Security::Starttls),
            ];
            let account = Some(self.outside("ann@example.org"));
            let page = Help { program, account, servers, profiles: true };
            self.add(&format!("help-{}", program.word()), page.render(&frame));
        }
        let frame = self.nobody(&Program::Iphone.path());
        let page = Help { program: Program::Iphone, account: None, servers: Vec::new(), profiles: false };
        self.add("help-nobody", page.render(&frame));
    }

    pub(super) fn devices(&mut self) {
        let trusted = |current: bool| Trusted {
            id: 7,
            program: self.outside("Firefox"),
            system: self.outside("Windows"),
            address: current.then(|| self.outside("192.0.2.7")),
            place: if current { self.outside("Shanghai, China") } else { String::new() },
            since: ago(DAY),
            until: ago(-6 * DAY),
            current,
        };
        let frame = self.frame(routes::DEVICES);
        let trusted = vec![trusted(true), trusted(false)];
        let week = |stopped: &[Stopped]| {
            let came_in = [0, 0, 2, 15, 30, 50].into_iter().map(|hours| ago(hours * HOUR));
            Day::last(7, &frame, came_in, stopped.iter().map(|one| (one.at, one.count)))
        };
        let stopped = vec![self.stopped(false), self.stopped(true)];
        let (week_of_alarm, logins) = (week(&stopped), self.logins());
        let page = Devices { stopped, week: week_of_alarm, trusted, logins, more: true, days: 7 };
        self.add("devices", page.render(&frame));
        let stopped = vec![self.stopped(true)];
        let (trusted, mut logins) = (Vec::new(), self.logins());
        let (program, system) = (self.outside("Safari"), self.outside("iOS"));
        let ways = [Kind::Sms, Kind::Mail, Kind::Passkey, Kind::Wecom, Kind::Recovery].map(Way::Factor);
        for way in ways.into_iter().chain([Way::Password, Way::Trusted]).map(Some).chain([None]) {
            let (program, system) = (program.clone(), system.clone());
            let client = Client::Browser { session: None, way, program, system, current: false };
            logins.push(self.login(client, 9));
        }
        let page = Devices { week: week(&stopped), stopped, trusted, logins, more: false, days: 7 };
        self.add("devices-slip", page.render(&frame));
        let (stopped, week, trusted, logins) = (Vec::new(), week(&[]), Vec::new(), Vec::new());
        let page = Devices { stopped, week, trusted, logins, more: false, days: 7 };
        self.add("devices-none", page.render(&frame));
    }

    fn delegation(&self, other: &str, right: Right, place: &str) -> Delegation {
        let place = Some(self.outside(place));
        Delegation { other: self.outside(other), right, since: ago(9 * DAY), place }
    }

    pub(super) fn granted(&self) -> Vec<Delegation> {
        vec![
            self.delegation("bob@example.org", Right::Read, "shared/ann@example.org"),
            self.delegation("eve@example.org", Right::SendAs, "shared/ann@example.org"),
        ]
    }

    pub(super) fn delegations(&mut self) {
        let full = Delegations {
            granted: self.granted(),
            received: vec![self.delegation("team@example.org", Right::OnBehalf, "shared/team@example.org")],
            effects: Effects { shown: true, marked: true },
            delegate: self.outside("nobody@example.org"),
            right: Right::OnBehalf,
            problem: Some(Problem::NoSuchAccount),
        };
        let empty = Delegations {
            granted: Vec::new(),
            received: Vec::new(),
            effects: Effects { shown: false, marked: false },
            delegate: String::new(),
            right: Right::Read,
            problem: None,
        };
        let frame = self.frame(routes::DELEGATIONS);
        self.add("delegations", full.render(&frame));
        self.add("delegations-none", empty.render(&frame));
    }

    pub(super) fn block(&mut self) {
        let other = |address: &str, place: &str| OtherBlock {
            address: self.outside(address),
            place: if place.is_empty() { String::new() } else { self.outside(place) },
            since: ago(HOUR / 2),
            until: ago(-HOUR / 2),
        };
        let blocked = Block {
            address: Some(self.outside("192.0.2.7")),
            until: Some(ago(-HOUR)),
            network: None,
            others: vec![other("2001:db8:85a3::/64", "Shanghai, China"), other("192.0.2.8", "")],
            may_lift: true,
            problem: None,
        };
        let frame = self.frame(routes::BLOCK);
        self.add("block", blocked.render(&frame));
        let none = Block { until: None, others: Vec::new(), ..blocked.clone() };
        self.add("block-none", none.render(&frame));
        let network = Some(self.outside("192.0.2.0/24"));
        self.add("block-network", Block { network, others: Vec::new(), ..blocked.clone() }.render(&frame));
        let nobody = self.nobody(routes::BLOCK);
        self.add("block-nobody", Block { may_lift: false, others: Vec::new(), ..blocked }.render(&nobody));
        let unknown = Block { address: None, may_lift: false, ..none };
        self.add("block-nobody-nowhere", unknown.render(&nobody));
    }
}
