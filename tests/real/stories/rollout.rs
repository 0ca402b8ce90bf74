//! Observe-only: for mail clients nothing is different from before, and the administrator sees whom it would meet.

use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::Value;

use crate::cli::{logins, mentions};
use crate::client::Smtp;
use crate::postfix::{Postfix, SUBMISSION};
use crate::process::wait_until;
use crate::series::{Series, with_each_dovecot};
use crate::site::{MAIN_PASSWORD, Mode, Plan, Site};

use super::{HOME, assert_in, assert_refused, imap, pop3, smtp};

const ALICE: &str = "alice@example.test";
/// Known to the upstream alone.
const UMA: &str = "uma@example.test";
const GUESSER: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 31);

with_each_dovecot!(observing_refuses_nothing_and_tells_whom_it_would_meet);

fn observing_refuses_nothing_and_tells_whom_it_would_meet(series: Series) {
    let plan = Plan::new(Mode::Front).on(series).with_postfix_and(&["sending.cf"]);
    let Some(site) = plan.settings("[rollout]\nmode = \"observe\"\n").start() else { return };
    site.account(ALICE);
    site.upstream_user(UMA);
    let password = site.password(ALICE, "Phone");
    site.cli.done(&["account", "set", ALICE, "--two-factor", "on"]);

    what_was_right_is_right(&site, &password);
    a_block_is_only_observed(&site);
    assert!(foreign_sender(&site, &password).starts_with("250"));
    the_report_names_everybody(&site);
    enforcing_begins_with_nothing_counted(&site, &password);
    site.assert_nothing_secret();
}

fn what_was_right_is_right(site: &Site, password: &str) {
    for user in [ALICE, UMA] {
        assert_in(&imap(site, HOME, user, MAIN_PASSWORD));
        assert_in(&pop3(site, HOME, user, MAIN_PASSWORD));
        assert_in(&smtp(site, HOME, user, MAIN_PASSWORD));
    }
    assert_in(&imap(site, HOME, ALICE, password));
    assert_in(&smtp(site, HOME, ALICE, password));
    // What the mail server itself refuses stays refused.
    assert_refused(&imap(site, HOME, UMA, "wrong-Main-1"));
    assert_refused(&imap(site, HOME, "nobody@example.test", "wrong-Main-1"));
    site.cli.done(&["account", "disable", ALICE]);
    assert_in(&imap(site, HOME, ALICE, MAIN_PASSWORD));
    site.cli.done(&["account", "enable", ALICE]);
}

fn a_block_is_only_observed(site: &Site) {
    for n in 0..10 {
        assert_refused(&pop3(site, GUESSER, UMA, &format!("wrong-Main-guess-{n}")));
    }
    assert_in(&imap(site, GUESSER, UMA, MAIN_PASSWORD));
    assert_in(&smtp(site, GUESSER, UMA, MAIN_PASSWORD));
    let events = site.cli.json(&["events", "--from", &GUESSER.to_string()]);
    assert!(mentions(&events, "block-observed") && !mentions(&events, "block-added"), "{events}");
    assert!(logins(&events, &GUESSER.to_string(), "blocked") > 0, "{events}");
    assert!(mentions(&events, "would-refuse"), "{events}");
    assert!(!mentions(&site.cli.json(&["block", "list"]), &GUESSER.to_string()));
    assert_eq!(site.cli.json(&["status"])["observe_only"], true);
    assert!(site.cli.done(&["status"]).contains("observe-only"));
}

/// The answer to a mail of Alice's under Uma's name.
fn foreign_sender(site: &Site, password: &str) -> String {
    let mut session = Smtp::starttls(HOME, Postfix::at(site, SUBMISSION));
    assert_in(&session.plain(ALICE, password));
    session.mail(UMA, ALICE, "under another's name")
}

fn the_report_names_everybody(site: &Site) {
    let report = site.cli.json(&["rollout"]);
    let of = |account: &str| {
        let accounts = report["accounts"].as_array().expect("a list");
        let found = accounts.iter().find(|line| line["account"] == account);
        found.unwrap_or_else(|| panic!("{account} is missing in {report}")).clone()
    };
    let (alice, uma) = (of(ALICE), of(UMA));
    assert_eq!(alice["reasons"], serde_json::json!(["disabled", "main-password"]), "{report}");
    assert_eq!((&alice["passwords"], &alice["passwords_used"]), (&Value::from(1), &Value::from(1)));
    assert_eq!(alice["would_refuse"], 4, "three main passwords, and one while disabled: {report}");
    assert_eq!(uma["known"], false);
    assert_eq!(uma["protocols"], serde_json::json!(["imap", "pop3", "smtp"]), "{report}");
    assert!(!mentions(&report, "nobody@example.test"), "whom nobody lets in is not met: {report}");
    let text = site.cli.done(&["rollout", "--since", "1h"]);
    assert!(text.contains("1, 1 in use") && text.contains("no account here"), "{text}");
    let sending = site.cli.json(&["events", "--account", ALICE]);
    assert!(mentions(&sending, "sender uma@example.test is nobody's"), "{sending}");
}

fn enforcing_begins_with_nothing_counted(site: &Site, password: &str) {
    fs::write(site.path("etc/conf.d/20-story.toml"), "").expect("20-story.toml");
    site.daemon.as_ref().expect("a running daemon").signal("HUP");
    let enforces = || site.cli.json(&["status"])["observe_only"] == false;
    wait_until("it enforces", Duration::from_secs(20), enforces);
    assert_in(&imap(site, GUESSER, ALICE, password));
    assert_refused(&imap(site, HOME, ALICE, MAIN_PASSWORD));
    assert_refused(&smtp(site, HOME, UMA, MAIN_PASSWORD));
    assert!(foreign_sender(site, password).starts_with("553 5.7.1"));
}
