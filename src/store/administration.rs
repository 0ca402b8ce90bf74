//! What the store keeps for administrators who look after people.

use super::StoreError;
use crate::clock::Timestamp;
use crate::gate::main_password::MainHash;

/// The part of [`Tables`](super::Tables) that administrators use.
pub trait AdministrationTables {
    /// The hash of an account's own main password (Argon2id), where there is no upstream.
    ///
    /// # Errors
    /// As all of these: the database's own trouble.
    fn main_password(&mut self, account_id: i64) -> Result<Option<MainHash>, StoreError>;
    /// Sets it, or takes it away. Returns whether there was one.
    fn set_main_password(
        &mut self,
        account_id: i64,
        hash: Option<&MainHash>,
        now: Timestamp,
    ) -> Result<bool, StoreError>;
}
