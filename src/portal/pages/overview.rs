//! The overview, and two-factor on and off.

use super::delegations::Delegation;
use super::devices::Login;
use super::frame::Frame;
use super::history::Stopped;
use super::passwords::StillTried;
use super::problem::Problem;
use super::routes;
use crate::clock::Timestamp;

/// The most delegates that the overview names.
const DELEGATES_MAX: usize = 5;

/// What mail programs may get in with (`main_password.mail_clients`), and whether two-factor changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailClients {
    /// Client passwords alone, whatever two-factor is.
    Never,
    /// The main password too, until two-factor is on.
    UntilTwoFactor,
}

/// Until when two-factor has to be on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// It is past: there is no date to tell.
    Now,
    /// By then.
    By(Timestamp),
}

impl Due {
    /// How what the daemon says stands at `now`.
    #[must_use]
    pub fn of(mandatory: Option<Timestamp>, now: Timestamp) -> Option<Self> {
        mandatory.map(|by| if by > now { Self::By(by) } else { Self::Now })
    }

    /// What it says.
    #[must_use]
    pub fn text(self, f: &Frame) -> String {
        match self {
            Self::Now => f.t("warning-set-up-now"),
            Self::By(by) => f.t1("warning-set-up-by", "until", f.date(&by)),
        }
    }
}

/// How far two-factor is. The portal asks for a factor as soon as one is bound; mail programs keep the main password until
/// it is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No factor is bound.
    Off,
    /// One is bound, and it is not on.
    Bound(MailClients),
    /// It is on.
    On,
}

impl State {
    fn of(on: bool, factors: usize, mail_clients: MailClients) -> Self {
        match (on, factors) {
            (true, _) => Self::On,
            (false, 0) => Self::Off,
            (false, _) => Self::Bound(mail_clients),
        }
    }

    /// In a word or a few.
    #[must_use]
    pub fn text(self, f: &Frame) -> String {
        match self {
            Self::On => f.t("on"),
            Self::Off => f.t("off"),
            Self::Bound(MailClients::UntilTwoFactor) => f.t("state-bound"),
            Self::Bound(MailClients::Never) => f.t("state-bound-never"),
        }
    }

    /// What follows from that.
    #[must_use]
    pub fn means(self, f: &Frame) -> String {
        match self {
            Self::On => f.t("two-factor-is-on"),
            Self::Off => f.t("overview-two-factor-off"),
            Self::Bound(MailClients::UntilTwoFactor) => f.t("state-bound-means"),
            Self::Bound(MailClients::Never) => f.t("state-bound-never-means"),
        }
    }

    /// It is on.
    #[must_use]
    pub fn is_on(self) -> bool {
        self == Self::On
    }
}

/// What somebody should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// Somebody knows the main password, and was stopped: the last of them.
    Stopped(Stopped),
    /// A device still uses a removed client password.
    OldDevice(StillTried),
    /// The visitor's address is blocked.
    Blocked {
        /// The address.
        address: String,
        /// The end of the block.
        until: Timestamp,
    },
    /// Two-factor has to be on.
    SetUp(Due),
    /// So many recovery codes are left.
    RecoveryCodes(usize),
    /// Only one factor is bound: when it is lost, nobody gets in.
    OneFactor,
    /// Two-factor is on and mail programs have no client password.
    NoPassword,
    /// A client password of that name ends soon.
    Expires {
        /// Its name.
        name: String,
        /// Its end.
        at: Timestamp,
    },
}

impl Warning {
    /// What it says.
    #[must_use]
    pub fn text(&self, f: &Frame) -> String {
        match self {
            Self::Stopped(one) => f.t3(
                "warning-stopped",
                [("device", &one.device(f)), ("from", &one.from(f)), ("at", &f.time(&one.at))],
            ),
            Self::OldDevice(tried) => tried.text(f),
            Self::Blocked { address, until } => {
                f.t2("warning-blocked", "address", address, "until", f.time(until))
            }
            Self::SetUp(due) => due.text(f),
            Self::RecoveryCodes(left) => f.n("warning-recovery-codes", "count", left),
            Self::OneFactor => f.t("warning-one-factor"),
            Self::NoPassword => f.t("warning-no-password"),
            Self::Expires { name, at } => f.t2("warning-expires", "name", name, "at", f.date(at)),
        }
    }

    /// It cannot wait.
    #[must_use]
    pub fn is_grave(&self) -> bool {
        matches!(self, Self::Stopped(_))
    }

    /// Where to do something about it, and what the link says.
    #[must_use]
    pub fn link(&self, f: &Frame) -> (&'static str, String) {
        match self {
            Self::Stopped(_) => (routes::DEVICES, f.t("warning-see-stopped")),
            Self::OldDevice(_) | Self::NoPassword | Self::Expires { .. } => {
                (routes::PASSWORDS_NEW, f.t("warning-make-password"))
            }
            Self::Blocked { .. } => (routes::BLOCK, f.t("warning-see-block")),
            Self::SetUp(_) => (routes::SET_UP, f.t("warning-set-up")),
            Self::RecoveryCodes(_) => (routes::RECOVERY_CODES, f.t("warning-make-codes")),
            Self::OneFactor => (routes::FACTORS, f.t("warning-add-factor")),
        }
    }
}

/// The overview.
#[derive(Clone, Debug)]
pub struct Overview {
    /// Two-factor is on.
    pub two_factor: bool,
    /// What that means for mail programs.
    pub mail_clients: MailClients,
    /// How many factors are bound.
    pub factors: usize,
    /// How many client passwords there are.
    pub passwords: usize,
    /// What should be looked at, the gravest first.
    pub warnings: Vec<Warning>,
    /// Who else may use the mailbox.
    pub delegates: Vec<Delegation>,
    /// The last sign-ins, newest first.
    pub logins: Vec<Login>,
}

page!(Overview, "overview.html");

impl Overview {
    /// How far two-factor is.
    #[must_use]
    pub fn state(&self) -> State {
        State::of(self.two_factor, self.factors, self.mail_clients)
    }

    /// What mail programs get in with at present.
    #[must_use]
    pub fn mail(&self, f: &Frame) -> String {
        mail(self.mail_clients, self.two_factor, f)
    }

    /// Those of the delegates who are named here; there is a page for all.
    #[must_use]
    pub fn named(&self) -> &[Delegation] {
        &self.delegates[..self.delegates.len().min(DELEGATES_MAX)]
    }
}

fn mail(mail_clients: MailClients, two_factor: bool, f: &Frame) -> String {
    match (mail_clients, two_factor) {
        (MailClients::Never, _) => f.t("mail-never"),
        (MailClients::UntilTwoFactor, true) => f.t("mail-two-factor-on"),
        (MailClients::UntilTwoFactor, false) => f.t("mail-two-factor-off"),
    }
}

/// Two-factor on and off.
#[derive(Clone, Debug)]
pub struct TwoFactor {
    /// It is on.
    pub on: bool,
    /// What that means for mail programs.
    pub mail_clients: MailClients,
    /// How many factors are bound; without one it cannot be turned on.
    pub factors: usize,
    /// How many client passwords there are.
    pub passwords: usize,
    /// The site wants it on.
    pub due: Option<Due>,
    /// Why it comes back.
    pub problem: Option<Problem>,
}

page!(TwoFactor, "two_factor.html");

impl TwoFactor {
    /// How far it is.
    #[must_use]
    pub fn state(&self) -> State {
        State::of(self.on, self.factors, self.mail_clients)
    }

    /// It cannot be turned off.
    #[must_use]
    pub fn mandatory(&self) -> bool {
        self.due == Some(Due::Now)
    }

    /// What mail programs get in with at present.
    #[must_use]
    pub fn mail(&self, f: &Frame) -> String {
        mail(self.mail_clients, self.on, f)
    }

    /// Turning it on changes what mail programs need.
    #[must_use]
    pub fn changes_mail(&self) -> bool {
        self.mail_clients == MailClients::UntilTwoFactor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_overdue_has_no_date() {
        let (now, frame) = (Timestamp(1_800_000_000), Frame::default());
        for past in [Timestamp(0), now] {
            let due = Due::of(Some(past), now).unwrap();
            assert_eq!(due.text(&frame), "Your organisation wants two-factor on. Turn it on now.");
        }
        let due = Due::of(Some(Timestamp(now.0 + 1)), now).unwrap();
        assert!(due.text(&frame).contains("2027"));
        assert_eq!(Due::of(None, now), None);
    }

    #[test]
    fn bound_is_not_on() {
        let (until, never) = (MailClients::UntilTwoFactor, MailClients::Never);
        assert_eq!(State::of(false, 0, until), State::Off);
        assert_eq!(State::of(false, 1, until), State::Bound(until));
        assert_eq!(State::of(true, 1, never), State::On);
        assert!(!State::Bound(never).is_on() && State::On.is_on());
    }
}
