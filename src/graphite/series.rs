//! One series of an answer, as the decoders hand it on: borrowed, unread.
//!
//! A window is read lazily and from both ends, so that whoever wants the newest
//! point alone pays for that alone. Nothing here knows a wire format's framing:
//! `raw.rs` and `json.rs` cut answers into series, this file reads points.
//!
//! Invariant: a value that is no number is never read as null. The iterator has
//! no way to fail, so it ends there and raises the flag that the decoder looks
//! at when the sink returns; the whole fetch then fails.

use std::borrow::Cow;
use std::cell::Cell;

use crate::alert::Point;

/// One series of an answer, valid until the sink returns.
#[derive(Clone, Debug)]
pub struct Series<'a> {
    /// Its name as Graphite shows it in a legend; invalid UTF-8 is replaced.
    pub legend: Cow<'a, str>,
    /// Seconds from point to point; `None` where the format does not say (json).
    pub step: Option<i64>,
    /// Its window, oldest point first.
    pub points: Points<'a>,
}

/// The points of a series, in the order in which the server gave them.
///
/// Null and NaN are points with the value NaN; infinities stay infinite.
#[derive(Clone, Debug)]
pub struct Points<'a>(Inner<'a>);

#[derive(Clone, Debug)]
enum Inner<'a> {
    Raw(RawPoints<'a>),
    Pairs(std::slice::Iter<'a, Point>),
}

/// The part `v,v,...` of a raw line.
#[derive(Clone, Debug)]
struct RawPoints<'a> {
    /// What has not been read from either end, without the commas at its ends.
    rest: &'a [u8],
    /// Number of values in `rest`.
    left: usize,
    /// Time of the first value in `rest`.
    front: i64,
    step: i64,
    corrupt: &'a Cell<bool>,
}

impl<'a> Points<'a> {
    /// Points that have been read already.
    pub fn from_slice(points: &'a [Point]) -> Self {
        Self(Inner::Pairs(points.iter()))
    }

    /// `count` values separated by commas, the first of them at `start`.
    pub(super) fn from_raw(
        values: &'a [u8],
        count: usize,
        start: i64,
        step: i64,
        corrupt: &'a Cell<bool>,
    ) -> Self {
        Self(Inner::Raw(RawPoints {
            rest: values,
            left: count,
            front: start,
            step,
            corrupt,
        }))
    }
}

impl Iterator for Points<'_> {
    type Item = Point;

    fn next(&mut self) -> Option<Point> {
        match &mut self.0 {
            Inner::Raw(raw) => raw.next(),
            Inner::Pairs(points) => points.next().copied(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            // Zero below: a corrupt value ends the iteration.
            Inner::Raw(raw) => (0, Some(raw.left)),
            Inner::Pairs(points) => points.size_hint(),
        }
    }
}

impl DoubleEndedIterator for Points<'_> {
    fn next_back(&mut self) -> Option<Point> {
        match &mut self.0 {
            Inner::Raw(raw) => raw.next_back(),
            Inner::Pairs(points) => points.next_back().copied(),
        }
    }
}

impl RawPoints<'_> {
    fn next(&mut self) -> Option<Point> {
        self.left = self.left.checked_sub(1)?;
        let (field, rest) = match memchr::memchr(b',', self.rest) {
            Some(comma) => split_around(self.rest, comma),
            None => (self.rest, self.rest.get(..0).unwrap_or_default()),
        };
        let at = self.front;
        self.rest = rest;
        self.front = self.front.saturating_add(self.step);
        self.read(field, at)
    }

    fn next_back(&mut self) -> Option<Point> {
        self.left = self.left.checked_sub(1)?;
        let (rest, field) = match memchr::memrchr(b',', self.rest) {
            Some(comma) => split_around(self.rest, comma),
            None => (self.rest.get(..0).unwrap_or_default(), self.rest),
        };
        // as the other end counts it, whatever a server calls a step
        let ahead = i128::from(self.step).saturating_mul(i128::try_from(self.left).unwrap_or(0));
        let at = i64::try_from(ahead.saturating_add(i128::from(self.front))).unwrap_or(i64::MAX);
        self.rest = rest;
        self.read(field, at)
    }

    fn read(&mut self, field: &[u8], at: i64) -> Option<Point> {
        let value = value(field);
        if value.is_none() {
            self.corrupt.set(true);
            self.left = 0;
        }
        value.map(|value| Point { at, value })
    }
}

/// What stands before and after the byte at `place`.
pub(super) fn split_around(bytes: &[u8], place: usize) -> (&[u8], &[u8]) {
    let (before, from) = bytes.split_at_checked(place).unwrap_or((bytes, &[]));
    (before, from.get(1..).unwrap_or_default())
}

/// One value as servers write it in raw; `None` where it is no number at all.
///
/// Python's and Go's spellings: `12`, `1.5`, `1e-07`, `5L` (Python 2), `None`,
/// `nan`, `inf`, `-inf`, `+Inf`. A number too large for a float is infinite.
pub(super) fn value(field: &[u8]) -> Option<f64> {
    let (&first, unsigned) = field.split_first()?;
    match first {
        b'0'..=b'9' => number(field),
        b'-' => match unsigned.first()? {
            b'0'..=b'9' => number(field),
            _ => infinity(unsigned)
                .map(|value| -value)
                .or_else(|| nan(unsigned)),
        },
        b'+' => match unsigned.first()? {
            b'0'..=b'9' => number(unsigned),
            _ => infinity(unsigned).or_else(|| nan(unsigned)),
        },
        _ => nan(field)
            .or_else(|| infinity(field))
            .or_else(|| field.eq_ignore_ascii_case(b"none").then_some(f64::NAN)),
    }
}

fn number(field: &[u8]) -> Option<f64> {
    match fast_float2::parse::<f64, _>(field) {
        Ok(value) => Some(value),
        // Python 2 writes a long integer so.
        Err(_) => {
            let digits = field.strip_suffix(b"L")?;
            let all_digits = digits
                .strip_prefix(b"-")
                .unwrap_or(digits)
                .iter()
                .all(u8::is_ascii_digit);
            all_digits
                .then(|| fast_float2::parse::<f64, _>(digits).ok())
                .flatten()
        }
    }
}

fn nan(field: &[u8]) -> Option<f64> {
    field.eq_ignore_ascii_case(b"nan").then_some(f64::NAN)
}

fn infinity(field: &[u8]) -> Option<f64> {
    (field.eq_ignore_ascii_case(b"inf") || field.eq_ignore_ascii_case(b"infinity"))
        .then_some(f64::INFINITY)
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

    fn check(field: &str, expected: f64) {
        let read = value(field.as_bytes()).unwrap_or_else(|| panic!("`{field}` is no number"));
        assert_eq!(read.to_bits(), expected.to_bits(), "`{field}`");
    }

    #[test]
    fn numbers_are_read_as_python_and_go_write_them() {
        check("0", 0.0);
        check("12", 12.0);
        check("12.0", 12.0);
        check("-3.25", -3.25);
        check("+4", 4.0);
        check("1e5", 1e5);
        check("1e-07", 1e-7);
        check("1.7976931348623157e+308", f64::MAX);
        check("5L", 5.0);
        check("-5L", -5.0);
        check("123456789012345678901234567890", 1.2345678901234568e29);
    }

    #[test]
    fn nulls_and_nans_are_nan() {
        for field in ["None", "nan", "NaN", "-nan"] {
            assert!(value(field.as_bytes()).unwrap().is_nan(), "`{field}`");
        }
    }

    #[test]
    fn infinities_keep_their_sign() {
        for field in ["inf", "+inf", "Inf", "+Inf", "Infinity", "1e9999"] {
            check(field, f64::INFINITY);
        }
        for field in ["-inf", "-Inf", "-Infinity", "-1e9999"] {
            check(field, f64::NEG_INFINITY);
        }
    }

    #[test]
    fn what_is_no_number_is_not_null() {
        for field in [
            "", "-", "+", "1.2.3", "1-2", "Non", "nane", "L", "1.5L", "e5", "0x10", "1 ", " 1",
            "<p>", "--1", "5LL", "true", "null ", "1e", "+-1",
        ] {
            assert_eq!(value(field.as_bytes()), None, "`{field}`");
        }
    }

    fn raw<'a>(values: &'a str, corrupt: &'a Cell<bool>) -> Points<'a> {
        let count = if values.is_empty() {
            0
        } else {
            values.split(',').count()
        };
        Points::from_raw(values.as_bytes(), count, 600, 60, corrupt)
    }

    #[test]
    fn points_are_the_same_from_both_ends() {
        let corrupt = Cell::new(false);
        let points = raw("1,None,-2.5,4", &corrupt);
        let forward: Vec<_> = points.clone().map(|p| (p.at, p.value.to_bits())).collect();
        let mut backward: Vec<_> = points.rev().map(|p| (p.at, p.value.to_bits())).collect();
        backward.reverse();
        assert_eq!(forward, backward);
        assert_eq!(
            forward.iter().map(|p| p.0).collect::<Vec<_>>(),
            [600, 660, 720, 780]
        );
        assert!(!corrupt.get());
    }

    #[test]
    fn ends_meet_in_the_middle() {
        let corrupt = Cell::new(false);
        let mut points = raw("1,2,3", &corrupt);
        assert_eq!(points.next().unwrap().value, 1.0);
        assert_eq!(points.next_back().unwrap().value, 3.0);
        assert_eq!(
            points.next_back().unwrap(),
            Point {
                at: 660,
                value: 2.0
            }
        );
        assert_eq!(points.next(), None);
        assert_eq!(points.next_back(), None);
    }

    #[test]
    fn no_values_are_no_points() {
        let corrupt = Cell::new(false);
        assert_eq!(raw("", &corrupt).count(), 0);
        assert_eq!(raw("", &corrupt).next_back(), None);
    }

    #[test]
    fn a_corrupt_value_ends_the_points_and_is_flagged() {
        let corrupt = Cell::new(false);
        let mut points = raw("1,2.2.2,3", &corrupt);
        assert_eq!(points.next_back().unwrap().value, 3.0);
        assert!(!corrupt.get());
        assert_eq!(points.next_back(), None);
        assert!(corrupt.get());
        assert_eq!(points.next(), None);
    }
}
