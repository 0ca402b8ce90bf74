//! Blocked networks, and one client in every form of its address, at each door and over restarts.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use sidegate::clock::Timestamp;
use sidegate::gate::account::Terms;
use sidegate::gate::blocks::NETWORKS_MAX;
use sidegate::gate::event::Kind;
use sidegate::gate::name::Protocol;
use sidegate::gate::record::Block;
use sidegate::service::people::PeopleError;
use sidegate::service::{Allowed, PolicyAttempt};
use sidegate::store::EventQuery;

use crate::people::site;
use crate::world::{START, World};

const ANN: &str = "ann@example.org";
const ANNS: &str = "Fj7kQm2RxT9wBn4c";
const HOUR: Duration = Duration::from_secs(3_600);
/// 192.0.2.7 as translators, tunnels and sockets write it.
const FORMS: [&str; 8] = [
    "192.0.2.7",
    "::ffff:192.0.2.7",
    "::192.0.2.7",
    "64:ff9b::192.0.2.7",
    "64:ff9b:1:2:3:4:192.0.2.7",
    "2002:c000:207:1::1",
    "2001:0:cb00:7101:0:1234:3fff:fdf8",
    "2001:db8:64::192.0.2.7",
];
const NAT64: &str = "lockout.nat64_prefixes = [\"2001:db8:64::/96\"]\n";

async fn world(settings: &str) -> World {
    let world = World::start(settings).await;
    world.account(ANN).await;
    world.password(ANN, "phone", ANNS).await;
    world
}

async fn block(world: &World, network: &str, lasts: Duration) {
    let network: IpNet = network.parse().unwrap();
    let since = world.service.now();
    world
        .service
        .add_block(network, Block::by_hand(since, since.plus(lasts), "scans"), "uid 0")
        .await
        .unwrap();
}

async fn lift(world: &World, network: &str) -> Result<Option<String>, String> {
    let network: IpNet = network.parse().unwrap();
    let lifted = world.service.lift_block(network, "uid 0").await.map_err(|error| error.to_string())?;
    Ok(lifted.still.map(|(network, _)| network.to_string()))
}

/// Who hears no for the right password, or at CONNECT, from an address.
async fn blocked_at(world: &World, address: &str) -> Vec<&'static str> {
    let mut blocked = Vec::new();
    let answer = world.client().await.answer(ANN, ANNS, &format!("service=imap\trip={address}")).await;
    if answer.starts_with("FAIL") {
        assert!(answer.contains("reason=[ALERT] Too many failed logins"), "{answer}");
        blocked.push("imap");
    }
    let mut policy = world.raw("policy").await;
    policy
        .say(&format!("request=smtpd_access_policy\nprotocol_state=CONNECT\nclient_address={address}\n\n"))
        .await;
    if policy.hear().await.unwrap().starts_with("action=421") {
        blocked.push("postfix");
    }
    let attempt = PolicyAttempt {
        login: ANN.into(),
        remote: address.parse().ok(),
        protocol: Protocol::parse("imap").unwrap(),
        session: None,
        mark: String::new(),
    };
    if matches!(world.service.policy_allow(&attempt).await, Allowed::No(_)) {
        blocked.push("auth policy");
    }
    let mut dict = world.raw("dict").await;
    let key = data_encoding::HEXLOWER.encode(&sidegate::gate::secret::Secret::new(ANNS).digest().0);
    dict.say(&format!("H3\t2\t0\t\tauth\nLshared/auth/imap/{address}/{key}/s{address}\t{ANN}\n")).await;
    if !dict.hear().await.unwrap_or_default().contains("\"nopassword\":true") {
        blocked.push("dict");
    }
    blocked
}

const ALL: [&str; 4] = ["imap", "postfix", "auth policy", "dict"];

#[tokio::test]
async fn a_blocked_network_is_blocked_at_every_door_until_its_end_and_over_a_restart() {
    let world = world("lockout.exempt = [\"198.51.100.99/32\"]\n").await;
    block(&world, "198.51.100.0/24", 3 * HOUR).await;
    block(&world, "2001:db8:1::/48", HOUR).await;
    for address in ["198.51.100.7", "198.51.100.255", "::ffff:198.51.100.7", "2001:db8:1:ffff::1"] {
        assert_eq!(blocked_at(&world, address).await, ALL, "{address}");
    }
    for address in ["198.51.101.7", "198.51.99.255", "2001:db8:2::1", "198.51.100.99"] {
        assert_eq!(blocked_at(&world, address).await, [""; 0], "{address}");
    }
    let listed: Vec<_> = world.service.blocks().into_iter().map(|(key, ..)| key.to_string()).collect();
    assert_eq!(listed, ["2001:db8:1::/48", "198.51.100.0/24"]);
    let now = world.service.now();
    let world = World::start_in(world.stop().await, "", now).await;
    assert_eq!(blocked_at(&world, "198.51.100.7").await, ALL);
    world.pass(HOUR);
    assert_eq!(blocked_at(&world, "2001:db8:1:ffff::1").await, [""; 0], "its end is its end");
    assert_eq!(blocked_at(&world, "198.51.100.7").await, ALL);
    let source = world.service.source("198.51.100.7".parse().unwrap());
    assert_eq!(source.network().unwrap().to_string(), "198.51.100.0/24");
    assert_eq!(source.block.unwrap().reason, "scans");
    let query = EventQuery { kinds: vec![Kind::BlockAdded], limit: 9, ..EventQuery::default() };
    let added = world.service.events(query).await.unwrap();
    assert_eq!(added[0].1.address.as_deref(), Some("198.51.100.0/24"));
}

#[tokio::test]
async fn what_blocks_an_address_is_what_has_to_be_lifted() {
    let world = world("").await;
    block(&world, "198.51.100.0/24", HOUR).await;
    let told = lift(&world, "198.51.100.7/32").await.unwrap_err();
    assert_eq!(
        told,
        "198.51.100.7 has no block of its own: it is in the blocked network 198.51.100.0/24; lift that one"
    );
    block(&world, "198.51.100.7/32", HOUR).await;
    assert_eq!(lift(&world, "198.51.100.7/32").await, Ok(Some("198.51.100.0/24".into())));
    assert_eq!(blocked_at(&world, "198.51.100.7").await, ALL);
    assert_eq!(
        lift(&world, "198.51.100.0/25").await.unwrap_err().split(':').next(),
        Some("198.51.100.0/25 has no block of its own")
    );
    assert_eq!(lift(&world, "198.51.100.0/24").await, Ok(None));
    assert_eq!(blocked_at(&world, "198.51.100.7").await, [""; 0]);
    assert_eq!(lift(&world, "198.51.100.0/24").await.unwrap_err(), "198.51.100.0/24 is not blocked");
}

#[tokio::test]
async fn networks_are_bounded_in_width_and_number_and_fold() {
    let world = world(NAT64).await;
    for wide in ["0.0.0.0/0", "::/0", "64:ff9b::/96", "2001:db8:64::/96", "2002::/16", "2001::/32"] {
        let until = world.service.now().plus(HOUR);
        let block = Block::by_hand(START, until, "x");
        let network: IpNet = wide.parse().unwrap();
        assert!(world.service.add_block(network, block, "uid 0").await.is_err(), "{wide}");
    }
    block(&world, "2001:db8:64::198.51.100.0/120", HOUR).await;
    assert_eq!(blocked_at(&world, "198.51.100.7").await, ALL);
    block(&world, "2001:db8::1/128", HOUR).await;
    assert_eq!(blocked_at(&world, "2001:db8::2").await, ALL, "a /64 counts as one address");
    for n in 0..NETWORKS_MAX - 1 {
        block(&world, &format!("10.{}.{}.0/24", n / 256, n % 256), HOUR).await;
    }
    let since = world.service.now();
    let one_more = || Block::by_hand(since, since.plus(HOUR), "x");
    let network: IpNet = "172.16.0.0/12".parse().unwrap();
    let refused = world.service.add_block(network, one_more(), "uid 0").await.unwrap_err();
    assert!(refused.to_string().starts_with("1000 networks are blocked already"), "{refused}");
    block(&world, "10.0.0.0/24", 2 * HOUR).await;
    let address: IpAddr = "172.16.0.1".parse().unwrap();
    world.service.add_block(address, one_more(), "uid 0").await.unwrap();
    world.pass(HOUR);
    world.service.add_block(network, one_more(), "uid 0").await.unwrap();
}

#[tokio::test]
async fn a_person_cannot_lift_the_block_of_a_network() {
    let site = site("").await;
    let (owner, _) = site.with_app().await;
    let address: IpAddr = owner.address.unwrap();
    let network: IpNet = IpNet::new(address, 24).unwrap().trunc();
    let since = site.gate.service.now();
    let by_hand = || Block::by_hand(since, since.plus(HOUR), "scans");
    site.gate.service.add_block(network, by_hand(), "uid 0").await.unwrap();
    let seen = site.gate.service.own_blocks(&owner).await.unwrap();
    assert_eq!(seen.network.unwrap().to_string(), network.to_string());
    let refused = site.gate.service.lift_own(&owner, address).await.unwrap_err();
    assert_eq!(refused, PeopleError::NetworkBlocked(since.plus(HOUR)));
    let refused = site.gate.service.lift_own(&owner, network).await.unwrap_err();
    assert_eq!(refused, PeopleError::NotFound);
    assert!(site.gate.service.source(address).block.is_some());
    site.gate.service.add_block(address, by_hand(), "uid 0").await.unwrap();
    site.gate.service.lift_own(&owner, address).await.unwrap();
    assert!(site.gate.service.source(address).own.is_none(), "his own was his to lift");
    assert!(site.gate.service.source(address).network().is_some());
    site.stop().await;
}

#[tokio::test]
async fn no_form_of_an_address_evades_what_holds_for_another() {
    let world = world(NAT64).await;
    for form in FORMS.iter().chain(&FORMS).take(10) {
        let guess = format!("wrong {form} {}", world.service.source("192.0.2.7".parse().unwrap()).failures);
        assert_eq!(world.client().await.login(ANN, &guess, form).await, "FAIL");
    }
    for form in FORMS {
        assert_eq!(blocked_at(&world, form).await, ALL, "{form}");
        assert!(world.service.source(form.parse().unwrap()).block.is_some(), "{form}");
    }
    assert_eq!(lift(&world, "2001:db8:64::192.0.2.7/128").await, Ok(None));
    for form in FORMS {
        assert_eq!(blocked_at(&world, form).await, [""; 0], "{form}");
    }
    let query = EventQuery { address: Some("192.0.2.7".into()), limit: 999, ..EventQuery::default() };
    let events = world.service.events(query).await.unwrap();
    let failed = events.iter().filter(|(_, event)| event.reason.as_deref() == Some("wrong-password"));
    assert_eq!(failed.count(), 10);
}

#[tokio::test]
async fn what_is_granted_to_an_address_is_granted_to_each_form_of_it() {
    let world = world(&format!("{NAT64}lockout.exempt = [\"192.0.2.0/24\"]\nlockout.failures = 1\n")).await;
    let networks = vec!["64:ff9b::192.0.2.0/120".parse().unwrap()];
    world.password_for(ANN, "office", "Zz9kQm2RxT9wBn4c", Terms { networks, ..Terms::default() }).await;
    for form in FORMS {
        let mut peer = world.client().await;
        assert_eq!(peer.login(ANN, "wrong", form).await, "FAIL");
        assert_eq!(peer.login(ANN, "Zz9kQm2RxT9wBn4c", form).await, "OK", "{form}");
    }
    let mut peer = world.client().await;
    assert_eq!(peer.login(ANN, "Zz9kQm2RxT9wBn4c", "198.51.100.7").await, "FAIL");
}

#[tokio::test]
async fn an_address_that_is_nobodys_is_no_shared_bucket() {
    let world = world("lockout.failures = 2\nlockout.exempt = [\"127.0.0.1/32\"]\n").await;
    for nobodys in ["0.0.0.0", "::", "255.255.255.255", "224.0.0.1", "ff02::1", "64:ff9b::127.0.0.1"] {
        let mut peer = world.client().await;
        for n in 0..3 {
            let other = format!("{nobodys}-{n}@example.org");
            assert_eq!(peer.login(&other, "wrong", nobodys).await, "FAIL");
        }
        assert_eq!(peer.login(ANN, ANNS, nobodys).await, "OK", "{nobodys}");
    }
    assert_eq!(world.service.blocks().len(), 0);
}

/// What a store has on disk, in the order of its keys.
fn on_disk(folder: &std::path::Path) -> Vec<Vec<u8>> {
    let store = rusqlite::Connection::open(folder.join("store.db")).unwrap();
    let mut rows = store.prepare("SELECT key FROM source ORDER BY key").unwrap();
    rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn in_memory(world: &World) -> Vec<Vec<u8>> {
    let mut keys: Vec<_> = world.service.blocks().into_iter().map(|(key, ..)| key.to_bytes()).collect();
    keys.sort();
    keys
}

#[tokio::test]
async fn at_the_ceiling_memory_and_disk_hold_the_same_blocks() {
    let world = world("lockout.failures = 1\nlockout.addresses_max = 120\n").await;
    let mut peers = Vec::new();
    for _ in 0..4 {
        peers.push(world.client().await);
    }
    // Whoever fell out comes back while it is being forgotten.
    for round in 0..3 {
        for n in 0..140_u32 {
            let peer = &mut peers[n as usize % 4];
            let rip = format!("service=imap\trip=10.0.{}.{}", n % 2, n / 2);
            peer.try_login(ANN, &format!("wrong {round}"), &rip).await;
        }
        for peer in &mut peers {
            for _ in 0..35 {
                assert!(peer.hear().await.unwrap().starts_with("FAIL"));
            }
        }
    }
    let listed = in_memory(&world);
    assert!(listed.len() >= 110, "{}", listed.len());
    let settled = async {
        while on_disk(world.folder.path()).len() > listed.len() {
            world.service.sweep().await;
        }
    };
    tokio::time::timeout(crate::world::PATIENCE, settled).await.expect("the rest is forgotten");
    assert_eq!(on_disk(world.folder.path()), listed, "what kill -9 would leave");
    let now = world.service.now();
    let world = World::start_in(world.stop().await, "lockout.addresses_max = 100\n", now).await;
    world.service.sweep().await;
    assert_eq!(on_disk(world.folder.path()), in_memory(&world), "a lower ceiling forgets on both sides");
}

#[tokio::test]
async fn what_ended_while_nobody_looked_is_swept() {
    let world = world("lockout.failures = 2\n").await;
    let mut peer = world.client().await;
    for _ in 0..2 {
        peer.login(ANN, "wrong", "192.0.2.7").await;
    }
    peer.login(ANN, "wrong", "192.0.2.8").await;
    block(&world, "198.51.100.0/24", HOUR).await;
    assert_eq!(on_disk(world.folder.path()).len(), 3);
    drop(peer);
    let later = Timestamp(world.service.now().0 + 2 * 86_400);
    let world = World::start_in(world.stop().await, "", later).await;
    world.service.sweep().await;
    assert_eq!(on_disk(world.folder.path()), Vec::<Vec<u8>>::new());
}

#[tokio::test]
async fn a_block_says_that_a_forgotten_device_made_it() {
    let world = world("").await;
    let mut peer = world.client().await;
    let id = "client_id=\"name\" \"Thunderbird\" \"version\" \"140\"";
    for n in 0..10 {
        let (secret, params) = match n {
            4 => ("something else", "service=smtp\trip=192.0.2.7".to_owned()),
            _ => ("the old one", format!("service=imap\trip=192.0.2.7\t{id}")),
        };
        assert!(peer.answer(ANN, secret, &params).await.starts_with("FAIL"));
    }
    let said = "10 failures in a row, 9 of them the same password of one account (Thunderbird): \
                lockout.repeats = \"once\" would have spared it";
    let query = EventQuery { kinds: vec![Kind::BlockAdded], limit: 9, ..EventQuery::default() };
    assert_eq!(world.service.events(query).await.unwrap()[0].1.reason.as_deref(), Some(said));
    let now = world.service.now();
    let world = World::start_in(world.stop().await, "", now).await;
    let (_, block, _) = world.service.blocks().remove(0);
    assert_eq!(block.reason, said);
    let streak = block.streak.expect("it is kept");
    assert_eq!((streak.failures, streak.repeated, streak.accounts, streak.spared), (10, 9, 1, true));
    let mut peer = world.client().await;
    for n in 0..10 {
        peer.login(&format!("a{n}@example.org"), "wrong", "192.0.2.9").await;
    }
    let guessed = world.service.source("192.0.2.9".parse().unwrap()).block.unwrap();
    assert_eq!(guessed.reason, "10 failures in a row, for 10 accounts");
}
