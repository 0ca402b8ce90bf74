//! Whether a start is the first one.
//!
//! The database and its key file belong together. Only where neither is there was there never anything: one of them alone
//! means that the other was lost, or is not where the settings look for it, and an empty one in its place would turn
//! two-factor off for everybody and refuse every right client password.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{StoreError, sqlite};

/// What a start finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Nothing: both are made.
    FirstStart,
    /// Both, or what is left of a first start that was cut off.
    Complete,
}

/// Why nothing may be made, with the ways out.
#[derive(Debug, thiserror::Error)]
pub enum Missing {
    /// The key file is there, and the database is not.
    #[error(
        "{database}: there is no database, but its key file is there ({key_file}): this is not the first start, and with \
         an empty database two-factor would be off and every client password wrong. Is the volume mounted, and is \
         store.path right? Otherwise put a backup back (sidegated --restore BACKUP), or begin anew with no accounts \
         (sidegated --make-missing)"
    )]
    Database {
        /// Where it should be.
        database: PathBuf,
        /// What is there.
        key_file: PathBuf,
    },
    /// The database is there, and the key file is not.
    #[error(
        "store key {key_file}: the file is missing, but its database is there ({database}), with {accounts} accounts. Put \
         it back from your backup, or mend store.key_file. If it is lost: sidegated --make-missing makes a new key; client \
         passwords go on, each slower once, and second factors have to be reset (sidegate factor reset)"
    )]
    Key {
        /// What is there.
        database: PathBuf,
        /// Where it should be.
        key_file: PathBuf,
        /// Accounts in the database.
        accounts: i64,
    },
    /// Nobody can say.
    #[error("{path}: {source}")]
    System {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database's own trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Looks at both files, and changes nothing.
///
/// # Errors
/// One of them is missing, or cannot be looked at.
pub fn look(database: &Path, key_file: &Path) -> Result<Presence, Missing> {
    // A database that was cut off to nothing is none; a key file without a key is told as that, where it is read.
    match (bytes(database)? > Some(0), bytes(key_file)?.is_some()) {
        (false, false) => Ok(Presence::FirstStart),
        (true, true) => Ok(Presence::Complete),
        (false, true) => Err(Missing::Database { database: database.into(), key_file: key_file.into() }),
        // The database is made first: without an account in it, nothing was ever under a key.
        (true, false) => match sqlite::accounts(database)? {
            0 => Ok(Presence::Complete),
            accounts => Err(Missing::Key { database: database.into(), key_file: key_file.into(), accounts }),
        },
    }
}

/// How long a file is, if it is there.
fn bytes(path: &Path) -> Result<Option<u64>, Missing> {
    match fs::metadata(path) {
        Ok(about) => Ok(Some(about.len())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Missing::System { path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::gate::name::AccountName;
    use crate::store::sqlite::Sqlite;
    use crate::store::{Backend as _, Store as _};

    #[test]
    fn one_of_both_alone_is_no_first_start() {
        let folder = tempfile::tempdir().unwrap();
        let (database, key) = (folder.path().join("store.db"), folder.path().join("store.key"));
        assert_eq!(look(&database, &key).unwrap(), Presence::FirstStart);
        fs::write(&key, [1; 32]).unwrap();
        // A file that was cut off to nothing is no database.
        for cut in [false, true] {
            if cut {
                fs::write(&database, "").unwrap();
            }
            let error = look(&database, &key).unwrap_err().to_string();
            assert!(error.contains("--restore") && error.contains("--make-missing"), "{error}");
        }
        fs::remove_file(&database).unwrap();
        let mut store = Sqlite::at(&database).connect().unwrap();
        assert_eq!(look(&database, &key).unwrap(), Presence::Complete);
        fs::remove_file(&key).unwrap();
        assert_eq!(look(&database, &key).unwrap(), Presence::Complete, "a first start that was cut off");
        let ann = AccountName::parse("ann@example.org", None).unwrap();
        store.write(&mut |tables| tables.add_account(&ann, Timestamp(1)).map(drop)).unwrap();
        let error = look(&database, &key).unwrap_err().to_string();
        assert!(error.contains("with 1 accounts") && error.contains("Put it back"), "{error}");
        fs::write(&key, [1; 32]).unwrap();
        assert_eq!(look(&database, &key).unwrap(), Presence::Complete);
    }
}
