//! The API's types of what administrators do about somebody's second factors and main password.

use serde::{Deserialize, Serialize};

use super::portal::Hidden;

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

/// A main password to be set, where no upstream knows any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewMainPassword {
    /// The main password.
    pub password: Hidden,
}
