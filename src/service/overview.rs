//! Failures and blocks over time, for the administrator's page.
//!
//! A week of a site under attack takes the store's reader a moment: it is looked through by one at a time and in pieces, and
//! whoever asks again within seconds is told the same.

use std::time::Duration;

use tokio::sync::Mutex;

use super::Service;
use crate::clock::Timestamp;
use crate::store::StoreError;
use crate::store::administration::{By, Hour};

/// An hour, in seconds.
const HOUR_SECS: i64 = 3_600;

/// What was found is told so long.
const KEPT: Duration = Duration::from_secs(5);

/// What was found last: for how many hours, when, and what.
#[derive(Debug, Default)]
pub(super) struct LastOverview(Mutex<Option<(u32, Timestamp, Happened)>>);

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
        let mut last = self.last_overview.0.lock().await;
        let now = self.now();
        if let Some((of, at, found)) = &*last
            && *of == hours
            && now < at.plus(KEPT)
        {
            return Ok(found.clone());
        }
        self.flush().await?;
        let present = now.0.div_euclid(HOUR_SECS) * HOUR_SECS;
        let back = Duration::from_secs(3_600 * u64::from(hours.saturating_sub(1)));
        let since = Timestamp(present).minus(back);
        // Each for itself: between them the reader is free for others.
        let found = self.store.read(move |tables| tables.hours(since)).await?;
        let addresses = self.store.read(move |tables| tables.most_refused(By::Address, since)).await?;
        let accounts = self.store.read(move |tables| tables.most_refused(By::Account, since)).await?;
        let each = (0..i64::from(hours)).map(|number| {
            let at = Timestamp(since.0 + number * HOUR_SECS);
            found.iter().find(|hour| hour.at == at).copied().unwrap_or(Hour { at, failures: 0, blocks: 0 })
        });
        let happened = Happened { hours: each.collect(), addresses, accounts };
        *last = Some((hours, now, happened.clone()));
        Ok(happened)
    }
}
