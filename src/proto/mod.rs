//! Protocols know bytes and turns, not sockets: a whole dialogue can be tested with byte slices.
//!
//! A protocol takes one message at a time from the front of what has arrived and says what to do.
//! It never waits, and it holds no more than its named limits allow.

pub mod auth_client;
pub mod auth_master;
pub mod dict;
pub mod milter;
mod netstring;
pub mod policy;
pub mod saslauthd;
pub mod socketmap;
pub mod tab;

use bytes::BytesMut;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::gate::question::{Answer, Login, Question};

/// A request of a peer: its own number, and ours, because peers use theirs again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// The peer's number.
    pub id: u32,
    /// Never the same twice on a connection.
    pub serial: u64,
}

/// What to do after a message.
#[derive(Debug)]
pub enum Step {
    /// There is no whole message yet.
    Wait,
    /// A message was dealt with; there may be another.
    Next,
    /// Ask, and give the answer to [`Protocol::answer`].
    Ask(Ticket, Question),
    /// Something that others must know.
    Tell(Notice),
    /// It was answered, and that was all: close.
    End,
    /// The peer broke the protocol: close, with the reason for the log.
    Close(&'static str),
}

/// What a connection tells the register of logins (`claims.rs`).
#[derive(Clone, Debug)]
pub enum Notice {
    /// The peer said who it is.
    Introduced {
        /// The number it gave.
        cpid: u32,
    },
    /// A login was granted and may be claimed.
    Granted(u32, Login),
    /// The peer no longer wants this login.
    Cancelled(u32),
}

/// What came of an answer.
#[derive(Debug)]
pub enum Reply {
    /// It was written, or nobody wants it any more.
    Done,
    /// It was written; tell others.
    Tell(Notice),
    /// It was written, and that was all: close.
    End,
    /// It cannot be said in this protocol but by closing.
    Close,
}

/// What was agreed on a connection: all that whoever goes on with it must know. It is written for images older and newer
/// than this one ([`handover::State`](crate::handover::State)): names stay, and what is added has a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Agreed {
    /// On `auth-client`.
    AuthClient(auth_client::Agreed),
    /// On `auth-master`.
    AuthMaster {
        /// The peer has said its version.
        shaken: bool,
    },
    /// On `dict`.
    Dict {
        /// The peer has said hello.
        shaken: bool,
    },
    /// On `policy`, where each request stands alone.
    Policy,
    /// On `socketmap`, likewise.
    Socketmap,
}

impl Agreed {
    /// What the register of logins must hear of the peer again.
    #[must_use]
    pub fn introduction(&self) -> Option<Notice> {
        match self {
            Self::AuthClient(agreed) => Some(agreed.introduction()),
            _ => None,
        }
    }

    /// Whether the peer has said who it is, or what it speaks.
    #[must_use]
    pub fn is_introduced(&self) -> bool {
        !matches!(self, Self::AuthMaster { shaken: false } | Self::Dict { shaken: false })
    }
}

/// Whether another process could go on with a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Not in this protocol.
    Never,
    /// When the peer has said what it has begun.
    AfterPeer,
    /// When we have answered.
    AfterUs,
    /// Now, knowing this.
    Now(Agreed),
}

/// A protocol, server side.
pub trait Protocol: Send {
    /// What is said at accept, whole, without waiting for the peer.
    fn greet(&mut self, out: &mut BytesMut);

    /// Takes the next message from the front of `input`.
    fn step(&mut self, input: &mut BytesMut, out: &mut BytesMut, now: Timestamp) -> Step;

    /// Words an answer.
    fn answer(&mut self, ticket: Ticket, answer: Answer, out: &mut BytesMut) -> Reply;

    /// Whether another message may be taken now. A protocol whose answers must come in order says
    /// no while one is owed.
    fn ready(&self) -> bool {
        true
    }

    /// Whether the end of the connection costs the peer a request, if it makes one just then. The others connect anew,
    /// and nobody notices.
    fn clings(&self) -> bool {
        false
    }

    /// Whether another process could go on, while nothing that has arrived waits to be dealt with.
    fn keep(&self) -> Keep {
        Keep::Never
    }

    /// Whether that may be another process too, and not only another image of this one: nothing that the peer was told
    /// is this process's own.
    fn outlives(&self) -> bool {
        false
    }

    /// The daemon stops: tells the peer, for every open request, to try again later.
    fn stop(&mut self, out: &mut BytesMut);
}

/// Takes one line, without its end, from the front of `input`; at most `bytes_max` with its end.
/// `None`: not there yet; `Err`: longer than that.
fn take_line(input: &mut BytesMut, bytes_max: usize) -> Result<Option<BytesMut>, &'static str> {
    match input.iter().position(|byte| *byte == b'\n') {
        Some(end) if end < bytes_max => {
            let mut line = input.split_to(end + 1);
            line.truncate(end);
            Ok(Some(line))
        }
        None if input.len() < bytes_max => Ok(None),
        _ => Err("line too long"),
    }
}
