//! Values of a series as promtool's unit tests write them, one for each
//! evaluation: `5`, `5x3`, `1+2x3`, `_`, `_x3`; and `-`, `-x3` for a series that
//! is absent from the answer.
//!
//! Runs are kept as they are written: a week of values costs no more than a word.

/// What an answer shows of a series at one index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shown {
    /// A value.
    Value(f64),
    /// Null: the series is there, without a value.
    Null,
    /// The series is not in the answer.
    Absent,
}

/// The values of one series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values {
    runs: Vec<Run>,
    count: usize,
}

/// Several values that follow from one word.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    /// Index of its first value.
    start: usize,
    first: Shown,
    step: f64,
}

/// A word that is no value: its 1-based column, and what is wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// In characters of the text.
    pub column: usize,
    /// For people.
    pub why: String,
}

/// Values that a series may have.
const MOST: usize = 1_000_000;

impl Values {
    /// Reads words that are parted by blanks.
    ///
    /// # Errors
    /// Names the first word that is no value.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut values = Self::default();
        for word in text.split_whitespace() {
            // a word is a part of the text, so this is where it stands
            let offset = (word.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
            let before = text.get(..offset).unwrap_or_default();
            let fault = |why| Fault {
                column: before.chars().count() + 1,
                why,
            };
            let (first, step, count) = parse_word(word).map_err(fault)?;
            values.runs.push(Run {
                start: values.count,
                first,
                step,
            });
            values.count = values.count.saturating_add(count);
            if values.count > MOST {
                return Err(fault(format!("more than {MOST} values; write fewer")));
            }
        }
        Ok(values)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What is shown at `index`; after the last value the series is absent.
    pub fn at(&self, index: usize) -> Shown {
        if index >= self.count {
            return Shown::Absent;
        }
        let after = self.runs.partition_point(|run| run.start <= index);
        let Some(run) = after.checked_sub(1).and_then(|at| self.runs.get(at)) else {
            return Shown::Absent;
        };
        match run.first {
            Shown::Value(first) => {
                let steps = u32::try_from(index - run.start).unwrap_or(u32::MAX);
                Shown::Value(first + run.step * f64::from(steps))
            }
            other => other,
        }
    }
}

/// The first value of a word, the step to the next, and how many there are.
fn parse_word(word: &str) -> Result<(Shown, f64, usize), String> {
    let fault = || {
        format!(
            "`{word}` is no value; write `5`, `5x3` (5 and 3 more), `1+2x3`, `9-2x3`, `_` or `_x3` (null), `-` or `-x3` (absent)"
        )
    };
    for (sign, shown) in [("_", Shown::Null), ("-", Shown::Absent)] {
        match word.strip_prefix(sign) {
            Some("") => return Ok((shown, 0.0, 1)),
            Some(rest) if rest.starts_with('x') => {
                let times = times(rest).filter(|times| *times > 0).ok_or_else(fault)?;
                return Ok((shown, 0.0, times));
            }
            _ => {}
        }
    }
    let (first, rest) = number(word).ok_or_else(fault)?;
    if rest.is_empty() {
        return Ok((Shown::Value(first), 0.0, 1));
    }
    let (step, rest) = match rest.starts_with('x') {
        true => (0.0, rest),
        false if rest.starts_with(['+', '-']) => number(rest).ok_or_else(fault)?,
        false => return Err(fault()),
    };
    let more = times(rest).ok_or_else(fault)?;
    Ok((Shown::Value(first), step, more.saturating_add(1)))
}

/// `x3`
fn times(text: &str) -> Option<usize> {
    let digits = text.strip_prefix('x')?;
    let plain = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
    plain.then(|| digits.parse().unwrap_or(usize::MAX))
}

/// A number at the beginning of `text`, and what follows it.
fn number(text: &str) -> Option<(f64, &str)> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = match text.starts_with('-') {
        true => -1.0,
        false => 1.0,
    };
    for (word, value) in [("nan", f64::NAN), ("inf", f64::INFINITY)] {
        if let Some((head, rest)) = unsigned.split_at_checked(word.len())
            && head.eq_ignore_ascii_case(word)
        {
            return Some((sign * value, rest));
        }
    }
    let digits =
        |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let mut end = digits(unsigned);
    if unsigned.get(end..)?.starts_with('.') {
        end += 1 + digits(unsigned.get(end + 1..)?);
    }
    let rest = unsigned.get(end..)?;
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let number = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let length = digits(number);
        if length > 0 {
            end += 1 + (exponent.len() - number.len()) + length;
        }
    }
    let (number, rest) = unsigned.split_at_checked(end)?;
    let value: f64 = number.parse().ok()?;
    Some((sign * value, rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: &[&str]) {
        let values = Values::parse(text).unwrap();
        let shown: Vec<String> = (0..values.len())
            .map(|index| match values.at(index) {
                Shown::Value(value) => value.to_string(),
                Shown::Null => "_".to_owned(),
                Shown::Absent => "-".to_owned(),
            })
            .collect();
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn a_value_stands_for_itself_and_for_as_many_more_as_it_says() {
        check("5", &["5"]);
        check("5x3", &["5", "5", "5", "5"]);
        check("5x0", &["5"]);
        check("1 2\n 3", &["1", "2", "3"]);
    }

    #[test]
    fn steps_are_added_and_taken_off() {
        check("1+2x3", &["1", "3", "5", "7"]);
        check("9-2x3", &["9", "7", "5", "3"]);
        check("-2+4x3", &["-2", "2", "6", "10"]);
        check("-1-1x1", &["-1", "-2"]);
        check("0.5+0.25x2", &["0.5", "0.75", "1"]);
        check("1e3-1e2x1", &["1000", "900"]);
        check("1e-1x1", &["0.1", "0.1"]);
    }

    #[test]
    fn nulls_and_absences_are_counted_from_one() {
        check("_ _x2 - -x2", &["_", "_", "_", "-", "-", "-"]);
    }

    #[test]
    fn what_is_no_number_to_a_judge_can_be_shown() {
        check("NaN inf -Inf", &["NaN", "inf", "-inf"]);
    }

    #[test]
    fn after_the_last_value_the_series_is_absent() {
        let values = Values::parse("5x1").unwrap();
        assert_eq!(values.at(1), Shown::Value(5.0));
        assert_eq!(values.at(2), Shown::Absent);
    }

    #[test]
    fn the_first_word_that_is_no_value_is_named_with_its_column() {
        for (text, column) in [
            ("1 2y3", 3),
            ("1+2", 1),
            ("1 x3", 3),
            ("_x0", 1),
            ("-x", 1),
            ("5x-1", 1),
            ("é 1", 1),
            ("1x99999999999999999999", 1),
            ("1.2.3", 1),
            ("stale", 1),
        ] {
            assert_eq!(Values::parse(text).unwrap_err().column, column, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_ends_in_values_or_a_fault_within_it(text in "[-+_x0-9.eEnaif \u{e9}]{0,30}") {
            match Values::parse(&text) {
                Ok(values) => prop_assert_eq!(values.at(values.len()), Shown::Absent),
                Err(fault) => prop_assert!(fault.column <= text.chars().count()),
            }
        }
    }
}
