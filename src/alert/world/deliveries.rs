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
    by_key: BTreeMap<DeliveryKey, Delivery>,
    owed: BTreeMap<Arc<str>, Owed>,
    touched: BTreeSet<DeliveryKey>,
}

/// What one receiver is owed.
#[derive(Debug, Default)]
pub(super) struct Owed {
    /// Since when, the oldest first.
    pub since: BTreeSet<(Timestamp, DeliveryKey)>,
    /// What of it was refused for good.
    pub refused: BTreeSet<DeliveryKey>,
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
        self.by_key.get(key)
    }

    pub fn contains(&self, key: &DeliveryKey) -> bool {
        self.by_key.contains_key(key)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&DeliveryKey, &Delivery)> {
        self.by_key.iter()
    }

    pub fn keys(&self) -> impl Iterator<Item = &DeliveryKey> {
        self.by_key.keys()
    }

    /// Those of one incident.
    pub fn of(&self, id: IncidentId) -> Vec<DeliveryKey> {
        let empty: Arc<str> = Arc::default();
        let from = (id, Arc::clone(&empty), empty);
        let of_it = self
            .by_key
            .range(from..)
            .take_while(|((incident, ..), _)| *incident == id);
        of_it.map(|(key, _)| key.clone()).collect()
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
        self.index(&key, &delivery);
        self.touched.insert(key.clone());
        self.by_key.insert(key, delivery);
    }

    pub fn remove(&mut self, key: &DeliveryKey) -> Option<Delivery> {
        let delivery = self.by_key.remove(key)?;
        self.forget(key, &delivery);
        self.touched.insert(key.clone());
        Some(delivery)
    }

    /// Says whether that changed anything.
    pub fn edit(&mut self, key: &DeliveryKey, with: impl FnOnce(&mut Delivery)) -> bool {
        let Some(delivery) = self.by_key.get_mut(key) else {
            return false;
        };
        let before = delivery.clone();
        with(delivery);
        if *delivery == before {
            return false;
        }
        let after = delivery.clone();
        self.forget(key, &before);
        self.index(key, &after);
        self.touched.insert(key.clone());
        true
    }

    /// Those that came, changed or went since this was last called.
    pub fn take_touched(&mut self) -> BTreeSet<DeliveryKey> {
        std::mem::take(&mut self.touched)
    }

    fn index(&mut self, key: &DeliveryKey, delivery: &Delivery) {
        if let Some(since) = delivery.due_since {
            let owed = self.owed.entry(Arc::clone(&key.1)).or_default();
            owed.since.insert((since, key.clone()));
            if delivery.rejected {
                owed.refused.insert(key.clone());
            }
        }
    }

    fn forget(&mut self, key: &DeliveryKey, delivery: &Delivery) {
        if let (Some(since), Some(owed)) = (delivery.due_since, self.owed.get_mut(&key.1)) {
            owed.since.remove(&(since, key.clone()));
            owed.refused.remove(key);
            if owed.since.is_empty() {
                self.owed.remove(&key.1);
            }
        }
    }
}
