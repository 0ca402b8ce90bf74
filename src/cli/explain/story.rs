//! The story of an address or an account: facts in, findings out. Pure; the words are in [`super::words`].

use std::collections::BTreeSet;

use serde::Serialize;

use crate::api::{AccountLimits, AccountView, BlockView, EventView, LimitInForce, SourceView};
use crate::clock::Timestamp;
use crate::gate::event::{Event, Kind, WOULD_DEFER, WOULD_REFUSE};
use crate::gate::limits::Limited;
use crate::gate::streak::IN_A_ROW;

/// So many accounts from one address are more than a household's.
const MANY: usize = 3;

/// What was fetched.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// What was asked about, as it is known.
    pub subject: String,
    /// The events are those from here on.
    pub since: Timestamp,
    /// There were more events than were fetched: the oldest are missing.
    pub cut: bool,
    /// Its events, oldest first.
    pub events: Vec<EventView>,
    /// For an address: what is known of it now.
    pub source: Option<SourceView>,
    /// For an account: the account, if there is one.
    pub account: Option<AccountView>,
    /// For an account: its sending limits.
    pub limits: Option<AccountLimits>,
    /// For an account: second factors that nobody can use, since their store key is lost.
    pub factors_lost: usize,
    /// For an account: all blocks there are.
    pub blocks: Vec<BlockView>,
    /// For an alias: the accounts that it belongs to.
    pub alias_of: Vec<String>,
    /// What was fetched about these, or about the first of many.
    pub owners: Vec<Facts>,
}

/// Alike events, counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// The account that was tried.
    pub account: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// Over which protocol.
    pub protocol: Option<String>,
    /// The stable word for why it was refused.
    pub reason: Option<String>,
    /// The name of the client password, or of the removed one.
    pub password: Option<String>,
    /// How often.
    pub count: u32,
    /// The first time.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
}

/// A sending limit at which nothing more goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// Which, such as `messages-per-hour`.
    pub limit: &'static str,
    /// The name of the client password that it holds for; absent: for the account.
    pub password: Option<String>,
    /// So many.
    pub at_most: Option<u32>,
    /// When one more goes; absent: never.
    pub opens: Option<Timestamp>,
}

/// What made logins fail, as far as events can tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Cause {
    /// A device goes on with a client password that was removed.
    Removed {
        /// Whose.
        account: String,
        /// Its name.
        password: String,
    },
    /// Many accounts are tried and none gets in.
    Guessing {
        /// How many.
        accounts: usize,
    },
    /// Many accounts fail and many get in: their users share the address.
    Shared {
        /// How many fail.
        accounts: usize,
    },
    /// One account fails again and again.
    Refused {
        /// The account.
        account: String,
        /// The stable word for why.
        reason: String,
        /// Over which protocol.
        protocol: String,
        /// The client password, where it is known.
        password: Option<String>,
    },
}

/// How it stands, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Situation {
    /// An administrator blocked the address.
    BlockedByHand,
    /// The address is blocked by its failures; or one of the account's addresses is.
    Blocked,
    /// There is no such account, and no alias.
    NoAccount,
    /// It is an alias: nobody logs in with it.
    Alias,
    /// The account is disabled.
    Disabled,
    /// The account has sent as much as it may.
    LimitReached,
    /// Logins fail, and none has succeeded since.
    Failing,
    /// The last logins were put off by trouble of our own.
    OurTrouble,
    /// Second factors of the account are under a store key that is lost.
    FactorsLost,
    /// The account has no client password.
    NoPasswords,
    /// Logins succeed.
    Well,
    /// Nobody tried.
    Silent,
}

/// The story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Story {
    /// What was asked about.
    pub subject: String,
    /// It is told from here on.
    pub since: Timestamp,
    /// The oldest events are missing.
    pub cut: bool,
    /// How it stands.
    pub situation: Situation,
    /// What made logins fail.
    pub cause: Option<Cause>,
    /// What is known of the address now.
    pub source: Option<SourceView>,
    /// Who blocked the address, if an administrator did.
    pub blocked_by: Option<String>,
    /// The failures that led to the block.
    pub led_to_block: Vec<Tally>,
    /// The account.
    pub account: Option<AccountView>,
    /// Blocks of addresses from which the account was tried.
    pub blocks: Vec<BlockView>,
    /// Sending limits that are reached.
    pub limits: Vec<Reached>,
    /// Second factors of the account that nobody can use, since their store key is lost.
    pub factors_lost: usize,
    /// Logins that were let in.
    pub accepted: Vec<Tally>,
    /// Logins that were refused, those of a blocked address aside.
    pub refused: Vec<Tally>,
    /// Removed client passwords that are still used.
    pub still_used: Vec<Tally>,
    /// Logins refused because the address was blocked.
    pub turned_away: u32,
    /// Logins put off by trouble of our own.
    pub deferred: u32,
    /// Messages, or steps on their way, that were not let through.
    pub not_sent: Vec<Tally>,
    /// Observe-only: logins and messages that were let through and would not have been.
    pub observed: Vec<Tally>,
    /// When the address was last reported as a proxy that nobody declared.
    pub proxy_suspected: Option<Timestamp>,
    /// The accounts that the alias belongs to.
    pub alias_of: Vec<String>,
    /// Their stories, or those of the first of many.
    pub owners: Vec<Story>,
}

/// Makes the story of the facts.
#[must_use]
pub fn tell(facts: Facts) -> Story {
    let events: Vec<&Event> = facts.events.iter().map(|view| &view.event).collect();
    let logins = |verdict: &'static str| {
        events.iter().copied().filter(move |event| event.kind == Kind::Login && is(&event.verdict, verdict))
    };
    let refused = tally(logins("refuse").filter(|event| !is(&event.reason, "blocked")));
    let accepted = tally(logins("accept"));
    let turned_away = logins("refuse").filter(|event| is(&event.reason, "blocked"));
    let block = facts.source.as_ref().and_then(|source| source.block.as_ref());
    let blocked_by = block.and_then(|block| who_blocked(block, &events));
    let led_to_block = match (&facts.source, block) {
        (Some(source), Some(block)) if blocked_by.is_none() => {
            last_failures(logins("refuse"), block.since, source.failures_max)
        }
        _ => Vec::new(),
    };
    let observed = |event: &&Event| is(&event.verdict, WOULD_REFUSE) || is(&event.verdict, WOULD_DEFER);
    let not_sent = events
        .iter()
        .copied()
        .filter(|event| event.kind == Kind::Sending && !is(&event.verdict, "accept") && !observed(event));
    let proxy = events.iter().rfind(|event| event.kind == Kind::ProxySuspected).map(|event| event.time);
    let mut story = Story {
        situation: Situation::Silent,
        cause: None,
        blocks: facts.blocks.iter().filter(|block| concerns(block, &events)).cloned().collect(),
        limits: facts.limits.as_ref().map(reached).unwrap_or_default(),
        turned_away: turned_away.map(|event| event.count).sum(),
        deferred: logins("defer").map(|event| event.count).sum(),
        not_sent: tally(not_sent),
        observed: tally(events.iter().copied().filter(observed)),
        still_used: refused.iter().filter(|tally| is(&tally.reason, "revoked")).cloned().collect(),
        proxy_suspected: proxy,
        subject: facts.subject,
        since: facts.since,
        cut: facts.cut,
        factors_lost: facts.factors_lost,
        source: facts.source,
        account: facts.account,
        blocked_by,
        led_to_block,
        accepted,
        refused,
        alias_of: facts.alias_of,
        owners: facts.owners.into_iter().map(tell).collect(),
    };
    let open = unresolved(&story);
    story.cause = match story.led_to_block.as_slice() {
        [] => cause(&open, &story.accepted),
        led => cause(led, &story.accepted),
    };
    let last = events.iter().rfind(|event| event.kind == Kind::Login);
    story.situation = situation(&story, &open, last.is_some_and(|event| is(&event.verdict, "defer")));
    story
}

fn is(field: &Option<String>, word: &str) -> bool {
    field.as_deref() == Some(word)
}

/// Counts alike events; the most frequent come first.
fn tally<'a>(events: impl Iterator<Item = &'a Event>) -> Vec<Tally> {
    let mut tallies: Vec<Tally> = Vec::new();
    for event in events {
        let alike = |tally: &&mut Tally| {
            (&tally.account, &tally.address, &tally.protocol)
                == (&event.account, &event.address, &event.protocol)
                && (&tally.reason, &tally.password) == (&event.reason, &event.password_name)
        };
        match tallies.iter_mut().find(alike) {
            Some(tally) => {
                tally.count = tally.count.saturating_add(event.count);
                tally.first = tally.first.min(event.time);
                tally.last = tally.last.max(event.time);
            }
            None => tallies.push(Tally {
                account: event.account.clone(),
                address: event.address.clone(),
                protocol: event.protocol.clone(),
                reason: event.reason.clone(),
                password: event.password_name.clone(),
                count: event.count,
                first: event.time,
                last: event.time,
            }),
        }
    }
    tallies.sort_by_key(|tally| (std::cmp::Reverse(tally.count), std::cmp::Reverse(tally.last)));
    tallies
}

/// The administrator behind a block. Where the event is too old to be seen, its words tell.
fn who_blocked(block: &BlockView, events: &[&Event]) -> Option<String> {
    let made = events.iter().rfind(|event| event.kind == Kind::BlockAdded && event.time == block.since);
    match made {
        Some(event) if event.actor == "gate" => None,
        Some(event) => Some(event.actor.clone()),
        None => (block.streak.is_none() && !block.reason.contains(IN_A_ROW))
            .then(|| "an administrator".to_owned()),
    }
}

/// The last failures until `end`, as many as block an address.
fn last_failures<'a>(refused: impl Iterator<Item = &'a Event>, end: Timestamp, most: u32) -> Vec<Tally> {
    let counted = |event: &&Event| !["blocked", "empty-password"].iter().any(|word| is(&event.reason, word));
    let refused: Vec<&Event> = refused.filter(|event| event.time <= end).filter(counted).collect();
    let from = refused.len().saturating_sub(most as usize);
    tally(refused[from..].iter().copied())
}

/// Whether a block is one of an address that the events name.
fn concerns(block: &BlockView, events: &[&Event]) -> bool {
    let holds =
        |address: &str| match (block.address.parse::<ipnet::IpNet>(), address.parse::<std::net::IpAddr>()) {
            (Ok(network), Ok(address)) => network.contains(&address),
            _ => block.address == address,
        };
    !block.exempt && events.iter().filter_map(|event| event.address.as_deref()).any(holds)
}

fn reached(limits: &AccountLimits) -> Vec<Reached> {
    let passwords = limits.passwords.iter().map(|one| (Some(&one.name), &one.limits));
    let all = std::iter::once((None, &limits.limits)).chain(passwords);
    all.flat_map(|(password, limits)| {
        Limited::ALL.into_iter().filter_map(move |limited| {
            let LimitInForce { at_most, opens, reached, .. } = limits.get(limited);
            let password = password.cloned();
            reached.then(|| Reached { limit: limited.word(), password, at_most: *at_most, opens: *opens })
        })
    })
    .collect()
}

/// Refusals after which the same account did not get in again: for an address from there, for an account from anywhere.
fn unresolved(story: &Story) -> Vec<Tally> {
    let later = |refused: &Tally| {
        story.accepted.iter().any(|good| good.account == refused.account && good.last > refused.last)
    };
    story.refused.iter().filter(|refused| !later(refused)).cloned().collect()
}

fn accounts(tallies: &[Tally]) -> usize {
    tallies.iter().filter_map(|tally| tally.account.as_deref()).collect::<BTreeSet<_>>().len()
}

/// What most of the refusals come from.
fn cause(refused: &[Tally], accepted: &[Tally]) -> Option<Cause> {
    let total: u32 = refused.iter().map(|tally| tally.count).sum();
    let of = |reason: &str| {
        refused.iter().filter(|tally| is(&tally.reason, reason)).map(|tally| tally.count).sum::<u32>()
    };
    let main = refused.first()?;
    let named = |tally: &Tally| tally.account.clone().unwrap_or_default();
    if of("revoked") * 2 >= total
        && let Some(removed) = refused.iter().find(|tally| is(&tally.reason, "revoked"))
    {
        let password = removed.password.clone().unwrap_or_default();
        return Some(Cause::Removed { account: named(removed), password });
    }
    let of_main = refused.iter().filter(|tally| tally.account == main.account);
    let count = accounts(refused);
    if count >= MANY && of_main.map(|tally| tally.count).sum::<u32>() * 2 <= total {
        let shared = accounts(accepted) >= MANY;
        return Some(if shared {
            Cause::Shared { accounts: count }
        } else {
            Cause::Guessing { accounts: count }
        });
    }
    Some(Cause::Refused {
        account: named(main),
        reason: main.reason.clone().unwrap_or_default(),
        protocol: main.protocol.clone().unwrap_or_default(),
        password: main.password.clone(),
    })
}

fn situation(story: &Story, open: &[Tally], deferred: bool) -> Situation {
    let blocked = story.source.as_ref().is_some_and(|source| source.block.is_some() && !source.exempt);
    let is_account = story.source.is_none();
    match &story.account {
        _ if blocked && story.blocked_by.is_some() => Situation::BlockedByHand,
        _ if blocked => Situation::Blocked,
        None if is_account && !story.alias_of.is_empty() => Situation::Alias,
        None if is_account => Situation::NoAccount,
        Some(account) if !account.enabled => Situation::Disabled,
        _ if !story.blocks.is_empty() => Situation::Blocked,
        _ if !story.limits.is_empty() => Situation::LimitReached,
        _ if deferred => Situation::OurTrouble,
        _ if !open.is_empty() => Situation::Failing,
        _ if story.factors_lost > 0 => Situation::FactorsLost,
        Some(account) if account.passwords.is_empty() && story.accepted.is_empty() => Situation::NoPasswords,
        _ if !story.accepted.is_empty() || !story.observed.is_empty() => Situation::Well,
        _ => Situation::Silent,
    }
}

#[cfg(test)]
mod tests;
