//! The hours in which new things are told: `Mon-Fri 09:00-18:00`.
//!
//! Hours are those of the wall clock: in a night that has an hour twice both
//! are covered, in one that skips it there is nothing to cover. Hours that pass
//! midnight belong to the day they start. What is told when they begin is
//! decided elsewhere; here is only whether, and when that changes.

use std::time::Duration;

use chrono::{Datelike, Days, NaiveDateTime, NaiveTime, TimeDelta, Timelike};

use super::time::Timestamp;
use super::zone::{self, Zone};

const DAY: u32 = 24 * 60;

/// How far [`Active::next_change`] looks: a week and the wrap of its last day.
const HORIZON: Duration = Duration::from_secs(8 * 86_400);

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Standing hours in which new things are told.
#[derive(Clone, Debug, PartialEq)]
pub struct Active {
    spans: Vec<Span>,
    zone: Zone,
}

/// One entry of the list.
#[derive(Clone, Debug, PartialEq)]
struct Span {
    /// The days on which it starts, Monday first.
    days: [bool; 7],
    /// Minute of the day.
    start: u32,
    /// Minute counted from the same midnight, so above [`DAY`] where it passes the next.
    end: u32,
}

impl Active {
    /// Reads `Mon-Fri 09:00-18:00, Sat 10:00-12:00` in `zone`; without days it is every day.
    ///
    /// # Errors
    ///
    /// Quotes the entry and says what was expected.
    pub fn parse(text: &str, zone: Zone) -> Result<Self, String> {
        let spans = text
            .split(',')
            .map(|entry| Span::parse(entry.trim()))
            .collect::<Result<_, _>>()?;
        Ok(Self { spans, zone })
    }

    /// Says whether `at` lies in the hours.
    pub fn covers(&self, at: Timestamp) -> bool {
        // an instant beyond the calendar silences nobody
        zone::local(&self.zone, at)
            .is_none_or(|shown| self.spans.iter().any(|span| span.covers(shown)))
    }

    /// Says whether `at` lies in the hours, and until when that is so at least.
    pub fn lasts(&self, at: Timestamp) -> (bool, Timestamp) {
        let until = self.next_change(at).unwrap_or(at.plus(HORIZON));
        (self.covers(at), until)
    }

    /// The next instant strictly after `at` at which the answer of `covers`
    /// changes; `None` if never within eight days.
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        let now = self.covers(at);
        let horizon = at.plus(HORIZON);
        let next = |at: &Timestamp| self.next_candidate(*at, horizon);
        std::iter::successors(next(&at), next).find(|candidate| self.covers(*candidate) != now)
    }

    /// The next instant at which the wall clock passes an end of a span, or is changed.
    fn next_candidate(&self, at: Timestamp, horizon: Timestamp) -> Option<Timestamp> {
        let shown = zone::local(&self.zone, at)?;
        let offset = zone::offset(&self.zone, at)?;
        let changed = |at| zone::offset(&self.zone, at).is_some_and(|now| now != offset);
        let end = self
            .spans
            .iter()
            .filter_map(|span| span.next_end(shown))
            .min();
        let end = end
            .and_then(|end| zone::instant(end, offset))
            .unwrap_or(horizon)
            .min(horizon);
        zone::turning_point(at, end, changed)
            .or(Some(end))
            .filter(|candidate| at < *candidate && *candidate < horizon)
    }
}

impl Span {
    fn parse(entry: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{entry}` is no span of hours: {why}");
        let begin = entry
            .find(|c: char| c.is_ascii_digit())
            .ok_or_else(|| wrong("expected such as `Mon-Fri 09:00-18:00` or `22:00-06:00`"))?;
        let (days, hours) = entry.split_at(begin);
        let days = days_of(days.trim()).map_err(|why| wrong(&why))?;
        let (start, end) = hours
            .split_once('-')
            .ok_or_else(|| wrong("expected a start and an end, such as `09:00-18:00`"))?;
        let start = minute(start.trim()).map_err(|why| wrong(&why))?;
        let end = minute(end.trim()).map_err(|why| wrong(&why))?;
        if start == DAY {
            return Err(wrong(
                "`24:00` can only be an end, the start of the next day is `00:00`",
            ));
        }
        if start == end {
            return Err(wrong(
                "start and end are equal, the whole day is `00:00-24:00`",
            ));
        }
        Ok(Self {
            days,
            start,
            end: if end > start { end } else { end + DAY },
        })
    }

    fn covers(&self, shown: NaiveDateTime) -> bool {
        let minute = shown.hour() * 60 + shown.minute();
        let today = shown.weekday().num_days_from_monday();
        let within = |minute| (self.start..self.end).contains(&minute);
        (self.starts_on(today) && within(minute))
            || (self.starts_on(today + 6) && within(minute + DAY))
    }

    fn starts_on(&self, weekday: u32) -> bool {
        self.days
            .get(weekday as usize % 7)
            .is_some_and(|starts| *starts)
    }

    /// The first start or end of it that the wall clock shows after `shown`.
    fn next_end(&self, shown: NaiveDateTime) -> Option<NaiveDateTime> {
        // the one that started yesterday may end today
        let first = shown.date().checked_sub_days(Days::new(1))?;
        first
            .iter_days()
            .take(9)
            .filter(|date| self.starts_on(date.weekday().num_days_from_monday()))
            .flat_map(|date| [self.start, self.end].map(|minute| (date, minute)))
            .filter_map(|(date, minute)| {
                date.and_time(NaiveTime::MIN)
                    .checked_add_signed(TimeDelta::minutes(minute.into()))
            })
            .filter(|time| *time > shown)
            .min()
    }
}

/// `Mon`, `Mon-Fri`, `Sat-Mon`; nothing is every day.
fn days_of(text: &str) -> Result<[bool; 7], String> {
    if text.is_empty() {
        return Ok([true; 7]);
    }
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to) = (weekday(from.trim())?, weekday(to.trim())?);
    let mut days = [false; 7];
    for (day, starts) in days.iter_mut().enumerate() {
        // a range that runs over the end of the week goes on at its beginning
        *starts = if from <= to {
            (from..=to).contains(&day)
        } else {
            day >= from || day <= to
        };
    }
    Ok(days)
}

fn weekday(text: &str) -> Result<usize, String> {
    WEEKDAYS
        .iter()
        .position(|name| name.eq_ignore_ascii_case(text))
        .ok_or_else(|| format!("`{text}` is no day: expected Mon, Tue, Wed, Thu, Fri, Sat or Sun"))
}

/// `09:30` as minute of the day; `24:00` is its end.
fn minute(text: &str) -> Result<u32, String> {
    let part = |text: &str| match text.len() {
        1 | 2 if text.chars().all(|c| c.is_ascii_digit()) => text.parse::<u32>().ok(),
        _ => None,
    };
    text.split_once(':')
        .filter(|(_, minutes)| minutes.len() == 2)
        .and_then(|(hours, minutes)| Some((part(hours)?, part(minutes)?)))
        .filter(|(_, minutes)| *minutes < 60)
        .map(|(hours, minutes)| hours * 60 + minutes)
        .filter(|minute| *minute <= DAY)
        .ok_or_else(|| format!("`{text}` is no time of day: expected `00:00` to `24:00`"))
}

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

    fn active(text: &str, zone: Tz) -> Active {
        Active::parse(text, zone.into()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Says at each of the instants (January 2026, UTC; the 5th was a Monday) whether it is covered.
    fn check(text: &str, expected: &[(&str, bool)]) {
        for (instant, covered) in expected {
            let found = active(text, Tz::UTC).covers(at(&format!("2026-01-{instant}:00Z")));
            assert_eq!(found, *covered, "{text} at {instant}");
        }
    }

    fn changes(text: &str, zone: Tz, from: &str, expected: &[&str]) {
        let active = active(text, zone);
        let mut now = at(from);
        for expected in expected {
            now = active.next_change(now).unwrap();
            assert_eq!(now.rfc3339(), *expected, "{text} in {zone}");
        }
    }

    #[test]
    fn office_hours_cover_their_start_and_not_their_end() {
        check(
            "Mon-Fri 09:00-18:00",
            &[
                ("05T08:59", false),
                ("05T09:00", true),
                ("05T17:59", true),
                ("05T18:00", false),
                ("09T12:00", true),
                ("10T12:00", false),
                ("11T12:00", false),
            ],
        );
    }

    #[test]
    fn several_entries_add_up() {
        check(
            "Mon-Fri 09:00-18:00, sat 10:00-12:00",
            &[
                ("10T11:00", true),
                ("10T12:00", false),
                ("09T11:00", true),
                ("11T11:00", false),
            ],
        );
    }

    #[test]
    fn hours_without_days_are_every_day() {
        check(
            "9:00-10:00",
            &[("04T09:30", true), ("05T09:30", true), ("05T10:30", false)],
        );
    }

    #[test]
    fn hours_past_midnight_belong_to_the_day_they_start() {
        check(
            "Fri 22:00-06:00",
            &[
                ("09T05:00", false),
                ("09T21:59", false),
                ("09T22:00", true),
                ("10T05:59", true),
                ("10T06:00", false),
                ("10T23:00", false),
            ],
        );
        check(
            "22:00-06:00",
            &[("05T23:00", true), ("06T05:59", true), ("06T12:00", false)],
        );
        check(
            "Sun 22:00-06:00",
            &[("05T03:00", true), ("04T03:00", false)],
        );
    }

    #[test]
    fn days_may_run_over_the_end_of_the_week() {
        check(
            "SAT-mon 00:00-24:00",
            &[
                ("09T23:59", false),
                ("10T00:00", true),
                ("11T12:00", true),
                ("12T23:59", true),
                ("13T00:00", false),
            ],
        );
    }

    #[test]
    fn midnight_can_be_an_end() {
        check(
            "Mon 20:00-24:00",
            &[("05T23:59", true), ("06T00:00", false)],
        );
        check(
            "Mon 20:00-00:00",
            &[("05T23:59", true), ("06T00:00", false)],
        );
    }

    #[test]
    fn faults_quote_the_entry() {
        for (text, part) in [
            ("", "`` is no span of hours: expected such as"),
            ("Mon-Fri", "`Mon-Fri` is no span of hours: expected such as"),
            ("Mon 09:00-18:00, Tue", "`Tue` is no span of hours"),
            ("Mon 09:00", "expected a start and an end"),
            ("Montag 09:00-18:00", "`Montag` is no day"),
            ("Mon-Wed-Fri 09:00-18:00", "`Wed-Fri` is no day"),
            (
                "09:00-09:00",
                "start and end are equal, the whole day is `00:00-24:00`",
            ),
            ("24:00-06:00", "`24:00` can only be an end"),
            ("09:00-24:01", "`24:01` is no time of day"),
            ("09:60-10:00", "`09:60` is no time of day"),
            ("9-17", "`9` is no time of day"),
            ("9:5-10:00", "`9:5` is no time of day"),
            ("09:00-18:00 Mon", "`18:00 Mon` is no time of day"),
            ("25:00-26:00", "`25:00` is no time of day"),
        ] {
            let error = Active::parse(text, Zone::UTC).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn changes_are_the_ends_of_the_hours() {
        changes(
            "Mon-Fri 09:00-18:00",
            BERLIN,
            "2026-01-09T09:00:00Z",
            &[
                "2026-01-09T17:00:00Z",
                "2026-01-12T08:00:00Z",
                "2026-01-12T17:00:00Z",
            ],
        );
        changes(
            "Fri 22:00-06:00",
            Tz::Asia__Kathmandu,
            "2026-01-05T00:00:00Z",
            &[
                "2026-01-09T16:15:00Z",
                "2026-01-10T00:15:00Z",
                "2026-01-16T16:15:00Z",
            ],
        );
    }

    #[test]
    fn hours_that_touch_are_no_change() {
        changes(
            "Mon 09:00-12:00, Mon 12:00-18:00",
            Tz::UTC,
            "2026-01-05T10:00:00Z",
            &["2026-01-05T18:00:00Z"],
        );
        assert_eq!(
            active("00:00-24:00", BERLIN).next_change(at("2026-03-28T00:00:00Z")),
            None
        );
        assert_eq!(
            active("00:00-12:00,12:00-00:00", BERLIN).next_change(at("2026-10-24T00:00:00Z")),
            None
        );
    }

    #[test]
    fn an_hour_that_comes_twice_is_covered_twice() {
        changes(
            "02:00-03:00",
            BERLIN,
            "2026-10-24T12:00:00Z",
            &["2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z"],
        );
        changes(
            "02:30-06:00",
            BERLIN,
            "2026-10-24T12:00:00Z",
            &[
                "2026-10-25T00:30:00Z",
                "2026-10-25T01:00:00Z",
                "2026-10-25T01:30:00Z",
                "2026-10-25T05:00:00Z",
            ],
        );
    }

    #[test]
    fn hours_within_a_gap_do_not_come() {
        changes(
            "02:00-03:00",
            BERLIN,
            "2026-03-28T00:00:00Z",
            &[
                "2026-03-28T01:00:00Z",
                "2026-03-28T02:00:00Z",
                "2026-03-30T00:00:00Z",
            ],
        );
        changes(
            "01:30-02:30",
            BERLIN,
            "2026-03-28T12:00:00Z",
            &["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z"],
        );
        changes(
            "02:30-04:00",
            BERLIN,
            "2026-03-28T12:00:00Z",
            &["2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"],
        );
    }

    #[test]
    fn the_ends_of_time_do_not_panic() {
        for millis in [i64::MIN, i64::MAX] {
            let at = Timestamp::from_millis(millis);
            assert!(active("09:00-10:00", BERLIN).covers(at));
            assert_eq!(active("09:00-10:00", BERLIN).next_change(at), None);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*", near in "[-:, 0-9MonTueFri]{0,24}") {
            let _ = Active::parse(&text, Zone::UTC);
            let _ = Active::parse(&near, Zone::UTC);
        }

        #[test]
        fn nothing_changes_before_the_next_change(
            zone in prop::sample::select(vec![BERLIN, Tz::America__New_York, Tz::Australia__Lord_Howe, Tz::America__Sao_Paulo, Tz::America__St_Johns]),
            text in prop::sample::select(vec!["00:30-02:15", "22:00-02:30", "Sun 01:45-23:30", "Sat-Sun 23:15-00:45", "01:10-01:40, 02:05-03:20"]),
            // a day around each clock change, and any day
            from in prop_oneof![1_774_600_000..1_774_900_000_i64, 1_792_700_000..1_793_600_000_i64, 1_518_800_000..1_519_000_000_i64, 1_289_000_000..1_289_200_000_i64],
        ) {
            let active = active(text, zone);
            let from = Timestamp::from_secs(from);
            let now = active.covers(from);
            let looked = (1..8 * 24 * 60)
                .map(|minute| Timestamp::from_secs((from.as_secs() / 60 + minute) * 60))
                .find(|at| active.covers(*at) != now);
            prop_assert_eq!(active.next_change(from), looked);
        }
    }
}
