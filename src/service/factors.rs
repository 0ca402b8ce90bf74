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
    /// The numbers of those whose store key the key file does not have.
    pub lost: Vec<i64>,
}

impl Service {
    /// The second factors of an account, if there is one.
    ///
    /// # Errors
    /// The store's own trouble.
    pub async fn factors_of(&self, account: AccountName) -> Result<Option<FactorsOf>, StoreError> {
        let keys = self.keys();
        let read = move |tables: &mut dyn Tables| {
            let Some(found) = tables.account(&account)? else { return Ok(None) };
            let left = u32::try_from(tables.recovery_codes(found.id)?.len()).unwrap_or(u32::MAX);
            let rows = tables.factors(found.id)?;
            let lost = rows.iter().filter(|row| keys.get(row.sealed.key_id).is_none());
            Ok(Some(FactorsOf {
                two_factor: found.two_factor,
                lost: lost.map(|row| row.factor.id).collect(),
                factors: rows.into_iter().map(|row| row.factor).collect(),
                recovery_codes: tables.recovery_made(found.id)?.map(|_| left),
                failures: tables.throttle(found.id)?.failures,
                account: found.name,
            }))
        };
        self.store.read(read).await
    }
}
