//! `[[listen]]`: the doors that can be opened, and how they behave.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::{Choice, Peer};

/// `[[listen]]`: one socket for mail servers.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// What is spoken there.
    pub protocol: ListenProtocol,
    /// Where.
    pub place: Endpoint,
    /// The permissions of a Unix socket.
    pub mode: u32,
    /// The group of the socket; absent leaves the daemon's own.
    pub group: Option<String>,
    /// Users who may connect; absent lets in whoever the mode lets in.
    pub peers: Option<Vec<Peer>>,
    /// What the peer sees when the trouble is ours.
    pub on_trouble: OnTrouble,
    /// Whether refusals are held back for `lockout.failure_delay`.
    pub refusals: Refusals,
    /// The file with the secret that HTTP requests must show; absent asks for none.
    pub key_file: Option<PathBuf>,
    /// Where nginx sends whoever may log in.
    pub backends: Backends,
}

/// Where a listener listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A Unix socket.
    Path(PathBuf),
    /// A TCP port of this host, on loopback.
    Address(SocketAddr),
}

impl Endpoint {
    /// The path, of a Unix socket.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::Address(_) => None,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// `backends`: the mail servers behind nginx. It takes addresses only, no names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backends {
    /// For IMAP.
    pub imap: Option<SocketAddr>,
    /// For POP3.
    pub pop3: Option<SocketAddr>,
    /// For sending mail.
    pub smtp: Option<SocketAddr>,
}

impl Listener {
    /// Permissions where the file names none: the owner and the group.
    pub const MODE_DEFAULT: u32 = 0o660;

    /// A listener with everything else at its default.
    #[must_use]
    pub fn new(protocol: ListenProtocol, path: impl Into<PathBuf>) -> Self {
        Listener {
            protocol,
            place: Endpoint::Path(path.into()),
            mode: Self::MODE_DEFAULT,
            group: None,
            peers: None,
            on_trouble: OnTrouble::default(),
            refusals: Refusals::default(),
            key_file: None,
            backends: Backends::default(),
        }
    }
}

/// The doors that can be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenProtocol {
    /// Dovecot login processes, Postfix, Exim: is this password right?
    AuthClient,
    /// Dovecot's mail processes: who is this user, where is the home?
    AuthMaster,
    /// Dovecot 2.3's passdb and userdb `dict`.
    Dict,
    /// Postfix: may this message go on its way?
    Policy,
    /// Postfix: whose sender address is this?
    Socketmap,
    /// Postfix and sendmail: may this mail go with this `From:`?
    Milter,
    /// Cyrus SASL: is this password right? Without the client's address.
    Saslauthd,
    /// Dovecot's auth policy, nginx's mail proxy, Prometheus.
    Http,
}

impl Choice for ListenProtocol {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("auth-client", ListenProtocol::AuthClient),
        ("auth-master", ListenProtocol::AuthMaster),
        ("dict", ListenProtocol::Dict),
        ("policy", ListenProtocol::Policy),
        ("socketmap", ListenProtocol::Socketmap),
        ("milter", ListenProtocol::Milter),
        ("saslauthd", ListenProtocol::Saslauthd),
        ("http", ListenProtocol::Http),
    ];
}

/// When refusals leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refusals {
    /// After `lockout.failure_delay`.
    #[default]
    Held,
    /// At once, where the peer holds them back itself: Dovecot's own auth process with the Lua bridge, whose
    /// workers would all be waiting.
    AtOnce,
}

impl Choice for Refusals {
    const WORDS: &'static [(&'static str, Self)] = &[("held", Refusals::Held), ("at-once", Refusals::AtOnce)];
}

/// What a peer sees when the trouble is ours: store away, queue full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnTrouble {
    /// Close for requests with `service=smtp`, since Postfix and Exim know no other way to a 4xx;
    /// `temp_fail` for the rest.
    #[default]
    Auto,
    /// Always answer `FAIL code=temp_fail`.
    TempFail,
    /// Always close the connection.
    Close,
}

impl Choice for OnTrouble {
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", OnTrouble::Auto), ("temp-fail", OnTrouble::TempFail), ("close", OnTrouble::Close)];
}
