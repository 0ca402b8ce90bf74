//! kill -9 at any moment: no block, no acknowledged change and no answered failure is lost.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use crate::daemon::{ANN, Daemon};

#[test]
fn an_answered_failure_and_a_block_survive() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(folder.path());
    daemon.control("POST", "/v1/accounts", &json!({ "address": ANN }));
    let secret = daemon.new_password("phone");
    drop(daemon);
    // One failure, then kill -9, ten times over: the tenth blocks, and the block survives.
    for n in 0..10 {
        let daemon = Daemon::start(folder.path());
        let mut peer = daemon.peer();
        assert_eq!(peer.login(&secret, "192.0.2.8"), "OK");
        assert_eq!(peer.login(&format!("wrong {n}"), "192.0.2.7"), "FAIL");
    }
    let daemon = Daemon::start(folder.path());
    assert_eq!(daemon.peer().login(&secret, "192.0.2.7"), "FAIL");
    assert_eq!(daemon.control("GET", "/v1/blocks", &json!({}))["blocks"].as_array().unwrap().len(), 1);
    daemon.control("DELETE", "/v1/blocks?address=192.0.2.7", &json!({}));
    drop(daemon);
    assert_eq!(Daemon::start(folder.path()).peer().login(&secret, "192.0.2.7"), "OK", "lifted is lifted");
}

#[test]
fn an_acknowledged_change_survives() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(folder.path());
    daemon.control("POST", "/v1/accounts", &json!({ "address": ANN }));
    drop(daemon);
    for n in 0..5 {
        let daemon = Daemon::start(folder.path());
        let secret = daemon.new_password(&format!("device {n}"));
        drop(daemon);
        let daemon = Daemon::start(folder.path());
        assert_eq!(daemon.peer().login(&secret, "192.0.2.7"), "OK", "made is made");
        let path = format!("/v1/accounts/{ANN}/passwords?name=device%20{n}");
        daemon.control("DELETE", &path, &json!({}));
        drop(daemon);
        let daemon = Daemon::start(folder.path());
        assert_eq!(daemon.peer().login(&secret, "192.0.2.9"), "FAIL", "revoked is revoked");
    }
}

/// Four peers flood first failures, each from an address of its own, while the daemon is killed: questions are open, and
/// commits under way. Each answer that was heard is a promise.
#[test]
fn killed_under_load_nothing_answered_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (mut answered, mut asked) = (0, 0);
    for round in 0..5_u64 {
        let daemon = Daemon::start(folder.path());
        let heard = AtomicU64::new(0);
        let flood = |peer: u64| {
            let mut connection = daemon.peer();
            for n in 0.. {
                let address = format!("10.{}.{}.{}", round * 4 + peer, n / 250 % 250, n % 250);
                match connection.try_login("wrong", &address).as_deref() {
                    Some("FAIL") => heard.fetch_add(1, Ordering::SeqCst),
                    Some(other) => panic!("answered {other}"),
                    None => return n + 1,
                };
            }
            unreachable!("the daemon is killed")
        };
        let flood = &flood;
        std::thread::scope(|scope| {
            let peers: Vec<_> = (0..4).map(|peer| scope.spawn(move || flood(peer))).collect();
            while heard.load(Ordering::SeqCst) < 50 + 37 * round {
                std::thread::yield_now();
            }
            daemon.signal("KILL");
            asked += peers.into_iter().map(|peer| peer.join().unwrap()).sum::<u64>();
        });
        answered += heard.load(Ordering::SeqCst);
    }
    let daemon = Daemon::start(folder.path());
    let sources = daemon.control("GET", "/v1/status", &json!({}))["sources"].as_u64().unwrap();
    assert!((answered..=asked).contains(&sources), "{answered} answered, {sources} kept, {asked} asked");
}

#[test]
fn a_second_daemon_is_told_that_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(folder.path());
    let second = Command::new(env!("CARGO_BIN_EXE_sidegated"))
        .arg("--config")
        .arg(folder.path().join("sidegate.toml"))
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains("another process is listening there"), "{said}");
    assert!(daemon.peer().login("wrong", "192.0.2.7") == "FAIL", "the first goes on");
}
