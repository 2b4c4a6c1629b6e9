//! Spans of time in the languages of others.

use std::time::Duration;

/// Longer spans are mistakes: ten years.
const LONGEST: f64 = 10.0 * 365.0 * 86_400.0;

/// Whole milliseconds of `amount` times `seconds`; `None` where that makes no sense.
pub fn of(amount: f64, seconds: f64) -> Option<Duration> {
    let total = amount * seconds;
    let sound = total.is_finite() && (0.0..=LONGEST).contains(&total);
    sound.then(|| Duration::from_millis((total * 1000.0).round() as u64))
}

/// A number and the unit after it: `3.5minute`.
pub fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    Some((number.parse().ok()?, unit.trim()))
}

/// A duration of Prometheus and Grafana: `60s`, `1h30m`, `1d`, `0`.
pub fn prometheus(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let end = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            "w" => 604_800.0,
            "y" => 365.0 * 86_400.0,
            _ => return None,
        };
        total = total.checked_add(of(number.parse().ok()?, seconds)?)?;
        rest = after;
    }
    Some(total).filter(|_| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_prometheus_are_sums() {
        for (text, seconds) in [
            ("60s", Some(60)),
            ("1h30m", Some(5400)),
            ("1d", Some(86_400)),
            ("0", Some(0)),
            ("0s", Some(0)),
            ("", None),
            ("5", None),
            ("5x", None),
            ("m", None),
        ] {
            assert_eq!(prometheus(text), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn a_number_stands_before_its_unit() {
        assert_eq!(split("3.5minute"), Some((3.5, "minute")));
        assert_eq!(split(" 10 "), Some((10.0, "")));
        assert_eq!(split("minute"), None);
        assert_eq!(of(-1.0, 1.0), None);
        assert_eq!(of(1e300, 1e300), None);
    }
}
