//! More connections than anybody needs: as many as a listener takes and some more, more than there are descriptors for,
//! and many of which only half is left.

use std::os::unix::net::UnixStream;
use std::time::Instant;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use sidegate::serve::CONNECTIONS_MAX;

use super::{DOORS, Site};
use crate::wire::Wire;
use crate::world::PATIENCE;

/// What an idle connection may cost, in KiB: its task, its buffers, and what the allocator makes of them.
const IDLE_KIB_MAX: usize = 24;

/// Lets this process, and those it starts, have enough descriptors; false if the system does not.
fn descriptors(needed: u64) -> bool {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard.max(needed), hard.max(needed)).is_ok()
}

fn await_connections(site: &Site, door: &str, count: u64) {
    let deadline = Instant::now() + 3 * PATIENCE;
    while site.connections(door) != count {
        assert!(Instant::now() < deadline, "{door} has {} connections", site.connections(door));
        std::thread::yield_now();
    }
}

#[test]
fn a_full_listener_goes_on_and_so_do_the_others() {
    if !descriptors(CONNECTIONS_MAX as u64 + 2_000) {
        assert!(std::env::var_os("CI").is_none(), "ten thousand connections are to be tried here");
        return eprintln!("SKIPPED: not so many descriptors are allowed as ten thousand connections need");
    }
    let site = Site::start("");
    let mut early = site.client();
    let before = site.daemon.resident_kib();
    let mut idle: Vec<UnixStream> = (1..CONNECTIONS_MAX)
        .map(|n| {
            if n % 1_000 == 0 {
                site.serves(&mut early, n);
            }
            UnixStream::connect(site.path().join("client")).unwrap()
        })
        .collect();
    await_connections(&site, "client", CONNECTIONS_MAX as u64);
    let grown = site.grown(before);
    eprintln!("{CONNECTIONS_MAX} idle connections: {grown} KiB");
    assert!(grown < CONNECTIONS_MAX * IDLE_KIB_MAX, "{grown} KiB");

    let mut late = Wire::open(&site.path().join("client"));
    late.say("VERSION\t1\t2\nCPID\t9\n");
    assert_eq!(site.connections("client"), CONNECTIONS_MAX as u64);
    assert!(late.heard().is_empty(), "there is no room for it");
    site.serves(&mut early, CONNECTIONS_MAX);
    site.open("map").say("1:x,");
    site.daemon.new_password("while it is full");
    assert!(site.busy() < 25, "a full listener keeps the processor busy");

    idle.pop();
    while late.hear().expect("its turn") != "DONE" {}
    site.serves(&mut late, 1);
    drop(idle);
    await_connections(&site, "client", 2);
    site.honest();
}

#[test]
fn without_descriptors_nothing_spins_and_who_is_in_is_served() {
    let site = Site::start_under("", &["sh", "-c", "ulimit -n 70; exec \"$@\"", "sh"]);
    let mut early = site.client();
    let crowd: Vec<UnixStream> = DOORS
        .iter()
        .map(|(_, door)| *door)
        .chain(["client", "control"])
        .flat_map(|door| {
            (0..40).map(|_| UnixStream::connect(site.path().join(door)).unwrap()).collect::<Vec<_>>()
        })
        .collect();
    site.daemon.await_log("raise LimitNOFILE");
    let busy = site.busy();
    eprintln!("without descriptors it uses {busy} % of a processor");
    assert!(busy < 25, "{busy} %");
    for id in 1..=100 {
        site.serves(&mut early, id);
    }
    // What must be written is.
    early.say(&crate::wire::login(101, "imap", "203.0.113.8", "nobody@example.org", "wrong"));
    assert_eq!(early.hear().as_deref(), Some("FAIL\t101\tuser=nobody@example.org"));
    drop(crowd);
    site.honest();
    site.daemon.new_password("when there is room");
    for (_, door) in DOORS {
        await_connections(&site, door, 0);
    }
}

/// Many may be let to reach the control socket, and none of them is to keep mail servers out.
#[test]
fn a_crowd_at_the_control_socket_leaves_descriptors_to_mail_servers() {
    let site = Site::start_under("", &["sh", "-c", "ulimit -n 600; exec \"$@\"", "sh"]);
    let crowd: Vec<UnixStream> =
        (0..900).map(|_| UnixStream::connect(site.path().join("control")).unwrap()).collect();
    (0..100).for_each(|_| site.honest());
    let open = std::fs::read_dir(format!("/proc/{}/fd", site.daemon.pid())).unwrap().count();
    assert!(open < 400, "{open} descriptors are open");
    drop(crowd);
    site.daemon.new_password("when there is room");
}

/// Who says no more is served to the end of what he said, and then nothing is left of him.
#[test]
fn of_half_a_connection_nothing_is_left() {
    const CROWD: usize = 100;
    let site = Site::start("");
    let before = site.daemon.resident_kib();
    for (door, question, answer) in super::questions(&site.secret) {
        for (begun, whole) in [(0, false), (question.len() / 2, false), (question.len(), true)] {
            let mut wires: Vec<Wire> = (0..CROWD).map(|_| site.open(door)).collect();
            for wire in &mut wires {
                wire.say_bytes(&question[..begun]);
                wire.stop_talking();
            }
            // Nobody who speaks HTTP leaves before the answer.
            if whole && door != "http" {
                for wire in &mut wires {
                    assert_eq!(wire.bytes(answer.len()), answer, "{door}");
                }
            }
            await_connections(&site, door, 0);
            site.honest();
        }
    }
    assert!(site.grown(before) < 40_000, "memory grew by {} KiB", site.grown(before));
}
