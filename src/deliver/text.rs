//! How names, numbers and foreign text are written for people.
//!
//! Legends come from whoever sends metrics: they may hold line breaks,
//! terminal escapes, or marks that turn the reading direction round. Whatever
//! is shown on one line passes `clean` first, so that no series can forge a
//! line, a header or a colour. It knows no receiver; escaping for HTML, Slack
//! or JSON comes after it and is the receiver's business.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Characters of a name that are shown in a headline before it is clipped.
pub const NAME: usize = 200;

/// `text` as one harmless line: control characters, line separators and marks
/// that hide text or change its direction are shown escaped (`\n`, `\u{1b}`).
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_harmful(c) {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    Cow::Owned(line)
}

/// Like `clean`, line by line: breaks stay, without trailing blanks.
pub fn clean_lines(text: &str) -> String {
    let lines: Vec<_> = text
        .lines()
        .map(|line| clean(line.trim_end()).into_owned())
        .collect();
    lines.join("\n").trim_end().to_owned()
}

fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// At most `limit` characters; where it was longer the last one is `…`.
pub fn clip(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit || text.chars().nth(limit).is_none() {
        return Cow::Borrowed(text);
    }
    let mut short: String = text.chars().take(limit.saturating_sub(1)).collect();
    short.push('…');
    Cow::Owned(short)
}

/// A name as a headline shows it: clean, and clipped to [`NAME`] characters.
pub fn name(text: &str) -> String {
    // cleaned after clipping, so that 10 kB are not copied for 200 characters
    let short = clip(text, NAME);
    clip(&clean(&short), NAME).into_owned()
}

/// A value to six significant digits, without trailing zeros; with an exponent
/// only below 0.0001 and from 1e15.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let scientific = format!("{value:.5e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value == 0.0 {
        return "0".to_owned();
    }
    if (-4..15).contains(&exponent) {
        return plain(mantissa, exponent);
    }
    format!("{}e{exponent}", without_zeros(mantissa))
}

/// Writes `mantissa` (`-d.ddddd`) times ten to the `exponent` by moving the point.
fn plain(mantissa: &str, exponent: i32) -> String {
    let (sign, mantissa) = mantissa
        .strip_prefix('-')
        .map_or(("", mantissa), |rest| ("-", rest));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let mut text = String::from(sign);
    if let Ok(whole) = usize::try_from(exponent) {
        let whole = whole + 1;
        let _ = write!(text, "{:0<whole$}", digits.get(..whole).unwrap_or(&digits));
        if let Some(fraction) = digits.get(whole..).filter(|rest| !rest.is_empty()) {
            text.push('.');
            text.push_str(fraction);
        }
    } else {
        text.push_str("0.");
        text.extend((1..exponent.unsigned_abs()).map(|_| '0'));
        text.push_str(&digits);
    }
    without_zeros(&text).to_owned()
}

fn without_zeros(number: &str) -> &str {
    if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
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
    use proptest::prelude::*;

    use super::*;

    fn check(value: f64, expected: &str) {
        assert_eq!(number(value), expected, "{value:?}");
    }

    #[test]
    fn numbers_have_six_significant_digits_and_no_trailing_zeros() {
        check(23.4, "23.4");
        check(20.0, "20");
        check(23.400_000_000_000_002, "23.4");
        check(0.1 + 0.2, "0.3");
        check(1.0 / 3.0, "0.333333");
        check(-2.0 / 3.0, "-0.666667");
        check(999_999.5, "1000000");
        check(123_456_789.0, "123457000");
        check(1_000.0, "1000");
        check(100_000.25, "100000");
    }

    #[test]
    fn numbers_have_an_exponent_only_when_very_small_or_very_large() {
        check(0.0001, "0.0001");
        check(0.000_012_345_6, "1.23456e-5");
        check(999_999_000_000_000.0, "999999000000000");
        check(1e15, "1e15");
        check(-2.5e20, "-2.5e20");
        check(0.0, "0");
        check(-0.0, "0");
    }

    #[test]
    fn control_and_direction_characters_are_shown_escaped() {
        assert_eq!(
            clean("a\nb\r\u{1b}[31m\u{7}\u{9b}"),
            r"a\nb\r\u{1b}[31m\u{7}\u{9b}"
        );
        assert_eq!(
            clean("\u{202e}gpj\u{2066}\u{2028}\u{200b}"),
            r"\u{202e}gpj\u{2066}\u{2028}\u{200b}"
        );
        assert_eq!(clean("héllo 日本 {x}"), "héllo 日本 {x}");
    }

    #[test]
    fn lines_stay_lines_but_nothing_else_passes() {
        assert_eq!(
            clean_lines("one \r\ntwo\u{1b}[2J\n\n"),
            "one\ntwo\\u{1b}[2J"
        );
    }

    #[test]
    fn clipping_never_breaks_a_character() {
        assert_eq!(clip("日本語", 3), "日本語");
        assert_eq!(clip("日本語x", 3), "日本…");
        assert_eq!(name(&"é".repeat(10_000)).chars().count(), NAME);
    }

    proptest! {
        #[test]
        fn a_number_reads_back_within_six_digits(value in proptest::num::f64::NORMAL) {
            let back: f64 = number(value).parse().unwrap();
            prop_assert!((back - value).abs() <= value.abs() * 5.1e-6);
        }

        #[test]
        fn a_clean_text_has_no_control_characters(text in "\\PC*|[\\x00-\\x1f\u{202e}a]*") {
            prop_assert!(!clean(&text).chars().any(is_harmful));
        }

        #[test]
        fn a_clipped_text_is_never_longer(text in any::<String>(), limit in 1usize..50) {
            prop_assert!(clip(&text, limit).chars().count() <= limit);
        }
    }
}
