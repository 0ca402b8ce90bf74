//! Dovecot keeps its own passdbs and asks Sidegate's auth policy server: `conf/dovecot/2.x/policy.conf`.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::cli::logins;
use crate::process::wait_until;
use crate::series::{Series, with_each_dovecot};
use crate::site::{MAIN_PASSWORD, Mode, Plan, Site};

use super::{HOME, assert_in, assert_refused, imap, pop3, smtp};

const ALICE: &str = "alice@example.test";
const GUESSER: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 66);

fn counted(site: &Site, from: Ipv4Addr, reason: &str) -> u64 {
    logins(&site.cli.json(&["events"]), &from.to_string(), reason)
}

/// Dovecot's report may come after its answer; but each attempt is counted, and once.
fn counts_to(site: &Site, expected: u64) {
    wait_until("the report is counted", Duration::from_secs(10), || {
        counted(site, GUESSER, "wrong-password") >= expected
    });
    assert_eq!(counted(site, GUESSER, "wrong-password"), expected, "each once");
}

with_each_dovecot!(failures_of_dovecots_own_passdb_block_and_count_once_each);

fn failures_of_dovecots_own_passdb_block_and_count_once_each(series: Series) {
    let Some(mut site) = Plan::new(Mode::Policy).on(series).with_postfix().start() else { return };
    site.account(ALICE);
    let password = site.password(ALICE, "Phone");
    assert_in(&imap(&site, GUESSER, ALICE, MAIN_PASSWORD));
    for n in 1..=9 {
        assert_refused(&imap(&site, GUESSER, ALICE, &format!("guess-number-{n}")));
        counts_to(&site, n);
    }
    // One failure is left: a right password needs one seat, although Dovecot asks twice.
    assert_in(&pop3(&site, GUESSER, ALICE, MAIN_PASSWORD));
    for n in 1..=10 {
        assert_refused(&imap(&site, GUESSER, ALICE, &format!("another-guess-{n}")));
    }
    counts_to(&site, 19);
    let refused = imap(&site, GUESSER, ALICE, MAIN_PASSWORD);
    assert!(refused.contains("Too many failed logins"), "{refused}");
    assert_refused(&pop3(&site, GUESSER, ALICE, MAIN_PASSWORD));
    assert_refused(&smtp(&site, GUESSER, ALICE, &password));
    assert_in(&smtp(&site, HOME, ALICE, &password));
    assert_in(&imap(&site, HOME, ALICE, MAIN_PASSWORD));
    assert_eq!(counted(&site, GUESSER, "wrong-password"), 19, "what was not looked at is no failure");

    // The other way round: ten at Postfix close Dovecot.
    for n in 1..=10 {
        assert_refused(&smtp(&site, HOME, ALICE, &format!("guess-by-smtp-{n}")));
    }
    assert_refused(&imap(&site, HOME, ALICE, MAIN_PASSWORD));
    site.cli.done(&["block", "lift", &HOME.to_string()]);
    assert_in(&imap(&site, HOME, ALICE, MAIN_PASSWORD));

    // Without Sidegate nobody may guess.
    site.stop_daemon("TERM");
    let closed = imap(&site, HOME, ALICE, MAIN_PASSWORD);
    assert!(closed.starts_with("NO"), "{closed}");
    site.start_daemon();
    assert_in(&imap(&site, HOME, ALICE, MAIN_PASSWORD));
    site.assert_nothing_secret();
}
