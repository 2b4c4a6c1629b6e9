//! What one alert definition says, after it has been read and found sound.
//!
//! Values of these types are built by `config/` only; a value that exists is
//! valid: its thresholds have a direction, its durations are in range, its
//! patterns compile. Nothing here knows YAML.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::active::Active;
use super::condition::Condition;
use super::exclude::Exclude;
use super::level::Level;
use super::reduce::Reduce;
use super::schedule::Schedule;
use super::target::{Target, TimeSpec};

/// One alert as the configuration defines it.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Its name, shared by all alerts of its group.
    pub name: Arc<str>,
    /// Where it is defined, for messages: `alerts/web.yml:12`.
    pub place: Arc<str>,
    /// What Graphite is asked for; at least one.
    pub targets: Vec<Target>,
    /// `warning` holds where this does.
    pub warning: Option<Condition>,
    /// `critical` holds where this does; at least one of the two is set.
    pub critical: Option<Condition>,
    /// An open incident sees `ok` only where this holds too (hysteresis).
    pub recover: Option<Condition>,
    /// How a window of points becomes one value.
    pub reduce: Reduce,
    /// Start of the window.
    pub from: TimeSpec,
    /// End of the window; `None` is the slot.
    pub until: Option<TimeSpec>,
    /// Points older than this are no points.
    pub max_age: Option<Duration>,
    /// How long ago a bucket must have ended to count; `None` is `settle: off`.
    pub settle: Option<Duration>,
    /// How long a level must last before it is reached.
    pub for_: Duration,
    /// How long less must be asked for before an incident is lowered.
    pub recover_for: Duration,
    /// What a reading without data asks for.
    pub no_data: WithoutData,
    /// How long data must lack before that is reached.
    pub no_data_for: Duration,
    /// What a vanished series reads as.
    pub missing: WithoutData,
    /// How long a series must be gone before it reads so.
    pub missing_for: Duration,
    /// How long after that it is forgotten.
    pub forget_after: Duration,
    /// Fewer series than this are an incident.
    pub min_series: Option<usize>,
    /// Legends that are left alone.
    pub exclude: Exclude,
    /// Open incidents of the group that are told one by one; `None`: no limit.
    pub limit: Option<usize>,
    /// The same for those without data.
    pub no_data_limit: Option<usize>,
    /// Receivers by name; `None`: routes decide.
    pub notify: Option<Vec<Arc<str>>>,
    /// Free words for routes and messages.
    pub labels: BTreeMap<String, String>,
    /// One sentence for whoever is woken.
    pub description: Option<String>,
    /// Where its documentation is.
    pub docs: Docs,
    /// Where its graph is.
    pub graph: GraphLink,
}

/// What want of data means for an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutData {
    /// A level of its own: `no_data`, `warning` or `critical`.
    Level(Level),
    /// It counts as `ok` with data.
    Ok,
    /// Such a reading is ignored.
    Keep,
}

/// How the documentation link of an alert is made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Docs {
    /// `{base}/{alert name}#{series legend}`, each part percent-encoded.
    Under(String),
    /// The whole link, a template.
    Link(String),
    /// There is none.
    #[default]
    Nowhere,
}

/// How the graph link of an alert is made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GraphLink {
    /// Graphite's render URL of the target, narrowed to the series.
    Render,
    /// The whole link, a template.
    Link(String),
    /// `graph: false`: no link and no picture.
    #[default]
    Off,
}

/// All alerts of one name, in file order: the unit that is scheduled, fetched,
/// judged and committed together.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The name that its alerts share.
    pub name: Arc<str>,
    /// At least one, in file order.
    pub alerts: Vec<Alert>,
    /// When it is evaluated.
    pub schedule: Schedule,
    /// The hours in which new things are told; `None`: always.
    pub active: Option<Active>,
}

impl Group {
    /// The first alert that asks for `target`: the one that its series belong to.
    pub fn alert_of(&self, target: &str) -> Option<usize> {
        self.alerts
            .iter()
            .position(|alert| alert.targets.iter().any(|asked| asked.as_str() == target))
    }
}
