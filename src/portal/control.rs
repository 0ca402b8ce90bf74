//! Asking the daemon: the control API's part for the portal, as typed calls that never take long.
//!
//! What the daemon says no to is a [`PortalError`]; that it cannot be asked is one too, [`Why::Unavailable`], and is
//! logged here, without what was asked.

use std::path::PathBuf;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::Method;
use bytes::Bytes;
use nix::errno::Errno;
use nix::unistd::{AccessFlags, User, access, geteuid};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::{error, info, warn};
use zeroize::Zeroizing;

use super::server::Device;
use crate::api::PORTAL_CONNECTIONS_MAX;
use crate::api::client::{ANSWER_WAIT, Call, Caller, ClientError, Target, json};
use crate::api::portal::{BROWSER, DEVICE, Hidden, PortalError, SESSION, VISITOR, Visitor, Why};

/// The longest answer, in bytes: [`crate::api::ROWS_MAX`] lines of the longest names fit.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Questions at once. The daemon has places for more, and sees the end of one a little later than we do.
const CALLS_MAX: usize = PORTAL_CONNECTIONS_MAX - 32;
/// Sign-ins among them: refusals are held back for seconds, and must not keep out whoever is signed in.
const SIGN_INS_MAX: usize = CALLS_MAX * 3 / 4;
/// How long a question waits for its turn.
const TURN_WAIT: Duration = Duration::from_secs(10);

/// The daemon's control socket.
#[derive(Debug)]
pub(crate) struct Control {
    socket: PathBuf,
    caller: Caller,
    calls: Semaphore,
    sign_ins: Semaphore,
}

/// Who asks, from which browser.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking<'a> {
    pub(crate) visitor: &'a Visitor,
    pub(crate) session: Option<&'a Hidden>,
    pub(crate) devices: &'a [Device],
    pub(crate) browser: Option<&'a Hidden>,
}

/// The target of a question: `/v1/portal/` and these parts.
pub(crate) fn target(parts: &[&str]) -> Target {
    Target::of(&[&["portal"], parts].concat())
}

impl Control {
    /// Nothing is asked yet.
    pub(crate) fn new(socket: &std::path::Path) -> Self {
        Self {
            socket: socket.to_owned(),
            caller: Caller::new(socket, ANSWER_BYTES_MAX, ANSWER_WAIT),
            calls: Semaphore::new(CALLS_MAX),
            sign_ins: Semaphore::new(SIGN_INS_MAX),
        }
    }

    /// Asks once, for nobody, and logs whether people will be served, and what to do if they will not.
    pub(crate) async fn try_once(&self) {
        let asking = Asking { visitor: &Visitor::default(), session: None, devices: &[], browser: None };
        let session = target(&["session"]);
        let told: Result<serde_json::Value, _> = self.ask(asking, Method::GET, &session, None::<&()>).await;
        match told {
            Err(no) if no.error == Why::Forbidden => {
                let cure = format!("[control] portal = [\"{}\"] in sidegate.toml; restart sidegate", me());
                error!(cure, "sidegated does not serve the portal's user: nobody can sign in");
            }
            // What it was is in the log already.
            Err(no) if no.error == Why::Unavailable => {}
            _ => info!("sidegated serves the portal"),
        }
    }

    /// Asks. Without a body, nothing is sent.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        asking: Asking<'_>,
        method: Method,
        target: &Target,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<T, PortalError> {
        let body = body.map(json).transpose().map_err(|error| self.lost(&error))?.unwrap_or_default();
        self.exchange(asking, method, target, body).await
    }

    /// Signs in, which may take long.
    pub(crate) async fn sign_in<T: DeserializeOwned>(
        &self,
        asking: Asking<'_>,
        body: &(impl Serialize + Sync),
    ) -> Result<T, PortalError> {
        let body = json(body).map_err(|error| self.lost(&error))?;
        let _place = place(&self.sign_ins).await?;
        self.exchange(asking, Method::POST, &target(&["session"]), body).await
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        asking: Asking<'_>,
        method: Method,
        target: &Target,
        body: Bytes,
    ) -> Result<T, PortalError> {
        let headers = headers(asking)?;
        let _place = place(&self.calls).await?;
        let answered = self.caller.exchange(Call { method, target, headers, body }).await;
        let (status, body) = answered.map_err(|error| self.lost(&error))?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|_| strange(status.as_u16()));
        }
        Err(serde_json::from_slice(&body).unwrap_or_else(|_| strange(status.as_u16())))
    }

    /// There is no answer.
    fn lost(&self, error: &ClientError) -> PortalError {
        // The client's words for this are for the command line.
        let (why, cure) = if access(&self.socket, AccessFlags::W_OK) == Err(Errno::EACCES) {
            (
                format!("the user {} may not open {}", me(), self.socket.display()),
                "SocketGroup=sidegate-portal and SocketMode=0660, or SocketMode=0666, in sidegate-control.socket, then \
                 restart it and sidegate; without that unit, [control] portal in sidegate.toml opens it",
            )
        } else {
            (error.to_string(), "does sidegated run, and does its setting control.portal name this user?")
        };
        warn!(cure, "the daemon could not be asked: {why}");
        PortalError::new(Why::Unavailable, "the daemon could not be asked")
    }
}

async fn place(places: &Semaphore) -> Result<tokio::sync::SemaphorePermit<'_>, PortalError> {
    match timeout(TURN_WAIT, places.acquire()).await {
        Ok(Ok(place)) => Ok(place),
        _ => {
            warn!("the daemon is asked too much at once: somebody is told to try again");
            Err(PortalError::new(Why::Unavailable, "too many questions at once"))
        }
    }
}

fn headers(asking: Asking<'_>) -> Result<HeaderMap, PortalError> {
    let unfit = |_| PortalError::new(Why::BadRequest, "a header cannot carry this");
    let mut headers = HeaderMap::new();
    let visitor = serde_json::to_string(asking.visitor).unwrap_or_default();
    headers.insert(VISITOR, HeaderValue::from_str(&visitor).map_err(unfit)?);
    if let Some(session) = asking.session {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", session.reveal())).map_err(unfit)?;
        value.set_sensitive(true);
        headers.insert(SESSION, value);
    }
    // All of them: whose they are, the daemon knows and nobody else has to.
    let devices: Vec<&str> = asking.devices.iter().map(|device| device.token.reveal()).collect();
    let devices = (!devices.is_empty()).then(|| Zeroizing::new(devices.join(" ")));
    let devices = devices.as_ref().map(|tokens| tokens.as_str());
    for (name, token) in [(DEVICE, devices), (BROWSER, asking.browser.map(Hidden::reveal))] {
        let Some(token) = token else { continue };
        let mut value = HeaderValue::from_str(token).map_err(unfit)?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// Whom the daemon sees.
fn me() -> String {
    let uid = geteuid();
    User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
}

/// There is an answer, and it is none.
fn strange(status: u16) -> PortalError {
    let cure = "are sidegate-portal and sidegated of one version, and is this user in control.portal?";
    warn!(status, cure, "the daemon's answer makes no sense");
    PortalError::new(Why::Unavailable, "the daemon's answer makes no sense")
}
