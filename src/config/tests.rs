//! Tests of the whole: files in, a configuration or a printed report out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::path::PathBuf;

use super::*;

mod mistakes;
mod page;
mod rehearsal;
mod schema;
mod secrets;
mod sound;
mod uses;

/// A folder with files, and an environment.
struct Bench {
    folder: tempfile::TempDir,
    env: Vec<(String, String)>,
}

impl Bench {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self {
            folder,
            env: Vec::new(),
        }
    }

    fn with_env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn load(&self, names: &[&str]) -> Result<Loaded, Report> {
        let paths: Vec<PathBuf> = names.iter().map(|name| self.path(name)).collect();
        let env = |name: &str| {
            self.env
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
        };
        let result = load(&paths, &env);
        schema::agree(self.folder.path(), &result);
        result
    }

    /// What is printed, with paths relative to the folder.
    fn printed(&self, names: &[&str]) -> String {
        let text = match self.load(names) {
            Ok(loaded) => loaded
                .warnings
                .iter()
                .map(|problem| problem.to_string())
                .collect::<Vec<_>>()
                .join("\n"),
            Err(report) => report.to_string(),
        };
        text.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

/// Loads one file that must be sound.
fn sound(text: &str) -> Loaded {
    let bench = Bench::new(&[("alerts.yml", text)]);
    bench
        .load(&["alerts.yml"])
        .unwrap_or_else(|report| panic!("{report}"))
}

/// What is printed of one file.
fn printed(text: &str) -> String {
    Bench::new(&[("alerts.yml", text)]).printed(&["alerts.yml"])
}

/// The head of a sound file; alerts follow.
const HEAD: &str = "graphite: {url: https://graphite.example.com}\nreceivers: {a: {console: {}}, b: {console: {}}}\n";

/// The one alert of a file that consists of `HEAD` and `body`.
fn alert(body: &str) -> crate::alert::Alert {
    let loaded = sound(&format!("{HEAD}{body}"));
    loaded.config.groups[0].alerts[0].clone()
}
