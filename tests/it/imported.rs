//! Client passwords of another system until their first use: what they cost, and under which rules they let in.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use sidegate::gate::event::Kind;
use sidegate::gate::import::PasswordRow;
use sidegate::gate::login::{Attempt, Origin, Presented, Verdict};
use sidegate::gate::name::{AccountName, Protocol};
use sidegate::gate::order::{Order, Which};
use sidegate::gate::question::{Answer, Question};
use sidegate::gate::secret::Secret;
use sidegate::store::EventQuery;

use crate::daemon::{self, Daemon};
use crate::world::World;

const ANN: &str = "ann@example.org";
const BOB: &str = "bob@example.org";
const ANNS: &str = "Fj7kQm2RxT9wBn4c";
/// All of them are hashes of this, by `doveadm pw` of Dovecot 2.3.
const SECRET: &str = "hunter two";
const BCRYPT: &str = "$2y$05$LQbp/3uFL6Vc1/qN5h3va.nGYTpsKBGrs/mZumKwAYlOXLmKnK0XO";
const SHA512: &str = "{SHA512-CRYPT}$6$NZ3tIB44bg7nk780$8TxN/lz2m8DtFtf1/MdmPm/yARbD8puoQ77O.7NQTMZXupLU2j7T1RWWopQrN69z\
                      UQh8e5ynplGiPcZji15Ij0";
const ARGON2: &str =
    "$argon2id$v=19$m=65536,t=3,p=1$5uKb7WN+YvuA7LvKvD0lwg$13we0OF/zdwiR937k5CGWHQV9IXcTmWqAF5mxqFDAck";

fn ann() -> AccountName {
    AccountName::parse(ANN, None).unwrap()
}

/// Ann and Bob, each with a client password of ours, and Ann with some of another system.
async fn world(hashes: &[&str]) -> World {
    world_with("", hashes).await
}

async fn world_with(settings: &str, hashes: &[&str]) -> World {
    let cheap = "[client_passwords.argon2]\nmemory_kib = 8\npasses = 1\n";
    let world = World::start(&format!("{cheap}{settings}")).await;
    for account in [ANN, BOB] {
        world.account(account).await;
        world.password(account, "phone", ANNS).await;
    }
    import(&world, hashes, &[]).await;
    world
}

async fn import(world: &World, hashes: &[&str], protocols: &[&str]) {
    let row = |(n, hash): (usize, &&str)| {
        let none: &[&str] = &[];
        PasswordRow::new(ANN, &format!("old {n}"), hash, (protocols, none), None, world.service.now())
            .unwrap()
    };
    let rows: Vec<PasswordRow> = hashes.iter().enumerate().map(row).collect();
    let done = world.service.import_passwords(rows, false, "test").await.unwrap();
    assert_eq!((done.added as usize, done.mistakes.len()), (hashes.len(), 0));
}

/// How many hashes are still those of the other system.
async fn left(world: &World) -> usize {
    let account = world.service.account(&ann()).await.unwrap().unwrap();
    account.passwords.iter().filter(|password| password.stored.imported().is_some()).count()
}

async fn count(world: &World, kind: Kind) -> usize {
    let query = EventQuery { kinds: vec![kind], limit: 1000, ..EventQuery::default() };
    world.service.events(query).await.unwrap().len()
}

#[tokio::test]
async fn only_an_account_that_has_some_pays_for_them_and_for_each_wrong_secret_once() {
    let world = world(&[BCRYPT, SHA512]).await;
    let mut peer = world.client().await;
    let cost = async |peer: &mut crate::world::Peer, account: &str, secret: &str, address: &str| {
        let before = world.service.hashes();
        let word = peer.login(account, secret, address).await;
        (word, world.service.hashes() - before)
    };
    let said = |word: &str, hashes| (word.to_owned(), hashes);
    for secret in ["wrong", "", "hunter two three", SECRET] {
        assert_eq!(cost(&mut peer, BOB, secret, "192.0.2.7").await, said("FAIL", 0), "{secret}");
    }
    assert_eq!(cost(&mut peer, "nobody@example.org", SECRET, "192.0.2.7").await, said("FAIL", 0));
    assert_eq!(
        cost(&mut peer, ANN, ANNS, "192.0.2.7").await,
        said("OK", 1),
        "what has a selector is found by it"
    );
    assert_eq!(cost(&mut peer, ANN, "wrong", "192.0.2.7").await, said("FAIL", 2), "one for each");
    assert_eq!(cost(&mut peer, ANN, "wrong", "192.0.2.8").await, said("FAIL", 0), "and not again");
    assert_eq!(
        cost(&mut peer, ANN, "wro ng", "192.0.2.8").await,
        said("FAIL", 2),
        "white space may belong to it"
    );
    // The first of the two, and then one for the hash of our own.
    assert_eq!(cost(&mut peer, ANN, SECRET, "192.0.2.9").await, said("OK", 2));
    assert_eq!(cost(&mut peer, ANN, SECRET, "192.0.2.9").await, said("OK", 0));
    assert_eq!(cost(&mut peer, ANN, "wrong again", "192.0.2.9").await, said("FAIL", 1));
    assert_eq!(left(&world).await, 1);
    assert_eq!(
        (count(&world, Kind::PasswordImported).await, count(&world, Kind::PasswordUpgraded).await),
        (2, 1)
    );
}

#[tokio::test]
async fn each_scheme_lets_in_and_goes_at_its_first_use() {
    for hash in [BCRYPT, SHA512, ARGON2] {
        let world = world(&[hash]).await;
        let mut peer = world.client().await;
        assert_eq!(peer.login(ANN, "hunter  two", "192.0.2.7").await, "FAIL");
        assert_eq!(
            peer.login(ANN, &format!("{SECRET}\r\n"), "192.0.2.7").await,
            "FAIL",
            "its own space would go too"
        );
        assert_eq!(left(&world).await, 1);
        assert_eq!(peer.login(ANN, SECRET, "192.0.2.7").await, "OK");
        assert_eq!(left(&world).await, 0);
        let folder = world.stop().await;
        let again = World::start_in(folder, "", crate::world::START).await;
        assert_eq!(again.client().await.login(ANN, SECRET, "192.0.2.7").await, "OK", "after a restart too");
    }
}

#[tokio::test]
async fn many_first_uses_at_once_make_one_change() {
    let world = Arc::new(world(&[SHA512]).await);
    let mut clients = Vec::new();
    for n in 0..8 {
        let mut peer = world.client().await;
        clients.push(tokio::spawn(async move { peer.login(ANN, SECRET, &format!("192.0.2.{n}")).await }));
    }
    for client in clients {
        assert_eq!(client.await.unwrap(), "OK");
    }
    assert_eq!((left(&world).await, count(&world, Kind::PasswordUpgraded).await), (0, 1));
}

#[tokio::test]
async fn the_rules_of_every_login_hold_for_them() {
    let world = world(&[]).await;
    import(&world, &[BCRYPT], &["pop3"]).await;
    let mut peer = world.client().await;
    assert_eq!(peer.login(ANN, SECRET, "192.0.2.7").await, "FAIL");
    assert_eq!(world.events("refuse", Some("wrong-protocol")).await, 1);
    assert_eq!(left(&world).await, 1, "nobody was let in with it");
    let set = async |enabled| {
        let order =
            Order::SetAccount { account: ann(), enabled: Some(enabled), two_factor: None, group: None };
        world.service.carry_out(order, "test").await.unwrap();
    };
    let pop3 = "service=pop3\trip=192.0.2.7";
    set(false).await;
    assert!(peer.answer(ANN, SECRET, pop3).await.starts_with("FAIL"));
    set(true).await;
    // It counts nothing, and so it changes nothing.
    let protocol = Protocol::parse("pop3").unwrap();
    let checked = world.service.check(ANN, Secret::new(SECRET), protocol, None).await;
    assert!(matches!(checked.verdict, Verdict::Accept(_)));
    assert_eq!(left(&world).await, 1);
    assert!(peer.answer(ANN, SECRET, pop3).await.starts_with("OK"));
    assert_eq!(left(&world).await, 0);
    let revoke = Order::Revoke { account: ann(), which: Which::Name("old 0".into()) };
    world.service.carry_out(revoke, "test").await.unwrap();
    assert!(peer.answer(ANN, SECRET, pop3).await.starts_with("FAIL"));
    assert_eq!(world.events("refuse", Some("revoked")).await, 1, "once used, it leaves a mark");
}

#[tokio::test]
async fn guesses_at_them_are_counted_and_end_in_a_block() {
    let world = world(&[BCRYPT]).await;
    let mut peer = world.client().await;
    for n in 0..10 {
        assert_eq!(peer.login(ANN, &format!("guess {n}"), "192.0.2.7").await, "FAIL");
    }
    let before = world.service.hashes();
    assert_eq!(peer.login(ANN, SECRET, "192.0.2.7").await, "FAIL", "blocked");
    assert_eq!((world.service.hashes(), left(&world).await), (before, 1), "and not looked at");
    world.pass(Duration::from_secs(3600));
    assert_eq!(peer.login(ANN, SECRET, "192.0.2.7").await, "OK");
}

/// Dovecot's passdb dict hands over a digest, of which no other system made its hash.
#[tokio::test]
async fn a_digest_proves_none_before_its_first_use() {
    const ONE_WORD: &str = "gr\u{fc}n5";
    let world = world(&["$2y$04$/LUbW7gkuX7EyVyrIzgQ3.TlVOQECSn.cL4LfJP8Ww/Ygwns/QZKu"]).await;
    let ask = async || {
        let origin = Origin {
            address: "192.0.2.7".parse().ok(),
            host: None,
            protocol: Protocol::parse("imap").unwrap(),
            params: Bytes::new(),
            held: false,
        };
        let secret = Presented::Digest(Secret::new(ONE_WORD).digest());
        let attempt = Attempt { typed: ANN.to_owned(), secret, mechanism: "PLAIN", origin };
        let before = world.service.hashes();
        let Answer::Login(answer) = Arc::clone(&world.service).ask(Question::Login(attempt)).await else {
            panic!("a login is answered as one")
        };
        (matches!(answer.verdict, Verdict::Accept(_)), world.service.hashes() - before)
    };
    assert_eq!(ask().await, (false, 0), "refused, and it costs nothing");
    assert_eq!(world.client().await.login(ANN, ONE_WORD, "192.0.2.7").await, "OK");
    assert!(ask().await.0);
}

/// A webmail that hands on the main password, time and again, is not held up by it.
#[tokio::test]
async fn what_is_none_of_them_may_be_a_main_password() {
    let settings = "[main_password]\nmail_clients = \"until-two-factor\"\nchecked_by = \"next-passdb\"\n";
    let world = world_with(settings, &[BCRYPT, SHA512]).await;
    for hashes in [2, 0] {
        let before = world.service.hashes();
        let protocol = Protocol::parse("imap").unwrap();
        let checked = world.service.check(ANN, Secret::new("main-Password-0815"), protocol, None).await;
        assert_eq!((checked.verdict, world.service.hashes() - before), (Verdict::Elsewhere, hashes));
    }
    let order = Order::SetAccount { account: ann(), enabled: None, two_factor: Some(true), group: None };
    world.service.carry_out(order, "test").await.unwrap();
    let protocol = Protocol::parse("imap").unwrap();
    let checked = world.service.check(ANN, Secret::new("main-Password-0815"), protocol, None).await;
    assert!(matches!(checked.verdict, Verdict::Refuse(_)), "with two-factor on it ends here");
    assert_eq!(world.client().await.login(ANN, SECRET, "192.0.2.7").await, "OK");
}

/// What is none of them may be a main password, and as long as nobody can say whether it is, no guess is counted. So none
/// is looked at.
#[tokio::test]
async fn while_the_upstream_is_away_they_wait_with_the_main_password() {
    let settings = "[main_password]\nmail_clients = \"until-two-factor\"\n\
                    [upstream]\nauth = \"/nonexistent/auth\"\nuserdb = \"/nonexistent/userdb\"\n";
    let world = world_with(settings, &[BCRYPT]).await;
    let mut peer = world.client().await;
    for secret in ["wrong", SECRET] {
        let answer = peer.answer(ANN, secret, "service=imap\trip=192.0.2.7").await;
        assert!(answer.starts_with("FAIL") && answer.contains("code=temp_fail"), "{secret}: {answer}");
    }
    assert_eq!((world.service.hashes(), left(&world).await), (0, 1));
    assert_eq!(peer.login(ANN, ANNS, "192.0.2.7").await, "OK", "what a selector finds does not");
    let order = Order::SetAccount { account: ann(), enabled: None, two_factor: Some(true), group: None };
    world.service.carry_out(order, "test").await.unwrap();
    assert_eq!(peer.login(ANN, "wrong", "192.0.2.7").await, "FAIL");
    assert_eq!(
        peer.login(ANN, SECRET, "192.0.2.7").await,
        "OK",
        "with two-factor on the upstream is not asked"
    );
}

#[test]
fn where_failures_cannot_be_counted_they_are_not_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let script = format!("trap '' XFSZ; exec \"$@\" 2> >(exec cat >>{log:?})");
    let daemon = Daemon::start_under(folder.path(), &["bash", "-c", &script, "bash"]);
    daemon.control("POST", "/v1/accounts", &json!({ "address": daemon::ANN }));
    let secret = daemon.new_password("phone");
    let row = json!({ "account": daemon::ANN, "name": "old", "hash": BCRYPT });
    let done = daemon.control("POST", "/v1/import/passwords", &json!({ "passwords": [row] }));
    assert_eq!(done["added"], 1);
    let limit = |limit: &str| {
        let pid = daemon.pid().to_string();
        assert!(Command::new("prlimit").args(["--pid", &pid, limit]).status().unwrap().success());
    };
    limit("--fsize=1:unlimited");
    let mut peer = daemon.peer();
    for guess in ["wrong", SECRET, "wrong too", SECRET] {
        // The first of them may find out that the store takes no writes.
        let answer = peer.answer(guess, "192.0.2.7");
        let known = guess == "wrong" || answer.contains("code=temp_fail");
        assert!(answer.starts_with("FAIL") && known, "{guess}: {answer}");
    }
    assert_eq!(peer.login(&secret, "192.0.2.7"), "OK", "what nobody can guess goes on");
    limit("--fsize=unlimited:unlimited");
    assert_eq!(peer.login(SECRET, "192.0.2.7"), "OK");
    let account = daemon.control("GET", &format!("/v1/accounts/{}", daemon::ANN), &Value::Null);
    assert_eq!(account["passwords"][1]["imported"], Value::Null);
}

/// bcrypt of cost 11, six times: more than a refusal takes. The last is of the secret.
fn slow_ones() -> Vec<String> {
    (0_u8..6)
        .map(|n| {
            let secret = if n == 5 { SECRET.to_owned() } else { format!("other {n}") };
            bcrypt::hash_with_salt(secret, 11, [n; 16]).unwrap().to_string()
        })
        .collect()
}

const HELD: &str = "[lockout]\nfailure_delay = \"400ms\"\n";

#[tokio::test]
async fn a_refusal_takes_as_long_however_much_they_cost_and_the_right_one_gets_in_when_it_comes_again() {
    let hashes = slow_ones();
    let hashes: Vec<&str> = hashes.iter().map(String::as_str).collect();
    let settings = format!("{HELD}[client_passwords]\nper_account = 10\n");
    let world = world_with(&settings, &hashes).await;
    let mut peer = world.client().await;
    let mut took = async |account: &str, secret: &str| {
        let began = std::time::Instant::now();
        assert_eq!(peer.login(account, secret, "192.0.2.7").await, "FAIL");
        began.elapsed()
    };
    for (account, secret) in
        [(ANN, "wrong"), (ANN, "wrong too"), ("nobody@example.org", "wrong"), (BOB, "wrong")]
    {
        let took = took(account, secret).await;
        assert!(
            (Duration::from_millis(395)..Duration::from_millis(600)).contains(&took),
            "{account}: {took:?}"
        );
    }
    assert_eq!(world.events("refuse", Some("wrong-password")).await, 3, "each is counted");
    took(ANN, SECRET).await;
    let mut client = world.client().await;
    let mut tries = 0;
    while client.login(ANN, SECRET, &format!("192.0.2.{}", 20 + tries)).await == "FAIL" {
        tries += 1;
        assert!(tries < 60, "it does not get in");
    }
    assert_eq!(left(&world).await, 5, "it has a hash of our own now");
    let before = world.service.hashes();
    assert_eq!(client.login(ANN, SECRET, "192.0.2.99").await, "OK");
    assert_eq!(world.service.hashes(), before);
}

#[tokio::test]
async fn nobody_else_waits_for_them_and_ten_guesses_of_an_address_are_evaluated() {
    let hashes = slow_ones();
    let hashes: Vec<&str> = hashes.iter().map(String::as_str).collect();
    let world = world_with(&format!("{HELD}[client_passwords]\nper_account = 10\n"), &hashes).await;
    let mut guesses = Vec::new();
    for n in 0..20 {
        let mut peer = world.client().await;
        guesses.push(tokio::spawn(async move {
            let address = format!("192.0.2.{}", n % 2);
            peer.answer(ANN, &format!("guess {n}"), &format!("service=imap\trip={address}")).await
        }));
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = std::time::Instant::now();
    assert_eq!(world.client().await.login(BOB, ANNS, "192.0.2.77").await, "OK", "its first use: one Argon2");
    assert!(began.elapsed() < Duration::from_millis(300), "{:?}", began.elapsed());
    for guess in guesses {
        let answer = guess.await.unwrap();
        assert!(answer.starts_with("FAIL") && !answer.contains("temp_fail"), "{answer}");
    }
    for n in 0..2 {
        assert!(world.service.source(format!("192.0.2.{n}").parse().unwrap()).block.is_some(), "{n}");
    }
    assert_eq!(world.events("refuse", Some("wrong-password")).await, 20);
}

#[tokio::test]
async fn an_import_that_makes_an_account_slow_says_so() {
    let world = World::start("[lockout]\nfailure_delay = \"2s\"\n").await;
    world.account(ANN).await;
    let hash = |n: usize| BCRYPT.replace("$05$", "$14$").replace("LQ", &format!("L{n}"));
    let row = |n: usize| {
        let none: &[&str] = &[];
        PasswordRow::new(ANN, &format!("old {n}"), &hash(n), (none, none), None, world.service.now()).unwrap()
    };
    let import =
        async |rows: Vec<PasswordRow>| world.service.import_passwords(rows, false, "test").await.unwrap();
    let done = import(vec![row(1)]).await;
    assert_eq!((done.added, done.warnings.len()), (1, 0));
    let done = import(vec![row(2), row(3)]).await;
    assert_eq!((done.added, done.mistakes.len(), done.warnings.len()), (2, 0, 1));
    let (number, fault) = &done.warnings[0];
    assert_eq!((*number, fault.column), (1, "hash"));
    assert!(
        fault.why.contains("about 3.4 s") && fault.why.contains("sidegate password new"),
        "{}",
        fault.why
    );
    assert_eq!(import(vec![row(3)]).await.warnings, [], "nothing new");
}
