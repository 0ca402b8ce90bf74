//! The SQL of second factors, sessions and trusted devices.

use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row, params};

use super::SqliteTables;
use super::rows::broken;
use crate::clock::Timestamp;
use crate::gate::clean::clean;
use crate::gate::code::{CodeTag, SentCode};
use crate::gate::codes_sent::DAY;
use crate::gate::entrance::FAMILIAR_FOR;
use crate::gate::factor::{Factor, FactorKind, Means};
use crate::gate::key::{KeyId, Selector};
use crate::gate::seal::Sealed;
use crate::gate::session::{Session, Stage, TokenTag};
use crate::gate::throttle::Throttle;
use crate::gate::totp::Step;
use crate::store::StoreError;
use crate::store::portal::{
    Challenge, FactorRow, NewFactor, NewSession, PortalTables, RecoveryRow, SessionRow, TrustedDevice,
    Visitor,
};

/// What [`read_factor`] reads.
pub(super) const FACTOR_COLUMNS: &str = "id, kind, name, created, last_use, uid, key_id, sealed, step";
const SESSION: &str = "SELECT s.id, s.account_id, s.stage, s.created, s.seen, s.means, s.factor_id, s.proved,
                              s.address, s.system, s.program, account.name
                       FROM session s JOIN account ON account.id = s.account_id";
const DEVICE: &str = "SELECT id, account_id, created, until, last_at, last_address, system, program
                      FROM trusted_device";

impl PortalTables for SqliteTables<'_> {
    fn factors(&mut self, account_id: i64) -> Result<Vec<FactorRow>, StoreError> {
        let sql = format!("SELECT {FACTOR_COLUMNS} FROM factor WHERE account_id = ?1 ORDER BY id");
        self.list(&sql, [account_id], read_factor)
    }

    fn add_factor(&mut self, account_id: i64, new: &NewFactor, now: Timestamp) -> Result<i64, StoreError> {
        let sql = "INSERT INTO factor (account_id, uid, kind, name, key_id, sealed, created)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let NewFactor { kind, name, uid, sealed } = new;
        self.insert(
            sql,
            params![account_id, uid, kind.word(), clean(name), sealed.key_id.0, sealed.bytes, now.0],
        )
    }

    fn replace_factor(&mut self, id: i64, new: &NewFactor, now: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE factor SET uid = ?2, kind = ?3, name = ?4, key_id = ?5, sealed = ?6, created = ?7,
                                     last_use = NULL, step = NULL
                   WHERE id = ?1";
        let NewFactor { kind, name, uid, sealed } = new;
        self.run(sql, params![id, uid, kind.word(), clean(name), sealed.key_id.0, sealed.bytes, now.0])?;
        Ok(())
    }

    fn use_factor(&mut self, id: i64, step: Option<Step>, now: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE factor SET last_use = ?2, step = coalesce(?3, step) WHERE id = ?1";
        self.run(sql, params![id, now.0, step.map(|step| step.0)])?;
        Ok(())
    }

    fn reseal_factor(&mut self, id: i64, sealed: &Sealed) -> Result<(), StoreError> {
        let sql = "UPDATE factor SET key_id = ?2, sealed = ?3 WHERE id = ?1";
        self.run(sql, params![id, sealed.key_id.0, sealed.bytes])?;
        Ok(())
    }

    fn remove_factor(&mut self, id: i64) -> Result<(), StoreError> {
        self.run("DELETE FROM factor WHERE id = ?1", [id])?;
        Ok(())
    }

    fn recovery_codes(&mut self, account_id: i64) -> Result<Vec<RecoveryRow>, StoreError> {
        let sql = "SELECT id, selector, key_id, phc FROM recovery_code WHERE account_id = ?1 ORDER BY id";
        self.list(sql, [account_id], |row| {
            let (selector, key_id) = (Selector(row.get(1)?), KeyId(row.get(2)?));
            Ok(RecoveryRow { id: row.get(0)?, selector, key_id, phc: row.get(3)? })
        })
    }

    fn recovery_made(&mut self, account_id: i64) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT made FROM recovery WHERE account_id = ?1";
        Ok(self.list(sql, [account_id], |row| row.get(0).map(Timestamp))?.pop())
    }

    fn set_recovery_codes(
        &mut self,
        account_id: i64,
        codes: &[RecoveryRow],
        made: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.run("DELETE FROM recovery WHERE account_id = ?1", [account_id])?;
        if let Some(made) = made {
            self.run("INSERT INTO recovery (account_id, made) VALUES (?1, ?2)", [account_id, made.0])?;
        }
        self.run("DELETE FROM recovery_code WHERE account_id = ?1", [account_id])?;
        let sql = "INSERT INTO recovery_code (account_id, selector, key_id, phc) VALUES (?1, ?2, ?3, ?4)";
        for code in codes {
            self.run(sql, params![account_id, code.selector.0, code.key_id.0, code.phc])?;
        }
        Ok(())
    }

    fn use_recovery_code(&mut self, id: i64) -> Result<bool, StoreError> {
        Ok(self.run("DELETE FROM recovery_code WHERE id = ?1", [id])? > 0)
    }

    fn throttle(&mut self, account_id: i64) -> Result<Throttle, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT failures, last FROM throttle WHERE account_id = ?1")?;
        let read = |row: &Row<'_>| Ok(Throttle { failures: row.get(0)?, last: Timestamp(row.get(1)?) });
        Ok(statement.query_row([account_id], read).optional()?.unwrap_or_default())
    }

    fn clamp_people(&mut self, now: Timestamp) -> Result<usize, StoreError> {
        let waits = self.run("UPDATE throttle SET last = ?1 WHERE last > ?1", [now.0])?;
        let counts = self.run("DELETE FROM codes_sent WHERE last > ?1", [now.plus(DAY).0])?;
        Ok(waits + counts)
    }

    fn set_throttle(&mut self, account_id: i64, throttle: Throttle) -> Result<(), StoreError> {
        if throttle.failures == 0 {
            self.run("DELETE FROM throttle WHERE account_id = ?1", [account_id])?;
            return Ok(());
        }
        let sql = "INSERT INTO throttle (account_id, failures, last) VALUES (?1, ?2, ?3)
                   ON CONFLICT (account_id) DO UPDATE SET failures = excluded.failures, last = excluded.last";
        self.run(sql, params![account_id, throttle.failures, throttle.last.0])?;
        Ok(())
    }

    fn add_session(&mut self, new: &NewSession<'_>) -> Result<i64, StoreError> {
        let sql = "INSERT INTO session (account_id, token, stage, created, seen, means, proved, address, system, program)
                   VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?4, ?6, ?7, ?8)";
        let Visitor { address, system, program } = new.visitor;
        let (means, _) = means_columns(Means::MainPassword);
        let row = params![
            new.account_id,
            new.token.0,
            new.stage.word(),
            new.now.0,
            means,
            address.as_deref().map(clean),
            clean(system),
            clean(program)
        ];
        self.insert(sql, row)
    }

    fn session(&mut self, token: TokenTag) -> Result<Option<SessionRow>, StoreError> {
        let sql = format!("{SESSION} WHERE s.token = ?1");
        Ok(self.list(&sql, [token.0], read_session)?.pop())
    }

    fn sessions(&mut self, account_id: i64) -> Result<Vec<SessionRow>, StoreError> {
        let sql = format!("{SESSION} WHERE s.account_id = ?1 ORDER BY s.seen DESC, s.id DESC");
        self.list(&sql, [account_id], read_session)
    }

    fn set_session(&mut self, session: &Session, token: Option<TokenTag>) -> Result<(), StoreError> {
        let sql = "UPDATE session SET stage = ?2, seen = ?3, means = ?4, factor_id = ?5, proved = ?6,
                                      token = coalesce(?7, token)
                   WHERE id = ?1";
        let (means, factor_id) = session.proof.map(|(means, _)| means_columns(means)).unzip();
        let (proved, token) = (session.proof.map(|(_, at)| at.0), token.map(|token| token.0));
        let row = params![
            session.id,
            session.stage.word(),
            session.seen.0,
            means,
            factor_id.flatten(),
            proved,
            token
        ];
        self.run(sql, row)?;
        Ok(())
    }

    fn end_session(&mut self, account_id: i64, id: i64) -> Result<bool, StoreError> {
        let sql = "DELETE FROM session WHERE account_id = ?1 AND id = ?2";
        Ok(self.run(sql, [account_id, id])? > 0)
    }

    fn end_sessions(&mut self, account_id: i64, but: Option<i64>) -> Result<usize, StoreError> {
        let sql = "DELETE FROM session WHERE account_id = ?1 AND id IS NOT ?2";
        self.run(sql, params![account_id, but])
    }

    fn forget_sessions(
        &mut self,
        unused: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<usize, StoreError> {
        let old = "SELECT id FROM session WHERE seen < ?1 ORDER BY seen LIMIT ?2";
        let sessions =
            self.run(&format!("DELETE FROM session WHERE id IN ({old})"), params![unused.0, limit])?;
        let over = "SELECT id FROM trusted_device WHERE until <= ?1 LIMIT ?2";
        let devices =
            self.run(&format!("DELETE FROM trusted_device WHERE id IN ({over})"), params![now.0, limit])?;
        let idle = "SELECT what FROM codes_sent WHERE last < ?1 LIMIT ?2";
        let counts =
            self.run(&format!("DELETE FROM codes_sent WHERE what IN ({idle})"), params![unused.0, limit])?;
        let strange = "SELECT account_id, mark FROM familiar WHERE last <= ?1 LIMIT ?2";
        let familiar = self.run(
            &format!("DELETE FROM familiar WHERE (account_id, mark) IN ({strange})"),
            params![now.minus(FAMILIAR_FOR).0, limit],
        )?;
        Ok(sessions + devices + counts + familiar)
    }

    fn challenge(&mut self, session_id: i64) -> Result<Option<Challenge>, StoreError> {
        let sql =
            "SELECT begun, factor_id, kind, name, uid, key_id, sealed, code, sent, tries, memo_key, memo
                   FROM challenge WHERE session_id = ?1";
        Ok(self.list(sql, [session_id], read_challenge)?.pop())
    }

    fn set_challenge(&mut self, session_id: i64, challenge: Option<&Challenge>) -> Result<(), StoreError> {
        self.run("DELETE FROM challenge WHERE session_id = ?1", [session_id])?;
        let Some(challenge) = challenge else { return Ok(()) };
        let sql = "INSERT INTO challenge
                       (session_id, begun, factor_id, kind, name, uid, key_id, sealed, code, sent, tries,
                        memo_key, memo)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
        let binding = challenge.binding.as_ref();
        let code = challenge.code.as_ref().map(SentCode::parts);
        let row = params![
            session_id,
            challenge.begun.0,
            challenge.factor_id,
            binding.map(|new| new.kind.word()),
            binding.map(|new| clean(&new.name)),
            binding.map(|new| new.uid),
            binding.map(|new| new.sealed.key_id.0),
            binding.map(|new| &new.sealed.bytes),
            code.map(|(tag, ..)| tag.0),
            code.map(|(_, sent, _)| sent.0),
            code.map_or(0, |(.., tries)| tries),
            challenge.memo.as_ref().map(|memo| memo.key_id.0),
            challenge.memo.as_ref().map(|memo| &memo.bytes)
        ];
        self.run(sql, row)?;
        Ok(())
    }

    fn add_device(
        &mut self,
        account_id: i64,
        token: TokenTag,
        now: Timestamp,
        until: Timestamp,
        visitor: &Visitor,
    ) -> Result<i64, StoreError> {
        let sql = "INSERT INTO trusted_device
                       (account_id, token, created, until, last_at, last_address, system, program)
                   VALUES (?1, ?2, ?3, ?4, ?3, ?5, ?6, ?7)";
        let Visitor { address, system, program } = visitor;
        let address = address.as_deref().map(clean);
        self.insert(sql, params![account_id, token.0, now.0, until.0, address, clean(system), clean(program)])
    }

    fn device(&mut self, token: TokenTag) -> Result<Option<TrustedDevice>, StoreError> {
        Ok(self.list(&format!("{DEVICE} WHERE token = ?1"), [token.0], read_device)?.pop())
    }

    fn devices(&mut self, account_id: i64) -> Result<Vec<TrustedDevice>, StoreError> {
        let sql = format!("{DEVICE} WHERE account_id = ?1 ORDER BY last_at DESC, id DESC");
        self.list(&sql, [account_id], read_device)
    }

    fn use_device(
        &mut self,
        id: i64,
        token: TokenTag,
        address: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE trusted_device SET last_at = ?2, last_address = ?3, token = ?4 WHERE id = ?1";
        self.run(sql, params![id, now.0, address.map(clean), token.0])?;
        Ok(())
    }

    fn remove_devices(&mut self, account_id: i64, id: Option<i64>) -> Result<usize, StoreError> {
        let sql = "DELETE FROM trusted_device WHERE account_id = ?1 AND id = coalesce(?2, id)";
        self.run(sql, params![account_id, id])
    }

    fn familiar(&mut self, account_id: i64, mark: &[u8]) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT last FROM familiar WHERE account_id = ?1 AND mark = ?2";
        Ok(self.list(sql, params![account_id, mark], |row| row.get(0).map(Timestamp))?.pop())
    }

    fn put_familiar(
        &mut self,
        account_id: i64,
        mark: &[u8],
        now: Timestamp,
        most: u32,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO familiar (account_id, mark, last)
                   SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM account WHERE id = ?1)
                   ON CONFLICT (account_id, mark) DO UPDATE SET last = max(last, excluded.last)";
        self.run(sql, params![account_id, mark, now.0])?;
        // One that was put down just now stays, whatever the clock says of the others.
        let too_many = "SELECT mark FROM familiar WHERE account_id = ?1
                        ORDER BY mark = ?3 DESC, last DESC LIMIT -1 OFFSET ?2";
        let sql = format!("DELETE FROM familiar WHERE account_id = ?1 AND mark IN ({too_many})");
        self.run(&sql, params![account_id, most, mark])?;
        Ok(())
    }

    fn forget_familiar(&mut self, account_id: i64) -> Result<(), StoreError> {
        self.run("DELETE FROM familiar WHERE account_id = ?1", [account_id])?;
        Ok(())
    }

    fn codes_sent(&mut self, what: &str) -> Result<Option<String>, StoreError> {
        Ok(self.list("SELECT record FROM codes_sent WHERE what = ?1", [clean(what)], |row| row.get(0))?.pop())
    }

    fn put_codes_sent(&mut self, what: &str, record: &str, now: Timestamp) -> Result<(), StoreError> {
        let sql = "INSERT INTO codes_sent (what, record, last) VALUES (?1, ?2, ?3)
                   ON CONFLICT (what) DO UPDATE SET record = excluded.record, last = excluded.last";
        self.run(sql, params![clean(what), record, now.0])?;
        Ok(())
    }
}

pub(super) fn read_factor(row: &Row<'_>) -> rusqlite::Result<FactorRow> {
    Ok(FactorRow {
        factor: Factor {
            id: row.get(0)?,
            kind: read_kind(row, 1)?,
            name: row.get(2)?,
            created: Timestamp(row.get(3)?),
            last_use: row.get::<_, Option<i64>>(4)?.map(Timestamp),
        },
        uid: row.get(5)?,
        sealed: Sealed { key_id: KeyId(row.get(6)?), bytes: row.get(7)? },
        step: row.get::<_, Option<i64>>(8)?.map(Step),
    })
}

fn read_kind(row: &Row<'_>, column: usize) -> rusqlite::Result<FactorKind> {
    let word: String = row.get(column)?;
    FactorKind::parse(&word).ok_or_else(|| broken(column, Type::Text, "a kind of factor"))
}

fn means_columns(means: Means) -> (&'static str, Option<i64>) {
    match means {
        Means::MainPassword => ("main-password", None),
        Means::Factor(id) => ("factor", Some(id)),
        Means::Recovery => ("recovery", None),
        Means::SetUpCode => ("set-up-code", None),
    }
}

fn read_session(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    let stage: String = row.get(2)?;
    let means: Option<String> = row.get(5)?;
    let means = match (means.as_deref(), row.get::<_, Option<i64>>(6)?) {
        (Some("main-password"), _) => Some(Means::MainPassword),
        (Some("recovery"), _) => Some(Means::Recovery),
        (Some("set-up-code"), _) => Some(Means::SetUpCode),
        (Some("factor"), Some(id)) => Some(Means::Factor(id)),
        // The factor was removed.
        (Some("factor") | None, _) => None,
        (Some(_), _) => return Err(broken(5, Type::Text, "a means of proof")),
    };
    Ok(SessionRow {
        session: Session {
            id: row.get(0)?,
            account_id: row.get(1)?,
            stage: Stage::parse(&stage).ok_or_else(|| broken(2, Type::Text, "a stage"))?,
            created: Timestamp(row.get(3)?),
            seen: Timestamp(row.get(4)?),
            proof: means.zip(row.get::<_, Option<i64>>(7)?.map(Timestamp)),
        },
        visitor: Visitor { address: row.get(8)?, system: row.get(9)?, program: row.get(10)? },
        account: row.get(11)?,
    })
}

fn read_challenge(row: &Row<'_>) -> rusqlite::Result<Challenge> {
    let binding = match row.get::<_, Option<String>>(2)? {
        None => None,
        Some(_) => Some(NewFactor {
            kind: read_kind(row, 2)?,
            name: row.get(3)?,
            uid: row.get(4)?,
            sealed: Sealed { key_id: KeyId(row.get(5)?), bytes: row.get(6)? },
            // It is known only when the factor is bound.
        }),
    };
    let code = match row.get::<_, Option<[u8; 16]>>(7)? {
        None => None,
        Some(tag) => Some(SentCode::stored(CodeTag(tag), Timestamp(row.get(8)?), row.get(9)?)),
    };
    let memo = match row.get::<_, Option<[u8; 8]>>(10)? {
        None => None,
        Some(key_id) => Some(Sealed { key_id: KeyId(key_id), bytes: row.get(11)? }),
    };
    Ok(Challenge { begun: Timestamp(row.get(0)?), factor_id: row.get(1)?, binding, code, memo })
}

fn read_device(row: &Row<'_>) -> rusqlite::Result<TrustedDevice> {
    Ok(TrustedDevice {
        id: row.get(0)?,
        account_id: row.get(1)?,
        created: Timestamp(row.get(2)?),
        until: Timestamp(row.get(3)?),
        last_at: Timestamp(row.get(4)?),
        visitor: Visitor { address: row.get(5)?, system: row.get(6)?, program: row.get(7)? },
    })
}
