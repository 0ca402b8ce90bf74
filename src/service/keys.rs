//! The store's keys: which rows are under which, a new one, an old one forgotten.
//!
//! A new key is in its file, on the disk, before anything is made with it. Rows under a former key are found by it and
//! put under the current one at their next right use, so nobody has to be told and nothing has to be gone through.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use tracing::error;

use super::Service;
use crate::gate::event::{Event, Kind};
use crate::gate::key::{KeyId, KeyRing};
use crate::log;
use crate::store::StoreError;
use crate::store::key_file::{self, KeyFileError};

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
        "{passwords} client passwords and {removed} marks of removed ones are still under key {id}. Each password is \
         put under the current key when it is next used. Without the key it would be tried with Argon2 until then, at \
         each password that is not found otherwise, and the marks would tell nothing any more; if that is wanted, say \
         --yes"
    )]
    InUse {
        /// Which.
        id: KeyId,
        /// Client passwords under it.
        passwords: i64,
        /// Marks of removed ones under it.
        removed: i64,
    },
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
}

/// The keys, and what is under them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyState {
    /// The current one first.
    pub keys: Vec<KeyUse>,
    /// Client passwords under keys that nobody has any more.
    pub lost: i64,
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
        let under = |id: KeyId| {
            let under = counts.iter().filter(|count| count.key_id == Some(id));
            under.fold(KeyUse { id, passwords: 0, removed: 0 }, |sum, count| KeyUse {
                id,
                passwords: sum.passwords + count.passwords,
                removed: sum.removed + count.removed,
            })
        };
        let keys: Vec<KeyUse> = self.keys().ids().map(under).collect();
        let known: i64 = keys.iter().map(|one| one.passwords).sum();
        let ours: i64 = counts.iter().map(|count| count.passwords).sum();
        Ok(KeyState { keys, lost: ours - known, imported: all - ours })
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
        Ok(self.key_state().await?)
    }

    /// Forgets a former key; tells what was under it. Whoever says `yes` takes that into the bargain.
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
        let KeyUse { passwords, removed, .. } = state.keys[place];
        if !yes && passwords + removed > 0 {
            return Err(KeyError::InUse { id, passwords, removed });
        }
        let change = move |service: &Self, file: &Path, now: &KeyRing| {
            let keys = key_file::forget(file, now, id)?;
            Ok((Event::new(service.now(), Kind::KeyForgotten, "").reason(id.to_string()), keys))
        };
        self.change_keys(file, actor, change).await?;
        Ok(state.keys[place])
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
            let work = move |tables: &mut dyn crate::store::Tables| tables.add_event(&event).map(drop);
            let noted = service.store.write(work, |()| ()).await;
            service.wrote(&noted);
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
