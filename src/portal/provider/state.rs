//! The `state` of a sign-in: what comes back with the answer, so that nobody can bring in an answer of his own.

use std::fmt;

use data_encoding::HEXLOWER;
use subtle::ConstantTimeEq;

use crate::entropy::Entropy;

/// Bytes of a state: 128 random bits.
pub const STATE_BYTES: usize = 16;

/// A state. It belongs to one session and one purpose, and is good once; keeping that is the caller's.
#[derive(Clone, Copy, Eq)]
pub struct State([u8; STATE_BYTES]);

/// In constant time.
impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("State(..)")
    }
}

impl State {
    /// A new one.
    #[must_use]
    pub fn draw(entropy: &Entropy) -> Self {
        Self(entropy.bytes())
    }

    /// One that was kept.
    #[must_use]
    pub fn from_bytes(bytes: [u8; STATE_BYTES]) -> Self {
        Self(bytes)
    }

    /// One as it stands in an address.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The bytes, to keep.
    #[must_use]
    pub fn bytes(&self) -> [u8; STATE_BYTES] {
        self.0
    }

    /// As it stands in an address: 32 letters and digits, which every provider hands back unchanged.
    #[must_use]
    pub fn text(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// Whether this came back, in constant time.
    #[must_use]
    pub fn matches(&self, came: &str) -> bool {
        self.text().as_bytes().ct_eq(came.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_known_again_and_no_other_is() {
        let state = State::draw(&Entropy::from_seed(1));
        let text = state.text();
        assert!(text.len() == 2 * STATE_BYTES && text.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert!(State::parse(&text) == Some(state) && State::parse(&text[2..]).is_none());
        assert!(state.matches(&text) && State::from_bytes(state.bytes()) == state);
        let other = State::draw(&Entropy::from_seed(2));
        assert!(other != state);
        for wrong in ["", &text[1..], &format!("{text}0"), &text.to_uppercase(), &other.text()] {
            assert!(!state.matches(wrong), "{wrong}");
        }
        assert_eq!(format!("{state:?}"), "State(..)");
        assert_ne!(State::draw(&Entropy::system()).text(), State::draw(&Entropy::system()).text());
    }
}
