//! The address table in the running daemon: seats are taken, waited for and given back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::lock;
use crate::clock::Clock;
use crate::gate::address::Key;
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
}

/// The table, which the store's writer keeps true after each commit.
#[derive(Debug)]
pub(super) struct SharedTable {
    table: Mutex<AddressTable>,
    /// Sources that fell out and are to be forgotten by the store too.
    fallen: Mutex<Vec<Key>>,
    /// One for each source that somebody waits for.
    bells: Mutex<HashMap<Key, Arc<Notify>>>,
}

impl SharedTable {
    pub(super) fn put(&self, key: Key, record: Option<AddressRecord>) {
        let fallen = lock(&self.table).put(key, record);
        if !fallen.is_empty() {
            lock(&self.fallen).extend(fallen);
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
        let shared = Arc::new(SharedTable { table: Mutex::new(table), fallen, bells });
        Self { shared, waiting: AtomicUsize::new(0) }
    }

    pub(super) fn table(&self) -> MutexGuard<'_, AddressTable> {
        lock(&self.shared.table)
    }

    pub(super) fn shared(&self) -> Arc<SharedTable> {
        Arc::clone(&self.shared)
    }

    /// Takes the sources that fell out since this was last asked.
    pub(super) fn fallen(&self) -> Vec<Key> {
        std::mem::take(&mut *lock(&self.shared.fallen))
    }

    /// Takes a seat, waiting at most `wait` for one if need be.
    pub(super) async fn take(
        &self,
        key: Key,
        clock: &Clock,
        rules: &LockoutRules,
        wait: Duration,
    ) -> Result<Seat, NoSeat> {
        let look = || match self.table().sit(&key, clock.now(), rules) {
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

    /// Wakes whoever waits for a source.
    pub(super) fn ring(&self, key: &Key) {
        self.shared.ring(key);
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
    use crate::clock::Timestamp;

    const RULES: LockoutRules = LockoutRules {
        failures: 2,
        block_for: Duration::from_secs(3600),
        forget_after: Duration::from_secs(86_400),
        repeats_once: false,
    };

    fn seats() -> (Seats, Clock, Key) {
        let key = Key::Network { first: [1; 16], bits: 128 };
        (Seats::new(AddressTable::new(10)), Clock::by_hand(Timestamp(100)), key)
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_gets_the_seat_that_is_given_back() {
        let (seats, clock, key) = seats();
        let first = seats.take(key, &clock, &RULES, SEAT_WAIT).await.unwrap();
        let second = seats.take(key, &clock, &RULES, SEAT_WAIT).await.unwrap();
        let give_back = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(first);
        };
        let (third, ()) = tokio::join!(seats.take(key, &clock, &RULES, SEAT_WAIT), give_back);
        assert!(third.is_ok());
        let fourth = seats.take(key, &clock, &RULES, SEAT_WAIT).await;
        assert_eq!(fourth.unwrap_err(), NoSeat::Crowded, "nobody gave one back in time");
        drop((second, third));
        assert!(lock(&seats.shared.bells).is_empty(), "no bell is left behind");
        assert_eq!(seats.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_is_told_of_a_block() {
        let (seats, clock, key) = seats();
        let first = seats.take(key, &clock, &RULES, SEAT_WAIT).await.unwrap();
        let _second = seats.take(key, &clock, &RULES, SEAT_WAIT).await.unwrap();
        let block = Block { since: Timestamp(100), until: Timestamp(3700), reason: String::new() };
        let end = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            seats.shared().put(key, Some(AddressRecord::Blocked(block.clone())));
            drop(first);
        };
        let (third, ()) = tokio::join!(seats.take(key, &clock, &RULES, SEAT_WAIT), end);
        assert_eq!(third.unwrap_err(), NoSeat::Blocked(block.clone()));
    }
}
