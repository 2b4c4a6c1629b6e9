//! What the tests of faults share: an agent that watches one Graphite each
//! second, tells a console and PagerDuty, and is quick to believe and to forget.

use std::fmt::Write as _;

use rustix::process::getuid;
use serde_json::Value;

use super::agent::{Agent, Setup};
use super::graphite::Graphite;
use super::pagerduty::PagerDuty;
use super::{DEADLINE, http, poll};

/// Both stand-ins.
pub struct Bench {
    pub graphite: Graphite,
    pub pagerduty: PagerDuty,
}

impl Bench {
    /// Starts both; Graphite knows no target.
    pub fn start() -> Self {
        Self {
            graphite: Graphite::start(),
            pagerduty: PagerDuty::start(),
        }
    }

    /// `alerts:` of these lines; `graphite` are more of its keys, `top` is a top-level line.
    pub fn configuration(&self, graphite: &str, top: &str, alerts: &[&str]) -> String {
        let key = "0123456789abcdef0123456789abcdef";
        let mut text = format!(
            "graphite: {{url: '{}', {graphite}}}\n\
             listen: 127.0.0.1:0\n\
             receivers: {{screen: {{console: {{}}}}, oncall: {{pagerduty: {{routing_key: '{key}', url: '{}'}}}}}}\n\
             defaults: {{every: 1s, settle: off, recover_for: 0s, no_data_for: 1s, missing_for: 1s, forget_after: 1s}}\n\
             {top}\nalerts:\n",
            self.graphite.url(),
            self.pagerduty.url()
        );
        for alert in alerts {
            let _ = writeln!(text, "  - {{{alert}}}");
        }
        text
    }

    /// The agent with `timeout: 1s, error_for: 1s` on these alerts.
    pub fn setup(&self, alerts: &[&str]) -> Setup {
        Setup::new(&self.configuration("timeout: 1s, error_for: 1s", "", alerts))
    }

    /// Waits until each of `targets` was asked for `times` more times, and judged.
    pub fn evaluated(&self, targets: &[&str], times: usize) {
        // one more: the last may not be judged yet
        let wanted: Vec<_> = targets
            .iter()
            .map(|target| (target, self.graphite.requests_for(target).len() + times + 1))
            .collect();
        for (target, count) in wanted {
            self.graphite.wait_requests(target, count);
        }
    }

    /// Waits until PagerDuty took `count` events in all.
    pub fn wait_events(&self, count: usize) -> Vec<Value> {
        let enough = || Some(self.pagerduty.accepted()).filter(|events| events.len() >= count);
        poll(DEADLINE, enough)
            .unwrap_or_else(|| panic!("{count} events: {:?}", self.pagerduty.sink.requests()))
    }

    /// What PagerDuty took, in order: `trigger Load/web-1`.
    pub fn events(&self) -> Vec<String> {
        let events = self.pagerduty.accepted();
        events.iter().map(short).collect()
    }

    /// Waits for this event, as `events` has it.
    pub fn wait_event(&self, event: &str) {
        let found = || self.events().iter().any(|one| one == event).then_some(());
        poll(DEADLINE, found).unwrap_or_else(|| panic!("no `{event}`: {:?}", self.events()));
    }
}

/// Action, group and series of an event.
fn short(event: &Value) -> String {
    let key = event["dedup_key"].as_str().unwrap();
    let key = percent_encoding::percent_decode_str(key)
        .decode_utf8()
        .unwrap();
    let (_, rest) = key.split_once('/').unwrap();
    format!("{} {rest}", event["event_action"].as_str().unwrap())
}

/// The messages of the console about `part`.
pub fn said(agent: &Agent, part: &str) -> Vec<String> {
    let lines = agent.stdout();
    lines
        .lines()
        .filter(|line| line.starts_with('[') && line.contains(part))
        .map(str::to_owned)
        .collect()
}

/// The levels that the console was told about `part`.
pub fn levels(agent: &Agent, part: &str) -> Vec<String> {
    let level = |line: &String| line[1..].split(']').next().unwrap().to_owned();
    said(agent, part).iter().map(level).collect()
}

/// Where the agent says that it listens.
pub fn address(agent: &mut Agent) -> String {
    let line = agent.wait_stderr("health http://");
    line.split("health ").nth(1).unwrap().trim().to_owned()
}

/// Waits until `/readyz` answers so.
pub fn wait_ready(agent: &mut Agent, address: &str, status: u16, part: &str) {
    agent.wait(&format!("{status} `{part}` of /readyz"), |_| {
        let ready = http::get(&format!("{address}/readyz"));
        (ready.status == status && ready.text().contains(part)).then_some(())
    });
}

/// Runs as root are held to what files allow, as any other user is.
pub fn held_to_permissions(setup: Setup) -> Setup {
    match getuid().is_root() {
        true => setup.under(&[
            "setpriv",
            "--inh-caps=-all",
            "--bounding-set=-dac_override,-dac_read_search",
        ]),
        false => setup,
    }
}
