//! Dovecot's auth-client protocol: cut anywhere, one well-formed line for whatever is answered.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sidegate::config::OnTrouble;
use sidegate::proto::auth_client::LINE_BYTES_MAX;
use sidegate_fuzz::talk::{Limits, cut_anywhere};
use sidegate_fuzz::{auth_client, wire};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { input: LINE_BYTES_MAX - 1, asked: 1 };
    let (said, ..) = cut_anywhere(|| auth_client(OnTrouble::Auto), limits, bytes);
    wire::numbered_lines(&said, &["OK", "FAIL", "CONT", "CANCELLED"]);
});
