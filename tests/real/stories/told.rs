//! What a mail program hears beside a text: the code that it goes by. Thunderbird for Android asks for another password at
//! `[AUTHENTICATIONFAILED]` only.

use std::net::Ipv4Addr;

use crate::client::{Sieve, Smtp};
use crate::dovecot::{Dovecot, SIEVE, SUBMIT};
use crate::series::{Series, with_each_dovecot};
use crate::site::{Mode, Plan, Site};

use super::{HOME, assert_in, imap, pop3, smtp};

const ALICE: &str = "alice@example.test";
const PORTAL: &str = "https://mail.example.test/portal";

with_each_dovecot!(each_protocol_has_its_code_and_the_text, a_site_chooses_what_is_told);

/// The answers of every protocol to one password.
struct Answers {
    imap: String,
    pop3: String,
    submission: String,
    postfix: String,
    sieve: String,
}

fn answers(site: &Site, password: &str) -> Answers {
    site.secret(ALICE, password);
    let at = |port| Dovecot::at(site, port);
    Answers {
        imap: imap(site, HOME, ALICE, password),
        pop3: pop3(site, HOME, ALICE, password),
        submission: Smtp::open(HOME, at(SUBMIT), "EHLO").plain(ALICE, password),
        postfix: smtp(site, HOME, ALICE, password),
        sieve: Sieve::open(HOME, at(SIEVE)).login(ALICE, password),
    }
}

#[track_caller]
fn assert_begins(answer: &str, with: &str) {
    assert!(answer.starts_with(with), "{answer:?} should begin with {with:?}");
}

fn site(series: Series, settings: &str) -> Option<Site> {
    let settings = format!("[messages]\nportal_url = \"{PORTAL}\"\n{settings}");
    let site = Plan::new(Mode::Front).on(series).with_postfix().settings(&settings).start()?;
    site.account(ALICE);
    Some(site)
}

fn block(site: &Site, from: Ipv4Addr) {
    site.cli.done(&["block", "add", &from.to_string(), "--reason", "a test"]);
}

fn each_protocol_has_its_code_and_the_text(series: Series) {
    let Some(site) = site(series, "") else { return };
    let password = site.password(ALICE, "Phone");
    let wrong = answers(&site, "an-old-password");
    assert_begins(&wrong.imap, "NO [AUTHENTICATIONFAILED] Wrong address or password.");
    assert_begins(&wrong.pop3, "-ERR [AUTH] Wrong address or password.");
    assert_begins(&wrong.submission, "535 5.7.8 Wrong address or password.");
    assert_begins(&wrong.postfix, "535 5.7.8 ");
    assert_begins(&wrong.sieve, "NO \"Wrong address or password.");
    for answer in [&wrong.imap, &wrong.pop3, &wrong.submission, &wrong.postfix, &wrong.sieve] {
        assert!(answer.contains(PORTAL), "{answer}");
    }
    assert_in(&imap(&site, HOME, ALICE, &password));
    block(&site, HOME);
    let blocked = answers(&site, &password);
    assert_begins(&blocked.imap, "NO [ALERT] Too many failed logins from your address.");
    assert_begins(&blocked.pop3, "-ERR [SYS/TEMP] Too many failed logins from your address.");
    assert_begins(&blocked.submission, "535 5.7.8 Too many failed logins");
    assert!(blocked.postfix.contains("Too many failed logins"), "{}", blocked.postfix);
    assert_begins(&blocked.sieve, "NO \"Too many failed logins");
    site.assert_nothing_secret();
}

fn a_site_chooses_what_is_told(series: Series) {
    let chosen = "tell_wrong = { imap = \"alert\", pop3 = \"nothing\", smtp = \"nothing\", sieve = \"nothing\" }\n\
                  tell_blocked = { imap = \"text\", pop3 = \"nothing\", sieve = \"nothing\" }\n";
    let Some(site) = site(series, chosen) else { return };
    let password = site.password(ALICE, "Phone");
    let wrong = answers(&site, "an-old-password");
    assert_begins(&wrong.imap, "NO [ALERT] Wrong address or password.");
    assert_begins(&wrong.pop3, "-ERR [AUTH] Authentication failed.");
    assert_begins(&wrong.submission, "535 5.7.8 Authentication failed.");
    assert!(!wrong.postfix.contains(PORTAL), "{}", wrong.postfix);
    assert_begins(&wrong.sieve, "NO \"Authentication failed.");
    block(&site, HOME);
    let blocked = answers(&site, &password);
    assert_begins(&blocked.imap, "NO [UNAVAILABLE] Too many failed logins");
    assert_begins(&blocked.pop3, "-ERR [AUTH] Authentication failed.");
    assert_begins(&blocked.submission, "535 5.7.8 Too many failed logins");
    assert_begins(&blocked.sieve, "NO \"Authentication failed.");
    site.assert_nothing_secret();
}
