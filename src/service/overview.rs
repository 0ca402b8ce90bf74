//! Failures and blocks over time, for the administrator's page.

use std::time::Duration;

use super::Service;
use crate::clock::Timestamp;
use crate::store::administration::{By, Hour};
use crate::store::{StoreError, Tables};

/// An hour, in seconds.
const HOUR_SECS: i64 = 3_600;

/// What happened over some hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// Hour by hour, oldest first, without gaps; the last is the present one.
    pub hours: Vec<Hour>,
    /// Addresses with the most refused logins.
    pub addresses: Vec<(String, u32)>,
    /// Accounts, and names that are none, with the most.
    pub accounts: Vec<(String, u32)>,
}

impl Service {
    /// Refused logins and new blocks of the last hours.
    ///
    /// # Errors
    /// The store's own trouble.
    pub async fn overview(&self, hours: u32) -> Result<Happened, StoreError> {
        self.flush().await?;
        let now = self.now();
        let present = now.0.div_euclid(HOUR_SECS) * HOUR_SECS;
        let back = Duration::from_secs(3_600 * u64::from(hours.saturating_sub(1)));
        let since = Timestamp(present).minus(back);
        let read = move |tables: &mut dyn Tables| {
            let found = tables.hours(since)?;
            Ok((found, tables.most_refused(By::Address, since)?, tables.most_refused(By::Account, since)?))
        };
        let (found, addresses, accounts) = self.store.read(read).await?;
        let hours = (0..i64::from(hours)).map(|number| {
            let at = Timestamp(since.0 + number * HOUR_SECS);
            found.iter().find(|hour| hour.at == at).copied().unwrap_or(Hour { at, failures: 0, blocks: 0 })
        });
        Ok(Happened { hours: hours.collect(), addresses, accounts })
    }
}
