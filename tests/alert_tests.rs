//! `graphite-pager test`: what tests of alerts can say, what they find, and what
//! is said of those that fail, through the binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use support::agent::{Finished, Setup};

/// The design's own alert.
const LOAD: &str = "alerts:\n- {name: Load, target: 'aliasByNode(servers.*.loadavg.05, 1)', warning: 10, critical: 20, for: 2m}\n";

/// Runs `graphite-pager test load.test.yml ARGUMENTS` on a file that begins with `alerts: alerts.yml`.
fn test_with(configuration: &str, tests: &str, arguments: &[&str]) -> Finished {
    let setup = Setup::new(configuration);
    setup.write("load.test.yml", &format!("alerts: alerts.yml\n{tests}"));
    let arguments = [&["test", "load.test.yml"], arguments].concat();
    setup.arguments(&arguments).run()
}

fn test(configuration: &str, tests: &str) -> Finished {
    test_with(configuration, tests, &[])
}

/// One test, in YAML's flow style.
fn one(body: &str) -> String {
    format!("tests:\n- {{name: it, {body}}}\n")
}

/// The test passes, and is one that could fail: with any other level of its last
/// expectation it does.
fn passes(configuration: &str, body: &str) {
    let finished = test(configuration, &one(body));
    assert_eq!(
        (finished.code, &*finished.stderr),
        (Some(0), ""),
        "{body}\n{}",
        finished.stdout
    );
    assert_eq!(finished.stdout, "1 test passed, 0 failed\n");
}

/// The test fails, with this among what is said.
fn fails(configuration: &str, body: &str, said: &[&str]) {
    let finished = test(configuration, &one(body));
    assert_eq!(
        (finished.code, &*finished.stderr),
        (Some(1), ""),
        "{body}\n{}",
        finished.stdout
    );
    for said in said {
        assert!(
            finished.stdout.contains(said),
            "no {said:?} in\n{}",
            finished.stdout
        );
    }
}

/// `{alert: Load, series: web-1, ...}` for each of these.
fn of_web(items: &[&str]) -> String {
    let item = |item: &&str| format!("{{alert: Load, series: web-1, {item}}}");
    let items: Vec<String> = items.iter().map(item).collect();
    format!("[{}]", items.join(", "))
}

/// A series of `Load` with these values.
fn web(values: &str) -> String {
    format!("series: [{{alert: Load, name: web-1, values: '{values}'}}]")
}

/// The level of web-1 of `Load` at each of these times.
fn levels(configuration: &str, values: &str, levels: &[(&str, &str)]) {
    let items: Vec<String> = levels
        .iter()
        .map(|(at, level)| format!("at: {at}, level: {level}"))
        .collect();
    let items: Vec<&str> = items.iter().map(String::as_str).collect();
    passes(
        configuration,
        &format!("{}, expect: {}", web(values), of_web(&items)),
    );
    // none of these holds for want of being looked at
    for (at, level) in levels {
        let other = if *level == "ok" { "critical" } else { "ok" };
        let item = format!("at: {at}, level: {other}");
        let body = format!("{}, expect: {}", web(values), of_web(&[&item]));
        fails(configuration, &body, &[&format!("found     {level}")]);
    }
}

// --- values and windows ---------------------------------------------------------------------

#[test]
fn the_test_of_the_design_passes() {
    let finished = test(
        LOAD,
        r#"tests:
  - name: pages only after two minutes
    every: 1m                   # one evaluation per value; the first at 0m
    series:
      - {alert: Load, name: web-1, values: "1x4 30x10 _x3 1x4"}
    expect:
      - {at: 6m, alert: Load, series: web-1, level: ok}          # for: 2m: readings at 5m, 6m, 7m
      - {at: 7m, alert: Load, series: web-1, level: critical}
    events:
      - {at: 7m, alert: Load, series: web-1, event: opened, level: critical}
"#,
    );
    assert_eq!(finished.stdout, "1 test passed, 0 failed\n");
    assert_eq!(finished.code, Some(0));
}

/// An alert that is critical from this on, at once, and over at once.
fn at_once(keys: &str) -> String {
    format!("alerts:\n- {{name: Load, target: a, recover_for: 0, no_data: keep, {keys}}}\n")
}

#[test]
fn a_window_of_five_minutes_holds_five_values_each_minute() {
    let counts = at_once("critical: '>= 5', reduce: count");
    levels(
        &counts,
        "1x9",
        &[("3m", "ok"), ("4m", "critical"), ("9m", "critical")],
    );
    let counts = at_once("critical: '>= 6', reduce: count");
    levels(&counts, "1x9", &[("9m", "ok")]);
}

#[test]
fn a_window_ends_at_until_and_begins_after_from() {
    // at 9m: the values after 3m, up to 6m
    let sum = at_once("critical: '== 15', reduce: sum, from: -6min, until: -3min");
    levels(
        &sum,
        "0+1x12",
        &[("8m", "ok"), ("9m", "critical"), ("10m", "ok")],
    );
}

#[test]
fn values_step_as_they_are_written() {
    let alert = at_once("critical: 20, from: -1min");
    levels(
        &alert,
        "5+5x4",
        &[("2m", "ok"), ("3m", "critical"), ("4m", "critical")],
    );
    levels(&alert, "30-5x3", &[("2m", "critical"), ("3m", "ok")]);
    levels(&alert, "-5+25x1", &[("0m", "ok"), ("1m", "critical")]);
    levels(&alert, "1 2 1e3", &[("1m", "ok"), ("2m", "critical")]);
}

#[test]
fn values_can_be_a_list() {
    passes(
        LOAD,
        "series: [{alert: Load, name: web-1, values: [1x4, 30x10]}], expect: [{at: 7m, alert: Load, series: web-1, level: critical}]",
    );
}

#[test]
fn a_null_lets_the_value_before_it_count_while_the_window_holds_it() {
    // the last value of a window of five is at 2m, so the window of 7m is empty
    let alert = "alerts:\n- {name: Load, target: a, critical: 100, no_data_for: 0}\n";
    levels(alert, "1x2 _x9", &[("6m", "ok"), ("7m", "no_data")]);
}

#[test]
fn max_age_makes_a_value_old_that_was_shown_before() {
    let alert = "alerts:\n- {name: Load, target: a, critical: 100, no_data_for: 0, max_age: 2m}\n";
    levels(alert, "1x2 _x9", &[("4m", "ok"), ("5m", "no_data")]);
}

#[test]
fn nan_and_infinities_are_no_points() {
    let alert = "alerts:\n- {name: Load, target: a, critical: 100, no_data_for: 0, from: -1min}\n";
    levels(
        alert,
        "1 NaN 1 inf -inf",
        &[("0m", "ok"), ("1m", "no_data"), ("3m", "no_data")],
    );
}

#[test]
fn a_series_that_is_absent_is_missing_and_then_without_data() {
    // missing at 3m; missing_for 5m of further answers
    levels(LOAD, "1x2 -x20", &[("7m", "ok"), ("8m", "no_data")]);
}

#[test]
fn after_its_last_value_a_series_is_absent() {
    levels(LOAD, "1x2", &[("7m", "ok"), ("8m", "no_data")]);
}

#[test]
fn a_series_that_is_never_there_lets_the_target_match_nothing() {
    passes(
        "alerts:\n- {name: Load, target: 'servers.*.load', critical: 1}\n",
        "series: [{alert: Load, name: web-1, values: '-x10'}], expect: [\
         {at: 1m, alert: Load, series: 'servers.*.load', level: ok}, \
         {at: 2m, alert: Load, series: 'servers.*.load', level: no_data}, \
         {at: 2m, alert: Load, series: web-1, level: ok}]",
    );
}

#[test]
fn an_alert_without_any_series_in_the_test_is_judged_where_something_is_expected_of_it() {
    passes(
        "alerts:\n- {name: Load, target: 'servers.*.load', critical: 1, min_series: 2}\n",
        "expect: [{at: 2m, alert: Load, series: 'servers.*.load', level: no_data}, \
         {at: 2m, alert: Load, series: (too few series), level: no_data}]",
    );
}

#[test]
fn an_alert_that_the_test_does_not_name_takes_no_part() {
    let two = format!("{LOAD}- {{name: Other, target: b, critical: 1, no_data_for: 0}}\n");
    let body = format!("{}, expect: {}", web("1x9"), of_web(&["at: 9m, level: ok"]));
    passes(&two, &body);
    let finished = test_with(&two, &one(&body), &["--coverage"]);
    assert!(
        finished
            .stdout
            .contains("alert `Other`: no test judges a series by it"),
        "{}",
        finished.stdout
    );
}

// --- when -------------------------------------------------------------------------------------

#[test]
fn without_every_a_test_goes_as_its_alert_does() {
    let rare = LOAD.replace("for: 2m", "for: 2m, every: 30s");
    levels(&rare, "30x9", &[("1m30s", "ok"), ("2m", "critical")]);
}

#[test]
fn every_of_a_test_stands_in_place_of_the_alerts_own() {
    let rare = LOAD.replace("for: 2m", "for: 2m, every: 5m");
    passes(
        &rare,
        &format!(
            "every: 1m, {}, expect: {}",
            web("1x4 30x9"),
            of_web(&["at: 6m, level: ok", "at: 7m, level: critical"])
        ),
    );
}

#[test]
fn an_alert_with_a_cron_schedule_is_evaluated_at_each_value() {
    let daily =
        "alerts:\n- {name: Load, target: a, critical: 20, schedule: '0 6 * * *', from: -1d}\n";
    // from its schedule: a day
    levels(daily, "1 30 1", &[("1d", "critical"), ("2d", "ok")]);
}

#[test]
fn every_and_start_of_the_file_are_those_of_its_tests() {
    let hours = "alerts:\n- {name: Load, target: a, critical: 20, active: 'Mon-Fri 09:00-18:00'}\n\
                 receivers: {oncall: {console: {}}}\n";
    let finished = test(
        hours,
        "start: 2026-11-20T17:59:00Z\nevery: 30s\ntests:\n- name: held over the weekend\n  \
         series: [{alert: Load, name: web-1, values: '1 1 30x8000'}]\n  \
         expect: [{at: 1m, alert: Load, series: web-1, level: critical}]\n  \
         told: [{at: 63h1m, receiver: oncall, alert: Load, series: web-1, says: critical, only: true}]\n\
         - name: told at once on another day\n  start: 2026-11-19T12:00:00+01:00\n  every: 1m\n  \
         series: [{alert: Load, name: web-1, values: '1 30'}]\n  \
         told: [{at: 1m, receiver: oncall, alert: Load, series: web-1, says: critical, only: true}]\n",
    );
    assert_eq!(
        finished.stdout, "2 tests passed, 0 failed\n",
        "{}",
        finished.stderr
    );
}

#[test]
fn a_test_goes_on_after_its_values_until_its_last_expectation() {
    // forgotten a day after it began to read as without data, at 8m
    let short = LOAD.replace("for: 2m", "forget_after: 10m");
    passes(
        &short,
        &format!(
            "{}, events: {}",
            web("1x2"),
            of_web(&[
                "at: 8m, event: opened, level: no_data, only: true",
                "at: 18m, event: resolved, level: ok",
            ])
        ),
    );
}

// --- events -----------------------------------------------------------------------------------

#[test]
fn events_are_the_transitions_of_an_incident() {
    passes(
        LOAD,
        &format!(
            "{}, events: {}",
            web("15x9 30x9 15x9 1x9"),
            of_web(&[
                "at: 2m, event: opened, level: warning",
                "at: 12m, event: raised, level: critical",
                "at: 22m, event: lowered, level: warning",
                "at: 32m, event: resolved, only: true",
            ])
        ),
    );
}

#[test]
fn an_event_at_another_time_of_another_kind_or_level_is_none() {
    for other in [
        "at: 3m, event: opened",
        "at: 2m, event: raised",
        "at: 2m, event: opened, level: critical",
    ] {
        fails(
            LOAD,
            &format!("{}, events: {}", web("15x9"), of_web(&[other])),
            &["found     opened (warning) at 2m"],
        );
    }
}

#[test]
fn one_event_does_not_stand_for_two() {
    fails(
        LOAD,
        &format!(
            "{}, events: {}",
            web("15x9"),
            of_web(&["at: 2m, event: opened", "at: 2m, event: opened"])
        ),
        &["expected  opened\n    found     opened (warning) at 2m"],
    );
}

#[test]
fn only_makes_the_events_of_a_series_complete() {
    let values = web("15x9 30x9");
    let opened = "at: 2m, event: opened";
    passes(LOAD, &format!("{values}, events: {}", of_web(&[opened])));
    let more = [
        "expected  no other event",
        "found     raised (critical) at 12m",
    ];
    let item = format!("{opened}, only: true");
    fails(
        LOAD,
        &format!("{values}, events: {}", of_web(&[&item])),
        &more,
    );
    let body = format!("{values}, only: true, events: {}", of_web(&[opened]));
    fails(LOAD, &body, &more);
}

#[test]
fn only_alone_says_that_nothing_happens() {
    let nothing = of_web(&["only: true"]);
    passes(LOAD, &format!("{}, events: {nothing}", web("1x9")));
    fails(
        LOAD,
        &format!("{}, events: {nothing}", web("15x9")),
        &["found     opened (warning) at 2m"],
    );
}

// --- who is told --------------------------------------------------------------------------------

/// Receivers, and an alert that is told to all of them.
const TOLD: &str = "receivers:\n\
    \x20 oncall: {pagerduty: {routing_key: '${PAGERDUTY_KEY}'}, levels: [critical, no_data]}\n\
    \x20 mail: {email: {to: '${OPS}', from: pager@example.com}, repeat: 30m}\n\
    \x20 boss: {slack: {url: '${SLACK_URL}'}, after: 20m, resolved: false}\n\
    alerts:\n\
    - {name: Load, target: 'servers.*.load', warning: 10, critical: 20, for: 2m}\n";

fn told(items: &[&str]) -> String {
    format!("told: {}", of_web(items))
}

#[test]
fn each_receiver_is_told_what_its_levels_its_after_and_its_repeat_say() {
    let body = format!(
        "{}, {}",
        web("15x9 30x29 1x9"),
        told(&[
            "at: 12m, receiver: oncall, says: critical, only: true",
            "at: 41m, receiver: oncall, says: resolved",
            "at: 2m, receiver: mail, says: warning, only: true",
            "at: 12m, receiver: mail, says: critical",
            "at: 41m, receiver: mail, says: resolved",
            "at: 22m, receiver: boss, says: critical, only: true",
        ])
    );
    // 30m after 12m it is over
    passes(
        TOLD,
        &body.replace("30x29 1x9", "30x27 1x9").replace("41m", "40m"),
    );
    let reminded = body.replace("30x29", "30x39").replace("at: 41m", "at: 52m");
    fails(
        TOLD,
        &reminded,
        &["`mail` is told nothing else", "critical (reminder) at 42m"],
    );
    let reminder = "{at: 42m, receiver: mail, alert: Load, series: web-1, says: reminder}, {at: 52m, receiver: oncall";
    passes(
        TOLD,
        &reminded.replace(
            "{alert: Load, series: web-1, at: 52m, receiver: oncall",
            &format!("{reminder}, alert: Load, series: web-1"),
        ),
    );
}

#[test]
fn a_receiver_that_is_not_told_is_said_to_be_told_nothing() {
    let never = told(&["receiver: oncall, only: true"]);
    passes(TOLD, &format!("{}, {never}", web("15x9 1x9")));
    fails(
        TOLD,
        &format!("{}, {never}", web("30x9")),
        &[
            "expected  `oncall` is told nothing else",
            "found     critical at 2m",
        ],
    );
    fails(
        TOLD,
        &format!(
            "{}, {}",
            web("15x9"),
            told(&["at: 2m, receiver: oncall, says: critical"])
        ),
        &[
            "expected  `oncall` is told: critical",
            "found     it is told nothing of this series",
        ],
    );
}

#[test]
fn a_failure_says_why_a_receiver_is_not_told() {
    let hours = TOLD.replace("for: 2m", "active: 'Sat-Sun 00:00-24:00'");
    let routed = format!("{TOLD}routes: [{{match: {{alert: Load}}, notify: [mail, boss]}}]\n");
    for (yaml, values, item, why) in [
        (
            TOLD,
            "15x9",
            "at: 5m, receiver: oncall, says: warning",
            "opened at 2m: is >= 10 for 2m; `oncall` does not listen to warning",
        ),
        (
            TOLD,
            "30x9",
            "at: 5m, receiver: boss, says: critical",
            "; `after: 20m` of `boss` is not over",
        ),
        (
            &routed,
            "30x9",
            "at: 5m, receiver: oncall, says: critical",
            "; its routes lead to `mail`, `boss`",
        ),
        (
            &hours,
            "30x9",
            "at: 5m, receiver: mail, says: critical",
            "; it is outside the `active` hours of the alert",
        ),
        (
            TOLD,
            "1x9",
            "at: 5m, receiver: mail, says: critical",
            "because   it had no incident until then; its last reading is ok\n",
        ),
    ] {
        fails(yaml, &format!("{}, {}", web(values), told(&[item])), &[why]);
    }
    let series = "series: [{alert: Load, name: web-1, values: 30x9}, {alert: Load, name: web-2, values: 30x9}]";
    fails(
        &TOLD.replace("for: 2m", "limit: 1"),
        &format!(
            "{series}, told: {{at: 5m, receiver: mail, alert: Load, series: web-2, says: critical}}"
        ),
        &["; it is told with others, as `(more)` or `(more without data)`"],
    );
}

#[test]
fn a_receiver_of_messages_is_told_that_its_levels_are_left() {
    let yaml = TOLD.replace(
        "from: pager@example.com}",
        "from: pager@example.com}, levels: [warning]",
    );
    passes(
        &yaml,
        &format!(
            "{}, {}",
            web("15x9 30x9"),
            told(&[
                "at: 2m, receiver: mail, says: warning, only: true",
                "at: 12m, receiver: mail, says: left",
            ])
        ),
    );
}

#[test]
fn routes_decide_who_is_told() {
    let routed = format!(
        "{TOLD}- {{name: Queue, target: q, critical: 5, labels: {{team: db}}}}\n\
         routes: [{{match: {{team: db}}, notify: boss}}, {{match: {{series: 'web-*'}}, notify: [mail]}}]\n"
    );
    passes(
        &routed,
        "series: [{alert: Load, name: web-1, values: 30x30}, {alert: Queue, name: q, values: 9x30}], told: [\
         {receiver: oncall, alert: Load, series: web-1, only: true}, \
         {at: 2m, receiver: mail, alert: Load, series: web-1, says: critical, only: true}, \
         {receiver: mail, alert: Queue, series: q, only: true}, \
         {at: 20m, receiver: boss, alert: Queue, series: q, says: critical, only: true}]",
    );
}

#[test]
fn more_incidents_than_the_limit_are_told_as_one() {
    let limited = TOLD.replace("for: 2m", "limit: 2");
    let series: Vec<String> = (1..=4)
        .map(|n| format!("{{alert: Load, name: web-{n}, values: 30x9}}"))
        .collect();
    passes(
        &limited,
        &format!(
            "series: [{}], expect: [{{at: 1m, alert: Load, series: web-4, level: critical}}], told: [\
             {{at: 0m, receiver: mail, alert: Load, series: web-1, says: critical, only: true}}, \
             {{at: 0m, receiver: mail, alert: Load, series: (more), says: critical, only: true}}, \
             {{receiver: mail, alert: Load, series: web-4, only: true}}]",
            series.join(", ")
        ),
    );
}

#[test]
fn many_that_fall_silent_are_told_as_one_trouble_of_graphite() {
    let series: Vec<String> = (1..=12)
        .map(|n| format!("{{alert: Load, name: web-{n}, values: '1x5 _x20'}}"))
        .collect();
    passes(
        TOLD,
        &format!(
            "series: [{}], expect: [\
             {{at: 20m, alert: Load, series: web-1, level: ok}}, \
             {{at: 20m, alert: graphite-pager, series: graphite (no data), level: no_data}}], \
             told: [{{at: 12m, receiver: oncall, alert: graphite-pager, series: graphite (no data), says: no_data}}]",
            series.join(", ")
        ),
    );
}

#[test]
fn few_that_are_left_of_a_silence_are_told_one_by_one_after_ten_minutes() {
    // at 24m twelve are told as one; at 33m nine of them have data again, and at
    // 43m, between two evaluations, the other three stand alone
    let series: Vec<String> = (1..=12)
        .map(|n| {
            let values = match n {
                1..=3 => "1x2 _x20",
                _ => "1x2 _x8 1x11",
            };
            format!("{{alert: Load, name: web-{n}, values: '{values}'}}")
        })
        .collect();
    passes(
        &TOLD.replace("for: 2m", "from: -15min, missing: keep"),
        &format!(
            "every: 3m, series: [{}], events: [\
             {{at: 24m, alert: graphite-pager, series: graphite (no data), event: opened, level: no_data, only: true}}, \
             {{at: 43m, alert: graphite-pager, series: graphite (no data), event: resolved}}, \
             {{at: 43m, alert: Load, series: web-1, event: opened, level: no_data, only: true}}, \
             {{alert: Load, series: web-12, only: true}}]",
            series.join(", ")
        ),
    );
}

// --- Graphite fails -----------------------------------------------------------------------------

#[test]
fn while_graphite_fails_nothing_changes_and_clocks_stand() {
    // readings at 5m, 6m, then none until 10m
    for failure in [
        "503",
        "timeout",
        "refused",
        "cut_off",
        "undecodable",
        "login_page",
        "error",
    ] {
        passes(
            LOAD,
            &format!(
                "{}, graphite: [{{from: 7m, to: 9m, fails: {failure}}}], expect: {}",
                web("1x4 30x20"),
                of_web(&["at: 8m, level: ok", "at: 9m, level: critical"])
            ),
        );
    }
}

#[test]
fn graphite_that_fails_for_five_minutes_is_an_incident_of_its_own() {
    let named = format!("graphite: {{url: 'https://graphite.example.com'}}\n{TOLD}");
    passes(
        &named,
        &format!(
            "{}, graphite: {{from: 3m, to: 12m, fails: 503}}, events: [\
             {{at: 8m, alert: graphite-pager, series: graphite.example.com, event: opened, level: critical}}, \
             {{at: 12m, alert: graphite-pager, series: graphite.example.com, event: resolved, only: true}}, \
             {{alert: Load, series: web-1, only: true}}], \
             told: [{{at: 8m, receiver: oncall, alert: graphite-pager, series: graphite.example.com, says: critical}}]",
            web("1x2 -x9 1x9")
        ),
    );
}

#[test]
fn error_for_that_ends_between_two_evaluations_is_kept_to_the_second() {
    passes(
        &format!("graphite: {{error_for: 90s}}\n{TOLD}"),
        &format!(
            "{}, graphite: {{from: 3m, fails: 503}}, events: [\
             {{at: 4m30s, alert: graphite-pager, series: graphite, event: opened}}]",
            web("1x9")
        ),
    );
}

#[test]
fn one_group_that_fails_is_one_incident_of_its_name() {
    let two = format!("{TOLD}- {{name: Queue, target: q, critical: 5}}\n");
    passes(
        &two,
        "series: [{alert: Load, name: web-1, values: 1x20}, {alert: Queue, name: q, values: 9x20}], \
         graphite: [{from: 1m, fails: timeout, alert: Load}], \
         events: [{at: 6m, alert: graphite-pager, series: Load, event: opened, level: critical}, \
         {at: 0m, alert: Queue, series: q, event: opened, level: critical}]",
    );
}

#[test]
fn a_404_is_an_answer_without_series_where_the_configuration_says_so() {
    let body = format!(
        "{}, graphite: {{from: 3m, fails: 404}}, expect: {}",
        web("1x20"),
        of_web(&["at: 8m, level: no_data"])
    );
    fails(LOAD, &body, &["found     ok"]);
    passes(&format!("graphite: {{not_found: empty}}\n{LOAD}"), &body);
}

#[test]
fn a_failed_slot_of_a_rare_alert_is_tried_again() {
    let hourly = "alerts:\n- {name: Load, target: a, critical: 20, every: 1h, from: -1h}\n";
    passes(
        hourly,
        &format!(
            "{}, graphite: {{from: 1h, to: 1h20s, fails: 503}}, events: {}",
            web("1 30 1"),
            of_web(&[
                "at: 1h40s, event: opened, only: true",
                "at: 2h, event: resolved"
            ])
        ),
    );
}

// --- several alerts, targets, files -------------------------------------------------------------

#[test]
fn a_special_case_before_the_general_one_claims_its_series() {
    let two = "alerts:\n\
        - {name: Load, target: 'aliasByNode(servers.build-*.loadavg.05, 1)', critical: 50}\n\
        - {name: Load, target: 'aliasByNode(servers.*.loadavg.05, 1)', critical: 20}\n";
    passes(
        two,
        "series: [{alert: Load, name: build-1, values: 30x9}, {alert: Load, name: web-1, values: 30x9}], \
         expect: [{at: 1m, alert: Load, series: build-1, level: ok}, {at: 1m, alert: Load, series: web-1, level: critical}]",
    );
}

#[test]
fn a_test_can_say_which_target_returns_a_series() {
    let two = "alerts:\n\
        - {name: Load, target: 'aliasSub(a.*, b, c)', critical: 50}\n\
        - {name: Load, targets: ['aliasSub(d.*, b, c)', other], critical: 20}\n";
    for (target, level) in [
        ("", "critical"),
        (", target: 'aliasSub(a.*, b, c)'", "ok"),
        (", target: other", "critical"),
    ] {
        passes(
            two,
            &format!(
                "series: [{{alert: Load, name: web-1, values: 30x9{target}}}], expect: {}",
                of_web(&[&format!("at: 1m, level: {level}")])
            ),
        );
    }
}

#[test]
fn of_a_series_that_two_targets_return_the_worst_counts() {
    passes(
        "alerts:\n- {name: Load, targets: [a, b], critical: 20}\n",
        "series: [{alert: Load, name: web-1, values: 1x9, target: a}, {alert: Load, name: web-1, values: 30x9, target: b}], \
         expect: [{at: 1m, alert: Load, series: web-1, level: critical}]",
    );
}

#[test]
fn the_same_legend_in_two_alerts_is_two_series() {
    passes(
        &format!("{LOAD}- {{name: Memory, target: m, critical: 5}}\n"),
        "series: [{alert: Load, name: web-1, values: 1x9}, {alert: Memory, name: web-1, values: 9x9}], \
         expect: [{at: 1m, alert: Load, series: web-1, level: ok}, {at: 1m, alert: Memory, series: web-1, level: critical}]",
    );
}

#[test]
fn several_files_make_the_configuration_under_test() {
    let setup = Setup::new(LOAD);
    setup.write(
        "base/own.yml",
        "defaults: {recover_for: 10m}\nreceivers: {screen: {console: {}}}\n",
    );
    setup.write(
        "tests/load.test.yml",
        "alerts: [../alerts.yml, ../base]\ntests:\n- name: slow to recover\n  \
         series: [{alert: Load, name: web-1, values: 30x4 1x20}]\n  \
         told: [{at: 15m, receiver: screen, alert: Load, series: web-1, says: resolved}]\n",
    );
    let finished = setup.arguments(&["test", "tests"]).run();
    assert_eq!(
        finished.stdout, "1 test passed, 0 failed\n",
        "{}",
        finished.stderr
    );
}

#[test]
fn neither_the_environment_nor_a_secret_is_needed_or_read() {
    let yaml = "graphite: {url: '${WHERE}', password: '${file:/no/such}', username: pager, ca: /no/such.pem}\n\
        docs_url: ${WIKI}\n\
        receivers: {oncall: {pagerduty: {routing_key: '${PAGERDUTY_KEY}'}}, hook: {webhook: {url: 'https://x/${TOKEN}'}}}\n\
        alerts: [{name: Load, target: a, critical: '${LIMIT}'}]\n";
    let setup = Setup::new(yaml)
        .env("LIMIT", "1")
        .env("GRAPHITE_URL", "nonsense");
    setup.write(
        "a.test.yml",
        "alerts: alerts.yml\nenvironment: {LIMIT: 20}\ntests:\n- name: it\n  \
         series: [{alert: Load, name: web-1, values: 1 19 20}]\n  \
         told: [{at: 2m, receiver: oncall, alert: Load, series: web-1, says: critical, only: true}]\n",
    );
    let finished = setup.arguments(&["test", "a.test.yml"]).run();
    assert_eq!(
        finished.stdout, "1 test passed, 0 failed\n",
        "{}",
        finished.stderr
    );
}

// --- a new configuration ------------------------------------------------------------------------

fn reloads(after: &str, body: &str) -> Finished {
    let setup = Setup::new(TOLD);
    setup.write("after.yml", after);
    setup.write("a.test.yml", &format!("alerts: alerts.yml\n{}", one(body)));
    setup.arguments(&["test", "a.test.yml"]).run()
}

#[test]
fn after_a_reload_a_series_is_judged_by_what_it_says() {
    let finished = reloads(
        &TOLD.replace("critical: 20", "critical: 40"),
        &format!(
            "{}, reload: [{{at: 6m, alerts: after.yml}}], events: {}",
            web("30x20"),
            of_web(&[
                "at: 2m, event: opened, level: critical, only: true",
                "at: 8m, event: lowered, level: warning",
            ])
        ),
    );
    assert_eq!(
        finished.stdout, "1 test passed, 0 failed\n",
        "{}",
        finished.stderr
    );
}

#[test]
fn what_leaves_the_configuration_ends_five_minutes_later_or_at_once() {
    let other = TOLD.replace("name: Load", "name: Other");
    for (at_once, at) in [("", "11m"), (", at_once: true", "6m")] {
        let finished = reloads(
            &other,
            &format!(
                "{}, reload: {{at: 6m, alerts: after.yml{at_once}}}, events: {}, {}",
                web("30x20"),
                of_web(&[&format!("at: {at}, event: resolved")]),
                told(&[&format!("at: {at}, receiver: oncall, says: resolved")]),
            ),
        );
        assert_eq!(
            finished.stdout, "1 test passed, 0 failed\n",
            "{}",
            finished.stderr
        );
    }
}

#[test]
fn a_receiver_that_is_new_after_a_reload_is_told_what_is_open() {
    let finished = reloads(
        &TOLD.replace("receivers:\n", "receivers:\n  new: {console: {}}\n"),
        &format!(
            "{}, reload: {{at: 6m, alerts: after.yml}}, {}",
            web("30x20"),
            told(&[
                "at: 6m, receiver: new, says: critical, only: true",
                "at: 2m, receiver: oncall, says: critical, only: true",
            ]),
        ),
    );
    assert_eq!(
        finished.stdout, "1 test passed, 0 failed\n",
        "{}",
        finished.stderr
    );
}

#[test]
fn a_receiver_that_leaves_is_told_the_end_where_it_was() {
    let moved = TOLD.replace("${PAGERDUTY_KEY}", "${OTHER_KEY}");
    let finished = reloads(
        &moved,
        &format!(
            "{}, reload: {{at: 6m, alerts: after.yml}}, {}",
            web("30x20"),
            told(&[
                "at: 2m, receiver: oncall, says: critical, only: true",
                "at: 6m, receiver: oncall, says: resolved",
                "at: 6m, receiver: oncall, says: critical",
            ]),
        ),
    );
    assert_eq!(
        finished.stdout, "1 test passed, 0 failed\n",
        "{}",
        finished.stderr
    );
}

// --- what is said of failures -------------------------------------------------------------------

#[test]
fn a_failure_says_what_was_found_why_and_how_the_series_went() {
    let finished = test(
        LOAD,
        "tests:\n  - name: pages at once\n    series: [{alert: Load, name: web-1, values: '1x1 30x3 _ - 1x3'}]\n    \
         expect:\n      - {at: 3m, alert: Load, series: web-1, level: critical}\n      \
         - {at: 10m, alert: Load, series: web-1, level: critical}\n",
    );
    assert_eq!(finished.code, Some(1));
    let expected = "\
FAILED load.test.yml:3:5: pages at once

  load.test.yml:6:9: expect: alert `Load`, series `web-1`, at 3m
    expected  critical
    found     ok
    because   it had no incident until then; it reads critical since 2m, and `for: 2m` takes until 4m

    time     0m  1m  2m  3m  4m  5m  6m  7m  8m  9m  10m  11m
    value     1   1  30  30  30  30   _   -   1   1    1    1
    level     .   .   .   .   C   C   C   C   C   C    .    .
                          ^

  load.test.yml:7:9: expect: alert `Load`, series `web-1`, at 10m
    expected  critical
    found     ok
    because   resolved at 10m: is ok for 2m; its last reading is ok

    time     0m  1m  2m  3m  4m  5m  6m  7m  8m  9m  10m  11m
    value     1   1  30  30  30  30   _   -   1   1    1    1
    level     .   .   .   .   C   C   C   C   C   C    .    .
                                                       ^

0 tests passed, 1 failed
";
    assert_eq!(finished.stdout, expected);
}

#[test]
fn of_a_long_series_the_time_in_question_is_shown() {
    let finished = test(
        LOAD,
        &one(&format!(
            "{}, expect: {}",
            web("1x500 30x500"),
            of_web(&["at: 8h23m, level: warning"])
        )),
    );
    let lines: Vec<&str> = finished.stdout.lines().collect();
    let at = |word: &str| {
        let line = lines
            .iter()
            .find(|line| line.trim_start().starts_with(word));
        *line.unwrap_or_else(|| panic!("{word}: {}", finished.stdout))
    };
    let mark = lines.iter().find(|line| line.trim() == "^").unwrap();
    let column = mark.find('^').unwrap();
    assert!(
        at("time")[..=column].ends_with("8h23m"),
        "{}",
        finished.stdout
    );
    assert!(at("level")[..=column].ends_with('C'), "{}", finished.stdout);
    assert!(at("value")[..=column].contains("  1") && at("value")[..=column].ends_with("30"));
    assert!(
        lines.iter().all(|line| line.len() <= 120),
        "{}",
        finished.stdout
    );
}

// --- mistakes -----------------------------------------------------------------------------------

/// What is said of a file with mistakes, of which no test is run.
fn mistakes(configuration: &str, tests: &str) -> String {
    let finished = test(configuration, tests);
    assert_eq!(finished.code, Some(1));
    assert_eq!(
        finished.stdout,
        "0 tests passed, 0 failed; 1 file could not be used\n"
    );
    finished.stderr
}

#[test]
fn every_mistake_of_a_file_is_said_at_once_with_its_place_and_what_to_write() {
    let said = mistakes(
        TOLD,
        "tets: []
every: 1m30
tests:
  - name: it
    evrey: 1m
    series:
      - {alert: Laod, name: web-1, values: 1x4}
      - {alert: Load, name: web-1, values: \"1x4 30y10\"}
      - {alert: Load, name: web-2, values: 1x4, target: servers.*.laod}
      - {alert: Load, name: web-3, value: 1x4}
    expect:
      - {at: 7, alert: Load, series: web-2, level: critical}
      - {at: 7m, alert: Load, series: web2, level: criticl}
    events:
      - {at: 7m, alert: Load, series: web-2, event: open}
      - {at: 7m, alert: Load, series: web-2}
    told:
      - {at: 7m, receiver: on-call, alert: Load, series: web-2, says: page}
    graphite:
      - {from: 8m, to: 3m, fails: 200}
  - name: it
    expect: soon
  - series: {alert: Load, name: web-1, values: 5}
  - 5
",
    );
    let expected = "\
error: load.test.yml:2:1: unknown key `tets` in this file of tests
    tets: []
    ^

hint: did you mean `tests`?

error: load.test.yml:3:8: `every` of this file of tests: `1m30` has the unknown unit ``: expected `ms`, `s`, `m`, `h`, `d` or `w`
    every: 1m30
           ^

hint: write whole seconds such as `30s` or `1m`
";
    assert!(said.starts_with(expected), "{said}");
    for (place, message, hint) in [
        (
            "6:5",
            "unknown key `evrey` in test `it`",
            "did you mean `every`?",
        ),
        (
            "8:17",
            "`alert` of series 1 of test `it`: the configuration has no alert `Laod`",
            "did you mean `Load`?",
        ),
        (
            "9:49",
            "`values` of series 2 of test `it`: `30y10` is no value",
            "write `5`, `5x3` (5 and 3 more), `1+2x3`, `9-2x3`, `_` or `_x3` (null), `-` or `-x3` (absent)",
        ),
        (
            "10:57",
            "`target` of series 3 of test `it`: alert `Load` has no target `servers.*.laod`",
            "did you mean `servers.*.load`?",
        ),
        (
            "11:36",
            "unknown key `value` in series 4 of test `it`",
            "did you mean `values`?",
        ),
        (
            "11:9",
            "series 4 of test `it` has no `values`",
            "write `values: \"1x4 30x10\"`: one value for each evaluation",
        ),
        (
            "13:14",
            "`at` of expectation 1 of test `it`: `7` has no unit",
            "write `7s`",
        ),
        (
            "14:39",
            "`series` of expectation 2 of test `it`: this test shows no series `web2` of alert `Load`",
            "did you mean `web-2`?",
        ),
        (
            "14:52",
            "`level` of expectation 2 of test `it`: expected one of `ok`, `warning`, `no_data`, `critical`, found `criticl`",
            "did you mean `critical`?",
        ),
        (
            "16:53",
            "`event` of event 1 of test `it`: expected one of `opened`, `raised`, `lowered`, `resolved`, found `open`",
            "did you mean `opened`?",
        ),
        (
            "17:9",
            "event 2 of test `it` has no `event`",
            "write `event: opened`, `raised`, `lowered` or `resolved`",
        ),
        (
            "19:28",
            "`receiver` of `told` 1 of test `it`: the configuration has no receiver `on-call`",
            "did you mean `oncall`?",
        ),
        (
            "19:71",
            "`says` of `told` 1 of test `it`: expected one of `warning`, `no_data`, `critical`, `reminder`, `left`, `resolved`, `ok`, found `page`",
            "known words: `warning`, `no_data`, `critical`, `reminder`, `left`, `resolved`, `ok`",
        ),
        (
            "21:24",
            "`to` of failure 1 of test `it` is not after `from`",
            "Graphite fails from `from` on, and answers again at `to`",
        ),
        (
            "21:35",
            "`fails` of failure 1 of test `it`: expected a status that is a failure, such as `503`, or a word such as `timeout`, found `200`",
            "write a status that is a failure, such as `503`, or a word such as `timeout`",
        ),
        (
            "23:13",
            "`expect` of test `it`: expected a list, found text",
            "write a list of maps, such as `[{...}, {...}]`",
        ),
        (
            "24:5",
            "test 3 has no `name`",
            "write `name: pages after two minutes`: it is what a failure is called by",
        ),
        (
            "24:5",
            "test 3 expects nothing",
            "add `expect: [{at: 7m, alert: Load, series: web-1, level: critical}]`, or `events` or `told`",
        ),
        (
            "25:5",
            "test 4: expected a map, found a number",
            "write `key: value`, one key a line",
        ),
    ] {
        let head = format!("error: load.test.yml:{place}: {message}\n");
        let Some((_, after)) = said.split_once(&head) else {
            panic!("no {head}in\n{said}")
        };
        let hints: Vec<&str> = after.lines().skip(2).take(2).collect();
        assert_eq!(hints, ["", &format!("hint: {hint}")], "{head}");
    }
    assert_eq!(said.matches("error: ").count(), 22, "{said}");
}

#[test]
fn a_series_with_a_mistake_can_be_named_without_another() {
    let said = mistakes(
        LOAD,
        "tests:\n- name: it\n  series: [{alert: Load, name: web-1, values: 1y}]\n  \
         expect: [{at: 1m, alert: Load, series: web-1, level: ok}]\n",
    );
    assert_eq!(said.matches("error: ").count(), 1, "{said}");
}

#[test]
fn a_key_that_is_given_twice_is_a_mistake() {
    let said = mistakes(LOAD, "tests: []\nevery: 1m\nevery: 2m\n");
    assert!(
        said.contains(
            "load.test.yml:3:1: `every` is given twice in one map, here and at load.test.yml:4:1"
        ),
        "{said}"
    );
    assert!(
        said.contains("load.test.yml:2:1: there is no test"),
        "{said}"
    );
}

#[test]
fn two_tests_or_two_series_of_one_name_are_a_mistake() {
    let said = mistakes(
        LOAD,
        "tests:\n- name: it\n  series:\n  - {alert: Load, name: web-1, values: 1}\n  - {alert: Load, name: web-1, values: 2}\n  \
         expect: [{at: 0, alert: Load, series: web-1, level: ok}]\n\
         - {name: it, expect: [{at: 0, alert: Load, series: (more), level: ok}]}\n",
    );
    assert!(
        said.contains(
            "load.test.yml:3:3: two tests are called `it`, here and at load.test.yml:8:3"
        ),
        "{said}"
    );
    assert!(
        said.contains("load.test.yml:5:5: series `web-1` of alert `Load` is shown twice, here and at load.test.yml:6:5"),
        "{said}"
    );
}

#[test]
fn a_test_that_would_take_too_long_is_a_mistake() {
    let said = mistakes(
        LOAD,
        "tests: [{name: it, expect: [{at: 100d, alert: Load, series: (more), level: ok}]}]\n",
    );
    assert!(
        said.contains("test `it` takes 144000 evaluations\n")
            && said.contains("hint: at most 100000"),
        "{said}"
    );
}

#[test]
fn mistakes_of_the_configuration_are_said_once_for_all_files_that_test_it() {
    let setup = Setup::new(&LOAD.replace("critical", "critcal"));
    let text = "alerts: alerts.yml\ntests: [{name: it, expect: [{at: 1m, alert: Load, series: (more), level: ok}]}]\n";
    setup.write("a.test.yml", text);
    setup.write("b.test.yml", text);
    let finished = setup.arguments(&["test", "."]).run();
    assert_eq!(finished.code, Some(1));
    assert_eq!(
        finished.stderr.matches("did you mean `critical`?").count(),
        1,
        "{}",
        finished.stderr
    );
    for name in ["a", "b"] {
        let said = format!(
            "{name}.test.yml:1:9: `alerts` of this file of tests: this configuration cannot be used"
        );
        assert!(finished.stderr.contains(&said), "{}", finished.stderr);
    }
    assert!(
        finished.stdout.ends_with("; 2 files could not be used\n"),
        "{}",
        finished.stdout
    );
}

#[test]
fn files_that_are_not_there_are_empty_or_no_yaml_are_said_to_be() {
    let setup = Setup::new(LOAD);
    setup.write("empty.yml", "# nothing\n");
    setup.write("broken.yml", "tests: [\n");
    setup.write(
        "elsewhere.yml",
        "alerts: nowhere.yml\ntests: [{name: it, expect: []}]\n",
    );
    std::fs::create_dir(setup.folder().join("folder")).unwrap();
    for (name, said) in [
        ("empty.yml", "empty.yml:1:1: this file holds no tests"),
        ("broken.yml", "broken.yml:"),
        (
            "nowhere.yml",
            "nowhere.yml: cannot read this file: there is no such file",
        ),
        (
            "elsewhere.yml",
            "nowhere.yml: cannot read this file: there is no such file",
        ),
        ("folder", "folder: there is no `*.test.yml` in this folder"),
    ] {
        let finished = setup.clone().arguments(&["test", name]).run();
        assert_eq!(finished.code, Some(1), "{name}");
        assert!(
            finished.stderr.starts_with(&format!("error: {said}")),
            "{name}: {}",
            finished.stderr
        );
    }
}

#[test]
fn a_file_with_a_mistake_keeps_no_other_from_being_run() {
    let setup = Setup::new(LOAD);
    setup.write("a.yml", "alerts: alerts.yml\n");
    setup.write(
        "b.yml",
        &format!(
            "alerts: alerts.yml\n{}",
            one(&format!(
                "{}, expect: {}",
                web("1x9"),
                of_web(&["at: 1m, level: ok"])
            ))
        ),
    );
    let finished = setup.arguments(&["test", "a.yml", "b.yml"]).run();
    assert_eq!(finished.code, Some(1));
    assert_eq!(
        finished.stdout,
        "1 test passed, 0 failed; 1 file could not be used\n"
    );
    assert!(
        finished.stderr.contains("has no `tests`"),
        "{}",
        finished.stderr
    );
}

// --- reports ------------------------------------------------------------------------------------

/// Two tests of which one fails, with everything that a report must escape.
const TWO: &str = "tests:\n\
    - {name: 'good & \"quiet\"', series: [{alert: Load, name: web-1, values: 1x3}], expect: [{at: 1m, alert: Load, series: web-1, level: ok}]}\n\
    - {name: bad <b>, series: [{alert: Load, name: 'web <1>', values: 30x3}], expect: [{at: 3m, alert: Load, series: 'web <1>', level: ok}]}\n";

#[test]
fn json_holds_each_test_with_its_failures() {
    let finished = test_with(LOAD, TWO, &["--format", "json", "--coverage"]);
    assert_eq!(finished.code, Some(1));
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(
        (&report["passed"], &report["failed"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        report["tests"][0],
        json!({"file": "load.test.yml", "line": 3, "name": "good & \"quiet\"", "passed": true, "failures": []})
    );
    let failure = &report["tests"][1]["failures"][0];
    for (key, value) in [
        ("line", json!(4)),
        ("kind", json!("expect")),
        ("alert", json!("Load")),
        ("series", json!("web <1>")),
        ("at", json!("3m")),
        ("expected", json!("ok")),
        ("found", json!("critical")),
        ("reason", json!("opened at 2m: is >= 20 for 2m")),
    ] {
        assert_eq!(failure[key], value, "{key}");
    }
    assert_eq!(failure["strip"].as_array().unwrap().len(), 4);
    assert_eq!(report["problems"], json!([]));
    assert_eq!(
        report["coverage"],
        json!([{"alert": "Load", "place": "alerts.yml:2", "judged": true, "warning": false, "critical": true}])
    );
}

#[test]
fn json_holds_the_mistakes_of_files() {
    let finished = test_with(LOAD, "tests: []\n", &["--format", "json"]);
    assert_eq!(finished.code, Some(1));
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    let problem = &report["problems"][0];
    assert_eq!(
        (&problem["file"], &problem["line"], &problem["message"]),
        (
            &json!("load.test.yml"),
            &json!(2),
            &json!("there is no test")
        )
    );
    assert_eq!(report.get("coverage"), None);
}

/// Its name and its attributes.
type Element = (String, BTreeMap<String, String>);

/// Checks that `xml` is well-formed; returns its elements with their attributes,
/// and all text.
fn parsed(xml: &str) -> (Vec<Element>, String) {
    let unescaped = |text: &str| {
        assert!(!text.contains('<'), "{text}");
        let mut out = String::new();
        let mut parts = text.split('&');
        out.push_str(parts.next().unwrap());
        for part in parts {
            let (entity, rest) = part.split_once(';').unwrap();
            out.push(match entity {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                number => {
                    let code = number.strip_prefix('#').unwrap().parse().unwrap();
                    char::from_u32(code).unwrap()
                }
            });
            out.push_str(rest);
        }
        out
    };
    let (head, mut rest) = xml.split_once("?>\n").unwrap();
    assert_eq!(head, "<?xml version=\"1.0\" encoding=\"UTF-8\"");
    let (mut open, mut elements, mut texts) = (Vec::new(), Vec::new(), String::new());
    while let Some((text, after)) = rest.split_once('<') {
        texts.push_str(&unescaped(text));
        let (tag, after) = after.split_once('>').unwrap();
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            continue;
        }
        let inner = tag.strip_suffix('/');
        let tag = inner.unwrap_or(tag);
        let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut found = BTreeMap::new();
        while let Some((key, after)) = attributes.split_once("=\"") {
            let (value, after) = after.split_once('"').unwrap();
            let key = key.trim().to_owned();
            assert!(found.insert(key, unescaped(value)).is_none());
            attributes = after;
        }
        assert_eq!(attributes.trim(), "");
        elements.push((name.to_owned(), found));
        if inner.is_none() {
            open.push(name.to_owned());
        }
    }
    assert_eq!(rest.trim(), "");
    assert!(open.is_empty(), "{open:?}");
    (elements, texts)
}

#[test]
fn junit_is_well_formed_xml_with_a_case_for_each_test() {
    let setup = Setup::new(LOAD);
    setup.write("load.test.yml", &format!("alerts: alerts.yml\n{TWO}"));
    setup.write("wrong.test.yml", "alerts: alerts.yml\ntsets: <&>\n");
    let folder = setup.folder().to_path_buf();
    let finished = setup
        .clone()
        .arguments(&["test", ".", "--junit", "out.xml"])
        .run();
    assert_eq!(finished.code, Some(1));
    let (elements, texts) = parsed(&std::fs::read_to_string(folder.join("out.xml")).unwrap());
    let count = |name: &str| elements.iter().filter(|(known, _)| known == name).count();
    assert_eq!(
        ["testsuites", "testsuite", "testcase", "failure", "error"].map(count),
        [1, 2, 3, 1, 1]
    );
    let totals = &elements[0].1;
    assert_eq!(
        ["tests", "failures", "errors"].map(|key| totals[key].as_str()),
        ["3", "1", "1"]
    );
    let names: Vec<&str> = elements
        .iter()
        .filter(|(name, _)| name == "testcase")
        .map(|(_, attributes)| attributes["name"].as_str())
        .collect();
    assert_eq!(
        names,
        ["good & \"quiet\"", "bad <b>", "the file can be used"]
    );
    let failure = elements.iter().find(|(name, _)| name == "failure").unwrap();
    assert_eq!(
        failure.1["message"],
        "Load web <1> at 3m: expected ok, found critical"
    );
    assert!(
        texts.contains("because   opened at 2m: is >= 20 for 2m\n"),
        "{texts}"
    );
    assert!(texts.contains("did you mean `tests`?"), "{texts}");
}

#[test]
fn results_that_cannot_be_written_are_an_error() {
    let finished = test_with(
        LOAD,
        TWO,
        &["--filter", "good", "--junit", "no/such/folder.xml"],
    );
    assert_eq!(finished.code, Some(1));
    assert!(
        finished
            .stderr
            .starts_with("error: cannot write `no/such/folder.xml`: "),
        "{}",
        finished.stderr
    );
}

#[test]
fn results_that_cannot_be_printed_are_an_error() {
    let setup = Setup::new(LOAD);
    setup.write("load.test.yml", &format!("alerts: alerts.yml\n{TWO}"));
    let finished = setup
        .arguments(&["test", "load.test.yml", "--filter", "good"])
        .under(&["sh", "-c", "\"$@\" > /dev/full", "sh"])
        .run();
    assert_eq!(finished.code, Some(1));
    assert!(
        finished
            .stderr
            .starts_with("error: cannot print the results: "),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_filter_runs_only_tests_whose_names_contain_it() {
    let finished = test_with(LOAD, TWO, &["--filter", "quiet"]);
    assert_eq!(
        (finished.code, &*finished.stdout),
        (Some(0), "1 test passed, 0 failed\n")
    );
    let finished = test_with(LOAD, TWO, &["--filter", "loud"]);
    assert_eq!(
        (finished.code, &*finished.stderr),
        (Some(1), "error: no test's name contains `loud`\n")
    );
}

#[test]
fn coverage_names_alerts_and_thresholds_that_no_test_reached() {
    let three = format!(
        "{LOAD}- {{name: Queue, target: q, warning: 5}}\n- {{name: Silent, target: s, critical: '< 0', no_data: critical, no_data_for: 0}}\n"
    );
    let finished = test_with(
        &three,
        "tests:\n- name: it\n  series:\n  - {alert: Load, name: web-1, values: 15x3 30x3}\n  - {alert: Silent, name: s, values: 1 _x9}\n  \
         events: [{at: 2m, alert: Load, series: web-1, event: opened, level: warning}, {at: 6m, alert: Load, series: web-1, event: raised}, \
         {at: 5m, alert: Silent, series: s, event: opened, level: critical}]\n",
        &["--coverage"],
    );
    assert_eq!(
        (finished.code, &*finished.stdout),
        (
            Some(0),
            "1 test passed, 0 failed\n\
             alerts.yml:3: alert `Queue`: no test judges a series by it\n\
             alerts.yml:4: alert `Silent`: no test reaches `critical`\n\
             coverage: 2 of 3 alerts, 2 of 4 thresholds\n"
        ),
        "{}",
        finished.stderr
    );
}
