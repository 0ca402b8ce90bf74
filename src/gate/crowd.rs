//! One address from which many different accounts log in well is a proxy or a webmail, not an
//! attacker: its users should be told apart before somebody's slips block them all.

use hashlink::LruCache;

use super::address::Key;
use super::key::AccountTag;
use crate::clock::Timestamp;

/// Different accounts from one source that make it look like a proxy.
pub const CROWD_ACCOUNTS: usize = 20;
/// Sources watched at once; the one unheard of for longest is dropped.
const SOURCES_MAX: usize = 4096;
/// A source that was reported is not reported again for a day.
const QUIET_SECS: i64 = 86_400;

/// Counts different accounts per source.
#[derive(Debug)]
pub struct Crowds {
    sources: LruCache<Key, Crowd>,
}

#[derive(Debug, Default)]
struct Crowd {
    accounts: Vec<AccountTag>,
    reported: Option<Timestamp>,
}

impl Default for Crowds {
    fn default() -> Self {
        Self { sources: LruCache::new(SOURCES_MAX) }
    }
}

impl Crowds {
    /// Notes a success. True once a day for a source that many accounts share.
    pub fn note(&mut self, key: Key, account: AccountTag, now: Timestamp) -> bool {
        let crowd = self.sources.entry(key).or_insert_with(Crowd::default);
        if crowd.reported.is_some_and(|at| now.0 < at.0 + QUIET_SECS) || crowd.accounts.contains(&account) {
            return false;
        }
        crowd.accounts.push(account);
        if crowd.accounts.len() < CROWD_ACCOUNTS {
            return false;
        }
        *crowd = Crowd { accounts: Vec::new(), reported: Some(now) };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_accounts_make_a_crowd_once_a_day() {
        let mut crowds = Crowds::default();
        let key = Key::Network { first: [0; 16], bits: 128 };
        let mut day = |now: i64| {
            let report = |n| crowds.note(key, AccountTag(n), Timestamp(now));
            (0..40u64).chain(0..40).map(report).filter(|reported| *reported).count()
        };
        assert_eq!(day(0), 1);
        assert_eq!(day(QUIET_SECS - 1), 0);
        assert_eq!(day(QUIET_SECS), 1);
    }
}
