//! The embedded store: all its SQL, and nothing but SQL.
//!
//! WAL with `synchronous = FULL`: what `write` has returned is on the disk and survives a power
//! loss. One connection writes; readers see the last commit.

mod administration;
mod file;
mod identity;
mod keys;
mod names;
mod portal;
mod rollout;
mod rows;
mod sending;
mod visit;

use std::path::{Path, PathBuf};

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

pub use self::file::{accounts, verify};
use self::rows::{broken, failure_bytes, join, read_event, read_password, read_record};
use super::{
    AccountLine, Backend, Counts, DoorTimes, EventQuery, NewRow, PasswordLine, Store, StoreError, Tables,
    Work,
};
use crate::clock::Timestamp;
use crate::gate::account::{Account, Lacks, LastUse, RevokedPassword, Stored};
use crate::gate::address::Key;
use crate::gate::clean::clean;
use crate::gate::domain::{searched, shown};
use crate::gate::event::Event;
use crate::gate::foreign::Scheme;
use crate::gate::key::{KeyId, MailboxMark, Selector};
use crate::gate::name::{AccountName, GroupName};
use crate::gate::record::AddressRecord;

/// The file of an embedded store.
#[derive(Clone, Debug)]
pub struct Sqlite {
    path: PathBuf,
}

impl Sqlite {
    /// The store at `path`; the file is made when the first connection opens.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl Backend for Sqlite {
    type Store = SqliteStore;

    fn connect(&self) -> Result<SqliteStore, StoreError> {
        Ok(SqliteStore { connection: file::open(&self.path)? })
    }

    fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let target = to.to_str().ok_or_else(|| StoreError::Failed("the file's name is not UTF-8".into()))?;
        file::open(&self.path)?.execute("VACUUM INTO ?1", [target])?;
        Ok(())
    }
}

/// One connection.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
}

impl SqliteStore {
    /// Takes what waits in the log beside the file into the file. Nobody else may use it meanwhile.
    ///
    /// # Errors
    /// The database's own trouble.
    pub fn fold(&self) -> Result<(), StoreError> {
        Ok(self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
    }
}

impl Store for SqliteStore {
    fn write(&mut self, work: Work<'_>) -> Result<(), StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        work(&mut SqliteTables { connection: &transaction })?;
        transaction.commit()?;
        Ok(())
    }

    fn read(&mut self, work: Work<'_>) -> Result<(), StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        work(&mut SqliteTables { connection: &transaction })
    }
}

struct SqliteTables<'a> {
    connection: &'a Connection,
}

impl SqliteTables<'_> {
    /// Runs one statement, prepared once per connection; returns how many rows it changed.
    fn run(&self, sql: &str, values: impl rusqlite::Params) -> Result<usize, StoreError> {
        Ok(self.connection.prepare_cached(sql)?.execute(values)?)
    }

    /// As [`Self::run`], and returns the new row's number.
    fn insert(&self, sql: &str, values: impl rusqlite::Params) -> Result<i64, StoreError> {
        self.run(sql, values)?;
        Ok(self.connection.last_insert_rowid())
    }

    fn list<T>(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(values, read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

impl Tables for SqliteTables<'_> {
    fn account(&mut self, name: &AccountName) -> Result<Option<Account>, StoreError> {
        let sql = "SELECT id, enabled, two_factor, created, group_name, mailbox FROM account WHERE name = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let found = statement.query_row([name.as_str()], |row| {
            Ok(Account {
                id: row.get(0)?,
                name: name.clone(),
                enabled: row.get(1)?,
                two_factor: row.get(2)?,
                created: Timestamp(row.get(3)?),
                group: row.get::<_, Option<String>>(4)?.and_then(|name| GroupName::parse(&name).ok()),
                mailbox: row.get::<_, Option<[u8; 16]>>(5)?.map(MailboxMark),
                passwords: Vec::new(),
                revoked: Vec::new(),
            })
        });
        let Some(mut account) = found.optional()? else { return Ok(None) };
        account.passwords = self.list(
            "SELECT id, name, selector, key_id, phc, created, expires, protocols, networks,
                    last_at, last_address, last_protocol, scheme
             FROM client_password WHERE account_id = ?1 ORDER BY id",
            [account.id],
            read_password,
        )?;
        account.revoked = self.list(
            "SELECT id, name, selector, at FROM revoked_password WHERE account_id = ?1 ORDER BY id DESC",
            [account.id],
            |row| {
                Ok(RevokedPassword {
                    id: row.get(0)?,
                    name: row.get(1)?,
                    selector: Selector(row.get(2)?),
                    at: Timestamp(row.get(3)?),
                })
            },
        )?;
        Ok(Some(account))
    }

    fn accounts(
        &mut self,
        after: &str,
        search: &str,
        only: Option<Lacks>,
        limit: u32,
    ) -> Result<Vec<AccountLine>, StoreError> {
        let lacks = administration::lacking(only);
        let sql = format!(
            "SELECT name, enabled, two_factor, created,
                    (SELECT count(*) FROM client_password WHERE account_id = account.id), group_name, signed_in
             FROM account WHERE name > ?1 AND (instr(name, ?2) > 0 OR instr(name, ?4) > 0){lacks} ORDER BY name LIMIT ?3"
        );
        self.list(&sql, params![after, search, limit, searched(search).as_deref().unwrap_or(search)], |row| {
            Ok(AccountLine {
                name: row.get(0)?,
                enabled: row.get(1)?,
                two_factor: row.get(2)?,
                created: Timestamp(row.get(3)?),
                passwords: row.get(4)?,
                group: row.get(5)?,
                signed_in: row.get::<_, Option<i64>>(6)?.map(Timestamp),
            })
        })
    }

    fn passwords(&mut self, after: i64, limit: u32) -> Result<Vec<PasswordLine>, StoreError> {
        self.list(
            "SELECT c.id, c.name, selector, key_id, phc, c.created, expires, protocols, networks,
                    last_at, last_address, last_protocol, scheme, account.name
             FROM client_password AS c JOIN account ON account.id = account_id
             WHERE c.id > ?1 ORDER BY c.id LIMIT ?2",
            params![after, limit],
            |row| Ok(PasswordLine { account: row.get(13)?, password: read_password(row)? }),
        )
    }

    fn add_account(&mut self, name: &AccountName, now: Timestamp) -> Result<i64, StoreError> {
        self.insert("INSERT INTO account (name, created) VALUES (?1, ?2)", params![name.as_str(), now.0])
    }

    fn set_account(&mut self, id: i64, enabled: bool, two_factor: bool) -> Result<(), StoreError> {
        let sql = "UPDATE account SET enabled = ?2, two_factor = ?3, mailbox_at = NULL WHERE id = ?1";
        self.run(sql, params![id, enabled, two_factor]).map(drop)
    }

    fn remove_account(&mut self, id: i64) -> Result<(), StoreError> {
        self.run("DELETE FROM account WHERE id = ?1", [id]).map(drop)
    }

    fn add_password(&mut self, row: &NewRow<'_>) -> Result<i64, StoreError> {
        let NewRow { account_id, name, stored, created, terms } = row;
        let (selector, key_id, phc): (&[u8], &[u8], &str) = match stored {
            Stored::Ours { selector, key_id, phc } => (&selector.0, &key_id.0, phc),
            Stored::Imported(hash) => (&[], &[], hash.reveal()),
        };
        self.insert(
            "INSERT INTO client_password
                 (account_id, name, selector, key_id, phc, created, expires, protocols, networks, scheme)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                account_id,
                name,
                selector,
                key_id,
                phc,
                created.0,
                terms.expires.map(|end| end.0),
                join(&terms.protocols),
                join(&terms.networks),
                stored.imported().map(Scheme::word)
            ],
        )
    }

    fn revoke_password(&mut self, id: i64, now: Timestamp) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO revoked_password (id, account_id, name, selector, at, key_id)
             SELECT id, account_id, name, selector, ?2, key_id
             FROM client_password WHERE id = ?1 AND scheme IS NULL",
            params![id, now.0],
        )?;
        self.run("DELETE FROM client_password WHERE id = ?1", [id]).map(drop)
    }

    fn set_selector(&mut self, id: i64, selector: Selector, key_id: KeyId) -> Result<(), StoreError> {
        let sql = "UPDATE client_password SET selector = ?2, key_id = ?3 WHERE id = ?1";
        self.run(sql, params![id, selector.0, key_id.0]).map(drop)
    }

    fn upgrade_password(
        &mut self,
        id: i64,
        selector: Selector,
        key_id: KeyId,
        phc: &str,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE client_password SET selector = ?2, key_id = ?3, phc = ?4, scheme = NULL
                   WHERE id = ?1 AND scheme IS NOT NULL";
        Ok(self.run(sql, params![id, selector.0, key_id.0, phc])? > 0)
    }

    fn set_last_use(&mut self, id: i64, last_use: &LastUse) -> Result<(), StoreError> {
        self.run(
            "UPDATE client_password SET last_at = ?2, last_address = ?3, last_protocol = ?4 WHERE id = ?1",
            params![id, last_use.at.0, last_use.address.as_deref().map(clean), clean(&last_use.protocol)],
        )
        .map(drop)
    }

    fn source(&mut self, key: &Key) -> Result<Option<AddressRecord>, StoreError> {
        let sql = "SELECT last, until, reason, failures FROM source WHERE key = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row([key.to_bytes()], |row| read_record(row, 0)).optional()?)
    }

    fn put_source(&mut self, key: &Key, record: Option<&AddressRecord>) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO source (key, last, until, reason, failures)
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        match record {
            None => self.run("DELETE FROM source WHERE key = ?1", [key.to_bytes()]),
            Some(AddressRecord::Run(run)) => {
                let failures: Vec<u8> = run.failures.iter().flat_map(failure_bytes).collect();
                let told = run.told.as_ref().map(|told| told.to_text());
                self.run(sql, params![key.to_bytes(), run.last.0, None::<i64>, told, failures])
            }
            Some(AddressRecord::Blocked(block)) => {
                let streak = block.streak.as_ref().map_or_else(Vec::new, |streak| streak.to_bytes());
                let reason = clean(&block.reason);
                self.run(sql, params![key.to_bytes(), block.since.0, block.until.0, reason, streak])
            }
        }
        .map(drop)
    }

    fn sources(&mut self) -> Result<Vec<(Key, AddressRecord)>, StoreError> {
        self.list("SELECT last, until, reason, failures, key FROM source ORDER BY last", [], |row| {
            let bytes: Vec<u8> = row.get(4)?;
            let key = Key::from_bytes(&bytes).ok_or_else(|| broken(4, Type::Blob, "a source's key"))?;
            Ok((key, read_record(row, 0)?))
        })
    }

    fn add_event(&mut self, event: &Event) -> Result<i64, StoreError> {
        self.insert(
            "INSERT INTO event (time, kind, account, address, protocol, password_id, password_name,
                                verdict, reason, actor, count, typed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            params![
                event.time.0,
                event.kind.word(),
                event.account.as_deref().map(clean),
                event.address.as_deref().map(clean),
                event.protocol.as_deref().map(clean),
                event.password_id,
                event.password_name.as_deref().map(clean),
                event.verdict.as_deref().map(clean),
                event.reason.as_deref().map(clean),
                clean(&event.actor),
                event.count,
                event.typed.as_deref().map(clean)
            ],
        )
    }

    fn events(&mut self, query: &EventQuery) -> Result<Vec<(i64, Event)>, StoreError> {
        // Each filter that is absent is absent from the text too, so that SQLite picks the index.
        let mut sql = String::from(
            "SELECT id, time, kind, account, address, protocol, password_id, password_name,
                    verdict, reason, actor, count, typed FROM event WHERE id > ?1",
        );
        let since = query.since.map(|time| time.0);
        // Events stay as they were written, when a domain was kept as it is shown now.
        let account = query.account.as_deref().map(clean);
        let shown = account.as_deref().map(shown);
        let older = shown.as_deref() != account.as_deref();
        for (present, filter) in [
            (since.is_some(), " AND time >= ?2"),
            (query.account.is_some() && !older, " AND account = ?3"),
            (older, " AND account IN (?3, ?6)"),
            (query.address.is_some(), " AND address = ?4"),
        ] {
            if present {
                sql.push_str(filter);
            }
        }
        if !query.kinds.is_empty() {
            let words: Vec<String> = query.kinds.iter().map(|kind| format!("'{}'", kind.word())).collect();
            sql.push_str(&format!(" AND kind IN ({})", words.join(",")));
        }
        // The unused numbers must still appear for SQLite to take their values.
        sql.push_str(
            " AND (?2 IS NULL OR 1) AND (?3 IS NULL OR 1) AND (?4 IS NULL OR 1) AND (?6 IS NULL OR 1)",
        );
        sql.push_str(if query.after.is_some() {
            " ORDER BY id LIMIT ?5"
        } else {
            " ORDER BY id DESC LIMIT ?5"
        });
        let after = query.after.unwrap_or(0);
        let address = query.address.as_deref().map(clean);
        let values = params![after, since, account, address, query.limit, shown];
        let mut events = self.list(&sql, values, read_event)?;
        events.sort_by_key(|(id, _)| *id);
        Ok(events)
    }

    fn cursor(&mut self, name: &str) -> Result<Option<i64>, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT event FROM cursor WHERE name = ?1")?;
        Ok(statement.query_row([name], |row| row.get(0)).optional()?)
    }

    fn set_cursor(&mut self, name: &str, event: i64) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO cursor (name, event) VALUES (?1, ?2)";
        self.run(sql, params![name, event]).map(drop)
    }

    fn doors(&mut self) -> Result<Vec<DoorTimes>, StoreError> {
        self.list("SELECT place, since, asked FROM door ORDER BY place", [], |row| {
            let asked = row.get::<_, Option<i64>>(2)?.map(Timestamp);
            Ok(DoorTimes { place: row.get(0)?, since: Timestamp(row.get(1)?), asked })
        })
    }

    fn set_doors(&mut self, doors: &[DoorTimes]) -> Result<(), StoreError> {
        self.run("DELETE FROM door", [])?;
        for DoorTimes { place, since, asked } in doors {
            let sql = "INSERT INTO door (place, since, asked) VALUES (?1, ?2, ?3)";
            self.run(sql, params![place, since.0, asked.map(|asked| asked.0)])?;
        }
        Ok(())
    }

    fn forget(&mut self, events: Timestamp, revoked: Timestamp, limit: u32) -> Result<usize, StoreError> {
        let gone = self.run(
            "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE time < ?1 ORDER BY time LIMIT ?2)",
            params![events.0, limit],
        )?;
        let marks = self.run(
            "DELETE FROM revoked_password
             WHERE id IN (SELECT id FROM revoked_password WHERE at < ?1 ORDER BY at LIMIT ?2)",
            params![revoked.0, limit],
        )?;
        Ok(gone + marks)
    }

    fn counts(&mut self) -> Result<Counts, StoreError> {
        let sql = "SELECT (SELECT count(*) FROM account), (SELECT count(*) FROM client_password)";
        let read = |row: &Row<'_>| Ok(Counts { accounts: row.get(0)?, passwords: row.get(1)? });
        Ok(self.connection.prepare_cached(sql)?.query_row([], read)?)
    }

    fn check(&mut self) -> Result<String, StoreError> {
        Ok(self.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?)
    }
}
