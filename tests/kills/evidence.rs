//! What the stand-ins saw of one agent: what Graphite answered, when the agent
//! was troubled, and what each receiver took. The checker judges by this alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A level as receivers are told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Ok,
    Warning,
    Critical,
}

impl Level {
    /// The level that `word` names, in capitals or not.
    pub fn parse(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "ok" => Self::Ok,
            "warning" => Self::Warning,
            "critical" => Self::Critical,
            other => panic!("no level of this story: `{other}`"),
        }
    }
}

/// What Graphite answered for one series in one slot.
#[derive(Clone, Debug)]
pub struct Reading {
    /// When it was asked.
    pub at: Duration,
    /// The epoch second that it was asked for.
    pub slot: i64,
    /// What was asked for.
    pub target: String,
    pub series: String,
    /// What the thresholds make of it.
    pub level: Level,
}

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It is open, at this level.
    Open(Level),
    /// It has left the levels that the receiver listens to, for this one.
    Left(Level),
    /// It is over.
    Over,
    /// It has been, and is over.
    Both,
}

/// One message that a receiver took.
#[derive(Clone, Debug)]
pub struct Heard {
    pub at: Duration,
    pub receiver: &'static str,
    pub series: String,
    /// The incident's id, where it is said.
    pub incident: Option<String>,
    /// What orders the messages of one incident and names this one: the event's
    /// number, at PagerDuty when the level changed.
    pub event: Option<i64>,
    pub said: Said,
    /// What tells a repetition from a new message: key, Message-ID.
    pub identity: String,
    /// Epoch seconds of the incident's beginning, last change and end, where they are said.
    pub started: Option<i64>,
    pub changed: Option<i64>,
    pub ended: Option<i64>,
}

/// How a receiver hears of incidents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// By message: each is heard of, even if it is over by then.
    Messages,
    /// The same, of critical ones alone.
    CriticalMessages,
    /// By key: what is over before it was told may be a resolve and no more.
    Keys,
}

/// Everything.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    pub receivers: BTreeMap<&'static str, Kind>,
    /// In order of time.
    pub readings: Vec<Reading>,
    /// Instants of kills, cuts and pauses, in order.
    pub troubles: Vec<Duration>,
    /// In order of acceptance, for each receiver.
    pub heard: Vec<Heard>,
}

/// Where an incident lies in time, in epoch seconds.
#[derive(Clone, Debug)]
pub struct Span {
    pub series: String,
    pub started: i64,
    pub ended: Option<i64>,
    /// The highest level that anybody was told.
    pub highest: Level,
}

impl Evidence {
    /// What `receiver` took.
    pub fn heard_by(&self, receiver: &str) -> impl Iterator<Item = &Heard> {
        self.heard
            .iter()
            .filter(move |one| one.receiver == receiver)
    }

    /// All incidents that anybody heard of by id.
    pub fn incidents(&self) -> BTreeMap<&str, Span> {
        let mut spans = BTreeMap::new();
        for one in &self.heard {
            let (Some(id), Some(started)) = (one.incident.as_deref(), one.started) else {
                continue;
            };
            let span = spans.entry(id).or_insert_with(|| Span {
                series: one.series.clone(),
                started,
                ended: None,
                highest: Level::Ok,
            });
            span.ended = one.ended.or(span.ended);
            if let Said::Open(level) = one.said {
                span.highest = span.highest.max(level);
            }
        }
        spans
    }

    /// Readings that were judged and written for all that can be known from
    /// outside: the same agent, undisturbed, went on to ask for a later slot.
    pub fn judged(&self) -> Vec<&Reading> {
        let judged = |reading: &&Reading| {
            let later = self.readings.iter().find(|later| {
                later.target == reading.target && later.slot > reading.slot && later.at > reading.at
            });
            later.is_some_and(|later| !self.trouble_between(reading.at, later.at))
        };
        self.readings.iter().filter(judged).collect()
    }

    /// Whether there was trouble from `from` until `until`, both included.
    pub fn trouble_between(&self, from: Duration, until: Duration) -> bool {
        let next = self.troubles.partition_point(|&at| at < from);
        self.troubles.get(next).is_some_and(|&at| at <= until)
    }

    /// Whether `one` may have gone unrecorded although it was taken: there was
    /// trouble before `until`, it was the last that its receiver took before
    /// that, and Graphite was not asked for three further slots in between.
    pub fn perhaps_unrecorded(&self, one: &Heard, until: Duration) -> bool {
        let next = self.troubles.partition_point(|&at| at < one.at);
        let Some(&trouble) = self.troubles.get(next).filter(|&&at| at <= until) else {
            return false;
        };
        let last = !self
            .heard_by(one.receiver)
            .any(|other| other.at > one.at && other.at < trouble);
        let slots: BTreeSet<i64> = self
            .readings
            .iter()
            .filter(|reading| reading.at > one.at && reading.at < trouble)
            .map(|reading| reading.slot)
            .collect();
        last && slots.len() < 3
    }
}
