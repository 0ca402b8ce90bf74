//! "My address is blocked": see it, and lift it.

use super::problem::Problem;
use super::routes;
use crate::clock::Timestamp;

/// Another address that is blocked, from which the account failed.
#[derive(Clone, Debug)]
pub struct OtherBlock {
    /// The address or network.
    pub address: String,
    /// Where that is; empty: unknown.
    pub place: String,
    /// When the block began.
    pub since: Timestamp,
    /// When it ends.
    pub until: Timestamp,
}

/// The visitor's address, and others of the account.
#[derive(Clone, Debug)]
pub struct Block {
    /// The address or network that is counted together; `None`: nobody knows it.
    pub address: Option<String>,
    /// The end of its block; `None`: it is not blocked.
    pub until: Option<Timestamp>,
    /// The blocked network that it is in; `None`: it is blocked itself, or not at all.
    pub network: Option<String>,
    /// Others that are blocked, the one that ends first first.
    pub others: Vec<OtherBlock>,
    /// Somebody is signed in, past the second factor, and may lift them.
    pub may_lift: bool,
    /// Why it comes back.
    pub problem: Option<Problem>,
}

page!(Block, "block.html");
