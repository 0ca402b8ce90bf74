//! Is it the passwords, or is it Dovecot's password database?
//!
//! Dovecot 2.3 reports a login that its password database could not decide as it reports a wrong password: no field, no
//! order of questions and no time tells the one from the other. What tells them is what everybody else hears. While the
//! database is away nobody gets in; so when accounts from several sources fail, each of another person, and nobody has
//! got in since the first of them, the failures are taken for an outage: they count no longer, those that were counted
//! are taken back with the blocks that they made, and the first success ends it. Few are enough where they had got in
//! from the same source before; strangers must be more, because some are always guessing.
//!
//! # What an attacker can make of it
//!
//! Whoever has twenty-five addresses can look like an outage on a quiet night. So every source has an allowance: as many
//! failures as block it ([`LockoutRules::failures`]), coming back one by one over the time that a block lasts. What is
//! forgiven or taken back is paid from it, a block that is lifted at its whole price. When it is spent, the source's
//! failures count; but the one that would block it is not tried, and put off until somebody got in or some of the
//! allowance has come back.
//!
//! So in any time *T* a source has at most `failures + T * failures / block_for` guesses forgiven, beside those that
//! count and block it: never more than about twice what it has anyway, and ten once. The property test below plays it.

use std::collections::HashMap;
use std::time::Duration;

use hashlink::LinkedHashMap;

use super::address::Key;
use super::key::AccountTag;
use super::record::{AddressRecord, Block, Failure, LockoutRules, Run};
use crate::clock::Timestamp;

/// So many sources must fail, each with an account that none of the others failed with first, and nobody succeed.
pub const STRANGERS_FAILING: usize = 25;
/// So many are enough where each account had got in from its source before.
pub const FAMILIAR_FAILING: usize = 3;
/// Accounts that got in, with their sources, that are remembered; past it the one that got in longest ago is a stranger.
pub const FAMILIAR_MAX: usize = 100_000;
/// Failures of longer ago say nothing about now.
pub const WINDOW: Duration = Duration::from_secs(3600);
/// Sources whose failures are remembered at once; past it the one that failed longest ago is forgotten.
pub const FAILING_MAX: usize = 10_000;
/// Sources whose allowance is remembered at once; past it the oldest has a whole one again.
pub const ALLOWANCES_MAX: usize = 100_000;

/// What is known of a peer that tells no more than "failed".
#[derive(Debug, Default)]
pub struct Outage {
    /// Sources that failed since the last success; the one that failed last comes last.
    failing: LinkedHashMap<Key, Failing>,
    /// The accounts with which they failed first, and how many did.
    firsts: HashMap<AccountTag, usize>,
    /// The same of those that had got in before.
    familiar_firsts: HashMap<AccountTag, usize>,
    /// Who got in, from where.
    familiar: LinkedHashMap<(AccountTag, Key), ()>,
    since: Option<Timestamp>,
    /// When each source's allowance is whole again, in milliseconds.
    allowances: LinkedHashMap<Key, i64>,
}

#[derive(Debug)]
struct Failing {
    first: AccountTag,
    /// The first one that had got in from there before.
    familiar: Option<AccountTag>,
    last: Timestamp,
    /// What its record held before.
    before: Vec<Failure>,
    counted: Vec<Failure>,
    /// The block that its failures made.
    block: Option<Block>,
}

/// A failure that was counted.
#[derive(Clone, Debug)]
pub struct Counted {
    /// Of whose password.
    pub failure: Failure,
    /// The source's failures before it.
    pub before: Vec<Failure>,
    /// The block that it made.
    pub block: Option<Block>,
}

/// What is to be taken back of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakeBack {
    /// Which.
    pub source: Key,
    failures: Vec<Failure>,
    before: Vec<Failure>,
    block: Option<Block>,
}

/// What follows from a failure that was counted.
#[derive(Debug, Default)]
pub struct Noted {
    /// An outage was recognised just now.
    pub begins: bool,
    /// What is to be taken back for it.
    pub take_back: Vec<TakeBack>,
}

impl Outage {
    /// Since when nobody gets in.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// Whether an attempt of a source with so many failures may be tried: during an outage not where it would block it.
    #[must_use]
    pub fn lets_try(&self, source: &Key, failures: usize, now: Timestamp, rules: &LockoutRules) -> bool {
        let would_block = failures + 1 >= rules.failures as usize;
        self.since.is_none() || !would_block || self.allowance(source, now, rules) > 0
    }

    /// A failure was reported. Whether it is forgiven: it does not count then.
    pub fn forgives(&mut self, source: &Key, now: Timestamp, rules: &LockoutRules) -> bool {
        self.since.is_some() && self.pay(source, 1, now, rules)
    }

    /// A failure that is not forgiven was reported, and (unless its source is exempt) counted.
    pub fn note(
        &mut self,
        source: Key,
        account: AccountTag,
        counted: Option<Counted>,
        now: Timestamp,
        rules: &LockoutRules,
    ) -> Noted {
        self.forget(now);
        let before = || counted.as_ref().map(|counted| counted.before.clone()).unwrap_or_default();
        let mut failing = self.failing.remove(&source).unwrap_or_else(|| {
            // Whoever has no address is counted per account, and can be anybody's.
            if let Key::Network { .. } = source {
                *self.firsts.entry(account).or_default() += 1;
            }
            let (familiar, counted) = (None, Vec::new());
            Failing { first: account, familiar, last: now, before: before(), counted, block: None }
        });
        failing.last = now;
        if let Key::Network { .. } = source
            && failing.familiar.is_none()
            && self.familiar.contains_key(&(account, source))
        {
            failing.familiar = Some(account);
            *self.familiar_firsts.entry(account).or_default() += 1;
        }
        if let Some(counted) = counted {
            failing.counted.push(counted.failure);
            failing.block = counted.block;
        }
        self.failing.insert(source, failing);
        let many = self.firsts.len() >= STRANGERS_FAILING || self.familiar_firsts.len() >= FAMILIAR_FAILING;
        let begins = self.since.is_none() && many;
        if begins {
            self.since = Some(now);
        }
        let take_back = if self.since.is_some() { self.take_back(now, rules) } else { Vec::new() };
        Noted { begins, take_back }
    }

    /// Somebody got in: the peer works. Since when it did not, if that was so.
    pub fn succeeded(&mut self, account: AccountTag, source: Key) -> Option<Timestamp> {
        self.familiar.insert((account, source), ());
        if self.familiar.len() > FAMILIAR_MAX {
            self.familiar.pop_front();
        }
        self.failing.clear();
        self.firsts.clear();
        self.familiar_firsts.clear();
        self.since.take()
    }

    /// All that was counted, as far as the allowances reach.
    fn take_back(&mut self, now: Timestamp, rules: &LockoutRules) -> Vec<TakeBack> {
        let failing: Vec<_> = self.failing.drain().collect();
        self.firsts.clear();
        self.familiar_firsts.clear();
        let mut all = Vec::new();
        for (source, mut failing) in failing {
            if failing.block.is_some() {
                let price = (rules.failures as usize).saturating_sub(failing.before.len());
                if !self.pay(&source, price, now, rules) {
                    continue;
                }
            } else {
                let paid = failing.counted.len().min(self.allowance(&source, now, rules));
                self.pay(&source, paid, now, rules);
                failing.counted.truncate(paid);
            }
            if !failing.counted.is_empty() {
                let Failing { before, counted: failures, block, .. } = failing;
                all.push(TakeBack { source, failures, before, block });
            }
        }
        all
    }

    fn forget(&mut self, now: Timestamp) {
        while self.failing.len() >= FAILING_MAX
            || self.failing.front().is_some_and(|(_, failing)| failing.last.plus(WINDOW) <= now)
        {
            let Some((source, failing)) = self.failing.pop_front() else { break };
            if let Key::Network { .. } = source {
                one_less(&mut self.firsts, failing.first);
            }
            if let Some(familiar) = failing.familiar {
                one_less(&mut self.familiar_firsts, familiar);
            }
        }
    }

    /// How many failures of a source could be forgiven.
    fn allowance(&self, source: &Key, now: Timestamp, rules: &LockoutRules) -> usize {
        let price = price(rules);
        let owed = self.allowances.get(source).map_or(0, |whole| (whole - millis(now)).max(0));
        let room = price.saturating_mul(i64::from(rules.failures)).saturating_sub(owed);
        usize::try_from(room / price).unwrap_or(0)
    }

    /// Pays for so many failures, or for none.
    fn pay(&mut self, source: &Key, failures: usize, now: Timestamp, rules: &LockoutRules) -> bool {
        if failures > self.allowance(source, now, rules) {
            return false;
        }
        let whole = self.allowances.remove(source).unwrap_or(0).max(millis(now));
        let cost = price(rules).saturating_mul(i64::try_from(failures).unwrap_or(i64::MAX));
        self.allowances.insert(*source, whole.saturating_add(cost));
        if self.allowances.len() > ALLOWANCES_MAX {
            self.allowances.pop_front();
        }
        true
    }
}

fn one_less(counts: &mut HashMap<AccountTag, usize>, account: AccountTag) {
    if let Some(count) = counts.get_mut(&account) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&account);
        }
    }
}

/// The time in which the allowance of one failure comes back.
fn price(rules: &LockoutRules) -> i64 {
    let block = i64::try_from(rules.block_for.as_millis()).unwrap_or(i64::MAX);
    (block / i64::from(rules.failures.max(1))).max(1)
}

fn millis(now: Timestamp) -> i64 {
    now.0.saturating_mul(1000)
}

impl TakeBack {
    /// The record of the source without what is taken back, and whether a block was lifted for it. A block that
    /// somebody else made stays.
    #[must_use]
    pub fn from(&self, record: Option<AddressRecord>) -> (Option<AddressRecord>, bool) {
        match record {
            Some(AddressRecord::Run(mut run)) => {
                for failure in &self.failures {
                    if let Some(place) = run.failures.iter().rposition(|known| known == failure) {
                        run.failures.remove(place);
                    }
                }
                (Some(run).filter(|run| !run.failures.is_empty()).map(AddressRecord::Run), false)
            }
            Some(AddressRecord::Blocked(block)) if self.block.as_ref() == Some(&block) => {
                let run = Run { failures: self.before.clone(), last: block.since, told: None };
                (Some(run).filter(|run| !run.failures.is_empty()).map(AddressRecord::Run), true)
            }
            record => (record, false),
        }
    }
}

#[cfg(test)]
#[path = "outage/tests.rs"]
mod tests;
