//! People at the portal's part of the gate: signing in, proving, lifting a block. The upstream is another whole gate,
//! whose client password is the main password here.

use std::sync::Arc;
use std::time::Duration;

use sidegate::clock::Timestamp;
use sidegate::gate::code::Code;
use sidegate::gate::event::{Event, Kind};
use sidegate::gate::factor::FactorKind;
use sidegate::gate::name::PasswordName;
use sidegate::gate::order::Which;
use sidegate::gate::secret::Secret;
use sidegate::gate::session::{Act, PENDING_MAX, Stage, Token};
use sidegate::gate::totp::{Seed, Step};
use sidegate::service::people::{Passed, PeopleError, Shown, SignIn, Visit};
use sidegate::store::EventQuery;
use sidegate::store::people::{NewBinding, Refused};
use sidegate::store::portal::Visitor;
use zeroize::Zeroizing;

use crate::world::World;

pub(crate) const ANN: &str = "ann@example.org";
pub(crate) const BOB: &str = "bob@example.org";
pub(crate) const MAIN: &str = "Mqp3rTu8vWx5yZaB";
pub(crate) const HOME: &str = "192.0.2.7";

/// A gate with an upstream that knows Ann and Bob.
pub(crate) struct Site {
    pub(crate) gate: World,
    pub(crate) upstream: World,
}

pub(crate) async fn site(settings: &str) -> Site {
    let upstream = World::start("").await;
    for account in [ANN, BOB] {
        upstream.account(account).await;
        upstream.password(account, "main", MAIN).await;
    }
    let (auth, userdb) = (upstream.socket("client"), upstream.socket("master"));
    let settings = format!(
        "[upstream]\nauth = {auth:?}\nuserdb = {userdb:?}\n[client_passwords.argon2]\nmemory_kib = 8\npasses = 1\n\
         [portal]\ndomains = [\"example.org\"]\nfactors = [\"totp\", \"sms\", \"mail\"]\n{settings}"
    );
    Site { gate: World::start(&settings).await, upstream }
}

pub(crate) fn visit(address: &str) -> Visit {
    let visitor =
        Visitor { address: Some(address.to_owned()), system: "Linux".into(), program: "Firefox".into() };
    Visit { session: None, devices: Vec::new(), browser: None, visitor, address: address.parse().ok() }
}

pub(crate) fn inside(visit: &Visit, session: &Token) -> Visit {
    Visit { session: Some(session.tag()), ..visit.clone() }
}

pub(crate) fn hidden(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

impl Site {
    pub(crate) async fn sign_in(
        &self,
        visit: &Visit,
        account: &str,
        password: &str,
        code: Option<&str>,
    ) -> Result<Passed, PeopleError> {
        let (account, password) = (account.to_owned(), Secret::new(password));
        let code = code.map(hidden);
        Arc::clone(&self.gate.service).sign_in(visit.clone(), SignIn { account, password, code }).await
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.gate.service.now()
    }

    pub(crate) fn code(&self, app: &Seed) -> String {
        app.code(Step::at(self.now())).reveal().to_string()
    }

    /// What the app will say in so many seconds.
    pub(crate) fn code_in(&self, app: &Seed, secs: u64) -> String {
        let step = Step::at(self.now().plus(Duration::from_secs(secs)));
        app.code(step).reveal().to_string()
    }

    /// Ann with an app, signed in from home.
    pub(crate) async fn with_app(&self) -> (Visit, Seed) {
        let home = visit(HOME);
        let entered = self.sign_in(&home, ANN, MAIN, None).await.unwrap();
        assert_eq!(entered.standing.session.stage, Stage::Full);
        let visit = inside(&home, &entered.session);
        let wish = NewBinding { kind: FactorKind::Totp, change: None, to: None, from: None };
        let seed = self.gate.service.begin_binding(&visit, wish).await.unwrap().seed.unwrap();
        let shown = Shown::Code(hidden(&self.code(&seed)));
        let bound = self.gate.service.confirm_binding(&visit, shown, Some("Phone".into())).await.unwrap();
        self.gate.pass(Duration::from_secs(60));
        (inside(&home, &bound.session), seed)
    }

    /// Ten wrong guesses at IMAP.
    pub(crate) async fn block(&self, address: &str, account: &str) {
        let mut peer = self.gate.client().await;
        for n in 0..10 {
            assert_eq!(peer.login(account, &format!("wrong {n}"), address).await, "FAIL");
        }
        assert!(self.gate.service.source(address.parse().unwrap()).block.is_some());
    }

    pub(crate) async fn events(&self, kind: Kind) -> Vec<Event> {
        let query = EventQuery { kinds: vec![kind], limit: 1_000, ..EventQuery::default() };
        self.gate.service.events(query).await.unwrap().into_iter().map(|(_, event)| event).collect()
    }

    pub(crate) async fn stop(self) {
        self.gate.stop().await;
        self.upstream.stop().await;
    }
}

#[tokio::test]
async fn the_main_password_opens_the_portal_and_makes_the_account() {
    let site = site("").await;
    let entered = site.sign_in(&visit(HOME), " Ann@Example.ORG ", MAIN, None).await.unwrap();
    assert_eq!(entered.standing.account.name.as_str(), ANN);
    assert!(entered.device.is_none() && entered.tell.is_empty());
    let login = site.events(Kind::Login).await.pop().unwrap();
    assert_eq!(
        (login.protocol.as_deref(), login.verdict.as_deref()),
        (Some("sidegate-portal"), Some("accept"))
    );
    for (account, password) in [(ANN, "wrong"), ("nobody@example.org", MAIN), ("", MAIN), ("\u{7f}", MAIN)] {
        let refused = site.sign_in(&visit(HOME), account, password, None).await.unwrap_err();
        assert_eq!(refused, PeopleError::WrongPassword, "{account:?}");
    }
    // A session that was never begun is none.
    let stranger =
        Visit { session: Some(Token::draw(&sidegate::entropy::Entropy::system()).tag()), ..visit(HOME) };
    assert!(site.gate.service.owner(&stranger, Act::Prove).await.is_err());
    site.stop().await;
}

#[tokio::test]
async fn failures_at_the_portal_block_the_address_for_mail_clients_too() {
    let site = site("").await;
    site.sign_in(&visit("192.0.2.1"), ANN, MAIN, None).await.unwrap();
    site.gate.password(ANN, "phone", "Fj7kQm2RxT9wBn4c").await;
    for n in 0..10 {
        // Ten accounts, so that no wait for one of them comes before.
        let account = format!("nobody{n}@example.org");
        let refused = site.sign_in(&visit(HOME), &account, "wrong", None).await.unwrap_err();
        assert_eq!(refused, PeopleError::WrongPassword);
    }
    let blocked = site.sign_in(&visit(HOME), ANN, MAIN, None).await.unwrap_err();
    assert!(matches!(blocked, PeopleError::Blocked(_)), "{blocked:?}");
    let mut peer = site.gate.client().await;
    assert_eq!(peer.login(ANN, "Fj7kQm2RxT9wBn4c", HOME).await, "FAIL");
    assert_eq!(peer.login(ANN, "Fj7kQm2RxT9wBn4c", "192.0.2.8").await, "OK");
    site.stop().await;
}

#[tokio::test]
async fn wrong_second_factors_block_the_address_and_a_right_main_password_forgets_none() {
    let site = site("").await;
    let (_, app) = site.with_app().await;
    let failures = || site.gate.service.source(HOME.parse().unwrap()).failures;
    let guess = |code: String| {
        let site = &site;
        async move {
            // Long enough for every wait of the account, too short for the run to be forgotten.
            site.gate.pass(Duration::from_secs(3_600));
            let entered = site.sign_in(&visit(HOME), ANN, MAIN, None).await.unwrap();
            let inside = inside(&visit(HOME), &entered.session);
            let (app, shown) = (Some(entered.standing.factors[0].id), Shown::Code(hidden(&code)));
            site.gate.service.prove_factor(&inside, app, shown, false).await
        }
    };
    for n in 1..10 {
        let refused = if n < 3 { Refused::WrongCode } else { Refused::WrongClock };
        assert_eq!(guess("no code".into()).await.unwrap_err(), PeopleError::Refused(refused));
        assert_eq!(failures(), n);
    }
    guess(site.code_in(&app, 3_600)).await.expect("right");
    assert_eq!(failures(), 0, "she came in all the way");
    for _ in 0..10 {
        guess("no code".into()).await.unwrap_err();
    }
    assert!(site.gate.service.source(HOME.parse().unwrap()).block.is_some());
    let reasons: Vec<_> =
        site.events(Kind::Login).await.into_iter().filter_map(|event| event.reason).collect();
    assert_eq!(reasons.iter().filter(|reason| *reason == "wrong-factor").count(), 19);
    let refused = site.sign_in(&visit(HOME), ANN, MAIN, None).await.unwrap_err();
    assert!(matches!(refused, PeopleError::Blocked(_)), "{refused:?}");
    site.stop().await;
}

#[tokio::test]
async fn guesses_at_one_account_from_everywhere_cost_waits_but_not_its_owners_device() {
    let site = site("").await;
    let (owner, app) = site.with_app().await;
    let ann = site.gate.service.owner(&owner, Act::Look).await.unwrap();
    let id = ann.factors[0].id;
    let fresh = site.sign_in(&visit(HOME), ANN, MAIN, None).await.unwrap();
    let shown = Shown::Code(hidden(&site.code(&app)));
    let pending = inside(&owner, &fresh.session);
    let device =
        site.gate.service.prove_factor(&pending, Some(id), shown, true).await.unwrap().device.unwrap();
    for account in [ANN, "nobody@example.org"] {
        for n in 0..5 {
            let refused = site.sign_in(&visit(&format!("198.51.100.{n}")), account, "wrong", None).await;
            assert_eq!(refused.unwrap_err(), PeopleError::WrongPassword);
        }
        let waits = site.sign_in(&visit("203.0.113.1"), account, MAIN, None).await.unwrap_err();
        let until = Timestamp(site.now().0 + 20);
        assert_eq!(waits, PeopleError::Wait(until), "{account}: the same for a name that nobody has");
    }
    let known = Visit { devices: vec![device.0.tag()], ..visit("203.0.113.2") };
    let entered = site.sign_in(&known, ANN, MAIN, None).await.unwrap();
    assert_eq!(entered.standing.session.stage, Stage::Full, "and it is spared the factor");
    site.stop().await;
}

#[tokio::test]
async fn of_two_that_show_one_code_at_once_one_gets_in() {
    let site = site("").await;
    let (_, app) = site.with_app().await;
    let mut sessions = Vec::new();
    for _ in 0..PENDING_MAX {
        let entered = site.sign_in(&visit(HOME), ANN, MAIN, None).await.unwrap();
        assert_eq!(entered.standing.session.stage, Stage::Factor);
        sessions.push(inside(&visit(HOME), &entered.session));
    }
    let code = site.code(&app);
    let tries: Vec<_> = sessions
        .into_iter()
        .map(|visit| {
            let (service, code) = (Arc::clone(&site.gate.service), hidden(&code));
            tokio::spawn(async move { service.prove_factor(&visit, None, Shown::Code(code), false).await })
        })
        .collect();
    let mut in_ = 0;
    for tried in tries {
        match tried.await.unwrap() {
            Ok(_) => in_ += 1,
            Err(PeopleError::Refused(Refused::UsedCode | Refused::Wait(_))) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(in_, 1);
    site.stop().await;
}

#[tokio::test]
async fn two_factor_shuts_mail_clients_out_with_the_main_password_at_once() {
    let site = site("[main_password]\nmail_clients = \"until-two-factor\"\n").await;
    let (owner, _) = site.with_app().await;
    let mut peer = site.gate.client().await;
    assert_eq!(peer.login(ANN, MAIN, HOME).await, "OK");
    let standing = site.gate.service.set_two_factor(&owner, true).await.unwrap();
    assert!(standing.account.two_factor);
    assert_eq!(peer.login(ANN, MAIN, HOME).await, "FAIL");
    let name = PasswordName::parse("Phone").unwrap();
    let terms = sidegate::gate::account::Terms::default();
    let (id, secret) = site.gate.service.new_own_password(&owner, name, terms).await.unwrap();
    let made = site.events(Kind::PasswordAdded).await.pop().unwrap();
    assert_eq!((made.actor.as_str(), made.address.as_deref()), (ANN, Some(HOME)), "by whom, and from where");
    let secret = secret.show_once().to_string();
    assert_eq!(peer.login(ANN, &secret, HOME).await, "OK");
    let devices = site.gate.service.own_devices(&owner, 0).await.unwrap();
    let seen: Vec<_> = devices.clients.iter().map(|client| client.password.as_deref()).collect();
    assert_eq!(seen, [Some("Phone"), None], "the main password of before is in the list too");
    site.gate.service.revoke_own(&owner, Which::Id(id)).await.unwrap();
    assert_eq!(peer.login(ANN, &secret, HOME).await, "FAIL");
    let (_, tried) = site.gate.service.own_account(&owner).await.unwrap();
    assert_eq!(tried.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["Phone"]);
    site.stop().await;
}

#[tokio::test]
async fn what_was_proved_long_ago_is_good_for_looking_only() {
    let site = site("").await;
    let (owner, app) = site.with_app().await;
    site.gate.pass(Duration::from_secs(600));
    assert!(site.gate.service.owner(&owner, Act::Look).await.is_ok());
    let name = PasswordName::parse("Phone").unwrap();
    let made = site.gate.service.new_own_password(&owner, name.clone(), Default::default()).await.map(drop);
    assert_eq!(made.unwrap_err().to_string(), "prove again that it is you");
    let shown = Shown::Code(hidden(&site.code(&app)));
    let again = site.gate.service.prove_factor(&owner, None, shown, false).await.unwrap();
    let owner = inside(&owner, &again.session);
    site.gate.service.new_own_password(&owner, name, Default::default()).await.unwrap();
    let main = site.gate.service.prove_factor(&owner, None, Shown::Password(Secret::new(MAIN)), false).await;
    assert!(main.is_err(), "the main password proves too little where a factor is bound");
    site.stop().await;
}

#[tokio::test]
async fn a_blocked_address_lets_its_owner_in_with_both_and_tells_nobody_else_anything() {
    let site = Arc::new(site("").await);
    let (owner, app) = site.with_app().await;
    let (codes, _) = site.gate.service.new_recovery_codes(&owner).await.unwrap();
    let right = site.code(&app);
    let wrong = Code::of(right.parse::<u32>().unwrap() + 1).reveal().to_string();
    // Bob has no factor.
    let cases = [
        (ANN, MAIN, wrong),
        (ANN, "wrong", right),
        (ANN, MAIN, "no code".to_owned()),
        (BOB, MAIN, "123456".to_owned()),
        ("nobody@example.org", MAIN, "123456".to_owned()),
    ];
    let mut tries = Vec::new();
    for (n, (account, password, code)) in cases.into_iter().enumerate() {
        let address = format!("198.51.100.{n}");
        site.block(&address, "nobody@example.org").await;
        let blocked = site.sign_in(&visit(&address), account, password, None).await.unwrap_err();
        assert!(matches!(blocked, PeopleError::Blocked(_)), "without a code: {blocked:?}");
        let site = Arc::clone(&site);
        tries.push(tokio::spawn(async move {
            let began = std::time::Instant::now();
            let (visit, code) = (visit(&address), Some(code.as_str()));
            let second = async {
                // While one is looked at, the next one waits for its turn.
                tokio::time::sleep(Duration::from_millis(500)).await;
                let second = site.sign_in(&visit, account, password, code).await.unwrap_err();
                (second, began.elapsed())
            };
            let (first, second) = tokio::join!(site.sign_in(&visit, account, password, code), second);
            assert_eq!(first.unwrap_err(), PeopleError::WrongPassword, "{account} {password}");
            assert_eq!(second.0, PeopleError::WrongPassword, "{account} {password}");
            second.1
        }));
    }
    for tried in tries {
        let took = tried.await.unwrap().as_secs_f64();
        assert!(took >= 10.0, "never sooner: {took}");
    }
    site.block(HOME, "nobody@example.org").await;
    let entered = site.sign_in(&visit(HOME), ANN, MAIN, Some(&codes[0])).await.unwrap();
    let ann = inside(&visit(HOME), &entered.session);
    assert!(site.gate.service.own_blocks(&ann).await.unwrap().until.is_some());
    site.gate.service.lift_own(&ann, HOME.parse::<std::net::IpAddr>().unwrap()).await.unwrap();
    assert!(site.gate.service.source(HOME.parse().unwrap()).block.is_none());
    assert_eq!(site.events(Kind::BlockLifted).await[0].actor, ANN);
    Arc::into_inner(site).unwrap().stop().await;
}

/// Whoever was in before the block.
#[tokio::test]
async fn a_session_at_a_blocked_address_proves_slowly_and_lifts_the_block() {
    let site = site("").await;
    let (owner, app) = site.with_app().await;
    site.block(HOME, "nobody@example.org").await;
    let prove = |visit: &Visit, code: String| {
        let (service, visit) = (Arc::clone(&site.gate.service), visit.clone());
        async move {
            let began = std::time::Instant::now();
            let proved = service.prove_factor(&visit, None, Shown::Code(hidden(&code)), false).await;
            (proved, began.elapsed().as_secs_f64())
        }
    };
    let wrong = |more| Code::of(site.code(&app).parse::<u32>().unwrap() + more).reveal().to_string();
    let second = async {
        // While one is looked at, the next one waits for its turn.
        tokio::time::sleep(Duration::from_millis(500)).await;
        prove(&owner, wrong(2)).await
    };
    let (first, second) = tokio::join!(prove(&owner, wrong(1)), second);
    assert_eq!(first.0.unwrap_err(), PeopleError::Refused(Refused::WrongCode));
    assert_eq!(second.0.unwrap_err(), PeopleError::Refused(Refused::WrongCode));
    assert!(first.1 >= 5.0 && second.1 >= 9.5, "{} {}", first.1, second.1);
    let counted = |event: &Event| event.reason.as_deref() == Some("wrong-factor");
    assert!(!site.events(Kind::Login).await.iter().any(counted), "attempts during a block do not count");
    let (proved, took) = prove(&owner, site.code(&app)).await;
    let owner = inside(&owner, &proved.expect("right").session);
    assert!(took >= 5.0, "{took}");
    site.gate.service.lift_own(&owner, HOME.parse::<std::net::IpAddr>().unwrap()).await.unwrap();
    assert!(site.gate.service.source(HOME.parse().unwrap()).block.is_none());
    site.stop().await;
}

#[tokio::test]
async fn a_site_says_how_many_codes_it_sends() {
    let site = site("[portal.codes]\nper_account = 2\n").await;
    let entered = site.sign_in(&visit(HOME), ANN, MAIN, None).await.unwrap();
    let ann = inside(&visit(HOME), &entered.session);
    let begin = |to: &str| {
        let to = Some(hidden(to));
        site.gate
            .service
            .begin_binding(&ann, NewBinding { kind: FactorKind::Sms, change: None, to, from: None })
    };
    for to in ["+8613812340001", "+8613812340002"] {
        assert!(begin(to).await.unwrap().deliver.is_some(), "{to}");
    }
    let enough = begin("+8613812340003").await.unwrap_err();
    let tomorrow = site.now().plus(Duration::from_secs(86_400));
    assert!(matches!(enough, PeopleError::Refused(Refused::SentEnough(at)) if at <= tomorrow), "{enough:?}");
    site.stop().await;
}

#[tokio::test]
async fn so_many_blocks_may_be_lifted_a_day_and_only_ones_own() {
    let site = site("").await;
    let (owner, app) = site.with_app().await;
    site.block("198.51.100.9", BOB).await;
    let lift = |visit: Visit, address: &'static str| {
        let service = Arc::clone(&site.gate.service);
        async move { service.lift_own(&visit, address.parse::<std::net::IpAddr>().unwrap()).await.map(drop) }
    };
    assert_eq!(lift(owner.clone(), "198.51.100.9").await, Err(PeopleError::NotFound), "a block of Bob's");
    assert_eq!(lift(owner.clone(), "198.51.100.10").await, Err(PeopleError::NotFound), "no block at all");
    let elsewhere = ["203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4", "203.0.113.5"];
    for address in elsewhere {
        site.block(address, ANN).await;
    }
    let others = site.gate.service.own_blocks(&owner).await.unwrap().others;
    assert_eq!(others.len(), elsewhere.len(), "where her own phone failed");
    let lifts = elsewhere.map(|address| tokio::spawn(lift(owner.clone(), address)));
    let mut lifted = 0;
    for one in lifts {
        match one.await.unwrap() {
            Ok(()) => lifted += 1,
            refused => assert!(matches!(refused, Err(PeopleError::Wait(_))), "{refused:?}"),
        }
    }
    assert_eq!(lifted, 3, "however many come at once");
    site.gate.pass(Duration::from_secs(86_400));
    let entered = site.sign_in(&visit(HOME), ANN, MAIN, None).await.unwrap();
    let pending = inside(&visit(HOME), &entered.session);
    let shown = Shown::Code(hidden(&site.code(&app)));
    let owner = inside(
        &pending,
        &site.gate.service.prove_factor(&pending, None, shown, false).await.unwrap().session,
    );
    site.block("203.0.113.5", ANN).await;
    lift(owner, "203.0.113.5").await.expect("the next day");
    site.stop().await;
}

#[tokio::test]
async fn sessions_and_counts_are_forgotten_long_after_their_end() {
    let site = site("").await;
    let (owner, _) = site.with_app().await;
    let wish = NewBinding {
        kind: FactorKind::Sms,
        change: None,
        to: Some(hidden("+8613812341234")),
        from: Some(HOME.into()),
    };
    site.gate.service.begin_binding(&owner, wish).await.unwrap();
    site.gate.pass(Duration::from_secs(2 * 86_400 + 60));
    site.gate.service.sweep().await;
    assert!(site.gate.service.owner(&owner, Act::Prove).await.is_err());
    let store = sidegate::store::sqlite::Sqlite::at(site.gate.folder.path().join("store.db"));
    site.gate.service.finish().await;
    let copy = sidegate::store::StoreHandle::open(&store).unwrap();
    let left = copy.read(|tables| tables.codes_sent("all:sms")).await.unwrap();
    assert_eq!(left, None);
    drop(copy);
    site.stop().await;
}

#[tokio::test]
async fn failures_and_blocks_are_told_hour_by_hour() {
    let site = site("").await;
    site.block("198.51.100.9", BOB).await;
    site.gate.pass(Duration::from_secs(2 * 3_600));
    let mut peer = site.gate.client().await;
    assert_eq!(peer.login(ANN, "wrong", HOME).await, "FAIL");
    let happened = site.gate.service.overview(3).await.unwrap();
    let numbers: Vec<_> = happened.hours.iter().map(|hour| (hour.failures, hour.blocks)).collect();
    assert_eq!(numbers, [(10, 1), (0, 0), (1, 0)]);
    assert_eq!(happened.addresses, [("198.51.100.9".to_owned(), 10), (HOME.to_owned(), 1)]);
    assert_eq!(happened.accounts, [(BOB.to_owned(), 10), (ANN.to_owned(), 1)]);
    assert_eq!(site.gate.service.overview(1).await.unwrap().hours.len(), 1);
    site.stop().await;
}
