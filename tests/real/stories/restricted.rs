//! Client passwords that are good for some protocols or networks only, by the names real servers give their protocols.

use crate::client::Sieve;
use crate::dovecot::{Dovecot, SIEVE};
use crate::series::{Series, with_each_dovecot};
use crate::site::{Mode, Plan};

use super::{HOME, assert_in, assert_refused, imap, pop3, smtp};

const ALICE: &str = "alice@example.test";

with_each_dovecot!(a_password_can_be_tied_to_protocols_and_networks);

fn a_password_can_be_tied_to_protocols_and_networks(series: Series) {
    let Some(site) = Plan::new(Mode::Front).on(series).with_postfix().start() else { return };
    site.account(ALICE);
    let sieve = |password: &str| Sieve::open(HOME, Dovecot::at(&site, SIEVE)).login(ALICE, password);

    let reading = site.password_with(ALICE, &["--name", "Reader", "--protocols", "imap,pop3"]);
    assert_in(&imap(&site, HOME, ALICE, &reading));
    assert_in(&pop3(&site, HOME, ALICE, &reading));
    assert_refused(&smtp(&site, HOME, ALICE, &reading));
    assert_refused(&sieve(&reading));

    let sending = site.password_with(ALICE, &["--name", "Printer", "--protocols", "smtp,sieve"]);
    assert_in(&smtp(&site, HOME, ALICE, &sending));
    assert_in(&sieve(&sending));
    assert_refused(&imap(&site, HOME, ALICE, &sending));
    assert_refused(&pop3(&site, HOME, ALICE, &sending));

    let office = site.password_with(ALICE, &["--name", "Office", "--from", "127.0.70.0/24"]);
    assert_in(&imap(&site, [127, 0, 70, 1].into(), ALICE, &office));
    assert_in(&smtp(&site, [127, 0, 70, 2].into(), ALICE, &office));
    assert_refused(&imap(&site, HOME, ALICE, &office));
    assert_refused(&smtp(&site, HOME, ALICE, &office));

    site.assert_nothing_secret();
}
