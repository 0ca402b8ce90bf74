//! Logging: set up once, events in one form, errors with all their causes.

use std::error::Error;
use std::fmt::Write as _;
use std::io::IsTerminal;

use tracing::info;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

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
    let (stderr, guard) =
        NonBlockingBuilder::default().buffered_lines_limit(LINES_MAX).finish(std::io::stderr());
    let plain = || tracing_subscriber::fmt::layer().with_writer(stderr).with_target(false);
    let form = match settings.format {
        LogFormat::Auto if journal => tracing_journald::layer()?.boxed(),
        LogFormat::Text => plain().with_ansi(terminal).boxed(),
        LogFormat::Auto if terminal => plain().boxed(),
        LogFormat::Auto | LogFormat::Json => {
            plain().json().flatten_event(true).with_current_span(false).boxed()
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

/// An error with everything that caused it: `what: why: why`.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string cannot fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
