//! Promises about what people do to their own account.

use std::time::Duration;

use super::{NOW, circumstances, name, order, write};
use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::gate::code::Code;
use crate::gate::event::{Event, Kind};
use crate::gate::factor::FactorRefused;
use crate::gate::mandatory::{Duty, MandatoryRule, Whom};
use crate::gate::order::Order;
use crate::gate::session::{Act, Denied, FRESH, SESSIONS_MAX, Stage, TRUSTED, Token, TokenTag};
use crate::gate::throttle::FREE;
use crate::gate::totp::{Seed, Step};
use crate::store::orders::Circumstances;
use crate::store::people::{
    Arrival, BINDING, Refused, Standing, Turned, Typed, begin_totp, confirm_totp, prove, remove_factor,
    set_two_factor, sign_in, stand,
};
use crate::store::portal::Visitor;
use crate::store::{Backend, EventQuery};

const ANN: &str = "ann@example.org";

fn at(now: Timestamp) -> Circumstances {
    Circumstances { now, actor: "portal".to_owned(), ..circumstances() }
}

fn token(seed: u64) -> TokenTag {
    Token::draw(&Entropy::from_seed(seed)).tag()
}

fn arrival(address: &str, seed: u64) -> Arrival {
    let [system, program] = ["Windows", "Firefox"].map(str::to_owned);
    let visitor = Visitor { address: None, system, program };
    Arrival { name: name(address), token: token(seed), device: None, visitor, makes_account: false }
}

/// Somebody at a store, with the rules that hold there.
struct Desk<'a, B> {
    backend: &'a B,
    rules: Vec<MandatoryRule>,
    entropy: Entropy,
}

impl<B: Backend> Desk<'_, B> {
    fn sign_in(&self, arrival: &Arrival, now: Timestamp) -> Result<Standing, Turned> {
        write(self.backend, |tables| sign_in(tables, arrival, &self.rules, &at(now)))
    }

    fn stand(&self, seed: u64, act: Act, now: Timestamp) -> Result<Standing, Refused> {
        write(self.backend, |tables| stand(tables, token(seed), act, &self.rules, &at(now)))
    }

    fn prove(&self, factor: i64, seed: u64, code: &Code, now: Timestamp) -> Result<Standing, Refused> {
        let typed = Typed { token: token(seed), next: token(seed + 1_000), code: code.clone() };
        write(self.backend, |tables| prove(tables, factor, &typed, &self.rules, &at(now)))
    }

    fn begin(&self, seed: u64, called: &str, now: Timestamp) -> Result<Seed, Refused> {
        let begun = |tables: &mut dyn crate::store::Tables| {
            begin_totp(tables, token(seed), called, &self.entropy, &self.rules, &at(now))
        };
        write(self.backend, begun).map(|(_, seed)| seed)
    }

    fn confirm(&self, seed: u64, code: &Code, on: bool, now: Timestamp) -> Result<Standing, Refused> {
        let typed = Typed { token: token(seed), next: token(seed + 1_000), code: code.clone() };
        write(self.backend, |tables| confirm_totp(tables, &typed, on, &self.rules, &at(now)))
    }

    /// An account with an authenticator app, bound in the session of `seed`, which goes on with `seed + 1000`.
    fn bind(&self, seed: u64, on: bool) -> (Seed, i64) {
        order(self.backend, &Order::AddAccount(name(ANN))).expect("added");
        self.sign_in(&arrival(ANN, seed), NOW).expect("signed in");
        let app = self.begin(seed, "app", NOW).expect("begun");
        let standing = self.confirm(seed, &app.code(Step::at(NOW)), on, NOW).expect("bound");
        (app, standing.factors[0].id)
    }

    fn events(&self, kinds: &[Kind]) -> Vec<Event> {
        let query = EventQuery { kinds: kinds.to_vec(), limit: 1_000, ..EventQuery::default() };
        write(self.backend, |tables| tables.events(&query)).into_iter().map(|(_, event)| event).collect()
    }
}

fn desk<B: Backend>(backend: &B) -> Desk<'_, B> {
    Desk { backend, rules: Vec::new(), entropy: Entropy::from_seed(99) }
}

fn later(secs: i64) -> Timestamp {
    Timestamp(NOW.0 + secs)
}

pub(super) fn the_main_password_opens_an_account_without_factors<B: Backend>(backend: &B) {
    let desk = desk(backend);
    assert_eq!(desk.sign_in(&arrival(ANN, 1), NOW), Err(Turned::Unknown));
    let made = Arrival { makes_account: true, ..arrival(ANN, 1) };
    let standing = desk.sign_in(&made, NOW).expect("the account is made");
    assert_eq!((standing.session.stage, standing.duty, standing.factors.len()), (Stage::Full, Duty::None, 0));
    assert_eq!(desk.events(&[Kind::AccountAdded])[0].actor, "portal");
    assert!(desk.stand(1, Act::Change, NOW).is_ok(), "the main password was right just now");
    assert_eq!(desk.stand(1, Act::Change, NOW.plus(FRESH)), Err(Denied::Stale.into()));
    assert_eq!(desk.stand(2, Act::Look, NOW), Err(Denied::Over.into()));
    let disable =
        Order::SetAccount { account: name(ANN), enabled: Some(false), two_factor: None, group: None };
    order(backend, &disable).expect("disabled");
    assert_eq!(desk.stand(1, Act::Look, NOW), Err(Denied::Over.into()), "at once");
    assert_eq!(desk.sign_in(&arrival(ANN, 3), NOW), Err(Turned::Disabled));
}

pub(super) fn an_account_has_so_many_sessions<B: Backend>(backend: &B) {
    let desk = desk(backend);
    order(backend, &Order::AddAccount(name(ANN))).expect("added");
    for seed in 0..=SESSIONS_MAX as u64 {
        desk.sign_in(&arrival(ANN, seed), later(i64::try_from(seed).expect("small"))).expect("signed in");
        assert!(desk.stand(0, Act::Look, NOW).is_ok() || seed == SESSIONS_MAX as u64, "{seed}");
    }
    assert_eq!(desk.stand(0, Act::Look, NOW), Err(Denied::Over.into()), "the one that was used longest ago");
    assert!(desk.stand(1, Act::Look, later(100)).is_ok());
}

pub(super) fn an_app_is_bound_by_a_code_of_it<B: Backend>(backend: &B) {
    let desk = desk(backend);
    order(backend, &Order::AddAccount(name(ANN))).expect("added");
    desk.sign_in(&arrival(ANN, 1), NOW).expect("signed in");
    let code = |app: &Seed, now| app.code(Step::at(now));
    assert_eq!(desk.confirm(1, &Code::of(0), true, NOW), Err(Refused::NoBinding));
    let first = desk.begin(1, "app", NOW).expect("begun");
    let app = desk.begin(1, "app", NOW).expect("begun anew");
    assert_eq!(desk.confirm(1, &code(&first, NOW), true, NOW), Err(Refused::WrongCode), "another was begun");
    let too_late = NOW.plus(BINDING);
    assert_eq!(desk.confirm(1, &code(&app, too_late), true, too_late), Err(Refused::NoBinding));
    assert_eq!(desk.events(&[Kind::FactorAdded]), []);

    let in_time = Timestamp(too_late.0 - 1);
    let bound = desk.confirm(1, &code(&app, in_time), true, in_time).expect("bound");
    assert_eq!((bound.factors.len(), bound.account.two_factor), (1, true), "in one transaction");
    let kinds = [Kind::FactorAdded, Kind::TwoFactorOn];
    assert_eq!(desk.events(&kinds).iter().map(|event| event.kind).collect::<Vec<_>>(), kinds);
    assert_eq!(desk.stand(1, Act::Look, in_time), Err(Denied::Over.into()), "its token is another now");
    assert!(desk.stand(1_001, Act::Change, in_time).is_ok());
    assert_eq!(desk.begin(1_001, "app", in_time).err(), Some(FactorRefused::NameTaken.into()));
    let replayed = desk.prove(bound.factors[0].id, 1_001, &code(&app, in_time), in_time);
    assert_eq!(replayed, Err(Refused::WrongCode), "the code that bound it is used up");
}

pub(super) fn a_factor_is_proved_once_by_a_code<B: Backend>(backend: &B) {
    let desk = desk(backend);
    let (app, id) = desk.bind(1, false);
    let now = later(60);
    for seed in [2, 3] {
        let standing = desk.sign_in(&arrival(ANN, seed), now).expect("signed in");
        assert_eq!(standing.session.stage, Stage::Factor);
    }
    for act in [Act::Look, Act::Change, Act::SetUp] {
        assert_eq!(desk.stand(2, act, now), Err(Denied::Factor.into()), "{act:?}");
    }
    let code = app.code(Step::at(now));
    let wrong = app.code(Step(Step::at(now).0 + 7));
    assert_eq!(desk.prove(id + 1, 2, &code, now), Err(FactorRefused::NoFactor.into()));
    assert_eq!(desk.prove(id, 2, &wrong, now), Err(Refused::WrongCode));
    let proved = desk.prove(id, 2, &code, now).expect("right");
    assert_eq!((proved.session.stage, proved.factors[0].id), (Stage::Full, id));
    assert_eq!(desk.stand(2, Act::Look, now), Err(Denied::Over.into()), "its token is another now");
    assert!(desk.stand(1_002, Act::Change, now).is_ok());
    assert_eq!(desk.prove(id, 3, &code, now), Err(Refused::WrongCode), "of two at once, one comes too late");
    let verdicts: Vec<_> =
        desk.events(&[Kind::FactorTried]).into_iter().filter_map(|event| event.verdict).collect();
    assert_eq!(verdicts, ["refuse", "accept", "refuse"]);
}

pub(super) fn guessing_costs_ever_longer_waits<B: Backend>(backend: &B) {
    let desk = desk(backend);
    let (app, id) = desk.bind(1, false);
    let now = later(60);
    // Wherever they come from: each guess in a session of its own.
    let guess = |seed: u64, code: &Code, now| {
        desk.sign_in(&arrival(ANN, seed), now).expect("signed in");
        desk.prove(id, seed, code, now)
    };
    let wrong = app.code(Step(Step::at(now).0 + 7));
    for seed in 2..2 + u64::from(FREE) {
        assert_eq!(guess(seed, &wrong, now), Err(Refused::WrongCode), "{seed}");
    }
    let until = now.plus(Duration::from_secs(30));
    assert_eq!(guess(20, &app.code(Step::at(now)), now), Err(Refused::Wait(until)), "the right one as well");
    assert!(guess(21, &app.code(Step::at(until)), until).is_ok());
    assert_eq!(guess(22, &wrong, until), Err(Refused::WrongCode), "a right one forgets them");
}

pub(super) fn who_must_have_two_factor_sets_it_up_first<B: Backend>(backend: &B) {
    let grace = Duration::from_secs(100);
    let rules = vec![MandatoryRule { whom: Whom::Site, from: Some(NOW), grace }];
    let desk = Desk { rules, ..desk(backend) };
    order(backend, &Order::AddAccount(name(ANN))).expect("added");
    let reminded = desk.sign_in(&arrival(ANN, 1), NOW).expect("signed in");
    let end = NOW.plus(grace);
    assert_eq!((reminded.session.stage, reminded.duty), (Stage::Full, Duty::Until(end)));
    let bound = desk.sign_in(&arrival(ANN, 2), end).expect("signed in");
    assert_eq!((bound.session.stage, bound.duty), (Stage::SetUp, Duty::Now));
    for act in [Act::Look, Act::Change] {
        assert_eq!(desk.stand(2, act, end), Err(Denied::SetUp.into()), "{act:?}");
    }
    let app = desk.begin(2, "app", end).expect("begun");
    let standing = desk.confirm(2, &app.code(Step::at(end)), false, end).expect("bound");
    assert!(standing.account.two_factor, "it is mandatory");
    assert_eq!(standing.session.stage, Stage::Full);
    let off = write(backend, |tables| set_two_factor(tables, token(1_002), false, &desk.rules, &at(end)));
    assert_eq!(off, Err(Refused::Mandatory));
}

pub(super) fn two_factor_needs_a_factor_and_the_factor_itself_to_go<B: Backend>(backend: &B) {
    let desk = desk(backend);
    let turn = |seed, on, now| -> Result<Standing, Refused> {
        write(backend, |tables| set_two_factor(tables, token(seed), on, &desk.rules, &at(now)))
    };
    let remove = |seed, id, now| -> Result<Standing, Refused> {
        write(backend, |tables| remove_factor(tables, token(seed), id, &desk.rules, &at(now)))
    };
    let (app, id) = desk.bind(1, false);
    assert!(turn(1_001, true, NOW).expect("on").account.two_factor);
    assert_eq!(remove(1_001, id, NOW), Err(FactorRefused::OnlyOne.into()));
    assert!(!turn(1_001, false, NOW).expect("off").account.two_factor);
    assert_eq!(remove(1_001, id, NOW.plus(FRESH)), Err(Denied::Stale.into()));
    let second = desk.begin(1_001, "tablet", NOW).expect("begun");
    let standing = desk.confirm(1_001, &second.code(Step::at(NOW)), false, NOW).expect("bound");
    assert_eq!(standing.factors.len(), 2);
    assert_eq!(remove(2_001, id, NOW), Err(FactorRefused::ProveIt.into()), "the other was proved last");
    let now = later(60);
    desk.prove(id, 2_001, &app.code(Step::at(now)), now).expect("right");
    assert_eq!(remove(3_001, id, now).expect("removed").factors.len(), 1);
    assert_eq!(turn(3_001, true, now), Err(Denied::Stale.into()), "what was proved by it is proved no more");
    order(backend, &Order::AddAccount(name("bob@example.org"))).expect("added");
    desk.sign_in(&arrival("bob@example.org", 9), NOW).expect("signed in");
    assert_eq!(turn(9, true, NOW), Err(Refused::NoFactors));
}

pub(super) fn a_trusted_device_spares_the_factor_but_not_for_changes<B: Backend>(backend: &B) {
    let desk = desk(backend);
    let (_, _) = desk.bind(1, false);
    let until = NOW.plus(TRUSTED);
    let Arrival { visitor, .. } = arrival(ANN, 0);
    let ann = write(backend, |tables| tables.account(&name(ANN))).expect("there").id;
    write(backend, |tables| tables.add_device(ann, token(50), NOW, until, &visitor));
    let stage = |arrival: Arrival, now| desk.sign_in(&arrival, now).expect("signed in").session.stage;
    let with = |seed| Arrival { device: Some(token(50)), ..arrival(ANN, seed) };
    let last = Timestamp(until.0 - 1);
    assert_eq!(stage(with(2), last), Stage::Full);
    assert!(desk.stand(2, Act::Look, last).is_ok());
    assert_eq!(desk.stand(2, Act::Change, last), Err(Denied::Factor.into()));
    assert_eq!(stage(with(3), until), Stage::Factor, "seven days are over");
    let other = Visitor { program: "Chrome".to_owned(), ..visitor };
    assert_eq!(stage(Arrival { visitor: other, ..with(4) }, NOW), Stage::Factor, "another browser");
    assert_eq!(stage(Arrival { device: Some(token(51)), ..with(5) }, NOW), Stage::Factor, "not its token");
    let bob = Arrival { name: name("bob@example.org"), makes_account: true, ..with(6) };
    desk.sign_in(&bob, NOW).expect("signed in");
    let bobs = write(backend, |tables| tables.account(&name("bob@example.org"))).expect("there").id;
    assert_ne!(bobs, ann);
    write(backend, |tables| tables.remove_devices(ann, None));
    assert_eq!(stage(with(7), NOW), Stage::Factor, "trust was cancelled");
}
