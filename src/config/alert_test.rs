//! Files of alert tests: what the series of an alert show, and what should come
//! of it (design section 9). Read with the same tree and the same problems as
//! the configuration, all mistakes at once.
//!
//! A file that is read is sound: the configurations that it names can be used,
//! and every alert, series and receiver that it names is one of theirs. How a
//! test is played is none of its business.
//!
//! - `values.rs`: values as promtool writes them
//! - `library.rs`: configurations under test, each read once
//! - `names.rs`: which alerts, series and receivers a test can name
//! - `one.rs`: one test

mod library;
mod names;
pub(super) mod one;
#[cfg(test)]
mod tests;
pub mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

pub use library::Library;
pub use values::{Shown, Values};

use super::context::Context;
use super::files;
use super::node::Node;
use super::params::Params;
use super::problem::{Place, Report, Severity, quote};
use super::reader::Map;
use super::tree;
use super::values::required;
use super::{Config, scalar};
use crate::alert::{Level, Schedule, Timestamp, duration};

/// All keys of the top level.
pub const KEYS: &[&str] = &["alerts", "environment", "every", "start", "tests"];

/// Tests that were read from one file.
#[derive(Clone, Debug)]
pub struct TestFile {
    /// As it was named.
    pub path: PathBuf,
    /// The configuration under test.
    pub config: Rc<Config>,
    /// In file order.
    pub tests: Vec<Test>,
}

/// One test.
#[derive(Clone, Debug)]
pub struct Test {
    /// Unique in its file.
    pub name: String,
    /// Where it begins.
    pub place: Spot,
    /// The time between two values, and between two evaluations.
    pub every: Duration,
    /// The instant of `0m`.
    pub start: Timestamp,
    /// What Graphite shows.
    pub series: Vec<Series>,
    /// Levels at times.
    pub levels: Vec<ExpectLevel>,
    /// Transitions.
    pub events: Vec<ExpectEvent>,
    /// What receivers are told.
    pub told: Vec<ExpectTold>,
    /// Failures of Graphite.
    pub faults: Vec<Fault>,
    /// New configurations, in the order of their times.
    pub reloads: Vec<Reload>,
}

/// Where something stands in a file of tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// 1-based.
    pub line: u32,
    /// 1-based.
    pub column: u32,
}

/// A time of a test: since its start, and as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    /// Since the start.
    pub span: Duration,
    /// As the file writes it.
    pub text: String,
}

/// One series of the played Graphite.
#[derive(Clone, Debug)]
pub struct Series {
    /// The alert's name.
    pub alert: Arc<str>,
    /// The legend.
    pub name: Arc<str>,
    /// The target that returns it; `None`: whichever can.
    pub target: Option<String>,
    /// What is shown.
    pub values: Values,
}

/// Which series an expectation is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Where the expectation stands.
    pub place: Spot,
    /// The alert's name.
    pub alert: Arc<str>,
    /// The legend.
    pub series: Arc<str>,
}

/// At this time the incident has this level.
#[derive(Clone, Debug)]
pub struct ExpectLevel {
    /// Of which series.
    pub subject: Subject,
    /// When.
    pub at: At,
    /// `ok`: there is no incident.
    pub level: Level,
}

/// At this time something happens to the incident.
#[derive(Clone, Debug)]
pub struct ExpectEvent {
    /// Of which series.
    pub subject: Subject,
    /// `None`: nothing happens but what other expectations say.
    pub what: Option<Happens>,
    /// Whether nothing else happens to the series.
    pub only: bool,
}

/// What happens.
#[derive(Clone, Debug)]
pub struct Happens {
    /// When.
    pub at: At,
    /// `opened`, `raised`, `lowered`, `resolved`.
    pub event: &'static str,
    /// The level afterwards; `None`: any.
    pub level: Option<Level>,
}

/// At this time a receiver is told something.
#[derive(Clone, Debug)]
pub struct ExpectTold {
    /// Of which series.
    pub subject: Subject,
    /// Who.
    pub receiver: Arc<str>,
    /// `None`: nothing but what other expectations say.
    pub what: Option<Said>,
    /// Whether it is told nothing else of the series.
    pub only: bool,
}

/// What a receiver is told.
#[derive(Clone, Debug)]
pub struct Said {
    /// When.
    pub at: At,
    /// What.
    pub says: Says,
}

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// The incident has this level: it began, changed, or goes on.
    Level(Level),
    /// It goes on, whatever its level.
    Reminder,
    /// It is no longer at a level that the receiver listens to.
    Left,
    /// It is over.
    Resolved,
}

impl Says {
    /// As a file writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Level(level) => level.as_str(),
            Self::Reminder => "reminder",
            Self::Left => "left",
            Self::Resolved => "resolved",
        }
    }
}

/// A time in which Graphite fails.
#[derive(Clone, Debug)]
pub struct Fault {
    /// From then on.
    pub from: Duration,
    /// Until before this; `None`: to the end.
    pub to: Option<Duration>,
    /// How.
    pub fails: Fails,
    /// What it is asked for; `None`: anything.
    pub alert: Option<Arc<str>>,
}

/// How Graphite fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fails {
    /// With this status.
    Status(u16),
    /// In some other way, in words.
    Otherwise(&'static str),
}

/// A new configuration.
#[derive(Clone, Debug)]
pub struct Reload {
    /// When.
    pub at: Duration,
    /// What it says.
    pub config: Rc<Config>,
    /// Whether what left ends at once, as after SIGHUP.
    pub at_once: bool,
}

/// Reads a file of tests.
///
/// # Errors
/// Every problem at once; those of a configuration under test where it is first
/// named.
pub fn read(path: &Path, library: &mut Library) -> Result<TestFile, Report> {
    // `${...}` is for configurations: a test that needs the environment is none
    let nothing = |_: &str| None;
    let context = Context::new(&nothing);
    let root = parse(&context, path);
    let file = root.and_then(|root| {
        let map = Map::of(&context, &root, "this file of tests")?;
        whole(&map, path, library)
    });
    let mut problems = library.take_problems();
    problems.extend(context.problems());
    problems.retain(|problem| problem.severity == Severity::Error);
    match file {
        Some(file) if problems.is_empty() => Ok(file),
        _ => Err(Report(problems)),
    }
}

fn parse(context: &Context<'_>, path: &Path) -> Option<Rc<Node>> {
    let file = files::read(context, path)?;
    let text = context.text(file);
    let root = tree::parse(context, file, &text, &Params::default()).filter(|root| !root.is_null());
    if root.is_none() && context.parsed(file) {
        context.error(Place::start(file), "this file holds no tests", EXAMPLE);
    }
    root
}

fn whole(map: &Map<'_>, path: &Path, library: &mut Library) -> Option<TestFile> {
    // a place to keep anchors in, as in a configuration: `x-web: &web {...}`
    let extra = map.entries().iter().map(|entry| &*entry.key);
    let known: Vec<&str> = extra
        .filter(|key| key.starts_with("x-"))
        .chain(KEYS.iter().copied())
        .collect();
    map.only(&known);
    let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
    library.set_environment(environment(map));
    let config = required(
        map,
        "alerts",
        "name the configuration under test, relative to this file: `alerts: ../alerts/load.yml`",
        |map, key| library.configuration(map, key, &folder),
    );
    let around = Around {
        folder,
        every: every(map),
        start: start(map),
    };
    let items = required(map, "tests", EXAMPLE, |map, key| {
        let entry = map.entry(key)?;
        Some(scalar::list(map.context, &entry.value, "`tests`", EXAMPLE))
    })?;
    if let (true, Some(entry)) = (items.is_empty(), map.entry("tests")) {
        map.context.error(entry.place, "there is no test", EXAMPLE);
    }
    let config = config?;
    let mut tests: Vec<(Test, Place)> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        if map.context.full() {
            break;
        }
        let read = one::read(map.context, item, index + 1, &around, &config, library);
        let Some(test) = read else { continue };
        let twice = tests.iter().find(|(known, _)| known.name == test.name);
        if let Some((_, first)) = twice {
            let message = format!(
                "two tests are called {}, here and at {}",
                quote(&test.name),
                map.context.show(item.place)
            );
            map.context
                .error(*first, message, "give one of the two another name");
        }
        tests.push((test, item.place));
    }
    Some(TestFile {
        path: path.to_path_buf(),
        config,
        tests: tests.into_iter().map(|(test, _)| test).collect(),
    })
}

/// What all tests of a file have in common.
pub(super) struct Around {
    /// Paths are relative to it.
    folder: PathBuf,
    /// Where a test gives none.
    every: Option<Duration>,
    /// The same.
    start: Option<Timestamp>,
}

fn environment(map: &Map<'_>) -> BTreeMap<String, String> {
    let Some(variables) = map.map("environment") else {
        return BTreeMap::new();
    };
    let variable = |entry: &tree::Entry| {
        let name = variables.name(&entry.key);
        let text = scalar::text(map.context, &entry.value, &name, "text")?;
        Some((entry.key.to_string(), text.value.to_owned()))
    };
    variables.entries().iter().filter_map(variable).collect()
}

/// Whole seconds, as `every` of an alert.
fn every(map: &Map<'_>) -> Option<Duration> {
    let expected = "whole seconds such as `30s` or `1m`";
    map.parsed("every", expected, |text| {
        let period = duration::parse(text)?;
        // the name only moves its slots, which a test sets itself
        Schedule::every(period, "").map_err(|why| why.replacen("`every` is ", "it is ", 1))?;
        Ok(period)
    })
}

fn start(map: &Map<'_>) -> Option<Timestamp> {
    let expected = "an instant such as `2026-11-23T09:00:00Z`";
    map.parsed("start", expected, |text| {
        let fault = || format!("expected {expected}, found {}", quote(text));
        let at = chrono::DateTime::parse_from_rfc3339(text.trim()).map_err(|_| fault())?;
        let at = at.timestamp();
        (0..END).contains(&at).then_some(()).ok_or_else(|| {
            "it is before 1970 or after 2099; write an instant between them".to_owned()
        })?;
        Ok(Timestamp::from_secs(at))
    })
}

/// The first instant of the year 2100.
const END: i64 = 4_102_444_800;

/// What an empty file is told to hold.
const EXAMPLE: &str = "write `tests: [{name: high load pages, series: [{alert: Load, name: web-1, values: \"1x4 30x10\"}], expect: [{at: 7m, alert: Load, series: web-1, level: critical}]}]`";
