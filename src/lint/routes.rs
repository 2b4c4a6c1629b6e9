//! Routes that no incident takes, and receivers that are told nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use globset::GlobMatcher;

use super::Finding;
use crate::alert::{Alert, Route};
use crate::config::{BUILT_IN, Code, Config, Spots};

type Labels = BTreeMap<String, String>;

/// Everything that is doubtful about who is told.
pub fn judge(config: &Config, spots: &Spots) -> Vec<Finding> {
    let mut findings = dead_routes(config, spots);
    findings.extend(unused_receivers(config, spots));
    findings
}

/// Everybody whom an incident of `alert` could be told to.
pub fn told(config: &Config, alert: &Alert) -> Vec<Arc<str>> {
    match &alert.notify {
        Some(notify) => notify.clone(),
        None => routed(config, &alert.name, &alert.labels),
    }
}

/// The same where routes decide. One that looks at series may or may not match,
/// so later ones are looked at as well.
fn routed(config: &Config, alert: &str, labels: &Labels) -> Vec<Arc<str>> {
    let mut names: Vec<Arc<str>> = Vec::new();
    let mut add = |route: &[Arc<str>]| {
        for name in route {
            if !names.contains(name) {
                names.push(Arc::clone(name));
            }
        }
    };
    let mut matched = false;
    for route in &config.routes {
        if matches(route, alert, labels) {
            add(&route.notify);
            matched |= route.series.is_none();
            if route.series.is_none() && !route.continue_ {
                return names;
            }
        }
    }
    if !matched {
        let policies = || config.receivers.iter().map(|receiver| &receiver.policy);
        let any_default = policies().any(|policy| policy.default);
        let usual = policies().filter(|policy| policy.default || !any_default);
        let usual: Vec<Arc<str>> = usual.map(|policy| Arc::clone(&policy.name)).collect();
        add(&usual);
    }
    names
}

/// Whether some series of `alert` may take `route`.
fn matches(route: &Route, alert: &str, labels: &Labels) -> bool {
    let whatever_series = Route {
        series: None,
        ..route.clone()
    };
    whatever_series.matches(alert, "", labels)
}

/// What leaves it to routes who is told: alerts, and the agent's own troubles.
fn left_to_routes(config: &Config) -> Vec<(&str, Labels)> {
    let alerts = config.groups.iter().flat_map(|group| &group.alerts);
    let alerts = alerts.filter(|alert| alert.notify.is_none());
    let alerts = alerts.map(|alert| (&*alert.name, alert.labels.clone()));
    alerts.chain([(BUILT_IN, Labels::new())]).collect()
}

fn dead_routes(config: &Config, spots: &Spots) -> Vec<Finding> {
    let routed = left_to_routes(config);
    let mut findings = Vec::new();
    for (index, route) in config.routes.iter().enumerate() {
        let taking: Vec<_> = routed
            .iter()
            .filter(|(alert, labels)| matches(route, alert, labels))
            .collect();
        let earlier = config.routes.get(..index).unwrap_or_default();
        let stopped = |(alert, labels): &(&str, Labels)| {
            earlier.iter().position(|one| {
                !one.continue_ && matches(one, alert, labels) && takes_all_series(one, route)
            })
        };
        let number = index + 1;
        let (message, hint) = if let Some(first) = taking.first() {
            if !taking.iter().all(|one| stopped(one).is_some()) {
                continue;
            }
            let before = stopped(first).unwrap_or_default() + 1;
            (
                format!(
                    "no incident takes route {number}: whatever it matches takes an earlier one, such as route {before}, which does not `continue`"
                ),
                "write the specific route first, or `continue: true` on the earlier one",
            )
        } else if of_disabled(config, route) {
            continue;
        } else {
            (
                format!(
                    "no incident takes route {number}: it matches no alert that leaves it to routes who is told"
                ),
                "correct `match`, or take the route out; an alert with a `notify` of its own takes no route",
            )
        };
        findings.push(Finding::new(
            spots.route(index),
            Code::DeadRoute,
            message,
            hint,
        ));
    }
    findings
}

/// Whether an incident that `later` matches, `earlier` matches too, as far as its series goes.
fn takes_all_series(earlier: &Route, later: &Route) -> bool {
    let pattern = |glob: &GlobMatcher| glob.glob().glob().to_owned();
    let wanted = earlier.series.as_ref().map(pattern);
    wanted.is_none_or(|wanted| wanted == "*" || later.series.as_ref().map(pattern) == Some(wanted))
}

/// Nobody knows the labels of an alert that is left out, so its name is enough.
fn of_disabled(config: &Config, route: &Route) -> bool {
    let by_name = |name: &Arc<str>| {
        let glob = route.alert.as_ref();
        glob.is_none_or(|glob| glob.is_match(&**name))
    };
    config.disabled.iter().any(by_name)
}

fn unused_receivers(config: &Config, spots: &Spots) -> Vec<Finding> {
    let alerts = config.groups.iter().flat_map(|group| &group.alerts);
    let mut used: BTreeSet<Arc<str>> = alerts.flat_map(|alert| told(config, alert)).collect();
    used.extend(routed(config, BUILT_IN, &Labels::new()));
    // of one that only a dead route names, the route is spoken of
    used.extend(config.routes.iter().flat_map(|route| route.notify.clone()));
    let policies = || config.receivers.iter().map(|receiver| &receiver.policy);
    loop {
        let heard = policies().filter(|policy| used.contains(&policy.name));
        let fallbacks: Vec<_> = heard.filter_map(|policy| policy.fallback.clone()).collect();
        let before = used.len();
        used.extend(fallbacks);
        if used.len() == before {
            break;
        }
    }
    let unused = policies().filter(|policy| !used.contains(&policy.name));
    unused
        .map(|policy| {
            let message = format!(
                "receiver `{}` is never told anything: no alert and no route names it, it is nobody's `fallback`, and not told by default",
                policy.name
            );
            let hint = "name it in `notify` of a route or an alert, write `default: true`, or take it out";
            Finding::new(spots.receiver(&policy.name), Code::UnusedReceiver, message, hint)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{configuration, shown};
    use super::*;

    const ALERTS: &str = "alerts:\n- {name: Load, target: a.b, warning: 1, labels: {team: web}}\n- {name: Disk, target: c.d, warning: 1, labels: {team: db}}\n- {name: Own, target: e.f, warning: 1, notify: a}\n";

    /// What is found with these lines, the first of which is line 6.
    fn found(lines: &str) -> Vec<String> {
        let text = format!("graphite: {{url: http://g}}\n{ALERTS}{lines}");
        let (config, spots) = configuration(&text);
        shown(&spots, judge(&config, &spots))
    }

    /// The lines of routes that are dead; receivers `a` and `b` are all told of something.
    fn dead(routes: &[&str]) -> Vec<usize> {
        let lines: String = routes
            .iter()
            .map(|route| format!("- {{{route}}}\n"))
            .collect();
        let text =
            format!("receivers: {{a: {{console: {{}}}}, b: {{console: {{}}}}}}\nroutes:\n{lines}");
        let number = |finding: &String| {
            let rest = finding.strip_prefix("GP012 ")?;
            rest.split(':')
                .next()?
                .parse::<usize>()
                .ok()
                .map(|line| line - 7)
        };
        found(&text).iter().filter_map(number).collect()
    }

    #[test]
    fn a_route_behind_one_that_takes_all_is_dead() {
        assert_eq!(dead(&["notify: a", "notify: b"]), [2]);
        assert_eq!(
            dead(&[
                "match: {team: web}, notify: a",
                "match: {alert: Load}, notify: b",
                "notify: b"
            ]),
            [2]
        );
        assert_eq!(
            dead(&[
                "match: {alert: 'L*'}, notify: a",
                "match: {team: web, series: x}, notify: b",
                "notify: b"
            ]),
            [2]
        );
    }

    #[test]
    fn a_route_behind_one_that_continues_or_looks_at_series_is_taken() {
        assert_eq!(dead(&["notify: a, continue: true", "notify: b"]), [0; 0]);
        assert_eq!(
            dead(&["match: {series: 'web*'}, notify: a", "notify: b"]),
            [0; 0]
        );
        assert_eq!(
            dead(&[
                "match: {team: web}, notify: a",
                "match: {team: '*'}, notify: b",
                "notify: b"
            ]),
            [0; 0]
        );
        assert_eq!(
            dead(&[
                "match: {series: x}, notify: a",
                "match: {series: x, team: db}, notify: b",
                "notify: b"
            ]),
            [2]
        );
    }

    #[test]
    fn a_route_that_matches_no_alert_is_dead_but_for_the_agents_own_and_disabled_ones() {
        assert_eq!(dead(&["match: {alert: Lod}, notify: a", "notify: b"]), [1]);
        assert_eq!(dead(&["match: {team: ops}, notify: a", "notify: b"]), [1]);
        assert_eq!(dead(&["match: {alert: Own}, notify: a", "notify: b"]), [1]);
        assert_eq!(
            dead(&["match: {alert: graphite-pager}, notify: a", "notify: b"]),
            [0; 0]
        );
        let text = "- {name: Off, target: o.f, warning: 1, enabled: false}\nreceivers: {a: {console: {}}, b: {console: {}}}\nroutes:\n- {match: {alert: Off}, notify: a}\n- {notify: b}\n";
        assert_eq!(found(text), [""; 0]);
    }

    #[test]
    fn a_dead_route_can_be_allowed_there_or_at_the_top() {
        assert_eq!(dead(&["notify: a", "notify: b, allow: [GP012]"]), [0; 0]);
        assert_eq!(dead(&["notify: a, allow: GP012", "notify: b"]), [2]);
        let text = "receivers: {a: {console: {}}, b: {console: {}}}\nroutes: [{notify: a}, {notify: b}]\nallow: GP012\n";
        assert_eq!(found(text), [""; 0]);
    }

    #[test]
    fn a_receiver_that_nobody_names_is_unused() {
        let head = "receivers:\n  a: {console: {}, fallback: f}\n  b: {console: {}}\n  f: {console: {}, fallback: g}\n  g: {console: {}}\n  lost: {console: {}, fallback: h}\n  h: {console: {}}\n";
        let unused = |lines: &str| {
            let names = |finding: String| {
                let rest = finding
                    .split_once("receiver `")
                    .map(|(_, rest)| rest.to_owned());
                rest.and_then(|rest| rest.split('`').next().map(str::to_owned))
            };
            found(&format!("{head}{lines}"))
                .into_iter()
                .filter_map(names)
                .collect::<Vec<_>>()
        };
        assert_eq!(unused("routes: [{notify: b}]\n"), ["lost", "h"]);
        // nothing says otherwise: all are told
        assert_eq!(unused(""), [""; 0]);
        assert_eq!(
            unused("routes: [{match: {team: web}, notify: b}]\n"),
            [""; 0]
        );
        let allowed = head.replace("fallback: h}", "allow: GP013, fallback: h}");
        let left = found(&format!("{allowed}routes: [{{notify: b}}]\n"));
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn whom_an_alert_tells_follows_routes_as_far_as_names_and_labels_go() {
        let (config, _) = configuration(&format!(
            "graphite: {{url: http://g}}\n{ALERTS}receivers: {{a: {{console: {{}}}}, b: {{console: {{}}, default: true}}}}\nroutes: [{{match: {{team: web, series: x}}, notify: a}}]\n"
        ));
        let told = |at: usize| {
            let group = config.groups.get(at).map(|group| group.alerts.first());
            let names = group.flatten().map(|alert| told(&config, alert));
            names
                .unwrap_or_default()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(told(0), ["a", "b"]);
        assert_eq!(told(1), ["b"]);
        assert_eq!(told(2), ["a"]);
    }
}
