//! Configurations under test: each is read once, however many tests and files
//! name it, and its problems are said once.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::config::problem::Problem;
use crate::config::reader::Map;
use crate::config::{Config, rehearse};

type Environment = BTreeMap<String, String>;

/// Every configuration that was read.
#[derive(Default)]
pub struct Library {
    environment: Environment,
    /// `None`: it cannot be used.
    read: HashMap<(Vec<PathBuf>, Environment), Option<Rc<Config>>>,
    /// Problems that nobody was told of yet.
    problems: Vec<Problem>,
}

impl Library {
    /// The variables that configurations are read with from now on.
    pub(super) fn set_environment(&mut self, environment: Environment) {
        self.environment = environment;
    }

    /// The problems of configurations since this was last called.
    pub(super) fn take_problems(&mut self) -> Vec<Problem> {
        std::mem::take(&mut self.problems)
    }

    /// The configuration that `key` names, relative to `folder`.
    pub(super) fn configuration(
        &mut self,
        map: &Map<'_>,
        key: &str,
        folder: &Path,
    ) -> Option<Rc<Config>> {
        let entry = map.entry(key)?;
        let texts = map.texts(key)?;
        let paths: Vec<PathBuf> = texts.iter().map(|text| folder.join(text.value)).collect();
        if paths.is_empty() {
            map.context.error(
                entry.value.place,
                format!("{} names nothing", map.name(key)),
                "name a file or a folder, relative to this file",
            );
            return None;
        }
        let config = self.load(paths);
        if config.is_none() {
            map.context.error(
                entry.value.place,
                format!("{}: this configuration cannot be used", map.name(key)),
                "paths are relative to this file; what is wrong with it is said before this",
            );
        }
        config
    }

    fn load(&mut self, paths: Vec<PathBuf>) -> Option<Rc<Config>> {
        let key = (paths, self.environment.clone());
        if let Some(known) = self.read.get(&key) {
            return known.clone();
        }
        let (paths, environment) = &key;
        let config = match rehearse(paths, &|name| environment.get(name).cloned()) {
            Ok(loaded) => Some(Rc::new(loaded.config)),
            Err(report) => {
                self.problems.extend(report.0);
                None
            }
        };
        self.read.insert(key, config.clone());
        config
    }
}
