//! What the owner of the state decides between two events: what is written
//! before what is sent, and what a store that fails does to both.
//!
//! The keeper drives it with real time and a real store, the simulation with
//! played ones. Pure: no clock, no task, no log.
//!
//! Invariants: at most one batch is under way; a job is handed out together
//! with the word that it must be written first; what could not be written stays
//! owed to the store until it is.

use std::sync::Arc;
use std::time::Duration;

use crate::alert::Timestamp;
use crate::alert::world::{Batch, Dirty, Job, Next, World};

/// Whoever had nothing to do for longer was not running, or the clock was set
/// forward: the keeper comes by every second.
const ASLEEP: Duration = Duration::from_secs(60);

/// A commit that takes longer is a store that fails (design 5).
pub const SLOW: Duration = Duration::from_secs(5);

/// What came of a batch.
pub type Written = Result<(), Unwritten>;

/// Why a batch was not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwritten {
    /// For people.
    pub why: String,
    /// What was written before is lost as well.
    pub gone: bool,
}

impl Unwritten {
    /// The store does not take batches any more.
    pub fn closed() -> Self {
        Self {
            why: "the store is closed".to_owned(),
            gone: false,
        }
    }
}

/// A batch to be written now.
#[derive(Clone, Debug)]
pub struct Write {
    /// What is written.
    pub batch: Batch,
    /// Whether everything else waits for it: not where the store failed last.
    pub wait: bool,
}

/// What a receiver's worker does next.
#[derive(Clone, Debug, PartialEq)]
pub enum Turn {
    /// Tell this, once everything is written where `write_first` says so.
    Tell {
        /// What to tell.
        job: Box<Job>,
        /// Whether something about it is not written yet.
        write_first: bool,
    },
    /// Nothing before this instant, or before something changes.
    Wait(Option<Timestamp>),
    /// The receiver is gone and knows everything.
    Stop,
}

/// How the store went over from one state to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// As before.
    Same,
    /// It failed and had worked.
    Broke,
    /// It works and had failed.
    Mended,
}

/// The world, and what the store has of it.
#[derive(Debug)]
pub struct Desk {
    /// Everything the agent knows.
    pub world: World,
    /// What is being written.
    under_way: Option<Dirty>,
    /// It was not written in time.
    late: bool,
    broken: bool,
    /// When somebody last came by.
    awake_at: Option<Timestamp>,
}

impl Desk {
    /// A world of which everything is written, in a store that works.
    pub fn new(world: World) -> Self {
        Self {
            world,
            under_way: None,
            late: false,
            broken: false,
            awake_at: None,
        }
    }

    /// Called before anything else that happens at `now`, and every second:
    /// after a sleep the world looks again before it speaks. Says how long it was.
    pub fn notice_sleep(&mut self, now: Timestamp) -> Option<Duration> {
        let before = self.awake_at.replace(now)?;
        let slept = now.since(before);
        if slept <= ASLEEP {
            return None;
        }
        self.world.woke(now);
        Some(slept)
    }

    /// Whether the store failed last.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// What has to be written now, if anything.
    pub fn write(&mut self) -> Option<Write> {
        if self.under_way.is_some() {
            return None;
        }
        let (batch, keys) = self.world.hand_out();
        if batch.is_empty() {
            return None;
        }
        self.under_way = Some(keys);
        self.late = false;
        Some(Write {
            batch,
            wait: !self.broken,
        })
    }

    /// The batch under way is not written within [`SLOW`]: nothing waits for it
    /// any more.
    pub fn late(&mut self, why: &str, now: Timestamp) -> Store {
        self.late = true;
        self.failed(why, now)
    }

    /// The batch under way is written, or will not be.
    pub fn written(&mut self, written: Written, now: Timestamp) -> Store {
        let Some(keys) = self.under_way.take() else {
            return Store::Same;
        };
        match written {
            // a store that is always too slow does not work again each time it is
            // done: the next batch shows it
            Ok(()) if self.late => {
                self.world.write_something();
                Store::Same
            }
            Ok(()) => {
                // also the trouble of a run before this one
                self.world.store_failed(None, now);
                match std::mem::take(&mut self.broken) {
                    true => Store::Mended,
                    false => Store::Same,
                }
            }
            Err(Unwritten { why, gone }) => {
                self.world.take_back(keys);
                if gone {
                    self.world.write_everything();
                }
                self.failed(&why, now)
            }
        }
    }

    fn failed(&mut self, why: &str, now: Timestamp) -> Store {
        self.world.store_failed(Some(why), now);
        match std::mem::replace(&mut self.broken, true) {
            true => Store::Same,
            false => Store::Broke,
        }
    }

    /// What `receiver` is to be told now.
    pub fn next(&mut self, receiver: &Arc<str>, now: Timestamp) -> Turn {
        if !self.world.knows_receiver(receiver) {
            return Turn::Stop;
        }
        match self.world.next(receiver, now) {
            Next::Wait(until) => Turn::Wait(until),
            Next::Job(job) => Turn::Tell {
                job,
                write_first: self.world.is_dirty(),
            },
        }
    }
}
