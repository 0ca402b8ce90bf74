//! What is put down is read again as it was, whatever it is, once it is clean.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::{name, write};
use crate::clock::Timestamp;
use crate::gate::account::{LastUse, Stored, Terms};
use crate::gate::address::{Key, Prefixes};
use crate::gate::clean::clean;
use crate::gate::event::{Event, Kind};
use crate::gate::key::{AccountTag, KeyId, SecretTag, Selector};
use crate::gate::name::Protocol;
use crate::gate::record::{AddressRecord, Block, Failure, Run};
use crate::gate::streak::{Program, Streak, Told};
use crate::store::{Backend, EventQuery, NewRow};

/// Anything, and often with something at its ends that somebody could take away.
fn anything() -> impl Strategy<Value = String> {
    prop_oneof!["[ \t\n,]?[a-z]{0,4}[ \t\n,]?", any::<String>()]
}

/// As the store keeps what strangers send.
fn kept() -> impl Strategy<Value = String> {
    anything().prop_map(|text| clean(&text).into_owned())
}

pub(super) fn event() -> impl Strategy<Value = Event> {
    let text = || of(kept());
    let who = (text(), text(), text(), of(any::<i64>()), text());
    let how = (text(), text(), kept(), any::<u32>(), text());
    (any::<i64>(), select(&Kind::ALL[..]), who, how).prop_map(|(time, kind, who, how)| {
        let (account, address, protocol, password_id, password_name) = who;
        let (verdict, reason, actor, count, typed) = how;
        let time = Timestamp(time);
        Event {
            time,
            kind,
            account,
            typed,
            address,
            protocol,
            password_id,
            password_name,
            verdict,
            reason,
            actor,
            count,
        }
    })
}

pub(super) fn source() -> impl Strategy<Value = (Key, AddressRecord)> {
    let network = (any::<std::net::IpAddr>(), 1..=32_u8, 1..=128_u8)
        .prop_filter_map("nobody's", |(address, ipv4, ipv6)| Key::of(address, &Prefixes::new(ipv4, ipv6)));
    let key = prop_oneof![network, any::<u64>().prop_map(|tag| Key::NoAddress(AccountTag(tag)))];
    let failure = (any::<u64>(), any::<u64>())
        .prop_map(|(account, secret)| Failure { account: AccountTag(account), secret: SecretTag(secret) });
    let failures = || vec(failure.clone(), 1..12);
    let told = || {
        let program = anything().prop_filter_map("nothing", |text| Program::new(&text));
        of((any::<u64>(), program).prop_map(|(tag, program)| Told { account: AccountTag(tag), program }))
    };
    let run = (failures(), any::<i64>(), told()).prop_map(|(failures, last, told)| {
        AddressRecord::Run(Run { failures, last: Timestamp(last), told: told.map(Box::new) })
    });
    let streak = of((failures(), told()).prop_map(|(failures, told)| {
        let told = told.map(|told| Told { account: failures[0].account, ..told });
        Box::new(Streak::of(&failures, told.as_ref(), 10))
    }));
    let block = (any::<i64>(), any::<i64>(), kept(), streak).prop_map(|(since, until, reason, streak)| {
        AddressRecord::Blocked(Block { since: Timestamp(since), until: Timestamp(until), reason, streak })
    });
    (key, prop_oneof![run, block])
}

pub(super) fn password() -> impl Strategy<Value = (String, Stored, Terms, LastUse)> {
    let stored = (any::<[u8; 16]>(), any::<[u8; 8]>(), anything()).prop_map(|(selector, key, phc)| {
        Stored::Ours { selector: Selector(selector), key_id: KeyId(key), phc }
    });
    let protocol = "[a-zA-Z0-9._-]{1,32}".prop_map(|text| Protocol::parse(&text).expect("good"));
    let network = (any::<std::net::IpAddr>(), 0..=32_u8)
        .prop_map(|(address, bits)| ipnet::IpNet::new(address, bits).expect("good").trunc());
    let terms = (of(any::<i64>()), vec(protocol, 0..4), vec(network, 0..4))
        .prop_map(|(end, protocols, networks)| Terms { expires: end.map(Timestamp), protocols, networks });
    let last_use = (any::<i64>(), of(kept()), kept()).prop_map(|(at, address, protocol)| LastUse {
        at: Timestamp(at),
        address,
        protocol,
    });
    (anything(), stored, terms, last_use)
}

pub(super) fn come_back<B: Backend>(
    backend: &B,
    event: &Event,
    (key, record): &(Key, AddressRecord),
    (device, stored, terms, last_use): &(String, Stored, Terms, LastUse),
) {
    let ann = name("ann@example.org");
    let (number, id) = write(backend, |tables| {
        tables.put_source(key, Some(record))?;
        let (account_id, created) = (tables.add_account(&ann, event.time)?, event.time);
        let id = tables.add_password(&NewRow { account_id, name: device, stored, created, terms })?;
        tables.set_last_use(id, last_use)?;
        Ok((tables.add_event(event)?, id))
    });
    let all = EventQuery { limit: 9, ..EventQuery::default() };
    assert_eq!(write(backend, |tables| tables.events(&all)), [(number, event.clone())]);
    assert_eq!(write(backend, |tables| tables.source(key)).as_ref(), Some(record));
    assert_eq!(write(backend, |tables| tables.sources()), [(*key, record.clone())]);
    let account = write(backend, |tables| tables.account(&ann)).expect("there");
    let read = &account.passwords[0];
    assert_eq!((read.id, &*read.name, &read.stored, &read.terms), (id, device.as_str(), stored, terms));
    assert_eq!((read.created, read.last_use.as_ref()), (event.time, Some(last_use)));
}
