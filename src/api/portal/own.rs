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
    /// Sessions of the portal, the one that was used last first.
    pub sessions: Vec<SessionView>,
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

/// A session of the portal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    /// Its number.
    pub id: i64,
    /// The operating system; empty: unknown.
    pub system: String,
    /// The program; empty: unknown.
    pub program: String,
    /// The address it came from.
    pub address: Option<String>,
    /// When it began.
    pub since: Timestamp,
    /// When it was last used.
    pub seen: Timestamp,
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
    /// The last time.
    pub at: Timestamp,
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
