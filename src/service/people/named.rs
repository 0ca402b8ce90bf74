//! Who names accounts that are none: a form that tells so is no way to go through the names of a site.

use std::sync::Mutex;
use std::time::Duration;

use hashlink::LruCache;

use crate::clock::Timestamp;
use crate::gate::key::AccountTag;
use crate::service::lock;

/// Names without an account that one account may type in a day. Slips are fewer.
pub(super) const MISSES_A_DAY: u32 = 20;
/// How long they count, from the first on.
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);
/// Accounts whose misses are remembered.
const REMEMBERED_MAX: usize = 10_000;

/// What is counted, in memory only: a restart gives nobody much.
#[derive(Debug)]
pub(super) struct Misses(Mutex<LruCache<AccountTag, (Timestamp, u32)>>);

impl Default for Misses {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(REMEMBERED_MAX)))
    }
}

impl Misses {
    /// Takes a place for one name, before it is looked at: many at once are no way round.
    ///
    /// # Errors
    /// When there is one again.
    pub(super) fn take(&self, who: AccountTag, now: Timestamp) -> Result<(), Timestamp> {
        let mut all = lock(&self.0);
        let open = all.get(&who).copied().filter(|(since, _)| now < since.plus(DAY));
        let (since, misses) = open.unwrap_or((now, 0));
        if misses >= MISSES_A_DAY {
            return Err(since.plus(DAY));
        }
        all.insert(who, (since, misses + 1));
        Ok(())
    }

    /// The name was an account's: it counts nothing.
    pub(super) fn give_back(&self, who: AccountTag) {
        if let Some((_, misses)) = lock(&self.0).get_mut(&who) {
            *misses = misses.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_misses_end_it_for_a_day() {
        let (misses, ann, now) = (Misses::default(), AccountTag(7), Timestamp(1_800_000_000));
        for _ in 0..MISSES_A_DAY {
            assert_eq!(misses.take(ann, now), Ok(()));
        }
        let again = now.plus(DAY);
        assert_eq!(misses.take(ann, now), Err(again));
        assert_eq!(misses.take(AccountTag(8), now), Ok(()), "nobody else");
        misses.give_back(ann);
        assert_eq!(misses.take(ann, now), Ok(()), "one was an account's");
        assert_eq!(misses.take(ann, now), Err(again));
        assert_eq!(misses.take(ann, again), Ok(()), "a new day");
    }
}
