//! Who is owed what, whether they were told in time, and whether their fallbacks
//! were, seen from outside: by routes (`audience.rs`), by what was answered, and
//! by the time that passed.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use graphite_pager::alert::Timestamp;
use graphite_pager::alert::delivery::Outcome;
use graphite_pager::alert::incident::{BUILT_IN, Incident, IncidentId, Subject};
use graphite_pager::alert::receiver::Policy;
use graphite_pager::alert::world::World;
use graphite_pager::deliver::links;

use super::super::audience::Audience;
use super::super::count::Counts;
use super::super::scenario::MINUTE;
use super::timely::millis;
use super::{Addresses, LATEST, Sending, Told, Verdict, ears};

/// What may pass beside `fallback_after` before a fallback is told: the wait after
/// a start, a tick, and a minute until somebody looks.
const SOON: i64 = 3 * MINUTE;

/// What is to be seen of an incident at those who are told of it.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// Since when a receiver, by its name, listens to its level.
    pub listening: Vec<(Arc<str>, i64)>,
    /// Since when its present state is due at an address, and not told.
    pub due: Vec<(Arc<str>, i64)>,
    /// Addresses that had to be told, whatever became of it: the incident's first
    /// key, and when it was seen that they had to be.
    pub owed: Vec<(Arc<str>, String, i64)>,
    /// Fallbacks that are told of it as well, until it ends.
    pub fallbacks: BTreeSet<Arc<str>>,
    /// It is over, and nobody is waited for any more.
    over: bool,
}

/// A fallback that is told as well, which is not known to be written.
pub(super) struct Unwritten {
    of: IncidentId,
    fallback: Arc<str>,
    batched: bool,
}

/// The instant that is noted for `who`, or now.
fn since(noted: &mut Vec<(Arc<str>, i64)>, who: &Arc<str>, now: i64) -> i64 {
    match noted.iter().find(|(other, _)| other == who) {
        Some((_, since)) => *since,
        None => {
            noted.push((Arc::clone(who), now));
            now
        }
    }
}

fn forget(noted: &mut Vec<(Arc<str>, i64)>, who: &str) {
    noted.retain(|(other, _)| **other != *who);
}

impl Watched {
    /// Whether it is told to a fallback as well; nobody is told of trouble with himself.
    fn falls_to(&self, receiver: &Arc<str>, incident: &Incident) -> bool {
        self.fallbacks.contains(receiver) && *incident.series != *trouble_of(receiver)
    }

    fn owes(&mut self, address: &Arc<str>, key: impl FnOnce() -> String, now: i64) {
        if !self.owed.iter().any(|(other, ..)| other == address) {
            self.owed.push((Arc::clone(address), key(), now));
        }
    }
}

/// What is so when it is looked at who knows what.
pub struct Scene<'a> {
    pub world: &'a World,
    pub audience: &'a Audience,
    pub addresses: &'a Addresses,
    /// Milliseconds since the start of the day.
    pub now: i64,
    pub wall: Timestamp,
}

impl Scene<'_> {
    /// Whether nothing new is told of the incident's group at this hour.
    pub(super) fn is_held(&self, incident: &Incident) -> bool {
        is_held(self.world, incident, self.wall)
    }

    pub(super) fn is_configured(&self, group: &str) -> bool {
        self.audience.said.contains_key(group)
    }

    /// Who is told of an incident, fallbacks aside; `silenced`: of a silence in numbers.
    pub fn told_of(
        &self,
        incident: &Incident,
        silenced: &BTreeSet<Arc<str>>,
    ) -> BTreeSet<Arc<str>> {
        let Incident { group, series, .. } = incident;
        let configured = self.is_configured(group);
        match incident.subject {
            Subject::Series if configured => self.audience.of(group, series),
            Subject::More | Subject::MoreWithoutData if configured => {
                let inside = |other: &&Incident| {
                    let same = other.group == *group && other.inside == Some(incident.subject);
                    same && other.is_open()
                };
                let members = self.world.incidents().filter(inside);
                members
                    .flat_map(|member| self.audience.of(group, &member.series))
                    .collect()
            }
            Subject::Series | Subject::More | Subject::MoreWithoutData => BTreeSet::new(),
            Subject::Silence => silenced.clone(),
            Subject::Agent => {
                let mut told = self.audience.of(BUILT_IN, series);
                told.retain(|name| **series != *trouble_of(name));
                told
            }
        }
    }

    /// Whether the trouble of a receiver is open.
    fn is_troubled(&self, receiver: &str) -> bool {
        let series = trouble_of(receiver);
        let mut incidents = self.world.incidents();
        incidents.any(|own| own.is_open() && *own.group == *BUILT_IN && *own.series == *series)
    }
}

/// What the incident of a receiver's trouble is called.
fn trouble_of(receiver: &str) -> String {
    format!("(receiver {receiver})")
}

/// Whether the receiver listens to what an incident says.
pub(super) fn listens(incident: &Incident, policy: &Policy) -> bool {
    policy.levels.contains(incident.level) || incident.subject == Subject::Silence
}

impl Told {
    /// Series were found to be silent with others since then, and these would have been
    /// told of them; `None`: there is no silence in numbers any more.
    pub fn silenced(&mut self, found: Option<(i64, BTreeSet<Arc<str>>)>) {
        let Some((since, mut receivers)) = found else {
            return self.silenced.clear();
        };
        if std::mem::replace(&mut self.silent_since, since) != since {
            self.silenced.clear();
        }
        self.silenced.append(&mut receivers);
    }

    /// Who keeps incidents by key is told no faster than PagerDuty takes it: a burst of
    /// 20, then 95 a minute.
    pub fn paced(&mut self, sending: &Sending, now: i64) -> Verdict {
        let way = (Arc::clone(&sending.address), sending.life);
        let sent = self.sent.entry(way).or_default();
        sent.retain(|at| now - at < 2 * MINUTE);
        sent.push(now);
        let count = |since: i64| sent.iter().filter(|at| **at >= since).count() as i64;
        let too_many = |since: &&i64| count(**since) > 21 + (now - **since) * 95 / MINUTE;
        match sent.iter().find(too_many) {
            None => Ok(()),
            Some(since) => {
                let (count, lasted) = (count(*since), now - since);
                Err((
                    "faster than the pace",
                    format!("{count} in {lasted} ms to {}", sending.address),
                ))
            }
        }
    }

    /// From now on receivers are tried again without a break.
    pub fn tried_since(&mut self, now: i64) {
        self.tried_since = now;
    }

    /// An attempt has ended: what was refused is told to the fallback from now on.
    pub fn answered(
        &mut self,
        sending: &Sending,
        outcomes: &[Outcome],
        scene: &Scene<'_>,
    ) -> Verdict {
        let Sending { policy, job, .. } = sending;
        if outcomes.iter().all(|outcome| *outcome == Outcome::Accepted) {
            return Ok(());
        }
        self.stumbled.extend(policy.fallback.clone());
        let refused = outcomes
            .iter()
            .any(|o| matches!(o, Outcome::Rejected { .. }));
        let incident = scene.world.incident(job.incident);
        let Some(incident) = incident.filter(|_| refused && sending.word() == "open") else {
            return Ok(());
        };
        // what is not owed any more is refused by nobody
        let policies = &scene.audience.receivers;
        let owed = policies
            .iter()
            .find(|other| other.name == policy.name)
            .is_some_and(|policy| {
                let level = incident.is_open() && incident.level == job.level;
                level && listens(incident, policy) && !scene.is_held(incident)
            });
        if !owed || !self.is_told(incident, &policy.name, scene) {
            return Ok(());
        }
        if let Some(fallback) = &policy.fallback {
            self.falls_back(incident.id, fallback);
        }
        match scene.is_troubled(&policy.name) {
            true => Ok(()),
            false => Err((
                "trouble of a receiver is not an incident",
                format!("{} refuses", policy.name),
            )),
        }
    }

    /// Whether a receiver is one of those who are told of an incident.
    pub fn is_told(&self, incident: &Incident, receiver: &Arc<str>, scene: &Scene<'_>) -> bool {
        let watched = self.watched.get(&incident.id);
        let falls = watched.is_some_and(|watched| watched.falls_to(receiver, incident));
        falls || scene.told_of(incident, &self.silenced).contains(receiver)
    }

    /// Whether a receiver may be told because another could not be.
    pub fn may_fall_to(&self, receiver: &Arc<str>) -> bool {
        self.stumbled.contains(receiver)
    }

    fn falls_back(&mut self, of: IncidentId, fallback: &Arc<str>) {
        let watched = self.watched.entry(of).or_default();
        if watched.fallbacks.insert(Arc::clone(fallback)) {
            self.unwritten_fallbacks.push(Unwritten {
                of,
                fallback: Arc::clone(fallback),
                batched: false,
            });
        }
    }

    /// What is told to fallbacks is in the batch that is being written.
    pub(super) fn fallbacks_batched(&mut self) {
        for unwritten in &mut self.unwritten_fallbacks {
            unwritten.batched = true;
        }
    }

    /// That batch is written, or is not.
    pub(super) fn fallbacks_written(&mut self, written: bool) {
        match written {
            true => self
                .unwritten_fallbacks
                .retain(|unwritten| !unwritten.batched),
            false => {
                for unwritten in &mut self.unwritten_fallbacks {
                    unwritten.batched = false;
                }
            }
        }
    }

    /// The process is gone, and what it had not written.
    pub(super) fn fallbacks_forgotten(&mut self) {
        self.silenced.clear();
        for unwritten in self.unwritten_fallbacks.drain(..) {
            if let Some(watched) = self.watched.get_mut(&unwritten.of) {
                watched.fallbacks.remove(&unwritten.fallback);
            }
        }
    }

    /// What everybody is due to know, looked at again.
    pub fn look(&mut self, scene: &Scene<'_>, counts: &mut Counts) -> Verdict {
        let addresses = scene.addresses;
        let policies = scene.audience.receivers.iter();
        let placed = policies.filter_map(|policy| Some((policy, addresses.get(&policy.name)?)));
        let placed: Vec<(&Policy, &Arc<str>)> = placed.collect();
        let mut late = Vec::new();
        for incident in scene.world.incidents() {
            // what a process took with it may have been told, or never happened
            let gone = self.rolled_back.contains(&incident.id);
            if gone || incident.inside.is_some() {
                continue;
            }
            let watched = self.watched.entry(incident.id).or_default();
            if std::mem::replace(&mut watched.over, !incident.is_open()) && watched.over {
                continue;
            }
            // the rest of what was heard is looked at beside it
            let mut watched = std::mem::take(watched);
            let verdict = self.look_at(incident, &mut watched, scene, &placed, (counts, &mut late));
            self.watched.insert(incident.id, watched);
            verdict?;
        }
        for (id, policy) in late {
            if let Some(fallback) = &policy.fallback {
                self.falls_back(id, fallback);
            }
            if !scene.is_troubled(&policy.name) {
                let what = format!("{} is not told what it is owed", policy.name);
                return Err(("trouble of a receiver is not an incident", what));
            }
        }
        self.look_at_troubles(scene)
    }

    fn look_at<'a>(
        &self,
        incident: &Incident,
        watched: &mut Watched,
        scene: &Scene<'_>,
        placed: &[(&'a Policy, &Arc<str>)],
        (counts, late): (&mut Counts, &mut Vec<(IncidentId, &'a Policy)>),
    ) -> Verdict {
        let now = scene.now;
        let (held, told) = (OnceCell::new(), OnceCell::new());
        let heard = self.heard.of(incident.id);
        for &(policy, address) in placed {
            let wanted = incident.is_open()
                && listens(incident, policy)
                && (watched.falls_to(&policy.name, incident)
                    || told
                        .get_or_init(|| scene.told_of(incident, &self.silenced))
                        .contains(&policy.name));
            if !wanted {
                forget(&mut watched.listening, &policy.name);
                forget(&mut watched.due, address);
                continue;
            }
            let listens_since = since(&mut watched.listening, &policy.name, now);
            if now < listens_since + millis(policy.after) {
                continue;
            }
            let knows = self.knows(heard, address, incident, policy);
            if *held.get_or_init(|| scene.is_held(incident)) {
                forget(&mut watched.due, address);
                if !knows {
                    counts.add("held outside its hours");
                }
                continue;
            }
            let base =
                || links::dedup_key(&incident.instance, &incident.group, &incident.series, None);
            if knows {
                watched.owes(address, base, now);
                forget(&mut watched.due, address);
                continue;
            }
            let since = since(&mut watched.due, address, now);
            // the agent may believe that it was told
            if self.confused.contains(address) {
                continue;
            }
            // between two looks it may have left what is listened to and come back
            let stands = millis(scene.wall.since(incident.changed));
            let due = since.max(now - stands + millis(policy.after));
            let excused = self.excused.get(address).copied().unwrap_or(i64::MIN);
            if now - due.max(excused) > LATEST {
                return Err((
                    "told too late, or never",
                    format!(
                        "{} {} {} to {address}, due since {since}",
                        incident.group, incident.series, incident.level
                    ),
                ));
            }
            if now - since > MINUTE {
                watched.owes(address, base, now);
            }
            // what was taken meanwhile was another state: what is owed is owed since then
            let there = heard.iter().filter(|(other, ..)| other == address);
            let taken = there.map(|(.., heard)| heard.at).max().unwrap_or(i64::MIN);
            let tried = due.max(self.tried_since).max(taken);
            if now - tried > millis(policy.fallback_after) + SOON {
                late.push((incident.id, policy));
            }
        }
        Ok(())
    }

    /// A receiver with which nothing has been wrong for long is not in trouble.
    fn look_at_troubles(&self, scene: &Scene<'_>) -> Verdict {
        for own in scene
            .world
            .incidents()
            .filter(|own| *own.group == *BUILT_IN)
        {
            let about = own.series.strip_prefix("(receiver ");
            let Some(name) = about.and_then(|rest| rest.strip_suffix(')')) else {
                continue;
            };
            let address = scene.addresses.get(name);
            let excused = address.and_then(|address| self.excused.get(address));
            let well = excused.is_none_or(|excused| scene.now - excused > LATEST);
            if own.is_open() && well {
                return Err(("trouble of a receiver is not over", own.series.to_string()));
            }
        }
        Ok(())
    }

    fn knows(
        &self,
        heard: &[ears::Ear],
        address: &Arc<str>,
        incident: &Incident,
        policy: &Policy,
    ) -> bool {
        let knows = |recipient: &Arc<str>| {
            let heard = ears::find(heard, address, recipient);
            heard.is_some_and(|heard| heard.word == "open" && heard.level == incident.level)
        };
        match policy.recipients.is_empty() {
            true => knows(&self.nobody.0),
            false => policy.recipients.iter().all(knows),
        }
    }

    pub(super) fn nothing_lost(&self, world: &World, addresses: &Addresses) -> Verdict {
        let watched = self.watched.iter();
        let owed =
            watched.flat_map(|(id, watched)| watched.owed.iter().map(move |owed| (id, owed)));
        for (id, (address, key, since)) in owed {
            let Some((name, _)) = addresses.iter().find(|(_, there)| *there == address) else {
                continue;
            };
            let Some(policy) = world.setup().policy(name) else {
                continue;
            };
            let gone = self.rolled_back.contains(id) || self.confused.contains(address);
            if gone || world.incident(*id).is_some() {
                continue;
            }
            // it is over, and was due to be told
            let heard = self.heard.of(*id).iter();
            let heard = || heard.clone().filter(|(there, ..)| there == address);
            let closed = || self.closed.get(&(Arc::clone(address), key.clone()));
            if policy.keyed && closed().is_some_and(|closed| closed >= since) {
                continue;
            }
            if heard().next().is_none() {
                return Err(("never told, nor of its end", format!("{id} at {address}")));
            }
            if policy.resolved
                && !policy.keyed
                && heard().any(|(.., heard)| heard.word == "open" && heard.wants_end)
            {
                return Err(("its end was never told", format!("{id} at {address}")));
            }
        }
        Ok(())
    }
}

/// Whether nothing new is told of the incident's group at this hour. The agent's own
/// has none; of one that left the configuration nothing new is told at all.
pub(super) fn is_held(world: &World, incident: &Incident, wall: Timestamp) -> bool {
    let mut groups = world.setup().groups.iter();
    match groups.find(|group| group.name == incident.group) {
        Some(group) => {
            let active = group.active.as_ref();
            active.is_some_and(|active| !active.covers(wall))
        }
        None => *incident.group != *BUILT_IN,
    }
}
