//! Blocks: seen by anybody, lifted by whoever proved a second factor.

use super::site::Site;
use super::{ANN, BOB, HOME};

const ELSEWHERE: &str = "198.51.100.66";

/// Ten wrong guesses at Ann's mail.
fn guess(site: &Site, address: &str) {
    let mut peer = site.daemon().peer();
    for n in 0..10 {
        assert_eq!(peer.login(&format!("wrong {n}"), address), "FAIL");
    }
}

#[test]
fn anybody_sees_whether_his_address_is_blocked() {
    let site = Site::start("", "");
    let mut nobody = site.browser();
    let free = nobody.get("/block");
    free.says("Your address is 192.0.2.7.");
    free.says("It is not blocked.");
    site.block(HOME);
    let blocked = nobody.get("/block");
    blocked.says("It is blocked until");
    blocked.says("Sign in with your second factor");
    assert!(!blocked.body.contains("action=\"/block\""));
    assert_eq!(nobody.post("/block", &[]).location(), "/sign-in");
    nobody.address = String::new();
    nobody.get("/block").says("We cannot see your address.");
    // A session that is over is nobody's.
    nobody.cookies.insert("__Host-sidegate".into(), "A".repeat(43));
    assert_eq!(nobody.get("/block").status, 200);
}

#[test]
fn the_owner_lifts_what_keeps_his_devices_out() {
    let site = Site::start("", "");
    let (mut ann, _) = site.with_app();
    guess(&site, HOME);
    guess(&site, ELSEWHERE);
    let page = ann.get("/block");
    page.says("It is blocked until");
    page.says("Other blocked addresses");
    page.says(ELSEWHERE);
    ann.get("/").says("Your address 192.0.2.7 is blocked until");
    ann.post_and_go("/block", &[]).says("The block on 192.0.2.7 was lifted.");
    ann.post_and_go("/block", &[("address", ELSEWHERE)]).says("The block on 198.51.100.66 was lifted.");
    ann.get("/block").says("It is not blocked.");
    // So many a day, so that guessers with an account of their own gain little.
    guess(&site, HOME);
    ann.post_and_go("/block", &[]).says("was lifted");
    guess(&site, HOME);
    let refused = ann.post("/block", &[]);
    assert_eq!(refused.status, 422);
    refused.says("You have lifted several blocks today.");
}

#[test]
fn nobody_lifts_what_does_not_concern_him() {
    let site = Site::start("", "");
    let (mut bob, _) = site.signed_in(BOB);
    site.block(ELSEWHERE);
    bob.get("/block").says("It is not blocked.");
    for address in [ELSEWHERE, "0.0.0.0/0", "::/0", "x", "%00"] {
        let sent = bob.post("/block", &[("address", address)]);
        assert!(sent.status >= 303, "{address}: {}", sent.status);
    }
    let blocks = site.daemon().control("GET", "/v1/blocks", &serde_json::json!({}));
    assert_eq!(blocks["blocks"].as_array().unwrap().len(), 1);
    // Without a second factor, whoever guessed a main password could lift the block that stops him.
    site.block(HOME);
    let refused = bob.post("/block", &[]);
    assert_eq!(refused.status, 422, "{}", refused.text());
    refused.says("Add a second factor first.");
}

#[test]
fn a_trusted_browser_alone_lifts_nothing() {
    let site = Site::start("", "");
    let (mut ann, app) = site.with_app();
    ann.post("/sign-out", &[]);
    site.sign_in(&mut ann, ANN);
    ann.post_and_go("/sign-in/code", &[("code", &app.code(0)), ("trust", "yes")]);
    ann.post("/sign-out", &[]);
    site.sign_in(&mut ann, ANN).says("Overview");
    site.block(HOME);
    ann.get("/block");
    assert_eq!(ann.post("/block", &[]).location(), "/confirm?next=/block");
    ann.get("/confirm?next=/block").says("authenticator app");
    let right = ann.post("/confirm", &[("next", "/block"), ("code", &app.code(1))]);
    assert_eq!(right.location(), "/block", "{}", right.text());
    ann.get("/block");
    ann.post_and_go("/block", &[]).says("was lifted");
}
