//! Times for people: RFC 3339, on a terminal in local time, elsewhere in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::tz::TimeZone;

use crate::clock::Timestamp;

/// How times are shown.
#[derive(Clone, Debug)]
pub struct Times {
    /// Where the reader is; `None`: a program reads.
    zone: Option<TimeZone>,
}

impl Times {
    /// For a person at this machine.
    #[must_use]
    pub fn local() -> Self {
        Self { zone: Some(TimeZone::system()) }
    }

    /// For files and programs.
    #[must_use]
    pub fn utc() -> Self {
        Self { zone: None }
    }

    /// A time, such as `2026-11-20 13:05:09+01:00` or `2026-11-20T12:05:09Z`.
    #[must_use]
    pub fn show(&self, time: Timestamp) -> String {
        match (&self.zone, jiff::Timestamp::from_second(time.0)) {
            (Some(zone), Ok(at)) => at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S%:z").to_string(),
            _ => time.to_string(),
        }
    }
}

/// What the wall clock says.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(0).plus(since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_rfc_3339_and_the_same_moment() {
        let time = Timestamp(1_795_000_000);
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        let local = Times { zone: Some(zone) }.show(time);
        assert_eq!(local, "2026-11-18 19:06:40+08:00");
        assert_eq!(Times::utc().show(time), "2026-11-18T11:06:40Z");
        let read: jiff::Timestamp = local.parse().unwrap();
        assert_eq!(read.as_second(), time.0);
    }

    #[test]
    fn a_time_beyond_the_calendar_is_shown_as_a_number() {
        assert_eq!(Times::local().show(Timestamp(i64::MAX)), format!("@{}", i64::MAX));
    }
}
