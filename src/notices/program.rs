//! A program on this host: something on its standard input, its end is the answer.
//!
//! It runs without a shell, in a process group of its own, in `/`, with no environment but `PATH`
//! and what it is given: what the daemon's manager told the daemon is not for others.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin};
use tokio::time::timeout;

/// Where the program finds others.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How much of its complaints is kept.
const COMPLAINT_BYTES_MAX: usize = 1024;
/// How long its complaints are waited for after its end. A child that it left behind may hold the pipe.
const COMPLAINT_WAIT: Duration = Duration::from_millis(100);

/// One program, and how it is called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program<'a> {
    /// Which.
    pub(crate) program: &'a Path,
    /// What it is given to read in its command line.
    pub(crate) arguments: &'a [String],
}

/// Why a program did not do its work.
#[derive(Debug)]
pub(crate) enum Failed {
    /// It did not run to its end.
    Trouble(String),
    /// It ended badly.
    Ended {
        /// How.
        status: ExitStatus,
        /// The beginning of what it wrote to its standard error.
        complaint: Vec<u8>,
    },
}

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

impl Program<'_> {
    /// Runs the program once, with these variables in its environment. It need not read; when this is given up,
    /// it is killed.
    pub(crate) async fn run(&self, variables: &[(&str, &str)], input: &[u8]) -> Result<(), Failed> {
        let started = self.start(variables);
        let mut child = started.map_err(|error| Failed::Trouble(format!("cannot be run: {error}")))?;
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
        let status = ended.map_err(|error| Failed::Trouble(format!("cannot be waited for: {error}")))?;
        if status.success() {
            return Ok(());
        }
        let _ = timeout(COMPLAINT_WAIT, listen(&mut stderr, &mut complaint)).await;
        Err(Failed::Ended { status, complaint })
    }

    fn start(&self, variables: &[(&str, &str)]) -> std::io::Result<Child> {
        tokio::process::Command::new(self.program)
            .args(self.arguments)
            .env_clear()
            .env("PATH", PATH)
            .envs(variables.iter().copied())
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }
}

/// Writes the input. A program that ends without reading it has its reasons: its status says more.
async fn feed(stdin: Option<ChildStdin>, input: &[u8]) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(input).await;
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

/// How a program ended, in words.
pub(crate) fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("the command ended with status {code}"),
        (None, Some(signal)) => format!("the command was killed by signal {signal}"),
        (None, None) => "the command failed".to_owned(),
    }
}
