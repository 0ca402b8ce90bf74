//! "My address is blocked": see it, and lift it.

use super::problem::Problem;
use super::routes;
use crate::clock::Timestamp;

/// The visitor's address.
#[derive(Clone, Debug)]
pub struct Block {
    /// The address or network that is counted together.
    pub address: String,
    /// The end of its block; `None`: it is not blocked.
    pub until: Option<Timestamp>,
    /// Somebody is signed in, past the second factor, and may lift it.
    pub may_lift: bool,
    /// Why it comes back.
    pub problem: Option<Problem>,
}

page!(Block, "block.html");
