//! Who would have been told how often, at night too, and by what most.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{NaiveDate, TimeDelta, Timelike};

use super::record::{Incident, Record};
use crate::alert::{Level, Timestamp, Zone, zone};

/// The hours of the night: from 22:00 until 07:00.
pub(super) const NIGHT: (u32, u32) = (22, 7);

/// What one receiver would have been told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceiverTotal {
    /// Messages of every kind, ends and reminders too.
    pub messages: usize,
    /// Messages that call somebody: new incidents and raised ones.
    pub calls: usize,
    /// Those at night.
    pub calls_at_night: usize,
    /// Nights with at least one.
    pub nights: BTreeSet<NaiveDate>,
}

/// What one series came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offender {
    /// Its alert.
    pub alert: Arc<str>,
    /// Its name.
    pub series: Arc<str>,
    /// How often it was bad.
    pub incidents: usize,
    /// How long altogether.
    pub lasted: Duration,
    /// How often it called somebody.
    pub calls: usize,
    /// The worst that it was.
    pub worst: Level,
}

/// The night that `at` belongs to, by the day on which it began; `None`: it is day.
pub fn night(at: Timestamp, zone: &Zone) -> Option<NaiveDate> {
    let local = zone::local(zone, at)?;
    let (begins, ends) = NIGHT;
    let is_night = local.hour() >= begins || local.hour() < ends;
    let evening = local.checked_sub_signed(TimeDelta::hours(12))?;
    is_night.then(|| evening.date())
}

/// What each receiver would have been told; those of `receivers` that would have
/// been told nothing among them.
pub fn by_receiver<'a>(
    record: &Record,
    receivers: impl Iterator<Item = &'a Arc<str>>,
    zone: &Zone,
) -> BTreeMap<Arc<str>, ReceiverTotal> {
    let mut totals: BTreeMap<Arc<str>, ReceiverTotal> = receivers
        .map(|name| (Arc::clone(name), ReceiverTotal::default()))
        .collect();
    for told in record.incidents.iter().flat_map(|incident| &incident.told) {
        let total = totals.entry(Arc::clone(&told.receiver)).or_default();
        total.messages += 1;
        if told.calls() {
            total.calls += 1;
            if let Some(night) = night(told.at, zone) {
                total.calls_at_night += 1;
                total.nights.insert(night);
            }
        }
    }
    totals
}

/// Every series that had an incident, the one that called most often first, then
/// the one that was bad most often, then longest.
pub fn offenders(record: &Record, end: Timestamp) -> Vec<Offender> {
    let mut all: BTreeMap<(&Arc<str>, &Arc<str>), Offender> = BTreeMap::new();
    for incident in &record.incidents {
        let Incident { alert, series, .. } = incident;
        let offender = all.entry((alert, series)).or_insert_with(|| Offender {
            alert: Arc::clone(alert),
            series: Arc::clone(series),
            incidents: 0,
            lasted: Duration::ZERO,
            calls: 0,
            worst: Level::Ok,
        });
        offender.incidents += 1;
        offender.lasted = offender.lasted.saturating_add(incident.lasted(end));
        offender.calls += incident.told.iter().filter(|told| told.calls()).count();
        offender.worst = offender.worst.max(incident.worst());
    }
    let mut all: Vec<Offender> = all.into_values().collect();
    all.sort_by_key(|offender| {
        let often = (offender.calls, offender.incidents, offender.lasted);
        std::cmp::Reverse(often)
    });
    all
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use chrono_tz::Tz;

    use super::*;
    use chrono::DateTime;

    fn check(text: &str, zone: Tz, expected: Option<&str>) {
        let at = Timestamp::from(DateTime::parse_from_rfc3339(text).unwrap().to_utc());
        let expected = expected.map(|day| day.parse().unwrap());
        assert_eq!(night(at, &zone.into()), expected, "{text} {zone}");
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        check("2026-11-24T21:59:59Z", Tz::UTC, None);
        check("2026-11-24T22:00:00Z", Tz::UTC, Some("2026-11-24"));
        check("2026-11-25T06:59:59Z", Tz::UTC, Some("2026-11-24"));
        check("2026-11-25T07:00:00Z", Tz::UTC, None);
    }

    #[test]
    fn it_is_night_where_the_time_zone_is() {
        check("2026-11-24T12:00:00Z", Tz::Asia__Tokyo, None);
        check("2026-11-24T14:00:00Z", Tz::Asia__Tokyo, Some("2026-11-24"));
        // the night in which clocks go back
        check(
            "2026-10-25T00:30:00Z",
            Tz::Europe__Berlin,
            Some("2026-10-24"),
        );
        check(
            "2026-10-25T01:30:00Z",
            Tz::Europe__Berlin,
            Some("2026-10-24"),
        );
    }
}
