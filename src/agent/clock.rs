//! Notices that the clock was set, or that this computer was suspended, so that
//! whoever waits for an instant waits anew. One looks for all: a thousand groups
//! that looked by themselves would wake a thousand times.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::alert::Timestamp;

/// What the clock may gain or lose from one look to the next: NTP's slewing is
/// thousandths of that.
const SLACK: Duration = Duration::from_millis(500);

/// Compares the clock with the time that passed.
pub struct Clock {
    jumps: watch::Sender<()>,
    showed: Timestamp,
    at: Instant,
}

impl Clock {
    /// A clock that shows `now`, and a channel that changes when it jumps.
    pub fn new(now: Timestamp) -> (Self, watch::Receiver<()>) {
        let (jumps, jumped) = watch::channel(());
        let clock = Self {
            jumps,
            showed: now,
            at: Instant::now(),
        };
        (clock, jumped)
    }

    /// Looks at it: it shows `now`. Called every second.
    pub fn look(&mut self, now: Timestamp) {
        let expected = self.showed.plus(self.at.elapsed());
        let off = now.since(expected).max(expected.since(now));
        (self.showed, self.at) = (now, Instant::now());
        if off > SLACK {
            self.jumps.send_replace(());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_or_slept_jumps_and_one_that_is_slewed_does_not() {
        let mut now = Timestamp::from_secs(1_700_000_000);
        let (mut clock, mut jumped) = Clock::new(now);
        for (passed_ms, shown_ms, jumps) in [
            (1000, 1000, false),
            (1000, 1001, false),
            (3000, 2600, false),
            // suspended
            (1000, 61_000, true),
            (1000, 1000, false),
            (1000, 3_601_000, true),
            (1000, -3_600_000, true),
            (1000, 400, true),
        ] {
            advance(Duration::from_millis(passed_ms)).await;
            let moved = Duration::from_millis(i64::unsigned_abs(shown_ms));
            now = if shown_ms < 0 {
                now.minus(moved)
            } else {
                now.plus(moved)
            };
            clock.look(now);
            assert_eq!(jumped.has_changed().unwrap(), jumps, "{shown_ms}");
            jumped.mark_unchanged();
        }
    }
}
