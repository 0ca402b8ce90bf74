//! At a sending limit, owner and administrator get a mail: through the real Postfix into their real mailboxes.

use std::time::Duration;

use crate::client::Smtp;
use crate::dovecot::Dovecot;
use crate::postfix::{Postfix, SUBMISSION};
use crate::process::wait_until;
use crate::site::{Mode, Plan, Site};

use super::{HOME, assert_in};

const ALICE: &str = "alice@example.test";
const ADMIN: &str = "admin@example.test";
/// The site's port for mail from outside.
const OUTSIDE: u16 = 10025;

/// The mails in somebody's INBOX, headers and text.
fn inbox(site: &Site, owner: &str) -> String {
    let fetched = Dovecot::doveadm(site, &["fetch", "-u", owner, "text", "mailbox", "INBOX"]);
    String::from_utf8_lossy(&fetched.stdout).into_owned()
}

#[test]
fn owner_and_administrator_are_told_once() {
    let Some(mut site) = Plan::new(Mode::Front).with_postfix_and(&["sending.cf"]).start() else { return };
    for account in [ALICE, ADMIN] {
        site.account(account);
    }
    let secret = site.password(ALICE, "Phone");
    site.cli.done(&["limits", "set", ALICE, "--recipients-per-hour", "2"]);
    let notices = |server: String| {
        format!(
            "[notices]\nfrom = \"sidegate@example.test\"\nadministrator = \"{ADMIN}\"\n\
             [notices.smtp]\nserver = \"{server}\"\n[messages]\nlanguage = \"zh-CN\"\n"
        )
    };
    site.add_settings(&notices(Postfix::at(&site, OUTSIDE).to_string()));
    let mut session = Smtp::starttls(HOME, Postfix::at(&site, SUBMISSION));
    assert_in(&session.plain(ALICE, &secret));
    for n in 0..5 {
        let answer = session.mail(ALICE, ADMIN, &format!("Mail {n}"));
        let refused = answer.starts_with("450 4.7.1 ") && answer.contains("每小时 2 个收件人");
        assert!(if n < 2 { answer.starts_with("250 ") } else { refused }, "{n}: {answer}");
        session.command("RSET");
    }
    wait_until("both are told", Duration::from_secs(30), || {
        [ALICE, ADMIN].iter().all(|reader| inbox(&site, reader).contains("Auto-Submitted: auto-generated"))
    });
    // All five were decided before the first was told of, so that no further notice can come.
    wait_until("nothing is owed any more", Duration::from_secs(10), || {
        let log = std::fs::read_to_string(site.path("logs/sidegated")).unwrap_or_default();
        log.contains("a notice was delivered")
    });
    for reader in [ALICE, ADMIN] {
        let mails = inbox(&site, reader);
        assert_eq!(mails.matches("Auto-Submitted: auto-generated").count(), 1, "{reader}: {mails}");
        assert!(
            mails.contains("Return-Path: <>") && mails.contains("From: sidegate@example.test"),
            "{mails}"
        );
    }
    site.assert_nothing_secret();
}
