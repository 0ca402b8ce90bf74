//! Every door a mail client has, in front mode and in full mode: the client password opens it, a wrong one and the main
//! password do not.

use crate::client::{Imap, Pop3, Sieve, Smtp, plain};
use crate::dovecot::{Dovecot, IMAP, IMAPS, LMTP, POP3, SIEVE, SUBMIT};
use crate::postfix::{Postfix, SUBMISSION, SUBMISSIONS};
use crate::process::wait_until;
use crate::series::{Series, with_each_dovecot};
use crate::site::{MAIN_PASSWORD, Mode, Plan, Site};

use super::{HOME, assert_in, assert_refused, imap, pop3, smtp};

const ALICE: &str = "alice@example.test";

with_each_dovecot!(front_mode_opens_every_door, full_mode_opens_every_door);

fn front_mode_opens_every_door(series: Series) {
    let Some(site) = Plan::new(Mode::Front).on(series).with_postfix().start() else { return };
    every_door(&site);
}

fn full_mode_opens_every_door(series: Series) {
    let Some(site) = Plan::new(Mode::Full).on(series).with_postfix().start() else { return };
    every_door(&site);
}

fn every_door(site: &Site) {
    site.account(ALICE);
    let password = site.password(ALICE, "Phone");
    imap_mechanisms(site, &password);
    pop3_and_sieve(site, &password);
    mail_goes_round(site, &password);
    lmtp_recipients(site);
    dovecot_submission(site, &password);
    doveadm_asks(site, &password);
    names_and_spaces(site, &password);
    wrong_ones(site);
    site.assert_nothing_secret();
}

fn imap_mechanisms(site: &Site, password: &str) {
    let open = || Imap::open(HOME, Dovecot::at(site, IMAP));
    assert_in(&open().login(ALICE, password));
    assert_in(&open().plain_at_once(ALICE, password));
    assert_in(&open().authenticate("PLAIN", &[&format!("\0{ALICE}\0{password}")]));
    assert_in(&open().authenticate("LOGIN", &[ALICE, password]));
    assert_in(&Imap::tls(HOME, Dovecot::at(site, IMAPS)).login(ALICE, password));
    // Somebody who breaks off, by saying so or by going away, is no failure, and the next one is served.
    let mut session = open();
    assert!(session.abort("LOGIN").starts_with("BAD"));
    assert_in(&session.login(ALICE, password));
    assert_eq!(open().authenticate("LOGIN", &[ALICE]), "+ UGFzc3dvcmQ6");
    // The mailbox behind the login is there, and is the right one.
    let mut session = open();
    assert_in(&session.login(ALICE, password));
    assert!(session.command("SELECT INBOX").last().is_some_and(|l| l.starts_with("OK")));
    assert!(site.path("mail/example.test/alice/Maildir").is_dir());
}

fn pop3_and_sieve(site: &Site, password: &str) {
    let open = || Pop3::open(HOME, Dovecot::at(site, POP3));
    assert_in(&open().login(ALICE, password));
    assert_in(&open().command(&format!("AUTH PLAIN {}", plain(ALICE, password))));
    let mut sieve = Sieve::open(HOME, Dovecot::at(site, SIEVE));
    assert_in(&sieve.login(ALICE, password));
    let script = "keep;";
    let stored = sieve.command(&format!("PUTSCRIPT \"main\" {{{}+}}\r\n{script}", script.len()));
    assert!(stored.starts_with("OK"), "{stored:?}");
}

/// Over each port and with each mechanism of Postfix a mail to oneself, read back over IMAP.
fn mail_goes_round(site: &Site, password: &str) {
    let subjects = ["starttls-plain", "starttls-login", "tls-plain", "tls-login"];
    for subject in subjects {
        let mut smtp = match subject.starts_with("starttls") {
            true => Smtp::starttls(HOME, Postfix::at(site, SUBMISSION)),
            false => Smtp::tls(HOME, Postfix::at(site, SUBMISSIONS)),
        };
        assert!(smtp.mail(ALICE, ALICE, subject).starts_with("554"), "no relay before the login");
        smtp.command("RSET");
        let answer = match subject.ends_with("plain") {
            true => smtp.plain(ALICE, password),
            false => smtp.login(ALICE, password),
        };
        assert_in(&answer);
        let queued = smtp.mail(ALICE, ALICE, subject);
        assert!(queued.starts_with("250"), "{queued:?}");
    }
    for subject in subjects {
        wait_for_mail(site, password, subject);
    }
}

fn wait_for_mail(site: &Site, password: &str, subject: &str) {
    let mut session = Imap::open(HOME, Dovecot::at(site, IMAP));
    assert_in(&session.login(ALICE, password));
    session.command("SELECT INBOX");
    let arrives = format!("the mail {subject} arrives");
    wait_until(&arrives, std::time::Duration::from_secs(30), || {
        let found = session.command(&format!("SEARCH SUBJECT {subject}"));
        found.iter().any(|line| line.starts_with("* SEARCH ") && line.len() > "* SEARCH ".len())
    });
}

fn lmtp_recipients(site: &Site) {
    let mut lmtp = Smtp::open(HOME, Dovecot::at(site, LMTP), "LHLO");
    let delivered = lmtp.mail("ann@example.test", ALICE, "lmtp");
    assert!(delivered.starts_with("250"), "{delivered:?}");
    let unknown = lmtp.mail("ann@example.test", "nobody@example.test", "lmtp");
    assert!(unknown.starts_with("550 5.1.1"), "{unknown:?}");
}

/// Dovecot's own submission service, which hands on to Postfix.
fn dovecot_submission(site: &Site, password: &str) {
    let open = || Smtp::open(HOME, Dovecot::at(site, SUBMIT), "EHLO");
    let mut smtp = open();
    assert_in(&smtp.plain(ALICE, password));
    let queued = smtp.mail(ALICE, ALICE, "dovecot-submission");
    assert!(queued.starts_with("250"), "{queued:?}");
    wait_for_mail(site, password, "dovecot-submission");
    assert_in(&open().login(ALICE, password));
    assert_refused(&open().plain(ALICE, MAIN_PASSWORD));
}

/// doveadm, by the default names of the sockets and by explicit ones.
fn doveadm_asks(site: &Site, password: &str) {
    let client = site.path("dovecot/run/login/sidegate/client").display().to_string();
    let master = site.path("dovecot/run/login/sidegate/master").display().to_string();
    let code = |args: &[&str]| Dovecot::doveadm(site, args).status.code();
    let said = |args: &[&str]| {
        let output = Dovecot::doveadm(site, args);
        assert!(output.status.success(), "doveadm {args:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(code(&["auth", "test", ALICE, password]), Some(0));
    assert_eq!(code(&["auth", "test", "-a", &client, ALICE, password]), Some(0));
    let far = ["-x", "service=imap", "-x", "rip=192.0.2.7", "-x", "lip=127.0.0.1"];
    let test = |user, password| {
        let mut args = vec!["auth", "test", "-a", &client];
        args.extend(far);
        args.extend([user, password]);
        code(&args)
    };
    assert_eq!(test(ALICE, password), Some(0));
    assert_eq!(test(ALICE, "not-the-password"), Some(77));
    assert_eq!(test("nobody@example.test", password), Some(77));

    let login = ["auth", "login", "-a", &client, "-m", &master, ALICE, password];
    assert!(said(&login).contains("uid=5000"));
    assert!(said(&["auth", "login", ALICE, password]).contains("/mail/example.test/alice"));
    assert!(said(&["auth", "lookup", "-a", &master, ALICE]).contains(ALICE));
    assert_eq!(code(&["auth", "lookup", "-a", &master, "nobody@example.test"]), Some(67));
    let fields = said(&["user", "-a", &master, ALICE]);
    let home = site.path("mail/example.test/alice").display().to_string();
    assert!(fields.contains("uid\t5000") && fields.contains(&home), "{fields}");
    assert_eq!(code(&["user", "-a", &master, "nobody@example.test"]), Some(67));
    assert!(said(&["user", "-a", &master, "*"]).lines().any(|line| line == ALICE));
    assert!(said(&["user", "*@example.test"]).lines().any(|line| line == ALICE));
    assert!(said(&["auth", "cache", "flush", "-a", &master]).contains("entries flushed"));
    assert!(said(&["auth", "cache", "flush", ALICE]).contains("entries flushed"));
    assert!(said(&["mailbox", "list", "-u", ALICE]).contains("INBOX"));
}

/// A name in capitals is the same person, and the password may be typed in fours.
fn names_and_spaces(site: &Site, password: &str) {
    let fours: Vec<&str> = [0, 4, 8, 12].iter().map(|at| &password[*at..*at + 4]).collect();
    assert_in(&imap(site, HOME, "Alice@Example.TEST", &fours.join(" ")));
    assert!(!site.path("mail/Example.TEST").exists(), "one mailbox, whatever the spelling");
    assert_refused(&imap(site, HOME, ALICE, &password.to_lowercase()));
    assert_in(&imap(site, HOME, ALICE, password));
}

fn wrong_ones(site: &Site) {
    for wrong in ["wrong-Password-1", MAIN_PASSWORD] {
        assert_refused(&imap(site, [127, 0, 7, 2].into(), ALICE, wrong));
        assert_refused(&pop3(site, [127, 0, 7, 2].into(), ALICE, wrong));
        assert_refused(&smtp(site, [127, 0, 7, 3].into(), ALICE, wrong));
        let mut sieve = Sieve::open([127, 0, 7, 3].into(), Dovecot::at(site, SIEVE));
        assert_refused(&sieve.login(ALICE, wrong));
    }
    // Somebody who does not exist reads the same as somebody who mistyped.
    let wrong = imap(site, [127, 0, 7, 4].into(), ALICE, "wrong-Password-2");
    let nobody = imap(site, [127, 0, 7, 5].into(), "nobody@example.test", "wrong-Password-2");
    assert_eq!(wrong, nobody);
}
