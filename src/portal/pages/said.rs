//! What was done just now, said at the head of the next page.

use super::frame::Frame;

/// A notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The session is over, as wished.
    SignedOut,
    /// All sessions and all trust are over, as wished.
    SignedOutEverywhere,
    /// The session is over by itself.
    SignInAgain,
    /// A code was sent there (masked).
    CodeSent(String),
    /// Two-factor is on; other sessions and all trust are over.
    TwoFactorOn,
    /// Two-factor is off.
    TwoFactorOff,
    /// The first factor was bound, of that name; other sessions and all trust are over.
    FirstFactorBound(String),
    /// A factor of that name was bound.
    FactorBound(String),
    /// A factor of that name was changed; other sessions and all trust are over.
    FactorChanged(String),
    /// A factor of that name was removed; other sessions and all trust are over.
    FactorRemoved(String),
    /// The client password of that name was removed.
    PasswordRemoved(String),
    /// So many client passwords were removed.
    PasswordsRemoved(usize),
    /// A device is no longer trusted.
    TrustCancelled,
    /// Another browser of that name was signed out; empty: unknown.
    DeviceSignedOut(String),
    /// A delegation to that address was granted.
    Granted(String),
    /// A delegation to that address was withdrawn.
    Withdrawn(String),
    /// The block of that address was lifted.
    BlockLifted(String),
    /// The factors of that account were reset.
    FactorsReset(String),
    /// The wrong codes of that account were forgotten.
    FactorsUnlocked(String),
    /// The sessions of that account were ended.
    AccountSignedOut(String),
}

impl Said {
    /// What it says.
    #[must_use]
    pub fn text(&self, f: &Frame) -> String {
        match self {
            Self::SignedOut => f.t("said-signed-out"),
            Self::SignedOutEverywhere => f.t("said-signed-out-everywhere"),
            Self::SignInAgain => f.t("said-sign-in-again"),
            Self::CodeSent(to) => f.t1("said-code-sent", "to", to),
            Self::TwoFactorOn => f.t("said-two-factor-on"),
            Self::TwoFactorOff => f.t("said-two-factor-off"),
            Self::FirstFactorBound(name) => f.t1("said-first-factor-bound", "name", name),
            Self::FactorBound(name) => f.t1("said-factor-bound", "name", name),
            Self::FactorChanged(name) => f.t1("said-factor-changed", "name", name),
            Self::FactorRemoved(name) => f.t1("said-factor-removed", "name", name),
            Self::PasswordRemoved(name) => f.t1("said-password-removed", "name", name),
            Self::PasswordsRemoved(count) => f.n("said-passwords-removed", "count", count),
            Self::TrustCancelled => f.t("said-trust-cancelled"),
            Self::DeviceSignedOut(name) if name.is_empty() => f.t("said-device-signed-out"),
            Self::DeviceSignedOut(name) => f.t1("said-device-named-signed-out", "name", name),
            Self::Granted(delegate) => f.t1("said-granted", "delegate", delegate),
            Self::Withdrawn(delegate) => f.t1("said-withdrawn", "delegate", delegate),
            Self::BlockLifted(address) => f.t1("said-block-lifted", "address", address),
            Self::FactorsReset(account) => f.t1("said-factors-reset", "account", account),
            Self::FactorsUnlocked(account) => f.t1("said-factors-unlocked", "account", account),
            Self::AccountSignedOut(account) => f.t1("said-account-signed-out", "account", account),
        }
    }

    /// How it looks: `done` was wished for, `info` only happened.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Self::SignInAgain | Self::CodeSent(_) => "info",
            _ => "done",
        }
    }
}
