//! Netstrings: `<length>:<bytes>,`

use bytes::{Buf, BufMut, BytesMut};

/// Takes a netstring from the front of `input`. `None`: not there yet.
///
/// # Errors
/// It is none, or longer than `bytes_max`.
pub(super) fn take(input: &mut BytesMut, bytes_max: usize) -> Result<Option<BytesMut>, &'static str> {
    let digits = bytes_max.to_string().len();
    let Some(colon) = input.iter().take(digits + 1).position(|byte| *byte == b':') else {
        return if input.len() <= digits && input.iter().all(u8::is_ascii_digit) {
            Ok(None)
        } else {
            Err("no netstring")
        };
    };
    let length: usize = super::tab::number(&input[..colon]).ok_or("no netstring")?;
    if length > bytes_max {
        return Err("netstring too long");
    }
    if input.len() < colon + 1 + length + 1 {
        return Ok(None);
    }
    input.advance(colon + 1);
    let text = input.split_to(length);
    if input.first() != Some(&b',') {
        return Err("netstring without its comma");
    }
    input.advance(1);
    Ok(Some(text))
}

/// Appends a netstring.
pub(super) fn put(out: &mut BytesMut, text: &[u8]) {
    out.put_slice(format!("{}:", text.len()).as_bytes());
    out.put_slice(text);
    out.put_u8(b',');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn taken(text: &[u8]) -> Result<Option<Vec<u8>>, &'static str> {
        take(&mut BytesMut::from(text), 1000).map(|text| text.map(|text| text.to_vec()))
    }

    #[test]
    fn whole_halved_and_broken() {
        assert_eq!(taken(b"5:hello,"), Ok(Some(b"hello".to_vec())));
        assert_eq!(taken(b"0:,"), Ok(Some(vec![])));
        for half in [&b""[..], b"5", b"5:", b"5:hell", b"5:hello"] {
            assert_eq!(taken(half), Ok(None), "{half:?}");
        }
        for bad in [&b"x"[..], b":,", b"-1:,", b"5:hellox", b"1001:", b"99999", b" 5:hello,"] {
            assert!(taken(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn at_the_limit_and_past_it() {
        let at = |length: usize| {
            let mut text = BytesMut::new();
            put(&mut text, &vec![b'x'; length]);
            taken(&text).map(|text| text.map(|text| text.len()))
        };
        assert_eq!(at(1000), Ok(Some(1000)));
        assert!(at(1001).is_err());
    }

    proptest! {
        #[test]
        fn what_is_put_is_taken(text in prop::collection::vec(any::<u8>(), 0..1000), rest: Vec<u8>) {
            let mut wire = BytesMut::new();
            put(&mut wire, &text);
            wire.put_slice(&rest);
            prop_assert_eq!(take(&mut wire, 1000).unwrap().unwrap(), &text[..]);
            prop_assert_eq!(&wire[..], &rest[..]);
        }
    }
}
