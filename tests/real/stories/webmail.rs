//! A webmail that asks for the second factor itself: it may pass main passwords on, and its users are told apart by the
//! address it names, not by its own.

use std::net::Ipv4Addr;

use crate::client::Imap;
use crate::dovecot::{Dovecot, IMAP};
use crate::series::{Series, with_each_dovecot};
use crate::site::{MAIN_PASSWORD, Mode, Plan, Site};

use super::{HOME, assert_in, assert_refused, imap};

const ALICE: &str = "alice@example.test";
const WEBMAIL: Ipv4Addr = Ipv4Addr::new(127, 0, 90, 1);

with_each_dovecot!(a_webmail_passes_main_passwords_on);

fn a_webmail_passes_main_passwords_on(series: Series) {
    let settings = "[main_password]\nallowed_from = [\"127.0.90.0/24\"]\n";
    let plan = Plan::new(Mode::Front).on(series).settings(settings).webmail("127.0.90.0/24");
    let Some(site) = plan.start() else { return };
    site.account(ALICE);
    let password = site.password(ALICE, "Phone");
    site.cli.done(&["account", "set", ALICE, "--two-factor", "on"]);

    assert_in(&imap(&site, WEBMAIL, ALICE, MAIN_PASSWORD));
    assert_in(&through_webmail(&site, "192.0.2.7", MAIN_PASSWORD));
    assert_refused(&imap(&site, HOME, ALICE, MAIN_PASSWORD));
    assert_in(&imap(&site, HOME, ALICE, &password));

    // Ten guesses behind the webmail block the guesser, and neither the webmail nor its other users.
    for n in 0..10 {
        assert_refused(&through_webmail(&site, "192.0.2.66", &format!("guess-in-webmail-{n}")));
    }
    assert_refused(&through_webmail(&site, "192.0.2.66", MAIN_PASSWORD));
    assert_in(&through_webmail(&site, "192.0.2.7", MAIN_PASSWORD));
    assert_in(&imap(&site, WEBMAIL, ALICE, MAIN_PASSWORD));
    site.cli.done(&["block", "lift", "192.0.2.66"]);
    assert_in(&through_webmail(&site, "192.0.2.66", MAIN_PASSWORD));
    site.assert_nothing_secret();
}

/// A login for somebody whose address the webmail names with Dovecot's `ID` extension.
fn through_webmail(site: &Site, user_at: &str, password: &str) -> String {
    site.secret(ALICE, password);
    let mut session = Imap::open(WEBMAIL, Dovecot::at(site, IMAP));
    session.command(&format!("ID (\"x-originating-ip\" \"{user_at}\")"));
    session.login(ALICE, password)
}
