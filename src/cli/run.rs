//! `run`: the agent, its signals, its reloads.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::{Paths, fail, load, print_problems};
use crate::agent::{self, Agent, Watched};
use crate::config::{Config, FirstSteps, Loaded, Problem, Store};
use crate::docs::{folder, steps};
use crate::store::Sqlite;
use crate::web;

/// `run`
#[derive(Clone, Debug, Args)]
pub struct Options {
    #[command(flatten)]
    paths: Paths,
    /// Everything but telling: what would be told is printed, and state is kept in a file of its own
    /// (the store's name with `.dry-run`)
    #[arg(long)]
    dry_run: bool,
}

/// Runs the agent until it is told to stop.
pub async fn run(options: Options) -> ExitCode {
    let paths = options.paths.resolve();
    let Some(loaded) = options.paths.load() else {
        return ExitCode::FAILURE;
    };
    for warning in &loaded.warnings {
        log(warning);
    }
    match agent(
        loaded,
        paths,
        agent::Options {
            dry_run: options.dry_run,
        },
        OnHangup::Reload,
    )
    .await
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            fail(&why);
            ExitCode::FAILURE
        }
    }
}

/// What SIGHUP means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnHangup {
    /// The configuration is to be read again.
    Reload,
    /// The terminal was closed.
    Stop,
}

/// Runs the agent on a configuration that was read from `paths`.
pub async fn agent(
    loaded: Loaded,
    paths: Vec<PathBuf>,
    options: agent::Options,
    on_hangup: OnHangup,
) -> Result<(), String> {
    // signals first: one that comes while the agent starts must not kill it half-way
    let mut signals =
        Signals::new().map_err(|error| format!("cannot listen to signals: {error}"))?;
    let Loaded {
        mut config, files, ..
    } = loaded;
    // before anything that takes time: a change from now on is read again
    let watched = Watched::new(files).await;
    let pages = watched_pages(&config).await;
    config.first_steps = first_steps(&config).await.unwrap_or_default();
    let file = store_file(&config, options);
    let store = Sqlite::open(&file)
        .await
        .map_err(|error| error.to_string())?;
    let listener = listen(&config).await?;
    let address = listener
        .as_ref()
        .and_then(|listener| listener.local_addr().ok());
    let described = describe(&config, &file, address, options);
    let mut agent = Agent::start(config.clone(), store, options)
        .await
        .map_err(|error| error.to_string())?;
    tracing::info!("{described}");
    let (stop, stopped) = watch::channel(false);
    let web = listener.map(|listener| tokio::spawn(web::serve(listener, agent.health(), stopped)));
    let mut running = Running {
        config,
        paths,
        watched,
        pages,
    };
    loop {
        tokio::select! {
            () = signals.stop.wait() => break,
            () = agent.failed() => {
                return Err("the task that owns the state has ended: this is a bug".to_owned());
            }
            () = hangup(&mut signals.hangup) => {
                if on_hangup == OnHangup::Stop {
                    break;
                }
                tracing::info!("SIGHUP: reading the configuration again");
                running.watched.look().await;
                running.reload(&mut agent, true).await;
            }
            [configuration, _] = agent::changed([&mut running.watched, &mut running.pages]) => {
                if configuration {
                    tracing::info!("the configuration changed: reading it again");
                    running.reload(&mut agent, false).await;
                } else {
                    running.read_pages(&mut agent).await;
                }
            }
        }
    }
    tracing::info!("stopping: finishing what is under way (a second signal ends at once)");
    let _ = stop.send(true);
    tokio::select! {
        () = agent.stop() => tracing::info!("stopped"),
        () = signals.stop.wait() => return Err("stopped before everything was written".to_owned()),
    }
    if let Some(web) = web {
        let _ = web.await;
    }
    Ok(())
}

/// What a reload starts from.
struct Running {
    config: Config,
    paths: Vec<PathBuf>,
    watched: Watched,
    /// The documentation pages that messages quote.
    pages: Watched,
}

impl Running {
    /// Reads the configuration again. One with an error changes nothing.
    async fn reload(&mut self, agent: &mut Agent, at_once: bool) {
        let paths = self.paths.clone();
        let read = tokio::task::spawn_blocking(move || load(&paths)).await;
        let loaded = match read {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(report)) => {
                print_problems(&report.0);
                tracing::error!(
                    problems = report.0.len(),
                    "the new configuration cannot be used: the old one runs on"
                );
                // a file that is at fault may be one that was not there before
                let faulty = report.0.into_iter().map(|problem| problem.path);
                self.watched.also(faulty.collect()).await;
                return;
            }
            Err(error) => {
                tracing::error!("the configuration was not read: {error}: the old one runs on");
                return;
            }
        };
        let Loaded {
            mut config,
            warnings,
            files,
        } = loaded;
        self.watched = Watched::new(files).await;
        warnings.iter().for_each(log);
        let pages = watched_pages(&config).await;
        config.first_steps = first_steps(&config).await.unwrap_or_default();
        if config.store != self.config.store || config.listen != self.config.listen {
            tracing::warn!("`store` and `listen` changed: that takes effect at the next start");
        }
        match agent.reload(config.clone(), at_once).await {
            Ok(()) => {
                tracing::info!(alerts = alerts(&config), "the new configuration is in use");
                self.config = config;
                self.pages = pages;
            }
            Err(error) => tracing::error!("{error}: the old configuration runs on"),
        }
    }

    /// Reads the documentation pages again, whatever state the configuration's files are in.
    async fn read_pages(&mut self, agent: &mut Agent) {
        match first_steps(&self.config).await {
            // what changed stands in another section
            Some(read) if read == self.config.first_steps => {}
            Some(read) => {
                tracing::info!(
                    pages = read.len(),
                    "documentation pages changed: messages quote them as they are now"
                );
                self.config.first_steps = read.clone();
                agent.quote(read).await;
            }
            None => {}
        }
    }
}

/// The documentation pages as they are now.
async fn watched_pages(config: &Config) -> Watched {
    Watched::files(steps::folders(config), folder::is_page).await
}

/// What the alerts' pages say to do first; a page that cannot be read costs that alone.
async fn first_steps(config: &Config) -> Option<FirstSteps> {
    let of = config.clone();
    match tokio::task::spawn_blocking(move || steps::read(&of)).await {
        Ok(read) => {
            for (path, error) in read.unread {
                let path = path.display();
                tracing::warn!("messages quote no first steps of `{path}`: {error}");
            }
            Some(read.steps)
        }
        Err(error) => {
            tracing::error!("the documentation pages were not read: {error}");
            None
        }
    }
}

/// A warning about the configuration, on one line.
fn log(warning: &Problem) {
    let place = warning
        .at
        .map_or(String::new(), |(line, column)| format!(":{line}:{column}"));
    let hint = warning
        .hint
        .as_ref()
        .map_or(String::new(), |hint| format!("; {hint}"));
    tracing::warn!(
        code = warning.code.map(tracing::field::display),
        "{}{place}: {}{hint}",
        warning.path.display(),
        warning.message
    );
}

/// The signals that a person or a supervisor sends.
struct Signals {
    stop: Stop,
    hangup: Signal,
}

struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        let stop = Stop {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        };
        // a file that may not grow (`ulimit -f`) is a store that fails, not the end
        let _ = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?;
        Ok(Self {
            stop,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

impl Stop {
    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

async fn hangup(signal: &mut Signal) {
    if signal.recv().await.is_none() {
        std::future::pending::<()>().await;
    }
}

async fn listen(config: &Config) -> Result<Option<TcpListener>, String> {
    let Some(address) = config.listen else {
        return Ok(None);
    };
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(error) => Err(format!(
            "cannot listen on {address}: {error}: set `listen:` to a free address, or to `off`"
        )),
    }
}

/// A dry run must neither lock the agent's own state nor leave its marks there.
fn store_file(config: &Config, options: agent::Options) -> PathBuf {
    let Store::File(file) = &config.store;
    if !options.dry_run {
        return file.clone();
    }
    let mut name = file.clone().into_os_string();
    name.push(".dry-run");
    PathBuf::from(name)
}

fn alerts(config: &Config) -> usize {
    config.groups.iter().map(|group| group.alerts.len()).sum()
}

fn describe(
    config: &Config,
    file: &std::path::Path,
    listening: Option<SocketAddr>,
    options: agent::Options,
) -> String {
    let told = match options.dry_run {
        true => "nobody (dry run)".to_owned(),
        false => super::many(config.receivers.len(), "receiver"),
    };
    let listen = listening.map_or("off".to_owned(), |address| format!("http://{address}"));
    format!(
        "watching {} on {}, telling {told}; store {}, health {listen}",
        super::many(alerts(config), "alert"),
        config.graphite.url,
        file.display()
    )
}
