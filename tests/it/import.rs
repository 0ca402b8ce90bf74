//! Imports and exports by the command line of a real daemon.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::daemon::{ANN, Daemon};

/// `doveadm pw -p "hunter two"`, by Dovecot 2.3.
const BCRYPT: &str = "{BLF-CRYPT}$2y$05$LQbp/3uFL6Vc1/qN5h3va.nGYTpsKBGrs/mZumKwAYlOXLmKnK0XO";
const SHA512: &str = "{SHA512-CRYPT}$6$NZ3tIB44bg7nk780$8TxN/lz2m8DtFtf1/MdmPm/yARbD8puoQ77O.7NQTMZXupLU2j7T1RWWopQrN69z\
                      UQh8e5ynplGiPcZji15Ij0";

fn start() -> (tempfile::TempDir, Daemon) {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(folder.path());
    (folder, daemon)
}

fn file(daemon: &Daemon, text: &str) -> PathBuf {
    let path = daemon.folder.join("table.csv");
    fs::write(&path, text).unwrap();
    path
}

/// Runs an import of this text; status, output and errors.
fn import(daemon: &Daemon, what: &str, text: &str, more: &[&str]) -> (i32, String, String) {
    let path = file(daemon, text);
    daemon.sidegate(&[&["import", what, path.to_str().unwrap()], more].concat())
}

fn counts(daemon: &Daemon) -> (u64, u64) {
    let status = daemon.control("GET", "/v1/status", &Value::Null);
    (status["accounts"].as_u64().unwrap(), status["passwords"].as_u64().unwrap())
}

#[test]
fn accounts_are_imported_again_and_again() {
    let (_folder, daemon) = start();
    daemon.control("POST", "/v1/accounts", &json!({ "address": ANN }));
    let text = "account,group,two_factor,enabled,aliases\n\
                Ann@example.org,staff,on,,info@example.org @example.net\n\
                bob@example.org,,,off,\n\
                eve@example.org,,no,yes,info@example.org\n";
    let said = import(&daemon, "accounts", text, &["--dry-run"]);
    let dry = "dry run, nothing was changed: 2 new, 1 changed, 0 unchanged\n".to_owned();
    assert_eq!(said, (0, dry, String::new()));
    assert_eq!(counts(&daemon).0, 1);
    assert_eq!(import(&daemon, "accounts", text, &[]).1, "2 new, 1 changed, 0 unchanged\n");
    let (status, said, _) = import(&daemon, "accounts", text, &["--json"]);
    let said: Value = serde_json::from_str(&said).unwrap();
    let nothing =
        json!({ "dry_run": false, "added": 0, "changed": 0, "unchanged": 3, "mistakes": [], "warnings": [] });
    assert_eq!((status, said), (0, nothing));
    let bob = daemon.control("GET", "/v1/accounts/bob@example.org", &Value::Null);
    assert_eq!((&bob["enabled"], &bob["two_factor"]), (&json!(false), &json!(false)));
    assert_eq!(
        import(&daemon, "accounts", "account\nbob@example.org\n", &[]).1,
        "0 new, 0 changed, 1 unchanged\n"
    );
    let bob = daemon.control("GET", "/v1/accounts/bob@example.org", &Value::Null);
    assert_eq!(bob["enabled"], json!(false), "what is not in the table stays");
}

/// Two of the most costly take longer together than a refusal does.
#[test]
fn hashes_that_make_an_account_slow_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("conf.d")).unwrap();
    fs::write(folder.path().join("conf.d/delay.toml"), "[lockout]\nfailure_delay = \"2s\"\n").unwrap();
    let daemon = Daemon::start(folder.path());
    daemon.control("POST", "/v1/accounts", &json!({ "address": ANN }));
    let slow = BCRYPT.replacen("$05$", "$14$", 1);
    assert_ne!(slow, BCRYPT);
    let text = format!("account,name,hash\n{ANN},Phone,{slow}\n{ANN},Laptop,{slow}\n");
    for more in [&["--dry-run"][..], &[]] {
        let (status, _, said) = import(&daemon, "passwords", &text, more);
        assert_eq!(status, 0, "{said}");
        assert!(said.contains("table.csv:3: warning: the imported hashes of ann@example.org"), "{said}");
    }
    assert_eq!(counts(&daemon).1, 2);
}

#[test]
fn every_mistake_is_told_and_nothing_is_imported() {
    let (_folder, daemon) = start();
    let accounts =
        "account,two_factor\nann@example.org,on\nbob,perhaps\nann@example.org,\ncarl@example.org\n";
    let (status, out, said) = import(&daemon, "accounts", accounts, &[]);
    assert_eq!((status, out.as_str(), counts(&daemon).0), (1, "", 0));
    for what in [
        "table.csv:3: account: `bob` is not a full mail address like name@example.org\n",
        "table.csv:3: two_factor: `perhaps` is neither on nor off\n",
        "table.csv:4: account: ann@example.org is in line 2 already; leave one out\n",
        "table.csv:5: 1 cells instead of 2",
        "\n4 mistakes: nothing was imported\n",
    ] {
        assert!(said.contains(what), "{what}: {said}");
    }
    assert_eq!(said.lines().count(), 5, "{said}");
    // What only the daemon knows.
    daemon.control("POST", "/v1/accounts", &json!({ "address": ANN }));
    let hidden = "hunter2-in-the-clear";
    let passwords = format!(
        "account,name,hash,expires\n{ANN},Phone,{BCRYPT},2001-01-01\n{ANN},Phone,{hidden},\n\
         nobody@example.org,Phone,{SHA512},\n"
    );
    let (status, _, said) = import(&daemon, "passwords", &passwords, &[]);
    assert!(status == 1 && !said.contains(hidden) && !said.contains("$2y$"), "{said}");
    assert!(
        said.contains("table.csv:2: expires: this time has passed")
            && said.contains("csv:3: hash: this is no")
    );
    let passwords = format!("account,name,hash\nnobody@example.org,Phone,{SHA512}\n{ANN},Phone,{BCRYPT}\n");
    let (status, _, said) = import(&daemon, "passwords", &passwords, &[]);
    assert_eq!((status, counts(&daemon).1), (1, 0));
    assert!(
        said.starts_with(&format!("{}:2: account: there is no account nobody", file(&daemon, "").display())),
        "{said}"
    );
    let (status, said, _) = import(&daemon, "passwords", &passwords, &["--json"]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (status, &said["mistakes"][0]["line"], &said["mistakes"][0]["column"]),
        (1, &json!(2), &json!("account"))
    );
    let missing = daemon.sidegate(&["import", "accounts", "/nonexistent/x.csv"]);
    assert!(missing.0 == 1 && missing.2.contains("cannot read /nonexistent/x.csv"), "{missing:?}");
}

#[test]
fn an_imported_password_lets_in_once_by_its_hash_and_then_as_our_own() {
    let (_folder, daemon) = start();
    daemon.control("POST", "/v1/accounts", &json!({ "address": ANN }));
    let text =
        format!("account,name,hash,protocols\n{ANN},Phone,{BCRYPT},imap\n{ANN},Tablet,{SHA512},pop3\n");
    assert_eq!(import(&daemon, "passwords", &text, &[]).1, "2 new, 0 changed, 0 unchanged\n");
    assert_eq!(import(&daemon, "passwords", &text, &[]).1, "0 new, 0 changed, 2 unchanged\n");
    let (_, list, _) = daemon.sidegate(&["password", "list", ANN]);
    assert!(
        list.contains("imported (bcrypt), not used yet") && list.contains("imported (sha512-crypt), not"),
        "{list}"
    );
    let mut peer = daemon.peer();
    for wrong in ["hunter  two", "huntertwo", "Hunter two", "hunter", "", " "] {
        assert_eq!(peer.login(wrong, "192.0.2.7"), "FAIL", "{wrong}");
    }
    assert_eq!(peer.login("hunter two", "192.0.2.8"), "OK");
    let account = daemon.control("GET", &format!("/v1/accounts/{ANN}"), &Value::Null);
    let imported: Vec<&Value> =
        account["passwords"].as_array().unwrap().iter().map(|password| &password["imported"]).collect();
    assert_eq!(imported, [&Value::Null, &json!("sha512-crypt")]);
    let events = daemon.control("GET", &format!("/v1/events?account={ANN}"), &Value::Null);
    let upgraded: Vec<&Value> = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["kind"] == "password-upgraded")
        .collect();
    assert_eq!(upgraded.len(), 1);
    assert_eq!((&upgraded[0]["password_name"], &upgraded[0]["reason"]), (&json!("Phone"), &json!("bcrypt")));
    assert_eq!(peer.login("hunter two", "192.0.2.8"), "OK");
    assert_eq!(
        peer.login("huntertwo", "192.0.2.8"),
        "OK",
        "from now on white space is dropped as in our own"
    );
    assert_eq!(
        daemon.control("GET", &format!("/v1/events?account={ANN}"), &Value::Null)["events"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|event| event["kind"] == "password-upgraded")
            .count(),
        1
    );
    // One that was never used leaves no mark, because nothing would find it.
    daemon.control("DELETE", &format!("/v1/accounts/{ANN}/passwords?name=Tablet"), &Value::Null);
    assert_eq!(daemon.control("GET", &format!("/v1/accounts/{ANN}"), &Value::Null)["revoked"], json!([]));
}

#[test]
fn what_is_exported_can_be_imported_elsewhere() {
    let (_folder, daemon) = start();
    let text = "account,group,two_factor,enabled,aliases\n\
                '=ann@example.org,-staff,on,off,\"'+x@example.org @example.net\"\n\
                bob@example.org,,,,\n\
                '-bob@example.org,-staff,,,-b@example.org\n";
    let (status, _, said) = import(&daemon, "accounts", text, &[]);
    assert_eq!(status, 0, "{said}");
    daemon.control("POST", "/v1/aliases", &json!({ "alias": "@a.b", "of": "@example.org" }));
    let (_, csv, _) = daemon.sidegate(&["export", "accounts"]);
    // In the order of their names, and no cell begins as a formula does.
    let expected = "account,enabled,two_factor,group,aliases\n\
                    '-bob@example.org,on,off,'-staff,'-b@example.org\n\
                    '=ann@example.org,off,on,'-staff,'+x@example.org @example.net\n\
                    bob@example.org,on,off,,\n";
    assert_eq!(csv, expected);
    let (_other_folder, other) = start();
    let mut command = other.command(&["import", "accounts", "-"]);
    command.stdin(Stdio::from(fs::File::open(file(&daemon, &csv)).unwrap()));
    assert_eq!(other.run(&mut command).1, "3 new, 0 changed, 0 unchanged\n");
    assert_eq!(other.sidegate(&["export", "accounts"]).1, csv);
    let (_, json, _) = daemon.sidegate(&["export", "accounts", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["accounts"].as_array().unwrap().len(), 3);
}

#[test]
fn passwords_are_exported_without_any_hash() {
    let (_folder, daemon) = start();
    daemon.control("POST", "/v1/accounts", &json!({ "address": ANN }));
    let secret = daemon.new_password("=cmd|'x'");
    let text = format!("account,name,hash,from\n{ANN},\"Tablet, old\",{BCRYPT},192.0.2.0/24 2001:db8::1\n");
    assert_eq!(import(&daemon, "passwords", &text, &[]).0, 0);
    assert_eq!(daemon.peer().login(&secret, "192.0.2.7"), "OK");
    let (_, csv, _) = daemon.sidegate(&["export", "passwords"]);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "account,name,id,made,last_use,last_protocol,protocols,expires,from,imported");
    assert!(
        lines[1].starts_with("ann@example.org,'=cmd|'x',1,20") && lines[1].ends_with("Z,imap,,,,"),
        "{csv}"
    );
    assert!(lines[2].starts_with("ann@example.org,\"Tablet, old\",2,20"), "{csv}");
    assert!(lines[2].ends_with(",,,,,192.0.2.0/24 2001:db8::1/128,bcrypt"), "{csv}");
    let (_, json, _) = daemon.sidegate(&["export", "passwords", "--json"]);
    for text in [csv, json] {
        assert!(!text.contains("$2y$") && !text.contains("argon2id") && !text.contains(&secret), "{text}");
    }
}

/// As many as a large site has. The daemon is asked something else meanwhile, and answers.
#[test]
fn a_large_table_is_imported_in_small_requests() {
    let (_folder, daemon) = start();
    let mut text = String::from("account,group\n");
    for n in 0..20_000 {
        text.push_str(&format!("person-{n}@example.org,group-{}\n", n % 7));
    }
    let path = file(&daemon, &text);
    let mut command = daemon.command(&["import", "accounts", path.to_str().unwrap()]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut asked = 0;
    while child.try_wait().unwrap().is_none() {
        assert_eq!(daemon.peer().login("wrong", &format!("192.0.2.{}", asked % 200)), "FAIL");
        asked += 1;
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "20000 new, 0 changed, 0 unchanged\n");
    assert!(asked > 0);
    assert_eq!(counts(&daemon).0, 20_000);
    let (_, csv, _) = daemon.sidegate(&["export", "accounts"]);
    assert_eq!(csv.lines().count(), 20_001);
}
