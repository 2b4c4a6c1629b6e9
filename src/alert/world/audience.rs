//! Who is told of one incident. What is the same for all receivers (which routes
//! it takes, whether its group's hours hold it back) is found out once for all
//! of them: a change has each of them looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::World;
use super::agent::receiver_named;
use crate::alert::delivery::Situation;
use crate::alert::incident::{BUILT_IN, Incident, IncidentId, Subject};
use crate::alert::receiver::Policy;
use crate::alert::time::Timestamp;

/// The receivers that one incident is told to.
struct Audience<'a> {
    world: &'a World,
    incident: &'a Incident,
    reached: Reached<'a>,
}

/// Beside those that are told of it because of others.
enum Reached<'a> {
    /// These, by its routes.
    Routed(Vec<&'a Arc<str>>),
    /// The only one that is asked for, if its routes say so.
    Only(bool),
    /// Its alert is gone: whoever knows of it hears its end.
    Knowing,
    /// Nobody.
    Nobody,
}

impl<'a> Audience<'a> {
    /// `only`: nobody else is asked for.
    fn of(world: &'a World, incident: &'a Incident, only: Option<&str>) -> Self {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        let (setup, about) = (&world.setup, &incident.about);
        let (group, series) = (&incident.group, &incident.series);
        let routed = |alert: &str, labels, notify| {
            if let Some(only) = only {
                return Reached::Only(setup.routes_to(only, alert, series, labels, notify));
            }
            let mut routed = Vec::with_capacity(setup.receivers.len());
            setup.any_named(alert, series, labels, notify, |name| {
                routed.push(name);
                false
            });
            Reached::Routed(routed)
        };
        let reached = match incident.subject {
            Subject::Series => {
                let entry = world.groups.get(group);
                match entry.is_some_and(|entry| entry.leaves_at.is_none()) {
                    true => routed(group, &about.labels, about.notify.as_deref()),
                    false => Reached::Knowing,
                }
            }
            Subject::Agent => routed(BUILT_IN, &NONE, None),
            Subject::More | Subject::MoreWithoutData | Subject::Silence => Reached::Nobody,
        };
        Self {
            world,
            incident,
            reached,
        }
    }

    /// Whether a receiver is one of these.
    fn includes(&self, receiver: &str) -> bool {
        let incident = self.incident;
        // nobody is told of trouble with himself
        let himself = || {
            let about = receiver_named(&incident.series);
            incident.subject == Subject::Agent && about == Some(receiver)
        };
        let reached = || match &self.reached {
            Reached::Routed(names) => names.iter().any(|name| ***name == *receiver),
            Reached::Only(reached) => *reached,
            Reached::Knowing => {
                let mut of_it = self.world.deliveries.of(incident.id);
                of_it.any(|(key, _)| *key.1 == *receiver)
            }
            Reached::Nobody => false,
        };
        self.world.setup.policy(receiver).is_some()
            && !himself()
            && (incident.also.contains(receiver) || reached())
    }
}

impl World {
    /// The receivers that an incident is told to, by name.
    pub(super) fn receivers_of(&self, id: IncidentId) -> BTreeSet<Arc<str>> {
        let Some(incident) = self.incidents.get(&id) else {
            return BTreeSet::new();
        };
        let audience = Audience::of(self, incident, None);
        let names = self.setup.policies().map(|policy| &policy.name);
        let told = names.filter(|name| audience.includes(name));
        told.cloned().collect()
    }

    /// The policy of a receiver, also of one that is only told the end of what it knows.
    pub(super) fn policy(&self, name: &str) -> Option<&Policy> {
        self.setup.policy(name).or_else(|| self.retired.get(name))
    }

    /// Whether there is, or was, a receiver of that name that can be told something.
    pub fn knows_receiver(&self, name: &str) -> bool {
        self.policy(name).is_some()
    }

    /// The circumstances of one incident and each receiver that is asked for.
    pub(super) fn situations<'a>(
        &'a self,
        incident: &'a Incident,
        now: Timestamp,
    ) -> impl Fn(&str) -> Situation + 'a {
        let audience = Audience::of(self, incident, None);
        self.situations_of(audience, now)
    }

    /// The same of a single one.
    pub(super) fn situation(
        &self,
        incident: &Incident,
        receiver: &str,
        now: Timestamp,
    ) -> Situation {
        let audience = Audience::of(self, incident, Some(receiver));
        self.situations_of(audience, now)(receiver)
    }

    fn situations_of<'a>(
        &'a self,
        audience: Audience<'a>,
        now: Timestamp,
    ) -> impl Fn(&str) -> Situation + 'a {
        let incident = audience.incident;
        let held = self.held(&incident.group, now);
        move |receiver| Situation {
            routed: audience.includes(receiver),
            held,
            all_levels: incident.subject == Subject::Silence,
            now,
        }
    }
}
