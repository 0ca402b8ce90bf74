//! The SQL of keys.

use rusqlite::params;

use super::SqliteTables;
use super::portal::{FACTOR_COLUMNS, read_factor};
use crate::gate::key::KeyId;
use crate::store::StoreError;
use crate::store::keys::{KeyCount, KeyTables, KeyedFactor};

impl KeyTables for SqliteTables<'_> {
    fn key_counts(&mut self) -> Result<Vec<KeyCount>, StoreError> {
        self.list(
            "SELECT key_id, count(*), 0, 0, 0 FROM client_password WHERE scheme IS NULL GROUP BY key_id
             UNION ALL SELECT key_id, 0, count(*), 0, 0 FROM revoked_password GROUP BY key_id
             UNION ALL SELECT key_id, 0, 0, count(*), 0 FROM factor GROUP BY key_id
             UNION ALL SELECT key_id, 0, 0, 0, count(*) FROM recovery_code GROUP BY key_id",
            [],
            |row| {
                let key_id = row.get::<_, Option<[u8; 8]>>(0)?.map(KeyId);
                let (passwords, removed) = (row.get(1)?, row.get(2)?);
                let (factors, recovery_codes) = (row.get(3)?, row.get(4)?);
                Ok(KeyCount { key_id, passwords, removed, factors, recovery_codes })
            },
        )
    }

    fn factors_under(
        &mut self,
        key_id: KeyId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<KeyedFactor>, StoreError> {
        let sql = format!(
            "SELECT {FACTOR_COLUMNS}, account_id, (SELECT name FROM account WHERE account.id = account_id)
             FROM factor WHERE key_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3"
        );
        self.list(&sql, params![key_id.0, after, limit], |row| {
            Ok(KeyedFactor { row: read_factor(row)?, account_id: row.get(9)?, account: row.get(10)? })
        })
    }
}
