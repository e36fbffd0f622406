//! Three drivers behind one face.

use std::io;
use std::str::FromStr;
use std::time::Duration;

use sqlx::mysql::{MySqlArguments, MySqlConnectOptions, MySqlConnection, MySqlPoolOptions, MySqlRow};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqlitePoolOptions, SqliteRow};
use sqlx::{
    Arguments, AssertSqlSafe, Column, MySql, MySqlPool, PgPool, Postgres, Row, Sqlite, SqlitePool,
    Transaction, TypeInfo, ValueRef,
};

use super::Dialect;
use super::render::{Statement, Value};

/// A tick's acts run one after the other; more connections would only take them from the shop.
const CONNECTIONS_MAX: u32 = 4;
/// A shop that cannot be reached in this time is told about, and tried again at the next tick.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A lock that takes longer belongs to somebody who should not be waited for.
const LOCK_TIMEOUT_SECONDS: u32 = 3;
/// No statement of ours is worth more of the shop's time.
const STATEMENT_TIMEOUT_SECONDS: u32 = 10;
/// A server that has not answered by then, its own limits of a statement past, is gone; without a limit here a tick would wait
/// for ever for a machine that was switched off.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// A shop's database.
#[derive(Clone, Debug)]
pub enum Database {
    /// PostgreSQL.
    Postgres(PgPool),
    /// MySQL or MariaDB.
    Mysql(MySqlPool),
    /// SQLite.
    Sqlite(SqlitePool),
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// None that we know.
    #[error("the shop's database URL must begin with postgres://, mysql://, mariadb:// or sqlite:")]
    Kind,
    /// The URL is none. It is not shown: it may hold a password.
    #[error("the shop's database URL cannot be read")]
    Url(#[source] sqlx::Error),
}

/// One row: each column's name and value.
pub(super) type ValueRow = Vec<(String, Value)>;

impl Database {
    /// Whether a URL can be one, without connecting; its family. For who checks a configuration.
    pub fn check_url(url: &str) -> Result<Dialect, DatabaseError> {
        match url.split(':').next().unwrap_or_default() {
            "postgres" | "postgresql" => {
                PgConnectOptions::from_str(url).map(|_| Dialect::Postgres).map_err(DatabaseError::Url)
            }
            "mysql" | "mariadb" => {
                MySqlConnectOptions::from_str(url).map(|_| Dialect::Mysql).map_err(DatabaseError::Url)
            }
            "sqlite" => {
                SqliteConnectOptions::from_str(url).map(|_| Dialect::Sqlite).map_err(DatabaseError::Url)
            }
            _ => Err(DatabaseError::Kind),
        }
    }

    /// A pool that connects when it is first used. The URL's kind decides: `postgres://`, `mysql://` (or `mariadb://`),
    /// `sqlite:`.
    pub fn new(url: &str) -> Result<Database, DatabaseError> {
        let scheme = url.split(':').next().unwrap_or_default();
        match scheme {
            "postgres" | "postgresql" => {
                let timeouts = [
                    ("lock_timeout", format!("{LOCK_TIMEOUT_SECONDS}s")),
                    ("statement_timeout", format!("{STATEMENT_TIMEOUT_SECONDS}s")),
                ];
                let options = PgConnectOptions::from_str(url).map_err(DatabaseError::Url)?;
                let options = options.application_name("lingshao").options(timeouts);
                let pool =
                    PgPoolOptions::new().max_connections(CONNECTIONS_MAX).acquire_timeout(CONNECT_TIMEOUT);
                Ok(Database::Postgres(pool.connect_lazy_with(options)))
            }
            "mysql" | "mariadb" => {
                let options = MySqlConnectOptions::from_str(url).map_err(DatabaseError::Url)?;
                let pool =
                    MySqlPoolOptions::new().max_connections(CONNECTIONS_MAX).acquire_timeout(CONNECT_TIMEOUT);
                let pool = pool
                    .after_connect(|connection, _| Box::pin(async move { mysql_limits(connection).await }));
                Ok(Database::Mysql(pool.connect_lazy_with(options)))
            }
            "sqlite" => {
                let options = SqliteConnectOptions::from_str(url).map_err(DatabaseError::Url)?;
                let options = options.busy_timeout(Duration::from_secs(LOCK_TIMEOUT_SECONDS.into()));
                let pool = SqlitePoolOptions::new()
                    .max_connections(CONNECTIONS_MAX)
                    .acquire_timeout(CONNECT_TIMEOUT);
                Ok(Database::Sqlite(pool.connect_lazy_with(options)))
            }
            _ => Err(DatabaseError::Kind),
        }
    }

    /// Its family.
    pub fn dialect(&self) -> Dialect {
        match self {
            Database::Postgres(_) => Dialect::Postgres,
            Database::Mysql(_) => Dialect::Mysql,
            Database::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// Who it is used as, where it has users.
    pub(super) fn user(&self) -> String {
        match self {
            Database::Postgres(pool) => pool.connect_options().get_username().to_owned(),
            Database::Mysql(pool) => pool.connect_options().get_username().to_owned(),
            Database::Sqlite(_) => String::new(),
        }
    }

    /// Closes all connections.
    pub async fn close(&self) {
        match self {
            Database::Postgres(pool) => pool.close().await,
            Database::Mysql(pool) => pool.close().await,
            Database::Sqlite(pool) => pool.close().await,
        }
    }

    pub(super) async fn rows(&self, statement: Statement) -> Result<Vec<ValueRow>, sqlx::Error> {
        match self {
            Database::Postgres(pool) => within(pg_rows(pool, statement)).await,
            Database::Mysql(pool) => within(mysql_rows(pool, statement)).await,
            Database::Sqlite(pool) => sqlite_rows(pool, statement).await,
        }
    }

    /// A transaction in which an UPDATE sees what others have committed. Dropping it rolls it back.
    pub(super) async fn begin(&self) -> Result<Tx, sqlx::Error> {
        Ok(match self {
            // The row that an UPDATE waited for is judged anew; a later step sees what was committed meanwhile.
            Database::Postgres(pool) => {
                Tx::Postgres(within(pool.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED")).await?)
            }
            // REPEATABLE READ, as READ COMMITTED is refused where the binary log is one of statements. Its snapshot is
            // taken by the first read of a table, which comes behind the compare-and-set's own, current read.
            Database::Mysql(pool) => Tx::Mysql(within(pool.begin_with("START TRANSACTION")).await?),
            // A deferred one would read first, and could not get the lock when somebody else has written.
            Database::Sqlite(pool) => Tx::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
        })
    }
}

/// A transaction.
pub(super) enum Tx {
    Postgres(Transaction<'static, Postgres>),
    Mysql(Transaction<'static, MySql>),
    Sqlite(Transaction<'static, Sqlite>),
}

impl Tx {
    pub(super) async fn rows(&mut self, statement: Statement) -> Result<Vec<ValueRow>, sqlx::Error> {
        match self {
            Tx::Postgres(tx) => within(pg_rows(&mut **tx, statement)).await,
            Tx::Mysql(tx) => within(mysql_rows(&mut **tx, statement)).await,
            Tx::Sqlite(tx) => sqlite_rows(&mut **tx, statement).await,
        }
    }

    /// How many rows matched (MySQL too: its driver asks for rows found, not changed).
    pub(super) async fn execute(&mut self, statement: Statement) -> Result<u64, sqlx::Error> {
        match self {
            Tx::Postgres(tx) => {
                let query = sqlx::query_with(AssertSqlSafe(statement.sql), pg_arguments(&statement.binds)?);
                Ok(within(query.persistent(false).execute(&mut **tx)).await?.rows_affected())
            }
            Tx::Mysql(tx) => {
                let query =
                    sqlx::query_with(AssertSqlSafe(statement.sql), mysql_arguments(&statement.binds)?);
                Ok(within(query.persistent(false).execute(&mut **tx)).await?.rows_affected())
            }
            Tx::Sqlite(tx) => {
                let query =
                    sqlx::query_with(AssertSqlSafe(statement.sql), sqlite_arguments(statement.binds)?);
                Ok(query.persistent(false).execute(&mut **tx).await?.rows_affected())
            }
        }
    }

    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Tx::Postgres(tx) => within(tx.commit()).await,
            Tx::Mysql(tx) => within(tx.commit()).await,
            Tx::Sqlite(tx) => tx.commit().await,
        }
    }

    pub(super) async fn rollback(self) -> Result<(), sqlx::Error> {
        match self {
            Tx::Postgres(tx) => within(tx.rollback()).await,
            Tx::Mysql(tx) => within(tx.rollback()).await,
            Tx::Sqlite(tx) => tx.rollback().await,
        }
    }
}

/// What a server has not answered in [`ANSWER_TIMEOUT`] may have happened or not.
async fn within<T>(call: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    match tokio::time::timeout(ANSWER_TIMEOUT, call).await {
        Ok(answer) => answer,
        Err(_) => {
            let why = format!("the database gave no answer in {} s", ANSWER_TIMEOUT.as_secs());
            Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, why)))
        }
    }
}

/// Limits of a session. `lock_wait_timeout` is that of a table whose definition is being changed: by itself it is a day or a
/// year, in which an act would hold the rows that customers wait for. MySQL and MariaDB differ in the last one.
async fn mysql_limits(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    for sql in [
        format!("SET SESSION innodb_lock_wait_timeout={LOCK_TIMEOUT_SECONDS}"),
        format!("SET SESSION lock_wait_timeout={LOCK_TIMEOUT_SECONDS}"),
    ] {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await?;
    }
    for sql in [
        format!("SET SESSION max_statement_time={STATEMENT_TIMEOUT_SECONDS}"),
        format!("SET SESSION max_execution_time={}", STATEMENT_TIMEOUT_SECONDS * 1_000),
    ] {
        match sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await {
            Err(sqlx::Error::Database(_)) | Ok(_) => {} // The other one's.
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The driver's arguments of a statement.
macro_rules! arguments {
    ($name:ident, $arguments:ty, $binds:ty) => {
        fn $name(binds: $binds) -> Result<$arguments, sqlx::Error> {
            let mut arguments = <$arguments>::default();
            for value in binds {
                match value {
                    Value::Null => arguments.add(Option::<i64>::None),
                    Value::Integer(integer) => arguments.add(integer),
                    Value::Text(text) => arguments.add(text),
                }
                .map_err(sqlx::Error::Encode)?;
            }
            Ok(arguments)
        }
    };
}

arguments!(pg_arguments, PgArguments, &[Value]);
arguments!(mysql_arguments, MySqlArguments, &[Value]);
arguments!(sqlite_arguments, SqliteArguments, Vec<Value>);

async fn pg_rows<'e>(
    on: impl sqlx::Executor<'e, Database = Postgres>,
    statement: Statement,
) -> Result<Vec<ValueRow>, sqlx::Error> {
    let query = sqlx::query_with(AssertSqlSafe(statement.sql), pg_arguments(&statement.binds)?);
    query.persistent(false).fetch_all(on).await?.iter().map(pg_row).collect()
}

async fn mysql_rows<'e>(
    on: impl sqlx::Executor<'e, Database = MySql>,
    statement: Statement,
) -> Result<Vec<ValueRow>, sqlx::Error> {
    let query = sqlx::query_with(AssertSqlSafe(statement.sql), mysql_arguments(&statement.binds)?);
    query.persistent(false).fetch_all(on).await?.iter().map(mysql_row).collect()
}

async fn sqlite_rows<'e>(
    on: impl sqlx::Executor<'e, Database = Sqlite>,
    statement: Statement,
) -> Result<Vec<ValueRow>, sqlx::Error> {
    let query = sqlx::query_with(AssertSqlSafe(statement.sql), sqlite_arguments(statement.binds)?);
    query.persistent(false).fetch_all(on).await?.iter().map(sqlite_row).collect()
}

fn pg_row(row: &PgRow) -> Result<ValueRow, sqlx::Error> {
    let value = |index: usize, column: &str| {
        let raw = row.try_get_raw(index)?;
        if raw.is_null() {
            return Ok(Value::Null);
        }
        match raw.type_info().name() {
            "INT2" => Ok(Value::Integer(row.try_get::<i16, _>(index)?.into())),
            "INT4" => Ok(Value::Integer(row.try_get::<i32, _>(index)?.into())),
            "INT8" => Ok(Value::Integer(row.try_get(index)?)),
            "BOOL" => Ok(Value::Integer(row.try_get::<bool, _>(index)?.into())),
            "TEXT" | "VARCHAR" | "CHAR" | "BPCHAR" | "NAME" => Ok(Value::Text(row.try_get(index)?)),
            other => Err(unknown(column, other)),
        }
    };
    row.columns().iter().map(|column| named(column.name(), value(column.ordinal(), column.name()))).collect()
}

fn mysql_row(row: &MySqlRow) -> Result<ValueRow, sqlx::Error> {
    let value = |index: usize, column: &str| {
        let raw = row.try_get_raw(index)?;
        if raw.is_null() {
            return Ok(Value::Null);
        }
        let kind = raw.type_info().name().to_owned();
        match kind.as_str() {
            "BOOLEAN" => Ok(Value::Integer(row.try_get_unchecked::<i8, _>(index)?.into())),
            kind if kind.ends_with("UNSIGNED") => {
                let found = row.try_get_unchecked::<u64, _>(index)?;
                i64::try_from(found).map(Value::Integer).map_err(|_| unknown(column, kind))
            }
            kind if kind.ends_with("INT") => Ok(Value::Integer(row.try_get_unchecked(index)?)),
            "BIT" => Ok(Value::Integer(i64::from(row.try_get_unchecked::<u64, _>(index)? != 0))),
            "VARCHAR" | "CHAR" | "TEXT" | "TINYTEXT" | "MEDIUMTEXT" | "LONGTEXT" | "VARBINARY" | "BINARY"
            | "BLOB" | "LONGBLOB" | "ENUM" => {
                // MariaDB's catalogue calls some of its texts binary.
                let bytes = row.try_get_unchecked::<Vec<u8>, _>(index)?;
                String::from_utf8(bytes).map(Value::Text).map_err(|_| unknown(column, "bytes"))
            }
            other => Err(unknown(column, other)),
        }
    };
    row.columns().iter().map(|column| named(column.name(), value(column.ordinal(), column.name()))).collect()
}

fn sqlite_row(row: &SqliteRow) -> Result<ValueRow, sqlx::Error> {
    let value = |index: usize, column: &str| {
        let raw = row.try_get_raw(index)?;
        if raw.is_null() {
            return Ok(Value::Null);
        }
        match raw.type_info().name() {
            "INTEGER" | "BOOLEAN" => Ok(Value::Integer(row.try_get_unchecked(index)?)),
            "TEXT" => Ok(Value::Text(row.try_get_unchecked(index)?)),
            other => Err(unknown(column, other)),
        }
    };
    row.columns().iter().map(|column| named(column.name(), value(column.ordinal(), column.name()))).collect()
}

fn named(name: &str, value: Result<Value, sqlx::Error>) -> Result<(String, Value), sqlx::Error> {
    Ok((name.to_owned(), value?))
}

fn unknown(column: &str, kind: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("column `{column}` is {kind}; cast it to an integer or a text").into())
}
