//! `test`: runs tests of alerts.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::{fail, print_problems, print_text};
use crate::config::alert_test::{self, Library};
use crate::config::find_tests;
use crate::testing::coverage::Coverage;
use crate::testing::{FileResult, json, junit, play, text};

/// `test`
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Files of tests, or folders of them (*.test.yml, *.test.yaml)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only tests whose name contains this
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Says which alerts and thresholds no test reached
    #[arg(long)]
    coverage: bool,
    /// Writes the results as JUnit's XML into this file
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// How the results are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Runs the tests; mistakes in files go to standard error.
pub fn test(options: &Options) -> ExitCode {
    let files = match find_tests(&options.files) {
        Ok(files) => files,
        Err(report) => {
            eprint!("{report}");
            return ExitCode::FAILURE;
        }
    };
    let mut library = Library::default();
    let mut coverage = Coverage::default();
    let mut results = Vec::new();
    for path in &files {
        results.push(run(path, options, &mut library, &mut coverage));
    }
    let (passed, failed, unread) = text::counts(&results);
    if passed + failed + unread == 0 {
        let filter = options.filter.as_deref().unwrap_or_default();
        fail(&format!("no test's name contains `{filter}`"));
        return ExitCode::FAILURE;
    }
    let coverage = options.coverage.then_some(&coverage);
    let written = write(options, &results, coverage);
    if let Err(why) = &written {
        fail(why);
    }
    match (failed + unread, written) {
        (0, Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Prints the results, and writes them where they are asked for.
fn write(
    options: &Options,
    results: &[FileResult],
    coverage: Option<&Coverage>,
) -> Result<(), String> {
    let report = match options.format {
        Format::Text => {
            let coverage = coverage.map(text::coverage).unwrap_or_default();
            text::report(results) + &coverage
        }
        Format::Json => json::report(results, coverage).map_err(|error| error.to_string())? + "\n",
    };
    print_text(&report)?;
    let Some(path) = &options.junit else {
        return Ok(());
    };
    std::fs::write(path, junit::report(results))
        .map_err(|error| format!("cannot write `{}`: {error}", path.display()))
}

fn run(
    path: &Path,
    options: &Options,
    library: &mut Library,
    coverage: &mut Coverage,
) -> FileResult {
    let filter = options.filter.as_deref().unwrap_or_default();
    match alert_test::read(path, library) {
        Ok(file) => play(&file, &|name| name.contains(filter), coverage),
        Err(report) => {
            print_problems(&report.0);
            FileResult {
                path: path.to_path_buf(),
                problems: report.0,
                tests: Vec::new(),
            }
        }
    }
}
