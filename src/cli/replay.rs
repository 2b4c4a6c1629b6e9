//! `replay`: what would have been told, had these alerts run over Graphite's history.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::progress::{Progress, stopped_by_ctrl_c};
use super::table::{self, Cell};
use super::{Paths, fail, many, named, print_text};
use crate::agent;
use crate::alert::{Group, Timestamp, Zone, duration};
use crate::config::Config;
use crate::graphite::Client;
use crate::now::now;
use crate::replay::report::Report;
use crate::replay::values::Values;
use crate::replay::{self, Feeds, Player, Span, Task, csv, html, json, span};

mod compare;
mod suggest;

/// Rows of the table of worst offenders.
const OFFENDERS: usize = 10;

/// How often it is said how far a replay is where nobody sees a bar.
const ELSEWHERE: Duration = Duration::from_secs(10);

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
    timezone: Zone,
    /// How the results are printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// What this configuration would have changed: pages gained, lost and moved
    #[arg(long, value_name = "PATH", conflicts_with = "html")]
    compare: Option<PathBuf>,
    /// Suggests a threshold and a `for` for the alert of this name
    #[arg(long, value_name = "ALERT", conflicts_with_all = ["alert", "compare", "html"])]
    suggest: Option<String>,
    /// Pages a week that a suggestion may give [default: 2]
    #[arg(long, value_name = "N", requires = "suggest")]
    at_most: Option<f64>,
    /// Times of incidents that a suggestion must catch, separated by commas
    #[arg(
        long,
        value_name = "TIME",
        requires = "suggest",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    must_catch: Vec<String>,
    /// Writes a page with timelines into this file as well
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
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
    let alert = options.alert.as_ref().or(options.suggest.as_ref());
    let side = Side::new(&options.paths, alert.map(String::as_str))?;
    if options.suggest.is_some() {
        return Ok(suggest::suggest(options, &side, (span, now)).await?);
    }
    let other = match &options.compare {
        Some(path) => Some(Side::other(path, options.alert.as_deref())?),
        None => None,
    };
    let mut feeds = Feeds::default();
    let sides = || std::iter::once(&side).chain(&other);
    let players = sides().map(|side| side.player(span, &mut feeds));
    let mut players = players.collect::<Result<Vec<_>, _>>()?;
    if let ([player], true) = (players.as_mut_slice(), options.html.is_some()) {
        player.values = Some(Values::new(span));
    }
    let reached = run(&side, (span, now), &mut feeds, &mut players).await?;
    let mut reports = Vec::new();
    for (side, player) in sides().zip(&players) {
        let warnings = replay::warnings(&side.groups, &feeds, player, span);
        let receivers = side.config.receivers.iter();
        let receivers = receivers.map(|receiver| &receiver.policy.name);
        let when = (span, reached, options.timezone.clone());
        reports.push(Report::new(when, player, receivers, warnings));
    }
    show(options, &mut reports, &side.groups).map_err(Some)
}

/// Replays over the history of `side`'s Graphite, and says how far it is.
async fn run(
    side: &Side,
    (span, now): (Span, Timestamp),
    feeds: &mut Feeds,
    players: &mut [Player],
) -> Result<Timestamp, String> {
    let graphite = &side.config.graphite;
    let client = Client::new(graphite).map_err(|error| agent::chain(&error))?;
    let task = Task {
        client: &client,
        concurrency: graphite.concurrency.max(1),
        span,
        now,
        stop: stopped_by_ctrl_c(),
    };
    let mut progress = Progress::with_lines(ELSEWHERE);
    let mut show = |so_far: replay::Progress| {
        progress.show(so_far.share, &format_args!("at {}", so_far.at));
    };
    let reached = replay::replay(&task, feeds, players, &mut show).await;
    progress.end();
    match reached {
        Ok(reached) if reached == span.from => {
            Err("stopped before there was any history".to_owned())
        }
        Ok(reached) => Ok(reached),
        Err(why) => Err(format!("no history could be had: {why}")),
    }
}

/// Prints what came of it.
fn show(
    options: &Options,
    reports: &mut [Report<'_>],
    groups: &[Arc<Group>],
) -> Result<(), String> {
    match reports {
        [report] => {
            say(report);
            print(report, options.format)?;
            match &options.html {
                Some(path) => write_page(path, &html::write(report, groups)),
                None => Ok(()),
            }
        }
        [before, after] => {
            before.warnings.append(&mut after.warnings);
            before.warnings.sort();
            before.warnings.dedup();
            say(before);
            let text = compare::print(before, after, options.format);
            print_text(&text.map_err(|error| error.to_string())?)
        }
        _ => Ok(()),
    }
}

/// A configuration, and which of its alerts are replayed.
struct Side {
    config: Config,
    groups: Vec<Arc<Group>>,
}

impl Side {
    fn new(paths: &Paths, alert: Option<&str>) -> Result<Self, Option<String>> {
        let config = paths.load().ok_or(None)?.config;
        let groups = named(&config, alert)?;
        Ok(Self { config, groups })
    }

    /// What it is compared with: an alert that is in one of the two alone is
    /// gained or lost, so there may be none of that name.
    fn other(path: &Path, alert: Option<&str>) -> Result<Self, Option<String>> {
        let paths = Paths {
            config: vec![path.to_path_buf()],
        };
        let mut side = Self::new(&paths, None)?;
        side.groups
            .retain(|group| alert.is_none_or(|name| *name == *group.name));
        Ok(side)
    }

    /// Plays those alerts that can be replayed; one at least where there are any.
    fn player(&self, span: Span, feeds: &mut Feeds) -> Result<Player, String> {
        let sound = self.groups.iter();
        let sound = sound.filter(|group| replay::cannot(group).is_none());
        let sound: Vec<_> = sound.cloned().collect();
        match self.groups.first() {
            Some(group) if sound.is_empty() => {
                let why = replay::cannot(group).unwrap_or_default();
                Err(format!("alert `{}`: {why}", group.name))
            }
            _ => Ok(Player::new(&self.config, sound, span.from, feeds)),
        }
    }
}

fn write_page(path: &Path, page: &str) -> Result<(), String> {
    std::fs::write(path, page)
        .map_err(|error| format!("cannot write `{}`: {error}", path.display()))
}

fn span_of(options: &Options, now: Timestamp) -> Result<Span, String> {
    let time = |name: &str, text: &str| {
        span::time(text, now, &options.timezone).map_err(|why| format!("`--{name}`: {why}"))
    };
    let (from, until) = (time("from", &options.from)?, time("until", &options.until)?);
    Span::new(from, until, now)
}

/// Says on standard error what makes the results doubtful.
fn say(report: &Report<'_>) {
    for said in replay::once(&report.warnings) {
        eprintln!("warning: {said}");
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
    print_text(&text)
}

fn tables(report: &Report<'_>) {
    let (from, until) = (report.local(report.span.from), report.local(report.reached));
    let zone = report.zone.name();
    let count = many(report.record.incidents.len(), "incident");
    table::title(&format!("{count} from {from} until {until} ({zone})"));
    if report.record.incidents.is_empty() {
        return;
    }
    table::title("");
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
    table::title("");
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
    table::title("");
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
