//! Whom the rules would meet: what the events of the last days say of each account.

use super::StoreError;
use crate::clock::Timestamp;

/// What mail clients of an account did that the rules would not let them do any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// The account, or what was typed in its place.
    pub account: String,
    /// Logins that were let in and would have been refused (observe-only).
    pub would_refuse: i64,
    /// Logins that the rules let in with the main password.
    pub main_password: i64,
    /// Why they would have been refused: the stable words, in order.
    pub reasons: Vec<String>,
    /// Over which protocols, in order.
    pub protocols: Vec<String>,
    /// From how many addresses.
    pub addresses: i64,
    /// The last time.
    pub last: Timestamp,
}

/// The part of [`Tables`](super::Tables) that looks over events for a roll-out.
pub trait RolloutTables {
    /// Accounts after `after` in the order of their names, with what was met since `since`.
    ///
    /// # Errors
    /// The database's own trouble.
    fn met(&mut self, since: Timestamp, after: &str, limit: u32) -> Result<Vec<Met>, StoreError>;
}
