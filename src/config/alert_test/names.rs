//! What a test can name: the alerts and receivers of its configurations, and
//! the series that it shows or that can come of them. A name that is none of
//! these would make an expectation that always holds, so it is a mistake.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use super::{Spot, Subject};
use crate::alert::Target;
use crate::alert::evaluate::TOO_FEW;
use crate::config::Config;
use crate::config::alerts::BUILT_IN;
use crate::config::node::{Kind, Node};
use crate::config::problem::{Place, quote};
use crate::config::reader::Map;
use crate::config::suggest;
use crate::config::values::required;

/// Series that any group can have: its overflow.
const OVERFLOW: [&str; 2] = ["(more)", "(more without data)"];

/// Everything that one test can name.
pub struct Names {
    alerts: BTreeSet<Arc<str>>,
    receivers: BTreeSet<Arc<str>>,
    series: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
}

impl Names {
    /// What `configs` offer.
    pub fn of<'a>(configs: impl IntoIterator<Item = &'a Rc<Config>>) -> Self {
        let mut names = Self {
            alerts: BTreeSet::from([Arc::from(BUILT_IN)]),
            receivers: BTreeSet::new(),
            series: BTreeMap::new(),
        };
        for config in configs {
            let receivers = config.receivers.iter();
            let receivers = receivers.map(|receiver| Arc::clone(&receiver.policy.name));
            names.receivers.extend(receivers);
            for group in &config.groups {
                names.alerts.insert(Arc::clone(&group.name));
                let series = names.series.entry(Arc::clone(&group.name)).or_default();
                series.extend(OVERFLOW.map(Arc::from));
                for alert in &group.alerts {
                    // the name of the series that says that nothing matched
                    let targets = alert.targets.iter().map(Target::as_str);
                    series.insert(targets.collect::<Vec<_>>().join(", ").into());
                    if alert.min_series.is_some() {
                        series.insert(TOO_FEW.into());
                    }
                }
            }
        }
        names
    }

    /// Adds what the test shows, as it is written under `series`: also what has
    /// a mistake, so that naming it is no second one.
    pub fn add(&mut self, series: &Node) {
        let items = match &series.kind {
            Kind::List(items) => items.iter().map(|item| &**item).collect(),
            Kind::Map(_) | Kind::Scalar(_) => vec![series],
        };
        for item in items {
            let Kind::Map(entries) = &item.kind else {
                continue;
            };
            let written = |key: &str| {
                let entry = entries.iter().find(|entry| *entry.key == *key)?;
                match &entry.value.kind {
                    Kind::Scalar(scalar) => Some(Arc::from(scalar.text.as_str())),
                    Kind::List(_) | Kind::Map(_) => None,
                }
            };
            if let (Some(alert), Some(name)) = (written("alert"), written("name")) {
                self.series.entry(alert).or_default().insert(name);
            }
        }
    }

    /// The alert that `map` is about; the built-in one only where that has series.
    pub fn alert(&self, map: &Map<'_>, built_in: bool) -> Option<Arc<str>> {
        let hint = "write `alert: ` and the name of an alert";
        let known = || {
            let names = self.alerts.iter();
            names.filter(move |name| built_in || ***name != *BUILT_IN)
        };
        required(map, "alert", hint, |map, key| {
            let text = map.filled(key)?;
            let found = known().find(|name| ***name == *text.value).cloned();
            if found.is_none() {
                let message = format!(
                    "{}: the configuration has no alert {}",
                    map.name(key),
                    text.quoted()
                );
                let hint = suggest::hint(text.value, known().map(|name| &**name), "alerts");
                map.context.error(text.place, message, hint);
            }
            found
        })
    }

    /// The receiver that `map` is about.
    pub fn receiver(&self, map: &Map<'_>) -> Option<Arc<str>> {
        let hint = "write `receiver: ` and the name of a receiver";
        required(map, "receiver", hint, |map, key| {
            let text = map.filled(key)?;
            let found = self.receivers.get(text.value).cloned();
            if found.is_none() {
                let message = format!(
                    "{}: the configuration has no receiver {}",
                    map.name(key),
                    text.quoted()
                );
                let known = self.receivers.iter().map(|name| &**name);
                let hint = match self.receivers.is_empty() {
                    true => "it has no receiver at all: name the file that defines them in `alerts` as well".to_owned(),
                    false => suggest::hint(text.value, known, "receivers"),
                };
                map.context.error(text.place, message, hint);
            }
            found
        })
    }

    /// The alert and the series that `map` is about.
    pub fn subject(&self, map: &Map<'_>) -> Option<Subject> {
        let alert = self.alert(map, true);
        let hint = "write `series: ` and the name of a series";
        let series = required(map, "series", hint, |map, key| map.filled(key));
        let (alert, text) = (alert?, series?);
        let known = self.series.get(&alert);
        // which hosts and receivers the agent's own troubles are about shows at play
        let any = *alert == *BUILT_IN;
        if !any && !known.is_some_and(|known| known.contains(text.value)) {
            let message = format!(
                "{}: this test shows no series {} of alert {}",
                map.name("series"),
                text.quoted(),
                quote(&alert)
            );
            let known = known.into_iter().flatten().map(|name| &**name);
            let hint = suggest::hint(text.value, known.collect::<Vec<_>>(), "series");
            map.context.error(text.place, message, hint);
            return None;
        }
        Some(Subject {
            place: spot(map.place),
            alert,
            series: Arc::from(text.value),
        })
    }
}

/// A place without its file.
pub fn spot(place: Place) -> Spot {
    Spot {
        line: place.line,
        column: place.column,
    }
}
