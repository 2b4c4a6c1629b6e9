//! How the points of a window become the one value that is judged.
//!
//! Null, NaN and infinities are no points; nor is what is later than the
//! window's end or older than `max_age`. A bucket that is still being filled
//! lies, so a point counts once its bucket is settled; only where nothing is,
//! the newest point counts, alone. It knows no thresholds and no series: points
//! come from the decoder's bytes as they are asked for, the newest first.
//!
//! Invariant: a value is finite, or absent (a sum that overflows is absent).

use std::cmp::Ordering;
use std::time::Duration;

use super::time::Timestamp;

/// One bucket of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Start of the bucket in epoch seconds.
    pub at: i64,
    /// NaN where the server said null.
    pub value: f64,
}

/// What a window came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value {
    /// The finite value.
    pub value: f64,
    /// The time of the newest point that it rests on.
    pub at: Timestamp,
}

/// Which points count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The end of the window.
    pub until: Timestamp,
    /// How long before `until` a bucket must have ended; `None`: `settle: off`.
    pub settle: Option<Duration>,
    /// Points older than this at `until` are none; `None`: as far as the answer reaches.
    pub max_age: Option<Duration>,
}

/// How a window of points becomes one value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reduce {
    /// The newest.
    Last,
    /// The mean.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// All together.
    Sum,
    /// The same as the fiftieth percentile.
    Median,
    /// How many points there are.
    Count,
    /// The oldest.
    First,
    /// The newest less the oldest.
    Delta,
    /// The value at this rank, 0..=100, interpolated between the two nearest.
    Percentile(f64),
}

const NAMED: [(&str, Reduce); 9] = [
    ("last", Reduce::Last),
    ("avg", Reduce::Avg),
    ("min", Reduce::Min),
    ("max", Reduce::Max),
    ("sum", Reduce::Sum),
    ("median", Reduce::Median),
    ("count", Reduce::Count),
    ("first", Reduce::First),
    ("delta", Reduce::Delta),
];

impl Reduce {
    /// Reads `last`, `avg`, ..., `p95`, `p99.9`.
    ///
    /// # Errors
    ///
    /// Names what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        NAMED
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, reduce)| *reduce)
            .or_else(|| percentile(text))
            .ok_or_else(|| {
                format!(
                    "`{text}` is no way to reduce a window: expected `last`, `avg`, `min`, `max`, \
                     `sum`, `median`, `count`, `first`, `delta`, or a percentile from `p0` to `p100`"
                )
            })
    }

    /// The words for all ways but percentiles.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMED.iter().map(|(name, _)| *name)
    }

    /// Reduces `points`, which are in time order; `None` where no point counts.
    ///
    /// `step` is the width of a bucket in seconds, where the server said it.
    /// Where it did not, a bucket ends where the next one begins, the last is as
    /// wide as the one before it, and of a single one nobody can say that it is
    /// settled.
    pub fn apply<I: DoubleEndedIterator<Item = Point> + Clone>(
        self,
        points: I,
        step: Option<i64>,
        window: &Window,
    ) -> Option<Value> {
        let mut settled = settled(points.clone(), step, *window).peekable();
        if settled.peek().is_some() {
            return self.over(settled);
        }
        let newest = points.rev().find(|point| window.counts(point))?;
        self.over(std::iter::once(newest))
    }

    /// Reduces points that all count, the newest first, at least one.
    fn over(self, mut points: impl Iterator<Item = Point>) -> Option<Value> {
        let newest = points.next()?;
        let rest = points.map(|point| point.value);
        let first = newest.value;
        let value = match self {
            Self::Last => first,
            Self::Avg => {
                let (count, sum) = rest.fold((1.0, first), |(count, sum), value| {
                    (count + 1.0, sum + value)
                });
                sum / count
            }
            Self::Min => rest.fold(first, f64::min),
            Self::Max => rest.fold(first, f64::max),
            Self::Sum => rest.fold(first, |sum, value| sum + value),
            Self::Count => rest.fold(1.0, |count, _| count + 1.0),
            Self::First => rest.last().unwrap_or(first),
            Self::Delta => first - rest.last().unwrap_or(first),
            Self::Median => ranked(std::iter::once(first).chain(rest).collect(), 50.0)?,
            Self::Percentile(rank) => ranked(std::iter::once(first).chain(rest).collect(), rank)?,
        };
        value.is_finite().then_some(Value {
            value,
            at: Timestamp::from_secs(newest.at),
        })
    }
}

impl Window {
    /// Says whether `point` is one at all, settled or not.
    fn counts(&self, point: &Point) -> bool {
        point.value.is_finite() && {
            let at = Timestamp::from_secs(point.at);
            at <= self.until && self.max_age.is_none_or(|age| self.until.since(at) <= age)
        }
    }
}

/// The settled points that count, the newest first. Lazy: `last` reads no
/// further back than the newest of them.
fn settled(
    mut points: impl DoubleEndedIterator<Item = Point> + Clone,
    step: Option<i64>,
    window: Window,
) -> impl Iterator<Item = Point> {
    let step = step.filter(|step| *step > 0);
    let mut later: Option<i64> = None;
    std::iter::from_fn(move || {
        loop {
            let point = points.next_back()?;
            let end = step
                .map(|step| point.at.saturating_add(step))
                .or(later)
                .or_else(|| as_wide_as_before(point.at, points.clone().next_back()?.at));
            later = Some(point.at);
            let ended = |settle| {
                end.is_some_and(|end| Timestamp::from_secs(end) <= window.until.minus(settle))
            };
            if window.counts(&point) && window.settle.is_none_or(ended) {
                return Some(point);
            }
        }
    })
}

/// Where a bucket ends that is as wide as the one before it, which began at `before`.
fn as_wide_as_before(at: i64, before: i64) -> Option<i64> {
    at.checked_sub(before)
        .and_then(|width| at.checked_add(width))
}

/// `p95`, `p99.9`: digits and a point only, so that `p1e1` or `pNaN` is nothing.
fn percentile(text: &str) -> Option<Reduce> {
    let rank = text.strip_prefix('p')?;
    if !rank.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return None;
    }
    rank.parse()
        .ok()
        .filter(|rank| (0.0..=100.0).contains(rank))
        .map(Reduce::Percentile)
}

/// The value at `rank` per cent of the way from the least to the greatest,
/// linearly between the two nearest (numpy's default, R's type 7).
fn ranked(mut values: Vec<f64>, rank: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    let place = rank / 100.0 * last as f64;
    // within 0..=last, so nothing is cut off
    let index = (place.floor() as usize).min(last);
    let (_, &mut low, above) = values.select_nth_unstable_by(index, f64::total_cmp);
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    let share = place - index as f64;
    match low.partial_cmp(&high) {
        // so that equal values give themselves, without the rounding of a sum
        Some(Ordering::Equal) => Some(low),
        _ => Some(low + (high - low) * share),
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]
    use super::*;
    use proptest::prelude::*;
    use std::cell::Cell;

    const NULL: f64 = f64::NAN;

    /// Buckets of a minute, the first at 0, seen at `until` seconds with the default settle.
    fn minutes(values: &[f64]) -> Vec<Point> {
        values
            .iter()
            .enumerate()
            .map(|(index, value)| Point {
                at: i64::try_from(index).unwrap() * 60,
                value: *value,
            })
            .collect()
    }

    fn window(until: i64) -> Window {
        Window {
            until: Timestamp::from_secs(until),
            settle: Some(Duration::from_secs(5)),
            max_age: None,
        }
    }

    fn apply(
        reduce: &str,
        points: &[Point],
        step: Option<i64>,
        window: &Window,
    ) -> Option<(f64, i64)> {
        let reduce = Reduce::parse(reduce).unwrap();
        reduce
            .apply(points.iter().copied(), step, window)
            .map(|value| (value.value, value.at.as_secs()))
    }

    /// All of `values` are settled.
    fn check(reduce: &str, values: &[f64], expected: Option<f64>) {
        let found = apply(reduce, &minutes(values), Some(60), &window(100_000));
        assert_eq!(
            found.map(|(value, _)| value),
            expected,
            "{reduce} of {values:?}"
        );
    }

    #[test]
    fn each_reducer_does_what_it_is_called() {
        let values = [4.0, 1.0, NULL, 3.0, 2.0];
        check("last", &values, Some(2.0));
        check("first", &values, Some(4.0));
        check("avg", &values, Some(2.5));
        check("min", &values, Some(1.0));
        check("max", &values, Some(4.0));
        check("sum", &values, Some(10.0));
        check("median", &values, Some(2.5));
        check("count", &values, Some(4.0));
        check("delta", &values, Some(-2.0));
        check("p0", &values, Some(1.0));
        check("p100", &values, Some(4.0));
        check("p50", &values, Some(2.5));
    }

    #[test]
    fn percentiles_are_interpolated_between_the_nearest_ranks() {
        check("p25", &[1.0, 2.0, 3.0, 4.0, 5.0], Some(2.0));
        check("p90", &[10.0, 20.0], Some(19.0));
        check("p99.9", &[7.0, 7.0, 7.0], Some(7.0));
        check("median", &[5.0, 1.0, 9.0], Some(5.0));
    }

    #[test]
    fn one_point_is_every_statistic_of_itself() {
        for reduce in ["last", "first", "avg", "min", "max", "sum", "median", "p95"] {
            check(reduce, &[7.5], Some(7.5));
        }
        check("count", &[7.5], Some(1.0));
        check("delta", &[7.5], Some(0.0));
    }

    #[test]
    fn null_nan_and_infinities_are_no_points() {
        check(
            "last",
            &[1.0, NULL, f64::INFINITY, f64::NEG_INFINITY],
            Some(1.0),
        );
        check("max", &[1.0, f64::INFINITY, 2.0], Some(2.0));
        check("count", &[1.0, NULL, 2.0], Some(2.0));
    }

    #[test]
    fn without_any_point_the_value_is_absent() {
        for reduce in ["last", "avg", "count", "delta", "median", "sum"] {
            check(reduce, &[], None);
            check(reduce, &[NULL, f64::INFINITY], None);
        }
    }

    #[test]
    fn what_overflows_is_absent() {
        check("sum", &[f64::MAX, f64::MAX], None);
        check("delta", &[-f64::MAX, f64::MAX], None);
    }

    #[test]
    fn an_overflow_of_settled_points_is_not_replaced_by_the_newest() {
        let points = minutes(&[f64::MAX, f64::MAX, 1.0]);
        assert_eq!(apply("sum", &points, Some(60), &window(130)), None);
    }

    #[test]
    fn the_bucket_in_progress_does_not_count() {
        let points = minutes(&[1.0, 2.0, 900.0]);
        assert_eq!(
            apply("last", &points, Some(60), &window(130)),
            Some((2.0, 60))
        );
        assert_eq!(
            apply("sum", &points, Some(60), &window(130)),
            Some((3.0, 60))
        );
    }

    #[test]
    fn a_bucket_counts_from_exactly_settle_after_its_end() {
        let points = minutes(&[1.0, 2.0]);
        assert_eq!(
            apply("last", &points, Some(60), &window(124)),
            Some((1.0, 0))
        );
        assert_eq!(
            apply("last", &points, Some(60), &window(125)),
            Some((2.0, 60))
        );
    }

    #[test]
    fn settle_zero_waits_for_the_end_of_the_bucket() {
        let points = minutes(&[1.0, 2.0]);
        let window = |until| Window {
            settle: Some(Duration::ZERO),
            ..window(until)
        };
        assert_eq!(
            apply("last", &points, Some(60), &window(119)),
            Some((1.0, 0))
        );
        assert_eq!(
            apply("last", &points, Some(60), &window(120)),
            Some((2.0, 60))
        );
    }

    #[test]
    fn settle_off_takes_the_newest_always() {
        let points = minutes(&[1.0, 2.0, 900.0]);
        let window = Window {
            settle: None,
            ..window(120)
        };
        assert_eq!(
            apply("last", &points, Some(60), &window),
            Some((900.0, 120))
        );
        assert_eq!(apply("count", &points, Some(60), &window), Some((3.0, 120)));
    }

    #[test]
    fn where_nothing_is_settled_the_newest_counts_alone() {
        let points = [Point { at: 60, value: 5.0 }, Point { at: 70, value: 7.0 }];
        assert_eq!(
            apply("last", &points, Some(60), &window(80)),
            Some((7.0, 70))
        );
        assert_eq!(
            apply("sum", &points, Some(60), &window(80)),
            Some((7.0, 70))
        );
        assert_eq!(
            apply("count", &points, Some(60), &window(80)),
            Some((1.0, 70))
        );
        assert_eq!(
            apply("delta", &points, Some(60), &window(80)),
            Some((0.0, 70))
        );
    }

    #[test]
    fn a_settled_null_does_not_keep_the_newest_from_counting() {
        let points = minutes(&[NULL, NULL, 9.0]);
        assert_eq!(
            apply("last", &points, Some(60), &window(130)),
            Some((9.0, 120))
        );
        let points = minutes(&[NULL, 8.0, NULL]);
        assert_eq!(
            apply("last", &points, Some(60), &window(100)),
            Some((8.0, 60))
        );
    }

    #[test]
    fn points_later_than_the_window_do_not_count() {
        let points = minutes(&[1.0, 2.0, 3.0]);
        let off = |until| Window {
            settle: None,
            ..window(until)
        };
        assert_eq!(apply("last", &points, Some(60), &off(119)), Some((2.0, 60)));
        assert_eq!(
            apply("last", &points, Some(60), &off(120)),
            Some((3.0, 120))
        );
        assert_eq!(apply("last", &points[2..], Some(60), &window(119)), None);
    }

    #[test]
    fn points_older_than_max_age_do_not_count() {
        let points = minutes(&[1.0, 2.0, NULL, NULL]);
        let aged = |until| Window {
            max_age: Some(Duration::from_secs(120)),
            ..window(until)
        };
        assert_eq!(
            apply("last", &points, Some(60), &aged(180)),
            Some((2.0, 60))
        );
        assert_eq!(apply("last", &points, Some(60), &aged(181)), None);
        assert_eq!(
            apply("count", &minutes(&[1.0; 10]), Some(60), &aged(605)),
            Some((1.0, 540))
        );
    }

    #[test]
    fn an_unknown_step_is_the_distance_to_the_neighbour() {
        let points = minutes(&[1.0, 2.0, NULL]);
        assert_eq!(apply("last", &points, None, &window(124)), Some((1.0, 0)));
        assert_eq!(apply("last", &points, None, &window(125)), Some((2.0, 60)));
        // the newest has none after it and is as wide as the one before
        let points = minutes(&[1.0, 2.0]);
        assert_eq!(apply("last", &points, None, &window(124)), Some((1.0, 0)));
        assert_eq!(apply("last", &points, None, &window(125)), Some((2.0, 60)));
    }

    #[test]
    fn a_step_of_zero_is_an_unknown_one() {
        let points = minutes(&[1.0, 2.0]);
        assert_eq!(
            apply("last", &points, Some(0), &window(100)),
            Some((1.0, 0))
        );
    }

    #[test]
    fn a_lone_point_of_unknown_step_counts_as_the_newest_does() {
        assert_eq!(
            apply("sum", &minutes(&[4.0]), None, &window(100_000)),
            Some((4.0, 0))
        );
        assert_eq!(
            apply("sum", &minutes(&[4.0]), Some(0), &window(100_000)),
            Some((4.0, 0))
        );
    }

    #[test]
    fn the_time_is_that_of_the_newest_counted_point() {
        let points = minutes(&[9.0, 2.0, NULL, 5.0]);
        for reduce in ["first", "max", "avg", "count", "median"] {
            assert_eq!(
                apply(reduce, &points, Some(60), &window(190)).unwrap().1,
                60,
                "{reduce}"
            );
        }
    }

    #[test]
    fn last_reads_no_further_back_than_it_must() {
        let points = minutes(&[1.0; 1440]);
        let read = Cell::new(0);
        let counted = points.iter().copied().inspect(|_| read.set(read.get() + 1));
        let found = Reduce::Last.apply(counted, Some(60), &window(1440 * 60));
        assert_eq!(found.unwrap().at.as_secs(), 1438 * 60);
        assert!(read.get() <= 4, "{} points were read", read.get());
    }

    #[test]
    fn absurd_times_do_not_panic() {
        let points = [
            Point {
                at: i64::MIN,
                value: 1.0,
            },
            Point { at: 0, value: 2.0 },
            Point {
                at: i64::MAX,
                value: 3.0,
            },
        ];
        for step in [None, Some(i64::MAX), Some(-1)] {
            for reduce in ["last", "first", "avg"] {
                assert!(apply(reduce, &points, step, &window(60)).is_some());
            }
        }
    }

    #[test]
    fn names_are_read_and_others_refused() {
        assert_eq!(Reduce::parse("p99.9"), Ok(Reduce::Percentile(99.9)));
        assert_eq!(Reduce::parse(" avg "), Ok(Reduce::Avg));
        for text in [
            "", "mean", "p", "p101", "p-1", "pNaN", "p1e1", "p+5", "p.", "P95", "pinf", "p1.2.3",
        ] {
            let error = Reduce::parse(text).unwrap_err();
            assert!(
                error.starts_with(&format!("`{text}` is no way to reduce a window")),
                "{error}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_name_panics(text in "\\PC*") {
            let _ = Reduce::parse(&text);
        }

        #[test]
        fn every_percentile_lies_between_min_and_max(
            values in prop::collection::vec(-1e9..1e9_f64, 1..40), rank in 0..=100_u8,
        ) {
            let of = |reduce: &str| apply(reduce, &minutes(&values), Some(60), &window(100_000)).unwrap().0;
            let found = of(&format!("p{rank}"));
            prop_assert!(of("min") <= found && found <= of("max"));
        }

        #[test]
        fn any_points_reduce_to_something_finite_or_nothing(
            points in prop::collection::vec((any::<i64>(), any::<f64>()), 0..20),
            step in any::<Option<i64>>(),
            until in any::<i64>(),
            settle in any::<Option<u32>>(),
        ) {
            let points: Vec<Point> = points.into_iter().map(|(at, value)| Point { at, value }).collect();
            let window = Window {
                until: Timestamp::from_millis(until),
                settle: settle.map(|seconds| Duration::from_secs(seconds.into())),
                max_age: None,
            };
            for (_, reduce) in NAMED {
                let found = reduce.apply(points.iter().copied(), step, &window);
                prop_assert!(found.is_none_or(|value| value.value.is_finite()));
            }
        }
    }
}
