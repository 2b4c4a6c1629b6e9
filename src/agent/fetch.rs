//! Asks Graphite for all targets of a group and reduces each series while it
//! arrives, so that no answer is ever whole in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use futures_util::future::join_all;

use crate::alert::evaluate::{Answer, Seen};
use crate::alert::roster::Roster;
use crate::alert::world::Report;
use crate::alert::{Alert, Group, TimeSpec, Timestamp, Window};
use crate::graphite::{Client, FetchError, Query, Reader, Series};

/// One failed fetch: which alert, which target, how.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The alert's place in the configuration.
    pub place: Arc<str>,
    /// The target that was asked for.
    pub target: String,
    /// How it failed.
    pub error: FetchError,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)
    }
}

/// What is known of a group before Graphite is asked.
#[derive(Debug, Default)]
pub struct Known {
    /// How many series each target had in its last answer, where anybody remembers.
    pub counts: BTreeMap<String, usize>,
    /// Its series.
    pub series: Arc<Roster>,
}

/// What Graphite answered for one slot of a group.
#[derive(Debug, Default)]
pub struct Fetched {
    /// For judging.
    pub report: Report,
    /// Every fetch that failed.
    pub failures: Vec<Failure>,
}

/// Fetches everything that `group` needs for `slot`, in requests that it shares
/// with whoever fetches for the same slot, and keeps `known` up to date. It fails
/// as a value: an alert whose fetch failed has no answer. Series that are known and
/// stay quietly ok are judged while they arrive, and nothing of them is kept; the
/// known ones are given away with the answer, for whoever judges it changes them.
pub async fn fetch(
    client: &Client,
    group: &Arc<Group>,
    slot: Timestamp,
    known: &mut Known,
) -> Fetched {
    let series = std::mem::take(&mut known.series);
    let counts = &known.counts;
    let alerts = group.alerts.iter().enumerate().map(|(index, alert)| {
        let answer = Answer::knowing(alert, &series);
        fetch_alert(client, (group, index, alert), slot, counts, answer)
    });
    let answers = join_all(alerts).await;
    let mut fetched = Fetched::default();
    for (alert, answer) in group.alerts.iter().zip(answers) {
        match answer {
            Ok(answer) => {
                count(alert, &answer, &mut known.counts);
                fetched.report.answers.push(Some(answer));
            }
            Err(failures) => {
                fetched.report.answers.push(None);
                fetched.failures.extend(failures);
            }
        }
    }
    fetched.report.failure = fetched.failures.first().map(ToString::to_string);
    fetched
}

/// Notes how many series each target of `alert` has.
fn count(alert: &Alert, answer: &Answer, known: &mut BTreeMap<String, usize>) {
    let mut counts = vec![0; alert.targets.len()];
    match counts.as_mut_slice() {
        [only] => *only = answer.len(),
        several => {
            for seen in answer.series() {
                if let Some(count) = several.get_mut(usize::from(seen.target)) {
                    *count += 1;
                }
            }
        }
    }
    for (target, count) in alert.targets.iter().zip(counts) {
        match known.get_mut(target.as_str()) {
            Some(known) => *known = count,
            None => drop(known.insert(target.to_string(), count)),
        }
    }
}

async fn fetch_alert(
    client: &Client,
    (group, of, alert): (&Arc<Group>, usize, &Alert),
    slot: Timestamp,
    counts: &BTreeMap<String, usize>,
    answer: Answer,
) -> Result<Answer, Vec<Failure>> {
    let from = alert.from.render(slot);
    let until = alert
        .until
        .as_ref()
        .map_or_else(|| slot.as_secs().to_string(), |u| u.render(slot));
    let window = window(alert, slot);
    let (from, until) = (from.as_str(), until.as_str());
    let targets = alert.targets.iter().enumerate().map(|(index, target)| {
        let reader = Readings {
            group: Arc::clone(group),
            alert: of,
            window,
            target: u16::try_from(index).unwrap_or(u16::MAX),
            answer: answer.clone(),
        };
        let target = target.as_str();
        let known = counts.get(target).copied().unwrap_or_default();
        let query = Query {
            target,
            from,
            until,
        };
        async move { client.render_shared(&query, known, &reader).await }
    });
    let targets: Vec<_> = targets.collect();
    // those that arrive have what is known
    drop(answer);
    let mut answer = Answer::default();
    let mut failures = Vec::new();
    for (target, result) in alert.targets.iter().zip(join_all(targets).await) {
        match result {
            Ok((reader, _)) => answer.append(reader.answer),
            Err(error) => failures.push(Failure {
                place: Arc::clone(&alert.place),
                target: target.to_string(),
                error,
            }),
        }
    }
    if failures.is_empty() {
        Ok(answer)
    } else {
        Err(failures)
    }
}

/// Reduces the series of one target while they arrive.
#[derive(Clone)]
struct Readings {
    group: Arc<Group>,
    /// Which of its alerts.
    alert: usize,
    window: Window,
    target: u16,
    answer: Answer,
}

impl Reader for Readings {
    fn take(&mut self, series: Series<'_>) {
        let Some(alert) = self.group.alerts.get(self.alert) else {
            return;
        };
        let window = &self.window;
        let value = alert.reduce.apply(series.points, series.step, window);
        let seen = Seen {
            legend: &series.legend,
            value,
            target: self.target,
        };
        self.answer.take(alert, seen);
    }
}

/// The window that values are judged in. Where `until` is something that only
/// Graphite understands, it is taken to be the slot.
pub fn window(alert: &Alert, slot: Timestamp) -> Window {
    let until = match alert.until {
        Some(TimeSpec::Ago(span)) => slot.minus(span),
        Some(TimeSpec::Verbatim(_)) | None => slot,
    };
    Window {
        until,
        settle: alert.settle,
        max_age: alert.max_age,
    }
}
