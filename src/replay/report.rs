//! What a replay came to, as every report of it says it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::record::{Incident, Record, Told};
use super::totals::{self, Offender, ReceiverTotal};
use super::{Player, Span, Warning};
use crate::alert::delivery::Tell;
use crate::alert::{Timestamp, Zone, zone};

/// What a replay came to.
#[derive(Debug)]
pub struct Report<'a> {
    /// What was to be replayed.
    pub span: Span,
    /// How far it came; before the end of `span` where it was stopped.
    pub reached: Timestamp,
    /// In whose nights nights are counted.
    pub zone: Zone,
    /// What happened.
    pub record: &'a Record,
    /// What was read, where that is drawn.
    pub values: Option<&'a super::values::Values>,
    /// What each receiver would have been told.
    pub receivers: BTreeMap<Arc<str>, ReceiverTotal>,
    /// Every series that had an incident, the worst first.
    pub offenders: Vec<Offender>,
    /// What makes it doubtful.
    pub warnings: Vec<Warning>,
}

impl<'a> Report<'a> {
    /// What `player` came to, with these receivers.
    pub fn new<'n>(
        (span, reached, zone): (Span, Timestamp, Zone),
        player: &'a Player,
        receivers: impl Iterator<Item = &'n Arc<str>>,
        warnings: Vec<Warning>,
    ) -> Self {
        let record = &player.record;
        Self {
            span,
            reached,
            receivers: totals::by_receiver(record, receivers, &zone),
            zone,
            record,
            values: player.values.as_ref(),
            offenders: totals::offenders(record, reached),
            warnings,
        }
    }

    /// Whether it was stopped before its end.
    pub fn stopped(&self) -> bool {
        self.reached < self.span.until
    }

    /// `at` in the report's zone: `2026-11-23 18:00:00`.
    pub fn local(&self, at: Timestamp) -> String {
        zone::local(&self.zone, at).map_or_else(
            || at.rfc3339(),
            |local| local.format("%Y-%m-%d %H:%M:%S").to_string(),
        )
    }

    /// How often each receiver was told of an incident, in the order in which
    /// they first were: `oncall 2, ops-mail 3`; reminders and the end count too.
    pub fn told(&self, incident: &Incident) -> String {
        let mut counts: Vec<(&Arc<str>, usize)> = Vec::new();
        for told in &incident.told {
            match counts.iter_mut().find(|(name, _)| *name == &told.receiver) {
                Some((_, count)) => *count += 1,
                None => counts.push((&told.receiver, 1)),
            }
        }
        let counts = counts.iter().map(|(name, count)| format!("{name} {count}"));
        counts.collect::<Vec<_>>().join(", ")
    }
}

/// What a message says, in one word.
pub fn says(told: &Told) -> &'static str {
    match told.tell {
        Tell::New => "new",
        Tell::Raised => "raised",
        Tell::Changed => "changed",
        Tell::Reminder => "reminder",
        Tell::Left => "left",
        Tell::Resolved => "resolved",
        Tell::Both => "both",
        Tell::Stray(_) => "tidied",
    }
}
