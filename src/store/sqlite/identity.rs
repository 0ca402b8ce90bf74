//! Mailboxes and whose they are.

use rusqlite::{OptionalExtension, Row, params};

use super::SqliteTables;
use super::rows::parsed_name;
use crate::clock::Timestamp;
use crate::gate::key::MailboxMark;
use crate::gate::name::AccountName;
use crate::store::StoreError;
use crate::store::identity::{IdentityTables, Unasked};

/// As the index on it has it.
const DOMAIN: &str = "substr(name, length(rtrim(name, replace(name, '@', ''))) + 1)";

impl IdentityTables for SqliteTables<'_> {
    fn holders(&mut self, marks: &[MailboxMark], limit: u32) -> Result<Vec<AccountName>, StoreError> {
        let mut holders = Vec::new();
        for mark in marks {
            let sql = "SELECT name FROM account WHERE mailbox = ?1 ORDER BY id LIMIT ?2";
            holders.extend(self.list(sql, params![mark.0, limit], |row| parsed_name(row, 0))?);
        }
        holders.truncate(limit as usize);
        Ok(holders)
    }

    fn unasked(&mut self, which: Unasked, limit: u32) -> Result<Vec<AccountName>, StoreError> {
        let name = |row: &Row<'_>| parsed_name(row, 0);
        let strict = "SELECT name FROM account WHERE mailbox_at IS NULL AND (two_factor = 1 OR enabled = 0)
                      LIMIT ?1";
        match which {
            Unasked::Strict => self.list(strict, [limit], name),
            Unasked::All => {
                self.list("SELECT name FROM account WHERE mailbox_at IS NULL LIMIT ?1", [limit], name)
            }
            Unasked::OlderThan(time) => {
                let mut found = self.list(strict, [limit], name)?;
                if found.is_empty() {
                    let sql = "SELECT name FROM account WHERE mailbox_at IS NULL OR mailbox_at < ?1
                               ORDER BY mailbox_at LIMIT ?2";
                    found = self.list(sql, params![time.0, limit], name)?;
                }
                Ok(found)
            }
        }
    }

    fn set_mailbox(
        &mut self,
        account: &AccountName,
        mark: Option<MailboxMark>,
        asked: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE account SET mailbox = COALESCE(?2, mailbox), mailbox_at = ?3 WHERE name = ?1";
        self.run(sql, params![account.as_str(), mark.map(|mark| mark.0), asked.0]).map(drop)
    }

    fn ask_anew(&mut self) -> Result<(), StoreError> {
        self.run("UPDATE account SET mailbox_at = NULL WHERE mailbox_at IS NOT NULL", []).map(drop)
    }

    fn has_domain(&mut self, domain: &str) -> Result<bool, StoreError> {
        let sql = format!("SELECT 1 FROM account WHERE {DOMAIN} = ?1 LIMIT 1");
        let mut statement = self.connection.prepare_cached(&sql)?;
        Ok(statement.query_row([domain], |_| Ok(())).optional()?.is_some())
    }

    fn shared_mailboxes(&mut self, limit: u32) -> Result<Vec<Vec<String>>, StoreError> {
        let sql = "SELECT mailbox FROM account WHERE mailbox IS NOT NULL
                   GROUP BY mailbox HAVING count(*) > 1 LIMIT ?1";
        let marks = self.list(sql, [limit], |row| row.get::<_, Vec<u8>>(0))?;
        let sql = "SELECT name FROM account WHERE mailbox = ?1 ORDER BY id LIMIT ?2";
        marks.iter().map(|mark| self.list(sql, params![mark, limit], |row| row.get(0))).collect()
    }
}
