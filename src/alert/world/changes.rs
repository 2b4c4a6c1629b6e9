//! What a change makes worth another look. A second in which nothing changed
//! costs nothing per incident, however many there are.
//!
//! Incidents and deliveries note by themselves that they changed. What only
//! time brings about (hours that begin, the wait after a start) is found out
//! here, for a whole group at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{RELEASE, World};
use crate::alert::incident::{BUILT_IN, IncidentId};
use crate::alert::time::Timestamp;

/// What has still to be looked at.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Incidents of which something may be due now, or no longer.
    pub due: BTreeSet<IncidentId>,
    /// Incidents that are over, and perhaps owed to nobody.
    pub over: BTreeSet<IncidentId>,
    /// When the first of those that are owed is given up.
    pub give_up_at: Option<Timestamp>,
    /// Whether there was anything since receivers' workers were last woken.
    news: bool,
    /// Whether the wait after the start was over when that was last looked at.
    released: bool,
    /// Of the groups that are told of at some hours only: which these are now.
    pub hours: BTreeMap<Arc<str>, Hours>,
}

/// Whether new things of a group are held back, from when until when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hours {
    from: Timestamp,
    until: Timestamp,
    pub held: bool,
}

impl Hours {
    /// Whether that is known of `now`.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

impl World {
    /// Passes on what changed to those who have to look at it.
    pub(super) fn spread(&mut self) {
        let (deliveries, incidents) = (
            self.deliveries.take_touched(),
            self.incidents.take_touched(),
        );
        if deliveries.is_empty() && incidents.is_empty() {
            return;
        }
        self.changes.news = true;
        let mut ended = Vec::new();
        let mut last = None;
        for key in deliveries {
            // those of one incident come one after the other
            if last.replace(key.0) != Some(key.0) {
                self.changes.due.insert(key.0);
                if self.incidents.get(&key.0).is_some_and(|i| !i.is_open()) {
                    ended.push(key.0);
                }
            }
            self.agenda.changed(key);
        }
        for id in incidents {
            let Some(incident) = self.incidents.get(&id) else {
                continue;
            };
            if !incident.is_open() {
                ended.push(id);
            }
            if incident.inside.is_none() {
                self.changes.due.insert(id);
                self.look_again(id);
            }
        }
        for id in ended {
            self.changes.over.insert(id);
            // what came after it in its series may have waited for it
            for other in self.of_same_series(id) {
                self.look_again(other);
            }
        }
    }

    /// Whether something changed since this was last called that somebody may
    /// have to be told: if not, nobody need be woken.
    pub fn take_news(&mut self) -> bool {
        self.spread();
        std::mem::take(&mut self.changes.news)
    }

    fn look_again(&mut self, id: IncidentId) {
        for (key, _) in self.deliveries.of(id) {
            self.agenda.changed(key.clone());
        }
    }

    /// Other incidents of the same series, as far as anybody is told of them.
    pub(super) fn of_same_series(&self, id: IncidentId) -> Vec<IncidentId> {
        let Some(incident) = self.incidents.get(&id) else {
            return Vec::new();
        };
        if incident.inside.is_some() {
            return Vec::new();
        }
        let (group, series) = (&incident.group, &incident.series);
        let over = self.incidents.over(group, series);
        let all = over.chain(self.open_of(group, series));
        all.filter(|other| *other != id).collect()
    }

    /// The open incident of a series.
    pub(super) fn open_of(&self, group: &Arc<str>, series: &Arc<str>) -> Option<IncidentId> {
        let life = || Some(&self.groups.get(group)?.life);
        let open = || Some(life()?.series.active(series)?.open?.id);
        let named = self.named.get(group).and_then(|named| named.get(series));
        let id = named.copied().or_else(open)?;
        let incident = self.incidents.get(&id)?;
        incident.is_open().then_some(id)
    }

    /// Everything is to be looked at again.
    pub(super) fn touch_all(&mut self) {
        let alone = self.incidents.values().filter(|i| i.inside.is_none());
        for id in alone.map(|incident| incident.id).collect::<Vec<_>>() {
            self.incidents.touch(id);
        }
    }

    /// Everything of a group is.
    pub(super) fn touch_group(&mut self, group: &str) {
        let of_it = self.incidents.values().filter(|i| &*i.group == group);
        let alone = of_it.filter(|incident| incident.inside.is_none());
        for id in alone.map(|incident| incident.id).collect::<Vec<_>>() {
            self.incidents.touch(id);
        }
    }

    /// A group was judged for the first time since the start, or failed: what it
    /// is owed need not wait any longer, nor what the agent says of itself.
    pub(super) fn is_ready(&mut self, group: &str) {
        self.touch_group(group);
        self.touch_group(BUILT_IN);
    }

    /// Finds out what only the time of day, or the time since the start, decides.
    pub(super) fn notice_hours(&mut self, now: Timestamp) {
        let released = now.since(self.started) >= RELEASE;
        if released != self.changes.released {
            self.changes.released = released;
            self.touch_all();
        }
        let mut changed = Vec::new();
        for name in &self.standings.hours {
            let known = self.changes.hours.get(name);
            if known.is_some_and(|known| known.holds(now)) {
                continue;
            }
            let was_held = known.is_some_and(|known| known.held);
            let entry = self.groups.get(name);
            let group = entry.and_then(|entry| entry.group.as_ref());
            let Some(active) = group.and_then(|group| group.active.as_ref()) else {
                continue;
            };
            let (covers, until) = active.lasts(now);
            let (from, held) = (now, !covers);
            self.changes
                .hours
                .insert(Arc::clone(name), Hours { from, until, held });
            if was_held != held {
                changed.push(Arc::clone(name));
            }
        }
        for group in changed {
            self.touch_group(&group);
        }
    }
}
