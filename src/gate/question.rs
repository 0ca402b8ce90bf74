//! What doors ask and what they are told: the one vocabulary between `proto/` and `service.rs`.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::address::Prefixes;
use super::login::{Attempt, Grant, Origin, Verdict};
use super::secret::{Cookie, Digest, Secret};
use super::sending::{Sending, Told};

/// A dialogue with the upstream that goes on over several steps. Dropping it gives it up.
pub struct Relay {
    /// The upstream's number for it.
    pub id: u32,
    /// The mechanism, in capitals.
    pub mechanism: Cow<'static, str>,
    /// Where from and what for.
    pub origin: Origin,
    dialogue: Dialogue,
    give_up: Option<Box<dyn FnOnce(u32) + Send>>,
    left: Option<Box<dyn FnOnce() + Send>>,
}

/// How far a dialogue has come.
#[derive(Debug, Default)]
pub struct Dialogue {
    /// Messages of the client that said something.
    pub turn: u32,
    /// Whom they name.
    pub name: Option<String>,
    /// The mark of the last one that proved something, or may have.
    pub sent: Option<Digest>,
    /// The proof was refused, and counted.
    pub refused: bool,
    /// It is over but for the client's last word: what it is told then.
    pub ended: Option<Box<LoginAnswer>>,
}

impl Relay {
    /// A dialogue, and what to do when nobody goes on with it.
    #[must_use]
    pub fn new(
        id: u32,
        mechanism: Cow<'static, str>,
        origin: Origin,
        give_up: impl FnOnce(u32) + Send + 'static,
    ) -> Self {
        let (dialogue, give_up) = (Dialogue::default(), Some(Box::new(give_up) as Box<_>));
        Self { id, mechanism, origin, dialogue, give_up, left: None }
    }

    /// A dialogue of which the upstream has said its last.
    #[must_use]
    pub fn over(mechanism: Cow<'static, str>, origin: Origin, dialogue: Dialogue) -> Self {
        Self { id: 0, mechanism, origin, dialogue, give_up: None, left: None }
    }

    /// The same, come so far.
    #[must_use]
    pub fn with(mut self, dialogue: Dialogue) -> Self {
        self.dialogue = dialogue;
        self
    }

    /// What to do when it is the client who does not go on.
    #[must_use]
    pub fn when_left(mut self, left: impl FnOnce() + Send + 'static) -> Self {
        self.left = Some(Box::new(left));
        self
    }

    /// It is we who do not go on: the client is not to blame.
    pub fn dropped_by_us(&mut self) {
        self.left = None;
    }

    /// Somebody goes on with it: its number, and how far it has come.
    #[must_use]
    pub fn into_dialogue(mut self) -> (u32, Dialogue) {
        self.taken_up();
        (self.id, std::mem::take(&mut self.dialogue))
    }

    /// Somebody goes on with it: there is nothing to give up.
    pub fn taken_up(&mut self) {
        (self.give_up, self.left) = (None, None);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(give_up) = self.give_up.take() {
            give_up(self.id);
        }
        if let Some(left) = self.left.take() {
            left();
        }
    }
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Relay({})", self.id)
    }
}

/// What a door asks.
#[derive(Debug)]
pub enum Question {
    /// May this name in with this secret?
    Login(Attempt),
    /// A login of somebody who asks, in so many letters, to act for this name: let in only if it is the same one.
    ActingFor(String, Attempt),
    /// A message that cannot be read: nothing to decide, but the answer is held back like any
    /// other refusal, and it leaves an event.
    Unreadable(Unread),
    /// A mechanism that only the upstream does: begin.
    Relay {
        /// The mechanism, in capitals.
        mechanism: Cow<'static, str>,
        /// Where from and what for.
        origin: Origin,
        /// The client's first message, still in base64, if there was one.
        initial: Option<Secret>,
    },
    /// The client's next message to the upstream, still in base64.
    RelayOn(Relay, Secret),
    /// A mail process claims a login (auth-master REQUEST).
    Claim(Claim),
    /// Where a user's mail lives (auth-master USER).
    User(Lookup),
    /// What the password database says of a user (auth-master PASS).
    Pass(Lookup),
    /// Every user (auth-master LIST).
    List(Bytes),
    /// Whose sender address this is (socketmap).
    Owners(String),
    /// May a message go on its way (Postfix policy)?
    Sending(Sending),
    /// Whether a mail's sender headers are the login's (milter).
    Headers(HeaderCheck),
}

/// The name that `sidegate doctor` asks for: nobody can have it (RFC 2606).
pub const TRIAL_NAME: &str = "doctor@sidegate.invalid";
/// The client that `sidegate doctor` tells of: nobody is there (RFC 5737).
pub const TRIAL_ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

impl Question {
    /// The same, with every address in its one form. Nothing is decided on any other, so no door needs to know the
    /// site's translators.
    #[must_use]
    pub fn folded(mut self, prefixes: &Prefixes) -> Self {
        let fold = |address: &mut Option<IpAddr>| {
            *address = address.and_then(|address| prefixes.fold(address));
        };
        match &mut self {
            Self::Login(attempt) => attempt.origin.fold(prefixes),
            Self::Relay { origin, .. } => origin.fold(prefixes),
            Self::RelayOn(relay, _) => relay.origin.fold(prefixes),
            Self::Sending(sending) => fold(&mut sending.address),
            Self::Headers(check) => fold(&mut check.address),
            Self::ActingFor(_, attempt) => attempt.origin.fold(prefixes),
            Self::Unreadable(unread) => unread.origin.fold(prefixes),
            // Nothing in these says where a client is.
            Self::Claim(_) | Self::User(_) | Self::Pass(_) | Self::List(_) | Self::Owners(_) => {}
        }
        self
    }

    /// Whether it is one of `sidegate doctor`'s, which says nothing about mail servers.
    #[must_use]
    pub fn is_trial(&self) -> bool {
        match self {
            Self::User(lookup) => lookup.name == TRIAL_NAME,
            Self::Owners(address) => address == TRIAL_NAME,
            Self::Sending(sending) => sending.address == Some(TRIAL_ADDRESS) && sending.login.is_none(),
            _ => false,
        }
    }
}

/// A mail of somebody who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderCheck {
    /// Who is logged in, as the mail server says.
    pub login: String,
    /// The envelope sender, in its brackets.
    pub envelope: Vec<u8>,
    /// Every `From:`, without its name.
    pub from: Vec<Vec<u8>>,
    /// Every `Sender:`, without its name.
    pub sender: Vec<Vec<u8>>,
    /// There was more than can be kept, or a header hides another one.
    pub unreadable: bool,
    /// Where the client sits.
    pub address: Option<IpAddr>,
    /// The mail server's name for the mail.
    pub queue_id: String,
}

/// A message that cannot be read.
#[derive(Clone, Debug)]
pub struct Unread {
    /// What is wrong with it.
    pub coded: Coded,
    /// The name, where one could be read.
    pub typed: Option<String>,
    /// Where from and what for.
    pub origin: Origin,
}

/// A refusal with a code of its own; never a wrong secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coded {
    /// What should be base64 is none.
    InvalidBase64,
    /// The message breaks its mechanism's form, or what it holds is longer than anything that could be right.
    Malformed,
    /// The client wants to act for somebody else.
    Authorization,
}

/// A mail process's claim of a login that a login process was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The login process, as it named itself.
    pub cpid: u32,
    /// The number of its request.
    pub auth_id: u32,
    /// The cookie that its connection was given.
    pub cookie: Cookie,
    /// The mail process's pid, as it says.
    pub session_pid: Option<u32>,
    /// The mail process's pid, as the kernel says; `None` if the kernel does not know.
    pub peer_pid: Option<u32>,
}

/// A lookup of a name, with the asker's own parameters.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The name as asked.
    pub name: String,
    /// Tab-separated and escaped: protocol, addresses, session.
    pub params: Bytes,
}

/// What a door is told.
#[derive(Debug)]
pub enum Answer {
    /// How a login ended.
    Login(LoginAnswer),
    /// A refusal with a code of its own.
    Coded(Coded),
    /// The upstream wants the client to go on; base64.
    Challenge(Relay, Bytes),
    /// The answer to a claim or a lookup.
    Found(Found),
    /// Every user, or `None` if they cannot be listed.
    List(Option<Vec<String>>),
    /// The accounts that may use an address, or `None` in case of trouble.
    Owners(Option<Vec<String>>),
    /// What Postfix is told of a message.
    Sending(Told),
    /// What becomes of a mail.
    Headers(HeaderVerdict),
}

/// What becomes of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderVerdict {
    /// It goes as it is.
    Accept,
    /// It goes with this address in `Sender:`, and no other.
    Mark(String),
    /// It does not go; the reason for the person.
    Refuse(String),
    /// The trouble is ours: later.
    Defer,
}

/// How a login ended, and what to tell the client beside it.
#[derive(Clone, Debug)]
pub struct LoginAnswer {
    /// How it ended.
    pub verdict: Verdict,
    /// The name for `user=`: normal form, or as the upstream has it.
    pub user: Option<Arc<str>>,
    /// Words for the person.
    pub text: Option<String>,
    /// The upstream's own fields, tab-separated and escaped, without `user=`.
    pub fields: Bytes,
    /// What a mail process may claim afterwards; `None` where nobody is let in.
    pub login: Option<Login>,
}

/// A login that was granted and may be claimed once.
#[derive(Clone, Debug)]
pub struct Login {
    /// The name for the user database.
    pub user: Arc<str>,
    /// What let it in; looked at once more when it is claimed.
    pub grant: Grant,
    /// The mechanism, for `auth_mech=`.
    pub mechanism: Cow<'static, str>,
    /// Where from and what for.
    pub origin: Origin,
}

/// What a user database says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The user, and fields, tab-separated and escaped.
    User(String, Bytes),
    /// There is no such user.
    Nobody,
    /// Refused, or trouble of our own.
    Fail(Option<String>),
}
