//! Alike events are told as one, with their number: refusals of a blocked source, and of empty passwords, by the minute; and, where more logins
//! succeed in a second than anybody could read, those of the same client password from the same address by the second.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::Mutex;

use super::lock;
use crate::clock::Timestamp;
use crate::gate::address::Key;
use crate::gate::event::Event;
use crate::gate::key::AccountTag;
use crate::gate::login::{Grant, Origin};
use crate::gate::name::Protocol;

/// Refusals of blocked sources are summed up for this long.
const SUM_UP_SECS: i64 = 60;
/// Blocked sources and accounts whose refusals are summed up at once; and ways in whose logins are.
const SUMS_MAX: usize = 10_000;
/// Events of one second that are told one by one, however alike.
pub(super) const EACH_MAX: usize = 1_000;

/// Refusals of blocked sources: the first of a minute is told at once, the others as a sum.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<HashMap<(Key, AccountTag), Sum>>);

/// Refusals since the first, which was told at once.
#[derive(Debug)]
struct Sum {
    since: Timestamp,
    more: u32,
    latest: Event,
}

impl Refusals {
    /// Returns the event if it is to be recorded now. It is made only where it differs from the one before in more than
    /// its time.
    pub(super) fn note(
        &self,
        source: Key,
        account: AccountTag,
        now: Timestamp,
        is_alike: impl FnOnce(&Event) -> bool,
        make: impl FnOnce() -> Event,
    ) -> Option<Event> {
        let mut sums = lock(&self.0);
        let full = sums.len() >= SUMS_MAX;
        match sums.entry((source, account)) {
            Entry::Occupied(mut sum) => {
                let sum = sum.get_mut();
                sum.more = sum.more.saturating_add(1);
                if is_alike(&sum.latest) {
                    sum.latest.time = now;
                } else {
                    sum.latest = make();
                }
                None
            }
            Entry::Vacant(_) if full => None,
            Entry::Vacant(place) => {
                let latest = make();
                place.insert(Sum { since: now, more: 0, latest: latest.clone() });
                Some(latest)
            }
        }
    }

    /// Takes the sums whose minute is over; all of them if `everything`.
    pub(super) fn over(&self, now: Timestamp, everything: bool) -> Vec<Event> {
        let mut over = Vec::new();
        lock(&self.0).retain(|_, Sum { since, more, latest }| {
            let ends = everything || now.0 >= since.0 + SUM_UP_SECS;
            if ends && *more > 0 {
                over.push(Event { count: *more, ..latest.clone() });
            }
            !ends
        });
        over
    }
}

/// What makes two logins alike.
type Way = (AccountTag, Option<i64>, Option<IpAddr>, Protocol);

/// Logins that succeeded, of a second in which there were too many to tell each.
#[derive(Debug, Default)]
pub(super) struct Accepts(Mutex<HashMap<Way, (u32, Event)>>);

impl Accepts {
    /// Counts a login. Returns its event where there are too many ways already to sum up another.
    pub(super) fn note(
        &self,
        tag: AccountTag,
        grant: &Grant,
        origin: &Origin,
        make: impl FnOnce() -> Event,
    ) -> Option<Event> {
        let password = grant.password.as_ref().map(|(id, _)| *id);
        let way = (tag, password, origin.address, origin.protocol.clone());
        let mut accepts = lock(&self.0);
        let full = accepts.len() >= SUMS_MAX;
        match accepts.entry(way) {
            Entry::Occupied(mut alike) => {
                let count = &mut alike.get_mut().0;
                *count = count.saturating_add(1);
            }
            Entry::Vacant(_) if full => return Some(make()),
            Entry::Vacant(place) => drop(place.insert((1, make()))),
        }
        None
    }

    /// Takes all.
    pub(super) fn take(&self) -> Vec<Event> {
        let taken = std::mem::take(&mut *lock(&self.0));
        taken.into_values().map(|(count, event)| Event { count, ..event }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::event::Kind;
    use crate::gate::name::AccountName;
    use bytes::Bytes;

    const ANN: AccountTag = AccountTag(1);

    fn event(reason: &str) -> Event {
        Event::new(Timestamp(0), Kind::Login, "gate").reason(reason)
    }

    #[test]
    fn the_first_refusal_is_told_at_once_and_the_others_of_its_minute_as_a_sum() {
        let (refusals, key) = (Refusals::default(), Key::NoAddress(ANN));
        let note = |second, reason: &'static str| {
            let alike = |event: &Event| event.reason.as_deref() == Some(reason);
            refusals.note(key, ANN, Timestamp(second), alike, || event(reason)).is_some()
        };
        assert!(note(0, "blocked"));
        assert!(!note(1, "blocked") && !note(2, "wrong-protocol") && !note(59, "wrong-protocol"));
        assert!(refusals.over(Timestamp(59), false).is_empty());
        let sums = refusals.over(Timestamp(60), false);
        let told: Vec<_> = sums.iter().map(|sum| (sum.count, sum.time, sum.reason.as_deref())).collect();
        assert_eq!(told, [(3, Timestamp(59), Some("wrong-protocol"))]);
        assert!(note(61, "blocked"), "a new minute");
        assert!(refusals.over(Timestamp(62), true).is_empty(), "it was told already");
    }

    #[test]
    fn logins_are_alike_that_differ_in_nothing_but_their_number() {
        let accepts = Accepts::default();
        let origin = |protocol: &str, address: &str| Origin {
            address: address.parse().ok(),
            host: None,
            protocol: Protocol::parse(protocol).unwrap(),
            params: Bytes::new(),
            held: true,
        };
        let account = AccountName::parse("ann@example.org", None).unwrap();
        let grant = |id| Grant { account: account.clone(), password: Some((id, "phone".into())) };
        let note = |tag, id, protocol: &str, address: &str| {
            assert!(accepts.note(tag, &grant(id), &origin(protocol, address), || event("x")).is_none());
        };
        for _ in 0..3 {
            note(ANN, 1, "imap", "192.0.2.7");
        }
        note(AccountTag(2), 1, "imap", "192.0.2.7");
        note(ANN, 2, "imap", "192.0.2.7");
        note(ANN, 1, "pop3", "192.0.2.7");
        note(ANN, 1, "imap", "192.0.2.8");
        let mut counts: Vec<_> = accepts.take().iter().map(|event| event.count).collect();
        counts.sort_unstable();
        assert_eq!(counts, [1, 1, 1, 1, 3]);
        assert!(accepts.take().is_empty());

        for n in 0..SUMS_MAX as u64 {
            note(AccountTag(n), 1, "imap", "192.0.2.7");
        }
        note(ANN, 1, "imap", "192.0.2.7");
        let other = accepts.note(ANN, &grant(2), &origin("imap", "192.0.2.7"), || event("x"));
        assert_eq!(other.map(|event| event.count), Some(1), "it is told by itself");
        assert_eq!(accepts.take().len(), SUMS_MAX);
    }
}
