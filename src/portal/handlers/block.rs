//! Whether an address is blocked: anybody may see that of his own, and its owner may lift what keeps his devices out.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

use crate::api::portal::{OwnBlocks, Standing, Why};
use crate::api::{BlockView, Nothing};
use crate::portal::control::target;
use crate::portal::pages::block::{Block, OtherBlock};
use crate::portal::pages::problem::Problem;
use crate::portal::pages::{Said, routes};
use crate::portal::server::{Answer, Context, Form, Shared, Stop};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route(routes::BLOCK, get(page).post(lift))
}

async fn blocks(context: &mut Context) -> Result<OwnBlocks, Stop> {
    match context.get(target(&["block"])).await {
        Ok(blocks) => Ok(blocks),
        Err(error) => Err(context.stop(&error)),
    }
}

async fn page(mut context: Context) -> Answer {
    let standing = context.anybody().await?;
    show(&mut context, standing.as_ref(), None).await
}

async fn show(context: &mut Context, standing: Option<&Standing>, problem: Option<Problem>) -> Answer {
    let found = blocks(context).await?;
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let other = |BlockView { address, since, until, .. }: BlockView| OtherBlock {
        place: context.place(Some(&address)),
        address,
        since,
        until,
    };
    let page = Block {
        address: found.address,
        until: found.until,
        network: found.network,
        others: found.others.into_iter().map(other).collect(),
        may_lift: standing.is_some_and(|standing| standing.stage == "full"),
        problem,
    };
    let frame = context.frame(standing);
    Ok(context.show_with(status, page.render(&frame)))
}

async fn lift(mut context: Context, form: Form) -> Answer {
    let standing = context.owner().await?;
    let address = match form.some("address") {
        Some(address) => address.to_owned(),
        None => blocks(&mut context).await?.address.unwrap_or_default(),
    };
    let mut target = target(&["block"]);
    if form.some("address").is_some() {
        target = target.with("address", &address);
    }
    match context.delete::<Nothing>(target).await {
        Ok(Nothing {}) => {
            context.say(&Said::BlockLifted(address));
            Ok(context.go(routes::BLOCK))
        }
        // It ended meanwhile: the page says so.
        Err(error) if error.error == Why::NotFound => Ok(context.go(routes::BLOCK)),
        Err(error) => {
            let problem = match (error.error, error.until) {
                (Why::Wait, Some(until)) => Problem::LiftedTooOften(until),
                _ => context.problem(&error)?,
            };
            show(&mut context, Some(&standing), Some(problem)).await
        }
    }
}
