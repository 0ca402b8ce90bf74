//! The SQL for administrators who look after people.

use rusqlite::{Row, params};

use super::SqliteTables;
use crate::clock::Timestamp;
use crate::gate::account::Lacks;
use crate::gate::key::{KeyId, Selector};
use crate::gate::main_password::MainHash;
use crate::gate::set_up_code::SetUpCode;
use crate::store::StoreError;
use crate::store::administration::{AdministrationTables, By, Hour, TOP_FROM, TOP_MAX};

impl AdministrationTables for SqliteTables<'_> {
    fn main_password(&mut self, account_id: i64) -> Result<Option<MainHash>, StoreError> {
        let sql = "SELECT phc FROM main_password WHERE account_id = ?1";
        Ok(self.list(sql, [account_id], |row| row.get(0).map(MainHash::new))?.pop())
    }

    fn set_main_password(
        &mut self,
        account_id: i64,
        hash: Option<&MainHash>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let before = self.run("DELETE FROM main_password WHERE account_id = ?1", [account_id])?;
        if let Some(hash) = hash {
            let sql = "INSERT INTO main_password (account_id, phc, at) VALUES (?1, ?2, ?3)";
            self.run(sql, params![account_id, hash.reveal(), now.0])?;
        }
        Ok(before > 0)
    }

    fn set_up_code(&mut self, account_id: i64) -> Result<Option<SetUpCode>, StoreError> {
        let sql = "SELECT selector, key_id, made FROM set_up_code WHERE account_id = ?1";
        let read = |row: &Row<'_>| {
            let (selector, key_id) = (Selector(row.get(0)?), KeyId(row.get(1)?));
            Ok(SetUpCode { selector, key_id, made: Timestamp(row.get(2)?) })
        };
        Ok(self.list(sql, [account_id], read)?.pop())
    }

    fn put_set_up_code(&mut self, account_id: i64, code: Option<&SetUpCode>) -> Result<(), StoreError> {
        self.run("DELETE FROM set_up_code WHERE account_id = ?1", [account_id])?;
        if let Some(SetUpCode { selector, key_id, made }) = code {
            let sql = "INSERT INTO set_up_code (account_id, selector, key_id, made) VALUES (?1, ?2, ?3, ?4)";
            self.run(sql, params![account_id, selector.0, key_id.0, made.0])?;
        }
        Ok(())
    }

    fn signed_in(&mut self, account_id: i64) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT signed_in FROM account WHERE id = ?1";
        let read = |row: &Row<'_>| Ok(row.get::<_, Option<i64>>(0)?.map(Timestamp));
        Ok(self.list(sql, [account_id], read)?.pop().flatten())
    }

    fn set_signed_in(&mut self, account_id: i64, now: Timestamp) -> Result<(), StoreError> {
        self.run("UPDATE account SET signed_in = ?2 WHERE id = ?1", [account_id, now.0]).map(drop)
    }

    fn hours(&mut self, since: Timestamp) -> Result<Vec<Hour>, StoreError> {
        let sql = format!(
            "SELECT hour * 3600, sum(failures), sum(blocks) FROM (
                 SELECT time / 3600 AS hour, sum(count) AS failures, 0 AS blocks FROM event {REFUSED} AND time >= ?1
                 GROUP BY hour
                 UNION ALL
                 SELECT time / 3600 AS hour, 0, count(*) FROM event INDEXED BY event_blocked
                 WHERE kind = 'block-added' AND time >= ?1 GROUP BY hour
             ) GROUP BY hour ORDER BY hour"
        );
        self.list(&sql, [since.0], |row| {
            Ok(Hour { at: Timestamp(row.get(0)?), failures: row.get(1)?, blocks: row.get(2)? })
        })
    }

    fn most_refused(&mut self, by: By, since: Timestamp) -> Result<Vec<(String, u32)>, StoreError> {
        let column = match by {
            By::Address => "address",
            By::Account => "account",
        };
        let sql = format!(
            "SELECT {column}, sum(count) AS failures
             FROM (SELECT {column}, count FROM event {REFUSED} AND time >= ?1 ORDER BY time DESC LIMIT {TOP_FROM})
             WHERE {column} IS NOT NULL GROUP BY {column} ORDER BY failures DESC, {column} LIMIT {TOP_MAX}"
        );
        self.list(&sql, [since.0], |row| Ok((row.get(0)?, row.get(1)?)))
    }
}

/// Refused logins, by the index that has all of them that is counted.
const REFUSED: &str = "INDEXED BY event_refused WHERE kind = 'login' AND verdict = 'refuse'";

/// What accounts have to lack, as a condition.
pub(super) fn lacking(only: Option<Lacks>) -> &'static str {
    match only {
        None => "",
        Some(Lacks::TwoFactor) => " AND two_factor = 0",
        Some(Lacks::SignIn) => " AND signed_in IS NULL",
        Some(Lacks::ClientPassword) => {
            " AND NOT EXISTS (SELECT 1 FROM client_password WHERE account_id = account.id)"
        }
    }
}
