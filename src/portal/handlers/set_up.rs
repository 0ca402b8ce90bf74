//! Two-factor that the site wants: set it up, now or within its time of grace.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::portal::pages::factors::Kind;
use crate::portal::pages::routes;
use crate::portal::pages::sign_in::SetUp;
use crate::portal::server::{Answer, Context, Form, Shared};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route(routes::SET_UP, get(page).post(later))
}

async fn page(mut context: Context) -> Answer {
    let standing = context.standing().await?;
    if standing.stage == "factor" {
        return Ok(context.go(routes::SIGN_IN_FACTOR));
    }
    if standing.two_factor {
        return Ok(context.go(routes::HOME));
    }
    let now = context.now();
    let grace = standing.mandatory.filter(|until| *until > now && standing.stage == "full");
    let kinds = standing.kinds.iter().filter_map(|kind| Kind::from_word(kind)).collect();
    let page = SetUp { kinds, bound: !standing.factors.is_empty(), until: grace };
    let frame = context.frame(Some(&standing));
    Ok(context.show(page.render(&frame)))
}

async fn later(mut context: Context, form: Form) -> Answer {
    // Who may not wait is led back here by any page.
    let next = if form.is("later", "yes") { context.take_next() } else { routes::SET_UP.to_owned() };
    Ok(context.go(&next))
}
