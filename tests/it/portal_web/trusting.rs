//! Browsers that are trusted: by each account for itself, under another token after each use, and not for ever.

use super::browser::Browser;
use super::site::{App, Site};
use super::{ANN, BOB};

/// Somebody whose browser is asked for the code, and is trusted from then on.
#[track_caller]
fn trusted(site: &Site, browser: &mut Browser, account: &str, app: &App) {
    site.sign_in(browser, account).says("Enter the code");
    browser.post_and_go("/sign-in/code", &[("code", &app.code(0)), ("trust", "yes")]).says("Overview");
    browser.post("/sign-out", &[]);
}

fn cookies(browser: &Browser) -> Vec<(String, String)> {
    let trusts = browser.cookies.iter().filter(|(name, _)| name.starts_with("__Host-sidegate-device-"));
    trusts.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[test]
fn one_browser_is_trusted_by_several_accounts() {
    let site = Site::start("", "");
    let (_, ann) = site.with_app();
    let (mut other, _) = site.signed_in(BOB);
    let bob = super::site::bind_app(&mut other);
    let mut shared = site.browser();
    trusted(&site, &mut shared, ANN, &ann);
    trusted(&site, &mut shared, BOB, &bob);
    assert_eq!(shared.trusts(), 2);
    let before = cookies(&shared);
    for account in [ANN, ANN, BOB] {
        site.sign_in(&mut shared, account).says("Overview");
        shared.get("/devices").says("This browser");
        shared.post("/sign-out", &[]);
    }
    // The names say nothing of whose they are, and each use made another token.
    let after = cookies(&shared);
    assert_eq!(after.len(), 2);
    for ((name, old), (same, new)) in before.iter().zip(&after) {
        assert_eq!(name, same);
        assert!(old != new && !name.contains("ann") && !name.contains("bob"), "{name}");
    }
    // A copy of the cookies from before is good no more.
    let mut copy = Browser { cookies: before.into_iter().collect(), ..site.browser() };
    site.sign_in(&mut copy, ANN).says("Enter the code");
    // Nobody learns from the page, or from a wrong password, whom the browser knows.
    let known = shared.get("/sign-in");
    assert!(!known.headers.iter().any(|(_, line)| line.contains("sidegate-device")));
    for account in [ANN, "carol@example.org"] {
        let wrong = shared.post("/sign-in", &[("address", account), ("password", "wrong")]);
        assert!(!wrong.headers.iter().any(|(_, line)| line.contains("sidegate-device")), "{account}");
    }
    // Ann has her trust ended everywhere; Bob's goes on.
    site.sign_in(&mut shared, ANN).says("Overview");
    shared.get("/devices");
    shared.post("/devices/sign-out-everywhere", &[]);
    assert_eq!(shared.trusts(), 1);
    site.sign_in(&mut shared, BOB).says("Overview");
    let mut plain = Browser { cookies: cookies(&shared).into_iter().collect(), ..site.browser() };
    site.sign_in(&mut plain, ANN).says("Enter the code");
}

/// A browser that knows five lets the one go that it used longest ago.
#[test]
fn a_browser_keeps_five() {
    let site = Site::start("", "");
    let (_, ann) = site.with_app();
    let mut browser = site.browser();
    for (n, name) in ["aa", "bb", "cc", "dd", "ee"].into_iter().enumerate() {
        let value = format!("{}.{}", 1_700_000_000 - n, "A".repeat(43));
        browser.cookies.insert(format!("__Host-sidegate-device-{name}"), value);
    }
    trusted(&site, &mut browser, ANN, &ann);
    assert_eq!(browser.trusts(), 5);
    assert!(!browser.cookies.contains_key("__Host-sidegate-device-ee"));
    site.sign_in(&mut browser, ANN).says("Overview");
    assert_eq!((browser.trusts(), browser.cookies.contains_key("__Host-sidegate-device-dd")), (5, true));
}

/// Who needs one has lost what else they had; whoever found it is not trusted besides.
#[test]
fn a_recovery_code_ends_trust_and_makes_none() {
    let site = Site::start("", "");
    let (mut ann, app) = site.with_app();
    ann.get("/recovery-codes");
    let codes = ann.post("/recovery-codes", &[]);
    let recovery = codes.body.split("<li><code>").nth(1).and_then(|rest| rest.split('<').next()).unwrap();
    let mut trusts = site.browser();
    trusted(&site, &mut trusts, ANN, &app);
    let mut found = site.browser();
    site.sign_in(&mut found, ANN);
    assert!(found.get("/sign-in/code").body.contains("name=\"trust\""));
    let page = found.post_and_go("/sign-in/factor", &[("factor", "recovery")]);
    assert!(!page.body.contains("name=\"trust\""), "{}", page.text());
    found.post_and_go("/sign-in/code", &[("code", recovery), ("trust", "yes")]).says("Overview");
    assert_eq!(found.trusts(), 0);
    found.get("/devices").says("No browser is trusted.");
    site.sign_in(&mut trusts, ANN).says("Enter the code");
}
