//! Promises about second factors, sessions and trusted devices.

use super::{NOW, key_of_suite, name, order, write};
use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::gate::code::{Code, SentCode};
use crate::gate::entrance::FAMILIAR_FOR;
use crate::gate::factor::{Factor, FactorKind, Means};
use crate::gate::key::Selector;
use crate::gate::main_password::MainHash;
use crate::gate::order::Order;
use crate::gate::seal::Sealed;
use crate::gate::session::{Session, Stage, Token, TokenTag};
use crate::gate::throttle::Throttle;
use crate::gate::totp::Step;
use crate::store::portal::{
    Challenge, FactorRow, NewFactor, NewSession, RecoveryRow, TrustedDevice, UID_BYTES, Visitor,
};
use crate::store::{Backend, Store, Tables};

const LATER: Timestamp = Timestamp(NOW.0 + 100);

/// The number of a new account.
fn account<B: Backend>(backend: &B, address: &str) -> i64 {
    order(backend, &Order::AddAccount(name(address))).expect("added");
    write(backend, |tables| tables.account(&name(address))).expect("it is there").id
}

fn new(kind: FactorKind, name: &str, byte: u8) -> NewFactor {
    let sealed = Sealed { key_id: key_of_suite().id(), bytes: vec![byte; 60] };
    NewFactor { kind, name: name.to_owned(), uid: [byte; UID_BYTES], sealed }
}

fn row(id: i64, new: &NewFactor, created: Timestamp) -> FactorRow {
    let NewFactor { kind, name, uid, sealed, .. } = new.clone();
    FactorRow { factor: Factor { id, kind, name, created, last_use: None }, uid, sealed, step: None }
}

fn token(seed: u64) -> TokenTag {
    Token::draw(&Entropy::from_seed(seed)).tag()
}

fn visitor() -> Visitor {
    let [system, program] = ["Windows", "Firefox"].map(str::to_owned);
    Visitor { address: Some("192.0.2.7".to_owned()), system, program }
}

fn begin<B: Backend>(backend: &B, account_id: i64, seed: u64) -> i64 {
    let (token, visitor) = (token(seed), visitor());
    let session = NewSession { account_id, token, stage: Stage::Factor, now: NOW, visitor: &visitor };
    write(backend, |tables| tables.add_session(&session))
}

pub(super) fn factors_come_and_go<B: Backend>(backend: &B) {
    let [ann, bob] = ["ann@example.org", "bob@example.org"].map(|name| account(backend, name));
    let (app, phone) = (new(FactorKind::Totp, "app", 1), new(FactorKind::Sms, "phone", 2));
    let add = |account, new: &NewFactor| write(backend, |tables| tables.add_factor(account, new, NOW));
    let (first, second) = (add(ann, &app), add(ann, &phone));
    let of = |account| write(backend, |tables| tables.factors(account));
    assert_eq!(of(ann), [row(first, &app, NOW), row(second, &phone, NOW)]);
    assert_eq!(of(bob), []);

    write(backend, |tables| tables.use_factor(first, Some(Step(5)), LATER));
    write(backend, |tables| tables.use_factor(first, None, LATER));
    let mut used = row(first, &app, NOW);
    (used.step, used.factor.last_use) = (Some(Step(5)), Some(LATER));
    assert_eq!(of(ann)[0], used, "the step stays where none is told");
    let sealed = Sealed { bytes: vec![9; 70], ..app.sealed.clone() };
    write(backend, |tables| tables.reseal_factor(first, &sealed));
    assert_eq!(of(ann)[0], FactorRow { sealed, ..used });

    let other = new(FactorKind::Totp, "other app", 3);
    write(backend, |tables| tables.replace_factor(first, &other, LATER));
    assert_eq!(of(ann)[0], row(first, &other, LATER), "its use begins anew");
    write(backend, |tables| tables.remove_factor(second));
    assert_eq!(of(ann), [row(first, &other, LATER)]);
    assert!(add(ann, &phone) > second, "numbers are never used again");
    // Two accounts may have factors of one name, one account may not.
    assert!(add(bob, &new(FactorKind::Totp, "phone", 4)) > 0);
    let mut store = backend.connect().expect("the store opens");
    let again = new(FactorKind::Totp, "phone", 5);
    assert!(store.write(&mut |tables| tables.add_factor(ann, &again, NOW).map(drop)).is_err());
    order(backend, &Order::RemoveAccount(name("ann@example.org"))).expect("removed");
    assert_eq!(of(ann), []);
}

pub(super) fn recovery_codes_are_used_once<B: Backend>(backend: &B) {
    let ann = account(backend, "ann@example.org");
    let code = |byte: u8| {
        let (selector, key_id) = (Selector([byte; 16]), key_of_suite().id());
        RecoveryRow { id: 0, selector, key_id, phc: format!("$argon2id${byte}") }
    };
    let set =
        |codes: &[RecoveryRow]| write(backend, |tables| tables.set_recovery_codes(ann, codes, Some(LATER)));
    let left = || write(backend, |tables| tables.recovery_codes(ann));
    set(&[code(1), code(2)]);
    let both = left();
    let facts = |row: &RecoveryRow| RecoveryRow { id: 0, ..row.clone() };
    assert_eq!(both.iter().map(facts).collect::<Vec<_>>(), [code(1), code(2)]);
    let use_up = || write(backend, |tables| tables.use_recovery_code(both[0].id));
    assert!(use_up());
    assert!(!use_up());
    assert_eq!(left(), both[1..]);
    set(&[code(3)]);
    assert_eq!(left().iter().map(facts).collect::<Vec<_>>(), [code(3)], "new ones make all others worthless");
}

pub(super) fn an_account_has_one_main_password<B: Backend>(backend: &B) {
    let [ann, bob] = ["ann@example.org", "bob@example.org"].map(|name| account(backend, name));
    let of = |account| write(backend, |tables| tables.main_password(account));
    let hash = |phc: &str| Some(MainHash::new(phc.to_owned()));
    let set = |phc: Option<&str>| {
        let new = phc.and_then(hash);
        write(backend, |tables| tables.set_main_password(ann, new.as_ref(), NOW))
    };
    assert_eq!((of(ann), set(Some("$argon2id$1"))), (None, false));
    assert_eq!((of(ann), of(bob)), (hash("$argon2id$1"), None));
    assert!(set(Some("$argon2id$2")));
    assert_eq!(of(ann), hash("$argon2id$2"));
    assert!(set(None) && !set(None));
    set(Some("$argon2id$3"));
    order(backend, &Order::RemoveAccount(name("ann@example.org"))).expect("removed");
    assert_eq!(of(ann), None, "it goes with its account");
}

pub(super) fn failures_of_factors_are_kept_by_account<B: Backend>(backend: &B) {
    let [ann, bob] = ["ann@example.org", "bob@example.org"].map(|name| account(backend, name));
    let set = |throttle| write(backend, |tables| tables.set_throttle(ann, throttle));
    let of = |account| write(backend, |tables| tables.throttle(account));
    assert_eq!(of(ann), Throttle::default());
    let failed = Throttle::default().failed(NOW);
    set(failed);
    assert_eq!(of(ann), failed);
    set(failed.failed(LATER));
    assert_eq!((of(ann), of(bob)), (failed.failed(LATER), Throttle::default()));
    // The clock was a year ahead once: whoever starts now waits from now.
    let ahead = LATER.plus(std::time::Duration::from_secs(365 * 86_400));
    set(failed.failed(ahead));
    write(backend, |tables| tables.put_codes_sent("number:x", "{}", ahead));
    assert_eq!(write(backend, |tables| tables.clamp_people(LATER)), 2);
    assert_eq!((of(ann).last, of(ann).failures), (LATER, 2));
    assert_eq!(write(backend, |tables| tables.codes_sent("number:x")), None);
    assert_eq!(write(backend, |tables| tables.clamp_people(LATER)), 0);
    set(Throttle::default());
    assert_eq!(of(ann), Throttle::default());
}

pub(super) fn sessions_are_found_by_their_token<B: Backend>(backend: &B) {
    let [ann, bob] = ["ann@example.org", "bob@example.org"].map(|name| account(backend, name));
    let ids = [begin(backend, ann, 1), begin(backend, ann, 2), begin(backend, bob, 3)];
    let find = |seed| write(backend, |tables| tables.session(token(seed)));
    let found = find(1).expect("it began");
    let proof = Some((Means::MainPassword, NOW));
    let expected =
        Session { id: ids[0], account_id: ann, stage: Stage::Factor, created: NOW, seen: NOW, proof };
    assert_eq!((&found.session, &found.visitor), (&expected, &visitor()));
    assert_eq!((found.account.as_str(), find(9)), ("ann@example.org", None));

    // A second factor is proved: another token, so that nobody goes on with the one from before.
    let app = write(backend, |tables| tables.add_factor(ann, &new(FactorKind::Totp, "app", 1), NOW));
    let proof = Some((Means::Factor(app), LATER));
    let full = Session { stage: Stage::Full, seen: LATER, proof, ..expected };
    write(backend, |tables| tables.set_session(&full, Some(token(4))));
    assert_eq!(find(1), None);
    assert_eq!(find(4).expect("it goes on").session, full);
    let recovered = Session { proof: Some((Means::Recovery, LATER)), ..full.clone() };
    write(backend, |tables| tables.set_session(&recovered, None));
    assert_eq!(find(4).expect("it goes on").session, recovered);
    write(backend, |tables| tables.set_session(&full, None));
    write(backend, |tables| tables.remove_factor(app));
    assert_eq!(find(4).expect("it goes on").session.proof, None, "what was proved by it is proved no more");

    let order_of = |account| -> Vec<i64> {
        write(backend, |tables| tables.sessions(account)).iter().map(|row| row.session.id).collect()
    };
    assert_eq!(order_of(ann), [ids[0], ids[1]], "the one that was used last first");
    assert!(!write(backend, |tables| tables.end_session(bob, ids[0])), "nobody ends another's");
    assert!(write(backend, |tables| tables.end_session(ann, ids[0])));
    let more = [begin(backend, ann, 5), begin(backend, ann, 6)];
    assert_eq!(write(backend, |tables| tables.end_sessions(ann, Some(more[0]))), 2);
    assert_eq!((order_of(ann), order_of(bob)), (vec![more[0]], vec![ids[2]]));
    assert_eq!(write(backend, |tables| tables.end_sessions(ann, None)), 1);
    let forget = |unused| write(backend, |tables| tables.forget_sessions(unused, NOW, 10));
    assert_eq!((forget(NOW), order_of(bob)), (0, vec![ids[2]]));
    assert_eq!((forget(LATER), order_of(bob)), (1, vec![]));
}

pub(super) fn a_session_waits_for_one_thing<B: Backend>(backend: &B) {
    let ann = account(backend, "ann@example.org");
    let id = begin(backend, ann, 1);
    let set = |challenge: Option<&Challenge>| write(backend, |tables| tables.set_challenge(id, challenge));
    let waits = || write(backend, |tables| tables.challenge(id));
    assert_eq!(waits(), None);
    let binding = Some(new(FactorKind::Sms, "phone", 1));
    let code = Some(SentCode::new(&key_of_suite(), id, &Code::of(123_456), LATER));
    let challenge = Challenge { begun: NOW, factor_id: None, binding, code, memo: None };
    set(Some(&challenge));
    assert_eq!(waits(), Some(challenge));
    let app = write(backend, |tables| tables.add_factor(ann, &new(FactorKind::Totp, "app", 2), NOW));
    let memo = Some(Sealed { key_id: key_of_suite().id(), bytes: vec![7; 40] });
    let other = Challenge { begun: LATER, factor_id: Some(app), binding: None, code: None, memo };
    set(Some(&other));
    assert_eq!(waits(), Some(other.clone()));
    set(None);
    assert_eq!(waits(), None);
    set(Some(&other));
    write(backend, |tables| tables.remove_factor(app));
    assert_eq!(waits(), None, "the factor is gone");
    set(Some(&Challenge { factor_id: None, ..other }));
    write(backend, |tables| tables.end_session(ann, id));
    assert_eq!(waits(), None, "the session is gone");
}

pub(super) fn trust_in_a_device_ends<B: Backend>(backend: &B) {
    let [ann, bob] = ["ann@example.org", "bob@example.org"].map(|name| account(backend, name));
    let until = Timestamp(NOW.0 + 1_000);
    let add = |account, seed| {
        let add = |tables: &mut dyn Tables| tables.add_device(account, token(seed), NOW, until, &visitor());
        write(backend, add)
    };
    let ids = [add(ann, 1), add(ann, 2), add(bob, 3)];
    let find = |seed| write(backend, |tables| tables.device(token(seed)));
    let (id, account_id) = (ids[0], ann);
    let expected = TrustedDevice { id, account_id, created: NOW, until, last_at: NOW, visitor: visitor() };
    assert_eq!((find(1), find(9)), (Some(expected), None));
    write(backend, |tables| tables.use_device(ids[0], token(4), None, LATER));
    assert_eq!(find(1), None, "another token now");
    let used = find(4).expect("it is trusted");
    assert_eq!((used.last_at, used.visitor.address), (LATER, None));
    let of = |account| -> Vec<i64> {
        write(backend, |tables| tables.devices(account)).iter().map(|device| device.id).collect()
    };
    assert_eq!(of(ann), [ids[0], ids[1]]);
    let remove = |account, id| write(backend, |tables| tables.remove_devices(account, id));
    assert_eq!(remove(bob, Some(ids[0])), 0, "nobody ends another's");
    assert_eq!((remove(ann, Some(ids[0])), of(ann)), (1, vec![ids[1]]));
    assert_eq!((remove(ann, None), of(ann), of(bob)), (1, vec![], vec![ids[2]]));
    let forget = |now| write(backend, |tables| tables.forget_sessions(NOW, now, 10));
    assert_eq!((forget(Timestamp(until.0 - 1)), forget(until), of(bob)), (0, 1, vec![]));
}

pub(super) fn what_is_familiar_is_forgotten<B: Backend>(backend: &B) {
    let [ann, bob] = ["ann@example.org", "bob@example.org"].map(|name| account(backend, name));
    let put = |account, mark: u8, at, most| {
        write(backend, |tables| tables.put_familiar(account, &[mark; 17], Timestamp(at), most));
    };
    let last = |account, mark: u8| {
        write(backend, |tables| tables.familiar(account, &[mark; 17])).map(|last| last.0 - NOW.0)
    };
    put(ann, 1, NOW.0, 3);
    put(bob, 1, NOW.0 + 1, 3);
    assert_eq!((last(ann, 1), last(bob, 1), last(ann, 2), last(0, 1)), (Some(0), Some(1), None, None));
    put(ann, 1, NOW.0 + 10, 3);
    for mark in 2..=4 {
        put(ann, mark, NOW.0 + i64::from(mark), 3);
    }
    // The fourth, and what was used longest ago is gone.
    assert_eq!([1, 2, 3, 4].map(|mark| last(ann, mark)), [Some(10), None, Some(3), Some(4)]);
    put(ann, 5, NOW.0 - 10, 3);
    assert_eq!(
        [1, 3, 4, 5].map(|mark| last(ann, mark)),
        [Some(10), None, Some(4), Some(-10)],
        "never the new one"
    );
    put(999, 1, NOW.0, 3);
    assert_eq!(last(999, 1), None, "the account is gone");
    let forget =
        |at: i64| write(backend, |tables| tables.forget_sessions(NOW, Timestamp(at).plus(FAMILIAR_FOR), 10));
    assert_eq!((forget(NOW.0 + 3), last(ann, 5), last(ann, 4)), (2, None, Some(4)), "Bob's too");
    write(backend, |tables| tables.forget_familiar(ann));
    assert_eq!([1, 4].map(|mark| last(ann, mark)), [None, None]);
    put(ann, 1, NOW.0, 3);
    order(backend, &Order::RemoveAccount(name("ann@example.org"))).expect("removed");
    assert_eq!(last(ann, 1), None);
}
