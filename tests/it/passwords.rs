//! Client passwords over real sockets: what they are good for, and that a removed one is removed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use sidegate::gate::account::Terms;
use sidegate::gate::event::Kind;
use sidegate::gate::name::{AccountName, PasswordName, Protocol};
use sidegate::gate::order::{Order, Which};
use sidegate::store::EventQuery;

use crate::world::{PATIENCE, World};

const ANN: &str = "ann@example.org";
const ANNS: &str = "Fj7kQm2RxT9wBn4c";
const TABLET: &str = "Hs8mWp3VyU2xCr5d";

fn ann() -> AccountName {
    AccountName::parse(ANN, None).unwrap()
}

async fn world() -> World {
    let world = World::start("").await;
    world.account(ANN).await;
    world.password(ANN, "phone", ANNS).await;
    world
}

async fn revoke(world: &World, which: Which) {
    world.service.carry_out(Order::Revoke { account: ann(), which }, "test").await.unwrap();
}

#[tokio::test]
async fn a_password_is_typed_in_fours_and_names_in_any_case() {
    let world = world().await;
    let mut peer = world.client().await;
    assert_eq!(peer.login(" Ann@EXAMPLE.org ", "Fj7k Qm2R xT9w Bn4c", "192.0.2.7").await, "OK");
    assert_eq!(peer.login(ANN, "fj7kqm2rxt9wbn4c", "192.0.2.7").await, "FAIL", "case counts");
    assert_eq!(peer.login(ANN, "", "192.0.2.7").await, "FAIL");
    assert_eq!(peer.login("", ANNS, "192.0.2.7").await, "FAIL");
}

#[tokio::test]
async fn one_that_was_just_made_works_and_shows_nowhere() {
    let world = world().await;
    let name = PasswordName::parse("laptop").unwrap();
    let made = world.service.new_password(ann(), name, Terms::default(), "test").await;
    let (_, secret) = made.unwrap();
    let secret = secret.show_once();
    assert_eq!(world.client().await.login(ANN, &secret, "192.0.2.7").await, "OK");
    world.service.finish().await;
    let folder = world.stop().await;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()));
    }
}

#[tokio::test]
async fn terms_refuse_like_a_wrong_password() {
    let world = world().await;
    let terms = Terms {
        expires: Some(world.service.now().plus(Duration::from_secs(60))),
        protocols: vec![Protocol::parse("imap").unwrap()],
        networks: vec!["192.0.2.0/24".parse().unwrap()],
    };
    world.password_for(ANN, "tablet", TABLET, terms).await;
    let mut peer = world.client().await;
    let wrong = peer.answer(ANN, "wrong", "service=imap\trip=192.0.2.7").await;
    let same = |answer: String| {
        assert_eq!(
            answer.split_once("user="),
            wrong.split_once("user=").map(|(_, user)| { (answer.split_once("user=").unwrap().0, user) })
        )
    };
    assert_eq!(peer.login(ANN, TABLET, "192.0.2.7").await, "OK");
    same(peer.answer(ANN, TABLET, "service=pop3\trip=192.0.2.7").await);
    same(peer.answer(ANN, TABLET, "service=imap\trip=198.51.100.7").await);
    world.pass(Duration::from_secs(60));
    same(peer.answer(ANN, TABLET, "service=imap\trip=192.0.2.7").await);
    for reason in ["wrong-password", "wrong-protocol", "wrong-network", "expired"] {
        assert_eq!(world.events("refuse", Some(reason)).await, 1, "{reason}");
    }
}

#[tokio::test]
async fn a_removed_password_is_named_in_the_events() {
    let world = world().await;
    let mut peer = world.client().await;
    revoke(&world, Which::Name("phone".into())).await;
    assert_eq!(peer.login(ANN, ANNS, "192.0.2.7").await, "FAIL");
    assert_eq!(world.events("refuse", Some("revoked")).await, 1);
    world.password(ANN, "phone", TABLET).await;
    assert_eq!(peer.login(ANN, TABLET, "192.0.2.7").await, "OK", "the name is free again");
}

#[tokio::test]
async fn a_disabled_account_gets_in_nowhere_and_an_enabled_one_does_again() {
    let world = world().await;
    let mut peer = world.client().await;
    for (enabled, word) in [(false, "FAIL"), (true, "OK"), (false, "FAIL")] {
        let order =
            Order::SetAccount { account: ann(), enabled: Some(enabled), two_factor: None, group: None };
        world.service.carry_out(order, "test").await.unwrap();
        assert_eq!(peer.login(ANN, ANNS, "192.0.2.7").await, word);
    }
}

#[tokio::test]
async fn last_use_is_kept() {
    let world = world().await;
    let last_use = async || {
        let account = world.service.account(&ann()).await.unwrap().unwrap();
        account.passwords[0].last_use.clone().map(|last| (last.at, last.address, last.protocol))
    };
    assert_eq!(last_use().await, None);
    world.client().await.login(ANN, ANNS, "::ffff:192.0.2.7").await;
    let expected = (world.service.now(), Some("192.0.2.7".to_owned()), "imap".to_owned());
    assert_eq!(last_use().await, Some(expected));
}

#[tokio::test]
async fn not_one_login_gets_in_after_revoke_returned() {
    let world = Arc::new(world().await);
    let (revoked, after, before) =
        (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut clients = Vec::new();
    for n in 0..8 {
        let mut peer = world.client().await;
        let (revoked, after, before) = (Arc::clone(&revoked), Arc::clone(&after), Arc::clone(&before));
        clients.push(tokio::spawn(async move {
            for _ in 0..9 {
                let late = revoked.load(Ordering::SeqCst);
                let address = format!("192.0.2.{n}");
                let inside = peer.login(ANN, ANNS, &address).await == "OK";
                if inside && late {
                    after.fetch_add(1, Ordering::SeqCst);
                }
                if inside {
                    before.fetch_add(1, Ordering::SeqCst);
                }
                tokio::task::yield_now().await;
            }
        }));
    }
    while before.load(Ordering::SeqCst) < 10 {
        tokio::task::yield_now().await;
    }
    revoke(&world, Which::All).await;
    revoked.store(true, Ordering::SeqCst);
    for client in clients {
        tokio::time::timeout(PATIENCE, client).await.unwrap().unwrap();
    }
    assert_eq!(after.load(Ordering::SeqCst), 0);
    assert_eq!(world.client().await.login(ANN, ANNS, "198.51.100.1").await, "FAIL");
}

#[tokio::test]
async fn a_login_granted_before_and_claimed_after_revoke_is_not_handed_out() {
    let world = World::start("[userdb]\nuid = 5000\ngid = 5000\nhome = \"/srv/mail/%{user}\"\n").await;
    world.account(ANN).await;
    world.password(ANN, "phone", ANNS).await;
    for revoked in [false, true] {
        let mut client = world.raw("client").await;
        client.say("VERSION\t1\t2\nCPID\t4242\n").await;
        let mut cookie = String::new();
        loop {
            let line = client.hear().await.unwrap();
            match line.split_once('\t') {
                Some(("COOKIE", value)) => cookie = value.to_owned(),
                _ if line == "DONE" => break,
                _ => {}
            }
        }
        assert_eq!(client.login(ANN, ANNS, "192.0.2.7").await, "OK");
        if revoked {
            revoke(&world, Which::All).await;
        }
        let mut master = world.raw("master").await;
        master.say(&format!("VERSION\t1\t1\nREQUEST\t7\t4242\t1\t{cookie}\n")).await;
        let (_version, _spid) = (master.hear().await, master.hear().await);
        let expected = if revoked {
            "FAIL\t7\treason=this login is no longer good".to_owned()
        } else {
            format!("USER\t7\t{ANN}\tuid=5000\tgid=5000\thome=/srv/mail/{ANN}\tauth_mech=PLAIN")
        };
        assert_eq!(master.hear().await, Some(expected));
    }
}

#[tokio::test]
async fn past_a_thousand_events_in_a_second_alike_logins_are_one() {
    let world = world().await;
    let mut peer = world.client().await;
    // So many events are told one by one; the account and its password are not among them.
    let each = 1_000;
    for _ in 0..each + 5 {
        assert_eq!(peer.login(ANN, ANNS, "192.0.2.7").await, "OK");
    }
    assert_eq!(peer.login(ANN, ANNS, "192.0.2.8").await, "OK");
    let query = EventQuery { kinds: vec![Kind::Login], limit: 10_000, ..EventQuery::default() };
    let mut counts: Vec<_> =
        world.service.events(query).await.unwrap().iter().map(|(_, event)| event.count).collect();
    counts.sort_unstable();
    assert_eq!(counts.iter().sum::<u32>(), each + 6, "none is lost");
    assert_eq!((counts.len() as u32, counts.pop()), (each + 2, Some(5)));
}
