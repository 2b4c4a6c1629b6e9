//! Silence in numbers (design 4.10): many series that stop having data at once
//! are one trouble, a relay or a Graphite node, and one incident. It names its
//! alerts, is told to whom theirs would have been told, and ends when they have
//! data again; the few that are left then have incidents of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::World;
use crate::alert::definition::{Alert, Docs};
use crate::alert::incident::{About, Subject};
use crate::alert::level::Level;
use crate::alert::time::Timestamp;

/// Series that fall silent within this of each other are one trouble, and
/// series judged within it are those that they are counted against.
const TOGETHER: Duration = Duration::from_secs(10 * 60);

/// Fewer silent series than this are troubles of their own.
const MANY: usize = 10;

/// How long fewer than `MANY` stay in one incident.
const FEW_FOR: Duration = Duration::from_secs(10 * 60);

/// How many series were judged lately, and since when those that lack data do.
pub(super) struct Census {
    judged: usize,
    /// Sorted.
    lacking: Vec<Timestamp>,
    /// Whether a silence in numbers is open, or opens with this evaluation.
    pub open: bool,
}

impl Census {
    /// Whether a series that has lacked data since `since` is one of many.
    pub fn finds_silence(&self, since: Timestamp) -> bool {
        if self.open {
            return self.lacking.len() * 5 > self.judged;
        }
        let first = self
            .lacking
            .partition_point(|&at| at < since.minus(TOGETHER));
        let last = self
            .lacking
            .partition_point(|&at| at <= since.plus(TOGETHER));
        let together = last.saturating_sub(first);
        together >= MANY && together * 5 > self.judged
    }
}

impl World {
    /// What lacks data now, to tell one trouble from many.
    pub(super) fn census(&self, slot: Timestamp) -> Census {
        let lately = || {
            let lives = self.groups.values().map(|entry| &entry.life);
            lives.filter(|life| {
                let judged_at = life.head.judged_at;
                judged_at.is_some_and(|at| slot.since(at) <= TOGETHER)
            })
        };
        let judged = lately().map(|life| life.head.judged).sum();
        let mut lacking: Vec<Timestamp> = lately()
            .flat_map(|life| life.lacking.values())
            .copied()
            .collect();
        lacking.sort_unstable();
        Census {
            judged,
            lacking,
            open: self.silence_is_open(),
        }
    }

    fn silence_is_open(&self) -> bool {
        self.own_is_open(&self.own.silence)
    }

    /// Adds a series to the silence in numbers, and those who are told of it.
    pub(super) fn joins_silence(
        &mut self,
        alert: &Alert,
        legend: &str,
        level: Level,
        now: Timestamp,
    ) {
        // those whose hours it is not are told when they begin, if it still lasts
        if self.held(&alert.name, now) {
            return;
        }
        let receivers =
            self.setup
                .routed(&alert.name, legend, &alert.labels, alert.notify.as_deref());
        let listens = |name: &Arc<str>| {
            self.setup
                .policy(name)
                .is_some_and(|policy| policy.levels.contains(level))
        };
        let told: Vec<Arc<str>> = receivers.into_iter().filter(listens).collect();
        self.silence_told.extend(told);
    }

    /// Brings the incident of a silence in numbers in line with its series.
    pub(super) fn silence(&mut self, now: Timestamp) {
        let count = self.silent.len();
        if count == 0 && !self.silence_is_open() {
            return;
        }
        if count >= MANY && !self.silence_changed && self.silence_told.is_empty() {
            return;
        }
        self.silence_changed = false;
        let mut few = false;
        if count > 0 && count < MANY && self.fell_silent_with_them().values().sum::<usize>() < MANY
        {
            let since = *self.memory.few_silent_since.get_or_insert_with(|| {
                self.dirty.memory = true;
                now
            });
            if now.since(since) >= FEW_FOR {
                few = true;
                self.break_silence(now);
            }
        } else if self.memory.few_silent_since.take().is_some() {
            self.dirty.memory = true;
        }
        let levels = self.silent.values().map(|(level, _)| *level);
        let level = levels.max().unwrap_or_default();
        let alerts = self.fell_silent_with_them();
        let total: usize = alerts.values().sum();
        let words = (level != Level::Ok).then(|| words(&alerts, total));
        let reason = match level {
            Level::Ok if few => format!("fewer than {MANY} are left; they are told one by one"),
            Level::Ok => "they have data again, or are forgotten".to_owned(),
            _ => format!("{total} series fell silent together"),
        };
        let also = std::mem::take(&mut self.silence_told);
        let docs = self
            .setup
            .docs_url
            .clone()
            .map_or(Docs::Nowhere, Docs::Under);
        let (group, name) = (Arc::clone(&self.own.alert), Arc::clone(&self.own.silence));
        let at = (now, now);
        self.named_incident(
            &group,
            &name,
            Subject::Silence,
            level,
            at,
            reason,
            |incident| {
                incident.also.extend(also);
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

    /// How many series of each alert lack data that began to within ten minutes
    /// of one that is told in the silence: also those that have not done so for
    /// long enough to be told. The first to be told would read as the only ones.
    fn fell_silent_with_them(&self) -> BTreeMap<&str, usize> {
        let mut alerts: BTreeMap<&str, usize> = BTreeMap::new();
        for (group, _) in self.silent.keys() {
            *alerts.entry(group).or_default() += 1;
        }
        let told = self.silent.values().map(|(_, since)| *since);
        let told: BTreeSet<Timestamp> = told.collect();
        let near = |since: &Timestamp| {
            let around = since.minus(TOGETHER)..=since.plus(TOGETHER);
            told.range(around).next().is_some()
        };
        for (name, entry) in &self.groups {
            let lacking = entry.life.lacking.iter();
            let counted = |legend: &Arc<str>| {
                let active = entry.life.series.active(legend);
                active.is_some_and(|active| active.silent.is_some())
            };
            let others = lacking.filter(|(legend, since)| near(since) && !counted(legend));
            let count = others.count();
            if count > 0 {
                *alerts.entry(name).or_default() += count;
            }
        }
        alerts
    }

    /// The few that are left have incidents of their own from now on.
    fn break_silence(&mut self, now: Timestamp) {
        // beyond a limit, the worst stand alone
        let mut left: Vec<_> = self.silent.iter().collect();
        left.sort_by_key(|(_, (level, _))| std::cmp::Reverse(*level));
        let left: Vec<_> = left.into_iter().map(|(key, _)| key.clone()).collect();
        for (name, legend) in left {
            let group = self.groups.get(&name).and_then(|entry| entry.group.clone());
            if let Some(group) = group {
                self.on_its_own(&group, &legend, now);
            }
            self.silent.remove(&(name, legend));
        }
        self.memory.few_silent_since = None;
        self.dirty.memory = true;
    }
}

fn words(alerts: &BTreeMap<&str, usize>, total: usize) -> String {
    const NAMED: usize = 10;
    let mut sorted: Vec<_> = alerts.iter().collect();
    sorted.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), **name));
    let mut named: Vec<String> = sorted
        .iter()
        .take(NAMED)
        .map(|(name, count)| format!("{name} ({count})"))
        .collect();
    if sorted.len() > NAMED {
        named.push(format!("{} more alerts", sorted.len() - NAMED));
    }
    format!(
        "has no data for {total} series at once: {}",
        named.join(", ")
    )
}
