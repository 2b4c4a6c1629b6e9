//! Who is to be told of an incident, found out the slow, obvious way.
//!
//! Written from the design page alone (sections 4.10, 5 and 6), as a second
//! opinion on the product's own routing, of which it uses nothing: patterns are
//! texts here, and what an alert says is looked up by its group's name (all
//! alerts of a group say the same here).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use graphite_pager::alert::Level;
use graphite_pager::alert::receiver::Policy;

use super::model::glob;

/// One entry of `routes:`; what is not said matches everything.
#[derive(Clone, Debug, Default)]
pub struct Route {
    pub alert: Option<&'static str>,
    pub series: Option<&'static str>,
    /// A label, and a pattern of its value.
    pub label: Option<(&'static str, &'static str)>,
    pub notify: Vec<Arc<str>>,
    pub continues: bool,
}

/// What the alerts of a group say of who is told.
#[derive(Clone, Debug, Default)]
pub struct Said {
    pub notify: Option<Vec<Arc<str>>>,
    pub labels: BTreeMap<String, String>,
}

/// All that decides who is told.
#[derive(Clone, Debug, Default)]
pub struct Audience {
    pub receivers: Vec<Policy>,
    pub routes: Vec<Route>,
    /// By group, those that are configured.
    pub said: BTreeMap<Arc<str>, Said>,
}

impl Route {
    fn matches(&self, alert: &str, series: &str, said: &Said) -> bool {
        let label = |(name, pattern): (&str, &str)| {
            let value = said.labels.get(name);
            value.is_some_and(|value| glob(pattern, value))
        };
        self.alert.is_none_or(|pattern| glob(pattern, alert))
            && self.series.is_none_or(|pattern| glob(pattern, series))
            && self.label.is_none_or(label)
    }
}

impl Audience {
    /// "An alert's `notify:` list, else the first of `routes:` that matches (more with
    /// `continue: true`), else every receiver with `default: true`, else all."
    pub fn of(&self, alert: &str, series: &str) -> BTreeSet<Arc<str>> {
        let nothing = Said::default();
        let said = self.said.get(alert).unwrap_or(&nothing);
        if let Some(notify) = &said.notify {
            return notify.iter().cloned().collect();
        }
        let mut told = BTreeSet::new();
        let mut matched = false;
        for route in &self.routes {
            if route.matches(alert, series, said) {
                matched = true;
                told.extend(route.notify.iter().cloned());
                if !route.continues {
                    break;
                }
            }
        }
        if matched {
            return told;
        }
        let names = |which: &dyn Fn(&&Policy) -> bool| {
            let chosen = self.receivers.iter().filter(which);
            chosen.map(|policy| Arc::clone(&policy.name)).collect()
        };
        let default: BTreeSet<Arc<str>> = names(&|policy| policy.default);
        match default.is_empty() {
            true => names(&|_| true),
            false => default,
        }
    }

    /// Those who would be told if a series came to stand at `level`.
    pub fn hearing(&self, alert: &str, series: &str, level: Level) -> BTreeSet<Arc<str>> {
        let mut told = self.of(alert, series);
        told.retain(|name| {
            let policy = self.receivers.iter().find(|policy| policy.name == *name);
            policy.is_some_and(|policy| policy.levels.contains(level))
        });
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<Arc<str>> {
        names.iter().map(|name| Arc::from(*name)).collect()
    }

    fn policy(name: &str, default: bool) -> Policy {
        Policy {
            name: Arc::from(name),
            levels: graphite_pager::alert::Levels::ALL,
            resolved: true,
            repeat: None,
            after: std::time::Duration::ZERO,
            fallback: None,
            fallback_after: std::time::Duration::from_secs(300),
            default,
            keyed: false,
            recipients: Vec::new(),
        }
    }

    fn check(audience: &Audience, alert: &str, series: &str, expected: &[&str]) {
        let told: Vec<Arc<str>> = audience.of(alert, series).into_iter().collect();
        assert_eq!(told, names(expected), "{alert} {series}");
    }

    #[test]
    fn notify_goes_before_routes_and_routes_before_defaults() {
        let mut audience = Audience {
            receivers: vec![policy("a", false), policy("b", false)],
            ..Audience::default()
        };
        check(&audience, "Load", "web-1", &["a", "b"]);
        audience.receivers[1].default = true;
        check(&audience, "Load", "web-1", &["b"]);
        audience.routes = vec![
            Route {
                series: Some("db-*"),
                notify: names(&["a"]),
                continues: true,
                ..Route::default()
            },
            Route {
                alert: Some("Sto*"),
                notify: names(&["c"]),
                ..Route::default()
            },
            Route {
                label: Some(("team", "we*")),
                notify: names(&["d"]),
                ..Route::default()
            },
        ];
        check(&audience, "Store", "db-1", &["a", "c"]);
        check(&audience, "Store", "cache", &["c"]);
        check(&audience, "Load", "db-1", &["a"]);
        check(&audience, "Load", "web-1", &["b"]);
        let said = audience.said.entry(Arc::from("Load")).or_default();
        said.labels.insert("team".to_owned(), "web".to_owned());
        check(&audience, "Load", "web-1", &["d"]);
        let said = audience.said.entry(Arc::from("Load")).or_default();
        said.notify = Some(names(&["b"]));
        check(&audience, "Load", "web-1", &["b"]);
    }
}
