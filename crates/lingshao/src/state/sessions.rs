//! Sessions of people who signed in, as `state.db` keeps them. Without a token: only what it hashes to.

use lingshao_model::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row};

use super::aside::Aside;
use super::{Location, StateError};

/// The SHA-256 of a token.
pub(crate) type SessionKey = [u8; 32];

/// Somebody who signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// The user's name.
    pub(crate) user: String,
    /// A hash of the user's password hash: it changes when the password does.
    pub(crate) credential: [u8; 32],
    /// When they signed in.
    pub(crate) created_at: Timestamp,
    /// When they were last seen, within an hour.
    pub(crate) seen_at: Timestamp,
}

/// The table `sessions`. Connects when it is first needed: a server without users has no second connection.
#[derive(Debug)]
pub(crate) struct SessionStore {
    aside: Aside,
}

/// Which sessions go when one comes.
#[derive(Debug)]
pub(crate) struct Leaving<'a> {
    /// These.
    pub(crate) keys: &'a [SessionKey],
    /// Those created before.
    pub(crate) created_before: Timestamp,
    /// Those not seen since.
    pub(crate) seen_before: Timestamp,
    /// All of the same user but so many.
    pub(crate) per_user_max: usize,
}

impl SessionStore {
    /// Of a file that [`super::State::open`] has made and brought forward.
    pub(crate) fn new(location: Location) -> SessionStore {
        SessionStore { aside: Aside::new(location) }
    }

    /// Whether other processes write into it too.
    pub(crate) fn is_shared(&self) -> bool {
        self.aside.location().member.is_some()
    }

    /// Where it lies.
    pub(crate) fn location(&self) -> &Location {
        self.aside.location()
    }

    /// All of them.
    pub(crate) async fn load(&self) -> Result<Vec<(SessionKey, Session)>, StateError> {
        self.aside
            .in_time(async |connection| {
                let sql = "SELECT key, user, credential, created_at, seen_at FROM sessions";
                let found = sqlx::query(sql).fetch_all(connection).await?;
                found.iter().map(read).collect()
            })
            .await
    }

    /// One of them.
    pub(crate) async fn find(&self, key: &SessionKey) -> Result<Option<Session>, StateError> {
        self.aside
            .in_time(async |connection| {
                let sql = "SELECT key, user, credential, created_at, seen_at FROM sessions WHERE key = ?1";
                let found = sqlx::query(sql).bind(&key[..]).fetch_optional(connection).await?;
                found.map(|row| read(&row).map(|(_, session)| session)).transpose()
            })
            .await
    }

    /// Adds one, and deletes those that leave, in one transaction.
    pub(crate) async fn add(
        &self,
        key: &SessionKey,
        session: &Session,
        leaving: &Leaving<'_>,
    ) -> Result<(), StateError> {
        self.aside
            .in_time(async |connection| {
                let mut transaction = connection.begin().await?;
                for key in leaving.keys {
                    let delete = sqlx::query("DELETE FROM sessions WHERE key = ?1").bind(&key[..]);
                    delete.execute(&mut *transaction).await?;
                }
                let old = sqlx::query("DELETE FROM sessions WHERE created_at < ?1 OR seen_at < ?2");
                let old = old.bind(leaving.created_before.0).bind(leaving.seen_before.0);
                old.execute(&mut *transaction).await?;
                let insert = sqlx::query("INSERT INTO sessions VALUES (?1, ?2, ?3, ?4, ?5)")
                    .bind(&key[..])
                    .bind(&session.user)
                    .bind(&session.credential[..])
                    .bind(session.created_at.0)
                    .bind(session.seen_at.0);
                insert.execute(&mut *transaction).await?;
                let surplus = sqlx::query(
                    "DELETE FROM sessions WHERE user = ?1 AND key NOT IN \
                 (SELECT key FROM sessions WHERE user = ?1 ORDER BY seen_at DESC, created_at DESC LIMIT ?2)",
                );
                let surplus = surplus.bind(&session.user).bind(leaving.per_user_max as i64);
                surplus.execute(&mut *transaction).await?;
                transaction.commit().await
            })
            .await
    }

    /// Notes that somebody was seen.
    pub(crate) async fn seen(&self, key: &SessionKey, at: Timestamp) -> Result<(), StateError> {
        self.aside
            .in_time(async |connection| {
                let update = sqlx::query("UPDATE sessions SET seen_at = ?2 WHERE key = ?1");
                update.bind(&key[..]).bind(at.0).execute(connection).await.map(drop)
            })
            .await
    }

    /// Deletes one.
    pub(crate) async fn remove(&self, key: &SessionKey) -> Result<(), StateError> {
        self.aside
            .in_time(async |connection| {
                let delete = sqlx::query("DELETE FROM sessions WHERE key = ?1").bind(&key[..]);
                delete.execute(connection).await.map(drop)
            })
            .await
    }
}

fn read(row: &SqliteRow) -> Result<(SessionKey, Session), sqlx::Error> {
    let hash = |index: usize| {
        let bytes: Vec<u8> = row.try_get(index)?;
        <[u8; 32]>::try_from(bytes)
            .map_err(|_| sqlx::Error::Decode("a hash that is not 32 bytes long".into()))
    };
    let session = Session {
        user: row.try_get(1)?,
        credential: hash(2)?,
        created_at: Timestamp(row.try_get(3)?),
        seen_at: Timestamp(row.try_get(4)?),
    };
    Ok((hash(0)?, session))
}
