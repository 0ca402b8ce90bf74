//! Forms that somebody else sends, sessions that somebody else chose, addresses that somebody else wrote.

use serde_json::json;

use super::browser::{Browser, encoded};
use super::site::{Site, URL};
use super::{ANN, HOME, MAIN};

fn state(site: &Site) -> (String, usize) {
    let account = site.daemon().control("GET", &format!("/v1/accounts/{ANN}"), &json!({}));
    (account["two_factor"].to_string(), account["passwords"].as_array().unwrap().len())
}

#[test]
fn a_form_of_somebody_else_changes_nothing() {
    let site = Site::start("", "");
    let (mut ann, _) = site.with_app();
    let before = state(&site);
    let (mut eve, _) = site.signed_in(super::BOB);
    eve.get("/two-factor");
    let same = [("sec-fetch-site", "same-origin"), ("origin", URL)];
    let own = ann.token.clone();
    for (token, headers) in [
        // Without the token, with one of somebody else's, with nothing for one.
        (None, &same[..]),
        (Some(eve.token.as_str()), &same[..]),
        (Some(""), &same[..]),
        // With the right one, from another site.
        (Some(own.as_str()), &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")]),
        (Some(&own), &[("sec-fetch-site", "same-site")]),
        (Some(&own), &[("origin", "null")]),
        (Some(&own), &[]),
    ] {
        for (path, field) in
            [("/two-factor", ("on", "yes")), ("/sign-out", ("a", "b")), ("/language", ("language", "zh-CN"))]
        {
            let refused = ann.ask("POST", path, headers, &encoded(&[field], token));
            assert_eq!(refused.status, 400, "{path} {headers:?}");
            refused.says("This form is too old");
        }
    }
    assert_eq!(state(&site), before);
    assert!(ann.get("/").body.contains("<html lang=\"en\">"), "still signed in, in the same language");
    // The same with all that is right.
    ann.token = own;
    assert_eq!(ann.post("/two-factor", &[("on", "yes")]).status, 303);
    // A browser without Fetch Metadata says its origin.
    ann.get("/factors");
    let body = encoded(&[("language", "en"), ("next", "/factors")], Some(&ann.token));
    assert_eq!(ann.ask("POST", "/language", &[("origin", URL)], &body).location(), "/factors");
}

#[test]
fn nobody_is_signed_in_by_somebody_else_s_page() {
    let site = Site::start("", "");
    let mut victim = site.browser();
    let mut eve = site.browser();
    eve.get("/sign-in");
    // Eve's own form, sent by the victim's browser: the token is not that of its cookie.
    let body = encoded(&[("address", ANN), ("password", MAIN)], Some(&eve.token));
    for headers in [&[("sec-fetch-site", "cross-site")][..], &[("sec-fetch-site", "same-origin")]] {
        let refused = victim.ask("POST", "/sign-in", headers, &body);
        assert_eq!(refused.status, 400);
        assert!(victim.session().is_none());
    }
}

#[test]
fn a_session_is_never_one_that_somebody_chose() {
    let site = Site::start("", "");
    let mut ann = site.browser();
    let planted = "A".repeat(43);
    ann.cookies.insert("__Host-sidegate".into(), planted.clone());
    ann.get("/sign-in");
    ann.cookies.insert("__Host-sidegate".into(), planted.clone());
    ann.get("/sign-in");
    ann.post("/sign-in", &[("address", ANN), ("password", MAIN)]);
    let first = ann.session().unwrap().to_owned();
    assert_ne!(first, planted);
    // Each proof is the end of the token before it.
    super::site::bind_app(&mut ann);
    let second = ann.session().unwrap().to_owned();
    assert_ne!(first, second);
    let mut thief = Browser { cookies: [("__Host-sidegate".to_owned(), first)].into(), ..site.browser() };
    assert_eq!(thief.get("/").location(), "/sign-in");
    thief.get("/sign-in").says("Your session is over.");
    assert!(thief.session().is_none());
    assert_eq!(ann.get("/").status, 200);
    ann.post("/sign-out", &[]);
    let mut thief = Browser { cookies: [("__Host-sidegate".to_owned(), second)].into(), ..site.browser() };
    assert_eq!(thief.get("/").location(), "/sign-in");
}

#[test]
fn cookies_stay_with_this_host() {
    let site = Site::start("", "");
    let mut ann = site.browser();
    let shown = ann.get("/sign-in");
    let sent = ann.post("/sign-in", &[("address", ANN), ("password", MAIN)]);
    for page in [shown, sent] {
        let set: Vec<&String> =
            page.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, line)| line).collect();
        assert!(!set.is_empty());
        for line in set {
            assert!(line.starts_with("__Host-"), "{line}");
            assert!(line.contains("; Path=/; Secure; HttpOnly; SameSite=Lax"), "{line}");
        }
    }
}

#[test]
fn an_address_that_the_browser_wrote_is_nobody_s() {
    let site = Site::start("", "");
    // The web server adds what it sees; the browser writes another lie each time.
    for n in 0..10 {
        let mut guesser = Browser { address: format!("203.0.113.{n}, {HOME}"), ..site.browser() };
        guesser.get("/sign-in");
        let account = format!("nobody{n}@example.org");
        guesser.post("/sign-in", &[("address", &account), ("password", "wrong")]);
    }
    let blocks = site.daemon().control("GET", "/v1/blocks", &json!({}));
    let blocked: Vec<_> =
        blocks["blocks"].as_array().unwrap().iter().map(|block| block["address"].clone()).collect();
    assert_eq!(blocked, [json!(HOME)]);
    let mut there = Browser { address: format!("198.51.100.9, {HOME}"), ..site.browser() };
    there.get("/sign-in");
    there.post("/sign-in", &[("address", ANN), ("password", MAIN)]).says("It is blocked until");
    let mut elsewhere = Browser { address: "203.0.113.5".into(), ..site.browser() };
    site.sign_in(&mut elsewhere, ANN).says("Overview");
}

/// With a wrong `site.url`, browsers without Fetch Metadata could send no form at all, and were told that it was too old.
#[test]
fn a_wrong_site_url_is_told_as_what_it_is() {
    let site = Site::start("", "");
    let (mut ann, _) = site.with_app();
    let before = state(&site);
    let own = ann.token.clone();
    let elsewhere = [("origin", "https://portal.example.net")];
    for (language, words) in [("en", "This site is set up wrongly"), ("zh-CN", "本站点设置有误")] {
        let body = encoded(&[("language", language), ("next", "/factors")], Some(&own));
        ann.ask("POST", "/language", &[("origin", URL)], &body);
        let refused = ann.ask("POST", "/two-factor", &elsewhere, &encoded(&[("on", "yes")], Some(&own)));
        assert_eq!(refused.status, 400);
        refused.says(words);
    }
    // Whoever has none of our tokens may be anybody.
    let refused = ann.ask("POST", "/two-factor", &elsewhere, &encoded(&[("on", "yes")], None));
    assert!(refused.status == 400 && !refused.body.contains("本站点设置有误"));
    assert_eq!(state(&site), before);
    let log = site.log();
    assert!(log.contains("https://portal.example.net") && log.contains(URL), "{log}");
    assert_eq!(log.matches("under another address than site.url").count(), 1, "said once");
}

/// Whoever could plant or see the token of the page before the sign-in could go on with it afterwards.
#[test]
fn the_token_of_before_the_sign_in_is_good_no_more_after_it() {
    let site = Site::start("", "");
    let mut ann = site.browser();
    ann.get("/sign-in");
    let before = ann.token.clone();
    ann.post("/sign-in", &[("address", ANN), ("password", MAIN)]);
    ann.get("/");
    assert_ne!(ann.token, before);
    let same = [("sec-fetch-site", "same-origin"), ("origin", URL)];
    for (path, field) in [("/language", ("language", "zh-CN")), ("/sign-out", ("a", "b"))] {
        let refused = ann.ask("POST", path, &same, &encoded(&[field], Some(&before)));
        assert_eq!(refused.status, 400, "{path}");
    }
    // The form for signing in, sent once more, is led on and looked at by nobody.
    let body = encoded(&[("address", ANN), ("password", "wrong")], Some(&before));
    assert_eq!(ann.ask("POST", "/sign-in", &same, &body).location(), "/");
    assert_eq!(ann.get("/").status, 200, "still signed in");
}
