//! `sidegate top` over a real daemon, where no terminal is; where one is, see `terminal.rs`.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::daemon::{ANN, Daemon};

#[test]
fn seconds_are_told_until_somebody_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(folder.path());
    assert_eq!(daemon.sidegate(&["account", "add", ANN]).0, 0);
    let secret = daemon.new_password("phone");

    let mut process = daemon.command(&["top", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut peer = daemon.peer();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["attempts"], 0.0);
    assert_eq!(peer.login(&secret, "192.0.2.7"), "OK");
    assert_eq!(peer.login("wrong", "192.0.2.7"), "FAIL");
    // The two may fall into two seconds.
    let (mut accepted, mut refused, mut timed) = (0.0, 0.0, false);
    for _ in 0..30 {
        let look = next();
        accepted += look["accepted"].as_f64().unwrap();
        refused += look["refused"].as_f64().unwrap();
        timed |= look["most_ms"].is_f64();
        if accepted > 0.0 && refused > 0.0 {
            assert_eq!(look["sources"], 1);
            break;
        }
    }
    assert!(accepted > 0.0 && refused > 0.0 && timed, "{accepted} {refused} {timed}");
    let pid = process.id().to_string();
    assert!(Command::new("kill").args(["-s", "INT", &pid]).status().unwrap().success());
    assert_eq!(process.wait().unwrap().code(), Some(0));

    let status = daemon.control("GET", "/v1/status", &json!({}));
    let counts = status["decided"].as_array().unwrap().iter().map(|took| took["count"].as_u64().unwrap());
    assert_eq!(counts.sum::<u64>(), 2);
    let (status, text, err) = daemon.sidegate(&["top", "--once"]);
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(text.contains("95 % decided in") && text.contains("auth-client"), "{text}");
    assert!(text.contains(ANN) && !text.contains('\u{1b}'), "the last events, and no colours: {text}");
}
