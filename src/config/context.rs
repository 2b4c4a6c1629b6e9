//! What all readers of one load share: the sources, the environment, and the
//! problems found so far.
//!
//! Readers get it by shared reference and add to it; nobody takes anything out
//! before the end. The same fault at the same place is one problem, however
//! many alerts inherit it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::code::Code;
use super::mask;
use super::problem::{Place, Problem, Severity};
use super::source::Source;
use super::tree::Node;

/// Problems that are kept; of the rest only the number is told.
const MOST: usize = 1000;

/// Shared by all readers of one load.
pub struct Context<'a> {
    env: &'a dyn Fn(&str) -> Option<String>,
    sources: RefCell<Vec<Source>>,
    found: RefCell<Vec<Found>>,
    seen: RefCell<HashSet<(Option<Place>, String)>>,
    /// Where values of parameters stand; `true`: an error was told of it.
    values: RefCell<HashMap<Place, bool>>,
    watched: RefCell<Vec<PathBuf>>,
    /// Environment variables that hold secrets.
    secret_variables: RefCell<BTreeSet<String>>,
    unread: Cell<bool>,
    dropped: Cell<usize>,
    rehearses: bool,
}

/// A problem whose line has not been looked up yet.
struct Found {
    severity: Severity,
    code: Option<Code>,
    at: At,
    message: String,
    hint: Option<String>,
}

enum At {
    Place(Place),
    Path(PathBuf),
}

impl<'a> Context<'a> {
    /// Nothing read, nothing found.
    pub fn new(env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            env,
            sources: RefCell::default(),
            found: RefCell::default(),
            seen: RefCell::default(),
            values: RefCell::default(),
            watched: RefCell::default(),
            secret_variables: RefCell::default(),
            unread: Cell::new(false),
            dropped: Cell::new(0),
            rehearses: false,
        }
    }

    /// The same for a configuration that reaches nobody: what it takes from
    /// outside and is not there is stood in for (`stand_ins.rs`).
    pub fn rehearsing(env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            rehearses: true,
            ..Self::new(env)
        }
    }

    /// Whether the configuration reaches nobody.
    pub fn rehearses(&self) -> bool {
        self.rehearses
    }

    /// What to do about a value from outside that is of no use.
    pub fn advice_on_outside(&self) -> &'static str {
        match self.rehearses {
            true => {
                "set the variable; a test of alerts does so itself, such as `environment: {LIMIT: \"20\"}`"
            }
            false => "its value is not shown because it may be a secret",
        }
    }

    /// An environment variable's value.
    pub fn env(&self, name: &str) -> Option<String> {
        (self.env)(name)
    }

    /// The same, where an empty one counts as unset.
    pub fn env_filled(&self, name: &str) -> Option<String> {
        self.env(name).filter(|value| !value.is_empty())
    }

    /// Takes in a file's text; the number is its `Place::file`.
    pub fn add_source(&self, path: &Path, text: String) -> u32 {
        let mut sources = self.sources.borrow_mut();
        sources.push(Source {
            path: path.to_path_buf(),
            text: Arc::from(text),
            secrets: Vec::new(),
            unparsed: false,
            used_at: None,
        });
        u32::try_from(sources.len() - 1).unwrap_or(u32::MAX)
    }

    /// Notes that a file is read because `use:` names it at `place`.
    pub fn set_used(&self, file: u32, place: Place) {
        if let Some(source) = self.sources.borrow_mut().get_mut(file as usize) {
            source.used_at = Some(place);
        }
    }

    /// Where the file that `place` is in was named by `use:`; `None`: it was read by itself.
    pub fn used_at(&self, place: Place) -> Option<Place> {
        self.sources.borrow().get(place.file as usize)?.used_at
    }

    /// Notes that a parameter's value stands here: it may be put in at many places,
    /// and a fault of it is told once.
    pub fn mark_value(&self, place: Place) {
        self.values.borrow_mut().entry(place).or_default();
    }

    /// A file's text.
    pub fn text(&self, file: u32) -> Arc<str> {
        self.sources
            .borrow()
            .get(file as usize)
            .map_or_else(|| Arc::from(""), |source| Arc::clone(&source.text))
    }

    /// Whether a file's syntax is sound.
    pub fn parsed(&self, file: u32) -> bool {
        self.sources
            .borrow()
            .get(file as usize)
            .is_some_and(|source| !source.unparsed)
    }

    /// Notes what must not be shown of a file, and which variables it takes secrets from.
    pub fn hide_secrets(&self, file: u32, root: &Rc<Node>) {
        self.secret_variables
            .borrow_mut()
            .extend(mask::variables(root));
        if let Some(source) = self.sources.borrow_mut().get_mut(file as usize) {
            source.secrets.extend(mask::secrets(root));
        }
    }

    /// The environment variables that the files take secrets from.
    pub fn secret_variables(&self) -> BTreeSet<String> {
        self.secret_variables.borrow().clone()
    }

    /// Notes that a piece of a file must not be shown.
    pub fn hide_range(&self, file: u32, range: std::ops::Range<usize>) {
        if let Some(source) = self.sources.borrow_mut().get_mut(file as usize) {
            source.secrets.push(range);
        }
    }

    /// Notes that nothing of a value may be shown: it was dropped, so that nobody knows what it is.
    pub fn hide(&self, file: u32, node: &Node) {
        if let Some(source) = self.sources.borrow_mut().get_mut(file as usize) {
            source.secrets.extend(mask::everything(node));
        }
    }

    /// Notes that a file has no tree.
    pub fn unparsed(&self, file: u32) {
        self.unreadable();
        if let Some(source) = self.sources.borrow_mut().get_mut(file as usize) {
            source.unparsed = true;
        }
    }

    /// Notes that some of the configuration could not be read, so that what is missing may stand there.
    pub fn unreadable(&self) {
        self.unread.set(true);
    }

    /// Whether every file could be read.
    pub fn complete(&self) -> bool {
        !self.unread.get()
    }

    /// The folder that relative paths of a file are taken from.
    pub fn folder_of(&self, file: u32) -> PathBuf {
        let sources = self.sources.borrow();
        sources
            .get(file as usize)
            .and_then(|source| source.path.parent())
            .map(Path::to_path_buf)
            .unwrap_or_default()
    }

    /// Notes a file or folder that the configuration depends on.
    pub fn watch(&self, path: &Path) {
        let mut watched = self.watched.borrow_mut();
        if !watched.iter().any(|known| known == path) {
            watched.push(path.to_path_buf());
        }
    }

    /// A place as messages name it: `alerts/web.yml:12:15`.
    pub fn show(&self, place: Place) -> String {
        format!(
            "{}:{}:{}",
            self.path_of(place).display(),
            place.line,
            place.column
        )
    }

    /// A place as an alert carries it: `alerts/web.yml:12`.
    pub fn show_line(&self, place: Place) -> String {
        format!("{}:{}", self.path_of(place).display(), place.line)
    }

    /// The file that a place is in, as messages name it.
    pub fn path_of(&self, place: Place) -> PathBuf {
        self.sources
            .borrow()
            .get(place.file as usize)
            .map(|source| source.path.clone())
            .unwrap_or_default()
    }

    /// Whether so much is wrong that nobody would read more.
    pub fn full(&self) -> bool {
        self.dropped.get() > 0
    }

    /// Notes an error.
    pub fn error(&self, place: Place, message: impl Into<String>, hint: impl Into<String>) {
        self.note(
            Severity::Error,
            None,
            At::Place(place),
            message.into(),
            hint.into(),
        );
    }

    /// Notes an error of a path that could not be read, or of an environment variable.
    pub fn error_of(&self, path: &Path, message: impl Into<String>, hint: impl Into<String>) {
        self.note(
            Severity::Error,
            None,
            At::Path(path.to_path_buf()),
            message.into(),
            hint.into(),
        );
    }

    /// Notes a warning; whether it is allowed is asked before ([`Map::warn`](super::reader::Map::warn)).
    pub fn warn(
        &self,
        code: Code,
        place: Place,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.note(
            Severity::Warning,
            Some(code),
            At::Place(place),
            message.into(),
            hint.into(),
        );
    }

    fn note(&self, severity: Severity, code: Option<Code>, at: At, message: String, hint: String) {
        let place = match &at {
            At::Place(place) => Some(*place),
            At::Path(_) => None,
        };
        if let (Severity::Error, Some(place)) = (severity, place)
            && let Some(told) = self.values.borrow_mut().get_mut(&place)
            && std::mem::replace(told, true)
        {
            return;
        }
        let path = if let At::Path(path) = &at {
            path.to_string_lossy().into_owned()
        } else {
            String::new()
        };
        if !self
            .seen
            .borrow_mut()
            .insert((place, format!("{path}{message}")))
        {
            return;
        }
        let mut found = self.found.borrow_mut();
        if found.len() >= MOST {
            self.dropped.set(self.dropped.get() + 1);
            return;
        }
        found.push(Found {
            severity,
            code,
            at,
            message,
            hint: Some(hint).filter(|hint| !hint.is_empty()),
        });
    }

    /// Everything found, by file and place; what belongs to no file comes first.
    pub fn problems(&self) -> Vec<Problem> {
        let mut found = self.found.take();
        found.sort_by_key(|found| match found.at {
            At::Place(place) => Some(place),
            At::Path(_) => None,
        });
        let mut sources = self.sources.borrow_mut();
        sources.iter_mut().for_each(Source::settle);
        let mut problems: Vec<Problem> = found
            .into_iter()
            .map(|found| finish(found, &sources))
            .collect();
        // a file that is used was perhaps read by itself too
        let mut told = HashSet::new();
        problems.retain(|problem| {
            let Problem {
                path, at, message, ..
            } = problem;
            told.insert((path.clone(), *at, message.clone()))
        });
        if self.dropped.get() > 0
            && let Some(last) = problems.last()
        {
            let message = format!("and {} more problems", self.dropped.get());
            problems.push(Problem {
                severity: Severity::Error,
                ..Problem::of_path(&last.path, message, None)
            });
        }
        problems
    }

    /// The text of all files, once every problem has been taken out.
    pub fn take_sources(&self) -> Arc<[Source]> {
        self.sources.take().into()
    }

    /// Every file that was read and every folder that was listed.
    pub fn watched(&self) -> Vec<PathBuf> {
        self.watched.take()
    }
}

fn finish(found: Found, sources: &[Source]) -> Problem {
    let (path, at, excerpt) = match found.at {
        At::Path(path) => (path, None, None),
        At::Place(place) => {
            let source = sources.get(place.file as usize);
            let path = source.map(|source| source.path.clone()).unwrap_or_default();
            (
                path,
                Some((place.line, place.column)),
                source.and_then(|source| source.excerpt(place)),
            )
        }
    };
    Problem {
        severity: found.severity,
        code: found.code,
        path,
        at,
        message: found.message,
        hint: found.hint,
        excerpt,
    }
}
