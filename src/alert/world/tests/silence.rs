//! Many series that fall silent at once are one trouble (design 4.10).

use std::sync::Arc;

use proptest::prelude::*;

use super::bench::{Bench, at, many, policy};
use crate::alert::Active;
use crate::alert::definition::{Alert, WithoutData};
use crate::alert::evaluate::tests::{MINUTE, alert, group, without_data};
use crate::alert::level::{Level, Levels};
use crate::alert::receiver::Policy;

const SILENCE: &str = "graphite.example.com (no data)";

fn silence(bench: &Bench) -> Level {
    bench.level("graphite-pager", SILENCE)
}

fn load() -> Bench {
    Bench::new(vec![alert("Load", "all")])
}

/// `lacking` series without data for three minutes from 1 on, beside others with data.
fn falls_silent(bench: &mut Bench, name: &str, lacking: usize, others: usize) {
    let others = many("fine", others, "1");
    bench.answer(0, name, &format!("{} {others}", many("s", lacking, "1")));
    for minute in 1..=3 {
        bench.answer(
            minute,
            name,
            &format!("{} {others}", many("s", lacking, "_")),
        );
    }
}

#[test]
fn ten_series_and_more_than_a_fifth_are_one_incident_in_place_of_theirs() {
    let mut bench = load();
    falls_silent(&mut bench, "Load", 10, 39);
    assert_eq!(bench.open(), [format!("graphite-pager/{SILENCE} no_data")]);
    let words = bench.words("graphite-pager", SILENCE);
    assert_eq!(words, "has no data for 10 series at once: Load (10)");
    assert_eq!(bench.told(3, "all"), [format!("{SILENCE} no_data")]);
}

#[test]
fn exactly_a_fifth_are_troubles_of_their_own() {
    let mut bench = load();
    falls_silent(&mut bench, "Load", 10, 40);
    assert_eq!(silence(&bench), Level::Ok);
    assert_eq!(bench.open().len(), 10);
}

#[test]
fn nine_series_are_troubles_of_their_own() {
    let mut bench = load();
    falls_silent(&mut bench, "Load", 9, 0);
    assert_eq!(silence(&bench), Level::Ok);
    assert_eq!(bench.open().len(), 9);
}

#[test]
fn series_of_several_alerts_count_together_and_are_counted_in_the_text() {
    let alerts = ["A", "B", "C"].map(|name| alert(name, "all"));
    let mut bench = Bench::new(alerts.to_vec());
    for minute in 0..=3 {
        let value = if minute == 0 { "1" } else { "_" };
        bench.answer(minute, "A", &many("a", 5, value));
        bench.answer(minute, "B", &many("b", 4, value));
        bench.answer(minute, "C", &many("c", 3, value));
    }
    assert_eq!(bench.open(), [format!("graphite-pager/{SILENCE} no_data")]);
    let words = bench.words("graphite-pager", SILENCE);
    assert_eq!(
        words,
        "has no data for 12 series at once: A (5), B (4), C (3)"
    );
}

#[test]
fn the_first_to_be_told_are_not_taken_for_the_only_ones() {
    let alerts = ["A", "B", "C"].map(|name| alert(name, "all"));
    let mut bench = Bench::new(alerts.to_vec());
    for name in ["A", "B", "C"] {
        bench.answer(0, name, &many("s", 10, "1"));
    }
    for minute in 1..=3 {
        if minute > 1 {
            bench.answer(minute, "B", &many("s", 10, "_"));
            bench.answer(minute, "C", &many("s", 10, "_"));
        }
        bench.answer(minute, "A", &many("s", 10, "_"));
    }
    // B and C fell silent a minute later: nobody else would be told of them yet
    let words = bench.words("graphite-pager", SILENCE);
    assert_eq!(
        words,
        "has no data for 30 series at once: A (10), B (10), C (10)"
    );
    let events = bench.events();
    assert_eq!(
        events,
        [format!(
            "{SILENCE} opened no_data: 30 series fell silent together"
        )]
    );
}

#[test]
fn series_that_vanish_together_are_one_trouble_too() {
    let mut bench = load();
    bench.answer(0, "Load", &format!("{} fine=1", many("s", 12, "1")));
    for minute in 1..=6 {
        assert!(bench.open().is_empty());
        bench.answer(minute, "Load", "fine=1");
    }
    assert_eq!(bench.open(), [format!("graphite-pager/{SILENCE} no_data")]);
}

#[test]
fn series_that_fall_silent_one_after_the_other_over_hours_are_troubles_of_their_own() {
    let mut bench = load();
    for minute in 0..300 {
        let silent = usize::try_from(minute / 15).unwrap().min(20);
        let mut words: Vec<_> = (0..20)
            .map(|n| format!("s{n}={}", if n < silent { "_" } else { "1" }))
            .collect();
        words.push("fine=1".to_owned());
        bench.answer(minute, "Load", &words.join(" "));
        bench.tick(minute);
        assert_eq!(silence(&bench), Level::Ok, "{minute}");
    }
    assert!(bench.open().len() > 15);
}

#[test]
fn series_set_to_ok_or_keep_count_on_neither_side() {
    for setting in [WithoutData::Ok, WithoutData::Keep] {
        // a hundred of them with data do not make ten a smaller part
        let quiet = without_data(alert("Quiet", "all"), setting);
        let mut bench = Bench::new(vec![alert("Load", "all"), quiet.clone()]);
        bench.answer(0, "Quiet", &many("q", 100, "1"));
        falls_silent(&mut bench, "Load", 10, 20);
        assert_eq!(silence(&bench), Level::NoData, "{setting:?}");
        // and a hundred without data do not make nine more
        let mut bench = Bench::new(vec![alert("Load", "all"), quiet]);
        bench.answer(0, "Quiet", &many("q", 100, "_"));
        falls_silent(&mut bench, "Load", 9, 0);
        assert_eq!(silence(&bench), Level::Ok, "{setting:?}");
    }
}

#[test]
fn a_gone_series_counts_by_what_missing_says() {
    let mut judged = alert("Load", "all");
    judged.no_data = WithoutData::Ok;
    let mut bench = Bench::new(vec![judged]);
    bench.answer(0, "Load", &many("s", 10, "1"));
    for minute in 1..=6 {
        bench.answer(minute, "Load", "fine=1");
    }
    assert_eq!(silence(&bench), Level::NoData);
}

#[test]
fn those_that_follow_join_while_more_than_a_fifth_lack_data() {
    let mut bench = Bench::new(vec![alert("Load", "all"), alert("Late", "all")]);
    bench.answer(0, "Late", "late=1");
    falls_silent(&mut bench, "Load", 12, 12);
    assert_eq!(silence(&bench), Level::NoData);
    let load = format!("{} {}", many("s", 12, "_"), many("fine", 12, "1"));
    // long after the others, and alone
    for minute in 4..60 {
        bench.answer(minute, "Load", &load);
        bench.answer(
            minute,
            "Late",
            if minute < 50 { "late=1" } else { "late=_" },
        );
        bench.tick(minute);
    }
    assert_eq!(bench.open(), [format!("graphite-pager/{SILENCE} no_data")]);
    let words = bench.words("graphite-pager", SILENCE);
    assert_eq!(
        words,
        "has no data for 13 series at once: Load (12), Late (1)"
    );
}

#[test]
fn those_that_follow_stand_alone_once_no_more_than_a_fifth_lack_data() {
    let mut bench = Bench::new(vec![alert("Load", "all"), alert("Late", "all")]);
    bench.answer(0, "Late", "late=1");
    falls_silent(&mut bench, "Load", 20, 40);
    // ten are left, of sixty-one
    let load = format!(
        "{} {} {}",
        many("s", 10, "_"),
        (11..=20)
            .map(|n| format!("s{n}=1"))
            .collect::<Vec<_>>()
            .join(" "),
        many("fine", 40, "1")
    );
    for minute in 4..10 {
        bench.answer(minute, "Load", &load);
        bench.answer(minute, "Late", "late=_");
        bench.tick(minute);
    }
    let expected = [
        "Late/late no_data".to_owned(),
        format!("graphite-pager/{SILENCE} no_data"),
    ];
    assert_eq!(bench.open(), expected);
}

#[test]
fn those_that_joined_stay_in_it_when_fewer_than_a_fifth_lack_data() {
    let mut bench = load();
    falls_silent(&mut bench, "Load", 12, 40);
    let half = format!(
        "{} s11=1 s12=1 {}",
        many("s", 10, "_"),
        many("fine", 40, "1")
    );
    for minute in 4..600 {
        bench.answer(minute, "Load", &half);
        bench.tick(minute);
        assert_eq!(bench.open(), [format!("graphite-pager/{SILENCE} no_data")]);
    }
}

#[test]
fn it_resolves_when_they_have_data_again() {
    let mut bench = load();
    falls_silent(&mut bench, "Load", 12, 0);
    bench.told(3, "all");
    bench.events();
    bench.answer(4, "Load", &many("s", 12, "1"));
    let reason = format!("{SILENCE} resolved ok: they have data again, or are forgotten");
    assert_eq!(bench.events(), [reason]);
    assert_eq!(bench.told(4, "all"), [format!("{SILENCE} ok")]);
    assert!(bench.open().is_empty());
}

#[test]
fn it_resolves_when_they_are_forgotten() {
    let mut judged = alert("Load", "all");
    judged.forget_after = 5 * MINUTE;
    let mut bench = Bench::new(vec![judged]);
    bench.answer(0, "Load", &format!("{} fine=1", many("s", 12, "1")));
    for minute in 1..11 {
        bench.answer(minute, "Load", "fine=1");
        bench.tick(minute);
    }
    assert_eq!(silence(&bench), Level::NoData);
    bench.answer(11, "Load", "fine=1");
    assert!(bench.open().is_empty());
}

#[test]
fn ten_minutes_after_fewer_than_ten_are_left_these_open_their_own() {
    let mut bench = load();
    falls_silent(&mut bench, "Load", 12, 0);
    bench.told(3, "all");
    bench.events();
    let few = format!("{} {}", many("s", 2, "_"), {
        (3..=12)
            .map(|n| format!("s{n}=1"))
            .collect::<Vec<_>>()
            .join(" ")
    });
    for minute in 4..14 {
        bench.answer(minute, "Load", &few);
        assert_eq!(bench.open(), [format!("graphite-pager/{SILENCE} no_data")]);
    }
    bench.answer(14, "Load", &few);
    assert_eq!(bench.open(), ["Load/s1 no_data", "Load/s2 no_data"]);
    let expected = [
        "s1 opened no_data: has no data for 13m".to_owned(),
        "s2 opened no_data: has no data for 13m".to_owned(),
        format!("{SILENCE} resolved ok: fewer than 10 are left; they are told one by one"),
    ];
    assert_eq!(bench.events(), expected);
}

#[test]
fn a_clock_that_is_set_back_makes_no_fewer_of_them() {
    let early = alert("Early", "all");
    let late = Alert {
        no_data_for: 120 * MINUTE,
        ..alert("Late", "all")
    };
    let mut bench = Bench::new(vec![early, late]);
    let mut minute_of = |minute, value| {
        bench.answer(minute, "Early", &many("e", 8, value));
        bench.answer(minute, "Late", &many("l", 4, value));
        bench.tick(minute);
    };
    minute_of(0, "1");
    for minute in 1..=10 {
        minute_of(minute, "_");
    }
    // four of the twelve are not due yet, and began together with the others
    for minute in -50..=-30 {
        minute_of(minute, "_");
    }
    assert_eq!(bench.open(), [format!("graphite-pager/{SILENCE} no_data")]);
}

#[test]
fn ten_again_within_these_ten_minutes_stay_together() {
    let mut bench = load();
    falls_silent(&mut bench, "Load", 12, 0);
    let with = |count: usize| {
        let rest = (count + 1..=12).map(|n| format!("s{n}=1"));
        let lacking = (1..=count).map(|n| format!("s{n}=_"));
        lacking.chain(rest).collect::<Vec<_>>().join(" ")
    };
    for minute in 4..40 {
        // nine for seven minutes, then twelve for four
        let count = if minute % 11 < 7 { 9 } else { 12 };
        bench.answer(minute, "Load", &with(count));
        assert_eq!(
            bench.open(),
            [format!("graphite-pager/{SILENCE} no_data")],
            "{minute}"
        );
    }
}

#[test]
fn one_that_comes_back_bad_is_judged_as_ever() {
    let mut bench = load();
    falls_silent(&mut bench, "Load", 12, 0);
    let back = many("s", 12, "_").replace("s7=_", "s7=30");
    bench.answer(4, "Load", &back);
    let expected = [
        "Load/s7 critical".to_owned(),
        format!("graphite-pager/{SILENCE} no_data"),
    ];
    assert_eq!(bench.open(), expected);
}

#[test]
fn an_open_incident_does_not_rise_for_want_of_data_in_numbers() {
    let mut bench = load();
    bench.answer(0, "Load", &many("s", 12, "12"));
    for minute in 1..10 {
        bench.answer(minute, "Load", &many("s", 12, "_"));
    }
    assert_eq!(bench.open().len(), 13);
    assert!((1..=12).all(|n| bench.level("Load", &format!("s{n}")) == Level::Warning));
    assert_eq!(silence(&bench), Level::NoData);
}

#[test]
fn it_has_the_highest_level_that_any_of_theirs_would_have() {
    let low = without_data(alert("Low", "all"), WithoutData::Level(Level::Warning));
    let high = without_data(alert("High", "all"), WithoutData::Level(Level::Critical));
    let mut bench = Bench::new(vec![low, high]);
    for minute in 0..=3 {
        let value = if minute == 0 { "1" } else { "_" };
        bench.answer(minute, "Low", &many("l", 11, value));
        bench.answer(minute, "High", &many("h", 1, value));
    }
    assert_eq!(silence(&bench), Level::Critical);
    bench.answer(4, "High", "h1=1");
    assert_eq!(silence(&bench), Level::Warning);
}

#[test]
fn everybody_is_told_whom_theirs_would_have_told_and_nobody_else() {
    let only = |name, levels| Policy {
        levels,
        ..policy(name)
    };
    let [warning, no_data, critical] =
        [Level::Warning, Level::NoData, Level::Critical].map(|one| {
            let is = |level| level == one;
            Levels {
                warning: is(Level::Warning),
                no_data: is(Level::NoData),
                critical: is(Level::Critical),
            }
        });
    let receivers = vec![
        only("low", warning),
        only("lost", no_data),
        only("high", critical),
        policy("web"),
        policy("other"),
    ];
    let notifies = |name: &str, level, notify: &[&str]| Alert {
        notify: Some(notify.iter().map(|name| Arc::from(*name)).collect()),
        ..without_data(alert(name, "all"), WithoutData::Level(level))
    };
    let alerts = vec![
        notifies("A", Level::Warning, &["low", "web"]),
        // `lost` would be told of it, and `high` of none of them
        notifies("B", Level::NoData, &["low", "lost", "high"]),
        notifies("C", Level::NoData, &["other"]),
    ];
    let mut bench = Bench::with(alerts, receivers);
    for minute in 0..=3 {
        let value = if minute == 0 { "1" } else { "_" };
        bench.answer(minute, "A", &many("a", 11, value));
        bench.answer(minute, "B", &many("b", 2, value));
        bench.answer(minute, "C", "c=1");
    }
    let told: Vec<_> = ["low", "web", "lost", "high", "other"]
        .into_iter()
        .filter(|name| !bench.told(3, name).is_empty())
        .collect();
    assert_eq!(told, ["low", "web", "lost"]);
}

#[test]
fn who_would_be_told_only_in_other_hours_is_told_in_them() {
    let mut office = group(vec![alert("Load", "all")]);
    // the bench begins on a Tuesday at 22:14
    office.active = Some(Active::parse("22:30-23:30", chrono_tz::UTC.into()).unwrap());
    let mut bench = Bench::of(vec![Arc::new(office)], vec![policy("all")]);
    falls_silent(&mut bench, "Load", 12, 0);
    assert_eq!(silence(&bench), Level::NoData);
    for minute in 4..15 {
        bench.answer(minute, "Load", &many("s", 12, "_"));
        bench.tick(minute);
        assert!(bench.told(minute, "all").is_empty(), "{}", at(minute));
    }
    for minute in 15..18 {
        bench.answer(minute, "Load", &many("s", 12, "_"));
    }
    assert_eq!(bench.told(18, "all"), [format!("{SILENCE} no_data")]);
}

#[test]
fn targets_that_match_nothing_at_once_are_one_trouble() {
    let alerts: Vec<_> = (0..12)
        .map(|n| alert(&format!("A{n}"), &format!("t{n}")))
        .collect();
    let mut bench = Bench::new(alerts);
    for minute in 0..=3 {
        for n in 0..12 {
            bench.answer(minute, &format!("A{n}"), "");
        }
    }
    assert_eq!(silence(&bench), Level::NoData);
}

#[test]
fn a_failed_fetch_takes_nobody_out_of_it() {
    let mut bench = Bench::new(vec![alert("Load", "all"), alert("Disk", "all")]);
    for minute in 0..=3 {
        let value = if minute == 0 { "1" } else { "_" };
        bench.answer(minute, "Load", &many("s", 8, value));
        bench.answer(minute, "Disk", &many("d", 8, value));
    }
    for minute in 4..60 {
        bench.fail(minute, "Load");
        bench.answer(minute, "Disk", &many("d", 8, "_"));
        bench.tick(minute);
    }
    let own = bench
        .open()
        .into_iter()
        .filter(|one| !one.starts_with("graphite-pager/"));
    assert_eq!(own.count(), 0, "{:?}", bench.open());
    assert_eq!(silence(&bench), Level::NoData);
}

#[test]
fn what_an_alert_that_fails_was_last_answered_counts_on() {
    let mut bench = Bench::new(vec![alert("Load", "first"), alert("Load", "second")]);
    for minute in 0..=2 {
        let value = if minute == 0 { "1" } else { "_" };
        let (first, second) = (many("a", 8, value), many("b", 8, value));
        bench.judge(minute, "Load", &[Some(&first), Some(&second)]);
    }
    bench.judge(3, "Load", &[Some(&many("a", 8, "_")), None]);
    assert_eq!(bench.open(), [format!("graphite-pager/{SILENCE} no_data")]);
}

#[test]
fn who_lacks_data_is_remembered_over_a_restart() {
    let mut bench = Bench::new(vec![alert("Load", "all"), alert("Disk", "all")]);
    for minute in 0..=2 {
        let value = if minute == 0 { "1" } else { "_" };
        bench.answer(minute, "Load", &many("s", 8, value));
        bench.answer(minute, "Disk", &many("d", 8, value));
    }
    bench.restart(3);
    bench.answer(3, "Load", &many("s", 8, "_"));
    assert_eq!(bench.open(), [format!("graphite-pager/{SILENCE} no_data")]);
}

#[test]
fn it_survives_a_restart() {
    let mut bench = load();
    falls_silent(&mut bench, "Load", 12, 12);
    bench.told(3, "all");
    bench.restart(4);
    let load = format!("{} {}", many("s", 12, "_"), many("fine", 12, "1"));
    for minute in 4..30 {
        bench.answer(minute, "Load", &load);
        bench.tick(minute);
    }
    assert_eq!(bench.open(), [format!("graphite-pager/{SILENCE} no_data")]);
    assert!(bench.told(30, "all").is_empty());
    bench.answer(
        31,
        "Load",
        &format!("{} {}", many("s", 12, "1"), many("fine", 12, "1")),
    );
    assert_eq!(bench.told(31, "all"), [format!("{SILENCE} ok")]);
}

#[test]
fn a_group_that_leaves_leaves_it() {
    let mut bench = Bench::new(vec![alert("Load", "all"), alert("Disk", "all")]);
    bench.answer(0, "Disk", "d=1");
    falls_silent(&mut bench, "Load", 12, 0);
    assert_eq!(silence(&bench), Level::NoData);
    bench.reload(4, vec![alert("Disk", "all")]);
    bench.tick(4);
    assert!(bench.open().is_empty());
}

#[test]
fn series_that_vanish_from_it_under_missing_keep_stay_in_it() {
    let mut judged = alert("Load", "all");
    judged.missing = WithoutData::Keep;
    judged.missing_for = std::time::Duration::ZERO;
    let mut bench = Bench::new(vec![judged]);
    falls_silent(&mut bench, "Load", 12, 0);
    assert_eq!(silence(&bench), Level::NoData);
    for minute in 4..40 {
        bench.answer(minute, "Load", "other=1");
        bench.tick(minute);
    }
    assert_eq!(silence(&bench), Level::NoData);
}

#[test]
fn one_that_is_due_with_those_that_fall_silent_is_in_it_whenever_it_began() {
    let mut slow = alert("Load", "all");
    slow.no_data_for = 20 * MINUTE;
    let mut bench = Bench::new(vec![alert("Load", "some"), slow]);
    let some = |value| many("s", 12, value);
    for minute in 0..=30 {
        let silent = if minute < 28 { "1" } else { "_" };
        let late = if minute < 10 { "late=1" } else { "late=_" };
        bench.judge(minute, "Load", &[Some(&some(silent)), Some(late)]);
    }
    assert_eq!(bench.open(), [format!("graphite-pager/{SILENCE} no_data")]);
}

#[test]
fn series_whose_alert_is_set_to_keep_leave_it() {
    let mut bench = load();
    falls_silent(&mut bench, "Load", 12, 0);
    bench.reload(
        4,
        vec![without_data(alert("Load", "all"), WithoutData::Keep)],
    );
    bench.answer(4, "Load", &many("s", 12, "_"));
    assert!(bench.open().is_empty());
}

proptest! {
    /// However series come and go: the incident is open exactly while there are
    /// series in it, at the highest of their levels, and none of them has an
    /// incident of its own that stands as high.
    #[test]
    fn the_incident_and_its_series_agree(
        slots in prop::collection::vec(prop::collection::vec(0..5_u8, 14), 1..60),
        restarts in prop::collection::vec(any::<bool>(), 60),
    ) {
        let low = without_data(alert("Load", "all"), WithoutData::Level(Level::Warning));
        let mut bench = Bench::new(vec![low, alert("Disk", "all")]);
        for (minute, (values, restart)) in (0..).zip(slots.iter().zip(restarts)) {
            for (name, values) in [("Load", &values[..4]), ("Disk", &values[4..])] {
                let word = |(n, value): (usize, &u8)| match value {
                    0 => format!("s{n}=1"),
                    1 => format!("s{n}=30"),
                    2 => String::new(),
                    _ => format!("s{n}=_"),
                };
                let words: Vec<_> = values.iter().enumerate().map(word).collect();
                bench.answer(minute, name, &words.join(" "));
            }
            bench.tick(minute);
            if restart && minute % 7 == 0 {
                bench.restart(minute);
            }
            let mut highest = Level::Ok;
            for name in ["Load", "Disk"] {
                let life = bench.world.life(name).unwrap();
                for (legend, active) in life.series.actives() {
                    let Some(silent) = active.silent
                    else { continue };
                    prop_assert!(bench.level(name, legend) < silent);
                    highest = highest.max(silent);
                }
            }
            prop_assert_eq!(silence(&bench), highest);
        }
    }
}

#[test]
fn a_silence_lasts_while_as_many_lack_data_though_few_of_them_are_due_yet() {
    let early = alert("Early", "all");
    let late = Alert {
        no_data_for: MINUTE * 40,
        ..alert("Late", "all")
    };
    let mut bench = Bench::new(vec![early, late]);
    for minute in 0..=30 {
        let value = if minute == 0 { "1" } else { "_" };
        bench.answer(minute, "Early", &many("e", 2, value));
        bench.answer(minute, "Late", &many("l", 10, value));
        bench.tick(minute);
    }
    assert_eq!(bench.open(), [format!("graphite-pager/{SILENCE} no_data")]);
}
