//! Observe-only (`rollout.mode = "observe"`), where Dovecot's next passdb decides: nothing is refused, what would be is
//! put down, and nothing of it is left when enforcing begins.

use sidegate::gate::event::Kind;
use sidegate::gate::limits::{Allowance, Level, Limited, LimitsChange, Per};
use sidegate::gate::name::AccountName;
use sidegate::gate::order::Order;
use sidegate::gate::record::Block;
use sidegate::service::Rules;
use sidegate::store::EventQuery;

use crate::world::{Peer, START, World, settings_of};

const ANN: &str = "ann@example.org";
const HOME: &str = "192.0.2.7";
const SECRET: &str = "Fj7kQm2RxT9wBn4c";
const OBSERVE: &str = "[main_password]\nchecked_by = \"next-passdb\"\n[rollout]\nmode = \"observe\"";
const ENFORCE: &str = "[main_password]\nchecked_by = \"next-passdb\"";

async fn start() -> World {
    let world = World::start(OBSERVE).await;
    world.account(ANN).await;
    world.password(ANN, "Phone", SECRET).await;
    world
}

/// Left to the next passdb.
async fn assert_left(peer: &mut Peer, secret: &str) {
    let answer = peer.answer(ANN, secret, &format!("service=imap\trip={HOME}")).await;
    assert!(answer.starts_with("FAIL\t") && answer.ends_with("\tcode=x_not_ours"), "{answer}");
}

#[tokio::test]
async fn a_wrong_password_is_left_to_whoever_asks_and_counts_apart() {
    let world = start().await;
    let mut peer = world.client().await;
    for n in 0..10 {
        assert_left(&mut peer, &format!("wrong{n}")).await;
    }
    assert_eq!(world.events("would-refuse", Some("wrong-password")).await, 10);
    // Blocked, if it held: also the right one.
    assert_left(&mut peer, SECRET).await;
    assert_eq!(world.events("would-refuse", Some("blocked")).await, 1);
    let query = EventQuery { kinds: vec![Kind::BlockObserved], limit: 10, ..EventQuery::default() };
    assert_eq!(world.service.events(query).await.unwrap().len(), 1);
    assert!(world.service.blocks().is_empty());
    assert_eq!(world.service.source(HOME.parse().unwrap()).failures, 0);

    world.service.set_rules(Rules::from(&settings_of(&world, ENFORCE)));
    assert_eq!(peer.login(ANN, SECRET, HOME).await, "OK");
    assert_eq!(peer.login(ANN, "wrong", HOME).await, "FAIL");
    assert_eq!(world.service.source(HOME.parse().unwrap()).failures, 1);
}

#[tokio::test]
async fn a_right_client_password_is_right_and_clears_its_own_failures() {
    let world = start().await;
    let mut peer = world.client().await;
    for n in 0..12 {
        assert_left(&mut peer, &format!("wrong{n}")).await;
        assert_eq!(peer.login(ANN, SECRET, HOME).await, "OK");
    }
    assert_eq!(world.events("accept", None).await, 12);
    assert_eq!(world.events("would-refuse", Some("blocked")).await, 0);
}

#[tokio::test]
async fn even_an_administrators_block_only_tells() {
    let world = start().await;
    let block = Block::by_hand(START, sidegate::clock::Timestamp(START.0 + 60), "test");
    world.service.add_block(HOME.parse::<std::net::IpAddr>().unwrap(), block, "test").await.unwrap();
    assert_left(&mut world.client().await, SECRET).await;
    assert_eq!(world.events("would-refuse", Some("blocked")).await, 1);
}

#[tokio::test]
async fn a_disabled_account_and_a_removed_password_are_left_to_whoever_asks() {
    let world = start().await;
    let account = AccountName::parse(ANN, None).unwrap();
    let which = sidegate::gate::order::Which::All;
    world.service.carry_out(Order::Revoke { account: account.clone(), which }, "test").await.unwrap();
    let mut peer = world.client().await;
    assert_left(&mut peer, SECRET).await;
    assert_eq!(world.events("would-refuse", Some("revoked")).await, 1);
    let disable = Order::SetAccount { account, enabled: Some(false), two_factor: None, group: None };
    world.service.carry_out(disable, "test").await.unwrap();
    assert_left(&mut peer, SECRET).await;
    assert_eq!(world.events("would-refuse", Some("disabled")).await, 1);
}

#[tokio::test]
async fn postfix_hears_dunno_and_the_event_says_what_it_would_have_heard() {
    let world = start().await;
    let mut peer = world.raw("policy").await;
    let asked = format!(
        "request=smtpd_access_policy\nprotocol_state=MAIL\nclient_address={HOME}\nsasl_username={ANN}\n\
         sender=bob@example.net\n\n"
    );
    peer.say(&asked).await;
    assert_eq!(peer.hear().await.as_deref(), Some("action=DUNNO"));
    assert_eq!(world.events("would-refuse", Some("sender bob@example.net is nobody's")).await, 1);
}

#[tokio::test]
async fn the_report_is_read_page_by_page() {
    let world = start().await;
    let mut peer = world.client().await;
    for account in ["a@example.org", ANN, "z@example.org"] {
        let answer = peer.answer(account, "wrong", &format!("service=pop3\trip={HOME}")).await;
        assert!(answer.ends_with("\tcode=x_not_ours"), "{answer}");
    }
    assert_left(&mut peer, "wrong-again").await;
    let page = async |after: &str| world.service.met(START, after.to_owned(), 2).await.unwrap();
    let first = page("").await;
    let names = first.iter().map(|(met, _)| met.account.as_str()).collect::<Vec<_>>();
    assert_eq!(names, ["a@example.org", ANN]);
    let (ann, account) = &first[1];
    assert_eq!((ann.would_refuse, ann.main_password, ann.addresses), (2, 0, 1));
    assert_eq!(
        (ann.reasons.join(" "), ann.protocols.join(" ")),
        ("wrong-password".into(), "imap pop3".into())
    );
    assert_eq!(account.as_ref().map(|account| account.passwords.len()), Some(1));
    assert!(first[0].1.is_none());
    assert_eq!(page(ANN).await.len(), 1);
    let later = sidegate::clock::Timestamp(START.0 + 1);
    assert!(world.service.met(later, String::new(), 2).await.unwrap().is_empty());
}

#[tokio::test]
async fn at_a_limit_nothing_is_put_off_nobody_is_told_and_no_password_goes() {
    let settings = format!("{OBSERVE}\n[sending]\non_limit = \"revoke-client-password\"");
    let world = World::start(&settings).await;
    world.account(ANN).await;
    world.password(ANN, "Phone", SECRET).await;
    let mut change = LimitsChange::default();
    change.0[Limited::MessagesPerHour as usize] = Some(Allowance::AtMost(1));
    let order = Order::SetLimits { level: Level::Default, per: Per::Account, change };
    world.service.carry_out(order, "test").await.unwrap();
    let mut client = world.client().await;
    let params = format!("service=smtp\trip={HOME}");
    assert!(client.answer(ANN, SECRET, &params).await.starts_with("OK"));
    let mut peer = world.raw("policy").await;
    for (n, state) in [(1, "DATA"), (1, "END-OF-MESSAGE"), (2, "DATA"), (2, "END-OF-MESSAGE")] {
        peer.say(&format!(
            "request=smtpd_access_policy\nprotocol_state={state}\nclient_address={HOME}\nsasl_username={ANN}\n\
             sender={ANN}\nrecipient_count=1\ninstance=a.{n}\n\n"
        ))
        .await;
        assert_eq!(peer.hear().await.as_deref(), Some("action=DUNNO"), "{state} of {n}");
        assert_eq!(peer.hear().await.as_deref(), Some(""));
    }
    assert!(world.events("would-defer", None).await > 0);
    let query = EventQuery { kinds: vec![Kind::PasswordRevoked], limit: 10, ..EventQuery::default() };
    assert!(world.service.events(query).await.unwrap().is_empty());
    assert!(client.answer(ANN, SECRET, &params).await.starts_with("OK"));
}
