//! A client password is revoked while it is being used some fifty times a second.

use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::client::Imap;
use crate::dovecot::{Dovecot, IMAP};
use crate::process::wait_until;
use crate::series::{Series, with_each_dovecot};
use crate::site::{Mode, Plan, Site};

use super::{HOME, assert_in, assert_refused, imap};

const ALICE: &str = "alice@example.test";

with_each_dovecot!(not_one_login_succeeds_after_revoke_returned);

/// One login: when it was begun, and how it was answered.
struct Login {
    begun: Instant,
    answer: String,
}

impl Login {
    fn fine(&self) -> bool {
        self.answer.starts_with("OK ")
    }
}

fn not_one_login_succeeds_after_revoke_returned(series: Series) {
    // The refusals afterwards would block the addresses; this story is about revoking.
    let exempt = "[lockout]\nfailure_delay = \"0s\"\nexempt = [\"127.0.0.0/8\"]\n";
    let plan = Plan::new(Mode::Full).on(series).settings(exempt).few_login_processes();
    let Some(site) = plan.start() else { return };
    site.account(ALICE);
    let password = site.password(ALICE, "Phone");
    let other = site.password(ALICE, "Laptop");

    let logins = Mutex::new(Vec::new());
    let stop = AtomicBool::new(false);
    let (begun, revoked) = std::thread::scope(|scope| {
        let _ends = StopAtEnd(&stop);
        for n in 0..4 {
            let (site, password, logins, stop) = (&site, &password, &logins, &stop);
            scope.spawn(move || use_it(site, n, password, logins, stop));
        }
        let count = |wanted: bool, since: Option<Instant>| {
            let logins = logins.lock().expect("no client panicked");
            let new = |login: &&Login| since.is_none_or(|since| login.begun > since);
            logins.iter().filter(new).filter(|login| login.fine() == wanted).count()
        };
        let begun = Instant::now();
        wait_until("100 logins", Duration::from_secs(60), || count(true, None) >= 100);
        site.cli.done(&["password", "revoke", ALICE, "--name", "Phone"]);
        let revoked = Instant::now();
        wait_until("100 refusals", Duration::from_secs(60), || count(false, Some(revoked)) >= 100);
        (begun, revoked)
    });

    let logins = logins.into_inner().expect("no client panicked");
    let late = logins.iter().filter(|login| login.fine() && login.begun > revoked).count();
    assert_eq!(late, 0, "logins that began after the command returned");
    // One that was under way may have lost its connection; after that there is a clear no.
    let clear = |login: &&Login| login.begun > revoked && !login.answer.starts_with("NO [AUTH");
    assert_eq!(logins.iter().find(clear).map(|login| &login.answer), None, "afterwards");
    let early = logins.iter().filter(|login| !login.fine() && login.begun < begun).count();
    assert_eq!(early, 0, "refusals before");
    let before = logins.iter().filter(|login| login.begun < revoked).count();
    let rate = before as f64 / (revoked - begun).as_secs_f64();
    assert!(rate > 20.0, "too few logins to prove anything: {rate:.0} a second");
    assert_refused(&imap(&site, HOME, ALICE, &password));
    assert_in(&imap(&site, HOME, ALICE, &other));
    site.assert_nothing_secret();
}

/// Lets the clients end also when the story fails.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn use_it(site: &Site, n: u8, password: &str, logins: &Mutex<Vec<Login>>, stop: &AtomicBool) {
    static TURN: AtomicU32 = AtomicU32::new(0);
    while !stop.load(Ordering::Relaxed) {
        let turn = TURN.fetch_add(1, Ordering::Relaxed) % 200;
        let from = Ipv4Addr::new(127, 0, 20 + n, turn as u8 + 1);
        let mut session = Imap::open(from, Dovecot::at(site, IMAP));
        let begun = Instant::now();
        let answer = session.login(ALICE, password);
        logins.lock().expect("no client panicked").push(Login { begun, answer });
        session.command("LOGOUT");
    }
}
