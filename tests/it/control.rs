//! The command line and the control API of a real daemon: what scripts rely on.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::daemon::{ANN, Daemon};

fn start() -> (tempfile::TempDir, Daemon) {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(folder.path());
    assert_eq!(daemon.sidegate(&["account", "add", ANN]).0, 0);
    (folder, daemon)
}

fn json_of(daemon: &Daemon, arguments: &[&str]) -> Value {
    let (status, out, err) = daemon.sidegate(&[&["--json"], arguments].concat());
    assert_eq!((status, err.as_str()), (0, ""));
    serde_json::from_str(&out).unwrap()
}

#[test]
fn a_new_password_is_sixteen_characters_and_a_newline_and_logs_in() {
    let (_folder, daemon) = start();
    let (status, out, err) = daemon.sidegate(&["password", "new", ANN, "--name", "Ann's phone"]);
    assert_eq!((status, out.len(), err.as_str()), (0, 17, ""));
    let secret = out.trim_end();
    assert_eq!(daemon.peer().login(secret, "192.0.2.7"), "OK");
    let view = json_of(&daemon, &["account", "show", ANN]);
    assert_eq!(view["passwords"][0]["name"], "Ann's phone");
    assert_eq!(view["passwords"][0]["last_use"]["address"], "192.0.2.7");
    assert_eq!(daemon.sidegate(&["password", "revoke", ANN, "--name", "Ann's phone"]).0, 0);
    assert_eq!(daemon.peer().login(secret, "192.0.2.7"), "FAIL");
    let said = daemon.sidegate(&["events"]).1 + &fs::read_to_string(daemon.folder.join("log")).unwrap();
    assert!(said.contains("revoked") && !said.contains(secret));
}

#[test]
fn exit_statuses_are_those_of_the_manual() {
    let (_folder, daemon) = start();
    let long = "x".repeat(65);
    for (expected, arguments) in [
        (0, &["status"][..]),
        (1, &["account", "add", ANN]),
        (1, &["account", "show", "nobody@example.org"]),
        (1, &["account", "add", "no address"]),
        (1, &["password", "new", ANN, "--name", "Fj7kQm2RxT9wBn4c"]),
        (1, &["password", "new", ANN, "--name", &long]),
        (2, &["password", "new", ANN, "--name", "x", "--from", "nowhere"]),
        (1, &["password", "revoke", ANN, "4711"]),
        (1, &["block", "lift", "192.0.2.7"]),
        (2, &["block", "add"]),
        (2, &["no-such-command"]),
        (0, &["--help"]),
    ] {
        let (status, _, err) = daemon.sidegate(arguments);
        assert_eq!(status, expected, "{arguments:?}: {err}");
        assert_eq!(expected == 0, err.is_empty(), "{arguments:?}: {err}");
    }
    let mut elsewhere = daemon.command(&["status"]);
    assert_eq!(daemon.run(elsewhere.env("SIDEGATE_SOCKET", "/nonexistent")).0, 0, "--socket wins");
    let folder = daemon.folder.clone();
    drop(daemon);
    let mut gone = Command::new(env!("CARGO_BIN_EXE_sidegate"));
    let output = gone.arg("--socket").arg(folder.join("control")).arg("status").output().unwrap();
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn an_account_has_six_passwords_at_most() {
    let (_folder, daemon) = start();
    for n in 0..6 {
        daemon.new_password(&format!("device {n}"));
    }
    let (status, _, err) = daemon.sidegate(&["password", "new", ANN, "--name", "one more"]);
    assert_eq!(status, 1);
    assert!(err.contains("6 client passwords") && err.contains("client_passwords.per_account"), "{err}");
    assert_eq!(daemon.sidegate(&["password", "revoke", ANN, "--all"]).0, 0);
    daemon.new_password("one more");
}

#[test]
fn check_says_what_would_happen_and_counts_nothing() {
    let (_folder, daemon) = start();
    let secret = daemon.new_password("phone");
    let check = |secret: &str, from: &str| {
        let mut command = daemon.command(&["check", ANN, "--protocol", "imap", "--from", from]);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        process.stdin.take().unwrap().write_all(format!("{secret}\n").as_bytes()).unwrap();
        let output = process.wait_with_output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(check(&secret, "192.0.2.7").0, 0);
    for _ in 0..20 {
        assert_eq!(check("wrong", "192.0.2.7").0, 1);
    }
    assert_eq!(daemon.peer().login(&secret, "192.0.2.7"), "OK", "nothing was counted");
    assert_eq!(daemon.sidegate(&["block", "add", "192.0.2.7", "--for", "1h"]).0, 0);
    let (status, said) = check(&secret, "192.0.2.7");
    assert!(status == 1 && said.contains("blocked"), "{said}");
}

#[test]
fn a_backup_is_the_whole_store_and_for_nobody_else_to_read() {
    let (folder, daemon) = start();
    daemon.new_password("phone");
    let file = folder.path().join("backup.db");
    let path = file.to_str().unwrap();
    assert_eq!(daemon.sidegate(&["backup", path]).0, 0);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(daemon.sidegate(&["backup", path]).0, 1, "nothing is overwritten");
    drop(daemon);
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(folder.path().join(format!("store.db{end}")));
    }
    fs::rename(&file, folder.path().join("store.db")).unwrap();
    let daemon = Daemon::start(folder.path());
    assert_eq!(json_of(&daemon, &["status"])["passwords"], 1);
    let left = fs::read_dir(folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("backup-"));
    assert_eq!(left.count(), 0, "no copy is left behind");
}

#[test]
fn settings_are_read_again_and_mistakes_change_nothing() {
    let (folder, daemon) = start();
    let secret = daemon.new_password("phone");
    fs::create_dir(folder.path().join("conf.d")).unwrap();
    let more = folder.path().join("conf.d/more.toml");
    fs::write(&more, "[lockout]\nfailures = 2\n").unwrap();
    daemon.signal("HUP");
    daemon.await_log("the settings were read again");
    let mut peer = daemon.peer();
    for _ in 0..2 {
        assert_eq!(peer.login("wrong", "192.0.2.7"), "FAIL");
    }
    assert_eq!(peer.login(&secret, "192.0.2.7"), "FAIL", "two failures are enough now");

    fs::write(&more, "[lockout]\nfailures = 0\nexempt = [\"192.0.2.7\"]\n").unwrap();
    daemon.signal("HUP");
    daemon.await_log("the old ones stay in force");
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("more.toml:2:") && log.contains("more.toml:3:"), "every mistake with its line");
    assert_eq!(peer.login(&secret, "192.0.2.7"), "FAIL");

    fs::write(&more, "[lockout]\nexempt = [\"192.0.2.7/32\"]\n[log]\nlevel = \"debug\"\n").unwrap();
    daemon.signal("HUP");
    daemon.await_log("takes effect only at a restart");
    assert_eq!(peer.login(&secret, "192.0.2.7"), "OK", "exempt beats block, at once");
}

#[test]
fn a_stop_is_orderly() {
    let (_folder, mut daemon) = start();
    daemon.signal("TERM");
    assert_eq!(daemon.end(), Some(0));
    daemon.await_log("\"stopped\"");
}

/// Needs root, to be somebody else: without it there is nothing to see.
#[test]
fn only_administrators_may_change_and_only_readers_may_look() {
    if !nix::unistd::geteuid().is_root() {
        return eprintln!("SKIPPED: not root, so nobody else can be tried");
    }
    const READER: u32 = 64_992;
    const STRANGER: u32 = 64_993;
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(folder.path().join("conf.d")).unwrap();
    let readers = format!("[control]\nreaders = [{READER}]\n");
    fs::write(folder.path().join("conf.d/readers.toml"), readers).unwrap();
    let daemon = Daemon::start(folder.path());
    assert_eq!(daemon.sidegate(&["account", "add", ANN]).0, 0);
    // The program may lie in a folder that only root can enter.
    let program = folder.path().join("sidegate");
    // By another process: a child that another test forks meanwhile would hold the copy open for writing.
    let copy = Command::new("cp").arg(env!("CARGO_BIN_EXE_sidegate")).arg(&program).status();
    assert!(copy.unwrap().success());
    let run = |uid: u32, arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.arg("--socket").arg(daemon.folder.join("control")).args(arguments);
        daemon.run(command.uid(uid).gid(uid).stdin(Stdio::null()))
    };
    assert_eq!(run(READER, &["status"]).0, 0);
    for list in
        [&["account", "list"][..], &["alias", "list"], &["delegation", "list"], &["limits", "show", ANN]]
    {
        assert_eq!(run(READER, list).0, 0, "{list:?}");
    }
    let open = tempfile::tempdir().unwrap();
    fs::set_permissions(open.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let never = open.path().join("never.db");
    let table = open.path().join("table.csv");
    fs::write(&table, "account\nbob@example.org\n").unwrap();
    for list in [&["export", "accounts"][..], &["export", "passwords"], &["key", "show"]] {
        assert_eq!(run(READER, list).0, 0, "{list:?}");
    }
    for arguments in [
        &["account", "remove", ANN][..],
        &["alias", "add", ANN, "info@example.org"],
        &["delegation", "grant", ANN, ANN, "--right", "read"],
        &["limits", "set", "--default", "--messages-per-hour", "unlimited"],
        &["backup", never.to_str().unwrap()],
        &["import", "accounts", table.to_str().unwrap(), "--dry-run"],
        &["key", "rotate"],
        &["factor", "reset", ANN, "--reason", "lost phone"],
        &["account", "main-password", ANN, "--remove"],
        &["account", "sign-out", ANN],
        &["key", "forget", "0011223344556677"],
    ] {
        let (status, _, err) = run(READER, arguments);
        assert!(status == 1 && err.contains("you may only read"), "{arguments:?}: {status} {err}");
    }
    let (status, out, _) = run(READER, &["doctor"]);
    assert!(status == 1 && out.contains("you may only read"), "{status} {out}");
    let (status, _, err) = run(STRANGER, &["status"]);
    assert!(status == 1 && err.contains("administrators"), "{status} {err}");
    assert_eq!(json_of(&daemon, &["account", "list"])["accounts"].as_array().unwrap().len(), 1);
}

#[test]
fn a_request_past_the_limit_or_without_sense_is_refused_in_words() {
    let (_folder, daemon) = start();
    let ask = |body: &Value| {
        use std::io::Read;
        let mut stream = std::os::unix::net::UnixStream::connect(daemon.folder.join("control")).unwrap();
        let body = body.to_string();
        let head = format!(
            "POST /v1/accounts HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // The answer may come before the whole body was taken.
        let _ = stream.write_all(body.as_bytes());
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    for (body, status) in [
        (json!({ "address": "x".repeat(70_000) }), "400"),
        (json!({ "address": "a@example.org", "unknown": 1 }), "400"),
        (json!([1, 2, 3]), "400"),
        (json!({ "address": ANN }), "409"),
    ] {
        let answer = ask(&body);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert!(answer.contains("\"message\":"), "{answer}");
    }
}

/// A door's last question is told by the daemon after the one that heard it.
#[test]
fn a_restart_forgets_no_question() {
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(folder.path());
    let door = |daemon: &Daemon| daemon.control("GET", "/v1/doctor", &json!({}))["doors"][0].clone();
    let fresh = door(&daemon);
    assert_eq!(fresh["last_question"], Value::Null);
    assert_eq!(daemon.peer().login("wrong", "192.0.2.7"), "FAIL");
    let asked = door(&daemon);
    assert!(asked["last_question"].as_i64() >= fresh["since"].as_i64() && asked["since"] == fresh["since"]);
    // The clock must show another second, or a door that forgot would look the same.
    let now = || std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    while now() <= asked["last_question"].as_u64().unwrap() {
        std::thread::yield_now();
    }
    daemon.signal("TERM");
    assert_eq!(daemon.end(), Some(0));
    let daemon = Daemon::start(folder.path());
    assert_eq!(door(&daemon), asked);
}
