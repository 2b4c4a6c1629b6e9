//! Tests of alerts: plays what a test shows through the agent's own judging,
//! lifecycle and telling, and compares what came of it with what was expected.
//!
//! Pure: files were read by `config/`, reports are text that `cli/` prints.
//! What a test does not name does not exist for it: only groups that it shows,
//! or expects something of, take part.
//!
//! - `graphite.rs`, `origin.rs`: what is answered
//! - `played.rs`: one test, played
//! - `judge.rs`: what differs from what was expected
//! - `because.rs`, `strip.rs`: why, and how it looks over time
//! - `coverage.rs`: what no test reached
//! - `text.rs`, `json.rs`, `junit.rs`: reports

mod because;
pub mod coverage;
mod graphite;
pub mod json;
mod judge;
pub mod junit;
mod origin;
mod played;
mod strip;
pub mod text;

use std::path::PathBuf;
use std::time::Duration;

use crate::alert::duration;
use crate::config::Problem;
use crate::config::alert_test::{Spot, TestFile};
use coverage::Coverage;

/// What came of one file.
#[derive(Clone, Debug)]
pub struct FileResult {
    /// As it was named.
    pub path: PathBuf,
    /// What is wrong with it: then no test of it was played.
    pub problems: Vec<Problem>,
    /// What came of its tests, in file order.
    pub tests: Vec<TestResult>,
}

/// What came of one test.
#[derive(Clone, Debug)]
pub struct TestResult {
    /// Its name.
    pub name: String,
    /// Where it begins.
    pub place: Spot,
    /// What was not as expected; nothing: it passed.
    pub failures: Vec<Failure>,
}

/// One thing that was not as expected.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Where the expectation stands.
    pub place: Spot,
    /// Which kind: `expect`, `events`, `told`.
    pub kind: &'static str,
    /// The alert.
    pub alert: String,
    /// The series.
    pub series: String,
    /// When, as the file writes it; `None`: at any time.
    pub at: Option<String>,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
    /// Why it is so, in the lifecycle's words.
    pub because: String,
    /// The series over time, in lines of equal length.
    pub strip: Vec<String>,
}

/// Plays the tests of a file whose names `wanted` takes.
pub fn play(file: &TestFile, wanted: &dyn Fn(&str) -> bool, coverage: &mut Coverage) -> FileResult {
    coverage.expect(&file.config);
    let tests = file.tests.iter().filter(|test| wanted(&test.name));
    let tests = tests.map(|test| {
        for reload in &test.reloads {
            coverage.expect(&reload.config);
        }
        let record = played::whole(test, &file.config, coverage);
        TestResult {
            name: test.name.clone(),
            place: test.place,
            failures: judge::failures(test, &file.config, &record),
        }
    });
    FileResult {
        path: file.path.clone(),
        problems: Vec::new(),
        tests: tests.collect(),
    }
}

/// A time of a test as a file writes it.
fn shown(span: Duration) -> String {
    match span.is_zero() {
        true => "0m".to_owned(),
        false => duration::format(span),
    }
}
