//! How often second factors of one account may be tried, wherever the tries come from.
//!
//! NIST SP 800-63B, 5.2.2: at most 100 failures in a row for an account, with growing waits before that. Whoever tries has
//! shown the main password already, so strangers cannot lock an account this way. What cannot be guessed (passkeys, sign-in
//! providers, recovery codes) neither waits nor counts: whoever knows the main password shuts its owner out with nothing.

use std::time::Duration;

use crate::clock::Timestamp;

/// So many failures in a row cost no wait: people mistype.
pub const FREE: u32 = 5;
/// The wait after the first failure that costs one; each further one doubles it.
pub const FIRST_WAIT: Duration = Duration::from_secs(30);
/// The longest wait.
pub const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// After so many failures in a row no code is tried any more, until something that cannot be guessed was proved, or an
/// administrator resets it.
pub const FAILURES_MAX: u32 = 100;

/// After so many failures in a row of an app, it may be the clock.
pub const CLOCK: u32 = 3;

/// Failures in a row of an account's second factors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttle {
    /// How many.
    pub failures: u32,
    /// The last one.
    pub last: Timestamp,
}

/// Whether a try may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Yes.
    Open,
    /// Not before then.
    Wait(Timestamp),
    /// Not before an administrator has looked.
    Locked,
}

impl Throttle {
    /// Whether a try may be made now.
    #[must_use]
    pub fn admits(&self, now: Timestamp) -> Admission {
        if self.failures >= FAILURES_MAX {
            return Admission::Locked;
        }
        let until = self.last.plus(self.wait());
        if now < until { Admission::Wait(until) } else { Admission::Open }
    }

    /// After a failure at `now`.
    #[must_use]
    pub fn failed(self, now: Timestamp) -> Self {
        // A clock that was set back shortens no wait.
        Self { failures: self.failures.saturating_add(1), last: now.max(self.last) }
    }

    fn wait(&self) -> Duration {
        match self.failures.checked_sub(FREE) {
            None => Duration::ZERO,
            Some(doublings) => FIRST_WAIT.saturating_mul(1 << doublings.min(16)).min(LONGEST_WAIT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    fn after(failures: u32) -> Throttle {
        (0..failures).fold(Throttle::default(), |throttle, _| throttle.failed(NOW))
    }

    #[test]
    fn the_first_failures_cost_no_wait_and_the_next_ones_ever_more() {
        for failures in 0..FREE {
            assert_eq!(after(failures).admits(NOW), Admission::Open, "{failures}");
        }
        for (failures, secs) in [(5, 30), (6, 60), (7, 120), (11, 1_920), (12, 3_600), (99, 3_600)] {
            let until = Timestamp(NOW.0 + secs);
            let throttle = after(failures);
            assert_eq!(throttle.admits(NOW), Admission::Wait(until), "{failures}");
            assert_eq!(throttle.admits(Timestamp(until.0 - 1)), Admission::Wait(until), "{failures}");
            assert_eq!(throttle.admits(until), Admission::Open, "{failures}");
        }
    }

    #[test]
    fn the_hundredth_failure_locks() {
        let much_later = NOW.plus(LONGEST_WAIT * 1_000);
        assert_eq!(after(FAILURES_MAX - 1).admits(much_later), Admission::Open);
        assert_eq!(after(FAILURES_MAX).admits(much_later), Admission::Locked);
        assert_eq!(
            Throttle { failures: u32::MAX, last: NOW }.failed(NOW).admits(much_later),
            Admission::Locked
        );
    }

    #[test]
    fn a_clock_set_back_shortens_no_wait() {
        let throttle = after(FREE).failed(Timestamp(NOW.0 - 1_000));
        assert_eq!(throttle.admits(NOW), Admission::Wait(Timestamp(NOW.0 + 60)));
    }
}
