//! How the agent itself is doing, for `/readyz` and the heartbeat.

use std::sync::Mutex;
use std::time::Duration;

use crate::alert::Timestamp;

/// Whoever looks at the time each second, and has not for so long, hangs.
const STUCK: Duration = Duration::from_secs(60);

/// The agent's own state; cheap to read from anywhere.
#[derive(Debug, Default)]
pub struct Health(Mutex<State>);

/// What is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// When the owner of the state last looked at the time, as it does each second.
    pub ticked_at: Option<Timestamp>,
    /// When a group was last judged.
    pub evaluated_at: Option<Timestamp>,
    /// Groups whose latest fetch failed, of those that were tried.
    pub failing: (usize, usize),
    /// Why the store cannot be written.
    pub store: Option<String>,
    /// Receivers that cannot be told.
    pub receivers: Vec<String>,
    /// Slots that were missed since the start.
    pub missed: u64,
    /// Evaluations that started late.
    pub late: u64,
}

impl Health {
    /// The present state.
    pub fn read(&self) -> State {
        self.0.lock().map_or_else(
            |poisoned| poisoned.into_inner().clone(),
            |state| state.clone(),
        )
    }

    /// Changes it.
    pub fn update(&self, change: impl FnOnce(&mut State)) {
        match self.0.lock() {
            Ok(mut state) => change(&mut state),
            Err(poisoned) => change(&mut poisoned.into_inner()),
        }
    }
}

impl State {
    /// Why the agent is not ready: not evaluating, or not able to write.
    pub fn not_ready(&self, now: Timestamp) -> Option<String> {
        if let Some(why) = &self.store {
            return Some(format!("the store cannot be written: {why}"));
        }
        if self.ticked_at.is_some_and(|at| now.since(at) > STUCK) {
            return Some("the agent is stuck".to_owned());
        }
        match (self.evaluated_at, self.failing) {
            (None, _) => Some("nothing has been evaluated yet".to_owned()),
            (_, (failing, tried)) if failing == tried && tried > 0 => {
                Some("Graphite does not answer".to_owned())
            }
            _ => None,
        }
    }

    /// Why the heartbeat is withheld: as `not_ready`, or somebody cannot be told.
    pub fn unwell(&self, now: Timestamp) -> Option<String> {
        self.not_ready(now).or_else(|| {
            (!self.receivers.is_empty())
                .then(|| format!("receivers cannot be told: {}", self.receivers.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(1_700_000_000 + seconds)
    }

    /// All is well, at 0.
    fn well() -> State {
        State {
            ticked_at: Some(at(0)),
            evaluated_at: Some(at(0)),
            failing: (0, 3),
            ..State::default()
        }
    }

    fn check(state: &State, not_ready: Option<&str>, unwell: Option<&str>) {
        assert_eq!(state.not_ready(at(1)).as_deref(), not_ready);
        assert_eq!(state.unwell(at(1)).as_deref(), unwell);
    }

    #[test]
    fn agent_that_works_is_ready_and_well() {
        check(&well(), None, None);
    }

    #[test]
    fn before_the_first_evaluation_it_is_not_ready() {
        let why = Some("nothing has been evaluated yet");
        check(&State::default(), why, why);
    }

    #[test]
    fn while_no_group_can_be_fetched_it_is_not_ready() {
        let failing = |failing| State { failing, ..well() };
        check(&failing((2, 3)), None, None);
        let why = Some("Graphite does not answer");
        check(&failing((3, 3)), why, why);
    }

    #[test]
    fn while_the_store_fails_it_is_not_ready() {
        let state = State {
            store: Some("disk full".to_owned()),
            ..well()
        };
        let why = Some("the store cannot be written: disk full");
        check(&state, why, why);
    }

    #[test]
    fn while_somebody_cannot_be_told_it_is_ready_and_not_well() {
        let state = State {
            receivers: vec!["oncall".to_owned(), "chat".to_owned()],
            ..well()
        };
        check(&state, None, Some("receivers cannot be told: oncall, chat"));
    }

    #[test]
    fn agent_that_hangs_is_neither_ready_nor_well() {
        let why = Some("the agent is stuck".to_owned());
        assert_eq!(well().not_ready(at(60)), None);
        assert_eq!(well().not_ready(at(61)), why);
        assert_eq!(well().unwell(at(61)), why);
    }
}
