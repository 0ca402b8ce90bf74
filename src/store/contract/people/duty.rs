//! Promises about two-factor that is mandatory.

use std::time::Duration;

use super::super::{NOW, name, order, write};
use super::{ANN, Desk, arrival, desk, later, token};
use crate::clock::Timestamp;
use crate::gate::code::Code;
use crate::gate::event::Kind;
use crate::gate::mandatory::{Duty, MandatoryRule, Whom};
use crate::gate::order::Order;
use crate::gate::session::{Act, Denied, Stage};
use crate::gate::totp::{Seed, Step};
use crate::store::Backend;
use crate::store::people::{Arrival, Refused};

const GRACE: Duration = Duration::from_secs(100);

/// With a rule for everybody, whose date is now.
fn strict<B: Backend>(backend: &B) -> Desk<'_, B> {
    let mut desk = desk(backend);
    desk.rules.mandatory = vec![MandatoryRule { whom: Whom::Site, from: Some(NOW), grace: GRACE }];
    desk
}

fn code(app: &Seed, now: Timestamp) -> Code {
    app.code(Step::at(now))
}

pub(in crate::store::contract) fn who_must_have_two_factor_sets_it_up_first<B: Backend>(backend: &B) {
    let desk = strict(backend);
    order(backend, &Order::AddAccount(name(ANN))).expect("added");
    let reminded = desk.sign_in(&arrival(ANN, 1), NOW).expect("signed in");
    let end = NOW.plus(GRACE);
    assert_eq!((reminded.session.stage, reminded.duty), (Stage::Full, Duty::Until(end)));
    let bound = desk.sign_in(&arrival(ANN, 2), end).expect("signed in");
    assert_eq!((bound.session.stage, bound.duty), (Stage::SetUp, Duty::Now));
    for act in [Act::Look, Act::Change] {
        assert_eq!(desk.stand(2, act, end), Err(Denied::SetUp.into()), "{act:?}");
        assert_eq!(desk.stand(1, act, end), Err(Denied::SetUp.into()), "{act:?}: it was good for all before");
    }
    assert_eq!(desk.stand(1, Act::Look, NOW).map(|standing| standing.session.stage), Ok(Stage::Full));
    let app = desk.begin(2, end).expect("begun");
    let standing = desk.confirm(2, &app.code(Step::at(end)), "app", end).expect("bound");
    assert!(standing.account.two_factor, "it is mandatory");
    assert_eq!(standing.session.stage, Stage::Full);
    assert_eq!(desk.turn(1_002, false, end), Err(Refused::Mandatory));
}

/// Somebody who bound a factor in the time of grace and left it at that.
pub(in crate::store::contract) fn past_the_date_a_proof_turns_two_factor_on<B: Backend>(backend: &B) {
    let desk = strict(backend);
    let (app, id) = desk.bind(1);
    let end = NOW.plus(GRACE);
    let before = Timestamp(end.0 - 1);
    assert!(desk.stand(1_001, Act::Change, before).is_ok(), "in the time of grace");
    for act in [Act::SetUp, Act::Look, Act::Change, Act::Oversee] {
        assert_eq!(desk.stand(1_001, act, end), Err(Denied::Factor.into()), "{act:?}");
    }
    let proved = desk.prove(id, 1_001, &code(&app, end), end).expect("right");
    assert!(proved.account.two_factor, "in the same transaction");
    assert_eq!((proved.session.stage, proved.duty), (Stage::Full, Duty::Now));
    assert_eq!(desk.events(&[Kind::TwoFactorOn]).len(), 1);
    assert!(desk.stand(2_001, Act::Change, end).is_ok());
    assert_eq!(desk.turn(2_001, false, end), Err(Refused::Mandatory));

    // Nor does it help that an administrator turns it off, or that the browser is trusted.
    let off = Order::SetAccount { account: name(ANN), enabled: None, two_factor: Some(false), group: None };
    order(backend, &off).expect("off");
    assert_eq!(desk.stand(2_001, Act::Look, end), Err(Denied::Factor.into()));
    let Arrival { visitor, .. } = arrival(ANN, 0);
    let ann = write(backend, |tables| tables.account(&name(ANN))).expect("there").id;
    write(backend, |tables| tables.add_device(ann, token(50), NOW, later(10_000), &visitor));
    let trusted = Arrival { devices: vec![token(50)], ..arrival(ANN, 3) };
    let entered = desk.sign_in(&trusted, end).expect("signed in");
    assert_eq!(entered.session.stage, Stage::Factor);
    let now = later(200);
    assert!(desk.prove(id, 3, &code(&app, now), now).expect("right").account.two_factor);
}
