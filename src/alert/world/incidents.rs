//! All incidents that are open or owed to somebody, and what is asked of them
//! so often that looking at each would not do: a storm has a hundred thousand.
//!
//! - the members of an overflow, worst first;
//! - those of one series that are over and not yet told;
//! - those that changed since somebody last looked (`take_touched`).
//!
//! Invariant: an incident changes through `change` or `refresh` only, so that
//! the indexes never lie. Incidents are shared with the batch that is being
//! written; one that changes meanwhile is copied then and only then.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::alert::incident::{Incident, IncidentId, Subject};
use crate::alert::level::Level;
use crate::alert::time::Timestamp;

/// The place of an incident in its overflow: the worst first, then the oldest.
type Member = (Reverse<Level>, Timestamp, IncidentId);

/// The incidents, by id.
#[derive(Debug, Default)]
pub(super) struct Incidents {
    by_id: BTreeMap<IncidentId, Arc<Incident>>,
    /// Open ones that are told in an overflow, by group.
    members: BTreeMap<(Arc<str>, Subject), BTreeSet<Member>>,
    /// Those that are over and were told alone, by group and series.
    over: BTreeSet<(Arc<str>, Arc<str>, IncidentId)>,
    touched: BTreeSet<IncidentId>,
}

impl Incidents {
    /// Those that a store held. All of them count as changed.
    pub fn new(by_id: BTreeMap<IncidentId, Arc<Incident>>) -> Self {
        let mut incidents = Self::default();
        for incident in by_id.into_values() {
            incidents.put(incident);
        }
        incidents
    }

    pub fn get(&self, id: &IncidentId) -> Option<&Incident> {
        self.by_id.get(id).map(|incident| &**incident)
    }

    /// One to be written.
    pub fn shared(&self, id: &IncidentId) -> Option<Arc<Incident>> {
        self.by_id.get(id).cloned()
    }

    pub fn values(&self) -> impl ExactSizeIterator<Item = &Incident> {
        self.by_id.values().map(|incident| &**incident)
    }

    pub fn keys(&self) -> impl Iterator<Item = &IncidentId> {
        self.by_id.keys()
    }

    pub fn insert(&mut self, incident: Incident) {
        self.put(Arc::new(incident));
    }

    fn put(&mut self, incident: Arc<Incident>) {
        self.index(&incident);
        self.by_id.insert(incident.id, incident);
    }

    pub fn remove(&mut self, id: &IncidentId) {
        if let Some(incident) = self.by_id.remove(id) {
            self.forget(&incident);
        }
    }

    /// Changes anything but its id, group and series.
    pub fn change(&mut self, id: &IncidentId, with: impl FnOnce(&mut Incident)) {
        if let Some(mut incident) = self.by_id.remove(id) {
            self.forget(&incident);
            with(Arc::make_mut(&mut incident));
            self.put(incident);
        }
    }

    /// Changes what it says: nothing that decides where it is told, or whether.
    pub fn refresh(&mut self, id: &IncidentId, with: impl FnOnce(&mut Incident)) {
        if let Some(incident) = self.by_id.get_mut(id) {
            with(Arc::make_mut(incident));
        }
    }

    /// The open incidents that are told in an overflow incident, worst first.
    pub fn members(
        &self,
        group: &Arc<str>,
        subject: Subject,
    ) -> impl ExactSizeIterator<Item = IncidentId> + '_ {
        static NONE: BTreeSet<Member> = BTreeSet::new();
        let members = self.members.get(&(Arc::clone(group), subject));
        members.unwrap_or(&NONE).iter().map(|(.., id)| *id)
    }

    /// Those of a series that are over and not yet told, oldest first.
    pub fn over(
        &self,
        group: &Arc<str>,
        series: &Arc<str>,
    ) -> impl Iterator<Item = IncidentId> + '_ {
        let from = (Arc::clone(group), Arc::clone(series), IncidentId::LEAST);
        let name = (Arc::clone(group), Arc::clone(series));
        let mut of_it = self.over.range(from..);
        std::iter::from_fn(move || {
            let (group, series, id) = of_it.next()?;
            (*group == name.0 && *series == name.1).then_some(*id)
        })
    }

    /// All of these.
    pub fn all_over(&self) -> impl Iterator<Item = IncidentId> + '_ {
        self.over.iter().map(|(.., id)| *id)
    }

    /// Counts it as changed.
    pub fn touch(&mut self, id: IncidentId) {
        self.touched.insert(id);
    }

    /// Those that came or changed since this was last called, and that anybody
    /// is told of by itself or that are over.
    pub fn take_touched(&mut self) -> BTreeSet<IncidentId> {
        std::mem::take(&mut self.touched)
    }

    fn index(&mut self, incident: &Incident) {
        match (incident.is_open(), incident.inside) {
            (true, Some(subject)) => {
                let members = self.members.entry(overflow(incident, subject)).or_default();
                members.insert(member(incident));
                // nobody is told of it by itself
                return;
            }
            (false, None) => {
                self.over.insert(name(incident));
            }
            (true, None) | (false, Some(_)) => {}
        }
        self.touched.insert(incident.id);
    }

    fn forget(&mut self, incident: &Incident) {
        match (incident.is_open(), incident.inside) {
            (true, Some(subject)) => {
                let key = overflow(incident, subject);
                if let Some(members) = self.members.get_mut(&key) {
                    members.remove(&member(incident));
                    if members.is_empty() {
                        self.members.remove(&key);
                    }
                }
            }
            (false, None) => {
                self.over.remove(&name(incident));
            }
            (true, None) | (false, Some(_)) => {}
        }
    }
}

fn overflow(incident: &Incident, subject: Subject) -> (Arc<str>, Subject) {
    (Arc::clone(&incident.group), subject)
}

fn member(incident: &Incident) -> Member {
    (Reverse(incident.level), incident.started, incident.id)
}

fn name(incident: &Incident) -> (Arc<str>, Arc<str>, IncidentId) {
    let (group, series) = (&incident.group, &incident.series);
    (Arc::clone(group), Arc::clone(series), incident.id)
}
