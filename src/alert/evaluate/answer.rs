//! What Graphite returned for one alert, reduced to a value for each series.
//!
//! It is filled while the answer arrives, and a hundred thousand series are some
//! megabytes: names stand one after the other, in pieces, and none of them is an
//! allocation of its own. Of a series that is known, was quietly `ok` and still
//! is, nothing more than a bit is kept: that is decided while it arrives. Whether it may be judged at all is known at the end of
//! the fetch only, so nothing is judged before; a piece that is judged is
//! dropped, so that the answer goes as what is known of it comes.

use std::sync::Arc;

use super::is_quiet;
use crate::alert::definition::Alert;
use crate::alert::reduce::Value;
use crate::alert::roster::{Marks, Roster, Shared};
use crate::alert::time::Timestamp;

/// Bytes of names after which a piece takes no more.
const LONG: usize = 32 << 10;

/// What Graphite returned for all targets of one alert, reduced.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pieces: Vec<Piece>,
    len: usize,
    pub(super) quiet: Option<Quiet>,
}

/// The series of an answer that were quietly ok and still are.
#[derive(Clone, Debug)]
pub(super) struct Quiet {
    /// Where they are known; `None`: in the very one that is judged by.
    pub roster: Option<Arc<Roster>>,
    pub marks: Marks,
}

/// Some series of an answer, one after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Piece {
    names: String,
    rows: Vec<Row>,
}

/// One returned series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen<'a> {
    /// Its name.
    pub legend: &'a str,
    /// What its window came to; `None`: no data.
    pub value: Option<Value>,
    /// Which of the alert's targets returned it.
    pub target: u16,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    /// NaN: no data (a value is finite).
    value: f64,
    at: Timestamp,
    /// Bytes of its name.
    name: u32,
    target: u16,
}

impl Answer {
    /// An empty answer for `alert`, of whose group these series are known; `take`
    /// fills it.
    ///
    /// Where series are counted, or may come from several targets, each is kept.
    pub fn knowing(alert: &Alert, known: &Arc<Roster>) -> Self {
        let plain = alert.min_series.is_none() && alert.targets.len() == 1;
        let quiet = (plain && !known.is_empty()).then(|| Quiet {
            roster: Some(Arc::clone(known)),
            marks: Marks::default(),
        });
        Self {
            quiet,
            ..Self::default()
        }
    }

    /// Lets go of what is known, if that is `present`: it is about to change, and
    /// need not be copied for that.
    pub(super) fn let_go(&mut self, present: &Shared) {
        if let Some(quiet) = &mut self.quiet
            && quiet.roster.as_ref().is_some_and(|of| present.is(of))
        {
            quiet.roster = None;
        }
    }

    /// Adds a series that was returned for `alert`.
    pub fn take(&mut self, alert: &Alert, seen: Seen<'_>) {
        if let Some(Quiet {
            roster: Some(roster),
            marks,
        }) = &mut self.quiet
            && is_quiet(&alert.asks(seen.value))
            && let Some(id) = roster.find_quiet(seen.legend)
        {
            marks.set(id);
            self.len += 1;
            return;
        }
        self.push(seen);
    }

    /// Adds a series behind the others.
    pub fn push(&mut self, seen: Seen<'_>) {
        self.len += 1;
        match self.pieces.last_mut() {
            Some(piece) if piece.names.len() < LONG => piece.push(seen),
            _ => {
                let mut piece = Piece::default();
                piece.push(seen);
                self.pieces.push(piece);
            }
        }
    }

    /// Adds all of `other` behind the others.
    pub fn append(&mut self, other: Self) {
        self.len += other.len;
        // only one has any: where there are several targets, none has
        self.quiet = self.quiet.take().or(other.quiet);
        self.pieces.extend(other.pieces);
    }

    /// How many series there are; one that came twice counts twice.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The series, in the order of the answer, but for those that were quietly ok
    /// and still are.
    pub fn series(&self) -> impl Iterator<Item = Seen<'_>> {
        self.pieces.iter().flat_map(Piece::series)
    }

    /// The same, to be dropped one after the other.
    pub(super) fn into_pieces(self) -> impl Iterator<Item = Piece> {
        self.pieces.into_iter()
    }
}

impl Piece {
    fn push(&mut self, seen: Seen<'_>) {
        self.names.push_str(seen.legend);
        let none = Value {
            value: f64::NAN,
            at: Timestamp::from_millis(0),
        };
        let Value { value, at } = seen.value.unwrap_or(none);
        self.rows.push(Row {
            value,
            at,
            // a name is part of an answer's element, and those are bounded far below
            name: u32::try_from(seen.legend.len()).unwrap_or(u32::MAX),
            target: seen.target,
        });
        if self.names.len() >= LONG {
            self.names.shrink_to_fit();
            self.rows.shrink_to_fit();
        }
    }

    pub(super) fn series(&self) -> impl Iterator<Item = Seen<'_>> {
        let mut rest = self.names.as_str();
        self.rows.iter().map(move |row| {
            let (legend, after) = rest
                .split_at_checked(row.name as usize)
                .unwrap_or((rest, ""));
            rest = after;
            Seen {
                legend,
                value: (!row.value.is_nan()).then_some(Value {
                    value: row.value,
                    at: row.at,
                }),
                target: row.target,
            }
        })
    }
}

impl<'a> FromIterator<Seen<'a>> for Answer {
    fn from_iter<I: IntoIterator<Item = Seen<'a>>>(all: I) -> Self {
        let mut answer = Self::default();
        for seen in all {
            answer.push(seen);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_come_out_as_they_went_in() {
        let at = Timestamp::from_secs(60);
        let value = |value| Some(Value { value, at });
        let long = "x".repeat(LONG);
        let given = [
            ("a", value(1.5), 0),
            ("", None, 1),
            (&long, value(-0.0), 2),
            ("ä", value(2.0), 0),
            ("a", value(3.0), 0),
        ];
        let given = given.map(|(legend, value, target)| Seen {
            legend,
            value,
            target,
        });
        let (first, second) = given.split_at(2);
        let mut answer: Answer = first.iter().copied().collect();
        answer.append(second.iter().copied().collect());
        assert_eq!(answer.len(), 5);
        assert_eq!(answer.series().collect::<Vec<_>>(), given);
        let mut pieces = Vec::new();
        for piece in answer.clone().into_pieces() {
            pieces.extend(piece.series().map(|seen| seen.legend.to_owned()));
        }
        assert_eq!(pieces, given.map(|seen| seen.legend));
    }
}
