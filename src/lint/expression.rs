//! As much of a target's grammar as is certain on every server: which functions
//! it calls, and whether one target surely returns all that another does.

use globset::Glob;

use crate::alert::glob::matcher;
use crate::alert::target;

/// Functions that treat each series by itself and name it by itself.
const BY_SERIES: &[&str] = &[
    "absolute",
    "alias",
    "aliasByMetric",
    "aliasByNode",
    "aliasSub",
    "derivative",
    "integral",
    "invert",
    "keepLastValue",
    "movingAverage",
    "movingMedian",
    "nonNegativeDerivative",
    "offset",
    "perSecond",
    "scale",
    "scaleToSeconds",
    "summarize",
    "timeShift",
    "transformNull",
];

/// Part of the grammar, and not among the functions that a server lists.
const SYNTAX: &str = "template";

/// The names of the functions that a target calls, each once, in their order.
pub fn functions(target: &str) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    for name in target::functions(target) {
        if name != SYNTAX && !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

/// Whether `wide` surely returns every legend that `narrow` returns.
pub fn covers(wide: &str, narrow: &str) -> bool {
    let (wide, narrow) = (wide.trim(), narrow.trim());
    if wide == narrow {
        return true;
    }
    match (Call::of(wide), Call::of(narrow)) {
        (Some(one), Some(other)) => {
            one.function == other.function
                && BY_SERIES.contains(&one.function)
                && one.rest == other.rest
                && covers(one.first, other.first)
        }
        (None, None) => path_covers(wide, narrow),
        _ => false,
    }
}

/// `function(first,rest)`
struct Call<'a> {
    function: &'a str,
    first: &'a str,
    /// The other arguments, without blanks outside quotes.
    rest: String,
}

impl<'a> Call<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (function, rest) = text.split_once('(')?;
        let inner = rest.strip_suffix(')')?;
        let (mut depth, mut quote, mut comma) = (0_usize, None, None);
        for (at, c) in inner.char_indices() {
            match (quote, c) {
                (Some(open), _) if open == c => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(c),
                (None, '(' | '{') => depth += 1,
                // it closes the call: something follows it
                (None, ')' | '}') => depth = depth.checked_sub(1)?,
                (None, ',') if depth == 0 && comma.is_none() => comma = Some(at),
                (None, _) => {}
            }
        }
        let (first, rest) = inner.split_at(comma.unwrap_or(inner.len()));
        Some(Self {
            function,
            first,
            rest: without_blanks(rest),
        })
    }
}

fn without_blanks(text: &str) -> String {
    let mut quote = None;
    let kept = text.chars().filter(|c| {
        match quote {
            Some(open) if open == *c => quote = None,
            None if matches!(c, '"' | '\'') => quote = Some(*c),
            _ => {}
        }
        quote.is_some() || !c.is_whitespace()
    });
    kept.collect()
}

fn path_covers(wide: &str, narrow: &str) -> bool {
    let is_path = |text: &str| !text.contains(['(', ')', '"', '\'', '|', '\\', ';', '#']);
    let (wide_parts, parts) = (wide.split('.'), narrow.split('.'));
    is_path(wide)
        && is_path(narrow)
        && wide_parts.clone().count() == parts.clone().count()
        && wide_parts
            .zip(parts)
            .all(|(wide, narrow)| part_covers(wide, narrow))
}

/// For one part of a path; globs are compared by their beginning alone.
fn part_covers(wide: &str, narrow: &str) -> bool {
    const GLOB: [char; 4] = ['*', '?', '[', '{'];
    if wide == narrow || wide == "*" {
        return true;
    }
    match narrow.split_once(GLOB) {
        None => Glob::new(wide)
            .ok()
            .and_then(|glob| matcher(&glob).ok())
            .is_some_and(|glob| glob.is_match(narrow)),
        Some((begin, _)) => wide
            .strip_suffix('*')
            .is_some_and(|prefix| !prefix.contains(GLOB) && begin.starts_with(prefix)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn functions_are_what_stands_before_a_bracket() {
        for (target, expected) in [
            ("a.b", vec![]),
            ("sumSeries(a.b)", vec!["sumSeries"]),
            (
                "alias(sumSeries(a.{b,c}), 'f(x)')",
                vec!["alias", "sumSeries"],
            ),
            ("a.b|scale(2)|scale(3)", vec!["scale"]),
            ("template(hosts.$x, x='a')", vec![]),
            ("alias(a, \"it's (b)\")", vec!["alias"]),
            (r"alias(a, 'it\'s f(x)')", vec!["alias"]),
        ] {
            assert_eq!(functions(target), expected, "{target}");
        }
    }

    #[test]
    fn blanks_between_arguments_are_nothing() {
        assert!(covers("aliasByNode(a.*.c, 1)", "aliasByNode(a.b.c,1)"));
        assert!(covers("alias(a.*, 'x y')", "alias(a.b,'x y')"));
        assert!(!covers("alias(a.*, 'x y')", "alias(a.b,'xy')"));
    }

    #[test]
    fn a_path_with_tags_quotes_or_pipes_is_compared_as_a_whole() {
        for (wide, narrow) in [
            ("seriesByTag('a=*')", "seriesByTag('a=b')"),
            ("a.*;x=y", "a.b;x=y"),
            ("a.*|f()", "a.b|f()"),
        ] {
            assert!(!covers(wide, narrow), "{wide} {narrow}");
            assert!(covers(wide, wide), "{wide}");
        }
    }

    proptest! {
        #[test]
        fn what_covers_a_name_matches_it(wide in "[ab*?]{1,4}", name in "[ab]{1,4}") {
            let matches = Glob::new(&wide).is_ok_and(|glob| glob.compile_matcher().is_match(&name));
            prop_assert_eq!(covers(&format!("x.{wide}"), &format!("x.{name}")), matches);
        }

        #[test]
        fn what_covers_a_glob_matches_all_that_it_matches(wide in "[ab*?]{1,4}", narrow in "[ab*?]{1,4}", name in "[ab]{0,5}") {
            let matches = |glob: &str| Glob::new(glob).is_ok_and(|glob| glob.compile_matcher().is_match(&name));
            if covers(&wide, &narrow) && matches(&narrow) {
                prop_assert!(matches(&wide), "{} {} {}", wide, narrow, name);
            }
        }

        #[test]
        fn no_text_panics(one in "[a-z.*(){},'\"| ]{0,30}", other in "[a-z.*(){},'\"| ]{0,30}") {
            let _ = (functions(&one), covers(&one, &other));
        }
    }
}
