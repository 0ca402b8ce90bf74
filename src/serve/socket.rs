//! Making a Unix socket safely, and who is on the other end.
//!
//! First `connect`, to see whether someone lives there; then bind under another name, set group and
//! mode, and rename into place: the socket is never there with wrong permissions, and the path is
//! never without one while a daemon is replaced.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown};
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::path::{Path, PathBuf};

use nix::unistd::Group;
use tokio::net::{TcpListener, TcpSocket, UnixListener};

use crate::config::{Peer, PeerError};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Why there is no socket, with the cure.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another process answers there.
    #[error("{0}: another process is listening there; stop it first (is sidegated running already?)")]
    Taken(PathBuf),
    /// Something else has that name.
    #[error("{0}: there is a file that is no socket; move it away or choose another path")]
    NoSocket(PathBuf),
    /// There is no such group.
    #[error("{path}: there is no group `{group}`; create it or change `group`")]
    NoGroup {
        /// The socket.
        path: PathBuf,
        /// The group.
        group: String,
    },
    /// There is no such user.
    #[error("{path}: `peers`: {source}")]
    NoPeer {
        /// The socket.
        path: PathBuf,
        /// Which user.
        source: PeerError,
    },
    /// The system said no.
    #[error("{path}: {what}: {source}")]
    System {
        /// The socket.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What it said.
        source: io::Error,
    },
}

/// Makes a listening socket.
///
/// # Errors
/// Somebody lives there, the group is unknown, or the system says no.
pub fn listen(path: &Path, mode: u32, group: Option<&str>) -> Result<UnixListener, SocketError> {
    let system = |what| move |source| SocketError::System { path: path.to_owned(), what, source };
    let gid = group.map(|group| gid_of(path, group)).transpose()?;
    make_way(path)?;
    let aside = aside(path);
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(system("cannot be replaced")(error)),
        _ => {}
    }
    let listener = StdListener::bind(&aside).map_err(system("cannot be made"))?;
    let placed = finish(&aside, path, mode, gid);
    if placed.is_err() {
        let _ = fs::remove_file(&aside);
    }
    placed.map_err(|(what, source)| system(what)(source))?;
    listener.set_nonblocking(true).map_err(system("cannot be used"))?;
    UnixListener::from_std(listener).map_err(system("cannot be used"))
}

/// Makes a socket that listens on an address. A daemon that has just stopped is no hindrance.
///
/// # Errors
/// The system says no.
pub fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn finish(aside: &Path, path: &Path, mode: u32, gid: Option<u32>) -> Result<(), (&'static str, io::Error)> {
    if gid.is_some() {
        chown(aside, None, gid).map_err(|error| {
            ("cannot be given to its group; the daemon's user must be a member of it", error)
        })?;
    }
    fs::set_permissions(aside, fs::Permissions::from_mode(mode))
        .map_err(|error| ("cannot be given its mode", error))?;
    fs::rename(aside, path).map_err(|error| ("cannot be put in place", error))
}

/// The users' numbers.
///
/// # Errors
/// A user is unknown.
pub fn resolve(path: &Path, peers: &[Peer]) -> Result<Vec<u32>, SocketError> {
    let resolve =
        |peer: &Peer| peer.resolve().map_err(|source| SocketError::NoPeer { path: path.to_owned(), source });
    peers.iter().map(resolve).collect()
}

/// A name beside the socket, no longer than its own: a socket's whole path has 107 bytes at most.
fn aside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut shorter = name.into_owned();
    shorter.pop();
    path.with_file_name(format!("~{shorter}"))
}

fn gid_of(path: &Path, group: &str) -> Result<u32, SocketError> {
    let system = |source: nix::Error| SocketError::System {
        path: path.to_owned(),
        what: "the group cannot be looked up",
        source: source.into(),
    };
    match Group::from_name(group).map_err(system)? {
        Some(group) => Ok(group.gid.as_raw()),
        None => Err(SocketError::NoGroup { path: path.to_owned(), group: group.to_owned() }),
    }
}

/// Whatever has the name must be a socket that nobody answers.
fn make_way(path: &Path) -> Result<(), SocketError> {
    match fs::symlink_metadata(path) {
        Ok(about) if !about.file_type().is_socket() => Err(SocketError::NoSocket(path.to_owned())),
        Ok(_) if StdStream::connect(path).is_ok() => Err(SocketError::Taken(path.to_owned())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &Path, group: Option<&str>) -> String {
        listen(path, 0o600, group).unwrap_err().to_string()
    }

    #[tokio::test]
    async fn a_socket_has_its_mode_from_the_start_and_replaces_a_dead_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth");
        for _ in 0..2 {
            let listener = listen(&path, 0o640, None).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
            drop(listener);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[tokio::test]
    async fn a_living_socket_a_file_and_an_unknown_group_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth");
        let _living = listen(&path, 0o600, None).unwrap();
        assert!(refused(&path, None).contains("another process is listening"));
        let file = folder.path().join("file");
        fs::write(&file, "precious").unwrap();
        assert!(refused(&file, None).contains("no socket"));
        assert_eq!(fs::read(&file).unwrap(), b"precious");
        let other = folder.path().join("other");
        assert!(refused(&other, Some("no-such-group")).contains("create it or change"));
        assert!(refused(&folder.path().join("missing/auth"), None).contains("cannot be made"));
    }

    #[tokio::test]
    async fn a_socket_may_have_the_longest_path_there_is() {
        let folder = tempfile::tempdir().unwrap();
        let room = 107 - folder.path().as_os_str().len() - 1;
        assert!(listen(&folder.path().join("a".repeat(room)), 0o600, None).is_ok());
        assert!(listen(&folder.path().join("a".repeat(room + 2)), 0o600, None).is_err());
    }
}
