//! Owners are told of what happens to their second factors, passwords and delegations, so that whoever was taken over learns of
//! it; delegates are told of what they may do.
//!
//! The event log is the queue: a cursor in the store says how far it was looked through. Each event that an owner has to know
//! becomes a notice in the transaction that moves the cursor, and none is told twice or left out.

use std::time::Duration;

use super::Service;
use crate::gate::notice::{Channel, Notice, OWNERS_KINDS};
use crate::store::{EventQuery, StoreError, Tables};

/// The cursor's name in the store.
const CURSOR: &str = "owners";
/// Events that become notices at once.
const AT_ONCE: u32 = 100;
/// An event that nobody could be told of for so long, because nothing was configured, is history.
const HISTORY: Duration = Duration::from_secs(2 * 86_400);
/// So many events of other kinds pile up before they are passed over: each look reads them, and passing over is a write.
const PASSED_OVER: i64 = 1_000;

impl Service {
    /// Puts down what owners have to be told since the last time. Returns whether there may be more at once.
    pub(super) async fn owe_owners(&self, ways: &[Channel]) -> Result<bool, StoreError> {
        // The administrator would drown in what people do about their own accounts.
        let ways = ways.iter().filter(|way| **way != Channel::AdministratorMail);
        let owed = ways.map(|way| way.word()).collect::<Vec<_>>().join(",");
        if owed.is_empty() {
            return Ok(false);
        }
        let Some(after) = self.store.read(|tables| tables.cursor(CURSOR)).await? else {
            // The first start with somebody to tell: history is not told.
            let begin = |tables: &mut dyn Tables| {
                let newest = newest(tables)?;
                tables.set_cursor(CURSOR, newest)
            };
            self.store.write(begin, |()| ()).await?;
            return Ok(false);
        };
        let kinds = OWNERS_KINDS.to_vec();
        let query = EventQuery { after: Some(after), kinds, limit: AT_ONCE, ..EventQuery::default() };
        let read = move |tables: &mut dyn Tables| Ok((newest(tables)?, tables.events(&query)?));
        let (newest, events) = self.store.read(read).await?;
        let more = events.len() == AT_ONCE as usize;
        let come_to = match events.last() {
            Some((last, _)) => *last,
            None if newest - after >= PASSED_OVER => newest,
            None => return Ok(false),
        };
        let now = self.now();
        let news = events.iter().filter(|(_, event)| now < event.time.plus(HISTORY));
        let notices = news.flat_map(|(_, event)| [Notice::of(event), Notice::of_delegate(event)]).flatten();
        let bodies: Result<Vec<String>, _> = notices.map(|notice| serde_json::to_string(&notice)).collect();
        let bodies = bodies.map_err(|why| StoreError::Failed(why.to_string()))?;
        let owe = move |tables: &mut dyn Tables| {
            for body in &bodies {
                tables.add_notice(now, &owed, body)?;
            }
            tables.set_cursor(CURSOR, come_to)
        };
        self.store.write(owe, |()| ()).await?;
        Ok(more)
    }
}

/// The number of the newest event of all.
pub(super) fn newest(tables: &mut dyn Tables) -> Result<i64, StoreError> {
    let events = tables.events(&EventQuery { limit: 1, ..EventQuery::default() })?;
    Ok(events.last().map_or(0, |(id, _)| *id))
}
