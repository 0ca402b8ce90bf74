//! Recovery codes: for whoever lost every second factor. 16 characters of base32, 80 random bits, each good once.
//!
//! They are below 112 bits, so that the store has them as Argon2id (NIST SP 800-63B, 5.1.2.2), over SHA-256 and found by
//! a selector as client passwords are.

use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

use super::pasted::is_invisible;
use super::secret::Secret;
use crate::entropy::Entropy;

/// Characters of a code.
pub const RECOVERY_CHARS: usize = 16;
/// Random bytes of a code.
const BYTES: usize = 10;
/// Characters that stand together for the eye.
const GROUP: usize = 4;

/// A new code, in groups for the eye.
#[must_use]
pub fn draw(entropy: &Entropy) -> Zeroizing<String> {
    let plain = Zeroizing::new(BASE32_NOPAD.encode(&entropy.bytes::<BYTES>()));
    let mut shown = Zeroizing::new(String::with_capacity(RECOVERY_CHARS + RECOVERY_CHARS / GROUP));
    for (at, character) in plain.chars().enumerate() {
        if at > 0 && at % GROUP == 0 {
            shown.push('-');
        }
        shown.push(character);
    }
    shown
}

/// Reads what somebody typed: small letters are capitals, white space and hyphens are dropped; 0, 1 and 8, which no code
/// has, are the letters that they look like.
#[must_use]
pub fn parse(typed: &str) -> Option<Secret> {
    let mut read = Zeroizing::new(String::with_capacity(RECOVERY_CHARS));
    for character in typed.chars().filter(|char| !is_invisible(*char) && *char != '-') {
        let character = match character.to_ascii_uppercase() {
            '0' => 'O',
            '1' => 'I',
            '8' => 'B',
            other => other,
        };
        let good = character.is_ascii_uppercase() || matches!(character, '2'..='7');
        if !good || read.len() == RECOVERY_CHARS {
            return None;
        }
        read.push(character);
    }
    (read.len() == RECOVERY_CHARS).then(|| Secret::new(read.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let shown = draw(&Entropy::from_seed(1));
        assert_eq!((shown.len(), shown.matches('-').count()), (19, 3));
        let digest = parse(&shown).expect("its own text").digest();
        for typed in
            [shown.to_lowercase(), shown.replace('-', ""), shown.replace('-', " "), format!(" {} ", *shown)]
        {
            assert!(parse(&typed).expect("the same").digest() == digest, "{typed}");
        }
        let other = parse("ABCD-EFGH-0123-4567").expect("looks like one");
        assert!(other.digest() == parse("ABCD-EFGH-OI23-4567").expect("the same").digest());
        assert!(draw(&Entropy::from_seed(2)) != shown);
    }

    #[test]
    fn what_is_none_is_refused() {
        for typed in
            ["", "ABCD-EFGH-2345-677", "ABCD-EFGH-2345-67777", "ABCD-EFGH-2345-679_", "ABCD-EFGH-2345-67é7"]
        {
            assert!(parse(typed).is_none(), "{typed}");
        }
    }
}
