//! Making `state.db`, bringing it forward, and refusing what cannot be used.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};

use super::schema::{APPLICATION_ID, MIGRATIONS};
use super::{LOCAL, State};
use crate::failure::Failure;

/// How long we wait for somebody else's write lock. A file of our own is locked by nobody but somebody who signs in
/// or saves a board, for one commit, and a person who looks into it, and an alert does not wait for that; members of a
/// shared one wait for each other, or both would tell.
const BUSY_TIMEOUT_OWN: Duration = Duration::from_millis(500);
pub(super) const BUSY_TIMEOUT_SHARED: Duration = Duration::from_secs(5);

/// Which file, and whose rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    /// The file; made if it is not there, its folder is not.
    pub(crate) path: PathBuf,
    /// Our name among those that share it; `None`: it is ours alone.
    pub(crate) member: Option<String>,
}

/// Why `state.db` cannot be opened or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    /// The file cannot be made.
    #[error("cannot create `{path}`")]
    Create {
        /// Which.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// A later version of this program wrote it.
    #[error("`{path}` has schema {found}; this version knows {known}")]
    Newer {
        /// Which.
        path: PathBuf,
        /// Its number.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// It belongs to another program.
    #[error("`{path}` is a database of another program")]
    Foreign {
        /// Which.
        path: PathBuf,
    },
    /// What is in it contradicts itself, or is no database.
    #[error("`{path}` is damaged: {what}")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// SQLite's finding.
        what: String,
    },
    /// Something was asked of it a while ago, and there is no answer yet.
    #[error("the disk under `state.db` does not answer")]
    Hangs,
    /// SQLite refuses to read or write.
    #[error("cannot use `{path}`")]
    Use {
        /// Which.
        path: PathBuf,
        /// SQLite's word.
        source: sqlx::Error,
    },
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Failure {
        let remedy = match &error {
            StateError::Create { .. } | StateError::Use { .. } | StateError::Hangs => {
                "check the folder's owner, the file's owner and the free space".to_owned()
            }
            StateError::Newer { .. } => "install the version that wrote it, or a later one".to_owned(),
            StateError::Foreign { .. } => "choose another file with `state.url`".to_owned(),
            StateError::Damaged { path, .. } => format!(
                "restore it from a backup, or move it away (`mv {path} {path}.damaged`): silences, alert states and \
                 what was told already are then forgotten, so people may be told once more",
                path = path.display()
            ),
        };
        Failure::environment(error).remedy(remedy)
    }
}

/// SQLite's result codes for a file that is broken or is none of its own (sqlite.org/rescode.html).
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_NOTADB: i32 = 26;

impl StateError {
    /// Sorts out damage from what may pass.
    pub(super) fn of(path: &Path, source: sqlx::Error) -> StateError {
        let code = source.as_database_error().and_then(|error| error.code());
        let code: Option<i32> = code.and_then(|code| code.parse().ok());
        match code.map(|code| code & 0xff) {
            Some(SQLITE_CORRUPT | SQLITE_NOTADB) => {
                let what =
                    source.as_database_error().map_or(String::new(), |error| error.message().to_owned());
                StateError::Damaged { path: path.to_owned(), what }
            }
            _ => StateError::Use { path: path.to_owned(), source },
        }
    }
}

impl State {
    /// Opens or makes the file, checks it, and brings its schema forward.
    pub(crate) async fn open(location: &Location) -> Result<State, StateError> {
        let path = location.path.clone();
        create(&path).map_err(|source| StateError::Create { path: path.clone(), source })?;
        let shared = location.member.is_some();
        let patience = if shared { BUSY_TIMEOUT_SHARED } else { BUSY_TIMEOUT_OWN };
        let mut connection = connect(&path, patience).await?;
        check(&mut connection, &path).await?;
        migrate(&mut connection, &path).await?;
        let member = location.member.clone().unwrap_or_else(|| LOCAL.to_owned());
        Ok(State { connection, path, member, shared, seq: 0, data_version: 0, outbox: HashMap::new() })
    }
}

/// A connection to a file that is there, waiting so long for somebody else's write lock.
pub(super) async fn connect(path: &Path, patience: Duration) -> Result<SqliteConnection, StateError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(patience)
        .disable_statement_logging();
    options.connect().await.map_err(|source| StateError::of(path, source))
}

/// Only for us, from the first moment: SQLite gives its other files the mode of this one.
fn create(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

/// The number of the schema that this version writes.
pub(crate) fn known_schema() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

pub(super) async fn number(
    connection: &mut SqliteConnection,
    path: &Path,
    sql: &'static str,
) -> Result<i64, StateError> {
    let found = sqlx::query_scalar::<Sqlite, i64>(sql).fetch_one(connection).await;
    found.map_err(|source| StateError::of(path, source))
}

async fn check(connection: &mut SqliteConnection, path: &Path) -> Result<(), StateError> {
    let path = path.to_owned();
    let application = number(connection, &path, "PRAGMA application_id").await?;
    let tables = number(connection, &path, "SELECT count(*) FROM sqlite_schema").await?;
    if application != APPLICATION_ID && tables != 0 {
        return Err(StateError::Foreign { path });
    }
    let known = known_schema();
    let found = number(connection, &path, "PRAGMA user_version").await?;
    if known < found {
        return Err(StateError::Newer { path, found, known });
    }
    let finding = sqlx::query_scalar::<Sqlite, String>("PRAGMA quick_check(1)").fetch_one(connection).await;
    match finding.map_err(|source| StateError::of(&path, source))?.as_str() {
        "ok" => Ok(()),
        what => Err(StateError::Damaged { path, what: what.replace('\n', " ") }),
    }
}

/// All steps in one transaction; a member that opens the file at the same time waits and then finds them done.
async fn migrate(connection: &mut SqliteConnection, path: &Path) -> Result<(), StateError> {
    let known = MIGRATIONS.len();
    let current = async |connection: &mut SqliteConnection| {
        let found = number(connection, path, "PRAGMA user_version").await?;
        Ok::<_, StateError>(usize::try_from(found).unwrap_or(0))
    };
    if current(connection).await? == known {
        return Ok(());
    }
    let run = async |connection: &mut SqliteConnection, sql: String| {
        let done = connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await;
        done.map(drop).map_err(|source| StateError::of(path, source))
    };
    run(connection, "BEGIN IMMEDIATE".to_owned()).await?;
    for step in &MIGRATIONS[current(connection).await?.min(known)..] {
        run(connection, (*step).to_owned()).await?;
    }
    run(
        connection,
        format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {known}; COMMIT"),
    )
    .await
}
