//! saslauthd: one request, one word. Only here it matters where the bytes are cut: an optional fifth string comes in the
//! same write.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sidegate::proto::saslauthd::{REQUEST_BYTES_MAX, Saslauthd};
use sidegate_fuzz::talk::{Limits, Talk, cut_anywhere};

/// Where the fourth string ends.
fn end_of_four(bytes: &[u8]) -> Option<usize> {
    let mut end = 0;
    for _ in 0..4 {
        let length = bytes.get(end..end + 2)?;
        end += 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
    }
    (end <= bytes.len()).then_some(end)
}

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { input: REQUEST_BYTES_MAX, asked: 1 };
    let mut talk = Talk::new(Saslauthd::default(), limits);
    talk.feed(bytes);
    let (said, questions, _) = talk.end();
    assert!(matches!(&said[..], b"" | b"\0\x02OK" | b"\0\x02NO"), "{said:?}");
    assert!(questions.len() <= 1);
    assert!(
        questions.is_empty() || bytes.len() <= REQUEST_BYTES_MAX,
        "{} bytes are asked about",
        bytes.len()
    );
    let four = end_of_four(bytes).unwrap_or(bytes.len());
    let _ = cut_anywhere(Saslauthd::default, limits, &bytes[..four]);
});
