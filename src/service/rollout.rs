//! Whom the rules meet, or would meet once they are enforced.

use super::Service;
use crate::clock::Timestamp;
use crate::gate::account::Account;
use crate::gate::name::AccountName;
use crate::store::rollout::Met;
use crate::store::{StoreError, Tables};

impl Service {
    /// Accounts after `after` in the order of their names, with what was met since `since`, and the account if there
    /// is one.
    ///
    /// # Errors
    /// The store's own trouble.
    pub async fn met(
        &self,
        since: Timestamp,
        after: String,
        limit: u32,
    ) -> Result<Vec<(Met, Option<Account>)>, StoreError> {
        // What is not in the store yet is the newest.
        self.flush().await?;
        let domain = self.rules().default_domain.clone();
        let work = move |tables: &mut dyn Tables| {
            let met = tables.met(since, &after, limit)?;
            let known = |met: Met| {
                let name = AccountName::parse(&met.account, domain.as_deref()).ok();
                let account = name.map(|name| tables.account(&name)).transpose()?.flatten();
                Ok((met, account))
            };
            met.into_iter().map(known).collect()
        };
        self.store.read(work).await
    }
}
