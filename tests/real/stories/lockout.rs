//! Ten failures on one protocol close all of them to the address, and to that address only.

use std::net::Ipv4Addr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cli::{logins, mentions};
use crate::client::{Imap, Pop3, Smtp};
use crate::dovecot::{Dovecot, IMAP, POP3};
use crate::postfix::{Postfix, SUBMISSION};
use crate::series::{Series, with_each_dovecot};
use crate::site::{Mode, Plan, Site};

use super::{HOME, assert_in, assert_refused, imap, pop3, smtp};

const ALICE: &str = "alice@example.test";
const BOB: &str = "bob@example.test";
const GUESSER: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 66);
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 67);

/// Attempts of one address in the same moment, a third of them over each protocol.
const CROWD: usize = 36;
const ROUNDS: u8 = 5;

with_each_dovecot!(
    ten_failures_block_an_address_on_every_protocol,
    failures_of_different_protocols_add_up,
    ten_are_looked_at_of_what_comes_over_three_protocols_at_once,
);

fn ten_failures_block_an_address_on_every_protocol(series: Series) {
    let Some(mut site) = Plan::new(Mode::Front).on(series).with_postfix().start() else { return };
    for user in [ALICE, BOB] {
        site.account(user);
    }
    let password = site.password(ALICE, "Phone");
    let bobs = site.password(BOB, "Phone");

    for n in 1..=9 {
        assert_refused(&imap(&site, GUESSER, ALICE, &format!("guess-number-{n}")));
    }
    assert!(!blocked(&site), "nine are not ten");
    // Bob's own success says nothing about the guesses at Alice.
    assert_in(&imap(&site, GUESSER, BOB, &bobs));
    assert_refused(&imap(&site, GUESSER, ALICE, "guess-number-10"));
    assert!(blocked(&site), "the tenth answer leaves after the block is there");
    closed_to(&site, GUESSER, &password, &bobs);
    open_to(&site, NEIGHBOUR, &password);

    site.stop_daemon("KILL");
    site.start_daemon();
    assert!(blocked(&site), "a block survives kill -9");
    closed_to(&site, GUESSER, &password, &bobs);
    open_to(&site, NEIGHBOUR, &password);

    site.cli.done(&["block", "lift", &GUESSER.to_string()]);
    assert!(!blocked(&site));
    open_to(&site, GUESSER, &password);
    let again = site.cli.call(&["block", "lift", &GUESSER.to_string()]);
    assert_eq!(again.code, Some(1), "there is nothing to lift: {again:?}");
    assert!(!again.stderr.is_empty(), "and it says so");
    by_hand(&site, &password);
    site.assert_nothing_secret();
}

/// Failures are of the address, whatever protocol each of them came over.
fn failures_of_different_protocols_add_up(series: Series) {
    let Some(site) = Plan::new(Mode::Full).on(series).with_postfix().start() else { return };
    site.account(ALICE);
    let password = site.password(ALICE, "Phone");
    for n in 0..3 {
        assert_refused(&imap(&site, GUESSER, ALICE, &format!("guess-by-imap-{n}")));
        assert_refused(&pop3(&site, GUESSER, ALICE, &format!("guess-by-pop3-{n}")));
        assert_refused(&smtp(&site, GUESSER, ALICE, &format!("guess-by-smtp-{n}")));
    }
    assert!(!blocked(&site));
    assert_refused(&smtp(&site, GUESSER, ALICE, "the-tenth-guess"));
    assert!(blocked(&site));
    assert_refused(&imap(&site, GUESSER, ALICE, &password));
    // A success of the account itself forgets its failures.
    for n in 0..9 {
        assert_refused(&smtp(&site, NEIGHBOUR, ALICE, &format!("mistyped-at-home-{n}")));
    }
    assert_in(&pop3(&site, NEIGHBOUR, ALICE, &password));
    for n in 0..9 {
        assert_refused(&imap(&site, NEIGHBOUR, ALICE, &format!("mistyped-again-{n}")));
    }
    assert_in(&imap(&site, NEIGHBOUR, ALICE, &password));
    site.assert_nothing_secret();
}

/// Right passwords of Bob's are among the guesses; Alice, who is guessed at, logs in at home all the while.
fn ten_are_looked_at_of_what_comes_over_three_protocols_at_once(series: Series) {
    let plan = Plan::new(Mode::Full).on(series).with_postfix().few_login_processes();
    let Some(site) = plan.start() else { return };
    for user in [ALICE, BOB] {
        site.account(user);
    }
    let password = site.password(ALICE, "Phone");
    let bobs = site.password(BOB, "Phone");
    for round in 0..ROUNDS {
        let from = Ipv4Addr::new(127, 0, 7, 100 + round);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let at_home = scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    open_to(&site, HOME, &password);
                }
            });
            let crowd = scope.spawn(|| crowd(&site, from, &bobs)).join();
            done.store(true, Ordering::Relaxed);
            crowd.expect("guesses are refused");
            at_home.join().expect("nobody else is refused");
        });
        let events = site.cli.json(&["events", "--from", &from.to_string()]);
        let looked_at =
            ["wrong-password", "unknown-account"].map(|reason| logins(&events, &from.to_string(), reason));
        assert_eq!(looked_at.iter().sum::<u64>(), 10, "round {round}: {looked_at:?}");
        closed_to(&site, from, &password, &bobs);
    }
    site.assert_nothing_secret();
}

/// Everybody is connected before the first says who he is.
fn crowd(site: &Site, from: Ipv4Addr, bobs: &str) {
    let together = Barrier::new(CROWD);
    std::thread::scope(|scope| {
        for n in 0..CROWD {
            let together = &together;
            scope.spawn(move || {
                let guess = format!("guess-of-a-crowd-{n}");
                let (user, secret) = match n / 3 % 4 {
                    3 => (BOB, bobs),
                    2 => ("nobody@example.test", guess.as_str()),
                    _ => (ALICE, guess.as_str()),
                };
                site.secret(user, secret);
                let answer = match n % 3 {
                    0 => {
                        let mut imap = Imap::open(from, Dovecot::at(site, IMAP));
                        together.wait();
                        imap.login(user, secret)
                    }
                    1 => {
                        let mut pop3 = Pop3::open(from, Dovecot::at(site, POP3));
                        together.wait();
                        pop3.login(user, secret)
                    }
                    _ => {
                        let mut smtp = Smtp::starttls(from, Postfix::at(site, SUBMISSION));
                        together.wait();
                        smtp.plain(user, secret)
                    }
                };
                if user != BOB {
                    assert_refused(&answer);
                }
            });
        }
    });
}

/// An administrator's own block and its end act before the command returns.
fn by_hand(site: &Site, password: &str) {
    let home = HOME.to_string();
    open_to(site, HOME, password);
    site.cli.done(&["block", "add", &home, "--reason", "a test"]);
    assert_refused(&imap(site, HOME, ALICE, password));
    site.cli.done(&["block", "lift", &home]);
    open_to(site, HOME, password);
}

fn blocked(site: &Site) -> bool {
    let list = site.cli.json(&["block", "list"]);
    mentions(&list, &GUESSER.to_string())
}

fn closed_to(site: &Site, from: Ipv4Addr, password: &str, bobs: &str) {
    assert_refused(&imap(site, from, ALICE, password));
    assert_refused(&smtp(site, from, ALICE, password));
    assert_refused(&pop3(site, from, BOB, bobs));
}

fn open_to(site: &Site, from: Ipv4Addr, password: &str) {
    assert_in(&imap(site, from, ALICE, password));
    assert_in(&pop3(site, from, ALICE, password));
    assert_in(&smtp(site, from, ALICE, password));
}
