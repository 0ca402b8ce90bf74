//! `sidegated --restore FILE`: puts a backup in the place of the database; `--make-missing`: begins anew.
//!
//! The backup is checked whole before anything is touched, and what was there is kept beside it under another
//! name. There is no moment without a database: whoever starts the daemon in between finds the old one or the new one.
//! The store key is a file of its own and is not part of a backup: which keys it needs is told.
//!
//! Both are run by root, in a folder of the daemon's user. Root reads the backup, and then works as that user.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::clock::Clock;
use crate::config::{Config, Store};
use crate::entropy::Entropy;
use crate::process::become_owner_of;
use crate::store::key_file::{self, KeyFileError};
use crate::store::keys::{KeyCount, needed};
use crate::store::lock::{self, LockError};
use crate::store::sqlite::Sqlite;
use crate::store::{Backend as _, Store as _, StoreError, sqlite};

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
    Backup(StoreError),
    /// The new database cannot be made.
    #[error(transparent)]
    Store(StoreError),
    /// The key file cannot be made.
    #[error(transparent)]
    Key(#[from] KeyFileError),
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
    /// What is under which key, the keys of the file first; a key that is not there comes with what is lost without it.
    pub keys: Keys,
}

/// The keys that a backup needs.
#[derive(Debug, PartialEq, Eq)]
pub struct Keys {
    /// The key file.
    pub file: PathBuf,
    /// Those that it needs and the file has.
    pub there: Vec<KeyCount>,
    /// Those that it needs and the file does not have.
    pub missing: Vec<KeyCount>,
}

impl Keys {
    /// What an administrator has to know; nothing where nothing is under a key.
    #[must_use]
    pub fn in_words(&self) -> String {
        let (file, mut words) = (self.file.display(), String::new());
        for key in self.there.iter().filter_map(|count| count.key_id) {
            let _ = writeln!(words, "it needs store key {key}, and {file} has it");
        }
        for count in self.missing.iter().filter(|count| count.matters()) {
            let Some(key) = count.key_id else { continue };
            let _ = writeln!(
                words,
                "WARNING: it needs store key {key}, and {file} does not have it: {} are under it. Put the key file of \
                 that time there before you start sidegated. Without it client passwords go on, each slower once; second \
                 factors have to be reset (sidegate factor reset), and recovery codes are void",
                count.in_words()
            );
        }
        words
    }
}

/// Puts a backup in place. The daemon must not run.
///
/// # Errors
/// It runs, the backup is damaged, or a file cannot be written. Nothing was changed then.
pub fn restore(config: &Config, backup: &Path) -> Result<Restored, RestoreError> {
    let path = config.store.path.clone();
    // Root alone may be able to read it.
    let mut from = File::open(backup).map_err(|source| system(backup, "cannot be read", source))?;
    let _lock = enter(&path)?;
    let aside = with_suffix(&path, ".restore");
    let placed = copy(&mut from, &aside).and_then(|()| {
        let found = look(&aside).map_err(|error| RestoreError::Backup(of_backup(error, &aside, backup)))?;
        let kept = keep(&path)?;
        fs::rename(&aside, &path).map_err(|source| system(&path, "cannot be put in place", source))?;
        sync(&path)?;
        Ok((kept, found))
    });
    remove(&aside);
    let (kept, (accounts, counts)) = placed?;
    Ok(Restored { path, kept, accounts, keys: compare(&config.store, counts) })
}

/// Makes what is missing of database and key file, where [`look`](crate::store::presence::look) refuses to. Returns
/// what was made.
///
/// # Errors
/// The daemon runs, or a file cannot be made.
pub fn make_missing(store: &Store) -> Result<Vec<PathBuf>, RestoreError> {
    let _lock = enter(&store.path)?;
    let is_there = |path: &Path| path.metadata().is_ok_and(|about| about.len() > 0);
    let mut made = Vec::new();
    if !is_there(&store.path) {
        Sqlite::at(&store.path).connect().map_err(RestoreError::Store)?;
        made.push(store.path.clone());
    }
    // A credential is there for the daemon alone.
    if !key_file::is_credential(&store.key_file) && !is_there(&store.key_file) {
        key_file::load(&store.key_file, &Entropy::system())?;
        made.push(store.key_file.clone());
    }
    Ok(made)
}

/// Works as the one whose folder it is, alone.
fn enter(path: &Path) -> Result<lock::StoreLock, RestoreError> {
    let folder = folder(path);
    become_owner_of(folder)
        .map_err(|source| system(folder, "its owner's rights cannot be taken on", source))?;
    Ok(lock::take(path)?)
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

/// A backup as it will be used: whole, of this version, with what is under which key.
fn look(aside: &Path) -> Result<(i64, Vec<KeyCount>), StoreError> {
    let accounts = sqlite::verify(aside)?;
    let mut counts = Vec::new();
    Sqlite::at(aside).connect()?.read(&mut |tables| {
        counts = tables.key_counts()?;
        Ok(())
    })?;
    Ok((accounts, counts))
}

/// The error of the backup itself, not of its copy.
fn of_backup(error: StoreError, aside: &Path, backup: &Path) -> StoreError {
    match error {
        StoreError::Failed(why) => {
            StoreError::Failed(why.replace(&aside.display().to_string(), &backup.display().to_string()))
        }
        other => other,
    }
}

fn compare(store: &Store, counts: Vec<KeyCount>) -> Keys {
    let held = key_file::ids(&store.key_file);
    let (there, missing) =
        needed(&counts).into_iter().partition(|count| count.key_id.is_some_and(|id| held.contains(&id)));
    Keys { file: store.key_file.clone(), there, missing }
}

fn system(path: &Path, what: &'static str, source: io::Error) -> RestoreError {
    RestoreError::System { path: path.to_owned(), what, source }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// A copy, on the disk.
fn copy(from: &mut File, aside: &Path) -> Result<(), RestoreError> {
    remove(aside);
    let mut write = || {
        let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(aside)?;
        io::copy(from, &mut to)?;
        to.sync_all()
    };
    write().map_err(|source| system(aside, "cannot be written", source))
}

/// Gives what is there a second name, with all that belongs to it.
fn keep(path: &Path) -> Result<Option<PathBuf>, RestoreError> {
    if !path.exists() {
        remove_beside(path);
        return Ok(None);
    }
    let before = with_suffix(path, &format!(".before-{}", Clock::system().now().0));
    // What waits beside it is taken into it. Where it is damaged that fails, and it is kept as it is.
    if let Ok(store) = Sqlite::at(path).connect() {
        let _ = store.fold();
    }
    if fs::hard_link(path, &before).is_err() {
        // A file system without second names.
        fs::copy(path, &before).map_err(|source| system(&before, "cannot be written", source))?;
    }
    for suffix in BESIDE {
        let (from, to) = (with_suffix(path, suffix), with_suffix(&before, suffix));
        match fs::rename(&from, &to) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                return Err(system(&from, "cannot be put away", source));
            }
            _ => {}
        }
    }
    sync(&before)?;
    Ok(Some(before))
}

/// The folder's names are on the disk.
fn sync(path: &Path) -> Result<(), RestoreError> {
    let folder = folder(path);
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| system(folder, "cannot be written to the disk", source))
}

fn remove(path: &Path) {
    let _ = fs::remove_file(path);
    remove_beside(path);
}

fn remove_beside(path: &Path) {
    for suffix in BESIDE {
        let _ = fs::remove_file(with_suffix(path, suffix));
    }
}
