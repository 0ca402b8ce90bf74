//! Numbers for monitoring, in the text form that Prometheus reads (exposition format 0.0.4).
//!
//! Every number has its name and its help in one place, [`page`]. No number is kept by account or by
//! address: there are too many of them, and they are nobody's business there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::gate::event::{Event, WOULD_DEFER, WOULD_REFUSE};
use crate::gate::login::Verdict;

/// What is counted while the daemon runs.
#[derive(Debug, Default)]
pub struct Counters {
    verdicts: Family,
    reasons: Family,
    connections: Family,
    observed: Family,
    sending: Family,
    notices: Family,
    decided: Histogram,
    passdb_away: AtomicBool,
}

/// The upper ends of [`Histogram`]'s buckets: a remembered password takes well under a millisecond, an Argon2 some tens
/// of them, an upstream that sleeps on it seconds.
const BUCKETS: [(Duration, &str); 12] = [
    (Duration::from_micros(500), "0.0005"),
    (Duration::from_millis(1), "0.001"),
    (Duration::from_micros(2_500), "0.0025"),
    (Duration::from_millis(5), "0.005"),
    (Duration::from_millis(10), "0.01"),
    (Duration::from_millis(25), "0.025"),
    (Duration::from_millis(50), "0.05"),
    (Duration::from_millis(100), "0.1"),
    (Duration::from_millis(250), "0.25"),
    (Duration::from_secs(1), "1"),
    (Duration::from_secs(5), "5"),
    (Duration::from_secs(30), "30"),
];

/// How long something took, counted in buckets. No lock: it is noted with every login.
#[derive(Debug, Default)]
struct Histogram {
    /// How many took no longer than the bucket's end and longer than the one before; last: longer than all.
    buckets: [AtomicU64; BUCKETS.len() + 1],
    micros: AtomicU64,
}

impl Histogram {
    fn note(&self, took: Duration) {
        let bucket = BUCKETS.iter().position(|(end, _)| took <= *end).unwrap_or(BUCKETS.len());
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// For each bucket's end, and for all there is, how many took no longer.
    fn sums(&self) -> Vec<u64> {
        let mut sum = 0;
        let upto = |bucket: &AtomicU64| {
            sum += bucket.load(Ordering::Relaxed);
            sum
        };
        self.buckets.iter().map(upto).collect()
    }
}

/// Numbers that differ in one label.
#[derive(Debug, Default)]
struct Family(Mutex<BTreeMap<&'static str, i64>>);

impl Family {
    fn add(&self, label: &'static str, change: i64) {
        let mut numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *numbers.entry(label).or_default() += change;
    }

    fn get(&self, label: &str) -> u64 {
        let numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.get(label).and_then(|number| u64::try_from(*number).ok()).unwrap_or_default()
    }

    fn all(&self) -> BTreeMap<&'static str, i64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Counters {
    /// Counts how a login ended.
    pub fn login(&self, verdict: &Verdict) {
        let word = match verdict {
            // Decided elsewhere, counted elsewhere.
            Verdict::Elsewhere => return,
            Verdict::Accept(_) => "accept",
            Verdict::Refuse(_) => "refuse",
            Verdict::Defer(_) => "defer",
        };
        self.verdicts.add(word, 1);
        if let Verdict::Refuse(reason) = verdict {
            self.reasons.add(reason.word(), 1);
        }
    }

    /// Counts an event whose decision was not carried out (observe-only).
    pub fn observed(&self, event: &Event) {
        let word = match event.verdict.as_deref() {
            Some(WOULD_REFUSE) => WOULD_REFUSE,
            Some(WOULD_DEFER) => WOULD_DEFER,
            _ => return,
        };
        self.observed.add(word, 1);
    }

    /// Counts how a question about a message was answered: accept, refuse, defer.
    pub fn sending(&self, word: &'static str) {
        self.sending.add(word, 1);
    }

    /// Counts how a notice fared at one way out: delivered, failed, given-up.
    pub fn notice(&self, word: &'static str) {
        self.notices.add(word, 1);
    }

    /// Notes how long a login took to be decided, the delay of a refusal aside.
    pub fn decided(&self, took: Duration) {
        self.decided.note(took);
    }

    /// Notes whether nobody gets in at Dovecot's own password database.
    pub fn passdb_away(&self, away: bool) {
        self.passdb_away.store(away, Ordering::Relaxed);
    }

    /// Accepted, refused, deferred.
    #[must_use]
    pub fn logins(&self) -> (u64, u64, u64) {
        (self.verdicts.get("accept"), self.verdicts.get("refuse"), self.verdicts.get("defer"))
    }

    /// Questions about messages: accepted, refused, deferred.
    #[must_use]
    pub fn questions(&self) -> (u64, u64, u64) {
        (self.sending.get("accept"), self.sending.get("refuse"), self.sending.get("defer"))
    }

    /// How many logins took how long: a bucket's end in microseconds, none for the last, and its count.
    #[must_use]
    pub fn times(&self) -> Vec<(Option<u64>, u64)> {
        let ends = BUCKETS.iter().map(|(end, _)| u64::try_from(end.as_micros()).ok()).chain([None]);
        ends.zip(&self.decided.buckets).map(|(end, count)| (end, count.load(Ordering::Relaxed))).collect()
    }

    /// A connection begins.
    pub fn connected(&self, protocol: &'static str) {
        self.connections.add(protocol, 1);
    }

    /// A connection has ended.
    pub fn disconnected(&self, protocol: &'static str) {
        self.connections.add(protocol, -1);
    }
}

/// What there is at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gauges {
    /// Sources with failures or a block.
    pub sources: usize,
    /// Blocked sources.
    pub blocks: usize,
    /// Logins that wait for an Argon2 seat.
    pub hashing_queue: usize,
    /// Whether the last write reached the disk.
    pub store_writable: bool,
    /// Whether the upstream is connected; `None` without one.
    pub upstream_connected: Option<bool>,
    /// When the daemon started, in seconds since 1970.
    pub started: i64,
}

/// The page.
#[must_use]
pub fn page(counters: &Counters, gauges: &Gauges) -> String {
    let mut page = Page::default();
    let verdicts = counters.verdicts.all();
    let verdicts =
        ["accept", "refuse", "defer"].map(|word| (word, verdicts.get(word).copied().unwrap_or_default()));
    page.family("sidegate_logins_total", "counter", "Logins by verdict.", "verdict", verdicts);
    let reasons = counters.reasons.all();
    page.family("sidegate_refusals_total", "counter", "Refused logins by reason.", "reason", reasons);
    let help = "Observe-only: logins that were let in and would not have been.";
    page.family("sidegate_observed_total", "counter", help, "verdict", counters.observed.all());
    let help = "Questions of Postfix about messages, by answer.";
    page.family("sidegate_sending_total", "counter", help, "verdict", counters.sending.all());
    let notices = counters.notices.all();
    let notices = ["delivered", "failed", "given-up"]
        .map(|word| (word, notices.get(word).copied().unwrap_or_default()));
    let help = "Tries to deliver notices to owners and administrators, by outcome.";
    page.family("sidegate_notices_total", "counter", help, "outcome", notices);
    let help = "Time to decide a login, the delay of a refusal aside.";
    page.histogram("sidegate_login_seconds", help, &counters.decided);
    page.single("sidegate_blocks", "Sources that are blocked.", gauges.blocks);
    page.single("sidegate_sources", "Sources with failures or a block.", gauges.sources);
    page.single("sidegate_argon2_queue", "Logins that wait for an Argon2 seat.", gauges.hashing_queue);
    let writable = usize::from(gauges.store_writable);
    page.single("sidegate_store_writable", "1 if the last write reached the disk.", writable);
    if let Some(connected) = gauges.upstream_connected {
        let help = "1 if Dovecot's own auth process is connected.";
        page.single("sidegate_upstream_connected", help, usize::from(connected));
    }
    let away = usize::from(counters.passdb_away.load(Ordering::Relaxed));
    page.single("sidegate_passdb_away", "1 while nobody gets in at Dovecot's own passdb.", away);
    let help = "Open connections by the listener's protocol.";
    page.family("sidegate_connections", "gauge", help, "protocol", counters.connections.all());
    page.single("sidegate_start_time_seconds", "When the daemon started, since 1970.", gauges.started);
    let version = [(env!("CARGO_PKG_VERSION"), 1)];
    page.family("sidegate_build_info", "gauge", "Always 1; the version is the label.", "version", version);
    page.0
}

#[derive(Debug, Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn single(&mut self, name: &str, help: &str, number: impl std::fmt::Display) {
        self.head(name, "gauge", help);
        let _ = writeln!(self.0, "{name} {number}");
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, "histogram", help);
        let sums = histogram.sums();
        let ends = BUCKETS.iter().map(|(_, end)| *end).chain(["+Inf"]);
        for (end, sum) in ends.zip(&sums) {
            let _ = writeln!(self.0, "{name}_bucket{{le=\"{end}\"}} {sum}");
        }
        let micros = histogram.micros.load(Ordering::Relaxed);
        let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
        let count = sums.last().copied().unwrap_or_default();
        let _ = writeln!(self.0, "{name}_sum {seconds}.{rest:06}\n{name}_count {count}");
    }

    fn family(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        label: &str,
        numbers: impl IntoIterator<Item = (&'static str, i64)>,
    ) {
        self.head(name, kind, help);
        for (value, number) in numbers {
            let _ = writeln!(self.0, "{name}{{{label}=\"{value}\"}} {number}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::login::Reason;

    fn gauges() -> Gauges {
        Gauges {
            sources: 3,
            blocks: 2,
            hashing_queue: 1,
            store_writable: true,
            upstream_connected: Some(true),
            started: 0,
        }
    }

    #[test]
    fn times_are_counted_in_buckets_that_add_up() {
        let counters = Counters::default();
        for millis in [0, 1, 30, 100_000] {
            counters.decided(Duration::from_millis(millis));
        }
        let text = page(&counters, &gauges());
        for line in [
            "# TYPE sidegate_login_seconds histogram",
            "sidegate_login_seconds_bucket{le=\"0.0005\"} 1",
            "sidegate_login_seconds_bucket{le=\"0.001\"} 2",
            "sidegate_login_seconds_bucket{le=\"0.05\"} 3",
            "sidegate_login_seconds_bucket{le=\"30\"} 3",
            "sidegate_login_seconds_bucket{le=\"+Inf\"} 4",
            "sidegate_login_seconds_sum 100.031000",
            "sidegate_login_seconds_count 4",
        ] {
            assert!(text.lines().any(|known| known == line), "{line} in\n{text}");
        }
        let ends = BUCKETS.map(|(end, text)| (end, text.parse::<f64>().unwrap()));
        assert!(ends.windows(2).all(|two| two[0].0 < two[1].0));
        assert!(ends.iter().all(|(end, text)| (end.as_secs_f64() - text).abs() < 1e-9));
    }

    #[test]
    fn dashboard_and_alerts_name_numbers_that_there_are() {
        let text = page(&Counters::default(), &gauges());
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        let mut known: Vec<String> = Vec::new();
        for (name, kind) in types {
            match kind {
                "histogram" => known.extend(["_bucket", "_sum", "_count"].map(|end| format!("{name}{end}"))),
                _ => known.push(name.to_owned()),
            }
        }
        let dashboard = include_str!("../conf/monitoring/grafana-dashboard.json");
        let read: serde_json::Value = serde_json::from_str(dashboard).unwrap();
        assert!(read["panels"].as_array().is_some_and(|panels| panels.len() > 5));
        let rules = include_str!("../conf/monitoring/prometheus-rules.yml");
        for file in [dashboard, rules] {
            let words = file.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let named: Vec<&str> = words.filter(|word| word.starts_with("sidegate_")).collect();
            assert!(named.len() > 5);
            for name in named {
                assert!(known.iter().any(|known| known == name), "{name} is no number of ours: {known:?}");
            }
        }
    }

    #[test]
    fn every_number_has_one_name_one_help_and_one_type() {
        let counters = Counters::default();
        let _ = [Verdict::Refuse(Reason::WrongPassword), Verdict::Defer("x"), Verdict::Elsewhere]
            .map(|verdict| counters.login(&verdict));
        counters.connected("http");
        let gauges = Gauges { upstream_connected: None, ..gauges() };
        let text = page(&counters, &gauges);
        for line in [
            "sidegate_logins_total{verdict=\"accept\"} 0",
            "sidegate_logins_total{verdict=\"refuse\"} 1",
            "sidegate_refusals_total{reason=\"wrong-password\"} 1",
            "sidegate_blocks 2",
            "sidegate_connections{protocol=\"http\"} 1",
        ] {
            assert!(text.lines().any(|known| known == line), "{line} in\n{text}");
        }
        assert!(!text.contains("upstream"), "there is none");
        let mut names: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
        assert_eq!(counters.logins(), (0, 1, 1));
    }
}
