//! How people are told, driven through the world as the agent drives it: time
//! is an argument, receivers answer what the test says, whole days take no time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::alert::condition::{Written, conditions};
use crate::alert::definition::{Alert, Docs, GraphLink, WithoutData};
use crate::alert::delivery::{Outcome, Owes, Tell, desired};
use crate::alert::evaluate::Seen;
use crate::alert::incident::{BUILT_IN, Subject};
use crate::alert::level::Levels;
use crate::alert::receiver::Route;
use crate::alert::reduce::{Reduce, Value};
use crate::alert::target::{Target, TimeSpec};
use crate::alert::{Active, Exclude};

mod random;

/// A Thursday at noon, UTC.
const START: i64 = 1_795_694_400;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// `warning: 10`, `critical: 20`, everything at once.
fn alert(name: &str) -> Alert {
    let number = |number| Written::Number(number);
    let conditions = conditions(name, Some(&number(10.0)), Some(&number(20.0)), None).unwrap();
    Alert {
        name: Arc::from(name),
        place: Arc::from("a.yml:1"),
        targets: vec![Target::parse(name).unwrap()],
        warning: conditions.warning,
        critical: conditions.critical,
        recover: None,
        reduce: Reduce::Last,
        from: TimeSpec::Ago(MINUTE),
        until: None,
        max_age: None,
        settle: None,
        for_: Duration::ZERO,
        recover_for: Duration::ZERO,
        no_data: WithoutData::Level(Level::NoData),
        no_data_for: Duration::ZERO,
        missing: WithoutData::Level(Level::NoData),
        missing_for: Duration::ZERO,
        forget_after: HOUR,
        min_series: None,
        exclude: Exclude::default(),
        limit: None,
        no_data_limit: None,
        notify: None,
        labels: BTreeMap::new(),
        description: None,
        docs: Docs::Nowhere,
        graph: GraphLink::Off,
    }
}

fn group(alert: Alert) -> Arc<Group> {
    Arc::new(Group {
        name: Arc::clone(&alert.name),
        schedule: Schedule::every(secs(1), &alert.name).unwrap(),
        alerts: vec![alert],
        active: None,
    })
}

fn messaging(name: &str) -> Policy {
    Policy {
        name: Arc::from(name),
        levels: Levels::ALL,
        resolved: true,
        repeat: None,
        after: Duration::ZERO,
        fallback: None,
        fallback_after: MINUTE * 5,
        default: false,
        keyed: false,
        recipients: Vec::new(),
    }
}

fn pagerduty(name: &str) -> Policy {
    Policy {
        keyed: true,
        repeat: Some(HOUR * 4),
        ..messaging(name)
    }
}

fn critical_only() -> Levels {
    Levels {
        warning: false,
        no_data: false,
        critical: true,
    }
}

fn setup(groups: Vec<Arc<Group>>, receivers: Vec<Policy>) -> Setup {
    Setup {
        instance: Arc::from("test"),
        host: Arc::from("graphite.example.com"),
        error_for: MINUTE * 5,
        docs_url: None,
        groups,
        receivers,
        routes: Vec::new(),
    }
}

fn later() -> Outcome {
    Outcome::Later {
        why: "timed out".to_owned(),
        after: None,
        pause: false,
        unsure: false,
    }
}

/// It may have been taken.
fn lost() -> Outcome {
    Outcome::Later {
        why: "no answer".to_owned(),
        after: None,
        pause: false,
        unsure: true,
    }
}

fn rejected() -> Outcome {
    Outcome::Rejected {
        why: "400 Bad Request".to_owned(),
        smtp: false,
    }
}

/// The world, its clock, and what its store would hold.
struct Bench {
    world: World,
    now: Timestamp,
    saved: Saved,
}

impl Bench {
    /// One alert `Load` of default settings.
    fn new(receivers: Vec<Policy>) -> Self {
        Self::of(setup(vec![group(alert("Load"))], receivers))
    }

    fn of(setup: Setup) -> Self {
        let now = Timestamp::from_secs(START);
        Self {
            world: World::new(setup, Saved::default(), now),
            now,
            saved: Saved::default(),
        }
    }

    /// Time passes, and is noticed.
    fn wait(&mut self, span: Duration) {
        self.now = self.now.plus(span);
        self.world.tick(self.now);
    }

    /// Nobody looks at anything meanwhile.
    fn sleep(&mut self, span: Duration) {
        self.now = self.now.plus(span);
        self.world.woke(self.now);
    }

    /// A second later, `Load` is answered with these series.
    fn judge(&mut self, series: &[(&str, f64)]) {
        self.judge_group("Load", series);
    }

    /// NaN stands for a series without data.
    fn judge_group(&mut self, name: &str, series: &[(&str, f64)]) {
        self.now = self.now.plus(secs(1));
        let seen = series.iter().map(|(legend, value)| Seen {
            legend,
            value: (!value.is_nan()).then_some(Value {
                value: *value,
                at: self.now,
            }),
            target: 0,
        });
        let report = Report {
            answers: vec![Some(seen.collect())],
            failure: None,
        };
        let group = self.group(name);
        self.world.evaluated(&group, &report, self.now, self.now);
    }

    fn group(&self, name: &str) -> Arc<Group> {
        let groups = &self.world.setup().groups;
        let group = groups.iter().find(|group| *group.name == *name);
        Arc::clone(group.unwrap())
    }

    /// A second later, `Load` cannot be fetched.
    fn fail_fetch(&mut self) {
        self.now = self.now.plus(secs(1));
        let report = Report {
            answers: vec![None],
            failure: Some("connection refused".to_owned()),
        };
        let group = self.group("Load");
        self.world.evaluated(&group, &report, self.now, self.now);
    }

    /// What is told next is what a look at everything says, whatever the
    /// indexes leave out.
    fn next(&mut self, receiver: &str) -> Option<Job> {
        let receiver = Arc::from(receiver);
        let expected = slowly(&self.world, &receiver, self.now);
        match self.world.next(&receiver, self.now) {
            Next::Job(job) => {
                let what = (job.incident, job.tell, job.level);
                assert_eq!(expected.0, Some(what), "at {}", self.now);
                Some(*job)
            }
            Next::Wait(until) => {
                let first = expected.1.min(until).or(until);
                assert_eq!((expected.0, until), (None, first), "at {}", self.now);
                assert!(expected.1.is_none() || until.is_some(), "never again");
                None
            }
        }
    }

    /// When its worker would look again.
    fn wakes(&mut self, receiver: &str) -> Option<Timestamp> {
        match self.world.next(&Arc::from(receiver), self.now) {
            Next::Job(job) => panic!("{job:?}"),
            Next::Wait(until) => until,
        }
    }

    fn settle(&mut self, job: &Job, outcome: &Outcome) {
        let outcomes = vec![outcome.clone(); job.recipients.len()];
        self.world.settled(job, &outcomes, self.now);
    }

    /// One attempt with this outcome, in words; `None`: there is nothing to do.
    fn attempt(&mut self, receiver: &str, outcome: &Outcome) -> Option<String> {
        let job = self.next(receiver)?;
        let words = self.words(&job);
        self.settle(&job, outcome);
        Some(words)
    }

    /// Everything that the receiver has to hear now, all of it accepted.
    fn hears(&mut self, receiver: &str) -> Vec<String> {
        let mut heard = Vec::new();
        while let Some(words) = self.attempt(receiver, &Outcome::Accepted) {
            heard.push(words);
            assert!(heard.len() < 1000, "no end of {:?}", heard.last());
        }
        heard
    }

    /// `new web-1 critical`; with the key where it is not the first one.
    fn words(&self, job: &Job) -> String {
        let series = self
            .world
            .incident(job.incident)
            .unwrap()
            .series
            .to_string();
        let tell = match job.tell {
            Tell::New => "new",
            Tell::Raised => "raised",
            Tell::Changed => "changed",
            Tell::Reminder => "reminder",
            Tell::Left => "left",
            Tell::Resolved => "resolved",
            Tell::Both => "both",
            Tell::Stray(_) => "stray",
        };
        let key = match job.key {
            None | Some(Level::Ok) => String::new(),
            Some(key) => format!(" /{key}"),
        };
        format!("{tell} {series} {}{key}", job.level)
    }

    /// Writes what changed, as the agent does before anything is sent.
    fn commit(&mut self) {
        let batch = self.world.take_batch();
        apply(&mut self.saved, batch);
    }

    /// The process ends and starts again: what was not written is gone.
    fn restart(&mut self) {
        let setup = self.world.setup().clone();
        self.world = World::new(setup, self.saved.clone(), self.now);
    }

    fn reload(&mut self, change: impl FnOnce(&mut Setup)) -> Vec<String> {
        self.reload_moved(&[], change)
    }

    /// The names under which receivers live on.
    fn reload_moved(&mut self, moved: &[&str], change: impl FnOnce(&mut Setup)) -> Vec<String> {
        let mut setup = self.world.setup().clone();
        change(&mut setup);
        let moved = moved.iter().map(|name| Arc::from(*name)).collect();
        let retired = self.world.reload(setup, &moved, true, self.now);
        retired
            .into_iter()
            .map(|(_, name)| name.to_string())
            .collect()
    }

    /// Open incidents of the built-in alert, by series.
    fn own(&self) -> Vec<String> {
        let open = self
            .world
            .incidents()
            .filter(|i| i.is_open() && *i.group == *BUILT_IN);
        open.map(|incident| incident.series.to_string()).collect()
    }
}

/// Of which incident, why, and at which level.
type Told = (IncidentId, Tell, Level);

/// The most urgent thing to tell, and when to look again if there is none,
/// found by a look at every delivery.
fn slowly(world: &World, receiver: &Arc<str>, now: Timestamp) -> (Option<Told>, Option<Timestamp>) {
    let mut best: Option<((u32, u8, Timestamp), Told)> = None;
    let mut wakes = Vec::new();
    let Some(policy) = world.policy(receiver) else {
        return (None, None);
    };
    let owes = |key: &DeliveryKey| {
        let incident = world.incident(key.0).unwrap();
        let situation = world.situation(incident, &key.1, now);
        let owes = world
            .deliveries
            .get(key)
            .unwrap()
            .owes(incident, policy, &situation);
        (owes, desired(incident, policy, &situation), situation.held)
    };
    for (key, delivery) in world
        .deliveries
        .iter()
        .filter(|(key, _)| key.1 == *receiver)
    {
        let incident = world.incident(key.0).unwrap();
        if !world.released(&incident.group, now) {
            wakes.push(world.started.plus(RELEASE));
            continue;
        }
        match owes(key) {
            (Owes::Nothing, _, true) => wakes.extend(world.next_change(&incident.group, now)),
            (Owes::Nothing, ..) => {}
            (Owes::Later(at), ..) => wakes.push(at),
            (Owes::Now(tell), level, _) => {
                let due = delivery.due_since.unwrap_or(now);
                let earlier = world.deliveries.iter().filter(|(other, _)| {
                    let before = world.incident(other.0).unwrap();
                    let same = before.group == incident.group && before.series == incident.series;
                    let over = !before.is_open() && (incident.is_open() || other.0 < key.0);
                    same && over && other.1 == key.1
                });
                let before = earlier
                    .filter(|(other, _)| other.2 == key.2)
                    .filter(|(_, it)| it.knows() && (policy.keyed || !it.rejected))
                    .find_map(|(other, it)| match owes(other).0 {
                        Owes::Now(tell) => Some((it, (other.0, tell, Level::Ok))),
                        Owes::Nothing | Owes::Later(_) => None,
                    });
                let urgency = tell.urgency(level);
                let (delivery, what) = before.unwrap_or((delivery, (key.0, tell, level)));
                let suspect = world.unanswered.contains(receiver);
                let tries = if suspect {
                    delivery.tries.max(1) - 1
                } else {
                    0
                };
                let rank = (tries, urgency, due);
                match delivery.not_before(what.2, now) {
                    Some(at) => wakes.push(at),
                    None if best.is_none_or(|(least, _)| rank < least) => best = Some((rank, what)),
                    None => {}
                }
            }
        }
    }
    (best.map(|(_, what)| what), wakes.into_iter().min())
}

/// What a store does with a batch.
fn apply(saved: &mut Saved, batch: Batch) {
    fn put<K: Ord, V>(map: &mut BTreeMap<K, V>, changes: Vec<(K, Option<V>)>) {
        for (key, value) in changes {
            match value {
                Some(value) => map.insert(key, value),
                None => map.remove(&key),
            };
        }
    }
    put(&mut saved.heads, batch.heads);
    put(&mut saved.known, batch.known);
    put(&mut saved.series, batch.series);
    put(&mut saved.incidents, batch.incidents);
    put(&mut saved.deliveries, batch.deliveries);
    if let Some(memory) = batch.memory {
        saved.memory = memory;
    }
}

// --- desired and told -------------------------------------------------------

#[test]
fn an_incident_is_told_once_and_its_end_once() {
    let mut bench = Bench::new(vec![messaging("hook")]);
    bench.judge(&[("web-1", 25.0)]);
    assert_eq!(bench.hears("hook"), ["new web-1 critical"]);
    bench.judge(&[("web-1", 26.0)]);
    assert_eq!(bench.hears("hook"), [""; 0]);
    bench.judge(&[("web-1", 1.0)]);
    assert_eq!(bench.hears("hook"), ["resolved web-1 ok"]);
    bench.wait(HOUR);
    assert_eq!(bench.hears("hook"), [""; 0]);
    assert_eq!(
        bench.world.incidents().count() + bench.world.deliveries().count(),
        0
    );
}

#[test]
fn a_level_change_not_yet_told_is_overtaken_by_a_newer_one() {
    let mut bench = Bench::new(vec![messaging("hook")]);
    bench.judge(&[("web-1", 15.0)]);
    bench.judge(&[("web-1", 25.0)]);
    assert_eq!(bench.hears("hook"), ["new web-1 critical"]);
    bench.judge(&[("web-1", 15.0)]);
    bench.judge(&[("web-1", 25.0)]);
    assert_eq!(bench.hears("hook"), [""; 0]);
    bench.judge(&[("web-1", 15.0)]);
    assert_eq!(bench.hears("hook"), ["changed web-1 warning"]);
}

#[test]
fn what_changes_while_it_is_being_sent_is_told_after_it() {
    let mut bench = Bench::new(vec![messaging("hook")]);
    bench.judge(&[("web-1", 15.0)]);
    let job = bench.next("hook").unwrap();
    bench.judge(&[("web-1", 25.0)]);
    bench.settle(&job, &Outcome::Accepted);
    assert_eq!(bench.hears("hook"), ["raised web-1 critical"]);
    bench.judge(&[("web-1", 15.0)]);
    let job = bench.next("hook").unwrap();
    bench.judge(&[("web-1", 1.0)]);
    bench.settle(&job, &Outcome::Accepted);
    assert_eq!(bench.hears("hook"), ["resolved web-1 ok"]);
}

#[test]
fn levels_keep_a_receiver_from_what_it_does_not_listen_to() {
    let night = Policy {
        levels: critical_only(),
        ..messaging("night")
    };
    let mut bench = Bench::new(vec![night]);
    bench.judge(&[("web-1", 15.0)]);
    assert_eq!(bench.hears("night"), [""; 0]);
    bench.judge(&[("web-1", 25.0)]);
    assert_eq!(bench.hears("night"), ["new web-1 critical"]);
    bench.judge(&[("web-1", 15.0)]);
    assert_eq!(bench.hears("night"), ["left web-1 ok"]);
    bench.judge(&[("web-1", 1.0)]);
    assert_eq!(bench.hears("night"), [""; 0]);
}

#[test]
fn pagerduty_resolves_what_leaves_its_levels_and_opens_it_anew_when_it_comes_back() {
    let oncall = Policy {
        levels: critical_only(),
        ..pagerduty("oncall")
    };
    let mut bench = Bench::new(vec![oncall]);
    bench.judge(&[("web-1", 25.0)]);
    bench.judge(&[("web-1", 25.0)]);
    assert_eq!(bench.hears("oncall"), ["new web-1 critical"]);
    bench.judge(&[("web-1", 15.0)]);
    assert_eq!(bench.hears("oncall"), ["resolved web-1 ok"]);
    bench.judge(&[("web-1", 25.0)]);
    assert_eq!(bench.hears("oncall"), ["new web-1 critical"]);
}

#[test]
fn without_resolved_no_end_is_told() {
    let quiet = Policy {
        resolved: false,
        ..messaging("quiet")
    };
    let page = Policy {
        resolved: false,
        ..pagerduty("page")
    };
    let mut bench = Bench::new(vec![quiet, page]);
    bench.judge(&[("web-1", 15.0)]);
    bench.judge(&[("web-1", 25.0)]);
    assert_eq!(bench.hears("quiet"), ["new web-1 critical"]);
    assert_eq!(bench.hears("page"), ["new web-1 critical"]);
    bench.judge(&[("web-1", 1.0)]);
    assert_eq!(bench.hears("quiet"), [""; 0]);
    assert_eq!(bench.hears("page"), [""; 0]);
    bench.wait(secs(1));
    assert_eq!(bench.world.incidents().count(), 0);
}

// --- answers that are lost ---------------------------------------------------

#[test]
fn a_level_that_comes_back_after_a_lost_answer_is_told_again() {
    let mut bench = Bench::new(vec![messaging("hook")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.hears("hook");
    bench.judge(&[("web-1", 15.0)]);
    bench.attempt("hook", &lost());
    bench.judge(&[("web-1", 25.0)]);
    bench.wait(MINUTE);
    assert_eq!(bench.hears("hook"), ["changed web-1 critical"]);
}

#[test]
fn a_level_that_comes_back_after_a_refusal_is_known_already() {
    for no in [later(), rejected()] {
        let mut bench = Bench::new(vec![messaging("hook")]);
        bench.judge(&[("web-1", 25.0)]);
        bench.hears("hook");
        bench.judge(&[("web-1", 15.0)]);
        bench.attempt("hook", &no);
        bench.judge(&[("web-1", 25.0)]);
        bench.wait(MINUTE);
        assert_eq!(bench.hears("hook"), [""; 0]);
    }
}

#[test]
fn a_resolve_whose_answer_was_lost_is_followed_by_a_trigger_when_it_burns_again() {
    let oncall = Policy {
        levels: critical_only(),
        ..pagerduty("oncall")
    };
    let mut bench = Bench::new(vec![oncall]);
    bench.judge(&[("web-1", 25.0)]);
    bench.hears("oncall");
    bench.judge(&[("web-1", 15.0)]);
    bench.attempt("oncall", &lost());
    bench.judge(&[("web-1", 25.0)]);
    bench.wait(MINUTE);
    assert_eq!(bench.hears("oncall"), ["changed web-1 critical"]);
}

#[test]
fn what_follows_a_resolve_that_a_process_took_with_it_wakes_at_each_raise() {
    let oncall = Policy {
        levels: Levels {
            warning: false,
            ..Levels::ALL
        },
        ..pagerduty("oncall")
    };
    let mut bench = Bench::new(vec![oncall]);
    bench.judge(&[("web-1", 25.0)]);
    bench.hears("oncall");
    bench.judge(&[("web-1", 15.0)]);
    assert!(bench.next("oncall").is_some(), "its resolve");
    bench.commit();
    bench.restart();
    bench.judge(&[("web-1", f64::NAN)]);
    assert_eq!(
        bench.hears("oncall"),
        ["new web-1 no_data /no_data", "stray web-1 no_data"]
    );
    bench.judge(&[("web-1", 25.0)]);
    assert_eq!(
        bench.hears("oncall"),
        [
            "raised web-1 critical /critical",
            "stray web-1 critical /no_data"
        ]
    );
    bench.judge(&[("web-1", 1.0)]);
    assert_eq!(bench.hears("oncall"), ["resolved web-1 ok /critical"]);
}

#[test]
fn a_raise_wakes_even_if_the_trigger_before_it_was_taken_unanswered_and_acknowledged() {
    let mut bench = Bench::new(vec![pagerduty("oncall")]);
    bench.judge(&[("web-1", 15.0)]);
    bench.attempt("oncall", &lost());
    bench.judge(&[("web-1", 25.0)]);
    bench.wait(MINUTE);
    // whatever comes of the first attempts, they go to the same key
    for _ in 0..3 {
        let words = bench.attempt("oncall", &lost());
        assert_eq!(words.unwrap(), "new web-1 critical /critical");
        bench.wait(secs(20));
    }
    assert_eq!(
        bench.hears("oncall"),
        ["new web-1 critical /critical", "stray web-1 critical"]
    );
    bench.judge(&[("web-1", 1.0)]);
    assert_eq!(bench.hears("oncall"), ["resolved web-1 ok /critical"]);
}

#[test]
fn a_raise_after_a_refused_trigger_needs_no_key_of_its_own() {
    let mut bench = Bench::new(vec![pagerduty("oncall")]);
    bench.judge(&[("web-1", 15.0)]);
    bench.attempt("oncall", &later());
    bench.judge(&[("web-1", 25.0)]);
    bench.wait(MINUTE);
    assert_eq!(bench.hears("oncall"), ["new web-1 critical"]);
}

#[test]
fn one_who_may_have_been_told_is_told_that_it_left() {
    let night = Policy {
        levels: critical_only(),
        ..messaging("night")
    };
    let mut bench = Bench::new(vec![night]);
    bench.judge(&[("web-1", 25.0)]);
    bench.attempt("night", &lost());
    bench.judge(&[("web-1", 15.0)]);
    bench.wait(MINUTE);
    let job = bench.next("night").unwrap();
    assert_eq!((job.tell, job.told), (Tell::Left, Level::Critical));
    bench.settle(&job, &Outcome::Accepted);
    bench.judge(&[("web-1", 1.0)]);
    assert_eq!(bench.hears("night"), [""; 0]);
}

#[test]
fn a_kill_between_a_send_and_its_record_is_a_lost_answer() {
    let mut bench = Bench::new(vec![messaging("hook")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.hears("hook");
    bench.judge(&[("web-1", 15.0)]);
    assert!(bench.next("hook").is_some());
    assert!(bench.world.is_dirty(), "to be written before it is sent");
    bench.commit();
    bench.restart();
    bench.judge(&[("web-1", 25.0)]);
    assert_eq!(bench.hears("hook"), ["changed web-1 critical"]);
}

// --- one incident after another of the same series ------------------------------

#[test]
fn the_end_of_one_incident_goes_before_the_beginning_of_the_next() {
    for receiver in [messaging("one"), pagerduty("one")] {
        let mut bench = Bench::new(vec![receiver]);
        bench.judge(&[("web-1", 25.0)]);
        bench.hears("one");
        bench.judge(&[("web-1", 1.0)]);
        for _ in 0..7 {
            bench.attempt("one", &later()).unwrap();
            let until = bench.wakes("one").unwrap();
            bench.wait(until.since(bench.now));
        }
        bench.attempt("one", &later()).unwrap();
        assert!(bench.wakes("one").unwrap().since(bench.now) > MINUTE);
        // the next one begins, and does not wait as long
        bench.judge(&[("web-1", 25.0)]);
        assert_eq!(
            bench.hears("one"),
            ["resolved web-1 ok", "new web-1 critical"]
        );
    }
}

#[test]
fn it_does_so_too_where_the_clock_was_set_back_between_them() {
    for receiver in [messaging("one"), pagerduty("one")] {
        let mut bench = Bench::new(vec![receiver]);
        bench.judge(&[("web-1", 25.0)]);
        bench.hears("one");
        bench.judge(&[("web-1", 1.0)]);
        bench.attempt("one", &lost()).unwrap();
        bench.now = bench.now.minus(HOUR);
        bench.wait(secs(1));
        bench.judge(&[("web-1", 25.0)]);
        assert_eq!(
            bench.hears("one"),
            ["resolved web-1 ok", "new web-1 critical"]
        );
    }
}

#[test]
fn an_end_that_is_refused_keeps_nobody_from_hearing_of_the_next() {
    let mut bench = Bench::new(vec![messaging("hook")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.hears("hook");
    bench.judge(&[("web-1", 1.0)]);
    bench.attempt("hook", &rejected());
    bench.judge(&[("web-1", 25.0)]);
    let first = bench.attempt("hook", &Outcome::Accepted);
    assert_eq!(first.unwrap(), "new web-1 critical");
}

#[test]
fn an_urgent_beginning_makes_the_end_before_it_as_urgent() {
    let mut bench = Bench::new(vec![messaging("hook")]);
    bench.judge(&[("web-1", 25.0), ("web-2", 1.0)]);
    bench.hears("hook");
    bench.judge(&[("web-1", 1.0), ("web-2", 1.0)]);
    bench.judge(&[("web-1", 25.0), ("web-2", 15.0)]);
    assert_eq!(
        bench.hears("hook"),
        [
            "resolved web-1 ok",
            "new web-1 critical",
            "new web-2 warning"
        ]
    );
}

#[test]
fn one_resolve_ends_a_key_for_every_incident_that_it_held() {
    let mut bench = Bench::new(vec![pagerduty("oncall")]);
    for _ in 0..20 {
        bench.judge(&[("web-1", 25.0)]);
        bench.attempt("oncall", &later());
        bench.judge(&[("web-1", 1.0)]);
    }
    bench.wait(MINUTE * 5);
    assert_eq!(bench.hears("oncall"), ["resolved web-1 ok"]);
    bench.wait(secs(1));
    assert_eq!(bench.world.incidents().count(), 0);
}

// --- ends before anything was confirmed --------------------------------------

#[test]
fn pagerduty_is_sent_the_resolve_of_what_it_never_confirmed_and_not_the_trigger() {
    let mut bench = Bench::new(vec![pagerduty("oncall")]);
    bench.judge(&[("web-1", 25.0)]);
    assert_eq!(
        bench.attempt("oncall", &later()).unwrap(),
        "new web-1 critical"
    );
    bench.judge(&[("web-1", 1.0)]);
    bench.wait(MINUTE * 5);
    assert_eq!(bench.hears("oncall"), ["resolved web-1 ok"]);
    assert_eq!(bench.world.deliveries().count(), 0);
}

#[test]
fn a_messaging_receiver_is_told_beginning_and_end_in_one() {
    let mut bench = Bench::new(vec![messaging("hook")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.attempt("hook", &later());
    bench.judge(&[("web-1", 1.0)]);
    bench.wait(MINUTE * 5);
    assert_eq!(bench.hears("hook"), ["both web-1 ok"]);
    bench.wait(HOUR);
    assert_eq!(bench.hears("hook"), [""; 0]);
}

#[test]
fn what_ends_before_after_has_passed_is_told_nobody() {
    let after = |policy: Policy| Policy {
        after: MINUTE * 30,
        ..policy
    };
    let mut bench = Bench::new(vec![after(messaging("hook")), after(pagerduty("oncall"))]);
    bench.judge(&[("web-1", 25.0)]);
    bench.wait(MINUTE * 29);
    bench.judge(&[("web-1", 1.0)]);
    bench.wait(HOUR);
    assert_eq!(
        (bench.hears("hook"), bench.hears("oncall")),
        (vec![], vec![])
    );
}

#[test]
fn what_ends_in_the_second_in_which_after_has_passed_was_due() {
    let hook = Policy {
        after: secs(30),
        ..messaging("hook")
    };
    let mut bench = Bench::new(vec![hook]);
    bench.judge(&[("web-1", 25.0)]);
    bench.now = bench.now.plus(secs(30));
    bench.judge(&[("web-1", 1.0)]);
    assert_eq!(bench.hears("hook"), ["both web-1 ok"]);
}

#[test]
fn what_ends_after_it_was_due_under_a_level_that_it_left_is_told_at_the_end() {
    let night = Policy {
        levels: critical_only(),
        ..messaging("night")
    };
    let mut bench = Bench::new(vec![night]);
    bench.judge(&[("web-1", 25.0)]);
    bench.attempt("night", &later());
    bench.judge(&[("web-1", 15.0)]);
    bench.wait(HOUR);
    assert_eq!(bench.hears("night"), [""; 0]);
    bench.judge(&[("web-1", 1.0)]);
    assert_eq!(bench.hears("night"), ["both web-1 ok"]);
}

// --- after, repeat ------------------------------------------------------------

#[test]
fn after_delays_a_receiver_from_the_level_that_it_listens_to() {
    let boss = Policy {
        levels: critical_only(),
        after: MINUTE * 30,
        ..messaging("boss")
    };
    let mut bench = Bench::new(vec![boss]);
    bench.judge(&[("web-1", 15.0)]);
    bench.wait(HOUR);
    bench.judge(&[("web-1", 25.0)]);
    let reached = bench.now;
    assert_eq!(bench.wakes("boss"), Some(reached.plus(MINUTE * 30)));
    bench.wait(MINUTE * 30 - secs(1));
    assert_eq!(bench.hears("boss"), [""; 0]);
    bench.wait(secs(1));
    assert_eq!(bench.hears("boss"), ["new web-1 critical"]);
}

#[test]
fn after_starts_anew_when_the_level_was_left_meanwhile() {
    let boss = Policy {
        levels: critical_only(),
        after: MINUTE * 30,
        ..messaging("boss")
    };
    let mut bench = Bench::new(vec![boss]);
    bench.judge(&[("web-1", 25.0)]);
    bench.wait(MINUTE * 20);
    bench.judge(&[("web-1", 15.0)]);
    bench.judge(&[("web-1", 25.0)]);
    let reached = bench.now;
    assert_eq!(bench.wakes("boss"), Some(reached.plus(MINUTE * 30)));
}

#[test]
fn reminders_come_while_an_incident_stays_open_and_are_counted() {
    let mail = Policy {
        repeat: Some(HOUR * 4),
        ..messaging("mail")
    };
    let mut bench = Bench::new(vec![mail]);
    bench.judge(&[("web-1", 25.0)]);
    bench.hears("mail");
    for number in 1..=3 {
        bench.wait(HOUR * 4 - secs(1));
        assert_eq!(bench.hears("mail"), [""; 0]);
        bench.wait(secs(1));
        let job = bench.next("mail").unwrap();
        assert_eq!((job.tell, job.reminder), (Tell::Reminder, number));
        bench.settle(&job, &Outcome::Accepted);
    }
    bench.judge(&[("web-1", 1.0)]);
    assert_eq!(bench.hears("mail"), ["resolved web-1 ok"]);
    bench.wait(HOUR * 100);
    assert_eq!(bench.hears("mail"), [""; 0]);
}

#[test]
fn a_reminder_that_fails_is_the_same_one_again() {
    let mail = Policy {
        repeat: Some(HOUR),
        ..messaging("mail")
    };
    let mut bench = Bench::new(vec![mail]);
    bench.judge(&[("web-1", 25.0)]);
    bench.hears("mail");
    bench.wait(HOUR);
    let first = bench.next("mail").unwrap();
    bench.settle(&first, &later());
    bench.wait(MINUTE);
    assert_eq!(bench.next("mail").unwrap(), first);
}

#[test]
fn addresses_that_stand_at_different_reminders_have_a_mail_each() {
    let mail = Policy {
        repeat: Some(HOUR),
        recipients: vec![Arc::from("a"), Arc::from("b")],
        ..messaging("mail")
    };
    let mut bench = Bench::new(vec![mail]);
    bench.judge(&[("web-1", 25.0)]);
    bench.hears("mail");
    bench.wait(HOUR);
    let first = bench.next("mail").unwrap();
    bench
        .world
        .settled(&first, &[Outcome::Accepted, later()], bench.now);
    bench.wait(HOUR);
    let mut reminders = Vec::new();
    while let Some(job) = bench.next("mail") {
        reminders.push((job.recipients.clone(), job.reminder));
        bench.settle(&job, &Outcome::Accepted);
    }
    reminders.sort();
    assert_eq!(
        reminders,
        [(vec![Arc::from("a")], 2), (vec![Arc::from("b")], 1)]
    );
}

// --- keys ----------------------------------------------------------------------

#[test]
fn a_raise_triggers_a_key_of_its_own_and_then_resolves_the_one_before() {
    let mut bench = Bench::new(vec![pagerduty("oncall")]);
    bench.judge(&[("web-1", 15.0)]);
    assert_eq!(bench.hears("oncall"), ["new web-1 warning"]);
    bench.judge(&[("web-1", f64::NAN)]);
    assert_eq!(
        bench.hears("oncall"),
        ["raised web-1 no_data /no_data", "stray web-1 no_data"]
    );
    bench.judge(&[("web-1", 25.0)]);
    assert_eq!(
        bench.hears("oncall"),
        [
            "raised web-1 critical /critical",
            "stray web-1 critical /no_data"
        ]
    );
    bench.judge(&[("web-1", 15.0)]);
    assert_eq!(bench.hears("oncall"), ["changed web-1 warning /critical"]);
    bench.judge(&[("web-1", 1.0)]);
    assert_eq!(bench.hears("oncall"), ["resolved web-1 ok /critical"]);
}

#[test]
fn every_key_that_was_sent_a_trigger_is_resolved_at_the_end() {
    let mut bench = Bench::new(vec![pagerduty("oncall")]);
    bench.judge(&[("web-1", 15.0)]);
    bench.hears("oncall");
    bench.judge(&[("web-1", f64::NAN)]);
    bench.attempt("oncall", &later());
    bench.judge(&[("web-1", 25.0)]);
    bench.wait(MINUTE);
    bench.attempt("oncall", &later());
    bench.judge(&[("web-1", 1.0)]);
    bench.wait(MINUTE * 5);
    let mut heard = bench.hears("oncall");
    heard.sort();
    assert_eq!(
        heard,
        [
            "resolved web-1 ok",
            "resolved web-1 ok /critical",
            "resolved web-1 ok /no_data"
        ]
    );
}

#[test]
fn reminders_go_to_the_key_that_is_open() {
    let mut bench = Bench::new(vec![pagerduty("oncall")]);
    bench.judge(&[("web-1", 15.0)]);
    bench.hears("oncall");
    bench.judge(&[("web-1", 25.0)]);
    bench.hears("oncall");
    bench.wait(HOUR * 4);
    assert_eq!(bench.hears("oncall"), ["reminder web-1 critical /critical"]);
}

// --- hours ------------------------------------------------------------------------

fn office_hours(hours: &str) -> Setup {
    let active = Active::parse(hours, chrono_tz::UTC.into()).unwrap();
    let group = Group {
        active: Some(active),
        ..(*group(alert("Load"))).clone()
    };
    setup(
        vec![Arc::new(group)],
        vec![messaging("hook"), pagerduty("oncall")],
    )
}

#[test]
fn outside_its_hours_nothing_new_is_told_and_what_still_burns_is_told_when_they_begin() {
    let mut bench = Bench::of(office_hours("13:00-18:00"));
    bench.judge(&[("web-1", 25.0), ("web-2", 25.0)]);
    assert_eq!(bench.hears("hook"), [""; 0]);
    let begin = Timestamp::from_secs(START + 3600);
    assert_eq!(bench.wakes("hook"), Some(begin));
    bench.judge(&[("web-1", 25.0), ("web-2", 1.0)]);
    bench.wait(begin.since(bench.now));
    assert_eq!(bench.hears("hook"), ["new web-1 critical"]);
    assert_eq!(bench.hears("oncall"), ["new web-1 critical"]);
}

#[test]
fn outside_its_hours_no_change_and_no_reminder_is_told_but_the_end_is() {
    let mut bench = Bench::of(office_hours("11:00-12:30"));
    bench.judge(&[("web-1", 15.0), ("web-2", 25.0)]);
    bench.hears("hook");
    bench.hears("oncall");
    bench.wait(HOUR * 5);
    bench.judge(&[("web-1", 25.0), ("web-2", 15.0)]);
    assert_eq!(
        (bench.hears("hook"), bench.hears("oncall")),
        (vec![], vec![])
    );
    bench.judge(&[("web-1", 25.0), ("web-2", 1.0)]);
    assert_eq!(bench.hears("hook"), ["resolved web-2 ok"]);
    assert_eq!(bench.hears("oncall"), ["resolved web-2 ok"]);
    bench.wait(HOUR * 18);
    assert_eq!(bench.hears("hook"), ["raised web-1 critical"]);
    assert_eq!(bench.hears("oncall")[0], "raised web-1 critical /critical");
}

// --- order ---------------------------------------------------------------------------

#[test]
fn the_most_urgent_of_a_receiver_goes_first_and_then_the_oldest() {
    let hook = Policy {
        repeat: Some(HOUR),
        ..messaging("hook")
    };
    let mut bench = Bench::new(vec![hook]);
    let calm = [
        ("reminded", 15.0),
        ("changed", 25.0),
        ("over", 15.0),
        ("raised", 15.0),
    ];
    bench.judge(&calm);
    bench.hears("hook");
    bench.wait(HOUR);
    let mut storm = vec![
        ("reminded", 15.0),
        ("changed", 15.0),
        ("over", 1.0),
        ("raised", 25.0),
        ("new-warning", 15.0),
    ];
    bench.judge(&storm);
    storm.push(("new-critical", 25.0));
    bench.judge(&storm);
    assert_eq!(
        bench.hears("hook"),
        [
            "raised raised critical",
            "new new-critical critical",
            "new new-warning warning",
            "resolved over ok",
            "changed changed warning",
            "reminder reminded warning",
        ]
    );
}

// --- failures ---------------------------------------------------------------------------

#[test]
fn attempts_are_repeated_with_growing_waits_for_as_long_as_the_incident_lives() {
    let mut bench = Bench::new(vec![messaging("hook")]);
    bench.judge(&[("web-1", 25.0)]);
    let mut waits = Vec::new();
    for _ in 0..400 {
        assert_eq!(
            bench.attempt("hook", &later()).unwrap(),
            "new web-1 critical"
        );
        let until = bench.wakes("hook").unwrap();
        waits.push(until.since(bench.now));
        bench.wait(until.since(bench.now));
    }
    assert!(waits[0] >= secs(1) && waits[0] <= secs(1), "{:?}", waits[0]);
    assert!(
        waits.windows(2).take(7).all(|pair| pair[0] < pair[1]),
        "{waits:?}"
    );
    let long = &waits[10..];
    assert!(
        long.iter()
            .all(|wait| (secs(225)..=secs(300)).contains(wait)),
        "{long:?}"
    );
    let distinct: BTreeSet<_> = long.iter().collect();
    assert!(distinct.len() > 50, "retries are spread");
    assert!(bench.world.take_given_up().is_empty());
    assert_eq!(bench.hears("hook"), ["new web-1 critical"]);
}

#[test]
fn a_receiver_that_asks_to_be_left_alone_is_and_for_no_more_than_an_hour() {
    let asks = |seconds| Outcome::Later {
        why: "503".to_owned(),
        after: Some(secs(seconds)),
        pause: false,
        unsure: false,
    };
    let mut bench = Bench::new(vec![messaging("hook")]);
    bench.judge(&[("web-1", 15.0)]);
    bench.attempt("hook", &asks(90));
    assert_eq!(bench.wakes("hook"), Some(bench.now.plus(secs(90))));
    bench.judge(&[("web-1", 25.0)]);
    assert_eq!(bench.next("hook"), None, "a raise waits, too");
    bench.wait(secs(89));
    bench.attempt("hook", &asks(1_000_000));
    assert_eq!(bench.wakes("hook"), Some(bench.now.plus(HOUR)));
}

#[test]
fn after_an_hour_of_500_pagerduty_is_told_at_the_first_success_once_with_the_same_key() {
    let mut bench = Bench::new(vec![pagerduty("oncall")]);
    bench.judge(&[("web-1", 25.0)]);
    let began = bench.now;
    let mut attempts = 0;
    while bench.now.since(began) < HOUR {
        assert_eq!(
            bench.attempt("oncall", &later()).unwrap(),
            "new web-1 critical",
            "every attempt goes to the first key"
        );
        attempts += 1;
        let until = bench.wakes("oncall").unwrap();
        bench.wait(until.since(bench.now));
        bench.judge(&[("web-1", 25.0)]);
    }
    assert!((15..=25).contains(&attempts), "{attempts}");
    assert_eq!(bench.hears("oncall"), ["new web-1 critical"]);
    bench.judge(&[("web-1", 1.0)]);
    assert_eq!(bench.hears("oncall"), ["resolved web-1 ok"]);
    assert_eq!(bench.world.deliveries().count(), 0);
}

/// It was sent, and nothing came back in time.
fn hung() -> Outcome {
    Outcome::Later {
        why: "did not answer in time".to_owned(),
        after: None,
        pause: true,
        unsure: true,
    }
}

#[test]
fn what_a_receiver_chokes_on_keeps_nothing_else_from_being_told() {
    let mut bench = Bench::new(vec![messaging("hook")]);
    bench.judge(&[("web-1", 25.0), ("web-2", 25.0), ("web-3", 15.0)]);
    // each attempt at them hangs, and pauses the receiver for as long as it waits itself
    let choke = |job: &str| job.contains("web-1") || job.contains("web-2");
    let mut told = Vec::new();
    let mut attempts = 0;
    while told.is_empty() && attempts < 10 {
        let Some(job) = bench.next("hook") else {
            bench.wait(secs(300));
            continue;
        };
        attempts += 1;
        let words = bench.words(&job);
        if choke(&words) {
            bench.settle(&job, &hung());
            bench.wait(secs(300));
        } else {
            bench.settle(&job, &Outcome::Accepted);
            told.push(words);
        }
    }
    assert_eq!(told, ["new web-3 warning"], "within {attempts} attempts");
    // it answers, so the most urgent goes first again
    bench.wait(secs(300));
    assert!(choke(&bench.attempt("hook", &hung()).unwrap()));
}

#[test]
fn after_a_hang_the_most_urgent_goes_first() {
    let mut bench = Bench::new(vec![messaging("hook")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.attempt("hook", &hung());
    bench.judge(&[("web-1", 25.0), ("web-2", 15.0)]);
    bench.wait(secs(2));
    assert_eq!(
        bench.hears("hook"),
        ["new web-1 critical", "new web-2 warning"]
    );
}

#[test]
fn an_end_is_given_up_after_24_hours_of_trying_and_not_before() {
    let mut bench = Bench::new(vec![messaging("hook")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.hears("hook");
    bench.judge(&[("web-1", 1.0)]);
    let ended = bench.now;
    while bench.now.since(ended) < HOUR * 24 {
        assert!(bench.world.take_given_up().is_empty());
        bench.attempt("hook", &later());
        bench.wait(MINUTE * 5);
    }
    let lost = bench.world.take_given_up();
    assert_eq!(lost.len(), 1);
    assert_eq!((&*lost[0].receiver, &*lost[0].why), ("hook", "timed out"));
    assert_eq!(bench.next("hook"), None);
    assert_eq!(bench.world.deliveries().count(), 0);
}

#[test]
fn time_in_which_nobody_tried_is_no_trying() {
    let mut bench = Bench::new(vec![messaging("hook")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.hears("hook");
    bench.judge(&[("web-1", 1.0)]);
    bench.commit();
    bench.now = bench.now.plus(HOUR * 72);
    bench.restart();
    bench.wait(secs(0));
    bench.wait(secs(61));
    assert_eq!(bench.hears("hook"), ["resolved web-1 ok"]);
    assert!(bench.world.take_given_up().is_empty());
}

#[test]
fn what_was_refused_is_tried_after_a_minute_then_every_five_and_at_once_when_it_changes() {
    let mut bench = Bench::new(vec![messaging("hook")]);
    bench.judge(&[("web-1", 15.0)]);
    bench.attempt("hook", &rejected());
    assert_eq!(bench.wakes("hook"), Some(bench.now.plus(MINUTE)));
    bench.wait(MINUTE);
    bench.attempt("hook", &rejected());
    assert_eq!(bench.wakes("hook"), Some(bench.now.plus(MINUTE * 5)));
    bench.judge(&[("web-1", 25.0)]);
    assert_eq!(
        bench.attempt("hook", &rejected()).unwrap(),
        "new web-1 critical"
    );
    assert_eq!(bench.next("hook"), None);
    bench.reload(|_| ());
    assert_eq!(bench.hears("hook"), ["new web-1 critical"]);
}

#[test]
fn what_was_refused_before_a_start_is_tried_at_it() {
    let mut bench = Bench::new(vec![messaging("hook")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.attempt("hook", &rejected());
    bench.commit();
    bench.restart();
    bench.judge(&[("web-1", 25.0)]);
    assert_eq!(bench.hears("hook"), ["new web-1 critical"]);
}

#[test]
fn mail_is_settled_for_each_recipient() {
    let mail = Policy {
        recipients: ["a", "b", "c"]
            .map(|name| Arc::from(format!("{name}@example.com")))
            .to_vec(),
        ..messaging("mail")
    };
    let mut bench = Bench::new(vec![mail]);
    bench.judge(&[("web-1", 25.0)]);
    let job = bench.next("mail").unwrap();
    assert_eq!(job.recipients.len(), 3, "one mail for all");
    let refused = Outcome::Rejected {
        why: "550 no such user".to_owned(),
        smtp: true,
    };
    bench.world.settled(
        &job,
        &[Outcome::Accepted, refused.clone(), Outcome::Accepted],
        bench.now,
    );
    assert_eq!(bench.next("mail"), None, "nobody gets a second one");
    bench.wait(MINUTE);
    let again = bench.next("mail").unwrap();
    assert_eq!(again.recipients, [Arc::from("b@example.com")]);
    bench.settle(&again, &refused);
    assert_eq!(bench.wakes("mail"), Some(bench.now.plus(MINUTE * 15)));
    bench.judge(&[("web-1", 1.0)]);
    let ends: Vec<_> = std::iter::from_fn(|| {
        let job = bench.next("mail")?;
        bench.settle(&job, &Outcome::Accepted);
        Some((job.tell, job.recipients.len()))
    })
    .collect();
    assert_eq!(ends.len(), 2);
    assert!(
        ends.contains(&(Tell::Resolved, 2)) && ends.contains(&(Tell::Both, 1)),
        "{ends:?}"
    );
}

#[test]
fn a_recipient_that_is_to_be_left_alone_is_left_out_of_the_mail() {
    let mail = Policy {
        recipients: vec![Arc::from("a"), Arc::from("b")],
        ..messaging("mail")
    };
    let mut bench = Bench::new(vec![mail]);
    bench.judge(&[("web-1", 25.0)]);
    let job = bench.next("mail").unwrap();
    bench.world.settled(&job, &[rejected(), later()], bench.now);
    bench.wait(secs(2));
    assert_eq!(bench.next("mail").unwrap().recipients, [Arc::from("b")]);
}

// --- fallbacks, and the incident about a receiver -------------------------------------------

fn with_fallback() -> Vec<Policy> {
    let oncall = Policy {
        fallback: Some(Arc::from("mail")),
        default: true,
        ..pagerduty("oncall")
    };
    vec![oncall, messaging("mail")]
}

#[test]
fn a_fallback_is_told_at_once_on_a_rejection_and_until_the_incident_ends() {
    let mut bench = Bench::new(with_fallback());
    bench.judge(&[("web-1", 15.0)]);
    assert_eq!(bench.hears("mail"), [""; 0]);
    bench.attempt("oncall", &rejected());
    assert_eq!(bench.hears("mail"), ["new web-1 warning"]);
    bench.wait(MINUTE);
    assert_eq!(bench.hears("oncall"), ["new web-1 warning"]);
    bench.judge(&[("web-1", 25.0)]);
    assert_eq!(bench.hears("mail"), ["raised web-1 critical"], "it stays");
    bench.judge(&[("web-1", 1.0)]);
    assert_eq!(bench.hears("mail"), ["resolved web-1 ok"]);
    bench.judge(&[("web-1", 25.0)]);
    assert_eq!(
        bench.hears("mail"),
        [""; 0],
        "the next one is not its business"
    );
}

#[test]
fn a_fallback_is_told_at_once_what_waits_behind_an_end_that_is_refused() {
    let mut bench = Bench::new(with_fallback());
    bench.judge(&[("web-1", 25.0)]);
    bench.hears("oncall");
    bench.judge(&[("web-1", 1.0)]);
    bench.attempt("oncall", &rejected());
    assert_eq!(bench.hears("mail"), [""; 0], "nothing burns");
    bench.judge(&[("web-1", 25.0)]);
    bench.wait(secs(0));
    assert_eq!(bench.hears("mail"), ["new web-1 critical"]);
}

#[test]
fn a_fallback_is_told_what_stays_undelivered_for_fallback_after() {
    let mut bench = Bench::new(with_fallback());
    bench.judge(&[("web-1", 25.0)]);
    let due = bench.now;
    while bench.now.since(due) < MINUTE * 5 {
        assert_eq!(bench.hears("mail"), [""; 0]);
        bench.attempt("oncall", &later());
        bench.wait(secs(1));
    }
    assert_eq!(bench.hears("mail"), ["new web-1 critical"]);
    assert_eq!(bench.own(), ["(receiver oncall)"]);
}

#[test]
fn a_receiver_that_works_costs_its_fallback_nothing() {
    let mut bench = Bench::new(with_fallback());
    for _ in 0..50 {
        bench.judge(&[("web-1", 25.0)]);
        bench.attempt("oncall", &later());
        bench.wait(MINUTE);
        bench.hears("oncall");
        bench.judge(&[("web-1", 1.0)]);
        bench.hears("oncall");
        bench.wait(HOUR * 5);
    }
    assert_eq!(bench.hears("mail"), [""; 0]);
    assert_eq!(bench.own(), [""; 0]);
}

#[test]
fn a_receiver_in_trouble_is_an_incident_that_it_is_never_told_itself() {
    let mut bench = Bench::new(vec![messaging("a"), messaging("b")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.hears("b");
    bench.attempt("a", &rejected());
    assert_eq!(bench.own(), ["(receiver a)"]);
    assert_eq!(bench.hears("b"), ["new (receiver a) critical"]);
    bench.wait(MINUTE);
    assert_eq!(bench.hears("a"), ["new web-1 critical"]);
    assert_eq!(bench.own(), [""; 0]);
    assert_eq!(bench.hears("b"), ["resolved (receiver a) ok"]);
    assert_eq!(bench.hears("a"), [""; 0]);
}

#[test]
fn a_receiver_is_in_trouble_until_it_takes_something() {
    let mut bench = Bench::new(vec![messaging("a"), messaging("b")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.attempt("a", &rejected());
    bench.wait(MINUTE);
    // no answer is no better than a refusal
    bench.attempt("a", &later());
    assert_eq!(bench.own(), ["(receiver a)"]);
}

#[test]
fn a_clock_set_back_mends_no_receiver() {
    let mut bench = Bench::new(vec![messaging("a"), messaging("b")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.hears("b");
    bench.attempt("a", &later());
    bench.wait(6 * MINUTE);
    assert_eq!(bench.own(), ["(receiver a)"]);
    bench.hears("b");
    bench.now = bench.now.minus(4 * MINUTE);
    bench.wait(secs(1));
    assert_eq!(bench.own(), ["(receiver a)"]);
    bench.wait(MINUTE);
    assert_eq!(bench.hears("a"), ["new web-1 critical"]);
    assert_eq!(bench.own(), [""; 0]);
}

#[test]
fn a_refusal_of_what_is_no_longer_owed_is_no_trouble_any_more() {
    let night = Policy {
        levels: critical_only(),
        ..messaging("night")
    };
    let mut bench = Bench::new(vec![night, messaging("b")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.attempt("night", &rejected());
    assert_eq!(bench.own(), ["(receiver night)"]);
    bench.judge(&[("web-1", 15.0)]);
    bench.wait(secs(1));
    assert_eq!(bench.own(), [""; 0]);
}

#[test]
fn downtime_is_no_delay_of_a_receivers() {
    let mut bench = Bench::new(with_fallback());
    bench.judge(&[("web-1", 25.0)]);
    bench.commit();
    bench.now = bench.now.plus(HOUR);
    bench.restart();
    bench.wait(secs(0));
    bench.judge(&[("web-1", 25.0)]);
    bench.wait(secs(1));
    assert_eq!(bench.own(), [""; 0]);
    assert_eq!(bench.hears("mail"), [""; 0]);
    assert_eq!(bench.hears("oncall"), ["new web-1 critical"]);
}

#[test]
fn a_machine_that_sleeps_for_days_gives_up_no_end_and_blames_no_receiver() {
    let mut bench = Bench::new(with_fallback());
    bench.judge(&[("web-1", 25.0)]);
    bench.hears("oncall");
    bench.judge(&[("web-1", 1.0)]);
    let resolve = bench.next("oncall").unwrap();
    bench.wait(secs(1));
    // the answer to what was under way is what it wakes up with
    bench.sleep(HOUR * 72);
    bench.settle(&resolve, &lost());
    bench.wait(secs(1));
    bench.judge(&[("web-1", 1.0), ("web-2", 25.0)]);
    bench.wait(MINUTE);
    assert!(bench.world.take_given_up().is_empty());
    assert_eq!(bench.own(), [""; 0]);
    assert_eq!(bench.hears("mail"), [""; 0]);
    assert_eq!(
        bench.hears("oncall"),
        ["new web-2 critical", "resolved web-1 ok"]
    );
}

#[test]
fn sleep_does_not_mend_a_receiver() {
    let mut bench = Bench::new(vec![messaging("hook"), messaging("boss")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.attempt("hook", &later());
    bench.hears("boss");
    bench.wait(MINUTE * 5);
    assert_eq!(bench.hears("boss"), ["new (receiver hook) critical"]);
    bench.sleep(HOUR * 8);
    bench.wait(secs(1));
    assert_eq!(bench.own(), ["(receiver hook)"]);
    assert_eq!(bench.hears("hook"), [""; 0], "nothing before it is judged");
    bench.judge(&[("web-1", 25.0)]);
    bench.hears("hook");
    assert_eq!(bench.hears("boss"), ["resolved (receiver hook) ok"]);
}

#[test]
fn a_restart_mends_a_receiver_that_is_owed_nothing_any_more() {
    let mut bench = Bench::new(vec![messaging("hook"), messaging("boss")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.attempt("hook", &rejected());
    bench.hears("boss");
    assert_eq!(bench.own(), ["(receiver hook)"]);
    bench.commit();
    bench.now = bench.now.plus(HOUR);
    let hook = Policy {
        levels: critical_only(),
        ..messaging("hook")
    };
    let mut changed = bench.world.setup().clone();
    changed.receivers = vec![hook, messaging("boss")];
    bench.world = World::new(changed, bench.saved.clone(), bench.now);
    bench.wait(secs(1));
    assert_eq!(bench.own(), ["(receiver hook)"]);
    bench.judge(&[("web-1", 15.0)]);
    bench.wait(secs(1));
    assert_eq!(bench.own(), [""; 0]);
}

#[test]
fn a_restart_does_not_mend_a_receiver() {
    for outcome in [later(), rejected()] {
        let mut bench = Bench::new(vec![messaging("hook"), messaging("boss")]);
        bench.judge(&[("web-1", 25.0)]);
        bench.attempt("hook", &outcome);
        bench.hears("boss");
        bench.wait(MINUTE * 5);
        assert_eq!(bench.own(), ["(receiver hook)"]);
        bench.hears("boss");
        bench.commit();
        bench.restart();
        for _ in 0..3 {
            bench.wait(secs(1));
            assert_eq!(bench.own(), ["(receiver hook)"], "{outcome:?}");
        }
        bench.judge(&[("web-1", 25.0)]);
        for _ in 0..3 {
            bench.wait(secs(1));
            assert_eq!(bench.own(), ["(receiver hook)"], "{outcome:?}");
        }
        assert_eq!(bench.hears("boss"), [""; 0], "nothing is new");
        bench.hears("hook");
        assert_eq!(bench.own(), [""; 0]);
        assert_eq!(bench.hears("boss"), ["resolved (receiver hook) ok"]);
    }
}

#[test]
fn an_incident_about_a_receiver_ends_when_the_configuration_has_it_no_longer() {
    for restart in [true, false] {
        let mut bench = Bench::new(vec![messaging("a"), messaging("b")]);
        bench.judge(&[("web-1", 25.0)]);
        bench.attempt("a", &rejected());
        bench.hears("b");
        assert_eq!(bench.own(), ["(receiver a)"]);
        if restart {
            bench.commit();
            let setup = Setup {
                receivers: vec![messaging("b")],
                ..bench.world.setup().clone()
            };
            bench.world = World::new(setup, bench.saved.clone(), bench.now);
            bench.judge(&[("web-1", 25.0)]);
        } else {
            bench.reload(|setup| setup.receivers.retain(|policy| &*policy.name == "b"));
        }
        assert_eq!(bench.own(), [""; 0]);
        assert_eq!(bench.hears("b"), ["resolved (receiver a) ok"]);
    }
}

#[test]
fn an_incident_about_a_host_that_is_asked_no_longer_ends() {
    let mut bench = Bench::new(vec![messaging("a")]);
    for _ in 0..4 {
        bench.fail_fetch();
        bench.wait(MINUTE * 2);
    }
    assert_eq!(bench.hears("a"), ["new graphite.example.com critical"]);
    bench.reload(|setup| setup.host = Arc::from("other.example.com"));
    assert!(
        bench
            .hears("a")
            .contains(&"resolved graphite.example.com ok".to_owned())
    );
}

#[test]
fn a_store_that_could_be_read_at_a_start_is_no_trouble() {
    let mut bench = Bench::new(vec![messaging("a")]);
    bench.judge(&[]);
    bench.world.store_failed(Some("disk full"), bench.now);
    bench.commit();
    bench.restart();
    assert_eq!(bench.own(), [""; 0]);
}

// --- overflow --------------------------------------------------------------------------------------

fn limited(limit: usize, no_data_limit: usize) -> Setup {
    let alert = Alert {
        limit: Some(limit),
        no_data_limit: Some(no_data_limit),
        ..alert("Load")
    };
    setup(
        vec![group(alert)],
        vec![pagerduty("oncall"), messaging("hook")],
    )
}

#[test]
fn beyond_the_limit_the_worst_stand_alone_and_the_rest_are_one_incident() {
    let mut bench = Bench::of(limited(2, 9));
    bench.judge(&[("a", 15.0), ("b", 15.0), ("c", 25.0), ("d", 15.0)]);
    let heard = bench.hears("hook");
    assert_eq!(heard.len(), 3, "{heard:?}");
    assert_eq!(heard[0], "new c critical");
    assert!(
        heard.contains(&"new (more) warning".to_owned()),
        "{heard:?}"
    );
    let more = bench
        .world
        .incidents()
        .find(|i| i.subject == Subject::More)
        .unwrap();
    assert!(
        bench
            .world
            .words(more)
            .unwrap()
            .starts_with("2 more series: ")
    );
}

#[test]
fn the_overflow_has_the_worst_level_of_its_members_and_a_raise_of_it_wakes() {
    let mut bench = Bench::of(limited(1, 9));
    bench.judge(&[("a", 15.0)]);
    bench.judge(&[("a", 15.0), ("b", 15.0)]);
    assert_eq!(
        bench.hears("oncall"),
        ["new a warning", "new (more) warning"]
    );
    bench.judge(&[("a", 15.0), ("b", 15.0), ("c", 25.0)]);
    assert_eq!(
        bench.hears("oncall"),
        ["raised (more) critical /critical", "stray (more) critical"]
    );
    bench.judge(&[("a", 15.0), ("b", 15.0), ("c", 15.0)]);
    assert_eq!(bench.hears("oncall"), ["changed (more) warning /critical"]);
    bench.judge(&[("a", 15.0), ("b", 1.0), ("c", 15.0)]);
    assert_eq!(bench.hears("oncall"), [""; 0]);
    bench.judge(&[("a", 15.0), ("b", 1.0), ("c", 1.0)]);
    assert_eq!(bench.hears("oncall"), ["resolved (more) ok /critical"]);
}

#[test]
fn whoever_was_told_alone_stays_alone_and_whoever_is_in_the_overflow_stays_in_it() {
    let mut bench = Bench::of(limited(1, 9));
    bench.judge(&[("a", 15.0)]);
    bench.judge(&[("a", 15.0), ("b", 15.0)]);
    bench.hears("hook");
    bench.judge(&[("a", 1.0), ("b", 15.0)]);
    assert_eq!(bench.hears("hook"), ["resolved a ok"]);
    // one is open still, though not alone: the next joins it
    bench.judge(&[("a", 1.0), ("b", 15.0), ("c", 15.0)]);
    assert_eq!(bench.hears("hook"), [""; 0]);
    bench.judge(&[("a", 1.0), ("b", 1.0), ("c", 1.0)]);
    assert_eq!(bench.hears("hook"), ["resolved (more) ok"]);
    bench.judge(&[("a", 1.0), ("b", 1.0), ("c", 15.0)]);
    assert_eq!(bench.hears("hook"), ["new c warning"]);
}

#[test]
fn those_without_data_have_a_limit_of_their_own() {
    let mut bench = Bench::of(limited(10, 1));
    bench.judge(&[("a", 1.0), ("b", 1.0), ("c", 1.0), ("d", 1.0)]);
    bench.judge(&[
        ("a", f64::NAN),
        ("b", f64::NAN),
        ("c", f64::NAN),
        ("d", 25.0),
    ]);
    let heard = bench.hears("hook");
    assert_eq!(heard.len(), 3, "{heard:?}");
    assert!(heard.contains(&"new d critical".to_owned()), "{heard:?}");
    assert!(
        heard.contains(&"new (more without data) no_data".to_owned()),
        "{heard:?}"
    );
}

#[test]
fn whoever_is_in_the_overflow_has_no_row_of_its_own_and_is_known_after_a_restart() {
    let mut bench = Bench::of(limited(1, 9));
    bench.judge(&[("a", 15.0)]);
    bench.judge(&[("a", 15.0), ("b", 15.0), ("c", 25.0), ("d", 15.0)]);
    bench.hears("hook");
    bench.commit();
    let written: Vec<_> = bench.saved.incidents.values().map(|i| &*i.series).collect();
    assert_eq!(written, ["a", "(more)"]);
    let open = |bench: &Bench| {
        let open = bench.world.incidents();
        let mut open: Vec<_> = open
            .map(|i| (i.series.to_string(), i.id, i.level, i.started, i.inside))
            .collect();
        open.sort();
        open
    };
    let words = |bench: &Bench| {
        let more = bench.world.incidents().find(|i| &*i.series == "(more)");
        bench.world.words(more.unwrap()).unwrap()
    };
    let before = (open(&bench), words(&bench));
    assert_eq!(before.0.len(), 5);
    assert!(
        before.1.starts_with("3 more series: c CRITICAL, "),
        "{}",
        before.1
    );
    bench.restart();
    assert_eq!((open(&bench), words(&bench)), before);
    bench.judge(&[("a", 15.0), ("b", 15.0), ("c", 25.0), ("d", 15.0)]);
    assert_eq!(bench.hears("hook"), [""; 0]);
    bench.judge(&[("a", 15.0), ("b", 1.0), ("c", 15.0), ("d", 15.0)]);
    assert_eq!(bench.hears("hook"), ["changed (more) warning"]);
    bench.judge(&[("a", 1.0), ("b", 1.0), ("c", 1.0), ("d", 1.0)]);
    let ends = bench.hears("hook");
    assert_eq!(ends.len(), 2, "{ends:?}");
    assert!(ends.contains(&"resolved (more) ok".to_owned()), "{ends:?}");
    assert_eq!(bench.hears("oncall").len(), 2);
    bench.commit();
    assert_eq!(
        bench.saved.incidents.len() + bench.saved.deliveries.len(),
        0
    );
    assert!(bench.saved.series.is_empty());
}

#[test]
fn a_route_that_is_new_leads_to_the_overflow_of_what_it_matches() {
    let mut bench = Bench::of(limited(1, 9));
    bench.judge(&[("a", 15.0)]);
    bench.judge(&[("a", 15.0), ("b", 15.0)]);
    bench.hears("hook");
    bench.reload(|setup| setup.receivers.push(messaging("boss")));
    assert_eq!(bench.hears("boss"), ["new a warning", "new (more) warning"]);
}

#[test]
fn without_a_limit_everybody_stands_alone() {
    let mut bench = Bench::new(vec![messaging("hook")]);
    let names: Vec<String> = (0..50).map(|number| format!("web-{number}")).collect();
    let series: Vec<(&str, f64)> = names.iter().map(|name| (name.as_str(), 25.0)).collect();
    bench.judge(&series);
    assert_eq!(bench.hears("hook").len(), 50);
}

// --- routes ------------------------------------------------------------------------------------------

fn glob(pattern: &str) -> globset::GlobMatcher {
    globset::Glob::new(pattern).unwrap().compile_matcher()
}

fn route(notify: &[&str]) -> Route {
    Route {
        alert: None,
        series: None,
        labels: BTreeMap::new(),
        notify: notify.iter().map(|name| Arc::from(*name)).collect(),
        continue_: false,
    }
}

#[test]
fn an_alerts_own_list_wins_then_routes_then_defaults_then_all() {
    let names = |routed: Vec<Arc<str>>| routed.join(" ");
    let mut setup = setup(vec![], ["a", "b", "c"].map(messaging).to_vec());
    let labels = BTreeMap::from([("team".to_owned(), "db".to_owned())]);
    let routed = |setup: &Setup, notify: Option<&[Arc<str>]>| {
        names(setup.routed("Load", "web-1", &labels, notify))
    };
    assert_eq!(routed(&setup, None), "a b c");
    setup.receivers[1].default = true;
    assert_eq!(routed(&setup, None), "b");
    setup.routes = vec![
        Route {
            alert: Some(glob("Disk*")),
            ..route(&["a"])
        },
        Route {
            labels: BTreeMap::from([("team".to_owned(), glob("d?"))]),
            series: Some(glob("web-*")),
            continue_: true,
            ..route(&["c", "a"])
        },
        Route {
            labels: BTreeMap::from([("floor".to_owned(), glob("*"))]),
            ..route(&["b"])
        },
        route(&["a", "b"]),
        route(&["c"]),
    ];
    assert_eq!(routed(&setup, None), "c a b");
    setup.routes[1].continue_ = false;
    assert_eq!(routed(&setup, None), "c a");
    assert_eq!(routed(&setup, Some(&[Arc::from("b")])), "b");
}

// --- starts --------------------------------------------------------------------------------------------

#[test]
fn after_a_start_deliveries_wait_for_the_groups_first_evaluation() {
    let mut bench = Bench::new(vec![messaging("hook")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.commit();
    bench.restart();
    assert_eq!(bench.wakes("hook"), Some(bench.now.plus(MINUTE)));
    bench.wait(secs(1));
    assert_eq!(bench.hears("hook"), [""; 0]);
    bench.judge(&[("web-1", 25.0)]);
    assert_eq!(bench.hears("hook"), ["new web-1 critical"]);
}

#[test]
fn or_for_its_first_failed_fetch_or_for_a_minute() {
    let mut bench = Bench::new(vec![messaging("hook")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.commit();
    bench.restart();
    bench.fail_fetch();
    assert_eq!(bench.next("hook").unwrap().tell, Tell::New);
    bench.restart();
    bench.wait(secs(59));
    assert_eq!(bench.next("hook"), None);
    bench.wait(secs(1));
    assert_eq!(bench.hears("hook"), ["new web-1 critical"]);
}

#[test]
fn what_is_over_by_then_is_never_told_late() {
    let mut bench = Bench::new(vec![pagerduty("oncall"), messaging("hook")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.commit();
    bench.restart();
    bench.judge(&[("web-1", 1.0)]);
    assert_eq!(bench.hears("oncall"), ["resolved web-1 ok"]);
    assert_eq!(bench.hears("hook"), ["both web-1 ok"]);
}

#[test]
fn alerts_on_a_cron_schedule_wait_for_nothing() {
    let group = Group {
        schedule: Schedule::cron("0 6 * * *", chrono_tz::UTC.into()).unwrap(),
        ..(*group(alert("Load"))).clone()
    };
    let mut bench = Bench::of(setup(vec![Arc::new(group)], vec![messaging("hook")]));
    bench.judge(&[("web-1", 25.0)]);
    bench.commit();
    bench.restart();
    assert_eq!(bench.hears("hook"), ["new web-1 critical"]);
}

#[test]
fn what_was_accepted_before_a_kill_is_not_told_again() {
    let mut bench = Bench::new(vec![pagerduty("oncall"), messaging("hook")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.hears("oncall");
    bench.hears("hook");
    bench.commit();
    bench.restart();
    bench.judge(&[("web-1", 25.0)]);
    assert_eq!(
        (bench.hears("oncall"), bench.hears("hook")),
        (vec![], vec![])
    );
    bench.judge(&[("web-1", 1.0)]);
    assert_eq!(bench.hears("oncall"), ["resolved web-1 ok"]);
    assert_eq!(bench.hears("hook"), ["resolved web-1 ok"]);
}

// --- reloads -----------------------------------------------------------------------------------------------

#[test]
fn a_receiver_that_leaves_is_told_the_end_of_what_it_knows_at_its_old_address() {
    let mut bench = Bench::new(vec![messaging("a"), pagerduty("b"), messaging("c")]);
    bench.judge(&[("web-1", 25.0)]);
    for name in ["a", "b"] {
        bench.hears(name);
    }
    let retired = bench.reload(|setup| setup.receivers.retain(|policy| &*policy.name == "c"));
    assert_eq!(retired.len(), 2);
    for name in &retired {
        assert_eq!(bench.hears(name), ["resolved web-1 ok"]);
        assert!(!bench.world.knows_receiver(name));
    }
    assert_eq!(bench.hears("c"), ["new web-1 critical"]);
}

#[test]
fn a_receiver_that_knows_nothing_leaves_without_a_word() {
    let mut bench = Bench::new(vec![messaging("a"), messaging("b")]);
    bench.judge(&[("web-1", 25.0)]);
    let retired = bench.reload(|setup| setup.receivers.retain(|policy| &*policy.name == "b"));
    assert_eq!(retired, [""; 0]);
}

#[test]
fn a_receiver_that_moves_is_told_the_end_there_and_the_beginning_here() {
    let mut bench = Bench::new(vec![pagerduty("oncall")]);
    bench.judge(&[("web-1", 15.0)]);
    bench.hears("oncall");
    bench.judge(&[("web-1", 25.0)]);
    bench.attempt("oncall", &later());
    let retired = bench.reload_moved(&["oncall"], |_| ());
    assert_eq!(bench.hears("oncall"), ["new web-1 critical"]);
    let mut heard = bench.hears(&retired[0]);
    heard.sort();
    assert_eq!(heard, ["resolved web-1 ok", "resolved web-1 ok /critical"]);
    bench.judge(&[("web-1", 1.0)]);
    assert_eq!(bench.hears("oncall"), ["resolved web-1 ok"]);
}

#[test]
fn a_receiver_that_comes_back_knows_what_it_knew_there() {
    let mut bench = Bench::new(vec![pagerduty("oncall")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.hears("oncall");
    let there = bench.reload_moved(&["oncall"], |_| ());
    bench.wait(secs(1));
    bench.reload_moved(&["oncall"], |_| ());
    let back = (Arc::from(&*there[0]), Arc::from("oncall"));
    bench.world.came_back(&back.0, &back.1);
    assert!(!bench.world.knows_receiver(&there[0]));
    assert_eq!(bench.hears("oncall"), [""; 0]);
    bench.commit();
    bench.restart();
    bench.judge(&[("web-1", 1.0)]);
    assert_eq!(bench.hears("oncall"), ["resolved web-1 ok"]);
}

#[test]
fn mail_tells_only_those_who_leave_the_list_the_end_and_only_those_who_join_it_the_beginning() {
    let mail = |names: &[&str]| Policy {
        recipients: names.iter().map(|name| Arc::from(*name)).collect(),
        ..messaging("mail")
    };
    let mut bench = Bench::new(vec![mail(&["a", "b"])]);
    bench.judge(&[("web-1", 25.0)]);
    bench.hears("mail");
    let retired = bench.reload(|setup| setup.receivers = vec![mail(&["b", "c"])]);
    let job = bench.next(&retired[0]).unwrap();
    assert_eq!(
        (job.tell, job.recipients.clone()),
        (Tell::Resolved, vec![Arc::from("a")])
    );
    bench.settle(&job, &Outcome::Accepted);
    let job = bench.next("mail").unwrap();
    assert_eq!(
        (job.tell, job.recipients.clone()),
        (Tell::New, vec![Arc::from("c")])
    );
    bench.settle(&job, &Outcome::Accepted);
    assert_eq!(bench.next("mail"), None);
}

#[test]
fn a_receiver_with_another_name_knows_what_it_was_told() {
    let oncall = Policy {
        fallback: Some(Arc::from("mail")),
        ..pagerduty("oncall")
    };
    let mut bench = Bench::new(vec![oncall, messaging("mail")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.hears("oncall");
    bench
        .world
        .rename(&Arc::from("oncall"), &Arc::from("pager"));
    let retired = bench.reload(|setup| setup.receivers = vec![pagerduty("pager")]);
    assert_eq!(retired, [""; 0]);
    assert_eq!(bench.hears("pager"), [""; 0]);
    bench.judge(&[("web-1", 1.0)]);
    assert_eq!(bench.hears("pager"), ["resolved web-1 ok"]);
}

#[test]
fn that_a_receiver_has_another_name_survives_a_loss_of_power() {
    let mut bench = Bench::new(vec![pagerduty("oncall"), messaging("mail")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.hears("oncall");
    bench.world.take_batch();
    bench
        .world
        .rename(&Arc::from("oncall"), &Arc::from("pager"));
    assert!(bench.world.take_batch().owed);
    bench
        .world
        .rename(&Arc::from("nobody"), &Arc::from("somebody"));
    assert!(!bench.world.take_batch().owed);
}

#[test]
fn a_fallback_with_another_name_stays_until_the_incident_ends() {
    let hook = |fallback: &str| Policy {
        fallback: Some(Arc::from(fallback)),
        default: true,
        ..messaging("hook")
    };
    let mut bench = Bench::new(vec![hook("oncall"), pagerduty("oncall")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.attempt("hook", &rejected());
    assert_eq!(bench.hears("oncall"), ["new web-1 critical"]);
    bench.wait(MINUTE);
    assert_eq!(bench.hears("hook"), ["new web-1 critical"]);
    bench
        .world
        .rename(&Arc::from("oncall"), &Arc::from("pager"));
    bench.reload(|setup| setup.receivers = vec![hook("pager"), pagerduty("pager")]);
    assert_eq!(bench.hears("pager"), [""; 0]);
    bench.judge(&[("web-1", 1.0)]);
    assert_eq!(bench.hears("pager"), ["resolved web-1 ok"]);
}

#[test]
fn a_receiver_that_no_ends_are_told_leaves_without_one() {
    let quiet = Policy {
        resolved: false,
        ..messaging("quiet")
    };
    let mut bench = Bench::new(vec![quiet, messaging("b")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.hears("quiet");
    let retired = bench.reload(|setup| setup.receivers.retain(|policy| &*policy.name == "b"));
    assert_eq!(retired, [""; 0]);
}

#[test]
fn what_a_receiver_that_left_would_hear_is_never_written() {
    let mut bench = Bench::new(vec![messaging("a"), messaging("b")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.hears("a");
    bench.commit();
    let retired = bench.reload(|setup| setup.receivers.retain(|policy| &*policy.name == "b"));
    bench.attempt(&retired[0], &later());
    bench.commit();
    assert!(bench.saved.deliveries.keys().all(|key| &*key.1 == "b"));
}

#[test]
fn a_receiver_that_joins_is_as_late_as_the_incident_is_old() {
    let mut bench = Bench::new(vec![messaging("a")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.wait(HOUR);
    bench.reload(|setup| {
        setup.receivers.push(Policy {
            after: MINUTE * 30,
            ..messaging("boss")
        });
    });
    assert_eq!(bench.hears("boss"), ["new web-1 critical"]);
}

#[test]
fn an_alert_that_leaves_is_resolved_at_those_who_know_of_it() {
    let mut bench = Bench::new(vec![messaging("a")]);
    bench.judge(&[("web-1", 25.0)]);
    bench.hears("a");
    bench.reload(|setup| setup.groups = vec![group(alert("Other"))]);
    assert_eq!(bench.hears("a"), ["resolved web-1 ok"]);
}

#[test]
fn a_route_that_changes_ends_it_here_and_begins_it_there() {
    let mut bench = Bench::new(vec![messaging("a"), messaging("b")]);
    bench.reload(|setup| setup.routes = vec![route(&["a"])]);
    bench.judge(&[("web-1", 25.0)]);
    bench.hears("a");
    assert_eq!(bench.hears("b"), [""; 0]);
    bench.reload(|setup| setup.routes = vec![route(&["b"])]);
    assert_eq!(bench.hears("a"), ["resolved web-1 ok"]);
    assert_eq!(bench.hears("b"), ["new web-1 critical"]);
}
