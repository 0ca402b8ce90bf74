//! Systemd as far as the daemon sees it: what it is told over `NOTIFY_SOCKET`, the service's file descriptor store
//! (`FDSTORE=1`, `FDSTOREREMOVE=1`, `FDNAME=`), and what is passed at a start (`LISTEN_FDS`, `LISTEN_FDNAMES`).
//! sd_notify(3), sd_pid_notify_with_fds(3), sd_listen_fds(3).

use std::fs;
use std::io::IoSliceMut;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, UnixAddr, recvmsg};
use nix::unistd::close;

/// Puts the descriptors where they belong, first out of their own way, and becomes the daemon.
const ACTIVATE: &str = "\
n=500; for fd in $FDS; do eval \"exec $n<&$fd $fd<&-\"; n=$((n+1)); done
n=3; for fd in $FDS; do eval \"exec $n<&$((n+497)) $((n+497))<&-\"; n=$((n+1)); done
LISTEN_PID=$$ exec \"$@\"";

/// The service manager.
#[derive(Debug)]
pub(crate) struct Manager {
    place: PathBuf,
    hears: UnixDatagram,
    /// The store. The numbers are this process's, and every child's that is not told otherwise.
    pub(crate) stored: Mutex<Vec<(String, RawFd)>>,
}

impl Manager {
    /// Listens in a folder.
    pub(crate) fn at(folder: &Path) -> Manager {
        let place = folder.join("notify");
        let hears = UnixDatagram::bind(&place).expect("a socket");
        fs::set_permissions(&place, fs::Permissions::from_mode(0o666)).expect("chmod");
        Manager { place, hears, stored: Mutex::new(Vec::new()) }
    }

    /// Words before the daemon's own that start it with these sockets, and with all that is stored.
    pub(crate) fn starter(&self, sockets: &[&UnixListener]) -> Vec<String> {
        self.hear();
        let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let mut passed: Vec<(&str, RawFd)> = Vec::new();
        for socket in sockets {
            fcntl(socket, FcntlArg::F_SETFD(FdFlag::empty())).expect("it can be passed");
            passed.push(("unit", socket.as_raw_fd()));
        }
        passed.extend(stored.iter().map(|(name, number)| (name.as_str(), *number)));
        let names: Vec<&str> = passed.iter().map(|(name, _)| *name).collect();
        let numbers: Vec<String> = passed.iter().map(|(_, number)| number.to_string()).collect();
        let told = [
            format!("NOTIFY_SOCKET={}", self.place.display()),
            format!("LISTEN_FDS={}", names.len()),
            format!("LISTEN_FDNAMES={}", names.join(":")),
            format!("FDS={}", numbers.join(" ")),
        ];
        let words = ["bash", "-c", ACTIVATE, "bash"].map(str::to_owned);
        ["env".to_owned()].into_iter().chain(told).chain(words).collect()
    }

    /// Does what was asked since the last time.
    pub(crate) fn hear(&self) {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let mut bytes = [0; 4096];
            let mut room = cmsg_space!([RawFd; 253]);
            let mut parts = [IoSliceMut::new(&mut bytes)];
            let heard = recvmsg::<UnixAddr>(
                self.hears.as_raw_fd(),
                &mut parts,
                Some(&mut room),
                MsgFlags::MSG_DONTWAIT,
            );
            let (length, numbers) = match heard {
                Ok(message) => {
                    let numbers = message.cmsgs().expect("whole").flat_map(|part| match part {
                        ControlMessageOwned::ScmRights(numbers) => numbers,
                        _ => Vec::new(),
                    });
                    (message.bytes, numbers.collect::<Vec<_>>())
                }
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN) => return,
                Err(error) => panic!("{error}"),
            };
            let text = String::from_utf8(bytes[..length].to_vec()).expect("text");
            let name = text.lines().find_map(|line| line.strip_prefix("FDNAME=")).unwrap_or("stored");
            if text.lines().any(|line| line == "FDSTORE=1") {
                stored.extend(numbers.into_iter().map(|number| (name.to_owned(), number)));
            } else if text.lines().any(|line| line == "FDSTOREREMOVE=1") {
                for (_, number) in stored.extract_if(.., |(known, _)| known == name) {
                    let _ = close(number);
                }
            }
        }
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let stored = self.stored.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (_, number) in stored.drain(..) {
            let _ = close(number);
        }
    }
}
