//! Hooks: a command is told of events, in their order, each once, over restarts and its own failures.

use std::path::Path;
use std::time::{Duration, Instant};

use sidegate::gate::name::AccountName;
use sidegate::gate::order::{Order, Which};

use crate::world::{PATIENCE, START, World};

const ANN: &str = "ann@example.org";
const HOME: &str = "192.0.2.7";

fn settings(command: &str) -> String {
    format!(
        "[lockout]\nfailures = 2\n[notices]\ncommand = [\"/bin/sh\", \"-c\", {command:?}]\n\
         events = [\"block-added\", \"block-lifted\", \"password-added\", \"password-revoked\"]\n"
    )
}

/// What was told so far, one event a line: its kind and account.
fn told(file: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let events = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
    let word = |event: &serde_json::Value, name: &str| event[name].as_str().unwrap_or_default().to_owned();
    events.map_while(Result::ok).map(|event| (word(&event, "kind"), word(&event, "account"))).collect()
}

async fn await_told(file: &Path, kinds: &[&str]) {
    let deadline = Instant::now() + PATIENCE;
    while told(file).len() < kinds.len() {
        assert!(Instant::now() < deadline, "only {:?} was told", told(file));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(told(file).iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(), kinds);
}

#[tokio::test]
async fn events_are_told_in_their_order_each_once() {
    let folder = tempfile::tempdir().unwrap();
    let (file, lost) = (folder.path().join("told"), folder.path().join("lost"));
    let works = settings(&format!("cat >> {file:?}"));
    let world = World::start_in(folder, &works, START).await;
    // The first look sets the mark: what was before is not told.
    let store = rusqlite::Connection::open(world.socket("store.db")).unwrap();
    let marked =
        || store.query_row("SELECT count(*) FROM cursor WHERE name = 'hooks'", [], |row| row.get(0)) == Ok(1);
    while !marked() {
        tokio::task::yield_now().await;
    }
    drop(store);
    world.account(ANN).await;
    world.password(ANN, "phone", "Fj7kQm2RxT9wBn4c").await;
    await_told(&file, &["password-added"]).await;
    let mut client = world.client().await;
    for _ in 0..2 {
        assert_eq!(client.login(ANN, "wrong", HOME).await, "FAIL");
    }
    await_told(&file, &["password-added", "block-added"]).await;

    let fails = settings(&format!("touch {lost:?}; exit 1"));
    let world = World::start_in(world.stop().await, &fails, START).await;
    world.service.lift_block(HOME.parse::<std::net::IpAddr>().unwrap(), "test").await.unwrap();
    let account = AccountName::parse(ANN, None).unwrap();
    world.service.carry_out(Order::Revoke { account, which: Which::All }, "test").await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    while !lost.exists() {
        assert!(Instant::now() < deadline, "nothing was tried");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let world = World::start_in(world.stop().await, &works, START).await;
    await_told(&file, &["password-added", "block-added", "block-lifted", "password-revoked"]).await;
    assert_eq!(told(&file)[3].1, ANN);
    drop(world);
}

/// Among many events of other kinds the mark goes on, or each look would read all of them once more.
#[tokio::test]
async fn events_of_other_kinds_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("told");
    let world = World::start_in(folder, &settings(&format!("cat >> {file:?}")), START).await;
    let store = rusqlite::Connection::open(world.socket("store.db")).unwrap();
    store.busy_timeout(PATIENCE).unwrap();
    let marked = || store.query_row("SELECT event FROM cursor", [], |row| row.get::<_, i64>(0)).unwrap_or(-1);
    let await_mark = async |mark: i64| {
        let deadline = Instant::now() + PATIENCE;
        while marked() < mark {
            assert!(Instant::now() < deadline, "the mark is {} and not {mark}", marked());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    await_mark(0).await;
    let many = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1200)
                INSERT INTO event (time, kind, actor) SELECT 0, 'login', 'gate' FROM n";
    store.execute(many, []).unwrap();
    await_mark(1200).await;
    world.account(ANN).await;
    world.password(ANN, "phone", "Fj7kQm2RxT9wBn4c").await;
    await_told(&file, &["password-added"]).await;
}
