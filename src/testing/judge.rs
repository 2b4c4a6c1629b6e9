//! What came of a test against what was expected of it.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use super::played::{Record, is_of};
use super::{Failure, because, shown, strip};
use crate::alert::delivery::Tell;
use crate::config::Config;
use crate::config::alert_test::{At, Happens, Said, Says, Subject, Test};
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
    let events = test.events.iter().map(|event| Wanted {
        subject: &event.subject,
        receiver: None,
        what: event.what.as_ref().map(Wish::Happens),
        only: event.only,
    });
    let events = misses(&events.collect::<Vec<_>>(), record);
    failures.extend(events.into_iter().map(|miss| failure("events", miss)));
    let told = test.told.iter().map(|told| Wanted {
        subject: &told.subject,
        receiver: Some(&told.receiver),
        what: told.what.as_ref().map(Wish::Said),
        only: told.only,
    });
    let told = misses(&told.collect::<Vec<_>>(), record);
    failures.extend(told.into_iter().map(|miss| failure("told", miss)));
    failures
}

/// One item of `events` or `told`.
struct Wanted<'a> {
    subject: &'a Subject,
    /// Of `told` alone.
    receiver: Option<&'a str>,
    /// `None`: nothing but what others say.
    what: Option<Wish<'a>>,
    only: bool,
}

#[derive(Clone, Copy)]
enum Wish<'a> {
    Happens(&'a Happens),
    Said(&'a Said),
}

/// Something that was not as expected.
struct Miss<'a> {
    subject: &'a Subject,
    receiver: Option<&'a str>,
    at: Option<&'a At>,
    expected: String,
    found: String,
}

impl<'a> Wanted<'a> {
    /// Whether `what` is of the series, and the receiver, that this is about.
    fn is_about(&self, what: &What) -> bool {
        match (what, self.receiver) {
            (What::Turned(turned), None) => is_of(&turned.alert, &turned.series, self.subject),
            (What::Told(told), Some(receiver)) => {
                *told.receiver == *receiver && is_of(&told.alert, &told.series, self.subject)
            }
            _ => false,
        }
    }

    fn miss(&self, at: Option<&'a At>, expected: String, found: String) -> Miss<'a> {
        Miss {
            subject: self.subject,
            receiver: self.receiver,
            at,
            expected,
            found,
        }
    }
}

impl<'a> Wish<'a> {
    fn at(self) -> &'a At {
        match self {
            Self::Happens(happens) => &happens.at,
            Self::Said(said) => &said.at,
        }
    }

    /// Whether it is `what`, whenever that was.
    fn is(self, what: &What) -> bool {
        match (self, what) {
            (Self::Happens(happens), What::Turned(turned)) => {
                turned.event() == happens.event
                    && happens.level.is_none_or(|level| level == turned.to)
            }
            (Self::Said(said), What::Told(told)) => says(told, said.says),
            _ => false,
        }
    }

    fn words(self, receiver: Option<&str>) -> String {
        match self {
            Self::Happens(happens) => match happens.level {
                Some(level) => format!("{} ({level})", happens.event),
                None => happens.event.to_owned(),
            },
            Self::Said(said) => {
                let receiver = receiver.unwrap_or_default();
                format!("`{receiver}` is told: {}", said.says.as_str())
            }
        }
    }
}

/// What is wanted and did not happen, and what happened beside it and was not to.
/// Nothing that happened stands for two that are wanted.
fn misses<'a>(wanted: &[Wanted<'a>], record: &Record) -> Vec<Miss<'a>> {
    let happened = || record.happened.iter().enumerate();
    let mut used = BTreeSet::new();
    let mut misses = Vec::new();
    for want in wanted {
        let Some(wish) = want.what else { continue };
        let second = wish.at().span.as_secs();
        let found = happened().find(|(index, (time, what))| {
            !used.contains(index)
                && time.as_secs() == second
                && want.is_about(what)
                && wish.is(what)
        });
        match found {
            Some((index, _)) => drop(used.insert(index)),
            None => {
                let all = happened().filter(|(_, (_, what))| want.is_about(what));
                let found = list(all.map(|(_, (time, what))| words(*time, what)));
                let nothing = match want.receiver {
                    None => "no event",
                    Some(_) => "it is told nothing of this series",
                };
                let found = found.unwrap_or_else(|| nothing.to_owned());
                misses.push(want.miss(Some(wish.at()), wish.words(want.receiver), found));
            }
        }
    }
    let mut complete = BTreeSet::new();
    for want in wanted.iter().filter(|want| want.only) {
        let Subject { alert, series, .. } = want.subject;
        if !complete.insert((alert, series, want.receiver)) {
            continue;
        }
        let left = happened().filter(|(index, _)| !used.contains(index));
        let left = left.filter(|(_, (_, what))| want.is_about(what));
        let left = list(left.map(|(_, (time, what))| words(*time, what)));
        let expected = match want.receiver {
            None => "no other event".to_owned(),
            Some(receiver) => format!("`{receiver}` is told nothing else"),
        };
        misses.extend(left.map(|found| want.miss(None, expected, found)));
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

/// What happened, and when.
fn words(time: Duration, what: &What) -> String {
    let what = match what {
        What::Turned(turned) => format!("{} ({})", turned.event(), turned.to),
        What::Told(told) => match told.tell {
            Tell::New | Tell::Raised | Tell::Changed => told.level.to_string(),
            Tell::Reminder => format!("{} (reminder)", told.level),
            Tell::Left => Says::Left.as_str().to_owned(),
            Tell::Resolved | Tell::Both | Tell::Stray(_) => Says::Resolved.as_str().to_owned(),
        },
    };
    format!("{what} at {}", shown(time))
}

/// The first of `items`, and how many there are beside them; `None`: there is none.
fn list(items: impl Iterator<Item = String>) -> Option<String> {
    let mut all: Vec<String> = items.collect();
    let more = all.len().saturating_sub(LISTED);
    all.truncate(LISTED);
    let text = all.join(", ");
    match (text.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(text),
        (false, more) => Some(format!("{text} and {more} more")),
    }
}
