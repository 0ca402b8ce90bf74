//! The answer to a failure is held back; everybody else's is not, even on the same connection.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use crate::client::Imap;
use crate::dovecot::{Dovecot, IMAP};
use crate::series::{Series, with_each_dovecot};
use crate::site::{Mode, Plan};

use super::{HOME, assert_in, assert_refused};

const ALICE: &str = "alice@example.test";

with_each_dovecot!(only_failures_wait);

fn only_failures_wait(series: Series) {
    let settings = "[lockout]\nfailure_delay = \"2s\"\n";
    let plan = Plan::new(Mode::Full).on(series).settings(settings).few_login_processes();
    let Some(site) = plan.start() else { return };
    site.account(ALICE);
    let password = site.password(ALICE, "Phone");
    let login = |from: Ipv4Addr, password: &str| {
        site.secret(ALICE, password);
        let mut session = Imap::open(from, Dovecot::at(&site, IMAP));
        let begun = Instant::now();
        (session.login(ALICE, password), begun.elapsed())
    };
    let (login, password) = (&login, &password);
    std::thread::scope(|scope| {
        let wrong: Vec<_> = (1..=5)
            .map(|n| {
                let from = Ipv4Addr::new(127, 0, 7, 100 + n);
                scope.spawn(move || login(from, &format!("wrong-and-waiting-{n}")))
            })
            .collect();
        for _ in 0..10 {
            let (answer, took) = login(HOME, password);
            assert_in(&answer);
            assert!(took < Duration::from_millis(1500), "a right password waited {took:?}");
        }
        for thread in wrong {
            let (answer, took) = thread.join().expect("a client");
            assert_refused(&answer);
            let range = Duration::from_millis(1900)..Duration::from_secs(6);
            assert!(range.contains(&took), "a wrong password waited {took:?}");
        }
    });
    site.assert_nothing_secret();
}
