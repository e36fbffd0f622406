//! Boards and their versions in `state.db`, over a connection of their own: the owner of the alerts never waits for a
//! board but while SQLite's write lock is held, which is for one commit.

use lingshao_model::Timestamp;
use sqlx::sqlite::{Sqlite, SqliteConnection, SqliteRow};
use sqlx::{Connection, Row};

use std::path::{Path, PathBuf};

use super::Statement;
use super::open::connect;
use super::{Location, StateError};

/// Versions of one board that are kept, the newest included: weeks of an edited board.
const VERSIONS_MAX: i64 = 50;
/// And their bytes together; the newest stays in any case. Fifty of a common board are 5 MB.
const VERSIONS_BYTES_MAX: i64 = 16 << 20;

/// The open file, for boards.
#[derive(Debug)]
pub(crate) struct BoardStore {
    connection: SqliteConnection,
    path: PathBuf,
}

/// A board as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SavedBoard {
    pub(crate) uid: String,
    pub(crate) title: String,
    pub(crate) tags: Vec<String>,
    pub(crate) version: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) created_by: String,
    pub(crate) updated_at: Timestamp,
    pub(crate) updated_by: String,
}

/// One version of a board, without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SavedVersion {
    pub(crate) version: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) created_by: String,
    pub(crate) message: String,
}

/// What a new version is written with.
#[derive(Clone, Debug)]
pub(crate) struct NewVersion<'a> {
    pub(crate) uid: &'a str,
    pub(crate) title: &'a str,
    pub(crate) tags: &'a [String],
    pub(crate) version: i64,
    pub(crate) by: &'a str,
    pub(crate) message: &'a str,
    pub(crate) document: &'a str,
    pub(crate) at: Timestamp,
}

const BOARD_COLUMNS: &str =
    "SELECT uid, title, tags, version, created_at, created_by, updated_at, updated_by FROM boards";

impl BoardStore {
    /// A further connection to a file that [`super::State::open`] has opened and brought forward.
    pub(crate) async fn open(location: &Location) -> Result<BoardStore, StateError> {
        // A person who saves a board may wait for the alerts' commit, which never takes long on a disk that works.
        let connection = connect(&location.path, super::open::BUSY_TIMEOUT_SHARED).await?;
        Ok(BoardStore { connection, path: location.path.clone() })
    }

    /// All boards, by title.
    pub(crate) async fn list(&mut self) -> Result<Vec<SavedBoard>, StateError> {
        let sql = sqlx::AssertSqlSafe(format!("{BOARD_COLUMNS} ORDER BY title, uid"));
        let found = sqlx::query(sql).fetch_all(&mut self.connection).await;
        let found = found.map_err(|source| failed(&self.path, source))?;
        let read = found.iter().map(board).collect::<Result<_, _>>();
        read.map_err(|source| failed(&self.path, source))
    }

    /// One board with its text.
    pub(crate) async fn get(&mut self, uid: &str) -> Result<Option<(SavedBoard, String)>, StateError> {
        let sql = "SELECT b.uid, b.title, b.tags, b.version, b.created_at, b.created_by, b.updated_at, b.updated_by, \
                   v.document FROM boards b JOIN board_versions v ON v.uid = b.uid AND v.version = b.version \
                   WHERE b.uid = ?1";
        let found = sqlx::query(sql).bind(uid.to_owned()).fetch_optional(&mut self.connection).await;
        let found = found.map_err(|source| failed(&self.path, source))?;
        let read = found.map(|row| Ok((board(&row)?, row.try_get(8)?))).transpose();
        read.map_err(|source| failed(&self.path, source))
    }

    /// The versions that are kept of a board, newest first.
    pub(crate) async fn versions(&mut self, uid: &str) -> Result<Vec<SavedVersion>, StateError> {
        let sql = "SELECT version, created_at, created_by, message FROM board_versions WHERE uid = ?1 \
                   ORDER BY version DESC";
        let found = sqlx::query(sql).bind(uid.to_owned()).fetch_all(&mut self.connection).await;
        let found = found.map_err(|source| failed(&self.path, source))?;
        let read = found.iter().map(version).collect::<Result<_, _>>();
        read.map_err(|source| failed(&self.path, source))
    }

    /// One version with its text.
    pub(crate) async fn version(
        &mut self,
        uid: &str,
        number: i64,
    ) -> Result<Option<(SavedVersion, String)>, StateError> {
        let sql = "SELECT version, created_at, created_by, message, document FROM board_versions \
                   WHERE uid = ?1 AND version = ?2";
        let query = sqlx::query(sql).bind(uid.to_owned()).bind(number);
        let found = query.fetch_optional(&mut self.connection).await;
        let found = found.map_err(|source| failed(&self.path, source))?;
        let read = found.map(|row| Ok((version(&row)?, row.try_get(4)?))).transpose();
        read.map_err(|source| failed(&self.path, source))
    }

    /// Takes the write lock: until [`BoardStore::commit`] or [`BoardStore::roll_back`] nobody else writes.
    pub(crate) async fn begin(&mut self) -> Result<(), StateError> {
        self.execute(sqlx::query("BEGIN IMMEDIATE")).await
    }

    /// How many boards there are, and how many bytes all their versions have.
    pub(crate) async fn size(&mut self) -> Result<(i64, i64), StateError> {
        let sql =
            "SELECT (SELECT count(*) FROM boards), (SELECT coalesce(sum(bytes), 0) FROM board_versions)";
        let found = sqlx::query_as::<Sqlite, (i64, i64)>(sql).fetch_one(&mut self.connection).await;
        found.map_err(|source| failed(&self.path, source))
    }

    /// Writes a version as the newest of its board, and drops the oldest ones over the bound.
    pub(crate) async fn put(&mut self, new: &NewVersion<'_>) -> Result<(), StateError> {
        let tags = serde_json::Value::from(new.tags).to_string();
        let head = "INSERT INTO boards VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?5, ?6) ON CONFLICT (uid) DO UPDATE SET \
                    title = ?2, tags = ?3, version = ?4, updated_at = ?5, updated_by = ?6";
        let query = sqlx::query(head).bind(new.uid.to_owned()).bind(new.title.to_owned()).bind(tags);
        self.execute(query.bind(new.version).bind(new.at.0).bind(new.by.to_owned())).await?;
        let text = "INSERT INTO board_versions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let query = sqlx::query(text).bind(new.uid.to_owned()).bind(new.version).bind(new.at.0);
        let query = query.bind(new.by.to_owned()).bind(new.message.to_owned());
        let bytes = i64::try_from(new.document.len()).unwrap_or(i64::MAX);
        self.execute(query.bind(bytes).bind(new.document.to_owned())).await?;
        self.drop_oldest(new.uid, new.version).await
    }

    async fn drop_oldest(&mut self, uid: &str, newest: i64) -> Result<(), StateError> {
        let sql = "DELETE FROM board_versions WHERE uid = ?1 AND version < ?2 AND (version <= ?2 - ?3 OR ?4 < \
                   (SELECT sum(n.bytes) FROM board_versions n WHERE n.uid = ?1 AND n.version >= board_versions.version))";
        let query = sqlx::query(sql).bind(uid.to_owned()).bind(newest);
        self.execute(query.bind(VERSIONS_MAX).bind(VERSIONS_BYTES_MAX)).await
    }

    /// Deletes a board and its versions.
    pub(crate) async fn remove(&mut self, uid: &str) -> Result<(), StateError> {
        for sql in ["DELETE FROM boards WHERE uid = ?1", "DELETE FROM board_versions WHERE uid = ?1"] {
            self.execute(sqlx::query(sql).bind(uid.to_owned())).await?;
        }
        Ok(())
    }

    /// Writes all since [`BoardStore::begin`]; when it returns, that is on disk.
    pub(crate) async fn commit(&mut self) -> Result<(), StateError> {
        crate::alertmanager::failpoint::pass("in-board-commit");
        self.execute(sqlx::query("COMMIT")).await?;
        crate::alertmanager::failpoint::pass("after-board-commit");
        Ok(())
    }

    /// Gives the write lock back.
    pub(crate) async fn roll_back(&mut self) {
        if let Err(error) = self.execute(sqlx::query("ROLLBACK")).await {
            // After some errors SQLite has rolled back by itself already.
            tracing::debug!(%error, "nothing to roll back for boards");
        }
    }

    /// Closes the connection; what was committed is in the file.
    pub(crate) async fn close(self) -> Result<(), StateError> {
        let path = self.path;
        self.connection.close().await.map_err(|source| StateError::Use { path, source })
    }

    async fn execute(&mut self, query: Statement<'_>) -> Result<(), StateError> {
        let done = query.execute(&mut self.connection).await;
        done.map(drop).map_err(|source| failed(&self.path, source))
    }
}

fn failed(path: &Path, source: sqlx::Error) -> StateError {
    StateError::Use { path: path.to_owned(), source }
}

fn board(row: &SqliteRow) -> Result<SavedBoard, sqlx::Error> {
    let tags: String = row.try_get(2)?;
    Ok(SavedBoard {
        uid: row.try_get(0)?,
        title: row.try_get(1)?,
        // Written by us as a list of texts; whatever a person made of it costs the tags and not the board.
        tags: serde_json::from_str(&tags).unwrap_or_default(),
        version: row.try_get(3)?,
        created_at: Timestamp(row.try_get(4)?),
        created_by: row.try_get(5)?,
        updated_at: Timestamp(row.try_get(6)?),
        updated_by: row.try_get(7)?,
    })
}

fn version(row: &SqliteRow) -> Result<SavedVersion, sqlx::Error> {
    Ok(SavedVersion {
        version: row.try_get(0)?,
        created_at: Timestamp(row.try_get(1)?),
        created_by: row.try_get(2)?,
        message: row.try_get(3)?,
    })
}
