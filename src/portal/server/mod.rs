//! The portal's server: HTTP/1.1 on one listener, and what is the same for every request.
//!
//! ```text
//! connection ──► guard.rs ──► Context, Form ──► ../handlers ──► page or redirect ──► headers.rs
//!                   │ forwarded.rs: whose request · forgery.rs: is the form ours · pace: not too often
//! ```
//!
//! `cookies` says what a browser keeps, `said` what the next page tells, `language` in which language, `tls` encrypts where
//! no web server stands in front. To add pages: a file in `handlers/` with its `routes`.
//!
//! Limits: [`CONNECTIONS_MAX`], [`HEAD_BYTES_MAX`], [`IDLE`], those of `guard`, `cookies`, `form` and
//! [`control`](super::control).

mod context;
mod cookies;
mod forgery;
mod form;
pub(crate) mod forwarded;
mod guard;
mod headers;
mod language;
mod said;
mod tls;

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
use jiff::tz::TimeZone;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};
use tracing::{debug, warn};

use self::forwarded::Peer;
use self::guard::Source;
use self::headers::Headers;
use super::autoconfig::MailSite;
use super::control::Control;
use super::handlers;
use super::means::Means;
use super::place::Places;
use crate::clock::Clock;
use crate::config::portal::Portal;
use crate::entropy::Entropy;
use crate::pace::Pace;
use crate::serve::stop::{Told, stopped};

pub(crate) use context::{Answer, Context, Stop};
pub(crate) use form::Form;
pub(crate) use headers::FOR_EVER;
pub(crate) use tls::Tls;

/// Connections at once; past it new ones wait in the kernel's queue.
pub(crate) const CONNECTIONS_MAX: usize = 1000;
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
    /// What mail programs are told.
    pub(crate) mail_site: MailSite,
    pub(crate) clock: Clock,
    pub(crate) entropy: Entropy,
    headers: Headers,
    forms: Pace<Source>,
    sign_ins: Pace<Source>,
    /// It was said that somebody is not believed.
    unheard: AtomicBool,
}

impl Shared {
    pub(crate) fn new(settings: Portal, zone: TimeZone, means: Means) -> Self {
        Self {
            zone,
            control: Control::new(&settings.control),
            means,
            places: Places::default(),
            mail_site: MailSite::from(&settings),
            clock: Clock::system(),
            entropy: Entropy::system(),
            headers: Headers::new(&settings),
            forms: Pace::default(),
            sign_ins: Pace::default(),
            unheard: AtomicBool::new(false),
            settings,
        }
    }

    /// True once.
    fn unheard_once(&self) -> bool {
        !self.unheard.swap(true, Ordering::Relaxed)
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

/// Accepts until it is told to stop, then waits for requests that are being answered.
pub(crate) async fn serve(shared: Arc<Shared>, listening: Listening, mut told: Told) {
    let router = router(&shared);
    let mut tasks = JoinSet::new();
    let mut sweep = interval(SWEEP);
    loop {
        let full = tasks.len() >= CONNECTIONS_MAX;
        tokio::select! {
            _ = stopped(&mut told) => break,
            Some(_) = tasks.join_next() => {}
            _ = sweep.tick() => {
                shared.forms.sweep();
                shared.sign_ins.sweep();
            }
            accepted = listening.accept(), if !full => match accepted {
                Ok(stream) => {
                    let (router, tls, told) = (router.clone(), listening.tls(), told.clone());
                    tasks.spawn(connection(stream, tls, router, told));
                }
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
    }
    connection.await
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
