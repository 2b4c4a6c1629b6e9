//! `sched` of a trigger: the hours in which it tells, as `active:` of ours.
//!
//! Moira counts minutes of a day and an offset from UTC as browsers have it
//! (minus for east), without changes of the clock.

use serde_json::Value as Json;

use crate::import::draft::Draft;
use crate::import::foreign::number;
use crate::import::yaml::Value;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const DAY: i64 = 24 * 60;
/// Zones without summer time, for offsets that are no whole hours.
const ODD: [(i64, &str); 6] = [
    (-270, "Asia/Kabul"),
    (-330, "Asia/Kolkata"),
    (-345, "Asia/Kathmandu"),
    (-390, "Asia/Yangon"),
    (-525, "Australia/Eucla"),
    (-570, "Australia/Darwin"),
];

/// Adds `active` and `timezone`, where it is not always.
pub fn set(draft: &mut Draft, sched: &Json) {
    match hours(sched) {
        Ok(None) => {}
        Ok(Some((active, zone))) => {
            draft.set("active", Value::Text(active));
            if zone != "UTC" {
                draft.set("timezone", Value::Word(zone));
            }
        }
        Err(why) => draft.remark(format!("its hours (`sched`) are left out: {why}")),
    }
}

/// `None`: always.
fn hours(sched: &Json) -> Result<Option<(String, String)>, String> {
    let whole = |key: &str, default: f64| {
        let value = number(sched.get(key)).unwrap_or(default);
        match value.fract() == 0.0 && value.abs() <= 10_000.0 {
            true => Ok(value as i64),
            false => Err(format!("its {key} is no number of minutes")),
        }
    };
    let (start, end) = (whole("startOffset", 0.0)?, whole("endOffset", 1439.0)?);
    let zone = zone(whole("tzOffset", 0.0)?)?;
    let days = days(sched);
    if !days.contains(&true) {
        return Err("no day is on: it never tells".to_owned());
    }
    let all_day = start == 0 && end >= DAY - 1;
    if all_day && !days.contains(&false) {
        return Ok(None);
    }
    if !(0..DAY).contains(&start) || !(0..=DAY).contains(&end) || start == end {
        return Err("its begin and its end are no times of a day".to_owned());
    }
    // the last minute of the day is its end
    let end = if end >= DAY - 1 { DAY } else { end };
    let clock = |minutes: i64| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    let spans = day_spans(&days)
        .into_iter()
        .map(|span| match span.as_str() {
            "" => format!("{}-{}", clock(start), clock(end)),
            span => format!("{span} {}-{}", clock(start), clock(end)),
        });
    Ok(Some((spans.collect::<Vec<_>>().join(", "), zone)))
}

/// By name, else in order; a day that is not named is off.
fn days(sched: &Json) -> [bool; 7] {
    let mut on = [false; 7];
    let Some(listed) = sched.get("days").and_then(Json::as_array) else {
        return [true; 7];
    };
    for (index, day) in listed.iter().enumerate() {
        let enabled = day.get("enabled").and_then(Json::as_bool).unwrap_or(false);
        let name = day.get("name").and_then(Json::as_str).unwrap_or_default();
        let place = DAYS
            .iter()
            .position(|known| *known == name)
            .unwrap_or(index);
        if let Some(slot) = on.get_mut(place) {
            *slot = enabled;
        }
    }
    on
}

/// `Mon-Fri`, `Sun`; one empty one for all days.
fn day_spans(on: &[bool; 7]) -> Vec<String> {
    if !on.contains(&false) {
        return vec![String::new()];
    }
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for (index, _) in on.iter().enumerate().filter(|(_, on)| **on) {
        match spans.last_mut() {
            Some((_, last)) if *last + 1 == index => *last = index,
            _ => spans.push((index, index)),
        }
    }
    let name = |index: usize| DAYS.get(index).copied().unwrap_or_default();
    let shown = |(first, last): (usize, usize)| match first == last {
        true => name(first).to_owned(),
        false => format!("{}-{}", name(first), name(last)),
    };
    spans.into_iter().map(shown).collect()
}

/// A zone that is always so far from UTC; the signs of `Etc/GMT-3` are those of browsers.
fn zone(offset: i64) -> Result<String, String> {
    if offset == 0 {
        return Ok("UTC".to_owned());
    }
    if offset % 60 == 0 && (-14 * 60..=12 * 60).contains(&offset) {
        return Ok(format!("Etc/GMT{:+}", offset / 60));
    }
    ODD.iter()
        .find(|(minutes, _)| *minutes == offset)
        .map(|(_, zone)| (*zone).to_owned())
        .ok_or_else(|| format!("no zone is always {offset} minutes from UTC"))
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
    use crate::alert::Active;
    use serde_json::json;

    fn sched(days: &[usize], zone: i64, start: i64, end: i64) -> Json {
        let day = |index: usize| json!({"enabled": days.contains(&index), "name": DAYS[index]});
        let days: Vec<Json> = (0..7).map(day).collect();
        json!({"days": days, "tzOffset": zone, "startOffset": start, "endOffset": end})
    }

    #[track_caller]
    fn check(sched: &Json, expected: &str) {
        let hours = hours(sched).map(|hours| match hours {
            None => "always".to_owned(),
            Some((active, zone)) => {
                let zone: crate::alert::Zone = zone.parse().unwrap();
                Active::parse(&active, zone.clone()).unwrap();
                format!("{active} {zone}")
            }
        });
        assert_eq!(hours.unwrap_or_else(|why| why), expected);
    }

    #[test]
    fn hours_are_those_of_moira() {
        let week = [0, 1, 2, 3, 4, 5, 6];
        check(&sched(&week, 0, 0, 1439), "always");
        check(&sched(&week, -180, 0, 1439), "always");
        check(
            &sched(&[0, 1, 2, 3, 4], -180, 540, 1080),
            "Mon-Fri 09:00-18:00 Etc/GMT-3",
        );
        check(
            &sched(&[0, 2, 3, 6], 300, 0, 1439),
            "Mon 00:00-24:00, Wed-Thu 00:00-24:00, Sun 00:00-24:00 Etc/GMT+5",
        );
        check(&sched(&week, -330, 1320, 360), "22:00-06:00 Asia/Kolkata");
        check(&sched(&[], 0, 0, 1439), "no day is on: it never tells");
        check(
            &sched(&week, -7, 60, 120),
            "no zone is always -7 minutes from UTC",
        );
        check(
            &sched(&week, 0, 60, 60),
            "its begin and its end are no times of a day",
        );
    }
}
