//! kill -9 at any moment: no block, no acknowledged change and no answered failure is lost.

mod rounds;
mod trace;

use std::process::Command;

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
