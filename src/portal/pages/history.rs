//! Seven days at a glance, and those who knew the main password and were stopped.

use super::devices::{device, from};
use super::frame::Frame;
use super::times;
use crate::clock::Timestamp;

/// The most dots of one day; the rest is a number.
const DOTS_MAX: usize = 12;

/// Somebody who gave the right main password and was stopped at the second factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// The program; empty: unknown.
    pub program: String,
    /// The operating system; empty: unknown.
    pub system: String,
    /// The address, if it was told.
    pub address: Option<String>,
    /// Where that is; empty: unknown.
    pub place: String,
    /// When; of several attempts, the last.
    pub at: Timestamp,
    /// How many attempts.
    pub count: usize,
    /// How many wrong second factors.
    pub wrong: usize,
    /// From where its owner came in lately: probably a slip.
    pub slip: bool,
}

impl Stopped {
    /// Which browser.
    #[must_use]
    pub fn device(&self, f: &Frame) -> String {
        device(&self.program, &self.system, f)
    }

    /// From where, as far as that is known.
    #[must_use]
    pub fn from(&self, f: &Frame) -> String {
        let known = from(self.address.as_deref(), &self.place);
        if known.is_empty() { f.t("stopped-nowhere") } else { known.join(" · ") }
    }

    /// How often.
    #[must_use]
    pub fn tries(&self, f: &Frame) -> String {
        let attempts = f.n("stopped-attempts", "count", &self.count);
        match self.wrong {
            0 => attempts,
            wrong => format!("{attempts} · {}", f.n("stopped-wrong", "count", &wrong)),
        }
    }
}

/// One of the last days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// A time on it.
    pub at: Timestamp,
    /// Sign-ins: visits, and mail programs that logged in.
    pub came_in: usize,
    /// Attempts that were stopped.
    pub stopped: usize,
}

impl Day {
    /// The last days, today last. `came_in` and `stopped` are the times of what was on them.
    #[must_use]
    pub fn last(
        days: usize,
        f: &Frame,
        came_in: impl Iterator<Item = Timestamp>,
        stopped: impl Iterator<Item = (Timestamp, usize)>,
    ) -> Vec<Self> {
        let first = |back: usize| times::days_before(f.now, back, &f.zone);
        let mut all: Vec<Self> =
            (0..days).rev().map(|back| Self { at: first(back), came_in: 0, stopped: 0 }).collect();
        let place = |at| times::days_between(at, f.now, &f.zone).and_then(|back| days.checked_sub(back + 1));
        for at in came_in {
            if let Some(day) = place(at).and_then(|place| all.get_mut(place)) {
                day.came_in += 1;
            }
        }
        for (at, count) in stopped {
            if let Some(day) = place(at).and_then(|place| all.get_mut(place)) {
                day.stopped += count;
            }
        }
        all
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self, f: &Frame) -> String {
        times::weekday(self.at, f.language, &f.zone)
    }

    /// Its date.
    #[must_use]
    pub fn date(&self, f: &Frame) -> String {
        times::day(self.at, &f.zone)
    }

    /// Those that were stopped first: `true` for each of them.
    #[must_use]
    pub fn dots(&self) -> Vec<bool> {
        let stopped = self.stopped.min(DOTS_MAX);
        let came_in = self.came_in.min(DOTS_MAX - stopped);
        [vec![true; stopped], vec![false; came_in]].concat()
    }

    /// How many have no dot.
    #[must_use]
    pub fn more(&self) -> usize {
        self.stopped + self.came_in - self.dots().len()
    }

    /// All of it in words.
    #[must_use]
    pub fn text(&self, f: &Frame) -> String {
        let came_in = f.n("week-came-in", "count", &self.came_in);
        match self.stopped {
            0 => came_in,
            stopped => format!("{} · {came_in}", f.n("week-stopped", "count", &stopped)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    fn frame() -> Frame {
        // 15 Jan 2027, 16:00.
        let (now, zone) = (Timestamp(1_800_000_000), TimeZone::fixed(jiff::tz::offset(8)));
        Frame { now, zone, ..Frame::default() }
    }

    #[test]
    fn each_sign_in_is_on_its_day_in_the_zone_of_the_site() {
        let f = frame();
        let midnight = f.now.0 - 16 * 3_600;
        let came_in = [f.now.0, midnight, midnight - 1, f.now.0 - 6 * 86_400, f.now.0 - 7 * 86_400];
        let days = Day::last(
            7,
            &f,
            came_in.into_iter().map(Timestamp),
            [(Timestamp(midnight - 1), 3), (Timestamp(f.now.0 + 86_400), 1)].into_iter(),
        );
        let counts: Vec<_> = days.iter().map(|day| (day.came_in, day.stopped)).collect();
        assert_eq!(counts, [(1, 0), (0, 0), (0, 0), (0, 0), (0, 0), (1, 3), (2, 0)]);
        let names: Vec<_> = days.iter().map(|day| (day.name(&f), day.date(&f))).collect();
        assert_eq!(names[0], ("Sat".to_owned(), "01-09".to_owned()));
        assert_eq!(names[6], ("Fri".to_owned(), "01-15".to_owned()));
        assert_eq!(days[5].dots(), [true, true, true, false]);
        assert_eq!((days[5].more(), days[5].text(&f)), (0, "3 stopped · 1 sign-in".to_owned()));
    }

    #[test]
    fn what_has_no_dot_is_a_number() {
        let day = |came_in, stopped| Day { at: Timestamp(0), came_in, stopped };
        assert_eq!((day(DOTS_MAX, 0).dots().len(), day(DOTS_MAX, 0).more()), (DOTS_MAX, 0));
        assert_eq!((day(DOTS_MAX + 1, 0).dots().len(), day(DOTS_MAX + 1, 0).more()), (DOTS_MAX, 1));
        let both = day(30, 2);
        assert_eq!((both.dots()[..3].to_vec(), both.more()), (vec![true, true, false], 20));
        assert_eq!((day(5, 99).dots(), day(5, 99).more()), (vec![true; DOTS_MAX], 92));
    }
}
