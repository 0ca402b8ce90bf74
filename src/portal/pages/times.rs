//! Times as people read them, in the site's time zone.

use jiff::Zoned;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::clock::Timestamp;
use crate::config::Language;

fn zoned(time: Timestamp, zone: &TimeZone) -> Option<Zoned> {
    jiff::Timestamp::from_second(time.0).ok().map(|known| known.to_zoned(zone.clone()))
}

fn shown(time: Timestamp, zone: &TimeZone, format: &str) -> String {
    zoned(time, zone).map_or_else(|| time.to_string(), |time| time.strftime(format).to_string())
}

/// Day and minute.
#[must_use]
pub fn time(time: Timestamp, language: Language, zone: &TimeZone) -> String {
    match language {
        Language::En => shown(time, zone, "%-d %b %Y, %H:%M"),
        Language::ZhCn => shown(time, zone, "%Y年%-m月%-d日 %H:%M"),
    }
}

/// The day alone.
#[must_use]
pub fn date(time: Timestamp, language: Language, zone: &TimeZone) -> String {
    match language {
        Language::En => shown(time, zone, "%-d %b %Y"),
        Language::ZhCn => shown(time, zone, "%Y年%-m月%-d日"),
    }
}

/// Hour and minute, for the axis of a chart.
#[must_use]
pub fn hour(time: Timestamp, zone: &TimeZone) -> String {
    shown(time, zone, "%H:%M")
}

/// Month and day, for the axis of a chart.
#[must_use]
pub fn day(time: Timestamp, zone: &TimeZone) -> String {
    shown(time, zone, "%m-%d")
}

/// Which part of which day: of so many hours, from midnight on.
#[must_use]
pub fn slot(time: Timestamp, zone: &TimeZone, hours: i8) -> Option<(Date, i8)> {
    zoned(time, zone).map(|time| (time.date(), time.hour() / hours.max(1)))
}

/// Whether such a part begins within this hour.
#[must_use]
pub fn begins(time: Timestamp, zone: &TimeZone, hours: i8) -> bool {
    zoned(time, zone).is_some_and(|time| time.hour() % hours.max(1) == 0)
}

/// The day of the week, short.
#[must_use]
pub fn weekday(time: Timestamp, language: Language, zone: &TimeZone) -> String {
    const CHINESE: [&str; 7] = ["周一", "周二", "周三", "周四", "周五", "周六", "周日"];
    match language {
        Language::En => shown(time, zone, "%a"),
        Language::ZhCn => {
            let day = zoned(time, zone).map(|time| time.weekday().to_monday_zero_offset());
            let day = day.and_then(|day| usize::try_from(day).ok()).and_then(|day| CHINESE.get(day));
            day.map_or_else(String::new, |day| (*day).to_owned())
        }
    }
}

/// How many days a time was before another; `None`: it was later, or not in the calendar.
#[must_use]
pub fn days_between(time: Timestamp, now: Timestamp, zone: &TimeZone) -> Option<usize> {
    let (then, now) = (zoned(time, zone)?.date(), zoned(now, zone)?.date());
    usize::try_from(then.until(now).ok()?.get_days()).ok()
}

/// The same time so many days before.
#[must_use]
pub fn days_before(now: Timestamp, days: usize, zone: &TimeZone) -> Timestamp {
    let days = i64::try_from(days).unwrap_or(i64::MAX);
    let span = jiff::Span::new().try_days(days);
    let before = span.ok().and_then(|span| zoned(now, zone)?.checked_sub(span).ok());
    before.map_or(now, |time| Timestamp(time.timestamp().as_second()))
}

/// How far the zone is from UTC at that time, in seconds.
#[must_use]
pub fn offset(now: Timestamp, zone: &TimeZone) -> i32 {
    zoned(now, zone).map_or(0, |time| time.offset().seconds())
}

/// How long ago a time was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ago {
    /// Less than a minute.
    Now,
    /// So many minutes.
    Minutes(usize),
    /// So many hours.
    Hours(usize),
    /// So many days.
    Days(usize),
}

impl Ago {
    /// How long before `now` a time was; a time that has yet to come is now.
    #[must_use]
    pub fn of(time: Timestamp, now: Timestamp) -> Self {
        let secs = usize::try_from(now.0.saturating_sub(time.0)).unwrap_or_default();
        match secs / 60 {
            0 => Self::Now,
            minutes @ 1..60 => Self::Minutes(minutes),
            minutes @ 60..1_440 => Self::Hours(minutes / 60),
            minutes => Self::Days(minutes / 1_440),
        }
    }
}

/// What the zone is called: its name, else its distance from UTC.
#[must_use]
pub fn zone_name(zone: &TimeZone) -> String {
    zone.iana_name().map_or_else(|| shown(Timestamp(0), zone, "%:z"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(1_800_000_000);

    #[test]
    fn a_time_reads_as_its_language_writes_it() {
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        assert_eq!(time(AT, Language::En, &zone), "15 Jan 2027, 16:00");
        assert_eq!(time(AT, Language::ZhCn, &zone), "2027年1月15日 16:00");
        assert_eq!(date(AT, Language::En, &TimeZone::UTC), "15 Jan 2027");
        assert_eq!(date(AT, Language::ZhCn, &TimeZone::UTC), "2027年1月15日");
        assert_eq!(hour(AT, &zone), "16:00");
        assert_eq!(day(AT, &zone), "01-15");
        assert_eq!(zone_name(&zone), "+08:00");
        assert_eq!(zone_name(&TimeZone::UTC), "UTC");
    }

    #[test]
    fn how_long_ago_is_told_in_one_unit() {
        let ago = |secs| Ago::of(Timestamp(AT.0 - secs), AT);
        assert_eq!([ago(-5), ago(0), ago(59)], [Ago::Now; 3]);
        assert_eq!([ago(60), ago(3_599)], [Ago::Minutes(1), Ago::Minutes(59)]);
        assert_eq!([ago(3_600), ago(86_399)], [Ago::Hours(1), Ago::Hours(23)]);
        assert_eq!([ago(86_400), ago(6 * 86_400 + 1)], [Ago::Days(1), Ago::Days(6)]);
        assert_eq!(Ago::of(Timestamp(i64::MIN), AT), Ago::Days(usize::MAX / 2 / 86_400));
    }

    #[test]
    fn days_are_those_of_the_zone() {
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        let midnight = AT.0 - 16 * 3_600;
        assert_eq!(days_between(Timestamp(midnight), AT, &zone), Some(0));
        assert_eq!(days_between(Timestamp(midnight - 1), AT, &zone), Some(1));
        assert_eq!(days_between(Timestamp(midnight + 86_400), AT, &zone), None);
        assert_eq!(days_between(Timestamp(i64::MAX), AT, &zone), None);
        assert_eq!((days_before(AT, 2, &zone), offset(AT, &zone)), (Timestamp(AT.0 - 172_800), 28_800));
        assert_eq!(weekday(AT, Language::En, &zone), "Fri");
        assert_eq!(weekday(AT, Language::ZhCn, &zone), "周五");
        assert_eq!(weekday(Timestamp(i64::MAX), Language::ZhCn, &zone), "");
    }

    #[test]
    fn a_time_outside_the_calendar_is_still_shown() {
        assert_eq!(time(Timestamp(i64::MAX), Language::En, &TimeZone::UTC), format!("@{}", i64::MAX));
    }
}
