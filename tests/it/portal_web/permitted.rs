//! Nothing of the portal's part of the API is done without asking what the session may do at that moment: every route of
//! `conf/openapi.json`, with sessions that may do little.

use serde_json::{Value, json};

use super::site::{Site, bind_app};
use super::{ANN, MAIN};
use crate::daemon::Daemon;

/// What a session may do that waits for its second factor: ask how far it goes, prove it, and end.
const TO_PROVE: &[&str] = &[
    "GET /v1/portal/session",
    "DELETE /v1/portal/session",
    "GET /v1/portal/pending",
    "POST /v1/portal/challenge",
    "POST /v1/portal/proof",
];
/// What needs no session. Of a form that was sent twice nothing is done here: where it acts, its session is asked.
const FOR_ANYBODY: &[&str] = &[
    "POST /v1/portal/session",
    "DELETE /v1/portal/session",
    "GET /v1/portal/block",
    "POST /v1/portal/forms",
    "PUT /v1/portal/forms",
];

/// A request that would do something, if it were allowed.
fn request(method: &str, path: &str) -> (String, Value) {
    let (query, body) = match (method, path) {
        ("POST", "/v1/portal/challenge") => ("", json!({ "factor": 1 })),
        ("POST", "/v1/portal/proof" | "/v1/portal/factors") => ("", json!({ "code": "123456" })),
        ("POST", "/v1/portal/binding") => ("", json!({ "kind": "totp" })),
        ("POST", "/v1/portal/two-factor") => ("", json!({ "on": false })),
        ("POST", "/v1/portal/passwords") => ("", json!({ "name": "Phone" })),
        ("POST", "/v1/portal/delegations") => ("", json!({ "delegate": "bob@example.org", "right": "read" })),
        ("POST", "/v1/portal/admin/accounts/{address}/reset") => ("", json!({ "reason": "lost" })),
        ("DELETE", "/v1/portal/factors") => ("?id=1", json!({})),
        ("DELETE", "/v1/portal/passwords" | "/v1/portal/devices") => ("?all=true", json!({})),
        ("DELETE", "/v1/portal/delegations") => ("?delegate=bob@example.org", json!({})),
        ("DELETE", "/v1/portal/block" | "/v1/portal/admin/blocks") => ("?address=192.0.2.66", json!({})),
        _ => ("", json!({})),
    };
    (format!("{}{query}", path.replace("{address}", ANN)), body)
}

/// Every route of the portal, as `METHOD PATH`.
fn routes() -> Vec<(String, String)> {
    let description: Value = serde_json::from_str(include_str!("../../../conf/openapi.json")).expect("JSON");
    let mut routes = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        let portals = path.starts_with("/v1/portal/");
        for method in methods.as_object().unwrap().keys().filter(|name| portals && *name != "parameters") {
            routes.push((method.to_uppercase(), path.clone()));
        }
    }
    assert!(routes.len() > 20, "{routes:?}");
    routes
}

/// Why it was denied; empty: it was not.
fn denied(daemon: &Daemon, method: &str, path: &str, session: Option<&str>) -> String {
    let (target, body) = request(method, path);
    let headers = session.map_or(String::new(), |token| format!("authorization: Bearer {token}\r\n"));
    let (status, answer) = daemon.try_ask_with(method, &target, &headers, &body).expect("an answer");
    let error = answer["error"].as_str().unwrap_or_default();
    assert_eq!(status == 200, error.is_empty(), "{method} {path}: {status} {answer}");
    error.to_owned()
}

fn begin(daemon: &Daemon) -> String {
    let asked = json!({ "account": ANN, "password": MAIN });
    let (status, passed) = daemon.try_ask_with("POST", "/v1/portal/session", "", &asked).expect("an answer");
    assert_eq!(status, 200, "{passed}");
    passed["session"].as_str().unwrap().to_owned()
}

#[test]
fn no_route_acts_without_asking_the_session() {
    let site = Site::start("administrators = \"postmasters\"", "");
    let daemon = site.daemon();
    let plain = begin(daemon);
    for (method, path) in routes() {
        let route = format!("{method} {path}");
        let none = denied(daemon, &method, &path, None);
        let unknown = denied(daemon, &method, &path, Some("none"));
        if !FOR_ANYBODY.contains(&route.as_str()) {
            assert_eq!([none, unknown], ["over", "over"], "{route}");
        }
        if path.starts_with("/v1/portal/admin/") {
            assert_eq!(denied(daemon, &method, &path, Some(&plain)), "forbidden", "{route}");
        }
    }
    let (mut ann, _) = site.signed_in(ANN);
    bind_app(&mut ann);
    let pending = begin(daemon);
    for (method, path) in routes() {
        let route = format!("{method} {path}");
        if !TO_PROVE.contains(&route.as_str()) && !FOR_ANYBODY.contains(&route.as_str()) {
            assert_eq!(denied(daemon, &method, &path, Some(&pending)), "factor", "{route}");
        }
    }
    // Two-factor is on, and nobody may have more before it is set up.
    let reset = format!("/v1/accounts/{ANN}/factors/reset");
    let code = daemon.control("POST", &reset, &json!({ "reason": "lost" }))["set_up_code"].clone();
    daemon.control("PATCH", &format!("/v1/accounts/{ANN}"), &json!({ "two_factor": true }));
    let to_set_up = begin(daemon);
    let binds = ["POST /v1/portal/binding", "POST /v1/portal/factors"];
    for route in binds {
        let (method, path) = route.split_once(' ').unwrap();
        assert_eq!(denied(daemon, method, path, Some(&to_set_up)), "set-up-code", "{route}");
    }
    let head = format!("authorization: Bearer {to_set_up}\r\n");
    let (_, passed) =
        daemon.try_ask_with("POST", "/v1/portal/proof", &head, &json!({ "set_up_code": code })).unwrap();
    let to_set_up = passed["session"].as_str().expect("the code is right").to_owned();
    for (method, path) in routes() {
        let route = format!("{method} {path}");
        if !binds.contains(&route.as_str())
            && !TO_PROVE.contains(&route.as_str())
            && !FOR_ANYBODY.contains(&route.as_str())
        {
            assert_eq!(denied(daemon, &method, &path, Some(&to_set_up)), "set-up", "{route}");
        }
    }
}
