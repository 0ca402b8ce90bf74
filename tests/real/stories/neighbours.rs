//! Postfix's sender map, and Cyrus SASL: real Postfix with `socketmap` and with `smtpd_sasl_type = cyrus`, and Cyrus's own
//! `testsaslauthd`.

use std::process::Command;

use crate::cli::logins;
use crate::client::Smtp;
use crate::postfix::{Postfix, SUBMISSION};
use crate::site::{Mode, Plan, Site};

use super::{HOME, assert_in, assert_refused, smtp};

const ALICE: &str = "alice@example.test";
const BOB: &str = "bob@example.test";
const TEAM: &str = "team@example.test";

#[test]
fn whoever_is_logged_in_sends_under_his_own_address() {
    let plan = Plan::new(Mode::Front).postfix_listener("socketmap", "map");
    let Some(mut site) = plan.with_postfix_and(&["sender-login.cf"]).start() else { return };
    site.account(ALICE);
    site.account(BOB);
    site.cli.done(&["account", "add", TEAM]);
    site.cli.done(&["alias", "add", ALICE, "info@example.test"]);
    site.cli.done(&["delegation", "grant", TEAM, ALICE, "--right", "send-as"]);
    site.cli.done(&["delegation", "grant", BOB, ALICE, "--right", "read"]);
    let secret = site.password(ALICE, "Phone");
    let sender = |site: &Site, address: &str| {
        let mut session = Smtp::starttls(HOME, Postfix::at(site, SUBMISSION));
        assert_in(&session.plain(ALICE, &secret));
        let answer = session.command(&format!("MAIL FROM:<{address}>"));
        if answer.starts_with("250") { session.command(&format!("RCPT TO:<{BOB}>")) } else { answer }
    };
    for own in [ALICE, "Alice@Example.TEST", "alice+shop@example.test", "info@example.test", TEAM, ""] {
        let answer = sender(&site, own);
        assert!(answer.starts_with("250"), "{own}: {answer}");
    }
    for other in [BOB, "bob+alice@example.test", "ghost@example.test", "alice@example.org"] {
        let answer = sender(&site, other);
        assert!(answer.starts_with("553 5.7.1") && answer.contains("not owned by user"), "{other}: {answer}");
    }
    // The daemon away: try again later; and back: nothing needs a restart.
    let mut session = Smtp::starttls(HOME, Postfix::at(&site, SUBMISSION));
    assert_in(&session.plain(ALICE, &secret));
    site.stop_daemon("TERM");
    let answer = session.command(&format!("MAIL FROM:<{ALICE}>"));
    assert!(answer.starts_with("451 4.3.0"), "{answer}");
    site.start_daemon();
    let answer = session.command(&format!("MAIL FROM:<{ALICE}>"));
    assert!(answer.starts_with("250"), "{answer}");
}

#[test]
fn cyrus_sasl_asks_us_and_nobody_is_address_blocked() {
    let plan =
        Plan::new(Mode::Front).postfix_listener("saslauthd", "mux").settings("[lockout]\nfailures = 3\n");
    let plan = plan.with_postfix_and(&["cyrus.cf"]).with_program("testsaslauthd");
    let Some(mut site) = plan.start() else { return };
    site.account(ALICE);
    site.account(BOB);
    let (secret, bobs) = (site.password(ALICE, "Phone"), site.password(BOB, "Phone"));

    assert_in(&smtp(&site, HOME, ALICE, &secret));
    assert_in(&Smtp::starttls(HOME, Postfix::at(&site, SUBMISSION)).login(ALICE, &secret));
    assert_refused(&smtp(&site, HOME, ALICE, "wrong"));
    for service in ["smtp", "imap", "pop"] {
        assert_eq!(testsaslauthd(&site, &secret, service), Some(0), "{service}");
    }
    for _ in 0..5 {
        assert_eq!(testsaslauthd(&site, "", "imap"), Some(255), "no password is no failure");
    }
    let events = site.cli.json(&["events"]);
    assert!(crate::cli::mentions(&events, "empty-password"), "{events}");
    // Past the limit: slowed, never blocked; and another account is not concerned at all.
    for n in 0..3 {
        assert_eq!(testsaslauthd(&site, &format!("wrong {n}"), "imap"), Some(255));
    }
    assert_eq!(site.cli.json(&["block", "list"])["blocks"].as_array().map(Vec::len), Some(0));
    assert_in(&smtp(&site, HOME, BOB, &bobs));
    assert_in(&smtp(&site, HOME, ALICE, &secret));
    let events = site.cli.json(&["events"]);
    assert!(crate::cli::mentions(&events, "address-missing"), "{events}");
    assert_eq!(logins(&events, "127.0.0.1", "wrong-password"), 0, "there is no address to count");

    site.cli.done(&["password", "revoke", ALICE, "--all"]);
    assert_refused(&smtp(&site, HOME, ALICE, &secret));
    site.stop_daemon("TERM");
    let answer = smtp(&site, HOME, BOB, &bobs);
    assert!(answer.starts_with("454 4.7.0"), "{answer}");
    site.start_daemon();
    assert_in(&smtp(&site, HOME, BOB, &bobs));
    site.assert_nothing_secret();
}

/// Cyrus's own client: 0 for yes, 255 for no.
fn testsaslauthd(site: &Site, secret: &str, service: &str) -> Option<i32> {
    if !secret.is_empty() {
        site.secret(ALICE, secret);
    }
    let mux = site.path("postfix/queue/sidegate/mux");
    let mut command = Command::new("testsaslauthd");
    command.args(["-u", "alice", "-r", "example.test", "-p", secret, "-s", service]).arg("-f").arg(mux);
    command.output().expect("testsaslauthd of the package sasl2-bin").status.code()
}
