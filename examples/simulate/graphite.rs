//! Graphite: what it shows at an instant, and how it fails.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use graphite_pager::agent::fetch::window;
use graphite_pager::alert::evaluate::{Answer, Seen};
use graphite_pager::alert::{Alert, Point, Timestamp};

use super::chance::Chance;
use super::count::Counts;
use super::model;
use super::scenario::{
    ABSENT, GraphiteFault, HOUR, MINUTE, Metric, SECOND, Scenario, State, VALUES,
};

/// Width of a bucket.
const STEP: i64 = MINUTE;

/// What one metric was last answered with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Was {
    NeverAsked,
    NotThereYet,
    There,
    Gone,
}

/// What Graphite has.
pub struct Graphite {
    metrics: Vec<Metric>,
    was: Vec<Was>,
    timelines: Vec<Vec<(i64, State)>>,
    /// Metrics and targets that one alert, by group and number, is answered with.
    returned: BTreeMap<(usize, usize), BTreeSet<(usize, usize)>>,
    /// The metrics' legends, for the model.
    legends: Vec<Rc<str>>,
    seed: u64,
}

/// When an answer is asked for.
#[derive(Clone, Copy)]
pub struct When {
    pub slot: Timestamp,
    /// Milliseconds since the start of the day.
    pub now: i64,
    /// Instants of metrics are those of the agent's clock less this.
    pub shift: i64,
}

impl Was {
    /// The same after an answer with it, or without.
    fn next(self, there: bool, counts: &mut Counts) -> Self {
        match (self, there) {
            (Self::NotThereYet, true) => counts.add("series: new"),
            (Self::There, false) => counts.add("series: vanishes"),
            (Self::Gone, true) => counts.add("series: comes back"),
            _ => {}
        }
        match (self, there) {
            (_, true) => Self::There,
            (Self::NeverAsked | Self::NotThereYet, false) => Self::NotThereYet,
            (Self::There | Self::Gone, false) => Self::Gone,
        }
    }
}

/// Counts a legend that something else than this target of this alert returns too.
fn count_shared(metric: &Metric, (alert, target): (usize, usize), counts: &mut Counts) {
    for other in &metric.returned_by {
        if other.0 != alert {
            counts.add("series: of two alerts");
        } else if other.1 != target {
            counts.add("series: of two targets");
        }
    }
}

/// How far back in time the answers are.
fn back(fault: Option<(GraphiteFault, i64)>) -> i64 {
    match fault {
        Some((GraphiteFault::BackInTime, _)) => HOUR,
        _ => 0,
    }
}

impl Graphite {
    pub fn new(scenario: &Scenario) -> Self {
        let mut returned: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (number, metric) in scenario.metrics.iter().enumerate() {
            for (alert, target) in &metric.returned_by {
                let of = returned.entry((metric.group, *alert)).or_default();
                of.insert((number, *target));
            }
        }
        let legends = scenario.metrics.iter();
        let legends = legends.map(|metric| Rc::from(&*metric.legend)).collect();
        Self {
            returned,
            legends,
            was: vec![Was::NeverAsked; scenario.metrics.len()],
            metrics: scenario.metrics.clone(),
            timelines: (0..scenario.metrics.len())
                .map(|index| scenario.timeline(index))
                .collect(),
            seed: scenario.seed,
        }
    }

    /// From `at` on everything is as well as can be.
    pub fn all_well(&mut self, at: i64) {
        for timeline in &mut self.timelines {
            timeline.push((at, 0));
        }
        for metric in &mut self.metrics {
            metric.twin = None;
        }
    }

    fn shows(&self, metric: usize, at: i64) -> State {
        let timeline = &self.timelines[metric];
        timeline[timeline.partition_point(|(from, _)| *from <= at) - 1].1
    }

    /// Answers for one alert of the group with index `group`: the product in `answer`.
    pub fn ask(
        &mut self,
        (group, index): (usize, usize),
        alert: &Alert,
        when: When,
        fault: Option<(GraphiteFault, i64)>,
        answer: &mut Answer,
        counts: &mut Counts,
    ) -> Vec<model::Series> {
        let reach = window(alert, when.slot);
        let mut series = Vec::new();
        let returned = self.returned.get(&(group, index)).into_iter().flatten();
        for &(number, target) in returned.filter(|(_, target)| *target < alert.targets.len()) {
            let metric = &self.metrics[number];
            if self.is_left_out(number, fault) {
                continue;
            }
            count_shared(metric, (index, target), counts);
            let twins = std::iter::once(None).chain(metric.twin.map(Some));
            for twin in twins {
                let shows = twin.unwrap_or_else(|| self.shows(number, when.now - back(fault)));
                let points = self.points(number, when, fault, (twin, shows));
                match twin {
                    Some(_) => counts.add("series: comes twice"),
                    None => self.was[number] = self.was[number].next(points.is_some(), counts),
                }
                let Some(points) = points else {
                    continue;
                };
                match VALUES[shows] {
                    None => counts.add("series: null"),
                    Some(value) if value.is_nan() => counts.add("series: NaN"),
                    Some(_) => {}
                }
                let metric = &self.metrics[number];
                let read = points.iter().map(|(at, value)| Point {
                    at: at / SECOND,
                    value: value.unwrap_or(f64::NAN),
                });
                let seen = Seen {
                    legend: &metric.legend,
                    value: alert.reduce.apply(read, Some(STEP / SECOND), &reach),
                    target: target as u16,
                };
                answer.take(alert, seen);
                series.push(model::Series {
                    legend: Rc::clone(&self.legends[number]),
                    target,
                    step: STEP,
                    points,
                });
            }
        }
        series
    }

    fn is_left_out(&self, metric: usize, fault: Option<(GraphiteFault, i64)>) -> bool {
        match fault {
            Some((GraphiteFault::Empty, _)) => true,
            Some((GraphiteFault::Partial, since)) => {
                let number = self.seed ^ (metric as u64) << 32 ^ since.unsigned_abs();
                Chance::new(number, 30).below(4) == 0
            }
            _ => false,
        }
    }

    /// The buckets from five minutes before the slot to the slot; `None`: the series is not there.
    fn points(
        &self,
        metric: usize,
        When { slot, now, shift }: When,
        fault: Option<(GraphiteFault, i64)>,
        (twin, shows): (Option<State>, State),
    ) -> Option<Vec<(i64, Option<f64>)>> {
        let until = slot.as_millis();
        let back = back(fault);
        if shows == ABSENT {
            return None;
        }
        let first = (until - 5 * MINUTE).div_euclid(STEP) * STEP + STEP;
        let mut points = Vec::with_capacity(6);
        let mut at = first;
        let timeline = &self.timelines[metric];
        let mut changes = timeline.partition_point(|(from, _)| *from <= first - shift - back);
        while at <= until {
            // a metric's own time: the clock of whoever asks may have been set
            let own = at - shift - back;
            while timeline.get(changes).is_some_and(|(from, _)| *from <= own) {
                changes += 1;
            }
            let state = twin.unwrap_or_else(|| timeline[changes - 1].1);
            let stale = matches!(fault, Some((GraphiteFault::Stale, _))) && now - own < HOUR;
            let whole = own + STEP <= now;
            let value = match VALUES.get(state) {
                _ if stale || own > now => None,
                // the bucket in progress lies
                Some(_) if !whole => {
                    [Some(0.0), Some(30.0), None][(at / STEP).rem_euclid(3) as usize]
                }
                Some(value) => *value,
                None => None,
            };
            points.push((at - back, value));
            at += STEP;
        }
        Some(points)
    }
}
