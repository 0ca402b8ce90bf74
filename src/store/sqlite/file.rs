//! The database's file: opened, brought up to date, checked; and what can be done about its errors.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::store::StoreError;

/// Applied once, in this order, each in one transaction; never edited after a release.
const MIGRATIONS: &[&str] = &[
    include_str!("../schema/0001_start.sql"),
    include_str!("../schema/0002_sending.sql"),
    include_str!("../schema/0003_cursor.sql"),
    include_str!("../schema/0004_door.sql"),
    include_str!("../schema/0005_import.sql"),
    include_str!("../schema/0006_portal.sql"),
    include_str!("../schema/0007_people.sql"),
    include_str!("../schema/0008_administration.sql"),
    include_str!("../schema/0009_identity.sql"),
    include_str!("../schema/0010_visits.sql"),
    include_str!("../schema/0011_administering.sql"),
    include_str!("../schema/0012_familiar.sql"),
    include_str!("../schema/0013_persons.sql"),
];

/// Marks the file as ours (`PRAGMA application_id`): "Sdgt".
const APPLICATION_ID: i64 = 0x5364_6774;

/// How long a connection waits for another process's lock, such as a backup's.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// Page cache of each connection, in KiB.
const PAGE_CACHE_KIB: i64 = 2048;

/// Opens the file, makes it if it is missing, and brings its schema up to date.
///
/// # Errors
/// It cannot be opened, is no store of ours, or was made by a newer version.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    prepare(path).map_err(|error| of(path, error))
}

fn prepare(path: &Path) -> Result<Connection, StoreError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(LOCK_WAIT)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -PAGE_CACHE_KIB)?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    migrate(&mut connection)?;
    Ok(connection)
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = check_origin(&transaction)?;
    for (number, sql) in (1_u32..).zip(MIGRATIONS).skip(version) {
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", number)?;
    }
    if version < MIGRATIONS.len() {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    transaction.commit()?;
    Ok(())
}

/// Reads a backup whole: is it a database of ours, undamaged, and not from a newer version? Returns how many
/// accounts it has. Changes nothing.
///
/// # Errors
/// It is none of these, or cannot be read.
pub fn verify(path: &Path) -> Result<i64, StoreError> {
    verify_whole(path).map_err(|error| of(path, error))
}

/// The error with the file's name before it.
fn of(path: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::Failed(why) => StoreError::Failed(format!("{}: {why}", path.display())),
        other => other,
    }
}

/// How many accounts a database of ours has; one without tables has none. Changes nothing.
///
/// # Errors
/// It is none of ours, or cannot be read.
pub fn accounts(path: &Path) -> Result<i64, StoreError> {
    let count = || match open_to_read(path)? {
        (_, 0) => Ok(0),
        (connection, _) => count_accounts(&connection),
    };
    count().map_err(|error| of(path, error))
}

fn count_accounts(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.query_row("SELECT count(*) FROM account", [], |row| row.get(0))?)
}

/// A connection, and the version of the schema.
fn open_to_read(path: &Path) -> Result<(Connection, usize), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    let version = check_origin(&connection)?;
    Ok((connection, version))
}

fn verify_whole(path: &Path) -> Result<i64, StoreError> {
    let (connection, _) = open_to_read(path)?;
    let damage: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if damage != "ok" {
        return Err(StoreError::Failed(format!("it is damaged ({damage})")));
    }
    count_accounts(&connection)
}

/// Ours, and of a version that is known; returns the version.
fn check_origin(connection: &Connection) -> Result<usize, StoreError> {
    let version: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let id: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 && id != APPLICATION_ID {
        return Err(StoreError::Failed("this is some other program's database".into()));
    }
    if version as usize > MIGRATIONS.len() {
        return Err(StoreError::Failed(format!(
            "made by a newer version of Sidegate (schema {version}, this one knows {}); install that one",
            MIGRATIONS.len()
        )));
    }
    Ok(version as usize)
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match cure(&error) {
            Some(cure) => Self::Failed(format!("{error}; {cure}")),
            None => Self::Failed(error.to_string()),
        }
    }
}

/// What an administrator can do about it.
fn cure(error: &rusqlite::Error) -> Option<&'static str> {
    Some(match error.sqlite_error_code()? {
        ErrorCode::DiskFull => "the disk is full: make room",
        ErrorCode::SystemIoFailure => {
            "the disk reports an error, or is full: see the kernel's log, make room"
        }
        ErrorCode::ReadOnly => "the daemon's user must be able to write the file and its folder",
        ErrorCode::CannotOpen => "does its folder exist, and may the daemon's user write there?",
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
            "the file is damaged: stop the daemon and put your last backup in its place (sidegate backup)"
        }
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => "another program holds the file: close it",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever signed in before that was kept with the account is not said to have never been there.
    #[test]
    fn the_last_sign_in_of_before_is_read_out_of_the_events() {
        let connection = Connection::open_in_memory().expect("a database");
        let kept = MIGRATIONS.iter().position(|sql| sql.contains("signed_in")).expect("it is there");
        for sql in &MIGRATIONS[..kept] {
            connection.execute_batch(sql).expect("applied");
        }
        let fill = "INSERT INTO account (name, created) VALUES ('ann@a', 1), ('bob@a', 1), ('eve@a', 1);
            INSERT INTO event (time, kind, account, protocol, verdict, actor) VALUES
            (10, 'login', 'ann@a', 'sidegate-portal', 'accept', 'gate'),
            (20, 'login', 'ann@a', 'sidegate-portal', 'accept', 'gate'),
            (30, 'login', 'ann@a', 'sidegate-portal', 'refuse', 'gate'),
            (40, 'login', 'bob@a', 'imap', 'accept', 'gate'),
            (50, 'login', 'gone@a', 'sidegate-portal', 'accept', 'gate');";
        connection.execute_batch(fill).expect("filled");
        connection.execute_batch(MIGRATIONS[kept]).expect("applied");
        let mut statement = connection.prepare("SELECT signed_in FROM account ORDER BY id").expect("SQL");
        let found: rusqlite::Result<Vec<Option<i64>>> =
            statement.query_map([], |row| row.get(0)).expect("rows").collect();
        assert_eq!(found.expect("numbers"), [Some(20), None, None]);
    }
}
