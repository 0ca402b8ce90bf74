//! The HTTP listener: questions that come as HTTP/1.1, from this host only.
//!
//! ```text
//! POST /policy?command=allow   Dovecot's auth policy: may this attempt be tried?      auth_policy.rs
//! POST /policy?command=report  how it ended
//! GET  /auth                   nginx's mail proxy (ngx_mail_auth_http): is it right?  auth_nginx.rs
//! GET  /metrics                numbers for Prometheus                                 ../metrics.rs
//! GET  /healthz                200 `ok`, or 503 with the reason in words
//! ```
//!
//! With `key_file` every request but `/healthz` must carry the header `X-Sidegate-Key` with the same secret;
//! else 403. Nothing is encrypted here: the listener is a Unix socket or a port on loopback.
//!
//! Limits: [`HEAD_BYTES_MAX`], [`BODY_BYTES_MAX`], [`IDLE`], [`BODY_WAIT`], and as many connections as
//! any listener has.

pub mod auth_nginx;
pub mod auth_policy;

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use crate::clock::Timestamp;
use crate::config::Backends;
use crate::gate::secret::Digest;
use crate::metrics;
use crate::secret_file::{self, SecretFileError};
use crate::serve::stop::{Told, stopped};
use crate::service::Service;

/// The header that carries the shared secret.
pub const KEY_HEADER: &str = "x-sidegate-key";
/// The longest request line with all headers.
pub const HEAD_BYTES_MAX: usize = 16_384;
/// The longest body. Dovecot's are below 1,000 bytes.
pub const BODY_BYTES_MAX: usize = 16_384;
/// How long a connection may be without a request. Dovecot keeps its open.
pub const IDLE: Duration = Duration::from_secs(60);
/// How long a body may take to arrive.
pub const BODY_WAIT: Duration = Duration::from_secs(5);

/// What a listener serves with.
#[derive(Debug)]
pub struct Http {
    /// SHA-256 of the shared secret.
    key: Option<Digest>,
    backends: Backends,
    /// The time of the last question about a login, in seconds; 0 before the first.
    asked: AtomicI64,
}

/// What a route gets.
#[derive(Clone, Debug)]
struct Shared {
    service: Arc<Service>,
    http: Arc<Http>,
}

impl Http {
    /// Reads the shared secret, if there is one to be.
    ///
    /// # Errors
    /// The file cannot be read, everybody may read it, or what stands in it is no secret.
    pub fn new(key_file: Option<&Path>, backends: Backends) -> Result<Self, SecretFileError> {
        let key = key_file.map(|path| secret_file::key(path, "key_file")).transpose()?;
        Ok(Self { key: key.map(|key| digest(key.reveal())), backends, asked: AtomicI64::new(0) })
    }

    /// When it was last asked about a login, since the start.
    #[must_use]
    pub fn last_question(&self) -> Option<Timestamp> {
        Some(Timestamp(self.asked.load(Ordering::Relaxed))).filter(|time| time.0 != 0)
    }

    /// Serves one connection until its end, or until a stop and the end of its request.
    ///
    /// # Errors
    /// What was wrong with it.
    pub async fn serve(
        self: Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        service: Arc<Service>,
        mut told: Told,
    ) -> Result<(), hyper::Error> {
        let routes = TowerToHyperService::new(routes(Shared { service, http: self }));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .max_buf_size(HEAD_BYTES_MAX)
            .title_case_headers(true)
            .serve_connection(TokioIo::new(stream), routes);
        let mut connection = pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => return ended,
            _ = stopped(&mut told) => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    }
}

fn routes(shared: Shared) -> Router {
    Router::new()
        .route("/policy", post(auth_policy::policy))
        .route("/auth", get(auth_nginx::auth))
        .route("/metrics", get(numbers))
        .layer(from_fn_with_state(shared.clone(), admit))
        .route("/healthz", get(health))
        .with_state(shared)
}

/// Lets a request through that shows the shared secret.
async fn admit(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    if request.uri().path() != "/metrics" {
        shared.http.asked.store(shared.service.now().0, Ordering::Relaxed);
    }
    let Some(key) = shared.http.key else { return next.run(request).await };
    let shown = request.headers().get(KEY_HEADER).map(|value| value.as_bytes()).unwrap_or_default();
    // Hashed first, so that the comparison takes the same time for every length.
    if digest(shown) == key {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, "the header X-Sidegate-Key is missing or wrong\n").into_response()
}

async fn health(State(shared): State<Shared>) -> Response {
    if shared.service.can_count().await {
        return "ok\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, "the store takes no writes\n").into_response()
}

async fn numbers(State(shared): State<Shared>) -> Response {
    let page = metrics::page(shared.service.counters(), &shared.service.gauges());
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page).into_response()
}

/// The whole body, within its limits; or the answer to a request that keeps to none.
async fn body(request: Request) -> Result<Bytes, Response> {
    let whole = Limited::new(request.into_body(), BODY_BYTES_MAX).collect();
    match timeout(BODY_WAIT, whole).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let text = format!("the body is longer than {BODY_BYTES_MAX} bytes\n");
            Err((StatusCode::PAYLOAD_TOO_LARGE, text).into_response())
        }
        Ok(Err(_)) => Err((StatusCode::BAD_REQUEST, "the body cannot be read\n").into_response()),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the body took too long\n").into_response()),
    }
}

fn digest(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}
