//! `AddressRecord`: failures in a row from one source, the block they lead to, and its end.
//!
//! - Ten failures in a row (setting) block the source for an hour from the tenth.
//! - Attempts during a block change nothing; the hour over, the run starts at zero.
//! - A success of account A forgets A's failures and only those.
//! - A run is forgotten a day after its last failure.

use std::time::Duration;

use super::address::Key;
use super::key::{AccountTag, SecretTag};
use super::streak::{Program, Streak, Told};
use crate::clock::Timestamp;

/// The most failures a record keeps. More than any sensible `lockout.failures`.
pub const FAILURES_MAX: usize = 1000;

/// The reason of a block that somebody made by hand, and said no other.
pub const BY_HAND: &str = "by an administrator";

/// The settings that these rules go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockoutRules {
    /// Failures in a row that block; 1..=[`FAILURES_MAX`].
    pub failures: u32,
    /// How long a block lasts.
    pub block_for: Duration,
    /// How long after its last failure a run is forgotten.
    pub forget_after: Duration,
    /// Count the same wrong secret for the same account from the same source once.
    pub repeats_once: bool,
}

/// One failure of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whose password was guessed at.
    pub account: AccountTag,
    /// Which wrong secret it was.
    pub secret: SecretTag,
}

/// Failures in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Oldest first.
    pub failures: Vec<Failure>,
    /// When the last one came, counted or not.
    pub last: Timestamp,
    /// The last mail program that told its name, and for which account.
    pub told: Option<Box<Told>>,
}

/// A block and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// When it began.
    pub since: Timestamp,
    /// The first moment at which attempts are looked at again.
    pub until: Timestamp,
    /// Why, in words for the administrator.
    pub reason: String,
    /// What led to it; `None`: somebody made it by hand.
    pub streak: Option<Box<Streak>>,
}

impl Block {
    /// One that somebody makes by hand.
    #[must_use]
    pub fn by_hand(since: Timestamp, until: Timestamp, reason: impl Into<String>) -> Self {
        Self { since, until, reason: reason.into(), streak: None }
    }

    /// Whether it holds at `now`.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        now < self.until
    }

    /// The same block when the wall clock was set back before the daemon started: it may not last
    /// longer than it was to last when it was made.
    #[must_use]
    pub fn clamped(mut self, now: Timestamp) -> Self {
        let step = self.since.0.saturating_sub(now.0).max(0);
        self.since = Timestamp(self.since.0 - step);
        self.until = Timestamp(self.until.0 - step);
        self
    }
}

/// All that is known of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressRecord {
    /// Failures, not enough of them to block.
    Run(Run),
    /// Blocked.
    Blocked(Block),
}

/// How an attempt ended, as far as its source is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The secret was right.
    Succeeded(AccountTag),
    /// It was not; and what the mail program calls itself, if it says so.
    Failed(Failure, Option<Program>),
}

impl AddressRecord {
    /// Whether there is still anything to remember at `now`.
    #[must_use]
    pub fn holds(&self, now: Timestamp, rules: &LockoutRules) -> bool {
        match self {
            Self::Blocked(block) => block.holds(now),
            Self::Run(run) => now < run.last.plus(rules.forget_after),
        }
    }

    /// The record after an attempt on `key`; `None` when nothing is left to remember.
    ///
    /// A source without an address is never blocked: its count stops one short of it.
    #[must_use]
    pub fn settle(
        record: Option<Self>,
        key: &Key,
        outcome: Outcome,
        now: Timestamp,
        rules: &LockoutRules,
    ) -> Option<Self> {
        let mut run = match record.filter(|record| record.holds(now, rules)) {
            Some(blocked @ Self::Blocked(_)) => return Some(blocked),
            Some(Self::Run(run)) => run,
            None => Run { failures: Vec::new(), last: now, told: None },
        };
        match outcome {
            Outcome::Succeeded(account) => run.failures.retain(|failure| failure.account != account),
            Outcome::Failed(failure, program) => {
                run.last = run.last.max(now);
                if let Some(program) = program {
                    run.told = Some(Box::new(Told { account: failure.account, program }));
                }
                let known = rules.repeats_once && run.failures.contains(&failure);
                if !known && run.failures.len() < FAILURES_MAX {
                    run.failures.push(failure);
                }
            }
        }
        let count = run.failures.len();
        if count == 0 {
            return None;
        }
        let enough = count >= rules.failures as usize;
        match key {
            Key::Network { .. } if enough && matches!(outcome, Outcome::Failed(..)) => {
                let streak = Streak::of(&run.failures, run.told.as_deref(), rules.failures);
                let (until, reason) = (now.plus(rules.block_for), streak.to_string());
                Some(Self::Blocked(Block { since: now, until, reason, streak: Some(Box::new(streak)) }))
            }
            Key::NoAddress(_) if enough => {
                run.failures.truncate(rules.failures as usize);
                Some(Self::Run(run))
            }
            _ => Some(Self::Run(run)),
        }
    }

    /// Failures counted at present.
    #[must_use]
    pub fn failures(&self) -> usize {
        match self {
            Self::Run(run) => run.failures.len(),
            Self::Blocked(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULES: LockoutRules = LockoutRules {
        failures: 10,
        block_for: Duration::from_secs(3600),
        forget_after: Duration::from_secs(86_400),
        repeats_once: false,
    };
    const ANN: AccountTag = AccountTag(1);
    const BOB: AccountTag = AccountTag(2);

    fn key() -> Key {
        Key::Network { first: [0; 16], bits: 128 }
    }

    fn failed(account: AccountTag, secret: u64) -> Outcome {
        Outcome::Failed(Failure { account, secret: SecretTag(secret) }, None)
    }

    /// Plays outcomes, one a second, from second 1.
    fn play(outcomes: &[Outcome], rules: &LockoutRules) -> Option<AddressRecord> {
        let mut record = None;
        for (second, outcome) in (1..).zip(outcomes) {
            record = AddressRecord::settle(record, &key(), *outcome, Timestamp(second), rules);
        }
        record
    }

    fn failures(record: Option<&AddressRecord>) -> usize {
        record.map_or(0, AddressRecord::failures)
    }

    #[test]
    fn the_tenth_failure_blocks_for_an_hour_from_itself() {
        assert_eq!(failures(play(&[failed(ANN, 1); 9], &RULES).as_ref()), 9);
        let Some(AddressRecord::Blocked(block)) = play(&[failed(ANN, 1); 10], &RULES) else {
            panic!("not blocked")
        };
        assert_eq!((block.since, block.until), (Timestamp(10), Timestamp(3610)));
        assert!(block.holds(Timestamp(3609)) && !block.holds(Timestamp(3610)));
    }

    #[test]
    fn attempts_during_a_block_do_not_lengthen_it_and_after_it_the_run_starts_at_zero() {
        let blocked = play(&[failed(ANN, 1); 10], &RULES);
        let still = AddressRecord::settle(blocked.clone(), &key(), failed(ANN, 1), Timestamp(3000), &RULES);
        assert_eq!(still, blocked);
        let still = AddressRecord::settle(still, &key(), Outcome::Succeeded(ANN), Timestamp(3609), &RULES);
        assert_eq!(still, blocked);
        let after = AddressRecord::settle(still, &key(), failed(ANN, 1), Timestamp(3610), &RULES);
        assert_eq!(failures(after.as_ref()), 1);
    }

    #[test]
    fn a_success_forgets_the_failures_of_its_own_account_only() {
        let mut story = vec![failed(ANN, 1), failed(BOB, 1), failed(ANN, 2)];
        story.push(Outcome::Succeeded(ANN));
        assert_eq!(failures(play(&story, &RULES).as_ref()), 1);
        story.push(Outcome::Succeeded(BOB));
        assert_eq!(play(&story, &RULES), None);
    }

    #[test]
    fn an_attacker_with_one_account_of_his_own_cannot_clear_his_guesses() {
        let mut story = Vec::new();
        for _ in 0..10 {
            story.extend([failed(ANN, 1), Outcome::Succeeded(BOB)]);
        }
        assert!(matches!(play(&story, &RULES), Some(AddressRecord::Blocked(_))));
    }

    #[test]
    fn a_run_is_forgotten_a_day_after_its_last_failure() {
        let run = play(&[failed(ANN, 1); 9], &RULES);
        let end = Timestamp(9).plus(RULES.forget_after);
        let just_before = Timestamp(end.0 - 1);
        let tenth = AddressRecord::settle(run.clone(), &key(), failed(ANN, 1), just_before, &RULES);
        assert!(matches!(tenth, Some(AddressRecord::Blocked(_))));
        let first = AddressRecord::settle(run, &key(), failed(ANN, 1), end, &RULES);
        assert_eq!(failures(first.as_ref()), 1);
    }

    #[test]
    fn repeats_once_counts_a_forgotten_phone_once() {
        let once = LockoutRules { repeats_once: true, ..RULES };
        assert_eq!(failures(play(&[failed(ANN, 1); 50], &once).as_ref()), 1);
        assert_eq!(failures(play(&[failed(ANN, 1), failed(BOB, 1), failed(ANN, 2)], &once).as_ref()), 3);
        let different: Vec<_> = (1..=10).map(|secret| failed(ANN, secret)).collect();
        assert!(matches!(play(&different, &once), Some(AddressRecord::Blocked(_))));
    }

    #[test]
    fn a_source_without_address_is_counted_but_never_blocked() {
        let mut record = None;
        for second in 0..100 {
            let source = Key::NoAddress(ANN);
            record = AddressRecord::settle(record, &source, failed(ANN, 1), Timestamp(second), &RULES);
        }
        assert_eq!(failures(record.as_ref()), 10);
    }

    #[test]
    fn a_block_says_what_its_streak_was_made_of() {
        let program = Program::new("Thunderbird");
        let old = Outcome::Failed(Failure { account: ANN, secret: SecretTag(7) }, program);
        let mut story = vec![old; 9];
        story.push(failed(BOB, 1));
        let Some(AddressRecord::Blocked(block)) = play(&story, &RULES) else { panic!("not blocked") };
        assert!(block.reason.starts_with("10 failures in a row, 9 of them"), "{}", block.reason);
        let streak = block.streak.unwrap();
        assert_eq!((streak.repeated, streak.accounts, streak.program), (9, 2, program));
        assert!(streak.spared);
    }

    #[test]
    fn a_lower_limit_blocks_at_the_next_failure() {
        let run = play(&[failed(ANN, 1); 7], &RULES);
        let five = LockoutRules { failures: 5, ..RULES };
        let kept = AddressRecord::settle(run.clone(), &key(), Outcome::Succeeded(BOB), Timestamp(8), &five);
        assert_eq!(failures(kept.as_ref()), 7, "a success blocks nobody");
        let next = AddressRecord::settle(run, &key(), failed(ANN, 1), Timestamp(8), &five);
        assert!(matches!(next, Some(AddressRecord::Blocked(_))));
    }

    #[test]
    fn a_clock_set_back_before_start_does_not_lengthen_a_block() {
        let block = Block::by_hand(Timestamp(10_000), Timestamp(13_600), "");
        let clamped = block.clone().clamped(Timestamp(4_000));
        assert_eq!((clamped.since, clamped.until), (Timestamp(4_000), Timestamp(7_600)));
        assert_eq!(block.clone().clamped(Timestamp(11_000)), block);
    }

    proptest! {
        /// The record against a model that keeps every failure in a plain list.
        #[test]
        fn agrees_with_a_plain_list(steps in prop::collection::vec((0u8..4, 1u64..4, 0i64..4000), 1..80)) {
            let rules = LockoutRules { failures: 5, ..RULES };
            let (mut list, mut last, mut until, mut now) = (Vec::new(), 0, 0, 0);
            let mut record = None;
            for (who, secret, pause) in steps {
                now += pause;
                let account = AccountTag(u64::from(who / 2));
                let outcome =
                    if who % 2 == 0 { failed(account, secret) } else { Outcome::Succeeded(account) };
                record = AddressRecord::settle(record, &key(), outcome, Timestamp(now), &rules);
                if now < until { continue }
                if now >= last + 86_400 { list.clear() }
                match outcome {
                    Outcome::Succeeded(account) => list.retain(|kept| *kept != account),
                    Outcome::Failed(failure, _) => { list.push(failure.account); last = now; }
                }
                if list.len() == 5 { list.clear(); until = now + 3600 }
                let blocked = matches!(record, Some(AddressRecord::Blocked(_)));
                prop_assert_eq!(blocked, now < until);
                prop_assert_eq!(failures(record.as_ref()), list.len());
            }
        }
    }
}
