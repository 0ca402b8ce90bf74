//! What Postfix asks while somebody sends, and what it may be told.

use std::net::IpAddr;

use super::limits::{Limited, Per};
use crate::clock::Timestamp;

/// How far an SMTP session has come (Postfix `SMTPD_POLICY_README`, `protocol_state`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// CONNECT, HELO, EHLO, and XCLIENT, after which the client is another one.
    Greeting,
    /// MAIL: the sender is known.
    Mail,
    /// RCPT: a recipient is known; also what the earlier lists are asked at with `smtpd_delay_reject`.
    Recipient,
    /// DATA or BDAT: all recipients are known.
    Data,
    /// The whole message has arrived; the last word before it is queued.
    EndOfMessage,
    /// VRFY, ETRN, or nothing that we know.
    Other,
}

/// One question of Postfix's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sending {
    /// How far the session has come.
    pub state: State,
    /// The client's address, if it is known.
    pub address: Option<IpAddr>,
    /// The client's port, if it is known.
    pub port: Option<u16>,
    /// The name that is logged in (`sasl_username`).
    pub login: Option<String>,
    /// The envelope sender, unquoted; empty for the null sender.
    pub sender: String,
    /// How many recipients were accepted; known from DATA on.
    pub recipients: u32,
    /// Postfix's name for the message; empty before its first recipient.
    pub instance: String,
}

/// What Postfix is told.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nothing against it.
    Fine,
    /// This session ends, with these words: `421 4.7.0`.
    HangUp(String),
    /// Not under this sender: `553 5.7.1`.
    NotYours(String),
    /// Not now: `450 4.7.1`.
    NotNow(String),
    /// Never: `554 5.7.1`.
    Never(String),
    /// Our own trouble: `451 4.3.0`.
    Later(String),
}

/// A sending limit that a message met, and for what it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Met {
    /// What the limit counts for.
    pub per: Per,
    /// Which.
    pub limited: Limited,
    /// How many it allows.
    pub limit: u32,
    /// When the message would fit; `None`: never.
    pub opens: Option<Timestamp>,
}
