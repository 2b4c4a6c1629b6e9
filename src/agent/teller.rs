//! The worker of one receiver: asks for the most urgent thing to tell, makes
//! one attempt, reports what came of it.
//!
//! One at a time, so that what a receiver hears of an incident is in order; one
//! worker for each receiver, so that one that hangs delays no other.

use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::compose::Composed;
use super::keeper::{Event, Work};
use crate::alert::Timestamp;
use crate::alert::delivery::Outcome;
use crate::alert::duration;
use crate::alert::rate::Line;
use crate::alert::world::Job;
use crate::deliver::settings::Destination;
use crate::deliver::{Sender, console};
use crate::graphite::Client;
use crate::now::now;
use crate::secret::Secret;

/// The ways to receivers: those that share a routing key share one.
#[derive(Default)]
pub struct Lines(HashMap<Secret, Arc<Mutex<Line>>>);

impl Lines {
    /// The way to `destination`.
    pub fn of(&mut self, destination: &Destination) -> Arc<Mutex<Line>> {
        match destination {
            Destination::PagerDuty(pagerduty) => {
                let line = self.0.entry(pagerduty.routing_key.clone());
                Arc::clone(line.or_insert_with(|| Arc::new(Mutex::new(Line::new(true)))))
            }
            _ => Arc::new(Mutex::new(Line::new(false))),
        }
    }
}

/// How a receiver is told.
pub enum Voice {
    /// As it is configured.
    Real(Box<Sender>),
    /// `--dry-run`: on standard output, with the receiver's name.
    Dry,
}

/// One receiver's worker.
pub struct Teller {
    /// The receiver.
    pub name: Arc<str>,
    /// How it is told.
    pub voice: Voice,
    /// The way to it.
    pub line: Arc<Mutex<Line>>,
    /// For pictures.
    pub graphite: watch::Receiver<Client>,
    /// To the keeper.
    pub events: mpsc::Sender<Event>,
    /// Changes that may give it something to do.
    pub changes: watch::Receiver<u64>,
    /// `true` ends it after the attempt that it is making.
    pub stop: watch::Receiver<bool>,
}

impl Teller {
    /// Works until it is stopped, or its receiver is gone and knows everything.
    pub async fn run(mut self) {
        while !*self.stop.borrow() {
            if let Some(free) = self.free_at() {
                self.rest(Some(free)).await;
                continue;
            }
            self.changes.mark_unchanged();
            let (reply, work) = oneshot::channel();
            let receiver = Arc::clone(&self.name);
            if self
                .events
                .send(Event::Next { receiver, reply })
                .await
                .is_err()
            {
                return;
            }
            match work.await {
                Ok(Work::Tell(job, composed)) => self.tell(job, *composed).await,
                Ok(Work::Wait(until)) => self.wait(until).await,
                Ok(Work::Stop) | Err(_) => return,
            }
        }
    }

    async fn tell(&self, job: Box<Job>, composed: Composed) {
        let Composed {
            mut message,
            picture,
        } = composed;
        let outcomes = match &self.voice {
            Voice::Dry => {
                let outcome = console::rehearse(&message, &self.name).await;
                vec![outcome; job.recipients.len()]
            }
            Voice::Real(sender) => {
                if let (true, Some(url)) = (sender.wants_picture(), picture) {
                    let client = self.graphite.borrow().clone();
                    message.picture = client.picture(&url).await;
                }
                self.with_line(Line::take);
                let sending = sender.send(&message, &job.recipients);
                attempt(sending, sender.patience(), job.recipients.len()).await
            }
        };
        let at = now();
        self.record(&job, &outcomes, at);
        let _ = self.events.send(Event::Settled { job, outcomes, at }).await;
    }

    /// Says in the log what came of it, and paces the way accordingly.
    fn record(&self, job: &Job, outcomes: &[Outcome], at: Timestamp) {
        self.with_line(|line, _| line.settled(outcomes, at));
        for (recipient, outcome) in job.recipients.iter().zip(outcomes) {
            let (receiver, incident) = (&*self.name, job.incident);
            match outcome {
                Outcome::Accepted => {
                    tracing::info!(receiver, recipient = &**recipient, %incident, level = %job.level, "told");
                }
                Outcome::Later { why, .. } => {
                    tracing::warn!(receiver, recipient = &**recipient, %incident, "not told yet: {why}");
                }
                Outcome::Rejected { why, .. } => {
                    tracing::error!(receiver, recipient = &**recipient, %incident, "rejected: {why}");
                }
            }
        }
    }

    fn free_at(&self) -> Option<Timestamp> {
        self.with_line(Line::free_at)
    }

    fn with_line<T>(&self, f: impl FnOnce(&mut Line, Timestamp) -> T) -> T {
        match self.line.lock() {
            Ok(mut line) => f(&mut line, now()),
            Err(poisoned) => f(&mut poisoned.into_inner(), now()),
        }
    }

    /// Waits until then, or until something changes.
    async fn wait(&mut self, until: Option<Timestamp>) {
        tokio::select! {
            () = sleep_until(until) => {}
            _ = self.changes.changed() => {}
            _ = self.stop.changed() => {}
        }
    }

    /// Waits until then, whatever changes.
    async fn rest(&mut self, until: Option<Timestamp>) {
        tokio::select! {
            () = sleep_until(until) => {}
            _ = self.stop.changed() => {}
        }
    }
}

/// What came of `sending`, one outcome for each recipient, whatever becomes of it:
/// a worker that ended, or waited for ever, would never tell its receiver again.
async fn attempt(
    sending: impl Future<Output = Vec<Outcome>>,
    patience: Duration,
    recipients: usize,
) -> Vec<Outcome> {
    let why = match timeout(patience, AssertUnwindSafe(sending).catch_unwind()).await {
        Ok(Ok(outcomes)) => return outcomes,
        Ok(Err(_)) => "this program failed in the attempt (see above): please report it".to_owned(),
        Err(_) => format!("no end after {}", duration::format(patience)),
    };
    let outcome = Outcome::Later {
        why,
        after: None,
        pause: true,
        unsure: true,
    };
    vec![outcome; recipients]
}

async fn sleep_until(until: Option<Timestamp>) {
    match until {
        // at least a little, so that a clock that stands still spins nothing
        Some(until) => sleep(until.since(now()).max(Duration::from_millis(1))).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn why(outcomes: &[Outcome]) -> Vec<&str> {
        let why = |outcome| match outcome {
            &Outcome::Later {
                ref why,
                pause: true,
                unsure: true,
                ..
            } => why.as_str(),
            other => panic!("{other:?}"),
        };
        outcomes.iter().map(why).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_has_no_end_is_tried_later() {
        let sending = std::future::pending();
        let outcomes = attempt(sending, Duration::from_secs(180), 2).await;
        assert_eq!(why(&outcomes), ["no end after 3m"; 2]);
    }

    #[tokio::test]
    async fn an_attempt_that_panics_ends_no_worker() {
        let sending = async { panic!("a fault") };
        let outcomes = attempt(sending, Duration::from_secs(180), 2).await;
        let why = why(&outcomes);
        assert_eq!(why.len(), 2);
        assert!(why.iter().all(|why| why.contains("please report it")));
    }
}
