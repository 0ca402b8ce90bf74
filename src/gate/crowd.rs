//! What an administrator should hear about the servers in front of us, once a day each, restarts notwithstanding: the
//! events themselves say what was reported.
//!
//! One address from which many different accounts log in well is a proxy or a webmail, not an
//! attacker: its users should be told apart before somebody's slips block them all. And where no
//! address is told at all, nobody can be address-blocked.

use hashlink::LruCache;
use ipnet::IpNet;

use super::address::{Key, parse_address};
use super::event::{Event, Kind};
use super::key::AccountTag;
use super::name::Protocol;
use crate::clock::Timestamp;

/// Different accounts from one source that make it look like a proxy.
pub const CROWD_ACCOUNTS: usize = 20;
/// Sources watched at once; the one unheard of for longest is dropped.
const SOURCES_MAX: usize = 4096;
/// Protocols watched at once.
const PROTOCOLS_MAX: usize = 64;
/// What was reported is not reported again for a day.
const QUIET_SECS: i64 = 86_400;

/// Counts different accounts per source, and knows what was reported.
#[derive(Debug)]
pub struct Crowds {
    sources: LruCache<Key, Crowd>,
    /// Protocols on which no address was told.
    addressless: LruCache<Protocol, Timestamp>,
}

#[derive(Debug, Default)]
struct Crowd {
    accounts: Vec<AccountTag>,
    reported: Option<Timestamp>,
}

impl Default for Crowds {
    fn default() -> Self {
        Self { sources: LruCache::new(SOURCES_MAX), addressless: LruCache::new(PROTOCOLS_MAX) }
    }
}

impl Crowds {
    /// Takes over what was reported before a restart.
    pub fn recall(&mut self, report: &Event, now: Timestamp) {
        let reported = report.time.min(now);
        match report.kind {
            Kind::AddressMissing => {
                if let Some(Ok(protocol)) = report.protocol.as_deref().map(Protocol::parse) {
                    self.addressless.insert(protocol, reported);
                }
            }
            Kind::ProxySuspected => {
                if let Some(source) = report.address.as_deref().and_then(source) {
                    let crowd = Crowd { accounts: Vec::new(), reported: Some(reported) };
                    self.sources.insert(source, crowd);
                }
            }
            _ => {}
        }
    }

    /// Since when a report keeps the next one back.
    #[must_use]
    pub fn quiet_since(now: Timestamp) -> Timestamp {
        Timestamp(now.0.saturating_sub(QUIET_SECS))
    }

    /// Notes a success. True once a day for a source that many accounts share.
    pub fn note(&mut self, key: Key, account: AccountTag, now: Timestamp) -> bool {
        let crowd = self.sources.entry(key).or_insert_with(Crowd::default);
        if crowd.reported.is_some_and(|at| now.0 < at.0 + QUIET_SECS) || crowd.accounts.contains(&account) {
            return false;
        }
        crowd.accounts.push(account);
        if crowd.accounts.len() < CROWD_ACCOUNTS {
            return false;
        }
        *crowd = Crowd { accounts: Vec::new(), reported: Some(now) };
        true
    }

    /// Notes an attempt without an address. True once a day for each protocol.
    pub fn note_addressless(&mut self, protocol: &Protocol, now: Timestamp) -> bool {
        if self.addressless.get(protocol).is_some_and(|at| now.0 < at.0 + QUIET_SECS) {
            return false;
        }
        self.addressless.insert(protocol.clone(), now);
        true
    }
}

/// The source that an event names: an address, or a network.
fn source(text: &str) -> Option<Key> {
    text.parse().ok().or_else(|| parse_address(text).map(IpNet::from)).map(Key::of_network)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::address::Prefixes;

    #[test]
    fn twenty_accounts_make_a_crowd_once_a_day() {
        let mut crowds = Crowds::default();
        let key = Key::Network { first: [0; 16], bits: 128 };
        let mut day = |now: i64| {
            let report = |n| crowds.note(key, AccountTag(n), Timestamp(now));
            (0..40u64).chain(0..40).map(report).filter(|reported| *reported).count()
        };
        assert_eq!(day(0), 1);
        assert_eq!(day(QUIET_SECS - 1), 0);
        assert_eq!(day(QUIET_SECS), 1);
    }

    #[test]
    fn a_protocol_without_addresses_is_reported_once_a_day() {
        let mut crowds = Crowds::default();
        let smtp = Protocol::parse("smtp").unwrap();
        assert!(crowds.note_addressless(&smtp, Timestamp(0)));
        assert!(!crowds.note_addressless(&smtp, Timestamp(QUIET_SECS - 1)));
        assert!(crowds.note_addressless(&Protocol::parse("imap").unwrap(), Timestamp(1)));
        assert!(crowds.note_addressless(&smtp, Timestamp(QUIET_SECS)));
    }

    #[test]
    fn what_was_reported_before_a_restart_is_not_reported_again() {
        let prefixes = Prefixes::new(32, 64);
        for address in ["192.0.2.7", "2001:db8::7"] {
            let key = Key::of(address.parse().unwrap(), &prefixes).unwrap();
            let mut before = Event::new(Timestamp(100), Kind::ProxySuspected, "gate").address(key);
            let told = |crowds: &mut Crowds, now: i64| {
                (0..40).any(|n| crowds.note(key, AccountTag(n), Timestamp(now)))
            };
            let mut crowds = Crowds::default();
            crowds.recall(&before, Timestamp(200));
            assert!(!told(&mut crowds, 99 + QUIET_SECS) && told(&mut crowds, 100 + QUIET_SECS), "{address}");
            // The clock was set back since.
            before.time = Timestamp(1_000_000);
            let mut crowds = Crowds::default();
            crowds.recall(&before, Timestamp(200));
            assert!(told(&mut crowds, 200 + QUIET_SECS));
        }
        let mut crowds = Crowds::default();
        let mut missing = Event::new(Timestamp(100), Kind::AddressMissing, "gate");
        missing.protocol = Some("smtp".into());
        crowds.recall(&missing, Timestamp(100));
        assert!(!crowds.note_addressless(&Protocol::parse("smtp").unwrap(), Timestamp(200)));
        assert!(crowds.note_addressless(&Protocol::parse("imap").unwrap(), Timestamp(200)));
    }
}
