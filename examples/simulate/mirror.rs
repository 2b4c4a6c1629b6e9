//! The naive model, live and as it was when things were written, so that it
//! can forget what a crash makes the agent forget.

use std::collections::VecDeque;
use std::rc::Rc;

use super::model::{Answer, Model, Setup};

/// One thing that the model was told.
#[derive(Clone)]
enum Input {
    Evaluated(Rc<str>, i64, Rc<Vec<Answer>>, i64),
    Time(i64),
    Reload(Rc<Setup>, bool, i64),
    Restarted(Rc<Setup>, i64),
    Slept(i64),
}

/// Inputs between two copies of the model.
const APART: usize = 512;

pub struct Mirror {
    live: Model,
    /// Copies of the model at places, the oldest first; the first is of `first`.
    copies: VecDeque<(usize, Model)>,
    /// Everything since the first copy; its first entry has the number `first`.
    journal: VecDeque<Input>,
    first: usize,
}

impl Mirror {
    pub fn new(setup: &Setup, now: i64) -> Self {
        let model = Model::new(setup.clone(), now);
        Self {
            live: model.clone(),
            copies: VecDeque::from([(0, model)]),
            journal: VecDeque::new(),
            first: 0,
        }
    }

    fn tell(&mut self, input: Input) {
        apply(&mut self.live, &input);
        self.journal.push_back(input);
        let place = self.place();
        if place.is_multiple_of(APART) {
            self.copies.push_back((place, self.live.clone()));
        }
    }

    pub fn evaluated(&mut self, group: &str, slot: i64, answers: Rc<Vec<Answer>>, now: i64) {
        self.tell(Input::Evaluated(Rc::from(group), slot, answers, now));
    }

    pub fn time(&mut self, now: i64) {
        self.tell(Input::Time(now));
    }

    pub fn reload(&mut self, setup: &Setup, at_once: bool, now: i64) {
        self.tell(Input::Reload(Rc::new(setup.clone()), at_once, now));
    }

    pub fn restarted(&mut self, setup: &Setup, now: i64) {
        self.tell(Input::Restarted(Rc::new(setup.clone()), now));
    }

    pub fn slept(&mut self, now: i64) {
        self.tell(Input::Slept(now));
    }

    /// How much it was told so far.
    pub fn place(&self) -> usize {
        self.first + self.journal.len()
    }

    /// Nothing before `place` is ever forgotten.
    pub fn keep(&mut self, place: usize) {
        while self.copies.get(1).is_some_and(|(next, _)| *next <= place) {
            self.copies.pop_front();
        }
        self.forget();
    }

    /// Forgets what no copy needs.
    fn forget(&mut self) {
        let Some((first, _)) = self.copies.front() else {
            return;
        };
        let count = first.saturating_sub(self.first).min(self.journal.len());
        self.journal.drain(..count);
        self.first = *first;
    }

    /// Forgets what came after `place`.
    pub fn fall_back(&mut self, place: usize) {
        let count = place.saturating_sub(self.first).min(self.journal.len());
        self.journal.truncate(count);
        self.copies.retain(|(of, _)| *of <= place);
        if let Some((of, model)) = self.copies.back() {
            self.live = model.clone();
            for input in self.journal.iter().skip(of - self.first) {
                apply(&mut self.live, input);
            }
        }
    }

    /// What was written is lost: only what is live is left.
    pub fn blank(&mut self, setup: &Setup, now: i64) {
        self.copies = VecDeque::from([(self.place(), Model::new(setup.clone(), now))]);
        self.forget();
    }

    /// Everything that is live is written.
    pub fn keep_all(&mut self, live: Model, place: usize) {
        self.copies.retain(|(of, _)| *of > place);
        self.copies.push_front((place, live));
        self.forget();
    }

    pub fn live(&self) -> &Model {
        &self.live
    }
}

fn apply(model: &mut Model, input: &Input) {
    match input {
        Input::Evaluated(group, slot, answers, now) => model.evaluated(group, *slot, answers, *now),
        Input::Time(now) => model.time(*now),
        Input::Reload(setup, at_once, now) => model.reload((**setup).clone(), *at_once, *now),
        Input::Restarted(setup, now) => model.restarted((**setup).clone(), *now),
        Input::Slept(now) => model.slept(*now),
    }
}
