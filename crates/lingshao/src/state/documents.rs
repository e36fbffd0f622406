//! Documents that others keep with us by kind and name and ask for again: Elasticsearch's templates, pipelines, policies.

use sqlx::Row;

use super::aside::Aside;
use super::{Location, StateError};

/// Most documents of all kinds; Filebeat and Logstash bring some ten. A change beyond it is refused.
const DOCUMENTS_MAX: i64 = 1_000;

/// The table `documents`.
#[derive(Debug)]
pub(crate) struct DocumentStore {
    aside: Aside,
}

impl DocumentStore {
    /// Of a file that [`super::State::open`] has made and brought forward.
    pub(crate) fn new(location: Location) -> DocumentStore {
        DocumentStore { aside: Aside::new(location) }
    }

    /// Keeps one; whether there was room for it.
    pub(crate) async fn put(&self, kind: &str, name: &str, body: &str) -> Result<bool, StateError> {
        self.aside
            .in_time(async |connection| {
                let put = sqlx::query(
                    "INSERT INTO documents SELECT ?1, ?2, ?3 WHERE (SELECT count(*) FROM documents) < ?4 \
                     OR EXISTS (SELECT 1 FROM documents WHERE kind = ?1 AND name = ?2) \
                     ON CONFLICT (kind, name) DO UPDATE SET body = excluded.body",
                );
                let put = put.bind(kind).bind(name).bind(body).bind(DOCUMENTS_MAX);
                put.execute(connection).await.map(|done| done.rows_affected() == 1)
            })
            .await
    }

    /// Names and bodies of a kind, by name.
    pub(crate) async fn of_kind(&self, kind: &str) -> Result<Vec<(String, String)>, StateError> {
        self.aside
            .in_time(async |connection| {
                let sql = "SELECT name, body FROM documents WHERE kind = ?1 ORDER BY name";
                let found = sqlx::query(sql).bind(kind).fetch_all(connection).await?;
                found.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
            })
            .await
    }

    /// Forgets one; whether it was there.
    pub(crate) async fn remove(&self, kind: &str, name: &str) -> Result<bool, StateError> {
        self.aside
            .in_time(async |connection| {
                let delete = sqlx::query("DELETE FROM documents WHERE kind = ?1 AND name = ?2");
                let delete = delete.bind(kind).bind(name);
                delete.execute(connection).await.map(|done| done.rows_affected() == 1)
            })
            .await
    }
}
