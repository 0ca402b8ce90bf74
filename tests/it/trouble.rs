//! A full disk, a damaged database, a wrong key, too few descriptors, a clock that jumps: nobody is let in by it, nothing
//! that was acknowledged is lost, and the message names the cure.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::daemon::{ANN, Daemon};
use crate::world::{START, World};

/// A folder in which a daemon has made an account and a client password, and has stopped.
fn furnished() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(folder.path());
    daemon.control("POST", "/v1/accounts", &json!({ "address": ANN }));
    let secret = daemon.new_password("phone");
    daemon.signal("TERM");
    assert_eq!(daemon.end(), Some(0));
    fs::remove_file(folder.path().join("log")).unwrap();
    (folder, secret)
}

fn prlimit(daemon: &Daemon, limit: &str) {
    let pid = daemon.pid().to_string();
    assert!(Command::new("prlimit").args(["--pid", &pid, limit]).status().unwrap().success());
}

#[test]
fn a_full_disk_lets_nobody_in_by_guessing_and_loses_nothing() {
    let (folder, secret) = furnished();
    // A file that may not grow is a disk that is full; the program is not killed for trying. Its log is another's file.
    let log = folder.path().join("log");
    let script = format!("trap '' XFSZ; exec \"$@\" 2> >(exec cat >>{log:?})");
    let daemon = Daemon::start_under(folder.path(), &["bash", "-c", &script, "bash"]);
    let mut peer = daemon.peer();
    assert_eq!(peer.login("wrong", "192.0.2.7"), "FAIL");
    prlimit(&daemon, "--fsize=1:unlimited");
    for n in 0..20 {
        let answer = peer.answer(&format!("wrong {n}"), "192.0.2.7");
        assert!(answer.starts_with("FAIL") && answer.contains("code=temp_fail"), "{answer}");
    }
    daemon.await_log("make room");
    assert_eq!(peer.login(&secret, "192.0.2.7"), "OK", "what needs no disk goes on");
    let (code, _, refused) = daemon.sidegate(&["account", "add", "bob@example.org"]);
    assert!(code == 1 && refused.contains("make room"), "{code} {refused}");
    prlimit(&daemon, "--fsize=unlimited:unlimited");
    let (code, _, said) = daemon.sidegate(&["account", "add", "bob@example.org"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(peer.login("wrong", "192.0.2.7"), "FAIL");
    daemon.await_log("takes writes again");
    let (_, events, _) = daemon.sidegate(&["events"]);
    assert!(events.contains("the store takes no writes"), "what was put off is told: {events}");
    drop(daemon);
    let daemon = Daemon::start(folder.path());
    let (_, shown, _) = daemon.sidegate(&["--json", "account", "list"]);
    assert!(shown.contains("bob@example.org"), "{shown}");
}

#[test]
fn a_store_that_cannot_be_opened_names_the_cure() {
    for (spoil, words) in
        [(gone as fn(&Path), "does its folder exist"), (rubbish, "put your last backup in its place")]
    {
        let (folder, _) = furnished();
        spoil(folder.path());
        let (status, said) = Daemon::fail(folder.path(), &[]);
        assert_eq!(status, Some(1));
        assert!(said.contains("store.db") && said.contains(words), "{said}");
    }
}

/// A folder stands where the file was.
fn gone(folder: &Path) {
    fs::remove_file(folder.join("store.db")).unwrap();
    fs::create_dir(folder.join("store.db")).unwrap();
}

fn rubbish(folder: &Path) {
    fs::write(folder.join("store.db"), "this is no database at all".repeat(1000)).unwrap();
}

#[test]
fn damaged_pages_let_nobody_in() {
    let (folder, secret) = furnished();
    let path = folder.path().join("store.db");
    let bytes = fs::metadata(&path).unwrap().len();
    let mut file = OpenOptions::new().write(true).open(&path).unwrap();
    // All but the first page, which says where everything is.
    file.seek(SeekFrom::Start(4096)).unwrap();
    file.write_all(&vec![0x5a; usize::try_from(bytes - 4096).unwrap()]).unwrap();
    drop(file);
    let mut daemon = Daemon::spawned(folder.path());
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    let up = loop {
        if UnixStream::connect(folder.path().join("client")).is_ok() {
            break true;
        }
        if std::time::Instant::now() > deadline || daemon.has_ended() {
            break false;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    if up {
        let answer = daemon.peer().answer(&secret, "192.0.2.7");
        assert!(answer.contains("code=temp_fail"), "{answer}");
    } else {
        assert_eq!(daemon.end(), Some(1));
    }
    let said = fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(said.contains("put your last backup in its place"), "{said}");
}

#[test]
fn a_wrong_key_file_is_told_and_another_key_locks_nobody_out() {
    let (folder, secret) = furnished();
    let key = folder.path().join("store.key");
    let kept = fs::read(&key).unwrap();
    for (bytes, mode, words) in [
        (&kept[..31], 0o600, "has 31 bytes instead of 32"),
        (&[][..], 0o600, "has 0 bytes instead of 32"),
        (&kept[..], 0o644, "run: chmod 0600"),
    ] {
        fs::write(&key, bytes).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let (status, said) = Daemon::fail(folder.path(), &[]);
        assert!(status == Some(1) && said.contains(words), "{said}");
    }
    fs::remove_file(&key).unwrap();
    let (status, said) = Daemon::fail(folder.path(), &[]);
    assert!(status == Some(1) && said.contains("--make-missing"), "{said}");
    let settings = folder.path().join("sidegate.toml");
    let made = Command::new(env!("CARGO_BIN_EXE_sidegated"))
        .arg("--config")
        .arg(settings)
        .arg("--make-missing")
        .status();
    assert!(made.unwrap().success());
    let daemon = Daemon::start(folder.path());
    let mut peer = daemon.peer();
    assert_eq!(peer.login(&secret, "192.0.2.7"), "OK", "it is found, once more slowly");
    assert_eq!(peer.login("wrong", "192.0.2.7"), "FAIL");
}

#[test]
fn without_descriptors_it_waits_and_goes_on() {
    let (folder, secret) = furnished();
    let daemon = Daemon::start_under(folder.path(), &["sh", "-c", "ulimit -n 60; exec \"$@\"", "sh"]);
    let mut early = daemon.peer();
    let crowd: Vec<UnixStream> =
        (0..100).map(|_| UnixStream::connect(folder.path().join("client")).unwrap()).collect();
    daemon.await_log("raise LimitNOFILE");
    assert_eq!(early.login(&secret, "192.0.2.7"), "OK", "who is in is served");
    drop(crowd);
    assert_eq!(daemon.peer().login(&secret, "192.0.2.7"), "OK", "and who comes when there is room");
}

#[tokio::test]
async fn a_clock_that_jumps_an_hour_neither_frees_nor_keeps() {
    const HOUR: Duration = Duration::from_secs(3600);
    let (ann, home) = ("ann@example.org", "192.0.2.7");
    let world = World::start("").await;
    world.account(ann).await;
    world.password(ann, "phone", "Fj7kQm2RxT9wBn4c").await;
    let mut client = world.client().await;
    for _ in 0..10 {
        assert_eq!(client.login(ann, "wrong", home).await, "FAIL");
    }
    // Back by an hour while it runs: time stands still, and the block is not lengthened by more than the step.
    world.service.clock().set(START.minus(HOUR));
    assert_eq!(client.login(ann, "Fj7kQm2RxT9wBn4c", home).await, "FAIL");
    // Back by an hour over a restart.
    let world = World::start_in(world.stop().await, "", START.minus(HOUR)).await;
    let mut client = world.client().await;
    assert_eq!(client.login(ann, "Fj7kQm2RxT9wBn4c", home).await, "FAIL");
    world.pass(HOUR - Duration::from_secs(1));
    assert_eq!(client.login(ann, "Fj7kQm2RxT9wBn4c", home).await, "FAIL");
    world.pass(Duration::from_secs(1));
    assert_eq!(client.login(ann, "Fj7kQm2RxT9wBn4c", home).await, "OK", "an hour is an hour");
    // On by an hour: a block ends by the wall clock, as its end was told.
    for _ in 0..10 {
        client.login(ann, "wrong", home).await;
    }
    assert_eq!(client.login(ann, "Fj7kQm2RxT9wBn4c", home).await, "FAIL");
    world.pass(HOUR);
    assert_eq!(client.login(ann, "Fj7kQm2RxT9wBn4c", home).await, "OK");
}

#[tokio::test]
async fn a_block_from_before_a_step_back_ends_once() {
    const HALF: Duration = Duration::from_secs(1800);
    let (ann, home) = ("ann@example.org", "192.0.2.7");
    let world = World::start("").await;
    world.account(ann).await;
    world.password(ann, "phone", "Fj7kQm2RxT9wBn4c").await;
    let mut client = world.client().await;
    for _ in 0..10 {
        assert_eq!(client.login(ann, "wrong", home).await, "FAIL");
    }
    drop(client);
    // Back by an hour over a restart, and half an hour later another restart: the end is the one that was told first.
    let world = World::start_in(world.stop().await, "", START.minus(HALF * 2)).await;
    let world = World::start_in(world.stop().await, "", START.minus(HALF)).await;
    let mut client = world.client().await;
    world.pass(HALF - Duration::from_secs(1));
    assert_eq!(client.login(ann, "Fj7kQm2RxT9wBn4c", home).await, "FAIL");
    world.pass(Duration::from_secs(1));
    assert_eq!(client.login(ann, "wrong", home).await, "FAIL");
    assert_eq!(
        client.login(ann, "Fj7kQm2RxT9wBn4c", home).await,
        "OK",
        "nor does a failure after it bring it back"
    );
}
