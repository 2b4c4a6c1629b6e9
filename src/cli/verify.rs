//! `verify`: whether the configuration can be used, and what it would do.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::table::{self, Cell};
use super::{Format, Paths, many, print_problems};
use crate::alert::{Alert, Route};
use crate::config::Config;
use crate::now::now;

/// `verify`
#[derive(Clone, Debug, Args)]
pub struct Options {
    #[command(flatten)]
    paths: Paths,
    /// How the list is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// One alert, as it is listed.
#[derive(Debug, Serialize)]
struct Row<'a> {
    alert: &'a str,
    targets: Vec<&'a str>,
    notify: Vec<String>,
    next: Option<String>,
}

/// Checks the configuration and lists its alerts.
pub fn verify(options: &Options) -> ExitCode {
    let Some(loaded) = options.paths.load() else {
        return ExitCode::FAILURE;
    };
    print_problems(&loaded.warnings);
    let rows = rows(&loaded.config);
    match options.format {
        Format::Json => match serde_json::to_string_pretty(&rows) {
            Ok(json) => println!("{json}"),
            Err(error) => super::fail(&error),
        },
        Format::Table => print(&rows),
    }
    if options.format == Format::Table {
        let (alerts, receivers) = (rows.len(), loaded.config.receivers.len());
        eprintln!(
            "ok: {} and {}",
            many(alerts, "alert"),
            many(receivers, "receiver")
        );
    }
    ExitCode::SUCCESS
}

fn rows(config: &Config) -> Vec<Row<'_>> {
    let now = now();
    let mut rows = Vec::new();
    for group in &config.groups {
        let next = group.schedule.next_after(now).map(|next| next.rfc3339());
        for alert in &group.alerts {
            rows.push(Row {
                alert: &alert.name,
                targets: alert
                    .targets
                    .iter()
                    .map(crate::alert::Target::as_str)
                    .collect(),
                notify: receivers(config, alert),
                next: next.clone(),
            });
        }
    }
    rows
}

/// Everybody whom an incident of `alert` could be told to. A route that looks
/// at series may or may not match, so later ones are looked at as well.
fn receivers(config: &Config, alert: &Alert) -> Vec<String> {
    if let Some(notify) = &alert.notify {
        return notify.iter().map(ToString::to_string).collect();
    }
    let mut names: Vec<String> = Vec::new();
    let mut add = |route: &[std::sync::Arc<str>]| {
        for name in route {
            if !names.iter().any(|known| **known == **name) {
                names.push(name.to_string());
            }
        }
    };
    for route in &config.routes {
        let whatever_series = Route {
            series: None,
            ..route.clone()
        };
        if whatever_series.matches(&alert.name, "", &alert.labels) {
            add(&route.notify);
            if route.series.is_none() && !route.continue_ {
                return names;
            }
        }
    }
    let policies = || config.receivers.iter().map(|receiver| &receiver.policy);
    let default: Vec<_> = policies()
        .filter(|policy| policy.default)
        .map(|p| p.name.clone())
        .collect();
    let all: Vec<_> = policies().map(|policy| policy.name.clone()).collect();
    let matched = config
        .routes
        .iter()
        .any(|route| route.series.is_none() && route.matches(&alert.name, "", &alert.labels));
    if !matched {
        add(if default.is_empty() { &all } else { &default });
    }
    names
}

fn print(rows: &[Row<'_>]) {
    let cells = |row: &Row<'_>| -> Vec<Cell> {
        let next = row.next.clone().unwrap_or_else(|| "never".to_owned());
        vec![
            row.alert.into(),
            next.into(),
            row.notify.join(", ").into(),
            row.targets.join(", ").into(),
        ]
    };
    let heading = ["ALERT", "NEXT", "NOTIFY", "TARGETS"];
    table::print(&heading, &[3, 2, 0], || rows.iter().map(cells));
}
