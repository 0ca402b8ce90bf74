//! The administrator's pages: what the session of an account in `portal.administrators` may see and do.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;

use super::{Answer, By, Refusal, query, read};
use crate::api::portal::{AccountFactors, CountView, HourView, Overview, Reset, Why};
use crate::api::server::accounts::{self, Page};
use crate::api::server::rollout::{self, Wanted};
use crate::api::server::{Api, ApiError, Body, Params, blocks, people_admin};
use crate::api::{AccountList, AccountView, BlockList, Nothing, RolloutList};
use crate::gate::order::Order;
use crate::gate::reset::ResetReason;
use crate::gate::session::Act;

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
    /// The name of the administrator whose session allows `act`.
    async fn administrator(&self, by: &By, act: Act) -> Result<String, Refusal> {
        Ok(self.service.administrator(&by.0, act).await?.account.name.to_string())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Span {
    hours: Option<u32>,
}

async fn overview(State(api): State<Api>, by: By, span: Params<Span>) -> Answer<Overview> {
    api.administrator(&by, Act::Look).await?;
    let hours = query(span)?.hours.unwrap_or(HOURS_DEFAULT).clamp(1, HOURS_MAX);
    let found = api.service.overview(hours).await.map_err(ApiError::from)?;
    let count = |(name, failures): (String, u32)| CountView { name, failures };
    Ok(Json(Overview {
        hours: found
            .hours
            .iter()
            .map(|hour| HourView { at: hour.at, failures: hour.failures, blocks: hour.blocks })
            .collect(),
        addresses: found.addresses.into_iter().map(count).collect(),
        accounts: found.accounts.into_iter().map(count).collect(),
        blocks: u32::try_from(api.service.blocks().len()).unwrap_or(u32::MAX),
    }))
}

async fn all_blocks(State(api): State<Api>, by: By) -> Answer<BlockList> {
    api.administrator(&by, Act::Look).await?;
    Ok(blocks::list(State(api)).await?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lifted {
    address: String,
}

async fn lift(State(api): State<Api>, by: By, which: Params<Lifted>) -> Answer<Nothing> {
    let actor = api.administrator(&by, Act::Change).await?;
    let address = blocks::read(&query(which)?.address)?;
    api.service.lift_block(address, &actor).await.map_err(ApiError::from)?;
    Ok(Json(Nothing {}))
}

async fn list(State(api): State<Api>, by: By, page: Params<Page>) -> Answer<AccountList> {
    api.administrator(&by, Act::Look).await?;
    Ok(accounts::list(State(api), page).await?)
}

async fn show(State(api): State<Api>, by: By, address: Path<String>) -> Answer<AccountView> {
    api.administrator(&by, Act::Look).await?;
    Ok(accounts::show(State(api), address).await?)
}

async fn factors(State(api): State<Api>, by: By, address: Path<String>) -> Answer<AccountFactors> {
    api.administrator(&by, Act::Look).await?;
    Ok(people_admin::factors(State(api), address).await?)
}

/// Two-factor stays on: the owner's next sign-in leads to setting it up.
async fn reset(
    State(api): State<Api>,
    by: By,
    Path(address): Path<String>,
    body: Body<Reset>,
) -> Answer<Nothing> {
    let actor = api.administrator(&by, Act::Change).await?;
    let Reset { reason } = read(body)?;
    let reason =
        ResetReason::parse(&reason).map_err(|error| Refusal::new(Why::NoReason, error.to_string()))?;
    let account = api.name(&address)?;
    let order = Order::ResetFactors { account, reason, two_factor_off: false };
    api.service.carry_out(order, &actor).await.map_err(ApiError::from)?;
    Ok(Json(Nothing {}))
}

async fn roll_out(State(api): State<Api>, by: By, wanted: Params<Wanted>) -> Answer<RolloutList> {
    api.administrator(&by, Act::Look).await?;
    Ok(rollout::list(State(api), wanted).await?)
}
