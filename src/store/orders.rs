//! Orders carried out over the tables of any store: read, decide, write, in one transaction.

use super::{NewRow, StoreError, Tables};
use crate::clock::Timestamp;
use crate::gate::account::{Account, ClientPassword};
use crate::gate::address::Key;
use crate::gate::event::{Event, Kind};
use crate::gate::key::StoreKey;
use crate::gate::name::AccountName;
use crate::gate::order::{Done, Order, OrderRefused, Which};
use crate::gate::record::{AddressRecord, LockoutRules, Outcome};
use crate::gate::secret::Secret;

/// What every order is carried out under.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// The time.
    pub now: Timestamp,
    /// Who ordered it, for the event.
    pub actor: String,
    /// The store key.
    pub key: StoreKey,
    /// The most client passwords of an account.
    pub passwords_max: u32,
}

type Outcomes = Result<Result<Done, OrderRefused>, StoreError>;

/// Carries out an order. A refusal has changed nothing.
///
/// # Errors
/// The store's own trouble.
pub fn carry_out(tables: &mut dyn Tables, order: &Order, at: &Circumstances) -> Outcomes {
    match order {
        Order::AddAccount(name) => add_account(tables, name, at),
        Order::AddBlock(key, block) => {
            tables.put_source(key, Some(&AddressRecord::Blocked(block.clone())))?;
            let event = Event::new(at.now, Kind::BlockAdded, &at.actor).address(key).reason(&block.reason);
            tables.add_event(&event)?;
            Ok(Ok(Done::Changed))
        }
        Order::LiftBlock(key) => lift(tables, key, at),
        Order::RemoveAccount(name) => with_account(tables, name, |tables, account| {
            tables.remove_account(account.id)?;
            tables.add_event(&event(at, Kind::AccountRemoved, name))?;
            Ok(Ok(Done::Changed))
        }),
        Order::SetAccount { account: name, enabled, two_factor } => {
            with_account(tables, name, |tables, account| {
                set_account(tables, account, *enabled, *two_factor, at)
            })
        }
        Order::NewPassword { account: name, .. } => {
            with_account(tables, name, |tables, account| new_password(tables, account, order, at))
        }
        Order::Revoke { account: name, which } => {
            with_account(tables, name, |tables, account| revoke(tables, account, which, at))
        }
    }
}

fn with_account(
    tables: &mut dyn Tables,
    name: &AccountName,
    work: impl FnOnce(&mut dyn Tables, &Account) -> Outcomes,
) -> Outcomes {
    match tables.account(name)? {
        Some(account) => work(tables, &account),
        None => Ok(Err(OrderRefused::NoAccount(name.clone()))),
    }
}

fn event(at: &Circumstances, kind: Kind, account: &AccountName) -> Event {
    Event::new(at.now, kind, &at.actor).account(account.as_str())
}

fn add_account(tables: &mut dyn Tables, name: &AccountName, at: &Circumstances) -> Outcomes {
    if tables.account(name)?.is_some() {
        return Ok(Err(OrderRefused::AccountExists(name.clone())));
    }
    tables.add_account(name, at.now)?;
    tables.add_event(&event(at, Kind::AccountAdded, name))?;
    Ok(Ok(Done::Changed))
}

fn set_account(
    tables: &mut dyn Tables,
    account: &Account,
    enabled: Option<bool>,
    two_factor: Option<bool>,
    at: &Circumstances,
) -> Outcomes {
    let (enabled, two_factor) =
        (enabled.unwrap_or(account.enabled), two_factor.unwrap_or(account.two_factor));
    let mut kinds = Vec::new();
    if enabled != account.enabled {
        kinds.push(if enabled { Kind::AccountEnabled } else { Kind::AccountDisabled });
    }
    if two_factor != account.two_factor {
        kinds.push(if two_factor { Kind::TwoFactorOn } else { Kind::TwoFactorOff });
    }
    if kinds.is_empty() {
        return Ok(Ok(Done::Unchanged));
    }
    tables.set_account(account.id, enabled, two_factor)?;
    for kind in kinds {
        tables.add_event(&event(at, kind, &account.name))?;
    }
    Ok(Ok(Done::Changed))
}

fn new_password(tables: &mut dyn Tables, account: &Account, order: &Order, at: &Circumstances) -> Outcomes {
    let Order::NewPassword { name, terms, digest, phc, .. } = order else { return Ok(Ok(Done::Unchanged)) };
    let refuse = |refused| Ok(Err(refused));
    if account.passwords.len() >= at.passwords_max as usize {
        return refuse(OrderRefused::TooManyPasswords {
            account: account.name.clone(),
            limit: at.passwords_max,
        });
    }
    let name = name.as_str();
    if account.passwords.iter().any(|password| password.name == name) {
        return refuse(OrderRefused::NameTaken { account: account.name.clone(), name: name.to_owned() });
    }
    let named = at.key.selector(account.id, &Secret::new(name).digest());
    let selector = at.key.selector(account.id, digest);
    if named == selector || account.passwords.iter().any(|password| password.selector == named) {
        return refuse(OrderRefused::NameIsSecret);
    }
    let row =
        NewRow { account_id: account.id, name, selector, key_id: at.key.id(), phc, created: at.now, terms };
    let id = tables.add_password(&row)?;
    tables.add_event(&event(at, Kind::PasswordAdded, &account.name).password(id, name))?;
    Ok(Ok(Done::NewPassword(id)))
}

fn revoke(tables: &mut dyn Tables, account: &Account, which: &Which, at: &Circumstances) -> Outcomes {
    let meant = |password: &&ClientPassword| match which {
        Which::Id(id) => password.id == *id,
        Which::Name(name) => password.name == *name,
        Which::All => true,
    };
    let gone: Vec<(i64, String)> =
        account.passwords.iter().filter(meant).map(|password| (password.id, password.name.clone())).collect();
    if gone.is_empty() && *which != Which::All {
        return Ok(Err(OrderRefused::NoPassword(account.name.clone())));
    }
    for (id, name) in &gone {
        tables.revoke_password(*id, at.now)?;
        tables.add_event(&event(at, Kind::PasswordRevoked, &account.name).password(*id, name))?;
    }
    Ok(Ok(Done::Revoked(gone)))
}

fn lift(tables: &mut dyn Tables, key: &Key, at: &Circumstances) -> Outcomes {
    match tables.source(key)? {
        Some(AddressRecord::Blocked(block)) if block.holds(at.now) => {
            tables.put_source(key, None)?;
            tables.add_event(&Event::new(at.now, Kind::BlockLifted, &at.actor).address(key))?;
            Ok(Ok(Done::Changed))
        }
        _ => Ok(Err(OrderRefused::NotBlocked(*key))),
    }
}

/// Settles an attempt: the record as it is, the rule, the record as it will be, and the events.
/// Returns what is now known of the source.
///
/// # Errors
/// The store's own trouble.
pub fn settle(
    tables: &mut dyn Tables,
    key: &Key,
    outcome: Outcome,
    login: &Event,
    rules: &LockoutRules,
) -> Result<Option<AddressRecord>, StoreError> {
    let before = tables.source(key)?;
    let was_blocked = matches!(&before, Some(AddressRecord::Blocked(block)) if block.holds(login.time));
    let after = AddressRecord::settle(before, key, outcome, login.time, rules);
    tables.put_source(key, after.as_ref())?;
    tables.add_event(login)?;
    if let (Some(AddressRecord::Blocked(block)), false) = (&after, was_blocked) {
        let mut event = Event::new(login.time, Kind::BlockAdded, "gate").address(key).reason(&block.reason);
        event.account.clone_from(&login.account);
        event.protocol.clone_from(&login.protocol);
        tables.add_event(&event)?;
    }
    Ok(after)
}
