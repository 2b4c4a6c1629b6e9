//! Ranges of the monitoring plugins: `10`, `10:`, `~:10`, `10:20`, `@10:20`.

use crate::import::region::{Comparison, Number, Region};

/// The values that a threshold alerts on: those outside its range; inside, with `@`.
///
/// # Errors
/// It is no range, in words.
pub fn parse(text: &str) -> Result<Region, String> {
    let wrong = || format!("`{text}` is no range");
    let trimmed = text.trim();
    let (inside, range) = match trimmed.strip_prefix('@') {
        Some(range) => (true, range),
        None => (false, trimmed),
    };
    let number = |text: &str| {
        let value: f64 = text.trim().parse().map_err(|_| wrong())?;
        match value.is_finite() {
            true => Ok(Number::plain(value)),
            false => Err(wrong()),
        }
    };
    let (start, end) = match range.split_once(':') {
        Some((start, end)) => (start, end),
        None => ("0", range),
    };
    let low = match start {
        "~" => Region::all(),
        "" => Region::of(Comparison::AtLeast, &Number::plain(0.0)),
        start => Region::of(Comparison::AtLeast, &number(start)?),
    };
    let high = match (end, range.contains(':')) {
        ("", true) => Region::all(),
        (end, _) => Region::of(Comparison::AtMost, &number(end)?),
    };
    let within = low.and(&high);
    if within.is_empty() {
        return Err(format!(
            "`{text}` is a range whose end lies below its begin"
        ));
    }
    Ok(if inside { within } else { within.not() })
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

    #[test]
    fn ranges_alert_outside_unless_turned_round() {
        for (range, expected) in [
            ("10", "outside 0..10"),
            ("10:", "< 10"),
            ("~:10", "> 10"),
            ("10:20", "outside 10..20"),
            ("@10:20", "inside 10..20"),
            ("-5:-1", "outside -5..-1"),
            ("@~:3", "<= 3"),
            (":7", "outside 0..7"),
            ("1.5", "outside 0..1.5"),
        ] {
            match parse(range).unwrap().written() {
                Written::Condition { text, .. } => assert_eq!(text, expected),
                other => panic!("{range}: {other:?}"),
            }
        }
        for wrong in ["", "a", "10:5", "1:2:3", "nan", "@"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
