//! The report for people.

use std::fmt::Write as _;

use super::coverage::Coverage;
use super::{Failure, FileResult, TestResult};
use crate::deliver::text::clean;

/// Every test that failed, and how many passed.
pub fn report(results: &[FileResult]) -> String {
    let mut text = String::new();
    for file in results {
        let path = file.path.display().to_string();
        for test in file.tests.iter().filter(|test| !test.failures.is_empty()) {
            let _ = writeln!(text, "{}\n", failed(&path, test));
        }
    }
    let (passed, failed, unread) = counts(results);
    let tests = |count: usize| match count {
        1 => "1 test".to_owned(),
        _ => format!("{count} tests"),
    };
    let _ = write!(text, "{} passed, {failed} failed", tests(passed));
    if unread > 0 {
        let files = if unread == 1 { "file" } else { "files" };
        let _ = write!(text, "; {unread} {files} could not be used");
    }
    text.push('\n');
    text
}

/// Tests that passed, tests that failed, files that could not be used.
pub fn counts(results: &[FileResult]) -> (usize, usize, usize) {
    let all = || results.iter().flat_map(|file| &file.tests);
    let failed = all().filter(|test| !test.failures.is_empty()).count();
    let unread = results.iter().filter(|file| !file.problems.is_empty());
    (all().count() - failed, failed, unread.count())
}

/// A test and everything that was not as expected of it.
pub fn failed(path: &str, test: &TestResult) -> String {
    let place = test.place;
    let mut text = format!(
        "FAILED {}:{}:{}: {}",
        clean(path),
        place.line,
        place.column,
        clean(&test.name)
    );
    for failure in &test.failures {
        text.push_str(&one(path, failure));
    }
    text
}

fn one(path: &str, failure: &Failure) -> String {
    let Failure {
        place,
        kind,
        alert,
        series,
        at,
        expected,
        found,
        because,
        strip,
    } = failure;
    let when = at.as_ref().map_or(String::new(), |at| format!(", at {at}"));
    let mut text = format!(
        "\n\n  {}:{}:{}: {kind}: alert `{}`, series `{}`{}\n    expected  {}\n    found     {}\n    because   {}\n",
        clean(path),
        place.line,
        place.column,
        clean(alert),
        clean(series),
        clean(&when),
        clean(expected),
        clean(found),
        clean(because)
    );
    for line in strip {
        text.push_str("\n    ");
        text.push_str(&clean(line));
    }
    text
}

/// What no test reached.
pub fn coverage(coverage: &Coverage) -> String {
    let mut text = String::new();
    for alert in coverage.alerts() {
        for lack in alert.lacks() {
            let (place, name) = (clean(&alert.place), clean(&alert.alert));
            let _ = writeln!(text, "{place}: alert `{name}`: {lack}");
        }
    }
    let alerts = coverage.alerts();
    let judged = alerts.iter().filter(|alert| alert.judged).count();
    let thresholds = || {
        alerts
            .iter()
            .flat_map(|alert| [alert.warning, alert.critical])
    };
    let _ = writeln!(
        text,
        "coverage: {judged} of {} alerts, {} of {} thresholds",
        alerts.len(),
        thresholds()
            .filter(|reached| *reached == Some(true))
            .count(),
        thresholds().flatten().count()
    );
    text
}
