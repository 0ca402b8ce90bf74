//! Why a login is refused: each reason has a word that is stable in logs, events and the manual.

use super::name::AccountName;
use super::record::Block;

/// Why somebody is not let in. Every reason but [`Reason::Blocked`] reads the same to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The source is blocked.
    Blocked(Block),
    /// No client password of the account, and no main password either.
    WrongPassword,
    /// There was no password at all: nothing was looked at, and nothing is counted.
    EmptyPassword,
    /// The portal: the main password was right, and the second factor is wrong.
    WrongFactor,
    /// No such account, and nobody else to ask.
    UnknownAccount,
    /// The name is none that an account can have.
    BadName,
    /// A message that cannot be read, with a secret that is too long for any, or that asks to act for somebody else.
    Unreadable,
    /// Nobody here has the name, and it is none that is handed on: see [`super::identity`].
    NotHandedOn,
    /// The mailbox that opened is this account's, which nobody enters by another name.
    OthersMailbox(AccountName),
    /// The account is disabled.
    Disabled,
    /// A client password that was removed.
    Revoked {
        /// Its number.
        id: i64,
        /// Its name.
        name: String,
    },
    /// A client password used after its end.
    Expired,
    /// A client password used for a protocol that it was not made for.
    WrongProtocol,
    /// A client password used from a network that it was not made for.
    WrongNetwork,
    /// A client password at a webmail host, which takes main passwords only.
    AtWebmail,
    /// The main password is right, but mail clients must use client passwords.
    MainPassword,
}

impl Reason {
    /// The stable word for logs, events and the manual.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Blocked(_) => "blocked",
            Self::WrongPassword => "wrong-password",
            Self::EmptyPassword => "empty-password",
            Self::WrongFactor => "wrong-factor",
            Self::UnknownAccount => "unknown-account",
            Self::BadName => "bad-name",
            Self::Unreadable => "unreadable",
            Self::NotHandedOn => "not-handed-on",
            Self::OthersMailbox(_) => "others-mailbox",
            Self::Disabled => "disabled",
            Self::Revoked { .. } => "revoked",
            Self::Expired => "expired",
            Self::WrongProtocol => "wrong-protocol",
            Self::WrongNetwork => "wrong-network",
            Self::AtWebmail => "at-webmail",
            Self::MainPassword => "main-password",
        }
    }
}
