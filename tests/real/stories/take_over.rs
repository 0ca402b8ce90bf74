//! `conf/dovecot/take-over.sh`: into Dovecot's place, again without harm, and back.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Output};

use crate::dovecot::{Dovecot, Extra};
use crate::series::{Series, with_each_dovecot};
use crate::site::{MAIN_PASSWORD, Mode, Plan, Site, shipped};

use super::{HOME, assert_in, assert_refused, imap};

const ALICE: &str = "alice@example.test";

with_each_dovecot!(the_take_over_can_be_repeated_and_undone);

fn the_take_over_can_be_repeated_and_undone(series: Series) {
    let Some(mut site) = Plan::new(Mode::Front).on(series).start() else { return };
    site.account(ALICE);
    let password = site.password(ALICE, "Phone");
    // Everything is in place already, and Dovecot runs: nothing to do, nothing done.
    assert!(take_over(&site, &["--user", "64991"]).status.success());
    assert_in(&imap(&site, HOME, ALICE, &password));
    assert_refused(&imap(&site, HOME, ALICE, MAIN_PASSWORD));

    // Dovecot and its links survive each other's restart.
    site.dovecot.take().expect("Dovecot").stop();
    site.dovecot = Some(Dovecot::start(&site, &Extra::default()));
    assert_in(&imap(&site, HOME, ALICE, &password));

    // And back: without the include and the links Dovecot is what it was.
    site.dovecot.take().expect("Dovecot").stop();
    assert!(take_over(&site, &["--undo"]).status.success());
    assert!(take_over(&site, &["--undo"]).status.success(), "twice");
    site.dovecot = Some(Dovecot::start_without_sidegate(&site));
    assert_in(&imap(&site, HOME, ALICE, MAIN_PASSWORD));
    assert_refused(&imap(&site, HOME, ALICE, &password));

    // A running Dovecot keeps its sockets.
    let refused = take_over(&site, &["--user", "64991"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("Dovecot is running"), "{refused:?}");
    let socket = site.path("dovecot/run/login/login");
    assert!(!fs::symlink_metadata(&socket).expect("the socket").file_type().is_symlink());
    assert_in(&imap(&site, HOME, ALICE, MAIN_PASSWORD));
    site.assert_nothing_secret();
}

/// What is not ours is left alone.
#[test]
fn the_take_over_touches_nothing_of_others() {
    let Some(site) = Plan::new(Mode::Full).start() else { return };
    let other = site.path("dovecot/other");
    fs::create_dir(&other).expect("a folder");
    std::os::unix::fs::symlink("elsewhere", other.join("auth-master")).expect("a link");
    let refused = script(&other, &["--user", "64991"]);
    assert!(!refused.status.success(), "{refused:?}");
    assert!(script(&other, &["--undo"]).status.success());
    assert_eq!(fs::read_link(other.join("auth-master")).expect("still there"), Path::new("elsewhere"));
    assert_eq!(script(Path::new("not/absolute"), &[]).status.code(), Some(1));
    // After a boot there is nothing yet: all of it is made.
    let empty = site.path("dovecot/empty");
    assert!(script(&empty, &["--user", "64991"]).status.success());
    assert_eq!(fs::read_link(empty.join("login/login")).expect("a link"), Path::new("sidegate/client"));
    let mode = |path| fs::metadata(empty.join(path)).expect("a folder").mode() & 0o7777;
    assert_eq!((mode("login"), mode("login/sidegate")), (0o750, 0o2750));
}

fn take_over(site: &Site, args: &[&str]) -> Output {
    script(&site.path("dovecot/run"), args)
}

fn script(base: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(shipped("dovecot/take-over.sh"));
    command.args(args).arg(base).output().expect("the script can be started")
}
