//! What a `/render` request asks for, out of its query string and form.
//!
//! Times are read as Graphite reads them, as far as anybody asks the demo:
//! epoch seconds, `now`, and `-90s`, `-5min`, `-1h30min`, `-2d`.

use url::form_urlencoded;

use super::evaluate::Window;
use super::expression::{self, Query};
use super::rings::SECONDS;

/// The most targets of one request.
const TARGETS: usize = 200;

/// A request that can be answered.
#[derive(Debug)]
pub struct Request {
    /// What is asked for, in order.
    pub queries: Vec<Query>,
    /// When.
    pub window: Window,
    /// How the answer is written.
    pub format: Format,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `name,start,end,step|v,v,...`
    Raw,
    /// A list of objects.
    Json,
    /// A drawing of this width and height; what a browser gets that names no format.
    Drawing(u32, u32),
}

/// Reads the parameters of a query string and of a form; they merge, the form comes later.
///
/// # Errors
/// A sentence for people.
pub fn parse(query: &str, form: &[u8], now: i64) -> Result<Request, String> {
    let mut queries = Vec::new();
    let (mut from, mut until) = (None, None);
    let (mut format, mut raw_data) = (String::new(), false);
    let (mut width, mut height) = (586, 308);
    for (name, value) in
        form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(form))
    {
        match &*name {
            "target" if queries.len() == TARGETS => {
                return Err(format!("more than {TARGETS} targets"));
            }
            "target" => queries.push(expression::parse(&value)?),
            "from" => from = Some(instant(&value, now)?),
            "until" => until = Some(instant(&value, now)?),
            "format" => format = value.into_owned(),
            "rawData" => raw_data = matches!(&*value, "true" | "1"),
            "width" => width = size(&value, width),
            "height" => height = size(&value, height),
            _ => {}
        }
    }
    let format = match format.as_str() {
        "raw" => Format::Raw,
        "json" => Format::Json,
        _ if raw_data => Format::Raw,
        _ => Format::Drawing(width, height),
    };
    let window = window(from.unwrap_or(now - 86_400), until.unwrap_or(now), now)?;
    Ok(Request {
        queries,
        window,
        format,
    })
}

fn size(text: &str, default: u32) -> u32 {
    text.parse()
        .map_or(default, |size: u32| size.clamp(100, 4000))
}

/// As whisper has it, the bucket of `from` is out and that of `until` is in; as
/// graphite-web has it, the wrong order is turned round.
fn window(from: i64, until: i64, now: i64) -> Result<Window, String> {
    if from == until {
        return Err("Invalid empty time range".to_owned());
    }
    let (from, until) = (from.min(until), from.max(until));
    let end = until.min(now).saturating_add(1);
    let start = from.max(now - SECONDS).saturating_add(1).min(end - 1);
    Ok(Window { start, end })
}

fn instant(text: &str, now: i64) -> Result<i64, String> {
    let wrong = || format!("`{text}` is no time that the demo knows");
    if text == "now" || text.is_empty() {
        return Ok(now);
    }
    if let Some(ago) = text.strip_prefix('-') {
        let span = span(ago).ok_or_else(wrong)?;
        return Ok(now.saturating_sub(span));
    }
    let all_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| all_digits).ok_or_else(wrong)
}

fn span(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut seconds = 0_i64;
    while !rest.is_empty() {
        let (digits, after) = rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?;
        let length = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(length)?;
        let factor = match unit {
            "s" | "sec" | "second" | "seconds" => 1,
            "min" | "mins" | "minute" | "minutes" => 60,
            "h" | "hour" | "hours" => 3600,
            "d" | "day" | "days" => 86_400,
            "w" | "week" | "weeks" => 604_800,
            _ => return None,
        };
        seconds = seconds.checked_add(digits.parse::<i64>().ok()?.checked_mul(factor)?)?;
        rest = after;
    }
    (!text.is_empty()).then_some(seconds)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    #[test]
    fn times_are_read_as_graphite_reads_them() {
        for (text, expected) in [
            ("now", Some(NOW)),
            ("1795423560", Some(1_795_423_560)),
            ("-90s", Some(NOW - 90)),
            ("-5min", Some(NOW - 300)),
            ("-1h30min", Some(NOW - 5400)),
            ("-2d", Some(NOW - 172_800)),
            ("-5m", None),
            ("-", None),
            ("5min", None),
            ("yesterday", None),
            ("-99999999999999999999s", None),
        ] {
            assert_eq!(instant(text, NOW).ok(), expected, "{text}");
        }
    }

    #[test]
    fn the_bucket_of_from_is_out_and_that_of_until_is_in() {
        let request = parse("target=a&from=1799999990&until=1799999995", b"", NOW).unwrap();
        assert_eq!(
            request.window,
            Window {
                start: NOW - 9,
                end: NOW - 4
            }
        );
    }

    #[test]
    fn a_window_never_reaches_beyond_what_is_kept_nor_into_the_future() {
        assert_eq!(
            window(0, NOW + 500, NOW).unwrap(),
            Window {
                start: NOW - 3599,
                end: NOW + 1
            }
        );
        assert_eq!(window(0, 10, NOW).unwrap(), Window { start: 10, end: 11 });
    }

    #[test]
    fn query_and_form_merge() {
        let request = parse("target=a&format=json", b"target=b&format=raw", NOW).unwrap();
        assert_eq!((request.queries.len(), request.format), (2, Format::Raw));
    }

    #[test]
    fn whoever_names_no_format_gets_a_drawing() {
        for (query, expected) in [
            ("target=a", Format::Drawing(586, 308)),
            (
                "target=a&format=png&width=99999&height=1",
                Format::Drawing(4000, 100),
            ),
            ("target=a&rawData=true", Format::Raw),
        ] {
            assert_eq!(parse(query, b"", NOW).unwrap().format, expected, "{query}");
        }
    }

    #[test]
    fn too_many_targets_are_refused() {
        assert_eq!(
            parse(&"target=a&".repeat(201), b"", NOW).unwrap_err(),
            "more than 200 targets"
        );
    }

    proptest! {
        #[test]
        fn every_window_is_small_and_not_empty(from in any::<i64>(), until in any::<i64>()) {
            if let Ok(window) = window(from, until, NOW) {
                prop_assert!(window.end > window.start);
                prop_assert!(window.end - window.start <= SECONDS + 1);
            }
        }

        #[test]
        fn no_time_makes_it_panic(text in "-?[0-9smhdwin]{0,30}") {
            let _ = instant(&text, NOW);
        }
    }
}
