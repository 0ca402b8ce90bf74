//! Secrets: what a client presented, and the client password that Sidegate makes.
//!
//! A [`Secret`] cannot be printed and leaves no copy behind. A [`NewSecret`] is a client password
//! on its way to the person it was made for; it may be shown exactly once.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::pasted;
use crate::entropy::Entropy;

/// Characters of a client password.
pub const SECRET_CHARS: usize = 16;

/// The 57 symbols of client passwords: none of them is mistaken for another on paper or screen
/// (no I, O, l, 0, 1). 16 of them carry 93 bits.
pub const ALPHABET: &[u8; 57] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";

/// The longest secret that is looked at, in bytes, at every door. Dovecot takes at most 8192 bytes of SASL data.
pub const SECRET_BYTES_MAX: usize = 8192;

/// A secret as somebody presented it. `Debug` never shows it, and memory is wiped on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes the bytes as presented.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// As [`Secret::new`]; `None` if it is longer than any that is looked at.
    #[must_use]
    pub fn presented(bytes: impl Into<Vec<u8>>) -> Option<Self> {
        Some(Self::new(bytes)).filter(|secret| secret.0.len() <= SECRET_BYTES_MAX)
    }

    /// The bytes themselves: for hashing, and for handing a main password to the upstream.
    #[must_use]
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }

    /// Whether there is nothing in it. Dovecot's auth process and what it asks read a password up to its first zero
    /// byte, so one that begins with it is none either.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self.0.first(), None | Some(0))
    }

    /// Whether nothing is left of it as a client password, from which white space is dropped. As a main password it
    /// may be one.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        // What begins with a character that is seen costs no hash.
        !self.0.first().is_some_and(u8::is_ascii_graphic) && self.digest().is_of_nothing()
    }

    /// What is left without its first bytes.
    #[must_use]
    pub fn without_front(mut self, bytes: usize) -> Self {
        // What lies behind the new end is wiped with the rest.
        self.0.drain(..bytes.min(self.0.len()));
        self
    }

    /// The mark of a secret that is looked at as it is: a main password, a message of another mechanism.
    #[must_use]
    pub fn mark(&self) -> Digest {
        Digest(Sha256::digest(&self.0).into())
    }

    /// D of a presented client password: SHA-256 of it without white space, because people copy
    /// it in groups of four, and without the marks that a copy brings along invisibly.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        pasted::visible(&self.0).for_each(|part| hash.update(part));
        Digest(hash.finalize().into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// D: SHA-256 of a client password. Argon2id and the selector are computed over it, so that a
/// door which only hands over a digest (Dovecot's dict passdb) can be served too. It is handed about by value and not
/// wiped: it does not outlive its attempt by more than a moment, and of a client password it gives nothing away.
#[derive(Clone, Copy, Eq)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Whether it is the one of no password at all.
    #[must_use]
    pub fn is_of_nothing(&self) -> bool {
        *self == Self(Sha256::digest([]).into())
    }
}

/// In constant time.
impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

/// What the mail process of a login process must show to claim a login of it.
#[derive(Clone, Copy, Eq, Serialize, Deserialize)]
pub struct Cookie(pub [u8; 16]);

/// In constant time.
impl PartialEq for Cookie {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookie(..)")
    }
}

/// A client password just made. Not `Clone`, not printable: [`NewSecret::show_once`] ends it.
pub struct NewSecret(Zeroizing<String>);

impl NewSecret {
    /// Draws 16 symbols uniformly. Bytes that would favour some symbols are thrown away.
    #[must_use]
    pub fn draw(entropy: &Entropy) -> Self {
        const UNBIASED: u8 = (256 / ALPHABET.len() * ALPHABET.len()) as u8;
        let mut text = Zeroizing::new(String::with_capacity(SECRET_CHARS));
        while text.len() < SECRET_CHARS {
            let drawn: Zeroizing<[u8; 32]> = Zeroizing::new(entropy.bytes());
            let fair = drawn.iter().filter(|&&byte| byte < UNBIASED);
            let symbols = fair.map(|&byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
            let missing = SECRET_CHARS - text.len();
            text.extend(symbols.take(missing));
        }
        Self(text)
    }

    /// D of this password.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(Sha256::digest(self.0.as_bytes()).into())
    }

    /// The 16 characters, for the one answer that may carry them.
    #[must_use]
    pub fn show_once(self) -> Zeroizing<String> {
        self.0
    }
}

impl fmt::Debug for NewSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_secret_is_sixteen_symbols_of_the_alphabet() {
        let mut counts = [0u32; 256];
        let entropy = Entropy::from_seed(1);
        for _ in 0..2000 {
            let text = NewSecret::draw(&entropy).show_once();
            assert_eq!(text.len(), SECRET_CHARS);
            for byte in text.bytes() {
                counts[usize::from(byte)] += 1;
            }
        }
        for (symbol, &count) in counts.iter().enumerate() {
            let expected = ALPHABET.contains(&(symbol as u8));
            // 32000 draws over 57 symbols: 561 each, standard deviation 24.
            assert_eq!((440..690).contains(&count), expected, "symbol {symbol} came {count} times");
        }
        for confusing in *b"IOl01" {
            assert!(!ALPHABET.contains(&confusing));
        }
    }

    #[test]
    fn white_space_is_dropped_before_checking() {
        let plain = Secret::new(*b"Fj7kQm2RxT9wBn4c").digest();
        assert_eq!(Secret::new(*b" Fj7k Qm2R\txT9w Bn4c\r\n").digest(), plain);
        let pasted = "\u{feff}Fj7k\u{a0}Qm2R\u{200b}\u{2003}T9w\u{ad}Bn4c\u{200e}".replace("T9w", "xT9w");
        assert_eq!(Secret::new(pasted).digest(), plain);
        assert_ne!(Secret::new(*b"fj7kqm2rxt9wbn4c").digest(), plain, "case counts");
    }

    #[test]
    fn nothing_and_what_is_read_as_nothing_is_empty_and_white_space_is_blank() {
        let of = |bytes: &[u8]| {
            let secret = Secret::new(bytes);
            (secret.is_empty(), secret.is_blank())
        };
        assert_eq!(of(b""), (true, true));
        assert_eq!(of(b"\0"), (true, false));
        assert_eq!(of(b"\0hunter2"), (true, false));
        for blank in [&b" "[..], b"\t\r\n", b"    "] {
            assert_eq!(of(blank), (false, true), "{blank:?}");
        }
        for some in [&b"x"[..], b" x", b"x\0", &[0xff]] {
            assert_eq!(of(some), (false, false), "{some:?}");
        }
    }

    #[test]
    fn a_secret_has_a_longest_length() {
        assert!(Secret::presented(vec![b'x'; SECRET_BYTES_MAX]).is_some());
        assert!(Secret::presented(vec![b'x'; SECRET_BYTES_MAX + 1]).is_none());
    }

    #[test]
    fn a_new_secret_and_a_presented_one_have_the_same_digest() {
        let secret = NewSecret::draw(&Entropy::from_seed(2));
        let digest = secret.digest();
        assert_eq!(Secret::new(secret.show_once().as_bytes()).digest(), digest);
    }

    #[test]
    fn nothing_secret_is_printed() {
        let shown = format!(
            "{:?} {:?} {:?}",
            Secret::new(*b"hunter2"),
            Secret::new(*b"hunter2").digest(),
            NewSecret::draw(&Entropy::from_seed(1))
        );
        assert_eq!(shown, "Secret(..) Digest(..) NewSecret(..)");
    }
}
