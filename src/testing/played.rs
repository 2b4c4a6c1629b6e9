//! One test, played to an instant: what happened, and what is known there.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::coverage::Coverage;
use super::graphite::Graphite;
use crate::agent::setup as setup_of;
use crate::alert::world::Setup;
use crate::alert::{Group, Level, Schedule};
use crate::config::Config;
use crate::config::alert_test::{Subject, Test};
use crate::play::{Happened, Play, What};

/// A reload comes just before the evaluations of its instant.
const JUST: Duration = Duration::from_millis(1);

/// What happened, each with the time since the start.
#[derive(Debug, Default)]
pub struct Record {
    /// In order.
    pub happened: Vec<(Duration, What)>,
}

impl Record {
    /// The level of the incident of `subject` at `at`; what happens in that second counts.
    pub fn level_at(&self, subject: &Subject, at: Duration) -> Level {
        let turned = self.happened.iter().filter_map(|(time, what)| match what {
            What::Turned(turned) if is_of(&turned.alert, &turned.series, subject) => {
                Some((time, turned))
            }
            _ => None,
        });
        let before = turned.take_while(|(time, _)| time.as_secs() <= at.as_secs());
        before.last().map_or(Level::Ok, |(_, turned)| turned.to)
    }
}

/// Whether something is about `subject`.
pub fn is_of(alert: &str, series: &str, subject: &Subject) -> bool {
    *alert == *subject.alert && *series == *subject.series
}

/// Plays a whole test.
pub fn whole(test: &Test, config: &Rc<Config>, coverage: &mut Coverage) -> Record {
    let (_, record) = until(test, config, test.lasts(), Some(coverage));
    record
}

/// Plays a test up to `end`, evaluations at that instant included.
pub fn until(
    test: &Test,
    config: &Rc<Config>,
    end: Duration,
    mut coverage: Option<&mut Coverage>,
) -> (Play, Record) {
    let mut graphite = Graphite::new(test);
    let mut record = Record::default();
    let receivers = config.receivers.clone();
    let mut play = Play::new(setup(test, config), receivers, test.start);
    let mut on = config;
    for reload in test.reloads.iter().filter(|reload| reload.at <= end) {
        let before = reload.at.saturating_sub(JUST);
        if reload.at > Duration::ZERO {
            go_on(
                test,
                &mut play,
                &mut graphite,
                on,
                before,
                &mut record,
                &mut coverage,
            );
        }
        on = &reload.config;
        let receivers = on.receivers.clone();
        let at = test.start.plus(reload.at);
        play.reload(setup(test, on), receivers, reload.at_once, at);
    }
    go_on(
        test,
        &mut play,
        &mut graphite,
        on,
        end,
        &mut record,
        &mut coverage,
    );
    (play, record)
}

fn go_on<'a>(
    test: &'a Test,
    play: &mut Play,
    graphite: &mut Graphite<'a>,
    config: &Config,
    end: Duration,
    record: &mut Record,
    coverage: &mut Option<&mut Coverage>,
) {
    graphite.not_found_is_empty = config.graphite.not_found_is_empty;
    let end = test.start.plus(end);
    loop {
        let due = play.next(end);
        if let Some(due) = &due {
            let report = graphite.answer(due);
            play.evaluated(due, report);
        }
        let happened = play.take_happened();
        if let Some(coverage) = coverage {
            coverage.saw(play.world(), due.as_ref().map(|due| &due.group), &happened);
        }
        let since = |Happened { at, what }| (at.since(test.start), what);
        record.happened.extend(happened.into_iter().map(since));
        if due.is_none() {
            return;
        }
    }
}

/// The configuration with the groups that take part, evaluated when the test says.
fn setup(test: &Test, config: &Config) -> Setup {
    let named = named(test);
    let mut setup = setup_of(config);
    setup.groups.retain(|group| named.contains(&group.name));
    let seconds = u64::try_from(test.start.as_secs()).unwrap_or(0);
    let schedule = Schedule::Every {
        period: test.every,
        offset: Duration::from_secs(seconds % test.every.as_secs().max(1)),
    };
    for group in &mut setup.groups {
        *group = Arc::new(Group {
            schedule: schedule.clone(),
            ..Group::clone(group)
        });
    }
    setup
}

/// The alerts that a test shows or expects something of.
fn named(test: &Test) -> BTreeSet<&Arc<str>> {
    let series = test.series.iter().map(|series| &series.alert);
    let levels = test.levels.iter().map(|expected| &expected.subject);
    let events = test.events.iter().map(|expected| &expected.subject);
    let told = test.told.iter().map(|expected| &expected.subject);
    let subjects = levels.chain(events).chain(told);
    let faults = test.faults.iter().filter_map(|fault| fault.alert.as_ref());
    series
        .chain(subjects.map(|subject| &subject.alert))
        .chain(faults)
        .collect()
}
