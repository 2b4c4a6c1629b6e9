//! Graphite fails: one page, not a thousand (design 4.12).

use super::bench::Bench;
use crate::alert::definition::Alert;
use crate::alert::evaluate::tests::alert;
use crate::alert::level::Level;

const HOST: &str = "graphite.example.com";

fn groups(count: usize) -> Bench {
    let one = |n| alert(&format!("A{n}"), "all");
    let alerts: Vec<Alert> = (1..=count).map(one).collect();
    Bench::new(alerts)
}

/// One minute in which the first `failing` of `all` groups fail.
fn minute(bench: &mut Bench, minute: i64, failing: usize, all: usize) {
    for n in 1..=all {
        let name = format!("A{n}");
        if n <= failing {
            bench.fail(minute, &name);
        } else {
            bench.answer(minute, &name, "s=1");
        }
    }
    bench.tick(minute);
}

fn own(bench: &Bench, series: &str) -> Level {
    bench.level("graphite-pager", series)
}

#[test]
fn a_group_that_fails_for_error_for_while_others_succeed_is_one_incident() {
    let mut bench = groups(3);
    for at in 0..6 {
        assert!(bench.open().is_empty(), "{at}");
        minute(&mut bench, at, 1, 3);
    }
    assert_eq!(bench.open(), ["graphite-pager/A1 critical"]);
    let words = "cannot be fetched: connection refused";
    assert_eq!(bench.words("graphite-pager", "A1"), words);
    minute(&mut bench, 6, 0, 3);
    assert!(bench.open().is_empty());
}

#[test]
fn a_group_that_fails_in_turns_of_its_alerts_fails_all_the_time() {
    let mut bench = Bench::new(vec![
        alert("Load", "first"),
        alert("Load", "second"),
        alert("Disk", "all"),
    ]);
    for at in 0..=6 {
        let turns = [[None, Some("a=1")], [Some("b=1"), None]];
        bench.judge(at, "Load", &turns[usize::from(at % 2 == 0)]);
        bench.answer(at, "Disk", "d=1");
    }
    assert_eq!(own(&bench, "Load"), Level::Critical);
}

#[test]
fn a_success_between_starts_error_for_again() {
    let mut bench = groups(2);
    for at in 0..30 {
        minute(&mut bench, at, usize::from(at % 5 != 4), 2);
    }
    assert!(bench.events().is_empty());
}

#[test]
fn when_all_groups_fail_it_is_one_incident_called_after_the_host() {
    let mut bench = groups(3);
    for at in 0..5 {
        minute(&mut bench, at, 3, 3);
    }
    assert!(bench.open().is_empty());
    minute(&mut bench, 5, 3, 3);
    assert_eq!(bench.open(), [format!("graphite-pager/{HOST} critical")]);
    assert_eq!(bench.told(5, "all"), [format!("{HOST} critical")]);
    minute(&mut bench, 6, 0, 3);
    assert!(bench.open().is_empty());
    assert_eq!(bench.told(6, "all"), [format!("{HOST} ok")]);
}

#[test]
fn more_than_five_groups_and_more_than_a_fifth_are_as_good_as_all() {
    for (failing, all, expected) in [
        (6, 29, vec![format!("graphite-pager/{HOST} critical")]),
        // exactly a fifth, and exactly five: each for itself
        (
            6,
            30,
            (1..=6)
                .map(|n| format!("graphite-pager/A{n} critical"))
                .collect(),
        ),
        (
            5,
            6,
            (1..=5)
                .map(|n| format!("graphite-pager/A{n} critical"))
                .collect(),
        ),
    ] {
        let mut bench = groups(all);
        for at in 0..=5 {
            minute(&mut bench, at, failing, all);
        }
        assert_eq!(bench.open(), expected, "{failing} of {all}");
    }
}

#[test]
fn the_groups_own_clocks_start_again_when_the_common_trouble_ends() {
    let mut bench = groups(2);
    for at in 0..10 {
        minute(&mut bench, at, 2, 2);
    }
    assert_eq!(own(&bench, HOST), Level::Critical);
    // the first one goes on failing
    for at in 10..15 {
        minute(&mut bench, at, 1, 2);
        assert!(bench.open().is_empty(), "{at}");
    }
    minute(&mut bench, 15, 1, 2);
    assert_eq!(bench.open(), ["graphite-pager/A1 critical"]);
}

#[test]
fn an_outage_that_follows_a_groups_own_waits_for_error_for_itself() {
    let mut bench = groups(2);
    for at in 0..10 {
        minute(&mut bench, at, 1, 2);
    }
    for at in 10..15 {
        minute(&mut bench, at, 2, 2);
    }
    assert_eq!(bench.open(), ["graphite-pager/A1 critical"]);
    minute(&mut bench, 15, 2, 2);
    assert_eq!(own(&bench, HOST), Level::Critical);
}

#[test]
fn time_alone_brings_the_incident_of_a_rare_alert() {
    let mut bench = groups(1);
    bench.fail(0, "A1");
    bench.tick(4);
    assert!(bench.open().is_empty());
    bench.tick(5);
    assert_eq!(own(&bench, HOST), Level::Critical);
}

#[test]
fn a_group_that_leaves_takes_its_failure_along() {
    let mut bench = groups(2);
    for at in 0..=5 {
        minute(&mut bench, at, 1, 2);
    }
    assert_eq!(own(&bench, "A1"), Level::Critical);
    bench.reload(6, vec![alert("A2", "all")]);
    assert!(bench.open().is_empty());
}

#[test]
fn error_for_goes_on_after_a_restart() {
    let mut bench = groups(2);
    for at in 0..5 {
        minute(&mut bench, at, 2, 2);
        bench.restart(at);
    }
    minute(&mut bench, 5, 2, 2);
    assert_eq!(own(&bench, HOST), Level::Critical);
    bench.restart(6);
    bench.tick(6);
    assert_eq!(own(&bench, HOST), Level::Critical);
    minute(&mut bench, 7, 0, 2);
    assert!(bench.open().is_empty());
}

#[test]
fn a_group_that_fails_on_after_an_outage_begins_its_clock_at_the_end_of_that() {
    let mut bench = groups(3);
    for at in 0..=6 {
        minute(&mut bench, at, 3, 3);
    }
    assert_eq!(bench.open(), [format!("graphite-pager/{HOST} critical")]);
    minute(&mut bench, 7, 1, 3);
    assert!(bench.open().is_empty());
    // its slot lies before that end, and is tried again
    bench.fail_again(8, 6, "A1");
    assert!(bench.open().is_empty(), "{:?}", bench.open());
    bench.fail_again(12, 6, "A1");
    assert_eq!(bench.open(), ["graphite-pager/A1 critical"]);
}
