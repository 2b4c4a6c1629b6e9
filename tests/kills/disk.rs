//! A disk that loses power: what was not synced is there, in part, or not at all.
//!
//! A library that is loaded before libc (`disk.c`) keeps a journal of what a
//! process does to the files of one folder. From it the folder is built as it
//! may be after power is gone: everything up to a file's last sync, and of what
//! was written later nothing, a beginning, or any part, the last write torn at
//! a sector. Names last when their folder is synced.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::dice::Dice;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// Names and contents of a folder.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The library, and the journals that it keeps.
pub struct Recorder {
    folder: PathBuf,
    place: TempDir,
}

impl Recorder {
    /// For the files of `folder`, which is there.
    pub fn new(folder: &Path) -> Self {
        let place = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kills/disk.c");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(place.path().join("disk.so"))
            .arg(source)
            .arg("-ldl")
            .status();
        assert!(compiled.unwrap().success(), "`disk.c` is compiled");
        Self {
            folder: folder.canonicalize().unwrap(),
            place,
        }
    }

    /// What a process that is to be recorded needs in its environment.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        vec![
            ("LD_PRELOAD", text(&self.place.path().join("disk.so"))),
            ("DISK_FOLDER", text(&self.folder)),
            ("DISK_JOURNAL", text(&self.journal())),
        ]
    }

    /// What was recorded so far, and from now on no more of it.
    pub fn take(&self) -> Vec<Record> {
        let journal = std::fs::read(self.journal()).unwrap_or_default();
        let _ = std::fs::remove_file(self.journal());
        records(&journal)
    }

    fn journal(&self) -> PathBuf {
        self.place.path().join("journal")
    }
}

/// The files of `folder`.
pub fn read(folder: &Path) -> Files {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect()
}

/// Makes `folder` hold these files and no others.
pub fn write(folder: &Path, files: &Files) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        std::fs::remove_file(entry.path()).unwrap();
    }
    for (name, content) in files {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    }
}

/// One thing that a process did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// This file, by its number, has this name; it may have been made just now.
    Opened { file: u64, name: String, made: bool },
    /// Bytes at an offset.
    Written(u64, usize, Vec<u8>),
    /// Cut, or made longer.
    Cut(u64, usize),
    /// The file is on disk.
    Synced(u64),
    /// The folder's names are on disk.
    NamesSynced,
    /// A name is gone.
    Removed(String),
    /// A name became another.
    Renamed(String, String),
}

/// The records of a journal; one that breaks off was never begun in earnest.
fn records(mut journal: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    while journal.len() >= 25 {
        let number = |at: usize| u64::from_le_bytes(journal[at..at + 8].try_into().unwrap());
        let (file, offset) = (number(1), usize::try_from(number(9)).unwrap());
        let end = 25 + usize::try_from(number(17)).unwrap();
        let Some(bytes) = journal.get(25..end) else {
            break;
        };
        let text = || String::from_utf8(bytes.to_vec()).unwrap();
        records.push(match journal[0] {
            b'O' => Record::Opened {
                file,
                name: text(),
                made: offset == 1,
            },
            b'W' => Record::Written(file, offset, bytes.to_vec()),
            b'T' => Record::Cut(file, offset),
            b'S' => Record::Synced(file),
            b'D' => Record::NamesSynced,
            b'U' => Record::Removed(text()),
            b'R' => {
                let both = text();
                let (from, to) = both.split_once('\0').unwrap();
                Record::Renamed(from.to_owned(), to.to_owned())
            }
            other => panic!("no record begins with {other}"),
        });
        journal = &journal[end..];
    }
    records
}

/// A disk with what is sure to be on it, and what may be.
pub struct Disk {
    files: Vec<File>,
    /// Which file a number stands for now: numbers are used again.
    numbers: BTreeMap<u64, usize>,
    names: BTreeMap<String, usize>,
    sure_names: BTreeMap<String, usize>,
    unsure_names: Vec<NameChange>,
}

#[derive(Default)]
struct File {
    sure: Vec<u8>,
    unsure: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Bytes(usize, Vec<u8>),
    Length(usize),
}

#[derive(Clone)]
enum NameChange {
    Put(String, usize),
    Gone(String),
}

impl Disk {
    /// One that holds `files`, all of it for sure.
    pub fn new(files: Files) -> Self {
        let mut disk = Self {
            files: Vec::new(),
            numbers: BTreeMap::new(),
            names: BTreeMap::new(),
            sure_names: BTreeMap::new(),
            unsure_names: Vec::new(),
        };
        for (name, sure) in files {
            disk.names.insert(name, disk.files.len());
            disk.files.push(File {
                sure,
                unsure: Vec::new(),
            });
        }
        disk.sure_names = disk.names.clone();
        disk
    }

    /// Does to it what was recorded.
    pub fn follow(&mut self, record: &Record) {
        match record {
            Record::Opened { file, name, made } => self.opened(*file, name, *made),
            Record::Written(file, offset, bytes) => {
                self.change(*file, Change::Bytes(*offset, bytes.clone()));
            }
            Record::Cut(file, length) => self.change(*file, Change::Length(*length)),
            Record::Synced(file) => {
                let file = &mut self.files[self.numbers[file]];
                for change in std::mem::take(&mut file.unsure) {
                    change.apply(&mut file.sure);
                }
            }
            Record::NamesSynced => {
                self.unsure_names.clear();
                self.sure_names = self.names.clone();
            }
            Record::Removed(name) => {
                self.names.remove(name);
                self.unsure_names.push(NameChange::Gone(name.clone()));
            }
            Record::Renamed(from, to) => {
                let file = self.names.remove(from).unwrap();
                self.names.insert(to.clone(), file);
                self.unsure_names.push(NameChange::Gone(from.clone()));
                self.unsure_names.push(NameChange::Put(to.clone(), file));
            }
        }
    }

    fn opened(&mut self, number: u64, name: &str, made: bool) {
        if made {
            let file = self.files.len();
            self.files.push(File::default());
            self.names.insert(name.to_owned(), file);
            self.unsure_names
                .push(NameChange::Put(name.to_owned(), file));
        }
        self.numbers.insert(number, self.names[name]);
    }

    fn change(&mut self, file: u64, change: Change) {
        self.files[self.numbers[&file]].unsure.push(change);
    }

    /// How many changes may be lost.
    pub fn unsure(&self) -> usize {
        let changes = self.files.iter().map(|file| file.unsure.len());
        changes.sum::<usize>() + self.unsure_names.len()
    }

    /// What is on it once power has come back, as chance has it.
    pub fn after_power_loss(&self, dice: &mut Dice) -> Files {
        let mut names = self.sure_names.clone();
        for change in some_of(&self.unsure_names, dice) {
            match change {
                NameChange::Put(name, file) => drop(names.insert(name, file)),
                NameChange::Gone(name) => drop(names.remove(&name)),
            }
        }
        let contents: Vec<Vec<u8>> = self
            .files
            .iter()
            .map(|file| {
                let mut content = file.sure.clone();
                let mut changes = some_of(&file.unsure, dice);
                if let (Some(Change::Bytes(_, bytes)), true) = (changes.last_mut(), dice.flip()) {
                    let sectors = bytes.len().div_ceil(SECTOR);
                    bytes.truncate(SECTOR * dice.below(sectors + 1));
                }
                for change in changes {
                    change.apply(&mut content);
                }
                content
            })
            .collect();
        names
            .into_iter()
            .map(|(name, file)| (name, contents[file].clone()))
            .collect()
    }
}

impl Change {
    fn apply(self, content: &mut Vec<u8>) {
        match self {
            Self::Length(length) => content.resize(length, 0),
            Self::Bytes(offset, bytes) => {
                let end = offset + bytes.len();
                content.resize(content.len().max(end), 0);
                content[offset..end].copy_from_slice(&bytes);
            }
        }
    }
}

/// Nothing, everything, a beginning, or any of `changes`, in their order.
fn some_of<T: Clone>(changes: &[T], dice: &mut Dice) -> Vec<T> {
    match dice.below(4) {
        0 => Vec::new(),
        1 => changes.to_vec(),
        2 => changes[..dice.below(changes.len() + 1)].to_vec(),
        _ => changes.iter().filter(|_| dice.flip()).cloned().collect(),
    }
}
