//! Answers per second and processor time per answer, against the echo.

use std::time::Duration;

use crate::dialect::Dialect;
use crate::load::{Ask, Load, run};
use crate::report::Report;
use crate::site::{CHEAP, Server, fill, folder};
use crate::{ask, runtime};

/// Accounts of a small site.
pub(crate) const ACCOUNTS: u64 = 1_000;
/// How long each turn lasts.
const TURN: Duration = Duration::from_millis(1_500);
/// Turns of each side; the median counts.
const TURNS: usize = 5;

/// A load without a pace.
pub(crate) fn load(
    dialect: Dialect,
    ask: Ask,
    expect: &'static [u8],
    connections: usize,
    depth: usize,
) -> Load {
    Load { dialect, ask, expect, connections, depth, time: TURN, pace: None }
}

/// The middle of some figures.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// What one side did in one turn.
pub(crate) struct Turn {
    pub(crate) per_second: f64,
    /// Processor time of the server for one answer, in seconds.
    pub(crate) cpu: f64,
    pub(crate) p99: f64,
}

/// One turn of a load.
pub(crate) fn turn(server: &Server, load: &Load) -> Turn {
    let before = server.cpu();
    let measured = runtime().block_on(run(&server.socket(load.dialect.name()), load));
    let cpu = (server.cpu() - before).as_secs_f64() / measured.answered.max(1) as f64;
    Turn { per_second: measured.per_second(), cpu, p99: measured.p99().as_secs_f64() }
}

/// Figures of one against the other, turn by turn.
pub(crate) struct Against {
    pub(crate) rate: f64,
    pub(crate) cpu: f64,
    pub(crate) p99: f64,
    pub(crate) per_second: f64,
}

/// Lets two servers take turns.
pub(crate) fn compare(one: &Server, other: &Server, ours: &Load, theirs: &Load) -> Against {
    let (mut rate, mut cpu, mut p99, mut per_second) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let (their, our) = (turn(other, theirs), turn(one, ours));
        rate.push(our.per_second / their.per_second);
        cpu.push(our.cpu / their.cpu);
        p99.push(our.p99 / their.p99);
        per_second.push(our.per_second);
    }
    Against { rate: median(rate), cpu: median(cpu), p99: median(p99), per_second: median(per_second) }
}

/// The daemon over a small site whose Argon2 costs next to nothing, every password seen once.
fn small_site(settings: &str) -> Server {
    let folder = folder();
    runtime().block_on(fill(folder.path(), ACCOUNTS, 1, CHEAP));
    let gate = Server::daemon(folder, &format!("[log]\nlevel = \"error\"\n{settings}"));
    warm(&gate);
    gate
}

fn warm(gate: &Server) {
    let load = Load {
        time: Duration::from_secs(1),
        ..load(Dialect::AuthClient, ask::right(ACCOUNTS), b"OK\t", 4, 8)
    };
    turn(gate, &load);
}

/// Right client passwords that were seen before.
pub(crate) fn known(report: &mut Report) {
    let (gate, echo) = (small_site(""), Server::echo(Dialect::AuthClient));
    for (depth, target) in [(1, 0.5), (16, 0.3)] {
        let load = load(Dialect::AuthClient, ask::right(ACCOUNTS), b"OK\t", 8, depth);
        let against = compare(&gate, &echo, &load, &load);
        report.at_least(
            &format!("known password, 8 connections, depth {depth}: rate to echo"),
            against.rate,
            target,
        );
        report.at_most(&format!("known password, depth {depth}: processor time to echo"), against.cpu, 2.5);
        report.note(
            &format!("known password, depth {depth}: answers per second"),
            format!("{:.0}", against.per_second),
        );
    }
    let mut paced = load(Dialect::AuthClient, ask::right(ACCOUNTS), b"OK\t", 8, 1);
    (paced.pace, paced.time) = (Some(500), Duration::from_secs(4));
    let against = compare(&gate, &echo, &paced, &paced);
    report.at_most("known password, 500 a second: p99 to echo", against.p99, 1.5);
}

/// A source that is blocked.
pub(crate) fn blocked(report: &mut Report) {
    let (gate, echo) = (small_site(""), Server::echo(Dialect::AuthClient));
    gate.order(&["block", "add", "10.255.255.1"]);
    for depth in [1, 16] {
        let ours = load(Dialect::AuthClient, ask::right_from("10.255.255.1"), b"FAIL\t", 8, depth);
        let theirs = Load { expect: b"OK\t", ..ours.clone() };
        let against = compare(&gate, &echo, &ours, &theirs);
        report.at_least(
            &format!("blocked address, 8 connections, depth {depth}: rate to echo"),
            against.rate,
            0.6,
        );
    }
}

/// Wrong guesses from many addresses, each on disk before it is answered.
pub(crate) fn wrong(report: &mut Report) {
    let gate = small_site("");
    for (connections, depth) in [(8, 16), (64, 16), (200, 8)] {
        let load = load(Dialect::AuthClient, ask::wrong(7), b"FAIL\t", connections, depth);
        let turns: Vec<f64> = (0..TURNS).map(|_| turn(&gate, &load).per_second).collect();
        let what = format!("wrong guesses, {connections} connections, depth {depth}: a second");
        if connections == 64 {
            report.number_at_least(&what, median(turns), 20_000.0);
        } else {
            report.note(&what, format!("{:.0}", median(turns)));
        }
    }
}

/// An account with six client passwords against one with one, right and wrong.
pub(crate) fn six(report: &mut Report) {
    let gates = [1, 6].map(|passwords| {
        let folder = folder();
        runtime().block_on(fill(folder.path(), 50, passwords, CHEAP));
        (Server::daemon(folder, "[log]\nlevel = \"error\"\n"), passwords)
    });
    let [(one, _), (six, _)] = &gates;
    for (gate, passwords) in &gates {
        turn(gate, &load(Dialect::AuthClient, ask::right_of(7, *passwords), b"OK\t", 8, 1));
    }
    let right = |passwords| load(Dialect::AuthClient, ask::right_of(7, passwords), b"OK\t", 8, 4);
    let against = compare(six, one, &right(6), &right(1));
    report.at_most("six passwords, right: processor time to one", against.cpu, 1.1);
    let wrong = || load(Dialect::AuthClient, ask::wrong(7), b"FAIL\t", 8, 4);
    let against = compare(six, one, &wrong(), &wrong());
    report.at_most("six passwords, wrong: processor time to one", against.cpu, 1.1);
}

/// Postfix's questions, with four limits in force.
pub(crate) fn policy(report: &mut Report) {
    let (gate, echo) = (small_site(""), Server::echo(Dialect::Policy));
    gate.order(&[
        "limits",
        "set",
        "--default",
        "--messages-per-hour",
        "1000000",
        "--recipients-per-hour",
        "1000000",
        "--messages-per-day",
        "10000000",
        "--recipients-per-day",
        "10000000",
    ]);
    for state in ["MAIL", "RCPT"] {
        let load = load(Dialect::Policy, ask::policy(state, ACCOUNTS), b"action=DUNNO", 8, 1);
        let against = compare(&gate, &echo, &load, &load);
        report.at_least(&format!("policy, {state}, 8 connections: rate to echo"), against.rate, 0.4);
    }
    for connections in [8, 128] {
        let load = load(Dialect::Policy, ask::message(ACCOUNTS), b"action=DUNNO", connections, 1);
        let turns: Vec<f64> = (0..TURNS).map(|_| turn(&gate, &load).per_second).collect();
        let what = format!("policy, DATA and end, {connections} connections: answers a second");
        if connections == 8 {
            report.number_at_least(&what, median(turns), 15_000.0);
        } else {
            report.note(&what, format!("{:.0}", median(turns)));
        }
    }
}

/// The other doors.
pub(crate) fn doors(report: &mut Report) {
    let gate = small_site("");
    for (dialect, ask, expect) in [
        (Dialect::Dict, ask::dict(ACCOUNTS), &b"O"[..]),
        (Dialect::Saslauthd, ask::saslauthd(ACCOUNTS), b"\0\x02OK"),
        (Dialect::Socketmap, ask::socketmap(ACCOUNTS), b""),
    ] {
        let echo = Server::echo(dialect);
        let load = load(dialect, ask, expect, 8, 1);
        let against = compare(&gate, &echo, &load, &load);
        report.at_least(&format!("{}, 8 connections: rate to echo", dialect.name()), against.rate, 0.4);
    }
}
