//! Orders: changes that an administrator asks for. The command line and whatever comes later give
//! the same ones.

use super::account::Terms;
use super::address::Key;
use super::name::{AccountName, PasswordName};
use super::record::Block;
use super::secret::Digest;

/// A change. Each is carried out whole, in one transaction, or not at all.
#[derive(Clone, Debug)]
pub enum Order {
    /// Make an account.
    AddAccount(AccountName),
    /// Remove an account with everything that is its.
    RemoveAccount(AccountName),
    /// Change an account.
    SetAccount {
        /// Which.
        account: AccountName,
        /// Enable or disable it.
        enabled: Option<bool>,
        /// Turn two-factor on or off.
        two_factor: Option<bool>,
    },
    /// Make a client password. Its hash is made before, because that takes time.
    NewPassword {
        /// Whose.
        account: AccountName,
        /// For which device.
        name: PasswordName,
        /// What it is good for.
        terms: Terms,
        /// D.
        digest: Digest,
        /// Argon2id over D.
        phc: String,
    },
    /// Remove client passwords.
    Revoke {
        /// Whose.
        account: AccountName,
        /// Which.
        which: Which,
    },
    /// Block a source, or change the end of its block.
    AddBlock(Key, Block),
    /// Lift a block, and forget the failures that were counted.
    LiftBlock(Key),
}

/// Which client passwords of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one with this number.
    Id(i64),
    /// The one with this name.
    Name(String),
    /// Every one.
    All,
}

/// What came of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// Nothing more to say.
    Changed,
    /// It was so already.
    Unchanged,
    /// A client password was made, with this number.
    NewPassword(i64),
    /// These client passwords were removed: number and name.
    Revoked(Vec<(i64, String)>),
}

/// Why an order was not carried out; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderRefused {
    /// No such account.
    #[error("there is no account {0}")]
    NoAccount(AccountName),
    /// The account is there already.
    #[error("the account {0} exists already")]
    AccountExists(AccountName),
    /// As many client passwords as an account may have.
    #[error(
        "{account} has {limit} client passwords already; remove one first (client_passwords.per_account)"
    )]
    TooManyPasswords {
        /// Whose.
        account: AccountName,
        /// How many there may be.
        limit: u32,
    },
    /// The name is taken.
    #[error("{account} has a client password named \"{name}\" already")]
    NameTaken {
        /// Whose.
        account: AccountName,
        /// Which name.
        name: String,
    },
    /// The name is the password of another device.
    #[error("this is one of the account's client passwords; type a name for the device instead")]
    NameIsSecret,
    /// No such client password.
    #[error("{0} has no such client password")]
    NoPassword(AccountName),
    /// The source is not blocked.
    #[error("{0} is not blocked")]
    NotBlocked(Key),
}
