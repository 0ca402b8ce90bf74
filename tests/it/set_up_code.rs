//! After a reset: whoever merely knows the main password binds nothing; the owner has the set-up code. And wrong codes that
//! an administrator forgets.

use std::time::Duration;

use sidegate::gate::event::Kind;
use sidegate::gate::factor::FactorKind;
use sidegate::gate::name::AccountName;
use sidegate::gate::order::{Order, OrderRefused};
use sidegate::gate::reset::ResetReason;
use sidegate::gate::session::{Act, Denied, PENDING_MAX, Stage};
use sidegate::gate::set_up_code::VALID;
use sidegate::gate::throttle::FREE;
use sidegate::service::OrderError;
use sidegate::service::people::{Passed, PeopleError, Shown, Visit};
use sidegate::store::people::{NewBinding, Refused};
use zeroize::Zeroizing;

use crate::people::{self, ANN, BOB, HOME, MAIN, Site};

/// Where somebody else knows the main password.
const THIEF: &str = "198.51.100.66";
const ON: &str = "two-factor is on";

fn ann() -> AccountName {
    AccountName::parse(ANN, None).unwrap()
}

fn denied(denied: Denied) -> PeopleError {
    PeopleError::Refused(Refused::Denied(denied))
}

const WRONG: PeopleError = PeopleError::Refused(Refused::WrongCode);

async fn reset(site: &Site, two_factor_off: bool) -> Option<Zeroizing<String>> {
    let reason = ResetReason::parse("lost phone").unwrap();
    let done = site.gate.service.reset_factors(ann(), reason, two_factor_off, "uid 0").await.unwrap();
    done.map(|(code, ends)| {
        assert_eq!(ends, site.now().plus(VALID));
        code
    })
}

/// Somebody signs in with the main password.
async fn enter(site: &Site, from: &str) -> (Visit, Passed) {
    let visit = people::visit(from);
    let passed = site.sign_in(&visit, ANN, MAIN, None).await.unwrap();
    (people::inside(&visit, &passed.session), passed)
}

async fn give(site: &Site, visit: &Visit, code: &str) -> Result<(Visit, Passed), PeopleError> {
    let shown = Shown::SetUpCode(people::hidden(code));
    let passed = site.gate.service.prove_factor(visit, None, shown, false).await?;
    Ok((people::inside(visit, &passed.session), passed))
}

/// Binds an app, if the session allows it.
async fn bind(site: &Site, visit: &Visit) -> Result<Passed, PeopleError> {
    let wish = NewBinding { kind: FactorKind::Totp, change: None, to: None, from: None };
    let service = &site.gate.service;
    let app = service.begin_binding(visit, wish).await?.seed.unwrap();
    let shown = Shown::Code(people::hidden(&site.code(&app)));
    service.confirm_binding(visit, shown, Some("Phone".into())).await
}

/// Ann with an app and two-factor on.
async fn site(settings: &str) -> Site {
    let site = people::site(settings).await;
    let (visit, _) = site.with_app().await;
    site.gate.service.set_two_factor(&visit, true).await.expect(ON);
    site
}

#[tokio::test]
async fn whoever_merely_knows_the_main_password_binds_nothing_after_a_reset() {
    let site = site("").await;
    let service = &site.gate.service;
    let code = reset(&site, false).await.expect("a code");
    let (thief, entered) = enter(&site, THIEF).await;
    assert_eq!(entered.standing.session.stage, Stage::SetUp);
    assert_eq!(entered.standing.set_up_code, Some(site.now().plus(VALID)));
    assert_eq!(bind(&site, &thief).await.unwrap_err(), denied(Denied::SetUpCode));
    for act in [Act::Look, Act::Change] {
        assert_eq!(service.owner(&thief, act).await.unwrap_err(), denied(Denied::SetUp), "{act:?}");
    }
    // Nor by what is no set-up code, or another one.
    for wrong in ["", "000000", "ABCD-EFGH-IJKL-MNOP", &code[1..], MAIN] {
        assert_eq!(give(&site, &thief, wrong).await.unwrap_err(), WRONG, "{wrong}");
    }
    let shown = Shown::Recovery(code.clone());
    assert_eq!(service.prove_factor(&thief, None, shown, false).await.unwrap_err(), WRONG);
    let shown = Shown::SetUpCode(code.clone());
    assert!(service.confirm_binding(&thief, shown, None).await.is_err(), "it is no proof of a new factor");
    assert_eq!(bind(&site, &thief).await.unwrap_err(), denied(Denied::SetUpCode));

    let (owner, _) = enter(&site, HOME).await;
    let typed = code.to_lowercase().replace('-', " ");
    let (owner, given) = give(&site, &owner, &typed).await.unwrap();
    assert_eq!((given.standing.session.stage, given.standing.set_up_code), (Stage::SetUp, None));
    let bound = bind(&site, &owner).await.unwrap();
    assert_eq!((bound.standing.factors.len(), bound.standing.account.two_factor), (1, true));
    let over = service.owner(&thief, Act::Prove).await.unwrap_err();
    assert_eq!(over, denied(Denied::Over));
    assert_eq!(service.factors_of(ann()).await.unwrap().unwrap().set_up_code, None, "it is used up");
    let (thief, entered) = enter(&site, THIEF).await;
    assert_eq!(entered.standing.session.stage, Stage::Factor);
    assert_eq!(give(&site, &thief, &code).await.unwrap_err(), WRONG);
    site.stop().await;
}

/// The address counts them, as it counts everything; the account does not.
#[tokio::test]
async fn wrong_set_up_codes_keep_nobody_from_the_right_one() {
    let site = site("").await;
    let code = reset(&site, false).await.expect("a code");
    for n in 0..20 {
        let (thief, _) = enter(&site, &format!("198.51.100.{n}")).await;
        for _ in 0..9 {
            assert_eq!(give(&site, &thief, "ABCD-EFGH-IJKL-MNOP").await.unwrap_err(), WRONG);
        }
    }
    let failures = |from: &str| site.gate.service.source(from.parse().unwrap()).failures;
    assert_eq!(failures("198.51.100.7"), 9, "to sign in with the main password forgets none");
    let (owner, _) = enter(&site, HOME).await;
    let (owner, _) = give(&site, &owner, &code).await.expect("the right one is looked at");
    // Nor do their sessions push out one that gave it.
    for n in 0..25 {
        enter(&site, &format!("203.0.113.{n}")).await;
    }
    bind(&site, &owner).await.expect("it goes on");
    let tried = site.events(Kind::FactorTried).await;
    assert!(tried.iter().any(|event| event.reason.as_deref() == Some("set-up-code")), "{tried:?}");
    assert!(tried.iter().all(|event| !format!("{event:?}").contains(code.as_str())));
    site.stop().await;
}

#[tokio::test]
async fn sessions_that_gave_no_code_have_little_room_and_little_time() {
    let site = site("").await;
    reset(&site, false).await.expect("a code");
    let (first, _) = enter(&site, HOME).await;
    for _ in 0..PENDING_MAX {
        enter(&site, THIEF).await;
    }
    let over = site.gate.service.owner(&first, Act::Prove).await.unwrap_err();
    assert_eq!(over, denied(Denied::Over));
    site.stop().await;
}

#[tokio::test]
async fn whoever_breaks_off_half_way_gives_it_again() {
    let site = site("").await;
    let code = reset(&site, false).await.expect("a code");
    let (visit, _) = enter(&site, HOME).await;
    let (visit, _) = give(&site, &visit, &code).await.unwrap();
    let wish = NewBinding { kind: FactorKind::Totp, change: None, to: None, from: None };
    site.gate.service.begin_binding(&visit, wish).await.unwrap();
    site.gate.pass(Duration::from_secs(3_600));
    let over = site.gate.service.owner(&visit, Act::Prove).await.unwrap_err();
    assert_eq!(over, denied(Denied::Over));
    let (visit, _) = enter(&site, HOME).await;
    assert_eq!(bind(&site, &visit).await.unwrap_err(), denied(Denied::SetUpCode), "another session");
    let (visit, _) = give(&site, &visit, &code).await.unwrap();
    bind(&site, &visit).await.unwrap();
    site.stop().await;
}

#[tokio::test]
async fn a_code_ends_with_its_time_and_with_the_next_one() {
    let site = site("").await;
    let first = reset(&site, false).await.expect("a code");
    let second = reset(&site, false).await.expect("a code");
    let (visit, _) = enter(&site, HOME).await;
    assert_eq!(give(&site, &visit, &first).await.unwrap_err(), WRONG);
    site.gate.pass(VALID - Duration::from_secs(1));
    let (visit, _) = enter(&site, HOME).await;
    let (visit, _) = give(&site, &visit, &second).await.expect("its last second");
    bind(&site, &visit).await.unwrap();

    let third = reset(&site, false).await.expect("a code");
    site.gate.pass(VALID);
    let (visit, _) = enter(&site, HOME).await;
    let over = PeopleError::Refused(Refused::CodeOver);
    assert_eq!(give(&site, &visit, &third).await.unwrap_err(), over);
    assert_eq!(bind(&site, &visit).await.unwrap_err(), denied(Denied::SetUpCode), "and opens nothing");
    let fourth = reset(&site, false).await.expect("an administrator makes another one");
    let (visit, _) = enter(&site, HOME).await;
    let (visit, _) = give(&site, &visit, &fourth).await.unwrap();
    bind(&site, &visit).await.unwrap();
    site.stop().await;
}

#[tokio::test]
async fn an_account_without_two_factor_is_not_opened_by_its_reset() {
    let site = people::site("").await;
    site.with_app().await;
    let code = reset(&site, false).await.expect("a code");
    let (visit, entered) = enter(&site, HOME).await;
    assert_eq!(entered.standing.session.stage, Stage::SetUp);
    let (visit, _) = give(&site, &visit, &code).await.unwrap();
    let bound = bind(&site, &visit).await.unwrap();
    assert!(!bound.standing.account.two_factor, "nobody wanted it on");
    assert_eq!(bound.standing.session.stage, Stage::Full);
    // With two-factor off by the reset, the main password is enough.
    reset(&site, false).await.expect("a code");
    assert!(reset(&site, true).await.is_none(), "and takes back the one before");
    let (visit, entered) = enter(&site, HOME).await;
    assert_eq!((entered.standing.session.stage, entered.standing.set_up_code), (Stage::Full, None));
    bind(&site, &visit).await.unwrap();
    site.stop().await;
}

/// Whoever turns it off in spite of the duty opens nothing by that.
#[tokio::test]
async fn past_the_date_a_reset_asks_for_a_code_in_any_case() {
    let rule = "[[portal.mandatory]]\nwhom = \"everybody\"\nfrom = \"2020-01-01\"\ngrace = \"0s\"\n";
    let site = people::site(rule).await;
    let (visit, entered) = enter(&site, HOME).await;
    assert_eq!((entered.standing.session.stage, entered.standing.set_up_code), (Stage::SetUp, None));
    bind(&site, &visit).await.expect("the first time, the main password is enough");
    let code = reset(&site, true).await.expect("a code");
    let (visit, _) = enter(&site, HOME).await;
    assert_eq!(bind(&site, &visit).await.unwrap_err(), denied(Denied::SetUpCode));
    let order = Order::SetAccount { account: ann(), enabled: None, two_factor: Some(true), group: None };
    site.gate.service.carry_out(order, "uid 0").await.unwrap();
    let (visit, _) = enter(&site, HOME).await;
    assert_eq!(bind(&site, &visit).await.unwrap_err(), denied(Denied::SetUpCode), "{ON}");
    let (visit, _) = give(&site, &visit, &code).await.unwrap();
    assert!(bind(&site, &visit).await.unwrap().standing.account.two_factor);
    site.stop().await;
}

#[tokio::test]
async fn where_the_site_wants_none_the_main_password_is_enough() {
    let site = site("set_up_code = false\n").await;
    assert!(reset(&site, false).await.is_none());
    let (visit, entered) = enter(&site, HOME).await;
    assert_eq!((entered.standing.session.stage, entered.standing.set_up_code), (Stage::SetUp, None));
    bind(&site, &visit).await.unwrap();
    site.stop().await;
}

#[tokio::test]
async fn an_administrator_forgets_wrong_codes_and_nothing_else() {
    let site = people::site("").await;
    let (visit, app) = site.with_app().await;
    let service = &site.gate.service;
    assert_eq!(service.unlock_factors(ann(), "uid 0").await, Ok(0), "nothing is locked");
    assert_eq!(site.events(Kind::FactorsUnlocked).await.len(), 0);
    let (pending, entered) = enter(&site, THIEF).await;
    let id = Some(entered.standing.factors[0].id);
    let guess = |code: String| service.prove_factor(&pending, id, Shown::Code(people::hidden(&code)), false);
    for _ in 0..FREE {
        let wrong = guess("no code".into()).await.unwrap_err();
        assert!(wrong == WRONG || wrong == PeopleError::Refused(Refused::WrongClock), "{wrong:?}");
    }
    let waits = guess(site.code(&app)).await.unwrap_err();
    assert!(matches!(waits, PeopleError::Refused(Refused::Wait(_))), "{waits:?}");
    let before = service.factors_of(ann()).await.unwrap().unwrap();
    assert_eq!(service.unlock_factors(ann(), "uid 0").await, Ok(FREE));
    let after = service.factors_of(ann()).await.unwrap().unwrap();
    assert_eq!((after.failures, after.sessions, &after.factors), (0, before.sessions, &before.factors));
    assert!(service.owner(&visit, Act::Look).await.is_ok(), "sessions go on");
    guess(site.code(&app)).await.expect("looked at again");
    let told = site.events(Kind::FactorsUnlocked).await;
    let facts = (told[0].account.as_deref(), told[0].actor.as_str(), told[0].reason.as_deref());
    assert_eq!((facts, told.len()), ((Some(ANN), "uid 0", Some("5 wrong codes")), 1));
    let bob = AccountName::parse(BOB, None).unwrap();
    let nobody = service.unlock_factors(bob.clone(), "uid 0").await;
    assert_eq!(nobody, Err(OrderError::Refused(OrderRefused::NoAccount(bob))));
    site.stop().await;
}

#[tokio::test]
async fn the_last_sign_in_is_one_that_came_in_all_the_way() {
    let site = people::site("").await;
    let (_, app) = site.with_app().await;
    let service = &site.gate.service;
    let last = || async { service.factors_of(ann()).await.unwrap().unwrap().signed_in };
    let first = last().await.expect("she was in");
    site.gate.pass(Duration::from_secs(600));
    let (pending, entered) = enter(&site, THIEF).await;
    assert_eq!(last().await, Some(first), "the main password alone is none");
    let shown = Shown::Code(people::hidden(&site.code(&app)));
    service.prove_factor(&pending, Some(entered.standing.factors[0].id), shown, false).await.unwrap();
    assert_eq!(last().await, Some(site.now()));
    site.stop().await;
}
