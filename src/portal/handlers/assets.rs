//! What pages load.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::portal::pages::assets::SVG;
use crate::portal::server::{FOR_EVER, Shared};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/assets/{file}", get(asset))
}

/// A drawing may have styles in it, and nothing else works in one that is opened alone.
const DRAWING: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");

async fn asset(State(shared): State<Arc<Shared>>, uri: axum::http::Uri) -> Response {
    let Some(asset) = shared.looks.at(uri.path()) else { return StatusCode::NOT_FOUND.into_response() };
    let kind = HeaderValue::from_static(asset.media_type);
    let headers = [(CONTENT_TYPE, kind), (CACHE_CONTROL, FOR_EVER)];
    let mut response = (headers, asset.bytes.to_vec()).into_response();
    if asset.media_type == SVG {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, DRAWING);
    }
    response
}
