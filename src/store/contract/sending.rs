//! What every store promises about sending.

use super::{NOW, name, new_password, order, write};
use crate::clock::Timestamp;
use crate::gate::address::Key;
use crate::gate::alias::{Alias, Place};
use crate::gate::delegation::Right;
use crate::gate::event::{Event, Kind};
use crate::gate::limits::{Allowance, Level, Limited, Limits, LimitsChange, Per};
use crate::gate::name::GroupName;
use crate::gate::order::{Done, Order, OrderRefused};
use crate::gate::sender::Standing;
use crate::gate::sending::Met;
use crate::store::booking::{Ask, Passed, Passing, is_limited, pass};
use crate::store::sending::{MESSAGE_KEPT_SECS, Message, NOTICE_KEPT_SECS, RESERVED_SECS, Scope};
use crate::store::{Backend, EventQuery, senders};

const ANN: &str = "ann@example.org";
const BOB: &str = "bob@example.org";
const TEAM: &str = "team@example.org";

pub(super) fn people<B: Backend>(backend: &B) {
    for account in [ANN, BOB, TEAM] {
        order(backend, &Order::AddAccount(name(account))).expect("added");
    }
}

fn alias(alias: &str, of: &str) -> Alias {
    let place = |text: &str| Place::parse(text, None).expect("good");
    Alias::new(place(alias), place(of)).expect("good")
}

fn add_alias<B: Backend>(backend: &B, one: &str, of: &str) -> Result<Done, OrderRefused> {
    order(backend, &Order::AddAlias(alias(one, of)))
}

fn grant<B: Backend>(backend: &B, owner: &str, delegate: &str, right: Right) -> Result<Done, OrderRefused> {
    order(backend, &Order::Grant { owner: name(owner), delegate: name(delegate), right })
}

fn standing<B: Backend>(backend: &B, login: &str, address: &str) -> Standing {
    write(backend, |tables| senders::standing(tables, &name(login), &name(address)))
}

pub(super) fn an_address_belongs_to_whoever_is_nearest<B: Backend>(backend: &B) {
    people(backend);
    order(backend, &Order::AddAccount(name("ann+own@example.org"))).expect("added");
    for (one, of) in [
        ("info@example.org", ANN),
        ("info@example.org", BOB),
        ("@example.net", "@example.org"),
        ("@example.com", ANN),
        ("sales@example.com", BOB),
    ] {
        add_alias(backend, one, of).expect("added");
    }
    for (login, address, expected) in [
        (ANN, ANN, Standing::Own),
        (ANN, "ann+list@example.org", Standing::Own),
        (ANN, "ann+own@example.org", Standing::Foreign),
        (ANN, "info@example.org", Standing::Own),
        (BOB, "info+x@example.org", Standing::Own),
        (TEAM, "info@example.org", Standing::Foreign),
        (BOB, "bob@example.net", Standing::Own),
        (BOB, "bob+x@example.net", Standing::Own),
        (BOB, "info@example.net", Standing::Own),
        (ANN, "bob@example.net", Standing::Foreign),
        (ANN, "anything@example.com", Standing::Own),
        (ANN, "sales@example.com", Standing::Foreign),
        (BOB, "sales@example.com", Standing::Own),
        (ANN, "ghost@example.org", Standing::Nobodys),
        (ANN, "ghost@example.net", Standing::Nobodys),
        ("upstream@example.org", "upstream+x@example.org", Standing::Own),
    ] {
        assert_eq!(standing(backend, login, address), expected, "{login} as {address}");
    }
    let logins = |address: &str| write(backend, |tables| senders::logins(tables, &name(address)));
    assert_eq!(logins("info@example.org"), [ANN, BOB]);
    assert_eq!(logins("ghost@example.org"), [""; 0]);

    let taken = add_alias(backend, ANN, BOB);
    assert_eq!(taken, Err(OrderRefused::IsAccount(name(ANN))));
    let twice = add_alias(backend, "info@example.org", ANN);
    assert_eq!(twice, Err(OrderRefused::AliasExists("info@example.org".into(), ANN.into())));
    let ghosts = add_alias(backend, "x@example.org", "ghost@example.org");
    assert_eq!(ghosts, Err(OrderRefused::NoAccount(name("ghost@example.org"))));
    let account = order(backend, &Order::AddAccount(name("info@example.org")));
    assert!(matches!(account, Err(OrderRefused::IsAlias { .. })), "{account:?}");
    order(backend, &Order::RemoveAccount(name(ANN))).expect("removed");
    assert_eq!(standing(backend, BOB, "anything@example.com"), Standing::Nobodys, "its aliases go with it");
}

pub(super) fn rights_are_granted_and_taken_back<B: Backend>(backend: &B) {
    people(backend);
    add_alias(backend, "help@example.org", TEAM).expect("added");
    for right in [Right::Read, Right::OnBehalf, Right::SendAs] {
        assert_eq!(grant(backend, TEAM, ANN, right), Ok(Done::Changed));
        assert_eq!(grant(backend, TEAM, ANN, right), Ok(Done::Unchanged));
        for address in [TEAM, "team+x@example.org", "help@example.org"] {
            assert_eq!(standing(backend, ANN, address), Standing::Granted(right), "{address}");
        }
        assert_eq!(standing(backend, BOB, TEAM), Standing::Foreign, "to nobody else");
        assert_eq!(standing(backend, TEAM, ANN), Standing::Foreign, "and not the other way");
    }
    let logins = write(backend, |tables| senders::logins(tables, &name("help@example.org")));
    assert_eq!(logins, [TEAM, ANN]);
    assert_eq!(grant(backend, TEAM, TEAM, Right::Read), Err(OrderRefused::OwnMailbox(name(TEAM))));
    let ghost = grant(backend, TEAM, "ghost@example.org", Right::Read);
    assert_eq!(ghost, Err(OrderRefused::NoAccount(name("ghost@example.org"))));

    let withdraw =
        |delegate: &str| order(backend, &Order::Withdraw { owner: name(TEAM), delegate: name(delegate) });
    assert_eq!(withdraw(ANN), Ok(Done::Changed));
    assert!(matches!(withdraw(ANN), Err(OrderRefused::NoDelegation { .. })));
    assert_eq!(standing(backend, ANN, TEAM), Standing::Foreign);
    grant(backend, TEAM, BOB, Right::SendAs).expect("granted");
    order(backend, &Order::RemoveAccount(name(BOB))).expect("removed");
    order(backend, &Order::AddAccount(name(BOB))).expect("added");
    assert_eq!(standing(backend, BOB, TEAM), Standing::Foreign, "a new account of the name has no rights");
}

pub(super) fn set<B: Backend>(backend: &B, level: Level, per: Per, limited: Limited, allowance: Allowance) {
    let mut change = LimitsChange::default();
    change.0[limited as usize] = Some(allowance);
    order(backend, &Order::SetLimits { level, per, change }).expect("set");
}

pub(super) fn passing(instance: &str, ask: Ask, recipients: u32, at: i64) -> Passing {
    let source = Key::Network { first: [7; 16], bits: 128 };
    let message = Message { account: name(ANN), password_id: Some(1), address: Some(source), recipients };
    let about = Event::new(Timestamp(NOW.0 + at), Kind::Sending, "gate").account(ANN);
    let (instance, group) = (instance.to_owned(), GroupName::parse("staff").ok());
    let (ends_heard, channels) = (Some(Timestamp(0)..about.time), String::new());
    Passing { instance, message, group, ask, ends_heard, revoke: false, channels, about }
}

pub(super) fn passes<B: Backend>(backend: &B, passing: &Passing) -> Passed {
    write(backend, |tables| pass(tables, passing))
}

fn verdict<B: Backend>(backend: &B, instance: &str, ask: Ask, recipients: u32, at: i64) -> Result<bool, Met> {
    passes(backend, &passing(instance, ask, recipients, at)).verdict
}

pub(super) fn recipients<B: Backend>(backend: &B) -> u64 {
    let slots = write(backend, |tables| tables.sent(&Scope::Account(name(ANN)), 0));
    slots.iter().map(|slot| slot.amount.recipients).sum()
}

pub(super) fn a_message_counts_once<B: Backend>(backend: &B) {
    people(backend);
    set(backend, Level::Default, Per::Account, Limited::RecipientsPerHour, Allowance::AtMost(10));
    assert_eq!(verdict(backend, "m1", Ask::Reserve, 4, 0), Ok(false));
    assert_eq!(verdict(backend, "m1", Ask::Reserve, 4, 1), Ok(false), "asked again");
    assert_eq!(recipients(backend), 4);
    assert_eq!(verdict(backend, "m1", Ask::Book, 4, 2), Ok(true));
    assert_eq!(verdict(backend, "m1", Ask::Book, 4, 3), Ok(false), "asked again");
    assert_eq!(recipients(backend), 4);
    let met = verdict(backend, "m2", Ask::Reserve, 7, 4).expect_err("4 and 7 are more than 10");
    assert_eq!((met.per, met.limited, met.limit), (Per::Account, Limited::RecipientsPerHour, 10));
    assert_eq!(recipients(backend), 4, "what is refused is not counted");
    assert_eq!(verdict(backend, "m2", Ask::Reserve, 6, 5), Ok(false), "the last of the limit");
    let more = verdict(backend, "m2", Ask::Reserve, 7, 6);
    assert!(more.is_err(), "recipients that were added later count too");
    assert_eq!(verdict(backend, "", Ask::Reserve, 0, 7), Ok(false), "without a name nothing is kept");
    let opens = met.opens.expect("a time").0 - NOW.0;
    assert_eq!(verdict(backend, "m3", Ask::Reserve, 7, opens), Ok(false));
}

pub(super) fn a_message_that_never_ends_is_released<B: Backend>(backend: &B) {
    people(backend);
    set(backend, Level::Default, Per::Account, Limited::RecipientsPerHour, Allowance::AtMost(10));
    assert_eq!(verdict(backend, "m1", Ask::Reserve, 10, 0), Ok(false));
    assert!(verdict(backend, "m2", Ask::Reserve, 1, RESERVED_SECS).is_err());
    assert_eq!(verdict(backend, "m2", Ask::Reserve, 10, RESERVED_SECS + 1), Ok(false));
    assert_eq!(recipients(backend), 10);
    assert_eq!(verdict(backend, "m2", Ask::Book, 10, RESERVED_SECS + 2), Ok(true));
    let late = verdict(backend, "m1", Ask::Book, 10, RESERVED_SECS + 3).expect_err("it was given back");
    assert_eq!(recipients(backend), 10, "no hour holds more than the limit");
    assert_eq!(verdict(backend, "m1", Ask::Book, 10, late.opens.expect("a time").0 - NOW.0), Ok(true));

    // Whoever takes longer than an hour is asked to keep within the limit of that hour.
    let at = 10_000;
    assert_eq!(verdict(backend, "m4", Ask::Reserve, 10, at), Ok(false));
    let unheard = |instance, ask, at| Passing { ends_heard: None, ..passing(instance, ask, 10, at) };
    let later = at + 3600 + 300;
    assert_eq!(passes(backend, &unheard("m5", Ask::Reserve, later)).verdict, Ok(false));
    assert!(passes(backend, &unheard("m4", Ask::Book, later + 1)).verdict.is_err());
    assert_eq!(passes(backend, &unheard("m5", Ask::Book, later + 2)).verdict, Ok(true));

    // What was reserved before the daemon started may have ended while it was away.
    let at = 20_000;
    assert_eq!(verdict(backend, "m8", Ask::Reserve, 10, at), Ok(false));
    let started = Timestamp(NOW.0 + at + 1);
    let later = passing("m9", Ask::Reserve, 1, at + RESERVED_SECS + 60);
    let later = Passing { ends_heard: Some(started..later.about.time), ..later };
    assert!(passes(backend, &later).verdict.is_err());

    // Where nobody asks at the end, DATA is all that counts.
    let at = 30_000;
    assert_eq!(passes(backend, &unheard("m6", Ask::Reserve, at)).verdict, Ok(false));
    assert!(passes(backend, &unheard("m7", Ask::Reserve, at + RESERVED_SECS + 5)).verdict.is_err());
    assert!(passes(backend, &unheard("m7", Ask::Reserve, at + 3599)).verdict.is_err());
    let later = Timestamp(NOW.0 + 2 * 86_400);
    assert!(write(backend, |tables| tables.forget_sending(later, 100)) >= 3);
    assert_eq!((recipients(backend), MESSAGE_KEPT_SECS > RESERVED_SECS), (0, true));
}

pub(super) fn the_latest_login_to_send_is_told<B: Backend>(backend: &B) {
    let add = |account: &str, protocol: &str, verdict: &str, address: Option<&str>, id: i64| {
        let mut event = Event::new(NOW, Kind::Login, "gate").account(account).password(id, "Phone");
        (event.protocol, event.verdict) = (Some(protocol.into()), Some(verdict.into()));
        event.address = address.map(Into::into);
        write(backend, |tables| tables.add_event(&event));
    };
    let told = |account: &str, address: Option<&str>| {
        let event = write(backend, |tables| tables.last_sending_login(account, address));
        event.and_then(|event| event.password_id)
    };
    let (home, office) = (Some("192.0.2.7"), Some("2001:db8::7"));
    assert_eq!(told(ANN, home), None);
    add(ANN, "imap", "accept", home, 1);
    add(ANN, "smtp", "refuse", home, 2);
    add(BOB, "smtp", "accept", home, 3);
    assert_eq!(told(ANN, home), None);
    add(ANN, "submission", "accept", home, 4);
    add(ANN, "smtp", "elsewhere", office, 5);
    assert_eq!((told(ANN, home), told(ANN, office)), (Some(4), Some(5)));
    assert_eq!(told(ANN, Some("192.0.2.8")), Some(5), "from anywhere, at least");
    add(ANN, "smtp", "accept", None, 6);
    assert_eq!((told(ANN, home), told(ANN, None)), (Some(6), Some(6)));
    add(ANN, "smtp", "accept", home, 7);
    assert_eq!((told(ANN, home), told(ANN, office)), (Some(7), Some(6)));
}

pub(super) fn the_winning_level_decides<B: Backend>(backend: &B) {
    people(backend);
    let limited = Limited::MessagesPerDay;
    let (group, account) = (GroupName::parse("staff").expect("good"), name(ANN));
    let message = passing("", Ask::Book, 1, 0).message;
    let any = || write(backend, |tables| is_limited(tables, &message, Some(&group)));
    assert!(!any());
    assert_eq!(verdict(backend, "free", Ask::Reserve, 1000, 0), Ok(false));
    assert_eq!(recipients(backend), 0, "where nothing is limited, the end counts");
    assert_eq!(verdict(backend, "free", Ask::Book, 1000, 0), Ok(true));
    assert_eq!(recipients(backend), 1000, "for limits that are set later");

    set(backend, Level::Default, Per::Account, limited, Allowance::AtMost(1));
    assert!(any() && verdict(backend, "m1", Ask::Reserve, 1, 0).is_err());
    set(backend, Level::Group(group.clone()), Per::Account, limited, Allowance::AtMost(2));
    assert_eq!(verdict(backend, "m1", Ask::Reserve, 1, 0), Ok(false), "the group's wins");
    set(backend, Level::Account(account.clone()), Per::Account, limited, Allowance::Unlimited);
    assert_eq!(verdict(backend, "m2", Ask::Reserve, 1, 0), Ok(false), "the account's wins");
    assert!(!any());
    set(backend, Level::Account(account), Per::Account, limited, Allowance::Inherited);
    assert!(verdict(backend, "m3", Ask::Reserve, 1, 0).is_err(), "the group's again");
    set(backend, Level::Group(group), Per::Account, limited, Allowance::Unlimited);

    for per in [Per::ClientPassword, Per::Address] {
        set(backend, Level::Default, per, limited, Allowance::AtMost(1));
        let met = verdict(backend, per.word(), Ask::Reserve, 1, 0).expect_err("more was sent already");
        assert_eq!(met.per, per);
        set(backend, Level::Default, per, limited, Allowance::Inherited);
    }
    let all = write(backend, |tables| tables.all_limits(None, 10));
    let said = |n: usize| (all[n].0.0.as_str(), all[n].0.1.as_str(), all[n].1.get(limited));
    assert_eq!(said(0), ("default", "", Allowance::AtMost(1)));
    assert_eq!((all.len(), said(1)), (2, ("group", "staff", Allowance::Unlimited)));
    let nobodys = Order::SetLimits {
        level: Level::Account(name(ANN)),
        per: Per::Address,
        change: LimitsChange([Some(Allowance::AtMost(1)); 4]),
    };
    assert_eq!(order(backend, &nobodys), Err(OrderRefused::AddressHasNoOwner));
    assert_eq!(write(backend, |tables| tables.limits(&Level::Default, Per::Address)), Limits::default());
}

pub(super) fn a_limit_is_told_once_and_takes_the_password_that_did_it<B: Backend>(backend: &B) {
    people(backend);
    let mut ids = Vec::new();
    for (device, secret) in [("phone", "a"), ("script", "b")] {
        let made = order(backend, &new_password(ANN, device, secret));
        let Ok(Done::NewPassword(id)) = made else { panic!("{made:?}") };
        ids.push(id);
    }
    set(backend, Level::Default, Per::Account, Limited::RecipientsPerHour, Allowance::AtMost(10));
    let with = |instance: &str, id: i64, recipients: u32, at: i64| {
        let mut passing = passing(instance, Ask::Book, recipients, at);
        (passing.message.password_id, passing.revoke) = (Some(id), at >= 100);
        passes(backend, &passing)
    };
    assert_eq!(with("m1", ids[0], 1, 0).verdict, Ok(true));
    assert_eq!(with("m2", ids[1], 9, 0).verdict, Ok(true));
    let first = with("m3", ids[0], 1, 1);
    let kinds = |passed: &Passed| passed.events.iter().map(|event| event.kind).collect::<Vec<_>>();
    assert_eq!((first.verdict.is_err(), kinds(&first)), (true, vec![Kind::LimitReached]));
    assert_eq!(kinds(&with("m4", ids[0], 1, 2)), [], "nobody is told twice");
    let third = with("m5", ids[0], 1, 100);
    assert_eq!(third.revoked, Some((ids[1], "script".into())), "the phone only came last");
    assert_eq!(kinds(&third), [Kind::PasswordRevoked, Kind::LimitReached]);
    let fourth = with("m6", ids[0], 1, 101);
    assert_eq!((fourth.verdict.is_err(), fourth.revoked), (true, None), "and is not the next to go");
    let large = with("m7", ids[0], 11, 102);
    assert_eq!(large.verdict.expect_err("more than the limit itself").opens, None);
    assert_eq!((large.revoked, large.events.len()), (None, 0), "which is no limit that was reached");
    let left = write(backend, |tables| tables.account(&name(ANN))).expect("there").passwords;
    assert_eq!(left.iter().map(|password| password.id).collect::<Vec<_>>(), [ids[0]]);
    let all = EventQuery { limit: 100, ..EventQuery::default() };
    let events = write(backend, |tables| tables.events(&all));
    let told = events.iter().filter(|(_, event)| event.kind == Kind::LimitReached);
    assert_eq!(told.count(), 2, "and it is in the store");
}

pub(super) fn a_limit_of_an_address_is_no_owners<B: Backend>(backend: &B) {
    people(backend);
    set(backend, Level::Default, Per::Address, Limited::MessagesPerHour, Allowance::AtMost(1));
    let with = |instance: &str| {
        let mut passing = passing(instance, Ask::Book, 1, 0);
        (passing.channels, passing.revoke) = ("owner-mail,webhook".to_owned(), true);
        passes(backend, &passing)
    };
    assert_eq!(with("m1").verdict, Ok(true));
    let met = with("m2");
    assert_eq!((met.verdict.expect_err("one is all").per, met.revoked), (Per::Address, None));
    let due = write(backend, |tables| tables.due_notices(NOW, 10));
    assert_eq!(due.iter().map(|notice| notice.owed.as_str()).collect::<Vec<_>>(), ["webhook"]);
}

pub(super) fn notices_are_owed_until_they_are_delivered<B: Backend>(backend: &B) {
    let id = write(backend, |tables| tables.add_notice(NOW, "owner-mail,webhook", "{}"));
    let due = |at: i64| write(backend, |tables| tables.due_notices(Timestamp(NOW.0 + at), 10));
    assert_eq!(due(-1), []);
    assert_eq!((due(0)[0].id, due(0)[0].tries, due(0)[0].owed.as_str()), (id, 0, "owner-mail,webhook"));
    write(backend, |tables| tables.settle_notice(id, "webhook", Timestamp(NOW.0 + 60)));
    assert_eq!(due(59), []);
    assert_eq!((due(60)[0].tries, due(60)[0].owed.as_str()), (1, "webhook"));
    write(backend, |tables| tables.settle_notice(id, "", Timestamp(0)));
    assert_eq!(due(1000), []);
    write(backend, |tables| tables.add_notice(NOW, "webhook", "{}"));
    let after = |secs: i64| {
        write(backend, |tables| tables.forget_sending(Timestamp(NOW.0 + secs), 10));
        due(secs).len()
    };
    assert_eq!((after(NOTICE_KEPT_SECS), after(NOTICE_KEPT_SECS + 1)), (1, 0));
}
