//! What is remembered of one group: its counters, its targets, its series.
//!
//! What does not change between two evaluations is counted once for the whole
//! group, so that nothing has to be written per series (design section 5).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::lifecycle::Place;
use super::roster::Shared;
use super::schedule::Schedule;
use super::time::Timestamp;

/// Slots are counted no further than this after a long silence.
const COUNTED: u64 = 1000;

/// Counters of a group, written with every evaluation that changes something.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Head {
    /// The newest slot that was evaluated, with or without success.
    pub slot: Option<Timestamp>,
    /// Its number: slots so far, those missed included.
    pub number: u64,
    /// Evaluations in which every alert was answered.
    pub answers: u64,
    /// The periods that these stood for, in milliseconds.
    pub answered_ms: u64,
    /// The slot of the last of them.
    pub answered_at: Option<Timestamp>,
    /// The targets that series came from.
    pub sources: Vec<Source>,
    /// Since when fetching has failed; `None`: it does not.
    pub failing_since: Option<Timestamp>,
    /// How it failed last.
    pub failure: Option<String>,
    /// When it was last judged.
    pub judged_at: Option<Timestamp>,
    /// How many of its series count for silence in numbers.
    pub judged: usize,
}

/// A target of the group, present or past.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The target's text.
    pub target: String,
    /// Number of the last slot that it answered.
    pub answered: u64,
    /// It has returned series that earlier alerts claimed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub claimed: bool,
}

/// What a group's head says beside its counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    tried: bool,
    fails: bool,
    judged: usize,
    sources: usize,
    claimed: usize,
}

/// Everything that is remembered of one group.
#[derive(Clone, Debug, Default)]
pub struct Life {
    /// Its counters.
    pub head: Head,
    /// Counts evaluations, to tell the series of this one from those before.
    pub pass: u32,
    /// Its series.
    pub series: Shared,
    /// The series that lacked data when last judged and count for silence in
    /// numbers, and since when.
    pub lacking: HashMap<Arc<str>, Timestamp>,
    /// Whether it was evaluated, or failed, since the start.
    pub ready: bool,
}

impl Life {
    /// Moves the counters on to `slot`.
    pub fn advance(&mut self, slot: Timestamp, schedule: &Schedule) {
        let elapsed = match self.head.slot {
            Some(last) if last == slot => 0,
            Some(last) => schedule.count_between(last, slot, COUNTED).max(1),
            None => 1,
        };
        self.head.number = self.head.number.saturating_add(elapsed);
        self.head.slot = Some(slot);
        self.ready = true;
    }

    /// Counts an evaluation in which every alert was answered; one slot is one
    /// answer, also where it comes again because the clock was set back.
    pub fn answered(&mut self, slot: Timestamp, period: Duration) {
        if self.head.answered_at.replace(slot) == Some(slot) {
            return;
        }
        let period = u64::try_from(period.as_millis()).unwrap_or(u64::MAX);
        self.head.answers = self.head.answers.saturating_add(1);
        self.head.answered_ms = self.head.answered_ms.saturating_add(period);
    }

    /// Whether no clock runs for any of its series, and nothing fails or is open.
    pub fn is_quiet(&self) -> bool {
        let head = &self.head;
        head.failing_since.is_none()
            && self.lacking.is_empty()
            && self.series.actives().next().is_none()
    }

    /// What is remembered beside counters and series: where it is the same, an
    /// evaluation changed nothing that has to last.
    pub fn marks(&self) -> Marks {
        let head = &self.head;
        let claimed = head.sources.iter().filter(|source| source.claimed);
        Marks {
            tried: head.slot.is_some(),
            fails: head.failing_since.is_some(),
            judged: head.judged,
            sources: head.sources.len(),
            claimed: claimed.count(),
        }
    }

    /// Index of `target` among the sources, which it joins if it is new.
    pub fn source(&mut self, target: &str) -> u16 {
        let found = self
            .head
            .sources
            .iter()
            .position(|source| source.target == target);
        let index = found.unwrap_or_else(|| {
            let answered = self.head.number.saturating_sub(1);
            self.head.sources.push(Source {
                target: target.to_owned(),
                answered,
                claimed: false,
            });
            self.head.sources.len() - 1
        });
        u16::try_from(index).unwrap_or(u16::MAX)
    }

    /// The target that last returned a series.
    pub fn source_of(&self, legend: &str) -> Option<&Source> {
        let known = self.series.get(legend)?;
        self.head.sources.get(usize::from(known.source))
    }

    /// Where a reading of a series of `source` stands at `slot`.
    pub fn place(&self, source: u16, slot: Timestamp) -> Place {
        let answered = self
            .head
            .sources
            .get(usize::from(source))
            .map_or(0, |s| s.answered);
        Place {
            at: slot,
            number: self.head.number,
            answered,
        }
    }
}
