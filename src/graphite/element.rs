//! One element of a json answer: a series, read from its whole text.
//!
//! More tolerant than JSON, for servers write what Python and Go print: `NaN`,
//! `Infinity`, `1e9999`. Keys come in any order, unknown ones are skipped, the
//! last of two equal ones counts. It holds no recursion, so nesting costs no
//! stack, and it allocates nothing but the points.

use crate::alert::Point;

/// Points that one series may have: as many as seconds in 24 days.
const MAX_POINTS: usize = 2 << 20;
/// Brackets that may be open within a value that is skipped.
const MAX_NESTING: u32 = 64;

/// Why a text is not a series.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Bytes before the place.
    pub at: usize,
    pub expected: &'static str,
}

/// Reads a series into `points`; gives its name as it is written, escapes and all.
pub(super) fn read<'a>(element: &'a [u8], points: &mut Vec<Point>) -> Result<&'a [u8], Wrong> {
    let mut cursor = Cursor::new(element);
    let mut name = None;
    let mut has_points = false;
    cursor.fields(|cursor, key| {
        match key {
            b"target" => name = Some(cursor.string()?),
            b"datapoints" => {
                cursor.datapoints(points)?;
                has_points = true;
            }
            _ => cursor.skip()?,
        }
        Ok(())
    })?;
    if cursor.peek().is_some() {
        return Err(cursor.expected("nothing after `}`"));
    }
    match name {
        Some(name) if has_points => Ok(name),
        Some(_) => Err(cursor.expected("a key `datapoints`")),
        None => Err(cursor.expected("a key `target`")),
    }
}

/// What an object's key `error` says: a string without its quotes, or the text
/// of any other value. The object may be cut off after it.
pub(super) fn message(object: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor::new(object);
    let mut message = None;
    // What comes after the message does not matter.
    let _ = cursor.fields(|cursor, key| {
        if key == b"error" {
            message = Some(match cursor.peek() {
                Some(b'"') => cursor.string()?,
                _ => {
                    let from = cursor.at;
                    cursor.skip()?;
                    cursor.bytes.get(from..cursor.at).unwrap_or_default()
                }
            });
        } else {
            cursor.skip()?;
        }
        Ok(())
    });
    message
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The next byte that is not blank.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn need(&mut self, byte: u8, expected: &'static str) -> Result<(), Wrong> {
        match self.take(byte) {
            true => Ok(()),
            false => Err(self.expected(expected)),
        }
    }

    fn expected(&self, expected: &'static str) -> Wrong {
        Wrong {
            at: self.at,
            expected,
        }
    }

    /// Calls `field` at each value of an object, with its key.
    fn fields(
        &mut self,
        mut field: impl FnMut(&mut Self, &'a [u8]) -> Result<(), Wrong>,
    ) -> Result<(), Wrong> {
        self.need(b'{', "`{`")?;
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            let key = self.string()?;
            self.need(b':', "`:` after a key")?;
            field(self, key)?;
            if self.take(b'}') {
                return Ok(());
            }
            self.need(b',', "`,` or `}` after a value")?;
        }
    }

    /// What stands between quotes, as it is written.
    fn string(&mut self) -> Result<&'a [u8], Wrong> {
        self.need(b'"', "a string")?;
        let rest = self.rest();
        let mut end = 0;
        loop {
            let from = rest.get(end..).unwrap_or_default();
            let Some(here) = memchr::memchr2(b'"', b'\\', from) else {
                return Err(self.expected("a string that ends"));
            };
            end += here;
            if rest.get(end) == Some(&b'"') {
                break;
            }
            end += 2;
        }
        self.at += end + 1;
        Ok(rest.get(..end).unwrap_or_default())
    }

    fn datapoints(&mut self, points: &mut Vec<Point>) -> Result<(), Wrong> {
        points.clear();
        // Go writes a list that was never made so.
        if self.null() {
            return Ok(());
        }
        self.need(b'[', "a list of points")?;
        if self.take(b']') {
            return Ok(());
        }
        loop {
            let point = self.point()?;
            if points.len() >= MAX_POINTS {
                return Err(self.expected("fewer points"));
            }
            points.push(point);
            if self.take(b']') {
                return Ok(());
            }
            self.need(b',', "`,` or `]` after a point")?;
        }
    }

    fn point(&mut self) -> Result<Point, Wrong> {
        self.need(b'[', "a point `[value, time]`")?;
        let value = match self.null() {
            true => f64::NAN,
            false => self.number("a value")?,
        };
        self.need(b',', "`,` after a value")?;
        let at = self.time()?;
        self.need(b']', "`]` after a time")?;
        Ok(Point { at, value })
    }

    fn null(&mut self) -> bool {
        let found = self.peek() == Some(b'n') && self.rest().starts_with(b"null");
        self.at += if found { 4 } else { 0 };
        found
    }

    /// A number as JSON, Python or Go writes it; one too large is infinite.
    fn number(&mut self, expected: &'static str) -> Result<f64, Wrong> {
        self.peek();
        match fast_float2::parse_partial::<f64, _>(self.rest()) {
            Ok((value, length)) if length > 0 => {
                self.at += length;
                // All nulls and NaNs are one and the same NaN.
                Ok(if value.is_nan() { f64::NAN } else { value })
            }
            _ => Err(self.expected(expected)),
        }
    }

    /// Epoch seconds: whole ones nearly always, so these go the short way.
    fn time(&mut self) -> Result<i64, Wrong> {
        self.peek();
        let rest = self.rest();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let whole = !matches!(rest.get(digits), Some(b'.' | b'e' | b'E'));
        if (1..=18).contains(&digits) && whole {
            self.at += digits;
            let digits = rest.get(..digits).unwrap_or_default();
            return Ok(digits
                .iter()
                .fold(0, |time, digit| time * 10 + i64::from(digit - b'0')));
        }
        let start = self.at;
        let time = self.number("a time in seconds")?;
        if !time.is_finite() || time.abs() > 1e15 {
            self.at = start;
            return Err(self.expected("a time in seconds"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "finite and below 1e15")]
        Ok(time.floor() as i64)
    }

    /// Passes any value.
    fn skip(&mut self) -> Result<(), Wrong> {
        // One bit for each open bracket: set for an object.
        let mut kinds = 0_u64;
        let mut open = 0_u32;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                }
                Some(byte @ (b'{' | b'[')) => {
                    if open >= MAX_NESTING {
                        return Err(self.expected("less nesting"));
                    }
                    kinds = kinds << 1 | u64::from(byte == b'{');
                    open += 1;
                    self.at += 1;
                    continue;
                }
                Some(byte @ (b'}' | b']')) if open > 0 => {
                    if (kinds & 1 == 1) != (byte == b'}') {
                        return Err(self.expected("brackets that match"));
                    }
                    kinds >>= 1;
                    open -= 1;
                    self.at += 1;
                }
                Some(b',' | b':') if open > 0 => {
                    self.at += 1;
                    continue;
                }
                _ => self.word()?,
            }
            if open == 0 {
                return Ok(());
            }
        }
    }

    /// Passes a number, `true`, `null` and whatever else looks like a word.
    fn word(&mut self) -> Result<(), Wrong> {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-._".contains(byte);
        match self.rest().iter().take_while(|byte| is_word(byte)).count() {
            0 => Err(self.expected("a value")),
            length => {
                self.at += length;
                Ok(())
            }
        }
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

    fn values(written: &str) -> Result<Vec<(i64, String)>, Wrong> {
        let mut points = Vec::new();
        let text = format!(r#"{{"target": "a", "datapoints": {written}}}"#);
        read(text.as_bytes(), &mut points)?;
        Ok(points.iter().map(|p| (p.at, p.value.to_string())).collect())
    }

    #[track_caller]
    fn check(value: &str, expected: &str) {
        let read = values(&format!("[[{value}, 60]]"))
            .unwrap_or_else(|wrong| panic!("{value}: {wrong:?}"));
        assert_eq!(read, [(60, expected.to_owned())], "{value}");
    }

    #[test]
    fn special_values_of_all_servers_are_read() {
        check("null", "NaN");
        check("NaN", "NaN");
        check("Infinity", "inf");
        check("-Infinity", "-inf");
        check("1e9999", "inf");
        check("-1e9999", "-inf");
        check("3", "3");
        check("-2.5", "-2.5");
        check("1e-05", "0.00001");
        check("123456789012345678901", "123456789012345680000");
    }

    #[test]
    fn what_is_no_number_is_not_null() {
        for value in [
            "", "none", "\"5\"", "true", "nul", "nil", "1.2.3", "--1", "[1]", "1 2",
        ] {
            assert!(values(&format!("[[{value}, 60]]")).is_err(), "{value}");
        }
    }

    #[test]
    fn times_are_whole_seconds() {
        for (written, expected) in [
            ("1795423560", 1_795_423_560),
            ("1795423560.0", 1_795_423_560),
            ("1795423560.9", 1_795_423_560),
            ("1.79542356e9", 1_795_423_560),
            ("-60", -60),
            ("0", 0),
        ] {
            assert_eq!(values(&format!("[[1, {written}]]")).unwrap()[0].0, expected);
        }
        for written in [
            "null",
            "NaN",
            "1e9999",
            "\"60\"",
            "",
            "99999999999999999999",
        ] {
            assert!(values(&format!("[[1, {written}]]")).is_err(), "{written}");
        }
    }

    #[test]
    fn blanks_may_stand_anywhere() {
        assert_eq!(values("[ [ 1 , 60 ] , [ 2 ,\n120 ] ] ").unwrap().len(), 2);
        assert_eq!(values("[ ]").unwrap(), []);
        assert_eq!(values("null").unwrap(), []);
    }

    #[test]
    fn points_are_pairs() {
        for written in [
            "[1, 60]",
            "[[1]]",
            "[[1, 60, 2]]",
            "[[1, 60],]",
            "[[]]",
            "[null]",
            "{}",
            "1",
        ] {
            assert!(values(written).is_err(), "{written}");
        }
    }

    #[test]
    fn the_number_of_points_is_bounded() {
        let written = format!("[{}[1,2]]", "[1,2],".repeat(MAX_POINTS));
        assert_eq!(values(&written).unwrap_err().expected, "fewer points");
    }

    #[track_caller]
    fn name(element: &str) -> Result<String, Wrong> {
        let mut points = vec![Point { at: 1, value: 1.0 }];
        read(element.as_bytes(), &mut points).map(|name| String::from_utf8(name.to_vec()).unwrap())
    }

    #[test]
    fn keys_come_in_any_order_and_unknown_ones_are_skipped() {
        for element in [
            r#"{"datapoints": [], "target": "a"}"#,
            r#"{"x": {"target": "b", "y": [1, {"}": "]"}, null, true, -1e5, NaN]}, "target": "a", "datapoints": []}"#,
            r#"{"target": "a", "datapoints": [[1, 2]], "pathExpression": "a", "stepTime": 60}"#,
            r#"{"target": "b", "target": "a", "datapoints": []}"#,
        ] {
            assert_eq!(name(element).unwrap(), "a", "{element}");
        }
    }

    #[test]
    fn the_last_of_equal_keys_counts() {
        let mut points = Vec::new();
        let element = br#"{"target": "a", "datapoints": [[1, 1], [2, 2]], "datapoints": [[3, 3]]}"#;
        read(element, &mut points).unwrap();
        assert_eq!(points, [Point { at: 3, value: 3.0 }]);
    }

    #[test]
    fn a_series_needs_a_name_and_points() {
        assert_eq!(
            name(r#"{"datapoints": []}"#).unwrap_err().expected,
            "a key `target`"
        );
        assert_eq!(
            name(r#"{"target": "a"}"#).unwrap_err().expected,
            "a key `datapoints`"
        );
        assert_eq!(
            name(r#"{"target": null, "datapoints": []}"#)
                .unwrap_err()
                .expected,
            "a string"
        );
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            name(&format!(
                r#"{{"x": {open}{close}, "target": "a", "datapoints": []}}"#
            ))
        };
        assert!(nested(64).is_ok());
        assert_eq!(nested(65).unwrap_err().expected, "less nesting");
        assert!(nested(100_000).is_err());
    }

    #[test]
    fn brackets_must_match_in_what_is_skipped() {
        assert!(name(r#"{"x": [1}, "target": "a", "datapoints": []}"#).is_err());
        assert!(name(r#"{"x": , "target": "a", "datapoints": []}"#).is_err());
    }

    #[test]
    fn the_message_of_an_error_is_found_even_where_the_rest_is_cut() {
        assert_eq!(
            message(br#"{"a": [1], "error": "x\ny", "b"#),
            Some(&br"x\ny"[..])
        );
        assert_eq!(message(br#"{"a": 1}"#), None);
        assert_eq!(message(br#"{"error": ["#), None);
    }
}
