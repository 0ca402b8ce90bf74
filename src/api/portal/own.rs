//! What is the session's own: client passwords, devices, delegations, blocks.

use serde::{Deserialize, Serialize};

use super::Hidden;
use crate::api::{BlockView, PasswordView};
use crate::clock::Timestamp;

/// The client passwords of the session's account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnPasswords {
    /// The passwords, oldest first.
    pub passwords: Vec<PasswordView>,
    /// How many there may be.
    pub most: u32,
    /// Removed ones that some device still tries, the latest try first.
    pub still_tried: Vec<StillTried>,
}

/// A removed client password that some device still tries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StillTried {
    /// The name it had.
    pub name: String,
    /// The last try.
    pub at: Timestamp,
    /// From where.
    pub address: Option<String>,
}

/// Where the session's account is, or was lately, signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Devices {
    /// Browsers that are let in without a second factor, the one that was used last first.
    pub trusted: Vec<TrustedView>,
    /// Visits to the portal in the last 7 days, the last first: those that came in, whether they go on or not, and those
    /// that were stopped at the second factor.
    pub visits: Vec<VisitView>,
    /// Mail clients of the last 7 days, the one that logged in last first.
    pub clients: Vec<ClientView>,
}

/// A trusted device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedView {
    /// Its number.
    pub id: i64,
    /// The operating system; empty: unknown.
    pub system: String,
    /// The program; empty: unknown.
    pub program: String,
    /// The address it last came from.
    pub address: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// It is this browser.
    pub current: bool,
}

/// A visit to the portal; or several of one browser that were stopped one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitView {
    /// The number of its session, while that goes on.
    pub session: Option<i64>,
    /// How far it came: `in`, `pending` (a second factor may still be proved) or `stopped` (none was).
    pub outcome: String,
    /// What came in: `main-password` alone, `trusted` (the main password in a trusted browser), `recovery` (a recovery
    /// code), or the kind of second factor; absent: it did not.
    pub proved: Option<String>,
    /// The operating system; empty: unknown.
    pub system: String,
    /// The program; empty: unknown.
    pub program: String,
    /// The address it came from.
    pub address: Option<String>,
    /// When it came in, or when the main password was right last.
    pub at: Timestamp,
    /// When it was last used, while it goes on.
    pub seen: Option<Timestamp>,
    /// How many attempts.
    pub count: u32,
    /// How many wrong second factors.
    pub wrong: u32,
    /// Stopped, from a browser and an address that proved a second factor lately: somebody mistyped, or gave up.
    pub slip: bool,
    /// It is this one.
    pub current: bool,
}

/// A mail client that logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientView {
    /// The name of the client password that it used; absent: the main password.
    pub password: Option<String>,
    /// The protocol.
    pub protocol: String,
    /// The address.
    pub address: Option<String>,
    /// The last time on each day on which it logged in, the last day first.
    pub days: Vec<Timestamp>,
    /// How often it logged in.
    pub count: u32,
}

/// A session that was ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedView {
    /// The operating system; empty: unknown, or it was no one session.
    pub system: String,
    /// The program; likewise.
    pub program: String,
}

/// The session's account granted these delegations, and was granted those.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnDelegations {
    /// Granted to others.
    pub granted: Vec<OwnDelegation>,
    /// Granted by others.
    pub received: Vec<OwnDelegation>,
    /// Mail programs show delegates the mailboxes (`[sharing]`). Else delegations are for sending only.
    pub shown: bool,
    /// What is sent on behalf of somebody is marked with who sent it (a `milter` listener).
    pub marked: bool,
}

/// A delegation, seen from one side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnDelegation {
    /// The other side.
    pub other: String,
    /// `read`, `on-behalf` or `send-as`.
    pub right: String,
    /// Since when.
    pub since: Timestamp,
    /// Under which name the delegate finds the mailbox in a mail program; absent: it is not shown there.
    pub place: Option<String>,
}

/// A delegation that was granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// It, as the owner sees it; the delegate by the name of the account.
    pub delegation: OwnDelegation,
    /// The owner's backup addresses, which the portal tells of it.
    pub tell: Vec<Hidden>,
}

/// A delegation to be granted by the session's account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// To whom.
    pub delegate: String,
    /// `read`, `on-behalf` or `send-as`.
    pub right: String,
}

/// The block of the browser's address, and of others from which the session's account failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnBlocks {
    /// The browser's address or network; absent: nobody knows it.
    pub address: Option<String>,
    /// The end of its block; absent: it is not blocked.
    pub until: Option<Timestamp>,
    /// The blocked network that the address is in: only administrators lift that. Absent: the address itself is blocked,
    /// or nothing is.
    pub network: Option<String>,
    /// Other blocked addresses from which the session's account failed within the last day.
    pub others: Vec<BlockView>,
}
