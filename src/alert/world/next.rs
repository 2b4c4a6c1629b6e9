//! The most urgent thing to tell a receiver now.
//!
//! Nothing is queued: each time a worker asks, everything that its receiver is
//! owed is looked at anew, so the newest state wins. What an attempt may leave
//! behind is marked before it is made.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

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

/// Least first: how suspect it is, how urgent, since when it is due.
type Rank = (u32, u8, Timestamp);

/// Incidents by group and series.
type Over = HashMap<(Arc<str>, Arc<str>), Vec<IncidentId>>;

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
        let mut best: Option<(Rank, DeliveryKey, Tell, Level)> = None;
        let mut wake: Option<Timestamp> = None;
        let sooner =
            |wake: Option<Timestamp>, at| Some(wake.map_or(at, |wake: Timestamp| wake.min(at)));
        let Some(policy) = self.policy(receiver).cloned() else {
            return Next::Wait(None);
        };
        let mine = self
            .deliveries
            .iter()
            .filter(|((_, name, _), _)| name == receiver);
        let mut routed: Option<(IncidentId, BTreeSet<Arc<str>>)> = None;
        let over = self.over();
        for (key, delivery) in mine {
            let Some(incident) = self.incidents.get(&key.0) else {
                continue;
            };
            if !self.released(&incident.group, now) {
                wake = sooner(wake, self.started.plus(RELEASE));
                continue;
            }
            if routed.as_ref().is_none_or(|(id, _)| *id != key.0) {
                routed = Some((key.0, self.receivers_of(key.0)));
            }
            let Some((_, names)) = &routed else { continue };
            let situation = self.situation(incident, names, receiver, now);
            let level = desired(incident, &policy, &situation);
            match delivery.owes(incident, &policy, &situation) {
                Owes::Nothing if situation.held => {
                    wake = self
                        .next_change(&incident.group, now)
                        .into_iter()
                        .chain(wake)
                        .min();
                }
                Owes::Nothing => {}
                Owes::Later(at) => wake = sooner(wake, at),
                Owes::Now(tell) => {
                    let due = delivery.due_since.unwrap_or(now);
                    let urgency = tell.urgency(level);
                    // the end of what it was told before of the same series comes
                    // first: after its beginning it would read, and at PagerDuty
                    // be, the end of this one
                    let before = self.unfinished(key, &policy, &over, now);
                    let (key, tell, level) = before.unwrap_or_else(|| (key.clone(), tell, level));
                    let delivery = self.deliveries.get(&key).unwrap_or(delivery);
                    let rank = (self.suspicion(receiver, delivery), urgency, due);
                    match delivery.not_before(level, now) {
                        Some(at) => wake = sooner(wake, at),
                        None if best.as_ref().is_none_or(|(least, ..)| rank < *least) => {
                            best = Some((rank, key, tell, level));
                        }
                        None => {}
                    }
                }
            }
        }
        match best {
            Some((_, key, tell, level)) => {
                let job = self.job(&key, &policy, tell, level, now);
                job.map_or(Next::Wait(wake), |job| Next::Job(Box::new(job)))
            }
            None => Next::Wait(wake),
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

    /// Incidents that are over and not told yet, by group and series, oldest first.
    fn over(&self) -> Over {
        let mut over = Over::new();
        for incident in self.incidents.values().filter(|i| !i.is_open()) {
            let name = (Arc::clone(&incident.group), Arc::clone(&incident.series));
            over.entry(name).or_default().push(incident.id);
        }
        over
    }

    /// The end of an earlier incident of the same series that the receiver of
    /// `key` still has to hear.
    fn unfinished(
        &self,
        key: &DeliveryKey,
        policy: &Policy,
        over: &Over,
        now: Timestamp,
    ) -> Option<(DeliveryKey, Tell, Level)> {
        let incident = self.incidents.get(&key.0)?;
        let name = (Arc::clone(&incident.group), Arc::clone(&incident.series));
        let earlier = over.get(&name)?.iter().take_while(|id| **id < key.0);
        earlier.copied().find_map(|id| {
            let key = (id, Arc::clone(&key.1), Arc::clone(&key.2));
            let delivery = self.deliveries.get(&key)?;
            // what it never heard of has its times in its words, and a message
            // that it refuses must not keep it from hearing more; a key that
            // cannot be resolved cannot be opened anew either
            if !delivery.knows() || (delivery.rejected && !policy.keyed) {
                return None;
            }
            let names = self.receivers_of(id);
            let incident = self.incidents.get(&id)?;
            let situation = self.situation(incident, &names, &key.1, now);
            match delivery.owes(incident, policy, &situation) {
                Owes::Now(tell) => Some((key, tell, Level::Ok)),
                Owes::Nothing | Owes::Later(_) => None,
            }
        })
    }

    fn job(
        &mut self,
        key: &DeliveryKey,
        policy: &Policy,
        tell: Tell,
        level: Level,
        now: Timestamp,
    ) -> Option<Job> {
        let names = self.receivers_of(key.0);
        let incident = self.incidents.get(&key.0)?;
        let situation = self.situation(incident, &names, &key.1, now);
        let first = self.deliveries.get(key)?.clone();
        // one mail for all addresses that are owed the same
        let recipients = self
            .delivery_keys(key.0)
            .into_iter()
            .filter(|other| other.1 == key.1)
            .filter(|other| {
                self.deliveries.get(other).is_some_and(|delivery| {
                    delivery.owes(incident, policy, &situation) == Owes::Now(tell)
                        && (delivery.told, delivery.perhaps) == (first.told, first.perhaps)
                        && delivery.not_before(level, now).is_none()
                })
            })
            .map(|other| other.2)
            .collect::<Vec<_>>();
        let name = policy.keyed.then(|| first.key_for(tell, level));
        let triggers = matches!(
            tell,
            Tell::New | Tell::Raised | Tell::Changed | Tell::Reminder
        );
        for recipient in &recipients {
            let key = (key.0, Arc::clone(&key.1), Arc::clone(recipient));
            let Some(delivery) = self.deliveries.get_mut(&key) else {
                continue;
            };
            let before = delivery.clone();
            delivery.attempted(level, name);
            delivery.sent.extend(name.filter(|_| triggers));
            if *delivery != before {
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
