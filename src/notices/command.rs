//! A program on this host: the notice on its standard input, its end is the answer.
//!
//! It runs without a shell, in a process group of its own, in `/`, with no environment but `PATH`: what
//! the daemon's manager told the daemon is not for others.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin};
use tokio::time::timeout;

use crate::config;

/// Where the program finds others.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How much of its complaints is kept.
const COMPLAINT_BYTES_MAX: usize = 1024;
/// How long its complaints are waited for after its end. A child that it left behind may hold the pipe.
const COMPLAINT_WAIT: Duration = Duration::from_millis(100);

/// One program.
#[derive(Debug)]
pub(super) struct Command(config::Command);

/// A process group that is killed with everything in it when we stop waiting for its first process.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have ended in this moment.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

impl Command {
    pub(super) fn new(settings: &config::Command) -> Self {
        Self(settings.clone())
    }

    /// Runs the program once. It need not read; when this is given up, it is killed.
    pub(super) async fn run(&self, input: &str) -> Result<(), String> {
        let mut child = self.start().map_err(|error| format!("cannot be run: {error}"))?;
        // The group has the number of its first process.
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
        let mut group = Group(pid);
        let (stdin, mut stderr) = (child.stdin.take(), child.stderr.take());
        let mut complaint = Vec::new();
        let ended = {
            let talk = async {
                tokio::join!(feed(stdin, input), listen(&mut stderr, &mut complaint));
                std::future::pending().await
            };
            tokio::select! {
                ended = child.wait() => ended,
                ended = talk => ended,
            }
        };
        group.0 = None;
        let status = ended.map_err(|error| format!("cannot be waited for: {error}"))?;
        if status.success() {
            return Ok(());
        }
        let _ = timeout(COMPLAINT_WAIT, listen(&mut stderr, &mut complaint)).await;
        Err(failure(status, &complaint))
    }

    fn start(&self) -> std::io::Result<Child> {
        tokio::process::Command::new(&self.0.program)
            .args(&self.0.arguments)
            .env_clear()
            .env("PATH", PATH)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }
}

/// Writes the notice. A program that ends without reading it has its reasons: its status says more.
async fn feed(stdin: Option<ChildStdin>, input: &str) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(input.as_bytes()).await;
    }
}

/// Reads to the end, so that the program is never held up, and keeps the beginning.
async fn listen(stderr: &mut Option<ChildStderr>, kept: &mut Vec<u8>) {
    let Some(stderr) = stderr else { return };
    let mut piece = [0; COMPLAINT_BYTES_MAX];
    while let Some(read) = some(stderr, &mut piece).await {
        let room = COMPLAINT_BYTES_MAX.saturating_sub(kept.len());
        kept.extend_from_slice(&piece[..read.min(room)]);
    }
}

/// How much came; nothing at the end.
async fn some(from: &mut (impl AsyncRead + Unpin), into: &mut [u8]) -> Option<usize> {
    from.read(into).await.ok().filter(|read| *read > 0)
}

fn failure(status: ExitStatus, complaint: &[u8]) -> String {
    let ended = match (status.code(), status.signal()) {
        (Some(code), _) => format!("the command ended with status {code}"),
        (None, Some(signal)) => format!("the command was killed by signal {signal}"),
        (None, None) => "the command failed".to_owned(),
    };
    let complaint = String::from_utf8_lossy(complaint);
    if complaint.trim().is_empty() { ended } else { format!("{ended}: {complaint}") }
}
