//! Sets of values, as thresholds of other programs describe them, and the one
//! condition of ours that holds for exactly these values.
//!
//! A set is made of half-open pieces of the line of all numbers, cut just before
//! or just after a number, so that `>` and `>=` stay apart and joining, cutting
//! and turning round are exact. It knows no program and no YAML.

use std::cmp::Ordering;
use std::rc::Rc;

/// A set of values.
#[derive(Clone, Debug, PartialEq)]
pub struct Region(Vec<Piece>);

/// All values from one cut up to another that lies after it.
#[derive(Clone, Debug, PartialEq)]
struct Piece {
    from: Cut,
    to: Cut,
}

/// A place between numbers: just before or just after one.
#[derive(Clone, Debug)]
struct Cut {
    /// Infinite at the ends of the line.
    at: f64,
    after: bool,
    /// The number as it may be written.
    text: Rc<str>,
}

/// A finite number and how it may be written in a condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// Its value.
    pub value: f64,
    /// With a unit, perhaps.
    pub text: String,
}

/// How a value is compared with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

/// What condition holds for exactly the values of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// For no value any does.
    Never,
    /// For all values, which no condition says.
    Always,
    /// This one.
    Condition {
        /// As `warning` and `critical` take it.
        text: String,
        /// How much there is to read: 1 for one number, 2 for a range, [`MOVED`] where an end of it had to be moved.
        length: u8,
    },
    /// None: it has gaps.
    None,
}

/// The length of a range of which an end is the number next to the one that was meant.
pub const MOVED: u8 = 3;

impl Number {
    /// A number as it is written shortest.
    pub fn plain(value: f64) -> Self {
        Self {
            value: value + 0.0,
            text: shortest(value),
        }
    }
}

/// `20`, `0.5`, `1e30`.
pub fn shortest(value: f64) -> String {
    // adding zero turns -0 into 0
    let plain = format!("{}", value + 0.0);
    match plain.len() {
        0..=20 => plain,
        _ => format!("{value:e}"),
    }
}

impl Comparison {
    /// Reads `>`, `>=`, `<`, `<=`, `==`, `!=`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            ">" => Self::Above,
            ">=" => Self::AtLeast,
            "<" => Self::Below,
            "<=" => Self::AtMost,
            "==" => Self::Equal,
            "!=" => Self::NotEqual,
            _ => return None,
        })
    }

    /// The comparison that holds with its sides exchanged: `5 < x` is `x > 5`.
    #[must_use]
    pub fn turned(self) -> Self {
        match self {
            Self::Above => Self::Below,
            Self::AtLeast => Self::AtMost,
            Self::Below => Self::Above,
            Self::AtMost => Self::AtLeast,
            same => same,
        }
    }

    /// Says whether it holds between two numbers.
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Above => left > right,
            Self::AtLeast => left >= right,
            Self::Below => left < right,
            Self::AtMost => left <= right,
            // exact on purpose, as the programs compare
            Self::Equal => left == right,
            Self::NotEqual => left != right,
        }
    }
}

impl Cut {
    fn at(number: &Number, after: bool) -> Self {
        Self {
            at: number.value + 0.0,
            after,
            text: Rc::from(&*number.text),
        }
    }

    fn end(at: f64) -> Self {
        Self {
            at,
            after: at > 0.0,
            text: Rc::from(""),
        }
    }
}

impl PartialEq for Cut {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Cut {}

impl PartialOrd for Cut {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Cut {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at
            .total_cmp(&other.at)
            .then(self.after.cmp(&other.after))
    }
}

impl Region {
    /// No value.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// Every value.
    pub fn all() -> Self {
        Self::piece(Cut::end(f64::NEG_INFINITY), Cut::end(f64::INFINITY))
    }

    /// All or nothing.
    pub fn constant(holds: bool) -> Self {
        match holds {
            true => Self::all(),
            false => Self::none(),
        }
    }

    fn piece(from: Cut, to: Cut) -> Self {
        match from < to {
            true => Self(vec![Piece { from, to }]),
            false => Self::none(),
        }
    }

    /// The values that compare so with `number`.
    pub fn of(comparison: Comparison, number: &Number) -> Self {
        let (before, after) = (Cut::at(number, false), Cut::at(number, true));
        let (low, high) = (Cut::end(f64::NEG_INFINITY), Cut::end(f64::INFINITY));
        match comparison {
            Comparison::Above => Self::piece(after, high),
            Comparison::AtLeast => Self::piece(before, high),
            Comparison::Below => Self::piece(low, before),
            Comparison::AtMost => Self::piece(low, after),
            Comparison::Equal => Self::piece(before, after),
            Comparison::NotEqual => Self::piece(before, after).not(),
        }
    }

    /// Says whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All values that are not in it.
    #[must_use]
    pub fn not(&self) -> Self {
        let mut pieces = Vec::new();
        let mut from = Cut::end(f64::NEG_INFINITY);
        for piece in &self.0 {
            if from < piece.from {
                pieces.push(Piece {
                    from,
                    to: piece.from.clone(),
                });
            }
            from = piece.to.clone();
        }
        let to = Cut::end(f64::INFINITY);
        if from < to {
            pieces.push(Piece { from, to });
        }
        Self(pieces)
    }

    /// The values of both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        self.not().or(&other.not()).not()
    }

    /// The values of either.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let mut pieces: Vec<Piece> = self.0.iter().chain(&other.0).cloned().collect();
        pieces.sort_by(|a, b| a.from.cmp(&b.from));
        let mut joined: Vec<Piece> = Vec::new();
        for piece in pieces {
            match joined.last_mut() {
                Some(last) if piece.from <= last.to => {
                    if last.to < piece.to {
                        last.to = piece.to;
                    }
                }
                _ => joined.push(piece),
            }
        }
        Self(joined)
    }

    /// The values that are not in `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        self.and(&other.not())
    }

    /// The condition that holds for exactly its values.
    pub fn written(&self) -> Written {
        let (low, high) = (Cut::end(f64::NEG_INFINITY), Cut::end(f64::INFINITY));
        match self.0.as_slice() {
            [] => Written::Never,
            [piece] => match (piece.from == low, piece.to == high) {
                (true, true) => Written::Always,
                (true, false) => one(if piece.to.after { "<=" } else { "<" }, &piece.to),
                (false, true) => one(if piece.from.after { ">" } else { ">=" }, &piece.from),
                (false, false) => between(piece, "==", "inside", Written::Never),
            },
            [first, last] if first.from == low && last.to == high => {
                let gap = Piece {
                    from: first.to.clone(),
                    to: last.from.clone(),
                };
                between(&gap, "!=", "outside", Written::Always)
            }
            _ => Written::None,
        }
    }
}

fn one(operator: &str, cut: &Cut) -> Written {
    Written::Condition {
        text: format!("{operator} {}", cut.text),
        length: 1,
    }
}

/// A range that holds its ends; where `piece` does not hold them, the numbers next to them are its ends.
fn between(piece: &Piece, point: &str, range: &str, nothing: Written) -> Written {
    if piece.from.at.total_cmp(&piece.to.at).is_eq() {
        return one(point, &piece.from);
    }
    let low = match piece.from.after {
        true => piece.from.at.next_up(),
        false => piece.from.at,
    };
    let high = match piece.to.after {
        true => piece.to.at,
        false => piece.to.at.next_down(),
    };
    if low > high {
        return nothing;
    }
    let moved = piece.from.after || !piece.to.after;
    let text = |cut: &Cut, moved: bool, value: f64| match moved {
        true => shortest(value),
        false => cut.text.to_string(),
    };
    Written::Condition {
        text: format!(
            "{range} {}..{}",
            text(&piece.from, piece.from.after, low),
            text(&piece.to, !piece.to.after, high)
        ),
        length: if moved { MOVED } else { 2 },
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
    use crate::alert::condition::{self, Written as Yaml};
    use proptest::prelude::*;

    fn set(comparison: &str, value: f64) -> Region {
        Region::of(
            Comparison::parse(comparison).unwrap(),
            &Number::plain(value),
        )
    }

    #[track_caller]
    fn check(region: &Region, expected: &str) {
        match region.written() {
            Written::Condition { text, .. } => assert_eq!(text, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }

    #[test]
    fn one_comparison_is_itself() {
        for comparison in [">", ">=", "<", "<=", "==", "!="] {
            check(&set(comparison, 5.0), &format!("{comparison} 5"));
            check(&set(comparison, -0.0), &format!("{comparison} 0"));
        }
    }

    #[test]
    fn two_comparisons_are_a_range() {
        check(&set(">=", 10.0).and(&set("<=", 20.0)), "inside 10..20");
        check(&set("<", 10.0).or(&set(">", 20.0)), "outside 10..20");
        check(&set("<", 10.0).or(&set(">", 10.0)), "!= 10");
        check(&set("<=", 10.0).or(&set("<", 5.0)), "<= 10");
    }

    #[test]
    fn ends_that_do_not_belong_are_replaced_by_the_next_number() {
        check(
            &set(">", 10.0).and(&set("<", 20.0)),
            "inside 10.000000000000002..19.999999999999996",
        );
        check(
            &set("<=", 1.0).or(&set(">=", 5.0)),
            "outside 1.0000000000000002..4.999999999999999",
        );
    }

    #[test]
    fn all_nothing_and_gaps_have_no_condition() {
        assert_eq!(set("<", 5.0).and(&set(">", 5.0)).written(), Written::Never);
        assert_eq!(set("<", 5.0).or(&set(">=", 5.0)).written(), Written::Always);
        let gaps = set("==", 1.0).or(&set("==", 3.0));
        assert_eq!(gaps.written(), Written::None);
    }

    #[test]
    fn units_stay() {
        let number = Number {
            value: 1024.0,
            text: "1KiB".to_owned(),
        };
        check(&Region::of(Comparison::Above, &number), "> 1KiB");
        check(
            &Region::of(Comparison::AtLeast, &number).and(&set("<=", 2048.0)),
            "inside 1KiB..2048",
        );
    }

    /// The condition as the configuration reads it.
    fn judged(text: &str) -> crate::alert::Condition {
        let written = Yaml::Text(text.to_owned());
        condition::conditions("x", None, Some(&written), None)
            .unwrap()
            .critical
            .unwrap()
    }

    fn comparison() -> impl Strategy<Value = (Comparison, f64)> {
        let comparisons =
            [">", ">=", "<", "<=", "==", "!="].map(|text| Comparison::parse(text).unwrap());
        (
            prop::sample::select(comparisons.to_vec()),
            prop_oneof![(-4..5).prop_map(f64::from), -1e9..1e9_f64],
        )
    }

    proptest! {
        #[test]
        fn what_is_written_holds_for_exactly_these_values(
            parts in prop::collection::vec((comparison(), any::<bool>()), 1..4),
            probes in prop::collection::vec(-1e9..1e9_f64, 4),
        ) {
            let mut region: Option<Region> = None;
            let mut expected: Vec<Box<dyn Fn(f64, bool) -> bool>> = Vec::new();
            for ((comparison, value), and) in parts.clone() {
                let part = Region::of(comparison, &Number::plain(value));
                region = Some(match region {
                    None => part,
                    Some(before) if and => before.and(&part),
                    Some(before) => before.or(&part),
                });
                let first = expected.is_empty();
                expected.push(Box::new(move |x, so_far| match (first, and) {
                    (true, _) => comparison.holds(x, value),
                    (false, true) => so_far && comparison.holds(x, value),
                    (false, false) => so_far || comparison.holds(x, value),
                }));
            }
            let Written::Condition { text, .. } = region.unwrap().written() else { return Ok(()) };
            let condition = judged(&text);
            let near = parts.iter().flat_map(|((_, value), _)| [value.next_down(), *value, value.next_up()]);
            for value in near.chain(probes) {
                let wanted = expected.iter().fold(false, |so_far, part| part(value, so_far));
                prop_assert_eq!(condition.holds(value), wanted, "{} at {}", text, value);
            }
        }
    }
}
