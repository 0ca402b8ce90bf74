//! What the store keeps of people who look after their own account: second factors, sessions, trusted devices.

use super::StoreError;
use crate::clock::Timestamp;
use crate::gate::code::SentCode;
use crate::gate::factor::{Factor, FactorKind};
use crate::gate::key::{KeyId, Selector};
use crate::gate::seal::Sealed;
use crate::gate::session::{Session, Stage, TokenTag};
use crate::gate::throttle::Throttle;
use crate::gate::totp::Step;

/// Bytes of what a factor is known by for ever.
pub const UID_BYTES: usize = 16;

/// A second factor with what proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorRow {
    /// What its owner sees.
    pub factor: Factor,
    /// What it is known by for ever; bound to what is sealed.
    pub uid: [u8; UID_BYTES],
    /// What proves it.
    pub sealed: Sealed,
    /// Of an authenticator app: the step that was accepted last.
    pub step: Option<Step>,
}

/// A factor that is being bound, or put in another's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFactor {
    /// What it is.
    pub kind: FactorKind,
    /// What its owner calls it.
    pub name: String,
    /// What it is known by for ever.
    pub uid: [u8; UID_BYTES],
    /// What proves it.
    pub sealed: Sealed,
}

/// A recovery code, as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryRow {
    /// Its number.
    pub id: i64,
    /// Finds it.
    pub selector: Selector,
    /// The store key that made the selector.
    pub key_id: KeyId,
    /// Proves it: an Argon2id PHC string.
    pub phc: String,
}

/// A browser, as far as it told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visitor {
    /// Its address.
    pub address: Option<String>,
    /// The operating system.
    pub system: String,
    /// The program.
    pub program: String,
}

/// A session that begins.
#[derive(Clone, Debug)]
pub struct NewSession<'a> {
    /// Whose.
    pub account_id: i64,
    /// What finds it.
    pub token: TokenTag,
    /// How far it goes.
    pub stage: Stage,
    /// When it begins: the main password was right just now.
    pub now: Timestamp,
    /// From where.
    pub visitor: &'a Visitor,
}

/// A session with its browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// The session.
    pub session: Session,
    /// The account's name.
    pub account: String,
    /// The browser.
    pub visitor: Visitor,
}

/// A browser that is let in without a second factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedDevice {
    /// Its number.
    pub id: i64,
    /// Whose.
    pub account_id: i64,
    /// Since when it is trusted.
    pub created: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// When it was used last.
    pub last_at: Timestamp,
    /// The browser, with the address it last came from.
    pub visitor: Visitor,
}

/// What a session waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// When it began.
    pub begun: Timestamp,
    /// The factor that is to be proved, or changed.
    pub factor_id: Option<i64>,
    /// The one that is being bound.
    pub binding: Option<NewFactor>,
    /// The code that was sent.
    pub code: Option<SentCode>,
    /// What else has to come back.
    pub memo: Option<Sealed>,
}

/// The part of [`Tables`](super::Tables) that keeps what belongs to the portal.
pub trait PortalTables {
    /// The second factors of an account, oldest first.
    ///
    /// # Errors
    /// As all of these: the database's own trouble.
    fn factors(&mut self, account_id: i64) -> Result<Vec<FactorRow>, StoreError>;
    /// Adds a factor and returns its number.
    fn add_factor(&mut self, account_id: i64, new: &NewFactor, now: Timestamp) -> Result<i64, StoreError>;
    /// Puts something else in a factor's place; its number stays, its use begins anew.
    fn replace_factor(&mut self, id: i64, new: &NewFactor, now: Timestamp) -> Result<(), StoreError>;
    /// Notes that a factor was used, and the step of an authenticator app.
    fn use_factor(&mut self, id: i64, step: Option<Step>, now: Timestamp) -> Result<(), StoreError>;
    /// Puts what proves a factor under another key, or as a passkey's counter went on.
    fn reseal_factor(&mut self, id: i64, sealed: &Sealed) -> Result<(), StoreError>;
    /// Removes a factor. What was proved by it is proved no more.
    fn remove_factor(&mut self, id: i64) -> Result<(), StoreError>;
    /// The recovery codes that an account has left.
    fn recovery_codes(&mut self, account_id: i64) -> Result<Vec<RecoveryRow>, StoreError>;
    /// When recovery codes were last made for an account.
    fn recovery_made(&mut self, account_id: i64) -> Result<Option<Timestamp>, StoreError>;
    /// Puts new recovery codes in the place of all others; their numbers do not count. `made` is `None` where there are
    /// to be none.
    fn set_recovery_codes(
        &mut self,
        account_id: i64,
        codes: &[RecoveryRow],
        made: Option<Timestamp>,
    ) -> Result<(), StoreError>;
    /// Uses a recovery code up. Returns whether it was still there.
    fn use_recovery_code(&mut self, id: i64) -> Result<bool, StoreError>;
    /// Failures in a row of an account's second factors.
    fn throttle(&mut self, account_id: i64) -> Result<Throttle, StoreError>;
    /// Puts them down.
    fn set_throttle(&mut self, account_id: i64, throttle: Throttle) -> Result<(), StoreError>;
    /// What is waited for or counted from a time that is still to come, since the clock was set back: waits after failures
    /// begin `now`, and counts of codes that are more than a day ahead are forgotten. Returns how many there were.
    fn clamp_people(&mut self, now: Timestamp) -> Result<usize, StoreError>;
    /// Begins a session and returns its number.
    fn add_session(&mut self, new: &NewSession<'_>) -> Result<i64, StoreError>;
    /// The session of a token.
    fn session(&mut self, token: TokenTag) -> Result<Option<SessionRow>, StoreError>;
    /// The sessions of an account, the one that was used last first.
    fn sessions(&mut self, account_id: i64) -> Result<Vec<SessionRow>, StoreError>;
    /// Puts down how far a session goes, when it was used, and what was proved; `token`: it is known by another from now on.
    fn set_session(&mut self, session: &Session, token: Option<TokenTag>) -> Result<(), StoreError>;
    /// Ends a session of an account. Returns whether there was one.
    fn end_session(&mut self, account_id: i64, id: i64) -> Result<bool, StoreError>;
    /// Ends all sessions of an account but this one; returns how many.
    fn end_sessions(&mut self, account_id: i64, but: Option<i64>) -> Result<usize, StoreError>;
    /// Forgets up to `limit` sessions that were not used since, trusted devices that ended before `now`, counts of
    /// codes that were not touched since, and what is no longer familiar.
    fn forget_sessions(&mut self, unused: Timestamp, now: Timestamp, limit: u32)
    -> Result<usize, StoreError>;
    /// What a session waits for.
    fn challenge(&mut self, session_id: i64) -> Result<Option<Challenge>, StoreError>;
    /// Puts down what a session waits for, in place of anything before.
    fn set_challenge(&mut self, session_id: i64, challenge: Option<&Challenge>) -> Result<(), StoreError>;
    /// Trusts a browser until `until`, and returns the device's number.
    fn add_device(
        &mut self,
        account_id: i64,
        token: TokenTag,
        now: Timestamp,
        until: Timestamp,
        visitor: &Visitor,
    ) -> Result<i64, StoreError>;
    /// The trusted device of a token.
    fn device(&mut self, token: TokenTag) -> Result<Option<TrustedDevice>, StoreError>;
    /// The trusted devices of an account, the one that was used last first.
    fn devices(&mut self, account_id: i64) -> Result<Vec<TrustedDevice>, StoreError>;
    /// Notes that a trusted device was used; it is known by another token from now on.
    fn use_device(
        &mut self,
        id: i64,
        token: TokenTag,
        address: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError>;
    /// Ends the trust in one device of an account, or in all. Returns in how many.
    fn remove_devices(&mut self, account_id: i64, id: Option<i64>) -> Result<usize, StoreError>;
    /// When an account last came in from what has this mark, as far as that was put down.
    fn familiar(&mut self, account_id: i64, mark: &[u8]) -> Result<Option<Timestamp>, StoreError>;
    /// Puts it down. Of more than `most`, what was used longest ago is forgotten.
    fn put_familiar(
        &mut self,
        account_id: i64,
        mark: &[u8],
        now: Timestamp,
        most: u32,
    ) -> Result<(), StoreError>;
    /// Forgets all that is familiar of an account.
    fn forget_familiar(&mut self, account_id: i64) -> Result<(), StoreError>;
    /// The record of that name of codes that were sent.
    fn codes_sent(&mut self, what: &str) -> Result<Option<String>, StoreError>;
    /// Puts it down.
    fn put_codes_sent(&mut self, what: &str, record: &str, now: Timestamp) -> Result<(), StoreError>;
}
