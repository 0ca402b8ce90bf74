//! Power loss, as far as a running machine can show it: whoever reads an answer, what it promises was put on the disk
//! before the answer was begun. The system calls of the daemon are the witness.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use nix::unistd::geteuid;
use serde_json::json;

use crate::daemon::{ANN, Daemon};
use crate::wire::{Wire, login};
use crate::world::PATIENCE;

/// As its own grandchild, so that the daemon is ours.
const STRACE: &[&str] = &["strace", "-D", "-f", "-yy", "-s", "8192", "-e"];
const CALLS: &str = "trace=fsync,fdatasync,pwrite64,pwritev,write,writev,sendto,sendmsg";
/// Failures that come at once, over some connections.
const BURST: usize = 100;
const CONNECTIONS: usize = 4;

#[test]
fn what_is_answered_was_put_on_the_disk_before() {
    if let Some(missing) = missing() {
        assert!(std::env::var_os("CI").is_none(), "the order of writes is to be looked at here: {missing}");
        return eprintln!("SKIPPED: {missing}");
    }
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let words = [STRACE, &[CALLS, "-o", trace.to_str().unwrap()]].concat();
    let mut daemon = Daemon::start_under(folder.path(), &words);
    let mut promises = one_by_one(&daemon);
    let single = promises.len();
    promises.extend(at_once(&daemon));
    daemon.signal("TERM");
    assert_eq!(daemon.end(), Some(0));
    let calls = read(&trace, daemon.pid());
    let syncs: Vec<&Call> = calls.iter().filter(|call| call.is_sync()).collect();
    let mut last = 0;
    for Promise { row, answer } in &promises {
        let holds = |call: &&Call| call.is_to_log() && call.text.contains(row.as_str());
        let written = calls.iter().find(holds).unwrap_or_else(|| panic!("{row} was never written"));
        let says = |call: &&Call| call.is_to_peer() && call.text.contains(answer.as_str());
        let answered = calls.iter().find(says).unwrap_or_else(|| panic!("{answer} was never said"));
        let between = |sync: &&&Call| sync.begin > written.end && sync.end < answered.begin;
        assert!(syncs.iter().any(|sync| between(&sync)), "{answer} was said before {row} was on the disk");
        last = last.max(answered.begin);
    }
    let first = calls.iter().find(|call| call.text.contains(promises[single].row.as_str())).unwrap();
    let shared = syncs.iter().filter(|sync| sync.begin > first.begin && sync.end < last).count();
    eprintln!("{BURST} failures at once were put on the disk {shared} times");
    assert!((1..BURST / 2).contains(&shared), "{BURST} failures shared {shared} commits");
}

fn missing() -> Option<&'static str> {
    match Command::new("strace").arg("--version").output() {
        Err(error) if error.kind() == ErrorKind::NotFound => Some("strace is not here"),
        _ if !geteuid().is_root() => Some("not root, and the daemon lets nobody else look at it"),
        _ => None,
    }
}

/// Words that are written, and words of the answer that promises them. Rows have their columns one behind the other:
/// those of an event begin with its kind, its account and its address.
struct Promise {
    row: String,
    answer: String,
}

fn promise(row: impl Into<String>, answer: impl Into<String>) -> Promise {
    Promise { row: row.into(), answer: answer.into() }
}

fn failure(account: &str) -> Promise {
    promise(format!("login{account}"), format!("user={account}"))
}

/// A failure, a new password, a revoke, a block by failures and one by hand: each is answered before the next is asked.
fn one_by_one(daemon: &Daemon) -> Vec<Promise> {
    let mut wire = Wire::client(&daemon.folder, 1);
    let mut ask = |id: usize, from: &str, account: &str| {
        wire.say(&login(id, "imap", from, account, "wrong"));
        assert_eq!(wire.hear().unwrap(), format!("FAIL\t{id}\tuser={account}"));
    };
    ask(1, "192.0.2.1", "first@example.org");
    daemon.control("POST", "/v1/accounts", &json!({ "address": ANN }));
    daemon.new_password("phone");
    daemon.control("DELETE", &format!("/v1/accounts/{ANN}/passwords?name=phone"), &json!({}));
    (1..=10).for_each(|n| ask(n + 1, "192.0.2.2", &format!("number-{n}@example.org")));
    daemon.control("POST", "/v1/blocks", &json!({ "address": "192.0.2.3" }));
    vec![
        failure("first@example.org"),
        promise(format!("account-added{ANN}"), format!(r#"{{\"address\":\"{ANN}\""#)),
        promise(format!("password-added{ANN}"), r#"\"name\":\"phone\",\"password\":"#),
        promise(format!("password-revoked{ANN}"), r#"{\"revoked\":[{"#),
        failure("number-9@example.org"),
        failure("number-10@example.org"),
        promise("block-addednumber-10@example.org192.0.2.2", "user=number-10@example.org"),
        promise("block-added192.0.2.3", r#"{\"address\":\"192.0.2.3\""#),
    ]
}

/// Failures of which many share a commit.
fn at_once(daemon: &Daemon) -> Vec<Promise> {
    let account = |n: usize| format!("burst-{n:03}@example.org");
    let mut wires: Vec<Wire> = (0..CONNECTIONS).map(|n| Wire::client(&daemon.folder, n + 2)).collect();
    for (n, wire) in wires.iter_mut().enumerate() {
        let ids = (n..BURST).step_by(CONNECTIONS);
        let lines = ids.map(|n| login(n + 1, "imap", &format!("198.51.100.{n}"), &account(n), "wrong"));
        wire.say(&lines.collect::<String>());
    }
    for wire in &mut wires {
        for _ in 0..BURST / CONNECTIONS {
            assert!(wire.hear().unwrap().starts_with("FAIL\t"));
        }
    }
    (0..BURST).map(|n| failure(&account(n))).collect()
}

/// A system call: what it was given, and the lines of the trace in which it began and ended.
#[derive(Debug)]
struct Call {
    text: String,
    begin: usize,
    end: usize,
}

impl Call {
    fn is(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.text.strip_prefix(name).is_some_and(|rest| rest.starts_with('(')))
    }

    /// The file or socket that it is about.
    fn target(&self) -> &str {
        self.text.split([',', ')']).next().unwrap()
    }

    /// SQLite's log, which holds every commit first.
    fn is_to_log(&self) -> bool {
        self.is(&["pwrite64", "pwritev", "write", "writev"]) && self.target().ends_with("store.db-wal>")
    }

    fn is_sync(&self) -> bool {
        self.is(&["fsync", "fdatasync"])
            && self.text.contains("store.db-wal>)")
            && self.text.ends_with(" = 0")
    }

    fn is_to_peer(&self) -> bool {
        let socket = self.target().contains("<UNIX") || self.target().contains("<socket:");
        socket && self.is(&["write", "writev", "sendto", "sendmsg"])
    }
}

/// The calls in the order in which they ended. Lines are `PID name(...) = result`; a call that another interrupts is
/// told in two.
fn read(trace: &Path, pid: u32) -> Vec<Call> {
    let whole = Instant::now() + PATIENCE;
    let text = loop {
        let text = fs::read_to_string(trace).unwrap();
        let over = |line: &str| line.starts_with(&pid.to_string()) && line.ends_with("+++ exited with 0 +++");
        if text.lines().any(over) {
            break text;
        }
        assert!(Instant::now() < whole, "the trace has no end");
        std::thread::yield_now();
    };
    let mut begun: HashMap<&str, (usize, &str)> = HashMap::new();
    let mut calls = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let (pid, line) = line.split_once(' ').unwrap();
        let line = line.trim_start();
        if let Some(call) = line.strip_suffix(" <unfinished ...>") {
            begun.insert(pid, (number, call));
        } else if let Some(rest) = line.strip_prefix("<... ") {
            let (begin, call) = begun.remove(pid).unwrap();
            let result = rest.split_once("resumed>").unwrap().1;
            calls.push(Call { text: format!("{call}{result}"), begin, end: number });
        } else {
            calls.push(Call { text: line.to_owned(), begin: number, end: number });
        }
    }
    calls
}
