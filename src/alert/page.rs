//! Names that are stored together: what a group knows of its series, in pieces.
//!
//! A page holds at most [`LINES`] names, one after the other in one text, each
//! with the index of its target. A name that is struck out leaves its line behind,
//! so that the others stay where they are; it is not stored, and does not count.
//! Stored, a page is a list of pairs: `[["web-1",0],["web-2",0]]`.

use std::fmt;

use serde::de::{DeserializeSeed, Error, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Names on a page; an id has eight bits for the line.
pub const LINES: usize = 256;

/// Bytes of names after which a page takes no more: long names would make pages
/// long to write for one change.
const LONG: usize = 32 << 10;

/// One bit for each line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bits([u64; LINES / 64]);

/// Names that are stored together.
#[derive(Clone, Debug, Default)]
pub struct Page {
    text: String,
    /// Where each name ends.
    ends: Vec<u32>,
    sources: Vec<u16>,
    /// Which lines are struck out; lines beyond `LINES` never are.
    struck: Bits,
    gone: usize,
}

impl Bits {
    fn bit(line: usize) -> u64 {
        1 << (line % 64)
    }

    pub fn has(&self, line: usize) -> bool {
        let word = self.0.get(line / 64);
        word.is_some_and(|word| word & Self::bit(line) != 0)
    }

    pub fn set(&mut self, line: usize) {
        if let Some(word) = self.0.get_mut(line / 64) {
            *word |= Self::bit(line);
        }
    }

    pub fn clear(&mut self, line: usize) {
        if let Some(word) = self.0.get_mut(line / 64) {
            *word &= !Self::bit(line);
        }
    }
}

impl Page {
    /// How many names stand on it.
    pub fn len(&self) -> usize {
        self.ends.len().saturating_sub(self.gone)
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each name with the index of its target in `Head::sources`.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u16)> {
        self.names().map(|(line, name)| (name, self.source(line)))
    }

    /// How many lines it has, those that are struck out included.
    pub(super) fn lines(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of memory that it takes.
    #[cfg(test)]
    pub(super) fn takes(&self) -> usize {
        let lists =
            self.ends.capacity() * size_of::<u32>() + self.sources.capacity() * size_of::<u16>();
        // and the two counters of an `Arc`
        size_of::<Self>() + self.text.capacity() + lists + 2 * size_of::<usize>()
    }

    pub(super) fn has_room(&self) -> bool {
        self.ends.len() < LINES && self.text.len() < LONG
    }

    /// Each name with its line.
    pub(super) fn names(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut start = 0;
        let lines = self.ends.iter().enumerate();
        lines.filter_map(move |(line, &end)| {
            let name = self.text.get(start..end as usize);
            start = end as usize;
            name.filter(|_| !self.struck.has(line))
                .map(|name| (line, name))
        })
    }

    /// The name on `line`.
    pub(super) fn name(&self, line: usize) -> Option<&str> {
        let end = *self.ends.get(line)?;
        let start = match line.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.text.get(start as usize..end as usize)
    }

    pub(super) fn source(&self, line: usize) -> u16 {
        self.sources.get(line).map_or(0, |source| *source)
    }

    pub(super) fn set_source(&mut self, line: usize, source: u16) {
        if let Some(before) = self.sources.get_mut(line) {
            *before = source;
        }
    }

    /// Writes a name below the others; the line it stands on.
    pub(super) fn push(&mut self, name: &str, source: u16) -> usize {
        let line = self.ends.len();
        self.text.push_str(name);
        // a name is part of an answer, and those are bounded far below
        let end = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.ends.push(end);
        self.sources.push(source);
        if !self.has_room() {
            self.text.shrink_to_fit();
        }
        line
    }

    /// Strikes out the name on `line`.
    pub(super) fn strike(&mut self, line: usize) {
        if line < self.ends.len() && !self.struck.has(line) {
            self.struck.set(line);
            self.gone += 1;
        }
    }
}

impl PartialEq for Page {
    /// The same names in the same order.
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<N: AsRef<str>> FromIterator<(N, u16)> for Page {
    fn from_iter<I: IntoIterator<Item = (N, u16)>>(names: I) -> Self {
        let mut page = Self::default();
        for (name, source) in names {
            page.push(name.as_ref(), source);
        }
        page
    }
}

impl Serialize for Page {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pairs = serializer.serialize_seq(Some(self.len()))?;
        for pair in self.iter() {
            pairs.serialize_element(&pair)?;
        }
        pairs.end()
    }
}

impl<'de> Deserialize<'de> for Page {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Pairs)
    }
}

struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Page;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of series, each with the number of its target")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pairs: A) -> Result<Page, A::Error> {
        let mut page = Page::default();
        while pairs.next_element_seed(Pair(&mut page))?.is_some() {}
        Ok(page)
    }
}

/// Reads one pair onto the page.
struct Pair<'p>(&'p mut Page);

impl<'de> DeserializeSeed<'de> for Pair<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_tuple(2, self)
    }
}

impl<'de> Visitor<'de> for Pair<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a series and the number of its target")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<(), A::Error> {
        let line = pair.next_element_seed(Name(self.0))?;
        let source = pair.next_element()?;
        match (line, source) {
            (Some(line), Some(source)) => {
                self.0.set_source(line, source);
                Ok(())
            }
            _ => Err(A::Error::invalid_length(0, &"a series and a number")),
        }
    }
}

/// Reads a name onto the page, without a copy of its own.
struct Name<'p>(&'p mut Page);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a series")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<usize, E> {
        Ok(self.0.push(name, 0))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn page_is_stored_as_pairs_without_what_was_struck_out() {
        let mut page: Page = [("a", 0), ("\"b\"\n", 3), ("", 1), ("ä", 2)]
            .into_iter()
            .collect();
        page.strike(1);
        page.strike(1);
        assert_eq!(page.len(), 3);
        let text = serde_json::to_string(&page).unwrap();
        assert_eq!(text, r#"[["a",0],["",1],["ä",2]]"#);
        let again: Page = serde_json::from_str(&text).unwrap();
        assert_eq!(again, page);
        assert_eq!(again.lines(), 3);
    }

    #[test]
    fn what_is_no_list_of_pairs_is_refused() {
        for text in [
            "{}",
            "[1]",
            "[[]]",
            "[[1,1]]",
            r#"[["a"]]"#,
            r#"[["a",-1]]"#,
            r#"[["a",65536]]"#,
            r#"[["a",1,2]]"#,
            r#"["a",1]"#,
        ] {
            assert!(serde_json::from_str::<Page>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn long_names_make_a_page_short() {
        let mut page = Page::default();
        let name = "x".repeat(1 << 10);
        let mut lines = 0;
        while page.has_room() {
            page.push(&name, 0);
            lines += 1;
        }
        assert_eq!(lines, 32);
    }
}
