//! How fast one receiver may be told, and when it is left alone for a while.
//!
//! PagerDuty takes about 120 events a minute for each integration key (Events
//! API v2); staying below it keeps the most urgent from being refused. A
//! refusal for now (429) or a time-out pauses everything that goes the same way.

use std::time::Duration;

use super::delivery::{Outcome, backoff};
use super::time::Timestamp;

/// Events that may go out at once.
const BURST: f64 = 20.0;

/// Events a millisecond in the long run: 95 a minute.
const PER_MS: f64 = 95.0 / 60_000.0;

/// The shortest wait, whatever a server asks for.
const LEAST: Duration = Duration::from_secs(1);

/// What a pause adds to the wait of the message that caused it, so that this one
/// is ready when the pause is over and the most urgent goes first, not a later one.
const SLACK: Duration = Duration::from_millis(100);

/// The longest pause.
pub const LONGEST: Duration = Duration::from_secs(60 * 60);

/// One way to a receiver: a routing key, or the receiver itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    limited: bool,
    tokens: f64,
    filled: Option<Timestamp>,
    /// From when until when nothing goes out.
    paused: Option<(Timestamp, Timestamp)>,
    pauses: u32,
}

impl Line {
    /// A way that has carried nothing yet; `limited` by PagerDuty's rate or not at all.
    pub fn new(limited: bool) -> Self {
        Self {
            limited,
            tokens: BURST,
            filled: None,
            paused: None,
            pauses: 0,
        }
    }

    /// When something may go out; `None`: now.
    pub fn free_at(&mut self, now: Timestamp) -> Option<Timestamp> {
        if let Some((from, until)) = self.paused.filter(|(_, until)| *until > now) {
            if from <= now {
                return Some(until);
            }
            // the clock was set back: it lasts as long as it was meant to
            let until = now.plus(until.since(from));
            self.paused = Some((now, until));
            return Some(until);
        }
        if !self.limited {
            return None;
        }
        self.fill(now);
        if self.tokens >= 1.0 {
            return None;
        }
        let missing = Duration::from_secs_f64((1.0 - self.tokens) / PER_MS / 1000.0);
        Some(now.plus(missing + Duration::from_millis(1)))
    }

    /// Counts one that goes out.
    pub fn take(&mut self, now: Timestamp) {
        if self.limited {
            self.fill(now);
            self.tokens = (self.tokens - 1.0).max(0.0);
        }
    }

    /// Leaves the way alone: for as long as was asked for, or longer each time.
    pub fn pause(&mut self, asked: Option<Duration>, chance: f64, now: Timestamp) {
        self.pauses = self.pauses.saturating_add(1);
        let wait = backoff(self.pauses, chance);
        let wait = asked.map_or(wait, |asked| asked.max(LEAST)).min(LONGEST);
        self.paused = Some((now, now.plus(wait + SLACK)));
    }

    /// Paces what follows by what came of one attempt, to however many
    /// recipients it went.
    pub fn settled(&mut self, outcomes: &[Outcome], now: Timestamp) {
        if outcomes.contains(&Outcome::Accepted) {
            return self.works();
        }
        let pause = outcomes.iter().find_map(|outcome| match outcome {
            Outcome::Later {
                after, pause: true, ..
            } => Some(*after),
            _ => None,
        });
        if let Some(after) = pause {
            self.pause(after, 0.0, now);
        }
    }

    /// Something came through: the next pause is a short one again. One that has
    /// begun stays: what came through was under way before it, from another
    /// receiver of the same key.
    pub fn works(&mut self) {
        self.pauses = 0;
    }

    fn fill(&mut self, now: Timestamp) {
        let passed = self
            .filled
            .map_or(Duration::ZERO, |filled| now.since(filled));
        self.filled = Some(now);
        self.tokens = (self.tokens + passed.as_secs_f64() * 1000.0 * PER_MS).min(BURST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn twenty_go_out_at_once_and_the_next_waits() {
        let mut line = Line::new(true);
        for _ in 0..20 {
            assert_eq!(line.free_at(at(0)), None);
            line.take(at(0));
        }
        let free = line.free_at(at(0)).map(Timestamp::as_millis);
        assert!(matches!(free, Some(600..=640)), "{free:?}");
    }

    #[test]
    fn an_hour_carries_no_more_than_95_a_minute_beside_the_burst() {
        let mut line = Line::new(true);
        let mut sent = 0;
        for millis in (0..3_600_000).step_by(10) {
            if line.free_at(at(millis)).is_none() {
                line.take(at(millis));
                sent += 1;
            }
        }
        assert!((5600..=5721).contains(&sent), "{sent}");
    }

    #[test]
    fn a_way_without_limit_is_always_free() {
        let mut line = Line::new(false);
        for _ in 0..1000 {
            assert_eq!(line.free_at(at(0)), None);
            line.take(at(0));
        }
    }

    #[test]
    fn a_pause_lasts_as_long_as_was_asked_for_and_a_little_more() {
        let mut line = Line::new(false);
        line.pause(Some(Duration::from_secs(7)), 0.0, at(0));
        assert_eq!(line.free_at(at(6_999)), Some(at(7_100)));
        assert_eq!(line.free_at(at(7_100)), None);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_pause_longer() {
        let mut line = Line::new(true);
        line.pause(Some(Duration::from_secs(7)), 0.0, at(3_600_000));
        assert_eq!(line.free_at(at(3_605_000)), Some(at(3_607_100)));
        // by half an hour
        assert_eq!(line.free_at(at(1_800_000)), Some(at(1_807_100)));
        assert_eq!(line.free_at(at(1_806_000)), Some(at(1_807_100)));
        assert_eq!(line.free_at(at(1_807_100)), None);
    }

    #[test]
    fn what_was_under_way_when_a_pause_began_does_not_end_it() {
        let mut line = Line::new(true);
        line.pause(Some(Duration::from_secs(60)), 0.0, at(0));
        line.works();
        assert_eq!(line.free_at(at(1_000)), Some(at(60_100)));
    }

    #[test]
    fn a_clock_that_is_set_back_neither_stops_nor_doubles_the_rate() {
        let mut line = Line::new(true);
        for _ in 0..20 {
            line.take(at(3_600_000));
        }
        let free = line.free_at(at(0)).map(Timestamp::as_millis);
        assert!(matches!(free, Some(600..=640)), "{free:?}");
        assert_eq!(line.free_at(at(700)), None);
    }

    #[test]
    fn pauses_grow_until_something_comes_through() {
        let mut line = Line::new(false);
        line.pause(None, 0.0, at(0));
        line.pause(None, 0.0, at(0));
        line.pause(None, 0.0, at(0));
        assert_eq!(line.free_at(at(0)), Some(at(4_100)));
        line.works();
        line.pause(None, 0.0, at(0));
        assert_eq!(line.free_at(at(0)), Some(at(1_100)));
    }
}
