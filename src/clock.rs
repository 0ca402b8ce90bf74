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

/// The daemon's clock.
///
/// Rules count by [`Clock::now`], which goes on as the kernel's monotonic clock does and never runs backwards. Where the wall
/// clock is set forward it follows; where that is set back it goes on from where it was, so that nothing lasts longer, until
/// the daemon is started again. Codes of apps are made by other people's clocks and are looked at by [`Clock::wall`].
#[derive(Debug)]
pub struct Clock(Kind);

#[derive(Debug)]
enum Kind {
    /// By how many nanoseconds the time is before the monotonic clock.
    System(AtomicI64),
    /// Set by hand in tests: the time, and what the wall says.
    ByHand { now: AtomicI64, wall: AtomicI64 },
}

impl Clock {
    /// The system's clocks.
    #[must_use]
    pub fn system() -> Self {
        Self(Kind::System(AtomicI64::new(i64::MIN)))
    }

    /// A clock that stands at `now` until [`Clock::set`] moves it.
    #[must_use]
    pub fn by_hand(now: Timestamp) -> Self {
        Self(Kind::ByHand { now: AtomicI64::new(now.0), wall: AtomicI64::new(now.0) })
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Kind::System(before) => {
                // The wall first: a tick in between is not taken for a step.
                let (wall, passed) =
                    (nanoseconds(ClockId::RealtimeCoarse), nanoseconds(ClockId::MonotonicCoarse));
                let step = wall.saturating_sub(passed);
                let before = before.fetch_max(step, Ordering::Relaxed).max(step);
                Timestamp(passed.saturating_add(before).div_euclid(NANOSECONDS))
            }
            Kind::ByHand { now, .. } => Timestamp(now.load(Ordering::Relaxed)),
        }
    }

    /// What the wall clock says.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        match &self.0 {
            Kind::System(_) => Timestamp(nanoseconds(ClockId::RealtimeCoarse).div_euclid(NANOSECONDS)),
            Kind::ByHand { wall, .. } => Timestamp(wall.load(Ordering::Relaxed)),
        }
    }

    /// Tells a clock that is set by hand what the wall says; the time itself never goes back.
    pub fn set(&self, says: Timestamp) {
        if let Kind::ByHand { now, wall } = &self.0 {
            now.fetch_max(says.0, Ordering::Relaxed);
            wall.store(says.0, Ordering::Relaxed);
        }
    }
}

const NANOSECONDS: i64 = 1_000_000_000;

/// The coarse clocks, a few milliseconds late, are exact enough and cost next to nothing. A login asks several times.
fn nanoseconds(clock: ClockId) -> i64 {
    let time = clock_gettime(clock);
    time.tv_sec.saturating_mul(NANOSECONDS).saturating_add(time.tv_nsec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_backwards_is_clamped() {
        let clock = Clock::by_hand(Timestamp(1000));
        clock.set(Timestamp(400));
        assert_eq!((clock.now(), clock.wall()), (Timestamp(1000), Timestamp(400)));
        clock.set(Timestamp(1001));
        assert_eq!((clock.now(), clock.wall()), (Timestamp(1001), Timestamp(1001)));
    }

    /// What a step of the wall clock leaves behind, without one being made.
    #[test]
    fn the_time_follows_a_step_forward_and_goes_on_after_a_step_back() {
        let clock = Clock::system();
        let (first, wall) = (clock.now(), clock.wall());
        assert!((wall.0 - first.0).abs() <= 1, "{first} {wall}");
        let hours = 8 * 3600 * NANOSECONDS;
        let Kind::System(before) = &clock.0 else { unreachable!("a system's clock") };
        // As if the wall had been eight hours later once, and was then set back.
        before.fetch_add(hours, Ordering::Relaxed);
        let ahead = clock.now();
        assert!((ahead.0 - first.0 - 8 * 3600).abs() <= 1, "{first} {ahead}");
        std::thread::sleep(Duration::from_millis(1_100));
        assert!(clock.now() > ahead, "it does not stand still");
        // And as if it had been eight hours earlier.
        before.fetch_sub(2 * hours, Ordering::Relaxed);
        assert!((clock.now().0 - clock.wall().0).abs() <= 1);
    }

    #[test]
    fn times_print_as_rfc_3339() {
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Timestamp(i64::MAX).to_string(), format!("@{}", i64::MAX));
    }
}
