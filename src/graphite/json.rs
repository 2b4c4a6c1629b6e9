//! Graphite's json format: `[{"target": ..., "datapoints": [[value, time], ...]}, ...]`.
//!
//! No tree is built. The list is cut into its elements while it arrives (only
//! strings and braces matter for that), and each element is read on its own by
//! `element.rs` into one buffer of points that all of them share. The answer is
//! whole when the list's end was seen; anything else was cut off. An object in
//! the list's place is a server that says that it failed.
//!
//! VictoriaMetrics gives every tagged series the same `target`; only `tags`,
//! which nobody reads here, tell those apart. They count as one legend that
//! came several times.

use crate::alert::Point;

use super::decode::{Content, DecodeError, Sink, keep};
use super::element::{self, Wrong};
use super::series::{Points, Series};
use super::unescape::unescape;
use super::words;

/// Bytes of an object in the list's place that are kept for its message.
const MAX_REPORT: usize = 64 << 10;

/// Reads the format as it arrives.
#[derive(Debug, Default)]
pub(super) struct Json {
    state: State,
    /// Braces open in the present element, and where in a string it is.
    nesting: Nesting,
    /// The beginning of an element whose end has not come yet.
    partial: Vec<u8>,
    points: Vec<Point>,
    series: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing but blanks so far.
    #[default]
    Start,
    /// After `[`: an element or the end.
    First,
    /// After a comma: an element.
    Next,
    Element,
    /// After an element: a comma or the end.
    After,
    /// An object in the list's place.
    Report,
    End,
}

impl Json {
    pub(super) fn push(&mut self, chunk: &[u8], sink: &mut Sink<'_>) -> Result<(), DecodeError> {
        let mut rest = chunk;
        loop {
            rest = match self.state {
                State::Element => match self.nesting.end(rest) {
                    Some(end) => {
                        let (element, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
                        self.complete(element, sink)?;
                        after
                    }
                    None => return keep(&mut self.partial, rest),
                },
                State::Report => return self.keep_report(rest),
                _ => match self.between(rest)? {
                    Some(after) => after,
                    None => return Ok(()),
                },
            };
        }
    }

    pub(super) fn finish(&self) -> Result<(), DecodeError> {
        match self.state {
            State::End => Ok(()),
            State::Report => Err(report(&self.partial)),
            State::Start => Err(DecodeError::Wrong {
                place: "the answer".to_owned(),
                what: "expected a list of series, found nothing".to_owned(),
            }),
            _ => Err(DecodeError::CutOff),
        }
    }

    pub(super) fn series(&self) -> usize {
        self.series
    }

    pub(super) fn held(&self) -> usize {
        let points = self.points.capacity().saturating_mul(size_of::<Point>());
        self.partial.capacity().saturating_add(points)
    }

    /// Takes one byte between elements; `None` where only blanks are left.
    fn between<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<&'a [u8]>, DecodeError> {
        let bytes = bytes.trim_ascii_start();
        let Some((&first, after)) = bytes.split_first() else {
            return Ok(None);
        };
        let (state, rest) = match (self.state, first) {
            // A byte order mark.
            (State::Start, 0xef | 0xbb | 0xbf) => (State::Start, after),
            (State::Start, b'[') => (State::First, after),
            (State::Start, b'{') => (State::Report, bytes),
            (State::First | State::Next, b'{') => (State::Element, bytes),
            (State::First | State::After, b']') => (State::End, after),
            (State::After, b',') => (State::Next, after),
            _ => return Err(self.unexpected(bytes)),
        };
        self.state = state;
        Ok(Some(rest))
    }

    fn unexpected(&self, bytes: &[u8]) -> DecodeError {
        if self.state == State::Start
            && let Some(content) = Content::sniff(bytes)
        {
            return DecodeError::Other(content);
        }
        let expected = match self.state {
            State::Start => "a list of series",
            State::First | State::Next => "a series `{...}`",
            State::End => "nothing more after the list",
            _ => "`,` or `]` after a series",
        };
        let found = words::clip(
            &String::from_utf8_lossy(bytes.get(..200).unwrap_or(bytes)),
            40,
        );
        DecodeError::Wrong {
            place: format!("after {} series", self.series),
            what: format!("expected {expected}, found `{found}`"),
        }
    }

    fn keep_report(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        let room = MAX_REPORT.saturating_sub(self.partial.len());
        match bytes.get(..room) {
            Some(fits) => {
                self.partial.extend_from_slice(fits);
                Err(report(&self.partial))
            }
            None => {
                self.partial.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// Reads the element that ends with `tail` and hands it on.
    fn complete(&mut self, tail: &[u8], sink: &mut Sink<'_>) -> Result<(), DecodeError> {
        self.state = State::After;
        if self.partial.is_empty() {
            return self.element(tail, sink);
        }
        keep(&mut self.partial, tail)?;
        // Taken out while it is read, put back for its capacity.
        let mut whole = std::mem::take(&mut self.partial);
        let result = self.element(&whole, sink);
        whole.clear();
        self.partial = whole;
        result
    }

    fn element(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), DecodeError> {
        self.series += 1;
        let name =
            element::read(bytes, &mut self.points).map_err(|wrong| self.wrong(&wrong, bytes))?;
        sink(Series {
            legend: unescape(name),
            step: None,
            points: Points::from_slice(&self.points),
        });
        Ok(())
    }

    fn wrong(&self, wrong: &Wrong, bytes: &[u8]) -> DecodeError {
        let from = bytes.get(wrong.at..).unwrap_or_default();
        let found = words::clip(
            &String::from_utf8_lossy(from.get(..200).unwrap_or(from)),
            40,
        );
        DecodeError::Wrong {
            place: format!("series {}", self.series),
            what: format!("expected {}, found `{found}`", wrong.expected),
        }
    }
}

/// The braces of one element, counted across chunks.
#[derive(Debug, Default)]
struct Nesting {
    open: u32,
    in_string: bool,
    escaped: bool,
}

impl Nesting {
    /// The place after the brace that closes the element, if it is in `bytes`.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..)?;
            at = match self.in_string {
                true => at + self.string(rest)?,
                false => {
                    let here = memchr::memchr3(b'"', b'{', b'}', rest)?;
                    match rest.get(here) {
                        Some(b'"') => self.in_string = true,
                        Some(b'{') => self.open = self.open.saturating_add(1),
                        _ => self.open = self.open.saturating_sub(1),
                    }
                    at + here + 1
                }
            };
            if self.open == 0 && !self.in_string {
                return Some(at);
            }
        }
    }

    /// How much of `rest`, which is inside a string, was passed; `None`: all of it.
    fn string(&mut self, rest: &[u8]) -> Option<usize> {
        if self.escaped && !rest.is_empty() {
            self.escaped = false;
            return Some(1);
        }
        let here = memchr::memchr2(b'"', b'\\', rest)?;
        match rest.get(here) {
            Some(b'"') => self.in_string = false,
            _ => self.escaped = true,
        }
        Some(here + 1)
    }
}

/// What an object in the list's place says.
fn report(object: &[u8]) -> DecodeError {
    match element::message(object) {
        Some(message) => DecodeError::Reported(words::clip(&unescape(message), words::MAX_WORDS)),
        None => DecodeError::Wrong {
            place: "the answer".to_owned(),
            what: format!(
                "expected a list of series, found `{}`",
                words::clip(&String::from_utf8_lossy(object), 40)
            ),
        },
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
    use crate::graphite::decode::MAX_ELEMENT;

    type Read = (String, Vec<(i64, String)>);

    fn read(body: impl AsRef<[u8]>) -> Result<Vec<Read>, DecodeError> {
        let mut json = Json::default();
        let mut all = Vec::new();
        json.push(body.as_ref(), &mut |series: Series<'_>| {
            assert_eq!(series.step, None);
            let points = series.points.map(|p| (p.at, p.value.to_string()));
            all.push((series.legend.into_owned(), points.collect()));
        })?;
        json.finish()?;
        Ok(all)
    }

    #[track_caller]
    fn names(body: &str, expected: &[&str]) {
        let all = read(body).unwrap();
        assert_eq!(
            all.iter().map(|s| s.0.as_str()).collect::<Vec<_>>(),
            expected,
            "{body}"
        );
    }

    #[test]
    fn a_list_of_series_is_read() {
        let body = r#"[{"target": "a.b", "tags": {"name": "a.b"}, "datapoints": [[13.0, 60], [null, 120]]},
                       {"target": "c", "tags": {}, "datapoints": []}]"#;
        let expected = vec![
            (
                "a.b".to_owned(),
                vec![(60, "13".to_owned()), (120, "NaN".to_owned())],
            ),
            ("c".to_owned(), vec![]),
        ];
        assert_eq!(read(body).unwrap(), expected);
    }

    #[test]
    fn an_empty_list_has_no_series() {
        for body in ["[]", " [ ]\n", "\u{feff}[]"] {
            names(body, &[]);
        }
    }

    #[test]
    fn braces_and_quotes_in_names_do_not_end_a_series() {
        names(
            r#"[{"target": "a}{\"]\\", "datapoints": []}, {"target": "[{", "datapoints": []}]"#,
            &["a}{\"]\\", "[{"],
        );
    }

    #[test]
    fn the_same_name_may_come_twice() {
        let body = r#"[{"target":"m","tags":{"h":"a"},"datapoints":[]},{"target":"m","tags":{"h":"b"},"datapoints":[]}]"#;
        names(body, &["m", "m"]);
    }

    #[track_caller]
    fn fails(body: &str, expected: DecodeError) {
        assert_eq!(read(body), Err(expected), "{body}");
    }

    #[track_caller]
    fn wrong(body: &str, expected: &str) {
        match read(body) {
            Err(DecodeError::Wrong { place, what }) => {
                assert_eq!(format!("{place}: {what}"), expected)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_answer_without_its_end_was_cut_off() {
        for body in [
            "[",
            r#"[{"target": "a", "datapoints": [[1"#,
            r#"[{"target": "a", "datapoints": []}"#,
            r#"[{"target": "a", "datapoints": []},"#,
        ] {
            fails(body, DecodeError::CutOff);
        }
    }

    #[test]
    fn an_empty_answer_is_not_an_empty_list() {
        wrong("", "the answer: expected a list of series, found nothing");
        wrong(
            " \n",
            "the answer: expected a list of series, found nothing",
        );
    }

    #[test]
    fn a_server_that_reports_an_error_is_quoted() {
        let body = r#"{"status": "error", "error": "cannot parse \"x\"\nat 1"}"#;
        fails(
            body,
            DecodeError::Reported("cannot parse \"x\" at 1".to_owned()),
        );
        fails(
            r#"{"error": {"code": 7}}"#,
            DecodeError::Reported("{\"code\": 7}".to_owned()),
        );
    }

    #[test]
    fn an_error_object_that_never_ends_is_not_kept() {
        let mut json = Json::default();
        let mut error = json.push(
            br#"{"error": "out of memory", "more": ""#,
            &mut |_: Series<'_>| (),
        );
        while error.is_ok() {
            error = json.push(&[b'x'; 4096], &mut |_: Series<'_>| ());
            assert!(json.partial.len() <= MAX_REPORT);
        }
        assert_eq!(
            error,
            Err(DecodeError::Reported("out of memory".to_owned()))
        );
    }

    #[test]
    fn another_object_in_place_of_the_list_is_quoted() {
        wrong(
            r#"{"a": 1}"#,
            "the answer: expected a list of series, found `{\"a\": 1}`",
        );
    }

    #[test]
    fn what_is_no_list_says_what_was_expected() {
        wrong(
            "[1]",
            "after 0 series: expected a series `{...}`, found `1]`",
        );
        wrong(
            "[] x",
            "after 0 series: expected nothing more after the list, found `x`",
        );
        wrong(
            "null",
            "after 0 series: expected a list of series, found `null`",
        );
        wrong("[{}]", "series 1: expected a key `target`, found ``");
        wrong(
            r#"[{"target":"a","datapoints":[]} {"target":"b"}]"#,
            "after 1 series: expected `,` or `]` after a series, found `{\"target\":\"b\"}]`",
        );
        wrong(
            r#"[{"target":"a","datapoints":[]},]"#,
            "after 1 series: expected a series `{...}`, found `]`",
        );
        wrong(
            r#"[{"target":"a","datapoints":[[1.2.3,60]]}]"#,
            "series 1: expected `,` after a value, found `.3,60]]}`",
        );
    }

    #[test]
    fn another_format_is_recognised() {
        fails("<html>", DecodeError::Other(Content::Html));
        assert_eq!(
            read(b"\x89PNG\r\n"),
            Err(DecodeError::Other(Content::Picture))
        );
    }

    #[test]
    fn an_endless_series_is_refused_before_it_takes_the_memory() {
        let mut json = Json::default();
        let mut result = json.push(br#"[{"target": ""#, &mut |_: Series<'_>| ());
        let chunk = vec![b'x'; 1 << 20];
        while result.is_ok() {
            result = json.push(&chunk, &mut |_: Series<'_>| ());
        }
        assert_eq!(result, Err(DecodeError::TooLong));
        assert!(json.partial.capacity() <= MAX_ELEMENT);
    }
}
