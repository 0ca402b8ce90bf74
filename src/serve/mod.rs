//! Sockets for mail servers: listeners, connections, and their orderly end.

pub mod asked;
mod drive;
pub mod passed;
pub mod socket;
pub mod stop;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tracing::{debug, warn};

use crate::claims::ConnectionId;
use crate::clock::Timestamp;
use crate::config::{Choice, Endpoint, ListenProtocol, Listener, Refusals};
use crate::gate::secret::Cookie;
use crate::handover::Kept;
use crate::http::Http;
use crate::proto::Agreed;
use crate::proto::auth_client::{AuthClient, Greeting, Mechanism};
use crate::proto::auth_master::AuthMaster;
use crate::proto::dict::Dict;
use crate::proto::milter::Milter;
use crate::proto::policy::Policy;
use crate::proto::saslauthd::Saslauthd;
use crate::proto::socketmap::Socketmap;
use crate::secret_file::SecretFileError;
use crate::service::Service;
use drive::{Closed, Peer, drive};
use passed::Passed;
use stop::{CUT, Ended, Told, stopped};

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
    /// Of the image before.
    kept: Mutex<Vec<Kept>>,
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
        LAST_ID.fetch_max(passed.last_id(), Ordering::Relaxed);
        SPID.fetch_max(passed.spid().unwrap_or(0), Ordering::Relaxed);
        Ok(Self {
            settings: settings.clone(),
            listening,
            peers,
            http,
            kept: Mutex::new(passed.connections(&settings.place.to_string())),
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

    /// A second handle of the listening socket.
    ///
    /// # Errors
    /// The system's.
    pub fn listening(&self) -> io::Result<OwnedFd> {
        match &self.listening {
            Listening::Unix(listener) => listener.as_fd().try_clone_to_owned(),
            Listening::Tcp(listener) => listener.as_fd().try_clone_to_owned(),
        }
    }

    /// Goes on with the connections of the image before, and accepts until it is told to stop; then leaves every
    /// connection, and returns those that are for the next image.
    pub async fn serve(self: Arc<Self>, service: Arc<Service>, mut told: Told) -> Vec<Kept> {
        let mut tasks = JoinSet::new();
        let for_each = told.clone();
        let begin = |tasks: &mut JoinSet<Option<Kept>>, stream, agreed| {
            let (door, service, told) = (Arc::clone(&self), Arc::clone(&service), for_each.clone());
            tasks.spawn(async move { door.connection(stream, agreed, service, told).await });
        };
        for kept in std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner)) {
            if !fits(self.settings.protocol, &kept.agreed) {
                warn!(place = %self.settings.place, "another protocol was spoken on a connection of before: it is closed");
                continue;
            }
            match taken_up(kept.stream) {
                Ok(stream) => begin(&mut tasks, Stream::Unix(stream), Some(kept.agreed)),
                Err(error) => warn!(place = %self.settings.place, %error, "a connection of before is lost"),
            }
        }
        let mut kept = Vec::new();
        loop {
            let full = tasks.len() >= CONNECTIONS_MAX;
            tokio::select! {
                _ = stopped(&mut told) => break,
                // The first may be kept before it is heard here that we stop.
                Some(ended) = tasks.join_next() => kept.extend(ended.ok().flatten()),
                accepted = self.accept(), if !full => match accepted {
                    Ok(stream) => begin(&mut tasks, stream, None),
                    Err(error) => self.pause(&error).await,
                }
            }
        }
        let drained = async {
            while let Some(ended) = tasks.join_next().await {
                kept.extend(ended.ok().flatten());
            }
        };
        if tokio::time::timeout(CUT, drained).await.is_err() {
            warn!(place = %self.settings.place, "connections that took too long were cut");
        }
        kept
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

    async fn connection(
        &self,
        stream: Stream,
        agreed: Option<Agreed>,
        service: Arc<Service>,
        told: Told,
    ) -> Option<Kept> {
        let protocol = self.settings.protocol.word();
        self.connections.fetch_add(1, Ordering::Relaxed);
        service.counters().connected(protocol);
        let kept = match stream {
            Stream::Unix(stream) => self.local(stream, agreed, &service, told).await,
            Stream::Tcp(stream) => {
                self.http(stream, &service, told).await;
                None
            }
        };
        service.counters().disconnected(protocol);
        self.connections.fetch_sub(1, Ordering::Relaxed);
        kept
    }

    async fn http(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        service: &Arc<Service>,
        told: Told,
    ) {
        match Arc::clone(&self.http).serve(stream, Arc::clone(service), told).await {
            Ok(()) => debug!(place = %self.settings.place, "connection ended"),
            // Who left a request half told, or told none, is of no interest.
            Err(error) => debug!(place = %self.settings.place, %error, "connection closed"),
        }
    }

    async fn local(
        &self,
        stream: UnixStream,
        agreed: Option<Agreed>,
        service: &Arc<Service>,
        told: Told,
    ) -> Option<Kept> {
        let place = &self.settings.place;
        let (uid, pid) = match stream.peer_cred() {
            Ok(peer) => {
                (peer.uid(), peer.pid().and_then(|pid| u32::try_from(pid).ok()).filter(|&pid| pid != 0))
            }
            Err(error) => {
                warn!(%place, %error, "a peer could not be identified");
                return None;
            }
        };
        if self.peers.as_ref().is_some_and(|peers| !peers.contains(&uid)) {
            // We knock at our own sockets at the start, to see whether clients reach them (`passed`).
            if pid == Some(std::process::id()) {
                debug!(%place, "our own knock");
            } else {
                warn!(%place, uid, "a peer is not in `peers`");
            }
            return None;
        }
        let id = next_id();
        let ended = self.converse(stream, id, pid, agreed, service, told).await;
        if !matches!(ended, Ok(Ended::ByStop | Ended::Kept(..))) {
            service.claims().gone(id);
        }
        match ended {
            Ok(Ended::Kept(stream, agreed)) => {
                debug!(%place, uid, pid, "connection kept for the next image");
                let stream = stream.into_std().ok()?.into();
                return Some(Kept { stream, place: place.to_string(), agreed });
            }
            Ok(Ended::ByPeer | Ended::ByStop) => debug!(%place, uid, pid, "connection ended"),
            Err(why) => warn!(%place, uid, pid, %why, "connection closed"),
        }
        None
    }

    async fn converse(
        &self,
        stream: UnixStream,
        id: ConnectionId,
        pid: Option<u32>,
        agreed: Option<Agreed>,
        service: &Arc<Service>,
        told: Told,
    ) -> Result<Ended, Closed> {
        let mut peer = Peer { id, cookie: Cookie([0; 16]), agreed, asked: &self.asked };
        let spid = spid();
        match self.settings.protocol {
            ListenProtocol::AuthClient => {
                // One that goes on keeps what it was offered.
                let offer = if peer.agreed.is_none() { relayed(service).await } else { Arc::default() };
                let mut greeting = greeting(service, id, &self.settings, offer);
                let protocol = match &peer.agreed {
                    Some(Agreed::AuthClient(agreed)) => {
                        greeting.cookie = agreed.cookie();
                        AuthClient::resumed(greeting.clone(), agreed)
                    }
                    _ => AuthClient::new(greeting.clone()),
                };
                peer.cookie = greeting.cookie;
                drive(stream, protocol, peer, service, told).await
            }
            ListenProtocol::AuthMaster => {
                let protocol = match peer.agreed {
                    Some(Agreed::AuthMaster { shaken }) => AuthMaster::resumed(spid, pid, shaken),
                    _ => AuthMaster::new(spid, pid),
                };
                drive(stream, protocol, peer, service, told).await
            }
            ListenProtocol::Dict => {
                let nobody_knows = service.entropy().bytes();
                let protocol = match peer.agreed {
                    Some(Agreed::Dict { shaken }) => Dict::resumed(nobody_knows, shaken),
                    _ => Dict::new(nobody_knows),
                };
                drive(stream, protocol, peer, service, told).await
            }
            ListenProtocol::Policy => drive(stream, Policy::default(), peer, service, told).await,
            ListenProtocol::Socketmap => drive(stream, Socketmap::default(), peer, service, told).await,
            ListenProtocol::Milter => drive(stream, Milter::default(), peer, service, told).await,
            ListenProtocol::Saslauthd => drive(stream, Saslauthd::default(), peer, service, told).await,
            ListenProtocol::Http => {
                self.http(stream, service, told).await;
                Ok(Ended::ByPeer)
            }
        }
    }
}

/// Whether what was agreed was agreed in this protocol: the settings may have changed since.
fn fits(protocol: ListenProtocol, agreed: &Agreed) -> bool {
    let spoken = match agreed {
        Agreed::AuthClient(_) => ListenProtocol::AuthClient,
        Agreed::AuthMaster { .. } => ListenProtocol::AuthMaster,
        Agreed::Dict { .. } => ListenProtocol::Dict,
        Agreed::Policy => ListenProtocol::Policy,
        Agreed::Socketmap => ListenProtocol::Socketmap,
    };
    spoken == protocol
}

fn taken_up(stream: OwnedFd) -> io::Result<UnixStream> {
    let stream = std::os::unix::net::UnixStream::from(stream);
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

/// The number that we go by among Dovecot's processes: ours, or, where connections were kept, that of whoever was before.
/// A mail process that was told another number than the login process fails the login.
#[must_use]
pub fn spid() -> u32 {
    match SPID.load(Ordering::Relaxed) {
        0 => std::process::id(),
        spid => spid,
    }
}

/// That of whoever was before; 0: nobody.
static SPID: AtomicU32 = AtomicU32::new(0);

/// The highest number that a connection has.
#[must_use]
pub fn last_id() -> u64 {
    LAST_ID.load(Ordering::Relaxed)
}

/// The next image counts on.
static LAST_ID: AtomicU64 = AtomicU64::new(0);

fn next_id() -> ConnectionId {
    ConnectionId(LAST_ID.fetch_add(1, Ordering::Relaxed) + 1)
}

/// Every other mechanism proves a main password too: offered only where those are good for anything.
async fn relayed(service: &Service) -> Arc<[Mechanism]> {
    let rules = service.rules();
    match service.upstream() {
        Some(upstream) if rules.observe || rules.policy.admits_any() => upstream.mechanisms().await,
        _ => Arc::default(),
    }
}

fn greeting(service: &Service, id: ConnectionId, settings: &Listener, relayed: Arc<[Mechanism]>) -> Greeting {
    Greeting {
        spid: spid(),
        cuid: id.0,
        cookie: Cookie(service.entropy().bytes()),
        relayed,
        on_trouble: settings.on_trouble,
        held: settings.refusals == Refusals::Held,
    }
}
