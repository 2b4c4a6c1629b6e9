//! What happened in a replay: each incident with its changes, and who was told
//! of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::alert::delivery::Tell;
use crate::alert::incident::IncidentId;
use crate::alert::{Level, Timestamp};
use crate::play::{Happened, What};

/// Everything that happened.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// In the order in which they opened.
    pub incidents: Vec<Incident>,
    places: HashMap<IncidentId, usize>,
}

/// An incident that there would have been.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// Its alert.
    pub alert: Arc<str>,
    /// Its series.
    pub series: Arc<str>,
    /// What became of it, in order; the first opened it.
    pub turns: Vec<Turn>,
    /// Who was told, in order.
    pub told: Vec<Told>,
}

/// A change of an incident's level.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// When.
    pub at: Timestamp,
    /// The level after; `ok`: it was over.
    pub to: Level,
    /// `opened`, `raised`, `lowered`, `resolved`.
    pub event: &'static str,
    /// Why.
    pub reason: Arc<str>,
}

/// A message that a receiver would have had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub receiver: Arc<str>,
    /// What.
    pub tell: Tell,
    /// At which level.
    pub level: Level,
}

impl Record {
    /// Adds what happened next.
    pub fn add(&mut self, happened: Vec<Happened>) {
        for Happened { at, what } in happened {
            match what {
                What::Turned(turned) => {
                    let turn = Turn {
                        at,
                        to: turned.to,
                        event: turned.event(),
                        reason: turned.reason,
                    };
                    let index = self.place(turned.incident, &turned.alert, &turned.series);
                    if let Some(incident) = self.incidents.get_mut(index) {
                        incident.turns.push(turn);
                    }
                }
                What::Told(told) => {
                    let index = self.place(told.incident, &told.alert, &told.series);
                    let told = Told {
                        at,
                        receiver: told.receiver,
                        tell: told.tell,
                        level: told.level,
                    };
                    if let Some(incident) = self.incidents.get_mut(index) {
                        incident.told.push(told);
                    }
                }
            }
        }
    }

    /// Where the incident `id` is kept.
    fn place(&mut self, id: IncidentId, alert: &Arc<str>, series: &Arc<str>) -> usize {
        *self.places.entry(id).or_insert_with(|| {
            self.incidents.push(Incident {
                alert: Arc::clone(alert),
                series: Arc::clone(series),
                turns: Vec::new(),
                told: Vec::new(),
            });
            self.incidents.len() - 1
        })
    }
}

impl Incident {
    /// When it opened.
    pub fn opened(&self) -> Timestamp {
        self.turns
            .first()
            .map_or_else(Timestamp::default, |turn| turn.at)
    }

    /// When it was over; `None`: it was still open at the end.
    pub fn ended(&self) -> Option<Timestamp> {
        let last = self.turns.last()?;
        (last.to == Level::Ok).then_some(last.at)
    }

    /// How long it was open, until `end` where it still was.
    pub fn lasted(&self, end: Timestamp) -> Duration {
        self.ended().unwrap_or(end).since(self.opened())
    }

    /// The highest level that it had.
    pub fn worst(&self) -> Level {
        self.turns
            .iter()
            .map(|turn| turn.to)
            .max()
            .unwrap_or_default()
    }

    /// Why it opened.
    pub fn reason(&self) -> &str {
        self.turns.first().map_or("", |turn| &turn.reason)
    }
}

impl Told {
    /// Whether it calls somebody: a new incident, or one that became worse than
    /// anything told before. Ends, changes and reminders call nobody.
    pub fn calls(&self) -> bool {
        matches!(self.tell, Tell::New | Tell::Raised | Tell::Both)
    }
}
