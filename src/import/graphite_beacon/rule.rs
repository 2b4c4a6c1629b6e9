//! One rule of graphite-beacon: `warning: > 5K AND < 10K`.

use crate::import::region::{Comparison, Number, Region, shortest};

/// What a rule says.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Which level.
    pub level: Level,
    /// For which values.
    pub region: Region,
}

/// Its three levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// `critical`
    Critical,
    /// `warning`
    Warning,
    /// `normal`
    Normal,
}

/// Its units, what they stand for, and ours that stand for the same, if any.
const UNITS: [(&str, f64, Option<&str>); 24] = [
    ("Tri", 1e12, Some("T")),
    ("Bil", 1e9, Some("G")),
    ("Mil", 1e6, Some("M")),
    ("Gbps", 1e9, None),
    ("Mbps", 1e6, None),
    ("Kbps", 1e3, None),
    ("TB", 1_099_511_627_776.0, Some("TiB")),
    ("GB", 1_073_741_824.0, Some("GiB")),
    ("MB", 1_048_576.0, Some("MiB")),
    ("KB", 1024.0, Some("KiB")),
    ("Tb", 1_099_511_627_776.0, None),
    ("Gb", 1_073_741_824.0, None),
    ("Mb", 1_048_576.0, None),
    ("Kb", 1024.0, None),
    ("ms", 0.001, None),
    ("K", 1e3, Some("K")),
    ("y", 31_536_000.0, None),
    ("M", 2_592_000.0, None),
    ("w", 604_800.0, Some("w")),
    ("d", 86_400.0, Some("d")),
    ("h", 3600.0, Some("h")),
    ("m", 60.0, Some("m")),
    ("s", 1.0, Some("s")),
    ("%", 1.0, Some("%")),
];
/// The longer of two that begin alike stands first.
const COMPARISONS: [&str; 6] = [">=", "<=", "==", "!=", ">", "<"];

/// Comparisons in a rule.
const MOST: usize = 100;

const HISTORICAL: &str = "it compares with the average of past values, which has no equal: compare within the target, such as `divideSeries(a, timeShift(a, '1d'))`";

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    /// Why it cannot be taken, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rest = text.trim_start();
        let levels = [
            ("critical", Level::Critical),
            ("warning", Level::Warning),
            ("normal", Level::Normal),
        ];
        let found = levels
            .iter()
            .find_map(|(word, level)| Some((*level, rest.strip_prefix(word)?)));
        let rest = found.and_then(|(level, rest)| {
            Some((level, rest.trim_start().strip_prefix(':')?.trim_start()))
        });
        let (level, mut rest) =
            rest.ok_or("expected `critical:` or `warning:` at its beginning")?;
        let mut region: Option<Region> = None;
        let mut and = true;
        for _ in 0..MOST {
            let (part, after) = comparison(rest)?;
            region = Some(match region {
                None => part,
                Some(before) if and => before.and(&part),
                Some(before) => before.or(&part),
            });
            if after.is_empty() {
                return Ok(Self {
                    level,
                    region: region.unwrap_or_else(Region::none),
                });
            }
            (and, rest) = match (after.strip_prefix("AND"), after.strip_prefix("OR")) {
                (Some(rest), _) => (true, rest.trim_start()),
                (_, Some(rest)) => (false, rest.trim_start()),
                _ => return Err(format!("`{after}` is not understood")),
            };
        }
        Err(format!("it has more than {MOST} comparisons"))
    }
}

/// `>= 80%`, `< 10K / 2`, and what follows.
fn comparison(text: &str) -> Result<(Region, &str), String> {
    let operator = COMPARISONS.iter().find(|word| text.starts_with(**word));
    let operator = operator
        .ok_or_else(|| format!("expected `>`, `>=`, `<`, `<=`, `==` or `!=` before `{text}`"))?;
    let rest = text.get(operator.len()..).unwrap_or_default().trim_start();
    if rest.starts_with("historical") {
        return Err(HISTORICAL.to_owned());
    }
    let (amount, rest) = number(rest)?;
    let unit = UNITS.iter().find(|(name, ..)| rest.starts_with(name));
    let (mut number, rest) = match unit {
        Some((name, factor, ours)) => (
            with_unit(amount, *factor, *ours),
            rest.get(name.len()..).unwrap_or_default().trim_start(),
        ),
        None => (Number::plain(amount), rest),
    };
    let (modified, rest) = modified(number.value, rest)?;
    if let Some(value) = modified {
        number = Number::plain(value);
    }
    if !number.value.is_finite() {
        return Err("its number is not finite".to_owned());
    }
    let comparison = Comparison::parse(operator).ok_or("its comparison is not understood")?;
    Ok((Region::of(comparison, &number), rest))
}

/// Digits, and perhaps a point with digits after it; a sign is none of its own.
fn number(text: &str) -> Result<(f64, &str), String> {
    if text.starts_with('-') {
        return Err("graphite-beacon does not read negative numbers".to_owned());
    }
    let digits = |text: &str| {
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len())
    };
    let whole = digits(text);
    if whole == 0 {
        return Err(format!("expected a number before `{text}`"));
    }
    let after = text.get(whole..).unwrap_or_default();
    let point = after
        .strip_prefix('.')
        .map_or(0, |fraction| 1 + digits(fraction));
    let (number, rest) = text.split_at(whole + point);
    let number = number
        .parse()
        .map_err(|_| format!("`{number}` is no number"))?;
    Ok((number, rest.trim_start()))
}

/// The number, written with a unit of ours where that is the same number to the last bit.
fn with_unit(amount: f64, factor: f64, ours: Option<&str>) -> Number {
    let value = amount * factor;
    match ours {
        Some(unit) => Number {
            value,
            text: format!("{}{unit}", shortest(amount)),
        },
        None => Number::plain(value),
    }
}

/// `* 1.5`, `/ 2`, `+ 1`, `- 1` after a number.
fn modified(value: f64, text: &str) -> Result<(Option<f64>, &str), String> {
    let Some(operator) = text.chars().next().filter(|c| "*/+-".contains(*c)) else {
        return Ok((None, text));
    };
    let (operand, rest) = number(text.get(1..).unwrap_or_default().trim_start())?;
    let value = match operator {
        '*' => value * operand,
        '/' => value / operand,
        '+' => value + operand,
        _ => value - operand,
    };
    Ok((Some(value), rest))
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
    use crate::import::region::Written;

    #[track_caller]
    fn check(rule: &str, expected: &str) {
        let written = Rule::parse(rule).map(|rule| match rule.region.written() {
            Written::Condition { text, .. } => text,
            other => format!("{other:?}"),
        });
        assert_eq!(written.unwrap_or_else(|why| why), expected, "{rule}");
    }

    #[test]
    fn rules_are_read_as_graphite_beacon_reads_them() {
        check("critical: >= 80%", ">= 80%");
        check("critical: < 200MB", "< 200MiB");
        check("warning: > 3Mil", "> 3M");
        check("warning: > 5 Tri", "> 5T");
        check("warning:>5.5", "> 5.5");
        check("warning: > 1Kbps", "> 1000");
        check("warning: < 2Mb", "< 2097152");
        check("warning: > 2ms", "> 0.002");
        // a month, not a million
        check("warning: > 5M", "> 12960000");
        check("warning: > 10K / 4", "> 2500");
        check("warning: > 2 + 3", "> 5");
        check("normal: == 0", "== 0");
        check("warning: >= 5 AND <= 10", "inside 5..10");
        check("warning: < 5K OR > 10K", "outside 5K..10K");
        // from left to right, whatever stands between
        check("warning: > 10 OR < 5 AND < 3", "< 3");
    }

    #[test]
    fn what_cannot_be_taken_is_said() {
        check("warning: > historical * 1.5", HISTORICAL);
        check("warning: < 5 OR < historical / 2", HISTORICAL);
        check(
            "warning: < -5",
            "graphite-beacon does not read negative numbers",
        );
        check("warning: > .5", "expected a number before `.5`");
        check("warning: > 5xx", "`xx` is not understood");
        check(
            "warning: 5",
            "expected `>`, `>=`, `<`, `<=`, `==` or `!=` before `5`",
        );
        check(
            "fatal: > 5",
            "expected `critical:` or `warning:` at its beginning",
        );
        check("warning: > 5 / 0", "its number is not finite");
        let long = format!("warning: > 5{}", " OR > 5".repeat(100_000));
        check(&long, "it has more than 100 comparisons");
    }
}
