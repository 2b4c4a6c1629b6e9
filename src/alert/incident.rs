//! What is known of one incident: everything that a message about it needs,
//! so that its end can still be told when its alert has left the configuration.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::definition::{Alert, Docs, GraphLink};
use super::hash;
use super::level::Level;
use super::time::Timestamp;

/// The name under which the agent's own troubles are told.
pub const BUILT_IN: &str = "graphite-pager";

/// An incident's id, a UUIDv7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IncidentId(Uuid);

/// As their bytes: one comparison of numbers, for most of what is known is found by it.
impl Ord for IncidentId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.as_u128().cmp(&other.0.as_u128())
    }
}

impl PartialOrd for IncidentId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl IncidentId {
    /// The id of the incident of (`group`, `series`) that begins at `at`, in the
    /// slot with this number. It is a hash and not chance: an evaluation that is
    /// done again after a crash gives the same one; one whose instant comes a
    /// second time, because the clock was set back, does not, for its mail would
    /// be taken for the old one by its Message-ID.
    pub fn new(instance: &str, group: &str, series: &str, at: Timestamp, number: u64) -> Self {
        let mut bytes = Vec::with_capacity(instance.len() + group.len() + series.len() + 20);
        for part in [instance, group, series] {
            bytes.extend_from_slice(part.as_bytes());
            bytes.push(0);
        }
        bytes.extend_from_slice(&at.as_millis().to_be_bytes());
        bytes.extend_from_slice(&number.to_be_bytes());
        let low = hash::stable(&bytes).to_be_bytes();
        bytes.push(1);
        let high = hash::stable(&bytes).to_be_bytes();
        let [a, b, c, d, e, f, g, h] = low;
        let [i, j, ..] = high;
        let millis = u64::try_from(at.as_millis()).unwrap_or(0);
        Self(
            uuid::Builder::from_unix_timestamp_millis(millis, &[a, b, c, d, e, f, g, h, i, j])
                .into_uuid(),
        )
    }

    /// When the incident began.
    pub fn began(self) -> Timestamp {
        let [a, b, c, d, e, f, ..] = *self.0.as_bytes();
        // RFC 9562, 5.7: the first 48 bits are milliseconds since the epoch
        Timestamp::from_millis(i64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// Before all others.
    pub(crate) const LEAST: Self = Self(Uuid::nil());

    /// The id that `text` writes; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::parse_str(text).ok().map(Self)
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What an incident is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A series that Graphite returned, or something that stands in for one.
    Series,
    /// The incidents of a group beyond its `limit`.
    More,
    /// The same beyond its `no_data_limit`.
    MoreWithoutData,
    /// The agent's own trouble.
    Agent,
    /// Many series that fell silent at once.
    Silence,
}

/// One (group, series) from leaving `ok` to returning to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// `instance:` when it opened: its keys keep it when that is edited.
    pub instance: Arc<str>,
    /// The group's name.
    pub group: Arc<str>,
    /// The series' legend.
    pub series: Arc<str>,
    /// What it is about.
    pub subject: Subject,
    /// Its level; `ok` once it is over.
    pub level: Level,
    /// The highest so far.
    pub worst: Level,
    /// When it opened.
    pub started: Timestamp,
    /// When its level last changed.
    pub changed: Timestamp,
    /// When it was resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// Counts its changes, from 1; the same event is the same message.
    pub event: u32,
    /// The last value read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The condition that brought its level about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Arc<str>>,
    /// How long that had been so when the level was reached.
    #[serde(default, skip_serializing_if = "Duration::is_zero")]
    pub lasted: Duration,
    /// Since when it lacks data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_data_since: Option<Timestamp>,
    /// What it says where it has no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// Why its level last changed.
    pub reason: Arc<str>,
    /// Its alert, as far as messages need it.
    pub about: Arc<About>,
    /// In which overflow incident it is told; `None`: alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inside: Option<Subject>,
    /// Receivers beside those that routes name: fallbacks, and those of its members.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub also: BTreeSet<Arc<str>>,
}

/// What messages say of an alert.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// The target that returned the series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The alert's labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Its description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where its documentation is.
    pub docs: Docs,
    /// Where its graph is.
    pub graph: GraphLink,
    /// Its warning thresholds, as lines in a graph.
    pub warning: Vec<f64>,
    /// Its critical thresholds.
    pub critical: Vec<f64>,
    /// Whether Graphite knows a series of that legend.
    pub in_graphite: bool,
    /// The receivers that the alert names; `None`: routes decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Vec<Arc<str>>>,
}

impl About {
    /// What `alert` says, for a series of `target`.
    pub fn new(alert: &Alert, target: &str, in_graphite: bool) -> Self {
        let lines = |condition: &Option<super::Condition>| {
            condition
                .as_ref()
                .map(super::Condition::lines)
                .unwrap_or_default()
        };
        Self {
            target: Some(target.to_owned()),
            labels: alert.labels.clone(),
            description: alert.description.clone(),
            docs: alert.docs.clone(),
            graph: alert.graph.clone(),
            warning: lines(&alert.warning),
            critical: lines(&alert.critical),
            in_graphite,
            notify: alert.notify.clone(),
        }
    }
}

impl Incident {
    /// Moves to `level` at `at`; a level of `ok` ends it.
    pub fn turn(&mut self, level: Level, at: Timestamp, reason: Arc<str>) {
        self.level = level;
        self.worst = self.worst.max(level);
        self.changed = at;
        self.event = self.event.saturating_add(1);
        self.reason = reason;
        if level == Level::Ok {
            self.ended = Some(at);
        }
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.ended.is_none()
    }
}
