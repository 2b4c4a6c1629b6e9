//! What the page of each alert says to do first, for whoever is woken.
//!
//! Read beside the configuration, and again when a page changes: messages never wait for a file. Of a page
//! only the section is kept, cut to what a message should hold.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::folder;
use super::markdown::{self, FIRST_STEPS};
use super::wanted;
use crate::config::{Config, FirstSteps};
use crate::deliver::text;

/// Characters of a section that messages quote.
const LONGEST: usize = 2000;

/// What pages say, and which could not be read.
#[derive(Debug, Default)]
pub struct Steps {
    /// By the alert's name.
    pub steps: FirstSteps,
    /// Pages that are there and cannot be read, with the reason.
    pub unread: Vec<(PathBuf, std::io::Error)>,
}

/// Reads the page of each alert in the configuration's folder of pages, where
/// it has one; what only `docs scaffold` wrote is no step.
pub fn read(config: &Config) -> Steps {
    let mut found = Steps::default();
    let Some(root) = &config.docs_path else {
        return found;
    };
    let mut steps: BTreeMap<Arc<str>, Arc<str>> = BTreeMap::new();
    for wanted in wanted::pages(config) {
        let text = match folder::text(root, wanted.alert) {
            Ok(text) => text.unwrap_or_default(),
            Err(failed) => {
                found.unread.push(failed);
                continue;
            }
        };
        if let Some(section) = markdown::below(&text, FIRST_STEPS) {
            let section = text::clip(&section, LONGEST);
            steps.insert(Arc::from(wanted.alert), Arc::from(&*section));
        }
    }
    found.steps = steps;
    found
}

/// The folders that these pages are read from, each once.
pub fn folders(config: &Config) -> Vec<PathBuf> {
    let root = config.docs_path.iter();
    let folders = root.flat_map(|root| {
        let pages = wanted::pages(config).into_iter();
        pages.flat_map(|wanted| folder::folders(root, wanted.alert))
    });
    folders.collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// What is read with these files in the folder `pages`.
    fn read_with(files: &[(&str, &str)]) -> Steps {
        let folder = tempfile::tempdir().unwrap();
        read(&config_in(folder.path(), files))
    }

    fn config_in(folder: &std::path::Path, files: &[(&str, &str)]) -> Config {
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "alerts.yml",
            "graphite: {url: http://g}\ndocs_path: pages\nalerts:\n- {name: Load, target: a.b, warning: 1}\n- {name: Web/Disk, target: a.b, warning: 1}\n- {name: Own, target: a.b, warning: 1, docs: 'https://own'}\n",
        );
        for (name, text) in files {
            write(name, text);
        }
        let path = folder.join("alerts.yml");
        crate::config::load(&[path], &|_| None).unwrap().config
    }

    #[test]
    fn every_folder_that_a_page_may_be_in_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let found = folders(&config_in(folder.path(), &[]));
        let pages = folder.path().join("pages");
        let below = ["", "Load", "Web", "Web/Disk", "graphite-pager"].map(|name| pages.join(name));
        assert_eq!(found, below);
    }

    const PAGE: &str = "# Load\n## First steps\n1. Look.\n";

    #[test]
    fn the_section_of_each_alerts_own_page_is_read() {
        for name in [
            "Load/README.md",
            "Load/index.md",
            "Load.md",
            "Load/_index.md",
            "Load/Readme.md",
            "Load.MD",
        ] {
            let found = read_with(&[(&format!("pages/{name}"), PAGE)]);
            assert_eq!(
                found.steps.get("Load").map(|steps| &**steps),
                Some("1. Look."),
                "{name}"
            );
            assert_eq!(found.steps.len(), 1);
        }
        let found = read_with(&[
            ("pages/Web/Disk.md", PAGE),
            ("pages/Own.md", PAGE),
            ("pages/Other.md", PAGE),
        ]);
        assert_eq!(
            found.steps.keys().map(|name| &**name).collect::<Vec<_>>(),
            ["Web/Disk"]
        );
    }

    #[test]
    fn a_page_without_steps_and_one_as_scaffolded_have_none() {
        for page in [
            "# Load\n",
            "## First steps\n",
            "## First steps\n\n_To be written: what to do._\n## Who\nMe\n",
        ] {
            assert!(
                read_with(&[("pages/Load.md", page)]).steps.is_empty(),
                "{page}"
            );
        }
        assert!(read_with(&[]).steps.is_empty());
    }

    #[test]
    fn long_steps_are_cut() {
        let long = format!("## First steps\n{}\n", "äb ".repeat(5000));
        let found = read_with(&[("pages/Load.md", &long)]);
        let steps = found.steps.get("Load").unwrap();
        assert!(steps.chars().count() <= LONGEST && steps.ends_with('…'));
    }
}
