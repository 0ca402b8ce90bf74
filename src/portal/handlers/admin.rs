//! The administrator's overview and the list of blocks. Whether somebody is an administrator is decided by the daemon at
//! every question; a page of ours never is the only lock.

use std::sync::Arc;

use axum::Router;
use axum::extract::RawQuery;
use axum::routing::get;

use super::value;
use crate::api::portal::{CountView, HourView, Overview, Standing};
use crate::api::{BlockList, BlockView, Nothing};
use crate::portal::control::target;
use crate::portal::pages::admin::{Admin, AdminBlocks, BlockLine, Count, PERIODS};
use crate::portal::pages::chart::Span;
use crate::portal::pages::error::Trouble;
use crate::portal::pages::reason::Reason;
use crate::portal::pages::{Said, routes};
use crate::portal::server::{Answer, Context, Form, Shared, Stop};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(routes::ADMIN, get(overview).post(lift_here))
        .route(routes::ADMIN_BLOCKS, get(blocks).post(lift))
}

/// The owner, if the administrator's pages are for him.
pub(super) async fn administrator(context: &mut Context) -> Result<Standing, Stop> {
    let standing = context.owner().await?;
    if standing.administrator { Ok(standing) } else { Err(context.trouble(Trouble::Forbidden).into()) }
}

async fn overview(mut context: Context, RawQuery(query): RawQuery) -> Answer {
    let standing = administrator(&mut context).await?;
    let hours = value(query.as_deref(), "hours").and_then(|hours| hours.parse().ok());
    let hours = hours.filter(|hours| PERIODS.contains(hours)).unwrap_or(PERIODS[0]);
    let asked = target(&["admin", "overview"]).with("hours", hours);
    let found: Overview = match context.get(asked).await {
        Ok(found) => found,
        Err(error) => return Err(context.stop(&error)),
    };
    let span = |HourView { at, failures, blocks }| Span { at, failures, blocks };
    let address = |CountView { name, failures, blocked, block }| Count {
        place: context.place(Some(&name)),
        name,
        failures,
        blocked: blocked.zip(block),
    };
    let account =
        |CountView { name, failures, .. }| Count { name, place: String::new(), failures, blocked: None };
    let page = Admin {
        hours,
        spans: found.hours.into_iter().map(span).collect(),
        addresses: found.addresses.into_iter().map(address).collect(),
        accounts: found.accounts.into_iter().map(account).collect(),
        blocks: usize::try_from(found.blocks).unwrap_or(usize::MAX),
    };
    let frame = context.frame(Some(&standing));
    Ok(context.show(page.render(&frame)))
}

async fn blocks(mut context: Context) -> Answer {
    let standing = administrator(&mut context).await?;
    let found: BlockList = match context.get(target(&["admin", "blocks"])).await {
        Ok(found) => found,
        Err(error) => return Err(context.stop(&error)),
    };
    let line = |block: BlockView| BlockLine {
        place: context.place(Some(&block.address)),
        reason: Reason::of(&block),
        address: block.address,
        since: block.since,
        until: block.until,
        exempt: block.exempt,
    };
    let page = AdminBlocks { blocks: found.blocks.into_iter().map(line).collect() };
    let frame = context.frame(Some(&standing));
    Ok(context.show(page.render(&frame)))
}

async fn lift(context: Context, form: Form) -> Answer {
    lift_and_go(context, &form, routes::ADMIN_BLOCKS).await
}

/// From the addresses with the most failures.
async fn lift_here(context: Context, form: Form) -> Answer {
    lift_and_go(context, &form, routes::ADMIN).await
}

async fn lift_and_go(mut context: Context, form: &Form, back: &str) -> Answer {
    administrator(&mut context).await?;
    let address = form.trimmed("address").to_owned();
    let asked = target(&["admin", "blocks"]).with("address", &address);
    match context.delete::<Nothing>(asked).await {
        Ok(Nothing {}) => {
            context.say(&Said::BlockLifted(address));
            Ok(context.go(back))
        }
        Err(error) => Err(context.stop(&error)),
    }
}
