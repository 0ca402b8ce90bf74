//! The second factors: the list, removing one, recovery codes.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::get;

use super::asked;
use crate::api::portal::{Passed, RecoveryCodes, Standing};
use crate::portal::control::target;
use crate::portal::deliver::tell;
use crate::portal::pages::error::Trouble;
use crate::portal::pages::factors::{
    Factor, Factors, Kind, NewRecoveryCodes, RecoveryCodes as RecoveryPage, RemoveFactor,
};
use crate::portal::pages::problem::Problem;
use crate::portal::pages::proof::Choice;
use crate::portal::pages::{Said, routes};
use crate::portal::send::mail::Change;
use crate::portal::server::{Answer, Context, Shared, Stop};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(routes::FACTORS, get(page))
        .route("/factors/{id}/remove", get(ask_to_remove).post(remove))
        .route(routes::RECOVERY_CODES, get(recovery_codes).post(new_recovery_codes))
}

async fn page(mut context: Context) -> Answer {
    let standing = context.owner().await?;
    list(&mut context, &standing, None)
}

/// The list, perhaps with a reason why somebody is led to it.
pub(super) fn list(context: &mut Context, standing: &Standing, problem: Option<Problem>) -> Answer {
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let factor = |view| {
        let choice = asked::choice(view)?;
        Some(Factor { choice, since: view.created, last_use: view.last_use })
    };
    let page = Factors {
        factors: standing.factors.iter().filter_map(factor).collect(),
        kinds: standing.kinds.iter().filter_map(|kind| Kind::from_word(kind)).collect(),
        recovery_codes: standing.recovery_codes.and_then(|left| usize::try_from(left).ok()),
        two_factor: standing.two_factor,
        problem,
    };
    let frame = context.frame(Some(standing));
    Ok(context.show_with(status, page.render(&frame)))
}

/// The owner, and the factor that the path names.
pub(super) async fn named(context: &mut Context, id: &str) -> Result<(Standing, i64, Choice), Stop> {
    let standing = context.owner().await?;
    let found = id.parse().ok().and_then(|id| Some((id, asked::factor(&standing, id)?)));
    match found {
        Some((id, factor)) => Ok((standing, id, factor)),
        None => Err(context.trouble(Trouble::NotFound).into()),
    }
}

async fn ask_to_remove(mut context: Context, Path(id): Path<String>) -> Answer {
    let (standing, _, factor) = named(&mut context, &id).await?;
    removing(&mut context, &standing, factor, None)
}

fn removing(context: &mut Context, standing: &Standing, factor: Choice, problem: Option<Problem>) -> Answer {
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let only = standing.two_factor && standing.factors.len() == 1;
    let page = RemoveFactor { factor, only, problem };
    let frame = context.frame(Some(standing));
    Ok(context.show_with(status, page.render(&frame)))
}

async fn remove(mut context: Context, Path(id): Path<String>) -> Answer {
    let (standing, id, factor) = named(&mut context, &id).await?;
    match context.delete::<Passed>(target(&["factors"]).with("id", id)).await {
        Ok(passed) => {
            context.passed(&passed);
            let frame = context.frame(Some(&passed.standing));
            tell(&context, &passed.tell, &standing.account, Change::Removed, factor.text(&frame));
            context.say(&Said::FactorRemoved(factor.text(&frame)));
            Ok(context.go(routes::FACTORS))
        }
        Err(error) => {
            let problem = context.problem(&error)?;
            removing(&mut context, &standing, factor, Some(problem))
        }
    }
}

async fn recovery_codes(mut context: Context) -> Answer {
    let standing = context.owner().await?;
    if standing.factors.is_empty() {
        return list(&mut context, &standing, Some(Problem::NoFactors));
    }
    let left = standing.recovery_codes.and_then(|left| usize::try_from(left).ok());
    let page = RecoveryPage { left, made: standing.recovery_made };
    let frame = context.frame(Some(&standing));
    Ok(context.show(page.render(&frame)))
}

/// Shown by the answer to the form and by nothing else.
async fn new_recovery_codes(mut context: Context) -> Answer {
    let standing = context.owner().await?;
    match context.post::<RecoveryCodes>(target(&["recovery-codes"]), &()).await {
        Ok(made) => {
            let codes = made.codes.iter().map(|code| code.reveal().to_owned()).collect();
            let page = NewRecoveryCodes { codes, made: made.made };
            let frame = context.frame(Some(&standing));
            Ok(context.show(page.render(&frame)))
        }
        Err(error) => {
            let problem = context.problem(&error)?;
            list(&mut context, &standing, Some(problem))
        }
    }
}
