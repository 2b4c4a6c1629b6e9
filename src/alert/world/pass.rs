//! One evaluation: readings move clocks, clocks make transitions, transitions
//! open, change and resolve incidents. Which of them are told alone and which
//! in their group's overflow is decided in `overflow.rs`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::overflow::Crowd;
use super::silence::Census;
use super::{Transition, World};
use crate::alert::definition::{Alert, Group};
use crate::alert::duration;
use crate::alert::evaluate::{self, Answer, Evaluated, Reading, Why};
use crate::alert::group::Life;
use crate::alert::incident::{About, Incident, IncidentId, Subject};
use crate::alert::level::Level;
use crate::alert::lifecycle::{Active, Asks, Change};
use crate::alert::roster::Known;
use crate::alert::time::Timestamp;

/// What one evaluation of a group came to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// For each alert of the group its answer, or `None` where a fetch failed.
    pub answers: Vec<Option<Answer>>,
    /// How the first failed fetch failed.
    pub failure: Option<String>,
}

impl From<&Self> for Report {
    fn from(report: &Self) -> Self {
        report.clone()
    }
}

/// A change of one series, with what brought it about.
struct Turn {
    legend: Arc<str>,
    change: Change,
    id: IncidentId,
    reason: Arc<str>,
    /// Index of the reading; `None`: it is no longer the group's.
    reading: Option<usize>,
}

/// What the transitions of one evaluation have in common.
struct Turning<'a> {
    group: &'a Group,
    readings: &'a [Reading],
    crowd: Crowd,
    /// What messages say of the readings' alerts, by alert, source, and whether
    /// Graphite knows the series.
    abouts: HashMap<(usize, u16, bool), Arc<About>>,
    /// The conditions in words, by alert and level.
    conditions: HashMap<(usize, Level), Arc<str>>,
    slot: Timestamp,
    now: Timestamp,
}

impl World {
    /// Whether the present configuration has this very group.
    pub fn asks(&self, group: &Arc<Group>) -> bool {
        let entry = self.groups.get(&group.name);
        // one that left is known until its incidents end, and asked for nothing more
        let present = entry
            .filter(|entry| entry.is_asked())
            .and_then(|entry| entry.group.as_ref());
        present.is_some_and(|present| Arc::ptr_eq(present, group) || present == group)
    }

    /// Judges what `group` was answered for `slot`. Returns legends that came
    /// twice in one alert's answer, for the log. Answers to questions that the
    /// present configuration does not ask any more are dropped.
    pub fn evaluated(
        &mut self,
        group: &Arc<Group>,
        report: impl Into<Report>,
        slot: Timestamp,
        now: Timestamp,
    ) -> Vec<Arc<str>> {
        if !self.asks(group) {
            return Vec::new();
        }
        let name = &group.name;
        let Some(entry) = self.groups.get_mut(name) else {
            return Vec::new();
        };
        let was_ready = entry.life.ready;
        let before = (entry.life.marks(), self.dirty.rows());
        let Report { answers, failure } = report.into();
        let answered = answers.iter().filter(|answer| answer.is_some()).count();
        let (any, all) = (answered > 0, answered == answers.len());
        let evaluated = evaluate::evaluate(group, &mut entry.life, answers, slot, false);
        let twice = evaluated.readings.iter().filter(|reading| reading.twice);
        let twice = twice.map(|reading| Arc::clone(&reading.legend)).collect();
        let head = &mut entry.life.head;
        if all {
            entry.life.lacking.clear();
            head.judged = evaluated.judged;
            head.judged_at = Some(slot);
        } else if any {
            // what was not answered is as it was
            head.judged = head.judged.max(evaluated.judged);
            head.judged_at = Some(slot);
        }
        self.known_changed(name);
        if !was_ready {
            self.is_ready(name);
        }
        self.fetched(name, failure.as_deref(), slot, now);
        self.judge(group, evaluated, slot, now);
        self.look_after_itself(now);
        let marks = self.groups.get(name).map(|entry| entry.life.marks());
        let same = (marks, self.dirty.rows()) == (Some(before.0), before.1);
        self.head_changed(name, same, now);
        twice
    }

    fn judge(&mut self, group: &Group, evaluated: Evaluated, slot: Timestamp, now: Timestamp) {
        let mut turns = Vec::new();
        for dropped in evaluated.dropped {
            self.forget(&group.name, &dropped.legend, dropped.reason, &mut turns);
        }
        for legend in evaluated.touched {
            self.dirty.series.insert((Arc::clone(&group.name), legend));
        }
        let readings = evaluated.readings;
        let mut wanting = Vec::new();
        for index in 0..readings.len() {
            if let Some(wants) = self.step(group, (&readings, index), slot, now, &mut turns) {
                wanting.push((index, wants));
            }
        }
        if !wanting.is_empty() {
            let mut census = self.census(slot);
            // whoever makes it a silence, all of this evaluation are in it
            census.open |= wanting.iter().any(|(index, wants)| {
                let reading = readings.get(*index).filter(|reading| reading.counts);
                let since = reading.and_then(|reading| self.rises(group, reading, wants.0));
                since.is_some_and(|since| census.finds_silence(since))
            });
            for (index, wants) in wanting {
                let reading = (&*readings, index);
                self.want(group, reading, wants, &census, slot, &mut turns);
            }
        }
        self.turn_all(group, turns, &readings, slot, now);
    }

    /// Carries out the transitions of one evaluation.
    fn turn_all(
        &mut self,
        group: &Group,
        mut turns: Vec<Turn>,
        readings: &[Reading],
        slot: Timestamp,
        now: Timestamp,
    ) {
        if turns.is_empty() {
            return;
        }
        // resolves make room below `limit`; of the rest the worst stand alone, and
        // of equals the same ones in whatever order the server answers
        turns.sort_by(|a, b| {
            let rank = |turn: &Turn| (turn.change.to != Level::Ok, Reverse(turn.change.to));
            rank(a).cmp(&rank(b)).then_with(|| a.legend.cmp(&b.legend))
        });
        let mut turning = Turning {
            group,
            readings,
            crowd: self.crowd(&group.name, turns.iter().map(|turn| &turn.change)),
            abouts: HashMap::new(),
            conditions: HashMap::new(),
            slot,
            now,
        };
        let mut touched: BTreeMap<Subject, Vec<IncidentId>> = BTreeMap::new();
        for turn in turns {
            let id = turn.id;
            if let Some(subject) = self.turn(&mut turning, turn) {
                touched.entry(subject).or_default().push(id);
            }
        }
        for (subject, changed) in touched {
            self.overflow(&group.name, subject, &changed, slot, now);
        }
    }

    /// One reading of one series. Where want of data has reached a level, returns
    /// that level and how long it took.
    fn step(
        &mut self,
        group: &Group,
        (readings, index): (&[Reading], usize),
        slot: Timestamp,
        now: Timestamp,
        turns: &mut Vec<Turn>,
    ) -> Option<(Level, Duration)> {
        let reading = readings.get(index)?;
        let alert = group.alerts.get(reading.alert)?;
        let fresh = self.fresh(group, reading, slot);
        let life = &mut self.groups.get_mut(&group.name)?.life;
        let active = life.series.active_mut(&reading.legend)?;
        let before = active.clone();
        if !alert.may_fall_silent() {
            active.silent = None;
        }
        let step = active.step(reading.asks, &alert.rules(), reading.place, fresh);
        let after = active.clone();
        let lacks = matches!(reading.asks, Asks::Without { .. } | Asks::Ignored);
        match after.lacking_since.filter(|_| lacks && reading.counts) {
            Some(since) => life.lacking.insert(Arc::clone(&reading.legend), since),
            None => life.lacking.remove(&reading.legend),
        };
        if let Some(change) = step.change {
            turns.push(Turn {
                legend: Arc::clone(&reading.legend),
                change,
                id: before.open.map_or(fresh, |open| open.id),
                reason: said_once(turns, because(alert, reading, change, &before)),
                reading: Some(index),
            });
        }
        if let Some(open) = after.open {
            self.refresh(open.id, group, reading, &after, now);
        }
        self.remember(&group.name, &reading.legend, &before);
        step.wants
    }

    /// The id of an incident that opens with `reading`.
    fn fresh(&self, group: &Group, reading: &Reading, slot: Timestamp) -> IncidentId {
        let (instance, number) = (&self.setup.instance, reading.place.number);
        IncidentId::new(instance, &group.name, &reading.legend, slot, number)
    }

    /// Keeps what messages say of an open incident up to date. Values are
    /// written with the next change of its level, not for their own sake.
    fn refresh(
        &mut self,
        id: IncidentId,
        group: &Group,
        reading: &Reading,
        active: &Active,
        now: Timestamp,
    ) {
        let Some(incident) = self.incidents.get(&id) else {
            return;
        };
        let target = self.target_of(group, reading);
        let moved = incident.about.target.as_deref() != target && reading.why == Why::Returned;
        let inside = incident.inside;
        let value = reading.value.map(|value| value.value).or(incident.value);
        let says = (value, active.lacking_since, words(reading));
        if (&says.0, &says.1, &says.2)
            != (&incident.value, &incident.no_data_since, &incident.words)
        {
            self.incidents.refresh(&id, |incident| {
                (incident.value, incident.no_data_since, incident.words) = says;
            });
        }
        if let (true, Some(alert)) = (moved, group.alerts.get(reading.alert)) {
            // another target of the group returns it now, perhaps for others to be told
            let about = self.about(group, alert, reading);
            self.incidents
                .change(&id, |incident| incident.about = about);
            self.incident_changed(id);
            self.ensure_deliveries(id, now, now);
            if let Some(subject) = inside {
                self.overflow(&group.name, subject, &[id], now, now);
            }
        }
    }

    /// The target that the series of `reading` belongs to.
    fn target_of(&self, group: &Group, reading: &Reading) -> Option<&str> {
        let head = &self.groups.get(&group.name)?.life.head;
        let source = head.sources.get(usize::from(reading.source))?;
        Some(&source.target)
    }

    /// The alert, for messages about the series of `reading`.
    fn about(&mut self, group: &Group, alert: &Alert, reading: &Reading) -> Arc<About> {
        let target = self.target_of(group, reading).unwrap_or_default();
        let about = About::new(alert, target, reading.is_of_a_metric());
        self.share(&group.name, about)
    }

    /// Drops what is quiet again, and marks what has to be written.
    pub(super) fn remember(&mut self, group: &Arc<str>, legend: &Arc<str>, before: &Active) {
        let Some(entry) = self.groups.get_mut(group) else {
            return;
        };
        let series = &mut entry.life.series;
        let active = series.active(legend);
        if active.is_none() && series.find(legend).is_none() {
            return;
        }
        let after = active.map(|active| (**active).clone()).unwrap_or_default();
        if after.is_idle() {
            series.quiet(legend);
            if after.stands_in {
                series.remove(legend);
                self.known_changed(group);
            }
        }
        let key = (Arc::clone(group), Arc::clone(legend));
        // since when it lacks data as well: a clock that is set back moves that
        let silent = after.is_silent();
        if before.is_silent() != silent {
            self.silence_changed = true;
            match silent {
                Some(how) => drop(self.silent.insert(key.clone(), how)),
                None => drop(self.silent.remove(&key)),
            }
        }
        if *before != after {
            self.dirty.series.insert(key);
            self.dirty.owed |= before.open != after.open;
        }
    }

    /// A level reached for want of data: its own trouble, or one with many others.
    fn want(
        &mut self,
        group: &Group,
        (readings, index): (&[Reading], usize),
        wants: (Level, Duration),
        census: &Census,
        slot: Timestamp,
        turns: &mut Vec<Turn>,
    ) {
        let Some(reading) = readings.get(index) else {
            return;
        };
        let Some(alert) = group.alerts.get(reading.alert) else {
            return;
        };
        let Some(active) = self.active(&group.name, &reading.legend) else {
            return;
        };
        let before = active.clone();
        if wants.0 <= before.level() {
            return;
        }
        let since = before.lacking_since.unwrap_or(slot);
        let silent = reading.counts && (before.silent.is_some() || census.finds_silence(since));
        let fresh = self.fresh(group, reading, slot);
        let Some(active) = self.active(&group.name, &reading.legend) else {
            return;
        };
        if silent {
            active.silent = Some(wants.0);
        } else {
            active.silent = None;
            if let Some(change) = active.take_want(wants, fresh) {
                let reason = said_once(turns, because(alert, reading, change, &before));
                turns.push(Turn {
                    legend: Arc::clone(&reading.legend),
                    change,
                    id: before.open.map_or(fresh, |open| open.id),
                    reason,
                    reading: Some(index),
                });
            }
        }
        self.remember(&group.name, &reading.legend, &before);
        if silent {
            self.joins_silence(alert, &reading.legend, wants.0, slot);
        }
    }

    /// Since when a series lacks data that is to open or rise to `level` for it.
    fn rises(&self, group: &Group, reading: &Reading, level: Level) -> Option<Timestamp> {
        let life = &self.groups.get(&group.name)?.life;
        let active = life.series.active(&reading.legend)?;
        active.lacking_since.filter(|_| level > active.level())
    }

    /// The clocks and the incident of a series that is not quietly ok.
    fn active(&mut self, group: &str, legend: &str) -> Option<&mut Active> {
        let life = &mut self.groups.get_mut(group)?.life;
        life.series.changed_active(legend)
    }

    /// Ends what a series that is no longer the group's has open, and drops it.
    fn forget(
        &mut self,
        group: &Arc<str>,
        legend: &Arc<str>,
        reason: String,
        turns: &mut Vec<Turn>,
    ) {
        let Some(entry) = self.groups.get_mut(group) else {
            return;
        };
        let active = entry.life.series.quiet(legend);
        if !entry.life.series.remove(legend) {
            return;
        }
        entry.life.lacking.remove(legend);
        let mut active = active.map(Arc::unwrap_or_clone).unwrap_or_default();
        if let Some(open) = active.open {
            let id = open.id;
            if let Some(change) = active.end() {
                let legend = Arc::clone(legend);
                let reason = said_once(turns, reason);
                turns.push(Turn {
                    legend,
                    change,
                    id,
                    reason,
                    reading: None,
                });
            }
        }
        let key = (Arc::clone(group), Arc::clone(legend));
        self.silence_changed |= self.silent.remove(&key).is_some();
        self.dirty.series.insert(key);
        self.known_changed(group);
    }

    /// Carries out one transition; the overflow that it belongs to, if any.
    fn turn(&mut self, turning: &mut Turning<'_>, turn: Turn) -> Option<Subject> {
        let Turn {
            legend,
            change,
            id,
            reason,
            reading,
        } = turn;
        let reading = reading.and_then(|index| turning.readings.get(index));
        let alert = reading.and_then(|r| turning.group.alerts.get(r.alert));
        let condition = alert.zip(reading).and_then(|(alert, reading)| {
            let condition = alert.condition(change.to)?;
            let words = turning.conditions.entry((reading.alert, change.to));
            Some(Arc::clone(
                words.or_insert_with(|| condition.to_string().into()),
            ))
        });
        if change.from == Level::Ok {
            let incident = self.opened(turning, alert?, &legend, id, reading?);
            let inside = turning.crowd.place_for(alert?, change.by_want);
            self.incidents.insert(Incident { inside, ..incident });
            if inside.is_some()
                && let Some(active) = self.active(&turning.group.name, &legend)
                && let Some(open) = &mut active.open
            {
                open.inside = inside;
            }
        }
        turning.crowd.count(change);
        let (slot, now) = (turning.slot, turning.now);
        self.change_level(id, change.to, slot, now, reason, |incident| {
            if change.to == Level::Ok {
                // what ended it: a value, or else its reason in words
                let value = reading.and_then(|reading| reading.value);
                incident.value = value.map(|value| value.value);
            } else {
                incident.lasted = change.lasted;
                incident.condition = condition.filter(|_| !change.by_want);
            }
        });
        self.incidents.get(&id).and_then(|incident| incident.inside)
    }

    fn opened(
        &mut self,
        turning: &mut Turning<'_>,
        alert: &Alert,
        legend: &Arc<str>,
        id: IncidentId,
        reading: &Reading,
    ) -> Incident {
        let Turning { group, slot, .. } = *turning;
        let says = (reading.alert, reading.source, reading.is_of_a_metric());
        let about = turning.abouts.entry(says);
        let about = about.or_insert_with(|| self.about(group, alert, reading));
        let about = Arc::clone(about);
        let key = (Arc::clone(&group.name), Arc::clone(legend));
        let active = self.active(&group.name, legend);
        let lacking = active.and_then(|active| active.lacking_since);
        Incident {
            value: reading.value.map(|value| value.value),
            words: words(reading),
            no_data_since: lacking,
            about,
            ..self.blank(id, key, Subject::Series, slot)
        }
    }

    /// The one way in which an incident changes its level.
    pub(super) fn change_level(
        &mut self,
        id: IncidentId,
        to: Level,
        at: Timestamp,
        now: Timestamp,
        reason: Arc<str>,
        with: impl FnOnce(&mut Incident),
    ) {
        // what was due under the level that it leaves stays owed
        self.mark_due(id, now);
        if self.incidents.get(&id).is_none() {
            return;
        }
        let transitions = &mut self.transitions;
        self.incidents.change(&id, |incident| {
            let from = incident.level;
            with(incident);
            incident.turn(to, at, Arc::clone(&reason));
            transitions.push(Transition {
                incident: id,
                alert: Arc::clone(&incident.group),
                series: Arc::clone(&incident.series),
                from,
                to,
                reason,
            });
        });
        self.incident_changed(id);
        self.dirty.owed = true;
        self.ensure_deliveries(id, at, now);
    }

    /// Lets a series that was told with many others have an incident of its own.
    pub(super) fn on_its_own(&mut self, group: &Group, legend: &Arc<str>, now: Timestamp) {
        let Some(Life { series, head, .. }) = self.life(&group.name) else {
            return;
        };
        let Some(Known { source, active, .. }) = series.get(legend) else {
            return;
        };
        let before = active.map(|active| (**active).clone()).unwrap_or_default();
        let target = head.sources.get(usize::from(source));
        let alert = target
            .and_then(|source| group.alert_of(&source.target))
            .unwrap_or(0);
        let Some(level) = before.silent else { return };
        let lasted = before
            .lacking_since
            .map_or(Duration::ZERO, |since| now.since(since));
        let why = match (before.stands_in, before.missing) {
            (true, _) => Why::NothingMatched,
            (false, Some(_)) => Why::Gone,
            (false, None) => Why::Returned,
        };
        let reading = Reading {
            legend: Arc::clone(legend),
            alert,
            source,
            asks: Asks::Without {
                level,
                at_once: true,
            },
            value: None,
            why,
            place: crate::alert::lifecycle::Place {
                at: now,
                number: 0,
                answered: 0,
            },
            twice: false,
            counts: false,
        };
        if let Some(active) = self.active(&group.name, legend) {
            active.silent = None;
        }
        let mut turns = Vec::new();
        let census = self.census(now);
        let readings = [reading];
        let reading = (&readings[..], 0);
        self.want(group, reading, (level, lasted), &census, now, &mut turns);
        self.remember(&group.name, legend, &before);
        self.turn_all(group, turns, &readings, now, now);
    }
}

/// What a reading says where no value does.
fn words(reading: &Reading) -> Option<String> {
    match &reading.why {
        Why::NothingMatched => Some("matches no series".to_owned()),
        Why::TooFew { found, wanted } => Some(format!("only {found} of {wanted} series")),
        Why::Returned | Why::Gone | Why::NoLongerCalledFor => None,
    }
}

/// The words of the last turn, where they are the same: a storm has one reason.
fn said_once(turns: &[Turn], reason: String) -> Arc<str> {
    match turns.last() {
        Some(last) if *last.reason == *reason => Arc::clone(&last.reason),
        _ => reason.into(),
    }
}

/// Why an incident changes, in words.
fn because(alert: &Alert, reading: &Reading, change: Change, before: &Active) -> String {
    let held = |span: Duration| match span.is_zero() {
        true => String::new(),
        false => format!(" for {}", duration::rough(span)),
    };
    match (&reading.why, change.to) {
        (Why::NoLongerCalledFor, Level::Ok) => "there are series again".to_owned(),
        (_, Level::Ok) if before.open.is_some_and(|open| open.by_want) => {
            "has data again".to_owned()
        }
        (_, Level::Ok) => format!("is ok{}", held(change.lasted)),
        (Why::NothingMatched, _) => format!("the target matches no series{}", held(change.lasted)),
        (Why::TooFew { found, wanted }, _) => {
            format!("only {found} of {wanted} series{}", held(change.lasted))
        }
        (Why::Gone, _) if change.by_want => "the series is gone".to_owned(),
        (_, _) if change.by_want => format!("has no data{}", held(change.lasted)),
        (_, _) => match alert.condition(change.to) {
            Some(condition) => format!("is {condition}{}", held(change.lasted)),
            None => "changed".to_owned(),
        },
    }
}
