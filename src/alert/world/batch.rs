//! What changed since it was last written, and how state is read back.
//!
//! Only what changed is handed out: a quiet evaluation costs nothing per series,
//! and its group's counters are written every five minutes, those of one group every
//! five seconds. Values travel as the domain's own types; a
//! store decides how they look on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::{DeliveryKey, Memory, World};
use crate::alert::delivery::Delivery;
use crate::alert::group::Head;
use crate::alert::incident::{Incident, IncidentId};
use crate::alert::lifecycle::Active;
use crate::alert::page::Page;
use crate::alert::schedule::Schedule;
use crate::alert::time::Timestamp;

/// Names one series: group and legend.
pub type SeriesKey = (Arc<str>, Arc<str>);

/// Names one page of known series: group and number.
pub type PageKey = (Arc<str>, u32);

/// How long counters of groups of which nothing runs may stay unwritten.
const QUIET: Duration = Duration::from_secs(5 * 60);

/// How long nothing at all may be written while groups are evaluated: a store
/// that fails is to be noticed before something is owed.
const PROBE: Duration = Duration::from_secs(5);

/// Groups of which nothing has changed but their counters: a crash that loses
/// these has the newest slot evaluated once more, with the same result.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    groups: BTreeSet<Arc<str>>,
    /// When the first of them was evaluated.
    since: Option<Timestamp>,
    /// When anything was last handed out.
    written: Option<Timestamp>,
}

impl Quiet {
    fn is_over(&self, now: Timestamp) -> bool {
        self.since.is_some_and(|since| now.since(since) >= QUIET)
    }

    fn is_probe_due(&self, now: Timestamp) -> bool {
        let written = self.written;
        written.is_none_or(|written| now.since(written) >= PROBE)
    }

    /// The clock was set back to `now`.
    pub fn set_back(&mut self, now: Timestamp) {
        for at in [&mut self.since, &mut self.written] {
            *at = at.map(|at| at.min(now));
        }
    }
}

/// What has to be written, by key.
#[derive(Clone, Debug, Default)]
pub struct Dirty {
    pub(super) heads: BTreeSet<Arc<str>>,
    pub(super) known: BTreeSet<PageKey>,
    pub(super) series: BTreeSet<SeriesKey>,
    pub(super) incidents: BTreeSet<IncidentId>,
    pub(super) deliveries: BTreeSet<DeliveryKey>,
    pub(super) memory: bool,
    /// Nothing that was written before is there any more.
    pub(super) whole: bool,
    /// Whether losing it could lose or double a message.
    pub(super) owed: bool,
}

/// Changes to be written in one transaction. `None` deletes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Counters of groups.
    pub heads: Vec<(Arc<str>, Option<Head>)>,
    /// Pages on which known series came, went or changed their source; `None`: it is empty.
    pub known: Vec<(PageKey, Option<Arc<Page>>)>,
    /// Series with a running clock or an incident, by group and legend.
    pub series: Vec<(SeriesKey, Option<Arc<Active>>)>,
    /// Incidents.
    pub incidents: Vec<(IncidentId, Option<Arc<Incident>>)>,
    /// Deliveries.
    pub deliveries: Vec<(DeliveryKey, Option<Delivery>)>,
    /// The agent's own memory.
    pub memory: Option<Memory>,
    /// It is everything: whatever the store holds besides is deleted.
    pub whole: bool,
    /// Whether losing it could lose or double a message: it must be on disk
    /// before anything is sent.
    pub owed: bool,
}

/// Everything that a store holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Saved {
    /// Counters of groups.
    pub heads: BTreeMap<Arc<str>, Head>,
    /// Known series of groups.
    pub known: BTreeMap<PageKey, Arc<Page>>,
    /// Series with a running clock or an incident.
    pub series: BTreeMap<SeriesKey, Arc<Active>>,
    /// Incidents.
    pub incidents: BTreeMap<IncidentId, Arc<Incident>>,
    /// Deliveries.
    pub deliveries: BTreeMap<DeliveryKey, Delivery>,
    /// The agent's own memory.
    pub memory: Memory,
}

impl Saved {
    /// What a store that held this holds once `batch` is written: the meaning
    /// of a commit, whatever the store.
    pub fn apply(&mut self, batch: Batch) {
        fn put<K: Ord, V>(into: &mut BTreeMap<K, V>, rows: Vec<(K, Option<V>)>) {
            for (key, row) in rows {
                match row {
                    Some(row) => drop(into.insert(key, row)),
                    None => drop(into.remove(&key)),
                }
            }
        }
        if batch.whole {
            *self = Self::default();
        }
        put(&mut self.heads, batch.heads);
        put(&mut self.known, batch.known);
        put(&mut self.series, batch.series);
        put(&mut self.incidents, batch.incidents);
        put(&mut self.deliveries, batch.deliveries);
        if let Some(memory) = batch.memory {
            self.memory = memory;
        }
    }
}

impl Dirty {
    /// How many rows are to be written, those of heads left out.
    pub(super) fn rows(&self) -> usize {
        self.known.len() + self.series.len() + self.incidents.len() + self.deliveries.len()
    }
}

impl Batch {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
            && self.known.is_empty()
            && self.series.is_empty()
            && self.incidents.is_empty()
            && self.deliveries.is_empty()
            && self.memory.is_none()
            && !self.whole
    }

    /// What it is about, so that it can be taken back without a copy of it.
    pub fn keys(&self) -> Dirty {
        fn keys<K: Clone + Ord, V>(rows: &[(K, V)]) -> BTreeSet<K> {
            rows.iter().map(|(key, _)| key.clone()).collect()
        }
        Dirty {
            heads: keys(&self.heads),
            known: keys(&self.known),
            series: keys(&self.series),
            incidents: keys(&self.incidents),
            deliveries: keys(&self.deliveries),
            memory: self.memory.is_some(),
            whole: self.whole,
            owed: self.owed,
        }
    }
}

impl World {
    /// Notes that an incident is to be written. One that is told in an overflow
    /// has no row of its own: its series says all that has to last.
    pub(super) fn incident_changed(&mut self, id: IncidentId) {
        let incident = self.incidents.get(&id);
        if incident.is_none_or(|incident| incident.inside.is_none()) {
            self.dirty.incidents.insert(id);
        }
    }

    /// Notes that known series of a group may have come, gone or moved.
    pub(super) fn known_changed(&mut self, group: &Arc<str>) {
        if let Some(entry) = self.groups.get_mut(group) {
            let pages = entry.life.series.take_changed();
            let pages = pages.into_iter().map(|page| (Arc::clone(group), page));
            self.dirty.known.extend(pages);
        }
    }

    /// Notes that the counters of a group moved on; `same`: and nothing else.
    pub(super) fn head_changed(&mut self, name: &Arc<str>, same: bool, now: Timestamp) {
        let Some(entry) = self.groups.get(name) else {
            return;
        };
        let often = entry.group.as_ref().is_some_and(
            |group| matches!(group.schedule, Schedule::Every { period, .. } if period < QUIET),
        );
        if same && often && entry.life.is_quiet() {
            self.quiet.since.get_or_insert(now);
            self.quiet.groups.insert(Arc::clone(name));
        } else {
            self.dirty.heads.insert(Arc::clone(name));
        }
    }

    /// Nothing is left for later: this is the end.
    pub fn write_all(&mut self) {
        self.dirty.heads.append(&mut self.quiet.groups);
        self.quiet.since = None;
    }

    /// Whether something has to be written before anything may be sent.
    pub fn is_dirty(&self) -> bool {
        self.dirty.owed
    }

    /// Hands out everything that changed since it was last called.
    pub fn take_batch(&mut self) -> Batch {
        self.hand_out().0
    }

    /// The same with its keys, to be taken back by them.
    pub fn hand_out(&mut self) -> (Batch, Dirty) {
        if self.quiet.is_over(self.ticked) {
            self.write_all();
        } else if self.quiet.is_probe_due(self.ticked) {
            self.dirty.heads.extend(self.quiet.groups.pop_first());
        }
        let mut dirty = std::mem::take(&mut self.dirty);
        for name in &dirty.heads {
            self.quiet.groups.remove(name);
        }
        if !self.retired.is_empty() {
            // receivers that are gone are told the end only while the process lives
            let lasts = |key: &DeliveryKey| !self.retired.contains_key(&key.1);
            dirty.deliveries.retain(lasts);
        }
        let heads = dirty.heads.iter().map(|name| {
            let head = self.groups.get(name).map(|entry| entry.life.head.clone());
            (Arc::clone(name), head)
        });
        let known = dirty.known.iter().map(|(name, number)| {
            let entry = self.groups.get(name);
            let page = entry.and_then(|entry| entry.life.series.page(*number));
            ((Arc::clone(name), *number), page)
        });
        let series = dirty.series.iter().map(|key| {
            let life = self.groups.get(&key.0).map(|entry| &entry.life);
            let active = life.and_then(|life| life.series.active(&key.1));
            (key.clone(), active.cloned())
        });
        let incidents = dirty.incidents.iter();
        let incidents = incidents.map(|id| (*id, self.incidents.shared(id)));
        let deliveries = dirty.deliveries.iter();
        let deliveries = deliveries.map(|key| (key.clone(), self.deliveries.get(key).cloned()));
        let batch = Batch {
            heads: heads.collect(),
            known: known.collect(),
            series: series.collect(),
            incidents: incidents.collect(),
            deliveries: deliveries.collect(),
            memory: dirty.memory.then(|| self.memory.clone()),
            whole: dirty.whole,
            owed: dirty.owed,
        };
        if !batch.is_empty() {
            self.quiet.written = Some(self.ticked);
        }
        (batch, dirty)
    }

    /// The next batch is not empty, so that it shows how the store is.
    pub fn write_something(&mut self) {
        self.dirty.memory = true;
    }

    /// The store lost what was written: the next batch is everything.
    pub fn write_everything(&mut self) {
        let dirty = &mut self.dirty;
        for (name, entry) in &self.groups {
            dirty.heads.insert(Arc::clone(name));
            let pages = entry.life.series.pages();
            let pages = pages.map(|page| (Arc::clone(name), page));
            dirty.known.extend(pages);
            let actives = entry.life.series.actives();
            let keys = actives.map(|(legend, _)| (Arc::clone(name), Arc::clone(legend)));
            dirty.series.extend(keys);
        }
        let alone = self.incidents.values().filter(|i| i.inside.is_none());
        dirty.incidents.extend(alone.map(|incident| incident.id));
        dirty.deliveries.extend(self.deliveries.keys().cloned());
        dirty.memory = true;
        dirty.whole = true;
        dirty.owed = true;
    }

    /// Takes back a batch that could not be written: it will be part of the next.
    pub fn not_written(&mut self, batch: &Batch) {
        self.take_back(batch.keys());
    }

    /// The same, by its keys.
    pub fn take_back(&mut self, keys: Dirty) {
        let dirty = &mut self.dirty;
        dirty.heads.extend(keys.heads);
        dirty.known.extend(keys.known);
        dirty.series.extend(keys.series);
        dirty.incidents.extend(keys.incidents);
        dirty.deliveries.extend(keys.deliveries);
        dirty.memory |= keys.memory;
        dirty.whole |= keys.whole;
        dirty.owed |= keys.owed;
    }
}
