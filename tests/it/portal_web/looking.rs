//! Devices: who is signed in, with what, and how each is stopped; and help for mail programs.

use super::browser::{Browser, Page};
use super::passwords::{login, make, numbers};
use super::site::Site;
use super::{ANN, BOB, HOME};

/// The numbers in the forms that post to `/devices/N/WHAT`.
fn devices(page: &Page, what: &str) -> Vec<String> {
    let forms = page.body.split("action=\"/devices/").skip(1);
    forms
        .filter_map(|rest| rest.split(&format!("/{what}\"")).next().map(str::to_owned))
        .filter(|number| number.parse::<i64>().is_ok())
        .collect()
}

/// Signs in with the app and trusts the browser.
fn trusted(site: &Site, browser: &mut Browser, code: &str) {
    browser.post("/sign-out", &[]);
    site.sign_in(browser, ANN);
    browser.post_and_go("/sign-in/code", &[("code", code), ("trust", "yes")]);
}

#[test]
fn browsers_and_mail_programs_are_in_one_list() {
    let site = Site::start("", "");
    let (mut ann, _) = site.signed_in(ANN);
    let password = make(&mut ann, "Phone");
    let mut phone = site.browser();
    phone.address = "198.51.100.9".into();
    phone.agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like \
                   Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
        .into();
    site.sign_in(&mut phone, ANN);
    assert_eq!(login(&site, "imap", &password, "203.0.113.5"), "OK");
    let list = ann.get("/devices");
    for words in [
        "Firefox on Linux",
        "This browser",
        "Safari on iOS",
        "198.51.100.9",
        "Mail program (IMAP)",
        "203.0.113.5",
    ] {
        list.says(words);
    }
    list.says("Client password “Phone”");
    // A mail program is stopped by its client password, another browser by the end of its session.
    assert_eq!(numbers(&list).len(), 1);
    let other = devices(&list, "delete");
    assert_eq!(other.len(), 1, "not this one");
    ann.post_and_go(&format!("/devices/{}/delete", other[0]), &[]);
    assert_eq!(phone.get("/").location(), "/sign-in");
    ann.get("/devices").says("Firefox on Linux");
    assert_eq!(ann.post(&format!("/devices/{}/delete", other[0]), &[]).status, 404);
    // The client password goes on, and once it is removed its logins say so.
    assert_eq!(login(&site, "imap", &password, HOME), "OK");
    let remove = format!("/passwords/{}/remove", numbers(&list)[0]);
    ann.get(&remove);
    ann.post(&remove, &[]);
    ann.get("/devices").says("Removed client password “Phone”");
}

#[test]
fn trust_is_cancelled_and_everything_is_ended_at_once() {
    let site = Site::start("", "");
    let (mut ann, app) = site.with_app();
    trusted(&site, &mut ann, &app.code(0));
    let list = ann.get("/devices");
    list.says("Trusted on");
    let device = devices(&list, "cancel");
    assert_eq!(device.len(), 1);
    // Not somebody else's.
    let (mut bob, _) = site.signed_in(BOB);
    bob.get("/devices").says("No browser is trusted.");
    assert_eq!(bob.post(&format!("/devices/{}/cancel", device[0]), &[]).status, 404);
    ann.post_and_go(&format!("/devices/{}/cancel", device[0]), &[]).says("no longer trusted");
    ann.get("/devices").says("No browser is trusted.");
    let mut second = site.browser();
    site.sign_in(&mut second, ANN).says("Enter the code");
    second.post_and_go("/sign-in/code", &[("code", &app.code(1)), ("trust", "yes")]);
    ann.get("/devices");
    let out = ann.post_and_go("/devices/sign-out-everywhere", &[]);
    out.says("You are signed out everywhere.");
    assert!(ann.session().is_none() && ann.trusts() == 0);
    assert_eq!(second.get("/").location(), "/sign-in");
    site.sign_in(&mut second, ANN).says("Enter the code");
    assert!(bob.get("/").status == 200, "others are not concerned");
}

#[test]
fn what_is_no_device_is_told_so() {
    let site = Site::start("", "");
    let (mut ann, _) = site.signed_in(ANN);
    ann.get("/devices");
    for number in ["0", "-1", "x", "%27%3B--", "99999999999999999999", "4711"] {
        for what in ["cancel", "delete"] {
            assert_eq!(ann.post(&format!("/devices/{number}/{what}"), &[]).status, 404, "{number}");
        }
    }
    assert_eq!(ann.get("/devices/1/cancel").status, 404, "only a form may");
}

#[test]
fn help_names_the_site_s_servers_to_anybody() {
    let servers = "[[servers]]\nprotocol = 'imap'\nhost = 'imap.example.org'\n\
         [[servers]]\nprotocol = 'submission'\nhost = 'smtp.example.org'\nsecurity = 'starttls'\n";
    let site = Site::start("", servers);
    let mut nobody = site.browser();
    for program in ["foxmail", "outlook", "iphone", "android", "huawei", "thunderbird"] {
        let help = nobody.get(&format!("/help/{program}"));
        assert_eq!(help.status, 200, "{program}");
        for words in ["imap.example.org", "Port 993", "SSL/TLS", "smtp.example.org", "Port 587", "STARTTLS"] {
            help.says(words);
        }
        help.says("Your full mail address");
    }
    assert_eq!(nobody.get("/help/pine").status, 404);
    let (mut ann, _) = site.signed_in(ANN);
    ann.get("/help/iphone").says(ANN);
    assert!(ann.get("/help/iphone").body.contains("href=\"/passwords/profile\""));
    assert!(!ann.get("/help/outlook").body.contains("href=\"/passwords/profile\""));
}
