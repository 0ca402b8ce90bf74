//! Ten failures on one protocol close all of them to the address, and to that address only.

use std::net::Ipv4Addr;

use crate::cli::mentions;
use crate::series::{Series, with_each_dovecot};
use crate::site::{Mode, Plan, Site};

use super::{HOME, assert_in, assert_refused, imap, pop3, smtp};

const ALICE: &str = "alice@example.test";
const BOB: &str = "bob@example.test";
const GUESSER: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 66);
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 67);

with_each_dovecot!(ten_failures_block_an_address_on_every_protocol, failures_of_different_protocols_add_up);

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
