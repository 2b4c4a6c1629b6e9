//! A configuration file of any content: a configuration, or errors that say
//! where, in bounded time and without echoing a secret.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use graphite_pager::alert::Timestamp;
use graphite_pager::alert::world::{Saved, Setup, World};
use graphite_pager::config::{self, Config, Problem, Severity};
use tempfile::TempDir;

/// Nothing that the fuzzer feeds takes longer, on a slow machine either.
pub const LONGEST: Duration = Duration::from_secs(20);

/// What `${SECRET}` stands for.
const SECRET: &str = "Xk7Secret9qVz";

thread_local! {
    static FOLDER: RefCell<TempDir> = RefCell::new(tempfile::tempdir().unwrap());
}

pub fn load(data: &[u8]) {
    let file = FOLDER.with_borrow(|folder| folder.path().join("alerts.yml"));
    std::fs::write(&file, data).unwrap();
    let env = |name: &str| (name == "SECRET").then(|| SECRET.to_owned());
    let began = Instant::now();
    let loaded = config::load(std::slice::from_ref(&file), &env);
    assert!(began.elapsed() < LONGEST, "took {:?}", began.elapsed());
    match loaded {
        Ok(loaded) => {
            assert!(
                loaded
                    .warnings
                    .iter()
                    .all(|problem| problem.severity == Severity::Warning)
            );
            for problem in &loaded.warnings {
                printed(problem, data);
            }
            usable(loaded.config);
        }
        Err(report) => {
            assert!(
                report
                    .0
                    .iter()
                    .any(|problem| problem.severity == Severity::Error),
                "no error"
            );
            for problem in &report.0 {
                printed(problem, data);
            }
            let text = report.to_string();
            assert!(!text.contains(SECRET), "{text}");
        }
    }
}

/// A problem is a few short lines about a place that is in the file.
pub fn printed(problem: &Problem, data: &[u8]) {
    let text = problem.to_string();
    assert!(
        !text.chars().any(|c| c.is_control() && c != '\n'),
        "{text:?}"
    );
    assert!(text.lines().count() <= 8, "{text}");
    assert!(text.len() < 20_000, "{} bytes: {text}", text.len());
    assert!(!problem.message.is_empty());
    if let Some((line, column)) = problem.at {
        // YAML breaks lines at both
        let lines = 1 + data.iter().filter(|byte| b"\n\r".contains(byte)).count();
        assert!(line >= 1 && column >= 1, "{text}");
        assert!(
            line as usize <= lines + 1 && column as usize <= data.len() + 2,
            "{text}"
        );
    }
}

/// The agent can start with it.
fn usable(config: Config) {
    let shown = format!("{config:?}");
    let now = Timestamp::from_secs(1_795_000_000);
    for group in &config.groups {
        assert!(!group.alerts.is_empty());
        let next = group.schedule.next_after(now).unwrap();
        assert!(next > now);
    }
    for receiver in &config.receivers {
        assert!(
            !format!("{:?}", receiver.destination).contains(SECRET),
            "{shown}"
        );
    }
    let setup = Setup {
        instance: config.instance,
        host: Arc::from(config.graphite.url.host_str().unwrap()),
        error_for: config.graphite.error_for,
        docs_url: config.docs_url,
        groups: config.groups,
        receivers: config
            .receivers
            .into_iter()
            .map(|receiver| receiver.policy)
            .collect(),
        routes: config.routes,
    };
    let mut world = World::new(setup, Saved::default(), now);
    world.tick(now);
}
