//! Main passwords that an administrator sets, for sites where no upstream knows any.
//!
//! The portal asks for them, and nobody else: mail clients have client passwords. People choose them, so that unlike client
//! passwords they have spaces that count.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::name::NameError;
use super::secret::{Digest, Secret};

/// The shortest, in characters (NIST SP 800-63B, 5.1.1.2).
pub const MAIN_PASSWORD_CHARS_MIN: usize = 8;
/// The longest, in bytes. It leaves room for sentences.
pub const MAIN_PASSWORD_BYTES_MAX: usize = 1_024;

/// A main password that may be set. `Debug` never shows it, and memory is wiped on drop.
#[derive(Clone, Debug)]
pub struct MainPassword(Secret);

impl MainPassword {
    /// Checks what was typed.
    ///
    /// # Errors
    /// Too short, too long, or with control characters, which no browser sends.
    pub fn parse(typed: &str) -> Result<Self, NameError> {
        if typed.chars().count() < MAIN_PASSWORD_CHARS_MIN {
            return Err(NameError::new(format!(
                "a main password needs at least {MAIN_PASSWORD_CHARS_MIN} characters"
            )));
        }
        if typed.len() > MAIN_PASSWORD_BYTES_MAX {
            return Err(NameError::new(format!(
                "the main password is longer than {MAIN_PASSWORD_BYTES_MAX} bytes"
            )));
        }
        if typed.contains(char::is_control) {
            return Err(NameError::new("the main password has control characters in it"));
        }
        Ok(Self(Secret::new(typed)))
    }

    /// What is hashed of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest(&self.0)
    }
}

/// What is hashed of a main password as it was presented: SHA-256 of all of it.
#[must_use]
pub fn digest(presented: &Secret) -> Digest {
    Digest(Sha256::digest(presented.reveal()).into())
}

/// The hash of a main password: Argon2id. People's passwords can be guessed from it, so `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct MainHash(String);

impl MainHash {
    /// Takes a PHC string.
    #[must_use]
    pub fn new(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string: for the store and the hasher.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MainHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_shortest_and_a_longest() {
        let good = |typed: &str| MainPassword::parse(typed).is_ok();
        assert!(good("8 zeichn") && !good("7 zeich"));
        assert!(good("密码很长很安全吧") && !good("密码很短"), "characters count, not bytes");
        assert!(good(&"x".repeat(MAIN_PASSWORD_BYTES_MAX)));
        assert!(!good(&"x".repeat(MAIN_PASSWORD_BYTES_MAX + 1)));
        assert!(!good("with\ttabs in it"));
    }

    #[test]
    fn spaces_count_and_nothing_is_shown() {
        let of = |typed: &str| MainPassword::parse(typed).expect("good").digest();
        assert!(of("correct horse") != of("correcthorse"));
        assert!(of("correct horse") == digest(&Secret::new("correct horse")));
        let typed = MainPassword::parse("correct horse").expect("good");
        assert!(!format!("{typed:?}").contains("horse"));
    }
}
