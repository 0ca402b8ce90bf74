//! A site moves over: Dovecot's own `doveadm pw` has hashed the passwords of its devices, and they go on working.

use std::fs;

use crate::cli::logins;
use crate::dovecot::Dovecot;
use crate::series::{Series, with_each_dovecot};
use crate::site::{Mode, Plan, Site};

use super::{HOME, assert_in, assert_refused, imap, pop3, smtp};

const ALICE: &str = "alice@example.test";
const BOB: &str = "bob@example.test";

/// Scheme, what `password list` calls it, and a password that a person may have thought of.
const DEVICES: [(&str, &str, &str); 3] = [
    ("BLF-CRYPT", "bcrypt", "correct horse battery"),
    ("SHA512-CRYPT", "sha512-crypt", "Summer-of-2019!"),
    ("ARGON2ID", "argon2", "gr\u{fc}ner-Tee-42"),
];

with_each_dovecot!(hashes_of_doveadm_let_in_and_are_replaced);

fn hashes_of_doveadm_let_in_and_are_replaced(series: Series) {
    let Some(mut site) = Plan::new(Mode::Front).on(series).with_postfix().start() else { return };
    for account in [ALICE, BOB] {
        site.account(account);
    }
    let ours = site.password(BOB, "Phone");
    let hashes = taken_over(&site);
    assert_eq!(listed(&site), ["bcrypt", "sha512-crypt", "argon2"]);

    // Wrong ones read as those of somebody who has none, and are counted alike.
    let guesser = [127, 0, 7, 2].into();
    let wrong = imap(&site, guesser, ALICE, "Winter-of-2019!");
    assert_refused(&wrong);
    assert_eq!(wrong, imap(&site, guesser, BOB, "Winter-of-2019!"));
    assert_refused(&pop3(&site, guesser, ALICE, "correct  horse battery"));
    assert_refused(&smtp(&site, guesser, ALICE, &hashes[0]));
    let events = site.cli.json(&["events", "--limit", "1000"]);
    assert_eq!(logins(&events, "127.0.7.2", "wrong-password"), 4, "{events}");
    assert_eq!(listed(&site).len(), 3, "and nothing was replaced by them");

    // Each lets in once by the foreign hash, and then by our own; the key is changed between them.
    for (n, (_, _, secret)) in DEVICES.iter().enumerate() {
        assert_in(&imap(&site, HOME, ALICE, secret));
        assert_eq!(listed(&site).len(), 2 - n);
        site.cli.done(&["key", "rotate"]);
        assert_in(&imap(&site, HOME, ALICE, secret));
        assert_in(&pop3(&site, HOME, ALICE, secret));
        assert_in(&smtp(&site, HOME, ALICE, secret));
    }
    let upgraded = site.cli.done(&["--json", "events", "--account", ALICE, "--limit", "1000"]);
    assert_eq!(upgraded.matches("\"password-upgraded\"").count(), 3, "{upgraded}");
    assert_in(&imap(&site, HOME, BOB, &ours));
    forget_former_keys(&site);

    // Nothing of the old hashes is left, neither in the database nor in a log.
    site.stop_daemon("TERM");
    for folder in ["state", "logs"] {
        for entry in fs::read_dir(site.path(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            let bytes = fs::read(&path).expect("a file");
            for hash in &hashes {
                let end = &hash[hash.len() - 20..];
                let found = bytes.windows(end.len()).any(|part| part == end.as_bytes());
                assert!(!found, "{} holds the end of {hash}", path.display());
            }
        }
    }
    site.start_daemon();
    for (_, _, secret) in DEVICES {
        assert_in(&imap(&site, HOME, ALICE, secret));
    }
    site.cli.done(&["password", "revoke", ALICE, "--name", "BLF-CRYPT"]);
    assert_refused(&imap(&site, HOME, ALICE, DEVICES[0].2));
    site.assert_nothing_secret();
}

/// All that a dict hands over is a SHA-256 of the password, and `doveadm pw` hashed the password itself.
#[test]
fn a_dict_proves_none_before_its_first_use() {
    let Some(site) = Plan::new(Mode::PassdbDict).on(Series::V23).start() else { return };
    site.account(ALICE);
    // Else Dovecot's next passdb is asked whether it is the main password.
    site.cli.done(&["account", "set", ALICE, "--two-factor", "on"]);
    let ours = site.password(ALICE, "Phone");
    taken_over(&site);
    for (_, _, secret) in DEVICES {
        assert_refused(&imap(&site, HOME, ALICE, secret));
    }
    assert_in(&imap(&site, HOME, ALICE, &ours));
    assert_eq!(listed(&site).len(), 3);
    let events = site.cli.json(&["events", "--limit", "1000"]);
    assert_eq!(logins(&events, &HOME.to_string(), "wrong-password"), 3, "{events}");
    site.assert_nothing_secret();
}

/// Has `doveadm pw` hash the passwords, and imports the hashes as it prints them.
fn taken_over(site: &Site) -> Vec<String> {
    let mut table = String::from("account,name,hash\n");
    let mut hashes = Vec::new();
    for (scheme, _, secret) in DEVICES {
        site.secret(ALICE, secret);
        let output = Dovecot::doveadm(site, &["pw", "-s", scheme, "-p", secret]);
        assert!(output.status.success(), "doveadm pw -s {scheme}: {output:?}");
        let hash = String::from_utf8(output.stdout).expect("text");
        let hash = hash.trim_end();
        assert!(hash.starts_with(&format!("{{{scheme}}}$")), "{hash}");
        table.push_str(&format!("{ALICE},{scheme},\"{hash}\"\n"));
        hashes.push(hash.to_owned());
    }
    let file = site.path("etc/passwords.csv");
    fs::write(&file, table).expect("a table");
    let file = file.display().to_string();
    let tried = site.cli.done(&["import", "passwords", &file, "--dry-run"]);
    assert!(tried.contains("3 new") && listed(site).is_empty(), "{tried}");
    assert_eq!(site.cli.done(&["import", "passwords", &file]), "3 new, 0 changed, 0 unchanged\n");
    hashes
}

/// Those that were not used yet.
fn listed(site: &Site) -> Vec<String> {
    let account = site.cli.json(&["account", "show", ALICE]);
    let passwords = account["passwords"].as_array().expect("a list").iter();
    passwords.filter_map(|password| password["imported"].as_str().map(str::to_owned)).collect()
}

/// Everything that was used is under the current key, so that the others can go.
fn forget_former_keys(site: &Site) {
    let keys = site.cli.json(&["key", "show"]);
    let keys = keys["keys"].as_array().expect("a list");
    assert_eq!(keys.len(), 4, "{keys:?}");
    for (_, _, secret) in DEVICES {
        assert_in(&imap(site, HOME, ALICE, secret));
    }
    for key in &keys[1..] {
        site.cli.done(&["key", "forget", key["id"].as_str().expect("an id")]);
    }
}
