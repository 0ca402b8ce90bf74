//! The journal's own protocol, <https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>: a datagram a line, with fields.
//!
//! `MESSAGE` is the sentence that a person reads, so that `journalctl` and rsyslog show everything; each field is there
//! besides, in capitals behind `F_`. `tracing-journald` would leave events without a text and hide the fields of all others.

use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use tracing::{Event, Level, Subscriber};
use tracing_appender::non_blocking::NonBlocking;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::sentence::Fields;

/// Where the journal listens.
pub(super) const SOCKET: &str = "/run/systemd/journal/socket";
/// What is longer is cut: a datagram has a limit, and no field of ours comes near it.
const VALUE_BYTES_MAX: usize = 16 * 1024;

/// Sends each line that is written to it as one datagram.
pub(super) struct Datagrams {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Datagrams {
    /// # Errors
    /// The journal does not listen there.
    pub(super) fn to(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        Ok(Self { socket, path: path.to_owned() })
    }
}

impl Write for Datagrams {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.socket.send(line).is_err() {
            // The journal was started anew, perhaps.
            *self = Self::to(&self.path.clone())?;
            self.socket.send(line)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Makes datagrams of lines.
pub(super) struct Journal {
    out: NonBlocking,
    program: String,
}

impl Journal {
    /// `out` leads to [`Datagrams`], by a thread of its own.
    pub(super) fn new(out: NonBlocking) -> Self {
        let path = std::env::current_exe().unwrap_or_default();
        Self { out, program: path.file_name().unwrap_or_default().to_string_lossy().into_owned() }
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = datagram(*event.metadata().level(), &self.program, &fields);
        // Past its buffer, lines are lost.
        let _ = self.out.clone().write(&line);
    }
}

fn datagram(level: Level, program: &str, fields: &Fields) -> Vec<u8> {
    let mut line = Vec::new();
    put(&mut line, "PRIORITY", priority(level));
    put(&mut line, "SYSLOG_IDENTIFIER", program);
    put(&mut line, "MESSAGE", &fields.sentence());
    for (name, value) in fields.named() {
        put(&mut line, &format!("F_{}", name.replace('.', "_").to_ascii_uppercase()), value);
    }
    line
}

/// As `tracing-journald` has them, by which filters go.
fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "5",
        Level::DEBUG => "6",
        Level::TRACE => "7",
    }
}

fn put(line: &mut Vec<u8>, name: &str, value: &str) {
    let value = &value[..value.floor_char_boundary(VALUE_BYTES_MAX)];
    line.extend(name.as_bytes());
    if value.contains('\n') {
        line.push(b'\n');
        line.extend((value.len() as u64).to_le_bytes());
    } else {
        line.push(b'=');
    }
    line.extend(value.as_bytes());
    line.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_appender::non_blocking;
    use tracing_subscriber::layer::SubscriberExt as _;

    #[test]
    fn the_journal_gets_a_sentence_and_all_fields() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let journal = UnixDatagram::bind(&path).unwrap();
        let (out, _guard) = non_blocking(Datagrams::to(&path).unwrap());
        let subscriber = tracing_subscriber::registry().with(Journal::new(out));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(event = "login", account = "ann@example.org", verdict = "refuse", count = 1);
            tracing::warn!(error = "first\nsecond", "waiting for the upstream");
        });
        let mut buffer = [0; 4096];
        let mut hear = || {
            let length = journal.recv(&mut buffer).unwrap();
            String::from_utf8_lossy(&buffer[..length]).into_owned()
        };
        let login = hear();
        assert!(login.starts_with("PRIORITY=5\nSYSLOG_IDENTIFIER=sidegate"), "{login}");
        assert!(login.contains("\nMESSAGE=login refuse ann@example.org\n"), "{login}");
        assert!(
            login.ends_with("\nF_EVENT=login\nF_ACCOUNT=ann@example.org\nF_VERDICT=refuse\nF_COUNT=1\n"),
            "{login}"
        );
        let waiting = hear();
        let message = "waiting for the upstream: error first\nsecond";
        let expected = format!("MESSAGE\n{}\0\0\0\0\0\0\0{message}\n", message.len() as u8 as char);
        assert!(
            waiting.contains(&expected) && waiting.contains("F_ERROR\n\u{c}\0\0\0\0\0\0\0first\nsecond\n"),
            "{waiting:?}"
        );
    }

    #[test]
    fn a_value_is_cut_where_it_is_too_long_and_no_sooner() {
        for (length, kept) in [(VALUE_BYTES_MAX, VALUE_BYTES_MAX), (VALUE_BYTES_MAX + 1, VALUE_BYTES_MAX)] {
            let mut line = Vec::new();
            put(&mut line, "X", &"x".repeat(length));
            assert_eq!(line.len(), "X=\n".len() + kept);
        }
        // Nothing is cut within a character.
        let mut line = Vec::new();
        put(&mut line, "X", &"安".repeat(VALUE_BYTES_MAX));
        assert_eq!(line.len(), "X=\n".len() + VALUE_BYTES_MAX / 3 * 3);
    }
}
