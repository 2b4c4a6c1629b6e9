//! What readings of one group come to (design 4.2, 4.3, 4.7, 4.8, 4.9, 4.11).

use std::time::Duration;

use super::bench::Bench;
use crate::alert::condition::{Written, conditions};
use crate::alert::definition::{Alert, WithoutData};
use crate::alert::evaluate::TOO_FEW;
use crate::alert::evaluate::tests::{MINUTE, alert, excluding, without_data};
use crate::alert::level::Level;

fn one(setting: WithoutData) -> Bench {
    Bench::new(vec![without_data(alert("Load", "all"), setting)])
}

#[test]
fn a_series_that_moves_between_alerts_keeps_its_incident() {
    let mut bench = Bench::new(vec![alert("Load", "special"), alert("Load", "all")]);
    bench.judge(0, "Load", &[Some("x=1"), Some("x=1 a=30")]);
    let before: Vec<_> = bench
        .world
        .incidents()
        .map(|incident| incident.id)
        .collect();
    bench.judge(1, "Load", &[Some("x=1 a=30"), Some("x=1 a=30")]);
    bench.judge(2, "Load", &[Some("x=1"), Some("x=1 a=30")]);
    let after: Vec<_> = bench
        .world
        .incidents()
        .map(|incident| incident.id)
        .collect();
    assert_eq!((before.len(), before), (1, after));
    assert_eq!(bench.events(), ["a opened critical: is >= 20"]);
}

#[test]
fn a_catch_all_resolves_nothing_of_an_alert_that_fails() {
    let mut bench = Bench::new(vec![
        alert("Load", "special"),
        excluding(alert("Load", "all"), &["a"]),
    ]);
    bench.judge(0, "Load", &[Some("a=30"), Some("a=30 b=1")]);
    for minute in 1..100 {
        bench.judge(minute, "Load", &[None, Some("a=1 b=1")]);
        bench.tick(minute);
    }
    assert_eq!(bench.level("Load", "a"), Level::Critical);
}

#[test]
fn a_series_that_is_excluded_resolves_and_says_so() {
    let mut bench = Bench::new(vec![alert("Load", "all")]);
    bench.answer(0, "Load", "a=30 b=30");
    bench.told(0, "all");
    bench.events();
    bench.reload(1, vec![excluding(alert("Load", "all"), &["a*"])]);
    assert_eq!(bench.open(), ["Load/a critical", "Load/b critical"]);
    bench.answer(1, "Load", "a=30 b=30");
    assert_eq!(bench.events(), ["a resolved ok: is excluded now (`a*`)"]);
    assert_eq!(bench.told(1, "all"), ["a ok"]);
}

#[test]
fn an_answer_for_an_alert_that_left_meanwhile_opens_nothing() {
    let mut bench = Bench::new(vec![alert("Load", "all"), alert("Disk", "all")]);
    bench.answer(0, "Load", "a=1 b=30");
    bench.answer(0, "Disk", "d=1");
    bench.events();
    bench.leaves(1, "Load");
    // it was asked for before
    bench.answer(1, "Load", "a=30 b=1");
    assert!(bench.events().is_empty());
    bench.tick(6);
    let reason = "b resolved ok: its alert left the configuration";
    assert_eq!(bench.events(), [reason]);
}

#[test]
fn an_excluded_series_that_is_let_in_again_is_judged_anew() {
    let mut bench = Bench::new(vec![excluding(alert("Load", "all"), &["a"])]);
    bench.answer(0, "Load", "a=30");
    assert!(bench.open().is_empty());
    bench.reload(1, vec![alert("Load", "all")]);
    bench.answer(1, "Load", "a=30");
    assert_eq!(bench.open(), ["Load/a critical"]);
}

fn hysteresis(recover: f64) -> Alert {
    let [warning, critical, recover] = [10.0, 20.0, recover].map(Written::Number);
    let conditions = conditions("Load", Some(&warning), Some(&critical), Some(&recover)).unwrap();
    Alert {
        recover: conditions.recover,
        recover_for: Duration::ZERO,
        ..alert("Load", "all")
    }
}

#[test]
fn an_open_incident_sees_ok_only_below_recover() {
    let mut bench = Bench::new(vec![hysteresis(8.0)]);
    bench.answer(0, "Load", "a=9 b=12");
    assert_eq!(bench.open(), ["Load/b warning"]);
    bench.answer(1, "Load", "a=9 b=9");
    bench.answer(2, "Load", "a=9 b=8");
    assert_eq!(bench.open(), ["Load/b warning"]);
    bench.answer(3, "Load", "a=9 b=7.9");
    assert!(bench.open().is_empty());
    // over is over: recover is for open incidents
    bench.answer(4, "Load", "a=9 b=9");
    assert!(bench.open().is_empty());
}

#[test]
fn between_recover_and_warning_an_incident_stays_at_the_level_that_data_gave_it() {
    let mut bench = Bench::new(vec![hysteresis(8.0)]);
    bench.answer(0, "Load", "a=30");
    bench.answer(1, "Load", "a=9");
    assert_eq!(bench.open(), ["Load/a critical"]);
    bench.answer(2, "Load", "a=12");
    assert_eq!(bench.open(), ["Load/a warning"]);
    bench.answer(3, "Load", "a=9");
    assert_eq!(bench.open(), ["Load/a warning"]);
}

#[test]
fn an_incident_for_want_of_data_alone_needs_no_recover() {
    let mut bench = Bench::new(vec![hysteresis(8.0)]);
    for minute in 0..3 {
        bench.answer(minute, "Load", "a=_");
    }
    assert_eq!(bench.open(), ["Load/a no_data"]);
    bench.answer(3, "Load", "a=9");
    assert!(bench.open().is_empty());
}

#[test]
fn an_incident_raised_for_want_of_data_goes_back_to_what_data_gave_it() {
    let mut bench = Bench::new(vec![hysteresis(8.0)]);
    bench.answer(0, "Load", "a=12");
    for minute in 1..4 {
        bench.answer(minute, "Load", "a=_");
    }
    assert_eq!(bench.open(), ["Load/a no_data"]);
    bench.answer(4, "Load", "a=9");
    assert_eq!(bench.open(), ["Load/a warning"]);
}

#[test]
fn null_opens_at_the_level_that_no_data_says_after_no_data_for() {
    for level in [Level::NoData, Level::Warning, Level::Critical] {
        let mut bench = one(WithoutData::Level(level));
        bench.answer(0, "Load", "a=1");
        bench.answer(1, "Load", "a=_");
        bench.answer(2, "Load", "a=_");
        assert!(bench.open().is_empty(), "{level}");
        bench.answer(3, "Load", "a=_");
        assert_eq!(bench.level("Load", "a"), level);
        let opened = format!("a opened {level}: has no data for 2m");
        assert_eq!(bench.events(), [opened]);
    }
}

#[test]
fn no_data_ok_and_keep_open_nothing() {
    for setting in [WithoutData::Ok, WithoutData::Keep] {
        let mut bench = one(setting);
        bench.answer(0, "Load", "a=1 b=1");
        for minute in 1..3000 {
            bench.answer(minute, "Load", "a=_ c=_");
            bench.tick(minute);
        }
        assert!(bench.world.incidents().next().is_none());
    }
}

#[test]
fn no_data_ok_resolves_and_keep_does_not() {
    let mut ok = one(WithoutData::Ok);
    let mut keep = one(WithoutData::Keep);
    for bench in [&mut ok, &mut keep] {
        bench.answer(0, "Load", "a=30 b=30");
        for minute in 1..=3 {
            bench.answer(minute, "Load", "a=_ b=_");
        }
    }
    assert!(ok.open().is_empty());
    assert_eq!(keep.open(), ["Load/a critical", "Load/b critical"]);
}

#[test]
fn missing_ok_resolves_and_missing_keep_does_not() {
    for (setting, expected) in [
        (WithoutData::Ok, Level::Ok),
        (WithoutData::Keep, Level::Critical),
    ] {
        let mut judged = alert("Load", "all");
        judged.missing = setting;
        let mut bench = Bench::new(vec![judged]);
        bench.answer(0, "Load", "a=30 b=1");
        for minute in 1..=8 {
            bench.answer(minute, "Load", "b=1");
        }
        assert_eq!(bench.level("Load", "a"), expected);
    }
}

#[test]
fn a_vanished_series_opens_at_once_after_missing_for() {
    let mut bench = Bench::new(vec![alert("Load", "all")]);
    bench.answer(0, "Load", "a=1 b=1");
    for minute in 1..6 {
        bench.answer(minute, "Load", "b=1");
    }
    assert!(bench.open().is_empty());
    bench.answer(6, "Load", "b=1");
    assert_eq!(bench.events(), ["a opened no_data: the series is gone"]);
}

#[test]
fn a_critical_series_that_vanishes_stays_critical() {
    let mut bench = Bench::new(vec![alert("Load", "all")]);
    bench.answer(0, "Load", "a=30 b=1");
    for minute in 1..100 {
        bench.answer(minute, "Load", "b=1");
    }
    assert_eq!(bench.open(), ["Load/a critical"]);
}

#[test]
fn a_forgotten_series_resolves_and_says_so() {
    let mut judged = alert("Load", "all");
    judged.forget_after = 3 * MINUTE;
    let mut bench = Bench::new(vec![judged]);
    bench.answer(0, "Load", "a=30 b=1");
    bench.events();
    for minute in 1..9 {
        bench.answer(minute, "Load", "b=1");
        assert!(bench.events().is_empty());
    }
    bench.answer(9, "Load", "b=1");
    let reason = "a resolved ok: has been gone for 8m and is forgotten";
    assert_eq!(bench.events(), [reason]);
    assert_eq!(bench.world.life("Load").unwrap().series.len(), 1);
}

#[test]
fn a_series_of_a_removed_target_resolves_after_missing_for() {
    let mut bench = Bench::new(vec![alert("Load", "old")]);
    bench.answer(0, "Load", "a=30 b=1");
    bench.reload(1, vec![alert("Load", "new")]);
    bench.events();
    for minute in 1..6 {
        bench.answer(minute, "Load", "b=1");
    }
    assert_eq!(bench.open(), ["Load/a critical"]);
    bench.answer(6, "Load", "b=1");
    let reason = "a resolved ok: its target left the configuration, so it is forgotten";
    assert_eq!(bench.events(), [reason]);
}

#[test]
fn missing_for_goes_on_after_a_restart() {
    let mut bench = Bench::new(vec![alert("Load", "all")]);
    bench.answer(0, "Load", "a=1 b=1");
    for minute in 1..6 {
        bench.restart(minute);
        bench.answer(minute, "Load", "b=1");
    }
    assert!(bench.open().is_empty());
    bench.restart(6);
    bench.answer(6, "Load", "b=1");
    assert_eq!(bench.open(), ["Load/a no_data"]);
}

#[test]
fn a_target_that_matches_nothing_is_told_after_no_data_for_and_ends_with_series() {
    let mut bench = Bench::new(vec![alert("Load", "servers.*.load")]);
    bench.answer(0, "Load", "");
    bench.answer(1, "Load", "");
    assert!(bench.open().is_empty());
    bench.answer(2, "Load", "");
    let opened = "servers.*.load opened no_data: the target matches no series for 2m";
    assert_eq!(bench.events(), [opened]);
    assert_eq!(bench.words("Load", "servers.*.load"), "matches no series");
    bench.restart(3);
    for minute in 3..=4 {
        bench.answer(minute, "Load", "a=1");
    }
    assert_eq!(bench.open(), ["Load/servers.*.load no_data"]);
    bench.answer(5, "Load", "a=1");
    let resolved = "servers.*.load resolved ok: there are series again";
    assert_eq!(bench.events(), [resolved]);
    assert_eq!(bench.world.life("Load").unwrap().series.len(), 1);
}

#[test]
fn too_few_series_are_one_incident_whose_text_counts() {
    let mut judged = alert("Load", "all");
    judged.min_series = Some(3);
    judged.no_data = WithoutData::Level(Level::Warning);
    let mut bench = Bench::new(vec![judged]);
    bench.answer(0, "Load", "a=1 b=1");
    bench.answer(1, "Load", "a=1 b=1");
    bench.answer(2, "Load", "a=1 b=1");
    assert_eq!(bench.open(), ["Load/(too few series) warning"]);
    assert_eq!(bench.words("Load", TOO_FEW), "only 2 of 3 series");
    bench.answer(3, "Load", "a=1");
    assert_eq!(bench.words("Load", TOO_FEW), "only 1 of 3 series");
    assert_eq!(bench.events().len(), 1);
    for minute in 4..=6 {
        bench.answer(minute, "Load", "a=1 b=1 c=1");
    }
    assert!(bench.open().is_empty());
}

#[test]
fn an_incident_of_what_stands_in_survives_a_restart_and_its_alerts_failure() {
    let mut few = alert("Load", "all");
    few.min_series = Some(3);
    let mut bench = Bench::new(vec![alert("Load", "first"), few]);
    for minute in 0..3 {
        bench.judge(minute, "Load", &[Some("x=1"), Some("a=1")]);
    }
    bench.restart(3);
    for minute in 3..10 {
        bench.judge(minute, "Load", &[Some("x=1"), None]);
    }
    assert_eq!(bench.level("Load", TOO_FEW), Level::NoData);
}

#[test]
fn a_failed_fetch_changes_no_level_and_lets_nothing_vanish() {
    let mut bench = Bench::new(vec![alert("Load", "all")]);
    bench.answer(0, "Load", "a=30 b=1 c=12");
    let before = bench.open();
    bench.events();
    for minute in 1..3000 {
        bench.fail(minute, "Load");
        bench.tick(minute);
    }
    let own = "graphite-pager/graphite.example.com critical".to_owned();
    let expected: Vec<_> = before.into_iter().chain([own]).collect();
    assert_eq!(bench.open(), expected);
    assert_eq!(bench.world.life("Load").unwrap().series.len(), 3);
}

#[test]
fn quiet_evaluations_write_counters_every_five_minutes_and_of_one_group_meanwhile() {
    let names = ["Disk", "Load", "Memory"];
    let mut bench = Bench::new(names.map(|name| alert(name, "all")).to_vec());
    let answer = |bench: &mut Bench, minute| {
        for name in names {
            bench.answer(minute, name, "a=2 b=3");
        }
        bench.tick(minute);
        bench.world.take_batch()
    };
    assert_eq!(answer(&mut bench, 0).heads.len(), 3);
    for minute in 1..=5 {
        let batch = answer(&mut bench, minute);
        assert_eq!(batch.heads.len(), 1, "that a store fails is noticed");
        assert!(batch.known.is_empty() && batch.series.is_empty() && batch.incidents.is_empty());
        assert!(bench.world.take_batch().is_empty(), "{minute}");
    }
    bench.tick(6);
    assert_eq!(bench.world.take_batch().heads.len(), 2, "all others");
    assert_eq!(answer(&mut bench, 7).heads.len(), 1);
    bench.world.write_all();
    assert_eq!(bench.world.take_batch().heads.len(), 2, "at a stop");
}

#[test]
fn counters_are_written_with_whatever_else_changes_and_while_a_clock_runs() {
    let mut bench = Bench::new(vec![alert("Load", "all")]);
    bench.answer(0, "Load", "a=1 b=1");
    bench.world.take_batch();
    for (minute, answer) in [
        (1, "a=30 b=1"),
        (2, "a=30 b=1"),
        (3, "a=1 b=1"),
        (4, "a=1 b=1"),
        (5, "a=1 b=1"),
        (6, "a=1 b=1 c=1"),
    ] {
        bench.answer(minute, "Load", answer);
        assert_eq!(bench.world.take_batch().heads.len(), 1, "{answer}");
    }
    bench.fail(7, "Load");
    assert_eq!(bench.world.take_batch().heads.len(), 1);
    bench.answer(8, "Load", "a=1 b=1 c=1");
    assert_eq!(bench.world.take_batch().heads.len(), 1, "it is mended");
    bench.answer(9, "Load", "a=1 b=1 c=1");
    assert!(bench.world.take_batch().is_empty());
}

#[test]
fn a_catch_all_whose_series_earlier_alerts_claim_is_none_that_matches_nothing() {
    let mut bench = Bench::new(vec![alert("Load", "first"), alert("Load", "all")]);
    bench.judge(0, "Load", &[Some("a=1"), Some("a=1")]);
    for minute in 1..=4 {
        bench.judge(minute, "Load", &[Some(""), Some("")]);
    }
    assert!(bench.open().is_empty(), "{:?}", bench.open());
}

#[test]
fn who_is_told_alone_does_not_depend_on_the_order_of_the_answer() {
    for answer in ["a=25 b=25", "b=25 a=25"] {
        let one = Alert {
            limit: Some(1),
            ..alert("Load", "all")
        };
        let mut bench = Bench::new(vec![one]);
        bench.answer(0, "Load", answer);
        let alone = bench.world.incidents().filter(|i| i.inside.is_none());
        let mut alone: Vec<_> = alone.map(|i| i.series.to_string()).collect();
        alone.sort_unstable();
        assert_eq!(alone, ["(more)", "a"], "{answer}");
    }
}

#[test]
fn an_incident_whose_instant_comes_again_after_the_clock_was_set_back_has_another_id() {
    let mut bench = Bench::new(vec![Alert {
        recover_for: std::time::Duration::ZERO,
        ..alert("Load", "all")
    }]);
    bench.answer(0, "Load", "a=25");
    let first = bench.world.incidents().next().unwrap().id;
    bench.told(0, "all");
    bench.answer(1, "Load", "a=1");
    bench.told(1, "all");
    bench.tick(1);
    // an hour later by every other clock
    bench.answer(0, "Load", "a=25");
    let second = bench.world.incidents().find(|i| i.is_open()).unwrap().id;
    assert_ne!(first, second);
}

#[test]
fn a_twin_that_has_not_recovered_is_worse_than_a_warning_where_critical_is_held_up() {
    let both = |text| Some(Written::Number(text));
    let three = conditions(
        "Load",
        both(9.0).as_ref(),
        both(20.0).as_ref(),
        both(6.0).as_ref(),
    );
    let three = three.unwrap();
    let mut bench = Bench::new(vec![Alert {
        warning: three.warning,
        critical: three.critical,
        recover: three.recover,
        recover_for: std::time::Duration::ZERO,
        ..alert("Load", "all")
    }]);
    bench.answer(0, "Load", "a=25 a=10");
    for answer in ["a=7 a=10", "a=10 a=7"] {
        bench.answer(1, "Load", answer);
        assert_eq!(bench.level("Load", "a"), Level::Critical, "{answer}");
    }
    bench.answer(2, "Load", "a=5 a=10");
    assert_eq!(bench.level("Load", "a"), Level::Warning);
}

#[test]
fn of_two_alerts_with_too_few_series_the_one_that_takes_it_worst_is_told() {
    let few = |target, level| Alert {
        min_series: Some(2),
        no_data: WithoutData::Level(level),
        no_data_for: std::time::Duration::ZERO,
        ..alert("Load", target)
    };
    let mut bench = Bench::new(vec![few("a", Level::Warning), few("b", Level::Critical)]);
    bench.judge(0, "Load", &[Some("x=1"), Some("y=1")]);
    assert_eq!(bench.level("Load", TOO_FEW), Level::Critical);
}
