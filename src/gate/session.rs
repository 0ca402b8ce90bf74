//! Somebody signed in to the portal: how far, until when, and what they may do.
//!
//! A session begins with the main password. Where there are second factors it is good for nothing but proving one; where
//! two-factor is mandatory and not set up, for nothing but setting it up. Numbers follow OWASP ASVS 7.3 and 7.5.
//!
//! A session keeps what was proved in it, never what that was good for: [`Session::allows`] decides at each act, from that
//! and from what is true of its owner at that moment. Nothing that people or administrators do in the portal happens
//! without asking it.

use std::fmt;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::factor::Means;
use super::mandatory::Duty;
use crate::clock::Timestamp;
use crate::entropy::Entropy;

/// A session ends when nothing was asked for so long.
pub const IDLE: Duration = Duration::from_secs(30 * 60);
/// A session ends so long after it began.
pub const ABSOLUTE: Duration = Duration::from_secs(12 * 3600);
/// A second factor must be proved so soon after the main password.
pub const PENDING: Duration = Duration::from_secs(10 * 60);
/// What was proved is good for risky changes for so long.
pub const FRESH: Duration = Duration::from_secs(10 * 60);
/// How long a browser is trusted (design: trusted device).
pub const TRUSTED: Duration = Duration::from_secs(7 * 24 * 3600);
/// The most sessions of an account that are good for something; the one that was used longest ago ends for a new one.
pub const SESSIONS_MAX: usize = 20;
/// The most sessions of an account in which a second factor has still to be proved. They have a room of their own: whoever
/// knows a main password ends nobody's session by signing in.
pub const PENDING_MAX: usize = 5;

/// Bytes of a token.
const TOKEN_BYTES: usize = 32;

/// What a browser shows to be known again, for a session or as a trusted device. `Debug` never shows it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Token([u8; TOKEN_BYTES]);

impl Token {
    /// A new one: 256 random bits.
    #[must_use]
    pub fn draw(entropy: &Entropy) -> Self {
        Self(entropy.bytes())
    }

    /// Reads a cookie's value.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(BASE64URL_NOPAD.decode(text.as_bytes()).ok()?);
        bytes.as_slice().try_into().ok().map(Self)
    }

    /// The cookie's value.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64URL_NOPAD.encode(&self.0))
    }

    /// What the store has of it. 256 random bits need no key and no salt.
    #[must_use]
    pub fn tag(&self) -> TokenTag {
        TokenTag(Sha256::digest(self.0).into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Finds a session or a trusted device by its token, and gives nobody the token.
#[derive(Clone, Copy, Debug, Eq)]
pub struct TokenTag(pub [u8; 32]);

/// In constant time.
impl PartialEq for TokenTag {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// How far somebody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The main password was right; a second factor must be proved.
    Factor,
    /// Two-factor is mandatory and has to be set up.
    SetUp,
    /// All the way, without a second factor that counts still: the browser is trusted, or the factor that was proved is
    /// gone. Only kept: [`Session::reach`] says [`Stage::Full`].
    Trusted,
    /// All the way.
    Full,
}

impl Stage {
    /// The stable word for the store.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Factor => "factor",
            Self::SetUp => "set-up",
            Self::Trusted => "trusted",
            Self::Full => "full",
        }
    }

    /// Reads [`Stage::word`].
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Factor, Self::SetUp, Self::Trusted, Self::Full].into_iter().find(|stage| stage.word() == word)
    }
}

/// A session, without its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The store's number for it.
    pub id: i64,
    /// Whose.
    pub account_id: i64,
    /// How far it came; how far it goes now, says [`Session::reach`].
    pub stage: Stage,
    /// When it began.
    pub created: Timestamp,
    /// When it was last used.
    pub seen: Timestamp,
    /// What was proved last, and when.
    pub proof: Option<(Means, Timestamp)>,
}

/// What somebody asks of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Prove a second factor.
    Prove,
    /// Bind a second factor.
    SetUp,
    /// Look at what is one's own, and end what one has: sign out, cancel trust.
    Look,
    /// Change what lets somebody in: client passwords, factors, delegations, a block.
    Change,
    /// See the administrator's pages.
    Oversee,
    /// Change something there.
    Administer,
}

/// What is true of a session's owner at the moment of acting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The account is not disabled.
    pub enabled: bool,
    /// It has a second factor.
    pub bound: bool,
    /// Two-factor is on.
    pub two_factor: bool,
    /// What it must do about two-factor.
    pub duty: Duty,
    /// It is one of the site's administrators.
    pub administers: bool,
    /// Its factors were reset: a set-up code has to be given before the first one is bound.
    pub awaits_code: bool,
}

impl Owner {
    /// Whether two-factor has to be: it is on, or past the date from which it is mandatory, whoever turned it off.
    #[must_use]
    pub fn needs_factor(&self) -> bool {
        self.two_factor || self.duty == Duty::Now
    }
}

/// Why a session does not allow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// It is over.
    #[error("the session is over; sign in again")]
    Over,
    /// A second factor has to be proved first.
    #[error("prove a second factor first")]
    Factor,
    /// Two-factor has to be set up first.
    #[error("set up two-factor first")]
    SetUp,
    /// The set-up code of an administrator has to be given first.
    #[error("give the set-up code first")]
    SetUpCode,
    /// What was proved was too long ago.
    #[error("prove again that it is you")]
    Stale,
    /// It is not for this account.
    #[error("not for this account")]
    Forbidden,
}

impl Session {
    /// Whether it is over: too old, too long unused, or from the future.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        let (whole, idle) = match self.stage {
            Stage::Factor => (PENDING, PENDING),
            Stage::SetUp | Stage::Trusted | Stage::Full => (ABSOLUTE, IDLE),
        };
        now < self.created || now >= self.created.plus(whole) || now >= self.seen.plus(idle)
    }

    /// What was proved lately.
    #[must_use]
    pub fn means(&self, now: Timestamp) -> Option<Means> {
        let fresh = |(_, at): &(Means, Timestamp)| (*at..at.plus(FRESH)).contains(&now);
        self.proof.filter(fresh).map(|(means, _)| means)
    }

    /// Whether a second factor, or a recovery code in its place, was proved in it, however long ago.
    #[must_use]
    pub fn proved_factor(&self) -> bool {
        self.proof.is_some_and(|(means, _)| means.is_second())
    }

    /// Whether the set-up code was given in it, however long ago.
    #[must_use]
    pub fn gave_code(&self) -> bool {
        matches!(self.proof, Some((Means::SetUpCode, _)))
    }

    /// How far it goes now: never [`Stage::Trusted`].
    #[must_use]
    pub fn reach(&self, owner: &Owner) -> Stage {
        match (owner.bound, owner.needs_factor()) {
            (false, true) => Stage::SetUp,
            // What is reset is not open to whoever knows the main password.
            (false, false) if owner.awaits_code => Stage::SetUp,
            (false, false) => Stage::Full,
            // The duty began, or somebody turned it off in spite of it: the next proof turns it on.
            (true, _) if owner.duty == Duty::Now && !owner.two_factor => Stage::Factor,
            (true, _) => match self.stage {
                Stage::Trusted => Stage::Full,
                Stage::Full if self.proved_factor() => Stage::Full,
                // It began before there was a factor to prove.
                Stage::Factor | Stage::SetUp | Stage::Full => Stage::Factor,
            },
        }
    }

    /// Whether it allows something now.
    ///
    /// # Errors
    /// Why not, and what would help.
    pub fn allows(&self, act: Act, owner: &Owner, now: Timestamp) -> Result<(), Denied> {
        if self.is_over(now) || !owner.enabled {
            return Err(Denied::Over);
        }
        match (self.reach(owner), act) {
            (_, Act::Prove) => Ok(()),
            (Stage::SetUp, Act::SetUp) if owner.awaits_code && !self.gave_code() => Err(Denied::SetUpCode),
            (Stage::SetUp, Act::SetUp) => Ok(()),
            (Stage::Factor, _) => Err(Denied::Factor),
            (Stage::SetUp, _) => Err(Denied::SetUp),
            (Stage::Full | Stage::Trusted, Act::Look) => Ok(()),
            (Stage::Full | Stage::Trusted, Act::SetUp | Act::Change) => self.allows_change(owner, now),
            (Stage::Full | Stage::Trusted, Act::Oversee | Act::Administer) => {
                if !(owner.administers && owner.two_factor && owner.bound) {
                    return Err(Denied::Forbidden);
                }
                // Who came in by a trusted browser has shown a main password, and a cookie.
                if !self.proved_factor() {
                    return Err(Denied::Factor);
                }
                if act == Act::Administer { self.allows_change(owner, now) } else { Ok(()) }
            }
        }
    }

    /// Where a factor is bound, the main password and a trusted browser prove too little for a change.
    fn allows_change(&self, owner: &Owner, now: Timestamp) -> Result<(), Denied> {
        match self.means(now) {
            None => Err(Denied::Stale),
            Some(Means::MainPassword | Means::SetUpCode) if owner.bound => Err(Denied::Factor),
            Some(_) => Ok(()),
        }
    }
}

/// The sessions of an account that have to end before one more of this `stage`, those that were used last first: of those
/// that wait for a factor, or of the others, as many as are too many with it; and those that are over.
#[must_use]
pub fn crowded_out(sessions: &[Session], stage: Stage, now: Timestamp) -> Vec<i64> {
    let waits = |stage: Stage| stage == Stage::Factor;
    let most = if waits(stage) { PENDING_MAX } else { SESSIONS_MAX };
    let (over, on): (Vec<&Session>, Vec<&Session>) = sessions.iter().partition(|one| one.is_over(now));
    let same = on.into_iter().filter(|one| waits(one.stage) == waits(stage));
    same.skip(most - 1).chain(over).map(|one| one.id).collect()
}

#[cfg(test)]
mod tests;
