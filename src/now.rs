//! The only place that asks the system for the time.

use crate::alert::Timestamp;

/// The present instant.
pub fn now() -> Timestamp {
    Timestamp::from(chrono::Utc::now())
}
