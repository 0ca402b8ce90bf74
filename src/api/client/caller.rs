//! The half of the client that does not block: a request on a connection of its own, bounded in size and in time.

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::{ClientError, Target};

/// The longest refusal that is read, in bytes.
pub(super) const REFUSAL_BYTES_MAX: usize = 65_536;

/// Asks at one socket.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    socket: PathBuf,
    /// The longest answer.
    pub(super) answer_bytes_max: usize,
    /// How long to wait for it.
    pub(super) answer_wait: Duration,
}

/// A request.
pub(crate) struct Call<'t> {
    pub(crate) method: Method,
    pub(crate) target: &'t Target,
    /// Beside those that every request has.
    pub(crate) headers: HeaderMap,
    /// JSON, or nothing.
    pub(crate) body: Bytes,
}

impl Caller {
    /// Nothing is opened yet.
    pub(crate) fn new(socket: &Path, answer_bytes_max: usize, answer_wait: Duration) -> Self {
        Self { socket: socket.to_owned(), answer_bytes_max, answer_wait }
    }

    /// Asks, and reads the whole answer, yes or no.
    pub(crate) async fn exchange(&self, call: Call<'_>) -> Result<(StatusCode, Bytes), ClientError> {
        within(self.answer_wait, async {
            let response = self.send(call).await?;
            let status = response.status();
            let most = if status.is_success() { self.answer_bytes_max } else { REFUSAL_BYTES_MAX };
            Ok((status, whole(response.into_body(), most).await?))
        })
        .await
    }

    /// Sends the request on a connection of its own, which lives until its answer is read.
    pub(super) async fn send(&self, call: Call<'_>) -> Result<Response<Incoming>, ClientError> {
        let unmade = |error: &dyn Error| broken(format!("the request could not be made: {error}"));
        let mut request = Request::builder()
            .method(call.method)
            .uri(call.target.as_str())
            .body(Full::new(call.body))
            .map_err(|error| unmade(&error))?;
        let headers = request.headers_mut();
        *headers = call.headers;
        headers.insert(HOST, HeaderValue::from_static("sidegate"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let stream =
            UnixStream::connect(&self.socket).await.map_err(|error| unreachable(&self.socket, &error))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| cut_off(&e))?;
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(|error| cut_off(&error))
    }
}

pub(super) async fn within<T>(
    wait: Duration,
    work: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    timeout(wait, work)
        .await
        .unwrap_or_else(|_| Err(broken(format!("nothing came for {} seconds", wait.as_secs()))))
}

pub(super) async fn whole(body: Incoming, bytes_max: usize) -> Result<Bytes, ClientError> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(broken(format!("it is longer than {bytes_max} bytes")))
        }
        Err(error) => Err(cut_off(error.as_ref())),
    }
}

/// A body.
pub(crate) fn json(body: &impl Serialize) -> Result<Bytes, ClientError> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|_| broken("the request could not be written as JSON".into()))
}

pub(super) fn broken(why: String) -> ClientError {
    ClientError::Broken(why)
}

/// An error of the connection, with its causes.
pub(super) fn cut_off(error: &(dyn Error + 'static)) -> ClientError {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    broken(text)
}

/// What a failed connect means and what to do about it.
pub(super) fn unreachable(socket: &Path, error: &io::Error) -> ClientError {
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
