//! The API's types of the store's keys. No key is in them, only ids.

use serde::{Deserialize, Serialize};

/// The store's keys, and what is under them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysView {
    /// The file they are in.
    pub file: String,
    /// It is handed over by systemd (`LoadCredential=`): the keys cannot be changed here.
    pub credential: bool,
    /// The keys, the current one first.
    pub keys: Vec<KeyView>,
    /// Keys that something is under and that the file does not have: client passwords are tried with Argon2, second factors
    /// and recovery codes cannot be used.
    pub lost: Vec<KeyView>,
    /// Imported client passwords that were not used yet: they are under no key.
    pub imported: i64,
}

/// A key, and what is under it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyView {
    /// Its id: 16 hex digits.
    pub id: String,
    /// Client passwords.
    pub passwords: i64,
    /// Marks of removed ones.
    pub removed: i64,
    /// Second factors.
    pub factors: i64,
    /// Recovery codes.
    pub recovery_codes: i64,
}
