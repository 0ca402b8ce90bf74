//! Promises about who came in and who was stopped at the second factor.

use super::super::{NOW, write};
use super::{ANN, Desk, arrival, desk, later, token};
use crate::clock::Timestamp;
use crate::gate::code::Code;
use crate::gate::event::{Event, Kind};
use crate::gate::factor::FactorKind;
use crate::gate::session::PENDING;
use crate::gate::totp::{Seed, Step};
use crate::gate::visit::{By, Outcome, TOGETHER, WRONG_MAX};
use crate::store::Backend;
use crate::store::people::{Arrival, Evidence, Refused, Seen, settle_visits};
use crate::store::portal::Visitor;

const APP: Outcome = Outcome::In(By::Factor(FactorKind::Totp));

/// Somebody in a browser that nobody knows.
fn thief(seed: u64) -> Arrival {
    let [system, program] = ["Android", "Chrome"].map(str::to_owned);
    let visitor = Visitor { address: Some("203.0.113.66".into()), system, program };
    Arrival { visitor, source: Some("203.0.113.66".into()), ..arrival(ANN, seed) }
}

impl<B: Backend> Desk<'_, B> {
    fn seen(&self, seed: u64, now: Timestamp) -> Vec<Seen> {
        self.work(now, |desk| desk.devices(token(seed))).expect("allowed").1
    }

    /// Outcome, attempts, wrong codes of each.
    fn outcomes(&self, seed: u64, now: Timestamp) -> Vec<(Outcome, u32, u32)> {
        let visits = self.seen(seed, now).into_iter().map(|seen| seen.visit);
        visits.map(|visit| (visit.outcome, visit.count, visit.wrong)).collect()
    }

    fn settle(&self, now: Timestamp) -> Vec<Event> {
        write(self.backend, |tables| settle_visits(tables, now, 100))
    }
}

fn wrong(app: &Seed, now: Timestamp) -> Code {
    app.code(Step(Step::at(now).0 + 7))
}

/// Verdict and reason of each login.
fn logins<B: Backend>(desk: &Desk<'_, B>) -> Vec<(String, String)> {
    let of = |event: Event| Some((event.verdict?, event.reason?));
    desk.events(&[Kind::Login]).into_iter().filter_map(of).collect()
}

pub(in crate::store::contract) fn a_login_is_accepted_when_its_last_proof_was_right<B: Backend>(backend: &B) {
    let desk = desk(backend);
    let (app, id) = desk.bind(1);
    // She had nothing else to prove when she came; now she has.
    assert_eq!(desk.outcomes(1_001, NOW), [(APP, 1, 0)]);
    let now = later(60);
    desk.sign_in(&arrival(ANN, 2), now).expect("signed in");
    let waiting = desk.seen(1_001, now);
    assert_eq!(
        (waiting[0].visit.outcome, waiting[0].on, waiting[0].slip),
        (Outcome::Pending, Some(now), false)
    );
    assert_eq!(desk.prove(id, 2, &wrong(&app, now), now), Err(Refused::WrongCode));
    desk.prove(id, 2, &app.code(Step::at(now)), now).expect("right");
    let words = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(verdict, reason)| ((*verdict).to_owned(), (*reason).to_owned())).collect()
    };
    let expected = [("accept", "main-password"), ("pending", "main-password"), ("accept", "totp")];
    assert_eq!(logins(&desk), words(&expected));
    let login = desk.events(&[Kind::Login]).pop().expect("logged");
    assert_eq!((login.protocol.as_deref(), login.actor.as_str()), (Some("sidegate-portal"), "gate"));
    assert_eq!(desk.outcomes(1_002, now), [(APP, 1, 1), (APP, 1, 0)]);
    assert!(desk.settle(later(100_000)).is_empty(), "nobody was stopped");
    // Who signed out was here all the same; to prove something again is no visit.
    desk.work(now, |desk| desk.sign_out(token(1_002)).map(Ok)).expect("allowed");
    desk.prove(id, 1_001, &app.code(Step::at(later(120))), later(120)).expect("right");
    assert_eq!(logins(&desk).len(), 3);
    let gone: Vec<bool> = desk.seen(2_001, later(120)).iter().map(|seen| seen.on.is_none()).collect();
    assert_eq!(gone, [true, false]);
    // From a blocked address both are shown, whatever the browser is: it came in when both were right.
    let both = Arrival { both: true, ..arrival(ANN, 7) };
    desk.sign_in(&both, later(180)).expect("signed in");
    assert_eq!(desk.outcomes(2_001, later(180))[0].0, Outcome::Pending);
}

pub(in crate::store::contract) fn who_was_stopped_is_told_once<B: Backend>(backend: &B) {
    let desk = desk(backend);
    let (app, id) = desk.bind(1);
    let told = || -> Vec<bool> {
        desk.events(&[Kind::StoppedAtFactor]).iter().map(|event| event.verdict.is_some()).collect()
    };
    desk.sign_in(&thief(10), later(60)).expect("signed in");
    desk.sign_in(&thief(11), later(70)).expect("signed in");
    assert_eq!(desk.settle(later(70 + PENDING.as_secs() as i64 - 1)), []);
    let over = later(70 + PENDING.as_secs() as i64);
    let event = desk.settle(over).pop().expect("it is over");
    let facts = (event.account.as_deref(), event.address.as_deref(), event.reason.as_deref(), event.count);
    assert_eq!(facts, (Some(ANN), Some("203.0.113.66"), Some("Chrome, Android"), 2));
    assert_eq!((event.time, event.verdict.as_deref()), (later(70), Some("told")), "when it was");
    assert_eq!((desk.settle(over), told()), (vec![], vec![true]), "once");
    let seen = desk.seen(1_001, over);
    assert_eq!((seen[0].visit.outcome, seen[0].visit.count, seen[0].slip), (Outcome::Stopped, 2, false));

    // Again within the hour: the same line, and no second mail.
    desk.sign_in(&thief(12), over).expect("signed in");
    let again = over.plus(PENDING);
    desk.settle(again);
    assert_eq!((desk.outcomes(1_001, again)[0], told()), ((Outcome::Stopped, 3, 0), vec![true, false]));
    // The owner gives up where a factor was proved lately.
    desk.sign_in(&arrival(ANN, 13), again).expect("signed in");
    let given_up = again.plus(PENDING);
    desk.settle(given_up);
    assert_eq!(told(), [true, false, false]);
    assert!(desk.seen(1_001, given_up)[0].slip);
    // What is shown is true before anybody settled it.
    desk.sign_in(&thief(14), later(60).plus(TOGETHER * 2)).expect("signed in");
    desk.work(later(60).plus(TOGETHER * 2), |desk| desk.sign_out(token(14)).map(Ok)).expect("allowed");
    let now = later(61).plus(TOGETHER * 2);
    desk.sign_in(&arrival(ANN, 15), now).expect("signed in");
    desk.prove(id, 15, &app.code(Step::at(now)), now).expect("right");
    let stopped = desk.outcomes(1_015, now);
    assert_eq!((stopped[0].0, stopped[1]), (APP, (Outcome::Stopped, 1, 0)));
}

pub(in crate::store::contract) fn wrong_codes_in_a_row_are_told_at_once<B: Backend>(backend: &B) {
    let desk = desk(backend);
    let (app, id) = desk.bind(1);
    let now = later(60);
    desk.sign_in(&thief(10), now).expect("signed in");
    let told = || desk.events(&[Kind::StoppedAtFactor]).len();
    for n in 1..=WRONG_MAX {
        assert_eq!(told(), 0, "{n}");
        let refused = desk.prove(id, 10, &wrong(&app, now), now);
        assert_eq!(refused, Err(if n < 3 { Refused::WrongCode } else { Refused::WrongClock }), "{n}");
    }
    assert_eq!(told(), 1);
    assert_eq!(desk.outcomes(1_001, now)[0], (Outcome::Stopped, 1, WRONG_MAX), "it is shown so already");
    // A code that was used is none, and no wrong one.
    desk.sign_in(&arrival(ANN, 20), now).expect("signed in");
    let right = app.code(Step::at(now));
    desk.prove(id, 20, &right, now).expect("right");
    assert_eq!(desk.prove(id, 10, &right, now), Err(Refused::UsedCode));
    assert_eq!(desk.show(None, 10, &Evidence::Code(right.clone()), later(89)), Err(Refused::UsedCode));
    assert_eq!(desk.show(None, 10, &Evidence::Code(right), later(120)), Err(Refused::WrongCode), "no more");
    assert_eq!(desk.outcomes(1_001, now)[1].2, WRONG_MAX + 1);
    let used = desk
        .events(&[Kind::FactorTried])
        .into_iter()
        .filter(|event| event.reason.as_deref() == Some("code-used"));
    assert_eq!(used.count(), 2);
    assert_eq!(write(backend, |tables| tables.throttle(1)).failures, 1, "a used one is no failure");

    // Of two attempts in one browser, the first may still come in; the other stays what it is.
    desk.sign_in(&thief(30), later(150)).expect("signed in");
    desk.sign_in(&thief(31), later(151)).expect("signed in");
    desk.prove(id, 30, &app.code(Step::at(later(180))), later(180)).expect("right");
    let visits = desk.outcomes(1_030, later(180));
    assert_eq!((visits[0], visits[1].0), ((APP, 1, 0), Outcome::Stopped));
}
