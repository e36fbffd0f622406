//! A connection of its own, for those who must not wait for alerts, nor alerts for them.

use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

use super::open::connect;
use super::{Location, StateError};

/// For one look or one change. A disk that hangs keeps people waiting so long, and no longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// For somebody else's write lock: others hold it for one commit.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Connects when it is first needed, and anew after each failure.
#[derive(Debug)]
pub(super) struct Aside {
    location: Location,
    connection: Mutex<Option<SqliteConnection>>,
}

impl Aside {
    /// Of a file that [`super::State::open`] has made and brought forward.
    pub(super) fn new(location: Location) -> Aside {
        Aside { location, connection: Mutex::default() }
    }

    /// Where it lies.
    pub(super) fn location(&self) -> &Location {
        &self.location
    }

    /// Does something with the connection within [`PATIENCE`].
    pub(super) async fn in_time<T>(
        &self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, StateError> {
        let done = timeout(PATIENCE, async {
            let mut place: MutexGuard<'_, Option<SqliteConnection>> = self.connection.lock().await;
            let mut connection = match place.take() {
                Some(connection) => connection,
                None => connect(&self.location.path, BUSY_TIMEOUT).await?,
            };
            // Put back only after a success. On a full disk SQLite ends the transaction by itself, of which the driver knows
            // nothing: every later one on this connection would be refused, long after there is room again.
            let done = work(&mut connection)
                .await
                .map_err(|source| StateError::Use { path: self.location.path.clone(), source })?;
            *place = Some(connection);
            Ok(done)
        });
        done.await.unwrap_or(Err(StateError::Hangs))
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Connection;

    use super::super::State;
    use super::*;

    #[tokio::test]
    async fn a_disk_that_was_full_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let location = Location { path: folder.path().join("state.db"), member: None };
        let _state = State::open(&location).await.unwrap();
        let aside = Aside::new(location);
        let write = async |connection: &mut SqliteConnection| {
            let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
            let sql = "INSERT INTO shop_meta (shop, name, value) VALUES ('lx', 'x', hex(zeroblob(1000000)))";
            sqlx::query(sql).execute(&mut *transaction).await?;
            transaction.commit().await
        };
        let full = aside.in_time(async |connection| {
            // SQLite's own idea of a full disk; it is the connection's, and ends with it.
            sqlx::query("PRAGMA max_page_count=1").execute(&mut *connection).await?;
            write(connection).await
        });
        let error = full.await.unwrap_err();
        let StateError::Use { source, .. } = error else { panic!("{error:?}") };
        assert!(source.to_string().contains("database or disk is full"), "{source}");
        aside.in_time(write).await.unwrap();
    }
}
