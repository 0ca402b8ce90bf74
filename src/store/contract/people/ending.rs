//! Promises about what ends when factors change, and which sessions give way to others.

use super::super::{NOW, name, order, write};
use super::{ANN, Desk, arrival, desk, later, token};
use crate::clock::Timestamp;
use crate::gate::event::Kind;
use crate::gate::order::Order;
use crate::gate::session::{Act, Denied, PENDING_MAX, SESSIONS_MAX, Stage};
use crate::gate::totp::Step;
use crate::store::Backend;
use crate::store::people::Arrival;

/// Somebody else who knows the main password, in a browser that is trusted besides; for a moment of the test.
fn others<B: Backend>(desk: &Desk<'_, B>, seed: u64, now: Timestamp) {
    let Arrival { visitor, .. } = arrival(ANN, 0);
    let ann = write(desk.backend, |tables| tables.account(&name(ANN))).expect("there").id;
    write(desk.backend, |tables| tables.add_device(ann, token(seed + 5_000), now, later(10_000), &visitor));
    let trusted = Arrival { devices: vec![token(seed + 5_000)], ..arrival(ANN, seed) };
    let entered = desk.sign_in(&trusted, now).expect("signed in");
    assert_eq!(entered.session.stage, Stage::Full);
    desk.sign_in(&arrival(ANN, seed + 1), now).expect("signed in");
}

/// They are out, and the browser is trusted no more.
#[track_caller]
fn are_out<B: Backend>(desk: &Desk<'_, B>, seed: u64, now: Timestamp) {
    for one in [seed, seed + 1] {
        assert_eq!(desk.stand(one, Act::Prove, now), Err(Denied::Over.into()), "{one}");
    }
    let trusted = Arrival { devices: vec![token(seed + 9_000)], ..arrival(ANN, seed) };
    assert_eq!(desk.sign_in(&trusted, now).expect("signed in").session.stage, Stage::Factor);
}

pub(in crate::store::contract) fn a_change_of_factors_ends_what_began_before_it<B: Backend>(backend: &B) {
    let desk = desk(backend);
    order(backend, &Order::AddAccount(name(ANN))).expect("added");
    desk.sign_in(&arrival(ANN, 1), NOW).expect("signed in");
    others(&desk, 10, NOW);
    let app = desk.begin(1, NOW).expect("begun");
    let bound = desk.confirm(1, &app.code(Step::at(NOW)), "app", NOW).expect("bound");
    are_out(&desk, 10, NOW);
    let id = bound.factors[0].id;
    assert!(desk.stand(1_001, Act::Change, NOW).is_ok(), "but for whoever did it");

    // One more factor is no change of what was there.
    others(&desk, 20, NOW);
    let second = desk.begin(1_001, NOW).expect("begun");
    let both = desk.confirm(1_001, &second.code(Step::at(NOW)), "tablet", NOW).expect("bound");
    assert!(desk.stand(20, Act::Look, NOW).is_ok());
    desk.turn(2_001, true, NOW).expect("on");
    are_out(&desk, 20, NOW);

    others(&desk, 30, NOW);
    let begun = desk.begin_as(2_001, crate::gate::factor::FactorKind::Totp, Some(id), None, NOW);
    let anew = begun.expect("begun").seed.expect("a seed");
    desk.confirm(2_001, &anew.code(Step::at(NOW)), "new phone", NOW).expect("changed");
    are_out(&desk, 30, NOW);

    let now = later(60);
    let tablet = both.factors[1].id;
    desk.prove(tablet, 3_001, &second.code(Step::at(now)), now).expect("right");
    others(&desk, 40, now);
    desk.remove(4_001, tablet, now).expect("removed");
    are_out(&desk, 40, now);
    let told = desk.events(&[Kind::SessionsEnded]);
    assert_eq!(told.len(), 4, "{told:?}");
    assert_eq!(told[0].reason.as_deref(), Some("2 sessions, 1 trusted devices"));
}

/// Somebody who knows the main password signs in again and again.
pub(in crate::store::contract) fn sessions_without_a_factor_end_no_full_one<B: Backend>(backend: &B) {
    let desk = desk(backend);
    let (app, id) = desk.bind(1);
    let most = SESSIONS_MAX as u64 + 5;
    for seed in 2..2 + most {
        desk.sign_in(&arrival(ANN, seed), later(60)).expect("signed in");
        assert!(desk.stand(1_001, Act::Look, later(60)).is_ok(), "{seed}");
    }
    let waiting = |seed| desk.stand(seed, Act::Prove, later(60)).is_ok();
    let left = (2..2 + most).filter(|seed| waiting(*seed)).count();
    assert_eq!(left, PENDING_MAX);
    assert!(waiting(1 + most), "the last one of all");

    // Nor is there more room for those that proved it.
    for n in 0..most {
        let (seed, now) = (200 + n, later(120 + 30 * i64::try_from(n).expect("small")));
        desk.sign_in(&arrival(ANN, seed), now).expect("signed in");
        desk.prove(id, seed, &app.code(Step::at(now)), now).expect("right");
    }
    let end = later(120 + 30 * i64::try_from(most).expect("small"));
    let full = |seed| desk.stand(seed, Act::Look, end).is_ok();
    assert_eq!((1_200..1_200 + most).filter(|seed| full(*seed)).count(), SESSIONS_MAX);
}
