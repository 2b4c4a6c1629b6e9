//! The agent's own incidents, all of the built-in alert `graphite-pager`:
//! Graphite fails, a receiver fails, the store fails (design 4.12, 5, 6). One
//! page, not a thousand. Many series that fall silent at once are in `silence.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{DeliveryKey, LEAVE, RELEASE, World};
use crate::alert::definition::Docs;
use crate::alert::delivery::Delivery;
use crate::alert::incident::{About, BUILT_IN, IncidentId, Subject};
use crate::alert::level::Level;
use crate::alert::time::Timestamp;

/// A clock that is further back than this was set.
const SET_BACK: Duration = Duration::from_secs(10);

/// The store's name among the agent's own incidents.
const STORE: &str = "(store)";

impl World {
    /// Records how fetching for a group went.
    pub(super) fn fetched(
        &mut self,
        name: &Arc<str>,
        failure: Option<&str>,
        slot: Timestamp,
        now: Timestamp,
    ) {
        // a process that was stopped with a fetch under way finds it failed when
        // it goes on, however long that was: one failure is no outage
        let slot = slot.max(now.minus(self.setup.error_for / 2));
        let Some(entry) = self.groups.get_mut(name) else {
            return;
        };
        let head = &mut entry.life.head;
        head.failure = failure.map(str::to_owned);
        head.failing_since = match failure {
            // the slot may lie before a common trouble that is just over, at whose
            // end the group's own clock began
            Some(_) => Some(head.failing_since.unwrap_or(slot).min(now)),
            None => None,
        };
        self.stands(name);
    }

    /// Records that the store failed, or works again.
    pub fn store_failed(&mut self, why: Option<&str>, now: Timestamp) {
        // it works, as ever: this is said of each batch
        if why.is_none() && !self.own_is_open(STORE) {
            return;
        }
        let level = if why.is_some() {
            Level::Critical
        } else {
            Level::Ok
        };
        let words = why.map(|why| format!("cannot be written: {why}"));
        let reason = why.map_or("is written again".to_owned(), |why| {
            format!("failed: {why}")
        });
        self.own(STORE, level, words, reason, now);
    }

    /// Everything that only time brings about. Called at least once a second.
    pub fn tick(&mut self, now: Timestamp) {
        if now.plus(SET_BACK) < self.ticked {
            self.clock_set_back(now);
        }
        self.ticked = now;
        debug_assert_eq!(self.standings, self.counted(), "groups are counted");
        self.leave(now);
        self.look_after_itself(now);
        self.notice_hours(now);
        self.mark_all_due(now);
        self.troubled_receivers(now);
        self.clean_up(now);
    }

    /// Nothing may wait for an instant of a time that was wrong.
    pub(super) fn clock_set_back(&mut self, now: Timestamp) {
        for key in self.deliveries.keys().cloned().collect::<Vec<_>>() {
            let edit = |delivery: &mut Delivery| delivery.never_in_the_future(now);
            if self.deliveries.edit(&key, edit) {
                self.dirty.deliveries.insert(key);
            }
        }
        self.changes.give_up_at = Some(now);
        // that less time has passed than did has mended nobody
        self.unproven
            .extend(self.troubled().into_iter().map(Arc::from));
        self.touch_all();
        self.started = self.started.min(now);
        self.quiet.set_back(now);
        self.trying_since = self.trying_since.min(now);
        let memory = &mut self.memory;
        for since in [&mut memory.outage_since, &mut memory.few_silent_since] {
            self.dirty.memory |= since.is_some_and(|since| since > now);
            *since = since.map(|since| since.min(now));
        }
        for entry in self.groups.values_mut() {
            entry.leaves_at = entry.leaves_at.map(|at| at.min(now.plus(LEAVE)));
            let head = &mut entry.life.head;
            head.failing_since = head.failing_since.map(|at| at.min(now));
        }
    }

    pub(super) fn look_after_itself(&mut self, now: Timestamp) {
        self.outage(now);
        self.silence(now);
    }

    /// Ends what belongs to alerts that left the configuration.
    fn leave(&mut self, now: Timestamp) {
        let over = |name: &&Arc<str>| {
            let entry = self.groups.get(*name);
            entry.is_some_and(|entry| entry.leaves_at.is_some_and(|at| at <= now))
        };
        let leaving = self.standings.leaving.iter();
        let gone: Vec<Arc<str>> = leaving.filter(over).cloned().collect();
        for name in gone {
            self.end_group(&name, now);
            let own: Arc<str> = Arc::clone(&name);
            self.own(
                &own,
                Level::Ok,
                None,
                "its alert left the configuration".to_owned(),
                now,
            );
            if let Some(entry) = self.groups.remove(&name) {
                self.stood(&name, &entry);
                for (legend, _) in entry.life.series.actives() {
                    let key = (Arc::clone(&name), Arc::clone(legend));
                    self.silent.remove(&key);
                    self.dirty.series.insert(key);
                }
                let pages = entry.life.series.pages();
                let pages = pages.map(|page| (Arc::clone(&name), page));
                self.dirty.known.extend(pages);
            }
            self.touch_group(&name);
            self.dirty.heads.insert(name);
        }
    }

    /// One incident for a group that fails, one for all where many do.
    fn outage(&mut self, now: Timestamp) {
        // the latest try of each group, also of one that has not been tried since
        // the start: a restart is no news of Graphite
        let tried = self.standings.tried;
        let mut failing = Vec::new();
        let mut fresh = false;
        for name in &self.standings.failing {
            let Some(entry) = self.groups.get(name) else {
                continue;
            };
            if let Some(since) = entry.life.head.failing_since {
                fresh |= entry.life.ready;
                let why = entry.life.head.failure.clone().unwrap_or_default();
                failing.push((Arc::clone(name), since, why));
            }
        }
        let count = failing.len();
        let all = count > 0 && (count == tried || (count > 5 && count * 5 > tried));
        let host = Arc::clone(&self.setup.host);
        if all {
            let first = failing
                .iter()
                .map(|(_, since, _)| *since)
                .max()
                .unwrap_or(now)
                .min(now);
            let since = *self.memory.outage_since.get_or_insert_with(|| {
                self.dirty.memory = true;
                first
            });
            if fresh && now.since(since) >= self.setup.error_for {
                let why = failing
                    .first()
                    .map(|(_, _, why)| why.as_str())
                    .unwrap_or_default();
                let words = format!("is not answering: {why}");
                let reason = format!("{count} of {tried} alerts could not be fetched: {why}");
                self.own(&host, Level::Critical, Some(words), reason, now);
            }
        } else if tried > 0 && self.memory.outage_since.take().is_some() {
            self.dirty.memory = true;
            let told = self.own_is_open(&host);
            self.own(&host, Level::Ok, None, "answers again".to_owned(), now);
            // their own clocks start when the common trouble is over, if it was told
            for (name, since, _) in failing.iter_mut().filter(|_| told) {
                *since = now;
                if let Some(entry) = self.groups.get_mut(name) {
                    entry.life.head.failing_since = Some(now);
                    self.dirty.heads.insert(Arc::clone(name));
                }
            }
        }
        self.failing_groups(&failing, all, now);
    }

    fn failing_groups(
        &mut self,
        failing: &[(Arc<str>, Timestamp, String)],
        all: bool,
        now: Timestamp,
    ) {
        for (name, since, why) in failing {
            let ready = self.groups.get(name).is_some_and(|entry| entry.life.ready);
            if ready && !all && now.since(*since) >= self.setup.error_for {
                let words = format!("cannot be fetched: {why}");
                let reason = format!("fetching failed: {why}");
                self.own(name, Level::Critical, Some(words), reason, now);
            }
        }
        let working: Vec<Arc<str>> = self
            .own_open()
            .filter(|name| {
                self.groups.get(*name).is_some_and(|entry| {
                    entry.life.ready && entry.life.head.failing_since.is_none()
                })
            })
            .cloned()
            .collect();
        for name in working {
            self.own(&name, Level::Ok, None, "is fetched again".to_owned(), now);
        }
    }

    /// The series of the agent's own incidents that are open.
    fn own_open(&self) -> impl Iterator<Item = &Arc<str>> {
        self.named
            .get(BUILT_IN)
            .into_iter()
            .flatten()
            .map(|(series, _)| series)
    }

    pub(super) fn own_is_open(&self, series: &str) -> bool {
        let own = self.named.get(BUILT_IN);
        own.is_some_and(|own| own.contains_key(series))
    }

    /// Ends the agent's own incidents that are about something which the
    /// configuration no longer has: nothing else ever would.
    pub(super) fn end_stale(&mut self, now: Timestamp) {
        let known = |series: &str| {
            series == STORE
                || *series == *self.setup.host
                || *series == *self.own.silence
                || self.groups.contains_key(series)
                || receiver_named(series).is_some_and(|name| self.setup.policy(name).is_some())
        };
        let stale = self.own_open().filter(|series| !known(series));
        let stale: Vec<Arc<str>> = stale.cloned().collect();
        for series in stale {
            let reason = "the configuration no longer has it".to_owned();
            self.own(&series, Level::Ok, None, reason, now);
        }
    }

    /// Opens or resolves an incident of the built-in alert.
    fn own(
        &mut self,
        series: &str,
        level: Level,
        words: Option<String>,
        reason: String,
        now: Timestamp,
    ) {
        if level == Level::Ok && !self.own_is_open(series) {
            return;
        }
        let docs = self
            .setup
            .docs_url
            .clone()
            .map_or(Docs::Nowhere, Docs::Under);
        let group = Arc::clone(&self.own.alert);
        let at = (now, now);
        self.named_incident(
            &group,
            series,
            Subject::Agent,
            level,
            at,
            reason,
            |incident| {
                incident.about = Arc::new(About {
                    docs,
                    ..About::default()
                });
                if words.is_some() {
                    incident.words = words;
                }
            },
        );
    }

    /// The incident, where it is open, or else the open one of the same series.
    fn present(&self, id: IncidentId) -> Option<IncidentId> {
        let incident = self.incidents.get(&id)?;
        match incident.is_open() {
            true => Some(id),
            false => self.open_of(&incident.group, &incident.series),
        }
    }

    /// Receivers that refuse, or take nothing for too long: their fallbacks are
    /// told as well, and everybody else of the trouble.
    pub(super) fn troubled_receivers(&mut self, now: Timestamp) {
        let mut troubled: BTreeMap<Arc<str>, String> = BTreeMap::new();
        let mut fallbacks = Vec::new();
        for (receiver, owed) in self.deliveries.owed() {
            let Some(policy) = self.setup.policy(receiver) else {
                continue;
            };
            let before = now.minus(policy.fallback_after);
            let late = owed.since.iter().take_while(|(since, _)| *since <= before);
            let late = || late.clone().map(|(_, key)| key);
            let refused = owed.refused.first();
            let Some(first) = refused.or_else(|| late().next()) else {
                continue;
            };
            let why = self.deliveries.get(first).and_then(|d| d.why.as_deref());
            let why = why.unwrap_or("no attempt was answered");
            let words = match refused {
                Some(_) => format!("rejects what it is told: {why}"),
                None => format!("cannot be told: {why}"),
            };
            troubled.insert(Arc::clone(receiver), words);
            if let Some(fallback) = &policy.fallback {
                for (id, ..) in owed.refused.iter().chain(late()) {
                    // what waits for a refused end of its series is refused with it
                    let present = self.present(*id).and_then(|id| self.incidents.get(&id));
                    let untold = present.filter(|incident| !incident.also.contains(fallback));
                    fallbacks.extend(untold.map(|incident| (incident.id, Arc::clone(fallback))));
                }
            }
        }
        for (id, fallback) in fallbacks {
            self.incidents.change(&id, |incident| {
                incident.also.insert(fallback);
            });
            self.incident_changed(id);
            self.dirty.owed = true;
            self.ensure_deliveries(id, now, now);
        }
        let named = self.own_open().filter_map(|series| receiver_named(series));
        let well: Vec<String> = named
            .filter(|name| !troubled.contains_key(*name) && !self.is_unproven(name, now))
            .map(str::to_owned)
            .collect();
        for (name, words) in troubled {
            let reason = words.clone();
            let series = format!("(receiver {name})");
            self.own(&series, Level::Critical, Some(words), reason, now);
        }
        for name in well {
            let reason = match self.setup.policy(&name) {
                Some(_) => "takes messages again",
                None => "left the configuration",
            };
            let series = format!("(receiver {name})");
            self.own(&series, Level::Ok, None, reason.to_owned(), now);
        }
    }
}

impl World {
    /// Whether a receiver was in trouble before a start or an absence and is, or
    /// may be, owed something that would show how it is now.
    fn is_unproven(&self, name: &str, now: Timestamp) -> bool {
        let waits = |(id, receiver, _): &DeliveryKey| {
            let incident = self.incidents.get(id);
            **receiver == *name && incident.is_some_and(|i| !self.released(&i.group, now))
        };
        let waiting = now.since(self.started) < RELEASE;
        self.unproven.contains(name)
            && (self.deliveries.is_owed(name) || (waiting && self.deliveries.keys().any(waits)))
    }

    /// Groups whose latest fetch failed, and groups that were tried.
    pub fn failing(&self) -> (usize, usize) {
        (self.standings.ready_failing, self.standings.ready)
    }

    /// Receivers that refuse, or have taken nothing for too long.
    pub fn troubled(&self) -> Vec<String> {
        let named = || self.own_open().filter_map(|series| receiver_named(series));
        let names = self.setup.policies().map(|policy| &policy.name);
        names
            .filter(|name| named().any(|troubled| *troubled == ***name))
            .map(ToString::to_string)
            .collect()
    }
}

/// The receiver that an incident of the agent's own is about.
pub(super) fn receiver_named(series: &str) -> Option<&str> {
    series.strip_prefix("(receiver ")?.strip_suffix(')')
}
