//! With the most talkative log there is, after every kind of secret was used in every way, none of them is written
//! anywhere.

use std::process::{Command, Stdio};

use crate::client::{Imap, Smtp};
use crate::dovecot::{Dovecot, IMAP};
use crate::postfix::{Postfix, SUBMISSIONS};
use crate::series::{Series, with_each_dovecot};
use crate::site::{MAIN_PASSWORD, Mode, Plan, Site};

use super::{HOME, assert_in, imap, pop3, smtp};

const ALICE: &str = "alice@example.test";
const UMA: &str = "uma@example.test";

with_each_dovecot!(no_secret_is_written_anywhere);

fn no_secret_is_written_anywhere(series: Series) {
    let settings = "[main_password]\nmail_clients = \"until-two-factor\"\n";
    let plan = Plan::new(Mode::Front).on(series).with_postfix().settings(settings).log_level("trace");
    let Some(mut site) = plan.start() else { return };
    site.account(ALICE);
    site.upstream_user(UMA);
    let password = site.password(ALICE, "Phone");
    let revoked = site.password(ALICE, "Old phone");
    site.cli.done(&["password", "revoke", ALICE, "--name", "Old phone"]);
    for secret in [&password, &revoked, MAIN_PASSWORD, "a-wrong-one-with-ümlaut", "with space in it"] {
        for user in [ALICE, UMA, "nobody@example.test"] {
            imap(&site, HOME, user, secret);
            pop3(&site, [127, 0, 7, 31].into(), user, secret);
            smtp(&site, [127, 0, 7, 32].into(), user, secret);
        }
    }
    odd_ways(&site, &password);
    checked(&site, &password);
    site.stop_daemon("TERM");
    site.start_daemon();
    assert_in(&imap(&site, [127, 0, 7, 34].into(), ALICE, &password));
    site.assert_nothing_secret();
}

/// Half-done, broken and aborted exchanges.
fn odd_ways(site: &Site, password: &str) {
    let from = [127, 0, 7, 35].into();
    let open = || Imap::open(from, Dovecot::at(site, IMAP));
    assert_in(&open().authenticate("LOGIN", &[ALICE, password]));
    open().authenticate("PLAIN", &[&format!("\0{ALICE}\0{password}\0more")]);
    open().authenticate("PLAIN", &[&format!("someone\0{ALICE}\0{password}")]);
    open().authenticate("PLAIN", &[password]);
    open().command(&format!("AUTHENTICATE PLAIN {}!", crate::client::plain(ALICE, password)));
    let smtp = || Smtp::tls(from, Postfix::at(site, SUBMISSIONS));
    assert_in(&smtp().login(ALICE, password));
    smtp().command(&format!("AUTH PLAIN {}!", crate::client::plain(ALICE, password)));
    smtp().command(&format!("AUTH PLAIN {}", data_encoding::BASE64.encode(password.as_bytes())));
}

/// `sidegate check` reads a password from standard input.
fn checked(site: &Site, password: &str) {
    use std::io::Write as _;
    let mut child = Command::new(env!("CARGO_BIN_EXE_sidegate"))
        .arg("--socket")
        .arg(&site.cli.socket)
        .args(["check", ALICE, "--protocol", "imap", "--from", "192.0.2.7"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sidegate can be started");
    let mut input = child.stdin.take().expect("its input");
    input.write_all(format!("{password}\n").as_bytes()).expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "it would be let in: {said}");
    assert!(!said.contains(password), "{said}");
}
