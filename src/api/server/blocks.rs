//! Blocks: list, make, lift; and what is known of one source.

use std::net::IpAddr;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::{Answer, Api, ApiError, Body, By, Params};
use crate::api::{BlockList, BlockView, NewBlock, Nothing, SourceView};
use crate::gate::address::{Key, parse_address};
use crate::gate::record::Block;

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
    let address = parse(&address)?;
    let seconds = seconds.map(|seconds| Duration::from_secs(seconds.into()));
    let lasts = seconds.unwrap_or(api.service.rules().lockout.block_for);
    if lasts.is_zero() || lasts > Duration::from_secs(SECONDS_MAX.into()) {
        return Err(ApiError::bad("a block lasts between a second and ten years"));
    }
    let reason = reason.unwrap_or_else(|| "by an administrator".to_owned());
    if reason.chars().count() > REASON_CHARS_MAX || reason.chars().any(char::is_control) {
        return Err(ApiError::bad(format!("a reason is one line of at most {REASON_CHARS_MAX} characters")));
    }
    let now = api.service.now();
    let block = Block { since: now, until: now.plus(lasts), reason };
    let key = api.service.add_block(address, block.clone(), &by.0.0).await?;
    let exempt = api.service.rules().exempts_key(&key);
    Ok(Json(view(&key, block, exempt)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Meant {
    address: String,
}

pub(super) async fn lift(State(api): State<Api>, by: By, lift: Params<Meant>) -> Answer<Nothing> {
    api.service.lift_block(parse(&lift?.0.address)?, &by.0.0).await?;
    Ok(Json(Nothing {}))
}

pub(super) async fn source(State(api): State<Api>, meant: Params<Meant>) -> Answer<SourceView> {
    let address = parse(&meant?.0.address)?;
    let (rules, source) = (api.service.rules(), api.service.source(address));
    let exempt = rules.exempts(address);
    Ok(Json(SourceView {
        address: source.key.to_string(),
        block: source.block.map(|block| view(&source.key, block, exempt)),
        failures: source.failures,
        failures_max: rules.lockout.failures,
        exempt,
        trusted: rules.policy.trusts(address),
    }))
}

/// An address, or a network as `block list` shows it: then its first address stands for it.
pub(super) fn parse(text: &str) -> Result<IpAddr, ApiError> {
    let address = text.split_once('/').map_or(text, |(address, _)| address);
    parse_address(address.trim())
        .ok_or_else(|| ApiError::bad(format!("`{}` is no IP address", text.escape_debug())))
}

pub(super) fn view(key: &Key, block: Block, exempt: bool) -> BlockView {
    let Block { since, until, reason } = block;
    BlockView { address: key.to_string(), since, until, reason, exempt }
}
