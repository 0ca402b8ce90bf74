//! fail2ban with `conf/fail2ban/`: the log as its filter reads it (`fail2ban-regex`), and its jails (`fail2ban-client`).

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::symlink;
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
    assert_refused(&Imap::open(GUESSER, Dovecot::at(&site, IMAP)).plain_at_once(BOB, ""));
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

/// A configuration of fail2ban's own with our two files in it, as they stand, and this one beside them.
fn configuration(folder: &Path, local: &str) {
    for name in fs::read_dir("/etc/fail2ban").expect("fail2ban's configuration") {
        let name = name.expect("a name").file_name();
        // What the machine's administrator has there is not ours to try.
        let own = ["filter.d", "jail.d", "jail.local", "fail2ban.d", "fail2ban.local"];
        if !own.iter().any(|own| name == *own) {
            symlink(Path::new("/etc/fail2ban").join(&name), folder.join(&name)).expect("a link");
        }
    }
    for file in ["filter.d/sidegate.conf", "jail.d/sidegate.conf"] {
        fs::create_dir(folder.join(file).parent().expect("a folder")).expect("a folder");
        fs::copy(shipped("fail2ban").join(file), folder.join(file)).expect("a copy");
    }
    fs::write(folder.join("jail.local"), local).expect("jail.local");
}

/// What fail2ban says of it, where the log is at its place: in a mount namespace, so that nothing is made on this machine.
fn told(folder: &Path, question: &str) -> String {
    let script = "mount -t tmpfs none /var/log && mkdir /var/log/sidegate && : >/var/log/sidegate/sidegated.log && \
                  exec fail2ban-client -c \"$0\" \"$1\"";
    let mut command = Command::new("unshare");
    let output =
        command.args(["--mount", "sh", "-c", script]).arg(folder).arg(question).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn the_jails_are_what_fail2ban_takes() {
    if !Plan::new(Mode::Full).with_program("fail2ban-client").can_start() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    configuration(folder.path(), "");
    assert!(told(folder.path(), "-t").contains("configuration test is successful"));
    let dump = told(folder.path(), "-d");
    for line in [
        "['add', 'sidegate', 'auto']",
        "['set', 'sidegate', 'maxretry', 1]",
        "['set', 'sidegate', 'bantime', '1h']",
        "['set', 'sidegate', 'addlogpath', '/var/log/sidegate/sidegated.log', 'head']",
        "['start', 'sidegate']",
    ] {
        assert!(dump.lines().any(|known| known == line), "{line} in\n{dump}");
    }
    assert!(dump.contains("\"event\":\"block-added\"") && !dump.contains("sidegate-login"), "{dump}");

    // The other one, as its comment tells: not both.
    let folder = tempfile::tempdir().expect("a folder");
    configuration(folder.path(), "[sidegate]\nenabled = false\n[sidegate-login]\nenabled = true\n");
    let dump = told(folder.path(), "-d");
    for line in ["['set', 'sidegate-login', 'maxretry', 20]", "['start', 'sidegate-login']"] {
        assert!(dump.lines().any(|known| known == line), "{line} in\n{dump}");
    }
    assert!(dump.contains("\"verdict\":\"refuse\"") && !dump.contains("'sidegate',"), "{dump}");
}
