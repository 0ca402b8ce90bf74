//! A million accounts with six million client passwords, against a thousand.

use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::cases::{ACCOUNTS, compare, load, turn};
use crate::dialect::Dialect;
use crate::load::Load;
use crate::report::Report;
use crate::site::{CHEAP, Server, account, fill, folder};
use crate::{ask, runtime};

/// Accounts of a large site.
const MANY: u64 = 1_000_000;
/// Client passwords of each.
const PASSWORDS: u32 = 6;
/// Accounts of which a middling site is idle.
const IDLE: u64 = 10_000;

pub(crate) fn scale(report: &mut Report) {
    let idle = site(IDLE);
    std::thread::sleep(Duration::from_secs(11));
    let kib = idle.resident_kib() as f64;
    report.number_at_most("10,000 accounts, idle: resident KiB", kib, 15.0 * 1024.0);
    drop(idle);

    let small = site(ACCOUNTS);
    let folder = folder();
    runtime().block_on(fill(folder.path(), ACCOUNTS, 1, CHEAP));
    swell(folder.path(), ACCOUNTS..MANY);
    let started = Instant::now();
    let large = Server::daemon(folder, "[log]\nlevel = \"error\"\n");
    report.at_most("a million accounts: start in seconds", started.elapsed().as_secs_f64(), 2.0);
    let everybody = load(Dialect::AuthClient, ask::right(ACCOUNTS), b"OK\t", 8, 1);
    for gate in [&small, &large] {
        turn(gate, &Load { time: Duration::from_secs(1), ..everybody.clone() });
    }
    let against = compare(&large, &small, &everybody, &everybody);
    report.at_least("a million accounts: rate to a thousand", against.rate, 0.9);
    let tracked = 50_000;
    let load = load(Dialect::AuthClient, ask::wrong(7), b"FAIL\t", 64, 16);
    let seen = turn(&large, &load).per_second * load.time.as_secs_f64();
    let most = 60.0 * 1024.0 + seen.max(f64::from(tracked)) * 200.0 / 1024.0;
    report.number_at_most(
        "a million accounts, after wrong guesses: resident KiB",
        large.resident_kib() as f64,
        most,
    );
}

fn site(accounts: u64) -> Server {
    let folder = folder();
    runtime().block_on(fill(folder.path(), accounts.min(ACCOUNTS), 1, CHEAP));
    if accounts > ACCOUNTS {
        swell(folder.path(), ACCOUNTS..accounts);
    }
    Server::daemon(folder, "[log]\nlevel = \"error\"\n")
}

/// Adds accounts by SQL, each with six client passwords that nobody uses: through the front door it would take hours.
pub(crate) fn swell(folder: &Path, accounts: Range<u64>) {
    let mut store = rusqlite::Connection::open(folder.join("store.db")).expect("the store");
    store.pragma_update(None, "synchronous", "OFF").expect("a store that nobody needs tomorrow");
    let work = store.transaction().expect("a transaction");
    {
        let mut add_account = work
            .prepare("INSERT INTO account (id, name, created) VALUES (?1, ?2, 0)")
            .expect("the table of accounts");
        let mut add_password = work
            .prepare(
                "INSERT INTO client_password (account_id, name, selector, key_id, phc, created)
                 SELECT ?1, ?2, randomblob(16), key_id, phc, 0 FROM client_password WHERE id = 1",
            )
            .expect("the table of client passwords");
        for n in accounts {
            let id = i64::try_from(n).expect("few enough") + 1;
            add_account.execute(rusqlite::params![id, account(n)]).expect("added");
            for k in 0..PASSWORDS {
                add_password.execute(rusqlite::params![id, format!("device {k}")]).expect("added");
            }
        }
    }
    work.commit().expect("committed");
}
