//! What a store counts, beside plain counting: recipients under a limit, and whom a roll-out would meet.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::sending::{passes, passing, people, recipients, set};
use super::write;
use crate::clock::Timestamp;
use crate::gate::event::{Event, Kind};
use crate::gate::limits::{Allowance, Level, Limited, Per};
use crate::store::Backend;
use crate::store::administration::{By, Hour};
use crate::store::booking::Ask;
use crate::store::rollout::Met;

const LIMIT: u32 = 10;
const INSTANCES: [&str; 4] = ["", "m1", "m2", "m3"];

/// Of which message, at its end or at DATA, and to how many.
pub(super) fn bookings() -> impl Strategy<Value = Vec<(usize, bool, u32)>> {
    vec((0..INSTANCES.len(), any::<bool>(), 0..8_u32), 1..30)
}

/// Within an hour in which nothing is released.
pub(super) fn bookings_agree<B: Backend>(backend: &B, asked: &[(usize, bool, u32)]) {
    people(backend);
    set(backend, Level::Default, Per::Account, Limited::RecipientsPerHour, Allowance::AtMost(LIMIT));
    let (mut sum, mut known, mut booked) = (0, [0; INSTANCES.len()], [false; INSTANCES.len()]);
    let mut counted = [None; INSTANCES.len()];
    for (at, &(which, ends, to)) in (0..).zip(asked) {
        let ask = if ends { Ask::Book } else { Ask::Reserve };
        let verdict = passes(backend, &passing(INSTANCES[which], ask, to, at)).verdict;
        // What was counted before counts once; recipients that were added count too.
        let most = to.max(known[which]);
        let more = most - counted[which].unwrap_or(0);
        let fits = more == 0 || sum + more <= LIMIT;
        let first = ends && !booked[which];
        assert_eq!(
            verdict.map_err(|met| met.limited),
            if fits { Ok(first) } else { Err(Limited::RecipientsPerHour) }
        );
        // Without a name only its end counts, each time.
        if fits && (which > 0 || ends) {
            sum += more;
        }
        if fits && which > 0 {
            (known[which], counted[which]) = (most, Some(most));
            booked[which] |= ends;
        }
        // What is sent back at its end is not coming.
        if !fits && ends && !booked[which] {
            sum -= counted[which].take().unwrap_or(0);
        }
        assert_eq!(recipients(backend), u64::from(sum), "after {:?} of {asked:?}", asked[at as usize]);
    }
}

const VERDICTS: [(&str, Option<&str>); 5] = [
    ("would-refuse", Some("wrong-password")),
    ("would-refuse", Some("main-password")),
    ("accept", Some("main-password")),
    ("accept", None),
    ("refuse", Some("wrong-password")),
];

/// Logins of some accounts, at times, and what became of them.
pub(super) fn logins() -> impl Strategy<Value = Vec<Event>> {
    let account = select(&["ann@example.org", "bob@example.org", "Bob", "é"][..]);
    let (protocol, address) =
        (select(&["imap", "smtp"][..]), proptest::option::of(select(&["192.0.2.1", "192.0.2.2"][..])));
    let login = (account, 0..100_i64, select(&VERDICTS[..]), protocol, address, 1..4_u32, any::<bool>());
    let event = login.prop_map(|(account, time, (verdict, reason), protocol, address, count, is_login)| {
        let kind = if is_login || verdict == "accept" { Kind::Login } else { Kind::Sending };
        let mut event = Event::new(Timestamp(time), kind, "gate").account(account);
        (event.verdict, event.reason) = (Some(verdict.into()), reason.map(Into::into));
        (event.protocol, event.address, event.count) =
            (Some(protocol.into()), address.map(Into::into), count);
        event
    });
    vec(event, 0..40)
}

pub(super) fn meetings_agree<B: Backend>(backend: &B, logins: &[Event], since: i64, at_once: u32) {
    write(backend, |tables| logins.iter().try_for_each(|login| tables.add_event(login).map(drop)));
    let mut expected: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for login in logins.iter().filter(|login| login.kind == Kind::Login && login.time.0 >= since) {
        let verdict = (login.verdict.as_deref(), login.reason.as_deref());
        if verdict.0 == Some("would-refuse") || verdict == (Some("accept"), Some("main-password")) {
            expected.entry(login.account.as_deref().unwrap_or_default()).or_default().push(login);
        }
    }
    let met = |(account, of): (&&str, &Vec<&Event>)| {
        let refused = || of.iter().filter(|login| login.verdict.as_deref() == Some("would-refuse"));
        let sum =
            |logins: &mut dyn Iterator<Item = &&Event>| logins.map(|login| i64::from(login.count)).sum();
        let words = |words: BTreeSet<&String>| words.into_iter().cloned().collect();
        Met {
            account: (*account).to_owned(),
            would_refuse: sum(&mut refused()),
            main_password: sum(&mut of.iter().filter(|login| login.verdict.as_deref() == Some("accept"))),
            reasons: words(refused().filter_map(|login| login.reason.as_ref()).collect()),
            protocols: words(of.iter().filter_map(|login| login.protocol.as_ref()).collect()),
            addresses: of.iter().filter_map(|login| login.address.as_ref()).collect::<BTreeSet<_>>().len()
                as i64,
            last: of.iter().map(|login| login.time).max().expect("there is one"),
        }
    };
    let expected: Vec<Met> = expected.iter().map(met).collect();
    // Page by page.
    let (mut found, mut after): (Vec<Met>, String) = (Vec::new(), String::new());
    loop {
        let page = write(backend, |tables| tables.met(Timestamp(since), &after, at_once));
        assert!(page.len() <= at_once as usize);
        let Some(last) = page.last() else { break };
        after.clone_from(&last.account);
        found.extend(page);
    }
    assert_eq!(found, expected);
}

pub(super) fn failures_are_counted_by_the_hour<B: Backend>(backend: &B) {
    let login = |time: i64, verdict: &str, address: Option<&str>, count: u32| {
        let mut event = Event::new(Timestamp(time), Kind::Login, "gate").account("ann@example.org");
        (event.verdict, event.address, event.count) =
            (Some(verdict.to_owned()), address.map(str::to_owned), count);
        event
    };
    let events = [
        login(3_599, "refuse", Some("192.0.2.1"), 1),
        login(3_600, "refuse", Some("192.0.2.1"), 2),
        login(7_199, "refuse", Some("192.0.2.2"), 3),
        login(7_199, "refuse", None, 4),
        login(7_199, "accept", Some("192.0.2.2"), 50),
        login(14_400, "refuse", Some("192.0.2.2"), 1),
        Event::new(Timestamp(3_600), Kind::BlockAdded, "gate").address("192.0.2.1"),
        Event::new(Timestamp(3_700), Kind::BlockAdded, "uid 0").address("192.0.2.3"),
        Event { verdict: Some("refuse".into()), ..Event::new(Timestamp(3_700), Kind::Sending, "gate") },
    ];
    write(backend, |tables| events.iter().try_for_each(|event| tables.add_event(event).map(drop)));
    let hours = |since| write(backend, |tables| tables.hours(Timestamp(since)));
    let hour = |at, failures, blocks| Hour { at: Timestamp(at), failures, blocks };
    assert_eq!(hours(0), [hour(0, 1, 0), hour(3_600, 9, 2), hour(14_400, 1, 0)]);
    assert_eq!(hours(3_600), [hour(3_600, 9, 2), hour(14_400, 1, 0)]);
    let most = |by, since| {
        let found = write(backend, |tables| tables.most_refused(by, Timestamp(since)));
        found.into_iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>()
    };
    assert_eq!(most(By::Address, 0), ["192.0.2.2 4", "192.0.2.1 3"]);
    assert_eq!(most(By::Account, 3_600), ["ann@example.org 10"]);
    assert_eq!(most(By::Account, 20_000), [""; 0]);
}
