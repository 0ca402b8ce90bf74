//! What people do in the portal: the session decides what, and for whom.
//!
//! - `counted`: what a try counts for its address
//! - `entrance`: places and lines · `familiar`: what an account came in from before
//! - `sign_in`: the main password, from addresses that are not blocked and from those that are
//! - `factors`: proofs and bindings, with what needs a hash or the upstream
//! - `forms`: forms that are sent twice
//! - `named`: who names accounts that are none
//! - `history`: who signed in lately, and who was stopped
//! - `own`: client passwords, sessions, blocks · `delegates`: who else may use the mailbox

mod counted;
mod delegates;
mod entrance;
mod factors;
mod familiar;
mod forms;
mod history;
mod named;
mod own;
mod sign_in;

use std::net::IpAddr;
use std::sync::Arc;

use data_encoding::HEXLOWER;

use super::{OrderError, Service};
use crate::clock::Timestamp;
use crate::gate::entrance::BrowserMark;
use crate::gate::event::{Event, Kind};
use crate::gate::key::KeyId;
use crate::gate::login::{Grant, Verdict};
use crate::gate::name::{AccountName, Protocol};
use crate::gate::order::Actor;
use crate::gate::session::{Act, Token, TokenTag};
use crate::hasher::HasherError;
use crate::log;
use crate::store::people::{Desk, Outcome, Refused, Standing};
use crate::store::portal::Visitor;
use crate::store::{StoreError, Tables};

pub use self::delegates::Granted;
pub use self::entrance::Entrance;
pub use self::factors::{Passed, Shown};
pub use self::history::{ClientLogin, Devices};
pub use self::own::{Blocks, StillTried};
pub use self::sign_in::SignIn;

/// The name of the portal's logins, and of what is done there by nobody in particular.
const PROTOCOL: &str = Protocol::PORTAL_NAME;

/// Why somebody was told no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeopleError {
    /// Wrong account or main password, or the code beside them.
    #[error("wrong account or password")]
    WrongPassword,
    /// The main password is right, and Sidegate has no such account.
    #[error("Sidegate has no such account")]
    NoAccount,
    /// The browser's address is blocked.
    #[error("the address is blocked until {0}")]
    Blocked(Timestamp),
    /// The session, or the rules for factors.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// An order of the person's was refused.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// A whole network is blocked, which only administrators lift.
    #[error("a network around the address is blocked until {0}; only an administrator lifts that")]
    NetworkBlocked(Timestamp),
    /// It concerns somebody else, or nobody.
    #[error("there is nothing like that")]
    NotFound,
    /// Not for this account.
    #[error("not for this account")]
    Forbidden,
    /// Others are being looked at from the same address, and too many wait already.
    #[error("another sign-in from this address is being checked")]
    Busy,
    /// Too often: not before then.
    #[error("too often; again at {0}")]
    Wait(Timestamp),
    /// What has to be looked at is under a store key that is lost: trying again does not help.
    #[error("under store key {0}, which the key file does not have")]
    LostKey(KeyId),
    /// Our own trouble, in words for the log.
    #[error("{0}")]
    Unavailable(String),
}

impl From<StoreError> for PeopleError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::LostKey(key) => Self::LostKey(key),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<HasherError> for PeopleError {
    fn from(error: HasherError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// A request's session and browser.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The session's token; `None`: there is none.
    pub session: Option<TokenTag>,
    /// What the browser shows to be known as a trusted device, of one account each.
    pub devices: Vec<TokenTag>,
    /// What it is known by when it comes again, trusted or not.
    pub browser: Option<BrowserMark>,
    /// The browser.
    pub visitor: Visitor,
    /// Its address.
    pub address: Option<IpAddr>,
}

impl Visit {
    /// The session, if there is one.
    fn session(&self) -> Result<TokenTag, PeopleError> {
        let over = Refused::Denied(crate::gate::session::Denied::Over);
        self.session.ok_or(PeopleError::Refused(over))
    }

    /// Its owner, as whoever orders something: the session must allow it still when the order is carried out.
    pub fn actor(&self, account: &AccountName, act: Act) -> Actor {
        let session = self.session.map(|token| (token, act));
        Actor { name: account.to_string(), address: self.visitor.address.clone(), session }
    }
}

/// Bytes of the name of an account's trust in a browser that has few.
const TRUST_NAME_BYTES: usize = 6;

type Answer<T> = Result<T, PeopleError>;

impl Service {
    /// Runs work at the desk; when this returns, it is on disk, logged, and in force.
    async fn at_desk<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&mut Desk<'_>) -> Outcome<T> + Send + 'static,
    ) -> Answer<T> {
        let (at, rules) = (self.circumstances(PROTOCOL), self.rules());
        let entropy = Arc::clone(&self.entropy);
        let work = move |tables: &mut dyn Tables| {
            let mut desk = Desk::new(tables, &at, &rules.people, &entropy);
            let outcome = work(&mut desk)?;
            let Desk { events, changed, .. } = desk;
            Ok(((outcome, events), changed))
        };
        let written = self.store.change_found(work).await;
        self.wrote(&written);
        let (outcome, events) = written?;
        events.iter().for_each(log::event);
        let came_in =
            |event: &&Event| event.kind == Kind::Login && event.verdict.as_deref() == Some("accept");
        for event in events.iter().filter(came_in) {
            let account = AccountName::stored(event.account.as_deref().unwrap_or_default());
            self.count(&Verdict::Accept(Grant { account, password: None }));
        }
        if !events.is_empty() {
            self.ring_notices();
        }
        Ok(outcome?)
    }

    /// Where the owner of a session stands that allows `act`.
    ///
    /// # Errors
    /// It does not, or trouble.
    pub async fn owner(&self, visit: &Visit, act: Act) -> Answer<Standing> {
        let token = visit.session()?;
        self.at_desk(move |desk| desk.stand(token, act)).await
    }

    /// What browsers call their trust of an account: the same in all of them, and nobody learns from it which account. A
    /// key that is forgotten changes it; what a browser has under the old name then is just left to end.
    #[must_use]
    pub fn trust_name(&self, account: i64) -> String {
        let mark = self.keys().oldest().recipient_mark(&format!("trust {account}"));
        HEXLOWER.encode(&mark[..TRUST_NAME_BYTES])
    }

    /// A new token for a session or a trusted device.
    fn token(&self) -> Token {
        Token::draw(&self.entropy)
    }
}
