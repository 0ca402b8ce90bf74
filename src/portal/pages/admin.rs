//! The administrator's pages.

use std::fmt;

use super::chart::{self, Span};
use super::frame::Frame;
use super::passwords::{Password, spoken};
use super::problem::Problem;
use super::proof::Choice;
use super::reason::Reason;
use super::{routes, times};
use crate::clock::Timestamp;
use crate::gate::account::Lacks;

/// An address or account, and how often.
#[derive(Clone, Debug)]
pub struct Count {
    /// Which.
    pub name: String,
    /// Where an address is; empty: unknown, or an account.
    pub place: String,
    /// Failures.
    pub failures: u32,
    /// An address that is blocked: until when, and what is blocked, itself or a network around it.
    pub blocked: Option<(Timestamp, String)>,
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

    fn bins(&self, f: &Frame) -> Vec<Span> {
        chart::bins(&self.spans, &f.zone)
    }

    /// More than a day is looked at: a bar stands for several hours.
    fn days(&self) -> bool {
        self.spans.len() > chart::DAY_HOURS
    }

    /// The chart.
    #[must_use]
    pub fn chart(&self, f: &Frame) -> String {
        chart::drawing(&self.bins(f), self.days(), &f.zone)
    }

    /// The highest bar, in words: how many, and from when on.
    #[must_use]
    pub fn peak(&self, f: &Frame) -> Option<String> {
        let Span { at, failures, .. } = chart::peak(&self.bins(f))?;
        let id = if self.days() { "admin-chart-peak-hours" } else { "admin-chart-peak" };
        Some(f.t2(id, "failures", failures.to_string(), "at", f.time(&at)))
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

    /// The bars where something happened: their beginning, failures, blocks.
    #[must_use]
    pub fn rows(&self, f: &Frame) -> Vec<(String, u32, u32)> {
        let row = |span: &Span| (times::time(span.at, f.language, &f.zone), span.failures, span.blocks);
        self.bins(f).iter().filter(|span| span.failures > 0 || span.blocks > 0).map(row).collect()
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
    pub reason: Reason,
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
    /// When somebody last signed in; `None`: never.
    pub signed_in: Option<Timestamp>,
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
    /// Only those that lack something.
    pub only: Option<Lacks>,
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
        Some(routes::admin_accounts(&self.search, self.only.map(Lacks::word), &last.address))
    }

    /// What they may lack: the word, what it is called, chosen.
    #[must_use]
    pub fn filters(&self, f: &Frame) -> Vec<Period> {
        let filter = |only: Option<Lacks>| {
            let (word, id) = match only {
                None => ("", "admin-only-all"),
                Some(lacks @ Lacks::TwoFactor) => (lacks.word(), "admin-only-two-factor-off"),
                Some(lacks @ Lacks::SignIn) => (lacks.word(), "admin-only-never-signed-in"),
                Some(lacks @ Lacks::ClientPassword) => (lacks.word(), "admin-only-no-client-password"),
            };
            (word.to_owned(), f.t(id), only == self.only)
        };
        std::iter::once(None).chain(Lacks::ALL.map(Some)).map(filter).collect()
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

/// Whether codes of an account are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codes {
    /// They are.
    Open,
    /// Not before then.
    Wait(Timestamp),
    /// Not before somebody unlocks them.
    Locked,
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
    /// What that leads to.
    pub codes: Codes,
    /// When the set-up code ends that it waits for.
    pub set_up_code: Option<Timestamp>,
    /// When somebody last signed in; `None`: never.
    pub signed_in: Option<Timestamp>,
    /// Sessions at the portal.
    pub sessions: usize,
    /// Browsers that are trusted.
    pub trusted: usize,
    /// A reset makes a set-up code.
    pub makes_code: bool,
    /// Its client passwords.
    pub passwords: Vec<Password>,
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

/// A set-up code, shown once after a reset.
#[derive(Clone)]
pub struct SetUpCodeShown {
    /// Whose.
    pub address: String,
    /// The code, in groups.
    pub code: String,
    /// When it ends.
    pub ends: Timestamp,
}

page!(SetUpCodeShown, "admin_set_up_code.html");

/// Without the code.
impl fmt::Debug for SetUpCodeShown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetUpCodeShown").field("address", &self.address).finish_non_exhaustive()
    }
}

impl SetUpCodeShown {
    /// The account's page.
    #[must_use]
    pub fn path(&self) -> String {
        routes::admin_account(&self.address)
    }

    /// The code as it is read.
    #[must_use]
    pub fn groups(&self) -> Vec<&str> {
        self.code.split('-').collect()
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
