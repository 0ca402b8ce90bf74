//! Client passwords: made, used, seen, removed; profiles; and those of somebody else.

use plist::Value;
use serde_json::json;
use sidegate::gate::secret::SECRET_CHARS;

use super::browser::{Browser, Page};
use super::site::Site;
use super::{ANN, BOB, HOME, MAIN};

/// The client password that a page shows.
#[track_caller]
fn shown(page: &Page) -> String {
    let copied = page.body.split("data-copy=\"").nth(1).and_then(|rest| rest.split('"').next());
    let password = copied.unwrap_or_else(|| panic!("none: {}", page.text())).to_owned();
    assert_eq!(password.len(), SECRET_CHARS);
    password
}

/// Makes one with the form.
#[track_caller]
pub(super) fn make(browser: &mut Browser, name: &str) -> String {
    assert_eq!(browser.get("/passwords/new").status, 200);
    shown(&browser.post("/passwords/new", &[("name", name)]))
}

/// Ann's mail program says it at an address; the first word of the answer.
pub(super) fn login(site: &Site, protocol: &str, password: &str, address: &str) -> String {
    let mut peer = site.daemon().peer();
    let resp = crate::world::plain(ANN, password);
    peer.say(&format!("AUTH\t1\tPLAIN\tservice={protocol}\trip={address}\tresp={resp}\n"));
    peer.hear().split('\t').next().unwrap().to_owned()
}

/// The numbers in the links that remove one.
pub(super) fn numbers(page: &Page) -> Vec<String> {
    let links = page.body.split("href=\"/passwords/").skip(1);
    let number = |rest: &str| {
        let number = rest.split("/remove\"").next()?;
        number.parse::<i64>().is_ok().then(|| number.to_owned())
    };
    links.filter_map(number).collect()
}

#[test]
fn a_client_password_is_made_used_seen_and_removed() {
    let site = Site::start("", "");
    let (mut ann, _) = site.signed_in(ANN);
    ann.get("/passwords").says("You have none yet.");
    let password = make(&mut ann, " Ann's <phone> ");
    let list = ann.get("/passwords");
    list.says("Ann&#39;s &#60;phone&#62;");
    list.says("Never used");
    list.says("Your client passwords: 1 of 6");
    assert!(!list.body.contains(&password), "it is shown once");
    assert_eq!(login(&site, "imap", &password, "198.51.100.7"), "OK");
    let number = numbers(&list).remove(0);
    let remove = format!("/passwords/{number}/remove");
    ann.get(&remove).says("The device that uses it is locked out immediately");
    ann.post_and_go(&remove, &[]).says("was removed. It no longer works.");
    assert_eq!(login(&site, "imap", &password, "198.51.100.7"), "FAIL");
    let list = ann.get("/passwords");
    list.says("A device still uses a removed password");
    list.says("from 198.51.100.7");
    assert_eq!(ann.post(&remove, &[]).status, 404, "it is gone");
    assert_eq!(ann.get(&remove).status, 404);
    assert!(!site.log().contains(&password) && !site.log().contains(MAIN));
}

#[test]
fn there_are_six_and_all_can_be_removed_at_once() {
    let site = Site::start("", "");
    let (mut ann, _) = site.signed_in(ANN);
    assert_eq!(ann.get("/passwords/remove-all").location(), "/passwords", "there is none");
    let made: Vec<String> = (1..=6).map(|n| make(&mut ann, &format!("Device {n}"))).collect();
    let full = ann.get("/passwords");
    full.says("There can be 6 client passwords. Remove one first.");
    assert!(!full.body.contains("href=\"/passwords/new\""));
    ann.get("/passwords/new");
    let refused = ann.post("/passwords/new", &[("name", "Seventh")]);
    assert_eq!(refused.status, 422);
    refused.says("There can be 6 client passwords.");
    let taken = ann.post("/passwords/new", &[("name", "device 1")]);
    assert_eq!(taken.status, 422, "{}", taken.text());
    ann.get("/passwords/remove-all").says("This removes all 6 client passwords.");
    ann.post_and_go("/passwords/remove-all", &[]).says("6 client passwords were removed.");
    for password in made {
        assert_eq!(login(&site, "imap", &password, HOME), "FAIL");
    }
}

#[test]
fn what_is_typed_is_told_to_be_wrong_beside_the_field() {
    let site = Site::start("", "");
    let (mut ann, _) = site.signed_in(ANN);
    make(&mut ann, "Phone");
    ann.get("/passwords/new");
    let long = "手".repeat(65);
    let many = "192.0.2.1 ".repeat(33);
    for (fields, says) in [
        (&[("name", "")][..], "Enter a name."),
        (&[], "Enter a name."),
        (&[("name", &long)], "A name has at most 64 characters."),
        (&[("name", "two\u{1}lines")], "another invisible character"),
        (&[("name", "a\ttab")], "The name contains a tab"),
        (&[("name", "Phone")], "You already have one with that name."),
        (&[("name", "ABCDefgh2345mnpq")], "This looks like a password."),
        (&[("name", "a"), ("expires", "8")], "Choose when it ends from the list."),
        (&[("name", "a"), ("networks", "192.0.2.0/40")], "These are not all addresses"),
        (&[("name", "a"), ("networks", &many)], "These are not all addresses"),
    ] {
        let page = ann.post("/passwords/new", fields);
        assert_eq!(page.status, 422, "{fields:?}: {}", page.text());
        page.says(says);
        assert!(!page.body.contains("value=\"ABCDefgh2345mnpq\""), "a password is not shown again");
    }
    assert_eq!(ann.post("/passwords/new", &[("name", "a"), ("protocols", "doveadm")]).status, 400);
    let evil = ann.post("/passwords/new", &[("name", "a\"><script>"), ("networks", "\"><script>")]);
    assert!(evil.status == 422 && !evil.body.contains("<script>"), "{}", evil.text());
    assert_eq!(numbers(&ann.get("/passwords")).len(), 1, "nothing was made");
}

#[test]
fn the_terms_of_a_client_password_hold() {
    let site = Site::start("", "");
    let (mut ann, _) = site.signed_in(ANN);
    ann.get("/passwords/new");
    let terms =
        [("name", "Printer"), ("protocols", "smtp"), ("networks", "198.51.100.7/24"), ("expires", "7")];
    let page = ann.post("/passwords/new", &terms);
    page.says("Expires on");
    let password = shown(&page);
    let list = ann.get("/passwords");
    for words in ["Only for SMTP", "Only from 198.51.100.0/24", "Expires on"] {
        list.says(words);
    }
    // One for a week is not near its end on its first day.
    for page in [list, ann.get("/")] {
        assert!(
            !page.text().contains("Expires soon") && !page.text().contains("“Printer” expires on"),
            "{}",
            page.text()
        );
    }
    for (protocol, address, answer) in [
        ("imap", "198.51.100.7", "FAIL"),
        ("smtp", "203.0.113.7", "FAIL"),
        ("submission", "198.51.100.8", "OK"),
    ] {
        assert_eq!(login(&site, protocol, &password, address), answer, "{protocol} {address}");
    }
}

#[test]
fn making_one_needs_a_fresh_proof_and_removing_one_does_not() {
    let site = Site::start("", "");
    let (mut ann, app) = site.with_app();
    make(&mut ann, "Phone");
    ann.post("/sign-out", &[]);
    site.sign_in(&mut ann, ANN);
    ann.post_and_go("/sign-in/code", &[("code", &app.code(0)), ("trust", "yes")]);
    ann.post("/sign-out", &[]);
    site.sign_in(&mut ann, ANN).says("Overview");
    // A trusted browser proved nothing today. It is asked before anything is typed.
    for path in ["/passwords/new", "/passwords/profile"] {
        let status = ann.get(path).status;
        assert!(status == 303 || path.ends_with("profile"), "{path}: {status}");
    }
    assert_eq!(ann.get("/passwords/new").location(), "/confirm?next=/passwords/new");
    let sent = ann.post("/passwords/new", &[("name", "Stolen")]);
    assert_eq!(sent.location(), "/confirm?next=/passwords/new");
    let list = ann.get("/passwords");
    assert_eq!(numbers(&list).len(), 1);
    let remove = format!("/passwords/{}/remove", numbers(&list)[0]);
    ann.post_and_go(&remove, &[]).says("was removed");
    ann.get("/confirm?next=/passwords/new");
    let right = ann.post("/confirm", &[("next", "/passwords/new"), ("code", &app.code(1))]);
    assert_eq!(right.location(), "/passwords/new");
    make(&mut ann, "Laptop");
}

#[test]
fn somebody_else_s_client_password_is_none_of_his() {
    let site = Site::start("", "");
    let (mut ann, _) = site.signed_in(ANN);
    let password = make(&mut ann, "Phone");
    let number = numbers(&ann.get("/passwords")).remove(0);
    let (mut bob, _) = site.signed_in(BOB);
    bob.get("/passwords").says("You have none yet.");
    let remove = format!("/passwords/{number}/remove");
    assert_eq!(bob.get(&remove).status, 404);
    assert_eq!(bob.post(&remove, &[]).status, 404);
    bob.post_and_go("/passwords/remove-all", &[]);
    // Nor is it by asking the daemon as the portal does.
    let session = bob.session().unwrap().to_owned();
    let as_bob = format!("authorization: Bearer {session}\r\n");
    let path = format!("/v1/portal/passwords?id={number}");
    let (status, no) = site.daemon().try_ask_with("DELETE", &path, &as_bob, &json!({})).unwrap();
    assert_eq!((status, no["error"].as_str()), (404, Some("not-found")), "{no}");
    for odd in ["9223372036854775807", "-1", "1e3", "%00", "0x10", "99999999999999999999"] {
        assert_eq!(bob.post(&format!("/passwords/{odd}/remove"), &[]).status, 404, "{odd}");
    }
    assert_eq!(login(&site, "imap", &password, HOME), "OK", "Ann's still works");
    // Nobody in, nothing to see.
    let mut nobody = site.browser();
    for path in ["/passwords", "/passwords/new", "/passwords/profile", &remove] {
        let led = nobody.get(path);
        assert!(led.status == 404 || led.location() == "/sign-in", "{path}");
    }
}

const SERVERS: &str = "[[servers]]\nprotocol = 'imap'\nhost = 'imap.example.org'\n\
     [[servers]]\nprotocol = 'submission'\nhost = 'smtp.example.org'\nsecurity = 'starttls'\n";

#[test]
fn a_profile_carries_a_client_password_of_its_own() {
    let site = Site::start("", SERVERS);
    let (mut ann, _) = site.signed_in(ANN);
    assert!(ann.get("/passwords").body.contains("href=\"/passwords/profile\""));
    ann.get("/passwords/profile").says("Profile for iPhone, iPad or Mac");
    ann.post("/passwords/profile", &[("name", "")]).says("Enter a name.");
    let file = ann.post("/passwords/profile", &[("name", "iPhone & <co>")]);
    assert_eq!(file.status, 200, "{}", file.text());
    assert_eq!(file.header("content-type"), "application/x-apple-aspen-config");
    let disposition = "attachment; filename=\"ann@example.org.mobileconfig\"";
    assert_eq!(file.header("content-disposition"), disposition);
    assert_eq!(file.header("cache-control"), "no-store");
    let profile = Value::from_reader_xml(file.body.as_bytes()).unwrap();
    let content = profile.as_dictionary().unwrap()["PayloadContent"].as_array().unwrap();
    let mail = content[0].as_dictionary().unwrap();
    let text = |key: &str| mail[key].as_string().unwrap();
    assert_eq!(text("IncomingMailServerHostName"), "imap.example.org");
    assert_eq!(text("OutgoingMailServerHostName"), "smtp.example.org");
    assert_eq!(text("EmailAddress"), ANN);
    let password = text("IncomingPassword");
    for (protocol, answer) in [("imap", "OK"), ("smtp", "OK"), ("pop3", "FAIL")] {
        assert_eq!(login(&site, protocol, password, HOME), answer, "{protocol}");
    }
    let list = ann.get("/passwords");
    list.says("iPhone &#38; &#60;co&#62;");
    ann.post("/passwords/profile", &[("name", "iPhone & <co>")]).says("You already have one with that name.");
    assert_eq!(numbers(&list).len(), 1);
    assert!(!site.log().contains(password));
    // A site that names no servers has no profiles.
    let site = Site::start("", "");
    let (mut ann, _) = site.signed_in(ANN);
    assert!(!ann.get("/passwords").body.contains("/passwords/profile"));
    assert_eq!(ann.get("/passwords/profile").status, 404);
    assert_eq!(ann.post("/passwords/profile", &[("name", "a")]).status, 404);
}
