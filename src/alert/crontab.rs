//! The five fields of crontab(5), on a calendar without a time zone.
//!
//! The times themselves are found by the crate `cron`; here its notation is
//! written from crontab(5)'s. It wants seconds first, counts Sunday as 1, knows
//! other nicknames, and lets two restricted day fields match only together, so
//! that such an expression becomes two schedules and fires when either does.
//!
//! What the wall clock does to these times when it is changed is `schedule.rs`'
//! business: the crate walks in UTC, where every day has 24 hours, and what it
//! finds is read as wall-clock time. Its years are 1970 to 2100: outside of them
//! nothing fires. That bounds the search, also for what hardly ever fires.

use std::collections::BTreeSet;
use std::iter;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeDelta, Timelike, Utc};
use cron::TimeUnitSpec;

/// The years that the crate `cron` knows.
const FIRST_YEAR: i32 = 1970;
const LAST_YEAR: i32 = 2100;

/// Years after which days of the week and leap days have met in every way, within
/// the years above.
const CYCLE: i32 = 28;

const MINUTES_OF_DAY: u32 = 24 * 60;

/// When an expression fires.
#[derive(Clone, Debug)]
pub(super) struct Calendar {
    /// One, or two that differ in their days; each fires some time.
    schedules: Vec<cron::Schedule>,
    /// Whether minute or hour hold `*` or a step.
    repeats: bool,
}

impl PartialEq for Calendar {
    /// By what the schedules mean; the crate compares how they are spelled.
    fn eq(&self, other: &Self) -> bool {
        self.repeats == other.repeats
            && self.schedules.len() == other.schedules.len()
            && iter::zip(&self.schedules, &other.schedules)
                .all(|(one, other)| one.timeunitspec_eq(other))
    }
}

/// One of the five.
struct Field {
    name: &'static str,
    least: u32,
    greatest: u32,
    /// Names of the values from `least` on.
    names: &'static [&'static str],
}

const MINUTE: Field = Field {
    name: "minute",
    least: 0,
    greatest: 59,
    names: &[],
};
const HOUR: Field = Field {
    name: "hour",
    least: 0,
    greatest: 23,
    names: &[],
};
const DAY: Field = Field {
    name: "day of month",
    least: 1,
    greatest: 31,
    names: &[],
};
const MONTH: Field = Field {
    name: "month",
    least: 1,
    greatest: 12,
    names: &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
};
/// 7 is Sunday too.
const WEEKDAY: Field = Field {
    name: "day of week",
    least: 0,
    greatest: 7,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};

impl Calendar {
    /// Reads five fields, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
    ///
    /// # Errors
    ///
    /// Names the field and what it may hold; an expression that never fires is one.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let spelled = match text.strip_prefix('@') {
            None => text,
            Some(name) => nickname(name).ok_or_else(|| {
                format!(
                    "`{text}` is no schedule: expected five fields, `@hourly`, `@daily`, \
                     `@weekly`, `@monthly` or `@yearly`"
                )
            })?,
        };
        let calendar =
            Self::fields(spelled).map_err(|why| format!("`{text}` is no schedule: {why}"))?;
        if calendar.schedules.is_empty() {
            return Err(format!(
                "`{text}` never fires: no month it names has such a day"
            ));
        }
        Ok(calendar)
    }

    fn fields(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let &[minute, hour, day, month, weekday] = fields.as_slice() else {
            let advice = if fields.len() == 6 {
                "; leave the seconds out"
            } else {
                ""
            };
            return Err(format!(
                "it has {} fields, expected 5 (minute, hour, day of month, month, day of week){advice}",
                fields.len()
            ));
        };
        let repeats = |field: &str| field.contains(['*', '/']);
        // a field that starts with `*` is not restricted, even `*/2`: crontab(5)
        let either_day = !day.starts_with('*') && !weekday.starts_with('*');
        let time = format!("0 {} {}", MINUTE.translate(minute)?, HOUR.translate(hour)?);
        let (day, month) = (DAY.translate(day)?, MONTH.translate(month)?);
        let weekday = WEEKDAY.translate(weekday)?;
        let spelled = if either_day {
            vec![
                format!("{time} {day} {month} *"),
                format!("{time} * {month} {weekday}"),
            ]
        } else {
            vec![format!("{time} {day} {month} {weekday}")]
        };
        let mut schedules = spelled
            .iter()
            .map(|spelled| cron::Schedule::from_str(spelled).map_err(|error| error.to_string()))
            .collect::<Result<Vec<_>, _>>()?;
        // one that never fires would be searched to the last year at every question
        schedules.retain(|schedule| schedule.after(&DateTime::UNIX_EPOCH).next().is_some());
        Ok(Self {
            schedules,
            repeats: repeats(minute) || repeats(hour),
        })
    }

    /// Whether it fires all the time rather than at fixed times: minute or hour hold
    /// `*` or a step. Then it keeps its rhythm when clocks change, as cron(8) does.
    pub fn repeats(&self) -> bool {
        self.repeats
    }

    /// The first time strictly after `time`; `None` when that is later than 2100.
    pub fn next_after(&self, time: NaiveDateTime) -> Option<NaiveDateTime> {
        // the crate takes years before 0 and after 262,000 badly
        let from = match time.year() {
            ..FIRST_YEAR => DateTime::UNIX_EPOCH.checked_sub_signed(TimeDelta::seconds(1))?,
            FIRST_YEAR..=LAST_YEAR => time.and_utc(),
            _ => return None,
        };
        self.schedules
            .iter()
            .filter_map(|schedule| schedule.after(&from).next())
            .min()
            .map(|time| time.naive_utc())
    }

    /// The last time at or before `time`; `None` when that is before 1970.
    pub fn latest_at(&self, time: NaiveDateTime) -> Option<NaiveDateTime> {
        let last = match time.year() {
            ..FIRST_YEAR => return None,
            FIRST_YEAR..=LAST_YEAR => time,
            // later ones send the crate to the same month of its last year
            _ => NaiveDate::from_ymd_opt(LAST_YEAR, 12, 31)?.and_hms_opt(23, 59, 0)?,
        };
        // it looks strictly before a whole second, and at or before a broken one
        let before: DateTime<Utc> = last
            .with_nanosecond(0)?
            .checked_add_signed(TimeDelta::seconds(1))?
            .and_utc();
        self.schedules
            .iter()
            .filter_map(|schedule| schedule.after(&before).next_back())
            .max()
            .map(|time| time.naive_utc())
    }

    /// The shortest distance between two times.
    pub fn shortest_gap(&self) -> Duration {
        // two schedules differ only in their days
        let minutes: Vec<u32> = self.schedules.first().map_or_else(Vec::new, |schedule| {
            let hours = schedule.hours().iter();
            hours
                .flat_map(|hour| {
                    schedule
                        .minutes()
                        .iter()
                        .map(move |minute| 60 * hour + minute)
                })
                .collect()
        });
        let within = minutes
            .iter()
            .zip(minutes.iter().skip(1))
            .map(|(a, b)| u64::from(b - a))
            .min();
        let overnight = match (minutes.first(), minutes.last()) {
            (Some(first), Some(last)) => u64::from(MINUTES_OF_DAY + first - last),
            _ => 0,
        };
        let days_between = self.fewest_days_between().saturating_sub(1);
        let across = days_between * u64::from(MINUTES_OF_DAY) + overnight;
        Duration::from_secs(60 * within.map_or(across, |within| within.min(across)))
    }

    /// The fewest days from one day that fires to the next.
    fn fewest_days_between(&self) -> u64 {
        let after = |day: NaiveDate| Some(self.next_after(day.and_hms_opt(23, 59, 0)?)?.date());
        let mut fewest = u64::MAX;
        let mut day = after(DateTime::UNIX_EPOCH.date_naive());
        while let Some(this) = day.filter(|day| fewest > 1 && day.year() <= FIRST_YEAR + CYCLE) {
            day = after(this);
            let days = day.and_then(|next| u64::try_from((next - this).num_days()).ok());
            fewest = days.unwrap_or(fewest).min(fewest);
        }
        fewest
    }

    /// Says whether it fires at `time`, for tests that look at every minute.
    #[cfg(test)]
    pub fn fires(&self, time: NaiveDateTime) -> bool {
        self.schedules
            .iter()
            .any(|schedule| schedule.includes(time.and_utc()))
    }
}

fn nickname(name: &str) -> Option<&'static str> {
    match name {
        "hourly" => Some("0 * * * *"),
        "daily" | "midnight" => Some("0 0 * * *"),
        "weekly" => Some("0 0 * * 0"),
        "monthly" => Some("0 0 1 * *"),
        "yearly" | "annually" => Some("0 0 1 1 *"),
        _ => None,
    }
}

impl Field {
    /// The field in the notation of the crate `cron`: a list such as `1-5,10,*/20`
    /// becomes the numbers it stands for, so that only numbers have to be translated.
    fn translate(&self, text: &str) -> Result<String, String> {
        if text == "*" {
            return Ok(text.to_owned());
        }
        let mut numbers = BTreeSet::new();
        for item in text.split(',') {
            numbers.extend(self.item(item)?.map(|value| self.ordinal(value)));
        }
        let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
        Ok(numbers.join(","))
    }

    /// The number that the crate has for `value`: its week is 1 (Sunday) to 7.
    fn ordinal(&self, value: u32) -> u32 {
        if self.greatest == WEEKDAY.greatest {
            value % 7 + 1
        } else {
            value
        }
    }

    /// The values of one item of the list.
    fn item(&self, item: &str) -> Result<impl Iterator<Item = u32> + use<>, String> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (item, None),
        };
        let (low, high) = match range.split_once('-') {
            _ if range == "*" => (self.least, self.greatest),
            Some((low, high)) => self.range(low, high)?,
            None if step.is_some() => {
                return Err(format!(
                    "the step of `{item}` wants a range: write `{range}-{}/{}` or `*/{}`",
                    self.greatest,
                    step.unwrap_or_default(),
                    step.unwrap_or_default()
                ));
            }
            None => {
                let value = self.value(range)?;
                (value, value)
            }
        };
        let step = match step.map(number) {
            None => 1,
            Some(Some(step)) if step > 0 => step,
            Some(_) => return Err(format!("the step of `{item}` is no number above 0")),
        };
        let count = usize::try_from(step).unwrap_or(usize::MAX);
        Ok((low..=high).step_by(count))
    }

    fn range(&self, low: &str, high: &str) -> Result<(u32, u32), String> {
        let (from, mut to) = (self.value(low)?, self.value(high)?);
        // a week may end with Sunday
        if self.greatest == WEEKDAY.greatest && to == 0 && from > 0 {
            to = WEEKDAY.greatest;
        }
        if from > to {
            return Err(format!(
                "`{low}-{high}` runs backwards: write `{low}-{},{}-{high}`",
                self.greatest, self.least
            ));
        }
        Ok((from, to))
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        let named = self
            .names
            .iter()
            .position(|name| name.eq_ignore_ascii_case(text));
        named
            .and_then(|place| u32::try_from(place).ok())
            .map(|place| place + self.least)
            .or_else(|| number(text))
            .filter(|value| (self.least..=self.greatest).contains(value))
            .ok_or_else(|| {
                let or_name = match (self.names.first(), self.names.last()) {
                    (Some(first), Some(last)) => format!(", or {first} to {last}"),
                    _ => String::new(),
                };
                format!(
                    "`{text}` is no {}: expected {} to {}{or_name}",
                    self.name, self.least, self.greatest
                )
            })
    }
}

/// Digits only; `u32` alone would take a sign.
fn number(text: &str) -> Option<u32> {
    if text.chars().all(|c| c.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]
    use super::*;
    use proptest::prelude::*;

    fn calendar(text: &str) -> Calendar {
        Calendar::parse(text).unwrap_or_else(|error| panic!("{error}"))
    }

    fn time(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap()
    }

    /// The first `expected.len()` times after `from`.
    fn check(text: &str, from: &str, expected: &[&str]) {
        let calendar = calendar(text);
        let mut now = time(from);
        for expected in expected {
            let next = calendar.next_after(now).unwrap();
            assert_eq!(next, time(expected), "{text} after {now}");
            assert_eq!(calendar.latest_at(next), Some(next));
            now = next;
        }
    }

    fn refused(text: &str, part: &str) {
        let error = Calendar::parse(text).unwrap_err();
        assert!(error.starts_with(&format!("`{text}`")), "{error}");
        assert!(error.contains(part), "{error}");
    }

    #[test]
    fn fixed_times_lists_ranges_and_steps() {
        check(
            "30 9 * * *",
            "2026-01-01 09:30",
            &["2026-01-02 09:30", "2026-01-03 09:30"],
        );
        check(
            "0,30 9-10 * * *",
            "2026-01-01 00:00",
            &["2026-01-01 09:00", "2026-01-01 09:30", "2026-01-01 10:00"],
        );
        check(
            "*/25 * * * *",
            "2026-01-01 00:00",
            &["2026-01-01 00:25", "2026-01-01 00:50", "2026-01-01 01:00"],
        );
        check(
            "0 8-18/4 * * *",
            "2026-01-01 00:00",
            &[
                "2026-01-01 08:00",
                "2026-01-01 12:00",
                "2026-01-01 16:00",
                "2026-01-02 08:00",
            ],
        );
        check(
            "5-7,20-59/20 0 * * *",
            "2026-01-01 00:00",
            &[
                "2026-01-01 00:05",
                "2026-01-01 00:06",
                "2026-01-01 00:07",
                "2026-01-01 00:20",
                "2026-01-01 00:40",
            ],
        );
    }

    #[test]
    fn zero_seven_and_sun_are_sunday_and_one_is_monday() {
        // 2026-01-04 was a Sunday
        for text in [
            "0 0 * * 0",
            "0 0 * * 7",
            "0 0 * * sun",
            "0 0 * * SUN",
            "@weekly",
        ] {
            check(
                text,
                "2026-01-01 00:00",
                &["2026-01-04 00:00", "2026-01-11 00:00"],
            );
        }
        for text in ["0 0 * * 1", "0 0 * * Mon"] {
            check(text, "2026-01-01 00:00", &["2026-01-05 00:00"]);
        }
    }

    #[test]
    fn a_range_of_days_may_end_with_sunday() {
        for text in [
            "0 0 * * sat-sun",
            "0 0 * * 6-7",
            "0 0 * * 6-0",
            "0 0 * * 6,0",
        ] {
            check(
                text,
                "2026-01-01 00:00",
                &["2026-01-03 00:00", "2026-01-04 00:00", "2026-01-10 00:00"],
            );
        }
    }

    #[test]
    fn months_have_names() {
        check(
            "0 0 1 feb,Dec *",
            "2026-01-01 00:00",
            &["2026-02-01 00:00", "2026-12-01 00:00", "2027-02-01 00:00"],
        );
    }

    #[test]
    fn two_restricted_day_fields_match_either() {
        // Friday the 2nd and 9th, the 13th was a Tuesday
        check(
            "0 0 13 * 5",
            "2026-01-01 00:00",
            &[
                "2026-01-02 00:00",
                "2026-01-09 00:00",
                "2026-01-13 00:00",
                "2026-01-16 00:00",
            ],
        );
    }

    #[test]
    fn a_day_field_that_starts_with_a_star_is_not_restricted() {
        // odd days that are Mondays: the 5th and 19th
        check(
            "0 0 */2 * 1",
            "2026-01-01 00:00",
            &["2026-01-05 00:00", "2026-01-19 00:00"],
        );
        // the 13th where it is a Sunday, Tuesday, Thursday or Saturday
        check(
            "0 0 13 * */2",
            "2026-01-01 00:00",
            &["2026-01-13 00:00", "2026-06-13 00:00"],
        );
    }

    #[test]
    fn nicknames_stand_for_their_fields() {
        check("@hourly", "2026-01-01 00:30", &["2026-01-01 01:00"]);
        check("@daily", "2026-01-01 00:30", &["2026-01-02 00:00"]);
        check("@midnight", "2026-01-01 00:30", &["2026-01-02 00:00"]);
        check("@monthly", "2026-01-01 00:30", &["2026-02-01 00:00"]);
        check("@yearly", "2026-01-01 00:30", &["2027-01-01 00:00"]);
        check("@annually", "2026-01-01 00:30", &["2027-01-01 00:00"]);
        refused("@reboot", "expected five fields");
    }

    #[test]
    fn what_hardly_ever_fires_is_found_years_away() {
        check(
            "0 0 29 2 *",
            "2026-01-01 00:00",
            &["2028-02-29 00:00", "2032-02-29 00:00"],
        );
        // 29 February on a Sunday
        check(
            "0 0 29 2 */7",
            "2026-01-01 00:00",
            &["2032-02-29 00:00", "2060-02-29 00:00", "2088-02-29 00:00"],
        );
        assert_eq!(
            calendar("0 0 29 2 */7").latest_at(time("2060-02-28 23:59")),
            Some(time("2032-02-29 00:00"))
        );
    }

    #[test]
    fn nothing_fires_before_1970_and_after_2100() {
        let calendar = calendar("30 6 * 3 *");
        let (first, last) = (time("1970-03-01 06:30"), time("2100-03-31 06:30"));
        for before in [
            NaiveDateTime::MIN,
            time("1000-05-05 12:00"),
            time("1969-12-31 23:59"),
        ] {
            assert_eq!(calendar.next_after(before), Some(first));
            assert_eq!(calendar.latest_at(before), None);
        }
        for after in [
            NaiveDateTime::MAX,
            time("2101-01-01 00:00"),
            time("3000-02-01 00:00"),
        ] {
            assert_eq!(calendar.next_after(after), None);
            assert_eq!(calendar.latest_at(after), Some(last));
        }
        assert_eq!(calendar.next_after(last), None);
        assert_eq!(calendar.latest_at(first), Some(first));
    }

    #[test]
    fn the_first_and_the_last_minute_of_the_known_years_fire() {
        let (first, last) = (time("1970-01-01 00:00"), time("2100-12-31 23:59"));
        let calendar = calendar("* * * * *");
        assert_eq!(calendar.next_after(NaiveDateTime::MIN), Some(first));
        assert_eq!(calendar.latest_at(first), Some(first));
        assert_eq!(calendar.next_after(time("2100-12-31 23:58")), Some(last));
        assert_eq!(
            calendar.latest_at(last + TimeDelta::seconds(59)),
            Some(last)
        );
    }

    #[test]
    fn a_broken_second_belongs_to_its_minute() {
        let calendar = calendar("* * * * *");
        let (this, next) = (time("2026-01-01 00:00"), time("2026-01-01 00:01"));
        for millis in [0, 1, 999, 1000, 59_000, 59_001, 59_999] {
            let at = this + TimeDelta::milliseconds(millis);
            assert_eq!(calendar.latest_at(at), Some(this), "{at}");
            assert_eq!(calendar.next_after(at), Some(next), "{at}");
        }
    }

    #[test]
    fn two_day_fields_of_which_one_never_comes_are_the_other() {
        assert_eq!(calendar("0 0 30 2 5"), calendar("0 0 * 2 5"));
    }

    #[test]
    fn a_step_longer_than_the_field_is_its_first_value() {
        assert_eq!(calendar("0-59/60 9 * * *"), calendar("0-0/1 9 * * *"));
        check(
            "*/4294967295 0-23/24 * * *",
            "2026-01-01 00:00",
            &["2026-01-02 00:00"],
        );
        refused("*/4294967296 * * * *", "is no number above 0");
    }

    #[test]
    fn calendars_that_mean_the_same_are_equal() {
        assert_eq!(
            calendar("*/30 0 * * *"),
            calendar("0,30,30 */24 * jan-12 *")
        );
        assert_eq!(calendar("0 0 * * 0"), calendar("@weekly"));
        assert_eq!(calendar("0 0 13 * fri"), calendar("0 0 13,13 * 5"));
        assert_ne!(calendar("0 0 13 * 5"), calendar("0 0 13 * *"));
        assert_ne!(calendar("0 0 13 * 5"), calendar("0 0 13 * 4"));
        // the same times, but not the same when clocks change
        assert_ne!(calendar("0,30 0 * * *"), calendar("*/30 0 * * *"));
    }

    #[test]
    fn what_never_fires_is_refused() {
        refused("0 0 30 2 *", "never fires");
        refused("0 0 31 4,6,9,11 *", "never fires");
    }

    #[test]
    fn faults_name_the_field_and_what_it_may_hold() {
        refused("60 * * * *", "`60` is no minute: expected 0 to 59");
        refused("0 24 * * *", "`24` is no hour: expected 0 to 23");
        refused("0 0 0 * *", "`0` is no day of month: expected 1 to 31");
        refused(
            "0 0 * 13 *",
            "`13` is no month: expected 1 to 12, or jan to dec",
        );
        refused(
            "0 0 * * 8",
            "`8` is no day of week: expected 0 to 7, or sun to sat",
        );
        refused("0 0 * * monday", "`monday` is no day of week");
        refused("0 0 L * *", "`L` is no day of month");
        refused("-1 * * * *", "`` is no minute");
        refused("+1 * * * *", "`+1` is no minute");
        refused("1, * * * *", "`` is no minute");
        refused("*/0 * * * *", "the step of `*/0` is no number above 0");
        refused("*/x * * * *", "the step of `*/x` is no number above 0");
        refused("5/15 * * * *", "write `5-59/15` or `*/15`");
        refused("0 22-6 * * *", "`22-6` runs backwards: write `22-23,0-6`");
        refused(
            "0 0 * * fri-mon",
            "`fri-mon` runs backwards: write `fri-7,0-mon`",
        );
    }

    #[test]
    fn the_advice_for_a_backward_range_can_be_followed() {
        check(
            "0 0 * * fri-7,0-mon",
            "2026-01-01 00:00",
            &[
                "2026-01-02 00:00",
                "2026-01-03 00:00",
                "2026-01-04 00:00",
                "2026-01-05 00:00",
                "2026-01-09 00:00",
            ],
        );
    }

    #[test]
    fn a_wrong_number_of_fields_is_counted() {
        refused("* * * *", "it has 4 fields, expected 5");
        refused(
            "0 * * * * *",
            "it has 6 fields, expected 5 (minute, hour, day of month, month, day of week); leave the seconds out",
        );
        refused("", "it has 0 fields");
    }

    #[test]
    fn stars_and_steps_in_minute_or_hour_repeat() {
        for (text, repeats) in [
            ("* * * * *", true),
            ("30 * * * *", true),
            ("*/10 2 * * *", true),
            ("0 0-23/2 * * *", true),
            ("30 2 * * *", false),
            ("0,30 1-3 * * *", false),
            ("0 0 */2 * *", false),
        ] {
            assert_eq!(calendar(text).repeats(), repeats, "{text}");
        }
    }

    #[test]
    fn the_shortest_gap_is_found_within_days_and_across_them() {
        let minutes = |text: &str| calendar(text).shortest_gap().as_secs() / 60;
        assert_eq!(minutes("* * * * *"), 1);
        assert_eq!(minutes("*/25 * * * *"), 10);
        assert_eq!(minutes("0 * * * *"), 60);
        assert_eq!(minutes("0 9,18 * * *"), 9 * 60);
        assert_eq!(minutes("0 1,23 * * *"), 2 * 60);
        assert_eq!(minutes("0 1,23 * * mon"), 22 * 60);
        assert_eq!(minutes("30 6 * * *"), 24 * 60);
        assert_eq!(minutes("0 0 * * mon"), 7 * 24 * 60);
        assert_eq!(minutes("0 0 1 * *"), 28 * 24 * 60);
        assert_eq!(minutes("0 0 1 1 *"), 365 * 24 * 60);
    }

    /// A field as text and the values it names.
    fn field(least: u32, greatest: u32) -> impl Strategy<Value = (String, Vec<u32>)> {
        let listed = move |values: Vec<u32>| {
            let text: Vec<String> = values.iter().map(u32::to_string).collect();
            (text.join(","), values)
        };
        let values = |low: u32, high: u32, step: usize| (low..=high).step_by(step).collect();
        prop_oneof![
            Just(("*".to_owned(), values(least, greatest, 1))),
            prop::collection::vec(least..=greatest, 1..4).prop_map(listed),
            (1..70_usize)
                .prop_map(move |step| (format!("*/{step}"), values(least, greatest, step))),
            (least..=greatest, least..=greatest, 1..9_usize).prop_map(move |(a, b, step)| {
                let (low, high) = (a.min(b), a.max(b));
                (format!("{low}-{high}/{step}"), values(low, high, step))
            }),
        ]
    }

    /// A field whose values have names.
    fn named(
        least: u32,
        names: &'static [&'static str],
    ) -> impl Strategy<Value = (String, Vec<u32>)> {
        (0..names.len(), 0..names.len()).prop_map(move |(a, b)| {
            let (low, high) = (a.min(b), a.max(b));
            let values = least + low as u32..=least + high as u32;
            (
                format!("{}-{}", names[low], names[high].to_uppercase()),
                values.collect(),
            )
        })
    }

    /// Minutes that fit crontab(5)'s five fields, found by looking at each.
    fn by_looking<'a>(
        fields: &'a [(String, Vec<u32>); 5],
        days: impl Iterator<Item = NaiveDate> + 'a,
        minutes: impl Iterator<Item = u32> + Clone + 'a,
    ) -> impl Iterator<Item = NaiveDateTime> + 'a {
        let [minute, hour, day, month, weekday] = fields;
        let open = |field: &(String, Vec<u32>)| field.0.starts_with('*');
        let either = !open(day) && !open(weekday);
        days.filter(move |date| {
            let from_sunday = date.weekday().num_days_from_sunday();
            let by_day = day.1.contains(&date.day());
            let by_weekday = weekday.1.iter().any(|value| value % 7 == from_sunday);
            let fits = [by_day, by_weekday].into_iter().filter(|fits| *fits);
            fits.count() >= if either { 1 } else { 2 } && month.1.contains(&date.month())
        })
        .flat_map(move |date| minutes.clone().map(move |of_day| (date, of_day)))
        .filter(|(_, of_day)| hour.1.contains(&(of_day / 60)) && minute.1.contains(&(of_day % 60)))
        .map(|(date, of_day)| date.and_hms_opt(of_day / 60, of_day % 60, 0).unwrap())
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*", near in "[-*/,0-9a-z@ ]{0,24}") {
            let _ = Calendar::parse(&text);
            let _ = Calendar::parse(&near);
        }

        #[test]
        fn times_are_those_found_by_looking_at_every_minute(
            minute in field(0, 59), hour in field(0, 23), day in field(1, 31),
            month in prop_oneof![2 => field(1, 12), 1 => named(1, MONTH.names)],
            weekday in prop_oneof![2 => field(0, 7), 1 => named(0, WEEKDAY.names)],
            seconds in 0..3_100_000_000_i64,
        ) {
            let fields = [minute, hour, day, month, weekday];
            let text: Vec<&str> = fields.iter().map(|field| field.0.as_str()).collect();
            let at = DateTime::from_timestamp(seconds, 0).unwrap().naive_utc();
            // 29 February on a given day of the week comes every 28 years
            let forth = at.date().iter_days().take(29 * 366);
            let next = by_looking(&fields, forth, 0..MINUTES_OF_DAY).find(|time| *time > at);
            let back = std::iter::successors(Some(at.date()), NaiveDate::pred_opt)
                .take_while(|date| date.year() >= FIRST_YEAR);
            let latest = by_looking(&fields, back, (0..MINUTES_OF_DAY).rev()).find(|time| *time <= at);
            match Calendar::parse(&text.join(" ")) {
                Ok(calendar) => {
                    prop_assert!(next.is_some());
                    prop_assert_eq!(calendar.next_after(at), next);
                    prop_assert_eq!(calendar.latest_at(at), latest);
                    prop_assert_eq!(next.and_then(|next| calendar.latest_at(next)), next);
                }
                Err(error) => {
                    prop_assert!(error.contains("never fires"), "{}", error);
                    prop_assert_eq!(next, None);
                }
            }
        }
    }
}
