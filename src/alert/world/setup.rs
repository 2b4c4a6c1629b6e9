//! What the world is told by the configuration, at a start and at a reload.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use globset::{Candidate, GlobMatcher};

use super::agenda::Agenda;
use super::batch::{Dirty, Quiet};
use super::changes::Changes;
use super::deliveries::Deliveries;
use super::incidents::Incidents;
use super::standing::Standings;
use super::telling::recipients;
use super::{DeliveryKey, Entry, LEAVE, Own, Saved, World};
use crate::alert::definition::{Group, WithoutData};
use crate::alert::delivery::Delivery;
use crate::alert::evaluate::TOO_FEW;
use crate::alert::incident::{About, IncidentId, Subject};
use crate::alert::lifecycle::{Active, GAP};
use crate::alert::page::Page;
use crate::alert::receiver::{Policy, Route};
use crate::alert::roster::Roster;
use crate::alert::time::Timestamp;

/// The configuration, as far as it decides anything here.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The first part of every key.
    pub instance: Arc<str>,
    /// Graphite's host, the name of its incidents.
    pub host: Arc<str>,
    /// How long fetching may fail before somebody is told.
    pub error_for: Duration,
    /// Base of documentation links.
    pub docs_url: Option<String>,
    /// All groups.
    pub groups: Vec<Arc<Group>>,
    /// All receivers, in file order.
    pub receivers: Vec<Policy>,
    /// All routes, in file order.
    pub routes: Vec<Route>,
}

impl Setup {
    /// The policy of the receiver `name`.
    pub fn policy(&self, name: &str) -> Option<&Policy> {
        self.receivers.iter().find(|policy| &*policy.name == name)
    }

    /// All receivers' policies.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.receivers.iter()
    }

    /// The receivers of an incident: those that its alert names, else those of
    /// the first route that matches (and of further ones while `continue`),
    /// else the default ones, else all.
    pub fn routed(
        &self,
        alert: &str,
        series: &str,
        labels: &BTreeMap<String, String>,
        notify: Option<&[Arc<str>]>,
    ) -> Vec<Arc<str>> {
        let mut routed: Vec<Arc<str>> = Vec::with_capacity(self.receivers.len());
        self.any_named(alert, series, labels, notify, |name| {
            if !routed.contains(name) {
                routed.push(Arc::clone(name));
            }
            false
        });
        routed
    }

    /// Whether `receiver` is one of these.
    pub fn routes_to(
        &self,
        receiver: &str,
        alert: &str,
        series: &str,
        labels: &BTreeMap<String, String>,
        notify: Option<&[Arc<str>]>,
    ) -> bool {
        self.any_named(alert, series, labels, notify, |name| **name == *receiver)
    }

    /// Whether `is` says so of one of them, asked in the order in which they are
    /// named, and as often.
    pub(super) fn any_named<'a>(
        &'a self,
        alert: &str,
        series: &str,
        labels: &BTreeMap<String, String>,
        notify: Option<&'a [Arc<str>]>,
        mut is: impl FnMut(&'a Arc<str>) -> bool,
    ) -> bool {
        if let Some(notify) = notify {
            return notify.iter().any(is);
        }
        if !self.routes.is_empty() {
            // what patterns are matched against is prepared once
            let (alert, series) = (Candidate::new(alert), Candidate::new(series));
            let takes = |route: &&Route| route.takes(&alert, &series, labels);
            let mut is_led = false;
            for route in self.routes.iter().filter(takes) {
                if route.notify.iter().any(&mut is) {
                    return true;
                }
                is_led = true;
                if !route.continue_ {
                    break;
                }
            }
            if is_led {
                return false;
            }
        }
        let any_default = self.receivers.iter().any(|policy| policy.default);
        let rest = self.receivers.iter();
        let mut rest = rest.filter(|policy| policy.default || !any_default);
        rest.any(|policy| is(&policy.name))
    }
}

impl Route {
    /// Whether an incident of `alert` and `series` takes this route.
    pub fn matches(&self, alert: &str, series: &str, labels: &BTreeMap<String, String>) -> bool {
        self.takes(&Candidate::new(alert), &Candidate::new(series), labels)
    }

    fn takes(
        &self,
        alert: &Candidate<'_>,
        series: &Candidate<'_>,
        labels: &BTreeMap<String, String>,
    ) -> bool {
        let fits = |glob: &Option<GlobMatcher>, name: &Candidate<'_>| {
            glob.as_ref()
                .is_none_or(|glob| glob.is_match_candidate(name))
        };
        fits(&self.alert, alert)
            && fits(&self.series, series)
            && self
                .labels
                .iter()
                .all(|(name, glob)| labels.get(name).is_some_and(|value| glob.is_match(value)))
    }
}

impl World {
    /// The world at a start: what the store held, under the present configuration.
    pub fn new(setup: Setup, saved: Saved, now: Timestamp) -> Self {
        let mut groups: BTreeMap<Arc<str>, Entry> = BTreeMap::new();
        for (name, head) in saved.heads {
            groups.entry(name).or_default().life.head = head;
        }
        let mut pages: BTreeMap<Arc<str>, BTreeMap<u32, Arc<Page>>> = BTreeMap::new();
        for ((name, number), page) in saved.known {
            pages.entry(name).or_default().insert(number, page);
        }
        for (name, pages) in pages {
            groups.entry(name).or_default().life.series = Roster::new(pages).into();
        }
        let mut silent = BTreeMap::new();
        for ((name, legend), active) in saved.series {
            if let Some(how) = active.is_silent() {
                silent.insert((Arc::clone(&name), Arc::clone(&legend)), how);
            }
            let life = &mut groups.entry(name).or_default().life;
            life.series.restore(legend, active);
        }
        let mut dirty = Dirty::default();
        for (name, entry) in &mut groups {
            let pages = entry.life.series.take_changed();
            let pages = pages.into_iter().map(|page| (Arc::clone(name), page));
            dirty.known.extend(pages);
        }
        let mut named: BTreeMap<Arc<str>, BTreeMap<Arc<str>, IncidentId>> = BTreeMap::new();
        let open = saved.incidents.values().filter(|i| i.is_open());
        for incident in open.filter(|incident| incident.subject != Subject::Series) {
            let named = named.entry(Arc::clone(&incident.group)).or_default();
            named.insert(Arc::clone(&incident.series), incident.id);
        }
        let mut world = Self {
            started: now,
            ticked: now,
            trying_since: now,
            unproven: BTreeSet::new(),
            groups,
            standings: Standings::default(),
            incidents: Incidents::new(saved.incidents),
            deliveries: Deliveries::new(saved.deliveries),
            agenda: Agenda::default(),
            changes: Changes::default(),
            own: Own::new(&setup),
            setup,
            named,
            silent,
            silence_changed: true,
            silence_told: BTreeSet::new(),
            retired: BTreeMap::new(),
            unanswered: BTreeSet::new(),
            memory: saved.memory,
            transitions: Vec::new(),
            given_up: Vec::new(),
            dirty,
            quiet: Quiet::default(),
        };
        world.drop_unknown_receivers();
        world.try_anew(now);
        world.apply_groups(now.plus(LEAVE));
        world.recall_hidden();
        world.clock_set_back(now);
        world.forget_failures(now);
        for entry in world.groups.values_mut() {
            entry.recall_lacking();
        }
        // it was read just now; if it still cannot be written, that is found out again
        world.store_failed(None, now);
        world.end_stale(now);
        world.ensure_all(now);
        world
    }

    /// Incidents that are told in an overflow are known by their series alone.
    fn recall_hidden(&mut self) {
        let mut hidden = Vec::new();
        for (name, entry) in &self.groups {
            for (legend, active) in entry.life.series.actives() {
                if let Some(open) = active.open
                    && let Some(inside) = open.inside
                {
                    let source = entry.life.source_of(legend);
                    let alert = source
                        .zip(entry.group.as_ref())
                        .and_then(|(source, group)| {
                            let alert = group.alerts.get(group.alert_of(&source.target)?)?;
                            Some(About::new(alert, &source.target, !active.stands_in))
                        });
                    let name = (Arc::clone(name), Arc::clone(legend));
                    let mut incident = self.blank(open.id, name, Subject::Series, open.id.began());
                    incident.turn(open.level, open.id.began(), Arc::default());
                    incident.inside = Some(inside);
                    incident.no_data_since = active.lacking_since;
                    hidden.push((incident, alert.unwrap_or_default()));
                }
            }
        }
        for (mut incident, about) in hidden {
            incident.about = self.share(&Arc::clone(&incident.group), about);
            self.incidents.insert(incident);
        }
    }

    /// A start is a fresh try, and so is the end of an absence: time that nobody
    /// tried in is no delay of a receiver's, nor has it mended one, and what was
    /// refused may be taken now.
    fn try_anew(&mut self, now: Timestamp) {
        self.trying_since = now;
        self.unproven = self.troubled().into_iter().map(Arc::from).collect();
        for key in self.deliveries.keys().cloned().collect::<Vec<_>>() {
            let changed = self.deliveries.edit(&key, |delivery| {
                delivery.due_since = None;
                if delivery.rejected {
                    delivery.try_again();
                }
            });
            if changed {
                self.dirty.deliveries.insert(key);
            }
        }
    }

    /// Goes on after a time in which nothing was looked at: this computer was
    /// suspended, or its clock set forward. As after a start: nobody tried to
    /// tell anything meanwhile, and what is owed waits until its group was judged
    /// again, lest a reminder speaks of what was over long ago.
    pub fn woke(&mut self, now: Timestamp) {
        self.started = now;
        self.ticked = now;
        for entry in self.groups.values_mut() {
            entry.life.ready = false;
        }
        self.stand_all();
        self.try_anew(now);
        self.forget_failures(now);
        self.mark_all_due(now);
    }

    /// A failure before a gap is none that has lasted since: as every clock, that
    /// of `error_for` starts anew after more than three slots without an evaluation.
    fn forget_failures(&mut self, now: Timestamp) {
        let mut lasts = false;
        let asked = |(_, entry): &(&Arc<str>, &mut Entry)| entry.is_asked();
        for (name, entry) in self.groups.iter_mut().filter(asked) {
            let head = &mut entry.life.head;
            let (Some(group), Some(slot), Some(_)) = (&entry.group, head.slot, head.failing_since)
            else {
                continue;
            };
            if group.schedule.count_between(slot, now, GAP + 1) > GAP {
                head.failing_since = Some(now);
                self.dirty.heads.insert(Arc::clone(name));
            } else {
                lasts = true;
            }
        }
        if !lasts && self.memory.outage_since.is_some() {
            self.memory.outage_since = Some(now);
            self.dirty.memory = true;
        }
    }

    /// Takes on a new configuration. `moved` names the receivers whose address
    /// changed (of mail, addresses are the recipients, and seen here); what left is ended at once or five minutes later. Returns the
    /// receivers that live on under another name until they know the end of
    /// what they were told, as (old name, new name).
    pub fn reload(
        &mut self,
        setup: Setup,
        moved: &BTreeSet<Arc<str>>,
        at_once: bool,
        now: Timestamp,
    ) -> Vec<(Arc<str>, Arc<str>)> {
        let old: Vec<Policy> = self.setup.policies().cloned().collect();
        let retired = old
            .into_iter()
            .filter_map(|policy| {
                let stays = setup.policy(&policy.name);
                let stays = stays.filter(|_| !moved.contains(&policy.name)).cloned();
                self.retire(policy, stays.as_ref(), now)
            })
            .collect();
        if self.setup.host != setup.host {
            // another Graphite: how long that one failed says nothing of this one
            self.memory.outage_since = None;
            self.dirty.memory = true;
            for entry in self.groups.values_mut() {
                let head = &mut entry.life.head;
                head.failing_since = head.failing_since.map(|_| now);
            }
        }
        self.own = Own::new(&setup);
        self.setup = setup;
        self.unanswered.clear();
        self.apply_groups(if at_once { now } else { now.plus(LEAVE) });
        self.silence_changed = true;
        self.end_stale(now);
        let waiting = self.deliveries.iter();
        let waiting = waiting.filter(|(_, delivery)| delivery.next_try.is_some());
        for key in waiting.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            self.deliveries.edit(&key, Delivery::try_again);
            self.dirty.deliveries.insert(key);
        }
        self.drop_pages();
        self.touch_all();
        self.ensure_all(now);
        self.tick(now);
        retired
    }

    /// A receiver that is called otherwise and reached as before: it knows what
    /// it was told. Called before `reload`.
    pub fn rename(&mut self, old: &Arc<str>, new: &Arc<str>) {
        let keys: Vec<_> = self
            .deliveries
            .keys()
            .filter(|key| key.1 == *old)
            .cloned()
            .collect();
        for key in keys {
            if let Some(delivery) = self.deliveries.remove(&key) {
                let renamed = (key.0, Arc::clone(new), Arc::clone(&key.2));
                self.deliveries.insert(renamed.clone(), delivery);
                self.dirty.deliveries.extend([key, renamed]);
                // under the old name nobody would be told its end, and the new one all anew
                self.dirty.owed = true;
            }
        }
        let also = self.incidents.values().filter(|i| i.also.contains(old));
        for id in also.map(|incident| incident.id).collect::<Vec<_>>() {
            self.incidents.change(&id, |incident| {
                incident.also.remove(old);
                incident.also.insert(Arc::clone(new));
            });
            self.incident_changed(id);
            self.dirty.owed = true;
        }
    }

    /// Lets the addresses of `policy` that `stays` no longer has live on under
    /// another name, as far as they have an end to hear.
    fn retire(
        &mut self,
        policy: Policy,
        stays: Option<&Policy>,
        now: Timestamp,
    ) -> Option<(Arc<str>, Arc<str>)> {
        let old = Arc::clone(&policy.name);
        let name: Arc<str> = Arc::from(format!("{old} (until {})", now.as_millis()));
        let mut lives_on = false;
        let keys: Vec<_> = self
            .deliveries
            .keys()
            .filter(|key| key.1 == old)
            .filter(|key| stays.is_none_or(|stays| !recipients(stays).contains(&key.2)))
            .cloned()
            .collect();
        for key in keys {
            let Some(delivery) = self.deliveries.remove(&key) else {
                continue;
            };
            self.dirty.deliveries.insert(key.clone());
            if delivery.knows() && policy.resolved {
                lives_on = true;
                let (id, _, recipient) = key;
                let delivery = Delivery {
                    next_try: None,
                    ..delivery
                };
                self.deliveries
                    .insert((id, Arc::clone(&name), recipient), delivery);
            }
        }
        lives_on.then(|| {
            let policy = Policy {
                name: Arc::clone(&name),
                ..policy
            };
            self.retired.insert(Arc::clone(&name), policy);
            (old, name)
        })
    }

    /// A receiver is where one that lives on as `retired` still is: what that one
    /// knows there, this one knows. Otherwise two workers would tell one key its
    /// end and its beginning, in any order.
    pub fn came_back(&mut self, retired: &Arc<str>, receiver: &Arc<str>) {
        let Some(policy) = self.setup.policy(receiver) else {
            return;
        };
        let present = recipients(policy);
        let keys: Vec<_> = self
            .deliveries
            .keys()
            .filter(|key| key.1 == *retired && present.contains(&key.2))
            .cloned()
            .collect();
        for key in keys {
            if let Some(mut delivery) = self.deliveries.remove(&key) {
                delivery.try_again();
                let back = (key.0, Arc::clone(receiver), Arc::clone(&key.2));
                self.deliveries.insert(back.clone(), delivery);
                self.dirty.deliveries.insert(back);
                self.dirty.owed = true;
            }
        }
        self.touch_all();
        self.drop_retired();
    }

    /// Forgets retired receivers that have nothing more to hear.
    pub(super) fn drop_retired(&mut self) {
        if self.retired.is_empty() {
            return;
        }
        let (mut done, mut busy) = (Vec::new(), BTreeSet::new());
        let retired = |key: &DeliveryKey| self.retired.contains_key(&key.1);
        for (key, delivery) in self.deliveries.iter().filter(|(key, _)| retired(key)) {
            match delivery.knows() {
                true => drop(busy.insert(Arc::clone(&key.1))),
                false => done.push(key.clone()),
            }
        }
        for key in done {
            self.deliveries.remove(&key);
        }
        self.retired.retain(|name, _| busy.contains(name));
        self.drop_pages();
    }

    fn drop_pages(&mut self) {
        let (setup, retired) = (&self.setup, &self.retired);
        let known = |name: &str| setup.policy(name).is_some() || retired.contains_key(name);
        self.agenda.keep(known);
    }

    /// A receiver that is not configured cannot be told anything.
    fn drop_unknown_receivers(&mut self) {
        let setup = &self.setup;
        let unknown: Vec<_> = self
            .deliveries
            .keys()
            .filter(|(_, receiver, recipient)| {
                let policy = setup.policy(receiver);
                policy.is_none_or(|policy| !recipients(policy).contains(recipient))
            })
            .cloned()
            .collect();
        for key in unknown {
            self.deliveries.remove(&key);
            self.dirty.deliveries.insert(key);
        }
    }

    fn apply_groups(&mut self, leaves_at: Timestamp) {
        let mut configured: HashMap<Arc<str>, Arc<Group>> = self
            .setup
            .groups
            .iter()
            .map(|group| (Arc::clone(&group.name), Arc::clone(group)))
            .collect();
        for (name, entry) in &mut self.groups {
            match configured.remove(name) {
                Some(group) => {
                    entry.group = Some(group);
                    entry.leaves_at = None;
                    entry.abouts.clear();
                }
                None => entry.leaves_at = Some(entry.leaves_at.unwrap_or(leaves_at).min(leaves_at)),
            }
        }
        for (name, group) in configured {
            self.groups.insert(
                name,
                Entry {
                    group: Some(group),
                    ..Entry::default()
                },
            );
        }
        self.stand_all();
        self.changes.hours.clear();
    }

    /// Brings what incidents say of their alerts, and who is told, in line with
    /// the configuration.
    fn ensure_all(&mut self, now: Timestamp) {
        let ids: Vec<IncidentId> = self.incidents.keys().copied().collect();
        for id in ids {
            self.describe(id);
            self.ensure_deliveries(id, now, now);
        }
        self.route_overflows(now);
    }

    fn describe(&mut self, id: IncidentId) {
        let Some(incident) = self.incidents.get(&id) else {
            return;
        };
        let Some(target) = incident.about.target.clone() else {
            return;
        };
        let entry = self
            .groups
            .get(&incident.group)
            .and_then(|entry| entry.group.clone());
        let Some(group) = entry else { return };
        let Some(alert) = group
            .alert_of(&target)
            .and_then(|index| group.alerts.get(index))
        else {
            return;
        };
        let (name, before) = (Arc::clone(&incident.group), Arc::clone(&incident.about));
        let about = self.share(&name, About::new(alert, &target, before.in_graphite));
        if about != before {
            self.incidents
                .change(&id, |incident| incident.about = about);
            self.incident_changed(id);
        } else if !Arc::ptr_eq(&about, &before) {
            self.incidents
                .refresh(&id, |incident| incident.about = about);
        }
    }
}

impl World {
    /// The one that says the same, if an incident of the group has it already.
    pub(super) fn share(&mut self, group: &str, about: About) -> Arc<About> {
        let Some(entry) = self.groups.get_mut(group) else {
            return Arc::new(about);
        };
        if let Some(shared) = entry.abouts.iter().find(|shared| ***shared == about) {
            return Arc::clone(shared);
        }
        let about = Arc::new(about);
        entry.abouts.push(Arc::clone(&about));
        about
    }
}

impl Entry {
    /// Finds out anew which series lack data and count for silence in numbers.
    fn recall_lacking(&mut self) {
        let Some(group) = &self.group else { return };
        let life = &self.life;
        let setting = |legend: &str, active: &Active| {
            let source = life.source_of(legend)?;
            let alert = group.alerts.get(group.alert_of(&source.target)?)?;
            let gone = active.missing.is_some();
            Some(if gone { alert.missing } else { alert.no_data })
        };
        let lacking = life.series.actives();
        self.life.lacking = lacking
            .filter_map(|(legend, active)| {
                let since = active.lacking_since?;
                let too_few = active.stands_in && &**legend == TOO_FEW;
                let counts = matches!(setting(legend, active)?, WithoutData::Level(_)) && !too_few;
                counts.then(|| (Arc::clone(legend), since))
            })
            .collect();
    }
}
