//! Peers that ask and never listen.

use std::time::{Duration, Instant};

use super::Site;
use crate::daemon::ANN;
use crate::wire::{Wire, login};

/// `drive::WRITE_TIMEOUT`, after which they are cut, and time enough for a busy machine to notice.
const CUT: Duration = Duration::from_secs(30 + 60);
/// What waits for one of them at most, in KiB: `drive::OUT_BYTES_MAX`, in a buffer that doubles, and what was read.
const EACH_KIB_MAX: usize = 2 * 256 + 64;
const PEERS: usize = 30;
/// How far a slow listener stays behind, in hundreds of answers.
const BEHIND: usize = 40;
/// Addresses that are blocked are answered at once, in a whole sentence.
const BLOCKED: &str = "203.0.113.66";

/// Some say all they can and then nothing; others have something to say every moment, to be heard and so stay. Neither
/// takes an answer; all are cut. One who listens is not, though more than he has heard waits for him all the while.
#[test]
fn who_never_listens_is_cut_and_who_listens_slowly_is_not() {
    let site = Site::start("");
    site.daemon.control("POST", "/v1/blocks", &serde_json::json!({ "address": BLOCKED }));
    let before = site.daemon.resident_kib();
    let asked: String = (1..=100).map(|id| login(id, "imap", BLOCKED, ANN, "wrong")).collect();
    let flood = |wire: &mut Wire| while wire.offer(asked.as_bytes()) == Some(asked.len()) {};
    let mut silent: Vec<Wire> = (0..PEERS).map(|_| site.client()).collect();
    let mut chatty: Vec<Wire> = (0..PEERS).map(|_| site.client()).collect();
    let mut slow = site.client();
    silent.iter_mut().for_each(flood);
    // So much that answers wait for them in the daemon, but not so much that they are not read.
    chatty.iter_mut().for_each(|wire| (0..30).for_each(|_| wire.say(&asked)));
    (0..BEHIND).for_each(|_| slow.say(&asked));

    let deadline = Instant::now() + CUT;
    let mut most = 0;
    while !(silent.is_empty() && chatty.is_empty()) {
        assert!(Instant::now() < deadline, "{} and {} are left", silent.len(), chatty.len());
        site.honest();
        slow.say(&asked);
        hears(&mut slow, 100);
        most = most.max(site.grown(before));
        // There is no room for more: nothing arrives of it.
        silent.retain_mut(|wire| wire.offer(b"\n").is_some());
        chatty.retain_mut(|wire| wire.offer(b"CANCEL\t1\n").is_some());
        std::thread::sleep(Duration::from_millis(200));
    }
    eprintln!("{PEERS} silent and {PEERS} chatty peers that do not listen: {most} KiB");
    assert!(most < 2 * PEERS * EACH_KIB_MAX, "{most} KiB");
    hears(&mut slow, BEHIND * 100);
}

fn hears(wire: &mut Wire, lines: usize) {
    for _ in 0..lines {
        assert!(wire.hear().expect("it is not cut").contains("Too many failed logins"));
    }
}
