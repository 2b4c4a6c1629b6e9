//! The configuration: YAML files in, one valid [`Config`] out, or every problem at once.
//!
//! Files become trees that keep places (`tree.rs`); the readers of the sections
//! (one file each) take typed values out of them and note what is wrong in the
//! [`Context`](context::Context); `whole.rs` composes. A `Config` that exists is
//! valid. Nothing here opens a connection: whether Graphite answers or a key is
//! right is found out by those who use them. Secrets never reach a message.

pub mod alert_test;
mod alerts;
mod code;
mod context;
mod files;
mod graphite;
mod groups;
mod kinds;
mod mask;
mod node;
pub mod packs;
mod params;
mod predecessor;
mod problem;
mod reader;
mod receivers;
mod repeats;
mod retired;
mod routes;
mod scalar;
pub mod schema;
mod smtp;
mod source;
mod spots;
mod stand_ins;
mod substitute;
mod suggest;
mod syntax;
mod targets;
mod thresholds;
mod times;
mod tree;
mod uses;
mod values;
mod whole;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::alert::{Group, Policy, Route};
use crate::deliver::settings::Destination;
use crate::secret::Secret;

pub use alerts::BUILT_IN;
pub use code::Code;
pub use files::{default_paths, find_tests, is_configuration};
pub use problem::{Problem, Report, Severity};
pub use spots::{AlertSpots, Spot, Spots};
pub use suggest::nearest;

/// A whole, valid configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The first part of every dedup key.
    pub instance: Arc<str>,
    /// Where Graphite is.
    pub graphite: crate::graphite::Settings,
    /// Base of documentation links (already applied to each alert's `docs`).
    pub docs_url: Option<String>,
    /// The folder of the alerts' documentation pages, which `docs` looks after.
    pub docs_path: Option<PathBuf>,
    /// What their pages say to do first: read beside the files, by whoever tells people.
    pub first_steps: FirstSteps,
    /// Where state is kept.
    pub store: Store,
    /// Where `/healthz` is served; `None`: `listen: off`.
    pub listen: Option<SocketAddr>,
    /// Called once a minute while all is well.
    pub heartbeat: Option<Secret>,
    /// All receivers, in file order (predecessor's flat keys included).
    pub receivers: Vec<Receiver>,
    /// In file order.
    pub routes: Vec<Route>,
    /// In file order of their first alert.
    pub groups: Vec<Arc<Group>>,
    /// Names of which every alert has `enabled: false`.
    pub disabled: Vec<Arc<str>>,
}

/// What the page of each alert says to do first, in Markdown, by the alert's name.
pub type FirstSteps = BTreeMap<Arc<str>, Arc<str>>;

/// One named way to tell somebody.
#[derive(Clone, Debug, PartialEq)]
pub struct Receiver {
    /// When and of what.
    pub policy: Policy,
    /// How.
    pub destination: Destination,
}

/// Where state is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// An SQLite file; a relative path is taken from the working folder.
    File(PathBuf),
}

/// A configuration with what there is to say about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What is doubtful but no error, by file and place.
    pub warnings: Vec<Problem>,
    /// Every file that was read (secrets too) and every folder that was listed, for watching.
    pub files: Vec<PathBuf>,
}

/// Reads files and folders as one configuration; `env` gives environment variables.
///
/// # Errors
/// Every problem at once, warnings among them, where at least one is an error.
pub fn load(paths: &[PathBuf], env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Report> {
    examine(paths, env).map(|(loaded, _)| loaded)
}

/// The same, with where everything stands, for those who judge the whole.
///
/// # Errors
/// As [`load`].
pub fn examine(
    paths: &[PathBuf],
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<(Loaded, Spots), Report> {
    read(&context::Context::new(env), paths)
}

/// The same for a configuration that is only played, and reaches nobody: it
/// needs no secrets, no files and no Graphite. `env` gives the variables that
/// matter; what stands for all others is decided in `stand_ins.rs`.
///
/// # Errors
/// As [`load`].
pub fn rehearse(paths: &[PathBuf], env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Report> {
    read(&context::Context::rehearsing(env), paths).map(|(loaded, _)| loaded)
}

/// The same for text that is in no file yet; messages call it `path`.
///
/// # Errors
/// As [`load`].
pub fn load_text(
    path: &Path,
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Loaded, Report> {
    let context = context::Context::new(env);
    let file = context.add_source(path, text.to_owned());
    compose(&context, [(path.to_owned(), file)]).map(|(loaded, _)| loaded)
}

fn read(context: &context::Context<'_>, paths: &[PathBuf]) -> Result<(Loaded, Spots), Report> {
    if paths.is_empty() {
        context.error_of(
            Path::new("configuration"),
            "no file is named",
            "name one with `--config PATH`",
        );
    }
    let found = files::find(context, paths);
    let read = found.into_iter().filter_map(|path| {
        let file = files::read(context, &path)?;
        Some((path, file))
    });
    compose(context, read)
}

/// One configuration of all `files`.
fn compose(
    context: &context::Context<'_>,
    files: impl IntoIterator<Item = (PathBuf, u32)>,
) -> Result<(Loaded, Spots), Report> {
    let mut roots = Vec::new();
    for (path, file) in files {
        let text = context.text(file);
        if let Some(root) = tree::parse(context, file, &text, &params::Params::default())
            && !root.is_null()
        {
            context.hide_secrets(file, &root);
            roots.push((path, root));
        } else if context.parsed(file) {
            context.error(
                problem::Place::start(file),
                "this file holds no configuration",
                whole::EXAMPLE,
            );
            context.unreadable();
        }
    }
    let used = uses::read(context, &roots);
    roots.retain(|(path, _)| !used.has(path));
    let whole = whole::Whole::of(context, &roots, used.into_alerts());
    let config = whole.as_ref().and_then(|whole| whole.read(context));
    let problems = context.problems();
    match config {
        Some((config, spots))
            if problems
                .iter()
                .all(|problem| problem.severity == Severity::Warning) =>
        {
            let loaded = Loaded {
                config,
                warnings: problems,
                files: context.watched(),
            };
            let sources = context.take_sources();
            Ok((loaded, Spots { sources, ..spots }))
        }
        _ => Err(Report(problems)),
    }
}
