//! What Graphite is asked for: target expressions and the times around them.
//!
//! Graphite answers an unbalanced target with 200 and no series, which reads as
//! "nothing matched"; so a [`Target`] is checked where it is written. Only what
//! can never work is refused: functions, their arguments and the rest of the
//! grammar are the server's business, and servers differ.
//!
//! Plain relative times become epoch seconds, because servers disagree on their
//! units (`m` is a minute to one and an error to another) and because a slot
//! that is evaluated late must see the same window.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::time::Timestamp;

/// A Graphite target expression, checked for balance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target(Arc<str>);

impl Target {
    /// Takes an expression whose brackets and quotes are balanced; blanks around it are dropped.
    ///
    /// # Errors
    ///
    /// Says what is open or stray and at which character of `text`, counted from 1.
    pub fn parse(text: &str) -> Result<Self, String> {
        let target = text.trim();
        if target.is_empty() {
            return Err("a target is empty: expected a Graphite expression".to_owned());
        }
        let mut scan = Scan::default();
        let end = text.trim_end().len();
        for (column, (at, character)) in (1_usize..).zip(text.char_indices()) {
            if at >= end {
                break;
            }
            if scan.seen_nothing() && character.is_whitespace() {
                continue;
            }
            scan.take(column, character)?;
        }
        scan.finish()?;
        Ok(Self(target.into()))
    }

    /// The expression.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far an expression has been read.
#[derive(Default)]
struct Scan {
    /// Brackets not yet closed, with their columns.
    open: Vec<(char, usize)>,
    /// The quote not yet closed.
    quote: Option<(char, usize)>,
    /// Whether a backslash takes the next character's meaning.
    escaped: bool,
    /// The last character that is no blank, outside quotes.
    last: Option<(char, usize)>,
}

impl Scan {
    fn seen_nothing(&self) -> bool {
        self.last.is_none()
    }

    fn take(&mut self, column: usize, character: char) -> Result<(), String> {
        if character.is_control() {
            return Err(format!(
                "character {column} is the control character {}: write the target on one line, \
                 or fold it with `>-`",
                character.escape_default()
            ));
        }
        if std::mem::take(&mut self.escaped) {
            self.seen(character, column);
            return Ok(());
        }
        if let Some((quote, _)) = self.quote {
            match character {
                '\\' => self.escaped = true,
                _ if character == quote => self.quote = None,
                _ => {}
            }
            return Ok(());
        }
        if character.is_whitespace() {
            return Ok(());
        }
        self.fits(column, character)?;
        match character {
            '\\' => self.escaped = true,
            '\'' | '"' => self.quote = Some((character, column)),
            '(' | '[' | '{' => self.open.push((character, column)),
            ')' | ']' | '}' => self.close(column, character)?,
            _ => {}
        }
        self.seen(character, column);
        Ok(())
    }

    /// Remembers what the next character follows; what stands in quotes is no syntax.
    fn seen(&mut self, character: char, column: usize) {
        if self.quote.is_none_or(|(_, opened)| opened == column) {
            self.last = Some((character, column));
        }
    }

    /// Refuses what cannot follow the character before.
    fn fits(&self, column: usize, character: char) -> Result<(), String> {
        match self.last {
            None if character == ',' => Err(format!(
                "character {column} is a comma with nothing before it"
            )),
            Some((')', closed)) if !matches!(character, ',' | '|' | ')' | ']' | '}') => {
                Err(format!(
                    "character {column}, `{character}`, follows the `)` at character {closed}: \
                     expected the end, a comma, or `|`"
                ))
            }
            _ => Ok(()),
        }
    }

    fn close(&mut self, column: usize, character: char) -> Result<(), String> {
        match self.open.pop() {
            Some((opened, _)) if closing(opened) == character => Ok(()),
            Some((opened, at)) => Err(format!(
                "`{opened}` at character {at} is open, but `{character}` at character {column} \
                 closes another: expected `{}`",
                closing(opened)
            )),
            None => Err(format!(
                "`{character}` at character {column} closes nothing"
            )),
        }
    }

    fn finish(self) -> Result<(), String> {
        if let Some((quote, column)) = self.quote {
            return Err(format!(
                "the quote `{quote}` at character {column} is not closed"
            ));
        }
        if let Some((opened, column)) = self.open.last() {
            return Err(format!(
                "`{opened}` at character {column} is not closed: a `{}` is missing",
                closing(*opened)
            ));
        }
        match self.last {
            Some((_, column)) if self.escaped => Err(format!(
                "the backslash at character {column} stands before nothing"
            )),
            Some((',', column)) => Err(format!(
                "character {column} is a comma with nothing after it"
            )),
            _ => Ok(()),
        }
    }
}

fn closing(opened: char) -> char {
    match opened {
        '(' => ')',
        '[' => ']',
        _ => '}',
    }
}

/// `from` or `until`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeSpec {
    /// A plain relative time, sent as epoch seconds.
    Ago(Duration),
    /// Anything else that Graphite understands, sent as it is.
    Verbatim(String),
}

/// Graphite's units and their seconds; a month has 30 days, a year 365 (render API).
/// `m` is what carbonapi reads it as.
const UNITS: [(&str, u64); 25] = [
    ("s", 1),
    ("sec", 1),
    ("secs", 1),
    ("second", 1),
    ("seconds", 1),
    ("m", 60),
    ("min", 60),
    ("mins", 60),
    ("minute", 60),
    ("minutes", 60),
    ("h", 3600),
    ("hour", 3600),
    ("hours", 3600),
    ("d", 86_400),
    ("day", 86_400),
    ("days", 86_400),
    ("w", 604_800),
    ("week", 604_800),
    ("weeks", 604_800),
    ("mon", 2_592_000),
    ("month", 2_592_000),
    ("months", 2_592_000),
    ("y", 31_536_000),
    ("year", 31_536_000),
    ("years", 31_536_000),
];

impl TimeSpec {
    /// Reads `-90s`, `-10min`, `-1h30min`, `-2d`, `now`, `now-1h`; anything else is kept for Graphite.
    ///
    /// # Errors
    ///
    /// Nothing, control characters, a relative time without its sign (`5min`),
    /// and one that no server would understand.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("a time is empty: expected one such as `-5min`".to_owned());
        }
        if text.chars().any(char::is_control) {
            return Err(format!(
                "`{}` has a control character in it",
                text.escape_default()
            ));
        }
        if text == "now" {
            return Ok(Self::Ago(Duration::ZERO));
        }
        let begins = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
        match text.strip_prefix("now").unwrap_or(text).strip_prefix('-') {
            Some(span) if begins(span) => ago(span)
                .map(Self::Ago)
                .map_err(|why| format!("`{text}` is no time: {why}")),
            _ if begins(text) && ago(text).is_ok() && !digits(text).1.is_empty() => Err(format!(
                "`{text}` has no sign: write `-{text}` for a time that long ago"
            )),
            _ => Ok(Self::Verbatim(text.to_owned())),
        }
    }

    /// As Graphite is asked, for the evaluation of `slot`.
    pub fn render(&self, slot: Timestamp) -> String {
        match self {
            // a negative number would be a relative time again
            Self::Ago(span) => slot.minus(*span).as_secs().max(0).to_string(),
            Self::Verbatim(text) => text.clone(),
        }
    }
}

/// The sum of `1h30min`.
fn ago(text: &str) -> Result<Duration, String> {
    if text.chars().all(|c| c == '0') {
        return Ok(Duration::ZERO);
    }
    let too_long = || "it is too long ago".to_owned();
    let mut seconds = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, after) = digits(rest);
        let (unit, after) = after.split_at(
            after
                .find(|c: char| !c.is_alphabetic())
                .unwrap_or(after.len()),
        );
        if number.is_empty() {
            return Err("expected a number and a unit, such as `-10min`".to_owned());
        }
        let lower = unit.to_ascii_lowercase();
        let factor = UNITS
            .iter()
            // Graphite ignores case; but `M` might be meant as a month
            .find(|(name, _)| *name == lower && unit != "M")
            .map(|(_, factor)| *factor)
            .ok_or_else(|| unit_expected(unit))?;
        seconds = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(factor))
            .and_then(|part| part.checked_add(seconds))
            // so that its milliseconds can be counted too
            .filter(|seconds| *seconds <= u64::from(u32::MAX))
            .ok_or_else(too_long)?;
        rest = after;
    }
    Ok(Duration::from_secs(seconds))
}

fn unit_expected(unit: &str) -> String {
    let units = "`s`, `min`, `h`, `d`, `w`, `mon` or `y`";
    if unit.is_empty() {
        format!("a unit is missing: expected {units}")
    } else {
        format!("the unit `{unit}` is unknown: expected {units}")
    }
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len()),
    )
}

/// The names of the functions that a target calls, in order.
pub fn functions(target: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut quote = None;
    let mut begin = 0;
    let mut escaped = false;
    for (at, c) in target.char_indices() {
        let after = at + c.len_utf8();
        match quote {
            _ if std::mem::take(&mut escaped) => {}
            _ if c == '\\' => escaped = true,
            Some(open) if c == open => (quote, begin) = (None, after),
            Some(_) => {}
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None if c == '(' => {
                names.extend(
                    target
                        .get(begin..at)
                        .map(str::trim)
                        .filter(|n| !n.is_empty()),
                );
                begin = after;
            }
            None if c.is_ascii_alphanumeric() || c == '_' => {}
            None => begin = after,
        }
    }
    names
}

/// `-10min`: how long ago, as Graphite writes it.
pub fn relative(span: Duration) -> String {
    let seconds = span.as_secs();
    let units = [(86_400, "d"), (3600, "h"), (60, "min")];
    let fits = |(factor, _): &&(u64, &str)| seconds > 0 && seconds.is_multiple_of(*factor);
    match units.iter().find(fits) {
        Some((factor, unit)) => format!("-{}{unit}", seconds / factor),
        None => format!("-{seconds}s"),
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

    fn taken(text: &str) {
        assert_eq!(
            Target::parse(text).map(|target| target.to_string()),
            Ok(text.trim().to_owned())
        );
    }

    fn refused(text: &str, message: &str) {
        assert_eq!(Target::parse(text), Err(message.to_owned()), "{text}");
    }

    #[test]
    fn times_ago_take_the_greatest_unit() {
        for (seconds, expected) in [
            (600, "-10min"),
            (90, "-90s"),
            (7200, "-2h"),
            (86_400, "-1d"),
            (0, "-0s"),
        ] {
            assert_eq!(relative(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn functions_are_found_outside_quotes_and_behind_pipes() {
        let found = |target| functions(target);
        assert_eq!(found("a.b.*"), Vec::<&str>::new());
        assert_eq!(
            found("alias(scale(a.b, 2), 'limit(x)')"),
            ["alias", "scale"]
        );
        assert_eq!(
            found("a.*|sortByMaxima()|limit(5)"),
            ["sortByMaxima", "limit"]
        );
        assert_eq!(found("sum( integral( a.{b,c} ))"), ["sum", "integral"]);
        assert_eq!(found(r"alias(a.b\(c, 'it\'s limit(1)')"), ["alias"]);
    }

    #[test]
    fn whole_expressions_are_taken() {
        for text in [
            "servers.*.loadavg.05",
            "aliasByNode(servers.*.loadavg.05, 1)",
            "a.{b,c}.[0-9].d",
            "alias(scale(a.b, -1.5), \"it's (half] done\")",
            "alias(a, 'say \"hi\" {')",
            "grep(a.*, \"^x\\\\.(y|z)\\\"$\")",
            "alias(a, \"doubled \"\" quote\")",
            "a.b|scale(2)|alias(\"x\")",
            "template(hosts.$h.cpu, h=\"web*\")",
            "seriesByTag(\"name=cpu\", 'host=~web.*')",
            "disk.used;host=a;dc=b",
            "a\\(b.c\\'d",
            "sumSeries( a.b , scale( c , 2 ) )",
            "summiert.zähler.*",
            "randomWalk(\"x\") ",
            "  a.b\n",
        ] {
            taken(text);
        }
    }

    #[test]
    fn what_is_open_is_named_with_its_column() {
        refused(
            "scale(a.b",
            "`(` at character 6 is not closed: a `)` is missing",
        );
        refused(
            "alias(scale(a.b, 2)",
            "`(` at character 6 is not closed: a `)` is missing",
        );
        refused(
            "a.{b,c",
            "`{` at character 3 is not closed: a `}` is missing",
        );
        refused(
            "a.[0-9",
            "`[` at character 3 is not closed: a `]` is missing",
        );
        refused(
            "alias(a, \"x)",
            "the quote `\"` at character 10 is not closed",
        );
        refused(
            "alias(a, \"x\\\")",
            "the quote `\"` at character 10 is not closed",
        );
    }

    #[test]
    fn what_closes_nothing_is_named_with_its_column() {
        refused("a.b)", "`)` at character 4 closes nothing");
        refused("scale(a.b, 2))", "`)` at character 14 closes nothing");
        refused(
            "sum(a.{b,c)}",
            "`{` at character 7 is open, but `)` at character 11 closes another: expected `}`",
        );
    }

    #[test]
    fn columns_count_characters_from_one_as_written() {
        refused("zähler.größe)", "`)` at character 13 closes nothing");
        refused("  a.b)", "`)` at character 6 closes nothing");
    }

    #[test]
    fn nothing_is_no_target() {
        refused("", "a target is empty: expected a Graphite expression");
        refused(" \t\n", "a target is empty: expected a Graphite expression");
    }

    #[test]
    fn control_characters_are_refused() {
        for (text, named) in [
            ("a\tb", "\\t"),
            ("sum(a,\nb)", "\\n"),
            ("a\u{0}b", "\\u{0}"),
            ("a(\"\u{7f}\")", "\\u{7f}"),
        ] {
            let error = Target::parse(text).unwrap_err();
            assert!(
                error.contains(&format!("is the control character {named}")),
                "{error}"
            );
        }
    }

    #[test]
    fn text_after_a_closing_bracket_is_refused() {
        refused(
            "scale(a.b,2)x",
            "character 13, `x`, follows the `)` at character 12: expected the end, a comma, or `|`",
        );
        refused(
            "sum(scale(a,2) b)",
            "character 16, `b`, follows the `)` at character 14: expected the end, a comma, or `|`",
        );
        assert!(Target::parse("scale(a,2)(b)").is_err());
        assert!(Target::parse("scale(a,2).b").is_err());
    }

    #[test]
    fn commas_at_the_ends_are_refused() {
        refused(",a.b", "character 1 is a comma with nothing before it");
        refused(
            "scale(a, 2),",
            "character 12 is a comma with nothing after it",
        );
        refused("a.b , ", "character 5 is a comma with nothing after it");
    }

    #[test]
    fn a_backslash_at_the_end_is_refused() {
        refused(
            "a.b\\",
            "the backslash at character 4 stands before nothing",
        );
    }

    fn ago(text: &str, seconds: u64) {
        assert_eq!(
            TimeSpec::parse(text),
            Ok(TimeSpec::Ago(Duration::from_secs(seconds))),
            "{text}"
        );
    }

    #[test]
    fn plain_relative_times_are_counted() {
        ago("-90s", 90);
        ago("-10min", 600);
        ago("-5m", 300);
        ago("-1h30min", 5400);
        ago("-2d", 172_800);
        ago("-1w", 604_800);
        ago("-1mon", 2_592_000);
        ago("-1y", 31_536_000);
        ago("-3hours", 10_800);
        ago("-2MIN", 120);
        ago(" -5min ", 300);
        ago("now", 0);
        ago("now-1h", 3600);
        ago("-0s", 0);
        ago("-0", 0);
    }

    #[test]
    fn anything_else_is_graphites() {
        for text in [
            "1700000000",
            "20260101",
            "midnight",
            "noon+1d",
            "04:00_20260101",
            "6pm+today",
            "yesterday",
            "-yesterday",
            "+1h",
        ] {
            assert_eq!(
                TimeSpec::parse(text),
                Ok(TimeSpec::Verbatim(text.to_owned()))
            );
        }
    }

    #[test]
    fn a_relative_time_without_sign_is_told_so() {
        assert_eq!(
            TimeSpec::parse("5min"),
            Err("`5min` has no sign: write `-5min` for a time that long ago".to_owned())
        );
        assert!(TimeSpec::parse("1h30min").is_err());
    }

    #[test]
    fn what_no_server_understands_is_refused() {
        for (text, part) in [
            ("", "a time is empty"),
            ("-5", "a unit is missing"),
            ("-5parsecs", "the unit `parsecs` is unknown"),
            ("-5M", "the unit `M` is unknown"),
            ("-1.5h", "a unit is missing"),
            ("-1h-5min", "expected a number and a unit"),
            ("-5min\u{1}x", "control character"),
            ("-99999999999999999999d", "too long ago"),
            ("-9999y", "too long ago"),
        ] {
            let error = TimeSpec::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_relative_time_is_sent_as_seconds_before_the_slot() {
        let slot = Timestamp::from_secs(1_700_000_000);
        let render = |text: &str| TimeSpec::parse(text).unwrap().render(slot);
        assert_eq!(render("-5min"), "1699999700");
        assert_eq!(render("now"), "1700000000");
        assert_eq!(render("midnight"), "midnight");
        assert_eq!(render("-100y"), "0");
    }

    proptest! {
        #[test]
        fn no_target_panics(text in "\\PC*") {
            let _ = Target::parse(&text);
        }

        #[test]
        fn near_targets_do_not_panic_and_are_kept(text in "[ab.,|()\\[\\]{}'\"\\\\ ]{0,16}") {
            if let Ok(target) = Target::parse(&text) {
                prop_assert_eq!(target.as_str(), text.trim());
                prop_assert_eq!(Target::parse(target.as_str()), Ok(target.clone()));
            }
        }

        #[test]
        fn a_bracket_taken_away_is_noticed(depth in 1..8_usize) {
            let whole = format!("{}a{}", "f(".repeat(depth), ")".repeat(depth));
            prop_assert!(Target::parse(&whole).is_ok());
            prop_assert!(Target::parse(&whole[..whole.len() - 1]).is_err());
            prop_assert!(Target::parse(&whole[2..]).is_err());
        }

        #[test]
        fn no_time_panics(text in "\\PC*", near in "(now)?[-+]?[0-9a-zA-Z]{0,24}") {
            let _ = TimeSpec::parse(&text);
            let _ = TimeSpec::parse(&near);
        }

        #[test]
        fn every_span_reads_as_it_is_written(seconds in 0..=u32::MAX) {
            let parsed = TimeSpec::parse(&format!("-{seconds}s"));
            prop_assert_eq!(parsed, Ok(TimeSpec::Ago(Duration::from_secs(seconds.into()))));
        }
    }
}
