//! The SQL for administrators who look after people.

use rusqlite::params;

use super::SqliteTables;
use crate::clock::Timestamp;
use crate::gate::main_password::MainHash;
use crate::store::StoreError;
use crate::store::administration::AdministrationTables;

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
}
