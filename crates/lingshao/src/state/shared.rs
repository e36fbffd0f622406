//! A `state.db` of several processes: what the others wrote, and the outbox of those that are gone.

use std::collections::HashMap;

use lingshao_alerting::router::{Change, ForeignRows};
use lingshao_model::{DeliveryId, Timestamp};
use sqlx::{AssertSqlSafe, Row};

use super::convert::{add_foreign, delivery_id};
use super::members::DEAD_AFTER;
use super::schema::Table;
use super::{State, StateError};

impl State {
    /// Whether other processes write into the file too.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    /// Whether somebody else has written since [`State::foreign`]. Cheap: SQLite looks at one number.
    pub(crate) async fn others_wrote(&mut self) -> Result<bool, StateError> {
        let version = self.number("PRAGMA data_version").await?;
        Ok(version != Some(self.data_version))
    }

    /// What other members wrote since the last call. Inside of a transaction.
    pub(crate) async fn foreign(&mut self) -> Result<ForeignRows, StateError> {
        let mut foreign = ForeignRows::default();
        self.data_version = self.number("PRAGMA data_version").await?.unwrap_or(0);
        for table in Table::ALL.into_iter().filter(|table| table.is_shared()) {
            for (key, row) in self.foreign_rows(table).await? {
                if let Err(error) = add_foreign(&mut foreign, table, &row) {
                    tracing::error!(table = table.name(), %key, %error, "a row of another member is unreadable");
                }
            }
        }
        let outbox = self.outbox_owners().await?;
        let gone = self.outbox.keys().filter(|key| !outbox.contains_key(*key));
        foreign.outbox.extend(gone.filter_map(|key| delivery_id(key)).map(Change::Gone));
        self.outbox = outbox;
        self.seq = self.number("SELECT value FROM meta WHERE name = 'seq'").await?.unwrap_or(self.seq);
        Ok(foreign)
    }

    /// Takes over the outbox rows of members that do not live any more. Inside of a transaction.
    pub(crate) async fn take_over(&mut self, now: Timestamp) -> Result<Vec<DeliveryId>, StateError> {
        let sql = "UPDATE outbox SET member = ?1, seq = (SELECT value + 1 FROM meta WHERE name = 'seq') \
                   WHERE member <> ?1 AND member NOT IN (SELECT name FROM members WHERE seen_at > ?2) \
                   RETURNING key";
        let dead_before = now.0 - DEAD_AFTER.as_millis() as i64;
        let query = sqlx::query(sql).bind(self.member.clone()).bind(dead_before);
        let found = query.fetch_all(&mut self.connection).await;
        let found = found.map_err(|source| self.failed(source))?;
        let keys = found.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, sqlx::Error>>();
        let keys = keys.map_err(|source| self.failed(source))?;
        for key in &keys {
            self.outbox.insert(key.clone(), self.member.clone());
        }
        Ok(keys.iter().filter_map(|key| delivery_id(key)).collect())
    }

    /// Whether a row of the outbox is ours to send.
    pub(crate) fn is_own_delivery(&self, id: DeliveryId) -> bool {
        !self.shared || self.outbox.get(&id.to_string()).is_none_or(|owner| *owner == self.member)
    }

    /// The batch's outbox rows stand in the file now.
    pub(super) fn note_outbox(&mut self, puts: &[(&str, &str)], removals: &[&str]) {
        for (key, _) in puts {
            self.outbox.insert((*key).to_owned(), self.member.clone());
        }
        for key in removals {
            self.outbox.remove(*key);
        }
    }

    async fn foreign_rows(&mut self, table: Table) -> Result<Vec<(String, String)>, StateError> {
        let sql =
            format!("SELECT key, row FROM {} WHERE seq > ?1 AND member <> ?2 ORDER BY seq", table.name());
        let query = sqlx::query(AssertSqlSafe(sql)).bind(self.seq).bind(self.member.clone());
        self.pairs(query).await
    }

    pub(super) async fn outbox_owners(&mut self) -> Result<HashMap<String, String>, StateError> {
        let pairs = self.pairs(sqlx::query("SELECT key, member FROM outbox")).await?;
        Ok(pairs.into_iter().collect())
    }
}
