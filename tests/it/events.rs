//! `sidegate events --kind` over a real daemon.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::daemon::{ANN, Daemon};
use crate::world::plain;

#[test]
fn only_the_kinds_that_were_asked_for_are_shown_and_followed() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(folder.path());
    for arguments in [
        &["account", "add", ANN][..],
        &["block", "add", "192.0.2.7"],
        &["block", "lift", "192.0.2.7"],
        &["account", "disable", ANN],
    ] {
        assert_eq!(daemon.sidegate(arguments).0, 0, "{arguments:?}");
    }
    let shown = |kinds: &str| -> Vec<String> {
        let (status, out, err) = daemon.sidegate(&["--json", "events", "--kind", kinds]);
        assert_eq!((status, err.as_str()), (0, ""));
        let list: Value = serde_json::from_str(&out).unwrap();
        let events = list["events"].as_array().unwrap().iter();
        events.map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(shown("block-lifted"), ["block-lifted"]);
    assert_eq!(shown("account-disabled,block-added"), ["block-added", "account-disabled"]);
    assert_eq!(shown("two-factor-on"), [""; 0]);

    let (status, _, err) = daemon.sidegate(&["events", "--kind", "blok-added"]);
    assert!(status == 2 && err.contains("block-added") && err.contains("similar"), "{status} {err}");
    let (status, answer) = daemon.ask("GET", "/v1/events?kind=login,blok-added", &json!({}));
    let said = "`blok-added` is no kind of event; did you mean `block-added`?";
    assert_eq!((status, answer["message"].as_str()), (400, Some(said)));

    let mut follower =
        daemon.command(&["--json", "events", "--follow", "--kind", "block-added,block-lifted"]);
    let mut follower = follower.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(
        [next()["kind"].take(), next()["kind"].take()],
        ["block-added", "block-lifted"],
        "what there was"
    );
    for number in 1..4 {
        assert_eq!(daemon.sidegate(&["account", "enable", ANN]).0, 0);
        assert_eq!(daemon.sidegate(&["block", "add", &format!("198.51.100.{number}")]).0, 0);
        let event = next();
        assert_eq!(
            (&event["kind"], &event["address"]),
            (&json!("block-added"), &json!(format!("198.51.100.{number}")))
        );
        assert_eq!(daemon.sidegate(&["account", "disable", ANN]).0, 0);
    }
    follower.kill().unwrap();
    follower.wait().unwrap();
}

/// "Once a day", whatever becomes of the daemon meanwhile.
#[test]
fn a_report_of_the_day_is_not_repeated_by_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let mut daemon = Daemon::start(folder.path());
        if round == 0 {
            daemon.control("POST", "/v1/accounts", &json!({ "address": ANN }));
        }
        let mut peer = daemon.peer();
        for service in ["smtp", "xmpp"] {
            let resp = plain(ANN, "wrong");
            peer.say(&format!("AUTH\t{round}{}\tPLAIN\tservice={service}\tresp={resp}\n", service.len()));
            assert!(peer.hear().starts_with("FAIL"));
        }
        daemon.signal(if round == 1 { "USR2" } else { "TERM" });
        if round == 1 {
            daemon.await_log("\"stop\":\"Keep\"");
            assert!(daemon.peer().login("wrong", "192.0.2.7") == "FAIL");
        } else {
            assert_eq!(daemon.end(), Some(0));
        }
    }
    let daemon = Daemon::start(folder.path());
    let (_, out, _) = daemon.sidegate(&["--json", "events", "--kind", "address-missing"]);
    let list: Value = serde_json::from_str(&out).unwrap();
    let events = list["events"].as_array().unwrap().iter();
    let mut protocols: Vec<&str> = events.map(|event| event["protocol"].as_str().unwrap()).collect();
    protocols.sort_unstable();
    assert_eq!(protocols, ["smtp", "xmpp"], "once for each");
}
