//! Who logged in to send, from where, and with what: Postfix's policy questions name only the account.
//!
//! Dovecot's submission service tells the client's port, Postfix does not; so the login of a session is
//! the one with its port, or else the latest of that account from that address. Lost at a restart, when
//! the store's last uses stand in.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hashlink::LruCache;

use super::lock;
use crate::gate::account::Account;
use crate::gate::key::AccountTag;
use crate::gate::login::{Grant, Origin};

/// Sessions that are remembered; some 300 bytes each.
pub(super) const SESSIONS_MAX: usize = 50_000;

/// Where an account logged in from; port 0 is the latest login from any port.
type Place = (AccountTag, IpAddr, u16);

/// The logins behind sessions that send.
#[derive(Debug)]
pub(super) struct Sessions(Mutex<LruCache<Place, (Grant, Origin)>>);

impl Default for Sessions {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(SESSIONS_MAX)))
    }
}

/// Whether a login is for sending mail.
fn sends(protocol: &str) -> bool {
    matches!(protocol, "smtp" | "submission")
}

impl Sessions {
    /// Notes a login that was let in. Most are for reading: the account's mark is made only for the others.
    pub(super) fn note(&self, account: impl FnOnce() -> AccountTag, grant: &Grant, origin: &Origin) {
        let Some(address) = origin.address.filter(|_| sends(origin.protocol.as_str())) else { return };
        let account = account();
        // What the mail server told besides is of no use here, and costs memory.
        let session = (grant.clone(), Origin { params: Bytes::new(), ..origin.clone() });
        let mut sessions = lock(&self.0);
        if let Some(port) = port(&origin.params) {
            sessions.insert((account, address, port), session.clone());
        }
        sessions.insert((account, address, 0), session);
    }

    /// Somebody else decides this login: what was noted before is not behind it.
    pub(super) fn forget(&self, account: AccountTag, origin: &Origin) {
        if let Some(address) = origin.address {
            lock(&self.0).remove(&(account, address, 0));
        }
    }

    /// The login behind a session.
    pub(super) fn find(
        &self,
        account: AccountTag,
        address: Option<IpAddr>,
        port: Option<u16>,
    ) -> Option<(Grant, Origin)> {
        let address = address?;
        let mut sessions = lock(&self.0);
        let exact = port.and_then(|port| sessions.get(&(account, address, port)).cloned());
        exact.or_else(|| sessions.get(&(account, address, 0)).cloned())
    }
}

/// The client's port, where the mail server told it.
fn port(params: &[u8]) -> Option<u16> {
    let told = params.split(|byte| *byte == b'\t').find_map(|field| field.strip_prefix(b"rport="))?;
    std::str::from_utf8(told).ok()?.parse().ok().filter(|port| *port != 0)
}

/// The client password that an account last sent with from an address, as far as the store knows.
pub(super) fn last_used(account: &Account, address: Option<IpAddr>) -> Option<(i64, Arc<str>)> {
    let address = address?.to_string();
    let used = account.passwords.iter().filter_map(|password| {
        let last = password.last_use.as_ref()?;
        let here = last.address.as_ref() == Some(&address) && sends(&last.protocol);
        here.then_some((last.at, password))
    });
    used.max_by_key(|(at, _)| *at).map(|(_, password)| (password.id, password.name.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::name::{AccountName, Protocol};

    fn login(id: i64, protocol: &str, params: &'static str) -> (Grant, Origin) {
        let account = AccountName::parse("ann@example.org", None).unwrap();
        let grant = Grant { account, password: Some((id, "phone".into())) };
        let address = "192.0.2.7".parse().ok();
        let protocol = Protocol::parse(protocol).unwrap();
        let origin = Origin { address, host: address, protocol, params: params.into(), held: true };
        (grant, origin)
    }

    fn found(sessions: &Sessions, address: &str, port: Option<u16>) -> Option<i64> {
        let found = sessions.find(AccountTag(1), address.parse().ok(), port);
        found.and_then(|(grant, _)| grant.password).map(|(id, _)| id)
    }

    #[test]
    fn the_port_is_best_and_the_latest_is_next() {
        let sessions = Sessions::default();
        for (id, protocol, params) in [
            (1, "smtp", ""),
            (2, "submission", "service=submission\trport=4711"),
            (3, "smtp", "rport=0"),
            (4, "imap", ""),
        ] {
            let (grant, origin) = login(id, protocol, params);
            sessions.note(|| AccountTag(1), &grant, &origin);
        }
        assert_eq!(found(&sessions, "192.0.2.7", Some(4711)), Some(2));
        assert_eq!(found(&sessions, "192.0.2.7", Some(4712)), Some(3), "reading mail is not sending it");
        assert_eq!(found(&sessions, "192.0.2.8", None), None);
        assert!(sessions.find(AccountTag(2), "192.0.2.7".parse().ok(), None).is_none());
    }

    #[test]
    fn so_many_sessions_are_remembered() {
        let sessions = Sessions::default();
        let (grant, origin) = login(1, "smtp", "");
        for n in 0..=SESSIONS_MAX as u64 {
            sessions.note(|| AccountTag(n), &grant, &origin);
        }
        assert!(sessions.find(AccountTag(0), origin.address, None).is_none());
        assert!(sessions.find(AccountTag(1), origin.address, None).is_some());
    }
}
