//! Peers that break the protocol, flood, or stop listening: a clear refusal or a closed
//! connection, bounded memory, and other connections undisturbed.

use sidegate::proto::auth_client::{LINE_BYTES_MAX, OPEN_MAX};

use serde_json::json;

use crate::daemon::Daemon;
use crate::world::{World, plain};

const ANN: &str = "ann@example.org";
const ANNS: &str = "Fj7kQm2RxT9wBn4c";

async fn world(settings: &str) -> World {
    let world = World::start(settings).await;
    world.account(ANN).await;
    world.password(ANN, "phone", ANNS).await;
    world
}

#[tokio::test]
async fn what_is_no_protocol_is_closed_and_disturbs_nobody() {
    let world = world("").await;
    let mut honest = world.client().await;
    let noise: Vec<u8> = (0..4000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let handshake = b"VERSION\t1\t2\nCPID\t9\n";
    for bytes in [
        &noise[..],
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"VERSION\t2\t0\n",
        b"CPID\t1\n",
        b"VERSION\t1\t2\nCPID\t0\n",
        &[&handshake[..], b"HELLO\n"].concat(),
        &[&handshake[..], b"AUTH\t0\tPLAIN\tservice=imap\n"].concat(),
        &[&handshake[..], b"AUTH\t1\tNOSUCH\tservice=imap\n"].concat(),
        &[&handshake[..], b"AUTH\t1\tPLAIN\n"].concat(),
        &[&handshake[..], b"AUTH\t1\tLOGIN\tservice=imap\nAUTH\t1\tLOGIN\tservice=imap\n"].concat(),
        &[&handshake[..], b"CONT\n"].concat(),
        &[&handshake[..], &vec![b'a'; LINE_BYTES_MAX]].concat(),
    ] {
        let mut peer = world.raw("client").await;
        peer.say_if_heard(bytes).await;
        while peer.hear().await.is_some() {}
        assert_eq!(honest.login(ANN, ANNS, "192.0.2.7").await, "OK");
    }
    for bytes in
        [&noise[..], b"VERSION\t2\t0\n", b"VERSION\t1\t1\nUSER\t1\tann\n", b"VERSION\t1\t1\nWHAT\t1\n"]
    {
        let mut peer = world.raw("master").await;
        peer.say_if_heard(bytes).await;
        while peer.hear().await.is_some() {}
    }
}

#[tokio::test]
async fn the_longest_line_is_read_and_a_longer_one_closes() {
    let world = world("").await;
    let login = |length: usize| {
        let head = "AUTH\t1\tPLAIN\tservice=imap\trip=192.0.2.7\tclient_id=";
        let tail = format!("\tresp={}\n", plain(ANN, ANNS));
        format!("{head}{}{tail}", "x".repeat(length - head.len() - tail.len()))
    };
    let mut peer = world.client().await;
    peer.say(&login(LINE_BYTES_MAX)).await;
    assert_eq!(peer.hear().await.as_deref(), Some("OK\t1\tuser=ann@example.org"));
    let mut peer = world.client().await;
    peer.say_if_heard(login(LINE_BYTES_MAX + 1).as_bytes()).await;
    assert_eq!(peer.hear().await, None);
}

#[tokio::test]
async fn half_a_line_waits_and_is_no_login() {
    let world = world("").await;
    let mut peer = world.client().await;
    let line = format!("AUTH\t1\tPLAIN\tservice=imap\trip=192.0.2.7\tresp={}\n", plain(ANN, ANNS));
    let (first, rest) = line.split_at(line.len() - 7);
    peer.say(first).await;
    assert_eq!(world.client().await.login(ANN, ANNS, "192.0.2.8").await, "OK");
    peer.say(rest).await;
    assert_eq!(peer.hear().await.as_deref(), Some("OK\t1\tuser=ann@example.org"));
}

#[tokio::test]
async fn dialogues_that_nobody_goes_on_with_are_dropped() {
    let world = world("").await;
    let mut peer = world.client().await;
    for id in 1..=2_000 {
        peer.say(&format!("AUTH\t{id}\tLOGIN\tservice=smtp\n")).await;
        assert_eq!(peer.hear().await, Some(format!("CONT\t{id}\tVXNlcm5hbWU6")));
    }
    peer.say("CONT\t1\tYQ==\n").await;
    let answer = peer.hear().await.unwrap();
    assert_eq!(answer, "FAIL\t1\treason=Authentication request timed out");
    peer.say("CONT\t2000\tYQ==\n").await;
    assert_eq!(peer.hear().await.as_deref(), Some("CONT\t2000\tUGFzc3dvcmQ6"), "the newest are kept");
}

#[tokio::test]
async fn past_the_most_open_requests_there_are_temporary_failures() {
    let world = world("[lockout]\nfailure_delay = \"20s\"").await;
    let mut peer = world.client().await;
    for n in 0..OPEN_MAX {
        let params = format!("service=imap\trip=10.{}.{}.1", n / 256, n % 256);
        peer.try_login(ANN, "wrong", &params).await;
    }
    let answer = peer.answer(ANN, ANNS, "service=imap\trip=192.0.2.7").await;
    assert_eq!(answer, format!("FAIL\t{}\tcode=temp_fail", OPEN_MAX + 1));
    assert_eq!(world.client().await.login(ANN, ANNS, "192.0.2.7").await, "OK");
    assert_eq!(world.events("defer", None).await, 0, "nothing was counted or decided");
}

#[tokio::test]
async fn a_flood_from_a_blocked_address_is_refused_and_summed_up() {
    let world = world("").await;
    let mut peer = world.client().await;
    for n in 0..10 {
        peer.login(ANN, &format!("wrong {n}"), "192.0.2.7").await;
    }
    for _ in 0..10 {
        for n in 0..500 {
            peer.try_login(ANN, &format!("wrong {n}"), "service=imap\trip=192.0.2.7").await;
        }
        for _ in 0..500 {
            assert!(peer.hear().await.unwrap().contains("Too many failed logins"));
        }
    }
    assert_eq!(world.events("refuse", Some("blocked")).await, 1, "the others come as a sum");
}

#[tokio::test]
async fn a_peer_that_stops_reading_is_not_read_and_disturbs_nobody() {
    let world = world("").await;
    let mut deaf = world.client().await;
    let flood = format!("AUTH\t1\tPLAIN\tservice=imap\tresp={}\nCANCEL\t1\nCONT\t7\tAAAA\n", plain("x", "y"));
    let flood = flood.repeat(200);
    let writing = async {
        for _ in 0..1_000 {
            deaf.say(&flood).await;
        }
    };
    let blocked = tokio::time::timeout(std::time::Duration::from_secs(2), writing).await;
    assert!(blocked.is_err(), "the flood was taken whole");
    assert_eq!(world.client().await.login(ANN, ANNS, "192.0.2.7").await, "OK");
}

#[tokio::test]
async fn open_requests_are_told_to_try_again_when_the_daemon_stops() {
    let world = world("[lockout]\nfailure_delay = \"20s\"").await;
    let (mut dovecot, mut postfix) = (world.client().await, world.client().await);
    dovecot.try_login(ANN, "wrong", "service=imap\trip=192.0.2.7").await;
    postfix.try_login(ANN, "wrong", "service=smtp\tnologin\trip=192.0.2.7").await;
    while world.events("refuse", None).await < 2 {
        tokio::task::yield_now().await;
    }
    world.stop().await;
    assert_eq!(dovecot.hear().await.as_deref(), Some("FAIL\t1\tcode=temp_fail"));
    assert_eq!(dovecot.hear().await, None);
    assert_eq!(postfix.hear().await, None, "Postfix knows no other way to a 454");
}

#[tokio::test]
async fn the_last_answer_is_given_to_a_peer_that_only_listens() {
    let world = world("[lockout]\nfailure_delay = \"100ms\"").await;
    let mut peer = world.client().await;
    peer.try_login(ANN, "wrong", "service=imap\trip=192.0.2.7").await;
    peer.stop_talking().await;
    assert_eq!(peer.hear().await.as_deref(), Some("FAIL\t1\tuser=ann@example.org"));
    assert_eq!(peer.hear().await, None);
}

/// A process of its own, so that its memory is the daemon's and nobody else's.
#[test]
fn floods_leave_the_memory_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(folder.path());
    daemon.control("POST", "/v1/accounts", &json!({ "address": ANN }));
    daemon.peer().login("wrong", "192.0.2.7");
    let before = daemon.resident_kib();
    let resp = plain(ANN, "wrong");
    let dialogue: &dyn Fn(u32) -> String = &|id| format!("AUTH\t{id}\tLOGIN\tservice=smtp\n");
    let blocked = &|id| format!("AUTH\t{id}\tPLAIN\tservice=imap\trip=192.0.2.9\tresp={resp}\n");
    let cancelled = &|id| format!("{}CANCEL\t{id}\n", dialogue(id));
    for (name, line) in [
        ("dialogues", dialogue),
        ("refusals of a blocked address", blocked),
        ("cancelled dialogues", cancelled),
    ] {
        let mut peer = daemon.peer();
        for burst in 0..100 {
            let ids = burst * 1_000 + 1..=burst * 1_000 + 1_000;
            peer.say(&ids.map(line).collect::<String>());
            for _ in 0..1_000 {
                assert!(!peer.hear().is_empty(), "{name}");
            }
        }
        let now = daemon.resident_kib();
        assert!(now < before + 40_000, "{name}: memory grew from {before} to {now} KiB");
    }
    assert_eq!(daemon.peer().login("wrong", "192.0.2.8"), "FAIL", "others are served");
}
