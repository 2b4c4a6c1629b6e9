//! `check`: how every series reads now. It judges as `run` does but remembers
//! nothing, so it has no clocks, opens no store and tells nobody.
//!
//! Of an answer only the readings are kept; rows and links are made one by one
//! while they are printed, so a hundred thousand series fit in little memory.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufWriter, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use futures_util::StreamExt;
use serde::{Serialize, Serializer};

use super::progress::Progress;
use super::table::{self, Cell};
use super::{Format, Paths, fail, named};
use crate::agent::fetch::{Fetched, Known, fetch};
use crate::agent::{self, compose};
use crate::alert::evaluate::{Reading, Why, evaluate};
use crate::alert::group::Life;
use crate::alert::incident::About;
use crate::alert::lifecycle::Asks;
use crate::alert::{Alert, GraphLink, Group, Level, Timestamp};
use crate::config::Config;
use crate::deliver::{links, text};
use crate::graphite::Client;
use crate::graphite::links::GraphWindow;
use crate::now::now;

/// Unknown, as monitoring plugins have it.
const UNKNOWN: u8 = 3;

/// When progress is first shown, and how often.
const PATIENCE: Duration = Duration::from_secs(1);

/// `check`
#[derive(Clone, Debug, Args)]
pub struct Options {
    #[command(flatten)]
    paths: Paths,
    /// Only the alerts of this name
    alert: Option<String>,
    /// How the readings are printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// One series, as it is printed.
#[derive(Debug, Serialize)]
struct Row<'a> {
    alert: &'a str,
    series: &'a str,
    level: Level,
    value: Option<f64>,
    at: Option<String>,
    reason: String,
    docs_url: Option<String>,
    graph_url: Option<String>,
}

/// What one group reads.
struct Judged {
    group: Arc<Group>,
    readings: Vec<Reading>,
    /// What `Reading::source` counts.
    targets: Vec<String>,
    /// What could not be fetched, in words.
    errors: Vec<String>,
}

impl Judged {
    /// Each reading with its alert and its target.
    fn readings(&self) -> impl Iterator<Item = (&Alert, &Reading, &str)> {
        self.readings.iter().filter_map(|reading| {
            let alert = self.group.alerts.get(reading.alert)?;
            let target = self.targets.get(usize::from(reading.source))?;
            Some((alert, reading, target.as_str()))
        })
    }
}

/// Evaluates everything once.
pub async fn check(options: Options) -> ExitCode {
    let Some(loaded) = options.paths.load() else {
        return ExitCode::from(UNKNOWN);
    };
    let config = loaded.config;
    let groups = match named(&config, options.alert.as_deref()) {
        Ok(groups) => groups,
        Err(why) => {
            fail(&why);
            return ExitCode::from(UNKNOWN);
        }
    };
    let client = match Client::new(&config.graphite) {
        Ok(client) => client,
        Err(error) => {
            fail(&agent::chain(&error));
            return ExitCode::from(UNKNOWN);
        }
    };
    let mut worst = Worst::default();
    let judged = judge_all(&client, &groups, &mut worst).await;
    match options.format {
        Format::Table => print_table(&judged),
        Format::Json => print_json(&config, &judged),
    }
    worst.status()
}

/// Fetches and judges all groups, in the configuration's order.
async fn judge_all(client: &Client, groups: &[Arc<Group>], worst: &mut Worst) -> Vec<Judged> {
    let slot = Timestamp::from_secs(now().as_secs());
    let fetches = groups.iter().enumerate().map(|(index, group)| async move {
        // nothing is remembered here
        let mut known = Known::default();
        (index, group, fetch(client, group, slot, &mut known).await)
    });
    let mut fetches = futures_util::stream::iter(fetches).buffer_unordered(client.ahead());
    let mut progress = Progress::with_lines(PATIENCE);
    let mut judged = BTreeMap::new();
    loop {
        tokio::select! {
            fetched = fetches.next() => {
                let Some((index, group, fetched)) = fetched else { break };
                judged.insert(index, judge(group, fetched, slot, worst));
            }
            () = tokio::time::sleep(PATIENCE) => {}
        }
        let (done, all) = (judged.len(), groups.len());
        let what = format!("checked {done} of {all} alerts");
        progress.show(done as f64 / all as f64, &what);
    }
    progress.end();
    let judged: Vec<Judged> = judged.into_values().collect();
    for error in judged.iter().flat_map(|judged| &judged.errors) {
        eprintln!("{error}");
    }
    judged
}

fn judge(group: &Arc<Group>, fetched: Fetched, slot: Timestamp, worst: &mut Worst) -> Judged {
    worst.unknown |= !fetched.failures.is_empty();
    let errors = fetched.failures.iter().map(|failure| {
        format!(
            "error: {}: alert `{}`, target `{}`: {}",
            failure.place,
            text::clean(&group.name),
            text::clean(&failure.target),
            text::clean(&failure.error.to_string())
        )
    });
    let errors = errors.collect();
    let mut life = Life::default();
    let evaluated = evaluate(group, &mut life, fetched.report.answers, slot, true);
    for reading in &evaluated.readings {
        worst.add(level(reading));
    }
    let sources = life.head.sources.into_iter();
    Judged {
        group: Arc::clone(group),
        readings: evaluated.readings,
        targets: sources.map(|source| source.target).collect(),
        errors,
    }
}

fn level(reading: &Reading) -> Level {
    match reading.asks {
        Asks::Data { level, .. } | Asks::Without { level, .. } => level,
        Asks::CountsAsOk | Asks::Ignored => Level::Ok,
    }
}

/// One row with its links; those that could not be made are said in `errors`.
fn row<'a>(
    config: &Config,
    (alert, reading, target): (&'a Alert, &'a Reading, &'a str),
    errors: &mut BTreeSet<String>,
) -> Row<'a> {
    let context = links::Context {
        alert: &alert.name,
        series: &reading.legend,
        labels: &alert.labels,
        target: Some(target),
        instance: &config.instance,
    };
    let mut said = |error: String| {
        let error = format!("error: {}: {error}", alert.place);
        if errors.insert(error.clone()) {
            eprintln!("{error}");
        }
        None
    };
    let graph_url = match &alert.graph {
        GraphLink::Off => None,
        GraphLink::Link(link) => links::graph_template(link, &context).map_or_else(&mut said, Some),
        GraphLink::Render => {
            let about = About::new(alert, target, matches!(reading.why, Why::Returned));
            let base = agent::base(config);
            compose::render(&about, &reading.legend, &base, GraphWindow::LastHour)
        }
    };
    Row {
        alert: &alert.name,
        series: &reading.legend,
        level: level(reading),
        value: reading.value.map(|value| value.value),
        at: reading.value.map(|value| value.at.rfc3339()),
        reason: reason(alert, reading),
        docs_url: links::docs(&alert.docs, &context).unwrap_or_else(said),
        graph_url,
    }
}

fn reason(alert: &Alert, reading: &Reading) -> String {
    let mut reason = match (&reading.why, reading.value, reading.asks) {
        (Why::NothingMatched, ..) => "the target matches no series".to_owned(),
        (Why::TooFew { found, wanted }, ..) => format!("only {found} of {wanted} series"),
        (_, None, Asks::CountsAsOk) => "no data, which counts as ok".to_owned(),
        (_, None, Asks::Ignored) => "no data, which is ignored".to_owned(),
        (_, None, _) => "no data".to_owned(),
        (_, Some(_), _) => match alert.condition(level(reading)) {
            Some(condition) => condition.to_string(),
            None => String::new(),
        },
    };
    if reading.twice {
        let also = if reason.is_empty() { "" } else { "; " };
        reason.push_str(also);
        reason.push_str("this legend came more than once: the alias hides something");
    }
    reason
}

/// An array, written while it is made.
fn print_json(config: &Config, judged: &[Judged]) {
    let mut errors = BTreeSet::new();
    let readings = judged.iter().flat_map(Judged::readings);
    let rows = readings.map(|reading| row(config, reading, &mut errors));
    let mut out = BufWriter::new(std::io::stdout().lock());
    let written = serde_json::Serializer::pretty(&mut out).collect_seq(rows);
    // a reader that has seen enough is no error
    if written.is_ok() {
        let _ = writeln!(out).and_then(|()| out.flush());
    }
}

fn print_table(judged: &[Judged]) {
    let cells = |(alert, reading, _): (&Alert, &Reading, &str)| -> Vec<Cell> {
        let level = level(reading);
        vec![
            (&*alert.name).into(),
            (&*reading.legend).into(),
            Cell::coloured(level.text(), level),
            reading
                .value
                .map(|v| text::number(v.value))
                .unwrap_or_default()
                .into(),
            reading
                .value
                .map(|v| v.at.rfc3339())
                .unwrap_or_default()
                .into(),
            reason(alert, reading).into(),
        ]
    };
    let heading = ["ALERT", "SERIES", "LEVEL", "VALUE", "AT", "REASON"];
    table::print(&heading, &[5, 1, 0], || {
        judged.iter().flat_map(Judged::readings).map(cells)
    });
}

/// The exit status, as it comes together.
#[derive(Debug, Default)]
struct Worst {
    critical: bool,
    unknown: bool,
    warning: bool,
}

impl Worst {
    fn add(&mut self, level: Level) {
        match level {
            Level::Critical => self.critical = true,
            Level::NoData => self.unknown = true,
            Level::Warning => self.warning = true,
            Level::Ok => {}
        }
    }

    fn status(&self) -> ExitCode {
        match (self.critical, self.unknown, self.warning) {
            (true, ..) => ExitCode::from(2),
            (_, true, _) => ExitCode::from(UNKNOWN),
            (.., true) => ExitCode::from(1),
            _ => ExitCode::SUCCESS,
        }
    }
}
