//! From the answers of one slot to one reading for each series (design
//! section 4): claims, excludes, legends that come twice, levels, series that
//! are gone, targets without any.
//!
//! It moves no clock: what a reading does to a series is `lifecycle.rs`'s
//! business. `run`, `check` and tests of alerts all judge through here.
//!
//! - `answer.rs`: what came back
//! - `returned.rs`: readings of the series that came back
//! - `absent.rs`: readings for what did not

mod absent;
mod answer;
mod returned;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

pub use answer::{Answer, Seen};

use super::definition::{Alert, Group, WithoutData};
use super::group::Life;
use super::level::Level;
use super::lifecycle::{Asks, Place, Rules};
use super::reduce::Value;
use super::target::Target;
use super::time::Timestamp;

/// The name of the series that says that an alert has too few.
pub const TOO_FEW: &str = "(too few series)";

/// What one evaluation says of one series.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The series.
    pub legend: Arc<str>,
    /// Index of the alert that judged it.
    pub alert: usize,
    /// Index of the target that it belongs to, in `Head::sources`.
    pub source: u16,
    /// What it asks for.
    pub asks: Asks,
    /// What that rests on.
    pub value: Option<Value>,
    /// Why it reads so, where a value does not say it.
    pub why: Why,
    /// Where it stands among the slots.
    pub place: Place,
    /// The alert's answer held this legend more than once.
    pub twice: bool,
    /// Whether it counts for silence in numbers.
    pub counts: bool,
}

impl Reading {
    /// Whether Graphite knows a series of that name.
    pub fn is_of_a_metric(&self) -> bool {
        matches!(self.why, Why::Returned | Why::Gone)
    }
}

/// What a reading rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The series was returned.
    Returned,
    /// It was not.
    Gone,
    /// The target returned nothing and never has.
    NothingMatched,
    /// Fewer series than `min_series`.
    TooFew {
        /// How many there are.
        found: usize,
        /// How many there should be.
        wanted: usize,
    },
    /// What it stood for is no longer so.
    NoLongerCalledFor,
}

/// A series that is no longer the group's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The series.
    pub legend: Arc<str>,
    /// Why, in words that follow its name.
    pub reason: String,
}

/// Everything that one evaluation says.
#[derive(Clone, Debug, Default)]
pub struct Evaluated {
    /// Readings, in the order of the answers; those of series that are known,
    /// quiet and read `ok` are left out unless they were asked for.
    pub readings: Vec<Reading>,
    /// Series that were forgotten or excluded.
    pub dropped: Vec<Dropped>,
    /// Whether the set of known series, or where they come from, changed.
    pub known_changed: bool,
    /// Series of which something is remembered now that no clock shows.
    pub touched: Vec<Arc<str>>,
    /// Series that count for silence in numbers.
    pub judged: usize,
}

impl Alert {
    /// The durations that decide the life of its series.
    pub fn rules(&self) -> Rules {
        Rules {
            for_: self.for_,
            recover_for: self.recover_for,
            no_data_for: self.no_data_for,
        }
    }

    /// The level that `value` has by the thresholds alone.
    pub fn level(&self, value: f64) -> Level {
        let holds = |condition: &Option<super::Condition>| {
            condition
                .as_ref()
                .is_some_and(|condition| condition.holds(value))
        };
        if holds(&self.critical) {
            Level::Critical
        } else if holds(&self.warning) {
            Level::Warning
        } else {
            Level::Ok
        }
    }

    /// The condition that brings `level` about.
    pub fn condition(&self, level: Level) -> Option<&super::Condition> {
        match level {
            Level::Critical => self.critical.as_ref(),
            Level::Warning => self.warning.as_ref(),
            Level::Ok | Level::NoData => None,
        }
    }

    /// Whether any want of data of its series is a level: a reading that is
    /// ignored (`missing: keep`) takes nobody out of a silence in numbers.
    pub(super) fn may_fall_silent(&self) -> bool {
        let level = |setting| matches!(setting, WithoutData::Level(_));
        level(self.no_data) || level(self.missing)
    }

    /// Its targets as the name of a series, where they match none.
    fn name_of_targets(&self) -> String {
        let targets: Vec<&str> = self.targets.iter().map(Target::as_str).collect();
        targets.join(", ")
    }

    fn asks(&self, value: Option<Value>) -> Asks {
        match value {
            Some(Value { value, .. }) => Asks::Data {
                level: self.level(value),
                recovered: self
                    .recover
                    .as_ref()
                    .is_none_or(|recover| recover.holds(value)),
            },
            None => without(self.no_data, false),
        }
    }
}

fn without(setting: WithoutData, at_once: bool) -> Asks {
    match setting {
        WithoutData::Level(level) => Asks::Without { level, at_once },
        WithoutData::Ok => Asks::CountsAsOk,
        WithoutData::Keep => Asks::Ignored,
    }
}

/// How bad a reading is, to choose among several of one legend. Of two that ask
/// for the same, one with data says more; one that is ignored says nothing; one
/// that has not recovered asks for the level `held` that data last gave.
fn badness(asks: &Asks, held: Level) -> (Level, u8) {
    match *asks {
        Asks::Data {
            level: Level::Ok,
            recovered: false,
        } => (held, 3),
        Asks::Data { level, .. } => (level, 2),
        Asks::Without { level, .. } => (level, 1),
        Asks::CountsAsOk => (Level::Ok, 1),
        Asks::Ignored => (Level::Ok, 0),
    }
}

/// Whether a reading leaves a series that nothing is remembered of as it is.
fn is_quiet(asks: &Asks) -> bool {
    let ok = Level::Ok;
    matches!(asks, Asks::Data { level, .. } if *level == ok) || *asks == Asks::CountsAsOk
}

/// Judges the answers of `slot`; an alert whose fetch failed has none. With
/// `all`, quiet series have readings as well. Of the answers nothing is left: a
/// big one and what is known of its series need not be in memory together.
pub fn evaluate(
    group: &Group,
    life: &mut Life,
    mut answers: Vec<Option<Answer>>,
    slot: Timestamp,
    all: bool,
) -> Evaluated {
    for answer in answers.iter_mut().flatten() {
        answer.let_go(&life.series);
    }
    life.advance(slot, &group.schedule);
    life.pass = life.pass.wrapping_add(1);
    let complete = answers.len() == group.alerts.len() && answers.iter().all(Option::is_some);
    if complete {
        life.answered(slot, group.schedule.period_before(slot));
    }
    let sources = sources(group, life);
    let mut pass = Pass {
        group,
        slot,
        all,
        complete,
        sources,
        excluded: HashSet::new(),
        there: HashSet::new(),
        returned: 0,
        twice: None,
        out: Evaluated::default(),
    };
    let mut earlier_failed = false;
    let mut came = Vec::new();
    for (index, (alert, answer)) in group.alerts.iter().zip(answers).enumerate() {
        came.push(answer.as_ref().map(|answer| Came::new(alert, answer)));
        match answer {
            Some(answer) => pass.answer(life, (index, alert), answer, earlier_failed),
            None => earlier_failed = true,
        }
    }
    let judged = || group.alerts.iter().zip(&came).enumerate();
    // after all series: a target may be called like a series of a later alert;
    // of several alerts with too few series, the one that takes it worst goes first
    let mut worst_first: Vec<_> = judged().collect();
    worst_first.sort_by_key(|(_, (alert, _))| {
        std::cmp::Reverse(badness(&without(alert.no_data, false), Level::Ok))
    });
    for (index, (alert, came)) in worst_first {
        if let Some(came) = came {
            pass.stand_ins(life, (index, alert), came);
        }
    }
    pass.not_returned(life, &came);
    pass.mark_answered(life, &came);
    pass.out
}

/// What remains to be known of an answer once its series are judged.
struct Came {
    empty: bool,
    /// How many series there are, where fewer than `min_series` are too few.
    found: Option<usize>,
}

impl Came {
    fn new(alert: &Alert, answer: &Answer) -> Self {
        let legends = || answer.series().map(|seen| seen.legend);
        Self {
            empty: answer.is_empty(),
            found: alert
                .min_series
                .map(|_| legends().collect::<HashSet<_>>().len()),
        }
    }
}

/// The index in `Head::sources` of each target of each alert.
fn sources(group: &Group, life: &mut Life) -> Vec<Vec<u16>> {
    group
        .alerts
        .iter()
        .map(|alert| {
            alert
                .targets
                .iter()
                .map(|target| life.source(target.as_str()))
                .collect()
        })
        .collect()
}

struct Pass<'a> {
    group: &'a Group,
    slot: Timestamp,
    all: bool,
    complete: bool,
    sources: Vec<Vec<u16>>,
    /// Legends that an alert left out; later alerts leave them alone too.
    excluded: HashSet<Arc<str>>,
    /// Legends that their own alert excludes and a later one returned, which may
    /// not judge them now.
    there: HashSet<Arc<str>>,
    /// How many of the known series were returned.
    returned: usize,
    /// Where the reading of a legend stands, once a legend has come twice.
    twice: Option<HashMap<Arc<str>, usize>>,
    out: Evaluated,
}

impl Pass<'_> {
    /// The first alert that asks for the target with index `source`.
    fn owner(&self, source: u16) -> Option<usize> {
        self.sources
            .iter()
            .position(|targets| targets.contains(&source))
    }

    fn source(&self, alert: usize, target: u16) -> u16 {
        let targets = self.sources.get(alert);
        targets
            .and_then(|targets| targets.get(usize::from(target)))
            .copied()
            .unwrap_or(0)
    }

    fn push(&mut self, reading: Reading) {
        if let Some(places) = &mut self.twice {
            places.insert(Arc::clone(&reading.legend), self.out.readings.len());
        }
        self.out.readings.push(reading);
    }

    fn mark_answered(&self, life: &mut Life, answers: &[Option<Came>]) {
        let number = life.head.number;
        for (targets, _) in self
            .sources
            .iter()
            .zip(answers)
            .filter(|(_, answer)| answer.is_some())
        {
            for &source in targets {
                if let Some(source) = life.head.sources.get_mut(usize::from(source)) {
                    source.answered = number;
                }
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
