//! Text of strangers as it may be kept and shown: without what cannot be seen, steers a terminal, turns the direction of
//! writing, or is refused by a database.

use std::borrow::Cow;

/// What stands for a character that was taken out: no name has it, so none becomes another's by being cleaned.
const TAKEN_OUT: char = '\u{fffd}';
/// What stands for the rest of a text that was too long.
const CUT: char = '…';
/// The longest text of a stranger that is kept, in bytes: a name, an address, a program, a reason.
pub const KEPT_BYTES_MAX: usize = 1_024;

/// Whether a character has no place in a line of text: control characters, ends of lines, marks of direction, zero-width
/// characters but those that join letters, and what is no character at all.
#[must_use]
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        )
        || u32::from(c) & 0xfffe == 0xfffe
        || matches!(c, '\u{fdd0}'..='\u{fdef}' | '\u{e0000}'..='\u{e007f}')
}

/// Text as the store keeps it.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    let short = text.len() <= KEPT_BYTES_MAX;
    if short && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len().min(KEPT_BYTES_MAX));
    for c in text.chars() {
        let c = match c {
            '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => ' ',
            c if is_unprintable(c) => TAKEN_OUT,
            c => c,
        };
        if kept.len() + c.len_utf8() > KEPT_BYTES_MAX {
            while kept.len() + CUT.len_utf8() > KEPT_BYTES_MAX {
                kept.pop();
            }
            kept.push(CUT);
            break;
        }
        kept.push(c);
    }
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_people_write_stays() {
        for text in [
            "",
            "ann@example.org",
            "Ann's phone",
            "手机",
            "Jürgen",
            "👩\u{200d}💻",
            "می\u{200c}خواهم",
            "a  b",
        ] {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn what_steers_hides_or_is_refused_is_taken_out_and_makes_no_other_name() {
        for (text, expected) in [
            ("ann\0x@example.org", "ann\u{fffd}x@example.org"),
            ("ann\0", "ann\u{fffd}"),
            ("a\u{1b}[2Jb", "a\u{fffd}[2Jb"),
            ("ann\u{202e}gro", "ann\u{fffd}gro"),
            ("ann\u{200b}@x", "ann\u{fffd}@x"),
            ("\u{feff}ann", "\u{fffd}ann"),
            ("a\tb\r\nc\u{2028}d", "a b  c d"),
            ("a\u{85}b\u{7f}", "a\u{fffd}b\u{fffd}"),
            ("a\u{ffff}\u{1fffe}\u{fdd0}", "a\u{fffd}\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(clean(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        let longest = "x".repeat(KEPT_BYTES_MAX);
        assert_eq!(clean(&longest), longest);
        let cut = clean(&format!("{longest}x")).into_owned();
        assert!(cut.ends_with('…') && cut.len() == KEPT_BYTES_MAX);
        assert!(clean(&"手".repeat(KEPT_BYTES_MAX)).len() <= KEPT_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn what_is_clean_stays_so(text in ".{0,40}") {
            let once = clean(&text).into_owned();
            prop_assert!(!once.contains(is_unprintable));
            prop_assert_eq!(clean(&once), once.as_str());
        }
    }
}
