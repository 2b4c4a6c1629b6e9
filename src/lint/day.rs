//! Whether an alert's thresholds were crossed over the last day, by the values
//! that its evaluations would have had.
//!
//! A day may come from a coarser archive than the alert's window: then each
//! point is judged by itself, and reducers that depend on how many points there
//! are (`sum`, `count`, `delta`) are not judged at all.

use std::time::Duration;

use super::{Finding, many};
use crate::alert::{Alert, Level, Point, Reduce, TimeSpec, Timestamp, Window, duration};
use crate::config::{AlertSpots, Code};
use crate::deliver::text::number;

/// What is looked back at.
pub const SPAN: Duration = Duration::from_secs(24 * 3600);
/// Longer windows have too few places within a day.
const LONGEST_WINDOW: Duration = Duration::from_secs(12 * 3600);
/// Fewer values than this of one series say nothing about a day.
const FEWEST: usize = 12;
/// Times that each point may be looked at, as part of how many windows.
const LOOKS: usize = 30;

/// What came, counted while it arrives.
#[derive(Clone, Debug)]
pub struct Day {
    alert: Alert,
    /// The alert's window in seconds.
    span: i64,
    /// The step that the alert's own window has.
    step: i64,
    /// The end of the day: buckets that end later are still being filled.
    until: Timestamp,
    /// Series with enough values.
    series: usize,
    /// Those that crossed a threshold at some time.
    crossed: usize,
    /// Those that did at every time.
    always: usize,
    low: f64,
    high: f64,
    coarsest: i64,
}

impl Day {
    /// Nothing yet of the day before `until`; `None` where an alert's values of
    /// the past cannot be told. `step` is that of its own window, in seconds.
    pub fn new(alert: &Alert, step: i64, until: Timestamp) -> Option<Self> {
        let end = match &alert.until {
            Some(TimeSpec::Ago(end)) => *end,
            None => Duration::ZERO,
            Some(TimeSpec::Verbatim(_)) => return None,
        };
        let TimeSpec::Ago(begin) = alert.from else {
            return None;
        };
        let span = begin.saturating_sub(end);
        if span > LONGEST_WINDOW || step <= 0 {
            return None;
        }
        Some(Self {
            span: i64::try_from(span.as_secs()).ok()?,
            step,
            until: until.minus(alert.settle.unwrap_or_default()),
            alert: alert.clone(),
            series: 0,
            crossed: 0,
            always: 0,
            low: f64::INFINITY,
            high: f64::NEG_INFINITY,
            coarsest: 0,
        })
    }

    /// Takes the next series, the oldest point first.
    pub fn take(&mut self, legend: &str, points: &[Point], step: Option<i64>) {
        if self.alert.exclude.excluded_by(legend).is_some() {
            return;
        }
        let Some(step) = step.filter(|step| *step > 0) else {
            return;
        };
        let is_coarser = step > self.step;
        let counts_points = matches!(
            self.alert.reduce,
            Reduce::Sum | Reduce::Count | Reduce::Delta
        );
        if is_coarser && counts_points {
            return;
        }
        let points: Vec<Point> = points
            .iter()
            .copied()
            .filter(|point| Timestamp::from_secs(point.at.saturating_add(step)) <= self.until)
            .collect();
        let width = match is_coarser || self.alert.reduce == Reduce::Last {
            true => 1,
            false => usize::try_from(self.span / step).unwrap_or(1).max(1),
        };
        let (mut values, mut bad) = (0, 0);
        for window in points.windows(width).step_by((width / LOOKS).max(1)) {
            let Some(value) = self.value(window, step) else {
                continue;
            };
            values += 1;
            bad += usize::from(self.alert.level(value) != Level::Ok);
            self.low = self.low.min(value);
            self.high = self.high.max(value);
        }
        if values >= FEWEST {
            self.series += 1;
            self.crossed += usize::from(bad > 0);
            self.always += usize::from(bad == values);
            self.coarsest = self.coarsest.max(step);
        } else if bad > 0 {
            self.crossed += 1;
        }
    }

    fn value(&self, points: &[Point], step: i64) -> Option<f64> {
        let all = Window {
            until: self.until,
            settle: None,
            max_age: None,
        };
        let value = self
            .alert
            .reduce
            .apply(points.iter().copied(), Some(step), &all);
        value.map(|value| value.value)
    }

    /// What is doubtful about it for the target of this index.
    pub fn judge(&self, at: &AlertSpots, index: usize) -> Option<Finding> {
        if self.series == 0 {
            return None;
        }
        // the one that is crossed first
        let key = if self.alert.warning.is_some() {
            "warning"
        } else {
            "critical"
        };
        let condition = self
            .alert
            .warning
            .as_ref()
            .or(self.alert.critical.as_ref())?;
        let name = &self.alert.name;
        let spot = if at.targets() == 1 {
            at.key(key)
        } else {
            at.target(index)
        };
        let values = format!(
            "{} had values from {} to {}{}",
            many(self.series, "series", "series"),
            number(self.low),
            number(self.high),
            self.coarser()
        );
        if self.always == self.series {
            let message =
                format!("`{key}` of alert `{name}` ({condition}) was crossed all day: {values}");
            let hint = "correct the threshold, its unit or its direction; if all is as bad as it says, repair that first";
            return Some(Finding::new(&spot, Code::AlwaysCrossed, message, hint));
        }
        if self.crossed == 0 {
            let message = format!(
                "`{key}` of alert `{name}` ({condition}) was never crossed over the last day: {values}"
            );
            let hint = "look whether the threshold has the unit and the size of these values; where that is as it should be, allow it";
            return Some(Finding::new(&spot, Code::NeverCrossed, message, hint));
        }
        None
    }

    fn coarser(&self) -> String {
        match u64::try_from(self.coarsest) {
            Ok(step) if self.coarsest > self.step => format!(
                " (at {} a point, where the window has {})",
                duration::format(Duration::from_secs(step)),
                duration::format(Duration::from_secs(self.step.unsigned_abs()))
            ),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{configuration, shown};
    use super::*;

    const UNTIL: i64 = 1_000_000;

    fn minutes(step: i64, value: impl Fn(i64) -> f64) -> Vec<Point> {
        let count = 3600 / step;
        let at = |index: i64| UNTIL - step * (count + 1 - index);
        (0..count)
            .map(|index| Point {
                at: at(index),
                value: value(index),
            })
            .collect()
    }

    /// What is found of an alert with these keys whose series were these, and have minutes in its window.
    fn found(keys: &str, step: i64, all: &[Vec<Point>]) -> Vec<String> {
        let text =
            format!("graphite: {{url: http://g}}\nalerts:\n- name: L\n  target: a.*\n  {keys}\n");
        let (config, spots) = configuration(&text);
        let alert = config.groups.first().and_then(|group| group.alerts.first());
        let judged = alert.zip(spots.alert(0, 0)).and_then(|(alert, at)| {
            let mut day = Day::new(alert, 60, Timestamp::from_secs(UNTIL))?;
            for (number, points) in all.iter().enumerate() {
                day.take(&format!("web-{number}"), points, Some(step));
            }
            day.judge(at, 0)
        });
        shown(&spots, judged.into_iter().collect())
    }

    #[test]
    fn a_threshold_that_nothing_reaches_is_found_with_what_there_was() {
        let quiet = minutes(60, |index| (index % 3) as f64);
        assert_eq!(
            found("warning: 10\n  critical: 20", 60, &[quiet]),
            [
                "GP026 5: `warning` of alert `L` (>= 10) was never crossed over the last day: 1 series had values from 0 to 2"
            ]
        );
    }

    #[test]
    fn a_threshold_that_everything_exceeds_is_found() {
        let loud = minutes(60, |index| 90.0 + (index % 3) as f64);
        let text = "GP027 5: `critical` of alert `L` (> 50%) was crossed all day: 2 series had values from 90 to 92";
        assert_eq!(
            found("critical: '> 50%'", 60, &[loud.clone(), loud.clone()]),
            [text]
        );
        // one host in trouble is not the alert's fault
        let quiet = minutes(60, |_| 1.0);
        assert_eq!(found("critical: '> 50%'", 60, &[loud, quiet]), [""; 0]);
    }

    #[test]
    fn a_threshold_that_is_crossed_at_times_is_fine() {
        let wave = minutes(60, |index| f64::from(u8::from(index == 30)) * 30.0);
        assert_eq!(found("warning: 10", 60, &[wave]), [""; 0]);
    }

    #[test]
    fn what_is_judged_is_what_the_reducer_makes_of_a_window() {
        let ones = minutes(60, |_| 1.0);
        assert_eq!(
            found(
                "warning: 5\n  reduce: sum\n  from: -5min",
                60,
                std::slice::from_ref(&ones)
            )
            .len(),
            1
        );
        let found = found("warning: 6\n  reduce: sum\n  from: -5min", 60, &[ones]);
        assert!(found.concat().contains("from 5 to 5"), "{found:?}");
    }

    #[test]
    fn of_a_coarser_archive_the_step_is_said_and_sums_are_not_judged() {
        let coarse = minutes(300, |_| 1.0);
        let said = found("warning: 5", 300, std::slice::from_ref(&coarse));
        assert!(
            said.concat()
                .contains("(at 5m a point, where the window has 1m)"),
            "{said:?}"
        );
        assert_eq!(found("warning: 5\n  reduce: sum", 300, &[coarse]), [""; 0]);
    }

    #[test]
    fn too_little_of_a_day_says_nothing() {
        let few: Vec<Point> = minutes(60, |_| 1.0).into_iter().take(FEWEST - 1).collect();
        let null = minutes(60, |_| f64::NAN);
        assert_eq!(found("warning: 5", 60, &[few, null, Vec::new()]), [""; 0]);
    }

    #[test]
    fn what_is_excluded_or_still_being_filled_does_not_count() {
        let loud = minutes(60, |_| 9.0);
        assert_eq!(found("warning: 5\n  exclude: web-0", 60, &[loud]), [""; 0]);
        let mut quiet = minutes(60, |_| 1.0);
        quiet.push(Point {
            at: UNTIL - 30,
            value: 99.0,
        });
        assert!(found("warning: 5", 60, &[quiet]).concat().contains("never"));
    }

    #[test]
    fn windows_of_the_past_that_cannot_be_told_are_not_judged() {
        let loud = minutes(60, |_| 9.0);
        for keys in ["from: midnight", "from: -1d", "until: noon"] {
            assert_eq!(
                found(
                    &format!("warning: 5\n  {keys}"),
                    60,
                    std::slice::from_ref(&loud)
                ),
                [""; 0]
            );
        }
    }
}
