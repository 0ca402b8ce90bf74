//! What copying and pasting brings along invisibly: white space of all kinds, and marks that nobody sees.

/// Whether a character leaves no ink: Unicode's White_Space, zero-width and direction marks, soft hyphens, a byte order
/// mark, and what else is shown as nothing by default.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// What is left of a secret without all that. Bytes that are no UTF-8 stay as they are, but for a no-break space and a
/// soft hyphen of Latin-1.
pub fn visible(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.utf8_chunks().flat_map(|chunk| {
        let broken = match chunk.invalid() {
            [0xa0 | 0xad] => &[],
            broken => broken,
        };
        chunk.valid().split(is_invisible).map(str::as_bytes).chain([broken])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: &[u8]) {
        assert_eq!(visible(bytes).collect::<Vec<_>>().concat(), expected, "{bytes:?}");
    }

    #[test]
    fn nothing_invisible_is_left() {
        for c in [
            ' ', '\t', '\r', '\n', '\u{b}', '\u{c}', '\u{85}', '\u{a0}', '\u{ad}', '\u{1680}', '\u{2000}',
            '\u{2003}', '\u{2007}', '\u{200a}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{200e}', '\u{200f}',
            '\u{2028}', '\u{2029}', '\u{202a}', '\u{202c}', '\u{202e}', '\u{202f}', '\u{205f}', '\u{2060}',
            '\u{2066}', '\u{2069}', '\u{3000}', '\u{feff}', '\u{61c}', '\u{fe0f}', '\u{180e}',
        ] {
            check(format!("{c}Fj7k{c}Qm2R{c}{c}").as_bytes(), b"Fj7kQm2R");
        }
    }

    #[test]
    fn all_else_stays_bytes_that_are_no_text_too() {
        for kept in [
            &b""[..],
            b"Fj7k",
            "pässwörd".as_bytes(),
            "手机".as_bytes(),
            b"\xff\xfe",
            b"a\0b",
            b"\xe2\x80",
            b"\xc3",
        ] {
            check(kept, kept);
        }
        check(b"\xffa \xe2\x80b", b"\xffa\xe2\x80b");
        check(b"Fj7k\xa0Qm2R\xad", b"Fj7kQm2R");
        check("\u{2002}".as_bytes(), b"");
    }
}
