//! The log as fail2ban reads it: `conf/fail2ban/filter.d/sidegate.conf` with the real `fail2ban-regex`.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use crate::client::Imap;
use crate::dovecot::{Dovecot, IMAP};
use crate::site::{Mode, Plan, shipped};

use super::{HOME, assert_in, assert_refused, imap, pop3};

const ALICE: &str = "alice@example.test";
const BOB: &str = "bob@example.test";
const GUESSER: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 66);
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 68);

/// The addresses that fail2ban counts, one for each line that it takes.
fn counted(log: &Path, mode: &str) -> Vec<String> {
    let filter = format!("{}[mode={mode}]", shipped("fail2ban/filter.d/sidegate.conf").display());
    let output =
        Command::new("fail2ban-regex").args(["-o", "ip"]).arg(log).arg(filter).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    text.lines().map(str::to_owned).collect()
}

#[test]
fn fail2ban_counts_the_refused_logins_and_no_other() {
    let plan = Plan::new(Mode::Full).with_program("fail2ban-regex").settings("[log]\nformat = \"json\"\n");
    let Some(mut site) = plan.start() else { return };
    for user in [ALICE, BOB] {
        site.account(user);
    }
    let password = site.password(ALICE, "Alice's \"refuse\" phone");
    let removed = site.password(ALICE, "Old \\ phone");
    site.cli.done(&["password", "revoke", ALICE, "--name", "Old \\ phone"]);

    assert_in(&imap(&site, HOME, ALICE, &password));
    assert_in(&pop3(&site, HOME, ALICE, &password));
    for n in 0..9 {
        assert_refused(&imap(&site, GUESSER, BOB, &format!("guess-number-{n}")));
    }
    assert_refused(&pop3(&site, GUESSER, "nobody@example.test", "guess-number-9"));
    assert_refused(&pop3(&site, OTHER, ALICE, &removed));
    // A name that would be two more fields, if a quote could end it.
    let name = "x\",\"address\":\"127.0.7.1\",\"y";
    let hostile = format!("\0{name}\0guess-number-10");
    assert_refused(&Imap::open(OTHER, Dovecot::at(&site, IMAP)).authenticate("PLAIN", &[&hostile]));
    site.cli.done(&["block", "add", "192.0.2.0", "--reason", "\"verdict\":\"refuse\""]);
    // Ended, so that every line is in the file.
    site.stop_daemon("TERM");

    let log = site.path("logs/sidegated");
    let mut expected = vec![GUESSER.to_string(); 10];
    expected.extend([OTHER.to_string(), OTHER.to_string()]);
    assert_eq!(counted(&log, "login"), expected);
    assert_eq!(counted(&log, "block"), [GUESSER.to_string(), "192.0.2.0".into()]);
}
