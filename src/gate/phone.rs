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

/// Country codes of two digits (E.164); those that begin with 1 or 7 have one, all others three.
const TWO_DIGITS: [&str; 44] = [
    "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48",
    "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81",
    "82", "84", "86", "90", "91", "92", "93", "94", "95", "98",
];
/// The most digits of what may be named: a country code with the beginning of its numbers.
const COUNTRY_DIGITS_MAX: usize = 7;
/// Beginnings of numbers that cost extra within a country that has ordinary ones: North America's 900, Britain's personal
/// and premium numbers. They have to be named themselves.
const PREMIUM: [&str; 3] = ["1900", "4470", "449"];

/// A country code, perhaps with the beginning of its numbers: `86`, `1`, `1242`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountryCode(String);

impl CountryCode {
    /// China's.
    #[must_use]
    pub fn china() -> Self {
        Self(CHINA.to_owned())
    }

    /// Reads one; nothing shorter than a whole country code, which would be many countries.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        let least = match text.get(..2) {
            _ if text.starts_with(['1', '7']) => 1,
            Some(two) if TWO_DIGITS.contains(&two) => 2,
            _ => 3,
        };
        (digits && (least..=COUNTRY_DIGITS_MAX).contains(&text.len())).then(|| Self(text.to_owned()))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a number is one of these.
    #[must_use]
    pub fn has(&self, phone: &Phone) -> bool {
        let digits = phone.digits();
        let premium = PREMIUM.iter().find(|premium| digits.starts_with(**premium));
        digits.starts_with(&self.0) && premium.is_none_or(|premium| self.0.starts_with(premium))
    }
}

/// A digit or sign of full width, as Chinese keyboards type them, as an ordinary one.
fn narrowed(c: char) -> char {
    match c {
        '！'..='～' => u32::from(c).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(c),
        '\u{3000}' => ' ',
        _ => c,
    }
}

/// A mobile number as E.164 writes it: `+`, the country code, the number. Shown to nobody in full: `Debug` and
/// `Display` write `+86138****1234`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Phone(String);

impl Phone {
    /// Reads a number as people write it: spaces, hyphens and brackets are dropped, full-width digits and signs are as
    /// good as others, `00` is as good as `+`, and a number without either belongs to `country` (a country code without `+`).
    ///
    /// # Errors
    /// It is no number, or in China none of a mobile phone.
    pub fn parse(text: &str, country: &str) -> Result<Self, NoPhone> {
        let kept =
            text.trim().chars().map(narrowed).filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '\u{a0}'));
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
        for text in [
            "+8613812345678",
            "13812345678",
            "138 1234 5678",
            "0086-138-1234-5678",
            " +86 (138) 12345678 ",
            "１３８１２３４５６７８",
            "＋８６　（１３８）１２３４－５６７８",
            "００８６138１２３４5678",
        ] {
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
            "①③⑧①②③④⑤⑥⑦⑧",
            "١٣٨١٢٣٤٥٦٧٨",
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

    #[test]
    fn a_country_is_named_by_a_whole_code() {
        for good in ["1", "7", "86", "44", "852", "1242", "4470", "882", "979", "1234567"] {
            assert!(CountryCode::parse(good).is_some(), "{good}");
        }
        for wrong in ["", "8", "88", "4", "97", "35", "0", "086", "+86", "86 ", "８６", "12345678", "cn"] {
            assert!(CountryCode::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn satellites_premium_rates_and_other_countries_have_to_be_named() {
        let has = |named: &str, number: &str| {
            let phone = Phone::parse(number, "86").unwrap();
            CountryCode::parse(named).unwrap().has(&phone)
        };
        assert!(has("86", "13812345678") && has("1", "+12025550143") && has("44", "+447700900123"));
        let foreign = ["+85291234567", "+882161234567", "+881612345678", "+870123456789", "+979123456789"];
        for number in foreign.into_iter().chain(["+12025550143", "+447012345678", "+79161234567"]) {
            assert!(!has("86", number), "{number}");
        }
        assert!(has("852", "+85291234567") && has("882", "+882161234567") && has("979", "+979123456789"));
        assert!(!has("1", "+19005550143") && has("1900", "+19005550143"), "costs extra in its own country");
        assert!(!has("44", "+447012345678") && has("4470", "+447012345678") && !has("44", "+449012345678"));
        assert!(has("1242", "+12425550143") && !has("1242", "+12025550143"));
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
