//! A world with one receiver, and what is done to it, minute by minute.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::alert::definition::{Alert, Group};
use crate::alert::delivery::Outcome;
use crate::alert::evaluate::tests::{answers, group};
use crate::alert::level::{Level, Levels};
use crate::alert::receiver::Policy;
use crate::alert::time::Timestamp;
use crate::alert::world::batch::Batch;
use crate::alert::world::{Next, Report, Saved, Setup, World};

/// The instant that tests count minutes from.
const START: i64 = 1_700_000_040;

/// A world of groups that are evaluated each minute.
pub struct Bench {
    pub world: World,
    setup: Setup,
    groups: BTreeMap<Arc<str>, Arc<Group>>,
    saved: Saved,
}

/// A receiver that listens to everything.
pub fn policy(name: &str) -> Policy {
    Policy {
        name: Arc::from(name),
        levels: Levels::ALL,
        resolved: true,
        repeat: None,
        after: Duration::ZERO,
        fallback: None,
        // nobody here asks what to tell unless it is about that
        fallback_after: Duration::from_secs(365 * 24 * 3600),
        default: false,
        keyed: false,
        recipients: Vec::new(),
    }
}

pub fn at(minute: i64) -> Timestamp {
    Timestamp::from_secs(START + minute * 60)
}

impl Bench {
    /// Alerts of one name are a group; `all` is told of everything.
    pub fn new(alerts: Vec<Alert>) -> Self {
        Self::with(alerts, vec![policy("all")])
    }

    pub fn with(alerts: Vec<Alert>, receivers: Vec<Policy>) -> Self {
        Self::of(groups(alerts), receivers)
    }

    pub fn of(groups: Vec<Arc<Group>>, receivers: Vec<Policy>) -> Self {
        let setup = Setup {
            instance: Arc::from("graphite-pager"),
            host: Arc::from("graphite.example.com"),
            error_for: Duration::from_secs(300),
            docs_url: None,
            groups,
            receivers,
            routes: Vec::new(),
        };
        Self {
            world: World::new(setup.clone(), Saved::default(), at(0)),
            groups: by_name(&setup),
            setup,
            saved: Saved::default(),
        }
    }

    /// Other alerts from now on.
    pub fn reload(&mut self, minute: i64, alerts: Vec<Alert>) {
        self.setup.groups = groups(alerts);
        self.groups = by_name(&self.setup);
        let setup = self.setup.clone();
        self.world.reload(setup, &BTreeSet::new(), true, at(minute));
    }

    /// One alert leaves the files, without SIGHUP; answers to it may still come.
    pub fn leaves(&mut self, minute: i64, name: &str) {
        self.setup.groups.retain(|group| *group.name != *name);
        let setup = self.setup.clone();
        self.world
            .reload(setup, &BTreeSet::new(), false, at(minute));
    }

    /// A new process with what was written by the old one.
    pub fn restart(&mut self, minute: i64) {
        self.write();
        self.world = World::new(self.setup.clone(), self.saved.clone(), at(minute));
    }

    /// The answers to all alerts of one group; `None`: its fetch failed.
    pub fn judge(&mut self, minute: i64, name: &str, texts: &[Option<&str>]) {
        let failed = texts.iter().any(Option::is_none);
        let report = Report {
            answers: answers(texts),
            failure: failed.then(|| "connection refused".to_owned()),
        };
        let group = Arc::clone(&self.groups[name]);
        self.world
            .evaluated(&group, &report, at(minute), at(minute));
    }

    /// The answer to a group of one alert.
    pub fn answer(&mut self, minute: i64, name: &str, text: &str) {
        self.judge(minute, name, &[Some(text)]);
    }

    /// The fetch of a group of one alert failed.
    pub fn fail(&mut self, minute: i64, name: &str) {
        self.judge(minute, name, &[None]);
    }

    /// The fetch for the slot of an earlier minute was tried again and failed.
    pub fn fail_again(&mut self, minute: i64, slot: i64, name: &str) {
        let report = Report {
            answers: answers(&[None]),
            failure: Some("connection refused".to_owned()),
        };
        let group = Arc::clone(&self.groups[name]);
        self.world.evaluated(&group, &report, at(slot), at(minute));
    }

    pub fn tick(&mut self, minute: i64) {
        self.world.tick(at(minute));
    }

    /// The level of the open incident of a series.
    pub fn level(&self, name: &str, series: &str) -> Level {
        let mut open = self.world.incidents().filter(|incident| incident.is_open());
        open.find(|incident| &*incident.group == name && &*incident.series == series)
            .map_or(Level::Ok, |incident| incident.level)
    }

    /// The open incidents as `group/series level`, in order.
    pub fn open(&self) -> Vec<String> {
        let open = self.world.incidents().filter(|incident| incident.is_open());
        let mut open: Vec<_> = open
            .map(|incident| format!("{}/{} {}", incident.group, incident.series, incident.level))
            .collect();
        open.sort_unstable();
        open
    }

    /// What an open incident says in words.
    pub fn words(&self, name: &str, series: &str) -> String {
        let mut open = self.world.incidents().filter(|incident| incident.is_open());
        let incident = open.find(|i| &*i.group == name && &*i.series == series);
        let incident = incident.unwrap_or_else(|| panic!("{name}/{series}: {:?}", self.open()));
        self.world.words(incident).unwrap_or_default()
    }

    /// The level changes since this was last asked, as `series event level: reason`.
    pub fn events(&mut self) -> Vec<String> {
        let changes = self.world.take_transitions();
        changes
            .iter()
            .map(|one| format!("{} {} {}: {}", one.series, one.event(), one.to, one.reason))
            .collect()
    }

    /// What a receiver is told now, as `series level`; it accepts everything.
    pub fn told(&mut self, minute: i64, receiver: &str) -> Vec<String> {
        let receiver = Arc::from(receiver);
        let mut told = Vec::new();
        while let Next::Job(job) = self.world.next(&receiver, at(minute)) {
            let incident = self.world.incident(job.incident).unwrap();
            told.push(format!("{} {}", incident.series, job.level));
            let outcomes = vec![Outcome::Accepted; job.recipients.len()];
            self.world.settled(&job, &outcomes, at(minute));
        }
        told
    }

    fn write(&mut self) {
        let Batch {
            heads,
            known,
            series,
            incidents,
            deliveries,
            memory,
            ..
        } = self.world.take_batch();
        put(&mut self.saved.heads, heads);
        put(&mut self.saved.known, known);
        put(&mut self.saved.series, series);
        put(&mut self.saved.incidents, incidents);
        put(&mut self.saved.deliveries, deliveries);
        self.saved.memory = memory.unwrap_or_else(|| self.saved.memory.clone());
    }
}

fn put<K: Ord, V>(saved: &mut BTreeMap<K, V>, changes: Vec<(K, Option<V>)>) {
    for (key, value) in changes {
        match value {
            Some(value) => saved.insert(key, value),
            None => saved.remove(&key),
        };
    }
}

fn groups(alerts: Vec<Alert>) -> Vec<Arc<Group>> {
    let mut groups: BTreeMap<Arc<str>, Vec<Alert>> = BTreeMap::new();
    for alert in alerts {
        groups
            .entry(Arc::clone(&alert.name))
            .or_default()
            .push(alert);
    }
    groups
        .into_values()
        .map(|alerts| Arc::new(group(alerts)))
        .collect()
}

fn by_name(setup: &Setup) -> BTreeMap<Arc<str>, Arc<Group>> {
    let groups = setup.groups.iter();
    groups
        .map(|group| (Arc::clone(&group.name), Arc::clone(group)))
        .collect()
}

/// `PREFIX1=VALUE ... PREFIXn=VALUE`
pub fn many(prefix: &str, count: usize, value: &str) -> String {
    let words: Vec<_> = (1..=count)
        .map(|n| format!("{prefix}{n}={value}"))
        .collect();
    words.join(" ")
}
