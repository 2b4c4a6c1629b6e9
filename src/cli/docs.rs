//! `docs`: the documentation pages of alerts.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::progress::{Progress, stopped_by_ctrl_c};
use super::{Paths, fail, load, many, print_text};
use crate::alert::{Docs, duration};
use crate::config::{self, Config};
use crate::deliver::text;
use crate::docs::fault::{self, Fault};
use crate::docs::folder::{self, Folder};
use crate::docs::wanted::Link;
use crate::docs::{check, online, scaffold, wanted};
use crate::now::now;

mod serve;

/// `docs`
#[derive(Clone, Debug, Args)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Finds alerts without a page, pages without an alert, missing sections and anchors
    #[command(
        after_help = "Example:\n  graphite-pager docs check -c alerts.yml\n\nThe pages as they are published, too:\n  graphite-pager docs check -c alerts.yml --online\n\nExit status: 0 if nothing is found, 1 if something is."
    )]
    Check(CheckOptions),
    /// Writes a page to fill in for each alert that has none; touches no page that is there
    #[command(
        after_help = "Example:\n  graphite-pager docs scaffold -c alerts.yml --docs-path docs\n\nExit status: 0 if every alert has a page now, 1 if not."
    )]
    Scaffold(ScaffoldOptions),
    /// Shows the pages in a browser, read anew at each look
    #[command(
        after_help = "Example:\n  graphite-pager docs serve -c alerts.yml\n\nSo that the links of messages lead there, write `docs_url: http://127.0.0.1:8030`.\n\nExit status: 0 after Ctrl-C, 1 if it cannot start."
    )]
    Serve(serve::Options),
}

#[derive(Clone, Debug, Args)]
struct CheckOptions {
    #[command(flatten)]
    place: Place,
    /// Fetches each link that messages hold, and looks for its anchors
    #[arg(long)]
    online: bool,
    /// How long each link may take
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = timeout, requires = "online")]
    timeout: Duration,
    /// How the findings are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Debug, Args)]
struct ScaffoldOptions {
    #[command(flatten)]
    place: Place,
}

/// Which alerts, and where their pages are.
#[derive(Clone, Debug, Args)]
struct Place {
    #[command(flatten)]
    paths: Paths,
    /// The folder of the pages; takes the place of `docs_path` in the configuration
    #[arg(long, value_name = "FOLDER")]
    docs_path: Option<PathBuf>,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

fn timeout(text: &str) -> Result<Duration, String> {
    match duration::parse(text)? {
        Duration::ZERO => Err("expected a time longer than zero, such as `10s`".to_owned()),
        span => Ok(span),
    }
}

/// Checks or writes pages.
pub async fn docs(options: &Options) -> ExitCode {
    match &options.command {
        Command::Check(options) => check(options).await,
        Command::Scaffold(options) => scaffold(options),
        Command::Serve(options) => match serve::serve(options).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                if let Some(why) = why {
                    fail(&why);
                }
                ExitCode::FAILURE
            }
        },
    }
}

impl Place {
    /// Where the pages are; said where that is nowhere.
    fn folder(&self, config: &Config) -> Option<PathBuf> {
        self.docs_path.clone().or_else(|| config.docs_path.clone())
    }
}

const NO_FOLDER: &str = "nothing says where the pages are

hint: write `docs_path: docs` into the configuration, or name the folder with `--docs-path docs`";

async fn check(options: &CheckOptions) -> ExitCode {
    // pages are checked where no secret is; addresses are asked for only as they are written
    let loaded = match options.online {
        true => options.place.paths.load_with(load),
        false => options.place.paths.load_with(rehearse),
    };
    let Some(config) = loaded.map(|loaded| loaded.config) else {
        return ExitCode::FAILURE;
    };
    let mut faults = Vec::new();
    match options.place.folder(&config) {
        Some(folder) => match Folder::read(&folder) {
            Ok(pages) => faults.extend(check::check(&config, &wanted::pages(&config), &pages)),
            Err((path, error)) => return unreadable(&folder, &path, &error),
        },
        None if options.online => {}
        None => {
            fail(&NO_FOLDER);
            return ExitCode::FAILURE;
        }
    }
    let mut asked = 0;
    if options.online {
        let (links, unknown) = wanted::links(&config);
        asked = links.len();
        if links.is_empty() && unknown.is_empty() {
            fail(
                &"no alert has a link\n\nhint: write `docs_url: https://wiki.example.com/alerts`, where the pages are published",
            );
            return ExitCode::FAILURE;
        }
        if !unknown.is_empty() {
            let names = fault::list(unknown.iter().map(String::as_str));
            eprintln!("note: the links of {names} depend on the series, and are not fetched");
        }
        match fetch(&links, options.timeout).await {
            Ok(found) => faults.extend(found),
            Err(why) => {
                fail(&why);
                return ExitCode::FAILURE;
            }
        }
    }
    note_unpublished(&config);
    print(options.format, &faults);
    if faults.is_empty() {
        let alerts = many(config.groups.len(), "alert");
        match asked {
            0 => eprintln!("ok: the pages of {alerts}"),
            asked => eprintln!("ok: the pages of {alerts}, {}", many(asked, "link")),
        }
        return ExitCode::SUCCESS;
    }
    eprintln!("{}", many(faults.len(), "fault"));
    ExitCode::FAILURE
}

/// Fetches all links, and says how far it is.
async fn fetch(links: &[Link], timeout: Duration) -> Result<Vec<Fault>, String> {
    let mut progress = Progress::on_a_terminal();
    let all = links.len();
    let mut said = |done: usize| {
        let what = format!("{done} of {all} links fetched");
        progress.show(done as f64 / all as f64, &what);
    };
    let fetched = online::check(links, timeout, stopped_by_ctrl_c(), &mut said).await?;
    progress.end();
    match fetched.links == all {
        true => Ok(fetched.faults),
        false => Err(format!(
            "stopped: {} of {all} links were fetched",
            fetched.links
        )),
    }
}

/// Reads the configuration without the secrets that it names.
fn rehearse(paths: &[PathBuf]) -> Result<config::Loaded, config::Report> {
    config::rehearse(paths, &|name| std::env::var(name).ok())
}

fn note_unpublished(config: &Config) {
    let alerts = config.groups.iter().flat_map(|group| &group.alerts);
    if alerts.into_iter().any(|alert| alert.docs == Docs::Nowhere) {
        eprintln!(
            "note: no message links to pages before `docs_url` says where they are published"
        );
    }
}

fn unreadable(folder: &Path, path: &Path, error: &std::io::Error) -> ExitCode {
    let shown = path.display();
    match error.kind() {
        ErrorKind::NotFound if path == folder => fail(&format!(
            "there is no folder `{shown}`\n\nhint: `graphite-pager docs scaffold` makes it, with a page for each alert"
        )),
        _ => fail(&format!("cannot read `{shown}`: {error}")),
    }
    ExitCode::FAILURE
}

fn print(format: Format, faults: &[Fault]) {
    let text = match format {
        Format::Text => fault::report(faults),
        Format::Json => match serde_json::to_string_pretty(faults) {
            Ok(json) => json + "\n",
            Err(error) => return fail(&error),
        },
    };
    say(&text);
}

fn say(text: &str) {
    if let Err(why) = print_text(text) {
        fail(&why);
    }
}

fn scaffold(options: &ScaffoldOptions) -> ExitCode {
    let Some(loaded) = options.place.paths.load_with(rehearse) else {
        return ExitCode::FAILURE;
    };
    let config = loaded.config;
    let Some(root) = options.place.folder(&config) else {
        fail(&NO_FOLDER);
        return ExitCode::FAILURE;
    };
    let pages = match Folder::read(&root) {
        Ok(pages) => pages,
        Err((path, error)) if path == root && error.kind() == ErrorKind::NotFound => {
            Folder::default()
        }
        Err((path, error)) => return unreadable(&root, &path, &error),
    };
    let today = now().rfc3339().chars().take(10).collect::<String>();
    let (mut written, mut left, mut failed) = (0, 0, 0);
    for wanted in wanted::pages(&config) {
        if let Some([found, ..]) = pages.pages.get(wanted.alert).map(Vec::as_slice) {
            left += 1;
            said("left alone", &found.path);
            continue;
        }
        let Some(path) = folder::place(&root, wanted.alert) else {
            failed += 1;
            fail(&format!(
                "no file can have the name of alert `{}`",
                wanted.alert
            ));
            continue;
        };
        match folder::write(&path, &scaffold::page(&wanted, &today)) {
            Ok(true) => {
                written += 1;
                said("written", &path);
            }
            Ok(false) => {
                left += 1;
                said("left alone", &path);
            }
            Err(error) => {
                failed += 1;
                fail(&format!("cannot write `{}`: {error}", path.display()));
            }
        }
    }
    eprintln!("{} written, {left} left alone", many(written, "page"));
    note_unpublished(&config);
    match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn said(what: &str, path: &Path) {
    say(&format!(
        "{what} {}\n",
        text::clean(&path.to_string_lossy())
    ));
}
