//! Imports: whole requests of rows, each in one transaction.

use std::sync::Arc;

use super::{OrderError, Service};
use crate::gate::import::{AccountRow, Fault, PasswordRow};
use crate::gate::name::AccountName;
use crate::gate::order::Actor;
use crate::log;
use crate::store::orders::{Circumstances, Imported, import_accounts, import_passwords};
use crate::store::{PasswordLine, StoreError, Tables};

impl Service {
    /// Makes and changes accounts, all or none. When this returns, it is on disk and in force.
    ///
    /// # Errors
    /// The store's own trouble; nothing was changed then.
    pub async fn import_accounts(
        &self,
        rows: Vec<AccountRow>,
        dry_run: bool,
        actor: &str,
    ) -> Result<Imported, OrderError> {
        let names = rows.iter().map(|row| row.account.clone()).collect();
        let at = self.circumstances(actor);
        let work = move |tables: &mut dyn Tables| import_accounts(tables, &rows, dry_run, &at);
        self.import(names, dry_run, work).await
    }

    /// Adds client passwords of another system, all or none. When this returns, it is on disk and in force.
    ///
    /// # Errors
    /// The store's own trouble; nothing was changed then.
    pub async fn import_passwords(
        &self,
        mut rows: Vec<PasswordRow>,
        dry_run: bool,
        actor: &str,
    ) -> Result<Imported, OrderError> {
        let prefixes = self.rules().prefixes;
        let scattered = |(row, given): (usize, &mut PasswordRow)| {
            let why = given.terms.fold(&prefixes).err()?.to_string();
            Some((row, Fault { column: "from", why }))
        };
        let mistakes: Vec<_> = rows.iter_mut().enumerate().filter_map(scattered).collect();
        if !mistakes.is_empty() {
            return Ok(Imported { mistakes, ..Imported::default() });
        }
        let names = rows.iter().map(|row| row.account.clone()).collect();
        let at = self.circumstances(actor);
        let work = move |tables: &mut dyn Tables| import_passwords(tables, &rows, dry_run, &at);
        self.import(names, dry_run, work).await
    }

    pub(super) fn circumstances(&self, actor: impl Into<Actor>) -> Circumstances {
        let (actor, rules) = (actor.into(), self.rules());
        let (passwords_max, failure_delay) = (rules.per_account, rules.failure_delay);
        let people = Arc::clone(&rules.people);
        let (now, wall) = (self.now(), self.clock.wall());
        Circumstances { now, wall, actor, keys: self.keys(), people, passwords_max, failure_delay }
    }

    async fn import(
        &self,
        names: Vec<AccountName>,
        dry_run: bool,
        work: impl FnMut(&mut dyn Tables) -> Result<Imported, StoreError> + Send + 'static,
    ) -> Result<Imported, OrderError> {
        if dry_run {
            return Ok(self.store.read(work).await?);
        }
        let done = self.store.change_all(names, work).await?;
        done.events.iter().for_each(log::event);
        if !done.events.is_empty() {
            self.ring_notices();
        }
        Ok(done)
    }

    /// Client passwords of all accounts in the order of their numbers, with last uses up to this moment.
    ///
    /// # Errors
    /// The store's own trouble.
    pub async fn passwords(&self, after: i64, limit: u32) -> Result<Vec<PasswordLine>, StoreError> {
        self.flush().await?;
        self.store.read(move |tables| tables.passwords(after, limit)).await
    }
}
