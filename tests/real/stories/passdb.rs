//! Dovecot keeps its own auth process and asks Sidegate as its first passdb: by the Lua script, and as a dict (Dovecot
//! 2.3 only). Its second passdb knows main passwords.

use std::net::Ipv4Addr;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::cli::{logins, mentions};
use crate::client::{Imap, Pop3, Sieve, Smtp, plain};
use crate::dovecot::{Dovecot, IMAP, IMAPS, POP3, SIEVE, SUBMIT};
use crate::process::run;
use crate::series::{Series, with_each_dovecot};
use crate::site::{MAIN_PASSWORD, Mode, Plan, Site};

use super::{HOME, assert_in, assert_refused, imap, pop3, smtp};

/// Has two-factor.
const ALICE: &str = "alice@example.test";
/// Has an account without two-factor.
const BOB: &str = "bob@example.test";
/// Known to Dovecot alone.
const UMA: &str = "uma@example.test";
const GUESSER: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 66);

with_each_dovecot!(lua_opens_every_door, lua_outlives_the_daemon, lua_refuses_other_mechanisms);

fn lua_opens_every_door(series: Series) {
    every_door(series, Mode::PassdbLua);
}

fn lua_outlives_the_daemon(series: Series) {
    outlives_the_daemon(series, Mode::PassdbLua);
}

fn lua_refuses_other_mechanisms(series: Series) {
    other_mechanisms(series, Mode::PassdbLua);
}

#[test]
fn dict_opens_every_door() {
    every_door(Series::V23, Mode::PassdbDict);
}

#[test]
fn dict_outlives_the_daemon() {
    outlives_the_daemon(Series::V23, Mode::PassdbDict);
}

#[test]
fn dict_refuses_other_mechanisms() {
    other_mechanisms(Series::V23, Mode::PassdbDict);
}

fn site(series: Series, mode: Mode, talkative: bool) -> Option<Site> {
    let plan = Plan::new(mode).on(series).with_postfix().log_level("trace");
    let site = if talkative { plan.talkative_dovecot() } else { plan }.start()?;
    for user in [ALICE, BOB] {
        site.account(user);
    }
    site.cli.done(&["account", "set", ALICE, "--two-factor", "on"]);
    site.upstream_user(UMA);
    Some(site)
}

fn every_door(series: Series, mode: Mode) {
    let Some(site) = site(series, mode, true) else { return };
    let password = site.password(ALICE, "Phone");
    client_passwords(&site, &password);
    main_passwords(&site);
    two_factor_ends_it_at_once(&site);
    ten_failures_block(&site, &password);
    revoked_is_refused_at_once(&site);
    odd_ones(&site, &password);
    lookups_without_a_password(&site);
    let log = std::fs::read_to_string(site.path("logs/dovecot")).expect("Dovecot's log");
    assert!(log.contains("auth: Debug: "), "it is as talkative as it can be");
    site.assert_nothing_secret();
    assert_log_is_clean(&site);
}

/// In by every protocol and mechanism; neither a wrong one nor the main password falls through.
fn client_passwords(site: &Site, password: &str) {
    let open = || Imap::open(HOME, Dovecot::at(site, IMAP));
    all_in(everywhere(site, ALICE, password));
    assert_in(&open().plain_at_once(ALICE, password));
    assert_in(&open().authenticate("LOGIN", &[ALICE, password]));
    assert_in(&Imap::tls(HOME, Dovecot::at(site, IMAPS)).login(ALICE, password));
    let mut pop3 = Pop3::open(HOME, Dovecot::at(site, POP3));
    assert_in(&pop3.command(&format!("AUTH PLAIN {}", plain(ALICE, password))));
    assert_in(&open().login("Alice@Example.Test", password));
    // The mailbox behind the login is the account's.
    let mut session = open();
    assert_in(&session.login(ALICE, password));
    assert!(session.command("SELECT INBOX").last().is_some_and(|l| l.starts_with("OK")));
    assert!(site.path("mail/example.test/alice/Maildir").is_dir());
    all_refused(everywhere(site, ALICE, "a-wrong-password"));
    assert_in(&imap(site, HOME, ALICE, password));
    all_refused(everywhere(site, ALICE, MAIN_PASSWORD));
    assert_in(&imap(site, HOME, ALICE, password));
    // Sidegate is told who asks, and whose protocol it is.
    let events = site.cli.json(&["events"]);
    for word in ["imap", "pop3", "sieve", "smtp", &HOME.to_string()] {
        assert!(mentions(&events, word), "{word} in {events}");
    }
}

/// Without two-factor, and without an account, the next passdb decides.
fn main_passwords(site: &Site) {
    let bobs = site.password(BOB, "Phone");
    all_in(everywhere(site, BOB, &bobs));
    for user in [BOB, UMA] {
        all_in(everywhere(site, user, MAIN_PASSWORD));
        all_refused(everywhere(site, user, "a-wrong-main-password"));
    }
    assert_refused(&imap(site, HOME, "nobody@example.test", MAIN_PASSWORD));
}

fn two_factor_ends_it_at_once(site: &Site) {
    let password = site.password(BOB, "Laptop");
    assert_in(&imap(site, HOME, BOB, MAIN_PASSWORD));
    site.cli.done(&["account", "set", BOB, "--two-factor", "on"]);
    all_refused(everywhere(site, BOB, MAIN_PASSWORD));
    all_in(everywhere(site, BOB, &password));
    site.cli.done(&["account", "set", BOB, "--two-factor", "off"]);
    all_in(everywhere(site, BOB, MAIN_PASSWORD));
    site.cli.done(&["account", "disable", BOB]);
    assert_refused(&imap(site, HOME, BOB, MAIN_PASSWORD));
    assert_refused(&imap(site, HOME, BOB, &password));
    site.cli.done(&["account", "enable", BOB]);
    assert_in(&imap(site, HOME, BOB, &password));
}

/// Failures of all protocols together; the block holds for everybody at the address, main passwords included.
fn ten_failures_block(site: &Site, password: &str) {
    let guesser = GUESSER.to_string();
    let blocked = || mentions(&site.cli.json(&["block", "list"]), &guesser);
    for n in 0..3 {
        assert_refused(&imap(site, GUESSER, ALICE, &format!("guess-by-imap-{n}")));
        assert_refused(&pop3(site, GUESSER, ALICE, &format!("guess-by-pop3-{n}")));
        assert_refused(&smtp(site, GUESSER, ALICE, &format!("guess-by-smtp-{n}")));
    }
    assert!(!blocked(), "nine are not ten");
    assert_refused(&imap(site, GUESSER, ALICE, "the-tenth-guess"));
    assert!(blocked());
    let counted = logins(&site.cli.json(&["events"]), &guesser, "wrong-password");
    assert_eq!(counted, 10, "each attempt was one question");
    // Dovecot has no place for the text; a block looks like any refusal.
    let said = imap(site, GUESSER, ALICE, password);
    assert_eq!(said, "NO [AUTHENTICATIONFAILED] Authentication failed.");
    assert_refused(&imap(site, GUESSER, UMA, MAIN_PASSWORD));
    assert_refused(&smtp(site, GUESSER, ALICE, password));
    assert_in(&imap(site, HOME, ALICE, password));
    site.cli.done(&["block", "lift", &guesser]);
    assert_in(&imap(site, GUESSER, ALICE, password));
}

fn revoked_is_refused_at_once(site: &Site) {
    let password = site.password(ALICE, "Old phone");
    all_in(everywhere(site, ALICE, &password));
    site.cli.done(&["password", "revoke", ALICE, "--name", "Old phone"]);
    all_refused(everywhere(site, ALICE, &password));
    // Not even where main passwords are good, and the next passdb would be asked for any other wrong one.
    let password = site.password(BOB, "Old phone");
    assert_in(&imap(site, HOME, BOB, &password));
    site.cli.done(&["password", "revoke", BOB, "--name", "Old phone"]);
    assert_refused(&imap(site, HOME, BOB, &password));
    assert_in(&imap(site, HOME, BOB, MAIN_PASSWORD));
}

/// Secrets with all that could break a line, a key or a pattern, and broken exchanges.
fn odd_ones(site: &Site, password: &str) {
    let from = |n: usize| Ipv4Addr::new(127, 0, 7, 80 + n as u8);
    let odd = [
        "with space in it",
        "tab\tand-more-of-it",
        "per%cent %w %{password}",
        "slash/and+plus=",
        "ümläut-ß-€",
    ];
    for (n, secret) in odd.iter().enumerate() {
        site.secret(ALICE, secret);
        let mut session = Imap::open(from(n), Dovecot::at(site, IMAP));
        assert_refused(&session.plain_at_once(ALICE, secret));
        assert_in(&session.plain_at_once(ALICE, password));
    }
    let long = "0123456789".repeat(90);
    assert_refused(&Imap::open(from(20), Dovecot::at(site, IMAP)).plain_at_once(ALICE, &long));
    for _ in 0..12 {
        assert_refused(&Imap::open(from(21), Dovecot::at(site, IMAP)).plain_at_once(ALICE, ""));
    }
    let events = site.cli.json(&["events"]);
    assert_eq!(logins(&events, &from(21).to_string(), "empty-password"), 1, "told once, and then as a sum");
    assert_in(&imap(site, from(21), ALICE, password));
    Imap::open(from(22), Dovecot::at(site, IMAP)).plain_at_once("", password);
    assert_in(&imap(site, from(22), ALICE, password));
}

/// They are no failures of anybody.
fn lookups_without_a_password(site: &Site) {
    let refusals = || site.cli.done(&["--json", "events"]).matches("\"refuse\"").count();
    let before = refusals();
    assert!(before > 10);
    for user in [ALICE, BOB, UMA] {
        let found = Dovecot::doveadm(site, &["user", user]);
        assert!(found.status.success(), "{found:?}");
        let looked_up = Dovecot::doveadm(site, &["auth", "lookup", user]);
        // The script leaves it to the next passdb; a dict cannot, as its file says.
        assert!(site.mode == Mode::PassdbDict || looked_up.status.success(), "{looked_up:?}");
    }
    assert_eq!(refusals(), before);
}

/// A site that went on offering CRAM-MD5: a main password does not get past two-factor by it.
fn other_mechanisms(series: Series, mode: Mode) {
    let Some(site) = Plan::new(mode).on(series).cram_md5().start() else { return };
    site.account(ALICE);
    site.upstream_user(UMA);
    let password = site.password(ALICE, "Phone");
    site.cli.done(&["account", "set", ALICE, "--two-factor", "on"]);
    let open = || Imap::open(HOME, Dovecot::at(&site, IMAP));
    for user in [ALICE, UMA] {
        let answer = open().cram_md5(user, MAIN_PASSWORD);
        assert_eq!(answer, "NO [AUTHENTICATIONFAILED] Authentication failed.");
    }
    assert_in(&open().login(ALICE, &password));
    assert_in(&open().login(UMA, MAIN_PASSWORD));
    site.assert_nothing_secret();
    assert_log_is_clean(&site);
}

/// Away is a temporary failure, for everybody and never a fall to the main password; back again is enough.
fn outlives_the_daemon(series: Series, mode: Mode) {
    let Some(mut site) = site(series, mode, false) else { return };
    let password = site.password(ALICE, "Phone");
    all_in(everywhere(&site, ALICE, &password));
    dovecot_submission(&site, &password);
    for signal in ["TERM", "KILL"] {
        site.stop_daemon(signal);
        all_away(everywhere(&site, UMA, MAIN_PASSWORD));
        let answer = submission(&site, ALICE, &password);
        assert!(answer.starts_with("454 4.7.0"), "{answer:?}");
        for password in [&password, MAIN_PASSWORD] {
            let answer = imap(&site, HOME, ALICE, password);
            assert!(answer.starts_with("NO [UNAVAILABLE]"), "{answer:?}");
        }
        site.start_daemon();
        dovecot_submission(&site, &password);
        // More than there are idle workers with a connection of before.
        for _ in 0..3 {
            all_in(everywhere(&site, ALICE, &password));
            all_in(everywhere(&site, UMA, MAIN_PASSWORD));
            all_refused(everywhere(&site, ALICE, MAIN_PASSWORD));
            all_in(everywhere(&site, ALICE, &password));
        }
    }
    if mode == Mode::PassdbLua {
        hangs(&site, &password);
    }
    site.assert_nothing_secret();
    assert_log_is_clean(&site);
}

/// A daemon that listens and says nothing.
fn hangs(site: &Site, password: &str) {
    let pid = site.daemon.as_ref().expect("a daemon").pid().to_string();
    run(Command::new("kill").args(["-s", "STOP", &pid]));
    let begun = Instant::now();
    let answer = imap(site, HOME, UMA, MAIN_PASSWORD);
    let took = begun.elapsed();
    run(Command::new("kill").args(["-s", "CONT", &pid]));
    assert!(answer.starts_with("NO [UNAVAILABLE]"), "{answer:?}");
    assert!((9..20).contains(&took.as_secs()), "a worker waited {took:?}");
    // The late answer is nobody else's.
    for _ in 0..3 {
        assert_in(&imap(site, HOME, UMA, MAIN_PASSWORD));
        assert_refused(&imap(site, HOME, ALICE, MAIN_PASSWORD));
        assert_in(&imap(site, HOME, ALICE, password));
    }
    assert!(begun.elapsed() < took + Duration::from_secs(10), "nobody waits any more");
}

/// Dovecot's submission service: not where Dovecot is talkative, since it then writes down whatever it is told.
fn dovecot_submission(site: &Site, password: &str) {
    assert_in(&submission(site, ALICE, password));
    assert_in(&submission(site, UMA, MAIN_PASSWORD));
    assert_refused(&submission(site, ALICE, MAIN_PASSWORD));
    assert_refused(&submission(site, ALICE, "a-wrong-password"));
    assert_refused(&submission(site, UMA, "a-wrong-password"));
}

fn submission(site: &Site, user: &str, password: &str) -> String {
    site.secret(user, password);
    Smtp::open(HOME, Dovecot::at(site, SUBMIT), "EHLO").plain(user, password)
}

/// One login over each of IMAP, POP3, Sieve and Postfix.
fn everywhere(site: &Site, user: &str, password: &str) -> [String; 4] {
    let mut sieve = Sieve::open(HOME, Dovecot::at(site, SIEVE));
    [
        imap(site, HOME, user, password),
        pop3(site, HOME, user, password),
        sieve.login(user, password),
        smtp(site, HOME, user, password),
    ]
}

#[track_caller]
fn all_in(answers: [String; 4]) {
    answers.iter().for_each(|answer| assert_in(answer));
}

#[track_caller]
fn all_refused(answers: [String; 4]) {
    answers.iter().for_each(|answer| assert_refused(answer));
}

/// Postfix cannot tell a temporary failure from a refusal, which `passdb-lua.conf` warns of.
#[track_caller]
fn all_away([imap, pop3, sieve, postfix]: [String; 4]) {
    assert!(imap.starts_with("NO [UNAVAILABLE]"), "{imap:?}");
    assert!(pop3.starts_with("-ERR [SYS/TEMP]"), "{pop3:?}");
    assert!(sieve.starts_with("NO"), "{sieve:?}");
    assert!(postfix.starts_with("535 ") || postfix.starts_with("454 "), "{postfix:?}");
}

/// Neither Dovecot nor the script met anything they did not understand.
fn assert_log_is_clean(site: &Site) {
    let log = std::fs::read_to_string(site.path("logs/dovecot")).expect("Dovecot's log");
    let bad = ["Panic", "Fatal", "invalid return value", "makes no sense", "is not Sidegate"];
    let found: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("auth") && bad.iter().any(|word| line.contains(word)))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
    let ours = std::fs::read_to_string(site.path("logs/sidegated")).expect("our log");
    for word in ["connection closed", "is not in `peers`"] {
        let found = ours.lines().find(|line| line.contains(word));
        assert_eq!(found, None, "{word}");
    }
}
