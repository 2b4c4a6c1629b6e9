//! `docs/configuration.md` names every key that the parser knows, and no other,
//! and its examples are sound.

use super::*;

const PAGE: &str = include_str!("../../../docs/configuration.md");

/// The first and fourth cell of each row below a heading.
fn rows(heading: &str) -> Vec<(String, String)> {
    let (_, after) = PAGE
        .split_once(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("no heading {heading}"));
    let section = after.split("\n#").next().unwrap();
    let code = |cell: &str| cell.trim().trim_matches('`').to_owned();
    section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').collect();
            (code(cells[1]), code(cells[4]))
        })
        .collect()
}

fn check(heading: &str, keys: &[&str]) {
    let mut listed: Vec<String> = rows(heading).into_iter().map(|(key, _)| key).collect();
    let mut known: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    listed.sort();
    known.sort();
    assert_eq!(listed, known, "{heading}");
}

#[test]
fn the_page_names_every_key() {
    check("## Top level", whole::KEYS);
    check("## `graphite`", graphite::KEYS);
    check("## Receivers", receivers::KEYS);
    check("## Routes", routes::KEYS);
    check("## Alerts", &[alerts::KEYS, alerts::PREDECESSOR].concat());
    let flat: Vec<&str> = graphite::FLAT
        .iter()
        .map(|(flat, _)| *flat)
        .chain(predecessor::KEYS.iter().copied())
        .collect();
    check("## The predecessor's keys", &flat);
    for (kind, keys) in kinds::KEYS {
        check(&format!("### `{kind}`"), keys);
    }
}

/// Loads `lines` with what the examples of the page refer to.
fn accepts(example: &str, lines: &str) {
    let variables = [
        "SMTP_PASSWORD",
        "PAGERDUTY_KEY",
        "TOKEN",
        "OTHER_KEY",
        "GRAPHITE_PASSWORD",
    ];
    let bench = variables
        .iter()
        .fold(Bench::new(&[("alerts.yml", lines)]), |bench, name| {
            bench.with_env(name, "word")
        });
    let bench = ["SLACK_URL", "OTHER_SLACK_URL"]
        .iter()
        .fold(bench, |bench, name| {
            bench.with_env(name, "https://hooks.example.com")
        });
    let errors = match bench.load(&["alerts.yml"]) {
        Ok(_) => String::new(),
        Err(report) => report.to_string(),
    };
    assert!(errors.is_empty(), "{example}: {errors}");
}

#[test]
fn the_examples_of_the_page_are_sound() {
    let head = "receivers: {oncall: {console: {}}, other: {console: {}}}\n";
    let load = "alerts: [{name: Load, target: a.b, warning: 10}]\n";
    for (key, example) in rows("## Alerts") {
        let base = [
            ("name", "name: X"),
            ("target", "target: a.b"),
            ("warning", "warning: 10"),
        ];
        let lines: String = base
            .iter()
            .filter(|(name, _)| *name != key && !(key == "targets" && *name == "target"))
            .map(|(_, line)| format!("  {line}\n"))
            .collect();
        accepts(
            &example,
            &format!("graphite: {{url: http://g}}\n{head}alerts:\n-\n{lines}  {example}\n"),
        );
    }
    for (key, example) in rows("## `graphite`").iter().filter(|(key, _)| key != "ca") {
        let url = if key == "url" {
            ""
        } else {
            "  url: http://g\n"
        };
        let user = if key == "password" {
            "  username: u\n"
        } else {
            ""
        };
        let example = example.replace("${file:/run/secrets/graphite}", "word");
        accepts(
            &example,
            &format!("graphite:\n{url}{user}  {example}\n{head}{load}"),
        );
    }
    for (_, example) in rows("## Receivers") {
        accepts(
            &example,
            &format!(
                "graphite: {{url: http://g}}\nreceivers:\n  other: {{console: {{}}}}\n  x:\n    console: {{}}\n    {example}\n{load}"
            ),
        );
    }
    for (kind, needed) in [
        ("pagerduty", "routing_key: k"),
        ("email", "to: a@b.c\n      from: a@b.c"),
        ("webhook", "url: http://h"),
        ("slack", "url: http://h"),
        ("command", "run: [a]"),
    ] {
        for (key, example) in rows(&format!("### `{kind}`")) {
            let base: String = needed
                .split("\n")
                .map(str::trim)
                .filter(|line| !line.starts_with(&format!("{key}:")))
                .map(|line| format!("      {line}\n"))
                .collect();
            accepts(
                &example,
                &format!(
                    "graphite: {{url: http://g}}\nreceivers:\n  x:\n    {kind}:\n{base}      {example}\n{load}"
                ),
            );
        }
    }
    for (_, example) in rows("## Routes") {
        let notify = if example.starts_with("notify") {
            ""
        } else {
            "  notify: oncall\n"
        };
        accepts(
            &example,
            &format!("graphite: {{url: http://g}}\n{head}{load}routes:\n-\n{notify}  {example}\n"),
        );
    }
    for (key, example) in rows("## The predecessor's keys") {
        let url = if key == "graphite_url" {
            ""
        } else {
            "graphite_url: http://g\n"
        };
        let user = if key == "graphite_pass" {
            "graphite_user: u\n"
        } else {
            ""
        };
        accepts(&example, &format!("{url}{user}{example}\n{load}"));
    }
}
