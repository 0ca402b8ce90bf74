//! The administrator's pages: what the session of an account in `portal.administrators` may see and do.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;

use super::views::order_refused;
use super::{Answer, By, Refusal, query, read};
use crate::api::portal::{AccountFactors, CountView, HourView, Overview, Reset, Why};
use crate::api::server::accounts::{self, Page};
use crate::api::server::rollout::{self, Wanted};
use crate::api::server::{Api, ApiError, Body, Params, blocks, people_admin};
use crate::api::{AccountList, AccountView, BlockList, Nothing, ResetAnswer, RolloutList, Unlocked};
use crate::gate::address::parse_address;
use crate::gate::order::{Actor, Order, OrderRefused};
use crate::gate::reset::ResetReason;
use crate::gate::session::Act;
use crate::service::OrderError;

/// Hours that are shown where nobody says how many, and the most.
const HOURS_DEFAULT: u32 = 48;
const HOURS_MAX: u32 = 168;

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/portal/admin/overview", get(overview))
        .route("/v1/portal/admin/blocks", get(all_blocks).delete(lift))
        .route("/v1/portal/admin/accounts", get(list))
        .route("/v1/portal/admin/accounts/{address}", get(show))
        .route("/v1/portal/admin/accounts/{address}/factors", get(factors))
        .route("/v1/portal/admin/accounts/{address}/reset", post(reset))
        .route("/v1/portal/admin/accounts/{address}/unlock", post(unlock))
        .route("/v1/portal/admin/accounts/{address}/sign-out", post(sign_out))
        .route("/v1/portal/admin/rollout", get(roll_out))
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        let why = match error.status {
            StatusCode::NOT_FOUND => Why::NotFound,
            StatusCode::FORBIDDEN => Why::Forbidden,
            StatusCode::SERVICE_UNAVAILABLE => Why::Unavailable,
            _ => Why::BadRequest,
        };
        Self::new(why, error.message)
    }
}

impl Api {
    /// An administrator whose session may see what only administrators see.
    async fn oversees(&self, by: &By) -> Result<(), Refusal> {
        self.service.owner(&by.0, Act::Oversee).await?;
        Ok(())
    }

    /// An administrator whose session may change something: asked again when that is carried out.
    async fn administrator(&self, by: &By) -> Result<Actor, Refusal> {
        let owner = self.service.owner(&by.0, Act::Administer).await?;
        Ok(by.0.actor(&owner.account.name, Act::Administer))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Span {
    hours: Option<u32>,
}

async fn overview(State(api): State<Api>, by: By, span: Params<Span>) -> Answer<Overview> {
    api.oversees(&by).await?;
    let hours = query(span)?.hours.unwrap_or(HOURS_DEFAULT).clamp(1, HOURS_MAX);
    let found = api.service.overview(hours).await.map_err(ApiError::from)?;
    let count = |(name, failures): (String, u32)| CountView { name, failures, blocked: None, block: None };
    let address = |(name, failures): (String, u32)| {
        let rules = api.service.rules();
        let address = parse_address(&name).filter(|address| !rules.exempts(*address));
        let source = address.map(|address| api.service.source(address));
        let held = source.and_then(|source| Some((source.block?.until, source.holder.to_string())));
        let (blocked, block) = held.unzip();
        CountView { name, failures, blocked, block }
    };
    Ok(Json(Overview {
        hours: found
            .hours
            .iter()
            .map(|hour| HourView { at: hour.at, failures: hour.failures, blocks: hour.blocks })
            .collect(),
        addresses: found.addresses.into_iter().map(address).collect(),
        accounts: found.accounts.into_iter().map(count).collect(),
        blocks: u32::try_from(api.service.blocks().len()).unwrap_or(u32::MAX),
    }))
}

async fn all_blocks(State(api): State<Api>, by: By) -> Answer<BlockList> {
    api.oversees(&by).await?;
    Ok(blocks::list(State(api)).await?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lifted {
    address: String,
}

async fn lift(State(api): State<Api>, by: By, which: Params<Lifted>) -> Answer<Nothing> {
    let actor = api.administrator(&by).await?;
    let address = blocks::read(&query(which)?.address)?;
    ordered(api.service.lift_block(address, actor).await)?;
    Ok(Json(Nothing {}))
}

async fn list(State(api): State<Api>, by: By, page: Params<Page>) -> Answer<AccountList> {
    api.oversees(&by).await?;
    Ok(accounts::list(State(api), page).await?)
}

async fn show(State(api): State<Api>, by: By, address: Path<String>) -> Answer<AccountView> {
    api.oversees(&by).await?;
    Ok(accounts::show(State(api), address).await?)
}

async fn factors(State(api): State<Api>, by: By, address: Path<String>) -> Answer<AccountFactors> {
    api.oversees(&by).await?;
    Ok(people_admin::factors(State(api), address).await?)
}

/// Two-factor stays on: the owner's next sign-in leads to setting it up.
async fn reset(
    State(api): State<Api>,
    by: By,
    Path(address): Path<String>,
    body: Body<Reset>,
) -> Answer<ResetAnswer> {
    let actor = api.administrator(&by).await?;
    let Reset { reason } = read(body)?;
    let reason =
        ResetReason::parse(&reason).map_err(|error| Refusal::new(Why::NoReason, error.to_string()))?;
    let account = api.name(&address)?;
    let made = api.service.reset_factors(account, reason, false, actor).await;
    Ok(Json(people_admin::reset_answer(ordered(made)?)))
}

async fn unlock(State(api): State<Api>, by: By, Path(address): Path<String>) -> Answer<Unlocked> {
    let actor = api.administrator(&by).await?;
    let failures = ordered(api.service.unlock_factors(api.name(&address)?, actor).await)?;
    Ok(Json(Unlocked { failures }))
}

async fn sign_out(State(api): State<Api>, by: By, Path(address): Path<String>) -> Answer<Nothing> {
    let actor = api.administrator(&by).await?;
    ordered(api.service.carry_out(Order::EndSessions(api.name(&address)?), actor).await)?;
    Ok(Json(Nothing {}))
}

/// What came of an order. Whose session allows it no more, while it was carried out, proves again who it is.
fn ordered<T>(done: Result<T, OrderError>) -> Result<T, Refusal> {
    done.map_err(|error| match error {
        denied @ OrderError::Refused(OrderRefused::Denied(_)) => order_refused(denied),
        other => ApiError::from(other).into(),
    })
}

async fn roll_out(State(api): State<Api>, by: By, wanted: Params<Wanted>) -> Answer<RolloutList> {
    api.oversees(&by).await?;
    Ok(rollout::list(State(api), wanted).await?)
}
