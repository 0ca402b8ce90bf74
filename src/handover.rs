//! What one image of the daemon leaves to the next: its listening sockets, and the connections of neighbours, which notice
//! nothing.
//!
//! - The next image is the program's file as it is now, run by exec(2) in the same process. Descriptors are passed as
//!   sd_listen_fds(3) passes them, from 3 on; those between that are not meant are closed by then.
//! - At a stop under systemd, connections that another process can go on with are put into the service's file descriptor
//!   store ([`systemd::store`](crate::systemd::store)), and come back with the sockets of the next start.
//!
//! What each is stands in a file in memory, which `LISTEN_FDNAMES` names; sockets are known by their inode. That file is
//! read by images older and newer than its writer's ([`State`]).

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
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use crate::proto::{Agreed, auth_client};

/// The name of the file that says what the others are.
pub const STATE: &str = "sidegate-state";
/// The name of whatever is passed on by exec(2).
pub const OTHER: &str = "-";
/// The name of connections in systemd's store.
pub const CONNECTION: &str = "sidegate-connection";
/// The form of [`State`] that is written here. What an older image can do without is added without a new number.
const FORM: u32 = 2;
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
    /// The number that the daemon goes by among Dovecot's processes.
    pub spid: u32,
}

/// What the next image is told, by inode. An older one may read it, or a newer one may have written it: each part has a
/// default, a part or an entry that cannot be read is as if it were not there, and names and meanings never change. What
/// nothing is known of is closed, and whoever had it connects anew.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// The writer's form; none was written before the second.
    #[serde(deserialize_with = "or_default")]
    pub form: u32,
    /// Where listening sockets are served.
    #[serde(deserialize_with = "those_known")]
    pub listeners: HashMap<u64, String>,
    /// Where connections of `auth-client` were accepted, and what was agreed on them: all that the first form has.
    #[serde(deserialize_with = "those_known")]
    pub connections: HashMap<u64, (String, auth_client::Agreed)>,
    /// The same of other protocols.
    #[serde(deserialize_with = "those_known")]
    pub others: HashMap<u64, (String, Agreed)>,
    /// The highest number of a connection.
    #[serde(deserialize_with = "or_default")]
    pub last_id: u64,
    /// The number that the daemon goes by among Dovecot's processes; 0 if nobody said.
    #[serde(deserialize_with = "or_default")]
    pub spid: u32,
}

/// A part that cannot be read is as if it were not there.
fn or_default<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(from: D) -> Result<T, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(from)?).unwrap_or_default())
}

/// So is an entry.
fn those_known<'de, D, T>(from: D) -> Result<HashMap<u64, T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let Value::Object(entries) = Value::deserialize(from)? else { return Ok(HashMap::new()) };
    let known =
        |(inode, entry): (String, Value)| Some((inode.parse().ok()?, serde_json::from_value(entry).ok()?));
    Ok(entries.into_iter().filter_map(known).collect())
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

    /// Whether a newer program wrote it.
    #[must_use]
    pub fn is_newer(&self) -> bool {
        self.form > FORM
    }

    /// What was agreed on a connection, and where.
    pub fn take_connection(&mut self, inode: u64) -> Option<(String, Agreed)> {
        let logins = self.connections.remove(&inode);
        logins
            .map(|(place, agreed)| (place, Agreed::AuthClient(agreed)))
            .or_else(|| self.others.remove(&inode))
    }

    fn add(&mut self, inode: u64, place: String, agreed: Agreed) {
        match agreed {
            Agreed::AuthClient(agreed) => {
                self.connections.insert(inode, (place, agreed));
            }
            other => {
                self.others.insert(inode, (place, other));
            }
        }
    }

    /// As a file in memory.
    fn write(&self) -> io::Result<OwnedFd> {
        let mut file = File::from(memfd_create(STATE, MFdFlags::MFD_CLOEXEC)?);
        file.write_all(serde_json::to_string(self)?.as_bytes())?;
        Ok(file.into())
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
        let (last_id, spid) = (self.last_id, self.spid);
        let mut state = State { form: FORM, last_id, spid, ..State::default() };
        let mut open = Vec::new();
        for (listener, place) in self.listeners {
            state.listeners.insert(inode(&listener)?, place);
            open.push(listener);
        }
        for Kept { stream, place, agreed } in self.connections {
            state.add(inode(&stream)?, place, agreed);
            open.push(stream);
        }
        let file = state.write()?;
        let number = file.as_raw_fd();
        open.push(file);
        for descriptor in &open {
            fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::empty()))?;
        }
        let last = open.iter().map(AsRawFd::as_raw_fd).max().unwrap_or(FIRST);
        let names: Vec<&str> =
            (FIRST..=last).map(|other| if other == number { STATE } else { OTHER }).collect();
        let told = [
            ("LISTEN_PID", std::process::id().to_string()),
            ("LISTEN_FDS", names.len().to_string()),
            ("LISTEN_FDNAMES", names.join(":")),
        ];
        Ok(Left { told, _open: open })
    }

    /// The connections with what tells of them, for a process that may come: at most so many, of which the rest end here.
    /// Listening sockets are not among them: those that are to live on are systemd's own.
    ///
    /// # Errors
    /// The system's.
    pub fn stored(mut self, connections_max: usize) -> io::Result<Option<(OwnedFd, Vec<OwnedFd>)>> {
        self.connections.truncate(connections_max);
        if self.connections.is_empty() {
            return Ok(None);
        }
        let (last_id, spid) = (self.last_id, self.spid);
        let mut state = State { form: FORM, last_id, spid, ..State::default() };
        let mut streams = Vec::new();
        for Kept { stream, place, agreed } in self.connections {
            state.add(inode(&stream)?, place, agreed);
            streams.push(stream);
        }
        Ok(Some((state.write()?, streams)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> State {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_is_stored_has_an_end() {
        let stored = |count: usize, connections_max| {
            let kept = || {
                let (stream, _) = std::os::unix::net::UnixStream::pair().unwrap();
                let (stream, place) = (stream.into(), "/run/master".to_owned());
                Kept { stream, place, agreed: Agreed::AuthMaster { shaken: true } }
            };
            let connections = (0..count).map(|_| kept()).collect();
            let handover = Handover { listeners: Vec::new(), connections, last_id: 1, spid: 2 };
            handover.stored(connections_max).unwrap().map(|(_, streams)| streams.len())
        };
        assert_eq!(stored(0, 3), None, "nothing is told of nothing");
        assert_eq!(stored(3, 3), Some(3));
        assert_eq!(stored(4, 3), Some(3));
    }

    #[test]
    fn what_the_first_form_said_is_understood() {
        let mut state = read(
            r#"{"listeners":{"11":"/run/x"},"connections":{"12":["/run/x",{"cpid":7,"minor":2,
                "cookie":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"relayed":["XOAUTH2"]}]},"last_id":9}"#,
        );
        assert_eq!((state.form, state.last_id, state.is_newer()), (0, 9, false));
        assert_eq!(state.listeners[&11], "/run/x");
        assert!(matches!(state.take_connection(12), Some((_, Agreed::AuthClient(_)))));
    }

    /// The first form's reader, as it was released.
    #[derive(Deserialize)]
    struct First {
        listeners: HashMap<u64, String>,
        connections: HashMap<u64, (String, auth_client::Agreed)>,
        last_id: u64,
    }

    #[test]
    fn the_first_form_understands_what_is_written_now() {
        let mut state = State { form: FORM, last_id: 9, ..State::default() };
        state.listeners.insert(11, "/run/x".into());
        state.add(13, "/run/master".into(), Agreed::AuthMaster { shaken: true });
        let first: First = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        assert_eq!((first.listeners.len(), first.connections.len(), first.last_id), (1, 0, 9));
        let mut again = read(&serde_json::to_string(&state).unwrap());
        let expected = ("/run/master".to_owned(), Agreed::AuthMaster { shaken: true });
        assert_eq!(again.take_connection(13), Some(expected));
    }

    #[test]
    fn what_a_newer_image_says_beyond_us_costs_nothing_else() {
        let mut state = read(
            r#"{"form":3,"listeners":{"11":"/run/x","14":{"place":"/run/y"}},"connections":"elsewhere",
                "others":{"13":["/run/map","socketmap"],"15":["/run/new","novel"],"16":["/run/m",{"auth-master":
                {"shaken":true,"more":1}}],"x":0},"sessions":[1],"last_id":"nine"}"#,
        );
        assert!(state.is_newer());
        assert_eq!((state.listeners.len(), state.last_id), (1, 0));
        assert_eq!(state.take_connection(13), Some(("/run/map".to_owned(), Agreed::Socketmap)));
        assert_eq!(state.take_connection(15), None);
        assert!(state.take_connection(16).is_some(), "what is added to an entry is passed over");
    }
}
