//! What mail programs ask by themselves: no cookies, no account, nothing that changes anything.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http_body_util::{BodyExt as _, Limited};
use tokio::time::timeout;

use super::value;
use crate::portal::autoconfig::{
    self, OUTLOOK, OUTLOOK_JSON, QUESTION_BYTES_MAX, THUNDERBIRD, THUNDERBIRD_WELL_KNOWN, XML,
};
use crate::portal::server::Shared;

/// The ways in which Outlook writes its paths beside [`OUTLOOK`] and [`OUTLOOK_JSON`].
const OUTLOOK_TOO: [&str; 3] =
    ["/Autodiscover/Autodiscover.xml", "/AutoDiscover/AutoDiscover.xml", "/Autodiscover/autodiscover.xml"];
const OUTLOOK_JSON_TOO: [&str; 2] = ["/Autodiscover/Autodiscover.json", "/Autodiscover/autodiscover.json"];
/// How long a question may take to arrive.
const QUESTION_WAIT: Duration = Duration::from_secs(10);
/// Servers change seldom; whoever has moved them waits an hour.
const AN_HOUR: HeaderValue = HeaderValue::from_static("public, max-age=3600");

pub(super) fn routes() -> Router<Arc<Shared>> {
    let mut router =
        Router::new().route(THUNDERBIRD, get(thunderbird)).route(THUNDERBIRD_WELL_KNOWN, get(thunderbird));
    for path in [OUTLOOK].iter().chain(&OUTLOOK_TOO) {
        router = router.route(path, post(outlook));
    }
    for path in [OUTLOOK_JSON].iter().chain(&OUTLOOK_JSON_TOO) {
        router = router.route(path, get(outlook_json));
        router = router.route(&format!("{path}/v1.0/{{address}}"), get(outlook_json_of));
    }
    router
}

async fn thunderbird(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let address = value(query.as_deref(), "emailaddress");
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    match autoconfig::thunderbird(&shared.mail_site, host, address.as_deref()) {
        Some(document) => {
            let headers = [(CONTENT_TYPE, HeaderValue::from_static(XML)), (CACHE_CONTROL, AN_HOUR)];
            (headers, document).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn outlook(State(shared): State<Arc<Shared>>, body: Body) -> Response {
    let whole = timeout(QUESTION_WAIT, Limited::new(body, QUESTION_BYTES_MAX).collect()).await;
    let Ok(Ok(question)) = whole else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let document = autoconfig::outlook(&shared.mail_site, &question.to_bytes(), shared.clock.now());
    ([(CONTENT_TYPE, HeaderValue::from_static(XML))], document).into_response()
}

async fn outlook_json(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    let address = either(query.as_deref(), ["Email", "email"]);
    told_where(&shared, &address, &either(query.as_deref(), ["Protocol", "protocol"]))
}

async fn outlook_json_of(
    State(shared): State<Arc<Shared>>,
    Path(address): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    told_where(&shared, &address, &either(query.as_deref(), ["Protocol", "protocol"]))
}

/// Outlook writes its names in several ways too.
fn either(query: Option<&str>, names: [&str; 2]) -> String {
    names.into_iter().find_map(|name| value(query, name)).unwrap_or_default()
}

fn told_where(shared: &Shared, address: &str, protocol: &str) -> Response {
    match autoconfig::outlook_json(&shared.mail_site, address, protocol) {
        Ok(told) => Json(told).into_response(),
        Err(no) => (StatusCode::BAD_REQUEST, Json(no)).into_response(),
    }
}
