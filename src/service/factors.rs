//! Second factors as an administrator sees them, and helps with them.

use zeroize::Zeroizing;

use super::{OrderError, Service};
use crate::clock::Timestamp;
use crate::gate::factor::Factor;
use crate::gate::name::AccountName;
use crate::gate::order::{Actor, Done, Order};
use crate::gate::recovery;
use crate::gate::reset::ResetReason;
use crate::gate::throttle::Admission;
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
    /// Delegations that it granted.
    pub delegations: u32,
    /// Whether a code is looked at.
    pub codes: Admission,
    /// When the set-up code ends that it waits for.
    pub set_up_code: Option<Timestamp>,
    /// When somebody last came in at the portal; `None`: never.
    pub signed_in: Option<Timestamp>,
    /// Sessions at the portal.
    pub sessions: u32,
    /// Browsers that are trusted.
    pub trusted: u32,
    /// A reset makes a set-up code.
    pub makes_code: bool,
    /// The numbers of those whose store key the key file does not have.
    pub lost: Vec<i64>,
}

impl Service {
    /// The second factors of an account, if there is one.
    ///
    /// # Errors
    /// The store's own trouble.
    pub async fn factors_of(&self, account: AccountName) -> Result<Option<FactorsOf>, StoreError> {
        let (now, wanted) = (self.now(), self.rules().people.set_up_code);
        let keys = self.keys();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let read = move |tables: &mut dyn Tables| {
            let Some(found) = tables.account(&account)? else { return Ok(None) };
            let left = count(tables.recovery_codes(found.id)?.len());
            let throttle = tables.throttle(found.id)?;
            let code = tables.set_up_code(found.id)?.filter(|_| wanted);
            let sessions = tables.sessions(found.id)?;
            let devices = tables.devices(found.id)?;
            let granted = tables.delegations(Some(&found.name))?;
            let granted = granted.iter().filter(|one| one.owner == found.name.as_str()).count();
            let rows = tables.factors(found.id)?;
            let lost = rows.iter().filter(|row| keys.get(row.sealed.key_id).is_none());
            Ok(Some(FactorsOf {
                two_factor: found.two_factor,
                lost: lost.map(|row| row.factor.id).collect(),
                factors: rows.into_iter().map(|row| row.factor).collect(),
                recovery_codes: tables.recovery_made(found.id)?.map(|_| left),
                passwords: count(found.passwords.len()),
                delegations: count(granted),
                failures: throttle.failures,
                codes: throttle.admits(now),
                set_up_code: code.map(|code| code.ends()),
                makes_code: wanted,
                signed_in: tables.signed_in(found.id)?,
                sessions: count(sessions.iter().filter(|row| !row.session.is_over(now)).count()),
                trusted: count(devices.iter().filter(|one| (one.created..one.until).contains(&now)).count()),
                account: found.name,
            }))
        };
        self.store.read(read).await
    }

    /// Takes somebody's second factors away. Returns the set-up code that has to be given before another is bound, where
    /// there is one, and when it ends: the only place where it exists in the clear.
    ///
    /// # Errors
    /// As for [`Service::carry_out`].
    pub async fn reset_factors(
        &self,
        account: AccountName,
        reason: ResetReason,
        two_factor_off: bool,
        actor: impl Into<Actor>,
    ) -> Result<Option<(Zeroizing<String>, Timestamp)>, OrderError> {
        let code = recovery::draw(&self.entropy);
        let digest = recovery::parse(&code).ok_or(StoreError::Closed)?.digest();
        let order = Order::ResetFactors { account, reason, two_factor_off, code: digest };
        match self.carry_out(order, actor).await? {
            Done::FactorsReset(ends) => Ok(ends.map(|ends| (code, ends))),
            _ => Err(StoreError::Closed.into()),
        }
    }

    /// Forgets the wrong codes of somebody's second factors; returns how many there were.
    ///
    /// # Errors
    /// As for [`Service::carry_out`].
    pub async fn unlock_factors(
        &self,
        account: AccountName,
        actor: impl Into<Actor>,
    ) -> Result<u32, OrderError> {
        match self.carry_out(Order::UnlockFactors(account), actor).await? {
            Done::Unlocked(failures) => Ok(failures),
            _ => Err(StoreError::Closed.into()),
        }
    }
}
