//! The page of an alert tells what to do first, and messages quote it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use rustix::process::Signal;
use support::DEADLINE;
use support::agent::Setup;
use support::graphite::{Graphite, Series};
use support::pagerduty::PagerDuty;
use support::sink::{Request, Sink};

fn hot(legend: &str) -> Series {
    Series::constant(legend, 50.0)
}

fn page(steps: &str) -> String {
    format!(
        "# Load\n\n## What it means\n\nMuch.\n\n## First steps\n\n{steps}\n\n## Who owns it\n\nUs.\n"
    )
}

/// An agent's set-up whose alert has a page with these steps.
fn setup(graphite: &Graphite, receivers: &str, steps: &str) -> Setup {
    let setup = Setup::new(&format!(
        "graphite: {{url: '{}', timeout: 5s}}\nlisten: off\ndocs_path: pages\nreceivers:\n{receivers}\
         defaults: {{every: 1s, settle: off, recover_for: 0, missing: ok, missing_for: 0}}\n\
         alerts:\n- {{name: Load, target: load, critical: 20}}\n",
        graphite.url()
    ));
    setup.write("pages/Load/README.md", &page(steps));
    setup.arguments(&["run", "-c", "alerts.yml"])
}

fn of(requests: &[Request], series: &str) -> Vec<serde_json::Value> {
    let all = requests.iter().map(Request::json);
    all.filter(|json| json["series"] == series).collect()
}

#[test]
fn pagerduty_slack_and_programs_are_told_what_the_page_says_to_do_first() {
    let (graphite, pagerduty) = (Graphite::start(), PagerDuty::start());
    let (slack, hook) = (Sink::start(), Sink::start());
    graphite.set("load", vec![hot("web-1")]);
    let receivers = format!(
        "  page: {{pagerduty: {{routing_key: 0123456789abcdef0123456789abcdef, url: '{}'}}}}\n  chat: {{slack: {{url: '{}'}}}}\n  hook: {{webhook: {{url: '{}'}}}}\n",
        pagerduty.url(),
        slack.url(),
        hook.url()
    );
    let steps = "1. Run `top -b | head`.\n2. Is <b> & co. stuck? *Restart* it.";
    let mut agent = setup(&graphite, &receivers, steps).start();
    pagerduty.sink.wait_for(1, DEADLINE);
    let event = pagerduty.accepted().remove(0);
    assert_eq!(event["payload"]["custom_details"]["first_steps"], steps);
    let sent = hook.wait_for(1, DEADLINE)[0].json();
    assert_eq!(sent["first_steps"], steps);
    let chat = slack.wait_for(1, DEADLINE)[0].json();
    let text = chat["attachments"][0]["text"].as_str().unwrap();
    let quoted =
        "*First steps*\n1. Run `top -b | head`.\n2. Is &lt;b&gt; &amp; co. stuck? *Restart* it.";
    assert!(text.contains(quoted), "{text}");
    // at the end there is nothing left to do
    graphite.set("load", vec![Series::constant("web-1", 1.0)]);
    let end = hook.wait_for(2, DEADLINE)[1].json();
    assert_eq!(end["event"], "resolved");
    assert_eq!(end["first_steps"], serde_json::Value::Null);
    assert!(agent.stop().success());
}

#[test]
fn a_page_that_changed_is_read_again_with_the_configuration() {
    let (graphite, hook) = (Graphite::start(), Sink::start());
    graphite.set("load", vec![hot("web-1")]);
    let receivers = format!("  hook: {{webhook: {{url: '{}'}}}}\n", hook.url());
    let mut agent = setup(&graphite, &receivers, "Old.").start();
    let sent = hook.wait_for(1, DEADLINE);
    assert_eq!(of(&sent, "web-1")[0]["first_steps"], "Old.");
    agent.setup().write("pages/Load/README.md", &page("New."));
    agent.signal(Signal::HUP);
    agent.wait_stderr("the new configuration is in use");
    graphite.set("load", vec![hot("web-1"), hot("web-2")]);
    let sent = hook.wait_for(2, DEADLINE);
    assert_eq!(of(&sent, "web-2")[0]["first_steps"], "New.");
    assert!(agent.stop().success());
}

#[test]
fn a_page_that_changes_appears_or_goes_is_read_again_by_itself() {
    let (graphite, hook) = (Graphite::start(), Sink::start());
    graphite.set("load", vec![hot("web-1")]);
    let receivers = format!("  hook: {{webhook: {{url: '{}'}}}}\n", hook.url());
    let mut agent = setup(&graphite, &receivers, "Old.").start();
    hook.wait_for(1, DEADLINE);
    // that pages are read does not hang on the rest
    agent.setup().write("alerts.yml", "alerts: half a file");
    agent.wait_stderr("the old one runs on");
    let page_of = |steps: &str| agent.setup().write("pages/Load/README.md", &page(steps));
    page_of("New.");
    let read = |agent: &support::agent::Agent, times: usize| {
        let said = "messages quote them as they are now";
        (agent.stderr().matches(said).count() == times).then_some(())
    };
    agent.wait("pages read once", |agent| read(agent, 1));
    graphite.set("load", vec![hot("web-1"), hot("web-2")]);
    let sent = hook.wait_for(2, DEADLINE);
    assert_eq!(of(&sent, "web-2")[0]["first_steps"], "New.");
    std::fs::remove_dir_all(agent.setup().folder().join("pages")).unwrap();
    agent.wait("pages read twice", |agent| read(agent, 2));
    agent.setup().write("pages/Load.md", &page("Elsewhere."));
    agent.wait("pages read three times", |agent| read(agent, 3));
    graphite.set("load", vec![hot("web-1"), hot("web-2"), hot("web-3")]);
    let sent = hook.wait_for(3, DEADLINE);
    assert_eq!(of(&sent, "web-3")[0]["first_steps"], "Elsewhere.");
    // nobody was told anything because of it
    assert_eq!(sent.len(), 3);
    assert!(agent.stop().success());
}

#[test]
fn without_a_page_nothing_is_quoted_and_nobody_waits() {
    let (graphite, hook) = (Graphite::start(), Sink::start());
    graphite.set("load", vec![hot("web-1")]);
    let receivers = format!("  hook: {{webhook: {{url: '{}'}}}}\n", hook.url());
    let setup = setup(&graphite, &receivers, "");
    std::fs::remove_dir_all(setup.folder().join("pages")).unwrap();
    let mut agent = setup.start();
    let sent = hook.wait_for(1, DEADLINE)[0].json();
    assert_eq!(sent["first_steps"], serde_json::Value::Null);
    assert!(agent.stop().success());
}
