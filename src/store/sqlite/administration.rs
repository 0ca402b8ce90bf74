//! The SQL for administrators who look after people.

use rusqlite::params;

use super::SqliteTables;
use crate::clock::Timestamp;
use crate::gate::main_password::MainHash;
use crate::store::StoreError;
use crate::store::administration::{AdministrationTables, By, Hour, TOP_MAX};

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

    fn hours(&mut self, since: Timestamp) -> Result<Vec<Hour>, StoreError> {
        let sql = "SELECT time - time % 3600,
                          sum(iif(kind = 'login' AND verdict = 'refuse', count, 0)),
                          sum(iif(kind = 'block-added', 1, 0))
                   FROM event WHERE time >= ?1 AND kind IN ('login', 'block-added')
                   GROUP BY 1 ORDER BY 1";
        self.list(sql, [since.0], |row| {
            Ok(Hour { at: Timestamp(row.get(0)?), failures: row.get(1)?, blocks: row.get(2)? })
        })
    }

    fn most_refused(&mut self, by: By, since: Timestamp) -> Result<Vec<(String, u32)>, StoreError> {
        let column = match by {
            By::Address => "address",
            By::Account => "account",
        };
        let sql = format!(
            "SELECT {column}, sum(count) FROM event
             WHERE time >= ?1 AND kind = 'login' AND verdict = 'refuse' AND {column} IS NOT NULL
             GROUP BY {column} ORDER BY 2 DESC, 1 LIMIT {TOP_MAX}"
        );
        self.list(&sql, [since.0], |row| Ok((row.get(0)?, row.get(1)?)))
    }
}
