//! What the store keeps of sending: aliases, delegations, limits, what was sent, and notices.

use std::ops::Range;

use super::StoreError;
use crate::clock::Timestamp;
use crate::gate::address::Key;
use crate::gate::alias::Alias;
use crate::gate::delegation::Right;
use crate::gate::event::Event;
use crate::gate::limits::{Level, Limited, Limits, Per, Slot};
use crate::gate::name::{AccountName, GroupName};

/// A message that was let through at DATA and never ended is given back after so long, in seconds, where ends are heard
/// of at all.
pub const RESERVED_SECS: i64 = 15 * 60;
/// A message is known for so long, in seconds: longer than any SMTP session keeps one.
pub const MESSAGE_KEPT_SECS: i64 = 6 * 3600;

/// A notice that nobody takes is kept for so long past its time, in seconds.
pub const NOTICE_KEPT_SECS: i64 = 3 * 86_400;

/// What sending is counted under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything of an account; it need not be one of ours.
    Account(AccountName),
    /// Everything sent with a client password.
    Password(i64),
    /// Everything sent from one source.
    Address(Key),
}

/// As the store keeps it.
impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Account(name) => write!(f, "account:{name}"),
            Self::Password(id) => write!(f, "password:{id}"),
            Self::Address(key) => write!(f, "address:{key}"),
        }
    }
}

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Let through at DATA and counted; its end has not come.
    Reserved,
    /// It has arrived.
    Booked,
    /// Its end did not come in time: it counts no longer. If it comes after all, it is decided anew.
    Released,
}

/// Who sends a message, and to how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Whose login.
    pub account: AccountName,
    /// The client password behind the session, if that is known.
    pub password_id: Option<i64>,
    /// The source, if the client has an address.
    pub address: Option<Key>,
    /// Recipients.
    pub recipients: u32,
}

impl Message {
    /// What it counts under, and for which limits.
    pub(super) fn scopes(&self) -> Vec<(Per, Scope)> {
        let mut scopes = vec![(Per::Account, Scope::Account(self.account.clone()))];
        scopes.extend(self.password_id.map(|id| (Per::ClientPassword, Scope::Password(id))));
        scopes.extend(self.address.map(|key| (Per::Address, Scope::Address(key))));
        scopes
    }
}

/// A delegation as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    /// Who grants.
    pub owner: String,
    /// To whom.
    pub delegate: String,
    /// What.
    pub right: Right,
    /// Since when.
    pub since: Timestamp,
}

/// Which limits: the word of a level, the name of its account or group, and what they count for.
pub type LevelKey = (String, String, Per);
/// What is said of limits at one level.
pub type LevelLine = (LevelKey, Limits);

/// A notice that is not delivered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwedNotice {
    /// Its number.
    pub id: i64,
    /// How often delivery was tried.
    pub tries: u32,
    /// Channels it still has to go through, comma-separated.
    pub owed: String,
    /// The notice, as JSON.
    pub body: String,
}

/// Rows of sending in, rows out. Every call belongs to the transaction it is made in.
pub trait SendingTables {
    /// Puts an account into a group, or in none.
    ///
    /// # Errors
    /// As all of these: the database's own trouble.
    fn set_group(&mut self, id: i64, group: Option<&GroupName>) -> Result<(), StoreError>;
    /// Removes the aliases and limits of an account that goes.
    fn remove_sender(&mut self, name: &AccountName) -> Result<(), StoreError>;
    /// Whether there is an account of that name.
    fn is_account(&mut self, name: &AccountName) -> Result<bool, StoreError>;
    /// Adds an alias; false if it is there already.
    fn add_alias(&mut self, alias: &Alias) -> Result<bool, StoreError>;
    /// Takes an alias from an account or domain; nothing happens if it is not there.
    fn remove_alias(&mut self, alias: &str, of: &str) -> Result<(), StoreError>;
    /// Whose an address or `@domain` is, as an alias.
    fn alias_of(&mut self, alias: &str) -> Result<Vec<String>, StoreError>;
    /// Aliases of `of`, or all, in order after `after`: alias and whose it is.
    fn aliases(
        &mut self,
        of: Option<&str>,
        after: &(String, String),
        limit: u32,
    ) -> Result<Vec<(String, String)>, StoreError>;
    /// Grants a right, in place of one that was granted before.
    fn put_delegation(
        &mut self,
        owner: i64,
        delegate: i64,
        right: Right,
        since: Timestamp,
    ) -> Result<(), StoreError>;
    /// Takes a right back.
    fn remove_delegation(&mut self, owner: i64, delegate: i64) -> Result<(), StoreError>;
    /// What one account grants another.
    fn right(&mut self, owner: &AccountName, delegate: &AccountName) -> Result<Option<Right>, StoreError>;
    /// Delegations that an account grants or was granted, or all, in the order of owners and delegates,
    /// after this owner and delegate.
    fn delegations_after(
        &mut self,
        of: Option<&AccountName>,
        after: &(String, String),
        limit: u32,
    ) -> Result<Vec<Delegation>, StoreError>;
    /// The same, every one.
    fn delegations(&mut self, of: Option<&AccountName>) -> Result<Vec<Delegation>, StoreError> {
        self.delegations_after(of, &(String::new(), String::new()), u32::MAX)
    }
    /// What is said of limits at a level.
    fn limits(&mut self, level: &Level, per: Per) -> Result<Limits, StoreError>;
    /// Puts down what is said of limits at a level.
    fn put_limits(&mut self, level: &Level, per: Per, limits: &Limits) -> Result<(), StoreError>;
    /// Everything that is said of limits: the default first, then groups and accounts by name, after `after`.
    fn all_limits(&mut self, after: Option<&LevelKey>, limit: u32) -> Result<Vec<LevelLine>, StoreError>;
    /// What was sent under a scope since a slot.
    fn sent(&mut self, scope: &Scope, since_slot: i64) -> Result<Vec<Slot>, StoreError>;
    /// Adds to what was sent in a slot; never below zero.
    fn add_sent(
        &mut self,
        scope: &Scope,
        slot: i64,
        messages: i64,
        recipients: i64,
    ) -> Result<(), StoreError>;
    /// A message that is known: when it was let through, how far it has come, whose it is.
    fn message(&mut self, instance: &str) -> Result<Option<(Timestamp, Stage, Message)>, StoreError>;
    /// Puts a message down.
    fn put_message(
        &mut self,
        instance: &str,
        time: Timestamp,
        stage: Stage,
        message: &Message,
    ) -> Result<(), StoreError>;
    /// Messages reserved in a time.
    fn overdue_messages(
        &mut self,
        time: Range<Timestamp>,
        limit: u32,
    ) -> Result<Vec<(String, Timestamp, Message)>, StoreError>;
    /// The latest login of an account to send that was let in or left to somebody else: from this address or none; if
    /// there is none such, from any.
    fn last_sending_login(
        &mut self,
        account: &str,
        address: Option<&str>,
    ) -> Result<Option<Event>, StoreError>;
    /// When somebody was last told that a limit was reached.
    fn told(&mut self, scope: &Scope, limited: Limited) -> Result<Option<Timestamp>, StoreError>;
    /// Notes that somebody is told now.
    fn set_told(&mut self, scope: &Scope, limited: Limited, now: Timestamp) -> Result<(), StoreError>;
    /// Adds a notice to be delivered.
    fn add_notice(&mut self, due: Timestamp, owed: &str, body: &str) -> Result<i64, StoreError>;
    /// Notices that are due.
    fn due_notices(&mut self, now: Timestamp, limit: u32) -> Result<Vec<OwedNotice>, StoreError>;
    /// Puts a notice off; with nothing owed any more it is removed.
    fn settle_notice(&mut self, id: i64, owed: &str, due: Timestamp) -> Result<(), StoreError>;
    /// Forgets up to `limit` each of slots, messages, tellings and notices from before this time; returns how many
    /// went.
    fn forget_sending(&mut self, now: Timestamp, limit: u32) -> Result<usize, StoreError>;
}
