//! Logging: set up once, events in one form, errors with all their causes.
//!
//! - `sentence`: a line as a person reads it · `journal`: how it reaches the journal

mod journal;
mod sentence;

use std::error::Error;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::Path;

use tracing::info;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use self::journal::{Datagrams, Journal};
use self::sentence::Sentences;
use crate::config::{Choice, Log, LogFormat};
use crate::gate::event::Event;

/// Lines that wait for a slow reader of standard error; further ones are left out. Their places are made at the start.
const LINES_MAX: usize = 16_384;

/// What browsers send wrong is told by our own events, not in whole by the library that reads it.
const QUIET: &str = "webauthn_rs=off,webauthn_rs_core=off";

/// Sends the log where it belongs: the journal under systemd, text to a terminal, else JSON to
/// standard error. `RUST_LOG` wins over `log.level`.
///
/// Lines to standard error are written by a thread of their own: a terminal or pipe that takes
/// nothing must not hold up logins. Past its buffer, lines are lost. Dropping the guard writes what
/// is left.
///
/// # Errors
/// The journal cannot be reached, or a log was set up before.
pub fn start(settings: &Log) -> Result<WorkerGuard, Box<dyn Error + Send + Sync>> {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("sidegate={0},warn,{QUIET}", settings.level.word())));
    let journal = std::env::var_os("JOURNAL_STREAM").is_some();
    let terminal = std::io::stderr().is_terminal();
    let lines = NonBlockingBuilder::default().buffered_lines_limit(LINES_MAX);
    let journal = match settings.format {
        LogFormat::Auto if journal => Some(Datagrams::to(Path::new(journal::SOCKET))?),
        _ => None,
    };
    let (form, guard) = match journal {
        Some(journal) => {
            let (out, guard) = lines.finish(journal);
            (Journal::new(out).boxed(), guard)
        }
        None => {
            let (out, guard) = lines.finish(std::io::stderr());
            let plain = tracing_subscriber::fmt::layer().with_writer(out).with_target(false);
            let text = settings.format == LogFormat::Text || (settings.format == LogFormat::Auto && terminal);
            let form = match text {
                true => plain.with_ansi(terminal).fmt_fields(Sentences).boxed(),
                false => plain.json().flatten_event(true).with_current_span(false).boxed(),
            };
            (form, guard)
        }
    };
    tracing_subscriber::registry().with(filter).with(form).try_init()?;
    Ok(guard)
}

/// One event as one line, in the words of the store and the API.
pub fn event(event: &Event) {
    info!(
        event = event.kind.word(),
        account = event.account,
        typed = event.typed,
        address = event.address,
        protocol = event.protocol,
        password_id = event.password_id,
        password_name = event.password_name,
        verdict = event.verdict,
        reason = event.reason,
        actor = event.actor,
        count = event.count,
    );
}

/// An error with everything that caused it: `what: why: why`. A cause that the error tells itself is not told twice.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let why = error.to_string();
        if !text.ends_with(&why) {
            // Writing to a string cannot fail.
            let _ = write!(text, ": {why}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Failed {
        #[error("{0}: cannot be made: {1}")]
        Told(&'static str, #[source] io::Error),
        #[error("{0}: cannot be locked")]
        Untold(&'static str, #[source] io::Error),
    }

    #[test]
    fn a_cause_is_told_once() {
        let cause = || io::Error::other("no room");
        assert_eq!(chain(&Failed::Told("x", cause())), "x: cannot be made: no room");
        assert_eq!(chain(&Failed::Untold("x", cause())), "x: cannot be locked: no room");
    }
}
