//! The control API: HTTP/1.1 and JSON over a Unix socket, version 1.
//!
//! Its types, shared by the daemon and the command line, and described for others in
//! `conf/openapi.json`, which a test keeps true. Who may do what is decided by the socket's peer
//! uid, never by the request.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | [`Status`] |
//! | `GET /v1/accounts?after=&search=&only=&limit=` | [`AccountList`] |
//! | `POST /v1/accounts` [`NewAccount`] | [`AccountView`] |
//! | `GET /v1/accounts/{address}` | [`AccountView`] |
//! | `PATCH /v1/accounts/{address}` [`AccountChange`] | [`AccountView`] |
//! | `DELETE /v1/accounts/{address}` | [`Nothing`] |
//! | `POST /v1/accounts/{address}/passwords` [`NewPasswordRequest`] | [`NewPasswordAnswer`] |
//! | `DELETE /v1/accounts/{address}/passwords?id=` or `?name=` or `?all=true` | [`RevokedList`] |
//! | `GET /v1/passwords?after=&limit=` | [`PasswordList`] |
//! | `POST /v1/import/accounts` [`ImportAccounts`] | [`ImportAnswer`] |
//! | `POST /v1/import/passwords` [`ImportPasswords`] | [`ImportAnswer`] |
//! | `GET /v1/accounts/{address}/limits` | [`AccountLimits`] |
//! | `GET /v1/accounts/{address}/factors` | [`AccountFactors`](portal::AccountFactors) |
//! | `POST /v1/accounts/{address}/factors/reset` [`FactorsReset`] | [`ResetAnswer`] |
//! | `POST /v1/accounts/{address}/factors/unlock` | [`Unlocked`] |
//! | `PUT /v1/accounts/{address}/main-password` [`NewMainPassword`] | [`Nothing`] |
//! | `DELETE /v1/accounts/{address}/main-password` | [`Nothing`] |
//! | `POST /v1/accounts/{address}/sessions/end` | [`Nothing`] |
//! | `GET /v1/aliases?of=&after=&after_of=&limit=` | [`AliasList`] |
//! | `POST /v1/aliases` [`NewAlias`] | [`AliasView`] |
//! | `DELETE /v1/aliases?alias=&of=` | [`Nothing`] |
//! | `GET /v1/owners?address=` | [`Owners`] |
//! | `GET /v1/delegations?address=&after=&after_delegate=&limit=` | [`DelegationList`] |
//! | `POST /v1/delegations` [`NewDelegation`] | [`DelegationView`] |
//! | `DELETE /v1/delegations?owner=&delegate=` | [`Nothing`] |
//! | `GET /v1/limits?after_level=&after_name=&after_per=&limit=` | [`LimitsList`] |
//! | `PATCH /v1/limits` [`NewLimits`] | [`LimitsView`] |
//! | `GET /v1/blocks` | [`BlockList`] |
//! | `POST /v1/blocks` [`NewBlock`] | [`BlockView`] |
//! | `DELETE /v1/blocks?address=` | [`LiftedView`] |
//! | `GET /v1/sources?address=` | [`SourceView`] |
//! | `POST /v1/check` [`CheckRequest`] | [`CheckAnswer`] |
//! | `GET /v1/events?after=&since=&account=&address=&kind=&limit=` | [`EventList`] |
//! | `GET /v1/rollout?since=&after=&limit=` | [`RolloutList`] |
//! | `GET /v1/doctor` | [`Diagnosis`] |
//! | `GET /v1/keys` | [`KeysView`] |
//! | `POST /v1/keys` | [`KeysView`] |
//! | `DELETE /v1/keys?id=&yes=` | [`KeyView`] |
//! | `GET /v1/backup` | the database, `application/vnd.sqlite3` |
//!
//! For the portal, with the headers of [`portal`]:
//!
//! | request | answer |
//! |---|---|
//! | `POST /v1/portal/session` [`SignIn`](portal::SignIn) | [`Passed`](portal::Passed) |
//! | `GET /v1/portal/session` | [`Standing`](portal::Standing) |
//! | `DELETE /v1/portal/session` | [`Nothing`] |
//! | `GET /v1/portal/pending` | [`Pending`](portal::Pending) |
//! | `POST /v1/portal/challenge` [`NewChallenge`](portal::NewChallenge) | [`Pending`](portal::Pending) |
//! | `POST /v1/portal/proof` [`Proof`](portal::Proof) | [`Passed`](portal::Passed) |
//! | `POST /v1/portal/binding` [`NewBinding`](portal::NewBinding) | [`Pending`](portal::Pending) |
//! | `POST /v1/portal/factors` [`Proof`](portal::Proof) | [`Passed`](portal::Passed) |
//! | `DELETE /v1/portal/factors?id=` | [`Passed`](portal::Passed) |
//! | `POST /v1/portal/two-factor` [`TwoFactor`](portal::TwoFactor) | [`Standing`](portal::Standing) |
//! | `POST /v1/portal/recovery-codes` | [`RecoveryCodes`](portal::RecoveryCodes) |
//! | `POST /v1/portal/forms` [`FormSent`](portal::FormSent) | [`FormKnown`](portal::FormKnown) |
//! | `PUT /v1/portal/forms` [`FormAnswered`](portal::FormAnswered) | [`Nothing`] |
//! | `GET /v1/portal/passwords` | [`OwnPasswords`](portal::OwnPasswords) |
//! | `POST /v1/portal/passwords` [`NewPasswordRequest`] | [`NewPasswordAnswer`] |
//! | `DELETE /v1/portal/passwords?id=` or `?all=true` | [`RevokedList`] |
//! | `GET /v1/portal/devices?offset=` | [`Devices`](portal::Devices) |
//! | `DELETE /v1/portal/devices?trusted=` or `?session=` or `?all=true` | [`EndedView`](portal::EndedView) |
//! | `GET /v1/portal/delegations` | [`OwnDelegations`](portal::OwnDelegations) |
//! | `POST /v1/portal/delegations` [`Grant`](portal::Grant) | [`Granted`](portal::Granted) |
//! | `DELETE /v1/portal/delegations?delegate=` | [`Nothing`] |
//! | `GET /v1/portal/block` | [`OwnBlocks`](portal::OwnBlocks) |
//! | `DELETE /v1/portal/block?address=` | [`Nothing`] |
//! | `GET /v1/portal/admin/overview?hours=` | [`Overview`](portal::Overview) |
//! | `GET /v1/portal/admin/blocks` | [`BlockList`] |
//! | `DELETE /v1/portal/admin/blocks?address=` | [`Nothing`] |
//! | `GET /v1/portal/admin/accounts?after=&search=&only=&limit=` | [`AccountList`] |
//! | `GET /v1/portal/admin/accounts/{address}` | [`AccountView`] |
//! | `GET /v1/portal/admin/accounts/{address}/factors` | [`AccountFactors`](portal::AccountFactors) |
//! | `POST /v1/portal/admin/accounts/{address}/reset` [`Reset`](portal::Reset) | [`ResetAnswer`] |
//! | `POST /v1/portal/admin/accounts/{address}/unlock` | [`Unlocked`] |
//! | `POST /v1/portal/admin/accounts/{address}/sign-out` | [`Nothing`] |
//! | `GET /v1/portal/admin/rollout?since=&after=&limit=` | [`RolloutList`] |
//!
//! An error is a status and an [`ErrorBody`]: 400 bad request, 403 not allowed, 404 not found,
//! 409 refused, 503 try again later.

mod blocks;
pub mod client;
mod doctor;
mod import;
mod keys;
mod people;
pub mod portal;
mod rollout;
mod sending;
pub mod server;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::gate::account::LastUse;
use crate::gate::event::Event;
pub use blocks::{BlockList, BlockView, LiftedView, NewBlock, SourceView, StreakView};
pub use doctor::{Diagnosis, DoorView};
pub use import::{
    ImportAccount, ImportAccounts, ImportAnswer, ImportMistake, ImportPassword, ImportPasswords,
    PasswordLine, PasswordList,
};
pub use keys::{KeyView, KeysView};
pub use people::{FactorsReset, NewMainPassword, ResetAnswer, Unlocked};
pub use rollout::{RolloutList, RolloutView};
pub use sending::{
    AccountLimits, AliasList, AliasView, DelegationList, DelegationView, LimitInForce, LimitValue, LimitWord,
    LimitsInForce, LimitsList, LimitsView, NewAlias, NewDelegation, NewLimits, Owners, PasswordLimits,
};

/// The longest request body, in bytes.
pub const BODY_BYTES_MAX: usize = 65_536;
/// Connections of a user in `control.portal`. Others have fewer: behind this one stand all people, and refusals that are
/// held back must not keep them waiting.
pub const PORTAL_CONNECTIONS_MAX: usize = 160;
/// The most rows of one answer.
pub const ROWS_MAX: u32 = 10_000;
/// Rows where the request names no limit.
pub const ROWS_DEFAULT: u32 = 1_000;

/// The daemon's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// When it started.
    pub since: Timestamp,
    /// `full`, or `front` with an upstream behind.
    pub mode: String,
    /// Whether nothing is refused (observe-only).
    pub observe_only: bool,
    /// Whether the upstream answers; absent in full mode.
    pub upstream_connected: Option<bool>,
    /// Whether the last write reached the disk.
    pub store_writable: bool,
    /// Accounts.
    pub accounts: i64,
    /// Client passwords.
    pub passwords: i64,
    /// Sources with failures or a block.
    pub sources: usize,
    /// Blocked sources.
    pub blocks: usize,
    /// Sockets for mail servers.
    pub listeners: Vec<ListenerView>,
    /// Logins since the start: accepted, refused, deferred.
    pub logins: Logins,
    /// Questions about messages since the start.
    pub sending: Questions,
    /// How long logins took to be decided since the start, shortest first.
    pub decided: Vec<TookView>,
    /// Logins that wait for an Argon2 seat.
    pub hashing_queue: usize,
}

/// Logins since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logins {
    /// Let in.
    pub accepted: u64,
    /// Not let in.
    pub refused: u64,
    /// Told to try again, because of trouble of our own.
    pub deferred: u64,
}

/// Questions of Postfix about messages since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Questions {
    /// Let through.
    pub accepted: u64,
    /// Not let through.
    pub refused: u64,
    /// Put off.
    pub deferred: u64,
}

/// So many logins took so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TookView {
    /// No longer than this, in microseconds, and longer than the one before; absent: longer than all.
    pub micros: Option<u64>,
    /// How many.
    pub count: u64,
}

/// A socket for mail servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerView {
    /// What is spoken there.
    pub protocol: String,
    /// Where: a path, or an address and port.
    pub path: String,
    /// Connections at present.
    pub connections: usize,
}

/// An account to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// A full mail address.
    pub address: String,
}

/// What to change of an account; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountChange {
    /// Enable or disable it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Turn two-factor on or off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub two_factor: Option<bool>,
    /// Put it into this group; the empty name takes it out of its group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// Accounts in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountList {
    /// The accounts.
    pub accounts: Vec<AccountLine>,
    /// Ask again with `after` the last one: there are more.
    pub more: bool,
}

/// An account in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountLine {
    /// Its address.
    pub address: String,
    /// Not disabled.
    pub enabled: bool,
    /// Two-factor is on.
    pub two_factor: bool,
    /// The group whose sending limits it has.
    pub group: Option<String>,
    /// How many client passwords it has.
    pub passwords: u32,
    /// When it was made.
    pub created: Timestamp,
    /// When somebody last signed in at the portal, all the way; absent: never.
    pub signed_in: Option<Timestamp>,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// Its address.
    pub address: String,
    /// Not disabled.
    pub enabled: bool,
    /// Two-factor is on.
    pub two_factor: bool,
    /// The group whose sending limits it has.
    pub group: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// Its client passwords, oldest first.
    pub passwords: Vec<PasswordView>,
    /// Client passwords removed in the last 90 days, newest first.
    pub revoked: Vec<RevokedView>,
}

/// A client password, without the password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordView {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// The protocols it is good for; empty: all.
    pub protocols: Vec<String>,
    /// The networks it may come from; empty: all.
    pub networks: Vec<String>,
    /// How its hash was made, if it was imported and not used since; null: by Sidegate.
    pub imported: Option<String>,
    /// Its last use; absent: never used.
    pub last_use: Option<LastUse>,
}

/// A removed client password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedView {
    /// The number it had.
    pub id: i64,
    /// The name it had.
    pub name: String,
    /// When it was removed.
    pub at: Timestamp,
}

/// A client password to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPasswordRequest {
    /// For which device.
    pub name: String,
    /// Seconds until it ends; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u32>,
    /// The protocols it is good for; empty: all.
    #[serde(default)]
    pub protocols: Vec<String>,
    /// The networks it may come from; empty: all.
    #[serde(default)]
    pub networks: Vec<String>,
}

/// A client password just made: the only answer that carries one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPasswordAnswer {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// The 16 characters.
    pub password: String,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

impl std::fmt::Debug for NewPasswordAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewPasswordAnswer").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Client passwords that were removed by a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedList {
    /// Number and name of each.
    pub revoked: Vec<RevokedLine>,
}

/// A client password that was removed by a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedLine {
    /// The number it had.
    pub id: i64,
    /// The name it had.
    pub name: String,
}

/// A login that is only to be thought through.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckRequest {
    /// The name as a mail client would send it.
    pub account: String,
    /// The protocol.
    pub protocol: String,
    /// The client's address; absent: one that is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The secret as a mail client would send it.
    pub password: String,
}

impl std::fmt::Debug for CheckRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckRequest").field("account", &self.account).finish_non_exhaustive()
    }
}

/// What would happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckAnswer {
    /// accept, refuse or defer.
    pub verdict: String,
    /// The stable word for why.
    pub reason: Option<String>,
    /// The account in normal form, where it can be read.
    pub account: Option<String>,
    /// The client password that was meant: number and name.
    pub password: Option<RevokedLine>,
    /// The end of the block.
    pub until: Option<Timestamp>,
    /// Failures in a row of this source so far, of `failures_max`.
    pub failures: usize,
    /// How many block it.
    pub failures_max: u32,
    /// The source is in `lockout.exempt`.
    pub exempt: bool,
}

/// Events, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventList {
    /// The events.
    pub events: Vec<EventView>,
}

/// An event with its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventView {
    /// Its number; `after=` goes on from here.
    pub id: i64,
    /// The event.
    #[serde(flatten)]
    pub event: Event,
}

/// Done, and nothing to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nothing {}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// A stable word: bad-request, forbidden, not-found, refused, unavailable.
    pub error: String,
    /// A sentence for a person.
    pub message: String,
}
