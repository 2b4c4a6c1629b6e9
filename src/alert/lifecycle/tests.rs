//! Design section 5 sentence by sentence, and against a second model of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod model;

use proptest::prelude::*;

use super::*;
use model::{Model, Slot};

const EVERY: Duration = Duration::from_secs(60);

fn rules(for_: u64, recover_for: u64, no_data_for: u64) -> Rules {
    let minutes = |count: u64| Duration::from_secs(60 * count);
    Rules {
        for_: minutes(for_),
        recover_for: minutes(recover_for),
        no_data_for: minutes(no_data_for),
    }
}

/// What the letters of a script stand for, a slot each.
fn slot(letter: char) -> Slot {
    let data = |level, recovered| Slot::Read(Asks::Data { level, recovered });
    let without = |level, at_once| Slot::Read(Asks::Without { level, at_once });
    match letter {
        '.' => data(Level::Ok, true),
        'w' => data(Level::Warning, true),
        'c' => data(Level::Critical, true),
        // neither bad, nor below `recover`
        'h' => data(Level::Ok, false),
        // without data, as `no_data: no_data`, `warning`, `critical`, `ok`, `keep` have it
        'n' => without(Level::NoData, false),
        'v' => without(Level::Warning, false),
        'd' => without(Level::Critical, false),
        'o' => Slot::Read(Asks::CountsAsOk),
        'k' => Slot::Read(Asks::Ignored),
        // gone for longer than `missing_for`
        'g' => without(Level::NoData, true),
        // the fetch failed, or nobody asked
        'x' => Slot::Unanswered,
        other => panic!("`{other}` is no slot"),
    }
}

/// A series under the code that the agent runs.
struct Series {
    active: Active,
    number: u64,
    answered: u64,
}

impl Series {
    fn new() -> Self {
        Self {
            active: Active::default(),
            number: 0,
            answered: 0,
        }
    }

    fn take(&mut self, slot: Slot, rules: &Rules, at: Timestamp) -> Option<Change> {
        self.number += 1;
        let Slot::Read(asks) = slot else { return None };
        let place = Place {
            at,
            number: self.number,
            answered: self.answered,
        };
        self.answered = self.number;
        let fresh = IncidentId::new("test", "Load", "web-1", at, 1);
        let step = self.active.step(asks, rules, place, fresh);
        let wants = step
            .wants
            .and_then(|wants| self.active.take_want(wants, fresh));
        assert!(
            step.change.is_none() || wants.is_none(),
            "one reading, one change"
        );
        step.change.or(wants)
    }
}

fn at(index: usize) -> Timestamp {
    Timestamp::from_secs(1_700_000_000).plus(EVERY * u32::try_from(index).unwrap())
}

fn changes(rules: &Rules, script: &str) -> String {
    let mut series = Series::new();
    let turns = script.chars().enumerate().filter_map(|(index, letter)| {
        let change = series.take(slot(letter), rules, at(index))?;
        Some(format!(
            "{index} {}>{}",
            change.from.as_str(),
            change.to.as_str()
        ))
    });
    turns.collect::<Vec<_>>().join(", ")
}

/// What a script of slots, a minute each, does to an alert with these rules.
fn check(rules: Rules, script: &str, expected: &str) {
    assert_eq!(
        changes(&rules, script),
        expected,
        "{script} under {rules:?}"
    );
}

const AT_ONCE: fn() -> Rules = || rules(0, 0, 0);

// Up

#[test]
fn without_for_a_level_is_reached_with_its_first_reading() {
    check(rules(0, 2, 2), "c", "0 ok>critical");
    check(rules(0, 2, 2), ".w", "1 ok>warning");
}

#[test]
fn for_of_two_minutes_at_one_a_minute_is_reached_with_the_third_reading() {
    check(rules(2, 2, 2), "cc", "");
    check(rules(2, 2, 2), "ccc", "2 ok>critical");
    check(rules(2, 2, 2), "www", "2 ok>warning");
}

#[test]
fn critical_feeds_the_clock_of_warning_as_well() {
    check(rules(2, 9, 9), "cww", "2 ok>warning");
    check(rules(2, 9, 9), "wcc", "2 ok>warning");
    check(rules(2, 9, 9), "wccc", "2 ok>warning, 3 warning>critical");
}

#[test]
fn warning_resets_the_clock_of_critical() {
    check(rules(2, 9, 9), "ccwcc", "2 ok>warning");
    check(rules(2, 9, 9), "ccwccc", "2 ok>warning, 5 warning>critical");
}

#[test]
fn ok_resets_both_clocks() {
    check(rules(2, 9, 9), "cc.cc", "");
    check(rules(2, 9, 9), "cc.ccc", "5 ok>critical");
    check(rules(2, 9, 9), "ww.ww", "");
}

#[test]
fn reading_without_data_feeds_its_own_clock_alone() {
    check(rules(2, 9, 9), "cnc", "2 ok>critical");
    check(rules(2, 9, 9), "wnw", "2 ok>warning");
    check(rules(9, 9, 2), "nnn", "2 ok>no_data");
    check(rules(0, 9, 2), "nn", "");
}

#[test]
fn every_reading_with_data_resets_the_clock_of_no_data() {
    for data in [".", "w", "h", "o"] {
        check(rules(9, 9, 2), &format!("nn{data}nn"), "");
        check(rules(9, 9, 2), &format!("nn{data}nnn"), "5 ok>no_data");
    }
}

#[test]
fn levels_rise_by_rank() {
    check(
        AT_ONCE(),
        "wnc",
        "0 ok>warning, 1 warning>no_data, 2 no_data>critical",
    );
    check(AT_ONCE(), "cnn", "0 ok>critical");
    check(rules(0, 9, 0), "cw", "0 ok>critical");
}

#[test]
fn want_of_data_opens_at_the_level_that_the_alert_gives_it() {
    check(rules(0, 2, 2), "vvv", "2 ok>warning");
    check(rules(0, 2, 2), "ddd", "2 ok>critical");
    check(rules(0, 2, 9), "wg", "0 ok>warning, 1 warning>no_data");
}

#[test]
fn vanished_series_does_not_wait_for_no_data_for() {
    check(rules(0, 2, 9), "kkg", "2 ok>no_data");
}

#[test]
fn ignored_readings_move_nothing() {
    check(rules(2, 9, 2), "ckc", "2 ok>critical");
    check(rules(2, 9, 2), "nkn", "2 ok>no_data");
    check(rules(0, 2, 0), "c.k.", "0 ok>critical, 3 critical>ok");
    check(AT_ONCE(), "kkk", "");
}

// Down

#[test]
fn only_data_lower_an_incident() {
    check(AT_ONCE(), "cnnnkkkggg", "0 ok>critical");
    check(AT_ONCE(), "cnnn.", "0 ok>critical, 4 critical>ok");
    check(AT_ONCE(), "wvvv", "0 ok>warning");
}

#[test]
fn want_of_data_that_counts_as_ok_resolves() {
    check(rules(0, 2, 2), "cooo", "0 ok>critical, 3 critical>ok");
    check(rules(0, 2, 2), "co.o", "0 ok>critical, 3 critical>ok");
    check(AT_ONCE(), "co", "0 ok>critical, 1 critical>ok");
}

#[test]
fn incident_ends_when_nothing_was_asked_for_as_long_as_recover_for() {
    check(rules(0, 2, 2), "c..", "0 ok>critical");
    check(rules(0, 2, 2), "c...", "0 ok>critical, 3 critical>ok");
    check(rules(0, 0, 2), "c.", "0 ok>critical, 1 critical>ok");
}

#[test]
fn reading_that_asks_for_as_much_stops_the_clock() {
    check(rules(0, 2, 2), "c..c..", "0 ok>critical");
    check(rules(0, 2, 2), "w..c", "0 ok>warning, 3 warning>critical");
    check(rules(2, 2, 2), "www..cc..", "2 ok>warning");
    check(rules(2, 2, 2), "www..cc...", "2 ok>warning, 9 warning>ok");
}

#[test]
fn incident_takes_the_highest_level_asked_for_meanwhile() {
    check(rules(0, 2, 2), "c.w.", "0 ok>critical, 3 critical>warning");
    check(rules(0, 2, 2), "cwww", "0 ok>critical, 3 critical>warning");
    check(
        AT_ONCE(),
        "cw.",
        "0 ok>critical, 1 critical>warning, 2 warning>ok",
    );
}

#[test]
fn lower_level_needs_no_for() {
    check(rules(5, 2, 2), "cccccc...w", "5 ok>critical, 8 critical>ok");
    check(
        rules(5, 3, 2),
        "cccccc...w",
        "5 ok>critical, 9 critical>warning",
    );
}

#[test]
fn clock_of_recover_for_starts_after_the_level_was_taken() {
    // lowered by the reading at 3, so what counts for the end begins at 4
    check(
        rules(0, 2, 2),
        "cw....",
        "0 ok>critical, 3 critical>warning",
    );
    check(
        rules(0, 2, 2),
        "cw.....",
        "0 ok>critical, 3 critical>warning, 6 warning>ok",
    );
}

#[test]
fn reading_without_data_leaves_the_clock_of_a_level_that_data_gave() {
    check(rules(0, 2, 2), "c.n.", "0 ok>critical, 3 critical>ok");
}

#[test]
fn reading_without_data_stops_the_clock_of_a_level_that_want_of_data_gave() {
    check(rules(0, 2, 0), "n..n..", "0 ok>no_data");
    check(rules(0, 2, 0), "n..n...", "0 ok>no_data, 6 no_data>ok");
    check(rules(0, 2, 0), "n..k.", "0 ok>no_data, 4 no_data>ok");
}

#[test]
fn after_want_of_data_a_level_no_higher_holds_at_once() {
    check(rules(5, 5, 0), "nw", "0 ok>no_data, 1 no_data>warning");
    check(rules(5, 5, 0), "n.w", "0 ok>no_data, 2 no_data>warning");
    check(rules(5, 2, 0), "dc...", "0 ok>critical, 4 critical>ok");
    check(rules(5, 5, 0), "dw", "0 ok>critical, 1 critical>warning");
}

#[test]
fn after_want_of_data_a_higher_level_takes_its_for() {
    check(rules(2, 5, 0), "ncc", "0 ok>no_data");
    check(rules(2, 5, 0), "nccc", "0 ok>no_data, 3 no_data>critical");
    check(rules(2, 5, 0), "vccc", "0 ok>warning, 3 warning>critical");
}

#[test]
fn after_want_of_data_ok_takes_its_recover_for() {
    check(rules(0, 2, 0), "n..", "0 ok>no_data");
    check(rules(0, 2, 0), "n...", "0 ok>no_data, 3 no_data>ok");
    check(rules(0, 0, 0), "n.", "0 ok>no_data, 1 no_data>ok");
}

#[test]
fn level_that_data_confirm_is_theirs_from_then_on() {
    // no longer brought about by want of data: a reading without does not stop the clock
    check(rules(0, 2, 0), "vw.v.", "0 ok>warning, 4 warning>ok");
    check(rules(0, 2, 0), "vw.w.", "0 ok>warning");
}

// Hysteresis

#[test]
fn open_incident_is_not_ok_before_recover_holds() {
    check(rules(0, 0, 2), "chh", "0 ok>critical");
    check(rules(0, 0, 2), "chh.", "0 ok>critical, 3 critical>ok");
    check(rules(0, 2, 2), "c..h..", "0 ok>critical");
}

#[test]
fn until_recover_holds_the_level_that_data_last_gave_is_asked_for() {
    check(
        AT_ONCE(),
        "cwh.",
        "0 ok>critical, 1 critical>warning, 3 warning>ok",
    );
    check(
        rules(0, 9, 0),
        "wnh",
        "0 ok>warning, 1 warning>no_data, 2 no_data>warning",
    );
}

#[test]
fn without_an_incident_by_data_recover_has_no_say() {
    check(AT_ONCE(), "hh", "");
    check(rules(0, 2, 0), "nhhh", "0 ok>no_data, 3 no_data>ok");
}

// Gaps

#[test]
fn time_of_slots_that_failed_or_were_missed_counts() {
    check(rules(2, 9, 9), "cxc", "2 ok>critical");
    check(rules(4, 9, 9), "cxxxc", "4 ok>critical");
    check(rules(0, 4, 9), "c.xxx.", "0 ok>critical, 5 critical>ok");
    check(rules(9, 9, 4), "nxxxn", "4 ok>no_data");
}

#[test]
fn after_more_than_three_slots_without_data_for_and_recover_for_start_anew() {
    check(rules(5, 9, 9), "cxxxxc", "");
    check(rules(5, 9, 9), "cxxxxcxxxcc", "10 ok>critical");
    check(rules(2, 9, 9), "cxnkxcc", "");
    check(rules(2, 9, 9), "cxnkxccc", "7 ok>critical");
    check(rules(0, 5, 9), "c.xxxx.", "0 ok>critical");
    check(rules(0, 1, 9), "c.xxxx..", "0 ok>critical, 7 critical>ok");
    // what was asked for before the gap is not asked for any more
    check(rules(0, 2, 9), "cwxxxx...", "0 ok>critical, 8 critical>ok");
}

#[test]
fn without_a_running_clock_a_gap_changes_nothing() {
    check(AT_ONCE(), "cxxxxxxxxc", "0 ok>critical");
    check(AT_ONCE(), "cxxxxxxxx.", "0 ok>critical, 9 critical>ok");
}

#[test]
fn after_more_than_three_slots_without_an_answer_no_data_for_starts_anew() {
    check(rules(9, 9, 5), "nxxxxn", "");
    check(rules(9, 9, 2), "nxxxxnnn", "7 ok>no_data");
    // an answer without data is an answer
    check(rules(9, 9, 5), "nnnnnn", "5 ok>no_data");
    check(rules(9, 9, 6), "nkkkkkn", "6 ok>no_data");
}

#[test]
fn gap_ends_the_clock_of_no_data_whatever_reading_comes_after_it() {
    check(rules(9, 9, 2), "nxxxxkn", "");
}

#[test]
fn gaps_are_counted_in_slots_of_the_series_alone() {
    // known and quiet: the answers before count as readings with data
    let mut series = Series::new();
    let rules = rules(2, 9, 9);
    for index in 0..10 {
        assert_eq!(series.take(slot('.'), &rules, at(index)), None);
        assert!(series.active.is_idle(), "a quiet series costs nothing");
    }
    assert_eq!(series.take(slot('c'), &rules, at(10)), None);
    assert_eq!(series.active.critical_since, Some(at(10)));
}

// The clock

#[test]
fn clock_set_back_neither_fires_nor_stops_a_clock_for_ever() {
    let rules = rules(2, 2, 2);
    let mut series = Series::new();
    series.take(slot('c'), &rules, at(100));
    // an hour back: counted from there
    assert_eq!(series.take(slot('c'), &rules, at(40)), None);
    assert_eq!(series.take(slot('c'), &rules, at(41)), None);
    let opened = series.take(slot('c'), &rules, at(42)).unwrap();
    assert_eq!((opened.to, opened.lasted), (Level::Critical, EVERY * 2));
    series.take(slot('.'), &rules, at(43));
    assert_eq!(series.take(slot('.'), &rules, at(3)), None);
    assert_eq!(series.take(slot('.'), &rules, at(4)), None);
    assert_eq!(series.take(slot('.'), &rules, at(5)).unwrap().to, Level::Ok);
}

#[test]
fn same_slot_judged_again_is_no_gap_and_no_second_change() {
    let rules = rules(0, 2, 2);
    let mut active = Active::default();
    let asks = |level| Asks::Data {
        level,
        recovered: true,
    };
    let place = Place {
        at: at(1),
        number: 5,
        answered: 4,
    };
    let again = Place {
        answered: 5,
        ..place
    };
    let id = IncidentId::new("test", "Load", "web-1", at(1), 1);
    let first = active.step(asks(Level::Critical), &rules, place, id);
    assert_eq!(first.change.unwrap().to, Level::Critical);
    let kept = active.clone();
    assert_eq!(
        active.step(asks(Level::Critical), &rules, again, id),
        Step::default()
    );
    assert_eq!(active, kept);
}

// What a change says

#[test]
fn change_says_how_long_the_level_was_asked_for() {
    let rules = rules(2, 3, 2);
    let mut series = Series::new();
    let mut last = None;
    for (index, letter) in "ccc....".chars().enumerate() {
        last = series.take(slot(letter), &rules, at(index)).or(last);
        if index == 2 {
            assert_eq!(last.unwrap().lasted, EVERY * 2);
        }
    }
    let ended = last.unwrap();
    assert_eq!(
        (ended.from, ended.to, ended.lasted),
        (Level::Critical, Level::Ok, EVERY * 3)
    );
}

#[test]
fn incident_keeps_its_id_through_every_level() {
    let rules = AT_ONCE();
    let mut series = Series::new();
    series.take(slot('w'), &rules, at(0));
    let id = series.active.open.unwrap().id;
    for (index, letter) in "cnwdc".chars().enumerate() {
        series.take(slot(letter), &rules, at(index + 1));
        assert_eq!(series.active.open.unwrap().id, id);
    }
    series.take(slot('.'), &rules, at(9));
    series.take(slot('w'), &rules, at(10));
    assert_ne!(series.active.open.unwrap().id, id);
}

#[test]
fn end_ends_whatever_is_open_and_nothing_else() {
    let mut active = Active::default();
    assert_eq!(active.end(), None);
    let mut series = Series::new();
    series.take(slot('c'), &AT_ONCE(), at(0));
    let change = series.active.end().unwrap();
    assert_eq!((change.from, change.to), (Level::Critical, Level::Ok));
    assert_eq!(series.active.open, None);
}

// Against the second model

fn asks() -> impl Strategy<Value = Slot> {
    let letters = ".......wwwccchhnnnnvdokkgxx".chars().collect::<Vec<_>>();
    proptest::sample::select(letters).prop_map(slot)
}

/// Single slots, and stretches of one kind as real life has them.
fn slots() -> impl Strategy<Value = Vec<Slot>> {
    let stretch = (asks(), 1_usize..7).prop_map(|(slot, count)| vec![slot; count]);
    proptest::collection::vec(stretch, 1..25).prop_map(|stretches| stretches.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn code_and_model_agree_on_every_reading(
        slots in slots(),
        (for_, recover_for, no_data_for) in (0_u64..6, 0_u64..6, 0_u64..6),
    ) {
        let rules = rules(for_, recover_for, no_data_for);
        let model = Model { rules, every: EVERY };
        let mut series = Series::new();
        let mut level = Level::Ok;
        for (index, slot) in slots.iter().enumerate() {
            let change = series.take(*slot, &rules, at(index));
            if let Some(change) = change {
                prop_assert_eq!(change.from, level);
                prop_assert_ne!(change.to, level);
                level = change.to;
            }
            prop_assert_eq!(series.active.level(), level);
            let expected = model.level_after(&slots[..=index]);
            prop_assert_eq!(level, expected, "after slot {} of {:?}", index, &slots[..=index]);
        }
    }

    #[test]
    fn clocks_survive_being_written_and_read_at_any_time(
        slots in slots(),
        (for_, recover_for, no_data_for) in (0_u64..6, 0_u64..6, 0_u64..6),
    ) {
        let rules = rules(for_, recover_for, no_data_for);
        let (mut one, mut other) = (Series::new(), Series::new());
        for (index, slot) in slots.iter().enumerate() {
            prop_assert_eq!(one.take(*slot, &rules, at(index)), other.take(*slot, &rules, at(index)));
            let text = serde_json::to_string(&other.active).unwrap();
            other.active = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&one.active, &other.active);
        }
    }

    #[test]
    fn what_did_not_change_stays_the_same_to_the_byte(letter in proptest::sample::select(vec!['.', 'w', 'c', 'n', 'k', 'g']), before in slots()) {
        let rules = rules(1, 1, 1);
        let mut series = Series::new();
        for (index, slot) in before.iter().enumerate() {
            series.take(*slot, &rules, at(index));
        }
        // long enough for every clock to have run out, twice
        for index in before.len()..before.len() + 12 {
            series.take(slot(letter), &rules, at(index));
        }
        let settled = series.active.clone();
        series.take(slot(letter), &rules, at(before.len() + 12));
        prop_assert_eq!(series.active, settled);
    }
}
