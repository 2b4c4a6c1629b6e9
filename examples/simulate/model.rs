//! Which incidents are open at which level, given what Graphite answered: the slow, obvious way.
//!
//! Written from the design page alone (sections 4 and 5, and overflow of 6), as a second opinion
//! on the product's own core; it shares no line with it, and must not. A clock is not kept but
//! found: each series has its history of readings, and whoever wants to know how long something
//! has lasted looks back over it. Deliveries, texts and schedules are not its business.
//! All times are milliseconds since the epoch. `page silent` marks a choice that the page leaves.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

const MINUTE: i64 = 60_000;
const OWN: &str = "graphite-pager";
const TOO_FEW: &str = "(too few series)";
const MORE: &str = "(more)";
const MORE_WITHOUT: &str = "(more without data)";
/// Runs of equal readings that are remembered of a series; a clock over more begins late.
const REMEMBERED: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Ok,
    Warning,
    NoData,
    Critical,
}

#[derive(Clone, Debug)]
pub enum Condition {
    Above(f64),
    Below(f64),
    Inside(f64, f64),
    Outside(f64, f64),
    Equal(f64),
    NotEqual(f64),
    MoreThan(f64),
    LessThan(f64),
}

impl Condition {
    fn holds(&self, value: f64) -> bool {
        match *self {
            Self::Above(n) => value >= n,
            Self::Below(n) => value <= n,
            Self::Inside(low, high) => low <= value && value <= high,
            Self::Outside(low, high) => value < low || high < value,
            Self::Equal(n) => value == n,
            Self::NotEqual(n) => value != n,
            Self::MoreThan(n) => value > n,
            Self::LessThan(n) => value < n,
        }
    }
}

/// What `no_data` and `missing` say.
#[derive(Clone, Debug)]
pub enum Without {
    Level(Level),
    Ok,
    Keep,
}

#[derive(Clone, Debug)]
pub struct Alert {
    pub targets: Vec<String>,
    pub warning: Option<Condition>,
    pub critical: Option<Condition>,
    /// The condition that must hold before an open incident sees `ok`.
    pub recover: Option<Condition>,
    pub settle: Option<i64>,
    pub max_age: Option<i64>,
    pub for_: i64,
    pub recover_for: i64,
    pub no_data: Without,
    pub no_data_for: i64,
    pub missing: Without,
    pub missing_for: i64,
    pub forget_after: i64,
    pub min_series: Option<usize>,
    /// Exact, or a glob with `*`.
    pub exclude: Vec<String>,
    pub limit: Option<usize>,
    pub no_data_limit: Option<usize>,
}

#[derive(Clone, Debug, Default)]
pub struct Group {
    pub name: String,
    pub alerts: Vec<Alert>,
    pub every: i64,
    /// One of its slots; all others are whole periods from it.
    pub one_slot: i64,
}

impl Group {
    /// How many slots lie after `from`, up to `to`. page silent: they are those of the present
    /// schedule, also where `from` is a slot of one before it.
    fn slots(&self, from: i64, to: i64) -> i64 {
        let number = |at: i64| (at - self.one_slot).div_euclid(self.every.max(1));
        number(to) - number(from)
    }
}

#[derive(Clone, Debug)]
pub struct Setup {
    pub groups: Vec<Group>,
    pub host: String,
    pub error_for: i64,
}

/// One returned series; `target` is an index into [`Alert::targets`], a point starts its bucket.
#[derive(Clone, Debug)]
pub struct Series {
    pub legend: Rc<str>,
    pub target: usize,
    pub step: i64,
    pub points: Vec<(i64, Option<f64>)>,
}

/// What one alert's fetch brought; `None`: it failed.
pub type Answer = Option<Vec<Series>>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    pub level: Level,
    /// The overflow incident in which it is told; `None`: alone.
    pub inside: Option<&'static str>,
    /// The slot, or instant, at which it opened.
    pub since: i64,
}

/// What an evaluation adds to the history of a series; the order is only for ties (4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Answered, but nothing to go by: `keep`, or missing for less than `missing_for`.
    Nothing,
    Without,
    /// With data, and what it asks for.
    Data(Level),
}

/// A reading, and the level that it asks for; `None`: it is ignored. The greater is the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Reading {
    level: Option<Level>,
    kind: Kind,
}

impl Reading {
    const NOTHING: Self = Self {
        level: None,
        kind: Kind::Nothing,
    };

    fn data(level: Level) -> Self {
        Self {
            level: Some(level),
            kind: Kind::Data(level),
        }
    }

    fn without(says: &Without) -> Self {
        match *says {
            Without::Level(level) => Self {
                level: Some(level),
                kind: Kind::Without,
            },
            Without::Ok => Self::data(Level::Ok),
            Without::Keep => Self::NOTHING,
        }
    }
}

impl Alert {
    fn excludes(&self, legend: &str) -> bool {
        self.exclude.iter().any(|pattern| glob(pattern, legend))
    }

    /// Rule 5, `reduce: last`.
    fn value(&self, series: &Series, slot: i64) -> Option<f64> {
        // page silent: a point is as old as the start of its bucket, and a full `max_age` is allowed.
        let newest_first = series
            .points
            .iter()
            .rev()
            .filter_map(|&(at, value)| Some((at, value.filter(|value| value.is_finite())?)))
            .filter(|&(at, _)| at <= slot && self.max_age.is_none_or(|age| slot - at <= age));
        let settled = |settle| {
            let mut points = newest_first.clone();
            points.find(|(at, _)| at + series.step + settle <= slot)
        };
        let point = self
            .settle
            .and_then(settled)
            .or_else(|| newest_first.clone().next());
        point.map(|(_, value)| value)
    }

    /// Rules 5 to 8 for one returned series.
    fn reading(&self, series: &Series, slot: i64, incident: Option<&Incident>) -> Reading {
        let Some(value) = self.value(series, slot) else {
            // page silent: `no_data: ok` is `ok` as it stands, without `recover`: there is no value.
            return Reading::without(&self.no_data);
        };
        let holds = |condition: &Option<Condition>| condition.as_ref().map(|c| c.holds(value));
        Reading::data(if holds(&self.critical) == Some(true) {
            Level::Critical
        } else if holds(&self.warning) == Some(true) {
            Level::Warning
        } else if holds(&self.recover) == Some(false) {
            incident
                .and_then(|incident| incident.by_data)
                .unwrap_or(Level::Ok)
        } else {
            Level::Ok
        })
    }

    fn has_any(&self, sources: &BTreeSet<String>) -> bool {
        self.targets.iter().any(|target| sources.contains(target))
    }
}

pub fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text.strip_prefix(head).is_some_and(|tail| {
            tail.char_indices().any(|(at, _)| glob(rest, &tail[at..])) || glob(rest, "")
        }),
    }
}

#[derive(Clone, Debug)]
struct Incident {
    level: Level,
    /// Want of data brought the level about.
    want: bool,
    /// The level that data last gave it.
    by_data: Option<Level>,
    inside: Option<&'static str>,
    since: i64,
}

/// Equal readings in a row, no two of them more than three empty slots apart.
#[derive(Clone, Debug)]
struct Run {
    first: i64,
    last: i64,
    /// The same as numbers of slots.
    from: i64,
    to: i64,
    kind: Kind,
    /// With the last of them the incident took its level.
    took: bool,
}

impl Run {
    fn new(kind: Kind, slot: i64, number: i64) -> Self {
        let (first, last, from, to, took) = (slot, slot, number, number, false);
        Self {
            first,
            last,
            from,
            to,
            kind,
            took,
        }
    }
}

/// What a reading does to a clock.
enum Effect {
    Feeds,
    Resets,
    /// Only shows that answers went on.
    Bridges,
    Passes,
}

/// A reading this many slots after the last is one too late: more than three lie between.
const GAP: i64 = 5;

/// The run of these with which a clock began, if it runs; `number`: that of the slot.
fn began<'a>(
    history: impl DoubleEndedIterator<Item = &'a Run> + ExactSizeIterator,
    number: i64,
    effect: impl Fn(Kind) -> Effect,
) -> Option<usize> {
    let (mut next, mut began) = (number, None);
    for (index, run) in history.enumerate().rev() {
        let effect = effect(run.kind);
        match effect {
            Effect::Passes => continue,
            Effect::Resets => break,
            Effect::Feeds | Effect::Bridges if next - run.to >= GAP => break,
            Effect::Feeds => began = Some(index),
            Effect::Bridges => {}
        }
        next = run.from;
    }
    began
}

/// All that is known of one series of a group, or of what stands for one (rule 11).
#[derive(Clone, Debug, Default)]
struct Line {
    /// The alert of the group that judged it last.
    alert: usize,
    stands_in: bool,
    /// The targets that returned it last.
    sources: BTreeSet<String>,
    history: VecDeque<Run>,
    /// The present evaluation's reading, until it has been acted on.
    pending: Option<Reading>,
    /// Whole answers without it, and the slot of the last of these.
    missing: i64,
    missing_at: i64,
    judged: i64,
    /// It counted for rule 10 then.
    counted: bool,
    /// Since when it has lacked data.
    lacks: Option<i64>,
    /// What want of data would have given it, were it not in the silence in numbers.
    held: Option<Level>,
    incident: Option<Incident>,
}

impl Line {
    fn remember(&mut self, kind: Kind, slot: i64, number: i64) {
        // The system's clock may have been set back: nothing began in the future.
        if self.history.back().is_some_and(|run| run.last > slot) {
            for run in &mut self.history {
                run.first = run.first.min(slot);
                run.last = run.last.min(slot);
            }
            self.lacks = self.lacks.map(|lacks| lacks.min(slot));
        }
        match self.history.back_mut() {
            Some(run) if run.kind == kind && !run.took && number - run.to < GAP => {
                (run.last, run.to) = (slot, number);
            }
            _ => self.history.push_back(Run::new(kind, slot, number)),
        }
        if self.history.len() > REMEMBERED {
            self.history.pop_front();
        }
    }

    fn read(&mut self, reading: Reading, slot: i64, number: i64) {
        self.remember(reading.kind, slot, number);
        self.judged = slot;
        self.pending = Some(reading);
        if let Kind::Data(_) = reading.kind {
            self.lacks = None;
            self.held = None;
        } else {
            self.lacks.get_or_insert(slot);
        }
    }

    /// Rule 9: one whole answer without it. False: it is forgotten.
    fn missed(&mut self, alert: &Alert, slot: i64, every: i64, number: i64, gone: bool) -> bool {
        if self.missing == 0 || self.missing_at != slot {
            self.missing += 1;
            self.missing_at = slot;
        }
        // page silent: `forget_after` follows `missing_for`, and both are counted in whole periods
        // since the first answer without it, which is the first of the two at least.
        let absent = (self.missing - 1) * every;
        let past = absent >= alert.missing_for;
        let forgotten = self.missing >= 2 && absent >= alert.missing_for + alert.forget_after;
        if forgotten || gone && past {
            return false;
        }
        let reading = if past {
            Reading::without(&alert.missing)
        } else {
            Reading::NOTHING
        };
        self.read(reading, slot, number);
        true
    }

    /// How long a level asked for by data has lasted.
    fn lasted(&self, level: Level, slot: i64, number: i64) -> i64 {
        let clock = began(self.history.iter(), number, |kind| match kind {
            Kind::Data(asked) if asked >= level => Effect::Feeds,
            Kind::Data(_) => Effect::Resets,
            Kind::Without | Kind::Nothing => Effect::Passes,
        });
        clock.map_or(0, |run| slot - self.history[run].first)
    }

    fn lacked(&self, slot: i64, number: i64) -> i64 {
        let clock = began(self.history.iter(), number, |kind| match kind {
            Kind::Data(_) => Effect::Resets,
            Kind::Without => Effect::Feeds,
            Kind::Nothing => Effect::Bridges,
        });
        clock.map_or(0, |run| slot - self.history[run].first)
    }

    /// Acts on the present reading: lowers and resolves at once, and says what it would rise to,
    /// and whether for want of data.
    fn step(&mut self, alert: &Alert, slot: i64, number: i64) -> Option<(Level, bool)> {
        let reading = self.pending.take()?;
        // page silent: one whose alert is set to `ok` or `keep` throughout leaves the silence.
        let level = |says: &Without| matches!(says, Without::Level(_));
        if !level(&alert.no_data) && !level(&alert.missing) {
            self.held = None;
        }
        let level = self.incident.as_ref().map_or(Level::Ok, |i| i.level);
        match reading.kind {
            Kind::Nothing => None,
            Kind::Without => {
                let reached = self.missing > 0 || self.lacked(slot, number) >= alert.no_data_for;
                let asked = reading.level.filter(|asked| reached && *asked > level)?;
                Some((asked, true))
            }
            Kind::Data(asked) => {
                let reached = [Level::Critical, Level::Warning]
                    .into_iter()
                    .find(|&reached| {
                        asked >= reached
                            && reached > level
                            && self.lasted(reached, slot, number) >= alert.for_
                    });
                if reached.is_none() {
                    self.lower(asked, alert.recover_for, slot, number);
                }
                reached.map(|level| (level, false))
            }
        }
    }

    /// Section 5, *Down*.
    fn lower(&mut self, asked: Level, recover_for: i64, slot: i64, number: i64) {
        let Some(Incident { level, want, .. }) = self.incident else {
            return;
        };
        if want && asked > Level::Ok && asked <= level {
            self.take(asked, false);
        } else if asked < level {
            let took = self.history.iter().rposition(|run| run.took);
            let since = took.map_or(0, |took| took + 1);
            let clock = began(self.history.range(since..), number, |kind| match kind {
                Kind::Data(asked) if asked < level => Effect::Feeds,
                Kind::Data(_) => Effect::Resets,
                Kind::Without if want => Effect::Resets,
                // page silent: a reading without data asks for nothing here: `only data lower`.
                Kind::Without | Kind::Nothing => Effect::Passes,
            });
            let Some(run) = clock.map(|run| since + run) else {
                return;
            };
            if slot - self.history[run].first >= recover_for {
                let meanwhile = self.history.range(run..);
                let asked = meanwhile.filter_map(|run| match run.kind {
                    Kind::Data(asked) => Some(asked),
                    Kind::Without | Kind::Nothing => None,
                });
                match asked.max() {
                    None | Some(Level::Ok) => self.incident = None,
                    Some(highest) => self.take(highest, false),
                }
            }
        }
    }

    /// The open incident takes this level.
    fn take(&mut self, level: Level, want: bool) {
        if let Some(incident) = &mut self.incident {
            incident.level = level;
            incident.want = want;
            if !want {
                incident.by_data = Some(level);
            }
        }
        if let Some(run) = self.history.back_mut() {
            run.took = true;
        }
    }
}

/// One legend in the answers of a group.
#[derive(Default)]
struct Seen<'a> {
    sources: Vec<&'a str>,
    /// There is a line of it.
    known: bool,
    /// The alert that claims it; `None`: an earlier one failed, so nobody may.
    by: Option<usize>,
    /// `None`: excluded.
    reading: Option<Reading>,
}

/// Rules 2 to 4: who claims which legend, and how it reads.
fn seen<'a, 'b>(
    alerts: &'a [Alert],
    lines: &BTreeMap<String, Line>,
    slot: i64,
    answers: &'b [Answer],
) -> BTreeMap<&'b str, Seen<'a>> {
    let mut seen: BTreeMap<&'b str, Seen<'a>> = BTreeMap::new();
    let mut earlier_failed = false;
    for (index, (alert, answer)) in alerts.iter().zip(answers).enumerate() {
        let Some(answer) = answer else {
            earlier_failed = true;
            continue;
        };
        for series in answer {
            let line = lines.get(&*series.legend);
            let theirs = line.is_some_and(|line| line.alert == index && !line.stands_in);
            let seen = seen.entry(&series.legend).or_default();
            seen.known = line.is_some();
            seen.sources.push(&alert.targets[series.target]);
            if seen.by.is_some_and(|by| by != index) || (earlier_failed && !theirs) {
                continue;
            }
            seen.by = Some(index);
            if !alert.excludes(&series.legend) {
                let incident = line.and_then(|line| line.incident.as_ref());
                // page silent: `worst` takes want of data at the level that `no_data` gives
                // it, and data before want of data where both ask for the same.
                seen.reading = seen
                    .reading
                    .max(Some(alert.reading(series, slot, incident)));
            }
        }
    }
    seen
}

/// Rule 10: series set to `ok` or `keep` count on neither side.
fn counts(alert: &Alert, name: &str, line: &Line) -> bool {
    // page silent: one that is returned counts by `no_data`, one that is not by `missing`.
    let says = if line.missing > 0 {
        &alert.missing
    } else {
        &alert.no_data
    };
    // page silent: a target that matches nothing counts, too few series do not.
    !(line.stands_in && name == TOO_FEW) && matches!(says, Without::Level(_))
}

/// All that is known of one group.
#[derive(Clone, Debug, Default)]
struct State {
    config: Group,
    /// Since when the configuration has been without it.
    left: Option<i64>,
    lines: BTreeMap<String, Line>,
    /// Slots so far, those that were missed included.
    number: i64,
    last_slot: Option<i64>,
    /// The overflow incidents, and since when they are open.
    overflow: BTreeMap<&'static str, i64>,
    /// How the latest try went, and whether there was one since the process began.
    failed: Option<bool>,
    tried: bool,
    failing_since: Option<i64>,
    failure: Option<i64>,
}

impl State {
    /// Takes the answers in; returns who would open or rise: the worst first, and by name.
    fn judge(
        &mut self,
        slot: i64,
        answers: &[Answer],
    ) -> Vec<(bool, Reverse<Level>, String, bool)> {
        // page silent: after the clock was set back the next slot is the next slot.
        self.number += match self.last_slot {
            Some(last) if last == slot => 0,
            Some(last) => self.config.slots(last, slot).max(1),
            None => 1,
        };
        self.last_slot = Some(slot);
        let number = self.number;
        let alerts = &self.config.alerts;
        let seen = seen(alerts, &self.lines, slot, answers);
        let whole = answers.iter().all(Option::is_some);
        for (&legend, seen) in &seen {
            let Some(by) = seen.by else {
                if let Some(line) = self.lines.get_mut(legend) {
                    line.missing = 0;
                }
                continue;
            };
            let Some(reading) = seen.reading else {
                self.lines.remove(legend);
                continue;
            };
            if !seen.known {
                self.lines.insert(legend.to_owned(), Line::default());
            }
            let Some(line) = self.lines.get_mut(legend) else {
                continue;
            };
            // page silent: the clocks of a series go on where it moves to another alert of the group.
            (line.alert, line.stands_in, line.missing) = (by, false, 0);
            // page silent: it is known from the targets that returned it last.
            if whole {
                line.sources
                    .retain(|source| seen.sources.contains(&&**source));
            }
            for source in &seen.sources {
                if !line.sources.contains(*source) {
                    line.sources.insert((*source).to_owned());
                }
            }
            line.read(reading, slot, number);
        }
        let seen: Vec<&str> = seen.into_keys().collect();
        // page silent: what is forgotten in this evaluation is known in it.
        self.stand_ins(slot, answers);
        let alerts = &self.config.alerts;
        self.lines.retain(|legend, line| {
            if line.stands_in || seen.binary_search(&&**legend).is_ok() {
                return true;
            }
            let (alert, answered) = (&alerts[line.alert], answers[line.alert].is_some());
            if answered && alert.excludes(legend) {
                return false;
            }
            if whole {
                let gone = !alerts.iter().any(|alert| alert.has_any(&line.sources));
                return line.missed(alert, slot, self.config.every, number, gone);
            }
            if answered {
                // page silent: an answer of its own alert is an answer, though another failed.
                line.remember(Kind::Nothing, slot, number);
            }
            true
        });
        let mut rising = Vec::new();
        self.lines.retain(|name, line| {
            let over = line.pending == Some(Reading::data(Level::Ok));
            let open = line.incident.is_some();
            if let Some((level, want)) = line.step(&self.config.alerts[line.alert], slot, number) {
                // page silent: of several at once what is open rises first, and of those that
                // open the worst are told alone.
                rising.push((!open, Reverse(level), name.clone(), want));
            }
            !(line.stands_in && over && line.incident.is_none())
        });
        rising.sort();
        // page silent: a series counts as it did when it was last judged.
        self.count(|line| line.judged == slot);
        rising
    }

    fn count(&mut self, which: impl Fn(&Line) -> bool) {
        for (name, line) in self.lines.iter_mut().filter(|(_, line)| which(line)) {
            line.counted = counts(&self.config.alerts[line.alert], name, line);
        }
    }

    /// Rule 11.
    fn stand_ins(&mut self, slot: i64, answers: &[Answer]) {
        let number = self.number;
        let alerts = &self.config.alerts;
        let mut called: BTreeMap<String, (Reading, Reverse<usize>)> = BTreeMap::new();
        for (index, (alert, answer)) in alerts.iter().zip(answers).enumerate() {
            let Some(answer) = answer else { continue };
            // page silent: a series claimed by an earlier alert is known of this one too.
            let known = |line: &Line| line.alert == index || alert.has_any(&line.sources);
            let mut lines = self.lines.values().filter(|line| !line.stands_in);
            let nothing = answer.is_empty() && !lines.any(known);
            // page silent: a legend that came twice is one series of N.
            let legends = || answer.iter().map(|s| &s.legend).collect::<BTreeSet<_>>();
            let few = alert.min_series.is_some_and(|n| legends().len() < n);
            // page silent: several targets are all in the name. page silent: nothing at all where
            // `min_series` is set is both.
            let names = [
                nothing.then(|| alert.targets.join(", ")),
                few.then(|| TOO_FEW.to_owned()),
            ];
            for name in names.into_iter().flatten() {
                // page silent: two alerts of a group that call for one name are one series, the
                // worst of both, and of equals the first.
                let call = (Reading::without(&alert.no_data), Reverse(index));
                called
                    .entry(name)
                    .and_modify(|other| *other = call.max(*other))
                    .or_insert(call);
            }
        }
        for (name, &(reading, Reverse(index))) in &called {
            if reading.kind == Kind::Without && !self.lines.contains_key(name) {
                self.lines.entry(name.clone()).or_default().stands_in = true;
            }
            if let Some(line) = self.lines.get_mut(name).filter(|line| line.stands_in) {
                line.alert = index;
                line.read(reading, slot, number);
            }
        }
        let calling = |name: &str, alert: &Alert| match name {
            TOO_FEW => alert.min_series.is_some(),
            _ => alert.targets.join(", ") == name,
        };
        for (name, line) in self.lines.iter_mut().filter(|(_, line)| line.stands_in) {
            // page silent: where nobody could call for it any more, any answer will do.
            let answered = answers.iter().any(Option::is_some)
                && alerts
                    .iter()
                    .zip(answers)
                    .all(|(alert, a)| a.is_some() || !calling(name, alert));
            if answered && !called.contains_key(name.as_str()) {
                line.read(Reading::data(Level::Ok), slot, number);
            }
        }
    }

    /// Opens or raises; a new incident beyond the limits joins the overflow.
    fn rise(&mut self, name: &str, level: Level, want: bool, at: i64) {
        let wants = self
            .lines
            .values()
            .filter_map(|line| Some(line.incident.as_ref()?.want));
        let wants: Vec<bool> = wants.collect();
        let without = wants.iter().filter(|want| **want).count();
        let Some(line) = self.lines.get_mut(name) else {
            return;
        };
        if line.incident.is_none() {
            let alert = &self.config.alerts[line.alert];
            let full = |limit: Option<usize>, n| limit.is_some_and(|limit| limit > 0 && n >= limit);
            // page silent: `without data` is whatever want of data brought about, at any level,
            // now; such a one joins its own overflow even where `limit` is reached too. The limits
            // are those of the alert whose series opens.
            let inside = if want && full(alert.no_data_limit, without) {
                Some(MORE_WITHOUT)
            } else {
                full(alert.limit, wants.len()).then_some(MORE)
            };
            if let Some(more) = inside {
                self.overflow.entry(more).or_insert(at);
            }
            line.incident = Some(Incident {
                level,
                want,
                by_data: None,
                inside,
                since: at,
            });
        }
        line.held = None;
        line.take(level, want);
    }

    /// The alerts changed; the series are judged by the new ones from their present state.
    fn adopt(&mut self, config: Group) {
        for line in self.lines.values_mut() {
            // page silent: an alert is the one that a series was `theirs before` by its target.
            let theirs = |alert: &Alert| alert.has_any(&line.sources);
            let last = config.alerts.len().saturating_sub(1);
            line.alert = config
                .alerts
                .iter()
                .position(theirs)
                .unwrap_or(line.alert.min(last));
        }
        self.config = config;
        self.left = None;
    }
}

/// The incident of rule 10.
#[derive(Clone, Debug)]
struct Silence {
    since: i64,
    /// Since when fewer than ten are left.
    few: Option<i64>,
}

#[derive(Clone, Debug, Default)]
pub struct Model {
    host: String,
    /// What the incident of rule 10 is called.
    silent: String,
    error_for: i64,
    groups: BTreeMap<String, State>,
    silence: Option<Silence>,
    /// Since when so many groups have failed that it is one trouble, and its incident.
    down_since: Option<i64>,
    outage: Option<i64>,
}

/// How long since then; a clock that was set back starts it now.
fn passed(start: &mut i64, now: i64) -> i64 {
    *start = now.min(*start);
    now - *start
}

impl Model {
    pub fn new(setup: Setup, now: i64) -> Self {
        let mut model = Self::default();
        model.reload(setup, true, now);
        model
    }

    /// A new configuration; `at_once`: after SIGHUP.
    pub fn reload(&mut self, setup: Setup, at_once: bool, now: i64) {
        self.silent = format!("{} (no data)", setup.host);
        self.host = setup.host;
        self.error_for = setup.error_for;
        let mut names = BTreeSet::new();
        for config in setup.groups {
            names.insert(config.name.clone());
            self.groups
                .entry(config.name.clone())
                .or_default()
                .adopt(config);
        }
        // page silent: a failure of the group's fetch ends with the group's own incidents.
        self.groups.retain(|name, state| {
            if !names.contains(name) {
                state.left.get_or_insert(now);
            }
            !at_once || state.left.is_none()
        });
        self.time(now);
    }

    /// The process began again: nothing is forgotten.
    pub fn restarted(&mut self, setup: Setup, now: i64) {
        // page silent: clocks of failures survive too, but a failure that was not yet told wants
        // a failed try of this process: Graphite may have come back meanwhile.
        for state in self.groups.values_mut() {
            state.tried = false;
            // page silent: an alert that left has its five minutes from the start again.
            state.left = None;
        }
        let names: BTreeSet<&str> = setup.groups.iter().map(|group| &*group.name).collect();
        self.failures_begin_anew(|name, _| names.contains(name), now);
        self.reload(setup, false, now);
        for state in self.groups.values_mut() {
            state.count(|_| true);
        }
    }

    /// Nobody looked at anything until now: the computer slept, or its clock was set forward.
    /// page silent: that is as a start.
    pub fn slept(&mut self, now: i64) {
        for state in self.groups.values_mut() {
            state.tried = false;
        }
        self.failures_begin_anew(|_, state| state.left.is_none(), now);
    }

    /// page silent: the clocks of failures, as those of readings, start anew after more than
    /// three slots without an evaluation.
    fn failures_begin_anew(&mut self, asked: impl Fn(&str, &State) -> bool, now: i64) {
        let mut lasts = false;
        for (name, state) in &mut self.groups {
            if !asked(name, state) {
                continue;
            }
            let (Some(since), Some(last)) = (&mut state.failing_since, state.last_slot) else {
                continue;
            };
            if state.config.slots(last, now) > 3 {
                *since = now;
            } else {
                lasts = true;
            }
        }
        if let Some(since) = self.down_since.as_mut().filter(|_| !lasts) {
            *since = now;
        }
    }

    /// One evaluation of a group: `answers` has one for each of its alerts, in order.
    pub fn evaluated(&mut self, group: &str, slot: i64, answers: &[Answer], now: i64) {
        let Some(state) = self
            .groups
            .get_mut(group)
            .filter(|state| state.left.is_none())
        else {
            return;
        };
        state.tried = true;
        state.failed = Some(answers.iter().any(Option::is_none));
        if state.failed == Some(true) {
            // page silent: it has failed since the slot that was not answered, but one failure
            // alone counts for half of `error_for` at most.
            let since = slot.max(now - self.error_for / 2).min(now);
            state.failing_since.get_or_insert(since);
        } else {
            state.failing_since = None;
            state.failure = None;
        }
        let rising = state.judge(slot, answers);
        // page silent: once one of an evaluation makes it a silence, all of it are in it.
        for _ in 0..2 {
            for (_, Reverse(level), name, _) in rising.iter().filter(|(.., want)| *want) {
                self.silenced(group, name, *level, slot);
            }
        }
        for (_, Reverse(level), name, want) in rising {
            if want && self.silenced(group, &name, level, slot) {
                continue;
            }
            if let Some(state) = self.groups.get_mut(group) {
                state.rise(&name, level, want, slot);
            }
        }
        self.goes_on(now);
    }

    /// Rule 10: whether an incident that is about to open or rise for want of data is one of many.
    fn silenced(&mut self, group: &str, name: &str, level: Level, slot: i64) -> bool {
        let line = self
            .groups
            .get(group)
            .and_then(|state| state.lines.get(name));
        let Some(&Line {
            lacks: Some(began), ..
        }) = line.filter(|line| !line.stands_in || name != TOO_FEW)
        else {
            return false;
        };
        if line.is_some_and(|line| line.held.is_none()) {
            let (mut judged, mut lacking) = (0, Vec::new());
            for state in self.groups.values() {
                for line in state.lines.values() {
                    if line.counted && slot - line.judged <= 10 * MINUTE {
                        judged += 1;
                        lacking.extend(line.lacks);
                    }
                }
            }
            if self.silence.is_none() {
                lacking.retain(|lacks| (lacks - began).abs() <= 10 * MINUTE);
            }
            if lacking.len() * 5 <= judged || (self.silence.is_none() && lacking.len() < 10) {
                return false;
            }
            self.silence.get_or_insert(Silence {
                since: slot,
                few: None,
            });
        }
        if let Some(line) = self
            .groups
            .get_mut(group)
            .and_then(|g| g.lines.get_mut(name))
        {
            line.held = Some(level);
        }
        true
    }

    /// Time passed.
    pub fn time(&mut self, now: i64) {
        if self.groups.values().any(|state| state.left.is_some()) {
            self.groups.retain(|_, state| {
                let left = state.left.as_mut();
                left.is_none_or(|left| passed(left, now) < 5 * MINUTE)
            });
        }
        self.goes_on(now);
    }

    fn goes_on(&mut self, now: i64) {
        self.silence_goes_on(now);
        self.failures_go_on(now);
        for state in self
            .groups
            .values_mut()
            .filter(|state| !state.overflow.is_empty())
        {
            let members = || {
                state
                    .lines
                    .values()
                    .filter_map(|line| line.incident.as_ref()?.inside)
            };
            state
                .overflow
                .retain(|more, _| members().any(|inside| inside == *more));
        }
    }

    fn silence_goes_on(&mut self, now: i64) {
        if self.silence.is_none() {
            return;
        }
        let lines = || self.groups.values().flat_map(|state| state.lines.values());
        let held = || lines().filter(|line| line.held.is_some());
        let began: Vec<i64> = held().filter_map(|line| line.lacks).collect();
        let near = |lacks: i64| {
            began
                .iter()
                .any(|other| (lacks - other).abs() <= 10 * MINUTE)
        };
        // page silent: `left` are all that began within ten minutes of one of these, due or not.
        let left = lines()
            .filter(|line| line.held.is_some() || line.counted && line.lacks.is_some_and(near))
            .count();
        let none = held().next().is_none();
        let Some(silence) = &mut self.silence else {
            return;
        };
        if none {
            self.silence = None;
        } else if left >= 10 {
            silence.few = None;
        } else if passed(silence.few.get_or_insert(now), now) >= 10 * MINUTE {
            // page silent: they open then, not with their next evaluation; and only those whose
            // own time has come.
            for group in self.groups.keys().cloned().collect::<Vec<_>>() {
                let Some(state) = self.groups.get_mut(&group) else {
                    continue;
                };
                let due = state.lines.iter();
                let due = due.filter_map(|(name, line)| Some((Reverse(line.held?), name.clone())));
                let mut due: Vec<_> = due.collect();
                due.sort();
                for (Reverse(level), name) in due {
                    state.rise(&name, level, true, now);
                }
            }
            self.silence = None;
        }
    }

    /// Rule 12. page silent: its clocks run with time, from the instant of the first failed try
    /// (or of the try that made it all of them), and need no further try to be over.
    fn failures_go_on(&mut self, now: i64) {
        // page silent: the latest try of a group may lie before the start; but what is not told
        // yet wants a failed try since then.
        let asked = || self.groups.values().filter(|state| state.left.is_none());
        let tries = || asked().filter_map(|state| state.failed);
        let (tried, failed) = (tries().count(), tries().filter(|failed| *failed).count());
        if tried == 0 {
            return;
        }
        if failed == tried || failed > 5 && failed * 5 > tried {
            let last = asked().filter_map(|state| state.failing_since).max();
            let fresh = asked().any(|state| state.tried && state.failed == Some(true));
            let last = last.unwrap_or(now).min(now);
            let lasted = passed(self.down_since.get_or_insert(last), now);
            if fresh && lasted >= self.error_for {
                self.outage.get_or_insert(now);
            }
            return;
        }
        self.down_since = None;
        let ended = self.outage.take().is_some();
        for state in self
            .groups
            .values_mut()
            .filter(|state| state.left.is_none())
        {
            let Some(since) = &mut state.failing_since else {
                continue;
            };
            if ended {
                *since = now;
            }
            if state.tried && passed(since, now) >= self.error_for {
                state.failure.get_or_insert(now);
            }
        }
    }

    /// Series of a group that lack data now and are told in a silence in numbers, each
    /// with what it would have had without, and since when there is one; `None`: there is none.
    pub fn silent(&self, group: &str) -> Option<(i64, impl Iterator<Item = (&str, Level)>)> {
        let since = self.silence.as_ref()?.since;
        let lines = self.groups.get(group).into_iter();
        let lines = lines.flat_map(|state| state.lines.iter().map(|line| (state.last_slot, line)));
        let silent = lines.filter_map(|(slot, (name, line))| {
            let last = line.history.back()?;
            let now = last.kind == Kind::Without && Some(line.judged) == slot;
            Some((&**name, line.held.filter(|_| now)?))
        });
        Some((since, silent))
    }

    /// What is open, by group and series, in this order.
    pub fn opened(&self) -> Vec<((&str, &str), Open)> {
        let mut open: Vec<((&str, &str), Open)> = Vec::with_capacity(16);
        // page silent: what the built-in alert says has no limit and joins no overflow.
        let alone = |level, since| Open {
            level,
            inside: None,
            since,
        };
        for (name, state) in &self.groups {
            let incidents = || {
                let lines = state.lines.iter();
                lines.filter_map(|(name, line)| Some((name, line.incident.as_ref()?)))
            };
            for (more, since) in &state.overflow {
                let members = incidents().filter(|(_, incident)| incident.inside == Some(*more));
                if let Some(level) = members.map(|(_, incident)| incident.level).max() {
                    open.push(((name, *more), alone(level, *since)));
                }
            }
            for (series, incident) in incidents() {
                let (level, inside, since) = (incident.level, incident.inside, incident.since);
                let incident = Open {
                    level,
                    inside,
                    since,
                };
                open.push(((name, series), incident));
            }
        }
        if let Some(silence) = &self.silence {
            // page silent: of those that are still in it.
            let lines = self.groups.values().flat_map(|state| state.lines.values());
            let level = lines.filter_map(|line| line.held).max();
            let level = level.unwrap_or(Level::NoData);
            open.push(((OWN, &self.silent), alone(level, silence.since)));
        }
        if let Some(since) = self.outage {
            open.push(((OWN, &self.host), alone(Level::Critical, since)));
        }
        for (name, state) in &self.groups {
            if let Some(since) = state.failure {
                open.push(((OWN, name), alone(Level::Critical, since)));
            }
        }
        open.sort_by_key(|(name, _)| *name);
        open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Key = (String, String);

    impl Model {
        fn open(&self) -> BTreeMap<Key, Open> {
            let owned = |((group, series), open): ((&str, &str), Open)| {
                ((group.to_owned(), series.to_owned()), open)
            };
            self.opened().into_iter().map(owned).collect()
        }
    }

    const HOST: &str = "graphite.example.com";
    const START: i64 = 1_700_000_040_000;

    /// Warning from 10, critical from 20; the page's defaults but `recover_for: 0`.
    fn alert() -> Alert {
        Alert {
            targets: vec!["servers.*".into()],
            warning: Some(Condition::Above(10.0)),
            critical: Some(Condition::Above(20.0)),
            recover: None,
            settle: Some(5_000),
            max_age: None,
            for_: 0,
            recover_for: 0,
            no_data: Without::Level(Level::NoData),
            no_data_for: 2 * MINUTE,
            missing: Without::Level(Level::NoData),
            missing_for: 5 * MINUTE,
            forget_after: 1440 * MINUTE,
            min_series: None,
            exclude: vec![],
            limit: Some(10),
            no_data_limit: Some(3),
        }
    }

    fn setup(groups: &[(&str, Vec<Alert>)]) -> Setup {
        let group = |(name, alerts): &(&str, Vec<Alert>)| Group {
            name: (*name).into(),
            alerts: alerts.clone(),
            every: MINUTE,
            one_slot: START,
        };
        Setup {
            groups: groups.iter().map(group).collect(),
            host: HOST.into(),
            error_for: 5 * MINUTE,
        }
    }

    fn minute(n: i64) -> i64 {
        START + n * MINUTE
    }

    fn series(legend: &str, slot: i64, value: Option<f64>) -> Series {
        let points = vec![(slot - 2 * MINUTE, value), (slot, Some(1e9))];
        // Once nothing is settled the newest counts, so a null series is null throughout.
        let points = points
            .into_iter()
            .map(|(at, v)| (at, value.and(v)))
            .collect();
        Series {
            legend: legend.into(),
            target: 0,
            step: MINUTE,
            points,
        }
    }

    fn answer(slot: i64, values: &[(&str, Option<f64>)]) -> Answer {
        Some(
            values
                .iter()
                .map(|(legend, value)| series(legend, slot, *value))
                .collect(),
        )
    }

    fn shown(model: &Model, group: &str, series: &str) -> char {
        match model
            .open()
            .get(&(group.into(), series.into()))
            .map(|open| open.level)
        {
            None | Some(Level::Ok) => '.',
            Some(Level::Warning) => 'w',
            Some(Level::NoData) => 'n',
            Some(Level::Critical) => 'c',
        }
    }

    /// One series, one evaluation a minute: a value, `_` null, `-` absent, `!` failed, `x` missed.
    fn check(alert: &Alert, values: &str, expected: &str) {
        let mut model = Model::new(setup(&[("Load", vec![alert.clone()])]), START);
        let mut levels = String::new();
        for (n, value) in values.split(' ').enumerate() {
            let slot = minute(n as i64);
            let answer = match value {
                "-" => answer(slot, &[]),
                "_" => answer(slot, &[("web-1", None)]),
                "!" | "x" => None,
                value => answer(slot, &[("web-1", value.parse().ok())]),
            };
            if value != "x" {
                model.evaluated("Load", slot, &[answer], slot + 500);
            }
            levels.push(shown(&model, "Load", "web-1"));
        }
        assert_eq!(levels, expected, "{values}");
    }

    /// The same value, or null, for many series.
    fn hosts(names: &[String], slot: i64, value: Option<f64>) -> Answer {
        Some(names.iter().map(|name| series(name, slot, value)).collect())
    }

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("web-{n:02}")).collect()
    }

    #[test]
    fn opens_with_the_third_reading_where_for_is_two_minutes() {
        check(&alert(), "1 10 20 1", ".wc.");
        let patient = Alert {
            for_: 2 * MINUTE,
            ..alert()
        };
        check(&patient, "30 30 30", "..c");
        check(&patient, "15 30 30 30", "..wc");
        check(&patient, "30 30 1 30 30 30", ".....c");
    }

    #[test]
    fn a_warning_resets_the_clock_of_critical_alone() {
        check(
            &Alert {
                for_: 2 * MINUTE,
                ..alert()
            },
            "30 15 30 30 30",
            "..wwc",
        );
    }

    #[test]
    fn a_failed_or_missed_slot_neither_feeds_nor_resets_and_its_time_counts() {
        let patient = Alert {
            for_: 2 * MINUTE,
            ..alert()
        };
        check(&patient, "30 ! 30", "..c");
        check(&patient, "30 x x x 30", "....c");
        check(&patient, "30 x x x x 30 30 30", ".......c");
        check(&patient, "30 ! ! ! ! 30", "......");
        check(
            &Alert {
                no_data_for: 9 * MINUTE,
                ..patient
            },
            "30 _ _ _ _ 30 30 30",
            ".......c",
        );
    }

    #[test]
    fn recover_for_takes_the_highest_level_asked_for_meanwhile() {
        let slow = Alert {
            recover_for: 2 * MINUTE,
            ..alert()
        };
        check(&slow, "30 1 15 1 1 1 1", "cccwww.");
        check(&slow, "30 1 1 1", "ccc.");
        check(&slow, "30 1 30 1 1 1", "ccccc.");
        check(&slow, "30 1 x x x x 1 1 1", "cccccccc.");
    }

    #[test]
    fn a_critical_host_that_dies_stays_critical() {
        check(&alert(), "30 _ _ _ _ 1", "ccccc.");
        check(&alert(), "30 - - - - - - - - 1", "ccccccccc.");
    }

    #[test]
    fn want_of_data_has_a_clock_that_data_reset() {
        check(&alert(), "1 _ _ _ 1", "...n.");
        check(&alert(), "1 _ _ 1 _ _ _", "......n");
        check(&alert(), "15 _ _ _", "wwwn");
        check(&alert(), "1 _ x x x _", ".....n");
        check(&alert(), "1 _ ! ! ! ! _ _ _", "........n");
    }

    #[test]
    fn data_after_want_of_data_lower_at_once_rise_by_for_and_recover_by_recover_for() {
        let slow = Alert {
            for_: 2 * MINUTE,
            recover_for: 2 * MINUTE,
            ..alert()
        };
        check(&slow, "1 _ _ _ 15", "...nw");
        check(&slow, "1 _ _ _ 30 30 30", "...nnnc");
        check(&slow, "1 _ _ _ 1 1 1", "...nnn.");
        check(&slow, "1 _ _ _ 1 _ 1 1 1", "...nnnnn.");
    }

    #[test]
    fn no_data_may_be_another_level_or_ok_or_kept() {
        let says = |no_data| Alert { no_data, ..alert() };
        check(
            &says(Without::Level(Level::Critical)),
            "1 _ _ _ 15",
            "...cw",
        );
        check(&says(Without::Level(Level::Warning)), "30 _ _ _", "cccc");
        check(&says(Without::Ok), "30 _", "c.");
        check(&says(Without::Keep), "15 _ _ _ _ _ 30", "wwwwwwc");
    }

    #[test]
    fn recover_holds_the_level_that_data_last_gave() {
        let held = Alert {
            recover: Some(Condition::LessThan(8.0)),
            ..alert()
        };
        check(&held, "9 15 9 7", ".ww.");
        check(&held, "30 9 15 9 7", "ccww.");
        check(&held, "1 _ _ _ 9", "...n.");
        check(&held, "15 _ _ _ 9 7", "wwwnw.");
    }

    #[test]
    fn a_vanished_series_reads_as_without_data_after_missing_for_counted_in_answers() {
        check(&alert(), "1 - - - - - -", "......n");
        check(&alert(), "1 - - ! x - - - -", "........n");
        check(
            &Alert {
                missing_for: 0,
                ..alert()
            },
            "1 - 1",
            ".n.",
        );
        check(
            &Alert {
                missing: Without::Keep,
                ..alert()
            },
            "15 - - - - - - -",
            "wwwwwwww",
        );
        check(
            &Alert {
                missing: Without::Ok,
                ..alert()
            },
            "15 - - - - - -",
            "wwwwww.",
        );
    }

    #[test]
    fn it_is_forgotten_after_forget_after_and_two_answers_at_least() {
        let brief = Alert {
            missing_for: MINUTE,
            forget_after: 3 * MINUTE,
            ..alert()
        };
        check(&brief, "1 - - - - - 30", "..nnn.c");
        check(
            &Alert {
                missing_for: 0,
                forget_after: 0,
                ..alert()
            },
            "1 - - - -",
            ".n...",
        );
    }

    #[test]
    fn a_series_of_a_target_that_the_group_no_longer_has_is_forgotten_after_missing_for() {
        let mut model = Model::new(setup(&[("Load", vec![alert()])]), START);
        model.evaluated(
            "Load",
            minute(0),
            &[answer(minute(0), &[("web-1", Some(30.0))])],
            minute(0),
        );
        let moved = Alert {
            targets: vec!["hosts.*".into()],
            ..alert()
        };
        model.reload(setup(&[("Load", vec![moved])]), false, minute(0));
        for n in 1..=6 {
            assert_eq!(shown(&model, "Load", "web-1"), 'c', "{n}");
            let other = answer(minute(n), &[("host-1", Some(1.0))]);
            model.evaluated("Load", minute(n), &[other], minute(n));
        }
        assert!(model.open().is_empty());
    }

    #[test]
    fn an_unsettled_bucket_counts_only_where_no_other_does() {
        let value = |points: &[(i64, f64)], alert: &Alert| {
            let points = points
                .iter()
                .map(|&(at, v)| (START + at * 1000, Some(v)))
                .collect();
            let series = Series {
                legend: "a".into(),
                target: 0,
                step: MINUTE,
                points,
            };
            alert.value(&series, START)
        };
        let points = [(-120, 1.0), (-64, 2.0), (-4, 3.0), (1, 4.0)];
        assert_eq!(value(&points, &alert()), Some(1.0));
        assert_eq!(value(&points[1..], &alert()), Some(3.0));
        assert_eq!(
            value(
                &points,
                &Alert {
                    settle: None,
                    ..alert()
                }
            ),
            Some(3.0)
        );
        assert_eq!(
            value(
                &points,
                &Alert {
                    settle: Some(4_000),
                    ..alert()
                }
            ),
            Some(2.0)
        );
        assert_eq!(
            value(
                &points[..1],
                &Alert {
                    max_age: Some(MINUTE),
                    ..alert()
                }
            ),
            None
        );
        assert_eq!(value(&[(-120, f64::NAN)], &alert()), None);
    }

    #[test]
    fn a_specific_alert_claims_before_a_catch_all_also_while_its_fetch_fails() {
        let strict = Alert {
            targets: vec!["servers.web-1".into()],
            ..alert()
        };
        let lax = Alert {
            critical: None,
            warning: Some(Condition::Above(1.0)),
            ..alert()
        };
        let mut model = Model::new(setup(&[("Load", vec![strict, lax])]), START);
        let mut evaluate = |n, first: Answer, second: Answer| {
            model.evaluated("Load", minute(n), &[first, second], minute(n));
            let open = model.open();
            open.keys()
                .map(|(_, series)| series.clone())
                .collect::<Vec<_>>()
        };
        let both = |n, v| answer(minute(n), &[("web-1", Some(v)), ("web-2", Some(v))]);
        let one = |n, v| answer(minute(n), &[("web-1", Some(v))]);
        assert_eq!(evaluate(0, one(0, 5.0), both(0, 0.0)), Vec::<String>::new());
        assert_eq!(evaluate(1, None, both(1, 5.0)), ["web-2"]);
        let new = answer(minute(2), &[("web-3", Some(5.0)), ("web-2", Some(0.0))]);
        assert_eq!(evaluate(2, None, new), Vec::<String>::new());
        assert_eq!(evaluate(3, one(3, 5.0), both(3, 5.0)), ["web-2"]);
        assert_eq!(evaluate(4, one(4, 15.0), both(4, 0.0)), ["web-1"]);
    }

    #[test]
    fn an_excluded_series_resolves_and_counts_as_matched() {
        let mut model = Model::new(setup(&[("Load", vec![alert()])]), START);
        let bad = |n| [answer(minute(n), &[("web-1", Some(30.0))])];
        model.evaluated("Load", minute(0), &bad(0), minute(0));
        let without = Alert {
            exclude: vec!["we*-*".into()],
            min_series: Some(1),
            ..alert()
        };
        model.reload(setup(&[("Load", vec![without])]), false, minute(0));
        for n in 1..9 {
            model.evaluated("Load", minute(n), &bad(n), minute(n));
            assert!(model.open().is_empty());
        }
    }

    #[test]
    fn the_same_legend_twice_is_one_series_with_the_worst_of_the_readings() {
        let mut model = Model::new(setup(&[("Load", vec![alert()])]), START);
        let twice = answer(
            minute(0),
            &[("a", Some(15.0)), ("a", Some(30.0)), ("a", Some(1.0))],
        );
        model.evaluated("Load", minute(0), &[twice], minute(0));
        assert_eq!(shown(&model, "Load", "a"), 'c');
        let twice = answer(minute(1), &[("a", Some(15.0)), ("a", None)]);
        model.evaluated("Load", minute(1), &[twice], minute(1));
        assert_eq!(
            shown(&model, "Load", "a"),
            'c',
            "without data is worse than a warning"
        );
    }

    #[test]
    fn a_target_that_matches_nothing_reads_as_without_data_until_it_matches() {
        let mut model = Model::new(setup(&[("Load", vec![alert()])]), START);
        for (n, expected) in [(0, '.'), (1, '.'), (2, 'n')] {
            model.evaluated("Load", minute(n), &[answer(minute(n), &[])], minute(n));
            assert_eq!(shown(&model, "Load", "servers.*"), expected);
        }
        let found = answer(minute(3), &[("web-1", Some(1.0))]);
        model.evaluated("Load", minute(3), &[found], minute(3));
        assert!(model.open().is_empty());
    }

    #[test]
    fn fewer_than_min_series_is_an_incident_that_ends_with_enough() {
        let least = Alert {
            min_series: Some(2),
            recover_for: MINUTE,
            ..alert()
        };
        let mut model = Model::new(setup(&[("Load", vec![least])]), START);
        let both = [("a", Some(1.0)), ("b", Some(1.0))];
        for (n, count, expected) in [
            (0, 1, '.'),
            (1, 1, '.'),
            (2, 1, 'n'),
            (3, 2, 'n'),
            (4, 2, '.'),
            (5, 1, '.'),
        ] {
            model.evaluated(
                "Load",
                minute(n),
                &[answer(minute(n), &both[..count])],
                minute(n),
            );
            assert_eq!(shown(&model, "Load", TOO_FEW), expected, "{n}");
        }
    }

    #[test]
    fn a_relay_that_fails_is_one_incident_and_who_comes_back_bad_is_judged_as_ever() {
        let mut model = Model::new(setup(&[("Load", vec![alert()])]), START);
        let names = names(20);
        for n in 0..10 {
            let value = (n == 0).then_some(1.0);
            model.evaluated(
                "Load",
                minute(n),
                &[hosts(&names, minute(n), value)],
                minute(n),
            );
            let open = model.open();
            assert_eq!(open.len(), usize::from(n >= 3), "{n}");
            assert!(
                open.keys().all(|(group, series)| {
                    group == OWN && *series == format!("{HOST} (no data)")
                })
            );
        }
        let mut back = hosts(&names, minute(10), None);
        if let Some(series) = back.as_mut().and_then(|all| all.get_mut(0)) {
            *series = self::series(&names[0], minute(10), Some(30.0));
        }
        model.evaluated("Load", minute(10), &[back], minute(10));
        assert_eq!(model.open().len(), 2);
        assert_eq!(shown(&model, "Load", "web-00"), 'c');
        model.evaluated(
            "Load",
            minute(11),
            &[hosts(&names, minute(11), Some(1.0))],
            minute(11),
        );
        assert!(model.open().is_empty());
    }

    #[test]
    fn ten_minutes_after_fewer_than_ten_are_left_these_open_their_own() {
        let mut model = Model::new(setup(&[("Load", vec![alert()])]), START);
        let names = names(12);
        for n in 0..=15 {
            let mut all = hosts(&names, minute(n), (n == 0).then_some(1.0)).unwrap_or_default();
            for well in all.iter_mut().skip(2).filter(|_| n >= 5) {
                *well = series(&well.legend.clone(), minute(n), Some(1.0));
            }
            model.evaluated("Load", minute(n), &[Some(all)], minute(n));
            let silent = shown(&model, OWN, &format!("{HOST} (no data)"));
            assert_eq!(silent, if (3..15).contains(&n) { 'n' } else { '.' }, "{n}");
            assert_eq!(
                model.open().len(),
                [0, 1, 2][usize::from(n >= 3) + usize::from(n >= 15)]
            );
        }
    }

    #[test]
    fn nine_without_data_or_a_fifth_are_not_one_trouble() {
        for (lacking, well, own) in [(9, 0, 0), (10, 40, 0), (10, 39, 1)] {
            let mut model = Model::new(setup(&[("Load", vec![alert()])]), START);
            let names = names(lacking + well);
            for n in 0..5 {
                let mut all = hosts(&names[..lacking], minute(n), None).unwrap_or_default();
                let rest = hosts(&names[lacking..], minute(n), Some(1.0));
                all.extend(rest.unwrap_or_default());
                model.evaluated("Load", minute(n), &[Some(all)], minute(n));
            }
            let open = model.open();
            assert_eq!(
                open.keys().filter(|(group, _)| group == OWN).count(),
                own,
                "{lacking} {well}"
            );
            let alone = open
                .keys()
                .filter(|(_, series)| series.starts_with("web-"))
                .count();
            assert_eq!(alone, if own == 1 { 0 } else { lacking });
        }
    }

    #[test]
    fn one_group_that_fails_for_error_for_is_an_incident_by_its_name() {
        let mut model = Model::new(
            setup(&[("Load", vec![alert()]), ("Disk", vec![alert()])]),
            START,
        );
        for n in 0..7 {
            let well = answer(minute(n), &[("web-1", Some(1.0))]);
            model.evaluated("Disk", minute(n), &[well], minute(n));
            model.evaluated("Load", minute(n), &[None], minute(n));
            assert_eq!(shown(&model, OWN, "Load"), if n < 5 { '.' } else { 'c' });
        }
        let well = answer(minute(7), &[("web-1", Some(1.0))]);
        model.evaluated("Load", minute(7), &[well], minute(7));
        assert!(model.open().is_empty());
    }

    #[test]
    fn all_groups_that_fail_are_one_outage_and_their_own_clocks_start_again() {
        let mut model = Model::new(
            setup(&[("Load", vec![alert()]), ("Disk", vec![alert()])]),
            START,
        );
        for n in 0..7 {
            model.evaluated("Disk", minute(n), &[None], minute(n));
            model.evaluated("Load", minute(n), &[None], minute(n));
            assert_eq!(shown(&model, OWN, HOST), if n < 5 { '.' } else { 'c' });
            assert!(model.open().len() < 2);
        }
        for n in 7..=12 {
            let well = answer(minute(n), &[("web-1", Some(1.0))]);
            model.evaluated("Disk", minute(n), &[well], minute(n));
            model.evaluated("Load", minute(n), &[None], minute(n));
            assert_eq!(shown(&model, OWN, HOST), '.');
            assert_eq!(shown(&model, OWN, "Load"), if n < 12 { '.' } else { 'c' });
        }
    }

    #[test]
    fn an_alert_that_leaves_resolves_five_minutes_later_and_at_once_after_sighup() {
        for at_once in [false, true] {
            let both = setup(&[("Load", vec![alert()]), ("Disk", vec![alert()])]);
            let mut model = Model::new(both, START);
            let bad = answer(minute(0), &[("web-1", Some(30.0))]);
            model.evaluated("Load", minute(0), &[bad], minute(0));
            model.reload(setup(&[("Disk", vec![alert()])]), at_once, minute(1));
            assert_eq!(
                shown(&model, "Load", "web-1"),
                if at_once { '.' } else { 'c' }
            );
            model.time(minute(6) - 1);
            assert_eq!(model.open().is_empty(), at_once);
            model.time(minute(6));
            assert!(model.open().is_empty());
        }
    }

    #[test]
    fn incidents_beyond_the_limit_join_one_that_resolves_with_the_last_of_them() {
        let two = Alert {
            limit: Some(2),
            ..alert()
        };
        let mut model = Model::new(setup(&[("Load", vec![two])]), START);
        let mut evaluate = |n, values: [f64; 4]| {
            let named = ["a", "b", "c", "d"].into_iter().zip(values.map(Some));
            let all = answer(minute(n), &named.collect::<Vec<_>>());
            model.evaluated("Load", minute(n), &[all], minute(n));
            let inside = |series: &str| {
                let open = model.open();
                open.get(&("Load".into(), series.into()))
                    .is_some_and(|open| open.inside.is_some())
            };
            (
                ["a", "b", "c", "d"].map(inside),
                shown(&model, "Load", MORE),
            )
        };
        assert_eq!(evaluate(0, [15.0; 4]), ([false, false, true, true], 'w'));
        assert_eq!(
            evaluate(1, [1.0, 1.0, 15.0, 30.0]),
            ([false, false, true, true], 'c')
        );
        assert_eq!(
            evaluate(2, [1.0, 1.0, 15.0, 1.0]),
            ([false, false, true, false], 'w')
        );
        assert_eq!(evaluate(3, [30.0, 1.0, 1.0, 1.0]), ([false; 4], '.'));
    }

    #[test]
    fn more_than_three_without_data_join_an_overflow_of_their_own() {
        let mut model = Model::new(setup(&[("Load", vec![alert()])]), START);
        for n in 0..3 {
            model.evaluated(
                "Load",
                minute(n),
                &[hosts(&names(5), minute(n), None)],
                minute(n),
            );
        }
        let inside = model
            .open()
            .values()
            .filter(|open| open.inside == Some(MORE_WITHOUT))
            .count();
        assert_eq!((inside, model.open().len()), (2, 6));
        assert_eq!(shown(&model, "Load", MORE_WITHOUT), 'n');
    }

    #[test]
    fn a_restart_forgets_nothing_and_a_clock_set_back_starts_nothing_in_the_future() {
        let patient = Alert {
            for_: 2 * MINUTE,
            ..alert()
        };
        let mut model = Model::new(setup(&[("Load", vec![patient.clone()])]), START);
        let bad = |n| [answer(minute(n), &[("web-1", Some(30.0))])];
        model.evaluated("Load", minute(1), &bad(1), minute(1));
        model.restarted(setup(&[("Load", vec![patient.clone()])]), minute(2));
        model.evaluated("Load", minute(3), &bad(3), minute(3));
        assert_eq!(shown(&model, "Load", "web-1"), 'c');

        let mut model = Model::new(setup(&[("Load", vec![patient])]), START);
        for (n, expected) in [(60, '.'), (61, '.'), (0, '.'), (1, '.'), (2, 'c')] {
            model.evaluated("Load", minute(n), &bad(n), minute(n));
            assert_eq!(shown(&model, "Load", "web-1"), expected, "{n}");
        }
    }

    #[test]
    fn slots_are_those_of_the_present_schedule_also_after_a_slot_of_one_before() {
        let group = Group {
            every: 60 * MINUTE,
            one_slot: minute(7),
            ..Group::default()
        };
        assert_eq!(group.slots(minute(7), minute(4 * 60 + 7)), 4);
        assert_eq!(group.slots(minute(-8), minute(4 * 60 + 7)), 5);
        assert_eq!(group.slots(minute(7), minute(60)), 0);
    }
}
