//! Hooks: events that webhooks and commands are told of, in their order, each at least once.
//!
//! The event log is the queue: a cursor in the store says how far it was told. What cannot be told is tried
//! again with growing pauses, and given up after two days.

use std::time::Duration;

use tracing::{error, warn};

use super::Service;
use super::owners::newest;
use crate::gate::event::Event;
use crate::notices::Notices;
use crate::store::{EventQuery, StoreError, Tables};

/// The cursor's name in the store.
const CURSOR: &str = "hooks";
/// Events that are fetched at once.
const AT_ONCE: u32 = 50;
/// So many events of other kinds pile up before they are passed over: each look reads them, and passing over is a write.
const PASSED_OVER: i64 = 1_000;
/// An event that could not be told for so long is left out.
const GIVEN_UP: Duration = Duration::from_secs(2 * 86_400);
/// The pause after the first failure; each further one is twice as long.
const PAUSE: Duration = Duration::from_secs(10);
const PAUSE_MAX: Duration = Duration::from_secs(600);

/// What was met on the way.
pub(super) enum Followed {
    /// All that there was is told.
    All,
    /// There may be more at once.
    More,
    /// Nobody took it; in this time it is tried again.
    Later(Duration),
}

impl Service {
    /// Tells of the events that came since the last time. `failures` counts tries of the one that is due.
    pub(super) async fn follow_events(
        &self,
        notices: &Notices,
        failures: &mut u32,
    ) -> Result<Followed, StoreError> {
        if notices.events().is_empty() {
            return Ok(Followed::All);
        }
        let Some(after) = self.store.read(|tables| tables.cursor(CURSOR)).await? else {
            // The first start with hooks: history is not told.
            let newest = self.store.read(newest).await?;
            self.came_to(newest).await?;
            return Ok(Followed::All);
        };
        let kinds = notices.events().to_vec();
        let query = EventQuery { after: Some(after), kinds, limit: AT_ONCE, ..EventQuery::default() };
        let read = move |tables: &mut dyn Tables| Ok((newest(tables)?, tables.events(&query)?));
        let (newest, events) = self.store.read(read).await?;
        let mut came_to = after;
        let more = events.len() == AT_ONCE as usize;
        for (id, event) in events {
            if let Err(why) = notices.deliver_event(id, &event).await
                && let Some(pause) = self.put_off(id, &event, &why, failures)
            {
                return Ok(Followed::Later(pause));
            }
            *failures = 0;
            self.came_to(id).await?;
            came_to = id;
        }
        if !more && newest - came_to >= PASSED_OVER {
            self.came_to(newest).await?;
        }
        Ok(if more { Followed::More } else { Followed::All })
    }

    /// How long to wait before an event is told again; `None` gives it up.
    fn put_off(&self, id: i64, event: &Event, why: &str, failures: &mut u32) -> Option<Duration> {
        let kind = event.kind.word();
        if self.now() >= event.time.plus(GIVEN_UP) {
            error!(id, kind, why, "an event could not be told to the hooks and is left out");
            return None;
        }
        let pause = PAUSE.saturating_mul(1 << (*failures).min(10)).min(PAUSE_MAX);
        *failures += 1;
        warn!(id, kind, why, ?pause, "an event could not be told to the hooks; it is tried again");
        Some(pause)
    }

    async fn came_to(&self, event: i64) -> Result<(), StoreError> {
        self.store.write(move |tables| tables.set_cursor(CURSOR, event), |()| ()).await
    }
}
