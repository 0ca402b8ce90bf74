//! Second factors: the list, binding, changing, removing, and recovery codes.

use std::fmt;

use super::devices::device;
use super::frame::Frame;
use super::problem::Problem;
use super::proof::Choice;
use super::{qr, routes};
use crate::clock::Timestamp;
use crate::config::Language;

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

    /// Whether a name says no more than what it is, in any of our languages.
    #[must_use]
    pub fn says_all_of(self, name: &str) -> bool {
        let in_language = |language| self.text(&Frame { language, ..Frame::default() });
        let texts = [Language::En, Language::ZhCn].map(in_language);
        let name = name.trim().to_lowercase();
        name.is_empty() || name == self.word() || texts.iter().any(|text| text.to_lowercase() == name)
    }

    /// What it is usually called: where its owner has it.
    #[must_use]
    pub fn usual_name(self, program: &str, system: &str, f: &Frame) -> String {
        match self {
            Self::Passkey if !(program.is_empty() && system.is_empty()) => device(program, system, f),
            Self::Totp => f.t("name-phone"),
            _ => self.text(f),
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

    /// A code is sent for it.
    #[must_use]
    pub fn is_sent(self) -> bool {
        matches!(self, Self::Sms | Self::Mail)
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

/// The place that a factor is bound in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// A new one.
    New(Kind),
    /// That of another, which it takes.
    Change(Choice),
}

impl Slot {
    /// What is bound.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::New(kind) => *kind,
            Self::Change(factor) => factor.kind,
        }
    }

    /// Where it is done.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::New(kind) => kind.path(),
            Self::Change(factor) => routes::factor_change(&factor.id),
        }
    }

    /// What the page is called.
    #[must_use]
    pub fn title(&self, f: &Frame) -> String {
        match self {
            Self::New(Kind::Totp) => f.t("new-totp-title"),
            Self::New(Kind::Sms) => f.t("new-sms-title"),
            Self::New(Kind::Mail) => f.t("new-mail-title"),
            Self::New(Kind::Passkey) => f.t("new-passkey-title"),
            Self::New(kind) => f.t1("new-provider-title", "provider", kind.text(f)),
            Self::Change(factor) => f.t1("change-named", "name", factor.text(f)),
        }
    }

    /// Another one goes.
    #[must_use]
    pub fn changes(&self) -> bool {
        matches!(self, Self::Change(_))
    }
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
    /// Why somebody is led here.
    pub problem: Option<Problem>,
}

page!(Factors, "factors.html");

/// Binding an authenticator app: scan or type, then prove it with one code.
#[derive(Clone)]
pub struct NewTotp {
    /// Where.
    pub slot: Slot,
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
    /// Where, by SMS or by mail.
    pub slot: Slot,
    /// What was typed; empty: it has to be typed again, to get another code.
    pub to: String,
    /// Where the code was sent and until when it is good; `None`: nothing was sent yet.
    pub sent: Option<(String, Timestamp)>,
    /// Why it comes back.
    pub problem: Option<Problem>,
}

page!(NewReach, "new_reach.html");

impl NewReach {
    /// An address, or a number.
    #[must_use]
    pub fn mail(&self) -> bool {
        self.slot.kind() == Kind::Mail
    }
}

/// Binding a passkey.
#[derive(Clone, Debug)]
pub struct NewPasskey {
    /// Where.
    pub slot: Slot,
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
    /// Where.
    pub slot: Slot,
    /// Why it comes back.
    pub problem: Option<Problem>,
}

page!(NewProvider, "new_provider.html");

impl NewProvider {
    /// Which.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.slot.kind()
    }
}

/// Removing a factor.
#[derive(Clone, Debug)]
pub struct RemoveFactor {
    /// Which.
    pub factor: Choice,
    /// It is the last one and two-factor is on: it stays.
    pub only: bool,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_says_what_it_is_is_known_in_any_language() {
        for name in ["Passkey", "passkey", " PASSKEY ", "通行密钥", ""] {
            assert!(Kind::Passkey.says_all_of(name), "{name}");
        }
        assert!(Kind::Wechat.says_all_of("wechat") && Kind::Totp.says_all_of("authenticator App"));
        assert!(!Kind::Passkey.says_all_of("Passkey 2") && !Kind::Totp.says_all_of("Phone"));
    }

    #[test]
    fn a_name_says_where_somebody_has_it() {
        let frame = Frame::default();
        assert_eq!(Kind::Passkey.usual_name("Chrome", "Windows", &frame), "Chrome on Windows");
        assert_eq!(Kind::Passkey.usual_name("", "", &frame), "Passkey");
        assert_eq!(Kind::Totp.usual_name("Chrome", "Windows", &frame), "Phone");
    }
}
