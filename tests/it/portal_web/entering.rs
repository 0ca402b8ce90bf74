//! Signing in: with the main password, a second factor, a trusted browser, from a blocked address; setting it up.

use serde_json::json;

use super::site::{Site, bind_app};
use super::{ANN, BOB, HOME, MAIN};

#[test]
fn somebody_signs_in_binds_an_app_and_is_asked_for_it() {
    let site = Site::start("", "");
    let (mut ann, page) = site.signed_in(ANN);
    page.says("Anyone who knows your password can sign in.");

    let app = bind_app(&mut ann);
    let factors = ann.get("/factors");
    factors.says("Authenticator app: Phone");
    let on = ann.post_and_go("/two-factor", &[("on", "yes")]);
    on.says("Two-factor is on");
    assert!(on.field("name").is_some(), "mail programs need a client password now: {}", on.text());
    ann.get("/recovery-codes").says("You have none yet.");
    let codes = ann.post("/recovery-codes", &[]);
    assert_eq!(codes.body.matches("<li><code").count(), 10, "{}", codes.text());
    let recovery = codes.body.split("<li><code").nth(1).unwrap().split('>').nth(1).unwrap();
    let recovery = recovery.split('<').next().unwrap().to_owned();

    let out = ann.post_and_go("/sign-out", &[]);
    out.says("You are signed out.");
    assert!(ann.session().is_none());
    assert_eq!(ann.get("/").location(), "/sign-in");

    let asked = site.sign_in(&mut ann, ANN);
    asked.says("Enter the code that your authenticator app shows for “Phone”.");
    assert_eq!(ann.get("/factors").location(), "/sign-in/factor", "nothing else is open yet");
    let wrong = ann.post("/sign-in/code", &[("code", "000000")]);
    assert_eq!(wrong.status, 422);
    wrong.says("Wrong code.");
    let inside = ann.post_and_go("/sign-in/code", &[("code", &app.code(0)), ("trust", "yes")]);
    inside.says("1 second factor protects your account.");
    assert_eq!(ann.trusts(), 1);

    ann.post("/sign-out", &[]);
    site.sign_in(&mut ann, ANN).says("1 second factor protects your account.");

    let mut elsewhere = site.browser();
    site.sign_in(&mut elsewhere, ANN);
    let chosen = elsewhere.post_and_go("/sign-in/factor", &[("factor", "recovery")]);
    chosen.says("Enter one of your recovery codes.");
    elsewhere.post_and_go("/sign-in/code", &[("code", &recovery)]).says("protects your account");
}

#[test]
fn a_code_goes_to_a_phone_and_the_next_one_waits() {
    let site = Site::start("", "");
    let (mut ann, _) = site.signed_in(ANN);
    ann.get("/factors/new/sms").says("Phone number");
    let odd = ann.post("/factors/new/sms", &[("to", "110")]);
    assert_eq!((odd.status, odd.field("to").as_deref()), (422, Some("110")));
    odd.says("This is not a phone number.");
    let sent = ann.post("/factors/new/sms", &[("to", "138 0013 8000")]);
    sent.says("We sent a code to +86138****8000.");
    let (phone, code) = site.sent();
    assert_eq!((phone.as_str(), code.len()), ("+8613800138000", 6));
    ann.get("/factors/new/sms").says("We sent a code to");
    ann.post("/factors/new/sms", &[("code", "x")]).says("Wrong code.");
    ann.post_and_go("/factors/new/sms", &[("code", &code)]).says("Text message: +86138****8000");

    // Between two messages to one number there is a pause.
    ann.post("/sign-out", &[]);
    ann.get("/sign-in");
    let held = ann.post("/sign-in", &[("address", ANN), ("password", MAIN)]);
    held.says("We sent you a code a moment ago; you can ask for another at");
    assert!(!held.body.contains("role=\"alert\""), "nothing is wrong");
    assert_eq!(site.sent().1, code, "nothing was sent");
    site.await_log("a code was sent");
    let log = site.log();
    for hidden in [code.as_str(), "13800138000", "38000", MAIN] {
        assert!(!log.contains(hidden), "{hidden} is in the log");
    }
    for token in ann.cookies.values() {
        assert!(!log.contains(token.as_str()), "a cookie is in the log");
    }
}

#[test]
fn from_a_blocked_address_password_and_code_are_one() {
    let site = Site::start("", "");
    let (_, app) = site.with_app();
    site.block(HOME);
    let mut ann = site.browser();
    ann.get("/sign-in");
    let blocked = ann.post("/sign-in", &[("address", ANN), ("password", MAIN)]);
    blocked.says("It is blocked until");
    assert!(blocked.body.contains("name=\"code\""), "{}", blocked.text());
    let right = [("address", ANN), ("password", MAIN), ("code", "000000")];
    for fields in [right, [("address", ANN), ("password", "wrong"), right[2]]] {
        let wrong = ann.post("/sign-in", &fields);
        wrong.says("Wrong address or password.");
        assert!(wrong.body.contains("name=\"code\"") && wrong.body.contains("value=\"ann@example.org\""));
    }
    let code = app.code(0);
    let inside = ann.post_and_go("/sign-in", &[("address", ANN), ("password", MAIN), ("code", &code)]);
    inside.says("Your address 192.0.2.7 is blocked until");
    // Whoever has no second factor does not get in from there.
    let mut bob = site.browser();
    bob.get("/sign-in");
    let refused = bob.post("/sign-in", &[("address", BOB), ("password", MAIN), ("code", &app.code(1))]);
    refused.says("Wrong address or password.");
}

/// Five wrong main passwords from somewhere else: a browser that the account does not know has to wait, or shows a code too.
#[test]
fn whoever_would_have_to_wait_may_show_a_code_instead() {
    let site = Site::start("", "");
    let (mut known, app) = site.with_app();
    known.post("/sign-out", &[]);
    let mut stranger = site.browser();
    stranger.address = "198.51.100.9".into();
    stranger.get("/sign-in");
    for _ in 0..5 {
        stranger
            .post("/sign-in", &[("address", ANN), ("password", "wrong")])
            .says("Wrong address or password.");
    }
    let mut away = site.browser();
    away.address = "203.0.113.1".into();
    away.get("/sign-in");
    let waits = away.post("/sign-in", &[("address", ANN), ("password", MAIN)]);
    assert_eq!(waits.status, 422);
    waits.says("Too many failed sign-ins to this account. Try again in 20 seconds, or enter a code as well.");
    waits.says("Enter such a code with your main password and you need not wait.");
    assert!(waits.body.contains("name=\"code\"") && !waits.body.contains("maxlength=\"32\" required"));
    let wrong = away.post("/sign-in", &[("address", ANN), ("password", MAIN), ("code", "000000")]);
    wrong.says("Wrong address or password.");
    wrong.says("The code is checked together with your main password.");
    away.language = "zh-CN".into();
    let waits = away.post("/sign-in", &[("address", ANN), ("password", MAIN), ("code", "")]);
    waits.says("此帐号登录失败次数过多。");
    waits.says("即可立即登录，无需等待");
    away.language = "en".into();
    let code = app.code(0);
    away.post_and_go("/sign-in", &[("address", ANN), ("password", MAIN), ("code", &code)]).says("Overview");
    // The browser from before is known wherever it is, and its address whatever the browser.
    known.address = "203.0.113.2".into();
    site.sign_in(&mut known, ANN).says("Enter the code");
    let mut home = site.browser();
    site.sign_in(&mut home, ANN).says("Enter the code");
}

/// Nobody is told that it is the account where it is the address.
#[test]
fn whoever_finds_the_line_at_a_blocked_address_full_is_told_why() {
    let site = Site::start("", "");
    site.with_app();
    let away = "203.0.113.1";
    site.block(away);
    let try_both = || {
        let mut browser = site.browser();
        browser.address = away.into();
        browser.get("/sign-in");
        browser.post("/sign-in", &[("address", ANN), ("password", "wrong"), ("code", "000000")])
    };
    std::thread::scope(|scope| {
        let loops: Vec<_> = (0..4).map(|_| scope.spawn(try_both)).collect();
        std::thread::sleep(std::time::Duration::from_secs(2));
        let full = try_both();
        assert_eq!(full.status, 422);
        full.says("Another sign-in from your address is being checked. Try again in a few seconds.");
        for one in loops {
            one.join().unwrap().says("Wrong address or password.");
        }
    });
}

#[test]
fn where_two_factor_is_mandatory_nothing_else_is_open_before_it() {
    let rule = "[[portal.mandatory]]\nwhom = \"everybody\"\nfrom = \"2020-01-01\"\ngrace = \"0s\"";
    let site = Site::start(rule, "");
    let (mut ann, page) = site.signed_in(ANN);
    page.says("Turn on two-factor");
    page.says("You cannot do anything else here until this is done.");
    for path in ["/", "/factors", "/two-factor", "/recovery-codes", "/confirm"] {
        assert_eq!(ann.get(path).location(), "/set-up", "{path}");
    }
    assert_eq!(ann.post("/set-up", &[("later", "yes")]).location(), "/");
    assert_eq!(ann.get("/").location(), "/set-up");
    let page = ann.get("/factors/new/totp");
    let app = super::site::App::read(&page);
    let bound = ann.post("/factors/new/totp", &[("code", &app.code(0)), ("name", "Phone")]);
    assert_eq!(bound.location(), "/passwords/new");
    ann.get("/passwords/new").says("Two-factor is on");
    ann.get("/two-factor").says("It cannot be turned off.");
    ann.post("/two-factor", &[("on", "no")]).says("It cannot be turned off.");
}

#[test]
fn after_a_reset_the_set_up_code_comes_first() {
    let site = Site::start("", "");
    let (mut ann, _) = site.with_app();
    ann.get("/two-factor");
    ann.post("/two-factor", &[("on", "yes")]);
    let reset = format!("/v1/accounts/{ANN}/factors/reset");
    let made = site.daemon().control("POST", &reset, &json!({ "reason": "lost phone" }));
    let code = made["set_up_code"].as_str().expect("a code").to_owned();
    // Somebody who knows the main password alone.
    let (mut thief, page) = site.signed_in(ANN);
    page.says("Ask your administrator for it");
    for path in ["/", "/factors", "/factors/new/totp", "/factors/new/sms", "/two-factor", "/passwords/new"] {
        assert_eq!(thief.get(path).location(), "/set-up", "{path}");
    }
    thief.get("/set-up");
    for path in ["/factors/new/totp", "/factors/new/sms"] {
        let sent = thief.post(path, &[("to", "13800138000"), ("code", "000000"), ("name", "Phone")]);
        assert_eq!(sent.location(), "/set-up", "{path}");
    }
    for wrong in ["", "000000", "ABCD-EFGH-IJKL-MNOP"] {
        let refused = thief.post("/set-up", &[("code", wrong)]);
        assert_eq!(refused.status, 422);
        refused.says("Wrong set-up code.");
    }
    let mut owner = site.browser();
    owner.language = "zh-CN".into();
    site.sign_in(&mut owner, ANN).says("请向管理员索取");
    let given = owner.post_and_go("/set-up", &[("code", &code.to_lowercase())]);
    assert!(given.body.contains("/factors/new/totp"), "{}", given.text());
    let page = owner.get("/factors/new/totp");
    let app = super::site::App::read(&page);
    let bound = owner.post("/factors/new/totp", &[("code", &app.code(0)), ("name", "Phone")]);
    assert_eq!(bound.location(), "/passwords/new", "two-factor is on still");
    assert_eq!(thief.get("/set-up").location(), "/sign-in", "signed out");
    assert!(!site.log().contains(&code) && !site.log().contains(&code.to_lowercase()));
}

#[test]
fn two_factor_turned_on_without_a_factor_leads_to_setting_it_up() {
    let site = Site::start("", "");
    site.signed_in(ANN);
    // It leads to setting it up, and not round in a circle.
    site.daemon().control("PATCH", &format!("/v1/accounts/{ANN}"), &json!({ "two_factor": true }));
    let (_, page) = site.signed_in(ANN);
    page.says("You cannot do anything else here until this is done.");
    assert!(!page.text().contains("Set-up code"), "an account that never had a factor waits for none");
}

#[test]
fn in_its_time_of_grace_it_may_wait() {
    let from = yesterday();
    let rule = format!("[[portal.mandatory]]\nwhom = \"everybody\"\nfrom = {from:?}\ngrace = \"365d\"");
    let site = Site::start(&rule, "");
    let mut ann = site.browser();
    ann.get("/factors");
    site.sign_in(&mut ann, ANN).says("You can do this later");
    ann.post_and_go("/set-up", &[("later", "yes")]).says("Your second factors");
    ann.get("/").says("Your organisation wants two-factor on by");
}

fn yesterday() -> String {
    jiff::Zoned::now().yesterday().unwrap().date().to_string()
}

#[test]
fn whoever_was_going_somewhere_comes_there_after_signing_in() {
    let site = Site::start("", "");
    let mut ann = site.browser();
    assert_eq!(ann.get("/two-factor").location(), "/sign-in");
    let page = site.sign_in(&mut ann, ANN);
    page.says("First add a second factor");
    // Once: the next time it is the overview.
    ann.post("/sign-out", &[]);
    ann.get("/sign-in");
    assert_eq!(ann.post("/sign-in", &[("address", ANN), ("password", MAIN)]).location(), "/");
}

#[test]
fn a_language_is_chosen_wished_or_that_of_the_site() {
    let site = Site::start("", "");
    let mut ann = site.browser();
    assert!(ann.get("/sign-in").body.contains("<html lang=\"en\">"));
    ann.language = "zh-TW,en;q=0.5".into();
    assert!(ann.get("/sign-in").body.contains("<html lang=\"zh-CN\">"));
    let page = ann.post("/language", &[("language", "en"), ("next", "/sign-in")]);
    assert_eq!(page.location(), "/sign-in");
    assert!(ann.get("/sign-in").body.contains("<html lang=\"en\">"));
    for wrong in ["//evil.example/", "https://evil.example/", "/sign-out", "/\r\nset-cookie: a=b"] {
        assert_eq!(ann.post("/language", &[("language", "xx"), ("next", wrong)]).location(), "/");
    }
}

#[test]
fn wrong_passwords_and_names_that_nobody_has_look_alike() {
    let site = Site::start("", "");
    let mut ann = site.browser();
    ann.get("/sign-in");
    let wrong = ann.post("/sign-in", &[("address", ANN), ("password", "wrong")]);
    let nobody = ann.post("/sign-in", &[("address", "who@example.org"), ("password", "wrong")]);
    let hide = |page: &super::browser::Page| {
        let number = page.field("once").expect("of its own");
        page.body.replace(ANN, "").replace("who@example.org", "").replace(&number, "")
    };
    assert_eq!((wrong.status, hide(&wrong)), (422, hide(&nobody)));
    for (address, password) in [("", MAIN), (ANN, ""), (&*"a".repeat(400), MAIN), (ANN, &*"a".repeat(2000))] {
        let refused = ann.post("/sign-in", &[("address", address), ("password", password)]);
        assert_eq!(refused.status, 422, "{}", refused.text());
        assert!(!refused.body.contains("aaaaaaaaaa") || refused.body.contains(&"a".repeat(320)));
    }
}
