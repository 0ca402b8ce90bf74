//! Second factors as an administrator sees them.

use super::Service;
use crate::gate::factor::Factor;
use crate::gate::name::AccountName;
use crate::store::{StoreError, Tables};

/// An account's second factors, and how it fares with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorsOf {
    /// The account.
    pub account: AccountName,
    /// Two-factor is on.
    pub two_factor: bool,
    /// Its second factors, oldest first.
    pub factors: Vec<Factor>,
    /// Recovery codes that are left; `None`: none were ever made.
    pub recovery_codes: Option<u32>,
    /// Wrong codes in a row.
    pub failures: u32,
    /// Client passwords.
    pub passwords: u32,
    /// Sessions of the portal.
    pub sessions: u32,
    /// Delegations that it granted.
    pub delegations: u32,
}

impl Service {
    /// The second factors of an account, if there is one.
    ///
    /// # Errors
    /// The store's own trouble.
    pub async fn factors_of(&self, account: AccountName) -> Result<Option<FactorsOf>, StoreError> {
        let read = move |tables: &mut dyn Tables| {
            let Some(found) = tables.account(&account)? else { return Ok(None) };
            let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            let left = count(tables.recovery_codes(found.id)?.len());
            let granted = tables.delegations(Some(&found.name))?;
            let granted = granted.iter().filter(|one| one.owner == found.name.as_str()).count();
            Ok(Some(FactorsOf {
                two_factor: found.two_factor,
                factors: tables.factors(found.id)?.into_iter().map(|row| row.factor).collect(),
                recovery_codes: tables.recovery_made(found.id)?.map(|_| left),
                failures: tables.throttle(found.id)?.failures,
                passwords: count(found.passwords.len()),
                sessions: count(tables.sessions(found.id)?.len()),
                delegations: count(granted),
                account: found.name,
            }))
        };
        self.store.read(read).await
    }
}
