//! The store key, and the keyed marks made with it: selectors, account tags, secret tags.
//!
//! A mark is HMAC-SHA-256 cut short. Without the key file it says nothing about what it marks,
//! so a stolen database gives no list of guesses to try.

use std::fmt;
use std::sync::Arc;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::code::{Code, CodeTag};
use super::name::AccountName;
use super::secret::Digest;

/// Bytes of the key file's key.
pub const KEY_BYTES: usize = 32;

/// The most keys of one store, the current one among them. Each costs a login one HMAC.
pub const KEYS_MAX: usize = 16;

/// Names a store key without giving it away; stored beside every selector made with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(pub [u8; 8]);

impl KeyId {
    /// Reads what is shown.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

/// 16 hex digits.
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// Finds a client password without trying them all: 128 bits over account id and D.
#[derive(Clone, Copy, Debug, Eq)]
pub struct Selector(pub [u8; 16]);

/// In constant time.
impl PartialEq for Selector {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// Stands for a mailbox: where the mail lives, as the user database says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailboxMark(pub [u8; 16]);

/// Stands for an account name, known or not, in the failures of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountTag(pub u64);

/// Stands for a wrong secret, so that the same one is recognised. Zero: nothing is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretTag(pub u64);

impl SecretTag {
    /// What is kept when wrong secrets need not be told apart.
    pub const NONE: Self = Self(0);

    /// What is enough to see that somebody repeats himself: of all wrong secrets one in 65,536 looks the same. Whoever
    /// gets hold of database and key learns that much less of what people mistyped.
    #[must_use]
    pub fn coarse(self) -> Self {
        if self == Self::NONE { self } else { Self((self.0 >> 48).max(1)) }
    }
}

/// The keys of one store: the current one, and former ones under which there may still be rows. Whatever is kept under a
/// key is kept with its id, found by that, and put under the current key at its next use.
#[derive(Clone, Debug)]
pub struct KeyRing(Arc<[StoreKey]>);

impl KeyRing {
    /// The current key, and the former ones, newest first.
    #[must_use]
    pub fn new(current: StoreKey, former: impl IntoIterator<Item = StoreKey>) -> Self {
        Self(std::iter::once(current).chain(former).collect())
    }

    /// What is new is made with this one.
    #[must_use]
    pub fn current(&self) -> &StoreKey {
        &self.0[0]
    }

    /// The oldest one that is known.
    #[must_use]
    pub fn oldest(&self) -> &StoreKey {
        &self.0[self.0.len() - 1]
    }

    /// The one with this id.
    #[must_use]
    pub fn get(&self, id: KeyId) -> Option<&StoreKey> {
        self.0.iter().find(|key| key.id() == id)
    }

    /// Their ids, the current one first.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.0.iter().map(StoreKey::id)
    }

    /// The selectors of a client password of an account, under each key.
    #[must_use]
    pub fn selectors(&self, account_id: i64, digest: &Digest) -> Selectors {
        Selectors(self.0.iter().map(|key| (key.id(), key.selector(account_id, digest))).collect())
    }

    /// The marks of a mailbox, under each key.
    #[must_use]
    pub fn mailbox_marks(&self, place: &[u8], uid: &[u8]) -> Vec<MailboxMark> {
        self.0.iter().map(|key| key.mailbox_mark(place, uid)).collect()
    }
}

/// What finds a client password, whichever key its row is under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selectors(Vec<(KeyId, Selector)>);

impl Selectors {
    /// Whether a row is of this password.
    #[must_use]
    pub fn find(&self, row: (KeyId, Selector)) -> bool {
        self.0.contains(&row)
    }

    /// Whether a mark, whose key nobody noted, is of this password.
    #[must_use]
    pub fn find_mark(&self, mark: Selector) -> bool {
        self.0.iter().any(|(_, selector)| *selector == mark)
    }

    /// Whether the key of a row is known: then the row can be found.
    #[must_use]
    pub fn know(&self, key_id: KeyId) -> bool {
        self.0.iter().any(|(known, _)| *known == key_id)
    }
}

/// The key of one store. It lives in a file outside the database.
#[derive(Clone)]
pub struct StoreKey {
    id: KeyId,
    keyed: Hmac<Sha256>,
}

impl StoreKey {
    /// Takes the bytes of the key file.
    #[must_use]
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        let keyed = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
        let mut id = [0; 8];
        id.copy_from_slice(&mark(&keyed, b"key id", &[])[..8]);
        Self { id: KeyId(id), keyed }
    }

    /// The id that goes beside every selector.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The selector of a client password of an account.
    #[must_use]
    pub fn selector(&self, account_id: i64, digest: &Digest) -> Selector {
        let mut selector = [0; 16];
        let marked = mark(&self.keyed, b"selector", &[&account_id.to_be_bytes(), &digest.0]);
        selector.copy_from_slice(&marked[..16]);
        Selector(selector)
    }

    /// The tag of an account name, or of what somebody typed in its place.
    #[must_use]
    pub fn account_tag(&self, name: &[u8]) -> AccountTag {
        AccountTag(first_u64(&mark(&self.keyed, b"account", &[name])))
    }

    /// The tag of a wrong secret for an account; never [`SecretTag::NONE`].
    #[must_use]
    pub fn secret_tag(&self, account: AccountTag, digest: &Digest) -> SecretTag {
        let marked = mark(&self.keyed, b"wrong secret", &[&account.0.to_be_bytes(), &digest.0]);
        SecretTag(first_u64(&marked).max(1))
    }

    /// The tag of a code that was sent for a session to type.
    #[must_use]
    pub fn code_tag(&self, session: i64, code: &Code) -> CodeTag {
        let mut tag = [0; 16];
        let marked = mark(&self.keyed, b"code", &[&session.to_be_bytes(), code.reveal().as_bytes()]);
        tag.copy_from_slice(&marked[..16]);
        CodeTag(tag)
    }

    /// The mark of a mailbox.
    #[must_use]
    pub fn mailbox_mark(&self, place: &[u8], uid: &[u8]) -> MailboxMark {
        MailboxMark(first_half(&mark(&self.keyed, b"mailbox", &[place, uid])))
    }

    /// The mark of a phone or mail address that codes are sent to, for counting them.
    #[must_use]
    pub fn recipient_mark(&self, recipient: &str) -> [u8; 16] {
        first_half(&mark(&self.keyed, b"recipient", &[recipient.as_bytes()]))
    }

    /// The key under which second factors are sealed (see [`super::seal`]).
    #[must_use]
    pub fn sealing(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(mark(&self.keyed, b"seal", &[]))
    }

    /// The tag of an account name that is known to be in normal form.
    #[must_use]
    pub fn tag_of(&self, name: &AccountName) -> AccountTag {
        self.account_tag(name.as_str().as_bytes())
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreKey({:?})", self.id)
    }
}

/// HMAC over a purpose and parts; each part is preceded by its length, so that no two different
/// lists of parts read the same.
pub(super) fn mark(keyed: &Hmac<Sha256>, purpose: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = keyed.clone();
    for part in std::iter::once(&purpose).chain(parts) {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn first_half(bytes: &[u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&bytes[..16]);
    half
}

fn first_u64(bytes: &[u8; 32]) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&bytes[..8]);
    u64::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::secret::Secret;

    #[test]
    fn marks_depend_on_key_purpose_account_and_secret() {
        let key = StoreKey::new(&[1; KEY_BYTES]);
        let other = StoreKey::new(&[2; KEY_BYTES]);
        let digest = Secret::new(*b"x").digest();
        assert_eq!(key.selector(1, &digest), StoreKey::new(&[1; KEY_BYTES]).selector(1, &digest));
        assert_ne!(key.selector(1, &digest), key.selector(2, &digest));
        assert_ne!(key.selector(1, &digest), other.selector(1, &digest));
        assert_ne!(key.id(), other.id());
        let ann = key.account_tag(b"ann@example.org");
        let other_digest = Secret::new(*b"y").digest();
        assert_ne!(key.secret_tag(ann, &digest), key.secret_tag(ann, &other_digest));
        assert_ne!(ann, key.account_tag(b"bob@example.org"));
    }

    #[test]
    fn a_ring_finds_what_any_of_its_keys_made() {
        let [new, old, gone] = [3, 2, 1].map(|byte| StoreKey::new(&[byte; KEY_BYTES]));
        let ring = KeyRing::new(new.clone(), [old.clone()]);
        assert_eq!(ring.ids().collect::<Vec<_>>(), [new.id(), old.id()]);
        assert_eq!((ring.current().id(), ring.oldest().id()), (new.id(), old.id()));
        assert!(ring.get(old.id()).is_some() && ring.get(gone.id()).is_none());
        let digest = Secret::new(*b"x").digest();
        let selectors = ring.selectors(1, &digest);
        for key in [&new, &old] {
            assert!(selectors.find((key.id(), key.selector(1, &digest))) && selectors.know(key.id()));
            assert!(selectors.find_mark(key.selector(1, &digest)));
            assert!(!selectors.find((key.id(), key.selector(2, &digest))));
        }
        assert!(!selectors.find((new.id(), old.selector(1, &digest))), "under its own key only");
        assert!(!selectors.know(gone.id()) && !selectors.find_mark(gone.selector(1, &digest)));
    }

    #[test]
    fn an_id_is_read_as_it_is_shown() {
        let id = StoreKey::new(&[1; KEY_BYTES]).id();
        let shown = id.to_string();
        assert_eq!((shown.len(), KeyId::parse(&shown)), (16, Some(id)));
        assert_eq!(KeyId::parse(&shown.to_uppercase()), Some(id));
        for wrong in ["", "0123", &shown[1..], "0123456789abcdefg", "not a key id..."] {
            assert_eq!(KeyId::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_key_is_not_printed() {
        let shown = format!("{:?}", StoreKey::new(&[0xAB; KEY_BYTES]));
        assert!(!shown.to_lowercase().contains("abab") && !shown.contains("171, 171"), "{shown}");
    }
}
