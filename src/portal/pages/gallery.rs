//! Every page, in several states, from sample data: what the tests and the browser look at.
//!
//! Each text that could come from outside goes through `outside`, so that the same gallery shows a normal day and a
//! hostile one.

use super::block::Block;
use super::chart::Span;
use super::delegations::{Delegation, Delegations};
use super::devices::{Client, Devices, Login, Trusted};
use super::error::{ErrorPage, Trouble};
use super::factors::Kind;
use super::frame::Frame;
use super::help::{Help, Program, Security, Server};
use super::overview::{MailClients, Overview, TwoFactor, Warning};
use super::passwords::{
    NewPassword, Password, Passwords, RemoveAllPasswords, RemovePassword, ShownPassword, Use,
};
use super::problem::Problem;
use super::proof::{Choice, How, Proof};
use super::said::Said;
use super::{admin, routes};
use crate::clock::Timestamp;
use crate::config::Language;
use crate::gate::delegation::Right;

mod entrance;
mod factors;

/// The moment at which all samples were taken.
pub(super) const NOW: Timestamp = Timestamp(1_800_000_000);

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// A page with the name of its file.
pub(super) struct Shown {
    pub(super) name: String,
    pub(super) html: String,
}

/// What the samples are made of.
pub(super) struct Gallery<'a> {
    language: Language,
    /// What becomes of a text from outside.
    outside: &'a dyn Fn(&str) -> String,
    shown: Vec<Shown>,
}

fn ago(seconds: i64) -> Timestamp {
    Timestamp(NOW.0 - seconds)
}

/// All pages in that language.
pub(super) fn gallery(language: Language, outside: &dyn Fn(&str) -> String) -> Vec<Shown> {
    let mut gallery = Gallery { language, outside, shown: Vec::new() };
    gallery.sign_in();
    gallery.overview();
    gallery.factors();
    gallery.passwords();
    gallery.devices();
    gallery.delegations();
    gallery.block();
    gallery.admin();
    gallery.words();
    gallery.shown
}

impl Gallery<'_> {
    fn outside(&self, text: &str) -> String {
        (self.outside)(text)
    }

    fn frame(&self, path: &str) -> Frame {
        Frame {
            language: self.language,
            site: self.outside("Example Mail"),
            account: Some(self.outside("ann@example.org")),
            csrf: self.outside("dGhpcyBpcyBhIHRva2Vu"),
            path: path.to_owned(),
            admin: true,
            ..Frame::default()
        }
    }

    fn nobody(&self, path: &str) -> Frame {
        Frame { account: None, admin: false, ..self.frame(path) }
    }

    fn add(&mut self, name: &str, html: String) {
        self.shown.push(Shown { name: name.to_owned(), html });
    }

    fn choice(&self, id: &str, kind: Kind, name: &str) -> Choice {
        Choice { id: self.outside(id), kind, name: self.outside(name) }
    }

    fn proof(&self, kind: Kind) -> Proof {
        let how = match kind {
            Kind::Passkey => How::Passkey { options: self.outside(r#"{"challenge":"AAECAw"}"#) },
            Kind::Wechat | Kind::Wecom | Kind::Dingtalk => How::Provider,
            Kind::Sms | Kind::Mail => {
                How::Typed { sent_to: Some(self.outside("138****8000")), ends: Some(ago(-300)) }
            }
            Kind::Totp | Kind::Recovery => How::Typed { sent_to: None, ends: None },
        };
        let others = vec![self.choice("f3", Kind::Passkey, "Laptop"), self.choice("r", Kind::Recovery, "")];
        Proof { by: self.choice("f1", kind, "Ann's phone"), how, others }
    }

    fn login(&self, client: Client, program: &str, system: &str, hours: i64) -> Login {
        Login {
            id: matches!(client, Client::Browser).then(|| self.outside("d1")),
            client,
            program: self.outside(program),
            system: self.outside(system),
            address: self.outside("2001:db8:85a3::8a2e:370:7334"),
            place: self.outside("Shanghai"),
            at: ago(hours * HOUR),
            current: hours == 0,
        }
    }

    fn logins(&self) -> Vec<Login> {
        let phone = Client::ClientPassword(self.outside("Phone"));
        vec![
            self.login(Client::Browser, "Firefox", "Windows", 0),
            self.login(phone, "Mail", "iOS", 2),
            self.login(Client::MainPassword, "", "", 30),
        ]
    }

    fn overview(&mut self) {
        let warnings = vec![
            Warning::OldDevice {
                name: self.outside("Old phone"),
                at: ago(HOUR),
                address: self.outside("192.0.2.7"),
            },
            Warning::Blocked { address: self.outside("192.0.2.7"), until: ago(-HOUR) },
            Warning::SetUpBy(ago(-30 * DAY)),
            Warning::RecoveryCodes(0),
            Warning::RecoveryCodes(2),
            Warning::OneFactor,
            Warning::NoPassword,
            Warning::Expires { name: self.outside("Printer"), at: ago(-DAY) },
        ];
        let frame = self.frame(routes::HOME);
        let mut page = Overview {
            two_factor: true,
            mail_clients: MailClients::UntilTwoFactor,
            factors: 2,
            passwords: 3,
            warnings: Vec::new(),
            logins: self.logins(),
        };
        let said = Frame { notice: Some(Said::BlockLifted(self.outside("192.0.2.7"))), ..frame.clone() };
        self.add("overview", page.render(&said));
        page = Overview { two_factor: false, warnings, passwords: 0, logins: Vec::new(), ..page };
        self.add("overview-warnings", page.render(&frame));
        page.mail_clients = MailClients::Never;
        self.add("overview-never", page.render(&frame));

        let frame = self.frame(routes::TWO_FACTOR);
        let off = TwoFactor {
            on: false,
            mail_clients: MailClients::UntilTwoFactor,
            factors: 1,
            passwords: 0,
            mandatory: false,
            problem: None,
        };
        self.add("two-factor-off", off.render(&frame));
        self.add("two-factor-no-factor", TwoFactor { factors: 0, ..off.clone() }.render(&frame));
        let never = TwoFactor { mail_clients: MailClients::Never, ..off.clone() };
        self.add("two-factor-never", never.render(&frame));
        let on = TwoFactor { on: true, problem: Some(Problem::Unavailable), ..off };
        self.add("two-factor-on", on.render(&frame));
        self.add("two-factor-mandatory", TwoFactor { mandatory: true, ..on }.render(&frame));
    }

    fn passwords(&mut self) {
        let at = |hours: i64, address: Option<&str>| {
            Some(Use {
                at: ago(hours * HOUR),
                address: address.map(|address| self.outside(address)),
                protocol: self.outside("imap"),
            })
        };
        let password = |id: i64, name: &str, last_use: Option<Use>| Password {
            id,
            name: self.outside(name),
            created: ago(id * 30 * DAY),
            expires: None,
            protocols: Vec::new(),
            networks: Vec::new(),
            last_use,
        };
        let mut passwords = vec![
            password(1, "Phone", at(2, Some("192.0.2.7"))),
            password(2, "Outlook at work", at(20, None)),
            password(3, "Printer on the third floor", None),
        ];
        passwords[2].expires = Some(ago(-90 * DAY));
        passwords[2].protocols = vec![self.outside("submission")];
        passwords[2].networks = vec![self.outside("192.0.2.0/24")];

        let frame = self.frame(routes::PASSWORDS);
        let one = passwords[0].clone();
        let said = Frame { notice: Some(Said::PasswordRemoved(self.outside("Old phone"))), ..frame.clone() };
        self.add("passwords", Passwords { passwords: passwords.clone(), most: 6 }.render(&said));
        self.add("passwords-full", Passwords { passwords, most: 3 }.render(&frame));
        self.add("passwords-none", Passwords { passwords: Vec::new(), most: 6 }.render(&frame));
        self.add("remove-password", RemovePassword { password: one }.render(&frame));
        self.add("remove-all-passwords", RemoveAllPasswords { count: 3 }.render(&frame));

        let frame = self.frame(routes::PASSWORDS_NEW);
        self.add("new-password", NewPassword::default().render(&frame));
        let wrong = NewPassword {
            name: self.outside("ABCDefgh2345mnpq"),
            protocols: vec!["imap".into()],
            expires: Some(90),
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
            let page = Help { program, account: self.outside("ann@example.org"), servers };
            self.add(&format!("help-{}", program.word()), page.render(&frame));
        }
    }

    fn devices(&mut self) {
        let trusted = |current| Trusted {
            id: self.outside("d7"),
            program: self.outside("Firefox"),
            system: self.outside("Windows"),
            address: self.outside("192.0.2.7"),
            place: self.outside("Shanghai"),
            since: ago(DAY),
            until: ago(-6 * DAY),
            current,
        };
        let frame = self.frame(routes::DEVICES);
        let page = Devices { trusted: vec![trusted(true), trusted(false)], logins: self.logins(), days: 7 };
        self.add("devices", page.render(&frame));
        self.add("devices-none", Devices { trusted: Vec::new(), logins: Vec::new(), days: 7 }.render(&frame));
    }

    fn delegations(&mut self) {
        let delegation =
            |other: &str, right| Delegation { other: self.outside(other), right, since: ago(9 * DAY) };
        let full = Delegations {
            granted: vec![
                delegation("bob@example.org", Right::Read),
                delegation("eve@example.org", Right::SendAs),
            ],
            received: vec![delegation("team@example.org", Right::OnBehalf)],
            delegate: self.outside("nobody@example.org"),
            right: Right::OnBehalf,
            problem: Some(Problem::NoSuchAccount),
        };
        let empty = Delegations {
            granted: Vec::new(),
            received: Vec::new(),
            delegate: String::new(),
            right: Right::Read,
            problem: None,
        };
        let frame = self.frame(routes::DELEGATIONS);
        self.add("delegations", full.render(&frame));
        self.add("delegations-none", empty.render(&frame));
    }

    fn block(&mut self) {
        let blocked = Block {
            address: self.outside("192.0.2.7"),
            until: Some(ago(-HOUR)),
            may_lift: true,
            problem: None,
        };
        let frame = self.frame(routes::BLOCK);
        self.add("block", blocked.render(&frame));
        self.add("block-none", Block { until: None, ..blocked.clone() }.render(&frame));
        let nobody = self.nobody(routes::BLOCK);
        self.add("block-nobody", Block { may_lift: false, ..blocked }.render(&nobody));
    }

    fn admin(&mut self) {
        let spans: Vec<Span> = (0..24)
            .map(|hour: u32| Span {
                at: ago(i64::from(24 - hour) * HOUR),
                failures: (hour * 37) % 90 + if hour == 15 { 160 } else { 0 },
                blocks: if hour.is_multiple_of(5) { hour / 2 } else { 0 },
            })
            .collect();
        let count = |name: &str, failures| admin::Count { name: self.outside(name), failures };
        let frame = self.frame(routes::ADMIN);
        let page = admin::Admin {
            spans,
            addresses: vec![count("192.0.2.7", 4711), count("2001:db8:85a3::/64", 12)],
            accounts: vec![count("ann@example.org", 4711), count("bob@example.org", 3)],
            blocks: 3,
        };
        self.add("admin", page.render(&frame));
        let quiet =
            admin::Admin { spans: Vec::new(), addresses: Vec::new(), accounts: Vec::new(), blocks: 0 };
        self.add("admin-quiet", quiet.render(&frame));

        let block = |exempt| admin::BlockLine {
            address: self.outside("192.0.2.7"),
            since: ago(HOUR / 2),
            until: ago(-HOUR / 2),
            reason: self.outside("10 failures in a row"),
            exempt,
        };
        let page = admin::AdminBlocks { blocks: vec![block(false), block(true)] };
        self.add("admin-blocks", page.render(&self.frame(routes::ADMIN_BLOCKS)));

        let account = |enabled| admin::AccountLine {
            address: self.outside("ann@example.org"),
            enabled,
            two_factor: enabled,
            passwords: 2,
        };
        let accounts = vec![account(true), account(false)];
        let page = admin::AdminAccounts { search: self.outside("ann"), accounts, more: true };
        self.add("admin-accounts", page.render(&self.frame(routes::ADMIN_ACCOUNTS)));

        let page = admin::AdminAccount {
            address: self.outside("ann@example.org"),
            enabled: true,
            two_factor: true,
            group: Some(self.outside("staff")),
            created: ago(400 * DAY),
            factors: vec![self.choice("f1", Kind::Totp, "Ann's phone")],
            passwords: vec![(self.outside("Phone"), Some(ago(HOUR))), (self.outside("Printer"), None)],
            reason: self.outside("x"),
            problem: Some(Problem::ReasonMissing),
        };
        self.add("admin-account", page.render(&self.frame(&routes::admin_account("ann@example.org"))));

        let line = admin::RolloutLine {
            account: self.outside("ann@example.org"),
            would_refuse: 12,
            main_password: 30,
            two_factor: false,
            passwords: 0,
            last: ago(HOUR),
        };
        let frame = self.frame(routes::ADMIN_ROLLOUT);
        let page = admin::AdminRollout { accounts: vec![line], more: true, observe_only: true };
        self.add("admin-rollout", page.render(&frame));
        let page = admin::AdminRollout { accounts: Vec::new(), more: false, observe_only: false };
        self.add("admin-rollout-none", page.render(&frame));
    }

    /// Every problem, every notice and every error, each on a page.
    fn words(&mut self) {
        let frame = self.frame(routes::HOME);
        let troubles = [
            Trouble::Form,
            Trouble::Forbidden,
            Trouble::NotFound,
            Trouble::TooLarge,
            Trouble::TooMany,
            Trouble::Unavailable,
        ];
        for trouble in troubles {
            let page = ErrorPage { trouble };
            self.add(&format!("error-{}", page.status()), page.render(&frame));
        }
        for (number, notice) in said(self.outside).into_iter().enumerate() {
            let frame = Frame { notice: Some(notice), ..frame.clone() };
            self.add(&format!("said-{number}"), ErrorPage { trouble: Trouble::NotFound }.render(&frame));
        }
        for (number, problem) in problems().into_iter().enumerate() {
            let page = NewPassword { problem: Some(problem), ..NewPassword::default() };
            self.add(&format!("problem-{number}"), page.render(&frame));
        }
    }
}

fn said(outside: &dyn Fn(&str) -> String) -> Vec<Said> {
    let name = || outside("Phone");
    vec![
        Said::SignedOut,
        Said::SignedOutEverywhere,
        Said::SignInAgain,
        Said::CodeSent(name()),
        Said::TwoFactorOn,
        Said::TwoFactorOff,
        Said::FactorBound(name()),
        Said::FactorChanged(name()),
        Said::FactorRemoved(name()),
        Said::PasswordRemoved(name()),
        Said::PasswordsRemoved(1),
        Said::PasswordsRemoved(6),
        Said::TrustCancelled,
        Said::DeviceDeleted,
        Said::Granted(name()),
        Said::Withdrawn(name()),
        Said::BlockLifted(name()),
        Said::FactorsReset(name()),
    ]
}

fn problems() -> Vec<Problem> {
    vec![
        Problem::WrongPassword,
        Problem::WrongCode,
        Problem::CodeEnded,
        Problem::Wait(NOW),
        Problem::WaitToSignIn(NOW),
        Problem::Locked,
        Problem::Blocked(NOW),
        Problem::DialogueEnded,
        Problem::PasskeyRefused,
        Problem::PasskeyNeedsScript,
        Problem::ProviderRefused,
        Problem::ProviderTaken,
        Problem::NameMissing,
        Problem::NameTooLong(64),
        Problem::NameTaken,
        Problem::NameIsPassword,
        Problem::TooManyPasswords(6),
        Problem::TooMany(10),
        Problem::OnlyFactor,
        Problem::Mandatory,
        Problem::NoFactors,
        Problem::KindOff,
        Problem::ExpiryUnreadable,
        Problem::PhoneUnreadable,
        Problem::PhoneTaken,
        Problem::AddressUnreadable,
        Problem::AddressNotExternal,
        Problem::NotSent,
        Problem::NoSuchAccount,
        Problem::Yourself,
        Problem::ReasonMissing,
        Problem::Unavailable,
    ]
}
