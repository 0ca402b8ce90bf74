//! Dovecot's auth-master protocol: cut anywhere, well-formed lines in the order of the questions.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sidegate::proto::auth_master::{AuthMaster, LINE_BYTES_MAX};
use sidegate_fuzz::talk::{Limits, cut_anywhere};
use sidegate_fuzz::wire;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { input: LINE_BYTES_MAX - 1, asked: 1 };
    let (said, ..) = cut_anywhere(|| AuthMaster::new(1, Some(2)), limits, bytes);
    wire::numbered_lines(&said, &["USER", "PASS", "LIST", "DONE", "OK", "FAIL", "NOTFOUND"]);
});
