//! Changes of second factors: what has to be proved before, and what comes of it.

use super::site::{App, Site};
use super::{ANN, BOB, MAIN};

/// Signs in anew, so that nothing was proved lately but by a trusted browser.
fn stale(site: &Site) -> (super::browser::Browser, App) {
    let (mut ann, app) = site.with_app();
    ann.post("/sign-out", &[]);
    site.sign_in(&mut ann, ANN);
    ann.post_and_go("/sign-in/code", &[("code", &app.code(0)), ("trust", "yes")]);
    ann.post("/sign-out", &[]);
    site.sign_in(&mut ann, ANN).says("Overview");
    (ann, app)
}

#[test]
fn a_change_is_made_by_whoever_proved_lately_who_they_are() {
    let site = Site::start("", "");
    let (mut ann, app) = stale(&site);
    let asked = ann.post("/two-factor", &[("on", "yes")]);
    assert_eq!(asked.location(), "/confirm?next=/two-factor");
    let page = ann.get("/confirm?next=/two-factor");
    page.says("Confirm it is you");
    page.says("Enter the code that your authenticator app shows for “Phone”.");
    let before = ann.session().unwrap().to_owned();
    let wrong = ann.post("/confirm", &[("next", "/two-factor"), ("code", "000000")]);
    wrong.says("Wrong code.");
    let right = ann.post("/confirm", &[("next", "/two-factor"), ("code", &app.code(1))]);
    assert_eq!(right.location(), "/two-factor");
    assert_ne!(ann.session(), Some(before.as_str()), "the session goes on under another token");
    ann.get("/two-factor");
    assert_eq!(ann.post("/two-factor", &[("on", "yes")]).location(), "/passwords/new");
}

#[test]
fn a_factor_is_removed_by_whoever_has_it() {
    let site = Site::start("", "");
    let (mut ann, app) = site.with_app();
    ann.get("/factors/new/sms");
    ann.post("/factors/new/sms", &[("to", "13800138000")]);
    let (_, code) = site.sent();
    let factors = ann.post_and_go("/factors/new/sms", &[("code", &code)]);
    let ids: Vec<String> = factors
        .body
        .split("href=\"/factors/")
        .filter_map(|rest| rest.split("/remove\"").next().filter(|id| id.parse::<i64>().is_ok()))
        .map(str::to_owned)
        .collect();
    let (phone, sms) = (&ids[0], &ids[1]);
    // The app was not what was proved last.
    let remove = format!("/factors/{phone}/remove");
    ann.get(&remove).says("You will no longer be able to confirm a sign-in with it.");
    let asked = ann.post(&remove, &[]);
    let confirm = format!("/confirm?next={remove}&factor={phone}");
    assert_eq!(asked.location(), confirm);
    let page = ann.get(&confirm);
    page.says("Enter the code that your authenticator app shows");
    assert!(!page.text().contains("Text message"), "only that one will do: {}", page.text());
    let other = [("next", remove.as_str()), ("only", phone), ("by", sms)];
    assert_eq!(ann.post("/confirm", &other).status, 422);
    let right = [("next", remove.as_str()), ("only", phone), ("code", &app.code(0))];
    assert_eq!(ann.post("/confirm", &right).location(), remove);
    ann.get("/two-factor");
    ann.post("/two-factor", &[("on", "yes")]);
    ann.get(&remove);
    ann.post_and_go(&remove, &[]).says("was removed");
    // The last one stays while two-factor is on.
    ann.get(&format!("/factors/{sms}/remove")).says("This is your only second factor");
    ann.get("/factors/4711/remove").says("There is no such page");
}

#[test]
fn a_factor_is_changed_by_binding_another_in_its_place() {
    let site = Site::start("", "");
    let (mut ann, _) = site.with_app();
    let factors = ann.get("/factors");
    let id = factors
        .body
        .split("href=\"/factors/")
        .find_map(|rest| rest.split("/change\"").next()?.parse::<i64>().ok());
    let change = format!("/factors/{}/change", id.unwrap());
    let page = ann.get(&change);
    page.says("Change: Authenticator app: Phone");
    page.says("The old one stops working");
    assert_eq!(page.field("name").as_deref(), Some("Phone"));
    let new = App::read(&page);
    assert_eq!(App::read(&ann.get(&change)).code(0), new.code(0), "the same until it is bound");
    ann.post(&change, &[("code", &new.code(0))]).says("Enter a name.");
    let changed = ann.post_and_go(&change, &[("code", &new.code(0)), ("name", "New phone")]);
    changed.says("Authenticator app: New phone");
    assert!(!changed.text().contains(": Phone"));
}

#[test]
fn whoever_has_no_factor_proves_the_main_password() {
    let site = Site::start("", "");
    let (mut bob, _) = site.signed_in(BOB);
    let page = bob.get("/confirm?next=/factors/new/totp");
    assert!(page.body.contains("name=\"password\""), "{}", page.text());
    bob.post("/confirm", &[("next", "/factors/new/totp"), ("password", "wrong")])
        .says("Wrong address or password.");
    let right = bob.post("/confirm", &[("next", "/factors/new/totp"), ("password", MAIN)]);
    assert_eq!(right.location(), "/factors/new/totp");
    bob.get("/recovery-codes").says("Add a second factor first.");
    bob.post("/two-factor", &[("on", "yes")]).says("First add a second factor");
    for path in ["/factors/new/passkey", "/factors/new/fax", "/factors/new/recovery"] {
        assert_eq!(bob.get(path).status, 404, "{path}");
    }
}

/// What strangers guess makes nobody wait who is signed in; what is typed there does.
#[test]
fn a_session_waits_for_its_own_wrong_passwords_alone() {
    let site = Site::start("", "");
    let (mut bob, _) = site.signed_in(BOB);
    let mut stranger = site.browser();
    stranger.address = "198.51.100.9".into();
    stranger.get("/sign-in");
    for _ in 0..6 {
        stranger.post("/sign-in", &[("address", BOB), ("password", "wrong")]);
    }
    bob.get("/confirm?next=/factors/new/totp");
    let confirm = |bob: &mut super::browser::Browser, password| {
        bob.post("/confirm", &[("next", "/factors/new/totp"), ("password", password)])
    };
    for _ in 0..5 {
        confirm(&mut bob, "wrong").says("Wrong address or password.");
    }
    confirm(&mut bob, MAIN).says("Too many wrong passwords. Try again in 20 seconds.");
}
