//! Incidents that stand for others: those of a group beyond its `limit`, and
//! everything else that has a fixed name and no series of its own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::World;
use crate::alert::definition::Alert;
use crate::alert::incident::{About, Incident, IncidentId, Subject};
use crate::alert::level::Level;
use crate::alert::lifecycle::Change;
use crate::alert::time::Timestamp;

impl World {
    /// How many incidents of a group are open.
    pub(super) fn crowd(&self, group: &str) -> Crowd {
        let mut crowd = Crowd::default();
        let open = self.incidents.values().filter(|incident| {
            incident.is_open() && &*incident.group == group && incident.subject == Subject::Series
        });
        for incident in open {
            crowd.open += 1;
            crowd.without_data += usize::from(self.is_by_want(incident));
        }
        crowd
    }

    fn is_by_want(&self, incident: &Incident) -> bool {
        let entry = self.groups.get(&incident.group);
        let known = entry.and_then(|entry| entry.life.series.get(&incident.series));
        let open = known.and_then(|known| known.active.as_ref()?.open);
        open.is_some_and(|open| open.by_want)
    }

    /// Brings the overflow incident of a group in line with its members.
    pub(super) fn overflow(
        &mut self,
        group: &Arc<str>,
        subject: Subject,
        at: Timestamp,
        now: Timestamp,
    ) {
        let name = match subject {
            Subject::MoreWithoutData => "(more without data)",
            _ => "(more)",
        };
        let members = self.members(group, subject);
        let level = members
            .iter()
            .filter_map(|id| self.incidents.get(id))
            .map(|i| i.level)
            .max();
        let level = level.unwrap_or(Level::Ok);
        let also = members
            .iter()
            .flat_map(|id| self.receivers_of(*id))
            .collect();
        let about = members
            .iter()
            .filter_map(|id| self.incidents.get(id))
            .next();
        let about = about.map(|incident| About {
            in_graphite: false,
            ..incident.about.clone()
        });
        let reason = match level {
            Level::Ok => "all of them are over".to_owned(),
            _ => format!("more incidents of `{group}` are open than are told one by one"),
        };
        self.named_incident(group, name, subject, level, (at, now), reason, |incident| {
            if let Some(about) = about {
                incident.about = about;
            }
            incident.also = also;
        });
    }

    /// The open incidents that are told in an overflow incident, worst first.
    pub(super) fn members(&self, group: &str, subject: Subject) -> Vec<IncidentId> {
        let mut members: Vec<_> = self
            .incidents
            .values()
            .filter(|incident| {
                incident.is_open() && &*incident.group == group && incident.inside == Some(subject)
            })
            .collect();
        members.sort_by_key(|incident| (std::cmp::Reverse(incident.level), incident.started));
        members.into_iter().map(|incident| incident.id).collect()
    }

    /// Opens, changes or resolves an incident that stands for no series of its
    /// own; nothing happens where its level is what it should be.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn named_incident(
        &mut self,
        group: &Arc<str>,
        series: &str,
        subject: Subject,
        level: Level,
        (at, now): (Timestamp, Timestamp),
        reason: String,
        with: impl FnOnce(&mut Incident),
    ) {
        let key = (Arc::clone(group), Arc::<str>::from(series));
        let id = match self.named.get(&key) {
            Some(&id) => id,
            None if level == Level::Ok => return,
            None => {
                let number = self.groups.get(group).map_or(0, |e| e.life.head.number);
                let id = IncidentId::new(&self.setup.instance, group, series, at, number);
                let incident = self.blank(id, key.clone(), subject, at);
                self.incidents.insert(id, incident);
                self.named.insert(key.clone(), id);
                id
            }
        };
        let Some(incident) = self.incidents.get_mut(&id) else {
            return;
        };
        let before: BTreeSet<_> = incident.also.clone();
        with(incident);
        incident.also.extend(before.iter().cloned());
        let (present, more) = (incident.level, incident.also != before);
        if present != level {
            self.change_level(id, level, at, now, reason, |_| {});
        } else if more {
            self.dirty.incidents.insert(id);
            self.ensure_deliveries(id, at, now);
        }
        if level == Level::Ok {
            self.named.remove(&key);
        }
    }

    /// Ends all incidents of a group that is no longer configured.
    pub(super) fn end_group(&mut self, group: &Arc<str>, now: Timestamp) {
        let mut touched = BTreeSet::new();
        let open: Vec<(IncidentId, Option<Subject>)> = self
            .incidents
            .values()
            .filter(|incident| incident.is_open() && incident.group == *group)
            .filter(|incident| incident.subject == Subject::Series)
            .map(|incident| (incident.id, incident.inside))
            .collect();
        for (id, inside) in open {
            let reason = "its alert left the configuration".to_owned();
            self.change_level(id, Level::Ok, now, now, reason, |incident| {
                incident.value = None;
            });
            touched.extend(inside);
        }
        for subject in touched {
            self.overflow(group, subject, now, now);
        }
    }

    pub(super) fn blank(
        &self,
        id: IncidentId,
        (group, series): (Arc<str>, Arc<str>),
        subject: Subject,
        at: Timestamp,
    ) -> Incident {
        Incident {
            id,
            instance: Arc::clone(&self.setup.instance),
            group,
            series,
            subject,
            level: Level::Ok,
            worst: Level::Ok,
            started: at,
            changed: at,
            ended: None,
            event: 0,
            value: None,
            condition: None,
            lasted: Duration::ZERO,
            no_data_since: None,
            words: None,
            reason: String::new(),
            about: About::default(),
            inside: None,
            also: BTreeSet::new(),
        }
    }
}

/// How many incidents of a group are open, for its limits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Crowd {
    open: usize,
    without_data: usize,
}

impl Crowd {
    /// Whether one more is told alone, or in which overflow.
    pub fn place_for(&self, alert: &Alert, by_want: bool) -> Option<Subject> {
        let beyond = |limit: Option<usize>, count| limit.is_some_and(|limit| count >= limit);
        if by_want && beyond(alert.no_data_limit, self.without_data) {
            return Some(Subject::MoreWithoutData);
        }
        beyond(alert.limit, self.open).then_some(Subject::More)
    }

    pub fn count(&mut self, change: Change) {
        match (change.from, change.to) {
            (Level::Ok, _) => {
                self.open += 1;
                self.without_data += usize::from(change.by_want);
            }
            (_, Level::Ok) => self.open = self.open.saturating_sub(1),
            _ => {}
        }
    }
}
