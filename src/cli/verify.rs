//! `verify`: whether the configuration can be used, and what it would do.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::table::{self, Cell};
use super::{Format, Paths, fail, many, print_problems, print_text};
use crate::config::{self, Config, Loaded, Problem, Severity, Spots};
use crate::lint::{self, Finding};
use crate::now::now;

mod online;

/// `verify`
#[derive(Clone, Debug, Args)]
pub struct Options {
    #[command(flatten)]
    paths: Paths,
    /// Asks Graphite about every target, and fetches every documentation link
    #[arg(long)]
    online: bool,
    /// Takes warnings for errors: exit status 1 where there is one
    #[arg(long)]
    strict: bool,
    /// How the list is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// One alert, as it is listed.
#[derive(Debug, Serialize)]
struct Row<'a> {
    alert: &'a str,
    targets: Vec<&'a str>,
    notify: Vec<Arc<str>>,
    next: Option<String>,
}

/// Checks the configuration and lists its alerts.
pub async fn verify(options: &Options) -> ExitCode {
    let Some((loaded, spots)) = options.paths.load_with(examine) else {
        return ExitCode::FAILURE;
    };
    let Loaded {
        config, warnings, ..
    } = loaded;
    let mut findings = lint::offline(&config, &spots);
    let mut stopped = None;
    if options.online {
        match online::online(&config, &spots).await {
            Ok(found) => {
                findings.extend(found.findings);
                stopped = found.stopped;
            }
            Err(why) => {
                fail(&why);
                return ExitCode::FAILURE;
            }
        }
    }
    let mut problems = warnings;
    problems.extend(printable(&spots, findings));
    print_problems(&problems);
    let rows = rows(&config);
    match options.format {
        Format::Json => {
            let json = serde_json::to_string_pretty(&rows).map_err(|error| error.to_string());
            if let Err(why) = json.and_then(|json| print_text(&(json + "\n"))) {
                fail(&why);
            }
        }
        Format::Table => print(&rows),
    }
    if let Some(how_far) = stopped {
        fail(&format!(
            "stopped: {how_far}; this is what was found so far"
        ));
        return ExitCode::FAILURE;
    }
    sum_up(options, &config, &problems)
}

/// Reads the configuration with this process' environment, and keeps its places.
fn examine(paths: &[PathBuf]) -> Result<(Loaded, Spots), config::Report> {
    config::examine(paths, &|name| std::env::var(name).ok())
}

/// What is not allowed, in the order of the files.
fn printable(spots: &Spots, mut findings: Vec<Finding>) -> Vec<Problem> {
    findings.retain(|finding| !finding.is_allowed());
    findings.sort_by_cached_key(|finding| (finding.spot.order(), finding.code));
    let one = |finding: Finding| {
        let hint = Some(finding.hint).filter(|hint| !hint.is_empty());
        spots.problem(&finding.spot, finding.code, finding.message, hint)
    };
    findings.into_iter().map(one).collect()
}

fn sum_up(options: &Options, config: &Config, problems: &[Problem]) -> ExitCode {
    let is_error = |problem: &&Problem| problem.severity == Severity::Error;
    let errors = problems.iter().filter(is_error).count();
    let warnings = many(problems.len() - errors, "warning");
    let is_strict = options.strict && problems.len() > errors;
    if options.format == Format::Table {
        if errors == 0 && !is_strict {
            let alerts: usize = config.groups.iter().map(|group| group.alerts.len()).sum();
            let receivers = many(config.receivers.len(), "receiver");
            eprintln!("ok: {} and {receivers}", many(alerts, "alert"));
        }
        if problems.len() > errors {
            eprintln!(
                "{warnings}: `docs/warnings.md` says of each code what to do, and how to allow it"
            );
        }
    }
    if errors > 0 {
        eprintln!("{}", many(errors, "error"));
        return ExitCode::FAILURE;
    }
    if is_strict {
        fail(&format!("{warnings}, which `--strict` takes for errors"));
        return ExitCode::FAILURE;
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
                notify: lint::routes::told(config, alert),
                next: next.clone(),
            });
        }
    }
    rows
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
