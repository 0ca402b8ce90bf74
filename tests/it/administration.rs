//! Groups, aliases, delegations and limits over the control API and the command line of a real daemon.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};
use sidegate::gate::limits::LIMIT_MAX;

use crate::daemon::{ANN, Daemon};

const BOB: &str = "bob@example.org";
const EVE: &str = "eve@example.org";
const INFO: &str = "info@example.org";

/// A daemon that Postfix can ask too, with three accounts.
fn start() -> (tempfile::TempDir, Daemon) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("conf.d")).unwrap();
    let listener = format!("[[listen]]\nprotocol = \"policy\"\npath = {:?}\n", folder.path().join("policy"));
    fs::write(folder.path().join("conf.d/policy.toml"), listener).unwrap();
    let daemon = Daemon::start(folder.path());
    for account in [ANN, BOB, EVE] {
        daemon.control("POST", "/v1/accounts", &json!({ "address": account }));
    }
    (folder, daemon)
}

fn get(daemon: &Daemon, path: &str) -> Value {
    daemon.control("GET", path, &Value::Null)
}

/// A request that is refused, with this status and a sentence that says `why`.
fn check_refused(daemon: &Daemon, method: &str, path: &str, body: &Value, status: u16, why: &str) {
    let (said, answer) = daemon.ask(method, path, body);
    let message = answer["message"].as_str().unwrap();
    assert_eq!(said, status, "{method} {path} {body}: {message}");
    assert!(message.contains(why), "{method} {path} {body}: {message}");
}

#[test]
fn aliases_come_and_go_and_no_shared_one_by_guess() {
    let (_folder, daemon) = start();
    let add = |alias: &str, of: &str| {
        let made = daemon.control("POST", "/v1/aliases", &json!({ "alias": alias, "of": of }));
        assert_eq!(made, json!({ "alias": alias.to_lowercase(), "of": of.to_lowercase() }));
    };
    for (alias, of) in
        [(INFO, ANN), ("Info@example.org", BOB), ("@example.net", "@Example.ORG"), ("@a.b", ANN)]
    {
        add(alias, of);
    }
    let list = |query: &str| {
        let list = get(&daemon, &format!("/v1/aliases{query}"));
        let lines = list["aliases"].as_array().unwrap().clone();
        let lines = lines.iter().map(|line| format!("{} {}", line["alias"], line["of"]).replace('"', ""));
        (lines.collect::<Vec<_>>(), list["more"] == true)
    };
    let all = ["@a.b ann@example.org", "@example.net @example.org"].map(str::to_owned).to_vec();
    let shared = [format!("{INFO} {ANN}"), format!("{INFO} {BOB}")].to_vec();
    assert_eq!(list(""), ([all.clone(), shared.clone()].concat(), false));
    assert_eq!(list("?limit=2"), (all.clone(), true));
    assert_eq!(list("?limit=2&after=%40example.net&after_of=%40example.org"), (shared.clone(), false));
    assert_eq!(list(&format!("?after={INFO}&after_of={ANN}")), (shared[1..].to_vec(), false));
    assert_eq!(list("?of=%40example.org"), (all[1..].to_vec(), false));
    assert_eq!(list("?of=BOB@example.org"), (shared[1..].to_vec(), false));

    let new = |alias: &str, of: &str| json!({ "alias": alias, "of": of });
    for (body, status, why) in [
        (new("x@example.org", "nobody@example.org"), 404, "no account nobody@example.org"),
        (new(BOB, ANN), 409, "bob@example.org is an account"),
        (new(INFO, ANN), 409, "already"),
        (new(INFO, "@example.org"), 400, "not a whole domain's"),
        (new(ANN, ANN), 400, "itself"),
        (new("info", ANN), 400, "full mail address"),
        (new("@", ANN), 400, ""),
        (json!({ "alias": INFO }), 400, "of"),
    ] {
        check_refused(&daemon, "POST", "/v1/aliases", &body, status, why);
    }
    check_refused(&daemon, "POST", "/v1/accounts", &json!({ "address": INFO }), 409, "alias of");
    check_refused(&daemon, "GET", "/v1/aliases?of=nobody@example.org", &Value::Null, 404, "no account");
    check_refused(&daemon, "DELETE", "/v1/aliases", &Value::Null, 400, "alias");
    check_refused(&daemon, "DELETE", "/v1/aliases?alias=x@a.b", &Value::Null, 404, "no alias");
    let remove = format!("/v1/aliases?alias={INFO}");
    check_refused(&daemon, "DELETE", &remove, &Value::Null, 409, "ann@example.org, bob@example.org; ");
    check_refused(&daemon, "DELETE", &format!("{remove}&of={EVE}"), &Value::Null, 404, "no alias of eve");
    assert_eq!(daemon.control("DELETE", &format!("{remove}&of={ANN}"), &Value::Null), json!({}));
    assert_eq!(
        daemon.control("DELETE", &remove, &Value::Null),
        json!({}),
        "one is left: no need to say whose"
    );
    assert_eq!(list(""), (all, false));
}

#[test]
fn delegations_are_granted_listed_and_revoked() {
    let (_folder, daemon) = start();
    let grant = |owner: &str, delegate: &str, right: &str| {
        let body = json!({ "owner": owner, "delegate": delegate, "right": right });
        daemon.ask("POST", "/v1/delegations", &body)
    };
    let (status, made) = grant("ANN@example.org", BOB, "read");
    assert_eq!((status, &made["owner"], &made["right"]), (200, &json!(ANN), &json!("read")));
    assert!(made["since"].as_i64().unwrap() > 0);
    assert_eq!(grant(ANN, BOB, "read").1, made, "what is granted already is no mistake");
    assert_eq!(grant(ANN, BOB, "send-as").1["right"], "send-as", "in place of the one before");
    assert_eq!((grant(ANN, EVE, "on-behalf").0, grant(BOB, ANN, "read").0), (200, 200));
    let list = |query: &str| {
        let list = get(&daemon, &format!("/v1/delegations{query}"));
        let initial = |value: &Value| value.as_str().unwrap()[..1].to_owned();
        let lines = list["delegations"].as_array().unwrap().clone();
        let lines = lines.iter().map(|line| initial(&line["owner"]) + &initial(&line["delegate"]));
        (lines.collect::<Vec<_>>().join(" "), list["more"] == true)
    };
    assert_eq!(list(""), ("ab ae ba".into(), false));
    assert_eq!(list("?limit=1"), ("ab".into(), true));
    assert_eq!(list(&format!("?limit=1&after={ANN}&after_delegate={EVE}")), ("ba".into(), false));
    assert_eq!(list(&format!("?address={EVE}")), ("ae".into(), false));

    let new = |owner: &str, delegate: &str, right: &str| json!({ "owner": owner, "delegate": delegate, "right": right });
    for (body, status, why) in [
        (new(ANN, ANN, "read"), 409, "owner"),
        (new(ANN, "x@example.org", "read"), 404, "no account x@"),
        (new("x@example.org", ANN, "read"), 404, "no account x@"),
        (new(ANN, BOB, "write"), 400, "on-behalf"),
        (json!({ "owner": ANN, "delegate": BOB }), 400, "right"),
    ] {
        check_refused(&daemon, "POST", "/v1/delegations", &body, status, why);
    }
    check_refused(&daemon, "GET", "/v1/delegations?address=x@a.b", &Value::Null, 404, "no account");
    let revoke = |owner: &str, delegate: &str| format!("/v1/delegations?owner={owner}&delegate={delegate}");
    check_refused(&daemon, "DELETE", &revoke(EVE, ANN), &Value::Null, 404, "granted");
    check_refused(&daemon, "DELETE", &format!("/v1/delegations?owner={ANN}"), &Value::Null, 400, "delegate");
    daemon.control("DELETE", &revoke(ANN, BOB), &Value::Null);
    check_refused(&daemon, "DELETE", &revoke(ANN, BOB), &Value::Null, 404, "granted");
    assert_eq!(list(""), ("ae ba".into(), false));
}

#[test]
fn limits_are_set_level_by_level_and_listed() {
    let (_folder, daemon) = start();
    assert_eq!(get(&daemon, "/v1/limits"), json!({ "limits": [], "more": false }));
    let set = |body: Value| daemon.control("PATCH", "/v1/limits", &body);
    let level = set(json!({ "account": "Ann@example.org", "messages_per_hour": LIMIT_MAX }));
    let expected = json!({
        "level": "account", "name": ANN, "per": "account", "messages_per_hour": LIMIT_MAX,
        "recipients_per_hour": null, "messages_per_day": null, "recipients_per_day": null
    });
    assert_eq!(level, expected);
    let level = set(json!({ "account": ANN, "messages_per_day": "unlimited" }));
    let both = (&level["messages_per_hour"], &level["messages_per_day"]);
    assert_eq!(both, (&json!(LIMIT_MAX), &json!("unlimited")), "what is absent stays");
    set(json!({ "group": "Staff", "per": "client-password", "recipients_per_day": 0 }));
    set(json!({ "default": true, "per": "address", "recipients_per_hour": 300 }));
    set(json!({ "default": true, "recipients_per_hour": 200 }));
    let list = |query: &str| {
        let list = get(&daemon, &format!("/v1/limits{query}"));
        let lines = list["limits"].as_array().unwrap().clone();
        let lines = lines.iter().map(|line| format!("{} {} {}", line["level"], line["name"], line["per"]));
        (lines.map(|line| line.replace('"', "")).collect::<Vec<_>>(), list["more"] == true)
    };
    let all = ["default null account", "default null address", "group staff client-password"];
    let all = [&all[..], &["account ann@example.org account"]].concat();
    let all: Vec<String> = all.into_iter().map(str::to_owned).collect();
    assert_eq!(list(""), (all.clone(), false));
    assert_eq!(list("?limit=3"), (all[..3].to_vec(), true));
    assert_eq!(list("?limit=1&after_level=default&after_per=account"), (all[1..2].to_vec(), true));
    let after = "?after_level=group&after_name=staff&after_per=client-password";
    assert_eq!(list(after), (all[3..].to_vec(), false));

    for (body, status, why) in [
        (json!({ "messages_per_hour": 1 }), 400, "for whom"),
        (json!({ "account": ANN, "default": true, "messages_per_hour": 1 }), 400, "for whom"),
        (json!({ "account": "x@example.org", "messages_per_hour": 1 }), 404, "no account x@"),
        (json!({ "group": "no group", "messages_per_hour": 1 }), 400, "group name"),
        (json!({ "account": ANN, "per": "address", "messages_per_hour": 1 }), 409, "default only"),
        (json!({ "default": true, "per": "group" }), 400, "client-password"),
        (json!({ "default": true, "messages_per_hour": LIMIT_MAX + 1 }), 400, "highest limit"),
        (json!({ "default": true, "messages_per_hour": 5_000_000_000_u64 }), 400, "number up to"),
        (json!({ "default": true, "messages_per_hour": -1 }), 400, "number up to"),
        (json!({ "default": true, "messages_per_hour": "5" }), 400, "number up to"),
        (json!({ "default": true, "messages_per_week": 5 }), 400, "messages_per_week"),
    ] {
        check_refused(&daemon, "PATCH", "/v1/limits", &body, status, why);
    }
    assert_eq!(list("").0, all, "and nothing was changed");
    let none = set(json!({ "group": "staff", "per": "client-password", "recipients_per_day": "inherit" }));
    assert_eq!(none["recipients_per_day"], Value::Null);
    assert_eq!(list("").0.len(), 3, "a level that says nothing is none");
    daemon.control("DELETE", &format!("/v1/accounts/{ANN}"), &Value::Null);
    assert_eq!(list("").0, all[..2], "an account's limits go with it");
}

/// Sends a message as Postfix would ask about it; the daemon's word for its end.
fn send(daemon: &Daemon, instance: &str, recipients: u32) -> String {
    let mut stream = UnixStream::connect(daemon.folder.join("policy")).unwrap();
    let request = format!(
        "request=smtpd_access_policy\nprotocol_state=END-OF-MESSAGE\nclient_address=192.0.2.7\n\
         sasl_username={ANN}\nsender={ANN}\nrecipient_count={recipients}\ninstance={instance}\n\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

#[test]
fn what_is_in_force_and_used_is_told_with_its_winner() {
    let (_folder, daemon) = start();
    let path = format!("/v1/accounts/{ANN}/limits");
    let nothing = json!({ "at_most": null, "from": null, "used": 0, "reached": false, "opens": null });
    let fresh = get(&daemon, &path);
    assert_eq!((&fresh["group"], &fresh["passwords"]), (&Value::Null, &json!([])));
    assert_eq!(fresh["limits"]["messages_per_hour"], nothing);
    check_refused(&daemon, "GET", "/v1/accounts/x@a.b/limits", &Value::Null, 404, "no account");

    let secret = daemon.new_password("Ann's phone");
    daemon.control("PATCH", &format!("/v1/accounts/{ANN}"), &json!({ "group": "staff" }));
    let set = |body: Value| daemon.control("PATCH", "/v1/limits", &body);
    set(
        json!({ "default": true, "messages_per_hour": 1, "recipients_per_hour": 100, "recipients_per_day": 50 }),
    );
    set(json!({ "group": "staff", "messages_per_hour": 2, "recipients_per_day": "unlimited" }));
    set(json!({ "account": ANN, "recipients_per_hour": 6 }));
    set(json!({ "group": "staff", "per": "client-password", "messages_per_day": 0 }));
    set(json!({ "account": ANN, "per": "client-password", "messages_per_day": 9 }));

    let mut peer = daemon.peer();
    let resp = crate::world::plain(ANN, &secret);
    peer.say(&format!("AUTH\t99\tPLAIN\tservice=smtp\trip=192.0.2.7\tresp={resp}\n"));
    assert!(peer.hear().starts_with("OK\t"));
    assert_eq!(send(&daemon, "a", 2), "action=DUNNO");
    assert_eq!(send(&daemon, "b", 3), "action=DUNNO");
    let now = get(&daemon, &path);
    assert_eq!(now["group"], "staff");
    let of = |limits: &Value, name: &str| {
        let one = &limits[name];
        (one["at_most"].clone(), one["from"].clone(), one["used"].clone(), one["reached"] == true)
    };
    let limits = &now["limits"];
    assert_eq!(of(limits, "messages_per_hour"), (json!(2), json!("group"), json!(2), true));
    assert!(limits["messages_per_hour"]["opens"].as_i64().unwrap() > 0);
    assert_eq!(of(limits, "recipients_per_hour"), (json!(6), json!("account"), json!(5), false));
    assert_eq!(of(limits, "messages_per_day"), (Value::Null, Value::Null, json!(2), false));
    assert_eq!(of(limits, "recipients_per_day"), (Value::Null, json!("group"), json!(5), false));
    let phone = &now["passwords"][0];
    assert_eq!(phone["name"], "Ann's phone");
    let per_day = of(&phone["limits"], "messages_per_day");
    assert_eq!(per_day, (json!(9), json!("account"), json!(2), false));
    assert!(send(&daemon, "c", 1).starts_with("action=450"), "as it was told");

    let (_, shown, _) = daemon.sidegate(&["limits", "show", ANN]);
    assert!(shown.starts_with("ann@example.org (group staff)\nLIMIT "), "{shown}");
    assert!(shown.contains("\nmessages per hour    2          group    2     20"), "{shown}");
    assert!(shown.contains("\n\nclient password 1, \"Ann's phone\"\nLIMIT "), "{shown}");
    set(json!({ "account": ANN, "messages_per_hour": 0 }));
    let never = &get(&daemon, &path)["limits"]["messages_per_hour"];
    assert_eq!((&never["reached"], &never["opens"]), (&json!(true), &Value::Null), "zero never opens");
}

#[test]
fn the_command_line_sets_and_shows_all_of_it() {
    let (_folder, daemon) = start();
    let show = ["limits", "show"];
    assert_eq!(daemon.sidegate(&show), (0, String::new(), "no limits are set: nobody is limited\n".into()));
    for (expected, arguments, said) in [
        (0, &["account", "set", ANN, "--group", "Staff"][..], "ann@example.org: group staff\n"),
        (2, &["account", "set", ANN], "required"),
        (0, &["alias", "add", ANN, INFO], "info@example.org: an alias of ann@example.org\n"),
        (0, &["alias", "add", BOB, INFO], "info@example.org: an alias of bob@example.org\n"),
        (1, &["alias", "remove", INFO], "--of ACCOUNT"),
        (0, &["alias", "remove", INFO, "--of", BOB], "info@example.org: no longer an alias of bob"),
        (0, &["alias", "list"], "info@example.org  ann@example.org\n"),
        (0, &["alias", "remove", INFO], "info@example.org: no longer an alias\n"),
        (0, &["alias", "list", ANN], "no aliases\n"),
        (1, &["alias", "list", "nobody@example.org"], "no account"),
        (
            0,
            &["delegation", "grant", ANN, BOB, "--right", "send-as"],
            "bob@example.org may read the mail of ann",
        ),
        (1, &["delegation", "grant", ANN, ANN, "--right", "read"], "nothing can be granted to oneself"),
        (2, &["delegation", "grant", ANN, BOB, "--right", "all"], "read, on-behalf and send-as"),
        (0, &["delegation", "list", BOB], "bob@example.org  send-as  20"),
        (0, &["delegation", "revoke", ANN, BOB], "bob@example.org may do nothing for ann"),
        (1, &["delegation", "revoke", ANN, BOB], "granted"),
        (0, &["limits", "set", "--group", "staff", "--messages-per-hour", "5"], "group staff  account  5 "),
        (1, &["limits", "set", ANN, "--per", "address", "--messages-per-hour", "5"], "default only"),
        (2, &["limits", "set", "--default", "--messages-per-hour", "10000001"], "10000000"),
        (2, &["limits", "set", "--default"], "required"),
        (0, &["limits", "set", ANN, "--recipients-per-day", "unlimited"], "unlimited\n"),
        (0, &show, "group staff      account  5 "),
        (1, &["limits", "show", "nobody@example.org"], "no account"),
        (0, &["account", "set", ANN, "--no-group", "--two-factor", "on"], "two-factor on, no group\n"),
    ] {
        let (status, out, err) = daemon.sidegate(arguments);
        assert_eq!(status, expected, "{arguments:?}: {out}{err}");
        assert!((out.clone() + &err).contains(said), "{arguments:?}: {out}{err}");
    }
    let json = |arguments: &[&str]| {
        let (status, out, _) = daemon.sidegate(&[arguments, &["--json"]].concat());
        (status, serde_json::from_str::<Value>(&out).unwrap())
    };
    assert_eq!(json(&["alias", "list"]), (0, json!({ "aliases": [], "more": false })));
    assert_eq!(json(&show).1["limits"][0]["name"], "staff");
    assert_eq!(json(&["limits", "show", ANN]).1["limits"]["recipients_per_day"]["from"], "account");
}
