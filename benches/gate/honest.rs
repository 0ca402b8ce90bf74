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
    // Refusals are held back for as long as they are by default: then all 200 are under way at any time.
    let site = Site::start("[lockout]\nfailure_delay = \"2s\"\n");
    report.note("honest login, quiet: p99 in microseconds", format!("{:.0}", site.quiet * 1e6));
    let guessed = site.during(|socket| Trouble::begin(socket, || ask::wrong(3), b"FAIL\t", 8, 25));
    report.at_most("honest login, 200 wrong guesses under way: p99 to quiet", guessed, 3.0);
    let flooded = site.during(|socket| Trouble::begin(socket, || ask::first(KNOWN), b"", 8, 12));
    report.at_most("honest login, a flood of first logins: p99 to quiet", flooded, 3.0);
    drop(site);
    let site = Site::start("");
    let guessed = site.during(|socket| Trouble::begin(socket, || ask::wrong(3), b"FAIL\t", 8, 25));
    report.note("honest login, guesses as fast as two cores go: p99 to quiet", format!("{guessed:.2}"));
}

/// A daemon, and what an honest login waits there while nobody else comes.
struct Site {
    gate: Server,
    calm: Load,
    quiet: f64,
}

impl Site {
    fn start(settings: &str) -> Self {
        let folder = folder();
        runtime().block_on(fill(folder.path(), FRESH, 1, USUAL));
        let gate = Server::daemon(folder, &format!("[log]\nlevel = \"error\"\n{settings}"));
        let mut calm = load(Dialect::AuthClient, ask::right(KNOWN), b"OK\t", 4, 1);
        turn(&gate, &Load { time: Duration::from_secs(2), ..calm.clone() });
        (calm.pace, calm.time) = (Some(200), Duration::from_secs(3));
        let mut site = Self { gate, calm, quiet: 1.0 };
        site.quiet = site.p99();
        site
    }

    fn p99(&self) -> f64 {
        median((0..TURNS).map(|_| turn(&self.gate, &self.calm).p99).collect())
    }

    /// The same while there is trouble, to what it is without.
    fn during(&self, trouble: impl Fn(PathBuf) -> Trouble) -> f64 {
        let trouble = trouble(self.gate.socket(Dialect::AuthClient.name()));
        let p99 = self.p99();
        trouble.end();
        p99 / self.quiet
    }
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
                time: Duration::from_secs(60),
                ..load(Dialect::AuthClient, ask(), expect, connections, depth)
            };
            let ended = async {
                while !told.load(Ordering::Relaxed) {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            runtime().block_on(async {
                tokio::select! { _ = run(&socket, &load) => {}, () = ended => {} }
            });
        });
        Self { over, thread }
    }

    fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().expect("it ends");
    }
}
