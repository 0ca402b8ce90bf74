//! Numbers of requests: ones that are none, ones that are used twice, and more of them than anybody can ask at once.

use sidegate::proto::auth_client::OPEN_MAX;

use super::Site;
use crate::daemon::ANN;
use crate::wire::{Wire, login};
use crate::world::plain;

/// The last answer of this is long in coming.
const HELD: &str = "[lockout]\nfailure_delay = \"20s\"\n";

fn numbered(id: &str, secret: &str) -> String {
    format!("AUTH\t{id}\tPLAIN\tservice=imap\trip=203.0.113.8\tresp={}\n", plain(ANN, secret))
}

#[test]
fn what_is_no_number_closes() {
    let site = Site::start("");
    for id in ["-1", "+1", "", " 1", "1x", "0x1", "4294967296", "18446744073709551617", "1e3", "\u{661}"] {
        let mut wire = site.client();
        wire.say(&numbered(id, &site.secret));
        assert_eq!(wire.hear(), None, "{id:?}");
        site.honest();
    }
    for id in ["1", "4294967295", "0004294967295"] {
        let mut wire = site.client();
        wire.say(&numbered(id, &site.secret));
        assert!(wire.hear().unwrap().starts_with("OK\t"), "{id:?}");
    }
    for command in ["CONT\t-1\tAAAA\n", "CANCEL\t4294967296\n", "CONT\t\tAAAA\n", "CANCEL\n"] {
        let mut wire = site.client();
        wire.say(command);
        assert_eq!(wire.hear(), None, "{command:?}");
    }
    for command in ["USER\t-1\tann@example.org\tservice=lmtp\n", "LIST\t4294967296\n", "CACHE-FLUSH\tx\n"] {
        let mut wire = site.open("master");
        wire.say(command);
        assert_eq!(wire.hear(), None, "{command:?}");
    }
}

#[test]
fn a_number_is_used_again_once_it_is_answered_or_cancelled() {
    let site = Site::start(HELD);
    let mut wire = site.client();
    for _ in 0..3 {
        wire.say(&numbered("7", &site.secret));
        assert!(wire.hear().unwrap().starts_with("OK\t7\t"));
        wire.say(&format!("{}CANCEL\t7\n", numbered("7", "wrong")));
    }
    wire.say(&numbered("7", "wrong").repeat(2));
    assert_eq!(wire.hear(), None, "it is open still");
    site.honest();
}

/// Many open requests on many connections: past [`OPEN_MAX`] each connection is told to come later. Its failures are
/// counted when it is gone, and what is held back for nobody has a ceiling of its own.
#[test]
fn as_many_as_may_be_open_are_and_no_more() {
    const CONNECTIONS: usize = 4;
    const ROUNDS: usize = 2;
    const MORE: usize = 1_000;
    /// `handle::WRITES_MAX` wait for the writer, 2,000 are being written, and `held::HELD_MAX` wait for their time.
    const KIB_MAX: usize = (20_000 + 2_000 + 10_000) * 12;
    let site = Site::start(&format!("{HELD}addresses_max = 10000\n"));
    let flood = |from: usize| {
        let mut wire = site.client();
        for id in 1..=OPEN_MAX + MORE {
            // Each from a source of its own, so that none is blocked.
            let rip = format!("2001:db8:{from:x}:{id:x}::1");
            wire.say(&login(id, "imap", &rip, ANN, "wrong"));
        }
        for id in OPEN_MAX + 1..=OPEN_MAX + MORE {
            assert_eq!(wire.hear().unwrap(), format!("FAIL\t{id}\tcode=temp_fail"));
        }
        wire
    };
    let before = site.daemon.resident_kib();
    for round in 0..ROUNDS {
        let wires: Vec<Wire> = (0..CONNECTIONS).map(|n| flood(round * CONNECTIONS + n)).collect();
        site.honest();
        drop(wires);
        let grown = site.grown(before);
        eprintln!("{} failures held back: {grown} KiB", (round + 1) * CONNECTIONS * OPEN_MAX);
        assert!(grown < KIB_MAX, "memory grew by {grown} KiB");
    }
    site.honest();
}
