//! Signing in with the main password, and out.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};

use super::asked::{self, challenge};
use super::factor;
use crate::api::Nothing;
use crate::api::portal::{Hidden, SignIn, Standing, Why};
use crate::clock::Timestamp;
use crate::portal::control::target;
use crate::portal::pages::problem::Problem;
use crate::portal::pages::sign_in::SignIn as Page;
use crate::portal::pages::{Said, routes};
use crate::portal::send::mail::Purpose;
use crate::portal::server::{Answer, Context, Form, Shared};

/// The longest address that is passed on, in bytes (RFC 5321, 4.5.3.1).
pub(crate) const ADDRESS_BYTES_MAX: usize = 320;
/// The longest password that is passed on, in bytes.
pub(crate) const PASSWORD_BYTES_MAX: usize = 1024;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route(routes::SIGN_IN, get(form).post(sign_in)).route(routes::SIGN_OUT, post(sign_out))
}

/// The form; whoever is signed in already is led on.
async fn form(mut context: Context) -> Answer {
    if context.has_session() {
        match context.get::<Standing>(target(&["session"])).await {
            Ok(standing) if standing.stage == "factor" => return Ok(context.go(routes::SIGN_IN_FACTOR)),
            Ok(standing) => return onward(&mut context, &standing).await,
            Err(error) if error.error == Why::Over => {
                context.forget_session();
                context.now_said(Said::SignInAgain);
            }
            Err(error) => return Err(context.stop(&error)),
        }
    }
    let frame = context.frame(None);
    Ok(context.show(Page::default().render(&frame)))
}

async fn sign_in(mut context: Context, form: Form) -> Answer {
    let address = form.trimmed("address").to_owned();
    let code = form.some("code").map(Hidden::new);
    let mut page = Page { address, with_code: form.has("code"), problem: Some(Problem::WrongPassword) };
    let password = form.hidden("password");
    let lengths = [(page.address.len(), ADDRESS_BYTES_MAX), (password.reveal().len(), PASSWORD_BYTES_MAX)];
    if lengths.iter().all(|(length, most)| (1..=*most).contains(length)) {
        let asked = SignIn { account: page.address.clone(), password, code };
        match context.sign_in(&asked).await {
            Ok(passed) => {
                context.passed(&passed);
                return onward(&mut context, &passed.standing).await;
            }
            Err(error) if error.error == Why::Unavailable => page.problem = Some(Problem::Unavailable),
            Err(error) => {
                page.with_code |= matches!(error.error, Why::Blocked | Why::Wait);
                page.problem = Some(match context.problem(&error)? {
                    Problem::Wait(until) => Problem::WaitToSignIn(seconds(context.now(), until)),
                    problem => problem,
                });
            }
        }
    } else {
        page.address.truncate(page.address.floor_char_boundary(ADDRESS_BYTES_MAX));
    }
    let frame = context.frame(None);
    Ok(context.show_with(StatusCode::UNPROCESSABLE_ENTITY, page.render(&frame)))
}

/// How many seconds there are until then; not one, which is no plural.
pub(super) fn seconds(now: Timestamp, until: Timestamp) -> usize {
    usize::try_from(until.0.saturating_sub(now.0)).unwrap_or_default().max(2)
}

/// On from where somebody stands: to the second factor, to the set-up, or to where they were going.
pub(super) async fn onward(context: &mut Context, standing: &Standing) -> Answer {
    match standing.stage.as_str() {
        "factor" => {
            let Some(factor) = asked::first(standing).or_else(|| asked::only(standing)) else {
                return Ok(context.go(routes::SIGN_IN_FACTOR));
            };
            match challenge(context, &standing.account, Some(factor), Purpose::SignIn).await? {
                Ok(_) => Ok(context.go(routes::SIGN_IN_CODE)),
                Err(problem) => Ok(factor::choose(context, standing, Some(problem))),
            }
        }
        "set-up" => Ok(context.go(routes::SET_UP)),
        // It may wait, and is asked for each time until it is done.
        _ if !standing.two_factor && standing.mandatory.is_some() => Ok(context.go(routes::SET_UP)),
        _ => {
            let next = context.take_next();
            Ok(context.go(&next))
        }
    }
}

async fn sign_out(mut context: Context) -> Answer {
    if context.has_session() {
        match context.delete::<Nothing>(target(&["session"])).await {
            Ok(Nothing {}) => {}
            Err(error) if error.error == Why::Over => {}
            // It would go on without its owner.
            Err(error) => return Err(context.stop(&error)),
        }
    }
    context.forget_session();
    context.say(&Said::SignedOut);
    Ok(context.go(routes::SIGN_IN))
}
