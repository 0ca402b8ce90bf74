//! Whether the time of an answer tells what was wrong: two samples of answer times at a time, compared as dudect does.
//!
//! One connection with one question under way. In each round every kind of attempt comes once, in an order of its own, each
//! from an address that was never seen: what the machine does beside meets all alike, and nothing is blocked.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use bytes::BytesMut;
use sidegate::entropy::Entropy;

use crate::dialect::Dialect;
use crate::report::Report;
use crate::scale::swell;
use crate::site::{CHEAP, Server, account, fill, folder, secret};
use crate::{ask, runtime};

/// Rounds, and so attempts of each kind.
const ROUNDS: u64 = 4_000;
/// The same where each takes ten milliseconds and more.
const ROUNDS_HELD: u64 = 300;
/// Rounds before those that count.
const WARM: u64 = 50;
/// Accounts that are made like any other; those after them only swell the store.
const ORDINARY: u64 = 1_010;
/// Accounts of the site. Their numbers from 1000 on have four digits, and so have those that no account has.
const KNOWN: u64 = 5_500;
/// This share of all times counts, from the smallest on: the rest is what the machine does beside.
const CROP: f64 = 0.9;
/// Past this |t|, chance is no explanation (as in dudect).
const T_MAX: f64 = 4.5;
/// A difference of medians that is to be had on a socket, in microseconds.
const MEDIANS_MAX: f64 = 2.0;

/// Whose attempts they are.
#[derive(Clone, Copy)]
enum Who {
    /// Always the same one.
    One(u64),
    /// Another one each time, beginning with this.
    Each(u64),
}

/// What is shown as its password.
#[derive(Clone, Copy)]
enum What {
    /// 16 letters, never the same.
    Wrong,
    /// Fewer letters.
    Short,
    /// 16 letters, some of which no client password has.
    Illegal,
    /// The first client password of the account.
    Its,
}

/// A kind of attempt: what it is called, and the one that it must not differ from.
struct Class {
    name: &'static str,
    who: Who,
    what: What,
    against: usize,
}

const fn class(name: &'static str, who: Who, what: What, against: usize) -> Class {
    Class { name, who, what, against }
}

/// Accounts of which something is special.
const SIX: u64 = 1_001;
const REMOVED: u64 = 1_002;
const DISABLED: u64 = 1_003;
const EXPIRED: u64 = 1_004;

const CLASSES: [Class; 11] = [
    class("known account, wrong password", Who::One(1_000), What::Wrong, 0),
    class("the same again (what chance does)", Who::One(1_000), What::Wrong, 0),
    class("unknown account", Who::One(9_999), What::Wrong, 0),
    class("too short to be one", Who::One(1_000), What::Short, 0),
    class("letters that none has", Who::One(1_000), What::Illegal, 0),
    class("account with six passwords", Who::One(SIX), What::Wrong, 0),
    class("removed password", Who::One(REMOVED), What::Its, 0),
    class("disabled account", Who::One(DISABLED), What::Wrong, 0),
    class("expired password", Who::One(EXPIRED), What::Its, 0),
    class("known account, its first attempt", Who::Each(ORDINARY), What::Wrong, 9),
    class("unknown account, its first attempt", Who::Each(KNOWN), What::Wrong, 9),
];

/// A site, and how often it is asked.
struct Setting {
    title: &'static str,
    text: &'static str,
    rounds: u64,
    /// Refusals are held back: then nothing may differ from anything. Else first attempts are apart: the store reads
    /// more of an account that there is.
    held: bool,
}

const SETTINGS: [Setting; 3] = [
    Setting {
        title: "each failure on disk before it is answered, none held back",
        text: "",
        rounds: ROUNDS,
        held: false,
    },
    Setting {
        title: "addresses that are never blocked, none held back: no disk hides anything",
        text: "[lockout]\nexempt = [\"10.0.0.0/8\"]\n",
        rounds: ROUNDS,
        held: false,
    },
    Setting {
        title: "the same, held back for 10 ms",
        text: "[lockout]\nexempt = [\"10.0.0.0/8\"]\nfailure_delay = \"10ms\"\n",
        rounds: ROUNDS_HELD,
        held: true,
    },
];

pub(crate) fn timing(report: &mut Report) {
    for setting in SETTINGS {
        let times = measure(&site(setting.text), setting.rounds);
        println!("\ntiming, {}; {} of each, in microseconds", setting.title, setting.rounds);
        println!("{:<36}{:>10}{:>10}{:>13}{:>8}", "attempt", "median", "p90", "to its like", "t");
        let mut told_apart = 0;
        for (class, all) in CLASSES.iter().zip(&times) {
            let like = if setting.held { 0 } else { class.against };
            let like = &times[like];
            let (apart, t) = (at(all, 0.5) - at(like, 0.5), welch(all, like));
            let differs = t.abs() > T_MAX && apart.abs() > MEDIANS_MAX;
            told_apart += u32::from(differs && (setting.held || class.against == 0));
            let mark = if differs { "  DIFFERS" } else { "" };
            println!(
                "{:<36}{:>10.1}{:>10.1}{apart:>+13.2}{t:>+8.1}{mark}",
                class.name,
                at(all, 0.5),
                at(all, 0.9)
            );
        }
        report.number_at_most("kinds of failure that their time tells apart", f64::from(told_apart), 0.0);
    }
}

/// Accounts without anything special, and one for each thing that can be special.
fn site(settings: &str) -> Server {
    let folder = folder();
    runtime().block_on(fill(folder.path(), ORDINARY, 1, CHEAP));
    swell(folder.path(), ORDINARY..KNOWN);
    let store = rusqlite::Connection::open(folder.path().join("store.db")).expect("the store");
    let rows = "WHERE account_id = (SELECT id FROM account WHERE name = ?1)";
    let change = |sql: String, n: u64| {
        assert!(store.execute(&sql, [account(n)]).expect("the store takes it") > 0, "{sql}");
    };
    let more = "INSERT INTO client_password (account_id, name, selector, key_id, phc, created)
                SELECT account_id, 'more ' || column1, randomblob(16), key_id, phc, 0
                FROM client_password, (VALUES (1), (2), (3), (4), (5))";
    change(format!("{more} {rows}"), SIX);
    change(format!("UPDATE client_password SET expires = 1 {rows}"), EXPIRED);
    drop(store);
    let gate = Server::daemon(folder, &format!("[log]\nlevel = \"error\"\n{settings}"));
    gate.order(&["password", "revoke", &account(REMOVED), "--all"]);
    gate.order(&["account", "disable", &account(DISABLED)]);
    gate
}

/// The times of each kind of attempt in microseconds, in order.
fn measure(gate: &Server, rounds: u64) -> Vec<Vec<f64>> {
    let mut peer = Peer::open(gate);
    let mut chance = Chance(u64::from_le_bytes(Entropy::system().bytes()) | 1);
    let mut times = vec![Vec::new(); CLASSES.len()];
    let mut order: Vec<usize> = (0..CLASSES.len()).collect();
    for round in 0..WARM + rounds {
        for left in (1..order.len()).rev() {
            order.swap(left, chance.below(left + 1));
        }
        for &n in &order {
            let Class { who, what, .. } = &CLASSES[n];
            let number = match who {
                Who::One(number) => *number,
                Who::Each(first) => first + round,
            };
            // A number that the password of no account comes from.
            let wrong = secret(u64::MAX - 1 - peer.asked, 0);
            let shown = match what {
                What::Wrong => wrong,
                What::Short => wrong[..11].to_owned(),
                What::Illegal => format!("{}0OIl1", &wrong[..11]),
                What::Its => secret(number, 0),
            };
            let took = peer.ask(&account(number), &shown);
            if round >= WARM {
                times[n].push(took);
            }
        }
    }
    times.iter_mut().for_each(|all| all.sort_by(f64::total_cmp));
    times
}

/// A login process with one question at a time.
struct Peer {
    stream: UnixStream,
    asked: u64,
    out: BytesMut,
}

impl Peer {
    fn open(gate: &Server) -> Self {
        let mut stream = UnixStream::connect(gate.socket(Dialect::AuthClient.name())).expect("a connection");
        stream.write_all(Dialect::AuthClient.hello(1).as_bytes()).expect("it listens");
        let (mut heard, mut more) = (Vec::new(), [0; 1024]);
        while !Dialect::AuthClient.is_greeted(&heard) {
            let read = stream.read(&mut more).expect("a greeting");
            assert!(read > 0, "no greeting");
            heard.extend_from_slice(&more[..read]);
        }
        Self { stream, asked: 0, out: BytesMut::new() }
    }

    /// How long a refusal takes, in microseconds.
    fn ask(&mut self, user: &str, password: &str) -> f64 {
        self.asked += 1;
        self.out.clear();
        ask::auth(100_000 + self.asked, user, password, &ask::address(self.asked), &mut self.out);
        let (mut answer, mut heard) = ([0; 1024], 0);
        let start = Instant::now();
        self.stream.write_all(&self.out).expect("it listens");
        while heard == 0 || answer[heard - 1] != b'\n' {
            let read = self.stream.read(&mut answer[heard..]).expect("an answer");
            assert!(read > 0, "it hung up");
            heard += read;
        }
        let took = start.elapsed();
        assert!(answer.starts_with(b"FAIL\t"), "{:?}", String::from_utf8_lossy(&answer[..heard]));
        took.as_secs_f64() * 1e6
    }
}

/// Any mixing will do for an order.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or_default() % end
    }
}

/// The time that a share of them took at most.
fn at(times: &[f64], share: f64) -> f64 {
    let place = (times.len() as f64 * share) as usize;
    times.get(place).copied().unwrap_or_default()
}

/// Welch's t of what is below the crop, which is one for both.
fn welch(one: &[f64], other: &[f64]) -> f64 {
    let mut both = [one, other].concat();
    both.sort_by(f64::total_cmp);
    let crop = at(&both, CROP);
    let [(n, mean, variance), (m, mean_of_other, variance_of_other)] = [one, other].map(|times| {
        let times: Vec<f64> = times.iter().copied().filter(|time| *time <= crop).collect();
        let n = times.len() as f64;
        let mean = times.iter().sum::<f64>() / n;
        let squares: f64 = times.iter().map(|time| (time - mean).powi(2)).sum();
        (n, mean, squares / (n - 1.0))
    });
    let error = (variance / n + variance_of_other / m).sqrt();
    if error > 0.0 { (mean - mean_of_other) / error } else { 0.0 }
}
