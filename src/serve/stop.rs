//! How the daemon stops without losing a login. Everything that belongs to it is here, or named here.
//!
//! The listening sockets live on, with systemd or in the next image: whoever connects from now on waits in them.
//!
//! 1. Every door but those of mail processes (`auth-master`) takes no more connections, and leaves those it has:
//!    `Leaving` says when, `drive.rs` does it. Answers that were held back leave at once
//!    ([`Service::hurry`]).
//! 2. A login that was granted is claimed on `auth-master`, by a mail process that has yet to come: those doors stay open
//!    until no claim is awaited ([`claimed`]). What was granted outlives its connection, if it was we who closed it.
//! 3. Those doors leave too, and the service writes what is pending.
//!
//! How a connection is left ([`Stop::Leave`]):
//! - A question may be on its way while we close. After `shutdown(SHUT_RD)` nothing more can arrive, the peer's next
//!   write fails with EPIPE, and what arrived before is read to its end and answered: nothing is lost unseen. What is not
//!   decided in time is a temporary failure.
//! - Postfix answers that EPIPE by connecting anew, and nobody notices (`xsasl_dovecot_server_first`).
//! - A login process of Dovecot does not: it takes no notice of a failed write, and fails the login when it sees the
//!   connection's end, in the same turn or the next. 2.3 even calls that a wrong password
//!   (`auth_client_connection_remove_requests`). And it connects anew at most once in 5 s
//!   (`AUTH_SERVER_RECONNECT_TIMEOUT_SECS`), while its mail client waits. It serves one client that is about to log in,
//!   so its connection is served on until it has been quiet for `QUIET`. A login that begins in just the moment between
//!   our `shutdown` and the process's next look at the connection is lost all the same: only keeping the connection
//!   prevents that.
//!
//! How a connection is kept ([`Stop::Keep`]): nothing more is read, and when nothing is open it is handed to the next
//! image ([`handover`](crate::handover)) as it is. What the peer says meanwhile waits in the kernel. Kept are those of
//! neighbours that keep one and do not watch it: `auth-client`, `auth-master`, `dict`, `policy` and `socketmap`. A session
//! of `milter`, one question of `saslauthd` and HTTP are left.
//!
//! At a real stop ([`Stop::Store`]) systemd keeps them for the process that comes next, but for those of `auth-client`
//! ([`Protocol::outlives`](crate::proto::Protocol::outlives)): nobody knows whether one comes.

use std::time::Duration;

use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::proto::Agreed;
use crate::service::Service;

/// How long connections may take to be left.
pub const DRAIN: Duration = Duration::from_secs(3);
/// A connection that logs people in is left when nothing was asked on it for so long. Longer than a mail client needs
/// from the greeting to its password, and as long as whoever connects meanwhile is kept waiting.
const QUIET: Duration = Duration::from_secs(1);
/// What is read last still has so long to be decided.
const LAST_QUESTIONS: Duration = Duration::from_millis(250);
/// How long the last words may take to be written.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(1);
/// The most that leaving takes: what takes longer is cut.
pub(super) const CUT: Duration = Duration::from_secs(5);
/// How long claims are awaited. Dovecot starts a process for each.
const CLAIMS_MAX: Duration = Duration::from_secs(4);
/// How often it is looked whether they came.
const CLAIMS_LOOK: Duration = Duration::from_millis(10);

/// What the daemon tells whoever serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Nothing: serve.
    NotYet,
    /// Leave every connection.
    Leave,
    /// The same, but connections that another process can go on with are kept for it.
    Store,
    /// The same, but connections that another image can go on with are kept for it.
    Keep,
}

/// Where it is told.
pub type Told = watch::Receiver<Stop>;

/// Returns when the daemon stops.
pub async fn stopped(told: &mut Told) -> Stop {
    // A sender that is gone is a stop too.
    told.wait_for(|stop| *stop != Stop::NotYet).await.map_or(Stop::Leave, |stop| *stop)
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

/// How a connection ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// By the peer, and its claims with it; or by us, because of what it said.
    ByPeer,
    /// By us, because we stop.
    ByStop,
    /// It did not: it is for the next image.
    Kept(UnixStream, Agreed),
}

/// A connection that is being left.
#[derive(Debug)]
pub(super) struct Leaving {
    keep: bool,
    until: Instant,
    hung_up: bool,
}

/// How a peer stands to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It awaits an answer.
    Awaits,
    /// It said something then, and the end of the connection will cost it a login.
    Heard(Instant),
    /// It will connect anew, and nobody notices.
    Indifferent,
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
    /// Begins.
    pub(super) fn begin(stop: Stop, outlives: bool, now: Instant) -> Self {
        let keep = match stop {
            Stop::Keep => true,
            Stop::Store => outlives,
            Stop::Leave | Stop::NotYet => false,
        };
        Self { keep, until: now + DRAIN, hung_up: false }
    }

    /// Whether the connection is kept for whoever comes next, if that can be.
    pub(super) fn keeps(&self) -> bool {
        self.keep && !self.hung_up
    }

    /// When something is due, with the peer as it is.
    pub(super) fn wake(&self, peer: Standing) -> Instant {
        match peer {
            _ if self.hung_up => self.until,
            Standing::Awaits => self.until,
            Standing::Heard(at) => self.until.min(at + QUIET),
            Standing::Indifferent => self.until.min(Instant::now()),
        }
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
        let mut leaving = Leaving::begin(Stop::Leave, true, now);
        let wake = |leaving: &Leaving, heard| leaving.wake(Standing::Heard(heard));
        assert!(wake(&leaving, now - secs(50)) < now);
        assert_eq!(wake(&leaving, now), now + QUIET);
        assert_eq!(wake(&leaving, now + secs(3)), now + DRAIN, "it never was quiet");
        assert_eq!(leaving.wake(Standing::Awaits), now + DRAIN, "an answer is owed");
        assert!(leaving.wake(Standing::Indifferent) < now, "it need not be quiet");
        assert_eq!(leaving.due(now), Due::HangUp);
        assert!(leaving.hung_up());
        assert_eq!(wake(&leaving, now), now + DRAIN, "what arrived before is decided");
        assert_eq!(leaving.due(now + DRAIN), Due::End);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_read_last_has_its_time() {
        let now = Instant::now();
        let mut leaving = Leaving::begin(Stop::Keep, false, now);
        assert!(leaving.keeps());
        assert!(Leaving::begin(Stop::Store, true, now).keeps());
        assert!(!Leaving::begin(Stop::Store, false, now).keeps(), "another process knows nothing of it");
        assert_eq!(leaving.due(now + DRAIN), Due::HangUp);
        assert!(!leaving.keeps(), "what could not be kept is left");
        assert_eq!(leaving.wake(Standing::Awaits), now + DRAIN + LAST_QUESTIONS);
        assert!(DRAIN + LAST_QUESTIONS + LAST_WORDS < CUT);
    }
}
