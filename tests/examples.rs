//! Every folder of `examples/` runs as it is, on stand-ins for Graphite,
//! PagerDuty and the mail server, and tells what it should.
//!
//! The files are not touched. A second one beside them makes evaluations come
//! each second and keeps the agent from a fixed port; what a file itself says
//! in minutes is shortened in a copy, and only that.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::collections::BTreeSet;
use std::path::PathBuf;

use support::agent::{Agent, Setup};
use support::graphite::{Graphite, Series};
use support::pagerduty::PagerDuty;
use support::proxy::Proxy;
use support::smtp::{Manners, Smtp};

const LOAD: &str = "aliasByNode(servers.*.loadavg.05, 1)";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples")
}

fn example(name: &str) -> String {
    std::fs::read_to_string(root().join(name).join("alerts.yml")).unwrap()
}

/// An example with stand-ins for all that it speaks to.
struct Bench {
    graphite: Graphite,
    pagerduty: PagerDuty,
    proxy: Proxy,
    smtp: Smtp,
    setup: Setup,
}

impl Bench {
    fn new(configuration: &str) -> Self {
        let (graphite, pagerduty) = (Graphite::start(), PagerDuty::start());
        let proxy = Proxy::start("events.pagerduty.com", &pagerduty.url());
        let smtp = Smtp::start(Manners::default());
        let setup = Setup::new(configuration);
        setup.write(
            "test/fast.yml",
            "listen: off\ndefaults: {every: 1s, recover_for: 1s}\n",
        );
        setup.write("test/ca.pem", proxy.authority());
        let authority = setup.folder().join("test/ca.pem");
        let setup = setup
            .env("GRAPHITE_URL", graphite.url())
            .env("SMTP_URL", format!("smtp://127.0.0.1:{}", smtp.port()))
            .env("HTTPS_PROXY", proxy.url())
            .env("SSL_CERT_FILE", authority.to_str().unwrap());
        Self {
            graphite,
            pagerduty,
            proxy,
            smtp,
            setup,
        }
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.setup = self.setup.env(name, value);
        self
    }

    fn start(&self, command: &[&str]) -> Agent {
        let arguments = [command, &["-c", "alerts.yml", "-c", "test"]].concat();
        self.setup.clone().arguments(&arguments).start()
    }

    /// Waits until the summaries of what is open at PagerDuty are these.
    fn wait_open(&self, agent: &mut Agent, summaries: &[&str]) {
        let wanted: BTreeSet<String> = summaries.iter().map(ToString::to_string).collect();
        agent.wait(&format!("open: {wanted:?}"), |_| {
            let open = self.pagerduty.open();
            let open = open.values().map(|event| &event["payload"]["summary"]);
            let open: BTreeSet<String> = open
                .map(|summary| summary.as_str().unwrap().to_owned())
                .collect();
            (open == wanted).then_some(())
        });
    }

    /// Waits until mails with these recipients and subjects came.
    fn wait_mails(&self, agent: &mut Agent, wanted: &[(&str, &str)]) {
        agent.wait(&format!("mails {wanted:?}"), |_| {
            let mails = self.smtp.mails();
            let came = |(to, subject): &(&str, &str)| {
                mails.iter().any(|mail| {
                    mail.to == [*to] && mail.header("subject").as_deref() == Some(subject)
                })
            };
            wanted.iter().all(came).then_some(())
        });
    }
}

#[test]
fn minimal_tells_the_screen_what_is_bad_and_that_it_is_over() {
    let bench = Bench::new(&example("minimal").replace("for: 2m", "for: 2s"));
    bench.graphite.set(
        LOAD,
        vec![
            Series::constant("web-1", 23.4),
            Series::constant("web-2", 2.0),
        ],
    );
    let mut agent = bench.start(&["run"]);
    let line = agent.wait_stdout("web-1");
    assert!(
        line.starts_with("[CRITICAL] Load web-1 is 23.4 (>= 20) for 2s | The five-minute load average of a host. | graph http"),
        "{line}"
    );
    bench.graphite.set_value(LOAD, "web-1", 3.0);
    let line = agent.wait_stdout("[OK]");
    assert!(
        line.starts_with("[OK] Load web-1 is 3, was CRITICAL for "),
        "{line}"
    );
    assert!(!agent.stdout().contains("web-2"), "{}", agent.stdout());
    assert!(agent.stop().success());
}

#[test]
fn pagerduty_and_email_wakes_for_what_is_critical_and_mails_the_rest_to_who_owns_it() {
    let text = example("pagerduty-and-email").replace("for: 2m", "for: 1s");
    let bench = Bench::new(&text).env("PAGERDUTY_KEY", "0123456789abcdef0123456789abcdef");
    let disks = "aliasByNode(asPercent(servers.*.diskspace.*.byte_used, \
                 servers.*.diskspace.*.byte_{used,avail}, 1, 3), 1, 3)";
    let connections = "aliasByNode(asPercent(servers.*.mongo.connections.current, \
                       servers.*.mongo.connections.{current,available}, 1), 1)";
    bench
        .graphite
        .set(LOAD, vec![Series::constant("web-1", 12.0)]);
    bench
        .graphite
        .set(disks, vec![Series::constant("web-1.root", 96.0)]);
    bench
        .graphite
        .set(connections, vec![Series::constant("db-1", 97.0)]);
    let mut agent = bench.start(&["run"]);
    bench.wait_open(
        &mut agent,
        &[
            "[CRITICAL] Disk space web-1.root is 96 (>= 95)",
            "[CRITICAL] MongoDB connections db-1 is 97 (>= 95)",
        ],
    );
    bench.wait_mails(
        &mut agent,
        &[
            (
                "ops@example.com",
                "[WARNING] Load web-1 is 12 (>= 10) for 1s",
            ),
            (
                "ops@example.com",
                "[CRITICAL] Disk space web-1.root is 96 (>= 95)",
            ),
            (
                "dba@example.com",
                "[CRITICAL] MongoDB connections db-1 is 97 (>= 95)",
            ),
        ],
    );
    let recipients: BTreeSet<Vec<String>> =
        bench.smtp.mails().into_iter().map(|mail| mail.to).collect();
    assert_eq!(
        recipients.len(),
        2,
        "nobody else was mailed: {recipients:?}"
    );

    // `recover: 88`: not yet
    bench.graphite.set_value(disks, "web-1.root", 89.0);
    bench.graphite.set_value(connections, "db-1", 10.0);
    bench.wait_open(
        &mut agent,
        &["[CRITICAL] Disk space web-1.root is 96 (>= 95)"],
    );
    bench.graphite.set_value(disks, "web-1.root", 80.0);
    bench.wait_open(&mut agent, &[]);
    assert_eq!(bench.proxy.refused(), [""; 0], "it speaks to nobody else");
    assert!(agent.stop().success());
}

#[test]
fn pagerduty_and_email_has_tests_that_pass_and_reach_everything() {
    let setup = Setup::new(&example("pagerduty-and-email"));
    let tests = root().join("pagerduty-and-email/alerts.test.yml");
    setup.write("alerts.test.yml", &std::fs::read_to_string(tests).unwrap());
    let finished = setup
        .arguments(&["test", "alerts.test.yml", "--coverage"])
        .run();
    assert_eq!(
        (finished.code, &*finished.stdout),
        (
            Some(0),
            "6 tests passed, 0 failed\ncoverage: 3 of 3 alerts, 6 of 6 thresholds\n"
        ),
        "{}",
        finished.stderr
    );
}

#[test]
fn pagerduty_and_email_mails_everybody_where_pagerduty_refuses() {
    let text = example("pagerduty-and-email");
    let bench = Bench::new(&text).env("PAGERDUTY_KEY", "not-a-key-of-32-characters");
    bench
        .graphite
        .set(LOAD, vec![Series::constant("web-1", 2.0)]);
    let disks = "aliasByNode(asPercent(servers.*.diskspace.*.byte_used, \
                 servers.*.diskspace.*.byte_{used,avail}, 1, 3), 1, 3)";
    bench
        .graphite
        .set(disks, vec![Series::constant("web-1.root", 99.0)]);
    let mut agent = bench.start(&["run"]);
    agent.wait("a mail to everybody", |_| {
        let to = |who: &str| {
            bench.smtp.mails().iter().any(|mail| {
                mail.to.iter().any(|to| to == who)
                    && mail
                        .header("subject")
                        .is_some_and(|subject| subject.contains("Disk space web-1.root is 99"))
            })
        };
        ["ops@example.com", "dba@example.com", "lead@example.com"]
            .into_iter()
            .all(to)
            .then_some(())
    });
    assert!(bench.pagerduty.accepted().is_empty());
    assert!(agent.stop().success());
}

#[test]
fn file_of_the_older_tool_runs_unchanged_and_tells_pagerduty() {
    let bench = Bench::new(&example("from-graphite-pager"));
    let build = "aliasByNode(servers.build-*.loadavg.05, 1)";
    let memory = "aliasByNode(servers.*.memory.MemFree, 1)";
    let haproxy = "aliasByNode(servers.*.haproxy.*.*.check_duration, 1, 3, 4)";
    let queue = "aliasByNode(stats.gauges.resque.production.*.gauge, 4)";
    let graphite = &bench.graphite;
    // the first alert of the name keeps what it returns: 25 is fine for a build host
    graphite.set(build, vec![Series::constant("build-1", 25.0)]);
    graphite.set(
        LOAD,
        ["build-1", "old-web-1", "web-1"]
            .map(|host| Series::constant(host, 25.0))
            .to_vec(),
    );
    graphite.set(
        memory,
        vec![
            Series::constant("web-1", 100e6),
            Series::constant("web-2", 900e6),
        ],
    );
    graphite.set(haproxy, vec![Series::nulls("lb-1.web.app1")]);
    graphite.set(queue, vec![Series::constant("mail", 300.0)]);
    let mut agent = bench.start(&["run"]);
    bench.wait_open(
        &mut agent,
        &[
            "[CRITICAL] Load web-1 is 25 (>= 20)",
            "[CRITICAL] Memory free web-1 is 100000000 (<= 200000000)",
            "[WARNING] Resque queue mail is 300 (>= 100)",
        ],
    );
    let open = bench.pagerduty.open();
    for (key, docs) in [
        (
            "graphite-pager/Load/web-1",
            "https://wiki.example.com/alerts/Load#web-1",
        ),
        (
            "graphite-pager/Resque%20queue/mail",
            "https://wiki.example.com/queues/Resque%20queue#mail",
        ),
    ] {
        assert_eq!(open[key]["links"][0]["href"], docs);
        assert_eq!(open[key]["routing_key"], "0123456789abcdef0123456789abcdef");
    }
    bench.graphite.set_value(LOAD, "web-1", 1.0);
    bench.graphite.set_value(memory, "web-1", 900e6);
    bench.graphite.set_value(queue, "mail", 1.0);
    bench.wait_open(&mut agent, &[]);
    assert!(agent.stop().success());
}

#[test]
fn file_of_the_older_tool_can_be_tried_beside_it_telling_nobody() {
    let bench = Bench::new(&example("from-graphite-pager"));
    bench
        .graphite
        .set(LOAD, vec![Series::constant("web-1", 25.0)]);
    let mut agent = bench.start(&["run", "--dry-run"]);
    let line = agent.wait_stdout("Load web-1");
    assert!(
        line.contains("[CRITICAL] Load web-1 is 25 (>= 20)"),
        "{line}"
    );
    assert!(agent.stop().success());
    assert!(bench.pagerduty.sink.requests().is_empty());
    assert_eq!(bench.proxy.refused(), [""; 0]);
}

#[test]
fn every_example_is_tried_here_and_listed() {
    let entries = std::fs::read_dir(root()).unwrap();
    let folders = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir());
    let names: BTreeSet<String> = folders
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    // the unit is held by tests/security.rs and tests/readme.rs; the simulation
    // is no set-up, and tests/run plays it
    let tried = [
        "from-graphite-pager",
        "minimal",
        "pagerduty-and-email",
        "simulate",
        "systemd",
    ];
    assert_eq!(names, tried.map(str::to_owned).into());
    let list = std::fs::read_to_string(root().join("README.md")).unwrap();
    for name in names {
        assert!(list.contains(&format!("[{name}]({name})")), "{name}");
    }
}
