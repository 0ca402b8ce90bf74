//! Lines of Dovecot's auth protocols: fields between tabs, with \x01 as the escape.
//!
//! 0x00, 0x01, tab, CR and LF inside a field are written as 0x01 and `0`, `1`, `t`, `r`, `n`.
//! Split at tabs first, unescape each field after. `=` is not escaped: a field is `key=value` at
//! its first `=`, or a flag.

use std::borrow::Cow;

use bytes::{BufMut, BytesMut};

/// Takes the escapes out of a field. 0x01 before any other byte gives that byte.
#[must_use]
pub fn unescape(field: &[u8]) -> Cow<'_, [u8]> {
    if !field.contains(&1) {
        return Cow::Borrowed(field);
    }
    let mut plain = Vec::with_capacity(field.len());
    let mut bytes = field.iter();
    while let Some(&byte) = bytes.next() {
        plain.push(match byte {
            1 => match bytes.next() {
                Some(b'0') => 0,
                Some(b'1') => 1,
                Some(b't') => b'\t',
                Some(b'r') => b'\r',
                Some(b'n') => b'\n',
                Some(&other) => other,
                None => break,
            },
            other => other,
        });
    }
    Cow::Owned(plain)
}

/// Appends a field's bytes with escapes.
pub fn escape_into(out: &mut BytesMut, plain: &[u8]) {
    for &byte in plain {
        match byte {
            0 => out.put_slice(b"\x010"),
            1 => out.put_slice(b"\x011"),
            b'\t' => out.put_slice(b"\x01t"),
            b'\r' => out.put_slice(b"\x01r"),
            b'\n' => out.put_slice(b"\x01n"),
            other => out.put_u8(other),
        }
    }
}

/// Splits a field at its first `=`; a flag has no value.
#[must_use]
pub fn key_value(field: &[u8]) -> (&[u8], Option<&[u8]>) {
    match field.iter().position(|byte| *byte == b'=') {
        Some(at) => (&field[..at], Some(&field[at + 1..])),
        None => (field, None),
    }
}

/// A decimal number as the protocols write it: digits only, no sign.
#[must_use]
pub fn number<T: std::str::FromStr>(field: &[u8]) -> Option<T> {
    let digits = !field.is_empty() && field.iter().all(u8::is_ascii_digit);
    if digits { std::str::from_utf8(field).ok()?.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_escape_before_any_other_byte_gives_that_byte() {
        assert_eq!(&*unescape(b"a\x01tb\x01x\x010"), b"a\tbx\0");
        assert_eq!(&*unescape(b"cut\x01"), b"cut");
    }

    #[test]
    fn only_the_first_equals_sign_splits() {
        assert_eq!(key_value(b"resp=AA=="), (&b"resp"[..], Some(&b"AA=="[..])));
        assert_eq!(key_value(b"secured"), (&b"secured"[..], None));
        assert_eq!(key_value(b"resp="), (&b"resp"[..], Some(&b""[..])));
    }

    #[test]
    fn numbers_are_digits_only() {
        assert_eq!(number(b"4294967295"), Some(u32::MAX));
        for bad in [&b""[..], b"+1", b"-1", b"1 ", b"4294967296", b"0x1"] {
            assert_eq!(number::<u32>(bad), None);
        }
    }

    proptest! {
        #[test]
        fn what_is_escaped_reads_back(plain: Vec<u8>) {
            let mut out = BytesMut::new();
            escape_into(&mut out, &plain);
            prop_assert!(!out.iter().any(|byte| matches!(byte, 0 | b'\t' | b'\r' | b'\n')));
            prop_assert_eq!(&*unescape(&out), &plain[..]);
        }
    }
}
