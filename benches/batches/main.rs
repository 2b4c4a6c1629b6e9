//! How late 1,000 alerts that are due in the same second are judged, by how long
//! Graphite takes for a request, with and without sharing requests.
//!
//!     cargo bench --bench batches
//!
//! The agent is the real binary with its defaults (`concurrency: 4`), Graphite a
//! stand-in that answers each request so much later, or refuses `aliasSub`. Every
//! series is critical from the start: an alert is judged when the log says that
//! its incident opened, which it does once that is written. A slot begins each
//! minute, so this takes some minutes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

#[path = "../../tests/support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use support::agent::Setup;
use support::graphite::{Failure, Graphite, Series};
use support::poll;

const RULES: usize = 1000;

/// A minute's wait for the slot, and what it takes.
const PATIENCE: Duration = Duration::from_secs(150);

fn main() {
    println!(
        "| Graphite takes | requests | first judged after, ms | last of {RULES} judged after, ms |"
    );
    println!("|---|---|---|---|");
    for millis in [0, 20, 50] {
        measure(millis, true);
    }
    for millis in [20, 50] {
        measure(millis, false);
    }
}

/// One slot.
fn measure(millis: u64, shares: bool) {
    let graphite = Graphite::start();
    if !shares {
        graphite.no_alias_sub();
    }
    let mut yaml = format!(
        "graphite: {{url: '{}'}}\nlisten: off\nreceivers: {{screen: {{console: {{}}}}}}\n\
         defaults: {{schedule: '* * * * *', settle: off, critical: 20}}\nalerts:\n",
        graphite.url()
    );
    for rule in 0..RULES {
        graphite.set(
            &format!("servers.web-{rule}.load"),
            vec![Series::constant("web", 25.0)],
        );
        let _ = writeln!(
            yaml,
            "- {{name: Load {rule}, target: servers.web-{rule}.load}}"
        );
    }
    graphite.fail(Failure::Slow(Duration::from_millis(millis)));
    let agent = Setup::new(&yaml).start();
    let mut first = None;
    let last = poll(PATIENCE, || {
        let judged = agent.stderr().matches(" opened ").count();
        if judged > 0 && first.is_none() {
            first = Some(now());
        }
        (judged >= RULES).then(now)
    });
    let requests = graphite.requests();
    let until = requests.first().and_then(|one| one.parameter("until"));
    let slot = Duration::from_secs(until.unwrap().parse().unwrap());
    let after = |at: Option<Duration>| match at {
        Some(at) => at.saturating_sub(slot).as_millis().to_string(),
        None => "never".to_owned(),
    };
    println!(
        "| {millis} ms{} | {} | {} | {} |",
        if shares { "" } else { ", one target a request" },
        requests.len(),
        after(first),
        after(last)
    );
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}
