//! Thresholds and `for` that would have called at most so often and still
//! caught what had to be caught.
//!
//! The method: candidates are a grid of thresholds, at quantiles of the values
//! that the alert read, and of `for`. Each is played over the same history by
//! the agent's own code, and comes to three figures that pull against each
//! other: pages a week, how many of the given times it caught, and how late
//! (docs/replay.md names the sources). The candidates that no other one beats in
//! all three are the trade-off; one of them is suggested.

use std::sync::Arc;
use std::time::Duration;

use super::record::{Incident, Record};
use super::span::Span;
use crate::alert::condition::{Direction, Written, conditions};
use crate::alert::{Alert, Condition, Group, Level, Timestamp, WithoutData, duration};
use crate::deliver::text;

/// Where thresholds are tried, in per cent of the values on the good side.
const QUANTILES: [f64; 12] = [
    50.0, 75.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.8, 99.9, 99.95, 99.99, 100.0,
];

/// What `for` is tried, in minutes.
const MINUTES: [u64; 8] = [0, 1, 2, 5, 10, 15, 30, 60];

/// An incident caught a time if it opened no earlier and no later than this, and
/// was not over by then. One that is always open catches nothing.
const EARLY: Duration = Duration::from_secs(60 * 60);
const LATE: Duration = Duration::from_secs(15 * 60);

/// What is asked of a suggestion.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// Pages a week, at most.
    pub at_most: f64,
    /// Times that must be caught.
    pub must_catch: Vec<Timestamp>,
}

/// A threshold and a `for`.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// As it is written: `>= 23`.
    pub threshold: String,
    /// `for`.
    pub for_: Duration,
    /// Whether it is what the alert has now.
    pub present: bool,
}

/// What a candidate came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Which.
    pub candidate: Candidate,
    /// Incidents: pages of a receiver that is told at once.
    pub pages: usize,
    /// The same a week.
    pub a_week: f64,
    /// How many of the given times it caught.
    pub caught: usize,
    /// How many of its incidents caught one.
    pub right: usize,
    /// How late it caught them, on average.
    pub delay: Duration,
}

/// What is to be suggested for: an alert, and its most severe condition.
#[derive(Clone, Debug)]
pub struct Subject {
    group: Arc<Group>,
    alert: Alert,
    /// `critical`, or `warning` where that is all there is.
    pub level: Level,
    condition: Condition,
    direction: Direction,
}

impl Subject {
    /// The alert of `group`.
    ///
    /// # Errors
    /// Where it is several, or has no threshold that could be moved up and down.
    pub fn new(group: &Arc<Group>) -> Result<Self, String> {
        let [alert] = group.alerts.as_slice() else {
            return Err(format!(
                "{} alerts are called `{}`, which share their series: suggestions are for one that is alone",
                group.alerts.len(),
                group.name
            ));
        };
        let level = match alert.critical {
            Some(_) => Level::Critical,
            None => Level::Warning,
        };
        let condition = alert.condition(level).cloned();
        let direction = condition.as_ref().and_then(Condition::direction);
        let (Some(condition), Some(direction)) = (condition, direction) else {
            return Err(format!(
                "the threshold of alert `{}` has no direction in which it could be moved: expected one with `>`, `>=`, `<` or `<=`",
                group.name
            ));
        };
        Ok(Self {
            group: Arc::clone(group),
            alert: alert.clone(),
            level,
            condition,
            direction,
        })
    }

    /// The grid, the present values first; `values` are in order.
    pub fn candidates(&self, values: &[f64]) -> Vec<Candidate> {
        let present = self.condition.to_string();
        let operator = present.split(' ').next().unwrap_or(">=").to_owned();
        let mut thresholds = vec![present.clone()];
        for per_cent in QUANTILES {
            let rank = match self.direction {
                Direction::High => per_cent,
                Direction::Low => 100.0 - per_cent,
            };
            let place = rank / 100.0 * values.len().saturating_sub(1) as f64;
            if let Some(value) = values.get(place.round() as usize) {
                let threshold = format!("{operator} {}", text::number(short(*value)));
                if !thresholds.contains(&threshold) {
                    thresholds.push(threshold);
                }
            }
        }
        let mut spans: Vec<Duration> = vec![self.alert.for_];
        let minutes = MINUTES
            .iter()
            .map(|minutes| Duration::from_secs(minutes * 60));
        spans.extend(minutes.filter(|span| *span != self.alert.for_));
        let grid = thresholds.iter().flat_map(|threshold| {
            spans.iter().map(|for_| Candidate {
                threshold: threshold.clone(),
                for_: *for_,
                present: *threshold == present && *for_ == self.alert.for_,
            })
        });
        grid.collect()
    }

    /// The alert with a candidate's values, and nothing else that could call:
    /// no other threshold, no want of data, no limit. `None`: it cannot be written.
    pub fn with(&self, candidate: &Candidate) -> Option<Arc<Group>> {
        let written = Written::Text(candidate.threshold.clone());
        let conditions = match self.level {
            Level::Critical => conditions(&self.alert.name, None, Some(&written), None),
            _ => conditions(&self.alert.name, Some(&written), None, None),
        };
        let conditions = conditions.ok()?;
        let alert = Alert {
            warning: conditions.warning,
            critical: conditions.critical,
            recover: None,
            for_: candidate.for_,
            no_data: WithoutData::Keep,
            missing: WithoutData::Keep,
            min_series: None,
            limit: None,
            ..self.alert.clone()
        };
        Some(Arc::new(Group {
            alerts: vec![alert],
            ..Group::clone(&self.group)
        }))
    }
}

/// To three digits, which people write.
fn short(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

/// What `candidate` came to, where `record` is what happened until `reached`.
pub fn outcome(
    candidate: Candidate,
    record: &Record,
    (span, reached): (Span, Timestamp),
    goal: &Goal,
) -> Outcome {
    let own = |incident: &&Incident| *incident.alert != *crate::alert::incident::BUILT_IN;
    let incidents: Vec<&Incident> = record.incidents.iter().filter(own).collect();
    let catches = |incident: &Incident, time: Timestamp| {
        let opened = incident.opened();
        (time.minus(EARLY)..=time.plus(LATE)).contains(&opened)
            && incident.ended().is_none_or(|ended| ended >= time)
    };
    let (mut caught, mut delay) = (0_u32, Duration::ZERO);
    for time in &goal.must_catch {
        let by = incidents.iter().filter(|incident| catches(incident, *time));
        if let Some(first) = by.map(|incident| incident.opened()).min() {
            caught += 1;
            delay += first.since(*time);
        }
    }
    let right = incidents.iter().filter(|incident| {
        let mut times = goal.must_catch.iter();
        times.any(|time| catches(incident, *time))
    });
    let weeks = reached.since(span.from).as_secs_f64() / (7.0 * 86_400.0);
    Outcome {
        candidate,
        pages: incidents.len(),
        a_week: incidents.len() as f64 / weeks.max(f64::EPSILON),
        caught: usize::try_from(caught).unwrap_or(usize::MAX),
        right: right.count(),
        delay: delay / caught.max(1),
    }
}

/// The candidates that no other one beats: none has fewer pages without having
/// caught less or later. Those with the fewest pages come first.
pub fn trade_off(outcomes: &[Outcome]) -> Vec<&Outcome> {
    let key = |outcome: &Outcome| {
        (
            outcome.pages,
            std::cmp::Reverse(outcome.caught),
            outcome.delay,
        )
    };
    let beats = |one: &Outcome, other: &Outcome| {
        let as_good =
            one.pages <= other.pages && one.caught >= other.caught && one.delay <= other.delay;
        as_good && key(one) != key(other)
    };
    let mut best: Vec<&Outcome> = Vec::new();
    for outcome in outcomes {
        let beaten = outcomes.iter().any(|other| beats(other, outcome));
        // of several that came to the same, the first is enough
        let known = best.iter().any(|other| key(other) == key(outcome));
        if !beaten && !known {
            best.push(outcome);
        }
    }
    best.sort_by_key(|outcome| key(outcome));
    best
}

/// The candidate to be written: of those that call at most as often as asked
/// and catch everything, the one that calls least, then soonest; where nothing
/// has to be caught, the one that calls most, for it sees most.
pub fn choose<'a>(outcomes: &'a [Outcome], goal: &Goal) -> Option<&'a Outcome> {
    let fit = outcomes.iter().filter(|outcome| {
        outcome.a_week <= goal.at_most && outcome.caught == goal.must_catch.len()
    });
    match goal.must_catch.is_empty() {
        true => {
            fit.max_by_key(|outcome| (outcome.pages, std::cmp::Reverse(outcome.candidate.for_)))
        }
        false => fit.min_by_key(|outcome| (outcome.pages, outcome.delay)),
    }
}

/// `critical: ">= 23"` and `for: 5m`, as the configuration has them.
pub fn written(level: Level, candidate: &Candidate) -> String {
    let span = match candidate.for_.is_zero() {
        true => "0".to_owned(),
        false => duration::format(candidate.for_),
    };
    format!("`{level}: \"{}\"` and `for: {span}`", candidate.threshold)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn came_to(pages: usize, caught: usize, delay: u64) -> Outcome {
        Outcome {
            candidate: Candidate {
                threshold: format!(">= {pages}"),
                for_: Duration::ZERO,
                present: false,
            },
            pages,
            a_week: pages as f64,
            caught,
            right: caught,
            delay: Duration::from_secs(delay),
        }
    }

    fn goal(at_most: f64, times: usize) -> Goal {
        let must_catch = vec![Timestamp::from_secs(0); times];
        Goal {
            at_most,
            must_catch,
        }
    }

    #[test]
    fn what_another_one_beats_is_no_trade_off() {
        let all = [
            came_to(5, 2, 60),
            came_to(3, 2, 60),
            came_to(3, 1, 60),
            came_to(1, 1, 0),
            came_to(9, 2, 0),
        ];
        let best: Vec<usize> = trade_off(&all).iter().map(|one| one.pages).collect();
        assert_eq!(best, [1, 3, 9]);
    }

    #[test]
    fn of_those_that_catch_everything_the_one_that_calls_least_is_chosen() {
        let all = [came_to(9, 2, 0), came_to(3, 2, 60), came_to(1, 1, 0)];
        assert_eq!(choose(&all, &goal(10.0, 2)), Some(&all[1]));
        assert_eq!(choose(&all, &goal(2.0, 2)), None);
    }

    #[test]
    fn where_nothing_has_to_be_caught_the_one_that_sees_most_is_chosen() {
        let all = [came_to(9, 0, 0), came_to(3, 0, 0), came_to(1, 0, 0)];
        assert_eq!(choose(&all, &goal(4.0, 0)), Some(&all[1]));
    }
}
