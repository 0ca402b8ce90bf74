//! Dovecot keeps its own passdbs and asks Sidegate's auth policy server: `conf/dovecot/2.x/policy.conf`.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant, SystemTime};

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

with_each_dovecot!(
    failures_of_dovecots_own_passdb_block_and_count_once_each,
    a_passdb_that_is_away_blocks_nobody
);

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

/// Dovecot's passdb cannot read its file, or can again.
fn passdb_is(site: &Site, away: bool) {
    let users = site.path("dovecot/users");
    fs::set_permissions(&users, fs::Permissions::from_mode(if away { 0 } else { 0o644 })).expect("chmod");
    let file = File::options().append(true).open(&users).expect("the users file");
    // Dovecot looks at its file again when that is another one than a second ago.
    file.set_modified(SystemTime::now() + Duration::from_secs(if away { 5 } else { 9 })).expect("touch");
    std::thread::sleep(Duration::from_millis(1100));
}

/// 2.4 says that it is trouble; with 2.3 Sidegate finds out, and takes back what it counted.
fn a_passdb_that_is_away_blocks_nobody(series: Series) {
    let Some(site) = Plan::new(Mode::Policy).on(series).start() else { return };
    let people = ["alice@example.test", "bob@example.test", "eve@example.test"];
    people.iter().for_each(|who| site.account(who));
    // Dovecot looks at its file again after a second.
    std::thread::sleep(Duration::from_millis(1100));
    for (n, who) in (71..).zip(people) {
        assert_in(&imap(&site, Ipv4Addr::new(127, 0, 7, n), who, MAIN_PASSWORD));
    }
    passdb_is(&site, true);
    // Each phone tries ten times before the next does. 2.4 takes its time with each.
    for (n, who) in (71..).zip(people).take(if series == Series::V23 { 3 } else { 1 }) {
        for _ in 0..10 {
            let answer = imap(&site, Ipv4Addr::new(127, 0, 7, n), who, MAIN_PASSWORD);
            assert!(answer.starts_with("NO [UNAVAILABLE]"), "the right password: {answer}");
        }
    }
    assert_eq!(site.cli.json(&["block", "list"])["blocks"].as_array().map(Vec::len), Some(0));
    passdb_is(&site, false);
    for (n, who) in (71..).zip(people) {
        assert_in(&imap(&site, Ipv4Addr::new(127, 0, 7, n), who, MAIN_PASSWORD));
    }
    // Somebody is in: from now on a wrong password is one.
    for n in 1..=10 {
        assert_refused(&imap(&site, Ipv4Addr::new(127, 0, 7, 71), ALICE, &format!("a-guess-{n}")));
    }
    let blocked = imap(&site, Ipv4Addr::new(127, 0, 7, 71), ALICE, MAIN_PASSWORD);
    assert!(blocked.contains("Too many failed logins"), "{blocked}");
    let told = site.cli.json(&["events", "--kind", "passdb-away"]).to_string();
    assert_eq!(told.matches("\"passdb-away\"").count(), if series == Series::V23 { 2 } else { 0 }, "{told}");
}

/// Where Dovecot 2.3 asks both its auth policy and Sidegate's passdb, and Postfix asks Dovecot: no session is told.
#[test]
fn one_attempt_by_postfix_is_asked_about_twice_and_counted_once() {
    let port = 20_000 + u16::try_from(std::process::id() % 20_000).expect("a small number");
    let listener = format!("[[listen]]\nprotocol = \"http\"\naddress = \"127.0.7.99:{port}\"\n");
    let policy = format!(
        "auth_policy_server_url = http://127.0.7.99:{port}/policy\nauth_policy_hash_nonce = localnonce\n\
         auth_policy_check_before_auth = yes\nauth_policy_check_after_auth = yes\n\
         auth_policy_report_after_auth = yes\nauth_policy_reject_on_fail = yes\n"
    );
    let plan = Plan::new(Mode::PassdbDict).on(Series::V23).with_postfix().settings(&listener);
    let Some(site) = plan.dovecot_has(policy.leak()).start() else { return };
    site.account(ALICE);
    site.cli.done(&["account", "set", ALICE, "--two-factor", "on"]);
    let password = site.password(ALICE, "Phone");
    for n in 1..=9 {
        assert_refused(&smtp(&site, GUESSER, ALICE, &format!("guess-by-smtp-{n}")));
        counts_to(&site, n);
    }
    // One seat is left, and it is the attempt's own at both doors.
    let begun = Instant::now();
    assert_in(&smtp(&site, GUESSER, ALICE, &password));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    for n in 1..=9 {
        assert_refused(&smtp(&site, GUESSER, ALICE, &format!("another-guess-{n}")));
    }
    counts_to(&site, 18);
    assert_in(&smtp(&site, GUESSER, ALICE, &password));
    site.assert_nothing_secret();
}
