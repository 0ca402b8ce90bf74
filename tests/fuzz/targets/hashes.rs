//! Hashes of other systems: what is taken can be compared with, costs no more than it may, and is repeated to nobody.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use sidegate::gate::address::Key;
use sidegate::gate::foreign::{ForeignHash, HASH_BYTES_MAX, Scheme};
use sidegate::gate::secret::Secret;
use sidegate::hasher::Hasher;
use tokio::runtime::{Builder, Runtime};

static HASHER: LazyLock<Hasher> = LazyLock::new(|| Hasher::start(1, 8, Duration::from_secs(60)));
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().build().expect("a runtime"));

/// Whether it is worth the fuzzer's time.
fn is_cheap(hash: &ForeignHash) -> bool {
    let text = hash.reveal();
    let number = |name: &str| {
        let digits = text.split_once(name).map(|(_, rest)| rest.split([',', '$']).next().unwrap_or_default());
        digits.and_then(|digits| digits.parse::<u32>().ok())
    };
    match hash.scheme() {
        Scheme::Argon2 => number("m=").is_some_and(|m| m <= 64) && number("t=").is_some_and(|t| t <= 2),
        Scheme::Bcrypt => text[4..].starts_with("04"),
        Scheme::Sha512Crypt => number("rounds=").is_some_and(|rounds| rounds <= 1_000),
    }
}

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    match ForeignHash::parse(&text) {
        Ok(hash) => {
            let whole = hash.reveal();
            assert!(whole.len() <= HASH_BYTES_MAX && text.contains(whole));
            assert!(!format!("{hash:?}").contains(whole));
            assert_eq!(ForeignHash::parse(whole).as_ref(), Ok(&hash));
            assert_eq!(
                ForeignHash::parse(&format!("{{crypt}}{whole}")).as_ref().ok(),
                Some(&hash).filter(|_| whole.len() + 7 <= HASH_BYTES_MAX)
            );
            if is_cheap(&hash) {
                let (source, guess) =
                    (Key::NoAddress(sidegate::gate::key::AccountTag(1)), Secret::new(*b"guess"));
                let foreign = HASHER.foreign();
                let found = RUNTIME.block_on(foreign.find(source, &guess, vec![hash], |_, _| ()));
                assert!(found.is_ok(), "{found:?}: what was taken can be compared with");
            }
        }
        Err(fault) => {
            let shown = fault.to_string();
            let rest = text.trim().rsplit('$').next().unwrap_or_default();
            // The fuzzer learns our own words too; none of them is that long, and no hash has a space.
            let is_word = rest.len() < 20 || rest.contains(' ');
            assert!(is_word || !shown.contains(rest), "{shown}");
        }
    }
});
