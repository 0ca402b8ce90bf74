//! One life of a gate: from its start over what the one before has left to its end, by an orderly stop or by a kill.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use sidegate::clock::{Clock, Timestamp};
use sidegate::config::{Config, Endpoint};
use sidegate::entropy::Entropy;
use sidegate::gate::account::Terms;
use sidegate::gate::address::parse_address;
use sidegate::gate::login::{Reason, Verdict};
use sidegate::gate::name::{AccountName, PasswordName, Protocol};
use sidegate::gate::order::{Order, Which};
use sidegate::gate::record::Block;
use sidegate::gate::secret;
use sidegate::hasher::Hasher;
use sidegate::serve::Door;
use sidegate::serve::stop::Stop;
use sidegate::service::{Parts, Rules, Service};
use sidegate::store::sqlite::Sqlite;
use sidegate::store::{StoreHandle, key_file};
use tokio::sync::watch;

use super::disk::key_of;
use super::faults::{Faults, Faulty, Point};
use super::history::{Heard, History, Outcome};
use super::line::Line;
use super::model::{Model, Record, Source, expiry};
use super::script::{ADDRESSES, KNOWN, Lane, Limits, Meanwhile, NAMES, NO_ADDRESS, Op, Weather};
use crate::world::CHEAP;

/// Longer than any answer is held back, and than anything waits.
const LONG: Duration = Duration::from_secs(9);
/// So many connections at most.
const LANES: usize = 4;

/// A gate that runs.
pub(super) struct Gate {
    service: Arc<Service>,
    pub(super) faults: Arc<Faults>,
    socket: std::path::PathBuf,
    stop: watch::Sender<Stop>,
    door: tokio::task::JoinHandle<()>,
    lines: [RefCell<Option<Line>>; LANES],
}

impl Gate {
    pub(super) async fn start(folder: &std::path::Path, config: &Config, seed: u64, now: i64) -> Self {
        let entropy = Entropy::from_seed(seed);
        let faults = Arc::new(Faults::default());
        let store = Faulty { real: Sqlite::at(folder.join("store.db")), faults: Arc::clone(&faults) };
        let parts = Parts {
            rules: Rules { cost: CHEAP, ..Rules::from(config) },
            addresses_max: config.lockout.addresses_max,
            clock: Clock::by_hand(Timestamp(now)),
            key: key_file::load(&folder.join("store.key"), &entropy).unwrap(),
            entropy,
            store: StoreHandle::open(&store).unwrap(),
            hasher: Hasher::start(2, 100, Duration::from_secs(5)),
            upstream: None,
            sharing: None,
            notices: None,
            hears_reports: false,
        };
        let service = Service::start(parts).await.unwrap();
        tokio::spawn(Arc::clone(&service).upkeep());
        let (stop, stopped) = watch::channel(Stop::NotYet);
        let mut listener = config.listen[0].clone();
        let socket = folder.join("client");
        listener.place = Endpoint::Path(socket.clone());
        let serve = Arc::new(Door::open(&listener).unwrap()).serve(Arc::clone(&service), stopped);
        let door = tokio::spawn(async move { drop(serve.await) });
        Self { service, faults, socket, stop, door, lines: Default::default() }
    }

    /// What is in memory is what the model says.
    pub(super) fn agrees(&self, model: &Model) {
        assert_eq!(self.service.now().0, model.now);
        for source in Source::ADDRESSED {
            let known = self.service.source(source.address().unwrap());
            let record = model.record(source);
            let block =
                known.block.map(|block| Record::Blocked { since: block.since.0, until: block.until.0 });
            match block {
                Some(block) => assert_eq!(block, record, "{source:?} in memory"),
                None => {
                    assert!(
                        !matches!(record, Record::Blocked { .. }),
                        "{source:?} is not {record:?} in memory"
                    );
                    // What is over is forgotten later.
                    let over = record == Record::Clear && known.failures > 0;
                    let same = known.failures == record.failures().len();
                    assert!(same || over, "{source:?} has {} failures in memory: {record:?}", known.failures);
                }
            }
        }
    }

    pub(super) async fn pass(&self, secs: i64) {
        self.service.clock().set(Timestamp(self.service.now().0 + secs));
        tokio::time::advance(Duration::from_secs(secs.unsigned_abs()).min(LONG)).await;
    }

    pub(super) fn set_back(&self, secs: i64) {
        self.service.clock().set(Timestamp(self.service.now().0 - secs));
    }

    pub(super) async fn sweep(&self) {
        self.service.sweep().await;
    }

    /// Logins that were decided.
    fn decided(&self) -> u64 {
        let (accepted, refused, deferred) = self.service.counters().logins();
        accepted + refused + deferred
    }

    /// Says everything of a round, and hears every answer.
    pub(super) async fn ask(&self, model: &Model, weather: Weather, lanes: &[Lane]) -> History {
        let round = History::new(lanes.len(), self.decided());
        let flaky = if let Weather::Flaky(each) = weather { each } else { 0 };
        self.faults.set(weather == Weather::NoWrites, weather == Weather::NoReads, flaky);
        let conduct = async {
            if let Weather::Stalled(_, meanwhile) = weather {
                self.until_stuck(&round).await;
                let swept = match meanwhile {
                    Meanwhile::Nothing => None,
                    Meanwhile::Pass(secs) => {
                        self.pass(secs).await;
                        None
                    }
                    Meanwhile::Sweep => {
                        let service = Arc::clone(&self.service);
                        Some(tokio::spawn(async move { service.sweep().await }))
                    }
                };
                breath(0).await;
                if self.decided() == round.decided_before {
                    round.is_late();
                }
                self.faults.open();
                if let Some(swept) = swept {
                    swept.await.unwrap();
                }
            }
            self.until_decided(&round).await;
            let without = |op: &Op| matches!(op, Op::Login { from: NO_ADDRESS, .. });
            if model.settings.delay > 0 || lanes.iter().flat_map(|lane| &lane.ops).any(without) {
                tokio::time::advance(LONG).await;
            }
        };
        if let Weather::Stalled(point, _) = weather {
            self.faults.shut(point);
        }
        tokio::join!(self.talk(model, lanes, &round), conduct);
        self.faults.set(false, false, 0);
        round
    }

    async fn talk(&self, model: &Model, lanes: &[Lane], round: &History) {
        join_all(lanes.iter().enumerate().map(|(n, lane)| self.lane(model, n, lane, round))).await;
    }

    /// Says everything of one lane, and hears the answers.
    async fn lane(&self, model: &Model, number: usize, lane: &Lane, round: &History) {
        let mut line = self.lines[number].take();
        if line.is_none() {
            line = Line::open(&self.socket).await;
        }
        let Some(mut line) = line else { return round.falls_silent() };
        let mut due = HashMap::new();
        for op in &lane.ops {
            match op {
                Op::Login { who, secret, from, protocol } => {
                    let secret = model.secret(*who, *secret);
                    let begun = round.begin(number, op, secret.clone());
                    let params = format!("service={protocol}\trip={}", ADDRESSES[*from]);
                    let id = line.login(NAMES[*who], &secret, &params).await;
                    if lane.cancels {
                        line.say(&format!("CANCEL\t{id}\n")).await;
                    } else {
                        due.insert(id, begun);
                    }
                }
                Op::Check { who, secret, from } => {
                    let secret = model.secret(*who, *secret);
                    let begun = round.begin(number, op, secret.clone());
                    round.hear(begun, self.check(*who, &secret, *from).await);
                }
                order => {
                    let begun = round.begin(number, op, String::new());
                    round.end(begun, self.order(order).await);
                }
            }
        }
        round.falls_silent();
        while !due.is_empty() {
            let Some(text) = line.hear().await else { return };
            let (id, heard) = Heard::parse(&text);
            let begun = due.remove(&id).expect("an answer to what was asked, and one only");
            round.hear(begun, heard);
        }
        if !lane.cancels {
            self.lines[number].replace(Some(line));
        }
    }

    async fn check(&self, who: usize, secret: &str, from: usize) -> Heard {
        let (secret, imap) = (secret::Secret::new(secret), Protocol::parse("imap").unwrap());
        let address = parse_address(ADDRESSES[from]);
        match self.service.check(NAMES[who], secret, imap, address).await.verdict {
            Verdict::Accept(_) => Heard::Ok,
            Verdict::Refuse(Reason::Blocked(_)) => Heard::Blocked,
            Verdict::Refuse(_) => Heard::Fail,
            Verdict::Elsewhere | Verdict::Defer(_) => Heard::Trouble,
        }
    }

    async fn order(&self, op: &Op) -> Outcome {
        let account = |who: usize| AccountName::parse(NAMES[who], None).unwrap();
        let name = |slot: u64| format!("device {slot}");
        let key = |from: usize| {
            key_of(Source::of(from, KNOWN).address().expect("orders are about sources with an address"))
        };
        let order = match *op {
            Op::New { who, slot, limits } => {
                let name = PasswordName::parse(&name(slot)).unwrap();
                let terms = terms(limits, self.service.now().0);
                return match self.service.new_password(account(who), name, terms, "test").await {
                    Ok((id, secret)) => Outcome::Made(id, secret.show_once().to_string()),
                    Err(error) => Outcome::of(Err(error)),
                };
            }
            Op::Revoke { who, slot } => {
                Order::Revoke { account: account(who), which: Which::Name(name(slot)) }
            }
            Op::RevokeAll { who } => Order::Revoke { account: account(who), which: Which::All },
            Op::Enable { who, enabled } => {
                let (enabled, two_factor, group) = (Some(enabled), None, None);
                Order::SetAccount { account: account(who), enabled, two_factor, group }
            }
            Op::Remove { who } => Order::RemoveAccount(account(who)),
            Op::Add { who } => Order::AddAccount(account(who)),
            Op::Block { from, secs } => {
                let since = self.service.now();
                let until = since.plus(Duration::from_secs(secs.unsigned_abs()));
                Order::AddBlock(key(from), Block::by_hand(since, until, "test"))
            }
            Op::Lift { from } => Order::LiftBlock(key(from)),
            Op::Login { .. } | Op::Check { .. } => unreachable!("no orders"),
        };
        Outcome::of(self.service.carry_out(order, "test").await)
    }

    fn is_decided(&self, round: &History) -> bool {
        round.talking.get() == 0 && self.decided() == round.decided_before + round.sent.get()
    }

    async fn until_decided(&self, round: &History) {
        for n in 0.. {
            if self.is_decided(round) {
                return;
            }
            breath(n).await;
        }
    }

    /// Until a thread hangs and whoever can wait for it does, or nobody needs it.
    async fn until_stuck(&self, round: &History) {
        for n in 0.. {
            if self.is_decided(round) {
                return;
            }
            if self.faults.hangs() {
                // What needs no such thread goes on: orders, while a reader hangs.
                for _ in 0..5 {
                    breath(u32::MAX).await;
                }
                return;
            }
            breath(n).await;
        }
    }

    /// Stops in order while a round is under way, when so many answers were heard.
    pub(super) async fn stop(self, model: &Model, lanes: &[Lane], answers: usize) -> History {
        let round = History::new(lanes.len(), self.decided());
        let conduct = async {
            self.until_heard(&round, answers).await;
            if lanes.is_empty() {
                self.lines.iter().for_each(|line| drop(line.take()));
            }
            self.stop.send(Stop::Leave).unwrap();
            self.service.hurry();
            for n in 0.. {
                if self.door.is_finished() {
                    return;
                }
                breath(n).await;
                tokio::time::advance(Duration::from_millis(100)).await;
            }
        };
        tokio::join!(self.talk(model, lanes, &round), conduct);
        self.service.finish().await;
        round
    }

    /// Drops everything while a round is under way: when so many answers were heard, or when a thread of the store hangs.
    pub(super) async fn kill(
        self,
        model: &Model,
        lanes: &[Lane],
        (answers, hangs): (usize, Option<Point>),
        (from, to): (&std::path::Path, &std::path::Path),
    ) -> History {
        let round = History::new(lanes.len(), self.decided());
        if let Some(point) = hangs {
            self.faults.shut(point);
        }
        let moment = async {
            match hangs {
                Some(_) => self.until_stuck(&round).await,
                None => self.until_heard(&round, answers).await,
            }
        };
        tokio::select! {
            () = self.talk(model, lanes, &round) => {}
            () = moment => {}
        }
        self.faults.die(from, to);
        round
    }

    async fn until_heard(&self, round: &History, answers: usize) {
        for n in 0.. {
            if round.heard.get() >= answers || self.is_decided(round) {
                return;
            }
            breath(n).await;
        }
    }
}

/// A world that failed ends as well.
impl Drop for Gate {
    fn drop(&mut self) {
        self.faults.open();
    }
}

fn terms(limits: Limits, now: i64) -> Terms {
    let protocols = match limits {
        Limits::Protocol => vec![Protocol::parse("imap").unwrap()],
        _ => Vec::new(),
    };
    let networks = match limits {
        Limits::Network => vec!["192.0.2.0/24".parse().unwrap()],
        _ => Vec::new(),
    };
    Terms { expires: expiry(limits, now).map(Timestamp), protocols, networks }
}

/// Lets others do something: first on this thread, then on theirs.
async fn breath(before: u32) {
    if before < 20 {
        std::thread::yield_now();
        tokio::task::yield_now().await;
    } else {
        tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_micros(100))).await.unwrap();
    }
}
