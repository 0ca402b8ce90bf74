//! Proving again that it is oneself, before a change; then on to where the change is made.

use std::sync::Arc;

use axum::Router;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::routing::get;

use super::asked::{self, answer, by_provider, challenge_of, judged, pending};
use super::sign_in::{PASSWORD_BYTES_MAX, seconds};
use super::{callback, factor, value};
use crate::api::portal::{NewChallenge, Passed, Pending, Proof, Standing};
use crate::portal::control::target;
use crate::portal::pages::confirm::{By, Confirm};
use crate::portal::pages::factors::Kind;
use crate::portal::pages::problem::Problem;
use crate::portal::pages::{Said, routes};
use crate::portal::send::mail::Purpose;
use crate::portal::server::{Answer, Context, Form, Shared};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route(routes::CONFIRM, get(ask).post(proved))
}

/// Where somebody is going, and the only factor that will do, if one is wanted.
#[derive(Clone, Debug, PartialEq)]
struct Goal {
    next: String,
    only: Option<i64>,
}

impl Goal {
    fn of(next: Option<&str>, only: Option<&str>) -> Self {
        let next = next.filter(|next| routes::shown(next)).unwrap_or(routes::HOME);
        Self { next: next.to_owned(), only: only.and_then(|only| only.parse().ok()) }
    }

    fn of_query(query: &str) -> Self {
        let query = Some(query);
        Self::of(value(query, "next").as_deref(), value(query, "factor").as_deref())
    }

    fn path(&self) -> String {
        routes::confirm(&self.next, self.only)
    }

    /// What a code is for that is sent on the way.
    fn purpose(&self) -> Purpose {
        let factors = [routes::FACTORS, routes::RECOVERY_CODES, routes::TWO_FACTOR];
        let at = |path: &&str| self.next.starts_with(*path);
        if factors.iter().any(at) { Purpose::Factors } else { Purpose::Change }
    }

    /// Whether this factor will do; a recovery code does unless one is wanted.
    fn takes(&self, factor: Option<i64>) -> bool {
        self.only.is_none() || self.only == factor
    }

    /// What the daemon is asked for it.
    fn challenge(&self, factor: Option<i64>) -> NewChallenge {
        NewChallenge { factor, alone: self.only.is_some() }
    }
}

async fn ask(mut context: Context, RawQuery(query): RawQuery) -> Answer {
    let goal = Goal::of_query(query.as_deref().unwrap_or_default());
    let standing = context.owner().await?;
    if standing.factors.is_empty() {
        return show(&mut context, &standing, &goal, By::Password, None);
    }
    // A passkey may have been asked for together with others, of which none will do.
    let asked_for_it = |pending: &Pending| goal.only.is_none() || pending.kind != Kind::Passkey.word();
    if let Some(pending) = waits(&mut context, &goal).await?.filter(asked_for_it) {
        return enter(&mut context, &standing, &goal, &pending, None);
    }
    // Where nothing is sent for it, it is asked for at once.
    let first = match goal.only {
        None => asked::first(&standing),
        Some(only) => standing.factors.iter().map(|factor| factor.id).find(|id| {
            *id == only && asked::factor(&standing, *id).is_some_and(|choice| !choice.kind.is_sent())
        }),
    };
    let Some(factor) = first else {
        return choose(&mut context, &standing, &goal.next, goal.only, None, StatusCode::OK);
    };
    let wanted = goal.challenge(Some(factor));
    match challenge_of(&mut context, &standing.account, wanted, goal.purpose()).await? {
        Ok(pending) => enter(&mut context, &standing, &goal, &pending, None),
        Err(problem) => choose(
            &mut context,
            &standing,
            &goal.next,
            goal.only,
            Some(problem),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
    }
}

/// What the session waits for, if it is what is wanted.
async fn waits(context: &mut Context, goal: &Goal) -> Result<Option<Pending>, crate::portal::server::Stop> {
    let now = context.now();
    let pending = pending(context).await?;
    Ok(pending.filter(|pending| !pending.binding && pending.ends > now && goal.takes(pending.factor)))
}

async fn proved(mut context: Context, form: Form) -> Answer {
    let goal = Goal::of(form.some("next"), form.some("only"));
    let standing = context.owner().await?;
    if standing.factors.is_empty() {
        return by_password(&mut context, &standing, &goal, &form).await;
    }
    let again = form.some("again");
    if let Some(factor) = again.or(form.some("by")).and_then(asked::chosen).filter(|id| goal.takes(*id)) {
        let wanted = goal.challenge(factor);
        return match challenge_of(&mut context, &standing.account, wanted, goal.purpose()).await? {
            Ok(pending) => {
                if let (Some(_), Some(to)) = (again, pending.sent_to) {
                    context.say(&Said::CodeSent(to));
                }
                Ok(context.go(&goal.path()))
            }
            Err(problem) => over(&mut context, &standing, &goal, problem),
        };
    }
    let Some(asked) = waits(&mut context, &goal).await? else {
        return over(&mut context, &standing, &goal, Problem::CodeEnded);
    };
    if by_provider(&asked) {
        context.keep_next(&goal.next);
        return callback::leave(&mut context, &asked);
    }
    let problem = match answer(&asked, &form) {
        Ok(proof) => match judged(&mut context, &asked, &proof).await? {
            Ok(_) => return Ok(context.go(&goal.next)),
            Err(problem) => problem,
        },
        Err(problem) => problem,
    };
    let again = goal.challenge(asked.factor);
    match factor::renewed(&mut context, &standing, asked, again).await? {
        Some(pending) => enter(&mut context, &standing, &goal, &pending, Some(problem)),
        None => over(&mut context, &standing, &goal, problem),
    }
}

/// Where no factor is bound, the main password is proved.
async fn by_password(context: &mut Context, standing: &Standing, goal: &Goal, form: &Form) -> Answer {
    let password = form.hidden("password");
    let problem = if (1..=PASSWORD_BYTES_MAX).contains(&password.reveal().len()) {
        let proof = Proof { password: Some(password), ..Proof::default() };
        match context.post::<Passed>(target(&["proof"]), &proof).await {
            Ok(passed) => {
                context.passed(&passed);
                return Ok(context.go(&goal.next));
            }
            Err(error) => match context.problem(&error)? {
                Problem::Wait(until) => Problem::WaitForPassword(seconds(context.now(), until)),
                problem => problem,
            },
        }
    } else {
        Problem::WrongPassword
    };
    show(context, standing, goal, By::Password, Some(problem))
}

fn enter(
    context: &mut Context,
    standing: &Standing,
    goal: &Goal,
    pending: &Pending,
    problem: Option<Problem>,
) -> Answer {
    match asked::proof(pending, standing) {
        Some(mut proof) => {
            proof.others.retain(|other| asked::chosen(&other.id).is_some_and(|id| goal.takes(id)));
            show(context, standing, goal, By::Proof(proof), problem)
        }
        None => over(context, standing, goal, problem.unwrap_or(Problem::CodeEnded)),
    }
}

fn over(context: &mut Context, standing: &Standing, goal: &Goal, problem: Problem) -> Answer {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    choose(context, standing, &goal.next, goal.only, Some(problem), status)
}

/// The page with all that will do.
pub(super) fn choose(
    context: &mut Context,
    standing: &Standing,
    next: &str,
    only: Option<i64>,
    problem: Option<Problem>,
    status: StatusCode,
) -> Answer {
    let goal = Goal { next: next.to_owned(), only };
    let choices = match only {
        Some(only) => asked::factor(standing, only).into_iter().collect(),
        None => asked::choices(standing),
    };
    let page = Confirm { next: goal.next.clone(), only, by: By::Choose(choices), problem };
    let mut frame = context.frame(Some(standing));
    frame.path = goal.path();
    Ok(context.show_with(status, page.render(&frame)))
}

fn show(context: &mut Context, standing: &Standing, goal: &Goal, by: By, problem: Option<Problem>) -> Answer {
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = Confirm { next: goal.next.clone(), only: goal.only, by, problem };
    let mut frame = context.frame(Some(standing));
    // A language chosen here leads back here, and on to the same page.
    frame.path = goal.path();
    Ok(context.show_with(status, page.render(&frame)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_goes_on_to_a_page_of_ours_only() {
        let goal = Goal::of_query("next=%2Ffactors%2F7%2Fremove&factor=7");
        assert_eq!(goal, Goal { next: "/factors/7/remove".into(), only: Some(7) });
        assert!(goal.takes(Some(7)) && !goal.takes(Some(8)) && !goal.takes(None));
        for wrong in ["", "next=//evil.example", "next=https://evil.example/", "next=/sign-out", "factor=x"] {
            assert_eq!(Goal::of_query(wrong), Goal { next: "/".into(), only: None }, "{wrong}");
        }
        assert!(Goal::of_query("").takes(None));
        assert_eq!(goal.purpose(), Purpose::Factors);
        assert_eq!(Goal::of_query("next=%2Fpasswords%2Fnew").purpose(), Purpose::Change);
    }
}
