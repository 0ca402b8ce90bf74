//! The address table: every record in memory, and the seats of attempts being decided.
//!
//! "At most ten wrong attempts are ever evaluated" is kept here: an attempt takes a seat before
//! its password is looked at, and there are never more seats than failures left before the block.

use std::collections::HashMap;
use std::net::IpAddr;

use hashlink::LinkedHashMap;

use super::address::Key;
use super::blocks::Blocks;
use super::key::AccountTag;
use super::record::{AddressRecord, Block, LockoutRules, Run};
use crate::clock::Timestamp;

/// What an attempt finds when it comes to the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A seat was taken. It must be given back with [`AddressTable::leave`].
    Seated,
    /// Every seat is taken by attempts being decided; come back when one is left.
    Full,
    /// The address is blocked.
    Blocked(Block),
}

/// Records of all known sources, bounded. What falls out first is the oldest unblocked run.
#[derive(Debug)]
pub struct AddressTable {
    /// In the order of their last failure, oldest first.
    runs: LinkedHashMap<Key, Run>,
    blocks: Blocks,
    /// Attempts being decided.
    seated: HashMap<Key, u32>,
    keys_max: usize,
}

impl AddressTable {
    /// An empty table for at most `keys_max` sources.
    #[must_use]
    pub fn new(keys_max: usize) -> Self {
        Self { runs: LinkedHashMap::new(), blocks: Blocks::default(), seated: HashMap::new(), keys_max }
    }

    /// Asks for a seat of a source, for an attempt from an address if one was told: whatever holds the address blocks it.
    pub fn sit(&mut self, key: &Key, address: Option<IpAddr>, now: Timestamp, rules: &LockoutRules) -> Place {
        if let Some((_, block)) = self.blocks.holding(address, now) {
            return Place::Blocked(block.clone());
        }
        let run = self.runs.get(key).filter(|run| now < run.last.plus(rules.forget_after));
        let failures = run.map_or(0, |run| run.failures.len());
        // Past the limit (a lowered setting, or a source without address) there is one seat left.
        let seats = (rules.failures as usize).saturating_sub(failures).max(1);
        let seated = self.seated.entry(*key).or_insert(0);
        if (*seated as usize) < seats {
            *seated += 1;
            Place::Seated
        } else {
            Place::Full
        }
    }

    /// Gives a seat back.
    pub fn leave(&mut self, key: &Key) {
        if let Some(seated) = self.seated.get_mut(key) {
            *seated -= 1;
            if *seated == 0 {
                self.seated.remove(key);
            }
        }
    }

    /// Puts down what the store now holds of a source. Returns the sources that fell out for it.
    pub fn put(&mut self, key: Key, record: Option<AddressRecord>) -> Vec<Key> {
        self.forget(&key);
        match record {
            None => {}
            Some(AddressRecord::Run(run)) => {
                self.runs.insert(key, run);
            }
            Some(AddressRecord::Blocked(block)) => self.blocks.put(key, block),
        }
        let mut fallen = Vec::new();
        while self.len() > self.keys_max {
            let Some(key) = self.least_needed() else { break };
            self.forget(&key);
            fallen.push(key);
        }
        fallen
    }

    /// Puts down the block of a network. It is none of the sources that the table is bounded for, and does not fall out.
    pub fn put_network(&mut self, key: Key, block: Block) {
        self.blocks.put_network(key, block);
    }

    fn forget(&mut self, key: &Key) {
        self.runs.remove(key);
        self.blocks.remove(key);
    }

    /// The oldest run; but a flood that fills the table with blocks must not leave new guesses
    /// uncounted, so a sixteenth of the table is kept for runs, and the block that ends first goes.
    fn least_needed(&self) -> Option<Key> {
        let first_to_end = self.blocks.first_source();
        if self.runs.len() <= self.keys_max / 16 && first_to_end.is_some() {
            return first_to_end;
        }
        self.runs.front().map(|(key, _)| *key)
    }

    /// Forgets what no longer holds. Returns what was forgotten, so that the store forgets it too.
    pub fn sweep(&mut self, now: Timestamp, rules: &LockoutRules) -> Vec<Key> {
        let mut gone = self.blocks.sweep(now);
        while let Some((key, run)) = self.runs.front() {
            if now < run.last.plus(rules.forget_after) {
                break;
            }
            gone.push(*key);
            self.runs.pop_front();
        }
        gone
    }

    /// All that is known of a source.
    #[must_use]
    pub fn record(&self, key: &Key) -> Option<AddressRecord> {
        let blocked = self.blocks.get(key).cloned().map(AddressRecord::Blocked);
        blocked.or_else(|| self.runs.get(key).cloned().map(AddressRecord::Run))
    }

    /// Whether anything is known of a source.
    #[must_use]
    pub fn knows(&self, key: &Key) -> bool {
        self.runs.contains_key(key) || self.blocks.get(key).is_some()
    }

    /// The block of this very source or network, if it holds. Whether an address is blocked, [`Self::holding`] knows.
    #[must_use]
    pub fn block(&self, key: &Key, now: Timestamp) -> Option<&Block> {
        self.blocks.get(key).filter(|block| block.holds(now))
    }

    /// The block that an address is in, and whose it is: its source's, or a network's.
    #[must_use]
    pub fn holding(&self, address: Option<IpAddr>, now: Timestamp) -> Option<(Key, &Block)> {
        self.blocks.holding(address, now)
    }

    /// The block of a network around a source or a network.
    #[must_use]
    pub fn around(&self, key: &Key, now: Timestamp) -> Option<(Key, &Block)> {
        self.blocks.around(key, now)
    }

    /// Failures in a row of a source.
    #[must_use]
    pub fn failures(&self, key: &Key) -> usize {
        self.runs.get(key).map_or(0, |run| run.failures.len())
    }

    /// Whether a success of `account` from `key` has anything to forget.
    #[must_use]
    pub fn concerns(&self, key: &Key, account: AccountTag) -> bool {
        let run = self.runs.get(key);
        run.is_some_and(|run| run.failures.iter().any(|failure| failure.account == account))
    }

    /// All blocks that hold, those of networks among them.
    pub fn blocks(&self, now: Timestamp) -> impl Iterator<Item = (&Key, &Block)> {
        self.blocks.iter().filter(move |(_, block)| block.holds(now))
    }

    /// How many networks are blocked.
    #[must_use]
    pub fn networks(&self, now: Timestamp) -> usize {
        self.blocks.networks(now)
    }

    /// Sources known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.runs.len() + self.blocks.sources()
    }

    /// Whether no source is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::key::SecretTag;
    use crate::gate::record::{Failure, Outcome};
    use std::time::Duration;

    const NOW: Timestamp = Timestamp(100);
    const RULES: LockoutRules = LockoutRules {
        failures: 10,
        block_for: Duration::from_secs(3600),
        forget_after: Duration::from_secs(86_400),
        repeats_once: false,
    };

    fn key(n: u8) -> Key {
        Key::Network { first: [n; 16], bits: 128 }
    }

    fn at(n: u8) -> Option<IpAddr> {
        Some(IpAddr::from([n; 16]))
    }

    fn fail(table: &mut AddressTable, key: Key, now: Timestamp) -> Vec<Key> {
        let record = table.runs.get(&key).cloned().map(AddressRecord::Run);
        let failure = Failure { account: AccountTag(1), secret: SecretTag::NONE };
        table.put(key, AddressRecord::settle(record, &key, Outcome::Failed(failure, None), now, &RULES))
    }

    #[test]
    fn there_are_as_many_seats_as_failures_left() {
        let mut table = AddressTable::new(10);
        for _ in 0..4 {
            fail(&mut table, key(1), NOW);
        }
        for _ in 0..6 {
            assert_eq!(table.sit(&key(1), at(1), NOW, &RULES), Place::Seated);
        }
        assert_eq!(table.sit(&key(1), at(1), NOW, &RULES), Place::Full);
        assert_eq!(table.sit(&key(2), at(2), NOW, &RULES), Place::Seated, "others are not concerned");
        table.leave(&key(1));
        assert_eq!(table.sit(&key(1), at(1), NOW, &RULES), Place::Seated);
    }

    #[test]
    fn the_tenth_failure_turns_everybody_away() {
        let mut table = AddressTable::new(10);
        for _ in 0..10 {
            assert_eq!(table.sit(&key(1), at(1), NOW, &RULES), Place::Seated);
        }
        for _ in 0..10 {
            fail(&mut table, key(1), NOW);
            table.leave(&key(1));
        }
        assert!(matches!(table.sit(&key(1), at(1), NOW, &RULES), Place::Blocked(_)));
        assert_eq!(table.sit(&key(1), at(1), NOW.plus(RULES.block_for), &RULES), Place::Seated);
    }

    fn block(table: &mut AddressTable, n: u8, until: i64) -> Vec<Key> {
        let block = Block::by_hand(NOW, Timestamp(until), "");
        table.put(key(n), Some(AddressRecord::Blocked(block)))
    }

    #[test]
    fn the_oldest_unblocked_run_falls_out_first() {
        let mut table = AddressTable::new(3);
        block(&mut table, 1, 1000);
        fail(&mut table, key(2), NOW);
        fail(&mut table, key(3), NOW);
        fail(&mut table, key(2), NOW);
        assert_eq!(fail(&mut table, key(4), NOW), [key(3)]);
        assert!(table.block(&key(1), NOW).is_some(), "a block stays");
        assert_eq!(table.len(), 3);
    }

    #[test]
    fn a_table_full_of_blocks_drops_the_one_that_ends_first_and_goes_on_counting() {
        let mut table = AddressTable::new(32);
        for n in 0..32 {
            assert_eq!(block(&mut table, n, 1000 + i64::from(n)), []);
        }
        assert_eq!(block(&mut table, 100, 5000), [key(0)]);
        assert_eq!(fail(&mut table, key(101), NOW), [key(1)]);
        assert_eq!(fail(&mut table, key(102), NOW), [key(2)]);
        assert_eq!(fail(&mut table, key(103), NOW), [key(101)], "two of 32 are kept for runs");
        assert_eq!(table.len(), 32);
    }

    #[test]
    fn a_flood_of_blocks_drops_no_network() {
        let mut table = AddressTable::new(16);
        let network = Key::Network { first: [0; 16], bits: 16 };
        let end = Block::by_hand(NOW, Timestamp(500), "");
        table.put_network(network, end);
        for n in 0..32 {
            block(&mut table, n, 1000 + i64::from(n));
        }
        assert_eq!((table.len(), table.networks(NOW)), (16, 1));
        let inside = Some("::7".parse().unwrap());
        assert!(matches!(table.sit(&key(99), inside, NOW, &RULES), Place::Blocked(_)));
        let stranger = Key::NoAddress(AccountTag(1));
        assert!(
            matches!(table.sit(&stranger, inside, NOW, &RULES), Place::Blocked(_)),
            "the host is blocked"
        );
        assert_eq!(table.sweep(Timestamp(500), &RULES), [network]);
    }

    #[test]
    fn sweeping_forgets_ended_blocks_and_old_runs() {
        let mut table = AddressTable::new(10);
        for _ in 0..10 {
            fail(&mut table, key(1), NOW);
        }
        fail(&mut table, key(2), NOW);
        fail(&mut table, key(3), NOW.plus(RULES.forget_after));
        assert_eq!(table.sweep(NOW.plus(RULES.block_for), &RULES), [key(1)]);
        assert_eq!(table.sweep(NOW.plus(RULES.forget_after), &RULES), [key(2)]);
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn a_source_without_address_keeps_one_seat() {
        let mut table = AddressTable::new(10);
        let source = Key::NoAddress(AccountTag(1));
        for _ in 0..20 {
            fail(&mut table, source, NOW);
        }
        assert_eq!(table.sit(&source, None, NOW, &RULES), Place::Seated);
        assert_eq!(table.sit(&source, None, NOW, &RULES), Place::Full);
    }
}
