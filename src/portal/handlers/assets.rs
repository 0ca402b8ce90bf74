//! The style sheet and the script.

use std::sync::Arc;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::portal::pages::assets;
use crate::portal::server::{FOR_EVER, Shared};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/assets/{file}", get(asset))
}

async fn asset(uri: axum::http::Uri) -> Response {
    match assets::at(uri.path()) {
        Some(asset) => {
            let kind = HeaderValue::from_static(asset.media_type);
            ([(CONTENT_TYPE, kind), (CACHE_CONTROL, FOR_EVER)], asset.bytes).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
