//! What the agent's state does over time, driven without a process: answers of
//! Graphite go in, transitions and what has to be written come out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use graphite_pager::alert::delivery::Outcome;
use graphite_pager::alert::evaluate::{Answer, Seen};
use graphite_pager::alert::world::{Batch, Next, Report, Saved, Setup, World};
use graphite_pager::alert::{Group, Timestamp, Value};
use graphite_pager::config;
use proptest::prelude::*;

const GRAPHITE: &str =
    "graphite: {url: 'http://graphite.example'}\nreceivers: {screen: {console: {}}}\n";

fn setup(yaml: &str) -> Setup {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alerts.yml");
    std::fs::write(&file, format!("{GRAPHITE}{yaml}")).unwrap();
    let loaded = config::load(&[file], &|_| None).unwrap_or_else(|report| panic!("{report}"));
    let config = loaded.config;
    Setup {
        instance: config.instance,
        host: Arc::from(config.graphite.url.host_str().unwrap()),
        error_for: config.graphite.error_for,
        docs_url: config.docs_url,
        groups: config.groups,
        receivers: config
            .receivers
            .into_iter()
            .map(|receiver| receiver.policy)
            .collect(),
        routes: config.routes,
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + seconds)
}

/// The agent without its edges.
struct Agent {
    setup: Setup,
    world: World,
    saved: Saved,
    now: Timestamp,
}

impl Agent {
    fn start(yaml: &str) -> Self {
        let setup = setup(yaml);
        let world = World::new(setup.clone(), Saved::default(), at(0));
        Self {
            setup,
            world,
            saved: Saved::default(),
            now: at(0),
        }
    }

    /// Killed, and started on what was written.
    fn restart(&mut self) {
        self.commit();
        self.world = World::new(self.setup.clone(), self.saved.clone(), self.now);
    }

    fn commit(&mut self) -> Batch {
        let batch = self.world.take_batch();
        self.saved.apply(batch.clone());
        batch
    }

    fn group(&self, name: &str) -> Arc<Group> {
        let found = self.setup.groups.iter().find(|group| &*group.name == name);
        Arc::clone(found.unwrap())
    }

    /// The next slot of the group, with these answers of its alerts.
    fn evaluate(&mut self, name: &str, answers: Vec<Option<Answer>>) -> Vec<String> {
        let group = self.group(name);
        let slot = group.schedule.next_after(self.now).unwrap();
        self.evaluate_at(name, answers, slot)
    }

    fn evaluate_at(
        &mut self,
        name: &str,
        answers: Vec<Option<Answer>>,
        slot: Timestamp,
    ) -> Vec<String> {
        let group = self.group(name);
        self.now = slot;
        let failure = answers
            .iter()
            .any(Option::is_none)
            .then(|| "refused".to_owned());
        let report = Report { answers, failure };
        self.world.evaluated(&group, &report, slot, self.now);
        self.tick();
        self.events()
    }

    /// What happened since this was last asked.
    fn events(&mut self) -> Vec<String> {
        let transitions = self.world.take_transitions();
        let event = |t: graphite_pager::alert::world::Transition| {
            let event = t.event();
            format!(
                "{event} {}/{} {} {}: {}",
                t.alert, t.series, t.to, t.incident, t.reason
            )
        };
        transitions.into_iter().map(event).collect()
    }

    /// Time goes by, second by second, without an evaluation.
    fn pass(&mut self, seconds: u32) -> Vec<String> {
        for _ in 0..seconds {
            self.now = self.now.plus(Duration::from_secs(1));
            self.tick();
        }
        self.events()
    }

    /// A second, with receivers that take everything.
    fn tick(&mut self) {
        self.world.tick(self.now);
        while let Next::Job(job) = self.world.next(&Arc::from("screen"), self.now) {
            self.world.settled(&job, &[Outcome::Accepted], self.now);
        }
    }

    fn reload(&mut self, yaml: &str, at_once: bool) -> Vec<String> {
        self.setup = setup(yaml);
        self.world
            .reload(self.setup.clone(), &BTreeSet::new(), at_once, self.now);
        self.events()
    }
}

fn answer(series: &[(&str, Option<f64>)]) -> Option<Answer> {
    let seen = series.iter().map(|(legend, value)| Seen {
        legend,
        value: value.map(|value| Value { value, at: at(0) }),
        target: 0,
    });
    Some(seen.collect())
}

fn one(value: f64) -> Vec<Option<Answer>> {
    vec![answer(&[("web-1", Some(value))])]
}

/// `opened Load/web-1 critical` without id and reason.
fn short(events: &[String]) -> Vec<String> {
    let words = |event: &String| event.split(' ').take(3).collect::<Vec<_>>().join(" ");
    events.iter().map(words).collect()
}

const LOAD: &str = "alerts: [{name: Load, target: load, warning: 10, critical: 20}]";

// What is written

#[test]
fn quiet_evaluation_writes_no_row_per_series() {
    let mut agent = Agent::start(LOAD);
    let names: Vec<String> = (0..1000).map(|n| format!("web-{n}")).collect();
    let series: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), Some(1.0)))
        .collect();
    agent.evaluate("Load", vec![answer(&series)]);
    let first = agent.commit();
    // in pages, so that one more writes one of them
    assert_eq!((first.known.len(), first.series.len()), (4, 0));
    for _ in 0..3 {
        agent.evaluate("Load", vec![answer(&series)]);
        let batch = agent.commit();
        assert_eq!(batch.heads.len(), 1);
        assert!(
            batch.known.is_empty() && batch.series.is_empty(),
            "{batch:?}"
        );
        assert!(batch.incidents.is_empty() && batch.deliveries.is_empty() && !batch.owed);
    }
    let more: Vec<_> = series.into_iter().chain([("web-new", Some(1.0))]).collect();
    agent.evaluate("Load", vec![answer(&more)]);
    let batch = agent.commit();
    assert_eq!((batch.known.len(), batch.series.len()), (1, 0));
}

#[test]
fn incident_that_goes_on_unchanged_writes_no_row() {
    for value in [Some(25.0), None] {
        let mut agent = Agent::start(
            "alerts: [{name: Load, target: load, warning: 10, critical: 20, no_data_for: 0}]",
        );
        for _ in 0..3 {
            agent.evaluate("Load", vec![answer(&[("web-1", value)])]);
        }
        agent.commit();
        agent.evaluate("Load", vec![answer(&[("web-1", value)])]);
        let batch = agent.commit();
        assert!(
            batch.series.is_empty() && batch.known.is_empty(),
            "{batch:?}"
        );
        assert!(
            batch.incidents.is_empty() && batch.deliveries.is_empty(),
            "{batch:?}"
        );
    }
}

#[test]
fn transition_and_its_deliveries_are_written_together_before_anything_is_sent() {
    let mut agent = Agent::start(LOAD);
    let (group, slot) = (agent.group("Load"), at(60));
    let report = Report {
        answers: one(25.0),
        failure: None,
    };
    agent.world.evaluated(&group, &report, slot, slot);
    assert!(
        agent.world.is_dirty(),
        "nothing may be sent before it is written"
    );
    let batch = agent.commit();
    assert!(batch.owed);
    assert_eq!(batch.series.len(), 1);
    assert_eq!(batch.incidents.len(), 1);
    assert_eq!(batch.deliveries.len(), 1);
    assert_eq!(batch.known.len(), 1);
    assert!(matches!(
        agent.world.next(&Arc::from("screen"), slot),
        Next::Job(_)
    ));
}

#[test]
fn batch_that_could_not_be_written_is_part_of_the_next() {
    let mut agent = Agent::start(LOAD);
    agent.evaluate("Load", one(25.0));
    let lost = agent.world.take_batch();
    agent.world.not_written(&lost);
    assert!(agent.world.is_dirty());
    agent.evaluate("Load", one(26.0));
    let batch = agent.world.take_batch();
    let keys = |batch: &Batch| {
        let series: Vec<_> = batch.series.iter().map(|(key, _)| key.clone()).collect();
        let incidents: Vec<_> = batch.incidents.iter().map(|(key, _)| *key).collect();
        (series, incidents)
    };
    assert_eq!(keys(&batch), keys(&lost));
}

#[test]
fn evaluation_that_is_done_again_after_a_crash_gives_the_same_incident() {
    let mut agent = Agent::start(LOAD);
    let slot = agent.group("Load").schedule.next_after(agent.now).unwrap();
    let first = agent.evaluate_at("Load", one(25.0), slot);
    // killed before it was written
    let mut again = Agent::start(LOAD);
    assert_eq!(again.evaluate_at("Load", one(25.0), slot), first);
    assert_eq!(short(&first), ["opened Load/web-1 critical"]);
}

// Leaving the configuration

const OTHER: &str = "alerts: [{name: Disk, target: disk, critical: 90}]";

#[test]
fn alert_that_left_with_its_file_resolves_five_minutes_later_and_says_so() {
    let mut agent = Agent::start(LOAD);
    agent.evaluate("Load", one(25.0));
    assert_eq!(agent.reload(OTHER, false), Vec::<String>::new());
    assert_eq!(agent.pass(299), Vec::<String>::new());
    let events = agent.pass(1);
    assert_eq!(short(&events), ["resolved Load/web-1 ok"]);
    assert!(
        events[0].ends_with("its alert left the configuration"),
        "{events:?}"
    );
    agent.commit();
    assert!(!agent.saved.heads.contains_key("Load"));
    assert!(agent.saved.series.is_empty() && agent.saved.known.is_empty());
}

#[test]
fn alert_that_left_resolves_at_once_after_a_signal() {
    let mut agent = Agent::start(LOAD);
    agent.evaluate("Load", one(25.0));
    assert_eq!(
        short(&agent.reload(OTHER, true)),
        ["resolved Load/web-1 ok"]
    );
}

#[test]
fn signal_ends_the_wait_of_what_left_before() {
    let mut agent = Agent::start(LOAD);
    agent.evaluate("Load", one(25.0));
    agent.reload(OTHER, false);
    agent.pass(10);
    assert_eq!(
        short(&agent.reload(OTHER, true)),
        ["resolved Load/web-1 ok"]
    );
}

#[test]
fn reload_does_not_begin_the_five_minutes_again() {
    let mut agent = Agent::start(LOAD);
    agent.evaluate("Load", one(25.0));
    agent.reload(OTHER, false);
    agent.pass(200);
    agent.reload(OTHER, false);
    assert_eq!(short(&agent.pass(100)), ["resolved Load/web-1 ok"]);
}

#[test]
fn alert_that_comes_back_in_time_goes_on_as_if_nothing_had_been() {
    let mut agent = Agent::start(LOAD);
    agent.evaluate("Load", one(25.0));
    agent.reload(OTHER, false);
    agent.pass(100);
    agent.reload(LOAD, false);
    assert_eq!(agent.pass(400), Vec::<String>::new());
    assert_eq!(agent.evaluate("Load", one(25.0)), Vec::<String>::new());
}

#[test]
fn alert_that_left_while_the_agent_was_down_resolves_five_minutes_after_the_start() {
    let mut agent = Agent::start(LOAD);
    agent.evaluate("Load", one(25.0));
    agent.setup = setup(OTHER);
    agent.restart();
    assert_eq!(agent.pass(299), Vec::<String>::new());
    assert_eq!(short(&agent.pass(1)), ["resolved Load/web-1 ok"]);
}

#[test]
fn alert_that_left_is_no_longer_said_to_fail() {
    let both = "alerts: [{name: Load, target: load, critical: 20}, {name: Disk, target: disk, critical: 90}]";
    let mut agent = Agent::start(both);
    agent.evaluate("Disk", vec![answer(&[("sda", Some(1.0))])]);
    agent.evaluate("Load", vec![None]);
    agent.reload(OTHER, false);
    assert_eq!(agent.pass(299), Vec::<String>::new());
    agent.evaluate("Disk", vec![answer(&[("sda", Some(1.0))])]);
    assert_eq!(agent.pass(60), Vec::<String>::new());
}

#[test]
fn renamed_alert_ends_under_its_old_name_and_begins_under_the_new() {
    let mut agent = Agent::start(LOAD);
    agent.evaluate("Load", one(25.0));
    let renamed = "alerts: [{name: Busy, target: load, warning: 10, critical: 20}]";
    assert_eq!(
        short(&agent.reload(renamed, true)),
        ["resolved Load/web-1 ok"]
    );
    assert_eq!(
        short(&agent.evaluate("Busy", one(25.0))),
        ["opened Busy/web-1 critical"]
    );
}

// An alert that changed

#[test]
fn changed_alert_judges_from_the_present_state() {
    let mut agent = Agent::start(LOAD);
    agent.evaluate("Load", one(15.0));
    agent.reload(
        "alerts: [{name: Load, target: load, warning: 5, critical: 12, recover_for: 0}]",
        true,
    );
    assert_eq!(
        short(&agent.evaluate("Load", one(15.0))),
        ["raised Load/web-1 critical"]
    );
    assert_eq!(
        short(&agent.evaluate("Load", one(1.0))),
        ["resolved Load/web-1 ok"]
    );
}

#[test]
fn running_clock_goes_on_under_a_changed_alert() {
    let with = |more: &str| format!("alerts: [{{name: Load, target: load, critical: 20, {more}}}]");
    let mut agent = Agent::start(&with("for: 10m"));
    for _ in 0..3 {
        assert_eq!(agent.evaluate("Load", one(25.0)), Vec::<String>::new());
    }
    agent.reload(&with("for: 3m"), true);
    assert_eq!(
        short(&agent.evaluate("Load", one(25.0))),
        ["opened Load/web-1 critical"]
    );
}

#[test]
fn changed_target_keeps_the_incident_of_a_series_of_the_same_name() {
    let mut agent = Agent::start(LOAD);
    agent.evaluate("Load", one(25.0));
    agent.reload(
        "alerts: [{name: Load, target: load.new, warning: 10, critical: 20}]",
        true,
    );
    assert_eq!(agent.evaluate("Load", one(25.0)), Vec::<String>::new());
}

// The agent's own incidents when what they are about leaves

#[test]
fn trouble_of_a_graphite_that_is_no_longer_asked_is_over() {
    let mut agent = Agent::start(LOAD);
    for _ in 0..6 {
        agent.evaluate("Load", vec![None]);
    }
    let open: Vec<_> = agent
        .world
        .incidents()
        .map(|i| i.series.to_string())
        .collect();
    assert_eq!(open, ["graphite.example"]);
    agent.setup.host = Arc::from("other.example");
    agent
        .world
        .reload(agent.setup.clone(), &BTreeSet::new(), false, agent.now);
    assert_eq!(
        short(&agent.events()),
        ["resolved graphite-pager/graphite.example ok"]
    );
}

#[test]
fn store_that_failed_before_a_restart_and_is_written_now_is_no_trouble() {
    let mut agent = Agent::start(LOAD);
    agent.evaluate("Load", one(1.0));
    agent.world.store_failed(Some("disk full"), agent.now);
    assert_eq!(
        short(&agent.events()),
        ["opened graphite-pager/(store) critical"]
    );
    agent.restart();
    agent.world.store_failed(None, agent.now);
    assert_eq!(
        short(&agent.events()),
        ["resolved graphite-pager/(store) ok"]
    );
}

#[test]
fn one_fetch_that_failed_while_the_process_was_stopped_is_no_outage() {
    let mut agent = Agent::start(LOAD);
    agent.evaluate("Load", one(1.0));
    let group = agent.group("Load");
    let slot = group.schedule.next_after(agent.now).unwrap();
    agent.now = slot.plus(Duration::from_secs(3600));
    let report = Report {
        answers: vec![None],
        failure: Some("the connection was closed".to_owned()),
    };
    agent.world.evaluated(&group, &report, slot, agent.now);
    agent.tick();
    assert_eq!(agent.events(), Vec::<String>::new());
    // one that goes on is told as ever
    let mut events = Vec::new();
    for _ in 0..6 {
        events.extend(agent.evaluate("Load", vec![None]));
    }
    assert_eq!(
        short(&events),
        ["opened graphite-pager/graphite.example critical"]
    );
}

#[test]
fn outage_that_began_before_the_clock_was_set_back_is_told_in_time() {
    let mut agent = Agent::start(LOAD);
    agent.evaluate("Load", vec![None]);
    agent.evaluate("Load", vec![None]);
    agent.now = agent.now.minus(Duration::from_secs(3600));
    let mut events = Vec::new();
    for _ in 0..6 {
        events.extend(agent.evaluate("Load", vec![None]));
    }
    assert_eq!(
        short(&events),
        ["opened graphite-pager/graphite.example critical"]
    );
}

// Restarts change nothing

const TWO: &str = "
defaults: {for: 1m, recover_for: 2m, no_data_for: 2m, missing_for: 3m, forget_after: 4m}
alerts:
  - {name: Load, target: special, warning: 10, critical: 20, min_series: 1, missing: alert}
  - {name: Load, target: all, warning: 5, critical: 10, recover: 3, exclude: [d]}
";

fn value() -> impl Strategy<Value = Option<f64>> {
    proptest::sample::select(vec![
        None,
        Some(1.0),
        Some(4.0),
        Some(7.0),
        Some(15.0),
        Some(25.0),
    ])
}

fn answers() -> impl Strategy<Value = Option<Answer>> {
    let series =
        ["a", "b", "c", "d"].map(|name| (Just(name), proptest::option::weighted(0.8, value())));
    let some = series.prop_map(|series| {
        let returned: Vec<_> = series
            .iter()
            .filter_map(|(name, value)| Some((*name, (*value)?)))
            .collect();
        answer(&returned)
    });
    prop_oneof![1 => Just(None), 1 => Just(answer(&[])), 6 => some]
}

/// Stretches of the same, as real life has them; and whether the agent is
/// killed after each slot; and how many slots are missed before it.
fn story() -> impl Strategy<Value = Vec<(Vec<Option<Answer>>, bool, u32)>> {
    let slot = (
        answers(),
        answers(),
        any::<bool>(),
        1_usize..5,
        proptest::sample::select(vec![0, 0, 0, 0, 1, 4, 6]),
    );
    let stretch = slot.prop_map(|(one, other, killed, count, missed)| {
        (0..count)
            .map(|n| {
                (
                    vec![one.clone(), other.clone()],
                    killed,
                    if n == 0 { missed } else { 0 },
                )
            })
            .collect()
    });
    proptest::collection::vec(stretch, 1..12).prop_map(|stretches: Vec<Vec<_>>| stretches.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn restart_between_any_two_evaluations_changes_nothing(story in story()) {
        let mut running = Agent::start(TWO);
        let mut restarted = Agent::start(TWO);
        for (index, (answers, killed, missed)) in story.into_iter().enumerate() {
            for agent in [&mut running, &mut restarted] {
                agent.now = agent.now.plus(Duration::from_secs(60) * missed);
            }
            let expected = running.evaluate("Load", answers.clone());
            let found = restarted.evaluate("Load", answers.clone());
            prop_assert_eq!(&found, &expected, "at slot {}", index);
            running.commit();
            restarted.commit();
            prop_assert_eq!(
                format!("{:?}", running.saved.series), format!("{:?}", restarted.saved.series), "at slot {}", index
            );
            prop_assert_eq!(format!("{:?}", restarted.saved.heads), format!("{:?}", running.saved.heads));
            if killed {
                restarted.restart();
            }
        }
    }
}
