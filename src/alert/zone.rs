//! Instants and wall clocks of a time zone.
//!
//! A wall clock skips times (a gap) and repeats times (a fold) when it is
//! changed. Everything that schedules by it asks here, so that the two cases
//! are thought through in one place. All of it is arithmetic on the zone's
//! table; beyond chrono's range (the year 262,000) the answer is `None`.

use chrono::{FixedOffset, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::time::Timestamp;

/// How far the wall clock is ahead of UTC at `at`.
pub(super) fn offset(zone: Tz, at: Timestamp) -> Option<FixedOffset> {
    Some(
        zone.offset_from_utc_datetime(&at.to_utc()?.naive_utc())
            .fix(),
    )
}

/// What the wall clock shows at `at`.
pub(super) fn local(zone: Tz, at: Timestamp) -> Option<NaiveDateTime> {
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

/// The first instant at which the wall clock shows `local`; `None` in a gap.
pub(super) fn first(zone: Tz, local: NaiveDateTime) -> Option<Timestamp> {
    instant(
        local,
        zone.offset_from_local_datetime(&local).earliest()?.fix(),
    )
}

/// The last instant at which the wall clock shows `local`; `None` in a gap.
pub(super) fn last(zone: Tz, local: NaiveDateTime) -> Option<Timestamp> {
    instant(
        local,
        zone.offset_from_local_datetime(&local).latest()?.fix(),
    )
}

/// The same as [`first`], and in a gap the first instant after it.
pub(super) fn first_or_after_gap(zone: Tz, local: NaiveDateTime) -> Option<Timestamp> {
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
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]
    use super::*;

    fn time(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap()
    }

    fn check(
        ask: fn(Tz, NaiveDateTime) -> Option<Timestamp>,
        zone: Tz,
        local: &str,
        expected: Option<&str>,
    ) {
        let found = ask(zone, time(local)).map(Timestamp::rfc3339);
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
            assert_eq!(local(Tz::Europe__Berlin, at), None);
        }
        for zone in [Tz::Pacific__Kiritimati, Tz::Etc__GMTPlus12] {
            assert_eq!(
                local(zone, Timestamp::from(chrono::DateTime::<Utc>::MAX_UTC)).is_none(),
                zone == Tz::Pacific__Kiritimati
            );
            let _ = first_or_after_gap(zone, NaiveDateTime::MAX);
            let _ = first_or_after_gap(zone, NaiveDateTime::MIN);
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
