//! `conf/dovecot/kick.sh`: whoever lost the right to his open sessions loses the sessions.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::client::Imap;
use crate::dovecot::{Dovecot, IMAP};
use crate::process::Server;
use crate::series::{Series, with_each_dovecot};
use crate::site::{Mode, Plan, Site, shipped};

use super::{HOME, assert_in, assert_refused, imap};

const ALICE: &str = "alice@example.test";
const BOB: &str = "bob@example.test";
/// Well more than it takes; a phone would notice minutes later at best.
const SOON: Duration = Duration::from_secs(5);

/// Starts the shipped script for this site's daemon and Dovecot.
fn start_kicking(site: &Site) -> Server {
    let doveadm = site.series.command("doveadm");
    let quoted = |word: &std::ffi::OsStr| format!("'{}'", word.to_string_lossy().replace('\'', "'\\''"));
    let words: Vec<String> =
        std::iter::once(doveadm.get_program()).chain(doveadm.get_args()).map(quoted).collect();
    let wrapper = site.path("doveadm-of-the-site");
    let conf = site.path("dovecot/dovecot.conf");
    let script = format!("#!/bin/sh\nexec {} -c '{}' \"$@\"\n", words.join(" "), conf.display());
    fs::write(&wrapper, script).expect("a script");
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).expect("chmod");
    let mut command = Command::new(shipped("dovecot/kick.sh"));
    command
        .arg("--socket")
        .arg(&site.cli.socket)
        .env("SIDEGATE", env!("CARGO_BIN_EXE_sidegate"))
        .env("DOVEADM", &wrapper)
        .current_dir("/");
    Server::start("kick.sh", &mut command, &site.path("logs/kick"))
}

fn idle(site: &Site, account: &str, secret: &str) -> Imap {
    let mut session = Imap::open(HOME, Dovecot::at(site, IMAP));
    assert_in(&session.login(account, secret));
    session.idle();
    session
}

with_each_dovecot!(who_lost_the_right_loses_the_sessions);

fn who_lost_the_right_loses_the_sessions(series: Series) {
    let Some(site) = Plan::new(Mode::Front).on(series).start() else { return };
    site.account(ALICE);
    site.account(BOB);
    let (phone, laptop) = (site.password(ALICE, "Phone"), site.password(ALICE, "Laptop"));
    let bobs = site.password(BOB, "Phone");
    let kicking = start_kicking(&site);
    let (alices, bobs_session) = (idle(&site, ALICE, &phone), idle(&site, BOB, &bobs));

    let start = Instant::now();
    site.cli.done(&["password", "revoke", ALICE, "--name", "Phone"]);
    alices.hear_out();
    assert!(start.elapsed() < SOON, "it took {:?}", start.elapsed());
    assert_refused(&imap(&site, HOME, ALICE, &phone));
    assert_in(&imap(&site, HOME, ALICE, &laptop));

    let start = Instant::now();
    site.cli.done(&["account", "disable", BOB]);
    bobs_session.hear_out();
    assert!(start.elapsed() < SOON, "it took {:?}", start.elapsed());
    drop(kicking);
}
