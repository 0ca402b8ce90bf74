//! Promises about visits to the portal, and about mail clients that logged in.

use super::{NOW, name, order, write};
use crate::clock::Timestamp;
use crate::gate::event::{Event, Kind};
use crate::gate::factor::FactorKind;
use crate::gate::order::Order;
use crate::gate::session::{Stage, Token};
use crate::gate::visit::{By, Outcome, Visit};
use crate::store::Backend;
use crate::store::portal::{NewSession, Visitor};
use crate::store::visit::{ClientDay, ClientQuery};

fn account<B: Backend>(backend: &B, address: &str) -> i64 {
    order(backend, &Order::AddAccount(name(address))).expect("added");
    write(backend, |tables| tables.account(&name(address))).expect("it is there").id
}

fn at(secs: i64) -> Timestamp {
    Timestamp(NOW.0 + secs)
}

fn visit(account_id: i64, outcome: Outcome, last: Timestamp) -> Visit {
    Visit {
        id: 0,
        account_id,
        session: None,
        outcome,
        begun: last,
        last,
        count: 1,
        wrong: 0,
        source: "192.0.2.7".into(),
        address: Some("192.0.2.7".into()),
        system: "Windows".into(),
        program: "Firefox".into(),
        told: None,
    }
}

pub(super) fn visits_are_kept_with_their_outcome<B: Backend>(backend: &B) {
    let [ann, bob] = ["ann@example.org", "bob@example.org"].map(|name| account(backend, name));
    let put = |visit: &Visit| write(backend, |tables| tables.put_visit(visit));
    let of = |account| write(backend, |tables| tables.visits(account));
    let outcomes = [
        Outcome::Pending,
        Outcome::Stopped,
        Outcome::In(By::MainPassword),
        Outcome::In(By::Trusted),
        Outcome::In(By::Recovery),
        Outcome::In(By::Factor(FactorKind::Totp)),
    ];
    let mut made: Vec<Visit> = (0..).zip(outcomes).map(|(n, outcome)| visit(ann, outcome, at(n))).collect();
    for visit in &mut made {
        visit.id = put(visit);
    }
    let last_first: Vec<Visit> = made.iter().rev().cloned().collect();
    assert_eq!((of(ann), of(bob)), (last_first, vec![]));
    let told = Some(at(9));
    let changed = Visit { session: Some(77), count: 3, wrong: 4, told, last: at(20), ..made[0].clone() };
    assert_eq!(put(&changed), changed.id);
    assert_eq!(of(ann)[0], changed);
    assert_eq!(write(backend, |tables| tables.visit(77)), Some(changed.clone()));
    assert_eq!(write(backend, |tables| tables.visit(78)), None);

    let pending =
        |begun, last, limit| write(backend, |tables| tables.pending_visits(at(begun), at(last), limit));
    assert_eq!(pending(-1, 19, 10), []);
    let expected = vec![("ann@example.org".to_owned(), changed.clone())];
    assert_eq!(pending(-1, 20, 10), expected, "the last try was long ago");
    assert_eq!(pending(0, 0, 10), expected, "it began long ago");
    put(&visit(bob, Outcome::Pending, at(1)));
    assert_eq!((pending(5, 5, 10).len(), pending(5, 5, 1).len()), (2, 1));

    write(backend, |tables| tables.drop_visit(changed.id));
    assert_eq!(of(ann).len(), 5);
    let forget = |before, limit| write(backend, |tables| tables.forget_visits(at(before), limit));
    assert_eq!((forget(3, 2), forget(3, 10), forget(3, 10)), (2, 1, 0), "bounded");
    assert_eq!(of(ann).iter().map(|visit| visit.last).collect::<Vec<_>>(), [at(5), at(4), at(3)]);
    order(backend, &Order::RemoveAccount(name("ann@example.org"))).expect("removed");
    assert_eq!(of(ann), []);
}

pub(super) fn visits_have_room_of_their_own<B: Backend>(backend: &B) {
    let ann = account(backend, "ann@example.org");
    let visitor = Visitor::default();
    let token = Token::draw(&crate::entropy::Entropy::from_seed(1)).tag();
    let session = NewSession { account_id: ann, token, stage: Stage::Full, now: NOW, visitor: &visitor };
    let session = write(backend, |tables| tables.add_session(&session));
    let came_in = Outcome::In(By::MainPassword);
    let put = |visit: Visit| write(backend, |tables| tables.put_visit(&visit));
    put(Visit { session: Some(session), ..visit(ann, came_in, at(0)) });
    for n in 1..=4 {
        put(visit(ann, came_in, at(n)));
        put(visit(ann, Outcome::Stopped, at(n + 10)));
    }
    let bound = |came_in, most| write(backend, |tables| tables.bound_visits(ann, came_in, most));
    let left = || -> Vec<i64> {
        write(backend, |tables| tables.visits(ann)).iter().map(|visit| visit.last.0 - NOW.0).collect()
    };
    bound(false, 4);
    bound(true, 5);
    assert_eq!(left().len(), 9, "as many as there may be");
    bound(false, 2);
    assert_eq!(left(), [14, 13, 4, 3, 2, 1, 0], "nobody who is stopped hides who came in");
    bound(true, 2);
    assert_eq!(left(), [14, 13, 4, 3, 0], "the one that goes on stays");
    write(backend, |tables| tables.end_session(ann, session));
    bound(true, 2);
    assert_eq!(left(), [14, 13, 4, 3]);
}

pub(super) fn mail_clients_are_told_by_the_day<B: Backend>(backend: &B) {
    let ann = "ann@example.org";
    let add = |account: &str, time: i64, protocol: &str, password: Option<&str>, verdict: &str| {
        let mut event =
            Event::new(Timestamp(time), Kind::Login, "gate").account(account).address("192.0.2.7");
        event.protocol = Some(protocol.to_owned());
        event.password_name = password.map(str::to_owned);
        event.verdict = Some(verdict.to_owned());
        write(backend, |tables| tables.add_event(&event));
    };
    let day = 86_400;
    let phone = Some("Phone");
    add(ann, 10 * day - 1, "imap", phone, "accept");
    add(ann, 10 * day + 5, "imap", phone, "accept");
    add(ann, 10 * day + 9, "imap", phone, "accept");
    add(ann, 10 * day + 9, "imap", None, "accept");
    add(ann, 10 * day + 20, "imap", phone, "refuse");
    add(ann, 10 * day + 21, "sidegate-portal", None, "accept");
    add("bob@example.org", 10 * day + 22, "imap", phone, "accept");
    let query =
        ClientQuery { account: ann.into(), since: Timestamp(0), offset: 0, looked_at: 100, limit: 100 };
    let found = |query: &ClientQuery| write(backend, |tables| tables.client_days(query));
    let of = |password: Option<&str>, at, count| ClientDay {
        password: password.map(str::to_owned),
        protocol: "imap".into(),
        address: Some("192.0.2.7".into()),
        at: Timestamp(at),
        count,
    };
    let (last, today, before) =
        (of(None, 10 * day + 9, 1), of(phone, 10 * day + 9, 2), of(phone, 10 * day - 1, 1));
    assert_eq!(found(&query), [last.clone(), today.clone(), before]);
    // An hour to the east the day began before.
    let east = ClientQuery { offset: 3_600, ..query.clone() };
    assert_eq!(found(&east), [last.clone(), of(phone, 10 * day + 9, 3)]);
    assert_eq!(found(&ClientQuery { since: Timestamp(10 * day), ..query.clone() }), [last.clone(), today]);
    assert_eq!(found(&ClientQuery { limit: 1, ..query.clone() }), std::slice::from_ref(&last));
    let newest: u32 = found(&ClientQuery { looked_at: 2, ..query.clone() }).iter().map(|one| one.count).sum();
    assert_eq!(newest, 2, "the newest");
    assert_eq!(found(&ClientQuery { account: "nobody@example.org".into(), ..query }), []);
}
