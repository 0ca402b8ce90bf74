//! What the store keeps of visits to the portal, and what it tells of mail clients that logged in.

use super::StoreError;
use crate::clock::Timestamp;
use crate::gate::visit::Visit;

/// The logins of one mail client on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientDay {
    /// The name of its client password; `None`: the main password.
    pub password: Option<String>,
    /// The protocol.
    pub protocol: String,
    /// The address.
    pub address: Option<String>,
    /// The last one.
    pub at: Timestamp,
    /// How many.
    pub count: u32,
}

/// Which logins of mail clients are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientQuery {
    /// Whose, also under the Unicode spelling of the domain, which events had once.
    pub account: String,
    /// Not before then.
    pub since: Timestamp,
    /// Seconds that a day begins before one of UTC.
    pub offset: i32,
    /// At most so many logins are looked at, the newest.
    pub looked_at: u32,
    /// At most so many rows, the newest.
    pub limit: u32,
}

/// The part of [`Tables`](super::Tables) that keeps visits.
pub trait VisitTables {
    /// The visits of an account, the last first.
    ///
    /// # Errors
    /// As all of these: the database's own trouble.
    fn visits(&mut self, account_id: i64) -> Result<Vec<Visit>, StoreError>;
    /// The visit of a session.
    fn visit(&mut self, session_id: i64) -> Result<Option<Visit>, StoreError>;
    /// Puts a visit down, and returns its number: a new one for number 0.
    fn put_visit(&mut self, visit: &Visit) -> Result<i64, StoreError>;
    /// Forgets a visit.
    fn drop_visit(&mut self, id: i64) -> Result<(), StoreError>;
    /// Forgets visits of an account, of those that came in or of the others, but the last `most`, and those whose session
    /// goes on.
    fn bound_visits(&mut self, account_id: i64, came_in: bool, most: u32) -> Result<(), StoreError>;
    /// Up to `limit` visits that are pending and were begun, or tried again, no later than these times; each with the name
    /// of its account.
    fn pending_visits(
        &mut self,
        begun: Timestamp,
        last: Timestamp,
        limit: u32,
    ) -> Result<Vec<(String, Visit)>, StoreError>;
    /// Forgets up to `limit` visits whose last attempt was before then; returns how many went.
    fn forget_visits(&mut self, before: Timestamp, limit: u32) -> Result<usize, StoreError>;
    /// The logins of an account's mail clients, each client and day, the last first.
    fn client_days(&mut self, query: &ClientQuery) -> Result<Vec<ClientDay>, StoreError>;
}
