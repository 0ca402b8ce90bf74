//! Failures and blocks over time, drawn of numbers (SVG).
//!
//! Across, everything is in shares of the whole, down in pixels: the drawing is as wide as its card, and what is written in
//! it as large as elsewhere. Failures are bars, and new blocks triangles under the axis: one is never hidden by the other,
//! and nobody has to tell their colours apart.

use std::fmt::Write;

use jiff::tz::TimeZone;

use super::times;
use crate::clock::Timestamp;

/// Where the highest bar may begin: above it its number is written.
const TOP: usize = 24;
/// The axis.
const FLOOR: usize = 150;
/// The points of the triangles for blocks.
const MARKS: usize = 155;
/// Where times are written.
const TIMES: usize = 184;
/// So many hours say enough by their hour alone; more need the day.
pub const DAY_HOURS: usize = 24;
/// Of more hours than a day has, so many make one bar.
pub const BIN_HOURS: i8 = 6;
/// The most bars; later ones are left out of the drawing, the table has them.
pub const BARS_MAX: usize = 168;
/// Nothing is written so far to the right that it would leave the drawing, in per cent.
const LABEL_ENDS: f64 = 90.0;

/// What happened in one span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its beginning.
    pub at: Timestamp,
    /// Failures.
    pub failures: u32,
    /// New blocks.
    pub blocks: u32,
}

/// Hours as they are drawn: of a day each, of more days six together, from midnight on in the zone.
#[must_use]
pub fn bins(hours: &[Span], zone: &TimeZone) -> Vec<Span> {
    if hours.len() <= DAY_HOURS {
        return hours.to_vec();
    }
    let slot = |span: &Span| times::slot(span.at, zone, BIN_HOURS);
    let sum = |spans: &[Span], count: fn(&Span) -> u32| spans.iter().map(count).fold(0, u32::saturating_add);
    let bin = |spans: &[Span]| {
        let at = spans.first()?.at;
        Some(Span { at, failures: sum(spans, |span| span.failures), blocks: sum(spans, |span| span.blocks) })
    };
    hours.chunk_by(|one, next| slot(one) == slot(next)).filter_map(bin).collect()
}

/// The span with the most failures; of several the first. `None`: there were no failures.
#[must_use]
pub fn peak(spans: &[Span]) -> Option<Span> {
    spans.iter().rev().max_by_key(|span| span.failures).copied().filter(|span| span.failures > 0)
}

/// A drawing. Colours come from the style sheet's classes.
#[must_use]
pub fn drawing(spans: &[Span], days: bool, zone: &TimeZone) -> String {
    let spans = &spans[..spans.len().min(BARS_MAX)];
    let most = spans.iter().map(|span| span.failures).max().unwrap_or_default();
    let top = round_up(u64::from(most.max(1)));
    let mut svg =
        String::from(r#"<svg class="chart" xmlns="http://www.w3.org/2000/svg" aria-hidden="true">"#);
    grid(&mut svg, top);
    let room = 100.0 / spans.len().max(1) as f64;
    let highest = peak(spans).map(|span| span.at);
    let mut labels = 0;
    for (index, span) in spans.iter().enumerate() {
        let (x, middle) = (room * index as f64, room * (index as f64 + 0.5));
        let height = (FLOOR - TOP) as f64 * f64::from(span.failures) / top as f64;
        let y = FLOOR as f64 - height;
        // Writing to a string cannot fail.
        if span.failures > 0 {
            let (x, width) = (x + room * 0.1, room * 0.8);
            let _ = write!(
                svg,
                r#"<rect class="failures" x="{x:.2}%" y="{y:.1}" width="{width:.2}%" height="{height:.1}"/>"#
            );
        }
        if span.blocks > 0 {
            let _ = write!(
                svg,
                r#"<svg class="mark" x="{middle:.2}%" y="{MARKS}" width="1" height="1"><path class="blocks" d="M0 0l4.5 9h-9z"/></svg>"#
            );
        }
        if highest == Some(span.at) {
            let anchor = if middle < 25.0 {
                "start"
            } else if middle > 75.0 {
                "end"
            } else {
                "middle"
            };
            let (text, y) = (peak_text(span, days, zone), y - 6.0);
            let _ = write!(
                svg,
                r#"<text class="peak" x="{middle:.2}%" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#
            );
        }
        let fresh = times::begins(span.at, zone, if days { 24 } else { BIN_HOURS });
        if fresh && x <= LABEL_ENDS {
            let time = if days { times::day(span.at, zone) } else { times::hour(span.at, zone) };
            // On a phone every second day is enough.
            let class = if days && labels % 2 == 1 { "hour more" } else { "hour" };
            let _ = write!(svg, r#"<text class="{class}" x="{x:.2}%" y="{TIMES}">{time}</text>"#);
            labels += 1;
        }
    }
    svg.push_str("</svg>");
    svg
}

/// Lines at nothing, half and all, with their numbers at the left.
fn grid(svg: &mut String, top: u64) {
    for (share, number) in [(0, 0), (1, top / 2), (2, top)] {
        // Half of one is no number to write.
        if share == 1 && top < 2 {
            continue;
        }
        let y = FLOOR - (FLOOR - TOP) * share / 2;
        let _ = write!(svg, r#"<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>"#);
        let _ = write!(svg, r#"<text class="scale" x="-6" y="{}">{number}</text>"#, y + 4);
    }
}

/// Its number and its time, short.
fn peak_text(span: &Span, days: bool, zone: &TimeZone) -> String {
    let hour = times::hour(span.at, zone);
    let day = if days { format!("{} ", times::day(span.at, zone)) } else { String::new() };
    format!("{} · {day}{hour}", span.failures)
}

/// The next number that is easy to read: 1, 2 or 5 and zeros.
fn round_up(number: u64) -> u64 {
    let mut unit: u64 = 1;
    loop {
        for factor in [1, 2, 5] {
            let step = unit.saturating_mul(factor);
            if step >= number {
                return step;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(count: usize) -> Vec<Span> {
        (0..count).map(|hour| Span { at: Timestamp(hour as i64 * 3600), failures: 7, blocks: 1 }).collect()
    }

    fn day(spans: &[Span]) -> String {
        drawing(spans, false, &TimeZone::UTC)
    }

    #[test]
    fn every_span_has_its_bar_and_its_mark_up_to_the_most() {
        for (count, bars) in [(0, 0), (1, 1), (24, 24), (BARS_MAX, BARS_MAX), (BARS_MAX + 1, BARS_MAX)] {
            let svg = day(&spans(count));
            assert_eq!(svg.matches(r#"class="failures""#).count(), bars);
            assert_eq!(svg.matches(r#"class="blocks""#).count(), bars);
        }
        let quiet = [Span { at: Timestamp(0), failures: 0, blocks: 0 }];
        assert!(!day(&quiet).contains("<rect") && !day(&quiet).contains("<path"), "nothing happened");
    }

    #[test]
    fn a_few_blocks_beside_many_failures_are_seen() {
        let spans = [Span { at: Timestamp(0), failures: 10_000, blocks: 1 }];
        assert!(day(&spans).contains(r#"<path class="blocks" d="M0 0l4.5 9h-9z"/>"#), "as large as any");
    }

    #[test]
    fn the_most_is_written_with_its_time() {
        let mut hours = spans(24);
        hours[6].failures = 142;
        hours[9].failures = 142;
        assert!(day(&hours).contains(r#"text-anchor="middle">142 · 06:00</text>"#), "{}", day(&hours));
        hours[0].failures = 200;
        assert!(day(&hours).contains(r#"text-anchor="start">200 · 00:00</text>"#));
        hours[23].failures = 201;
        assert!(day(&hours).contains(r#"text-anchor="end">201 · 23:00</text>"#));
        assert_eq!(peak(&hours).map(|span| span.failures), Some(201));
        assert_eq!(peak(&[Span { at: Timestamp(0), failures: 0, blocks: 3 }]), None);
    }

    #[test]
    fn a_week_is_drawn_by_six_hours_from_midnight_on() {
        let week = bins(&spans(BARS_MAX), &TimeZone::UTC);
        assert_eq!(week.len(), 28);
        assert_eq!((week[1].at, week[1].failures, week[1].blocks), (Timestamp(6 * 3600), 42, 6));
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        let week = bins(&spans(BARS_MAX), &zone);
        assert_eq!(
            (week.len(), week[0].failures, week[1].failures),
            (29, 28, 42),
            "the first is no whole one"
        );
        assert_eq!(times::hour(week[1].at, &zone), "12:00");
        assert_eq!(bins(&spans(DAY_HOURS), &zone).len(), DAY_HOURS);
        assert_eq!(bins(&spans(DAY_HOURS + 1), &TimeZone::UTC).len(), 5);
    }

    #[test]
    fn a_day_is_marked_by_its_hours_and_a_week_by_its_days() {
        assert!(day(&spans(DAY_HOURS)).contains(">06:00</text>"));
        let week = drawing(&bins(&spans(BARS_MAX), &TimeZone::UTC), true, &TimeZone::UTC);
        assert_eq!(week.matches(r#"class="hour"#).count(), 7, "{week}");
        assert!(week.contains(">01-02</text>") && week.contains(">01-07</text>"), "{week}");
        assert!(week.contains(">42 · 01-01 00:00</text>"), "{week}");
    }

    #[test]
    fn the_scale_is_easy_to_read() {
        for (number, top) in
            [(1, 1), (3, 5), (7, 10), (11, 20), (180, 200), (u64::from(u32::MAX), 5_000_000_000)]
        {
            assert_eq!(round_up(number), top);
        }
        assert!(day(&[]).contains(">1</text>"));
    }
}
