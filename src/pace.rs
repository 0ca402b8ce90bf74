//! Bursts: how many messages somebody may begin in a short time.
//!
//! A leaky bucket for each connection and each source (governor's GCRA): as many as a minute allows at
//! once, and then as fast as the minute refills, so that a first minute may see up to twice as many. It is
//! in memory only, and a restart forgets it; what must survive is counted by `gate/limits.rs`.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

/// Buckets of one kind at once. Full ones are thrown away each minute; past the ceiling all are.
pub const BUCKETS_MAX: usize = 100_000;

type Buckets<K, C> = RateLimiter<K, HashMapStateStore<K>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// One bucket for each key.
#[derive(Debug)]
pub struct Pace<K: Hash + Eq + Clone, C: Clock + Clone = MonotonicClock> {
    clock: C,
    /// The number a minute allows, and the buckets made for it.
    buckets: Mutex<Option<(NonZeroU32, Buckets<K, C>)>>,
}

impl<K: Hash + Eq + Clone> Default for Pace<K> {
    fn default() -> Self {
        Self::new(MonotonicClock)
    }
}

impl<K: Hash + Eq + Clone, C: Clock + Clone> Pace<K, C> {
    /// No bucket yet.
    #[must_use]
    pub fn new(clock: C) -> Self {
        Self { clock, buckets: Mutex::new(None) }
    }

    /// Whether one more may begin now, where a minute allows `a_minute`; `None` is no limit.
    pub fn allows(&self, key: &K, a_minute: Option<NonZeroU32>) -> bool {
        let Some(a_minute) = a_minute else { return true };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            (
                a_minute,
                RateLimiter::new(
                    Quota::per_minute(a_minute),
                    HashMapStateStore::default(),
                    self.clock.clone(),
                ),
            )
        };
        // A setting that changed, and a ceiling that is met, begin anew.
        let fresh = match &*buckets {
            Some((made_for, buckets)) if *made_for == a_minute => buckets.len() >= BUCKETS_MAX,
            _ => true,
        };
        if fresh {
            *buckets = None;
        }
        buckets.get_or_insert_with(make).1.check_key(key).is_ok()
    }

    /// Throws away buckets that are full again.
    pub fn sweep(&self) {
        if let Some((_, buckets)) = &*self.buckets.lock().unwrap_or_else(PoisonError::into_inner) {
            buckets.retain_recent();
            buckets.shrink_to_fit();
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.buckets.lock().unwrap().as_ref().map_or(0, |(_, buckets)| buckets.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;
    use std::time::Duration;

    #[test]
    fn a_minute_allows_so_many_to_each_key() {
        let clock = FakeRelativeClock::default();
        let pace: Pace<u32, _> = Pace::new(clock.clone());
        let three = NonZeroU32::new(3);
        let fits = |key| pace.allows(&key, three);
        assert!(fits(1) && fits(1) && fits(1) && !fits(1), "three at once");
        assert!(fits(2), "another is not concerned");
        clock.advance(Duration::from_secs(19));
        assert!(!fits(1));
        clock.advance(Duration::from_secs(1));
        assert!(fits(1) && !fits(1), "then one for each third of a minute");
        assert!(pace.allows(&1, None), "no limit is no limit");
    }

    #[test]
    fn memory_is_bounded() {
        let clock = FakeRelativeClock::default();
        let pace: Pace<usize, _> = Pace::new(clock.clone());
        for key in 0..=BUCKETS_MAX {
            assert!(pace.allows(&key, NonZeroU32::new(1)));
            assert!(pace.len() <= BUCKETS_MAX);
        }
        assert_eq!(pace.len(), 1);
        clock.advance(Duration::from_secs(120));
        pace.sweep();
        assert_eq!(pace.len(), 0);
    }
}
