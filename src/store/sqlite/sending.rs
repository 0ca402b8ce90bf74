//! The SQL of sending.

use std::ops::Range;

use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row, params};

use super::SqliteTables;
use super::rows::{broken, read_event};
use crate::clock::Timestamp;
use crate::gate::address::Key;
use crate::gate::alias::Alias;
use crate::gate::clean::clean;
use crate::gate::delegation::Right;
use crate::gate::event::Event;
use crate::gate::limits::{Allowance, Amount, Level, Limited, Limits, Per, Slot, oldest_slot};
use crate::gate::name::{AccountName, GroupName};
use crate::store::StoreError;
use crate::store::sending::{
    Delegation, LevelKey, LevelLine, MESSAGE_KEPT_SECS, Message, NOTICE_KEPT_SECS, OwedNotice, Scope,
    SendingTables, Stage,
};

/// Events of one account among which its latest login to send is looked for.
const LOOKED_AT_MAX: u32 = 20_000;

/// "No limit" where a number would stand.
const UNLIMITED: i64 = -1;

impl SendingTables for SqliteTables<'_> {
    fn set_group(&mut self, id: i64, group: Option<&GroupName>) -> Result<(), StoreError> {
        let sql = "UPDATE account SET group_name = ?2 WHERE id = ?1";
        self.run(sql, params![id, group.map(GroupName::as_str)]).map(drop)
    }

    fn remove_sender(&mut self, name: &AccountName) -> Result<(), StoreError> {
        self.run("DELETE FROM alias WHERE owner = ?1", [name.as_str()])?;
        let sql = "DELETE FROM sending_limit WHERE level = 'account' AND name = ?1";
        self.run(sql, [name.as_str()]).map(drop)
    }

    fn is_account(&mut self, name: &AccountName) -> Result<bool, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT 1 FROM account WHERE name = ?1")?;
        Ok(statement.exists([name.as_str()])?)
    }

    fn add_alias(&mut self, alias: &Alias) -> Result<bool, StoreError> {
        let sql = "INSERT OR IGNORE INTO alias (alias, owner) VALUES (?1, ?2)";
        Ok(self.run(sql, [alias.alias.to_string(), alias.of.to_string()])? > 0)
    }

    fn remove_alias(&mut self, alias: &str, of: &str) -> Result<(), StoreError> {
        self.run("DELETE FROM alias WHERE alias = ?1 AND owner = ?2", [alias, of]).map(drop)
    }

    fn alias_of(&mut self, alias: &str) -> Result<Vec<String>, StoreError> {
        self.list("SELECT owner FROM alias WHERE alias = ?1 ORDER BY owner", [alias], |row| row.get(0))
    }

    fn aliases(
        &mut self,
        of: Option<&str>,
        after: &(String, String),
        limit: u32,
    ) -> Result<Vec<(String, String)>, StoreError> {
        self.list(
            "SELECT alias, owner FROM alias
             WHERE (alias, owner) > (?1, ?2) AND (?3 IS NULL OR owner = ?3) ORDER BY alias, owner LIMIT ?4",
            params![after.0, after.1, of, limit],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }

    fn put_delegation(
        &mut self,
        owner: i64,
        delegate: i64,
        right: Right,
        since: Timestamp,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT OR REPLACE INTO delegation (owner_id, delegate_id, granted, since) VALUES (?1, ?2, ?3, ?4)",
            params![owner, delegate, right.word(), since.0],
        )
        .map(drop)
    }

    fn remove_delegation(&mut self, owner: i64, delegate: i64) -> Result<(), StoreError> {
        let sql = "DELETE FROM delegation WHERE owner_id = ?1 AND delegate_id = ?2";
        self.run(sql, [owner, delegate]).map(drop)
    }

    fn right(&mut self, owner: &AccountName, delegate: &AccountName) -> Result<Option<Right>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT granted FROM delegation
             WHERE owner_id = (SELECT id FROM account WHERE name = ?1)
               AND delegate_id = (SELECT id FROM account WHERE name = ?2)",
        )?;
        let found = statement.query_row([owner.as_str(), delegate.as_str()], |row| read_right(row, 0));
        Ok(found.optional()?)
    }

    fn delegations_after(
        &mut self,
        of: Option<&AccountName>,
        after: &(String, String),
        limit: u32,
    ) -> Result<Vec<Delegation>, StoreError> {
        let account = "(SELECT id FROM account WHERE name = ?4)";
        // Without an account the filter is absent from the text too, so that SQLite picks the index.
        let whose = match of {
            None => "?4 IS NULL".to_owned(),
            Some(_) => format!("(owner_id = {account} OR delegate_id = {account})"),
        };
        let sql = format!(
            "SELECT owner.name, delegate.name, granted, since FROM delegation
             JOIN account AS owner ON owner.id = owner_id
             JOIN account AS delegate ON delegate.id = delegate_id
             WHERE (owner.name, delegate.name) > (?1, ?2) AND {whose}
             ORDER BY owner.name, delegate.name LIMIT ?3"
        );
        self.list(&sql, params![after.0, after.1, limit, of.map(AccountName::as_str)], |row| {
            Ok(Delegation {
                owner: row.get(0)?,
                delegate: row.get(1)?,
                right: read_right(row, 2)?,
                since: Timestamp(row.get(3)?),
            })
        })
    }

    fn limits(&mut self, level: &Level, per: Per) -> Result<Limits, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT messages_per_hour, recipients_per_hour, messages_per_day, recipients_per_day
             FROM sending_limit WHERE level = ?1 AND name = ?2 AND per = ?3",
        )?;
        let found = statement.query_row([level.word(), level.name(), per.word()], |row| read_limits(row, 0));
        Ok(found.optional()?.unwrap_or_default())
    }

    fn put_limits(&mut self, level: &Level, per: Per, limits: &Limits) -> Result<(), StoreError> {
        let key = [level.word(), level.name(), per.word()];
        if limits.is_empty() {
            let sql = "DELETE FROM sending_limit WHERE level = ?1 AND name = ?2 AND per = ?3";
            return self.run(sql, key).map(drop);
        }
        let [a, b, c, d] = limits.0.map(|allowance| match allowance {
            Allowance::Inherited => None,
            Allowance::Unlimited => Some(UNLIMITED),
            Allowance::AtMost(limit) => Some(i64::from(limit)),
        });
        self.run(
            "INSERT OR REPLACE INTO sending_limit
                 (level, name, per,
                  messages_per_hour, recipients_per_hour, messages_per_day, recipients_per_day)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![key[0], key[1], key[2], a, b, c, d],
        )
        .map(drop)
    }

    fn all_limits(&mut self, after: Option<&LevelKey>, limit: u32) -> Result<Vec<LevelLine>, StoreError> {
        // By their letters, accounts would come first.
        let rank = |word| format!("CASE {word} WHEN 'default' THEN 1 WHEN 'group' THEN 2 ELSE 3 END");
        let sql = format!(
            "SELECT level, name, per,
                    messages_per_hour, recipients_per_hour, messages_per_day, recipients_per_day
             FROM sending_limit
             WHERE ?1 IS NULL OR ({}, name, per) > ({}, ?2, ?3)
             ORDER BY {0}, name, per LIMIT ?4",
            rank("level"),
            rank("?1"),
        );
        let level = after.map(|(level, ..)| level);
        let name = after.map(|(_, name, _)| name);
        let per = after.map(|(.., per)| per.word());
        self.list(&sql, params![level, name, per, limit], |row| {
            let per: String = row.get(2)?;
            let per = Per::from_word(&per).ok_or_else(|| broken(2, Type::Text, "a limit's scope"))?;
            Ok(((row.get(0)?, row.get(1)?, per), read_limits(row, 3)?))
        })
    }

    fn sent(&mut self, scope: &Scope, since_slot: i64) -> Result<Vec<Slot>, StoreError> {
        self.list(
            "SELECT slot, messages, recipients FROM sent WHERE scope = ?1 AND slot >= ?2",
            params![scope.to_string(), since_slot],
            |row| {
                let amount = Amount { messages: read_count(row, 1)?, recipients: read_count(row, 2)? };
                Ok(Slot { number: row.get(0)?, amount })
            },
        )
    }

    fn add_sent(
        &mut self,
        scope: &Scope,
        slot: i64,
        messages: i64,
        recipients: i64,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO sent (scope, slot, messages, recipients) VALUES (?1, ?2, max(?3, 0), max(?4, 0))
             ON CONFLICT (scope, slot) DO UPDATE SET
                 messages = max(messages + ?3, 0), recipients = max(recipients + ?4, 0)",
            params![scope.to_string(), slot, messages, recipients],
        )
        .map(drop)
    }

    fn message(&mut self, instance: &str) -> Result<Option<(Timestamp, Stage, Message)>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT recipients, account, password_id, address, time, state FROM message WHERE instance = ?1",
        )?;
        let found = statement.query_row([clean(instance)], |row| {
            let state: String = row.get(5)?;
            let stage = read_stage(&state).ok_or_else(|| broken(5, Type::Text, "a message's state"))?;
            Ok((Timestamp(row.get(4)?), stage, read_message(row)?))
        });
        Ok(found.optional()?)
    }

    fn put_message(
        &mut self,
        instance: &str,
        time: Timestamp,
        stage: Stage,
        message: &Message,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT OR REPLACE INTO message
                 (instance, time, state, recipients, account, password_id, address)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                clean(instance),
                time.0,
                stage_word(stage),
                message.recipients,
                message.account.as_str(),
                message.password_id,
                message.address.as_ref().map(Key::to_bytes)
            ],
        )
        .map(drop)
    }

    fn overdue_messages(
        &mut self,
        time: Range<Timestamp>,
        limit: u32,
    ) -> Result<Vec<(String, Timestamp, Message)>, StoreError> {
        self.list(
            "SELECT recipients, account, password_id, address, time, instance FROM message
             WHERE state = 'reserved' AND time >= ?1 AND time < ?2 ORDER BY time LIMIT ?3",
            params![time.start.0, time.end.0, limit],
            |row| Ok((row.get(5)?, Timestamp(row.get(4)?), read_message(row)?)),
        )
    }

    fn last_sending_login(
        &mut self,
        account: &str,
        address: Option<&str>,
    ) -> Result<Option<Event>, StoreError> {
        let sql = "SELECT id, time, kind, account, address, protocol, password_id, password_name,
                          verdict, reason, actor, count, typed
                   FROM (SELECT * FROM event WHERE account = ?1 ORDER BY id DESC LIMIT ?3)
                   WHERE kind = 'login' AND verdict IN ('accept', 'elsewhere')
                         AND protocol IN ('smtp', 'submission')
                   ORDER BY (address IS NULL OR address IS ?2) DESC, id DESC LIMIT 1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let found = statement.query_row(params![account, address, LOOKED_AT_MAX], read_event);
        Ok(found.optional()?.map(|(_, event)| event))
    }

    fn told(&mut self, scope: &Scope, limited: Limited) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT at FROM told WHERE scope = ?1 AND limited = ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let at = statement.query_row([&scope.to_string(), limited.word()], |row| row.get(0));
        Ok(at.optional()?.map(Timestamp))
    }

    fn set_told(&mut self, scope: &Scope, limited: Limited, now: Timestamp) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO told (scope, limited, at) VALUES (?1, ?2, ?3)";
        self.run(sql, params![scope.to_string(), limited.word(), now.0]).map(drop)
    }

    fn add_notice(&mut self, due: Timestamp, owed: &str, body: &str) -> Result<i64, StoreError> {
        let sql = "INSERT INTO notice (due, owed, body) VALUES (?1, ?2, ?3)";
        // JSON writes control characters out; what it holds is cleaned where it is shown.
        self.insert(sql, params![due.0, owed, body])
    }

    fn due_notices(&mut self, now: Timestamp, limit: u32) -> Result<Vec<OwedNotice>, StoreError> {
        self.list(
            "SELECT id, tries, owed, body FROM notice WHERE due <= ?1 ORDER BY due, id LIMIT ?2",
            params![now.0, limit],
            |row| {
                let (id, tries) = (row.get(0)?, row.get(1)?);
                Ok(OwedNotice { id, tries, owed: row.get(2)?, body: row.get(3)? })
            },
        )
    }

    fn settle_notice(&mut self, id: i64, owed: &str, due: Timestamp) -> Result<(), StoreError> {
        if owed.is_empty() {
            return self.run("DELETE FROM notice WHERE id = ?1", [id]).map(drop);
        }
        let sql = "UPDATE notice SET owed = ?2, due = ?3, tries = tries + 1 WHERE id = ?1";
        self.run(sql, params![id, owed, due.0]).map(drop)
    }

    fn forget_sending(&mut self, now: Timestamp, limit: u32) -> Result<usize, StoreError> {
        let mut gone = self.run(
            "DELETE FROM sent WHERE (scope, slot) IN
                 (SELECT scope, slot FROM sent WHERE slot < ?1 ORDER BY slot LIMIT ?2)",
            params![oldest_slot(now), limit],
        )?;
        gone += self.run(
            "DELETE FROM message WHERE instance IN
                 (SELECT instance FROM message WHERE time < ?1 ORDER BY time LIMIT ?2)",
            params![now.0 - MESSAGE_KEPT_SECS, limit],
        )?;
        let day_ago = now.minus(Limited::MessagesPerDay.window());
        gone += self.run(
            "DELETE FROM told WHERE (scope, limited) IN
                 (SELECT scope, limited FROM told WHERE at < ?1 LIMIT ?2)",
            params![day_ago.0, limit],
        )?;
        // Nobody is told any more: the ways out were taken from the configuration.
        gone += self.run(
            "DELETE FROM notice WHERE id IN (SELECT id FROM notice WHERE due < ?1 ORDER BY due LIMIT ?2)",
            params![now.0 - NOTICE_KEPT_SECS, limit],
        )?;
        Ok(gone)
    }
}

fn read_right(row: &Row<'_>, column: usize) -> rusqlite::Result<Right> {
    let word: String = row.get(column)?;
    Right::from_word(&word).ok_or_else(|| broken(column, Type::Text, "a delegation's right"))
}

fn read_count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|_| broken(column, Type::Integer, "what was sent"))
}

fn read_limits(row: &Row<'_>, first: usize) -> rusqlite::Result<Limits> {
    let mut limits = Limits::default();
    for (column, allowance) in (first..).zip(&mut limits.0) {
        *allowance = match row.get(column)? {
            None => Allowance::Inherited,
            Some(UNLIMITED) => Allowance::Unlimited,
            Some(limit) => match u32::try_from(limit) {
                Ok(limit) => Allowance::AtMost(limit),
                Err(_) => return Err(broken(column, Type::Integer, "a sending limit")),
            },
        };
    }
    Ok(limits)
}

fn stage_word(stage: Stage) -> &'static str {
    match stage {
        Stage::Reserved => "reserved",
        Stage::Booked => "booked",
        Stage::Released => "released",
    }
}

fn read_stage(word: &str) -> Option<Stage> {
    [Stage::Reserved, Stage::Booked, Stage::Released].into_iter().find(|stage| stage_word(*stage) == word)
}

/// Recipients, account, client password and address, from the first four columns.
fn read_message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let account: String = row.get(1)?;
    let account = AccountName::stored(&account);
    let address: Option<Vec<u8>> = row.get(3)?;
    let read =
        |bytes: Vec<u8>| Key::from_bytes(&bytes).ok_or_else(|| broken(3, Type::Blob, "a source's key"));
    let address = address.map(read).transpose()?;
    Ok(Message { account, password_id: row.get(2)?, address, recipients: row.get(0)? })
}
