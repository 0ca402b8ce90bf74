//! A backup is checked and put back, and what was there before is kept.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown, symlink};
use std::path::Path;
use std::process::Command;

use nix::unistd::geteuid;
use serde_json::json;

use crate::daemon::{ANN, Daemon};

/// `sidegated --restore`: its status and what it said.
fn restore(folder: &Path, backup: &Path) -> (Option<i32>, String) {
    run(folder, &["--restore", &backup.display().to_string()])
}

/// `sidegated` with these settings, until it ends.
fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sidegated"));
    command.arg("--config").arg(folder.join("sidegate.toml")).args(arguments);
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
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

#[test]
fn a_database_or_a_key_alone_is_no_first_start() {
    let folder = tempfile::tempdir().unwrap();
    let (database, key) = (folder.path().join("store.db"), folder.path().join("store.key"));
    let mut daemon = Daemon::start(folder.path());
    daemon.await_log("made a new store");
    daemon.control("POST", "/v1/accounts", &json!({ "address": ANN }));
    let secret = daemon.new_password("phone");
    daemon.signal("TERM");
    daemon.end();
    for (file, way) in [(&database, "--restore BACKUP"), (&key, "factor reset")] {
        let away = folder.path().join("away");
        fs::rename(file, &away).unwrap();
        let said = refused_start(folder.path());
        assert!(said.contains(way) && said.contains("--make-missing"), "{said}");
        assert!(!file.exists(), "nothing was made in its place");
        fs::rename(&away, file).unwrap();
    }
    // The ways out, when somebody says so.
    fs::remove_file(&key).unwrap();
    let (code, said) = run(folder.path(), &["--make-missing"]);
    assert!(code == Some(0) && said.contains("store.key: made"), "{said}");
    let mut daemon = Daemon::start(folder.path());
    daemon.await_log("does not have this store key");
    assert_eq!(daemon.peer().login(&secret, "192.0.2.7"), "OK");
    daemon.signal("TERM");
    daemon.end();
    fs::remove_file(&database).unwrap();
    let (code, said) = run(folder.path(), &["--make-missing"]);
    assert!(code == Some(0) && said.contains("store.db: made"), "{said}");
    let daemon = Daemon::start(folder.path());
    assert_eq!(daemon.peer().login(&secret, "192.0.2.7"), "FAIL");
}

#[test]
fn a_restore_names_the_keys_that_the_backup_needs() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let backup = folder.path().join("backup.db");
    let daemon = Daemon::start(folder.path());
    daemon.control("POST", "/v1/accounts", &json!({ "address": ANN }));
    daemon.new_password("phone");
    daemon.sidegate(&["backup", &backup.display().to_string()]);
    let (_, keys, _) = daemon.sidegate(&["--json", "key", "show"]);
    let keys: serde_json::Value = serde_json::from_str(&keys).unwrap();
    let id = keys["keys"][0]["id"].as_str().unwrap().to_owned();
    drop(daemon);
    let (code, said) = restore(folder.path(), &backup);
    assert!(code == Some(0) && said.contains(&format!("needs store key {id}, and")), "{said}");
    // On another machine without the key file, and then with another's.
    fs::copy(folder.path().join("sidegate.toml"), other.path().join("sidegate.toml")).unwrap();
    let settings = fs::read_to_string(other.path().join("sidegate.toml")).unwrap();
    let moved = settings.replace(&folder.path().display().to_string(), &other.path().display().to_string());
    fs::write(other.path().join("sidegate.toml"), moved).unwrap();
    let (code, said) = restore(other.path(), &backup);
    assert!(code == Some(0) && said.contains("WARNING") && said.contains(&id), "{said}");
    assert!(said.contains("1 client passwords are under it"), "{said}");
    assert!(refused_start(other.path()).contains("Put it back"));
    assert!(!other.path().join("store.db.restore").exists());
}

/// Root restores in a folder of the daemon's user, who may have put links there.
#[test]
fn root_restores_as_the_owner_of_the_folder() {
    // Whoever is not root can only be themselves.
    if !geteuid().is_root() {
        return;
    }
    const OWNER: u32 = 54_321;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let daemon = Daemon::start(folder.path());
    let backup = tempfile::tempdir().unwrap().keep().join("backup.db");
    daemon.sidegate(&["backup", &backup.display().to_string()]);
    drop(daemon);
    for entry in fs::read_dir(folder.path()).unwrap() {
        chown(entry.unwrap().path(), Some(OWNER), Some(OWNER)).unwrap();
    }
    chown(folder.path(), Some(OWNER), Some(OWNER)).unwrap();
    let precious = tempfile::NamedTempFile::new().unwrap();
    fs::write(precious.path(), "precious").unwrap();
    for fresh in [false, true] {
        if fresh {
            fs::remove_file(at("store.db")).unwrap();
            fs::remove_file(at("store.db.lock")).unwrap();
        }
        symlink(precious.path(), at("store.db.restore")).unwrap();
        let (code, said) = restore(folder.path(), &backup);
        assert_eq!(code, Some(0), "{said}");
        for entry in fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().uid(), OWNER, "{entry:?}");
        }
    }
    // The lock's place is taken by a link: root does not follow it.
    fs::remove_file(at("store.db.lock")).unwrap();
    symlink(precious.path(), at("store.db.lock")).unwrap();
    let (code, said) = restore(folder.path(), &backup);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(fs::read(precious.path()).unwrap(), b"precious");
    assert_eq!(precious.path().metadata().unwrap().uid(), 0);
    fs::remove_dir_all(backup.parent().unwrap()).unwrap();
}

/// The daemon is started and gives up; what it says.
fn refused_start(folder: &Path) -> String {
    let (code, said) = run(folder, &[]);
    assert_eq!(code, Some(1), "{said}");
    said
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
