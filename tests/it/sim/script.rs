//! What is done in a seeded world: a pure function of the seed.

use sidegate::entropy::Entropy;

use super::faults::Point;

/// Accounts that are made at the start; whoever comes after them has none.
pub(super) const KNOWN: usize = 3;
pub(super) const NAMES: [&str; KNOWN + 1] =
    ["ann@example.org", "bob@example.org", "eve@example.org", "nobody@example.org"];
/// The first two are one source, so are the next but one and its neighbour; the next is exempt, the last is none.
pub(super) const ADDRESSES: [&str; 7] =
    ["192.0.2.7", "::ffff:192.0.2.7", "192.0.2.8", "2001:db8::1", "2001:db8::2", "198.51.100.7", ""];
pub(super) const NO_ADDRESS: usize = 6;
pub(super) const HOUR: i64 = 3600;
pub(super) const DAY: i64 = 86_400;
/// Names of client passwords: more than an account may have.
const SLOTS: u64 = 8;

/// A whole world, from its first start to its last stop.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) settings: Settings,
    pub(super) lives: Vec<Life>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// `lockout.failures`
    pub(super) failures: usize,
    /// `lockout.failure_delay`, in seconds
    pub(super) delay: u64,
    /// `lockout.repeats = "once"`
    pub(super) once: bool,
}

/// From a start to the stop after it.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) rounds: Vec<Round>,
    pub(super) end: End,
    /// What the wall clock does until the next start.
    pub(super) step: i64,
}

#[derive(Debug)]
pub(super) enum End {
    /// Stopped in order, with nothing under way.
    Quiet,
    /// Stopped in order under these, when so many answers were heard.
    Stopped(Vec<Lane>, usize),
    /// Everything dropped under these, when so many answers were heard, or when a thread of the store hangs.
    Killed(Vec<Lane>, usize, Option<Point>),
}

#[derive(Clone, Debug)]
pub(super) enum Round {
    /// The clock goes on.
    Pass(i64),
    /// The wall clock is set back.
    SetBack(i64),
    Sweep,
    /// All lanes at once; in a lane, orders are waited for and logins are not.
    Ask(Weather, Vec<Lane>),
}

/// How the store does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    Fine,
    /// The disk is full.
    NoWrites,
    /// Each n-th transaction fails.
    Flaky(u32),
    NoReads,
    /// A thread of the store hangs there, until this has happened.
    Stalled(Point, Meanwhile),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meanwhile {
    Nothing,
    /// What has ended is swept.
    Sweep,
    /// So many seconds pass.
    Pass(i64),
}

#[derive(Clone, Debug)]
pub(super) struct Lane {
    /// Its logins are cancelled at once.
    pub(super) cancels: bool,
    pub(super) ops: Vec<Op>,
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    Login {
        who: usize,
        secret: Secret,
        from: usize,
        protocol: &'static str,
    },
    /// Thought through, and counted nowhere.
    Check {
        who: usize,
        secret: Secret,
        from: usize,
    },
    New {
        who: usize,
        slot: u64,
        limits: Limits,
    },
    Revoke {
        who: usize,
        slot: u64,
    },
    RevokeAll {
        who: usize,
    },
    Enable {
        who: usize,
        enabled: bool,
    },
    Remove {
        who: usize,
    },
    Add {
        who: usize,
    },
    Block {
        from: usize,
        secs: i64,
    },
    Lift {
        from: usize,
    },
}

/// Which secret is presented.
#[derive(Clone, Copy, Debug)]
pub(super) enum Secret {
    /// The newest of this name, removed or not.
    Newest(u64),
    /// The first that this name had.
    Oldest(u64),
    /// The newest of this name of the next account.
    Neighbours(u64),
    Wrong(u64),
}

/// What a new client password is good for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limits {
    None,
    /// So many seconds.
    Expires(i64),
    /// IMAP only.
    Protocol,
    /// From 192.0.2.0/24 only.
    Network,
}

/// What a round is about, so that its parts meet.
#[derive(Clone, Copy)]
struct Focus {
    who: usize,
    from: usize,
    slot: u64,
}

struct Chance(Entropy);

impl Script {
    pub(super) fn of(seed: u64) -> Self {
        let chance = Chance(Entropy::from_seed(seed));
        let settings = Settings {
            failures: if chance.one_in(4) { 3 } else { 10 },
            delay: if chance.one_in(4) { 2 } else { 0 },
            once: chance.one_in(5),
        };
        let count = 2 + chance.below(2);
        let lives = (0..count).map(|n| chance.life(n == 0, settings.failures)).collect();
        Self { settings, lives }
    }
}

fn one(op: Op) -> Round {
    alone(Weather::Fine, op)
}

fn alone(weather: Weather, op: Op) -> Round {
    Round::Ask(weather, vec![Lane { cancels: false, ops: vec![op] }])
}

impl Chance {
    fn below(&self, end: u64) -> u64 {
        u64::from_be_bytes(self.0.bytes()) % end
    }

    fn one_in(&self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Copy>(&self, among: &[T]) -> T {
        among[self.index(among.len())]
    }

    fn index(&self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap()
    }

    fn life(&self, first: bool, failures: usize) -> Life {
        let mut rounds = Vec::new();
        if first {
            let lane = |who| {
                let new = |slot| Op::New { who, slot, limits: Limits::None };
                let ops = [Op::Add { who }].into_iter().chain((0..=self.below(2)).map(new));
                Lane { cancels: false, ops: ops.collect() }
            };
            rounds.push(Round::Ask(Weather::Fine, (0..KNOWN).map(lane).collect()));
        }
        for _ in 0..2 + self.below(4) {
            self.story(&mut rounds, failures);
        }
        let end = match self.below(4) {
            0 => End::Quiet,
            1 => End::Stopped(self.lanes(self.focus()), self.index(5)),
            2 => End::Killed(self.lanes(self.focus()), self.index(8), None),
            _ => End::Killed(self.lanes(self.focus()), 0, Some(self.point())),
        };
        let step = self.pick(&[0, 0, 0, 1, 600, HOUR, DAY, -1, -600, -HOUR, -2 * HOUR]);
        Life { rounds, end, step }
    }

    fn point(&self) -> Point {
        self.pick(&[Point::Before, Point::After, Point::Read])
    }

    fn focus(&self) -> Focus {
        Focus { who: self.index(KNOWN), from: self.index(NO_ADDRESS), slot: self.below(2) }
    }

    /// A few rounds that mean something together.
    fn story(&self, rounds: &mut Vec<Round>, failures: usize) {
        let focus = self.focus();
        let Focus { who, from, slot } = focus;
        let right = || one(login(who, Secret::Newest(slot), from));
        match self.below(17) {
            0..3 => {
                for _ in 0..1 + self.below(4) {
                    rounds.push(one(self.login(self.focus(), ADDRESSES.len())));
                }
            }
            3 | 4 => rounds.push(one(self.order(focus))),
            5 | 6 => rounds.push(Round::Ask(self.weather(), self.lanes(focus))),
            7 => rounds.push(self.guesses(focus, failures + self.index(3))),
            8 => {
                rounds.push(self.guesses(focus, failures));
                rounds.extend([Round::Pass(HOUR - 1), right(), Round::Pass(1), right()]);
            }
            9 => {
                let slips = failures - 1 - self.index(2);
                rounds.extend([self.guesses(focus, slips), right(), self.guesses(focus, slips), right()]);
            }
            10 => {
                let new = |slot| one(Op::New { who, slot, limits: Limits::None });
                rounds.extend((0..SLOTS).map(new));
            }
            11 => {
                let elsewhere = self.index(ADDRESSES.len());
                rounds.extend([right(), one(Op::Revoke { who, slot })]);
                rounds.push(one(login(who, Secret::Newest(slot), elsewhere)));
                rounds.push(one(Op::New { who, slot, limits: self.limits() }));
                rounds.extend([right(), one(login(who, Secret::Oldest(slot), elsewhere))]);
            }
            12 => {
                for _ in 0..1 + self.below(3) {
                    rounds.push(Round::Ask(Weather::NoWrites, self.lanes(focus)));
                    rounds.push(alone(Weather::NoWrites, login(who, Secret::Newest(slot), from)));
                }
                rounds.push(right());
            }
            13 => {
                rounds.push(Round::Pass(self.pick(&[1, 59, 60, 1800, HOUR - 1, HOUR, DAY - 1, DAY])));
                rounds.push(one(self.login(focus, ADDRESSES.len())));
            }
            14 => {
                // What a login stands on is taken away while it is decided.
                rounds.push(one(Op::New { who, slot: SLOTS - 1, limits: Limits::None }));
                let logins = (0..1 + self.below(3)).map(|_| login(who, Secret::Newest(slot), from)).collect();
                let order = self.pick(&[0, 0, 1, 2]);
                let order = match order {
                    0 => Op::Revoke { who, slot },
                    1 => Op::Enable { who, enabled: false },
                    _ => Op::Block { from, secs: HOUR },
                };
                let lanes = [logins, vec![order]].map(|ops| Lane { cancels: false, ops });
                rounds.push(Round::Ask(Weather::Stalled(Point::Read, Meanwhile::Nothing), lanes.into()));
            }
            15 => rounds.push(if self.one_in(2) { Round::Sweep } else { Round::SetBack(HOUR) }),
            _ => {
                // Something ends, and is swept while it begins anew.
                rounds.push(self.guesses(focus, failures - self.index(2)));
                rounds.push(Round::Pass(self.pick(&[HOUR, DAY])));
                let weather = Weather::Stalled(self.point(), Meanwhile::Sweep);
                rounds.push(Round::Ask(weather, self.lanes(focus)));
            }
        }
    }

    /// Wrong ones from one source, at once, over some connections.
    fn guesses(&self, focus: Focus, count: usize) -> Round {
        let mut lanes = vec![Lane { cancels: false, ops: Vec::new() }; 1 + self.index(3)];
        for n in 0..count {
            let lane = self.index(lanes.len());
            lanes[lane].ops.push(login(focus.who, Secret::Wrong(n as u64), focus.from));
        }
        Round::Ask(Weather::Fine, lanes)
    }

    fn weather(&self) -> Weather {
        match self.below(8) {
            0..3 => Weather::Fine,
            3 => Weather::NoWrites,
            4 => Weather::Flaky(2 + u32::try_from(self.below(4)).unwrap()),
            5 => Weather::NoReads,
            _ => {
                let meanwhile = self.pick(&[
                    Meanwhile::Nothing,
                    Meanwhile::Nothing,
                    Meanwhile::Sweep,
                    Meanwhile::Pass(1),
                    Meanwhile::Pass(9),
                ]);
                Weather::Stalled(self.point(), meanwhile)
            }
        }
    }

    fn lanes(&self, focus: Focus) -> Vec<Lane> {
        let lane = |_| {
            let cancels = self.one_in(8);
            let op = |_| {
                let focus = if self.one_in(4) { self.focus() } else { focus };
                if !cancels && self.one_in(5) { self.order(focus) } else { self.login(focus, NO_ADDRESS) }
            };
            Lane { cancels, ops: (0..1 + self.below(6)).map(op).collect() }
        };
        (0..2 + self.below(3)).map(lane).collect()
    }

    fn login(&self, focus: Focus, addresses: usize) -> Op {
        let Focus { who, slot, .. } = focus;
        let who = if self.one_in(12) { KNOWN } else { who };
        let from = if self.one_in(8) { self.index(addresses) } else { focus.from };
        let secret = match self.below(10) {
            0..4 => Secret::Wrong(self.below(6)),
            4 => Secret::Oldest(slot),
            5 => Secret::Neighbours(slot),
            _ => Secret::Newest(slot),
        };
        if self.one_in(20) {
            return Op::Check { who, secret, from };
        }
        Op::Login { who, secret, from, protocol: self.pick(&["imap", "imap", "pop3"]) }
    }

    fn order(&self, focus: Focus) -> Op {
        let Focus { who, from, slot } = focus;
        match self.below(16) {
            0..5 => Op::New { who, slot: self.pick(&[slot, slot, self.below(SLOTS)]), limits: self.limits() },
            5..9 => Op::Revoke { who, slot },
            9 => Op::RevokeAll { who },
            10 => Op::Enable { who, enabled: self.one_in(2) },
            11 => Op::Enable { who, enabled: true },
            12 if self.one_in(2) => Op::Remove { who },
            12 => Op::Add { who },
            13 => Op::Block { from, secs: self.pick(&[60, HOUR]) },
            _ => Op::Lift { from },
        }
    }

    fn limits(&self) -> Limits {
        let expires = Limits::Expires(self.pick(&[60, HOUR, DAY]));
        self.pick(&[Limits::None, Limits::None, Limits::None, expires, Limits::Protocol, Limits::Network])
    }
}

fn login(who: usize, secret: Secret, from: usize) -> Op {
    Op::Login { who, secret, from, protocol: "imap" }
}
