//! Empty passwords: refused at every door, never counted, told once a minute.

use std::time::Duration;

use sidegate::gate::event::{Event, Kind};
use sidegate::gate::login::{Reason, Verdict};
use sidegate::gate::name::Protocol;
use sidegate::gate::secret::Secret;
use sidegate::service::people::PeopleError;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::people::{ANN, BOB, HOME, MAIN, site, visit};
use crate::world::World;

const ANNS: &str = "Fj7kQm2RxT9wBn4c";
const EMPTY: Option<&str> = Some("empty-password");

async fn events(world: &World) -> Vec<Event> {
    let query = sidegate::store::EventQuery { limit: 100_000, ..Default::default() };
    let events = world.service.events(query).await.unwrap();
    let empty = |event: &Event| event.reason.as_deref() == EMPTY;
    events.into_iter().map(|(_, event)| event).filter(empty).collect()
}

#[tokio::test]
async fn a_phone_that_polls_without_a_password_blocks_nobody_and_fills_no_log() {
    let world = World::start("").await;
    world.account(ANN).await;
    world.password(ANN, "phone", ANNS).await;
    let mut peer = world.client().await;
    for _ in 0..300 {
        assert_eq!(peer.login(ANN, "", "192.0.2.7").await, "FAIL");
    }
    // Nothing is left of these as client passwords, and main passwords are not accepted here.
    for blank in [" ", "\t\r\n", "    "] {
        assert_eq!(peer.login(ANN, blank, "192.0.2.7").await, "FAIL");
    }
    assert_eq!(world.service.source("192.0.2.7".parse().unwrap()).failures, 0);
    assert_eq!(peer.login(ANN, ANNS, "192.0.2.7").await, "OK");
    let told = events(&world).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].kind, told[0].verdict.as_deref()), (Kind::Login, Some("refuse")));
    assert_eq!((told[0].account.as_deref(), told[0].address.as_deref()), (Some(ANN), Some("192.0.2.7")));
    world.service.finish().await;
    let counts: Vec<u32> = events(&world).await.iter().map(|event| event.count).collect();
    assert_eq!(counts.iter().sum::<u32>(), 303, "{counts:?}");
    assert_eq!(counts.len(), 2);
    world.stop().await;
}

#[tokio::test]
async fn it_is_held_as_long_and_worded_as_a_wrong_one() {
    let world =
        World::start("[lockout]\nfailure_delay = \"1s\"\n[messages]\nportal_url = \"https://p.example/\"")
            .await;
    world.account(ANN).await;
    let mut peer = world.client().await;
    let mut answers = Vec::new();
    for (account, secret) in [(ANN, ""), (ANN, "wrong"), (BOB, ""), (BOB, "wrong")] {
        let began = std::time::Instant::now();
        let answer = peer.answer(account, secret, "service=imap\trip=192.0.2.7").await;
        let took = began.elapsed();
        assert!((Duration::from_millis(950)..Duration::from_millis(1900)).contains(&took), "{took:?}");
        answers.push(answer.split('\t').skip(2).map(|field| field.replace(BOB, ANN)).collect::<Vec<_>>());
    }
    assert!(answers.windows(2).all(|two| two[0] == two[1]), "{answers:?}");
    world.stop().await;
}

#[tokio::test]
async fn the_portal_lets_nobody_in_with_nothing() {
    let site = site("").await;
    for password in ["", "\0", "\0x"] {
        let refused = site.sign_in(&visit(HOME), ANN, password, None).await.unwrap_err();
        assert!(matches!(refused, PeopleError::WrongPassword), "{refused:?}");
    }
    for _ in 0..20 {
        let refused = site.sign_in(&visit(HOME), ANN, "", Some("123456")).await.unwrap_err();
        assert!(matches!(refused, PeopleError::WrongPassword), "neither a wait nor a block: {refused:?}");
    }
    assert_eq!(events(&site.gate).await.len(), 1);
    assert!(site.upstream.service.source(HOME.parse().unwrap()).failures == 0);
    site.sign_in(&visit(HOME), ANN, MAIN, None).await.unwrap();
    site.block("192.0.2.9", BOB).await;
    let refused = site.sign_in(&visit("192.0.2.9"), ANN, "", Some("123456")).await.unwrap_err();
    assert!(matches!(refused, PeopleError::WrongPassword), "{refused:?}");
    site.stop().await;
}

#[tokio::test]
async fn a_check_says_so_and_saslauthd_says_no() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mux");
    let world = World::start(&format!("[[listen]]\nprotocol = \"saslauthd\"\npath = {path:?}\n")).await;
    world.account(ANN).await;
    let imap = Protocol::parse("imap").unwrap();
    let checked = world.service.check(ANN, Secret::new(*b""), imap, None).await;
    assert_eq!(checked.verdict, Verdict::Refuse(Reason::EmptyPassword));
    assert!(events(&world).await.is_empty(), "a check leaves nothing");
    for _ in 0..20 {
        let mut wire = Vec::new();
        for string in ["ann", "", "imap", "example.org"] {
            wire.extend(u16::try_from(string.len()).unwrap().to_be_bytes());
            wire.extend(string.as_bytes());
        }
        let mut stream = UnixStream::connect(&path).await.unwrap();
        stream.write_all(&wire).await.unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).await.unwrap();
        assert_eq!(said, b"\0\x02NO");
    }
    let told = events(&world).await;
    assert_eq!((told.len(), told[0].account.as_deref()), (1, Some(ANN)));
    world.stop().await;
}
