//! Why a series stands where it does: what the lifecycle said when its incident
//! last changed, and which of its clocks run.
//!
//! A failed test is played once more up to the instant in question, so that one
//! that passes pays nothing for it.

use std::rc::Rc;
use std::time::Duration;

use super::played::{self, Record, is_of};
use super::shown;
use crate::alert::incident::Subject as Kind;
use crate::alert::lifecycle::Active;
use crate::alert::{Alert, Level, Timestamp, duration};
use crate::config::Config;
use crate::config::alert_test::{Subject, Test};
use crate::play::{Play, What};

/// Why the incident of `subject` is at `at` as it is, and why `receiver` is told
/// of it or not; in words, each fact a sentence of its own.
pub fn because(
    test: &Test,
    config: &Rc<Config>,
    record: &Record,
    (subject, receiver): (&Subject, Option<&str>),
    at: Duration,
) -> String {
    let turned = record
        .happened
        .iter()
        .filter_map(|(time, what)| match what {
            What::Turned(turned) if is_of(&turned.alert, &turned.series, subject) => {
                Some((*time, turned))
            }
            _ => None,
        });
    let mut before = turned.take_while(|(time, _)| time.as_secs() <= at.as_secs());
    let last = before.by_ref().last();
    let mut said = match last {
        Some((time, turned)) => vec![format!(
            "{} at {}: {}",
            turned.event(),
            shown(time),
            turned.reason
        )],
        None => vec!["it had no incident until then".to_owned()],
    };
    let (play, _) = played::until(test, config, at, None);
    let world = play.world();
    said.extend(receiver.and_then(|receiver| telling(&play, subject, receiver)));
    let life = world.life(&subject.alert);
    let Some(known) = life.and_then(|life| life.series.get(&subject.series)) else {
        let is_shown = test.series.iter();
        let is_shown = is_shown
            .filter(|series| is_of(&series.alert, &series.name, subject))
            .count();
        if is_shown > 0 {
            said.push("no answer has shown it".to_owned());
        }
        return said.join("; ");
    };
    let groups = world.setup().groups.iter();
    let mut group = groups.filter(|group| group.name == subject.alert);
    let alert = group
        .next()
        .and_then(|group| group.alerts.get(usize::from(known.alert)));
    match (known.active, alert) {
        (Some(active), Some(alert)) => said.extend(clocks(active, alert, test.start)),
        _ => said.push("its last reading is ok".to_owned()),
    }
    said.join("; ")
}

/// What keeps `receiver` from being told of the open incident, if anything.
fn telling(play: &Play, subject: &Subject, receiver: &str) -> Option<String> {
    let world = play.world();
    let setup = world.setup();
    let mut incidents = world.incidents().filter(|incident| incident.is_open());
    let incident = incidents.find(|incident| is_of(&incident.group, &incident.series, subject))?;
    if incident.inside.is_some() {
        return Some("it is told with others, as `(more)` or `(more without data)`".to_owned());
    }
    let about = &incident.about;
    let routed = setup.routed(
        &incident.group,
        &incident.series,
        &about.labels,
        about.notify.as_deref(),
    );
    // an overflow, and a silence in numbers, are told to whoever their members are
    if incident.subject == Kind::Series && !routed.iter().any(|name| **name == *receiver) {
        let names: Vec<String> = routed.iter().map(|name| format!("`{name}`")).collect();
        return Some(format!("its routes lead to {}", names.join(", ")));
    }
    let policy = setup.policy(receiver)?;
    if !policy.levels.contains(incident.level) {
        return Some(format!(
            "`{receiver}` does not listen to {}",
            incident.level
        ));
    }
    let mut groups = setup.groups.iter();
    let group = groups.find(|group| group.name == incident.group);
    let active = group.and_then(|group| group.active.as_ref());
    if active.is_some_and(|active| !active.covers(play.now())) {
        return Some("it is outside the `active` hours of the alert".to_owned());
    }
    let passed = play.now().since(incident.changed);
    (passed < policy.after).then(|| {
        let after = duration::format(policy.after);
        format!("`after: {after}` of `{receiver}` is not over")
    })
}

/// The clocks that run.
fn clocks(active: &Active, alert: &Alert, start: Timestamp) -> Vec<String> {
    let since = |at: Timestamp| shown(at.since(start));
    let takes = |what: &str, key: &str, from: Timestamp, span: Duration| {
        format!(
            "{what} since {}, and `{key}: {}` takes until {}",
            since(from),
            duration::format(span),
            since(from.plus(span))
        )
    };
    let level = active.level();
    let mut said = Vec::new();
    for (at, clock) in [
        (active.critical_since, Level::Critical),
        (active.warning_since, Level::Warning),
    ] {
        if let Some(at) = at
            && level < clock
        {
            said.push(takes(&format!("it reads {clock}"), "for", at, alert.for_));
            break;
        }
    }
    if let Some(at) = active.without_since
        && level == Level::Ok
    {
        said.push(takes(
            "it has no data",
            "no_data_for",
            at,
            alert.no_data_for,
        ));
    } else if active.missing.is_some()
        && let Some(at) = active.lacking_since
    {
        said.push(takes("it is missing", "missing_for", at, alert.missing_for));
    }
    if let Some(down) = active.open.and_then(|open| open.down) {
        let less = format!("it reads at most {}", down.highest);
        said.push(takes(&less, "recover_for", down.since, alert.recover_for));
    }
    if active.silent.is_some() {
        said.push(
            "it is told with many others that fell silent, as one incident of `graphite-pager`"
                .to_owned(),
        );
    }
    said
}
