//! When a crontab(5) expression fires and hours are active, by looking at every
//! minute: the slow and obvious way, written from the design page alone.

use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, Timelike};
use chrono_tz::Tz;

const NAMES: [(&str, &[&str]); 2] = [
    (
        "month",
        &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    ),
    (
        "weekday",
        &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    ),
];

/// What the wall clock of `zone` shows at `minute`, counted from the epoch.
pub fn shown(zone: Tz, minute: i64) -> NaiveDateTime {
    let utc = DateTime::from_timestamp(minute * 60, 0).unwrap();
    utc.with_timezone(&zone).naive_local()
}

/// An expression, as the sets of numbers that its fields name.
#[derive(Debug)]
pub struct Crontab {
    minutes: Vec<u32>,
    hours: Vec<u32>,
    days: Vec<u32>,
    months: Vec<u32>,
    weekdays: Vec<u32>,
    /// Both days are restricted: either will do.
    either: bool,
    /// It goes on through clock changes.
    repeats: bool,
}

impl Crontab {
    /// `None` where it is no expression.
    pub fn parse(text: &str) -> Option<Self> {
        let text = match text.trim() {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            text => text,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let &[minute, hour, day, month, weekday] = fields.as_slice() else {
            return None;
        };
        Some(Self {
            minutes: numbers(minute, 0, 59, "")?,
            hours: numbers(hour, 0, 23, "")?,
            days: numbers(day, 1, 31, "")?,
            months: numbers(month, 1, 12, "month")?,
            weekdays: numbers(weekday, 0, 7, "weekday")?,
            either: !day.starts_with('*') && !weekday.starts_with('*'),
            repeats: [minute, hour]
                .iter()
                .any(|field| field.contains(['*', '/'])),
        })
    }

    /// Whether there is any day on which it fires.
    pub fn ever_fires(&self) -> bool {
        let longest = |month: &u32| match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let has_day = |month| self.days.iter().any(|day| *day <= longest(month));
        self.either || self.months.iter().any(has_day)
    }

    fn fires(&self, time: NaiveDateTime) -> bool {
        let weekday = time.weekday().num_days_from_sunday();
        let on_weekday = self.weekdays.iter().any(|day| day % 7 == weekday);
        let on_day = self.days.contains(&time.day());
        self.minutes.contains(&time.minute())
            && self.hours.contains(&time.hour())
            && self.months.contains(&time.month())
            && if self.either {
                on_day || on_weekday
            } else {
                on_day && on_weekday
            }
    }

    /// The minutes (counted from the epoch) after `first` at which it fires, up
    /// to where `clock`, what the wall clock shows from `first` on, ends.
    pub fn slots(&self, first: i64, clock: &[NaiveDateTime]) -> Vec<i64> {
        let mut slots = Vec::new();
        // the latest that the clock has shown so far
        let mut latest = clock[0];
        for (minute, now) in (first..).zip(clock).skip(1) {
            let due = if self.repeats {
                self.fires(*now)
            } else {
                // what was skipped is made up for, what comes again is not
                let mut due = false;
                while latest < *now {
                    latest += TimeDelta::minutes(1);
                    due |= self.fires(latest);
                }
                due
            };
            if due {
                slots.push(minute);
            }
        }
        slots
    }
}

fn numbers(field: &str, least: u32, greatest: u32, kind: &str) -> Option<Vec<u32>> {
    let number = |text: &str| {
        let names = NAMES
            .iter()
            .find(|(name, _)| *name == kind)
            .map(|(_, names)| *names);
        let named = names
            .unwrap_or_default()
            .iter()
            .position(|name| name.eq_ignore_ascii_case(text));
        let digits = || {
            text.bytes()
                .all(|byte| byte.is_ascii_digit())
                .then(|| text.parse().ok())?
        };
        named
            .map(|place| u32::try_from(place).unwrap() + least)
            .or_else(digits)
            .filter(|number| (least..=greatest).contains(number))
    };
    let mut all = Vec::new();
    for item in field.split(',') {
        let (range, step) = item
            .split_once('/')
            .map_or((item, None), |(range, step)| (range, Some(step)));
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (least, greatest),
            Some((from, to)) => {
                let (from, to) = (number(from)?, number(to)?);
                // a week may end with Sunday
                (
                    from,
                    if kind == "weekday" && to == 0 && from > 0 {
                        7
                    } else {
                        to
                    },
                )
            }
            None if step.is_some() => return None,
            None => (number(range)?, number(range)?),
        };
        let step = match step {
            None => 1,
            Some(step) if step.bytes().all(|byte| byte.is_ascii_digit()) => step.parse().ok()?,
            Some(_) => return None,
        };
        if from > to || step == 0 {
            return None;
        }
        all.extend((from..=to).filter(|number| (number - from) % step == 0));
    }
    Some(all)
}

/// `Mon-Fri 09:00-18:00`, as days (Sunday is 0) and minutes of the day.
#[derive(Debug)]
pub struct Hours(Vec<(Vec<u32>, u32, u32)>);

impl Hours {
    /// `None` where it is not written in the plainest way.
    pub fn parse(text: &str) -> Option<Self> {
        text.split(", ")
            .map(Self::entry)
            .collect::<Option<_>>()
            .map(Self)
    }

    fn entry(entry: &str) -> Option<(Vec<u32>, u32, u32)> {
        let (days, hours) = entry.split_once(' ').unwrap_or(("Sun-Sat", entry));
        let (first, last) = days.split_once('-').unwrap_or((days, days));
        let number = |name: &str| {
            let names = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
            names
                .iter()
                .position(|known| *known == name)
                .map(|place| u32::try_from(place).unwrap())
        };
        let (first, last) = (number(first)?, number(last)?);
        let mut days = vec![first];
        while days.last() != Some(&last) {
            days.push((days.last()? + 1) % 7);
        }
        let minute = |text: &str| {
            let (hour, minute) = text
                .split_once(":")
                .filter(|_| text.len() == 5 && text.find(":") == Some(2))?;
            let number = |text: &str| {
                text.bytes()
                    .all(|byte| byte.is_ascii_digit())
                    .then(|| text.parse().ok())?
            };
            let (hour, minute): (u32, u32) = (number(hour)?, number(minute)?);
            (minute < 60 && hour * 60 + minute <= 24 * 60).then_some(hour * 60 + minute)
        };
        let (start, end) = hours.split_once('-')?;
        let (start, end) = (minute(start)?, minute(end)?);
        (start != end && start < 24 * 60).then_some((days, start, end))
    }

    pub fn covers(&self, time: NaiveDateTime) -> bool {
        let today = time.weekday().num_days_from_sunday();
        let minute = time.hour() * 60 + time.minute();
        self.0.iter().any(|(days, start, end)| {
            let (today, yesterday) = (days.contains(&today), days.contains(&((today + 6) % 7)));
            if start < end {
                today && (*start..*end).contains(&minute)
            } else {
                today && minute >= *start || yesterday && minute < *end
            }
        })
    }
}
