//! The first login with a password, against nothing but Argon2 on the same cores.

use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};

use crate::ask;
use crate::cases::{median, turn};
use crate::dialect::Dialect;
use crate::load::Load;
use crate::report::Report;
use crate::runtime;
use crate::site::{Server, USUAL, fill, folder};

/// Accounts whose password was never seen: enough for all turns.
const FRESH: u64 = 4_000;
const TURNS: usize = 3;
const TURN: Duration = Duration::from_secs(4);

pub(crate) fn first(report: &mut Report) {
    let folder = folder();
    runtime().block_on(fill(folder.path(), FRESH, 1, USUAL));
    let gate = Server::daemon(folder, "[log]\nlevel = \"error\"\n");
    let seats = std::thread::available_parallelism().map_or(1, usize::from);
    let mut begun = 0;
    let (mut ratios, mut rates) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let bare = bare(seats);
        let load = Load {
            dialect: Dialect::AuthClient,
            ask: ask::first(begun),
            expect: b"OK\t",
            connections: 8,
            depth: 2,
            time: TURN,
            pace: None,
        };
        let logins = turn(&gate, &load).per_second;
        begun += (logins * TURN.as_secs_f64()) as u64 + 64;
        assert!(begun < FRESH, "more accounts are needed for this machine");
        ratios.push(logins / bare);
        rates.push(logins);
    }
    report.at_least("first login: rate to a bare Argon2 loop", median(ratios), 0.95);
    report.note("first login: a second", format!("{:.0}", median(rates)));
}

/// Hashes a second by so many threads that keep their memory.
fn bare(threads: usize) -> f64 {
    let start = Instant::now();
    let work = move || {
        let params = Params::new(USUAL.memory_kib, USUAL.passes, 1, Some(32)).expect("right parameters");
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut memory = vec![Block::default(); argon2.params().block_count()];
        let (mut hash, mut hashes) = ([0; 32], 0_u64);
        while start.elapsed() < TURN {
            let argon2 = argon2.hash_password_into_with_memory(&[7; 32], &[1; 16], &mut hash, &mut memory);
            argon2.expect("it hashes");
            hashes += 1;
        }
        hashes
    };
    let threads: Vec<_> = (0..threads).map(|_| std::thread::spawn(work)).collect();
    let hashes: u64 = threads.into_iter().map(|thread| thread.join().expect("it ends")).sum();
    hashes as f64 / start.elapsed().as_secs_f64()
}
