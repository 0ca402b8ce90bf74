//! What is done when a page is asked for or a form is sent: a file for each group of pages, each with its `routes`.
//!
//! A handler asks the daemon through its [`Context`], and answers with a page or leads to another. What a form of
//! [`pages`] sees has passed the guard. What [`open`] serves has not: it is asked by programs, changes nothing and has no
//! cookies.

mod admin;
mod admin_accounts;
mod asked;
mod assets;
mod bind;
mod block;
mod callback;
mod confirm;
mod delegations;
mod devices;
mod factor;
mod factors;
mod help;
mod language;
mod mail_programs;
mod overview;
mod passwords;
mod profile;
mod set_up;
mod sign_in;
mod two_factor;

use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse, Response};

use super::pages::error::Trouble;
use super::server::{Context, Shared};

/// Pages and forms.
pub(super) fn pages() -> Router<Arc<Shared>> {
    Router::new()
        .merge(language::routes())
        .merge(sign_in::routes())
        .merge(factor::routes())
        .merge(callback::routes())
        .merge(set_up::routes())
        .merge(overview::routes())
        .merge(confirm::routes())
        .merge(two_factor::routes())
        .merge(factors::routes())
        .merge(bind::routes())
        .merge(passwords::routes())
        .merge(profile::routes())
        .merge(devices::routes())
        .merge(delegations::routes())
        .merge(block::routes())
        .merge(help::routes())
        .merge(admin::routes())
        .merge(admin_accounts::routes())
        .fallback(missing)
        .method_not_allowed_fallback(missing)
}

/// What needs no guard.
pub(super) fn open() -> Router<Arc<Shared>> {
    Router::new().merge(assets::routes()).merge(mail_programs::routes())
}

/// There is no such page. Whoever is signed in still is.
async fn missing(mut context: Context) -> Response {
    match context.anybody().await {
        Ok(_) => context.trouble(Trouble::NotFound),
        Err(stop) => stop.into_response(),
    }
}

/// A value in what stands behind the path; the first, where there are more.
fn value(query: Option<&str>, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}
