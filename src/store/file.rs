//! Opening the SQLite file: whose it is, who may read it, which version it has.
//!
//! Invariant: a file that is refused is left as it was, to the byte, with
//! nothing beside it. What happens to it while it is open is `held.rs`'s.

use std::fs::{File, OpenOptions, Permissions};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteLockingMode};
use sqlx::{ConnectOptions, Connection, Row};

use super::Fault;
use super::held::{Held, log_of};
use super::sqlite::fault;

/// Marks a file as this program's ("GPgr"), so that another one's is not taken for it.
pub(super) const APPLICATION: u32 = 0x4750_6772;

/// How every SQLite file begins (sqlite.org/fileformat.html).
pub(super) const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// How long an agent that is just stopping is waited for.
const BUSY: Duration = Duration::from_secs(2);

/// Memory for the database's cache: state is small, and read once.
const CACHE_KIB: u32 = 512;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("src/store/migrations");

/// Opens the file for this process alone; it is made, or brought up to date, if
/// need be.
pub(super) async fn open(path: &Path) -> Result<(SqliteConnection, Held), Fault> {
    let file = look(path)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .locking_mode(SqliteLockingMode::Exclusive)
        .busy_timeout(BUSY)
        // a slow commit is this program's own business, and said by the keeper
        .disable_statement_logging()
        .pragma("cache_size", format!("-{CACHE_KIB}"))
        .pragma("temp_store", "memory");
    let mut connection = options.connect().await.map_err(|error| fault(&error))?;
    match prepare(&mut connection, path).await {
        Ok(()) => Ok((connection, Held::new(file, path).map_err(Fault::Io)?)),
        Err(fault) => {
            // what SQLite keeps beside the file goes with the connection
            let _ = connection.close().await;
            Err(fault)
        }
    }
}

/// Makes sure that nobody else can read it, nor what SQLite keeps beside it.
/// By name: closing a file would give up the locks on it (POSIX).
fn keep_private(path: &Path) -> std::io::Result<()> {
    for path in [path, &log_of(path)] {
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => {
                std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Makes the file if there is none; refuses what SQLite would overwrite.
fn look(path: &Path) -> Result<File, Fault> {
    if path.is_dir() {
        return Err(Fault::Foreign("it is a folder".to_owned()));
    }
    let file = OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(Fault::Io)?;
    let mut begin = [0; MAGIC.len()];
    let empty = file.metadata().map_err(Fault::Io)?.len() == 0;
    if !empty && (file.read_exact_at(&mut begin, 0).is_err() || begin != *MAGIC) {
        return Err(Fault::Foreign("it is no database".to_owned()));
    }
    Ok(file)
}

async fn prepare(connection: &mut SqliteConnection, path: &Path) -> Result<(), Fault> {
    // takes the lock, which the exclusive mode then keeps
    run(connection, "BEGIN EXCLUSIVE").await?;
    let recognised = recognise(connection).await;
    run(connection, "ROLLBACK").await?;
    let application = recognised?;
    keep_private(path).map_err(Fault::Io)?;
    // where all is as it should be nothing is written: a disk that is full must
    // not keep an agent from starting
    if application != i64::from(APPLICATION) {
        run(connection, format!("PRAGMA application_id = {APPLICATION}")).await?;
    }
    run(connection, "PRAGMA journal_mode = WAL").await?;
    // what `run` does; that one's future cannot be sent to another thread
    let migrated = MIGRATIONS.run_direct(None, connection, false).await;
    migrated.map_err(|error| Fault::Database(format!("its tables cannot be made: {error}")))
}

/// Finds out whose file it is, before anything is changed in it: its
/// application, which is 0 in a new file.
async fn recognise(connection: &mut SqliteConnection) -> Result<i64, Fault> {
    let application = number(connection, "PRAGMA application_id").await?;
    let tables = number(connection, "SELECT count(*) FROM sqlite_master").await?;
    if application != i64::from(APPLICATION) && tables > 0 {
        let why = "it holds another program's tables";
        return Err(Fault::Foreign(why.to_owned()));
    }
    let sql = "SELECT count(*) FROM sqlite_master WHERE name = '_sqlx_migrations'";
    if number(connection, sql).await? > 0 {
        let sql = "SELECT coalesce(max(version), 0) FROM _sqlx_migrations";
        let version = number(connection, sql).await?;
        let newest = MIGRATIONS.iter().map(|migration| migration.version).max();
        if version > newest.unwrap_or(0) {
            return Err(Fault::Newer);
        }
    }
    Ok(application)
}

async fn run(connection: &mut SqliteConnection, sql: impl Into<String>) -> Result<(), Fault> {
    let sql = sqlx::AssertSqlSafe(sql.into());
    let done = sqlx::raw_sql(sql).execute(connection).await;
    done.map(drop).map_err(|error| fault(&error))
}

async fn number(connection: &mut SqliteConnection, sql: &'static str) -> Result<i64, Fault> {
    let row = sqlx::query(sql).fetch_one(connection).await;
    row.and_then(|row| row.try_get(0))
        .map_err(|error| fault(&error))
}
