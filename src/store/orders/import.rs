//! Imports carried out: a whole request, or nothing of it. Everything is looked at before anything is written.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::{Circumstances, change};
use crate::gate::account::{Account, Stored};
use crate::gate::alias::{Alias, Place};
use crate::gate::event::{Event, Kind};
use crate::gate::import::{AccountRow, Fault, PasswordRow};
use crate::gate::name::AccountName;
use crate::gate::order::{Order, OrderRefused};
use crate::gate::secret::Secret;
use crate::store::{NewRow, StoreError, Tables};

/// What came of an import, or would come of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Rows that made something.
    pub added: u32,
    /// Rows that changed something.
    pub changed: u32,
    /// Rows that were so already.
    pub unchanged: u32,
    /// The number of a row, from 0, and what is wrong with it. If there is any, nothing was done.
    pub mistakes: Vec<(usize, Fault)>,
    /// The number of a row, and what is done but may not be meant.
    pub warnings: Vec<(usize, Fault)>,
    /// To be logged once it is on disk.
    pub events: Vec<Event>,
}

impl Imported {
    fn mistake(&mut self, row: usize, column: &'static str, why: impl ToString) {
        self.mistakes.push((row, Fault::new(column, why)));
    }

    /// With a mistake nothing is done, and nothing is counted.
    fn refused(self) -> Self {
        Self { mistakes: self.mistakes, ..Self::default() }
    }

    fn write_events(self, tables: &mut dyn Tables) -> Result<Self, StoreError> {
        self.events.iter().try_for_each(|event| tables.add_event(event).map(drop))?;
        Ok(self)
    }
}

/// Makes and changes accounts; with `dry_run` only says what would come of it.
///
/// # Errors
/// The store's own trouble.
pub fn import_accounts(
    tables: &mut dyn Tables,
    rows: &[AccountRow],
    dry_run: bool,
    at: &Circumstances,
) -> Result<Imported, StoreError> {
    let mut done = Imported::default();
    let mut names = HashSet::new();
    for (number, row) in rows.iter().enumerate() {
        if !names.insert(&row.account) {
            done.mistake(number, "account", format!("{} is there twice", row.account));
        }
    }
    let mut plans = Vec::with_capacity(rows.len());
    for (number, row) in rows.iter().enumerate() {
        let known = tables.account(&row.account)?;
        if known.is_none()
            && let Some(owner) = tables.alias_of(row.account.as_str())?.pop()
        {
            let alias = row.account.to_string();
            done.mistake(number, "account", OrderRefused::IsAlias { alias, owner });
        }
        let mut aliases = Vec::new();
        for alias in &row.aliases {
            if let Place::Address(address) = &alias.alias
                && (names.contains(address) || tables.is_account(address)?)
            {
                done.mistake(number, "aliases", OrderRefused::IsAccount(address.clone()));
            }
            if !tables.alias_of(&alias.alias.to_string())?.contains(&row.account.to_string()) {
                aliases.push(alias);
            }
        }
        match &known {
            None => done.added += 1,
            Some(account) if aliases.is_empty() && is_so(account, row) => done.unchanged += 1,
            Some(_) => done.changed += 1,
        }
        plans.push((row, known, aliases));
    }
    if !done.mistakes.is_empty() {
        return Ok(done.refused());
    }
    if dry_run {
        return Ok(done);
    }
    for (row, known, aliases) in plans {
        write_account(tables, row, known, &aliases, at, &mut done.events)?;
    }
    done.write_events(tables)
}

fn is_so(account: &Account, row: &AccountRow) -> bool {
    row.enabled.is_none_or(|enabled| enabled == account.enabled)
        && row.two_factor.is_none_or(|two_factor| two_factor == account.two_factor)
        && row.group.as_ref().is_none_or(|group| Some(group) == account.group.as_ref())
}

fn write_account(
    tables: &mut dyn Tables,
    row: &AccountRow,
    known: Option<Account>,
    aliases: &[&Alias],
    at: &Circumstances,
    events: &mut Vec<Event>,
) -> Result<(), StoreError> {
    let account = match known {
        Some(account) => account,
        None => {
            let id = tables.add_account(&row.account, at.now)?;
            events.push(at.event(Kind::AccountAdded).account(row.account.as_str()));
            let (name, created) = (row.account.clone(), at.now);
            let (passwords, revoked) = (Vec::new(), Vec::new());
            Account {
                id,
                name,
                enabled: true,
                two_factor: false,
                group: None,
                created,
                mailbox: None,
                passwords,
                revoked,
            }
        }
    };
    let order = Order::SetAccount {
        account: row.account.clone(),
        enabled: row.enabled,
        two_factor: row.two_factor,
        group: row.group.clone().map(Some),
    };
    let mut changes = Vec::new();
    // A change of an account that is there is never refused.
    let _ = change(tables, &account, &order, at, &mut changes)?;
    events.append(&mut changes);
    for alias in aliases {
        tables.add_alias(alias)?;
        let event = at.event(Kind::AliasAdded).account(row.account.as_str());
        events.push(event.reason(alias.alias.to_string()));
    }
    Ok(())
}

/// Adds client passwords of another system; with `dry_run` only says what would come of it.
///
/// # Errors
/// The store's own trouble.
pub fn import_passwords(
    tables: &mut dyn Tables,
    rows: &[PasswordRow],
    dry_run: bool,
    at: &Circumstances,
) -> Result<Imported, StoreError> {
    let mut done = Imported::default();
    let mut accounts: HashMap<&AccountName, Option<Account>> = HashMap::new();
    let mut costs: HashMap<&AccountName, (usize, Duration)> = HashMap::new();
    // Names and how many there will be, those of this request among them.
    let mut coming: HashMap<&AccountName, (HashSet<&str>, usize)> = HashMap::new();
    let mut plans = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        if !accounts.contains_key(&row.account) {
            accounts.insert(&row.account, tables.account(&row.account)?);
        }
        let Some(account) = accounts.get(&row.account).and_then(Option::as_ref) else {
            let none = OrderRefused::NoAccount(row.account.clone());
            done.mistake(number, "account", format!("{none}; import it first (sidegate import accounts)"));
            continue;
        };
        let (names, count) = coming.entry(&row.account).or_insert((HashSet::new(), account.passwords.len()));
        if !names.insert(row.name.as_str()) {
            done.mistake(number, "name", format!("{} has two of this name in the file", row.account));
            continue;
        }
        if let Some(there) = account.passwords.iter().find(|password| *password.name == *row.name.as_str()) {
            let same = matches!(&there.stored, Stored::Imported(hash) if *hash == row.hash);
            if same && there.terms == row.terms {
                done.unchanged += 1;
            } else {
                let (account, name) = (row.account.clone(), there.name.to_string());
                done.mistake(number, "name", OrderRefused::NameTaken { account, name });
            }
            continue;
        }
        if is_secret(account, row, at) {
            done.mistake(number, "name", OrderRefused::NameIsSecret);
        }
        *count += 1;
        if *count > at.passwords_max as usize {
            let (account, limit) = (row.account.clone(), at.passwords_max);
            done.mistake(number, "account", OrderRefused::TooManyPasswords { account, limit });
        }
        let (last, cost) = costs.entry(&row.account).or_insert_with(|| (number, cost_of(account)));
        (*last, *cost) = (number, *cost + row.hash.cost());
        done.added += 1;
        plans.push((account.id, row));
    }
    done.warnings = costly(&costs, at.failure_delay);
    if !done.mistakes.is_empty() {
        return Ok(done.refused());
    }
    if dry_run {
        return Ok(done);
    }
    for (account_id, row) in plans {
        let (name, stored) = (row.name.as_str(), Stored::Imported(row.hash.clone()));
        let new = NewRow { account_id, name, stored: &stored, created: at.now, terms: &row.terms };
        let id = tables.add_password(&new)?;
        let event = at.event(Kind::PasswordImported).account(row.account.as_str()).password(id, name);
        done.events.push(event.reason(row.hash.scheme().word()));
    }
    done.write_events(tables)
}

/// What the imported hashes take that an account has.
fn cost_of(account: &Account) -> Duration {
    let cost = |stored: &Stored| match stored {
        Stored::Imported(hash) => hash.cost(),
        Stored::Ours { .. } => Duration::ZERO,
    };
    account.passwords.iter().map(|password| cost(&password.stored)).sum()
}

/// Accounts whose imported hashes take longer than a refusal.
fn costly(costs: &HashMap<&AccountName, (usize, Duration)>, delay: Duration) -> Vec<(usize, Fault)> {
    let slow = costs.iter().filter(|(_, (_, cost))| !delay.is_zero() && *cost > delay);
    let warning = |(account, (row, cost)): (&&AccountName, &(usize, Duration))| {
        let (cost, delay) = (cost.as_secs_f32(), delay.as_secs_f32());
        let why = format!(
            "the imported hashes of {account} take about {cost:.1} s together, and a refusal {delay} s \
             (lockout.failure_delay): the first login with one of them may be refused once; better make new \
             client passwords for the devices (sidegate password new)"
        );
        (*row, Fault::new("hash", why))
    };
    let mut warnings: Vec<_> = slow.map(warning).collect();
    warnings.sort_by_key(|(row, _)| *row);
    warnings
}

/// Whether a name is one of the account's client passwords.
fn is_secret(account: &Account, row: &PasswordRow, at: &Circumstances) -> bool {
    let named = at.keys.selectors(account.id, &Secret::new(row.name.as_str()).digest());
    let mut rows = account.passwords.iter().filter_map(|password| password.stored.selector());
    rows.any(|row| named.find(row))
}
