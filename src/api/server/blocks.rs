//! Blocks: list, make, lift; and what is known of one source.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use ipnet::IpNet;
use serde::Deserialize;

use super::{Answer, Api, ApiError, Body, By, Params};
use crate::api::{BlockList, BlockView, LiftedView, NewBlock, SourceView, StreakView};
use crate::gate::address::Key;
use crate::gate::record::{BY_HAND, Block};
use crate::gate::target::{self, NoTarget, Target};
use crate::service::Lifted;

/// The longest block, in seconds: ten years.
const SECONDS_MAX: u32 = 10 * 366 * 86_400;
/// The longest reason, in characters.
const REASON_CHARS_MAX: usize = 200;

pub(super) async fn list(State(api): State<Api>) -> Answer<BlockList> {
    let blocks = api.service.blocks().into_iter();
    let blocks = blocks.map(|(key, block, exempt)| view(&key, block, exempt)).collect();
    Ok(Json(BlockList { blocks }))
}

pub(super) async fn add(State(api): State<Api>, by: By, body: Body<NewBlock>) -> Answer<BlockView> {
    let NewBlock { address, seconds, reason } = body?.0;
    let network = read(&address)?;
    let seconds = seconds.map(|seconds| Duration::from_secs(seconds.into()));
    let lasts = seconds.unwrap_or(api.service.rules().lockout.block_for);
    if lasts.is_zero() || lasts > Duration::from_secs(SECONDS_MAX.into()) {
        return Err(ApiError::bad("a block lasts between a second and ten years"));
    }
    let reason = reason.unwrap_or_else(|| BY_HAND.to_owned());
    if reason.chars().count() > REASON_CHARS_MAX || reason.chars().any(char::is_control) {
        return Err(ApiError::bad(format!("a reason is one line of at most {REASON_CHARS_MAX} characters")));
    }
    let now = api.service.now();
    let block = Block::by_hand(now, now.plus(lasts), reason);
    let key = api.service.add_block(network, block.clone(), &by.0.0).await?;
    let exempt = api.service.rules().exempts_key(&key);
    Ok(Json(view(&key, block, exempt)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Meant {
    address: String,
}

pub(super) async fn lift(State(api): State<Api>, by: By, lift: Params<Meant>) -> Answer<LiftedView> {
    let Lifted { key, still } = api.service.lift_block(read(&lift?.0.address)?, &by.0.0).await?;
    let exempts = |network: &Key| api.service.rules().exempts_key(network);
    let still = still.map(|(network, block)| view(&network, block, exempts(&network)));
    Ok(Json(LiftedView { address: key.to_string(), still }))
}

pub(super) async fn source(State(api): State<Api>, meant: Params<Meant>) -> Answer<SourceView> {
    let rules = api.service.rules();
    let target = Target::of(read(&meant?.0.address)?, &rules.prefixes).map_err(unusable)?;
    let (address, source) = (target.address, api.service.known_of(&target));
    let exempt =
        rules.exempts(address) && (!target.is_network(&rules.prefixes) || rules.exempts_key(&target.key));
    Ok(Json(SourceView {
        address: source.key.to_string(),
        block: source.block.map(|block| view(&source.holder, block, exempt)),
        failures: source.failures,
        failures_max: rules.lockout.failures,
        exempt,
        trusted: rules.policy.trusts(address),
    }))
}

/// An address, or a network as `block list` shows it.
pub(super) fn read(text: &str) -> Result<IpNet, ApiError> {
    target::read(text).map_err(unusable)
}

fn unusable(error: NoTarget) -> ApiError {
    ApiError::bad(error.to_string())
}

pub(super) fn view(key: &Key, block: Block, exempt: bool) -> BlockView {
    let Block { since, until, reason, streak } = block;
    let streak = streak.map(|streak| StreakView::from(*streak));
    BlockView { address: key.to_string(), since, until, reason, exempt, streak }
}
