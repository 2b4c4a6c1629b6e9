//! Alerts that do not do what they say.

use std::time::Duration;

use super::Finding;
use super::expression::covers;
use crate::alert::{Alert, Docs, Group, duration};
use crate::config::{AlertSpots, Code, Config, Spots};

/// Everything that is doubtful about single alerts.
pub fn judge(config: &Config, spots: &Spots) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (of, group) in config.groups.iter().enumerate() {
        for (index, alert) in group.alerts.iter().enumerate() {
            let Some(at) = spots.alert(of, index) else {
                continue;
            };
            let earlier = group.alerts.get(..index).unwrap_or_default();
            findings.extend(shadowed(earlier, alert, at));
            findings.extend(short_for(group, alert, at));
        }
    }
    findings.extend(without_docs(config, spots));
    findings
}

/// Series belong to the first alert of a group that returns them.
fn shadowed(earlier: &[Alert], alert: &Alert, at: &AlertSpots) -> Option<Finding> {
    let claims = |target: &str| {
        let of = |one: &&Alert| one.targets.iter().any(|wide| covers(wide.as_str(), target));
        earlier.iter().find(of)
    };
    let claiming: Option<Vec<&Alert>> = alert
        .targets
        .iter()
        .map(|target| claims(target.as_str()))
        .collect();
    let first = *claiming?.first()?;
    let message = format!(
        "alert `{}` judges no series here: the one at {} comes first, and claims all that this one returns",
        alert.name, first.place
    );
    let hint = "write the specific rule before the catch-all, or take one of the two out";
    Some(Finding::new(&at.target(0), Code::Shadowed, message, hint))
}

/// Nothing is reached between two evaluations: a shorter `for` waits for the second reading all the same.
fn short_for(group: &Group, alert: &Alert, at: &AlertSpots) -> Option<Finding> {
    let gap = group.schedule.shortest_gap();
    if alert.for_ == Duration::ZERO || alert.for_ >= gap {
        return None;
    }
    let (for_, gap) = (duration::format(alert.for_), duration::format(gap));
    let message = format!(
        "`for: {for_}` of alert `{}` is shorter than the {gap} between two evaluations: it waits for the second one, as `for: {gap}` would",
        alert.name
    );
    let hint = format!(
        "write `for: {gap}`, evaluate more often (`every`), or take it out to be told at the first reading"
    );
    Some(Finding::new(&at.key("for"), Code::ShortFor, message, &hint))
}

/// Where no alert at all has a link, that is said once.
fn without_docs(config: &Config, spots: &Spots) -> Vec<Finding> {
    let all = || config.groups.iter().flat_map(|group| &group.alerts);
    let wakes = |alert: &Alert| alert.critical.is_some() && alert.docs == Docs::Nowhere;
    let hint = "write `docs_url: https://wiki.example.com/alerts` at the top level, or `docs:` with the whole link on an alert: whoever is woken wants to know what to do";
    let mut findings = Vec::new();
    for (of, group) in config.groups.iter().enumerate() {
        for (index, alert) in group.alerts.iter().enumerate().filter(|(_, a)| wakes(a)) {
            let Some(at) = spots.alert(of, index) else {
                continue;
            };
            if !at.alert().allows(Code::NoDocs) {
                let message = format!(
                    "alert `{}` can be critical, and its messages link to no documentation",
                    alert.name
                );
                findings.push(Finding::new(
                    &at.key("critical"),
                    Code::NoDocs,
                    message,
                    hint,
                ));
            }
        }
    }
    if findings.len() > 1 && all().all(|alert| alert.docs == Docs::Nowhere) {
        let message = format!(
            "{} alerts can be critical, and no message links to documentation",
            findings.len()
        );
        return vec![Finding::new(spots.top(), Code::NoDocs, message, hint)];
    }
    findings
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::{configuration, shown};
    use super::*;

    const HEAD: &str =
        "graphite: {url: http://g}\nreceivers: {a: {console: {}}, b: {console: {}}}\n";

    /// What is found in `HEAD` and these lines, the first of which is line 3.
    fn found(lines: &str) -> Vec<String> {
        let (config, spots) = configuration(&format!("{HEAD}{lines}"));
        shown(&spots, judge(&config, &spots))
    }

    /// Two alerts of one name with these targets; whether the second is shadowed.
    fn is_shadowed(first: &str, second: &str) -> bool {
        let found = found(&format!(
            "alerts:\n- {{name: L, warning: 1, target: '{first}'}}\n- {{name: L, warning: 2, target: '{second}'}}\n"
        ));
        found
            .iter()
            .any(|finding| finding.starts_with("GP010 5: alert `L`"))
    }

    #[test]
    fn a_rule_behind_one_that_claims_its_series_is_found() {
        for (first, second) in [
            ("servers.*.load", "servers.web-1.load"),
            ("servers.*.load", "servers.web-*.load"),
            ("servers.web*.load", "servers.web-1*.load"),
            (
                "aliasByNode(servers.*.load, 1)",
                "aliasByNode(servers.web-1.load, 1)",
            ),
        ] {
            assert!(is_shadowed(first, second), "{first} {second}");
            assert!(!is_shadowed(second, first), "{second} {first}");
        }
    }

    #[test]
    fn a_rule_is_left_alone_unless_that_is_certain() {
        for (first, second) in [
            ("servers.*.load", "servers.*.disk"),
            ("servers.web-*.load", "servers.db-1.load"),
            ("servers.*", "servers.web.load"),
            ("servers.*.load", "sumSeries(servers.*.load)"),
            ("sumSeries(servers.*.load)", "sumSeries(servers.web.load)"),
            (
                "aliasByNode(servers.*.load,1)",
                "aliasByNode(servers.web.load,0)",
            ),
        ] {
            assert!(!is_shadowed(first, second), "{first} {second}");
        }
    }

    #[test]
    fn a_rule_is_shadowed_only_where_all_its_targets_are() {
        let of = |targets: &str| {
            found(&format!(
                "alerts:\n- {{name: L, warning: 1, targets: [a.*, b.*]}}\n- {{name: L, warning: 2, targets: [{targets}]}}\n"
            ))
        };
        assert_eq!(of("a.x, b.y").len(), 1);
        assert_eq!(of("a.x, c.y"), [""; 0]);
    }

    #[test]
    fn a_for_that_ends_before_the_next_evaluation_is_found() {
        let of = |keys: &str| {
            found(&format!(
                "alerts:\n- {{name: L, target: a.b, warning: 1, {keys}}}\n"
            ))
        };
        let expected = "GP011 4: `for: 30s` of alert `L` is shorter than the 1m between two evaluations: it waits for the second one, as `for: 1m` would";
        assert_eq!(of("for: 30s"), [expected]);
        assert_eq!(of("for: 5m, schedule: '*/10 * * * *'").len(), 1);
        for sound in [
            "for: 0",
            "for: 1m",
            "for: 90s",
            "for: 30s, every: 10s",
            "every: 5m",
        ] {
            assert_eq!(of(sound), [""; 0], "{sound}");
        }
        assert_eq!(of("for: 30s, allow: GP011"), [""; 0]);
    }

    #[test]
    fn critical_without_a_page_is_found_at_the_alert_or_once_for_all() {
        let one = "- {name: A, target: a.b, critical: 1}\n";
        let two = "- {name: B, target: b.b, critical: 1, docs: 'https://w'}\n";
        let three = "- {name: C, target: c.b, critical: 1}\n";
        let text = "GP014 4: alert `A` can be critical, and its messages link to no documentation";
        assert_eq!(found(&format!("alerts:\n{one}")), [text]);
        assert_eq!(found(&format!("alerts:\n{one}{two}")), [text]);
        assert_eq!(
            found(&format!("alerts:\n{one}{three}")),
            ["GP014 1: 2 alerts can be critical, and no message links to documentation"]
        );
        for allowed in [
            "defaults: {allow: GP014}",
            "docs_url: https://w",
            "allow: [GP014]",
        ] {
            assert_eq!(found(&format!("{allowed}\nalerts:\n{one}{three}")), [""; 0]);
        }
        let warning = "- {name: W, target: a.b, warning: 1}\n";
        assert_eq!(found(&format!("alerts:\n{warning}")), [""; 0]);
    }
}
