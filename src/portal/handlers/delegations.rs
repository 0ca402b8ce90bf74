//! Delegations: who else may use the mailbox.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};

use crate::api::Nothing;
use crate::api::portal::{Grant, Granted, OwnDelegation, OwnDelegations, Standing};
use crate::gate::delegation::Right;
use crate::gate::name::ACCOUNT_NAME_BYTES_MAX;
use crate::portal::control::target;
use crate::portal::deliver::tell;
use crate::portal::pages::delegations::{Delegation, Delegations, Effects, right as in_words};
use crate::portal::pages::error::Trouble;
use crate::portal::pages::problem::Problem;
use crate::portal::pages::{Said, routes};
use crate::portal::send::mail::Change;
use crate::portal::server::{Answer, Context, Form, Shared};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(routes::DELEGATIONS, get(list).post(grant))
        .route(routes::DELEGATIONS_WITHDRAW, post(withdraw))
}

/// A form that came back: who, what, and why.
struct Typed {
    delegate: String,
    right: Right,
    problem: Problem,
}

async fn list(mut context: Context) -> Answer {
    let standing = context.owner().await?;
    show(&mut context, &standing, None).await
}

async fn show(context: &mut Context, standing: &Standing, typed: Option<Typed>) -> Answer {
    let found: OwnDelegations = match context.get(target(&["delegations"])).await {
        Ok(found) => found,
        Err(error) => return Err(context.stop(&error)),
    };
    let status = if typed.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let (delegate, right, problem) = match typed {
        None => (String::new(), Right::Read, None),
        Some(Typed { delegate, right, problem }) => (delegate, right, Some(problem)),
    };
    let page = Delegations {
        granted: found.granted.into_iter().filter_map(delegation).collect(),
        received: found.received.into_iter().filter_map(delegation).collect(),
        effects: Effects { shown: found.shown, marked: found.marked },
        delegate,
        right,
        problem,
    };
    let frame = context.frame(Some(standing));
    Ok(context.show_with(status, page.render(&frame)))
}

/// A right that this portal does not know is not shown as another.
pub(super) fn delegation(one: OwnDelegation) -> Option<Delegation> {
    let OwnDelegation { other, right, since, place } = one;
    Some(Delegation { other, right: Right::from_word(&right)?, since, place })
}

async fn grant(mut context: Context, form: Form) -> Answer {
    let standing = context.owner().await?;
    let Some(right) = Right::from_word(form.get("right")) else {
        return Ok(context.trouble(Trouble::Form));
    };
    let delegate = form.trimmed("delegate").to_owned();
    if delegate.is_empty() || delegate.len() > ACCOUNT_NAME_BYTES_MAX {
        let delegate = String::new();
        let typed = Typed { delegate, right, problem: Problem::AddressUnreadable };
        return show(&mut context, &standing, Some(typed)).await;
    }
    let wanted = Grant { delegate: delegate.clone(), right: right.word().to_owned() };
    match context.post::<Granted>(target(&["delegations"]), &wanted).await {
        Ok(Granted { delegation, tell: to }) => {
            let frame = context.frame(Some(&standing));
            let what =
                frame.t2("factor-and-name", "kind", in_words(right, &frame), "name", &delegation.other);
            tell(&context, &to, &standing.account, Change::Granted, what);
            context.say(&Said::Granted(delegation.other));
            Ok(context.go(routes::DELEGATIONS))
        }
        Err(error) => {
            let problem = match context.problem(&error)? {
                Problem::Wait(until) => Problem::NamedTooMany(until),
                problem => problem,
            };
            show(&mut context, &standing, Some(Typed { delegate, right, problem })).await
        }
    }
}

async fn withdraw(mut context: Context, form: Form) -> Answer {
    context.owner().await?;
    let delegate = form.trimmed("delegate").to_owned();
    match context.delete::<Nothing>(target(&["delegations"]).with("delegate", &delegate)).await {
        Ok(Nothing {}) => {
            context.say(&Said::Withdrawn(delegate));
            Ok(context.go(routes::DELEGATIONS))
        }
        Err(error) => Err(context.stop(&error)),
    }
}
