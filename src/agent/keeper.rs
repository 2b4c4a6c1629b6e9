//! The one owner of the state: takes what happened, has the world decide,
//! writes, and only then lets anybody send.
//!
//! Events are handled one after the other, so there is no lock and no race:
//! what a worker is told to send was committed before. Those that wait are
//! written together, so that a disk that takes a second for each commit costs
//! a second and not one for each of them. A store that fails, or
//! takes longer than five seconds, stops nothing: judging and telling go on
//! from memory, the failure is an incident, and everything unwritten is written
//! as soon as it works again. What is decided of all this is in `desk.rs`; here
//! are the clock, the tasks, the waiting and the log.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::clock::Clock;
use super::compose::{Composed, Shown, compose};
use super::desk::{Desk, SLOW, Store, Turn, Unwritten, Written};
use super::health::Health;
use super::writer::Writer;
use crate::alert::Group;
use crate::alert::Timestamp;
use crate::alert::delivery::Outcome;
use crate::alert::roster::Roster;
use crate::alert::world::{Job, Report, Setup, World};
use crate::deliver::text::name;
use crate::heap;
use crate::now::now;

/// The pieces that this time is waited for in. Where the process was stopped (a
/// paused container, a machine that is moved), every timer is over at once, and
/// the commit has had no time at all: such a while counts as one piece.
const PIECE: Duration = Duration::from_secs(1);

/// Events that may wait before those who report are held back.
pub const QUEUE: usize = 256;

/// Events that are written together at most.
const TOGETHER: usize = 32;

/// Changes that are logged one by one where many come at once: a storm must
/// not hold up the first page, nor fill the disk.
const LOGGED: usize = 100;

/// Changes at once after which much memory may be free.
const STORM: usize = 1000;

/// How long after them it is given back: a storm seldom has one gust.
const CALM: Duration = Duration::from_secs(10);

/// Something that happened.
pub enum Event {
    /// Graphite was asked for a group.
    Evaluated {
        /// Which group, as it was when Graphite was asked.
        group: Arc<Group>,
        /// For which slot.
        slot: Timestamp,
        /// What came of it.
        report: Report,
        /// Answered when it is judged and written, with what is known of the group
        /// now; `None`: the configuration does not ask that any more.
        done: oneshot::Sender<Option<Arc<Roster>>>,
    },
    /// A worker has nothing to do.
    Next {
        /// Its receiver.
        receiver: Arc<str>,
        /// What to do.
        reply: oneshot::Sender<Work>,
    },
    /// A worker made an attempt.
    Settled {
        /// What it was to tell.
        job: Box<Job>,
        /// One for each recipient.
        outcomes: Vec<Outcome>,
        /// When it ended. The way to the receiver pauses from then on; what failed has to
        /// be ready when that is over, however long the keeper is busy now.
        at: Timestamp,
    },
    /// There is a new configuration.
    Reload(Box<Reload>),
    /// The pages of alerts say something else.
    Shown(Box<Shown>),
}

/// A new configuration.
pub struct Reload {
    /// What it decides.
    pub setup: Setup,
    /// What messages show beside the state.
    pub shown: Shown,
    /// Receivers whose address changed.
    pub moved: BTreeSet<Arc<str>>,
    /// Receivers that only have another name, as (old, new).
    pub renamed: Vec<(Arc<str>, Arc<str>)>,
    /// Those that are where one still is that lives on, as (its name, theirs).
    pub came_back: Vec<(Arc<str>, Arc<str>)>,
    /// Whether what left ends at once.
    pub at_once: bool,
    /// Receivers that live on under another name, as (old, new).
    pub reply: oneshot::Sender<Vec<(Arc<str>, Arc<str>)>>,
}

/// What a worker does next.
pub enum Work {
    /// Tell this.
    Tell(Box<Job>, Box<Composed>),
    /// Nothing before this instant, or before something changes.
    Wait(Option<Timestamp>),
    /// The receiver is gone and knows everything.
    Stop,
}

/// What is said to whoever sent an event, once what came of it is written.
enum Answer {
    Judged {
        slot: Timestamp,
        group: Option<Arc<Group>>,
        done: oneshot::Sender<Option<Arc<Roster>>>,
    },
    Reloaded {
        retired: Vec<(Arc<str>, Arc<str>)>,
        reply: oneshot::Sender<Vec<(Arc<str>, Arc<str>)>>,
    },
    Nobody,
}

/// The owner of the state.
pub struct Keeper {
    desk: Desk,
    shown: Shown,
    writer: Writer,
    health: Arc<Health>,
    /// Counts changes that workers may want to know of.
    changes: watch::Sender<u64>,
    clock: Clock,
    /// When much may have been freed; a start reads a whole store.
    freed: Option<Instant>,
    /// The end of a batch that nothing waits for, and when it was begun.
    pending: Option<(oneshot::Receiver<Written>, Instant)>,
}

impl Keeper {
    /// Takes charge of `world`.
    pub fn new(
        world: World,
        shown: Shown,
        writer: Writer,
        health: Arc<Health>,
        changes: watch::Sender<u64>,
        clock: Clock,
    ) -> Self {
        Self {
            desk: Desk::new(world),
            shown,
            writer,
            health,
            changes,
            clock,
            freed: Some(Instant::now()),
            pending: None,
        }
    }

    /// Handles events until all who send them are gone, then writes what is
    /// left and closes the store.
    pub async fn run(mut self, mut events: mpsc::Receiver<Event>) {
        self.tick().await;
        // with the slots, so that one wake-up is for both
        let next = Instant::now() + until_next_second(now());
        let mut seconds = interval_at(next, Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => {
                        self.notice_sleep();
                        self.handle(event, &mut events).await;
                    }
                    None => break,
                },
                _ = seconds.tick() => {
                    self.notice_sleep();
                    self.tick().await;
                }
            }
        }
        self.finish().await;
        self.writer.close().await;
    }

    /// Whoever was asleep, or was set forward, looks again before it speaks.
    fn notice_sleep(&mut self) {
        if let Some(slept) = self.desk.notice_sleep(now()) {
            tracing::warn!(
                slept_ms = u64::try_from(slept.as_millis()).unwrap_or(u64::MAX),
                "this computer was suspended, or its clock was set forward: judging anew before anybody is told"
            );
        }
    }

    /// Writes what is under way, and what came after it.
    async fn finish(&mut self) {
        self.desk.world.write_all();
        for _ in 0..2 {
            self.commit().await;
            let Some((written, _)) = self.pending.take() else {
                continue;
            };
            match timeout(SLOW, written).await {
                Ok(result) => self.wrote(result.unwrap_or_else(|_| Err(Unwritten::closed()))),
                Err(_) => break,
            }
        }
        if self.desk.is_broken() {
            tracing::error!("the store still fails: what changed meanwhile is not written");
        }
    }

    /// Takes an event and those that wait behind it, writes what came of them
    /// all, and answers whoever sent them.
    async fn handle(&mut self, first: Event, waiting: &mut mpsc::Receiver<Event>) {
        // a worker that has told asks for more at once: one commit for both
        tokio::task::yield_now().await;
        let mut answers = Vec::new();
        let mut asking = Vec::new();
        let mut next = Some(first);
        for room in (0..TOGETHER).rev() {
            match next {
                Some(Event::Next { receiver, reply }) => asking.push((receiver, reply)),
                Some(event) => answers.push(self.take(event)),
                None => break,
            }
            next = (room > 0).then(|| waiting.try_recv().ok()).flatten();
        }
        // after all others: what happened decides what is told
        let now = now();
        let turn = |(receiver, reply)| (self.desk.next(&receiver, now), reply);
        let turns: Vec<_> = asking.into_iter().map(turn).collect();
        let write_first = |(turn, _): &(Turn, _)| match turn {
            Turn::Tell { write_first, .. } => *write_first,
            Turn::Wait(_) | Turn::Stop => false,
        };
        if !answers.is_empty() {
            self.after(false).await;
        } else if turns.iter().any(write_first) {
            self.commit().await;
        }
        for answer in answers {
            self.answer(answer);
        }
        for (turn, reply) in turns {
            let _ = reply.send(self.work(turn, now));
        }
    }

    /// Has the world decide; the answer is due when that is written.
    fn take(&mut self, event: Event) -> Answer {
        match event {
            Event::Evaluated {
                group,
                slot,
                report,
                done,
            } => {
                let asked = self.desk.world.asks(&group);
                let twice = self.desk.world.evaluated(&group, report, slot, now());
                if let Some(legend) = twice.first() {
                    tracing::warn!(
                        alert = name(&group.name).as_str(),
                        series = name(legend).as_str(),
                        count = twice.len(),
                        "Graphite returned the same legend more than once: the alias hides something, the worst reading counts"
                    );
                }
                let group = asked.then_some(group);
                Answer::Judged { slot, group, done }
            }
            Event::Settled { job, outcomes, at } => {
                self.desk.world.settled(&job, &outcomes, at);
                Answer::Nobody
            }
            Event::Reload(reload) => {
                let Reload {
                    setup,
                    shown,
                    moved,
                    renamed,
                    came_back,
                    at_once,
                    reply,
                } = *reload;
                self.shown = shown;
                self.freed = Some(Instant::now());
                for (old, new) in renamed {
                    self.desk.world.rename(&old, &new);
                }
                let retired = self.desk.world.reload(setup, &moved, at_once, now());
                for (old, present) in came_back {
                    self.desk.world.came_back(&old, &present);
                }
                Answer::Reloaded { retired, reply }
            }
            Event::Shown(shown) => {
                self.shown = *shown;
                Answer::Nobody
            }
            // whoever asks is not answered here
            Event::Next { .. } => Answer::Nobody,
        }
    }

    fn answer(&self, answer: Answer) {
        match answer {
            Answer::Judged { slot, group, done } => {
                // last: whoever sees it sees what came of it as well
                self.health
                    .update(|health| health.evaluated_at = Some(slot));
                let known = group.map(|group| self.desk.world.known(&group.name));
                let _ = done.send(known);
            }
            Answer::Reloaded { retired, reply } => {
                let _ = reply.send(retired);
            }
            Answer::Nobody => {}
        }
    }

    /// What a worker does, now that it is written.
    fn work(&self, turn: Turn, now: Timestamp) -> Work {
        match turn {
            Turn::Stop => Work::Stop,
            Turn::Wait(until) => Work::Wait(until),
            Turn::Tell { job, .. } => match compose(&self.desk.world, &job, &self.shown, now) {
                Some(composed) => Work::Tell(job, Box::new(composed)),
                None => Work::Wait(None),
            },
        }
    }

    async fn tick(&mut self) {
        self.look_at_pending();
        let now = now();
        self.clock.look(now);
        self.health.update(|health| health.ticked_at = Some(now));
        self.desk.world.tick(now);
        let due = self.desk.world.is_dirty();
        self.after(due).await;
        if self.freed.is_some_and(|at| at.elapsed() >= CALM) {
            self.freed = None;
            let _ = tokio::task::spawn_blocking(heap::give_back).await;
        }
    }

    /// What follows every change: written, said in the log, and workers woken.
    async fn after(&mut self, due: bool) {
        self.commit().await;
        // also what writing brought about
        let news = self.desk.world.take_news();
        let changes = self.desk.world.take_transitions();
        for change in changes.iter().take(LOGGED) {
            tracing::info!(
                alert = name(&change.alert).as_str(),
                series = name(&change.series).as_str(),
                incident = %change.incident,
                from = %change.from,
                to = %change.to,
                reason = %change.reason,
                "{}", change.event()
            );
        }
        if changes.len() > LOGGED {
            let more = changes.len() - LOGGED;
            tracing::info!("{more} more changes at once are not logged one by one");
        }
        if changes.len() >= STORM {
            self.freed = Some(Instant::now());
        }
        drop(changes);
        for lost in self.desk.world.take_given_up() {
            tracing::error!(
                receiver = %lost.receiver,
                incident = %lost.incident,
                "gave up telling the end of an incident after 24 h of trying: {}", lost.why
            );
        }
        let (failing, tried) = self.desk.world.failing();
        let receivers = self.desk.world.troubled();
        self.health.update(|health| {
            health.failing = (failing, tried);
            health.receivers = receivers;
        });
        if due || news {
            self.changes
                .send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// Writes what changed. Waits for a store that works, not for one that fails.
    async fn commit(&mut self) {
        let Some(write) = self.desk.write() else {
            return;
        };
        let begun = Instant::now();
        let mut written = self.writer.write(write.batch);
        if !write.wait {
            self.pending = Some((written, begun));
            return;
        }
        match in_time(&mut written).await {
            Some(result) => self.wrote(result),
            None => {
                self.pending = Some((written, begun));
                self.late();
            }
        }
    }

    fn late(&mut self) {
        let why = format!("a commit took longer than {} s", SLOW.as_secs());
        let store = self.desk.late(&why, now());
        self.say(store, Some(&why));
    }

    /// Looks whether the batch that was not waited for is written by now.
    fn look_at_pending(&mut self) {
        let Some((mut written, begun)) = self.pending.take() else {
            return;
        };
        match written.try_recv() {
            Ok(result) => {
                if begun.elapsed() > SLOW {
                    self.late();
                }
                self.wrote(result);
            }
            Err(oneshot::error::TryRecvError::Empty) => self.pending = Some((written, begun)),
            Err(oneshot::error::TryRecvError::Closed) => self.wrote(Err(Unwritten::closed())),
        }
    }

    fn wrote(&mut self, written: Written) {
        let why = written
            .as_ref()
            .err()
            .map(|unwritten| unwritten.why.clone());
        let store = self.desk.written(written, now());
        self.say(store, why.as_deref());
    }

    /// Says how the store is, where that is news; `why` it fails.
    fn say(&self, store: Store, why: Option<&str>) {
        match store {
            Store::Broke => tracing::error!(
                "{}: judging and telling go on from memory",
                why.unwrap_or_default()
            ),
            Store::Mended => tracing::info!("the store is written again"),
            Store::Same => {}
        }
        let failed = self.desk.is_broken();
        self.health.update(|health| {
            health.store = match why {
                Some(why) => Some(why.to_owned()),
                None => health.store.take().filter(|_| failed),
            };
        });
    }
}

/// The time until a second of the clock begins.
fn until_next_second(now: Timestamp) -> Duration {
    let left = 1000 - now.as_millis().rem_euclid(1000);
    Duration::from_millis(left.unsigned_abs())
}

/// What came of a batch, if that is known within [`SLOW`].
async fn in_time(written: &mut oneshot::Receiver<Written>) -> Option<Written> {
    let mut left = SLOW;
    while !left.is_zero() {
        if let Ok(result) = timeout(PIECE, &mut *written).await {
            return Some(result.unwrap_or_else(|_| Err(Unwritten::closed())));
        }
        left = left.saturating_sub(PIECE);
    }
    None
}

#[cfg(test)]
mod tests;
