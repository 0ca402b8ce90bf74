//! One process at a time: a lock on a file beside the database, held as long as the process lives.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// Nobody else uses the database, until this is dropped or the process ends.
#[derive(Debug)]
pub struct StoreLock {
    _held: Flock<File>,
}

/// Why the database cannot be had, with the cure.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it.
    #[error("{0}: another process uses it (is sidegated running?); stop it first")]
    Taken(PathBuf),
    /// The system said no.
    #[error("{path}: cannot be locked; does its folder exist, and may the daemon's user write there?")]
    System {
        /// The database.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// Takes the lock of the database at `path`.
///
/// # Errors
/// Another process has it, or the file beside the database cannot be made.
pub fn take(path: &Path) -> Result<StoreLock, LockError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let system = |source| LockError::System { path: path.to_owned(), source };
    let open = OpenOptions::new().create(true).append(true).mode(0o600).open(PathBuf::from(name));
    match Flock::lock(open.map_err(system)?, FlockArg::LockExclusiveNonblock) {
        Ok(held) => Ok(StoreLock { _held: held }),
        Err((_, Errno::EWOULDBLOCK)) => Err(LockError::Taken(path.to_owned())),
        Err((_, errno)) => Err(system(errno.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let held = take(&path).unwrap();
        let second = take(&path).unwrap_err().to_string();
        assert!(second.contains("stop it first"), "{second}");
        drop(held);
        assert!(take(&path).is_ok());
        let nowhere = take(&folder.path().join("missing/store.db")).unwrap_err().to_string();
        assert!(nowhere.contains("does its folder exist"), "{nowhere}");
    }
}
