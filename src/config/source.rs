//! The text of one configuration file, and the piece of it that an error shows.
//!
//! An excerpt looks at a window around the place only: a file that is one line
//! of sixteen megabytes costs no more than any other.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use super::mask;
use super::problem::Place;

/// One line, cut to fit a screen, without secrets, and where the caret goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// What is shown of the line.
    pub line: String,
    /// Blanks before the caret.
    pub caret: usize,
}

/// One file that was read; it holds secrets, so it has no `Debug`.
pub struct Source {
    /// As it was named or found.
    pub path: PathBuf,
    /// Without a byte-order mark.
    pub text: Arc<str>,
    /// Bytes that hold secrets, found in the tree and while it was made; in order
    /// and apart once [`Source::settle`] was called.
    pub secrets: Vec<Range<usize>>,
    /// Whether there is no tree, so that secrets have to be guessed from the text.
    pub unparsed: bool,
    /// Where `use:` names it; `None`: it was read by itself.
    pub used_at: Option<Place>,
}

/// How much is looked at on either side of a place, in bytes.
const WINDOW: usize = 4096;
/// How much is shown on either side of a place, in characters.
const BEFORE: usize = 100;
const AFTER: usize = 60;

impl Source {
    /// Brings the secrets in order, for excerpts to look them up: those of a file
    /// whose tree could not be finished were noted as they came, one in another.
    pub fn settle(&mut self) {
        self.secrets.sort_by_key(|range| (range.start, range.end));
        self.secrets.dedup_by(|next, range| {
            let within = next.start <= range.end;
            if within {
                range.end = range.end.max(next.end);
            }
            within
        });
    }

    /// The line at `place`, with every secret in it replaced by `***`.
    pub fn excerpt(&self, place: Place) -> Option<Excerpt> {
        let bytes = self.text.as_bytes();
        let offset = self.boundary(place.offset.min(bytes.len()));
        let is_break = |byte: &u8| *byte == b'\n' || *byte == b'\r';
        let low = offset.saturating_sub(WINDOW);
        let high = (offset + WINDOW).min(bytes.len());
        let start = bytes
            .get(low..offset)?
            .iter()
            .rposition(is_break)
            .map_or(low, |at| low + at + 1);
        let end = bytes
            .get(offset..high)?
            .iter()
            .position(is_break)
            .map_or(high, |at| offset + at);
        let (start, end) = (self.boundary(start), self.boundary(end));
        let line = self.text.get(start..end)?;
        if line.trim().is_empty() {
            return None;
        }
        let mut hidden = mask::guess(self, start, line);
        hidden.extend(self.secrets_within(start, end));
        Some(draw(line, offset - start, &hidden))
    }

    /// The greatest start of a character that is no later than `offset`.
    fn boundary(&self, offset: usize) -> usize {
        (0..=offset.min(self.text.len()))
            .rev()
            .find(|at| self.text.is_char_boundary(*at))
            .unwrap_or(0)
    }

    fn secrets_within(&self, start: usize, end: usize) -> impl Iterator<Item = Range<usize>> {
        let first = self.secrets.partition_point(|range| range.end <= start);
        self.secrets
            .iter()
            .skip(first)
            .take_while(move |range| range.start < end)
            .map(move |range| range.start.max(start) - start..range.end.min(end) - start)
    }
}

/// Writes `line` with the `hidden` bytes as `***`, cut around the byte `at`.
fn draw(line: &str, at: usize, hidden: &[Range<usize>]) -> Excerpt {
    let mut shown: Vec<char> = Vec::new();
    let mut caret = None;
    let mut in_secret = false;
    for (index, c) in line.char_indices() {
        if index >= at && caret.is_none() {
            caret = Some(if in_secret {
                shown.len() - 3
            } else {
                shown.len()
            });
        }
        let secret = hidden.iter().any(|range| range.contains(&index));
        if secret && !in_secret {
            shown.extend(['*', '*', '*']);
        } else if !secret {
            match c {
                '\t' => shown.extend([' ', ' ']),
                c if super::problem::clean(c.encode_utf8(&mut [0; 4])).len() > c.len_utf8() => {
                    shown.push('\u{fffd}')
                }
                c => shown.push(c),
            }
        }
        in_secret = secret;
    }
    let caret = caret.unwrap_or(shown.len());
    let first = caret.saturating_sub(BEFORE);
    let last = shown.len().min(caret + AFTER);
    let cut: String = shown.get(first..last).unwrap_or_default().iter().collect();
    let (mut line, mut caret) = (cut.trim_end().to_owned(), caret - first);
    if first > 0 {
        line.insert(0, '…');
        caret += 1;
    }
    if last < shown.len() {
        line.push('…');
    }
    Excerpt { line, caret }
}
