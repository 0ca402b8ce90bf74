//! What one image of the daemon leaves to the next: its listening sockets, and the connections of login processes, which
//! notice nothing.
//!
//! The next image is the program's file as it is now, run by exec(2) in the same process. Descriptors are passed as
//! sd_listen_fds(3) passes them, from 3 on; those between that are not meant are closed by then. What each is stands in a
//! file in memory, which `LISTEN_FDNAMES` names; sockets are known by their inode.

use std::collections::HashMap;
use std::env;
use std::ffi::{CString, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::fstat;
use nix::unistd::{close, execve};
use serde::{Deserialize, Serialize};
use tokio::process::Command;
use tokio::time::timeout;

use crate::proto::auth_client::Agreed;

/// The name of the file that says what the others are.
pub const STATE: &str = "sidegate-state";
/// The first descriptor that is passed.
const FIRST: RawFd = 3;

/// How long the next image may take to read the settings.
const CHECK_MAX: Duration = Duration::from_secs(10);

/// A connection that the next image goes on with.
#[derive(Debug)]
pub struct Kept {
    /// It.
    pub stream: OwnedFd,
    /// Where it was accepted.
    pub place: String,
    /// What was agreed on it.
    pub agreed: Agreed,
}

/// Everything that is left.
#[derive(Debug)]
pub struct Handover {
    /// Each with the place that it is configured for: the name it was bound to may be another.
    pub listeners: Vec<(OwnedFd, String)>,
    /// Those that could be kept.
    pub connections: Vec<Kept>,
    /// The highest number of a connection.
    pub last_id: u64,
}

/// What the next image is told, by inode.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Where listening sockets are served.
    pub listeners: HashMap<u64, String>,
    /// Where connections were accepted, and what was agreed on them.
    pub connections: HashMap<u64, (String, Agreed)>,
    /// The highest number of a connection.
    pub last_id: u64,
}

impl State {
    /// What the image before wrote to its `index`th descriptor.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn read(index: usize) -> io::Result<Self> {
        let number = RawFd::try_from(index).map_err(io::Error::other)? + FIRST;
        let mut text = String::new();
        File::open(format!("/proc/self/fd/{number}"))?.read_to_string(&mut text)?;
        close(number)?;
        serde_json::from_str(&text).map_err(io::Error::other)
    }
}

/// The inode of a socket.
///
/// # Errors
/// The system's.
pub fn inode(socket: &impl AsFd) -> io::Result<u64> {
    Ok(fstat(socket)?.st_ino)
}

/// How this process was started, and is to be started again.
#[derive(Clone, Debug)]
pub struct Program {
    file: PathBuf,
    arguments: Vec<OsString>,
}

impl Program {
    /// To be asked at the start: when the file has been replaced, the system no longer tells its name.
    #[must_use]
    pub fn running() -> Self {
        let mut arguments = env::args_os();
        let named = PathBuf::from(arguments.next().unwrap_or_default());
        let file = if named.is_absolute() { named } else { env::current_exe().unwrap_or(named) };
        Self { file, arguments: arguments.collect() }
    }

    /// Whether the file as it is now takes the settings; else what it says.
    ///
    /// # Errors
    /// It does not, or cannot be run.
    pub async fn check(&self, config: &Path) -> Result<(), String> {
        let mut check = Command::new(&self.file);
        let output = check.arg("--check").arg("--config").arg(config).kill_on_drop(true).output();
        let output = timeout(CHECK_MAX, output).await.map_err(|_| "the check takes too long".to_owned())?;
        let output = output.map_err(|error| format!("{}: {error}", self.file.display()))?;
        if output.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }

    /// Becomes the file as it is now, with what is left to it. Returns only if that fails. Signals that wait go on
    /// waiting; the standard library's way would let them go.
    #[must_use]
    pub fn become_next(&self, left: &Left) -> io::Error {
        let words = [self.file.as_os_str()].into_iter().chain(self.arguments.iter().map(OsString::as_os_str));
        let words: Result<Vec<CString>, _> = words.map(|word| CString::new(word.as_bytes())).collect();
        let environment: Result<Vec<CString>, _> = left.environment().map(CString::new).collect();
        let (words, environment) = match (words, environment) {
            (Ok(words), Ok(environment)) => (words, environment),
            (Err(error), _) | (_, Err(error)) => return error.into(),
        };
        match execve(&words[0], &words, &environment) {
            Err(errno) => errno.into(),
        }
    }
}

/// Descriptors that survive exec(2), and the environment that tells of them.
#[derive(Debug)]
pub struct Left {
    told: [(&'static str, String); 3],
    _open: Vec<OwnedFd>,
}

impl Left {
    /// Ours, with what tells of the descriptors.
    fn environment(&self) -> impl Iterator<Item = Vec<u8>> {
        let is_told = |name: &OsString| self.told.iter().any(|(told, _)| name == told);
        let kept = env::vars_os().filter(move |(name, _)| !is_told(name));
        let told = self.told.iter().map(|(name, value)| ((*name).into(), value.into()));
        kept.chain(told)
            .map(|(name, value): (OsString, OsString)| [name.as_bytes(), b"=", value.as_bytes()].concat())
    }
}

impl Handover {
    /// Makes everything ready for the next image.
    ///
    /// # Errors
    /// The system's.
    pub fn leave(self) -> io::Result<Left> {
        let mut state = State { last_id: self.last_id, ..State::default() };
        let mut open = Vec::new();
        for (listener, place) in self.listeners {
            state.listeners.insert(inode(&listener)?, place);
            open.push(listener);
        }
        for Kept { stream, place, agreed } in self.connections {
            state.connections.insert(inode(&stream)?, (place, agreed));
            open.push(stream);
        }
        let file = memfd_create(STATE, MFdFlags::MFD_CLOEXEC)?;
        let number = file.as_raw_fd();
        let mut file = File::from(file);
        file.write_all(serde_json::to_string(&state)?.as_bytes())?;
        open.push(file.into());
        for descriptor in &open {
            fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::empty()))?;
        }
        let last = open.iter().map(AsRawFd::as_raw_fd).max().unwrap_or(FIRST);
        let names: Vec<&str> =
            (FIRST..=last).map(|other| if other == number { STATE } else { "-" }).collect();
        let told = [
            ("LISTEN_PID", std::process::id().to_string()),
            ("LISTEN_FDS", names.len().to_string()),
            ("LISTEN_FDNAMES", names.join(":")),
        ];
        Ok(Left { told, _open: open })
    }
}
