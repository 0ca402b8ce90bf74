//! At sign-in: choosing a second factor, and proving it.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

use super::asked::{self, answer, by_provider, challenge, challenge_of, judged, pending};
use super::{callback, sign_in, two_factor};
use crate::api::portal::{NewChallenge, Pending, Standing};
use crate::portal::pages::factors::Kind;
use crate::portal::pages::problem::Problem;
use crate::portal::pages::sign_in::{ChooseFactor, EnterCode};
use crate::portal::pages::{Said, routes};
use crate::portal::send::mail::Purpose;
use crate::portal::server::{Answer, Context, Form, Shared, Stop};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(routes::SIGN_IN_FACTOR, get(choices).post(chosen))
        .route(routes::SIGN_IN_CODE, get(code).post(proved))
}

/// Whoever has yet to prove a factor; anybody else is led on.
async fn waiting(context: &mut Context) -> Result<Standing, Stop> {
    let standing = context.standing().await?;
    if standing.stage == "factor" {
        return Ok(standing);
    }
    match sign_in::onward(context, &standing).await {
        Ok(response) => Err(response.into()),
        Err(stop) => Err(stop),
    }
}

async fn choices(mut context: Context) -> Answer {
    let standing = waiting(&mut context).await?;
    Ok(choose(&mut context, &standing, None))
}

/// The page with all of them.
pub(super) fn choose(context: &mut Context, standing: &Standing, problem: Option<Problem>) -> Response {
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = ChooseFactor { account: standing.account.clone(), factors: asked::choices(standing), problem };
    let frame = context.frame(Some(standing));
    context.show_with(status, page.render(&frame))
}

async fn chosen(mut context: Context, form: Form) -> Answer {
    let standing = waiting(&mut context).await?;
    let again = form.some("again");
    let Some(factor) = again.or(form.some("factor")).and_then(asked::chosen) else {
        return Ok(context.go(routes::SIGN_IN_FACTOR));
    };
    match challenge(&mut context, &standing.account, factor, Purpose::SignIn).await? {
        Ok(pending) => {
            if let (Some(_), Some(to)) = (again, pending.sent_to) {
                context.say(&Said::CodeSent(to));
            }
            Ok(context.go(routes::SIGN_IN_CODE))
        }
        Err(problem) => Ok(choose(&mut context, &standing, Some(problem))),
    }
}

async fn code(mut context: Context) -> Answer {
    let standing = waiting(&mut context).await?;
    match pending(&mut context).await?.filter(|pending| !pending.binding) {
        Some(pending) => Ok(enter(&mut context, &standing, &pending, None)),
        None => Ok(context.go(routes::SIGN_IN_FACTOR)),
    }
}

/// The form for what the session waits for.
fn enter(
    context: &mut Context,
    standing: &Standing,
    pending: &Pending,
    problem: Option<Problem>,
) -> Response {
    let Some(proof) = asked::proof(pending, standing) else { return choose(context, standing, problem) };
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    // A recovery code ends trust, and makes none.
    let may_trust = proof.by.kind != Kind::Recovery;
    let trust_days = usize::try_from(standing.trust_days).ok().filter(|days| *days > 0 && may_trust);
    let page = EnterCode { account: standing.account.clone(), proof, trust_days, problem };
    let frame = context.frame(Some(standing));
    context.show_with(status, page.render(&frame))
}

async fn proved(mut context: Context, form: Form) -> Answer {
    let standing = waiting(&mut context).await?;
    let Some(asked) = pending(&mut context).await?.filter(|pending| !pending.binding) else {
        return Ok(choose(&mut context, &standing, Some(Problem::CodeEnded)));
    };
    let trust = form.is("trust", "yes");
    if by_provider(&asked) {
        context.keep_trust(trust);
        return callback::leave(&mut context, &asked);
    }
    let problem = match answer(&asked, &form) {
        Ok(mut proof) => {
            proof.trust = trust;
            match judged(&mut context, &asked, &proof).await? {
                Ok(passed) => return two_factor::entered(&mut context, &standing, &passed.standing).await,
                Err(problem) => problem,
            }
        }
        Err(problem) => problem,
    };
    again(&mut context, &standing, asked, problem).await
}

/// The form once more, as long as the session waits for it.
async fn again(context: &mut Context, standing: &Standing, asked: Pending, problem: Problem) -> Answer {
    let anew = NewChallenge { factor: asked.factor, alone: false };
    match renewed(context, standing, asked, anew).await? {
        Some(pending) => Ok(enter(context, standing, &pending, Some(problem))),
        None => Ok(choose(context, standing, Some(problem))),
    }
}

/// What the session waits for after an answer that was not right. A passkey is asked anew: its question is used up.
pub(super) async fn renewed(
    context: &mut Context,
    standing: &Standing,
    asked: Pending,
    again: NewChallenge,
) -> Result<Option<Pending>, Stop> {
    match pending(context).await?.filter(|pending| !pending.binding) {
        Some(pending) => Ok(Some(pending)),
        None if asked.kind == "passkey" => {
            // For a passkey nothing is sent, whatever it is for.
            Ok(challenge_of(context, &standing.account, again, Purpose::SignIn).await?.ok())
        }
        None => Ok(None),
    }
}
