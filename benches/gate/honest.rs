//! What an honest login waits while others make trouble.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::cases::{load, median, turn};
use crate::dialect::Dialect;
use crate::load::{Ask, Load, run};
use crate::report::Report;
use crate::site::{Server, USUAL, fill, folder};
use crate::{ask, runtime};

/// Accounts that log in again and again.
const KNOWN: u64 = 20;
/// Accounts of which each logs in for the first time.
const FRESH: u64 = 2_500;
const TURNS: usize = 3;

pub(crate) fn honest(report: &mut Report) {
    let folder = folder();
    runtime().block_on(fill(folder.path(), FRESH, 1, USUAL));
    let gate = Server::daemon(folder, "[log]\nlevel = \"error\"\n");
    let mut calm = load(Dialect::AuthClient, ask::right(KNOWN), b"OK\t", 4, 1);
    turn(&gate, &Load { time: Duration::from_secs(2), ..calm.clone() });
    (calm.pace, calm.time) = (Some(200), Duration::from_secs(3));
    let p99 = |gate: &Server| median((0..TURNS).map(|_| turn(gate, &calm).p99).collect());
    let quiet = p99(&gate);
    report.note("honest login, quiet: p99 in microseconds", format!("{:.0}", quiet * 1e6));
    let socket = gate.socket(Dialect::AuthClient.name());
    let guesses = Trouble::begin(socket.clone(), || ask::wrong(3), b"FAIL\t", 8, 25);
    report.at_most("honest login, 200 wrong guesses under way: p99 to quiet", p99(&gate) / quiet, 3.0);
    guesses.end();
    let flood = Trouble::begin(socket, || ask::first(KNOWN), b"", 8, 12);
    let flooded = median((0..1).map(|_| turn(&gate, &calm).p99).collect());
    report.at_most("honest login, a flood of first logins: p99 to quiet", flooded / quiet, 3.0);
    flood.end();
}

/// Others who ask meanwhile, in a thread of their own.
struct Trouble {
    over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Trouble {
    fn begin(
        socket: PathBuf,
        ask: fn() -> Ask,
        expect: &'static [u8],
        connections: usize,
        depth: usize,
    ) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let load = Load {
                time: Duration::from_millis(500),
                ..load(Dialect::AuthClient, ask(), expect, connections, depth)
            };
            while !told.load(Ordering::Relaxed) {
                runtime().block_on(run(&socket, &load));
            }
        });
        Self { over, thread }
    }

    fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().expect("it ends");
    }
}
