//! The address table in the running daemon: seats are taken, waited for and given back.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::{Rules, lock};
use crate::clock::{Clock, Timestamp};
use crate::gate::address::{Key, Prefixes};
use crate::gate::record::{AddressRecord, Block, LockoutRules};
use crate::gate::table::{AddressTable, Place};

/// How long an attempt waits for a seat. Postfix gives up after 10 s.
pub(super) const SEAT_WAIT: Duration = Duration::from_secs(8);
/// Attempts that wait for a seat at once, of all sources.
pub(super) const WAITING_MAX: usize = 10_000;

/// The table, and who waits for it.
#[derive(Debug)]
pub(super) struct Seats {
    shared: Arc<SharedTable>,
    waiting: AtomicUsize,
    /// One block by hand at a time, so that their number stays bounded.
    pub(super) adding_networks: tokio::sync::Mutex<()>,
}

/// The table, which the store's writer keeps true after each commit.
#[derive(Debug)]
pub(super) struct SharedTable {
    table: Mutex<AddressTable>,
    /// Sources that are no longer in the table, and are to be forgotten by the store too.
    fallen: Mutex<HashSet<Key>>,
    /// Somebody is on his way to the store to have it forget: one is enough, and the queue is for those who log in.
    forgetting: AtomicBool,
    /// One for each source that somebody waits for.
    bells: Mutex<HashMap<Key, Arc<Notify>>>,
}

impl SharedTable {
    pub(super) fn put(&self, key: Key, record: Option<AddressRecord>) {
        let fallen = lock(&self.table).put(key, record);
        self.has_lost(fallen);
    }

    /// These are no longer in the table.
    fn has_lost(&self, keys: Vec<Key>) {
        if !keys.is_empty() {
            lock(&self.fallen).extend(keys);
        }
    }

    /// At most `most` of what the store is to forget. What has come back into the table stays in the store: this is asked
    /// where nothing that is on disk waits to be put into the table.
    pub(super) fn doomed(&self, most: usize) -> Vec<Key> {
        self.forgetting.store(false, Ordering::Release);
        let mut fallen = lock(&self.fallen);
        let table = lock(&self.table);
        let (back, gone): (Vec<Key>, Vec<Key>) =
            fallen.iter().take(most).copied().partition(|key| table.knows(key));
        back.iter().for_each(|key| {
            fallen.remove(key);
        });
        gone
    }

    /// Whether the store has something to forget and nobody is on his way yet; now the asker is.
    pub(super) fn must_forget(&self) -> bool {
        !lock(&self.fallen).is_empty() && !self.forgetting.swap(true, Ordering::AcqRel)
    }

    /// He did not get there.
    pub(super) fn not_forgetting(&self) {
        self.forgetting.store(false, Ordering::Release);
    }

    /// The store has forgotten these.
    pub(super) fn forgotten(&self, keys: &[Key]) {
        let mut fallen = lock(&self.fallen);
        keys.iter().for_each(|key| {
            fallen.remove(key);
        });
    }

    /// Puts down what the store now holds of a source or a network.
    pub(super) fn put_any(&self, key: Key, record: Option<AddressRecord>, prefixes: &Prefixes) {
        match record {
            Some(AddressRecord::Blocked(block)) if prefixes.is_wider(&key) => {
                lock(&self.table).put_network(key, block);
            }
            record => self.put(key, record),
        }
    }

    fn ring(&self, key: &Key) {
        if let Some(bell) = lock(&self.bells).get(key) {
            bell.notify_waiters();
        }
    }
}

/// Why there is no seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoSeat {
    /// The source is blocked.
    Blocked(Block),
    /// None became free in time, or too many wait.
    Crowded,
}

/// A seat, given back on drop.
#[derive(Debug)]
#[must_use]
pub(super) struct Seat {
    shared: Arc<SharedTable>,
    key: Key,
}

impl Seats {
    pub(super) fn new(table: AddressTable) -> Self {
        let (fallen, bells) = (Mutex::default(), Mutex::default());
        let forgetting = AtomicBool::new(false);
        let shared = Arc::new(SharedTable { table: Mutex::new(table), fallen, forgetting, bells });
        Self { shared, waiting: AtomicUsize::new(0), adding_networks: tokio::sync::Mutex::default() }
    }

    pub(super) fn table(&self) -> MutexGuard<'_, AddressTable> {
        lock(&self.shared.table)
    }

    pub(super) fn shared(&self) -> Arc<SharedTable> {
        Arc::clone(&self.shared)
    }

    /// What the store knows at the start. What has ended, or has no place, it is to forget.
    pub(super) fn load(
        rows: Vec<(Key, AddressRecord)>,
        keys_max: usize,
        now: Timestamp,
        rules: &Rules,
    ) -> Self {
        let seats = Self::new(AddressTable::new(keys_max));
        for (key, record) in rows {
            if record.holds(now, &rules.lockout) {
                seats.shared.put_any(key, Some(record), &rules.prefixes);
            } else {
                seats.shared.has_lost(vec![key]);
            }
        }
        seats
    }

    /// Whether the store has anything to forget.
    pub(super) fn has_fallen(&self) -> bool {
        !lock(&self.shared.fallen).is_empty()
    }

    /// Forgets what has ended.
    pub(super) fn sweep(&self, now: Timestamp, rules: &LockoutRules) {
        let gone = self.table().sweep(now, rules);
        self.shared.has_lost(gone);
    }

    /// Takes a seat, waiting at most `wait` for one if need be.
    pub(super) async fn take(
        &self,
        key: Key,
        address: Option<IpAddr>,
        clock: &Clock,
        rules: &LockoutRules,
        wait: Duration,
    ) -> Result<Seat, NoSeat> {
        let look = || match self.table().sit(&key, address, clock.now(), rules) {
            Place::Seated => Some(Ok(Seat { shared: self.shared(), key })),
            Place::Blocked(block) => Some(Err(NoSeat::Blocked(block))),
            Place::Full => None,
        };
        match look() {
            Some(place) => place,
            None => Box::pin(self.wait_for(key, look, wait)).await,
        }
    }

    async fn wait_for(
        &self,
        key: Key,
        look: impl Fn() -> Option<Result<Seat, NoSeat>>,
        wait: Duration,
    ) -> Result<Seat, NoSeat> {
        let deadline = Instant::now() + wait;
        let waiter = Waiter::join(self, key).ok_or(NoSeat::Crowded)?;
        loop {
            // Listen first, then look: a seat given back in between is heard.
            let mut ring = std::pin::pin!(waiter.bell.notified());
            ring.as_mut().enable();
            if let Some(place) = look() {
                return place;
            }
            timeout_at(deadline, ring).await.map_err(|_| NoSeat::Crowded)?;
        }
    }

    /// Wakes whoever waits, to hear of a block that was made or lifted.
    pub(super) fn ring_all(&self) {
        lock(&self.shared.bells).values().for_each(|bell| bell.notify_waiters());
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        lock(&self.shared.table).leave(&self.key);
        self.shared.ring(&self.key);
    }
}

/// One of those who wait, and the bell of their source.
struct Waiter<'a> {
    seats: &'a Seats,
    key: Key,
    bell: Arc<Notify>,
}

impl<'a> Waiter<'a> {
    fn join(seats: &'a Seats, key: Key) -> Option<Self> {
        if seats.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            seats.waiting.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let bell = Arc::clone(lock(&seats.shared.bells).entry(key).or_default());
        Some(Self { seats, key, bell })
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.seats.waiting.fetch_sub(1, Ordering::Relaxed);
        let mut bells = lock(&self.seats.shared.bells);
        // The map's and ours: nobody else listens.
        if Arc::strong_count(&self.bell) == 2 {
            bells.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: LockoutRules = LockoutRules {
        failures: 2,
        block_for: Duration::from_secs(3600),
        forget_after: Duration::from_secs(86_400),
        repeats_once: false,
    };

    const AT: Option<IpAddr> = Some(IpAddr::V6(std::net::Ipv6Addr::from_bits(u128::from_be_bytes([1; 16]))));

    fn seats() -> (Seats, Clock, Key) {
        let key = Key::Network { first: [1; 16], bits: 128 };
        (Seats::new(AddressTable::new(10)), Clock::by_hand(Timestamp(100)), key)
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_gets_the_seat_that_is_given_back() {
        let (seats, clock, key) = seats();
        let first = seats.take(key, AT, &clock, &RULES, SEAT_WAIT).await.unwrap();
        let second = seats.take(key, AT, &clock, &RULES, SEAT_WAIT).await.unwrap();
        let give_back = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(first);
        };
        let (third, ()) = tokio::join!(seats.take(key, AT, &clock, &RULES, SEAT_WAIT), give_back);
        assert!(third.is_ok());
        let fourth = seats.take(key, AT, &clock, &RULES, SEAT_WAIT).await;
        assert_eq!(fourth.unwrap_err(), NoSeat::Crowded, "nobody gave one back in time");
        drop((second, third));
        assert!(lock(&seats.shared.bells).is_empty(), "no bell is left behind");
        assert_eq!(seats.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_is_told_of_a_block() {
        let (seats, clock, key) = seats();
        let first = seats.take(key, AT, &clock, &RULES, SEAT_WAIT).await.unwrap();
        let _second = seats.take(key, AT, &clock, &RULES, SEAT_WAIT).await.unwrap();
        let block = Block::by_hand(Timestamp(100), Timestamp(3700), "");
        let end = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            seats.shared().put(key, Some(AddressRecord::Blocked(block.clone())));
            drop(first);
        };
        let (third, ()) = tokio::join!(seats.take(key, AT, &clock, &RULES, SEAT_WAIT), end);
        assert_eq!(third.unwrap_err(), NoSeat::Blocked(block.clone()));
    }
}
