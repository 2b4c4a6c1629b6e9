//! The last hour of every series, one point a second.
//!
//! Bounded both ways: [`SECONDS`] points a series, [`SERIES`] series. Points
//! of one series are in time order, at most one a second; a clock that steps
//! back takes back what came after.

use std::collections::{BTreeMap, VecDeque};

use globset::GlobMatcher;

/// How long a point is kept, and so the most points of one series.
pub const SECONDS: i64 = 3600;
/// The most series that are kept.
const SERIES: usize = 128;

/// All series by name.
#[derive(Debug, Default)]
pub struct Rings {
    series: BTreeMap<String, Ring>,
}

/// The points of one series: epoch second and value.
#[derive(Debug, Default)]
pub struct Ring {
    points: VecDeque<(i64, f64)>,
}

impl Rings {
    /// Keeps `value` as the point of `name` at the epoch second `at`.
    pub fn record(&mut self, name: &str, at: i64, value: f64) {
        if !value.is_finite() {
            return;
        }
        if !self.series.contains_key(name) {
            if self.series.len() >= SERIES {
                self.series
                    .retain(|_, ring| ring.newest().is_some_and(|newest| newest > at - SECONDS));
            }
            if self.series.len() >= SERIES {
                return;
            }
        }
        self.series
            .entry(name.to_owned())
            .or_default()
            .push(at, value);
    }

    /// The series whose names match, in the order of their names.
    pub fn matching<'a>(
        &'a self,
        glob: &'a GlobMatcher,
    ) -> impl Iterator<Item = (&'a str, &'a Ring)> {
        self.series
            .iter()
            .map(|(name, ring)| (name.as_str(), ring))
            .filter(|(name, _)| glob.is_match(name.replace('.', "/")))
    }
}

impl Ring {
    fn push(&mut self, at: i64, value: f64) {
        while self.newest().is_some_and(|newest| newest >= at) {
            self.points.pop_back();
        }
        while self
            .points
            .front()
            .is_some_and(|(oldest, _)| *oldest <= at - SECONDS)
        {
            self.points.pop_front();
        }
        self.points.push_back((at, value));
    }

    fn newest(&self) -> Option<i64> {
        self.points.back().map(|(at, _)| *at)
    }

    /// One value a second from `start` to before `end`; `None` where there is no point.
    pub fn window(&self, start: i64, end: i64) -> Vec<Option<f64>> {
        let first = self.points.partition_point(|(at, _)| *at < start);
        let mut points = self.points.iter().skip(first).peekable();
        (start..end)
            .map(|second| {
                points
                    .next_if(|(at, _)| *at == second)
                    .map(|(_, value)| *value)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn ring(points: &[(i64, f64)]) -> Ring {
        let mut ring = Ring::default();
        for (at, value) in points {
            ring.push(*at, *value);
        }
        ring
    }

    #[test]
    fn a_second_without_a_point_is_null() {
        let ring = ring(&[(10, 1.0), (12, 3.0)]);
        assert_eq!(ring.window(9, 14), [None, Some(1.0), None, Some(3.0), None]);
    }

    #[test]
    fn two_points_of_one_second_are_the_later_one() {
        assert_eq!(ring(&[(10, 1.0), (10, 2.0)]).window(10, 11), [Some(2.0)]);
    }

    #[test]
    fn a_clock_that_steps_back_takes_back_what_came_after() {
        assert_eq!(
            ring(&[(10, 1.0), (20, 2.0), (15, 3.0)]).window(15, 21)[1..],
            [None; 5]
        );
    }

    #[test]
    fn what_is_older_than_an_hour_is_forgotten() {
        let mut ring = Ring::default();
        for at in 0..10_000 {
            ring.push(at, 1.0);
        }
        assert_eq!(ring.points.len(), 3600);
        assert_eq!(ring.points.front().unwrap().0, 6400);
    }

    #[test]
    fn the_number_of_series_is_bounded_and_old_ones_make_room() {
        let mut rings = Rings::default();
        for n in 0..1000 {
            rings.record(&format!("s{n}"), 0, 1.0);
        }
        assert_eq!(rings.series.len(), SERIES);
        rings.record("late", SECONDS, 1.0);
        assert_eq!(rings.series.keys().collect::<Vec<_>>(), ["late"]);
    }

    #[test]
    fn what_is_no_number_is_no_point() {
        let mut rings = Rings::default();
        rings.record("s", 0, f64::NAN);
        assert!(rings.series.is_empty());
    }
}
