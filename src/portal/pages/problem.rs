//! What was wrong with what somebody sent, said beside the form.

use super::frame::Frame;
use crate::clock::Timestamp;
use crate::gate::account::TERMS_MAX;
use crate::gate::codes_sent::PAUSE;

/// Between two codes to the same phone or address.
const PAUSE_SECS: i64 = PAUSE.as_secs().cast_signed();

/// Why a form comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Wrong address or password; the same whether the account exists or not.
    WrongPassword,
    /// A wrong code of those that are sent.
    WrongCode,
    /// A wrong code of an app.
    WrongAppCode,
    /// A wrong code of an app, again: its clock may be off.
    WrongClock,
    /// The code was right, and was used just now.
    UsedCode,
    /// No recovery code, or one that was used.
    WrongRecoveryCode,
    /// The code was good once: it ended, was used, or a newer one was sent.
    CodeEnded,
    /// Wrong set-up code.
    WrongSetUpCode,
    /// Too many wrong codes: this factor waits until then.
    Wait(Timestamp),
    /// Enough codes were sent: the next one then.
    SentEnough(Timestamp),
    /// Too many failed sign-ins to this account: the next one in so many seconds.
    WaitToSignIn(usize),
    /// Too many wrong main passwords in this session: the next one in so many seconds.
    WaitForPassword(usize),
    /// Another sign-in from the visitor's address is being checked.
    Busy,
    /// So many wrong codes that only an administrator can help.
    Locked,
    /// The server lost the key that the factor is kept under.
    LostKey,
    /// The visitor's address is blocked until then.
    Blocked(Timestamp),
    /// A whole network is blocked until then: its people cannot lift that.
    NetworkBlocked(Timestamp),
    /// The account lifted as many blocks as it may in a day: again then.
    LiftedTooOften(Timestamp),
    /// A dialogue of five minutes took longer.
    DialogueEnded,
    /// The passkey was not accepted.
    PasskeyRefused,
    /// The browser has no script, which a passkey needs.
    PasskeyNeedsScript,
    /// WeChat, WeCom or DingTalk did not confirm.
    ProviderRefused,
    /// No name.
    NameMissing,
    /// The name has more than this many characters.
    NameTooLong(usize),
    /// The name has a tab or another character in it that cannot be seen.
    NameUnprintable,
    /// The account has one of that name.
    NameTaken,
    /// The name looks like a password.
    NameIsPassword,
    /// The account has this many client passwords, and no more are allowed.
    TooManyPasswords(usize),
    /// There are this many already, and no more are allowed.
    TooMany(usize),
    /// The only factor, and two-factor is on.
    OnlyFactor,
    /// The site wants two-factor on.
    Mandatory,
    /// Two-factor needs a factor.
    NoFactors,
    /// The site does not want this kind of factor.
    KindOff,
    /// Not a network.
    NetworkUnreadable,
    /// Not a day that can be read, or one that is past.
    ExpiryUnreadable,
    /// Not a phone number.
    PhoneUnreadable,
    /// A phone number of a country that gets no codes.
    PhoneCountryOff,
    /// The account has a phone already.
    PhoneTaken,
    /// Not a mail address.
    AddressUnreadable,
    /// A mailbox of this site cannot be its own backup.
    AddressNotExternal,
    /// The code could not be sent.
    NotSent,
    /// There is no such account here.
    NoSuchAccount,
    /// Too many addresses without an account were named: not before then.
    NamedTooMany(Timestamp),
    /// Nobody delegates to himself.
    Yourself,
    /// No reason.
    ReasonMissing,
    /// The reason has more than this many characters.
    ReasonTooLong(usize),
    /// Trouble of our own.
    Unavailable,
}

impl Problem {
    /// Something is wrong; not so where a code was sent a moment ago, and the next one has to wait a little.
    #[must_use]
    pub fn is_fault(&self, f: &Frame) -> bool {
        !matches!(self, Self::SentEnough(until) if f.left(until) <= PAUSE_SECS)
    }

    /// It is about what was typed.
    #[must_use]
    pub fn is_of_input(&self) -> bool {
        !matches!(self, Self::SentEnough(_))
    }

    /// What it says.
    #[must_use]
    pub fn text(&self, f: &Frame) -> String {
        match self {
            Self::WrongPassword => f.t("problem-wrong-password"),
            Self::WrongCode => f.t("problem-wrong-code"),
            Self::WrongAppCode => f.t("problem-wrong-app-code"),
            Self::WrongClock => f.t("problem-wrong-clock"),
            Self::UsedCode => f.t("problem-used-code"),
            Self::WrongRecoveryCode => f.t("problem-wrong-recovery-code"),
            Self::WrongSetUpCode => f.t("problem-wrong-set-up-code"),
            Self::CodeEnded => f.t("problem-code-ended"),
            Self::Wait(until) => f.at("problem-wait", "until", until),
            Self::SentEnough(until) if f.left(until) <= PAUSE_SECS => {
                f.t1("problem-sent-just-now", "until", f.hour(until))
            }
            Self::SentEnough(until) => f.at("problem-sent-enough", "until", until),
            Self::WaitToSignIn(secs) => f.n("problem-wait-to-sign-in", "seconds", secs),
            Self::WaitForPassword(secs) => f.n("problem-wait-for-password", "seconds", secs),
            Self::Busy => f.t("problem-busy"),
            Self::Locked => f.t("problem-locked"),
            Self::LostKey => f.t("problem-lost-key"),
            Self::Blocked(until) => f.at("problem-blocked", "until", until),
            Self::NetworkBlocked(until) => f.at("problem-network-blocked", "until", until),
            Self::LiftedTooOften(until) => f.at("problem-lifted-too-often", "until", until),
            Self::DialogueEnded => f.t("problem-dialogue-ended"),
            Self::PasskeyRefused => f.t("problem-passkey-refused"),
            Self::PasskeyNeedsScript => f.t("problem-passkey-needs-script"),
            Self::ProviderRefused => f.t("problem-provider-refused"),
            Self::NameMissing => f.t("problem-name-missing"),
            Self::NameTooLong(most) => f.n("problem-name-too-long", "most", most),
            Self::NameUnprintable => f.t("problem-name-unprintable"),
            Self::NameTaken => f.t("problem-name-taken"),
            Self::NameIsPassword => f.t("problem-name-is-password"),
            Self::TooManyPasswords(most) => f.n("problem-too-many-passwords", "most", most),
            Self::TooMany(most) => f.n("problem-too-many", "most", most),
            Self::OnlyFactor => f.t("problem-only-factor"),
            Self::Mandatory => f.t("problem-mandatory"),
            Self::NoFactors => f.t("problem-no-factors"),
            Self::KindOff => f.t("problem-kind-off"),
            Self::NetworkUnreadable => f.n("problem-network-unreadable", "most", &TERMS_MAX),
            Self::ExpiryUnreadable => f.t("problem-expiry-unreadable"),
            Self::PhoneUnreadable => f.t("problem-phone-unreadable"),
            Self::PhoneCountryOff => f.t("problem-phone-country-off"),
            Self::PhoneTaken => f.t("problem-phone-taken"),
            Self::AddressUnreadable => f.t("problem-address-unreadable"),
            Self::AddressNotExternal => f.t("problem-address-not-external"),
            Self::NotSent => f.t("problem-not-sent"),
            Self::NoSuchAccount => f.t("problem-no-such-account"),
            Self::NamedTooMany(until) => f.at("problem-named-too-many", "until", until),
            Self::Yourself => f.t("problem-yourself"),
            Self::ReasonMissing => f.t("problem-reason-missing"),
            Self::ReasonTooLong(most) => f.n("problem-reason-too-long", "most", most),
            Self::Unavailable => f.t("problem-unavailable"),
        }
    }
}
