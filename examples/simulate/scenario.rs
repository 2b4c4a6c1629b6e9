//! What a seed means: which series there are, what becomes of them, and every
//! trouble of the day, as plain data that can be cut down when a seed fails.
//!
//! Nothing here happens; `agent.rs` plays it. Small chances of the play itself
//! (how long a request takes) are hashes of what is played, so that leaving out
//! one happening changes nothing about the others.

use super::chance::Chance;

pub const SECOND: i64 = 1_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;

/// What a series shows: an index into [`VALUES`].
pub type State = usize;

/// Values of a series; `None`: null. What each means depends on the thresholds.
pub const VALUES: [Option<f64>; 7] = [
    Some(1.0),
    Some(7.0),
    Some(9.5),
    Some(15.0),
    Some(25.0),
    None,
    Some(f64::NAN),
];

/// The series is not in the answer.
pub const ABSENT: State = VALUES.len();

/// One series of Graphite, and which targets return it.
#[derive(Clone, Debug)]
pub struct Metric {
    /// Index of the group that asks for it.
    pub group: usize,
    pub legend: String,
    /// The (alert, target) that return it.
    pub returned_by: Vec<(usize, usize)>,
    /// The answer holds its legend a second time, with this state.
    pub twin: Option<State>,
    /// What it shows at first.
    pub first: State,
}

/// Something that happens, at so many milliseconds after the start.
#[derive(Clone, Debug)]
pub struct Happening {
    pub at: i64,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    /// A metric (by index) shows something else from now on.
    Shows(usize, State),
    /// Graphite does not do what it should, for all groups or one.
    Graphite(GraphiteFault, Option<usize>, i64),
    /// A receiver (by index) does not, for so long.
    Receiver(usize, ReceiverFault, i64),
    /// The agent is killed at the next point of this kind, and is down for so long.
    Kill(Point, i64),
    /// The machine loses its power: what was not synced may be lost.
    PowerLoss(i64),
    /// The agent is stopped and goes on later (SIGSTOP, a suspended host).
    Pause(i64),
    /// The clock is set.
    Clock(i64),
    /// The disk does not do what it should.
    Disk(DiskFault, i64),
    /// The configuration changes: what of it, and whether SIGHUP says so.
    Reload(Edit, bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GraphiteFault {
    /// Connection refused.
    Refuses,
    /// Longer than the time-out.
    Hangs,
    /// Late, but in time.
    Slow,
    /// Ends in the middle.
    CutOff,
    /// 200 and no series: a dead backend of a cluster.
    Empty,
    /// A part of the series is missing.
    Partial,
    /// Nothing newer than an hour ago.
    Stale,
    /// What it said an hour ago.
    BackInTime,
    /// The last target of each alert fails.
    OneTarget,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReceiverFault {
    /// Takes nothing and answers nothing.
    Hangs,
    /// Takes it and answers nothing.
    TakesAndHangs,
    /// Takes it; the connection is cut before the answer.
    LosesAnswers,
    /// 429 with `Retry-After` in seconds.
    TooMany(u64),
    /// 429 without.
    TooManyForNow,
    /// 4xx, 5yz.
    Rejects,
    /// 5xx, 4yz.
    Fails,
    /// 502: whether it was taken nobody knows.
    BadGateway,
    /// Refuses one of several recipients.
    RefusesOne,
    /// Takes its time.
    Slow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiskFault {
    /// Nothing can be written.
    Full,
    /// A commit takes ten seconds.
    Slow,
    /// The file is gone, with everything in it.
    Gone,
}

/// Between which two effects the agent is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// Anywhere, waiting.
    Waiting,
    /// Graphite has answered, nothing is judged.
    Fetched,
    /// It is judged, and nothing written.
    Judged,
    /// It is written, nothing is sent.
    Written,
    /// A job was handed out and written, and nothing is sent.
    HandedOut,
    /// The receiver has taken it, no answer was read.
    Taken,
    /// The answer was read, and is not recorded.
    Answered,
    /// It is recorded and not written.
    Recorded,
}

/// How the configuration changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edit {
    /// As at the start.
    Back,
    /// Other thresholds and durations.
    Thresholds,
    /// The first group leaves.
    Removed,
    /// The first group is called otherwise.
    Renamed,
    /// Receivers listen to other levels and wait for others.
    Levels,
    /// The first receiver leaves.
    Left,
    /// The first receiver is somewhere else.
    Moved,
    /// The first receiver is only called otherwise.
    Called,
    /// Targets change: those of the second group swap places.
    Targets,
}

/// A day.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub seed: u64,
    /// Milliseconds since the epoch.
    pub start: i64,
    /// How long trouble lasts.
    pub trouble: i64,
    /// Milliseconds between two looks at the time.
    pub tick: i64,
    pub metrics: Vec<Metric>,
    pub happenings: Vec<Happening>,
}

const DAY: i64 = 24 * HOUR;

impl Scenario {
    pub fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed, 1);
        let start = 1_790_000_000 * SECOND + chance.between(0, 500) * DAY + chance.between(0, DAY);
        let tick = chance.of(&[7, 10, 13, 20, 20, 30, 30]) * SECOND;
        let mut metrics = metrics(&mut Chance::new(seed, 2));
        share(&mut metrics, &mut Chance::new(seed, 5));
        let mut scenario = Self {
            seed,
            start,
            trouble: DAY,
            tick,
            metrics,
            happenings: Vec::new(),
        };
        scenario.values(&mut Chance::new(seed, 3));
        scenario.troubles(&mut Chance::new(seed, 4));
        scenario.happenings.sort_by_key(|happening| happening.at);
        scenario
    }

    fn values(&mut self, chance: &mut Chance) {
        for index in 0..self.metrics.len() {
            let mut at = 0;
            let restless = chance.once_in(8);
            loop {
                at += match restless {
                    true => chance.between(30 * SECOND, 40 * MINUTE),
                    false => chance.between(MINUTE, 12 * HOUR),
                };
                if at >= self.trouble {
                    break;
                }
                let what = What::Shows(index, state(chance));
                self.happenings.push(Happening { at, what });
                // most things do not last
                if chance.below(3) > 0 {
                    at += chance.between(MINUTE, 25 * MINUTE);
                    let what = What::Shows(index, self.metrics[index].first);
                    self.happenings.push(Happening { at, what });
                }
            }
        }
        // many at once: a relay, a deployment
        for _ in 0..chance.below(3) {
            let at = chance.between(0, self.trouble);
            let shows = chance.of(&[5, 5, 5, ABSENT, ABSENT, 4, 6]);
            let lasts = chance.between(2 * MINUTE, 90 * MINUTE);
            let all = chance.once_in(2);
            let group = chance.below(4) as usize;
            for (index, metric) in self.metrics.iter().enumerate() {
                if (all || metric.group == group) && chance.below(8) > 0 {
                    let shows = What::Shows(index, shows);
                    let spread = chance.between(0, 2 * MINUTE);
                    self.happenings.push(Happening {
                        at: at + spread,
                        what: shows,
                    });
                    if chance.below(10) > 0 {
                        let what = What::Shows(index, metric.first);
                        self.happenings.push(Happening {
                            at: at + spread + lasts,
                            what,
                        });
                    }
                }
            }
        }
    }

    fn troubles(&mut self, chance: &mut Chance) {
        let count = chance.of(&[0, 3, 6, 10, 16]);
        for _ in 0..count {
            let at = chance.between(0, self.trouble);
            let what = trouble(chance);
            self.happenings.push(Happening { at, what });
        }
    }

    /// What the metric shows at an instant.
    pub fn timeline(&self, metric: usize) -> Vec<(i64, State)> {
        let shows = self.happenings.iter().filter_map(|happening| {
            let What::Shows(index, state) = happening.what else {
                return None;
            };
            (index == metric && happening.at < self.trouble).then_some((happening.at, state))
        });
        std::iter::once((i64::MIN, self.metrics[metric].first))
            .chain(shows)
            .collect()
    }
}

fn state(chance: &mut Chance) -> State {
    chance.of(&[0, 1, 2, 3, 3, 4, 4, 4, 5, 5, 6, ABSENT, ABSENT])
}

fn lasting(chance: &mut Chance) -> i64 {
    match chance.below(4) {
        0 => chance.between(SECOND, MINUTE),
        1 => chance.between(MINUTE, 10 * MINUTE),
        2 => chance.between(5 * MINUTE, HOUR),
        _ => chance.between(HOUR, 4 * HOUR),
    }
}

fn trouble(chance: &mut Chance) -> What {
    match chance.below(24) {
        0..=5 => {
            use GraphiteFault::*;
            let fault = chance.of(&[
                Refuses, Hangs, Slow, CutOff, Empty, Partial, Stale, BackInTime, OneTarget,
            ]);
            let group = chance.once_in(2).then(|| chance.below(4) as usize);
            What::Graphite(fault, group, lasting(chance))
        }
        6..=12 => {
            use ReceiverFault::*;
            let fault = chance.of(&[
                Hangs,
                TakesAndHangs,
                LosesAnswers,
                TooMany(7),
                TooMany(120),
                TooManyForNow,
                Rejects,
                Fails,
                BadGateway,
                RefusesOne,
                Slow,
            ]);
            What::Receiver(chance.below(5) as usize, fault, lasting(chance))
        }
        13..=16 => {
            use Point::*;
            let point = chance.of(&[
                Waiting, Fetched, Judged, Written, HandedOut, Taken, Answered, Recorded,
            ]);
            let down = match chance.below(4) {
                0 => chance.between(0, 2 * SECOND),
                1 => chance.between(SECOND, MINUTE),
                2 => chance.between(MINUTE, 20 * MINUTE),
                _ => chance.between(HOUR, 8 * HOUR),
            };
            What::Kill(point, down)
        }
        17 => What::PowerLoss(chance.between(SECOND, 10 * MINUTE)),
        18 => What::Pause(lasting(chance)),
        19 => {
            What::Clock(chance.of(&[-HOUR, -5 * MINUTE, -3 * SECOND, 3 * SECOND, HOUR, 2 * HOUR]))
        }
        20 => What::Disk(
            chance.of(&[DiskFault::Full, DiskFault::Slow, DiskFault::Gone]),
            lasting(chance),
        ),
        _ => {
            use Edit::*;
            let edit = chance.of(&[
                Back, Thresholds, Removed, Renamed, Levels, Left, Moved, Called, Targets, Back,
            ]);
            What::Reload(edit, chance.once_in(2))
        }
    }
}

/// Four groups: a plain one, one whose alerts claim from each other, a wide one
/// (limits, silence in numbers), and a rare one.
fn metrics(chance: &mut Chance) -> Vec<Metric> {
    let mut metrics = Vec::new();
    let mut add = |group, legend: String, returned_by, chance: &mut Chance| {
        metrics.push(Metric {
            group,
            legend,
            returned_by,
            twin: chance.once_in(12).then(|| state(chance)),
            first: match chance.below(12) {
                0 => state(chance),
                1 => 2,
                _ => 0,
            },
        });
    };
    for index in 0..2 + chance.below(4) {
        add(0, format!("web-{index}"), vec![(0, 0)], chance);
    }
    for index in 0..2 + chance.below(3) {
        // what the catch-all returns too
        add(1, format!("db-{index}"), vec![(0, 0), (1, 0)], chance);
    }
    for index in 0..2 + chance.below(3) {
        let target = usize::from(chance.once_in(2));
        add(1, format!("cache {index}"), vec![(1, target)], chance);
    }
    for index in 0..8 + chance.below(8) {
        let target = chance.below(2) as usize;
        add(2, format!("q.{index}|é"), vec![(0, target)], chance);
    }
    for index in 0..1 + chance.below(2) {
        add(3, format!("nightly{index}"), vec![(0, 0)], chance);
    }
    metrics
}

/// On some days both targets of an alert return some series.
fn share(metrics: &mut [Metric], chance: &mut Chance) {
    if !chance.once_in(8) {
        return;
    }
    let two_targets = |metric: &&mut Metric| matches!(metric.group, 1 | 2);
    for metric in metrics.iter_mut().filter(two_targets) {
        let (alert, target) = metric.returned_by[metric.returned_by.len() - 1];
        if metric.returned_by.len() == 1 && chance.once_in(4) {
            metric.returned_by.push((alert, 1 - target));
        }
    }
}

/// What a state is, in words.
pub fn shown(state: State) -> String {
    match VALUES.get(state) {
        Some(Some(value)) => value.to_string(),
        Some(None) => "null".to_owned(),
        None => "nothing".to_owned(),
    }
}
