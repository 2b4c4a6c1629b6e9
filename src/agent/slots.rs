//! Which slot of a schedule is next, how late it is, when a failed one is tried
//! again. Pure: the time is an argument, and whoever asks sleeps and logs.

use std::time::Duration;

use crate::alert::group::Head;
use crate::alert::{Schedule, Timestamp};

/// Slots further away than this are worth another try of a failed one.
const FAR: Duration = Duration::from_secs(5 * 60);

/// A clock that is further back than this was set; slots come again then.
const BACK: Duration = Duration::from_secs(10);

/// At a start, a slot that was missed so recently is made up for.
const FRESH: Duration = Duration::from_secs(60);

/// Missed slots are counted no further.
const COUNTED: u64 = 100_000;

/// Where a group stands among its slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    last: Timestamp,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Evaluate this slot.
    Due {
        /// The newest slot that has begun.
        slot: Timestamp,
        /// How many before it were missed.
        missed: u64,
    },
    /// Nothing before this much time has passed; `None`: never.
    Wait(Option<Duration>),
    /// Ask again: the clock was set back, and slots go on from the present.
    SetBack,
}

/// The newest slot that the run before this one was done with: one that failed
/// is not.
pub fn done_with(head: &Head) -> Option<Timestamp> {
    match head.failing_since {
        Some(_) => head.slot.map(|slot| slot.minus(Duration::from_millis(1))),
        None => head.slot,
    }
}

impl Slots {
    /// Where to go on from after the slot `last` of the run before this one:
    /// the newest slot missed meanwhile is evaluated if it is fresh enough.
    /// Returns how many beside it were missed.
    pub fn start(schedule: &Schedule, last: Option<Timestamp>, now: Timestamp) -> (Self, u64) {
        let (Some(last), Some(newest)) = (last, schedule.latest_at(now)) else {
            return (Self { last: now }, 0);
        };
        let missed = schedule.count_between(last, newest, COUNTED);
        let fresh = (schedule.period_before(newest) / 10).max(FRESH);
        if missed > 0 && now.since(newest) < fresh {
            let just_before = newest.minus(Duration::from_millis(1));
            (Self { last: just_before }, missed - 1)
        } else {
            (Self { last: now }, missed)
        }
    }

    /// Goes on from the present: slots of another schedule were not missed.
    pub fn go_on_from(&mut self, now: Timestamp) {
        self.last = now;
    }

    /// What is to be done at `now`.
    pub fn next(&mut self, schedule: &Schedule, now: Timestamp) -> Step {
        if now.plus(BACK) < self.last {
            self.last = now;
            return Step::SetBack;
        }
        let next = schedule.next_after(self.last);
        let Some(next) = next.filter(|next| *next <= now) else {
            return Step::Wait(next.map(|next| next.since(now)));
        };
        let newest = schedule.latest_at(now);
        let slot = newest.map_or(next, |newest| newest.max(next));
        let missed = schedule.count_between(self.last, slot, COUNTED);
        self.last = slot;
        Step::Due {
            slot,
            missed: missed.saturating_sub(1),
        }
    }
}

/// How long after a failed attempt (the first is 0) at `slot` the next one is
/// made; `None`: the next slot is near enough.
pub fn retry(
    schedule: &Schedule,
    slot: Timestamp,
    attempt: u32,
    now: Timestamp,
) -> Option<Duration> {
    let wait = Duration::from_secs(match attempt {
        0 => 10,
        1 => 30,
        _ => 60,
    });
    match schedule.next_after(slot) {
        Some(next) if next.since(slot) <= FAR || now.plus(wait) >= next => None,
        _ => Some(wait),
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
    use super::*;

    fn every(seconds: u64) -> Schedule {
        Schedule::every(Duration::from_secs(seconds), "Load").unwrap()
    }

    fn cron(expression: &str) -> Schedule {
        Schedule::cron(expression, crate::alert::Zone::UTC).unwrap()
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Some slot of `schedule`, and the time since then.
    fn slot_of(schedule: &Schedule) -> Timestamp {
        let from = Timestamp::from_secs(1_700_000_000);
        schedule.next_after(from).unwrap()
    }

    fn due(slot: Timestamp, missed: u64) -> Step {
        Step::Due { slot, missed }
    }

    #[test]
    fn slots_follow_each_other() {
        let minutes = every(60);
        let slot = slot_of(&minutes);
        let (mut slots, _) = Slots::start(&minutes, None, slot.minus(secs(1)));
        assert_eq!(
            slots.next(&minutes, slot.minus(secs(1))),
            Step::Wait(Some(secs(1)))
        );
        assert_eq!(slots.next(&minutes, slot), due(slot, 0));
        assert_eq!(slots.next(&minutes, slot), Step::Wait(Some(secs(60))));
        let next = slot.plus(secs(60));
        assert_eq!(slots.next(&minutes, next.plus(secs(3))), due(next, 0));
    }

    #[test]
    fn first_start_waits_for_the_next_slot() {
        let minutes = every(60);
        let now = slot_of(&minutes).plus(secs(1));
        let (mut slots, missed) = Slots::start(&minutes, None, now);
        assert_eq!(missed, 0);
        assert_eq!(slots.next(&minutes, now), Step::Wait(Some(secs(59))));
    }

    #[test]
    fn late_evaluation_is_that_of_the_newest_slot_and_the_others_are_counted() {
        let minutes = every(60);
        let slot = slot_of(&minutes);
        let (mut slots, _) = Slots::start(&minutes, None, slot.minus(secs(1)));
        slots.next(&minutes, slot);
        let late = slot.plus(secs(60 * 5 + 20));
        assert_eq!(slots.next(&minutes, late), due(slot.plus(secs(300)), 4));
    }

    #[test]
    fn restart_makes_up_for_the_newest_missed_slot_alone() {
        let minutes = every(60);
        let slot = slot_of(&minutes);
        let now = slot.plus(secs(59));
        let (mut slots, missed) = Slots::start(&minutes, Some(slot.minus(secs(180))), now);
        assert_eq!(missed, 2);
        assert_eq!(slots.next(&minutes, now), due(slot, 0));
    }

    #[test]
    fn restart_within_one_slot_evaluates_nothing_twice() {
        let minutes = every(60);
        let slot = slot_of(&minutes);
        let now = slot.plus(secs(30));
        let (mut slots, missed) = Slots::start(&minutes, Some(slot), now);
        assert_eq!(missed, 0);
        assert_eq!(slots.next(&minutes, now), Step::Wait(Some(secs(30))));
    }

    #[test]
    fn missed_slot_is_made_up_for_within_a_tenth_of_its_period() {
        for (schedule, limit) in [
            (cron("0 6 * * *"), 8640),
            (cron("0 * * * *"), 360),
            (every(3600), 360),
            // a tenth is less than a minute here
            (every(300), 60),
        ] {
            let slot = slot_of(&schedule);
            let before = schedule.latest_at(slot.minus(secs(1))).unwrap();
            let start = |late: u64| Slots::start(&schedule, Some(before), slot.plus(secs(late)));
            let (mut slots, missed) = start(limit - 1);
            assert_eq!(missed, 0);
            assert_eq!(
                slots.next(&schedule, slot.plus(secs(limit - 1))),
                due(slot, 0)
            );
            let (mut slots, missed) = start(limit);
            assert_eq!(missed, 1, "counted, not made up for");
            let step = slots.next(&schedule, slot.plus(secs(limit)));
            assert!(matches!(step, Step::Wait(Some(_))), "{step:?}");
        }
    }

    #[test]
    fn clock_set_back_begins_again_from_the_present() {
        let minutes = every(60);
        let slot = slot_of(&minutes);
        let (mut slots, _) = Slots::start(&minutes, None, slot.minus(secs(1)));
        slots.next(&minutes, slot);
        let back = slot.minus(secs(3600));
        assert_eq!(slots.next(&minutes, back), Step::SetBack);
        assert_eq!(slots.next(&minutes, back), Step::Wait(Some(secs(60))));
        // as NTP does all day
        let (mut slots, _) = Slots::start(&minutes, None, slot);
        assert_eq!(
            slots.next(&minutes, slot.minus(secs(5))),
            Step::Wait(Some(secs(65)))
        );
    }

    #[test]
    fn stored_slot_of_a_clock_that_was_ahead_holds_nothing_up() {
        let minutes = every(60);
        let now = slot_of(&minutes);
        let (mut slots, missed) = Slots::start(&minutes, Some(now.plus(secs(86_400))), now);
        assert_eq!(missed, 0);
        assert_eq!(slots.next(&minutes, now), Step::Wait(Some(secs(60))));
    }

    #[test]
    fn slots_of_a_new_schedule_were_not_missed() {
        let (hours, minutes) = (every(3600), every(60));
        let slot = slot_of(&hours);
        let (mut slots, _) = Slots::start(&hours, None, slot.minus(secs(1)));
        slots.next(&hours, slot);
        let now = slot.plus(secs(1800));
        slots.go_on_from(now);
        let next = minutes.next_after(now).unwrap();
        assert_eq!(slots.next(&minutes, next), due(next, 0));
    }

    #[test]
    fn schedule_without_another_slot_waits_for_ever() {
        let last = cron("0 0 1 1 *");
        let end = Timestamp::from_secs(4_200_000_000);
        let (mut slots, _) = Slots::start(&last, None, end);
        assert_eq!(slots.next(&last, end), Step::Wait(None));
    }

    #[test]
    fn failed_slot_is_tried_again_after_ten_and_thirty_seconds_then_each_minute() {
        let hours = every(3600);
        let slot = slot_of(&hours);
        let waits: Vec<u64> = (0..5)
            .map(|attempt| retry(&hours, slot, attempt, slot).unwrap().as_secs())
            .collect();
        assert_eq!(waits, [10, 30, 60, 60, 60]);
    }

    #[test]
    fn failed_slot_is_given_up_for_the_next_one() {
        let hours = every(3600);
        let slot = slot_of(&hours);
        assert!(retry(&hours, slot, 9, slot.plus(secs(3500))).is_some());
        assert_eq!(retry(&hours, slot, 9, slot.plus(secs(3541))), None);
    }

    #[test]
    fn slots_five_minutes_apart_need_no_second_try() {
        let slot = slot_of(&every(300));
        assert_eq!(retry(&every(300), slot, 0, slot), None);
        let slot = slot_of(&every(301));
        assert_eq!(retry(&every(301), slot, 0, slot), Some(secs(10)));
    }
}
