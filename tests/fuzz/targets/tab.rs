//! Dovecot's tab-separated lines: what is escaped reads back.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use sidegate::proto::tab;

fuzz_target!(|bytes: &[u8]| {
    let mut escaped = BytesMut::new();
    tab::escape_into(&mut escaped, bytes);
    assert!(!escaped.iter().any(|byte| matches!(byte, 0 | b'\t' | b'\r' | b'\n')), "a field stays a field");
    assert_eq!(&*tab::unescape(&escaped), bytes);

    // What is read of another's escapes, whatever they are, reads the same after ours.
    let read = tab::unescape(bytes);
    assert!(read.len() <= bytes.len());
    escaped.clear();
    tab::escape_into(&mut escaped, &read);
    assert_eq!(tab::unescape(&escaped), read);

    let (key, value) = tab::key_value(bytes);
    let joined = value.map_or_else(|| key.to_vec(), |value| [key, b"=", value].concat());
    assert_eq!(joined, bytes);
    assert!(!key.contains(&b'='));

    if let Some(number) = tab::number::<u32>(bytes) {
        let digits = std::str::from_utf8(bytes).expect("digits").trim_start_matches('0');
        assert_eq!(number.to_string(), if digits.is_empty() { "0" } else { digits });
    }
});
