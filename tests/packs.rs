//! The alert packs of `alerts/`: each is a sound configuration whose alerts
//! have their pages, their tests and their parameters, and says of a real
//! Graphite what it should. `CONTRIBUTING.md` tells people of these rules.
//!
//! What is sent, and what must be said of it: `tests/packs/`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::agent::{Finished, Setup};
use support::{DEADLINE, poll};

/// Alert, series, level.
type Levels = BTreeMap<String, BTreeMap<String, String>>;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every pack's name.
fn packs() -> BTreeSet<String> {
    let entries = std::fs::read_dir(root().join("alerts")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| !name.ends_with(".test"))
        .collect()
}

/// Runs `command` on the packs at `paths`, with what packs leave to their users.
fn graphite_pager(command: &str, paths: &[PathBuf], graphite: &str) -> Finished {
    let base = root().join("tests/packs/base.yml");
    let mut arguments = vec![command, "--format", "json", "-c", base.to_str().unwrap()];
    for path in paths {
        arguments.extend(["-c", path.to_str().unwrap()]);
    }
    Setup::new("")
        .arguments(&arguments)
        .env("GRAPHITE_URL", graphite)
        .run()
}

fn pack(name: &str) -> PathBuf {
    root().join("alerts").join(format!("{name}.yml"))
}

fn verified(paths: &[PathBuf]) -> Vec<Value> {
    let finished = graphite_pager("verify", paths, "http://graphite.example.com");
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    serde_json::from_str(&finished.stdout).unwrap()
}

fn tests_of(name: &str) -> PathBuf {
    root().join("alerts").join(format!("{name}.test.yml"))
}

fn text(name: &str) -> String {
    std::fs::read_to_string(pack(name)).unwrap()
}

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap()
}

/// The pack's parameters with their defaults, as its file declares them.
fn params(name: &str) -> Vec<(String, String)> {
    let pack = yaml(&text(name));
    let params = pack["params"].as_object();
    let params = params.unwrap_or_else(|| panic!("{name} has no `params`"));
    let shown = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
    params
        .iter()
        .map(|(param, default)| (param.clone(), shown(default)))
        .collect()
}

/// What stands before the pack's own names where nobody says otherwise.
fn prefix(name: &str) -> String {
    let mut params = params(name).into_iter();
    params.find(|(param, _)| param == "prefix").unwrap().1
}

/// A configuration with nothing but `use:`, with what packs leave to their users.
fn using(name: &str, params: &str) -> (Setup, [&'static str; 4]) {
    let base = std::fs::read_to_string(root().join("tests/packs/base.yml")).unwrap();
    let setup = Setup::new(&format!("{base}use: [{{{name}: {params}}}]\n"));
    (setup, ["--format", "json", "-c", "alerts.yml"])
}

#[test]
fn each_pack_can_be_used_alone_and_all_of_them_together() {
    let packs = packs();
    assert!(packs.len() >= 8, "{packs:?}");
    let alone: usize = packs.iter().map(|name| verified(&[pack(name)]).len()).sum();
    assert_eq!(verified(&[root().join("alerts")]).len(), alone);
}

#[test]
fn each_pack_has_tests_that_pass_and_reach_every_threshold_that_data_can_reach() {
    for name in packs() {
        let tests = tests_of(&name);
        let arguments = ["test", tests.to_str().unwrap(), "--coverage"];
        let finished = Setup::new("")
            .arguments(&[&arguments[..], &["--format", "json"]].concat())
            .run();
        assert_eq!(
            finished.code,
            Some(0),
            "{name}\n{}{}",
            finished.stderr,
            finished.stdout
        );
        let report: Value = serde_json::from_str(&finished.stdout).unwrap();
        let pack = std::fs::read_to_string(pack(&name)).unwrap();
        let alerts = report["coverage"].as_array().unwrap();
        assert_eq!(alerts.len(), verified(&[self::pack(&name)]).len(), "{name}");
        for alert in alerts {
            let of_alert = alert["alert"].as_str().unwrap();
            // one that only want of data can trip
            let (_, definition) = pack.split_once(&format!("- name: {of_alert}\n")).unwrap();
            let definition = definition.split("\n\n").next().unwrap();
            let never = definition.contains("critical: \"< 0\"");
            let reached = |level: &str| alert[level] != Value::Bool(false);
            assert!(
                alert["judged"] == true && reached("warning") && (never || reached("critical")),
                "{name}: {alert}"
            );
        }
        // and of each alert something that is left alone, lest it tells of everything
        let quiet = std::fs::read_to_string(&tests).unwrap();
        for alert in alerts {
            let quiet_one = format!(
                "    events: {{alert: {}, series: ",
                alert["alert"].as_str().unwrap()
            );
            assert!(quiet.contains(&quiet_one), "{name}: {alert}");
        }
    }
}

/// A list, or one item alone.
fn items(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}

/// Which kinds of tests an alert has.
fn kinds(tests: &Value, alert: &str) -> BTreeSet<&'static str> {
    let mut kinds = BTreeSet::new();
    for test in items(&tests["tests"]) {
        let of_alert = |list: &str| {
            let mut items = items(&test[list]);
            items.retain(|item| item["alert"] == alert);
            items
        };
        for event in of_alert("events") {
            match event["event"].as_str() {
                Some("opened") => kinds.insert("fires"),
                Some("resolved") => kinds.insert("recovers"),
                None if event["only"] == true => kinds.insert("stays quiet"),
                _ => false,
            };
        }
        for series in of_alert("series") {
            let values = items(&series["values"]);
            let values: Vec<String> = values.iter().map(|value| value.to_string()).collect();
            let values = values.join(" ").replace('"', "");
            let values: Vec<&str> = values.split_whitespace().collect();
            let gone = |value: &&str| *value == "-" || value.starts_with("-x");
            let there = values.iter().position(|value| !gone(value));
            if there.is_some_and(|at| values[at..].iter().any(gone)) {
                kinds.insert("vanishes");
            }
        }
    }
    kinds
}

#[test]
fn each_alert_has_tests_in_which_it_fires_stays_quiet_recovers_and_vanishes() {
    let expected = BTreeSet::from(["fires", "stays quiet", "recovers", "vanishes"]);
    for name in packs() {
        let tests = yaml(&std::fs::read_to_string(tests_of(&name)).unwrap());
        for alert in items(&yaml(&text(&name))["alerts"]) {
            let alert = alert["name"].as_str().unwrap();
            assert_eq!(kinds(&tests, alert), expected, "{name}: {alert}");
        }
    }
}

#[test]
fn thresholds_say_which_side_is_bad_and_silence_is_told_once() {
    for name in packs() {
        let pack = yaml(&text(&name));
        let alerts = items(&pack["alerts"]);
        for alert in &alerts {
            for key in ["warning", "critical"] {
                let shown = alert[key].as_str().unwrap_or_default();
                let turned = shown.starts_with("${");
                assert!(!turned, "{name}: `{key}: {shown}` has no direction");
            }
        }
        let tells = |alert: &&&Value| {
            let no_data = alert["no_data"].as_str();
            let no_data = no_data.unwrap_or_else(|| panic!("{name}: no `no_data` in {alert}"));
            !["keep", "ok"].contains(&no_data)
        };
        assert!(alerts.iter().filter(tells).count() <= 1, "{name}");
        let first = |alert: &&Value| {
            let name = alert["name"].as_str().unwrap();
            name.split(' ').next().unwrap().to_owned()
        };
        let words: BTreeSet<String> = alerts.iter().map(first).collect();
        assert_eq!(words.len(), 1, "{name}: {words:?}");
    }
}

#[test]
fn each_pack_says_what_its_names_rest_on() {
    for name in packs() {
        let text = text(&name);
        let (head, _) = text.split_once("\nparams:\n").unwrap();
        let comment = head.lines().all(|line| line.starts_with('#'));
        let source = ["source: ", "sources: ", "source:\n", "sources:\n"];
        let cited = source.iter().any(|word| head.contains(word));
        assert!(comment && cited, "{name}: no source in its head");
    }
}

#[test]
fn the_program_knows_each_pack_and_what_its_parameters_are() {
    let finished = Setup::new("")
        .arguments(&["packs", "--format", "json"])
        .run();
    assert_eq!((finished.code, &*finished.stderr), (Some(0), ""));
    let listed: Value = serde_json::from_str(&finished.stdout).unwrap();
    let names: BTreeSet<String> = items(&listed)
        .iter()
        .map(|pack| pack["pack"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, packs());
    for pack in items(&listed) {
        let name = pack["pack"].as_str().unwrap();
        assert!(pack["about"].as_str().unwrap().len() > 20, "{name}");
        let mut listed = Vec::new();
        for param in items(&pack["params"]) {
            let [param, default, about] =
                ["name", "default", "about"].map(|key| param[key].as_str().unwrap().to_owned());
            assert!(about.len() > 5, "{name}: `{param}` has no comment");
            listed.push((param, default));
        }
        let mut declared = params(name);
        assert_eq!(listed[0].0, "prefix", "{name}: `prefix` comes first");
        listed.sort();
        declared.sort();
        assert_eq!(listed, declared, "{name}");
        let printed = Setup::new("").arguments(&["packs", name]).run();
        assert_eq!((printed.code, printed.stdout), (Some(0), text(name)));
        let tests = Setup::new("").arguments(&["packs", name, "--tests"]).run();
        assert_eq!(tests.code, Some(0));
        assert_eq!(
            tests.stdout,
            std::fs::read_to_string(tests_of(name)).unwrap()
        );
    }
}

#[test]
fn a_name_that_no_pack_has_is_answered_with_the_nearest() {
    let finished = Setup::new("").arguments(&["packs", "haprox"]).run();
    let expected = "error: there is no pack `haprox`\n\nhint: did you mean `haproxy`?\n";
    assert_eq!((finished.code, &*finished.stderr), (Some(1), expected));
}

#[test]
fn packs_are_listed_a_line_each_with_their_parameters_below() {
    let finished = Setup::new("").arguments(&["packs"]).run();
    assert_eq!(finished.code, Some(0));
    let parts: Vec<&str> = finished.stdout.split("\n\n").collect();
    assert_eq!(parts.len(), packs().len());
    assert!(
        finished.stdout.contains(
            "\nhaproxy: HAProxy as Diamond's HAProxyCollector reports it.\n  prefix: servers.*  "
        ),
        "{}",
        finished.stdout
    );
}

#[test]
fn each_pack_is_used_by_its_name_and_with_another_prefix_watches_nothing_else() {
    for name in packs() {
        let (setup, options) = using(&name, "{prefix: some.where.else}");
        let finished = setup
            .env("GRAPHITE_URL", "http://graphite.example.com")
            .arguments(&[&["verify"], &options[..]].concat())
            .run();
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        let rows: Value = serde_json::from_str(&finished.stdout).unwrap();
        assert_eq!(items(&rows).len(), verified(&[pack(&name)]).len(), "{name}");
        let default = format!("{}.", prefix(&name));
        for target in items(&rows).iter().flat_map(|row| items(&row["targets"])) {
            let target = target.as_str().unwrap();
            let moved = target.contains("some.where.else.") && !target.contains(&default);
            assert!(moved, "{name}: {target}");
        }
    }
}

/// The names of all alerts of all packs.
fn alerts() -> BTreeSet<String> {
    verified(&[root().join("alerts")])
        .iter()
        .map(|alert| alert["alert"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_alert_has_a_page_and_every_page_an_alert() {
    let entries = std::fs::read_dir(root().join("alerts/docs")).unwrap();
    let folders = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir());
    let pages: BTreeSet<String> = folders
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    let mut expected = alerts();
    // the agent's own troubles have a page but no definition
    expected.insert("graphite-pager".to_owned());
    assert_eq!(pages, expected);
}

#[test]
fn every_page_says_what_it_means_how_to_look_and_what_to_do_first() {
    for alert in alerts() {
        let path = root().join("alerts/docs").join(&alert).join("README.md");
        let page = std::fs::read_to_string(path).unwrap();
        assert_eq!(page.lines().next(), Some(&*format!("# {alert}")));
        let mut rest = page.as_str();
        for heading in ["What it means", "How to look", "What to do first"] {
            let found = rest.split_once(&format!("\n## {heading}\n"));
            let (_, after) =
                found.unwrap_or_else(|| panic!("{alert}: no `{heading}` in its place"));
            let text = after.split("\n## ").next().unwrap();
            assert!(text.trim().len() > 40, "{alert}: nothing under `{heading}`");
            rest = after;
        }
        // where the links of the overflow incidents lead
        for anchor in ["(more)", "(more without data)"] {
            let anchor = format!("<a id=\"{anchor}\"></a>");
            assert!(page.contains(&anchor), "{alert}: no {anchor}");
        }
    }
}

#[test]
fn every_pack_has_an_expectation_of_every_alert_of_it() {
    for name in packs() {
        let expected = expectation(&name);
        let alerts: BTreeSet<String> = verified(&[pack(&name)])
            .iter()
            .map(|alert| alert["alert"].as_str().unwrap().to_owned())
            .collect();
        for state in ["healthy", "sick"] {
            let listed: BTreeSet<String> = expected[state].keys().cloned().collect();
            assert_eq!(listed, alerts, "{name}, {state}");
        }
        for alert in &alerts {
            let levels = expected["sick"][alert].values();
            let bad = levels.filter(|level| *level != "ok").count();
            assert!(bad > 0, "{name}: nothing makes `{alert}` bad");
        }
    }
}

/// By state.
fn expectation(name: &str) -> BTreeMap<String, Levels> {
    let path = root().join(format!("tests/packs/{name}.expect.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

// --- on the real Graphite -------------------------------------------------------------------

fn service(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: this test needs the services of tests/run"))
}

fn feed(name: &str, state: &str, options: &[&str]) {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let status = Command::new(python)
        .arg(root().join("tests/packs/feed.py"))
        .args([name, state, &service("CARBON_TEST_ADDR")])
        .args(options)
        .status()
        .unwrap();
    assert!(status.success());
}

/// What `check` says of a pack, with its exit status; or what went wrong.
fn checked(path: &Path) -> Result<(Levels, Option<i32>), String> {
    levels(graphite_pager(
        "check",
        &[path.to_path_buf()],
        &service("GRAPHITE_TEST_URL"),
    ))
}

/// A Graphite whose files are just being made may fail.
fn levels(finished: Finished) -> Result<(Levels, Option<i32>), String> {
    if finished.stderr.contains("error:") {
        return Err(finished.stderr);
    }
    let rows: Vec<Value> = serde_json::from_str(&finished.stdout).unwrap();
    let mut levels = Levels::new();
    for row in rows {
        let [alert, series, level] =
            ["alert", "series", "level"].map(|key| row[key].as_str().unwrap().to_owned());
        levels.entry(alert).or_default().insert(series, level);
    }
    Ok((levels, finished.code))
}

/// Series that read otherwise than expected, and series that nobody expected to be bad.
fn differences(found: &Levels, expected: &Levels) -> Vec<String> {
    let none = BTreeMap::new();
    let mut differences = Vec::new();
    for (alert, series) in expected {
        let read = found.get(alert).unwrap_or(&none);
        for (name, level) in series {
            let read = read.get(name).map_or("not there", String::as_str);
            if read != level {
                differences.push(format!("{alert} {name} is {read}, expected {level}"));
            }
        }
        for (name, level) in read {
            // sick hosts of an earlier run on the same Graphite may still be seen
            let left = name.starts_with("sick");
            if !series.contains_key(name) && level != "ok" && !left {
                differences.push(format!("{alert} {name} is {level}, expected nothing"));
            }
        }
    }
    differences
}

/// The exit status that these levels call for.
fn worst(levels: &Levels) -> i32 {
    let read: BTreeSet<&str> = levels
        .values()
        .flat_map(BTreeMap::values)
        .map(String::as_str)
        .collect();
    let order = [("critical", 2), ("no_data", 3), ("warning", 1)];
    order
        .iter()
        .find(|(level, _)| read.contains(level))
        .map_or(0, |(_, code)| *code)
}

/// Sends the pack's data in both states; waits until what was sent last is seen.
fn judged_as_expected(name: &str) {
    let expected = expectation(name);
    for state in ["healthy", "sick"] {
        // sick data come after healthy ones of other hosts, which stay well
        let mut wanted = expected["healthy"].clone();
        if state == "sick" {
            for (alert, series) in &expected["sick"] {
                wanted.get_mut(alert).unwrap().extend(series.clone());
            }
        }
        feed(name, state, &[]);
        let mut last = Vec::new();
        let same = poll(DEADLINE, || {
            let (levels, code) = checked(&pack(name))
                .map_err(|error| last = vec![error])
                .ok()?;
            last = differences(&levels, &wanted);
            last.is_empty().then_some((worst(&levels), code))
        });
        let (worst, code) = same.unwrap_or_else(|| panic!("{name}, {state}:\n{}", last.join("\n")));
        assert_eq!(code, Some(worst), "{name}, {state}");
    }
}

#[test]
#[ignore = "needs the real Graphite of tests/run"]
fn a_prefix_may_have_any_number_of_nodes() {
    let under = "two.more";
    for name in packs() {
        feed(&name, "healthy", &["--under", under]);
        let expected = expectation(&name).remove("healthy").unwrap();
        let default = prefix(&name);
        let mut last = Vec::new();
        let same = poll(DEADLINE, || {
            let (setup, options) = using(&name, &format!("{{prefix: {under}.{default}}}"));
            let finished = setup
                .env("GRAPHITE_URL", service("GRAPHITE_TEST_URL"))
                .arguments(&[&["check"], &options[..]].concat())
                .run();
            let (levels, _) = levels(finished).map_err(|error| last = vec![error]).ok()?;
            last = differences(&levels, &expected);
            last.is_empty().then_some(())
        });
        assert!(same.is_some(), "{name}:\n{}", last.join("\n"));
    }
}

macro_rules! judged_on_the_real_graphite {
    ($($test:ident $name:literal)*) => {
        $(
            #[test]
            #[ignore = "needs the real Graphite of tests/run"]
            fn $test() {
                judged_as_expected($name);
            }
        )*

        #[test]
        fn every_pack_is_judged_on_the_real_graphite() {
            assert_eq!(packs(), BTreeSet::from([$($name.to_owned()),*]));
        }
    };
}

judged_on_the_real_graphite! {
    business_is_judged_as_expected "business"
    carbon_is_judged_as_expected "carbon"
    deploys_is_judged_as_expected "deploys"
    graphite_pager_is_judged_as_expected "graphite-pager"
    haproxy_is_judged_as_expected "haproxy"
    jvm_is_judged_as_expected "jvm"
    kafka_is_judged_as_expected "kafka"
    linux_collectd_is_judged_as_expected "linux-collectd"
    linux_diamond_is_judged_as_expected "linux-diamond"
    linux_telegraf_is_judged_as_expected "linux-telegraf"
    mongodb_is_judged_as_expected "mongodb"
    nginx_is_judged_as_expected "nginx"
    postgresql_is_judged_as_expected "postgresql"
    rabbitmq_is_judged_as_expected "rabbitmq"
    redis_is_judged_as_expected "redis"
    resque_is_judged_as_expected "resque"
    statsd_is_judged_as_expected "statsd"
}
