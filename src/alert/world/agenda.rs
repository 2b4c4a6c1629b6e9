//! Which deliveries of a receiver are worth a look, and when: what is owed now,
//! most urgent first, and what may be owed at some instant. Most of what a storm
//! leaves owes nothing and stands nowhere here.
//!
//! It is a hint and no truth: whoever takes an entry decides anew whether it
//! still holds. Invariant: a delivery that owes something, or may without
//! anything changing, is on its receiver's page.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::DeliveryKey;
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

/// What one receiver may be owed.
#[derive(Debug, Default)]
pub(super) struct Page {
    ready: BTreeSet<(Rank, DeliveryKey)>,
    later: BTreeSet<(Timestamp, DeliveryKey)>,
    places: HashMap<DeliveryKey, Place>,
    /// Changed, and not looked at since.
    changed: BTreeSet<DeliveryKey>,
}

impl Agenda {
    /// The page of a receiver.
    pub fn page(&mut self, receiver: &Arc<str>) -> &mut Page {
        self.0.entry(Arc::clone(receiver)).or_default()
    }

    /// Notes that something about a delivery changed.
    pub fn changed(&mut self, key: DeliveryKey) {
        self.page(&key.1).changed.insert(key);
    }

    /// What the time has come for on any page.
    pub fn mature(&mut self, now: Timestamp) -> Vec<DeliveryKey> {
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
    pub fn mature(&mut self, now: Timestamp) -> Vec<DeliveryKey> {
        let mut mature = Vec::new();
        while let Some((at, _)) = self.later.first()
            && *at <= now
            && let Some((_, key)) = self.later.pop_first()
        {
            self.places.remove(&key);
            self.changed.insert(key.clone());
            mature.push(key);
        }
        mature
    }

    /// What is owed now is to be ranked anew.
    pub fn rank_anew(&mut self) {
        self.changed
            .extend(self.ready.iter().map(|(_, key)| key.clone()));
    }

    /// Those that changed since they were last put anywhere.
    pub fn take_changed(&mut self) -> BTreeSet<DeliveryKey> {
        std::mem::take(&mut self.changed)
    }

    /// Puts a delivery where it stands now; `None`: nowhere.
    pub fn put(&mut self, key: DeliveryKey, place: Option<Place>) {
        match self.places.remove(&key) {
            Some(Place::Ready(rank)) => drop(self.ready.remove(&(rank, key.clone()))),
            Some(Place::Later(at)) => drop(self.later.remove(&(at, key.clone()))),
            None => {}
        }
        match place {
            Some(Place::Ready(rank)) => drop(self.ready.insert((rank, key.clone()))),
            Some(Place::Later(at)) => drop(self.later.insert((at, key.clone()))),
            None => return,
        }
        self.places.extend(place.map(|place| (key, place)));
    }

    /// The most urgent.
    pub fn first(&self) -> Option<(Rank, DeliveryKey)> {
        self.ready.first().cloned()
    }

    /// When the next one is to be looked at.
    pub fn wake(&self) -> Option<Timestamp> {
        self.later.first().map(|(at, _)| *at)
    }
}
