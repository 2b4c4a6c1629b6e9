//! A replay as JSON, for programs. Times are RFC 3339 in UTC, spans in seconds.

use serde::Serialize;

use super::Warning;
use super::record::Incident;
use super::report::{self, Report};
use crate::alert::Level;

#[derive(Debug, Serialize)]
struct Whole<'a> {
    from: String,
    until: String,
    stopped: bool,
    timezone: &'a str,
    incidents: Vec<Row<'a>>,
    receivers: Vec<Receiver<'a>>,
    offenders: Vec<Offender<'a>>,
    warnings: Vec<Doubt<'a>>,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    alert: &'a str,
    series: &'a str,
    opened: String,
    ended: Option<String>,
    seconds: u64,
    worst: Level,
    reason: &'a str,
    changes: Vec<Change<'a>>,
    told: Vec<Told<'a>>,
}

#[derive(Debug, Serialize)]
struct Change<'a> {
    at: String,
    event: &'a str,
    level: Level,
    reason: &'a str,
}

#[derive(Debug, Serialize)]
struct Told<'a> {
    at: String,
    receiver: &'a str,
    says: &'a str,
    level: Level,
}

#[derive(Debug, Serialize)]
struct Receiver<'a> {
    receiver: &'a str,
    messages: usize,
    pages: usize,
    pages_at_night: usize,
    nights: usize,
}

#[derive(Debug, Serialize)]
struct Offender<'a> {
    alert: &'a str,
    series: &'a str,
    incidents: usize,
    seconds: u64,
    pages: usize,
    worst: Level,
}

#[derive(Debug, Serialize)]
pub(super) struct Doubt<'a> {
    alert: &'a str,
    text: &'a str,
}

/// The whole report.
///
/// # Errors
/// As `serde_json`.
pub fn write(report: &Report<'_>) -> Result<String, serde_json::Error> {
    let whole = Whole {
        from: report.span.from.rfc3339(),
        until: report.reached.rfc3339(),
        stopped: report.stopped(),
        timezone: report.zone.name(),
        incidents: report
            .record
            .incidents
            .iter()
            .map(|i| row(report, i))
            .collect(),
        receivers: receivers(report),
        offenders: offenders(report),
        warnings: report.warnings.iter().map(doubt).collect(),
    };
    serde_json::to_string_pretty(&whole)
}

fn row<'a>(report: &Report<'_>, incident: &'a Incident) -> Row<'a> {
    let changes = incident.turns.iter().map(|turn| Change {
        at: turn.at.rfc3339(),
        event: turn.event,
        level: turn.to,
        reason: &turn.reason,
    });
    let told = incident.told.iter().map(|told| Told {
        at: told.at.rfc3339(),
        receiver: &told.receiver,
        says: report::says(told),
        level: told.level,
    });
    Row {
        alert: &incident.alert,
        series: &incident.series,
        opened: incident.opened().rfc3339(),
        ended: incident.ended().map(crate::alert::Timestamp::rfc3339),
        seconds: incident.lasted(report.reached).as_secs(),
        worst: incident.worst(),
        reason: incident.reason(),
        changes: changes.collect(),
        told: told.collect(),
    }
}

fn receivers<'a>(report: &'a Report<'_>) -> Vec<Receiver<'a>> {
    let receivers = report.receivers.iter().map(|(name, total)| Receiver {
        receiver: name,
        messages: total.messages,
        pages: total.calls,
        pages_at_night: total.calls_at_night,
        nights: total.nights.len(),
    });
    receivers.collect()
}

fn offenders<'a>(report: &'a Report<'_>) -> Vec<Offender<'a>> {
    let offenders = report.offenders.iter().map(|offender| Offender {
        alert: &offender.alert,
        series: &offender.series,
        incidents: offender.incidents,
        seconds: offender.lasted.as_secs(),
        pages: offender.calls,
        worst: offender.worst,
    });
    offenders.collect()
}

pub(super) fn doubt(warning: &Warning) -> Doubt<'_> {
    Doubt {
        alert: &warning.alert,
        text: &warning.text,
    }
}
