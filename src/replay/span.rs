//! The time that is replayed, as people write it.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};

use crate::alert::{TimeSpec, Timestamp, Zone, zone};

/// What is replayed: evaluations at both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first instant, a whole second.
    pub from: Timestamp,
    /// The last one.
    pub until: Timestamp,
}

impl Span {
    /// From one time until another.
    ///
    /// # Errors
    /// Where there is no time between them, or it has not come yet.
    pub fn new(from: Timestamp, until: Timestamp, now: Timestamp) -> Result<Self, String> {
        if until > now {
            return Err(format!(
                "`--until` is {until}, which has not come yet: history ends now"
            ));
        }
        if from >= until {
            return Err(format!(
                "nothing lies between `--from`, {from}, and `--until`, {until}: write the earlier one as `--from`"
            ));
        }
        Ok(Self { from, until })
    }
}

/// Reads `-7d`, `now`, `2026-11-20`, `2026-11-20 12:00` (in `zone`), RFC 3339, and epoch seconds.
///
/// # Errors
/// Says what is expected.
pub fn time(text: &str, now: Timestamp, zone: &Zone) -> Result<Timestamp, String> {
    let text = text.trim();
    let whole = |at: Timestamp| Timestamp::from_secs(at.as_secs());
    if let TimeSpec::Ago(span) = TimeSpec::parse(text)? {
        return Ok(whole(now.minus(span)));
    }
    if text.len() > 8 && text.chars().all(|c| c.is_ascii_digit()) {
        let seconds = text.parse().ok().map(Timestamp::from_secs);
        return seconds
            .filter(|at| at.to_utc().is_some())
            .ok_or_else(|| format!("`{text}` is too far away"));
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(whole(Timestamp::from(at.to_utc())));
    }
    let Some(local) = local(text) else {
        return Err(format!(
            "`{text}` is no time: expected one such as `-7d`, `2026-11-20`, `2026-11-20 12:00`, `2026-11-20T12:00:00Z`, or seconds since 1970"
        ));
    };
    zone::first(zone, local).ok_or_else(|| format!("the clocks of {zone} skipped `{text}`"))
}

fn local(text: &str) -> Option<NaiveDateTime> {
    let text = text.replace('T', " ");
    let formats = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"];
    let day = || NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok();
    formats
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(&text, format).ok())
        .or_else(|| day().map(|day| day.and_time(NaiveTime::MIN)))
}

impl Span {
    /// Which of `columns` equal parts of it `at` lies in.
    pub fn column(&self, at: Timestamp, columns: usize) -> usize {
        let whole = self.until.since(self.from).as_millis().max(1);
        let passed = at.since(self.from).as_millis();
        let columns_wide = u128::try_from(columns).unwrap_or(u128::MAX);
        let column = passed.saturating_mul(columns_wide) / whole;
        usize::try_from(column).map_or(columns, |column| column.min(columns.saturating_sub(1)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use chrono_tz::Tz;

    use super::*;
    use proptest::prelude::*;

    /// Tuesday, 2026-11-24, noon.
    const NOW: Timestamp = Timestamp::from_secs(1_795_521_600);

    fn check(text: &str, zone: Tz, expected: &str) {
        let found = time(text, NOW, &zone.into()).map(Timestamp::rfc3339);
        assert_eq!(found.as_deref(), Ok(expected), "{text}");
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        check("-7d", Tz::UTC, "2026-11-17T12:00:00Z");
        check("now", Tz::UTC, "2026-11-24T12:00:00Z");
        check("2026-11-20", Tz::Europe__Berlin, "2026-11-19T23:00:00Z");
        check("2026-11-20 12:30", Tz::UTC, "2026-11-20T12:30:00Z");
        check("2026-11-20T12:30:15", Tz::UTC, "2026-11-20T12:30:15Z");
        check(
            "2026-11-20T12:30:00+01:00",
            Tz::Asia__Tokyo,
            "2026-11-20T11:30:00Z",
        );
        check("1795521600", Tz::Asia__Tokyo, "2026-11-24T12:00:00Z");
    }

    #[test]
    fn a_time_that_no_clock_showed_is_said() {
        let skipped = time("2026-03-29 02:30", NOW, &Tz::Europe__Berlin.into()).unwrap_err();
        assert_eq!(
            skipped,
            "the clocks of Europe/Berlin skipped `2026-03-29 02:30`"
        );
    }

    proptest! {
        #[test]
        fn no_time_panics(text in "\\PC{0,30}", near in "[-0-9: TZ+dhmin]{0,24}") {
            let _ = time(&text, NOW, &Zone::UTC);
            let _ = time(&near, NOW, &Tz::America__New_York.into());
        }

        #[test]
        fn every_instant_has_a_column(from in 0..2_000_000_000_i64, length in 1..10_000_000_i64, at in -5..10_000_005_i64, columns in 1..900_usize) {
            let span = Span {
                from: Timestamp::from_secs(from),
                until: Timestamp::from_secs(from + length),
            };
            let column = span.column(Timestamp::from_secs(from + at), columns);
            prop_assert!(column < columns);
        }
    }
}
