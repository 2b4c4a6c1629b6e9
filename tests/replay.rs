//! `replay`: what would have been told, over a Graphite with a scripted past.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::io::Write as _;
use std::time::Duration;

use graphite_pager::agent::fetch::{Known, fetch};
use graphite_pager::alert::Timestamp;
use graphite_pager::config;
use graphite_pager::graphite::Client;
use graphite_pager::play::Play;
use graphite_pager::replay::record::{Incident, Record};
use graphite_pager::replay::{Feeds, Player, Span, Task, replay as replay_with};
use rustix::process::Signal;
use serde_json::{Value, json};
use support::agent::{Finished, Setup};
use support::graphite::{Failure, Graphite, Series, epoch_now};
use support::sink::Sink;
use support::{http, poll};

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

/// Midnight in UTC some days ago.
fn midnight(days_ago: i64) -> i64 {
    (epoch_now().div_euclid(DAY) - days_ago) * DAY
}

/// A configuration with one receiver; `alerts` are entries in YAML's flow style.
fn configuration(graphite: &Graphite, alerts: &[&str]) -> String {
    let url = graphite.url();
    let alerts: String = alerts
        .iter()
        .map(|alert| format!("- {{{alert}}}\n"))
        .collect();
    format!(
        "graphite: {{url: '{url}', timeout: 20s}}\nlisten: off\n\
         receivers: {{screen: {{console: {{}}}}}}\nalerts:\n{alerts}"
    )
}

fn replay_of(configuration: &str, span: (i64, i64), arguments: &[&str]) -> Setup {
    let (from, until) = (span.0.to_string(), span.1.to_string());
    let given = [
        "replay",
        "-c",
        "alerts.yml",
        "--from",
        &from,
        "--until",
        &until,
    ];
    Setup::new(configuration).arguments(&[&given[..], arguments].concat())
}

fn replay(graphite: &Graphite, alerts: &[&str], span: (i64, i64), arguments: &[&str]) -> Finished {
    replay_of(&configuration(graphite, alerts), span, arguments).run()
}

fn report(finished: &Finished) -> Value {
    assert_eq!(finished.code, Some(0), "{finished:?}");
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}

/// One value a minute: each for so many minutes.
fn minutes(pieces: &[(usize, Option<f64>)]) -> Vec<Option<f64>> {
    let pieces = pieces.iter();
    pieces
        .flat_map(|(count, value)| std::iter::repeat_n(*value, *count))
        .collect()
}

const LOAD: &str = "name: Load, target: load, warning: 10, critical: 20, for: 2m";

/// A day of `web-1` from midnight on: bad from 03:00 until 03:30, and a little from 12:00 until 12:10.
fn a_day(begin: i64) -> Graphite {
    let graphite = Graphite::start();
    let day = minutes(&[
        (190, Some(1.0)),
        (30, Some(30.0)),
        (510, Some(1.0)),
        (10, Some(15.0)),
        (900, Some(1.0)),
    ]);
    // ten minutes early, for windows reach back
    let series = Series::starting("web-1", begin - 10 * MINUTE, &day);
    graphite.set("load", vec![series]);
    graphite
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let begin = midnight(2);
    let graphite = a_day(begin);
    let configuration = configuration(&graphite, &[LOAD]);
    for arguments in [
        &[][..],
        &["--format", "json"],
        &["--compare", "alerts.yml"],
        &["--suggest", "Load"],
    ] {
        let finished = replay_of(&configuration, (begin, begin + DAY), arguments).run_unread();
        assert_eq!(finished.code, Some(0), "{arguments:?}: {}", finished.stderr);
    }
}

#[test]
fn incidents_are_listed_with_when_how_long_and_who_was_told() {
    let begin = midnight(2);
    let graphite = a_day(begin);
    let span = (begin, begin + DAY);
    let done = replay(&graphite, &[LOAD], span, &["--format", "json"]);
    let report = report(&done);
    assert_eq!(done.stderr, "");
    let incidents = report["incidents"].as_array().unwrap();
    assert_eq!(incidents.len(), 2, "{report}");
    let [first, second] = &incidents[..] else {
        panic!()
    };
    assert_eq!(first["alert"], "Load");
    assert_eq!(first["series"], "web-1");
    assert_eq!(first["worst"], "critical");
    assert_eq!(second["worst"], "warning");
    // the first full bucket that is bad ends at 03:01, is settled 5 s later, and
    // `for: 2m` takes the third evaluation that sees it
    let opened = seconds(&first["opened"]) - begin - 3 * HOUR;
    assert!((3 * MINUTE..4 * MINUTE + 5).contains(&opened), "{first}");
    let ended = seconds(&first["ended"]) - begin - 3 * HOUR;
    assert!((33 * MINUTE..34 * MINUTE + 5).contains(&ended), "{first}");
    assert_eq!(first["seconds"], ended - opened);
    let told: Vec<_> = first["told"].as_array().unwrap().iter().collect();
    let says: Vec<_> = told.iter().map(|told| &told["says"]).collect();
    assert_eq!(says, ["new", "resolved"]);
    assert_eq!(told[0]["receiver"], "screen");
    let total = &report["receivers"][0];
    let expected =
        json!({"receiver": "screen", "messages": 4, "pages": 2, "pages_at_night": 1, "nights": 1});
    assert_eq!(*total, expected);
    assert_eq!(report["offenders"][0]["incidents"], 2);
}

fn seconds(time: &Value) -> i64 {
    let time = time.as_str().unwrap_or_else(|| panic!("no time: {time}"));
    chrono::DateTime::parse_from_rfc3339(time)
        .unwrap()
        .timestamp()
}

#[test]
fn the_table_shows_incidents_receivers_and_offenders() {
    let begin = midnight(2);
    let done = replay(&a_day(begin), &[LOAD], (begin, begin + DAY), &[]);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert!(lines[0].starts_with("2 incidents from "), "{}", done.stdout);
    let line = |start: &str| lines.iter().find(|line| line.starts_with(start)).unwrap();
    assert!(line("ALERT").contains("LASTED"));
    let load: Vec<_> = line("Load ").split_whitespace().collect();
    assert_eq!(load[1], "web-1");
    assert!(load.join(" ").contains("30m CRITICAL screen 2"), "{load:?}");
    let screen: Vec<_> = line("screen ").split_whitespace().collect();
    assert_eq!(screen, ["screen", "4", "2", "1", "1"]);
}

#[test]
fn nights_are_those_of_the_time_zone_that_is_named() {
    let begin = midnight(2);
    let (graphite, span) = (a_day(begin), (begin, begin + DAY));
    // 03:00 and 12:00 UTC are noon and 21:00 in Tokyo
    let arguments = ["--format", "json", "--timezone", "Asia/Tokyo"];
    let report = report(&replay(&graphite, &[LOAD], span, &arguments));
    assert_eq!(report["receivers"][0]["pages"], 2);
    assert_eq!(report["receivers"][0]["pages_at_night"], 0);
}

#[test]
fn csv_has_a_line_for_each_incident() {
    let begin = midnight(2);
    let done = replay(
        &a_day(begin),
        &[LOAD],
        (begin, begin + DAY),
        &["--format", "csv"],
    );
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{done:?}");
    assert_eq!(
        lines[0],
        "alert,series,opened,ended,seconds,worst,reason,told"
    );
    assert!(
        lines[1].starts_with("Load,web-1,") && lines[1].ends_with(",screen 2"),
        "{}",
        lines[1]
    );
}

#[test]
fn a_week_is_asked_for_in_pieces_one_target_once() {
    let begin = midnight(9);
    let graphite = Graphite::start();
    graphite.set("load", vec![Series::constant("web-1", 1.0)]);
    let other = "name: Other, target: load, critical: 50, from: -20min";
    let done = replay(&graphite, &[LOAD, other], (begin, begin + 7 * DAY), &[]);
    assert!(done.stdout.starts_with("0 incidents"), "{done:?}");
    let requests = graphite.requests_for("load");
    // one to see what there is now, and seven
    assert_eq!(requests.len(), 8);
    let second = &requests[2];
    assert_eq!(
        second.parameter("from").unwrap(),
        (begin + DAY - 20 * MINUTE).to_string()
    );
    assert_eq!(
        second.parameter("until").unwrap(),
        (begin + 2 * DAY).to_string()
    );
}

#[test]
fn one_alert_can_be_replayed_alone() {
    let begin = midnight(2);
    let graphite = a_day(begin);
    let other = "name: Other, target: other, critical: 50";
    let done = replay(&graphite, &[LOAD, other], (begin, begin + HOUR), &["Load"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(graphite.requests_for("other").is_empty());
    let done = replay(&graphite, &[LOAD], (begin, begin + HOUR), &["Lod"]);
    assert_eq!(done.code, Some(1));
    assert!(
        done.stderr.contains("no alert is called `Lod`"),
        "{}",
        done.stderr
    );
}

#[test]
fn times_that_make_no_sense_are_said() {
    let graphite = Graphite::start();
    let said = |from: &str, until: &str, part: &str| {
        let setup = Setup::new(&configuration(&graphite, &[LOAD]));
        let arguments = [
            "replay",
            "-c",
            "alerts.yml",
            "--from",
            from,
            "--until",
            until,
        ];
        let done = setup.arguments(&arguments).run();
        assert_eq!(done.code, Some(1), "{done:?}");
        assert!(done.stderr.contains(part), "{}", done.stderr);
    };
    said("7d", "now", "`--from`: `7d` has no sign: write `-7d`");
    said(
        "yesterday",
        "now",
        "`yesterday` is no time: expected one such as `-7d`",
    );
    said("-1d", "-2d", "write the earlier one as `--from`");
    said("-1d", "2100-01-01", "has not come yet");
}

#[test]
fn a_series_that_came_into_being_meanwhile_lacks_no_data_before() {
    let begin = midnight(3);
    let graphite = Graphite::start();
    let old = Series::constant("old", 1.0);
    // from the second day on, and still there
    let values = vec![Some(1.0); usize::try_from(3 * DAY / MINUTE).unwrap()];
    let new = Series::starting("new", begin + DAY + HOUR, &values);
    graphite.set("load", vec![old, new]);
    let report = report(&replay(
        &graphite,
        &[LOAD],
        (begin, begin + 2 * DAY),
        &["--format", "json"],
    ));
    assert_eq!(report["incidents"], json!([]), "{report}");
}

#[test]
fn a_series_that_falls_silent_is_told_as_without_data() {
    let begin = midnight(2);
    let graphite = Graphite::start();
    let values = minutes(&[(100, Some(1.0)), (60, None), (1400, Some(1.0))]);
    graphite.set(
        "load",
        vec![Series::starting("web-1", begin - 10 * MINUTE, &values)],
    );
    let report = report(&replay(
        &graphite,
        &[LOAD],
        (begin, begin + DAY),
        &["--format", "json"],
    ));
    let incidents = report["incidents"].as_array().unwrap();
    assert_eq!(incidents.len(), 1, "{report}");
    assert_eq!(incidents[0]["worst"], "no_data");
}

#[test]
fn what_could_not_be_had_counts_as_graphite_failing_and_is_said() {
    let begin = midnight(2);
    let graphite = a_day(begin);
    graphite.set("broken", vec![Series::constant("x", 1.0)]);
    graphite.fail_target("broken", Failure::unknown_function("nofunc"));
    let broken = "name: Broken, target: broken, critical: 50";
    let done = replay(
        &graphite,
        &[LOAD, broken],
        (begin, begin + HOUR),
        &["--format", "json"],
    );
    let report = report(&done);
    let incidents = report["incidents"].as_array().unwrap();
    assert_eq!(incidents.len(), 1, "{report}");
    assert_eq!(incidents[0]["alert"], "graphite-pager");
    assert_eq!(incidents[0]["series"], "Broken");
    let said = "warning: alert `Broken`: from ";
    assert!(done.stderr.starts_with(said), "{}", done.stderr);
    assert!(
        done.stderr.contains("Graphite counts as failing"),
        "{}",
        done.stderr
    );
    assert!(
        done.stderr.contains("unknown function: nofunc"),
        "{}",
        done.stderr
    );
    assert_eq!(report["warnings"][0]["alert"], "Broken");
}

#[test]
fn a_request_that_fails_in_passing_is_made_again() {
    let begin = midnight(2);
    let graphite = a_day(begin);
    graphite.fail(Failure::status(503));
    let setup = replay_of(
        &configuration(&graphite, &[LOAD]),
        (begin, begin + DAY),
        &["--format", "json"],
    );
    let mut agent = setup.start();
    graphite.wait_requests("load", 1);
    graphite.fail(None);
    assert!(agent.wait_exit().success(), "{}", agent.stderr());
    let report: Value = serde_json::from_str(&agent.stdout()).unwrap();
    assert_eq!(report["incidents"].as_array().unwrap().len(), 2);
    assert_eq!(report["warnings"], json!([]));
}

#[test]
fn a_graphite_that_answers_nothing_is_an_error() {
    let begin = midnight(2);
    let graphite = a_day(begin);
    graphite.fail(Failure::login_page());
    let done = replay(
        &graphite,
        &[LOAD],
        (begin, begin + DAY),
        &["--format", "json"],
    );
    assert_eq!((done.code, done.stdout.as_str()), (Some(1), ""));
    assert!(
        done.stderr.starts_with("error: no history could be had: "),
        "{}",
        done.stderr
    );
    assert!(
        done.stderr.contains("login page") || done.stderr.contains("web page"),
        "{}",
        done.stderr
    );
}

#[test]
fn alerts_that_cannot_be_replayed_and_doubtful_ones_are_said() {
    let begin = midnight(2);
    let graphite = a_day(begin);
    graphite.set("integral(load)", vec![Series::constant("x", 1.0)]);
    let today = "name: Today, target: load, critical: 50, from: midnight";
    let sum = "name: Sum, target: 'integral(load)', critical: 50";
    let done = replay(&graphite, &[LOAD, today, sum], (begin, begin + HOUR), &[]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let lines: Vec<&str> = done.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{}", done.stderr);
    assert!(
        lines[0].starts_with("warning: alert `Sum`: the replay may differ"),
        "{}",
        lines[0]
    );
    assert!(lines[0].contains("`integral`"), "{}", lines[0]);
    assert!(
        lines[1].starts_with("warning: alert `Today`: it is left out"),
        "{}",
        lines[1]
    );
    // the same doubt about several is said once
    let off =
        ["A", "B"].map(|name| format!("name: {name}, target: load, critical: 50, settle: off"));
    let done = replay(&graphite, &[&off[0], &off[1]], (begin, begin + HOUR), &[]);
    assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
    let once = "warning: alerts `A`, `B`: the replay may differ";
    assert!(done.stderr.starts_with(once), "{}", done.stderr);
    let done = replay(&graphite, &[today], (begin, begin + HOUR), &[]);
    assert_eq!(done.code, Some(1));
    assert!(
        done.stderr
            .starts_with("error: alert `Today`: it is left out"),
        "{}",
        done.stderr
    );
}

#[test]
fn ctrl_c_keeps_what_is_there() {
    let begin = midnight(4);
    let graphite = a_day(begin);
    graphite.fail(Failure::Slow(Duration::from_millis(1500)));
    let setup = replay_of(
        &configuration(&graphite, &[LOAD]),
        (begin, begin + 3 * DAY),
        &[],
    );
    let mut agent = setup.start();
    // what there is now, the first day, the second
    graphite.wait_requests("load", 3);
    agent.signal(Signal::INT);
    assert!(agent.wait_exit().success(), "{}", agent.stderr());
    assert!(
        agent.stdout().starts_with("2 incidents from "),
        "{}",
        agent.stdout()
    );
    assert!(
        agent
            .stderr()
            .contains("stopped: this is what there was until "),
        "{}",
        agent.stderr()
    );
}

#[test]
fn another_configuration_is_shown_as_pages_gained_lost_and_moved() {
    let begin = midnight(2);
    let graphite = a_day(begin);
    let setup = replay_of(
        &configuration(&graphite, &[LOAD]),
        (begin, begin + DAY),
        &["--compare", "other.yml"],
    );
    // later, no warning any more, and one alert more
    let later = "name: Load, target: load, critical: 20, for: 10m";
    let low = "name: Low, target: load, critical: '< 5', for: 4h";
    setup.write("other.yml", &configuration(&graphite, &[later, low]));
    let done = setup.run();
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{done:?}");
    let first = done.stdout.lines().next().unwrap();
    assert!(
        first.starts_with("2 pages gained, 1 lost, 1 moved, from "),
        "{}",
        done.stdout
    );
    let signs: Vec<&str> = done
        .stdout
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|line| line.0)
        .collect();
    for sign in ["+", "-", "~"] {
        assert!(signs.contains(&sign), "{}", done.stdout);
    }
    assert!(done.stdout.contains("2 -> 3"), "{}", done.stdout);
    // the target that both watch was asked for once
    assert_eq!(graphite.requests_for("load").len(), 2);
}

#[test]
fn two_that_read_the_same_series_otherwise_come_to_what_each_comes_to_alone() {
    let begin = midnight(2);
    let graphite = a_noisy_day(begin);
    let span = (begin, begin + DAY);
    let short = "name: Load, target: load, critical: 10, reduce: max, from: -10min";
    let long = "name: Load, target: load, critical: 10, reduce: avg, from: -30min";
    let alone = |alert| {
        let found = report(&replay(&graphite, &[alert], span, &["--format", "json"]));
        found["incidents"].as_array().unwrap().len()
    };
    let (one, other) = (alone(short), alone(long));
    assert!(one > other && other > 0, "{one} and {other}");
    let text = configuration(&graphite, &[short]);
    let setup = replay_of(&text, span, &["--compare", "other.yml"]);
    setup.write("other.yml", &configuration(&graphite, &[long]));
    let printed = setup.run().stdout;
    assert!(printed.contains(&format!("{one} -> {other}")), "{printed}");
}

#[test]
fn a_page_shows_every_series_and_brings_nothing_from_elsewhere() {
    let begin = midnight(2);
    let graphite = a_day(begin);
    let name = "<script>alert(1)</script>";
    graphite.put("load", Series::constant(name, 30.0));
    let setup = replay_of(
        &configuration(&graphite, &[LOAD]),
        (begin, begin + DAY),
        &["--html", "page.html"],
    );
    let done = setup.run();
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    let page = std::fs::read_to_string(setup.folder().join("page.html")).unwrap();
    assert_eq!(page.matches("<svg ").count(), 2);
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    for foreign in ["<script", "http://", "https://", "url(", "@import"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("prefers-color-scheme: dark"));
    for class in [
        "rect class=\"critical\"",
        "rect class=\"warning\"",
        "line critical",
        "class=\"values\" d=\"M",
        "class=\"call\"",
    ] {
        assert!(page.contains(class), "{class}");
    }
    assert!(page.len() < 100_000, "{}", page.len());
    let setup = setup.arguments(&[
        "replay",
        "-c",
        "alerts.yml",
        "--from",
        "-1h",
        "--html",
        "no/such/folder.html",
    ]);
    let done = setup.run();
    assert_eq!(done.code, Some(1));
    assert!(
        done.stderr.contains("cannot write `no/such/folder.html`"),
        "{}",
        done.stderr
    );
}

#[test]
fn ctrl_c_before_there_is_anything_is_an_error() {
    let begin = midnight(2);
    let graphite = a_day(begin);
    graphite.fail(Failure::Hang);
    let setup = replay_of(
        &configuration(&graphite, &[LOAD]),
        (begin, begin + DAY),
        &[],
    );
    let mut agent = setup.start();
    graphite.wait_requests("load", 1);
    agent.signal(Signal::INT);
    assert_eq!(agent.wait_exit().code(), Some(1));
    assert_eq!(
        (agent.stdout(), agent.stderr()),
        (
            String::new(),
            "error: stopped before there was any history\n".to_owned()
        )
    );
}

#[test]
fn history_that_was_thinned_out_is_said_with_its_distance_and_time() {
    let begin = midnight(2);
    let graphite = Graphite::start();
    graphite.set("load", vec![Series::constant("web-1", 1.0)]);
    graphite.fail(Failure::Slow(Duration::from_millis(1500)));
    let setup = replay_of(
        &configuration(&graphite, &[LOAD]),
        (begin, begin + HOUR),
        &[],
    );
    let mut agent = setup.start();
    // it has seen the present once the first request is there
    graphite.wait_requests("load", 1);
    let thinned = Series::constant("web-1", 1.0).step(600);
    graphite.set("load", vec![thinned]);
    assert!(agent.wait_exit().success());
    let expected = format!(
        "warning: alert `Load`: from {} until {} Graphite has target `load` at 10m only, and now at 1m: what lasted less is not seen there; its window of 5m often holds no point there, which reads as no data\n",
        Timestamp::from_secs(begin),
        Timestamp::from_secs(begin + HOUR)
    );
    assert_eq!(agent.stderr(), expected);
}

/// A day with one long trouble at 10:00, and every hour a moment of 15.
fn a_noisy_day(begin: i64) -> Graphite {
    let graphite = Graphite::start();
    let values = (-10..DAY / MINUTE + 60).map(|minute| match (minute, minute.rem_euclid(60)) {
        (600..660, _) => Some(12.0),
        (_, 30..35) => Some(15.0),
        _ => Some(1.0),
    });
    let series = Series::starting("web-1", begin - 10 * MINUTE, &values.collect::<Vec<_>>());
    graphite.set("load", vec![series]);
    graphite
}

#[test]
fn a_suggestion_calls_less_and_catches_what_must_be_caught() {
    let begin = midnight(2);
    let graphite = a_noisy_day(begin);
    let load = "name: Load, target: load, warning: 5, critical: 10, every: 2m";
    let trouble = (begin + 10 * HOUR).to_string();
    let suggest = |arguments: &[&str]| {
        let text = configuration(&graphite, &[load]);
        let given = [&["--suggest", "Load"], arguments].concat();
        replay_of(&text, (begin, begin + DAY), &given).run()
    };
    let done = suggest(&[
        "--at-most",
        "8",
        "--must-catch",
        &trouble,
        "--format",
        "json",
    ]);
    let found = report(&done);
    assert!(!done.stderr.contains("warning"), "{}", done.stderr);
    let now = found["candidates"].as_array().unwrap();
    let now = now.iter().find(|one| one["present"] == true).unwrap();
    assert_eq!(
        (&now["pages"], &now["caught"]),
        (&json!(24), &json!(1)),
        "{now}"
    );
    let suggestion = &found["suggestion"];
    assert_eq!(
        (&suggestion["pages"], &suggestion["caught"]),
        (&json!(1), &json!(1)),
        "{found}"
    );
    assert!(suggestion["for"].as_u64().unwrap() >= 120, "{suggestion}");
    let done = suggest(&["--at-most", "8", "--must-catch", &trouble]);
    let first = done.stdout.lines().next().unwrap();
    assert!(
        first.starts_with("alert `Load`: `critical: \">= "),
        "{}",
        done.stdout
    );
    assert!(
        first.ends_with("would have given 7 pages a week, 1 of 1 caught"),
        "{first}"
    );
    assert!(done.stdout.contains("now "), "{}", done.stdout);
    // nothing happened then
    let quiet = (begin + 5 * HOUR).to_string();
    let done = suggest(&["--at-most", "1", "--must-catch", &quiet]);
    assert!(
        done.stdout
            .starts_with("alert `Load`: nothing that was tried gives at most 1 pages"),
        "{}",
        done.stdout
    );
    let done = suggest(&["--must-catch", "-400d"]);
    assert!(
        done.stderr.contains("is not within what is replayed"),
        "{}",
        done.stderr
    );
}

// --- honesty --------------------------------------------------------------------------------

/// Alerts that read their windows in every way.
const ALL_WAYS: &[&str] = &[
    "name: Newest, target: noisy, warning: 60, critical: 80, for: 90s, recover_for: 1m, every: 30s",
    "name: Mean, target: noisy, warning: 55, critical: 60, reduce: avg, from: -10min, every: 1m",
    "name: Delayed, target: noisy, critical: 70, reduce: max, from: -20min, until: -3min, every: 20s, for: 0",
    "name: Count, target: noisy, critical: '< 4', reduce: count, from: -5min, max_age: 4m, every: 45s",
    "name: Ranked, targets: [noisy, fine], warning: 70, critical: 90, reduce: p90, recover: 50, every: 1m",
    "name: Raw, target: fine, warning: 70, critical: 90, settle: off, from: -90s, every: 10s, no_data_for: 1m",
    "name: Claimed, target: noisy, critical: 95, exclude: ['noisy-1'], every: 1m",
    "name: Claimed, target: fine, critical: 99, every: 1m",
];

/// Numbers that look like chance, the same each time.
fn noise(seed: u64) -> impl Iterator<Item = f64> {
    let next = |state: &u64| {
        Some(
            state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407),
        )
    };
    let states = std::iter::successors(Some(seed), next).skip(5);
    states.map(|state| f64::from(u32::try_from(state >> 40).unwrap()) / f64::from(1 << 24) * 100.0)
}

/// Waves with noise and with gaps; the first values are there.
fn wave(seed: u64, count: usize) -> Vec<Option<f64>> {
    let noise = noise(seed).zip(noise(seed + 1000));
    let values = noise.enumerate().map(|(at, (value, chance))| {
        let slow = (at as f64 / 37.0 + seed as f64).sin() * 40.0 + 40.0;
        let gap = (at / 50) % 4 == 3 && seed.is_multiple_of(2);
        let there = at < 10 || (!gap && chance > 7.0);
        there.then_some(slow + value / 5.0)
    });
    values.take(count).collect()
}

fn noisy(begin: i64) -> Graphite {
    let graphite = Graphite::start();
    let starts = begin - 40 * MINUTE;
    let series = |name: &str, seed: u64, step: i64| {
        let count = usize::try_from(3 * HOUR / step).unwrap();
        Series::starting(&format!("{name}-{seed}"), starts, &wave(seed, count)).step(step)
    };
    let all = |name: &str, step| (0..5).map(|seed| series(name, seed, step)).collect();
    graphite.set("noisy", all("noisy", 60));
    graphite.set("fine", all("fine", 10));
    graphite
}

/// The hour as the agent lives it: each slot is a request of its own.
async fn lived(config: &config::Config, client: &Client, span: Span) -> Vec<Incident> {
    let setup = graphite_pager::agent::setup(config);
    let mut play = Play::new(setup, config.receivers.clone(), span.from);
    let mut record = Record::default();
    while let Some(due) = play.next(span.until) {
        let mut known = Known {
            series: play.world().known(&due.group.name),
            ..Known::default()
        };
        let fetched = fetch(client, &due.group, due.slot, &mut known).await;
        drop(known);
        play.evaluated(&due, fetched.report);
        record.add(play.take_happened());
    }
    record.add(play.take_happened());
    record.incidents
}

async fn replayed(config: &config::Config, client: &Client, span: Span) -> Vec<Incident> {
    let mut feeds = Feeds::default();
    let groups = config.groups.clone();
    let mut players = [Player::new(config, groups, span.from, &mut feeds)];
    let (_stop, stop) = tokio::sync::watch::channel(false);
    let task = Task {
        client,
        concurrency: 4,
        span,
        now: Timestamp::from_secs(epoch_now()),
        stop,
    };
    let reached = replay_with(&task, &mut feeds, &mut players, &mut |_| ()).await;
    assert_eq!(reached, Ok(span.until));
    let [player] = players;
    player.record.incidents
}

async fn the_same_hour(json: bool) {
    let begin = midnight(1);
    let graphite = noisy(begin);
    graphite.json_only(json);
    let setup = Setup::new(&configuration(&graphite, ALL_WAYS));
    let path = setup.folder().join("alerts.yml");
    let config = config::load(&[path], &|_| None).unwrap().config;
    let client = Client::new(&config.graphite).unwrap();
    let span = Span {
        from: Timestamp::from_secs(begin),
        until: Timestamp::from_secs(begin + HOUR),
    };
    let lived = lived(&config, &client, span).await;
    let replayed = replayed(&config, &client, span).await;
    // the script is one that something happens in, to every alert
    assert!(lived.len() > 40, "{}", lived.len());
    for alert in &config.groups {
        assert!(
            lived.iter().any(|incident| incident.alert == alert.name),
            "{}",
            alert.name
        );
    }
    assert_eq!(lived, replayed);
}

#[tokio::test]
async fn an_hour_of_live_requests_and_its_replay_give_the_same_incidents() {
    the_same_hour(false).await;
}

#[tokio::test]
async fn the_same_hour_comes_out_of_json() {
    the_same_hour(true).await;
}

/// What a webhook was told: event, level, when it came about.
fn told(body: &Value) -> (String, String, i64) {
    let text = |key: &str| body[key].as_str().unwrap().to_owned();
    (text("event"), text("level"), seconds(&body["changed"]))
}

#[test]
fn a_running_agent_and_the_replay_of_its_time_agree_to_the_second() {
    let graphite = Graphite::start();
    let begin = epoch_now();
    // quiet before, then bad, worse, and well again
    let script = [(20, 1.0), (4, 15.0), (4, 30.0), (600, 1.0)];
    let script: Vec<_> = script
        .iter()
        .flat_map(|(n, value)| vec![Some(*value); *n])
        .collect();
    let series = Series::starting("web-1", begin - 15, &script).step(1);
    graphite.set("load", vec![series]);
    let hook = Sink::start();
    let text = format!(
        "graphite: {{url: '{}'}}\nlisten: off\nreceivers: {{hook: {{webhook: {{url: '{}'}}}}}}\nalerts:\n\
         - {{name: Load, target: load, warning: 10, critical: 20, every: 1s, settle: 1s, for: 2s, recover_for: 3s, from: -10s}}\n",
        graphite.url(),
        hook.url()
    );
    let mut agent = Setup::new(&text).start();
    let requests = hook.wait_for(3, support::DEADLINE);
    agent.signal(Signal::TERM);
    agent.wait_exit();
    let lived: Vec<_> = requests
        .iter()
        .map(|request| told(&request.json()))
        .collect();
    assert_eq!(lived.len(), 3, "{lived:?}");

    let until = epoch_now();
    let done = replay_of(&text, (begin, until), &["--format", "json"]).run();
    let report = report(&done);
    let incidents = report["incidents"].as_array().unwrap();
    assert_eq!(incidents.len(), 1, "{report}");
    let told = incidents[0]["told"].as_array().unwrap().iter();
    let told = told.map(|told| {
        let text = |key: &str| told[key].as_str().unwrap().to_owned();
        (text("says"), text("level"), seconds(&told["at"]))
    });
    assert_eq!(told.collect::<Vec<_>>(), lived);
}

// --- the real Graphite ----------------------------------------------------------------------

/// Sends history to carbon, and waits until Graphite shows the last of it.
fn feed(metric: &str, points: &[(i64, f64)]) {
    let service = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let mut carbon = std::net::TcpStream::connect(service("CARBON_TEST_ADDR")).unwrap();
    for (at, value) in points {
        writeln!(carbon, "{metric} {value} {at}").unwrap();
    }
    drop(carbon);
    let (at, value) = points.last().unwrap();
    let graphite = service("GRAPHITE_TEST_URL");
    let url = format!(
        "{graphite}/render?target={metric}&format=raw&from={}&until={at}&noCache=1",
        at - MINUTE
    );
    let shown = || {
        let text = http::get(&url).text();
        text.trim_end()
            .ends_with(&format!("{value:?}"))
            .then_some(())
    };
    poll(support::DEADLINE, shown)
        .unwrap_or_else(|| panic!("{metric}: {}", http::get(&url).text()));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the real Graphite: GRAPHITE_TEST_URL, CARBON_TEST_ADDR"]
async fn the_real_graphite_shows_the_same_hour_live_and_in_pieces() {
    let metric = format!("replayed.m{}", epoch_now());
    let end = epoch_now().div_euclid(MINUTE) * MINUTE;
    let begin = end - 2 * HOUR;
    // high for six of each twenty minutes, with a gap in each
    let points = (0..120).zip(noise(7)).filter_map(|(minute, value)| {
        let level = if minute % 20 < 6 { 80.0 } else { 10.0 };
        (minute % 20 != 13).then_some((begin + minute * MINUTE, level + value / 10.0))
    });
    feed(&metric, &points.collect::<Vec<_>>());
    let url = std::env::var("GRAPHITE_TEST_URL").unwrap();
    let text = format!(
        "graphite: {{url: '{url}'}}\nlisten: off\nreceivers: {{screen: {{console: {{}}}}}}\nalerts:\n\
         - {{name: Newest, target: '{metric}', warning: 40, critical: 70, every: 30s}}\n\
         - {{name: Moving, target: 'alias(movingAverage({metric}, 5), \"m\")', warning: 40, critical: 60, every: 1m}}\n\
         - {{name: Shifted, target: 'alias(diffSeries({metric}, timeShift({metric}, \"10min\")), \"d\")', warning: 20, critical: 40, reduce: max, from: -10min}}\n"
    );
    let setup = Setup::new(&text);
    let path = setup.folder().join("alerts.yml");
    let config = config::load(&[path], &|_| None).unwrap().config;
    let client = Client::new(&config.graphite).unwrap();
    let span = Span {
        from: Timestamp::from_secs(begin + 30 * MINUTE),
        until: Timestamp::from_secs(begin + 110 * MINUTE),
    };
    let lived = lived(&config, &client, span).await;
    let replayed = replayed(&config, &client, span).await;
    assert!(lived.len() > 5, "{lived:#?}");
    assert_eq!(lived, replayed);
}
