//! Asks Graphite about every target, gently: each once for the window that its
//! alert reads, in requests that targets share as they do in `run`, and once,
//! alone, for the last day. Answers are judged while they arrive.
//!
//! Where nobody is there, or nothing but trouble comes, it stops and says so
//! once. A day that does not come, or is too much to ask for, is a note.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use futures_util::{StreamExt, stream};
use tokio::sync::watch;

use super::day::{self, Day};
use super::window::{self, Seen};
use super::{Finding, expression};
use crate::agent::fetch;
use crate::alert::hash::stable;
use crate::alert::{Alert, Point, Timestamp};
use crate::config::{AlertSpots, Code, Config, Spots, nearest};
use crate::graphite::{Client, FetchError, Query, Series};

/// Failures of Graphite itself, before anything was answered, after which it is left alone.
const PATIENCE: usize = 3;
/// Points of one target's day that are asked for at most: some 60 MB.
const MOST_POINTS: usize = 5_000_000;

/// What came of asking.
#[derive(Debug, Default)]
pub struct Asked {
    /// What was found, in no order.
    pub findings: Vec<Finding>,
    /// What could not be judged, and why.
    pub notes: BTreeSet<String>,
    /// It was stopped before everything was asked.
    pub stopped: bool,
}

/// What is being asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Targets, for the windows that their alerts read.
    Windows,
    /// Targets, for the last day.
    Days,
}

/// How it is asked.
pub struct Way<'a> {
    /// Graphite.
    pub client: &'a Client,
    /// As it would be evaluated then.
    pub slot: Timestamp,
    /// Becomes true when it is to stop and keep what was found.
    pub stop: watch::Receiver<bool>,
    /// Is told how many of how many requests of a stage were answered.
    pub said: &'a mut dyn FnMut(Stage, usize, usize),
}

impl std::fmt::Debug for Way<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Way")
            .field("slot", &self.slot)
            .finish_non_exhaustive()
    }
}

/// Asks for everything.
pub async fn ask(config: &Config, spots: &Spots, mut way: Way<'_>) -> Asked {
    let mut stop = way.stop.clone();
    let functions = tokio::select! {
        functions = way.client.functions() => functions,
        Ok(_) = stop.wait_for(|stop| *stop) => None,
    };
    let mut asking = Asking {
        config,
        spots,
        functions,
        names: HashMap::new(),
        days: BTreeMap::new(),
        out: Asked::default(),
    };
    if asking.windows(&mut way).await {
        asking.twice();
        asking.ask_days(&mut way).await;
    }
    asking.out
}

/// Which target of which alert: indexes of `Config::groups`, its alerts, their targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Asker {
    group: usize,
    alert: usize,
    target: usize,
}

/// One target within one window, for all that read it so.
struct Question<'a> {
    target: &'a str,
    from: String,
    until: String,
    fresh: Seen,
    askers: Vec<Asker>,
}

/// The legends of one alert's answers.
#[derive(Default)]
struct Names {
    /// Hashes of them.
    all: HashSet<u64>,
    twice: HashSet<Box<str>>,
}

struct Asking<'a> {
    config: &'a Config,
    spots: &'a Spots,
    /// What the server says that it knows.
    functions: Option<BTreeSet<String>>,
    /// By group and alert.
    names: HashMap<(usize, usize), Names>,
    /// Targets whose last day is worth asking for.
    days: BTreeMap<&'a str, Vec<(Asker, Day)>>,
    out: Asked,
}

impl<'a> Asking<'a> {
    fn alert(&self, asker: Asker) -> Option<(&'a Alert, &'a AlertSpots)> {
        let alert = self
            .config
            .groups
            .get(asker.group)?
            .alerts
            .get(asker.alert)?;
        Some((alert, self.spots.alert(asker.group, asker.alert)?))
    }

    fn questions(&self, slot: Timestamp) -> Vec<Question<'a>> {
        let mut known: HashMap<(&str, String, String, String), usize> = HashMap::new();
        let mut questions: Vec<Question<'a>> = Vec::new();
        for (group, of) in self.config.groups.iter().enumerate() {
            for (alert, definition) in of.alerts.iter().enumerate() {
                let window = fetch::window(definition, slot);
                let from = definition.from.render(slot);
                let until = definition.until.as_ref();
                let until = until.map_or_else(|| slot.as_secs().to_string(), |u| u.render(slot));
                for (index, target) in definition.targets.iter().enumerate() {
                    let target = target.as_str();
                    let settle = format!("{:?}", window.settle);
                    let key = (target, from.clone(), until.clone(), settle);
                    let at = *known.entry(key).or_insert(questions.len());
                    let asker = Asker {
                        group,
                        alert,
                        target: index,
                    };
                    match questions.get_mut(at) {
                        Some(question) => question.askers.push(asker),
                        None => questions.push(Question {
                            target,
                            from: from.clone(),
                            until: until.clone(),
                            fresh: Seen::new(window.until, window.settle),
                            askers: vec![asker],
                        }),
                    }
                }
            }
        }
        questions
    }

    /// Asks for the alerts' own windows; whether Graphite was there, and nobody stopped it.
    async fn windows(&mut self, way: &mut Way<'_>) -> bool {
        let (client, slot) = (way.client, way.slot);
        let questions = self.questions(slot);
        let one = async |question: &Question<'a>| {
            let query = Query {
                target: question.target,
                from: &question.from,
                until: &question.until,
            };
            client.render_shared(&query, 0, &question.fresh).await
        };
        let asked = questions.iter().map(|question| {
            let answer = one(question);
            async move { (question, answer.await) }
        });
        let mut answers = stream::iter(asked).buffer_unordered(client.ahead());
        let (mut answered, mut failed, mut done) = (0_usize, 0_usize, 0_usize);
        while let Some(answer) = unless(&mut way.stop, answers.next()).await {
            let Some((question, result)) = answer else {
                return true;
            };
            match result {
                Ok((seen, _)) => {
                    answered += 1;
                    self.seen(question, seen, slot);
                }
                Err(error) => {
                    failed += usize::from(error.is_outage());
                    let busy = matches!(error, FetchError::Busy { .. });
                    let gone = error.is_of_nobody() && !busy;
                    if gone || (answered == 0 && failed >= PATIENCE) {
                        self.nobody(&error);
                        return false;
                    }
                    self.failed(question, &error);
                }
            }
            done += 1;
            (way.said)(Stage::Windows, done, questions.len());
        }
        self.out.stopped = true;
        false
    }

    /// In place of all that was said of single targets.
    fn nobody(&mut self, error: &FetchError) {
        self.out.findings.retain(|finding| finding.code.is_some());
        let (why, hint) = advice(error);
        let message = format!("Graphite cannot be asked: {why}");
        let finding = Finding::new(self.spots.graphite(), None, message, &hint);
        self.out.findings.push(finding);
    }

    fn failed(&mut self, question: &Question<'a>, error: &FetchError) {
        let (why, advice) = advice(error);
        let hint = match self.unknown(question.target).first() {
            Some(function) => self.instead(function),
            None => advice,
        };
        for asker in &question.askers {
            if let Some((alert, at)) = self.alert(*asker) {
                let message = format!("this target of alert `{}` fails: {why}", alert.name);
                let finding = Finding::new(&at.target(asker.target), None, message, &hint);
                self.out.findings.push(finding);
            }
        }
    }

    fn seen(&mut self, question: &Question<'a>, seen: Seen, slot: Timestamp) {
        for asker in &question.askers {
            let Some((alert, at)) = self.alert(*asker) else {
                continue;
            };
            let found = seen.judge(alert, at, asker.target);
            self.out.findings.extend(found);
            for function in self.unknown(question.target) {
                let message = format!(
                    "alert `{}` calls `{function}`, which this server does not list among its functions",
                    alert.name
                );
                let hint = self.instead(function);
                let spot = at.target(asker.target);
                self.out
                    .findings
                    .push(Finding::new(&spot, Code::UnknownFunction, message, &hint));
            }
            let names = self.names.entry((asker.group, asker.alert)).or_default();
            for legend in &seen.legends {
                if !names.all.insert(stable(legend.as_bytes())) {
                    names.twice.insert(legend.clone());
                }
            }
            self.plan_day(question.target, &seen, *asker, slot);
        }
    }

    fn plan_day(&mut self, target: &'a str, seen: &Seen, asker: Asker, slot: Timestamp) {
        let (Some((alert, _)), Some(step)) = (self.alert(asker), seen.step) else {
            return;
        };
        let a_day = usize::try_from(day::SPAN.as_secs() / step.unsigned_abs().max(1));
        let points = seen
            .legends
            .len()
            .saturating_mul(a_day.unwrap_or(usize::MAX));
        if points > MOST_POINTS {
            let note = format!(
                "the thresholds of alert `{}` are not judged over the last day: {points} points are too many to ask for",
                alert.name
            );
            self.out.notes.insert(note);
        } else if let Some(day) = Day::new(alert, step, slot) {
            self.days.entry(target).or_default().push((asker, day));
        }
    }

    /// Functions of a target that the server does not list.
    fn unknown<'t>(&self, target: &'t str) -> Vec<&'t str> {
        let Some(known) = &self.functions else {
            return Vec::new();
        };
        let mut called = expression::functions(target);
        called.retain(|function| !known.contains(*function));
        called
    }

    fn instead(&self, function: &str) -> String {
        let known = self.functions.iter().flatten().map(String::as_str);
        match nearest(function, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "`{function}` is none of the functions at `/functions` of this server: write another, or upgrade the server"
            ),
        }
    }

    fn twice(&mut self) {
        for ((group, alert), names) in &self.names {
            let asker = Asker {
                group: *group,
                alert: *alert,
                target: 0,
            };
            if let Some((alert, at)) = self.alert(asker) {
                self.out
                    .findings
                    .extend(window::twice(alert, at, &names.twice));
            }
        }
    }

    async fn ask_days(&mut self, way: &mut Way<'_>) {
        let (client, slot) = (way.client, way.slot);
        let days = std::mem::take(&mut self.days);
        let (from, until) = (
            slot.minus(day::SPAN).as_secs().to_string(),
            slot.as_secs().to_string(),
        );
        let (names, all) = (&self.names, days.len());
        let (from, until) = (from.as_str(), until.as_str());
        let asked = days.into_iter().map(|(target, mut days)| async move {
            let query = Query {
                target,
                from,
                until,
            };
            let result = client
                .render(&query, &mut |series| take(&mut days, names, &series))
                .await;
            (days, result)
        });
        let mut answers = stream::iter(asked).buffer_unordered(self.config.graphite.concurrency);
        let mut judged = Vec::new();
        let stopped = loop {
            match unless(&mut way.stop, answers.next()).await {
                Some(Some(answer)) => judged.push(answer),
                Some(None) => break false,
                None => break true,
            }
            (way.said)(Stage::Days, judged.len(), all);
        };
        drop(answers);
        self.out.stopped = stopped;
        for (days, result) in judged {
            for (asker, day) in days {
                let Some((alert, at)) = self.alert(asker) else {
                    continue;
                };
                match &result {
                    Ok(_) => self.out.findings.extend(day.judge(at, asker.target)),
                    Err(error) => {
                        let note = format!(
                            "the thresholds of alert `{}` are not judged over the last day: {error}",
                            alert.name
                        );
                        self.out.notes.insert(note);
                    }
                }
            }
        }
    }
}

/// What comes of `wait`; `None`: it was stopped before.
async fn unless<T>(stop: &mut watch::Receiver<bool>, wait: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        Ok(_) = stop.wait_for(|stop| *stop) => None,
        came = wait => Some(came),
    }
}

/// Hands a series to every alert that would judge it: the first of its group that returns it.
fn take(days: &mut [(Asker, Day)], names: &HashMap<(usize, usize), Names>, series: &Series<'_>) {
    let points: Vec<Point> = series.points.clone().collect();
    let step = series.step.or_else(|| match points.as_slice() {
        [.., before, last] => last.at.checked_sub(before.at),
        _ => None,
    });
    let legend = stable(series.legend.as_bytes());
    for (asker, day) in days {
        let claims = |earlier: usize| {
            let names = names.get(&(asker.group, earlier));
            names.is_some_and(|names| names.all.contains(&legend))
        };
        if !(0..asker.alert).any(claims) {
            day.take(&series.legend, &points, step);
        }
    }
}

/// What went wrong, and what to do about it.
fn advice(error: &FetchError) -> (String, String) {
    let text = error.to_string();
    match text.rsplit_once("; ") {
        Some((why, advice)) => (why.to_owned(), advice.to_owned()),
        None => (text, String::new()),
    }
}
