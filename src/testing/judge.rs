//! What came of a test against what was expected of it.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use super::played::{Record, is_of};
use super::{Failure, because, shown, strip};
use crate::alert::delivery::Tell;
use crate::alert::world::Transition;
use crate::config::Config;
use crate::config::alert_test::{At, ExpectEvent, ExpectTold, Says, Subject, Test};
use crate::play::{Told, What};

/// Events that a failure lists.
const LISTED: usize = 8;

/// Everything that was not as expected, in the order of the file's lists.
pub fn failures(test: &Test, config: &Rc<Config>, record: &Record) -> Vec<Failure> {
    let failure = |kind, miss: Miss<'_>| {
        let Miss {
            subject,
            receiver,
            at,
            expected,
            found,
        } = miss;
        let when = at.map_or_else(|| test.lasts(), |at| at.span);
        Failure {
            place: subject.place,
            kind,
            alert: subject.alert.to_string(),
            series: subject.series.to_string(),
            at: at.map(|at| at.text.clone()),
            expected,
            found,
            because: because::because(test, config, record, (subject, receiver), when),
            strip: strip::strip(test, record, subject, when),
        }
    };
    let mut failures = Vec::new();
    for expected in &test.levels {
        let found = record.level_at(&expected.subject, expected.at.span);
        if found != expected.level {
            let miss = Miss {
                subject: &expected.subject,
                receiver: None,
                at: Some(&expected.at),
                expected: expected.level.to_string(),
                found: found.to_string(),
            };
            failures.push(failure("expect", miss));
        }
    }
    let events = events(test, record).into_iter();
    failures.extend(events.map(|miss| failure("events", miss)));
    let told = told(test, record).into_iter();
    failures.extend(told.map(|miss| failure("told", miss)));
    failures
}

/// Something that did not happen, or was not to.
struct Miss<'a> {
    subject: &'a Subject,
    receiver: Option<&'a str>,
    at: Option<&'a At>,
    expected: String,
    found: String,
}

/// Whether what happened at `time` is what was expected at `at`.
fn same_second(time: Duration, at: &At) -> bool {
    time.as_secs() == at.span.as_secs()
}

fn events<'a>(test: &'a Test, record: &Record) -> Vec<Miss<'a>> {
    let turned: Vec<(Duration, &Transition)> = record
        .happened
        .iter()
        .filter_map(|(time, what)| match what {
            What::Turned(turned) => Some((*time, turned)),
            What::Told(_) => None,
        })
        .collect();
    let mut used = BTreeSet::new();
    let mut misses = Vec::new();
    let of = |subject: &Subject, turned: &Transition| is_of(&turned.alert, &turned.series, subject);
    for ExpectEvent { subject, what, .. } in &test.events {
        let Some(what) = what else { continue };
        let fits = |(index, (time, turned)): &(usize, &(Duration, &Transition))| {
            !used.contains(index)
                && of(subject, turned)
                && same_second(*time, &what.at)
                && turned.event() == what.event
                && what.level.is_none_or(|level| level == turned.to)
        };
        let found = turned.iter().enumerate().find(fits).map(|(index, _)| index);
        match found {
            Some(index) => drop(used.insert(index)),
            None => {
                let level = what.level.map(|level| format!(" ({level})"));
                let all = turned.iter().filter(|(_, turned)| of(subject, turned));
                misses.push(Miss {
                    subject,
                    receiver: None,
                    at: Some(&what.at),
                    expected: format!("{}{}", what.event, level.unwrap_or_default()),
                    found: list(
                        all.map(|(time, turned)| event_words(*time, turned)),
                        "no event",
                    ),
                });
            }
        }
    }
    let mut complete = Vec::new();
    for ExpectEvent { subject, only, .. } in &test.events {
        let named = (&subject.alert, &subject.series);
        if !only || complete.contains(&named) {
            continue;
        }
        complete.push(named);
        let left = turned.iter().enumerate();
        let left = left.filter(|(index, (_, turned))| !used.contains(index) && of(subject, turned));
        let left: Vec<String> = left
            .map(|(_, (time, turned))| event_words(*time, turned))
            .collect();
        if !left.is_empty() {
            misses.push(Miss {
                subject,
                receiver: None,
                at: None,
                expected: "no other event".to_owned(),
                found: list(left.into_iter(), ""),
            });
        }
    }
    misses
}

fn event_words(time: Duration, turned: &Transition) -> String {
    format!("{} ({}) at {}", turned.event(), turned.to, shown(time))
}

fn told<'a>(test: &'a Test, record: &Record) -> Vec<Miss<'a>> {
    let all: Vec<(Duration, &Told)> = record
        .happened
        .iter()
        .filter_map(|(time, what)| match what {
            What::Told(told) => Some((*time, told)),
            What::Turned(_) => None,
        })
        .collect();
    let mut used = BTreeSet::new();
    let mut misses = Vec::new();
    let of = |expected: &ExpectTold, told: &Told| {
        told.receiver == expected.receiver && is_of(&told.alert, &told.series, &expected.subject)
    };
    for expected in &test.told {
        let Some(what) = &expected.what else { continue };
        let fits = |(index, (time, told)): &(usize, &(Duration, &Told))| {
            !used.contains(index)
                && of(expected, told)
                && same_second(*time, &what.at)
                && says(told, what.says)
        };
        let found = all.iter().enumerate().find(fits).map(|(index, _)| index);
        match found {
            Some(index) => drop(used.insert(index)),
            None => {
                let heard = all.iter().filter(|(_, told)| of(expected, told));
                misses.push(Miss {
                    subject: &expected.subject,
                    receiver: Some(&expected.receiver),
                    at: Some(&what.at),
                    expected: format!("`{}` is told: {}", expected.receiver, what.says.as_str()),
                    found: list(
                        heard.map(|(time, told)| told_words(*time, told)),
                        "it is told nothing of this series",
                    ),
                });
            }
        }
    }
    let mut complete = Vec::new();
    for expected in test.told.iter().filter(|expected| expected.only) {
        let subject = &expected.subject;
        let named = (&expected.receiver, &subject.alert, &subject.series);
        if complete.contains(&named) {
            continue;
        }
        complete.push(named);
        let left = all.iter().enumerate();
        let left = left.filter(|(index, (_, told))| !used.contains(index) && of(expected, told));
        let left: Vec<String> = left
            .map(|(_, (time, told))| told_words(*time, told))
            .collect();
        if !left.is_empty() {
            misses.push(Miss {
                subject,
                receiver: Some(&expected.receiver),
                at: None,
                expected: format!("`{}` is told nothing else", expected.receiver),
                found: list(left.into_iter(), ""),
            });
        }
    }
    misses
}

/// Whether a message says what was expected of it.
fn says(told: &Told, expected: Says) -> bool {
    match (told.tell, expected) {
        (Tell::Reminder, Says::Reminder) => true,
        (Tell::New | Tell::Raised | Tell::Changed | Tell::Reminder, Says::Level(level)) => {
            told.level == level
        }
        (Tell::Left, Says::Left) => true,
        (Tell::Resolved | Tell::Both, Says::Resolved) => true,
        _ => false,
    }
}

fn told_words(time: Duration, told: &Told) -> String {
    let says = match told.tell {
        Tell::New | Tell::Raised | Tell::Changed => told.level.to_string(),
        Tell::Reminder => format!("{} (reminder)", told.level),
        Tell::Left => Says::Left.as_str().to_owned(),
        Tell::Resolved | Tell::Both | Tell::Stray(_) => Says::Resolved.as_str().to_owned(),
    };
    format!("{says} at {}", shown(time))
}

/// The first of `items`, and how many there are beside them.
fn list(items: impl Iterator<Item = String>, nothing: &str) -> String {
    let mut all: Vec<String> = items.collect();
    if all.is_empty() {
        return nothing.to_owned();
    }
    let more = all.len().saturating_sub(LISTED);
    all.truncate(LISTED);
    let mut text = all.join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
