//! One threshold: how a condition is written and when it holds.
//!
//! A string says itself which values it means (`"> 90"`, `"inside 10..20"`); a
//! plain number does not, and waits for the direction that `thresholds.rs`
//! finds by looking at all keys of an alert. It knows no YAML.
//!
//! Invariant: every number in a condition is finite, so a finite value always
//! has an answer.

use std::fmt;

use super::quantity::{Quantity, shortest};

pub use super::thresholds::{Conditions, Fault, conditions};

/// A threshold as judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    test: Test,
    text: String,
}

/// What is compared with the value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Test {
    Above(f64),
    AtLeast(f64),
    Below(f64),
    AtMost(f64),
    Equal(f64),
    NotEqual(f64),
    /// Ends included, the first not above the second.
    Inside(f64, f64),
    Outside(f64, f64),
}

/// What a threshold key holds in YAML, before direction is known.
#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    /// A YAML number.
    Number(f64),
    /// A YAML string.
    Text(String),
}

/// Which side is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// High values are bad.
    High,
    /// Low values are bad.
    Low,
}

impl Condition {
    /// The condition whose line, or lines, were written as `operand`.
    pub(super) fn new(test: Test, operand: &str) -> Self {
        Self {
            test,
            text: format!("{} {operand}", test.operator()),
        }
    }

    /// Says whether the condition holds for `value` (finite).
    pub fn holds(&self, value: f64) -> bool {
        match self.test {
            Test::Above(line) => value > line,
            Test::AtLeast(line) => value >= line,
            Test::Below(line) => value < line,
            Test::AtMost(line) => value <= line,
            // exact on purpose: such conditions are for states and counts
            Test::Equal(line) => value == line,
            Test::NotEqual(line) => value != line,
            Test::Inside(low, high) => (low..=high).contains(&value),
            Test::Outside(low, high) => !(low..=high).contains(&value),
        }
    }

    /// The numbers to draw as lines in a graph: one, or two for inside and outside.
    pub fn lines(&self) -> Vec<f64> {
        match self.test {
            Test::Inside(low, high) | Test::Outside(low, high) => vec![low, high],
            Test::Above(line)
            | Test::AtLeast(line)
            | Test::Below(line)
            | Test::AtMost(line)
            | Test::Equal(line)
            | Test::NotEqual(line) => vec![line],
        }
    }

    /// The bad side; `None` for the conditions that have none (`==`, `inside`, ...).
    pub fn direction(&self) -> Option<Direction> {
        match self.test {
            Test::Above(_) | Test::AtLeast(_) => Some(Direction::High),
            Test::Below(_) | Test::AtMost(_) => Some(Direction::Low),
            Test::Equal(_) | Test::NotEqual(_) | Test::Inside(..) | Test::Outside(..) => None,
        }
    }

    /// Says whether it means the same as `other`, however the two are written.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        self.test == other.test
    }
}

impl fmt::Display for Condition {
    /// Writes `>= 20`, `< 200MB`, `inside 10..20`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Test {
    fn operator(self) -> &'static str {
        match self {
            Self::Above(_) => ">",
            Self::AtLeast(_) => ">=",
            Self::Below(_) => "<",
            Self::AtMost(_) => "<=",
            Self::Equal(_) => "==",
            Self::NotEqual(_) => "!=",
            Self::Inside(..) => "inside",
            Self::Outside(..) => "outside",
        }
    }
}

/// One key, read but not yet seen beside the others.
#[derive(Clone, Debug)]
pub(super) enum Threshold {
    /// Needs a direction.
    Number(Quantity),
    /// Says it itself.
    Explicit(Condition),
}

impl Threshold {
    /// Reads a number or a condition; the error says why it is neither.
    pub(super) fn read(written: &Written) -> Result<Self, String> {
        match written {
            Written::Number(value) if value.is_finite() => Ok(Self::Number(Quantity {
                value: *value,
                text: shortest(*value),
                unit: false,
            })),
            Written::Number(_) => Err("not a finite number".to_owned()),
            Written::Text(text) => Self::parse(text.trim()),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        for (operator, test) in ONE_LINE {
            if let Some(operand) = text.strip_prefix(operator) {
                let line = Quantity::parse(operand)?;
                return Ok(Self::Explicit(Condition::new(test(line.value), &line.text)));
            }
        }
        for (operator, test) in TWO_LINES {
            if let Some(operand) = text.strip_prefix(operator) {
                let (low, high) = range(operand)?;
                let test = test(low.value, high.value);
                return Ok(Self::Explicit(Condition::new(
                    test,
                    &format!("{}..{}", low.text, high.text),
                )));
            }
        }
        let mut number = Quantity::parse(text)?;
        if !number.unit {
            number.text = shortest(number.value);
        }
        Ok(Self::Number(number))
    }

    /// The bad side, where it says it itself.
    pub(super) fn direction(&self) -> Option<Direction> {
        match self {
            Self::Number(_) => None,
            Self::Explicit(condition) => condition.direction(),
        }
    }

    /// The condition, a number taking `direction`.
    pub(super) fn towards(self, direction: Direction) -> Condition {
        match (self, direction) {
            (Self::Explicit(condition), _) => condition,
            (Self::Number(number), Direction::High) => {
                Condition::new(Test::AtLeast(number.value), &number.text)
            }
            (Self::Number(number), Direction::Low) => {
                Condition::new(Test::AtMost(number.value), &number.text)
            }
        }
    }
}

type OneLine = fn(f64) -> Test;
type TwoLines = fn(f64, f64) -> Test;

/// The longer of two that begin alike stands first.
const ONE_LINE: [(&str, OneLine); 6] = [
    (">=", Test::AtLeast),
    ("<=", Test::AtMost),
    ("==", Test::Equal),
    ("!=", Test::NotEqual),
    (">", Test::Above),
    ("<", Test::Below),
];

const TWO_LINES: [(&str, TwoLines); 2] = [("inside", Test::Inside), ("outside", Test::Outside)];

/// Reads `10..20`; each end may carry a unit.
fn range(text: &str) -> Result<(Quantity, Quantity), String> {
    let Some((low, high)) = text.split_once("..") else {
        return Err("expected two ends with `..` between them".to_owned());
    };
    let (low, high) = (Quantity::parse(low)?, Quantity::parse(high)?);
    if low.value > high.value {
        return Err(format!(
            "the lower end comes first: expected `{}..{}`",
            high.text, low.text
        ));
    }
    Ok((low, high))
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

    fn explicit(written: &str) -> Condition {
        match Threshold::read(&Written::Text(written.to_owned())) {
            Ok(Threshold::Explicit(condition)) => condition,
            other => panic!("{written}: {other:?}"),
        }
    }

    #[test]
    fn every_operator_judges_its_line() {
        for (condition, below, on, above) in [
            ("> 90", false, false, true),
            (">= 90", false, true, true),
            ("< 90", true, false, false),
            ("<= 90", true, true, false),
            ("== 90", false, true, false),
            ("!= 90", true, false, true),
        ] {
            let parsed = explicit(condition);
            assert_eq!(parsed.to_string(), condition);
            assert_eq!(
                [parsed.holds(89.9), parsed.holds(90.0), parsed.holds(90.1)],
                [below, on, above],
                "{condition}"
            );
        }
    }

    #[test]
    fn inside_includes_its_ends_and_outside_is_its_opposite() {
        let (inside, outside) = (explicit("inside -10..20"), explicit("outside -10..20"));
        for (value, within) in [
            (-10.1, false),
            (-10.0, true),
            (5.0, true),
            (20.0, true),
            (20.1, false),
        ] {
            assert_eq!(inside.holds(value), within, "inside {value}");
            assert_eq!(outside.holds(value), !within, "outside {value}");
        }
    }

    #[test]
    fn units_change_the_value_and_stay_in_the_text() {
        for (written, shown, line) in [
            (">= 1.5K", ">= 1.5K", 1500.0),
            ("<200MB", "< 200MB", 2e8),
            ("> 1 MiB", "> 1MiB", 1_048_576.0),
            ("> 2m", "> 2m", 120.0),
            ("> 2M", "> 2M", 2e6),
            ("> 5ms", "> 5ms", 0.005),
            ("> 90%", "> 90%", 90.0),
            ("> -1e3", "> -1e3", -1000.0),
        ] {
            let condition = explicit(written);
            assert_eq!(condition.to_string(), shown);
            assert_eq!(condition.lines(), [line], "{written}");
        }
    }

    #[test]
    fn the_ends_of_a_range_carry_units() {
        let condition = explicit("inside  1K .. 2M");
        assert_eq!(condition.to_string(), "inside 1K..2M");
        assert_eq!(condition.lines(), [1e3, 2e6]);
        assert_eq!(explicit("outside .5..1.5").lines(), [0.5, 1.5]);
        // a point beside the dots would make another range of it
        assert_eq!(explicit("inside -.5K .. 8.").to_string(), "inside -0.5K..8");
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(
            operator in prop::sample::select(vec![">", ">=", "<", "<=", "==", "!="]),
            value in -1e12..1e12_f64,
        ) {
            let condition = explicit(&format!("{operator}{value}"));
            prop_assert_eq!(explicit(&condition.to_string()), condition);
        }

        #[test]
        fn a_shown_range_reads_back(low in -1e6..1e6_f64, width in 0.0..1e6_f64) {
            let condition = explicit(&format!("outside {low}..{}", low + width));
            prop_assert_eq!(explicit(&condition.to_string()), condition);
        }
    }
}
