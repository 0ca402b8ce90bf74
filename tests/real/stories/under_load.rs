//! Mail clients log in, a thousand a minute, by IMAP, POP3 and submission, while the daemon is restarted under them. Not one
//! is refused that should not be, and not one is left waiting.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::client::{Imap, Pop3, Smtp};
use crate::dovecot::{Dovecot, IMAP, POP3};
use crate::postfix::{Postfix, SUBMISSION};
use crate::process::wait_until;
use crate::series::{Series, with_each_dovecot};
use crate::site::{Mode, Plan, Site};

const ALICE: &str = "alice@example.test";
const WRONG: &str = "wrong-under-load";
/// A thousand a minute.
const PACE: Duration = Duration::from_millis(60);
/// More than are ever under way at this pace.
const CLIENTS: usize = 24;
/// Logins between two changes.
const BETWEEN: usize = 100;
/// Nobody waits this long. A login process of Dovecot that lost its connection makes another at most once in 5 s, and the
/// machine may be busy.
const HANG: Duration = Duration::from_secs(10);

with_each_dovecot!(
    no_login_is_lost_by_a_restart,
    no_login_is_lost_by_a_renewal,
    no_login_is_lost_by_a_reload,
);

fn no_login_is_lost_by_a_restart(series: Series) {
    log_in_while("restarts", series, &|plan| plan, 10, |site| {
        site.stop_daemon("TERM");
        site.start_daemon();
    });
}

fn no_login_is_lost_by_a_renewal(series: Series) {
    // Some login processes serve one client each, others many: those are never quiet.
    log_in_while("renewals", series, &Plan::few_login_processes, 3, |site| {
        signal(site, "USR2", "\"message\":\"ready\"")
    });
}

fn no_login_is_lost_by_a_reload(series: Series) {
    log_in_while("reloads", series, &|plan| plan, 3, |site| {
        signal(site, "HUP", "the settings were read again")
    });
}

/// Signals the daemon, and waits until it says once more that it has obeyed.
fn signal(site: &mut Site, name: &str, obeyed: &str) {
    let log = site.path("logs/sidegated");
    let said = || std::fs::read_to_string(&log).expect("its log").matches(obeyed).count();
    let before = said();
    site.daemon.as_ref().expect("a daemon").signal(name);
    wait_until(obeyed, Duration::from_secs(20), || said() > before);
    assert!(site.daemon.as_mut().expect("a daemon").runs(), "the same process goes on");
}

/// One login, and how it went.
struct Login {
    by: &'static str,
    wrong: bool,
    answer: String,
    took: Duration,
}

impl Login {
    fn told(&self) -> String {
        let Login { by, wrong, answer, took } = self;
        format!("by {by}, {} password, {took:.1?}: {answer}", if *wrong { "wrong" } else { "right" })
    }

    /// Let in with the right password, refused for good with a wrong one, in time.
    fn is_fine(&self) -> bool {
        let starts = |words: &[&str]| words.iter().any(|word| self.answer.starts_with(word));
        let right = if self.wrong {
            starts(&["NO [AUTHENTICATIONFAILED]", "-ERR [AUTH]", "535 "])
        } else {
            starts(&["OK ", "+OK", "235 "])
        };
        right && self.took < HANG
    }
}

/// Where everybody logs in.
#[derive(Clone, Copy)]
struct Places {
    imap: SocketAddrV4,
    pop3: SocketAddrV4,
    smtp: SocketAddrV4,
}

impl Places {
    /// The `n`th login. Each twelfth is wrong, and from an address of its own: that one is never blocked.
    fn log_in(self, n: usize, password: &str) -> Login {
        let wrong = n % 12 == 5;
        let [_, _, high, low] = u32::try_from(n).expect("a small number").to_be_bytes();
        let from = Ipv4Addr::new(127, if wrong { 10 } else { 9 }, high, low.max(1));
        let given = if wrong { WRONG } else { password };
        let start = Instant::now();
        let (by, answer) = match n % 3 {
            0 => ("imap", Imap::open(from, self.imap).login(ALICE, given)),
            1 => ("pop3", Pop3::open(from, self.pop3).login(ALICE, given)),
            _ => ("smtp", Smtp::starttls(from, self.smtp).plain(ALICE, given)),
        };
        Login { by, wrong, answer, took: start.elapsed() }
    }
}

/// Tells the clients to stop, also where the story fails.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Logs in without pause; between, and for so many `times`, something happens to the daemon.
fn log_in_while(
    what: &str,
    series: Series,
    more: &dyn Fn(Plan) -> Plan,
    times: usize,
    mut change: impl FnMut(&mut Site),
) {
    let settings = "[lockout]\nfailure_delay = \"1s\"\n";
    let plan = Plan::new(Mode::Front).on(series).with_postfix().sockets_held().settings(settings);
    let plan = plan.dovecot_has("mail_max_userip_connections = 1000\n").log_level("info");
    let Some(mut site) = more(plan).start() else { return };
    site.account(ALICE);
    let password = site.password(ALICE, "Phone");
    site.secret(ALICE, WRONG);
    let places = Places {
        imap: Dovecot::at(&site, IMAP),
        pop3: Dovecot::at(&site, POP3),
        smtp: Postfix::at(&site, SUBMISSION),
    };
    let (next, ended, stop) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let start = Instant::now();
    let logins: Vec<Login> = std::thread::scope(|scope| {
        let client = || {
            let mut logins = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let due = PACE * u32::try_from(n).expect("a small number");
                std::thread::sleep(due.saturating_sub(start.elapsed()));
                logins.push(places.log_in(n, &password));
                ended.fetch_add(1, Ordering::Relaxed);
            }
            logins
        };
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        let at_end = StopAtEnd(&stop);
        for time in 1..=times {
            wait_until("logins go on", Duration::from_secs(120), || {
                ended.load(Ordering::Relaxed) >= time * BETWEEN - BETWEEN / 2
            });
            change(&mut site);
        }
        wait_until("the last logins", Duration::from_secs(120), || {
            ended.load(Ordering::Relaxed) >= times * BETWEEN
        });
        drop(at_end);
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
    });
    judge(&site, &format!("{times} {what}"), start.elapsed(), &logins);
    assert!(logins.len() >= times * BETWEEN);
    site.assert_nothing_secret();
}

fn judge(site: &Site, what: &str, elapsed: Duration, logins: &[Login]) {
    let slowest = logins.iter().max_by_key(|login| login.took).expect("logins");
    eprintln!(
        "Dovecot {}: {} logins in {elapsed:.0?} over {what}; slowest {}; {} took more than 1.5 s",
        site.series.name(),
        logins.len(),
        slowest.told(),
        logins.iter().filter(|login| login.took > Duration::from_millis(1500)).count(),
    );
    let lost: Vec<_> = logins.iter().filter(|login| !login.is_fine()).map(Login::told).collect();
    assert!(lost.is_empty(), "{} of {} logins: {lost:#?}", lost.len(), logins.len());
    // Each wrong one is in the log of events, once, and no other.
    let wrong = logins.iter().filter(|login| login.wrong).count();
    let refused = site.cli.done(&["--json", "events", "--limit", "10000"]);
    assert_eq!(refused.matches("\"wrong-password\"").count(), wrong);
}
