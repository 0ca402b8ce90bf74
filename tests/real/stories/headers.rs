//! The header check: real Postfix shows Sidegate the headers of what people send over submission.

use std::fs;
use std::time::Duration;

use crate::client::Smtp;
use crate::postfix::{Postfix, SUBMISSION, SUBMISSIONS};
use crate::process::wait_until;
use crate::site::{Mode, Plan, Site};

use super::{HOME, assert_in};

const ALICE: &str = "alice@example.test";
const BOB: &str = "bob@example.test";
/// Where Postfix takes mail without a login.
const WITHOUT_LOGIN: u16 = 10025;

/// A site with the check, and the client password of Alice.
fn start() -> Option<(Site, String)> {
    let plan = Plan::new(Mode::Front).postfix_listener("milter", "milter");
    let site = plan.with_postfix_and(&["header-check.cf"]).start()?;
    site.account(ALICE);
    site.account(BOB);
    let secret = site.password(ALICE, "Phone");
    Some((site, secret))
}

/// A session of Alice, after her login.
fn session(site: &Site, secret: &str) -> Smtp {
    let mut session = Smtp::starttls(HOME, Postfix::at(site, SUBMISSION));
    assert_in(&session.plain(ALICE, secret));
    session
}

/// What is in Bob's mailbox, with lines that end in LF.
fn delivered(site: &Site) -> Vec<String> {
    let folder = site.path("mail/example.test/bob/Maildir/new");
    let mails = fs::read_dir(folder).into_iter().flatten();
    mails.filter_map(|entry| fs::read_to_string(entry.expect("an entry").path()).ok()).collect()
}

/// The headers of the mail with this line in it, once it has arrived, without those that servers add.
#[track_caller]
fn arrived(site: &Site, mark: &str) -> Vec<String> {
    let find = || delivered(site).into_iter().find(|mail| mail.lines().any(|line| line == mark));
    wait_until("the mail arrives", Duration::from_secs(20), || find().is_some());
    let mail = find().expect("the mail");
    let headers = mail.lines().take_while(|line| !line.is_empty() && *line != mark);
    let ours = ["from", "sender", "subject"];
    headers
        .filter(|line| ours.iter().any(|name| line.to_lowercase().starts_with(&format!("{name}:"))))
        .map(str::to_owned)
        .collect()
}

/// Sends a mail to Bob with these lines before its text, and returns the answer.
fn send(session: &mut Smtp, headers: &[&str], mark: &str) -> String {
    session.message(ALICE, BOB, &format!("{}\r\n{mark}\r\n\r\nHello.", headers.join("\r\n")))
}

#[test]
fn ones_own_from_passes_as_it_is() {
    let Some((site, secret)) = start() else { return };
    let mut session = session(&site, &secret);
    let long = format!("Subject: {}", "long lines \r\n ".repeat(9_000));
    for (n, headers) in [
        &["From: alice@example.test"][..],
        &["From: \"Boss\" <Alice+shop@Example.TEST>", "Sender: alice@example.test"],
        &["Subject: raw", "From: 张三 <alice@example.test>"],
        &["From: =?GB2312?B?1cXI/Q==?= <alice@example.test>"],
        &["Subject: says nothing of its sender"],
        &["From: alice@example.test", &long],
    ]
    .into_iter()
    .enumerate()
    {
        let mark = format!("X-Mark: own {n}");
        let answer = send(&mut session, headers, &mark);
        assert!(answer.starts_with("250 2.0.0"), "{headers:?}: {answer}");
        let first: Vec<_> = headers.iter().filter_map(|header| header.lines().next()).collect();
        assert_eq!(arrived(&site, &mark), first);
    }
    let mut session = Smtp::tls(HOME, Postfix::at(&site, SUBMISSIONS));
    assert_in(&session.plain(ALICE, &secret));
    assert!(send(&mut session, &["From: bob@example.test"], "X-Mark: 465").starts_with("550 5.7.1"));
    site.assert_nothing_secret();
}

#[test]
fn a_forged_from_is_refused_and_not_queued() {
    let Some((site, secret)) = start() else { return };
    let mut session = session(&site, &secret);
    let names_bob = |headers: &[&str], answer: &str| {
        let fine = answer.starts_with("550 5.7.1 alice@example.test ") && answer.contains(BOB);
        assert!(fine, "{headers:?}: {answer}");
    };
    for headers in [
        &["From: bob@example.test"][..],
        &["Subject: x", "fROM : Alice <bob@example.test>"],
        &["From: alice@example.test, bob@example.test"],
        &["From: alice@example.test", "Sender: bob@example.test"],
        &["From: bob@example.test <alice@example.test>"],
        &["From: \"Bob <bob@example.test>\" <alice@example.test>"],
        &["From: =?utf-8?Q?Bob_=3Cbob=40example.test=3E?= <alice@example.test>"],
        &["From: Alice", " <bob@example.test>"],
        &["From: alice@example.test,", " ", " bob@example.test"],
        &["From: alice@example.test\r, bob@example.test"],
    ] {
        names_bob(headers, &send(&mut session, headers, "X-Mark: forged"));
    }
    for headers in [
        &["From: alice@example.test", "From: bob@example.test"][..],
        &["From: alice@example.test", "Subject: x\nFrom: bob@example.test"],
        &["From: <alice@example.test> <bob@example.test>"],
        &["From: friends: alice@example.test;"],
        &["From: =?utf-8?Q?bob=40example.test=00?= <alice@example.test>"],
        &["From: Alice"],
    ] {
        let answer = send(&mut session, headers, "X-Mark: forged");
        assert!(answer.starts_with("550 5.7.1 ") && answer.contains("From:"), "{headers:?}: {answer}");
    }
    // Without a From: the envelope would be shown.
    let answer = session.message(BOB, BOB, "Subject: no From\r\nX-Mark: forged\r\n\r\nHello.");
    assert!(answer.starts_with("550 5.7.1 ") && answer.contains("MAIL FROM: bob@"), "{answer}");
    // Postfix gives back one of two per cent signs.
    let answer = send(&mut session, &["From: 100%%%s@example.test"], "X-Mark: forged");
    assert!(answer.contains(" 100%%%s@example.test "), "{answer}");

    assert!(send(&mut session, &["From: alice@example.test"], "X-Mark: last").starts_with("250"));
    arrived(&site, "X-Mark: last");
    assert_eq!(delivered(&site).len(), 1, "nothing else was queued");
    let events = site.cli.done(&["events"]);
    let refused: Vec<_> = events.lines().filter(|line| line.contains("  sending  ")).collect();
    assert_eq!(refused.len(), 18, "{events}");
    assert!(refused[0].contains("refuse, From: bob@example.test (mail "), "{}", refused[0]);
    assert!(refused[0].contains(&HOME.to_string()), "{}", refused[0]);
}

#[test]
fn mail_without_a_login_is_not_looked_at() {
    let Some((site, _)) = start() else { return };
    let mut session = Smtp::open(HOME, Postfix::at(&site, WITHOUT_LOGIN), "EHLO");
    let headers = ["From: bob@example.test", "From: ceo@example.com", "Sender: nobody"];
    let answer = send(&mut session, &headers, "X-Mark: port 25");
    assert!(answer.starts_with("250"), "{answer}");
    assert_eq!(arrived(&site, "X-Mark: port 25"), headers);
}

#[test]
fn while_the_daemon_is_away_mail_comes_again_later() {
    let Some((mut site, secret)) = start() else { return };
    let own = ["From: alice@example.test"];
    let mut before = session(&site, &secret);
    let mut between = session(&site, &secret);
    for line in [&format!("MAIL FROM:<{ALICE}>"), &format!("RCPT TO:<{BOB}>"), "DATA"] {
        assert!(between.command(line).starts_with(['2', '3']));
    }
    site.stop_daemon("TERM");
    let answer = between.command("From: bob@example.test\r\n\r\nHello.\r\n.");
    assert!(answer.starts_with("451 4.7.1"), "in the middle of a mail: {answer}");
    let answer = send(&mut before, &own, "X-Mark: away");
    assert!(answer.starts_with("451 4.7.1"), "before a mail: {answer}");
    site.start_daemon();
    let answer = send(&mut before, &own, "X-Mark: same session");
    assert!(answer.starts_with("451 4.7.1"), "Postfix connects once for a session: {answer}");
    let mut after = session(&site, &secret);
    assert!(send(&mut after, &own, "X-Mark: back").starts_with("250"));
    assert_eq!(arrived(&site, "X-Mark: back"), own);
    assert_eq!(delivered(&site).len(), 1);
}

#[test]
fn other_macros_and_older_protocols_open_no_gap() {
    let Some((site, secret)) = start() else { return };
    let postfix = site.postfix.as_ref().expect("Postfix");
    let shown = "sidegate_milters={ unix:sidegate/milter, default_action=tempfail, protocol=";
    for setting in ["milter_mail_macros=i", "milter_mail_macros={auth_authen}"] {
        postfix.set(setting);
        for protocol in if setting.ends_with('i') { &["6"][..] } else { &["2", "3", "4", "6"] } {
            postfix.set(&format!("{shown}{protocol} }}"));
            let mut session = session(&site, &secret);
            let forged = send(&mut session, &["From: bob@example.test"], "X-Mark: forged");
            assert!(forged.starts_with("550 5.7.1"), "{setting}, protocol {protocol}: {forged}");
            let own = send(&mut session, &["From: alice@example.test"], "X-Mark: own");
            assert!(own.starts_with("250"), "{setting}, protocol {protocol}: {own}");
        }
    }
}

#[test]
fn on_behalf_is_marked_and_send_as_is_not() {
    let Some((site, secret)) = start() else { return };
    site.cli.done(&["delegation", "grant", BOB, ALICE, "--right", "on-behalf"]);
    let mut session = session(&site, &secret);
    let headers = ["From: Bob <bob@example.test>", "Sender: bob@example.test", "Subject: x", "SENDER: ???"];
    let answer = send(&mut session, &headers, "X-Mark: on behalf");
    assert!(answer.starts_with("250"), "{answer}");
    // What Postfix adds stands at the end of the headers, behind the mark.
    let mail = || delivered(&site).into_iter().find(|mail| mail.contains("X-Mark: on behalf"));
    wait_until("the mail arrives", Duration::from_secs(20), || mail().is_some());
    let mail = mail().expect("the mail").to_lowercase();
    let senders: Vec<_> = mail.lines().filter(|line| line.starts_with("sender")).collect();
    assert_eq!(senders, ["sender: alice@example.test"]);
    assert!(mail.lines().any(|line| line == "from: bob <bob@example.test>"));

    site.cli.done(&["delegation", "grant", BOB, ALICE, "--right", "send-as"]);
    let headers = ["From: Bob <bob@example.test>", "Sender: bob@example.test"];
    assert!(send(&mut session, &headers, "X-Mark: send as").starts_with("250"));
    assert_eq!(arrived(&site, "X-Mark: send as"), headers);
}
