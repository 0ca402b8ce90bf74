//! Booking: the one transaction that lets a message through or not, counts it, and tells once that a limit
//! is reached.

use std::ops::Range;

use super::sending::{Message, RESERVED_SECS, Scope, Stage};
use super::{StoreError, Tables};
use crate::clock::Timestamp;
use crate::gate::event::{Event, Kind};
use crate::gate::limits::{
    Amount, Level, Limited, Limits, Per, Reached, fits, in_force, lies_within_every_window, oldest_slot,
    slot_of, used,
};
use crate::gate::name::GroupName;
use crate::gate::notice::{Channel, Limit, Notice, NoticeKind};
use crate::gate::sending::Met;

/// Messages whose reservation one transaction takes back.
const RELEASE_MAX: u32 = 100;

/// What is asked about a message: at DATA, or at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// May it come?
    Reserve,
    /// It has come.
    Book,
}

/// A message on its way, and what is to happen at a limit.
#[derive(Clone, Debug)]
pub struct Passing {
    /// Postfix's name for it; empty where it tells none.
    pub instance: String,
    /// Who sends it.
    pub message: Message,
    /// The group of the account.
    pub group: Option<GroupName>,
    /// How far it has come.
    pub ask: Ask,
    /// From the daemon's start to when the end of any message was last heard of: the end of one that was reserved in
    /// this time would have been heard of too.
    pub ends_heard: Option<Range<Timestamp>>,
    /// At a limit, the client password that sent most is removed.
    pub revoke: bool,
    /// Channels that a notice goes through, comma-separated; empty: nobody is told.
    pub channels: String,
    /// Who sends, from where and with what, for events.
    pub about: Event,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Passed {
    /// Let through (and true when it was booked for the first time), or the limit it met.
    pub verdict: Result<bool, Met>,
    /// The client password that was removed.
    pub revoked: Option<(i64, String)>,
    /// Events to be logged once this is on disk.
    pub events: Vec<Event>,
}

/// Lets a message through and counts it, or says which limit it meets, tells that once, and removes the
/// client password that sent most, if that is wanted.
///
/// # Errors
/// The store's own trouble.
pub fn pass(tables: &mut dyn Tables, passing: &Passing) -> Result<Passed, StoreError> {
    let now = passing.about.time;
    let met = match let_through(tables, passing, now)? {
        Ok(first) => return Ok(Passed { verdict: Ok(first), revoked: None, events: Vec::new() }),
        Err(met) => met,
    };
    // A message that is larger than the limit itself has reached nothing.
    if met.opens.is_none() {
        return Ok(Passed { verdict: Err(met), revoked: None, events: Vec::new() });
    }
    let mut events = Vec::new();
    let mut revoked = None;
    if passing.revoke
        && met.per != Per::Address
        && let Some((id, name)) = heaviest(tables, &passing.message, &met, now)?
    {
        tables.revoke_password(id, now)?;
        let event = Event::new(now, Kind::PasswordRevoked, "gate").password(id, &name);
        let event = event.account(passing.message.account.as_str());
        events.push(event.reason(format!("sending limit: {}", met.limited.words(met.limit))));
        revoked = Some((id, name));
    }
    if let Some(event) = tell(tables, passing, &met, revoked.as_ref(), now)? {
        events.push(event);
    }
    for event in &events {
        tables.add_event(event)?;
    }
    Ok(Passed { verdict: Err(met), revoked, events })
}

/// Tells that a limit is reached, unless somebody was told within its window.
fn tell(
    tables: &mut dyn Tables,
    passing: &Passing,
    met: &Met,
    revoked: Option<&(i64, String)>,
    now: Timestamp,
) -> Result<Option<Event>, StoreError> {
    let scopes = passing.message.scopes();
    let Some((_, scope)) = scopes.iter().find(|(per, _)| *per == met.per) else { return Ok(None) };
    let lately = tables.told(scope, met.limited)?.is_some_and(|at| now < at.plus(met.limited.window()));
    if lately && revoked.is_none() {
        return Ok(None);
    }
    tables.set_told(scope, met.limited, now)?;
    let reason = format!("{} per {}", met.limited.words(met.limit), met.per.word());
    let event = Event { kind: Kind::LimitReached, ..passing.about.clone() }.reason(reason);
    let channels = channels(passing, met.per);
    if !channels.is_empty() {
        let about = &passing.about;
        let password = revoked.cloned().or_else(|| about.password_id.zip(about.password_name.clone()));
        let notice = Notice {
            id: 0,
            time: now,
            kind: NoticeKind::SendingLimit,
            account: passing.message.account.to_string(),
            limit: Some(Limit { on: met.limited, at_most: met.limit, per: met.per }),
            until: met.opens,
            address: about.address.clone(),
            password,
            revoked: revoked.is_some(),
            detail: None,
            actor: None,
            other: None,
        };
        let body = serde_json::to_string(&notice).map_err(|why| StoreError::Failed(why.to_string()))?;
        tables.add_notice(now, &channels, &body)?;
    }
    Ok(Some(event))
}

/// The ways a notice goes. A limit of an address is no owner's: whoever met it may have sent one message.
fn channels(passing: &Passing, per: Per) -> String {
    let owners = |way: &&str| per == Per::Address && *way == Channel::OwnerMail.word();
    passing.channels.split(',').filter(|way| !way.is_empty() && !owners(way)).collect::<Vec<_>>().join(",")
}

/// The client password that sent most of what a limit counts. None, if more came otherwise: with the main
/// password, or with a client password that was removed before, which must not take the others with it.
fn heaviest(
    tables: &mut dyn Tables,
    message: &Message,
    met: &Met,
    now: Timestamp,
) -> Result<Option<(i64, String)>, StoreError> {
    let Some(account) = tables.account(&message.account)? else { return Ok(None) };
    if met.per == Per::ClientPassword {
        let meant = account.passwords.iter().find(|password| message.password_id == Some(password.id));
        return Ok(meant.map(|password| (password.id, password.name.to_string())));
    }
    let mut sent = |scope| -> Result<u64, StoreError> {
        Ok(used(met.limited, &tables.sent(&scope, oldest_slot(now))?, now))
    };
    let mut otherwise = sent(Scope::Account(message.account.clone()))?;
    let mut most = (0, None);
    for password in &account.passwords {
        let its = sent(Scope::Password(password.id))?;
        otherwise = otherwise.saturating_sub(its);
        if its > most.0 {
            most = (its, Some((password.id, password.name.to_string())));
        }
    }
    Ok(most.1.filter(|_| most.0 > otherwise))
}

/// Lets a message through and counts it; true when it was booked for the first time. The same `instance` is
/// counted once, however often it is asked about; without one, only its end counts.
///
/// A message counts from DATA on, and at its end it counts anew, as of then: so no hour holds more than the limit,
/// however long somebody takes to send what was let through. Within the hour that is the same amount. What took longer,
/// or was given back, has to keep within the limits once more.
///
/// At DATA nothing is written where no limit is set: it is counted at its end.
fn let_through(
    tables: &mut dyn Tables,
    passing: &Passing,
    now: Timestamp,
) -> Result<Result<bool, Met>, StoreError> {
    release_overdue(tables, now, passing.ends_heard.as_ref())?;
    let Passing { instance, message, group, ask, .. } = passing;
    let known = if instance.is_empty() { None } else { tables.message(instance)? };
    // A name that comes again for another account is another server's.
    let known = known.filter(|(_, _, known)| known.account == message.account);
    let counted = known.clone().filter(|(_, stage, _)| *stage != Stage::Released);
    let before = counted.as_ref().map_or(0, |(_, _, before)| before.recipients);
    let grows = message.recipients > before;
    let booked = matches!(counted, Some((_, Stage::Booked, _)));
    if counted.is_some() && !grows && (booked || *ask == Ask::Reserve) {
        return Ok(Ok(false));
    }
    let message = match known {
        Some((_, _, known)) => Message { recipients: known.recipients.max(message.recipients), ..known },
        None => message.clone(),
    };
    if let Some((time, _, known)) = &counted {
        count(tables, known, slot_of(*time), -1)?;
    }
    let promised = !grows && counted.as_ref().is_some_and(|(time, ..)| lies_within_every_window(*time, now));
    let more = Amount { messages: 1, recipients: message.recipients.into() };
    let limited = match keeps_within(tables, &message, group.as_ref(), more, now)? {
        Ok(limited) => limited,
        Err(_) if promised => true,
        Err(met) => {
            match &counted {
                // It is not coming.
                Some((time, Stage::Reserved, known)) if *ask == Ask::Book => {
                    tables.put_message(instance, *time, Stage::Released, known)?;
                }
                Some((time, _, known)) => count(tables, known, slot_of(*time), 1)?,
                None => {}
            }
            return Ok(Err(met));
        }
    };
    if *ask == Ask::Reserve && (instance.is_empty() || (!limited && counted.is_none())) {
        return Ok(Ok(false));
    }
    count(tables, &message, slot_of(now), 1)?;
    if !instance.is_empty() {
        let stage = if booked || *ask == Ask::Book { Stage::Booked } else { Stage::Reserved };
        tables.put_message(instance, now, stage, &message)?;
    }
    Ok(Ok(*ask == Ask::Book && !booked))
}

/// Whether a message keeps within every limit that is set for it; if so, whether any is set.
fn keeps_within(
    tables: &mut dyn Tables,
    message: &Message,
    group: Option<&GroupName>,
    more: Amount,
    now: Timestamp,
) -> Result<Result<bool, Met>, StoreError> {
    let mut limited = false;
    for (per, scope) in message.scopes() {
        let levels = levels(tables, message, group, per)?;
        if levels.iter().all(Limits::is_empty) {
            continue;
        }
        limited = true;
        let slots = tables.sent(&scope, oldest_slot(now))?;
        if let Err(Reached { limited, limit, opens }) = fits(&levels, &slots, more, now) {
            return Ok(Err(Met { per, limited, limit, opens }));
        }
    }
    Ok(Ok(limited))
}

/// Whether any limit is set for a message: where none is, trouble with counting keeps nobody from sending.
///
/// # Errors
/// The store's own trouble.
pub fn is_limited(
    tables: &mut dyn Tables,
    message: &Message,
    group: Option<&GroupName>,
) -> Result<bool, StoreError> {
    for (per, _) in message.scopes() {
        let levels = levels(tables, message, group, per)?;
        if Limited::ALL.into_iter().any(|limited| in_force(limited, &levels).is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What is said of a message's limits, the level that wins first. One address is nobody's own: only the
/// default speaks of it.
fn levels(
    tables: &mut dyn Tables,
    message: &Message,
    group: Option<&GroupName>,
    per: Per,
) -> Result<Vec<Limits>, StoreError> {
    let mut levels = Vec::with_capacity(3);
    if per != Per::Address {
        levels.push(tables.limits(&Level::Account(message.account.clone()), per)?);
        if let Some(group) = group {
            levels.push(tables.limits(&Level::Group(group.clone()), per)?);
        }
    }
    levels.push(tables.limits(&Level::Default, per)?);
    Ok(levels)
}

/// Counts a message, or (`sign` is -1) takes back what was counted for it.
fn count(tables: &mut dyn Tables, message: &Message, slot: i64, sign: i64) -> Result<(), StoreError> {
    let recipients = sign * i64::from(message.recipients);
    message.scopes().iter().try_for_each(|(_, scope)| tables.add_sent(scope, slot, sign, recipients))
}

/// Takes back what was counted for messages that never ended; some of them, if there are many. Only where the end of
/// some later message was heard of: Postfix may not be told to ask at the end, and then DATA is all there is. What ended
/// while the daemon was away was not heard of either.
///
/// # Errors
/// The store's own trouble.
pub fn release_overdue(
    tables: &mut dyn Tables,
    now: Timestamp,
    ends_heard: Option<&Range<Timestamp>>,
) -> Result<(), StoreError> {
    let Some(ends_heard) = ends_heard else { return Ok(()) };
    let before = Timestamp((now.0 - RESERVED_SECS).min(ends_heard.end.0));
    for (instance, time, message) in tables.overdue_messages(ends_heard.start..before, RELEASE_MAX)? {
        count(tables, &message, slot_of(time), -1)?;
        tables.put_message(&instance, time, Stage::Released, &message)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
