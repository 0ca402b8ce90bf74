//! Sockets that systemd made and keeps, so that connections wait in the kernel while the daemon is replaced; and those
//! that the image or the process before left ([`handover`](crate::handover)), connections among them.
//!
//! After sd_listen_fds(3). A socket belongs to the listener with its path or address, whatever its name is; the names
//! of `LISTEN_FDNAMES` are for messages only. Its mode and owner are the unit's, not ours.

use std::env;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};

use listenfd::ListenFd;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, socket, sockopt::AcceptConn,
};
use nix::unistd::geteuid;
use tokio::net::{TcpListener, UnixListener};
use tracing::warn;

use crate::handover::{CONNECTION, Kept, OTHER, STATE, State, inode};
use crate::systemd;

/// The name of what the image before left.
const LEFT: &str = "left by the image before";

/// What was passed and not yet taken.
#[derive(Debug, Default)]
pub struct Passed {
    sockets: Vec<Socket>,
    /// What no listener can be, in words.
    odd: Vec<String>,
    /// Of whoever was before.
    connections: Vec<Kept>,
    last_id: u64,
    spid: u32,
    /// Systemd's store has something of ours.
    stored: bool,
    /// A newer program was before.
    newer: bool,
    taken: usize,
}

#[derive(Debug)]
struct Socket {
    name: String,
    listener: Listener,
}

#[derive(Debug)]
enum Listener {
    Unix(PathBuf, StdUnixListener),
    Tcp(SocketAddr, StdTcpListener),
}

impl Passed {
    /// What the environment says was passed to this process. It is taken out of the environment, which no other thread
    /// may be using: to be called before there is any.
    #[must_use]
    pub fn from_environment() -> Self {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let names: Vec<&str> = names.split(':').filter(|name| !name.is_empty()).collect();
        let mut descriptors = ListenFd::from_env();
        let count = descriptors.len();
        let stored = names.contains(&CONNECTION) || (names.contains(&STATE) && !names.contains(&OTHER));
        let mut passed = Self { stored, ..Self::default() };
        let mut states = Vec::new();
        for (index, _) in names.iter().take(count).enumerate().filter(|(_, name)| **name == STATE) {
            match State::read(index) {
                Ok(state) => states.push(state),
                Err(error) => passed.odd.push(format!("{STATE}: {error}")),
            }
        }
        passed.last_id = states.iter().map(|state| state.last_id).max().unwrap_or(0);
        passed.spid = states.iter().map(|state| state.spid).max().unwrap_or(0);
        passed.newer = states.iter().any(State::is_newer);
        for index in 0..count {
            match names.get(index).copied().unwrap_or("unknown") {
                STATE => {}
                OTHER | CONNECTION => passed.take_left(&mut descriptors, index, &mut states),
                name => match take(&mut descriptors, index) {
                    Ok(listener) => passed.sockets.push(Socket { name: name.to_owned(), listener }),
                    Err(why) => passed.odd.push(format!("{name}: {why}")),
                },
            }
        }
        passed
    }

    /// What whoever was before left. What nothing is known of is closed, if it is a socket; of the other numbers between,
    /// none is of any meaning.
    fn take_left(&mut self, descriptors: &mut ListenFd, index: usize, states: &mut [State]) {
        if let Ok(Some(socket)) = descriptors.take_unix_listener(index) {
            let Ok(inode) = inode(&socket) else { return };
            for state in states {
                if let Some((place, agreed)) = state.take_connection(inode) {
                    return self.connections.push(Kept { stream: socket.into(), place, agreed });
                }
                if let Some(place) = state.listeners.remove(&inode) {
                    let listener = Listener::Unix(place.into(), socket);
                    return self.sockets.push(Socket { name: LEFT.to_owned(), listener });
                }
            }
        } else if let Ok(Some(socket)) = descriptors.take_tcp_listener(index)
            && let Ok(address) = socket.local_addr()
        {
            self.sockets.push(Socket { name: LEFT.to_owned(), listener: Listener::Tcp(address, socket) });
        }
    }

    /// The connections that were accepted at a place.
    pub fn connections(&mut self, place: &str) -> Vec<Kept> {
        self.connections.extract_if(.., |kept| kept.place == place).collect()
    }

    /// The number that whoever was before went by, where connections were kept that were told it.
    #[must_use]
    pub fn spid(&self) -> Option<u32> {
        Some(self.spid).filter(|spid| *spid != 0 && !self.connections.is_empty())
    }

    /// The highest number that a connection of the image before had.
    #[must_use]
    pub fn last_id(&self) -> u64 {
        self.last_id
    }

    /// The listener at a path; `mode` is what the settings say of it.
    pub fn unix(&mut self, path: &Path, mode: u32) -> Option<UnixListener> {
        let at = |socket: &Socket| match &socket.listener {
            Listener::Unix(bound, _) => bound == path || same_file(bound, path),
            Listener::Tcp(..) => false,
        };
        let found = self.sockets.iter().position(at)?;
        let Socket { name, listener: Listener::Unix(_, listener) } = self.sockets.swap_remove(found) else {
            return None;
        };
        if !is_there(path) {
            warn!(
                place = %path.display(), name,
                "clients do not reach the passed socket any more, since its file was removed; another is made; \
                 restart the socket unit"
            );
            return None;
        }
        if let Ok(about) = fs::metadata(path)
            && about.mode() & 0o777 & !mode != 0
        {
            let (unit, settings) = (format!("{:04o}", about.mode() & 0o777), format!("{mode:04o}"));
            warn!(place = %path.display(), name, unit, settings, "the passed socket is open to more users than the settings say");
        }
        let usable = listener.set_nonblocking(true).and_then(|()| UnixListener::from_std(listener));
        self.count(&name, usable)
    }

    /// The listener at an address.
    pub fn tcp(&mut self, address: SocketAddr) -> Option<TcpListener> {
        let at = |socket: &Socket| matches!(&socket.listener, Listener::Tcp(bound, _) if *bound == address);
        let found = self.sockets.iter().position(at)?;
        let Socket { name, listener: Listener::Tcp(_, listener) } = self.sockets.swap_remove(found) else {
            return None;
        };
        let usable = listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener));
        self.count(&name, usable)
    }

    fn count<T>(&mut self, name: &str, usable: io::Result<T>) -> Option<T> {
        match usable {
            Ok(listener) => {
                self.taken += 1;
                Some(listener)
            }
            Err(error) => {
                warn!(name, %error, "a passed socket cannot be used");
                None
            }
        }
    }

    /// Closes what no listener wanted; how many were taken. What systemd has in its store is taken out of it now, and not
    /// before the listeners are there: a start that fails leaves it to the next. It would hold connections open that we have
    /// closed, and pass them again and again.
    pub fn close_rest(self) -> usize {
        if self.stored {
            systemd::forget_stored();
        }
        if self.newer {
            warn!(
                "a newer sidegated was here before: connections that this one does not understand are closed"
            );
        }
        if !self.connections.is_empty() {
            warn!(
                count = self.connections.len(),
                "no listener is configured for connections of before: they are closed"
            );
        }
        for Socket { name, listener } in &self.sockets {
            let place = match listener {
                Listener::Unix(path, _) => path.display().to_string(),
                Listener::Tcp(address, _) => address.to_string(),
            };
            warn!(place, name, "no listener is configured for a passed socket: it is closed");
        }
        for odd in &self.odd {
            warn!("a passed descriptor is no listener of ours: {odd}");
        }
        self.taken
    }
}

/// A descriptor as what it is. Of the others, those that have an owner now are closed; the rest are left alone.
fn take(descriptors: &mut ListenFd, index: usize) -> Result<Listener, &'static str> {
    if let Ok(Some(listener)) = descriptors.take_unix_listener(index) {
        let address = listening(&listener)?.local_addr().map_err(|_| "it has no address")?;
        let path = address.as_pathname().ok_or("it has no path")?;
        return Ok(Listener::Unix(path.to_owned(), listener));
    }
    if let Ok(Some(listener)) = descriptors.take_tcp_listener(index) {
        let address = listening(&listener)?.local_addr().map_err(|_| "it has no address")?;
        return Ok(Listener::Tcp(address, listener));
    }
    // Owned, and so closed.
    let datagrams = (descriptors.take_unix_datagram(index), descriptors.take_udp_socket(index));
    match datagrams {
        (Ok(Some(_)), _) | (_, Ok(Some(_))) => Err("it takes datagrams, and no connections"),
        _ => Err("it is no socket for streams"),
    }
}

/// `Accept=yes` in a socket unit passes connections, one daemon for each.
fn listening<S: AsFd>(socket: &S) -> Result<&S, &'static str> {
    match getsockopt(socket, AcceptConn) {
        Ok(true) => Ok(socket),
        _ => Err("it does not listen; the socket unit must not say Accept=yes"),
    }
}

/// The same file by two names, such as `/var/run` and `/run`.
fn same_file(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).map(|about| (about.dev(), about.ino()));
    matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}

/// Whether clients arrive at the passed socket. Its file may have been removed with the folder, and even been replaced
/// since by one that an earlier sidegated made, and left.
fn is_there(path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        Ok(about) if !about.file_type().is_socket() => fs::metadata(path).is_ok(),
        // Only where the file could be ours: a visit would be noticed.
        Ok(about) if about.uid() == geteuid().as_raw() => answers(path),
        Ok(_) => true,
        Err(_) => false,
    }
}

/// Knocks, without waiting for anybody.
fn answers(path: &Path) -> bool {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let knock = || {
        let probe = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        connect(probe.as_raw_fd(), &UnixAddr::new(path)?)
    };
    // Anything else, such as a full queue, is not said by an empty house.
    !matches!(knock(), Err(Errno::ECONNREFUSED | Errno::ENOENT))
}
