//! What is kept of second factors is sealed: whoever has the database without the key file has no seed, no phone number
//! and no backup address.
//!
//! XChaCha20-Poly1305 under a key that is derived from the store key. What the box belongs to (table, row, account) is
//! bound to it, so that it opens nowhere else.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::key::{KeyId, KeyRing};
use crate::entropy::Entropy;

/// Bytes of a nonce: enough for random ones.
pub const NONCE_BYTES: usize = 24;
/// The most bytes that are sealed at once. A passkey's record is the largest.
pub const SEALED_BYTES_MAX: usize = 65_536;

/// Something sealed, as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The store key that it is under.
    pub key_id: KeyId,
    /// The nonce, then the box with its tag.
    pub bytes: Vec<u8>,
}

/// What something sealed belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The table.
    pub table: &'a str,
    /// What the row is known by for ever.
    pub row: &'a [u8],
    /// The account's number.
    pub account: i64,
}

impl Place<'_> {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.account.to_be_bytes().to_vec();
        for part in [self.table.as_bytes(), self.row] {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part);
        }
        bytes
    }
}

/// Why something cannot be sealed or opened. Nobody is told more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// More than [`SEALED_BYTES_MAX`].
    #[error("too much to be sealed")]
    TooLong,
    /// The store key that it is under is not in the key file.
    #[error("a second factor is under store key {0}, which the key file does not have")]
    NoKey(KeyId),
    /// It was changed, or belongs elsewhere.
    #[error("a second factor in the store cannot be opened: it was changed, or moved")]
    Broken,
}

impl KeyRing {
    /// Seals something under the current key.
    ///
    /// # Errors
    /// It is too long.
    pub fn seal(&self, plain: &[u8], place: Place<'_>, entropy: &Entropy) -> Result<Sealed, SealError> {
        if plain.len() > SEALED_BYTES_MAX {
            return Err(SealError::TooLong);
        }
        let nonce: [u8; NONCE_BYTES] = entropy.bytes();
        let cipher = XChaCha20Poly1305::new((&*self.current().sealing()).into());
        let payload = Payload { msg: plain, aad: &place.bytes() };
        let sealed = cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::TooLong)?;
        Ok(Sealed { key_id: self.current().id(), bytes: [&nonce[..], &sealed].concat() })
    }

    /// Opens what was sealed for the same place.
    ///
    /// # Errors
    /// Its key is gone, or it is not what was sealed there.
    pub fn open(&self, sealed: &Sealed, place: Place<'_>) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let key = self.get(sealed.key_id).ok_or(SealError::NoKey(sealed.key_id))?;
        let (nonce, boxed) = sealed.bytes.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::Broken)?;
        let cipher = XChaCha20Poly1305::new((&*key.sealing()).into());
        let payload = Payload { msg: boxed, aad: &place.bytes() };
        let plain = cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| SealError::Broken)?;
        Ok(Zeroizing::new(plain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::key::{KEY_BYTES, StoreKey};

    const PLACE: Place<'_> = Place { table: "factor", row: b"uid", account: 7 };

    fn ring(bytes: &[u8]) -> KeyRing {
        let mut keys = bytes.iter().map(|byte| StoreKey::new(&[*byte; KEY_BYTES]));
        let current = keys.next().expect("one key");
        KeyRing::new(current, keys)
    }

    fn seal(plain: &[u8]) -> Sealed {
        ring(&[1]).seal(plain, PLACE, &Entropy::from_seed(1)).expect("short enough")
    }

    #[test]
    fn what_was_sealed_opens_in_its_place_under_its_key() {
        let sealed = seal(b"a seed");
        assert_eq!(ring(&[1]).open(&sealed, PLACE).expect("it opens").as_slice(), b"a seed");
        assert_eq!(ring(&[2, 1]).open(&sealed, PLACE).expect("a former key").as_slice(), b"a seed");
        assert!(!sealed.bytes.windows(6).any(|part| part == b"a seed"));
        let id = StoreKey::new(&[1; KEY_BYTES]).id();
        assert_eq!(ring(&[2]).open(&sealed, PLACE), Err(SealError::NoKey(id)));
        for elsewhere in [
            Place { table: "recovery", ..PLACE },
            Place { row: b"uie", ..PLACE },
            Place { account: 8, ..PLACE },
            // The same bytes, cut elsewhere.
            Place { table: "facto", row: b"ruid", ..PLACE },
        ] {
            assert_eq!(ring(&[1]).open(&sealed, elsewhere), Err(SealError::Broken), "{elsewhere:?}");
        }
    }

    #[test]
    fn each_changed_byte_and_each_cut_is_seen() {
        let sealed = seal(b"a seed");
        for at in 0..sealed.bytes.len() {
            let mut changed = sealed.clone();
            changed.bytes[at] ^= 1;
            assert_eq!(ring(&[1]).open(&changed, PLACE), Err(SealError::Broken), "{at}");
            let cut = Sealed { bytes: sealed.bytes[..at].to_vec(), ..sealed.clone() };
            assert_eq!(ring(&[1]).open(&cut, PLACE), Err(SealError::Broken), "{at}");
        }
    }

    #[test]
    fn the_same_thing_sealed_twice_looks_different() {
        let entropy = Entropy::from_seed(1);
        let seal = || ring(&[1]).seal(b"a seed", PLACE, &entropy).expect("short enough");
        assert_ne!(seal(), seal());
    }

    #[test]
    fn there_is_a_limit() {
        let entropy = Entropy::from_seed(1);
        let full = vec![0; SEALED_BYTES_MAX];
        assert!(ring(&[1]).seal(&full, PLACE, &entropy).is_ok());
        let more = vec![0; SEALED_BYTES_MAX + 1];
        assert_eq!(ring(&[1]).seal(&more, PLACE, &entropy), Err(SealError::TooLong));
    }
}
