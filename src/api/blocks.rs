//! Blocks, and what is known of one source.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::gate::streak::Streak;

/// All blocks, the one that ends first first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockList {
    /// The blocks.
    pub blocks: Vec<BlockView>,
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockView {
    /// The address or network.
    pub address: String,
    /// When it began.
    pub since: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
    /// It is in `lockout.exempt`: the block has no effect.
    pub exempt: bool,
    /// The failures that led to it; null: somebody made it by hand.
    #[serde(default)]
    pub streak: Option<StreakView>,
}

/// The failures in a row that led to a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreakView {
    /// How many.
    pub failures: u32,
    /// How many accounts they were for.
    pub accounts: u32,
    /// How many of them had a wrong password that came more than once for its account.
    pub repeated: u32,
    /// How many such passwords there were, each for its account.
    pub passwords: u32,
    /// The mail program that repeated them, as it calls itself; null: it told no name.
    pub program: Option<String>,
    /// `lockout.repeats = "once"` would have spared the block.
    pub spared: bool,
}

impl From<Streak> for StreakView {
    fn from(streak: Streak) -> Self {
        let Streak { failures, accounts, repeated, passwords, owners: _, program, spared } = streak;
        let program = program.map(|program| program.to_string());
        Self { failures, accounts, repeated, passwords, program, spared }
    }
}

/// A block that was lifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiftedView {
    /// The address or network whose block it was.
    pub address: String,
    /// The block of a network around it, which goes on.
    pub still: Option<BlockView>,
}

/// A block to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewBlock {
    /// An address, with its whole /64 if it is IPv6; or a network, at least /8 of IPv4 or /16 of IPv6.
    pub address: String,
    /// Seconds that it lasts; absent: `lockout.block_for`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u32>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What is known of one source at this moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceView {
    /// The address, or the network of which failures and blocks are counted together.
    pub address: String,
    /// What blocks it: its own block, or that of a network around it; absent: not blocked.
    pub block: Option<BlockView>,
    /// Failures in a row so far, of `failures_max`.
    pub failures: usize,
    /// How many block it.
    pub failures_max: u32,
    /// It is in `lockout.exempt`.
    pub exempt: bool,
    /// It is in `main_password.allowed_from`.
    pub trusted: bool,
}
