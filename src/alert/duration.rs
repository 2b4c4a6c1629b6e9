//! Spans of time as people write them: `30s`, `5m`, `1h30m`.
//!
//! Every duration of the configuration goes through [`parse`], every one in a
//! message through [`format()`] or [`rough`]. The finest unit is the millisecond,
//! as everywhere in the program; anything finer is refused, not rounded.
//! Whether zero makes sense is the caller's business. Graphite's own times
//! (`-10min`) are another language: see `target.rs`.
//!
//! Invariant: `parse(&format(d)) == Ok(d)` for whole milliseconds.

use std::time::Duration;

/// Units and their milliseconds, the greatest first.
const UNITS: [(&str, u64); 8] = [
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("min", 60_000),
    ("s", 1000),
    ("sec", 1000),
    ("ms", 1),
];

/// The units that [`format()`] writes. No weeks: `10d` reads easier than `1w3d`.
const WRITTEN: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// Reads `30s`, `5m`, `1h30m`, `250ms`, `1.5h`, `1d`, `2w`, `5min`, and plain `0`.
///
/// # Errors
///
/// Says what is wrong with it and what to write instead: negative, without a
/// unit, an unknown unit, units out of order, finer than a millisecond, or
/// longer than an instant can count.
pub fn parse(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if text
        .strip_prefix('-')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    {
        return Err(format!("`{text}` is negative"));
    }
    if let Some(result) = plain(text) {
        return result;
    }
    let mut rest = text;
    let mut total = 0_u64;
    let mut previous = u64::MAX;
    while !rest.is_empty() {
        let (number, after) = split(rest, |c| c.is_ascii_digit() || c == '.');
        let (unit, after) = split(after, char::is_alphabetic);
        if number.is_empty() {
            return Err(format!(
                "`{text}` is no duration: expected one such as `30s`, `5m` or `1h30m`"
            ));
        }
        let Some(&(_, factor)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(format!(
                "`{text}` has the unknown unit `{unit}`: expected `ms`, `s`, `m`, `h`, `d` or `w`"
            ));
        };
        if factor >= previous {
            return Err(format!(
                "`{text}` is out of order: write the greater unit first, each once"
            ));
        }
        let part = millis(text, number, factor)?;
        total = total
            .checked_add(part)
            .filter(|total| i64::try_from(*total).is_ok())
            .ok_or_else(|| too_long(text))?;
        previous = factor;
        rest = after;
    }
    if previous == u64::MAX {
        return Err("expected a duration such as `30s`, `5m` or `1h30m`, found nothing".to_owned());
    }
    Ok(Duration::from_millis(total))
}

/// A number without a unit: zero needs none, any other is ambiguous.
fn plain(text: &str) -> Option<Result<Duration, String>> {
    if text.is_empty() || !text.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return None;
    }
    Some(match millis(text, text, 1000) {
        Ok(0) => Ok(Duration::ZERO),
        Ok(amount) => {
            let seconds = format!("{text}s");
            let short = format(Duration::from_millis(amount));
            let or = if short == seconds {
                String::new()
            } else {
                format!(" or `{short}`")
            };
            Err(format!("`{text}` has no unit: write `{seconds}`{or}"))
        }
        Err(error) => Err(error),
    })
}

/// `number` times `factor` milliseconds, exactly.
fn millis(text: &str, number: &str, factor: u64) -> Result<u64, String> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
        return Err(format!("`{text}` is no duration: `{number}` is no number"));
    }
    let fine = || format!("`{text}` is finer than a millisecond");
    let digits = fraction.trim_end_matches('0');
    // more digits than the greatest unit has milliseconds are never exact
    let scale = u32::try_from(digits.len())
        .ok()
        .and_then(|count| 10_u64.checked_pow(count))
        .filter(|scale| *scale <= 1_000_000_000)
        .ok_or_else(fine)?;
    let parts = digits.parse::<u64>().unwrap_or(0).saturating_mul(factor);
    if parts % scale != 0 {
        return Err(fine());
    }
    whole
        .parse::<u64>()
        .ok()
        .and_then(|whole| whole.checked_mul(factor))
        .and_then(|amount| amount.checked_add(parts / scale))
        .ok_or_else(|| too_long(text))
}

fn too_long(text: &str) -> String {
    format!("`{text}` is too long")
}

/// `text` up to the first character that is not `wanted`, and the rest.
fn split(text: &str, wanted: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !wanted(c)).unwrap_or(text.len()))
}

/// Writes `2m`, `1h30m`, `1d`, `250ms`, `0s`; what is finer than a millisecond is left out.
pub fn format(span: Duration) -> String {
    let mut rest = span.as_millis();
    let mut text = String::new();
    for (unit, factor) in WRITTEN {
        let factor = u128::from(factor);
        if rest >= factor {
            text.push_str(&format!("{}{unit}", rest / factor));
            rest %= factor;
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

/// The greatest unit and the next one, for people: `3d4h`, `2m`, `12s`; rounds down.
///
/// Milliseconds show only in what is shorter than a second.
pub fn rough(span: Duration) -> String {
    let millis = span.as_millis();
    let finest = WRITTEN
        .iter()
        .position(|(_, factor)| millis >= u128::from(*factor))
        .and_then(|greatest| WRITTEN.get(greatest + 1))
        .map_or(1, |(_, factor)| *factor);
    let finest = if millis >= 1000 {
        finest.max(1000)
    } else {
        finest
    };
    let kept = millis - millis % u128::from(finest);
    // only a span of half a billion years does not fit, and reads as the longest that does
    format(Duration::from_millis(
        u64::try_from(kept).unwrap_or(u64::MAX),
    ))
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

    fn check(text: &str, millis: u64) {
        assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
    }

    fn refused(text: &str, message: &str) {
        assert_eq!(parse(text), Err(message.to_owned()));
    }

    #[test]
    fn every_unit_is_read() {
        check("250ms", 250);
        check("30s", 30_000);
        check("30sec", 30_000);
        check("5m", 300_000);
        check("5min", 300_000);
        check("2h", 7_200_000);
        check("1d", 86_400_000);
        check("2w", 1_209_600_000);
    }

    #[test]
    fn units_add_up_from_the_greatest_down() {
        check("1h30m", 5_400_000);
        check("1w2d3h4m5s6ms", 788_645_006);
        refused(
            "30m1h",
            "`30m1h` is out of order: write the greater unit first, each once",
        );
        refused(
            "1m1min",
            "`1m1min` is out of order: write the greater unit first, each once",
        );
    }

    #[test]
    fn zero_needs_no_unit() {
        check("0", 0);
        check("0s", 0);
        check("0.0", 0);
    }

    #[test]
    fn blanks_around_are_trimmed() {
        check("  5m\t", 300_000);
    }

    #[test]
    fn fractions_count_where_they_are_whole_milliseconds() {
        check("1.5h", 5_400_000);
        check("0.25s", 250);
        check("1.50m", 90_000);
        refused("0.0005s", "`0.0005s` is finer than a millisecond");
        refused("1.5ms", "`1.5ms` is finer than a millisecond");
        refused(
            "1.00000000000000000000000001d",
            "`1.00000000000000000000000001d` is finer than a millisecond",
        );
    }

    #[test]
    fn a_negative_duration_is_named_as_such() {
        refused("-5m", "`-5m` is negative");
        refused("-1", "`-1` is negative");
    }

    #[test]
    fn a_plain_number_is_told_what_to_write() {
        refused("120", "`120` has no unit: write `120s` or `2m`");
        refused("45", "`45` has no unit: write `45s`");
        refused("1.5", "`1.5` has no unit: write `1.5s` or `1s500ms`");
    }

    #[test]
    fn nonsense_is_an_error_with_advice() {
        refused(
            "",
            "expected a duration such as `30s`, `5m` or `1h30m`, found nothing",
        );
        refused(
            "soon",
            "`soon` is no duration: expected one such as `30s`, `5m` or `1h30m`",
        );
        refused(
            "5 m",
            "`5 m` has the unknown unit ``: expected `ms`, `s`, `m`, `h`, `d` or `w`",
        );
        refused(
            "5M",
            "`5M` has the unknown unit `M`: expected `ms`, `s`, `m`, `h`, `d` or `w`",
        );
        refused("1..5s", "`1..5s` is no duration: `1..5` is no number");
        refused(".5s", "`.5s` is no duration: `.5` is no number");
    }

    #[test]
    fn what_no_instant_can_count_is_too_long() {
        refused(
            "99999999999999999999s",
            "`99999999999999999999s` is too long",
        );
        refused("9999999999999w", "`9999999999999w` is too long");
        refused(
            "18446744073709551615ms",
            "`18446744073709551615ms` is too long",
        );
    }

    #[test]
    fn format_writes_the_shortest_exact_form() {
        let written = |millis| format(Duration::from_millis(millis));
        assert_eq!(written(120_000), "2m");
        assert_eq!(written(5_400_000), "1h30m");
        assert_eq!(written(86_400_000), "1d");
        assert_eq!(written(1_209_600_000), "14d");
        assert_eq!(written(250), "250ms");
        assert_eq!(written(61_001), "1m1s1ms");
        assert_eq!(written(0), "0s");
    }

    #[test]
    fn rough_keeps_two_units_and_rounds_down() {
        let rough = |millis| super::rough(Duration::from_millis(millis));
        assert_eq!(rough(3 * 86_400_000 + 4 * 3_600_000 + 59 * 60_000), "3d4h");
        assert_eq!(rough(86_400_000 + 59 * 60_000), "1d");
        assert_eq!(rough(3_600_000 + 2 * 60_000 + 59_999), "1h2m");
        assert_eq!(rough(125_999), "2m5s");
        assert_eq!(rough(120_000), "2m");
        assert_eq!(rough(12_999), "12s");
        assert_eq!(rough(250), "250ms");
        assert_eq!(rough(0), "0s");
    }

    #[test]
    fn rough_of_the_longest_span_does_not_panic() {
        assert!(!super::rough(Duration::MAX).is_empty());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = parse(&text);
        }

        #[test]
        fn no_near_miss_panics(text in "[-+0-9. a-z]{0,24}") {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_written_reads_back(millis in 0..=i64::MAX.unsigned_abs()) {
            let span = Duration::from_millis(millis);
            prop_assert_eq!(parse(&format(span)), Ok(span));
        }

        #[test]
        fn rough_is_never_longer_and_less_than_a_unit_short(millis in 0_u64..10_000_000_000) {
            let span = Duration::from_millis(millis);
            let rough = parse(&rough(span)).unwrap();
            prop_assert!(rough <= span);
            prop_assert!(span - rough < Duration::from_secs(3600));
        }
    }
}
