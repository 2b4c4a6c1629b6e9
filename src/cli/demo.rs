//! `demo`: the whole agent on this computer's own metrics.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use tokio::sync::watch;

use super::{fail, run};
use crate::agent;
use crate::config;
use crate::demo;

/// `demo`
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Serves /healthz and /readyz at this address
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

/// Starts the built-in Graphite, and the agent on it.
pub async fn demo(options: Options) -> ExitCode {
    let folder = match tempfile::Builder::new()
        .prefix("graphite-pager-demo-")
        .tempdir()
    {
        Ok(folder) => folder,
        Err(error) => {
            fail(&format!("cannot make a temporary folder: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let result = play(folder.path(), options.listen).await;
    if let Err(error) = folder.close() {
        tracing::warn!("the temporary folder could not be removed: {error}");
    }
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            fail(&why);
            ExitCode::FAILURE
        }
    }
}

async fn play(folder: &Path, listen: Option<SocketAddr>) -> Result<(), String> {
    let (stop, stopped) = watch::channel(false);
    let graphite = demo::start(true, stopped)
        .await
        .map_err(|error| format!("cannot start the built-in Graphite: {error}"))?;
    let file = folder.join("alerts.yml");
    let yaml = demo::alerts_yaml(&graphite.url, &folder.join("demo.db"), listen);
    std::fs::write(&file, yaml)
        .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    eprintln!(
        "A Graphite with this computer's metrics runs at {}\nIts alerts are in {}\nOne of them, Wave, goes bad and recovers within the first minute. Ctrl-C ends everything.\n",
        graphite.url,
        file.display()
    );
    let paths = vec![file];
    // whatever this computer is otherwise set up for: the demo shows itself
    let loaded = config::load(&paths, &|_| None).map_err(|report| report.to_string())?;
    // whoever closes the window wants it gone
    let on_hangup = run::OnHangup::Stop;
    let ended = run::agent(loaded, paths, agent::Options::default(), on_hangup).await;
    let _ = stop.send(true);
    let _ = graphite.task.await;
    ended
}
