//! kill -9 at any moment: no block, no acknowledged change and no answered failure is lost.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::world::{PATIENCE, plain};

const ANN: &str = "ann@example.org";

/// A daemon of its own, killed when dropped.
struct Daemon {
    folder: PathBuf,
    process: Child,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // SIGKILL: nothing is written on the way out.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Daemon {
    fn start(folder: &Path) -> Self {
        let at = |name: &str| folder.join(name).display().to_string();
        let settings = format!(
            "[store]\npath = {:?}\nkey_file = {:?}\n[control]\npath = {:?}\n\
             [[listen]]\nprotocol = \"auth-client\"\npath = {:?}\n\
             [lockout]\nfailure_delay = \"0s\"\n\
             [client_passwords.argon2]\nmemory_kib = 8\npasses = 1\n",
            at("store.db"),
            at("store.key"),
            at("control"),
            at("client"),
        );
        fs::write(folder.join("sidegate.toml"), settings).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_sidegated"))
            .arg("--config")
            .arg(folder.join("sidegate.toml"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let daemon = Self { folder: folder.to_owned(), process };
        let deadline = Instant::now() + PATIENCE;
        while UnixStream::connect(folder.join("client")).is_err() {
            assert!(Instant::now() < deadline, "the daemon did not start");
            std::thread::yield_now();
        }
        daemon
    }

    fn peer(&self) -> Peer {
        let stream = UnixStream::connect(self.folder.join("client")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut peer = Peer { lines: BufReader::new(stream.try_clone().unwrap()), stream, id: 0 };
        peer.stream.write_all(b"VERSION\t1\t2\nCPID\t1\n").unwrap();
        while peer.hear() != "DONE" {}
        peer
    }

    /// A control request; an error status panics.
    fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut stream = UnixStream::connect(self.folder.join("control")).unwrap();
        let body = body.to_string();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: sidegate\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap()
    }

    fn new_password(&self, name: &str) -> String {
        let made = self.control("POST", &format!("/v1/accounts/{ANN}/passwords"), &json!({ "name": name }));
        made["password"].as_str().unwrap().to_owned()
    }
}

struct Peer {
    lines: BufReader<UnixStream>,
    stream: UnixStream,
    id: u32,
}

impl Peer {
    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn login(&mut self, secret: &str, address: &str) -> String {
        self.id += 1;
        let resp = plain(ANN, secret);
        let line = format!("AUTH\t{}\tPLAIN\tservice=imap\trip={address}\tresp={resp}\n", self.id);
        self.stream.write_all(line.as_bytes()).unwrap();
        self.hear().split('\t').next().unwrap().to_owned()
    }
}

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
fn killed_under_load_nothing_answered_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut answered = 0;
    for round in 0..5_u64 {
        let daemon = Daemon::start(folder.path());
        let mut peer = daemon.peer();
        let end = Instant::now() + Duration::from_millis(30 + 17 * round);
        // A flood of first failures from many addresses; each answer is a promise.
        while Instant::now() < end {
            let address = format!("10.{round}.{}.{}", answered / 250 % 250, answered % 250);
            assert_eq!(peer.login("wrong", &address), "FAIL");
            answered += 1;
        }
    }
    let daemon = Daemon::start(folder.path());
    let status = daemon.control("GET", "/v1/status", &json!({}));
    assert_eq!(status["sources"].as_u64(), Some(answered), "each address has its failure");
    assert!(answered > 50, "only {answered} were answered");
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
