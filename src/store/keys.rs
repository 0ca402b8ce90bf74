//! What the store knows of its keys: how much is under each, and second factors that have to be put under another.
//!
//! Client passwords are put under the current key when they are used. A second factor is sealed: who has only its key can
//! put it under another, and nobody has to use it.

use super::portal::FactorRow;
use super::{StoreError, Tables};
use crate::entropy::Entropy;
use crate::gate::key::{KeyId, KeyRing};
use crate::gate::seal::Place;

/// The table's name, bound to what is sealed in it.
const FACTOR: &str = "factor";

/// How much is under one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyCount {
    /// Which; `None`: marks from before this was noted.
    pub key_id: Option<KeyId>,
    /// Client passwords.
    pub passwords: i64,
    /// Marks of removed ones.
    pub removed: i64,
    /// Second factors.
    pub factors: i64,
    /// Recovery codes.
    pub recovery_codes: i64,
}

impl KeyCount {
    /// Something under it is lost with it, or slower; marks of removed ones merely tell nothing any more.
    #[must_use]
    pub fn matters(&self) -> bool {
        self.passwords > 0 || self.is_needed()
    }

    /// Something under it is of no use without it.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        self.factors + self.recovery_codes > 0
    }

    /// The key, and what is under it.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        Some(format!("{} ({})", self.key_id?, self.in_words()))
    }

    /// What is under it, for people.
    #[must_use]
    pub fn in_words(&self) -> String {
        let parts = [
            (self.passwords, "client passwords"),
            (self.removed, "marks of removed ones"),
            (self.factors, "second factors"),
            (self.recovery_codes, "recovery codes"),
        ];
        let told = parts.into_iter().filter(|(count, _)| *count > 0);
        told.map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
    }
}

/// Each key once, with all that is under it. Marks from before keys were noted are under none.
#[must_use]
pub fn needed(counts: &[KeyCount]) -> Vec<KeyCount> {
    let mut sums: Vec<KeyCount> = Vec::new();
    for count in counts.iter().filter(|count| count.key_id.is_some()) {
        let place = sums.iter().position(|sum| sum.key_id == count.key_id).unwrap_or_else(|| {
            sums.push(KeyCount { key_id: count.key_id, ..KeyCount::default() });
            sums.len() - 1
        });
        let sum = &mut sums[place];
        sum.passwords += count.passwords;
        sum.removed += count.removed;
        sum.factors += count.factors;
        sum.recovery_codes += count.recovery_codes;
    }
    sums
}

/// A second factor under a key, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyedFactor {
    /// The account's number.
    pub account_id: i64,
    /// Its name.
    pub account: String,
    /// The factor.
    pub row: FactorRow,
}

/// Rows under keys.
pub trait KeyTables {
    /// How much is under each key. A key may come several times.
    ///
    /// # Errors
    /// As all of these: the database's own trouble.
    fn key_counts(&mut self) -> Result<Vec<KeyCount>, StoreError>;
    /// Second factors under a key in the order of their numbers, after `after`.
    fn factors_under(
        &mut self,
        key_id: KeyId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<KeyedFactor>, StoreError>;
}

/// How far second factors were put under the current key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// The number of the last one; `None`: there are no more.
    pub last: Option<i64>,
    /// Accounts with factors that cannot be opened, so that they stay.
    pub broken: Vec<String>,
}

/// Puts up to `limit` second factors that are under a former key, after the one of this number, under the current one.
///
/// # Errors
/// The store's own trouble.
pub fn reseal(
    tables: &mut dyn Tables,
    (former, after): (KeyId, i64),
    keys: &KeyRing,
    entropy: &Entropy,
    limit: u32,
) -> Result<Resealed, StoreError> {
    let mut done = Resealed::default();
    for KeyedFactor { account_id, account, row } in tables.factors_under(former, after, limit)? {
        done.last = Some(row.factor.id);
        let place = Place { table: FACTOR, row: &row.uid, account: account_id };
        let Ok(plain) = keys.open(&row.sealed, place) else {
            done.broken.push(account);
            continue;
        };
        let sealed =
            keys.seal(&plain, place, entropy).map_err(|error| StoreError::Failed(error.to_string()))?;
        tables.reseal_factor(row.factor.id, &sealed)?;
    }
    Ok(done)
}
