//! The overview, and two-factor on and off.

use super::delegations::Delegation;
use super::devices::Login;
use super::frame::Frame;
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

/// What somebody should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A device still uses a removed client password.
    OldDevice(StillTried),
    /// The visitor's address is blocked.
    Blocked {
        /// The address.
        address: String,
        /// The end of the block.
        until: Timestamp,
    },
    /// Two-factor has to be on by then.
    SetUpBy(Timestamp),
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
            Self::OldDevice(tried) => tried.text(f),
            Self::Blocked { address, until } => {
                f.t2("warning-blocked", "address", address, "until", f.time(until))
            }
            Self::SetUpBy(until) => f.t1("warning-set-up-by", "until", f.date(until)),
            Self::RecoveryCodes(left) => f.n("warning-recovery-codes", "count", left),
            Self::OneFactor => f.t("warning-one-factor"),
            Self::NoPassword => f.t("warning-no-password"),
            Self::Expires { name, at } => f.t2("warning-expires", "name", name, "at", f.date(at)),
        }
    }

    /// Where to do something about it, and what the link says.
    #[must_use]
    pub fn link(&self, f: &Frame) -> (&'static str, String) {
        match self {
            Self::OldDevice(_) | Self::NoPassword | Self::Expires { .. } => {
                (routes::PASSWORDS_NEW, f.t("warning-make-password"))
            }
            Self::Blocked { .. } => (routes::BLOCK, f.t("warning-see-block")),
            Self::SetUpBy(_) => (routes::SET_UP, f.t("warning-set-up")),
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
    pub mandatory: bool,
    /// Why it comes back.
    pub problem: Option<Problem>,
}

page!(TwoFactor, "two_factor.html");

impl TwoFactor {
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
