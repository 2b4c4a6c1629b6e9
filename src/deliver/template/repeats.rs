//! Refuses `*` where it might repeat a list.
//!
//! The library (minijinja 3.1) repeats a list up to a hundred million elements
//! without fuel, and writes all of them where one is joined to a text
//! (`[1] * 99999999 ~ ""`): seconds and hundreds of megabytes. So in a `{{ }}` or
//! `{% %}` with `*` all has to be a number or a text for sure, which is told by
//! its words alone: nothing is worked out before it is known.

use std::collections::BTreeSet;

use minijinja::machinery::Token;

use super::words::{Role, Tag, Word, before, role};
use crate::deliver::text;

/// Filters that make a number or a text of anything.
const CONVERTING: [&str; 21] = [
    "abs",
    "bool",
    "capitalize",
    "count",
    "e",
    "escape",
    "float",
    "format",
    "indent",
    "int",
    "join",
    "length",
    "lower",
    "replace",
    "round",
    "string",
    "title",
    "tojson",
    "trim",
    "upper",
    "urlencode",
];

/// Filters that may give back what they were given.
const PASSING: [&str; 3] = ["d", "default", "safe"];

/// Words of the language that name nothing.
const KEYWORDS: [&str; 13] = [
    "and", "or", "not", "in", "is", "if", "else", "true", "True", "false", "False", "none", "None",
];

/// What a loop knows that is a number or a truth.
const OF_A_LOOP: [&str; 8] = [
    "index",
    "index0",
    "revindex",
    "revindex0",
    "first",
    "last",
    "length",
    "depth",
];

/// Makes sure that `tags`, which are given `names`, repeat no list.
///
/// # Errors
/// One line that says what stands beside a `*`, where, and what to write.
pub(super) fn refuse(tags: &[Tag<'_>], names: &[&str]) -> Result<(), String> {
    if !tags.iter().any(multiplies) {
        return Ok(());
    }
    let names = Names::of(tags, names);
    tags.iter()
        .filter(|tag| multiplies(tag))
        .find_map(|tag| names.list_in(tag.value()))
        .map_or(Ok(()), |(why, line)| {
            Err(format!(
                "`*` is for numbers and texts, but in line {line} of the template {why}"
            ))
        })
}

fn multiplies(tag: &Tag<'_>) -> bool {
    tag.words
        .iter()
        .any(|(token, _)| matches!(token, Token::Mul))
}

/// What a template names.
struct Names<'a> {
    given: &'a [&'a str],
    /// Set by itself, each time to a number or a text.
    plain: BTreeSet<&'a str>,
    /// All else that it calls something itself.
    others: BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    fn of(tags: &[Tag<'a>], given: &'a [&'a str]) -> Self {
        let mut names = Self {
            given,
            plain: BTreeSet::new(),
            others: BTreeSet::new(),
        };
        for tag in tags {
            match tag.sets_whole_names() {
                true => names.plain.extend(tag.targets()),
                false => names.others.extend(tag.targets()),
            }
        }
        // what is set to something that may be a list may be one; each round finds one more at least
        loop {
            let lists: Vec<&str> = tags
                .iter()
                .filter(|tag| tag.statement() == Some("set"))
                .filter(|tag| names.list_in(tag.value()).is_some())
                .flat_map(|tag| tag.targets())
                .filter(|name| !names.others.contains(name))
                .collect();
            if lists.is_empty() {
                return names;
            }
            names.others.extend(lists);
        }
    }

    /// The first of `words` that may be a list or make one: why, with what to do, and its line.
    fn list_in(&self, words: &[Word<'a>]) -> Option<(String, u16)> {
        let mut takes_commas = Vec::new();
        words.iter().enumerate().find_map(|(at, (token, span))| {
            let follows_value = self.is_value(before(words, at, 1));
            let is_argument = at
                .checked_sub(1)
                .is_some_and(|previous| matches!(role(words, previous), Role::Filter | Role::Test));
            let why = match token {
                Token::Ident(name) => self.why_list(name, words, at),
                Token::BracketOpen if !follows_value => Some(OWN_LIST.to_owned()),
                Token::Comma if takes_commas.last() != Some(&true) => Some(OWN_LIST.to_owned()),
                Token::ParenOpen if follows_value && !is_argument => {
                    Some(format!("a call beside it may make a list; {TAKE_OUT}"))
                }
                _ => None,
            };
            match token {
                Token::BraceOpen => takes_commas.push(true),
                Token::ParenOpen => takes_commas.push(is_argument),
                Token::BracketOpen => takes_commas.push(false),
                Token::BraceClose | Token::ParenClose | Token::BracketClose => {
                    takes_commas.pop();
                }
                _ => {}
            }
            Some((why?, span.start_line))
        })
    }

    /// Why what `name` at `at` stands for may be a list, with what to do.
    fn why_list(&self, name: &str, words: &[Word<'a>], at: usize) -> Option<String> {
        let shown = text::name(name);
        match role(words, at) {
            Role::Test | Role::Attribute | Role::Argument => None,
            Role::Filter if CONVERTING.contains(&name) || PASSING.contains(&name) => None,
            Role::Filter => Some(format!("`|{shown}` beside it may make a list; {TAKE_OUT}")),
            Role::Name if name == "loop" => match (words.get(at + 1), words.get(at + 2)) {
                (Some((Token::Dot, _)), Some((Token::Ident(part), _)))
                    if OF_A_LOOP.contains(part) =>
                {
                    None
                }
                _ => Some(may_be_list("loop")),
            },
            Role::Name if self.others.contains(name) => {
                (!is_converted(words, at)).then(|| may_be_list(&shown))
            }
            Role::Name
                if self.given.contains(&name)
                    || self.plain.contains(name)
                    || KEYWORDS.contains(&name) =>
            {
                None
            }
            Role::Name => Some(may_be_list(&shown)),
        }
    }

    /// Whether a value ends with `token`, so that `[` takes a part of it and `(` calls it.
    fn is_value(&self, token: Option<&Token<'a>>) -> bool {
        match token {
            Some(Token::Ident(name)) => {
                !KEYWORDS.contains(name) || self.plain.contains(name) || self.others.contains(name)
            }
            Some(
                Token::Str(_)
                | Token::String(_)
                | Token::ParenClose
                | Token::BracketClose
                | Token::BraceClose,
            ) => true,
            _ => false,
        }
    }
}

const OWN_LIST: &str =
    "stands a list beside it; work the product out in a `{% set %}` before, and name it here";

const TAKE_OUT: &str =
    "take what you need of it in a `{% set %}` before, and name that here, with `|int` or `|float`";

fn may_be_list(name: &str) -> String {
    format!("`{name}` beside it may be a list; write `{name}|int` or `{name}|float`")
}

/// Whether a filter makes a number or a text of the name at `at`, or of a part of it.
fn is_converted(words: &[Word<'_>], mut at: usize) -> bool {
    while let Some((Token::Dot, _)) = words.get(at + 1) {
        at += 2;
    }
    matches!(
        (words.get(at + 1), words.get(at + 2)),
        (Some((Token::Pipe, _)), Some((Token::Ident(filter), _))) if CONVERTING.contains(filter)
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::words::tags;
    use super::*;

    const GIVEN: [&str; 4] = ["series", "value", "labels", "level"];

    #[test]
    fn numbers_and_texts_are_multiplied() {
        for source in [
            "{{ value * 100 }}",
            "{{ (value * 100)|round(1) }}%",
            "{{ ('=' * 20) ~ series }}",
            "{{ -value * 2 ** 3 // 1e3 }}",
            "{{ labels.port|int * 2 + labels['port']|int }}",
            "{{ series[0:2] * 3 }}",
            "{{ (value * 100)|round(precision=1, method='floor') }}",
            "{{ {'text': series, 'percent': value * 100}|tojson }}",
            "{{ value * 8 if value is defined and level != 'ok' else 0 }}",
            "{% if value * 2 > 10 and value is not none %}x{% elif value * 3 > 1 %}y{% endif %}",
            "{% set percent = value * 100 %}{{ percent * 2 }}{% set percent = percent * 3 %}",
            "{% set line %}{{ series }}{% endset %}{{ line * 2 }}",
            "{% set a, b = series, value %}{{ value * 2 }}{{ a|string * b|int }}",
            "{% with share = value * 100 %}{{ share|float * 2 }}{{ value * 2 }}{% endwith %}",
            "{% for n in [1, 2] %}{{ loop.index * 2 }}{{ n|int * 2 }}{% endfor %}",
            "{% set ns = namespace(sum=0) %}{% set ns.sum = ns.sum|int * 2 %}",
            "{% set parts = series|split('.') %}{{ parts[0] }}{{ parts|length * 2 }}",
            "{{ [series, [value]] + ['x'] }} {{ value }} * {{ value }}{# [1] * 9 #}",
            "{% raw %}{{ [1] * 9 }}{% endraw %}",
        ] {
            assert_eq!(refuse(&tags(source), &GIVEN), Ok(()), "{source}");
        }
    }

    #[test]
    fn whatever_may_be_a_list_is_not() {
        for (source, expected) in [
            ("{{ [1] * 9 }}", "stands a list beside it"),
            ("{{ 9 * (1, 2) }}", "stands a list beside it"),
            ("{{ value in [1] * 9 }}", "stands a list beside it"),
            ("{{ series|list * 9 }}", "`|list` beside it may make a list"),
            ("{{ range(3) * 9 }}", "`range` beside it may be a list"),
            ("{{ labels.items() * 9 }}", "a call beside it may"),
            ("{% set a = [1] %}{{ a * 9 }}", "write `a|int` or `a|float`"),
            (
                "{% set value = series|list %}{{ value * 9 }}",
                "write `value|int`",
            ),
            ("{% set a = 1, 2 %}{{ a * 9 }}", "`a` beside"),
            ("{% set a = [1] %}{% set b = a %}{{ b * 9 }}", "`b` beside"),
            (
                "{% set a = [1] %}{% set b = {'a': a} %}{{ b.a * 9 }}",
                "`b` beside",
            ),
            ("{% set a | list %}x{% endset %}{{ a * 9 }}", "`a` beside"),
            ("{% set a = value|default([1]) %}{{ a * 9 }}", "`a` beside"),
            (
                "{% set ns = namespace() %}{% set ns.a = 1 %}{{ ns.a * 9 }}",
                "`ns` beside",
            ),
            ("{% with a = [1] %}{{ a * 9 }}{% endwith %}", "`a` beside"),
            (
                "{% with (a, value) = [1] %}{{ value * 9 }}{% endwith %}",
                "`value` beside",
            ),
            ("{% for a in [[1]] %}{{ a * 9 }}{% endfor %}", "`a` beside"),
            (
                "{% for a in [[1]] %}{{ loop.previtem * 9 }}{% endfor %}",
                "`loop` beside",
            ),
            ("{% macro m(a) %}{{ a * 9 }}{% endmacro %}", "`a` beside"),
            ("{% set and = [1] %}{{ and * 9 }}", "`and` beside"),
            ("{% if [1] * 9 %}{% endif %}", "stands a list beside it"),
            ("{% do [1] * 9 %}", "stands a list beside it"),
        ] {
            let why = refuse(&tags(source), &GIVEN).unwrap_err();
            assert!(why.contains(expected), "{source}: {why}");
        }
        let why = refuse(&tags("a\n{{ series|list * 9 }}"), &GIVEN).unwrap_err();
        assert!(
            why.contains("but in line 2 of the template `|list`"),
            "{why}"
        );
    }
}
