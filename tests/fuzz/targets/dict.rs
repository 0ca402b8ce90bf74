//! Dovecot's dict protocol: cut anywhere, one line of JSON, failure or nothing for each lookup.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sidegate::proto::dict::{Dict, LINE_BYTES_MAX};
use sidegate_fuzz::talk::{Limits, cut_anywhere};
use sidegate_fuzz::wire;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { input: LINE_BYTES_MAX - 1, asked: 1 };
    let (said, questions, _) = cut_anywhere(|| Dict::new([0; 16]), limits, bytes);
    wire::dict_lines(&said);
    let lookups = bytes.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"L")).count();
    let answers = said.split_inclusive(|byte| *byte == b'\n').count();
    assert!(questions.len() <= answers && answers <= lookups, "{answers} answers to {lookups}");
});
