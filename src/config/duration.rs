//! Durations as people write them: a number and one unit, `"90s"`, `"1h"`, `"7d"`.
//!
//! A bare number is refused, since nobody remembers whether it means seconds. Sums such as `"1h30m"` are
//! left out: there is then one way to write a duration.

use std::time::Duration;

use super::complaint::Fault;

/// The units from the largest to the smallest, in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// How to write one, for cures.
pub(super) const FORM: &str = "write a number and one unit, such as \"90s\"; the units are ms, s, m, h and d";

/// Reads a duration.
///
/// # Errors
/// The text is anything but a whole number followed by `ms`, `s`, `m`, `h` or `d`, or too long for the clock.
pub fn parse(text: &str) -> Result<Duration, Fault> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if unit.is_empty() && digits > 0 {
        return Err(no_unit(text));
    }
    let Some((_, millis)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(Fault::new(format!("\"{text}\" is no duration"), FORM));
    };
    if digits == 0 {
        return Err(Fault::new(format!("\"{text}\" has no number"), FORM));
    }
    number
        .parse()
        .ok()
        .and_then(|number: u64| number.checked_mul(*millis))
        .map(Duration::from_millis)
        .ok_or_else(|| Fault::new(format!("\"{text}\" is too long"), "write a shorter time"))
}

/// The fault of a number without a unit.
pub(super) fn no_unit(number: impl std::fmt::Display) -> Fault {
    Fault::new(
        format!("{number} has no unit"),
        format!("write \"{number}s\" for seconds; the units are ms, s, m, h and d"),
    )
}

/// Writes a duration in its largest whole unit, so that [`parse`] reads it again. Below a millisecond is
/// cut off.
#[must_use]
pub fn show(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis == 0 {
        return "0s".into();
    }
    UNITS
        .iter()
        .find(|(_, unit)| millis.is_multiple_of(u128::from(*unit)))
        .map_or_else(String::new, |(name, unit)| format!("{}{name}", millis / u128::from(*unit)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, millis: u64) {
        assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
    }

    #[test]
    fn a_number_and_a_unit() {
        check("500ms", 500);
        check("90s", 90_000);
        check("1m", 60_000);
        check("1h", 3_600_000);
        check("7d", 604_800_000);
        check("0s", 0);
        check("007s", 7_000);
    }

    #[test]
    fn anything_else_is_refused_with_a_cure() {
        for wrong in ["", "s", "h1", "1 h", " 1h", "1h30m", "1.5h", "-1s", "1H", "1w", "١s", "1µs"] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(
            parse("90").unwrap_err().to_string(),
            "90 has no unit; write \"90s\" for seconds; the units are ms, s, m, h and d"
        );
    }

    #[test]
    fn too_long_is_a_fault_and_no_overflow() {
        check("18446744073709551615ms", u64::MAX);
        assert!(parse("18446744073709551616ms").is_err());
        assert!(parse("18446744073709551615d").is_err());
    }

    #[test]
    fn the_largest_whole_unit_is_shown() {
        assert_eq!(show(Duration::from_secs(3600)), "1h");
        assert_eq!(show(Duration::from_secs(5400)), "90m");
        assert_eq!(show(Duration::from_millis(1500)), "1500ms");
        assert_eq!(show(Duration::ZERO), "0s");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(millis in any::<u64>()) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse(&show(duration)), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = parse(&text);
        }
    }
}
