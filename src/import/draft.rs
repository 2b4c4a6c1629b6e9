//! What was found in a foreign file, before it is written: alerts as they would
//! be here, what of them has no equal, and what could not be taken at all.

use std::time::Duration;

use super::region::{MOVED, Region, Written};
use super::yaml::Value;
use crate::alert::duration;

/// Everything that a file holds.
#[derive(Debug, Default)]
pub struct Found {
    /// In file order.
    pub items: Vec<Item>,
    /// How the origin differs from here, whatever the file says.
    pub differences: Vec<String>,
    /// What stands in the file beside its alerts and has no equal here.
    pub lost: Vec<String>,
    /// What stands beside its alerts and would be settings here: lines of YAML, shown as a comment.
    pub settings: Vec<String>,
}

/// One alert of the file.
#[derive(Debug)]
pub enum Item {
    /// It can be said here.
    Taken(Draft),
    /// It cannot.
    Refused(Refused),
}

/// An alert as it would be here.
#[derive(Debug, Default)]
pub struct Draft {
    /// Its name.
    pub name: String,
    /// Where it stood, where a name does not say that: `line 12`.
    pub place: Option<String>,
    /// Its keys, in the order in which they are written.
    pub keys: Vec<(&'static str, Value)>,
    /// What of it has no equal, or means something else here.
    pub remarks: Vec<String>,
    /// Whether an end of a range had to be replaced by the number next to it.
    pub moved: bool,
}

/// An alert that is left out, in a comment.
#[derive(Debug)]
pub struct Refused {
    /// Its name, as far as it has one.
    pub name: String,
    /// Where it stood.
    pub place: Option<String>,
    /// Why.
    pub why: String,
    /// What it said: `query: a.b`.
    pub said: Vec<String>,
}

impl Draft {
    /// An alert without anything but its name.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// Adds a key.
    pub fn set(&mut self, key: &'static str, value: Value) {
        self.keys.push((key, value));
    }

    /// Adds a key with a duration.
    pub fn span(&mut self, key: &'static str, span: Duration) {
        let text = match span {
            Duration::ZERO => "0".to_owned(),
            span => duration::format(span),
        };
        self.set(key, Value::Word(text));
    }

    /// Says something about it.
    pub fn remark(&mut self, text: impl Into<String>) {
        self.remarks.push(text.into());
    }

    /// Adds `warning` and `critical`, which hold for these values.
    ///
    /// # Errors
    /// No condition says so; why, in words.
    pub fn thresholds(&mut self, warning: &Region, critical: &Region) -> Result<(), String> {
        let high = match critical.written() {
            Written::Never => None,
            Written::Condition { text, length } => Some((length, text)),
            Written::Always => return Err(ALWAYS.to_owned()),
            Written::None => return Err(format!("`critical` {GAPS}")),
        };
        let hidden = !warning.is_empty() && warning.without(critical).written() == Written::Never;
        if hidden {
            self.remark("its warning never shows: whatever it holds for is critical");
        }
        let low = match warning.is_empty() || hidden {
            true => None,
            false => Some(shortest(
                warning,
                critical,
                high.as_ref().map(|(_, text)| &**text),
            )?),
        };
        if low.is_none() && high.is_none() {
            return Err("its conditions hold for no value".to_owned());
        }
        for (key, condition) in [("warning", low), ("critical", high)] {
            if let Some((length, text)) = condition {
                self.moved |= length == MOVED;
                self.set(key, Value::Condition(text));
            }
        }
        Ok(())
    }
}

const ALWAYS: &str = "its conditions hold for every value";
const GAPS: &str = "holds for several ranges, and a condition here has one";

/// The shortest condition for warning: what is critical as well may be in it or not, since critical goes first.
fn shortest(
    warning: &Region,
    critical: &Region,
    taken: Option<&str>,
) -> Result<(u8, String), String> {
    let candidates = [
        warning.clone(),
        warning.or(critical),
        warning.without(critical),
    ];
    if matches!(
        candidates.first().map(Region::written),
        Some(Written::Always)
    ) {
        return Err(ALWAYS.to_owned());
    }
    let written = candidates.iter().map(Region::written);
    let conditions = written.filter_map(|written| match written {
        Written::Condition { text, length } if Some(&*text) != taken => Some((length, text)),
        _ => None,
    });
    // of two that are as short, the first is what was written
    conditions
        .min_by_key(|(length, _)| *length)
        .ok_or_else(|| format!("`warning` {GAPS}"))
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
    use crate::import::region::{Comparison, Number};

    fn set(comparison: &str, value: f64) -> Region {
        Region::of(
            Comparison::parse(comparison).unwrap(),
            &Number::plain(value),
        )
    }

    #[track_caller]
    fn check(warning: &Region, critical: &Region, expected: &[(&str, &str)]) {
        let mut draft = Draft::named("x");
        draft.thresholds(warning, critical).unwrap();
        let expected: Vec<_> = expected
            .iter()
            .map(|(key, text)| (*key, Value::Condition((*text).to_owned())))
            .collect();
        let found: Vec<_> = draft
            .keys
            .iter()
            .map(|(key, value)| (*key, value.clone()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_warning_is_written_as_short_as_it_can_be() {
        let above = |value| set(">", value);
        check(
            &above(10.0),
            &above(20.0),
            &[("warning", "> 10"), ("critical", "> 20")],
        );
        // what a chain of questions leaves for the warning
        let left = above(10.0).without(&above(20.0));
        check(
            &left,
            &above(20.0),
            &[("warning", "> 10"), ("critical", "> 20")],
        );
        check(
            &set("<", 5.0),
            &above(20.0),
            &[("warning", "< 5"), ("critical", "> 20")],
        );
    }

    #[test]
    fn a_warning_within_the_critical_values_is_left_out() {
        check(&set(">", 30.0), &set(">", 20.0), &[("critical", "> 20")]);
        check(&set(">", 20.0), &set(">", 20.0), &[("critical", "> 20")]);
    }

    #[test]
    fn what_no_condition_says_is_an_error() {
        let mut draft = Draft::named("x");
        let gaps = set("==", 1.0).or(&set("==", 3.0));
        assert!(draft.thresholds(&Region::none(), &gaps).is_err());
        assert!(draft.thresholds(&Region::all(), &Region::none()).is_err());
        assert!(draft.thresholds(&Region::none(), &Region::none()).is_err());
        assert!(draft.thresholds(&gaps, &set(">", 5.0)).is_err());
    }
}
