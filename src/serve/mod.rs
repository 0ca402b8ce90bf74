//! Sockets for mail servers: listeners, connections, and their orderly end.

pub mod asked;
mod drive;
pub mod passed;
pub mod socket;
pub mod stop;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{debug, warn};

use crate::claims::ConnectionId;
use crate::clock::Timestamp;
use crate::config::{Choice, Endpoint, ListenProtocol, Listener, Refusals};
use crate::http::Http;
use crate::proto::auth_client::{AuthClient, Greeting};
use crate::proto::auth_master::AuthMaster;
use crate::proto::dict::Dict;
use crate::proto::milter::Milter;
use crate::proto::policy::Policy;
use crate::proto::saslauthd::Saslauthd;
use crate::proto::socketmap::Socketmap;
use crate::secret_file::SecretFileError;
use crate::service::Service;
use drive::{Peer, drive};
use passed::Passed;
use stop::{CUT, EndedBy, QUIET, stopped};

/// Connections of one listener at once; past it new ones wait in the kernel's queue.
pub const CONNECTIONS_MAX: usize = 10_000;
/// How long a failed accept is slept on: usually the process is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listening socket and who may connect to it.
#[derive(Debug)]
pub struct Door {
    /// As configured.
    pub settings: Listener,
    listening: Listening,
    peers: Option<Vec<u32>>,
    http: Arc<Http>,
    connections: AtomicUsize,
    /// Since when the store knows it, in seconds.
    since: AtomicI64,
    /// The time of the last question, in seconds; 0 before the first.
    asked: AtomicI64,
}

#[derive(Debug)]
enum Listening {
    Unix(UnixListener),
    /// HTTP only.
    Tcp(TcpListener),
}

#[derive(Debug)]
enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

/// Why a listener cannot be opened, with the cure.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// Its Unix socket.
    #[error(transparent)]
    Socket(#[from] socket::SocketError),
    /// Its shared secret.
    #[error(transparent)]
    Key(#[from] SecretFileError),
    /// Its address.
    #[error("{0}: cannot be listened on; is another program there?")]
    Address(std::net::SocketAddr, #[source] io::Error),
}

impl Door {
    /// Opens a socket as configured.
    ///
    /// # Errors
    /// A user or group is unknown, the shared secret cannot be used, or the socket cannot be made.
    pub fn open(settings: &Listener) -> Result<Self, DoorError> {
        Self::take_or_open(settings, &mut Passed::default())
    }

    /// Takes the socket that was passed for this place, or else opens one as configured.
    ///
    /// # Errors
    /// As [`Door::open`].
    pub fn take_or_open(settings: &Listener, passed: &mut Passed) -> Result<Self, DoorError> {
        let http = Arc::new(Http::new(settings.key_file.as_deref(), settings.backends)?);
        let (listening, peers) = match &settings.place {
            Endpoint::Path(path) => {
                let listener = match passed.unix(path, settings.mode) {
                    Some(listener) => listener,
                    None => socket::listen(path, settings.mode, settings.group.as_deref())?,
                };
                let peers =
                    settings.peers.as_deref().map(|peers| socket::resolve(path, peers)).transpose()?;
                (Listening::Unix(listener), peers)
            }
            Endpoint::Address(address) => {
                let listener = match passed.tcp(*address) {
                    Some(listener) => listener,
                    None => socket::listen_at(*address).map_err(|e| DoorError::Address(*address, e))?,
                };
                (Listening::Tcp(listener), None)
            }
        };
        Ok(Self {
            settings: settings.clone(),
            listening,
            peers,
            http,
            connections: AtomicUsize::new(0),
            since: AtomicI64::new(0),
            asked: AtomicI64::new(0),
        })
    }

    /// Connections at present.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Takes over what the store knows of it.
    fn remember(&self, since: Timestamp, asked: Option<Timestamp>) {
        self.since.store(since.0, Ordering::Relaxed);
        self.asked.store(asked.map_or(0, |asked| asked.0), Ordering::Relaxed);
    }

    /// Since when it is there, restarts of the daemon notwithstanding.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        Timestamp(self.since.load(Ordering::Relaxed))
    }

    /// When it was last asked, by this daemon or one before it.
    #[must_use]
    pub fn last_question(&self) -> Option<Timestamp> {
        let asked = Some(Timestamp(self.asked.load(Ordering::Relaxed))).filter(|time| time.0 != 0);
        asked.max(self.http.last_question())
    }

    /// Whether mail processes come here, to claim logins.
    #[must_use]
    pub fn is_for_mail_processes(&self) -> bool {
        self.settings.protocol == ListenProtocol::AuthMaster
    }

    /// Accepts until `stop`; then tells every connection, and waits a while for their end.
    pub async fn serve(self: Arc<Self>, service: Arc<Service>, mut stop: watch::Receiver<bool>) {
        let mut tasks = JoinSet::new();
        let told = stop.clone();
        loop {
            let full = tasks.len() >= CONNECTIONS_MAX;
            tokio::select! {
                () = stopped(&mut stop) => break,
                Some(_) = tasks.join_next() => {}
                accepted = self.accept(), if !full => match accepted {
                    Ok(stream) => {
                        let (door, service, stop) = (Arc::clone(&self), Arc::clone(&service), told.clone());
                        tasks.spawn(async move { door.connection(stream, service, stop).await });
                    }
                    Err(error) => self.pause(&error).await,
                }
            }
        }
        let drained = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(CUT, drained).await.is_err() {
            warn!(place = %self.settings.place, "connections that took too long were cut");
        }
    }

    async fn pause(&self, error: &io::Error) {
        let cure = match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EMFILE) => "too few open files are allowed: raise LimitNOFILE of the service",
            Some(Errno::ENFILE) => "the whole system has too few open files: raise fs.file-max",
            _ => "it is tried again",
        };
        warn!(place = %self.settings.place, %error, cure, "a connection could not be accepted");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }

    async fn accept(&self) -> io::Result<Stream> {
        Ok(match &self.listening {
            Listening::Unix(listener) => Stream::Unix(listener.accept().await?.0),
            Listening::Tcp(listener) => Stream::Tcp(listener.accept().await?.0),
        })
    }

    async fn connection(&self, stream: Stream, service: Arc<Service>, stop: watch::Receiver<bool>) {
        let protocol = self.settings.protocol.word();
        self.connections.fetch_add(1, Ordering::Relaxed);
        service.counters().connected(protocol);
        match stream {
            Stream::Unix(stream) => self.local(stream, &service, stop).await,
            Stream::Tcp(stream) => self.http(stream, &service, stop).await,
        }
        service.counters().disconnected(protocol);
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    async fn http(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        service: &Arc<Service>,
        stop: watch::Receiver<bool>,
    ) {
        match Arc::clone(&self.http).serve(stream, Arc::clone(service), stop).await {
            Ok(()) => debug!(place = %self.settings.place, "connection ended"),
            // Who left a request half told, or told none, is of no interest.
            Err(error) => debug!(place = %self.settings.place, %error, "connection closed"),
        }
    }

    async fn local(&self, stream: UnixStream, service: &Arc<Service>, stop: watch::Receiver<bool>) {
        let place = &self.settings.place;
        let (uid, pid) = match stream.peer_cred() {
            Ok(peer) => {
                (peer.uid(), peer.pid().and_then(|pid| u32::try_from(pid).ok()).filter(|&pid| pid != 0))
            }
            Err(error) => return warn!(%place, %error, "a peer could not be identified"),
        };
        if self.peers.as_ref().is_some_and(|peers| !peers.contains(&uid)) {
            return warn!(%place, uid, "a peer is not in `peers`");
        }
        let id = next_id();
        let mut peer = Peer { id, cookie: [0; 16], asked: &self.asked, quiet: Duration::ZERO };
        let ended = match self.settings.protocol {
            ListenProtocol::AuthClient => {
                let greeting = greeting(service, id, &self.settings);
                (peer.cookie, peer.quiet) = (greeting.cookie, QUIET);
                drive(stream, AuthClient::new(greeting), peer, service, stop).await
            }
            ListenProtocol::AuthMaster => {
                drive(stream, AuthMaster::new(std::process::id(), pid), peer, service, stop).await
            }
            ListenProtocol::Dict => {
                drive(stream, Dict::new(service.entropy().bytes()), peer, service, stop).await
            }
            ListenProtocol::Policy => drive(stream, Policy::default(), peer, service, stop).await,
            ListenProtocol::Socketmap => drive(stream, Socketmap::default(), peer, service, stop).await,
            ListenProtocol::Milter => drive(stream, Milter::default(), peer, service, stop).await,
            ListenProtocol::Saslauthd => drive(stream, Saslauthd::default(), peer, service, stop).await,
            ListenProtocol::Http => return self.http(stream, service, stop).await,
        };
        if !matches!(ended, Ok(EndedBy::Stop)) {
            service.claims().gone(id);
        }
        match ended {
            Ok(by) => debug!(%place, uid, pid, ?by, "connection ended"),
            Err(why) => warn!(%place, uid, pid, %why, "connection closed"),
        }
    }
}

fn next_id() -> ConnectionId {
    static LAST: AtomicU64 = AtomicU64::new(0);
    ConnectionId(LAST.fetch_add(1, Ordering::Relaxed) + 1)
}

fn greeting(service: &Service, id: ConnectionId, settings: &Listener) -> Greeting {
    let (on_trouble, held) = (settings.on_trouble, settings.refusals == Refusals::Held);
    let rules = service.rules();
    // Every other mechanism proves a main password too: offered only where those are good for
    // anything.
    let relayed = match service.upstream() {
        Some(upstream) if rules.observe || rules.policy.admits_any() => upstream.mechanisms(),
        _ => Arc::default(),
    };
    Greeting {
        spid: std::process::id(),
        cuid: id.0,
        cookie: service.entropy().bytes(),
        relayed,
        on_trouble,
        held,
    }
}
