//! Who was told what, when, and what the receiver answered: the last deliveries, for people.

use lingshao_model::{Delivery, DeliveryOutcome, DeliveryReason, Labels, Timestamp};
use lingshao_wire::alertmanager_api;
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, Row};

use super::rows::{IntegrationRow, Pairs, reason_name, to_text};
use super::{Batch, ROWS_PER_STATEMENT, State, StateError};
use crate::notify::Finished;

/// Rows kept: at a shop's hundred messages a day, three months; some 5 MB.
pub(crate) const HISTORY_ROWS_MAX: u64 = 10_000;

/// One delivery that was sent or given up, as JSON shows it.
#[derive(Serialize, Deserialize)]
pub(crate) struct HistoryRow {
    id: String,
    group_key: String,
    to: IntegrationRow,
    reason: String,
    group_labels: Pairs,
    firing: usize,
    resolved: usize,
    decided_at: i64,
    began_at: i64,
    ended_at: i64,
    attempts: u32,
    sent: bool,
    answer: String,
    member: String,
}

/// What a delivery was about, as far as the history says it.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    reason: DeliveryReason,
    group_labels: Labels,
    firing: usize,
    resolved: usize,
    decided_at: Timestamp,
}

impl Told {
    /// The few facts of it that are kept.
    pub(crate) fn of(delivery: &Delivery) -> Told {
        Told {
            reason: delivery.reason,
            group_labels: delivery.group_labels.clone(),
            firing: delivery.firing().count(),
            resolved: delivery.resolved().count(),
            decided_at: delivery.decided_at,
        }
    }
}

impl Batch {
    /// Adds what became of a delivery; `told` is missing when a reload took its group away.
    pub(crate) fn add_history(&mut self, finished: &Finished, told: Option<&Told>, member: &str) {
        let (sent, answer) = match &finished.outcome {
            DeliveryOutcome::Sent(answer) => (true, answer),
            DeliveryOutcome::Failed(why) => (false, why),
        };
        self.tell(to_text(&HistoryRow {
            id: finished.id.to_string(),
            group_key: finished.group_key.clone(),
            to: IntegrationRow::of(&finished.to),
            reason: told.map_or("", |told| reason_name(told.reason)).to_owned(),
            group_labels: told.map(|told| Pairs::of(&told.group_labels)).unwrap_or_default(),
            firing: told.map_or(0, |told| told.firing),
            resolved: told.map_or(0, |told| told.resolved),
            decided_at: told.map_or(finished.began_at, |told| told.decided_at).0,
            began_at: finished.began_at.0,
            ended_at: finished.ended_at.0,
            attempts: finished.attempts,
            sent,
            answer: answer.clone(),
            member: member.to_owned(),
        }));
    }
}

impl HistoryRow {
    /// As the API shows it: its names and times are written as everywhere else there.
    fn shown(&self) -> serde_json::Value {
        let time = |millis| alertmanager_api::time(Timestamp(millis));
        serde_json::json!({
            "id": self.id,
            "groupKey": self.group_key,
            "to": self.to,
            "reason": self.reason,
            "groupLabels": self.group_labels,
            "firing": self.firing,
            "resolved": self.resolved,
            "decidedAt": time(self.decided_at),
            "beganAt": time(self.began_at),
            "endedAt": time(self.ended_at),
            "attempts": self.attempts,
            "sent": self.sent,
            "answer": self.answer,
            "member": self.member,
        })
    }
}

impl State {
    /// The last deliveries, newest first, as JSON objects. A row that cannot be read is shown as it is.
    pub(crate) async fn history(&mut self, rows_max: u32) -> Result<Vec<String>, StateError> {
        let query = sqlx::query("SELECT row FROM history ORDER BY n DESC LIMIT ?1").bind(rows_max);
        let found = query.fetch_all(&mut self.connection).await;
        let found = found.map_err(|source| self.failed(source))?;
        let rows = found.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, sqlx::Error>>();
        let shown = |row: String| {
            serde_json::from_str::<HistoryRow>(&row).map_or(row, |known| known.shown().to_string())
        };
        Ok(rows.map_err(|source| self.failed(source))?.into_iter().map(shown).collect())
    }

    pub(super) async fn write_history(&mut self, rows: &[String]) -> Result<(), StateError> {
        for rows in rows.chunks(ROWS_PER_STATEMENT) {
            let whole = rows.len() == ROWS_PER_STATEMENT;
            for rows in rows.chunks(if whole { ROWS_PER_STATEMENT } else { 1 }) {
                let places = (1..=rows.len()).map(|row| format!("(?{row})"));
                let sql =
                    format!("INSERT INTO history (row) VALUES {}", places.collect::<Vec<_>>().join(","));
                let query =
                    rows.iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, row| query.bind(row.as_str()));
                self.execute(query).await?;
            }
        }
        if !rows.is_empty() {
            let surplus = sqlx::query("DELETE FROM history WHERE n <= (SELECT max(n) FROM history) - ?1");
            self.execute(surplus.bind(HISTORY_ROWS_MAX as i64)).await?;
        }
        Ok(())
    }
}
