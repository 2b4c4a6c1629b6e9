//! Legends that an alert leaves alone.
//!
//! An entry stands for itself, as in the predecessor, and for what it matches
//! as a glob; `*` matches anything, dots and slashes too, because a legend is a
//! name and no path. An entry that is no valid glob (`web[1`) still stands for
//! itself: legends are full of brackets.

use globset::{GlobBuilder, GlobMatcher};

/// Legends left alone: equal to an entry, or matching it as a glob.
#[derive(Clone, Debug, Default)]
pub struct Exclude {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    text: String,
    glob: Option<GlobMatcher>,
}

impl PartialEq for Exclude {
    fn eq(&self, other: &Self) -> bool {
        self.entries
            .iter()
            .map(|entry| &entry.text)
            .eq(other.entries.iter().map(|entry| &entry.text))
    }
}

impl Exclude {
    /// Compiles the entries. An entry that is no valid glob only matches itself.
    pub fn new(patterns: Vec<String>) -> Self {
        let entries = patterns
            .into_iter()
            .map(|text| Entry {
                glob: glob(&text),
                text,
            })
            .collect();
        Self { entries }
    }

    /// The entry that excludes `legend`, if any: one that equals it before one that matches it.
    pub fn excluded_by(&self, legend: &str) -> Option<&str> {
        let equal = |entry: &&Entry| entry.text == legend;
        let matching = |entry: &&Entry| {
            entry
                .glob
                .as_ref()
                .is_some_and(|glob| glob.is_match(legend))
        };
        self.entries
            .iter()
            .find(equal)
            .or_else(|| self.entries.iter().find(matching))
            .map(|entry| entry.text.as_str())
    }
}

/// The matcher of an entry; `None` where it could match nothing but itself.
fn glob(text: &str) -> Option<GlobMatcher> {
    if !text.contains(['*', '?', '[', '{', '\\']) {
        return None;
    }
    let glob = GlobBuilder::new(text)
        .literal_separator(false)
        .backslash_escape(true)
        .build()
        .ok()?;
    super::glob::matcher(&glob).ok()
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

    fn exclude(entries: &[&str]) -> Exclude {
        Exclude::new(entries.iter().map(|entry| (*entry).to_owned()).collect())
    }

    fn check(entry: &str, legend: &str, expected: bool) {
        assert_eq!(
            exclude(&[entry]).excluded_by(legend),
            expected.then_some(entry),
            "{entry} {legend}"
        );
    }

    #[test]
    fn an_entry_excludes_what_equals_it() {
        check("web-1", "web-1", true);
        check("web-1", "web-10", false);
        check("web-1", "Web-1", false);
        check("", "", true);
        check("", "web", false);
    }

    #[test]
    fn a_glob_excludes_what_it_matches_whole() {
        check("web-*", "web-1", true);
        check("web-*", "web-", true);
        check("web-*", "my-web-1", false);
        check("web-?", "web-1", true);
        check("web-?", "web-10", false);
        check("web-[12]", "web-2", true);
        check("{web,db}-1", "db-1", true);
        check("web-\\*", "web-*", true);
        check("web-\\*", "web-1", false);
    }

    #[test]
    fn a_star_matches_dots_and_slashes_and_lines() {
        check("servers.*", "servers.web.1/eth0:in", true);
        check("*/boot", "web-1 /var/boot", true);
        check("*", "", true);
        check("*.", "servers.", true);
        check("a*b", "a\nb", true);
    }

    #[test]
    fn an_entry_that_is_no_glob_still_matches_itself() {
        check("web[1", "web[1", true);
        check("web[1", "web1", false);
        check("a\\", "a\\", true);
        check("web[1]", "web[1]", true);
        check("{", "{", true);
    }

    #[test]
    fn an_equal_entry_is_named_before_a_matching_one() {
        let exclude = exclude(&["web-*", "web-1"]);
        assert_eq!(exclude.excluded_by("web-1"), Some("web-1"));
        assert_eq!(exclude.excluded_by("web-2"), Some("web-*"));
        assert_eq!(exclude.excluded_by("db-1"), None);
    }

    #[test]
    fn nothing_is_excluded_by_default() {
        assert_eq!(Exclude::default().excluded_by("web-1"), None);
    }

    #[test]
    fn two_are_equal_when_their_entries_are() {
        assert_eq!(exclude(&["a", "b*"]), exclude(&["a", "b*"]));
        assert_ne!(exclude(&["a", "b*"]), exclude(&["b*", "a"]));
        assert_ne!(exclude(&["a"]), exclude(&["a", "b"]));
    }

    proptest! {
        #[test]
        fn no_entry_panics_and_each_matches_itself(entry in "\\PC*", legend in "\\PC*") {
            let exclude = Exclude::new(vec![entry.clone()]);
            let _ = exclude.excluded_by(&legend);
            prop_assert_eq!(exclude.excluded_by(&entry), Some(entry.as_str()));
        }

        #[test]
        fn near_globs_do_not_panic(entry in "[]a\\[!{},*?\\\\-]{0,20}") {
            let _ = exclude(&[&entry]).excluded_by("abc");
        }
    }
}
