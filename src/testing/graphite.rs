//! The Graphite of a test: what its series show at a slot, and when it fails.
//!
//! The value at index i is what a settled bucket shows at i times `every`, so an
//! evaluation sees the values after `from`, up to its `until`, and none of them
//! is still being filled.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::origin;
use crate::agent::fetch::window;
use crate::alert::evaluate::{Answer, Seen};
use crate::alert::world::Report;
use crate::alert::{Alert, Group, Point, TimeSpec, Timestamp, Value, Window};
use crate::config::alert_test::{Fails, Fault, Series, Shown, Test, Values};
use crate::play::Due;

/// Plays what a test says of Graphite.
pub struct Graphite<'a> {
    test: &'a Test,
    /// `graphite.not_found: empty`
    pub not_found_is_empty: bool,
    origins: BTreeMap<Arc<str>, (Arc<Group>, Vec<Origin<'a>>)>,
}

/// A series, and an alert that it is returned for.
struct Origin<'a> {
    alert: usize,
    target: u16,
    series: &'a Series,
}

impl<'a> Graphite<'a> {
    /// What `test` says.
    pub fn new(test: &'a Test) -> Self {
        Self {
            test,
            not_found_is_empty: false,
            origins: BTreeMap::new(),
        }
    }

    /// What is answered.
    pub fn answer(&mut self, due: &Due) -> Report {
        let group = &due.group;
        if let Some(fault) = self.fault(&group.name, due.at.since(self.test.start)) {
            return match &fault.fails {
                Fails::Status(404) if self.not_found_is_empty => Report {
                    answers: vec![Some(Answer::default()); group.alerts.len()],
                    failure: None,
                },
                fails => Report {
                    answers: vec![None; group.alerts.len()],
                    failure: Some(words(fails)),
                },
            };
        }
        let mut answers = vec![Answer::default(); group.alerts.len()];
        let (test, slot) = (self.test, due.slot);
        let now = steps(slot.since(test.start), test.every);
        for origin in self.origins(group) {
            let shown = origin.series.values.at(now);
            let (Some(alert), Some(answer), true) = (
                group.alerts.get(origin.alert),
                answers.get_mut(origin.alert),
                shown != Shown::Absent,
            ) else {
                continue;
            };
            answer.push(Seen {
                legend: &origin.series.name,
                value: value(test, alert, &origin.series.values, slot),
                target: origin.target,
            });
        }
        Report {
            answers: answers.into_iter().map(Some).collect(),
            failure: None,
        }
    }

    fn fault(&self, group: &str, at: Duration) -> Option<&'a Fault> {
        self.test.faults.iter().find(|fault| {
            fault.from <= at
                && fault.to.is_none_or(|to| at < to)
                && fault.alert.as_ref().is_none_or(|alert| **alert == *group)
        })
    }

    fn origins(&mut self, group: &Arc<Group>) -> &[Origin<'a>] {
        let known = self.origins.get(&group.name);
        if known.is_none_or(|(known, _)| !Arc::ptr_eq(known, group)) {
            let found = origins(self.test, group);
            let entry = (Arc::clone(group), found);
            self.origins.insert(Arc::clone(&group.name), entry);
        }
        let known = self.origins.get(&group.name);
        known.map_or(&[], |(_, origins)| origins)
    }
}

fn origins<'a>(test: &'a Test, group: &Group) -> Vec<Origin<'a>> {
    let series = test.series.iter();
    let series = series.filter(|series| series.alert == group.name);
    series
        .flat_map(|series| {
            let pairs = origin::of(group, &series.name, series.target.as_deref());
            pairs.into_iter().map(move |(alert, target)| Origin {
                alert,
                target: u16::try_from(target).unwrap_or(u16::MAX),
                series,
            })
        })
        .collect()
}

/// What the window of `slot` comes to.
fn value(test: &Test, alert: &Alert, values: &Values, slot: Timestamp) -> Option<Value> {
    let window = Window {
        // what is shown is settled
        settle: None,
        ..window(alert, slot)
    };
    let first = match alert.from {
        // one that begins before the test begins with it
        TimeSpec::Ago(span) if slot.since(test.start) >= span => {
            steps(slot.minus(span).since(test.start), test.every) + 1
        }
        TimeSpec::Ago(_) | TimeSpec::Verbatim(_) => 0,
    };
    if window.until < test.start {
        return None;
    }
    let last = steps(window.until.since(test.start), test.every);
    let points = (first..=last).map(|index| {
        let passed = test
            .every
            .saturating_mul(u32::try_from(index).unwrap_or(u32::MAX));
        Point {
            at: test.start.plus(passed).as_secs(),
            value: match values.at(index) {
                Shown::Value(value) => value,
                Shown::Null | Shown::Absent => f64::NAN,
            },
        }
    });
    let step = i64::try_from(test.every.as_secs()).ok();
    alert.reduce.apply(points, step, &window)
}

/// How many whole steps `passed` is.
pub fn steps(passed: Duration, every: Duration) -> usize {
    let steps = passed.as_millis() / every.as_millis().max(1);
    usize::try_from(steps).unwrap_or(usize::MAX)
}

fn words(fails: &Fails) -> String {
    match fails {
        Fails::Status(status) => format!("Graphite answers {status}"),
        Fails::Otherwise(words) => (*words).to_owned(),
    }
}
