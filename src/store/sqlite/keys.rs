//! The SQL of keys.

use super::SqliteTables;
use crate::gate::key::KeyId;
use crate::store::StoreError;
use crate::store::keys::{KeyCount, KeyTables};

impl KeyTables for SqliteTables<'_> {
    fn key_counts(&mut self) -> Result<Vec<KeyCount>, StoreError> {
        self.list(
            "SELECT key_id, count(*), 0 FROM client_password WHERE scheme IS NULL GROUP BY key_id
             UNION ALL SELECT key_id, 0, count(*) FROM revoked_password GROUP BY key_id",
            [],
            |row| {
                let key_id = row.get::<_, Option<[u8; 8]>>(0)?.map(KeyId);
                Ok(KeyCount { key_id, passwords: row.get(1)?, removed: row.get(2)? })
            },
        )
    }
}
