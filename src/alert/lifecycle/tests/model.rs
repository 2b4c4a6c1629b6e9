//! A second, naive model of design section 5: it keeps every slot so far and,
//! after each, works out all clocks from the whole list. Slow and obvious.

use std::time::Duration;

use crate::alert::level::Level;
use crate::alert::lifecycle::{Asks, Rules};

/// What one slot brought.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Slot {
    /// It was missed, or fetching failed.
    Unanswered,
    /// A reading.
    Read(Asks),
}

/// An alert.
pub struct Model {
    pub rules: Rules,
    pub every: Duration,
}

/// What the list has come to so far.
#[derive(Default)]
struct Story {
    /// For each slot the level that its data asked for; `None`: no reading with data.
    asked: Vec<Option<Level>>,
    /// For each slot: a reading without data that is not ignored.
    without: Vec<bool>,
    /// For each slot: an answer.
    answered: Vec<bool>,
    incident: Option<Incident>,
}

#[derive(Clone, Copy)]
struct Incident {
    level: Level,
    /// The slot at which it took its level.
    taken: usize,
    by_want: bool,
    by_data: Option<Level>,
}

impl Model {
    /// The incident's level after the last of `slots`; `ok`: there is none.
    pub fn level_after(&self, slots: &[Slot]) -> Level {
        let mut story = Story::default();
        for slot in slots {
            self.tell(&mut story, *slot);
        }
        story.incident.map_or(Level::Ok, |incident| incident.level)
    }

    fn tell(&self, story: &mut Story, slot: Slot) {
        let last = story.incident.and_then(|incident| incident.by_data);
        story.asked.push(match slot {
            // an open incident sees `ok` only where `recover` holds
            Slot::Read(Asks::Data {
                level: Level::Ok,
                recovered: false,
            }) => Some(last.unwrap_or(Level::Ok)),
            Slot::Read(Asks::Data { level, .. }) => Some(level),
            Slot::Read(Asks::CountsAsOk) => Some(Level::Ok),
            _ => None,
        });
        story
            .without
            .push(matches!(slot, Slot::Read(Asks::Without { .. })));
        story.answered.push(slot != Slot::Unanswered);
        let now = story.asked.len() - 1;
        match slot {
            Slot::Read(Asks::Without { level, at_once }) => {
                let reached = at_once
                    || self.ran(story.without_clock(now), now) >= Some(self.rules.no_data_for);
                let present = story.incident.map_or(Level::Ok, |incident| incident.level);
                if reached && level > present {
                    let by_data = story.incident.and_then(|incident| incident.by_data);
                    story.incident = Some(Incident {
                        level,
                        taken: now,
                        by_want: true,
                        by_data,
                    });
                }
            }
            Slot::Read(Asks::Data { .. } | Asks::CountsAsOk) => self.data(story, now),
            Slot::Read(Asks::Ignored) | Slot::Unanswered => {}
        }
    }

    fn data(&self, story: &mut Story, now: usize) {
        let asked = story.asked[now].unwrap();
        let reached = [Level::Critical, Level::Warning].into_iter().find(|level| {
            asked >= *level && self.ran(story.up_clock(*level, now), now) >= Some(self.rules.for_)
        });
        let take = |level| {
            (level > Level::Ok).then_some(Incident {
                level,
                taken: now,
                by_want: false,
                by_data: Some(level),
            })
        };
        let Some(incident) = story.incident else {
            story.incident = reached.and_then(take);
            return;
        };
        if let Some(level) = reached.filter(|level| *level > incident.level) {
            story.incident = take(level);
        } else if incident.by_want && asked > Level::Ok && asked <= incident.level {
            story.incident = take(asked);
        } else if let Some((since, highest)) = story.down_clock(incident, now)
            && self.ran(Some(since), now) >= Some(self.rules.recover_for)
        {
            story.incident = take(highest);
        }
    }

    fn ran(&self, since: Option<usize>, now: usize) -> Option<Duration> {
        let slots = u32::try_from(now - since?).unwrap();
        Some(self.every * slots)
    }
}

impl Story {
    /// The first reading of the unbroken row that asks for `level` or more.
    fn up_clock(&self, level: Level, now: usize) -> Option<usize> {
        let row = self.data_backwards(now);
        let row = row
            .into_iter()
            .take_while(|index| self.asked[*index] >= Some(level));
        row.last()
    }

    /// The first reading that asked for less than the incident's level, and the
    /// highest level asked for since.
    fn down_clock(&self, incident: Incident, now: usize) -> Option<(usize, Level)> {
        let stopped = |index: usize| {
            let without = |between: usize| incident.by_want && self.without[between];
            self.asked[index] >= Some(incident.level) || (index..now).any(without)
        };
        let row = self.data_backwards(now);
        let row: Vec<usize> = row
            .into_iter()
            .take_while(|index| *index > incident.taken && !stopped(*index))
            .collect();
        let highest = row.iter().filter_map(|index| self.asked[*index]).max()?;
        Some((*row.last()?, highest))
    }

    /// The first reading without data since the last with data, unless more
    /// than three slots in a row went without an answer.
    fn without_clock(&self, now: usize) -> Option<usize> {
        let mut first = None;
        let mut unanswered = 0;
        for index in (0..=now).rev() {
            if !self.answered[index] {
                unanswered += 1;
            } else {
                unanswered = 0;
            }
            if self.asked[index].is_some() || unanswered > 3 {
                break;
            }
            if self.without[index] {
                first = Some(index);
            }
        }
        first
    }

    /// Readings with data, newest first, as far as no more than three slots lie
    /// between one and the next.
    fn data_backwards(&self, now: usize) -> Vec<usize> {
        let mut row: Vec<usize> = Vec::new();
        for index in (0..=now).rev() {
            if self.asked[index].is_none() {
                continue;
            }
            if row.last().is_some_and(|later| later - index - 1 > 3) {
                break;
            }
            row.push(index);
        }
        row
    }
}
