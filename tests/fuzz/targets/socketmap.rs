//! Postfix's socketmap: cut anywhere, one netstring for each.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sidegate::proto::socketmap::{REQUEST_BYTES_MAX, Socketmap};
use sidegate_fuzz::talk::{Limits, cut_anywhere};
use sidegate_fuzz::wire;

/// The length and its colon.
const HEAD_BYTES: usize = 7;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { input: HEAD_BYTES + REQUEST_BYTES_MAX, asked: 1 };
    let (said, ..) = cut_anywhere(Socketmap::default, limits, bytes);
    wire::netstrings(&said, &["OK ", "NOTFOUND ", "TEMP ", "PERM "]);
});
