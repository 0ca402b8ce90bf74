//! `[notices]`: who is told when an account reaches a limit, and of other events, and by which ways.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::Choice;
use crate::gate::event::Kind;

/// `[notices]`: nothing in it, and nobody is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Notices {
    /// How long one delivery may take, by any way.
    pub timeout: Duration,
    /// Mail: `owner`, `administrator`, `from` and `[notices.smtp]`.
    pub mail: Option<Mail>,
    /// `[notices.webhook]`
    pub webhook: Option<Webhook>,
    /// `command`
    pub command: Option<Command>,
    /// Events that webhook and command are told of, beside limits that are reached.
    pub events: Vec<Kind>,
}

impl Default for Notices {
    fn default() -> Self {
        Notices {
            timeout: Duration::from_secs(30),
            mail: None,
            webhook: None,
            command: None,
            events: Vec::new(),
        }
    }
}

/// Notices by mail: to whom, from whom, through which server.
#[derive(Clone, Debug, PartialEq)]
pub struct Mail {
    /// Whether the owner of the account gets one.
    pub owner: bool,
    /// Who else gets one.
    pub administrator: Option<String>,
    /// The address in `From`. The envelope has no sender, so that no answer ever comes.
    pub from: String,
    /// `[notices.smtp]`
    pub smtp: Smtp,
}

/// `[notices.smtp]`: the server that takes our mail.
#[derive(Clone, Debug, PartialEq)]
pub struct Smtp {
    /// Where it is.
    pub server: Server,
    /// How the connection is encrypted.
    pub tls: SmtpTls,
    /// The login, where it asks for one.
    pub login: Option<SmtpLogin>,
    /// The authorities that may have signed its certificate; absent trusts those that this host trusts.
    pub ca_file: Option<PathBuf>,
}

/// Our login at the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpLogin {
    /// The name.
    pub user: String,
    /// The file that the password stands in.
    pub password_file: PathBuf,
}

/// How the connection to the server is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SmtpTls {
    /// Not at all: for a server on this host.
    #[default]
    None,
    /// After STARTTLS; without it, nothing is sent.
    Starttls,
    /// From the first byte on.
    Tls,
}

impl Choice for SmtpTls {
    const WORDS: &'static [(&'static str, Self)] =
        &[("none", SmtpTls::None), ("starttls", SmtpTls::Starttls), ("tls", SmtpTls::Tls)];
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// A name, or an address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Server {
    /// Whether it can only be this host.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

/// Whether a name or an address can only be this host.
pub(super) fn is_loopback(host: &str) -> bool {
    host.parse().map_or(host == "localhost", |address: IpAddr| address.is_loopback())
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// `[notices.webhook]`: a request to a program of somebody else.
#[derive(Clone, PartialEq)]
pub struct Webhook {
    /// Where it goes. Chat systems put a secret into it.
    pub url: String,
    /// The file with the secret that requests are signed with.
    pub key_file: Option<PathBuf>,
    /// The authorities that may have signed the certificate; absent trusts those that this host trusts.
    pub ca_file: Option<PathBuf>,
}

/// Without the address: whoever knows it can write into the chat.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("key_file", &self.key_file)
            .field("ca_file", &self.ca_file)
            .finish_non_exhaustive()
    }
}

/// `command`: a program on this host, run without a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The program.
    pub program: PathBuf,
    /// What stands behind it.
    pub arguments: Vec<String>,
}
