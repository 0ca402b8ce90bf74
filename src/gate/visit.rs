//! Visits to the portal: who came in, and who knew the main password and was stopped at the second factor.
//!
//! Somebody who is stopped knows a main password: its owner has to learn of it. But most of those who are stopped are the
//! owner, who mistyped a code or gave up: from a browser and an address from which a second factor was proved lately that
//! is a *slip*, until it happens again and again. What is no slip is told to the owner, once a day for each source, and not
//! more than a few times a day in all, so that nobody fills a mailbox by guessing.

use std::time::Duration;

use super::factor::FactorKind;
use super::session::PENDING;
use crate::clock::Timestamp;

/// So long visits are kept and shown.
pub const KEPT: Duration = Duration::from_secs(7 * 86_400);
/// Attempts of one browser that are stopped within so long are one visit.
pub const TOGETHER: Duration = Duration::from_secs(3600);
/// The most visits of an account that came in, and as many that did not. Those that were last used longest ago are forgotten
/// for new ones, so that nobody who is stopped hides who came in.
pub const VISITS_MAX: u32 = 200;
/// So many wrong second factors in one visit are told at once; else it is waited until none can come any more.
pub const WRONG_MAX: u32 = 3;
/// So many attempts in a row of a browser that is known are no slip any more.
pub const SLIPS_MAX: u32 = 3;
/// An owner is told of one source once in so long.
pub const TOLD_AGAIN: Duration = Duration::from_secs(86_400);
/// And of all sources together so often in that time.
pub const TOLD_MAX: usize = 5;

/// What was proved by whoever came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The main password alone: there is no second factor.
    MainPassword,
    /// The main password, in a browser that is trusted.
    Trusted,
    /// The main password and a factor of this kind.
    Factor(FactorKind),
    /// The main password and a recovery code.
    Recovery,
}

impl By {
    /// The stable word for store, events and API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::MainPassword => "main-password",
            Self::Trusted => "trusted",
            Self::Factor(kind) => kind.word(),
            Self::Recovery => "recovery",
        }
    }

    /// Reads [`By::word`].
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "main-password" => Some(Self::MainPassword),
            "trusted" => Some(Self::Trusted),
            "recovery" => Some(Self::Recovery),
            kind => FactorKind::parse(kind).map(Self::Factor),
        }
    }
}

/// How far a visit came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The main password was right; a second factor may still be proved.
    Pending,
    /// Nobody proved one.
    Stopped,
    /// All the way.
    In(By),
}

impl Outcome {
    /// The stable word for store and API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Stopped => "stopped",
            Self::In(_) => "in",
        }
    }
}

/// A visit, or several of one browser that were stopped one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The store's number for it; 0: it is new.
    pub id: i64,
    /// Whose account.
    pub account_id: i64,
    /// The session of the last attempt; numbers of sessions are never used again.
    pub session: Option<i64>,
    /// How far it came.
    pub outcome: Outcome,
    /// When the main password was right first.
    pub begun: Timestamp,
    /// When it was right last.
    pub last: Timestamp,
    /// How many attempts.
    pub count: u32,
    /// How many wrong second factors.
    pub wrong: u32,
    /// The address as failures are counted: a network, with IPv6.
    pub source: String,
    /// The address.
    pub address: Option<String>,
    /// The operating system; empty: unknown.
    pub system: String,
    /// The program; empty: unknown.
    pub program: String,
    /// When the owner was told of it.
    pub told: Option<Timestamp>,
}

impl Visit {
    /// Whether it came in.
    #[must_use]
    pub fn came_in(&self) -> bool {
        matches!(self.outcome, Outcome::In(_))
    }

    /// Whether it is the same kind of browser at the same place.
    #[must_use]
    pub fn is_alike(&self, other: &Self) -> bool {
        (&self.source, &self.system, &self.program) == (&other.source, &other.system, &other.program)
    }

    /// Whether no second factor can be proved in it any more.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.outcome == Outcome::Pending
            && (self.last <= now.minus(PENDING) || self.begun <= now.minus(2 * PENDING))
    }

    /// Whether it joins one before it, which was stopped as well.
    #[must_use]
    pub fn joins(&self, before: &Self) -> bool {
        before.outcome == Outcome::Stopped
            && self.is_alike(before)
            && self.begun < before.begun.plus(TOGETHER)
    }

    /// Whether the owner has to be asked about it now, and not only when it is over: wrong factors in a row.
    #[must_use]
    pub fn guesses(&self) -> bool {
        self.wrong > 0 && self.wrong.is_multiple_of(WRONG_MAX)
    }

    /// How much it weighs against the belief that somebody slipped.
    fn weight(&self) -> u32 {
        self.count.max(self.wrong / WRONG_MAX)
    }

    /// Whether its owner probably mistyped, or gave up: `all` are the account's visits.
    #[must_use]
    pub fn is_slip(&self, all: &[Self]) -> bool {
        let proved = |visit: &&Self| matches!(visit.outcome, Outcome::In(by) if by != By::MainPassword);
        let lately = self.last.minus(KEPT);
        let alike = || all.iter().filter(|visit| visit.is_alike(self));
        let Some(known) = alike().filter(proved).map(|visit| visit.last).filter(|last| *last >= lately).max()
        else {
            return false;
        };
        let since = known.max(self.last.minus(TOLD_AGAIN));
        let again = alike().filter(|visit| !visit.came_in() && visit.last > since);
        again.map(Self::weight).sum::<u32>() < SLIPS_MAX
    }

    /// Whether the owner is told of it at `now`: `all` are the account's visits, this one among them.
    #[must_use]
    pub fn is_told(&self, all: &[Self], now: Timestamp) -> bool {
        let lately: Vec<&Self> =
            all.iter().filter(|visit| visit.told.is_some_and(|told| now < told.plus(TOLD_AGAIN))).collect();
        lately.len() < TOLD_MAX && lately.iter().all(|told| told.source != self.source) && !self.is_slip(all)
    }
}

#[cfg(test)]
#[path = "visit/tests.rs"]
mod tests;
