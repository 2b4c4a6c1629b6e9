//! The page about tests names every key that there is, and no other.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use super::{KEYS, one};

/// The keys in the first column of the first table after this heading.
fn documented(heading: &str) -> BTreeSet<String> {
    let page = include_str!("../../../docs/testing.md");
    let (_, section) = page.split_once(&format!("\n{heading}\n")).unwrap();
    let rows = section.lines().skip_while(|line| !line.starts_with("|---"));
    rows.skip(1)
        .take_while(|line| line.starts_with("| "))
        .flat_map(|line| {
            let cell = line.split(" | ").next().unwrap();
            let keys = cell.split('`').skip(1).step_by(2);
            keys.map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn each_key_is_documented_and_each_documented_key_is_there() {
    for (heading, keys) in [
        ("## A file", KEYS),
        ("## A test", one::KEYS),
        ("### `series`", one::SERIES),
        ("### `expect`", one::EXPECT),
        ("### `events`", one::EVENTS),
        ("### `told`", one::TOLD),
        ("### `graphite`", one::GRAPHITE),
        ("### `reload`", one::RELOAD),
    ] {
        let keys: BTreeSet<String> = keys.iter().map(ToString::to_string).collect();
        assert_eq!(documented(heading), keys, "{heading}");
    }
}
