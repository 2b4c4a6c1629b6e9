//! How the alert of one series lives: the only place that opens, raises,
//! lowers and resolves (design section 5).
//!
//! `step` takes one reading of one slot and moves the clocks. What data ask for
//! takes effect here; what *want of data* asks for is only proposed
//! (`Step::wants`), because many series that fall silent at once are one
//! trouble and not many: the caller decides that (`silence.rs`) and then calls
//! `take_want`. It knows no thresholds, no receivers, no store.
//!
//! Invariants: only data, or a setting that counts want of data as `ok`, lower
//! or resolve; a clock that is not fed keeps its start; time that passes while
//! nothing is read counts, but no more than three slots of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::incident::{IncidentId, Subject};
use super::level::Level;
use super::time::Timestamp;

/// Slots that may pass unread before a running clock starts anew.
pub(super) const GAP: u64 = 3;

/// The durations that an alert sets for the life of its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `for`
    pub for_: Duration,
    /// `recover_for`
    pub recover_for: Duration,
    /// `no_data_for`
    pub no_data_for: Duration,
}

/// What one evaluation says of one series, as far as its life is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// It had data.
    Data {
        /// The level by thresholds alone.
        level: Level,
        /// Whether `recover` holds too (`true` where there is none).
        recovered: bool,
    },
    /// Want of data that counts as `ok` with data (`no_data: ok`).
    CountsAsOk,
    /// It had none.
    Without {
        /// What that asks for: `no_data`, `warning` or `critical`.
        level: Level,
        /// Whether that is reached without `no_data_for` (vanished series).
        at_once: bool,
    },
    /// It had none, and that is ignored (`keep`, or gone for less than `missing_for`).
    Ignored,
}

/// Where a reading stands among the slots of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The slot.
    pub at: Timestamp,
    /// Its number; slots that were missed or failed are counted.
    pub number: u64,
    /// Number of the last slot that this series' target answered before.
    pub answered: u64,
}

impl Place {
    /// Slots since the last answer of its target, this one left out.
    fn unanswered(&self) -> u64 {
        self.number.saturating_sub(self.answered).saturating_sub(1)
    }
}

/// What is remembered of a series that is not quietly `ok`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Active {
    /// Start of the clock of `critical`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub critical_since: Option<Timestamp>,
    /// Start of the clock of `warning`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning_since: Option<Timestamp>,
    /// Start of the clock of want of data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without_since: Option<Timestamp>,
    /// Number of the last slot with data; `None`: the last one answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_data: Option<u64>,
    /// Since when it lacks data or is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lacking_since: Option<Timestamp>,
    /// The group's counters when it was first found gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Missing>,
    /// It stands for something else than a metric (`(too few series)`, a target without series).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stands_in: bool,
    /// The level it would have, were it not told in one with many others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silent: Option<Level>,
    /// Its open incident.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<Open>,
}

/// The group's counters when a series was first found gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Whole answers of the group so far.
    pub answers: u64,
    /// The periods they stood for, in milliseconds.
    pub answered_ms: u64,
}

/// The part of an open incident that decides its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// Which incident.
    pub id: IncidentId,
    /// Its level.
    pub level: Level,
    /// Whether want of data brought the level about.
    pub by_want: bool,
    /// The level that data last gave it; `None`: none yet.
    pub by_data: Option<Level>,
    /// The overflow that it is told in; `None`: alone. Kept for whoever decides that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inside: Option<Subject>,
    /// The clock of `recover_for`.
    pub down: Option<Down>,
}

/// The clock of `recover_for`, running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Down {
    /// First reading that asked for less.
    pub since: Timestamp,
    /// The highest level asked for since.
    pub highest: Level,
}

/// What a step changes about an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The level before; `ok`: it opens.
    pub from: Level,
    /// The level after; `ok`: it is resolved.
    pub to: Level,
    /// How long the level had been asked for.
    pub lasted: Duration,
    /// Whether want of data asked for it.
    pub by_want: bool,
}

/// What came of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// A change that data brought about.
    pub change: Option<Change>,
    /// A level reached for want of data, with the time it took.
    pub wants: Option<(Level, Duration)>,
}

impl Active {
    /// Whether nothing of it is worth remembering.
    pub fn is_idle(&self) -> bool {
        self.critical_since.is_none()
            && self.warning_since.is_none()
            && self.without_since.is_none()
            && self.lacking_since.is_none()
            && self.last_data.is_none()
            && self.missing.is_none()
            && self.silent.is_none()
            && self.open.is_none()
    }

    /// The level of its incident; `ok` where there is none.
    pub fn level(&self) -> Level {
        self.open.map_or(Level::Ok, |open| open.level)
    }

    /// Whether it is told in one with many others: at which level, and since
    /// when it lacks data.
    pub fn is_silent(&self) -> Option<(Level, Timestamp)> {
        let since = self.lacking_since.or(self.without_since);
        self.silent.zip(since)
    }

    /// Judges one reading. An incident that opens gets the id `fresh`.
    pub fn step(&mut self, asks: Asks, rules: &Rules, place: Place, fresh: IncidentId) -> Step {
        self.never_in_the_future(place.at);
        // whatever this reading says: the clock stood through slots without an answer
        if place.unanswered() > GAP {
            self.without_since = None;
        }
        match asks {
            Asks::Data { level, recovered } => {
                let level = if level == Level::Ok && !recovered {
                    self.held_up()
                } else {
                    level
                };
                Step {
                    change: self.data(level, rules, place, fresh),
                    wants: None,
                }
            }
            Asks::CountsAsOk => Step {
                change: self.data(Level::Ok, rules, place, fresh),
                wants: None,
            },
            Asks::Without { level, at_once } => Step {
                change: None,
                wants: self.without(level, at_once, rules, place),
            },
            Asks::Ignored => {
                self.lacks(place);
                Step::default()
            }
        }
    }

    /// Takes the level that `step` proposed for want of data, unless the
    /// incident stands as high already.
    pub fn take_want(
        &mut self,
        (level, lasted): (Level, Duration),
        fresh: IncidentId,
    ) -> Option<Change> {
        let from = self.level();
        (level > from).then(|| {
            self.take(level, true, fresh);
            Change {
                from,
                to: level,
                lasted,
                by_want: true,
            }
        })
    }

    /// Ends the incident whatever its clocks say (excluded, forgotten, alert gone).
    pub fn end(&mut self) -> Option<Change> {
        let open = self.open.take()?;
        Some(Change {
            from: open.level,
            to: Level::Ok,
            lasted: Duration::ZERO,
            by_want: false,
        })
    }

    /// The level that a reading asks for while `recover` does not hold yet.
    fn held_up(&self) -> Level {
        self.open.and_then(|open| open.by_data).unwrap_or(Level::Ok)
    }

    fn data(
        &mut self,
        asked: Level,
        rules: &Rules,
        place: Place,
        fresh: IncidentId,
    ) -> Option<Change> {
        let last = self.last_data.unwrap_or(place.answered);
        if place.number.saturating_sub(last).saturating_sub(1) > GAP {
            self.critical_since = None;
            self.warning_since = None;
            if let Some(open) = &mut self.open {
                open.down = None;
            }
        }
        self.last_data = None;
        self.lacking_since = None;
        self.without_since = None;
        self.silent = None;
        let reached = self.feed(asked, rules, place.at);
        match self.open {
            None => {
                let (level, lasted) = reached?;
                self.take(level, false, fresh);
                Some(Change {
                    from: Level::Ok,
                    to: level,
                    lasted,
                    by_want: false,
                })
            }
            Some(open) => match reached {
                Some((level, lasted)) if level > open.level => {
                    self.take(level, false, fresh);
                    Some(Change {
                        from: open.level,
                        to: level,
                        lasted,
                        by_want: false,
                    })
                }
                _ => self.lower(open, asked, rules, place.at, fresh),
            },
        }
    }

    /// Feeds and resets the clocks of `critical` and `warning`; the highest level reached.
    fn feed(&mut self, asked: Level, rules: &Rules, at: Timestamp) -> Option<(Level, Duration)> {
        let reached = |since: Timestamp, level| {
            let lasted = at.since(since);
            (lasted >= rules.for_).then_some((level, lasted))
        };
        match asked {
            Level::Critical => {
                let critical = *self.critical_since.get_or_insert(at);
                let warning = *self.warning_since.get_or_insert(at);
                reached(critical, Level::Critical).or_else(|| reached(warning, Level::Warning))
            }
            // data ask for `no_data` only where `recover` holds up a level that
            // data gave, and data never give that one
            Level::Warning | Level::NoData => {
                self.critical_since = None;
                let warning = *self.warning_since.get_or_insert(at);
                reached(warning, Level::Warning)
            }
            Level::Ok => {
                self.critical_since = None;
                self.warning_since = None;
                None
            }
        }
    }

    /// What a reading with data that raises nothing does to an open incident.
    fn lower(
        &mut self,
        mut open: Open,
        asked: Level,
        rules: &Rules,
        at: Timestamp,
        fresh: IncidentId,
    ) -> Option<Change> {
        if open.by_want && asked != Level::Ok && asked <= open.level {
            // the first word of data about it: what it asks for holds at once
            self.take(asked, false, fresh);
            let change = Change {
                from: open.level,
                to: asked,
                lasted: Duration::ZERO,
                by_want: false,
            };
            return (asked != open.level).then_some(change);
        }
        if asked >= open.level {
            open.down = None;
            self.open = Some(open);
            return None;
        }
        let down = open.down.get_or_insert(Down {
            since: at,
            highest: asked,
        });
        down.highest = down.highest.max(asked);
        let Down { since, highest } = *down;
        self.open = Some(open);
        let lasted = at.since(since);
        if lasted < rules.recover_for {
            return None;
        }
        if highest == Level::Ok {
            self.open = None;
        } else {
            self.take(highest, false, fresh);
        }
        Some(Change {
            from: open.level,
            to: highest,
            lasted,
            by_want: false,
        })
    }

    fn without(
        &mut self,
        level: Level,
        at_once: bool,
        rules: &Rules,
        place: Place,
    ) -> Option<(Level, Duration)> {
        self.lacks(place);
        if let Some(open) = &mut self.open
            && open.by_want
        {
            open.down = None;
        }
        let since = *self.without_since.get_or_insert(place.at);
        let lasted = place.at.since(since);
        (at_once || lasted >= rules.no_data_for).then_some((level, lasted))
    }

    fn lacks(&mut self, place: Place) {
        self.last_data.get_or_insert(place.answered);
        self.lacking_since.get_or_insert(place.at);
    }

    fn take(&mut self, level: Level, by_want: bool, fresh: IncidentId) {
        let before = self.open;
        self.open = Some(Open {
            id: before.map_or(fresh, |open| open.id),
            level,
            by_want,
            by_data: if by_want {
                before.and_then(|open| open.by_data)
            } else {
                Some(level)
            },
            inside: before.and_then(|open| open.inside),
            down: None,
        });
    }

    /// A clock that was stepped back must not leave a start in the future: the
    /// span would read as zero until the hour had passed a second time.
    fn never_in_the_future(&mut self, at: Timestamp) {
        for since in [
            &mut self.critical_since,
            &mut self.warning_since,
            &mut self.without_since,
            &mut self.lacking_since,
        ] {
            *since = since.map(|since| since.min(at));
        }
        if let Some(Open {
            down: Some(down), ..
        }) = &mut self.open
        {
            down.since = down.since.min(at);
        }
    }
}

#[cfg(test)]
mod tests;
