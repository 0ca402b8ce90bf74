//! What is an outage, what is taken back for it, and what an attacker has of it.

use proptest::prelude::*;

use super::*;
use crate::gate::key::SecretTag;
use crate::gate::record::Outcome;

const RULES: LockoutRules = LockoutRules {
    failures: 10,
    block_for: Duration::from_secs(3600),
    forget_after: Duration::from_secs(86_400),
    repeats_once: false,
};

fn source(n: u8) -> Key {
    Key::Network { first: [n; 16], bits: 128 }
}

fn failure(account: u64) -> Failure {
    Failure { account: AccountTag(account), secret: SecretTag(1) }
}

/// A gate with one record for each source.
#[derive(Default)]
struct Gate {
    outage: Outage,
    records: HashMap<Key, AddressRecord>,
}

impl Gate {
    fn blocked(&self, source: &Key, now: Timestamp) -> bool {
        matches!(self.records.get(source), Some(AddressRecord::Blocked(block)) if block.holds(now))
    }

    /// An attempt that is tried and fails; false: it was not tried.
    fn fails(&mut self, source: Key, account: u64, now: Timestamp) -> bool {
        let failures = self.failures(&source);
        if self.blocked(&source, now) || !self.outage.lets_try(&source, failures, now, &RULES) {
            return false;
        }
        if self.outage.forgives(&source, now, &RULES) {
            return true;
        }
        let record = self.records.remove(&source).filter(|record| record.holds(now, &RULES));
        let before = match &record {
            Some(AddressRecord::Run(run)) => run.failures.clone(),
            _ => Vec::new(),
        };
        let failure = failure(account);
        let after = AddressRecord::settle(record, &source, Outcome::Failed(failure, None), now, &RULES);
        let block = match &after {
            Some(AddressRecord::Blocked(block)) => Some(block.clone()),
            _ => None,
        };
        self.records.extend(after.map(|after| (source, after)));
        let counted = Counted { failure, before, block };
        for back in self.outage.note(source, failure.account, Some(counted), now, &RULES).take_back {
            let (after, _) = back.from(self.records.remove(&back.source));
            self.records.extend(after.map(|after| (back.source, after)));
        }
        true
    }

    fn succeeds(&mut self, source: Key, account: u64) -> Option<Timestamp> {
        self.outage.succeeded(AccountTag(account), source)
    }

    /// Everybody has been here before.
    fn familiar() -> Self {
        let mut gate = Self::default();
        for n in 1..30 {
            assert_eq!(gate.succeeds(source(n), u64::from(n)), None);
        }
        gate
    }

    fn failures(&self, source: &Key) -> usize {
        self.records.get(source).map_or(0, AddressRecord::failures)
    }
}

#[test]
fn when_nobody_gets_in_nobody_is_blocked_and_what_was_counted_is_taken_back() {
    let (mut gate, now) = (Gate::familiar(), Timestamp(1000));
    // The first phone has tried ten times before anybody else does.
    for _ in 0..10 {
        assert!(gate.fails(source(1), 1, now));
    }
    assert!(gate.blocked(&source(1), now));
    assert!(gate.fails(source(2), 2, now) && gate.outage.since().is_none());
    assert!(gate.fails(source(3), 3, now));
    assert_eq!(gate.outage.since(), Some(now));
    assert!(gate.records.is_empty(), "{:?}", gate.records);
    for n in 2..30 {
        for _ in 0..9 {
            assert!(gate.fails(source(n), u64::from(n), now), "{n}");
        }
    }
    assert!(gate.records.is_empty());
    for _ in 0..9 {
        assert!(gate.fails(source(1), 1, now), "it has had its ten: these count");
    }
    assert!(!gate.fails(source(1), 1, now) && !gate.blocked(&source(1), now), "put off, not blocked");
    let later = now.plus(RULES.block_for / 10);
    assert!(gate.fails(source(1), 1, later), "and may see whether it works again");
    assert_eq!(gate.succeeds(source(9), 9), Some(now));
    assert!(gate.fails(source(2), 2, later));
    assert_eq!((gate.failures(&source(2)), gate.outage.since()), (1, None), "from now on it counts");
}

#[test]
fn one_source_or_one_account_is_no_outage_nor_is_what_others_disprove() {
    let (mut gate, now) = (Gate::default(), Timestamp(1000));
    for account in 0..9 {
        assert!(gate.fails(source(1), account, now));
    }
    for n in 2..20 {
        assert!(gate.fails(source(n), 1, now), "a botnet guesses at one account");
    }
    assert_eq!(gate.outage.since(), None);
    let mut gate = Gate::familiar();
    for n in 1..20 {
        assert!(gate.fails(source(n), u64::from(n), now));
        assert_eq!(gate.succeeds(source(99), 99), None, "somebody gets in all the time");
        assert_eq!(gate.failures(&source(n)), 1);
    }
    for n in 1..3 {
        assert!(gate.fails(source(n), u64::from(n), now));
    }
    assert!(gate.fails(source(3), 3, now.plus(WINDOW)) && gate.outage.since().is_none(), "long ago");
    for n in 10..20 {
        let nobody = Key::NoAddress(AccountTag(n));
        assert!(gate.fails(nobody, n, now.plus(WINDOW)) && gate.outage.since().is_none(), "no address");
    }
}

#[test]
fn what_was_counted_before_and_what_others_blocked_stays() {
    let (mut gate, now) = (Gate::familiar(), Timestamp(1000));
    for _ in 0..7 {
        assert!(gate.fails(source(1), 7, now));
    }
    gate.succeeds(source(9), 9);
    for _ in 0..3 {
        assert!(gate.fails(source(1), 1, now));
    }
    assert!(gate.blocked(&source(1), now));
    let by_hand =
        Block { since: now, until: now.plus(RULES.block_for), reason: "by hand".into(), streak: None };
    assert!(gate.fails(source(2), 2, now));
    gate.records.insert(source(2), AddressRecord::Blocked(by_hand));
    assert!(gate.fails(source(3), 3, now));
    assert_eq!(gate.failures(&source(1)), 7, "three of ten were the outage's");
    assert!(gate.blocked(&source(2), now), "an administrator's");
    assert_eq!(gate.failures(&source(3)), 0);
}

#[test]
fn strangers_must_be_more() {
    let (mut gate, now) = (Gate::default(), Timestamp(1000));
    for n in 1..25 {
        assert!(gate.fails(source(n), u64::from(n), now));
        assert_eq!((gate.outage.since(), gate.failures(&source(n))), (None, 1));
    }
    assert!(gate.fails(source(25), 25, now));
    assert_eq!(gate.outage.since(), Some(now));
    assert!(gate.records.is_empty());
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut outage = Outage { since: Some(Timestamp(1)), ..Outage::default() };
    let key = |n: u32| {
        let mut first = [0; 16];
        first[..4].copy_from_slice(&n.to_be_bytes());
        Key::Network { first, bits: 128 }
    };
    for n in 0..=u32::try_from(ALLOWANCES_MAX).unwrap() {
        assert!(outage.forgives(&key(n), Timestamp(2), &RULES));
    }
    assert_eq!(outage.allowances.len(), ALLOWANCES_MAX);
    let mut outage = Outage::default();
    for n in 0..=u32::try_from(FAMILIAR_MAX).unwrap() {
        outage.succeeded(AccountTag(1), key(n));
    }
    assert_eq!(outage.familiar.len(), FAMILIAR_MAX);
    for n in 0..=u32::try_from(FAILING_MAX).unwrap() {
        outage.note(key(n), AccountTag(1), None, Timestamp(2), &RULES);
    }
    assert_eq!((outage.failing.len(), outage.firsts.get(&AccountTag(1))), (FAILING_MAX, Some(&FAILING_MAX)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However failures and successes are mixed: in any time a source has no more guesses looked at than it has anyway,
    /// and those of its allowance.
    #[test]
    fn an_outage_that_is_made_up_gives_each_source_little(
        steps in proptest::collection::vec((0..5_u8, 1..400_i64, 0..20_u8), 1..400),
    ) {
        let (mut gate, mut now) = (Gate::familiar(), Timestamp(1000));
        let mut tried: HashMap<Key, Vec<i64>> = HashMap::new();
        for (n, wait, dice) in steps {
            if dice == 0 {
                gate.succeeds(source(9), 9);
            }
            now = Timestamp(now.0 + if dice < 4 { wait } else { 0 });
            // As often as it can.
            for _ in 0..30 {
                if gate.fails(source(n), u64::from(n), now) {
                    tried.entry(source(n)).or_default().push(now.0);
                }
            }
        }
        let (ten, hour) = (i64::from(RULES.failures), 3600);
        for times in tried.values() {
            for (first, from) in times.iter().enumerate() {
                for (last, to) in times.iter().enumerate().skip(first) {
                    let looked_at = i64::try_from(last - first).unwrap() + 1;
                    let time = to - from;
                    // Blocks: ten, and ten for each whole block. Allowance: ten, and what came back meanwhile.
                    let counted = ten + ten * (time / hour) + ten;
                    let forgiven = ten + time * ten / hour + 1;
                    prop_assert!(looked_at <= counted + forgiven, "{looked_at} in {time} s");
                }
            }
        }
    }
}
