//! Numbers with units, as thresholds are written: `90`, `1.5K`, `200MB`, `2m`.
//!
//! `M` is mega and `m` a minute, so case counts; a unit in the wrong case is an
//! error that says which was probably meant. What a number is compared with is
//! `condition.rs`' business.
//!
//! Invariant: a quantity is finite.

use super::duration;

/// A finite number and how it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quantity {
    /// In units of one: bytes, seconds, things.
    pub value: f64,
    /// As written, without blanks.
    pub text: String,
    /// Whether a unit was written.
    pub unit: bool,
}

/// SI, per cent, bytes by 1000 and by 1024, and durations in seconds.
/// `ms` is not among them, because division by 1000 is exact where
/// multiplication by 0.001 is not.
const UNITS: [(&str, f64); 23] = [
    ("", 1.0),
    ("%", 1.0),
    // k is how SI itself writes kilo
    ("k", 1e3),
    ("K", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("B", 1.0),
    ("kB", 1e3),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
    ("s", 1.0),
    ("m", 60.0),
    ("min", 60.0),
    ("h", 3600.0),
    ("d", 86_400.0),
    ("w", 604_800.0),
];

impl Quantity {
    /// Reads `90`, `-1.5`, `1e3`, `80%`, `200MB`, `4 GiB`, `250ms`, `1h30m`.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it: no number, not finite, or an unknown unit.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (number, unit) = split(text);
        let unit = unit.trim_start();
        let Ok(amount) = number.parse::<f64>() else {
            return Err(no_number(text));
        };
        let value = match UNITS.iter().find(|(name, _)| *name == unit) {
            Some((_, factor)) => amount * factor,
            None if unit == "ms" => amount / 1e3,
            None => compound(text).ok_or_else(|| unknown(text, unit))?,
        };
        if !value.is_finite() {
            return Err(format!("`{text}` is too large"));
        }
        Ok(Self {
            value,
            text: format!("{}{unit}", with_digits(number)),
            unit: !unit.is_empty(),
        })
    }
}

/// The number that `text` begins with, and the rest. Written out rather than
/// left to `f64`, which also reads `inf`, `nan` and `infinity`.
fn split(text: &str) -> (&str, &str) {
    let rest = skip_digits(text.strip_prefix(['+', '-']).unwrap_or(text));
    let rest = rest.strip_prefix('.').map_or(rest, skip_digits);
    let rest = rest
        .strip_prefix(['e', 'E'])
        .map(|power| power.strip_prefix(['+', '-']).unwrap_or(power))
        .filter(|power| power.starts_with(|c: char| c.is_ascii_digit()))
        .map_or(rest, skip_digits);
    text.split_at(text.len() - rest.len())
}

/// `.5` as `0.5` and `5.` as `5`: beside the dots of a range they could not be
/// told apart.
fn with_digits(number: &str) -> String {
    let digits = number.trim_start_matches(['+', '-']);
    let sign = number.strip_suffix(digits).unwrap_or_default();
    let zero = if digits.starts_with('.') { "0" } else { "" };
    let digits = digits.strip_suffix('.').unwrap_or(digits);
    format!("{sign}{zero}{digits}")
}

fn skip_digits(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_ascii_digit())
}

/// `1h30m` in seconds.
fn compound(text: &str) -> Option<f64> {
    let (sign, span) = text
        .strip_prefix('-')
        .map_or((1.0, text), |span| (-1.0, span));
    duration::parse(span)
        .ok()
        .map(|span| sign * span.as_secs_f64())
}

fn no_number(text: &str) -> String {
    let word = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
    match word.as_str() {
        "" => "a number is missing".to_owned(),
        "nan" | ".nan" | "inf" | ".inf" | "infinity" => format!("`{text}` is not a finite number"),
        _ => format!("`{text}` is no number"),
    }
}

fn unknown(text: &str, unit: &str) -> String {
    let meant = UNITS
        .iter()
        .map(|(name, _)| *name)
        .find(|name| name.eq_ignore_ascii_case(unit))
        .map(|name| format!(" (did you mean `{name}`?)"))
        .unwrap_or_default();
    format!(
        "`{text}` has the unknown unit `{unit}`{meant}: expected one of \
         K M G T, KB MB GB TB, KiB MiB GiB TiB, %, ms s m h d w"
    )
}

/// The shortest text that reads back as `value`: `20`, `0.5`, `1e30`.
pub(super) fn shortest(value: f64) -> String {
    // adding zero turns -0 into 0
    let plain = format!("{}", value + 0.0);
    if plain.len() > 20 {
        format!("{value:e}")
    } else {
        plain
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

    fn value(text: &str) -> f64 {
        Quantity::parse(text)
            .unwrap_or_else(|error| panic!("{text}: {error}"))
            .value
    }

    fn error(text: &str) -> String {
        Quantity::parse(text).unwrap_err()
    }

    #[test]
    fn every_unit_has_its_factor() {
        for (text, expected) in [
            ("90", 90.0),
            ("-1.5", -1.5),
            ("+3", 3.0),
            (".5", 0.5),
            ("1e3", 1000.0),
            ("2.5E-1", 0.25),
            ("80%", 80.0),
            ("1.5K", 1500.0),
            ("1k", 1000.0),
            ("2M", 2e6),
            ("3G", 3e9),
            ("4T", 4e12),
            ("7B", 7.0),
            ("1KB", 1e3),
            ("200MB", 2e8),
            ("1GB", 1e9),
            ("1TB", 1e12),
            ("1KiB", 1024.0),
            ("1MiB", 1024.0 * 1024.0),
            ("1GiB", 1024.0 * 1024.0 * 1024.0),
            ("1TiB", 1024.0 * 1024.0 * 1024.0 * 1024.0),
            ("5ms", 0.005),
            ("30s", 30.0),
            ("2m", 120.0),
            ("2min", 120.0),
            ("1h", 3600.0),
            ("1d", 86_400.0),
            ("1w", 604_800.0),
            ("1h30m", 5400.0),
            ("-1h30m", -5400.0),
            ("1e3ms", 1.0),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
    }

    #[test]
    fn blanks_before_the_unit_are_dropped_from_the_text() {
        assert_eq!(
            Quantity::parse(" 4 GiB "),
            Ok(Quantity {
                value: 4_294_967_296.0,
                text: "4GiB".to_owned(),
                unit: true
            })
        );
    }

    #[test]
    fn a_plain_number_has_no_unit() {
        assert!(!Quantity::parse("20").unwrap().unit);
    }

    #[test]
    fn what_is_not_finite_is_refused() {
        assert_eq!(error("NaN"), "`NaN` is not a finite number");
        assert_eq!(error("-inf"), "`-inf` is not a finite number");
        assert_eq!(error("infinity"), "`infinity` is not a finite number");
        assert_eq!(error("1e999"), "`1e999` is too large");
        assert_eq!(error("1e300TiB"), "`1e300TiB` is too large");
    }

    #[test]
    fn nonsense_is_named() {
        assert_eq!(error(""), "a number is missing");
        assert_eq!(error("-"), "a number is missing");
        assert_eq!(error("."), "`.` is no number");
        assert_eq!(error("high"), "`high` is no number");
        assert!(
            error("5 parsecs").starts_with("`5 parsecs` has the unknown unit `parsecs`: expected")
        );
        assert!(error("1,000").starts_with("`1,000` has the unknown unit `,000`"));
        assert!(error("1.2.3").starts_with("`1.2.3` has the unknown unit `.3`"));
    }

    #[test]
    fn a_unit_in_the_wrong_case_is_suggested() {
        assert!(error("5mb").contains("(did you mean `MB`?)"));
        assert!(error("5gib").contains("(did you mean `GiB`?)"));
        assert!(error("5H").contains("(did you mean `h`?)"));
    }

    #[test]
    fn numbers_are_written_short() {
        assert_eq!(shortest(20.0), "20");
        assert_eq!(shortest(0.1), "0.1");
        assert_eq!(shortest(-0.0), "0");
        assert_eq!(shortest(1e30), "1e30");
        assert_eq!(shortest(-2.5e-30), "-2.5e-30");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = Quantity::parse(&text);
        }

        #[test]
        fn no_near_miss_panics(text in "[-+0-9.eE%a-zA-Z ]{0,16}") {
            let _ = Quantity::parse(&text);
        }

        #[test]
        fn the_shortest_text_reads_back(value in proptest::num::f64::NORMAL | proptest::num::f64::ZERO) {
            prop_assert_eq!(Quantity::parse(&shortest(value)).unwrap().value, value);
        }
    }
}
