//! Commands against a daemon of sorts.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::Router;
use axum::extract::Query;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use clap::Parser;
use serde_json::{Value, json};

use super::*;
use crate::api::client::tests::{daemon, refusal};
use crate::api::{EventList, EventView};
use crate::clock::Timestamp;
use crate::gate::event::{Event, Kind};

/// What was written.
#[derive(Clone, Default)]
pub(super) struct Seen(Arc<Mutex<Vec<u8>>>);

impl Seen {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Seen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An output that can be looked at.
pub(super) fn sink(json: bool) -> (Out, Seen) {
    let seen = Seen::default();
    (Out::new(Box::new(seen.clone()), Style::plain(json)), seen)
}

/// An output that takes nothing.
struct Closed(io::ErrorKind);

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Events with these numbers.
pub(super) struct Page<'a>(pub(super) &'a [i64]);

impl IntoResponse for Page<'_> {
    fn into_response(self) -> Response {
        let event = |id: &i64| EventView { id: *id, event: Event::new(Timestamp(*id), Kind::Login, "gate") };
        Json(EventList { events: self.0.iter().map(event).collect() }).into_response()
    }
}

fn run_line(router: Router, line: &[&str]) -> (Result<(), Failure>, String) {
    let (_folder, socket) = daemon(router);
    let (mut out, seen) = sink(line.contains(&"--json"));
    let socket = socket.to_str().unwrap();
    let cli = Cli::try_parse_from([&["sidegate", "--socket", socket], line].concat()).unwrap();
    (run(cli, &mut out), seen.text())
}

fn new_password() -> Router {
    let answer = json!({ "id": 3, "name": "Phone", "password": "Fj7kQm2RxT9wBn4c", "expires": null });
    Router::new().route("/v1/accounts/{address}/passwords", post(|| async { Json(answer) }))
}

const NEW: [&str; 5] = ["password", "new", "ann@example.org", "--name", "Phone"];

#[test]
fn a_new_password_is_all_that_is_printed() {
    let (done, text) = run_line(new_password(), &NEW);
    assert!(done.is_ok());
    assert_eq!(text, "Fj7kQm2RxT9wBn4c\n");
    let (_, text) = run_line(new_password(), &[&NEW[..], &["--json"]].concat());
    assert_eq!(text, "{\"expires\":null,\"id\":3,\"name\":\"Phone\",\"password\":\"Fj7kQm2RxT9wBn4c\"}\n");
}

#[test]
fn a_password_nobody_saw_is_to_be_removed() {
    for (kind, json) in [(io::ErrorKind::BrokenPipe, false), (io::ErrorKind::StorageFull, true)] {
        let (_folder, socket) = daemon(new_password());
        let mut out = Out::new(Box::new(Closed(kind)), Style::plain(json));
        let cli =
            Cli::try_parse_from([&["sidegate", "--socket", socket.to_str().unwrap()], &NEW[..]].concat());
        let failure = run(cli.unwrap(), &mut out).unwrap_err();
        let words = failure.words().unwrap();
        assert!(words.contains("sidegate password revoke ann@example.org 3"), "{words}");
        assert!(!words.contains("Fj7k"));
        assert_eq!(failure.status(), 1);
    }
}

#[test]
fn the_request_is_what_was_typed() {
    let route = post(|Json(body): Json<Value>| async move { refusal(409, "refused", &body.to_string()) });
    let router = Router::new().route("/v1/accounts/{address}/passwords", route);
    let terms =
        ["--protocols", "imap,smtp", "--expires", "90d", "--from", "192.0.2.7", "--from", "2001:db8::/32"];
    let (done, text) = run_line(router, &[&NEW[..], &terms].concat());
    let failure = done.unwrap_err();
    assert_eq!((failure.status(), text.as_str()), (1, ""));
    let words = failure.words().unwrap();
    let body: Value = serde_json::from_str(words.strip_prefix("sidegate: ").unwrap()).unwrap();
    assert_eq!(
        body,
        json!({
            "name": "Phone", "expires_in": 7_776_000, "protocols": ["imap", "smtp"],
            "networks": ["192.0.2.7/32", "2001:db8::/32"]
        })
    );
}

/// Two pages; the second is asked for by the last name of the first.
fn two_pages() -> Router {
    let route = get(|Query(query): Query<Value>| async move {
        let line = |name: &str| json!({ "address": name, "enabled": true, "two_factor": true, "passwords": 1, "created": 0, "later": 1 });
        assert_eq!(query["search"], "example");
        match query.get("after").and_then(Value::as_str) {
            None => Json(json!({ "accounts": [line("ann@example.org")], "more": true })),
            Some("ann@example.org") => Json(json!({ "accounts": [line("bob@example.org")], "more": false })),
            Some(other) => panic!("{other}"),
        }
    });
    Router::new().route("/v1/accounts", route)
}

#[test]
fn all_pages_of_accounts_make_one_list() {
    let list = ["account", "list", "--search", "example"];
    let (_, text) = run_line(two_pages(), &list);
    assert_eq!(text.lines().count(), 3);
    assert!(text.contains("\nbob@example.org  enabled  on "), "{text}");
    let (_, text) = run_line(two_pages(), &[&list[..], &["--json"]].concat());
    let list: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(list["accounts"][1]["address"], "bob@example.org");
    assert_eq!(list["accounts"][0]["later"], 1, "what this version does not know is kept");
    assert_eq!(list["more"], false);
}

/// Tells what it was asked as a refusal.
fn echo() -> Router {
    Router::new().fallback(|method: axum::http::Method, uri: axum::http::Uri| async move {
        refusal(404, "not-found", &format!("{method} {uri}"))
    })
}

fn check_asked(line: &[&str], request: &str) {
    let (done, text) = run_line(echo(), line);
    let failure = done.unwrap_err();
    assert_eq!(failure.words().unwrap(), format!("sidegate: {request}"), "{line:?}");
    assert_eq!((failure.status(), text.as_str()), (1, ""));
}

#[test]
fn each_command_asks_its_question() {
    let ann = "ann@example.org";
    let account = "/v1/accounts/ann%40example.org";
    check_asked(&["status"], "GET /v1/status");
    check_asked(&["account", "add", ann], "POST /v1/accounts");
    check_asked(&["account", "show", ann], &format!("GET {account}"));
    check_asked(&["account", "remove", ann], &format!("DELETE {account}"));
    check_asked(&["account", "enable", ann], &format!("PATCH {account}"));
    check_asked(&["account", "set", ann, "--two-factor", "off"], &format!("PATCH {account}"));
    check_asked(&["password", "list", ann], &format!("GET {account}"));
    check_asked(&["password", "revoke", ann, "3"], &format!("DELETE {account}/passwords?id=3"));
    check_asked(
        &["password", "revoke", ann, "--name", "a b"],
        &format!("DELETE {account}/passwords?name=a%20b"),
    );
    check_asked(&["password", "revoke", ann, "--all"], &format!("DELETE {account}/passwords?all=true"));
    check_asked(&["block", "list"], "GET /v1/blocks");
    check_asked(&["block", "add", "192.0.2.7"], "POST /v1/blocks");
    check_asked(&["block", "lift", "2001:db8::/64"], "DELETE /v1/blocks?address=2001%3Adb8%3A%3A%2F64");
    check_asked(
        &["events", "--account", ann, "--from", "192.0.2.7", "--limit", "5"],
        "GET /v1/events?account=ann%40example.org&address=192.0.2.7&limit=5",
    );
}

#[test]
fn each_command_of_sending_asks_its_question() {
    let (ann, bob, info) = ("ann@example.org", "bob@example.org", "info@example.org");
    check_asked(&["alias", "add", ann, info], "POST /v1/aliases");
    check_asked(&["alias", "remove", info], "DELETE /v1/aliases?alias=info%40example.org");
    check_asked(
        &["alias", "remove", info, "--of", ann],
        "DELETE /v1/aliases?alias=info%40example.org&of=ann%40example.org",
    );
    check_asked(&["alias", "list"], "GET /v1/aliases?limit=1000");
    check_asked(&["alias", "list", "@example.org"], "GET /v1/aliases?of=%40example.org&limit=1000");
    check_asked(&["delegation", "grant", ann, bob, "--right", "read"], "POST /v1/delegations");
    check_asked(
        &["delegation", "revoke", ann, bob],
        "DELETE /v1/delegations?owner=ann%40example.org&delegate=bob%40example.org",
    );
    check_asked(&["delegation", "list", ann], "GET /v1/delegations?address=ann%40example.org&limit=1000");
    check_asked(&["limits", "show"], "GET /v1/limits?limit=1000");
    check_asked(&["limits", "show", ann], "GET /v1/accounts/ann%40example.org/limits");
    check_asked(&["limits", "set", "--default", "--messages-per-day", "5"], "PATCH /v1/limits");
}

/// Tells the body it was sent as a refusal.
fn body_of(line: &[&str]) -> Value {
    let router = Router::new()
        .fallback(|Json(body): Json<Value>| async move { refusal(409, "refused", &body.to_string()) });
    let words = run_line(router, line).0.unwrap_err().words().unwrap();
    serde_json::from_str(words.strip_prefix("sidegate: ").unwrap()).unwrap()
}

#[test]
fn what_is_set_is_what_was_typed() {
    let (ann, bob) = ("ann@example.org", "bob@example.org");
    assert_eq!(
        body_of(&["alias", "add", ann, "@example.net"]),
        json!({ "alias": "@example.net", "of": ann }),
        "whose comes first on the command line"
    );
    assert_eq!(
        body_of(&["delegation", "grant", ann, bob, "--right", "on-behalf"]),
        json!({ "owner": ann, "delegate": bob, "right": "on-behalf" })
    );
    let figures = ["--messages-per-hour", "100", "--recipients-per-hour", "inherit"];
    let figures = [&figures[..], &["--recipients-per-day", "unlimited"]].concat();
    let four = json!({ "messages_per_hour": 100, "recipients_per_hour": "inherit", "recipients_per_day": "unlimited" });
    for (whose, expected) in [
        (&["--group", "staff"][..], json!({ "group": "staff", "default": false, "per": "account" })),
        (&["--default", "--per", "address"], json!({ "default": true, "per": "address" })),
        (
            &[ann, "--per", "client-password"],
            json!({ "account": ann, "default": false, "per": "client-password" }),
        ),
    ] {
        let mut expected = expected;
        expected.as_object_mut().unwrap().extend(four.as_object().unwrap().clone());
        assert_eq!(body_of(&[&["limits", "set"], whose, &figures].concat()), expected);
    }
    assert_eq!(body_of(&["account", "set", ann, "--group", "staff"]), json!({ "group": "staff" }));
    assert_eq!(
        body_of(&["account", "set", ann, "--no-group", "--two-factor", "on"]),
        json!({ "group": "", "two_factor": true })
    );
}

/// Three pages of limits, one level each.
fn three_pages() -> Router {
    let route = get(|Query(query): Query<Value>| async move {
        let level =
            |level: &str, name: Option<&str>, per: &str| json!({ "level": level, "name": name, "per": per });
        let after = ["after_level", "after_name", "after_per"];
        let after = after.map(|name| query.get(name).and_then(Value::as_str));
        let (line, more) = match after {
            [None, None, None] => (level("default", None, "account"), true),
            [Some("default"), None, Some("account")] => {
                (level("group", Some("staff"), "client-password"), true)
            }
            [Some("group"), Some("staff"), Some("client-password")] => {
                (level("account", Some("ann@example.org"), "account"), false)
            }
            other => panic!("{other:?}"),
        };
        Json(json!({ "limits": [line], "more": more }))
    });
    Router::new().route("/v1/limits", route)
}

#[test]
fn a_list_goes_on_after_all_that_makes_its_last_line() {
    let (_, text) = run_line(three_pages(), &["limits", "show"]);
    assert_eq!(text.lines().count(), 4);
    assert!(text.contains("\ngroup staff      client-password  -  "), "{text}");
    let (_, text) = run_line(three_pages(), &["limits", "show", "--json"]);
    let list: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((list["limits"].as_array().unwrap().len(), &list["more"]), (3, &json!(false)));
}

#[test]
fn empty_lists_are_no_tables() {
    for (line, name) in [
        (&["alias", "list"][..], "aliases"),
        (&["delegation", "list"], "delegations"),
        (&["limits", "show"], "limits"),
    ] {
        // The second daemon says that there is more and never comes up with it.
        for more in [false, true] {
            let body = json!({ name: [], "more": more });
            let router = Router::new().fallback(async move || Json(body.clone()));
            let (done, text) = run_line(router, line);
            assert!(done.is_ok() && text.is_empty(), "{line:?}: {text}");
        }
    }
}

#[test]
fn an_account_is_changed_as_told() {
    let route = axum::routing::patch(|Json(change): Json<Value>| async move {
        let on = |name: &str| change.get(name).and_then(Value::as_bool).unwrap_or(true);
        let group = change.get("group").filter(|group| **group != "");
        Json(json!({
            "address": "ann@example.org", "enabled": on("enabled"), "two_factor": on("two_factor"), "group": group,
            "created": 0, "passwords": [], "revoked": []
        }))
    });
    let says = |line: &[&str]| run_line(Router::new().route("/v1/accounts/{address}", route.clone()), line).1;
    assert_eq!(says(&["account", "disable", "Ann@example.org"]), "ann@example.org: disabled\n");
    assert_eq!(says(&["account", "enable", "ann@example.org"]), "ann@example.org: enabled\n");
    assert_eq!(
        says(&["account", "set", "ann@example.org", "--two-factor", "off"]),
        "ann@example.org: two-factor off\n"
    );
    assert_eq!(
        says(&["account", "set", "ann@example.org", "--two-factor", "on"]),
        "ann@example.org: two-factor on\n"
    );
    let set = ["account", "set", "ann@example.org"];
    assert_eq!(
        says(&[&set[..], &["--two-factor", "on", "--group", "staff"]].concat()),
        "ann@example.org: two-factor on, group staff\n"
    );
    assert_eq!(says(&[&set[..], &["--no-group"]].concat()), "ann@example.org: no group\n");
}

#[test]
fn nobody_there_is_status_three_and_a_closed_pipe_is_no_failure() {
    let cli = Cli::try_parse_from(["sidegate", "--socket", "/nonexistent/control", "status"]).unwrap();
    let failure = run(cli, &mut sink(false).0).unwrap_err();
    assert_eq!(failure.status(), 3);
    assert!(failure.words().unwrap().contains("/nonexistent/control"));
    let closed = Failure::Output(io::ErrorKind::BrokenPipe.into());
    assert_eq!((closed.status(), closed.words()), (0, None));
    assert_eq!(Failure::Output(io::ErrorKind::StorageFull.into()).status(), 1);
}

#[test]
fn json_is_passed_on_as_it_came() {
    let odd = "{ \"z\": 1,\"a\":[1.50, \"\\u00e9\"] }";
    let (mut out, seen) = sink(true);
    out.json(odd.as_bytes()).unwrap();
    assert_eq!(seen.text(), format!("{odd}\n"));
    let (mut out, seen) = sink(true);
    out.json(b"{\n\"a\": 1}\n").unwrap();
    assert_eq!(seen.text(), "{\"a\":1}\n", "always one line");
    let (mut out, seen) = sink(true);
    out.style.terminal = true;
    out.json(b"{\"a\":1}").unwrap();
    assert_eq!(seen.text(), "{\n  \"a\": 1\n}\n");
}
