//! Opening the SQLite file: whose it is, who may read it, which version it has.
//!
//! Invariant: a file that is refused is left as it was, to the byte, with
//! nothing beside it.

use std::fs::{OpenOptions, Permissions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteLockingMode};
use sqlx::{ConnectOptions, Connection, Row};

use super::Fault;
use super::sqlite::fault;

/// Marks a file as this program's ("GPgr"), so that another one's is not taken for it.
const APPLICATION: i64 = 0x4750_6772;

/// How every SQLite file begins (sqlite.org/fileformat.html).
const MAGIC: &[u8] = b"SQLite format 3\0";

/// How long an agent that is just stopping is waited for.
const BUSY: Duration = Duration::from_secs(2);

/// Memory for the database's cache: state is small, and read once.
const CACHE_KIB: u32 = 512;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("src/store/migrations");

/// Device and inode.
pub(super) type Identity = (u64, u64);

/// Which file is at `path`, if any.
pub(super) fn identity(path: &Path) -> Option<Identity> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// Opens the file for this process alone; it is made, or brought up to date, if
/// need be.
pub(super) async fn open(path: &Path) -> Result<(SqliteConnection, Identity), Fault> {
    let identity = look(path)?;
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
        Ok(()) => Ok((connection, identity)),
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
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    for path in [path, Path::new(&log)] {
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => {
                std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Makes the file if there is none; refuses what SQLite would overwrite. It is
/// closed again before SQLite locks it.
fn look(path: &Path) -> Result<Identity, Fault> {
    if path.is_dir() {
        return Err(Fault::Foreign("it is a folder".to_owned()));
    }
    let mut file = OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(Fault::Io)?;
    let metadata = file.metadata().map_err(Fault::Io)?;
    let mut begin = Vec::new();
    let wanted = u64::try_from(MAGIC.len()).unwrap_or(0);
    let read = file.by_ref().take(wanted).read_to_end(&mut begin);
    read.map_err(Fault::Io)?;
    if !begin.is_empty() && begin != MAGIC {
        return Err(Fault::Foreign("it is no database".to_owned()));
    }
    Ok((metadata.dev(), metadata.ino()))
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
    if application != APPLICATION {
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
    if application != APPLICATION && tables > 0 {
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
