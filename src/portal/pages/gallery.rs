//! Every page, in several states, from sample data: what the tests and the browser look at.
//!
//! Each text that could come from outside goes through `outside`, so that the same gallery shows a normal day and a
//! hostile one.

use super::assets::Looks;
use super::devices::{Client, Login, UsedPassword, Way};
use super::error::{ErrorPage, Trouble};
use super::factors::Kind;
use super::frame::Frame;
use super::history::Stopped;
use super::overview::{Due, MailClients, Overview, TwoFactor, Warning};
use super::passwords::{NewPassword, StillTried};
use super::problem::Problem;
use super::proof::{Choice, How, Proof};
use super::routes;
use super::said::Said;
use crate::clock::Timestamp;
use crate::config::portal::{Logo, LogoKind, Portal};
use crate::config::{Language, Source};

mod administration;
mod entrance;
mod factors;
mod own;

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

/// What a site looks like that has a colour and a logo of its own.
pub(super) fn looks() -> Looks {
    let text = "site.url = 'https://a.example'\nlisten.path = '/run/x'\nsite.colour = '#7a0019'";
    let source = Source { name: String::new(), text: text.to_owned() };
    let portal = Portal::from_sources(&[source]).expect("it is right");
    let drawing = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 48 32\"><path fill=\"#7a0019\" \
         d=\"M0 0h48v32H0z\"/><path fill=\"#fff\" d=\"m4 4 20 16L44 4v4L24 24 4 8z\"/></svg>";
    let logo = Logo { kind: LogoKind::Svg, bytes: drawing.as_bytes().to_vec() };
    Looks::new(portal.site.colour, Some(logo))
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
            now: NOW,
            site: self.outside("Example Mail"),
            account: Some(self.outside("ann@example.org")),
            csrf: self.outside("dGhpcyBpcyBhIHRva2Vu"),
            once: self.outside("YSBudW1iZXI"),
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

    fn login(&self, client: Client, hours: i64) -> Login {
        Login {
            client,
            address: (hours < 40).then(|| self.outside("2001:db8:85a3::8a2e:370:7334")),
            place: if hours < 20 { self.outside("Shanghai, China") } else { String::new() },
            at: ago(hours * HOUR),
        }
    }

    fn browser(&self, program: &str, system: &str, current: bool) -> Client {
        let (program, system) = (self.outside(program), self.outside(system));
        let (session, way) = (Some(7), Some(Way::Factor(Kind::Totp)));
        Client::Browser { session, way, program, system, current }
    }

    fn mail_program(&self, protocol: &str, password: Option<(&str, Option<i64>)>) -> Client {
        let password = password.map(|(name, id)| UsedPassword { name: self.outside(name), id });
        Client::MailProgram { protocol: self.outside(protocol), password }
    }

    fn logins(&self) -> Vec<Login> {
        vec![
            self.login(self.browser("Firefox", "Windows", true), 0),
            self.login(self.mail_program("imap", Some(("Phone", Some(1)))), 2),
            self.login(self.browser("", "", false), 15),
            self.login(self.mail_program("submission", Some(("Old phone", None))), 30),
            self.login(self.mail_program("pop3", None), 50),
        ]
    }

    fn stopped(&self, slip: bool) -> Stopped {
        Stopped {
            program: self.outside("Chrome"),
            system: self.outside("Android"),
            address: (!slip).then(|| self.outside("203.0.113.66")),
            place: if slip { String::new() } else { self.outside("Lagos, Nigeria") },
            at: ago(180),
            count: if slip { 1 } else { 4 },
            wrong: if slip { 0 } else { 3 },
            slip,
        }
    }

    fn overview(&mut self) {
        let warnings = vec![
            Warning::Stopped(self.stopped(false)),
            Warning::OldDevice(StillTried {
                name: self.outside("Old phone"),
                at: ago(HOUR),
                address: Some(self.outside("192.0.2.7")),
                place: self.outside("Shanghai, China"),
            }),
            Warning::Blocked { address: self.outside("192.0.2.7"), until: ago(-HOUR) },
            Warning::SetUp(Due::By(ago(-30 * DAY))),
            Warning::SetUp(Due::Now),
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
            delegates: self.granted(),
            logins: self.logins(),
        };
        let said = Frame { notice: Some(Said::BlockLifted(self.outside("192.0.2.7"))), ..frame.clone() };
        self.add("overview", page.render(&said));
        page = Overview {
            two_factor: false,
            warnings,
            passwords: 0,
            delegates: Vec::new(),
            logins: Vec::new(),
            ..page
        };
        self.add("overview-warnings", page.render(&frame));
        page = Overview { factors: 0, ..page };
        self.add("overview-off", page.render(&frame));
        page.mail_clients = MailClients::Never;
        self.add("overview-never", page.render(&frame));

        let frame = self.frame(routes::TWO_FACTOR);
        let off = TwoFactor {
            on: false,
            mail_clients: MailClients::UntilTwoFactor,
            factors: 1,
            passwords: 0,
            due: None,
            problem: None,
        };
        let bound = Frame { notice: Some(Said::FirstFactorBound(self.outside("Phone"))), ..frame.clone() };
        self.add("two-factor-off", off.render(&bound));
        let due = Some(Due::By(ago(-30 * DAY)));
        self.add("two-factor-due", TwoFactor { due, passwords: 2, ..off.clone() }.render(&frame));
        self.add("two-factor-no-factor", TwoFactor { factors: 0, ..off.clone() }.render(&frame));
        let never = TwoFactor { mail_clients: MailClients::Never, ..off.clone() };
        self.add("two-factor-never", never.render(&frame));
        let on = TwoFactor { on: true, problem: Some(Problem::Unavailable), ..off };
        self.add("two-factor-on", on.render(&frame));
        self.add("two-factor-mandatory", TwoFactor { due: Some(Due::Now), ..on }.render(&frame));
    }

    /// Every problem, every notice and every error, each on a page.
    fn words(&mut self) {
        let frame = self.frame(routes::HOME);
        let troubles = [
            Trouble::Form,
            Trouble::Address,
            Trouble::Astray,
            Trouble::Forbidden,
            Trouble::NotFound,
            Trouble::TooLarge,
            Trouble::TooMany,
            Trouble::Unavailable,
        ];
        for trouble in troubles {
            let page = ErrorPage { trouble };
            self.add(&format!("error-{trouble:?}").to_lowercase(), page.render(&frame));
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

/// Everything that may be said at the head of a page; `outside` gives what came from a person.
pub(in crate::portal) fn said(outside: &dyn Fn(&str) -> String) -> Vec<Said> {
    let name = || outside("Phone");
    vec![
        Said::SignedOut,
        Said::SignedOutEverywhere,
        Said::SignInAgain,
        Said::CodeSent(name()),
        Said::TwoFactorOn,
        Said::TwoFactorOff,
        Said::FirstFactorBound(name()),
        Said::FactorBound(name()),
        Said::FactorChanged(name()),
        Said::FactorRemoved(name()),
        Said::PasswordRemoved(name()),
        Said::PasswordsRemoved(1),
        Said::PasswordsRemoved(6),
        Said::TrustCancelled,
        Said::DeviceSignedOut(outside("Firefox on Windows")),
        Said::DeviceSignedOut(String::new()),
        Said::Granted(name()),
        Said::Withdrawn(name()),
        Said::BlockLifted(name()),
        Said::FactorsReset(name()),
        Said::FactorsUnlocked(name()),
        Said::AccountSignedOut(name()),
    ]
}

fn problems() -> Vec<Problem> {
    vec![
        Problem::WrongPassword,
        Problem::WrongCode,
        Problem::WrongAppCode,
        Problem::WrongClock,
        Problem::UsedCode,
        Problem::WrongRecoveryCode,
        Problem::CodeEnded,
        Problem::WrongSetUpCode,
        Problem::Wait(NOW),
        Problem::SentEnough(ago(-40)),
        Problem::SentEnough(ago(-DAY)),
        Problem::WaitToSignIn(30),
        Problem::WaitForPassword(30),
        Problem::Busy,
        Problem::Locked,
        Problem::LostKey,
        Problem::Blocked(NOW),
        Problem::NetworkBlocked(NOW),
        Problem::LiftedTooOften(NOW),
        Problem::DialogueEnded,
        Problem::PasskeyRefused,
        Problem::PasskeyNeedsScript,
        Problem::ProviderRefused,
        Problem::NameMissing,
        Problem::NameTooLong(64),
        Problem::NameUnprintable,
        Problem::NameTaken,
        Problem::NameIsPassword,
        Problem::TooManyPasswords(6),
        Problem::TooMany(10),
        Problem::OnlyFactor,
        Problem::Mandatory,
        Problem::NoFactors,
        Problem::KindOff,
        Problem::NetworkUnreadable,
        Problem::ExpiryUnreadable,
        Problem::PhoneUnreadable,
        Problem::PhoneCountryOff,
        Problem::PhoneTaken,
        Problem::AddressUnreadable,
        Problem::AddressNotExternal,
        Problem::NotSent,
        Problem::NoSuchAccount,
        Problem::NamedTooMany(NOW),
        Problem::Yourself,
        Problem::ReasonMissing,
        Problem::ReasonTooLong(200),
        Problem::Unavailable,
    ]
}
