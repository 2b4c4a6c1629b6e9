//! The most urgent thing to tell a receiver now.
//!
//! Nothing is queued: each time a worker asks, everything that its receiver is
//! owed is looked at anew, so the newest state wins. What an attempt may leave
//! behind is marked before it is made.

use std::sync::Arc;

use super::agenda::{Place, Rank};
use super::{DeliveryKey, RELEASE, World};
use crate::alert::delivery::{Delivery, KeyOf, Owes, Tell, desired};
use crate::alert::incident::IncidentId;
use crate::alert::level::Level;
use crate::alert::receiver::Policy;
use crate::alert::time::Timestamp;

/// One thing to tell one receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Which incident.
    pub incident: IncidentId,
    /// Which receiver.
    pub receiver: Arc<str>,
    /// The mail addresses that are told; one empty string for other kinds.
    pub recipients: Vec<Arc<str>>,
    /// What is told.
    pub tell: Tell,
    /// The level that it should know of afterwards.
    pub level: Level,
    /// What it was told before.
    pub told: Level,
    /// Number of the reminder; 0: it is none.
    pub reminder: u32,
    /// The key, at receivers that keep incidents by key.
    pub key: Option<KeyOf>,
    /// What it may have been told before without anybody knowing.
    pub perhaps: Option<Level>,
}

/// A delivery, and what its receiver is told.
type What = (DeliveryKey, Tell, Level);

/// What a look at a delivery finds.
enum Found {
    /// Nothing before this instant.
    Later(Timestamp),
    /// This, now.
    Now(Rank, What),
}

impl Found {
    fn place(&self) -> Place {
        match self {
            Self::Later(at) => Place::Later(*at),
            Self::Now(rank, _) => Place::Ready(*rank),
        }
    }
}

/// What a receiver's worker does next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Tell this.
    Job(Box<Job>),
    /// Nothing before this instant; `None`: until something changes.
    Wait(Option<Timestamp>),
}

impl World {
    /// The most urgent thing to tell `receiver` now. What is marked by it has to
    /// be written before it is sent.
    pub fn next(&mut self, receiver: &Arc<str>, now: Timestamp) -> Next {
        if !self.knows_receiver(receiver) {
            return Next::Wait(None);
        }
        self.spread();
        let page = self.agenda.page(receiver);
        self.changes.due.extend(page.mature(now));
        let changed = page.take_changed();
        if changed.is_empty() && page.first().is_none() {
            return Next::Wait(page.wake());
        }
        let key = |(id, recipient): &(IncidentId, Arc<str>)| {
            (*id, Arc::clone(receiver), Arc::clone(recipient))
        };
        for entry in changed {
            let place = self.look(&key(&entry), now).map(|found| found.place());
            self.agenda.page(receiver).put(entry, place);
        }
        loop {
            let page = self.agenda.page(receiver);
            let Some((rank, entry)) = page.first() else {
                return Next::Wait(page.wake());
            };
            let found = self.look(&key(&entry), now);
            let place = found.as_ref().map(Found::place);
            match found {
                Some(Found::Now(_, what)) if place == Some(Place::Ready(rank)) => {
                    if let Some(job) = self.job(&what, now) {
                        return Next::Job(Box::new(job));
                    }
                    self.agenda.page(receiver).put(entry, None);
                }
                _ => self.agenda.page(receiver).put(entry, place),
            }
        }
    }

    /// How far something that fails again and again stands back while its
    /// receiver gives no answer: if it is what the receiver chokes on, whatever
    /// is more urgent than the rest would keep the rest from being told at all.
    fn suspicion(&self, receiver: &Arc<str>, delivery: &Delivery) -> u32 {
        match self.unanswered.contains(receiver) {
            true => delivery.tries.saturating_sub(1),
            false => 0,
        }
    }

    /// What a delivery owes, and how urgent that is; `None`: nothing, until
    /// something changes.
    fn look(&self, key: &DeliveryKey, now: Timestamp) -> Option<Found> {
        let policy = self.policy(&key.1)?;
        let incident = self.incidents.get(&key.0)?;
        let delivery = self.deliveries.get(key)?;
        if !self.released(&incident.group, now) {
            return Some(Found::Later(self.started.plus(RELEASE)));
        }
        let situation = self.situation(incident, &key.1, now);
        let tell = match delivery.owes(incident, policy, &situation) {
            Owes::Nothing if situation.held => {
                return self.next_change(&incident.group, now).map(Found::Later);
            }
            Owes::Nothing => return None,
            Owes::Later(at) => return Some(Found::Later(at)),
            Owes::Now(tell) => tell,
        };
        let level = desired(incident, policy, &situation);
        let (urgency, due) = (tell.urgency(level), delivery.due_since.unwrap_or(now));
        // the end of what it was told before of the same series comes
        // first: after its beginning it would read, and at PagerDuty
        // be, the end of this one
        let before = self.unfinished(key, policy, now);
        let what = before.unwrap_or_else(|| (key.clone(), tell, level));
        let delivery = self.deliveries.get(&what.0).unwrap_or(delivery);
        let rank = (self.suspicion(&key.1, delivery), urgency, due);
        Some(match delivery.not_before(what.2, now) {
            Some(at) => Found::Later(at),
            None => Found::Now(rank, what),
        })
    }

    /// The end of an earlier incident of the same series that the receiver of
    /// `key` still has to hear.
    fn unfinished(&self, key: &DeliveryKey, policy: &Policy, now: Timestamp) -> Option<What> {
        let incident = self.incidents.get(&key.0)?;
        let over = self.incidents.over(&incident.group, &incident.series);
        // a clock that was set back gives what came later an earlier id
        let open = incident.is_open();
        let mut earlier = over.filter(|id| open || *id < key.0);
        earlier.find_map(|id| {
            let key = (id, Arc::clone(&key.1), Arc::clone(&key.2));
            let delivery = self.deliveries.get(&key)?;
            // what it never heard of has its times in its words, and a message
            // that it refuses must not keep it from hearing more; a key that
            // cannot be resolved cannot be opened anew either
            if !delivery.knows() || (delivery.rejected && !policy.keyed) {
                return None;
            }
            let incident = self.incidents.get(&id)?;
            let situation = self.situation(incident, &key.1, now);
            match delivery.owes(incident, policy, &situation) {
                Owes::Now(tell) => Some((key, tell, Level::Ok)),
                Owes::Nothing | Owes::Later(_) => None,
            }
        })
    }

    fn job(&mut self, (key, tell, level): &What, now: Timestamp) -> Option<Job> {
        let (tell, level) = (*tell, *level);
        let policy = self.policy(&key.1)?;
        let incident = self.incidents.get(&key.0)?;
        let situation = self.situation(incident, &key.1, now);
        let first = self.deliveries.get(key)?.clone();
        // one mail for all addresses that are owed the same; a second reminder
        // under the first one's name is one that mail programs leave out
        let recipients = self
            .deliveries
            .of(key.0)
            .filter(|(other, _)| other.1 == key.1)
            .filter(|(_, delivery)| {
                delivery.owes(incident, policy, &situation) == Owes::Now(tell)
                    && (tell != Tell::Reminder || delivery.reminders == first.reminders)
                    && (delivery.told, delivery.perhaps) == (first.told, first.perhaps)
                    && delivery.not_before(level, now).is_none()
            })
            .map(|(other, _)| Arc::clone(&other.2))
            .collect::<Vec<_>>();
        let name = policy.keyed.then(|| first.key_for(tell, level));
        let triggers = matches!(
            tell,
            Tell::New | Tell::Raised | Tell::Changed | Tell::Reminder
        );
        for recipient in &recipients {
            let key = (key.0, Arc::clone(&key.1), Arc::clone(recipient));
            let marked = self.deliveries.edit(&key, |delivery| {
                delivery.attempted(level, name);
                delivery.sent.extend(name.filter(|_| triggers));
            });
            if marked {
                self.dirty.deliveries.insert(key);
                self.dirty.owed = true;
            }
        }
        Some(Job {
            incident: key.0,
            receiver: Arc::clone(&key.1),
            recipients,
            tell,
            level,
            told: match first.told {
                Level::Ok => first.perhaps.unwrap_or_default(),
                told => told,
            },
            perhaps: first.perhaps,
            reminder: if tell == Tell::Reminder {
                first.reminders + 1
            } else {
                0
            },
            key: name,
        })
    }
}
