//! Ten wrong passwords of an address are looked at, never more, whatever comes at once and over how many doors; no
//! right one gets in after the tenth was answered, and nobody else is refused.
//!
//! The daemon is a process of its own; each round is a new address that attacks new accounts.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::json;

use crate::daemon::Daemon;
use crate::wire::{Wire, login, settle};
use crate::world::PATIENCE;

mod doors;

/// `lockout.failures` as shipped.
const TEN: usize = 10;
const ROUNDS: usize = 20;
const SERVICES: [&str; 3] = ["imap", "pop3", "submission"];

#[test]
fn fifty_connections_with_one_attempt_each() {
    siege(&Shape { connections: 50, each: 1, delay: "200ms" });
}

#[test]
fn two_hundred_connections_with_eight_attempts_each() {
    siege(&Shape { connections: 200, each: 8, delay: "200ms" });
}

/// Where an answer waits for nothing, it could overtake the block.
#[test]
fn two_hundred_connections_that_are_answered_at_once() {
    siege(&Shape { connections: 200, each: 8, delay: "0s" });
}

struct Shape {
    connections: usize,
    /// Attempts of a connection, sent before any is answered.
    each: usize,
    /// Two seconds as shipped.
    delay: &'static str,
}

fn siege(shape: &Shape) {
    let folder = tempfile::tempdir().unwrap();
    settle(folder.path(), &format!("[lockout]\nfailure_delay = \"{}\"\n", shape.delay));
    let mut daemon = Daemon::start(folder.path());
    let mut told = Vec::new();
    for number in 0..ROUNDS {
        let round = Round::furnish(&daemon, number);
        told.push(round.with_honest_users(&daemon, || round.attack(&daemon, shape)));
    }
    assert!(told.iter().any(|told| told.let_in > 0), "no right password came before a block");

    // Sums of refusals are in the store when the daemon has ended.
    daemon.signal("TERM");
    assert_eq!(daemon.end(), Some(0));
    let daemon = Daemon::start(folder.path());
    let list =
        |path: &str, name: &str| daemon.control("GET", path, &json!({}))[name].as_array().unwrap().len();
    assert_eq!(list("/v1/blocks", "blocks"), ROUNDS, "each is blocked, and nobody else");
    assert_eq!(list("/v1/events?kind=block-added&limit=10000", "events"), ROUNDS);
    for (number, told) in told.iter().enumerate() {
        let events = Round::named(number).events(&daemon);
        // One of the honest users mistypes once.
        assert_eq!(events.evaluated, TEN + 1, "round {number}");
        assert_eq!(events.blocked, told.blocked, "round {number}");
    }
}

/// An address, and the accounts that only it is interested in.
struct Round {
    number: usize,
    /// With their right passwords. They are guessed at.
    known: Vec<(String, String)>,
    /// Guessed at as well; there are none such.
    unknown: Vec<String>,
    /// The attacker's own, with their right passwords.
    own: Vec<(String, String)>,
}

/// What the attacker was told.
#[derive(Default)]
struct Told {
    evaluated: usize,
    blocked: usize,
    let_in: usize,
}

impl Round {
    fn named(number: usize) -> Self {
        let names = |kind: &str, count| {
            (0..count).map(|n| format!("{kind}-{n}-of-{number}@example.org")).collect::<Vec<_>>()
        };
        let secretless = |names: Vec<String>| names.into_iter().map(|name| (name, String::new())).collect();
        let (known, own) = (secretless(names("known", 3)), secretless(names("own", 2)));
        Self { number, known, unknown: names("unknown", 3), own }
    }

    fn furnish(daemon: &Daemon, number: usize) -> Self {
        let mut round = Self::named(number);
        for (name, secret) in round.known.iter_mut().chain(&mut round.own) {
            daemon.control("POST", "/v1/accounts", &json!({ "address": name }));
            let path = format!("/v1/accounts/{name}/passwords");
            let made = daemon.control("POST", &path, &json!({ "name": "phone" }));
            *secret = made["password"].as_str().unwrap().to_owned();
        }
        round
    }

    /// The attacker: an IPv4 address, one that comes in IPv6 dress now and then, or a whole /64.
    fn from(&self, attempt: usize) -> String {
        match (self.number % 3, attempt % 2) {
            (0, _) | (1, 0) => format!("198.18.0.{}", self.number),
            (1, _) => format!("::ffff:198.18.0.{}", self.number),
            _ => format!("2001:db8:{:x}::{:x}", self.number, attempt + 1),
        }
    }

    /// Account, secret, and whether that is right: every fourth is.
    fn attempt(&self, n: usize) -> (&str, String, bool) {
        if n % 4 == 3 {
            let (name, secret) = &self.own[n / 4 % self.own.len()];
            return (name, secret.clone(), true);
        }
        let known = self.known.iter().map(|(name, _)| name);
        let victims: Vec<&String> = known.chain(&self.unknown).collect();
        (victims[n % victims.len()], format!("wrong {n}"), false)
    }

    fn attack(&self, daemon: &Daemon, shape: &Shape) -> Told {
        let mut wires: Vec<Wire> =
            (0..shape.connections).map(|n| Wire::client(&daemon.folder, n + 1)).collect();
        // In every other round it finds all of them waiting.
        let at_once = self.number % 2 == 1;
        if at_once {
            daemon.signal("STOP");
        }
        for (wire, first) in wires.iter_mut().zip((0..).step_by(shape.each)) {
            let lines = (first..first + shape.each).map(|n| {
                let (account, secret, _) = self.attempt(n);
                login(n + 1, SERVICES[n % 3], &self.from(n), account, &secret)
            });
            wire.say(&lines.collect::<String>());
        }
        if at_once {
            daemon.signal("CONT");
        }
        let mut told = self.listen(&mut wires, shape.connections * shape.each);
        // The tenth was answered: from now on nothing is right, whosoever it is.
        for (n, (account, secret)) in self.known.iter().chain(&self.own).enumerate() {
            let asked = login(10_000 + n, SERVICES[n % 3], &self.from(n), account, secret);
            wires[n].say(&asked);
            let answer = wires[n].hear().unwrap();
            assert!(answer.contains("Too many failed logins"), "{answer}");
            told.blocked += 1;
        }
        told
    }

    /// Hears all answers, and that they are what they may be.
    fn listen(&self, wires: &mut [Wire], asked: usize) -> Told {
        let (mut told, mut tenth, begun) = (Told::default(), None, Instant::now());
        for sweep in 0.. {
            for line in wires.iter_mut().flat_map(Wire::heard) {
                let mut fields = line.split('\t');
                let (word, id) = (fields.next().unwrap(), fields.next().unwrap());
                let (account, _, right) = self.attempt(id.parse::<usize>().unwrap() - 1);
                assert_eq!(fields.next(), Some(&*format!("user={account}")), "{line}");
                match (word, fields.next()) {
                    ("FAIL", Some(text)) if text.contains("Too many failed logins") => {
                        told.blocked += 1;
                    }
                    ("FAIL", None) if !right => told.evaluated += 1,
                    ("OK", None) if right => {
                        told.let_in += 1;
                        // What is heard two sweeps later was not yet written when the tenth was heard.
                        assert!(tenth.is_none_or(|tenth| sweep < tenth + 2), "{line} after the tenth answer");
                    }
                    _ => panic!("{line}"),
                }
                if told.evaluated == TEN {
                    tenth = tenth.or(Some(sweep));
                }
            }
            if told.evaluated + told.blocked + told.let_in == asked {
                break;
            }
            assert!(begun.elapsed() < 3 * PATIENCE, "answers are missing");
            std::thread::yield_now();
        }
        assert_eq!(told.evaluated, TEN, "round {}", self.number);
        told
    }

    /// Others log in all the while to accounts that are guessed at: one who mistypes once, and one from the next /64.
    fn with_honest_users<T>(&self, daemon: &Daemon, attack: impl FnOnce() -> T) -> T {
        let next_door = format!("2001:db8:{:x}:1::1", self.number);
        let home = format!("203.0.113.{}", self.number);
        let (done, served) = (AtomicBool::new(false), AtomicUsize::new(0));
        let live = |service: &str, from: &str, (account, secret): &(String, String), slips: bool| {
            let mut wire = Wire::client(&daemon.folder, 1_000);
            for id in 1.. {
                let slip = slips && id == 1;
                let secret = if slip { "a slip" } else { secret };
                wire.say(&login(id, service, from, account, secret));
                let word = if slip { "FAIL" } else { "OK" };
                assert_eq!(wire.hear().unwrap(), format!("{word}\t{id}\tuser={account}"));
                served.fetch_add(1, Ordering::Relaxed);
                if id > 1 && done.load(Ordering::Relaxed) {
                    break;
                }
            }
        };
        let live = &live;
        std::thread::scope(|scope| {
            let ended = Ended(&done);
            let first = scope.spawn(|| live("imap", &home, &self.known[0], true));
            let second = scope.spawn(|| live("submission", &next_door, &self.known[1], false));
            while served.load(Ordering::Relaxed) < 4 && !first.is_finished() && !second.is_finished() {
                std::thread::yield_now();
            }
            let told = attack();
            drop(ended);
            told
        })
    }

    /// What the store says of the round's accounts.
    fn events(&self, daemon: &Daemon) -> Told {
        let mut told = Told::default();
        let names = self.known.iter().chain(&self.own).map(|(name, _)| name).chain(&self.unknown);
        for name in names {
            let path = format!("/v1/events?account={name}&kind=login&limit=10000");
            let events = daemon.control("GET", &path, &json!({}));
            for event in events["events"].as_array().unwrap() {
                let count = event["count"].as_u64().unwrap() as usize;
                match (event["verdict"].as_str().unwrap(), event["reason"].as_str()) {
                    ("accept", _) => told.let_in += count,
                    ("refuse", Some("blocked")) => told.blocked += count,
                    ("refuse", Some("wrong-password" | "unknown-account")) => told.evaluated += count,
                    _ => panic!("{event}"),
                }
            }
        }
        told
    }
}

/// Ends the honest users when an attack is over, however it went.
struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
