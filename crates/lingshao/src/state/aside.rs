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

/// Connects when it is first needed.
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
            let mut connection: MutexGuard<'_, Option<SqliteConnection>> = self.connection.lock().await;
            if connection.is_none() {
                *connection = Some(connect(&self.location.path, BUSY_TIMEOUT).await?);
            }
            let connection = connection.as_mut().expect("it was connected just now");
            work(connection)
                .await
                .map_err(|source| StateError::Use { path: self.location.path.clone(), source })
        });
        done.await.unwrap_or(Err(StateError::Hangs))
    }
}
