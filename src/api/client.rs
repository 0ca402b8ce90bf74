//! The control API's client: one request, one connection, one answer.
//!
//! [`Client`] blocks its caller, for the command line; `caller` is the half under it that does not, which the portal
//! uses too. Nothing is kept between requests, so a daemon that was restarted meanwhile makes no difference. Answers are
//! bounded in size and in time; only the backup streams.

mod caller;
mod target;

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Method;
use hyper::header::HeaderMap;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use super::ErrorBody;
pub(crate) use caller::{Call, Caller, json};
use caller::{broken, cut_off, whole, within};
pub use target::Target;

/// The longest answer that is kept in memory, in bytes: [`super::ROWS_MAX`] events whose names
/// are all of the greatest length fit.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long to wait for an answer. The daemon itself gives up on a login sooner than that.
pub(crate) const ANSWER_WAIT: Duration = Duration::from_secs(60);
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
    caller: Caller,
    runtime: Runtime,
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
        let caller = Caller::new(socket, ANSWER_BYTES_MAX, ANSWER_WAIT);
        Ok(Self { caller, runtime, piece_wait: PIECE_WAIT })
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

    /// Puts something in the place of what there was.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn put(&self, target: &Target, body: &impl Serialize) -> Result<Answer, ClientError> {
        self.exchange(Method::PUT, target, json(body)?)
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
        let call = Call { method: Method::GET, target, headers: HeaderMap::new(), body: Bytes::new() };
        let response = within(self.piece_wait, self.caller.send(call)).await?;
        let status = response.status();
        let mut body = response.into_body();
        if !status.is_success() {
            let refusal = within(self.piece_wait, whole(body, caller::REFUSAL_BYTES_MAX)).await?;
            return Err(refused(status.as_u16(), &refusal));
        }
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
        let call = Call { method, target, headers: HeaderMap::new(), body };
        let (status, body) = self.runtime.block_on(self.caller.exchange(call))?;
        if status.is_success() { Ok(Answer { body }) } else { Err(refused(status.as_u16(), &body)) }
    }
}

/// A no, with its reason if there is one.
fn refused(status: u16, body: &[u8]) -> ClientError {
    let body = serde_json::from_slice(body).unwrap_or_else(|_| ErrorBody {
        error: "unknown".into(),
        message: format!(
            "sidegated answered {status} without a reason; are sidegate and sidegated of one version?"
        ),
    });
    ClientError::Refused { status, body }
}

#[cfg(test)]
pub(crate) mod tests;
