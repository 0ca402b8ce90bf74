//! Failures in a row, blocks, and their exactness, over real sockets and the real store.

use std::time::Duration;

use crate::world::World;

const ANN: &str = "ann@example.org";
const BOB: &str = "bob@example.org";
const ANNS: &str = "Fj7kQm2RxT9wBn4c";
const BOBS: &str = "Hs8mWp3VyU2xCr5d";
const HOUR: Duration = Duration::from_secs(3600);

async fn world(settings: &str) -> World {
    let world = World::start(settings).await;
    for (account, secret) in [(ANN, ANNS), (BOB, BOBS)] {
        world.account(account).await;
        world.password(account, "phone", secret).await;
    }
    world
}

#[tokio::test]
async fn ten_failures_block_the_right_password_too_for_an_hour() {
    let world = world("").await;
    let mut peer = world.client().await;
    for n in 0..10 {
        assert_eq!(peer.login(ANN, &format!("wrong {n}"), "192.0.2.7").await, "FAIL");
    }
    let answer = peer.answer(ANN, ANNS, "service=smtp\trip=192.0.2.7").await;
    assert!(answer.starts_with("FAIL\t11\tuser=ann@example.org\treason=Too many failed logins"), "{answer}");
    assert_eq!(peer.login(ANN, ANNS, "192.0.2.8").await, "OK", "other addresses are not concerned");
    assert_eq!(peer.login(BOB, BOBS, "::ffff:192.0.2.7").await, "FAIL", "the same address in IPv6 dress");
    world.pass(HOUR - Duration::from_secs(1));
    assert_eq!(peer.login(ANN, ANNS, "192.0.2.7").await, "FAIL");
    world.pass(Duration::from_secs(1));
    assert_eq!(peer.login(ANN, ANNS, "192.0.2.7").await, "OK");
    for n in 0..9 {
        assert_eq!(peer.login(BOB, &format!("wrong {n}"), "192.0.2.7").await, "FAIL");
    }
    assert_eq!(peer.login(ANN, ANNS, "192.0.2.7").await, "OK", "the run started at zero");
}

#[tokio::test]
async fn two_hundred_connections_at_once_are_evaluated_exactly_ten_times() {
    let world = world("").await;
    let mut peers = Vec::new();
    for _ in 0..200 {
        peers.push(world.client().await);
    }
    let attempts = peers.into_iter().enumerate().map(|(n, mut peer)| {
        tokio::spawn(async move {
            let answer = peer.answer(ANN, &format!("wrong {n}"), "service=imap\trip=192.0.2.7").await;
            (peer, answer)
        })
    });
    let mut blocked = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        let (_peer, answer) = attempt.await.unwrap();
        assert!(answer.starts_with("FAIL\t1\tuser=ann@example.org"), "{answer}");
        blocked += usize::from(answer.contains("reason="));
    }
    assert_eq!(blocked, 190);
    assert_eq!(world.events("refuse", Some("wrong-password")).await, 10);
    let mut peer = world.client().await;
    assert_eq!(peer.login(ANN, ANNS, "192.0.2.7").await, "FAIL", "an eleventh, right, is refused");
    assert_eq!(peer.login(ANN, ANNS, "192.0.2.8").await, "OK");
}

#[tokio::test]
async fn right_passwords_among_a_hundred_wrong_ones_never_get_in_after_the_tenth_answer() {
    let world = world("").await;
    let mut peer = world.client().await;
    for n in 0..300 {
        let secret = if n % 3 == 2 { BOBS.to_owned() } else { format!("wrong {n}") };
        let account = if n % 3 == 2 { BOB } else { ANN };
        peer.try_login(account, &secret, "service=imap\trip=192.0.2.7").await;
    }
    let mut failed = 0;
    let mut after = 0;
    for _ in 0..300 {
        let answer = peer.hear().await.unwrap();
        let wrong = answer.starts_with("FAIL") && !answer.contains("reason=");
        failed += usize::from(wrong);
        after += usize::from(failed >= 10 && answer.starts_with("OK"));
    }
    assert_eq!((failed, after), (10, 0));
}

#[tokio::test]
async fn a_block_and_a_run_survive_a_restart() {
    let world = world("").await;
    let mut peer = world.client().await;
    for n in 0..10 {
        peer.login(ANN, &format!("wrong {n}"), "192.0.2.7").await;
    }
    for n in 0..9 {
        peer.login(ANN, &format!("wrong {n}"), "192.0.2.8").await;
    }
    drop(peer);
    let now = world.service.now();
    let world = World::start_in(world.stop().await, "", now).await;
    let mut peer = world.client().await;
    assert_eq!(peer.login(ANN, ANNS, "192.0.2.7").await, "FAIL");
    assert_eq!(peer.login(ANN, "wrong", "192.0.2.8").await, "FAIL");
    assert_eq!(peer.login(ANN, ANNS, "192.0.2.8").await, "FAIL", "that was the tenth");
}

#[tokio::test]
async fn a_failure_that_is_on_its_way_is_not_swept_with_what_was_over() {
    let world = world("").await;
    let mut peer = world.client().await;
    for n in 0..10 {
        peer.login(ANN, &format!("wrong {n}"), "192.0.2.7").await;
    }
    world.pass(HOUR);
    // The writer waits for this, and the failure with it.
    let mut other = rusqlite::Connection::open(world.folder.path().join("store.db")).unwrap();
    let held = other.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    peer.try_login(ANN, "wrong", "service=imap\trip=192.0.2.7").await;
    peer.try_login(BOB, BOBS, "service=imap\trip=192.0.2.8").await;
    assert_eq!(
        peer.hear().await.as_deref(),
        Some("OK\t12\tuser=bob@example.org"),
        "it was read after the other"
    );
    let swept = tokio::spawn({
        let service = std::sync::Arc::clone(&world.service);
        async move { service.sweep().await }
    });
    tokio::task::yield_now().await;
    drop(held);
    swept.await.unwrap();
    assert_eq!(peer.hear().await.as_deref(), Some("FAIL\t11\tuser=ann@example.org"));
    drop(peer);
    let now = world.service.now();
    let world = World::start_in(world.stop().await, "", now).await;
    assert_eq!(world.service.source("192.0.2.7".parse().unwrap()).failures, 1);
}

#[tokio::test]
async fn a_lifted_block_is_lifted_at_once_and_an_added_one_holds_at_once() {
    let world = world("").await;
    let mut peer = world.client().await;
    for n in 0..10 {
        peer.login(ANN, &format!("wrong {n}"), "192.0.2.7").await;
    }
    let address: std::net::IpAddr = "192.0.2.7".parse().unwrap();
    world.service.lift_block(address, "test").await.unwrap();
    assert_eq!(peer.login(ANN, ANNS, "192.0.2.7").await, "OK");
    let (since, until) = (world.service.now(), world.service.now().plus(HOUR));
    let block = sidegate::gate::record::Block::by_hand(since, until, "test");
    world.service.add_block(address, block, "test").await.unwrap();
    assert_eq!(peer.login(ANN, ANNS, "192.0.2.7").await, "FAIL");
}

#[tokio::test]
async fn a_block_holds_for_attempts_that_are_under_way() {
    let world = world("").await;
    let slow = sidegate::hasher::Cost { memory_kib: 131_072, passes: 6 };
    world.password_at("ann@example.org", "slow", "Zz9kQm2RxT9wBn4c", slow).await;
    let mut peer = world.client().await;
    peer.try_login(ANN, "Zz9kQm2RxT9wBn4c", "service=imap\trip=192.0.2.7").await;
    // It was read after the other, so the other is being proved now.
    peer.try_login(BOB, BOBS, "service=imap\trip=192.0.2.8").await;
    assert_eq!(peer.hear().await.as_deref(), Some("OK\t2\tuser=bob@example.org"));
    let (since, until) = (world.service.now(), world.service.now().plus(HOUR));
    let block = sidegate::gate::record::Block::by_hand(since, until, "test");
    world.service.add_block("192.0.2.7".parse::<std::net::IpAddr>().unwrap(), block, "test").await.unwrap();
    assert!(peer.hear().await.unwrap().starts_with("FAIL\t1\t"));
}

#[tokio::test]
async fn a_neighbour_clears_his_own_slips_and_an_attacker_nobody_elses() {
    let world = world("").await;
    let mut peer = world.client().await;
    for _ in 0..5 {
        for n in 0..9 {
            assert_eq!(peer.login(ANN, &format!("wrong {n}"), "192.0.2.7").await, "FAIL");
        }
        assert_eq!(peer.login(ANN, ANNS, "192.0.2.7").await, "OK");
    }
    for n in 0..10 {
        assert_eq!(peer.login(ANN, &format!("wrong {n}"), "192.0.2.9").await, "FAIL");
        let own = peer.login(BOB, BOBS, "192.0.2.9").await;
        assert_eq!(own, if n < 9 { "OK" } else { "FAIL" });
    }
}

#[tokio::test]
async fn exempt_beats_block_and_no_address_is_no_common_bucket() {
    let world = world("[lockout]\nexempt = [\"198.51.100.0/24\"]\nfailures = 3").await;
    let mut peer = world.client().await;
    for n in 0..20 {
        assert_eq!(peer.login(ANN, &format!("wrong {n}"), "198.51.100.7").await, "FAIL");
    }
    assert_eq!(peer.login(ANN, ANNS, "198.51.100.7").await, "OK");
    for n in 0..3 {
        assert_eq!(peer.login(ANN, &format!("wrong {n}"), "").await, "FAIL");
    }
    assert_eq!(peer.login(BOB, BOBS, "").await, "OK", "another account is another bucket");
    assert_eq!(peer.login(ANN, ANNS, "").await, "OK", "nobody is locked out of his account");
    assert_eq!(world.service.blocks().len(), 0);
}

#[tokio::test]
async fn the_same_wrong_secret_counts_once_where_that_is_set() {
    let world = world("[lockout]\nrepeats = \"once\"").await;
    let mut peer = world.client().await;
    for _ in 0..30 {
        assert_eq!(peer.login(ANN, "the old password", "192.0.2.7").await, "FAIL");
    }
    assert_eq!(peer.login(BOB, BOBS, "192.0.2.7").await, "OK");
    for n in 0..9 {
        assert_eq!(peer.login(ANN, &format!("wrong {n}"), "192.0.2.7").await, "FAIL");
    }
    assert_eq!(peer.login(BOB, BOBS, "192.0.2.7").await, "FAIL");
}

#[tokio::test]
async fn whoever_hangs_up_is_counted_all_the_same() {
    let world = world("").await;
    for n in 0..10 {
        let mut peer = world.client().await;
        peer.try_login(ANN, &format!("wrong {n}"), "service=imap\trip=192.0.2.7").await;
        peer.say("CANCEL\t1\n").await;
        drop(peer);
    }
    let blocked = async {
        while world.service.blocks().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::world::PATIENCE, blocked).await.expect("ten failures were counted");
    let mut peer = world.client().await;
    assert_eq!(peer.login(ANN, ANNS, "192.0.2.7").await, "FAIL");
}

#[tokio::test]
async fn a_refusal_is_held_back_and_others_are_not() {
    let world = world("[lockout]\nfailure_delay = \"1s\"").await;
    let mut peer = world.client().await;
    let begun = std::time::Instant::now();
    peer.try_login(ANN, "wrong", "service=imap\trip=192.0.2.7").await;
    peer.try_login(ANN, ANNS, "service=imap\trip=192.0.2.7").await;
    assert_eq!(peer.hear().await.as_deref(), Some("OK\t2\tuser=ann@example.org"));
    assert!(begun.elapsed() < Duration::from_millis(900));
    assert_eq!(peer.hear().await.as_deref(), Some("FAIL\t1\tuser=ann@example.org"));
    assert!(begun.elapsed() >= Duration::from_secs(1));
}
