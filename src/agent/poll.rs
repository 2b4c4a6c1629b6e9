//! The schedule of one group: waits for its slot, has it fetched, hands over
//! what came of it.
//!
//! Each group has a task of its own, so a slow target delays nobody else. Late
//! is not skipped silently: slots that passed meanwhile are counted and logged,
//! and the newest is evaluated. Nor does a group end silently where this program
//! is wrong: a panic is a fetch that failed, and the group goes on.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::fetch::{Failure, Fetched, Known, fetch};
use super::health::Health;
use super::keeper::Event;
use super::slots::{Slots, Step, retry};
use crate::alert::world::Report;
use crate::alert::{Group, Timestamp, duration};
use crate::deliver::text::name;
use crate::graphite::Client;
use crate::now::now;

/// The longest sleep, where the next slot is further away or there is none.
const NAP: Duration = Duration::from_secs(60);

/// How long a group whose slots cannot be followed rests.
const REST: Duration = Duration::from_secs(5);

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
    assignment: watch::Receiver<Assignment>,
    jumps: watch::Receiver<()>,
    mut before: Before,
    events: mpsc::Sender<Event>,
    health: Arc<Health>,
) {
    loop {
        let begun = std::mem::take(&mut before);
        let waits = (assignment.clone(), jumps.clone());
        let slots = run(waits, begun, events.clone(), Arc::clone(&health));
        // in a box of its own: what waits between the slots is as small as can be
        let Err(why) = unwound(Box::pin(slots)).await else {
            return;
        };
        tracing::error!(
            "a group's slots cannot be followed, going on from the present: {why}; this is a bug"
        );
        sleep(REST).await;
    }
}

async fn run(
    (mut assignment, mut jumps): (watch::Receiver<Assignment>, watch::Receiver<()>),
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
        let Some((slot, missed)) = wait(&mut assignment, &mut jumps, &group, &mut slots).await
        else {
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
        let evaluation = Box::pin(unwound(evaluation));
        tokio::select! {
            done = evaluation => if let Err(why) = done {
                own_up(&group, slot, &why, &events).await;
            },
            () = ended(&mut assignment) => return,
        }
    }
}

/// What comes of `future`, or the words of the panic that it ends in.
async fn unwound<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let result = AssertUnwindSafe(future).catch_unwind().await;
    result.map_err(|panic| words(&*panic))
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no reason given").to_owned()
}

/// Says that evaluating `slot` ended in a panic: in the log, and as a failed
/// fetch, of which somebody is told where it goes on so.
async fn own_up(group: &Arc<Group>, slot: Timestamp, why: &str, events: &mpsc::Sender<Event>) {
    tracing::error!(
        alert = name(&group.name).as_str(),
        "evaluating slot {slot} failed: {why}; this is a bug"
    );
    let report = Report {
        answers: vec![None; group.alerts.len()],
        failure: Some(format!(
            "evaluating it failed: {why}; this is a bug of graphite-pager, whose log says where"
        )),
    };
    let (done, judged) = oneshot::channel();
    let event = Event::Evaluated {
        group: Arc::clone(group),
        slot,
        report,
        done,
    };
    // an error says that the agent stops
    if events.send(event).await.is_ok() {
        let _ = judged.await;
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
    jumps: &mut watch::Receiver<()>,
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
            // the clock is not what it was
            Ok(()) = jumps.changed() => {}
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
        match judged.await {
            Ok(Some(now)) => known.series = now,
            // what is asked now has not been asked for this slot: at once
            Ok(None) => match timeout(SOON, assignment.changed()).await {
                Ok(Ok(())) => continue,
                Ok(Err(_)) | Err(_) => return,
            },
            // the agent stops
            Err(_) => {}
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[tokio::test]
    async fn panic_is_a_value_with_its_words() {
        assert_eq!(unwound(async { 1 }).await, Ok(1));
        let panics: [(fn(), &str); 3] = [
            (|| panic!("plain"), "plain"),
            (|| panic!("with {}", 1), "with 1"),
            (|| std::panic::panic_any(1), "no reason given"),
        ];
        for (panics, expected) in panics {
            let future = async move { panics() };
            assert_eq!(unwound(future).await, Err(expected.to_owned()));
        }
    }

    fn group() -> Arc<Group> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("alerts.yml");
        let yaml = "graphite: {url: 'http://graphite.example.com'}\n\
            alerts: [{name: Load, target: a, critical: 1}, {name: Load, target: b, critical: 1}]\n";
        std::fs::write(&file, yaml).unwrap();
        let config = crate::config::load(&[file], &|_| None).unwrap().config;
        Arc::clone(config.groups.first().unwrap())
    }

    #[tokio::test]
    async fn panic_is_a_failed_fetch_of_the_whole_group() {
        let (events, mut received) = mpsc::channel(1);
        let (group, slot) = (group(), Timestamp::from_secs(60));
        let said = own_up(&group, slot, "the words", &events);
        let taken = async {
            match received.recv().await {
                Some(Event::Evaluated { report, done, .. }) => {
                    let _ = done.send(Some(Arc::default()));
                    report
                }
                _ => panic!("another event"),
            }
        };
        let ((), report) = tokio::join!(said, taken);
        assert!(matches!(report.answers.as_slice(), [None, None]));
        let failure = report.failure.unwrap();
        assert!(failure.contains("the words; this is a bug"), "{failure}");
    }
}
