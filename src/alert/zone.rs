//! Instants and wall clocks of a time zone.
//!
//! A wall clock skips times (a gap) and repeats times (a fold) when it is
//! changed. Everything that schedules by it asks here, so that the two cases
//! are thought through in one place. All of it is arithmetic on the zone's
//! table; beyond the year 9999 the answer is `None`.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, FixedOffset, NaiveDateTime, Offset, TimeDelta, Timelike, Utc};
use jiff::civil;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::time::Timestamp;

/// A time zone by its IANA name, as the program's own tables have it: what the
/// computer that it runs on has may be older, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// No offset, and no change ever.
    pub const UTC: Self = Self(TimeZone::UTC);

    /// Its name: `Europe/Berlin`.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The names of all zones.
    pub fn names() -> impl Iterator<Item = String> {
        let names = jiff::tz::db().available().map(|name| name.to_string());
        names.filter(|name| name != UNKNOWN)
    }
}

/// What IANA calls a zone that nobody knows; its clock shows UTC.
const UNKNOWN: &str = "Etc/Unknown";

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        let zone = TimeZone::get(name).map_err(|_| UnknownZone)?;
        // names are told apart by case, as file systems have it
        match zone.iana_name() == Some(name) && name != UNKNOWN {
            true => Ok(Self(zone)),
            false => Err(UnknownZone),
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No zone has that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownZone;

impl fmt::Display for UnknownZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected an IANA name such as `Europe/Berlin` or `UTC`")
    }
}

impl std::error::Error for UnknownZone {}

/// How far the wall clock is ahead of UTC at `at`.
pub(super) fn offset(zone: &Zone, at: Timestamp) -> Option<FixedOffset> {
    let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
    fixed(zone.0.to_offset(at))
}

fn fixed(offset: jiff::tz::Offset) -> Option<FixedOffset> {
    FixedOffset::east_opt(offset.seconds())
}

/// What the wall clock shows at `at`.
pub fn local(zone: &Zone, at: Timestamp) -> Option<NaiveDateTime> {
    at.to_utc()?
        .naive_utc()
        .checked_add_offset(offset(zone, at)?)
}

/// The instant at which a clock with `offset` shows `local`.
pub(super) fn instant(local: NaiveDateTime, offset: FixedOffset) -> Option<Timestamp> {
    local
        .checked_sub_offset(offset)
        .map(|utc| Timestamp::from(utc.and_utc()))
}

/// The offsets with which the wall clock shows `local`, the one that comes first
/// and the one that comes last; `None` in a gap.
fn offsets(zone: &Zone, local: NaiveDateTime) -> Option<(FixedOffset, FixedOffset)> {
    let small = |number: u32| i8::try_from(number).ok();
    let civil = civil::DateTime::new(
        i16::try_from(local.year()).ok()?,
        small(local.month())?,
        small(local.day())?,
        small(local.hour())?,
        small(local.minute())?,
        small(local.second())?,
        0,
    );
    match zone.0.to_ambiguous_timestamp(civil.ok()?).offset() {
        AmbiguousOffset::Unambiguous { offset } => fixed(offset).zip(fixed(offset)),
        AmbiguousOffset::Fold { before, after } => fixed(before).zip(fixed(after)),
        AmbiguousOffset::Gap { .. } => None,
    }
}

/// The first instant at which the wall clock shows `local`; `None` in a gap.
pub fn first(zone: &Zone, local: NaiveDateTime) -> Option<Timestamp> {
    instant(local, offsets(zone, local)?.0)
}

/// The last instant at which the wall clock shows `local`; `None` in a gap.
pub(super) fn last(zone: &Zone, local: NaiveDateTime) -> Option<Timestamp> {
    instant(local, offsets(zone, local)?.1)
}

/// The same as [`first`], and in a gap the first instant after it.
pub(super) fn first_or_after_gap(zone: &Zone, local: NaiveDateTime) -> Option<Timestamp> {
    first(zone, local).or_else(|| {
        // the clock is at most 14 hours ahead and 12 behind, and no gap is
        // longer than a day: two days before, it has not shown `local` yet
        let before = instant(local.checked_sub_signed(TimeDelta::days(2))?, Utc.fix())?;
        let after = instant(local.checked_add_signed(TimeDelta::days(2))?, Utc.fix())?;
        turning_point(before, after, |at| {
            self::local(zone, at).is_some_and(|shown| shown > local)
        })
    })
}

/// The first instant in `(before, after]` for which `turned` is true; it is
/// false at `before`, true at `after`, and turns once.
pub(super) fn turning_point(
    before: Timestamp,
    after: Timestamp,
    turned: impl Fn(Timestamp) -> bool,
) -> Option<Timestamp> {
    let (mut before, mut after) = (before.as_millis(), after.as_millis());
    if !turned(Timestamp::from_millis(after)) {
        return None;
    }
    while after.checked_sub(before)? > 1 {
        let middle = before + (after - before) / 2;
        if turned(Timestamp::from_millis(middle)) {
            after = middle;
        } else {
            before = middle;
        }
    }
    Some(Timestamp::from_millis(after))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
impl From<chrono_tz::Tz> for Zone {
    /// So that a test can name a zone that the compiler knows.
    fn from(zone: chrono_tz::Tz) -> Self {
        zone.name().parse().unwrap()
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
    use chrono::TimeZone as _;
    use chrono_tz::Tz;
    use proptest::prelude::*;

    use super::*;

    fn time(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap()
    }

    fn of(zone: Tz) -> Zone {
        zone.into()
    }

    fn check(
        ask: fn(&Zone, NaiveDateTime) -> Option<Timestamp>,
        zone: Tz,
        local: &str,
        expected: Option<&str>,
    ) {
        let found = ask(&of(zone), time(local)).map(Timestamp::rfc3339);
        assert_eq!(found.as_deref(), expected, "{zone} {local}");
    }

    #[test]
    fn a_time_in_a_gap_has_no_occurrence() {
        check(first, Tz::Europe__Berlin, "2026-03-29 02:30", None);
        check(last, Tz::Europe__Berlin, "2026-03-29 02:30", None);
    }

    #[test]
    fn a_time_in_a_fold_has_a_first_and_a_last_occurrence() {
        check(
            first,
            Tz::Europe__Berlin,
            "2026-10-25 02:30",
            Some("2026-10-25T00:30:00Z"),
        );
        check(
            last,
            Tz::Europe__Berlin,
            "2026-10-25 02:30",
            Some("2026-10-25T01:30:00Z"),
        );
        check(
            first,
            Tz::Australia__Lord_Howe,
            "2026-04-05 01:45",
            Some("2026-04-04T14:45:00Z"),
        );
        check(
            last,
            Tz::Australia__Lord_Howe,
            "2026-04-05 01:45",
            Some("2026-04-04T15:15:00Z"),
        );
    }

    #[test]
    fn the_first_instant_after_a_gap_is_found_for_every_time_in_it() {
        for local in ["2026-03-29 02:00", "2026-03-29 02:30", "2026-03-29 02:59"] {
            check(
                first_or_after_gap,
                Tz::Europe__Berlin,
                local,
                Some("2026-03-29T01:00:00Z"),
            );
        }
        check(
            first_or_after_gap,
            Tz::Australia__Lord_Howe,
            "2026-10-04 02:15",
            Some("2026-10-03T15:30:00Z"),
        );
        // midnight itself was skipped
        check(
            first_or_after_gap,
            Tz::America__Sao_Paulo,
            "2018-11-04 00:00",
            Some("2018-11-04T03:00:00Z"),
        );
        // Samoa left out a whole day
        check(
            first_or_after_gap,
            Tz::Pacific__Apia,
            "2011-12-30 12:00",
            Some("2011-12-30T10:00:00Z"),
        );
    }

    #[test]
    fn a_time_outside_of_gaps_is_its_first_occurrence() {
        check(
            first_or_after_gap,
            Tz::Asia__Kathmandu,
            "2026-01-01 00:00",
            Some("2025-12-31T18:15:00Z"),
        );
        check(
            first_or_after_gap,
            Tz::Europe__Berlin,
            "2026-10-25 02:30",
            Some("2026-10-25T00:30:00Z"),
        );
        check(
            first_or_after_gap,
            Tz::Europe__Berlin,
            "2026-03-29 03:00",
            Some("2026-03-29T01:00:00Z"),
        );
    }

    #[test]
    fn the_ends_of_time_are_nothing() {
        for at in [
            Timestamp::from_millis(i64::MIN),
            Timestamp::from_millis(i64::MAX),
        ] {
            assert_eq!(local(&of(Tz::Europe__Berlin), at), None);
        }
        for zone in [Tz::Pacific__Kiritimati, Tz::Etc__GMTPlus12].map(of) {
            let end = Timestamp::from(chrono::DateTime::<Utc>::MAX_UTC);
            assert_eq!(local(&zone, end), None);
            for end in [NaiveDateTime::MAX, NaiveDateTime::MIN] {
                assert_eq!(first_or_after_gap(&zone, end), None);
            }
        }
    }

    #[test]
    fn zones_are_named_as_iana_names_them() {
        for name in [
            "UTC",
            "Etc/UTC",
            "GMT",
            "Europe/Berlin",
            "America/Argentina/Ushuaia",
            "CET",
        ] {
            assert_eq!(name.parse::<Zone>().unwrap().name(), name);
        }
        for name in [
            "",
            "europe/berlin",
            "Berlin",
            "Etc/Unknown",
            "../etc/passwd",
            "Europe",
        ] {
            assert_eq!(name.parse::<Zone>(), Err(UnknownZone), "{name}");
        }
        let names: Vec<String> = Zone::names().collect();
        assert!(names.len() > 500 && names.iter().all(|name| name.parse::<Zone>().is_ok()));
    }

    /// Zones whose past was corrected between the editions of tzdata that the two
    /// libraries have; of all others the past is the same.
    const CORRECTED: [&str; 9] = [
        "America/Bogota",
        "America/Ensenada",
        "America/Santa_Isabel",
        "America/Tijuana",
        "Asia/Tehran",
        "Europe/Chisinau",
        "Europe/Tiraspol",
        "Iran",
        "Mexico/BajaNorte",
    ];

    proptest! {
        /// The same as another library with tables of its own, over the years whose
        /// rules had been decided when both were released.
        #[test]
        fn wall_clocks_are_those_of_another_library(
            zone in prop::sample::select(chrono_tz::TZ_VARIANTS.to_vec()),
            at in 0_i64..1_760_000_000,
        ) {
            let at = Timestamp::from_secs(at);
            prop_assume!(!CORRECTED.contains(&zone.name()));
            let ours = of(zone);
            let shown = at.to_utc().unwrap().with_timezone(&zone).naive_local();
            prop_assert_eq!(local(&ours, at), Some(shown));
            let both = zone.from_local_datetime(&shown);
            let expected = |at: Option<chrono::DateTime<Tz>>| at.map(|at| Timestamp::from(at.to_utc()));
            prop_assert_eq!(first(&ours, shown), expected(both.earliest()));
            prop_assert_eq!(last(&ours, shown), expected(both.latest()));
        }
    }

    #[test]
    fn a_turning_point_is_the_first_turned_instant() {
        let at = Timestamp::from_millis;
        assert_eq!(
            turning_point(at(0), at(1000), |t| t >= at(617)),
            Some(at(617))
        );
        assert_eq!(
            turning_point(at(0), at(1000), |t| t >= at(1000)),
            Some(at(1000))
        );
        assert_eq!(turning_point(at(0), at(1000), |_| false), None);
    }
}
