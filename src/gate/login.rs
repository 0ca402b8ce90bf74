//! One login attempt: what is asked, what may be looked at, and how it ends.
//!
//! [`screen`] says, before anything costly, what has to be proved; [`Policy::admits`] and
//! [`terms_refuse`] say, once it is proved, whether that is enough.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use ipnet::IpNet;

use super::account::{Account, ClientPassword};
use super::address::Prefixes;
use super::key::Selectors;
use super::mandatory::Duty;
use super::name::{AccountName, Protocol};
use super::policy::Session;
pub use super::reason::Reason;
use super::secret::{Digest, Secret};
use super::streak::Program;
use super::translated::{Nat64, fold_network};
use crate::clock::Timestamp;

/// Somebody asks to be let in with a name and a secret.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The name as typed.
    pub typed: String,
    /// A client password or a main password.
    pub secret: Presented,
    /// How it was presented: PLAIN or LOGIN.
    pub mechanism: &'static str,
    /// Where from and what for.
    pub origin: Origin,
}

/// What somebody presents to be let in.
#[derive(Clone, Debug)]
pub enum Presented {
    /// The secret itself.
    Whole(Secret),
    /// Only D: all that Dovecot's dict passdb hands over. It can prove a client password, and
    /// nothing else.
    Digest(Digest),
}

impl Presented {
    /// D.
    #[must_use]
    pub fn digest(&self) -> Digest {
        match self {
            Self::Whole(secret) => secret.digest(),
            Self::Digest(digest) => *digest,
        }
    }

    /// Whether there is no password in it. `blank`: one of white space alone is none either.
    #[must_use]
    pub fn is_empty(&self, blank: bool) -> bool {
        match self {
            Self::Whole(secret) => secret.is_empty() || (blank && secret.is_blank()),
            Self::Digest(digest) => digest.is_of_nothing(),
        }
    }

    /// What tells one wrong secret from another, for `lockout.repeats = "once"`: the mark of what was looked at. White
    /// space belongs to a main password (`as_typed`), and is dropped from a client password.
    #[must_use]
    pub fn mark(&self, as_typed: bool) -> Digest {
        match self {
            Self::Whole(secret) if as_typed => secret.mark(),
            secret => secret.digest(),
        }
    }
}

/// Where an attempt comes from and what it is for.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The end user's address as the mail server told it; `None` where it tells none.
    pub address: Option<IpAddr>,
    /// The host that connected to the mail server: the same, or a webmail or proxy that told the end user's address
    /// (Dovecot's `real_rip`).
    pub host: Option<IpAddr>,
    /// What for.
    pub protocol: Protocol,
    /// The mail server's own parameters, for handing on to the upstream: tab-separated, escaped.
    pub params: Bytes,
    /// Refusals are held back here; false where the mail server holds them back itself.
    pub held: bool,
}

impl Origin {
    /// Takes addresses for what they are; one that is nobody's was not told.
    pub fn fold(&mut self, prefixes: &Prefixes) {
        let fold = |address: Option<IpAddr>| address.and_then(|address| prefixes.fold(address));
        (self.address, self.host) = (fold(self.address), fold(self.host));
    }

    /// What the mail program calls itself (Dovecot, `imap_id_retain = yes`).
    #[must_use]
    pub fn program(&self) -> Option<Program> {
        let mut fields = self.params.split(|byte| *byte == b'\t');
        let list = fields.find_map(|field| field.strip_prefix(b"client_id="))?;
        Program::in_id_list(&String::from_utf8_lossy(list))
    }

    /// The mail server's name for the client's connection, if it told one.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        let mut fields = self.params.split(|byte| *byte == b'\t');
        let name = fields.find_map(|field| field.strip_prefix(b"session="))?;
        std::str::from_utf8(name).ok().and_then(Session::parse)
    }

    /// Whether whoever asks may be a passdb of Dovecot's, whose auth policy has asked before. A mail server that is the
    /// client's own door (`nologin`: no mail process of Dovecot's will claim) has asked nobody else.
    #[must_use]
    pub fn may_be_asked_twice(&self) -> bool {
        self.params.split(|byte| *byte == b'\t').all(|field| field != b"nologin")
    }
}

/// Who gets in, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The account's name in normal form.
    pub account: AccountName,
    /// The client password that was right; `None` for a main password.
    pub password: Option<(i64, Arc<str>)>,
}

/// How an attempt ends.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Let in.
    Accept(Grant),
    /// Not let in.
    Refuse(Reason),
    /// Not for us to decide: whoever asked checks the main password itself.
    Elsewhere,
    /// Our own trouble, in words for the log: ask again later.
    Defer(&'static str),
}

impl Verdict {
    /// Whom a refusal concerns, where that is not who was named.
    #[must_use]
    pub fn concerns(&self) -> Option<&AccountName> {
        match self {
            Self::Refuse(Reason::OthersMailbox(account)) => Some(account),
            _ => None,
        }
    }
}

/// Who may use a main password (design: `main_password`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Accounts without two-factor may use their main password in mail clients.
    pub until_two_factor: bool,
    /// Hosts that enforce the second factor themselves, such as the webmail.
    pub allowed_from: Vec<IpNet>,
    /// Main passwords are checked by whoever asks us: Dovecot's next passdb.
    pub elsewhere: bool,
    /// Client passwords are good at those hosts too.
    pub client_passwords_at_webmail: bool,
}

impl Policy {
    /// The same for somebody with this duty: past its date a main password opens no mail, whether two-factor was set up or
    /// not, and whoever turned it off.
    #[must_use]
    pub fn under(&self, duty: Duty) -> Cow<'_, Self> {
        match duty {
            Duty::Now if self.until_two_factor => {
                Cow::Owned(Self { until_two_factor: false, ..self.clone() })
            }
            Duty::Now | Duty::Until(_) | Duty::None => Cow::Borrowed(self),
        }
    }

    /// Whether a main password of `account` (`None`: known only to the upstream) is good enough
    /// from the host that connected.
    #[must_use]
    pub fn admits(&self, account: Option<&Account>, host: Option<IpAddr>) -> bool {
        let trusted = host.is_some_and(|host| self.trusts(host));
        match account {
            Some(account) if !account.enabled => false,
            Some(account) => trusted || (self.until_two_factor && !account.two_factor),
            None => trusted || self.until_two_factor,
        }
    }

    /// Whether a host enforces the second factor itself, and so speaks for many people.
    #[must_use]
    pub fn trusts(&self, host: IpAddr) -> bool {
        self.allowed_from.iter().any(|net| net.contains(&host))
    }

    /// Whether a host takes main passwords only: what a client password opens is a mail program, not the webmail with
    /// its settings and filters.
    #[must_use]
    pub fn takes_main_passwords_only(&self, host: Option<IpAddr>) -> bool {
        !self.client_passwords_at_webmail && host.is_some_and(|host| self.trusts(host))
    }

    /// Whether main passwords are good for anything at all.
    #[must_use]
    pub fn admits_any(&self) -> bool {
        self.until_two_factor || !self.allowed_from.is_empty()
    }
}

/// What has to be proved, after one look at what is known.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Screened<'a> {
    /// Nothing can help.
    Refuse(Reason),
    /// This client password, and no other: one Argon2.
    Prove(&'a ClientPassword),
    /// These, which nothing finds: the selector was made with a key that is gone, or there is none because it was
    /// imported. One hash each.
    ProveOneOf(Vec<&'a ClientPassword>),
    /// The main password, by the upstream.
    AskUpstream,
    /// The main password, by whoever asks.
    Elsewhere,
}

impl<'a> Screened<'a> {
    /// The client passwords of which one may be the right one.
    #[must_use]
    pub fn candidates(&self) -> &[&'a ClientPassword] {
        match self {
            Self::Prove(password) => std::slice::from_ref(password),
            Self::ProveOneOf(passwords) => passwords,
            Self::Refuse(_) | Self::AskUpstream | Self::Elsewhere => &[],
        }
    }
}

/// Decides what has to be proved. `selectors` belong to what was presented, under each key that is known.
pub fn screen<'a>(
    account: Option<&'a Account>,
    selectors: &Selectors,
    policy: &Policy,
    host: Option<IpAddr>,
) -> Screened<'a> {
    if let Some(account) = account {
        if !account.enabled {
            return Screened::Refuse(Reason::Disabled);
        }
        let is =
            |password: &&ClientPassword| password.stored.selector().is_some_and(|row| selectors.find(row));
        let webmail = policy.takes_main_passwords_only(host);
        if let Some(password) = account.passwords.iter().find(is) {
            return if webmail { Screened::Refuse(Reason::AtWebmail) } else { Screened::Prove(password) };
        }
        if let Some(gone) = account.revoked.iter().find(|gone| selectors.find_mark(gone.selector)) {
            return Screened::Refuse(Reason::Revoked { id: gone.id, name: gone.name.clone() });
        }
        let stray = |password: &&ClientPassword| {
            password.stored.selector().is_none_or(|(made, _)| !selectors.know(made))
        };
        let strays: Vec<_> = account.passwords.iter().filter(stray).collect();
        if !strays.is_empty() && !webmail {
            return Screened::ProveOneOf(strays);
        }
    }
    without_client_password(account, policy, host)
}

/// What is left to a secret that is no client password.
pub fn without_client_password<'a>(
    account: Option<&Account>,
    policy: &Policy,
    host: Option<IpAddr>,
) -> Screened<'a> {
    if policy.admits(account, host) {
        if policy.elsewhere { Screened::Elsewhere } else { Screened::AskUpstream }
    } else if account.is_some() {
        Screened::Refuse(Reason::WrongPassword)
    } else {
        Screened::Refuse(Reason::UnknownAccount)
    }
}

/// Whether the terms of a right client password forbid this use of it.
#[must_use]
pub fn terms_refuse(password: &ClientPassword, origin: &Origin, now: Timestamp) -> Option<Reason> {
    let terms = &password.terms;
    if terms.expires.is_some_and(|end| now >= end) {
        return Some(Reason::Expired);
    }
    if !terms.protocols.is_empty() && !terms.protocols.iter().any(|known| known.covers(&origin.protocol)) {
        return Some(Reason::WrongProtocol);
    }
    let inside = |address: IpAddr| terms.networks.iter().any(|network| holds(network, address));
    if !terms.networks.is_empty() && !origin.address.is_some_and(inside) {
        return Some(Reason::WrongNetwork);
    }
    None
}

/// Whether a network that was put down at any time holds an address that was folded.
fn holds(network: &IpNet, address: IpAddr) -> bool {
    fold_network(*network, &Nat64::NONE).unwrap_or(*network).contains(&address)
}

#[cfg(test)]
mod tests;
