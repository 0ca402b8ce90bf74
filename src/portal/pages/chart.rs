//! Failures and blocks over time, drawn of numbers (SVG).

use std::fmt::Write;

use jiff::tz::TimeZone;

use super::times;
use crate::clock::Timestamp;

const WIDTH: usize = 400;
const HEIGHT: usize = 180;
/// Space for the numbers at the left.
const LEFT: usize = 44;
/// Space for the times below.
const BOTTOM: usize = 22;
const TOP: usize = 10;
/// The most times written below.
const LABELS_MAX: usize = 4;
/// So many hours say enough by their hour alone; more need the day.
const DAY_HOURS: usize = 24;
/// The most bars; later ones are left out of the drawing, the table has them.
pub const BARS_MAX: usize = 168;

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

/// A drawing: a bar of failures for each span, and a narrower one of blocks before it. Colours come from the style
/// sheet's classes.
#[must_use]
pub fn drawing(spans: &[Span], zone: &TimeZone) -> String {
    let spans = &spans[..spans.len().min(BARS_MAX)];
    let most = spans.iter().map(|span| span.failures.max(span.blocks)).max().unwrap_or_default();
    let top = round_up(u64::from(most.max(1)));
    let mut svg = format!(
        r#"<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">"#
    );
    let floor = HEIGHT - BOTTOM;
    for (share, number) in [(0, 0), (1, top / 2), (2, top)] {
        let y = floor - (floor - TOP) * share / 2;
        // Half of one is no number to write.
        if share == 1 && top < 2 {
            continue;
        }
        let _ = write!(svg, r#"<path class="grid" d="M{LEFT} {y}H{WIDTH}"/>"#);
        let _ = write!(svg, r#"<text class="scale" x="{}" y="{}">{number}</text>"#, LEFT - 6, y + 4);
    }
    let room = (WIDTH - LEFT) as f64 / spans.len().max(1) as f64;
    let step = spans.len().div_ceil(LABELS_MAX).max(1);
    let days = spans.len() > DAY_HOURS;
    for (index, span) in spans.iter().enumerate() {
        let x = LEFT as f64 + room * index as f64;
        bar(&mut svg, "failures", x + room * 0.1, room * 0.8, share(span.failures, top));
        bar(&mut svg, "blocks", x + room * 0.3, room * 0.4, share(span.blocks, top));
        if index % step == 0 {
            let time = if days { times::day(span.at, zone) } else { times::hour(span.at, zone) };
            let _ = write!(svg, r#"<text class="hour" x="{x:.1}" y="{}">{time}</text>"#, HEIGHT - 6);
        }
    }
    svg.push_str("</svg>");
    svg
}

fn share(count: u32, top: u64) -> f64 {
    f64::from(count) / top as f64
}

fn bar(svg: &mut String, class: &str, x: f64, width: f64, share: f64) {
    let height = (HEIGHT - BOTTOM - TOP) as f64 * share;
    let y = (HEIGHT - BOTTOM) as f64 - height;
    if height > 0.0 {
        let _ = write!(
            svg,
            r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"/>"#
        );
    }
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

    #[test]
    fn every_span_has_its_bars_up_to_the_most() {
        for (count, bars) in [(0, 0), (1, 1), (24, 24), (BARS_MAX, BARS_MAX), (BARS_MAX + 1, BARS_MAX)] {
            let svg = drawing(&spans(count), &TimeZone::UTC);
            assert_eq!(svg.matches(r#"class="failures""#).count(), bars);
            assert_eq!(svg.matches(r#"class="blocks""#).count(), bars);
            assert!(svg.matches(r#"class="hour""#).count() <= LABELS_MAX);
        }
    }

    #[test]
    fn a_day_is_marked_by_its_hours_and_a_week_by_its_days() {
        assert!(drawing(&spans(DAY_HOURS), &TimeZone::UTC).contains(">06:00</text>"));
        let week = drawing(&spans(BARS_MAX), &TimeZone::UTC);
        assert!(week.contains(">01-02</text>") && !week.contains(">00:00</text>"), "{week}");
    }

    #[test]
    fn the_scale_is_easy_to_read() {
        for (number, top) in
            [(1, 1), (3, 5), (7, 10), (11, 20), (180, 200), (u64::from(u32::MAX), 5_000_000_000)]
        {
            assert_eq!(round_up(number), top);
        }
        assert!(drawing(&[], &TimeZone::UTC).contains(">1</text>"));
    }
}
