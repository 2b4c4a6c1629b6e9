//! The report for programs: one object.

use serde::Serialize;

use super::coverage::Coverage;
use super::{FileResult, text};

/// How many passed and failed, every test, and every problem of a file.
#[derive(Debug, Serialize)]
struct Report<'a> {
    passed: usize,
    failed: usize,
    tests: Vec<Test<'a>>,
    problems: Vec<Problem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage: Option<Vec<Alert<'a>>>,
}

#[derive(Debug, Serialize)]
struct Test<'a> {
    file: String,
    line: u32,
    name: &'a str,
    passed: bool,
    failures: Vec<Failure<'a>>,
}

#[derive(Debug, Serialize)]
struct Failure<'a> {
    line: u32,
    column: u32,
    kind: &'a str,
    alert: &'a str,
    series: &'a str,
    at: Option<&'a str>,
    expected: &'a str,
    found: &'a str,
    reason: &'a str,
    strip: &'a [String],
}

#[derive(Debug, Serialize)]
struct Problem {
    file: String,
    line: Option<u32>,
    column: Option<u32>,
    message: String,
    hint: Option<String>,
}

#[derive(Debug, Serialize)]
struct Alert<'a> {
    alert: &'a str,
    place: &'a str,
    judged: bool,
    warning: Option<bool>,
    critical: Option<bool>,
}

/// The whole report.
///
/// # Errors
/// As `serde_json`.
pub fn report(
    results: &[FileResult],
    coverage: Option<&Coverage>,
) -> Result<String, serde_json::Error> {
    let (passed, failed, _) = text::counts(results);
    let report = Report {
        passed,
        failed,
        tests: results.iter().flat_map(tests).collect(),
        problems: results.iter().flat_map(problems).collect(),
        coverage: coverage.map(|coverage| coverage.alerts().iter().map(alert).collect()),
    };
    serde_json::to_string_pretty(&report)
}

fn tests(file: &FileResult) -> impl Iterator<Item = Test<'_>> {
    let path = file.path.display().to_string();
    file.tests.iter().map(move |test| Test {
        file: path.clone(),
        line: test.place.line,
        name: &test.name,
        passed: test.failures.is_empty(),
        failures: test.failures.iter().map(failure).collect(),
    })
}

fn failure(failure: &super::Failure) -> Failure<'_> {
    Failure {
        line: failure.place.line,
        column: failure.place.column,
        kind: failure.kind,
        alert: &failure.alert,
        series: &failure.series,
        at: failure.at.as_deref(),
        expected: &failure.expected,
        found: &failure.found,
        reason: &failure.because,
        strip: &failure.strip,
    }
}

fn problems(file: &FileResult) -> impl Iterator<Item = Problem> {
    file.problems.iter().map(|problem| Problem {
        file: problem.path.display().to_string(),
        line: problem.at.map(|(line, _)| line),
        column: problem.at.map(|(_, column)| column),
        message: problem.message.clone(),
        hint: problem.hint.clone(),
    })
}

fn alert(reached: &super::coverage::Reached) -> Alert<'_> {
    Alert {
        alert: &reached.alert,
        place: &reached.place,
        judged: reached.judged,
        warning: reached.warning,
        critical: reached.critical,
    }
}
