//! Dovecot 2.3 reports a passdb that is away as it reports a wrong password, and 2.4 says why.

use serde_json::json;
use sidegate::gate::event::Kind;
use sidegate::store::EventQuery;

use super::{ANN, BOB, Peer, Site, told};

const EVE: &str = "eve@example.org";

fn from(n: usize) -> String {
    format!("192.0.2.{n}")
}

async fn told_of_it(site: &Site) -> usize {
    let query = EventQuery { kinds: vec![Kind::PassdbAway], limit: 10, ..EventQuery::default() };
    site.world.service.events(query).await.unwrap().len()
}

/// Each has got in from there.
async fn all_were_here(peer: &mut Peer) {
    for (n, login) in [ANN, BOB, EVE].into_iter().enumerate() {
        peer.succeed("before", login, &from(n + 1)).await;
    }
}

async fn tries(peer: &mut Peer, login: &str, from: &str) -> bool {
    let session = format!("{login} {from}");
    if peer.allow(&session, login, from).await != 0 {
        return false;
    }
    peer.report(&session, login, from, false, false).await;
    true
}

#[tokio::test]
async fn when_nobody_gets_in_at_dovecot_2_3_nobody_is_blocked() {
    let site = Site::start("", "").await;
    let mut peer = site.connect().await;
    all_were_here(&mut peer).await;
    // Each phone tries ten times before the next one does.
    for (n, login) in [ANN, BOB, EVE].into_iter().enumerate() {
        for _ in 0..10 {
            assert!(tries(&mut peer, login, &from(n + 1)).await, "{n}");
        }
    }
    assert!(site.world.service.blocks().is_empty(), "they were lifted");
    assert!(site.world.service.passdb_away().is_some());
    assert_eq!(told_of_it(&site).await, 1);
    let page = site.connect().await.get("/metrics").await.1;
    assert!(page.contains("sidegate_passdb_away 1"), "{page}");
    for n in 10..20 {
        assert!(tries(&mut peer, &format!("user{n}@example.org"), &from(n)).await);
    }
    // It is over with the first success, and then everything counts again.
    peer.succeed("after", BOB, &from(99)).await;
    assert!(site.world.service.passdb_away().is_none());
    let counted = site.failures().await;
    for _ in 0..10 {
        assert!(tries(&mut peer, ANN, &from(1)).await);
    }
    assert_eq!(site.failures().await, counted + 10);
    assert_eq!(site.world.service.blocks().len(), 1);
}

#[tokio::test]
async fn whoever_makes_an_outage_up_is_put_off_where_it_would_be_blocked() {
    let site = Site::start("", "").await;
    let mut peer = site.connect().await;
    all_were_here(&mut peer).await;
    let mut tried = [0; 3];
    for _ in 0..50 {
        for (n, login) in [ANN, BOB, EVE].into_iter().enumerate() {
            tried[n] += usize::from(tries(&mut peer, login, &from(n + 1)).await);
        }
    }
    assert_eq!(tried, [19, 19, 19], "ten forgiven, nine counted, and put off then");
    assert!(site.world.service.blocks().is_empty());
    let refused = peer.policy("allow", told("s", ANN, &from(1), "")).await;
    assert!(refused["msg"].as_str().unwrap().contains("Try again later"), "{refused}");
}

#[tokio::test]
async fn dovecot_2_4_says_why_and_its_wrong_passwords_are_never_an_outage() {
    let site = Site::start("", "").await;
    let mut peer = site.connect().await;
    all_were_here(&mut peer).await;
    for (n, login) in [ANN, BOB, EVE].into_iter().enumerate() {
        for why in ["credentials", "internal"] {
            let mut body = told(why, login, &from(n + 1), "08d4");
            assert_eq!(peer.policy("allow", body.clone()).await["status"], 0);
            body["success"] = json!(false);
            body["fail_type"] = json!(why);
            peer.policy("report", body).await;
        }
    }
    assert_eq!((site.failures().await, site.world.service.passdb_away()), (3, None));
}
