//! Who is to be told of an incident, what is owed to them, and what came of an
//! attempt. What a worker is given next is decided in `next.rs`.

use std::sync::Arc;
use std::time::Duration;

use super::{DeliveryKey, Job, World};
use crate::alert::delivery::{Delivery, GIVE_UP, Outcome, Owes, Tell, desired};
use crate::alert::hash;
use crate::alert::incident::{Incident, IncidentId, Subject};
use crate::alert::level::Level;
use crate::alert::receiver::Policy;
use crate::alert::time::Timestamp;

/// The longest `Retry-After` that is believed.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// A delivery that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// Which incident.
    pub incident: IncidentId,
    /// Which receiver.
    pub receiver: Arc<str>,
    /// What it answered last.
    pub why: String,
}

impl World {
    /// Makes sure that everybody who is to be told has a delivery, and that its
    /// clock of `after` runs.
    pub(super) fn ensure_deliveries(&mut self, id: IncidentId, at: Timestamp, now: Timestamp) {
        let Some(incident) = self.incidents.get(&id) else {
            return;
        };
        if incident.inside.is_some() {
            return;
        }
        // one who joins later (a fallback, a new route) is as late as the incident is old
        let at = at.min(incident.changed);
        let situation = self.situations(incident, now);
        let mut added = Vec::new();
        for policy in self.setup.policies() {
            if desired(incident, policy, &situation(&policy.name)) == Level::Ok {
                continue;
            }
            for recipient in recipients(policy) {
                let key = (id, Arc::clone(&policy.name), recipient);
                if !self.deliveries.contains(&key) {
                    added.push(key);
                }
            }
        }
        let mut listening = Vec::new();
        for (key, _) in self.deliveries.of(id) {
            if let Some(policy) = self.policy(&key.1) {
                let level = desired(incident, policy, &situation(&key.1));
                listening.push((key.clone(), level));
            }
        }
        drop(situation);
        for key in &added {
            let delivery = Delivery {
                listening_since: Some(at),
                ..Delivery::default()
            };
            self.deliveries.insert(key.clone(), delivery);
            self.dirty.deliveries.insert(key.clone());
        }
        for (key, level) in listening {
            let listens = |delivery: &mut Delivery| delivery.listen(level, at);
            if self.deliveries.edit(&key, listens) {
                self.dirty.deliveries.insert(key);
            }
        }
        self.hurry_ends(id, &added);
        self.mark_due(id, now);
    }

    /// What waits for the end of an earlier incident of its series has that
    /// tried at once.
    fn hurry_ends(&mut self, id: IncidentId, added: &[DeliveryKey]) {
        let Some(incident) = self.incidents.get(&id) else {
            return;
        };
        if added.is_empty() {
            return;
        }
        for earlier in self.incidents.over(&incident.group, &incident.series) {
            for (_, receiver, recipient) in added {
                let key = (earlier, Arc::clone(receiver), Arc::clone(recipient));
                if self.deliveries.edit(&key, Delivery::try_again) {
                    self.dirty.deliveries.insert(key);
                }
            }
        }
    }

    /// What is owed now is marked as owed since now, wherever something changed
    /// or its time has come.
    pub(super) fn mark_all_due(&mut self, now: Timestamp) {
        self.spread();
        let mature = self.agenda.mature(now);
        self.changes.due.extend(mature);
        for id in std::mem::take(&mut self.changes.due) {
            self.mark_due(id, now);
        }
    }

    /// The same for one incident.
    pub(super) fn mark_due(&mut self, id: IncidentId, now: Timestamp) {
        let Some(incident) = self.incidents.get(&id) else {
            return;
        };
        // what waits for the first evaluation after a start keeps its clocks
        if incident.inside.is_some() || !self.released(&incident.group, now) {
            return;
        }
        let situation = self.situations(incident, now);
        let mut marks = Vec::new();
        for (key, delivery) in self.deliveries.of(id) {
            let Some(policy) = self.policy(&key.1) else {
                continue;
            };
            let owes = delivery.owes(incident, policy, &situation(&key.1));
            let due = matches!(owes, Owes::Now(_));
            let untold = delivery.told == Level::Ok && !delivery.owed;
            let new = untold && owes == Owes::Now(Tell::New);
            let settled = !due && (delivery.rejected || delivery.tries > 0);
            if due != delivery.due_since.is_some() || new || settled {
                marks.push((key.clone(), policy.keyed, due, new, settled));
            }
        }
        drop(situation);
        for (key, keyed, due, new, settled) in marks {
            self.deliveries.edit(&key, |delivery| {
                delivery.due_since = due.then(|| delivery.due_since.unwrap_or(now));
                if settled {
                    delivery.settle();
                }
                if new {
                    delivery.owed = true;
                    if keyed {
                        // the trigger may be taken though its answer never comes
                        delivery.sent.insert(Level::Ok);
                    }
                }
            });
            self.dirty.deliveries.insert(key);
            self.dirty.owed |= new;
        }
    }

    /// Records what came of a job, one outcome for each of its recipients.
    pub fn settled(&mut self, job: &Job, outcomes: &[Outcome], now: Timestamp) {
        for (recipient, outcome) in job.recipients.iter().zip(outcomes) {
            let key = (
                job.incident,
                Arc::clone(&job.receiver),
                Arc::clone(recipient),
            );
            if !self.deliveries.contains(&key) {
                continue;
            }
            self.deliveries.edit(&key, |delivery| match outcome {
                Outcome::Accepted => delivery.accepted(job.tell, job.level, job.key, now),
                Outcome::Later {
                    why, after, unsure, ..
                } => {
                    if !unsure {
                        delivery.perhaps = job.perhaps;
                    }
                    let after = after.map(|after| after.min(LONGEST_WAIT));
                    let chance = chance(&key, delivery.tries);
                    delivery.failed(job.level, why.clone(), after, chance, now);
                }
                Outcome::Rejected { why, smtp } => {
                    delivery.perhaps = job.perhaps;
                    delivery.refused(job.level, why.clone(), *smtp, now);
                }
            });
            self.dirty.deliveries.insert(key);
            self.dirty.owed = true;
        }
        if outcomes.contains(&Outcome::Accepted) {
            self.resolved_with(job, now);
            self.unproven.remove(&job.receiver);
            if self.unanswered.remove(&job.receiver) {
                self.agenda.page(&job.receiver).rank_anew();
            }
        } else if outcomes.iter().any(had_no_end)
            && self.unanswered.insert(Arc::clone(&job.receiver))
        {
            self.agenda.page(&job.receiver).rank_anew();
        }
        self.mark_due(job.incident, now);
        self.troubled_receivers(now);
        self.clean_up(now);
    }

    /// A key that is resolved is so for every incident of its series that is over.
    fn resolved_with(&mut self, job: &Job, now: Timestamp) {
        let ends = matches!(job.tell, Tell::Resolved | Tell::Stray(_));
        let (Some(key), true) = (job.key, ends) else {
            return;
        };
        let Some(incident) = self.incidents.get(&job.incident) else {
            return;
        };
        let over = self.incidents.over(&incident.group, &incident.series);
        for id in over.filter(|id| *id != job.incident) {
            let delivery = (id, Arc::clone(&job.receiver), Arc::default());
            let resolved = self.deliveries.edit(&delivery, |other| {
                if other.sent.contains(&key) {
                    other.accepted(Tell::Resolved, Level::Ok, Some(key), now);
                }
            });
            if resolved {
                self.dirty.deliveries.insert(delivery);
            }
        }
    }

    /// Drops incidents that are over and owed to nobody.
    pub(super) fn clean_up(&mut self, now: Timestamp) {
        self.spread();
        let mut over = std::mem::take(&mut self.changes.over);
        if self.changes.give_up_at.is_some_and(|at| at <= now) {
            self.changes.give_up_at = None;
            over.extend(self.incidents.all_over());
        }
        for id in over {
            if self.incidents.get(&id).is_none_or(Incident::is_open) {
                continue;
            }
            let mut done = true;
            for (key, owed) in self.owed_of(id, now) {
                if owed && self.is_tried(&key, now) {
                    done = false;
                } else {
                    self.deliveries.remove(&key);
                    self.dirty.deliveries.insert(key);
                }
            }
            if done {
                for other in self.of_same_series(id) {
                    self.incidents.touch(other);
                }
                self.incident_changed(id);
                self.incidents.remove(&id);
            }
        }
        self.drop_retired();
    }

    /// The deliveries of an incident, and whether anything of each is still owed.
    fn owed_of(&self, id: IncidentId, now: Timestamp) -> Vec<(DeliveryKey, bool)> {
        let Some(incident) = self.incidents.get(&id) else {
            return Vec::new();
        };
        let situation = self.situations(incident, now);
        let owed = |(key, delivery): (&DeliveryKey, &Delivery)| {
            let policy = self.policy(&key.1);
            let owes = policy.map(|policy| delivery.owes(incident, policy, &situation(&key.1)));
            let owed = owes.is_some_and(|owes| owes != Owes::Nothing);
            (key.clone(), owed)
        };
        self.deliveries.of(id).map(owed).collect()
    }

    /// Whether what is owed goes on being tried; else it is given up.
    fn is_tried(&mut self, key: &DeliveryKey, now: Timestamp) -> bool {
        let (Some(incident), Some(delivery)) =
            (self.incidents.get(&key.0), self.deliveries.get(key))
        else {
            return false;
        };
        // trying, not waiting: while the process was away nothing was tried
        let since = incident
            .ended
            .max(delivery.due_since)
            .max(Some(self.trying_since));
        let since = since.unwrap_or(now);
        if now.since(since) < GIVE_UP {
            let at = since.plus(GIVE_UP);
            let first = self.changes.give_up_at;
            self.changes.give_up_at = Some(first.map_or(at, |first| first.min(at)));
            return true;
        }
        let why = delivery
            .why
            .clone()
            .unwrap_or_else(|| "no attempt was answered".to_owned());
        self.given_up.push(GivenUp {
            incident: key.0,
            receiver: Arc::clone(&key.1),
            why,
        });
        false
    }

    /// Deliveries that were given up since this was last called, for the log.
    pub fn take_given_up(&mut self) -> Vec<GivenUp> {
        std::mem::take(&mut self.given_up)
    }

    /// What an incident says in words: for an overflow its present members.
    pub fn words(&self, incident: &Incident) -> Option<String> {
        const NAMED: usize = 5;
        let subject = incident.subject;
        if !matches!(subject, Subject::More | Subject::MoreWithoutData) {
            return incident.words.clone();
        }
        let members = self.incidents.members(&incident.group, subject);
        let count = members.len();
        if count == 0 {
            return None;
        }
        let named = members.take(NAMED);
        let named = named.filter_map(|id| self.incidents.get(&id));
        let mut named: Vec<String> = named
            .map(|member| format!("{} {}", member.series, member.level.text()))
            .collect();
        if count > NAMED {
            named.push("...".to_owned());
        }
        Some(format!("{count} more series: {}", named.join(", ")))
    }
}

/// Whether it was sent, and nothing came back in time.
fn had_no_end(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Later {
            pause: true,
            unsure: true,
            ..
        }
    )
}

/// The recipients of a receiver: mail addresses, or one empty name.
pub(super) fn recipients(policy: &Policy) -> Vec<Arc<str>> {
    if policy.recipients.is_empty() {
        vec![Arc::from("")]
    } else {
        policy.recipients.clone()
    }
}

/// A number in 0..1 that is the same for the same attempt.
fn chance(key: &DeliveryKey, tries: u32) -> f64 {
    let text = format!("{}\0{}\0{}\0{tries}", key.0, key.1, key.2);
    f64::from(u32::try_from(hash::stable(text.as_bytes()) >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}
