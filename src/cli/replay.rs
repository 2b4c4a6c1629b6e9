//! `replay`: what would have been told, had these alerts run over Graphite's history.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;
use std::sync::Arc;

use chrono_tz::Tz;
use clap::{Args, ValueEnum};
use tokio::sync::watch;

use super::table::{self, Cell};
use super::{Paths, fail, many};
use crate::agent;
use crate::alert::{Group, Timestamp, duration};
use crate::config::Config;
use crate::deliver::text;
use crate::graphite::Client;
use crate::now::now;
use crate::replay::report::Report;
use crate::replay::{self, Feeds, Player, Span, Task, Warning, csv, json, span};

mod progress;

/// Rows of the table of worst offenders.
const OFFENDERS: usize = 10;

/// `replay`
#[derive(Clone, Debug, Args)]
pub struct Options {
    #[command(flatten)]
    paths: Paths,
    /// Only the alerts of this name
    alert: Option<String>,
    /// Where to begin: -7d, 2026-11-20, '2026-11-20 12:00', RFC 3339, or seconds since 1970
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: String,
    /// Where to end, likewise
    #[arg(
        long,
        value_name = "TIME",
        default_value = "now",
        allow_hyphen_values = true
    )]
    until: String,
    /// In whose nights, 22:00 to 07:00, pages are counted, and whose times the table shows
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    timezone: Tz,
    /// How the results are printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For programs: everything
    Json,
    /// For spreadsheets: a line for each incident
    Csv,
}

/// Replays the alerts; data goes to standard output, the rest to standard error.
pub async fn replay(options: Options) -> ExitCode {
    match replayed(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            if let Some(why) = why {
                fail(&why);
            }
            ExitCode::FAILURE
        }
    }
}

/// The same; an error that was said already has no words.
async fn replayed(options: &Options) -> Result<(), Option<String>> {
    let now = Timestamp::from_secs(now().as_secs());
    let span = span_of(options, now)?;
    let config = options.paths.load().ok_or(None)?.config;
    let groups = chosen(&config, options.alert.as_deref())?;
    let client = Client::new(&config.graphite).map_err(|error| agent::chain(&error))?;
    let mut feeds = Feeds::default();
    let sound = groups
        .iter()
        .filter(|group| replay::cannot(group).is_none());
    let sound: Vec<_> = sound.cloned().collect();
    if sound.is_empty() {
        let why = groups.iter().find_map(|group| {
            let why = replay::cannot(group)?;
            Some(format!("alert `{}`: {why}", group.name))
        });
        return Err(why);
    }
    let mut players = [Player::new(&config, sound, span.from, &mut feeds)];
    let task = Task {
        client: &client,
        concurrency: config.graphite.concurrency.max(1),
        span,
        now,
        stop: stopped_by_ctrl_c(),
    };
    let mut progress = progress::Progress::new();
    let reached =
        replay::replay(&task, &mut feeds, &mut players, &mut |at| progress.show(at)).await;
    progress.end();
    let reached = reached.map_err(|why| format!("no history could be had: {why}"))?;
    let [player] = &players;
    let warnings = replay::warnings(&groups, &feeds, player, span);
    let receivers = config
        .receivers
        .iter()
        .map(|receiver| &receiver.policy.name);
    let report = Report::new(
        (span, reached, options.timezone),
        player,
        receivers,
        warnings,
    );
    say(&report);
    print(&report, options.format).map_err(Some)
}

fn span_of(options: &Options, now: Timestamp) -> Result<Span, String> {
    let time = |name: &str, text: &str| {
        span::time(text, now, options.timezone).map_err(|why| format!("`--{name}`: {why}"))
    };
    let (from, until) = (time("from", &options.from)?, time("until", &options.until)?);
    Span::new(from, until, now)
}

fn chosen(config: &Config, name: Option<&str>) -> Result<Vec<Arc<Group>>, String> {
    let groups = config.groups.iter();
    let groups = groups.filter(|group| name.is_none_or(|name| *name == *group.name));
    let groups: Vec<_> = groups.cloned().collect();
    match (groups.is_empty(), name) {
        (true, Some(name)) => Err(format!(
            "no alert is called `{name}`: `graphite-pager verify` lists them"
        )),
        _ => Ok(groups),
    }
}

/// Becomes true at the first Ctrl-C.
fn stopped_by_ctrl_c() -> watch::Receiver<bool> {
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            let _ = stop.send(true);
        }
        // whoever waits for it waits for as long as the program lives
        stop.closed().await;
    });
    stopped
}

/// Says on standard error what makes the results doubtful.
fn say(report: &Report<'_>) {
    for Warning { alert, text: why } in &report.warnings {
        eprintln!(
            "warning: alert `{}`: {}",
            text::clean(alert),
            text::clean(why)
        );
    }
    if report.stopped() {
        eprintln!(
            "stopped: this is what there was until {}, not until {}",
            report.local(report.reached),
            report.local(report.span.until)
        );
    }
}

fn print(report: &Report<'_>, format: Format) -> Result<(), String> {
    let text = match format {
        Format::Table => {
            tables(report);
            return Ok(());
        }
        Format::Json => json::write(report).map_err(|error| error.to_string())? + "\n",
        Format::Csv => csv::write(report),
    };
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // whoever read it has seen enough
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed.map_err(|error| format!("cannot print the results: {error}")),
    }
}

fn tables(report: &Report<'_>) {
    let (from, until) = (report.local(report.span.from), report.local(report.reached));
    let zone = report.zone.name();
    let count = many(report.record.incidents.len(), "incident");
    println!("{count} from {from} until {until} ({zone})");
    if report.record.incidents.is_empty() {
        return;
    }
    println!();
    let heading = [
        "ALERT", "SERIES", "OPENED", "LASTED", "WORST", "TOLD", "REASON",
    ];
    table::print(&heading, &[6, 5, 1, 0], || {
        report.record.incidents.iter().map(|incident| {
            let open = if incident.ended().is_none() {
                ", still open"
            } else {
                ""
            };
            let lasted = duration::format(incident.lasted(report.reached));
            let worst = incident.worst();
            vec![
                (&*incident.alert).into(),
                (&*incident.series).into(),
                report.local(incident.opened()).into(),
                format!("{lasted}{open}").into(),
                Cell::coloured(worst.text(), worst),
                report.told(incident).into(),
                incident.reason().into(),
            ]
        })
    });
    println!();
    let heading = ["RECEIVER", "MESSAGES", "PAGES", "AT NIGHT", "NIGHTS"];
    table::print(&heading, &[0], || {
        report.receivers.iter().map(|(name, total)| {
            vec![
                (&**name).into(),
                total.messages.to_string().into(),
                total.calls.to_string().into(),
                total.calls_at_night.to_string().into(),
                total.nights.len().to_string().into(),
            ]
        })
    });
    println!();
    let heading = [
        "WORST OFFENDER",
        "SERIES",
        "PAGES",
        "INCIDENTS",
        "LASTED",
        "WORST",
    ];
    table::print(&heading, &[1, 0], || {
        report.offenders.iter().take(OFFENDERS).map(|offender| {
            vec![
                (&*offender.alert).into(),
                (&*offender.series).into(),
                offender.calls.to_string().into(),
                offender.incidents.to_string().into(),
                duration::format(offender.lasted).into(),
                Cell::coloured(offender.worst.text(), offender.worst),
            ]
        })
    });
}
