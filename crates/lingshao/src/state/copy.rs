//! `state.db` for whoever does not run on it: a copy while it is in use, and a look at one that nobody uses.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use super::open::{known_schema, number};
use super::schema::APPLICATION_ID;
use super::{Location, ShopStore, StateError};

/// For somebody else's lock. Nobody waits for a backup, so it may be patient.
const PATIENCE: Duration = Duration::from_secs(30);

/// Writes all that is committed into another file, by SQLite's own means: the copy is of one moment, whatever is written
/// meanwhile, and nobody who writes waits for it.
pub(crate) async fn copy(from: &Path, to: &Path) -> Result<(), StateError> {
    // Made by us first, for our eyes only; SQLite takes an empty file.
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    made.map_err(|source| StateError::Create { path: to.to_owned(), source })?;
    let mut connection = connect(SqliteConnectOptions::new().filename(from), from).await?;
    let target = to.to_string_lossy().into_owned();
    let done = sqlx::query("VACUUM INTO ?1").bind(target).execute(&mut connection).await;
    done.map_err(|source| StateError::of(from, source))?;
    connection.close().await.map_err(|source| StateError::of(from, source))
}

/// Reads all of a file that nobody uses, and follows the audit trails in it; answers its schema's number.
pub(crate) async fn examine(path: &Path) -> Result<i64, StateError> {
    let (found, known) = (schema(path).await?.unwrap_or(0), known_schema());
    if known < found {
        return Err(StateError::Newer { path: path.to_owned(), found, known });
    }
    let mut connection = connect(unused(path), path).await?;
    let finding =
        sqlx::query_scalar::<Sqlite, String>("PRAGMA integrity_check(1)").fetch_one(&mut connection).await;
    let finding = finding.map_err(|source| StateError::of(path, source))?;
    if finding != "ok" {
        return Err(StateError::Damaged { path: path.to_owned(), what: finding.replace('\n', " ") });
    }
    for shop in shops(&mut connection, path, found).await? {
        let location = Location { path: path.to_owned(), member: None };
        if let Some(broken) = ShopStore::new(location, &shop).verify().await? {
            let what = format!("the audit trail of shop `{shop}` is broken at entry {}", broken.n);
            return Err(StateError::Damaged { path: path.to_owned(), what });
        }
    }
    connection.close().await.map_err(|source| StateError::of(path, source))?;
    Ok(found)
}

/// The number of a file's schema, also when it is newer than ours; `None`: the file is empty. Nothing is changed.
pub(crate) async fn schema(path: &Path) -> Result<Option<i64>, StateError> {
    let beside = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        std::fs::metadata(name).is_ok_and(|meta| meta.len() > 0)
    };
    // Without a log beside it nothing is missing in the file, and SQLite makes none to read it.
    let options = if beside("-wal") {
        SqliteConnectOptions::new().filename(path).read_only(true)
    } else {
        unused(path)
    };
    let mut connection = connect(options, path).await?;
    let application = number(&mut connection, path, "PRAGMA application_id").await?;
    let tables = number(&mut connection, path, "SELECT count(*) FROM sqlite_schema").await?;
    let found = number(&mut connection, path, "PRAGMA user_version").await?;
    connection.close().await.map_err(|source| StateError::of(path, source))?;
    match (application == APPLICATION_ID, tables) {
        (true, _) => Ok(Some(found)),
        (false, 0) => Ok(None),
        (false, _) => Err(StateError::Foreign { path: path.to_owned() }),
    }
}

/// Options for a file that nobody writes: nothing is made beside it.
fn unused(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).read_only(true).immutable(true)
}

async fn connect(options: SqliteConnectOptions, path: &Path) -> Result<SqliteConnection, StateError> {
    let options = options.busy_timeout(PATIENCE).disable_statement_logging();
    options.connect().await.map_err(|source| StateError::of(path, source))
}

/// Those with an audit trail.
async fn shops(
    connection: &mut SqliteConnection,
    path: &Path,
    schema: i64,
) -> Result<Vec<String>, StateError> {
    const SINCE: i64 = 5;
    if schema < SINCE {
        return Ok(Vec::new());
    }
    let sql = "SELECT DISTINCT shop FROM shop_audit ORDER BY shop";
    let shops = sqlx::query_scalar::<Sqlite, String>(sql).fetch_all(connection).await;
    shops.map_err(|source| StateError::of(path, source))
}
