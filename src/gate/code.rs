//! Short codes of digits: what a person types, and what was sent to them by SMS or mail.
//!
//! Out-of-band codes follow NIST SP 800-63B and OWASP ASVS 6.5/6.6: six random digits, good for five minutes, once, for
//! five tries, and for the session that asked. A new code makes the one before worthless.

use std::fmt;
use std::time::Duration;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::key::StoreKey;
use super::pasted::is_invisible;
use crate::clock::Timestamp;
use crate::entropy::Entropy;

/// Digits of every code.
pub const DIGITS: usize = 6;
/// How long a code that was sent is good.
pub const VALID: Duration = Duration::from_secs(5 * 60);
/// How often one may be tried.
pub const TRIES_MAX: u8 = 5;

/// A code as somebody typed it, or as it was sent.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Code([u8; DIGITS]);

impl Code {
    /// Reads six digits. White space and hyphens between them are dropped, because apps show codes in groups; full-width
    /// digits are digits, because Chinese keyboards type them.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let mut digits = [0; DIGITS];
        let mut read = 0;
        for char in typed.chars().filter(|char| !is_invisible(*char) && *char != '-') {
            let digit = match char {
                '0'..='9' => u32::from(char) - u32::from('0'),
                '０'..='９' => u32::from(char) - u32::from('０'),
                _ => return None,
            };
            *digits.get_mut(read)? = b'0' + u8::try_from(digit).ok()?;
            read += 1;
        }
        (read == DIGITS).then_some(Self(digits))
    }

    /// The last six digits of a number.
    #[must_use]
    pub fn of(number: u32) -> Self {
        let mut rest = number;
        let mut digits = [0; DIGITS];
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
        }
        Self(digits)
    }

    /// A new one, each as likely as any other.
    #[must_use]
    pub fn draw(entropy: &Entropy) -> Self {
        const ALL: u32 = 10_u32.pow(DIGITS as u32);
        // Numbers past the last whole million would make low codes likelier.
        let fair = u32::MAX - u32::MAX % ALL;
        loop {
            let number = u32::from_be_bytes(entropy.bytes());
            if number < fair {
                return Self::of(number);
            }
        }
    }

    /// The digits themselves: for the one who gets them sent.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.iter().map(|digit| char::from(*digit)).collect())
    }

    /// Whether it is this one, in constant time.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(..)")
    }
}

/// What is kept of a code that was sent: enough to know it again, for whoever has the store key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentCode {
    tag: CodeTag,
    sent: Timestamp,
    tries: u8,
}

/// Stands for a code of one session.
#[derive(Clone, Copy, Debug, Eq)]
pub struct CodeTag(pub [u8; 16]);

/// In constant time.
impl PartialEq for CodeTag {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// How a try of a code ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// It is the one; it is used up now.
    Right,
    /// It is not; so many tries are left.
    Wrong(u8),
    /// Whatever it is, it came too late, or after too many tries: a new one has to be sent.
    Over,
}

impl SentCode {
    /// A code that was sent just now, for `session` to type.
    #[must_use]
    pub fn new(key: &StoreKey, session: i64, code: &Code, now: Timestamp) -> Self {
        Self { tag: key.code_tag(session, code), sent: now, tries: 0 }
    }

    /// As the store has it.
    #[must_use]
    pub fn stored(tag: CodeTag, sent: Timestamp, tries: u8) -> Self {
        Self { tag, sent, tries }
    }

    /// For the store.
    #[must_use]
    pub fn parts(&self) -> (CodeTag, Timestamp, u8) {
        (self.tag, self.sent, self.tries)
    }

    /// Tries a code: how it ends, and what is left to be tried again.
    #[must_use]
    pub fn judge(self, key: &StoreKey, session: i64, typed: &Code, now: Timestamp) -> (Tried, Option<Self>) {
        let age = now.0.saturating_sub(self.sent.0);
        let valid = i64::try_from(VALID.as_secs()).unwrap_or(i64::MAX);
        if self.tries >= TRIES_MAX || !(0..valid).contains(&age) {
            return (Tried::Over, None);
        }
        if key.code_tag(session, typed) == self.tag {
            return (Tried::Right, None);
        }
        let tries = self.tries + 1;
        let left = TRIES_MAX - tries;
        (Tried::Wrong(left), (left > 0).then_some(Self { tries, ..self }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::key::KEY_BYTES;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    fn key() -> StoreKey {
        StoreKey::new(&[7; KEY_BYTES])
    }

    #[test]
    fn six_digits_are_read_however_they_are_grouped() {
        for typed in ["123456", " 123 456 ", "123-456", "１２３４５６", "12 34\u{3000}56"] {
            let code = Code::parse(typed).unwrap_or_else(|| panic!("{typed}"));
            assert_eq!(code.reveal().as_str(), "123456");
        }
        for typed in ["", "12345", "1234567", "12345a", "12345６7", "123.456", "١٢٣٤٥٦"] {
            assert_eq!(Code::parse(typed), None, "{typed}");
        }
    }

    #[test]
    fn codes_keep_their_zeros_and_are_fair() {
        assert_eq!(Code::of(42).reveal().as_str(), "000042");
        assert_eq!(Code::of(7_000_042).reveal().as_str(), "000042");
        let entropy = Entropy::from_seed(1);
        let mut first = [0_u32; 10];
        for _ in 0..10_000 {
            first[usize::from(Code::draw(&entropy).0[0] - b'0')] += 1;
        }
        // Five standard deviations of 10,000 tries at one in ten.
        assert!(first.iter().all(|seen| (850..1_150).contains(seen)), "{first:?}");
    }

    #[test]
    fn a_code_is_good_once_for_its_session() {
        let (key, code) = (key(), Code::of(123_456));
        let sent = SentCode::new(&key, 1, &code, NOW);
        assert_eq!(sent.clone().judge(&key, 1, &code, NOW), (Tried::Right, None));
        assert!(matches!(sent.clone().judge(&key, 2, &code, NOW), (Tried::Wrong(4), Some(_))));
        let other = StoreKey::new(&[8; KEY_BYTES]);
        assert!(matches!(sent.judge(&other, 1, &code, NOW), (Tried::Wrong(4), Some(_))));
    }

    #[test]
    fn a_code_is_good_for_five_minutes() {
        let (key, code) = (key(), Code::of(123_456));
        let sent = SentCode::new(&key, 1, &code, NOW);
        let last = Timestamp(NOW.plus(VALID).0 - 1);
        assert_eq!(sent.clone().judge(&key, 1, &code, last).0, Tried::Right);
        assert_eq!(sent.clone().judge(&key, 1, &code, NOW.plus(VALID)), (Tried::Over, None));
        assert_eq!(sent.judge(&key, 1, &code, Timestamp(NOW.0 - 1)), (Tried::Over, None), "from the future");
    }

    #[test]
    fn the_fifth_wrong_try_is_the_last() {
        let (key, code, wrong) = (key(), Code::of(123_456), Code::of(654_321));
        let mut sent = SentCode::new(&key, 1, &code, NOW);
        for left in (1..TRIES_MAX).rev() {
            let (tried, rest) = sent.judge(&key, 1, &wrong, NOW);
            assert_eq!(tried, Tried::Wrong(left));
            sent = rest.expect("it may be tried again");
        }
        assert_eq!(sent.clone().judge(&key, 1, &code, NOW).0, Tried::Right, "the fifth may be right");
        assert_eq!(sent.judge(&key, 1, &wrong, NOW), (Tried::Wrong(0), None));
        let spent = SentCode::stored(key.code_tag(1, &code), NOW, TRIES_MAX);
        assert_eq!(spent.judge(&key, 1, &code, NOW), (Tried::Over, None));
    }

    #[test]
    fn debug_shows_no_code() {
        assert_eq!(format!("{:?}", Code::of(123_456)), "Code(..)");
    }
}
