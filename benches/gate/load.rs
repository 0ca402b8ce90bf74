//! Whoever asks: so many connections, each with so many questions under way, for so long.

use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::LocalSet;
use tokio::time::{MissedTickBehavior, interval_at};

use crate::dialect::Dialect;

/// The n-th question of all.
pub(crate) type Ask = Rc<dyn Fn(u64, &mut BytesMut)>;

/// What is asked, how much of it at once, and for how long.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) dialect: Dialect,
    pub(crate) ask: Ask,
    /// What every answer begins with; another one ends the run.
    pub(crate) expect: &'static [u8],
    pub(crate) connections: usize,
    /// Questions under way on each connection.
    pub(crate) depth: usize,
    pub(crate) time: Duration,
    /// Questions per second over all connections, one under way on each; `None`: as many as are answered.
    pub(crate) pace: Option<u32>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    pub(crate) answered: u64,
    pub(crate) elapsed: Duration,
    /// Of connections with one question under way; in order.
    latencies: Vec<Duration>,
}

impl Measured {
    pub(crate) fn per_second(&self) -> f64 {
        self.answered as f64 / self.elapsed.as_secs_f64()
    }

    /// The time that 99 of 100 answers took at most.
    pub(crate) fn p99(&self) -> Duration {
        let at = self.latencies.len() * 99 / 100;
        self.latencies.get(at.min(self.latencies.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

/// Asks, and hears every answer.
pub(crate) async fn run(socket: &Path, load: &Load) -> Measured {
    let numbers = Rc::new(std::cell::Cell::new(0));
    let start = Instant::now();
    let local = LocalSet::new();
    let tasks: Vec<_> = (0..load.connections)
        .map(|n| {
            let (socket, load, numbers) = (socket.to_owned(), load.clone(), Rc::clone(&numbers));
            local.spawn_local(async move {
                match (load.dialect.is_single(), load.pace) {
                    (true, _) => one_by_one(&socket, &load, &numbers, start).await,
                    (false, None) => conversation(n, &socket, &load, &numbers, start).await,
                    (false, Some(pace)) => paced(n, &socket, &load, &numbers, pace, start).await,
                }
            })
        })
        .collect();
    let mut measured = Measured::default();
    local
        .run_until(async {
            for task in tasks {
                let (answered, latencies) = task.await.expect("the connection ends");
                measured.answered += answered;
                measured.latencies.extend(latencies);
            }
        })
        .await;
    measured.elapsed = start.elapsed();
    measured.latencies.sort_unstable();
    measured
}

type Numbers = std::cell::Cell<u64>;

fn next(load: &Load, numbers: &Numbers, out: &mut BytesMut) {
    numbers.set(numbers.get() + 1);
    (load.ask)(numbers.get(), out);
}

async fn open(n: usize, socket: &Path, dialect: Dialect) -> UnixStream {
    let mut stream = UnixStream::connect(socket).await.expect("a connection");
    stream.write_all(dialect.hello(n).as_bytes()).await.expect("it listens");
    let mut heard = BytesMut::new();
    while !dialect.is_greeted(&heard) {
        assert!(stream.read_buf(&mut heard).await.expect("a greeting") > 0, "no greeting");
    }
    stream
}

/// Takes the answers that have arrived; returns how many.
fn hear(load: &Load, input: &mut BytesMut) -> u64 {
    let mut heard = 0;
    while let Some(length) = load.dialect.answer(input) {
        let answer = &input[..length];
        assert!(answer.starts_with(load.expect), "{:?} was answered", String::from_utf8_lossy(answer));
        input.advance(length);
        heard += 1;
    }
    heard
}

async fn conversation(
    n: usize,
    socket: &Path,
    load: &Load,
    numbers: &Numbers,
    start: Instant,
) -> (u64, Vec<Duration>) {
    let mut stream = open(n, socket, load.dialect).await;
    let (mut input, mut out) = (BytesMut::with_capacity(65_536), BytesMut::with_capacity(65_536));
    let (mut answered, mut under_way, mut latencies) = (0, 0, Vec::new());
    loop {
        let goes_on = start.elapsed() < load.time;
        while goes_on && under_way < load.depth {
            next(load, numbers, &mut out);
            under_way += 1;
        }
        if under_way == 0 {
            return (answered, latencies);
        }
        let asked = Instant::now();
        stream.write_all_buf(&mut out).await.expect("it listens");
        input.reserve(16_384);
        assert!(stream.read_buf(&mut input).await.expect("an answer") > 0, "it hung up");
        let heard = hear(load, &mut input);
        answered += heard;
        under_way -= usize::try_from(heard).expect("few");
        if load.depth == 1 {
            latencies.push(asked.elapsed());
        }
    }
}

/// One question at its time, however long the one before took: what waits, waits in the measure.
async fn paced(
    n: usize,
    socket: &Path,
    load: &Load,
    numbers: &Numbers,
    pace: u32,
    start: Instant,
) -> (u64, Vec<Duration>) {
    let mut stream = open(n, socket, load.dialect).await;
    let connections = u32::try_from(load.connections).expect("few");
    // Evenly over all connections: a question at a time, not one of each at once.
    let first = tokio::time::Instant::now() + Duration::from_secs(1) * u32::try_from(n).expect("few") / pace;
    let mut ticks = interval_at(first, Duration::from_secs(1) * connections / pace);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut input, mut out, mut latencies) = (BytesMut::new(), BytesMut::new(), Vec::new());
    while start.elapsed() < load.time {
        ticks.tick().await;
        let asked = Instant::now();
        next(load, numbers, &mut out);
        stream.write_all_buf(&mut out).await.expect("it listens");
        while hear(load, &mut input) == 0 {
            assert!(stream.read_buf(&mut input).await.expect("an answer") > 0, "it hung up");
        }
        latencies.push(asked.elapsed());
    }
    (latencies.len() as u64, latencies)
}

/// A connection for each question.
async fn one_by_one(socket: &Path, load: &Load, numbers: &Numbers, start: Instant) -> (u64, Vec<Duration>) {
    let (mut answered, mut out, mut input) = (0, BytesMut::new(), BytesMut::new());
    while start.elapsed() < load.time {
        let mut stream = UnixStream::connect(socket).await.expect("a connection");
        next(load, numbers, &mut out);
        stream.write_all_buf(&mut out).await.expect("it listens");
        input.clear();
        while stream.read_buf(&mut input).await.expect("an answer") > 0 {}
        answered += hear(load, &mut input);
    }
    (answered, Vec::new())
}
