//! Delegations: granted, seen by both sides, withdrawn.

use super::site::Site;
use super::{ANN, BOB};

#[test]
fn a_mailbox_is_shared_and_taken_back() {
    let site = Site::start("", "");
    let (mut bob, _) = site.signed_in(BOB);
    let (mut ann, _) = site.signed_in(ANN);
    let page = ann.get("/delegations");
    page.says("Nobody but you.");
    page.says("What each right allows");
    let granted =
        ann.post_and_go("/delegations", &[("delegate", " Bob@Example.org "), ("right", "on-behalf")]);
    granted.says("bob@example.org may now use your mailbox.");
    granted.says("Send on behalf");
    ann.get("/").says("bob@example.org has been able to use your mailbox since");
    bob.get("/delegations").says("ann@example.org");
    assert!(!bob.get("/").text().contains("may use your mailbox"));
    // Another right takes the place of the first.
    ann.post_and_go("/delegations", &[("delegate", BOB), ("right", "send-as")]);
    assert_eq!(ann.get("/delegations").body.matches("action=\"/delegations/withdraw\"").count(), 1);
    let gone = ann.post_and_go("/delegations/withdraw", &[("delegate", BOB)]);
    gone.says("bob@example.org may no longer use your mailbox.");
    assert!(!ann.get("/").text().contains("may use your mailbox"));
    bob.get("/delegations").says("Only your own.");
    assert_eq!(ann.post("/delegations/withdraw", &[("delegate", BOB)]).status, 404);
}

/// The page knows what this site does with a delegation, and promises no more.
#[test]
fn what_a_delegation_does_here_is_said_and_no_more() {
    let shared = tempfile::tempdir().unwrap();
    let milter = shared.path().join("milter");
    let sharing = format!("[sharing]\nfolder = {:?}\nprefix = \"shared/%{{owner}}/\"\n", shared.path());
    let marking = format!("[[listen]]\nprotocol = \"milter\"\npath = {milter:?}\n");
    for (settings, shown, marked) in [
        (String::new(), false, false),
        (sharing.clone(), true, false),
        (marking.clone(), false, true),
        (format!("{sharing}{marking}"), true, true),
    ] {
        let site = Site::start(&settings, "");
        let (mut bob, _) = site.signed_in(BOB);
        let (mut ann, _) = site.signed_in(ANN);
        let page = ann.get("/delegations").text();
        assert_eq!(page.contains("Recipients see both names."), marked, "{page}");
        assert_eq!(page.contains("Sees your mail and folders"), shown, "{page}");
        assert_eq!(page.contains("a delegation is for sending only"), !shown, "{page}");
        let granted = ann.post_and_go("/delegations", &[("delegate", BOB), ("right", "send-as")]).text();
        let place = "In their mail program: shared/ann@example.org";
        assert_eq!(granted.contains(place), shown, "{granted}");
        let received = bob.get("/delegations").text();
        assert_eq!(received.contains("In your mail program: shared/ann@example.org"), shown, "{received}");
    }
}

#[test]
fn a_right_over_somebody_else_s_mailbox_is_not_taken() {
    let site = Site::start("", "");
    let (mut ann, _) = site.signed_in(ANN);
    let (mut bob, _) = site.signed_in(BOB);
    // A form says whom it is granted to, and never whose mailbox it is.
    bob.get("/delegations");
    bob.post("/delegations", &[("delegate", ANN), ("right", "read"), ("owner", ANN)]);
    ann.get("/delegations").says("Nobody but you.");
    bob.post("/delegations/withdraw", &[("delegate", ANN), ("owner", ANN)]);
    for (delegate, says) in [
        (BOB, "That is your own address."),
        ("nobody@example.org", "There is no such account here."),
        ("", "This is not a mail address."),
        ("a b", "There is no such account here."),
        ("<script>alert(1)</script>@example.org", "There is no such account here."),
    ] {
        let page = bob.post("/delegations", &[("delegate", delegate), ("right", "read")]);
        assert_eq!(page.status, 422, "{delegate}: {}", page.text());
        page.says(says);
        assert!(!page.body.contains("<script>alert"));
    }
    let long = "a".repeat(321);
    bob.post("/delegations", &[("delegate", &long), ("right", "read")]).says("This is not a mail address.");
    for right in ["", "owner", "READ"] {
        assert_eq!(bob.post("/delegations", &[("delegate", ANN), ("right", right)]).status, 400, "{right}");
    }
}

#[test]
fn a_trusted_browser_alone_grants_nothing() {
    let site = Site::start("", "");
    site.signed_in(BOB);
    let (mut ann, app) = site.with_app();
    ann.post("/sign-out", &[]);
    site.sign_in(&mut ann, ANN);
    ann.post_and_go("/sign-in/code", &[("code", &app.code(0)), ("trust", "yes")]);
    ann.post("/sign-out", &[]);
    site.sign_in(&mut ann, ANN);
    ann.get("/delegations").says("Nobody but you.");
    let sent = ann.post("/delegations", &[("delegate", BOB), ("right", "read")]);
    assert_eq!(sent.location(), "/confirm?next=/delegations");
    ann.get("/delegations").says("Nobody but you.");
}

/// The form says whether an address has an account: not to whoever goes through them.
#[test]
fn so_many_addresses_without_an_account_may_be_named_a_day() {
    let site = Site::start("", "");
    site.signed_in(BOB);
    let (mut ann, _) = site.signed_in(ANN);
    let mut named =
        |delegate: &str| ann.post("/delegations", &[("delegate", delegate), ("right", "read")]).text();
    for n in 0..20 {
        assert!(named(&format!("nobody{n}@example.org")).contains("There is no such account here."), "{n}");
    }
    let there_or_not = [named("nobody20@example.org"), named(BOB)];
    for told in there_or_not {
        assert!(
            told.contains("You have entered many addresses") && !told.contains("no such account"),
            "{told}"
        );
    }
}
