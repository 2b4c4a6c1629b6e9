//! Which files make one configuration, and their text.
//!
//! A folder stands for every `*.yml` and `*.yaml` below it, in sorted order.
//! Names that begin with a dot are left out (Kubernetes keeps the real files of
//! a mounted ConfigMap in such folders, and links to them), and so are
//! `*.test.yml` and `*.test.yaml`: tests of alerts. A file reached twice is read once.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::context::Context;
use super::problem::Report;
use super::substitute::read_bounded;

/// Bytes that a file may have.
const LARGEST: u64 = 16 << 20;
/// Levels of folders; more is a loop of links.
const DEEPEST: usize = 32;

/// The path that is meant where none is given: `alerts.yml`, else `alerts/`.
pub fn default_paths(folder: &Path) -> Vec<PathBuf> {
    let file = folder.join("alerts.yml");
    if file.exists() {
        vec![file]
    } else {
        vec![folder.join("alerts")]
    }
}

/// What is looked for in folders.
struct Wanted {
    is_one: fn(&str) -> bool,
    /// Said where there is none, and what to do about it.
    none: (&'static str, &'static str),
}

/// Every file that `paths` stand for, in order.
pub fn find(context: &Context<'_>, paths: &[PathBuf]) -> Vec<PathBuf> {
    let wanted = Wanted {
        is_one: is_configuration,
        none: (
            "there is no `*.yml` or `*.yaml` in this folder",
            "put a file such as `alerts.yml` into it",
        ),
    };
    search(context, paths, wanted)
}

/// The same for files of alert tests.
///
/// # Errors
/// Where a folder cannot be listed, or holds none.
pub fn find_tests(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Report> {
    let nothing = |_: &str| None;
    let context = Context::new(&nothing);
    let wanted = Wanted {
        is_one: is_alert_test,
        none: (
            "there is no `*.test.yml` in this folder",
            "put a file such as `load.test.yml` into it, or name a file of another name itself",
        ),
    };
    let files = search(&context, paths, wanted);
    let problems = context.problems();
    match problems.is_empty() {
        true => Ok(files),
        false => Err(Report(problems)),
    }
}

fn search(context: &Context<'_>, paths: &[PathBuf], wanted: Wanted) -> Vec<PathBuf> {
    let mut search = Search {
        context,
        wanted,
        seen: HashSet::new(),
        files: Vec::new(),
    };
    for path in paths {
        context.watch(path);
        if path.is_dir() {
            let before = search.files.len();
            search.folder(path, 0);
            if search.files.len() == before {
                let (none, hint) = search.wanted.none;
                context.error_of(path, none, hint);
            }
        } else {
            search.file(path.clone());
        }
    }
    search.files
}

struct Search<'a> {
    context: &'a Context<'a>,
    wanted: Wanted,
    seen: HashSet<PathBuf>,
    files: Vec<PathBuf>,
}

impl Search<'_> {
    fn file(&mut self, path: PathBuf) {
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        if self.seen.insert(real) {
            self.files.push(path);
        }
    }

    fn folder(&mut self, folder: &Path, depth: usize) {
        let real = folder
            .canonicalize()
            .unwrap_or_else(|_| folder.to_path_buf());
        if depth > DEEPEST || !self.seen.insert(real) {
            return;
        }
        self.context.watch(folder);
        let listed = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let entries = match listed {
            Ok(entries) => entries,
            Err(error) => {
                self.context.error_of(
                    folder,
                    format!("cannot list this folder: {error}"),
                    "the agent's user must be able to list and enter it",
                );
                self.context.unreadable();
                return;
            }
        };
        let mut paths: Vec<PathBuf> = entries
            .iter()
            .map(|entry| folder.join(entry.file_name()))
            .collect();
        paths.sort();
        for path in paths {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            if name.starts_with('.') {
                continue;
            }
            match path.metadata() {
                Ok(metadata) if metadata.is_dir() => self.folder(&path, depth + 1),
                _ if (self.wanted.is_one)(&name) => self.file(path),
                // a link to nothing is none of ours; anything else may be a folder of alerts
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    self.context.error_of(
                        &path,
                        format!("cannot look at this: {error}"),
                        "the agent's user must be able to enter the folder that it is in",
                    );
                    self.context.unreadable();
                }
                _ => {}
            }
        }
    }
}

/// Whether a file of this name in a folder is read.
pub fn is_configuration(name: &str) -> bool {
    let stem = name
        .strip_suffix(".yml")
        .or_else(|| name.strip_suffix(".yaml"));
    stem.is_some_and(|stem| !stem.is_empty() && !stem.ends_with(".test"))
}

/// Whether a file of this name in a folder holds tests of alerts.
fn is_alert_test(name: &str) -> bool {
    let stem = name
        .strip_suffix(".yml")
        .or_else(|| name.strip_suffix(".yaml"));
    stem.is_some_and(|stem| stem.ends_with(".test"))
}

/// Reads one file; the number is its `Place::file`. Problems are noted.
pub fn read(context: &Context<'_>, path: &Path) -> Option<u32> {
    context.watch(path);
    match read_bounded(path, LARGEST) {
        Ok(bytes) => decode(context, path, bytes),
        Err(why) => {
            context.unreadable();
            let hint = if path.exists() {
                "the agent's user must be able to read it, and it must be a file of at most 16 MiB"
            } else if path.is_symlink() {
                "it is a link to something that is not there: bring that back, or remove the link"
            } else {
                "`--config PATH` (or `-c PATH`) names a file or a folder; without it `alerts.yml` or `alerts/` is read"
            };
            context.error_of(path, format!("cannot read this file: {why}"), hint);
            None
        }
    }
}

fn decode(context: &Context<'_>, path: &Path, bytes: Vec<u8>) -> Option<u32> {
    let wide = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    let fault = if wide {
        Some("this file is UTF-16, not UTF-8")
    } else if bytes.contains(&0) {
        Some("this is a binary file, not YAML")
    } else {
        None
    };
    if let Some(fault) = fault {
        context.unreadable();
        context.error_of(path, fault, "save it as plain text in UTF-8");
        return None;
    }
    match String::from_utf8(bytes) {
        Ok(text) => {
            let text = text
                .strip_prefix('\u{feff}')
                .map(str::to_owned)
                .unwrap_or(text);
            Some(context.add_source(path, text))
        }
        Err(error) => {
            context.unreadable();
            let at = error.utf8_error().valid_up_to();
            let before = error.as_bytes().get(..at).unwrap_or_default();
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            let last = before
                .rsplit(|byte| *byte == b'\n')
                .next()
                .unwrap_or_default();
            let column = 1 + String::from_utf8_lossy(last).chars().count();
            let place = format!("{}:{line}:{column}", path.display());
            context.error_of(
                Path::new(&place),
                "a byte here is not UTF-8 text",
                "save the file as UTF-8",
            );
            None
        }
    }
}
