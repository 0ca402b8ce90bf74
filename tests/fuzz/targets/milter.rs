//! Sendmail's milter protocol: cut anywhere, whole packets, each mail decided once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sidegate::proto::milter::{Milter, PACKET_BYTES_MAX};
use sidegate_fuzz::talk::{Limits, cut_anywhere};
use sidegate_fuzz::wire;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { input: 4 + PACKET_BYTES_MAX, asked: 1 };
    let (said, questions, _) = cut_anywhere(Milter::default, limits, bytes);
    let commands = wire::packets(&said);
    let ends = commands.iter().filter(|command| b"cyt".contains(command)).count();
    assert!(ends >= questions.len(), "{ends} answers to {}", questions.len());
});
