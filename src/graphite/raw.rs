//! Graphite's raw format: `name,start,end,step|v,v,...`, one series a line.
//!
//! Nothing in it is escaped and names hold commas and bars, so a line is read
//! from its right: the last `|`, then three commas. Times are counted from
//! `start`; `end` (exclusive) is not trusted with anything. Graphite ends every
//! line, the last one too, so an answer that ends elsewhere was cut off: that
//! alone tells a number from its first half where a transport cannot.
//!
//! Values are not read here. One vectorised pass over them counts the commas and
//! refuses bytes that no number has (a web page spliced into an answer); that a
//! field is a number in every respect is checked when somebody reads it.

use std::cell::Cell;

use super::decode::{Content, DecodeError, Sink, keep};
use super::series::{Points, Series, split_around, value};
use super::words;

/// Reads the format as it arrives.
#[derive(Debug, Default)]
pub(super) struct Raw {
    /// The beginning of a line whose end has not come yet.
    partial: Vec<u8>,
    lines: u64,
    series: usize,
    corrupt: Cell<bool>,
}

impl Raw {
    pub(super) fn push(&mut self, chunk: &[u8], sink: &mut Sink<'_>) -> Result<(), DecodeError> {
        let mut rest = chunk;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = split_around(rest, end);
            if self.partial.is_empty() {
                self.line(line, sink)?;
            } else {
                keep(&mut self.partial, line)?;
                // Taken out while it is read, put back for its capacity.
                let mut whole = std::mem::take(&mut self.partial);
                let result = self.line(&whole, sink);
                whole.clear();
                self.partial = whole;
                result?;
            }
            rest = after;
        }
        keep(&mut self.partial, rest)
    }

    pub(super) fn finish(&self) -> Result<(), DecodeError> {
        match self.partial.is_empty() {
            true => Ok(()),
            // Not an unfinished answer of ours, but one of something else.
            false if self.lines == 0 && read_head(&self.partial).is_none() => {
                Err(Content::sniff(&self.partial).map_or(DecodeError::CutOff, DecodeError::Other))
            }
            false => Err(DecodeError::CutOff),
        }
    }

    pub(super) fn series(&self) -> usize {
        self.series
    }

    pub(super) fn held(&self) -> usize {
        self.partial.capacity()
    }

    fn line(&mut self, line: &[u8], sink: &mut Sink<'_>) -> Result<(), DecodeError> {
        self.lines += 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return Ok(());
        }
        let Some(head) = read_head(line) else {
            return Err(self.no_head(line));
        };
        let Some(count) = count_values(head.values) else {
            return Err(self.no_number(&head));
        };
        self.series += 1;
        sink(Series {
            legend: String::from_utf8_lossy(head.name),
            step: (head.step > 0).then_some(head.step),
            points: Points::from_raw(head.values, count, head.start, head.step, &self.corrupt),
        });
        match self.corrupt.get() {
            true => Err(self.no_number(&head)),
            false => Ok(()),
        }
    }

    fn no_head(&self, line: &[u8]) -> DecodeError {
        if self.lines == 1
            && let Some(content) = Content::sniff(line)
        {
            return DecodeError::Other(content);
        }
        let found = words::clip(&String::from_utf8_lossy(line), 60);
        DecodeError::Wrong {
            place: format!("line {}", self.lines),
            what: format!("expected `name,start,end,step|values`, found `{found}`"),
        }
    }

    fn no_number(&self, head: &Head<'_>) -> DecodeError {
        let name = words::clip(&String::from_utf8_lossy(head.name), 60);
        let field = head
            .values
            .split(|&byte| byte == b',')
            .find(|field| value(field).is_none());
        let found = words::clip(&String::from_utf8_lossy(field.unwrap_or_default()), 40);
        DecodeError::Wrong {
            place: format!("line {}", self.lines),
            what: format!("expected numbers for series `{name}`, found `{found}`"),
        }
    }
}

struct Head<'a> {
    name: &'a [u8],
    start: i64,
    step: i64,
    values: &'a [u8],
}

fn read_head(line: &[u8]) -> Option<Head<'_>> {
    let (head, values) = split_around(line, memchr::memrchr(b'|', line)?);
    let (head, step) = split_around(head, memchr::memrchr(b',', head)?);
    let (head, end) = split_around(head, memchr::memrchr(b',', head)?);
    let (name, start) = split_around(head, memchr::memrchr(b',', head)?);
    whole_number(end)?;
    Some(Head {
        name,
        start: whole_number(start)?,
        step: whole_number(step).filter(|step| *step >= 0)?,
        values,
    })
}

fn whole_number(field: &[u8]) -> Option<i64> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// How many values there are; `None` where a byte belongs to no number.
fn count_values(values: &[u8]) -> Option<usize> {
    let mut commas = 0;
    // Of a length that is known and so short that a byte can count the commas of
    // one: the loop then works on 16 or 32 bytes at a time.
    let (parts, rest) = values.as_chunks::<64>();
    for part in parts {
        let mut here = 0_u8;
        let mut rare = false;
        for &byte in part {
            here += u8::from(byte == b',');
            rare |= !of_most_numbers(byte);
        }
        if rare && !part.iter().all(|&byte| of_a_number(byte)) {
            return None;
        }
        commas += usize::from(here);
    }
    for &byte in rest {
        if !of_a_number(byte) {
            return None;
        }
        commas += usize::from(byte == b',');
    }
    Some(commas + usize::from(!values.is_empty()))
}

/// What nearly all values are made of: digits, `+ , - .`, and the letters of
/// `None`. In few comparisons: `+` to `9` is all of the former, and `/`.
fn of_most_numbers(byte: u8) -> bool {
    let letter = byte | 0x20;
    (byte.wrapping_sub(b'+') < 15 && byte != b'/')
        || letter.wrapping_sub(b'n') < 2
        || letter == b'e'
}

/// The same, and the letters of `nan inf Infinity 5L`.
fn of_a_number(byte: u8) -> bool {
    of_most_numbers(byte) || matches!(byte | 0x20, b'a' | b'i' | b'f' | b't' | b'y' | b'l')
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

    type Read = (String, Option<i64>, Vec<(i64, String)>);

    fn read(body: impl AsRef<[u8]>) -> Result<Vec<Read>, DecodeError> {
        let mut raw = Raw::default();
        let mut all = Vec::new();
        raw.push(body.as_ref(), &mut |series: Series<'_>| {
            let points = series.points.map(|p| (p.at, p.value.to_string()));
            all.push((series.legend.into_owned(), series.step, points.collect()));
        })?;
        raw.finish()?;
        Ok(all)
    }

    fn check(line: &str, name: &str, points: &[(i64, &str)]) {
        let points = points
            .iter()
            .map(|(at, v)| (*at, (*v).to_owned()))
            .collect::<Vec<_>>();
        let all = read(format!("{line}\n")).unwrap();
        assert_eq!(all.len(), 1, "{line}");
        assert_eq!(all[0].0, name, "{line}");
        assert_eq!(all[0].2, points, "{line}");
    }

    #[test]
    fn a_line_is_a_series() {
        check(
            "a.b,60,240,60|13.0,12.0,None",
            "a.b",
            &[(60, "13"), (120, "12"), (180, "NaN")],
        );
    }

    #[test]
    fn special_values_of_all_servers_are_read() {
        check(
            "a,0,8,1|None,nan,inf,-inf,+Inf,-Inf,5L,1e5",
            "a",
            &[
                (0, "NaN"),
                (1, "NaN"),
                (2, "inf"),
                (3, "-inf"),
                (4, "inf"),
                (5, "-inf"),
                (6, "5"),
                (7, "100000"),
            ],
        );
    }

    #[test]
    fn names_hold_commas_and_bars() {
        check("a b, c|d,60,120,60|1", "a b, c|d", &[(60, "1")]);
        check("f(a,1,2,3|4),60,120,60|1", "f(a,1,2,3|4)", &[(60, "1")]);
        check("|,60,120,60|1", "|", &[(60, "1")]);
        check(",60,120,60|1", "", &[(60, "1")]);
    }

    #[test]
    fn names_need_not_be_utf8() {
        let all = read(b"caf\xe9,60,120,60|1\n").unwrap();
        assert_eq!(all[0].0, "caf\u{fffd}");
    }

    #[test]
    fn a_series_may_have_no_points() {
        check("a,60,60,60|", "a", &[]);
    }

    #[test]
    fn times_count_from_the_start_whatever_the_end_says() {
        check("a,60,61,60|1,2", "a", &[(60, "1"), (120, "2")]);
        check("a,60,6000,60|1,2", "a", &[(60, "1"), (120, "2")]);
    }

    #[test]
    fn a_step_of_zero_is_an_unknown_step() {
        let all = read("a,60,60,0|1,2\n").unwrap();
        assert_eq!(all[0].1, None);
        assert_eq!(read("a,60,60,60|1\n").unwrap()[0].1, Some(60));
    }

    #[test]
    fn an_empty_answer_has_no_series() {
        assert_eq!(read("").unwrap(), []);
        assert_eq!(read("\n").unwrap(), []);
    }

    #[test]
    fn lines_may_end_as_windows_ends_them() {
        assert_eq!(read("a,60,120,60|1\r\nb,60,120,60|2\r\n").unwrap().len(), 2);
    }

    #[test]
    fn an_answer_that_does_not_end_its_last_line_was_cut_off() {
        assert_eq!(
            read("a,60,120,60|1\nb,60,120,60|23"),
            Err(DecodeError::CutOff)
        );
        assert_eq!(read("a,6"), Err(DecodeError::CutOff));
    }

    #[track_caller]
    fn wrong(body: impl AsRef<[u8]>, expected: &str) {
        match read(body) {
            Err(DecodeError::Wrong { place, what }) => {
                assert_eq!(format!("{place}: {what}"), expected)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_newline_in_a_name_fails_rather_than_names_another_series() {
        wrong(
            "a\nb,60,120,60|1\n",
            "line 1: expected `name,start,end,step|values`, found `a`",
        );
    }

    #[test]
    fn a_line_of_something_else_is_quoted() {
        wrong(
            "a,60,120,60|1\nMemoryError\n",
            "line 2: expected `name,start,end,step|values`, found `MemoryError`",
        );
        wrong(
            "a,x,120,60|1\n",
            "line 1: expected `name,start,end,step|values`, found `a,x,120,60|1`",
        );
        wrong(
            "a,60,120,-60|1\n",
            "line 1: expected `name,start,end,step|values`, found `a,60,120,-60|1`",
        );
    }

    #[test]
    fn a_byte_that_no_number_has_is_seen_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            let allowed = b"0123456789+,-.NnOoEeAaIiFfTtYyLl".contains(&byte);
            for place in [0, 63, 64, 99] {
                let mut values = b"1,2.5,None,"[..].repeat(10)[..100].to_vec();
                values[place] = byte;
                let commas = values.iter().filter(|&&byte| byte == b',').count();
                let expected = allowed.then_some(commas + 1);
                assert_eq!(count_values(&values), expected, "{byte:#x} at {place}");
            }
        }
        assert_eq!(count_values(b""), Some(0));
    }

    #[test]
    fn a_value_that_is_no_number_fails_the_answer() {
        wrong(
            "a,60,120,60|1,2.2.2\n",
            "line 1: expected numbers for series `a`, found `2.2.2`",
        );
        wrong(
            "a,60,120,60|1,,2\n",
            "line 1: expected numbers for series `a`, found ``",
        );
    }

    #[test]
    fn a_web_page_amid_values_fails_even_where_nobody_reads_it() {
        let mut raw = Raw::default();
        let body = b"a,60,120,60|1,<html>Bad Gateway</html>,3\n";
        let result = raw.push(body, &mut |series: Series<'_>| {
            let _ = series.points.last();
        });
        assert!(
            matches!(result, Err(DecodeError::Wrong { .. })),
            "{result:?}"
        );
    }

    #[test]
    fn another_format_is_recognised() {
        for (body, content) in [
            ("[{\"target\": \"a\", \"datapoints\": []}]", Content::Json),
            ("[]", Content::Json),
            ("[]\n", Content::Json),
            ("<!DOCTYPE html>\n<title>Sign in</title>\n", Content::Html),
        ] {
            assert_eq!(read(body), Err(DecodeError::Other(content)), "{body}");
        }
        assert_eq!(
            read(b"\x89PNG\r\n\x1a\n"),
            Err(DecodeError::Other(Content::Picture))
        );
    }

    #[test]
    fn an_endless_line_is_refused_before_it_takes_the_memory() {
        let mut raw = Raw::default();
        let chunk = vec![b'1'; 1 << 20];
        let mut taken = 0;
        let error = loop {
            match raw.push(&chunk, &mut |_: Series<'_>| ()) {
                Ok(()) => taken += chunk.len(),
                Err(error) => break error,
            }
        };
        assert_eq!(error, DecodeError::TooLong);
        assert!(
            taken <= MAX_ELEMENT && raw.partial.capacity() <= MAX_ELEMENT,
            "{taken}"
        );
    }

    #[test]
    fn values_are_counted_across_the_parts_of_the_pass() {
        for count in [1, 127, 128, 129, 1000] {
            let values = vec!["1"; count].join(",");
            assert_eq!(count_values(values.as_bytes()), Some(count));
        }
        assert_eq!(count_values(&vec![b','; 1000]), Some(1001));
    }

    #[test]
    fn lines_in_a_row_reuse_one_buffer() {
        let mut raw = Raw::default();
        let mut capacity = 0;
        for round in 0..100 {
            for part in ["a.rather.long.name,60,", "240,60|1,", "2,3\n"] {
                raw.push(part.as_bytes(), &mut |series: Series<'_>| {
                    assert!(matches!(series.legend, std::borrow::Cow::Borrowed(_)));
                })
                .unwrap();
            }
            match round {
                0 => capacity = raw.partial.capacity(),
                _ => assert_eq!(raw.partial.capacity(), capacity),
            }
        }
    }
}
