//! Sending through the real Postfix, its smtpd in the chroot: blocked addresses, senders, limits, and a daemon that is away.

use std::net::Ipv4Addr;

use crate::client::Smtp;
use crate::dovecot::Dovecot;
use crate::postfix::{Postfix, SUBMISSION, SUBMISSIONS};
use crate::process::wait_until;
use crate::site::{Mode, Plan, Site};

use super::{HOME, assert_in, assert_refused, imap};

const ALICE: &str = "alice@example.test";
const BOB: &str = "bob@example.test";
const TEAM: &str = "team@example.test";
const STREET: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 9);

/// A site whose Postfix asks about everything that is sent.
fn site(settings: &str) -> Option<Site> {
    let plan = Plan::new(Mode::Front).settings(settings);
    let site = plan.with_postfix_and(&["sending.cf"]).start()?;
    for account in [ALICE, BOB, TEAM] {
        site.account(account);
    }
    Some(site)
}

/// A session of Alice's on submission, logged in.
fn session(site: &Site, secret: &str) -> Smtp {
    let mut session = Smtp::starttls(HOME, Postfix::at(site, SUBMISSION));
    assert_in(&session.plain(ALICE, secret));
    session
}

/// Names sender and recipients; the answer to DATA, or to the first line that was refused.
fn begin(session: &mut Smtp, from: &str, to: &[&str]) -> String {
    let recipients = to.iter().map(|to| format!("RCPT TO:<{to}>"));
    for line in [format!("MAIL FROM:<{from}>")].into_iter().chain(recipients) {
        let answer = session.command(&line);
        if !answer.starts_with('2') {
            return answer;
        }
    }
    session.command("DATA")
}

/// The message itself, and the answer to its end.
fn finish(session: &mut Smtp, subject: &str) -> String {
    session.command(&format!("From: <{ALICE}>\r\nSubject: {subject}\r\n\r\nHello.\r\n."))
}

fn send(session: &mut Smtp, from: &str, to: &[&str], subject: &str) -> String {
    let answer = begin(session, from, to);
    if answer.starts_with('3') { finish(session, subject) } else { answer }
}

#[track_caller]
fn assert_starts(answer: &str, start: &str) {
    assert!(answer.starts_with(start), "{start} expected: {answer:?}");
}

#[test]
fn a_sender_is_ones_own_or_granted() {
    let Some(site) = site("") else { return };
    let secret = site.password(ALICE, "Phone");
    site.cli.done(&["alias", "add", ALICE, "info@example.test"]);
    site.cli.done(&["alias", "add", "@example.test", "@example.net"]);
    site.cli.done(&["delegation", "grant", BOB, ALICE, "--right", "read"]);
    site.cli.done(&["delegation", "grant", TEAM, ALICE, "--right", "send-as"]);
    let mut session = session(&site, &secret);
    for own in [
        ALICE,
        "Alice+shop@Example.Test",
        "info@example.test",
        "alice@example.net",
        "team+x@example.test",
        "",
    ] {
        assert_starts(&send(&mut session, own, &[BOB], "Own"), "250 ");
    }
    for other in [BOB, "ghost@example.test", "alice@example.org", "bob+alice@example.test"] {
        let answer = send(&mut session, other, &[BOB], "Other");
        assert_starts(&answer, "553 5.7.1 ");
        for word in [other, ALICE, "send-as"] {
            assert!(answer.contains(word), "{word} in {answer}");
        }
    }
    site.cli.done(&["delegation", "revoke", TEAM, ALICE]);
    assert_starts(&send(&mut session, TEAM, &[BOB], "Revoked"), "553 5.7.1 ");
}

#[test]
fn a_blocked_address_does_not_get_in_and_a_revoked_password_sends_no_more() {
    let Some(site) = site("[lockout]\nfailures = 3\n") else { return };
    let secret = site.password(ALICE, "Phone");
    let mut inside = session(&site, &secret);
    let street = |port| Smtp::banner(STREET, Postfix::at(&site, port));
    assert_starts(&street(SUBMISSION), "220 ");
    for _ in 0..3 {
        assert_refused(&imap(&site, STREET, ALICE, "wrong-secret-4711"));
    }
    let banner = street(SUBMISSION);
    assert_starts(&banner, "421 4.7.0 ");
    assert!(banner.contains("Try again after 20"), "with the end of the block: {banner}");
    let tls = Smtp::banner_tls(STREET, Postfix::at(&site, SUBMISSIONS));
    assert_starts(&tls, "421 4.7.0 ");
    assert_starts(&send(&mut inside, ALICE, &[BOB], "Others are not concerned"), "250 ");
    site.cli.done(&["block", "lift", &STREET.to_string()]);
    assert_starts(&street(SUBMISSION), "220 ");

    site.cli.done(&["password", "revoke", ALICE, "--name", "Phone"]);
    assert_starts(&inside.command(&format!("MAIL FROM:<{ALICE}>")), "421 4.7.0 ");
}

#[test]
fn limits_are_kept_and_shown() {
    let Some(site) = site("") else { return };
    let secret = site.password(ALICE, "Phone");
    site.cli.done(&["limits", "set", "--default", "--recipients-per-hour", "3"]);
    let mut first = session(&site, &secret);
    assert_starts(&send(&mut first, ALICE, &[BOB, TEAM], "Two"), "250 ");
    let answer = send(&mut first, ALICE, &[BOB, TEAM], "Four in all");
    assert_starts(&answer, "450 4.7.1 ");
    assert!(answer.contains("3 recipients per hour") && answer.contains("after 20"), "{answer}");
    first.command("RSET");
    assert_starts(&send(&mut first, ALICE, &[BOB], "Three in all"), "250 ");
    let answer = send(&mut first, ALICE, &[ALICE, BOB, TEAM, "bob+x@example.test"], "Never");
    assert_starts(&answer, "554 5.7.1 ");
    let shown = site.cli.done(&["limits", "show", ALICE]);
    let line = shown.lines().find(|line| line.starts_with("recipients per hour")).expect("a line");
    assert!(
        line.contains("default") && line.split_whitespace().filter(|word| *word == "3").count() == 2,
        "{line}"
    );

    // What the account's own level says wins; and of the password's.
    site.cli.done(&["limits", "set", ALICE, "--recipients-per-hour", "unlimited"]);
    first.command("RSET");
    assert_starts(&send(&mut first, ALICE, &[BOB], "Free"), "250 ");
    site.cli.done(&["limits", "set", "--default", "--per", "client-password", "--messages-per-day", "3"]);
    let other = site.password(ALICE, "Script");
    assert_starts(&send(&mut first, ALICE, &[BOB], "The phone is at its limit"), "450 4.7.1 ");
    let mut second = session(&site, &other);
    assert_starts(&send(&mut second, ALICE, &[BOB], "The script is not"), "250 ");
    let events = site.cli.done(&["events", "--account", ALICE]);
    assert!(events.contains("limit-reached"), "{events}");
}

#[test]
fn of_two_sessions_that_race_for_the_last_recipient_one_wins() {
    let Some(site) = site("") else { return };
    let secret = site.password(ALICE, "Phone");
    site.cli.done(&["limits", "set", ALICE, "--recipients-per-hour", "1"]);
    for round in 0..3 {
        let mut racers: Vec<Smtp> = (0..2).map(|_| session(&site, &secret)).collect();
        for racer in &mut racers {
            for line in [format!("MAIL FROM:<{ALICE}>"), format!("RCPT TO:<{BOB}>")] {
                assert_starts(&racer.command(&line), "250 ");
            }
        }
        let answers: Vec<String> = std::thread::scope(|scope| {
            let racing: Vec<_> =
                racers.iter_mut().map(|racer| scope.spawn(|| racer.command("DATA"))).collect();
            racing.into_iter().map(|racer| racer.join().expect("an answer")).collect()
        });
        let won = answers.iter().filter(|answer| answer.starts_with("354")).count();
        let lost = answers.iter().filter(|answer| answer.starts_with("450 4.7.1")).count();
        assert_eq!((won, lost), (1, 1), "{answers:?}");
        for (racer, answer) in racers.iter_mut().zip(&answers) {
            if answer.starts_with("354") {
                assert_starts(&finish(racer, "Won"), "250 ");
            }
        }
        site.cli.done(&["limits", "set", ALICE, "--recipients-per-hour", &(round + 2).to_string()]);
    }
}

#[test]
fn a_restart_in_mid_session_costs_no_mail() {
    let Some(mut site) = site("") else { return };
    let secret = site.password(ALICE, "Phone");
    site.cli.done(&["limits", "set", ALICE, "--messages-per-day", "2"]);
    let mut session = session(&site, &secret);
    let restart = |site: &mut Site, signal: &str| {
        site.stop_daemon(signal);
        site.start_daemon();
    };
    assert_starts(&session.command(&format!("MAIL FROM:<{ALICE}>")), "250 ");
    restart(&mut site, "TERM");
    assert_starts(&session.command(&format!("RCPT TO:<{BOB}>")), "250 ");
    assert_starts(&session.command("DATA"), "354");
    restart(&mut site, "KILL");
    assert_starts(&finish(&mut session, "Restarted"), "250 ");
    restart(&mut site, "KILL");
    assert_starts(&send(&mut session, ALICE, &[BOB], "The second"), "250 ");
    assert_starts(&send(&mut session, ALICE, &[BOB], "The third"), "450 4.7.1 ");
    wait_until("both mails have come", std::time::Duration::from_secs(20), || {
        let listed = Dovecot::doveadm(&site, &["search", "-u", BOB, "mailbox", "INBOX", "all"]);
        String::from_utf8_lossy(&listed.stdout).lines().count() == 2
    });

    // Away: what is said at each step is as conf/postfix/sending.cf tells.
    session.command("RSET");
    site.cli.done(&["limits", "set", ALICE, "--messages-per-day", "inherit"]);
    assert_starts(&begin(&mut session, ALICE, &[BOB]), "354");
    site.stop_daemon("TERM");
    assert_starts(&finish(&mut session, "Its end comes late"), "250 ");
    assert_starts(&session.command(&format!("MAIL FROM:<{ALICE}>")), "451 4.3.0 ");
    assert_starts(&Smtp::banner(HOME, Postfix::at(&site, SUBMISSION)), "220 ");
    site.start_daemon();
    assert_starts(&send(&mut session, ALICE, &[BOB], "Back"), "250 ");
}

#[test]
fn the_password_that_did_it_goes_and_no_other() {
    let Some(site) = site("[sending]\non_limit = \"revoke-client-password\"\n") else { return };
    let phone = site.password(ALICE, "Phone");
    let stolen = site.password(ALICE, "Script");
    site.cli.done(&["limits", "set", "--default", "--recipients-per-hour", "4"]);
    let mut thief = session(&site, &stolen);
    assert_starts(&send(&mut thief, ALICE, &[BOB, TEAM, ALICE], "Spam"), "250 ");
    let mut own = session(&site, &phone);
    assert_starts(&send(&mut own, ALICE, &[BOB], "Mine"), "250 ");
    assert_starts(&send(&mut own, ALICE, &[BOB], "Too many"), "450 4.7.1 ");
    // Whoever meets the limit next has not sent what it counts.
    own.command("RSET");
    assert_starts(&send(&mut own, ALICE, &[BOB], "Too many still"), "450 4.7.1 ");
    let list = site.cli.done(&["password", "list", ALICE]);
    assert!(list.contains("Phone") && !list.contains("Script"), "{list}");
    assert_refused(&imap(&site, STREET, ALICE, &stolen));
    assert_in(&imap(&site, STREET, ALICE, &phone));
    site.assert_nothing_secret();
}

#[test]
fn addresses_groups_bursts_and_the_null_sender_have_limits_too() {
    let settings = "[sending]\nnull_sender = \"refuse\"\nburst_per_connection = 4\n";
    let Some(site) = site(settings) else { return };
    let secret = site.password(ALICE, "Phone");
    let mut first = session(&site, &secret);
    assert_starts(&first.command("MAIL FROM:<>"), "553 5.7.1 ");
    site.cli.done(&["delegation", "grant", TEAM, ALICE, "--right", "on-behalf"]);
    assert_starts(&send(&mut first, TEAM, &[BOB], "On behalf"), "250 ");

    site.cli.done(&["account", "set", ALICE, "--group", "staff"]);
    site.cli.done(&["limits", "set", "--default", "--messages-per-day", "1"]);
    assert_starts(&send(&mut first, ALICE, &[BOB], "Everybody's limit"), "450 4.7.1 ");
    first.command("RSET");
    site.cli.done(&["limits", "set", "--group", "staff", "--messages-per-day", "2"]);
    assert_starts(&send(&mut first, ALICE, &[BOB], "The group's is higher"), "250 ");
    site.cli.done(&["limits", "set", "--group", "staff", "--messages-per-day", "unlimited"]);

    site.cli.done(&["limits", "set", "--default", "--per", "address", "--recipients-per-hour", "2"]);
    assert_starts(&send(&mut first, ALICE, &[BOB], "The address has sent two"), "450 4.7.1 ");
    first.command("RSET");
    let mut street = Smtp::starttls(STREET, Postfix::at(&site, SUBMISSION));
    assert_in(&street.plain(ALICE, &secret));
    assert_starts(&send(&mut street, ALICE, &[BOB], "Another has not"), "250 ");

    let too_fast = first.command(&format!("MAIL FROM:<{ALICE}>"));
    assert!(too_fast.starts_with("450 4.7.1 ") && too_fast.contains("Too many messages"), "{too_fast}");
    assert_starts(&street.command(&format!("MAIL FROM:<{ALICE}>")), "250 ");
}

/// Whoever opens DATA in several sessions and dawdles gets no more than the limit through, however long that takes.
#[test]
fn whoever_holds_data_open_gets_no_more_than_the_limit() {
    let Some(mut site) = site("") else { return };
    let secret = site.password(ALICE, "Phone");
    site.cli.done(&["limits", "set", "--default", "--recipients-per-hour", "2"]);
    let mut slow = session(&site, &secret);
    assert_starts(&begin(&mut slow, ALICE, &[BOB, TEAM]), "354 ");
    let mut second = session(&site, &secret);
    assert_starts(&begin(&mut second, ALICE, &[BOB]), "450 4.7.1 ");

    // An hour and more goes by: in the database, while the daemon is away and both sessions stay open.
    let age = |site: &mut Site| {
        site.stop_daemon("TERM");
        let store = rusqlite::Connection::open(site.path("state/sidegate.db")).expect("the database");
        store
            .execute_batch("UPDATE message SET time = time - 4000; UPDATE sent SET slot = slot - 14;")
            .expect("it is older");
        drop(store);
        site.start_daemon();
    };
    age(&mut site);
    second.command("RSET");
    assert_starts(&begin(&mut second, ALICE, &[BOB, TEAM]), "354 ");
    assert_starts(&finish(&mut second, "In its own hour"), "250 ");
    assert_starts(&finish(&mut slow, "In the same hour after all"), "450 4.7.1 ");
    let shown = site.cli.json(&["limits", "show", ALICE]);
    assert_eq!(shown["limits"]["recipients_per_hour"]["used"], 2, "{shown}");

    // Late, but alone in its hour: what was let through comes.
    age(&mut site);
    slow.command("RSET");
    assert_starts(&begin(&mut slow, ALICE, &[BOB]), "354 ");
    age(&mut site);
    assert_starts(&finish(&mut slow, "Late and welcome"), "250 ");
}

/// Neither a restart nor the next image lets a removed password send on, and nobody else has to log in again.
#[test]
fn a_removed_password_sends_no_more_whatever_the_daemon_forgot() {
    let Some(mut site) = site("") else { return };
    let (phone, script) = (site.password(ALICE, "Phone"), site.password(ALICE, "Script"));
    let bobs = site.password(BOB, "Phone");
    let mut own = Smtp::starttls(STREET, Postfix::at(&site, SUBMISSION));
    assert_in(&own.plain(ALICE, &phone));
    let mut bob = Smtp::starttls(STREET, Postfix::at(&site, SUBMISSION));
    assert_in(&bob.plain(BOB, &bobs));
    let mut thieves: Vec<Smtp> = (0..2).map(|_| session(&site, &script)).collect();
    for thief in &mut thieves {
        assert_starts(&send(thief, ALICE, &[BOB], "Spam"), "250 ");
    }
    site.cli.done(&["password", "revoke", ALICE, "--name", "Script"]);
    let log = site.path("logs/sidegated");
    let ready = || std::fs::read_to_string(&log).expect("its log").matches("\"message\":\"ready\"").count();
    let before = ready();
    site.daemon.as_ref().expect("a daemon").signal("USR2");
    wait_until("the next image", std::time::Duration::from_secs(20), || ready() > before);
    let mut try_all = |thief: &mut Smtp| {
        assert_starts(&send(thief, ALICE, &[BOB], "More spam"), "421 4.7.0 ");
        assert_starts(&send(&mut own, ALICE, &[BOB], "Mine"), "250 ");
        assert_starts(&send(&mut bob, BOB, &[ALICE], "Mine too"), "250 ");
    };
    try_all(&mut thieves[0]);
    site.stop_daemon("TERM");
    site.start_daemon();
    try_all(&mut thieves[1]);
    site.assert_nothing_secret();
}
