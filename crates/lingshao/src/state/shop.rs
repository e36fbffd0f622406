//! The ledger of the business monitors, their audit trail, and what they must remember, over a connection of its own.
//!
//! A ledger row is on disk (`synchronous=FULL`) when [`ShopStore::write`] returns; the facts of the same step are written
//! in the same transaction. The audit trail is append-only and chained: each row's hash is SHA-256 over the hash before it
//! and its own text, so nobody changes or takes out a row without breaking every one behind it.

use lingshao_model::{TimeDelta, Timestamp};
use lingshao_shop::ledger::{CancelRow, CancelState, LedgerRow, Purpose, RefundRow, RefundState};
use lingshao_shop::{Fen, OrderKey, OrderNumber, RefundNumber};
use ring::digest;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Connection, Row};

use super::aside::Aside;
use super::{Location, StateError};
use crate::security::hex;

/// Rows that one question brings at most: what a page shows, and what a tick goes on with.
const ROWS_MAX: i64 = 1_000;
/// Cancellations that ended are looked at for late payments, for days; two months are enough.
const LEDGER_KEPT: TimeDelta = TimeDelta::from_secs(60 * 86_400);
/// Lines of the audit trail: a year, and the month in which it is closed. At 5,000 acts a day, some 2 GB.
const AUDIT_KEPT: TimeDelta = TimeDelta::from_secs(400 * 86_400);
/// Under which the hash of the newest forgotten row is remembered.
const ANCHOR: &str = "audit_anchor";
/// What the first row of a trail is chained to.
const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The tables `shop_ledger`, `shop_audit` and `shop_meta`.
#[derive(Debug)]
pub(crate) struct ShopStore {
    aside: Aside,
    shop: String,
}

/// A line for the audit trail, as it is to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AuditEntry {
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    /// `cancelled`, `refund_done`, `paused` …
    pub(crate) kind: String,
    /// Which monitor.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) monitor: String,
    /// Which order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) order: Option<String>,
    /// Which refund.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refund: Option<String>,
    /// Which group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
    /// How much money it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fen: Option<i64>,
    /// How its subject stood, where it changed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) before: String,
    /// How it stands now.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) after: String,
    /// For a person.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) detail: String,
    /// Who did it; nobody's name: the monitor itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) by: String,
}

/// A line of the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuditRow {
    /// Its number.
    pub(crate) n: i64,
    /// What it says.
    pub(crate) entry: AuditEntry,
    /// Its place in the chain.
    pub(crate) hash: String,
}

/// Where a trail is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// The first row that does not fit the one before it.
    pub(crate) n: i64,
}

/// Which refunds are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefundFilter {
    /// All, newest first.
    All,
    /// What is not at its end, or waits for a person.
    Open,
}

/// A cancellation in the ledger.
#[derive(Serialize, Deserialize)]
struct SavedCancel {
    order: String,
    trades: Vec<String>,
    fen: i64,
    state: String,
    at: i64,
}

/// A refund in the ledger.
#[derive(Serialize, Deserialize)]
struct SavedRefund {
    number: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<String>,
    order: String,
    trade: String,
    purpose: String,
    paid: i64,
    fen: i64,
    state: String,
    marked: bool,
    attempts: u32,
    planned_at: i64,
    sent_at: Option<i64>,
    next_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaced_by: Option<String>,
    why: String,
}

impl ShopStore {
    /// Of a file that [`super::State::open`] has made and brought forward; `shop`: whose rows.
    pub(crate) fn new(location: Location, shop: &str) -> ShopStore {
        ShopStore { aside: Aside::new(location), shop: shop.to_owned() }
    }

    /// Writes rows and facts together; when it returns, all of it is on disk.
    pub(crate) async fn write(&self, rows: &[LedgerRow], entries: &[AuditEntry]) -> Result<(), StateError> {
        self.aside
            .in_time(async |connection| {
                // Rolled back when it is dropped, also by a disk that hangs.
                let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
                self.write_within(&mut transaction, rows, entries).await?;
                transaction.commit().await
            })
            .await
    }

    async fn write_within(
        &self,
        connection: &mut SqliteConnection,
        rows: &[LedgerRow],
        entries: &[AuditEntry],
    ) -> Result<(), sqlx::Error> {
        for row in rows {
            let (kind, key, trade, open, at, text) = saved(row);
            // Money that is back stays so: a question that was under way when a person said it knows nothing of it.
            let sql = "INSERT INTO shop_ledger VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
                       ON CONFLICT (shop, kind, key) DO UPDATE SET trade = ?4, open = ?5, at = ?6, row = ?7 \
                       WHERE kind <> 'refund' OR json_extract(row, '$.state') <> 'DONE' \
                       OR json_extract(?7, '$.state') = 'DONE'";
            let query = sqlx::query(sql).bind(self.shop.as_str()).bind(kind).bind(key).bind(trade);
            query.bind(i64::from(open)).bind(at).bind(text).execute(&mut *connection).await?;
        }
        if entries.is_empty() {
            return Ok(());
        }
        let last = "SELECT hash FROM shop_audit WHERE shop = ?1 ORDER BY n DESC LIMIT 1";
        let last = sqlx::query_scalar(last).bind(self.shop.as_str()).fetch_optional(&mut *connection).await?;
        let mut hash: String = match last {
            Some(hash) => hash,
            None => self.recall_within(connection, ANCHOR).await?.unwrap_or_else(|| GENESIS.to_owned()),
        };
        for entry in entries {
            let text = super::rows::to_text(entry);
            hash = chained(&hash, &text);
            let sql = "INSERT INTO shop_audit (shop, at, kind, row, hash) VALUES (?1, ?2, ?3, ?4, ?5)";
            let query = sqlx::query(sql).bind(self.shop.as_str()).bind(entry.at).bind(entry.kind.as_str());
            query.bind(text).bind(hash.as_str()).execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// Rows that are not at their end, cancellations first.
    pub(crate) async fn open_rows(&self) -> Result<Vec<LedgerRow>, StateError> {
        let sql = "SELECT kind, row FROM shop_ledger WHERE shop = ?1 AND open = 1 ORDER BY kind, at LIMIT ?2";
        self.ledger(sqlx::query(sql).bind(self.shop.as_str()).bind(ROWS_MAX)).await
    }

    /// Refunds that were sent or planned since then, and all that are open or wait for a person, oldest first: what a day's cap
    /// counts.
    pub(crate) async fn refunds_since(&self, at: Timestamp) -> Result<Vec<RefundRow>, StateError> {
        // Not cut off: a row that is left out would let more money go than may.
        let sql = "SELECT kind, row FROM shop_ledger WHERE shop = ?1 AND kind = 'refund' AND (open = 1 OR at >= ?2) \
                   ORDER BY at";
        Ok(refunds(self.ledger(sqlx::query(sql).bind(self.shop.as_str()).bind(at.0)).await?))
    }

    /// Every refund of a trade.
    pub(crate) async fn refunds_of(&self, trade: &OrderNumber) -> Result<Vec<RefundRow>, StateError> {
        let sql = "SELECT kind, row FROM shop_ledger WHERE shop = ?1 AND kind = 'refund' AND trade = ?2";
        Ok(refunds(self.ledger(sqlx::query(sql).bind(self.shop.as_str()).bind(trade.as_str())).await?))
    }

    /// One refund.
    pub(crate) async fn refund(&self, number: &RefundNumber) -> Result<Option<RefundRow>, StateError> {
        let sql = "SELECT kind, row FROM shop_ledger WHERE shop = ?1 AND kind = 'refund' AND key = ?2";
        let found = self.ledger(sqlx::query(sql).bind(self.shop.as_str()).bind(number.as_str())).await?;
        Ok(refunds(found).pop())
    }

    /// Refunds for people, those written last first.
    pub(crate) async fn refunds(
        &self,
        filter: RefundFilter,
        limit: u32,
    ) -> Result<Vec<RefundRow>, StateError> {
        let sql = match filter {
            RefundFilter::All => {
                "SELECT kind, row FROM shop_ledger WHERE shop = ?1 AND kind = 'refund' ORDER BY at DESC LIMIT ?2"
            }
            RefundFilter::Open => {
                "SELECT kind, row FROM shop_ledger WHERE shop = ?1 AND kind = 'refund' AND open = 1 \
                 ORDER BY at DESC LIMIT ?2"
            }
        };
        let limit = i64::from(limit).min(ROWS_MAX);
        Ok(refunds(self.ledger(sqlx::query(sql).bind(self.shop.as_str()).bind(limit)).await?))
    }

    /// Orders that we cancelled since then.
    pub(crate) async fn cancelled_since(&self, at: Timestamp) -> Result<Vec<CancelRow>, StateError> {
        let sql = "SELECT kind, row FROM shop_ledger WHERE shop = ?1 AND kind = 'cancel' AND at >= ?2 AND open = 0 \
                   ORDER BY at DESC LIMIT ?3";
        let found = self.ledger(sqlx::query(sql).bind(self.shop.as_str()).bind(at.0).bind(ROWS_MAX)).await?;
        let done = |row| match row {
            LedgerRow::Cancel(row) if row.state == CancelState::Done => Some(row),
            _ => None,
        };
        Ok(found.into_iter().filter_map(done).collect())
    }

    /// When facts of a kind were written since then: what a gate counts again after a restart.
    pub(crate) async fn instants(&self, kind: &str, since: Timestamp) -> Result<Vec<Timestamp>, StateError> {
        self.aside
            .in_time(async |connection| {
                let sql = "SELECT at FROM shop_audit WHERE shop = ?1 AND kind = ?2 AND at >= ?3";
                let query = sqlx::query(sql).bind(self.shop.as_str()).bind(kind).bind(since.0);
                let found = query.fetch_all(connection).await?;
                found.iter().map(|row| row.try_get(0).map(Timestamp)).collect()
            })
            .await
    }

    /// How many facts of each kind were written since then.
    pub(crate) async fn counts(&self, since: Timestamp) -> Result<Vec<(String, i64)>, StateError> {
        self.aside
            .in_time(async |connection| {
                let sql = "SELECT kind, count(*) FROM shop_audit WHERE shop = ?1 AND at >= ?2 GROUP BY kind ORDER BY kind";
                let query = sqlx::query(sql).bind(self.shop.as_str()).bind(since.0);
                let found = query.fetch_all(connection).await?;
                found.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
            })
            .await
    }

    /// Lines before the one numbered `before`, newest first.
    pub(crate) async fn audit(&self, before: Option<i64>, limit: u32) -> Result<Vec<AuditRow>, StateError> {
        self.lines(
            "SELECT n, row, hash FROM shop_audit WHERE shop = ?1 AND n < ?2 ORDER BY n DESC LIMIT ?3",
            before.unwrap_or(i64::MAX),
            limit,
        )
        .await
    }

    /// Lines behind the one numbered `after`, oldest first.
    pub(crate) async fn audit_after(&self, after: i64, limit: u32) -> Result<Vec<AuditRow>, StateError> {
        self.lines(
            "SELECT n, row, hash FROM shop_audit WHERE shop = ?1 AND n > ?2 ORDER BY n LIMIT ?3",
            after,
            limit,
        )
        .await
    }

    async fn lines(&self, sql: &'static str, bound: i64, limit: u32) -> Result<Vec<AuditRow>, StateError> {
        self.aside
            .in_time(async |connection| {
                let limit = i64::from(limit).min(ROWS_MAX);
                let query = sqlx::query(sql).bind(self.shop.as_str()).bind(bound).bind(limit);
                query.fetch_all(connection).await?.iter().map(audit_row).collect()
            })
            .await
    }

    /// Forgets cancellations that ended long ago, and the oldest lines of the trail; the chain goes on behind them.
    pub(crate) async fn forget(&self, now: Timestamp) -> Result<(), StateError> {
        self.aside
            .in_time(async |connection| {
                let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
                let ended =
                    "DELETE FROM shop_ledger WHERE shop = ?1 AND kind = 'cancel' AND open = 0 AND at < ?2";
                let query = sqlx::query(ended).bind(self.shop.as_str()).bind((now - LEDGER_KEPT).0);
                query.execute(&mut *transaction).await?;
                let old = (now - AUDIT_KEPT).0;
                let last =
                    "SELECT n, hash FROM shop_audit WHERE shop = ?1 AND at < ?2 ORDER BY n DESC LIMIT 1";
                let last = sqlx::query(last).bind(self.shop.as_str()).bind(old);
                if let Some(row) = last.fetch_optional(&mut *transaction).await? {
                    let (n, hash): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
                    let delete = sqlx::query("DELETE FROM shop_audit WHERE shop = ?1 AND n <= ?2");
                    delete.bind(self.shop.as_str()).bind(n).execute(&mut *transaction).await?;
                    self.remember_within(&mut transaction, ANCHOR, Some(&hash)).await?;
                }
                transaction.commit().await
            })
            .await
    }

    /// Walks the chain; the first row that does not fit.
    pub(crate) async fn verify(&self) -> Result<Option<Broken>, StateError> {
        let (mut after, mut hash) = (0, self.recall(ANCHOR).await?);
        loop {
            let rows: Vec<(i64, String, String)> = self
                .aside
                .in_time(async |connection| {
                    let sql =
                        "SELECT n, row, hash FROM shop_audit WHERE shop = ?1 AND n > ?2 ORDER BY n LIMIT ?3";
                    let query = sqlx::query(sql).bind(self.shop.as_str()).bind(after).bind(ROWS_MAX);
                    let found = query.fetch_all(connection).await?;
                    found.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
                })
                .await?;
            let Some((last, ..)) = rows.last() else { return Ok(None) };
            after = *last;
            for (n, text, own) in rows {
                let before = hash.as_deref().unwrap_or(GENESIS);
                if chained(before, &text) != own {
                    return Ok(Some(Broken { n }));
                }
                hash = Some(own);
            }
        }
    }

    /// Something to remember; nothing forgets it.
    pub(crate) async fn remember(&self, name: &str, value: Option<&str>) -> Result<(), StateError> {
        self.aside.in_time(async |connection| self.remember_within(connection, name, value).await).await
    }

    async fn remember_within(
        &self,
        connection: &mut SqliteConnection,
        name: &str,
        value: Option<&str>,
    ) -> Result<(), sqlx::Error> {
        let query = match value {
            Some(value) => {
                let sql = "INSERT INTO shop_meta VALUES (?1, ?2, ?3) \
                           ON CONFLICT (shop, name) DO UPDATE SET value = ?3";
                sqlx::query(sql).bind(self.shop.as_str()).bind(name).bind(value)
            }
            None => {
                let sql = "DELETE FROM shop_meta WHERE shop = ?1 AND name = ?2";
                sqlx::query(sql).bind(self.shop.as_str()).bind(name)
            }
        };
        query.execute(connection).await.map(drop)
    }

    /// What is remembered under a name.
    pub(crate) async fn recall(&self, name: &str) -> Result<Option<String>, StateError> {
        self.aside.in_time(async |connection| self.recall_within(connection, name).await).await
    }

    async fn recall_within(
        &self,
        connection: &mut SqliteConnection,
        name: &str,
    ) -> Result<Option<String>, sqlx::Error> {
        let sql = "SELECT value FROM shop_meta WHERE shop = ?1 AND name = ?2";
        sqlx::query_scalar(sql).bind(self.shop.as_str()).bind(name).fetch_optional(connection).await
    }

    /// All that is remembered.
    pub(crate) async fn remembered(&self) -> Result<Vec<(String, String)>, StateError> {
        self.aside
            .in_time(async |connection| {
                let sql = "SELECT name, value FROM shop_meta WHERE shop = ?1";
                let found = sqlx::query(sql).bind(self.shop.as_str()).fetch_all(connection).await?;
                found.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
            })
            .await
    }

    /// Takes the lead until then, or keeps it; who has it otherwise.
    pub(crate) async fn lead(
        &self,
        member: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<String>, StateError> {
        self.aside
            .in_time(async |connection| {
                // One statement: two members cannot both find the lead free.
                let sql = "INSERT INTO shop_meta VALUES (?1, 'lead', ?2) ON CONFLICT (shop, name) DO UPDATE SET value = ?2 \
                           WHERE json_extract(value, '$.member') = ?3 OR json_extract(value, '$.until') < ?4";
                let value = serde_json::json!({"member": member, "until": until.0}).to_string();
                let query = sqlx::query(sql).bind(self.shop.as_str()).bind(value).bind(member).bind(now.0);
                if query.execute(&mut *connection).await?.rows_affected() == 1 {
                    return Ok(None);
                }
                let sql = "SELECT json_extract(value, '$.member') FROM shop_meta WHERE shop = ?1 AND name = 'lead'";
                let found = sqlx::query(sql).bind(self.shop.as_str()).fetch_one(connection).await?;
                found.try_get(0).map(Some)
            })
            .await
    }

    /// Gives the lead back, if it is this member's.
    pub(crate) async fn leave(&self, member: &str) -> Result<(), StateError> {
        self.aside
            .in_time(async |connection| {
                let sql = "DELETE FROM shop_meta WHERE shop = ?1 AND name = 'lead' \
                           AND json_extract(value, '$.member') = ?2";
                sqlx::query(sql).bind(self.shop.as_str()).bind(member).execute(connection).await.map(drop)
            })
            .await
    }

    async fn ledger(&self, query: super::Statement<'_>) -> Result<Vec<LedgerRow>, StateError> {
        self.aside
            .in_time(async |connection| {
                let found = query.fetch_all(connection).await?;
                found.iter().map(ledger_row).collect()
            })
            .await
    }
}

fn refunds(rows: Vec<LedgerRow>) -> Vec<RefundRow> {
    let refund = |row| match row {
        LedgerRow::Refund(row) => Some(row),
        LedgerRow::Cancel(_) => None,
    };
    rows.into_iter().filter_map(refund).collect()
}

fn chained(before: &str, text: &str) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(before.as_bytes());
    context.update(text.as_bytes());
    hex(context.finish().as_ref())
}

fn saved(row: &LedgerRow) -> (&'static str, String, String, bool, i64, String) {
    match row {
        LedgerRow::Cancel(row) => {
            let saved = SavedCancel {
                order: row.order.to_string(),
                trades: row.trades.iter().map(ToString::to_string).collect(),
                fen: row.amount.0,
                state: row.state.name().to_owned(),
                at: row.at.0,
            };
            let open = matches!(row.state, CancelState::Planned | CancelState::Closed);
            let text = super::rows::to_text(&saved);
            ("cancel", row.order.to_string(), String::new(), open, row.at.0, text)
        }
        LedgerRow::Refund(row) => {
            let saved = SavedRefund {
                number: row.number.to_string(),
                earlier: row.earlier.iter().map(ToString::to_string).collect(),
                order: row.order.to_string(),
                trade: row.trade.to_string(),
                purpose: row.purpose.name().to_owned(),
                paid: row.paid.0,
                fen: row.amount.0,
                state: row.state.name().to_owned(),
                marked: row.marked,
                attempts: row.attempts,
                planned_at: row.planned_at.0,
                sent_at: row.sent_at.map(|at| at.0),
                next_at: row.next_at.0,
                replaced_by: row.replaced_by.as_ref().map(ToString::to_string),
                why: row.why.to_string(),
            };
            let open = row.is_open() || row.needs_human();
            let at = row.sent_at.unwrap_or(row.planned_at).0;
            let text = super::rows::to_text(&saved);
            ("refund", row.number.to_string(), row.trade.to_string(), open, at, text)
        }
    }
}

/// A row that cannot be read stops all acting: money may hang on it.
fn ledger_row(row: &SqliteRow) -> Result<LedgerRow, sqlx::Error> {
    let (kind, text): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let read = match kind.as_str() {
        "cancel" => read_cancel(&text),
        _ => read_refund(&text),
    };
    read.map_err(|error| {
        let what = format!("a row of the shop's ledger cannot be read: {error}: {text}");
        sqlx::Error::Decode(what.into())
    })
}

type ReadError = Box<dyn std::error::Error + Send + Sync>;

fn read_cancel(text: &str) -> Result<LedgerRow, ReadError> {
    let saved: SavedCancel = serde_json::from_str(text)?;
    let trades: Result<_, _> = saved.trades.iter().map(|number| OrderNumber::new(number)).collect();
    Ok(LedgerRow::Cancel(CancelRow {
        order: OrderKey::new(&saved.order)?,
        trades: trades?,
        amount: Fen(saved.fen),
        state: CancelState::from_name(&saved.state).ok_or("an unknown state")?,
        at: Timestamp(saved.at),
    }))
}

fn read_refund(text: &str) -> Result<LedgerRow, ReadError> {
    let saved: SavedRefund = serde_json::from_str(text)?;
    let earlier: Result<_, _> = saved.earlier.iter().map(|number| RefundNumber::new(number)).collect();
    Ok(LedgerRow::Refund(RefundRow {
        number: RefundNumber::new(&saved.number)?,
        earlier: earlier?,
        order: OrderKey::new(&saved.order)?,
        trade: OrderNumber::new(&saved.trade)?,
        purpose: Purpose::from_name(&saved.purpose).ok_or("an unknown purpose")?,
        paid: Fen(saved.paid),
        amount: Fen(saved.fen),
        state: RefundState::from_name(&saved.state).ok_or("an unknown state")?,
        marked: saved.marked,
        attempts: saved.attempts,
        planned_at: Timestamp(saved.planned_at),
        sent_at: saved.sent_at.map(Timestamp),
        next_at: Timestamp(saved.next_at),
        replaced_by: saved.replaced_by.map(|number| RefundNumber::new(&number)).transpose()?,
        why: saved.why.into(),
    }))
}

fn audit_row(row: &SqliteRow) -> Result<AuditRow, sqlx::Error> {
    let text: String = row.try_get(1)?;
    // A line that somebody has changed is shown as what is left of it; the chain tells.
    let entry = serde_json::from_str(&text).unwrap_or_else(|_| AuditEntry {
        kind: "unreadable".to_owned(),
        detail: text,
        ..AuditEntry::default()
    });
    Ok(AuditRow { n: row.try_get(0)?, entry, hash: row.try_get(2)? })
}

#[cfg(test)]
mod tests {
    use lingshao_shop::ShopName;
    use lingshao_shop::act::{Refund, Wish};

    use super::*;
    use crate::state::State;

    async fn store(folder: &std::path::Path) -> ShopStore {
        let location = Location { path: folder.join("state.db"), member: None };
        State::open(&location).await.unwrap();
        ShopStore::new(location, "lx")
    }

    fn refund(id: u32, state: RefundState) -> RefundRow {
        let order = OrderKey::new(&id.to_string()).unwrap();
        let trade = OrderNumber::new(&format!("T{id}")).unwrap();
        let wish = Wish { trade, purpose: Purpose::GroupFailed, paid: Fen(1_990), amount: Fen(1_990) };
        let row = Refund::plan(&ShopName::new("lx").unwrap(), order, wish, Timestamp(5)).unwrap();
        RefundRow { state, sent_at: Some(Timestamp(6)), why: "because".into(), ..row }
    }

    fn cancel(id: u32, state: CancelState) -> CancelRow {
        CancelRow {
            order: OrderKey::new(&id.to_string()).unwrap(),
            trades: vec![OrderNumber::new("SN1").unwrap()],
            amount: Fen(1),
            state,
            at: Timestamp(7),
        }
    }

    fn entry(kind: &str, at: i64) -> AuditEntry {
        AuditEntry { at, kind: kind.to_owned(), order: Some("1".to_owned()), ..AuditEntry::default() }
    }

    #[tokio::test]
    async fn rows_come_back_as_they_were_written_and_the_newest_of_a_key_counts() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let (planned, done) = (refund(1, RefundState::Planned), refund(2, RefundState::Done));
        let marked = RefundRow { marked: true, ..done.clone() };
        let rows = [
            LedgerRow::Refund(planned.clone()),
            LedgerRow::Refund(done),
            LedgerRow::Refund(marked.clone()),
            LedgerRow::Cancel(cancel(1, CancelState::Closed)),
            LedgerRow::Cancel(cancel(2, CancelState::Done)),
        ];
        store.write(&rows, &[]).await.unwrap();
        let mut open = store.open_rows().await.unwrap();
        open.sort_by_key(|row| matches!(row, LedgerRow::Cancel(_)));
        assert_eq!(open, [rows[0].clone(), rows[3].clone()]);
        assert_eq!(store.refund(&marked.number).await.unwrap(), Some(marked.clone()));
        assert_eq!(store.refunds_of(&planned.trade).await.unwrap(), [planned]);
        assert_eq!(store.refunds(RefundFilter::Open, 9).await.unwrap().len(), 1);
        assert_eq!(store.refunds(RefundFilter::All, 9).await.unwrap().len(), 2);
        assert_eq!(store.cancelled_since(Timestamp(7)).await.unwrap(), [cancel(2, CancelState::Done)]);
        assert_eq!(store.cancelled_since(Timestamp(8)).await.unwrap(), []);
    }

    #[tokio::test]
    async fn money_that_is_back_is_not_made_to_wait_for_a_person_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let written = async |state| {
            store.write(&[LedgerRow::Refund(refund(1, state))], &[]).await.unwrap();
            store.refund(&refund(1, state).number).await.unwrap().unwrap().state
        };
        assert_eq!(written(RefundState::Human).await, RefundState::Human);
        assert_eq!(store.refunds(RefundFilter::Open, 9).await.unwrap().len(), 1);
        assert_eq!(written(RefundState::Done).await, RefundState::Done);
        assert_eq!(written(RefundState::Human).await, RefundState::Done);
    }

    #[tokio::test]
    async fn a_trail_that_somebody_changed_is_found_out() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        for at in 1..=3 {
            store.write(&[], &[entry("cancelling", at), entry("cancelled", at)]).await.unwrap();
        }
        assert_eq!(store.verify().await.unwrap(), None);
        assert_eq!(
            store.counts(Timestamp(2)).await.unwrap(),
            [("cancelled".to_owned(), 2), ("cancelling".to_owned(), 2)]
        );
        let newest = store.audit(None, 2).await.unwrap();
        assert_eq!(newest.iter().map(|row| (row.n, row.entry.at)).collect::<Vec<_>>(), [(6, 3), (5, 3)]);
        let update = store.aside.in_time(async |connection| {
            sqlx::query("UPDATE shop_audit SET row = '{}' WHERE n = 2").execute(connection).await.map(drop)
        });
        assert!(format!("{:?}", update.await.unwrap_err()).contains("append-only"));
        for (sql, broken) in [
            ("DELETE FROM shop_audit WHERE n = 5", 6),
            ("DROP TRIGGER shop_audit_stays", 6),
            ("UPDATE shop_audit SET row = replace(row, '\"order\":\"1\"', '\"order\":\"2\"') WHERE n = 3", 3),
        ] {
            let change = async |connection: &mut SqliteConnection| {
                sqlx::query(sql).execute(connection).await.map(drop)
            };
            store.aside.in_time(change).await.unwrap();
            assert_eq!(store.verify().await.unwrap(), Some(Broken { n: broken }), "{sql}");
        }
    }

    #[tokio::test]
    async fn what_is_too_old_is_forgotten_and_the_chain_holds() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let rows = [
            LedgerRow::Cancel(cancel(1, CancelState::Done)),
            LedgerRow::Cancel(cancel(2, CancelState::Closed)),
            LedgerRow::Refund(RefundRow { marked: true, ..refund(3, RefundState::Done) }),
        ];
        store.write(&rows, &[entry("cancelled", 1), entry("cancelled", 2)]).await.unwrap();
        store.write(&[], &[entry("cancelled", AUDIT_KEPT.0 + 2)]).await.unwrap();
        store.forget(Timestamp(AUDIT_KEPT.0 + 2)).await.unwrap();
        assert_eq!(store.audit(None, 9).await.unwrap().iter().map(|row| row.n).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(store.verify().await.unwrap(), None);
        // What is open, and what money moved by, stays.
        assert_eq!(store.cancelled_since(Timestamp(0)).await.unwrap(), []);
        assert_eq!(
            (
                store.open_rows().await.unwrap().len(),
                store.refunds(RefundFilter::All, 9).await.unwrap().len()
            ),
            (1, 1)
        );
        store.forget(Timestamp(2 * AUDIT_KEPT.0)).await.unwrap();
        store.write(&[], &[entry("cancelled", 5)]).await.unwrap();
        assert_eq!(store.verify().await.unwrap(), None);
    }

    #[tokio::test]
    async fn one_of_two_has_the_lead_until_it_is_silent() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let lead = async |member: &str, now: i64| {
            store.lead(member, Timestamp(now + 100), Timestamp(now)).await.unwrap()
        };
        assert_eq!(lead("a", 0).await, None);
        assert_eq!(lead("b", 50).await, Some("a".to_owned()));
        assert_eq!(lead("a", 60).await, None);
        assert_eq!(lead("b", 120).await, Some("a".to_owned()));
        assert_eq!(lead("b", 161).await, None);
        assert_eq!(lead("a", 162).await, Some("b".to_owned()));
        store.leave("a").await.unwrap();
        assert_eq!(lead("a", 163).await, Some("b".to_owned()));
        store.leave("b").await.unwrap();
        assert_eq!(lead("a", 164).await, None);
    }

    #[tokio::test]
    async fn what_is_to_be_remembered_is() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        store.remember("paused:order_timeout", Some("li")).await.unwrap();
        store.remember("paused:order_timeout", Some("wang")).await.unwrap();
        store.remember("fingerprint", Some("f")).await.unwrap();
        store.remember("fingerprint", None).await.unwrap();
        assert_eq!(
            store.remembered().await.unwrap(),
            [("paused:order_timeout".to_owned(), "wang".to_owned())]
        );
    }
}
