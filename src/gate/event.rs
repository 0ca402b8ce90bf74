//! Events: every decision and every change, as one line of the audit log.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::login::{Reason, Verdict};
use crate::clock::Timestamp;
use crate::config::spelling::nearest;

/// Observe-only: it was let in, and would be refused.
pub const WOULD_REFUSE: &str = "would-refuse";
/// Observe-only: it was let in, and our own trouble would have put it off.
pub const WOULD_DEFER: &str = "would-defer";
/// The portal: the main password was right, and a second factor has still to be proved.
pub const PENDING: &str = "pending";
/// The owner of the account is told of it.
pub const TOLD: &str = "told";
/// The reason of whoever is let in with a main password from a host in `main_password.allowed_from`.
pub const ALLOWED_HOST: &str = "allowed-host";

/// Names of events. Stable: filters of other programs rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A login was decided.
    Login,
    /// An address was blocked, by its failures or by an administrator.
    BlockAdded,
    /// A block was lifted before its end.
    BlockLifted,
    /// Observe-only: an address would have been blocked.
    BlockObserved,
    /// An account was made.
    AccountAdded,
    /// An account was removed, and its client passwords with it.
    AccountRemoved,
    /// An account was enabled.
    AccountEnabled,
    /// An account was disabled.
    AccountDisabled,
    /// Two-factor was turned on.
    TwoFactorOn,
    /// Two-factor was turned off.
    TwoFactorOff,
    /// A second factor was tried.
    FactorTried,
    /// The main password was right in the portal, and no second factor was proved.
    StoppedAtFactor,
    /// A second factor was bound.
    FactorAdded,
    /// Another phone, address or device came in a second factor's place.
    FactorChanged,
    /// A second factor was unbound.
    FactorRemoved,
    /// An administrator took all second factors of an account away.
    FactorsReset,
    /// An administrator forgot the wrong codes of an account.
    FactorsUnlocked,
    /// New recovery codes were made; all earlier ones are void.
    RecoveryCodesMade,
    /// A code was sent to a phone or a mail address.
    CodeSent,
    /// Very many codes are sent today.
    CodesMany,
    /// A browser is let in without a second factor for some days.
    DeviceTrusted,
    /// It is no longer.
    DeviceForgotten,
    /// Sessions of the portal were ended before their time.
    SessionsEnded,
    /// An administrator set a main password.
    MainPasswordSet,
    /// An administrator took it away.
    MainPasswordRemoved,
    /// A client password was made.
    PasswordAdded,
    /// A client password was removed.
    PasswordRevoked,
    /// A client password of another system was imported.
    PasswordImported,
    /// An imported client password was used for the first time, and its hash replaced by one of ours.
    PasswordUpgraded,
    /// The store got a new key.
    KeyRotated,
    /// A former key of the store was forgotten.
    KeyForgotten,
    /// A message, or a step on its way, was decided: booked, or not let through.
    Sending,
    /// Somebody was told that a sending limit is reached.
    LimitReached,
    /// A sending limit was changed.
    LimitsSet,
    /// An account was put into a group, or out of one.
    GroupSet,
    /// An account or a domain got a further address.
    AliasAdded,
    /// It was taken away.
    AliasRemoved,
    /// A delegate was granted a right.
    DelegationGranted,
    /// It was taken back.
    DelegationRevoked,
    /// Many accounts log in well from one address that is not declared as a proxy or webmail.
    ProxySuspected,
    /// A mail server tells no client address: such clients cannot be address-blocked.
    AddressMissing,
    /// Nobody gets in at Dovecot's own password database, or somebody does again.
    PassdbAway,
}

impl Kind {
    /// All of them, in the order of the manual.
    pub const ALL: [Self; 42] = [
        Self::Login,
        Self::BlockAdded,
        Self::BlockLifted,
        Self::BlockObserved,
        Self::AccountAdded,
        Self::AccountRemoved,
        Self::AccountEnabled,
        Self::AccountDisabled,
        Self::TwoFactorOn,
        Self::TwoFactorOff,
        Self::FactorTried,
        Self::StoppedAtFactor,
        Self::FactorAdded,
        Self::FactorChanged,
        Self::FactorRemoved,
        Self::FactorsReset,
        Self::FactorsUnlocked,
        Self::RecoveryCodesMade,
        Self::CodeSent,
        Self::CodesMany,
        Self::DeviceTrusted,
        Self::DeviceForgotten,
        Self::SessionsEnded,
        Self::MainPasswordSet,
        Self::MainPasswordRemoved,
        Self::PasswordAdded,
        Self::PasswordRevoked,
        Self::PasswordImported,
        Self::PasswordUpgraded,
        Self::KeyRotated,
        Self::KeyForgotten,
        Self::Sending,
        Self::LimitReached,
        Self::LimitsSet,
        Self::GroupSet,
        Self::AliasAdded,
        Self::AliasRemoved,
        Self::DelegationGranted,
        Self::DelegationRevoked,
        Self::ProxySuspected,
        Self::AddressMissing,
        Self::PassdbAway,
    ];

    /// The name in logs, queries and the store.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::BlockAdded => "block-added",
            Self::BlockLifted => "block-lifted",
            Self::BlockObserved => "block-observed",
            Self::AccountAdded => "account-added",
            Self::AccountRemoved => "account-removed",
            Self::AccountEnabled => "account-enabled",
            Self::AccountDisabled => "account-disabled",
            Self::TwoFactorOn => "two-factor-on",
            Self::TwoFactorOff => "two-factor-off",
            Self::FactorTried => "factor-tried",
            Self::StoppedAtFactor => "stopped-at-factor",
            Self::FactorAdded => "factor-added",
            Self::FactorChanged => "factor-changed",
            Self::FactorRemoved => "factor-removed",
            Self::FactorsReset => "factors-reset",
            Self::FactorsUnlocked => "factors-unlocked",
            Self::RecoveryCodesMade => "recovery-codes-made",
            Self::CodeSent => "code-sent",
            Self::CodesMany => "codes-many",
            Self::DeviceTrusted => "device-trusted",
            Self::DeviceForgotten => "device-forgotten",
            Self::SessionsEnded => "sessions-ended",
            Self::MainPasswordSet => "main-password-set",
            Self::MainPasswordRemoved => "main-password-removed",
            Self::PasswordAdded => "password-added",
            Self::PasswordRevoked => "password-revoked",
            Self::PasswordImported => "password-imported",
            Self::PasswordUpgraded => "password-upgraded",
            Self::KeyRotated => "key-rotated",
            Self::KeyForgotten => "key-forgotten",
            Self::Sending => "sending",
            Self::LimitReached => "limit-reached",
            Self::LimitsSet => "limits-set",
            Self::GroupSet => "group-set",
            Self::AliasAdded => "alias-added",
            Self::AliasRemoved => "alias-removed",
            Self::DelegationGranted => "delegation-granted",
            Self::DelegationRevoked => "delegation-revoked",
            Self::ProxySuspected => "proxy-suspected",
            Self::AddressMissing => "address-missing",
            Self::PassdbAway => "passdb-away",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// The kind that somebody typed.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn parse(typed: &str) -> Result<Self, NoKind> {
        Self::from_word(typed).ok_or_else(|| NoKind(typed.to_owned()))
    }
}

/// A word that is no kind of event. It is told with the kind that was probably meant, or with all there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoKind(String);

impl std::error::Error for NoKind {}

impl fmt::Display for NoKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = Kind::ALL.map(Kind::word);
        write!(f, "`{}` is no kind of event", self.0.escape_debug())?;
        match nearest(&self.0, words) {
            Some(meant) => write!(f, "; did you mean `{meant}`?"),
            None => write!(f, "; there are {}", words.join(", ")),
        }
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub time: Timestamp,
    /// What.
    pub kind: Kind,
    /// The account concerned, in normal form, or what was typed in its place.
    pub account: Option<String>,
    /// What was typed, where that is another name of the account's mailbox.
    pub typed: Option<String>,
    /// The address concerned: one address, or a network for a block.
    pub address: Option<String>,
    /// The protocol of a login.
    pub protocol: Option<String>,
    /// The client password's number.
    pub password_id: Option<i64>,
    /// The client password's name.
    pub password_name: Option<String>,
    /// How a login ended: accept, refuse, elsewhere, defer; pending; observe-only: would-refuse,
    /// would-defer.
    pub verdict: Option<String>,
    /// Why: a stable word for a login, free words otherwise.
    pub reason: Option<String>,
    /// Who did it: `gate` for the daemon itself, `uid N` for an administrator.
    pub actor: String,
    /// How often: refusals of one blocked source are summed up by the minute.
    pub count: u32,
}

impl Event {
    /// An event of which only time, kind and actor are known yet.
    #[must_use]
    pub fn new(time: Timestamp, kind: Kind, actor: &str) -> Self {
        Self {
            time,
            kind,
            account: None,
            typed: None,
            address: None,
            protocol: None,
            password_id: None,
            password_name: None,
            verdict: None,
            reason: None,
            actor: actor.to_owned(),
            count: 1,
        }
    }

    /// Adds the account.
    #[must_use]
    pub fn account(mut self, name: &str) -> Self {
        self.account = Some(name.to_owned());
        self
    }

    /// Adds the address.
    #[must_use]
    pub fn address(mut self, address: impl ToString) -> Self {
        self.address = Some(address.to_string());
        self
    }

    /// Adds the client password.
    #[must_use]
    pub fn password(mut self, id: i64, name: &str) -> Self {
        self.password_id = Some(id);
        self.password_name = Some(name.to_owned());
        self
    }

    /// Adds why.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Adds how a login ended, and with which client password if that is known.
    #[must_use]
    pub fn verdict(mut self, verdict: &Verdict) -> Self {
        let (word, reason) = match verdict {
            Verdict::Accept(grant) => {
                if let Some((id, name)) = &grant.password {
                    self = self.password(*id, name);
                    ("accept", None)
                } else {
                    ("accept", Some("main-password".to_owned()))
                }
            }
            Verdict::Refuse(reason) => {
                if let Reason::Revoked { id, name } = reason {
                    self = self.password(*id, name);
                }
                ("refuse", Some(reason.word().to_owned()))
            }
            Verdict::Elsewhere => ("elsewhere", None),
            Verdict::Defer(why) => ("defer", Some((*why).to_owned())),
        };
        self.verdict = Some(word.to_owned());
        self.reason = reason;
        self
    }

    /// Whether it tells of this verdict: a refusal or deferral, for the same reason.
    #[must_use]
    pub fn is_of(&self, verdict: &Verdict) -> bool {
        let (word, reason) = match verdict {
            Verdict::Refuse(reason) => ("refuse", reason.word()),
            Verdict::Defer(why) => ("defer", *why),
            Verdict::Accept(_) | Verdict::Elsewhere => return false,
        };
        self.verdict.as_deref() == Some(word) && self.reason.as_deref() == Some(reason)
    }

    /// Marks a decision that was not carried out (observe-only): `would-refuse`, `would-defer`.
    #[must_use]
    pub fn observed(mut self) -> Self {
        self.verdict = self.verdict.map(|word| match word.as_str() {
            "refuse" => WOULD_REFUSE.to_owned(),
            "defer" => WOULD_DEFER.to_owned(),
            _ => word,
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_name_everywhere() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_word(kind.word()), Some(kind));
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.word()));
        }
    }

    #[test]
    fn what_is_no_kind_is_told_with_what_was_meant_or_with_all() {
        assert_eq!(Kind::parse("block-added"), Ok(Kind::BlockAdded));
        let said = |typed: &str| Kind::parse(typed).unwrap_err().to_string();
        assert_eq!(said("blok-added"), "`blok-added` is no kind of event; did you mean `block-added`?");
        assert!(said("").contains("there are login, block-added,"), "{}", said(""));
        assert!(said("x\n").starts_with("`x\\n` is"), "{}", said("x\n"));
    }

    #[test]
    fn a_removed_password_is_named() {
        let verdict = Verdict::Refuse(Reason::Revoked { id: 7, name: "Old phone".into() });
        let event = Event::new(Timestamp(1), Kind::Login, "gate").verdict(&verdict);
        assert_eq!((event.password_id, event.password_name.as_deref()), (Some(7), Some("Old phone")));
        assert_eq!(event.reason.as_deref(), Some("revoked"));
    }
}
