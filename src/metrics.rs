//! Numbers for monitoring, in the text form that Prometheus reads (exposition format 0.0.4).
//!
//! Every number has its name and its help in one place, [`page`]. No number is kept by account or by
//! address: there are too many of them, and they are nobody's business there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use crate::gate::login::Verdict;

/// What is counted while the daemon runs.
#[derive(Debug, Default)]
pub struct Counters {
    verdicts: Family,
    reasons: Family,
    connections: Family,
    sending: Family,
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

    /// Counts how a question about a message was answered: accept, refuse, defer.
    pub fn sending(&self, word: &'static str) {
        self.sending.add(word, 1);
    }

    /// Accepted, refused, deferred.
    #[must_use]
    pub fn logins(&self) -> (u64, u64, u64) {
        (self.verdicts.get("accept"), self.verdicts.get("refuse"), self.verdicts.get("defer"))
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
    let help = "Questions of Postfix about messages, by answer.";
    page.family("sidegate_sending_total", "counter", help, "verdict", counters.sending.all());
    page.single("sidegate_blocks", "Sources that are blocked.", gauges.blocks);
    page.single("sidegate_sources", "Sources with failures or a block.", gauges.sources);
    page.single("sidegate_argon2_queue", "Logins that wait for an Argon2 seat.", gauges.hashing_queue);
    let writable = usize::from(gauges.store_writable);
    page.single("sidegate_store_writable", "1 if the last write reached the disk.", writable);
    if let Some(connected) = gauges.upstream_connected {
        let help = "1 if Dovecot's own auth process is connected.";
        page.single("sidegate_upstream_connected", help, usize::from(connected));
    }
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

    #[test]
    fn every_number_has_one_name_one_help_and_one_type() {
        let counters = Counters::default();
        let _ = [Verdict::Refuse(Reason::WrongPassword), Verdict::Defer("x"), Verdict::Elsewhere]
            .map(|verdict| counters.login(&verdict));
        counters.connected("http");
        let gauges = Gauges {
            sources: 3,
            blocks: 2,
            hashing_queue: 1,
            store_writable: true,
            upstream_connected: None,
            started: 0,
        };
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
