//! The administrator's pages.

use super::chart::{self, Span};
use super::frame::Frame;
use super::problem::Problem;
use super::proof::Choice;
use super::{routes, times};
use crate::clock::Timestamp;

/// An address or account, and how often.
#[derive(Clone, Debug)]
pub struct Count {
    /// Which.
    pub name: String,
    /// Failures.
    pub failures: usize,
}

/// Failures and blocks over time.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Hour by hour, oldest first.
    pub spans: Vec<Span>,
    /// Addresses with the most failures.
    pub addresses: Vec<Count>,
    /// Accounts with the most failures.
    pub accounts: Vec<Count>,
    /// How many addresses are blocked now.
    pub blocks: usize,
}

page!(Admin, "admin.html");

impl Admin {
    /// The chart.
    #[must_use]
    pub fn chart(&self, f: &Frame) -> String {
        chart::drawing(&self.spans, &f.zone)
    }

    /// All failures of the chart.
    #[must_use]
    pub fn failures(&self) -> String {
        self.spans.iter().map(|span| u64::from(span.failures)).sum::<u64>().to_string()
    }

    /// All new blocks of the chart.
    #[must_use]
    pub fn new_blocks(&self) -> String {
        self.spans.iter().map(|span| u64::from(span.blocks)).sum::<u64>().to_string()
    }

    /// The hours in which something happened: their beginning, failures, blocks.
    #[must_use]
    pub fn rows(&self, f: &Frame) -> Vec<(String, u32, u32)> {
        let row = |span: &Span| (times::time(span.at, f.language, &f.zone), span.failures, span.blocks);
        self.spans.iter().filter(|span| span.failures > 0 || span.blocks > 0).map(row).collect()
    }
}

/// A block in the list.
#[derive(Clone, Debug)]
pub struct BlockLine {
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
}

/// All blocks.
#[derive(Clone, Debug)]
pub struct AdminBlocks {
    /// The blocks.
    pub blocks: Vec<BlockLine>,
}

page!(AdminBlocks, "admin_blocks.html");

/// An account in the list.
#[derive(Clone, Debug)]
pub struct AccountLine {
    /// Its address.
    pub address: String,
    /// Not disabled.
    pub enabled: bool,
    /// Two-factor is on.
    pub two_factor: bool,
    /// How many client passwords it has.
    pub passwords: usize,
}

impl AccountLine {
    /// Where its facts are.
    #[must_use]
    pub fn path(&self) -> String {
        routes::admin_account(&self.address)
    }
}

/// Accounts that were searched for.
#[derive(Clone, Debug)]
pub struct AdminAccounts {
    /// What was typed.
    pub search: String,
    /// What was found.
    pub accounts: Vec<AccountLine>,
    /// There are more than are shown.
    pub more: bool,
}

page!(AdminAccounts, "admin_accounts.html");

/// An account.
#[derive(Clone, Debug)]
pub struct AdminAccount {
    /// Its address.
    pub address: String,
    /// Not disabled.
    pub enabled: bool,
    /// Two-factor is on.
    pub two_factor: bool,
    /// Its group.
    pub group: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// Its second factors.
    pub factors: Vec<Choice>,
    /// The names of its client passwords, and when each was used last.
    pub passwords: Vec<(String, Option<Timestamp>)>,
    /// The reason typed before.
    pub reason: String,
    /// Why it comes back.
    pub problem: Option<Problem>,
}

page!(AdminAccount, "admin_account.html");

impl AdminAccount {
    /// Where its factors are reset.
    #[must_use]
    pub fn path(&self) -> String {
        routes::admin_account(&self.address)
    }
}

/// An account whose mail programs do what the rules forbid, or will.
#[derive(Clone, Debug)]
pub struct RolloutLine {
    /// Its address.
    pub account: String,
    /// Logins that would have been refused.
    pub would_refuse: usize,
    /// Logins with the main password.
    pub main_password: usize,
    /// Two-factor is on.
    pub two_factor: bool,
    /// How many client passwords it has.
    pub passwords: usize,
    /// The last such login.
    pub last: Timestamp,
}

impl RolloutLine {
    /// Where its facts are.
    #[must_use]
    pub fn path(&self) -> String {
        routes::admin_account(&self.account)
    }
}

/// Whom the rules meet.
#[derive(Clone, Debug)]
pub struct AdminRollout {
    /// The accounts, those with most to do first.
    pub accounts: Vec<RolloutLine>,
    /// There are more than are shown.
    pub more: bool,
    /// Nothing is refused yet (observe-only).
    pub observe_only: bool,
}

page!(AdminRollout, "admin_rollout.html");
