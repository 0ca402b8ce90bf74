//! Status, check, events and backup.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Json;
use axum::body::{Body as HttpBody, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream::try_unfold;
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::{Answer, Api, ApiError, Body, Params, rows};
use crate::api::{
    CheckAnswer, CheckRequest, EventList, EventView, ListenerView, Logins, Questions, RevokedLine, Status,
    TookView,
};
use crate::clock::Timestamp;
use crate::config::Choice;
use crate::gate::address::{Key, parse_address};
use crate::gate::event::{Event, Kind};
use crate::gate::login::{Reason, Verdict};
use crate::gate::name::{AccountName, Protocol};
use crate::gate::secret::{SECRET_BYTES_MAX, Secret};
use crate::gate::target;
use crate::metrics::Counters;
use crate::store::EventQuery;

/// Bytes of a backup that are read at once.
const CHUNK_BYTES: usize = 65_536;

pub(super) async fn status(State(api): State<Api>) -> Answer<Status> {
    let summary = api.service.summary().await?;
    let upstream = api.service.upstream();
    let listener = |door: &std::sync::Arc<crate::serve::Door>| ListenerView {
        protocol: door.settings.protocol.word().to_owned(),
        path: door.settings.place.to_string(),
        connections: door.connections(),
    };
    let (accepted, refused, deferred) = summary.logins;
    let decided = api.service.counters().times().into_iter();
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        since: summary.since,
        mode: if upstream.is_some() { "front" } else { "full" }.to_owned(),
        observe_only: api.service.rules().observe,
        upstream_connected: upstream.map(crate::upstream::Upstream::connected),
        store_writable: summary.writable,
        accounts: summary.counts.accounts,
        passwords: summary.counts.passwords,
        sources: summary.sources,
        blocks: summary.blocks,
        listeners: api.doors.iter().map(listener).collect(),
        logins: Logins { accepted, refused, deferred },
        sending: questions(api.service.counters()),
        decided: decided.map(|(micros, count)| TookView { micros, count }).collect(),
        hashing_queue: summary.hashing_queue,
    }))
}

fn questions(counters: &Counters) -> Questions {
    let (accepted, refused, deferred) = counters.questions();
    Questions { accepted, refused, deferred }
}

/// What is said of a password that is longer than any that is looked at.
pub(super) fn too_long() -> String {
    format!("the password is longer than {SECRET_BYTES_MAX} bytes")
}

pub(super) async fn check(State(api): State<Api>, body: Body<CheckRequest>) -> Answer<CheckAnswer> {
    let CheckRequest { account, protocol, from, password } = body?.0;
    let protocol = Protocol::parse(&protocol)?;
    let address = match from {
        None => None,
        Some(from) => Some(
            parse_address(&from)
                .ok_or_else(|| ApiError::bad(format!("`{}` is no IP address", from.escape_debug())))?,
        ),
    };
    let secret = Secret::presented(password).ok_or_else(|| ApiError::bad(too_long()))?;
    let checked = api.service.check(&account, secret, protocol, address).await;
    // The words are those of the event that a real attempt would leave.
    let event = Event::new(Timestamp(0), Kind::Login, "gate").verdict(&checked.verdict);
    let until = match &checked.verdict {
        Verdict::Refuse(Reason::Blocked(block)) => Some(block.until),
        _ => None,
    };
    Ok(Json(CheckAnswer {
        verdict: event.verdict.unwrap_or_default(),
        reason: event.reason,
        account: checked.account.as_ref().map(AccountName::to_string),
        password: event.password_id.zip(event.password_name).map(|(id, name)| RevokedLine { id, name }),
        until,
        failures: checked.failures,
        failures_max: api.service.rules().lockout.failures,
        exempt: checked.exempt,
    }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wanted {
    after: Option<i64>,
    since: Option<i64>,
    account: Option<String>,
    address: Option<String>,
    /// With commas between them.
    kind: Option<String>,
    limit: Option<u32>,
}

pub(super) async fn events(State(api): State<Api>, wanted: Params<Wanted>) -> Answer<EventList> {
    let wanted = wanted?.0;
    let domain = api.service.rules().default_domain.clone();
    // A name that has no normal form was put down as it was typed.
    let account = wanted.account.map(|typed| match AccountName::parse(&typed, domain.as_deref()) {
        Ok(name) => name.to_string(),
        Err(_) => typed,
    });
    let prefixes = api.service.rules().prefixes;
    // Events tell the address as it was judged, and a block the source or network.
    let one_form = |text: &String| {
        let network = target::read(text).ok()?;
        if network.prefix_len() < network.max_prefix_len() {
            return prefixes.fold_network(network).ok().map(|network| Key::of_network(network).to_string());
        }
        prefixes.fold(network.addr()).map(|address| address.to_string())
    };
    let address = wanted.address.map(|text| one_form(&text).unwrap_or(text));
    let kinds = wanted.kind.iter().flat_map(|kinds| kinds.split(','));
    let kinds =
        kinds.map(Kind::parse).collect::<Result<_, _>>().map_err(|error| ApiError::bad(error.to_string()))?;
    let query = EventQuery {
        after: wanted.after,
        since: wanted.since.map(Timestamp),
        account,
        address,
        kinds,
        limit: rows(wanted.limit),
    };
    let events = api.service.events(query).await?;
    Ok(Json(EventList { events: events.into_iter().map(|(id, event)| EventView { id, event }).collect() }))
}

/// Makes a copy beside the store, removes its name at once, and sends it: whatever happens,
/// nothing is left behind.
pub(super) async fn backup(State(api): State<Api>) -> Result<Response, ApiError> {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let path: PathBuf = api.folder.join(format!("backup-{}-{number}.tmp", std::process::id()));
    let fail = |error: std::io::Error| ApiError::unavailable(format!("the copy cannot be read: {error}"));
    let made = api.service.backup(path.clone()).await;
    let opened = File::open(&path).await;
    let _ = tokio::fs::remove_file(&path).await;
    made?;
    let file = opened.map_err(fail)?;
    let bytes = file.metadata().await.map_err(fail)?.len();
    let chunks = try_unfold(file, async |mut file| {
        let mut chunk = vec![0; CHUNK_BYTES];
        let read = file.read(&mut chunk).await?;
        chunk.truncate(read);
        std::io::Result::Ok((read > 0).then_some((Bytes::from(chunk), file)))
    });
    let headers = [(CONTENT_TYPE, "application/vnd.sqlite3".to_owned()), (CONTENT_LENGTH, bytes.to_string())];
    Ok((headers, HttpBody::from_stream(chunks)).into_response())
}
