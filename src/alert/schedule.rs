//! The instants at which a group is evaluated: its slots.
//!
//! A slot is a property of the schedule alone, never of when the agent started
//! or came to run, so that the same slot gives the same evaluation everywhere.
//! `every` is aligned to the epoch and spread by the group's name; a crontab(5)
//! expression lives on the wall clock of its time zone. It knows no queue and
//! no lateness.
//!
//! Clock changes: a fixed time in a gap is the first instant after it, a fixed
//! time in a fold happens once (the first time). An expression with `*` or a
//! step in minute or hour runs through both: it fires whenever the wall clock
//! shows such a time, so not in a gap and twice in a fold.

use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta};

use super::crontab::Calendar;
use super::duration;
use super::hash;
use super::time::Timestamp;
use super::zone::{self, Zone};

/// The longest `every`; what is rarer is a calendar's business.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);

/// More than any wall clock has been set back since 1970 (Casey station, 2010: three hours).
const FOLD: TimeDelta = TimeDelta::hours(4);

/// How many times may be passed over because they lie in a gap or a fold.
const PASSED_OVER: usize = 3000;

/// When a group is evaluated.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// Aligned to the epoch plus an offset.
    Every {
        /// Whole seconds, at least 1.
        period: Duration,
        /// Whole seconds below `period`.
        offset: Duration,
    },
    /// crontab(5) in a time zone.
    Cron(Cron),
}

/// A crontab(5) expression in a time zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Cron {
    calendar: Calendar,
    zone: Zone,
}

impl Schedule {
    /// `every: period` for the group `name`, which decides the offset: groups
    /// are spread, and those of one second can share a request.
    ///
    /// # Errors
    ///
    /// A period that is not in whole seconds, zero, or longer than 31 days.
    pub fn every(period: Duration, name: &str) -> Result<Self, String> {
        let seconds = period.as_secs();
        if seconds == 0 || period.subsec_nanos() != 0 || period > LONGEST {
            return Err(format!(
                "`every` is {}: expected whole seconds from `1s` to `31d`",
                duration::format(period)
            ));
        }
        let offset = Duration::from_secs(hash::stable(name.as_bytes()) % seconds);
        Ok(Self::Every { period, offset })
    }

    /// `schedule: expression`, five fields as crontab(5) has them, in `zone`.
    ///
    /// # Errors
    ///
    /// Names the field and what it may hold; an expression that never fires is one.
    pub fn cron(expression: &str, zone: Zone) -> Result<Self, String> {
        Ok(Self::Cron(Cron {
            calendar: Calendar::parse(expression)?,
            zone,
        }))
    }

    /// The first slot strictly after `at`; `None` only at the end of time, which for
    /// a calendar is the end of the year 2100.
    pub fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every { period, offset } => {
                let period = i64::try_from(period.as_secs()).ok()?;
                every_latest(at, period, *offset)?
                    .checked_add(period)
                    .map(Timestamp::from_secs)
            }
            Self::Cron(cron) => cron.next_after(at),
        }
    }

    /// The newest slot at or before `at`; `None` only at the beginning of time, which
    /// for a calendar is the year 1970.
    pub fn latest_at(&self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every { period, offset } => {
                let period = i64::try_from(period.as_secs()).ok()?;
                every_latest(at, period, *offset).map(Timestamp::from_secs)
            }
            Self::Cron(cron) => cron.latest_at(at),
        }
    }

    /// The number of slots in `(after, upto]`, counted no further than `cap`.
    pub fn count_between(&self, after: Timestamp, upto: Timestamp, cap: u64) -> u64 {
        if upto <= after {
            return 0;
        }
        match self {
            Self::Every { period, .. } => {
                let (Some(from), Some(to)) = (self.latest_at(after), self.latest_at(upto)) else {
                    return 0;
                };
                (to.since(from).as_secs() / period.as_secs().max(1)).min(cap)
            }
            Self::Cron(cron) => {
                let within = |slot: &Timestamp| *slot <= upto;
                let next = |slot: &Timestamp| cron.next_after(*slot).filter(within);
                let slots = std::iter::successors(next(&after), next);
                let cap = usize::try_from(cap).unwrap_or(usize::MAX);
                u64::try_from(slots.take(cap).count()).unwrap_or(u64::MAX)
            }
        }
    }

    /// The time from the slot before `slot` to `slot`.
    pub fn period_before(&self, slot: Timestamp) -> Duration {
        match self {
            Self::Every { period, .. } => *period,
            Self::Cron(cron) => cron
                .latest_at(slot.minus(Duration::from_millis(1)))
                .map_or_else(|| self.shortest_gap(), |before| slot.since(before)),
        }
    }

    /// The shortest distance between two slots, clock changes left out: one odd
    /// night a year must not change what an alert's defaults are.
    pub fn shortest_gap(&self) -> Duration {
        match self {
            Self::Every { period, .. } => *period,
            Self::Cron(cron) => cron.calendar.shortest_gap(),
        }
    }
}

/// The newest second at or before `at` that lies `offset` after a whole `period`.
fn every_latest(at: Timestamp, period: i64, offset: Duration) -> Option<i64> {
    let offset = i64::try_from(offset.as_secs()).ok()?;
    let since = at.as_secs().checked_sub(offset)?;
    since
        .checked_sub(since.checked_rem_euclid(period)?)?
        .checked_add(offset)
}

impl Cron {
    fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        let shown = zone::local(&self.zone, at)?;
        if !self.calendar.repeats() {
            // what the clock has passed has had its first occurrence
            return self.search_forth(at, shown, zone::first_or_after_gap);
        }
        if let Some(slot) = self
            .calendar
            .next_after(shown)
            .and_then(|time| self.undisturbed(at, time))
        {
            return Some(slot);
        }
        // first and last occurrences each run with the wall clock, so each can
        // be searched in its order; their union is every occurrence
        let first = self.search_forth(at, shown, zone::first);
        let last = self.search_forth(at, shown.checked_sub_signed(FOLD)?, zone::last);
        first.into_iter().chain(last).min()
    }

    fn latest_at(&self, at: Timestamp) -> Option<Timestamp> {
        let shown = zone::local(&self.zone, at)?;
        let ahead = shown.checked_add_signed(FOLD)?;
        if !self.calendar.repeats() {
            // only a clock set back shows again what has been: without one, no
            // time ahead has had its first occurrence, and there may be many
            let from = if self.just_changed(at)? { ahead } else { shown };
            return self.search_back(at, from, zone::first_or_after_gap);
        }
        if let Some(slot) = self
            .calendar
            .latest_at(shown)
            .and_then(|time| self.undisturbed(at, time))
        {
            return Some(slot);
        }
        let first = self.search_back(at, ahead, zone::first);
        let last = self.search_back(at, shown, zone::last);
        first.into_iter().chain(last).max()
    }

    /// Whether the clock was changed so shortly before `at` that times it shows
    /// may be repeated ones.
    fn just_changed(&self, at: Timestamp) -> Option<bool> {
        let before = at.minus(FOLD.to_std().ok()?);
        Some(zone::offset(&self.zone, before) != zone::offset(&self.zone, at))
    }

    /// The instant of `time`, if no clock change lies between it and `at`: then
    /// nothing has to be searched. Changes are never two in one day.
    fn undisturbed(&self, at: Timestamp, time: NaiveDateTime) -> Option<Timestamp> {
        let offset = zone::offset(&self.zone, at)?;
        let slot = zone::instant(time, offset)?;
        let near = slot.since(at).max(at.since(slot)) < Duration::from_secs(86_400);
        (near && zone::offset(&self.zone, slot)? == offset).then_some(slot)
    }

    /// The first of the calendar's times after `from` whose `instant` is after `at`.
    fn search_forth(
        &self,
        at: Timestamp,
        from: NaiveDateTime,
        instant: Occurrence,
    ) -> Option<Timestamp> {
        let next = |time: &NaiveDateTime| self.calendar.next_after(*time);
        std::iter::successors(next(&from), next)
            .take(PASSED_OVER)
            .filter_map(|time| instant(&self.zone, time))
            .find(|slot| *slot > at)
    }

    /// The last of the calendar's times up to `from` whose `instant` is not after `at`.
    fn search_back(
        &self,
        at: Timestamp,
        from: NaiveDateTime,
        instant: Occurrence,
    ) -> Option<Timestamp> {
        let before = |time: &NaiveDateTime| {
            self.calendar
                .latest_at(time.checked_sub_signed(TimeDelta::minutes(1))?)
        };
        std::iter::successors(self.calendar.latest_at(from), before)
            .take(PASSED_OVER)
            .filter_map(|time| instant(&self.zone, time))
            .find(|slot| *slot <= at)
    }
}

/// Which instant a time of the wall clock stands for, if any.
type Occurrence = fn(&Zone, NaiveDateTime) -> Option<Timestamp>;

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]
    use chrono_tz::Tz;

    use super::*;
    use proptest::prelude::*;

    const BERLIN: Tz = Tz::Europe__Berlin;

    fn at(text: &str) -> Timestamp {
        Timestamp::from(chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc())
    }

    fn every(seconds: u64, name: &str) -> Schedule {
        Schedule::every(Duration::from_secs(seconds), name).unwrap()
    }

    fn cron(expression: &str, zone: Tz) -> Schedule {
        Schedule::cron(expression, zone.into()).unwrap()
    }

    /// The slots after `from`, as far as `expected` goes, forwards and backwards.
    fn check(expression: &str, zone: Tz, from: &str, expected: &[&str]) {
        let schedule = cron(expression, zone);
        let mut now = at(from);
        let mut slots = Vec::new();
        for _ in expected {
            now = schedule.next_after(now).unwrap();
            slots.push(now);
        }
        let shown: Vec<String> = slots.iter().map(|slot| slot.rfc3339()).collect();
        assert_eq!(shown, expected, "{expression} in {zone}");
        for pair in slots.windows(2) {
            assert_eq!(
                schedule.latest_at(pair[1].minus(Duration::from_millis(1))),
                Some(pair[0])
            );
            assert_eq!(schedule.latest_at(pair[1]), Some(pair[1]));
            assert_eq!(schedule.period_before(pair[1]), pair[1].since(pair[0]));
        }
        assert_eq!(
            schedule.count_between(at(from), now, 100),
            slots.len() as u64
        );
    }

    #[test]
    fn every_is_aligned_to_its_offset() {
        let schedule = every(60, "Load");
        let Schedule::Every { offset, .. } = schedule else {
            panic!()
        };
        assert_eq!(offset.as_secs(), hash::stable(b"Load") % 60);
        let slot = schedule
            .next_after(Timestamp::from_secs(1_700_000_000))
            .unwrap();
        assert_eq!(
            slot.as_secs() % 60,
            i64::try_from(offset.as_secs()).unwrap()
        );
        assert_eq!(
            schedule.next_after(slot),
            Some(slot.plus(Duration::from_secs(60)))
        );
        assert_eq!(schedule.latest_at(slot), Some(slot));
        assert_eq!(
            schedule.latest_at(slot.minus(Duration::from_millis(1))),
            Some(slot.minus(Duration::from_secs(60)))
        );
        assert_eq!(
            schedule.next_after(slot.minus(Duration::from_millis(1))),
            Some(slot)
        );
        assert_eq!(schedule.period_before(slot), Duration::from_secs(60));
        assert_eq!(schedule.shortest_gap(), Duration::from_secs(60));
    }

    #[test]
    fn names_spread_over_the_period() {
        let offsets: std::collections::BTreeSet<u64> = (0..100)
            .map(|number| match every(60, &format!("alert {number}")) {
                Schedule::Every { offset, .. } => offset.as_secs(),
                Schedule::Cron(_) => panic!(),
            })
            .collect();
        assert!(offsets.len() > 35, "{offsets:?}");
    }

    #[test]
    fn every_wants_whole_seconds_up_to_a_month() {
        let message = |millis| Schedule::every(Duration::from_millis(millis), "Load").unwrap_err();
        assert_eq!(
            message(0),
            "`every` is 0s: expected whole seconds from `1s` to `31d`"
        );
        assert_eq!(
            message(1500),
            "`every` is 1s500ms: expected whole seconds from `1s` to `31d`"
        );
        assert!(Schedule::every(Duration::from_secs(31 * 86_400 + 1), "Load").is_err());
        assert!(Schedule::every(LONGEST, "Load").is_ok());
        assert_eq!(
            every(1, "Load").next_after(Timestamp::from_millis(500)),
            Some(Timestamp::from_secs(1))
        );
    }

    #[test]
    fn slots_of_every_are_counted_without_walking_them() {
        let schedule = every(10, "Load");
        let start = schedule
            .next_after(Timestamp::from_secs(1_700_000_000))
            .unwrap();
        let after = |seconds| start.plus(Duration::from_secs(seconds));
        assert_eq!(schedule.count_between(start, after(95), 1000), 9);
        assert_eq!(schedule.count_between(start, after(100), 1000), 10);
        assert_eq!(
            schedule.count_between(start.minus(Duration::from_millis(1)), start, 1000),
            1
        );
        assert_eq!(schedule.count_between(start, start, 1000), 0);
        assert_eq!(schedule.count_between(after(100), start, 1000), 0);
        assert_eq!(
            schedule.count_between(start, after(1_000_000_000), 1000),
            1000
        );
    }

    #[test]
    fn slots_of_a_calendar_are_counted_up_to_the_cap() {
        let schedule = cron("0 * * * *", Tz::UTC);
        let from = at("2026-01-01T00:00:00Z");
        assert_eq!(
            schedule.count_between(from, at("2026-01-02T00:00:00Z"), 1000),
            24
        );
        assert_eq!(
            schedule.count_between(from, at("2027-01-01T00:00:00Z"), 50),
            50
        );
        assert_eq!(schedule.count_between(from, from, 50), 0);
        assert_eq!(
            schedule.count_between(from, at("2026-01-02T00:00:00Z"), 0),
            0
        );
    }

    #[test]
    fn a_calendar_lives_in_its_zone() {
        check(
            "0 9 * * mon-fri",
            Tz::UTC,
            "2026-01-02T10:00:00Z",
            &["2026-01-05T09:00:00Z", "2026-01-06T09:00:00Z"],
        );
        check(
            "0 9 * * mon-fri",
            BERLIN,
            "2026-01-02T10:00:00Z",
            &["2026-01-05T08:00:00Z", "2026-01-06T08:00:00Z"],
        );
        check(
            "0 0 * * *",
            Tz::Asia__Kathmandu,
            "2026-01-01T00:00:00Z",
            &["2026-01-01T18:15:00Z", "2026-01-02T18:15:00Z"],
        );
        check(
            "0 9 * * *",
            BERLIN,
            "2026-03-28T00:00:00Z",
            &[
                "2026-03-28T08:00:00Z",
                "2026-03-29T07:00:00Z",
                "2026-03-30T07:00:00Z",
            ],
        );
    }

    #[test]
    fn a_fixed_time_in_a_gap_is_the_first_instant_after_it() {
        check(
            "30 2 * * *",
            BERLIN,
            "2026-03-28T00:00:00Z",
            &[
                "2026-03-28T01:30:00Z",
                "2026-03-29T01:00:00Z",
                "2026-03-30T00:30:00Z",
            ],
        );
        check(
            "30 2 * * *",
            Tz::America__New_York,
            "2026-03-07T12:00:00Z",
            &["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"],
        );
        check(
            "15 2 * * *",
            Tz::Australia__Lord_Howe,
            "2026-10-03T00:00:00Z",
            &["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"],
        );
        check(
            "0 0 * * *",
            Tz::America__Sao_Paulo,
            "2018-11-03T12:00:00Z",
            &["2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"],
        );
    }

    #[test]
    fn fixed_times_that_fall_together_after_a_gap_are_one_slot() {
        check(
            "15,45 2,3 * * *",
            BERLIN,
            "2026-03-28T12:00:00Z",
            &[
                "2026-03-29T01:00:00Z",
                "2026-03-29T01:15:00Z",
                "2026-03-29T01:45:00Z",
                "2026-03-30T00:15:00Z",
            ],
        );
        check(
            "0 1-4 * * *",
            BERLIN,
            "2026-03-28T12:00:00Z",
            &[
                "2026-03-29T00:00:00Z",
                "2026-03-29T01:00:00Z",
                "2026-03-29T02:00:00Z",
                "2026-03-29T23:00:00Z",
            ],
        );
    }

    #[test]
    fn a_fixed_time_in_a_fold_happens_once() {
        check(
            "30 2 * * *",
            BERLIN,
            "2026-10-24T12:00:00Z",
            &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        );
        // asked between the two occurrences
        check(
            "30 2 * * *",
            BERLIN,
            "2026-10-25T00:45:00Z",
            &["2026-10-26T01:30:00Z"],
        );
        check(
            "30 1 * * *",
            Tz::America__New_York,
            "2026-10-31T12:00:00Z",
            &["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"],
        );
        check(
            "45 1 * * *",
            Tz::Australia__Lord_Howe,
            "2026-04-04T00:00:00Z",
            &["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"],
        );
        check(
            "30 23 * * *",
            Tz::America__Sao_Paulo,
            "2018-02-17T12:00:00Z",
            &["2018-02-18T01:30:00Z", "2018-02-19T02:30:00Z"],
        );
    }

    #[test]
    fn the_newest_fixed_slot_is_known_in_the_second_pass_of_a_fold() {
        let schedule = cron("30,50 2 * * *", BERLIN);
        assert_eq!(
            schedule.latest_at(at("2026-10-25T01:10:00Z")),
            Some(at("2026-10-25T00:50:00Z"))
        );
        assert_eq!(
            schedule.latest_at(at("2026-10-25T00:40:00Z")),
            Some(at("2026-10-25T00:30:00Z"))
        );
    }

    #[test]
    fn stars_and_steps_run_through_a_gap() {
        check(
            "*/30 * * * *",
            BERLIN,
            "2026-03-29T00:00:00Z",
            &[
                "2026-03-29T00:30:00Z",
                "2026-03-29T01:00:00Z",
                "2026-03-29T01:30:00Z",
            ],
        );
        check(
            "0 * * * *",
            BERLIN,
            "2026-03-28T23:30:00Z",
            &[
                "2026-03-29T00:00:00Z",
                "2026-03-29T01:00:00Z",
                "2026-03-29T02:00:00Z",
            ],
        );
        check(
            "0 */2 * * *",
            BERLIN,
            "2026-03-28T22:30:00Z",
            &["2026-03-28T23:00:00Z", "2026-03-29T02:00:00Z"],
        );
    }

    #[test]
    fn stars_and_steps_run_through_a_fold() {
        check(
            "*/30 * * * *",
            BERLIN,
            "2026-10-24T23:45:00Z",
            &[
                "2026-10-25T00:00:00Z",
                "2026-10-25T00:30:00Z",
                "2026-10-25T01:00:00Z",
                "2026-10-25T01:30:00Z",
                "2026-10-25T02:00:00Z",
            ],
        );
        check(
            "*/20 2 * * *",
            BERLIN,
            "2026-10-24T12:00:00Z",
            &[
                "2026-10-25T00:00:00Z",
                "2026-10-25T00:20:00Z",
                "2026-10-25T00:40:00Z",
                "2026-10-25T01:00:00Z",
                "2026-10-25T01:20:00Z",
                "2026-10-25T01:40:00Z",
                "2026-10-26T01:00:00Z",
            ],
        );
        check(
            "30 * * * *",
            Tz::Australia__Lord_Howe,
            "2026-04-04T14:00:00Z",
            &[
                "2026-04-04T14:30:00Z",
                "2026-04-04T15:00:00Z",
                "2026-04-04T16:00:00Z",
            ],
        );
    }

    #[test]
    fn the_second_pass_is_not_passed_over_for_next_year() {
        check(
            "*/30 2 25 10 *",
            BERLIN,
            "2026-10-25T00:40:00Z",
            &[
                "2026-10-25T01:00:00Z",
                "2026-10-25T01:30:00Z",
                "2027-10-25T00:00:00Z",
            ],
        );
    }

    #[test]
    fn two_passes_that_cross_midnight_stay_in_order() {
        // St John's set its clock back from 00:01 to 23:01
        check(
            "*/30 * * * *",
            Tz::America__St_Johns,
            "2010-11-07T01:45:00Z",
            &[
                "2010-11-07T02:00:00Z",
                "2010-11-07T02:30:00Z",
                "2010-11-07T03:00:00Z",
                "2010-11-07T03:30:00Z",
                "2010-11-07T04:00:00Z",
            ],
        );
    }

    #[test]
    fn leap_days_and_the_year_2038_are_ordinary() {
        check(
            "0 12 29 2 *",
            BERLIN,
            "2027-01-01T00:00:00Z",
            &["2028-02-29T11:00:00Z", "2032-02-29T11:00:00Z"],
        );
        check(
            "0 0 * * *",
            Tz::UTC,
            "2038-01-18T12:00:00Z",
            &["2038-01-19T00:00:00Z", "2038-01-20T00:00:00Z"],
        );
    }

    #[test]
    fn a_calendar_ends_with_the_year_2100() {
        let new_year = at("2100-01-01T00:00:00Z");
        let schedule = cron("0 0 1 1 *", Tz::UTC);
        assert_eq!(
            schedule.next_after(new_year.minus(Duration::from_millis(1))),
            Some(new_year)
        );
        assert_eq!(schedule.next_after(new_year), None);
        assert_eq!(
            schedule.latest_at(at("2150-01-01T00:00:00Z")),
            Some(new_year)
        );
    }

    #[test]
    fn the_shortest_gap_leaves_clock_changes_out() {
        assert_eq!(
            cron("0 0-23 * * *", Tz::Australia__Lord_Howe).shortest_gap(),
            Duration::from_secs(3600)
        );
        assert_eq!(
            cron("0 9 * * 1", BERLIN).shortest_gap(),
            Duration::from_secs(7 * 86_400)
        );
    }

    #[test]
    fn the_ends_of_time_do_not_panic() {
        for schedule in [
            every(60, "Load"),
            cron("* * * * *", BERLIN),
            cron("0 9 29 2 *", BERLIN),
        ] {
            for millis in [i64::MIN, i64::MIN / 2, 0, i64::MAX / 2, i64::MAX] {
                let at = Timestamp::from_millis(millis);
                let _ = (
                    schedule.next_after(at),
                    schedule.latest_at(at),
                    schedule.period_before(at),
                );
                let _ = schedule.count_between(at, at.plus(Duration::from_secs(3600)), 10);
            }
        }
    }

    #[test]
    fn schedules_that_mean_the_same_are_equal() {
        assert_eq!(cron("0 9 * * mon-fri", BERLIN), cron("0 9 * * 1-5", BERLIN));
        assert_ne!(cron("0 9 * * *", BERLIN), cron("0 9 * * *", Tz::UTC));
    }

    /// Instants around clock changes of the zones that the tests name.
    fn changes() -> impl Strategy<Value = (Tz, i64)> {
        prop::sample::select(vec![
            (BERLIN, 1_774_746_000_i64),
            (BERLIN, 1_792_890_000),
            (Tz::America__New_York, 1_772_953_200),
            (Tz::America__New_York, 1_793_512_800),
            (Tz::Australia__Lord_Howe, 1_775_314_800),
            (Tz::Australia__Lord_Howe, 1_791_041_400),
            (Tz::America__Sao_Paulo, 1_541_300_400),
            (Tz::America__Sao_Paulo, 1_518_919_200),
            (Tz::America__St_Johns, 1_289_097_060),
            (Tz::Antarctica__Casey, 1_267_714_800),
            (Tz::Asia__Kathmandu, 1_774_746_000),
        ])
        .prop_flat_map(|(zone, change)| (Just(zone), change - 40_000..change + 40_000))
    }

    fn expressions() -> impl Strategy<Value = String> {
        let minute = prop::sample::select(vec!["*", "*/7", "0", "30", "5,40", "10-20", "0-59/15"]);
        let hour = prop::sample::select(vec!["*", "*/2", "1", "2", "0,23", "1-3", "0-23"]);
        (minute, hour).prop_map(|(minute, hour)| format!("{minute} {hour} * * *"))
    }

    /// Every slot around `centre`, found by looking at each minute there is.
    fn by_looking(expression: &str, zone: Tz, centre: i64) -> Vec<Timestamp> {
        let calendar = Calendar::parse(expression).unwrap();
        let mut slots = std::collections::BTreeSet::new();
        for minute in -3500..=3500 {
            let at = Timestamp::from_secs((centre / 60 + minute) * 60);
            if calendar.repeats() {
                let shown = zone::local(&zone.into(), at).unwrap();
                if calendar.fires(shown) {
                    slots.insert(at);
                }
            } else {
                let time = at.to_utc().unwrap().naive_utc();
                if calendar.fires(time) {
                    slots.insert(zone::first_or_after_gap(&zone.into(), time).unwrap());
                }
            }
        }
        slots.into_iter().collect()
    }

    proptest! {
        #[test]
        fn slots_near_clock_changes_are_those_found_by_looking(
            (zone, at) in changes(), expression in expressions(), millis in 0..1000_i64,
        ) {
            let slots = by_looking(&expression, zone, at);
            let schedule = cron(&expression, zone);
            let at = Timestamp::from_millis(at * 1000 + millis);
            prop_assert_eq!(schedule.next_after(at), slots.iter().copied().find(|slot| *slot > at));
            prop_assert_eq!(schedule.latest_at(at), slots.iter().rev().copied().find(|slot| *slot <= at));
        }

        #[test]
        fn next_and_latest_fit_together(
            seconds in 1..2_678_400_u64, name in "[a-z]{1,8}", millis in -4_000_000_000_000..4_000_000_000_000_i64,
        ) {
            let schedule = every(seconds, &name);
            let at = Timestamp::from_millis(millis);
            let (latest, next) = (schedule.latest_at(at).unwrap(), schedule.next_after(at).unwrap());
            prop_assert!(latest <= at && at < next);
            prop_assert_eq!(next.since(latest), Duration::from_secs(seconds));
            prop_assert_eq!(schedule.count_between(latest, next, 9), 1);
        }
    }
}
