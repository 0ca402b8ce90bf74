//! The store's keys by the command line of a real daemon: a new one costs nobody anything and loses nothing, whenever
//! the daemon is killed.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use sidegate::gate::factor::FactorKind;
use sidegate::gate::key::{KEY_BYTES, KEYS_MAX};
use sidegate::gate::name::AccountName;
use sidegate::gate::totp::Step;
use sidegate::service::people::{PeopleError, Shown};
use sidegate::store::key_file;
use sidegate::store::people::NewBinding;

use crate::daemon::{ANN, Daemon};
use crate::people;
use crate::world::World;

const ANNS: &str = "Fj7kQm2RxT9wBn4c";
const BOBS: &str = "Hs8mWp3VyU2xCr5d";

fn start() -> (tempfile::TempDir, Daemon) {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(folder.path());
    daemon.control("POST", "/v1/accounts", &json!({ "address": ANN }));
    (folder, daemon)
}

/// Client passwords and marks under each key, the current one first.
fn under(daemon: &Daemon) -> Vec<(i64, i64)> {
    let keys = daemon.control("GET", "/v1/keys", &Value::Null);
    let number = |key: &Value, name: &str| key[name].as_i64().unwrap();
    keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| (number(key, "passwords"), number(key, "removed")))
        .collect()
}

fn id(daemon: &Daemon, place: usize) -> String {
    daemon.control("GET", "/v1/keys", &Value::Null)["keys"][place]["id"].as_str().unwrap().to_owned()
}

fn reasons(daemon: &Daemon) -> Vec<String> {
    let events = daemon.control("GET", &format!("/v1/events?account={ANN}"), &Value::Null);
    let events = events["events"].as_array().unwrap().iter();
    events.filter_map(|event| event["reason"].as_str().map(str::to_owned)).collect()
}

#[test]
fn a_new_key_is_in_force_at_once_and_the_old_one_goes_when_nothing_is_under_it() {
    let (folder, daemon) = start();
    let (phone, tablet) = (daemon.new_password("phone"), daemon.new_password("tablet"));
    let old = daemon.new_password("old");
    daemon.control("DELETE", &format!("/v1/accounts/{ANN}/passwords?name=old"), &Value::Null);
    let first = id(&daemon, 0);
    let (status, said, _) = daemon.sidegate(&["key", "rotate"]);
    let second = id(&daemon, 0);
    assert!(
        status == 0 && said.starts_with(&format!("{second}: in force from now on; it is in /")),
        "{said}"
    );
    assert_eq!((id(&daemon, 1), under(&daemon)), (first.clone(), vec![(0, 0), (2, 1)]));
    assert_eq!(fs::metadata(folder.path().join("store.key")).unwrap().len(), 2 * KEY_BYTES as u64);

    let mut peer = daemon.peer();
    assert_eq!(peer.login(&phone, "192.0.2.7"), "OK");
    assert_eq!(under(&daemon), [(1, 0), (1, 1)], "what is used is put under the new key");
    assert_eq!(peer.login(&old, "192.0.2.7"), "FAIL");
    assert_eq!(reasons(&daemon), ["revoked"], "and a removed one is known still");
    daemon.new_password("made later");
    assert_eq!(under(&daemon), [(2, 0), (1, 1)]);

    let (status, _, said) = daemon.sidegate(&["key", "forget", &first]);
    assert!(status == 1 && said.contains("1 client passwords, 1 marks") && said.contains("--yes"), "{said}");
    let (status, _, said) = daemon.sidegate(&["key", "forget", &second]);
    assert!(status == 1 && said.contains("is the current key"), "{said}");
    for (wrong, why) in [("0011223344556677", "there is no key"), ("x", "16 hex digits")] {
        let (status, _, said) = daemon.sidegate(&["key", "forget", wrong]);
        assert!(status == 1 && said.contains(why), "{said}");
    }
    let (_, shown, _) = daemon.sidegate(&["key", "show"]);
    assert!(shown.contains(&format!("{first}  former ")) && shown.contains("store.key"), "{shown}");

    // Over a restart too.
    drop(daemon);
    let daemon = Daemon::start(folder.path());
    assert_eq!(under(&daemon), [(2, 0), (1, 1)]);
    let (status, said, _) = daemon.sidegate(&["key", "forget", &first, "--yes"]);
    assert!(
        status == 0
            && said
                .contains("1 client passwords, 1 marks of removed ones and 0 recovery codes were under it"),
        "{said}"
    );
    let keys = daemon.control("GET", "/v1/keys", &Value::Null);
    assert_eq!((&keys["lost"][0]["passwords"], keys["keys"].as_array().unwrap().len()), (&json!(1), 1));
    let mut peer = daemon.peer();
    assert_eq!(peer.login("wrong", "192.0.2.9"), "FAIL");
    assert_eq!(peer.login(&tablet, "192.0.2.9"), "OK", "found by trying");
    assert_eq!(
        daemon.control("GET", "/v1/keys", &Value::Null)["lost"][0]["passwords"],
        json!(0),
        "and then by its selector"
    );
    let kinds = daemon.control("GET", "/v1/events", &Value::Null);
    let kinds: Vec<&str> =
        kinds["events"].as_array().unwrap().iter().filter_map(|event| event["kind"].as_str()).collect();
    for kind in ["key-rotated", "key-forgotten"] {
        assert_eq!(kinds.iter().filter(|seen| **seen == kind).count(), 1, "{kind}");
    }
}

#[tokio::test]
async fn rotation_makes_no_login_cost_more() {
    let world = World::start("").await;
    let (ann, file) = ("ann@example.org", world.folder.path().join("store.key"));
    world.account(ann).await;
    for (name, secret) in [("phone", ANNS), ("tablet", BOBS)] {
        world.password(ann, name, secret).await;
    }
    for n in 0..10 {
        assert_eq!(world.client().await.login(ann, &format!("wrong {n}"), "192.0.2.1").await, "FAIL");
    }
    for _ in 1..KEYS_MAX {
        world.service.rotate_key(file.clone(), "test").await.unwrap();
    }
    let full = world.service.rotate_key(file.clone(), "test").await.unwrap_err().to_string();
    assert!(full.contains("16 keys already"), "{full}");
    let mut peer = world.client().await;
    let cost = async |peer: &mut crate::world::Peer, secret: &str, address: &str| {
        let before = world.service.hashes();
        let word = peer.login(ann, secret, address).await;
        (word, world.service.hashes() - before)
    };
    assert_eq!(cost(&mut peer, ANNS, "192.0.2.1").await, ("FAIL".into(), 0), "the block of before holds");
    assert_eq!(cost(&mut peer, "wrong", "192.0.2.7").await, ("FAIL".into(), 0));
    assert_eq!(cost(&mut peer, ANNS, "192.0.2.7").await, ("OK".into(), 1));
    assert_eq!(cost(&mut peer, "wrong", "192.0.2.7").await, ("FAIL".into(), 0));
    assert_eq!(
        cost(&mut peer, ANNS, "192.0.2.7").await,
        ("OK".into(), 0),
        "what was verified is known still"
    );
    let state = world.service.key_state().await.unwrap();
    let used: Vec<i64> = state.keys.iter().map(|key| key.passwords).collect();
    assert_eq!((used[0], used[KEYS_MAX - 1], state.lost.len()), (1, 1, 0));
}

/// Whoever has an app goes on with it when the key that it was bound under is forgotten.
#[tokio::test]
async fn second_factors_are_put_under_the_new_key_and_hold_the_old_one_back_until_then() {
    let site = people::site("").await;
    let (visit, app) = site.with_app().await;
    let service = &site.gate.service;
    service.new_recovery_codes(&visit).await.unwrap();
    let file = site.gate.folder.path().join("store.key");
    let first = service.key_state().await.unwrap().keys[0].id;
    let state = service.rotate_key(file.clone(), "test").await.unwrap();
    let counts: Vec<_> = state.keys.iter().map(|key| (key.factors, key.recovery_codes)).collect();
    assert_eq!(counts, [(1, 0), (0, 10)], "at once; codes cannot be");
    let held = service.forget_key(file.clone(), first, false, "test").await.unwrap_err().to_string();
    assert!(held.contains("10 recovery codes") && held.contains("--yes"), "{held}");

    // One that was begun before comes under the former key, and is found a minute later.
    let wish = NewBinding { kind: FactorKind::Totp, change: None, to: None, from: None };
    let seed = service.begin_binding(&visit, wish).await.unwrap().seed.unwrap();
    service.rotate_key(file.clone(), "test").await.unwrap();
    let second = service.key_state().await.unwrap().keys[1].id;
    let shown = Shown::Code(people::hidden(&site.code(&seed)));
    service.confirm_binding(&visit, shown, Some("Tablet".into())).await.unwrap();
    let held = service.forget_key(file.clone(), second, true, "test").await.unwrap_err().to_string();
    assert!(held.contains("1 second factors") && held.contains("would be lost"), "{held}");
    service.reseal_factors().await;
    assert_eq!(service.key_state().await.unwrap().keys[0].factors, 2);
    service.forget_key(file.clone(), second, false, "test").await.unwrap();
    service.forget_key(file, first, true, "test").await.unwrap();

    site.gate.pass(Duration::from_secs(60));
    let home = people::visit(people::HOME);
    let entered = site.sign_in(&home, people::ANN, people::MAIN, None).await.unwrap();
    let again = people::inside(&home, &entered.session);
    let id = entered.standing.factors[0].id;
    let shown = Shown::Code(people::hidden(&site.code(&app)));
    assert!(service.prove_factor(&again, Some(id), shown, false).await.is_ok());
    site.stop().await;
}

/// A key that is lost is no trouble of the store: it takes writes, and whoever needs the key hears whom to ask.
#[tokio::test]
async fn a_second_factor_under_a_lost_key_is_told_as_that() {
    let site = people::site("").await;
    let (visit, app) = site.with_app().await;
    let id = site.gate.service.key_state().await.unwrap().keys[0].id;
    let now = site.now();
    let folder = site.gate.stop().await;
    fs::write(folder.path().join("store.key"), [7; KEY_BYTES]).unwrap();
    let settings = "[portal]\ndomains = [\"example.org\"]\nfactors = [\"totp\"]\n";
    let world = World::start_in(folder, settings, now).await;
    let service = &world.service;
    let code = app.code(Step::at(now)).reveal().to_string();
    let account = AccountName::parse(people::ANN, None).unwrap();
    let found = service.factors_of(account).await.unwrap().unwrap();
    assert_eq!(found.lost, [found.factors[0].id]);
    let shown = Shown::Code(people::hidden(&code));
    let error = service.prove_factor(&visit, Some(found.lost[0]), shown, false).await.unwrap_err();
    assert_eq!(error, PeopleError::LostKey(id));
    assert!(service.summary().await.unwrap().writable);
    let lost = service.key_state().await.unwrap().lost;
    assert_eq!((lost.len(), lost[0].key_id, lost[0].factors), (1, Some(id), 1));
    world.stop().await;
    site.upstream.stop().await;
}

/// A success forgets the failures of its account from there, whatever became of the key between them.
#[tokio::test]
async fn failures_are_told_apart_by_account_across_a_rotation() {
    let world = World::start("").await;
    let (ann, bob) = ("ann@example.org", "bob@example.org");
    for (account, secret) in [(ann, ANNS), (bob, BOBS)] {
        world.account(account).await;
        world.password(account, "phone", secret).await;
    }
    let mut peer = world.client().await;
    for n in 0..9 {
        assert_eq!(peer.login(ann, &format!("wrong {n}"), "192.0.2.7").await, "FAIL");
    }
    let file = world.folder.path().join("store.key");
    world.service.rotate_key(file, "test").await.unwrap();
    let folder = world.stop().await;
    let world = World::start_in(folder, "", crate::world::START).await;
    let mut peer = world.client().await;
    assert_eq!(peer.login(ann, ANNS, "192.0.2.7").await, "OK");
    assert_eq!(peer.login(bob, "wrong", "192.0.2.7").await, "FAIL");
    assert_eq!(peer.login(bob, BOBS, "192.0.2.7").await, "OK", "nine and one would have been ten");
}

#[test]
fn a_file_that_cannot_be_changed_stays_and_the_cure_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let credentials = format!("CREDENTIALS_DIRECTORY={}", folder.path().display());
    let daemon = Daemon::start_under(folder.path(), &["env", &credentials]);
    let before = fs::read(folder.path().join("store.key")).unwrap();
    let (status, _, said) = daemon.sidegate(&["key", "rotate"]);
    assert!(status == 1 && said.contains("LoadCredential=") && said.contains("restart sidegated"), "{said}");
    assert!(daemon.sidegate(&["key", "show"]).1.contains("handed over by systemd"));
    drop(daemon);
    assert_eq!(fs::read(folder.path().join("store.key")).unwrap(), before);

    let daemon = Daemon::start(folder.path());
    fs::write(folder.path().join("store.key"), [7; KEY_BYTES]).unwrap();
    let (status, _, said) = daemon.sidegate(&["key", "rotate"]);
    assert!(status == 1 && said.contains("was changed since sidegated read it"), "{said}");
    assert_eq!(fs::read(folder.path().join("store.key")).unwrap(), [7; KEY_BYTES]);
}

/// A control request to a daemon that may be killed meanwhile.
fn ask(folder: &std::path::Path, method: &str, path: &str, body: &str) -> Option<(u16, Value)> {
    let mut stream = UnixStream::connect(folder.join("control")).ok()?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: sidegate\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(answer.split("\r\n\r\n").nth(1)?).ok()?))
}

/// Rotates, makes client passwords, and forgets keys that nothing is under, until the daemon is gone. Returns the
/// secrets that were handed out and the last key that was said to be in force.
fn churn(folder: &std::path::Path, round: usize, done: &AtomicUsize) -> (Vec<String>, Option<String>) {
    let (mut secrets, mut current) = (Vec::new(), None);
    'all: for n in 0.. {
        for again in [false, true] {
            let Some((status, keys)) = ask(folder, "POST", "/v1/keys", "{}") else { break 'all };
            if status == 409 {
                // The file is full: what is under each key has to be used first.
                continue 'all;
            }
            current = Some(keys["keys"][0]["id"].as_str().unwrap().to_owned());
            done.fetch_add(1, Ordering::SeqCst);
            let former = keys["keys"][1]["id"].as_str().unwrap();
            if again && ask(folder, "DELETE", &format!("/v1/keys?id={former}"), "").is_none() {
                break 'all;
            }
        }
        let address = format!("{round}-{n}@example.org");
        let made = json!({ "address": address }).to_string();
        let Some((200, _)) = ask(folder, "POST", "/v1/accounts", &made) else { break };
        let path = format!("/v1/accounts/{address}/passwords");
        let Some((200, made)) = ask(folder, "POST", &path, "{\"name\":\"phone\"}") else { break };
        secrets.push(format!("{address} {}", made["password"].as_str().unwrap()));
    }
    (secrets, current)
}

#[test]
fn killed_at_any_moment_no_key_and_no_password_is_lost() {
    let (folder, daemon) = start();
    let first = daemon.new_password("phone");
    drop(daemon);
    let mut secrets: Vec<String> = Vec::new();
    for round in 0..6 {
        let daemon = Daemon::start(folder.path());
        // So that there is room: what is used goes under the current key.
        for line in &secrets {
            assert_eq!(login(&daemon, line), "OK", "round {round}: {line}");
        }
        assert_eq!(daemon.peer().login(&first, "192.0.2.7"), "OK");
        let keys = daemon.control("GET", "/v1/keys", &Value::Null);
        assert_eq!(keys["lost"], json!([]), "round {round}: {keys}");
        for key in keys["keys"].as_array().unwrap().iter().skip(1) {
            let id = key["id"].as_str().unwrap();
            let (status, said) = daemon.ask("DELETE", &format!("/v1/keys?id={id}"), &Value::Null);
            // A password that was made and never handed out, because of the kill, is under its key for ever.
            assert!(status == 200 || status == 409, "{said}");
        }
        let done = Arc::new(AtomicUsize::new(0));
        let (made, current) = std::thread::scope(|scope| {
            let (path, counted) = (folder.path(), Arc::clone(&done));
            let churning = scope.spawn(move || churn(path, round, &counted));
            while done.load(Ordering::SeqCst) < 1 + round && !churning.is_finished() {
                std::thread::yield_now();
            }
            // At another moment each time.
            for _ in 0..round * 1009 {
                std::thread::yield_now();
            }
            daemon.signal("KILL");
            churning.join().unwrap()
        });
        drop(daemon);
        secrets.extend(made);
        // What was answered is in the file, perhaps behind one that was not answered any more.
        let ring =
            key_file::load(&folder.path().join("store.key"), &sidegate::entropy::Entropy::system()).unwrap();
        let ids: Vec<String> = ring.ids().map(|id| id.to_string()).collect();
        assert!(
            ids.iter().take(2).any(|id| Some(id) == current.as_ref()),
            "round {round}: {ids:?} {current:?}"
        );
    }
    let daemon = Daemon::start(folder.path());
    for line in &secrets {
        assert_eq!(login(&daemon, line), "OK", "{line}");
    }
    assert_eq!(daemon.control("GET", "/v1/keys", &Value::Null)["lost"], json!([]));
    assert!(secrets.len() > 3, "{}", secrets.len());
}

/// A login of `address secret`.
fn login(daemon: &Daemon, line: &str) -> String {
    let (account, secret) = line.split_once(' ').unwrap();
    let mut peer = daemon.peer();
    let resp = crate::world::plain(account, secret);
    peer.say(&format!("AUTH\t1\tPLAIN\tservice=imap\trip=192.0.2.8\tresp={resp}\n"));
    peer.hear().split('\t').next().unwrap_or_default().to_owned()
}
