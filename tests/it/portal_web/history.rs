//! Who signed in lately, also those who are gone, and who was stopped at the second factor; and what wrong codes are told.

use super::ANN;
use super::site::Site;

const THIEF: &str = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile \
                     Safari/537.36";

#[test]
fn a_thief_who_was_stopped_stands_first_and_a_visit_that_is_over_stands_in_the_list() {
    let site = Site::start("", "");
    let (mut ann, app) = site.with_app();
    let calm = ann.get("/devices");
    calm.says("Browser (password + code from an app)");
    calm.says("A dot is a sign-in");
    assert!(!calm.text().contains("Somebody knows") && !calm.text().contains("Stopped"), "{}", calm.text());

    // Somebody comes in all the way from elsewhere, and signs out.
    let mut gone = site.browser();
    gone.address = "203.0.113.77".into();
    site.sign_in(&mut gone, ANN).says("Enter the code");
    gone.post_and_go("/sign-in/code", &[("code", &app.code(0))]);
    gone.post("/sign-out", &[]);
    let list = ann.get("/devices");
    list.says("203.0.113.77");
    assert!(!list.body.contains("/delete\""), "it is over: there is nothing to end");

    // Somebody else knows the main password alone.
    let mut thief = site.browser();
    (thief.address, thief.agent) = ("203.0.113.66".into(), THIEF.into());
    site.sign_in(&mut thief, ANN).says("Enter the code");
    let waiting = ann.get("/devices");
    waiting.says("second factor still to come");
    assert!(!waiting.text().contains("Somebody knows"));
    for wrong in ["000000", "000001", "000002"] {
        thief.post("/sign-in/code", &[("code", wrong)]);
    }
    let alarm = ann.get("/devices");
    for words in [
        "Somebody knows your main password",
        "Chrome on Android",
        "203.0.113.66",
        "1 attempt · 3 wrong codes",
        "Not you? Change your main password now.",
        "1 stopped · 2 sign-ins",
        "just now · ",
    ] {
        alarm.says(words);
    }
    let (at, first) = (alarm.body.find("203.0.113.66"), alarm.body.find("203.0.113.77"));
    assert!(at.is_some() && at < first, "it stands first");
    assert!(alarm.body.contains("class=\"card alarm\"") && alarm.body.contains("<i class=\"bad\"></i>"));
    let overview = ann.get("/");
    overview.says("Somebody knows your main password. Chrome on Android was stopped at the second factor");
    assert!(overview.body.contains("<li class=\"bad\">") && overview.text().contains("203.0.113.77"));
    ann.language = "zh-CN".into();
    ann.get("/devices").says("有人知道您的主密码");
    ann.get("/devices").says("浏览器（密码 + 应用验证码）");
}

#[test]
fn whoever_is_signed_out_is_named() {
    let site = Site::start("", "");
    let (mut ann, _) = site.signed_in(ANN);
    let mut other = site.browser();
    other.agent = THIEF.into();
    site.sign_in(&mut other, ANN);
    let list = ann.get("/devices");
    list.says("Signed in");
    let id = list.body.split("action=\"/devices/").skip(1).find_map(|rest| rest.split_once("/delete\""));
    let path = format!("/devices/{}/delete", id.expect("another session").0);
    ann.post_and_go(&path, &[]).says("Chrome on Android was signed out.");
    assert_eq!(other.get("/").location(), "/sign-in");
    let list = ann.get("/devices");
    list.says("Chrome on Android");
    assert!(!list.body.contains("/delete\""));
}

#[test]
fn a_code_is_told_as_used_or_wrong_and_the_clock_is_named() {
    let site = Site::start("", "");
    let (mut ann, app) = site.with_app();
    ann.get("/recovery-codes");
    ann.post("/recovery-codes", &[]);
    ann.post("/sign-out", &[]);
    site.sign_in(&mut ann, ANN);
    let code = app.code(0);
    ann.post_and_go("/sign-in/code", &[("code", &code)]);
    ann.post("/sign-out", &[]);
    site.sign_in(&mut ann, ANN);
    for _ in 0..4 {
        let used = ann.post("/sign-in/code", &[("code", &code)]);
        assert_eq!(used.status, 422);
        used.says("You have already used this code. Wait for the next one (up to 30 seconds).");
    }
    for n in 1..=3 {
        let wrong = ann.post("/sign-in/code", &[("code", "000000")]);
        wrong.says("Wrong code. Enter the one your app shows now.");
        let clock = wrong.text().contains("Is your phone’s clock set automatically?");
        assert_eq!(clock, n == 3, "those that were used do not count");
    }
    ann.post_and_go("/sign-in/factor", &[("factor", "recovery")]);
    let wrong = ann.post("/sign-in/code", &[("code", "AAAAA-AAAAA-AAAAA")]);
    wrong.says("This is not one of your recovery codes, or you have already used it.");
    // The clock of a phone whose app is new is named at once.
    let (mut bob, _) = site.signed_in(super::BOB);
    bob.get("/factors/new/totp");
    let wrong = bob.post("/factors/new/totp", &[("code", "000000"), ("name", "Phone")]);
    wrong.says("Is your phone’s clock set automatically?");
}
