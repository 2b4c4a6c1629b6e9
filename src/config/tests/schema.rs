//! The schema and the parser agree: on every file of these tests (`Bench::load`
//! asks here), and on every value that a key may be given.

use std::path::Path;
use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::Value;

use super::*;

/// Of greater files, in bytes, only the parser is asked.
const LARGE: usize = 20_000;

/// Words of messages that are about the form of a file alone.
const FORM: &[&str] = &[
    "unknown key ",
    "expected a map, found",
    "expected a list, found",
    "expected one of `",
    "expected `true` or `false`",
    "expected a duration",
    "expected a whole number",
    "expected a size",
    "expected a number or a condition",
    "expected a number or text, found",
    "expected a Graphite target, found",
    "expected http:// or https://",
    "expected text, found",
    " has no `",
    " has no unit",
    " is negative",
    " is empty",
    " names no program",
    "unknown level ",
    "there is no warning ",
    "unknown method ",
    "does not say how it is told",
    " is both `",
];

/// The same, where it takes more than the form to see it.
const MEANING: &[&str] = &[
    // what stands for `${...}`
    "${",
    // a file of secrets
    "cannot read `",
    "the window is empty",
    // a name, which no table describes
    "holds control characters",
];

fn validator() -> &'static Validator {
    static VALIDATOR: OnceLock<Validator> = OnceLock::new();
    VALIDATOR.get_or_init(|| {
        jsonschema::draft202012::new(&crate::config::schema::configuration()).unwrap()
    })
}

/// What the schema has against a file; `None`: it is no YAML that others could read.
fn faults(text: &str) -> Option<Vec<String>> {
    if text.len() > LARGE {
        return Some(Vec::new());
    }
    let value: Value = serde_yaml::from_str(text).ok()?;
    let errors = validator().iter_errors(&value);
    let shown = errors.map(|error| format!("{}: {error}", error.instance_path()));
    Some(shown.collect())
}

fn is_form(message: &str) -> bool {
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    has(FORM) && !has(MEANING)
}

/// Compares what the schema says of the files in `folder` with what the parser said.
pub fn agree(folder: &Path, result: &Result<Loaded, Report>) {
    match result {
        Ok(loaded) => {
            for path in &loaded.files {
                let name = path.file_name().unwrap().to_str().unwrap();
                if !path.is_file() || !is_configuration(name) {
                    continue;
                }
                let text = std::fs::read_to_string(path).unwrap();
                let faults = faults(&text).unwrap_or_else(|| panic!("no YAML:\n{text}"));
                assert!(faults.is_empty(), "{faults:#?}\n{text}");
            }
        }
        Err(report) => {
            for problem in &report.0 {
                let path = folder.join(&problem.path);
                let about_form = problem.severity == Severity::Error && is_form(&problem.message);
                if !about_form || !path.is_file() {
                    continue;
                }
                let text = String::from_utf8(std::fs::read(path).unwrap()).unwrap();
                // a parameter's value is looked at in the place in which it is put in
                let seen = text.len() <= LARGE && !text.contains("${param:");
                if let Some(faults) = faults(&text).filter(|_| seen) {
                    assert!(!faults.is_empty(), "{}\n{text}", problem.message);
                }
            }
        }
    }
}

/// Values of every form, sound for one key or another.
const VALUES: &[&str] = &[
    "",
    "~",
    "\"\"",
    "0",
    "5",
    "-1",
    "1.5",
    "true",
    "off",
    "Yes",
    "word",
    "5m",
    "0.5h",
    "\"0\"",
    "5 m",
    "\"90\"",
    "\"> 90%\"",
    "\"outside 1KiB..2MiB\"",
    "[]",
    "[a]",
    "[word, 5]",
    "[[a]]",
    "[~]",
    "{}",
    "{a: b}",
    "{a: ~}",
    "{a: {b: c}}",
    "https://example.com",
    "\"smtp://u:p@example.com?tls=required\"",
    "a@example.com",
    "critical",
    "[critical, warning]",
    "[ok]",
    "p99.9",
    "last",
    "keep",
    "put",
    "error",
    "json",
    "GP012",
    "[GP001, GP999]",
    "127.0.0.1:80",
    "64 MiB",
    "-10min",
    "UTC",
    "\"*/5 * * * *\"",
    "\"Mon-Fri 09:00-18:00\"",
    "\"{{ alert }}\"",
    "\"${WORD}\"",
    "\"$${\"",
];

/// Loads a file for each value; says how many were sound.
fn each_value(key: &str, file: impl Fn(&str) -> String) -> usize {
    let bench = Bench::new(&[]).with_env("WORD", "word");
    let is_sound = |value: &&&str| {
        std::fs::write(bench.path("alerts.yml"), file(&format!("{key}: {value}"))).unwrap();
        bench.load(&["alerts.yml"]).is_ok()
    };
    VALUES.iter().filter(is_sound).count()
}

/// `base` without the line that gives `key`, and each value of it in place.
fn check(key: &str, head: &str, base: &[&str], tail: &str) {
    let (_, indent) = head.rsplit_once('\n').unwrap();
    let others = base
        .iter()
        .filter(|line| !line.starts_with(&format!("{key}:")));
    let others: String = others.map(|line| format!("{line}\n{indent}")).collect();
    let sound = each_value(key, |line| format!("{head}{others}{line}\n{tail}"));
    assert!(sound > 0, "no value is one for `{key}`");
}

const RECEIVERS: &str = "receivers: {word: {console: {}}, a: {console: {}}}\n";
const LOAD: &str = "alerts: [{name: Load, target: a.b, warning: 10}]\n";

#[test]
fn whatever_a_key_of_an_alert_is_given_parser_and_schema_agree() {
    let base = ["name: Load", "target: a.b", "warning: 7"];
    for key in alerts::KEYS.iter().chain(alerts::PREDECESSOR) {
        // beside it there is no other
        let base: Vec<&str> = base
            .into_iter()
            .filter(|line| *key != "targets" || *line != "target: a.b")
            .collect();
        let head =
            format!("graphite: {{url: 'http://g'}}\n{RECEIVERS}alerts:\n- enabled: true\n  ");
        let head = if *key == "enabled" {
            head.replace("enabled: true", "for: 1m")
        } else {
            head
        };
        check(
            key,
            &head,
            &base,
            "- {name: Other, target: c.d, warning: 1}\n",
        );
        // a threshold that every alert overrides is looked at by the schema alone
        if !alerts::OWN.contains(key) && !["warning", "critical", "recover"].contains(key) {
            let head = format!("graphite: {{url: 'http://g'}}\n{RECEIVERS}defaults:\n  ");
            check(key, &head, &[], LOAD);
        }
    }
}

#[test]
fn whatever_a_key_of_graphite_or_of_the_top_level_is_given_parser_and_schema_agree() {
    for key in graphite::KEYS.iter().filter(|key| **key != "ca") {
        check(
            key,
            "graphite:\n  ",
            &["url: http://g", "username: u"],
            &format!("{RECEIVERS}{LOAD}"),
        );
    }
    let sections = ["graphite", "routes", "alerts", "receivers"];
    let flat = graphite::FLAT.iter().map(|(flat, _)| flat);
    let keys = whole::KEYS.iter().chain(predecessor::KEYS).chain(flat);
    for key in keys.filter(|key| !sections.contains(key)) {
        let base = ["graphite_url: http://g", "graphite_user: u"];
        check(key, &format!("{LOAD}\n"), &base, "");
    }
    let rest = format!("graphite: {{url: 'http://g'}}\n{LOAD}");
    for key in ["routes", "receivers"] {
        check(key, &format!("{rest}\n"), &[], "");
    }
}

#[test]
fn whatever_a_key_of_a_receiver_or_a_route_is_given_parser_and_schema_agree() {
    let tail = format!("graphite: {{url: 'http://g'}}\n{LOAD}");
    for key in receivers::KEYS {
        check(
            key,
            "receivers:\n  word: {console: {}}\n  x:\n    ",
            &["console: {}"],
            &tail,
        );
    }
    for (kind, keys) in kinds::KEYS {
        let base: &[&str] = match *kind {
            "pagerduty" => &["routing_key: k"],
            "email" => &["to: a@b.c", "from: a@b.c"],
            "command" => &["run: [a]"],
            _ => &["url: http://h"],
        };
        for key in *keys {
            check(
                key,
                &format!("receivers:\n  x:\n    {kind}:\n      "),
                base,
                &tail,
            );
        }
        let sound = each_value(kind, |line| format!("receivers:\n  x:\n    {line}\n{tail}"));
        assert_eq!(sound > 0, *kind == "console", "{kind}");
    }
    for key in routes::KEYS {
        let head = format!("{RECEIVERS}routes:\n- {{notify: a}}\n-\n  ");
        check(key, &head, &["notify: a"], &tail);
    }
}

#[test]
fn what_takes_more_than_the_form_only_the_parser_sees() {
    for body in [
        // what stands in other files, or in `defaults`
        "alerts: [{name: Load, target: a.b}]",
        "alerts: [{name: Load, target: a.b, warning: 1, notify: nobody}]",
        "routes: []",
        // what two keys say together
        "alerts: [{name: Load, target: a.b, warning: 1, critical: 1}]",
        "alerts: [{name: Load, target: a.b, targets: [c.d], warning: 1}]",
        "alerts: [{name: Load, target: a.b, warning: 1, every: 1m, schedule: '* * * * *'}]",
        // what a text means
        "alerts: [{name: Load, target: 'sum(a.b', warning: 1}]",
        "alerts: [{name: Load, target: a.b, warning: 1, timezone: Europe/Berln}]",
        "alerts: [{name: Load, target: a.b, warning: 1, docs: '{{ alert'}]",
    ] {
        let text = format!("{HEAD}{body}\n");
        assert_eq!(faults(&text), Some(Vec::new()), "{body}");
        assert!(printed(&text).contains("error: "), "{body}");
    }
}

/// Every `properties` of a schema, by the way to it.
fn properties<'a>(schema: &'a Value, path: &str, found: &mut Vec<(String, &'a Value)>) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map {
                let path = format!("{path}/{key}");
                if key == "properties" {
                    for (key, property) in value.as_object().unwrap() {
                        found.push((format!("{path}/{key}"), property));
                    }
                }
                properties(value, &path, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| properties(item, path, found)),
        _ => {}
    }
}

#[test]
fn each_key_says_what_it_is_and_its_default_and_examples_are_sound() {
    let (configuration, tests) = (
        crate::config::schema::configuration(),
        crate::config::schema::tests(),
    );
    let mut examples = 0;
    for schema in [&configuration, &tests] {
        let mut found = Vec::new();
        properties(schema, "", &mut found);
        assert!(found.len() > 35, "{}", found.len());
        for (path, property) in found {
            // of a kind its keys are described; levels and what must be given are no keys of a page
            let of_levels = ["severity", "slack", "pagerduty"].iter().any(|key| {
                path.contains(&format!("/{key}/properties/"))
                    && !path.contains("$defs/receiver/properties/slack/")
                    && !path.contains("routing_key")
            });
            let is_kind = kinds::KEYS
                .iter()
                .any(|(kind, _)| path.ends_with(&format!("/receiver/properties/{kind}")));
            let plain = of_levels
                || is_kind
                || path.contains("/anyOf/properties/")
                || path.contains("/allOf/properties/");
            let described = property["description"]
                .as_str()
                .is_some_and(|text| !text.is_empty());
            assert!(plain || described, "{path}");
            let mut alone = property.clone();
            alone["$defs"] = schema["$defs"].clone();
            let validator = jsonschema::draft202012::new(&alone).unwrap();
            let shown = property["examples"].as_array().into_iter().flatten();
            for value in shown.chain(property.get("default")) {
                assert!(validator.is_valid(value), "{path}: {value}");
                examples += 1;
            }
        }
    }
    assert!(examples > 120, "{examples}");
}
