//! How series are judged (design section 4), rule by rule, through the binary.
//! Where a reading is enough it is `check`'s; where time matters, the agent's.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use support::agent::{Agent, Setup};
use support::graphite::{Failure, Graphite, Request, Series, epoch_now};
use support::pagerduty::PagerDuty;
use support::{DEADLINE, poll};

const SCREEN: &str = "receivers: {screen: {console: {}}}";

/// A configuration with these lines of `alerts:`, evaluated each second.
fn configuration(graphite: &Graphite, top: &str, alerts: &[String]) -> String {
    let mut text = format!(
        "graphite: {{url: '{}', timeout: 1s, error_for: 2s}}\n\
         listen: off\n\
         defaults: {{every: 1s, settle: off, recover_for: 0s, no_data_for: 1s, missing_for: 1s}}\n\
         {top}\nalerts:\n",
        graphite.url()
    );
    for alert in alerts {
        let _ = writeln!(text, "  - {{{alert}}}");
    }
    text
}

fn setup(graphite: &Graphite, top: &str, alerts: &[&str]) -> Setup {
    let alerts: Vec<_> = alerts.iter().map(ToString::to_string).collect();
    Setup::new(&configuration(graphite, top, &alerts))
}

/// The agent with a console.
fn start(graphite: &Graphite, alerts: &[&str]) -> Agent {
    setup(graphite, SCREEN, alerts).start()
}

/// What `check` prints of this configuration, and its exit status.
fn checked(text: &str) -> (Vec<Value>, Option<i32>, String) {
    let arguments = ["check", "-c", "alerts.yml", "--format", "json"];
    let done = Setup::new(text).arguments(&arguments).run();
    let rows = serde_json::from_str(&done.stdout).unwrap_or_default();
    (rows, done.code, done.stderr)
}

/// Alert, series and level of each row.
fn levels(rows: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rows.iter()
        .map(|row| {
            ["alert", "series", "level"]
                .map(|key| text(&row[key]))
                .join(" ")
        })
        .collect()
}

/// Waits until the agent has evaluated each of `targets` a few times more.
fn evaluated(graphite: &Graphite, targets: &[&str], times: usize) {
    // one more: the last may not be judged yet
    let wanted = targets
        .iter()
        .map(|target| (target, graphite.requests_for(target).len() + times + 1));
    for (target, count) in wanted.collect::<Vec<_>>() {
        graphite.wait_requests(target, count);
    }
}

fn lines(agent: &Agent, part: &str) -> usize {
    agent
        .stdout()
        .lines()
        .filter(|line| line.contains(part))
        .count()
}

// 1. Request

#[test]
fn a_request_names_its_window_in_epoch_seconds() {
    let graphite = Graphite::start();
    let alerts: Vec<String> = [
        ("a", "", 300, 0),
        ("b", "from: -90s", 90, 0),
        ("c", "from: -10min", 600, 0),
        ("d", "from: -1h30min", 5400, 0),
        ("e", "from: -2d, until: -1min", 172_800, 60),
    ]
    .map(|(target, window, ..)| {
        let comma = if window.is_empty() { "" } else { ", " };
        format!("name: {target}, target: {target}, critical: 1{comma}{window}")
    })
    .to_vec();
    let before = epoch_now();
    checked(&configuration(&graphite, "", &alerts));
    let after = epoch_now();
    for (target, from, until) in [
        ("a", 300, 0),
        ("b", 90, 0),
        ("c", 600, 0),
        ("d", 5400, 0),
        ("e", 172_800, 60),
    ] {
        let request = graphite.requests_for(target).remove(0);
        let number = |name| request.parameter(name).unwrap().parse::<i64>().unwrap();
        assert_eq!(number("until") - number("from"), from - until, "{target}");
        let slot = number("until") + until;
        assert!((before..=after).contains(&slot), "{target}: {slot}");
    }
}

#[test]
fn other_times_are_left_to_graphite() {
    let graphite = Graphite::start();
    let alert = "name: a, target: a, critical: 1, from: midnight+9h, until: 'noon_yesterday'";
    checked(&configuration(&graphite, "", &[alert.to_owned()]));
    let request = graphite.requests_for("a").remove(0);
    let found = ["from", "until"].map(|name| request.parameter(name));
    assert_eq!(found, [Some("midnight+9h"), Some("noon_yesterday")]);
}

#[test]
fn a_request_asks_for_fresh_points_as_they_are() {
    let graphite = Graphite::start();
    let alerts = ["name: a, target: a, critical: 1".to_owned()];
    let fresh = configuration(&graphite, "", &alerts);
    let cached = fresh.replace("error_for: 2s", "error_for: 2s, cache: true");
    for (text, expected) in [(fresh, Some("1")), (cached, None)] {
        graphite.forget_requests();
        checked(&text);
        let request = graphite.requests_for("a").remove(0);
        assert_eq!(request.parameter("noCache"), expected);
        let names: BTreeSet<_> = request
            .parameters
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let allowed = BTreeSet::from(["target", "from", "until", "format", "noCache"]);
        assert!(names.is_subset(&allowed), "{names:?}");
    }
}

/// Whether gzip was welcome, in each of these requests.
fn welcome(requests: &[Request]) -> Vec<&str> {
    let headers = requests
        .iter()
        .map(|request| request.header("accept-encoding"));
    headers.map(|said| said.unwrap_or("nothing")).collect()
}

#[test]
fn answers_are_compressed_where_the_configuration_says_so() {
    let graphite = Graphite::start();
    graphite.set("a", vec![Series::constant("a", 1.0)]);
    let alerts = ["name: a, target: a, critical: 10".to_owned()];
    let plain = configuration(&graphite, "", &alerts);
    let with = |gzip: &str| plain.replace("error_for: 2s", &format!("error_for: 2s, gzip: {gzip}"));
    let commands = ["check", "verify --online", "replay --from -1h"];
    for command in commands {
        for (text, expected) in [
            (plain.clone(), "identity"),
            (with("true"), "gzip"),
            (with("false"), "identity"),
        ] {
            graphite.forget_requests();
            let mut arguments: Vec<&str> = command.split(' ').collect();
            arguments.extend(["-c", "alerts.yml"]);
            Setup::new(&text).arguments(&arguments).run();
            let requests = graphite.requests();
            let welcome = welcome(&requests);
            assert!(
                !welcome.is_empty() && welcome.iter().all(|said| *said == expected),
                "{command}: {welcome:?}"
            );
        }
    }
}

#[test]
fn another_word_on_compression_is_heeded_from_the_reload_on() {
    let graphite = Graphite::start();
    graphite.set("a", vec![Series::constant("a", 1.0)]);
    let alerts = ["name: a, target: a, critical: 10".to_owned()];
    let plain = configuration(&graphite, SCREEN, &alerts);
    let mut agent = Setup::new(&plain).start();
    assert_eq!(welcome(&graphite.wait_requests("a", 1))[0], "identity");
    let with = plain.replace("error_for: 2s", "error_for: 2s, gzip: true");
    for (text, expected) in [(with, "gzip"), (plain, "identity")] {
        agent.setup().write("alerts.yml", &text);
        agent.signal(Signal::HUP);
        poll(DEADLINE, || {
            let requests = graphite.requests_for("a");
            (welcome(&requests).last() == Some(&expected)).then_some(())
        })
        .unwrap_or_else(|| panic!("{expected}: {}", agent.stderr()));
    }
    agent.stop();
}

#[test]
fn an_evaluation_is_for_its_slot() {
    let graphite = Graphite::start();
    graphite.set("a", vec![Series::constant("a", 1.0)]);
    let _agent = start(&graphite, &["name: a, target: a, critical: 10, every: 2s"]);
    let requests = graphite.wait_requests("a", 3);
    let slots: Vec<i64> = requests
        .iter()
        .map(|request| request.parameter("until").unwrap().parse().unwrap())
        .collect();
    assert!(
        slots.windows(2).all(|two| two[1] - two[0] == 2),
        "{slots:?}"
    );
}

#[test]
fn all_targets_of_an_alert_are_judged() {
    let graphite = Graphite::start();
    graphite.set("one", vec![Series::constant("a", 30.0)]);
    graphite.set("two", vec![Series::constant("b", 1.0)]);
    let alert = "name: Load, targets: [one, two], critical: 20".to_owned();
    let (rows, ..) = checked(&configuration(&graphite, "", &[alert]));
    assert_eq!(levels(&rows), ["Load a critical", "Load b ok"]);
}

// 2. Claims

#[test]
fn a_specific_alert_stands_before_a_catch_all() {
    let graphite = Graphite::start();
    let both = [Series::constant("db", 30.0), Series::constant("web", 30.0)];
    graphite.set("servers.db", vec![both[0].clone()]);
    graphite.set("servers.*", both.to_vec());
    let alerts = [
        "name: Load, target: servers.db, critical: 100",
        "name: Load, target: 'servers.*', critical: 20",
        // another name is another group
        "name: Other, target: 'servers.*', critical: 20",
    ]
    .map(ToOwned::to_owned);
    let (rows, ..) = checked(&configuration(&graphite, "", &alerts));
    let expected = [
        "Load db ok",
        "Load web critical",
        "Other db critical",
        "Other web critical",
    ];
    assert_eq!(levels(&rows), expected);
}

#[test]
fn while_an_earlier_alert_fails_a_later_one_judges_only_what_was_its_own() {
    let graphite = Graphite::start();
    graphite.set("servers.db", vec![Series::constant("db", 30.0)]);
    graphite.set(
        "servers.*",
        vec![Series::constant("db", 30.0), Series::constant("web", 1.0)],
    );
    let mut agent = start(
        &graphite,
        &[
            "name: Load, target: servers.db, critical: 100",
            "name: Load, target: 'servers.*', critical: 20",
        ],
    );
    evaluated(&graphite, &["servers.*"], 1);
    graphite.fail_target("servers.db", Failure::status(500));
    evaluated(&graphite, &["servers.*"], 1);
    graphite.set_value("servers.*", "web", 30.0);
    agent.wait_stdout("[CRITICAL] Load web");
    evaluated(&graphite, &["servers.*"], 2);
    assert_eq!(lines(&agent, "Load db"), 0);
}

#[test]
fn a_series_that_moves_between_alerts_keeps_its_key() {
    let (graphite, pagerduty) = (Graphite::start(), PagerDuty::start());
    graphite.set("first", vec![Series::constant("x", 1.0)]);
    graphite.set(
        "second",
        vec![Series::constant("a", 30.0), Series::constant("b", 1.0)],
    );
    let receiver = receiver(&pagerduty);
    let alerts = [
        "name: Load, target: first, critical: 20",
        "name: Load, target: second, critical: 20",
    ];
    let _agent = setup(&graphite, &receiver, &alerts).start();
    let opened = wait_events(&pagerduty, 1);
    graphite.put("first", Series::constant("a", 30.0));
    evaluated(&graphite, &["first"], 2);
    graphite.set_value("first", "a", 1.0);
    let events = wait_events(&pagerduty, 2);
    assert_eq!(events[0], opened[0]);
    let keys: Vec<_> = events
        .iter()
        .map(|event| event["dedup_key"].clone())
        .collect();
    assert_eq!(keys, ["graphite-pager/Load/a"; 2]);
    assert_eq!(events[1]["event_action"], "resolve");
}

// 3. Exclude

#[test]
fn excluded_series_are_not_judged() {
    let graphite = Graphite::start();
    let all = ["web-1", "web-2", "db", "a,b", "x[1]"].map(|name| Series::constant(name, 30.0));
    graphite.set("all", all.to_vec());
    let alert = "name: Load, target: all, critical: 20, exclude: ['web-*', 'a,b', 'x[1]']";
    let (rows, ..) = checked(&configuration(&graphite, "", &[alert.to_owned()]));
    assert_eq!(levels(&rows), ["Load db critical"]);
}

#[test]
fn the_incident_of_a_series_that_is_excluded_resolves_and_says_so() {
    let graphite = Graphite::start();
    graphite.set(
        "all",
        vec![Series::constant("web-1", 30.0), Series::constant("db", 1.0)],
    );
    let alert = "name: Load, target: all, critical: 20";
    let mut agent = start(&graphite, &[alert]);
    agent.wait_stdout("[CRITICAL] Load web-1");
    let excluding = format!("{alert}, exclude: ['web-*']");
    let text = configuration(&graphite, SCREEN, &[excluding]);
    agent.setup().write("alerts.yml", &text);
    agent.signal(Signal::HUP);
    let line = agent.wait_stdout("[OK] Load web-1");
    assert!(line.contains("excluded"), "{line}");
}

// 4. Same legend twice: see tests/check.rs; the agent tells of it once

#[test]
fn a_legend_that_comes_twice_is_one_incident_of_the_worst_reading() {
    let graphite = Graphite::start();
    let same = [30.0, 1.0].map(|value| Series::constant("same", value));
    graphite.set("all", same.to_vec());
    let mut agent = start(&graphite, &["name: Load, target: all, critical: 20"]);
    agent.wait_stdout("[CRITICAL] Load same is 30");
    agent.wait_stderr("the alias hides something");
    evaluated(&graphite, &["all"], 2);
    assert_eq!(lines(&agent, "same"), 1);
}

// 5. Value

#[test]
fn each_reducer_makes_one_value_of_the_window() {
    let graphite = Graphite::start();
    let values = [
        4.0,
        1.0,
        f64::NAN,
        3.0,
        f64::INFINITY,
        2.0,
        f64::NEG_INFINITY,
    ];
    let mut points: Vec<_> = values.iter().map(|value| Some(*value)).collect();
    points.extend([None, None]);
    graphite.set("a", vec![Series::ending("a", &points)]);
    let reducers = [
        ("last", 2.0),
        ("avg", 2.5),
        ("min", 1.0),
        ("max", 4.0),
        ("sum", 10.0),
        ("median", 2.5),
        ("count", 4.0),
        ("first", 4.0),
        ("delta", -2.0),
        ("p0", 1.0),
        ("p50", 2.5),
        ("p100", 4.0),
    ];
    let alerts = reducers.map(|(name, _)| {
        format!("name: {name}, target: a, from: -20min, critical: 1000, reduce: {name}")
    });
    let raw = configuration(&graphite, "", &alerts);
    let json = raw.replace("error_for: 2s", "error_for: 2s, format: json");
    for text in [raw, json] {
        let (rows, ..) = checked(&text);
        let found: Vec<_> = rows
            .iter()
            .map(|row| {
                (
                    row["alert"].as_str().unwrap(),
                    row["value"].as_f64().unwrap(),
                )
            })
            .collect();
        assert_eq!(found, reducers);
    }
}

#[test]
fn a_bucket_that_is_still_being_filled_does_not_count() {
    let graphite = Graphite::start();
    let filled = [Some(10.0), Some(20.0), Some(900.0)];
    graphite.set("a", vec![Series::ending("a", &filled)]);
    graphite.set("new", vec![Series::ending("a", &[Some(900.0)])]);
    let alerts = [
        ("default", "a", ""),
        ("none", "a", ", settle: 0s"),
        ("off", "a", ", settle: off"),
        ("new", "new", ""),
    ]
    .map(|(name, target, settle)| {
        format!("name: {name}, target: {target}, critical: 9999{settle}")
    });
    let text = configuration(&graphite, "", &alerts).replace(" settle: off, recover", " recover");
    let (rows, ..) = checked(&text);
    let values: Vec<_> = rows
        .iter()
        .map(|row| row["value"].as_f64().unwrap())
        .collect();
    let until = graphite.requests_for("a")[0]
        .parameter("until")
        .unwrap()
        .parse::<i64>();
    // in the first five seconds of a minute the one before is not settled
    let settled = if until.unwrap() % 60 < 5 { 10.0 } else { 20.0 };
    assert_eq!(values, [settled, 20.0, 900.0, 900.0]);
}

#[test]
fn points_older_than_max_age_are_none() {
    let graphite = Graphite::start();
    let old = Series::starting("a", epoch_now() - 600, &[Some(30.0), Some(30.0)]);
    graphite.set("a", vec![old]);
    let alerts = ["1h", "5m"]
        .map(|age| format!("name: {age}, target: a, from: -20min, critical: 20, max_age: {age}"));
    let (rows, ..) = checked(&configuration(&graphite, "", &alerts));
    assert_eq!(levels(&rows), ["1h a critical", "5m a no_data"]);
}

#[test]
fn points_later_than_until_are_none() {
    let graphite = Graphite::start();
    // as summarize does: a bucket that begins in the future
    let start = epoch_now() - 60;
    let raw = format!("a,{start},{},60|1.0,2.0,900.0,900.0\n", start + 240);
    graphite.fail_target("a", Failure::Status(200, "text/plain", raw));
    let alert = "name: Load, target: a, critical: 20".to_owned();
    let (rows, ..) = checked(&configuration(&graphite, "", &[alert]));
    assert_eq!(levels(&rows), ["Load a ok"]);
}

// 6. Level

#[test]
fn a_threshold_is_a_number_or_a_condition() {
    let graphite = Graphite::start();
    let cases = [
        // two numbers
        ("warning: 10, critical: 20", 9.9, "ok"),
        ("warning: 10, critical: 20", 10.0, "warning"),
        ("warning: 10, critical: 20", 20.0, "critical"),
        ("warning: 20, critical: 10", 20.1, "ok"),
        ("warning: 20, critical: 10", 20.0, "warning"),
        ("warning: 20, critical: 10", 10.0, "critical"),
        ("warning: -10, critical: -20", -20.0, "critical"),
        ("warning: -20, critical: -10", -20.0, "warning"),
        ("warning: 1e3, critical: 2e3", 1999.0, "warning"),
        ("warning: 1e3, critical: 2e3", 2000.0, "critical"),
        // one number
        ("critical: 20", 20.0, "critical"),
        ("critical: 20", 19.0, "ok"),
        ("warning: 10", 10.0, "warning"),
        // a quoted number is a number
        ("warning: '20', critical: '10'", 10.0, "critical"),
        ("warning: '10', critical: 9.5", 9.0, "critical"),
        // conditions
        ("critical: '> 90'", 90.0, "ok"),
        ("critical: '> 90'", 90.1, "critical"),
        ("critical: '>= 1.5K'", 1500.0, "critical"),
        ("critical: '>= 1.5K'", 1499.0, "ok"),
        ("critical: '< 200MB'", 199_999_999.0, "critical"),
        ("critical: '< 200MB'", 200_000_000.0, "ok"),
        ("critical: '<= 1KiB'", 1024.0, "critical"),
        ("critical: '<= 1KiB'", 1025.0, "ok"),
        ("critical: '== 0'", 0.0, "critical"),
        ("critical: '== 0'", 0.1, "ok"),
        ("critical: '!= 1'", 1.0, "ok"),
        ("critical: '!= 1'", 2.0, "critical"),
        ("critical: 'inside 10..20'", 10.0, "critical"),
        ("critical: 'inside 10..20'", 20.0, "critical"),
        ("critical: 'inside 10..20'", 20.1, "ok"),
        ("critical: 'outside 10..20'", 10.0, "ok"),
        ("critical: 'outside 10..20'", 9.9, "critical"),
        ("critical: '< -5'", -6.0, "critical"),
        ("critical: '>= 5%'", 5.0, "critical"),
        // units
        ("critical: '>= 1K'", 999.0, "ok"),
        ("critical: '>= 1M'", 1e6, "critical"),
        ("critical: '>= 1G'", 1e9, "critical"),
        ("critical: '>= 1T'", 1e12, "critical"),
        ("critical: '>= 1KB'", 1e3, "critical"),
        ("critical: '>= 1GB'", 1e9, "critical"),
        ("critical: '>= 1TB'", 1e12, "critical"),
        ("critical: '>= 1MiB'", 1_048_575.0, "ok"),
        ("critical: '>= 1MiB'", 1_048_576.0, "critical"),
        ("critical: '>= 1GiB'", 1_073_741_824.0, "critical"),
        ("critical: '>= 1TiB'", 1_099_511_627_776.0, "critical"),
        ("critical: '>= 250ms'", 0.25, "critical"),
        ("critical: '>= 250ms'", 0.24, "ok"),
        ("critical: '>= 10s'", 10.0, "critical"),
        ("critical: '>= 2m'", 120.0, "critical"),
        ("critical: '>= 2m'", 119.0, "ok"),
        ("critical: '>= 1h'", 3600.0, "critical"),
        ("critical: '>= 1d'", 86_400.0, "critical"),
        ("critical: '>= 1w'", 604_800.0, "critical"),
        // critical first, whatever the two conditions are
        ("warning: '> 0', critical: '== 5'", 5.0, "critical"),
        ("warning: '> 0', critical: '== 5'", 6.0, "warning"),
    ];
    let alerts: Vec<_> = (0..)
        .zip(&cases)
        .map(|(n, (thresholds, value, _))| {
            graphite.set(&format!("t{n}"), vec![Series::constant("a", *value)]);
            format!("name: A{n}, target: t{n}, {thresholds}")
        })
        .collect();
    let (rows, _, errors) = checked(&configuration(&graphite, "", &alerts));
    assert_eq!(rows.len(), cases.len(), "{errors}");
    for (row, (thresholds, value, expected)) in rows.iter().zip(cases) {
        assert_eq!(row["level"], expected, "{thresholds} at {value}");
    }
}

#[test]
fn equal_thresholds_are_an_error_that_explains_itself() {
    let graphite = Graphite::start();
    let alert = "name: Load, target: a, warning: 10, critical: 10".to_owned();
    let (_, code, errors) = checked(&configuration(&graphite, "", &[alert]));
    assert_eq!(code, Some(3));
    assert!(errors.contains("are both 10"), "{errors}");
}

// 7. Hysteresis

#[test]
fn an_incident_with_recover_ends_only_beyond_it() {
    let graphite = Graphite::start();
    graphite.set(
        "all",
        vec![Series::constant("a", 12.0), Series::constant("b", 9.0)],
    );
    let alert = "name: Load, target: all, warning: 10, critical: 20, recover: 8";
    let mut agent = start(&graphite, &[alert]);
    agent.wait_stdout("[WARNING] Load a is 12 (>= 10)");
    graphite.set_value("all", "a", 8.0);
    evaluated(&graphite, &["all"], 3);
    assert_eq!(lines(&agent, "[OK]"), 0);
    graphite.set_value("all", "a", 7.5);
    agent.wait_stdout("[OK] Load a is 7.5");
    // `b` was never bad
    assert_eq!(lines(&agent, "Load b"), 0);
}

// 8. No data

#[test]
fn a_null_is_told_as_no_data_says() {
    let graphite = Graphite::start();
    let settings = ["alert", "warning", "critical", "ok", "keep"];
    let alerts: Vec<_> = settings
        .iter()
        .map(|setting| {
            graphite.set(setting, vec![Series::nulls("a")]);
            format!("name: {setting}, target: {setting}, critical: 20, no_data: {setting}")
        })
        .chain(["name: older, target: ok, critical: 20, allow_no_data: true".to_owned()])
        .collect();
    let alerts: Vec<_> = alerts.iter().map(String::as_str).collect();
    let mut agent = start(&graphite, &alerts);
    agent.wait_stdout("[NO DATA] alert a has no data since");
    agent.wait_stdout("[WARNING] warning a has no data since");
    agent.wait_stdout("[CRITICAL] critical a has no data since");
    evaluated(&graphite, &settings, 1);
    assert_eq!(agent.stdout().lines().count(), 3);
    // data lower it, at once where it was for want of data
    graphite.set_value("alert", "a", 1.0);
    agent.wait_stdout("[OK] alert a is 1");
}

#[test]
fn no_data_ok_resolves_what_data_opened_and_keep_leaves_it() {
    let graphite = Graphite::start();
    for target in ["ok", "keep", "alert"] {
        graphite.set(target, vec![Series::constant("a", 30.0)]);
    }
    let alerts = ["ok", "keep", "alert"]
        .map(|name| format!("name: {name}, target: {name}, critical: 20, no_data: {name}"));
    let mut agent = start(&graphite, &alerts.each_ref().map(String::as_str));
    for name in ["ok", "keep", "alert"] {
        agent.wait_stdout(&format!("[CRITICAL] {name} a"));
        graphite.set(name, vec![Series::nulls("a")]);
    }
    agent.wait_stdout("[OK] ok a");
    evaluated(&graphite, &["keep", "alert"], 2);
    // critical ranks above no data
    assert_eq!(agent.stdout().lines().count(), 4);
}

// 9. Vanished

#[test]
fn a_series_that_vanishes_is_told_as_missing_says() {
    let graphite = Graphite::start();
    let settings = ["alert", "warning", "critical", "ok", "keep"];
    let both = || vec![Series::constant("a", 1.0), Series::constant("b", 1.0)];
    let alerts = settings.map(|setting| {
        graphite.set(setting, both());
        let no_data = if setting == "alert" {
            "critical"
        } else {
            "alert"
        };
        format!(
            "name: {setting}, target: {setting}, critical: 20, \
             no_data: {no_data}, missing: {setting}"
        )
    });
    let mut agent = start(&graphite, &alerts.each_ref().map(String::as_str));
    evaluated(&graphite, &settings, 1);
    for setting in settings {
        graphite.remove(setting, "a");
    }
    agent.wait_stdout("[NO DATA] alert a has no data since");
    agent.wait_stdout("[WARNING] warning a has no data since");
    agent.wait_stdout("[CRITICAL] critical a has no data since");
    evaluated(&graphite, &settings, 2);
    assert_eq!(agent.stdout().lines().count(), 3);
    graphite.set("alert", both());
    agent.wait_stdout("[OK] alert a is 1");
}

#[test]
fn missing_says_what_no_data_says_by_default() {
    let graphite = Graphite::start();
    graphite.set(
        "all",
        vec![Series::constant("a", 1.0), Series::constant("b", 1.0)],
    );
    let mut agent = start(
        &graphite,
        &["name: Load, target: all, critical: 20, no_data: warning"],
    );
    evaluated(&graphite, &["all"], 1);
    graphite.remove("all", "a");
    agent.wait_stdout("[WARNING] Load a");
}

#[test]
fn a_forgotten_series_ends_its_incident_and_says_so() {
    let graphite = Graphite::start();
    graphite.set(
        "all",
        vec![Series::constant("a", 30.0), Series::constant("b", 1.0)],
    );
    let mut agent = start(
        &graphite,
        &["name: Load, target: all, critical: 20, forget_after: 2s"],
    );
    agent.wait_stdout("[CRITICAL] Load a");
    graphite.remove("all", "a");
    let line = agent.wait_stdout("[OK] Load a");
    assert!(line.contains("forgotten"), "{line}");
}

// 10. Silence in numbers

#[test]
fn many_series_that_fall_silent_at_once_are_one_page() {
    let graphite = Graphite::start();
    let all = |value: Option<f64>| -> Vec<Series> {
        let series = |n| match value {
            Some(value) => Series::constant(&format!("s{n}"), value),
            None => Series::nulls(&format!("s{n}")),
        };
        (0..12).map(series).collect()
    };
    graphite.set("all", all(Some(1.0)));
    let mut agent = start(&graphite, &["name: Load, target: all, critical: 20"]);
    evaluated(&graphite, &["all"], 1);
    graphite.set("all", all(None));
    let host = "127.0.0.1";
    let line = agent.wait_stdout("[NO DATA]");
    let expected = format!(
        "[NO DATA] graphite-pager {host} (no data) has no data for 12 series at once: Load (12)"
    );
    assert!(line.starts_with(&expected), "{line}");
    // one that comes back bad is judged as ever
    graphite.put("all", Series::constant("s3", 30.0));
    agent.wait_stdout("[CRITICAL] Load s3 is 30");
    graphite.set("all", all(Some(1.0)));
    agent.wait_stdout(&format!("[OK] graphite-pager {host} (no data)"));
    agent.wait_stdout("[OK] Load s3");
    assert_eq!(agent.stdout().lines().count(), 4);
}

// 11. Nothing matched

#[test]
fn a_target_that_matches_nothing_is_told_by_its_name() {
    let graphite = Graphite::start();
    let alerts = [
        "name: Load, target: 'servers.*.load', critical: 20",
        "name: Calm, target: 'other.*', critical: 20, no_data: ok",
    ];
    let mut agent = start(&graphite, &alerts);
    agent.wait_stdout("[NO DATA] Load servers.*.load matches no series");
    graphite.set("servers.*.load", vec![Series::constant("web", 1.0)]);
    agent.wait_stdout("[OK] Load servers.*.load");
    evaluated(&graphite, &["other.*"], 1);
    assert_eq!(agent.stdout().lines().count(), 2);
}

#[test]
fn fewer_than_min_series_are_one_incident() {
    let graphite = Graphite::start();
    let series = ["a", "b", "c"].map(|name| Series::constant(name, 1.0));
    graphite.set("all", series.to_vec());
    let alert = "name: Load, target: all, critical: 20, min_series: 3, no_data: critical, \
                 missing: keep, exclude: [c]";
    let mut agent = start(&graphite, &[alert]);
    evaluated(&graphite, &["all"], 2);
    assert_eq!(agent.stdout(), "");
    graphite.set("all", series[..2].to_vec());
    agent.wait_stdout("[CRITICAL] Load (too few series) only 2 of 3 series");
    graphite.set("all", series[..1].to_vec());
    evaluated(&graphite, &["all"], 2);
    assert_eq!(agent.stdout().lines().count(), 1);
    graphite.set("all", series.to_vec());
    agent.wait_stdout("[OK] Load (too few series)");
}

// 12. Graphite failed

#[test]
fn every_kind_of_failed_answer_is_a_failure_and_no_answer() {
    let html = "text/html; charset=utf-8";
    let error = r#"{"error": "no storage"}"#;
    let text = |status, kind, body: &str| Failure::Status(status, kind, body.to_owned());
    for (failure, part) in [
        (Failure::status(500), "500"),
        (Failure::status(503), "503"),
        (Failure::status(404), "404"),
        (Failure::Redirect("http://127.0.0.1:1/login".to_owned()), ""),
        (
            Failure::unknown_function("scael"),
            "unknown function: scael",
        ),
        (Failure::login_page(), "login page"),
        (text(200, "text/plain", "no|such|thing"), ""),
        (text(200, "application/json", error), "no storage"),
        (text(200, "application/json", "[{\"target\": "), ""),
        (text(200, "image/png", "\u{89}PNG"), ""),
        (text(200, html, "[]"), ""),
        (Failure::Cut, ""),
        (Failure::Close, ""),
        (Failure::Hang, "1s"),
        (Failure::Slow(Duration::from_secs(3)), "1s"),
        (Failure::Raw(b"SSH-2.0-OpenSSH\r\n".to_vec()), ""),
    ] {
        let graphite = Graphite::start();
        graphite.set("a", vec![Series::constant("a", 1.0)]);
        graphite.fail_target("a", failure.clone());
        let alert = "name: Load, target: a, critical: 20".to_owned();
        let (rows, code, errors) = checked(&configuration(&graphite, "", &[alert]));
        assert_eq!((rows.len(), code), (0, Some(3)), "{failure:?}: {rows:?}");
        let line = errors.lines().find(|line| line.starts_with("error: "));
        assert!(
            line.is_some_and(|line| line.contains(part)),
            "{failure:?}: {errors}"
        );
    }
}

#[test]
fn nobody_listening_is_a_failure() {
    let graphite = Graphite::start();
    graphite.down();
    let alert = "name: Load, target: a, critical: 20".to_owned();
    let (rows, code, errors) = checked(&configuration(&graphite, "", &[alert]));
    assert_eq!((rows.len(), code), (0, Some(3)));
    assert!(errors.contains("refused"), "{errors}");
}

#[test]
fn a_404_is_an_answer_without_series_where_the_server_is_known_to_mean_that() {
    let graphite = Graphite::start();
    graphite.fail(Failure::status(404));
    let alert = "name: Load, target: a, critical: 20".to_owned();
    let text = configuration(&graphite, "", &[alert]);
    let empty = text.replace("error_for: 2s", "error_for: 2s, not_found: empty");
    let (rows, code, _) = checked(&empty);
    assert_eq!(
        (levels(&rows), code),
        (vec!["Load a no_data".to_owned()], Some(3))
    );
    let (rows, ..) = checked(&text);
    assert!(rows.is_empty());
}

#[test]
fn an_outage_is_one_page_and_changes_nothing_else() {
    let graphite = Graphite::start();
    graphite.set(
        "bad",
        vec![Series::constant("a", 30.0), Series::constant("b", 1.0)],
    );
    graphite.set("fine", vec![Series::constant("c", 1.0)]);
    let alerts = [
        "name: Load, target: bad, critical: 20, forget_after: 1s",
        "name: Disk, target: fine, critical: 20",
    ];
    let mut agent = start(&graphite, &alerts);
    agent.wait_stdout("[CRITICAL] Load a");
    evaluated(&graphite, &["fine"], 1);
    graphite.down();
    let host = "127.0.0.1";
    let line = agent.wait_stdout(&format!(
        "[CRITICAL] graphite-pager {host} is not answering"
    ));
    assert!(line.contains("refused"), "{line}");
    graphite.up();
    agent.wait_stdout(&format!("[OK] graphite-pager {host}"));
    evaluated(&graphite, &["bad", "fine"], 2);
    assert_eq!(agent.stdout().lines().count(), 3);
}

#[test]
fn a_group_that_fails_alone_is_told_by_its_name() {
    let graphite = Graphite::start();
    graphite.set("fine", vec![Series::constant("c", 1.0)]);
    graphite.set("bad", vec![Series::constant("a", 1.0)]);
    let alerts = [
        "name: Load, target: bad, critical: 20",
        "name: Disk, target: fine, critical: 20",
    ];
    let mut agent = start(&graphite, &alerts);
    evaluated(&graphite, &["bad", "fine"], 1);
    // in whatever way
    graphite.fail_target("bad", Failure::status(500));
    evaluated(&graphite, &["bad"], 1);
    graphite.fail_target("bad", Failure::login_page());
    agent.wait_stdout("[CRITICAL] graphite-pager Load cannot be fetched");
    graphite.fail_target("bad", None);
    agent.wait_stdout("[OK] graphite-pager Load");
    evaluated(&graphite, &["bad"], 2);
    assert_eq!(agent.stdout().lines().count(), 2);
}

// Legends are whatever somebody sends

/// A receiver at the stand-in for PagerDuty, which is as strict as the schema.
fn receiver(pagerduty: &PagerDuty) -> String {
    let key = "s3cr3t789abcdef0123456789abcdef0";
    let url = pagerduty.url();
    format!(
        "receivers: {{oncall: {{pagerduty: {{routing_key: '{key}', url: '{url}'}}}}, \
         screen: {{console: {{}}}}}}"
    )
}

fn wait_events(pagerduty: &PagerDuty, count: usize) -> Vec<Value> {
    let enough = || Some(pagerduty.accepted()).filter(|events| events.len() >= count);
    poll(DEADLINE, enough)
        .unwrap_or_else(|| panic!("{count} events: {:?}", pagerduty.sink.requests()))
}

/// A whole answer in raw of one series with this value now.
fn raw(legend: &[u8], value: &str) -> Failure {
    let start = epoch_now() / 60 * 60 - 180;
    let mut body = legend.to_vec();
    let rest = format!(",{start},{},60|{value},{value},{value}\n", start + 180);
    body.extend(rest.as_bytes());
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    Failure::Raw([head.into_bytes(), body].concat())
}

#[test]
fn whatever_a_legend_holds_it_is_judged_told_and_harmless() {
    let legends: Vec<Vec<u8>> = vec![
        br#"say "hi", it's 5|6"#.to_vec(),
        b"sum(a,b),1,2,3|4".to_vec(),
        b"\x1b[31mred\x07 \x00 \x7f\ttab".to_vec(),
        "\u{202e}gnol \u{2028} \u{1f600}".as_bytes().to_vec(),
        b"invalid \xff\xfe\xc3( utf-8".to_vec(),
        b"<script>alert(1)</script>&amp;{{ 7*7 }}${HOME}$(id)".to_vec(),
        b"../../etc/passwd?x=1#y%00".to_vec(),
        vec![b'x'; 10_000],
        " ".repeat(3).into_bytes(),
    ];
    let (graphite, pagerduty) = (Graphite::start(), PagerDuty::start());
    let alerts: Vec<_> = (0..legends.len())
        .map(|n| format!("name: A{n}, target: t{n}, critical: 20, limit: 0, from: -10min"))
        .collect();
    let answer = |value: &str| {
        for (n, legend) in legends.iter().enumerate() {
            graphite.fail_target(&format!("t{n}"), raw(legend, value));
        }
    };
    answer("30.0");
    let text = configuration(&graphite, &receiver(&pagerduty), &alerts);
    let mut agent = Setup::new(&text).start();
    wait_events(&pagerduty, legends.len());
    answer("1.0");
    let events = wait_events(&pagerduty, 2 * legends.len());
    let keys = |action: &str| -> BTreeSet<String> {
        let events = events
            .iter()
            .filter(|event| event["event_action"] == action);
        events
            .map(|event| event["dedup_key"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(keys("trigger").len(), legends.len());
    assert_eq!(keys("trigger"), keys("resolve"));
    let refused: Vec<_> = pagerduty.sink.requests();
    assert!(refused.iter().all(|request| request.answered == Some(202)));
    agent.wait("all lines", |agent| {
        (agent.stdout().lines().count() >= 2 * legends.len()).then_some(())
    });
    let screen = agent.stdout() + &agent.stderr();
    let harmful = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{2028}');
    assert!(!screen.contains(harmful), "{screen:?}");
    assert_eq!(agent.stdout().lines().count(), 2 * legends.len());
    // and all of it survives being written and read again
    agent.stop();
    agent.restart();
    answer("30.0");
    wait_events(&pagerduty, 3 * legends.len());
}
