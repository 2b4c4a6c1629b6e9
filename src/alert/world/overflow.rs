//! Incidents that stand for others: those of a group beyond its `limit`, and
//! everything else that has a fixed name and no series of its own.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::World;
use crate::alert::definition::Alert;
use crate::alert::incident::{About, Incident, IncidentId, Subject};
use crate::alert::level::Level;
use crate::alert::lifecycle::Change;
use crate::alert::time::Timestamp;

impl World {
    /// How many incidents of a group are open, before `changes` that its series
    /// have gone through already are carried out.
    pub(super) fn crowd<'a>(
        &self,
        group: &str,
        changes: impl Iterator<Item = &'a Change>,
    ) -> Crowd {
        let entry = self.groups.get(group);
        let actives = entry.into_iter().flat_map(|e| e.life.series.actives());
        let mut crowd = Crowd::default();
        for open in actives.filter_map(|(_, active)| active.open) {
            crowd.open += 1;
            crowd.without_data += usize::from(open.by_want);
        }
        for change in changes {
            if change.from == Level::Ok {
                crowd.open = crowd.open.saturating_sub(1);
                let by_want = usize::from(change.by_want);
                crowd.without_data = crowd.without_data.saturating_sub(by_want);
            } else if change.to == Level::Ok {
                crowd.open += 1;
            }
        }
        crowd
    }

    /// Brings the overflow incident of a group in line with its members, of
    /// whom `changed` joined it or changed.
    pub(super) fn overflow(
        &mut self,
        group: &Arc<str>,
        subject: Subject,
        changed: &[IncidentId],
        at: Timestamp,
        now: Timestamp,
    ) {
        let name = match subject {
            Subject::MoreWithoutData => "(more without data)",
            _ => "(more)",
        };
        let worst = self.incidents.members(group, subject).next();
        let worst = worst.and_then(|id| self.incidents.get(&id));
        let level = worst.map_or(Level::Ok, |incident| incident.level);
        let about = worst.map(|incident| {
            Arc::new(About {
                in_graphite: false,
                ..(*incident.about).clone()
            })
        });
        let also = self.receivers_of_all(changed);
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

    /// Everybody who would be told of one of these that is open.
    fn receivers_of_all(&self, ids: &[IncidentId]) -> BTreeSet<Arc<str>> {
        // incidents of one alert go one way, unless a route looks at the series
        let by_series = self.setup.routes.iter().any(|r| r.series.is_some());
        let mut seen = HashSet::new();
        let open = ids.iter().filter_map(|id| self.incidents.get(id));
        open.filter(|incident| incident.is_open())
            .filter(|incident| {
                let first = seen.insert(Arc::as_ptr(&incident.about));
                first || by_series || !incident.also.is_empty()
            })
            .flat_map(|incident| self.receivers_of(incident.id))
            .collect()
    }

    /// Who is told of an overflow follows the routes of all its members.
    pub(super) fn route_overflows(&mut self, now: Timestamp) {
        let named = self.named.iter();
        let named = named.flat_map(|(group, named)| named.values().map(move |id| (group, id)));
        let overflows: Vec<_> = named
            .filter_map(|(group, id)| {
                let subject = self.incidents.get(id)?.subject;
                let overflow = matches!(subject, Subject::More | Subject::MoreWithoutData);
                overflow.then(|| (Arc::clone(group), subject))
            })
            .collect();
        for (group, subject) in overflows {
            let members: Vec<_> = self.incidents.members(&group, subject).collect();
            self.overflow(&group, subject, &members, now, now);
        }
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
        let named = self.named.get(group);
        let id = match named.and_then(|named| named.get(series)) {
            Some(&id) => id,
            None if level == Level::Ok => return,
            None => {
                let series = Arc::<str>::from(series);
                let number = self.groups.get(group).map_or(0, |e| e.life.head.number);
                let id = IncidentId::new(&self.setup.instance, group, &series, at, number);
                let key = (Arc::clone(group), Arc::clone(&series));
                let incident = self.blank(id, key, subject, at);
                self.incidents.insert(incident);
                let named = self.named.entry(Arc::clone(group)).or_default();
                named.insert(series, id);
                id
            }
        };
        let (mut present, mut more) = (level, false);
        self.incidents.change(&id, |incident| {
            let before: BTreeSet<_> = incident.also.clone();
            with(incident);
            incident.also.extend(before.iter().cloned());
            (present, more) = (incident.level, incident.also != before);
        });
        if present != level {
            self.change_level(id, level, at, now, reason.into(), |_| {});
        } else if more {
            self.incident_changed(id);
            self.ensure_deliveries(id, at, now);
        }
        if level == Level::Ok
            && let Some(named) = self.named.get_mut(group)
        {
            named.remove(series);
        }
    }

    /// Ends all incidents of a group that is no longer configured.
    pub(super) fn end_group(&mut self, group: &Arc<str>, now: Timestamp) {
        let reason: Arc<str> = Arc::from("its alert left the configuration");
        let mut touched: BTreeMap<Subject, Vec<IncidentId>> = BTreeMap::new();
        let open: Vec<(IncidentId, Option<Subject>)> = self
            .incidents
            .values()
            .filter(|incident| incident.is_open() && incident.group == *group)
            .filter(|incident| incident.subject == Subject::Series)
            .map(|incident| (incident.id, incident.inside))
            .collect();
        for (id, inside) in open {
            self.change_level(id, Level::Ok, now, now, Arc::clone(&reason), |incident| {
                incident.value = None;
            });
            if let Some(subject) = inside {
                touched.entry(subject).or_default().push(id);
            }
        }
        for (subject, changed) in touched {
            self.overflow(group, subject, &changed, now, now);
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
            reason: Arc::default(),
            about: Arc::default(),
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
