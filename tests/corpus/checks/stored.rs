//! What the store reads back: rows of any content are refused or understood,
//! and an agent that starts with them goes on.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use graphite_pager::alert::delivery::Outcome;
use graphite_pager::alert::evaluate::{Answer, Seen};
use graphite_pager::alert::incident::IncidentId;
use graphite_pager::alert::world::{Next, Report, Saved, Setup, World};
use graphite_pager::alert::{Timestamp, Value};
use graphite_pager::config;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// More jobs than a handful of rows can owe.
const JOBS: usize = 2000;

/// Lines of a table's name, keys and a value, with tabs between them.
pub fn stored(data: &[u8]) {
    let Some(saved) = std::str::from_utf8(data).ok().and_then(rows) else {
        return;
    };
    let mut now = Timestamp::from_secs(1_795_000_000);
    let mut world = World::new(setup(), saved, now);
    let mut kept = Saved::default();
    for value in [None, Some(25.0), Some(1.0)] {
        world.tick(now);
        tell_all(&mut world, now);
        for group in world.setup().groups.clone() {
            let seen = |legend| Seen {
                legend,
                value: value.map(|value| Value { value, at: now }),
                target: 0,
            };
            let answer = Answer::from_iter([seen("web-1"), seen("web-2")]);
            let report = Report {
                answers: vec![Some(answer)],
                failure: None,
            };
            let slot = group.schedule.latest_at(now).unwrap();
            world.evaluated(&group, &report, slot, now);
        }
        tell_all(&mut world, now);
        let batch = world.take_batch();
        written(&batch.heads);
        written(&batch.known);
        written(&batch.series);
        written(&batch.incidents);
        written(&batch.deliveries);
        kept.apply(batch);
        now = now.plus(Duration::from_secs(600));
    }
    // and it could start again with what it wrote
    World::new(setup(), kept, now).tick(now);
}

/// What is written is read as the same.
fn written<K, V: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
    rows: &[(K, Option<V>)],
) {
    for row in rows.iter().filter_map(|(_, row)| row.as_ref()) {
        let text = serde_json::to_string(row).unwrap();
        let again: V =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(again, *row);
    }
}

/// Receivers that take everything; each is owed a bounded number of messages.
fn tell_all(world: &mut World, now: Timestamp) {
    let names: Vec<Arc<str>> = world
        .setup()
        .policies()
        .map(|policy| Arc::clone(&policy.name))
        .collect();
    for name in names {
        let mut jobs = 0;
        while let Next::Job(job) = world.next(&name, now) {
            jobs += 1;
            assert!(jobs < JOBS, "`{name}` is told for ever: {job:?}");
            let accepted = vec![Outcome::Accepted; job.recipients.len()];
            world.settled(&job, &accepted, now);
        }
    }
}

/// Reads rows as the store does; `None`: it would call the file damaged.
fn rows(text: &str) -> Option<Saved> {
    let mut saved = Saved::default();
    for line in text.lines().take(64) {
        let columns: Vec<&str> = line.split('\t').collect();
        match columns.as_slice() {
            ["heads", name, row] => drop(saved.heads.insert(Arc::from(*name), json(row)?)),
            ["known", name, row] => {
                drop(saved.known.insert((Arc::from(*name), 0), json(row)?));
            }
            ["known", name, page, row] => {
                let key = (Arc::from(*name), page.parse().ok()?);
                drop(saved.known.insert(key, json(row)?));
            }
            ["series", name, legend, row] => {
                let key = (Arc::from(*name), Arc::from(*legend));
                saved.series.insert(key, json(row)?);
            }
            ["incidents", id, row] => {
                drop(saved.incidents.insert(IncidentId::parse(id)?, json(row)?))
            }
            ["deliveries", id, receiver, recipient, row] => {
                let key = (
                    IncidentId::parse(id)?,
                    Arc::from(*receiver),
                    Arc::from(*recipient),
                );
                saved.deliveries.insert(key, json(row)?);
            }
            ["memory", row] => saved.memory = json(row)?,
            _ => return None,
        }
    }
    Some(saved)
}

fn json<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

pub fn setup() -> Setup {
    static SETUP: OnceLock<Setup> = OnceLock::new();
    SETUP.get_or_init(read_setup).clone()
}

fn read_setup() -> Setup {
    let yaml = "
graphite: {url: 'http://graphite.example.com'}
smtp: smtp://127.0.0.1:25
receivers:
  screen: {console: {}}
  oncall: {pagerduty: {routing_key: 0123456789abcdef0123456789abcdef}, fallback: screen}
  mail: {email: {to: [one@example.com, two@example.com], from: pager@example.com}, repeat: 1h, after: 5m}
alerts:
  - {name: Load, target: load, warning: 10, critical: 20, limit: 2}
  - {name: Disk, target: disk, critical: 90, schedule: '0 * * * *', active: 'Mon-Fri 09:00-18:00'}
";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alerts.yml");
    std::fs::write(&file, yaml).unwrap();
    let loaded = config::load(&[file], &|_| None).unwrap_or_else(|report| panic!("{report}"));
    let config = loaded.config;
    Setup {
        instance: config.instance,
        host: Arc::from("graphite.example.com"),
        error_for: config.graphite.error_for,
        docs_url: config.docs_url,
        groups: config.groups,
        receivers: config
            .receivers
            .into_iter()
            .map(|receiver| receiver.policy)
            .collect(),
        routes: config.routes,
    }
}
