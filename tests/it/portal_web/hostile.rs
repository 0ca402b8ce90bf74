//! What no browser sends: too much, too often, in odd forms.

use super::browser::{Page, encoded};
use super::site::{Site, URL};
use super::{ANN, MAIN};

const OURS: [(&str, &str); 2] = [("sec-fetch-site", "same-origin"), ("origin", URL)];

#[test]
fn a_form_has_a_longest_length_and_a_most_of_fields() {
    let site = Site::start("", "");
    let mut ann = site.browser();
    ann.get("/sign-in");
    let token = ann.token.clone();
    let of = |bytes: usize| {
        let start = encoded(&[("language", "en"), ("next", "/sign-in"), ("x", "")], Some(&token));
        format!("{start}{}", "a".repeat(bytes - start.len()))
    };
    assert_eq!(ann.ask("POST", "/language", &OURS, &of(65_536)).status, 303);
    let refused = ann.ask("POST", "/language", &OURS, &of(65_537));
    assert_eq!(refused.status, 413);
    refused.says("That was too much");
    let fields = |count: usize| format!("{}{}", encoded(&[], Some(&token)), "&a=b".repeat(count - 1));
    assert_eq!(ann.ask("POST", "/language", &OURS, &fields(100)).status, 303);
    assert_eq!(ann.ask("POST", "/language", &OURS, &fields(101)).status, 413);
    let json = [OURS[0], OURS[1], ("content-type", "application/json")];
    assert_eq!(ann.ask("POST", "/language", &json, "{\"csrf\":\"x\"}").status, 400);
    let charset = [OURS[0], OURS[1], ("content-type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8")];
    assert_eq!(ann.ask("POST", "/language", &charset, &encoded(&[], Some(&token))).status, 303);
}

#[test]
fn heads_have_a_longest_length_and_requests_their_form() {
    let site = Site::start("", "");
    let ann = site.browser();
    let long = |bytes: usize| {
        let request = ann.request("GET", "/sign-in", &[("x-filler", "A")], "");
        let missing = bytes - request.len();
        request.replacen("x-filler: A", &format!("x-filler: A{}", "a".repeat(missing)), 1)
    };
    assert_eq!(Page::read(&ann.door.say(long(16_000).as_bytes())).status, 200);
    assert_eq!(Page::read(&ann.door.say(long(17_000).as_bytes())).status, 431);
    for odd in ["\r\n\r\n\r\n", "GET\r\n\r\n", "\u{16}\u{3}\u{1}", "GET / HTTP/9.9\r\n\r\n"] {
        let heard = ann.door.say(odd.as_bytes());
        assert!(heard.is_empty() || Page::read(&heard).status == 400, "{odd:?}");
    }
    assert_eq!(Page::read(&ann.door.say(long(1_000).as_bytes())).status, 200, "and it goes on");
}

#[test]
fn what_is_no_page_says_so() {
    let site = Site::start("", "");
    let (mut ann, _) = site.signed_in(ANN);
    for path in
        ["/nothing", "/factors/", "//evil.example", "/factors/x/remove", "/../etc/passwd", "/callback/wechat"]
    {
        let missing = ann.get(path);
        assert_eq!(missing.status, 404, "{path}");
        missing.says("There is no such page");
    }
    assert!(ann.get("/nothing").body.contains(ANN), "she is signed in all the same");
    assert!(!site.browser().get("/nothing").body.contains("/sign-out"));
    for (method, path) in [("GET", "/sign-out"), ("PUT", "/factors"), ("DELETE", "/"), ("TRACE", "/")] {
        let status = ann.ask(method, path, &OURS, "").status;
        assert!([400, 404, 405].contains(&status), "{method} {path}: {status}");
    }
    let head = ann.ask("HEAD", "/sign-in", &[], "");
    assert!(head.body.is_empty() && [200, 303].contains(&head.status));
}

#[test]
fn what_somebody_typed_is_text() {
    let site = Site::start("", "");
    let (mut ann, _) = site.signed_in(ANN);
    let evil = "\"><script>alert(1)</script>";
    let page = ann.get("/factors/new/totp");
    let app = super::site::App::read(&page);
    let wrong = ann.post("/factors/new/totp", &[("code", "000000"), ("name", evil)]);
    assert!(!wrong.body.contains("<script>") && wrong.body.contains("&#60;script&#62;"));
    let bound = ann.post_and_go("/factors/new/totp", &[("code", &app.code(0)), ("name", evil)]);
    bound.says("script");
    assert!(!bound.body.contains("<script>"), "{}", bound.text());
    // Nor is it a line of a header: the notice is in a cookie.
    let odd = ann.post("/language", &[("language", "en"), ("next", "/x\r\nset-cookie: a=b")]);
    assert!(!odd.headers.iter().any(|(name, value)| name == "set-cookie" && value.starts_with("a=")));
    let cookie = "granted.%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    ann.cookies.insert("__Host-sidegate-said".into(), cookie.into());
    let shown = ann.get("/factors");
    assert!(shown.body.contains("&#60;script&#62;") && !shown.body.contains("<script>"));
    assert!(!ann.cookies.contains_key("__Host-sidegate-said"), "it is shown once");
    let mut bytes = ann.request("GET", "/factors", &[], "").into_bytes();
    bytes.splice(4..4, b"/\xff\xfe".iter().copied());
    let heard = Page::read(&ann.door.say(&bytes));
    assert!([400, 404].contains(&heard.status));
}

#[test]
fn machines_that_run_wild_are_told_to_wait() {
    let site = Site::start("", "");
    let mut wild = site.browser();
    let sent = |wild: &mut super::browser::Browser| wild.ask("POST", "/sign-in", &OURS, "a=b").status;
    for n in 0..120 {
        assert_eq!(sent(&mut wild), 400, "{n}");
    }
    assert_eq!(sent(&mut wild), 429);
    // Its other forms and other addresses are not concerned.
    assert_eq!(wild.ask("POST", "/language", &OURS, "a=b").status, 400);
    wild.address = "192.0.2.8".into();
    assert_eq!(sent(&mut wild), 400);
    wild.address = "192.0.2.7".into();
    let told = wild.ask("POST", "/sign-in", &OURS, "a=b");
    told.says("Too many requests");
    assert_eq!(told.header("retry-after"), "60");
    // What it only looks at is still shown.
    assert_eq!(wild.get("/sign-in").status, 200);
}

#[test]
fn every_answer_says_what_a_page_may() {
    let site = Site::start("", "");
    let mut ann = site.browser();
    let page = ann.get("/sign-in");
    let style = page.body.split("href=\"/assets/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let asset = ann.get(&format!("/assets/{style}"));
    assert_eq!((asset.status, asset.header("content-type")), (200, "text/css; charset=utf-8"));
    assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable");
    let missing = ann.get("/assets/0000.css");
    assert_eq!(missing.status, 404);
    let refused = ann.ask("POST", "/sign-in", &[], "");
    for answer in [page, asset, missing, refused] {
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self'"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), value, "{name}");
        }
        assert!(answer.header("strict-transport-security").is_empty(), "it is tried out without encryption");
        assert!(!answer.header("cache-control").is_empty());
    }
}

#[test]
fn the_portal_and_the_daemon_may_be_killed_in_the_middle() {
    let mut site = Site::start("", "");
    let (mut ann, app) = site.with_app();
    ann.post("/sign-out", &[]);
    site.sign_in(&mut ann, ANN).says("Enter the code");
    site.kill_portal();
    site.start_portal();
    let inside = ann.post_and_go("/sign-in/code", &[("code", &app.code(0))]);
    inside.says("Overview");
    // Without the daemon nothing is known, and nothing is lost.
    let folder = site.folder().to_owned();
    drop(site.daemon.take());
    let away = ann.get("/");
    assert_eq!(away.status, 503);
    away.says("does not work at the moment");
    let mut bob = site.browser();
    bob.get("/sign-in");
    let refused = bob.post("/sign-in", &[("address", super::BOB), ("password", MAIN)]);
    refused.says("This does not work at the moment.");
    site.daemon = Some(crate::daemon::Daemon::start(&folder));
    ann.get("/").says("Overview");
}
