//! Payment attempts: how many were made, how many failed, and how those ended that had time to end.
//!
//! Found as orders are ([`super::tail`]): new rows behind the last key, and by key those that are not paid yet. Counting
//! begins with the first attempt after the start; earlier ones are known for their ends only.

use std::collections::{BTreeMap, BTreeSet};

use lingshao_model::{TimeDelta, Timestamp};

use super::database::ValueRow;
use super::find::{KEYS_PER_QUESTION, ROWS_MAX, integer};
use super::marks::Marks;
use super::render::Statement;
use super::{Shop, ShopError};
use crate::mapping::Payments;

/// Attempts of the cohort are this old: younger ones are still being paid.
const COHORT_FROM: TimeDelta = TimeDelta::from_secs(5 * 60);
/// And no older: it is to say how it goes now.
const COHORT_TO: TimeDelta = TimeDelta::from_secs(35 * 60);

/// A transaction that began earlier commits within so long.
const OVERLAP: TimeDelta = TimeDelta::from_secs(120);
/// What is not paid by then is forgotten; trades are closed sooner.
const KEEP: TimeDelta = TimeDelta::from_secs(2 * 3_600);
/// Read again in one tick, and read anew.
const REREAD_PER_TICK: usize = 2_000;
const NEW_PER_TICK: usize = 20_000;
/// Kept in all: 27 a second for [`KEEP`], some 30 MiB.
const ATTEMPTS_MAX: usize = 200_000;
/// Providers and methods that are told apart; what comes later is `other`.
const LABELS_MAX: usize = 50;
/// Longer names say no more.
const LABEL_CHARS: usize = 64;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AttemptState {
    /// Not yet.
    Open,
    /// With money.
    Paid,
    /// The provider said no.
    Failed,
    /// Nobody paid in time: neither a success nor a failure.
    Closed,
}

/// By whom and how; none where the mapping does not say it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttemptLabels {
    /// `wechat`, `alipay`, …
    pub provider: Option<Box<str>>,
    /// `jsapi`, `app`, …
    pub method: Option<Box<str>>,
}

/// Figures of one provider and method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttemptFigures {
    /// Attempts since the start.
    pub requests: u64,
    /// Of which the provider said no, since the start.
    pub failures: u64,
    /// The cohort, by how they ended.
    pub paid: usize,
    /// Of the cohort.
    pub failed: usize,
    /// Of the cohort.
    pub closed: usize,
    /// Of the cohort.
    pub open: usize,
}

impl AttemptFigures {
    /// All of the cohort.
    pub fn cohort(&self) -> usize {
        self.paid + self.failed + self.closed + self.open
    }

    /// Paid ÷ attempts of the cohort; none where nobody tried.
    pub fn success_rate(&self) -> Option<f64> {
        (self.cohort() > 0).then(|| self.paid as f64 / self.cohort() as f64)
    }
}

/// One attempt.
#[derive(Clone, Debug)]
struct Attempt {
    created: Timestamp,
    state: AttemptState,
    labels: AttemptLabels,
    /// Whether its failure is counted, or was before we came.
    failed: bool,
}

/// The reader.
#[derive(Clone, Debug)]
pub struct AttemptTail {
    attempts: BTreeMap<i64, Attempt>,
    marks: Marks,
    /// The last key at the start.
    before: i64,
    reread_from: i64,
    counts: BTreeMap<AttemptLabels, (u64, u64)>,
    caught_up: bool,
}

impl AttemptTail {
    /// A reader that begins with the attempts of the last hours.
    pub async fn start(shop: &Shop, payments: &Payments, now: Timestamp) -> Result<AttemptTail, ShopError> {
        let Payments { table, id, created, .. } = payments;
        let bounds = shop.bounds_of("payment attempts", table, id).await?;
        let first = shop.first_key_of(table, id, created, now - KEEP).await?;
        Ok(AttemptTail {
            attempts: BTreeMap::new(),
            marks: Marks::new(OVERLAP, first.saturating_sub(1)),
            before: bounds.map_or(i64::MIN, |(_, last)| last),
            reread_from: i64::MIN,
            // Where attempts are not told apart, there is one figure from the beginning.
            counts: match (&payments.provider, &payments.method) {
                (None, None) => BTreeMap::from([Default::default()]),
                _ => BTreeMap::new(),
            },
            caught_up: false,
        })
    }

    /// Reads what is new and what may have changed. `true` when it has come to the end of the table.
    pub async fn tick(
        &mut self,
        shop: &Shop,
        payments: &Payments,
        now: Timestamp,
    ) -> Result<bool, ShopError> {
        self.reread(shop, payments).await?;
        let ended = self.read_new(shop, payments, now).await?;
        self.caught_up |= ended;
        self.attempts.retain(|_, attempt| now - attempt.created <= KEEP);
        while self.attempts.len() > ATTEMPTS_MAX {
            self.attempts.pop_first();
        }
        Ok(ended)
    }

    /// The figures by provider and method; none before the end of the table was reached once.
    pub fn figures(&self, now: Timestamp) -> Option<BTreeMap<AttemptLabels, AttemptFigures>> {
        if !self.caught_up {
            return None;
        }
        let mut figures: BTreeMap<AttemptLabels, AttemptFigures> = BTreeMap::new();
        for (labels, (requests, failures)) in &self.counts {
            let (requests, failures) = (*requests, *failures);
            figures
                .insert(labels.clone(), AttemptFigures { requests, failures, ..AttemptFigures::default() });
        }
        let matured = |attempt: &&Attempt| {
            let age = now - attempt.created;
            COHORT_FROM < age && age <= COHORT_TO
        };
        for attempt in self.attempts.values().filter(matured) {
            let figures = figures.entry(attempt.labels.clone()).or_default();
            match attempt.state {
                AttemptState::Open => figures.open += 1,
                AttemptState::Paid => figures.paid += 1,
                AttemptState::Failed => figures.failed += 1,
                AttemptState::Closed => figures.closed += 1,
            }
        }
        Some(figures)
    }

    async fn read_new(
        &mut self,
        shop: &Shop,
        payments: &Payments,
        now: Timestamp,
    ) -> Result<bool, ShopError> {
        let mut from = self.marks.floor(now);
        let mut read = 0;
        loop {
            let found = shop.attempts(payments, &format!("{} > {from}", payments.id)).await?;
            let full = found.len() == ROWS_MAX;
            read += found.len();
            let made = found.last().map(|(_, attempt)| attempt.created);
            for (key, attempt) in found {
                from = from.max(key);
                self.put(key, attempt);
            }
            self.marks.page(from, made.filter(|_| full), shop.mapping().clock.skew_max, now);
            if !full {
                return Ok(true);
            }
            if read >= NEW_PER_TICK {
                return Ok(false);
            }
        }
    }

    /// Those that are not paid yet, in turn.
    async fn reread(&mut self, shop: &Shop, payments: &Payments) -> Result<(), ShopError> {
        let later = (std::ops::Bound::Excluded(self.reread_from), std::ops::Bound::Unbounded);
        let unpaid = self.attempts.range(later).filter(|(_, attempt)| attempt.state != AttemptState::Paid);
        let keys: Vec<i64> = unpaid.map(|(key, _)| *key).take(REREAD_PER_TICK).collect();
        self.reread_from = match keys.last() {
            Some(last) if keys.len() == REREAD_PER_TICK => *last,
            _ => i64::MIN,
        };
        for keys in keys.chunks(KEYS_PER_QUESTION) {
            let list: Vec<String> = keys.iter().map(i64::to_string).collect();
            let found = shop.attempts(payments, &format!("{} IN ({})", payments.id, list.join(","))).await?;
            let there: BTreeSet<i64> = found.iter().map(|(key, _)| *key).collect();
            for key in keys.iter().filter(|key| !there.contains(key)) {
                self.attempts.remove(key);
            }
            for (key, attempt) in found {
                self.put(key, attempt);
            }
        }
        Ok(())
    }

    fn put(&mut self, key: i64, mut attempt: Attempt) {
        let known = self.attempts.get(&key);
        let (is_new, counts) = (known.is_none(), self.before < key);
        attempt.labels = self.told_apart(attempt.labels);
        let has_failed = attempt.state == AttemptState::Failed;
        let was_counted = known.is_some_and(|known| known.failed) || (is_new && !counts);
        attempt.failed = has_failed || known.is_some_and(|known| known.failed);
        let count = self.counts.entry(attempt.labels.clone()).or_default();
        count.0 += u64::from(is_new && counts);
        count.1 += u64::from(has_failed && !was_counted);
        self.attempts.insert(key, attempt);
    }

    fn told_apart(&self, labels: AttemptLabels) -> AttemptLabels {
        if self.counts.len() < LABELS_MAX || self.counts.contains_key(&labels) {
            return labels;
        }
        let other = |label: Option<Box<str>>| label.map(|_| "other".into());
        AttemptLabels { provider: other(labels.provider), method: other(labels.method) }
    }
}

impl Shop {
    /// Attempts that meet a condition, by key.
    async fn attempts(&self, payments: &Payments, condition: &str) -> Result<Vec<(i64, Attempt)>, ShopError> {
        const WHAT: &str = "payment attempts";
        let label = |expression: &Option<String>| {
            expression.as_ref().map_or("NULL".to_owned(), |text| self.dialect().text(&format!("({text})")))
        };
        let states = [
            (Some(&payments.states.paid), "paid"),
            (payments.states.failed.as_ref(), "failed"),
            (payments.states.closed.as_ref(), "closed"),
        ];
        let cases: Vec<String> = states
            .iter()
            .filter_map(|(expression, name)| Some(format!("WHEN {} THEN '{name}'", (*expression)?)))
            .collect();
        let sql = format!(
            "SELECT {}, {}, {}, {}, {} FROM {} WHERE {condition}{} ORDER BY {}.{} LIMIT {ROWS_MAX}",
            self.dialect().integer(&payments.id),
            self.millis(&payments.created),
            self.dialect().text(&format!("CASE {} ELSE 'open' END", cases.join(" "))),
            label(&payments.provider),
            label(&payments.method),
            payments.table,
            self.and_not(payments.exclude.as_deref()),
            payments.table,
            payments.id,
        );
        let rows = self.ask(WHAT, Statement::plain(sql)).await?;
        let read = |row: &ValueRow| {
            let attempt = Attempt {
                created: Timestamp(integer(WHAT, row, 1)?),
                state: match row[2].1.text() {
                    Some("paid") => AttemptState::Paid,
                    Some("failed") => AttemptState::Failed,
                    Some("closed") => AttemptState::Closed,
                    _ => AttemptState::Open,
                },
                labels: AttemptLabels {
                    provider: payments.provider.as_ref().map(|_| label_text(row[3].1.text())),
                    method: payments.method.as_ref().map(|_| label_text(row[4].1.text())),
                },
                failed: false,
            };
            Ok((integer(WHAT, row, 0)?, attempt))
        };
        rows.iter().map(read).collect()
    }
}

/// What of a row's text becomes a label.
fn label_text(text: Option<&str>) -> Box<str> {
    let text = text.unwrap_or_default().trim();
    if text.is_empty() { "unknown".into() } else { text.chars().take(LABEL_CHARS).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(provider: &str) -> AttemptLabels {
        AttemptLabels { provider: Some(provider.into()), method: None }
    }

    fn tail() -> AttemptTail {
        AttemptTail {
            attempts: BTreeMap::new(),
            marks: Marks::new(OVERLAP, 0),
            before: 10,
            reread_from: i64::MIN,
            counts: BTreeMap::new(),
            caught_up: true,
        }
    }

    fn put(tail: &mut AttemptTail, key: i64, state: AttemptState, provider: &str) {
        let (created, labels) = (Timestamp(0), labels(provider));
        tail.put(key, Attempt { created, state, labels, failed: false });
    }

    #[test]
    fn what_ended_before_the_start_is_no_news_and_a_failure_is_counted_once() {
        use AttemptState::*;
        let mut tail = tail();
        let counts = |tail: &AttemptTail| tail.counts[&labels("wechat")];
        put(&mut tail, 9, Failed, "wechat");
        put(&mut tail, 10, Open, "wechat");
        assert_eq!(counts(&tail), (0, 0));
        put(&mut tail, 11, Failed, "wechat");
        put(&mut tail, 11, Failed, "wechat");
        put(&mut tail, 12, Open, "wechat");
        assert_eq!(counts(&tail), (2, 1));
        // Open at the start, and failed since; failed, paid after all, and refused once more.
        put(&mut tail, 10, Failed, "wechat");
        put(&mut tail, 11, Paid, "wechat");
        put(&mut tail, 11, Failed, "wechat");
        put(&mut tail, 9, Failed, "wechat");
        assert_eq!(counts(&tail), (2, 2));
    }

    #[test]
    fn providers_are_told_apart_up_to_a_limit() {
        let mut tail = tail();
        for key in 0..100 {
            put(&mut tail, 11 + key, AttemptState::Open, &format!("p{key}"));
        }
        assert_eq!(tail.counts.len(), LABELS_MAX + 1);
        assert_eq!(tail.counts[&labels("other")], (50, 0));
        assert_eq!(tail.counts[&labels("p7")], (1, 0));
        assert_eq!(label_text(Some(" wx ")), "wx".into());
        assert_eq!((label_text(None), label_text(Some(""))), ("unknown".into(), "unknown".into()));
        assert_eq!(label_text(Some(&"长".repeat(99))).chars().count(), LABEL_CHARS);
    }
}
