//! The portal's server: HTTP/1.1 on one listener, and what is the same for every request.
//!
//! ```text
//! connection ──► guard.rs ──► Context, Form ──► ../handlers ──► page or redirect ──► headers.rs
//!                   │ forwarded.rs: whose request · forgery.rs: is the form ours · pace: not too often
//!                   │ repeat.rs: was it sent before
//! ```
//!
//! `cookies` says what a browser keeps, `said` what the next page tells, `language` in which language, `tls` encrypts where
//! no web server stands in front. To add pages: a file in `handlers/` with its `routes`.
//!
//! Limits: [`CONNECTIONS_MAX`], [`ADDRESS_CONNECTIONS_MAX`], [`HEAD_BYTES_MAX`], [`IDLE`], [`LIFE`], those of `guard`, `cookies`, `form` and
//! [`control`](super::control).

mod context;
mod cookies;
mod forgery;
mod form;
pub(crate) mod forwarded;
mod guard;
mod headers;
mod language;
mod repeat;
mod said;
mod tls;

use std::collections::HashMap;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use ipnet::IpNet;
use jiff::tz::TimeZone;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::{Id, JoinSet};
use tokio::time::{interval, sleep, timeout};
use tracing::{debug, warn};

use self::forwarded::Peer;
use self::guard::Source;
use self::headers::Headers;
use super::autoconfig::MailSite;
use super::control::Control;
use super::handlers;
use super::means::Means;
use super::pages::assets::Looks;
use super::place::Places;
use crate::clock::Clock;
use crate::config::portal::Portal;
use crate::entropy::Entropy;
use crate::pace::Pace;
use crate::serve::stop::{Told, stopped};

pub(crate) use context::{Answer, Context, Stop};
pub(crate) use cookies::Device;
pub(crate) use form::Form;
pub(crate) use headers::FOR_EVER;
pub(crate) use tls::Tls;

/// Connections at once; past it new ones wait in the kernel's queue.
pub(crate) const CONNECTIONS_MAX: usize = 1000;
/// Connections of one address among them, unless it is a web server in front.
pub(crate) const ADDRESS_CONNECTIONS_MAX: usize = 100;
/// How long a connection is kept, however busy it is: whoever reads an answer byte by byte holds it no longer.
pub(crate) const LIFE: Duration = Duration::from_secs(600);
/// The longest request line with all headers.
pub(crate) const HEAD_BYTES_MAX: usize = 16_384;
/// How long a connection may be without a request, or take over its head.
pub(crate) const IDLE: Duration = Duration::from_secs(30);
/// How long requests that are being answered may take once we stop.
const DRAIN: Duration = Duration::from_secs(5);
/// How long a failed accept is slept on: usually the process is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often buckets that are full again are thrown away.
const SWEEP: Duration = Duration::from_secs(60);

/// What is the same for all requests. Nothing of it is about a person: the daemon holds that.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Portal,
    pub(crate) zone: TimeZone,
    pub(crate) control: Control,
    pub(crate) means: Means,
    /// Where addresses are.
    pub(crate) places: Places,
    /// What pages look like.
    pub(crate) looks: Arc<Looks>,
    /// What mail programs are told.
    pub(crate) mail_site: MailSite,
    pub(crate) clock: Clock,
    pub(crate) entropy: Entropy,
    headers: Headers,
    forms: Pace<Source>,
    sign_ins: Pace<Source>,
    /// It was said that somebody is not believed.
    unheard: AtomicBool,
    /// It was said that the site has another address than its settings.
    astray: AtomicBool,
}

impl Shared {
    pub(crate) fn new(settings: Portal, zone: TimeZone, means: Means, looks: Looks) -> Self {
        Self {
            zone,
            control: Control::new(&settings.control),
            means,
            places: Places::default(),
            looks: Arc::new(looks),
            mail_site: MailSite::from(&settings),
            clock: Clock::system(),
            entropy: Entropy::system(),
            headers: Headers::new(&settings),
            forms: Pace::default(),
            sign_ins: Pace::default(),
            unheard: AtomicBool::new(false),
            astray: AtomicBool::new(false),
            settings,
        }
    }

    /// True once.
    fn unheard_once(&self) -> bool {
        !self.unheard.swap(true, Ordering::Relaxed)
    }

    /// True once.
    fn astray_once(&self) -> bool {
        !self.astray.swap(true, Ordering::Relaxed)
    }
}

/// All routes, each answer dressed.
fn router(shared: &Arc<Shared>) -> Router {
    handlers::pages()
        .layer(from_fn_with_state(Arc::clone(shared), guard::guard))
        .merge(handlers::open())
        .layer(from_fn_with_state(Arc::clone(shared), guard::dress))
        .with_state(Arc::clone(shared))
}

/// A listening socket.
#[derive(Debug)]
pub(crate) enum Listening {
    /// Nobody but a web server on this host.
    Unix(UnixListener),
    /// A port, perhaps encrypted.
    Tcp(TcpListener, Option<Arc<Tls>>),
}

enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream, Peer),
}

impl Stream {
    fn peer(&self) -> Peer {
        match self {
            Self::Unix(_) => Peer::Local,
            Self::Tcp(_, peer) => *peer,
        }
    }
}

impl Listening {
    async fn accept(&self) -> io::Result<Stream> {
        Ok(match self {
            Self::Unix(listener) => Stream::Unix(listener.accept().await?.0),
            Self::Tcp(listener, _) => {
                let (stream, address) = listener.accept().await?;
                Stream::Tcp(stream, Peer::of(address))
            }
        })
    }

    fn tls(&self) -> Option<Arc<Tls>> {
        match self {
            Self::Unix(_) | Self::Tcp(_, None) => None,
            Self::Tcp(_, Some(tls)) => Some(Arc::clone(tls)),
        }
    }
}

/// Connections at present, by who has them.
#[derive(Default)]
struct Seats {
    counts: HashMap<Peer, usize>,
    /// Whose connection a task serves.
    whose: HashMap<Id, Peer>,
}

impl Seats {
    /// A place for one more, if its address may have one. Whoever speaks for others may have all.
    fn enter(&mut self, peer: Peer, trusted: &[IpNet]) -> bool {
        let count = self.counts.entry(peer).or_default();
        let may = *count < ADDRESS_CONNECTIONS_MAX || peer.is_trusted(trusted);
        *count += usize::from(may);
        may
    }

    /// The task that serves the connection.
    fn sit(&mut self, task: Id, peer: Peer) {
        self.whose.insert(task, peer);
    }

    /// It has ended, in whatever way.
    fn leave(&mut self, task: Id) {
        let Some(peer) = self.whose.remove(&task) else { return };
        if let Some(count) = self.counts.get_mut(&peer) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&peer);
            }
        }
    }
}

/// Accepts until it is told to stop, then waits for requests that are being answered.
pub(crate) async fn serve(shared: Arc<Shared>, listening: Listening, mut told: Told) {
    let router = router(&shared);
    let trusted = &shared.settings.listen.trusted_proxies;
    let (mut tasks, mut seats) = (JoinSet::new(), Seats::default());
    let mut sweep = interval(SWEEP);
    loop {
        let full = tasks.len() >= CONNECTIONS_MAX;
        tokio::select! {
            _ = stopped(&mut told) => break,
            Some(ended) = tasks.join_next_with_id() => {
                seats.leave(ended.map_or_else(|error| error.id(), |(task, ())| task));
            }
            _ = sweep.tick() => {
                shared.forms.sweep();
                shared.sign_ins.sweep();
            }
            accepted = listening.accept(), if !full => match accepted {
                Ok(stream) if seats.enter(stream.peer(), trusted) => {
                    let (router, tls, told) = (router.clone(), listening.tls(), told.clone());
                    let peer = stream.peer();
                    let task = tasks.spawn(connection(stream, tls, router, told));
                    seats.sit(task.id(), peer);
                }
                Ok(stream) => debug!(peer = ?stream.peer(), "too many connections of one address"),
                Err(error) => {
                    warn!(%error, "a connection could not be accepted; it is tried again");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
    drop(listening);
    let drained = async { while tasks.join_next().await.is_some() {} };
    if timeout(DRAIN, drained).await.is_err() {
        warn!("requests that took too long were cut");
    }
}

async fn connection(stream: Stream, tls: Option<Arc<Tls>>, router: Router, told: Told) {
    let ended = match (stream, tls) {
        (Stream::Unix(stream), _) => converse(stream, Peer::Local, router, told).await,
        (Stream::Tcp(stream, peer), None) => converse(stream, peer, router, told).await,
        (Stream::Tcp(stream, peer), Some(tls)) => match tls.accept(stream).await {
            Ok(stream) => converse(stream, peer, router, told).await,
            Err(error) => return debug!(%error, "no handshake"),
        },
    };
    if let Err(error) = ended {
        // Who left a request half told, or told none, is of no interest.
        debug!(%error, "connection closed");
    }
}

/// Serves one connection until its end, or until a stop and the end of its request.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    router: Router,
    mut told: Told,
) -> Result<(), hyper::Error> {
    let routes = From { peer, routes: TowerToHyperService::new(router) };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), routes);
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return ended,
        _ = stopped(&mut told) => connection.as_mut().graceful_shutdown(),
        () = sleep(LIFE) => connection.as_mut().graceful_shutdown(),
    }
    // What is being answered may end.
    timeout(guard::REQUEST_WAIT, connection).await.unwrap_or(Ok(()))
}

/// Routes that learn who connected.
#[derive(Clone)]
struct From<S> {
    peer: Peer,
    routes: S,
}

impl<S: Service<hyper::Request<Incoming>>> Service<hyper::Request<Incoming>> for From<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, mut request: hyper::Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.routes.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_address_has_so_many_connections_and_a_web_server_in_front_all() {
        let at = |text: &str| Peer::At(text.parse().unwrap());
        let trusted = ["192.0.2.1/32".parse().unwrap()];
        let mut seats = Seats::default();
        for _ in 0..ADDRESS_CONNECTIONS_MAX {
            assert!(seats.enter(at("203.0.113.9"), &trusted));
        }
        assert!(!seats.enter(at("203.0.113.9"), &trusted) && seats.enter(at("203.0.113.10"), &trusted));
        let leaves = |seats: &mut Seats, peer| {
            let task = tokio::spawn(async {}).id();
            seats.sit(task, peer);
            seats.leave(task);
            seats.leave(task);
        };
        leaves(&mut seats, at("203.0.113.9"));
        assert!(seats.enter(at("203.0.113.9"), &trusted) && !seats.enter(at("203.0.113.9"), &trusted));
        for peer in [Peer::Local, at("192.0.2.1")] {
            assert!((0..CONNECTIONS_MAX).all(|_| seats.enter(peer, &trusted)));
        }
        leaves(&mut seats, at("203.0.113.10"));
        assert_eq!(
            (seats.counts.len(), seats.whose.len()),
            (3, 0),
            "nobody is remembered without a connection"
        );
    }
}
