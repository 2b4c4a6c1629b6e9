//! A stand-in Graphite, an agent that watches it, and receivers: what tests of
//! telling begin with. Whatever the agent wrote is searched for secrets.

use std::thread;

use serde_json::Value;

use super::agent::{Agent, Setup};
use super::graphite::{Graphite, Series};
use super::pagerduty::PagerDuty;
use super::sink::{Request, Sink};
use super::smtp::Smtp;
use super::{DEADLINE, poll};

/// Integration keys; secrets as far as logs go.
pub const KEY: &str = "s3cr3t789abcdef0123456789abcdef0";
pub const OTHER_KEY: &str = "s3cr3tcba9876543210fedcba9876543";

/// Parts of addresses and passwords.
pub const PATH: &str = "s3cr3t-path";
pub const PASSWORD: &str = "s3cr3t-password";

/// A stand-in Graphite with one target, `load`, and an agent that watches it.
pub struct Bench {
    pub graphite: Graphite,
    pub setup: Setup,
}

impl Bench {
    /// `receivers` and `alert` are YAML, indented as they stand below their keys.
    pub fn new(receivers: &str, alert: &str) -> Self {
        Self::with(receivers, alert, "")
    }

    /// With further keys at the top.
    pub fn with(receivers: &str, alert: &str, top: &str) -> Self {
        let graphite = Graphite::start();
        graphite.set("load", vec![Series::constant("web-1", 1.0)]);
        let setup = Setup::new(&configuration(&graphite, receivers, alert, top));
        Self { graphite, setup }
    }

    pub fn start(&self) -> Watched {
        Watched(self.setup.start())
    }

    pub fn value(&self, value: f64) {
        self.graphite.set_value("load", "web-1", value);
    }

    /// Waits for this many further evaluations: what has not happened by then does not happen.
    pub fn evaluations(&self, count: usize) {
        let so_far = self.graphite.requests_for("load").len();
        self.graphite.wait_requests("load", so_far + count);
    }

    pub fn rewrite(&self, receivers: &str, alert: &str) {
        let text = configuration(&self.graphite, receivers, alert, "");
        self.setup.write("alerts.yml", &text);
    }
}

pub fn configuration(graphite: &Graphite, receivers: &str, alert: &str, top: &str) -> String {
    let url = graphite.url();
    format!(
        "graphite: {{url: {url}, public_url: 'https://graphs.example.com', error_for: 1h}}\n\
         instance: it\nlisten: off\ndocs_url: https://wiki.example.com/alerts\n{top}\n\
         receivers:\n{receivers}\n\
         alerts:\n\
         - name: Load\n  target: load\n  warning: 10\n  critical: 20\n  every: 1s\n  settle: off\n  recover_for: 0\n\
         \x20 no_data_for: 0\n  missing_for: 0\n{alert}\n"
    )
}

/// An agent whose output holds no secret: looked at when the test is over.
pub struct Watched(pub Agent);

impl std::ops::Deref for Watched {
    type Target = Agent;
    fn deref(&self) -> &Agent {
        &self.0
    }
}

impl std::ops::DerefMut for Watched {
    fn deref_mut(&mut self) -> &mut Agent {
        &mut self.0
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !thread::panicking() {
            assert_no_secret(&self.0.stdout(), &self.0.stderr());
        }
    }
}

pub fn assert_no_secret(stdout: &str, stderr: &str) {
    // also keys that end otherwise
    for secret in [&KEY[..31], OTHER_KEY, PATH, PASSWORD] {
        assert!(!stdout.contains(secret), "a secret on stdout: {stdout}");
        assert!(!stderr.contains(secret), "a secret on stderr: {stderr}");
    }
}

pub fn oncall(pagerduty: &PagerDuty) -> String {
    let url = pagerduty.url();
    format!("  oncall: {{pagerduty: {{routing_key: {KEY}, url: '{url}'}}}}\n")
}

/// A webhook, with further keys of the receiver.
pub fn hook(name: &str, sink: &Sink, keys: &str) -> String {
    let url = sink.url();
    format!("  {name}: {{webhook: {{url: '{url}/{PATH}'}}{keys}}}\n")
}

pub fn mail(smtp: &Smtp, to: &str, keys: &str) -> String {
    let port = smtp.port();
    format!(
        "  mail: {{email: {{to: [{to}], from: pager@example.com, smtp: 'smtp://127.0.0.1:{port}'}}{keys}}}\n"
    )
}

/// `trigger it/Load/web-1` for each event that PagerDuty accepted.
pub fn events(pagerduty: &PagerDuty) -> Vec<String> {
    let word = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
    let events = pagerduty.accepted();
    events
        .iter()
        .map(|event| {
            format!(
                "{} {}",
                word(event, "event_action"),
                word(event, "dedup_key")
            )
        })
        .collect()
}

/// `new web-1 critical` for each message that a webhook accepted.
pub fn messages(sink: &Sink) -> Vec<String> {
    let requests = sink.requests();
    let taken = requests
        .iter()
        .filter(|request| request.answered == Some(200));
    taken.map(message).collect()
}

pub fn message(request: &Request) -> String {
    let body = request.json();
    let word = |name: &str| body[name].as_str().unwrap().to_owned();
    format!("{} {} {}", word("event"), word("series"), word("level"))
}

/// Waits until `found` says what is expected; fails with what it said last.
pub fn wait_until<T: PartialEq + std::fmt::Debug>(expected: T, mut found: impl FnMut() -> T) {
    let mut last = None;
    let reached = poll(DEADLINE, || {
        let now = found();
        let same = now == expected;
        last = Some(now);
        same.then_some(())
    });
    if reached.is_none() {
        assert_eq!(last, Some(expected));
    }
}

pub fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}
