//! From one page to the next: whose account it is and the way back, binding and turning on, names, dates, a site's looks.

use std::fs;

use super::browser::Page;
use super::site::{App, Site, bind_app};
use super::{ANN, BOB};

const UNTIL: &str = "[main_password]\nmail_clients = \"until-two-factor\"\n";

#[test]
fn the_second_step_names_the_account_and_has_a_way_back() {
    let site = Site::start("", "");
    let (mut ann, app) = site.with_app();
    ann.post("/sign-out", &[]);
    let asked = site.sign_in(&mut ann, ANN);
    for page in [asked, ann.get("/sign-in/factor")] {
        page.says(ANN);
        page.says("Not you? Sign in with another account");
        assert!(page.body.contains("action=\"/sign-out\""));
    }
    assert_eq!(ann.get("/sign-in").location(), "/sign-in/factor", "there is no other way to the form");
    ann.get("/sign-in/factor");
    let out = ann.post_and_go("/sign-out", &[]);
    assert!(out.field("address").is_some() && ann.session().is_none(), "{}", out.text());
    site.sign_in(&mut ann, BOB).says("Overview");
    ann.post("/sign-out", &[]);
    site.sign_in(&mut ann, ANN);
    ann.post_and_go("/sign-in/code", &[("code", &app.code(0))]).says("Overview");
}

#[test]
fn binding_the_first_factor_asks_whether_to_turn_it_on() {
    let site = Site::start(UNTIL, "");
    let (mut ann, page) = site.signed_in(ANN);
    page.says("Anyone who knows your password can sign in.");
    let app = App::read(&ann.get("/factors/new/totp"));
    let bound = ann.post("/factors/new/totp", &[("code", &app.code(-1)), ("name", "Phone")]);
    assert_eq!(bound.location(), "/two-factor");
    let asked = ann.get("/two-factor");
    for words in [
        "“Authenticator app: Phone” was added.",
        "Turn it on now?",
        "Bound, not yet required of mail programs",
        "This portal already asks for your second factor.",
        "stops working in Outlook, Foxmail",
        "They need client passwords instead",
        "Not now",
    ] {
        asked.says(words);
    }
    let overview = ann.get("/");
    overview.says("Bound, not yet required of mail programs");
    assert!(!overview.text().contains("Whoever knows"), "{}", overview.text());
    // One more is no question any more.
    let more = App::read(&ann.get("/factors/new/totp"));
    let bound = ann.post("/factors/new/totp", &[("code", &more.code(0)), ("name", "Tablet")]);
    assert_eq!(bound.location(), "/factors");
    ann.get("/two-factor");
    ann.post_and_go("/two-factor", &[("on", "yes")]).says("Two-factor is on.");
}

#[test]
fn where_mail_programs_never_take_the_main_password_nothing_else_is_said() {
    let site = Site::start("", "");
    let (mut ann, _) = site.with_app();
    let asked = ann.get("/two-factor");
    asked.says("Bound, not yet turned on");
    assert!(!asked.text().contains("mail programs get in with your main password"), "{}", asked.text());
}

#[test]
fn no_page_tells_a_date_that_was_never_set() {
    let year = |page: &Page| assert!(!page.body.contains("1970"), "{}", page.text());
    let rule = "[[portal.mandatory]]\nwhom = \"everybody\"\nfrom = \"2020-01-01\"\ngrace = \"0s\"\n";
    let site = Site::start(&format!("{UNTIL}{rule}"), "");
    let (mut ann, first) = site.signed_in(ANN);
    first.says("Turn on two-factor");
    year(&first);
    let app = bind_app(&mut ann);
    // An administrator takes it off in spite of the rule.
    site.daemon().control(
        "PATCH",
        &format!("/v1/accounts/{ANN}"),
        &serde_json::json!({ "two_factor": false }),
    );
    for path in [
        "/",
        "/set-up",
        "/two-factor",
        "/factors",
        "/passwords",
        "/devices",
        "/recovery-codes",
        "/sign-in/factor",
    ] {
        year(&ann.get(path));
    }
    ann.get("/sign-in/factor");
    let id = ann.get("/sign-in/factor").field("factor").unwrap_or_default();
    ann.post("/sign-in/factor", &[("factor", &id)]);
    let inside = ann.post_and_go("/sign-in/code", &[("code", &app.code(0))]);
    year(&inside);
    for path in ["/", "/two-factor", "/factors", "/passwords", "/devices", "/recovery-codes"] {
        year(&ann.get(path));
    }
}

#[test]
fn a_name_is_filled_in_and_none_says_twice_what_it_is() {
    let site = Site::start("", "");
    let (mut ann, _) = site.signed_in(ANN);
    let page = ann.get("/factors/new/totp");
    assert_eq!(page.field("name").as_deref(), Some("Phone"));
    ann.language = "zh-CN".into();
    assert_eq!(ann.get("/factors/new/totp").field("name").as_deref(), Some("手机"));
    ann.language = "en".into();
    let app = App::read(&page);
    let name = ("name", "Authenticator App");
    let bound = ann.post_and_go("/factors/new/totp", &[("code", &app.code(-1)), name]);
    bound.says("“Authenticator app” was added.");
    let list = ann.get("/factors");
    let text = list.text();
    assert!(!text.to_lowercase().contains("authenticator app: authenticator app"), "{text}");
    assert!(list.body.contains("aria-label=\"Remove: Authenticator app\""));
    ann.language = "zh-CN".into();
    let text = ann.get("/factors").text();
    assert!(text.contains("身份验证器应用") && !text.contains("Authenticator App"), "{text}");
    ann.language = "en".into();
    ann.post("/sign-out", &[]);
    site.sign_in(&mut ann, ANN).says("Enter the code that your authenticator app shows.");
    ann.post_and_go("/sign-in/code", &[("code", &app.code(0))]);
    bind_app(&mut ann);
    assert_eq!(ann.get("/factors/new/totp").field("name").as_deref(), Some("Phone 2"));
}

#[test]
fn a_site_shows_its_logo_and_colour() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logo.svg");
    let drawing =
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\"><path d=\"M0 0h9v9z\"/></svg>";
    fs::write(&path, drawing).unwrap();
    let site = Site::start("", &format!("[site]\nlogo = {path:?}\ncolour = \"#7a0019\"\n"));
    let mut nobody = site.browser();
    let page = nobody.get("/sign-in");
    let loaded = |start: &str| {
        let rest = page.body.split(start).nth(1).unwrap_or_else(|| panic!("{start}: {}", page.body));
        rest.split('"').next().unwrap().to_owned()
    };
    let logo = loaded("<img src=\"");
    assert_eq!(loaded("<link rel=\"icon\" href=\""), logo);
    assert!(page.header("content-security-policy").contains("img-src 'self';"));
    let drawn = nobody.ask("GET", &logo, &[], "");
    assert_eq!(
        (drawn.status, drawn.header("content-type"), drawn.body.as_str()),
        (200, "image/svg+xml", drawing)
    );
    assert!(drawn.header("content-security-policy").ends_with("; sandbox"));
    assert!(drawn.header("cache-control").contains("immutable"));
    let style = nobody.ask("GET", &loaded("<link rel=\"stylesheet\" href=\""), &[], "");
    assert!(style.body.contains("--accent: #7a0019;"), "{}", style.status);
    // Without a setting there is an icon of ours, and no logo.
    let plain = Site::start("", "");
    let page = plain.browser().get("/sign-in");
    assert!(!page.body.contains("<img") && page.body.contains("type=\"image/svg+xml\""));
}
