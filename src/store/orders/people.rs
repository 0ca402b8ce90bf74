//! Orders about somebody's second factors, sessions and main password.

use super::{Circumstances, Outcomes, Tables};
use crate::clock::Timestamp;
use crate::gate::account::Account;
use crate::gate::event::{Event, Kind};
use crate::gate::mandatory;
use crate::gate::order::{Done, Order, OrderRefused};
use crate::gate::reset::ResetReason;
use crate::gate::secret::Digest;
use crate::gate::set_up_code::{self, SetUpCode};
use crate::gate::throttle::Throttle;
use crate::store::StoreError;

/// Orders about an account that exists.
pub(super) fn change(
    tables: &mut dyn Tables,
    account: &Account,
    order: &Order,
    at: &Circumstances,
    events: &mut Vec<Event>,
) -> Outcomes {
    let event = |kind| at.event(kind).account(account.name.as_str());
    match order {
        Order::ResetFactors { reason, two_factor_off, code, .. } => {
            let ends = reset(tables, account, reason, (*two_factor_off, code), at, events)?;
            return Ok(Ok(Done::FactorsReset(ends)));
        }
        Order::UnlockFactors(_) => {
            let failures = tables.throttle(account.id)?.failures;
            if failures > 0 {
                tables.set_throttle(account.id, Throttle::default())?;
                events.push(event(Kind::FactorsUnlocked).reason(format!("{failures} wrong codes")));
            }
            return Ok(Ok(Done::Unlocked(failures)));
        }
        Order::SetMainPassword { hash, .. } => {
            let before = tables.set_main_password(account.id, hash.as_ref(), at.now)?;
            if hash.is_none() && !before {
                return Ok(Err(OrderRefused::NoMainPassword(account.name.clone())));
            }
            // Whoever knows the one from before is not to go on with it.
            tables.end_sessions(account.id, None)?;
            tables.forget_familiar(account.id)?;
            let kind = if hash.is_some() { Kind::MainPasswordSet } else { Kind::MainPasswordRemoved };
            events.push(event(kind));
        }
        Order::EndSessions(_) => {
            let sessions = tables.end_sessions(account.id, None)?;
            let devices = tables.remove_devices(account.id, None)?;
            tables.forget_familiar(account.id)?;
            let what = format!("{sessions} sessions, {devices} trusted devices");
            events.push(event(Kind::SessionsEnded).reason(what));
        }
        _ => return Ok(Ok(Done::Unchanged)),
    }
    Ok(Ok(Done::Changed))
}

/// Takes away everything that is proved, waited for or trusted. Where two-factor stays on, the next sign-in leads to setting
/// it up; returns when the set-up code ends that it has to give first, if it has to.
fn reset(
    tables: &mut dyn Tables,
    account: &Account,
    reason: &ResetReason,
    (two_factor_off, code): (bool, &Digest),
    at: &Circumstances,
    events: &mut Vec<Event>,
) -> Result<Option<Timestamp>, StoreError> {
    for row in tables.factors(account.id)? {
        tables.remove_factor(row.factor.id)?;
    }
    tables.set_recovery_codes(account.id, &[], None)?;
    tables.set_throttle(account.id, Throttle::default())?;
    tables.remove_devices(account.id, None)?;
    tables.forget_familiar(account.id)?;
    tables.end_sessions(account.id, None)?;
    let event = |kind| at.event(kind).account(account.name.as_str());
    events.push(event(Kind::FactorsReset).reason(reason.as_str()));
    if two_factor_off && account.two_factor {
        tables.set_account(account.id, account.enabled, false)?;
        events.push(event(Kind::TwoFactorOff));
    }
    let duty = mandatory::duty(&at.people.mandatory, account, at.now);
    let made = set_up_code::is_made(at.people.set_up_code, two_factor_off, duty);
    let code = made.then(|| SetUpCode::new(code, account.id, &at.keys, at.now));
    // One from before is good no more, whoever has it.
    tables.put_set_up_code(account.id, code.as_ref())?;
    Ok(code.map(|code| code.ends()))
}
