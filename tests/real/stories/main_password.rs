//! `main_password.mail_clients = "until-two-factor"`: the upstream's main passwords work in mail clients until the
//! account has two-factor, and not one login longer.

use crate::client::{Imap, Sieve, Smtp};
use crate::dovecot::{Dovecot, IMAP, SIEVE};
use crate::postfix::{Postfix, SUBMISSIONS};
use crate::series::{Series, with_each_dovecot};
use crate::site::{MAIN_PASSWORD, Mode, Plan, Site};

use super::{HOME, assert_in, assert_refused, imap, pop3, smtp};

const ALICE: &str = "alice@example.test";
/// Known to the upstream alone.
const UMA: &str = "uma@example.test";

with_each_dovecot!(main_passwords_work_until_two_factor);

fn main_passwords_work_until_two_factor(series: Series) {
    let plan = Plan::new(Mode::Front).on(series).with_postfix();
    let settings = "[main_password]\nmail_clients = \"until-two-factor\"\n";
    let Some(site) = plan.settings(settings).start() else { return };
    only_upstream(&site);
    two_factor_ends_it_at_once(&site);
    upstream_away(&site);
    site.assert_nothing_secret();
}

/// Every protocol and mechanism, for somebody Sidegate never heard of.
fn only_upstream(site: &Site) {
    site.upstream_user(UMA);
    all_in(everywhere(site, UMA, MAIN_PASSWORD));
    let open = || Imap::open(HOME, Dovecot::at(site, IMAP));
    assert_in(&open().plain_at_once(UMA, MAIN_PASSWORD));
    assert_in(&open().authenticate("LOGIN", &[UMA, MAIN_PASSWORD]));
    let mut smtp = Smtp::tls(HOME, Postfix::at(site, SUBMISSIONS));
    assert_in(&smtp.login(UMA, MAIN_PASSWORD));
    assert!(smtp.mail(UMA, UMA, "from-upstream").starts_with("250"));
    let mut session = open();
    assert_in(&session.login(UMA, MAIN_PASSWORD));
    assert!(session.command("SELECT INBOX").last().is_some_and(|l| l.starts_with("OK")));

    assert_refused(&imap(site, [127, 0, 7, 11].into(), UMA, "wrong-Main-1"));
    assert_refused(&imap(site, [127, 0, 7, 11].into(), "nobody@example.test", "wrong-Main-1"));
    // The upstream's refusals count as any other.
    let guesser = [127, 0, 7, 12].into();
    for n in 0..10 {
        assert_refused(&pop3(site, guesser, UMA, &format!("wrong-Main-guess-{n}")));
    }
    assert_refused(&smtp_at(site, guesser));
    assert_in(&pop3(site, HOME, UMA, MAIN_PASSWORD));
}

fn smtp_at(site: &Site, from: std::net::Ipv4Addr) -> String {
    smtp(site, from, UMA, MAIN_PASSWORD)
}

fn two_factor_ends_it_at_once(site: &Site) {
    site.account(ALICE);
    let password = site.password(ALICE, "Phone");
    all_in(everywhere(site, ALICE, MAIN_PASSWORD));
    all_in(everywhere(site, ALICE, &password));
    site.cli.done(&["account", "set", ALICE, "--two-factor", "on"]);
    all_refused(everywhere(site, ALICE, MAIN_PASSWORD));
    all_in(everywhere(site, ALICE, &password));
    site.cli.done(&["account", "set", ALICE, "--two-factor", "off"]);
    all_in(everywhere(site, ALICE, MAIN_PASSWORD));
    site.cli.done(&["account", "disable", ALICE]);
    all_refused(everywhere(site, ALICE, MAIN_PASSWORD));
    all_refused(everywhere(site, ALICE, &password));
    site.cli.done(&["account", "enable", ALICE]);
    all_in(everywhere(site, ALICE, &password));
}

/// One login over each of IMAP, POP3, Sieve and SMTP.
fn everywhere(site: &Site, user: &str, password: &str) -> [String; 4] {
    let mut sieve = Sieve::open(HOME, Dovecot::at(site, SIEVE));
    [
        imap(site, HOME, user, password),
        pop3(site, HOME, user, password),
        smtp(site, HOME, user, password),
        sieve.login(user, password),
    ]
}

#[track_caller]
fn all_in(answers: [String; 4]) {
    answers.iter().for_each(|answer| assert_in(answer));
}

#[track_caller]
fn all_refused(answers: [String; 4]) {
    answers.iter().for_each(|answer| assert_refused(answer));
}

/// Without Dovecot's auth process Postfix's people with a client password go on sending; a main password is a
/// temporary failure, and no failure of the client.
fn upstream_away(site: &Site) {
    let password = site.password(ALICE, "Laptop");
    let client = site.path("dovecot/run/sg-back-client");
    let aside = site.path("dovecot/run/sg-back-client-aside");
    std::fs::rename(&client, &aside).expect("the socket is moved aside");
    site.dovecot.as_ref().expect("Dovecot").end_auth_process();
    assert_in(&smtp(site, HOME, ALICE, &password));
    assert_in(&imap(site, HOME, ALICE, &password));
    for _ in 0..12 {
        let answer = imap(site, [127, 0, 7, 13].into(), UMA, MAIN_PASSWORD);
        assert!(answer.starts_with("NO [UNAVAILABLE]"), "{answer:?}");
    }
    let tried = Dovecot::doveadm(site, &["auth", "test", UMA, MAIN_PASSWORD]).status.code();
    // Dovecot 2.3's doveadm knows one exit code for every no.
    let temporary = if site.series == Series::V23 { 77 } else { 75 };
    assert_eq!(tried, Some(temporary), "doveadm auth test");
    let answer = smtp(site, [127, 0, 7, 13].into(), UMA, MAIN_PASSWORD);
    assert!(answer.starts_with("454 4.7.0"), "{answer:?}");
    std::fs::rename(&aside, &client).expect("the socket is moved back");
    assert_in(&imap(site, [127, 0, 7, 13].into(), UMA, MAIN_PASSWORD));
}
