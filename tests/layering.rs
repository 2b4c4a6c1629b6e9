//! The arrows between the folders of `src/` point one way, and the core is
//! pure. Read from the source text: every path that begins with `crate` or
//! climbs out of its folder with `super`, and the names of what a folder must
//! not know. Tests inside `src/` are left out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What each folder or file of `src/` may use of the others, as a path or its beginning.
const ALLOWED: &[(&str, &[&str])] = &[
    ("alert", &[]),
    ("secret", &[]),
    ("tls", &[]),
    ("redirect", &[]),
    ("entities", &[]),
    ("heap", &[]),
    ("serving", &[]),
    ("now", &["alert::Timestamp"]),
    (
        "graphite",
        &["alert", "entities", "redirect", "secret", "tls"],
    ),
    ("deliver", &["alert", "entities", "secret", "tls", "now"]),
    ("store", &["alert"]),
    // each edge owns its section of the configuration; this composes them
    (
        "config",
        &[
            "alert",
            "secret",
            "graphite::Settings",
            "graphite::settings",
            "deliver::settings",
            "deliver::template",
        ],
    ),
    (
        "agent",
        &[
            "alert", "config", "deliver", "graphite", "heap", "now", "secret", "store",
        ],
    ),
    // the agent without what it is at the edges: no clock, no task, no connection
    (
        "play",
        &[
            "agent::desk",
            "agent::receivers",
            "agent::slots",
            "alert",
            "config::Receiver",
            "deliver::settings",
            "secret",
        ],
    ),
    (
        "testing",
        &[
            "agent::fetch::window",
            "agent::setup",
            "alert",
            "config",
            "deliver::text",
            "play",
        ],
    ),
    // the agent in virtual time, answered with Graphite's history
    (
        "replay",
        &[
            "agent::fetch::window",
            "agent::setup",
            "alert",
            "config::Config",
            "deliver::text",
            "entities",
            "graphite",
            "play",
        ],
    ),
    // pages about alerts: it asks those whom links lead to, never Graphite
    (
        "docs",
        &[
            "alert",
            "config::BUILT_IN",
            "config::Config",
            "config::FirstSteps",
            "deliver::http",
            "deliver::links",
            "deliver::text",
            "entities",
            "redirect",
            "serving",
        ],
    ),
    // text in, text out; what it writes, the reader of configurations reads back
    ("import", &["alert", "config", "deliver::text"]),
    // what is doubtful about a sound configuration; it asks Graphite as `run` does
    (
        "lint",
        &[
            "agent::fetch",
            "alert",
            "config",
            "deliver::text::number",
            "graphite",
        ],
    ),
    ("web", &["agent::Health", "alert", "now", "serving"]),
    // the agent meets it over HTTP, like any other Graphite
    ("demo", &["now"]),
    (
        "cli",
        &[
            "agent", "alert", "config", "deliver", "demo", "docs", "graphite", "import", "lint",
            "now", "redirect", "replay", "store", "testing", "web",
        ],
    ),
    ("main", &["cli", "heap"]),
    ("lib", &[]),
];

/// What is not named where time is played.
const PURE: &[&str] = &[
    "tokio",
    "reqwest",
    "sqlx",
    "tracing",
    "lettre",
    "axum",
    "SystemTime",
    "Instant",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::io",
    "async",
    "await",
    "println",
    "eprintln",
];

/// What a folder must not name: crates, and parts of the standard library.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "alert",
        &[
            "tokio",
            "reqwest",
            "sqlx",
            "tracing",
            "lettre",
            "axum",
            "sysinfo",
            "rand",
            "tempfile",
            "std::time::SystemTime",
            "SystemTime",
            "Instant",
            "std::env",
            "std::fs",
            "std::net",
            "std::process",
            "std::thread",
            "std::io",
            "Uuid::now_v7",
            "Utc::now",
            "Local::now",
            "async",
            "await",
            "println",
            "eprintln",
        ],
    ),
    ("play", PURE),
    ("testing", PURE),
    ("import", PURE),
    // finds out by reading files alone
    (
        "config",
        &[
            "tokio",
            "sqlx",
            "axum",
            "lettre::transport",
            "TcpStream",
            "reqwest::Client",
        ],
    ),
    ("graphite", &["sqlx", "lettre", "axum", "SystemTime"]),
    ("deliver", &["sqlx", "axum"]),
    (
        "replay",
        &[
            "reqwest",
            "sqlx",
            "lettre",
            "axum",
            "clap",
            "SystemTime",
            "Instant",
            "println",
            "eprintln",
        ],
    ),
    ("store", &["reqwest", "lettre", "axum"]),
    ("demo", &["reqwest", "sqlx", "lettre"]),
    ("web", &["reqwest", "sqlx", "lettre"]),
    ("agent", &["sqlx", "axum", "lettre", "clap"]),
];

/// Files below `src/deliver/` that are about one kind of receiver.
const KINDS: &[&str] = &[
    "pagerduty",
    "email",
    "webhook",
    "slack",
    "command",
    "console",
];

fn source() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// One file of the product: its module's path, and its text without comments and tests.
struct File {
    module: Vec<String>,
    text: String,
}

impl File {
    /// The folder or file right below `src/`.
    fn top(&self) -> &str {
        &self.module[0]
    }

    fn name(&self) -> String {
        self.module.join("::")
    }
}

fn files() -> Vec<File> {
    let mut files = BTreeMap::new();
    let mut tests = BTreeSet::new();
    read(&source(), &mut Vec::new(), &mut files, &mut tests);
    files
        .into_iter()
        .filter(|(module, _)| !tests.iter().any(|test| module.starts_with(test)))
        .map(|(module, text)| File { module, text })
        .collect()
}

fn read(
    folder: &Path,
    module: &mut Vec<String>,
    files: &mut BTreeMap<Vec<String>, String>,
    tests: &mut BTreeSet<Vec<String>>,
) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            module.push(stem);
            read(&path, module, files, tests);
            module.pop();
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let mut module = module.clone();
            if stem != "mod" {
                module.push(stem);
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let (text, test_files) = product(&text);
            tests.extend(test_files.iter().map(|name| {
                let mut test = module.clone();
                test.push(name.clone());
                test
            }));
            files.insert(module, text);
        }
    }
}

/// The text without comments and without what is compiled for tests alone; the
/// names of files that are compiled for tests alone.
fn product(text: &str) -> (String, Vec<String>) {
    let mut kept = String::new();
    let mut test_files = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with("//") {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        if line.trim() != "#[cfg(test)]" {
            let code = line.split(" // ").next().unwrap();
            kept.push_str(code);
            kept.push('\n');
            continue;
        }
        // the item that follows, up to its `;` or its closing bracket
        for line in lines.by_ref() {
            let item = line.trim().trim_start_matches("pub ");
            if let Some(name) = item
                .strip_prefix("mod ")
                .and_then(|rest| rest.strip_suffix(';'))
            {
                test_files.push(name.to_owned());
            }
            let outer = line.len() - line.trim_start().len() == indent;
            if outer && (line.ends_with(';') || line.trim_start().starts_with('}')) {
                break;
            }
        }
    }
    (kept, test_files)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where `word` stands in `text` as a word of its own.
fn occurrences<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |at| {
            let before = text[..*at].chars().next_back();
            let after = text[at + word.len()..].chars().next();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
}

/// All paths after a `prefix::`, groups in braces spelled out: `{a, b::{c, d}}`
/// is `a`, `b::c`, `b::d`.
fn spelled_out(text: &str) -> Vec<Vec<String>> {
    let text = text.trim_start();
    if let Some(group) = text.strip_prefix('{') {
        let (mut depth, mut begin, mut paths) = (0, 0, Vec::new());
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    let one = group[begin..at].trim();
                    if !one.is_empty() {
                        paths.extend(spelled_out(one));
                    }
                    begin = at + 1;
                    if c == '}' {
                        return paths;
                    }
                }
                _ => {}
            }
        }
        return paths;
    }
    let word: String = text.chars().take_while(|c| is_word(*c)).collect();
    match text[word.len()..].strip_prefix("::") {
        Some(rest) if rest.starts_with(|c: char| is_word(c) || c == '{') => spelled_out(rest)
            .into_iter()
            .map(|mut path| {
                path.insert(0, word.clone());
                path
            })
            .collect(),
        _ => vec![vec![word]],
    }
}

/// Every path out of a file, from the crate's root.
fn uses(file: &File) -> BTreeSet<Vec<String>> {
    let mut uses = BTreeSet::new();
    for root in ["crate", "graphite_pager"] {
        for at in occurrences(&file.text, root) {
            if let Some(rest) = file.text[at + root.len()..].strip_prefix("::") {
                uses.extend(spelled_out(rest));
            }
        }
    }
    for at in occurrences(&file.text, "super") {
        // counted from the first of a chain; `pub(super)` is no path
        let chained = file.text[..at].ends_with("super::");
        if chained || !file.text[at..].starts_with("super::") {
            continue;
        }
        let (mut rest, mut up) = (&file.text[at..], 0);
        while let Some(after) = rest.strip_prefix("super::") {
            (rest, up) = (after, up + 1);
        }
        let Some(kept) = file.module.len().checked_sub(up) else {
            panic!("{} climbs out of the crate", file.name());
        };
        for path in spelled_out(rest) {
            uses.insert([&file.module[..kept], &path].concat());
        }
    }
    uses
}

#[test]
fn arrows_point_one_way() {
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    let mut wrong = BTreeSet::new();
    for file in files() {
        let Some(allowed) = allowed.get(file.top()) else {
            panic!("src/{} is not in ALLOWED: where does it stand?", file.top());
        };
        for path in uses(&file) {
            let may = path[0] == file.top()
                || allowed.iter().any(|beginning| {
                    let beginning: Vec<&str> = beginning.split("::").collect();
                    path.iter()
                        .map(String::as_str)
                        .take(beginning.len())
                        .eq(beginning.iter().copied())
                });
            if !may {
                wrong.insert(format!("{} uses {}", file.name(), path.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_folder_names_what_it_must_not_know() {
    let forbidden: BTreeMap<_, _> = FORBIDDEN.iter().copied().collect();
    let mut wrong = BTreeSet::new();
    for file in files() {
        for word in forbidden.get(file.top()).copied().unwrap_or_default() {
            if occurrences(&without_texts(&file.text), word)
                .next()
                .is_some()
            {
                wrong.insert(format!("{} names {word}", file.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Without what stands between quotes: words for people are no code.
fn without_texts(text: &str) -> String {
    let line = |line: &str| line.split('"').step_by(2).collect::<Vec<_>>().join("\"\"");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn only_one_file_asks_for_the_time() {
    let clocks = [
        "SystemTime",
        "Utc::now",
        "Local::now",
        "UNIX_EPOCH.elapsed",
        "Uuid::now_v7",
    ];
    let mut asking = BTreeSet::new();
    for file in files() {
        for clock in clocks {
            if occurrences(&file.text, clock).next().is_some() {
                asking.insert(file.name());
            }
        }
    }
    assert_eq!(asking, BTreeSet::from(["now".to_owned()]));
}

#[test]
fn no_kind_of_receiver_knows_another() {
    let files = files();
    for kind in KINDS {
        let folder = vec!["deliver".to_owned(), (*kind).to_owned()];
        let mut found = false;
        for file in files.iter().filter(|file| file.module.starts_with(&folder)) {
            found = true;
            for path in uses(file) {
                let other = path
                    .get(1)
                    .filter(|part| path[0] == "deliver" && KINDS.contains(&part.as_str()));
                assert!(
                    other.is_none_or(|other| other == kind),
                    "{} uses {path:?}",
                    file.name()
                );
            }
        }
        assert!(found, "no file about {kind}");
    }
}

#[test]
fn the_table_names_every_folder_that_there_is() {
    let tops: BTreeSet<String> = files().iter().map(|file| file.top().to_owned()).collect();
    let table: BTreeSet<String> = ALLOWED.iter().map(|(top, _)| (*top).to_owned()).collect();
    assert_eq!(tops, table);
}

// --- the reading itself ---------------------------------------------------------------------

fn file(module: &str, text: &str) -> File {
    File {
        module: module.split("::").map(str::to_owned).collect(),
        text: product(text).0,
    }
}

fn used(module: &str, text: &str) -> Vec<String> {
    let uses = uses(&file(module, text));
    uses.into_iter().map(|path| path.join("::")).collect()
}

#[test]
fn paths_are_found_in_groups_in_code_and_through_super() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "a::b",
            "use crate::{c, d::{e, f::g}};",
            &["c", "d::e", "d::f::g"],
        ),
        ("a::b", "fn x() -> crate::c::D { todo() }", &["c::D"]),
        ("a::b", "use super::c;", &["a::c"]),
        ("a::b", "use super::super::c::{D, E};", &["c::D", "c::E"]),
        ("a::b", "pub(super) fn x() {}", &[]),
        ("a", "// use crate::b;\n/// crate::c", &[]),
        ("a", "use mycrate::b;", &[]),
    ];
    for (module, text, expected) in cases {
        assert_eq!(used(module, text), *expected, "{text}");
    }
}

#[test]
fn tests_inside_a_file_are_left_out_and_what_follows_them_is_not() {
    let text = "use crate::a;\n#[cfg(test)]\nmod tests {\n    use crate::b;\n}\nuse crate::c;\n";
    assert_eq!(used("x", text), ["a", "c"]);
    let (_, files) = product("#[cfg(test)]\nmod fake;\nmod real;\n");
    assert_eq!(files, ["fake"]);
}
