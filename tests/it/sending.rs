//! What Postfix is told: every rule of sending, over the socket of the policy listener.

use std::sync::Arc;
use std::time::Duration;

use sidegate::gate::alias::{Alias, Place};
use sidegate::gate::delegation::Right;
use sidegate::gate::event::Kind;
use sidegate::gate::limits::{Allowance, Level, Limited, LimitsChange, Per};
use sidegate::gate::name::AccountName;
use sidegate::gate::order::{Order, Which};
use sidegate::gate::question::{Answer, Question};
use sidegate::gate::record::Block;
use sidegate::store::EventQuery;

use crate::world::{Peer, START, World};

const ANN: &str = "ann@example.org";
const BOB: &str = "bob@example.org";
const HOME: &str = "192.0.2.7";
const SECRET: &str = "Fj7kQm2RxT9wBn4c";

fn name(text: &str) -> AccountName {
    AccountName::parse(text, None).unwrap()
}

async fn order(world: &World, order: Order) {
    world.service.carry_out(order, "test").await.unwrap();
}

async fn limit(world: &World, level: Level, per: Per, limited: Limited, most: u32) {
    let mut change = LimitsChange::default();
    change.0[limited as usize] = Some(Allowance::AtMost(most));
    order(world, Order::SetLimits { level, per, change }).await;
}

/// Asks one question and returns the action; the answer must be exactly one.
async fn ask(peer: &mut Peer, attributes: &[(&str, &str)]) -> String {
    let lines: String = attributes.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    peer.say(&format!("request=smtpd_access_policy\n{lines}\n")).await;
    let action = peer.hear().await.expect("an answer");
    assert_eq!(peer.hear().await.as_deref(), Some(""), "after {action}");
    action.strip_prefix("action=").expect("an action").to_owned()
}

/// A step of Ann's session at home.
async fn step(peer: &mut Peer, state: &str, sender: &str, instance: &str, recipients: u32) -> String {
    let recipients = recipients.to_string();
    let attributes = [
        ("protocol_state", state),
        ("client_address", HOME),
        ("client_port", "40000"),
        ("sasl_username", ANN),
        ("sender", sender),
        ("recipient_count", &recipients),
        ("instance", instance),
    ];
    ask(peer, &attributes).await
}

async fn kinds(world: &World) -> Vec<(Kind, Option<String>)> {
    let query = EventQuery { limit: 1000, ..EventQuery::default() };
    let events = world.service.events(query).await.unwrap();
    events.into_iter().map(|(_, event)| (event.kind, event.reason)).collect()
}

#[tokio::test]
async fn a_blocked_address_is_sent_away_at_once() {
    let world = World::start("lockout.failures = 3").await;
    world.account(ANN).await;
    let mut peer = world.raw("policy").await;
    let greeting = [("protocol_state", "CONNECT"), ("client_address", HOME)];
    assert_eq!(ask(&mut peer, &greeting).await, "DUNNO");
    let mut client = world.client().await;
    for _ in 0..3 {
        assert_eq!(client.login(ANN, "wrong", HOME).await, "FAIL");
    }
    let action = ask(&mut peer, &greeting).await;
    assert!(action.starts_with("421 4.7.0 ") && action.contains("2027-01-15"), "{action}");
    for state in ["XCLIENT", "EHLO", "MAIL", "RCPT"] {
        let action = ask(&mut peer, &[("protocol_state", state), ("client_address", HOME)]).await;
        assert!(action.starts_with("421 4.7.0 "), "{state}: {action}");
    }
    assert_eq!(ask(&mut peer, &[("protocol_state", "DATA"), ("client_address", HOME)]).await, "DUNNO");
    for other in ["192.0.2.8", "unknown", "", "2001:db8::1"] {
        let action = ask(&mut peer, &[("protocol_state", "CONNECT"), ("client_address", other)]).await;
        assert_eq!(action, "DUNNO", "{other:?}");
    }
    let mapped = [("protocol_state", "CONNECT"), ("client_address", "::ffff:192.0.2.7")];
    assert!(ask(&mut peer, &mapped).await.starts_with("421"), "the same address");
    world.service.lift_block(HOME.parse::<std::net::IpAddr>().unwrap(), "test").await.unwrap();
    assert_eq!(ask(&mut peer, &greeting).await, "DUNNO");
    let since = world.service.now();
    let block = Block::by_hand(since, since.plus(Duration::from_secs(60)), "by hand");
    world.service.add_block(HOME.parse::<std::net::IpAddr>().unwrap(), block, "test").await.unwrap();
    assert!(ask(&mut peer, &greeting).await.starts_with("421"));
    world.pass(Duration::from_secs(60));
    assert_eq!(ask(&mut peer, &greeting).await, "DUNNO", "its end is its end");
}

#[tokio::test]
async fn a_sender_is_ones_own_or_granted() {
    let world = World::start("[accounts]\ndefault_domain = \"example.org\"").await;
    for account in [ANN, BOB, "team@example.org", "news@example.org"] {
        world.account(account).await;
    }
    let place = |text: &str| Place::parse(text, None).unwrap();
    for (alias, of) in [("info@example.org", ANN), ("@example.net", "@example.org")] {
        order(&world, Order::AddAlias(Alias::new(place(alias), place(of)).unwrap())).await;
    }
    for (owner, right) in
        [("team@example.org", Right::SendAs), ("news@example.org", Right::OnBehalf), (BOB, Right::Read)]
    {
        order(&world, Order::Grant { owner: name(owner), delegate: name(ANN), right }).await;
    }
    let mut peer = world.raw("policy").await;
    for sender in [
        ANN,
        "ann",
        "Ann+Shop@Example.ORG",
        "info@example.org",
        "ann@example.net",
        "info+x@example.net",
        "team@example.org",
        "news@example.org",
        "",
    ] {
        for state in ["MAIL", "RCPT"] {
            assert_eq!(step(&mut peer, state, sender, "", 0).await, "DUNNO", "{state} {sender:?}");
        }
    }
    for sender in
        [BOB, "ghost@example.org", "ann@example.com", "a b@example.org", "bob@example.net", "@", "\u{202e}"]
    {
        for state in ["MAIL", "RCPT"] {
            let action = step(&mut peer, state, sender, "", 0).await;
            assert!(action.starts_with("553 5.7.1 "), "{state} {sender:?}: {action}");
            for word in [sender, ANN, "send-as", "on-behalf"] {
                assert!(action.contains(word), "{word} in {action}");
            }
        }
    }
    // Whoever is not logged in is not ours to judge, and other states are no time for it.
    let stranger = [("protocol_state", "MAIL"), ("client_address", HOME), ("sender", BOB)];
    assert_eq!(ask(&mut peer, &stranger).await, "DUNNO");
    for state in ["CONNECT", "HELO", "VRFY", "ETRN", "FUTURE", ""] {
        assert_eq!(step(&mut peer, state, BOB, "", 0).await, "DUNNO", "{state}");
    }
    order(&world, Order::Withdraw { owner: name("team@example.org"), delegate: name(ANN) }).await;
    assert!(step(&mut peer, "MAIL", "team@example.org", "", 0).await.starts_with("553"), "at once");
    let refused = kinds(&world).await.into_iter().filter(|(kind, _)| *kind == Kind::Sending).count();
    assert_eq!(refused, 1, "refusals of one source and account are summed up");
}

#[tokio::test]
async fn the_null_sender_is_a_setting() {
    let world = World::start("sending.null_sender = \"refuse\"").await;
    world.account(ANN).await;
    let mut peer = world.raw("policy").await;
    let action = step(&mut peer, "MAIL", "", "", 0).await;
    assert!(action.starts_with("553 5.7.1 "), "{action}");
}

#[tokio::test]
async fn a_login_that_is_no_longer_good_sends_nothing_more() {
    let world = World::start("").await;
    world.account(ANN).await;
    world.password(ANN, "phone", SECRET).await;
    let mut peer = world.raw("policy").await;
    let mut client = world.client().await;
    let params = format!("service=smtp\trip={HOME}");
    assert!(client.answer(ANN, SECRET, &params).await.starts_with("OK"));
    assert_eq!(step(&mut peer, "MAIL", ANN, "", 0).await, "DUNNO");
    order(&world, Order::Revoke { account: name(ANN), which: Which::All }).await;
    for state in ["MAIL", "RCPT", "DATA"] {
        let action = step(&mut peer, state, ANN, "m", 1).await;
        assert!(action.starts_with("421 4.7.0 "), "{state}: {action}");
    }
    assert_eq!(
        step(&mut peer, "END-OF-MESSAGE", ANN, "m", 1).await,
        "DUNNO",
        "what has come is not sent back"
    );
    world.password(ANN, "phone", "Wm3xTq8ZpK5rHc2d").await;
    assert!(client.answer(ANN, "Wm3xTq8ZpK5rHc2d", &params).await.starts_with("OK"));
    assert_eq!(step(&mut peer, "MAIL", ANN, "", 0).await, "DUNNO", "a new login is a new session");
    let disable =
        Order::SetAccount { account: name(ANN), enabled: Some(false), two_factor: None, group: None };
    order(&world, disable).await;
    assert!(step(&mut peer, "MAIL", ANN, "", 0).await.starts_with("421"));
}

#[tokio::test]
async fn limits_open_again_when_they_say() {
    let world = World::start("").await;
    world.account(ANN).await;
    limit(&world, Level::Default, Per::Account, Limited::RecipientsPerHour, 5).await;
    let mut peer = world.raw("policy").await;
    assert_eq!(step(&mut peer, "DATA", ANN, "m1", 5).await, "DUNNO");
    assert_eq!(step(&mut peer, "END-OF-MESSAGE", ANN, "m1", 5).await, "DUNNO");
    let action = step(&mut peer, "DATA", ANN, "m2", 1).await;
    assert!(action.starts_with("450 4.7.1 ") && action.contains("5 recipients per hour"), "{action}");
    assert!(action.contains("2027-01-15 09:0"), "when it opens: {action}");
    let action = step(&mut peer, "DATA", ANN, "m3", 6).await;
    assert!(action.starts_with("554 5.7.1 "), "no waiting helps: {action}");
    world.pass(Duration::from_secs(3600 + 300));
    assert_eq!(step(&mut peer, "DATA", ANN, "m2", 1).await, "DUNNO");
    let events = kinds(&world).await;
    let reached: Vec<_> = events.iter().filter(|(kind, _)| *kind == Kind::LimitReached).collect();
    assert_eq!(reached.len(), 1);
    assert_eq!(reached[0].1.as_deref(), Some("5 recipients per hour per account"));
    let booked = events.iter().filter(|(kind, reason)| {
        *kind == Kind::Sending && reason.as_deref() == Some("sender ann@example.org, 5 recipients")
    });
    assert_eq!(booked.count(), 1);
}

/// Each fifteen minutes another DATA, and all ends at once.
#[tokio::test]
async fn whoever_holds_data_open_gets_no_more_than_the_limit() {
    let world = World::start("").await;
    world.account(ANN).await;
    limit(&world, Level::Default, Per::Account, Limited::RecipientsPerHour, 100).await;
    let mut peer = world.raw("policy").await;
    let mut came = 0;
    for n in 0..5 {
        step(&mut peer, "DATA", ANN, &format!("slow{n}"), 100).await;
        world.pass(Duration::from_secs(905));
        // Others send, and their ends are heard of.
        let other = [("protocol_state", "END-OF-MESSAGE"), ("sasl_username", "bob@example.org")];
        ask(&mut peer, &[&other[..], &[("client_address", HOME), ("sender", "bob@example.org")]].concat())
            .await;
    }
    for n in 0..5 {
        let action = step(&mut peer, "END-OF-MESSAGE", ANN, &format!("slow{n}"), 100).await;
        assert!(action == "DUNNO" || action.starts_with("450 4.7.1 "), "{action}");
        came += usize::from(action == "DUNNO");
    }
    assert_eq!(came, 1);
}

#[tokio::test]
async fn of_two_sessions_that_race_for_the_last_recipient_one_wins() {
    let world = World::start("").await;
    world.account(ANN).await;
    limit(&world, Level::Account(name(ANN)), Per::Account, Limited::RecipientsPerDay, 7).await;
    let mut racers = Vec::new();
    for n in 0..20 {
        let mut peer = world.raw("policy").await;
        racers.push(tokio::spawn(async move {
            step(&mut peer, "DATA", ANN, &format!("race.{n}"), 1).await == "DUNNO"
        }));
    }
    let mut won = 0;
    for racer in racers {
        won += u32::from(racer.await.unwrap());
    }
    assert_eq!(won, 7);
}

#[tokio::test]
async fn a_password_has_limits_of_its_own_and_the_one_that_did_it_goes() {
    let settings = "sending.on_limit = \"revoke-client-password\"";
    let world = World::start(settings).await;
    world.account(ANN).await;
    world.password(ANN, "phone", SECRET).await;
    world.password(ANN, "script", "Wm3xTq8ZpK5rHc2d").await;
    limit(&world, Level::Default, Per::ClientPassword, Limited::MessagesPerHour, 2).await;
    let (mut client, mut peer) = (world.client().await, world.raw("policy").await);
    let params = format!("service=smtp\trip={HOME}");
    assert!(client.answer(ANN, "Wm3xTq8ZpK5rHc2d", &params).await.starts_with("OK"));
    for n in 0..2 {
        assert_eq!(step(&mut peer, "DATA", ANN, &format!("s{n}"), 1).await, "DUNNO");
        assert_eq!(step(&mut peer, "END-OF-MESSAGE", ANN, &format!("s{n}"), 1).await, "DUNNO");
    }
    let action = step(&mut peer, "DATA", ANN, "s2", 1).await;
    assert!(action.starts_with("450 4.7.1 "), "{action}");
    assert!(step(&mut peer, "MAIL", ANN, "", 0).await.starts_with("421"), "its session is over");
    assert!(client.answer(ANN, "Wm3xTq8ZpK5rHc2d", &params).await.starts_with("FAIL"));
    assert!(client.answer(ANN, SECRET, &params).await.starts_with("OK"), "the phone is not concerned");
    assert_eq!(step(&mut peer, "DATA", ANN, "p0", 1).await, "DUNNO");
    let account = world.service.account(&name(ANN)).await.unwrap().unwrap();
    assert_eq!(account.revoked[0].name, "script");
}

#[tokio::test]
async fn whom_only_the_upstream_knows_is_counted_and_shown() {
    let world = World::start("").await;
    limit(&world, Level::Default, Per::Account, Limited::RecipientsPerDay, 10).await;
    assert!(world.service.account_limits(name(ANN)).await.is_err(), "nothing is known of him");
    let mut peer = world.raw("policy").await;
    assert_eq!(step(&mut peer, "DATA", ANN, "m1", 4).await, "DUNNO");
    let standing = world.service.account_limits(name(ANN)).await.unwrap();
    assert_eq!(standing.limits[Limited::RecipientsPerDay as usize].used, 4);
    assert!(step(&mut peer, "DATA", ANN, "m2", 7).await.starts_with("450"), "the default holds for him too");
}

#[tokio::test]
async fn what_was_sent_is_forgotten_in_time() {
    let world = World::start("").await;
    world.account(ANN).await;
    limit(&world, Level::Default, Per::Account, Limited::RecipientsPerDay, 10).await;
    let used = async || {
        let standing = world.service.account_limits(name(ANN)).await.unwrap();
        standing.limits[Limited::RecipientsPerDay as usize].used
    };
    let mut peer = world.raw("policy").await;
    assert_eq!(step(&mut peer, "DATA", ANN, "never ends", 4).await, "DUNNO");
    assert_eq!(used().await, 4);
    world.pass(Duration::from_secs(16 * 60));
    world.service.sweep().await;
    assert_eq!(used().await, 4, "where nobody asks at the end, DATA is what counts");
    assert_eq!(step(&mut peer, "END-OF-MESSAGE", ANN, "ends", 3).await, "DUNNO");
    world.service.sweep().await;
    assert_eq!(used().await, 3, "what never ended counts no longer");
    world.pass(Duration::from_secs(86_400 + 600));
    world.service.sweep().await;
    let store = rusqlite::Connection::open(world.socket("store.db")).unwrap();
    for table in ["sent", "message"] {
        let rows = store.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0));
        assert_eq!(rows, Ok(0), "{table}");
    }
}

#[tokio::test]
async fn a_limit_is_told_once_even_if_nobody_listens_at_first() {
    let folder = tempfile::tempdir().unwrap();
    let (told, lost) = (folder.path().join("told"), folder.path().join("lost"));
    let settings = |command: &str| format!("notices.command = [\"/bin/sh\", \"-c\", {command:?}]");
    let world = World::start_in(folder, &settings(&format!("touch {lost:?}; exit 1")), START).await;
    world.account(ANN).await;
    limit(&world, Level::Default, Per::Account, Limited::MessagesPerHour, 1).await;
    let mut peer = world.raw("policy").await;
    assert_eq!(step(&mut peer, "DATA", ANN, "the first", 1).await, "DUNNO");
    for n in 0..5 {
        let action = step(&mut peer, "DATA", ANN, &format!("m{n}"), 1).await;
        assert!(action.starts_with("450 4.7.1 "), "{action}");
    }
    while !lost.exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let later = world.service.now().plus(Duration::from_secs(60));
    let world = World::start_in(world.stop().await, &settings(&format!("cat >> {told:?}")), later).await;
    let text = loop {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let text = std::fs::read_to_string(&told).unwrap_or_default();
        if text.contains("\"text\"") {
            break text;
        }
    };
    let notice: serde_json::Value = serde_json::from_str(&text).expect("exactly one notice");
    assert_eq!(notice["account"], ANN);
    assert_eq!(notice["limit"]["on"], "messages-per-hour");
    drop(world);
}

#[tokio::test]
async fn counts_and_reservations_survive_a_restart() {
    let world = World::start("").await;
    world.account(ANN).await;
    world.password(ANN, "phone", SECRET).await;
    limit(&world, Level::Default, Per::ClientPassword, Limited::MessagesPerDay, 2).await;
    let (mut client, mut peer) = (world.client().await, world.raw("policy").await);
    assert!(client.answer(ANN, SECRET, &format!("service=smtp\trip={HOME}")).await.starts_with("OK"));
    assert_eq!(step(&mut peer, "DATA", ANN, "m1", 1).await, "DUNNO");
    assert_eq!(step(&mut peer, "END-OF-MESSAGE", ANN, "m1", 1).await, "DUNNO");
    assert_eq!(step(&mut peer, "DATA", ANN, "m2", 1).await, "DUNNO");
    let now = world.service.now();
    let world = World::start_in(world.stop().await, "", now).await;
    let mut peer = world.raw("policy").await;
    assert_eq!(step(&mut peer, "END-OF-MESSAGE", ANN, "m2", 1).await, "DUNNO", "the mail is not lost");
    let action = step(&mut peer, "DATA", ANN, "m3", 1).await;
    assert!(action.starts_with("450"), "the password is known from its last use: {action}");
}

#[tokio::test]
async fn bursts_are_paced_and_declared_hosts_are_not() {
    let settings = "[sending]\nburst_per_connection = 2\nburst_per_address = 3\n\
                    [lockout]\nexempt = [\"198.51.100.0/24\"]";
    let world = World::start(settings).await;
    world.account(ANN).await;
    let mut peer = world.raw("policy").await;
    let mut mail = async |address: &str, port: &str| {
        let attributes = [
            ("protocol_state", "MAIL"),
            ("client_address", address),
            ("client_port", port),
            ("sasl_username", ANN),
            ("sender", ANN),
        ];
        ask(&mut peer, &attributes).await
    };
    for port in ["1", "1", "2"] {
        assert_eq!(mail(HOME, port).await, "DUNNO");
    }
    let too_fast = mail(HOME, "1").await;
    assert!(too_fast.starts_with("450 4.7.1 Too many messages"), "{too_fast}");
    assert!(mail(HOME, "3").await.starts_with("450"), "the address is too fast");
    for port in ["1", "2", "3", "4", "5"] {
        assert_eq!(mail("198.51.100.1", port).await, "DUNNO", "a declared host speaks for many");
    }
}

#[tokio::test]
async fn who_only_asks_and_listens_is_answered() {
    let world = World::start("").await;
    let mut peer = world.raw("policy").await;
    peer.say("request=smtpd_access_policy\nprotocol_state=CONNECT\nclient_address=192.0.2.7\n\n").await;
    peer.stop_talking().await;
    assert_eq!(peer.hear().await.as_deref(), Some("action=DUNNO"));
    assert_eq!(peer.hear().await.as_deref(), Some(""));
    assert_eq!(peer.hear().await, None, "and then it is over");
    let mut half = world.raw("policy").await;
    half.say("request=smtpd_access_policy\nprotocol_state=CONNECT\n").await;
    half.stop_talking().await;
    assert_eq!(half.hear().await, None, "half a question has no answer");
}

/// Fifty thousand requests with attributes missing, doubled and broken: exactly one answer to each.
#[tokio::test]
async fn fifty_thousand_odd_requests_get_one_answer_each() {
    const REQUESTS: u32 = 50_000;
    let world = World::start("").await;
    world.account(ANN).await;
    limit(&world, Level::Default, Per::Account, Limited::MessagesPerDay, 100).await;
    let mut peer = world.raw("policy").await;
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = move |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let states = ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "END-OF-MESSAGE", "XCLIENT", "VRFY", "\u{fffd}"];
    for batch in 0..REQUESTS / 50 {
        let mut wire = String::new();
        for n in 0..50 {
            let instance = format!("{batch}.{n}");
            let attributes = [
                ("request", "smtpd_access_policy"),
                ("protocol_state", states[usize::try_from(draw(9)).unwrap()]),
                (
                    "client_address",
                    ["192.0.2.7", "unknown", "::1", "300.1.1.1"][usize::try_from(draw(4)).unwrap()],
                ),
                ("client_port", ["1", "", "x", "70000"][usize::try_from(draw(4)).unwrap()]),
                ("sasl_username", [ANN, BOB, "", "a\u{202e}b"][usize::try_from(draw(4)).unwrap()]),
                ("sender", [ANN, BOB, "", "=\"@=", "a@b@c"][usize::try_from(draw(5)).unwrap()]),
                ("recipient_count", ["0", "1", "-1", "99999999999", ""][usize::try_from(draw(5)).unwrap()]),
                ("instance", instance.as_str()),
            ];
            for (name, value) in attributes {
                match draw(10) {
                    0 => {}
                    1 => wire.push_str(&format!("{name}={value}\n{name}={value}x\n")),
                    2 => wire.push_str(&format!("{name}\n")),
                    3 => wire.push_str(&format!("{name} = {value}\n")),
                    _ => wire.push_str(&format!("{name}={value}\n")),
                }
            }
            wire.push('\n');
        }
        peer.say(&wire).await;
        for _ in 0..50 {
            let action = peer.hear().await.expect("an answer");
            assert!(action.starts_with("action="), "{action}");
            assert_eq!(peer.hear().await.as_deref(), Some(""));
        }
    }
    assert_eq!(ask(&mut peer, &[]).await, "DUNNO", "and none too many");
}

#[tokio::test]
async fn who_may_send_under_an_address_is_asked_again_when_it_changes() {
    let world = World::start("").await;
    world.account(ANN).await;
    world.account(BOB).await;
    let logins = async || match Arc::clone(&world.service).ask(Question::Owners(BOB.to_owned())).await {
        Answer::Owners(Some(logins)) => logins,
        other => panic!("{other:?}"),
    };
    assert_eq!(logins().await, [BOB]);
    order(&world, Order::Grant { owner: name(BOB), delegate: name(ANN), right: Right::SendAs }).await;
    assert_eq!(logins().await, [BOB, ANN]);
    assert_eq!(logins().await, [BOB, ANN], "from memory");
    order(&world, Order::Withdraw { owner: name(BOB), delegate: name(ANN) }).await;
    assert_eq!(logins().await, [BOB]);
    order(&world, Order::RemoveAccount(name(BOB))).await;
    assert!(logins().await.is_empty());
}
