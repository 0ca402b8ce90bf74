//! The SQL of roll-outs.

use rusqlite::{Row, params};

use super::SqliteTables;
use crate::clock::Timestamp;
use crate::store::StoreError;
use crate::store::rollout::{Met, RolloutTables};

impl RolloutTables for SqliteTables<'_> {
    fn met(&mut self, since: Timestamp, after: &str, limit: u32) -> Result<Vec<Met>, StoreError> {
        let sql = "SELECT account,
                          sum(iif(verdict = 'would-refuse', count, 0)),
                          sum(iif(verdict = 'accept', count, 0)),
                          group_concat(DISTINCT iif(verdict = 'would-refuse', reason, NULL)),
                          group_concat(DISTINCT protocol),
                          count(DISTINCT address),
                          max(time)
                   FROM event
                   WHERE kind = 'login' AND account > ?1 AND time >= ?2 AND protocol IS NOT 'sidegate-portal'
                     AND (verdict = 'would-refuse' OR (verdict = 'accept' AND reason = 'main-password'))
                   GROUP BY account ORDER BY account LIMIT ?3";
        self.list(sql, params![after, since.0, limit], read_met)
    }
}

fn read_met(row: &Row<'_>) -> rusqlite::Result<Met> {
    Ok(Met {
        account: row.get(0)?,
        would_refuse: row.get(1)?,
        main_password: row.get(2)?,
        reasons: words(row, 3)?,
        protocols: words(row, 4)?,
        addresses: row.get(5)?,
        last: Timestamp(row.get(6)?),
    })
}

/// Words of ours, none of which has a comma.
fn words(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<String>> {
    let joined: Option<String> = row.get(column)?;
    let mut words: Vec<String> =
        joined.iter().flat_map(|words| words.split(',')).map(str::to_owned).collect();
    words.sort();
    Ok(words)
}
