//! One series over the time that was replayed, as an SVG: the values that were
//! judged, thresholds, incidents shaded in their levels, nights, and a mark
//! wherever somebody was called.
//!
//! However long the time is, a drawing has a bounded number of columns; each
//! shows the least and the greatest value of its time, so that no peak is lost.

use std::collections::HashSet;
use std::fmt::Write;

use chrono::{NaiveTime, TimeDelta};

use super::html::escaped;
use super::record::Incident;
use super::report::{Report, says};
use super::totals::NIGHT;
use super::values::Drawn;
use crate::alert::{Alert, Condition, Level, Timestamp, zone};
use crate::deliver::text;

/// The drawing's size, and that of its margins, in its own units.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 22.0;
const TOP: f64 = 6.0;

/// Labels along the time.
const TICKS: u64 = 10;

/// What half of a label takes.
const ROOM: f64 = 30.0;

/// Distances between them, in seconds.
const DISTANCES: [u64; 10] = [
    60, 300, 900, 3600, 10_800, 21_600, 86_400, 172_800, 604_800, 2_592_000,
];

/// Nights are shown up to so many.
const NIGHTS: usize = 62;

/// Draws a series; `drawn` are its values and the alert that judged them.
pub fn draw(
    report: &Report<'_>,
    incidents: &[&Incident],
    drawn: Option<(&Drawn, &Alert)>,
) -> String {
    let time = Axis {
        from: report.span.from,
        until: report.span.until,
    };
    let values = Scale::of(drawn);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Values and incidents over time\">\n"
    );
    nights(&mut svg, report, &time);
    let mut seen = HashSet::new();
    for incident in incidents {
        shade(&mut svg, report, (incident, &time), &mut seen);
    }
    ticks(&mut svg, report, &time);
    if let (Some((drawn, alert)), Some(scale)) = (drawn, &values) {
        for value in [scale.least, scale.greatest] {
            let (y, label) = (scale.y(value), text::number(value));
            let _ = writeln!(
                svg,
                "<text class=\"y\" x=\"{}\" y=\"{:.1}\">{label}</text>",
                LEFT - 6.0,
                y + 4.0
            );
        }
        thresholds(&mut svg, alert, scale);
        let _ = writeln!(svg, "<path class=\"values\" d=\"{}\"/>", path(drawn, scale));
    }
    for incident in incidents {
        calls(&mut svg, report, (incident, &time), &mut seen);
    }
    svg.push_str("</svg>\n");
    svg
}

/// Where instants lie.
struct Axis {
    from: Timestamp,
    until: Timestamp,
}

impl Axis {
    fn x(&self, at: Timestamp) -> f64 {
        let whole = self.until.since(self.from).as_secs_f64().max(1.0);
        let share = at.min(self.until).since(self.from).as_secs_f64() / whole;
        LEFT + share * (WIDTH - LEFT)
    }
}

/// Where values lie.
struct Scale {
    least: f64,
    greatest: f64,
}

impl Scale {
    fn of(drawn: Option<(&Drawn, &Alert)>) -> Option<Self> {
        let (drawn, alert) = drawn?;
        let conditions = [&alert.warning, &alert.critical];
        let lines = conditions.into_iter().flatten().flat_map(Condition::lines);
        let values = drawn.columns.iter().flat_map(|(low, high)| [*low, *high]);
        let all = values.chain(lines).filter(|value| value.is_finite());
        let (least, greatest) = all
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        (least <= greatest).then_some(Self { least, greatest })
    }

    fn y(&self, value: f64) -> f64 {
        let (top, bottom) = (TOP + 6.0, HEIGHT - BOTTOM - 10.0);
        // halves, so that the difference of two huge values is finite
        let whole = self.greatest / 2.0 - self.least / 2.0;
        let share = match whole > 0.0 {
            true => (value / 2.0 - self.least / 2.0) / whole,
            false => 0.5,
        };
        bottom - share * (bottom - top)
    }
}

fn band(svg: &mut String, class: &str, (left, right): (f64, f64), title: &str) {
    let height = HEIGHT - BOTTOM - TOP;
    // what lasted a moment is seen too
    let width = (right - left).max(1.0);
    let _ = writeln!(
        svg,
        "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{height}\">{title}</rect>"
    );
}

fn nights(svg: &mut String, report: &Report<'_>, time: &Axis) {
    let Some(from) = zone::local(&report.zone, time.from) else {
        return;
    };
    let mut day = from.date() - TimeDelta::days(1);
    for _ in 0..NIGHTS {
        let next = day + TimeDelta::days(1);
        let instant = |date: chrono::NaiveDate, hour| {
            let local = date.and_time(NaiveTime::from_hms_opt(hour, 0, 0)?);
            zone::first(&report.zone, local)
        };
        let (Some(begins), Some(ends)) = (instant(day, NIGHT.0), instant(next, NIGHT.1)) else {
            return;
        };
        if begins >= time.until {
            return;
        }
        if ends > time.from {
            band(
                svg,
                "night",
                (time.x(begins.max(time.from)), time.x(ends)),
                "",
            );
        }
        day = next;
    }
}

/// Shades an incident; what would cover what was `seen`, to the pixel, is left
/// out, so that a series that flaps for weeks is no more than can be seen.
fn shade(
    svg: &mut String,
    report: &Report<'_>,
    (incident, time): (&Incident, &Axis),
    seen: &mut HashSet<String>,
) {
    let ends = incident.turns.iter().skip(1).map(|turn| turn.at);
    let ends = ends.chain(std::iter::once(report.reached));
    for (turn, end) in incident.turns.iter().zip(ends) {
        let (left, right) = (time.x(turn.at), time.x(end));
        let place = format!("{} {left:.0} {right:.0}", turn.to.as_str());
        if turn.to != Level::Ok && seen.insert(place) {
            let title = format!(
                "<title>{} from {}: {}</title>",
                turn.to.text(),
                report.local(turn.at),
                escaped(&turn.reason)
            );
            band(svg, turn.to.as_str(), (left, right), &title);
        }
    }
}

fn ticks(svg: &mut String, report: &Report<'_>, time: &Axis) {
    let whole = time.until.since(time.from).as_secs();
    let distance = DISTANCES
        .iter()
        .copied()
        .find(|distance| whole / distance <= TICKS);
    let distance = distance.unwrap_or(whole / TICKS).max(1);
    let format = if distance >= 86_400 {
        "%a %-d %b"
    } else {
        "%H:%M"
    };
    // counted from the local midnight
    let local = zone::local(&report.zone, time.from);
    let ahead = local.map_or(0, |local| local.and_utc().timestamp() - time.from.as_secs());
    let step = i64::try_from(distance).unwrap_or(i64::MAX);
    let local = time.from.as_secs().saturating_add(ahead);
    let first = local
        .div_euclid(step)
        .saturating_add(1)
        .saturating_mul(step)
        - ahead;
    for count in 0..=TICKS {
        let passed = step.saturating_mul(i64::try_from(count).unwrap_or(i64::MAX));
        let at = Timestamp::from_secs(first.saturating_add(passed));
        let (true, Some(shown)) = (at < time.until, zone::local(&report.zone, at)) else {
            return;
        };
        let (x, y) = (time.x(at), HEIGHT - BOTTOM);
        if x > WIDTH - ROOM {
            return;
        }
        let label = shown.format(format);
        let _ = writeln!(
            svg,
            "<path class=\"tick\" d=\"M{x:.1} {TOP}V{}\"/><text x=\"{x:.1}\" y=\"{}\">{label}</text>",
            y + 4.0,
            y + 17.0
        );
    }
}

fn thresholds(svg: &mut String, alert: &Alert, scale: &Scale) {
    for (class, condition) in [("warning", &alert.warning), ("critical", &alert.critical)] {
        for line in condition.iter().flat_map(Condition::lines) {
            let y = scale.y(line);
            let condition = condition
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            let _ = writeln!(
                svg,
                "<path class=\"line {class}\" d=\"M{LEFT} {y:.1}H{WIDTH}\"><title>{class} {}</title></path>",
                escaped(&condition)
            );
        }
    }
}

/// A closed shape for each run of columns that have values: along the greatest,
/// back along the least.
fn path(drawn: &Drawn, scale: &Scale) -> String {
    let count = drawn.columns.len().max(1);
    let x = |column: usize| LEFT + (column as f64 + 0.5) / count as f64 * (WIDTH - LEFT);
    let mut path = String::new();
    let columns: Vec<_> = drawn.columns.iter().copied().enumerate().collect();
    for run in columns.split(|(_, (least, _))| least.is_nan()) {
        let there = run
            .iter()
            .map(|(column, (_, greatest))| (*column, *greatest));
        let back = run
            .iter()
            .rev()
            .map(|(column, (least, _))| (*column, *least));
        for (index, (column, value)) in there.chain(back).enumerate() {
            let command = if index == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{command}{:.1} {:.1}", x(column), scale.y(value));
        }
        if !run.is_empty() {
            path.push('Z');
        }
    }
    path
}

fn calls(
    svg: &mut String,
    report: &Report<'_>,
    (incident, time): (&Incident, &Axis),
    seen: &mut HashSet<String>,
) {
    for told in incident.told.iter().filter(|told| told.calls()) {
        let (x, y) = (time.x(told.at), HEIGHT - BOTTOM);
        if !seen.insert(format!("call {x:.0}")) {
            continue;
        }
        let _ = writeln!(
            svg,
            "<path class=\"call\" d=\"M{x:.1} {:.1}l4 8h-8Z\"><title>{}: {} told, {} ({})</title></path>",
            y - 8.0,
            report.local(told.at),
            escaped(&told.receiver),
            told.level.text(),
            says(told)
        );
    }
}
