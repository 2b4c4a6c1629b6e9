//! The SQLite file: what is read from it and written to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteConnection;
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
        for (name, head) in self.pairs("SELECT name, head FROM heads").await? {
            saved.heads.insert(Arc::from(name), self.parse(&head)?);
        }
        for (name, series) in self.pairs("SELECT name, series FROM known").await? {
            saved.known.insert(Arc::from(name), self.parse(&series)?);
        }
        for (id, incident) in self.pairs("SELECT id, incident FROM incidents").await? {
            saved
                .incidents
                .insert(self.id(&id)?, self.parse(&incident)?);
        }
        for row in self.rows("SELECT name, legend, active FROM series").await? {
            let [name, legend, active] = self.texts(&row)?;
            saved
                .series
                .insert((Arc::from(name), Arc::from(legend)), self.parse(&active)?);
        }
        let sql = "SELECT incident, receiver, recipient, delivery FROM deliveries";
        for row in self.rows(sql).await? {
            let [incident, receiver, recipient, delivery] = self.texts(&row)?;
            let key = (
                self.id(&incident)?,
                Arc::from(receiver),
                Arc::from(recipient),
            );
            saved.deliveries.insert(key, self.parse(&delivery)?);
        }
        if let Some(row) = self.rows("SELECT memory FROM memory").await?.first() {
            let [memory] = self.texts(row)?;
            saved.memory = self.parse(&memory)?;
        }
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

    async fn rows(
        &mut self,
        sql: &'static str,
    ) -> Result<Vec<sqlx::sqlite::SqliteRow>, StoreError> {
        let rows = sqlx::query(sql).fetch_all(&mut self.connection).await;
        rows.map_err(|error| StoreError::new(&self.path, fault(&error)))
    }

    async fn pairs(&mut self, sql: &'static str) -> Result<Vec<(String, String)>, StoreError> {
        let rows = self.rows(sql).await?;
        rows.iter()
            .map(|row| self.texts(row).map(|[key, value]| (key, value)))
            .collect()
    }

    fn texts<const N: usize>(
        &self,
        row: &sqlx::sqlite::SqliteRow,
    ) -> Result<[String; N], StoreError> {
        let mut texts = [const { String::new() }; N];
        for (index, text) in texts.iter_mut().enumerate() {
            *text = row
                .try_get(index)
                .map_err(|error| self.corrupt(&error.to_string()))?;
        }
        Ok(texts)
    }

    fn parse<T: DeserializeOwned>(&self, text: &str) -> Result<T, StoreError> {
        serde_json::from_str(text).map_err(|error| self.corrupt(&error.to_string()))
    }

    fn id(&self, text: &str) -> Result<IncidentId, StoreError> {
        IncidentId::parse(text).ok_or_else(|| self.corrupt("an incident's id is none"))
    }

    fn corrupt(&self, why: &str) -> StoreError {
        StoreError::new(&self.path, Fault::Corrupt(why.to_owned()))
    }
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
        .map(|(name, series)| ([name.to_string()], series.as_ref()));
    put(connection, "known", ["name"], "series", known).await?;
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

/// Rows that travel together: many, so that they are few statements; not all,
/// so that a storm does not stand in memory once more as text.
const TOGETHER: usize = 1000;

/// Bytes of a row that travels alone, as it is: the known series of a big group.
const LONG: usize = 64 * 1024;

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
    let mut kept = Vec::new();
    let mut gone = Vec::new();
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
        waiting.push(columns);
        if waiting.len() >= TOGETHER {
            send(connection, sql, waiting).await?;
        }
    }
    send(connection, &insert, &mut kept).await?;
    send(connection, &delete, &mut gone).await
}

/// Carries out `sql` for these rows, if there are any, and forgets them.
async fn send(
    connection: &mut SqliteConnection,
    sql: &str,
    rows: &mut Vec<Vec<String>>,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = json(&std::mem::take(rows))?;
    let statement = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned()));
    statement.bind(rows).execute(connection).await.map(drop)
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
