//! Second factors: the list, binding, changing, removing, and recovery codes.

use std::fmt;

use super::frame::Frame;
use super::problem::Problem;
use super::proof::{Choice, Proof};
use super::{qr, routes};
use crate::clock::Timestamp;

/// What a second factor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An authenticator app (RFC 6238).
    Totp,
    /// A code by text message.
    Sms,
    /// A code to a mail address elsewhere.
    Mail,
    /// A passkey (WebAuthn).
    Passkey,
    /// WeChat.
    Wechat,
    /// WeCom.
    Wecom,
    /// DingTalk.
    Dingtalk,
    /// A recovery code. It is made, never bound.
    Recovery,
}

impl Kind {
    /// Those that can be bound, the strongest first.
    pub const BOUND: [Self; 7] =
        [Self::Passkey, Self::Totp, Self::Wechat, Self::Wecom, Self::Dingtalk, Self::Sms, Self::Mail];

    /// The word for it in addresses.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Sms => "sms",
            Self::Mail => "mail",
            Self::Passkey => "passkey",
            Self::Wechat => "wechat",
            Self::Wecom => "wecom",
            Self::Dingtalk => "dingtalk",
            Self::Recovery => "recovery",
        }
    }

    /// The kind of that word that can be bound.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::BOUND.into_iter().find(|kind| kind.word() == word)
    }

    /// What people call it.
    #[must_use]
    pub fn text(self, f: &Frame) -> String {
        match self {
            Self::Totp => f.t("kind-totp"),
            Self::Sms => f.t("kind-sms"),
            Self::Mail => f.t("kind-mail"),
            Self::Passkey => f.t("kind-passkey"),
            Self::Wechat => f.t("kind-wechat"),
            Self::Wecom => f.t("kind-wecom"),
            Self::Dingtalk => f.t("kind-dingtalk"),
            Self::Recovery => f.t("kind-recovery"),
        }
    }

    /// What to know before choosing it.
    #[must_use]
    pub fn about(self, f: &Frame) -> String {
        match self {
            Self::Totp => f.t("about-totp"),
            Self::Sms => f.t("about-sms"),
            Self::Mail => f.t("about-mail"),
            Self::Passkey => f.t("about-passkey"),
            Self::Wechat | Self::Wecom | Self::Dingtalk => f.t1("about-provider", "provider", self.text(f)),
            Self::Recovery => f.t("about-recovery"),
        }
    }

    /// Where one is bound.
    #[must_use]
    pub fn path(self) -> String {
        routes::factor_new(self.word())
    }
}

/// A bound factor.
#[derive(Clone, Debug)]
pub struct Factor {
    /// What to choose it by.
    pub choice: Choice,
    /// When it was bound.
    pub since: Timestamp,
    /// When it was used last; `None`: never.
    pub last_use: Option<Timestamp>,
}

/// The list.
#[derive(Clone, Debug)]
pub struct Factors {
    /// Those of the account.
    pub factors: Vec<Factor>,
    /// What else may be bound.
    pub kinds: Vec<Kind>,
    /// How many recovery codes are left; `None`: they were never made.
    pub recovery_codes: Option<usize>,
    /// Two-factor is on.
    pub two_factor: bool,
}

page!(Factors, "factors.html");

/// Binding an authenticator app: scan or type, then prove it with one code.
#[derive(Clone)]
pub struct NewTotp {
    /// The key in base32, in groups.
    pub secret: String,
    /// The `otpauth:` address of the key.
    pub uri: String,
    /// What it is to be called.
    pub name: String,
    /// The end of this dialogue.
    pub ends: Timestamp,
    /// Why it comes back.
    pub problem: Option<Problem>,
}

page!(NewTotp, "new_totp.html");

/// Without the key.
impl fmt::Debug for NewTotp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewTotp").field("name", &self.name).finish_non_exhaustive()
    }
}

impl NewTotp {
    /// The key as a drawing.
    #[must_use]
    pub fn qr(&self) -> Option<String> {
        qr::drawing(&self.uri)
    }
}

/// Binding a phone number or a mail address elsewhere: first where, then the code that was sent there.
#[derive(Clone, Debug)]
pub struct NewReach {
    /// A number, or an address.
    pub mail: bool,
    /// What was typed.
    pub to: String,
    /// The code was sent and is good until then; `None`: nothing was sent yet.
    pub ends: Option<Timestamp>,
    /// Why it comes back.
    pub problem: Option<Problem>,
}

page!(NewReach, "new_reach.html");

impl NewReach {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        if self.mail { Kind::Mail } else { Kind::Sms }
    }
}

/// Binding a passkey.
#[derive(Clone, Debug)]
pub struct NewPasskey {
    /// The server's options for `navigator.credentials.create`, as JSON with base64url.
    pub options: String,
    /// What it is to be called.
    pub name: String,
    /// Why it comes back.
    pub problem: Option<Problem>,
}

page!(NewPasskey, "new_passkey.html");

/// Binding WeChat, WeCom or DingTalk: the form leads there.
#[derive(Clone, Debug)]
pub struct NewProvider {
    /// Which.
    pub kind: Kind,
    /// Why it comes back.
    pub problem: Option<Problem>,
}

page!(NewProvider, "new_provider.html");

/// Changing a factor: its name, its number or address.
#[derive(Clone, Debug)]
pub struct ChangeFactor {
    /// Which.
    pub factor: Choice,
    /// What stands in the field: its name, or the number or address.
    pub value: String,
    /// What has to be proved.
    pub proof: Proof,
    /// Why it comes back, for the proof.
    pub problem: Option<Problem>,
    /// Why it comes back, for the field.
    pub value_problem: Option<Problem>,
}

page!(ChangeFactor, "change_factor.html");

impl ChangeFactor {
    /// What the field is.
    #[must_use]
    pub fn label(&self, f: &Frame) -> String {
        match self.factor.kind {
            Kind::Sms => f.t("new-sms-to"),
            Kind::Mail => f.t("new-mail-to"),
            _ => f.t("factor-name"),
        }
    }
}

/// Removing a factor.
#[derive(Clone, Debug)]
pub struct RemoveFactor {
    /// Which.
    pub factor: Choice,
    /// It is the last one: two-factor ends with it.
    pub last: bool,
    /// What has to be proved.
    pub proof: Proof,
    /// Why it comes back.
    pub problem: Option<Problem>,
}

page!(RemoveFactor, "remove_factor.html");

/// How many recovery codes there are.
#[derive(Clone, Debug)]
pub struct RecoveryCodes {
    /// How many are left; `None`: they were never made.
    pub left: Option<usize>,
    /// When they were made.
    pub made: Option<Timestamp>,
}

page!(RecoveryCodes, "recovery_codes.html");

/// New recovery codes, shown once.
#[derive(Clone)]
pub struct NewRecoveryCodes {
    /// The codes, in groups.
    pub codes: Vec<String>,
    /// When they were made.
    pub made: Timestamp,
}

page!(NewRecoveryCodes, "new_recovery_codes.html");

/// Without the codes.
impl fmt::Debug for NewRecoveryCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewRecoveryCodes").field("made", &self.made).finish_non_exhaustive()
    }
}

impl NewRecoveryCodes {
    /// All of them, a line each, for the clipboard.
    #[must_use]
    pub fn lines(&self) -> String {
        self.codes.join("\n")
    }
}
