//! `sidegate explain`: the story of an address or an account, and what to tell whoever calls about it.
//!
//! Here the facts are fetched; [`story`] makes findings of them, [`words`] puts those into English or Chinese.

pub mod story;
pub mod words;

use std::time::Duration;

use super::Failure;
use super::ask::account_target;
use super::commands::Explain;
use super::output::Out;
use super::times::now;
use crate::api::client::{Client, ClientError, Target};
use crate::api::portal::AccountFactors;
use crate::api::{AccountView, BlockList, EventList, EventView, Owners, ROWS_MAX, SourceView};
use crate::config::Language;
use crate::gate::target;
use story::Facts;

/// How far back a story is told.
const TOLD: Duration = Duration::from_secs(7 * 24 * 3600);
/// Of an alias, the stories of so many accounts are told.
const OWNERS_TOLD: usize = 5;

/// `sidegate explain`
pub(super) fn explain(wanted: &Explain, client: &Client, out: &mut Out) -> Result<(), Failure> {
    let subject = wanted.subject.trim();
    let facts = match target::read(subject) {
        Ok(_) => of_address(subject, client)?,
        Err(_) => of_name(subject, client)?,
    };
    let story = story::tell(facts);
    if out.style.json {
        let value = serde_json::to_value(&story).map_err(|error| Failure::Said(error.to_string()))?;
        return out.value(&value);
    }
    let language = wanted.lang.unwrap_or_else(|| language_of(|name| std::env::var(name).ok()));
    let text = words::tell(&story, language, &out.style);
    out.text(&text)
}

fn of_address(address: &str, client: &Client) -> Result<Facts, Failure> {
    let source: SourceView = client.get(&Target::of(&["sources"]).with("address", address))?.read()?;
    let mut facts = events("address", address, client)?;
    // What concerns a network as a whole is told under its own name.
    let blocked = source.block.as_ref().map(|block| block.address.as_str());
    let mut told = vec![address];
    for network in std::iter::once(source.address.as_str()).chain(blocked) {
        if told.contains(&network) {
            continue;
        }
        told.push(network);
        let more = events("address", network, client)?;
        facts.events.extend(more.events);
        facts.cut |= more.cut;
    }
    facts.events.sort_by_key(|event| event.id);
    facts.events.dedup_by_key(|event| event.id);
    if address.contains('/') {
        facts.subject.clone_from(&source.address);
    }
    Ok(Facts { source: Some(source), ..facts })
}

/// An account, or an alias with the accounts that it belongs to.
fn of_name(name: &str, client: &Client) -> Result<Facts, Failure> {
    let facts = of_account(name, client)?;
    if facts.account.is_some() {
        return Ok(facts);
    }
    // What cannot be an address is nobody's.
    let asked = client.get(&Target::of(&["owners"]).with("address", name));
    let alias_of = match asked {
        Err(ClientError::Refused { status: 400, .. }) => Vec::new(),
        asked => asked?.read::<Owners>()?.owners,
    };
    let told = alias_of.iter().take(OWNERS_TOLD);
    let owners = told.map(|owner| of_account(owner, client)).collect::<Result<_, _>>()?;
    Ok(Facts { alias_of, owners, ..facts })
}

fn of_account(name: &str, client: &Client) -> Result<Facts, Failure> {
    let target = account_target(name);
    let account: Option<AccountView> = known(client.get(&target))?.map(|answer| answer.read()).transpose()?;
    let limits = known(client.get(&Target::of(&["accounts", name, "limits"])))?;
    let blocks: BlockList = client.get(&Target::of(&["blocks"]))?.read()?;
    let limits = limits.map(|answer| answer.read()).transpose()?;
    let factors = known(client.get(&Target::of(&["accounts", name, "factors"])))?;
    let factors: Option<AccountFactors> = factors.map(|answer| answer.read()).transpose()?;
    let factors_lost = factors.map_or(0, |factors| factors.lost.len());
    Ok(Facts { account, limits, factors_lost, blocks: blocks.blocks, ..events("account", name, client)? })
}

/// The events of the last days.
fn events(by: &str, subject: &str, client: &Client) -> Result<Facts, Failure> {
    let since = now().minus(TOLD);
    let target = Target::of(&["events"]).with(by, subject).with("since", since.0).with("limit", ROWS_MAX);
    let events: Vec<EventView> = client.get(&target)?.read::<EventList>()?.events;
    let cut = u32::try_from(events.len()).is_ok_and(|count| count >= ROWS_MAX);
    Ok(Facts {
        subject: subject.to_owned(),
        since,
        cut,
        events,
        source: None,
        account: None,
        limits: None,
        factors_lost: 0,
        blocks: Vec::new(),
        alias_of: Vec::new(),
        owners: Vec::new(),
    })
}

/// An answer, or none where there is no such thing.
fn known<T>(answer: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match answer {
        Err(ClientError::Refused { status: 404, .. }) => Ok(None),
        answer => answer.map(Some),
    }
}

/// The language that the environment asks for.
fn language_of(variable: impl Fn(&str) -> Option<String>) -> Language {
    let set =
        ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(variable).find(|value| !value.is_empty());
    if set.is_some_and(|value| value.starts_with("zh")) { Language::ZhCn } else { Language::En }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_chooses_the_language() {
        let of = |pairs: &[(&str, &str)]| {
            language_of(|name| {
                pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into())
            })
        };
        assert_eq!(of(&[("LANG", "zh_CN.UTF-8")]), Language::ZhCn);
        assert_eq!(of(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C")]), Language::En);
        assert_eq!(of(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "")]), Language::ZhCn);
        assert_eq!(of(&[]), Language::En);
    }
}
