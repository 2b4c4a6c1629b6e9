//! Power that goes at any write of the store: a process commits batches, and the
//! disk is built as it may be after each of its writes.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use graphite_pager::alert::Timestamp;
use graphite_pager::alert::delivery::Delivery;
use graphite_pager::alert::incident::IncidentId;
use graphite_pager::alert::world::{Batch, Saved};
use graphite_pager::store::Sqlite;
use tokio::runtime::{Builder, Runtime};

use super::dice::Dice;
use super::disk::{Disk, Files, Record};

/// How often the store is opened, and how many batches are committed each time:
/// enough for SQLite to move its log into the database several times.
const SESSIONS: u64 = 3;
const BATCHES: u64 = 100;

/// The store, and where it is noted which commits have begun and returned.
const STORE: &str = "state.db";
const MARKS: &str = "marks";

/// The batch of this number, always the same.
fn batch(number: u64) -> Batch {
    let mut dice = Dice::new(number);
    if dice.below(10) == 0 {
        // owed, and nothing to write: what came before it lasts all the same
        let id = IncidentId::new("it", "Load", "gone", Timestamp::from_secs(1_700_000_000), 1);
        let key = (id, Arc::from("oncall"), Arc::from(""));
        return Batch {
            owed: true,
            deliveries: vec![(key, None)],
            ..Batch::default()
        };
    }
    let owed = dice.below(3) != 0;
    // most are small; some outgrow SQLite's cache
    let rows = match dice.below(12) {
        0 => 150,
        _ => 1 + dice.below(6),
    };
    let mut deliveries = BTreeMap::new();
    for _ in 0..rows {
        let series = format!("web-{}", dice.below(400));
        let id = IncidentId::new(
            "it",
            "Load",
            &series,
            Timestamp::from_secs(1_700_000_000),
            1,
        );
        let key = (id, Arc::from("oncall"), Arc::from(""));
        let delivery = Delivery {
            tries: u32::try_from(number).unwrap(),
            why: Some("x".repeat(dice.below(3000))),
            ..Delivery::default()
        };
        deliveries.insert(key, Some(delivery).filter(|_| dice.below(5) != 0));
    }
    Batch {
        owed,
        deliveries: deliveries.into_iter().collect(),
        ..Batch::default()
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Commits all batches to the store in `folder`; some sessions end without closing it.
pub fn write(folder: &Path) {
    let note = |mark: char, number: u64| {
        let mut options = OpenOptions::new();
        let marks = options.create(true).append(true);
        let mut file = marks.open(folder.join(MARKS)).unwrap();
        file.write_all(format!("{mark}{number}").as_bytes())
            .unwrap();
    };
    for session in 0..SESSIONS {
        runtime().block_on(async {
            let mut store = Sqlite::open(&folder.join(STORE)).await.unwrap();
            for number in session * BATCHES..(session + 1) * BATCHES {
                note('b', number);
                store.commit(&batch(number)).await.unwrap();
                note('e', number);
            }
            if session % 2 == 0 {
                store.close().await;
            }
        });
    }
}

/// How far the commits were at some point of the journal.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// Batches that are on disk for sure.
    sure: usize,
    /// Batches that may be there.
    begun: usize,
}

/// The disk, and how far the commits were, as records are followed.
pub struct Loss {
    records: Vec<Record>,
    /// What a store holds after so many batches.
    states: Vec<Saved>,
}

impl Loss {
    pub fn new(records: Vec<Record>) -> Self {
        let mut states = vec![Saved::default()];
        for number in 0..SESSIONS * BATCHES {
            let mut state = states.last().unwrap().clone();
            state.apply(batch(number));
            states.push(state);
        }
        Self { records, states }
    }

    /// At how many points power may go.
    pub fn points(&self) -> usize {
        self.records.len() + 1
    }

    /// The points at which what was owed has just been promised to be on disk.
    pub fn promises(&self) -> Vec<usize> {
        let mut marks = None;
        let mut promises = Vec::new();
        for (record, point) in self.records.iter().zip(1..) {
            match record {
                Record::Opened { file, name, .. } if name == MARKS => marks = Some(*file),
                Record::Written(file, _, mark) if Some(*file) == marks => {
                    let (begun, number) = parse(mark);
                    promises.extend((!begun && batch(number).owed).then_some(point));
                }
                _ => {}
            }
        }
        promises
    }

    /// How often the log was moved into the database.
    pub fn checkpoints(&self) -> usize {
        let (mut store, mut count) = (None, 0);
        for record in &self.records {
            match record {
                Record::Opened { file, name, .. } if name == STORE => store = Some(*file),
                Record::Synced(file) if Some(*file) == store => count += 1,
                _ => {}
            }
        }
        count
    }

    /// What is wrong after power went at each of `points`, which are in order.
    pub fn faults(&self, points: &[usize], dice: &mut Dice) -> Vec<String> {
        let mut faults = Vec::new();
        let mut disk = Disk::new(Files::new());
        let mut progress = Progress::default();
        let mut marks = None;
        let mut followed = 0;
        let runtime = runtime();
        for &point in points {
            for record in &self.records[followed..point] {
                match record {
                    Record::Opened { file, name, .. } if name == MARKS => marks = Some(*file),
                    Record::Written(file, _, mark) if Some(*file) == marks => progress.note(mark),
                    _ => {}
                }
                disk.follow(record);
            }
            followed = point;
            let files = disk.after_power_loss(dice);
            if let Err(why) = runtime.block_on(self.look(&files, progress)) {
                faults.push(format!("power lost after record {point}: {why}"));
            }
        }
        faults
    }

    /// Opens what is left, and compares.
    async fn look(&self, files: &Files, progress: Progress) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        super::disk::write(folder.path(), files);
        let path = folder.path().join(STORE);
        let mut store = Sqlite::open(&path).await.map_err(|why| why.to_string())?;
        let saved = store.load().await.map_err(|why| why.to_string())?;
        // it has to be of use afterwards, too
        let committed = store.commit(&batch(0)).await;
        committed.map_err(|why| why.to_string())?;
        store.close().await;
        if self.states[progress.sure..=progress.begun].contains(&saved) {
            return Ok(());
        }
        let found = self.states.iter().position(|state| *state == saved);
        Err(format!(
            "{progress:?}, and it holds the state after {found:?} batches"
        ))
    }
}

impl Progress {
    fn note(&mut self, mark: &[u8]) {
        let (begun, number) = parse(mark);
        let count = usize::try_from(number).unwrap() + 1;
        if begun {
            self.begun = count;
        } else if batch(number).owed {
            self.sure = count;
        }
    }
}

/// Whether a commit begins or has returned, and which.
fn parse(mark: &[u8]) -> (bool, u64) {
    let text = std::str::from_utf8(mark).unwrap();
    (text.starts_with('b'), text[1..].parse().unwrap())
}
