//! One agent, a Graphite whose series go bad and recover, and four receivers:
//! what they are, how they are read as evidence, and how all of it is awaited.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, Signal, kill_process};

use super::dice::Dice;
use super::ears;
use super::evidence::{Evidence, Kind, Level, Reading, Said};
use crate::support::agent::{Agent, Setup};
use crate::support::graphite::Graphite;
use crate::support::pagerduty::PagerDuty;
use crate::support::sink::Sink;
use crate::support::smtp::{Manners, Smtp};
use crate::support::talks::{Point, Talks};
use crate::support::{DEADLINE, poll};

/// Alert, which is also its target, and series.
pub const SERIES: &[(&str, &str)] = &[
    ("Load", "web-1"),
    ("Load", "web-2"),
    ("Load", "web-3"),
    ("Disk", "db-1"),
    ("Disk", "db-2"),
    ("Queue", "mails"),
];

const RECEIVERS: &[(&str, Kind)] = &[
    ("oncall", Kind::Keys),
    ("mail", Kind::Messages),
    ("hook", Kind::Messages),
    ("script", Kind::CriticalMessages),
];

/// What a program does that somebody has written, and where it may be held up:
/// before it has done anything, and when all is done but its end.
///
/// What it is given is whole or nothing: the agent may be gone before it has given it.
const SCRIPT: &str = r#"#!/bin/sh
json=$(cat)
case $json in *'}') ;; *) exit 1 ;; esac
hold() {
    mv "$1" "$1.here" 2>/dev/null || return 1
    while [ -e "$1.here" ]; do sleep 0.01; done
}
hold before && exit 1
echo "$(date +%s%N) $json" >> heard
hold after
exit 0
"#;

/// Where an agent is caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Anywhere,
    /// Graphite has been asked, and has not answered.
    Fetching,
    /// Graphite has answered, and nothing else was done.
    Fetched,
    /// What is to be told is written, and nothing of it was read.
    Committed,
    /// A part of a message was read.
    Sending,
    /// A message was taken, and nobody knows.
    Taken,
    /// A message was taken, and the answer has just left.
    Answered,
    /// Everything is told, and has been for a while.
    Quiet,
}

/// All places at which something is under way.
pub const PLACES: &[Place] = &[
    Place::Anywhere,
    Place::Fetching,
    Place::Fetched,
    Place::Committed,
    Place::Sending,
    Place::Taken,
    Place::Answered,
];

/// Everything but the agent.
pub struct Bench {
    pub graphite: Graphite,
    pub pagerduty: PagerDuty,
    pub smtp: Smtp,
    pub hook: Sink,
    pub setup: Setup,
    levels: BTreeMap<&'static str, Level>,
    /// The series that changed last.
    recent: Vec<&'static str>,
    begin: (Instant, SystemTime),
    troubles: Arc<Mutex<Vec<Duration>>>,
    /// Waits at a program that is to be held up.
    holder: Mutex<Option<JoinHandle<()>>>,
}

impl Bench {
    pub fn new() -> Self {
        let (graphite, pagerduty) = (Graphite::start(), PagerDuty::start());
        let (smtp, hook) = (Smtp::start(Manners::default()), Sink::start());
        let configuration = format!(
            "graphite: {{url: '{graphite}', error_for: 1h}}\n\
             instance: it\nlisten: off\nstore: store/state.db\n\
             receivers:\n\
             \x20 oncall: {{pagerduty: {{routing_key: 0123456789abcdef0123456789abcdef, url: '{pagerduty}'}}}}\n\
             \x20 mail: {{email: {{to: [ops@example.com], from: pager@example.com, smtp: 'smtp://127.0.0.1:{smtp}'}}}}\n\
             \x20 hook: {{webhook: {{url: '{hook}'}}}}\n\
             \x20 script: {{command: {{run: [./told.sh]}}, levels: [critical]}}\n\
             defaults: {{every: 1s, settle: off, recover_for: 0, warning: 10, critical: 20}}\n\
             alerts:\n\
             - {{name: Load, target: Load}}\n\
             - {{name: Disk, target: Disk}}\n\
             - {{name: Queue, target: Queue}}\n",
            graphite = graphite.url(),
            pagerduty = pagerduty.url(),
            smtp = smtp.port(),
            hook = hook.url(),
        );
        let setup = Setup::new(&configuration);
        setup.write("told.sh", SCRIPT);
        let script = setup.folder().join("told.sh");
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(script, executable).unwrap();
        std::fs::create_dir(setup.folder().join("store")).unwrap();
        let mut bench = Self {
            graphite,
            pagerduty,
            smtp,
            hook,
            setup,
            levels: BTreeMap::new(),
            recent: Vec::new(),
            begin: (Instant::now(), SystemTime::now()),
            troubles: Arc::default(),
            holder: Mutex::default(),
        };
        for (_, series) in SERIES {
            bench.set(series, Level::Ok);
        }
        bench
    }

    /// The folder that the store is in.
    pub fn store(&self) -> PathBuf {
        self.setup.folder().join("store")
    }

    pub fn set(&mut self, series: &'static str, level: Level) {
        let (target, _) = SERIES.iter().find(|(_, name)| *name == series).unwrap();
        let value = match level {
            Level::Ok => 1.0,
            Level::Warning => 15.0,
            Level::Critical => 25.0,
        };
        self.graphite.set_value(target, series, value);
        self.levels.insert(series, level);
    }

    pub fn set_all(&mut self, level: Level) {
        for (_, series) in SERIES {
            self.set(series, level);
        }
    }

    /// Some series change their levels; often those that did just before, so that
    /// what is being told is overtaken.
    pub fn change(&mut self, dice: &mut Dice) {
        let before = std::mem::take(&mut self.recent);
        for _ in 0..=dice.below(3) {
            let series = match before.is_empty() || dice.flip() {
                true => dice.one_of(SERIES).1,
                false => dice.one_of(&before),
            };
            let others = [Level::Ok, Level::Warning, Level::Critical];
            let others: Vec<_> = others
                .into_iter()
                .filter(|level| *level != self.levels[series])
                .collect();
            self.set(series, *dice.one_of(&others));
            self.recent.push(series);
        }
    }

    /// Notes that there is trouble now.
    pub fn trouble(&self) {
        self.troubles.lock().unwrap().push(self.begin.0.elapsed());
    }

    /// Sends `signal` to `agent` as soon as something is at `place`, and is told
    /// by the return value.
    pub fn trap(
        &self,
        place: Place,
        agent: Pid,
        signal: Signal,
        dice: &mut Dice,
    ) -> std::sync::mpsc::Receiver<()> {
        let (sprung, waiting) = std::sync::mpsc::channel();
        let (troubles, begin) = (Arc::clone(&self.troubles), self.begin.0);
        let act = move || {
            let _ = kill_process(agent, signal);
            troubles.lock().unwrap().push(begin.elapsed());
            let _ = sprung.send(());
        };
        let receivers = [
            &self.pagerduty.sink.talks,
            &self.hook.talks,
            &self.smtp.talks,
        ];
        let which = dice.below(4);
        let talks: Option<&Talks> = receivers.get(which).copied();
        match (place, talks) {
            (Place::Anywhere | Place::Quiet, _) => {}
            (Place::Fetching, _) => self.graphite.talks.trap(Point::Taken, act),
            (Place::Fetched, _) => self.graphite.talks.trap(Point::Answered, act),
            (Place::Committed, Some(talks)) => talks.trap(Point::Connected, act),
            (Place::Sending, Some(talks)) => {
                // up to the middle of the head of HTTP, or of a mail
                talks.trap(Point::Partly(1 + dice.below(60)), act);
            }
            (Place::Taken, Some(talks)) => talks.trap(Point::Taken, act),
            (Place::Answered, Some(talks)) => talks.trap(Point::Answered, act),
            (Place::Committed | Place::Sending, None) => self.hold("before", act),
            (Place::Taken | Place::Answered, None) => self.hold("after", act),
        }
        waiting
    }

    /// Has the program stop at this point of its work, and does `act` when it is there.
    fn hold(&self, point: &str, act: impl FnOnce() + Send + 'static) {
        let order = self.setup.folder().join(point);
        let here = order.with_extension("here");
        std::fs::write(&order, "").unwrap();
        let holder = thread::spawn(move || {
            let gone = || !order.exists();
            // taken by the program, or taken away
            if poll(DEADLINE, || gone().then_some(())).is_some() && here.exists() {
                act();
                std::fs::remove_file(&here).unwrap();
            }
        });
        *self.holder.lock().unwrap() = Some(holder);
    }

    /// No trap springs any more.
    pub fn disarm(&self) {
        for talks in [
            &self.pagerduty.sink.talks,
            &self.hook.talks,
            &self.smtp.talks,
            &self.graphite.talks,
        ] {
            talks.disarm();
        }
        for point in ["before", "after"] {
            let _ = std::fs::remove_file(self.setup.folder().join(point));
        }
        if let Some(holder) = self.holder.lock().unwrap().take() {
            holder.join().unwrap();
        }
    }

    /// Every connection of every receiver ends.
    pub fn hang_up(&self) {
        for talks in [
            &self.pagerduty.sink.talks,
            &self.hook.talks,
            &self.smtp.talks,
        ] {
            talks.hang_up();
        }
        self.trouble();
    }

    /// Waits until everything that the agent of `life`, which is gone, has said
    /// is heard, and nothing that it started is left.
    pub fn finish(&self, life: &str) {
        self.pagerduty
            .sink
            .talks
            .finish(self.pagerduty.sink.address());
        self.hook.talks.finish(self.hook.address());
        self.smtp.talks.finish(self.smtp.address());
        self.graphite.talks.finish(self.graphite.address());
        let gone = || (!is_anybody_of(life)).then_some(());
        poll(DEADLINE, gone).expect("programs that the agent started end");
    }

    /// What was seen so far.
    pub fn evidence(&self) -> Evidence {
        let mut troubles = self.troubles.lock().unwrap().clone();
        troubles.sort();
        let mut heard = Vec::new();
        for request in self.hook.requests() {
            heard.push(ears::document(
                "hook",
                self.since(request.at),
                &request.json(),
            ));
        }
        for request in self.pagerduty.sink.requests() {
            assert_eq!(request.answered, Some(202), "{request:?}");
            heard.push(ears::event(self.since(request.at), &request.json()));
        }
        for mail in self.smtp.mails() {
            heard.push(ears::mail(self.since(mail.at), &mail));
        }
        let text = std::fs::read_to_string(self.setup.folder().join("heard"));
        for line in text.unwrap_or_default().lines() {
            let (at, json) = line.split_once(' ').unwrap();
            let at = SystemTime::UNIX_EPOCH + Duration::from_nanos(at.parse().unwrap());
            let at = at.duration_since(self.begin.1).unwrap_or_default();
            heard.push(ears::document(
                "script",
                at,
                &serde_json::from_str(json).unwrap(),
            ));
        }
        Evidence {
            receivers: RECEIVERS.iter().copied().collect(),
            readings: self.readings(),
            troubles,
            heard,
        }
    }

    fn readings(&self) -> Vec<Reading> {
        let mut readings = Vec::new();
        for request in self.graphite.requests() {
            let Some(slot) = request
                .parameter("until")
                .and_then(|until| until.parse().ok())
            else {
                continue;
            };
            for (target, series, value) in &request.values {
                readings.push(Reading {
                    at: self.since(request.at),
                    slot,
                    target: target.clone(),
                    series: series.clone(),
                    level: match value.unwrap() {
                        20.0.. => Level::Critical,
                        10.0.. => Level::Warning,
                        _ => Level::Ok,
                    },
                });
            }
        }
        readings
    }

    fn since(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.begin.0)
    }

    /// Waits until what each receiver believes of each series is so.
    pub fn wait_until_all_know(&self, agent: &mut Agent) {
        agent.wait("the truth told to everybody", |_| {
            let evidence = self.evidence();
            let know = |(receiver, kind): (&&'static str, &Kind)| {
                self.levels.iter().all(|(series, level)| {
                    let level = match (kind, level) {
                        (Kind::CriticalMessages, Level::Warning) => Level::Ok,
                        (_, level) => *level,
                    };
                    believes(&evidence, receiver, *kind, series) == [level]
                })
            };
            evidence.receivers.iter().all(know).then_some(())
        });
    }

    /// Waits for this many further evaluations of every alert.
    pub fn evaluations(&self, agent: &mut Agent, count: usize) {
        let asked = |target: &str| self.graphite.requests_for(target).len();
        let so_far = ["Load", "Disk", "Queue"].map(|target| (target, asked(target)));
        agent.wait("further evaluations", |_| {
            let enough = |(target, before): &(&str, usize)| asked(target) >= before + count;
            so_far.iter().all(enough).then_some(())
        });
    }
}

/// The level at which a receiver believes a series to be; at one that keeps
/// incidents by key those of all keys that are open.
fn believes(evidence: &Evidence, receiver: &str, kind: Kind, series: &str) -> Vec<Level> {
    // by incident: the news of one that is long over may come late
    let mut last = BTreeMap::new();
    for one in evidence
        .heard_by(receiver)
        .filter(|one| one.series == series)
    {
        let of = match kind {
            Kind::Keys => Some(&one.identity),
            _ => one.incident.as_ref(),
        };
        last.insert(of, one.said);
    }
    let mut open: Vec<Level> = last
        .into_values()
        .filter_map(|said| match said {
            Said::Open(level) => Some(level),
            Said::Left(_) | Said::Over | Said::Both => None,
        })
        .collect();
    if open.is_empty() {
        open.push(Level::Ok);
    }
    open
}

/// Whether a process is there whose environment says that it is of this life.
fn is_anybody_of(life: &str) -> bool {
    let wanted = format!("LIFE={life}\0").into_bytes();
    let is_of = |process: &Path| {
        std::fs::read(process.join("environ"))
            .is_ok_and(|environ| environ.windows(wanted.len()).any(|part| part == wanted))
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes.into_iter().any(|process| is_of(&process.path()))
}
