//! The control API in the daemon: routes to orders and questions, and who may do what.

mod accounts;
mod blocks;
mod bounded;
mod doctor;
mod import;
mod keys;
mod names;
mod people_admin;
mod portal;
mod rest;
mod rollout;
mod sending;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{ConnectInfo, DefaultBodyLimit, Query, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::serve::IncomingStream;
use axum::{Extension, Json};
use nix::unistd::{Gid, Group, Uid, User, geteuid, getgrouplist};
use tokio::net::UnixListener;
use tracing::error;

use super::{BODY_BYTES_MAX, ErrorBody, ROWS_DEFAULT, ROWS_MAX};
use crate::config::{self, Control};
use crate::gate::name::NameError;
use crate::gate::order::OrderRefused;
use crate::log;
use crate::serve::Door;
use crate::serve::stop::{Told, stopped};
use crate::service::{OrderError, Service};
use crate::store::StoreError;
use bounded::Bounded;
pub use doctor::InForce;

/// What the API serves.
#[derive(Clone, Debug)]
pub struct Api {
    service: Arc<Service>,
    doors: Arc<[Arc<Door>]>,
    control: Control,
    in_force: Arc<InForce>,
    /// Where a backup is made before it is sent: the store's own folder.
    folder: PathBuf,
}

/// What a peer may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Everything.
    Administrator,
    /// Look at state, lists and events.
    Reader,
    /// Ask for people who prove who they are, and nothing else.
    Portal,
}

/// The peer of a connection, as the kernel says.
#[derive(Clone, Copy, Debug)]
struct Peer(Option<(u32, u32)>);

impl Connected<IncomingStream<'_, Bounded>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Bounded>) -> Self {
        Self(stream.io().stream.peer_cred().ok().map(|peer| (peer.uid(), peer.gid())))
    }
}

/// Who gives an order, for the event.
#[derive(Clone, Debug)]
struct Actor(String);

impl Api {
    /// An API over a service.
    #[must_use]
    pub fn new(
        service: Arc<Service>,
        doors: Arc<[Arc<Door>]>,
        control: Control,
        in_force: Arc<InForce>,
        folder: PathBuf,
    ) -> Self {
        Self { service, doors, control, in_force, folder }
    }

    /// Serves until it is told to stop.
    ///
    /// # Errors
    /// The listener's own trouble.
    pub async fn serve(self, listener: UnixListener, mut told: Told) -> io::Result<()> {
        // A name that means nobody here is told by the doctor.
        let portal = self.control.portal.iter().filter_map(|peer| peer.resolve().ok()).collect();
        let app = self.router().into_make_service_with_connect_info::<Peer>();
        let stop = async move {
            stopped(&mut told).await;
        };
        axum::serve(Bounded::new(listener, portal), app).with_graceful_shutdown(stop).await
    }

    fn router(self) -> Router {
        Router::new()
            .route("/v1/status", get(rest::status))
            .route("/v1/accounts", get(accounts::list).post(accounts::add))
            .route(
                "/v1/accounts/{address}",
                get(accounts::show).patch(accounts::change).delete(accounts::remove),
            )
            .route("/v1/accounts/{address}/passwords", post(accounts::new_password).delete(accounts::revoke))
            .route("/v1/passwords", get(import::list))
            .route("/v1/import/accounts", post(import::accounts))
            .route("/v1/import/passwords", post(import::passwords))
            .route("/v1/accounts/{address}/limits", get(sending::account_limits))
            .route("/v1/accounts/{address}/factors", get(people_admin::factors))
            .route("/v1/accounts/{address}/factors/reset", post(people_admin::reset))
            .route("/v1/accounts/{address}/factors/unlock", post(people_admin::unlock))
            .route(
                "/v1/accounts/{address}/main-password",
                put(people_admin::set_main_password).delete(people_admin::remove_main_password),
            )
            .route("/v1/accounts/{address}/sessions/end", post(people_admin::end_sessions))
            .route(
                "/v1/aliases",
                get(sending::aliases).post(sending::add_alias).delete(sending::remove_alias),
            )
            .route("/v1/owners", get(sending::owners))
            .route(
                "/v1/delegations",
                get(sending::delegations).post(sending::grant).delete(sending::withdraw),
            )
            .route("/v1/limits", get(sending::limits).patch(sending::set_limits))
            .route("/v1/blocks", get(blocks::list).post(blocks::add).delete(blocks::lift))
            .route("/v1/sources", get(blocks::source))
            .route("/v1/check", post(rest::check))
            .route("/v1/events", get(rest::events))
            .route("/v1/rollout", get(rollout::list))
            .route("/v1/doctor", get(doctor::doctor))
            .route("/v1/keys", get(keys::show).post(keys::rotate).delete(keys::forget))
            .route("/v1/backup", get(rest::backup))
            .merge(portal::routes())
            .fallback(async || ApiError::not_found("no such path"))
            .method_not_allowed_fallback(async || ApiError::bad("this path does not take this method"))
            .layer(from_fn_with_state(self.clone(), admit))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .with_state(self)
    }

    /// What a user may do. Looks the user's groups up, which may take time.
    fn role(&self, uid: u32, gid: u32) -> Option<Role> {
        if uid == 0 || uid == geteuid().as_raw() {
            return Some(Role::Administrator);
        }
        if self.control.group.as_deref().is_some_and(|group| is_member(uid, gid, group)) {
            return Some(Role::Administrator);
        }
        let is_one =
            |peers: &[config::Peer]| peers.iter().any(|peer| peer.resolve().is_ok_and(|known| known == uid));
        match () {
            () if is_one(&self.control.portal) => Some(Role::Portal),
            () if is_one(&self.control.readers) => Some(Role::Reader),
            () => None,
        }
    }
}

fn is_member(uid: u32, gid: u32, group: &str) -> bool {
    let Ok(Some(group)) = Group::from_name(group) else { return false };
    if group.gid == Gid::from_raw(gid) {
        return true;
    }
    let Ok(Some(user)) = User::from_uid(Uid::from_raw(uid)) else { return false };
    let Ok(name) = std::ffi::CString::new(user.name) else { return false };
    getgrouplist(&name, user.gid).is_ok_and(|groups| groups.contains(&group.gid))
}

/// Lets a request through if its peer may make it.
async fn admit(
    State(api): State<Api>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some((uid, gid)) = peer else {
        return ApiError::forbidden("the peer cannot be identified").into_response();
    };
    let role = tokio::task::spawn_blocking(move || api.role(uid, gid)).await.ok().flatten();
    let reads =
        request.method() == Method::GET && !matches!(request.uri().path(), "/v1/backup" | "/v1/doctor");
    let for_people = request.uri().path().starts_with("/v1/portal/");
    match role {
        Some(Role::Administrator) => {}
        Some(Role::Portal) if for_people => {}
        Some(Role::Portal) => {
            return ApiError::forbidden("the portal asks for people and nothing else").into_response();
        }
        Some(Role::Reader) if reads && !for_people => {}
        Some(Role::Reader) => return ApiError::forbidden("you may only read").into_response(),
        None => {
            let message =
                "only root, the daemon's own user and members of [control] group are administrators";
            return ApiError::forbidden(message).into_response();
        }
    }
    request.extensions_mut().insert(Actor(format!("uid {uid}")));
    next.run(request).await
}

type Answer<T> = Result<Json<T>, ApiError>;
type Body<T> = Result<Json<T>, JsonRejection>;
type Params<T> = Result<Query<T>, QueryRejection>;
type By = Extension<Actor>;

/// Rows asked for, within what one answer may hold.
fn rows(limit: Option<u32>) -> u32 {
    limit.unwrap_or(ROWS_DEFAULT).clamp(1, ROWS_MAX)
}

/// The first `limit` rows, and whether there were more.
fn cut<T>(mut rows: Vec<T>, limit: u32) -> (Vec<T>, bool) {
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    (rows, more)
}

/// A request that was not carried out, in words for a person.
#[derive(Debug)]
struct ApiError {
    status: StatusCode,
    error: &'static str,
    message: String,
}

impl ApiError {
    fn new(status: StatusCode, error: &'static str, message: impl Into<String>) -> Self {
        Self { status, error, message: message.into() }
    }

    fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", message)
    }

    fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", message)
    }

    fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorBody { error: self.error.to_owned(), message: self.message };
        (self.status, Json(body)).into_response()
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        Self::bad(rejection.body_text())
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad(rejection.body_text())
    }
}

impl From<NameError> for ApiError {
    fn from(error: NameError) -> Self {
        Self::bad(error.to_string())
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        error!(error = %log::chain(&error), "a control request failed");
        Self::unavailable(error.to_string())
    }
}

impl From<OrderError> for ApiError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Refused(
                refused @ (OrderRefused::NoAccount(_)
                | OrderRefused::NoPassword(_)
                | OrderRefused::NoAlias(..)
                | OrderRefused::NoAliasOfAnybody(_)
                | OrderRefused::NoDelegation { .. }
                | OrderRefused::NoMainPassword(_)
                | OrderRefused::NotBlocked(_)
                | OrderRefused::InNetwork { .. }),
            ) => Self::not_found(refused.to_string()),
            OrderError::Refused(refused) => Self::new(StatusCode::CONFLICT, "refused", refused.to_string()),
            OrderError::Network(network) => Self::bad(network.to_string()),
            OrderError::Name(name) => name.into(),
            OrderError::Store(error) => error.into(),
            OrderError::Hasher(error) => Self::unavailable(error.to_string()),
            OrderError::Sharing(error) => Self::unavailable(error.to_string()),
        }
    }
}
