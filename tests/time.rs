//! Time that misbehaves: clock changes, leap days, a clock that is set, a
//! computer that sleeps, the year 2038, a first start and one after a week. The
//! agent is driven second by second without its edges, through what they use.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

#[path = "corpus/checks/calendar.rs"]
mod calendar;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use calendar::{Crontab, Hours, shown};
use chrono::DateTime;
use chrono_tz::Tz;
use graphite_pager::agent::slots::{Slots, Step};
use graphite_pager::alert::delivery::{Outcome, Tell};
use graphite_pager::alert::evaluate::{Answer, Seen};
use graphite_pager::alert::world::{Next, Report, Saved, Setup, World};
use graphite_pager::alert::{Active, Level, Schedule, TimeSpec, Timestamp, Value, Zone};
use graphite_pager::config;
use graphite_pager::store::Sqlite;
use proptest::prelude::*;

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

/// In an hour without anything special about it.
const START: &str = "2026-11-24T10:00:00Z";

fn at(text: &str) -> Timestamp {
    Timestamp::from(DateTime::parse_from_rfc3339(text).unwrap().to_utc())
}

/// The zone as the program has it: what is expected of it comes from another library.
fn ours(zone: Tz) -> Zone {
    zone.name().parse().unwrap()
}

fn cron(expression: &str, zone: Tz) -> Schedule {
    Schedule::cron(expression, ours(zone)).unwrap_or_else(|why| panic!("{why}"))
}

// The calendar

/// Europe, both Americas, Africa, half an hour in Australia, and two without.
const ZONES: [Tz; 7] = [
    Tz::Europe__Berlin,
    Tz::America__New_York,
    Tz::America__Santiago,
    Tz::Africa__Cairo,
    Tz::Australia__Lord_Howe,
    Tz::Asia__Tehran,
    Tz::Asia__Kolkata,
];

#[track_caller]
fn fires(expression: &str, zone: Tz, from: &str, expected: &[&str]) {
    let schedule = cron(expression, zone);
    let mut now = at(from);
    for expected in expected {
        now = schedule.next_after(now).unwrap();
        assert_eq!(
            now.rfc3339(),
            *expected,
            "`{expression}` in {zone} from {from}"
        );
        assert_eq!(schedule.latest_at(now), Some(now));
    }
}

#[test]
fn fixed_time_that_the_clock_skips_is_the_first_instant_after_the_gap_in_five_zones() {
    let zone = Tz::Europe__Berlin;
    fires(
        "30 2 * * *",
        zone,
        "2026-03-28T12:00:00Z",
        &["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
    );
    let zone = Tz::America__New_York;
    fires(
        "30 2 * * *",
        zone,
        "2026-03-07T12:00:00Z",
        &["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"],
    );
    // half an hour: 02:00 to 02:30
    let zone = Tz::Australia__Lord_Howe;
    fires(
        "15 2 * * *",
        zone,
        "2026-10-03T00:00:00Z",
        &["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"],
    );
    // midnight itself
    let zone = Tz::America__Santiago;
    fires(
        "0 0 * * *",
        zone,
        "2026-09-05T12:00:00Z",
        &["2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"],
    );
    // no summer time since 2022
    let zone = Tz::Asia__Tehran;
    fires(
        "30 0 * * *",
        zone,
        "2026-03-21T12:00:00Z",
        &["2026-03-21T21:00:00Z", "2026-03-22T21:00:00Z"],
    );
}

#[test]
fn fixed_time_that_the_clock_repeats_happens_once_in_five_zones() {
    let zone = Tz::Europe__Berlin;
    fires(
        "30 2 * * *",
        zone,
        "2026-10-24T12:00:00Z",
        &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
    );
    let zone = Tz::America__New_York;
    fires(
        "30 1 * * *",
        zone,
        "2026-10-31T12:00:00Z",
        &["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"],
    );
    let zone = Tz::Australia__Lord_Howe;
    fires(
        "45 1 * * *",
        zone,
        "2026-04-04T00:00:00Z",
        &["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"],
    );
    let zone = Tz::America__Santiago;
    fires(
        "30 23 * * *",
        zone,
        "2026-04-04T12:00:00Z",
        &["2026-04-05T02:30:00Z", "2026-04-06T03:30:00Z"],
    );
    let zone = Tz::Asia__Tehran;
    fires(
        "30 23 * * *",
        zone,
        "2026-09-21T12:00:00Z",
        &["2026-09-21T20:00:00Z", "2026-09-22T20:00:00Z"],
    );
}

#[test]
fn every_half_hour_stays_every_half_hour_through_all_clock_changes() {
    for zone in ZONES {
        let schedule = cron("*/30 * * * *", zone);
        let (mut now, end) = (at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
        while now < end {
            let next = schedule.next_after(now).unwrap();
            assert_eq!(
                next.since(now),
                Duration::from_secs(1800),
                "after {now} in {zone}"
            );
            now = next;
        }
        let slots = schedule.count_between(at("2026-01-01T00:00:00Z"), end, 100_000);
        assert_eq!(slots, 365 * 48, "{zone}");
    }
}

/// Minutes that are covered of the night that begins on `evening`, 20:00 to 06:00.
fn night(zone: Tz, evening: &str) -> usize {
    let active = Active::parse("20:00-06:00", ours(zone)).unwrap();
    let noon = at(&format!("{evening}T12:00:00Z")).as_secs()
        - offset(zone, &format!("{evening}T12:00:00Z"));
    (0..DAY / MINUTE)
        .filter(|minute| active.covers(Timestamp::from_secs(noon + minute * MINUTE)))
        .count()
}

fn offset(zone: Tz, instant: &str) -> i64 {
    let minute = at(instant).as_secs() / MINUTE;
    (shown(zone, minute) - shown(Tz::UTC, minute)).num_seconds()
}

#[test]
fn active_hours_are_those_of_the_wall_clock_in_the_nights_that_change_it() {
    // an ordinary night of ten hours, one that skips some, one that repeats some
    for (zone, ordinary, gap, fold, minutes) in [
        (
            Tz::Europe__Berlin,
            "2026-06-01",
            "2026-03-28",
            "2026-10-24",
            60,
        ),
        (
            Tz::America__New_York,
            "2026-06-01",
            "2026-03-07",
            "2026-10-31",
            60,
        ),
        (
            Tz::America__Santiago,
            "2026-06-01",
            "2026-09-05",
            "2026-04-04",
            60,
        ),
        (
            Tz::Australia__Lord_Howe,
            "2026-06-01",
            "2026-10-03",
            "2026-04-04",
            30,
        ),
        (
            Tz::Africa__Casablanca,
            "2026-06-01",
            "2026-03-21",
            "2026-02-14",
            60,
        ),
        (
            Tz::Asia__Kolkata,
            "2026-06-01",
            "2026-03-28",
            "2026-10-24",
            0,
        ),
    ] {
        assert_eq!(night(zone, ordinary), 600, "{zone}");
        assert_eq!(night(zone, gap), 600 - minutes, "{zone} {gap}");
        assert_eq!(night(zone, fold), 600 + minutes, "{zone} {fold}");
    }
}

/// Every minute of 2026 and some days around it, as the wall clock shows it.
fn year(zone: Tz) -> (i64, Vec<chrono::NaiveDateTime>) {
    let first = at("2025-12-30T00:00:00Z").as_secs() / MINUTE;
    let last = at("2027-01-02T00:00:00Z").as_secs() / MINUTE;
    (
        first,
        (first..=last).map(|minute| shown(zone, minute)).collect(),
    )
}

#[test]
fn slots_of_a_whole_year_are_those_of_a_walk_over_every_minute_in_seven_zones() {
    for zone in ZONES {
        let (first, clock) = year(zone);
        for expression in [
            "30 2 * * *",
            "0 0 * * *",
            "*/20 1-3 * * *",
            "15,45 */6 1-7 * *",
            "0 9 * * mon-fri",
            "30 23 13 * fri",
            "0 12 29 2 *",
            "0 0 31 * *",
            "59 23 * 3,10 sun",
            "@monthly",
        ] {
            let begin = at("2026-01-01T00:00:00Z");
            let naive = Crontab::parse(expression).unwrap().slots(first, &clock);
            let expected: Vec<i64> = naive
                .iter()
                .map(|minute| minute * MINUTE)
                .filter(|slot| *slot > begin.as_secs())
                .collect();
            let schedule = cron(expression, zone);
            let end = Timestamp::from_secs((first + clock.len() as i64 - 1) * MINUTE);
            let next = |slot: &Timestamp| schedule.next_after(*slot).filter(|slot| *slot <= end);
            let found: Vec<i64> = std::iter::successors(next(&begin), next)
                .map(Timestamp::as_secs)
                .collect();
            assert_eq!(found, expected, "`{expression}` in {zone}");
            assert_eq!(
                schedule.count_between(begin, end, 100_000),
                expected.len() as u64
            );
            for pair in expected.windows(2) {
                let just_before = Timestamp::from_millis(pair[1] * 1000 - 1);
                assert_eq!(
                    schedule.latest_at(just_before),
                    Some(Timestamp::from_secs(pair[0])),
                    "`{expression}` in {zone}"
                );
            }
        }
    }
}

fn expressions() -> impl Strategy<Value = String> {
    let minute = prop::sample::select(vec!["0", "30", "59", "*", "*/7", "5-50/15", "0,15,45"]);
    let hour = prop::sample::select(vec!["0", "1", "2", "3", "23", "*", "*/5", "1-3", "0,2,22"]);
    let day = prop::sample::select(vec!["*", "1", "31", "*/2", "28-31", "5,6"]);
    let month = prop::sample::select(vec!["*", "3,4", "9-11", "2", "jan-dec/3"]);
    let weekday = prop::sample::select(vec!["*", "sun", "0,6", "mon-fri", "7", "5-7"]);
    (minute, hour, day, month, weekday).prop_map(|(minute, hour, day, month, weekday)| {
        format!("{minute} {hour} {day} {month} {weekday}")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn any_schedule_at_any_time_is_that_of_a_walk_over_every_minute(
        expression in expressions(),
        zone in prop::sample::select(ZONES.to_vec()),
        // 1990 to 2099, or near a clock change of 2026 and 2027
        now in prop_oneof![
            631_152_000..4_070_000_000_i64,
            prop::sample::select(vec![1_774_746_000_i64, 1_792_890_000, 1_772_953_200, 1_793_512_800, 1_775_401_200, 1_791_041_400, 1_788_667_200, 1_775_358_000])
                .prop_flat_map(|change| change - 2 * DAY..change + 2 * DAY),
        ],
    ) {
        let (first, last) = (now / MINUTE - 4 * 1440, now / MINUTE + 3 * 1440);
        let clock: Vec<_> = (first..=last).map(|minute| shown(zone, minute)).collect();
        let naive = Crontab::parse(&expression).unwrap();
        let schedule = Schedule::cron(&expression, ours(zone));
        prop_assert_eq!(schedule.is_ok(), naive.ever_fires());
        let Ok(schedule) = schedule else { return Ok(()) };
        let slots = naive.slots(first, &clock);
        // the first day only tells what the clock had shown already
        let known = first + 1440;
        let slots: Vec<i64> = slots.into_iter().filter(|minute| *minute > known).map(|minute| minute * MINUTE).collect();
        let now = Timestamp::from_secs(now);
        let after: Vec<i64> = slots.iter().copied().filter(|slot| *slot > now.as_secs()).collect();
        let before = slots.iter().copied().rfind(|slot| *slot <= now.as_secs());
        let next = schedule.next_after(now).map(Timestamp::as_secs).filter(|slot| *slot <= last * MINUTE);
        prop_assert_eq!(next, after.first().copied());
        let latest = schedule.latest_at(now).map(Timestamp::as_secs).filter(|slot| *slot > known * MINUTE);
        prop_assert_eq!(latest, before);
        let end = Timestamp::from_secs(last * MINUTE);
        prop_assert_eq!(schedule.count_between(now, end, 100_000), after.len() as u64);
    }

    #[test]
    fn any_active_hours_at_any_time_are_those_of_the_wall_clock(
        text in prop::sample::select(vec!["Mon-Fri 09:00-18:00", "22:00-06:00", "Sat 01:30-02:30, Sun 01:15-02:45", "Fri-Mon 23:30-00:30", "02:00-03:00"]),
        zone in prop::sample::select(ZONES.to_vec()),
        minute in 10_519_200..67_000_000_i64,
    ) {
        let active = Active::parse(text, ours(zone)).unwrap();
        let naive = Hours::parse(text).unwrap();
        for minute in minute..minute + 1440 {
            let covers = active.covers(Timestamp::from_secs(minute * MINUTE));
            prop_assert_eq!(covers, naive.covers(shown(zone, minute)), "{} in {} at minute {}", text, zone, minute);
        }
    }
}

#[test]
fn leap_day_comes_every_four_years_but_not_in_2100() {
    let zone = Tz::Europe__Berlin;
    fires(
        "0 12 29 2 *",
        zone,
        START,
        &["2028-02-29T11:00:00Z", "2032-02-29T11:00:00Z"],
    );
    fires(
        "0 12 29 2 *",
        zone,
        "2092-03-01T00:00:00Z",
        &["2096-02-29T11:00:00Z"],
    );
    assert_eq!(
        cron("0 12 29 2 *", zone).next_after(at("2096-03-01T00:00:00Z")),
        None
    );
    // the last of February is the 29th then, and the 60th day is not skipped
    fires(
        "0 0 28,29 2 *",
        Tz::UTC,
        "2027-02-28T12:00:00Z",
        &[
            "2028-02-28T00:00:00Z",
            "2028-02-29T00:00:00Z",
            "2029-02-28T00:00:00Z",
        ],
    );
}

// The agent

fn setup(yaml: &str) -> Setup {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alerts.yml");
    std::fs::write(
        &file,
        format!("graphite: {{url: 'http://graphite.example'}}\n{yaml}"),
    )
    .unwrap();
    let loaded = config::load(&[file], &|_| None).unwrap_or_else(|report| panic!("{report}"));
    let config = loaded.config;
    Setup {
        instance: config.instance,
        host: Arc::from("graphite.example"),
        error_for: config.graphite.error_for,
        docs_url: config.docs_url,
        groups: config.groups,
        receivers: config
            .receivers
            .into_iter()
            .map(|receiver| receiver.policy)
            .collect(),
        routes: config.routes,
    }
}

/// The agent on a computer whose clock is the test's, with a Graphite that says
/// what the test wants.
struct Host {
    setup: Setup,
    world: World,
    saved: Saved,
    now: Timestamp,
    slots: BTreeMap<Arc<str>, Slots>,
    graphite: Graphite,
    takes: bool,
    told: Vec<String>,
    missed: u64,
}

/// What it answers; `None`: nothing.
type Graphite = Option<Vec<(&'static str, Option<f64>)>>;

impl Host {
    fn start(yaml: &str, now: &str) -> Self {
        let setup = setup(yaml);
        let now = at(now);
        let mut host = Self {
            world: World::new(setup.clone(), Saved::default(), now),
            setup,
            saved: Saved::default(),
            now,
            slots: BTreeMap::new(),
            graphite: Some(Vec::new()),
            takes: true,
            told: Vec::new(),
            missed: 0,
        };
        host.begin();
        host
    }

    fn begin(&mut self) {
        self.missed = 0;
        for group in &self.setup.groups {
            let last = self.saved.heads.get(&group.name).and_then(|head| head.slot);
            let (slots, missed) = Slots::start(&group.schedule, last, self.now);
            self.missed += missed;
            self.slots.insert(Arc::clone(&group.name), slots);
        }
    }

    /// Stopped, and started again later with what was written.
    fn off_for(&mut self, seconds: i64) {
        self.saved.apply(self.world.take_batch());
        self.step_clock(seconds);
        self.world = World::new(self.setup.clone(), self.saved.clone(), self.now);
        self.begin();
    }

    /// The clock shows another time from now on.
    fn step_clock(&mut self, seconds: i64) {
        self.now = Timestamp::from_millis(self.now.as_millis() + seconds * 1000);
    }

    /// As the keeper does when it wakes up.
    fn asleep_for(&mut self, seconds: i64) {
        self.step_clock(seconds);
        self.world.woke(self.now);
    }

    fn run(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.step_clock(1);
            self.second();
        }
    }

    /// The same, looking at the clock every minute only.
    fn run_coarsely(&mut self, minutes: i64) {
        for _ in 0..minutes {
            self.step_clock(MINUTE);
            self.second();
        }
    }

    fn second(&mut self) {
        self.world.tick(self.now);
        self.tell();
        for group in self.setup.groups.clone() {
            let slots = self.slots.get_mut(&group.name).unwrap();
            let mut step = slots.next(&group.schedule, self.now);
            if step == Step::SetBack {
                step = slots.next(&group.schedule, self.now);
            }
            let Step::Due { slot, missed } = step else {
                continue;
            };
            self.missed += missed;
            let answer = self.graphite.as_ref().map(|series| -> Answer {
                let seen = series.iter().map(|(legend, value)| Seen {
                    legend,
                    value: value.map(|value| Value { value, at: slot }),
                    target: 0,
                });
                seen.collect()
            });
            let failure = answer.is_none().then(|| "refused".to_owned());
            let report = Report {
                answers: vec![answer],
                failure,
            };
            self.world.evaluated(&group, &report, slot, self.now);
            self.tell();
        }
        self.saved.apply(self.world.take_batch());
    }

    fn tell(&mut self) {
        let names: Vec<Arc<str>> = self
            .setup
            .policies()
            .map(|policy| Arc::clone(&policy.name))
            .collect();
        for name in names {
            while let Next::Job(job) = self.world.next(&name, self.now) {
                let outcome = if self.takes {
                    let series = self.world.incident(job.incident).unwrap().series.clone();
                    let reminder = if job.tell == Tell::Reminder {
                        " again"
                    } else {
                        ""
                    };
                    self.told
                        .push(format!("{name}: {series} {}{reminder}", job.level));
                    Outcome::Accepted
                } else {
                    Outcome::Later {
                        why: "refused".to_owned(),
                        after: None,
                        pause: false,
                        unsure: false,
                    }
                };
                self.world
                    .settled(&job, &vec![outcome; job.recipients.len()], self.now);
            }
        }
    }

    fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }

    fn graphite(&mut self, series: &[(&'static str, f64)]) {
        self.graphite = Some(
            series
                .iter()
                .map(|(legend, value)| (*legend, Some(*value)))
                .collect(),
        );
    }

    fn open(&self) -> Vec<(String, Level)> {
        let open = self.world.incidents().filter(|incident| incident.is_open());
        open.map(|incident| (incident.series.to_string(), incident.level))
            .collect()
    }
}

const NOTHING: [String; 0] = [];

const LOAD: &str = "receivers: {screen: {console: {}}}
alerts: [{name: Load, target: load, critical: 20, for: 5m, recover_for: 2m}]";

const AT_ONCE: &str = "receivers: {screen: {console: {}}}
alerts: [{name: Load, target: load, critical: 20}]";

const REMINDED: &str = "receivers: {screen: {console: {}, repeat: 4h}}
alerts: [{name: Load, target: load, critical: 20}]";

#[test]
fn day_between_two_slots_has_24_hours_on_a_leap_day_and_when_clocks_change() {
    let mut host = Host::start(
        "receivers: {screen: {console: {}}}\nalerts: [{name: Load, target: load, critical: 20, every: 1d}]",
        "2028-02-27T00:00:00Z",
    );
    host.graphite(&[("web-1", 1.0)]);
    let mut slots = Vec::new();
    for _ in 0..4 {
        host.run_coarsely(DAY / MINUTE);
        slots.push(host.world.life("Load").unwrap().head.slot.unwrap());
    }
    assert!(
        slots
            .windows(2)
            .all(|pair| pair[1].since(pair[0]) == Duration::from_secs(86_400)),
        "{slots:?}"
    );
    assert_eq!((host.missed, host.told()), (0, NOTHING.to_vec()));
}

#[test]
fn first_start_without_state_tells_what_burns_once_and_nothing_else() {
    let mut host = Host::start(AT_ONCE, START);
    host.graphite(&[("web-1", 25.0), ("web-2", 1.0)]);
    host.run(10 * MINUTE);
    assert_eq!(host.told(), ["screen: web-1 critical"]);
    assert_eq!(host.missed, 0);
}

#[test]
fn clock_set_forward_by_an_hour_tells_nothing_twice_and_nothing_falsely() {
    let mut host = Host::start(REMINDED, START);
    host.graphite(&[("web-1", 25.0), ("web-2", 1.0)]);
    host.run(10 * MINUTE);
    assert_eq!(host.told(), ["screen: web-1 critical"]);
    host.asleep_for(HOUR);
    host.run(10 * MINUTE);
    assert_eq!(host.told(), NOTHING);
    assert_eq!(host.open(), [("web-1".to_owned(), Level::Critical)]);
    assert!((58..=60).contains(&host.missed), "{}", host.missed);
    host.graphite(&[("web-1", 1.0), ("web-2", 1.0)]);
    host.run(4 * MINUTE);
    assert_eq!(host.told(), ["screen: web-1 ok"]);
}

#[test]
fn clock_set_back_by_an_hour_holds_nothing_up_and_tells_nothing_twice() {
    let mut host = Host::start(REMINDED, START);
    host.graphite(&[("web-1", 25.0), ("web-2", 1.0)]);
    host.run(10 * MINUTE);
    assert_eq!(host.told(), ["screen: web-1 critical"]);
    host.step_clock(-HOUR);
    host.run(10 * MINUTE);
    assert_eq!(host.told(), NOTHING);
    assert_eq!(host.open(), [("web-1".to_owned(), Level::Critical)]);
    // judged and told as ever, an hour before the time that was told already
    host.graphite(&[("web-1", 1.0), ("web-2", 25.0)]);
    host.run(4 * MINUTE);
    assert_eq!(host.told(), ["screen: web-2 critical", "screen: web-1 ok"]);
}

#[test]
fn clock_of_for_starts_anew_when_the_time_is_set_either_way() {
    for step in [HOUR, -HOUR] {
        let mut host = Host::start(LOAD, START);
        host.graphite(&[("web-1", 25.0)]);
        host.run(3 * MINUTE);
        match step {
            HOUR => host.asleep_for(step),
            _ => host.step_clock(step),
        }
        // neither at once, as if it had burned for an hour, nor an hour later
        host.run(4 * MINUTE);
        assert_eq!(host.told(), NOTHING, "{step}");
        host.run(3 * MINUTE);
        assert_eq!(host.told(), ["screen: web-1 critical"], "{step}");
    }
}

#[test]
fn clock_of_recover_for_ends_in_time_when_the_time_is_set_either_way() {
    for step in [HOUR, -HOUR] {
        let mut host = Host::start(LOAD, START);
        host.graphite(&[("web-1", 25.0)]);
        host.run(8 * MINUTE);
        assert_eq!(host.told(), ["screen: web-1 critical"]);
        host.graphite(&[("web-1", 1.0)]);
        host.run(MINUTE + 30);
        match step {
            HOUR => host.asleep_for(step),
            _ => host.step_clock(step),
        }
        host.run(5 * MINUTE);
        assert_eq!(host.told(), ["screen: web-1 ok"], "{step}");
    }
}

#[test]
fn want_of_data_that_the_clock_made_up_is_none() {
    for step in [HOUR, -HOUR, DAY] {
        let mut host = Host::start(AT_ONCE, START);
        host.graphite(&[("web-1", 1.0), ("web-2", 1.0)]);
        host.run(5 * MINUTE);
        // one series lacks data for less than its two minutes, another is gone
        host.graphite = Some(vec![("web-1", None)]);
        host.run(MINUTE + 20);
        match step {
            ..0 => host.step_clock(step),
            _ => host.asleep_for(step),
        }
        // the first answer after it still lacks them, the next one does not
        host.run(MINUTE);
        host.graphite(&[("web-1", 1.0), ("web-2", 1.0)]);
        host.run(10 * MINUTE);
        assert_eq!(host.told(), NOTHING, "{step}");
    }
}

#[test]
fn delivery_that_failed_is_tried_again_within_minutes_when_the_time_is_set_either_way() {
    for step in [HOUR, -HOUR] {
        let mut host = Host::start(AT_ONCE, START);
        host.graphite(&[("web-1", 25.0)]);
        host.takes = false;
        host.run(20 * MINUTE);
        match step {
            HOUR => host.asleep_for(step),
            _ => host.step_clock(step),
        }
        host.takes = true;
        host.run(5 * MINUTE + 30);
        assert_eq!(host.told(), ["screen: web-1 critical"], "{step}");
    }
}

#[test]
fn reminder_comes_in_its_time_after_the_clock_was_set_back() {
    let mut host = Host::start(REMINDED, START);
    host.graphite(&[("web-1", 25.0)]);
    host.run(2 * MINUTE);
    assert_eq!(host.told(), ["screen: web-1 critical"]);
    host.step_clock(-HOUR);
    host.run(4 * HOUR + 2 * MINUTE);
    assert_eq!(host.told(), ["screen: web-1 critical again"]);
}

const WITH_FALLBACK: &str =
    "receivers: {chat: {console: {}, fallback: screen}, screen: {console: {}}}
alerts: [{name: Load, target: load, critical: 20, notify: [chat]}]";

#[test]
fn host_that_slept_for_a_day_makes_no_receiver_late_that_nobody_tried() {
    for step in [HOUR, DAY] {
        let mut host = Host::start(WITH_FALLBACK, START);
        host.graphite(&[("web-1", 25.0)]);
        host.takes = false;
        host.run(2 * MINUTE);
        host.asleep_for(step);
        host.takes = true;
        host.run(3 * MINUTE);
        // nothing of `(receiver chat)`, and nothing to the fallback
        assert_eq!(host.told(), ["chat: web-1 critical"], "{step}");
    }
}

#[test]
fn host_that_slept_for_a_day_evaluates_once_and_counts_what_it_missed() {
    let mut host = Host::start(AT_ONCE, START);
    host.graphite(&[("web-1", 25.0), ("web-2", 1.0)]);
    host.run(10 * MINUTE);
    host.told();
    let before = host.world.life("Load").unwrap().head.clone();
    host.asleep_for(DAY);
    host.run(1);
    let after = host.world.life("Load").unwrap().head.clone();
    assert_eq!(after.answers, before.answers + 1, "one late evaluation");
    assert!(
        host.now.since(after.slot.unwrap()) <= Duration::from_secs(60),
        "of the newest slot"
    );
    assert!((1438..=1440).contains(&host.missed), "{}", host.missed);
    host.run(10 * MINUTE);
    assert_eq!(
        host.told(),
        NOTHING,
        "nothing vanished, nothing is told twice"
    );
    assert_eq!(host.world.life("Load").unwrap().series.len(), 2);
}

#[test]
fn host_that_slept_reminds_nobody_of_what_ended_meanwhile() {
    let mut host = Host::start("receivers: {screen: {console: {}, repeat: 4h}}
alerts: [{name: Load, target: load, critical: 20, recover_for: 0}, {name: Disk, target: disk, critical: 20, recover_for: 0, every: 4m}]", START);
    host.graphite(&[("web-1", 25.0)]);
    host.run(10 * MINUTE);
    host.told();
    host.asleep_for(DAY);
    host.graphite(&[("web-1", 1.0)]);
    host.run(5 * MINUTE);
    assert_eq!(
        host.told(),
        ["screen: web-1 ok", "screen: web-1 ok"],
        "one of each alert, and no reminder"
    );
}

#[test]
fn host_that_slept_waits_for_graphite_as_long_as_ever() {
    // the network is seldom back with the first evaluation
    for step in [HOUR, DAY] {
        let mut host = Host::start(AT_ONCE, START);
        host.graphite(&[("web-1", 1.0)]);
        host.run(3 * MINUTE);
        host.graphite = None;
        host.run(2 * MINUTE);
        host.asleep_for(step);
        host.run(4 * MINUTE);
        assert_eq!(host.told(), NOTHING, "{step}");
        host.run(3 * MINUTE);
        assert_eq!(host.told(), ["screen: graphite.example critical"], "{step}");
    }
}

#[test]
fn week_off_tells_what_still_burns_only_as_a_reminder() {
    for (yaml, expected) in [
        (AT_ONCE, &[][..]),
        (REMINDED, &["screen: web-1 critical again"][..]),
    ] {
        let mut host = Host::start(yaml, START);
        host.graphite(&[("web-1", 25.0), ("web-2", 1.0)]);
        host.run(10 * MINUTE);
        host.told();
        host.off_for(7 * DAY);
        assert!(host.missed > 10_000, "{}", host.missed);
        host.run(10 * MINUTE);
        assert_eq!(host.told(), expected);
        assert_eq!(host.open(), [("web-1".to_owned(), Level::Critical)]);
        assert_eq!(
            host.world.life("Load").unwrap().series.len(),
            2,
            "nothing vanished"
        );
    }
}

#[test]
fn week_off_resolves_what_recovered_with_its_first_readings() {
    let mut host = Host::start(AT_ONCE, START);
    host.graphite(&[("web-1", 25.0), ("web-2", 1.0)]);
    host.run(10 * MINUTE);
    host.told();
    host.off_for(7 * DAY);
    host.graphite(&[("web-1", 1.0), ("web-2", 25.0)]);
    // `recover_for` is two minutes, from the slot that was just missed
    host.run(MINUTE);
    assert_eq!(host.told(), ["screen: web-2 critical"]);
    host.run(2 * MINUTE);
    assert_eq!(host.told(), ["screen: web-1 ok"]);
}

#[test]
fn week_off_feeds_no_clock_that_was_running() {
    let mut host = Host::start(LOAD, START);
    host.graphite(&[("web-1", 25.0)]);
    host.run(3 * MINUTE);
    host.off_for(7 * DAY);
    host.run(4 * MINUTE);
    assert_eq!(host.told(), NOTHING);
    host.run(3 * MINUTE);
    assert_eq!(host.told(), ["screen: web-1 critical"]);
    // and an outage of before it is none of a week
    let mut host = Host::start(AT_ONCE, START);
    host.graphite = None;
    host.run(3 * MINUTE);
    host.off_for(7 * DAY);
    host.run(4 * MINUTE);
    assert_eq!(host.told(), NOTHING);
}

#[test]
fn series_that_went_in_a_week_off_takes_its_time_to_vanish() {
    let mut host = Host::start(AT_ONCE, START);
    host.graphite(&[("web-1", 1.0), ("web-2", 1.0)]);
    host.run(10 * MINUTE);
    host.off_for(7 * DAY);
    host.graphite(&[("web-1", 1.0)]);
    host.run(4 * MINUTE);
    assert_eq!(host.told(), NOTHING, "`missing_for` is five minutes");
    host.run(4 * MINUTE);
    assert_eq!(host.told(), ["screen: web-2 no_data"]);
}

// The year 2038

#[test]
fn second_after_the_last_of_32_bits_is_an_ordinary_one() {
    for expression in ["* * * * *", "14 3 * * *"] {
        fires(
            expression,
            Tz::UTC,
            "2038-01-19T03:13:30Z",
            &["2038-01-19T03:14:00Z"],
        );
    }
    fires(
        "15 3 * * *",
        Tz::UTC,
        "2038-01-19T03:14:07Z",
        &["2038-01-19T03:15:00Z", "2038-01-20T03:15:00Z"],
    );
    fires(
        "30 2 28 3 *",
        Tz::Europe__Berlin,
        "2038-01-19T03:14:08Z",
        &["2038-03-28T01:00:00Z"],
    );
    let every = Schedule::every(Duration::from_secs(60), "Load").unwrap();
    let slot = every.next_after(at("2038-01-19T03:14:07Z")).unwrap();
    assert!(
        slot > at("2038-01-19T03:14:07Z") && slot <= at("2038-01-19T03:15:07Z"),
        "{slot}"
    );
    assert_eq!(
        every.count_between(
            at("2037-12-31T00:00:00Z"),
            at("2038-02-01T00:00:00Z"),
            100_000
        ),
        32 * 1440
    );
    // as Graphite is asked
    let ago = TimeSpec::parse("-5min").unwrap();
    assert_eq!(ago.render(at("2038-01-19T03:14:08Z")), "2147483348");
    assert_eq!(ago.render(at("2038-01-19T03:20:00Z")), "2147483700");
}

#[test]
fn incident_is_told_and_ends_across_the_last_second_of_32_bits() {
    let mut host = Host::start(AT_ONCE, "2038-01-19T03:12:00Z");
    host.graphite(&[("web-1", 25.0)]);
    host.run(5 * MINUTE);
    assert_eq!(host.told(), ["screen: web-1 critical"]);
    assert_eq!(host.missed, 0);
    host.off_for(10);
    host.graphite(&[("web-1", 1.0), ("web-2", 25.0)]);
    host.run(5 * MINUTE);
    assert_eq!(host.told(), ["screen: web-2 critical", "screen: web-1 ok"]);
    let incident = host
        .world
        .incidents()
        .find(|incident| incident.is_open())
        .unwrap();
    // the time of a UUIDv7 is its first 48 bits
    let millis = i64::from_str_radix(&incident.id.to_string().replace('-', "")[..12], 16).unwrap();
    assert_eq!(millis, incident.started.as_millis());
    assert!(incident.started > at("2038-01-19T03:14:07Z"));
}

#[tokio::test]
async fn store_keeps_times_beyond_2038() {
    let mut host = Host::start(LOAD, "2106-02-07T06:20:00Z");
    host.graphite(&[("web-1", 25.0), ("web-2", 1.0)]);
    host.run(10 * MINUTE);
    host.graphite = Some(vec![("web-1", None), ("web-2", Some(25.0))]);
    host.run(MINUTE);
    host.world.write_everything();
    let batch = host.world.take_batch();
    let mut expected = Saved::default();
    expected.apply(batch.clone());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let mut store = Sqlite::open(&path).await.unwrap();
    store.commit(&batch).await.unwrap();
    store.close().await;
    let mut store = Sqlite::open(&path).await.unwrap();
    let loaded = store.load().await.unwrap();
    assert!(
        loaded.heads["Load"].slot.unwrap() > at("2106-02-07T06:28:15Z"),
        "beyond unsigned 32 bits, too"
    );
    assert_eq!(loaded.incidents.len(), 1);
    assert_eq!(loaded, expected);
}
