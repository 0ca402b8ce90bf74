//! Accounts, and whose sender addresses are, in bounded memory, kept true by the writer.
//!
//! The writer forgets an account after the commit that changed it and before it tells anybody,
//! and counts a generation. A reader that was on its way meanwhile sees that the generation moved
//! and does not put down what it read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashlink::LruCache;

use crate::gate::account::Account;
use crate::gate::name::AccountName;

/// Known accounts in memory. At six client passwords each that is some 20 MiB at most.
pub(super) const ACCOUNTS_MAX: usize = 10_000;
/// Unknown names in memory; apart from the known ones, so that made-up names push nobody out.
pub(super) const UNKNOWN_MAX: usize = 4096;

/// Sender addresses in memory whose logins are known: those that Postfix asks about.
pub(super) const ADDRESSES_MAX: usize = 10_000;

/// What the store knows of a name; cheap to clone.
pub(super) type Known = Option<Arc<Account>>;

#[derive(Debug)]
pub(super) struct AccountCache {
    generation: AtomicU64,
    entries: Mutex<Entries>,
}

#[derive(Debug)]
struct Entries {
    known: LruCache<AccountName, Arc<Account>>,
    unknown: LruCache<AccountName, ()>,
    /// With the generation of which it is true.
    logins: LruCache<AccountName, (u64, Vec<String>)>,
    /// Names that are no account's own, and whose they are; with the generation of which it is true.
    others: LruCache<AccountName, (u64, Other)>,
}

/// Whose a name is that is no account's own name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Other {
    /// This account's.
    Of(AccountName),
    /// Nobody's, in this form.
    Unknown(AccountName),
    /// Several accounts'.
    Shared,
}

impl Default for AccountCache {
    fn default() -> Self {
        let (known, unknown) = (LruCache::new(ACCOUNTS_MAX), LruCache::new(UNKNOWN_MAX));
        let (logins, others) = (LruCache::new(ADDRESSES_MAX), LruCache::new(UNKNOWN_MAX));
        Self {
            generation: AtomicU64::new(0),
            entries: Mutex::new(Entries { known, unknown, logins, others }),
        }
    }
}

impl AccountCache {
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves whenever any account changes, or whose an address is.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// What is remembered of a name; `None` if nothing is.
    pub(super) fn get(&self, name: &AccountName) -> Option<Known> {
        let mut entries = self.lock();
        if let Some(account) = entries.known.get(name) {
            return Some(Some(Arc::clone(account)));
        }
        entries.unknown.get(name).map(|()| None)
    }

    /// Puts down what was read, unless an account changed since `generation`.
    pub(super) fn put(&self, name: &AccountName, known: &Known, generation: u64) {
        let mut entries = self.lock();
        if self.generation() != generation {
            return;
        }
        match known {
            Some(account) => {
                entries.known.insert(name.clone(), Arc::clone(account));
            }
            None => {
                entries.unknown.insert(name.clone(), ());
            }
        }
    }

    /// Whose a name is that is no account's own, if it is remembered.
    pub(super) fn other(&self, name: &AccountName) -> Option<Other> {
        let mut entries = self.lock();
        let (generation, other) = entries.others.get(name)?;
        (*generation == self.generation()).then(|| other.clone())
    }

    /// Puts down whose a name was in `generation`.
    pub(super) fn put_other(&self, name: AccountName, other: Other, generation: u64) {
        self.lock().others.insert(name, (generation, other));
    }

    /// Every login that may send under an address, if it is remembered.
    pub(super) fn logins(&self, address: &AccountName) -> Option<Vec<String>> {
        let mut entries = self.lock();
        let (generation, logins) = entries.logins.get(address)?;
        (*generation == self.generation()).then(|| logins.clone())
    }

    /// Puts down the logins of an address as they were in `generation`.
    pub(super) fn put_logins(&self, address: AccountName, logins: Vec<String>, generation: u64) {
        self.lock().logins.insert(address, (generation, logins));
    }

    /// It changed whose some address is.
    pub(super) fn addresses_changed(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// An account changed.
    pub(super) fn forget(&self, name: &AccountName) {
        let mut entries = self.lock();
        self.generation.fetch_add(1, Ordering::AcqRel);
        entries.known.remove(name);
        entries.unknown.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_a_change_is_not_put_down_after_it() {
        let cache = AccountCache::default();
        let ann = AccountName::parse("ann@example.org", None).unwrap();
        let before = cache.generation();
        cache.put(&ann, &None, before);
        assert_eq!(cache.get(&ann), Some(None));
        cache.forget(&ann);
        cache.put(&ann, &None, before);
        assert_eq!(cache.get(&ann), None);
    }

    #[test]
    fn logins_of_an_address_are_true_of_one_generation_and_bounded() {
        let cache = AccountCache::default();
        let name = |n: usize| AccountName::parse(&format!("{n}@example.org"), None).unwrap();
        let logins = vec!["ann@example.org".to_owned()];
        let before = cache.generation();
        cache.put_logins(name(0), logins.clone(), before);
        assert_eq!(cache.logins(&name(0)), Some(logins.clone()));
        cache.addresses_changed();
        assert_eq!(cache.logins(&name(0)), None);
        cache.put_logins(name(0), logins.clone(), before);
        assert_eq!(cache.logins(&name(0)), None, "it was read before the change");
        cache.put_logins(name(0), logins.clone(), cache.generation());
        cache.forget(&name(1));
        assert_eq!(cache.logins(&name(0)), None);
        for n in 0..=ADDRESSES_MAX {
            cache.put_logins(name(n), logins.clone(), cache.generation());
        }
        assert_eq!(cache.logins(&name(0)), None, "the oldest one fell out");
        assert_eq!(cache.logins(&name(1)), Some(logins));
    }

    #[test]
    fn unknown_names_are_bounded_and_push_no_account_out() {
        let cache = AccountCache::default();
        let name = |n: usize| AccountName::parse(&format!("{n}@example.org"), None).unwrap();
        for n in 0..=UNKNOWN_MAX {
            cache.put(&name(n), &None, cache.generation());
        }
        assert_eq!(cache.get(&name(0)), None, "the oldest one fell out");
        assert_eq!(cache.get(&name(UNKNOWN_MAX)), Some(None));
    }
}
