//! The text of a JSON string, as it is written by servers that are not strict.
//!
//! Beside JSON's own escapes, carbonapi writes Go's (`\x07`, `\U0001f600`, `\a`,
//! `\v`). A name is never worth an alert that is not judged: what cannot be a
//! character becomes U+FFFD, and an escape that nobody knows stands for itself.

use std::borrow::Cow;

/// The text between the quotes of a string, borrowed where nothing is escaped.
pub(super) fn unescape(written: &[u8]) -> Cow<'_, str> {
    if memchr::memchr(b'\\', written).is_none() {
        return String::from_utf8_lossy(written);
    }
    let mut out = Vec::with_capacity(written.len());
    let mut rest = written;
    while let Some(here) = memchr::memchr(b'\\', rest) {
        let (before, from) = rest.split_at_checked(here).unwrap_or((rest, &[]));
        out.extend_from_slice(before);
        let (length, escaped) = escape(from);
        escaped.write(from, &mut out);
        rest = from.get(length..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

enum Escaped {
    Char(char),
    /// A byte of a name that was no UTF-8 in Go.
    Byte(u8),
    /// The two bytes as they are.
    Itself,
}

impl Escaped {
    fn write(&self, from: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Char(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Self::Byte(byte) => out.push(*byte),
            Self::Itself => out.extend_from_slice(from.get(..2).unwrap_or(from)),
        }
    }
}

/// The escape that `from` begins with: its length and what it stands for.
fn escape(from: &[u8]) -> (usize, Escaped) {
    let char = |c| (2, Escaped::Char(c));
    match from.get(1) {
        Some(b'"') => char('"'),
        Some(b'\\') => char('\\'),
        Some(b'/') => char('/'),
        Some(b'b') => char('\u{8}'),
        Some(b'f') => char('\u{c}'),
        Some(b'n') => char('\n'),
        Some(b'r') => char('\r'),
        Some(b't') => char('\t'),
        Some(b'a') => char('\u{7}'),
        Some(b'v') => char('\u{b}'),
        Some(b'\'') => char('\''),
        Some(b'x') => match hex(from, 2, 2).and_then(|byte| u8::try_from(byte).ok()) {
            Some(byte) => (4, Escaped::Byte(byte)),
            None => (2, Escaped::Itself),
        },
        Some(b'u') => match hex(from, 2, 4) {
            Some(unit) => utf16(from, unit),
            None => (2, Escaped::Itself),
        },
        Some(b'U') => match hex(from, 2, 8) {
            Some(code) => (10, Escaped::Char(char_or_replacement(code))),
            None => (2, Escaped::Itself),
        },
        _ => (2, Escaped::Itself),
    }
}

/// `\uXXXX`, or two of them where the first is half a character.
fn utf16(from: &[u8], unit: u32) -> (usize, Escaped) {
    if (0xd800..0xdc00).contains(&unit)
        && from.get(6..8) == Some(b"\\u")
        && let Some(low) = hex(from, 8, 4)
        && (0xdc00..0xe000).contains(&low)
    {
        let code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        return (12, Escaped::Char(char_or_replacement(code)));
    }
    (6, Escaped::Char(char_or_replacement(unit)))
}

fn char_or_replacement(code: u32) -> char {
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn hex(bytes: &[u8], from: usize, length: usize) -> Option<u32> {
    let digits = bytes.get(from..from + length)?;
    digits.iter().try_fold(0_u32, |number, digit| {
        Some(number << 4 | char::from(*digit).to_digit(16)?)
    })
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

    #[track_caller]
    fn check(written: &str, expected: &str) {
        assert_eq!(unescape(written.as_bytes()), expected, "{written}");
    }

    #[test]
    fn text_without_escapes_is_borrowed() {
        assert!(matches!(
            unescape("servers.wéb".as_bytes()),
            Cow::Borrowed("servers.wéb")
        ));
    }

    #[test]
    fn escapes_of_json() {
        check(r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t");
        check(r"\u0041\u00e4\u20AC", "Aä€");
        check(r"a\ud83d\ude00b", "a😀b");
    }

    #[test]
    fn escapes_of_go() {
        check(r"\x07\a\v\U0001f600", "\u{7}\u{7}\u{b}😀");
        check(r"caf\xc3\xa9", "café");
        check(r"caf\xe9", "caf\u{fffd}");
    }

    #[test]
    fn half_characters_are_replaced() {
        check(r"a\ud83db", "a\u{fffd}b");
        check(r"\ude00", "\u{fffd}");
        check(r"\ud83d\u0041", "\u{fffd}A");
        check(r"\Uffffffff", "\u{fffd}");
    }

    #[test]
    fn unknown_and_unfinished_escapes_stand_for_themselves() {
        check(r"\q\d", r"\q\d");
        check(r"\u12", r"\u12");
        check(r"\xg1", r"\xg1");
        check("\\", "\\");
        check(r"\\\", r"\\");
    }

    proptest! {
        #[test]
        fn what_serde_writes_is_read_back(text in any::<String>()) {
            let written = serde_json::to_string(&text).unwrap();
            let inside = &written.as_bytes()[1..written.len() - 1];
            prop_assert_eq!(unescape(inside), text);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(prop_oneof![Just(b'\\'), Just(b'u'), Just(b'd'), any::<u8>()], 0..40)) {
            let _ = unescape(&bytes);
        }
    }
}
