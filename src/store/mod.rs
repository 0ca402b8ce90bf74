//! What is on disk, and the only way to it.
//!
//! [`Tables`] is the language: rows in, rows out, no rules. A [`Store`] runs a piece of work over
//! its tables in one transaction. [`StoreHandle`] is what the daemon holds: writes queue for one
//! thread that commits all that wait at once, reads go to a few others, and what the frequent
//! path reads is kept in bounded memory that the writer keeps true.
//!
//! Nothing above this folder sees SQL or an SQL library's errors.

pub mod administration;
pub mod booking;
mod cache;
#[cfg(test)]
mod contract;
mod handle;
pub mod identity;
pub mod key_file;
pub mod keys;
pub mod lock;
pub mod names;
pub mod orders;
pub mod people;
pub mod portal;
pub mod presence;
pub mod rollout;
pub mod senders;
pub mod sending;
pub mod sqlite;
pub mod visit;

use std::path::Path;

use crate::clock::Timestamp;
use crate::gate::account::{Account, ClientPassword, Lacks, LastUse, Stored, Terms};
use crate::gate::address::Key;
use crate::gate::event::{Event, Kind};
use crate::gate::key::{KeyId, Selector};
use crate::gate::name::AccountName;
use crate::gate::record::AddressRecord;

pub use administration::AdministrationTables;
pub use handle::StoreHandle;
pub use identity::IdentityTables;
pub use keys::KeyTables;
pub use names::NameTables;
pub use portal::PortalTables;
pub use rollout::RolloutTables;
pub use sending::SendingTables;
pub use visit::VisitTables;

/// Why the store could not do it. Always our own trouble, never the client's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// More waits for the disk than may wait.
    #[error("the store's queue is full")]
    Busy,
    /// The store is gone, because the daemon stops.
    #[error("the store is closed")]
    Closed,
    /// The database said no; its words.
    #[error("store: {0}")]
    Failed(String),
    /// What was wanted is under a store key that the key file does not have. The database itself is well.
    #[error("under store key {0}, which the key file does not have: put the key file of that time back")]
    LostKey(KeyId),
    /// A piece of work panicked, and was rolled back.
    #[error("a fault in Sidegate itself; the log says where")]
    Fault,
    /// A row cannot be used as it stands. The database itself is well.
    #[error("store: {0}")]
    Row(String),
}

/// A new client password, as it goes into the store.
#[derive(Clone, Debug)]
pub struct NewRow<'a> {
    /// Whose.
    pub account_id: i64,
    /// For which device.
    pub name: &'a str,
    /// What finds and proves it.
    pub stored: &'a Stored,
    /// When it was made.
    pub created: Timestamp,
    /// What it is good for.
    pub terms: &'a Terms,
}

/// An account in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountLine {
    /// Its address.
    pub name: String,
    /// Not disabled.
    pub enabled: bool,
    /// Two-factor is on.
    pub two_factor: bool,
    /// Its group, if it is in one.
    pub group: Option<String>,
    /// How many client passwords it has.
    pub passwords: u32,
    /// When it was made.
    pub created: Timestamp,
    /// When somebody last came in at the portal all the way; `None`: never, as far as is known.
    pub signed_in: Option<Timestamp>,
}

/// A client password in a list over all accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordLine {
    /// Whose.
    pub account: String,
    /// What it is.
    pub password: ClientPassword,
}

/// Which events are wanted, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// Only those after the event with this number.
    pub after: Option<i64>,
    /// Only those not before this time.
    pub since: Option<Timestamp>,
    /// Only those of this account, also under the Unicode spelling of its domain, which events had once.
    pub account: Option<String>,
    /// Only those of this address or network.
    pub address: Option<String>,
    /// Only those of these kinds; empty: of all.
    pub kinds: Vec<Kind>,
    /// The newest of them, at most so many.
    pub limit: u32,
}

/// A listener, as far as the store remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoorTimes {
    /// A path, or an address and port.
    pub place: String,
    /// Since when it is there.
    pub since: Timestamp,
    /// When it was last asked, if it ever was.
    pub asked: Option<Timestamp>,
}

/// Rows in, rows out. Every call belongs to the transaction it is made in.
///
/// Text that strangers can fill is kept as [`clean`](crate::gate::clean::clean) makes it, and looked for in the same form:
/// no name, program or reason makes a database refuse what is written along with it.
pub trait Tables:
    SendingTables
    + KeyTables
    + RolloutTables
    + PortalTables
    + AdministrationTables
    + IdentityTables
    + NameTables
    + VisitTables
{
    /// An account with its client passwords and the marks of removed ones.
    ///
    /// # Errors
    /// As all of these: the database's own trouble.
    fn account(&mut self, name: &AccountName) -> Result<Option<Account>, StoreError>;
    /// Accounts in the order of their names, after `after`, whose name contains `search` or the
    /// form that [`searched`](crate::gate::domain::searched) has of it; `only` those that lack something.
    fn accounts(
        &mut self,
        after: &str,
        search: &str,
        only: Option<Lacks>,
        limit: u32,
    ) -> Result<Vec<AccountLine>, StoreError>;
    /// Client passwords of all accounts in the order of their numbers, after `after`.
    fn passwords(&mut self, after: i64, limit: u32) -> Result<Vec<PasswordLine>, StoreError>;
    /// Makes an account and returns its number.
    fn add_account(&mut self, name: &AccountName, now: Timestamp) -> Result<i64, StoreError>;
    /// Changes an account. Its mailbox will be asked for anew.
    fn set_account(&mut self, id: i64, enabled: bool, two_factor: bool) -> Result<(), StoreError>;
    /// Removes an account with everything that is its, but its events.
    fn remove_account(&mut self, id: i64) -> Result<(), StoreError>;
    /// Adds a client password and returns its number.
    fn add_password(&mut self, row: &NewRow<'_>) -> Result<i64, StoreError>;
    /// Turns a client password into the mark of a removed one. An imported one that was never used leaves no mark:
    /// it has no selector.
    fn revoke_password(&mut self, id: i64, now: Timestamp) -> Result<(), StoreError>;
    /// Gives a client password a selector under another key.
    fn set_selector(&mut self, id: i64, selector: Selector, key_id: KeyId) -> Result<(), StoreError>;
    /// Replaces the hash of an imported client password by one of ours. Returns whether it was still imported.
    fn upgrade_password(
        &mut self,
        id: i64,
        selector: Selector,
        key_id: KeyId,
        phc: &str,
    ) -> Result<bool, StoreError>;
    /// Notes the last use of a client password; nothing happens if it is gone.
    fn set_last_use(&mut self, id: i64, last_use: &LastUse) -> Result<(), StoreError>;
    /// What is known of a source.
    fn source(&mut self, key: &Key) -> Result<Option<AddressRecord>, StoreError>;
    /// Puts down what is known of a source; `None` forgets it.
    fn put_source(&mut self, key: &Key, record: Option<&AddressRecord>) -> Result<(), StoreError>;
    /// All sources, the one that failed longest ago first.
    fn sources(&mut self) -> Result<Vec<(Key, AddressRecord)>, StoreError>;
    /// Adds an event and returns its number.
    fn add_event(&mut self, event: &Event) -> Result<i64, StoreError>;
    /// Events, oldest first, each with its number.
    fn events(&mut self, query: &EventQuery) -> Result<Vec<(i64, Event)>, StoreError>;
    /// How far somebody who follows the events has come.
    fn cursor(&mut self, name: &str) -> Result<Option<i64>, StoreError>;
    /// Notes how far.
    fn set_cursor(&mut self, name: &str, event: i64) -> Result<(), StoreError>;
    /// The listeners, in the order of their places.
    fn doors(&mut self) -> Result<Vec<DoorTimes>, StoreError>;
    /// Puts down the listeners that there are, each place once, instead of those that there were.
    fn set_doors(&mut self, doors: &[DoorTimes]) -> Result<(), StoreError>;
    /// Forgets up to `limit` events and marks of removed passwords from before these times;
    /// returns how many went.
    fn forget(&mut self, events: Timestamp, revoked: Timestamp, limit: u32) -> Result<usize, StoreError>;
    /// How many accounts, client passwords and events there are.
    fn counts(&mut self) -> Result<Counts, StoreError>;
    /// Whether the database is sound: `ok`, or what is wrong with it.
    fn check(&mut self) -> Result<String, StoreError>;
}

/// How much the store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accounts.
    pub accounts: i64,
    /// Client passwords.
    pub passwords: i64,
}

/// A piece of work over the tables.
pub type Work<'a> = &'a mut dyn FnMut(&mut dyn Tables) -> Result<(), StoreError>;

/// A database.
pub trait Store: Send {
    /// Runs `work` in one transaction. If it returns an error, nothing of it is left; if this
    /// returns without one, all of it is on the disk.
    ///
    /// # Errors
    /// What `work` said, or the database's own trouble.
    fn write(&mut self, work: Work<'_>) -> Result<(), StoreError>;

    /// Runs `work`, which only reads, over one state of the tables.
    ///
    /// # Errors
    /// As above.
    fn read(&mut self, work: Work<'_>) -> Result<(), StoreError>;
}

/// A kind of database, and how to reach it.
pub trait Backend: Clone + Send + Sync + 'static {
    /// Its connections.
    type Store: Store + 'static;

    /// Opens one more connection. The first brings the schema up to date.
    ///
    /// # Errors
    /// The database cannot be reached or was made by a newer version.
    fn connect(&self) -> Result<Self::Store, StoreError>;

    /// Copies everything, as of one moment, to a new file, while others go on using it.
    ///
    /// # Errors
    /// The file exists already or cannot be written.
    fn backup(&self, to: &Path) -> Result<(), StoreError>;
}
