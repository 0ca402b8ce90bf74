//! What the daemon says of itself to `sidegate doctor`.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// What only the daemon knows. For administrators.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// Its version.
    pub version: String,
    /// Its clock.
    pub now: Timestamp,
    /// When it started.
    pub since: Timestamp,
    /// The file its settings came from.
    pub config_file: String,
    /// A fingerprint of the settings in force, to be compared with that of the files.
    pub settings: String,
    /// Whether the last write reached the disk.
    pub store_writable: bool,
    /// `ok`, or what is wrong with the database.
    pub store_check: String,
    /// `ok`, or what is wrong with the file of the store's keys.
    pub key_check: String,
    /// Store keys that the key file does not have although second factors or recovery codes are under them, each with all
    /// that is under it.
    pub keys_lost: Vec<String>,
    /// The time of the newest event.
    pub last_event: Option<Timestamp>,
    /// Whether the upstream answers; absent in full mode.
    pub upstream_connected: Option<bool>,
    /// File descriptors in use.
    pub descriptors: u64,
    /// How many it may have.
    pub descriptors_max: u64,
    /// Its listeners, in the order of the configuration.
    pub doors: Vec<DoorView>,
    /// Protocols of logins that came without a client address in the last 7 days.
    pub address_missing: Vec<String>,
    /// Addresses from which many accounts logged in, in the last 7 days, and that nobody declared.
    pub proxies_suspected: Vec<String>,
    /// The upstream's user database looks at the part before the `@` only.
    pub domains_ignored: bool,
    /// Mailboxes that several accounts have: the accounts of each.
    pub shared_mailboxes: Vec<Vec<String>>,
    /// Names in the store that nobody can use, in words: an older spelling of one that is there as well, or none at all.
    pub names_left: Vec<String>,
    /// Whether nobody gets in at Dovecot's own password database, as far as its auth policy reports.
    pub passdb_away: bool,
    /// How many times failures in a row blocked an address in the last 7 days.
    pub streaks: u32,
    /// How many of these blocks `lockout.repeats = "once"` would have spared.
    pub streaks_spared: u32,
}

/// A listener, and when it was last asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoorView {
    /// What is spoken there.
    pub protocol: String,
    /// Where: a path, or an address and port.
    pub path: String,
    /// Since when it is there, restarts of the daemon notwithstanding.
    pub since: Timestamp,
    /// The last question, to this daemon or one before it; numbers for monitoring and those of `sidegate doctor` do not
    /// count.
    pub last_question: Option<Timestamp>,
}
