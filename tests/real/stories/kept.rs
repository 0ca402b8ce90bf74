//! Neighbours that keep a connection to the daemon and do not watch it, while it is renewed and restarted.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::client::{Imap, Smtp};
use crate::dovecot::{Dovecot, IMAP, LMTP};
use crate::postfix::{Postfix, SUBMISSION};
use crate::series::{Series, with_each_dovecot};
use crate::site::{Mode, Plan, Site};

use super::{HOME, assert_in};

const ALICE: &str = "alice@example.test";

/// One process of each kind, so that the one that keeps a connection is the one that is asked again.
const ONE_OF_EACH: [&str; 2] = [
    "service lmtp {\n  process_min_avail = 1\n  process_limit = 1\n}\n\
     service imap {\n  process_min_avail = 1\n  process_limit = 1\n  client_limit = 5\n  service_count = 0\n}\n",
    "service lmtp {\n  process_min_avail = 1\n  process_limit = 1\n}\n\
     service imap {\n  process_min_avail = 1\n  process_limit = 1\n  client_limit = 5\n  \
     restart_request_count = unlimited\n}\n",
];

/// And one that Postfix asks whether a mailbox has room.
const QUOTA_STATUS: &str = "\
service quota-status {
  executable = quota-status -p postfix
  process_limit = 1
  unix_listener @DIR@/quota-status {
    mode = 0666
  }
}
";

with_each_dovecot!(
    no_mail_is_put_off_by_a_renewal,
    no_mail_is_put_off_by_a_restart,
    other_neighbours_notice_neither,
);

fn plan(series: Series) -> Plan {
    Plan::new(Mode::Front).on(series).dovecot_has(ONE_OF_EACH[series as usize])
}

/// The answer to a mail that comes by LMTP.
fn deliver(site: &Site, subject: &str) -> String {
    let mut lmtp = Smtp::open(HOME, Dovecot::at(site, LMTP), "LHLO");
    lmtp.mail("ann@example.test", ALICE, subject)
}

fn no_mail_is_put_off_by_a_renewal(series: Series) {
    let Some(site) = plan(series).start() else { return };
    site.account(ALICE);
    let password = site.password(ALICE, "Phone");
    assert!(deliver(&site, "before").starts_with("250"));
    for n in 1..=3 {
        site.renew_daemon();
        let answer = deliver(&site, &format!("after {n}"));
        assert!(answer.starts_with("250"), "{answer}");
        assert_in(&Imap::open(HOME, Dovecot::at(&site, IMAP)).login(ALICE, &password));
    }
    assert!(!site.log("sidegated").contains("not in `peers`"));
    site.assert_nothing_secret();
}

/// With a service manager that keeps sockets and connections. Mail that comes while no daemon is there waits, and so does
/// whoever logs in.
fn no_mail_is_put_off_by_a_restart(series: Series) {
    let Some(mut site) = plan(series).with_postfix().under_a_manager().start() else { return };
    site.account(ALICE);
    let password = site.password(ALICE, "Phone");
    assert!(deliver(&site, "before").starts_with("250"));
    assert_in(&Imap::open(HOME, Dovecot::at(&site, IMAP)).login(ALICE, &password));
    for n in 1..=3 {
        site.stop_daemon("TERM");
        let (lmtp, submission) = (Dovecot::at(&site, LMTP), Postfix::at(&site, SUBMISSION));
        let answers = std::thread::scope(|scope| {
            let waiting = [
                scope.spawn(move || {
                    Smtp::open(HOME, lmtp, "LHLO").mail("ann@example.test", ALICE, &format!("after {n}"))
                }),
                scope.spawn(|| Smtp::starttls(HOME, submission).plain(ALICE, &password)),
            ];
            std::thread::sleep(Duration::from_millis(500));
            assert!(waiting.iter().all(|login| !login.is_finished()), "nobody is there to answer");
            site.start_daemon();
            waiting.map(|asked| asked.join().expect("an answer"))
        });
        assert!(answers[0].starts_with("250"), "{answers:?}");
        assert_in(&answers[1]);
        // Its process keeps a connection too, which says another SPID than the new login does.
        assert_in(&Imap::open(HOME, Dovecot::at(&site, IMAP)).login(ALICE, &password));
        assert!(deliver(&site, "and then").starts_with("250"));
    }
    site.assert_nothing_secret();
}

/// What quota-status says of Alice's mailbox.
fn quota_status(lines: &mut BufReader<UnixStream>) -> String {
    let asked = format!("request=smtpd_access_policy\nprotocol_state=RCPT\nrecipient={ALICE}\nsize=100\n\n");
    lines.get_mut().write_all(asked.as_bytes()).expect("it listens");
    let mut said = String::new();
    while !said.contains("\n\n") {
        assert_ne!(lines.read_line(&mut said).expect("an answer"), 0, "closed after {said:?}");
    }
    said.trim_end().to_owned()
}

/// A process that is asked again and again over one connection, one that is made for each question, and an smtpd whose
/// client has been greeted.
fn other_neighbours_notice_neither(series: Series) {
    let plan = Plan::new(Mode::Front).on(series).dovecot_has(QUOTA_STATUS).with_postfix().under_a_manager();
    let Some(mut site) = plan.start() else { return };
    site.account(ALICE);
    let password = site.password(ALICE, "Phone");
    let mut quota =
        BufReader::new(UnixStream::connect(site.path("dovecot/quota-status")).expect("it listens"));
    let mut sender = Smtp::starttls(HOME, Postfix::at(&site, SUBMISSION));
    assert_in(&sender.plain(ALICE, &password));
    for n in 0..4 {
        let said = quota_status(&mut quota);
        assert!(said.starts_with("action=") && !said.contains("DEFER"), "{said}");
        assert!(Dovecot::doveadm(&site, &["user", ALICE]).status.success());
        let sent = sender.mail(ALICE, ALICE, &format!("round {n}"));
        assert!(sent.starts_with("250"), "{sent}");
        match n {
            0 | 2 => site.renew_daemon(),
            _ => {
                site.stop_daemon("TERM");
                site.start_daemon();
            }
        }
    }
    site.assert_nothing_secret();
}
