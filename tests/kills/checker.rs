//! What is wrong with what the receivers heard (design section 6): lost,
//! doubled, falsely told, out of order. It knows no agent, only evidence.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::evidence::{Evidence, Heard, Kind, Level, Reading, Said, Span};

/// Everything that must not be; empty where all is well. The story is over:
/// every series is ok, and there was time to tell it.
pub fn faults(evidence: &Evidence) -> Vec<String> {
    let mut faults = Vec::new();
    lost(evidence, &mut faults);
    unfinished(evidence, &mut faults);
    doubled(evidence, &mut faults);
    disordered(evidence, &mut faults);
    untrue(evidence, &mut faults);
    falsely_resolved(evidence, &mut faults);
    faults
}

/// Messages that were told again, as trouble allows.
pub fn repeats(evidence: &Evidence) -> usize {
    conversations(evidence)
        .values()
        .flat_map(|told| told.windows(2))
        .filter(|pair| same(&pair[0].said, &pair[1].said))
        .count()
}

/// What each receiver heard of each incident; where ids are not always said, of
/// each key.
fn conversations(evidence: &Evidence) -> BTreeMap<(&str, String), Vec<&Heard>> {
    let mut told: BTreeMap<_, Vec<&Heard>> = BTreeMap::new();
    for one in &evidence.heard {
        let of = match evidence.receivers[one.receiver] {
            Kind::Keys => one.identity.clone(),
            _ => one.incident.clone().unwrap_or_default(),
        };
        told.entry((one.receiver, of)).or_default().push(one);
    }
    told
}

fn same(one: &Said, other: &Said) -> bool {
    let over = |said: &Said| matches!(said, Said::Over | Said::Both);
    one == other || (over(one) && over(other))
}

// Every reading that was judged belongs to an incident that everybody heard of.
fn lost(evidence: &Evidence, faults: &mut Vec<String>) {
    let incidents = evidence.incidents();
    let covers = |span: &Span, reading: &Reading| {
        span.series == reading.series
            && span.started <= reading.slot
            && span.ended.is_none_or(|ended| ended >= reading.slot)
    };
    for reading in evidence.judged() {
        if reading.level == Level::Ok {
            continue;
        }
        let of_it: Vec<&str> = incidents
            .iter()
            .filter(|(_, span)| covers(span, reading))
            .map(|(id, _)| *id)
            .collect();
        for (receiver, kind) in &evidence.receivers {
            if *kind == Kind::CriticalMessages && reading.level != Level::Critical {
                continue;
            }
            if !of_it
                .iter()
                .any(|id| heard_of(evidence, receiver, *kind, id, &incidents))
            {
                faults.push(format!(
                    "lost: {receiver} never heard that {} was {:?} at {}",
                    reading.series, reading.level, reading.slot
                ));
            }
        }
    }
    // what was told to one was written, and owed to all
    for (id, span) in &incidents {
        for (receiver, kind) in &evidence.receivers {
            let listens = *kind != Kind::CriticalMessages || span.highest == Level::Critical;
            if listens && !heard_of(evidence, receiver, *kind, id, &incidents) {
                faults.push(format!(
                    "lost: {receiver} never heard of {id} ({}, from {})",
                    span.series, span.started
                ));
            }
        }
    }
    faults.dedup();
}

fn heard_of(
    evidence: &Evidence,
    receiver: &str,
    kind: Kind,
    id: &str,
    incidents: &BTreeMap<&str, Span>,
) -> bool {
    if evidence
        .heard_by(receiver)
        .any(|one| one.incident.as_deref() == Some(id))
    {
        return true;
    }
    // over before it was taken: a resolve before anything of the next one
    let span = &incidents[id];
    if kind != Kind::Keys || span.ended.is_none() {
        return false;
    }
    let of_series = evidence
        .heard_by(receiver)
        .filter(|one| one.series == span.series);
    let read = evidence
        .readings
        .iter()
        .find(|reading| reading.slot >= span.started);
    let began = read.map_or(Duration::ZERO, |reading| reading.at);
    let mut resolved = false;
    for one in of_series {
        match one.started {
            Some(started) if started > span.started => break,
            Some(_) => resolved = false,
            None => resolved |= one.at >= began,
        }
    }
    resolved
}

// The last word on everything is its end.
fn unfinished(evidence: &Evidence, faults: &mut Vec<String>) {
    for ((receiver, of), told) in conversations(evidence) {
        let Some(last) = told.last() else { continue };
        if let Said::Open(level) = last.said {
            faults.push(format!(
                "unfinished: the last word of {receiver} on {of} ({}) is {level:?}",
                last.series
            ));
        }
    }
}

// The same twice in a row only where the first may have gone unrecorded, and
// then under the same name.
fn doubled(evidence: &Evidence, faults: &mut Vec<String>) {
    for ((receiver, of), told) in conversations(evidence) {
        for pair in told.windows(2) {
            let [first, second] = pair else { continue };
            if !same(&first.said, &second.said) {
                continue;
            }
            // another event of the same level: what came between may have been under way
            let other = first.event != second.event || first.event.is_none();
            let allowed = match other {
                true => evidence.trouble_between(first.at, second.at),
                false => evidence.perhaps_unrecorded(first, second.at),
            };
            if !allowed {
                faults.push(format!(
                    "doubled: {receiver} was told {:?} of {of} ({}) at {:?} and again at {:?}, event {:?}",
                    first.said, first.series, first.at, second.at, second.event
                ));
            }
        }
    }
    // one event has one name
    let mut names: BTreeMap<_, (&str, Said)> = BTreeMap::new();
    let mut events: BTreeMap<_, (&str, i64)> = BTreeMap::new();
    for one in &evidence.heard {
        let (Some(id), Some(event)) = (one.incident.as_deref(), one.event) else {
            continue;
        };
        let known = names
            .entry((one.receiver, id, event))
            .or_insert((&one.identity, one.said));
        if known.0 != one.identity || !same(&known.1, &one.said) {
            faults.push(format!(
                "renamed: event {event} of {id} was {known:?} to {}, and then {:?} {:?}",
                one.receiver, one.identity, one.said
            ));
        }
        if evidence.receivers[one.receiver] != Kind::Keys {
            let known = events
                .entry((one.receiver, one.identity.as_str()))
                .or_insert((id, event));
            if *known != (id, event) {
                faults.push(format!(
                    "confused: {} is both {known:?} and {:?} to {}",
                    one.identity,
                    (id, event),
                    one.receiver
                ));
            }
        }
    }
}

// What is older is never told after what is newer.
fn disordered(evidence: &Evidence, faults: &mut Vec<String>) {
    let mut newest: BTreeMap<(&str, &str), (i64, bool)> = BTreeMap::new();
    for one in &evidence.heard {
        let (Some(id), Some(event)) = (one.incident.as_deref(), one.event) else {
            continue;
        };
        let over = matches!(one.said, Said::Over | Said::Both);
        let known = newest.entry((one.receiver, id)).or_insert((event, over));
        if event < known.0 || (known.1 && !over) {
            faults.push(format!(
                "disordered: {} heard event {event} of {id} ({}) after event {}",
                one.receiver, one.series, known.0
            ));
        }
        *known = (event.max(known.0), over || known.1);
    }
}

// What is told was read.
fn untrue(evidence: &Evidence, faults: &mut Vec<String>) {
    let read: BTreeSet<(&str, i64, Level)> = evidence
        .readings
        .iter()
        .map(|reading| (reading.series.as_str(), reading.slot, reading.level))
        .collect();
    for one in &evidence.heard {
        let (level, slot) = match one.said {
            Said::Open(level) | Said::Left(level) => (level, one.changed),
            Said::Over | Said::Both => (Level::Ok, one.ended),
        };
        if slot.is_some_and(|slot| !read.contains(&(&one.series, slot, level))) {
            faults.push(format!(
                "untrue: {} was told that {} is {level:?} from {slot:?}, which nobody read ({one:?})",
                one.receiver, one.series
            ));
        }
        let bad = |started: i64| {
            read.contains(&(&one.series, started, Level::Warning))
                || read.contains(&(&one.series, started, Level::Critical))
        };
        if one.started.is_some_and(|started| !bad(started)) {
            faults.push(format!(
                "untrue: {} was told that {} went bad at {:?}, when nobody read that",
                one.receiver, one.series, one.started
            ));
        }
    }
}

// Nothing ends while it is bad throughout. Messages that say when it ended are
// held to it above; keys and mails do not say it.
fn falsely_resolved(evidence: &Evidence, faults: &mut Vec<String>) {
    let fine = |series: &str, after: i64, until: Duration| {
        evidence.readings.iter().any(|reading| {
            reading.series == series
                && reading.level == Level::Ok
                && reading.slot > after
                && reading.at <= until
        })
    };
    let incidents = evidence.incidents();
    for one in evidence.heard.iter().filter(|one| one.ended.is_none()) {
        let id = one.incident.as_deref();
        let Some(span) = id.and_then(|id| incidents.get(id)) else {
            continue;
        };
        let over = matches!(one.said, Said::Over | Said::Both);
        if over && !fine(&span.series, span.started, one.at) {
            faults.push(format!(
                "falsely resolved: {} was told that {:?} ({}) is over, and nobody had read that",
                one.receiver, id, span.series
            ));
        }
    }
    for (receiver, _) in evidence
        .receivers
        .iter()
        .filter(|(_, kind)| **kind == Kind::Keys)
    {
        // key, since when its incident goes on
        let mut open: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        for one in evidence.heard_by(receiver) {
            let key = (one.series.as_str(), one.identity.as_str());
            if let (Said::Open(_), Some(started)) = (one.said, one.started) {
                open.insert(key, started);
                continue;
            }
            let Some(started) = open.remove(&key) else {
                continue;
            };
            let moved = open.keys().any(|(series, _)| *series == one.series);
            if !moved && !fine(&one.series, started, one.at) {
                faults.push(format!(
                    "falsely resolved: {receiver} closed {} at {:?}, and {} was bad throughout",
                    one.identity, one.at, one.series
                ));
            }
        }
    }
}
