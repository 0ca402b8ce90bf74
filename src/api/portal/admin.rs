//! What administrators see and do in the portal.

use serde::{Deserialize, Serialize};

use super::FactorView;
use crate::clock::Timestamp;

/// Failures and blocks of all accounts over time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overview {
    /// Hour by hour, oldest first, without gaps.
    pub hours: Vec<HourView>,
    /// Addresses with the most failures.
    pub addresses: Vec<CountView>,
    /// Accounts with the most failures.
    pub accounts: Vec<CountView>,
    /// Blocks at present.
    pub blocks: u32,
}

/// An hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourView {
    /// Its beginning.
    pub at: Timestamp,
    /// Refused logins.
    pub failures: u32,
    /// New blocks.
    pub blocks: u32,
}

/// An address or account, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountView {
    /// Which.
    pub name: String,
    /// Refused logins.
    pub failures: u32,
    /// An address that is blocked: until then; absent: it is not.
    pub blocked: Option<Timestamp>,
    /// What is blocked: the address, or a network around it.
    pub block: Option<String>,
}

/// An account as an administrator sees it, with its second factors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountFactors {
    /// Its address.
    pub address: String,
    /// Its second factors, oldest first.
    pub factors: Vec<FactorView>,
    /// Recovery codes that are left; absent: none were ever made.
    pub recovery_codes: Option<u32>,
    /// Wrong codes in a row.
    pub failures: u32,
    /// How many client passwords it has.
    pub passwords: u32,
    /// How many delegations it granted.
    pub delegations: u32,
    /// No code is looked at before then; absent: each is, or none (`locked`).
    pub wait: Option<Timestamp>,
    /// No code is looked at before somebody unlocks them.
    pub locked: bool,
    /// When the set-up code ends that has to be given before a factor is bound; absent: there is none.
    pub set_up_code: Option<Timestamp>,
    /// When somebody last signed in at the portal, all the way; absent: never.
    pub signed_in: Option<Timestamp>,
    /// Sessions at the portal.
    pub sessions: u32,
    /// Browsers that are trusted.
    pub trusted: u32,
    /// A reset makes a set-up code (`portal.set_up_code`).
    pub makes_code: bool,
    /// The numbers of the second factors that cannot be used, since the key file does not have their store key.
    pub lost: Vec<i64>,
}

/// A reset of an account's second factors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    /// Why: kept in the events, and told to the owner.
    pub reason: String,
}
