//! Guesses at one main password from many addresses, and its owner meanwhile: who is looked at, who waits, and how long.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sidegate::gate::entrance::{BrowserMark, FAMILIAR_FOR, FAMILIAR_MAX, FREE};
use sidegate::gate::event::Kind;
use sidegate::gate::name::AccountName;
use sidegate::gate::order::Order;
use sidegate::gate::session::{Act, Stage};
use sidegate::service::people::{Passed, PeopleError, Visit};
use sidegate::store::EventQuery;

use crate::people::{ANN, BOB, HOME, MAIN, Site, site, visit};

const NOBODY: &str = "nobody@example.org";
const AWAY: &str = "203.0.113.1";

/// How many main passwords the upstream was asked about.
async fn asked(site: &Site) -> u32 {
    let query = EventQuery { kinds: vec![Kind::Login], limit: 10_000, ..EventQuery::default() };
    let events = site.upstream.service.events(query).await.unwrap();
    events.iter().map(|(_, event)| event.count).sum()
}

/// One of those who guess at an account.
fn stranger(account: &str, n: u8) -> Visit {
    visit(&format!("198.51.{}.{n}", account.len()))
}

/// Wrong main passwords, ten from each of so many addresses, all at one moment. How each of them ended.
async fn burst(site: &Arc<Site>, account: &'static str, addresses: u8) -> Vec<PeopleError> {
    let mut tries = Vec::new();
    for n in 0..addresses {
        for m in 0..10 {
            let site = Arc::clone(site);
            tries.push(tokio::spawn(async move {
                site.sign_in(&stranger(account, n), account, &format!("wrong {m}"), None).await.unwrap_err()
            }));
        }
    }
    let mut ended = Vec::new();
    for one in tries {
        ended.push(one.await.unwrap());
    }
    ended
}

async fn until(site: &Site, from: &Visit, account: &str) -> i64 {
    match site.sign_in(from, account, MAIN, None).await {
        Err(PeopleError::Wait(until)) => until.0 - site.now().0,
        other => panic!("{other:?}"),
    }
}

async fn gets_in(site: &Site, from: &Visit) -> Passed {
    site.sign_in(from, ANN, MAIN, None).await.expect("she need not wait")
}

#[tokio::test]
async fn of_a_burst_from_everywhere_no_more_are_looked_at_than_are_free() {
    let site = Arc::new(site("").await);
    gets_in(&site, &visit(HOME)).await;
    for account in [ANN, NOBODY] {
        let before = asked(&site).await;
        let ended = burst(&site, account, 12).await;
        let looked = ended.iter().filter(|error| **error == PeopleError::WrongPassword).count();
        assert_eq!((looked, asked(&site).await - before), (5, 5), "{account}: as for any other name");
        let waits = ended.iter().filter(|error| matches!(error, PeopleError::Wait(_))).count();
        assert_eq!(waits, 115, "{account}");
        // Each of them has one place in a minute from then on.
        site.gate.pass(Duration::from_secs(19));
        burst(&site, account, 12).await;
        assert_eq!(asked(&site).await - before, 5, "{account}");
        for round in 1..4 {
            site.gate.pass(Duration::from_secs(40));
            burst(&site, account, 12).await;
            let looked = asked(&site).await - before;
            assert!((5 + round..=5 + round * 12).contains(&looked), "{account}: {looked}");
        }
    }
    Arc::into_inner(site).unwrap().stop().await;
}

#[tokio::test]
async fn its_owner_does_not_wait_where_the_account_came_in_from_before() {
    let site = Arc::new(site("").await);
    let browser = |address: &str| Visit { browser: Some(BrowserMark::of("Ann's")), ..visit(address) };
    gets_in(&site, &browser(HOME)).await;
    for (n, secs) in [0, 60, 86_400, 7 * 86_400].into_iter().enumerate() {
        site.gate.pass(Duration::from_secs(secs));
        burst(&site, ANN, 12).await;
        let waits = until(&site, &visit(&format!("203.0.113.{n}")), ANN).await;
        assert!((1..=60).contains(&waits), "a stranger: {waits}");
        gets_in(&site, &visit(HOME)).await;
        gets_in(&site, &browser("203.0.113.77")).await;
        gets_in(&site, &visit("203.0.113.77")).await;
    }
    // Bob knows neither.
    burst(&site, BOB, 12).await;
    until(&site, &browser(HOME), BOB).await;
    // What was not used for long is strange again; each sign-in counts anew.
    site.gate.pass(FAMILIAR_FOR);
    burst(&site, ANN, 12).await;
    until(&site, &browser(HOME), ANN).await;
    Arc::into_inner(site).unwrap().stop().await;
}

#[tokio::test]
async fn ipv6_is_familiar_by_its_network_and_only_so_much_is() {
    let site = Arc::new(site("").await);
    gets_in(&site, &visit("2001:db8:1:2::1")).await;
    burst(&site, ANN, 12).await;
    gets_in(&site, &visit("2001:db8:1:2:ffff::9")).await;
    until(&site, &visit("2001:db8:1:3::1"), ANN).await;
    site.gate.pass(Duration::from_secs(3_600));
    for n in 0..FAMILIAR_MAX {
        site.gate.pass(Duration::from_secs(1));
        gets_in(&site, &visit(&format!("203.0.113.{n}"))).await;
    }
    burst(&site, ANN, 12).await;
    until(&site, &visit("2001:db8:1:2::1"), ANN).await;
    gets_in(&site, &visit("203.0.113.0")).await;
    Arc::into_inner(site).unwrap().stop().await;
}

/// A neighbour behind the address from which Ann comes guesses no faster than anybody else.
#[tokio::test]
async fn a_familiar_address_waits_for_its_own_failures_and_is_blocked_by_the_tenth() {
    let site = Arc::new(site("").await);
    let browser = Visit { browser: Some(BrowserMark::of("Ann's")), ..visit(HOME) };
    gets_in(&site, &browser).await;
    let home = visit(HOME);
    let guess = || site.sign_in(&home, ANN, "wrong", None);
    for _ in 0..FREE {
        assert_eq!(guess().await.unwrap_err(), PeopleError::WrongPassword);
    }
    assert!(matches!(guess().await.unwrap_err(), PeopleError::Wait(_)));
    gets_in(&site, &visit(AWAY)).await;
    let before = asked(&site).await;
    for _ in 0..10 {
        site.gate.pass(Duration::from_secs(20));
        let _ = guess().await;
    }
    assert_eq!(asked(&site).await - before, 5, "ten in all");
    let blocked = guess().await.unwrap_err();
    assert!(matches!(blocked, PeopleError::Blocked(_)), "{blocked:?}");
    Arc::into_inner(site).unwrap().stop().await;
}

/// Where nothing counts for the address, what is familiar is no ticket either.
#[tokio::test]
async fn a_familiar_address_that_is_exempt_waits_all_the_same() {
    let site = site(&format!("[lockout]\nfailure_delay = \"0s\"\nexempt = [\"{HOME}/32\"]\n")).await;
    gets_in(&site, &visit(HOME)).await;
    let before = asked(&site).await;
    for n in 0..40 {
        site.sign_in(&visit(HOME), ANN, &format!("wrong {n}"), None).await.unwrap_err();
    }
    assert_eq!(asked(&site).await - before, FREE);
    site.stop().await;
}

/// Loops guess all the time; she comes once, is told to wait, and comes again then.
#[tokio::test]
async fn from_a_new_address_she_waits_a_minute_at_most_however_often_others_ask() {
    let site = Arc::new(site("").await);
    let guess = async || {
        for n in 0..12 {
            site.sign_in(&stranger(ANN, n), ANN, "wrong", None).await.unwrap_err();
        }
    };
    burst(&site, ANN, 12).await;
    guess().await;
    let waits = until(&site, &visit(AWAY), ANN).await;
    assert!((1..=60).contains(&waits), "{waits}");
    for _ in 0..waits {
        site.gate.pass(Duration::from_secs(1));
        guess().await;
    }
    gets_in(&site, &visit(AWAY)).await;
    burst(&site, ANN, 12).await;
    gets_in(&site, &visit(AWAY)).await;
    Arc::into_inner(site).unwrap().stop().await;
}

#[tokio::test]
async fn with_main_password_and_code_at_once_nobody_waits() {
    let site = Arc::new(site("").await);
    let (owner, app) = site.with_app().await;
    let (codes, _) = site.gate.service.new_recovery_codes(&owner).await.unwrap();
    burst(&site, ANN, 12).await;
    until(&site, &visit(AWAY), ANN).await;
    let failures = |address: &str| site.gate.service.source(address.parse().unwrap()).failures;
    // One verdict, whatever is wrong of the two, after one time.
    let wrong = [
        (ANN, MAIN, "no code"),
        (ANN, "wrong", codes[1].as_str()),
        (BOB, MAIN, "123456"),
        (NOBODY, MAIN, "1"),
    ];
    burst(&site, BOB, 12).await;
    burst(&site, NOBODY, 12).await;
    let tries = wrong.into_iter().enumerate().map(|(n, (account, password, code))| {
        let (site, code) = (Arc::clone(&site), code.to_owned());
        tokio::spawn(async move {
            let (from, began) = (format!("203.0.113.{}", 10 + n), Instant::now());
            let refused = site.sign_in(&visit(&from), account, password, Some(&code)).await.unwrap_err();
            (from, account, refused, began.elapsed())
        })
    });
    for tried in tries.collect::<Vec<_>>() {
        let (from, account, refused, took) = tried.await.unwrap();
        assert_eq!(refused, PeopleError::WrongPassword, "{account}");
        assert!(took >= Duration::from_secs(5), "{account}: never sooner: {took:?}");
        assert_eq!(failures(&from), 1, "{account}: it counts for the address");
    }
    let entered =
        site.sign_in(&visit(AWAY), ANN, MAIN, Some(&site.code(&app))).await.expect("she does not wait");
    assert_eq!(entered.standing.session.stage, Stage::Full);
    gets_in(&site, &visit(AWAY)).await;
    // She is known there; a code that is shown with the main password all the same is not asked for again.
    let entered = site.sign_in(&visit(AWAY), ANN, MAIN, Some(&codes[0])).await.unwrap();
    assert_eq!(entered.standing.session.stage, Stage::Full);
    let entered = site.sign_in(&visit(AWAY), ANN, MAIN, Some("000000")).await.unwrap();
    assert_eq!(entered.standing.session.stage, Stage::Factor, "one that is wrong is asked for");
    Arc::into_inner(site).unwrap().stop().await;
}

/// Ten wrong ones block the address there as well, and what comes after is looked at without being counted.
#[tokio::test]
async fn guesses_at_both_are_ended_by_the_block() {
    let site = Arc::new(site("").await);
    site.with_app().await;
    for n in 0..9 {
        site.sign_in(&visit(AWAY), &format!("nobody{n}@example.org"), "wrong", None).await.unwrap_err();
    }
    burst(&site, ANN, 12).await;
    let refused = site.sign_in(&visit(AWAY), ANN, "wrong", Some("000000")).await.unwrap_err();
    assert_eq!(refused, PeopleError::WrongPassword);
    assert!(site.gate.service.source(AWAY.parse().unwrap()).block.is_some());
    let blocked = site.sign_in(&visit(AWAY), ANN, MAIN, None).await.unwrap_err();
    assert!(matches!(blocked, PeopleError::Blocked(_)), "{blocked:?}");
    Arc::into_inner(site).unwrap().stop().await;
}

/// Failures at an account do not keep its owner from the turn at a blocked address either.
#[tokio::test]
async fn two_loops_at_a_blocked_address_do_not_keep_its_owner_from_the_turn() {
    let site = Arc::new(site("").await);
    let (_, app) = site.with_app().await;
    site.block(AWAY, NOBODY).await;
    burst(&site, ANN, 12).await;
    let a_loop = |account: &'static str| {
        let site = Arc::clone(&site);
        tokio::spawn(async move {
            loop {
                let refused = site.sign_in(&visit(AWAY), account, "wrong", Some("000000")).await.unwrap_err();
                assert_eq!(refused, PeopleError::WrongPassword, "each has its turn");
            }
        })
    };
    let loops = [a_loop(ANN), a_loop(NOBODY)];
    tokio::time::sleep(Duration::from_secs(1)).await;
    let began = Instant::now();
    let entered = site.sign_in(&visit(AWAY), ANN, MAIN, Some(&site.code(&app))).await.expect("her turn");
    assert_eq!(entered.standing.session.stage, Stage::Full);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(17), "behind the two that were there before: {took:?}");
    loops.iter().for_each(tokio::task::JoinHandle::abort);
    for one in loops {
        let _ = one.await;
    }
    Arc::into_inner(site).unwrap().stop().await;
}

/// A line is so long; a browser that the account knows has one of its own.
#[tokio::test]
async fn whoever_finds_the_line_full_is_told_so_and_a_known_browser_stands_in_another() {
    let site = Arc::new(site("").await);
    let (_, app) = site.with_app().await;
    let mark = Some(BrowserMark::of("Ann's"));
    let known = Visit { browser: mark, ..visit(HOME) };
    let code = site.code(&app);
    let entered = site.sign_in(&known, ANN, MAIN, Some(&code)).await.unwrap();
    assert_eq!(entered.standing.session.stage, Stage::Full);
    site.gate.pass(Duration::from_secs(60));
    site.block(AWAY, NOBODY).await;
    let tries: Vec<_> = (0..10)
        .map(|_| {
            let site = Arc::clone(&site);
            tokio::spawn(
                async move { site.sign_in(&visit(AWAY), ANN, "wrong", Some("0")).await.unwrap_err() },
            )
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let full = site.sign_in(&visit(AWAY), ANN, MAIN, Some(&site.code(&app))).await.unwrap_err();
    assert_eq!(full, PeopleError::Busy);
    let began = Instant::now();
    let known = Visit { browser: mark, ..visit(AWAY) };
    site.sign_in(&known, ANN, MAIN, Some(&site.code(&app))).await.expect("a line of her own");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    let mut busy = 0;
    for one in tries {
        match one.await.unwrap() {
            PeopleError::Busy => busy += 1,
            refused => assert_eq!(refused, PeopleError::WrongPassword),
        }
    }
    assert_eq!(busy, 6, "four stand in a line");
    Arc::into_inner(site).unwrap().stop().await;
}

/// Whoever signs out everywhere, or is helped by an administrator, takes it back from whoever came in before.
#[tokio::test]
async fn what_is_familiar_ends_with_the_trust() {
    let site = Arc::new(site("").await);
    for how in ["everywhere", "sessions", "reset"] {
        let entered = gets_in(&site, &visit(HOME)).await;
        burst(&site, ANN, 12).await;
        gets_in(&site, &visit(HOME)).await;
        let inside = crate::people::inside(&visit(HOME), &entered.session);
        let ann = AccountName::parse(ANN, None).unwrap();
        match how {
            "everywhere" => site.gate.service.sign_out_everywhere(&inside).await.unwrap(),
            "sessions" => drop(site.gate.service.carry_out(Order::EndSessions(ann), "uid 0").await.unwrap()),
            _ => {
                let reason = sidegate::gate::reset::ResetReason::parse("lost").unwrap();
                let code = sidegate::gate::secret::Secret::new("unused").digest();
                let order = Order::ResetFactors { account: ann, reason, two_factor_off: false, code };
                site.gate.service.carry_out(order, "uid 0").await.unwrap();
                burst(&site, ANN, 12).await;
            }
        }
        assert!(site.gate.service.owner(&inside, Act::Look).await.is_err());
        until(&site, &visit(HOME), ANN).await;
        site.gate.pass(Duration::from_secs(3_600));
    }
    Arc::into_inner(site).unwrap().stop().await;
}
