//! Somebody who owns a whole IPv6 /32 guesses from each of its networks once: what is remembered of him has a ceiling,
//! and pushes nothing out that is blocked.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sidegate::clock::Timestamp;
use sidegate::gate::address::{Key, Prefixes};
use sidegate::gate::key::{AccountTag, SecretTag};
use sidegate::gate::record::{AddressRecord, Block, Failure, LockoutRules, Outcome};
use sidegate::gate::table::{AddressTable, Place};

use super::Site;
use crate::daemon::{ANN, Daemon};
use crate::wire::login;

/// `lockout.addresses_max` of these tests.
const SOURCES_MAX: usize = 2_000;
/// Networks that guess over a socket.
const NETWORKS: usize = 20_000;
/// Guesses that are sent before the first is answered.
const AT_ONCE: usize = 1_000;
/// Addresses that are blocked before, by ten failures or by hand.
const BLOCKED: usize = 20;

/// One of the /64s of 2001:db8::/32.
fn network(n: usize) -> String {
    format!("2001:db8:{:x}:{:x}::{:x}", n >> 16, n & 0xffff, n % 7 + 1)
}

#[test]
fn a_flood_from_a_whole_prefix_is_bounded_and_frees_nobody() {
    let mut site = Site::start(&format!("[lockout]\naddresses_max = {SOURCES_MAX}\n"));
    let mut wire = site.client();
    for n in 0..BLOCKED / 2 {
        let guesses = (1..=10).map(|id| login(id, "imap", &by_failures(n), ANN, &format!("wrong {id}")));
        wire.say(&guesses.collect::<String>());
        (0..10).for_each(|_| assert!(wire.hear().unwrap().starts_with("FAIL\t")));
        site.daemon.control("POST", "/v1/blocks", &json!({ "address": by_hand(n) }));
    }
    let mut honest = site.client();
    let (mut settled, begun) = (0, Instant::now());
    for burst in 0..NETWORKS / AT_ONCE {
        let networks = burst * AT_ONCE..(burst + 1) * AT_ONCE;
        let guesses: String =
            networks.map(|n| login(n % AT_ONCE + 1, "imap", &network(n), ANN, "wrong")).collect();
        wire.say(&guesses);
        site.serves(&mut honest, burst + 1);
        for _ in 0..AT_ONCE {
            let answer = wire.hear().unwrap();
            assert!(answer.starts_with("FAIL\t") && answer.ends_with("user=ann@example.org"), "{answer}");
        }
        // All that has a ceiling has reached it by now.
        if burst == NETWORKS / AT_ONCE / 4 {
            settled = site.daemon.resident_kib();
        }
    }
    eprintln!("{NETWORKS} networks in {:?}, then {} KiB more", begun.elapsed(), site.grown(settled));
    assert!(site.grown(settled) < 16_000, "memory grew by {} KiB", site.grown(settled));
    all_is_bounded(&site);
    // And where there is only the store to go by.
    site.daemon.signal("TERM");
    assert_eq!(site.daemon.end(), Some(0));
    site.daemon = Daemon::start(site.path());
    all_is_bounded(&site);
}

/// Sources that fell out are forgotten, and none that is blocked, for the right password too.
fn all_is_bounded(site: &Site) {
    let status = site.daemon.control("GET", "/v1/status", &Value::Null);
    assert!(status["sources"].as_u64().unwrap() <= SOURCES_MAX as u64, "{status}");
    assert_eq!(status["blocks"], BLOCKED);
    let mut wire = site.client();
    for n in 0..BLOCKED / 2 {
        for from in [by_failures(n), by_hand(n)] {
            wire.say(&login(1, "imap", &from, ANN, &site.secret));
            assert!(wire.hear().unwrap().contains("Too many failed logins"), "{from}");
        }
    }
    site.honest();
}

fn by_failures(n: usize) -> String {
    format!("198.51.100.{n}")
}

fn by_hand(n: usize) -> String {
    format!("2001:db8:ffff:{n:x}::1")
}

/// Ten times as many as the ceiling, in the table alone; the ceiling is a hundredth of what is shipped.
#[test]
fn two_hundred_thousand_networks_push_out_each_other_and_no_block() {
    const KEYS_MAX: usize = 10_000;
    let rules = LockoutRules {
        failures: 10,
        block_for: Duration::from_secs(3_600),
        forget_after: Duration::from_secs(86_400),
        repeats_once: false,
    };
    let now = Timestamp(1_800_000_000);
    let key = |address: &str| Key::of(address.parse().unwrap(), &Prefixes::new(32, 64)).unwrap();
    let mut table = AddressTable::new(KEYS_MAX);
    let block = Block::by_hand(now, now.plus(rules.block_for), "");
    for n in 0..BLOCKED / 2 {
        table.put(key(&by_hand(n)), Some(AddressRecord::Blocked(block.clone())));
    }
    let mut fallen = 0;
    for n in 0..200_000 {
        let source = key(&network(n));
        assert_eq!(table.sit(&source, network(n).parse().ok(), now, &rules), Place::Seated);
        let failure = Failure { account: AccountTag(1), secret: SecretTag::NONE };
        let record = AddressRecord::settle(None, &source, Outcome::Failed(failure, None), now, &rules);
        fallen += table.put(source, record).len();
        table.leave(&source);
        assert!(table.len() <= KEYS_MAX);
    }
    assert_eq!(fallen, 200_000 + BLOCKED / 2 - KEYS_MAX, "each is told, so that the store forgets it");
    for n in 0..BLOCKED / 2 {
        assert!(matches!(
            table.sit(&key(&by_hand(n)), by_hand(n).parse().ok(), now, &rules),
            Place::Blocked(_)
        ));
    }
}
