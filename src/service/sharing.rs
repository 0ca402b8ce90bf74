//! Delegations are handed to Dovecot when they change: a revoke is in force there, too, when it returns.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{error, info, warn};

use super::Service;
use crate::gate::sharing::writable;
use crate::log;
use crate::sharing::SharingFiles;
use crate::store::StoreError;

/// The files, and whether they are behind the store.
#[derive(Debug)]
pub(super) struct Sharing {
    files: Arc<SharingFiles>,
    /// One at a time, so that the newest state is written last.
    turn: tokio::sync::Mutex<()>,
    stale: AtomicBool,
}

impl Sharing {
    pub(super) fn new(files: SharingFiles) -> Self {
        Self { files: Arc::new(files), turn: tokio::sync::Mutex::default(), stale: AtomicBool::new(true) }
    }
}

/// Dovecot could not be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SharingError {
    /// The store's own trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file cannot be written.
    #[error(
        "the change is made, but Dovecot could not be told: {0}. It is tried again every second; check \
         sharing.folder and who may write there"
    )]
    File(String),
}

impl Service {
    /// Writes what Dovecot is to know of delegations, if it is to know anything. They are in force when this returns.
    ///
    /// # Errors
    /// A file cannot be written, or the store cannot be read. It is tried again by itself.
    pub async fn share(&self) -> Result<(), SharingError> {
        let Some(sharing) = &self.sharing else { return Ok(()) };
        let _turn = sharing.turn.lock().await;
        let written = self.write_sharing(sharing).await;
        let was_stale = sharing.stale.swap(written.is_err(), Ordering::Relaxed);
        match &written {
            Ok(()) if was_stale => info!("Dovecot's files of delegations are up to date"),
            Err(why) if !was_stale => {
                error!(error = %log::chain(why), "Dovecot could not be told of delegations")
            }
            _ => {}
        }
        written
    }

    /// Whether Dovecot is told of delegations, so that delegates find the mailboxes.
    #[must_use]
    pub fn shares(&self) -> bool {
        self.sharing.is_some()
    }

    /// Under which name a delegate finds the mailbox of an owner; `None`: not at all.
    #[must_use]
    pub fn shared_place(&self, owner: &str, delegate: &str) -> Option<String> {
        let files = &self.sharing.as_ref()?.files;
        (writable(owner) && writable(delegate)).then(|| files.prefix.place(owner))
    }

    /// Tries again what failed before.
    pub(super) async fn share_again(&self) {
        if self.sharing.as_ref().is_some_and(|sharing| sharing.stale.load(Ordering::Relaxed)) {
            // Told when it failed first, and when it works.
            let _ = self.share().await;
        }
    }

    async fn write_sharing(&self, sharing: &Sharing) -> Result<(), SharingError> {
        let all = self.store.read(|tables| tables.delegations(None)).await?;
        let all: Vec<_> = all.into_iter().map(|one| (one.owner, one.delegate, one.right)).collect();
        let files = Arc::clone(&sharing.files);
        let written = tokio::task::spawn_blocking(move || files.write(&all)).await;
        let unwritable = match written {
            Ok(Ok(unwritable)) => unwritable,
            Ok(Err(why)) => {
                return Err(SharingError::File(format!("{}: {why}", sharing.files.acl.display())));
            }
            Err(why) => return Err(SharingError::File(why.to_string())),
        };
        for (owner, delegate, _) in unwritable {
            warn!(
                owner,
                delegate, "Dovecot cannot be told of this delegation: a name would be read as a pattern"
            );
        }
        Ok(())
    }
}
