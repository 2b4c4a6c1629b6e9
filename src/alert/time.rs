//! Instants and spans as the whole program counts them.
//!
//! Everything below `alert/` is handed the time; nothing here asks a clock.
//! An instant is a whole number of milliseconds since the Unix epoch, so that
//! it survives a store unchanged; a span is `std::time::Duration`.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// An instant in milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant `seconds` after the epoch.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// The instant `millis` milliseconds after the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The time that has passed since `earlier`; zero where `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The instant `span` later; the last representable one where it would overflow.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }

    /// The instant `span` earlier.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }

    /// The same instant for calendar arithmetic; `None` beyond chrono's range (year 262,000).
    pub fn to_utc(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_millis(self.0)
    }

    /// RFC 3339 in UTC with whole seconds, such as `2026-11-23T18:00:00Z`.
    pub fn rfc3339(self) -> String {
        self.to_utc().map_or_else(
            || format!("@{}", self.as_secs()),
            |t| t.to_rfc3339_opts(SecondsFormat::Secs, true),
        )
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(at: DateTime<Utc>) -> Self {
        Self(at.timestamp_millis())
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
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

    #[test]
    fn seconds_are_rounded_down_on_both_sides_of_the_epoch() {
        assert_eq!(Timestamp::from_millis(1999).as_secs(), 1);
        assert_eq!(Timestamp::from_millis(-1).as_secs(), -1);
        assert_eq!(Timestamp::from_secs(-1).as_millis(), -1000);
    }

    #[test]
    fn spans_are_counted_forwards_only() {
        let (early, late) = (Timestamp::from_secs(10), Timestamp::from_secs(70));
        assert_eq!(late.since(early), Duration::from_secs(60));
        assert_eq!(early.since(late), Duration::ZERO);
    }

    #[test]
    fn arithmetic_stops_at_the_ends_of_time() {
        let end = Timestamp::from_millis(i64::MAX);
        let begin = Timestamp::from_millis(i64::MIN);
        assert_eq!(end.plus(Duration::from_secs(1)), end);
        assert_eq!(begin.minus(Duration::MAX), begin);
        assert_eq!(Timestamp::from_secs(i64::MAX), end);
    }

    #[test]
    fn text_is_rfc_3339_in_utc() {
        assert_eq!(
            Timestamp::from_millis(1_795_456_800_999).to_string(),
            "2026-11-23T18:00:00Z"
        );
        assert_eq!(
            Timestamp::from_secs(2_147_483_648).rfc3339(),
            "2038-01-19T03:14:08Z"
        );
    }

    #[test]
    fn what_no_calendar_holds_is_shown_as_seconds() {
        assert_eq!(
            Timestamp::from_millis(i64::MAX).rfc3339(),
            "@9223372036854775"
        );
    }

    #[test]
    fn it_is_stored_as_plain_milliseconds() {
        assert_eq!(
            serde_json::to_string(&Timestamp::from_millis(1500)).unwrap(),
            "1500"
        );
        assert_eq!(
            serde_json::from_str::<Timestamp>("1500").unwrap(),
            Timestamp::from_millis(1500)
        );
    }

    proptest! {
        #[test]
        fn a_span_added_is_the_span_since(at in -1_000_000_000_000..4_000_000_000_000_i64, millis in 0..1_000_000_000_000_u64) {
            let (at, span) = (Timestamp::from_millis(at), Duration::from_millis(millis));
            prop_assert_eq!(at.plus(span).since(at), span);
            prop_assert_eq!(at.plus(span).minus(span), at);
        }

        #[test]
        fn calendar_time_and_back_is_the_same(at in -1_000_000_000_000..4_000_000_000_000_i64) {
            let at = Timestamp::from_millis(at);
            prop_assert_eq!(at.to_utc().map(Timestamp::from), Some(at));
        }
    }
}
