//! Choosing a language: remembered by the browser, and back to the page it was chosen on.

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::post;

use crate::portal::pages::{routes, text};
use crate::portal::server::{Context, Form, Shared};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route(routes::LANGUAGE, post(choose))
}

async fn choose(mut context: Context, form: Form) -> Response {
    if let Some(language) = text::from_tag(form.get("language")) {
        context.choose(text::tag(language));
    }
    let next = routes::back(form.get("next")).unwrap_or(routes::HOME.to_owned());
    context.go(&next)
}
