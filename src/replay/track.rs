//! The points of one series in one piece of history, and the windows that are
//! cut out of them as a request at each slot would have shown them.
//!
//! A request from F until U returns the points t with F < t <= U (whisper cuts
//! so: the bucket of `from` is out, that of `until` is in).
//!
//! Invariant: what a server said is kept as it said it: raw names a step, json
//! does not, and `settle` reads both as it does live.

use std::time::Duration;

use crate::alert::{Alert, Point, Reduce, TimeSpec, Timestamp, Value, Window};
use crate::graphite::Series;

/// The points of one series.
#[derive(Clone, Debug, PartialEq)]
pub enum Track {
    /// One value each `step` seconds (raw); NaN where the server said null.
    Steady {
        /// Of the first value, epoch seconds.
        start: i64,
        /// At least 1.
        step: i64,
        /// In order.
        values: Box<[f64]>,
    },
    /// Points with their times (json), in order.
    Listed(Box<[Point]>),
}

/// What an evaluation reads of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Points are later than this, epoch seconds.
    after: i64,
    /// Which of them count.
    window: Window,
}

impl Cut {
    /// What the evaluation of `alert` at `slot` reads, `window` being its window;
    /// `None` where only Graphite knows.
    pub fn new(alert: &Alert, slot: Timestamp, window: Window) -> Option<Self> {
        let TimeSpec::Ago(span) = alert.from else {
            return None;
        };
        // Graphite swaps a window that ends before it begins
        let (from, until) = (slot.minus(span), window.until);
        let (from, until) = (from.min(until), until.max(from));
        Some(Self {
            after: from.as_secs(),
            window: Window { until, ..window },
        })
    }

    /// The end of the window.
    pub fn until(&self) -> Timestamp {
        self.window.until
    }

    /// How long a bucket must have ended.
    pub fn settle(&self) -> Option<Duration> {
        self.window.settle
    }
}

impl Track {
    /// Takes the points of a series.
    pub fn take(series: Series<'_>) -> Self {
        let points = series.points;
        match (series.step, points.clone().next()) {
            (Some(step), Some(first)) => Self::Steady {
                start: first.at,
                step: step.max(1),
                values: points.map(|point| point.value).collect(),
            },
            _ => Self::Listed(points.collect()),
        }
    }

    /// Seconds from point to point; `None` where there is nothing to tell it from.
    pub fn step(&self) -> Option<i64> {
        match self {
            Self::Steady { step, .. } => Some(*step),
            Self::Listed(points) => match points.as_ref() {
                [first, second, ..] => second.at.checked_sub(first.at).filter(|step| *step > 0),
                _ => None,
            },
        }
    }

    /// Start of the first bucket that holds a value, epoch seconds; `None`: none does.
    pub fn first_value(&self) -> Option<i64> {
        match self {
            Self::Steady {
                start,
                step,
                values,
            } => {
                let index = values.iter().position(|value| value.is_finite())?;
                Some(at(*start, *step, index))
            }
            Self::Listed(points) => {
                let mut points = points.iter();
                points.find(|p| p.value.is_finite()).map(|p| p.at)
            }
        }
    }

    /// What the window of `cut` comes to.
    pub fn read(&self, reduce: Reduce, cut: &Cut) -> Option<Value> {
        let until = cut.window.until.as_secs();
        match self {
            Self::Steady {
                start,
                step,
                values,
            } => {
                let place = |time: i64| {
                    let steps = time.saturating_sub(*start).div_euclid(*step);
                    usize::try_from(steps.saturating_add(1)).map_or(0, |n| n.min(values.len()))
                };
                let first = place(cut.after);
                let values = values.get(first..place(until))?;
                let start = at(*start, *step, first);
                let points = values.iter().enumerate();
                let points = points.map(|(index, value)| Point {
                    at: at(start, *step, index),
                    value: *value,
                });
                reduce.apply(points, Some(*step), &cut.window)
            }
            Self::Listed(points) => {
                let first = points.partition_point(|point| point.at <= cut.after);
                let last = points.partition_point(|point| point.at <= until);
                let points = points.get(first..last)?.iter().copied();
                reduce.apply(points, None, &cut.window)
            }
        }
    }
}

fn at(start: i64, step: i64, index: usize) -> i64 {
    let index = i64::try_from(index).unwrap_or(i64::MAX);
    start.saturating_add(step.saturating_mul(index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn steady_points_are_cut_as_listed_ones(
            start in -500..500_i64,
            step in 1..90_i64,
            values in prop::collection::vec(prop_oneof![Just(f64::NAN), -9.0..9.0_f64], 0..40),
            after in -900..3000_i64,
            length in 0..2000_i64,
        ) {
            let points = values.iter().enumerate();
            let points: Vec<Point> = points.map(|(index, value)| Point { at: at(start, step, index), value: *value }).collect();
            let steady = Track::Steady { start, step, values: values.into() };
            let until = Timestamp::from_secs(after + length);
            let window = Window { until, settle: None, max_age: None };
            let cut = Cut { after, window };
            let wanted = points.iter().filter(|p| after < p.at && p.at <= after + length && p.value.is_finite());
            let wanted: Vec<_> = wanted.map(|p| p.value).collect();
            let newest = Reduce::Last;
            let count = Reduce::Count;
            for track in [&steady, &Track::Listed(points.clone().into())] {
                let read = |reduce| track.read(reduce, &cut).map(|value| value.value);
                prop_assert_eq!(read(newest), wanted.last().copied());
                prop_assert_eq!(read(count).unwrap_or(0.0), wanted.len() as f64);
            }
        }
    }
}
