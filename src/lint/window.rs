//! What one target's answer shows within the window that its alert reads.

use std::collections::HashSet;
use std::time::Duration;

use super::{Finding, many};
use crate::alert::target::relative;
use crate::alert::{Alert, Point, Timestamp, duration};
use crate::config::{AlertSpots, Code};
use crate::graphite::{Reader, Series};

/// More series than this of one target are surprisingly many.
pub const MANY: usize = 1000;

/// What came, counted while it arrives; of points nothing is kept.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Buckets that end later are still being filled.
    ended_by: Timestamp,
    until: Timestamp,
    /// Every legend, as it came.
    pub legends: Vec<Box<str>>,
    /// The widest bucket in seconds, where any is known.
    pub step: Option<i64>,
    /// Series of which no bucket had ended.
    in_progress: usize,
    /// Series without any value.
    without_value: usize,
    /// Series with a value of which the newest bucket that had ended is null.
    late: usize,
    /// The time of the newest value of a late series.
    newest: Option<i64>,
}

impl Seen {
    /// Nothing yet of a window that ends at `until`, where a bucket counts `settle` after its end.
    pub fn new(until: Timestamp, settle: Option<Duration>) -> Self {
        Self {
            ended_by: until.minus(settle.unwrap_or_default()),
            until,
            legends: Vec::new(),
            step: None,
            in_progress: 0,
            without_value: 0,
            late: 0,
            newest: None,
        }
    }

    /// Takes the next series.
    fn take(
        &mut self,
        legend: &str,
        points: impl DoubleEndedIterator<Item = Point> + Clone,
        step: Option<i64>,
    ) {
        self.legends.push(legend.into());
        let width = step.filter(|step| *step > 0).or_else(|| width(&points));
        self.step = self.step.max(width);
        let any = points.clone().next().is_some();
        let past = points.filter(|point| Timestamp::from_secs(point.at) <= self.until);
        let newest = past.clone().rev().find(|point| point.value.is_finite());
        if newest.is_none() {
            self.without_value += 1;
        }
        // of a single bucket of unknown width nobody can say that it has ended
        let Some(width) = width else { return };
        let has_ended =
            |point: &Point| Timestamp::from_secs(point.at.saturating_add(width)) <= self.ended_by;
        match (past.clone().rev().find(has_ended), newest) {
            // or, as whisper answers where the window lies in one bucket, the next one
            (None, _) if any => self.in_progress += 1,
            (Some(ended), Some(newest)) if newest.at < ended.at => {
                self.late += 1;
                self.newest = self.newest.max(Some(newest.at));
            }
            _ => {}
        }
    }

    /// What is doubtful about it for the alert's target of this index.
    pub fn judge(&self, alert: &Alert, at: &AlertSpots, index: usize) -> Vec<Finding> {
        let target = at.target(index);
        let name = &alert.name;
        let all = self.legends.len();
        if all == 0 {
            let message = format!("this target of alert `{name}` matches no series");
            let hint = "look for a misspelt name or a host that is gone; where series come and go, allow it";
            return vec![Finding::new(&target, Code::MatchesNothing, message, hint)];
        }
        let mut findings = Vec::new();
        if all > MANY {
            let message = format!(
                "this target of alert `{name}` matches {all} series, more than {MANY}: is that meant?"
            );
            let hint = "narrow the globs, or put series together (`groupByNode`, `sumSeries`); where there are so many, allow it";
            findings.push(Finding::new(&target, Code::MatchesMany, message, hint));
        }
        findings.extend(self.of_buckets(alert, at));
        findings
    }

    fn of_buckets(&self, alert: &Alert, at: &AlertSpots) -> Option<Finding> {
        let name = &alert.name;
        let all = self.legends.len();
        let of_all = |count: usize| match count == all {
            true => many(all, "series", "series"),
            false => format!("{count} of {all} series"),
        };
        if self.in_progress > 0 {
            let step = span(self.step.unwrap_or_default());
            let message = format!(
                "the window of alert `{name}` holds the bucket in progress alone, of {}: their step is {}",
                of_all(self.in_progress),
                duration::format(step)
            );
            let hint = format!(
                "let the window begin earlier, such as `from: {}`: a bucket that is still being filled is null, or too small",
                relative(step.saturating_mul(5))
            );
            return Some(Finding::new(
                &at.key("from"),
                Code::ShortWindow,
                message,
                &hint,
            ));
        }
        if self.without_value == all {
            let message = format!(
                "the window of alert `{name}` holds no value of {}: all of them read as without data",
                of_all(all)
            );
            let hint = "let the window begin earlier (`from`) if values are rarer, or look into what should write them";
            return Some(Finding::new(&at.key("from"), Code::NoValue, message, hint));
        }
        if self.late > 0 && self.late + self.without_value == all {
            let age = self.until.since(Timestamp::from_secs(self.newest?));
            let message = format!(
                "values of alert `{name}` come late: the newest bucket that has ended is null in {}, the newest value is of {} ago",
                of_all(all),
                duration::format(age)
            );
            let hint = "write `until` as long ago as values take to arrive, such as `until: -2min`, and `from` as much earlier";
            return Some(Finding::new(&at.key("from"), Code::LateData, message, hint));
        }
        None
    }
}

impl Reader for Seen {
    fn take(&mut self, series: Series<'_>) {
        Self::take(self, &series.legend, series.points, series.step);
    }
}

/// The distance of the last two points.
fn width(points: &(impl DoubleEndedIterator<Item = Point> + Clone)) -> Option<i64> {
    let mut points = points.clone().rev();
    let (last, before) = (points.next()?, points.next()?);
    last.at.checked_sub(before.at).filter(|width| *width > 0)
}

fn span(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}

/// What is said of legends that come more than once in one alert's answer.
pub fn twice(alert: &Alert, at: &AlertSpots, legends: &HashSet<Box<str>>) -> Option<Finding> {
    let mut names: Vec<&str> = legends.iter().map(|legend| &**legend).collect();
    names.sort_unstable();
    let first = names.first()?;
    let others = match names.len() - 1 {
        0 => String::new(),
        more => format!(", and {} too", many(more, "other", "others")),
    };
    let message = format!(
        "alert `{}` gets the legend `{first}` more than once{others}: they count as one series with the worst value",
        alert.name
    );
    let hint = "keep in the alias what tells them apart, such as a second node of `aliasByNode`";
    Some(Finding::new(
        &at.target(0),
        Code::LegendTwice,
        message,
        hint,
    ))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{configuration, shown};
    use super::*;

    const UNTIL: i64 = 1_000_060;

    /// Buckets of `step` seconds, the last of which holds the end of the window.
    fn series(step: i64, values: &[f64]) -> Vec<Point> {
        let last = UNTIL / step * step;
        let first = last - step * (values.len() as i64 - 1);
        let at = (0..).map(|index| first + step * index);
        at.zip(values)
            .map(|(at, value)| Point { at, value: *value })
            .collect()
    }

    /// What is found of an alert with a target that returns these.
    fn found(step: Option<i64>, all: &[Vec<Point>]) -> Vec<String> {
        let text = "graphite: {url: http://g}\nalerts:\n- name: L\n  target: a.*\n  from: -1min\n  warning: 1\n";
        let (config, spots) = configuration(text);
        let mut seen = Seen::new(Timestamp::from_secs(UNTIL), Some(Duration::from_secs(5)));
        for (number, points) in all.iter().enumerate() {
            seen.take(&format!("web-{number}"), points.iter().copied(), step);
        }
        let alert = config.groups.first().and_then(|group| group.alerts.first());
        let judged = alert
            .zip(spots.alert(0, 0))
            .map(|(alert, at)| seen.judge(alert, at, 0));
        shown(&spots, judged.unwrap_or_default())
    }

    const NULL: f64 = f64::NAN;

    #[test]
    fn values_in_the_newest_ended_bucket_are_fine() {
        let fine = series(60, &[1.0, 2.0, NULL]);
        assert_eq!(found(Some(60), std::slice::from_ref(&fine)), [""; 0]);
        assert_eq!(found(None, &[fine]), [""; 0]);
    }

    #[test]
    fn no_series_is_found() {
        assert_eq!(
            found(Some(60), &[]),
            ["GP020 4: this target of alert `L` matches no series"]
        );
    }

    #[test]
    fn more_series_than_anybody_looks_after_are_found_with_their_number() {
        let one = series(60, &[1.0, 1.0, 1.0]);
        assert_eq!(found(Some(60), &vec![one.clone(); MANY]), [""; 0]);
        let found = found(Some(60), &vec![one; MANY + 1]);
        assert_eq!(
            found,
            [
                "GP021 4: this target of alert `L` matches 1001 series, more than 1000: is that meant?"
            ]
        );
    }

    #[test]
    fn a_window_with_the_bucket_in_progress_alone_is_found() {
        let text = "GP023 5: the window of alert `L` holds the bucket in progress alone, of 1 series: their step is 1m";
        assert_eq!(found(Some(60), &[series(60, &[NULL])]), [text]);
        assert_eq!(found(Some(60), &[series(60, &[3.0])]), [text]);
        let mixed = found(Some(60), &[series(60, &[3.0]), series(60, &[3.0, 3.0])]);
        assert!(mixed.concat().contains("of 1 of 2 series"), "{mixed:?}");
        let next = vec![Point {
            at: UNTIL / 60 * 60 + 60,
            value: NULL,
        }];
        assert_eq!(found(Some(60), &[next]), [text]);
        // in json one bucket does not say how wide it is
        assert_eq!(found(None, &[series(60, &[3.0])]), [""; 0]);
    }

    #[test]
    fn a_window_without_any_value_is_found() {
        let null = series(60, &[NULL, NULL, NULL]);
        assert_eq!(
            found(Some(60), &[null.clone(), null.clone()]),
            [
                "GP025 5: the window of alert `L` holds no value of 2 series: all of them read as without data"
            ]
        );
        // one dead host among many is not the alert's fault
        assert_eq!(
            found(Some(60), &[null, series(60, &[1.0, 1.0, NULL])]),
            [""; 0]
        );
    }

    #[test]
    fn a_newest_bucket_that_is_null_in_every_series_is_found() {
        let late = series(60, &[1.0, NULL, NULL]);
        assert_eq!(
            found(Some(60), std::slice::from_ref(&late)),
            [
                "GP024 5: values of alert `L` come late: the newest bucket that has ended is null in 1 series, the newest value is of 2m40s ago"
            ]
        );
        let one_is_not = [late, series(60, &[1.0, 1.0, NULL])];
        assert_eq!(found(Some(60), &one_is_not), [""; 0]);
    }

    #[test]
    fn legends_that_come_twice_are_named() {
        let (config, spots) = configuration(
            "graphite: {url: http://g}\nalerts: [{name: L, target: a.*, warning: 1}]\n",
        );
        let alert = config.groups.first().and_then(|group| group.alerts.first());
        let of = |names: &[&str]| {
            let names = names.iter().map(|name| Box::from(*name)).collect();
            let (alert, at) = alert.zip(spots.alert(0, 0))?;
            twice(alert, at, &names).map(|finding| finding.message)
        };
        assert_eq!(of(&[]), None);
        let text = "alert `L` gets the legend `a` more than once: they count as one series with the worst value";
        assert_eq!(of(&["a"]).as_deref(), Some(text));
        assert!(
            of(&["b", "a", "c"])
                .is_some_and(|text| text.contains("`a` more than once, and 2 others too"))
        );
    }
}
