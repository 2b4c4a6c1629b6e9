//! The built-in Graphite of `graphite-pager demo`: this computer's own load,
//! memory, swap, disks and network as series, and some that are made up, behind
//! the same `/render` that a real server has.
//!
//! It knows nothing of alerting but the text of the configuration that the
//! demo runs; the agent meets it over HTTP like any other server. It listens
//! on 127.0.0.1 only, keeps an hour in memory, and writes nothing anywhere.

mod alerts;
mod answer;
mod evaluate;
mod expression;
mod made_up;
mod metrics;
mod page;
mod request;
mod rings;
mod sampling;
mod server;
mod svg;

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use alerts::alerts_yaml;

use rings::Rings;

/// A built-in Graphite that is running.
#[derive(Debug)]
pub struct Demo {
    /// Where it answers: `http://127.0.0.1:PORT`.
    pub url: String,
    /// Ends soon after the stop signal.
    pub task: JoinHandle<()>,
}

/// Where it is where it can be: known beforehand, so that it can be written down.
pub const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9781);

/// Starts the built-in Graphite on a free loopback port, at [`ADDRESS`] if `known`
/// and nobody else is there. When it returns there is a first point of every
/// series, so that nobody sees an empty answer.
///
/// It ends when `stop` becomes true or its sender is gone.
///
/// # Errors
/// When no loopback port can be had.
pub async fn start(known: bool, stop: watch::Receiver<bool>) -> io::Result<Demo> {
    let wanted = match known {
        true => TcpListener::bind(ADDRESS).await.ok(),
        false => None,
    };
    let listener = match wanted {
        Some(listener) => listener,
        None => TcpListener::bind((ADDRESS.0, 0)).await?,
    };
    let url = format!("http://{}", listener.local_addr()?);
    let rings = Arc::new(Mutex::new(Rings::default()));
    let sampling = sampling::begin(Arc::clone(&rings)).await;
    let task = tokio::spawn(async move {
        tokio::join!(
            sampling.run(stop.clone()),
            server::run(listener, rings, stop)
        );
    });
    Ok(Demo { url, task })
}

/// Returns once `stop` is true, or can never become so.
async fn stopped(mut stop: watch::Receiver<bool>) {
    // an error means that the sender is gone, and with it whoever wanted the demo
    let _ = stop.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests;
