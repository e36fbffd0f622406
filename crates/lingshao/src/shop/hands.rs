//! Carries out what the step machines say: ledger rows and facts first and durably, then the one effect with an answer.
//!
//! Between any two of them the process may die; `act::recover` goes on from the rows. The failpoints `shop-before-ledger`,
//! `shop-after-ledger`, `shop-before-call`, `shop-after-call`, `shop-before-tx` and `shop-after-tx` are where tests kill it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use lingshao_model::log::{Level, LogBatch, LogTime, LogValue};
use lingshao_model::{TimeDelta, Timestamp};
use lingshao_shop::OrderKey;
use lingshao_shop::act::{Act, Effect, Event, Fact, FactKind, OrderState, ShopAnswer, ShopTx, Subject, step};
use lingshao_shop::ledger::RefundRow;
use lingshao_shop::provider::ProviderCall;
use lingshao_shop::sql::Shop;
use lingshao_wire::prometheus_config::HttpClientConfig;
use reqwest::Client;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::monitor::Monitor;
use super::provider::{Provider, Said};
use super::telemetry::Facts;
use crate::alertmanager::failpoint;
use crate::clock::now;
use crate::config::shop::HttpAction;
use crate::failure::with_causes;
use crate::logs::Logs;
use crate::scrape::{http_client, read_at_most};
use crate::state::{AuditEntry, ShopStore, StateError};

/// Where the records of what was done go.
pub(super) const LOG_INDEX: &str = "lingshao-shop";
/// What is only found again and again is written down so often.
const TOLD_AGAIN_AFTER: TimeDelta = TimeDelta::from_secs(6 * 3_600);
/// Subjects remembered for that; beyond, all are forgotten, and told once more.
const TOLD_MAX: usize = 20_000;
/// The shop's own API may run nine handlers for one order.
const HTTP_TIMEOUT: Duration = Duration::from_secs(20);
/// Of an answer that says no, for a person.
const EXCERPT_CHARS: usize = 200;

/// All that an act touches.
#[derive(Debug)]
pub(super) struct Hands {
    pub(super) shop: Shop,
    pub(super) provider: Provider,
    pub(super) store: Arc<ShopStore>,
    pub(super) http: Option<HttpHand>,
    pub(super) logs: Arc<Logs>,
    pub(super) facts: Arc<Facts>,
}

/// The shop's own way to cancel an order.
#[derive(Debug)]
pub(super) struct HttpHand {
    action: HttpAction,
    headers: HeaderMap,
    client: Client,
}

/// What came of an act.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// In their order.
    pub(super) facts: Vec<Fact>,
    /// Of each of the provider's answers, whether it was clear.
    pub(super) answers: Vec<bool>,
}

impl Carried {
    /// Whether a fact of this kind is among them.
    pub(super) fn has(&self, kind: FactKind) -> bool {
        self.facts.iter().any(|fact| fact.kind == kind)
    }
}

/// What was told of whom, and when: nobody wants to read every 30 seconds that an order would be cancelled.
#[derive(Debug, Default)]
pub(super) struct Told(HashMap<(FactKind, Subject, Box<str>), Timestamp>);

impl Told {
    /// Whether a fact is to be written down.
    pub(super) fn is_new(&mut self, fact: &Fact) -> bool {
        if !repeats(fact.kind) {
            return true;
        }
        if TOLD_MAX <= self.0.len() {
            self.0.clear();
        }
        let key = (fact.kind, fact.subject.clone(), fact.detail.clone());
        let before = self.0.get(&key).copied();
        let is_new = before.is_none_or(|at| TOLD_AGAIN_AFTER <= fact.at - at);
        if is_new {
            self.0.insert(key, fact.at);
        }
        is_new
    }
}

/// Kinds that the next tick finds again, as nothing was done.
fn repeats(kind: FactKind) -> bool {
    matches!(
        kind,
        FactKind::WouldCancel
            | FactKind::WouldRefund
            | FactKind::WouldSettle
            | FactKind::PaidButPending
            | FactKind::CustomerPaying
            | FactKind::CancelPostponed
            | FactKind::SettlePostponed
            | FactKind::OrphanPayment
            | FactKind::PaidAfterCancel
    )
}

impl HttpHand {
    /// Ready to be called.
    pub(super) fn new(action: &HttpAction) -> Result<HttpHand, String> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in &action.headers {
            let wrong = || format!("`{name}` is no header, or its value cannot be one's");
            let mut value = HeaderValue::from_str(value.reveal()).map_err(|_| wrong())?;
            value.set_sensitive(true);
            headers.insert(HeaderName::try_from(name.as_str()).map_err(|_| wrong())?, value);
        }
        Ok(HttpHand { action: action.clone(), headers, client: http_client(&HttpClientConfig::default())? })
    }

    /// Calls it once. The error says whether it may have happened all the same.
    async fn call(&self, id: &str, number: &str) -> Result<(), ShopAnswer> {
        // Keys and numbers have no character that means anything in a URL or in JSON.
        let fill = |text: &str| text.replace(":id", id).replace(":no", number);
        let request = self.client.post(fill(&self.action.url)).headers(self.headers.clone());
        let sent = tokio::time::timeout(HTTP_TIMEOUT, request.body(fill(&self.action.body)).send()).await;
        let Ok(Ok(response)) = sent else { return Err(ShopAnswer::Doubt) };
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let said = beginning(response).await;
        let said: String = said.chars().filter(|one| !one.is_control()).take(EXCERPT_CHARS).collect();
        let why = format!("the shop's API answered {}: {said}", status.as_u16()).into();
        // A gateway's words say nothing of what the shop did.
        Err(if status.is_server_error() { ShopAnswer::Doubt } else { ShopAnswer::NotDone(why) })
    }
}

/// No more of an answer than is said of it.
async fn beginning(mut response: reqwest::Response) -> String {
    let bytes = read_at_most(&mut response, 4 * EXCERPT_CHARS).await.unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Hands {
    /// One act to its end or rest. The error: the ledger cannot be written, and so nothing may be done.
    pub(super) async fn carry_out(
        &self,
        monitor: Monitor,
        act: &mut Act,
        by: &str,
        told: &mut Told,
    ) -> Result<Carried, StateError> {
        let mut carried = Carried::default();
        let mut event = Event::Start;
        loop {
            let effects = step(act, event, now());
            let (mut rows, mut facts, mut question) = (Vec::new(), Vec::new(), None);
            for effect in effects {
                match effect {
                    Effect::Ledger(row) => rows.push(row),
                    Effect::Audit(fact) => facts.push(fact),
                    asked => question = Some(asked),
                }
            }
            failpoint::pass("shop-before-ledger");
            // Whoever ordered it reads what came of it, though it was told before.
            let new: Vec<&Fact> = facts.iter().filter(|fact| told.is_new(fact) || !by.is_empty()).collect();
            self.write(monitor, &rows, &new, by).await?;
            failpoint::pass("shop-after-ledger");
            carried.facts.append(&mut facts);
            event = match question {
                Some(Effect::Provider(call)) => {
                    let said = self.ask(&call, act).await;
                    carried.answers.push(said.is_clear());
                    match said {
                        Said::Trade(answer) => Event::Trade(answer),
                        Said::Close(answer) => Event::Close(answer),
                        Said::Refund(answer) => Event::Refund(answer),
                    }
                }
                Some(Effect::ShopTx(tx)) => Event::Shop(self.transact(&tx).await),
                _ => return Ok(carried),
            };
        }
    }

    /// Facts that no act has.
    pub(super) async fn tell(
        &self,
        monitor: Monitor,
        facts: &[Fact],
        told: &mut Told,
    ) -> Result<(), StateError> {
        let new: Vec<&Fact> = facts.iter().filter(|fact| told.is_new(fact)).collect();
        self.write(monitor, &[], &new, "").await
    }

    async fn write(
        &self,
        monitor: Monitor,
        rows: &[lingshao_shop::ledger::LedgerRow],
        facts: &[&Fact],
        by: &str,
    ) -> Result<(), StateError> {
        if rows.is_empty() && facts.is_empty() {
            return Ok(());
        }
        let entries: Vec<AuditEntry> = facts.iter().map(|fact| entry(monitor, fact, by)).collect();
        self.store.write(rows, &entries).await?;
        for fact in facts {
            self.facts.add(monitor, fact.kind.name());
        }
        if !entries.is_empty() {
            log(&self.logs, entries).await;
        }
        Ok(())
    }

    async fn ask(&self, call: &ProviderCall, act: &Act) -> Said {
        let row: Option<&RefundRow> = match act {
            Act::Refund(refund) => Some(refund.row()),
            Act::Cancel(_) | Act::Settle(_) => None,
        };
        failpoint::pass("shop-before-call");
        let said = self.provider.call(call, row).await;
        failpoint::pass("shop-after-call");
        said
    }

    async fn transact(&self, tx: &ShopTx) -> ShopAnswer {
        failpoint::pass("shop-before-tx");
        let answer = match (tx, &self.http) {
            (ShopTx::Cancel { rehearse: true, .. }, Some(_)) => ShopAnswer::Done, // It cannot be tried.
            (ShopTx::Cancel { order, .. }, Some(http)) => self.cancel_by_http(http, order).await,
            _ => self.shop.run(tx, now()).await,
        };
        failpoint::pass("shop-after-tx");
        answer
    }

    /// The shop's answer counts for nothing: how the order stands does.
    async fn cancel_by_http(&self, http: &HttpHand, order: &OrderKey) -> ShopAnswer {
        let number = match self.shop.orders(std::slice::from_ref(order)).await {
            Ok(found) => match found.first() {
                Some(facts) if facts.state == OrderState::Pending => facts.number.to_string(),
                _ => return ShopAnswer::Lost,
            },
            Err(error) => return ShopAnswer::NotDone(with_causes(&error).into()),
        };
        if let Err(answer) = http.call(order.as_str(), &number).await {
            return answer;
        }
        match self.shop.state(order).await {
            Ok(OrderState::Cancelled) => ShopAnswer::Done,
            Ok(state) => ShopAnswer::NotDone(
                format!("the shop's API said yes, and the order is {}", state.name()).into(),
            ),
            Err(_) => ShopAnswer::Doubt,
        }
    }
}

fn entry(monitor: Monitor, fact: &Fact, by: &str) -> AuditEntry {
    let (before, after) = fact.change.unwrap_or_default();
    let mut entry = AuditEntry {
        at: fact.at.0,
        kind: fact.kind.name().to_owned(),
        monitor: monitor.name().to_owned(),
        fen: fact.amount.map(|amount| amount.0),
        before: before.to_owned(),
        after: after.to_owned(),
        detail: fact.detail.to_string(),
        by: by.to_owned(),
        ..AuditEntry::default()
    };
    match &fact.subject {
        Subject::Order(order) => entry.order = Some(order.to_string()),
        Subject::Refund(order, number) => {
            entry.order = Some(order.to_string());
            entry.refund = Some(number.to_string());
        }
        Subject::Group(group) => entry.group = Some(group.to_string()),
    }
    entry
}

/// What a person must see, and what is good to know.
pub(super) fn level(kind: &str) -> Level {
    match kind {
        "rows_mismatch" | "our_fault" => Level::Critical,
        "refund_needs_human" | "paid_after_cancel" => Level::Error,
        "orphan_payment"
        | "paid_but_pending"
        | "refund_unknown"
        | "refund_waits_for_money"
        | "refund_told"
        | "cancel_postponed"
        | "settle_postponed"
        | "by_hand_not_done"
        | "stopped"
        | "halted" => Level::Warning,
        _ => Level::Info,
    }
}

/// Every fact is a log record, too. That it is not stored stops nothing: the audit trail has it.
pub(super) async fn log(logs: &Arc<Logs>, entries: Vec<AuditEntry>) {
    let logs = logs.clone();
    let appended = tokio::task::spawn_blocking(move || {
        let mut batch = LogBatch::default();
        for entry in &entries {
            record(&mut batch, entry);
        }
        logs.append_own(&batch);
    });
    if let Err(error) = appended.await {
        tracing::error!(%error, "logging facts of the shop's monitors panicked");
    }
}

fn record(batch: &mut LogBatch, entry: &AuditEntry) {
    let mut record = batch.begin(LOG_INDEX);
    record.time(LogTime::from(Timestamp(entry.at)));
    record.level(level(&entry.kind));
    let subject = entry.refund.as_deref().or(entry.order.as_deref()).or(entry.group.as_deref()).unwrap_or("");
    let message = format!("{} {subject} {}", entry.kind, entry.detail);
    record.field("message", LogValue::Text(message.trim_end()), false);
    for (name, text) in [
        ("service", "lingshao-shop"),
        ("monitor", entry.monitor.as_str()),
        ("fact", entry.kind.as_str()),
        ("order_id", entry.order.as_deref().unwrap_or("")),
        ("refund_no", entry.refund.as_deref().unwrap_or("")),
        ("group_id", entry.group.as_deref().unwrap_or("")),
        ("by", entry.by.as_str()),
    ] {
        if !text.is_empty() {
            record.field(name, LogValue::Text(text), false);
        }
    }
    if let Some(fen) = entry.fen {
        record.field("fen", LogValue::Int(fen), false);
    }
    record.finish();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(kind: FactKind, detail: &str, at: i64) -> Fact {
        let subject = Subject::Order(OrderKey::new("7").unwrap());
        Fact::new(kind, subject, None, detail, Timestamp(at))
    }

    #[test]
    fn what_is_found_at_every_tick_is_told_once_and_what_is_done_always() {
        let mut told = Told::default();
        let six_hours = TOLD_AGAIN_AFTER.0;
        assert!(told.is_new(&fact(FactKind::WouldCancel, "", 0)));
        assert!(!told.is_new(&fact(FactKind::WouldCancel, "", six_hours - 1)));
        assert!(told.is_new(&fact(FactKind::WouldCancel, "other", 1)));
        assert!(told.is_new(&fact(FactKind::WouldCancel, "", six_hours)));
        for _ in 0..2 {
            assert!(told.is_new(&fact(FactKind::Cancelled, "", 0)));
        }
    }
}
