//! Sessions that send, over a restart: nobody sends on with a login that is good no more, and nobody else notices.

use std::time::Duration;

use sidegate::config::{Config, Source};
use sidegate::gate::account::Terms;
use sidegate::gate::name::{AccountName, Protocol};
use sidegate::gate::order::{Order, Which};
use sidegate::service::{Ended, PolicyAttempt, Rules};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::world::World;

const ANN: &str = "ann@example.org";
const BOB: &str = "bob@example.org";
const PHONE: &str = "Fj7kQm2RxT9wBn4c";
const LAPTOP: &str = "Hs8mWp3VyU2xCr5d";
const HOME: &str = "192.0.2.7";

async fn restarted(world: World, settings: &str) -> World {
    let now = world.service.now();
    World::start_in(world.stop().await, settings, now).await
}

async fn log_in(world: &World, account: &str, secret: &str, from: &str) {
    let answer = world.client().await.answer(account, secret, &format!("service=smtp\trip={from}")).await;
    assert!(answer.starts_with("OK"), "{answer}");
}

/// What Postfix is told of a session that goes on.
async fn goes_on(world: &World, account: &str, from: &str) -> String {
    let mut peer = world.raw("policy").await;
    peer.say(&format!(
        "request=smtpd_access_policy\nprotocol_state=MAIL\nclient_address={from}\nclient_port=40000\n\
         sasl_username={account}\nsender={account}\n\n"
    ))
    .await;
    let action = peer.hear().await.expect("an answer");
    action.strip_prefix("action=").expect("an action").get(..5).unwrap_or("DUNNO").to_owned()
}

async fn order(world: &World, order: Order) {
    world.service.carry_out(order, "test").await.unwrap();
}

fn name(text: &str) -> AccountName {
    AccountName::parse(text, None).unwrap()
}

async fn revoke(world: &World, account: &str, password: &str) {
    order(world, Order::Revoke { account: name(account), which: Which::Name(password.to_owned()) }).await;
}

#[tokio::test]
async fn a_removed_password_sends_no_more_and_a_good_one_notices_nothing() {
    let world = World::start("").await;
    for account in [ANN, BOB] {
        world.account(account).await;
        world.password(account, "phone", if account == ANN { PHONE } else { LAPTOP }).await;
    }
    log_in(&world, ANN, PHONE, HOME).await;
    log_in(&world, BOB, LAPTOP, "192.0.2.8").await;
    revoke(&world, ANN, "phone").await;
    assert_eq!(goes_on(&world, ANN, HOME).await, "421 4");
    let world = restarted(world, "").await;
    assert_eq!(goes_on(&world, ANN, HOME).await, "421 4");
    assert_eq!(goes_on(&world, BOB, "192.0.2.8").await, "DUNNO", "no 421 at all");
    // What nobody knows of is over; and whoever logs in again is known.
    assert_eq!(goes_on(&world, BOB, "192.0.2.9").await, "421 4");
    log_in(&world, BOB, LAPTOP, "192.0.2.9").await;
    assert_eq!(goes_on(&world, BOB, "192.0.2.9").await, "DUNNO");
    // Removed between two restarts, and with another good one of the same account in use.
    world.password(BOB, "laptop", "Kp4nXw8TzR3vDq6e").await;
    log_in(&world, BOB, "Kp4nXw8TzR3vDq6e", "192.0.2.10").await;
    revoke(&world, BOB, "phone").await;
    let world = restarted(world, "").await;
    assert_eq!(goes_on(&world, BOB, "192.0.2.8").await, "421 4");
    assert_eq!(goes_on(&world, BOB, "192.0.2.10").await, "DUNNO");
    // An account that went with everything it had.
    order(&world, Order::RemoveAccount(name(BOB))).await;
    let world = restarted(world, "").await;
    assert_eq!(goes_on(&world, BOB, "192.0.2.10").await, "421 4");
    world.stop().await;
}

#[tokio::test]
async fn what_a_password_is_good_for_holds_over_a_restart() {
    let world = World::start("").await;
    world.account(ANN).await;
    let expires = Some(world.service.now().plus(Duration::from_secs(600)));
    let terms = Terms { expires, ..Terms::default() };
    world.password_for(ANN, "phone", PHONE, terms).await;
    log_in(&world, ANN, PHONE, HOME).await;
    let world = restarted(world, "").await;
    assert_eq!(goes_on(&world, ANN, HOME).await, "DUNNO");
    let world = restarted(world, "").await;
    world.pass(Duration::from_secs(600));
    assert_eq!(goes_on(&world, ANN, HOME).await, "421 4", "expired meanwhile");
    world.password(ANN, "laptop", LAPTOP).await;
    log_in(&world, ANN, LAPTOP, HOME).await;
    let enabled = Some(false);
    let world = restarted(world, "").await;
    assert_eq!(goes_on(&world, ANN, HOME).await, "DUNNO");
    order(&world, Order::SetAccount { account: name(ANN), enabled, two_factor: None, group: None }).await;
    let world = restarted(world, "").await;
    assert_eq!(goes_on(&world, ANN, HOME).await, "421 4", "disabled");
    world.stop().await;
}

#[tokio::test]
async fn a_main_password_sends_as_long_as_it_is_admitted() {
    let upstream = World::start("").await;
    upstream.account(ANN).await;
    upstream.password(ANN, "main", PHONE).await;
    let settings = format!(
        "main_password.mail_clients = \"until-two-factor\"\naccounts.domains = [\"example.org\"]\n\
         [upstream]\nauth = {:?}\nuserdb = {:?}\n",
        upstream.socket("client"),
        upstream.socket("master")
    );
    let world = World::start(&settings).await;
    log_in(&world, ANN, PHONE, HOME).await;
    let world = restarted(world, &settings).await;
    assert_eq!(goes_on(&world, ANN, HOME).await, "DUNNO", "nobody's account, and admitted");
    world.account(ANN).await;
    let two_factor = |on| {
        let account = name(ANN);
        Order::SetAccount { account, enabled: None, two_factor: Some(on), group: None }
    };
    order(&world, two_factor(true)).await;
    let world = restarted(world, &settings).await;
    assert_eq!(goes_on(&world, ANN, HOME).await, "421 4");
    order(&world, two_factor(false)).await;
    assert_eq!(goes_on(&world, ANN, HOME).await, "DUNNO");
    // The setting itself.
    let never = settings.replace("until-two-factor", "never");
    let world = restarted(world, &never).await;
    assert_eq!(goes_on(&world, ANN, HOME).await, "421 4");
    world.stop().await;
    upstream.stop().await;
}

#[tokio::test]
async fn whoever_checks_main_passwords_itself_is_believed_while_they_are_admitted() {
    let settings =
        "main_password.mail_clients = \"until-two-factor\"\nmain_password.checked_by = \"next-passdb\"\n";
    let world = World::start(settings).await;
    world.account(ANN).await;
    let mut client = world.client().await;
    let answer = client.answer(ANN, "main", &format!("service=smtp\trip={HOME}")).await;
    assert!(answer.contains("code=x_not_ours"), "{answer}");
    assert_eq!(goes_on(&world, ANN, HOME).await, "DUNNO");
    let world = restarted(world, settings).await;
    assert_eq!(goes_on(&world, ANN, HOME).await, "DUNNO");
    let two_factor = Some(true);
    order(&world, Order::SetAccount { account: name(ANN), enabled: None, two_factor, group: None }).await;
    assert_eq!(goes_on(&world, ANN, HOME).await, "421 4");
    let world = restarted(world, settings).await;
    assert_eq!(goes_on(&world, ANN, HOME).await, "421 4");
    world.stop().await;
}

#[tokio::test]
async fn whose_logins_somebody_else_decides_is_let_alone() {
    let world = World::start("").await;
    world.account(ANN).await;
    world.password(ANN, "phone", PHONE).await;
    // She reads mail with us, and sends by another SASL of Postfix's; Bob is nobody here.
    assert_eq!(world.client().await.login(ANN, PHONE, HOME).await, "OK");
    let world = restarted(world, "").await;
    for account in [ANN, BOB] {
        for _ in 0..3 {
            assert_eq!(goes_on(&world, account, HOME).await, "DUNNO", "{account}");
        }
    }
    // Until she logs in here to send.
    log_in(&world, ANN, PHONE, "192.0.2.9").await;
    revoke(&world, ANN, "phone").await;
    assert_eq!(goes_on(&world, ANN, "192.0.2.9").await, "421 4");
    world.stop().await;
}

#[tokio::test]
async fn whom_dovecot_let_in_by_its_own_passdbs_hears_421_once_at_most() {
    let world = World::start("").await;
    let attempt = PolicyAttempt {
        login: ANN.to_owned(),
        remote: HOME.parse().ok(),
        session: None,
        protocol: Protocol::parse("submission").unwrap(),
        mark: "08d4".to_owned(),
    };
    world.service.policy_report(&attempt, Ended::Right).await.unwrap();
    assert_eq!(goes_on(&world, ANN, HOME).await, "DUNNO");
    let world = restarted(world, "").await;
    assert_eq!(goes_on(&world, ANN, HOME).await, "421 4", "who was that?");
    world.service.policy_report(&attempt, Ended::Right).await.unwrap();
    assert_eq!(goes_on(&world, ANN, HOME).await, "DUNNO");
    world.stop().await;
}

#[test]
fn logins_are_decided_where_somebody_asks_for_a_verdict() {
    let decides = |listener: &str| {
        let text = format!("[control]\npath = \"/run/x/control\"\n[[listen]]\n{listener}\n");
        let source = Source { name: "test".into(), text };
        Rules::from(&Config::from_sources(&[source]).unwrap()).decides_logins
    };
    for asks in ["auth-client", "dict", "saslauthd"] {
        assert!(decides(&format!("protocol = \"{asks}\"\npath = \"/run/x/a\"")), "{asks}");
    }
    assert!(!decides("protocol = \"policy\"\npath = \"/run/x/a\""));
    let http = "protocol = \"http\"\naddress = \"127.0.0.1:8026\"\n";
    assert!(!decides(http) && !decides(&format!("{http}backends.imap = \"127.0.0.1:1143\"")));
    assert!(decides(&format!("{http}backends.smtp = \"127.0.0.1:1587\"")));
}

#[tokio::test]
async fn a_login_whose_address_nobody_told_is_behind_the_session_of_any() {
    let folder = tempfile::tempdir().unwrap();
    let mux = folder.path().join("mux");
    let settings = format!("[[listen]]\nprotocol = \"saslauthd\"\npath = {mux:?}\n");
    let world = World::start(&settings).await;
    world.account(ANN).await;
    world.password(ANN, "phone", PHONE).await;
    let mut wire = Vec::new();
    for string in ["ann", PHONE, "smtp", "example.org"] {
        wire.extend(u16::try_from(string.len()).unwrap().to_be_bytes());
        wire.extend(string.as_bytes());
    }
    let mut stream = UnixStream::connect(&mux).await.unwrap();
    stream.write_all(&wire).await.unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).await.unwrap();
    assert_eq!(said, b"\0\x02OK");
    assert_eq!(goes_on(&world, ANN, HOME).await, "DUNNO");
    let world = restarted(world, &settings).await;
    assert_eq!(goes_on(&world, ANN, HOME).await, "DUNNO");
    revoke(&world, ANN, "phone").await;
    assert_eq!(goes_on(&world, ANN, HOME).await, "421 4");
    let world = restarted(world, &settings).await;
    assert_eq!(goes_on(&world, ANN, HOME).await, "421 4");
    world.stop().await;
}
