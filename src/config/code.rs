//! The codes of warnings: stable names by which they are looked up in
//! `docs/warnings.md`, and allowed where they are meant so (`allow:`).
//!
//! A code that was given once keeps its meaning; one that is no longer used is
//! not given again.

use std::fmt;
use std::sync::Arc;

use super::reader::Map;
use super::suggest;

/// What a warning is about; its number is its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// There is no receiver.
    NoReceiver = 1,
    /// There is one receiver.
    SingleReceiver = 2,
    /// Two receivers have one PagerDuty key.
    SharedKey = 3,
    /// Graphite's password is sent over http.
    PlainHttpPassword = 4,
    /// A mail password may be sent unencrypted.
    PlainSmtpPassword = 5,
    /// Graphite's URL ends in `/render`.
    GraphiteRender = 6,
    /// A key of the predecessor's has no effect any more.
    RetiredKey = 7,
    /// An earlier alert of the group claims every series.
    Shadowed = 10,
    /// `for` is shorter than the time between two evaluations.
    ShortFor = 11,
    /// No incident takes a route.
    DeadRoute = 12,
    /// A receiver is never told anything.
    UnusedReceiver = 13,
    /// Pages people without a page that says what to do.
    NoDocs = 14,
    /// A target matches no series.
    MatchesNothing = 20,
    /// A target matches more series than anybody looks after.
    MatchesMany = 21,
    /// One legend comes more than once.
    LegendTwice = 22,
    /// A window holds the bucket in progress alone.
    ShortWindow = 23,
    /// The newest bucket of a window is null in every series.
    LateData = 24,
    /// A window holds no value at all.
    NoValue = 25,
    /// No threshold was crossed over the last day.
    NeverCrossed = 26,
    /// A threshold was crossed all over the last day.
    AlwaysCrossed = 27,
    /// The server does not list a function.
    UnknownFunction = 28,
    /// A documentation link does not lead to its page.
    DocsLink = 29,
}

impl Code {
    /// All of them, in order.
    pub const ALL: [Self; 22] = [
        Self::NoReceiver,
        Self::SingleReceiver,
        Self::SharedKey,
        Self::PlainHttpPassword,
        Self::PlainSmtpPassword,
        Self::GraphiteRender,
        Self::RetiredKey,
        Self::Shadowed,
        Self::ShortFor,
        Self::DeadRoute,
        Self::UnusedReceiver,
        Self::NoDocs,
        Self::MatchesNothing,
        Self::MatchesMany,
        Self::LegendTwice,
        Self::ShortWindow,
        Self::LateData,
        Self::NoValue,
        Self::NeverCrossed,
        Self::AlwaysCrossed,
        Self::UnknownFunction,
        Self::DocsLink,
    ];

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.to_string() == text)
    }
}

impl fmt::Display for Code {
    /// `GP001`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GP{:03}", *self as u16)
    }
}

/// The warnings that are allowed somewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allow(Arc<[Code]>);

impl Allow {
    /// Whether this warning is allowed.
    pub fn has(&self, code: Code) -> bool {
        self.0.contains(&code)
    }

    /// What is allowed here or there.
    pub(super) fn and(&self, other: &Self) -> Self {
        match (self.0.is_empty(), other.0.is_empty()) {
            (true, _) => other.clone(),
            (_, true) => self.clone(),
            _ => Self(self.0.iter().chain(&*other.0).copied().collect()),
        }
    }

    /// Reads the key `allow` of `map`; a code that does not exist is an error.
    pub(super) fn read(map: &Map<'_>) -> Self {
        let texts = map.texts("allow").unwrap_or_default();
        let mut codes = Vec::new();
        for text in texts {
            match Code::parse(text.value) {
                Some(code) => codes.push(code),
                None => {
                    let known: Vec<String> = Code::ALL.iter().map(Code::to_string).collect();
                    let hint = suggest::hint(text.value, known.iter().map(String::as_str), "codes");
                    let message = format!(
                        "{}: there is no warning {}",
                        map.name("allow"),
                        text.quoted()
                    );
                    map.context.error(text.place, message, hint);
                }
            }
        }
        Self(codes.into())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const PAGE: &str = include_str!("../../docs/warnings.md");

    #[test]
    fn every_code_has_a_section_of_the_page_and_no_other_has() {
        let headings = PAGE.lines().filter_map(|line| line.strip_prefix("## GP"));
        let listed: Vec<String> = headings
            .map(|heading| format!("GP{}", heading.split(':').next().unwrap()))
            .collect();
        let known: Vec<String> = Code::ALL.iter().map(Code::to_string).collect();
        assert_eq!(listed, known);
    }

    #[test]
    fn each_section_says_what_it_means_shows_it_and_says_what_to_do() {
        for section in PAGE.split("\n## GP").skip(1) {
            for part in ["```", "**What to do.**", "**Allow it**"] {
                assert!(section.contains(part), "no {part} in GP{section}");
            }
        }
    }

    #[test]
    fn a_code_is_read_as_it_is_printed() {
        for code in Code::ALL {
            assert_eq!(Code::parse(&code.to_string()), Some(code));
        }
        for text in ["", "GP", "GP1", "gp001", "GP000", "GP999", "no-receiver"] {
            assert_eq!(Code::parse(text), None, "{text}");
        }
    }
}
