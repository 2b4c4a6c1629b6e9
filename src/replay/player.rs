//! One configuration that is played over history, piece by piece: each
//! evaluation reads what Graphite would have answered at its slot.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::feed::{Feeds, Lane};
use super::piece::Piece;
use super::readings::Readings;
use super::record::Record;
use super::spread::Spread;
use super::track::Cut;
use super::values::Values;
use crate::agent::fetch::window;
use crate::agent::setup;
use crate::alert::evaluate::{Answer, Seen};
use crate::alert::world::Report;
use crate::alert::{Alert, Group, Timestamp, Value};
use crate::config::Config;
use crate::play::{Due, Play};

/// A configuration that is played.
#[derive(Debug)]
pub struct Player {
    play: Play,
    lanes: BTreeMap<Arc<str>, (Lane, Begun)>,
    /// What happened.
    pub record: Record,
    /// What was read, where that is to be drawn.
    pub values: Option<Values>,
    /// A sample of it, where its quantiles are wanted.
    pub spread: Option<Spread>,
}

/// Whether history has begun for a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    /// A series of it was shown, or none lives now either.
    Yes,
    /// Nothing was shown until then, though series of it live now.
    NotUntil(Timestamp),
}

impl Player {
    /// Plays `groups` of `config` from `start`; what they watch is added to `feeds`.
    pub fn new(
        config: &Config,
        groups: Vec<Arc<Group>>,
        start: Timestamp,
        feeds: &mut Feeds,
    ) -> Self {
        let lanes = groups.iter().map(|group| {
            let begun = Begun::NotUntil(start);
            (Arc::clone(&group.name), (feeds.add(group), begun))
        });
        let lanes = lanes.collect();
        let setup = crate::alert::world::Setup {
            groups,
            ..setup(config)
        };
        Self {
            play: Play::new(setup, config.receivers.clone(), start),
            lanes,
            record: Record::default(),
            values: None,
            spread: None,
        }
    }

    /// Plays on over `piece` to `until`, or until it is to stop; says how far it came.
    /// Others that play over the same share `readings`.
    pub fn go_on(
        &mut self,
        (piece, until): (&Piece, Timestamp),
        feeds: &Feeds,
        mut readings: Option<&mut Readings>,
        stop: &dyn Fn() -> bool,
    ) -> Timestamp {
        while let Some(due) = self.play.next(until) {
            if stop() {
                break;
            }
            if let Some(report) = self.answer(&due, piece, feeds, readings.as_deref_mut()) {
                self.play.evaluated(&due, report);
            }
            self.record.add(self.play.take_happened());
        }
        self.record.add(self.play.take_happened());
        self.play.now()
    }

    /// Groups of which nothing was shown until some time, though they live now.
    pub fn began_late(&self, from: Timestamp) -> impl Iterator<Item = (&Arc<str>, Timestamp)> {
        self.lanes
            .iter()
            .filter_map(move |(name, (_, begun))| match begun {
                Begun::NotUntil(at) if *at > from => Some((name, *at)),
                _ => None,
            })
    }

    /// What was answered; `None`: there is no history of the group yet.
    fn answer(
        &mut self,
        due: &Due,
        piece: &Piece,
        feeds: &Feeds,
        mut readings: Option<&mut Readings>,
    ) -> Option<Report> {
        let group = &due.group;
        let (lane, begun) = self.lanes.get_mut(&group.name)?;
        let known = self.play.world().known(&group.name);
        let mut report = Report::default();
        let mut any = false;
        for (index, (alert, targets)) in group.alerts.iter().zip(&lane.0).enumerate() {
            let mut answer = Answer::knowing(alert, &known);
            let mut record = |legend: &Arc<str>, value: Option<Value>| {
                if let Some(values) = &mut self.values {
                    values.read((group, index), legend, due.slot, value);
                }
                if let (Some(spread), Some(value)) = (&mut self.spread, value) {
                    spread.add(value.value);
                }
            };
            let read = (alert, targets.as_slice(), due.slot);
            let readings = readings.as_deref_mut();
            match read_all(read, (piece, readings), &mut answer, &mut record) {
                Ok(()) => {
                    any |= !answer.is_empty();
                    report.answers.push(Some(answer));
                }
                Err(why) => {
                    report.failure.get_or_insert(why);
                    report.answers.push(None);
                }
            }
        }
        if let Begun::NotUntil(at) = begun {
            let mut targets = lane.0.iter().flatten();
            let lives = targets.any(|feed| feeds.0.get(*feed).is_some_and(super::Feed::lives));
            match report.failure {
                // nobody knows yet
                Some(_) => return Some(report),
                None if !any && lives => {
                    *at = due.slot;
                    return None;
                }
                None => *begun = Begun::Yes,
            }
        }
        Some(report)
    }
}

/// Reads the series of all targets of an alert at a slot.
fn read_all(
    (alert, targets, slot): (&Alert, &[usize], Timestamp),
    (piece, mut readings): (&Piece, Option<&mut Readings>),
    answer: &mut Answer,
    record: &mut dyn FnMut(&Arc<str>, Option<Value>),
) -> Result<(), String> {
    let Some(cut) = Cut::new(alert, slot, window(alert, slot)) else {
        return Ok(());
    };
    for (index, feed) in targets.iter().enumerate() {
        let target = u16::try_from(index).unwrap_or(u16::MAX);
        let lines = piece.lines(*feed, slot)?;
        let read = (alert.reduce, &cut);
        let known = readings
            .as_deref_mut()
            .map(|readings| readings.of((*feed, slot), read, lines));
        for (at, line) in lines.iter().enumerate() {
            if line.is_there(&cut) {
                let value = match known {
                    Some(values) => values.get(at).copied().flatten(),
                    None => line.track.read(alert.reduce, &cut),
                };
                record(&line.legend, value);
                let legend = &line.legend;
                answer.take(
                    alert,
                    Seen {
                        legend,
                        value,
                        target,
                    },
                );
            }
        }
    }
    Ok(())
}
