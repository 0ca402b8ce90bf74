//! What the store knows of its keys: how much is under each.

use super::StoreError;
use crate::gate::key::KeyId;

/// How much is under one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyCount {
    /// Which; `None`: marks from before this was noted.
    pub key_id: Option<KeyId>,
    /// Client passwords.
    pub passwords: i64,
    /// Marks of removed ones.
    pub removed: i64,
}

/// Rows under keys.
pub trait KeyTables {
    /// How much is under each key. A key may come twice.
    ///
    /// # Errors
    /// The database's own trouble.
    fn key_counts(&mut self) -> Result<Vec<KeyCount>, StoreError>;
}
