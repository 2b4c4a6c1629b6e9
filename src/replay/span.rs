//! The time that is replayed, as people write it.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use chrono_tz::Tz;

use crate::alert::{TimeSpec, Timestamp};

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
pub fn time(text: &str, now: Timestamp, zone: Tz) -> Result<Timestamp, String> {
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
    let at = zone.from_local_datetime(&local).earliest();
    at.map(|at| Timestamp::from(at.to_utc()))
        .ok_or_else(|| format!("the clocks of {zone} skipped `{text}`"))
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
