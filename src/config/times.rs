//! When an alert is evaluated and when it may tell: `every`, `schedule`,
//! `timezone`, `active`; and its window, `from` and `until`.

use std::time::Duration;

use super::problem::{Place, quote};
use super::reader::Map;
use super::suggest;
use super::values::positive;
use crate::alert::{Active, Schedule, TimeSpec, Zone};

const EVERY: Duration = Duration::from_secs(60);
/// Slots this far apart need no clocks of their own beside them.
const RARE: Duration = Duration::from_secs(3600);

/// When a group is evaluated, as one of its alerts says.
#[derive(Clone)]
pub struct Times {
    /// From `every` or `schedule`.
    pub schedule: Schedule,
    /// From `active`.
    pub active: Option<Active>,
    /// From `timezone`.
    pub zone: Zone,
    /// Where the alert says so, or begins.
    pub places: [Place; 3],
}

impl Times {
    /// Whether slots are an hour or more apart.
    pub fn rare(&self) -> bool {
        self.schedule.shortest_gap() >= RARE
    }

    /// The first key in which two alerts of a group differ, and where the later one says so.
    pub fn differs(&self, first: &Self) -> Option<(&'static str, Place)> {
        let [schedule, active, zone] = self.places;
        if self.zone != first.zone {
            Some(("`timezone`", zone))
        } else if self.schedule != first.schedule {
            Some(("`every` or `schedule`", schedule))
        } else if self.active != first.active {
            Some(("`active`", active))
        } else {
            None
        }
    }
}

/// Reads the four keys; `None` where one of them is wrong.
pub fn read(map: &Map<'_>, name: &str) -> Option<Times> {
    refuse_both(map, "every", "schedule", "an alert has one or the other");
    let zone = zone(map);
    let schedule = schedule(map, name, zone.clone().unwrap_or(Zone::UTC));
    let active = match map.has("active") {
        true => Some(active(map, zone.clone().unwrap_or(Zone::UTC))?),
        false => None,
    };
    let place = |keys: &[&str]| map.either(keys).map_or(map.place, |entry| entry.place);
    let places = [
        place(&["every", "schedule"]),
        place(&["active"]),
        place(&["timezone"]),
    ];
    Some(Times {
        schedule: schedule?,
        active,
        zone: zone?,
        places,
    })
}

/// Notes that an alert gives two keys of which it can have one.
pub fn refuse_both(map: &Map<'_>, one: &str, other: &str, hint: &str) -> bool {
    let own = |key: &str| {
        map.entries()
            .iter()
            .find(|entry| &*entry.key == key && !entry.value.is_null())
    };
    let (Some(a), Some(b)) = (own(one), own(other)) else {
        return false;
    };
    let (first, second) = (a.place.min(b.place), a.place.max(b.place));
    let message = format!(
        "`{one}` and `{other}` of {} are both given, here and at {}",
        map.what,
        map.context.show(second)
    );
    map.context.error(first, message, hint);
    true
}

fn zone(map: &Map<'_>) -> Option<Zone> {
    if !map.has("timezone") {
        return Some(Zone::UTC);
    }
    map.parsed("timezone", "an IANA time zone", |text| {
        text.trim().parse::<Zone>().map_err(|_| {
            let near = near_zone(text.trim());
            let advice = near.map_or_else(
                || "write an IANA name such as `Europe/Berlin` or `UTC`".to_owned(),
                |zone| format!("did you mean `{zone}`?"),
            );
            format!("there is no time zone {}; {advice}", quote(text))
        })
    })
}

/// A misspelt zone, or one named by its city only.
fn near_zone(text: &str) -> Option<String> {
    let names: Vec<String> = Zone::names().collect();
    let names = || names.iter().map(String::as_str);
    let city = |name: &&str| {
        name.rsplit('/')
            .next()
            .is_some_and(|city| city.eq_ignore_ascii_case(text))
    };
    let near = names().find(city);
    near.or_else(|| suggest::nearest(text, names()))
        .map(str::to_owned)
}

fn schedule(map: &Map<'_>, name: &str, zone: Zone) -> Option<Schedule> {
    match map.either(&["every", "schedule"]).map(|entry| &*entry.key) {
        Some("schedule") => map.parsed(
            "schedule",
            "a cron expression such as `*/5 8-18 * * mon-fri`",
            |text| Schedule::cron(text, zone),
        ),
        Some(_) => {
            let period = positive(map, "every")?;
            let text = map.text("every")?;
            let schedule = Schedule::every(period, name)
                .map_err(|why| why.replacen("`every` is ", "it is ", 1));
            map.understood(
                "every",
                text,
                "whole seconds such as `30s` or `5m`",
                schedule,
            )
        }
        None => Schedule::every(EVERY, name).ok(),
    }
}

fn active(map: &Map<'_>, zone: Zone) -> Option<Active> {
    map.parsed("active", "hours such as `Mon-Fri 09:00-18:00`", |text| {
        Active::parse(text, zone)
    })
}

/// Reads `from` and `until`.
pub fn window(map: &Map<'_>) -> (TimeSpec, Option<TimeSpec>) {
    let read = |key: &str| map.parsed(key, "a time such as `-5min`", TimeSpec::parse);
    let (from, until) = (read("from"), read("until"));
    let default = TimeSpec::Ago(Duration::from_secs(300));
    let start = from.unwrap_or(default);
    let end = until.clone().unwrap_or(TimeSpec::Ago(Duration::ZERO));
    if let (TimeSpec::Ago(start), TimeSpec::Ago(end)) = (&start, &end)
        && start <= end
        && let Some(entry) = [map.entry("from"), map.entry("until")]
            .into_iter()
            .flatten()
            .min_by_key(|entry| entry.place)
    {
        let message = format!(
            "{} is not before `until`: the window is empty",
            map.name("from")
        );
        map.context.error(
            entry.value.place,
            message,
            "write how long ago it begins and ends, such as `from: -10min` and `until: -5min`",
        );
    }
    (start, until)
}
