//! Forms that are sent twice: by two taps, Enter pressed again, a page that is sent anew. Each form that acts, as the routes
//! name them: it acts once, both answers are one, and nobody's session ends by it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::browser::{Browser, Page};
use super::passwords::{login, numbers};
use super::site::{App, Site, URL};
use super::{ANN, BOB, HOME, MAIN};

const SERVERS: &str = "[[servers]]\nprotocol = 'imap'\nhost = 'imap.example.org'\n\
     [[servers]]\nprotocol = 'submission'\nhost = 'smtp.example.org'\nsecurity = 'starttls'\n";
const OURS: [(&str, &str); 2] = [("sec-fetch-site", "same-origin"), ("origin", URL)];
const ELSEWHERE: &str = "198.51.100.66";
/// Between two taps.
const MOMENT: Duration = Duration::from_millis(30);

/// The forms that were sent twice, by their routes.
#[derive(Default)]
struct Taps(BTreeSet<String>);

impl Taps {
    /// Sends a form of the last page twice at once, as a browser does that drops the first answer; once more, as one that
    /// heard nothing at all; and once again, as one that took the answer in. The answer, which it has taken in.
    #[track_caller]
    fn twice(&mut self, browser: &mut Browser, path: &str, fields: &[(&str, &str)]) -> Page {
        assert!(!browser.number.is_empty(), "the page has no number");
        self.0.insert(route(path));
        let body = browser.form(fields);
        let request = browser.request("POST", path, &OURS, &body);
        let (door, first) = (browser.door.clone(), request.clone());
        let first = thread::spawn(move || Page::read(&door.say(first.as_bytes())));
        thread::sleep(MOMENT);
        let say = |request: &str| Page::read(&browser.door.say(request.as_bytes()));
        let (second, third) = (say(&request), say(&request));
        let first = first.join().expect("an answer");
        assert!(first.status < 400, "{path}: {} {}", first.status, first.text());
        for later in [&second, &third] {
            assert_same(path, &first, later);
        }
        browser.keep(&first);
        let number = std::mem::take(&mut browser.number);
        let after = browser.request("POST", path, &OURS, &body);
        assert_same(path, &first, &Page::read(&browser.door.say(after.as_bytes())));
        browser.number = number;
        first
    }
}

#[track_caller]
fn assert_same(path: &str, one: &Page, other: &Page) {
    let told = |page: &Page| -> Vec<(String, String)> {
        page.headers.iter().filter(|(name, _)| name != "date").cloned().collect()
    };
    assert_eq!((one.status, told(one)), (other.status, told(other)), "{path}: {}", other.text());
    assert_eq!(one.body, other.body, "{path}");
}

/// The route of a path.
fn route(path: &str) -> String {
    match path.split('/').collect::<Vec<_>>()[..] {
        ["", "factors", "new", _] => "/factors/new/{kind}".to_owned(),
        ["", "admin", "accounts", _] => "/admin/accounts/{address}".to_owned(),
        ["", group, _, act @ ("change" | "remove" | "cancel" | "delete")] => format!("/{group}/{{id}}/{act}"),
        _ => path.to_owned(),
    }
}

/// Every route that takes a form, from the source.
fn routes() -> BTreeSet<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/portal");
    let names = fs::read_to_string(source.join("pages/routes.rs")).expect("the routes");
    let path = |name: &str| {
        let line = format!("pub const {}: &str = \"", name.trim_start_matches("routes::"));
        let value = names.split(&line).nth(1).and_then(|rest| rest.split('"').next());
        value.unwrap_or_else(|| panic!("no route {name}")).to_owned()
    };
    let mut all = BTreeSet::new();
    for file in fs::read_dir(source.join("handlers")).expect("the handlers") {
        let file = file.expect("a file").path();
        // Programs send what they ask there, and change nothing.
        if file.ends_with("mail_programs.rs") {
            continue;
        }
        let text = fs::read_to_string(file).expect("text");
        for route in text.split(".route(").skip(1) {
            let (name, rest) = route.split_once(',').expect("a path and its methods");
            // Up to the end of this call.
            let methods = rest.split(".route(").next().unwrap_or_default();
            let methods = methods.split('}').next().unwrap_or_default();
            if methods.contains("post(") {
                let name = name.trim();
                all.insert(if name.starts_with('"') {
                    name.trim_matches('"').to_owned()
                } else {
                    path(name)
                });
            }
        }
    }
    assert!(all.len() > 20, "{all:?}");
    all
}

fn accounts(site: &Site, account: &str, path: &str) -> Value {
    site.daemon().control("GET", &format!("/v1/accounts/{account}{path}"), &json!({}))
}

/// How often something was done, as the log of events has it.
fn done(site: &Site, kind: &str) -> usize {
    let events = site.daemon().control("GET", &format!("/v1/events?kind={kind}&limit=1000"), &json!({}));
    events["events"].as_array().expect("events").len()
}

/// The numbers of forms of a page whose path is `/GROUP/NUMBER/ACT`.
fn ids(page: &Page, group: &str, act: &str) -> Vec<String> {
    let number = |rest: &str| {
        rest.split_once('/').filter(|(_, rest)| rest.starts_with(act)).map(|(id, _)| id.to_owned())
    };
    page.body.split(&format!("\"/{group}/")).skip(1).filter_map(number).collect()
}

/// Signs in, binds an app, proves it where the browser gets trusted, and lets a session and the trust end.
fn in_and_out(site: &Site, taps: &mut Taps) -> (Browser, App) {
    let mut ann = site.browser();
    ann.get("/sign-in");
    let led = taps.twice(&mut ann, "/sign-in", &[("address", ANN), ("password", MAIN)]);
    assert_eq!((led.location(), done(site, "login")), ("/", 1));
    let app = App::read(&ann.get("/factors/new/totp"));
    let code = app.code(-1);
    let bound = taps.twice(&mut ann, "/factors/new/totp", &[("code", &code), ("name", "Phone")]);
    assert_eq!((bound.location(), done(site, "factor-added")), ("/two-factor", 1));
    assert_eq!(ids(&ann.get("/factors"), "factors", "change").len(), 1);
    taps.twice(&mut ann, "/sign-out", &[]);
    ann.get("/sign-in").says("You are signed out.");

    site.sign_in(&mut ann, ANN).says("Enter the code");
    assert_eq!(
        taps.twice(&mut ann, "/sign-in/factor", &[("factor", "recovery")]).location(),
        "/sign-in/code"
    );
    ann.get("/sign-in/factor");
    let id = accounts(site, ANN, "/factors")["factors"][0]["id"].to_string();
    taps.twice(&mut ann, "/sign-in/factor", &[("factor", &id)]);
    ann.get("/sign-in/code").says("“Phone”");
    let code = app.code(0);
    let led = taps.twice(&mut ann, "/sign-in/code", &[("code", &code), ("trust", "yes")]);
    assert_eq!((led.location(), done(site, "factor-tried"), ann.trusts()), ("/", 1, 1));
    assert_eq!(accounts(site, ANN, "/factors")["failures"], 0, "a code that was used is no wrong one");
    ann.get("/").says("Overview");

    // The trust is used twice by one sign-in, and is none the worse.
    for _ in 0..2 {
        ann.post("/sign-out", &[]);
        ann.get("/sign-in");
        taps.twice(&mut ann, "/sign-in", &[("address", ANN), ("password", MAIN)]);
        ann.get("/").says("Overview");
    }
    let devices = ann.get("/devices");
    taps.twice(&mut ann, &format!("/devices/{}/cancel", ids(&devices, "devices", "cancel")[0]), &[]);
    let (_, asked) = site.signed_in(ANN);
    asked.says("Enter the code");
    let devices = ann.get("/devices");
    let other = &ids(&devices, "devices", "delete")[0];
    taps.twice(&mut ann, &format!("/devices/{other}/delete"), &[]);
    ann.get("/devices").says("was signed out");
    (ann, app)
}

/// Client passwords and delegations.
fn own(site: &Site, taps: &mut Taps, ann: &mut Browser, app: &App) {
    ann.get("/confirm?next=/passwords/new");
    let code = app.code(1);
    taps.twice(ann, "/confirm", &[("next", "/passwords/new"), ("code", &code)]);
    ann.get("/passwords/new");
    let shown = taps.twice(ann, "/passwords/new", &[("name", "Tablet")]);
    let password =
        shown.body.split("data-copy=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("it is shown");
    assert_eq!((login(site, "imap", password, HOME).as_str(), done(site, "password-added")), ("OK", 1));
    // The same name once more is another form, and is told so.
    ann.get("/passwords/new");
    assert_eq!(ann.post("/passwords/new", &[("name", "Tablet")]).status, 422);
    ann.get("/passwords/profile");
    let file = taps.twice(ann, "/passwords/profile", &[("name", "iPhone")]);
    assert!(file.header("content-disposition").starts_with("attachment"));
    let list = ann.get("/passwords");
    let removed = format!("/passwords/{}/remove", numbers(&list)[0]);
    assert_eq!(numbers(&list).len(), 2);
    ann.get(&removed);
    assert_eq!(taps.twice(ann, &removed, &[]).location(), "/passwords");
    ann.get("/passwords/remove-all");
    taps.twice(ann, "/passwords/remove-all", &[]);
    ann.get("/passwords").says("You have none yet.");
    assert_eq!(done(site, "password-revoked"), 2);

    // There is an account once its owner came in.
    site.signed_in(BOB);
    ann.get("/delegations");
    let granted = taps.twice(ann, "/delegations", &[("delegate", BOB), ("right", "read")]);
    assert_eq!((granted.location(), done(site, "delegation-granted")), ("/delegations", 1));
    ann.get("/delegations");
    taps.twice(ann, "/delegations/withdraw", &[("delegate", BOB)]);
    assert_eq!(done(site, "delegation-revoked"), 1);
    ann.get("/delegations").says("Nobody but you.");
}

/// Second factors, and proving one again.
fn factors(site: &Site, taps: &mut Taps, ann: &mut Browser, app: &App) {
    ann.get("/recovery-codes");
    let codes = taps.twice(ann, "/recovery-codes", &[]);
    assert_eq!((codes.body.matches("<li><code").count(), done(site, "recovery-codes-made")), (10, 1));
    let recovery = codes
        .body
        .split("<li><code>")
        .nth(1)
        .and_then(|rest| rest.split('<').next())
        .expect("one")
        .to_owned();
    ann.get("/confirm?next=/factors");
    taps.twice(ann, "/confirm", &[("next", "/factors"), ("by", "recovery")]);
    ann.get("/confirm?next=/factors").says("recovery codes");
    let led = taps.twice(ann, "/confirm", &[("next", "/factors"), ("code", &recovery)]);
    assert_eq!(
        (led.location(), accounts(site, ANN, "/factors")["recovery_codes"].clone()),
        ("/factors", json!(9))
    );
    ann.get("/factors/new/sms");
    taps.twice(ann, "/factors/new/sms", &[("to", "13800138000")]).says("We sent a code");
    let (_, code) = site.sent();
    taps.twice(ann, "/factors/new/sms", &[("code", &code)]);
    let list = ann.get("/factors");
    let both = ids(&list, "factors", "change");
    assert_eq!((both.len(), done(site, "factor-added")), (2, 2));

    let change = format!("/factors/{}/change", both[0]);
    let anew = App::read(&ann.get(&change));
    let code = anew.code(-1);
    assert_eq!(taps.twice(ann, &change, &[("code", &code), ("name", "New phone")]).location(), "/factors");
    assert_eq!(done(site, "factor-changed"), 1);
    assert_ne!(app.code(0), anew.code(0));
    ann.get("/two-factor");
    taps.twice(ann, "/two-factor", &[("on", "yes")]);
    assert_eq!(done(site, "two-factor-on"), 1);
    // It was proved last, and may go.
    let remove = format!("/factors/{}/remove", both[0]);
    ann.get(&remove);
    assert_eq!(taps.twice(ann, &remove, &[]).location(), "/factors");
    assert_eq!(done(site, "factor-removed"), 1);
    ann.get("/factors").says("Text message");
}

/// Blocks, and what administrators do. Bob is one.
fn oversee(site: &Site, taps: &mut Taps) {
    let mut bob = site.browser();
    bob.get("/sign-in");
    site.sign_in(&mut bob, BOB);
    bob.get("/set-up");
    assert_eq!(taps.twice(&mut bob, "/set-up", &[("later", "yes")]).location(), "/");
    super::site::bind_app(&mut bob);
    bob.get("/two-factor");
    bob.post("/two-factor", &[("on", "yes")]);
    site.daemon().control("PATCH", &format!("/v1/accounts/{BOB}"), &json!({ "group": "postmasters" }));
    site.block(HOME);
    bob.get("/block");
    assert_eq!(taps.twice(&mut bob, "/block", &[]).location(), "/block");
    site.block(ELSEWHERE);
    bob.get("/admin/blocks").says(ELSEWHERE);
    taps.twice(&mut bob, "/admin/blocks", &[("address", ELSEWHERE)]);
    assert_eq!(done(site, "block-lifted"), 2);
    site.block(ELSEWHERE);
    bob.get("/admin").says(ELSEWHERE);
    taps.twice(&mut bob, "/admin", &[("address", ELSEWHERE)]);
    assert_eq!(done(site, "block-lifted"), 3);
    let account = format!("/admin/accounts/{ANN}");
    bob.get(&account);
    taps.twice(&mut bob, &account, &[("reason", "lost phone")]);
    assert_eq!(done(site, "factors-reset"), 1);
    bob.get("/devices");
    assert_eq!(taps.twice(&mut bob, "/devices/sign-out-everywhere", &[]).location(), "/sign-in");
    bob.get("/sign-in").says("You are signed out everywhere.");
}

#[test]
fn every_form_that_acts_acts_once() {
    let from = jiff::Zoned::now().yesterday().unwrap().date();
    let people = format!(
        "administrators = \"postmasters\"\n[[portal.mandatory]]\nwhom = {BOB:?}\nfrom = \"{from}\"\ngrace = \"365d\""
    );
    let (site, mut taps) = (Site::start(&people, SERVERS), Taps::default());
    let (mut ann, app) = in_and_out(&site, &mut taps);
    own(&site, &mut taps, &mut ann, &app);
    factors(&site, &mut taps, &mut ann, &app);
    assert_eq!(ann.get("/").status, 200, "still signed in after all that");
    oversee(&site, &mut taps);
    let mut all = routes();
    // Choosing a language is the same a second time.
    assert!(all.remove("/language"));
    assert_eq!(taps.0, all, "each form that acts is sent twice here");
    let log = site.log();
    assert!(!log.contains("panicked") && !log.contains("makes no sense"), "{log}");
}

/// A token that was rotated away does nothing: whoever has it has not the number of the page besides.
#[test]
fn an_old_token_gets_nothing_but_the_answer_to_its_own_form() {
    let site = Site::start("", "");
    let (_, app) = site.with_app();
    let (mut ann, asked) = site.signed_in(ANN);
    asked.says("Enter the code");
    let (before, code) = (ann.clone(), app.code(0));
    let body = ann.clone().form(&[("code", &code)]);
    ann.post_and_go("/sign-in/code", &[("code", &code)]).says("Overview");
    // The page of the thief has another number, or none.
    for number in [String::new(), "AAAAAAAAAAAAAAAAAAAAAA".to_owned()] {
        let mut thief = Browser { number, ..before.clone() };
        assert_eq!(thief.post("/sign-in/code", &[("code", &code)]).location(), "/sign-in");
        assert_eq!(thief.session(), before.session(), "and no new one");
        assert_eq!(thief.get("/").location(), "/sign-in");
    }
    // The very form, from a browser that is signed in as somebody else, or that has no session of ours.
    let (bob, _) = site.signed_in(BOB);
    for mut other in [bob, site.browser()] {
        let shown = other.session().map(str::to_owned);
        assert_eq!(other.ask("POST", "/sign-in/code", &OURS, &body).status, 400);
        assert_eq!(other.session().map(str::to_owned), shown);
    }
    // And from another site.
    let foreign = [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")];
    assert_eq!(before.clone().ask("POST", "/sign-in/code", &foreign, &body).status, 400);
    // Its own browser, which heard nothing, is signed in.
    let mut again = before.clone();
    assert_eq!(again.ask("POST", "/sign-in/code", &OURS, &body).location(), "/");
    assert_eq!(again.session(), ann.session());
    again.get("/").says("Overview");
    // Where it went on meanwhile, it is not made to go back.
    ann.get("/confirm?next=/");
    ann.post("/confirm", &[("next", "/"), ("code", &app.code(1))]).location();
    let now = ann.session().map(str::to_owned);
    assert_eq!(ann.ask("POST", "/sign-in/code", &OURS, &body).status, 400);
    assert_eq!(ann.session().map(str::to_owned), now);
    assert_eq!(ann.get("/").status, 200);
}

/// Something that was asked for before a proof and is answered after it must not sign anybody out.
#[test]
fn a_late_answer_to_an_old_token_leaves_the_new_one() {
    let site = Site::start("", "");
    let (_, app) = site.with_app();
    let (mut ann, _) = site.signed_in(ANN);
    let mut late = ann.clone();
    ann.post("/sign-in/code", &[("code", &app.code(0))]).location();
    let answer = late.get("/passwords");
    assert_eq!(answer.location(), "/sign-in");
    ann.keep(&answer);
    assert_eq!(ann.get("/sign-in").location(), "/passwords", "led on");
    assert_eq!(ann.get("/passwords").status, 200);
}

/// What did nothing for trouble of our own is tried again; what was wrong is told again.
#[test]
fn trouble_is_no_answer_to_be_kept() {
    let mut site = Site::start("", "");
    let (mut ann, _) = site.signed_in(ANN);
    ann.get("/passwords/new");
    let body = ann.form(&[("name", "Phone")]);
    let daemon = site.daemon.take();
    drop(daemon);
    assert_eq!(ann.ask("POST", "/passwords/new", &OURS, &body).status, 503);
    site.daemon = Some(crate::daemon::Daemon::start(site.folder()));
    assert_eq!(ann.ask("POST", "/passwords/new", &OURS, &body).status, 200);
    ann.get("/passwords/new");
    let body = ann.form(&[("name", "Phone")]);
    let wrong = ann.ask("POST", "/passwords/new", &OURS, &body);
    assert_eq!(wrong.status, 422);
    assert_same("/passwords/new", &wrong, &ann.ask("POST", "/passwords/new", &OURS, &body));
}
