//! A line on standard error that tells how far a long command has come, if a person watches.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often the line changes.
const EVERY: Duration = Duration::from_millis(200);

/// The line.
pub(super) struct Progress {
    watched: bool,
    latest: Option<Instant>,
}

impl Progress {
    /// On this process's standard error.
    pub(super) fn new() -> Self {
        Self { watched: io::stderr().is_terminal(), latest: None }
    }

    /// Shows how far it has come; not each time.
    pub(super) fn show(&mut self, text: impl FnOnce() -> String) {
        if !self.watched || self.latest.is_some_and(|at| at.elapsed() < EVERY) {
            return;
        }
        self.latest = Some(Instant::now());
        let _ = write!(io::stderr().lock(), "\r\u{1b}[K{}", text());
    }

    /// Takes the line away.
    pub(super) fn clear(&self) {
        if self.latest.is_some() {
            let _ = write!(io::stderr().lock(), "\r\u{1b}[K");
        }
    }
}
