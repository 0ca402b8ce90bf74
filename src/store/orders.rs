//! Orders carried out over the tables of any store: read, decide, write, in one transaction.

mod import;
mod people;
mod sending;

use std::sync::Arc;
use std::time::Duration;

use super::people::allows;
use super::{NewRow, StoreError, Tables};
use crate::clock::Timestamp;
use crate::gate::account::{Account, ClientPassword, Stored};
use crate::gate::address::Key;
use crate::gate::event::{Event, Kind};
use crate::gate::key::{KeyRing, Selector};
use crate::gate::name::{AccountName, GroupName};
use crate::gate::order::{Actor, Done, Order, OrderRefused, Which};
use crate::gate::outage::TakeBack;
use crate::gate::people::PeopleRules;
use crate::gate::record::{AddressRecord, LockoutRules, Outcome};
use crate::gate::secret::Secret;

pub use import::{Imported, import_accounts, import_passwords};

/// What every order is carried out under.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// The time.
    pub now: Timestamp,
    /// What the wall clock says, by which codes of apps are made.
    pub wall: Timestamp,
    /// Who ordered it, for the event.
    pub actor: Actor,
    /// The store's keys.
    pub keys: KeyRing,
    /// What people may do in the portal.
    pub people: Arc<PeopleRules>,
    /// The most client passwords of an account.
    pub passwords_max: u32,
    /// When the answer to a failure leaves; zero: at once.
    pub failure_delay: Duration,
}

/// What came of an order, and the events to be logged once it is on disk.
pub type Carried = Result<(Done, Vec<Event>), OrderRefused>;

/// Carries out an order. A refusal has changed nothing.
///
/// # Errors
/// The store's own trouble.
pub fn carry_out(tables: &mut dyn Tables, order: &Order, at: &Circumstances) -> Result<Carried, StoreError> {
    if let Some((token, act)) = at.actor.session
        && let Err(denied) = allows(tables, token, act, &at.people, at.now)?
    {
        // It ended, or may no more, while a hash was made.
        return Ok(Err(denied.into()));
    }
    let mut events = Vec::new();
    let done = match order {
        Order::AddAccount(name) => add_account(tables, name, at, &mut events),
        Order::AddBlock(key, block) => {
            tables.put_source(key, Some(&AddressRecord::Blocked(block.clone())))?;
            events.push(at.event(Kind::BlockAdded).address(key).reason(&block.reason));
            Ok(Ok(Done::Changed))
        }
        Order::LiftBlock(key) => lift(tables, key, at, &mut events),
        Order::AddAlias(alias) => sending::add_alias(tables, alias, at, &mut events),
        Order::RemoveAlias { alias, of } => {
            sending::remove_alias(tables, alias, of.as_ref(), at, &mut events)
        }
        Order::Grant { owner, delegate, right } => {
            sending::grant(tables, owner, delegate, *right, at, &mut events)
        }
        Order::GrantNewcomer { owner, delegate, right, mailbox } => {
            sending::grant_newcomer(tables, (owner, delegate), *right, mailbox, at, &mut events)
        }
        Order::Withdraw { owner, delegate } => sending::withdraw(tables, owner, delegate, at, &mut events),
        Order::SetLimits { level, per, change } => {
            sending::set_limits(tables, level, *per, change, at, &mut events)
        }
        Order::RemoveAccount(name)
        | Order::SetAccount { account: name, .. }
        | Order::NewPassword { account: name, .. }
        | Order::Revoke { account: name, .. } => match tables.account(name)? {
            Some(account) => change(tables, &account, order, at, &mut events),
            None => Ok(Err(OrderRefused::NoAccount(name.clone()))),
        },
        Order::ResetFactors { account: name, .. }
        | Order::UnlockFactors(name)
        | Order::SetMainPassword { account: name, .. }
        | Order::EndSessions(name) => match tables.account(name)? {
            Some(account) => people::change(tables, &account, order, at, &mut events),
            None => Ok(Err(OrderRefused::NoAccount(name.clone()))),
        },
    }?;
    for event in &events {
        tables.add_event(event)?;
    }
    Ok(done.map(|done| (done, events)))
}

type Outcomes = Result<Result<Done, OrderRefused>, StoreError>;

impl Circumstances {
    fn event(&self, kind: Kind) -> Event {
        Event { address: self.actor.address.clone(), ..Event::new(self.now, kind, &self.actor.name) }
    }
}

fn add_account(
    tables: &mut dyn Tables,
    name: &AccountName,
    at: &Circumstances,
    events: &mut Vec<Event>,
) -> Outcomes {
    if tables.account(name)?.is_some() {
        return Ok(Err(OrderRefused::AccountExists(name.clone())));
    }
    if let Some(owner) = tables.alias_of(name.as_str())?.pop() {
        return Ok(Err(OrderRefused::IsAlias { alias: name.to_string(), owner }));
    }
    tables.add_account(name, at.now)?;
    events.push(at.event(Kind::AccountAdded).account(name.as_str()));
    Ok(Ok(Done::Changed))
}

/// Orders about an account that exists.
fn change(
    tables: &mut dyn Tables,
    account: &Account,
    order: &Order,
    at: &Circumstances,
    events: &mut Vec<Event>,
) -> Outcomes {
    let event = |kind| at.event(kind).account(account.name.as_str());
    match order {
        Order::RemoveAccount(_) => {
            tables.remove_sender(&account.name)?;
            tables.remove_account(account.id)?;
            events.push(event(Kind::AccountRemoved));
            Ok(Ok(Done::Changed))
        }
        Order::SetAccount { enabled, two_factor, group, .. } => {
            let enabled = enabled.unwrap_or(account.enabled);
            let two_factor = two_factor.unwrap_or(account.two_factor);
            if enabled != account.enabled {
                events.push(event(if enabled { Kind::AccountEnabled } else { Kind::AccountDisabled }));
            }
            if two_factor != account.two_factor {
                events.push(event(if two_factor { Kind::TwoFactorOn } else { Kind::TwoFactorOff }));
            }
            if let Some(group) = group
                && *group != account.group
            {
                let name = group.as_ref().map_or("no group", GroupName::as_str);
                events.push(event(Kind::GroupSet).reason(name));
                tables.set_group(account.id, group.as_ref())?;
            }
            if events.is_empty() {
                return Ok(Ok(Done::Unchanged));
            }
            tables.set_account(account.id, enabled, two_factor)?;
            if two_factor && !account.two_factor {
                // They began before it; with a factor the next one proves it, without one it sets it up.
                tables.end_sessions(account.id, None)?;
                tables.remove_devices(account.id, None)?;
            }
            Ok(Ok(Done::Changed))
        }
        Order::NewPassword { name, terms, digest, phc, .. } => {
            let name = name.as_str();
            let selector = at.keys.current().selector(account.id, digest);
            if let Some(refused) = refuses_name(account, name, selector, at) {
                return Ok(Err(refused));
            }
            let (key_id, created) = (at.keys.current().id(), at.now);
            let stored = Stored::Ours { selector, key_id, phc: phc.clone() };
            let row = NewRow { account_id: account.id, name, stored: &stored, created, terms };
            let id = tables.add_password(&row)?;
            events.push(event(Kind::PasswordAdded).password(id, name));
            Ok(Ok(Done::NewPassword(id)))
        }
        Order::Revoke { which, .. } => {
            let gone = meant(account, which);
            if gone.is_empty() && *which != Which::All {
                return Ok(Err(OrderRefused::NoPassword(account.name.clone())));
            }
            for (id, name) in &gone {
                tables.revoke_password(*id, at.now)?;
                events.push(event(Kind::PasswordRevoked).password(*id, name));
            }
            Ok(Ok(Done::Revoked(gone)))
        }
        _ => Ok(Ok(Done::Unchanged)),
    }
}

/// Why an account may not have one more client password of this name.
fn refuses_name(
    account: &Account,
    name: &str,
    selector: Selector,
    at: &Circumstances,
) -> Option<OrderRefused> {
    let passwords = &account.passwords;
    if passwords.len() >= at.passwords_max as usize {
        let account = account.name.clone();
        return Some(OrderRefused::TooManyPasswords { account, limit: at.passwords_max });
    }
    if passwords.iter().any(|password| *password.name == *name) {
        return Some(OrderRefused::NameTaken { account: account.name.clone(), name: name.to_owned() });
    }
    let named = at.keys.selectors(account.id, &Secret::new(name).digest());
    let is_named = |password: &ClientPassword| password.stored.selector().is_some_and(|row| named.find(row));
    let secret = named.find_mark(selector) || passwords.iter().any(is_named);
    secret.then_some(OrderRefused::NameIsSecret)
}

fn meant(account: &Account, which: &Which) -> Vec<(i64, String)> {
    let meant = |password: &&ClientPassword| match which {
        Which::Id(id) => password.id == *id,
        Which::Name(name) => *password.name == **name,
        Which::All => true,
    };
    let passwords = account.passwords.iter().filter(meant);
    passwords.map(|password| (password.id, password.name.to_string())).collect()
}

fn lift(tables: &mut dyn Tables, key: &Key, at: &Circumstances, events: &mut Vec<Event>) -> Outcomes {
    match tables.source(key)? {
        Some(AddressRecord::Blocked(block)) if block.holds(at.now) => {
            tables.put_source(key, None)?;
            events.push(at.event(Kind::BlockLifted).address(key));
            Ok(Ok(Done::Changed))
        }
        _ => Ok(Err(OrderRefused::NotBlocked(*key))),
    }
}

/// Takes back what was counted of a source while nobody could get in.
///
/// # Errors
/// The store's own trouble.
pub fn take_back(tables: &mut dyn Tables, back: &TakeBack, now: Timestamp) -> Result<Settled, StoreError> {
    let (after, lifted) = back.from(tables.source(&back.source)?);
    tables.put_source(&back.source, after.as_ref())?;
    let mut events = Vec::new();
    if lifted {
        let event = Event::new(now, Kind::BlockLifted, "gate").address(back.source);
        events.push(event.reason("made while nobody got in at Dovecot's passdb"));
    }
    for event in &events {
        tables.add_event(event)?;
    }
    Ok((after, events))
}

/// What an attempt left of its source, and the events to be logged once it is on disk.
pub type Settled = (Option<AddressRecord>, Vec<Event>);

/// Settles an attempt: the record as it is, the rule, the record as it will be, and the events.
///
/// # Errors
/// The store's own trouble.
pub fn settle(
    tables: &mut dyn Tables,
    key: &Key,
    outcome: Outcome,
    login: &Event,
    rules: &LockoutRules,
) -> Result<Settled, StoreError> {
    let before = tables.source(key)?;
    let was_blocked = matches!(&before, Some(AddressRecord::Blocked(block)) if block.holds(login.time));
    let after = AddressRecord::settle(before, key, outcome, login.time, rules);
    tables.put_source(key, after.as_ref())?;
    let mut events = Vec::new();
    if matches!(outcome, Outcome::Failed(..)) {
        events.push(login.clone());
    }
    if let (Some(AddressRecord::Blocked(block)), false) = (&after, was_blocked) {
        let mut event = Event::new(login.time, Kind::BlockAdded, "gate").address(key).reason(&block.reason);
        event.account.clone_from(&login.account);
        event.protocol.clone_from(&login.protocol);
        events.push(event);
    }
    for event in &events {
        tables.add_event(event)?;
    }
    Ok((after, events))
}
