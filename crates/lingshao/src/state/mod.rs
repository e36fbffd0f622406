//! `state.db`: what must be known again after a restart, written in transactions that survive a power cut.
//!
//! Contract: [`State::open`] makes the file or brings it forward, and refuses a newer or damaged one with the remedy.
//! [`State::load`] gives back what was committed. [`State::begin`] takes the write lock, so that whoever decides sees
//! what other members decided before; [`State::commit`] writes a [`Batch`] in that same transaction and returns when it
//! is on disk. One connection, one owner: `lingshao::alertmanager`. Sessions of people and boards have others of their own,
//! so that nobody who signs in or saves waits for alerts or they for them, and so has the ledger of the shop's monitors;
//! none touches another's tables. The byte table
//! is docs/format/state.md.

mod aside;
mod batch;
mod boards;
mod convert;
pub(crate) mod copy;
mod documents;
mod history;
mod members;
mod open;
mod rows;
mod schema;
mod sessions;
mod shared;
mod shop;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use lingshao_alerting::router::Saved;
use lingshao_alerting::rules::SavedAlert;
use lingshao_model::Timestamp;
use sqlx::sqlite::{Sqlite, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection, Row};

pub(crate) use batch::Batch;
pub(crate) use boards::{BoardStore, NewVersion, SavedBoard, SavedVersion};
pub(crate) use documents::DocumentStore;
pub(crate) use history::Told;
pub(crate) use members::{HEARTBEAT, Member};
pub(crate) use open::{Location, StateError, known_schema};
use schema::Table;
pub(crate) use sessions::{Leaving, Session, SessionKey, SessionStore};
pub(crate) use shop::{AuditEntry, AuditRow, Broken, RefundFilter, ShopStore};

/// The member whose rows stand in a file that is not shared.
pub(super) const LOCAL: &str = "local";
/// Rows in one statement. Enough that a statement's cost is spread over many rows, few enough that SQLite's parser
/// and its 32,766 parameters do not mind.
const ROWS_PER_STATEMENT: usize = 100;

/// A statement with its arguments.
type Statement<'a> = sqlx::query::Query<'a, Sqlite, sqlx::sqlite::SqliteArguments>;

/// An open `state.db`.
#[derive(Debug)]
pub(crate) struct State {
    connection: SqliteConnection,
    path: PathBuf,
    member: String,
    /// Whether other processes write into it too.
    shared: bool,
    /// The last transaction that we know of.
    seq: i64,
    /// SQLite's word on whether another connection has written since.
    data_version: i64,
    /// Keys of the outbox as they stand in a shared file, and whose they are.
    outbox: HashMap<String, String>,
}

/// All that stood in the file, of one member.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// Alerts of rules.
    pub(crate) rule_alerts: Vec<SavedAlert>,
    /// The router's.
    pub(crate) router: Saved,
    /// What the wall clock said at the last commit.
    pub(crate) saved_at: Option<Timestamp>,
    /// Rows that could not be read, by table and why.
    pub(crate) unreadable: Vec<String>,
}

impl State {
    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Under which name our rows stand.
    pub(crate) fn member(&self) -> &str {
        &self.member
    }

    /// Everything of ours, and what is shared.
    pub(crate) async fn load(&mut self) -> Result<Loaded, StateError> {
        let mut loaded = Loaded::default();
        self.seq = self.number("SELECT value FROM meta WHERE name = 'seq'").await?.unwrap_or(0);
        let saved_at = self.number("SELECT value FROM meta WHERE name = 'saved_at'").await?;
        loaded.saved_at = saved_at.map(Timestamp);
        for table in Table::ALL {
            for (key, row) in self.rows(table).await? {
                if let Err(error) = loaded.add(table, &row) {
                    loaded.unreadable.push(format!("{} {key}: {error}", table.name()));
                }
            }
        }
        self.outbox = if self.shared { self.outbox_owners().await? } else { HashMap::new() };
        loaded.router.saved_at = loaded.saved_at;
        Ok(loaded)
    }

    /// Takes the write lock. Until [`State::commit`] or [`State::roll_back`] nobody else writes.
    pub(crate) async fn begin(&mut self) -> Result<(), StateError> {
        self.run("BEGIN IMMEDIATE").await
    }

    /// Writes all of a batch and commits; on an error nothing of it is written.
    pub(crate) async fn commit(&mut self, batch: &Batch, now: Timestamp) -> Result<(), StateError> {
        let outcome = match self.write(batch, now).await {
            Ok(seq) => self.run("COMMIT").await.map(|()| seq),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(seq) => {
                self.seq = seq;
                if self.shared {
                    self.note_outbox(&batch.puts(Table::Outbox), &batch.removals(Table::Outbox));
                }
                Ok(())
            }
            Err(error) => {
                self.roll_back().await;
                Err(error)
            }
        }
    }

    /// Gives the write lock back.
    pub(crate) async fn roll_back(&mut self) {
        if let Err(error) = self.run("ROLLBACK").await {
            // After some errors SQLite has rolled back by itself already.
            tracing::debug!(%error, "nothing to roll back in state.db");
        }
    }

    /// Closes the file; what was committed is in it.
    pub(crate) async fn close(self) -> Result<(), StateError> {
        let path = self.path;
        self.connection.close().await.map_err(|source| StateError::Use { path, source })
    }

    async fn write(&mut self, batch: &Batch, now: Timestamp) -> Result<i64, StateError> {
        let seq = self.number("UPDATE meta SET value = value + 1 WHERE name = 'seq' RETURNING value").await?;
        let seq = seq.unwrap_or(0);
        let saved_at = sqlx::query("INSERT OR REPLACE INTO meta VALUES ('saved_at', ?1)").bind(now.0);
        self.execute(saved_at).await?;
        for table in Table::ALL {
            self.remove(table, &batch.removals(table)).await?;
            self.put(table, &batch.puts(table), seq).await?;
        }
        self.write_history(batch.history()).await?;
        crate::alertmanager::failpoint::pass("in-commit");
        crate::alertmanager::failpoint::hang().await;
        Ok(seq)
    }

    async fn put(&mut self, table: Table, rows: &[(&str, &str)], seq: i64) -> Result<(), StateError> {
        let member = self.member.clone();
        for rows in rows.chunks(ROWS_PER_STATEMENT) {
            let whole = rows.len() == ROWS_PER_STATEMENT;
            // Two shapes of statement only, so that both stay prepared.
            for rows in rows.chunks(if whole { ROWS_PER_STATEMENT } else { 1 }) {
                let places = (0..rows.len()).map(|row| format!("(?1,?2,?{},?{})", 2 * row + 3, 2 * row + 4));
                let values = places.collect::<Vec<_>>().join(",");
                let sql = format!(
                    "INSERT OR REPLACE INTO {} (member, seq, key, row) VALUES {values}",
                    table.name()
                );
                let mut query = sqlx::query(AssertSqlSafe(sql)).bind(member.as_str()).bind(seq);
                for (key, row) in rows {
                    query = query.bind(*key).bind(*row);
                }
                self.execute(query).await?;
            }
        }
        Ok(())
    }

    async fn remove(&mut self, table: Table, keys: &[&str]) -> Result<(), StateError> {
        let member = self.member.clone();
        for keys in keys.chunks(ROWS_PER_STATEMENT) {
            let whole = keys.len() == ROWS_PER_STATEMENT;
            for keys in keys.chunks(if whole { ROWS_PER_STATEMENT } else { 1 }) {
                let places = (0..keys.len()).map(|key| format!("?{}", key + 2));
                let places = places.collect::<Vec<_>>().join(",");
                let own = if table.is_shared() { "?1 IS NOT NULL" } else { "member = ?1" };
                let sql = format!("DELETE FROM {} WHERE {own} AND key IN ({places})", table.name());
                let mut query = sqlx::query(AssertSqlSafe(sql)).bind(member.as_str());
                for key in keys {
                    query = query.bind(*key);
                }
                self.execute(query).await?;
            }
        }
        Ok(())
    }

    async fn rows(&mut self, table: Table) -> Result<Vec<(String, String)>, StateError> {
        let own = if table.is_shared() { "?1 IS NOT NULL" } else { "member = ?1" };
        let sql = format!("SELECT key, row FROM {} WHERE {own} ORDER BY rowid", table.name());
        self.pairs(sqlx::query(AssertSqlSafe(sql)).bind(self.member.clone())).await
    }

    /// The two texts of each row that a statement gives.
    async fn pairs(&mut self, query: Statement<'_>) -> Result<Vec<(String, String)>, StateError> {
        let found = query.fetch_all(&mut self.connection).await;
        let found = found.map_err(|source| self.failed(source))?;
        let pairs = found.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        pairs.collect::<Result<_, sqlx::Error>>().map_err(|source| self.failed(source))
    }

    /// The one number that a statement gives.
    async fn number(&mut self, sql: &'static str) -> Result<Option<i64>, StateError> {
        let found = sqlx::query_scalar::<Sqlite, i64>(sql).fetch_optional(&mut self.connection).await;
        found.map_err(|source| self.failed(source))
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), StateError> {
        self.execute(sqlx::query(sql)).await
    }

    async fn execute(&mut self, query: Statement<'_>) -> Result<(), StateError> {
        let done = query.execute(&mut self.connection).await;
        done.map(drop).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: sqlx::Error) -> StateError {
        StateError::Use { path: self.path.clone(), source }
    }
}
