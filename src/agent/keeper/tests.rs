//! The order of deciding, writing and telling, with a store that the test
//! plays, on paused time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::*;
use crate::agent;
use crate::alert::Value;
use crate::alert::evaluate::{Answer, Seen};
use crate::alert::world::{Batch, Next, Saved};

type Written = oneshot::Sender<super::Written>;

/// A keeper, all that talks to it, and its store.
struct Play {
    events: mpsc::Sender<Event>,
    store: UnboundedReceiver<(Batch, Written)>,
    health: Arc<Health>,
    keeper: JoinHandle<()>,
    group: Arc<Group>,
}

impl Play {
    fn start() -> Self {
        let (writer, store) = Writer::played();
        let health = Arc::new(Health::default());
        let (keeper, group) = keeper(writer, Arc::clone(&health));
        let (events, received) = mpsc::channel(QUEUE);
        Self {
            events,
            store,
            health,
            keeper: tokio::spawn(keeper.run(received)),
            group,
        }
    }

    /// Graphite answered this value just now.
    async fn evaluated(&self, value: f64) -> oneshot::Receiver<Option<Arc<Roster>>> {
        let slot = now();
        let value = Value { value, at: slot };
        let series = [Seen {
            legend: "web-1",
            value: Some(value),
            target: 0,
        }];
        let report = Report {
            answers: vec![Some(series.into_iter().collect())],
            failure: None,
        };
        let (done, judged) = oneshot::channel();
        let event = Event::Evaluated {
            group: Arc::clone(&self.group),
            slot,
            report,
            done,
        };
        assert!(self.events.send(event).await.is_ok());
        judged
    }

    /// A worker asks what to do.
    async fn next(&self) -> oneshot::Receiver<Work> {
        let (reply, work) = oneshot::channel();
        let receiver = Arc::from("screen");
        let event = Event::Next { receiver, reply };
        assert!(self.events.send(event).await.is_ok());
        work
    }

    /// The next batch that is to be written.
    async fn batch(&mut self) -> (Batch, Written) {
        self.store.recv().await.unwrap()
    }
}

/// A keeper with nothing in its memory, and the only group that it knows.
fn keeper(writer: Writer, health: Arc<Health>) -> (Keeper, Arc<Group>) {
    let yaml = "graphite: {url: 'http://graphite.example'}\n\
         receivers: {screen: {console: {}}}\n\
         alerts: [{name: Load, target: load, critical: 20, recover_for: 0}]\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alerts.yml");
    std::fs::write(&file, yaml).unwrap();
    let config = crate::config::load(&[file], &|_| None).unwrap().config;
    let setup = agent::setup(&config);
    let world = World::new(setup, Saved::default(), now());
    let (changed, _) = watch::channel(0);
    let (clock, _) = Clock::new(now());
    let keeper = Keeper::new(world, agent::shown(&config), writer, health, changed, clock);
    (keeper, Arc::clone(&config.groups[0]))
}

fn failed(why: &str, gone: bool) -> super::Written {
    Err(Unwritten {
        why: why.to_owned(),
        gone,
    })
}

fn series(batch: &Batch) -> Vec<&str> {
    let incidents = batch.incidents.iter();
    incidents
        .filter_map(|(_, incident)| Some(&*incident.as_ref()?.series))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_before_it_is_written() {
    let mut play = Play::start();
    let mut judged = play.evaluated(25.0).await;
    let mut work = play.next().await;
    let (batch, written) = play.batch().await;
    assert!(batch.owed, "{batch:?}");
    assert_eq!(series(&batch), ["web-1"]);
    assert_eq!(batch.deliveries.len(), 1);
    sleep(Duration::from_secs(4)).await;
    assert!(judged.try_recv().is_err() && work.try_recv().is_err());
    written.send(Ok(())).unwrap();
    assert!(matches!(judged.await, Ok(Some(_))));
    assert!(matches!(work.await, Ok(Work::Tell(..))));
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_tried_again_so_long_after_the_end_of_the_attempt_not_after_the_keeper_hears_of_it()
 {
    let mut play = Play::start();
    play.evaluated(25.0).await;
    let work = play.next().await;
    let (_, written) = play.batch().await;
    written.send(Ok(())).unwrap();
    let Ok(Work::Tell(job, _)) = work.await else {
        panic!("nothing to tell");
    };
    let wait = Duration::from_secs(30);
    let outcome = crate::alert::delivery::Outcome::Later {
        why: "no".to_owned(),
        after: Some(wait),
        pause: true,
        unsure: false,
    };
    // an instant that is surely not the keeper's own
    let (at, outcomes) = (now().plus(Duration::from_secs(3)), vec![outcome]);
    let event = Event::Settled { job, outcomes, at };
    assert!(play.events.send(event).await.is_ok());
    // others say that an attempt is made
    let tried_again = loop {
        let (batch, written) = play.batch().await;
        written.send(Ok(())).unwrap();
        let mut deliveries = batch.deliveries.into_iter();
        let next_try = deliveries.find_map(|(_, delivery)| delivery?.next_try);
        if next_try.is_some() {
            break next_try;
        }
    };
    assert_eq!(tried_again, Some(at.plus(wait)));
}

#[tokio::test(start_paused = true)]
async fn commit_slower_than_five_seconds_is_a_failure_that_holds_nobody_up() {
    let mut play = Play::start();
    let begun = Instant::now();
    play.evaluated(25.0).await;
    let work = play.next().await;
    let (first, written) = play.batch().await;
    assert!(
        matches!(work.await, Ok(Work::Tell(..))),
        "the page goes out"
    );
    assert_eq!(begun.elapsed().as_secs(), 5);
    let why = play.health.read().store.unwrap();
    assert_eq!(why, "a commit took longer than 5 s");
    // it goes on from memory: the end is judged as well
    assert!(matches!(play.evaluated(1.0).await.await, Ok(Some(_))));
    assert_eq!(begun.elapsed().as_secs(), 5, "nobody waits again");
    // it comes to its end after all
    written.send(Ok(())).unwrap();
    let (second, written) = play.batch().await;
    let mut later = series(&second);
    later.sort_unstable();
    assert_eq!(
        (series(&first), later),
        (vec!["web-1"], vec!["(store)", "web-1"])
    );
    assert!(
        play.health.read().store.is_some(),
        "that it was done late is no proof"
    );
    written.send(Ok(())).unwrap();
    let well = async {
        while play.health.read().store.is_some() {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(5), well).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn commit_during_which_the_process_was_stopped_is_no_failure() {
    let mut play = Play::start();
    let judged = play.evaluated(25.0).await;
    let (_, written) = play.batch().await;
    // as after SIGCONT: every timer is over, and the commit has had no chance
    tokio::time::advance(Duration::from_secs(60)).await;
    sleep(Duration::from_millis(100)).await;
    written.send(Ok(())).unwrap();
    assert!(matches!(judged.await, Ok(Some(_))));
    assert_eq!(play.health.read().store, None);
    assert!(
        play.store.try_recv().is_err(),
        "there is nothing to say of it"
    );
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_written_is_written_with_the_next_batch() {
    let mut play = Play::start();
    play.evaluated(25.0).await;
    let (_, written) = play.batch().await;
    written.send(failed("disk full", false)).unwrap();
    let (again, written) = play.batch().await;
    let mut names = series(&again);
    names.sort_unstable();
    assert_eq!(names, ["(store)", "web-1"]);
    assert!(!again.whole);
    assert_eq!(play.health.read().store.as_deref(), Some("disk full"));
    written.send(Ok(())).unwrap();
    // and the end of the trouble
    let (end, written) = play.batch().await;
    assert_eq!(series(&end), ["(store)"]);
    written.send(Ok(())).unwrap();
    assert_eq!(play.health.read().store, None);
}

#[tokio::test(start_paused = true)]
async fn store_that_is_gone_is_given_everything() {
    let mut play = Play::start();
    play.evaluated(25.0).await;
    let (_, written) = play.batch().await;
    written.send(Ok(())).unwrap();
    play.evaluated(25.0).await;
    let (quiet, written) = play.batch().await;
    assert!(quiet.incidents.is_empty(), "{quiet:#?}");
    written.send(failed("deleted", true)).unwrap();
    let (whole, _written) = play.batch().await;
    assert!(whole.whole && whole.owed);
    assert!(series(&whole).contains(&"web-1"));
    assert_eq!(
        (whole.heads.len(), whole.known.len(), whole.series.len()),
        (1, 1, 1)
    );
    assert!(!whole.deliveries.is_empty() && whole.memory.is_some());
}

#[tokio::test(start_paused = true)]
async fn at_the_end_everything_is_written_also_behind_a_slow_commit() {
    let mut play = Play::start();
    play.evaluated(25.0).await;
    let (_, written) = play.batch().await;
    sleep(Duration::from_secs(6)).await;
    assert!(matches!(play.evaluated(1.0).await.await, Ok(Some(_))));
    let (other, _) = mpsc::channel(1);
    drop(std::mem::replace(&mut play.events, other));
    sleep(Duration::from_secs(1)).await;
    written.send(Ok(())).unwrap();
    let (last, written) = play.batch().await;
    assert!(series(&last).contains(&"web-1"));
    written.send(Ok(())).unwrap();
    play.keeper.await.unwrap();
    assert!(play.store.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn store_that_fails_for_ever_does_not_hold_up_the_end() {
    let mut play = Play::start();
    play.evaluated(25.0).await;
    let (_, _never) = play.batch().await;
    let (other, _) = mpsc::channel(1);
    drop(std::mem::replace(&mut play.events, other));
    timeout(Duration::from_secs(20), play.keeper)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn answers_to_what_is_no_longer_asked_are_said_to_be_none() {
    let mut play = Play::start();
    let mut other = (*play.group).clone();
    other.alerts[0].for_ = Duration::from_secs(60);
    play.group = Arc::new(other);
    assert_eq!(play.evaluated(25.0).await.await, Ok(None));
}

#[tokio::test]
async fn keeper_that_slept_judges_anew_before_it_speaks() {
    for (slept, told) in [(2, true), (61, false), (86_400, false)] {
        let (mut keeper, group) = keeper(Writer::played().0, Arc::default());
        let judge = |keeper: &mut Keeper, at| {
            let seen = Seen {
                legend: "web-1",
                value: Some(Value { value: 25.0, at }),
                target: 0,
            };
            let answer = Answer::from_iter([seen]);
            let report = Report {
                answers: vec![Some(answer)],
                failure: None,
            };
            keeper.desk.world.evaluated(&group, &report, at, at);
        };
        let screen = Arc::from("screen");
        let before = now();
        assert_eq!(keeper.desk.notice_sleep(before), None);
        judge(&mut keeper, before);
        let woke = before.plus(Duration::from_secs(slept));
        keeper.desk.notice_sleep(woke);
        let next = keeper.desk.world.next(&screen, woke);
        assert_eq!(matches!(next, Next::Job(_)), told, "{slept} s: {next:?}");
        // what still burns is told as soon as that is known
        judge(&mut keeper, woke);
        assert!(matches!(
            keeper.desk.world.next(&screen, woke),
            Next::Job(_)
        ));
    }
}
