//! The SQLite file: what is read from it and written to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::TryStreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Connection, Row};

use super::file::open;
use super::held::{Change, Held};
use super::{Fault, StoreError};
use crate::alert::incident::IncidentId;
use crate::alert::world::{Batch, Saved};

/// An open store. Nobody else can open the same file meanwhile.
pub struct Sqlite {
    path: PathBuf,
    connection: SqliteConnection,
    /// The file that is open. After the connection: it is closed last.
    held: Held,
    /// Why what is in the file is lost.
    damaged: Option<String>,
    /// Whether a commit waits for the disk, as it was last set.
    full: Option<bool>,
}

impl Sqlite {
    /// Opens the file, which is made (mode 0600) or brought up to date if need be.
    ///
    /// # Errors
    /// See `Fault`; a file that is refused is left as it was.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let opened = open(path).await;
        let (connection, held) = opened.map_err(|fault| StoreError::new(path, fault))?;
        Ok(Self {
            path: path.to_owned(),
            connection,
            held,
            damaged: None,
            full: None,
        })
    }

    /// Reads everything.
    ///
    /// # Errors
    /// Where a value is not what this program writes, the file is damaged.
    pub async fn load(&mut self) -> Result<Saved, StoreError> {
        let mut saved = Saved::default();
        self.each("SELECT name, head FROM heads", |row| {
            saved.heads.insert(Arc::from(text(row, 0)?), value(row, 1)?);
            Ok(())
        })
        .await?;
        self.each("SELECT name, page, series FROM known", |row| {
            let page = row.try_get(1).map_err(|error| error.to_string())?;
            let key = (Arc::from(text(row, 0)?), page);
            saved.known.insert(key, value(row, 2)?);
            Ok(())
        })
        .await?;
        self.each("SELECT id, incident FROM incidents", |row| {
            saved.incidents.insert(id(row)?, value(row, 1)?);
            Ok(())
        })
        .await?;
        self.each("SELECT name, legend, active FROM series", |row| {
            let key = (Arc::from(text(row, 0)?), Arc::from(text(row, 1)?));
            saved.series.insert(key, value(row, 2)?);
            Ok(())
        })
        .await?;
        let sql = "SELECT incident, receiver, recipient, delivery FROM deliveries";
        self.each(sql, |row| {
            let key = (id(row)?, Arc::from(text(row, 1)?), Arc::from(text(row, 2)?));
            saved.deliveries.insert(key, value(row, 3)?);
            Ok(())
        })
        .await?;
        self.each("SELECT memory FROM memory", |row| {
            saved.memory = value(row, 0)?;
            Ok(())
        })
        .await?;
        Ok(saved)
    }

    /// Writes `batch` in one transaction. If it is owed to somebody, it is on
    /// disk when this returns, and everything before it. A file that is gone or
    /// damaged is made anew by a batch that is everything.
    ///
    /// # Errors
    /// Nothing of the batch is written then.
    pub async fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let path = self.path.clone();
        let written = self.look_and_write(&path, batch).await;
        written.map_err(|fault| StoreError::new(&path, fault))
    }

    async fn look_and_write(&mut self, path: &Path, batch: &Batch) -> Result<(), Fault> {
        let lost = match self.held.change(path) {
            Some(Change::Gone) => Some(Fault::Gone),
            Some(Change::Damaged(why)) => Some(Fault::Damaged(why.to_owned())),
            Some(Change::LogGone) => {
                self.renew_log().await?;
                None
            }
            None => None,
        };
        let lost = lost.or_else(|| self.damaged.clone().map(Fault::Damaged));
        match lost {
            Some(fault) if !batch.whole => return Err(fault),
            Some(_) => {
                self.held.set_aside(path).map_err(Fault::Io)?;
                *self = Self::open(path).await.map_err(|error| error.fault)?;
            }
            None => {}
        }
        let written = self.transaction(batch).await;
        self.held.wrote(path);
        written.map_err(|error| match fault(&error) {
            // not what it was when it was opened
            Fault::Corrupt(why) | Fault::Foreign(why) => {
                self.damaged = Some(why.clone());
                Fault::Damaged(why)
            }
            other => other,
        })
    }

    /// What is in the log, which nobody would find any more, goes into the file,
    /// and a log is made anew.
    async fn renew_log(&mut self) -> Result<(), Fault> {
        for mode in ["DELETE", "WAL"] {
            let sql = sqlx::AssertSqlSafe(format!("PRAGMA journal_mode = {mode}"));
            let set = sqlx::raw_sql(sql).execute(&mut self.connection);
            set.await.map_err(|error| fault(&error))?;
        }
        self.held.forget_log();
        tracing::warn!(path = %self.path.display(), "the store's log was deleted or moved: it was made anew");
        Ok(())
    }

    /// Not sqlx's own transaction: that one miscounts where SQLite itself rolls
    /// back (disk full, I/O error), and from then on commits nothing and says so
    /// to nobody.
    async fn transaction(&mut self, batch: &Batch) -> Result<(), sqlx::Error> {
        let sql = match batch.owed {
            true => "PRAGMA synchronous = FULL",
            false => "PRAGMA synchronous = NORMAL",
        };
        // commits that did not wait, of a process before this one too, may not be
        // on disk yet
        let behind = batch.owed && self.full != Some(true);
        if self.full != Some(batch.owed) {
            sqlx::raw_sql(sql).execute(&mut self.connection).await?;
            self.full = Some(batch.owed);
        }
        sqlx::raw_sql("BEGIN IMMEDIATE")
            .execute(&mut self.connection)
            .await?;
        let mut written = write(&mut self.connection, batch).await;
        if written.is_ok() && behind {
            // SQLite does not wait for the disk where a transaction changed
            // nothing (what is to be deleted is gone already): this changes something
            let changed = sqlx::raw_sql("PRAGMA user_version = 0").execute(&mut self.connection);
            written = changed.await.map(drop);
        }
        if written.is_ok() {
            let committed = sqlx::raw_sql("COMMIT").execute(&mut self.connection);
            written = committed.await.map(drop);
        }
        if written.is_err() {
            self.full = None;
            // an error says that there is nothing to roll back any more
            let _ = sqlx::raw_sql("ROLLBACK")
                .execute(&mut self.connection)
                .await;
        }
        written
    }

    /// Closes the file, so that the next agent finds it tidy.
    pub async fn close(self) {
        if let Err(error) = self.connection.close().await {
            tracing::warn!(path = %self.path.display(), %error, "the store did not close cleanly");
        }
        drop(self.held);
    }

    /// Makes the file full; `None`: it may grow again.
    #[cfg(test)]
    pub async fn limit_pages(&mut self, pages: Option<u32>) {
        let sql = format!("PRAGMA max_page_count = {}", pages.unwrap_or(u32::MAX - 1));
        let set = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut self.connection);
        assert!(set.await.is_ok());
    }

    /// Has `read` take each row as it comes, so that they are never all in
    /// memory; what it says is why the file is damaged.
    async fn each(
        &mut self,
        sql: &'static str,
        mut read: impl FnMut(&SqliteRow) -> Result<(), String>,
    ) -> Result<(), StoreError> {
        let failed = |fault| StoreError::new(&self.path, fault);
        let mut rows = sqlx::query(sql).fetch(&mut self.connection);
        while let Some(row) = rows.try_next().await.map_err(|e| failed(fault(&e)))? {
            read(&row).map_err(|why| failed(Fault::Corrupt(why)))?;
        }
        Ok(())
    }
}

fn text(row: &SqliteRow, column: usize) -> Result<&str, String> {
    row.try_get(column).map_err(|error| error.to_string())
}

fn value<T: DeserializeOwned>(row: &SqliteRow, column: usize) -> Result<T, String> {
    serde_json::from_str(text(row, column)?).map_err(|error| error.to_string())
}

/// The id of an incident, which is a row's first column.
fn id(row: &SqliteRow) -> Result<IncidentId, String> {
    IncidentId::parse(text(row, 0)?).ok_or_else(|| "an incident's id is none".to_owned())
}

/// Writes the rows of `batch`.
async fn write(connection: &mut SqliteConnection, batch: &Batch) -> Result<(), sqlx::Error> {
    if batch.whole {
        for table in [
            "heads",
            "known",
            "series",
            "incidents",
            "deliveries",
            "memory",
        ] {
            let sql = sqlx::AssertSqlSafe(format!("DELETE FROM {table}"));
            sqlx::query(sql).execute(&mut *connection).await?;
        }
    }
    let heads = batch
        .heads
        .iter()
        .map(|(name, head)| ([name.to_string()], head.as_ref()));
    put(connection, "heads", ["name"], "head", heads).await?;
    let known = batch
        .known
        .iter()
        .map(|((name, page), series)| ([name.to_string(), page.to_string()], series.as_ref()));
    put(connection, "known", ["name", "page"], "series", known).await?;
    let series = batch.series.iter();
    let series = series
        .map(|((name, legend), active)| ([name.to_string(), legend.to_string()], active.as_ref()));
    put(connection, "series", ["name", "legend"], "active", series).await?;
    let incidents = batch
        .incidents
        .iter()
        .map(|(id, incident)| ([id.to_string()], incident.as_ref()));
    put(connection, "incidents", ["id"], "incident", incidents).await?;
    let deliveries = batch
        .deliveries
        .iter()
        .map(|((id, receiver, recipient), delivery)| {
            (
                [id.to_string(), receiver.to_string(), recipient.to_string()],
                delivery.as_ref(),
            )
        });
    let keys = ["incident", "receiver", "recipient"];
    put(connection, "deliveries", keys, "delivery", deliveries).await?;
    if let Some(memory) = &batch.memory {
        sqlx::query("INSERT OR REPLACE INTO memory (one, memory) VALUES (1, ?1)")
            .bind(json(memory)?)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Bytes of rows that travel together: many rows, so that they are few
/// statements; not all, so that a storm does not stand in memory once more as text.
const TOGETHER: usize = 128 << 10;

/// Bytes of a row that travels alone, as it is: a page of known series.
const LONG: usize = 4 << 10;

/// Writes and deletes rows of one table, many with each statement: they travel
/// as one JSON value.
async fn put<'a, const N: usize, T: Serialize + 'a>(
    connection: &mut SqliteConnection,
    table: &str,
    keys: [&str; N],
    value: &str,
    rows: impl Iterator<Item = ([String; N], Option<&'a T>)>,
) -> Result<(), sqlx::Error> {
    let column = |index: usize| format!("value ->> {index}");
    let columns: Vec<String> = (0..=N).map(column).collect();
    let names = keys.join(", ");
    let insert = format!(
        "INSERT OR REPLACE INTO {table} ({names}, {value}) SELECT {} FROM json_each(?1)",
        columns.join(", ")
    );
    let columns: Vec<String> = (0..N).map(column).collect();
    let delete = format!(
        "DELETE FROM {table} WHERE ({names}) IN (SELECT {} FROM json_each(?1))",
        columns.join(", ")
    );
    let marks: Vec<String> = (1..=N + 1).map(|index| format!("?{index}")).collect();
    let insert_one = format!(
        "INSERT OR REPLACE INTO {table} ({names}, {value}) VALUES ({})",
        marks.join(", ")
    );
    let mut kept = String::new();
    let mut gone = String::new();
    for (key, row) in rows {
        let mut columns = key.to_vec();
        let (sql, waiting) = match row {
            Some(row) => {
                let text = json(row)?;
                if text.len() > LONG {
                    let sql = sqlx::AssertSqlSafe(insert_one.clone());
                    let query = key.into_iter().fold(sqlx::query(sql), |q, key| q.bind(key));
                    query.bind(text).execute(&mut *connection).await?;
                    continue;
                }
                columns.push(text);
                (&insert, &mut kept)
            }
            None => (&delete, &mut gone),
        };
        waiting.push(if waiting.is_empty() { '[' } else { ',' });
        waiting.push_str(&json(&columns)?);
        if waiting.len() >= TOGETHER {
            send(connection, sql, waiting).await?;
        }
    }
    send(connection, &insert, &mut kept).await?;
    send(connection, &delete, &mut gone).await
}

/// Carries out `sql` for these rows, if there are any, and forgets them: a
/// list that lacks its end.
async fn send(
    connection: &mut SqliteConnection,
    sql: &str,
    rows: &mut String,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    rows.push(']');
    let statement = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned()));
    let statement = statement.bind(std::mem::take(rows));
    statement.execute(connection).await.map(drop)
}

fn json<T: Serialize>(value: &T) -> Result<String, sqlx::Error> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

/// What an error of the database means for who runs the agent.
pub(super) fn fault(error: &sqlx::Error) -> Fault {
    let sqlx::Error::Database(database) = error else {
        return Fault::Database(error.to_string());
    };
    // the low byte is SQLite's primary result code (sqlite.org/rescode.html)
    let code = database
        .code()
        .and_then(|code| code.parse::<i64>().ok())
        .map(|code| code & 0xff);
    let message = database.message().to_owned();
    match code {
        Some(5 | 6) => Fault::InUse,
        Some(11) => Fault::Corrupt(message),
        Some(26) => Fault::Foreign(message),
        _ => Fault::Database(message),
    }
}
