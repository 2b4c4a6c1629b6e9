//! Keeps all values of a template small.
//!
//! The library (minijinja 3.1) counts what a list costs by its own elements alone.
//! One that is put into itself twice, twenty times over, has a million of them in
//! next to no memory, and costs seconds and hundreds of megabytes where it is
//! written or joined to a text. So whatever gets a name, and what each filter
//! makes, goes through a filter of ours that counts all that is in it.

use minijinja::machinery::Token;
use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State, Value};

use super::words::{Role, Tag, Word, role};

/// The name of [`bounded`] in a template.
pub(super) const BOUNDED: &str = "bounded";

/// Bytes and elements together that a value may have, with all that is in it.
pub(super) const LARGEST: usize = 256 * 1024;

/// `source` with [`bounded`] wherever a value gets a name or comes out of a filter.
/// No line moves to another place.
pub(super) fn bound(source: &str, tags: &[Tag<'_>]) -> String {
    let mut insertions: Vec<(usize, String)> = Vec::new();
    for tag in tags {
        for at in 0..tag.words.len() {
            if matches!(tag.words.get(at), Some((Token::Ident(_), _)))
                && role(&tag.words, at) == Role::Filter
                && let Some((_, span)) = tag.words.get(end_of_filter(&tag.words, at))
            {
                insertions.push((span.end_offset as usize, format!("|{BOUNDED}")));
            }
        }
        match tag.statement() {
            Some("set") => {
                // a block that is set is a text
                let is_block = matches!(tag.value(), [] | [(Token::Pipe, _), ..]);
                if let (false, [(_, first), ..], [.., (_, last)]) =
                    (is_block, tag.value(), tag.value())
                {
                    insertions.push((first.start_offset as usize, "(".to_owned()));
                    insertions.push((last.end_offset as usize, format!(")|{BOUNDED}")));
                }
            }
            Some("for" | "with" | "macro" | "call") => {
                let (begin, end) = (tag.end.start_offset as usize, tag.end.end_offset as usize);
                // `-%}` takes away the space after it, so the last one has to
                let close = source.get(begin..end).unwrap_or("%}");
                let again = tag.targets().into_iter();
                let again = again.map(|name| format!("{{% set {name} = {name}|{BOUNDED} {close}"));
                insertions.push((end, again.collect()));
            }
            _ => {}
        }
    }
    // those at one place stay in their order
    insertions.sort_by_key(|(at, _)| *at);
    let mut bound = String::with_capacity(source.len() * 2);
    let mut done = 0;
    for (at, text) in insertions {
        bound.push_str(source.get(done..at).unwrap_or_default());
        bound.push_str(&text);
        done = at;
    }
    bound.push_str(source.get(done..).unwrap_or_default());
    bound
}

/// The last word of the filter that is named at `at`, with its arguments.
fn end_of_filter(words: &[Word<'_>], mut at: usize) -> usize {
    while let Some((Token::Dot, _)) = words.get(at + 1) {
        at += 2;
    }
    if !matches!(words.get(at + 1), Some((Token::ParenOpen, _))) {
        return at;
    }
    let mut depth = 0_usize;
    for (end, (token, _)) in words.iter().enumerate().skip(at + 1) {
        match token {
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => depth += 1,
            Token::ParenClose | Token::BracketClose | Token::BraceClose => {
                depth = depth.saturating_sub(1);
            }
            _ => {}
        }
        if depth == 0 {
            return end;
        }
    }
    at
}

/// The filter: its value, if that is small.
///
/// # Errors
/// It is not, or there is no fuel left to count.
pub(super) fn bounded(state: &State, value: Value) -> Result<Value, Error> {
    measure(state, &value, &mut { LARGEST })?;
    Ok(value)
}

/// Takes what `value` has in it from what is `left`; each element costs as much fuel
/// as an instruction.
pub(super) fn measure(state: &State, value: &Value, left: &mut usize) -> Result<(), Error> {
    let take = |left: &mut usize, size: usize| match left.checked_sub(size) {
        Some(fewer) => {
            *left = fewer;
            Ok(())
        }
        None => Err(too_long()),
    };
    if let Some(text) = value.as_str() {
        return take(left, text.len());
    }
    let is_map = match value.kind() {
        ValueKind::Map => true,
        ValueKind::Seq | ValueKind::Iterable if value.len().is_some() => false,
        // a list of unknown length is not written out, and may be gone through but once
        _ => return Ok(()),
    };
    let Ok(elements) = value.try_iter() else {
        return Ok(());
    };
    for element in elements {
        take(left, 1)?;
        state.consume_fuel(1)?;
        measure(state, &element, left)?;
        if is_map && let Ok(inner) = value.get_item(&element) {
            measure(state, &inner, left)?;
        }
    }
    Ok(())
}

pub(super) fn too_long() -> Error {
    let why = format!("a value is longer than {LARGEST} bytes");
    Error::new(ErrorKind::InvalidOperation, why)
}

#[cfg(test)]
mod tests {
    use super::super::words::tags;
    use super::*;

    fn check(source: &str, expected: &str) {
        assert_eq!(bound(source, &tags(source)), expected);
    }

    #[test]
    fn what_gets_a_name_and_what_filters_make_is_bounded() {
        check("{{ a }} x * y", "{{ a }} x * y");
        check("{{a|b}}", "{{a|b|bounded}}");
        check(
            "{{ a | b('}}', [c|d]) | e }}",
            "{{ a | b('}}', [c|d|bounded])|bounded | e|bounded }}",
        );
        check("{% set a = b|c %}", "{% set a = (b|c|bounded)|bounded %}");
        check(
            "{% set a, b = 1, 2 -%} x",
            "{% set a, b = (1, 2)|bounded -%} x",
        );
        check(
            "{% set ns.a = ns.a + [b] %}",
            "{% set ns.a = (ns.a + [b])|bounded %}",
        );
        check(
            "{% set a|b %}c{% endset %}",
            "{% set a|b|bounded %}c{% endset %}",
        );
        check(
            "{%- for a, b in c|d -%}\n x{%- endfor %}",
            "{%- for a, b in c|d|bounded -%}{% set a = a|bounded -%}{% set b = b|bounded -%}\n x{%- endfor %}",
        );
        check("{% with a=b %}c", "{% with a=b %}{% set a = a|bounded %}c");
        check(
            "{% macro m(a) %}c",
            "{% macro m(a) %}{% set a = a|bounded %}c",
        );
        check(
            "{% call(a) m() %}c",
            "{% call(a) m() %}{% set a = a|bounded %}c",
        );
        check(
            "{# {{ a|b }} #}{% raw %}{{ a|b }}{% endraw %}",
            "{# {{ a|b }} #}{% raw %}{{ a|b }}{% endraw %}",
        );
        check(
            "{{ \u{fc}|b }} {{ '\u{fc}' ~ c|d }}",
            "{{ \u{fc}|b }} {{ '\u{fc}' ~ c|d }}",
        );
    }
}
