//! Orders about sending: aliases, delegations, limits.

use super::{Circumstances, Outcomes};
use crate::gate::account::Account;
use crate::gate::alias::{Alias, Place};
use crate::gate::delegation::{Change, Right};
use crate::gate::event::{Event, Kind};
use crate::gate::key::MailboxMark;
use crate::gate::limits::{Allowance, Level, Limited, Limits, LimitsChange, Per};
use crate::gate::name::AccountName;
use crate::gate::order::{Done, OrderRefused};
use crate::store::{StoreError, Tables, people};

pub(super) fn add_alias(
    tables: &mut dyn Tables,
    alias: &Alias,
    at: &Circumstances,
    events: &mut Vec<Event>,
) -> Outcomes {
    if let Place::Address(owner) = &alias.of
        && !tables.is_account(owner)?
    {
        return Ok(Err(OrderRefused::NoAccount(owner.clone())));
    }
    // An account's own address stays its own; others get at it by a delegation.
    if let Place::Address(address) = &alias.alias
        && tables.is_account(address)?
    {
        return Ok(Err(OrderRefused::IsAccount(address.clone())));
    }
    let (shown, of) = (alias.alias.to_string(), alias.of.to_string());
    if !tables.add_alias(alias)? {
        return Ok(Err(OrderRefused::AliasExists(shown, of)));
    }
    events.push(of_alias(Kind::AliasAdded, &shown, &of, at));
    Ok(Ok(Done::Changed))
}

/// Takes an alias from the one that is named, or from the only one that has it: whether it is the only one
/// is decided here, in the transaction, so that nobody loses an alias that was shared a moment ago.
pub(super) fn remove_alias(
    tables: &mut dyn Tables,
    alias: &Place,
    of: Option<&Place>,
    at: &Circumstances,
    events: &mut Vec<Event>,
) -> Outcomes {
    let shown = alias.to_string();
    let owners = tables.alias_of(&shown)?;
    let owner = match (of.map(Place::to_string), owners.as_slice()) {
        (Some(of), owners) if owners.contains(&of) => of,
        (Some(of), _) => return Ok(Err(OrderRefused::NoAlias(shown, of))),
        (None, []) => return Ok(Err(OrderRefused::NoAliasOfAnybody(shown))),
        (None, [only]) => only.clone(),
        (None, _) => return Ok(Err(OrderRefused::SharedAlias { alias: shown, owners })),
    };
    tables.remove_alias(&shown, &owner)?;
    events.push(of_alias(Kind::AliasRemoved, &shown, &owner, at));
    Ok(Ok(Done::Changed))
}

fn of_alias(kind: Kind, alias: &str, of: &str, at: &Circumstances) -> Event {
    at.event(kind).account(of).reason(alias)
}

pub(super) fn grant(
    tables: &mut dyn Tables,
    owner: &AccountName,
    delegate: &AccountName,
    right: Right,
    at: &Circumstances,
    events: &mut Vec<Event>,
) -> Outcomes {
    if owner == delegate {
        return Ok(Err(OrderRefused::OwnMailbox(owner.clone())));
    }
    let (owner, delegate) = match both(tables, owner, delegate)? {
        Ok(both) => both,
        Err(refused) => return Ok(Err(refused)),
    };
    if tables.right(&owner.name, &delegate.name)? == Some(right) {
        return Ok(Ok(Done::Unchanged));
    }
    tables.put_delegation(owner.id, delegate.id, right, at.now)?;
    let change = Change { right, delegate: delegate.name.to_string() };
    events.push(at.event(Kind::DelegationGranted).account(owner.name.as_str()).reason(change.granted()));
    Ok(Ok(Done::Changed))
}

/// Grants to somebody who may have no account yet: it is made as at a first sign-in, or nothing is done at all.
pub(super) fn grant_newcomer(
    tables: &mut dyn Tables,
    (owner, delegate): (&AccountName, &AccountName),
    right: Right,
    mailbox: &[MailboxMark],
    at: &Circumstances,
    events: &mut Vec<Event>,
) -> Outcomes {
    if !tables.is_account(owner)? {
        return Ok(Err(OrderRefused::NoAccount(owner.clone())));
    }
    if !tables.is_account(delegate)? {
        // Of a name or a mailbox that is another's nobody is told more than of one that is nobody's.
        if people::make(tables, &at.people, delegate, mailbox, at.now)?.is_err() {
            return Ok(Err(OrderRefused::NoAccount(delegate.clone())));
        }
        events.push(at.event(Kind::AccountAdded).account(delegate.as_str()));
    }
    grant(tables, owner, delegate, right, at, events)
}

pub(super) fn withdraw(
    tables: &mut dyn Tables,
    owner: &AccountName,
    delegate: &AccountName,
    at: &Circumstances,
    events: &mut Vec<Event>,
) -> Outcomes {
    let (owner, delegate) = match both(tables, owner, delegate)? {
        Ok(both) => both,
        Err(refused) => return Ok(Err(refused)),
    };
    let Some(right) = tables.right(&owner.name, &delegate.name)? else {
        let (owner, delegate) = (owner.name, delegate.name);
        return Ok(Err(OrderRefused::NoDelegation { owner, delegate }));
    };
    tables.remove_delegation(owner.id, delegate.id)?;
    let change = Change { right, delegate: delegate.name.to_string() };
    events.push(at.event(Kind::DelegationRevoked).account(owner.name.as_str()).reason(change.revoked()));
    Ok(Ok(Done::Changed))
}

fn both(
    tables: &mut dyn Tables,
    owner: &AccountName,
    delegate: &AccountName,
) -> Result<Result<(Account, Account), OrderRefused>, StoreError> {
    let Some(owning) = tables.account(owner)? else {
        return Ok(Err(OrderRefused::NoAccount(owner.clone())));
    };
    let Some(delegated) = tables.account(delegate)? else {
        return Ok(Err(OrderRefused::NoAccount(delegate.clone())));
    };
    Ok(Ok((owning, delegated)))
}

pub(super) fn set_limits(
    tables: &mut dyn Tables,
    level: &Level,
    per: Per,
    change: &LimitsChange,
    at: &Circumstances,
    events: &mut Vec<Event>,
) -> Outcomes {
    if per == Per::Address && *level != Level::Default {
        return Ok(Err(OrderRefused::AddressHasNoOwner));
    }
    if let Level::Account(name) = level
        && !tables.is_account(name)?
    {
        return Ok(Err(OrderRefused::NoAccount(name.clone())));
    }
    let before = tables.limits(level, per)?;
    let after = before.with(change);
    if after == before {
        return Ok(Ok(Done::Unchanged));
    }
    tables.put_limits(level, per, &after)?;
    let mut event = at.event(Kind::LimitsSet).reason(format!(
        "per {}, {}: {}",
        per.word(),
        whose(level),
        in_words(&after)
    ));
    if let Level::Account(name) = level {
        event = event.account(name.as_str());
    }
    events.push(event);
    Ok(Ok(Done::Changed))
}

fn whose(level: &Level) -> String {
    match level {
        Level::Account(name) => name.to_string(),
        Level::Group(name) => format!("group {}", name.as_str()),
        Level::Default => "default".to_owned(),
    }
}

fn in_words(limits: &Limits) -> String {
    let said = Limited::ALL.into_iter().filter_map(|limited| match limits.get(limited) {
        Allowance::Inherited => None,
        Allowance::Unlimited => Some(format!("no limit of {}", limited.word().replace('-', " "))),
        Allowance::AtMost(limit) => Some(limited.words(limit)),
    });
    let said: Vec<String> = said.collect();
    if said.is_empty() { "as inherited".to_owned() } else { said.join(", ") }
}
