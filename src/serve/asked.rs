//! When each door was last asked, across restarts: `sidegate doctor` reports a door that nobody asks, and a restart is no
//! reason to begin anew. Nothing waits for it: it is read at the start, and written by the minute and at the end.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

use super::Door;
use crate::log;
use crate::service::Service;
use crate::store::DoorTimes;

/// How often it is written, if anything is new.
const WRITE_EVERY: Duration = Duration::from_secs(60);

/// What the store remembers of these doors; a door that it does not know is there from now on.
pub async fn recall(doors: &[Arc<Door>], service: &Service) {
    let known = service.doors().await.unwrap_or_else(|error| {
        warn!(error = %log::chain(&error), "it is not known when the listeners were last asked");
        Vec::new()
    });
    for door in doors {
        let place = door.settings.place.to_string();
        let known = known.iter().find(|known| known.place == place);
        let (since, asked) = known.map_or((service.now(), None), |known| (known.since, known.asked));
        door.remember(since, asked);
    }
}

/// Writes what is new, by the minute, for as long as the daemon runs.
pub async fn keep(doors: Arc<[Arc<Door>]>, service: Arc<Service>) {
    let mut beat = interval(WRITE_EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut written = Vec::new();
    loop {
        beat.tick().await;
        let now = times(&doors);
        // The log has a failure already.
        if now != written && service.set_doors(now.clone()).await.is_ok() {
            written = now;
        }
    }
}

/// Writes it once more, at the end.
pub async fn finish(doors: &[Arc<Door>], service: &Service) {
    let _ = service.set_doors(times(doors)).await;
}

fn times(doors: &[Arc<Door>]) -> Vec<DoorTimes> {
    let times = |door: &Arc<Door>| DoorTimes {
        place: door.settings.place.to_string(),
        since: door.since(),
        asked: door.last_question(),
    };
    doors.iter().map(times).collect()
}
