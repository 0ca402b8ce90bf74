//! A domain is one in all its spellings, at every door.

use std::fs;
use std::sync::Arc;

use data_encoding::BASE64;
use serde_json::{Value, json};
use sidegate::gate::alias::{Alias, Place};
use sidegate::gate::name::AccountName;
use sidegate::gate::order::Order;
use sidegate::gate::question::{Answer, HeaderCheck, HeaderVerdict, Question};
use sidegate::gate::secret::SECRET_BYTES_MAX;
use sidegate::store::EventQuery;

use crate::daemon::{ANN, Daemon};
use crate::world::World;

const EVE: &str = "eve@xn--mnchen-3ya.example";
const EVE_SHOWN: &str = "eve@münchen.example";

/// As people, browsers, phones and mail servers spell it.
const SPELLINGS: [&str; 4] = [EVE, EVE_SHOWN, "EVE@XN--MNCHEN-3YA.example", "eve＠München。example"];

#[tokio::test]
async fn postfix_is_answered_the_same_in_all_spellings() {
    let world = World::start("accounts.default_domain = \"München.example\"").await;
    world.account(EVE_SHOWN).await;
    let place = |text: &str| Place::parse(text, None).unwrap();
    for (alias, of) in [("@bücher.example", "@münchen.example"), ("info@bücher.example", EVE_SHOWN)] {
        let alias = Alias::new(place(alias), place(of)).unwrap();
        world.service.carry_out(Order::AddAlias(alias), "test").await.unwrap();
    }
    let ask = |question| Arc::clone(&world.service).ask(question);
    for asked in SPELLINGS.into_iter().chain(["eve@bücher.example", "info@xn--bcher-kva.example", "eve"]) {
        let Answer::Owners(owners) = ask(Question::Owners(asked.to_owned())).await else { panic!("owners") };
        assert_eq!(owners.as_deref(), Some(&[EVE.to_owned()][..]), "{asked}");
    }
    for login in SPELLINGS {
        for from in ["eve@münchen.example", "eve@xn--mnchen-3ya.example", "info@bücher.example"] {
            let check = HeaderCheck {
                login: login.to_owned(),
                envelope: format!("<{from}>").into_bytes(),
                from: vec![format!("Eve <{from}>").into_bytes()],
                sender: Vec::new(),
                unreadable: false,
                address: None,
                queue_id: "1".to_owned(),
            };
            let Answer::Headers(verdict) = ask(Question::Headers(check)).await else { panic!("headers") };
            assert_eq!(verdict, HeaderVerdict::Accept, "{login} {from}");
        }
    }
    let mut policy = world.raw("policy").await;
    for (login, sender, expected) in [
        (EVE_SHOWN, EVE, "action=DUNNO"),
        (EVE, "Eve@MÜNCHEN.example", "action=DUNNO"),
        (EVE, "info@xn--bcher-kva.example", "action=DUNNO"),
        (EVE, "eve+x@bücher.example", "action=DUNNO"),
        (EVE, "eve@munchen.example", "action=553"),
    ] {
        let question = format!(
            "request=smtpd_access_policy\nprotocol_state=MAIL\nclient_address=192.0.2.7\nsasl_username={login}\nsender={sender}\n\n"
        );
        policy.say(&question).await;
        let action = policy.hear().await.unwrap();
        assert!(action.starts_with(expected), "{login} {sender}: {action}");
        assert_eq!(policy.hear().await.as_deref(), Some(""));
    }
    assert!(world.service.account(&AccountName::parse(EVE, None).unwrap()).await.unwrap().is_some());
}

#[test]
fn the_control_api_keeps_ascii_and_the_command_line_shows_unicode() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(folder.path());
    let get = |path: &str| daemon.control("GET", path, &Value::Null);
    let made = daemon.control("POST", "/v1/accounts", &json!({ "address": EVE_SHOWN }));
    assert_eq!(made["address"], EVE);
    for spelling in SPELLINGS {
        let (status, _) = daemon.ask("POST", "/v1/accounts", &json!({ "address": spelling }));
        assert_eq!(status, 409, "{spelling}");
    }
    daemon.control("POST", "/v1/accounts", &json!({ "address": ANN }));
    let encoded = "eve@m%C3%BCnchen.example";
    assert_eq!(get(&format!("/v1/accounts/{encoded}"))["address"], EVE);
    for search in ["m%C3%BCnchen", "xn--mnchen", encoded, "eve"] {
        let found = get(&format!("/v1/accounts?search={search}"));
        assert_eq!(found["accounts"].as_array().unwrap().len(), 1, "{search}");
    }
    let alias = json!({ "alias": "info@bücher.example", "of": EVE_SHOWN });
    assert_eq!(daemon.control("POST", "/v1/aliases", &alias)["of"], EVE);
    let grant = json!({ "owner": ANN, "delegate": EVE_SHOWN, "right": "read" });
    assert_eq!(daemon.control("POST", "/v1/delegations", &grant)["delegate"], EVE);
    assert!(get(&format!("/v1/events?account={encoded}"))["events"].as_array().unwrap().len() > 1);
    // An import meets the same account.
    let rows = folder.path().join("aliases.csv");
    fs::write(&rows, format!("account,aliases\n{EVE_SHOWN},eva@münchen.example\n")).unwrap();
    let (status, _, told) = daemon.sidegate(&["import", "accounts", rows.to_str().unwrap()]);
    assert_eq!(status, 0, "{told}");
    let aliases = get("/v1/aliases");
    assert_eq!(aliases["aliases"][0]["alias"], "eva@xn--mnchen-3ya.example");

    for arguments in [&["account", "list"][..], &["alias", "list"], &["delegation", "list"], &["events"]] {
        let (_, shown, _) = daemon.sidegate(arguments);
        assert!(shown.contains(EVE_SHOWN) && !shown.contains("xn--"), "{arguments:?}: {shown}");
        let (_, json, _) = daemon.sidegate(&[&["--json"], arguments].concat());
        assert!(json.contains(EVE) && !json.contains(EVE_SHOWN), "{arguments:?}: {json}");
    }
    let (status, refused) = daemon.ask("POST", "/v1/accounts", &json!({ "address": "a,b@example.org" }));
    assert_eq!(status, 400, "{refused}");
}

/// What a stranger types reaches no column as it came, and what cannot be read leaves a trace and counts nothing.
#[tokio::test]
async fn what_strangers_send_is_kept_clean_and_told() {
    let world = World::start("lockout.failures = 3").await;
    world.account(ANN).await;
    let mut client = world.client().await;
    let name = BASE64.encode(b"ann\0x\x1b[2J@example.org");
    for id in 11..=13 {
        let line =
            format!("AUTH\t{id}\tLOGIN\tservice=smtp\tnologin\trip=192.0.2.7\tresp={name}\nCONT\t{id}\t!!\n");
        client.say(&line).await;
        assert_eq!(client.hear().await.unwrap(), format!("CONT\t{id}\tUGFzc3dvcmQ6"));
        assert!(client.hear().await.unwrap().contains("invalid_base64"));
    }
    let long = BASE64.encode(&[b"\0ann@example.org\0".to_vec(), vec![b'x'; SECRET_BYTES_MAX + 1]].concat());
    client.say(&format!("AUTH\t14\tPLAIN\tservice=smtp\tnologin\trip=192.0.2.7\tresp={long}\n")).await;
    assert_eq!(client.hear().await.as_deref(), Some("FAIL\t14"));
    client
        .say(&format!("AUTH\t15\tLOGIN\tservice=smtp\tnologin\trip=192.0.2.7\tresp={name}\nCONT\t15\teA==\n"))
        .await;
    client.hear().await.unwrap();
    assert!(client.hear().await.unwrap().starts_with("FAIL\t15"));
    let source = world.service.source("192.0.2.7".parse().unwrap());
    assert!(source.block.is_none(), "only what was evaluated counts");
    let events = world.service.events(EventQuery { limit: 100, ..EventQuery::default() }).await.unwrap();
    let of = |reason: &str| {
        let events = events.iter().filter(|(_, event)| event.reason.as_deref() == Some(reason));
        events.map(|(_, event)| event.account.clone().unwrap_or_default()).collect::<Vec<_>>()
    };
    assert_eq!(of("bad-name"), ["ann\u{fffd}x\u{fffd}[2J@example.org"]);
    assert_eq!(of("unreadable"), ["ann\u{fffd}x\u{fffd}[2J@example.org", ANN]);
}
