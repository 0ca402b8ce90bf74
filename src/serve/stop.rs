//! How the daemon stops without losing a login. Everything that belongs to it is here, or named here.
//!
//! The listening sockets live on, with systemd or in the next image: whoever connects from now on waits in them.
//!
//! 1. Every door but those of mail processes (`auth-master`) takes no more connections, and leaves those it has:
//!    [`Leaving`], carried out in `drive.rs`. Answers that are held back leave at once.
//! 2. A login that was granted is claimed on `auth-master`, by a mail process that has yet to come: those doors stay open
//!    until no claim is awaited ([`claimed`]). Grants outlive the connection on which they were given, if it was we who
//!    closed it.
//! 3. Those doors leave too, and the service writes what is pending.
//!
//! Why connections are left the way they are:
//! - A question may be on its way while we close. After `shutdown(SHUT_RD)` nothing more can arrive, the peer's next
//!   write fails with EPIPE, and what arrived before can be read to its end: no question is lost unseen.
//! - Postfix answers that EPIPE by connecting anew, and nobody notices (`xsasl_dovecot_server_first`).
//! - A login process of Dovecot does not: it fails the login; 2.3 even calls it a wrong password. And it connects anew at
//!   most once in 5 s (`AUTH_SERVER_RECONNECT_TIMEOUT_SECS`), while its mail client waits. It lives for one client that
//!   is about to log in, so its connection is served on until it has been quiet for [`QUIET`].

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::service::Service;

/// How long connections may take to be left.
pub const DRAIN: Duration = Duration::from_secs(3);
/// A connection that logs people in is left when nothing was asked on it for so long. Longer than a mail client needs
/// from the greeting to its password, and as long as whoever connects meanwhile is kept waiting.
pub(super) const QUIET: Duration = Duration::from_secs(1);
/// What is read last still has so long to be decided.
const LAST_QUESTIONS: Duration = Duration::from_millis(250);
/// How long the last words may take to be written.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(1);
/// The most that leaving takes: what takes longer is cut.
pub(super) const CUT: Duration = Duration::from_secs(5);
/// How long claims are awaited. Dovecot starts a process for each.
const CLAIMS_MAX: Duration = Duration::from_secs(5);
/// How often it is looked whether they came.
const CLAIMS_LOOK: Duration = Duration::from_millis(10);

/// Returns when the daemon stops.
pub async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone is a stop too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Returns when no mail process will come any more for a login that was granted.
pub async fn claimed(service: &Service) {
    let until = Instant::now() + CLAIMS_MAX;
    while service.claims().awaited(service.now()) {
        if Instant::now() >= until {
            return warn!("a login that was granted was not claimed in time");
        }
        sleep(CLAIMS_LOOK).await;
    }
}

/// Who ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndedBy {
    /// The peer, and its claims with it; or we, because of what it said.
    Peer,
    /// We, because we stop.
    Stop,
}

/// A connection that is being left.
#[derive(Debug)]
pub(super) struct Leaving {
    quiet: Duration,
    until: Instant,
    hung_up: bool,
}

/// What is to be done when [`Leaving::wake`] has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing more is to arrive; what did is still read and answered.
    HangUp,
    /// What is open now gets no answer but a temporary failure.
    End,
}

impl Leaving {
    /// Begins; the connection must be `quiet` for so long.
    pub(super) fn begin(now: Instant, quiet: Duration) -> Self {
        Self { quiet, until: now + DRAIN, hung_up: false }
    }

    /// When something is due; `heard` is when the peer said something last, `open` whether it awaits an answer.
    pub(super) fn wake(&self, heard: Instant, open: bool) -> Instant {
        if self.hung_up || open { self.until } else { self.until.min(heard + self.quiet) }
    }

    /// What is due.
    pub(super) fn due(&mut self, now: Instant) -> Due {
        if self.hung_up {
            return Due::End;
        }
        self.hung_up = true;
        self.until = self.until.max(now + LAST_QUESTIONS);
        Due::HangUp
    }

    /// Whether nothing more can arrive.
    pub(super) fn hung_up(&self) -> bool {
        self.hung_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_connection_is_left_at_once_and_a_young_one_when_it_is_quiet() {
        let now = Instant::now() + secs(100);
        let mut leaving = Leaving::begin(now, QUIET);
        assert!(leaving.wake(now - secs(50), false) < now);
        assert_eq!(leaving.wake(now, false), now + QUIET);
        assert_eq!(leaving.wake(now - secs(50), true), now + DRAIN, "an answer is owed");
        assert_eq!(leaving.wake(now + secs(2) + QUIET, false), now + DRAIN, "it never was quiet");
        assert_eq!(leaving.due(now), Due::HangUp);
        assert!(leaving.hung_up());
        assert_eq!(leaving.wake(now, false), now + DRAIN, "what arrived before is decided");
        assert_eq!(leaving.due(now + DRAIN), Due::End);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_read_last_has_its_time() {
        let now = Instant::now();
        let mut leaving = Leaving::begin(now, Duration::ZERO);
        assert_eq!(leaving.due(now + DRAIN), Due::HangUp);
        assert_eq!(leaving.wake(now, true), now + DRAIN + LAST_QUESTIONS);
        assert!(DRAIN + LAST_QUESTIONS + LAST_WORDS < CUT);
    }
}
