//! A backup is checked and put back, and what was there before is kept.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::daemon::{ANN, Daemon};

/// `sidegated --restore`: its status and what it said.
fn restore(folder: &Path, backup: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sidegated"));
    command.arg("--config").arg(folder.join("sidegate.toml")).arg("--restore").arg(backup);
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_backup_is_put_back_whole_and_what_was_there_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup.db");
    let mut daemon = Daemon::start(folder.path());
    daemon.control("POST", "/v1/accounts", &json!({ "address": ANN }));
    let secret = daemon.new_password("phone");
    let (code, _, said) = daemon.sidegate(&["backup", &backup.display().to_string()]);
    assert_eq!(code, 0, "{said}");
    daemon.sidegate(&["account", "remove", ANN]);
    assert_eq!(daemon.peer().login(&secret, "192.0.2.7"), "FAIL");

    let (code, said) = restore(folder.path(), &backup);
    assert!(code == Some(1) && said.contains("stop it first"), "{said}");
    daemon.signal("TERM");
    daemon.end();
    for (spoil, words) in
        [(damage as fn(&Path), "damaged"), (rubbish, "not a database"), (foreign, "other program")]
    {
        let bad = folder.path().join("bad.db");
        fs::copy(&backup, &bad).unwrap();
        spoil(&bad);
        let before = fs::read(folder.path().join("store.db")).unwrap();
        let (code, said) = restore(folder.path(), &bad);
        assert!(code == Some(1) && said.contains(words) && said.contains("nothing was changed"), "{said}");
        assert_eq!(fs::read(folder.path().join("store.db")).unwrap(), before);
    }
    let (code, said) = restore(folder.path(), &backup);
    assert!(code == Some(0) && said.contains("restored, with 1 accounts"), "{said}");
    assert!(said.contains("store.db.before-"), "{said}");
    let daemon = Daemon::start(folder.path());
    assert_eq!(daemon.peer().login(&secret, "192.0.2.7"), "OK");
}

/// Ruins the second half.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].fill(0x5a);
    fs::write(path, bytes).unwrap();
}

fn rubbish(path: &Path) {
    fs::write(path, "no database".repeat(1000)).unwrap();
}

fn foreign(path: &Path) {
    fs::remove_file(path).unwrap();
    rusqlite::Connection::open(path).unwrap().execute_batch("CREATE TABLE account (id INTEGER)").unwrap();
}
