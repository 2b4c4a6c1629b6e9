//! What history is asked for: each target once, however many alerts watch it,
//! as far back as the longest of their windows reaches.
//!
//! It also keeps what Graphite shows of a target now: a series that lives now
//! and has no value yet in the time that is replayed had not come into being,
//! and points that are further apart than they are now were thinned out since.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::track::Track;
use crate::alert::{Alert, Group, Schedule, Target, TimeSpec, Timestamp};

/// What a series shows now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Present {
    /// Seconds from point to point.
    pub step: Option<i64>,
    /// Whether it has a value.
    pub alive: bool,
}

/// One target that history is asked for.
#[derive(Debug)]
pub struct Feed {
    /// The target.
    pub target: Target,
    /// How far before an evaluation its windows begin.
    pub reach: Duration,
    /// The alerts that watch it.
    pub alerts: Vec<Watcher>,
    /// What it shows now, by legend.
    pub present: HashMap<Arc<str>, Present>,
    /// Series that were shown in history.
    pub seen: HashSet<Arc<str>>,
    /// Points that are further apart than they are now.
    pub coarse: Option<Coarse>,
    /// When it failed, and how.
    pub failed: Vec<Failed>,
}

/// An alert that watches a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watcher {
    /// Its name.
    pub alert: Arc<str>,
    /// Between evaluations; `None`: a calendar says when.
    pub every: Option<Duration>,
    /// From the beginning to the end of its window.
    pub window: Duration,
    /// How long ago a bucket must have ended.
    pub settle: Option<Duration>,
}

/// Where history is coarser than the present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coarse {
    /// Seconds from point to point, at most.
    pub step: i64,
    /// The same now; `None`: the series is not there now.
    pub now: Option<i64>,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// A time for which there was no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// The error's words.
    pub why: String,
}

/// Where a group's targets are found: a feed for each target of each alert.
#[derive(Clone, Debug, Default)]
pub struct Lane(pub Vec<Vec<usize>>);

/// Everything that is asked for.
#[derive(Debug, Default)]
pub struct Feeds(pub Vec<Feed>);

impl Feeds {
    /// Adds what `group` watches.
    pub fn add(&mut self, group: &Group) -> Lane {
        let every = match group.schedule {
            Schedule::Every { period, .. } => Some(period),
            Schedule::Cron(_) => None,
        };
        let lane = |alert: &Alert| {
            let targets = alert.targets.iter();
            targets
                .map(|target| self.watch(target, alert, every))
                .collect()
        };
        Lane(group.alerts.iter().map(lane).collect())
    }

    fn watch(&mut self, target: &Target, alert: &Alert, every: Option<Duration>) -> usize {
        let (from, until) = (ago(Some(&alert.from)), ago(alert.until.as_ref()));
        let reach = from.max(until);
        let watcher = Watcher {
            alert: Arc::clone(&alert.name),
            every,
            window: from.abs_diff(until),
            settle: alert.settle,
        };
        let known = self.0.iter_mut().enumerate();
        let known = known.into_iter().find(|(_, feed)| feed.target == *target);
        if let Some((index, feed)) = known {
            feed.reach = feed.reach.max(reach);
            if !feed.alerts.contains(&watcher) {
                feed.alerts.push(watcher);
            }
            return index;
        }
        self.0.push(Feed {
            target: target.clone(),
            reach,
            alerts: vec![watcher],
            present: HashMap::new(),
            seen: HashSet::new(),
            coarse: None,
            failed: Vec::new(),
        });
        self.0.len() - 1
    }

    /// Points a second of all series that there are now.
    pub fn rate(&self) -> f64 {
        let present = self.0.iter().flat_map(|feed| feed.present.values());
        let steps = present.map(|present| present.step.unwrap_or(60).max(1));
        steps.map(|step| 1.0 / step as f64).sum()
    }
}

fn ago(spec: Option<&TimeSpec>) -> Duration {
    match spec {
        Some(TimeSpec::Ago(span)) => *span,
        Some(TimeSpec::Verbatim(_)) | None => Duration::ZERO,
    }
}

impl Feed {
    /// Notes what the target shows now.
    pub fn shows(&mut self, legend: &str, track: &Track) {
        let present = Present {
            step: track.step(),
            alive: track.first_value().is_some(),
        };
        self.present.insert(legend.into(), present);
    }

    /// Notes what it showed from `from` until `until`, of one series. Gives when
    /// the series came into being: `None`: before that; `Some(None)`: not yet.
    pub fn showed(
        &mut self,
        legend: &Arc<str>,
        track: &Track,
        (from, until): (Timestamp, Timestamp),
    ) -> Option<Option<i64>> {
        let present = self.present.get(legend).copied();
        self.note_step(track, present, (from, until));
        if self.seen.contains(legend) {
            return None;
        }
        let first = track.first_value();
        if first.is_none() && present.is_some_and(|present| present.alive) {
            return Some(None);
        }
        self.seen.insert(Arc::clone(legend));
        first.map(Some)
    }

    fn note_step(
        &mut self,
        track: &Track,
        present: Option<Present>,
        (from, until): (Timestamp, Timestamp),
    ) {
        let now = present.and_then(|present| present.step);
        let every = self.alerts.iter().filter_map(|watcher| watcher.every).min();
        let usual = now.or_else(|| i64::try_from(every?.as_secs()).ok());
        let (Some(step), Some(usual)) = (track.step(), usual) else {
            return;
        };
        if step <= usual {
            return;
        }
        let new = Coarse {
            step,
            now,
            from,
            until,
        };
        self.coarse = Some(match self.coarse {
            None => new,
            Some(old) => Coarse {
                step: old.step.max(step),
                now: old.now.or(now),
                from: old.from.min(from),
                until: old.until.max(until),
            },
        });
    }

    /// Notes that there was no answer.
    pub fn failed(&mut self, from: Timestamp, until: Timestamp, why: String) {
        match self.failed.last_mut() {
            Some(last) if last.until == from && last.why == why => last.until = until,
            _ => self.failed.push(Failed { from, until, why }),
        }
    }

    /// Whether any series of it lives now.
    pub fn lives(&self) -> bool {
        self.present.values().any(|present| present.alive)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn feed() -> Feed {
        Feed {
            target: Target::parse("load").unwrap(),
            reach: Duration::from_secs(300),
            alerts: vec![Watcher {
                alert: "Load".into(),
                every: Some(Duration::from_secs(60)),
                window: Duration::from_secs(300),
                settle: None,
            }],
            present: HashMap::new(),
            seen: HashSet::new(),
            coarse: None,
            failed: Vec::new(),
        }
    }

    fn track(start: i64, step: i64, values: &[f64]) -> Track {
        Track::Steady {
            start,
            step,
            values: values.into(),
        }
    }

    fn day(number: i64) -> (Timestamp, Timestamp) {
        let day = |number| Timestamp::from_secs(number * 86_400);
        (day(number), day(number + 1))
    }

    #[test]
    fn history_that_is_coarser_than_the_present_is_noted_with_its_time() {
        let mut feed = feed();
        feed.shows("a", &track(0, 60, &[1.0]));
        let name: Arc<str> = "a".into();
        feed.showed(&name, &track(0, 600, &[1.0]), day(1));
        feed.showed(&name, &track(0, 600, &[1.0]), day(2));
        feed.showed(&name, &track(0, 60, &[1.0]), day(3));
        let expected = Coarse {
            step: 600,
            now: Some(60),
            from: day(1).0,
            until: day(2).1,
        };
        assert_eq!(feed.coarse, Some(expected));
    }

    #[test]
    fn history_as_coarse_as_the_present_is_not() {
        let mut feed = feed();
        feed.shows("a", &track(0, 600, &[1.0]));
        feed.showed(&"a".into(), &track(0, 600, &[1.0]), day(1));
        assert_eq!(feed.coarse, None);
        // of one that is gone nobody knows; coarser than evaluations is worth a word
        feed.showed(&"gone".into(), &track(0, 600, &[1.0]), day(1));
        assert!(feed.coarse.is_some());
    }

    #[test]
    fn a_series_that_lives_now_was_not_there_before_its_first_value() {
        let mut feed = feed();
        let (new, dead): (Arc<str>, Arc<str>) = ("new".into(), "dead".into());
        feed.shows("new", &track(0, 60, &[1.0]));
        feed.shows("dead", &track(0, 60, &[f64::NAN]));
        let nothing = track(0, 60, &[f64::NAN]);
        assert_eq!(feed.showed(&new, &nothing, day(1)), Some(None));
        assert_eq!(feed.showed(&dead, &nothing, day(1)), None);
        let begins = track(86_400, 60, &[f64::NAN, 2.0]);
        assert_eq!(feed.showed(&new, &begins, day(1)), Some(Some(86_460)));
        // once it was there, it stays
        assert_eq!(feed.showed(&new, &nothing, day(2)), None);
    }

    #[test]
    fn failures_that_follow_each_other_are_one() {
        let mut feed = feed();
        for number in [1, 2, 4] {
            feed.failed(day(number).0, day(number).1, "503".to_owned());
        }
        let times: Vec<_> = feed.failed.iter().map(|f| (f.from, f.until)).collect();
        assert_eq!(times, [(day(1).0, day(2).1), day(4)]);
    }
}
