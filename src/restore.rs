//! `sidegated --restore FILE`: puts a backup in the place of the database.
//!
//! The backup is checked whole before anything is touched, and what was there is kept beside it under another
//! name. The store key is a file of its own and is not part of a backup.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, chown};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use crate::clock::Clock;
use crate::config::Config;
use crate::store::lock::{self, LockError};
use crate::store::{StoreError, sqlite};

/// What SQLite keeps beside a database: left there, it would be taken for the backup's.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Why a backup was not restored; the database is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The daemon runs, or the database cannot be had.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The backup is damaged, or none of ours.
    #[error("the backup cannot be used, nothing was changed: {0}")]
    Backup(#[from] StoreError),
    /// The system said no.
    #[error("{path}: {what}: {source}")]
    System {
        /// The file.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What it said.
        source: io::Error,
    },
}

/// What was done.
#[derive(Debug, PartialEq, Eq)]
pub struct Restored {
    /// The database.
    pub path: PathBuf,
    /// What was there before, if anything.
    pub kept: Option<PathBuf>,
    /// Accounts in it.
    pub accounts: i64,
}

/// Puts a backup in place. The daemon must not run.
///
/// # Errors
/// It runs, the backup is damaged, or a file cannot be written. Nothing was changed then.
pub fn restore(config: &Config, backup: &Path) -> Result<Restored, RestoreError> {
    let _lock = lock::take(&config.store.path)?;
    let accounts = sqlite::verify(backup)?;
    let path = config.store.path.clone();
    let aside = with_suffix(&path, ".restore");
    let placed = copy(backup, &aside, &path).and_then(|()| {
        let kept = put_away(&path)?;
        fs::rename(&aside, &path).map_err(|source| system(&path, "cannot be put in place", source))?;
        Ok(kept)
    });
    if placed.is_err() {
        let _ = fs::remove_file(&aside);
    }
    let kept = placed?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| system(folder, "cannot be written to the disk", source))?;
    Ok(Restored { path, kept, accounts })
}

fn system(path: &Path, what: &'static str, source: io::Error) -> RestoreError {
    RestoreError::System { path: path.to_owned(), what, source }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// A copy for the daemon's user alone, on the disk.
fn copy(backup: &Path, aside: &Path, path: &Path) -> Result<(), RestoreError> {
    match fs::remove_file(aside) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            return Err(system(aside, "cannot be replaced", source));
        }
        _ => {}
    }
    let write = || {
        let mut from = File::open(backup)?;
        let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(aside)?;
        io::copy(&mut from, &mut to)?;
        if geteuid().is_root() {
            // Root restores for the daemon's user, who has the folder.
            let folder = fs::metadata(path.parent().unwrap_or(Path::new("/")))?;
            chown(aside, Some(folder.uid()), Some(folder.gid()))?;
        }
        to.sync_all()
    };
    write().map_err(|source| system(aside, "cannot be written", source))
}

/// Gives what is there another name, with all that belongs to it.
fn put_away(path: &Path) -> Result<Option<PathBuf>, RestoreError> {
    let before = with_suffix(path, &format!(".before-{}", Clock::system().now().0));
    for suffix in BESIDE.into_iter().chain([""]) {
        let (from, to) = (with_suffix(path, suffix), with_suffix(&before, suffix));
        match fs::rename(&from, &to) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                return Err(system(&from, "cannot be put away", source));
            }
            _ => {}
        }
    }
    Ok(before.exists().then_some(before))
}
