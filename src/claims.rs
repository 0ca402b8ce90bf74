//! Logins that a login process was granted and a mail process may claim, once.
//!
//! A claim names the login process (CPID), its request and its connection's cookie. All three
//! must fit, the cookie compared in constant time, and the mail process must be who it says.

use std::collections::{HashMap, VecDeque};

use crate::clock::Timestamp;
use crate::gate::question::{Claim, Login};
use crate::gate::secret::Cookie;

/// A login not claimed for this long is forgotten, as in Dovecot.
pub const CLAIM_SECS_MAX: i64 = 150;
/// A mail process that is still to come after this long has met trouble of its own.
pub const CLAIM_SECS_USUAL: i64 = 3;
/// Unclaimed logins of one connection; past it the oldest is forgotten.
pub const LOGINS_MAX: usize = 1_024;

/// One connection of a login process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionId(pub u64);

/// The register.
#[derive(Debug, Default)]
pub struct Claims {
    connections: HashMap<ConnectionId, Connection>,
    /// Postfix and Dovecot's own tools come back with the same CPID: there may be several.
    by_cpid: HashMap<u32, Vec<ConnectionId>>,
}

#[derive(Debug)]
struct Connection {
    cpid: u32,
    cookie: Cookie,
    /// Oldest first.
    logins: VecDeque<(u32, Timestamp, Login)>,
}

impl Claims {
    /// A login process said who it is.
    pub fn introduce(&mut self, connection: ConnectionId, cpid: u32, cookie: Cookie) {
        self.connections.insert(connection, Connection { cpid, cookie, logins: VecDeque::new() });
        self.by_cpid.entry(cpid).or_default().push(connection);
    }

    /// A login was granted.
    pub fn grant(&mut self, connection: ConnectionId, auth_id: u32, login: Login, now: Timestamp) {
        let Some(connection) = self.connections.get_mut(&connection) else { return };
        let logins = &mut connection.logins;
        while logins
            .front()
            .is_some_and(|(_, since, _)| now.0 >= since.0 + CLAIM_SECS_MAX || logins.len() >= LOGINS_MAX)
        {
            logins.pop_front();
        }
        logins.push_back((auth_id, now, login));
    }

    /// The login process no longer wants a login.
    pub fn cancel(&mut self, connection: ConnectionId, auth_id: u32) {
        if let Some(connection) = self.connections.get_mut(&connection) {
            connection.logins.retain(|(id, _, _)| *id != auth_id);
        }
    }

    /// A connection ended, and its logins with it.
    pub fn gone(&mut self, connection: ConnectionId) {
        let Some(Connection { cpid, .. }) = self.connections.remove(&connection) else { return };
        if let Some(connections) = self.by_cpid.get_mut(&cpid) {
            connections.retain(|known| *known != connection);
            if connections.is_empty() {
                self.by_cpid.remove(&cpid);
            }
        }
    }

    /// Whether a mail process is likely to come for a login.
    #[must_use]
    pub fn awaited(&self, now: Timestamp) -> bool {
        let logins = self.connections.values().filter_map(|connection| connection.logins.back());
        logins.into_iter().any(|(_, since, _)| now.0 <= since.0 + CLAIM_SECS_USUAL)
    }

    /// Hands a login out, once. The error says what did not fit, for the log.
    ///
    /// # Errors
    /// Nothing fits, or the mail process is not who it says.
    pub fn claim(&mut self, claim: &Claim, now: Timestamp) -> Result<Login, &'static str> {
        if let (Some(said), Some(is)) = (claim.session_pid, claim.peer_pid)
            && said != is
        {
            return Err("session_pid is not the peer's pid");
        }
        let connections = self.by_cpid.get(&claim.cpid).ok_or("no such login process")?;
        let fits =
            |id: &&ConnectionId| self.connections.get(id).is_some_and(|known| known.cookie == claim.cookie);
        let connection = *connections.iter().find(fits).ok_or("wrong cookie")?;
        let logins = &mut self.connections.get_mut(&connection).ok_or("no such login process")?.logins;
        let place = logins.iter().position(|(id, _, _)| *id == claim.auth_id);
        let place = place.ok_or("no such login, or claimed before")?;
        let (_, since, login) = logins.remove(place).ok_or("no such login, or claimed before")?;
        if now.0 >= since.0 + CLAIM_SECS_MAX { Err("claimed too late") } else { Ok(login) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::login::{Grant, Origin};
    use crate::gate::name::{AccountName, Protocol};
    use bytes::Bytes;

    const NOW: Timestamp = Timestamp(100);

    fn login(user: &str) -> Login {
        let protocol = Protocol::parse("imap").unwrap();
        let origin = Origin { address: None, host: None, protocol, params: Bytes::new(), held: true };
        let grant = Grant { account: AccountName::parse(user, None).unwrap(), password: None };
        Login { user: user.into(), grant, mechanism: "PLAIN".into(), origin }
    }

    fn claim(cpid: u32, auth_id: u32, cookie: u8) -> Claim {
        Claim { cpid, auth_id, cookie: Cookie([cookie; 16]), session_pid: None, peer_pid: None }
    }

    fn claims() -> Claims {
        let mut claims = Claims::default();
        claims.introduce(ConnectionId(1), 42, Cookie([1; 16]));
        claims.introduce(ConnectionId(2), 42, Cookie([2; 16]));
        claims.grant(ConnectionId(1), 7, login("ann@example.org"), NOW);
        claims.grant(ConnectionId(2), 7, login("bob@example.org"), NOW);
        claims
    }

    fn user(outcome: Result<Login, &'static str>) -> Result<String, &'static str> {
        outcome.map(|login| login.user.to_string())
    }

    #[test]
    fn a_login_is_handed_out_once_and_to_the_right_cookie() {
        let mut claims = claims();
        assert_eq!(user(claims.claim(&claim(42, 7, 2), NOW)).as_deref(), Ok("bob@example.org"));
        assert!(claims.claim(&claim(42, 7, 2), NOW).is_err());
        assert!(claims.claim(&claim(42, 7, 3), NOW).is_err());
        assert!(claims.claim(&claim(43, 7, 1), NOW).is_err());
        assert!(claims.claim(&claim(42, 8, 1), NOW).is_err());
        assert_eq!(user(claims.claim(&claim(42, 7, 1), NOW)).as_deref(), Ok("ann@example.org"));
    }

    #[test]
    fn cancelled_late_and_orphaned_logins_are_gone() {
        let mut claims = claims();
        claims.cancel(ConnectionId(1), 7);
        assert!(claims.claim(&claim(42, 7, 1), NOW).is_err());
        assert!(claims.claim(&claim(42, 7, 2), Timestamp(NOW.0 + CLAIM_SECS_MAX)).is_err());
        claims.grant(ConnectionId(2), 8, login("bob@example.org"), NOW);
        assert!(claims.claim(&claim(42, 8, 2), Timestamp(NOW.0 + CLAIM_SECS_MAX - 1)).is_ok());
        claims.grant(ConnectionId(2), 9, login("bob@example.org"), NOW);
        claims.gone(ConnectionId(2));
        assert!(claims.claim(&claim(42, 9, 2), NOW).is_err());
        claims.gone(ConnectionId(1));
        assert!(claims.by_cpid.is_empty() && claims.connections.is_empty());
    }

    #[test]
    fn mail_processes_are_awaited_for_a_while() {
        let mut claims = claims();
        assert!(claims.awaited(NOW) && claims.awaited(Timestamp(NOW.0 + CLAIM_SECS_USUAL)));
        assert!(!claims.awaited(Timestamp(NOW.0 + CLAIM_SECS_USUAL + 1)));
        claims.cancel(ConnectionId(1), 7);
        assert!(claims.awaited(NOW));
        assert!(claims.claim(&claim(42, 7, 2), NOW).is_ok());
        assert!(!claims.awaited(NOW));
    }

    #[test]
    fn the_mail_process_is_who_it_says() {
        let mut claims = claims();
        let with = |said, is| Claim { session_pid: said, peer_pid: is, ..claim(42, 7, 1) };
        assert!(claims.claim(&with(Some(5), Some(6)), NOW).is_err());
        assert!(claims.claim(&with(Some(5), None), NOW).is_ok(), "the kernel may not know");
        claims.grant(ConnectionId(1), 7, login("ann@example.org"), NOW);
        assert!(claims.claim(&with(Some(5), Some(5)), NOW).is_ok());
    }

    #[test]
    fn unclaimed_logins_are_bounded() {
        let mut claims = Claims::default();
        claims.introduce(ConnectionId(1), 42, Cookie([1; 16]));
        for id in 0..=LOGINS_MAX as u32 {
            claims.grant(ConnectionId(1), id, login("ann@example.org"), NOW);
        }
        assert!(claims.claim(&claim(42, 0, 1), NOW).is_err(), "the oldest fell out");
        assert!(claims.claim(&claim(42, 1, 1), NOW).is_ok());
    }
}
