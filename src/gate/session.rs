//! Somebody signed in to the portal: how far, until when, and what they may do.
//!
//! A session begins with the main password. Where there are second factors it is good for nothing but proving one; where
//! two-factor is mandatory and not set up, for nothing but setting it up. Numbers follow OWASP ASVS 7.3 and 7.5.

use std::fmt;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::factor::Means;
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
/// The most sessions of an account; the one that was used longest ago ends for a new one.
pub const SESSIONS_MAX: usize = 20;

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
            Self::Full => "full",
        }
    }

    /// Reads [`Stage::word`].
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Factor, Self::SetUp, Self::Full].into_iter().find(|stage| stage.word() == word)
    }
}

/// A session, without its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The store's number for it.
    pub id: i64,
    /// Whose.
    pub account_id: i64,
    /// How far.
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
    /// What was proved was too long ago.
    #[error("prove again that it is you")]
    Stale,
}

impl Session {
    /// Whether it is over: too old, too long unused, or from the future.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        let (whole, idle) = match self.stage {
            Stage::Factor => (PENDING, PENDING),
            Stage::SetUp | Stage::Full => (ABSOLUTE, IDLE),
        };
        now < self.created || now >= self.created.plus(whole) || now >= self.seen.plus(idle)
    }

    /// What was proved lately.
    #[must_use]
    pub fn means(&self, now: Timestamp) -> Option<Means> {
        let fresh = |(_, at): &(Means, Timestamp)| (*at..at.plus(FRESH)).contains(&now);
        self.proof.filter(fresh).map(|(means, _)| means)
    }

    /// Whether it allows something. `has_factors`: then the main password alone, and a trusted device, prove too little for
    /// a change.
    ///
    /// # Errors
    /// Why not, and what would help.
    pub fn allows(&self, act: Act, has_factors: bool, now: Timestamp) -> Result<(), Denied> {
        if self.is_over(now) {
            return Err(Denied::Over);
        }
        match (self.stage, act) {
            (_, Act::Prove) | (Stage::SetUp, Act::SetUp) => Ok(()),
            (Stage::Factor, _) => Err(Denied::Factor),
            (Stage::SetUp, _) => Err(Denied::SetUp),
            (Stage::Full, Act::Look) => Ok(()),
            (Stage::Full, Act::SetUp | Act::Change) => match self.means(now) {
                None => Err(Denied::Stale),
                Some(Means::MainPassword) if has_factors => Err(Denied::Factor),
                Some(_) => Ok(()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    fn session(stage: Stage) -> Session {
        Session { id: 1, account_id: 7, stage, created: NOW, seen: NOW, proof: None }
    }

    fn before(end: Timestamp) -> Timestamp {
        Timestamp(end.0 - 1)
    }

    #[test]
    fn tokens_are_read_back_and_never_shown() {
        let token = Token::draw(&Entropy::from_seed(1));
        let text = token.reveal();
        assert_eq!(text.len(), 43);
        let again = Token::parse(&text).expect("its own text");
        assert_eq!(again.tag(), token.tag());
        assert_ne!(Token::draw(&Entropy::from_seed(2)).tag(), token.tag());
        assert_eq!(format!("{token:?}"), "Token(..)");
        for bad in
            ["", &text[1..], &format!("{}A", *text), &format!("{}=", *text), &text.replace(|_| true, "!")]
        {
            assert!(Token::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn stages_are_read_back() {
        for stage in [Stage::Factor, Stage::SetUp, Stage::Full] {
            assert_eq!(Stage::parse(stage.word()), Some(stage));
        }
        assert_eq!(Stage::parse("Full"), None);
    }

    #[test]
    fn a_session_ends_when_it_is_idle_and_when_it_is_old() {
        let full = session(Stage::Full);
        assert!(!full.is_over(before(NOW.plus(IDLE))));
        assert!(full.is_over(NOW.plus(IDLE)));
        let end = NOW.plus(ABSOLUTE);
        let busy = Session { seen: before(end), ..full };
        assert!(!busy.is_over(before(end)));
        assert!(busy.is_over(end));
        assert!(busy.is_over(before(NOW)), "the clock was set back");
        let pending = Session { seen: before(NOW.plus(PENDING)), ..session(Stage::Factor) };
        assert!(!pending.is_over(before(NOW.plus(PENDING))));
        assert!(pending.is_over(NOW.plus(PENDING)), "however busy it is");
    }

    #[test]
    fn each_stage_allows_what_it_is_for() {
        use Denied::{Factor, SetUp, Stale};
        let acts = [Act::Prove, Act::SetUp, Act::Look, Act::Change];
        for (stage, expected) in [
            (Stage::Factor, [Ok(()), Err(Factor), Err(Factor), Err(Factor)]),
            (Stage::SetUp, [Ok(()), Ok(()), Err(SetUp), Err(SetUp)]),
            (Stage::Full, [Ok(()), Err(Stale), Ok(()), Err(Stale)]),
        ] {
            let allowed = acts.map(|act| session(stage).allows(act, true, NOW));
            assert_eq!(allowed, expected, "{stage:?}");
        }
        let over = session(Stage::Full).allows(Act::Prove, true, NOW.plus(IDLE));
        assert_eq!(over, Err(Denied::Over));
    }

    #[test]
    fn changes_need_a_fresh_proof_that_is_good_enough() {
        let with = |means| Session { proof: Some((means, NOW)), ..session(Stage::Full) };
        let change = |means, has_factors, now| with(means).allows(Act::Change, has_factors, now);
        for means in [Means::Factor(1), Means::Recovery] {
            assert_eq!(change(means, true, before(NOW.plus(FRESH))), Ok(()));
            assert_eq!(change(means, true, NOW.plus(FRESH)), Err(Denied::Stale));
        }
        assert_eq!(change(Means::MainPassword, false, NOW), Ok(()));
        assert_eq!(change(Means::MainPassword, true, NOW), Err(Denied::Factor));
        let future = Session { proof: Some((Means::Factor(1), NOW.plus(FRESH))), ..session(Stage::Full) };
        assert_eq!(future.allows(Act::Change, true, NOW), Err(Denied::Stale));
    }
}
