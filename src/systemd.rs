//! What systemd is told: that we are ready, read the settings again, stop, and live.
//!
//! `Type=notify` of systemd 252 (Debian 12) and newer, after sd_notify(3). Whoever started us otherwise set no
//! `NOTIFY_SOCKET`, and nothing is told to anybody.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

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

fn tell(what: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(what) {
        warn!(%error, "systemd could not be told");
    }
}
