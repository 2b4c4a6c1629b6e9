//! What windows come to, kept for a moment where several play over the same
//! history: a hundred candidates of a suggestion read the same windows.
//!
//! They play one after the other, each for a few minutes of history, so that only
//! these minutes' readings are kept.

use std::collections::HashMap;
use std::time::Duration;

use super::piece::Line;
use super::track::Cut;
use crate::alert::{Reduce, Timestamp, Value};

/// How much history is played before the next one's turn.
pub const TURN: Duration = Duration::from_secs(10 * 60);

/// Values by feed and slot, and by what was read there.
#[derive(Debug, Default)]
pub struct Readings(HashMap<(usize, Timestamp), Vec<Read>>);

#[derive(Debug)]
struct Read {
    reduce: Reduce,
    cut: Cut,
    values: Box<[Option<Value>]>,
}

impl Readings {
    /// What the `lines` of `feed` come to at `slot`, one for each of them.
    pub fn of(
        &mut self,
        (feed, slot): (usize, Timestamp),
        (reduce, cut): (Reduce, &Cut),
        lines: &[Line],
    ) -> &[Option<Value>] {
        let known = self.0.entry((feed, slot)).or_default();
        let is_it = |read: &Read| read.reduce == reduce && read.cut == *cut;
        let at = known.iter().position(is_it).unwrap_or_else(|| {
            let values = lines.iter().map(|line| line.track.read(reduce, cut));
            known.push(Read {
                reduce,
                cut: *cut,
                values: values.collect(),
            });
            known.len() - 1
        });
        known.get(at).map_or(&[], |read| &read.values)
    }
}
