//! All deliveries, and what is asked of them so often that looking at each
//! would not do: since when something is owed to a receiver, and what it refused.
//!
//! Invariant: a delivery changes through `edit` only, so that the indexes never
//! lie and every change is looked at (`take_touched`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::DeliveryKey;
use crate::alert::delivery::Delivery;
use crate::alert::incident::IncidentId;
use crate::alert::time::Timestamp;

/// The deliveries, by key.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    /// Those of each incident, by receiver and recipient: a few.
    by_incident: BTreeMap<IncidentId, Vec<(DeliveryKey, Delivery)>>,
    owed: BTreeMap<Arc<str>, Owed>,
    touched: BTreeSet<DeliveryKey>,
}

/// What a delivery is found by beside its key: since when something of it is
/// owed, and whether that was refused.
type Stands = (Option<Timestamp>, bool);

fn stands(delivery: &Delivery) -> Stands {
    (delivery.due_since, delivery.rejected)
}

/// What one receiver is owed.
#[derive(Debug, Default)]
pub(super) struct Owed {
    /// Since when, the oldest first.
    pub since: BTreeSet<(Timestamp, DeliveryKey)>,
    /// What of it was refused for good.
    pub refused: BTreeSet<DeliveryKey>,
}

/// Whether two keys of one incident are the same.
fn is_same((_, receiver, recipient): &DeliveryKey, key: &DeliveryKey) -> bool {
    *receiver == key.1 && *recipient == key.2
}

impl Deliveries {
    /// Those that a store held. All of them count as changed.
    pub fn new(by_key: BTreeMap<DeliveryKey, Delivery>) -> Self {
        let mut deliveries = Self::default();
        for (key, delivery) in by_key {
            deliveries.insert(key, delivery);
        }
        deliveries
    }

    pub fn get(&self, key: &DeliveryKey) -> Option<&Delivery> {
        let of_it = self.by_incident.get(&key.0)?;
        let (_, delivery) = of_it.iter().find(|(other, _)| is_same(other, key))?;
        Some(delivery)
    }

    pub fn contains(&self, key: &DeliveryKey) -> bool {
        self.get(key).is_some()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&DeliveryKey, &Delivery)> {
        self.by_incident
            .values()
            .flatten()
            .map(|(key, it)| (key, it))
    }

    pub fn keys(&self) -> impl Iterator<Item = &DeliveryKey> {
        self.iter().map(|(key, _)| key)
    }

    /// Those of one incident.
    pub fn of(&self, id: IncidentId) -> impl Iterator<Item = (&DeliveryKey, &Delivery)> {
        let of_it = self.by_incident.get(&id).into_iter().flatten();
        of_it.map(|(key, it)| (key, it))
    }

    /// What each receiver is owed.
    pub fn owed(&self) -> impl Iterator<Item = (&Arc<str>, &Owed)> {
        self.owed.iter()
    }

    /// Whether anything is owed to a receiver.
    pub fn is_owed(&self, receiver: &str) -> bool {
        self.owed.contains_key(receiver)
    }

    pub fn insert(&mut self, key: DeliveryKey, delivery: Delivery) {
        self.remove(&key);
        self.index(&key, stands(&delivery));
        self.touched.insert(key.clone());
        let of_it = self.by_incident.entry(key.0).or_default();
        let place = of_it.partition_point(|(other, _)| *other < key);
        of_it.insert(place, (key, delivery));
    }

    pub fn remove(&mut self, key: &DeliveryKey) -> Option<Delivery> {
        let of_it = self.by_incident.get_mut(&key.0)?;
        let place = of_it.iter().position(|(other, _)| is_same(other, key))?;
        let (_, delivery) = of_it.remove(place);
        if of_it.is_empty() {
            self.by_incident.remove(&key.0);
        }
        self.forget(key, stands(&delivery));
        self.touched.insert(key.clone());
        Some(delivery)
    }

    /// Says whether that changed anything.
    pub fn edit(&mut self, key: &DeliveryKey, with: impl FnOnce(&mut Delivery)) -> bool {
        let of_it = self.by_incident.get_mut(&key.0).into_iter().flatten();
        let Some((_, delivery)) = of_it.into_iter().find(|(other, _)| is_same(other, key)) else {
            return false;
        };
        let before = delivery.clone();
        with(delivery);
        if *delivery == before {
            return false;
        }
        let (before, after) = (stands(&before), stands(delivery));
        if before != after {
            self.forget(key, before);
            self.index(key, after);
        }
        self.touched.insert(key.clone());
        true
    }

    /// Those that came, changed or went since this was last called.
    pub fn take_touched(&mut self) -> BTreeSet<DeliveryKey> {
        std::mem::take(&mut self.touched)
    }

    fn index(&mut self, key: &DeliveryKey, (due_since, rejected): Stands) {
        if let Some(since) = due_since {
            let owed = self.owed.entry(Arc::clone(&key.1)).or_default();
            owed.since.insert((since, key.clone()));
            if rejected {
                owed.refused.insert(key.clone());
            }
        }
    }

    fn forget(&mut self, key: &DeliveryKey, (due_since, _): Stands) {
        if let (Some(since), Some(owed)) = (due_since, self.owed.get_mut(&key.1)) {
            owed.since.remove(&(since, key.clone()));
            owed.refused.remove(key);
            if owed.since.is_empty() {
                self.owed.remove(&key.1);
            }
        }
    }
}
