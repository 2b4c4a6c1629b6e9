//! Whatever comes in, our own reader takes what goes out, and names, targets and
//! thresholds are those that came in.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::collections::HashSet;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Imported, Origin, Outcome, import};
use crate::alert::{Alert, Target};
use crate::config::{self, Config};

/// A name, a target and a threshold.
type One = (String, String, f64);

fn loaded(yaml: &str) -> Config {
    let environment = |name: &str| (name == "GRAPHITE_URL").then(|| "http://graphite".to_owned());
    match config::load_text(Path::new("x.yml"), yaml, &environment) {
        Ok(loaded) => loaded.config,
        Err(report) => panic!("{report}\n{yaml}"),
    }
}

fn alerts(config: &Config) -> Vec<&Alert> {
    config
        .groups
        .iter()
        .flat_map(|group| &group.alerts)
        .collect()
}

fn ones() -> impl Strategy<Value = Vec<One>> {
    let name = "\\PC{1,12}|[ -~]{1,12}|[-:#'\"{}\\[\\]$%&*!|>@` \n\t]{1,8}|yes|null|12|\\$\\{[A-Z]{1,3}\\}";
    let target = "[a-z]{1,4}(\\.[a-z*]{1,4}){0,3}|alias\\(a\\.b, [\"'][a-z:# ${}]{0,8}[\"']\\)|\\PC{1,12}|[ -~]{1,12}";
    let value = prop_oneof![
        (0..1000).prop_map(f64::from),
        0.0..1e12_f64,
        (1..9).prop_map(|n| f64::from(n) / 8.0)
    ];
    prop::collection::vec((name, target, value), 1..5)
}

/// The target as our own reader would have it; `None` where it would refuse it.
fn sound(target: &str) -> Option<Target> {
    Target::parse(&target.replace(['\n', '\r'], " ")).ok()
}

/// Whether a name may stay as it is.
fn usable(name: &str) -> bool {
    !name.trim().is_empty() && !name.contains(char::is_control) && name != config::BUILT_IN
}

/// Checks what came of `ones`, all of them with `>=` their threshold as critical.
fn check(
    imported: &Imported,
    ones: &[One],
    refused: &dyn Fn(&One) -> bool,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(imported.summary.alerts.len(), ones.len());
    let taken: Vec<&One> = ones.iter().filter(|one| !refused(one)).collect();
    let outcomes = &imported.summary.alerts;
    let refusals = outcomes
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::Refused(_)));
    prop_assert_eq!(
        refusals.count(),
        ones.len() - taken.len(),
        "{}",
        &imported.yaml
    );
    if taken.is_empty() {
        let bare = imported
            .yaml
            .lines()
            .all(|line| line.trim_start().starts_with('#') || line.is_empty());
        prop_assert!(bare, "{}", &imported.yaml);
        return Ok(());
    }
    let config = loaded(&imported.yaml);
    let read = alerts(&config);
    prop_assert_eq!(read.len(), taken.len(), "{}", &imported.yaml);
    let mut names = HashSet::new();
    for ((name, target, value), alert) in taken.into_iter().zip(read) {
        if usable(name) && names.insert(name.clone()) {
            prop_assert_eq!(&*alert.name, name.as_str());
        }
        prop_assert_eq!(&alert.targets, &vec![sound(target).unwrap()]);
        let critical = alert.critical.as_ref().unwrap();
        for probe in [value.next_down(), *value, value.next_up()] {
            prop_assert_eq!(
                critical.holds(probe),
                probe >= *value,
                "{} at {}",
                critical,
                probe
            );
        }
    }
    Ok(())
}

fn moira((name, target, value): &One) -> Value {
    json!({"name": name, "targets": [target], "error_value": value, "trigger_type": "rising",
        "tags": [name], "desc": name, "ttl": 600})
}

fn grafana((name, target, value): &One) -> Value {
    json!({"title": name, "condition": "C", "annotations": {"summary": name, name: name}, "labels": {name: name}, "data": [
        {"refId": "A", "datasourceUid": "g", "relativeTimeRange": {"from": 600, "to": 0},
            "model": {"target": target, "targetFull": target}},
        {"refId": "B", "datasourceUid": "__expr__", "model": {"type": "reduce", "expression": "A", "reducer": "last"}},
        {"refId": "C", "datasourceUid": "__expr__", "model": {"type": "threshold", "expression": "B",
            "conditions": [{"evaluator": {"type": "gte", "params": [value]}}]}},
    ]})
}

proptest! {
    // each reads configurations
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn alerts_of_graphite_beacon_come_out_as_they_went_in(ones in ones()) {
        let mut seen = HashSet::new();
        let again: Vec<bool> = ones.iter().map(|(name, ..)| !seen.insert(name.clone())).collect();
        prop_assume!(!again.contains(&true));
        let written = |(name, query, value): &One| json!({"name": name, "query": query, "rules": [format!("critical: >= {value:.3}")]});
        let ones: Vec<One> = ones.into_iter().map(|(name, query, value)| (name, query, format!("{value:.3}").parse().unwrap())).collect();
        let file = json!({"alerts": ones.iter().map(written).collect::<Vec<_>>()});
        let imported = import(Origin::GraphiteBeacon, &file.to_string()).unwrap();
        check(&imported, &ones, &|(_, query, _)| sound(query).is_none())?;
    }

    #[test]
    fn triggers_of_moira_come_out_as_they_went_in(ones in ones()) {
        let file = json!({"list": ones.iter().map(moira).collect::<Vec<_>>()});
        let imported = import(Origin::Moira, &file.to_string()).unwrap();
        check(&imported, &ones, &|(_, target, _)| sound(target).is_none())?;
    }

    #[test]
    fn rules_of_grafana_come_out_as_they_went_in(ones in ones()) {
        let file = json!({"groups": [{"name": "g", "folder": "f", "interval": "1m", "rules": ones.iter().map(grafana).collect::<Vec<_>>()}]});
        let imported = import(Origin::Grafana, &file.to_string()).unwrap();
        let variable = |target: &str| target.contains('$') || target.contains("[[") || target.trim().is_empty();
        check(&imported, &ones, &|(_, target, _)| sound(target).is_none() || variable(target))?;
    }

    #[test]
    fn command_lines_of_nagios_come_out_as_they_went_in(ones in ones()) {
        let ones: Vec<One> = ones.into_iter()
            .map(|(_, target, value)| (target.replace(['\'', '\n', '\r'], "_"), value))
            .map(|(target, value)| (target.clone(), target, value))
            .filter(|(_, target, _)| !target.trim().is_empty())
            .collect();
        prop_assume!(!ones.is_empty());
        let line = |(_, target, value): &One| {
            let target = target.replace('$', "$$");
            format!("check_graphite -u http://g -m '{target}' -w 0 -c {value}")
        };
        let text = ones.iter().map(line).collect::<Vec<_>>().join("\n");
        let imported = import(Origin::Nagios, &text).unwrap();
        // upwards only where critical is the greater: at 0 it looks downwards
        prop_assume!(ones.iter().all(|(.., value)| *value > 0.0));
        check(&imported, &ones, &|(_, target, _)| sound(target).is_none())?;
    }

    #[test]
    fn whatever_stands_in_a_file_nothing_breaks(text in "\\PC{0,60}|[ -~\n]{0,80}|define service \\{\n([a-z_]{1,8} [ -~]{0,12}\n){0,4}\\}") {
        for origin in [Origin::GraphiteBeacon, Origin::Moira, Origin::Grafana, Origin::Nagios] {
            if let Ok(imported) = import(origin, &text)
                && imported.summary.took_any()
            {
                loaded(&imported.yaml);
            }
        }
    }
}

#[test]
fn odd_shapes_are_refused_or_read_and_nothing_breaks() {
    let odd = [
        json!(null),
        json!(1),
        json!("x"),
        json!([]),
        json!({}),
        json!([1]),
        json!({"a": 1}),
    ];
    for value in odd {
        for file in [
            json!({"alerts": value}),
            json!({"alerts": [{"name": value, "query": value, "rules": value, "interval": value, "no_data": value, "until": value}]}),
            json!({"alerts": [{"name": "x", "query": "a.b", "rules": ["critical: > 1"], "interval": value, "method": value}], "smtp": value, "include": value, "critical_handlers": value}),
            json!({"list": value}),
            json!({"list": [{"targets": value}]}),
            json!({"list": [{"name": "x", "targets": ["a"], "error_value": 1, "trigger_type": "rising", "ttl": value, "sched": value, "tags": value, "desc": value}]}),
            json!({"list": [{"name": "x", "targets": ["a"], "trigger_type": "expression", "expression": value}]}),
            json!({"groups": value}),
            json!({"groups": [{"rules": value}]}),
            json!({"groups": [{"interval": value, "rules": [{"title": "x", "condition": "A", "data": value, "labels": value}]}]}),
            json!([{"title": "x", "condition": "A", "data": [{"refId": "A", "datasourceUid": "__expr__", "model": {"type": "threshold", "expression": "A", "conditions": value}}]}]),
            json!([{"title": "x", "condition": "A", "data": [{"refId": "A", "datasourceUid": "__expr__", "model": {"type": "reduce", "expression": "A", "reducer": "last"}}]}]),
            value.clone(),
        ] {
            for origin in [
                Origin::GraphiteBeacon,
                Origin::Moira,
                Origin::Grafana,
                Origin::Nagios,
            ] {
                if let Ok(imported) = import(origin, &file.to_string())
                    && imported.summary.took_any()
                {
                    loaded(&imported.yaml);
                }
            }
        }
    }
}

#[test]
fn a_file_in_which_everything_is_switched_off_is_a_comment() {
    let mut rule = grafana(&("Load".to_owned(), "a.b".to_owned(), 5.0));
    rule["isPaused"] = json!(true);
    let imported = import(Origin::Grafana, &json!([rule]).to_string()).unwrap();
    assert!(!imported.summary.took_any());
    assert!(
        imported.yaml.contains("# not taken: `Load`"),
        "{}",
        imported.yaml
    );
    assert!(
        imported.yaml.contains("# target: a.b") || imported.yaml.contains("#   target: a.b"),
        "{}",
        imported.yaml
    );
}

#[test]
fn files_without_alerts_say_so() {
    for (origin, text, expected) in [
        (
            Origin::GraphiteBeacon,
            "{\"alerts\": []}",
            "it holds no alert",
        ),
        (Origin::Moira, "{\"list\": []}", "it holds no trigger"),
        (Origin::Grafana, "groups: []", "it holds no rule"),
        (
            Origin::Nagios,
            "define host {\n host_name a\n}\n",
            "this is no file of Nagios",
        ),
    ] {
        assert_eq!(import(origin, text).unwrap_err().message, expected);
    }
}

#[test]
fn a_target_that_graphite_would_not_understand_is_a_comment_with_the_reason() {
    let file = json!({"list": [moira(&("Broken".to_owned(), "sum(a.b".to_owned(), 1.0)), moira(&("Sound".to_owned(), "a.b".to_owned(), 1.0))]});
    let imported = import(Origin::Moira, &file.to_string()).unwrap();
    let (name, outcome) = &imported.summary.alerts[0];
    assert_eq!(name, "Broken");
    assert!(
        matches!(outcome, Outcome::Refused(why) if why.contains("is not closed")),
        "{outcome:?}"
    );
    assert_eq!(alerts(&loaded(&imported.yaml)).len(), 1);
}
