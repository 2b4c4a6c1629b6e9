//! The pages on security and on reliability name the tests that hold what they
//! claim: each name is written in full, and is that of a test that is there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).unwrap()
}

/// What stands in back-ticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Whether a quoted word can be the name of a test and hardly anything else.
fn is_name(word: &str) -> bool {
    let of_a_function = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    word.matches('_').count() >= 3 && word.chars().all(of_a_function)
}

/// The names of the tests in a file, or in the files below a folder.
fn tests_in(path: &Path) -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            tests.extend(tests_in(&entry.unwrap().path()));
        }
    } else if path.extension().is_some_and(|end| end == "rs") {
        let text = fs::read_to_string(path).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if let Some((_, after)) = line.split_once("fn ").filter(|_| is_test) {
                let name: Vec<&str> = after.split('(').collect();
                tests.insert(name[0].to_owned());
                is_test = false;
            }
        }
    }
    tests
}

fn all_tests() -> BTreeSet<String> {
    ["src", "tests", "examples"]
        .iter()
        .flat_map(|folder| tests_in(&root().join(folder)))
        .collect()
}

/// A test that a row of a table names.
struct Named<'a> {
    test: &'a str,
    /// Where the test is.
    places: Vec<PathBuf>,
}

/// The tests that a row names, each with its file in brackets after it, or else
/// in one of those of the heading; one of the library may be beside the code.
fn named<'a>(heading: &str, tests: &'a str) -> Vec<Named<'a>> {
    let parts: Vec<&str> = tests.split('`').collect();
    let mut named = Vec::new();
    for at in (1..parts.len()).step_by(2) {
        let (test, after) = (parts[at], parts.get(at + 1).unwrap_or(&""));
        if test.ends_with(".rs") {
            continue;
        }
        let file = parts.get(at + 2).filter(|next| next.ends_with(".rs"));
        let places = match file {
            Some(file) => vec![root().join("tests").join(file)],
            None => {
                let beside = after.contains("(library").then(|| root().join("src"));
                let files = quoted(heading).map(|file| root().join(file));
                files.chain(beside).collect()
            }
        };
        named.push(Named { test, places });
    }
    named
}

/// What each row claims and names, in the tables whose last column is of tests.
fn rows(page: &str) -> Vec<(&str, Vec<Named<'_>>)> {
    let (mut rows, mut heading, mut in_table) = (Vec::new(), "", false);
    for line in page.lines() {
        if line.starts_with('#') {
            heading = line;
        }
        let Some(cells) = line.strip_prefix('|') else {
            in_table = false;
            continue;
        };
        let cells: Vec<&str> = cells.trim_end_matches('|').split(" | ").collect();
        let (claim, tests) = (cells[0].trim(), cells[cells.len() - 1].trim());
        if in_table && !line.starts_with("|-") {
            rows.push((claim, named(heading, tests)));
        }
        in_table |= tests == "test";
    }
    rows
}

#[test]
fn every_test_that_a_page_names_is_there() {
    let tests = all_tests();
    let mut faults = Vec::new();
    for (name, least) in [("security.md", 15), ("reliability.md", 60)] {
        let page = page(name);
        let named: BTreeSet<&str> = quoted(&page).filter(|word| is_name(word)).collect();
        assert!(named.len() > least, "{name} names {}", named.len());
        let missing = named.into_iter().filter(|test| !tests.contains(*test));
        faults.extend(missing.map(|test| format!("{name}: `{test}`")));
    }
    assert!(faults.is_empty(), "no such test:\n{}", faults.join("\n"));
}

#[test]
fn every_row_of_a_fault_names_its_tests_where_they_are() {
    let page = page("reliability.md");
    let rows = rows(&page);
    assert!(rows.len() > 55, "{} rows", rows.len());
    let mut faults = Vec::new();
    for (claim, tests) in &rows {
        if tests.is_empty() {
            faults.push(format!("{claim}: no test"));
        }
        for test in tests {
            let there = test
                .places
                .iter()
                .any(|place| tests_in(place).contains(test.test));
            if !there {
                faults.push(format!(
                    "{claim}: `{}` is not in {:?}",
                    test.test, test.places
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
