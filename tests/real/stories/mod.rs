//! One module per feature. Words shared by them stand here.

mod base64;
mod crowd;
mod crowdsec;
mod delay;
mod doctor;
mod fail2ban;
mod headers;
mod identity;
mod imported;
mod kept;
mod kick;
mod lockout;
mod logins;
mod main_password;
mod mechanisms;
mod neighbours;
mod nginx;
mod nginx_portal;
mod notices;
mod passdb;
mod policy;
mod portal;
mod restart;
mod restricted;
mod revoke;
mod rollout;
mod secrecy;
mod sending;
mod sharing;
mod silent;
mod take_over;
mod told;
mod under_load;
mod webmail;

use std::net::Ipv4Addr;

use crate::client::{Imap, Pop3, Smtp};
use crate::dovecot::{Dovecot, IMAP, POP3};
use crate::postfix::{Postfix, SUBMISSION};
use crate::site::Site;

/// Where an ordinary client sits.
const HOME: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 1);

/// One `LOGIN` over IMAP; the tagged answer.
fn imap(site: &Site, from: Ipv4Addr, user: &str, password: &str) -> String {
    site.secret(user, password);
    Imap::open(from, Dovecot::at(site, IMAP)).login(user, password)
}

/// One `USER` and `PASS` over POP3; the answer to `PASS`.
fn pop3(site: &Site, from: Ipv4Addr, user: &str, password: &str) -> String {
    site.secret(user, password);
    Pop3::open(from, Dovecot::at(site, POP3)).login(user, password)
}

/// One `AUTH PLAIN` on Postfix's submission; the answer.
fn smtp(site: &Site, from: Ipv4Addr, user: &str, password: &str) -> String {
    site.secret(user, password);
    Smtp::starttls(from, Postfix::at(site, SUBMISSION)).plain(user, password)
}

#[track_caller]
fn assert_in(answer: &str) {
    let fine = ["OK", "+OK", "235 "].iter().any(|start| answer.starts_with(start));
    assert!(fine, "should be logged in: {answer:?}");
}

#[track_caller]
fn assert_refused(answer: &str) {
    let refused = ["NO ", "-ERR", "535 "].iter().any(|start| answer.starts_with(start));
    assert!(refused, "should be refused: {answer:?}");
    // A block has an end, and its code says so.
    let blocked = answer.contains("Too many failed logins");
    let temporary =
        !blocked && ["UNAVAILABLE", "SYS/TEMP", "emporary"].iter().any(|word| answer.contains(word));
    assert!(!temporary, "should be refused for good: {answer:?}");
}
