//! The control API's client: one request, one connection, one answer.
//!
//! It blocks its caller and keeps nothing between requests, so a daemon that was restarted
//! meanwhile makes no difference. Answers are bounded in size and in time; only the backup streams.

mod target;

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use super::ErrorBody;
pub use target::Target;

/// The longest answer that is kept in memory, in bytes: [`super::ROWS_MAX`] events whose names
/// are all of the greatest length fit.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The longest refusal that is read, in bytes.
const REFUSAL_BYTES_MAX: usize = 65_536;
/// How long to wait for an answer. The daemon itself gives up on a login sooner than that.
const ANSWER_WAIT: Duration = Duration::from_secs(60);
/// How long to wait for each piece of a backup: a large database has to be copied first.
const PIECE_WAIT: Duration = Duration::from_secs(600);

/// Why there is no answer, or not the one hoped for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody to talk to: the socket is missing, dead or closed to this user.
    #[error("{0}")]
    Unreachable(String),
    /// The daemon answered no.
    #[error("{}", body.message)]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The reason.
        body: ErrorBody,
    },
    /// The daemon was reached, but what it said was cut off, too long or makes no sense.
    #[error("the answer of sidegated is unusable: {0}")]
    Broken(String),
    /// What was received could not be written where the caller wanted it.
    #[error("{0}")]
    Write(io::Error),
    /// A person or the system stopped the transfer.
    #[error("interrupted")]
    Interrupted,
}

/// A whole answer. It may hold a new client password, so it cannot be printed by accident.
pub struct Answer {
    body: Bytes,
}

impl Answer {
    /// The JSON as it came.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The JSON as a type of the API.
    ///
    /// # Errors
    /// It is something else. The error names the place and no content.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            broken(format!("unexpected JSON at {place}; are sidegate and sidegated of one version?"))
        })
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({} bytes)", self.body.len())
    }
}

/// Talks to the daemon's control socket.
#[derive(Debug)]
pub struct Client {
    socket: PathBuf,
    runtime: Runtime,
    answer_bytes_max: usize,
    answer_wait: Duration,
    piece_wait: Duration,
}

impl Client {
    /// A client of the socket at this path. Nothing is opened yet.
    ///
    /// # Errors
    /// The system grants no event queue.
    pub fn new(socket: &Path) -> Result<Self, ClientError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| ClientError::Unreachable(format!("cannot wait for sockets: {error}")))?;
        Ok(Self {
            socket: socket.to_owned(),
            runtime,
            answer_bytes_max: ANSWER_BYTES_MAX,
            answer_wait: ANSWER_WAIT,
            piece_wait: PIECE_WAIT,
        })
    }

    /// Asks for something.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn get(&self, target: &Target) -> Result<Answer, ClientError> {
        self.exchange(Method::GET, target, Bytes::new())
    }

    /// Makes something.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn post(&self, target: &Target, body: &impl Serialize) -> Result<Answer, ClientError> {
        self.exchange(Method::POST, target, json(body)?)
    }

    /// Changes something.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn patch(&self, target: &Target, body: &impl Serialize) -> Result<Answer, ClientError> {
        self.exchange(Method::PATCH, target, json(body)?)
    }

    /// Removes something.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn delete(&self, target: &Target) -> Result<Answer, ClientError> {
        self.exchange(Method::DELETE, target, Bytes::new())
    }

    /// Streams an answer of any length into `sink` and tells `progress` how many bytes there are
    /// so far. Returns their number. SIGINT and SIGTERM end it as [`ClientError::Interrupted`], so
    /// that the caller can clean up.
    ///
    /// # Errors
    /// See [`ClientError`]; `sink` then holds a part of the answer.
    pub fn download(
        &self,
        target: &Target,
        sink: &mut dyn Write,
        progress: &mut dyn FnMut(u64),
    ) -> Result<u64, ClientError> {
        self.runtime.block_on(async {
            let mut interrupt = signal(SignalKind::interrupt()).map_err(ClientError::Write)?;
            let mut terminate = signal(SignalKind::terminate()).map_err(ClientError::Write)?;
            tokio::select! {
                done = self.stream(target, sink, progress) => done,
                _ = interrupt.recv() => Err(ClientError::Interrupted),
                _ = terminate.recv() => Err(ClientError::Interrupted),
            }
        })
    }

    async fn stream(
        &self,
        target: &Target,
        sink: &mut dyn Write,
        progress: &mut dyn FnMut(u64),
    ) -> Result<u64, ClientError> {
        let response = within(self.piece_wait, self.send(Method::GET, target, Bytes::new())).await?;
        let mut body = accepted(response).await?;
        let mut total: u64 = 0;
        while let Some(frame) = within(self.piece_wait, async { Ok(body.frame().await) }).await? {
            let frame = frame.map_err(|error| cut_off(&error))?;
            if let Some(piece) = frame.data_ref() {
                sink.write_all(piece).map_err(ClientError::Write)?;
                total = total.saturating_add(piece.len() as u64);
                progress(total);
            }
        }
        Ok(total)
    }

    fn exchange(&self, method: Method, target: &Target, body: Bytes) -> Result<Answer, ClientError> {
        self.runtime.block_on(within(self.answer_wait, async {
            let response = self.send(method, target, body).await?;
            let body = accepted(response).await?;
            whole(body, self.answer_bytes_max).await.map(|body| Answer { body })
        }))
    }

    /// Sends the request on a connection of its own, which lives until its answer is read.
    async fn send(
        &self,
        method: Method,
        target: &Target,
        body: Bytes,
    ) -> Result<Response<Incoming>, ClientError> {
        let request = Request::builder()
            .method(method)
            .uri(target.as_str())
            .header(HOST, "sidegate")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| broken(format!("the request could not be made: {error}")))?;
        let stream =
            UnixStream::connect(&self.socket).await.map_err(|error| unreachable(&self.socket, &error))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| cut_off(&e))?;
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(|error| cut_off(&error))
    }
}

async fn within<T>(
    wait: Duration,
    work: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    timeout(wait, work)
        .await
        .unwrap_or_else(|_| Err(broken(format!("nothing came for {} seconds", wait.as_secs()))))
}

/// The body of a yes; a no becomes an error.
async fn accepted(response: Response<Incoming>) -> Result<Incoming, ClientError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response.into_body());
    }
    let bytes = whole(response.into_body(), REFUSAL_BYTES_MAX).await?;
    let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| ErrorBody {
        error: "unknown".into(),
        message: format!(
            "sidegated answered {} without a reason; are sidegate and sidegated of one version?",
            status.as_u16()
        ),
    });
    Err(ClientError::Refused { status: status.as_u16(), body })
}

async fn whole(body: Incoming, bytes_max: usize) -> Result<Bytes, ClientError> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(broken(format!("it is longer than {bytes_max} bytes")))
        }
        Err(error) => Err(cut_off(error.as_ref())),
    }
}

fn json(body: &impl Serialize) -> Result<Bytes, ClientError> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|_| broken("the request could not be written as JSON".into()))
}

fn broken(why: String) -> ClientError {
    ClientError::Broken(why)
}

/// An error of the connection, with its causes.
fn cut_off(error: &(dyn std::error::Error + 'static)) -> ClientError {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    broken(text)
}

/// What a failed connect means and what to do about it.
fn unreachable(socket: &Path, error: &io::Error) -> ClientError {
    let path = socket.display();
    ClientError::Unreachable(match error.kind() {
        io::ErrorKind::NotFound => format!(
            "there is no control socket at {path}. Is sidegated running? See `systemctl status sidegate`; \
             if its [control] path is another one, name it with --socket or SIDEGATE_SOCKET"
        ),
        io::ErrorKind::ConnectionRefused => format!(
            "nobody answers at {path}. sidegated is not running, or it is another program's file. \
             See `systemctl status sidegate`"
        ),
        io::ErrorKind::PermissionDenied => format!(
            "this user may not open {path}. Run sidegate as root, or as a member of the group that [control] \
             group in the configuration names"
        ),
        io::ErrorKind::WouldBlock => {
            format!("too many others are waiting at {path}. Try again in a moment")
        }
        _ => format!("cannot connect to {path}: {error}. Is it the control socket of sidegated?"),
    })
}

#[cfg(test)]
pub(crate) mod tests;
