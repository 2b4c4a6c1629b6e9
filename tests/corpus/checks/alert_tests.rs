//! A file of alert tests of any content: tests that can be played, with
//! failures that are lines of bounded length, or mistakes that say where.

use std::cell::RefCell;
use std::time::Instant;

use graphite_pager::config::alert_test::{self, Library};
use graphite_pager::testing::coverage::Coverage;
use graphite_pager::testing::{self, json, junit, text};
use tempfile::TempDir;

use super::configuration::{LONGEST, printed};
use super::is_a_line;

/// What is tested, and what it is changed to.
const ALERTS: &str = "receivers:\n  oncall: {pagerduty: {routing_key: '${KEY}'}, levels: [critical, no_data]}\n  mail: {email: {to: '${OPS}', from: a@example.com}, after: 3m, repeat: 5m}\n\
    alerts:\n- {name: Load, target: 'aliasByNode(servers.*.load, 1)', warning: 10, critical: 20, for: 2m}\n- {name: Load, target: builds, critical: 50}\n- {name: Queue, target: q, critical: 5, min_series: 2}\n";

thread_local! {
    static FOLDER: RefCell<TempDir> = RefCell::new({
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("alerts.yml"), ALERTS).unwrap();
        let after = ALERTS.replace("critical: 20", "critical: 40").replace("Queue", "Other");
        std::fs::write(folder.path().join("after.yml"), after).unwrap();
        folder
    });
}

/// Evaluations that are played here: longer tests only take longer.
const PLAYED: u128 = 5_000;

pub fn alert_test(data: &[u8]) {
    let file = FOLDER.with_borrow(|folder| folder.path().join("it.test.yml"));
    std::fs::write(&file, data).unwrap();
    let began = Instant::now();
    let read = alert_test::read(&file, &mut Library::default());
    assert!(began.elapsed() < LONGEST, "took {:?}", began.elapsed());
    let mut file = match read {
        Ok(file) => file,
        Err(report) => {
            assert!(!report.0.is_empty(), "no error");
            // other files may be named, and have mistakes elsewhere
            let here = |path: &std::path::Path| path.ends_with("it.test.yml");
            let problems = report.0.iter().filter(|problem| here(&problem.path));
            problems.for_each(|problem| printed(problem, data));
            return;
        }
    };
    file.tests
        .retain(|test| test.lasts().as_millis() / test.every.as_millis() <= PLAYED);
    file.tests.truncate(20);
    let mut coverage = Coverage::default();
    let result = testing::play(&file, &|_| true, &mut coverage);
    assert_eq!(result.tests.len(), file.tests.len());
    for failure in result.tests.iter().flat_map(|test| &test.failures) {
        assert_ne!(failure.expected, failure.found);
        for line in &failure.strip {
            is_a_line(line, 500);
        }
        assert!(!failure.because.is_empty());
    }
    let results = [result];
    // nothing depends on anything but the file
    let again = [testing::play(&file, &|_| true, &mut coverage)];
    assert_eq!(text::report(&results), text::report(&again));
    junit::report(&results);
    json::report(&results, Some(&coverage)).unwrap();
}
