//! Asks Graphite for all targets of a group and reduces each series while it
//! arrives, so that no answer is ever whole in memory.

use std::fmt;
use std::sync::Arc;

use futures_util::future::join_all;

use crate::alert::evaluate::{Answer, Seen};
use crate::alert::world::Report;
use crate::alert::{Alert, Group, TimeSpec, Timestamp, Window};
use crate::graphite::{Client, FetchError, Query};

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

/// What Graphite answered for one slot of a group.
#[derive(Debug, Default)]
pub struct Fetched {
    /// For judging.
    pub report: Report,
    /// Every fetch that failed.
    pub failures: Vec<Failure>,
}

/// Fetches everything that `group` needs for `slot`. It fails as a value: an
/// alert whose fetch failed has no answer.
pub async fn fetch(client: &Client, group: &Group, slot: Timestamp) -> Fetched {
    let alerts = group
        .alerts
        .iter()
        .map(|alert| fetch_alert(client, alert, slot));
    let mut fetched = Fetched::default();
    for answer in join_all(alerts).await {
        match answer {
            Ok(answer) => fetched.report.answers.push(Some(answer)),
            Err(failures) => {
                fetched.report.answers.push(None);
                fetched.failures.extend(failures);
            }
        }
    }
    fetched.report.failure = fetched.failures.first().map(ToString::to_string);
    fetched
}

async fn fetch_alert(
    client: &Client,
    alert: &Alert,
    slot: Timestamp,
) -> Result<Answer, Vec<Failure>> {
    let from = alert.from.render(slot);
    let until = alert
        .until
        .as_ref()
        .map_or_else(|| slot.as_secs().to_string(), |u| u.render(slot));
    let window = window(alert, slot);
    let targets = alert.targets.iter().enumerate().map(|(index, target)| {
        let query = Query {
            target: target.as_str(),
            from: &from,
            until: &until,
        };
        fetch_target(client, alert, query, index, window)
    });
    let mut answer = Answer::default();
    let mut failures = Vec::new();
    for (target, result) in alert.targets.iter().zip(join_all(targets).await) {
        match result {
            Ok(series) => answer.series.extend(series),
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

async fn fetch_target(
    client: &Client,
    alert: &Alert,
    query: Query<'_>,
    index: usize,
    window: Window,
) -> Result<Vec<Seen>, FetchError> {
    let target = u16::try_from(index).unwrap_or(u16::MAX);
    let mut seen = Vec::new();
    let mut sink = |series: crate::graphite::Series<'_>| {
        let value = alert.reduce.apply(series.points, series.step, &window);
        seen.push(Seen {
            legend: Arc::from(&*series.legend),
            value,
            target,
        });
    };
    client.render(&query, &mut sink).await?;
    Ok(seen)
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
