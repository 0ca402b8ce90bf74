//! Set-up codes: after a reset, whoever signs in first would bind the first second factor, and a thief who knows the main
//! password may be quicker than the owner. So the administrator gets a code with the reset, hands it to the owner, and the
//! session that sets two-factor up must give it first.
//!
//! A code is 16 characters of base32, 80 random bits, drawn and read as recovery codes are ([`super::recovery`]). It cannot
//! be guessed: wrong ones count for the address that they come from, and for nobody else. The store has its selector under
//! the store key and no more. It may be given in several sessions, so that whoever breaks off half way is not stuck, and
//! goes when the first factor is bound. Once it ended nothing can be bound until an administrator makes a new one.

use std::time::Duration;

use super::key::{KeyId, KeyRing, Selector};
use super::mandatory::Duty;
use super::secret::Digest;
use crate::clock::Timestamp;

/// How long a set-up code is good: over a weekend.
pub const VALID: Duration = Duration::from_secs(3 * 24 * 3600);

/// A set-up code that an account waits for, as the store has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetUpCode {
    /// Finds and proves it.
    pub selector: Selector,
    /// The store key that made the selector.
    pub key_id: KeyId,
    /// When it was made.
    pub made: Timestamp,
}

impl SetUpCode {
    /// The code of this digest, for an account.
    #[must_use]
    pub fn new(digest: &Digest, account_id: i64, keys: &KeyRing, now: Timestamp) -> Self {
        let key = keys.current();
        Self { selector: key.selector(account_id, digest), key_id: key.id(), made: now }
    }

    /// When it ends.
    #[must_use]
    pub fn ends(&self) -> Timestamp {
        self.made.plus(VALID)
    }

    /// Whether it is good no more; nor before it was made.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        !(self.made..self.ends()).contains(&now)
    }

    /// Whether somebody gave it.
    #[must_use]
    pub fn is(&self, digest: &Digest, account_id: i64, keys: &KeyRing) -> bool {
        keys.selectors(account_id, digest).find((self.key_id, self.selector))
    }
}

/// Whether a reset makes one. Where the administrator turns two-factor off too, the main password is to be enough; but not
/// past the date from which two-factor is mandatory: then the next sign-in leads to setting it up all the same.
#[must_use]
pub fn is_made(wanted: bool, two_factor_off: bool, duty: Duty) -> bool {
    wanted && (!two_factor_off || duty == Duty::Now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;
    use crate::gate::key::StoreKey;
    use crate::gate::recovery;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    #[test]
    fn it_is_good_for_its_account_and_for_so_long() {
        let keys = KeyRing::new(StoreKey::new(&[7; 32]), []);
        let digest =
            |seed| recovery::parse(&recovery::draw(&Entropy::from_seed(seed))).expect("its own").digest();
        let code = SetUpCode::new(&digest(1), 7, &keys, NOW);
        assert!(code.is(&digest(1), 7, &keys));
        assert!(!code.is(&digest(2), 7, &keys) && !code.is(&digest(1), 8, &keys));
        let other = KeyRing::new(StoreKey::new(&[8; 32]), []);
        assert!(!code.is(&digest(1), 7, &other), "its key is lost");
        assert!(!code.is_over(NOW) && !code.is_over(Timestamp(code.ends().0 - 1)));
        assert!(code.is_over(code.ends()) && code.is_over(Timestamp(NOW.0 - 1)));
    }

    #[test]
    fn a_reset_makes_one_unless_the_main_password_is_to_be_enough() {
        let until = Duty::Until(NOW);
        for (wanted, off, duty, made) in [
            (true, false, Duty::None, true),
            (true, false, Duty::Now, true),
            (true, true, Duty::None, false),
            (true, true, until, false),
            (true, true, Duty::Now, true),
            (false, false, Duty::Now, false),
            (false, true, Duty::Now, false),
        ] {
            assert_eq!(is_made(wanted, off, duty), made, "{wanted} {off} {duty:?}");
        }
    }
}
