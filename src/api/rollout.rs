//! The API's types of roll-outs.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// Whom the rules meet, or would meet once they are enforced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutList {
    /// The accounts, in the order of their names.
    pub accounts: Vec<RolloutView>,
    /// Ask again with `after` the last one: there are more.
    pub more: bool,
}

/// An account whose mail clients do what the rules forbid, or will.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutView {
    /// The account, or what was typed in its place.
    pub account: String,
    /// Logins that were let in and would have been refused (observe-only).
    pub would_refuse: i64,
    /// Why: the stable words.
    pub reasons: Vec<String>,
    /// Logins that the rules let in with the main password.
    pub main_password: i64,
    /// Over which protocols.
    pub protocols: Vec<String>,
    /// From how many addresses.
    pub addresses: i64,
    /// The last time.
    pub last: Timestamp,
    /// Whether there is an account of that name here.
    pub known: bool,
    /// Whether its two-factor is on.
    pub two_factor: bool,
    /// How many client passwords it has.
    pub passwords: u32,
    /// How many of them were ever used.
    pub passwords_used: u32,
}
