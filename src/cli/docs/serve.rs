//! `docs serve`: the pages in a browser.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::{NO_FOLDER, Place, rehearse};
use crate::cli::many;
use crate::docs::serve;
use crate::docs::site::Source;

/// `docs serve`
#[derive(Clone, Debug, Args)]
pub struct Options {
    #[command(flatten)]
    place: Place,
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8030")]
    listen: SocketAddr,
}

/// Shows the pages until Ctrl-C; an error that was said already has no words.
pub async fn serve(options: &Options) -> Result<(), Option<String>> {
    // before anything is said: whoever reads that it runs may stop it
    let cannot = |error| Some(format!("cannot listen to signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let place = options.place.clone();
    let config = place.paths.load_with(rehearse).ok_or(None)?.config;
    let root = place
        .folder(&config)
        .ok_or_else(|| Some(NO_FOLDER.to_owned()))?;
    if !root.is_dir() {
        let root = root.display();
        return Err(Some(format!(
            "there is no folder `{root}`\n\nhint: `graphite-pager docs scaffold` makes it, with a page for each alert"
        )));
    }
    let listener = TcpListener::bind(options.listen).await.map_err(|error| {
        let at = options.listen;
        Some(format!(
            "cannot listen on {at}: {error}\n\nhint: choose another address, such as `--listen 127.0.0.1:8031`"
        ))
    })?;
    let at = listener
        .local_addr()
        .map_err(|error| Some(error.to_string()))?;
    let alerts = many(config.groups.len(), "alert");
    eprintln!("the pages of {alerts} are at http://{at}/ until Ctrl-C");
    let (stop, stopped) = watch::channel(false);
    let read = Arc::new(move || source(&place, &root));
    let served = tokio::spawn(serve::serve(listener, read, stopped));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    let _ = stop.send(true);
    let _ = served.await;
    Ok(())
}

/// The configuration as it is now. While it cannot be read, pages are where they were.
fn source(place: &Place, before: &Path) -> Source {
    match rehearse(&place.paths.resolve()) {
        Ok(loaded) => Source {
            root: place
                .folder(&loaded.config)
                .unwrap_or_else(|| before.to_path_buf()),
            config: Ok(loaded.config),
        },
        Err(report) => Source {
            root: before.to_path_buf(),
            config: Err(report.to_string()),
        },
    }
}
