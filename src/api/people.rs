//! The API's types of what administrators do about somebody's second factors and main password.

use serde::{Deserialize, Serialize};

use super::portal::Hidden;
use crate::clock::Timestamp;

/// Takes an account's second factors and recovery codes away, ends its sessions and all trust, forgets wrong codes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactorsReset {
    /// Why: kept in the events, and told to the owner.
    pub reason: String,
    /// Turn two-factor off too. Else it stays on, and the next sign-in leads to setting it up.
    #[serde(default)]
    pub two_factor_off: bool,
}

/// What came of a reset: the only answer that carries the set-up code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetAnswer {
    /// The set-up code that has to be given before another second factor is bound; absent: none is asked for.
    pub set_up_code: Option<Hidden>,
    /// When it ends.
    pub ends: Option<Timestamp>,
}

/// Wrong codes that were forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlocked {
    /// How many in a row there were; 0: nothing was locked, and nothing was done.
    pub failures: u32,
}

/// A main password to be set, where no upstream knows any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewMainPassword {
    /// The main password.
    pub password: Hidden,
}
