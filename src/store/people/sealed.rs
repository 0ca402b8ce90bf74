//! What proves a factor, as it is sealed in the store; and what may be shown of it.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{Desk, Known};
use crate::gate::seal::{Place, SealError, Sealed};
use crate::gate::totp::Seed;
use crate::store::StoreError;
use crate::store::portal::UID_BYTES;

/// The tables' names, bound to what is sealed in them.
const FACTOR: &str = "factor";
const CHALLENGE: &str = "challenge";

/// What has to come back for a challenge.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(super) struct Memo {
    /// A passkey: the options for the browser.
    #[serde(default)]
    pub(super) options: String,
    /// A passkey: what the answer is checked against.
    #[serde(default)]
    pub(super) ceremony: String,
    /// A sign-in provider: the state.
    #[serde(default)]
    pub(super) state: String,
}

impl Memo {
    /// A passkey's ceremony.
    pub(super) fn passkey((options, ceremony): (String, String)) -> Self {
        Self { options, ceremony, state: String::new() }
    }

    /// A provider's state.
    pub(super) fn state(state: String) -> Self {
        Self { options: String::new(), ceremony: String::new(), state }
    }
}

impl Desk<'_> {
    pub(super) fn seal_factor(
        &self,
        known: &Known,
        uid: &[u8; UID_BYTES],
        plain: &[u8],
    ) -> Result<Sealed, StoreError> {
        let place = Place { table: FACTOR, row: uid, account: known.account.id };
        self.at.keys.seal(plain, place, self.entropy).map_err(trouble)
    }

    pub(super) fn open_factor(
        &self,
        known: &Known,
        uid: &[u8; UID_BYTES],
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let place = Place { table: FACTOR, row: uid, account: known.account.id };
        self.at.keys.open(sealed, place).map_err(trouble)
    }

    /// What was sealed as text: a phone, an address, a person.
    pub(super) fn open_text(
        &self,
        known: &Known,
        uid: &[u8; UID_BYTES],
        sealed: &Sealed,
    ) -> Result<Zeroizing<String>, StoreError> {
        let plain = self.open_factor(known, uid, sealed)?;
        let text = String::from_utf8(plain.to_vec()).map_err(|_| trouble(SealError::Broken))?;
        Ok(Zeroizing::new(text))
    }

    pub(super) fn open_seed(
        &self,
        known: &Known,
        uid: &[u8; UID_BYTES],
        sealed: &Sealed,
    ) -> Result<Seed, StoreError> {
        let plain = self.open_factor(known, uid, sealed)?;
        Seed::new(&plain).ok_or_else(|| trouble(SealError::Broken))
    }

    pub(super) fn seal_memo(&self, known: &Known, memo: &Memo) -> Result<Sealed, StoreError> {
        let plain = Zeroizing::new(serde_json::to_vec(memo).map_err(|_| trouble(SealError::TooLong))?);
        self.at
            .keys
            .seal(&plain, memo_place(known, &known.session.id.to_be_bytes()), self.entropy)
            .map_err(trouble)
    }

    pub(super) fn open_memo(&self, known: &Known, sealed: &Sealed) -> Result<Memo, StoreError> {
        let row = known.session.id.to_be_bytes();
        let plain = self.at.keys.open(sealed, memo_place(known, &row)).map_err(trouble)?;
        serde_json::from_slice(&plain).map_err(|_| trouble(SealError::Broken))
    }
}

fn memo_place<'a>(known: &Known, row: &'a [u8]) -> Place<'a> {
    Place { table: CHALLENGE, row, account: known.account.id }
}

pub(super) fn trouble(error: SealError) -> StoreError {
    match error {
        SealError::NoKey(key) => StoreError::LostKey(key),
        SealError::TooLong | SealError::Broken => StoreError::Row(error.to_string()),
    }
}

/// A mail address as it may be shown: its first letter and its domain.
#[must_use]
pub fn masked_address(address: &str) -> String {
    let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
    let first: String = local.chars().take(1).collect();
    format!("{first}***@{domain}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::factor::FactorKind;
    use crate::gate::passkey::tests::{Browser, LONGEST_ID, site, slices};
    use crate::gate::passkey::{ASKED_BYTES_MAX, begin_authentication, begin_registration};
    use crate::gate::seal::SEALED_BYTES_MAX;

    /// What is in a memo beside the passkeys.
    const ROUND_IT: usize = 2_000;
    const _: () = assert!(3 * ASKED_BYTES_MAX + ROUND_IT <= SEALED_BYTES_MAX);

    /// With as many passkeys as an account may have, each with the longest name.
    #[test]
    fn what_is_remembered_of_a_question_can_be_sealed() {
        let length = |asked: (String, String)| serde_json::to_vec(&Memo::passkey(asked)).expect("JSON").len();
        let bound = vec![Browser::new(&LONGEST_ID).bind(); FactorKind::Passkey.most()];
        let bound = slices(&bound);
        let asked = begin_registration(&site(), &"a".repeat(320), [7; 16], &bound).expect("asked");
        let of_all = length(asked);
        assert!(of_all <= SEALED_BYTES_MAX, "{of_all}");
        // The state repeats the records, quotes behind backslashes, and the options their names.
        for many in 1..=bound.len() {
            let records: usize = bound[..many].iter().map(|record| record.len()).sum();
            let asked = length(begin_authentication(&site(), &bound[..many]).expect("asked"));
            assert!(asked <= 3 * records + ROUND_IT, "{many}: {asked} of {records}");
        }
        // As many as there may be of those that people have.
        let usual = Browser::new(&[7; 64]).bind().len();
        assert!(FactorKind::Passkey.most() * usual <= ASKED_BYTES_MAX, "{usual}");
    }

    #[test]
    fn an_address_shows_its_first_letter_and_its_domain() {
        assert_eq!(masked_address("anne@example.net"), "a***@example.net");
        assert_eq!(masked_address("安妮@example.net"), "安***@example.net");
    }
}
