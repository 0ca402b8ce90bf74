//! `sidegate top`: the daemon at work, second by second.
//!
//! A screen of its own on a terminal (`screen`), left as it was found; elsewhere a line for each second.

mod screen;

use std::time::Duration;

use serde::Serialize;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

use super::commands::Top;
use super::output::{Cell, Out, Style, Table, Tone, visible};
use super::{Failure, answers};
use crate::api::client::{Client, ClientError, Target};
use crate::api::{EventList, EventView, Status, TookView};
use screen::{Screen, fitted, framed};

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The last events on the screen.
const EVENTS_SHOWN: u32 = 12;
/// Rows of a terminal that tells none.
const ROWS_DEFAULT: usize = 24;

/// What happened between two looks, by the second, and what there is now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Look {
    /// Logins decided in a second.
    pub attempts: f64,
    /// Let in.
    pub accepted: f64,
    /// Not let in.
    pub refused: f64,
    /// Put off by trouble of our own.
    pub deferred: f64,
    /// Half of the logins were decided within so many milliseconds; absent: there were none, or it took longer than
    /// is measured.
    pub half_ms: Option<f64>,
    /// Nineteen of twenty were.
    pub most_ms: Option<f64>,
    /// Messages let through in a second.
    pub sent: f64,
    /// Messages, or steps on their way, not let through.
    pub not_sent: f64,
    /// Messages, or steps on their way, put off.
    pub put_off: f64,
    /// Blocked sources.
    pub blocks: usize,
    /// Sources with failures or a block.
    pub sources: usize,
    /// Logins that wait for an Argon2 seat.
    pub waiting: usize,
    /// Open connections.
    pub connections: usize,
    /// Whether the last write reached the disk.
    pub store_writable: bool,
    /// Whether the upstream answers; absent without one.
    pub upstream_connected: Option<bool>,
}

impl Look {
    /// What happened between two answers, `seconds` apart. After a restart all counts start anew.
    #[must_use]
    pub fn between(before: &Status, after: &Status, seconds: f64) -> Self {
        let anew = (before.pid, before.since) != (after.pid, after.since);
        let more = |old: u64, new: u64| new.saturating_sub(if anew { 0 } else { old });
        let rate = |old: u64, new: u64| (more(old, new) as f64 / seconds * 10.0).round() / 10.0;
        let (old, new) = (&before.logins, &after.logins);
        let all = |logins: &crate::api::Logins| logins.accepted + logins.refused + logins.deferred;
        let took: Vec<TookView> = after
            .decided
            .iter()
            .enumerate()
            .map(|(n, took)| {
                let old = before.decided.get(n).map_or(0, |old| old.count);
                TookView { count: more(old, took.count), ..*took }
            })
            .collect();
        Self {
            attempts: rate(all(old), all(new)),
            accepted: rate(old.accepted, new.accepted),
            refused: rate(old.refused, new.refused),
            deferred: rate(old.deferred, new.deferred),
            half_ms: within(&took, 50),
            most_ms: within(&took, 95),
            sent: rate(before.sending.accepted, after.sending.accepted),
            not_sent: rate(before.sending.refused, after.sending.refused),
            put_off: rate(before.sending.deferred, after.sending.deferred),
            blocks: after.blocks,
            sources: after.sources,
            waiting: after.hashing_queue,
            connections: after.listeners.iter().map(|listener| listener.connections).sum(),
            store_writable: after.store_writable,
            upstream_connected: after.upstream_connected,
        }
    }
}

/// The end of the bucket, in milliseconds, within which so many of a hundred lie.
fn within(took: &[TookView], of_hundred: u64) -> Option<f64> {
    let all: u64 = took.iter().map(|took| took.count).sum();
    let mut sum = 0;
    let bucket = took.iter().filter(|_| all > 0).find(|took| {
        sum += took.count;
        sum * 100 >= all * of_hundred
    })?;
    let micros = u32::try_from(bucket.micros?).ok()?;
    Some(f64::from(micros) / 1000.0)
}

/// `sidegate top`
pub(super) fn top(wanted: &Top, client: &Client, out: &mut Out) -> Result<(), Failure> {
    let mut clock = Clock::start()?;
    // A daemon that is away from the start is an error, before the screen changes.
    let first = ask(client)?;
    let screen = (out.style.terminal && !out.style.json && !wanted.once)
        .then(Screen::take)
        .transpose()
        .map_err(Failure::Output)?;
    clock.keys = screen.as_ref().map(Screen::keys);
    watch(wanted, screen.as_ref(), first, &mut clock, client, out)
}

fn watch(
    wanted: &Top,
    screen: Option<&Screen>,
    first: Status,
    clock: &mut Clock,
    client: &Client,
    out: &mut Out,
) -> Result<(), Failure> {
    let (mut before, mut at) = (first, Instant::now());
    while clock.goes_on() {
        let after = match ask(client) {
            Ok(after) => after,
            Err(error @ ClientError::Unreachable(_)) if screen.is_some() => {
                out.text(&framed(&format!("{}\n", visible(&error.to_string()))))?;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let look = Look::between(&before, &after, at.elapsed().as_secs_f64().max(0.1));
        at = Instant::now();
        if out.style.json {
            let value = serde_json::to_value(&look).map_err(|error| Failure::Said(error.to_string()))?;
            out.value_line(&value)?;
        } else if screen.is_some() || wanted.once {
            let mut list: EventList =
                client.get(&Target::of(&["events"]).with("limit", EVENTS_SHOWN))?.read()?;
            // Newest first: what a small terminal has no room for is the oldest.
            list.events.reverse();
            let (head, lists) = page(&look, &after, &list.events, &out.style);
            let [doors, events] = &lists;
            out.text(&match screen {
                Some(screen) => {
                    framed(&fitted(&head, [doors, events], screen.rows().unwrap_or(ROWS_DEFAULT)))
                }
                None => format!("{head}\n{doors}\n{events}"),
            })?;
        } else {
            out.line(&line(&look))?;
        }
        if wanted.once {
            break;
        }
        before = after;
    }
    Ok(())
}

fn ask(client: &Client) -> Result<Status, ClientError> {
    client.get(&Target::of(&["status"]))?.read()
}

/// The seconds, until somebody ends it.
struct Clock {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
    /// The keys that are pressed, where there is a screen.
    keys: Option<Receiver<u8>>,
}

impl Clock {
    fn start() -> Result<Self, Failure> {
        let fail = |error: std::io::Error| Failure::Said(format!("cannot wait for signals: {error}"));
        let runtime = Builder::new_current_thread().enable_all().build().map_err(fail)?;
        let entered = runtime.enter();
        let interrupt = signal(SignalKind::interrupt()).map_err(fail)?;
        let terminate = signal(SignalKind::terminate()).map_err(fail)?;
        drop(entered);
        Ok(Self { runtime, interrupt, terminate, keys: None })
    }

    /// Waits a second; false if a signal or `q` came, now or while nobody waited.
    fn goes_on(&mut self) -> bool {
        let (interrupt, terminate, keys) = (&mut self.interrupt, &mut self.terminate, &mut self.keys);
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                _ = interrupt.recv() => false,
                _ = terminate.recv() => false,
                () = ends(keys) => false,
                () = tokio::time::sleep(LOOK_EVERY) => true,
            }
        })
    }
}

/// Returns when `q` was pressed; never where no keys come.
async fn ends(keys: &mut Option<Receiver<u8>>) {
    if let Some(keys) = keys {
        while let Some(key) = keys.recv().await {
            if matches!(key, b'q' | b'Q') {
                return;
            }
        }
    }
    std::future::pending().await
}

fn milliseconds(time: Option<f64>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| format!("≤{time} ms"))
}

/// A second in one line.
fn line(look: &Look) -> String {
    format!(
        "attempts {}/s  accepted {}/s  refused {}/s  deferred {}/s  p50 {}  p95 {}  sent {}/s  not sent {}/s  \
         put off {}/s  blocks {}  sources {}  waiting {}  connections {}",
        look.attempts,
        look.accepted,
        look.refused,
        look.deferred,
        milliseconds(look.half_ms),
        milliseconds(look.most_ms),
        look.sent,
        look.not_sent,
        look.put_off,
        look.blocks,
        look.sources,
        look.waiting,
        look.connections,
    )
}

fn alarmed(text: String, alarm: bool, tone: Tone) -> Cell {
    Cell::toned(text, if alarm { tone } else { Tone::Plain })
}

/// Everything on one page: how it is, and the listeners and events below it.
fn page(look: &Look, status: &Status, events: &[EventView], style: &Style) -> (String, [String; 2]) {
    let a_second = |rate: f64| format!("{rate}/s");
    let mut numbers = Table::new(&["LOGINS", "", "MESSAGES", "", "NOW", ""]);
    for row in [
        [
            ("attempts", a_second(look.attempts).into()),
            ("let through", a_second(look.sent).into()),
            ("blocks", look.blocks.into()),
        ],
        [
            ("accepted", a_second(look.accepted).into()),
            ("refused", alarmed(a_second(look.not_sent), look.not_sent > 0.0, Tone::Odd)),
            ("sources watched", look.sources.into()),
        ],
        [
            ("refused", alarmed(a_second(look.refused), look.refused > 0.0, Tone::Odd)),
            ("put off", alarmed(a_second(look.put_off), look.put_off > 0.0, Tone::Odd)),
            ("logins waiting", alarmed(look.waiting.to_string(), look.waiting > 0, Tone::Odd)),
        ],
        [
            ("deferred", alarmed(a_second(look.deferred), look.deferred > 0.0, Tone::Bad)),
            ("", "".into()),
            (
                "store",
                alarmed(
                    if look.store_writable { "writable" } else { "the last write failed" }.to_owned(),
                    !look.store_writable,
                    Tone::Bad,
                ),
            ),
        ],
        [
            ("half decided in", milliseconds(look.half_ms).into()),
            ("", "".into()),
            (
                "upstream",
                match look.upstream_connected {
                    None => "none".into(),
                    Some(true) => "answers".into(),
                    Some(false) => Cell::toned("does not answer", Tone::Bad),
                },
            ),
        ],
        [("95 % decided in", milliseconds(look.most_ms).into()), ("", "".into()), ("", "".into())],
    ] {
        numbers.row(row.into_iter().flat_map(|(name, cell)| [name.into(), cell]).collect());
    }
    let mut listeners = Table::new(&["LISTENER", "CONNECTIONS", "PATH"]);
    for listener in &status.listeners {
        let (protocol, path) = (&listener.protocol, &listener.path);
        listeners.row(vec![protocol.into(), listener.connections.into(), path.into()]);
    }
    let (since, numbers) = (style.times.show(status.since), numbers.show(style.colour));
    let head = format!("Sidegate {}, running since {since}\n\n{numbers}", status.version);
    (head, [listeners.show(style.colour), answers::events(events, style)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Logins, Questions};
    use crate::clock::Timestamp;

    fn status(accepted: u64, refused: u64, counts: [u64; 3]) -> Status {
        let ends = [Some(1_000), Some(25_000), None];
        Status {
            version: "0.1.0".into(),
            pid: 1,
            since: Timestamp(0),
            mode: "full".into(),
            observe_only: false,
            upstream_connected: None,
            store_writable: true,
            accounts: 1,
            passwords: 2,
            sources: 3,
            blocks: 4,
            listeners: vec![],
            logins: Logins { accepted, refused, deferred: 0 },
            sending: Questions::default(),
            decided: ends.into_iter().zip(counts).map(|(micros, count)| TookView { micros, count }).collect(),
            hashing_queue: 5,
        }
    }

    #[test]
    fn rates_are_what_came_between_two_looks() {
        let look = Look::between(&status(10, 5, [10, 5, 0]), &status(28, 7, [20, 14, 1]), 2.0);
        assert_eq!((look.attempts, look.accepted, look.refused), (10.0, 9.0, 1.0));
        assert_eq!((look.half_ms, look.most_ms), (Some(1.0), Some(25.0)));
        let idle = Look::between(&status(10, 5, [1, 1, 1]), &status(10, 5, [1, 1, 1]), 1.0);
        assert_eq!((idle.attempts, idle.half_ms), (0.0, None));
        let slow = Look::between(&status(0, 0, [0; 3]), &status(1, 0, [0, 0, 1]), 1.0);
        assert_eq!(slow.half_ms, None, "longer than is measured");
        let restarted = Status { pid: 2, ..status(3, 0, [3, 0, 0]) };
        assert_eq!(Look::between(&status(10, 5, [15, 0, 0]), &restarted, 1.0).accepted, 3.0);
    }

    #[test]
    fn a_page_has_the_numbers() {
        let status = status(1, 1, [1, 1, 0]);
        let look = Look::between(&status, &status, 1.0);
        let (head, _) = page(&look, &status, &[], &Style::plain(false));
        assert!(head.contains("logins waiting") && head.contains("0/s"), "{head}");
        assert!(line(&look).contains("blocks 4  sources 3  waiting 5"));
    }
}
