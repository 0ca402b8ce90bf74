//! What systemd is told: that we are ready, read the settings again, stop, and live.
//!
//! `Type=notify` of systemd 252 (Debian 12) and newer, after sd_notify(3). Whoever started us otherwise set no
//! `NOTIFY_SOCKET`, and nothing is told to anybody.

use std::env;
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, sendmsg, socket,
};
use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

use crate::handover::{CONNECTION, STATE};

/// Connections that are stored at most; `FileDescriptorStoreMax=` of the unit has room for them and for what tells of
/// them. Of what is past it, systemd would say so for each.
pub const STORED_MAX: usize = 1_000;
/// Descriptors in one message. The kernel takes 253.
const DESCRIPTORS_AT_ONCE: usize = 200;

/// Every socket is served.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The settings are about to be read again, or the program is; [`ready`] ends it.
pub fn reloading(status: &str) {
    let status = NotifyState::Status(status);
    match NotifyState::monotonic_usec_now() {
        // systemd 253 and newer tell by the time which reload it is.
        Ok(now) => tell(&[NotifyState::Reloading, now, status]),
        // Without it they would take the reload as failed, and end us.
        Err(error) => warn!(%error, "the clock cannot be read: systemd is not told of the reload"),
    }
}

/// The end has begun.
pub fn stopping() {
    let status = "stopping: open requests are told to try again later";
    tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

/// There will be no service, and why.
pub fn failed(why: &str) {
    // One line each: what follows a line's end would be another message.
    tell(&[NotifyState::Status(&why.replace('\n', " "))]);
}

/// A sign of life twice in each `WatchdogSec=`, sent by the thread that serves: when that is stuck, systemd starts us
/// anew. Returns at once where nobody watches.
pub async fn signs_of_life() {
    let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) else { return };
    let mut beat = interval((limit / 2).max(Duration::from_millis(1)));
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

/// Whether there is a service manager, which may keep connections while we are replaced.
#[must_use]
pub fn is_there() -> bool {
    env::var_os("NOTIFY_SOCKET").is_some_and(|place| !place.is_empty())
}

/// Puts connections, and before them what tells of them, into the service's store (`FileDescriptorStoreMax=`), from which
/// the next process gets them with its sockets. A manager without one closes them.
pub fn store((state, connections): (OwnedFd, Vec<OwnedFd>)) {
    let stored = [(STATE, vec![state]), (CONNECTION, connections)];
    for (name, descriptors) in &stored {
        for some in descriptors.chunks(DESCRIPTORS_AT_ONCE) {
            if let Err(error) = send(&format!("FDSTORE=1\nFDNAME={name}\n"), some) {
                return warn!(%error, "connections could not be left to systemd: they end");
            }
        }
    }
}

/// Takes out of the store what was given back.
pub fn forget_stored() {
    for name in [STATE, CONNECTION] {
        if let Err(error) = send(&format!("FDSTOREREMOVE=1\nFDNAME={name}\n"), &[]) {
            warn!(%error, "systemd could not be told to give up connections of before");
        }
    }
}

/// Tells, with descriptors.
fn send(what: &str, descriptors: &[OwnedFd]) -> io::Result<()> {
    let place = env::var_os("NOTIFY_SOCKET").unwrap_or_default();
    let manager = match place.as_bytes() {
        [b'@', name @ ..] => UnixAddr::new_abstract(name)?,
        path => UnixAddr::new(path)?,
    };
    let ours = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let numbers: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&numbers)];
    let rights = if numbers.is_empty() { &[] } else { &rights[..] };
    sendmsg(ours.as_raw_fd(), &[IoSlice::new(what.as_bytes())], rights, MsgFlags::empty(), Some(&manager))?;
    Ok(())
}

fn tell(what: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(what) {
        warn!(%error, "systemd could not be told");
    }
}
