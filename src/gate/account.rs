//! An account, its client passwords, and the marks of those that were removed.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::address::Prefixes;
use super::foreign::{ForeignHash, Scheme};
use super::key::{KeyId, MailboxMark, Selector};
use super::name::{AccountName, GroupName, Protocol};
use super::translated::Scattered;
use crate::clock::Timestamp;

/// How long the mark of a removed client password is kept, so that people can be told which old
/// device still uses it. The mark lets nobody in.
pub const REVOKED_KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// An account as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The store's number for it.
    pub id: i64,
    /// Its address, in normal form.
    pub name: AccountName,
    /// A disabled account gets in nowhere.
    pub enabled: bool,
    /// Two-factor is on: mail clients get in with client passwords only.
    pub two_factor: bool,
    /// The group whose sending limits it has.
    pub group: Option<GroupName>,
    /// When it was made.
    pub created: Timestamp,
    /// The mark of its mailbox ([`super::identity`]); `None`: it has none, or was not asked for yet.
    pub mailbox: Option<MailboxMark>,
    /// Its client passwords, oldest first.
    pub passwords: Vec<ClientPassword>,
    /// Those removed in the last 90 days.
    pub revoked: Vec<RevokedPassword>,
}

/// A client password as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientPassword {
    /// The store's number for it, never used again.
    pub id: i64,
    /// What its owner calls it.
    pub name: Arc<str>,
    /// What finds and proves it.
    pub stored: Stored,
    /// When it was made.
    pub created: Timestamp,
    /// What it may be used for.
    pub terms: Terms,
    /// Its last use, if there was one.
    pub last_use: Option<LastUse>,
}

/// What finds and proves a client password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// One that Sidegate made, or that was used once since its import.
    Ours {
        /// Finds it.
        selector: Selector,
        /// The store key that made the selector.
        key_id: KeyId,
        /// Proves it: an Argon2id PHC string over D.
        phc: String,
    },
    /// An imported one that was not used yet. Nothing finds it: it has to be tried.
    Imported(ForeignHash),
}

impl Stored {
    /// The selector and the id of its key, if there is one.
    #[must_use]
    pub fn selector(&self) -> Option<(KeyId, Selector)> {
        match self {
            Self::Ours { selector, key_id, .. } => Some((*key_id, *selector)),
            Self::Imported(_) => None,
        }
    }

    /// How an imported one was made that was not used yet.
    #[must_use]
    pub fn imported(&self) -> Option<Scheme> {
        match self {
            Self::Ours { .. } => None,
            Self::Imported(hash) => Some(hash.scheme()),
        }
    }
}

/// The most protocols or networks of one client password.
pub const TERMS_MAX: usize = 32;

/// What a client password may be used for. Everything, unless somebody said otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// The first moment at which it is no longer good.
    pub expires: Option<Timestamp>,
    /// The protocols it is good for; empty: all.
    pub protocols: Vec<Protocol>,
    /// The networks it may come from; empty: all.
    pub networks: Vec<IpNet>,
}

impl Terms {
    /// Takes networks for what they are.
    ///
    /// # Errors
    /// One whose addresses are no one network.
    pub fn fold(&mut self, prefixes: &Prefixes) -> Result<(), Scattered> {
        self.networks.iter_mut().try_for_each(|network| {
            *network = prefixes.fold_network(*network)?;
            Ok(())
        })
    }
}

/// When, from where and for what a client password was last used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastUse {
    /// When.
    pub at: Timestamp,
    /// The address, if one was told.
    pub address: Option<String>,
    /// The protocol.
    pub protocol: String,
}

/// What is kept of a removed client password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedPassword {
    /// The number it had.
    pub id: i64,
    /// The name it had.
    pub name: String,
    /// Its selector, which now only says "this was removed".
    pub selector: Selector,
    /// When it was removed.
    pub at: Timestamp,
}
/// What an account lacks that a site may want of everybody: what administrators look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacks {
    /// Two-factor is off.
    TwoFactor,
    /// Nobody ever signed in at the portal.
    SignIn,
    /// It has no client password.
    ClientPassword,
}

impl Lacks {
    /// All.
    pub const ALL: [Self; 3] = [Self::TwoFactor, Self::SignIn, Self::ClientPassword];

    /// The stable word in queries.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::TwoFactor => "two-factor-off",
            Self::SignIn => "never-signed-in",
            Self::ClientPassword => "no-client-password",
        }
    }

    /// Reads [`Lacks::word`].
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lacks| lacks.word() == word)
    }
}
