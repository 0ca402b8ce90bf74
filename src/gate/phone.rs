//! Mobile numbers, as second factors have them.

use std::fmt;

/// The fewest digits of a number with its country code that anybody is reached under.
pub const PHONE_DIGITS_MIN: usize = 7;
/// The most digits of a number with its country code (E.164).
pub const PHONE_DIGITS_MAX: usize = 15;

/// China's country code. Its mobile numbers have one form, and only they get messages.
const CHINA: &str = "86";
/// How many digits of a number stay hidden, in its middle.
const MASK: &str = "****";
/// The digits that a long enough number shows at its end.
const TAIL_DIGITS: usize = 4;

/// No number that could get a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no mobile number with its country code, like +8613812345678")]
pub struct NoPhone;

/// A mobile number as E.164 writes it: `+`, the country code, the number. Shown to nobody in full: `Debug` and
/// `Display` write `+86138****1234`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Phone(String);

impl Phone {
    /// Reads a number as people write it: spaces, hyphens and brackets are dropped, `00` is as good as `+`, and a
    /// number without either belongs to `country` (a country code without `+`).
    ///
    /// # Errors
    /// It is no number, or in China none of a mobile phone.
    pub fn parse(text: &str, country: &str) -> Result<Self, NoPhone> {
        let kept = text.trim().chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '\u{a0}'));
        let text: String = kept.collect();
        let digits = match text.strip_prefix('+').or_else(|| text.strip_prefix("00")) {
            Some(digits) => digits.to_owned(),
            None => format!("{country}{text}"),
        };
        let long = (PHONE_DIGITS_MIN..=PHONE_DIGITS_MAX).contains(&digits.len());
        let good = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        let mobile = digits.strip_prefix(CHINA).is_none_or(|number| {
            number.len() == 11 && number.starts_with('1') && matches!(number.as_bytes()[1], b'3'..=b'9')
        });
        if long && good && mobile { Ok(Self(format!("+{digits}"))) } else { Err(NoPhone) }
    }

    /// The number itself, for the one who sends: `+8613812345678`.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The number of a Chinese phone without its country code.
    #[must_use]
    pub fn in_china(&self) -> Option<&str> {
        self.digits().strip_prefix(CHINA)
    }

    /// The country code and the number, without `+`.
    #[must_use]
    pub fn digits(&self) -> &str {
        &self.0[1..]
    }

    /// As it may be shown: `+86138****1234`.
    #[must_use]
    pub fn masked(&self) -> String {
        let digits = self.digits();
        let tail = if digits.len() > 2 * TAIL_DIGITS + 2 { TAIL_DIGITS } else { TAIL_DIGITS / 2 };
        let head = digits.len() - tail - MASK.len();
        format!("+{}{MASK}{}", &digits[..head], &digits[digits.len() - tail..])
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Phone({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn phone(text: &str) -> Result<String, NoPhone> {
        Phone::parse(text, "86").map(|phone| phone.reveal().to_owned())
    }

    #[test]
    fn a_number_is_read_as_people_write_it() {
        for text in
            ["+8613812345678", "13812345678", "138 1234 5678", "0086-138-1234-5678", " +86 (138) 12345678 "]
        {
            assert_eq!(phone(text).as_deref(), Ok("+8613812345678"), "{text}");
        }
        assert_eq!(phone("+1 202-555-0143").as_deref(), Ok("+12025550143"));
        assert_eq!(Phone::parse("2025550143", "1").unwrap().reveal(), "+12025550143");
    }

    #[test]
    fn what_is_no_mobile_number_is_refused() {
        let wrong = ["", "+", "+86", "1381234567", "138123456789", "+8612812345678", "+861081234567"];
        let odd = [
            "+0123456789",
            "+1202555o143",
            "13812345678,13812345679",
            "+8613812345678\n+1",
            "１３８１２３４５６７８",
        ];
        for text in wrong.into_iter().chain(odd) {
            assert_eq!(phone(text), Err(NoPhone), "{text}");
        }
    }

    #[test]
    fn a_number_has_so_many_digits_and_no_more() {
        let of = |digits: usize| phone(&format!("+{}", "7".repeat(digits)));
        for (digits, allowed) in [
            (PHONE_DIGITS_MIN - 1, false),
            (PHONE_DIGITS_MIN, true),
            (PHONE_DIGITS_MAX, true),
            (PHONE_DIGITS_MAX + 1, false),
        ] {
            assert_eq!(of(digits).is_ok(), allowed, "{digits}");
        }
    }

    #[test]
    fn a_number_is_never_shown_in_full() {
        let phone = Phone::parse("13812341234", "86").unwrap();
        assert_eq!(
            (phone.to_string(), format!("{phone:?}")),
            ("+86138****1234".into(), "Phone(+86138****1234)".into())
        );
        assert_eq!(Phone::parse("+7777777", "86").unwrap().masked(), "+7****77");
    }

    proptest! {
        #[test]
        fn every_number_hides_four_digits(digits in "[2-7][0-9]{6,14}") {
            let phone = Phone::parse(&format!("+{digits}"), "86").unwrap();
            let shown = phone.masked();
            prop_assert_eq!(shown.len(), digits.len() + 1);
            prop_assert_eq!(shown.matches('*').count(), 4);
        }
    }
}
