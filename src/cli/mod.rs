//! The commands, one file each. Data goes to standard output, everything else
//! to standard error; a command returns its exit status.

mod check;
mod demo;
mod docs;
mod import;
mod logs;
mod notify;
mod packs;
mod pages;
mod progress;
mod replay;
mod run;
mod schema;
mod table;
mod test;
mod verify;

use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::alert::Group;
use crate::config::{self, Config, Loaded, Problem};
use crate::deliver::text;

/// Watches Graphite and pages people.
#[derive(Debug, Parser)]
#[command(
    name = "graphite-pager",
    version,
    about = "Watches Graphite and pages people: every series judged, every incident told once, every page linked to its documentation.",
    after_help = "Example, with nothing to set up:\n  graphite-pager demo",
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    logs: logs::Options,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the agent until SIGTERM or Ctrl-C; SIGHUP reads the configuration again
    #[command(
        after_help = "Example:\n  graphite-pager run -c alerts.yml\n\nBeside an older tool, telling nobody:\n  graphite-pager run -c alerts.yml --dry-run\n\nExit status: 0 after a clean stop, 1 if it cannot start."
    )]
    Run(run::Options),
    /// Checks the configuration and lists each alert with its next evaluation
    #[command(
        after_help = "Example:\n  graphite-pager verify -c alerts.yml\n\nAnd whether Graphite and the documentation are as it takes them to be:\n  graphite-pager verify -c alerts.yml --online\n\nExit status: 0 if it can be used, 1 if not, or with `--strict` where there is a warning."
    )]
    Verify(verify::Options),
    /// Evaluates everything once and says how each series reads now; tells nobody
    #[command(
        after_help = "Example:\n  graphite-pager check -c alerts.yml Load\n\nExit status, the first that applies: 2 something is critical, 3 a fetch failed or there is no data,\n1 something is a warning, 0 all is well (as monitoring plugins have it)."
    )]
    Check(check::Options),
    /// Runs tests of alerts, as `run` would judge and tell, in no time
    #[command(
        after_help = "Example:\n  graphite-pager test alerts/load.test.yml\n\nAll below a folder, for continuous integration:\n  graphite-pager test alerts --junit results.xml --coverage\n\nExit status: 0 if all passed, 1 if not."
    )]
    Test(test::Options),
    /// Runs the alerts over Graphite's history: what would have been told, when, for how long
    #[command(
        after_help = "Example:\n  graphite-pager replay --from -7d -c alerts.yml\n\nOne alert over a day, for a spreadsheet:\n  graphite-pager replay --from 2026-11-20 --until 2026-11-21 -c alerts.yml Load --format csv\n\nExit status: 0 if it was replayed, 1 if not."
    )]
    Replay(replay::Options),
    /// Checks the documentation pages of the alerts, or writes pages to fill in
    #[command(
        after_help = "Example:\n  graphite-pager docs scaffold -c alerts.yml --docs-path docs\n  graphite-pager docs check -c alerts.yml --docs-path docs\n\nExit status: 0 if all is well, 1 if not."
    )]
    Docs(docs::Options),
    /// Turns alerts of graphite-beacon, Moira, Grafana or Nagios into a configuration
    #[command(
        after_help = "Example:\n  graphite-pager import graphite-beacon config.json > alerts/beacon.yml\n\nFrom an API:\n  graphite-pager import moira https://moira.example.com/api/trigger > alerts/moira.yml\n\nExit status: 0 if anything was taken, 1 if not."
    )]
    Import(import::Options),
    /// Lists the alert packs that `use:` knows, with their parameters; or prints one
    #[command(
        after_help = "Example:\n  graphite-pager packs\n\nFor reading and for copying:\n  graphite-pager packs haproxy > haproxy.yml\n  graphite-pager packs haproxy --tests > haproxy.test.yml\n\nExit status: 0, 1 if there is no such pack."
    )]
    Packs(packs::Options),
    /// Sends a test incident and its end through one receiver
    #[command(
        after_help = "Example:\n  graphite-pager notify ops-mail -c alerts.yml\n\nExit status: 0 if the receiver accepted both, 1 if not."
    )]
    Notify(notify::Options),
    /// Runs the whole agent on this computer's own metrics, with nothing to set up
    #[command(
        after_help = "Example:\n  graphite-pager demo\n\nCtrl-C ends it. It writes to a temporary folder only."
    )]
    Demo(demo::Options),
    /// Prints a JSON Schema of the configuration, or of alert tests: editors complete and check by it
    #[command(
        after_help = "Example:\n  graphite-pager schema > graphite-pager.schema.json\n\nOf alert tests (*.test.yml):\n  graphite-pager schema tests > graphite-pager-tests.schema.json"
    )]
    Schema {
        /// Of what
        #[arg(value_enum, default_value_t)]
        of: schema::Of,
    },
    /// Prints completions for a shell
    #[command(
        after_help = "Example:\n  graphite-pager completions bash > /etc/bash_completion.d/graphite-pager"
    )]
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Prints the manual page, or writes one for each command into a folder
    #[command(after_help = "Example:\n  graphite-pager man | man -l -")]
    Man {
        /// Writes graphite-pager.1, graphite-pager-run.1, ... into this folder
        #[arg(long, value_name = "FOLDER")]
        dir: Option<PathBuf>,
    },
}

/// What a command says that was started in a folder without a configuration.
const NOTHING_TO_READ: &str = "error: this folder has neither `alerts.yml` nor a folder `alerts`

hint: name a configuration with `--config PATH`; `graphite-pager demo` shows the program without one";

/// Where the configuration is.
#[derive(Clone, Debug, Args)]
pub struct Paths {
    /// A configuration file, or a folder of them (*.yml, *.yaml); several make one configuration
    /// [default: alerts.yml, else alerts/]
    #[arg(short = 'c', long = "config", value_name = "PATH")]
    config: Vec<PathBuf>,
}

/// How data is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For programs
    Json,
}

impl Paths {
    /// The paths that were given, else the default ones.
    fn resolve(&self) -> Vec<PathBuf> {
        if self.config.is_empty() {
            config::default_paths(std::path::Path::new(""))
        } else {
            self.config.clone()
        }
    }

    /// Reads the configuration; every problem goes to standard error.
    fn load(&self) -> Option<Loaded> {
        self.load_with(load)
    }

    /// The same, read in another way.
    fn load_with<T>(
        &self,
        load: impl FnOnce(&[PathBuf]) -> Result<T, config::Report>,
    ) -> Option<T> {
        let paths = self.resolve();
        if self.config.is_empty() && !paths.iter().any(|path| path.exists()) {
            eprintln!("{NOTHING_TO_READ}");
            return None;
        }
        match load(&paths) {
            Ok(loaded) => Some(loaded),
            Err(report) => {
                eprint!("{report}");
                None
            }
        }
    }
}

/// Reads the configuration with this process' environment.
fn load(paths: &[PathBuf]) -> Result<Loaded, config::Report> {
    config::load(paths, &|name| std::env::var(name).ok())
}

/// Prints problems, one after the other, with a line between them.
fn print_problems<'a>(problems: impl IntoIterator<Item = &'a Problem>) {
    for problem in problems {
        eprintln!("{problem}");
    }
}

/// Writes to standard output; a reader that has seen enough is no error.
fn print_text(text: &str) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed.map_err(|error| format!("cannot print the results: {error}")),
    }
}

/// All groups, or the one of this name.
fn named(config: &Config, name: Option<&str>) -> Result<Vec<Arc<Group>>, String> {
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

/// `1 alert`, `2 alerts`.
fn many(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}

/// Says why a command cannot go on.
fn fail(why: &dyn std::fmt::Display) {
    eprintln!("error: {}", text::clean_lines(&why.to_string()));
}

impl Cli {
    /// Whether the command is one that runs until it is stopped.
    pub fn stays(&self) -> bool {
        matches!(self.command, Command::Run(_) | Command::Demo(_))
    }

    /// Carries out the command.
    pub fn run(self) -> ExitCode {
        self.logs.start(match self.command {
            Command::Run(_) => "info",
            _ => "warn",
        });
        if let Command::Completions { shell } = self.command {
            return pages::completions(shell);
        }
        if let Command::Schema { of } = self.command {
            return schema::schema(of);
        }
        if let Command::Packs(options) = &self.command {
            return packs::packs(options);
        }
        if let Command::Man { dir } = &self.command {
            return pages::man(dir.as_deref());
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                fail(&format!("cannot start: {error}"));
                return ExitCode::FAILURE;
            }
        };
        let status = runtime.block_on(async {
            match self.command {
                Command::Run(options) => run::run(options).await,
                Command::Verify(options) => verify::verify(&options).await,
                Command::Check(options) => check::check(options).await,
                Command::Test(options) => test::test(&options),
                Command::Replay(options) => replay::replay(options).await,
                Command::Docs(options) => docs::docs(&options).await,
                Command::Import(options) => import::import(&options).await,
                Command::Notify(options) => notify::notify(&options).await,
                Command::Demo(options) => demo::demo(options).await,
                Command::Packs(_)
                | Command::Schema { .. }
                | Command::Completions { .. }
                | Command::Man { .. } => ExitCode::SUCCESS,
            }
        });
        // a blocking read or write that hangs must not hold up the end
        runtime.shutdown_timeout(std::time::Duration::from_secs(1));
        status
    }
}
