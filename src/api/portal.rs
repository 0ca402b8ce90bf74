//! The part of the control API that the portal asks: what a person does about his or her own account.
//!
//! Whoever asks here has the portal role, which is good for nothing else. Each request carries in its headers whose
//! session it is ([`SESSION`]: `Bearer` and the session's token) and from which browser it comes ([`VISITOR`], JSON).
//! The session decides what may be done, and for whom; the portal's word for it is never taken. What a person proves, the
//! daemon judges; only what WeChat, WeCom and DingTalk say is told by the portal, which cannot know beforehand whom to
//! name: who is bound is never told to it.
//!
//! Answers that give the session another token are [`Passed`]; the one from before is good for nothing then.

mod admin;
mod forms;
mod own;

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::clock::Timestamp;
pub use admin::{AccountFactors, CountView, HourView, Overview, Reset};
pub use forms::{FormAnswered, FormKnown, FormSent, FormState};
pub use own::{
    ClientView, Devices, EndedView, Grant, Granted, OwnBlocks, OwnDelegation, OwnDelegations, OwnPasswords,
    StillTried, TrustedView, VisitView,
};

/// The header that carries the session: `Bearer TOKEN`.
pub const SESSION: &str = "authorization";
/// The header that carries the browser: [`Visitor`] as JSON.
pub const VISITOR: &str = "sidegate-visitor";
/// The header that carries what the browser is known by as a trusted device, of one account each; spaces between them.
pub const DEVICE: &str = "sidegate-device";
/// The most of those, and the most accounts that one browser is trusted by. A household has fewer.
pub const DEVICES_MAX: usize = 5;
/// The header that carries what a browser is known by when it comes again, trusted or not.
pub const BROWSER: &str = "sidegate-browser";
/// The longest name of a system or program, in bytes.
pub const VISITOR_BYTES_MAX: usize = 64;

/// A text that is never shown by `Debug`, and wiped.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
pub struct Hidden(String);

impl Hidden {
    /// Hides a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(..)")
    }
}

/// The browser that a request comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Visitor {
    /// Its address; absent: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The operating system, from a list of names that the portal has; empty: unknown.
    #[serde(default)]
    pub system: String,
    /// The program, likewise.
    #[serde(default)]
    pub program: String,
}

/// Signing in by the main password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The account, as it was typed.
    pub account: String,
    /// The main password.
    pub password: Hidden,
    /// A code of an authenticator app, or a recovery code: from a blocked address, and where one would have to wait, both
    /// are looked at together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Hidden>,
}

/// It was right; the session goes on under this token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// The token from now on.
    pub session: Hidden,
    /// What the browser is known by from now on, if it is a trusted device.
    pub device: Option<Trust>,
    /// Where its owner stands.
    pub standing: Standing,
    /// Backup addresses that have to be told of a change of factors.
    pub tell: Vec<Hidden>,
}

/// A browser is a trusted device of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// What it is known by from now on. Each sign-in gives it another.
    pub token: Hidden,
    /// Until when.
    pub until: Timestamp,
}

/// Where the owner of a session stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The account.
    pub account: String,
    /// How far the session goes: `factor` (a second factor has to be proved), `set-up` (two-factor has to be set up),
    /// `full`.
    pub stage: String,
    /// Two-factor is on.
    pub two_factor: bool,
    /// Two-factor is, or will be, mandatory: it has to be on by then (a time that is past: now); absent: it is not.
    pub mandatory: Option<Timestamp>,
    /// The bound second factors, oldest first.
    pub factors: Vec<FactorView>,
    /// The kinds of factors that this site allows, strongest first.
    pub kinds: Vec<String>,
    /// Recovery codes that are left; absent: none were ever made.
    pub recovery_codes: Option<u32>,
    /// When they were made.
    pub recovery_made: Option<Timestamp>,
    /// The second factors were reset: the set-up code that an administrator has must be given before one is bound. When it
    /// ends; absent: there is none, or it was given in this session.
    pub set_up_code: Option<Timestamp>,
    /// How many client passwords there are.
    pub passwords: u32,
    /// How many there may be.
    pub passwords_max: u32,
    /// What mail clients may get in with: `never` or `until-two-factor` (`main_password.mail_clients`).
    pub mail_clients: String,
    /// The administrator's pages are for this account.
    pub administrator: bool,
    /// What was proved lately is good for changes until then.
    pub fresh_until: Option<Timestamp>,
    /// How many days a browser is trusted; 0: never.
    pub trust_days: u32,
    /// What a browser calls its trust of this account, beside that of others: it tells nobody which account that is.
    pub trust_name: String,
    /// The block of the browser's address.
    pub blocked: Option<Timestamp>,
}

/// A bound second factor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorView {
    /// Its number.
    pub id: i64,
    /// What it is: `totp`, `passkey`, `sms`, `mail`, `wechat`, `wecom`, `dingtalk`.
    pub kind: String,
    /// What its owner calls it, or a masked number or address.
    pub name: String,
    /// When it was bound.
    pub created: Timestamp,
    /// When it was used last; absent: never.
    pub last_use: Option<Timestamp>,
}

/// Asks for a second factor to be proved; sends its code, or makes what the browser has to answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewChallenge {
    /// Which; absent: a recovery code. Where it is a passkey, any of the account's passkeys may answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<i64>,
    /// It has to be that passkey and no other.
    #[serde(default)]
    pub alone: bool,
}

/// Asks for a factor to be bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewBinding {
    /// What it is.
    pub kind: String,
    /// The factor in whose place it comes; absent: one more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<i64>,
    /// The phone (E.164) or mail address that gets the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Hidden>,
}

/// What a session waits for: the proof of a factor, or of one that is being bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// What it is; `recovery`: a recovery code.
    pub kind: String,
    /// The factor that is to be proved, or in whose place another comes; absent: a recovery code, or one more.
    pub factor: Option<i64>,
    /// It is being bound.
    pub binding: bool,
    /// When this ends.
    pub ends: Timestamp,
    /// Where the code was sent, masked.
    pub sent_to: Option<String>,
    /// An authenticator app that is being bound: its key in base32.
    pub secret: Option<Hidden>,
    /// The same as an `otpauth:` address.
    pub uri: Option<Hidden>,
    /// A passkey: the options for the browser, JSON.
    pub options: Option<String>,
    /// A sign-in provider: the `state` that has to come back.
    pub state: Option<Hidden>,
    /// What the portal has to deliver now: in the answer to the request that asked for it and nowhere else.
    pub deliver: Option<Delivery>,
}

/// A code on its way to a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// `sms` or `mail`.
    pub by: String,
    /// The phone (E.164) or mail address.
    pub to: Hidden,
    /// The code.
    pub code: Hidden,
    /// How long it is good, in minutes.
    pub minutes: u32,
    /// A name for the request, the same in every log.
    pub request: String,
}

/// What somebody proves a factor with: exactly one of `password`, `code`, `recovery_code`,
/// `set_up_code`, `credential`, `identity`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Proof {
    /// The factor; absent for a main password, a recovery code, and for a factor that is being bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<i64>,
    /// The main password, where no factor is bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Hidden>,
    /// A code from an app, or one that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Hidden>,
    /// A recovery code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_code: Option<Hidden>,
    /// The set-up code of a reset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_up_code: Option<Hidden>,
    /// What the browser answered for a passkey, JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<Hidden>,
    /// Who a sign-in provider says it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// At sign-in: trust this browser from now on.
    pub trust: bool,
    /// When a factor is bound: what it is to be called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Who a sign-in provider says somebody is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// `wechat`, `wecom` or `dingtalk`.
    pub provider: String,
    /// The application that asked.
    pub app: String,
    /// The person.
    pub subject: Hidden,
    /// A name to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The `state` that came back.
    pub state: Hidden,
}

/// Two-factor on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwoFactor {
    /// On.
    pub on: bool,
}

/// New recovery codes: the only answer that carries them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryCodes {
    /// The codes.
    pub codes: Vec<Hidden>,
    /// When they were made.
    pub made: Timestamp,
}

/// Why the portal was told no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// Wrong account or main password, or the code beside them. Nobody is told which.
    WrongPassword,
    /// The browser's address is blocked, until `until`.
    Blocked,
    /// A whole network is blocked, until `until`: only administrators lift that.
    NetworkBlocked,
    /// The session is over, or there was none.
    Over,
    /// A second factor has to be proved first: this session may do no more than that.
    Factor,
    /// Two-factor has to be set up first.
    SetUp,
    /// The set-up code has to be given first.
    SetUpCode,
    /// Something has to be proved again; where `factor` is told, that one.
    Stale,
    /// The code or the like is wrong.
    WrongCode,
    /// Wrong again, and it is of an app: its clock may be off.
    WrongClock,
    /// The code was right, and was used just now.
    UsedCode,
    /// The code is too old, was tried too often, or nothing waits for one.
    CodeOver,
    /// Too many wrong codes or tries: again at `until`.
    Wait,
    /// Another sign-in from the same address is being checked: again in a few seconds.
    Busy,
    /// Enough codes were sent: the next one at `until`.
    SentEnough,
    /// Too many wrong codes: only an administrator can help.
    Locked,
    /// The server lost the key that a factor is kept under: only an administrator can help.
    LostKey,
    /// There is no such factor.
    NoFactor,
    /// Another factor is called so.
    NameTaken,
    /// A name is missing or has more than `most` characters.
    BadName,
    /// A name with a tab or another character in it that cannot be seen.
    NameUnprintable,
    /// A client password must not be called so: it looks like one.
    NameIsSecret,
    /// There are `most` already, as many as there may be.
    TooMany,
    /// The last factor, and two-factor is on.
    OnlyOne,
    /// Two-factor is mandatory.
    Mandatory,
    /// No factor is bound yet.
    NoFactors,
    /// Not a phone number.
    BadPhone,
    /// A phone number of a country that gets no codes.
    CountryOff,
    /// Not a mail address.
    BadAddress,
    /// A mail address of this site.
    NotExternal,
    /// This kind is not for this site.
    KindOff,
    /// There is no such account.
    NoAccount,
    /// It is one's own account.
    Yourself,
    /// There is nothing like that.
    NotFound,
    /// Not for this account.
    Forbidden,
    /// A reason is missing.
    NoReason,
    /// The request makes no sense.
    BadRequest,
    /// Trouble of Sidegate's own: again in a moment.
    Unavailable,
}

/// A no for the portal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortalError {
    /// Why.
    pub error: Why,
    /// A sentence for a log.
    pub message: String,
    /// When it may be tried again, or a block ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// How many there may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u32>,
    /// The factor that has to be proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<i64>,
}

impl PortalError {
    /// A no without further facts.
    #[must_use]
    pub fn new(error: Why, message: impl Into<String>) -> Self {
        Self { error, message: message.into(), until: None, most: None, factor: None }
    }
}
