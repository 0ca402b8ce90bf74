//! The administrator's pages, and everybody else before them.

use serde_json::json;

use super::browser::{Browser, Page};
use super::site::{Site, bind_app};
use super::{ANN, BOB, HOME};

const ADMINISTRATORS: &str = "administrators = \"postmasters\"";
const ELSEWHERE: &str = "198.51.100.66";

/// A site whose administrator is Ann, with an app, who proved it just now.
fn site() -> (Site, Browser) {
    let site = Site::start(ADMINISTRATORS, "");
    let (mut ann, _) = site.signed_in(ANN);
    site.daemon().control("PATCH", &format!("/v1/accounts/{ANN}"), &json!({ "group": "postmasters" }));
    bind_app(&mut ann);
    turn_on(&mut ann);
    (site, ann)
}

/// Only whoever has two-factor on is an administrator.
fn turn_on(ann: &mut Browser) {
    ann.get("/two-factor");
    assert_eq!(ann.post("/two-factor", &[("on", "yes")]).location(), "/passwords/new");
}

fn guess(site: &Site, address: &str) {
    let mut peer = site.daemon().peer();
    for n in 0..10 {
        assert_eq!(peer.login(&format!("wrong {n}"), address), "FAIL");
    }
}

#[test]
fn an_administrator_sees_failures_and_lifts_blocks() {
    let (site, mut ann) = site();
    assert!(ann.get("/").body.contains("href=\"/admin\""));
    guess(&site, ELSEWHERE);
    let overview = ann.get("/admin");
    overview.says("10 failures, 1 new blocks.");
    overview.says("1 address is blocked now.");
    overview.says(ELSEWHERE);
    overview.says(ANN);
    for hours in ["168", "24", "9999", "x", ""] {
        assert_eq!(ann.get(&format!("/admin?hours={hours}&hours=1")).status, 200, "{hours}");
    }
    ann.get("/admin/blocks").says(ELSEWHERE);
    ann.post_and_go("/admin/blocks", &[("address", ELSEWHERE)]).says("was lifted");
    ann.get("/admin/blocks").says("No address is blocked now.");
    for odd in ["", "x", "<b>", "192.0.2.1/33"] {
        let sent = ann.post("/admin/blocks", &[("address", odd)]);
        assert!([400, 404, 303].contains(&sent.status), "{odd}: {}", sent.status);
    }
    // What the guesses were made at is in the list of whom the rules meet, or nobody is.
    assert_eq!(ann.get("/admin/rollout").status, 200);
    assert_eq!(ann.get("/admin/rollout?after=%22%3E%3Cscript%3E").status, 200);
}

#[test]
fn an_administrator_finds_an_account_and_resets_its_factors() {
    let (site, mut ann) = site();
    let (mut bob, _) = site.signed_in(BOB);
    bind_app(&mut bob);
    let found = ann.get("/admin/accounts?search=bob");
    found.says(BOB);
    assert!(!found.text().contains(ANN));
    ann.get("/admin/accounts?search=nobody").says("No account found.");
    let evil = ann.get("/admin/accounts?search=%22%3E%3Cscript%3E&after=%27%3B--");
    assert!(evil.status == 200 && !evil.body.contains("<script>"));
    let long = ann.get(&format!("/admin/accounts?search={}", "%E6%89%8B".repeat(1_000)));
    assert_eq!(long.status, 200);
    let path = format!("/admin/accounts/{BOB}");
    let page = ann.get(&path);
    page.says("Authenticator app: Phone");
    for (reason, says) in [
        ("", "Enter a reason."),
        ("  ", "Enter a reason."),
        (&"失".repeat(201)[..], "A reason has at most 200 characters."),
    ] {
        let refused = ann.post(&path, &[("reason", reason)]);
        assert_eq!(refused.status, 422);
        refused.says(says);
    }
    bob.get("/factors").says("Phone");
    bob.post_and_go("/delegations", &[("delegate", ANN), ("right", "read")]).says("may now use your mailbox");
    ann.get(&path).says("1 delegation. The reset leaves it");
    let done = ann.post(&path, &[("reason", "lost phone, seen in person")]);
    done.says("The second factors of bob@example.org were reset.");
    done.says("We show this code only once.");
    let code = shown_code(&done);
    let again = ann.get(&path);
    again.says("Asked for at the next sign-in, until");
    for left in ["No session of this portal.", "No client password.", "1 delegation. The reset leaves it"] {
        again.says(left);
    }
    assert!(!again.body.contains(&code) && !again.text().contains("Authenticator app"), "{}", again.text());
    assert!(!site.log().contains(&code), "it is in the log");
    for odd in ["/admin/accounts/nobody@example.org", "/admin/accounts/%00", "/admin/accounts/..%2f..%2fx"] {
        assert!([400, 404].contains(&ann.get(odd).status), "{odd}");
    }
}

/// The set-up code on the page that shows it.
pub(super) fn shown_code(page: &Page) -> String {
    let code = page.body.split("data-copy=\"").nth(1).and_then(|rest| rest.split('"').next());
    code.unwrap_or_else(|| panic!("no code: {}", page.text())).to_owned()
}

#[test]
fn an_address_that_is_blocked_is_told_and_lifted_where_the_failures_are() {
    let (site, mut ann) = site();
    guess(&site, ELSEWHERE);
    let overview = ann.get("/admin");
    overview.says("Blocked until");
    overview.says("Peak: 10 failures in the hour from");
    ann.get("/admin/blocks").says("10 failures in a row, for one account");
    ann.language = "zh-CN".into();
    ann.get("/admin/blocks").says("连续失败 10 次，涉及 1 个帐号");
    ann.language = "en".into();
    ann.get("/admin");
    let lifted = ann.post_and_go("/admin", &[("address", ELSEWHERE)]);
    lifted.says("was lifted");
    assert!(!lifted.text().contains("Blocked until"), "{}", lifted.text());
    // One in a blocked network names the network.
    site.block("198.51.100.0/24");
    let overview = ann.get("/admin");
    overview.says("by the block of 198.51.100.0/24");
    assert!(overview.body.contains("value=\"198.51.100.0/24\""));
    ann.post_and_go("/admin", &[("address", "198.51.100.0/24")]).says("was lifted");
    ann.get("/admin?hours=168").says("in the six hours from");
}

#[test]
fn an_administrator_unlocks_codes_and_signs_somebody_out() {
    let (site, mut ann) = site();
    let (mut bob, _) = site.signed_in(BOB);
    let app = bind_app(&mut bob);
    let path = format!("/admin/accounts/{BOB}");
    let page = ann.get(&path);
    page.says("Last sign-in");
    page.says("Sessions | 1");
    assert!(!page.text().contains("Unlock codes"), "nothing is locked");
    let (mut thief, _) = site.signed_in(BOB);
    for _ in 0..5 {
        thief.post("/sign-in/code", &[("code", "000000")]).says("Wrong code.");
    }
    let code = app.code(0);
    thief.post("/sign-in/code", &[("code", &code)]).says("Too many wrong codes.");
    ann.get(&path).says("No code is accepted before");
    let unlocked = ann.post_and_go(&path, &[("do", "unlock")]);
    unlocked.says("The wrong codes of bob@example.org no longer count.");
    assert!(!unlocked.text().contains("Unlock codes"));
    thief.get("/sign-in/code");
    thief.post_and_go("/sign-in/code", &[("code", &code)]).says("Latest sign-ins");
    bob.get("/").says("Latest sign-ins");
    let out = ann.post_and_go(&path, &[("do", "sign-out")]);
    out.says("bob@example.org was signed out everywhere");
    out.says("Sessions | 0");
    assert_eq!(bob.get("/").location(), "/sign-in");
}

#[test]
fn accounts_are_found_by_what_they_lack() {
    let (site, mut ann) = site();
    for account in ["carol@example.org", "dora@example.org"] {
        site.daemon().control("POST", "/v1/accounts", &json!({ "address": account }));
    }
    site.daemon().control("POST", "/v1/accounts/dora@example.org/passwords", &json!({ "name": "Phone" }));
    site.signed_in(BOB);
    for (only, found) in [
        ("", "ann bob carol dora"),
        ("two-factor-off", "bob carol dora"),
        ("never-signed-in", "carol dora"),
        ("no-client-password", "ann bob carol"),
        ("x", "ann bob carol dora"),
    ] {
        let page = ann.get(&format!("/admin/accounts?search=example&only={only}"));
        let all = ["ann", "bob", "carol", "dora"];
        let link = |name: &&str| page.body.contains(&format!("href=\"/admin/accounts/{name}@example.org\""));
        assert_eq!(all.into_iter().filter(link).collect::<Vec<_>>().join(" "), found, "{only}");
    }
    // By the daemon, page by page: what is left out takes no room.
    let page = |after: &str| {
        let path = format!("/v1/accounts?only=never-signed-in&limit=1&after={after}");
        let found = site.daemon().control("GET", &path, &json!({}));
        (found["accounts"][0]["address"].as_str().unwrap_or_default().to_owned(), found["more"].clone())
    };
    assert_eq!(page(""), ("carol@example.org".to_owned(), json!(true)));
    assert_eq!(page("carol@example.org"), ("dora@example.org".to_owned(), json!(false)));
    assert_eq!(site.daemon().ask("GET", "/v1/accounts?only=hair", &json!({})).0, 400);
    let (status, out, _) = site.daemon().sidegate(&["account", "list", "--only", "never-signed-in"]);
    assert!(status == 0 && out.contains("dora@") && !out.contains("bob@"), "{out}");
    assert_eq!(site.daemon().sidegate(&["account", "list", "--only", "hair"]).0, 2);
}

#[test]
fn the_administrator_s_pages_are_for_nobody_else() {
    let (site, mut ann) = site();
    let (mut bob, _) = site.signed_in(BOB);
    bind_app(&mut bob);
    site.block(ELSEWHERE);
    assert!(!bob.get("/").body.contains("href=\"/admin\""));
    let account = format!("/admin/accounts/{ANN}");
    for path in ["/admin", "/admin/blocks", "/admin/accounts", "/admin/rollout", &account] {
        let refused = bob.get(path);
        assert_eq!(refused.status, 403, "{path}");
        refused.says("This page is not for you");
        assert_eq!(site.browser().get(path).location(), "/sign-in");
    }
    bob.get("/factors");
    assert_eq!(bob.post("/admin/blocks", &[("address", ELSEWHERE)]).status, 403);
    assert_eq!(bob.post("/admin", &[("address", ELSEWHERE)]).status, 403);
    for field in [("reason", "because"), ("do", "unlock"), ("do", "sign-out")] {
        assert_eq!(bob.post(&account, &[field]).status, 403, "{field:?}");
    }
    // Nor by asking the daemon as the portal does: it looks at the session itself.
    let as_bob = format!("authorization: Bearer {}\r\n", bob.session().unwrap());
    for (method, path, body) in [
        ("GET", "/v1/portal/admin/overview".to_owned(), json!({})),
        ("GET", "/v1/portal/admin/blocks".to_owned(), json!({})),
        ("DELETE", format!("/v1/portal/admin/blocks?address={ELSEWHERE}"), json!({})),
        ("GET", "/v1/portal/admin/accounts".to_owned(), json!({})),
        ("GET", format!("/v1/portal/admin/accounts/{ANN}"), json!({})),
        ("GET", format!("/v1/portal/admin/accounts/{ANN}/factors"), json!({})),
        ("POST", format!("/v1/portal/admin/accounts/{ANN}/reset"), json!({ "reason": "because" })),
        ("POST", format!("/v1/portal/admin/accounts/{ANN}/unlock"), json!({})),
        ("POST", format!("/v1/portal/admin/accounts/{ANN}/sign-out"), json!({})),
        ("GET", "/v1/portal/admin/rollout".to_owned(), json!({})),
    ] {
        for head in [as_bob.as_str(), "", "authorization: Bearer x\r\n"] {
            let (status, no) = site.daemon().try_ask_with(method, &path, head, &body).unwrap();
            let told = no["error"].as_str().unwrap_or_default();
            assert!(status >= 400 && ["forbidden", "over"].contains(&told), "{method} {path} {head:?}: {no}");
        }
    }
    ann.get("/admin/blocks").says(ELSEWHERE);
    ann.get("/factors").says("Phone");
}

/// Not even to read.
#[test]
fn an_administrator_s_trusted_browser_alone_opens_nothing() {
    let site = Site::start(ADMINISTRATORS, "");
    let (mut ann, app) = site.with_app();
    site.daemon().control("PATCH", &format!("/v1/accounts/{ANN}"), &json!({ "group": "postmasters" }));
    turn_on(&mut ann);
    site.signed_in(BOB);
    ann.post("/sign-out", &[]);
    site.sign_in(&mut ann, ANN);
    ann.post_and_go("/sign-in/code", &[("code", &app.code(0)), ("trust", "yes")]);
    ann.post("/sign-out", &[]);
    site.sign_in(&mut ann, ANN);
    site.block(ELSEWHERE);
    let path = format!("/admin/accounts/{BOB}");
    let paths = ["/admin", "/admin/blocks", "/admin/accounts", "/admin/rollout", &path];
    for path in paths {
        assert_eq!(ann.get(path).location(), format!("/confirm?next={path}"));
    }
    ann.get("/");
    let sent = ann.post("/admin/blocks", &[("address", ELSEWHERE)]);
    assert_eq!(sent.location(), "/confirm?next=/admin/blocks");
    for field in [("reason", "because"), ("do", "unlock"), ("do", "sign-out")] {
        ann.get("/");
        let sent = ann.post(&path, &[field]);
        assert_eq!(sent.location(), format!("/confirm?next={path}"));
    }
    ann.get("/confirm?next=/admin/blocks");
    let proved = ann.post("/confirm", &[("next", "/admin/blocks"), ("code", &app.code(1))]);
    assert_eq!(proved.location(), "/admin/blocks", "{}", proved.body);
    ann.get("/admin/blocks").says(ELSEWHERE);
    assert_eq!(ann.address, HOME);
}
