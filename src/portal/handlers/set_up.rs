//! Two-factor that the site wants: set it up, now or within its time of grace.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

use crate::api::portal::{Passed, Proof, Standing};
use crate::portal::control::target;
use crate::portal::pages::factors::Kind;
use crate::portal::pages::problem::Problem;
use crate::portal::pages::routes;
use crate::portal::pages::sign_in::{EnterSetUpCode, SetUp};
use crate::portal::server::{Answer, Context, Form, Shared};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route(routes::SET_UP, get(page).post(sent))
}

async fn page(mut context: Context) -> Answer {
    let standing = context.standing().await?;
    if standing.stage == "factor" {
        return Ok(context.go(routes::SIGN_IN_FACTOR));
    }
    if standing.two_factor && standing.stage == "full" {
        return Ok(context.go(routes::HOME));
    }
    if standing.set_up_code.is_some() {
        return Ok(ask_for_code(&mut context, &standing, None));
    }
    let now = context.now();
    let grace = standing.mandatory.filter(|until| *until > now && standing.stage == "full");
    let kinds = standing.kinds.iter().filter_map(|kind| Kind::from_word(kind)).collect();
    let page = SetUp { kinds, bound: !standing.factors.is_empty(), until: grace };
    let frame = context.frame(Some(&standing));
    Ok(context.show(page.render(&frame)))
}

/// The set-up code of a reset comes before everything else.
fn ask_for_code(context: &mut Context, standing: &Standing, problem: Option<Problem>) -> Response {
    let over = standing.set_up_code.is_none_or(|ends| ends <= context.now());
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let frame = context.frame(Some(standing));
    context.show_with(status, EnterSetUpCode { over, problem }.render(&frame))
}

async fn sent(mut context: Context, form: Form) -> Answer {
    if !form.has("code") {
        return later(context, form).await;
    }
    let standing = context.standing().await?;
    if standing.set_up_code.is_none() {
        return Ok(context.go(routes::SET_UP));
    }
    let proof = Proof { set_up_code: Some(form.hidden("code")), ..Proof::default() };
    match context.post::<Passed>(target(&["proof"]), &proof).await {
        Ok(passed) => {
            context.passed(&passed);
            Ok(context.go(routes::SET_UP))
        }
        Err(error) => {
            let problem = match context.problem(&error)? {
                Problem::WrongCode => Problem::WrongSetUpCode,
                problem => problem,
            };
            Ok(ask_for_code(&mut context, &standing, Some(problem)))
        }
    }
}

async fn later(mut context: Context, form: Form) -> Answer {
    // Who may not wait is led back here by any page.
    let next = if form.is("later", "yes") { context.take_next() } else { routes::SET_UP.to_owned() };
    Ok(context.go(&next))
}
