//! Orders: changes that an administrator asks for. The command line and whatever comes later give
//! the same ones.

use super::account::Terms;
use super::address::Key;
use super::alias::{Alias, Place};
use super::blocks::NETWORKS_MAX;
use super::delegation::Right;
use super::key::MailboxMark;
use super::limits::{Level, LimitsChange, Per};
use super::main_password::MainHash;
use super::name::{AccountName, GroupName, PasswordName};
use super::record::Block;
use super::reset::ResetReason;
use super::secret::Digest;
use super::session::{Act, Denied, TokenTag};
use crate::clock::Timestamp;

/// Who orders something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// `uid N` for an administrator, or an account.
    pub name: String,
    /// The address of a browser.
    pub address: Option<String>,
    /// The session that it is ordered from, and what it must allow when the order is carried out.
    pub session: Option<(TokenTag, Act)>,
}

/// Somebody on this host.
impl<T: AsRef<str> + ?Sized> From<&T> for Actor {
    fn from(name: &T) -> Self {
        Self { name: name.as_ref().to_owned(), address: None, session: None }
    }
}

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
        /// Put it into a group, or, with `Some(None)`, out of its group.
        group: Option<Option<GroupName>>,
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
    /// Take somebody's second factors and recovery codes away, end every session and all trust, and forget wrong codes.
    ResetFactors {
        /// Whose.
        account: AccountName,
        /// Why.
        reason: ResetReason,
        /// Turn two-factor off too. Else the next sign-in leads to setting it up.
        two_factor_off: bool,
        /// Of the set-up code, where the rules make one.
        code: Digest,
    },
    /// Forget the wrong codes of somebody's second factors, and nothing else.
    UnlockFactors(AccountName),
    /// Set the main password where no upstream knows any. Its hash is made before.
    SetMainPassword {
        /// Whose.
        account: AccountName,
        /// Argon2id; `None` takes the main password away.
        hash: Option<MainHash>,
    },
    /// End every session at the portal and all trust in browsers.
    EndSessions(AccountName),
    /// Block a source, or change the end of its block.
    AddBlock(Key, Block),
    /// Lift a block, and forget the failures that were counted.
    LiftBlock(Key),
    /// Give an account, or all accounts of a domain, further addresses.
    AddAlias(Alias),
    /// Take them away.
    RemoveAlias {
        /// The further address, or domain of addresses.
        alias: Place,
        /// Whose; may be left out where only one has it.
        of: Option<Place>,
    },
    /// Let somebody read a mailbox or send for its owner, in place of what was granted before.
    Grant {
        /// Whose mailbox.
        owner: AccountName,
        /// Who may.
        delegate: AccountName,
        /// What.
        right: Right,
    },
    /// The same for somebody who has a mailbox and may have no account yet, which is then made.
    GrantNewcomer {
        /// Whose mailbox.
        owner: AccountName,
        /// Who may.
        delegate: AccountName,
        /// What.
        right: Right,
        /// The marks of the delegate's own mailbox, the current key's first.
        mailbox: Vec<MailboxMark>,
    },
    /// Take that back.
    Withdraw {
        /// Whose mailbox.
        owner: AccountName,
        /// Who may no longer.
        delegate: AccountName,
    },
    /// Change the sending limits at one level.
    SetLimits {
        /// For whom.
        level: Level,
        /// What they count for.
        per: Per,
        /// What changes.
        change: LimitsChange,
    },
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
    /// Second factors were reset; when the set-up code ends, if there is one.
    FactorsReset(Option<Timestamp>),
    /// So many wrong codes were forgotten.
    Unlocked(u32),
}

/// Why an order was not carried out; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderRefused {
    /// The session that it was ordered from does not allow it any more.
    #[error(transparent)]
    Denied(#[from] Denied),
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
    /// The upstream knows main passwords.
    #[error(
        "the upstream knows main passwords here ([upstream] in the settings): one that is set here would never be asked for"
    )]
    MainPasswordElsewhere,
    /// Nobody set one.
    #[error("{0} has no main password here")]
    NoMainPassword(AccountName),
    /// The address is somebody's alias.
    #[error("{alias} is an alias of {owner}; remove it first")]
    IsAlias {
        /// The address.
        alias: String,
        /// Whose it is.
        owner: String,
    },
    /// The address is an account's own.
    #[error("{0} is an account; let others use its address with a delegation")]
    IsAccount(AccountName),
    /// The alias is there already.
    #[error("{0} is an alias of {1} already")]
    AliasExists(String, String),
    /// No such alias.
    #[error("{0} is no alias of {1}")]
    NoAlias(String, String),
    /// Nobody has it as an alias.
    #[error("{0} is no alias")]
    NoAliasOfAnybody(String),
    /// Several share the alias, and nobody said whose to take away.
    #[error("{alias} is an alias of {}; say which one loses it: --of ACCOUNT", few(.owners))]
    SharedAlias {
        /// The alias.
        alias: String,
        /// Who share it.
        owners: Vec<String>,
    },
    /// An account has all rights over its own mailbox.
    #[error("{0} is the owner; nothing can be granted to oneself")]
    OwnMailbox(AccountName),
    /// Nothing was granted.
    #[error("{owner} has granted {delegate} nothing")]
    NoDelegation {
        /// Whose mailbox.
        owner: AccountName,
        /// Who.
        delegate: AccountName,
    },
    /// Limits per address are nobody's own.
    #[error("an address is nobody's own: limits per address are set with the default only")]
    AddressHasNoOwner,
    /// The source is not blocked.
    #[error("{0} is not blocked")]
    NotBlocked(Key),
    /// A network around it is.
    #[error("{key} has no block of its own: it is in the blocked network {network}; lift that one")]
    InNetwork {
        /// What was meant.
        key: Key,
        /// What is blocked.
        network: Key,
    },
    /// No more networks can be blocked.
    #[error("{NETWORKS_MAX} networks are blocked already; lift some, or let a packet filter do it")]
    TooManyNetworks,
}

/// The most names in one sentence.
const NAMES_MAX: usize = 10;

/// Names in a sentence; of very many, the first.
fn few(names: &[String]) -> String {
    let shown = names.iter().take(NAMES_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_removes_a_shared_alias_is_told_who_share_it() {
        let refused = |count: usize| OrderRefused::SharedAlias {
            alias: "info@example.org".to_owned(),
            owners: (0..count).map(|n| format!("n{n}")).collect(),
        };
        assert_eq!(
            refused(2).to_string(),
            "info@example.org is an alias of n0, n1; say which one loses it: --of ACCOUNT"
        );
        assert!(refused(12).to_string().contains(" n9 and 2 more; "));
    }
}
