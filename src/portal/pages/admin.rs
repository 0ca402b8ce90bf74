//! The administrator's pages.

use super::chart::{self, Span};
use super::frame::Frame;
use super::passwords::{Password, spoken};
use super::problem::Problem;
use super::proof::Choice;
use super::{routes, times};
use crate::clock::Timestamp;

/// An address or account, and how often.
#[derive(Clone, Debug)]
pub struct Count {
    /// Which.
    pub name: String,
    /// Where an address is; empty: unknown, or an account.
    pub place: String,
    /// Failures.
    pub failures: u32,
}

/// How many hours can be looked at: a day and a week.
pub const PERIODS: [u16; 2] = [24, 168];

/// Failures and blocks over time.
#[derive(Clone, Debug)]
pub struct Admin {
    /// How many hours are looked at.
    pub hours: u16,
    /// Hour by hour, oldest first.
    pub spans: Vec<Span>,
    /// Addresses with the most failures.
    pub addresses: Vec<Count>,
    /// Accounts with the most failures.
    pub accounts: Vec<Count>,
    /// How many addresses are blocked now.
    pub blocks: usize,
}

/// A period to choose: its path, what it is called, chosen.
pub type Period = (String, String, bool);

page!(Admin, "admin.html");

impl Admin {
    /// The periods to choose from.
    #[must_use]
    pub fn periods(&self, f: &Frame) -> [Period; 2] {
        PERIODS.map(|hours| {
            let text = if hours == PERIODS[0] { f.t("admin-day") } else { f.t("admin-week") };
            (routes::admin_hours(hours), text, hours == self.hours)
        })
    }

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
    /// Where that is; empty: unknown.
    pub place: String,
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
    /// These are not the first.
    pub later: bool,
}

page!(AdminAccounts, "admin_accounts.html");

impl AdminAccounts {
    /// Where the next ones are.
    #[must_use]
    pub fn next(&self) -> Option<String> {
        let last = self.accounts.last().filter(|_| self.more)?;
        Some(routes::admin_accounts(&self.search, &last.address))
    }
}

/// A second factor of an account.
#[derive(Clone, Debug)]
pub struct FactorLine {
    /// Which.
    pub choice: Choice,
    /// When it was bound.
    pub since: Timestamp,
    /// When it was used last; `None`: never.
    pub last_use: Option<Timestamp>,
}

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
    pub factors: Vec<FactorLine>,
    /// Recovery codes that are left; `None`: none were ever made.
    pub recovery_codes: Option<usize>,
    /// Wrong codes in a row.
    pub failures: usize,
    /// Its client passwords.
    pub passwords: Vec<Password>,
    /// How many sessions of the portal it has.
    pub sessions: usize,
    /// How many delegations it granted.
    pub delegations: usize,
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
    /// Over which protocols.
    pub protocols: Vec<String>,
    /// From how many addresses.
    pub addresses: usize,
    /// There is such an account: else it is what was typed in its place.
    pub known: bool,
    /// Two-factor is on.
    pub two_factor: bool,
    /// How many client passwords it has.
    pub passwords: usize,
    /// How many of them were ever used.
    pub used: usize,
    /// The last such login.
    pub last: Timestamp,
}

impl RolloutLine {
    /// Where its facts are.
    #[must_use]
    pub fn path(&self) -> String {
        routes::admin_account(&self.account)
    }

    /// The protocols as people write them.
    #[must_use]
    pub fn protocols(&self) -> String {
        self.protocols.iter().map(|protocol| spoken(protocol)).collect::<Vec<_>>().join(", ")
    }

    /// How many of its client passwords are in use.
    #[must_use]
    pub fn in_use(&self, f: &Frame) -> String {
        f.t2("admin-used-of", "used", self.used.to_string(), "all", self.passwords.to_string())
    }
}

/// Whom the rules meet.
#[derive(Clone, Debug)]
pub struct AdminRollout {
    /// The accounts, in the order of their names.
    pub accounts: Vec<RolloutLine>,
    /// There are more than are shown.
    pub more: bool,
    /// How many days are looked at.
    pub days: usize,
}

page!(AdminRollout, "admin_rollout.html");

impl AdminRollout {
    /// Something was let in that the rules forbid: nothing is refused yet (observe-only).
    #[must_use]
    pub fn observes(&self) -> bool {
        self.accounts.iter().any(|line| line.would_refuse > 0)
    }

    /// Where the next ones are.
    #[must_use]
    pub fn next(&self) -> Option<String> {
        let last = self.accounts.last().filter(|_| self.more)?;
        Some(routes::admin_rollout(&last.account))
    }
}
