//! `graphite-pager schema`: what an editor gets, and that it takes what the
//! program takes. Value by value, schema and parser of configurations are
//! compared in `src/config/tests/schema.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::Value;
use support::agent::{Finished, Setup};

fn printed(arguments: &[&str]) -> Value {
    let finished = Setup::new("").arguments(arguments).run();
    assert_eq!((finished.code, &*finished.stderr), (Some(0), ""));
    serde_json::from_str(&finished.stdout).unwrap()
}

fn schema_of(arguments: &[&str]) -> Validator {
    jsonschema::draft202012::new(&printed(arguments)).unwrap()
}

fn faults(schema: &Validator, yaml: &str) -> Vec<String> {
    let value: Value = serde_yaml::from_str(yaml).unwrap();
    let errors = schema.iter_errors(&value);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

#[test]
fn both_are_sound_json_schemas_of_2020_12() {
    for arguments in [
        &["schema"][..],
        &["schema", "configuration"],
        &["schema", "tests"],
    ] {
        let schema = printed(arguments);
        assert_eq!(
            schema["$schema"],
            "https://json-schema.org/draft/2020-12/schema"
        );
        jsonschema::draft202012::meta::validate(&schema).unwrap();
    }
    assert_eq!(printed(&["schema"]), printed(&["schema", "configuration"]));
    assert_ne!(printed(&["schema"]), printed(&["schema", "tests"]));
}

/// Files of YAML in this folder and those below it.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|end| end == "yml") {
            found.push(path);
        }
    }
}

#[test]
fn every_pack_every_example_and_all_of_their_tests_are_accepted() {
    let (configuration, tests) = (schema_of(&["schema"]), schema_of(&["schema", "tests"]));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.join("src/config/tests/whole.yml")];
    for folder in ["alerts", "examples"] {
        files(&root.join(folder), &mut found);
    }
    assert!(found.len() > 15, "{found:?}");
    for path in found {
        let text = std::fs::read_to_string(&path).unwrap();
        let (schema, other) = match path.to_str().unwrap().ends_with(".test.yml") {
            true => (&tests, &configuration),
            false => (&configuration, &tests),
        };
        let none: [&str; 0] = [];
        assert_eq!(faults(schema, &text), none, "{}", path.display());
        assert_ne!(faults(other, &text), none, "{}", path.display());
    }
}

const LOAD: &str = "receivers: {oncall: {console: {}}}\n\
    alerts: [{name: Load, target: servers.*.load, warning: 10, critical: 20}]\n";

/// Tests of `LOAD`, as the program and as the schema see them.
fn both(tests: &str) -> (Finished, Vec<String>) {
    let setup = Setup::new(LOAD);
    setup.write("load.test.yml", tests);
    let finished = setup.arguments(&["test", "load.test.yml"]).run();
    (finished, faults(&schema_of(&["schema", "tests"]), tests))
}

fn whole(test: &str) -> String {
    format!("alerts: alerts.yml\ntests: [{{name: it, {test}}}]\n")
}

const SERIES: &str = "series: {alert: Load, name: web-1, values: [1x2, 30x3]}";
const EXPECT: &str = "expect: {at: 0, alert: Load, series: web-1, level: ok}";

#[test]
fn whatever_form_of_alert_tests_the_program_takes_the_schema_takes() {
    for test in [
        whole(&format!("{SERIES}, {EXPECT}")),
        whole(&format!(
            "{SERIES}, {EXPECT}, every: 1m, start: 2026-11-23T09:00:00Z, told: , only: no"
        )),
        whole(&format!(
            "series: [{{alert: Load, name: web-1, values: 1, target: servers.*.load}}], {EXPECT}"
        )),
        whole(&format!(
            "{SERIES}, events: {{at: 3m, alert: Load, series: web-1, event: opened, level: critical, only: yes}}"
        )),
        whole(
            "series: {alert: Load, name: web-1, values: 1x9}, events: [{alert: Load, series: web-1, only: true}]",
        ),
        whole(&format!(
            "{SERIES}, told: [{{at: 3m, receiver: oncall, alert: Load, series: web-1, says: critical}}]"
        )),
        whole(&format!(
            "{SERIES}, {EXPECT}, graphite: [{{from: 1m, to: 1m30s, fails: 503, alert: Load}}, {{from: 5m, fails: timeout}}]"
        )),
        whole(&format!(
            "{SERIES}, {EXPECT}, reload: {{at: 1m, alerts: [alerts.yml], at_once: true}}"
        )),
        format!(
            "x-load: &load {{alert: Load, name: web-1}}\nenvironment: {{A: 1}}\nalerts: [alerts.yml]\ntests:\n- {{name: it, series: [{{<<: *load, values: '1 _ -'}}], {EXPECT}}}\n"
        ),
    ] {
        let (finished, faults) = both(&test);
        assert_eq!(
            finished.code,
            Some(0),
            "{test}\n{}{}",
            finished.stdout,
            finished.stderr
        );
        assert_eq!(faults, [""; 0], "{test}");
    }
}

#[test]
fn what_the_form_of_alert_tests_shows_to_be_wrong_both_refuse() {
    for test in [
        "tests: []\n".to_owned(),
        "alerts: alerts.yml\n".to_owned(),
        "alerts: alerts.yml\ntests: []\n".to_owned(),
        "alerts: []\ntests: [{name: it}]\n".to_owned(),
        whole(&format!("{SERIES}, {EXPECT}, evrey: 1m")),
        whole(SERIES),
        whole(&format!("{SERIES}, expect: soon")),
        whole(&format!("{SERIES}, {EXPECT}, every: 60")),
        whole(&format!("{SERIES}, {EXPECT}, every: 0s")),
        whole(&format!("{SERIES}, {EXPECT}, start: noon")),
        whole(&format!("series: {{alert: Load, name: web-1}}, {EXPECT}")),
        whole(&format!(
            "{SERIES}, expect: {{at: 7, alert: Load, series: web-1, level: ok}}"
        )),
        whole(&format!(
            "{SERIES}, expect: {{at: 1m, alert: Load, series: web-1, level: bad}}"
        )),
        whole(&format!(
            "{SERIES}, events: {{at: 1m, alert: Load, series: web-1}}"
        )),
        whole(&format!(
            "{SERIES}, events: {{at: 1m, alert: Load, series: web-1, event: open}}"
        )),
        whole(&format!(
            "{SERIES}, told: {{at: 1m, receiver: oncall, alert: Load, series: web-1, says: page}}"
        )),
        whole(&format!(
            "{SERIES}, told: {{at: 1m, alert: Load, series: web-1, says: critical}}"
        )),
        whole(&format!("{SERIES}, {EXPECT}, graphite: {{fails: 200}}")),
        whole(&format!("{SERIES}, {EXPECT}, graphite: {{from: 1m}}")),
        whole(&format!("{SERIES}, {EXPECT}, reload: {{at: 1m}}")),
        "alerts: alerts.yml\ntests: [5]\n".to_owned(),
    ] {
        let (finished, faults) = both(&test);
        assert_eq!(finished.code, Some(1), "{test}\n{}", finished.stdout);
        assert!(
            finished.stderr.contains("error: load.test.yml"),
            "{test}\n{}",
            finished.stderr
        );
        assert_ne!(faults, [""; 0], "{test}");
    }
}

#[test]
fn a_key_is_described_with_its_default_and_an_example() {
    let schema = printed(&["schema"]);
    let every = &schema["$defs"]["alert"]["properties"]["recover"];
    assert!(
        every["description"]
            .as_str()
            .unwrap()
            .contains("only beyond it"),
        "{every}"
    );
    let settle = &schema["$defs"]["alert"]["properties"]["settle"];
    assert_eq!(settle["default"], "5s");
    assert_eq!(settle["examples"][0], "off");
    let at = &printed(&["schema", "tests"])["$defs"]["test"]["properties"]["every"];
    assert!(
        at["description"]
            .as_str()
            .unwrap()
            .contains("two evaluations"),
        "{at}"
    );
}
