//! The disk: what was written, what of it was synced, and what a crash leaves.

use std::sync::Arc;

use graphite_pager::alert::delivery::Delivery;
use graphite_pager::alert::world::{Batch, Job, Saved};

/// A store's file.
#[derive(Default)]
pub struct Disk {
    /// What is synced.
    synced: Saved,
    /// What was written since, in order, each with the mirror's place then.
    later: Vec<(Batch, usize)>,
    /// The mirror's place at the last sync.
    place: usize,
    /// The file is not there any more.
    pub gone: bool,
}

impl Disk {
    /// Writes a batch; returns whether everything is synced now.
    pub fn write(&mut self, batch: Batch, place: usize) -> bool {
        let owed = batch.owed;
        if batch.whole {
            self.gone = false;
            self.later.clear();
        }
        self.later.push((batch, place));
        if owed {
            self.sync();
        }
        owed
    }

    fn sync(&mut self) {
        for (batch, place) in self.later.drain(..) {
            self.synced.apply(batch);
            self.place = place;
        }
    }

    /// What the next process finds after a kill, and the mirror's place then.
    pub fn killed(&mut self) -> usize {
        self.sync();
        self.place
    }

    /// The same after a loss of power: of what was not synced, `keep` batches are left.
    pub fn power_lost(&mut self, keep: usize) -> usize {
        self.later.truncate(keep);
        self.sync();
        self.place
    }

    /// How many batches are not synced.
    pub fn unsynced(&self) -> usize {
        self.later.len()
    }

    /// Whether the attempt is synced, with the incident at the level that it tells.
    pub fn holds(&self, job: &Job) -> bool {
        let incident = self.synced.incidents.get(&job.incident);
        let of = |recipient: &Arc<str>| {
            let (receiver, recipient) = (Arc::clone(&job.receiver), Arc::clone(recipient));
            self.synced
                .deliveries
                .get(&(job.incident, receiver, recipient))
        };
        let tried = |delivery: &Delivery| {
            let key = job.key.is_some_and(|key| delivery.sent.contains(&key));
            key || delivery.told == job.level || delivery.perhaps.is_some()
        };
        incident.is_some_and(|incident| incident.level == job.level)
            && job.recipients.iter().all(|who| of(who).is_some_and(tried))
    }

    /// Somebody deletes the file.
    pub fn delete(&mut self) {
        self.synced = Saved::default();
        self.later.clear();
        self.gone = true;
    }

    /// Reads the file, the way a store does: through its rows' JSON.
    pub fn load(&mut self) -> Saved {
        self.gone = false;
        let mut saved = Saved::default();
        let again = "a row reads as it was written";
        for (name, head) in &self.synced.heads {
            let row = serde_json::to_value(head).expect(again);
            saved
                .heads
                .insert(name.clone(), serde_json::from_value(row).expect(again));
        }
        saved.known = self.synced.known.clone();
        for (key, active) in &self.synced.series {
            let row = serde_json::to_value(active).expect(again);
            saved
                .series
                .insert(key.clone(), serde_json::from_value(row).expect(again));
        }
        for (id, incident) in &self.synced.incidents {
            let row = serde_json::to_value(incident).expect(again);
            saved
                .incidents
                .insert(*id, serde_json::from_value(row).expect(again));
        }
        for (key, delivery) in &self.synced.deliveries {
            let row = serde_json::to_value(delivery).expect(again);
            saved
                .deliveries
                .insert(key.clone(), serde_json::from_value(row).expect(again));
        }
        let memory = serde_json::to_value(&self.synced.memory).expect(again);
        saved.memory = serde_json::from_value(memory).expect(again);
        saved
    }

    /// How many rows of incidents, deliveries and series are synced.
    pub fn synced(&self) -> (usize, usize, usize) {
        let Saved {
            incidents,
            deliveries,
            series,
            ..
        } = &self.synced;
        (incidents.len(), deliveries.len(), series.len())
    }

    /// Rows of incidents and deliveries.
    pub fn rows(&mut self) -> (usize, usize) {
        self.sync();
        (self.synced.incidents.len(), self.synced.deliveries.len())
    }
}
