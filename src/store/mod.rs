//! Durable state: an SQLite file.
//!
//! Two verbs: `load` at a start, `commit` of one batch in one transaction. What
//! is owed to somebody is on disk when `commit` returns (`synchronous=FULL`);
//! counters alone may lose their last second to a power cut (`NORMAL`). The
//! file is locked for as long as it is open, so that two agents never share
//! one; where it is deleted or damaged all the same, that is noticed, and a
//! batch that is everything makes it anew. It knows no meaning of what it keeps.

mod file;
mod held;
mod sqlite;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

pub use sqlite::Sqlite;

/// Why a store cannot be opened, read or written.
#[derive(Debug)]
pub struct StoreError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a store, by what can be done about it.
#[derive(Debug)]
pub enum Fault {
    /// Another process has it open.
    InUse,
    /// It was written by a newer version.
    Newer,
    /// It is no database of this program.
    Foreign(String),
    /// It is damaged.
    Corrupt(String),
    /// It was deleted, moved or replaced while it was open.
    Gone,
    /// It was damaged while it was open.
    Damaged(String),
    /// The file or its folder cannot be used.
    Io(std::io::Error),
    /// Anything else the database says.
    Database(String),
}

impl StoreError {
    fn new(path: &Path, fault: Fault) -> Self {
        Self {
            path: path.to_owned(),
            fault,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.fault {
            Fault::InUse => write!(
                f,
                "the store `{path}` is in use by another agent: stop that one, or give this one a `store:` of its own"
            ),
            Fault::Newer => write!(
                f,
                "the store `{path}` was written by a newer version and is left alone: run that version, or move the file away to start without state"
            ),
            Fault::Foreign(why) => write!(
                f,
                "the store `{path}` is not a file of graphite-pager ({why}): name another file in `store:`"
            ),
            Fault::Corrupt(why) => write!(
                f,
                "the store `{path}` is damaged ({why}): move the file away to start without state, or restore it"
            ),
            Fault::Gone => write!(
                f,
                "the store `{path}` was deleted, moved or replaced: it is made anew as soon as that is possible"
            ),
            Fault::Damaged(why) => write!(
                f,
                "the store `{path}` was damaged while it was open ({why}): it is set aside as `{path}.damaged` and made anew as soon as that is possible; look into the disk, and into what else writes there"
            ),
            Fault::Io(error) => write!(
                f,
                "the store `{path}` cannot be used: {error}: check that its folder exists and is writable"
            ),
            Fault::Database(why) => write!(
                f,
                "the store `{path}` cannot be used: {why}: check the disk and the file's permissions"
            ),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        None
    }
}
