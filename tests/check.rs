//! `check`: how every series reads now.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use support::agent::{Finished, Setup};
use support::graphite::{Failure, Graphite, Series, epoch_now};

/// `check` with these arguments, of these lines of `alerts:`.
fn setup(graphite: &Graphite, top: &str, alerts: &[&str], arguments: &[&str]) -> Setup {
    let mut text = format!(
        "graphite: {{url: '{}', timeout: 5s}}\nlisten: off\ndefaults: {{settle: off, every: 1s}}\n{top}\nalerts:\n",
        graphite.url()
    );
    for alert in alerts {
        let _ = writeln!(text, "  - {{{alert}}}");
    }
    let given = ["check", "-c", "alerts.yml"].iter().chain(arguments);
    Setup::new(&text).arguments(&given.copied().collect::<Vec<_>>())
}

fn check(graphite: &Graphite, alerts: &[&str], arguments: &[&str]) -> Finished {
    setup(graphite, "", alerts, arguments).run()
}

fn rows(finished: &Finished) -> Vec<Value> {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}

fn four() -> Graphite {
    let graphite = Graphite::start();
    graphite.set("fine", vec![Series::constant("ok", 1.0)]);
    graphite.set("warm", vec![Series::constant("warm", 12.0)]);
    graphite.set("hot", vec![Series::constant("hot", 30.0)]);
    graphite.set("null", vec![Series::nulls("null")]);
    graphite
}

const FINE: &str = "name: Fine, target: fine, warning: 10, critical: 20";
const WARM: &str = "name: Warm, target: warm, warning: 10, critical: 20";
const HOT: &str = "name: Hot, target: hot, warning: 10, critical: 20";
const NULL: &str = "name: Lost, target: 'null', warning: 10, critical: 20";
const FAILS: &str = "name: Fails, target: fails, warning: 10, critical: 20";

#[test]
fn the_table_has_a_line_for_each_series() {
    let graphite = four();
    let done = check(&graphite, &[FINE, WARM, HOT, NULL], &[]);
    let lines: Vec<Vec<&str>> = done
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let head = ["ALERT", "SERIES", "LEVEL", "VALUE", "AT", "REASON"];
    assert_eq!(lines[0], head);
    let starts: Vec<_> = lines[1..].iter().map(|line| &line[..3]).collect();
    assert_eq!(starts[0], ["Fine", "ok", "OK"]);
    assert_eq!(starts[1], ["Warm", "warm", "WARNING"]);
    assert_eq!(starts[2], ["Hot", "hot", "CRITICAL"]);
    assert_eq!(starts[3], ["Lost", "null", "NO"]);
    assert_eq!((lines[1][3], lines[3][3]), ("1", "30"));
    assert!(done.stdout.contains(">= 20"), "{}", done.stdout);
    assert_eq!((lines.len(), done.stderr.as_str()), (5, ""));
}

#[test]
fn json_has_an_object_for_each_series_with_its_links() {
    let graphite = Graphite::start();
    let now = epoch_now();
    let legend = "web 1/a#b";
    graphite.set(
        "servers.*",
        vec![
            Series::starting(legend, now - 600, &[Some(30.5); 12]),
            Series::nulls("db"),
        ],
    );
    let top = "docs_url: https://wiki.example.com/alerts";
    let alerts = ["name: High Load, target: 'servers.*', warning: 10, critical: 20"];
    let done = setup(&graphite, top, &alerts, &["--format", "json"]).run();
    let rows = rows(&done);
    let keys: Vec<_> = rows[0].as_object().unwrap().keys().collect();
    let expected = [
        "alert",
        "series",
        "level",
        "value",
        "at",
        "reason",
        "docs_url",
        "graph_url",
    ];
    let mut sorted = expected;
    sorted.sort_unstable();
    assert!(keys == expected || keys == sorted, "{keys:?}");
    assert_eq!(rows[0]["alert"], "High Load");
    assert_eq!(rows[0]["series"], legend);
    assert_eq!(rows[0]["level"], "critical");
    assert_eq!(rows[0]["value"], 30.5);
    assert_eq!(rows[0]["reason"], ">= 20");
    let docs = "https://wiki.example.com/alerts/High%20Load#web%201%2Fa%23b";
    assert_eq!(rows[0]["docs_url"], docs);
    let graph = rows[0]["graph_url"].as_str().unwrap();
    assert!(
        graph.starts_with(&format!("{}/render?", graphite.url())),
        "{graph}"
    );
    let at = chrono::DateTime::parse_from_rfc3339(rows[0]["at"].as_str().unwrap()).unwrap();
    let age = now + 60 - at.timestamp();
    assert!((0..180).contains(&age), "{at}");
    assert_eq!(rows[1]["level"], "no_data");
    assert_eq!(
        (&rows[1]["value"], &rows[1]["at"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(rows[1]["reason"], "no data");
}

#[test]
fn without_docs_url_there_is_no_docs_link() {
    let graphite = four();
    let done = check(&graphite, &[FINE], &["--format", "json"]);
    assert_eq!(rows(&done)[0]["docs_url"], Value::Null);
}

#[test]
fn nothing_to_check_is_an_empty_array() {
    let graphite = four();
    graphite.set("none", Vec::new());
    let alerts = [HOT, "name: None, target: none, critical: 1, enabled: false"];
    let done = check(&graphite, &alerts, &["--format", "json"]);
    assert_eq!(rows(&done).len(), 1);
}

#[test]
fn the_exit_status_is_that_of_monitoring_plugins() {
    let graphite = four();
    graphite.fail_target("fails", Failure::status(500));
    for (alerts, expected) in [
        (vec![FINE], 0),
        (vec![FINE, WARM], 1),
        (vec![FINE, HOT], 2),
        (vec![FINE, NULL], 3),
        (vec![FINE, FAILS], 3),
        // critical before unknown, unknown before warning
        (vec![HOT, NULL, FAILS, WARM], 2),
        (vec![WARM, NULL], 3),
        (vec![FAILS, WARM], 3),
        (vec![FAILS, HOT], 2),
    ] {
        let done = check(&graphite, &alerts, &[]);
        assert_eq!(done.code, Some(expected), "{alerts:?}: {done:?}");
    }
}

#[test]
fn no_data_exits_as_the_level_that_the_alert_gives_it() {
    let graphite = four();
    for (setting, level, expected) in [
        ("alert", "no_data", 3),
        ("warning", "warning", 1),
        ("critical", "critical", 2),
        ("ok", "ok", 0),
        ("keep", "ok", 0),
    ] {
        let alert = format!("{NULL}, no_data: {setting}");
        let done = check(&graphite, &[&alert], &["--format", "json"]);
        let found = (done.code, rows(&done)[0]["level"].clone());
        assert_eq!(found, (Some(expected), json!(level)), "{setting}");
    }
}

#[test]
fn a_target_that_matches_nothing_and_too_few_series_read_as_no_data() {
    let graphite = four();
    graphite.set("none", Vec::new());
    let alerts = [
        "name: None, target: none, critical: 20",
        "name: Few, target: fine, critical: 20, min_series: 3",
    ];
    let done = check(&graphite, &alerts, &["--format", "json"]);
    let found: Vec<_> = rows(&done)
        .iter()
        .map(|row| {
            [&row["series"], &row["level"], &row["reason"]].map(|v| v.as_str().unwrap().to_owned())
        })
        .collect();
    let expected = [
        ["none", "no_data", "the target matches no series"],
        ["ok", "ok", ""],
        ["(too few series)", "no_data", "only 1 of 3 series"],
    ];
    assert_eq!(found, expected);
    assert_eq!(done.code, Some(3));
}

#[test]
fn a_failed_fetch_is_said_at_its_place_and_the_rest_is_printed() {
    let graphite = four();
    graphite.fail_target("fails", Failure::status(500));
    let done = check(&graphite, &[FAILS, HOT], &["--format", "json"]);
    let series: Vec<_> = rows(&done)
        .iter()
        .map(|row| row["series"].clone())
        .collect();
    assert_eq!(series, ["hot"]);
    for part in ["alerts.yml:", "`Fails`", "`fails`", "500"] {
        assert!(done.stderr.contains(part), "{part}: {}", done.stderr);
    }
}

#[test]
fn an_alert_can_be_asked_for_by_name() {
    let graphite = four();
    let alerts = [FINE, HOT, "name: Fine, target: warm, critical: 20"];
    let done = check(&graphite, &alerts, &["--format", "json", "Fine"]);
    let series: Vec<_> = rows(&done)
        .iter()
        .map(|row| row["series"].clone())
        .collect();
    assert_eq!(
        (series, done.code),
        (vec![json!("ok"), json!("warm")], Some(0))
    );
    assert!(graphite.requests_for("hot").is_empty());
}

#[test]
fn failed_fetches_are_said_in_the_order_of_the_file() {
    let graphite = four();
    graphite.fail_target("fails", Failure::Hang);
    graphite.fail_target("fine", Failure::status(500));
    let done = check(&graphite, &[FAILS, FINE], &[]);
    let lines: Vec<&str> = done
        .stderr
        .lines()
        .filter(|l| l.contains("error:"))
        .collect();
    assert_eq!(lines.len(), 2, "{}", done.stderr);
    assert!(
        lines[0].contains("`Fails`") && lines[1].contains("`Fine`"),
        "{lines:?}"
    );
}

#[test]
fn an_alert_that_is_not_there_is_unknown() {
    let graphite = four();
    let done = check(&graphite, &[FINE], &["Fnie"]);
    assert_eq!(done.code, Some(3));
    assert!(done.stderr.contains("`Fnie`"), "{}", done.stderr);
    assert!(graphite.requests().is_empty());
}

#[test]
fn a_configuration_with_mistakes_is_unknown() {
    let graphite = four();
    let done = check(
        &graphite,
        &["name: Fine, target: fine, critical: high"],
        &[],
    );
    assert_eq!((done.code, done.stdout.as_str()), (Some(3), ""));
    assert!(done.stderr.contains("alerts.yml:"), "{}", done.stderr);
}

#[test]
fn claims_and_doubles_read_as_the_agent_reads_them() {
    let graphite = four();
    graphite.set(
        "all",
        vec![
            Series::constant("hot", 30.0),
            Series::constant("same", 1.0),
            Series::constant("same", 12.0),
        ],
    );
    let alerts = [
        "name: Load, target: hot, critical: 100",
        "name: Load, target: all, warning: 10, critical: 20",
    ];
    let done = check(&graphite, &alerts, &["--format", "json"]);
    let found: Vec<_> = rows(&done)
        .iter()
        .map(|row| (row["series"].clone(), row["level"].clone()))
        .collect();
    let expected = [("hot", "ok"), ("same", "warning")].map(|(a, b)| (json!(a), json!(b)));
    assert_eq!(found, expected);
    assert!(done.stdout.contains("the alias hides something"));
}

#[test]
fn it_works_beside_a_running_agent_and_opens_no_store() {
    let graphite = four();
    let setup = setup(&graphite, "", &[HOT], &[]);
    let setup_run = setup.clone().arguments(&["run", "-c", "alerts.yml"]);
    // no agent yet: nothing is written
    assert_eq!(setup.run().code, Some(2));
    let files = || {
        let entries = std::fs::read_dir(setup.folder()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(files(), ["alerts.yml"]);
    let mut agent = setup_run.start();
    graphite.wait_requests("hot", 2);
    let done = setup.run();
    assert_eq!(done.code, Some(2), "{done:?}");
    agent.wait("the agent still asks", |_| {
        (graphite.requests_for("hot").len() > 4).then_some(())
    });
}

#[test]
fn it_tells_nobody() {
    let graphite = four();
    let sink = support::sink::Sink::start();
    let top = format!(
        "receivers: {{hook: {{webhook: {{url: '{}'}}}}}}",
        sink.url()
    );
    let done = setup(&graphite, &top, &[HOT], &[]).run();
    assert_eq!((done.code, sink.requests().len()), (Some(2), 0));
}

#[test]
fn a_slow_check_says_how_far_it_is() {
    let graphite = four();
    graphite.fail_target("warm", Failure::Slow(Duration::from_millis(2500)));
    let mut running = setup(&graphite, "", &[FINE, WARM], &["--format", "json"]).start();
    running.wait_stderr("checked 1 of 2 alerts");
    running.wait_exit();
    // data are on standard output, and nothing else
    assert_eq!(
        serde_json::from_str::<Value>(&running.stdout()).unwrap()[1]["series"],
        "warm"
    );
    assert!(!check(&graphite, &[FINE], &[]).stderr.contains("checked"));
}

#[test]
fn output_that_is_no_terminal_has_no_colours_or_control_characters() {
    let graphite = Graphite::start();
    let legend = "\u{1b}[31mred\u{7}\u{202e}dab";
    graphite.set("hot", vec![Series::constant(legend, 30.0)]);
    for no_color in ["", "1"] {
        let done = setup(&graphite, "", &[HOT], &[])
            .env("NO_COLOR", no_color)
            .run();
        let control = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!done.stdout.contains(control), "{:?}", done.stdout);
        assert!(done.stdout.contains("CRITICAL"));
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let graphite = Graphite::start();
    let many = |n| Series::constant(&format!("series {n}"), 1.0);
    graphite.set("fine", (0..5000).map(many).collect());
    for format in ["table", "json"] {
        let program = env!("CARGO_BIN_EXE_graphite-pager");
        let line = format!(
            "{program} check -c alerts.yml --format {format} | head -1; echo ${{PIPESTATUS[0]}}"
        );
        let done = setup(&graphite, "", &[FINE], &[])
            .program("/bin/bash")
            .arguments(&["-c", &line])
            .run();
        assert_eq!(done.stderr, "", "{format}");
        assert_eq!(done.stdout.lines().last(), Some("0"), "{format}");
    }
}

#[test]
fn a_hundred_thousand_series_in_one_answer_take_less_than_100_mb() {
    let graphite = Graphite::start();
    let name = |n: usize| format!("servers.rack-{:03}.host-{n:06}.loadavg.05", n % 100);
    let values = [Some(1.0), Some(2.0), None, Some(4.5), Some(5.0)];
    let series = |n| Series::ending(&name(n), &values);
    graphite.set("fine", (0..100_000).map(series).collect());
    let mut running = setup(
        &graphite,
        "docs_url: https://wiki.example.com",
        &[FINE],
        &["--format", "json"],
    )
    .start();
    let mut peak = 0;
    support::poll(support::DEADLINE, || {
        // the kernel's own high-water mark, until the process is over
        peak = running.memory_peak().unwrap_or(0).max(peak);
        running.has_ended().then_some(())
    });
    running.wait_exit();
    let rows: Vec<Value> = serde_json::from_str(&running.stdout()).unwrap();
    assert_eq!(
        (rows.len(), &rows[99_999]["series"]),
        (100_000, &json!(name(99_999)))
    );
    assert!((10_000..100_000).contains(&peak), "{peak} kB");
}
