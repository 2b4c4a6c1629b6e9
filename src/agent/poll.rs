//! The schedule of one group: waits for its slot, has it fetched, hands over
//! what came of it.
//!
//! Each group has a task of its own, so a slow target delays nobody else. Late
//! is not skipped silently: slots that passed meanwhile are counted and logged,
//! and the newest is evaluated.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::fetch::{Failure, Fetched, Known, fetch};
use super::health::Health;
use super::keeper::Event;
use super::slots::{Slots, Step, retry};
use crate::alert::{Group, Timestamp, duration};
use crate::deliver::text::name;
use crate::graphite::Client;
use crate::now::now;

/// The longest sleep: a clock that is set, or a host that was suspended, is
/// noticed within it.
const NAP: Duration = Duration::from_secs(5);

/// A new configuration reaches every group within it.
const SOON: Duration = Duration::from_secs(10);

/// An evaluation that starts later than this is logged as late.
const LATE: Duration = Duration::from_secs(10);

/// What a group's task works on; `None` ends it.
pub type Assignment = Option<(Arc<Group>, Client)>;

/// What is remembered of a group from before this start.
#[derive(Debug, Default)]
pub struct Before {
    /// The slot that was evaluated last.
    pub slot: Option<Timestamp>,
    /// The series that are known of its targets.
    pub known: Known,
}

/// Evaluates a group at its slots until the assignment ends.
pub async fn poll(
    mut assignment: watch::Receiver<Assignment>,
    before: Before,
    events: mpsc::Sender<Event>,
    health: Arc<Health>,
) {
    let Before {
        slot: last,
        mut known,
    } = before;
    let Some((group, _)) = assignment.borrow_and_update().clone() else {
        return;
    };
    let (mut slots, missed) = Slots::start(&group.schedule, last, now());
    note_missed(&group, missed, &health, "while no agent ran");
    let mut schedule = group.schedule.clone();
    let mut trouble = Trouble::default();
    loop {
        if assignment.has_changed().is_err() {
            return;
        }
        let Some((group, _)) = assignment.borrow_and_update().clone() else {
            return;
        };
        if group.schedule != schedule {
            slots.go_on_from(now());
            schedule = group.schedule.clone();
        }
        let Some((slot, missed)) = wait(&mut assignment, &group, &mut slots).await else {
            continue;
        };
        let why = "evaluating took too long, or this computer was busy or suspended";
        note_missed(&group, missed, &health, why);
        let late = now().since(slot);
        if late > LATE {
            health.update(|health| health.late = health.late.saturating_add(1));
            tracing::warn!(
                alert = name(&group.name).as_str(),
                late_ms = u64::try_from(late.as_millis()).unwrap_or(u64::MAX),
                "evaluating slot {slot} late"
            );
        }
        // in a box of its own: a thousand groups that wait hold no room for it
        let evaluation = evaluate(assignment.clone(), slot, &mut known, &events, &mut trouble);
        let evaluation = Box::pin(evaluation);
        tokio::select! {
            () = evaluation => {}
            () = ended(&mut assignment) => return,
        }
    }
}

fn note_missed(group: &Group, missed: u64, health: &Health, why: &str) {
    if missed > 0 {
        health.update(|health| health.missed = health.missed.saturating_add(missed));
        tracing::warn!(
            alert = name(&group.name).as_str(),
            missed,
            "missed slots: {why}"
        );
    }
}

/// Sleeps until a slot is due, and says how many were missed before it. `None`:
/// the assignment changed.
async fn wait(
    assignment: &mut watch::Receiver<Assignment>,
    group: &Group,
    slots: &mut Slots,
) -> Option<(Timestamp, u64)> {
    loop {
        let wait = match slots.next(&group.schedule, now()) {
            Step::Due { slot, missed } => return Some((slot, missed)),
            Step::Wait(wait) => wait.map_or(NAP, |wait| wait.min(NAP)),
            Step::SetBack => {
                tracing::warn!(
                    alert = name(&group.name).as_str(),
                    "the clock was set back: going on from the present"
                );
                continue;
            }
        };
        tokio::select! {
            () = sleep(wait) => {}
            _ = assignment.changed() => return None,
        }
    }
}

/// Resolves when there is nothing more to do for this group.
async fn ended(assignment: &mut watch::Receiver<Assignment>) {
    // an error says that nobody is left to assign anything
    let _ = assignment.wait_for(Option::is_none).await;
}

/// Evaluates one slot; where the next is far away, a failure is tried again,
/// and at once when the configuration changes.
async fn evaluate(
    mut assignment: watch::Receiver<Assignment>,
    slot: Timestamp,
    known: &mut Known,
    events: &mpsc::Sender<Event>,
    trouble: &mut Trouble,
) {
    for attempt in 0_u32.. {
        let Some((group, client)) = assignment.borrow_and_update().clone() else {
            return;
        };
        let Fetched { report, failures } = fetch(&client, &group, slot, known).await;
        trouble.note(&group, &failures);
        if failures.is_empty() {
            // from here on the client knows better
            known.clear();
        }
        let (done, judged) = oneshot::channel();
        let event = Event::Evaluated {
            group: Arc::clone(&group),
            slot,
            report,
            done,
        };
        if events.send(event).await.is_err() {
            return;
        }
        // judged before the next one is fetched: nothing piles up
        if judged.await == Ok(false) {
            // what is asked now has not been asked for this slot: at once
            match timeout(SOON, assignment.changed()).await {
                Ok(Ok(())) => continue,
                Ok(Err(_)) | Err(_) => return,
            }
        }
        let again = retry(&group.schedule, slot, attempt, now());
        let Some(wait) = again.filter(|_| !failures.is_empty()) else {
            return;
        };
        tracing::info!(
            alert = name(&group.name).as_str(),
            "trying slot {slot} again in {}",
            duration::format(wait)
        );
        tokio::select! {
            () = sleep(wait) => {}
            changed = assignment.changed() => if changed.is_err() { return },
        }
    }
}

/// The last failure that was logged: the same one is not said every minute.
#[derive(Default)]
struct Trouble(Option<String>);

impl Trouble {
    fn note(&mut self, group: &Group, failures: &[Failure]) {
        let Some(first) = failures.first() else {
            if self.0.take().is_some() {
                tracing::info!(alert = name(&group.name).as_str(), "fetched again");
            }
            return;
        };
        let why = first.to_string();
        if self.0.as_ref() == Some(&why) {
            tracing::debug!(
                alert = name(&group.name).as_str(),
                "still cannot fetch: {why}"
            );
            return;
        }
        for failure in failures {
            tracing::warn!(
                alert = name(&group.name).as_str(),
                target = name(&failure.target).as_str(),
                place = %failure.place,
                "cannot fetch: {}", failure.error
            );
        }
        self.0 = Some(why);
    }
}
