//! The store's keys: which rows are under which, a new one, an old one forgotten.
//!
//! A new key is in its file, on the disk, before anything is made with it. Client passwords under a former key are found by
//! it and put under the current one at their next right use, so nobody has to be told. Second factors, which would be lost
//! with their key, are put under the current one at once, and every minute those that came after.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use tracing::{error, warn};

use super::Service;
use crate::gate::event::{Event, Kind};
use crate::gate::key::{KeyId, KeyRing};
use crate::log;
use crate::store::StoreError;
use crate::store::key_file::{self, KeyFileError};
use crate::store::keys::{KeyCount, Resealed, needed, reseal};

/// Second factors that one transaction puts under the current key, so that no login waits long behind it.
const RESEAL_MAX: u32 = 200;
/// Transactions one after the other; the rest waits for the next minute.
const RESEAL_BATCHES: usize = 100;

/// Why the keys are as they were.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file does not allow it, with the cure.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// No such key.
    #[error("there is no key {0}; sidegate key show tells which there are")]
    NoKey(KeyId),
    /// New rows are made with it.
    #[error("{0} is the current key; make another first (sidegate key rotate)")]
    Current(KeyId),
    /// Something is still under it, and nobody said that this does not matter.
    #[error(
        "{} client passwords, {} marks of removed ones and {} recovery codes are still under key {}. Each password is \
         put under the current key when it is next used. Without the key it would be tried with Argon2 until then, at \
         each password that is not found otherwise; the marks would tell nothing any more, and the recovery codes would \
         be void. If that is wanted, say --yes",
        .0.passwords, .0.removed, .0.recovery_codes, .0.id
    )]
    InUse(KeyUse),
    /// Second factors are under it: without it their owners could not get in.
    #[error(
        "{} second factors are still under key {}, and would be lost with it. They are put under the current key by \
         themselves, within a minute or, where there are very many, some minutes. Those that stay cannot be opened: the \
         log names their accounts; reset them first (sidegate factor reset)",
        .0.factors, .0.id
    )]
    Factors(KeyUse),
    /// The store's own trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The daemon stops.
    #[error("the daemon stops; try again")]
    Stopping,
}

/// What is under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUse {
    /// Which.
    pub id: KeyId,
    /// Client passwords.
    pub passwords: i64,
    /// Marks of removed ones.
    pub removed: i64,
    /// Second factors.
    pub factors: i64,
    /// Recovery codes.
    pub recovery_codes: i64,
}

impl KeyUse {
    /// What is under a key, of all that is counted.
    fn of(id: KeyId, counts: &[KeyCount]) -> Self {
        let mut sum = Self { id, passwords: 0, removed: 0, factors: 0, recovery_codes: 0 };
        for count in counts.iter().filter(|count| count.key_id == Some(id)) {
            sum.passwords += count.passwords;
            sum.removed += count.removed;
            sum.factors += count.factors;
            sum.recovery_codes += count.recovery_codes;
        }
        sum
    }
}

/// The keys, and what is under them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyState {
    /// The current one first.
    pub keys: Vec<KeyUse>,
    /// What is under keys that the key file does not have.
    pub lost: Vec<KeyCount>,
    /// Imported ones that were not used yet: they are under none.
    pub imported: i64,
}

impl Service {
    /// The keys of this moment.
    pub(super) fn keys(&self) -> KeyRing {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_keys(&self, keys: KeyRing) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// The keys, and what is under them.
    ///
    /// # Errors
    /// The store's own trouble.
    pub async fn key_state(&self) -> Result<KeyState, StoreError> {
        let both =
            |tables: &mut dyn crate::store::Tables| Ok((tables.key_counts()?, tables.counts()?.passwords));
        let (counts, all) = self.store.read(both).await?;
        let keys: Vec<KeyUse> = self.keys().ids().map(|id| KeyUse::of(id, &counts)).collect();
        let held = |id: Option<KeyId>| keys.iter().any(|key| Some(key.id) == id);
        let lost = needed(&counts).into_iter().filter(|count| !held(count.key_id)).collect();
        let ours: i64 = counts.iter().map(|count| count.passwords).sum();
        Ok(KeyState { keys, lost, imported: all - ours })
    }

    /// Tells the log of keys that something is under and that the key file does not have.
    ///
    /// # Errors
    /// The store's own trouble.
    pub async fn tell_of_lost_keys(&self) -> Result<(), StoreError> {
        for count in self.key_state().await?.lost.iter().filter(|count| count.matters()) {
            let Some(key) = count.key_id else { continue };
            warn!(
                %key,
                under_it = count.in_words(),
                "the key file does not have this store key: put the key file of that time back; until then client \
                 passwords under it are slower, and second factors and recovery codes under it cannot be used"
            );
        }
        Ok(())
    }

    /// Whether the file has the keys that are in force: `ok`, or what is wrong with it.
    pub async fn check_key_file(&self, file: PathBuf) -> String {
        let keys = self.keys();
        match tokio::task::spawn_blocking(move || key_file::check(&file, &keys)).await {
            Ok(Ok(())) => "ok".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the daemon stops".to_owned(),
        }
    }

    /// Makes a new key, which is in force when this returns. What was made with the former ones stays good.
    ///
    /// # Errors
    /// The file cannot be written; everything is as it was then.
    pub async fn rotate_key(self: &Arc<Self>, file: PathBuf, actor: &str) -> Result<KeyState, KeyError> {
        let change = |service: &Self, file: &Path, now: &KeyRing| {
            let keys = key_file::rotate(file, now, &service.entropy)?;
            let event = Event::new(service.now(), Kind::KeyRotated, "");
            Ok((event.reason(keys.current().id().to_string()), keys))
        };
        self.change_keys(file, actor, change).await?;
        self.reseal_factors().await;
        Ok(self.key_state().await?)
    }

    /// Puts second factors under the current key. Where nothing is under a former one, nothing is written.
    pub async fn reseal_factors(&self) {
        let keys = self.keys();
        let mut broken = Vec::new();
        let mut batches = 0..RESEAL_BATCHES;
        for former in keys.ids().skip(1) {
            let mut after = 0;
            while batches.next().is_some() {
                match self.reseal_some(former, after).await {
                    Ok(Resealed { last, broken: more }) => {
                        broken.extend(more);
                        let Some(last) = last else { break };
                        after = last;
                    }
                    Err(error) => {
                        error!(error = %log::chain(&error), "second factors could not be put under the current key");
                        return;
                    }
                }
            }
        }
        let told = self.broken_factors.swap(broken.len(), Ordering::Relaxed);
        if broken.len() > told {
            error!(accounts = broken.join(" "), "second factors of these accounts cannot be opened");
        }
    }

    /// Some of those under one former key.
    async fn reseal_some(&self, former: KeyId, after: i64) -> Result<Resealed, StoreError> {
        let any = self.store.read(move |tables| tables.factors_under(former, after, 1)).await?;
        if any.is_empty() {
            return Ok(Resealed::default());
        }
        let (keys, entropy) = (self.keys(), Arc::clone(&self.entropy));
        let work = move |tables: &mut dyn crate::store::Tables| {
            reseal(tables, (former, after), &keys, &entropy, RESEAL_MAX)
        };
        let written = self.store.write(work, |_| ()).await;
        self.wrote(&written);
        written
    }

    /// Forgets a former key; tells what was under it. Whoever says `yes` takes that into the bargain, but for second
    /// factors.
    ///
    /// # Errors
    /// There is no such key, it is in use, or the file cannot be written; everything is as it was then.
    pub async fn forget_key(
        self: &Arc<Self>,
        file: PathBuf,
        id: KeyId,
        yes: bool,
        actor: &str,
    ) -> Result<KeyUse, KeyError> {
        let state = self.key_state().await?;
        let place = state.keys.iter().position(|key| key.id == id).ok_or(KeyError::NoKey(id))?;
        if place == 0 {
            return Err(KeyError::Current(id));
        }
        let used = state.keys[place];
        if used.factors > 0 {
            return Err(KeyError::Factors(used));
        }
        if !yes && used.passwords + used.removed + used.recovery_codes > 0 {
            return Err(KeyError::InUse(used));
        }
        let change = move |service: &Self, file: &Path, now: &KeyRing| {
            let keys = key_file::forget(file, now, id)?;
            Ok((Event::new(service.now(), Kind::KeyForgotten, "").reason(id.to_string()), keys))
        };
        self.change_keys(file, actor, change).await?;
        Ok(used)
    }

    /// Changes the file first, and then what is in force; both even if nobody waits for it any more.
    async fn change_keys(
        self: &Arc<Self>,
        file: PathBuf,
        actor: &str,
        change: impl FnOnce(&Self, &Path, &KeyRing) -> Result<(Event, KeyRing), KeyFileError> + Send + 'static,
    ) -> Result<(), KeyError> {
        let (service, actor) = (Arc::clone(self), actor.to_owned());
        let changed = tokio::spawn(async move {
            let _one_at_a_time = service.changing_keys.lock().await;
            let (writer, now) = (Arc::clone(&service), service.keys());
            let written = tokio::task::spawn_blocking(move || change(&writer, &file, &now)).await;
            let (event, keys) = written.map_err(|_| KeyError::Stopping)??;
            service.set_keys(keys);
            let event = Event { actor, ..event };
            log::event(&event);
            let work = move |tables: &mut dyn crate::store::Tables| {
                tables.add_event(&event)?;
                // What is marked under a former key gets a mark under the current one.
                tables.ask_anew()
            };
            let noted = service.store.write(work, |()| ()).await;
            service.wrote(&noted);
            service.mailboxes_are_unasked();
            if let Err(error) = noted {
                // The key is in force and on disk; only its event is in the log alone.
                error!(error = %log::chain(&error), "a change of the keys could not be noted");
            }
            service.ring_notices();
            Ok(())
        });
        changed.await.unwrap_or(Err(KeyError::Stopping))
    }
}
