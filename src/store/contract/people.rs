//! Promises about what people do to their own account.

use std::time::Duration;

use zeroize::Zeroizing;

use super::{NOW, circumstances, name, new_password, order, write};
use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::gate::code::{Code, TRIES_MAX};
use crate::gate::codes_sent::SentLimits;
use crate::gate::event::{Event, Kind};
use crate::gate::factor::{FACTOR_NAME_CHARS_MAX, FactorKind, FactorRefused};
use crate::gate::mandatory::Duty;
use crate::gate::order::{Actor, Done, Order};
use crate::gate::people::PeopleRules;
use crate::gate::phone::CountryCode;
use crate::gate::session::{Act, Denied, FRESH, SESSIONS_MAX, Stage, TRUSTED, Token, TokenTag};
use crate::gate::throttle::FREE;
use crate::gate::totp::{Seed, Step};
use crate::store::orders::{Circumstances, carry_out};
use crate::store::people::{
    self, Arrival, BINDING, Evidence, Identity, NewBinding, Outcome, RecoveryCode, Refused, Standing, Turned,
    Waiting,
};
use crate::store::portal::Visitor;
use crate::store::{Backend, EventQuery};

pub(super) mod duty;
pub(super) mod ending;
pub(super) mod kinds;
pub(super) mod visits;

const ANN: &str = "ann@example.org";
const BOB: &str = "bob@example.org";

fn token(seed: u64) -> TokenTag {
    Token::draw(&Entropy::from_seed(seed)).tag()
}

fn arrival(address: &str, seed: u64) -> Arrival {
    let [system, program] = ["Windows", "Firefox"].map(str::to_owned);
    let visitor = Visitor { address: None, system, program };
    let login = Event::new(NOW, Kind::Login, "gate").account(address).reason("main-password");
    let login = Event { verdict: Some("accept".to_owned()), ..login };
    let (name, token, renewed) = (name(address), token(seed), token(seed + 9_000));
    let (mailbox, devices) = (Vec::new(), Vec::new());
    Arrival { name, mailbox, token, devices, renewed, visitor, source: None, login, both: false }
}

/// Somebody at a store, with the rules that hold there.
struct Desk<'a, B> {
    backend: &'a B,
    rules: PeopleRules,
    entropy: Entropy,
}

impl<B: Backend> Desk<'_, B> {
    fn work<T>(
        &self,
        now: Timestamp,
        mut work: impl FnMut(&mut people::Desk<'_>) -> Outcome<T>,
    ) -> Result<T, Refused> {
        let at = Circumstances { now, wall: now, actor: "portal".into(), ..circumstances() };
        write(self.backend, |tables| work(&mut people::Desk::new(tables, &at, &self.rules, &self.entropy)))
    }

    fn sign_in(&self, arrival: &Arrival, now: Timestamp) -> Result<Standing, Turned> {
        self.work(now, |desk| desk.sign_in(arrival).map(Ok)).expect("never refused otherwise")
    }

    fn stand(&self, seed: u64, act: Act, now: Timestamp) -> Result<Standing, Refused> {
        self.work(now, |desk| desk.stand(token(seed), act))
    }

    /// Proves in the session of `seed`, which goes on with `seed + 1000`.
    fn prove(&self, factor: i64, seed: u64, code: &Code, now: Timestamp) -> Result<Standing, Refused> {
        self.show(Some(factor), seed, &Evidence::Code(code.clone()), now)
    }

    fn show(
        &self,
        factor: Option<i64>,
        seed: u64,
        evidence: &Evidence,
        now: Timestamp,
    ) -> Result<Standing, Refused> {
        self.work(now, |desk| desk.prove(token(seed), token(seed + 1_000), factor, evidence, None))
    }

    fn ask(&self, seed: u64, factor: Option<i64>, now: Timestamp) -> Result<Waiting, Refused> {
        self.work(now, |desk| desk.challenge(token(seed), factor, false, Some("192.0.2.7")))
    }

    fn ask_alone(&self, seed: u64, factor: i64, now: Timestamp) -> Result<Waiting, Refused> {
        self.work(now, |desk| desk.challenge(token(seed), Some(factor), true, None))
    }

    fn begin(&self, seed: u64, now: Timestamp) -> Result<Seed, Refused> {
        self.begin_as(seed, FactorKind::Totp, None, None, now).map(|waiting| waiting.seed.expect("a seed"))
    }

    fn begin_as(
        &self,
        seed: u64,
        kind: FactorKind,
        change: Option<i64>,
        to: Option<&str>,
        now: Timestamp,
    ) -> Result<Waiting, Refused> {
        let to = to.map(|to| Zeroizing::new(to.to_owned()));
        let wish = NewBinding { kind, change, to, from: None };
        self.work(now, |desk| desk.begin(token(seed), &wish))
    }

    fn confirm(&self, seed: u64, code: &Code, called: &str, now: Timestamp) -> Result<Standing, Refused> {
        self.confirm_by(seed, &Evidence::Code(code.clone()), called, now)
    }

    fn confirm_by(
        &self,
        seed: u64,
        evidence: &Evidence,
        called: &str,
        now: Timestamp,
    ) -> Result<Standing, Refused> {
        let (before, next) = (token(seed), token(seed + 1_000));
        self.work(now, |desk| desk.confirm(before, next, evidence, Some(called)))
            .map(|(standing, _)| standing)
    }

    fn turn(&self, seed: u64, on: bool, now: Timestamp) -> Result<Standing, Refused> {
        self.work(now, |desk| desk.set_two_factor(token(seed), on))
    }

    fn remove(&self, seed: u64, id: i64, now: Timestamp) -> Result<Standing, Refused> {
        let (before, next) = (token(seed), token(seed + 1_000));
        self.work(now, |desk| desk.remove(before, next, id)).map(|(standing, _)| standing)
    }

    /// An account with an authenticator app, bound in the session of `seed`, which goes on with `seed + 1000`.
    fn bind(&self, seed: u64) -> (Seed, i64) {
        order(self.backend, &Order::AddAccount(name(ANN))).expect("added");
        self.sign_in(&arrival(ANN, seed), NOW).expect("signed in");
        let app = self.begin(seed, NOW).expect("begun");
        let standing = self.confirm(seed, &app.code(Step::at(NOW)), "app", NOW).expect("bound");
        (app, standing.factors[0].id)
    }

    fn events(&self, kinds: &[Kind]) -> Vec<Event> {
        let query = EventQuery { kinds: kinds.to_vec(), limit: 1_000, ..EventQuery::default() };
        write(self.backend, |tables| tables.events(&query)).into_iter().map(|(_, event)| event).collect()
    }
}

pub(super) fn rules() -> PeopleRules {
    PeopleRules {
        issuer: "Example".to_owned(),
        origin: None,
        relying_party: None,
        domains: Vec::new(),
        administrators: None,
        kinds: FactorKind::ALL.to_vec(),
        trust_for: TRUSTED,
        sms_countries: vec![CountryCode::china()],
        codes: SentLimits::default(),
        mandatory: Vec::new(),
        set_up_code: true,
    }
}

fn desk<B: Backend>(backend: &B) -> Desk<'_, B> {
    Desk { backend, rules: rules(), entropy: Entropy::from_seed(99) }
}

fn later(secs: i64) -> Timestamp {
    Timestamp(NOW.0 + secs)
}

pub(super) fn the_main_password_opens_an_account_without_factors<B: Backend>(backend: &B) {
    let desk = desk(backend);
    assert_eq!(desk.sign_in(&arrival(ANN, 1), NOW), Err(Turned::Unknown));
    let mut desk = desk;
    desk.rules.domains = vec!["example.org".to_owned()];
    let standing = desk.sign_in(&arrival(ANN, 1), NOW).expect("the account is made");
    let elsewhere = desk.sign_in(&arrival("ann@example.net", 9), NOW);
    assert_eq!(elsewhere, Err(Turned::Unknown), "of no domain of ours");
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
    assert_eq!(desk.confirm(1, &Code::of(0), "app", NOW), Err(Refused::CodeOver), "nothing was begun");
    let app = desk.begin(1, NOW).expect("begun");
    assert!(desk.begin(1, later(1)).expect("seen again") == app, "a page may be loaded again");
    let pending = desk.work(later(1), |desk| desk.pending(token(1))).expect("allowed").expect("something");
    assert!(pending.binding && pending.seed.as_ref() == Some(&app));
    let too_late = NOW.plus(BINDING);
    assert_eq!(desk.confirm(1, &code(&app, too_late), "app", too_late), Err(Refused::CodeOver));
    for called in ["", " ", &"n".repeat(FACTOR_NAME_CHARS_MAX + 1)] {
        let refused = desk.confirm(1, &code(&app, NOW), called, NOW);
        assert_eq!(refused, Err(Refused::BadName(FACTOR_NAME_CHARS_MAX)), "{called}");
    }
    for called in ["a\nb", "a\tb", "a\u{202e}b"] {
        assert_eq!(desk.confirm(1, &code(&app, NOW), called, NOW), Err(Refused::NameUnprintable), "{called}");
    }
    let wrong = app.code(Step(Step::at(NOW).0 + 7));
    assert_eq!(desk.confirm(1, &wrong, "app", NOW), Err(Refused::WrongCode));
    assert_eq!(desk.events(&[Kind::FactorAdded]), []);

    let in_time = Timestamp(too_late.0 - 1);
    let longest = "n".repeat(FACTOR_NAME_CHARS_MAX);
    let bound = desk.confirm(1, &code(&app, in_time), &longest, in_time).expect("bound");
    assert_eq!((bound.factors.len(), bound.account.two_factor), (1, false), "it was not turned on");
    let event = &desk.events(&[Kind::FactorAdded])[0];
    assert_eq!(
        (event.actor.as_str(), event.account.as_deref(), event.reason.as_deref()),
        (ANN, Some(ANN), Some("totp"))
    );
    assert_eq!(desk.stand(1, Act::Look, in_time), Err(Denied::Over.into()), "its token is another now");
    assert!(desk.stand(1_001, Act::Change, in_time).is_ok());
    let second = desk.begin(1_001, in_time).expect("begun");
    let taken = desk.confirm(1_001, &code(&second, in_time), &longest, in_time);
    assert_eq!(taken, Err(FactorRefused::NameTaken.into()));
    let replayed = desk.prove(bound.factors[0].id, 1_001, &code(&app, in_time), in_time);
    assert_eq!(replayed, Err(Refused::UsedCode), "the code that bound it is used up");
}

pub(super) fn a_factor_is_proved_once_by_a_code<B: Backend>(backend: &B) {
    let desk = desk(backend);
    let (app, id) = desk.bind(1);
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
    assert_eq!(desk.prove(id, 3, &code, now), Err(Refused::UsedCode), "of two at once, one comes too late");
    let verdicts: Vec<_> =
        desk.events(&[Kind::FactorTried]).into_iter().filter_map(|event| event.verdict).collect();
    assert_eq!(verdicts, ["refuse", "accept", "refuse"]);
}

pub(super) fn guessing_costs_ever_longer_waits<B: Backend>(backend: &B) {
    let desk = desk(backend);
    let (app, id) = desk.bind(1);
    let now = later(60);
    // Wherever they come from: each guess in a session of its own.
    let guess = |seed: u64, code: &Code, now| {
        desk.sign_in(&arrival(ANN, seed), now).expect("signed in");
        desk.prove(id, seed, code, now)
    };
    let wrong = app.code(Step(Step::at(now).0 + 7));
    for seed in 2..2 + u64::from(FREE) {
        let refused = if seed < 4 { Refused::WrongCode } else { Refused::WrongClock };
        assert_eq!(guess(seed, &wrong, now), Err(refused), "{seed}");
    }
    let until = now.plus(Duration::from_secs(30));
    assert_eq!(guess(20, &app.code(Step::at(now)), now), Err(Refused::Wait(until)), "the right one as well");
    assert!(guess(21, &app.code(Step::at(until)), until).is_ok());
    assert_eq!(guess(22, &wrong, until), Err(Refused::WrongCode), "a right one forgets them");
}

pub(super) fn two_factor_needs_a_factor_and_the_factor_itself_to_go<B: Backend>(backend: &B) {
    let desk = desk(backend);
    let (app, id) = desk.bind(1);
    assert!(desk.turn(1_001, true, NOW).expect("on").account.two_factor);
    assert_eq!(desk.events(&[Kind::TwoFactorOn]).len(), 1);
    assert_eq!(desk.remove(1_001, id, NOW), Err(FactorRefused::OnlyOne.into()));
    assert!(!desk.turn(1_001, false, NOW).expect("off").account.two_factor);
    assert_eq!(desk.remove(1_001, id, NOW.plus(FRESH)), Err(Denied::Stale.into()));
    let second = desk.begin(1_001, NOW).expect("begun");
    let standing = desk.confirm(1_001, &second.code(Step::at(NOW)), "tablet", NOW).expect("bound");
    assert_eq!(standing.factors.len(), 2);
    assert_eq!(desk.remove(2_001, id, NOW), Err(Refused::ProveIt(id)), "the other was proved last");
    let now = later(60);
    desk.prove(id, 2_001, &app.code(Step::at(now)), now).expect("right");
    assert_eq!(desk.remove(3_001, id, now).expect("removed").factors.len(), 1);
    assert_eq!(
        desk.turn(4_001, true, now),
        Err(Denied::Stale.into()),
        "what was proved by it is proved no more"
    );
    order(backend, &Order::AddAccount(name("bob@example.org"))).expect("added");
    desk.sign_in(&arrival("bob@example.org", 9), NOW).expect("signed in");
    assert_eq!(desk.turn(9, true, NOW), Err(Refused::NoFactors));
}

pub(super) fn a_trusted_device_spares_the_factor_but_not_for_changes<B: Backend>(backend: &B) {
    let desk = desk(backend);
    let (_, _) = desk.bind(1);
    let until = NOW.plus(TRUSTED);
    let Arrival { visitor, .. } = arrival(ANN, 0);
    let ann = write(backend, |tables| tables.account(&name(ANN))).expect("there").id;
    write(backend, |tables| tables.add_device(ann, token(50), NOW, until, &visitor));
    let stage = |arrival: Arrival, now| desk.sign_in(&arrival, now).expect("signed in").session.stage;
    let with = |seed, device| Arrival { devices: vec![token(device)], ..arrival(ANN, seed) };
    let last = Timestamp(until.0 - 1);
    assert_eq!(stage(with(2, 50), last), Stage::Full);
    assert!(desk.stand(2, Act::Look, last).is_ok());
    assert_eq!(desk.stand(2, Act::Change, last), Err(Denied::Factor.into()));
    // Each use gives it another token, and no more time.
    assert_eq!(stage(with(8, 50), last), Stage::Factor, "its token was used");
    assert_eq!(stage(with(9, 9_002), last), Stage::Full);
    assert_eq!(stage(with(3, 9_009), until), Stage::Factor, "seven days are over");
    let other = Visitor { program: "Chrome".to_owned(), ..visitor };
    assert_eq!(stage(Arrival { visitor: other, ..with(4, 9_009) }, NOW), Stage::Factor, "another browser");
    assert_eq!(stage(with(5, 51), NOW), Stage::Factor, "not its token");
    let mut shorter = desk;
    shorter.rules.trust_for = Duration::from_secs(86_400);
    let day = shorter.sign_in(&with(6, 9_009), later(86_400)).expect("signed in");
    assert_eq!(day.session.stage, Stage::Factor, "the site trusts for a day now");
    let stage = |arrival: Arrival, now| shorter.sign_in(&arrival, now).expect("signed in").session.stage;
    assert_eq!(stage(with(10, 9_009), NOW), Stage::Full, "none of those used it");
    write(backend, |tables| tables.remove_devices(ann, None));
    assert_eq!(stage(with(7, 9_010), NOW), Stage::Factor, "trust was cancelled");
}

/// A hash takes a while: the session may have ended meanwhile, or what was proved may have grown old.
pub(super) fn an_order_needs_its_session_to_the_end<B: Backend>(backend: &B) {
    let desk = desk(backend);
    desk.bind(1);
    let make = |device: &str, now: Timestamp| {
        let session = Some((token(1_001), Act::Change));
        let actor = Actor { session, ..Actor::from(ANN) };
        let at = Circumstances { now, wall: now, actor, ..circumstances() };
        let made = new_password(ANN, device, &format!("the secret of {device}"));
        write(backend, |tables| carry_out(tables, &made, &at)).map(|(done, _)| done)
    };
    assert!(matches!(make("phone", NOW), Ok(Done::NewPassword(_))));
    assert_eq!(make("tablet", NOW.plus(FRESH)), Err(Denied::Stale.into()));
    desk.work(NOW, |desk| desk.sign_out_everywhere(token(1_001))).expect("allowed");
    assert_eq!(make("tablet", NOW), Err(Denied::Over.into()));
    let account = write(backend, |tables| tables.account(&name(ANN))).expect("there");
    assert_eq!(account.passwords.len(), 1);
}
