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
        Language::En => shown(time, zone, "%-d %B %Y"),
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
        assert_eq!(date(AT, Language::En, &TimeZone::UTC), "15 January 2027");
        assert_eq!(date(AT, Language::ZhCn, &TimeZone::UTC), "2027年1月15日");
        assert_eq!(hour(AT, &zone), "16:00");
        assert_eq!(day(AT, &zone), "01-15");
        assert_eq!(zone_name(&zone), "+08:00");
        assert_eq!(zone_name(&TimeZone::UTC), "UTC");
    }

    #[test]
    fn a_time_outside_the_calendar_is_still_shown() {
        assert_eq!(time(Timestamp(i64::MAX), Language::En, &TimeZone::UTC), format!("@{}", i64::MAX));
    }
}
