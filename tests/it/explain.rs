//! `sidegate explain` over a real daemon.

use serde_json::{Value, json};

use crate::daemon::{ANN, Daemon};

const HOME: &str = "192.0.2.7";

#[test]
fn the_story_of_a_device_with_a_removed_password() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(folder.path());
    assert_eq!(daemon.sidegate(&["account", "add", ANN]).0, 0);
    let explain = |arguments: &[&str]| {
        let (status, out, err) = daemon.sidegate(&[&["explain"], arguments].concat());
        assert_eq!((status, err.as_str()), (0, ""), "{arguments:?}");
        out
    };
    let facts = |subject: &str| -> Value { serde_json::from_str(&explain(&[subject, "--json"])).unwrap() };

    assert_eq!(facts(HOME)["situation"], "silent");
    assert_eq!(facts(ANN)["situation"], "no-passwords");
    assert_eq!(facts("nobody@example.org")["situation"], "no-account");

    let old = daemon.new_password("Old phone");
    let new = daemon.new_password("New phone");
    assert_eq!(daemon.peer().login(&new, HOME), "OK");
    assert_eq!(facts(HOME)["situation"], "well");
    assert_eq!(daemon.sidegate(&["password", "revoke", ANN, "--name", "Old phone"]).0, 0);
    let mut peer = daemon.peer();
    for _ in 0..3 {
        assert_eq!(peer.login(&old, HOME), "FAIL");
    }
    let source = daemon.control("GET", &format!("/v1/sources?address={HOME}"), &json!({}));
    assert_eq!((&source["failures"], &source["block"]), (&json!(3), &Value::Null));
    let story = facts(HOME);
    assert_eq!((&story["situation"], &story["cause"]["kind"]), (&json!("failing"), &json!("removed")));

    for _ in 3..10 {
        assert_eq!(peer.login(&old, HOME), "FAIL");
    }
    assert_eq!(peer.login(&new, HOME), "FAIL", "blocked");
    let story = facts(HOME);
    assert_eq!(story["situation"], "blocked");
    assert_eq!((&story["led_to_block"][0]["count"], &story["turned_away"]), (&json!(10), &json!(1)));
    let text = explain(&[HOME, "--lang", "en"]);
    for said in ["removed client password \"Old phone\" of ann@example.org", "block lift 192.0.2.7"] {
        assert!(text.contains(said), "{said} in\n{text}");
    }
    let text = explain(&[ANN, "--lang", "zh-CN"]);
    assert!(text.contains("已移除的客户端专用密码“Old phone”") && text.contains(HOME), "{text}");
    assert!(!text.contains(&old) && !text.contains(&new));
    let story = facts(ANN);
    assert_eq!((&story["situation"], &story["blocks"][0]["address"]), (&json!("blocked"), &json!(HOME)));

    let six = facts("2001:db8::7");
    assert_eq!(six["source"]["address"], "2001:db8::/64", "failures are counted by network");
    let (status, answer) = daemon.ask("GET", "/v1/sources?address=here", &json!({}));
    assert_eq!((status, &answer["error"]), (400, &json!("bad-request")));
    assert_eq!(daemon.sidegate(&["explain", HOME, "--lang", "fr"]).0, 2);

    for alias in ["info@example.org", "@example.net"] {
        assert_eq!(daemon.sidegate(&["alias", "add", ANN, alias]).0, 0);
    }
    for alias in ["Info@example.org", "info+shop@example.org", "anything@example.net"] {
        let story = facts(alias);
        assert_eq!((&story["situation"], &story["alias_of"]), (&json!("alias"), &json!([ANN])), "{alias}");
        assert_eq!(
            (&story["owners"][0]["subject"], &story["owners"][0]["situation"]),
            (&json!(ANN), &json!("blocked"))
        );
    }
    let text = explain(&["info@example.org", "--lang", "zh"]);
    assert!(
        text.contains("这是 ann@example.org 的别名") && text.contains("已移除的客户端专用密码“Old phone”"),
        "{text}"
    );
    let owners = |address: &str| daemon.control("GET", &format!("/v1/owners?address={address}"), &json!({}));
    assert_eq!(owners("ANN@example.org"), json!({ "address": ANN, "owners": [ANN] }));
    assert_eq!(owners("nobody@example.org")["owners"], json!([]));
    assert_eq!(daemon.ask("GET", "/v1/owners?address=", &json!({})).0, 400);
}
