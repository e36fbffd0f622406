//! The processes that share a `state.db`: who they are, and who is alive.

use std::time::Duration;

use lingshao_model::Timestamp;
use sqlx::Row;

use super::{State, StateError};

/// How often a member says that it lives.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(5);
/// After this much silence it is dead, and its outbox is taken over: three heartbeats, as one may be late.
pub(crate) const DEAD_AFTER: Duration = Duration::from_secs(15);

/// One process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its name, `state.member`.
    pub(crate) name: String,
    /// Where its web listener is.
    pub(crate) address: String,
}

impl State {
    /// Says that we live, and where. Inside of a transaction.
    pub(crate) async fn heartbeat(
        &mut self,
        address: &str,
        started_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let sql =
            "INSERT OR REPLACE INTO members (name, address, started_at, seen_at) VALUES (?1, ?2, ?3, ?4)";
        let member = self.member.clone();
        self.execute(sqlx::query(sql).bind(member).bind(address).bind(started_at.0).bind(now.0)).await
    }

    /// The members that live, by name.
    pub(crate) async fn members(&mut self, now: Timestamp) -> Result<Vec<Member>, StateError> {
        let sql = "SELECT name, address FROM members WHERE seen_at > ?1 ORDER BY name";
        let query = sqlx::query(sql).bind(now.0 - DEAD_AFTER.as_millis() as i64);
        let found = query.fetch_all(&mut self.connection).await;
        let found = found.map_err(|source| self.failed(source))?;
        let members = found.iter().map(|row| Ok(Member { name: row.try_get(0)?, address: row.try_get(1)? }));
        members.collect::<Result<_, sqlx::Error>>().map_err(|source| self.failed(source))
    }

    /// We leave: whoever is left takes our outbox over at once.
    pub(crate) async fn leave(&mut self) -> Result<(), StateError> {
        let member = self.member.clone();
        self.execute(sqlx::query("DELETE FROM members WHERE name = ?1").bind(member)).await
    }
}
