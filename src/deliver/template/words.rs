//! The words of a template's `{{ }}` and `{% %}`, as the library reads them, and
//! what its statements give a value.

use minijinja::machinery::{Span, Token, tokenize};
use minijinja::syntax::SyntaxConfig;

/// A word, and where it stands.
pub(super) type Word<'a> = (Token<'a>, Span);

/// One `{{ }}` or `{% %}`.
pub(super) struct Tag<'a> {
    is_statement: bool,
    pub(super) words: Vec<Word<'a>>,
    /// Where its `}}` or `%}` stands.
    pub(super) end: Span,
}

/// The tags up to the first word that is none: then the library says what is wrong.
pub(super) fn tags(source: &str) -> Vec<Tag<'_>> {
    let mut tags: Vec<Tag<'_>> = Vec::new();
    for (token, span) in tokenize(source, false, SyntaxConfig::default()).map_while(Result::ok) {
        if let begin @ (Token::VariableStart | Token::BlockStart) = &token {
            tags.push(Tag {
                is_statement: matches!(begin, Token::BlockStart),
                words: Vec::new(),
                end: span,
            });
            continue;
        }
        let Some(tag) = tags.last_mut() else { continue };
        match token {
            Token::TemplateData(_) => {}
            Token::VariableEnd | Token::BlockEnd => tag.end = span,
            token => tag.words.push((token, span)),
        }
    }
    tags
}

impl<'a> Tag<'a> {
    /// Which statement it is.
    pub(super) fn statement(&self) -> Option<&'a str> {
        match self.words.first() {
            Some(&(Token::Ident(name), _)) if self.is_statement => Some(name),
            _ => None,
        }
    }

    /// What is worked out in it.
    pub(super) fn value(&self) -> &[Word<'a>] {
        let begin = match self.statement() {
            None => 0,
            Some("set") => match self.end_of_targets() {
                at if matches!(self.words.get(at), Some((Token::Assign, _))) => at + 1,
                at => at,
            },
            Some(_) => 1,
        };
        self.words.get(begin..).unwrap_or_default()
    }

    /// The names that it gives a value; of `ns.x` it is `ns`.
    pub(super) fn targets(&self) -> Vec<&'a str> {
        match self.statement() {
            Some("set") => self.names_in(1, self.end_of_targets()),
            Some("for") => {
                let is_in = |(token, _): &Word<'_>| matches!(token, Token::Ident("in"));
                let end = self.words.iter().position(is_in);
                self.names_in(1, end.unwrap_or(self.words.len()))
            }
            Some("with") => self.targets_of_with(),
            Some("macro") => self.arguments(2),
            Some("call") => self.arguments(1),
            _ => Vec::new(),
        }
    }

    /// Whether it is a `set` of names, and not of parts of one.
    pub(super) fn sets_whole_names(&self) -> bool {
        let targets = self.words.get(..self.end_of_targets()).unwrap_or_default();
        self.statement() == Some("set")
            && !targets.iter().any(|(token, _)| matches!(token, Token::Dot))
    }

    fn end_of_targets(&self) -> usize {
        let is_end = |(token, _): &Word<'_>| matches!(token, Token::Assign | Token::Pipe);
        self.words
            .iter()
            .position(is_end)
            .unwrap_or(self.words.len())
    }

    fn names_in(&self, begin: usize, end: usize) -> Vec<&'a str> {
        (begin..end)
            .filter_map(|at| match self.words.get(at) {
                Some((Token::Ident(name), _)) if role(&self.words, at) != Role::Attribute => {
                    Some(*name)
                }
                _ => None,
            })
            .collect()
    }

    /// `a` and `b` of `with a = 1, b = [a, 2]`.
    fn targets_of_with(&self) -> Vec<&'a str> {
        let mut targets = Vec::new();
        let mut begin = Some(1);
        let mut depth = 0_usize;
        for (at, (token, _)) in self.words.iter().enumerate() {
            match token {
                Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => depth += 1,
                Token::ParenClose | Token::BracketClose | Token::BraceClose => {
                    depth = depth.saturating_sub(1);
                }
                Token::Assign if depth == 0 => {
                    if let Some(begin) = begin.take() {
                        targets.extend(self.names_in(begin, at));
                    }
                }
                Token::Comma if depth == 0 => begin = Some(at + 1),
                _ => {}
            }
        }
        targets
    }

    /// `a` and `b` of `(a, b=[c, 2])`, where the parenthesis is at `begin`.
    fn arguments(&self, begin: usize) -> Vec<&'a str> {
        let mut arguments = Vec::new();
        let mut depth = 0_usize;
        for at in begin..self.words.len() {
            match self.words.get(at) {
                Some((Token::ParenOpen | Token::BracketOpen | Token::BraceOpen, _)) => depth += 1,
                Some((Token::ParenClose | Token::BracketClose | Token::BraceClose, _)) => {
                    depth = depth.saturating_sub(1);
                }
                Some((Token::Ident(name), _))
                    if depth == 1
                        && matches!(
                            before(&self.words, at, 1),
                            Some(Token::ParenOpen | Token::Comma)
                        ) =>
                {
                    arguments.push(*name);
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        arguments
    }
}

/// What an identifier is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Name,
    /// `.name`
    Attribute,
    /// `|name`
    Filter,
    /// `is name`, `is not name`
    Test,
    /// `name=`
    Argument,
}

/// The role of the identifier at `at`.
pub(super) fn role(words: &[Word<'_>], at: usize) -> Role {
    let is = |back: usize, word: &str| matches!(before(words, at, back), Some(Token::Ident(name)) if *name == word);
    match (before(words, at, 1), words.get(at + 1)) {
        (Some(Token::Dot), _) => Role::Attribute,
        (Some(Token::Pipe), _) => Role::Filter,
        _ if is(1, "is") || (is(1, "not") && is(2, "is")) => Role::Test,
        (_, Some((Token::Assign, _))) => Role::Argument,
        _ => Role::Name,
    }
}

/// The word that stands `back` words before the one at `at`.
pub(super) fn before<'w, 'a>(
    words: &'w [Word<'a>],
    at: usize,
    back: usize,
) -> Option<&'w Token<'a>> {
    words.get(at.checked_sub(back)?).map(|(token, _)| token)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn what_statements_give_a_value() {
        for (source, expected) in [
            ("{% set a = b %}", &["a"][..]),
            ("{% set a, (b, c) = d, e %}", &["a", "b", "c"]),
            ("{% set ns.a = b %}", &["ns"]),
            ("{% set a | upper %}", &["a"]),
            ("{% for a, b in c if d %}", &["a", "b"]),
            (
                "{% with a = [b, c], (d, e) = f(g=1), h=i %}",
                &["a", "d", "e", "h"],
            ),
            ("{% macro m(a, b=[c, d], e=f) %}", &["a", "b", "e"]),
            ("{% call(a, b) m(c) %}", &["a", "b"]),
            ("{% call m(c) %}", &[]),
            ("{% if a %}", &[]),
            ("{{ a }}", &[]),
        ] {
            assert_eq!(tags(source)[0].targets(), expected, "{source}");
        }
    }
}
