//! Where agents are to be caught: each place in its turn, whatever chance says,
//! and how often somebody was really caught there.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;

use super::bench::{PLACES, Place};
use super::dice::Dice;

/// Rounds after which somebody must have been caught at each place. An agent that
/// is only stopped keeps its connections, and so seldom begins one: of nine
/// plans to catch it there two came to nothing.
const ROUNDS: usize = 4;

/// Shared by the agents that suffer side by side.
pub struct Plan(Mutex<State>);

struct State {
    dice: Dice,
    /// Places that are not handed out yet in this round.
    round: Vec<Place>,
    planned: BTreeMap<Place, usize>,
    caught: BTreeMap<Place, usize>,
}

impl Plan {
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(State {
            dice: Dice::new(seed),
            round: Vec::new(),
            planned: BTreeMap::new(),
            caught: BTreeMap::new(),
        }))
    }

    /// Where the next agent is to be caught: every place once in each round.
    pub fn next(&self) -> Place {
        let mut state = self.0.lock().unwrap();
        if state.round.is_empty() {
            state.round = PLACES.to_vec();
        }
        let length = state.round.len();
        let at = state.dice.below(length);
        let place = state.round.swap_remove(at);
        *state.planned.entry(place).or_default() += 1;
        place
    }

    /// Notes that an agent was caught here.
    pub fn caught(&self, place: Place) {
        *self.0.lock().unwrap().caught.entry(place).or_default() += 1;
    }

    /// Fails where nobody was caught at some place, if there were [`ROUNDS`].
    pub fn assert_every_place_was_reached(&self) {
        let state = self.0.lock().unwrap();
        let enough = state.planned.values().sum::<usize>() >= ROUNDS * PLACES.len();
        let never: Vec<&Place> = PLACES
            .iter()
            .filter(|place| !state.caught.contains_key(place))
            .collect();
        assert!(
            !enough || never.is_empty(),
            "nobody was caught at {never:?}: planned {:?}, caught {:?}",
            state.planned,
            state.caught
        );
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.lock().unwrap();
        write!(f, "caught {:?} (planned {:?})", state.caught, state.planned)
    }
}

#[test]
#[should_panic(expected = "nobody was caught at [Committed]")]
fn a_place_at_which_nobody_is_caught_is_said() {
    let plan = Plan::new(1);
    for _ in 0..ROUNDS * PLACES.len() {
        let place = plan.next();
        plan.caught(match place {
            Place::Committed => Place::Anywhere,
            place => place,
        });
    }
    plan.assert_every_place_was_reached();
}

#[test]
fn each_place_is_planned_once_in_each_round() {
    let plan = Plan::new(1);
    for _ in 0..ROUNDS {
        let mut round: Vec<Place> = PLACES.iter().map(|_| plan.next()).collect();
        round.sort();
        assert_eq!(round, PLACES);
        round.into_iter().for_each(|place| plan.caught(place));
    }
    plan.assert_every_place_was_reached();
}
