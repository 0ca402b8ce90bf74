//! Wall time as the store keeps it, and the clock that the daemon reads.
//!
//! Rules never read a clock: they are handed a [`Timestamp`]. Socket timeouts use tokio's timers
//! and have nothing to do with this module.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Seconds since 1970-01-01 00:00:00 UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This time plus a duration; fractions of a second are dropped.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_secs(duration)))
    }

    /// This time minus a duration; fractions of a second are dropped.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(whole_secs(duration)))
    }
}

/// RFC 3339 in UTC. In JSON it is the number of seconds.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(time) => time.fmt(f),
            Err(_) => write!(f, "@{}", self.0),
        }
    }
}

fn whole_secs(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// The daemon's clock: the system's wall time, or one set by hand in tests.
///
/// It never runs backwards. When the wall clock is set back, the time stands still until the
/// wall clock has caught up, so a block is never lengthened by more than the step.
#[derive(Debug)]
pub struct Clock {
    latest: AtomicI64,
    system: bool,
}

impl Clock {
    /// The system's wall time.
    #[must_use]
    pub fn system() -> Self {
        Self { latest: AtomicI64::new(i64::MIN), system: true }
    }

    /// A clock that stands at `now` until [`Clock::set`] moves it.
    #[must_use]
    pub fn by_hand(now: Timestamp) -> Self {
        Self { latest: AtomicI64::new(now.0), system: false }
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        if self.system { self.advance(system_time()) } else { Timestamp(self.latest.load(Ordering::Relaxed)) }
    }

    /// Tells the clock what the wall says; an earlier time than one already seen is clamped.
    pub fn set(&self, wall: Timestamp) {
        self.advance(wall);
    }

    fn advance(&self, wall: Timestamp) -> Timestamp {
        Timestamp(self.latest.fetch_max(wall.0, Ordering::Relaxed).max(wall.0))
    }
}

/// Whole seconds: the coarse clock, a few milliseconds late, is exact enough and costs next to nothing. A login asks
/// several times.
fn system_time() -> Timestamp {
    Timestamp(clock_gettime(ClockId::RealtimeCoarse).tv_sec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_backwards_is_clamped() {
        let clock = Clock::by_hand(Timestamp(1000));
        clock.set(Timestamp(400));
        assert_eq!(clock.now(), Timestamp(1000));
        clock.set(Timestamp(1001));
        assert_eq!(clock.now(), Timestamp(1001));
    }

    #[test]
    fn times_print_as_rfc_3339() {
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Timestamp(i64::MAX).to_string(), format!("@{}", i64::MAX));
    }
}
