//! A folder of pages, and which file is the page of which alert.
//!
//! `{docs_url}/{alert name}` hits `NAME/README.md` where a repository or MkDocs
//! publishes the folder, `NAME/index.md` at most generators of sites, `NAME.md`
//! at those that make a folder of each page. A `/` in a name is a folder, as it
//! is for web servers, which decode what is between the slashes of a link.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use super::markdown::{self, Page};

/// Bytes of a page that are read.
const LONGEST: u64 = 1 << 20;
/// Names of the file that stands for its folder.
const INDEX: &[&str] = &["readme.md", "index.md", "_index.md"];
/// The longest name of a file (`NAME_MAX`), in bytes.
const NAME: usize = 255;

/// A folder of pages.
#[derive(Debug, Default)]
pub struct Folder {
    /// By the name of the alert that each is for; the files in order of their names.
    pub pages: BTreeMap<String, Vec<Found>>,
}

/// One file.
#[derive(Debug)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// What is in it.
    pub page: Page,
}

impl Folder {
    /// Reads all pages below `root`; hidden files and linked folders are left out.
    ///
    /// # Errors
    /// The first folder or file that cannot be read, with the reason.
    pub fn read(root: &Path) -> Result<Self, (PathBuf, io::Error)> {
        let mut folder = Self::default();
        let mut open = vec![(root.to_path_buf(), Vec::new())];
        while let Some((path, names)) = open.pop() {
            let failed = |error| (path.clone(), error);
            for entry in fs::read_dir(&path).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.starts_with('.') {
                    continue;
                }
                if entry.file_type().map_err(failed)?.is_dir() {
                    let names = names.iter().cloned().chain([name]).collect();
                    open.push((entry.path(), names));
                } else if let Some(alert) = alert(&names, &name).filter(|_| entry.path().is_file())
                {
                    let path = entry.path();
                    let page = read(&path).map_err(|error| (path.clone(), error))?;
                    let found = Found { path, page };
                    folder.pages.entry(alert).or_default().push(found);
                }
            }
        }
        for files in folder.pages.values_mut() {
            files.sort_by(|one, other| one.path.cmp(&other.path));
        }
        Ok(folder)
    }
}

/// The alert that the file `name` in the folder `names` is the page of; `None`:
/// it is no page, or the one about the whole folder.
fn alert(names: &[String], name: &str) -> Option<String> {
    let small = name.to_ascii_lowercase();
    if INDEX.contains(&&*small) {
        return (!names.is_empty()).then(|| names.join("/"));
    }
    let end = name
        .len()
        .checked_sub(3)
        .filter(|_| small.ends_with(".md"))?;
    let stem = name.get(..end)?;
    Some(
        names
            .iter()
            .map(String::as_str)
            .chain([stem])
            .collect::<Vec<_>>()
            .join("/"),
    )
}

fn read(path: &Path) -> io::Result<Page> {
    Ok(markdown::read(&read_text(path)?))
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of the page of `name`, the first of those that may be it; `None`:
/// there is none.
///
/// # Errors
/// It is there, and cannot be read; or the folder cannot.
pub fn text(root: &Path, name: &str) -> Result<Option<String>, (PathBuf, io::Error)> {
    let Some(path) = files(root, name)?.into_iter().next() else {
        return Ok(None);
    };
    read_text(&path).map(Some).map_err(|error| (path, error))
}

/// The text of a page, as far as pages are read.
///
/// # Errors
/// It cannot be read.
pub fn read_text(path: &Path) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&bytes(path)?).into_owned())
}

/// The files that are the page of `name`; more than one is a fault.
///
/// # Errors
/// The folder that cannot be read, with the reason.
pub fn files(root: &Path, name: &str) -> Result<Vec<PathBuf>, (PathBuf, io::Error)> {
    let names: Vec<String> = name.split('/').map(str::to_owned).collect();
    let above = names.split_last().map_or(&[][..], |(_, above)| above);
    let mut files = Vec::new();
    for (folder, names) in folders(root, name).into_iter().zip([&names[..], above]) {
        match pages_in(&folder, names, name) {
            Ok(mut pages) => {
                pages.sort();
                files.append(&mut pages);
            }
            Err(error) => return Err((folder, error)),
        }
    }
    Ok(files)
}

/// The folders that the page of `name` may be in; none: no file can have such a name.
pub fn folders(root: &Path, name: &str) -> Vec<PathBuf> {
    let page = place(root, name);
    let folders = page
        .iter()
        .flat_map(|page| page.ancestors().skip(1).take(2));
    folders.map(Path::to_owned).collect()
}

/// Whether a file of this name is a page.
pub fn is_page(name: &str) -> bool {
    !name.starts_with('.') && alert(&[String::new()], name).is_some()
}

/// Files in `folder`, whose alerts begin with `names`, that are the page of `name`.
fn pages_in(folder: &Path, names: &[String], name: &str) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        entries => entries?,
    };
    let mut pages = Vec::new();
    for entry in entries {
        let entry = entry?;
        let file = entry.file_name().to_string_lossy().into_owned();
        let is_it = is_page(&file) && alert(names, &file).is_some_and(|of| of == name);
        if is_it && entry.path().is_file() {
            pages.push(entry.path());
        }
    }
    Ok(pages)
}

/// Where the page of `alert` belongs; `None`: no file can have such a name.
pub fn place(root: &Path, alert: &str) -> Option<PathBuf> {
    let usable = |part: &str| !part.is_empty() && !part.starts_with('.') && part.len() <= NAME;
    alert
        .split('/')
        .all(usable)
        .then(|| root.join(alert).join("README.md"))
}

/// Writes a page, if there is none yet; whether there was none.
///
/// # Errors
/// It cannot be written; nothing is left of it.
pub fn write(path: &Path, text: &str) -> io::Result<bool> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error),
    };
    if let Err(error) = file.write_all(text.as_bytes()) {
        // half a page would pass for one that a person wrote
        let _ = fs::remove_file(path);
        return Err(error);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_for_the_alert_that_its_path_names() {
        for (folder, name, expected) in [
            ("Load", "README.md", Some("Load")),
            ("Load", "index.md", Some("Load")),
            ("", "Load.md", Some("Load")),
            ("", "Load (5.1).MD", Some("Load (5.1)")),
            ("web/Load", "_index.md", Some("web/Load")),
            ("web", "Load.md", Some("web/Load")),
            ("", "README.md", None),
            ("Load", "graph.png", None),
        ] {
            let names = folder.split('/').filter(|part| !part.is_empty());
            let names: Vec<String> = names.map(str::to_owned).collect();
            assert_eq!(alert(&names, name).as_deref(), expected, "{folder}/{name}");
        }
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let root = Path::new("docs");
        for name in ["", "..", "../x", "a/../../x", "/etc", "a//b", ".git", "a/"] {
            assert_eq!(place(root, name), None, "{name}");
        }
        let expected = Some(PathBuf::from("docs/a b/c/README.md"));
        assert_eq!(place(root, "a b/c"), expected);
    }
}
