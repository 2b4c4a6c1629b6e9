//! Which deliveries of a receiver are worth a look, and when: what is owed now,
//! most urgent first, and what may be owed at some instant. Most of what a storm
//! leaves owes nothing and stands nowhere here.
//!
//! It is a hint and no truth: whoever takes an entry decides anew whether it
//! still holds. Invariant: a delivery that owes something, or may without
//! anything changing, is on its receiver's page.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::DeliveryKey;
use crate::alert::incident::IncidentId;
use crate::alert::time::Timestamp;

/// Least first: how suspect it is, how urgent, since when it is owed.
pub(super) type Rank = (u32, u8, Timestamp);

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is owed something.
    Ready(Rank),
    /// It is to be looked at again then.
    Later(Timestamp),
}

/// The pages of all receivers.
#[derive(Debug, Default)]
pub(super) struct Agenda(BTreeMap<Arc<str>, Page>);

/// Which of one receiver's deliveries: of which incident, and to which recipient.
type Entry = (IncidentId, Arc<str>);

/// What one receiver may be owed.
#[derive(Debug, Default)]
pub(super) struct Page {
    ready: BTreeSet<(Rank, Entry)>,
    later: BTreeSet<(Timestamp, Entry)>,
    places: BTreeMap<Entry, Place>,
    /// Changed, and not looked at since.
    changed: BTreeSet<Entry>,
}

impl Agenda {
    /// The page of a receiver.
    pub fn page(&mut self, receiver: &Arc<str>) -> &mut Page {
        self.0.entry(Arc::clone(receiver)).or_default()
    }

    /// Notes that something about a delivery changed.
    pub fn changed(&mut self, (id, receiver, recipient): DeliveryKey) {
        self.0
            .entry(receiver)
            .or_default()
            .changed
            .insert((id, recipient));
    }

    /// What the time has come for on any page: the incidents.
    pub fn mature(&mut self, now: Timestamp) -> Vec<IncidentId> {
        let pages = self.0.values_mut();
        pages.flat_map(|page| page.mature(now)).collect()
    }

    /// Drops the pages of receivers that are gone.
    pub fn keep(&mut self, known: impl Fn(&str) -> bool) {
        self.0.retain(|receiver, _| known(receiver));
    }
}

impl Page {
    /// What the time has come for; it counts as changed.
    pub fn mature(&mut self, now: Timestamp) -> Vec<IncidentId> {
        let mut mature = Vec::new();
        while let Some((at, _)) = self.later.first()
            && *at <= now
            && let Some((_, entry)) = self.later.pop_first()
        {
            self.places.remove(&entry);
            mature.push(entry.0);
            self.changed.insert(entry);
        }
        mature
    }

    /// What is owed now is to be ranked anew.
    pub fn rank_anew(&mut self) {
        self.changed
            .extend(self.ready.iter().map(|(_, entry)| entry.clone()));
    }

    /// Those that changed since they were last put anywhere.
    pub fn take_changed(&mut self) -> BTreeSet<Entry> {
        std::mem::take(&mut self.changed)
    }

    /// Puts a delivery where it stands now; `None`: nowhere.
    pub fn put(&mut self, entry: Entry, place: Option<Place>) {
        let before = match place {
            Some(place) => self.places.insert(entry.clone(), place),
            None => self.places.remove(&entry),
        };
        if before == place {
            return;
        }
        match before {
            Some(Place::Ready(rank)) => drop(self.ready.remove(&(rank, entry.clone()))),
            Some(Place::Later(at)) => drop(self.later.remove(&(at, entry.clone()))),
            None => {}
        }
        match place {
            Some(Place::Ready(rank)) => drop(self.ready.insert((rank, entry))),
            Some(Place::Later(at)) => drop(self.later.insert((at, entry))),
            None => {}
        }
    }

    /// The most urgent.
    pub fn first(&self) -> Option<(Rank, Entry)> {
        self.ready.first().cloned()
    }

    /// When the next one is to be looked at.
    pub fn wake(&self) -> Option<Timestamp> {
        self.later.first().map(|(at, _)| *at)
    }
}
