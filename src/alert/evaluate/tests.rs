//! What one evaluation says, and the alerts and answers that tests of the
//! world are made of as well.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::alert::condition::{Written, conditions};
use crate::alert::{Docs, Exclude, GraphLink, Reduce, Schedule, Target, TimeSpec};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// An alert as the configuration makes it by default: warning from 10,
/// critical from 20; its target is called as `target` is.
pub(crate) fn alert(name: &str, target: &str) -> Alert {
    let (ten, twenty) = (Written::Number(10.0), Written::Number(20.0));
    let conditions = conditions(name, Some(&ten), Some(&twenty), None).unwrap();
    Alert {
        name: Arc::from(name),
        place: Arc::from("alerts.yml:1"),
        targets: vec![Target::parse(target).unwrap()],
        warning: conditions.warning,
        critical: conditions.critical,
        recover: None,
        reduce: Reduce::Last,
        from: TimeSpec::parse("-5min").unwrap(),
        until: None,
        max_age: None,
        settle: Some(Duration::from_secs(5)),
        for_: Duration::ZERO,
        recover_for: 2 * MINUTE,
        no_data: WithoutData::Level(Level::NoData),
        no_data_for: 2 * MINUTE,
        missing: WithoutData::Level(Level::NoData),
        missing_for: 5 * MINUTE,
        forget_after: 24 * 60 * MINUTE,
        min_series: None,
        exclude: Exclude::default(),
        limit: None,
        no_data_limit: None,
        notify: None,
        labels: BTreeMap::new(),
        description: None,
        docs: Docs::Nowhere,
        graph: GraphLink::Off,
    }
}

/// The same with another word on want of data, null and gone alike.
pub(crate) fn without_data(alert: Alert, setting: WithoutData) -> Alert {
    Alert {
        no_data: setting,
        missing: setting,
        ..alert
    }
}

pub(crate) fn excluding(alert: Alert, entries: &[&str]) -> Alert {
    let entries = entries.iter().map(|entry| (*entry).to_owned()).collect();
    Alert {
        exclude: Exclude::new(entries),
        ..alert
    }
}

/// A group of alerts that is evaluated each minute.
pub(crate) fn group(alerts: Vec<Alert>) -> Group {
    Group {
        name: Arc::clone(&alerts[0].name),
        alerts,
        schedule: Schedule::Every {
            period: MINUTE,
            offset: Duration::ZERO,
        },
        active: None,
    }
}

/// `"web-1=30 web-2=_"`: two series, the second one without data. `#1` after a
/// name says that the second target returned it.
pub(crate) fn answer(text: &str) -> Answer {
    fn seen(word: &str) -> Seen<'_> {
        let (name, value) = word.split_once('=').unwrap();
        let (legend, target) = name.split_once('#').unwrap_or((name, "0"));
        let value = (value != "_").then(|| Value {
            value: value.parse().unwrap(),
            at: Timestamp::from_secs(0),
        });
        Seen {
            legend,
            value,
            target: target.parse().unwrap(),
        }
    }
    text.split_whitespace().map(seen).collect()
}

/// `None`: the fetch failed.
pub(crate) fn answers(texts: &[Option<&str>]) -> Vec<Option<Answer>> {
    texts.iter().map(|text| text.map(answer)).collect()
}

/// The readings as `web-1 critical` with all the series that are quiet, of a
/// group that is judged for the first time.
fn check(alerts: Vec<Alert>, texts: &[Option<&str>], expected: &[&str]) {
    let mut life = Life::default();
    let found = judge(&group(alerts), &mut life, 1, texts);
    assert_eq!(found, expected);
}

fn judge(group: &Group, life: &mut Life, minute: i64, texts: &[Option<&str>]) -> Vec<String> {
    let slot = Timestamp::from_secs(minute * 60);
    let evaluated = evaluate(group, life, answers(texts), slot, true);
    evaluated.readings.iter().map(say).collect()
}

fn say(reading: &Reading) -> String {
    let asks = match reading.asks {
        Asks::Data { level, .. } => format!("{level}"),
        Asks::Without { level, at_once } => {
            format!("without: {level}{}", if at_once { " at once" } else { "" })
        }
        Asks::CountsAsOk => "counts as ok".to_owned(),
        Asks::Ignored => "ignored".to_owned(),
    };
    let twice = if reading.twice { " (twice)" } else { "" };
    format!("{} by {}: {asks}{twice}", reading.legend, reading.alert)
}

#[test]
fn a_legend_is_judged_by_the_first_alert_that_returns_it() {
    check(
        vec![alert("Load", "special"), alert("Load", "all")],
        &[Some("a=5"), Some("a=50 b=50")],
        &["a by 0: ok", "b by 1: critical"],
    );
}

#[test]
fn an_excluded_legend_is_claimed() {
    check(
        vec![
            excluding(alert("Load", "special"), &["a"]),
            alert("Load", "all"),
        ],
        &[Some("a=50"), Some("a=50 b=5")],
        &["b by 1: ok"],
    );
}

#[test]
fn an_exclude_reaches_no_series_of_an_earlier_alert() {
    check(
        vec![
            alert("Load", "special"),
            excluding(alert("Load", "all"), &["a"]),
        ],
        &[Some("a=50"), Some("a=50 b=5")],
        &["a by 0: critical", "b by 1: ok"],
    );
}

#[test]
fn entries_of_exclude_are_names_and_globs() {
    check(
        vec![excluding(
            alert("Load", "all"),
            &["web-*", "db[1]", "a.?.c", "web[1"],
        )],
        &[Some(
            "web-1=50 web-=50 xweb-1=50 db[1]=50 db1=50 db2=50 a.b.c=50 a.bb.c=50 web[1=50",
        )],
        &[
            "xweb-1 by 0: critical",
            "db2 by 0: critical",
            "a.bb.c by 0: critical",
        ],
    );
}

#[test]
fn a_later_alert_leaves_unknown_series_alone_while_an_earlier_one_fails() {
    check(
        vec![alert("Load", "special"), alert("Load", "all")],
        &[None, Some("a=50")],
        &[],
    );
}

#[test]
fn a_later_alert_judges_its_own_series_while_an_earlier_one_fails() {
    let group = group(vec![alert("Load", "special"), alert("Load", "all")]);
    let mut life = Life::default();
    judge(&group, &mut life, 1, &[Some("a=5"), Some("a=5 b=5")]);
    let found = judge(&group, &mut life, 2, &[None, Some("a=50 b=50 new=50")]);
    assert_eq!(found, ["b by 1: critical"]);
}

#[test]
fn an_earlier_alert_goes_on_while_a_later_one_fails() {
    let group = group(vec![alert("Load", "special"), alert("Load", "all")]);
    let mut life = Life::default();
    judge(&group, &mut life, 1, &[Some("a=5"), Some("a=5 b=5")]);
    let found = judge(&group, &mut life, 2, &[Some("a=50 new=50"), None]);
    assert_eq!(found, ["a by 0: critical", "new by 0: critical"]);
}

#[test]
fn a_later_alert_excludes_nothing_of_an_earlier_one_that_fails() {
    let group = group(vec![
        alert("Load", "special"),
        excluding(alert("Load", "all"), &["a"]),
    ]);
    let mut life = Life::default();
    judge(&group, &mut life, 1, &[Some("a=50"), Some("a=50")]);
    let slot = Timestamp::from_secs(120);
    let evaluated = evaluate(
        &group,
        &mut life,
        answers(&[None, Some("a=50")]),
        slot,
        true,
    );
    assert!(evaluated.dropped.is_empty(), "{evaluated:?}");
}

#[test]
fn a_gone_series_is_excluded_while_another_alert_of_its_group_fails() {
    let load = |entries: &[&str]| {
        let later = excluding(alert("Load", "all"), entries);
        group(vec![alert("Load", "special"), later])
    };
    let mut life = Life::default();
    judge(&load(&[]), &mut life, 1, &[Some("a=5"), Some("b=50 c=50")]);
    judge(&load(&[]), &mut life, 2, &[Some("a=5"), Some("")]);
    let slot = Timestamp::from_secs(180);
    let given = answers(&[None, Some("")]);
    let evaluated = evaluate(&load(&["b"]), &mut life, given, slot, true);
    let dropped: Vec<_> = evaluated.dropped.iter().map(|d| &*d.legend).collect();
    assert_eq!(dropped, ["b"]);
    // while its own fails, nobody knows whether an earlier one claims it
    let given = answers(&[Some("a=5"), None]);
    let evaluated = evaluate(&load(&["c"]), &mut life, given, slot, true);
    assert!(evaluated.dropped.is_empty(), "{evaluated:?}");
}

#[test]
fn a_series_that_a_later_alert_returns_is_not_excluded_by_its_own_while_an_earlier_one_fails() {
    let load = |entries: &[&str]| {
        let own = excluding(alert("Load", "some"), entries);
        group(vec![alert("Load", "special"), own, alert("Load", "all")])
    };
    let mut life = Life::default();
    let given = [Some(""), Some("a=50"), Some("a=50")];
    judge(&load(&[]), &mut life, 1, &given);
    let slot = Timestamp::from_secs(120);
    let given = answers(&[None, Some(""), Some("a=50")]);
    let evaluated = evaluate(&load(&["a"]), &mut life, given, slot, true);
    assert!(evaluated.dropped.is_empty(), "{evaluated:?}");
    let given = [Some(""), Some(""), Some("a=50")];
    let found = judge(&load(&["a"]), &mut life, 3, &given);
    assert_eq!(found[0], "a by 2: critical");
}

#[test]
fn a_known_series_that_is_excluded_is_dropped_with_the_entry_in_words() {
    let mut life = Life::default();
    judge(
        &group(vec![alert("Load", "all")]),
        &mut life,
        1,
        &[Some("web-1=50")],
    );
    for (texts, entry) in [
        (["web-1=50"], "web-*"),
        // it need not even be returned
        (["b=5"], "web-1"),
    ] {
        let group = group(vec![excluding(alert("Load", "all"), &[entry])]);
        let slot = Timestamp::from_secs(120);
        let evaluated = evaluate(
            &group,
            &mut life.clone(),
            answers(&[Some(texts[0])]),
            slot,
            true,
        );
        let reason = format!("is excluded now (`{entry}`)");
        assert_eq!(
            evaluated.dropped,
            [Dropped {
                legend: Arc::from("web-1"),
                reason
            }]
        );
    }
}

#[test]
fn a_legend_that_comes_twice_has_the_worst_of_its_readings() {
    for (text, expected) in [
        ("a=5 a=30", "a by 0: critical (twice)"),
        ("a=30 a=5 a=15", "a by 0: critical (twice)"),
        ("a=5 a=6", "a by 0: ok (twice)"),
        ("a=15 a=_", "a by 0: without: no_data (twice)"),
        ("a=_ a=30", "a by 0: critical (twice)"),
    ] {
        check(vec![alert("Load", "all")], &[Some(text)], &[expected]);
    }
}

#[test]
fn of_two_readings_of_one_legend_the_ignored_one_does_not_count() {
    let keep = || vec![without_data(alert("Load", "all"), WithoutData::Keep)];
    check(keep(), &[Some("a=_ a=5")], &["a by 0: ok (twice)"]);
    check(keep(), &[Some("a=5 a=_")], &["a by 0: ok (twice)"]);
    check(keep(), &[Some("a=_ a=_")], &["a by 0: ignored (twice)"]);
}

#[test]
fn a_legend_that_comes_twice_has_one_reading_in_a_quiet_evaluation_too() {
    let group = group(vec![alert("Load", "all")]);
    for (text, expected) in [
        ("a=5 a=6", vec![]),
        ("a=5 a=30 a=5", vec!["a by 0: critical (twice)"]),
        ("a=30 a=5", vec!["a by 0: critical (twice)"]),
        ("b=30 a=5 a=_ a=15", {
            vec!["b by 0: critical", "a by 0: without: no_data (twice)"]
        }),
    ] {
        let slot = Timestamp::from_secs(60);
        let given = answers(&[Some(text)]);
        let evaluated = evaluate(&group, &mut Life::default(), given.clone(), slot, false);
        let found: Vec<_> = evaluated.readings.iter().map(say).collect();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn a_legend_of_two_targets_of_one_alert_came_twice() {
    let mut both = alert("Load", "all");
    both.targets.push(Target::parse("more").unwrap());
    check(
        vec![both],
        &[Some("a#0=5 a#1=30")],
        &["a by 0: critical (twice)"],
    );
}

#[test]
fn a_null_reads_as_no_data_says() {
    for (setting, expected) in [
        (
            WithoutData::Level(Level::NoData),
            "a by 0: without: no_data",
        ),
        (
            WithoutData::Level(Level::Warning),
            "a by 0: without: warning",
        ),
        (
            WithoutData::Level(Level::Critical),
            "a by 0: without: critical",
        ),
        (WithoutData::Ok, "a by 0: counts as ok"),
        (WithoutData::Keep, "a by 0: ignored"),
    ] {
        let mut judged = alert("Load", "all");
        judged.no_data = setting;
        // `missing` has no say in it
        judged.missing = WithoutData::Level(Level::Critical);
        check(vec![judged], &[Some("a=_")], &[expected]);
    }
}

#[test]
fn a_vanished_series_reads_as_missing_says_once_it_has_been_gone_for_missing_for() {
    for (setting, expected) in [
        (
            WithoutData::Level(Level::NoData),
            "a by 0: without: no_data at once",
        ),
        (
            WithoutData::Level(Level::Warning),
            "a by 0: without: warning at once",
        ),
        (
            WithoutData::Level(Level::Critical),
            "a by 0: without: critical at once",
        ),
        (WithoutData::Ok, "a by 0: counts as ok"),
        (WithoutData::Keep, "a by 0: ignored"),
    ] {
        let mut judged = alert("Load", "all");
        judged.missing = setting;
        judged.no_data = WithoutData::Level(Level::Critical);
        let group = group(vec![judged]);
        let mut life = Life::default();
        judge(&group, &mut life, 0, &[Some("a=5 b=5")]);
        // gone since minute 1, and for five more answers at minute 6
        for minute in 1..6 {
            let found = judge(&group, &mut life, minute, &[Some("b=5")]);
            assert_eq!(found, ["b by 0: ok", "a by 0: ignored"], "{minute}");
        }
        let found = judge(&group, &mut life, 6, &[Some("b=5")]);
        assert_eq!(found, ["b by 0: ok", expected]);
    }
}

#[test]
fn a_null_series_is_not_missing() {
    let group = group(vec![alert("Load", "all")]);
    let mut life = Life::default();
    judge(&group, &mut life, 0, &[Some("a=5")]);
    for minute in 1..20 {
        let found = judge(&group, &mut life, minute, &[Some("a=_")]);
        assert_eq!(found, ["a by 0: without: no_data"]);
    }
}

#[test]
fn missing_for_is_counted_in_answers_so_an_outage_does_not_count() {
    let group = group(vec![alert("Load", "all"), alert("Load", "more")]);
    let mut life = Life::default();
    judge(&group, &mut life, 0, &[Some("a=5 b=5"), Some("c=5")]);
    judge(&group, &mut life, 1, &[Some("b=5"), Some("c=5")]);
    // failed, half failed, and not evaluated at all: hours pass
    for minute in 2..100 {
        judge(&group, &mut life, minute, &[None, None]);
        judge(&group, &mut life, minute, &[Some("b=5"), None]);
        judge(&group, &mut life, minute, &[None, Some("c=5")]);
    }
    for minute in 200..204 {
        let found = judge(&group, &mut life, minute, &[Some("b=5"), Some("c=5")]);
        assert_eq!(found[2], "a by 0: ignored", "{minute}");
    }
    let found = judge(&group, &mut life, 300, &[Some("b=5"), Some("c=5")]);
    assert_eq!(found[2], "a by 0: without: no_data at once");
}

#[test]
fn a_series_that_comes_back_between_starts_its_missing_for_again() {
    let group = group(vec![alert("Load", "all")]);
    let mut life = Life::default();
    judge(&group, &mut life, 0, &[Some("a=5 b=5")]);
    for minute in 1..6 {
        judge(&group, &mut life, minute, &[Some("b=5")]);
    }
    judge(&group, &mut life, 6, &[Some("a=5 b=5")]);
    for minute in 7..12 {
        let found = judge(&group, &mut life, minute, &[Some("b=5")]);
        assert_eq!(found[1], "a by 0: ignored", "{minute}");
    }
    let found = judge(&group, &mut life, 12, &[Some("b=5")]);
    assert_eq!(found[1], "a by 0: without: no_data at once");
}

#[test]
fn a_series_that_moves_to_another_alert_is_not_missing() {
    let group = group(vec![alert("Load", "special"), alert("Load", "all")]);
    let mut life = Life::default();
    judge(&group, &mut life, 0, &[Some("a=5 z=5"), Some("b=5")]);
    let found = judge(&group, &mut life, 1, &[Some("z=5"), Some("a=30 b=5")]);
    assert_eq!(found, ["z by 0: ok", "a by 1: critical", "b by 1: ok"]);
    assert_eq!(life.series.len(), 3);
}

#[test]
fn missing_for_of_nothing_reads_so_in_the_first_answer_without_it() {
    let mut judged = alert("Load", "all");
    judged.missing_for = Duration::ZERO;
    let group = group(vec![judged]);
    let mut life = Life::default();
    judge(&group, &mut life, 0, &[Some("a=5 b=5")]);
    let found = judge(&group, &mut life, 1, &[Some("b=5")]);
    assert_eq!(found[1], "a by 0: without: no_data at once");
}

/// The minute at which `a`, gone from minute 1 on, is forgotten.
fn forgotten_at(judged: Alert) -> (i64, String) {
    let group = group(vec![judged]);
    let mut life = Life::default();
    judge(&group, &mut life, 0, &[Some("a=5 b=5")]);
    for minute in 1..10_000 {
        let slot = Timestamp::from_secs(minute * 60);
        let given = answers(&[Some("b=5")]);
        let evaluated = evaluate(&group, &mut life, given.clone(), slot, false);
        if let Some(dropped) = evaluated.dropped.first() {
            return (minute, dropped.reason.clone());
        }
    }
    panic!("never forgotten");
}

#[test]
fn a_vanished_series_is_forgotten_forget_after_later() {
    let mut judged = alert("Load", "all");
    let reason = "has been gone for 1d and is forgotten".to_owned();
    assert_eq!(forgotten_at(judged.clone()), (1 + 5 + 24 * 60, reason));
    judged.missing_for = MINUTE;
    judged.forget_after = 2 * MINUTE;
    assert_eq!(forgotten_at(judged).0, 4);
}

#[test]
fn a_slot_that_comes_again_is_one_answer_without_a_series() {
    let mut judged = alert("Load", "all");
    judged.missing_for = 2 * MINUTE;
    let group = group(vec![judged]);
    let mut life = Life::default();
    judge(&group, &mut life, 0, &[Some("a=5 b=5")]);
    // the clock was set back by a minute, and again
    for minute in [1, 2, 2, 2] {
        let found = judge(&group, &mut life, minute, &[Some("b=5")]);
        assert_eq!(found[1], "a by 0: ignored", "{minute}");
    }
    let found = judge(&group, &mut life, 3, &[Some("b=5")]);
    assert_eq!(found[1], "a by 0: without: no_data at once");
}

#[test]
fn a_series_that_comes_back_while_nobody_may_judge_it_is_missing_no_longer() {
    let mut judged = alert("Load", "special");
    judged.missing_for = 2 * MINUTE;
    judged.forget_after = 2 * MINUTE;
    let group = group(vec![judged, alert("Load", "all")]);
    let mut life = Life::default();
    judge(&group, &mut life, 0, &[Some("a=5"), Some("b=5")]);
    for minute in 1..=3 {
        judge(&group, &mut life, minute, &[Some(""), Some("b=5")]);
    }
    // the first alert, whose it is, fails, and the second returns it
    judge(&group, &mut life, 4, &[None, Some("a=5 b=5")]);
    for minute in 5..=6 {
        let found = judge(&group, &mut life, minute, &[Some(""), Some("b=5")]);
        assert_eq!(found, ["b by 1: ok", "a by 0: ignored"], "{minute}");
    }
    let found = judge(&group, &mut life, 7, &[Some(""), Some("b=5")]);
    assert_eq!(found[1], "a by 0: without: no_data at once");
}

#[test]
fn one_answer_without_a_series_never_forgets_it() {
    let mut judged = alert("Load", "all");
    judged.missing_for = Duration::ZERO;
    judged.forget_after = Duration::ZERO;
    assert_eq!(forgotten_at(judged).0, 2);
}

#[test]
fn a_series_of_a_removed_target_is_forgotten_after_missing_for() {
    let mut life = Life::default();
    let before = group(vec![alert("Load", "old")]);
    judge(&before, &mut life, 0, &[Some("a=30 b=5")]);
    let after = group(vec![alert("Load", "new")]);
    for minute in 1..6 {
        let found = judge(&after, &mut life, minute, &[Some("b=5")]);
        assert_eq!(found, ["b by 0: ok", "a by 0: ignored"], "{minute}");
    }
    let slot = Timestamp::from_secs(6 * 60);
    let evaluated = evaluate(&after, &mut life, answers(&[Some("b=5")]), slot, true);
    let dropped: Vec<_> = evaluated.dropped.iter().map(|d| &*d.legend).collect();
    assert_eq!(dropped, ["a"]);
}

#[test]
fn a_target_that_never_matched_anything_reads_as_one_series_without_data() {
    check(
        vec![alert("Load", "servers.*.load")],
        &[Some("")],
        &["servers.*.load by 0: without: no_data"],
    );
}

#[test]
fn a_failed_fetch_is_no_answer_without_series() {
    check(vec![alert("Load", "all")], &[None], &[]);
}

#[test]
fn a_target_whose_series_are_known_does_not_read_as_one_that_matches_nothing() {
    let group = group(vec![alert("Load", "all")]);
    let mut life = Life::default();
    judge(&group, &mut life, 0, &[Some("a=5")]);
    let found = judge(&group, &mut life, 1, &[Some("")]);
    assert_eq!(found, ["a by 0: ignored"]);
}

#[test]
fn claimed_and_excluded_series_count_as_matched() {
    let mut wide = alert("Load", "all");
    wide.min_series = Some(2);
    check(
        vec![
            excluding(alert("Load", "special"), &["b"]),
            excluding(wide, &["c"]),
        ],
        &[Some("a=5 b=5"), Some("a=5 b=5 c=5")],
        &["a by 0: ok"],
    );
    // claimed by the first, so the second judges nothing, but it matched
    check(
        vec![alert("Load", "special"), alert("Load", "all")],
        &[Some("a=5"), Some("a=5")],
        &["a by 0: ok"],
    );
}

#[test]
fn min_series_counts_each_legend_once() {
    let mut wide = alert("Load", "all");
    wide.min_series = Some(3);
    let texts = [Some("a=5"), Some("a=5 a=5 b=5 b=5")];
    let group = group(vec![alert("Load", "special"), wide]);
    let slot = Timestamp::from_secs(60);
    let evaluated = evaluate(&group, &mut Life::default(), answers(&texts), slot, false);
    let why: Vec<_> = evaluated
        .readings
        .iter()
        .map(|r| (&*r.legend, &r.why))
        .collect();
    let too_few = Why::TooFew {
        found: 2,
        wanted: 3,
    };
    assert_eq!(why, [(TOO_FEW, &too_few)]);
}

#[test]
fn min_series_reads_at_what_no_data_says_and_ok_when_there_are_enough() {
    let mut judged = alert("Load", "all");
    judged.min_series = Some(2);
    judged.no_data = WithoutData::Level(Level::Warning);
    let group = group(vec![judged]);
    let mut life = Life::default();
    let found = judge(&group, &mut life, 1, &[Some("a=5")]);
    assert_eq!(
        found,
        ["a by 0: ok", "(too few series) by 0: without: warning"]
    );
    let found = judge(&group, &mut life, 2, &[Some("a=5 b=5")]);
    assert_eq!(
        found,
        [
            "a by 0: ok",
            "b by 0: ok",
            "(too few series) by 0: counts as ok"
        ]
    );
}

#[test]
fn too_few_series_of_one_alert_are_not_over_while_another_that_may_say_so_fails() {
    let mut judged = alert("Load", "all");
    judged.min_series = Some(2);
    let mut other = alert("Load", "first");
    other.min_series = Some(1);
    let group = group(vec![other, judged]);
    let mut life = Life::default();
    judge(&group, &mut life, 1, &[Some("x=5"), Some("a=5")]);
    let found = judge(&group, &mut life, 2, &[None, Some("a=5 b=5")]);
    assert_eq!(found, ["a by 1: ok"]);
    let found = judge(&group, &mut life, 3, &[Some("x=5"), Some("a=5 b=5")]);
    let over = "(too few series) by 1: counts as ok";
    assert_eq!(found, ["x by 0: ok", "a by 1: ok", "b by 1: ok", over]);
}

#[test]
fn of_two_alerts_with_too_few_series_one_that_says_ok_counts_and_not_one_that_says_nothing() {
    let alerts = |first, second| {
        let of = |name: &str, no_data| {
            let mut judged = alert("Load", name);
            judged.min_series = Some(2);
            judged.no_data = no_data;
            judged
        };
        group(vec![of("first", first), of("all", second)])
    };
    let mut life = Life::default();
    let level = WithoutData::Level(Level::Critical);
    judge(
        &alerts(level, level),
        &mut life,
        1,
        &[Some("x=5"), Some("a=5")],
    );
    for (slot, first, second, by) in [
        (2, WithoutData::Keep, WithoutData::Ok, 1),
        (3, WithoutData::Ok, WithoutData::Keep, 0),
    ] {
        let group = alerts(first, second);
        let found = judge(&group, &mut life, slot, &[Some("x=5"), Some("a=5")]);
        let over = format!("(too few series) by {by}: counts as ok");
        assert_eq!(found, ["x by 0: ok", "a by 1: ok", &over]);
    }
}

#[test]
fn what_stands_for_something_else_waits_for_an_answer_and_is_never_missing() {
    let mut judged = alert("Load", "all");
    judged.min_series = Some(2);
    judged.missing_for = Duration::ZERO;
    let group = group(vec![alert("Load", "first"), judged]);
    let mut life = Life::default();
    judge(&group, &mut life, 1, &[Some("x=5"), Some("a=5")]);
    let found = judge(&group, &mut life, 2, &[Some("x=5"), None]);
    assert_eq!(found, ["x by 0: ok"]);
    // answered, though the other alert is not
    let found = judge(&group, &mut life, 3, &[None, Some("a=5 b=5")]);
    assert_eq!(found, ["a by 1: ok", "(too few series) by 1: counts as ok"]);
}

#[test]
fn a_target_that_never_matched_is_no_longer_called_for_by_its_first_series() {
    let group = group(vec![alert("Load", "all")]);
    let mut life = Life::default();
    judge(&group, &mut life, 1, &[Some("")]);
    let found = judge(&group, &mut life, 2, &[Some("a=5")]);
    assert_eq!(found, ["a by 0: ok", "all by 0: counts as ok"]);
}

#[test]
fn a_series_that_is_called_like_its_target_is_judged_in_place_of_it() {
    let group = group(vec![alert("Load", "load"), alert("Load", "more")]);
    let mut life = Life::default();
    let found = judge(&group, &mut life, 1, &[Some(""), Some("load=30")]);
    assert_eq!(found, ["load by 1: critical"]);
    let mut life = Life::default();
    judge(&group, &mut life, 1, &[Some(""), Some("x=5")]);
    let found = judge(&group, &mut life, 2, &[Some("load=30"), Some("x=5")]);
    assert_eq!(found, ["load by 0: critical", "x by 1: ok"]);
}

#[test]
fn an_alert_that_wants_no_data_told_remembers_nothing_of_a_target_that_matches_nothing() {
    for setting in [WithoutData::Ok, WithoutData::Keep] {
        let group = group(vec![without_data(alert("Load", "all"), setting)]);
        let mut life = Life::default();
        let slot = Timestamp::from_secs(60);
        let evaluated = evaluate(&group, &mut life, answers(&[Some("")]), slot, false);
        assert!(evaluated.readings.is_empty() && !evaluated.known_changed);
        assert!(life.series.is_empty());
    }
}

#[test]
fn an_alert_added_before_another_takes_over_its_series() {
    let mut life = Life::default();
    let before = group(vec![alert("Load", "all")]);
    judge(&before, &mut life, 0, &[Some("a=5 b=5")]);
    let after = group(vec![alert("Load", "special"), alert("Load", "all")]);
    let found = judge(&after, &mut life, 1, &[Some("a=30"), Some("a=5 b=5")]);
    assert_eq!(found, ["a by 0: critical", "b by 1: ok"]);
}

#[test]
fn recover_keeps_ok_from_an_open_incident_only_on_its_far_side() {
    let check = |warning: f64, critical: f64, recover: f64, value: f64, expected: (Level, bool)| {
        let written = [warning, critical, recover].map(Written::Number);
        let conditions = conditions(
            "Load",
            Some(&written[0]),
            Some(&written[1]),
            Some(&written[2]),
        )
        .unwrap();
        let judged = Alert {
            warning: conditions.warning,
            critical: conditions.critical,
            recover: conditions.recover,
            ..alert("Load", "all")
        };
        let value = Value {
            value,
            at: Timestamp::from_secs(0),
        };
        let (level, recovered) = expected;
        assert_eq!(judged.asks(Some(value)), Asks::Data { level, recovered });
    };
    // high is bad: below 8
    check(10.0, 20.0, 8.0, 7.9, (Level::Ok, true));
    check(10.0, 20.0, 8.0, 8.0, (Level::Ok, false));
    check(10.0, 20.0, 8.0, 10.0, (Level::Warning, false));
    // low is bad: above 30
    check(20.0, 10.0, 30.0, 30.1, (Level::Ok, true));
    check(20.0, 10.0, 30.0, 30.0, (Level::Ok, false));
}

/// Legends and values such that claims, excludes, nulls and doubles all happen.
fn any_answer() -> impl Strategy<Value = Option<Answer>> {
    let value = prop_oneof![Just("_"), Just("5"), Just("15"), Just("30")];
    let series = (0..6_u8, value).prop_map(|(legend, value)| format!("s{legend}={value}"));
    let whole =
        prop::collection::vec(series, 0..8).prop_map(|words| Some(answer(&words.join(" "))));
    prop_oneof![1 => Just(None), 5 => whole]
}

fn any_alert(target: &'static str) -> impl Strategy<Value = Alert> {
    let setting = || {
        prop_oneof![
            Just(WithoutData::Level(Level::NoData)),
            Just(WithoutData::Level(Level::Warning)),
            Just(WithoutData::Ok),
            Just(WithoutData::Keep),
        ]
    };
    let exclude = prop_oneof![Just(None), Just(Some("s1")), Just(Some("s[23]"))];
    let least = prop_oneof![Just(None), Just(Some(3))];
    (setting(), setting(), exclude, least, 0..3_u64).prop_map(
        move |(no_data, missing, exclude, min_series, missing_for)| Alert {
            no_data,
            missing,
            min_series,
            missing_for: Duration::from_secs(60 * missing_for),
            forget_after: 2 * MINUTE,
            ..excluding(alert("Load", target), exclude.as_slice())
        },
    )
}

fn any_run() -> impl Strategy<Value = (Group, Vec<Vec<Option<Answer>>>)> {
    let alerts = (any_alert("first"), any_alert("second"))
        .prop_map(|(first, second)| group(vec![first, second]));
    let slots = prop::collection::vec(prop::collection::vec(any_answer(), 2), 1..12);
    (alerts, slots)
}

proptest! {
    /// Whatever is answered: one reading a legend, and a quiet evaluation leaves
    /// out quiet series and nothing else.
    #[test]
    fn a_quiet_evaluation_says_the_same_but_of_quiet_series((group, slots) in any_run()) {
        let (mut quiet, mut whole) = (Life::default(), Life::default());
        for (minute, given) in (0..).zip(&slots) {
            let slot = Timestamp::from_secs(minute * 60);
            let few = evaluate(&group, &mut quiet, given.clone(), slot, false);
            let all = evaluate(&group, &mut whole, given.clone(), slot, true);
            prop_assert_eq!(&few.dropped, &all.dropped);
            prop_assert_eq!(few.judged, all.judged);
            let mut legends: Vec<_> = all.readings.iter().map(|r| Arc::clone(&r.legend)).collect();
            legends.sort_unstable();
            legends.dedup();
            prop_assert_eq!(legends.len(), all.readings.len());
            let said: HashMap<_, _> = few.readings.iter().map(|r| (&r.legend, say(r))).collect();
            for reading in &all.readings {
                match said.get(&reading.legend) {
                    Some(few) => prop_assert_eq!(few, &say(reading)),
                    None => prop_assert!(
                        is_quiet(&reading.asks) || reading.why == Why::NothingMatched
                            || matches!(reading.why, Why::TooFew { .. }),
                        "{reading:?}"
                    ),
                }
            }
            for dropped in &few.dropped {
                quiet.series.remove(&dropped.legend);
                whole.series.remove(&dropped.legend);
            }
        }
    }

    /// What is judged while it arrives is judged the same.
    #[test]
    fn known_quiet_series_of_which_nothing_is_kept_are_judged_the_same((group, slots) in any_run()) {
        let (mut plain, mut brief) = (Life::default(), Life::default());
        for (minute, given) in (0..).zip(&slots) {
            let slot = Timestamp::from_secs(minute * 60);
            let known = brief.series.share();
            let kept = group.alerts.iter().zip(given).map(|(alert, answer)| {
                let mut kept = Answer::knowing(alert, &known);
                answer.as_ref()?.series().for_each(|seen| kept.take(alert, seen));
                Some(kept)
            });
            let kept: Vec<_> = kept.collect();
            // another roster with the same series does as well
            let known = (minute % 2 == 0).then_some(known);
            let one = evaluate(&group, &mut plain, given.clone(), slot, false);
            let other = evaluate(&group, &mut brief, kept, slot, false);
            drop(known);
            // one of two of a name may be quiet: then its place decides whether that is said
            let matters = |reading: &&Reading| {
                !is_quiet(&reading.asks) || plain.series.active(&reading.legend).is_some()
            };
            let sorted = |evaluated: &Evaluated| {
                let readings = evaluated.readings.iter().filter(matters);
                let mut said: Vec<_> = readings.map(say).collect();
                said.extend(evaluated.dropped.iter().map(|dropped| format!("{dropped:?}")));
                said.sort_unstable();
                said
            };
            prop_assert_eq!(sorted(&one), sorted(&other));
            prop_assert_eq!(one.judged, other.judged);
            prop_assert_eq!(one.known_changed, other.known_changed);
            prop_assert_eq!(&plain.head, &brief.head);
            // of a series that is not quiet something is remembered from here on
            for reading in &one.readings {
                for life in [&mut plain, &mut brief] {
                    let active = life.series.active_mut(&reading.legend).unwrap();
                    active.lacking_since = (!is_quiet(&reading.asks)).then_some(slot);
                    if active.is_idle() {
                        life.series.quiet(&reading.legend);
                    }
                }
            }
            for dropped in &one.dropped {
                plain.series.remove(&dropped.legend);
                brief.series.remove(&dropped.legend);
            }
            prop_assert_eq!(&plain.series, &brief.series);
        }
    }

    /// Where a fetch fails, nothing of that alert is read, dropped or new.
    #[test]
    fn a_failed_fetch_changes_nothing((group, slots) in any_run()) {
        let mut life = Life::default();
        for (minute, given) in (0..).zip(&slots) {
            let slot = Timestamp::from_secs(minute * 60);
            let evaluated = evaluate(&group, &mut life, given.clone(), slot, false);
            for dropped in &evaluated.dropped {
                life.series.remove(&dropped.legend);
            }
            let before = (life.series.clone(), life.head.answered_ms);
            let evaluated = evaluate(&group, &mut life, vec![None, None], slot, true);
            prop_assert!(evaluated.readings.is_empty() && evaluated.dropped.is_empty());
            prop_assert_eq!(before, (life.series.clone(), life.head.answered_ms));
        }
    }

    /// The order in which Graphite returns series changes no reading.
    #[test]
    fn the_order_of_an_answer_changes_nothing((group, slots) in any_run()) {
        let (mut forth, mut back) = (Life::default(), Life::default());
        for (minute, given) in (0..).zip(&slots) {
            let slot = Timestamp::from_secs(minute * 60);
            let turned: Vec<_> = given.iter().cloned().map(|answer| answer.map(|answer| {
                let mut series: Vec<_> = answer.series().collect();
                series.reverse();
                series.into_iter().collect()
            })).collect();
            let sorted = |evaluated: &Evaluated| {
                let mut said: Vec<_> = evaluated.readings.iter().map(say).collect();
                said.sort_unstable();
                said
            };
            let one = evaluate(&group, &mut forth, given.clone(), slot, true);
            let other = evaluate(&group, &mut back, turned, slot, true);
            prop_assert_eq!(sorted(&one), sorted(&other));
            for dropped in &one.dropped {
                forth.series.remove(&dropped.legend);
                back.series.remove(&dropped.legend);
            }
        }
    }
}
