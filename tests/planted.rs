//! The list of planted bugs is whole, and the one that is published.
//!
//! That the simulation catches them is shown by `tests/planted/run`, which also
//! writes the list, `tests/planted/caught`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every patch, by its number.
fn patches() -> BTreeMap<u32, String> {
    let mut patches = BTreeMap::new();
    for entry in std::fs::read_dir(root().join("tests/planted")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "patch")
        {
            let name = path.file_name().unwrap().to_str().unwrap();
            let number = name.split('-').next().unwrap().parse().unwrap();
            let other = patches.insert(number, read(&path));
            assert!(other.is_none(), "two bugs have the number {number}");
        }
    }
    patches
}

/// Which seed catches each bug, and how, by the bug's number.
fn caught() -> BTreeMap<u32, (u64, String)> {
    let list = read(&root().join("tests/planted/caught"));
    let lines = list.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut words = line.splitn(3, ' ');
            let mut word = || words.next().unwrap_or_else(|| panic!("cut off: {line}"));
            let (number, seed) = (word().parse().unwrap(), word().parse().unwrap());
            (number, (seed, word().to_owned()))
        })
        .collect()
}

#[test]
fn each_planted_bug_stands_behind_the_switch_of_its_own_number() {
    for (number, patch) in patches() {
        let switches: Vec<&str> = patch.split("planted::is(").skip(1).collect();
        assert!(!switches.is_empty(), "{number} has no switch");
        for switch in switches {
            let of: u32 = switch.split(')').next().unwrap().parse().unwrap();
            assert_eq!(of, number);
        }
    }
}

#[test]
fn each_planted_bug_is_published_with_the_seed_that_catches_it() {
    let (patches, caught) = (patches(), caught());
    assert!(
        patches.keys().eq(caught.keys()),
        "tests/planted/run --publish"
    );
    let page = read(&root().join("docs/reliability.md"));
    let head = "| bug | caught by seed | as |\n|---|---|---|\n";
    let (_, table) = page.split_once(head).expect("the table of planted bugs");
    let shown: Vec<&str> = table
        .lines()
        .take_while(|line| line.starts_with('|'))
        .collect();
    let rows: Vec<String> = patches
        .iter()
        .map(|(number, patch)| {
            let bug = patch.lines().next().unwrap().trim_end_matches('.');
            let (seed, how) = &caught[number];
            format!("| {bug} | {seed} | {how} |")
        })
        .collect();
    assert_eq!(shown, rows, "tests/planted/run --publish");
}
