//! Storms and flaps: what a person gets, and what it costs, when everything
//! breaks at once. Each storm says how many pages, mails and chat messages come
//! of it, and that they are true; nothing is owed once it is over.
//!
//! Most of them drive the agent's own decisions (`Desk`, `World`, `Line`) as the
//! agent does, second by second, with time as an argument. What concerns memory
//! and the time until the first page goes through the real binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use graphite_pager::agent::compose::{Shown, compose};
use graphite_pager::agent::desk::{Desk, Turn};
use graphite_pager::alert::delivery::{Outcome, Tell};
use graphite_pager::alert::evaluate::{Answer, Seen};
use graphite_pager::alert::rate::Line;
use graphite_pager::alert::world::{Report, Saved, Setup, World};
use graphite_pager::alert::{Group, Timestamp, Value};
use graphite_pager::config;
use support::agent::Setup as Process;
use support::graphite::{Graphite, Series};
use support::pagerduty::PagerDuty;
use support::sink::Sink;
use support::smtp::{Manners, Smtp};
use support::{DEADLINE, poll};

use url::Url;

/// Most storms are worked out by their test, each as fast as a processor can; the
/// one whose time counts is alone.
static PROCESSORS: RwLock<()> = RwLock::new(());

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;

/// Somebody's pager, a mailbox for two, and a chat: what most people have.
const RECEIVERS: &str = "
graphite: {url: 'http://graphite.example.com'}
receivers:
  oncall: {pagerduty: {routing_key: '00000000000000000000000000000000'}}
  mail: {email: {to: [a@example.com, b@example.com], from: pager@example.com}}
  chat: {slack: {url: 'https://chat.example.com/hook'}}
";

fn setup(alerts: &str) -> Setup {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alerts.yml");
    std::fs::write(&file, format!("{RECEIVERS}{alerts}")).unwrap();
    let loaded = config::load(&[file], &|_| None).unwrap_or_else(|report| panic!("{report}"));
    let config = loaded.config;
    Setup {
        instance: config.instance,
        host: Arc::from(config.graphite.url.host_str().unwrap()),
        error_for: config.graphite.error_for,
        docs_url: config.docs_url,
        groups: config.groups,
        receivers: config.receivers.into_iter().map(|r| r.policy).collect(),
        routes: config.routes,
    }
}

/// One message as its receiver has it.
#[derive(Clone, Debug)]
struct Heard {
    at: i64,
    tell: Tell,
    headline: String,
}

/// A receiver that takes everything, as fast as its way carries it.
struct Receiver {
    line: Line,
    heard: Vec<Heard>,
}

/// The agent without its edges, and those who listen to it.
struct Agent {
    desk: Desk,
    groups: Vec<(Arc<Group>, Timestamp)>,
    saved: Saved,
    receivers: BTreeMap<Arc<str>, Receiver>,
    now: Timestamp,
}

/// 2026-11-23, midnight UTC.
const START: i64 = 1_795_392_000;

impl Agent {
    fn start(alerts: &str) -> Self {
        let setup = setup(alerts);
        let now = Timestamp::from_secs(START);
        let next = |group: &Arc<Group>| {
            let slot = group.schedule.next_after(now).unwrap();
            (Arc::clone(group), slot)
        };
        let receiver = |policy: &graphite_pager::alert::Policy| {
            let line = Line::new(policy.keyed);
            let heard = Vec::new();
            (Arc::clone(&policy.name), Receiver { line, heard })
        };
        Self {
            groups: setup.groups.iter().map(next).collect(),
            receivers: setup.receivers.iter().map(receiver).collect(),
            desk: Desk::new(World::new(setup, Saved::default(), now)),
            saved: Saved::default(),
            now,
        }
    }

    /// Seconds since the start.
    fn at(&self) -> i64 {
        self.now.as_secs() - START
    }

    /// Time goes by; at each slot of a group Graphite says what `graphite` says;
    /// `None`: it fails.
    fn run(
        &mut self,
        seconds: i64,
        mut graphite: impl FnMut(&Group, i64) -> Option<Vec<(Arc<str>, Option<f64>)>>,
    ) {
        for _ in 0..seconds {
            self.now = self.now.plus(Duration::from_secs(1));
            for index in 0..self.groups.len() {
                let (group, slot) = self.groups[index].clone();
                if slot > self.now {
                    continue;
                }
                self.groups[index].1 = group.schedule.next_after(slot).unwrap();
                let answer = graphite(&group, self.at()).map(|series| -> Answer {
                    let seen = series.iter().map(|(legend, value)| Seen {
                        legend,
                        value: value.map(|value| Value { value, at: slot }),
                        target: 0,
                    });
                    seen.collect()
                });
                let failure = answer.is_none().then(|| "connection refused".to_owned());
                let report = Report {
                    answers: vec![answer],
                    failure,
                };
                self.desk.world.evaluated(&group, &report, slot, self.now);
                self.commit();
            }
            self.desk.world.tick(self.now);
            self.commit();
            self.tell();
        }
    }

    fn commit(&mut self) {
        if let Some(write) = self.desk.write() {
            self.saved.apply(write.batch);
            self.desk.written(Ok(()), self.now);
        }
        self.desk.world.take_transitions();
    }

    /// Everybody hears what there is, while their way is free.
    fn tell(&mut self) {
        let shown = Shown {
            base: Url::parse("http://graphite.example.com").unwrap(),
            first_steps: BTreeMap::new(),
        };
        for name in self.receivers.keys().cloned().collect::<Vec<_>>() {
            loop {
                let now = self.now;
                if self
                    .receivers
                    .get_mut(&name)
                    .unwrap()
                    .line
                    .free_at(now)
                    .is_some()
                {
                    break;
                }
                let Turn::Tell { job, write_first } = self.desk.next(&name, now) else {
                    break;
                };
                if write_first {
                    self.commit();
                }
                let composed = compose(&self.desk.world, &job, &shown, now).unwrap();
                let at = self.at();
                let receiver = self.receivers.get_mut(&name).unwrap();
                receiver.line.take(now);
                receiver.heard.push(Heard {
                    at,
                    tell: job.tell,
                    headline: composed.message.headline(),
                });
                let outcomes = vec![Outcome::Accepted; job.recipients.len()];
                self.desk.world.settled(&job, &outcomes, now);
                self.commit();
            }
        }
    }

    fn heard(&self, receiver: &str) -> &[Heard] {
        &self.receivers[receiver].heard
    }

    /// What wakes the one on call: everything else is added to what woke them.
    fn pages(&self) -> Vec<&Heard> {
        let pages = self.heard("oncall").iter();
        pages
            .filter(|heard| matches!(heard.tell, Tell::New | Tell::Raised))
            .collect()
    }

    /// Messages to the pager, the mailbox and the chat, reminders included.
    fn counts(&self) -> [usize; 3] {
        ["oncall", "mail", "chat"].map(|name| self.heard(name).len())
    }

    fn headlines(&self, receiver: &str) -> Vec<&str> {
        let heard = self.heard(receiver).iter();
        heard.map(|heard| heard.headline.as_str()).collect()
    }

    /// Nobody is owed anything, and nothing is remembered of it.
    fn is_over(&self) {
        let world = &self.desk.world;
        assert_eq!(world.incidents().next(), None);
        assert_eq!(world.deliveries().next(), None);
        assert!(self.saved.incidents.is_empty() && self.saved.deliveries.is_empty());
    }

    /// What the storm came to, for who reads the test's output.
    fn say(&self, storm: &str) {
        let [events, mails, chat] = self.counts();
        let pages = self.pages().len();
        println!("{storm}: {pages} pages ({events} events), {mails} mails, {chat} chat messages");
        for page in self.pages().iter().take(12) {
            println!("  {:>6} s  {}", page.at, page.headline);
        }
    }
}

fn names(count: usize) -> Vec<Arc<str>> {
    (0..count)
        .map(|n| Arc::from(format!("web-{n:05}")))
        .collect()
}

/// All of these have this value; `None`: no data.
fn all(names: &[Arc<str>], value: Option<f64>) -> Vec<(Arc<str>, Option<f64>)> {
    names.iter().map(|name| (Arc::clone(name), value)).collect()
}

fn alerts(count: usize, settings: &str) -> String {
    let alert = |n| {
        format!(
            "  - {{name: Alert {n:03}, target: target{n}, warning: 10, critical: 20{settings}}}\n"
        )
    };
    format!("alerts:\n{}", (0..count).map(alert).collect::<String>())
}

// --- thresholds -----------------------------------------------------------------------------

#[test]
fn ten_thousand_that_breach_and_recover_at_once_are_ten_pages_and_one_for_the_rest() {
    let _shared = PROCESSORS.read();
    let mut agent = Agent::start(&alerts(1, ", recover_for: 0"));
    let names = names(10_000);
    agent.run(MINUTE, |_, _| Some(all(&names, Some(1.0))));
    agent.run(MINUTE, |_, _| Some(all(&names, Some(23.0))));
    agent.say("10,000 series breach");
    assert_eq!(agent.counts(), [11, 11, 11]);
    for receiver in ["oncall", "mail", "chat"] {
        let headlines = agent.headlines(receiver);
        let rest = "[CRITICAL] Alert 000 (more) 9990 more series: web-";
        let (rest, alone): (Vec<&str>, Vec<&str>) =
            headlines.into_iter().partition(|h| h.starts_with(rest));
        assert!(rest[0].ends_with(" CRITICAL, ..."), "{rest:?}");
        assert_eq!((rest.len(), alone.len()), (1, 10));
        for headline in alone {
            assert!(
                headline.starts_with("[CRITICAL] Alert 000 web-0000"),
                "{headline}"
            );
            assert!(headline.ends_with(" is 23 (>= 20)"), "{headline}");
        }
    }
    agent.run(MINUTE, |_, _| Some(all(&names, Some(1.0))));
    assert_eq!(agent.counts(), [22, 22, 22]);
    assert_eq!(agent.pages().len(), 11);
    let last = agent.headlines("chat").split_off(11);
    let rest = "[OK] Alert 000 (more) is over (all of them are over), was CRITICAL for 1m";
    assert!(last.contains(&rest), "{last:?}");
    let alone = last
        .iter()
        .filter(|h| h.ends_with(" is 1, was CRITICAL for 1m"));
    assert_eq!(alone.count(), 10, "{last:?}");
    agent.is_over();
}

#[test]
fn what_is_told_of_the_rest_is_not_told_again_as_it_grows_unless_it_gets_worse() {
    let _shared = PROCESSORS.read();
    let mut agent = Agent::start(&alerts(1, ""));
    let names = names(3010);
    let bad = |count: usize, value: f64| {
        let mut series = all(&names, Some(1.0));
        for (_, of_it) in series.iter_mut().take(count) {
            *of_it = Some(value);
        }
        series
    };
    agent.run(MINUTE, |_, _| Some(bad(13, 15.0)));
    assert_eq!(agent.counts(), [11, 11, 11]);
    let rest = "[WARNING] Alert 000 (more) 3 more series: web-";
    assert!(agent.headlines("chat").iter().any(|h| h.starts_with(rest)));
    agent.run(10 * MINUTE, |_, _| Some(bad(3010, 15.0)));
    assert_eq!(agent.counts(), [11, 11, 11]);
    // one of them is critical: that wakes people once more, and only that
    agent.run(10 * MINUTE, |_, _| {
        let mut series = bad(3010, 15.0);
        series[3000].1 = Some(23.0);
        Some(series)
    });
    let raised = "[CRITICAL] Alert 000 (more) 3000 more series: web-03000 CRITICAL, web-";
    let heard = agent.headlines("chat").split_off(11);
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(heard[0].starts_with(raised), "{heard:?}");
    assert!(heard[0].ends_with(", was WARNING"), "{heard:?}");
    assert_eq!(agent.pages().len(), 12);
    agent.run(10 * MINUTE, |_, _| Some(all(&names, Some(1.0))));
    agent.say("the rest grows from 3 to 3,000 and gets worse");
    agent.is_over();
}

#[test]
fn a_thousand_that_flap_with_every_evaluation_of_a_day_are_told_once() {
    let _shared = PROCESSORS.read();
    let mut agent = Agent::start(&alerts(1, ""));
    let names = names(1000);
    let mut evaluations = 0;
    agent.run(DAY, |_, at| {
        evaluations += 1;
        Some(all(
            &names,
            Some(if at / MINUTE % 2 == 0 { 23.0 } else { 1.0 }),
        ))
    });
    agent.say("1,000 series flap for a day");
    assert_eq!(evaluations, 1440);
    // the pager is reminded every four hours, which wakes nobody
    assert_eq!(agent.counts(), [11 * 6, 11, 11]);
    assert_eq!(agent.pages().len(), 11);
    assert!(agent.pages().iter().all(|page| page.at <= 2 * MINUTE));
    agent.run(5 * MINUTE, |_, _| Some(all(&names, Some(1.0))));
    assert_eq!(agent.counts(), [11 * 8, 22, 22]);
    agent.is_over();
}

#[test]
fn a_thousand_that_flap_each_in_a_time_of_its_own_are_told_once() {
    let _shared = PROCESSORS.read();
    let mut agent = Agent::start(&alerts(1, ""));
    let names = names(1000);
    agent.run(4 * 60 * MINUTE, |_, at| {
        let minute = u64::try_from(at / MINUTE).unwrap();
        let series = names.iter().zip(0_u64..).map(|(name, n)| {
            let mix = (n * 1441 + minute + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let bad = (mix ^ (mix >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 63 == 0;
            (Arc::clone(name), Some(if bad { 23.0 } else { 1.0 }))
        });
        Some(series.collect())
    });
    agent.run(5 * MINUTE, |_, _| Some(all(&names, Some(1.0))));
    agent.say("1,000 series flap at random for four hours");
    // those told alone recover sooner or later, and who follows joins the rest
    assert_eq!(agent.pages().len(), 11);
    assert_eq!(agent.counts()[1..], [22, 22]);
    agent.is_over();
}

#[test]
fn who_wants_no_patience_gets_at_most_eleven_pages_with_each_evaluation() {
    let _shared = PROCESSORS.read();
    let mut agent = Agent::start(&alerts(1, ", recover_for: 0"));
    let names = names(1000);
    agent.run(60 * MINUTE, |_, at| {
        Some(all(
            &names,
            Some(if at / MINUTE % 2 == 0 { 23.0 } else { 1.0 }),
        ))
    });
    agent.say("1,000 series flap for an hour under `recover_for: 0`");
    assert_eq!(agent.counts(), [660, 660, 660]);
    assert_eq!(agent.pages().len(), 330);
    agent.is_over();
}

// --- want of data ---------------------------------------------------------------------------

#[test]
fn two_hundred_alerts_that_fail_with_graphite_are_one_page() {
    let _shared = PROCESSORS.read();
    let mut agent = Agent::start(&alerts(200, ""));
    let names = names(20);
    let mut burning = all(&names, Some(1.0));
    burning[7].1 = Some(23.0);
    let one = |group: &Group| &*group.name == "Alert 000";
    let values = |group: &Group| {
        Some(if one(group) {
            burning.clone()
        } else {
            all(&names, Some(1.0))
        })
    };
    agent.run(5 * MINUTE, |group, _| values(group));
    assert_eq!(agent.counts(), [1, 1, 1]);
    agent.run(30 * MINUTE, |_, _| None);
    agent.run(5 * MINUTE, |group, _| values(group));
    agent.say("200 alerts fail with Graphite for half an hour");
    let chat = agent.headlines("chat");
    assert_eq!(
        chat[1..],
        [
            "[CRITICAL] graphite-pager graphite.example.com is not answering: connection refused",
            "[OK] graphite-pager graphite.example.com is over (answers again), was CRITICAL for 25m36s",
        ]
    );
    assert_eq!((agent.counts(), agent.pages().len()), ([3, 3, 3], 2));
    let told = agent.heard("chat")[1].at - 5 * MINUTE;
    assert!((300..=360).contains(&told), "{told} s into the failure");
    // what burned before still does, and ends like anything else
    agent.run(5 * MINUTE, |_, _| Some(all(&names, Some(1.0))));
    assert_eq!(agent.counts(), [4, 4, 4]);
    agent.is_over();
}

#[test]
fn a_relay_that_stalls_is_one_page_that_says_how_much_is_silent() {
    let _shared = PROCESSORS.read();
    let mut agent = Agent::start(&alerts(60, ""));
    let names = names(40);
    agent.run(5 * MINUTE, |_, _| Some(all(&names, Some(1.0))));
    agent.run(30 * MINUTE, |_, _| Some(all(&names, None)));
    agent.run(5 * MINUTE, |_, _| Some(all(&names, Some(1.0))));
    agent.say("60 alerts on 40 hosts go null for half an hour");
    let host = "graphite-pager graphite.example.com (no data)";
    let chat = agent.headlines("chat");
    assert_eq!(chat.len(), 2, "{chat:#?}");
    let begin = format!("[NO DATA] {host} has no data for 2400 series at once: Alert 000 (40), ");
    assert!(chat[0].starts_with(&begin), "{chat:#?}");
    assert!(
        chat[0].ends_with("Alert 009 (40), 50 more alerts"),
        "{chat:#?}"
    );
    let end =
        format!("[OK] {host} is over (they have data again, or are forgotten), was NO DATA for ");
    assert!(chat[1].starts_with(&end), "{chat:#?}");
    assert_eq!((agent.counts(), agent.pages().len()), ([2, 2, 2], 1));
    let told = agent.pages()[0].at - 5 * MINUTE;
    assert!((120..=180).contains(&told), "{told} s into the silence");
    agent.is_over();
}

#[test]
fn a_backend_that_loses_a_quarter_of_every_glob_is_one_page() {
    let _shared = PROCESSORS.read();
    let mut agent = Agent::start(&alerts(60, ""));
    let names = names(40);
    agent.run(10 * MINUTE, |_, _| Some(all(&names, Some(1.0))));
    agent.run(10 * MINUTE, |_, _| Some(all(&names[10..], Some(1.0))));
    agent.run(10 * MINUTE, |_, _| Some(all(&names, Some(1.0))));
    agent.say("one of four backends is gone for ten minutes");
    let chat = agent.headlines("chat");
    assert_eq!(chat.len(), 2, "{chat:#?}");
    let begin = " (no data) has no data for 600 series at once: Alert 000 (10), ";
    assert!(chat[0].contains(begin), "{chat:#?}");
    assert!(
        chat[1].contains("is over (they have data again, or are forgotten)"),
        "{chat:#?}"
    );
    assert_eq!((agent.counts(), agent.pages().len()), ([2, 2, 2], 1));
    agent.is_over();
}

#[test]
fn half_of_a_fleet_that_is_replaced_at_once_is_one_page() {
    let _shared = PROCESSORS.read();
    let mut agent = Agent::start(&alerts(10, ""));
    let names = names(60);
    agent.run(10 * MINUTE, |_, _| Some(all(&names[..40], Some(1.0))));
    agent.run(DAY + 20 * MINUTE, |_, _| Some(all(&names[20..], Some(1.0))));
    agent.say("half of a fleet of 40 is replaced");
    let chat = agent.headlines("chat");
    assert_eq!(chat.len(), 2, "{chat:#?}");
    let begin = " (no data) has no data for 200 series at once: Alert 000 (20), ";
    assert!(chat[0].contains(begin), "{chat:#?}");
    assert!(
        chat[1].ends_with("(they have data again, or are forgotten), was NO DATA for 1d"),
        "{chat:#?}"
    );
    // and a reminder to the pager every four hours, which wakes nobody
    assert_eq!((agent.counts(), agent.pages().len()), ([8, 2, 2], 1));
    agent.is_over();
}

#[test]
fn a_fleet_replaced_host_by_host_is_four_pages_an_alert_and_none_where_missing_is_ok() {
    let _shared = PROCESSORS.read();
    for (settings, alone) in [("", 4), (", missing: ok", 0)] {
        let mut agent = Agent::start(&alerts(10, settings));
        let names = names(60);
        agent.run(10 * MINUTE, |_, _| Some(all(&names[..40], Some(1.0))));
        agent.run(3 * 60 * MINUTE, |_, at| {
            let gone = usize::try_from((at - 10 * MINUTE) / (6 * MINUTE))
                .unwrap()
                .min(20);
            Some(all(&names[gone..40 + gone], Some(1.0)))
        });
        agent.say(&format!(
            "10 alerts, 20 of 40 hosts replaced one by one{settings}"
        ));
        // three of each alert alone, and one for those that follow
        assert_eq!(agent.pages().len(), 10 * alone);
        assert_eq!(agent.counts()[1..], [10 * alone, 10 * alone]);
        agent.run(10 * MINUTE, |_, _| Some(all(&names, Some(1.0))));
        agent.is_over();
    }
}

// --- what it costs --------------------------------------------------------------------------

/// Names another build of the agent, to measure that one.
const STORM_AGENT: &str = "STORM_AGENT";

/// How many times as long as is promised the first page may take, on a machine that
/// is slow or has others to serve; 1 where it is not set.
const STORM_PATIENCE: &str = "STORM_PATIENCE";

/// What a storm may cost.
struct Bounds {
    /// From the end of Graphite's answer to the first page.
    first_page: Duration,
    /// In kB.
    memory: u64,
}

/// What the agent has to keep as it is released.
const PROMISED: Bounds = Bounds {
    first_page: Duration::from_secs(2),
    memory: 150_000,
};

/// A debug build takes several times as long, and a busy machine some more; it
/// alone is 25 MB bigger.
const UNOPTIMISED: Bounds = Bounds {
    first_page: Duration::from_secs(30),
    memory: 200_000,
};

/// The agent that is measured, and what it may cost.
fn measured(setup: Process) -> (Process, Bounds) {
    let Some(program) = std::env::var_os(STORM_AGENT) else {
        let debug = cfg!(debug_assertions);
        return (setup, if debug { UNOPTIMISED } else { PROMISED });
    };
    // the agent runs in a folder of its own, so its path may not depend on this one
    let program = std::fs::canonicalize(&program).unwrap_or_else(|error| {
        panic!(
            "{STORM_AGENT} names `{}`: {error}\n\nhint: cargo build --profile simulation --bin graphite-pager",
            program.display()
        )
    });
    let patience = std::env::var(STORM_PATIENCE).map_or(1, |times| times.parse().unwrap());
    let first_page = PROMISED.first_page * patience;
    let bounds = Bounds {
        first_page,
        ..PROMISED
    };
    (setup.program(program), bounds)
}

#[test]
fn a_hundred_thousand_that_breach_and_recover_page_soon_and_in_little_memory() {
    let _alone = PROCESSORS.write();
    let graphite = Graphite::start();
    let name = |n: usize| format!("servers.rack-{:03}.host-{n:06}.loadavg.05", n % 100);
    let all = |value: f64| {
        let series = (0..100_000).map(|n| Series::constant(&name(n), value));
        series.collect::<Vec<_>>()
    };
    graphite.set("load", all(1.0));
    let (pagerduty, mail, chat) = (
        PagerDuty::start(),
        Smtp::start(Manners::default()),
        Sink::start(),
    );
    let configuration = format!(
        "listen: off
graphite: {{url: '{}'}}
smtp: smtp://127.0.0.1:{}
receivers:
  oncall: {{pagerduty: {{routing_key: '{}', url: '{}'}}}}
  mail: {{email: {{to: [ops@example.com], from: pager@example.com, graph: false}}}}
  chat: {{slack: {{url: '{}'}}}}
alerts:
  - {{name: Load, target: load, warning: 10, critical: 20, every: 5s, recover_for: 0}}
",
        graphite.url(),
        mail.port(),
        "0".repeat(32),
        pagerduty.url(),
        chat.url()
    );
    let (setup, bounds) = measured(Process::new(&configuration));
    let start = Instant::now();
    let mut agent = setup.start();
    let deadline = 4 * DEADLINE;
    agent.wait_for(deadline, "an answer", |_| graphite.answered_after(start));
    let (bad, good) = (all(100.0), all(1.0));
    let load = |events: &[serde_json::Value], action: &str| {
        let of_load = events.iter().filter(|event| {
            let key = event["dedup_key"].as_str().unwrap();
            event["event_action"] == action && key.starts_with("graphite-pager/Load/")
        });
        of_load.count()
    };
    graphite.set("load", bad);
    let breach = Instant::now();
    let first = agent.wait_for(deadline, "a page", |_| {
        let page = pagerduty.sink.requests().first()?.at;
        // the stand-in says when it was done just after that
        Some(page.saturating_duration_since(graphite.answered_after(breach)?))
    });
    agent.wait_for(deadline, "all pages", |_| {
        (load(&pagerduty.accepted(), "trigger") == 11).then_some(())
    });
    graphite.set("load", good);
    agent.wait_for(deadline, "the end of all pages", |_| {
        (load(&pagerduty.accepted(), "resolve") == 11).then_some(())
    });
    let of_load = |subject: &str| subject.contains("] Load ");
    let counts = || {
        let mails = mail.mails();
        let subjects = mails.iter().filter_map(|mail| mail.header("subject"));
        let lines = chat.requests();
        let lines = lines.iter().filter(|request| of_load(&request.body));
        (
            subjects.filter(|subject| of_load(subject)).count(),
            lines.count(),
        )
    };
    poll(deadline, || (counts() >= (22, 22)).then_some(()));
    let peak = agent.memory_peak().unwrap();
    let left = agent.memory().unwrap();
    println!("100,000 series: first page after {first:?}, {peak} kB at most, {left} kB at the end");
    assert_eq!(counts(), (22, 22));
    assert_eq!(load(&pagerduty.accepted(), "trigger"), 11);
    assert!(
        first < bounds.first_page,
        "{first:?} from the end of the answer to the first page"
    );
    assert!(peak < bounds.memory, "{peak} kB");
    let lines = agent.stderr().lines().count();
    assert!(lines < 1000, "{lines} lines of log");
    agent.stop();
    // nothing of it is left for the next run
    let again = Instant::now();
    agent.restart();
    agent.wait_for(deadline, "an answer", |_| graphite.answered_after(again));
    agent.stop();
    assert_eq!(load(&pagerduty.accepted(), "trigger"), 11);
    assert_eq!(counts(), (22, 22));
}
