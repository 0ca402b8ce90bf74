//! Codes of an authenticator app: TOTP (RFC 6238) over HOTP (RFC 4226), with SHA-1, six digits and thirty seconds, because
//! some apps ignore any other setting.
//!
//! One step either side is taken, for clocks that are off. The step that was accepted last is remembered, and neither it
//! nor an earlier one is taken again: a code is good once.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::code::{Code, DIGITS};
use crate::clock::Timestamp;
use crate::entropy::Entropy;

/// Bytes of a seed, as RFC 4226 recommends: 160 bits.
pub const SEED_BYTES: usize = 20;
/// Seconds of a step.
pub const STEP_SECS: i64 = 30;
/// Steps before and after the present one that are taken.
pub const WINDOW: i64 = 1;

/// A number of steps since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step(pub i64);

impl Step {
    /// The step of a moment.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(now.0.div_euclid(STEP_SECS))
    }
}

/// What an authenticator app and Sidegate share. `Debug` never shows it, and memory is wiped on drop.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Seed([u8; SEED_BYTES]);

impl Seed {
    /// A new one.
    #[must_use]
    pub fn draw(entropy: &Entropy) -> Self {
        Self(entropy.bytes())
    }

    /// Takes the bytes as they were stored; `None` if there are too few or too many.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes themselves: for sealing.
    #[must_use]
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }

    /// What a person types into an app that cannot scan: base32.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE32_NOPAD.encode(&self.0))
    }

    /// What the QR code says: the `otpauth` URI that authenticator apps read. People see the account's name there.
    #[must_use]
    pub fn uri(&self, issuer: &str, account: &str) -> Zeroizing<String> {
        let account = &*super::domain::shown(account);
        let (issuer, account) = (escaped(issuer), escaped(account));
        let secret = self.text();
        let (secret, period) = (secret.as_str(), STEP_SECS);
        Zeroizing::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={period}"
        ))
    }

    /// The code of a step.
    #[must_use]
    pub fn code(&self, step: Step) -> Code {
        let mut keyed = Hmac::<Sha1>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        keyed.update(&step.0.to_be_bytes());
        let mac = keyed.finalize().into_bytes();
        // RFC 4226, 5.3: the last four bits say where 31 bits are taken.
        let at = usize::from(mac[19] & 0xf);
        Code::of(u32::from_be_bytes([mac[at], mac[at + 1], mac[at + 2], mac[at + 3]]) & 0x7fff_ffff)
    }

    /// The step whose code was typed, if that is near enough and later than `last`, the one that was accepted last.
    #[must_use]
    pub fn accepts(&self, typed: &Code, now: Timestamp, last: Option<Step>) -> Option<Step> {
        let here = Step::at(now).0;
        // All are looked at, whichever it is.
        let found = (here - WINDOW..=here + WINDOW).map(Step).filter(|step| self.code(*step).is(typed));
        found.fold(None, |found, step| match found {
            None if last.is_none_or(|last| step > last) => Some(step),
            found => found,
        })
    }
}

impl Seed {
    /// Whether it is the code that was accepted last, of the step `last`, while an app may still show it. Nothing is learned
    /// by asking: whoever hits it holds a code that is good for nothing any more.
    #[must_use]
    pub fn was_used(&self, typed: &Code, now: Timestamp, last: Option<Step>) -> bool {
        let here = Step::at(now).0;
        let near = |last: &Step| (here - WINDOW..=here + WINDOW).contains(&last.0);
        last.filter(near).is_some_and(|last| self.code(last).is(typed))
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// RFC 3986: everything but unreserved characters is percent-encoded.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rfc() -> Seed {
        Seed::new(b"12345678901234567890").expect("20 bytes")
    }

    #[test]
    fn the_codes_are_those_of_rfc_4226_and_6238() {
        // RFC 4226, appendix D, counts 0 to 9.
        let hotp = [755_224, 287_082, 359_152, 969_429, 338_314, 254_676, 287_922, 162_583, 399_871, 520_489];
        for (count, code) in (0..).zip(hotp) {
            assert_eq!(rfc().code(Step(count)), Code::of(code), "{count}");
        }
        // RFC 6238, appendix B, the last six of eight digits.
        for (time, code) in [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000, 65_353_130),
        ] {
            assert_eq!(rfc().code(Step::at(Timestamp(time))), Code::of(code), "{time}");
        }
    }

    #[test]
    fn one_step_either_side_is_taken() {
        let now = Timestamp(1_800_000_000);
        let here = Step::at(now).0;
        for (off, taken) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let step = Step(here + off);
            let accepted = rfc().accepts(&rfc().code(step), now, None);
            assert_eq!(accepted, taken.then_some(step), "{off}");
        }
    }

    #[test]
    fn a_code_is_good_once() {
        let now = Timestamp(1_800_000_000);
        let step = Step::at(now);
        let code = rfc().code(step);
        assert_eq!(rfc().accepts(&code, now, Some(Step(step.0 - 1))), Some(step));
        assert_eq!(rfc().accepts(&code, now, Some(step)), None);
        assert_eq!(rfc().accepts(&rfc().code(Step(step.0 - 1)), now, Some(step)), None, "an earlier one");
    }

    #[test]
    fn a_code_that_was_used_is_known_while_an_app_shows_it() {
        let seed = Seed::draw(&Entropy::from_seed(3));
        let (now, last) = (Timestamp(1_800_000_000), Step::at(Timestamp(1_800_000_000)));
        let at = |steps: i64| Timestamp(now.0 + steps * STEP_SECS);
        let code = seed.code(last);
        for (steps, used) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            assert_eq!(seed.was_used(&code, at(steps), Some(last)), used, "{steps}");
        }
        assert!(!seed.was_used(&code, now, None), "none was");
        assert!(!seed.was_used(&seed.code(Step(last.0 - 1)), now, Some(last)), "an older one is wrong");
        assert!(!seed.was_used(&code, now, Some(Step(last.0 - 1))), "it is good");
        assert!(!Seed::draw(&Entropy::from_seed(4)).was_used(&code, now, Some(last)), "another app");
    }

    #[test]
    fn a_seed_is_shown_as_apps_read_it_and_never_by_debug() {
        assert_eq!(rfc().text().as_str(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(
            rfc().uri("Example 邮箱", "ann@example.org").as_str(),
            "otpauth://totp/Example%20%E9%82%AE%E7%AE%B1:ann%40example.org\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example%20%E9%82%AE%E7%AE%B1\
             &algorithm=SHA1&digits=6&period=30"
        );
        assert_eq!(format!("{:?}", rfc()), "Seed(..)");
        assert_eq!(Seed::new(&[0; SEED_BYTES - 1]), None);
        assert_eq!(Seed::new(&[0; SEED_BYTES + 1]), None);
        assert_eq!(Seed::new(rfc().reveal()), Some(rfc()));
    }
}
