//! What happens to the file behind SQLite's back while it is open.
//!
//! SQLite reads what it knows from its cache, and writes into a file that was
//! deleted, cut or overwritten without a word; the next start would then find
//! nothing. So before each commit the file and its log are looked at: whether
//! they are still the ones that are open, have not become shorter (neither does
//! while it is open), and begin as they should. Damage further inside is found
//! when SQLite reads it. It decides nothing about what follows.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::file::{APPLICATION, MAGIC};

/// Where the application's number stands in the file (sqlite.org/fileformat.html).
const APPLICATION_AT: u64 = 68;

/// The file that is open.
pub(super) struct Held {
    /// Closing it would give up SQLite's locks on it (POSIX): only after SQLite has.
    file: File,
    main: Seen,
    log: Option<Seen>,
}

/// Which file it is, and how long it was.
#[derive(Clone, Copy)]
struct Seen {
    device: u64,
    inode: u64,
    length: u64,
}

/// What happened to it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It was deleted, moved or replaced.
    Gone,
    /// What is in it is lost, for this reason.
    Damaged(&'static str),
    /// Its log was deleted, moved or replaced; SQLite still has it open.
    LogGone,
}

/// Where SQLite keeps the log of the file at `path`.
pub(super) fn log_of(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

/// `path` with something after it.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

impl Seen {
    fn new(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
        }
    }

    fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().as_ref().map(Self::new)
    }

    fn is(&self, other: Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

impl Held {
    /// Takes the file at `path`, which SQLite has opened, as it is now.
    pub(super) fn new(file: File, path: &Path) -> io::Result<Self> {
        Ok(Self {
            main: Seen::new(&file.metadata()?),
            log: Seen::at(&log_of(path)),
            file,
        })
    }

    /// What happened to it since it was last looked at.
    pub(super) fn change(&self, path: &Path) -> Option<Change> {
        if !Seen::at(path).is_some_and(|now| now.is(self.main)) {
            return Some(Change::Gone);
        }
        if let Some(why) = self.damage() {
            return Some(Change::Damaged(why));
        }
        let log = self.log?;
        match Seen::at(&log_of(path)) {
            Some(now) if now.is(log) && now.length >= log.length => None,
            Some(now) if now.is(log) => Some(Change::Damaged("its log became shorter")),
            _ => Some(Change::LogGone),
        }
    }

    fn damage(&self) -> Option<&'static str> {
        let length = self.file.metadata().map(|metadata| metadata.len());
        if length.is_ok_and(|length| length < self.main.length) {
            return Some("it became shorter");
        }
        let (mut magic, mut application) = ([0; MAGIC.len()], [0; 4]);
        let read = self
            .file
            .read_exact_at(&mut magic, 0)
            .and_then(|()| self.file.read_exact_at(&mut application, APPLICATION_AT));
        let sound = magic == *MAGIC && u32::from_be_bytes(application) == APPLICATION;
        match read {
            Ok(()) if !sound => Some("its beginning was overwritten"),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Some("it became shorter"),
            // a disk that errs is found out by whoever writes
            Ok(()) | Err(_) => None,
        }
    }

    /// Remembers how long it is after this process has written. What happened
    /// to it during that is not forgotten by it: neither becomes shorter, nor
    /// another file.
    pub(super) fn wrote(&mut self, path: &Path) {
        if let Ok(metadata) = self.file.metadata() {
            self.main.length = self.main.length.max(metadata.len());
        }
        let now = Seen::at(&log_of(path));
        match (&mut self.log, now) {
            (Some(log), Some(now)) if now.is(*log) => log.length = log.length.max(now.length),
            (None, Some(now)) => self.log = Some(now),
            _ => {}
        }
    }

    /// SQLite begins another log.
    pub(super) fn forget_log(&mut self) {
        self.log = None;
    }

    /// Makes room at `path` for another file: what is left of this one goes
    /// aside, with `.damaged` after its name, for people to look at. A file that
    /// is not this one stays, but this one's log must not be taken for its.
    pub(super) fn set_aside(&self, path: &Path) -> io::Result<()> {
        let mine = Seen::at(path).is_some_and(|now| now.is(self.main));
        let aside = beside(path, ".damaged");
        let log = log_of(path);
        if let (Some(old), Some(now)) = (self.log, Seen::at(&log))
            && now.is(old)
        {
            match mine {
                true => std::fs::rename(&log, log_of(&aside))?,
                false => std::fs::remove_file(&log)?,
            }
        }
        if mine {
            std::fs::rename(path, aside)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use std::fs;

    use super::*;

    /// A file with a log beside it, as they are while they are open.
    fn held() -> (tempfile::TempDir, PathBuf, Held) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let mut page = vec![0; 4096];
        page[..MAGIC.len()].copy_from_slice(MAGIC);
        page[68..72].copy_from_slice(&APPLICATION.to_be_bytes());
        fs::write(&path, page).unwrap();
        fs::write(log_of(&path), [0; 100]).unwrap();
        let held = Held::new(File::open(&path).unwrap(), &path).unwrap();
        (folder, path, held)
    }

    fn set_length(path: &Path, length: u64) {
        let file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(length).unwrap();
    }

    #[test]
    fn what_grows_is_well() {
        let (_folder, path, mut held) = held();
        set_length(&path, 8192);
        set_length(&log_of(&path), 200);
        assert_eq!(held.change(&path), None);
        held.wrote(&path);
        assert_eq!(held.change(&path), None);
    }

    #[test]
    fn damage_that_is_done_while_it_is_written_is_not_forgotten() {
        for length in [0, 50, 4095] {
            let (_folder, path, mut held) = held();
            set_length(&path, length);
            held.wrote(&path);
            let shorter = Some(Change::Damaged("it became shorter"));
            assert_eq!(held.change(&path), shorter, "{length}");
        }
        let (_folder, path, mut held) = held();
        set_length(&log_of(&path), 10);
        held.wrote(&path);
        let shorter = Some(Change::Damaged("its log became shorter"));
        assert_eq!(held.change(&path), shorter);
    }

    #[test]
    fn log_that_is_deleted_while_it_is_written_is_not_forgotten() {
        let (_folder, path, mut held) = held();
        let _open = File::open(log_of(&path)).unwrap();
        fs::remove_file(log_of(&path)).unwrap();
        held.wrote(&path);
        assert_eq!(held.change(&path), Some(Change::LogGone));
        held.forget_log();
        fs::write(log_of(&path), [0; 10]).unwrap();
        held.wrote(&path);
        assert_eq!(held.change(&path), None);
    }

    #[test]
    fn log_of_a_file_that_took_its_place_is_left_alone() {
        let (_folder, path, held) = held();
        // as SQLite has: a new file cannot get the number of one that is open
        let _open = File::open(log_of(&path)).unwrap();
        fs::remove_file(&path).unwrap();
        fs::remove_file(log_of(&path)).unwrap();
        fs::write(&path, "other").unwrap();
        fs::write(log_of(&path), "other log").unwrap();
        assert_eq!(held.change(&path), Some(Change::Gone));
        held.set_aside(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"other");
        assert_eq!(fs::read(log_of(&path)).unwrap(), b"other log");
    }
}
