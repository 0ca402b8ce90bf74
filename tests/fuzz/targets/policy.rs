//! Postfix policy delegation: cut anywhere, exactly one answer to each request.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sidegate::proto::policy::{LINE_BYTES_MAX, Policy};
use sidegate_fuzz::talk::{Limits, cut_anywhere};
use sidegate_fuzz::wire;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { input: LINE_BYTES_MAX - 1, asked: 1 };
    let (said, questions, closed) = cut_anywhere(Policy::default, limits, bytes);
    let unanswered = usize::from(closed == Some("trouble"));
    assert_eq!(wire::policy_answers(&said) + unanswered, questions.len());
});
