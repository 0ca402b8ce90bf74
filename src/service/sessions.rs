//! Who logged in to send, from where, and with what: Postfix's policy questions name only the account.
//!
//! Dovecot's submission service tells the client's port, Postfix does not; so the login of a session is
//! the one with its port, or else the latest of that account from that address; or the latest that came without an
//! address, as by saslauthd.
//!
//! What is not in memory, as after a restart, is in the events: they tell the latest login as well. A session that they
//! do not tell of is over, and its client logs in again: a login that was removed meanwhile must not go on because
//! nobody remembers it. Of an account whose logins to send are nowhere in the events, somebody else decides
//! them (another SASL of Postfix's), and its sessions are not ours to end.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hashlink::LruCache;

use super::who::Trier;
use super::{Rules, Service, lock};
use crate::gate::account::Account;
use crate::gate::event::{ALLOWED_HOST, Event};
use crate::gate::key::AccountTag;
use crate::gate::login::{Grant, Origin};
use crate::gate::name::{AccountName, Protocol};
use crate::store::StoreError;

/// Sessions that are remembered; some 300 bytes each.
pub(super) const SESSIONS_MAX: usize = 50_000;

/// Where an account logged in from, if that was told; port 0 is the latest login from any port.
type Place = (AccountTag, Option<IpAddr>, u16);

/// Which login is behind a session.
#[derive(Clone, Debug)]
pub(super) enum Behind {
    /// This one.
    Login(Grant, Origin),
    /// One that somebody else decided.
    NotOurs,
    /// There was one, and it is not known which: to be logged in again.
    Unknown,
}

/// The logins behind sessions that send.
#[derive(Debug)]
pub(super) struct Sessions(Mutex<LruCache<Place, Behind>>);

impl Default for Sessions {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(SESSIONS_MAX)))
    }
}

/// Whether a login is for sending mail.
pub(super) fn sends(protocol: &str) -> bool {
    matches!(protocol, "smtp" | "submission")
}

impl Sessions {
    /// Notes a login that was let in. Most are for reading: the account's mark is made only for the others.
    pub(super) fn note(&self, account: impl FnOnce() -> AccountTag, grant: &Grant, origin: &Origin) {
        if !sends(origin.protocol.as_str()) {
            return;
        }
        let account = account();
        // What the mail server told besides is of no use here, and costs memory.
        let session = Behind::Login(grant.clone(), Origin { params: Bytes::new(), ..origin.clone() });
        let mut sessions = lock(&self.0);
        if let Some(port) = port(&origin.params) {
            sessions.insert((account, origin.address, port), session.clone());
        }
        sessions.insert((account, origin.address, 0), session);
    }

    /// The login behind a session, as far as it is remembered.
    fn find(&self, account: AccountTag, address: Option<IpAddr>, port: Option<u16>) -> Option<Behind> {
        let mut sessions = lock(&self.0);
        let exact = port.and_then(|port| sessions.get(&(account, address, port)).cloned());
        let latest = exact.or_else(|| sessions.get(&(account, address, 0)).cloned());
        match latest {
            Some(Behind::Login(..)) => latest,
            none => sessions.get(&(account, None, 0)).cloned().or(none),
        }
    }

    fn remember(&self, account: AccountTag, address: Option<IpAddr>, behind: Behind) {
        lock(&self.0).insert((account, address, 0), behind);
    }
}

impl Service {
    /// Somebody else decides this login. If it is right, it is with a main password that is admitted now.
    pub(super) fn note_elsewhere(&self, trier: &Trier<'_>) {
        if let Ok(account) = AccountName::parse(trier.shown, None) {
            self.sessions.note(|| trier.tag, &Grant { account, password: None }, trier.origin);
        }
    }

    /// Dovecot let somebody in by its own passdbs. Where main passwords are good for nothing here, that is not ours to end.
    pub(super) fn note_report(&self, trier: &Trier<'_>, rules: &Rules) {
        if sends(trier.origin.protocol.as_str()) && !rules.policy.admits(None, trier.origin.host) {
            self.sessions.remember(trier.tag, trier.origin.address, Behind::NotOurs);
        }
    }

    /// The login behind a session of an account: as it is remembered, or as the events tell.
    ///
    /// # Errors
    /// The store's own trouble.
    pub(super) async fn behind(
        &self,
        login: &AccountName,
        tag: AccountTag,
        (address, port): (Option<IpAddr>, Option<u16>),
        rules: &Rules,
    ) -> Result<Behind, StoreError> {
        if let Some(behind) = self.sessions.find(tag, address, port) {
            return Ok(behind);
        }
        if !rules.decides_logins {
            return Ok(Behind::NotOurs);
        }
        let (account, told) = (login.to_string(), address.map(|address| address.to_string()));
        // What was let in a moment ago may not be written yet; it is remembered, so nothing is missed.
        let latest =
            move |tables: &mut dyn crate::store::Tables| tables.last_sending_login(&account, told.as_deref());
        let behind = match self.store.read(latest).await? {
            None => Behind::NotOurs,
            Some(event) => recalled(login, address, event, rules),
        };
        // Whoever is sent away logs in, and that is noted.
        if !matches!(behind, Behind::Unknown) {
            self.sessions.remember(tag, address, behind.clone());
        }
        Ok(behind)
    }
}

/// A login as an event tells of it: the latest from `address` or from nowhere, or else from elsewhere.
fn recalled(login: &AccountName, address: Option<IpAddr>, event: Event, rules: &Rules) -> Behind {
    let told = event.address.as_deref().map(str::parse::<IpAddr>);
    let here = match told {
        None => true,
        Some(told) => told.ok() == address,
    };
    let protocol = event.protocol.as_deref().and_then(|name| Protocol::parse(name).ok());
    let (true, Some(protocol)) = (here, protocol) else { return Behind::Unknown };
    let password = match (event.password_id, event.password_name) {
        (Some(id), Some(name)) => Some((id, name.into())),
        _ => None,
    };
    // The host of a declared webmail is not in its event; that there are such hosts still is what counts.
    let host = if event.reason.as_deref() == Some(ALLOWED_HOST) {
        rules.policy.allowed_from.first().map(ipnet::IpNet::addr)
    } else {
        address
    };
    let grant = Grant { account: login.clone(), password };
    Behind::Login(grant, Origin { address, host, protocol, params: Bytes::new(), held: true })
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

    fn login(id: i64, protocol: &str, params: &'static str) -> (Grant, Origin) {
        let account = AccountName::parse("ann@example.org", None).unwrap();
        let grant = Grant { account, password: Some((id, "phone".into())) };
        let address = "192.0.2.7".parse().ok();
        let protocol = Protocol::parse(protocol).unwrap();
        let origin = Origin { address, host: address, protocol, params: params.into(), held: true };
        (grant, origin)
    }

    fn found(sessions: &Sessions, address: &str, port: Option<u16>) -> Option<i64> {
        match sessions.find(AccountTag(1), address.parse().ok(), port) {
            Some(Behind::Login(grant, _)) => grant.password.map(|(id, _)| id),
            _ => None,
        }
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
    fn a_login_without_an_address_is_behind_whatever_has_none_of_its_own() {
        let sessions = Sessions::default();
        let (grant, origin) = login(1, "smtp", "");
        sessions.note(|| AccountTag(1), &grant, &Origin { address: None, host: None, ..origin });
        assert_eq!(found(&sessions, "192.0.2.7", None), Some(1));
        let (grant, origin) = login(2, "smtp", "");
        sessions.note(|| AccountTag(1), &grant, &origin);
        assert_eq!(found(&sessions, "192.0.2.7", None), Some(2));
        assert_eq!(found(&sessions, "192.0.2.8", None), Some(1));
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
