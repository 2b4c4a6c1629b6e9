//! What is built into the binary is what `deny.toml` allows: licences, where
//! crates come from, crates that must not be there. `cargo deny check` does the
//! same and advisories too; this needs nothing but cargo.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `deny.toml` without its comments.
fn rules() -> String {
    let text = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// What stands between quotes in the list `key` of `[section]`.
fn list(rules: &str, section: &str, key: &str) -> Vec<String> {
    let (_, section) = rules.split_once(&format!("[{section}]\n")).unwrap();
    let (_, list) = section.split_once(&format!("{key} = [")).unwrap();
    let (list, _) = list.split_once(']').unwrap();
    let quoted = list.split('"').skip(1).step_by(2);
    quoted.map(str::to_owned).collect()
}

/// Crates of `[bans]`.
fn banned(rules: &str) -> Vec<String> {
    let crates = rules.split("{ crate = \"").skip(1);
    crates
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

/// Everything that is built for this machine, for tests included.
fn packages() -> Vec<Value> {
    let version = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .arg("-vV")
        .output()
        .unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap();
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["metadata", "--locked", "--offline", "--format-version", "1"])
        .args(["--filter-platform", host])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let mut metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let Value::Array(packages) = metadata["packages"].take() else {
        panic!("no packages")
    };
    assert!(packages.len() > 100);
    packages
}

/// Whether an SPDX expression can be met with licences of `allowed` alone.
fn is_met(expression: &str, allowed: &[String]) -> bool {
    // `/` is the older way to write OR
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace(" WITH ", "+WITH+");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (met, rest) = either(&words, allowed);
    met && rest.is_empty()
}

fn either<'a, 'b>(words: &'a [&'b str], allowed: &[String]) -> (bool, &'a [&'b str]) {
    let (mut met, mut rest) = both(words, allowed);
    while let Some(("OR", after)) = rest.split_first().map(|(word, after)| (*word, after)) {
        let (other, after) = both(after, allowed);
        (met, rest) = (met || other, after);
    }
    (met, rest)
}

fn both<'a, 'b>(words: &'a [&'b str], allowed: &[String]) -> (bool, &'a [&'b str]) {
    let (mut met, mut rest) = one(words, allowed);
    while let Some(("AND", after)) = rest.split_first().map(|(word, after)| (*word, after)) {
        let (other, after) = one(after, allowed);
        (met, rest) = (met && other, after);
    }
    (met, rest)
}

fn one<'a, 'b>(words: &'a [&'b str], allowed: &[String]) -> (bool, &'a [&'b str]) {
    match words.split_first() {
        Some((&"(", inner)) => {
            let (met, rest) = either(inner, allowed);
            (
                met && rest.first() == Some(&")"),
                rest.get(1..).unwrap_or_default(),
            )
        }
        Some((name, rest)) => {
            let name = name.replace("+WITH+", " WITH ");
            (allowed.contains(&name), rest)
        }
        None => (false, words),
    }
}

#[test]
fn an_expression_is_met_by_what_it_asks_for_and_nothing_less() {
    let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND ISC", true),
        ("MIT AND (GPL-3.0 OR AGPL-3.0)", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("Apache-2.0", false),
        ("", false),
    ] {
        assert_eq!(is_met(expression, &allowed), expected, "{expression}");
    }
}

#[test]
fn every_crate_has_a_licence_that_is_allowed() {
    let allowed = list(&rules(), "licenses", "allow");
    assert!(allowed.contains(&"MIT".to_owned()), "{allowed:?}");
    let refused: Vec<String> = packages()
        .iter()
        .filter(|package| !is_met(package["license"].as_str().unwrap_or_default(), &allowed))
        .map(|package| format!("{} {}", package["name"], package["license"]))
        .collect();
    assert!(refused.is_empty(), "{refused:?}");
}

#[test]
fn every_crate_comes_from_the_registry_and_none_that_is_banned_is_there() {
    let rules = rules();
    let allowed = list(&rules, "sources", "allow-registry");
    let banned = banned(&rules);
    assert!(banned.contains(&"openssl".to_owned()), "{banned:?}");
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        assert!(
            !banned.iter().any(|banned| banned == name),
            "{name} is there"
        );
        match package["source"].as_str() {
            None => assert_eq!(name, env!("CARGO_PKG_NAME"), "a path of this machine"),
            Some(source) => {
                let known = allowed
                    .iter()
                    .any(|url| source == format!("registry+{url}"));
                assert!(known, "{name} comes from {source}");
            }
        }
    }
}

#[test]
fn the_lock_file_pins_every_crate_by_its_checksum() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let packages = lock.split("[[package]]").skip(1);
    for package in packages {
        let own = package.contains(&format!("name = \"{}\"", env!("CARGO_PKG_NAME")));
        assert!(own || package.contains("checksum = \""), "{package}");
    }
}
