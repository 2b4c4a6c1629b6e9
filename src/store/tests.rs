//! What every store promises, and what this one does about files that are not
//! its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod batches;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::*;
use crate::alert::Timestamp;
use crate::alert::lifecycle::Active;
use crate::alert::world::{Batch, Saved, Setup, World};

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.db");
    (folder, file)
}

async fn open(file: &Path) -> Sqlite {
    Sqlite::open(file).await.unwrap()
}

/// Why `file` is refused.
async fn refused(file: &Path) -> String {
    match Sqlite::open(file).await {
        Ok(_) => panic!("`{}` was opened", file.display()),
        Err(error) => error.to_string(),
    }
}

fn running(since: i64) -> Arc<Active> {
    Arc::new(Active {
        critical_since: Some(Timestamp::from_secs(since)),
        ..Active::default()
    })
}

/// One series with a running clock.
fn batch(since: i64) -> Batch {
    Batch {
        series: vec![(
            (Arc::from("Load"), Arc::from("web-1")),
            Some(running(since)),
        )],
        ..Batch::default()
    }
}

fn saved(since: i64) -> Saved {
    let mut saved = Saved::default();
    saved.apply(batch(since));
    saved
}

/// Everything in the folder with its permissions.
fn files(folder: &TempDir) -> Vec<(String, u32)> {
    let entries = std::fs::read_dir(folder.path())
        .unwrap()
        .map(Result::unwrap);
    let mut files: Vec<_> = entries
        .map(|entry| {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            (entry.file_name().into_string().unwrap(), mode)
        })
        .collect();
    files.sort();
    files
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_committed_is_what_is_loaded(batches in proptest::collection::vec(batches::batch(), 1..5)) {
        let (_folder, file) = folder();
        Runtime::new().unwrap().block_on(async {
            let mut store = open(&file).await;
            let mut expected = Saved::default();
            for batch in batches {
                store.commit(&batch).await.unwrap();
                expected.apply(batch);
                assert_eq!(store.load().await.unwrap(), expected);
            }
            store.close().await;
            assert_eq!(open(&file).await.load().await.unwrap(), expected);
        });
    }
}

#[tokio::test]
async fn new_store_is_empty() {
    let (_folder, file) = folder();
    assert_eq!(open(&file).await.load().await.unwrap(), Saved::default());
}

#[tokio::test]
async fn whole_batch_replaces_what_was_there() {
    let (_folder, file) = folder();
    let mut store = open(&file).await;
    let other = Batch {
        heads: vec![(
            Arc::from("Disk"),
            Some(crate::alert::group::Head::default()),
        )],
        ..Batch::default()
    };
    store.commit(&other).await.unwrap();
    let whole = Batch {
        whole: true,
        ..batch(1)
    };
    store.commit(&whole).await.unwrap();
    assert_eq!(store.load().await.unwrap(), saved(1));
}

#[tokio::test]
async fn committed_data_survive_an_end_without_closing() {
    let (folder, file) = folder();
    let copy = folder.path().join("copy.db");
    let mut store = open(&file).await;
    for owed in [false, true] {
        let batch = Batch { owed, ..batch(5) };
        store.commit(&batch).await.unwrap();
    }
    // as the files lie there when the process is killed
    std::fs::copy(&file, &copy).unwrap();
    std::fs::copy(file.with_extension("db-wal"), copy.with_extension("db-wal")).unwrap();
    assert_eq!(open(&copy).await.load().await.unwrap(), saved(5));
}

#[tokio::test]
async fn nobody_else_can_read_its_files() {
    let (folder, file) = folder();
    let mut store = open(&file).await;
    store.commit(&batch(1)).await.unwrap();
    assert_eq!(
        files(&folder),
        [
            ("state.db".to_owned(), 0o600),
            ("state.db-wal".to_owned(), 0o600)
        ]
    );
    store.close().await;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let _store = open(&file).await;
    assert!(files(&folder).iter().all(|(_, mode)| *mode == 0o600));
}

#[tokio::test]
async fn closed_store_leaves_one_file() {
    let (folder, file) = folder();
    let mut store = open(&file).await;
    store.commit(&batch(1)).await.unwrap();
    store.close().await;
    assert_eq!(files(&folder).len(), 1);
}

#[tokio::test]
async fn second_agent_is_refused_by_the_name_of_the_file() {
    let (_folder, file) = folder();
    let mut store = open(&file).await;
    let path = file.display();
    assert_eq!(
        refused(&file).await,
        format!(
            "the store `{path}` is in use by another agent: stop that one, or give this one a `store:` of its own"
        )
    );
    store.commit(&batch(1)).await.unwrap();
    store.close().await;
    open(&file).await;
}

/// Runs SQL on the file as another program would.
async fn with_sqlite(file: &Path, sql: impl Into<String>) {
    use sqlx::ConnectOptions;
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    let sql = sqlx::AssertSqlSafe(sql.into());
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    sqlx::Connection::close(connection).await.unwrap();
}

/// The file is refused with these words and stays as it is.
async fn left_alone(file: &Path, words: &str) {
    let before = std::fs::read(file).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let why = refused(file).await;
    assert!(why.contains(words), "{why}");
    assert!(why.contains(&format!("`{}`", file.display())), "{why}");
    assert_eq!(std::fs::read(file).unwrap(), before, "the file changed");
    assert_eq!(
        std::fs::read_dir(file.parent().unwrap()).unwrap().count(),
        1
    );
}

#[tokio::test]
async fn newer_version_is_refused_and_left_alone() {
    let (_folder, file) = folder();
    let mut store = open(&file).await;
    store.commit(&batch(1)).await.unwrap();
    store.close().await;
    with_sqlite(
        &file,
        "INSERT INTO _sqlx_migrations SELECT 999, 'later', installed_on, 1, checksum, 1 FROM _sqlx_migrations WHERE version = 1",
    )
    .await;
    left_alone(
        &file,
        "was written by a newer version and is left alone: run that version, or move the file away",
    )
    .await;
}

/// What the first version made of its tables, with series that it knew: more
/// than a page holds.
async fn make_old(file: &Path) {
    open(file).await.close().await;
    let names = (0..1000).map(|n| format!("[\"web-{n}\",{}]", n % 2));
    let names = names.collect::<Vec<_>>().join(",");
    let sql = format!(
        "DROP TABLE known;
         CREATE TABLE known (name TEXT PRIMARY KEY, series TEXT NOT NULL) WITHOUT ROWID;
         INSERT INTO known VALUES ('Load', '[{names}]'), ('Disk', '[[\"sda\",0]]');
         INSERT INTO series VALUES ('Load', 'web-7', '{{\"critical_since\": 60000}}');
         DELETE FROM _sqlx_migrations WHERE version > 1"
    );
    with_sqlite(file, sql).await;
}

#[tokio::test]
async fn store_of_the_first_version_is_brought_up_to_date_with_all_that_it_knows() {
    let (_folder, file) = folder();
    make_old(&file).await;
    for again in [false, true] {
        let mut store = open(&file).await;
        let saved = store.load().await.unwrap();
        let key = (Arc::from("Load"), Arc::from("web-7"));
        assert_eq!(saved.series.get(&key), Some(&running(60)));
        let mut world = World::new(setup(), saved, Timestamp::from_secs(3600));
        for (name, known) in [("Load", 1000), ("Disk", 1)] {
            assert_eq!(world.life(name).unwrap().series.len(), known, "{name}");
        }
        let load = &world.life("Load").unwrap().series;
        for (name, source) in [("web-0", 0), ("web-7", 1), ("web-999", 1)] {
            assert_eq!(load.get(name).unwrap().source, source, "{name}");
        }
        let batch = world.take_batch();
        // pages of a size that one change may write, and written once
        assert_eq!(batch.known.len(), if again { 0 } else { 4 });
        store.commit(&batch).await.unwrap();
        store.close().await;
    }
}

fn setup() -> Setup {
    Setup {
        instance: Arc::from("graphite-pager"),
        host: Arc::from("graphite.example.com"),
        error_for: Duration::from_secs(300),
        docs_url: None,
        groups: Vec::new(),
        receivers: Vec::new(),
        routes: Vec::new(),
    }
}

#[tokio::test]
async fn database_of_another_program_is_refused_and_left_alone() {
    let (_folder, file) = folder();
    with_sqlite(
        &file,
        "CREATE TABLE heads (name TEXT); INSERT INTO heads VALUES ('x')",
    )
    .await;
    left_alone(&file, "is not a file of graphite-pager (it holds another program's tables): name another file in `store:`").await;
}

#[tokio::test]
async fn file_that_is_no_database_is_refused_and_left_alone() {
    let (_folder, file) = folder();
    for text in ["alerts:\n  - name: Load\n".repeat(100), "x".to_owned()] {
        std::fs::write(&file, text).unwrap();
        left_alone(&file, "is not a file of graphite-pager").await;
    }
}

#[tokio::test]
async fn empty_file_becomes_a_store() {
    let (_folder, file) = folder();
    std::fs::write(&file, "").unwrap();
    let mut store = open(&file).await;
    store.commit(&batch(1)).await.unwrap();
    assert_eq!(store.load().await.unwrap(), saved(1));
}

#[tokio::test]
async fn damaged_store_is_refused_with_advice() {
    let (_folder, file) = folder();
    let mut store = open(&file).await;
    store.commit(&batch(1)).await.unwrap();
    store.close().await;
    let mut bytes = std::fs::read(&file).unwrap();
    for byte in bytes.iter_mut().skip(100) {
        *byte = 0xA5;
    }
    std::fs::write(&file, bytes).unwrap();
    let why = refused(&file).await;
    assert!(why.contains("is damaged"), "{why}");
    assert!(
        why.contains("move the file away to start without state, or restore it"),
        "{why}"
    );
}

#[tokio::test]
async fn value_that_this_program_never_writes_is_damage() {
    let (_folder, file) = folder();
    open(&file).await.close().await;
    with_sqlite(
        &file,
        "INSERT INTO heads VALUES ('Load', '{\"slot\": \"yesterday\"}')",
    )
    .await;
    let why = open(&file).await.load().await.unwrap_err().to_string();
    assert!(why.contains("is damaged"), "{why}");
}

#[tokio::test]
async fn unusable_path_is_said_with_its_cause_and_advice() {
    let (folder, file) = folder();
    std::fs::write(&file, "").unwrap();
    for (path, cause) in [
        (
            folder.path().join("none/state.db"),
            "No such file or directory",
        ),
        (file.join("state.db"), "Not a directory"),
        (PathBuf::from("/proc/state.db"), "No such file or directory"),
    ] {
        let why = refused(&path).await;
        assert!(
            why.starts_with(&format!("the store `{}` cannot be used: ", path.display())),
            "{why}"
        );
        assert!(why.contains(cause), "{why}");
        assert!(
            why.contains("check that its folder exists and is writable")
                || why.contains("name a file"),
            "{why}"
        );
    }
}

#[tokio::test]
async fn folder_is_no_store() {
    let (folder, _) = folder();
    let why = refused(folder.path()).await;
    assert!(
        why.ends_with(
            "is not a file of graphite-pager (it is a folder): name another file in `store:`"
        ),
        "{why}"
    );
}

#[tokio::test]
async fn failed_commit_writes_nothing_and_the_next_one_everything() {
    let (_folder, file) = folder();
    let mut store = open(&file).await;
    store.commit(&batch(1)).await.unwrap();
    store.limit_pages(Some(30)).await;
    let series = |count: i64| {
        (0..count).map(|n| {
            (
                (Arc::from("Load"), Arc::from(format!("web-{n}"))),
                Some(running(n)),
            )
        })
    };
    let large = Batch {
        series: series(10_000).collect(),
        owed: true,
        ..Batch::default()
    };
    let why = store.commit(&large).await.unwrap_err().to_string();
    assert!(why.contains("full"), "{why}");
    assert_eq!(store.load().await.unwrap(), saved(1));
    // again, as the agent does every second
    assert!(store.commit(&large).await.is_err());
    store.limit_pages(None).await;
    store.commit(&large).await.unwrap();
    let mut expected = saved(1);
    expected.apply(large);
    assert_eq!(store.load().await.unwrap(), expected);
}

#[tokio::test]
async fn deleted_file_is_noticed_and_made_anew_by_a_whole_batch() {
    let (folder, file) = folder();
    let mut store = open(&file).await;
    store.commit(&batch(1)).await.unwrap();
    for name in ["state.db", "state.db-wal"] {
        std::fs::remove_file(folder.path().join(name)).unwrap();
    }
    let why = store.commit(&batch(2)).await.unwrap_err();
    assert!(matches!(why.fault, Fault::Gone), "{why}");
    assert!(
        why.to_string().contains("was deleted, moved or replaced"),
        "{why}"
    );
    let whole = Batch {
        whole: true,
        ..batch(3)
    };
    store.commit(&whole).await.unwrap();
    store
        .commit(&Batch {
            owed: true,
            ..batch(4)
        })
        .await
        .unwrap();
    store.close().await;
    assert_eq!(open(&file).await.load().await.unwrap(), saved(4));
}

#[tokio::test]
async fn file_that_lost_its_name_alone_leaves_nothing_behind_in_the_new_one() {
    let (folder, file) = folder();
    let mut store = open(&file).await;
    store.commit(&batch(1)).await.unwrap();
    std::fs::rename(&file, folder.path().join("away.db")).unwrap();
    let whole = Batch {
        whole: true,
        ..Batch::default()
    };
    store.commit(&whole).await.unwrap();
    assert_eq!(store.load().await.unwrap(), Saved::default());
}

#[tokio::test]
async fn folder_that_is_gone_keeps_failing_until_it_is_back() {
    let (_folder, file) = folder();
    let below = file.with_extension("d");
    std::fs::create_dir(&below).unwrap();
    let file = below.join("state.db");
    let mut store = open(&file).await;
    std::fs::remove_dir_all(&below).unwrap();
    let whole = Batch {
        whole: true,
        ..batch(1)
    };
    let why = store.commit(&whole).await.unwrap_err();
    assert!(matches!(why.fault, Fault::Io(_)), "{why}");
    std::fs::create_dir(&below).unwrap();
    store.commit(&whole).await.unwrap();
    assert_eq!(store.load().await.unwrap(), saved(1));
}

#[tokio::test]
async fn a_hundred_thousand_series_are_written_and_read_in_seconds() {
    let (_folder, file) = folder();
    let mut store = open(&file).await;
    let key = |n: i64| {
        (
            Arc::from("Load"),
            Arc::from(format!("servers.web-{n}.load")),
        )
    };
    let rows = |row: Option<Arc<Active>>| Batch {
        series: (0..100_000).map(|n| (key(n), row.clone())).collect(),
        owed: true,
        ..Batch::default()
    };
    let start = Instant::now();
    store.commit(&rows(Some(running(1)))).await.unwrap();
    assert_eq!(store.load().await.unwrap().series.len(), 100_000);
    store.commit(&rows(None)).await.unwrap();
    assert!(store.load().await.unwrap().series.is_empty());
    let took = start.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
}
