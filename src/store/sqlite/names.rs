//! The SQL of names as text.

use rusqlite::params;

use super::SqliteTables;
use crate::store::StoreError;
use crate::store::names::{Kept, NameTables};

/// A table, and its column with names.
fn place(kept: Kept) -> (&'static str, &'static str) {
    match kept {
        Kept::Account => ("account", "name"),
        Kept::Alias => ("alias", "alias"),
        Kept::AliasOf => ("alias", "owner"),
        Kept::Limit => ("(SELECT name FROM sending_limit WHERE level = 'account')", "name"),
        // What was told, and messages on their way, are never without it.
        Kept::Sent => (
            "(SELECT substr(scope, 9) AS name FROM sent WHERE scope GLOB 'account:*'
              UNION SELECT substr(scope, 9) FROM told WHERE scope GLOB 'account:*'
              UNION SELECT account FROM message)",
            "name",
        ),
    }
}

impl NameTables for SqliteTables<'_> {
    fn doubtful_names(&mut self, kept: Kept, after: &str, limit: u32) -> Result<Vec<String>, StoreError> {
        let (table, name) = place(kept);
        let sql = format!(
            "SELECT DISTINCT {name} FROM {table}
             WHERE {name} > ?1 AND ({name} GLOB '*[^!-~]*' OR {name} GLOB '*xn--*' OR {name} GLOB '*[,\"]*')
             ORDER BY {name} LIMIT ?2"
        );
        self.list(&sql, params![after, limit], |row| row.get(0))
    }

    fn keeps(&mut self, kept: Kept, wanted: &str) -> Result<bool, StoreError> {
        let (table, name) = place(kept);
        let sql = format!("SELECT 1 FROM {table} WHERE {name} = ?1");
        Ok(self.connection.prepare_cached(&sql)?.exists([wanted])?)
    }

    fn rename(&mut self, kept: Kept, from: &str, to: &str) -> Result<(), StoreError> {
        let statements: &[&str] = match kept {
            Kept::Account => &["UPDATE account SET name = ?2 WHERE name = ?1"],
            Kept::Alias => &["UPDATE alias SET alias = ?2 WHERE alias = ?1"],
            Kept::AliasOf => &["UPDATE OR REPLACE alias SET owner = ?2 WHERE owner = ?1"],
            Kept::Limit => &["UPDATE sending_limit SET name = ?2 WHERE level = 'account' AND name = ?1"],
            Kept::Sent => &[
                "INSERT INTO sent (scope, slot, messages, recipients)
                 SELECT 'account:' || ?2, slot, messages, recipients FROM sent WHERE scope = 'account:' || ?1
                 ON CONFLICT (scope, slot) DO UPDATE SET
                     messages = messages + excluded.messages, recipients = recipients + excluded.recipients",
                "DELETE FROM sent WHERE scope = 'account:' || ?1 AND scope <> 'account:' || ?2",
                "UPDATE OR REPLACE told SET scope = 'account:' || ?2 WHERE scope = 'account:' || ?1",
                "UPDATE message SET account = ?2 WHERE account = ?1",
            ],
        };
        statements.iter().try_for_each(|sql| self.run(sql, [from, to]).map(drop))
    }
}
