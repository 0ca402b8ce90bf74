//! Two hundred connections of one address fire different wrong passwords in the same moment.

use std::net::Ipv4Addr;
use std::sync::Barrier;

use crate::cli::logins;
use crate::client::Imap;
use crate::dovecot::{Dovecot, IMAP};
use crate::series::{Series, with_each_dovecot};
use crate::site::{Mode, Plan, Site};

use super::{HOME, assert_in, assert_refused, imap};

const ALICE: &str = "alice@example.test";
const CROWD: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 200);
const CONNECTIONS: usize = 200;

with_each_dovecot!(exactly_ten_guesses_of_a_crowd_are_looked_at);

fn exactly_ten_guesses_of_a_crowd_are_looked_at(series: Series) {
    let plan = Plan::new(Mode::Full).on(series).few_login_processes();
    let Some(site) = plan.start() else { return };
    site.account(ALICE);
    let password = site.password(ALICE, "Phone");

    let answers = fire(&site);
    for answer in &answers {
        assert_refused(answer);
    }
    let events = site.cli.json(&["events"]);
    let looked_at = logins(&events, &CROWD.to_string(), "wrong-password");
    assert_eq!(looked_at, 10, "wrong passwords that were looked at");

    assert_refused(&imap(&site, CROWD, ALICE, &password));
    assert_in(&imap(&site, HOME, ALICE, &password));
    site.assert_nothing_secret();
}

fn fire(site: &Site) -> Vec<String> {
    let together = Barrier::new(CONNECTIONS);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|n| {
                let together = &together;
                let guess = format!("guess-of-the-crowd-{n}");
                site.secret(ALICE, &guess);
                scope.spawn(move || {
                    let mut session = Imap::open(CROWD, Dovecot::at(site, IMAP));
                    together.wait();
                    session.login(ALICE, &guess)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a client")).collect()
    })
}
