//! The SQL of visits to the portal, and of mail clients that logged in.

use rusqlite::types::Type;
use rusqlite::{Row, params};

use super::SqliteTables;
use super::rows::broken;
use crate::clock::Timestamp;
use crate::gate::clean::clean;
use crate::gate::domain::shown;
use crate::gate::name::Protocol;
use crate::gate::visit::{By, Outcome, Visit};
use crate::store::StoreError;
use crate::store::visit::{ClientDay, ClientQuery, VisitTables};

const VISIT: &str =
    "SELECT id, account_id, session_id, outcome, proved, begun, last, count, wrong, source, address,
                            system, program, told
                     FROM visit";

impl VisitTables for SqliteTables<'_> {
    fn visits(&mut self, account_id: i64) -> Result<Vec<Visit>, StoreError> {
        self.list(&format!("{VISIT} WHERE account_id = ?1 ORDER BY last DESC, id DESC"), [account_id], read)
    }

    fn visit(&mut self, session_id: i64) -> Result<Option<Visit>, StoreError> {
        Ok(self.list(&format!("{VISIT} WHERE session_id = ?1"), [session_id], read)?.pop())
    }

    fn put_visit(&mut self, visit: &Visit) -> Result<i64, StoreError> {
        let proved = match visit.outcome {
            Outcome::In(by) => Some(by.word()),
            Outcome::Pending | Outcome::Stopped => None,
        };
        let row = params![
            (visit.id != 0).then_some(visit.id),
            visit.account_id,
            visit.session,
            visit.outcome.word(),
            proved,
            visit.begun.0,
            visit.last.0,
            visit.count,
            visit.wrong,
            clean(&visit.source),
            visit.address.as_deref().map(clean),
            clean(&visit.system),
            clean(&visit.program),
            visit.told.map(|told| told.0)
        ];
        let sql = "INSERT INTO visit (id, account_id, session_id, outcome, proved, begun, last, count, wrong, source,
                                      address, system, program, told)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
                   ON CONFLICT (id) DO UPDATE
                   SET session_id = excluded.session_id, outcome = excluded.outcome, proved = excluded.proved,
                       begun = excluded.begun, last = excluded.last, count = excluded.count, wrong = excluded.wrong,
                       told = excluded.told";
        let new = self.insert(sql, row)?;
        Ok(if visit.id == 0 { new } else { visit.id })
    }

    fn drop_visit(&mut self, id: i64) -> Result<(), StoreError> {
        self.run("DELETE FROM visit WHERE id = ?1", [id]).map(drop)
    }

    fn bound_visits(&mut self, account_id: i64, came_in: bool, most: u32) -> Result<(), StoreError> {
        let sql = "DELETE FROM visit WHERE id IN
                       (SELECT id FROM visit WHERE account_id = ?1 AND (outcome = 'in') = ?2
                        ORDER BY last DESC, id DESC LIMIT -1 OFFSET ?3)
                   AND (session_id IS NULL OR session_id NOT IN (SELECT id FROM session))";
        self.run(sql, params![account_id, came_in, most]).map(drop)
    }

    fn pending_visits(
        &mut self,
        begun: Timestamp,
        last: Timestamp,
        limit: u32,
    ) -> Result<Vec<(String, Visit)>, StoreError> {
        let sql = format!(
            "SELECT visit.*, account.name FROM ({VISIT} WHERE outcome = 'pending' AND (last <= ?2 OR begun <= ?1)
                                                ORDER BY last, id LIMIT ?3) visit
             JOIN account ON account.id = visit.account_id"
        );
        self.list(&sql, params![begun.0, last.0, limit], |row| Ok((row.get(14)?, read(row)?)))
    }

    fn forget_visits(&mut self, before: Timestamp, limit: u32) -> Result<usize, StoreError> {
        let old = "SELECT id FROM visit WHERE last < ?1 ORDER BY last LIMIT ?2";
        self.run(&format!("DELETE FROM visit WHERE id IN ({old})"), params![before.0, limit])
    }

    fn client_days(&mut self, query: &ClientQuery) -> Result<Vec<ClientDay>, StoreError> {
        let account = clean(&query.account);
        let shown = shown(&account);
        // Events stay as they were written, when a domain was kept as it is shown now.
        let whose = if shown == account { "account = ?1" } else { "account IN (?1, ?6)" };
        let sql = format!(
            "SELECT password_name, protocol, address, max(time), sum(count) FROM
                 (SELECT id, time, protocol, password_name, address, count FROM event
                  WHERE {whose} AND kind = 'login' AND verdict = 'accept' AND time >= ?2 AND protocol <> ?7
                    AND (?6 IS NULL OR 1)
                  ORDER BY time DESC LIMIT ?4)
             GROUP BY password_name, protocol, address, (time + ?3) / 86400
             ORDER BY max(time) DESC, max(id) DESC LIMIT ?5"
        );
        let ClientQuery { since, offset, looked_at, limit, .. } = query;
        let values = params![account, since.0, offset, looked_at, limit, shown, Protocol::PORTAL_NAME];
        self.list(&sql, values, |row| {
            Ok(ClientDay {
                password: row.get(0)?,
                protocol: row.get(1)?,
                address: row.get(2)?,
                at: Timestamp(row.get(3)?),
                count: row.get(4)?,
            })
        })
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Visit> {
    let (outcome, proved): (String, Option<String>) = (row.get(3)?, row.get(4)?);
    let outcome = match (outcome.as_str(), proved.as_deref().and_then(By::parse)) {
        ("pending", _) => Outcome::Pending,
        ("stopped", _) => Outcome::Stopped,
        ("in", Some(by)) => Outcome::In(by),
        _ => return Err(broken(3, Type::Text, "how a visit ended")),
    };
    Ok(Visit {
        id: row.get(0)?,
        account_id: row.get(1)?,
        session: row.get(2)?,
        outcome,
        begun: Timestamp(row.get(5)?),
        last: Timestamp(row.get(6)?),
        count: row.get(7)?,
        wrong: row.get(8)?,
        source: row.get(9)?,
        address: row.get(10)?,
        system: row.get(11)?,
        program: row.get(12)?,
        told: row.get::<_, Option<i64>>(13)?.map(Timestamp),
    })
}
