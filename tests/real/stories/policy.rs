//! Dovecot keeps its own passdbs and asks Sidegate's auth policy server: `conf/dovecot/2.x/policy.conf`.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;

use crate::cli::logins;
use crate::dovecot::Dovecot;
use crate::process::run;
use crate::site::{DAEMON_ID, MAIN_PASSWORD, Mode, Plan, Site, shipped};

use super::{HOME, assert_in, assert_refused, imap, pop3, smtp};

const ALICE: &str = "alice@example.test";
const GUESSER: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 66);
const PORT: u16 = 8026;
const KEY: &str = "6b65792d6f662d7468652d74657374732d6f6e6c79";

/// A site whose Dovecot knows no more of Sidegate than the policy server.
fn site() -> Option<Site> {
    let mut site = Plan::new(Mode::Full).with_postfix().start()?;
    site.dovecot.take().expect("Dovecot").stop();
    run(Command::new(shipped("dovecot/take-over.sh")).arg("--undo").arg(site.path("dovecot/run")));
    let key = site.path("etc/http.key");
    fs::write(&key, KEY).expect("the key");
    chown(&key, Some(0), Some(DAEMON_ID)).expect("chown");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).expect("chmod");
    let address = format!("{}:{PORT}", site.host);
    site.add_settings(&format!(
        "[[listen]]\nprotocol = \"http\"\naddress = \"{address}\"\nkey_file = {key:?}\n"
    ));
    // What the shipped file leaves to the site, and the address, which stories that run side by side cannot share.
    let own = format!(
        "auth_policy_server_url = http://{address}/policy\n\
         auth_policy_server_api_header = X-Sidegate-Key:{KEY}\n\
         auth_policy_hash_nonce = localnonce\n"
    );
    site.dovecot = Some(Dovecot::start_with_file(&site, "policy", &own));
    site.secret("", KEY);
    Some(site)
}

fn counted(site: &Site, from: Ipv4Addr, reason: &str) -> u64 {
    logins(&site.cli.json(&["events"]), &from.to_string(), reason)
}

#[test]
fn failures_of_dovecots_own_passdb_block_and_count_once_each() {
    let Some(mut site) = site() else { return };
    site.account(ALICE);
    let password = site.password(ALICE, "Phone");
    assert_in(&imap(&site, GUESSER, ALICE, MAIN_PASSWORD));
    for n in 1..=9 {
        assert_refused(&imap(&site, GUESSER, ALICE, &format!("guess-number-{n}")));
        assert_eq!(counted(&site, GUESSER, "wrong-password"), n);
    }
    // One failure is left: a right password needs one seat, although Dovecot asks twice.
    assert_in(&pop3(&site, GUESSER, ALICE, MAIN_PASSWORD));
    for n in 1..=10 {
        assert_refused(&imap(&site, GUESSER, ALICE, &format!("another-guess-{n}")));
    }
    assert_eq!(counted(&site, GUESSER, "wrong-password"), 19, "each once");
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
