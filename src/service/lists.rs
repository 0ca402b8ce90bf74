//! Lists of what administrators set of sending, and what of it is in force for an account.

use super::{OrderError, Service};
use crate::clock::Timestamp;
use crate::gate::alias::Place;
use crate::gate::limits::{
    Allowance, Amount, Level, Limited, Limits, Per, Reached, fits_one, oldest_slot, used, winner,
};
use crate::gate::name::{AccountName, GroupName};
use crate::gate::order::OrderRefused;
use crate::store::sending::{Delegation, LevelKey, LevelLine, Scope};
use crate::store::{StoreError, Tables};

/// One of the four limits, as it stands for somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which.
    pub limited: Limited,
    /// The level that wins, and what it says; `None`: no level says anything.
    pub winner: Option<(Level, Allowance)>,
    /// How much is used.
    pub used: u64,
    /// Whoever sends one more goes past it.
    pub reached: Option<Reached>,
}

/// The limits of an account, and of each of its client passwords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountStanding {
    /// Its group.
    pub group: Option<GroupName>,
    /// In the order of [`Limited::ALL`].
    pub limits: [Standing; 4],
    /// Number, name and limits of each client password, in the same order.
    pub passwords: Vec<(i64, String, [Standing; 4])>,
}

impl Service {
    /// Aliases of an account or a domain, or all, after an alias and whose it is.
    ///
    /// # Errors
    /// There is no such account, or the store's own trouble.
    pub async fn aliases(
        &self,
        of: Option<Place>,
        after: (String, String),
        limit: u32,
    ) -> Result<Vec<(String, String)>, OrderError> {
        let work = move |tables: &mut dyn Tables| {
            if let Some(Place::Address(account)) = &of
                && !tables.is_account(account)?
            {
                return Ok(Err(OrderRefused::NoAccount(account.clone())));
            }
            let of = of.as_ref().map(Place::to_string);
            tables.aliases(of.as_deref(), &after, limit).map(Ok)
        };
        Ok(self.store.read(work).await??)
    }

    /// Delegations that an account grants or was granted, or all, after an owner and a delegate.
    ///
    /// # Errors
    /// There is no such account, or the store's own trouble.
    pub async fn delegations(
        &self,
        of: Option<AccountName>,
        after: (String, String),
        limit: u32,
    ) -> Result<Vec<Delegation>, OrderError> {
        let work = move |tables: &mut dyn Tables| {
            if let Some(account) = &of
                && !tables.is_account(account)?
            {
                return Ok(Err(OrderRefused::NoAccount(account.clone())));
            }
            tables.delegations_after(of.as_ref(), &after, limit).map(Ok)
        };
        Ok(self.store.read(work).await??)
    }

    /// What one account grants another.
    ///
    /// # Errors
    /// Nothing, or the store's own trouble.
    pub async fn delegation(
        &self,
        owner: AccountName,
        delegate: AccountName,
    ) -> Result<Delegation, OrderError> {
        let granted = {
            let owner = owner.clone();
            self.store.read(move |tables| tables.delegations(Some(&owner))).await?
        };
        let meant = |one: &Delegation| one.owner == owner.as_str() && one.delegate == delegate.as_str();
        let found = granted.into_iter().find(meant);
        found.ok_or_else(|| OrderRefused::NoDelegation { owner, delegate }.into())
    }

    /// Everything that is said of limits: the default first, then groups and accounts by name.
    ///
    /// # Errors
    /// The store's own trouble.
    pub async fn all_limits(
        &self,
        after: Option<LevelKey>,
        limit: u32,
    ) -> Result<Vec<LevelLine>, StoreError> {
        self.store.read(move |tables| tables.all_limits(after.as_ref(), limit)).await
    }

    /// What is said of limits at one level.
    ///
    /// # Errors
    /// The store's own trouble.
    pub async fn limits(&self, level: Level, per: Per) -> Result<Limits, StoreError> {
        self.store.read(move |tables| tables.limits(&level, per)).await
    }

    /// What is in force for an account and its client passwords, and what is used of it.
    ///
    /// # Errors
    /// There is no such account, or the store's own trouble.
    pub async fn account_limits(&self, name: AccountName) -> Result<AccountStanding, OrderError> {
        let now = self.now();
        let asked = name.clone();
        let found = self.store.read(move |tables| account_standing(tables, &asked, now)).await?;
        found.ok_or_else(|| OrderRefused::NoAccount(name).into())
    }
}

/// Somebody whom only the upstream knows, and who has sent: only the default speaks of him.
fn strangers_standing(
    tables: &mut dyn Tables,
    name: &AccountName,
    now: Timestamp,
) -> Result<Option<AccountStanding>, StoreError> {
    let scope = Scope::Account(name.clone());
    if tables.sent(&scope, oldest_slot(now))?.is_empty() {
        return Ok(None);
    }
    let limits = standing(tables, &[Level::Default], Per::Account, &scope, now)?;
    Ok(Some(AccountStanding { group: None, limits, passwords: Vec::new() }))
}

fn account_standing(
    tables: &mut dyn Tables,
    name: &AccountName,
    now: Timestamp,
) -> Result<Option<AccountStanding>, StoreError> {
    let Some(account) = tables.account(name)? else { return strangers_standing(tables, name, now) };
    let mut levels = vec![Level::Account(account.name.clone())];
    levels.extend(account.group.clone().map(Level::Group));
    levels.push(Level::Default);
    let limits = standing(tables, &levels, Per::Account, &Scope::Account(account.name.clone()), now)?;
    let mut passwords = Vec::with_capacity(account.passwords.len());
    for password in account.passwords {
        let scope = Scope::Password(password.id);
        let limits = standing(tables, &levels, Per::ClientPassword, &scope, now)?;
        passwords.push((password.id, password.name.to_string(), limits));
    }
    Ok(Some(AccountStanding { group: account.group, limits, passwords }))
}

fn standing(
    tables: &mut dyn Tables,
    levels: &[Level],
    per: Per,
    scope: &Scope,
    now: Timestamp,
) -> Result<[Standing; 4], StoreError> {
    let said = levels.iter().map(|level| tables.limits(level, per)).collect::<Result<Vec<_>, _>>()?;
    let slots = tables.sent(scope, oldest_slot(now))?;
    let one = Amount { messages: 1, recipients: 1 };
    let standing = |limited| {
        let winner = winner(limited, &said);
        let reached = match winner {
            Some((_, Allowance::AtMost(limit))) => fits_one(limited, limit, &slots, one, now).err(),
            _ => None,
        };
        let level = |(place, says): (usize, Allowance)| Some((levels.get(place)?.clone(), says));
        Standing { limited, winner: winner.and_then(level), used: used(limited, &slots, now), reached }
    };
    Ok(Limited::ALL.map(standing))
}
