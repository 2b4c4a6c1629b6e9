//! Everything the agent knows, and what follows from each thing that happens:
//! an evaluation, a failed fetch, a second that passes, an accepted message, a
//! new configuration.
//!
//! Each of these is one method that takes the time as an argument, changes the
//! state in memory and marks what changed; `take_batch` (in `batch.rs`) hands
//! that out to be written in one transaction, before anything is sent. There is
//! no I/O and no clock here, so the whole agent can run in a simulation.
//!
//! - `pass.rs`: an evaluation and its transitions
//! - `overflow.rs`: incidents that stand for others
//! - `agent.rs`: the agent's own incidents: Graphite fails, receivers fail
//! - `silence.rs`: many series that fall silent at once
//! - `standing.rs`: which groups are asked for, and which of them fail
//! - `audience.rs`: who is told of an incident
//! - `telling.rs`: who is owed something, and what came of an attempt
//! - `next.rs`: the most urgent thing to tell a receiver
//! - `incidents.rs`, `deliveries.rs`, `agenda.rs`: what there is, with indexes; `changes.rs`: what
//!   to look at again
//! - `setup.rs`: a new configuration, a start from the store
//! - `batch.rs`: what has to be written

mod agenda;
mod agent;
mod audience;
mod batch;
mod changes;
mod deliveries;
mod incidents;
mod next;
mod overflow;
mod pass;
mod setup;
mod silence;
mod standing;
mod telling;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_telling;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use agenda::Agenda;
use batch::Quiet;
pub use batch::{Batch, Dirty, Saved};
use changes::Changes;
use deliveries::Deliveries;
use incidents::Incidents;
pub use next::{Job, Next};
pub use pass::Report;
pub use setup::Setup;
pub use telling::GivenUp;

use standing::{Standing, Standings};

use serde::{Deserialize, Serialize};

use super::definition::Group;
use super::delivery::Delivery;
use super::group::Life;
use super::incident::{About, BUILT_IN, Incident, IncidentId};
use super::level::Level;
use super::receiver::Policy;
use super::roster::Roster;
use super::schedule::Schedule;
use super::time::Timestamp;

/// How long a group's deliveries wait after a start for its first evaluation.
const RELEASE: Duration = Duration::from_secs(60);

/// How long incidents of an alert that left the configuration stay open.
const LEAVE: Duration = Duration::from_secs(5 * 60);

/// Names one delivery: incident, receiver, mail address (empty for other kinds).
pub type DeliveryKey = (IncidentId, Arc<str>, Arc<str>);

/// A group, as far as it is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    /// Its definition; `None`: it left the configuration before this start.
    pub group: Option<Arc<Group>>,
    /// What is remembered of it.
    pub life: Life,
    /// When its incidents end because it left the configuration.
    pub leaves_at: Option<Timestamp>,
    /// What messages say of its alerts: one for all incidents that say the same.
    pub abouts: Vec<Arc<About>>,
    /// How fetching stood for it when that was last counted.
    standing: Standing,
}

impl Entry {
    /// Whether Graphite is asked for it.
    pub fn is_asked(&self) -> bool {
        self.group.is_some() && self.leaves_at.is_none()
    }
}

/// What the agent remembers of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Since when all groups, or many, have failed.
    pub outage_since: Option<Timestamp>,
    /// Since when fewer than ten series are left in a silence in numbers.
    pub few_silent_since: Option<Timestamp>,
}

/// A level change, for the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// The incident.
    pub incident: IncidentId,
    /// Alert.
    pub alert: Arc<str>,
    /// Series.
    pub series: Arc<str>,
    /// The level before; `ok`: opened.
    pub from: Level,
    /// The level after; `ok`: resolved.
    pub to: Level,
    /// Why.
    pub reason: Arc<str>,
}

impl Transition {
    /// `opened`, `raised`, `lowered` or `resolved`.
    pub fn event(&self) -> &'static str {
        match (self.from, self.to) {
            (Level::Ok, _) => "opened",
            (_, Level::Ok) => "resolved",
            (from, to) if to > from => "raised",
            _ => "lowered",
        }
    }
}

/// Names of the agent's own incidents that are asked for all the time.
#[derive(Debug)]
struct Own {
    /// The built-in alert.
    alert: Arc<str>,
    /// The series of a silence in numbers.
    silence: Arc<str>,
}

impl Own {
    fn new(setup: &Setup) -> Self {
        Self {
            alert: Arc::from(BUILT_IN),
            silence: Arc::from(format!("{} (no data)", setup.host)),
        }
    }
}

/// Everything the agent knows.
#[derive(Debug)]
pub struct World {
    setup: Setup,
    own: Own,
    started: Timestamp,
    /// When time was last looked at.
    ticked: Timestamp,
    /// Since when receivers are tried without a break: the start, or the end of
    /// an absence.
    trying_since: Timestamp,
    /// Receivers that were in trouble before that and have not taken anything since.
    unproven: BTreeSet<Arc<str>>,
    groups: BTreeMap<Arc<str>, Entry>,
    standings: Standings,
    incidents: Incidents,
    deliveries: Deliveries,
    agenda: Agenda,
    changes: Changes,
    /// Open incidents that no series' `Active` names, by group and series name:
    /// overflow, and the agent's own.
    named: BTreeMap<Arc<str>, BTreeMap<Arc<str>, IncidentId>>,
    /// Series that are told in a silence in numbers: at which level, and since
    /// when they lack data.
    silent: BTreeMap<(Arc<str>, Arc<str>), (Level, Timestamp)>,
    /// Whether these have changed since their incident was brought in line.
    silence_changed: bool,
    /// Who would have been told of these, until their incident is brought in line.
    silence_told: BTreeSet<Arc<str>>,
    /// Receivers that are only told the end of what they know.
    retired: BTreeMap<Arc<str>, Policy>,
    /// Receivers whose last attempt had no end: whatever it was about may be to
    /// blame, or the receiver.
    unanswered: BTreeSet<Arc<str>>,
    memory: Memory,
    given_up: Vec<GivenUp>,
    transitions: Vec<Transition>,
    dirty: batch::Dirty,
    quiet: Quiet,
}

impl World {
    /// The present configuration.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// An incident that is open or still owed to somebody.
    pub fn incident(&self, id: IncidentId) -> Option<&Incident> {
        self.incidents.get(&id)
    }

    /// All incidents that are open or still owed to somebody.
    pub fn incidents(&self) -> impl ExactSizeIterator<Item = &Incident> {
        self.incidents.values()
    }

    /// All deliveries.
    pub fn deliveries(&self) -> impl Iterator<Item = (&DeliveryKey, &Delivery)> {
        self.deliveries.iter()
    }

    /// What is remembered of a group.
    pub fn life(&self, group: &str) -> Option<&Life> {
        self.groups.get(group).map(|entry| &entry.life)
    }

    /// The series that are known of a group, to look at.
    pub fn known(&self, group: &str) -> Arc<Roster> {
        let entry = self.groups.get(group);
        entry.map_or_else(Arc::default, |entry| entry.life.series.share())
    }

    /// The level changes since this was last called.
    pub fn take_transitions(&mut self) -> Vec<Transition> {
        std::mem::take(&mut self.transitions)
    }

    /// Whether deliveries of `group` may go out: it was judged since the start,
    /// or has had its time.
    fn released(&self, group: &str, now: Timestamp) -> bool {
        if now.since(self.started) >= RELEASE {
            return true;
        }
        match self.groups.get(group) {
            Some(Entry {
                group: Some(group),
                life,
                ..
            }) => life.ready || matches!(group.schedule, Schedule::Cron(_)),
            Some(_) => false,
            // the agent's own: told as soon as anything has been judged
            None if *group == *BUILT_IN => self.standings.ready > 0,
            // it left the configuration, and nothing will ever judge it again
            None => true,
        }
    }

    /// Whether new things of `group` are held back.
    fn held(&self, group: &str, now: Timestamp) -> bool {
        if self.standings.hours.is_empty() {
            return false;
        }
        if let Some(known) = self
            .changes
            .hours
            .get(group)
            .filter(|known| known.holds(now))
        {
            return known.held;
        }
        let entry = self.groups.get(group);
        let group = entry.and_then(|entry| entry.group.as_ref());
        group
            .and_then(|group| group.active.as_ref())
            .is_some_and(|active| !active.covers(now))
    }

    /// When the hours of `group` next begin or end.
    fn next_change(&self, group: &str, now: Timestamp) -> Option<Timestamp> {
        self.groups
            .get(group)?
            .group
            .as_ref()?
            .active
            .as_ref()?
            .next_change(now)
    }
}
