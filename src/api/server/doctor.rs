//! `GET /v1/doctor`: what only the daemon knows of itself.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use nix::sys::resource::{Resource, getrlimit};

use super::{Answer, Api};
use crate::api::{Diagnosis, DoorView, ROWS_MAX};
use crate::clock::Timestamp;
use crate::config::{Choice, Config};
use crate::gate::event::{Event, Kind};
use crate::gate::streak::{IN_A_ROW, SPARED};
use crate::serve::Door;
use crate::store::keys::KeyCount;
use crate::store::{EventQuery, StoreError};

/// How far back warnings are looked for.
const LOOK_BACK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The settings in force, which a signal may change.
#[derive(Debug)]
pub struct InForce {
    file: PathBuf,
    config: Mutex<Config>,
}

impl InForce {
    /// Those that the daemon starts with, and the file they came from.
    #[must_use]
    pub fn new(file: PathBuf, config: Config) -> Self {
        Self { file, config: Mutex::new(config) }
    }

    /// Others are in force from now on.
    pub fn set(&self, config: Config) {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
    }

    pub(super) fn key_file(&self) -> PathBuf {
        self.config.lock().unwrap_or_else(PoisonError::into_inner).store.key_file.clone()
    }

    fn fingerprint(&self) -> String {
        self.config.lock().unwrap_or_else(PoisonError::into_inner).fingerprint()
    }
}

pub(super) async fn doctor(State(api): State<Api>) -> Answer<Diagnosis> {
    let summary = api.service.summary().await?;
    let upstream = api.service.upstream();
    let newest = api.service.events(EventQuery { limit: 1, ..EventQuery::default() }).await?;
    let missing = api.events_of(Kind::AddressMissing).await?;
    let proxies = api.events_of(Kind::ProxySuspected).await?;
    let streaks = api.events_of(Kind::BlockAdded).await?;
    let lost = api.service.key_state().await?.lost;
    let with = |words: &str| {
        let told = streaks.iter().filter_map(|event| event.reason.as_deref());
        u32::try_from(told.filter(|reason| reason.contains(words)).count()).unwrap_or(u32::MAX)
    };
    Ok(Json(Diagnosis {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        now: api.service.now(),
        since: summary.since,
        config_file: api.in_force.file.display().to_string(),
        settings: api.in_force.fingerprint(),
        store_writable: summary.writable,
        store_check: api.service.check_store().await?,
        key_check: api.service.check_key_file(api.in_force.key_file()).await,
        keys_lost: lost.iter().filter(|count| count.is_needed()).filter_map(KeyCount::told).collect(),
        last_event: newest.last().map(|(_, event)| event.time),
        upstream_connected: upstream.map(crate::upstream::Upstream::connected),
        descriptors: std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64),
        descriptors_max: getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft),
        doors: api.doors.iter().map(|door| view(door)).collect(),
        address_missing: distinct(missing, |event| event.protocol),
        proxies_suspected: distinct(proxies, |event| event.address),
        domains_ignored: api.service.domains_ignored(),
        shared_mailboxes: api.service.shared_mailboxes().await?,
        names_left: api.service.names_left().await?,
        passdb_away: api.service.passdb_away().is_some(),
        streaks: with(IN_A_ROW),
        streaks_spared: with(SPARED),
    }))
}

fn view(door: &Door) -> DoorView {
    DoorView {
        protocol: door.settings.protocol.word().to_owned(),
        path: door.settings.place.to_string(),
        since: door.since(),
        last_question: door.last_question(),
    }
}

/// Each once, in order.
fn distinct(events: Vec<Event>, field: impl Fn(Event) -> Option<String>) -> Vec<String> {
    let all: std::collections::BTreeSet<String> = events.into_iter().filter_map(field).collect();
    all.into_iter().collect()
}

impl Api {
    async fn events_of(&self, kind: Kind) -> Result<Vec<Event>, StoreError> {
        let since: Timestamp = self.service.now().minus(LOOK_BACK);
        let query =
            EventQuery { since: Some(since), kinds: vec![kind], limit: ROWS_MAX, ..EventQuery::default() };
        let events = self.service.events(query).await?;
        Ok(events.into_iter().map(|(_, event)| event).collect())
    }
}
