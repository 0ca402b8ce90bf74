//! The daemon is stopped and started while mail clients are at work.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::cli::logins;
use crate::client::{Imap, Smtp};
use crate::dovecot::{Dovecot, IMAP};
use crate::postfix::{Postfix, SUBMISSION};
use crate::process::wait_until;
use crate::series::{Series, with_each_dovecot};
use crate::site::{Mode, Plan};

use super::{HOME, assert_in, imap, pop3, smtp};

const ALICE: &str = "alice@example.test";

with_each_dovecot!(
    sessions_outlive_the_daemon,
    nobody_is_told_a_wrong_no,
    a_killed_daemon_leaves_the_answer_to_dovecot,
    whoever_comes_while_it_is_away_waits,
);

fn sessions_outlive_the_daemon(series: Series) {
    let Some(mut site) = Plan::new(Mode::Front).on(series).with_postfix().start() else { return };
    site.account(ALICE);
    let password = site.password(ALICE, "Phone");

    let mut reading = Imap::open(HOME, Dovecot::at(&site, IMAP));
    assert_in(&reading.login(ALICE, &password));
    let mut sending = Smtp::starttls(HOME, Postfix::at(&site, SUBMISSION));
    assert_in(&sending.plain(ALICE, &password));
    let mut greeted = Imap::open(HOME, Dovecot::at(&site, IMAP));
    let mut greeted_smtp = Smtp::starttls(HOME, Postfix::at(&site, SUBMISSION));

    site.stop_daemon("TERM");
    let unreachable = site.cli.call(&["status"]);
    assert_eq!(unreachable.code, Some(3), "{unreachable:?}");
    assert!(reading.command("SELECT INBOX").last().is_some_and(|l| l.starts_with("OK")));
    assert!(sending.mail(ALICE, ALICE, "daemon-away").starts_with("250"));
    site.start_daemon();

    // Postfix connects again before it asks, and nobody notices.
    assert_in(&greeted_smtp.plain(ALICE, &password));
    let answer = greeted.login(ALICE, &password);
    let honest = answer.starts_with("OK ") || answer.starts_with("NO [UNAVAILABLE]");
    assert!(honest, "the password was right: {answer:?}");
    wait_until("IMAP works again", Duration::from_secs(30), || {
        imap(&site, HOME, ALICE, &password).starts_with("OK ")
    });
    assert_in(&pop3(&site, HOME, ALICE, &password));
    assert_in(&smtp(&site, HOME, ALICE, &password));
    assert!(reading.command("NOOP").last().is_some_and(|l| l.starts_with("OK")));
    site.assert_nothing_secret();
}

/// Clients log in without pause through three restarts. A right password may be answered "temporarily not", never "no".
fn nobody_is_told_a_wrong_no(series: Series) {
    // Each failure waits a second, so that some are open at every stop.
    let settings = "[lockout]\nfailure_delay = \"1s\"\nexempt = [\"127.0.0.0/8\"]\n";
    let plan = Plan::new(Mode::Full).on(series).settings(settings);
    let Some(mut site) = plan.few_login_processes().start() else { return };
    site.account(ALICE);
    let password = site.password(ALICE, "Phone");
    site.secret(ALICE, "wrong-all-the-time");
    let at = Dovecot::at(&site, IMAP);
    let stop = AtomicBool::new(false);
    let fine = AtomicUsize::new(0);
    let answers: Vec<String> = std::thread::scope(|scope| {
        let (stop, fine, password) = (&stop, &fine, &password);
        let clients: Vec<_> = (0..3)
            .map(|n| {
                let from = Ipv4Addr::new(127, 0, 8, n + 1);
                let wrong = n == 2;
                scope.spawn(move || {
                    let mut answers = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let given = if wrong { "wrong-all-the-time" } else { password };
                        let answer = Imap::open(from, at).login(ALICE, given);
                        assert!(!wrong || !answer.starts_with("OK "), "{answer:?}");
                        fine.fetch_add(usize::from(answer.starts_with("OK ")), Ordering::Relaxed);
                        answers.push(if wrong { String::new() } else { answer });
                    }
                    answers
                })
            })
            .collect();
        for _ in 0..3 {
            let before = fine.load(Ordering::Relaxed);
            wait_until("logins go on", Duration::from_secs(60), || {
                fine.load(Ordering::Relaxed) >= before + 10
            });
            site.stop_daemon("TERM");
            site.start_daemon();
        }
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
    });
    // Dovecot 2.3 itself says so where a question and the end of the daemon cross each other on their way; 2.4 calls
    // that a temporary failure.
    let crossed = match series {
        Series::V23 => 1,
        Series::V24 => 0,
    };
    let wrong: Vec<_> = answers.iter().filter(|a| a.contains("AUTHENTICATIONFAILED")).collect();
    assert!(wrong.len() <= crossed, "the password was right: {wrong:?}");
    site.assert_nothing_secret();
}

/// Killed with a question open it can answer nothing. What the client reads then is Dovecot's own choice.
fn a_killed_daemon_leaves_the_answer_to_dovecot(series: Series) {
    let settings = "[lockout]\nfailure_delay = \"10s\"\n";
    let Some(mut site) = Plan::new(Mode::Full).on(series).settings(settings).start() else { return };
    site.account(ALICE);
    let password = site.password(ALICE, "Phone");
    site.secret(ALICE, "wrong-and-held-back");
    let at = Dovecot::at(&site, IMAP);
    let answer = std::thread::scope(|scope| {
        let client = scope.spawn(move || Imap::open(HOME, at).login(ALICE, "wrong-and-held-back"));
        wait_until("the question is open", Duration::from_secs(20), || {
            logins(&site.cli.json(&["events"]), &HOME.to_string(), "wrong-password") == 1
        });
        site.stop_daemon("KILL");
        client.join().expect("a client")
    });
    let own = match series {
        Series::V23 => "NO [AUTHENTICATIONFAILED]",
        Series::V24 => "NO [UNAVAILABLE]",
    };
    assert!(answer.starts_with(own), "{answer:?}");
    site.start_daemon();
    wait_until("IMAP works again", Duration::from_secs(30), || {
        imap(&site, HOME, ALICE, &password).starts_with("OK ")
    });
    site.assert_nothing_secret();
}

/// With sockets that systemd keeps: a login that begins while no daemon is there is let in when there is one again.
fn whoever_comes_while_it_is_away_waits(series: Series) {
    let plan = Plan::new(Mode::Front).on(series).with_postfix().sockets_held();
    let Some(mut site) = plan.start() else { return };
    site.account(ALICE);
    let password = site.password(ALICE, "Phone");
    let (by_imap, by_smtp) = (Dovecot::at(&site, IMAP), Postfix::at(&site, SUBMISSION));
    for _ in 0..3 {
        assert_in(&imap(&site, HOME, ALICE, &password));
        site.stop_daemon("TERM");
        let answers = std::thread::scope(|scope| {
            let waiting = [
                scope.spawn(|| Imap::open(HOME, by_imap).login(ALICE, &password)),
                scope.spawn(|| Smtp::starttls(HOME, by_smtp).plain(ALICE, &password)),
            ];
            std::thread::sleep(Duration::from_millis(500));
            assert!(waiting.iter().all(|login| !login.is_finished()), "nobody is there to answer");
            site.start_daemon();
            waiting.map(|login| login.join().expect("an answer"))
        });
        answers.iter().for_each(|answer| assert_in(answer));
    }
    site.assert_nothing_secret();
}
