//! How the series of a shared request find their target again.
//!
//! An answer does not say which target a series came from. So each target of a
//! shared request is sent as `aliasSub(TARGET, "^", "N|")`, which puts its number
//! before each legend and changes nothing else, and the number is taken off what
//! comes back. Whatever the target is made of, and whatever the legend holds
//! (bars too), the first bar ends the number.

use std::borrow::Cow;

/// `target` with its number before each of its legends.
pub(super) fn wrap(target: &str, number: usize) -> String {
    format!("aliasSub({target}, \"^\", \"{number}|\")")
}

/// Number and own legend of a series of a shared answer; `None`: it has no number.
pub(super) fn unwrap(legend: Cow<'_, str>) -> Option<(usize, Cow<'_, str>)> {
    let (digits, _) = legend.split_once('|')?;
    let number = digits.parse().ok()?;
    // as it was sent: no sign, no zeros before it
    if digits.starts_with('+') || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    let length = digits.len() + 1;
    let own = match legend {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(length..)?),
        Cow::Owned(mut text) => {
            text.drain(..length);
            Cow::Owned(text)
        }
    };
    Some((number, own))
}

/// Whether `target` is one expression, which can be an argument of a function: a
/// comma outside of brackets would begin the next one.
pub(super) fn is_one_expression(target: &str) -> bool {
    let mut open = Vec::new();
    let mut quote = None;
    let mut characters = target.chars();
    while let Some(character) = characters.next() {
        let fits = match (character, quote) {
            ('\\', _) => characters.next().is_some(),
            (_, Some(end)) => {
                quote = quote.filter(|_| character != end);
                true
            }
            ('"' | '\'', None) => {
                quote = Some(character);
                true
            }
            ('(', None) => {
                open.push(')');
                true
            }
            ('[', None) => {
                open.push(']');
                true
            }
            ('{', None) => {
                open.push('}');
                true
            }
            (')' | ']' | '}', None) => open.pop() == Some(character),
            (',', None) => !open.is_empty(),
            _ => true,
        };
        if !fits {
            return false;
        }
    }
    open.is_empty() && quote.is_none() && !target.trim().is_empty()
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

    #[test]
    fn a_target_is_wrapped_as_graphite_reads_it() {
        assert_eq!(
            wrap("scale(a.*, 2)", 7),
            r#"aliasSub(scale(a.*, 2), "^", "7|")"#
        );
    }

    #[track_caller]
    fn check(legend: &str, expected: Option<(usize, &str)>) {
        for cow in [Cow::Borrowed(legend), Cow::Owned(legend.to_owned())] {
            let found = unwrap(cow);
            let found = found.as_ref().map(|(number, own)| (*number, &**own));
            assert_eq!(found, expected, "{legend}");
        }
    }

    #[test]
    fn the_first_bar_ends_the_number() {
        check("0|web-1", Some((0, "web-1")));
        check("12|a|b|", Some((12, "a|b|")));
        check("3||", Some((3, "|")));
        check("3|", Some((3, "")));
        check("4|5|x", Some((4, "5|x")));
    }

    #[test]
    fn what_has_no_number_as_it_was_sent_has_none() {
        for legend in [
            "",
            "web-1",
            "|x",
            "a|b",
            "+1|x",
            "-1|x",
            "01|x",
            "1 |x",
            "1.0|x",
            "١|x",
            "99999999999999999999|x",
        ] {
            check(legend, None);
        }
    }

    #[test]
    fn what_is_not_one_expression_cannot_be_an_argument() {
        for target in [
            "a.b",
            "a.{b,c}.[0-9]",
            "alias(a, 'x) , (y')",
            r#"grep(a.*, "^x\"\\.(y|z)$")"#,
            "a.b|scale(2)|alias(\"x\")",
            r"a\,b.c\'d",
            "template(hosts.$h.cpu, h=\"web*\")",
        ] {
            assert!(is_one_expression(target), "{target}");
        }
        for target in [
            "",
            " ",
            "a,b",
            "a.b, \"^\", \"0|\"",
            "scale(a",
            "a)",
            "a(]",
            "alias(a, 'x",
            "a\\",
            "a), aliasSub(b",
        ] {
            assert!(!is_one_expression(target), "{target}");
        }
    }

    proptest! {
        #[test]
        fn every_legend_comes_back_as_it_was(number in 0..10_000_usize, legend in "\\PC{0,20}") {
            check(&format!("{number}|{legend}"), Some((number, &legend)));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}", near in r#"[a,|(){}\[\]"'\\0-9]{0,16}"#) {
            for text in [text, near] {
                let _ = unwrap(Cow::Borrowed(&text));
                let _ = is_one_expression(&text);
            }
        }
    }
}
