//! One tick after the other over one shop: what is found is judged, what may be done is done, what was seen is shown.
//!
//! Every tick derives its work anew from the shop's state and the ledger; nothing that a crash could lose is kept here. A
//! monitor that fails says so, and the others go on.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lingshao_model::{TimeDelta, Timestamp};
use lingshao_shop::act::{Act, Cancel, Fact, FactKind, OrderState, Refund, Settle, Subject, Wish, recover};
use lingshao_shop::day::{DAY, day, hour};
use lingshao_shop::group::{Verdict, verdict};
use lingshao_shop::ledger::{LedgerRow, Purpose, RefundRow, RefundState};
use lingshao_shop::mapping::KeyKind;
use lingshao_shop::provider::{ProviderCall, TradeAnswer};
use lingshao_shop::safety::{
    CallbackLimits, Callbacks, Candidate, Gate, Halt, Held, Limits, Mode, MonitorHistory, Pending, RefundCaps,
};
use lingshao_shop::sql::{OrderFacts, ShopError, Tail, TailLimits};
use lingshao_shop::{Fen, OrderKey, OrderNumber, RefundNumber};

use super::desk::{Desk, Wanted};
use super::hands::{Carried, Told, describe};
use super::monitor::Monitor;
use super::provider::Said;
use super::view::{
    CallbacksView, CheckView, DriftView, FiguresView, FindingView, GroupView, MonitorView, OrphanView,
    RefundsView, Refusal, StockItem, StockView, View,
};
use crate::clock::now;
use crate::state::StateError;

/// The database is compared with the mapping so often; a deploy of the shop may change its tables at any time.
const CHECK_EVERY: TimeDelta = TimeDelta::from_secs(3_600);
/// After a comparison that failed.
const CHECK_AGAIN_AFTER: TimeDelta = TimeDelta::from_secs(60);
/// A tick that takes longer leaves the rest to the next, so that people's words are heard.
const TICK_TIME: Duration = Duration::from_secs(60);
/// Questions to the provider that are no part of an act: WeChat Pay allows far more, and a shop has few late orders.
const QUESTIONS_PER_TICK: usize = 20;
/// A payment takes a minute; what is pending for so long may have lost its callback.
const ASK_PENDING_AFTER: TimeDelta = TimeDelta::from_secs(180);
/// The same order is not asked for more often.
const ASK_AGAIN_AFTER: TimeDelta = TimeDelta::from_secs(600);
/// So long after its cancellation was seen an order's payment is looked for: late callbacks come soon or much later.
const ORPHAN_ASKS: [i64; 5] = [0, 300, 3_600, 14_400, 86_400];
/// Cancelled orders that are watched for late payments.
const WATCHED_MAX: usize = 20_000;
/// Our cancelled orders are read again so often.
const REVIEW_EVERY: TimeDelta = TimeDelta::from_secs(60);
/// Products that are shown.
const STOCK_ROWS_MAX: usize = 2_000;
/// The hour of the nightly recount: shops are quiet at four.
const RECOUNT_HOUR: i64 = 4;

/// Why a monitor's look did not come to its end.
#[derive(Debug)]
enum Failed {
    Shop(ShopError),
    State(StateError),
}

impl From<ShopError> for Failed {
    fn from(error: ShopError) -> Failed {
        Failed::Shop(error)
    }
}

impl From<StateError> for Failed {
    fn from(error: StateError) -> Failed {
        Failed::State(error)
    }
}

impl Failed {
    fn describe(self) -> String {
        match self {
            Failed::Shop(error) => describe(&error),
            Failed::State(error) => format!("the ledger cannot be used, so nothing is done: {error}"),
        }
    }
}

/// One monitor at one tick.
#[derive(Debug, Default)]
struct Tally {
    found: usize,
    acted: usize,
    held: BTreeMap<&'static str, usize>,
    error: Option<String>,
    refuses: Option<Refusal>,
}

/// The owner's memory of one shop.
pub(super) struct Keeper {
    desk: Arc<Desk>,
    gates: Gates,
    callbacks: Callbacks,
    told: Told,
    check: Option<Checked>,
    tail: Option<Tail>,
    drift: Option<DriftView>,
    recounted: i64,
    orphans: BTreeMap<OrderKey, Orphan>,
    watched: HashMap<OrderKey, Watch>,
    asked: HashMap<OrderKey, Timestamp>,
    reviewed_at: Timestamp,
    paid_after_cancel: usize,
    ended: BTreeMap<String, bool>,
    groups: Vec<GroupView>,
    groups_ended: BTreeMap<&'static str, u64>,
    stock: StockView,
    refunds: RefundsView,
    pending: usize,
    up: Result<(), String>,
    tallies: BTreeMap<Monitor, Tally>,
    begun: Instant,
    questions: usize,
}

struct Gates {
    timeout: Gate,
    success: Gate,
    fail: Gate,
    /// Refunds have caps in place of a gate.
    refunds: Option<Halt>,
}

struct Checked {
    at: Timestamp,
    result: Result<CheckView, String>,
}

#[derive(Clone)]
struct Orphan {
    trade: OrderNumber,
    paid: Fen,
    at: Timestamp,
}

struct Watch {
    since: Timestamp,
    asks: usize,
}

impl Keeper {
    /// Goes on where the ledger says that the last life ended.
    pub(super) async fn start(desk: Arc<Desk>, now: Timestamp) -> Result<Keeper, StateError> {
        let store = desk.store.clone();
        let day_ago = now - DAY;
        let (cancelling, settling) =
            (store.instants("cancelling", day_ago).await?, store.instants("settling", day_ago).await?);
        let remembered: HashMap<String, String> = store.remembered().await?.into_iter().collect();
        let halt = |monitor: Monitor| {
            remembered.get(&format!("halt:{}", monitor.name())).and_then(|text| read_halt(text))
        };
        for monitor in Monitor::ALL {
            if let Some(by) = remembered.get(&format!("paused:{}", monitor.name())) {
                desk.pause(monitor, by);
            }
        }
        let (timeout, settle) =
            (desk.config.order_timeout.limits.clone(), desk.config.group_settle.limits.clone());
        let history =
            |acts: &[Timestamp], monitor| MonitorHistory { acts: acts.to_vec(), halt: halt(monitor) };
        // A group that is full may always succeed, however many there are.
        let success = Limits { share_of_pending_percent_max: 100, ..settle };
        let gates = Gates {
            timeout: Gate::new(timeout, history(&cancelling, Monitor::OrderTimeout)),
            success: Gate::new(success, history(&settling, Monitor::GroupSettle)),
            fail: Gate::new(settle, history(&settling, Monitor::GroupSettle)),
            refunds: halt(Monitor::Refunds),
        };
        Ok(Keeper {
            desk,
            gates,
            callbacks: Callbacks::new(CallbackLimits::default()),
            told: Told::default(),
            check: None,
            tail: None,
            drift: None,
            recounted: 0,
            orphans: BTreeMap::new(),
            watched: HashMap::new(),
            asked: HashMap::new(),
            reviewed_at: Timestamp(0),
            paid_after_cancel: 0,
            ended: BTreeMap::new(),
            groups: Vec::new(),
            groups_ended: BTreeMap::new(),
            stock: StockView::default(),
            refunds: RefundsView::default(),
            pending: 0,
            up: Err("not asked yet".to_owned()),
            tallies: BTreeMap::new(),
            begun: Instant::now(),
            questions: 0,
        })
    }

    /// Looks at everything once, does what may be done, and says how all of it stands.
    pub(super) async fn tick(&mut self) -> View {
        let at = now();
        (self.begun, self.questions) = (Instant::now(), QUESTIONS_PER_TICK);
        self.tallies = Monitor::ALL.into_iter().map(|monitor| (monitor, Tally::default())).collect();
        let lead_for = TimeDelta(3 * self.desk.config.every.0 + 2 * TICK_TIME.as_millis() as i64);
        let lead = self.desk.store.lead(&self.desk.member, at + lead_for, at).await;
        let standby = match &lead {
            Ok(other) => other.clone(),
            Err(error) => {
                tracing::error!(error = %anyhow::anyhow!("{error}"), "the shop's monitors cannot use state.db");
                None
            }
        };
        self.hear().await;
        self.compare(at).await;
        if standby.is_none() && lead.is_ok() {
            self.work(at).await;
        }
        self.view(at, standby).await
    }

    async fn work(&mut self, at: Timestamp) {
        let wanted = self.desk.take_wanted();
        let outcome = self.figures(at).await;
        self.note(Monitor::Figures, outcome);
        let outcome = self.order_timeout(at, &wanted).await;
        self.note(Monitor::OrderTimeout, outcome);
        let outcome = self.group_settle(at, &wanted).await;
        self.note(Monitor::GroupSettle, outcome);
        let outcome = self.money_back(at).await;
        self.note(Monitor::Refunds, outcome);
        let outcome = self.low_stock().await;
        self.note(Monitor::LowStock, outcome);
    }

    fn note(&mut self, monitor: Monitor, outcome: Result<(), Failed>) {
        let Err(failed) = outcome else { return };
        let error = failed.describe();
        tracing::warn!(monitor = monitor.name(), %error, "a monitor of the shop failed; it is tried again");
        self.tally(monitor).error = Some(error);
    }

    fn tally(&mut self, monitor: Monitor) -> &mut Tally {
        self.tallies.entry(monitor).or_default()
    }

    fn is_late(&self) -> bool {
        self.desk.is_ending() || TICK_TIME < self.begun.elapsed()
    }

    /// What people said since the last tick.
    async fn hear(&mut self) {
        for monitor in self.desk.take_resumed() {
            self.gates.of(monitor).into_iter().for_each(Gate::resume);
            self.gates.refunds = self.gates.refunds.filter(|_| monitor != Monitor::Refunds);
            self.remember(&format!("halt:{}", monitor.name()), None).await;
        }
        if self.desk.take_agreed() {
            self.remember("fingerprint", None).await;
            self.check = None;
        }
    }

    async fn remember(&self, name: &str, value: Option<&str>) {
        if let Err(error) = self.desk.store.remember(name, value).await {
            tracing::error!(error = %anyhow::anyhow!("{error}"), name, "state.db does not remember this of the shop");
        }
    }

    /// The mapping against the database, at the start and every hour.
    async fn compare(&mut self, at: Timestamp) {
        let due = self.check.as_ref().is_none_or(|checked| {
            let pause = if checked.result.is_ok() { CHECK_EVERY } else { CHECK_AGAIN_AFTER };
            pause <= at - checked.at
        });
        if !due {
            return;
        }
        let desk = self.desk.clone();
        let known = match desk.store.remembered().await {
            Ok(remembered) => {
                remembered.into_iter().find(|(name, _)| name == "fingerprint").map(|(_, value)| value)
            }
            Err(error) => {
                let result = Err(format!("state.db cannot be read: {error}"));
                self.check = Some(Checked { at, result });
                return;
            }
        };
        let result = desk.hands.shop.check(known.as_deref(), at).await;
        self.up = result.as_ref().map(drop).map_err(describe);
        let result = result.map_err(|error| describe(&error)).map(|report| {
            let mut view = CheckView {
                at: Some(at.0),
                grants: report.grants,
                indexes: report.indexes,
                fingerprint: report.fingerprint,
                ..CheckView::default()
            };
            for finding in report.findings {
                view.changed |= finding.place == "tables" && finding.is_error;
                view.findings.push(FindingView {
                    severity: if finding.is_error { "error" } else { "warning" },
                    place: finding.place,
                    message: finding.problem.to_string(),
                });
            }
            view
        });
        if let (Ok(view), None) = (&result, &known) {
            // The first look is agreed to by whoever wrote the configuration.
            self.remember("fingerprint", Some(&view.fingerprint)).await;
        }
        self.check = Some(Checked { at, result });
    }

    /// Why a monitor does not act, the weightiest reason first.
    fn refusal(&self, monitor: Monitor, at: Timestamp) -> Option<Refusal> {
        let desk = &self.desk;
        if desk.is_stopped() {
            return Some(Refusal::new("stopped", desk.kill_switch.display().to_string()));
        }
        if let Some(by) = desk.paused_by(monitor) {
            return Some(Refusal::new("paused", by));
        }
        match self.check.as_ref().map(|checked| &checked.result) {
            None => return Some(Refusal::new("database", "not asked yet")),
            Some(Err(error)) => return Some(Refusal::new("database", error.clone())),
            Some(Ok(view)) => {
                let mut errors = view.findings.iter().filter(|finding| finding.severity == "error");
                if let Some(finding) = errors.find(|finding| monitor.is_concerned_by(&finding.place)) {
                    return Some(Refusal::new("mapping", format!("{}: {}", finding.place, finding.message)));
                }
            }
        }
        if let Some(halt) = self.gates.halted(monitor) {
            return Some(Refusal::new("halted", halt_detail(halt)));
        }
        if monitor == Monitor::OrderTimeout && self.callbacks.down(at) {
            return Some(Refusal::new("callbacks", format!("{} late", self.callbacks.late(at))));
        }
        None
    }

    /// What an act's facts mean for what comes next.
    async fn learn(&mut self, monitor: Monitor, order: Option<&OrderKey>, carried: &Carried) {
        let at = now();
        for clear in &carried.answers {
            self.callbacks.answered(*clear, at);
        }
        if let Some(order) = order {
            if carried.has(FactKind::PaidButPending) {
                self.callbacks.paid_but_pending(order, at);
            }
            let failed = [FactKind::CancelPostponed, FactKind::SettlePostponed, FactKind::RowsMismatch];
            if failed.iter().any(|kind| carried.has(*kind)) {
                for gate in self.gates.of(monitor) {
                    gate.failed(order, at);
                }
            }
        }
        for fact in carried.facts.iter().filter(|fact| fact.kind.halts()) {
            let halt = if fact.kind == FactKind::OurFault { Halt::OurFault } else { Halt::RowsMismatch };
            tracing::error!(monitor = monitor.name(), why = %fact.detail, "all acting on the shop halts");
            for monitor in [Monitor::OrderTimeout, Monitor::GroupSettle, Monitor::Refunds] {
                self.halt(monitor, halt).await;
            }
        }
    }

    async fn halt(&mut self, monitor: Monitor, halt: Halt) {
        for gate in self.gates.of(monitor) {
            gate.halt(halt);
        }
        if monitor == Monitor::Refunds {
            self.gates.refunds.get_or_insert(halt);
        }
        self.remember(&format!("halt:{}", monitor.name()), Some(&write_halt(halt))).await;
    }

    /// A halt that a gate found by itself is remembered, too.
    async fn keep_halt(&self, monitor: Monitor) {
        if let Some(halt) = self.gates.halted(monitor) {
            self.remember(&format!("halt:{}", monitor.name()), Some(&write_halt(halt))).await;
        }
    }

    // ---- orders ----

    async fn order_timeout(&mut self, at: Timestamp, wanted: &[Wanted]) -> Result<(), Failed> {
        const MONITOR: Monitor = Monitor::OrderTimeout;
        let desk = self.desk.clone();
        let config = &desk.config.order_timeout;
        let (after, age_max) = (TimeDelta(config.after.0 + config.grace.0), config.limits.order_age_max);
        let expired = desk.hands.shop.expired(after, age_max, at).await;
        self.up = expired.as_ref().map(drop).map_err(describe);
        let expired = expired?;
        self.pending = expired.pending;
        self.watch_callbacks(&expired.orders, at).await?;
        let refusal = self.refusal(MONITOR, at);
        let found = expired.orders.len();
        let (orders, left): (Vec<_>, Vec<_>) =
            expired.orders.into_iter().partition(|order| order.cancellable || desk.hands.http.is_some());
        let tally = self.tally(MONITOR);
        tally.found = found;
        if !left.is_empty() {
            tally.held.insert("not_cancellable", left.len());
        }
        if let Some(refusal) = refusal {
            tally.held.insert(refusal.reason, orders.len());
            tally.refuses = Some(refusal);
            return Ok(());
        }
        let mut done = self.go_on_cancelling(config.mode).await?;
        if let Some(wanted) = wanted.iter().find(|wanted| wanted.monitor == MONITOR) {
            for order in
                orders.iter().filter(|order| wanted.keys.iter().any(|key| key == order.order.as_str()))
            {
                self.cancel(order, Mode::Act, &wanted.by).await?;
                done.insert(order.order.clone());
            }
        }
        let candidates =
            orders.iter().filter(|order| !done.contains(&order.order)).map(OrderFacts::candidate);
        let pending = Pending { orders: expired.pending };
        let admission = self.gates.timeout.admit(candidates.collect(), pending, expired.now);
        self.keep_halt(MONITOR).await;
        for (_, held) in &admission.held {
            *self.tally(MONITOR).held.entry(held_name(*held)).or_default() += 1;
        }
        for candidate in admission.go {
            let Some(order) = orders.iter().find(|order| order.order == candidate.order) else { continue };
            if self.is_late() || self.refusal(MONITOR, now()).is_some() {
                break;
            }
            self.cancel(order, config.mode, "").await?;
        }
        self.tally(MONITOR).refuses = self.refusal(MONITOR, now());
        Ok(())
    }

    /// What a crash has left between the provider and the shop.
    async fn go_on_cancelling(&mut self, mode: Mode) -> Result<BTreeSet<OrderKey>, Failed> {
        let mut done = BTreeSet::new();
        if mode != Mode::Act {
            return Ok(done);
        }
        let rows = self.desk.store.open_rows().await?;
        let rows = rows.into_iter().filter(|row| matches!(row, LedgerRow::Cancel(_))).collect();
        for mut act in recover(rows, mode) {
            let Act::Cancel(cancel) = &act else { continue };
            let order = cancel.order().clone();
            let carried = self.carry(Monitor::OrderTimeout, &mut act, "").await?;
            self.learn(Monitor::OrderTimeout, Some(&order), &carried).await;
            done.insert(order);
        }
        Ok(done)
    }

    async fn cancel(&mut self, order: &OrderFacts, mode: Mode, by: &str) -> Result<(), Failed> {
        let trades = match self.desk.hands.provider.is_there() {
            true => self.desk.hands.shop.trades(order).await?,
            false => Vec::new(),
        };
        let mut act = Act::Cancel(Cancel::new(order.order.clone(), trades, order.amount, mode));
        let carried = self.carry(Monitor::OrderTimeout, &mut act, by).await?;
        self.tally(Monitor::OrderTimeout).acted += 1;
        self.learn(Monitor::OrderTimeout, Some(&order.order), &carried).await;
        Ok(())
    }

    async fn carry(&mut self, monitor: Monitor, act: &mut Act, by: &str) -> Result<Carried, StateError> {
        let desk = self.desk.clone();
        desk.hands.carry_out(monitor, act, by, &mut self.told).await
    }

    // ---- callbacks ----

    /// Asks the provider for orders that are pending for some minutes: a lost callback shows long before the timeout.
    async fn watch_callbacks(&mut self, expired: &[OrderFacts], at: Timestamp) -> Result<(), Failed> {
        let desk = self.desk.clone();
        if !desk.hands.provider.is_there() {
            return Ok(());
        }
        let waiting: Vec<OrderKey> = self.callbacks.waiting().cloned().collect();
        for order in desk.hands.shop.orders(&waiting).await? {
            if order.state != OrderState::Pending {
                self.callbacks.settled(&order.order);
            }
        }
        self.asked.retain(|_, asked| at - *asked < ASK_AGAIN_AFTER);
        let old = |order: &&OrderFacts| ASK_PENDING_AFTER <= at - order.created;
        let pending = self.tail.iter().flat_map(|tail| tail.in_state(OrderState::Pending));
        let mut due: Vec<OrderFacts> = pending
            .chain(expired)
            .filter(old)
            .filter(|order| !self.asked.contains_key(&order.order))
            .cloned()
            .collect();
        due.sort_by_key(|order| order.created);
        due.dedup_by(|a, b| a.order == b.order);
        // Half of the questions; the other half is for payments that nobody has an order for.
        for order in due.into_iter().take(QUESTIONS_PER_TICK / 2) {
            if self.is_late() || self.questions == 0 {
                break;
            }
            self.asked.insert(order.order.clone(), at);
            if self.paid_trade(&order).await?.is_some() {
                self.callbacks.paid_but_pending(&order.order, at);
                let fact = fact(
                    FactKind::PaidButPending,
                    &order.order,
                    Some(order.amount),
                    order.number.as_str(),
                    at,
                );
                desk.hands.tell(Monitor::OrderTimeout, &[fact], &mut self.told).await?;
            }
        }
        Ok(())
    }

    /// The trade under which an order was paid, and how much, if the provider says so of one.
    async fn paid_trade(&mut self, order: &OrderFacts) -> Result<Option<(OrderNumber, Fen)>, Failed> {
        let desk = self.desk.clone();
        for trade in desk.hands.shop.trades(order).await? {
            self.questions = self.questions.saturating_sub(1);
            let said = desk.hands.provider.call(&ProviderCall::QueryTrade(trade.clone()), None).await;
            self.callbacks.answered(said.is_clear(), now());
            match said {
                Said::Trade(TradeAnswer::Paid { paid, .. }) => return Ok(Some((trade, paid))),
                Said::Trade(TradeAnswer::OurFault(why)) => {
                    let fact = fact(FactKind::OurFault, &order.order, None, &why, now());
                    desk.hands
                        .tell(Monitor::OrderTimeout, std::slice::from_ref(&fact), &mut self.told)
                        .await?;
                    let carried = Carried { facts: vec![fact], ..Carried::default() };
                    self.learn(Monitor::OrderTimeout, None, &carried).await;
                    return Ok(None);
                }
                _ => {}
            }
        }
        Ok(None)
    }

    // ---- groups ----

    async fn group_settle(&mut self, at: Timestamp, wanted: &[Wanted]) -> Result<(), Failed> {
        const MONITOR: Monitor = Monitor::GroupSettle;
        let desk = self.desk.clone();
        if desk.hands.shop.mapping().groups.is_none() {
            return Ok(());
        }
        let shop = &desk.hands.shop;
        let clock = shop.now(at).await?;
        let open = shop.open_groups().await?;
        self.look_at_groups(open.iter().map(|found| found.group.key.to_string()).collect(), clock).await?;
        let judged = open.iter().map(|found| (&found.group, verdict(&found.group, clock)));
        let ending: Vec<_> = judged.filter(|(_, verdict)| *verdict != Verdict::Ongoing).collect();
        let refusal = self.refusal(MONITOR, at);
        let tally = self.tally(MONITOR);
        tally.found = ending.len();
        if let Some(refusal) = refusal {
            tally.held.insert(refusal.reason, ending.len());
            tally.refuses = Some(refusal);
            return Ok(());
        }
        let mode = desk.config.group_settle.mode;
        let by_hand = wanted.iter().find(|wanted| wanted.monitor == MONITOR);
        for success in [true, false] {
            let wanted_verdict = if success { Verdict::Success } else { Verdict::Failed };
            let these = ending.iter().filter(|(_, verdict)| *verdict == wanted_verdict);
            let (ordered, others): (Vec<_>, Vec<_>) = these.partition(|(group, _)| {
                by_hand.is_some_and(|wanted| wanted.keys.iter().any(|key| key == group.key.as_str()))
            });
            for (group, _) in ordered {
                let by = by_hand.map_or("", |wanted| wanted.by.as_str());
                self.settle(&group.key, success, Mode::Act, by).await?;
            }
            // A key of a group is one of an order to the gate, which only counts.
            let candidates = others.iter().filter_map(|(group, _)| {
                Some(Candidate { order: OrderKey::new(group.key.as_str()).ok()?, created: group.expires_at })
            });
            let gate = if success { &mut self.gates.success } else { &mut self.gates.fail };
            let admission = gate.admit(candidates.collect(), Pending { orders: open.len() }, clock);
            self.keep_halt(MONITOR).await;
            for (_, held) in &admission.held {
                *self.tally(MONITOR).held.entry(held_name(*held)).or_default() += 1;
            }
            for candidate in admission.go {
                if self.is_late() || self.refusal(MONITOR, now()).is_some() {
                    break;
                }
                let Some((group, _)) =
                    others.iter().find(|(group, _)| group.key.as_str() == candidate.order.as_str())
                else {
                    continue;
                };
                self.settle(&group.key, success, mode, "").await?;
            }
        }
        self.tally(MONITOR).refuses = self.refusal(MONITOR, now());
        Ok(())
    }

    async fn settle(
        &mut self,
        group: &lingshao_shop::GroupKey,
        success: bool,
        mode: Mode,
        by: &str,
    ) -> Result<(), Failed> {
        let mut act = Act::Settle(Settle::new(group.clone(), success, mode));
        let carried = self.carry(Monitor::GroupSettle, &mut act, by).await?;
        self.tally(Monitor::GroupSettle).acted += 1;
        let key = OrderKey::new(group.as_str()).ok();
        self.learn(Monitor::GroupSettle, key.as_ref(), &carried).await;
        Ok(())
    }

    /// How groups stand, and which have ended since the last look.
    async fn look_at_groups(&mut self, open: Vec<String>, clock: Timestamp) -> Result<(), Failed> {
        let ended = self.desk.hands.shop.ended_groups(clock - DAY).await?;
        let status = |succeeded: bool, outstanding: u32| match (succeeded, outstanding) {
            (true, _) => 2,
            (false, 0) => 4,
            (false, _) => 3,
        };
        let is_first = self.groups.is_empty() && self.ended.is_empty();
        let seen: BTreeMap<String, bool> =
            ended.iter().map(|group| (group.key.to_string(), group.succeeded)).collect();
        if !is_first {
            for (_, succeeded) in seen.iter().filter(|(key, _)| !self.ended.contains_key(*key)) {
                *self.groups_ended.entry(if *succeeded { "success" } else { "failed" }).or_default() += 1;
            }
        }
        self.ended = seen;
        let open = open.into_iter().map(|group| GroupView { group, status: 1 });
        let ended = ended.iter().map(|group| GroupView {
            group: group.key.to_string(),
            status: status(group.succeeded, group.outstanding),
        });
        self.groups = open.chain(ended).collect();
        Ok(())
    }

    // ---- money ----

    async fn money_back(&mut self, at: Timestamp) -> Result<(), Failed> {
        const MONITOR: Monitor = Monitor::Refunds;
        let desk = self.desk.clone();
        self.look_for_orphans(at).await?;
        self.review(at).await?;
        let refusal = self.refusal(MONITOR, at);
        // What may have left is asked for, whatever is switched off.
        let mode = if refusal.is_some() { Mode::Observe } else { desk.config.refunds.mode };
        let planned = if refusal.is_some() { Vec::new() } else { self.plan_refunds(at).await? };
        let mut open: Vec<RefundRow> = refund_rows(desk.store.open_rows().await?);
        let tally = self.tally(MONITOR);
        tally.found = open.len() + planned.len();
        tally.refuses = refusal;
        open.extend(planned);
        let nudged = desk.take_nudged();
        for row in &mut open {
            if nudged.contains(row.number.as_str()) {
                row.next_at = at;
            }
        }
        let all = desk.store.refunds_since(at - TimeDelta(2 * DAY.0)).await?;
        let (go, held) = desk.config.refunds.caps.admit(&open, &all, at);
        for (_, why) in held {
            *self.tally(MONITOR).held.entry(refund_held_name(why)).or_default() += 1;
        }
        for index in go {
            if self.is_late() {
                break;
            }
            let row = open[index].clone();
            // The brake may have been pulled since.
            let mode = if self.refusal(MONITOR, now()).is_some() { Mode::Observe } else { mode };
            let may_have_left = row.state != RefundState::Planned;
            if self.tally(MONITOR).refuses.is_some() && !may_have_left {
                continue;
            }
            let others = desk.store.refunds_of(&row.trade).await?;
            let order = row.order.clone();
            let mut act = Act::Refund(Refund::new(row, &others, mode));
            let carried = self.carry(MONITOR, &mut act, "").await?;
            self.tally(MONITOR).acted += 1;
            self.learn(MONITOR, None, &carried).await;
            if carried.has(FactKind::RefundMarked) || carried.has(FactKind::RefundDone) {
                self.orphans.remove(&order);
            }
        }
        self.sum_refunds(at).await?;
        self.tally(MONITOR).refuses = self.refusal(MONITOR, now());
        Ok(())
    }

    /// Refunds that are due and stand in no ledger yet.
    async fn plan_refunds(&mut self, at: Timestamp) -> Result<Vec<RefundRow>, Failed> {
        let desk = self.desk.clone();
        let mut rows = Vec::new();
        for order in desk.hands.shop.refundable().await? {
            if !self.is_new_refund(&order.order, Purpose::GroupFailed).await? {
                continue;
            }
            let (trade, paid) = match &desk.hands.shop.mapping().orders.trades {
                None => (order.number.clone(), order.amount),
                Some(_) => match self.paid_trade(&order).await? {
                    Some(found) => found,
                    None => continue, // Asked again at the next tick.
                },
            };
            let wish = Wish { trade, purpose: Purpose::GroupFailed, paid, amount: paid };
            rows.extend(self.plan(order.order, wish, at));
        }
        if desk.config.refunds.orphans {
            for (order, orphan) in self.orphans.clone() {
                if self.is_new_refund(&order, Purpose::Orphan).await? {
                    let Orphan { trade, paid, .. } = orphan;
                    let wish = Wish { trade, purpose: Purpose::Orphan, paid, amount: paid };
                    rows.extend(self.plan(order, wish, at));
                }
            }
        }
        Ok(rows)
    }

    fn plan(&self, order: OrderKey, wish: Wish, at: Timestamp) -> Option<RefundRow> {
        match Refund::plan(&self.desk.config.name, order, wish, at) {
            Ok(row) => Some(row),
            Err(error) => {
                tracing::error!(%error, "an order's key is too long for a refund's number");
                None
            }
        }
    }

    async fn is_new_refund(&self, order: &OrderKey, purpose: Purpose) -> Result<bool, Failed> {
        let Ok(number) = RefundNumber::of(&self.desk.config.name, order, purpose, 0) else {
            return Ok(false);
        };
        Ok(self.desk.store.refund(&number).await?.is_none())
    }

    /// Payments of cancelled orders: asked for soon, later, and much later.
    async fn look_for_orphans(&mut self, at: Timestamp) -> Result<(), Failed> {
        let desk = self.desk.clone();
        if !desk.hands.provider.is_there() {
            return Ok(());
        }
        let look_back = desk.config.refunds.look_back;
        let cancelled = desk.hands.shop.cancelled_since(at - look_back).await?;
        self.watched.retain(|_, watch| at - DAY - watch.since <= look_back);
        let still: BTreeSet<&OrderKey> = cancelled.iter().map(|order| &order.order).collect();
        self.orphans.retain(|order, _| still.contains(order));
        let mut due = Vec::new();
        for order in &cancelled {
            if self.watched.len() < WATCHED_MAX || self.watched.contains_key(&order.order) {
                let watch = self.watched.entry(order.order.clone()).or_insert(Watch { since: at, asks: 0 });
                let wait = ORPHAN_ASKS.get(watch.asks).map(|seconds| TimeDelta::from_secs(*seconds));
                if wait.is_some_and(|wait| wait <= at - watch.since) {
                    due.push(order.clone());
                }
            }
        }
        for order in due {
            if self.is_late() || self.questions == 0 {
                break;
            }
            if let Some(watch) = self.watched.get_mut(&order.order) {
                watch.asks += 1;
            }
            let Some((trade, paid)) = self.paid_trade(&order).await? else { continue };
            let fact = fact(FactKind::OrphanPayment, &order.order, Some(paid), trade.as_str(), at);
            desk.hands.tell(Monitor::Refunds, &[fact], &mut self.told).await?;
            self.orphans.entry(order.order).or_insert(Orphan { trade, paid, at });
        }
        Ok(())
    }

    /// Orders that we cancelled, and that the shop has made paid ones again: their stock was given back and is sold twice.
    async fn review(&mut self, at: Timestamp) -> Result<(), Failed> {
        if at - self.reviewed_at < REVIEW_EVERY {
            return Ok(());
        }
        let desk = self.desk.clone();
        let rows = desk.store.cancelled_since(at - desk.config.refunds.look_back).await?;
        let keys: Vec<OrderKey> = rows.into_iter().map(|row| row.order).collect();
        let orders = desk.hands.shop.orders(&keys).await?;
        let again: Vec<_> = orders.iter().filter(|order| order.state == OrderState::Paid).collect();
        let facts: Vec<Fact> = again
            .iter()
            .map(|order| {
                let detail = "its stock was given back and must be taken again";
                fact(FactKind::PaidAfterCancel, &order.order, Some(order.amount), detail, at)
            })
            .collect();
        desk.hands.tell(Monitor::OrderTimeout, &facts, &mut self.told).await?;
        (self.paid_after_cancel, self.reviewed_at) = (again.len(), at);
        Ok(())
    }

    async fn sum_refunds(&mut self, at: Timestamp) -> Result<(), Failed> {
        let rows = self.desk.store.refunds_since(at - TimeDelta(30 * DAY.0)).await?;
        let open: Vec<RefundRow> = rows.iter().filter(|row| row.is_open()).cloned().collect();
        let mut by_state = BTreeMap::new();
        for row in &open {
            *by_state.entry(row.state.name()).or_default() += 1;
        }
        let today = |row: &&RefundRow| row.sent_at.is_some_and(|sent| day(sent) == day(at));
        let sent: Fen = rows.iter().filter(today).map(|row| row.amount).sum();
        self.refunds = RefundsView {
            open: by_state,
            older: RefundCaps::ages(&open, at).into_iter().collect(),
            cap_fen: self.desk.config.refunds.caps.fen_per_day.0,
            sent_today_fen: sent.0,
            human: rows.iter().filter(|row| row.state == RefundState::Human).count(),
        };
        Ok(())
    }

    // ---- figures ----

    async fn low_stock(&mut self) -> Result<(), Failed> {
        let desk = self.desk.clone();
        if desk.hands.shop.mapping().stock.is_none() {
            return Ok(());
        }
        if let Some(refusal) =
            self.refusal(Monitor::LowStock, now()).filter(|refusal| refusal.reason == "mapping")
        {
            self.tally(Monitor::LowStock).refuses = Some(refusal);
            return Ok(());
        }
        let below = desk.config.low_stock.below;
        let (levels, _) = desk.hands.shop.low_stock(below.saturating_mul(2), STOCK_ROWS_MAX).await?;
        let (_, low) = desk.hands.shop.low_stock(below, 0).await?;
        let (_, oversold) = desk.hands.shop.low_stock(0, 0).await?;
        let items =
            levels.into_iter().map(|level| StockItem { id: level.id, sellable: level.sellable }).collect();
        self.stock = StockView { below, low, oversold, items };
        self.tally(Monitor::LowStock).found = low;
        Ok(())
    }

    async fn figures(&mut self, at: Timestamp) -> Result<(), Failed> {
        let desk = self.desk.clone();
        let shop = &desk.hands.shop;
        if shop.mapping().orders.key != KeyKind::Growing {
            return Ok(());
        }
        let clock = shop.now(at).await?;
        let done = match &mut self.tail {
            Some(tail) => tail.tick(shop, clock).await.map(drop),
            None => Tail::start(shop, TailLimits::default(), clock).await.map(|tail| self.tail = Some(tail)),
        };
        self.up = done.as_ref().map(drop).map_err(describe);
        done?;
        if hour(clock) == RECOUNT_HOUR && self.recounted != day(clock) {
            let yesterday = clock - DAY;
            if let Some(tail) = &mut self.tail {
                let drift = tail.recount(shop, yesterday).await?;
                self.recounted = day(clock);
                self.drift = Some(DriftView {
                    at: at.0,
                    orders: drift.orders,
                    sales_fen: drift.sales_fen,
                    refunds_fen: drift.refunds_fen,
                });
            }
        }
        Ok(())
    }

    // ---- what is seen ----

    async fn view(&mut self, at: Timestamp, standby: Option<String>) -> View {
        let desk = self.desk.clone();
        let figures = self.tail.as_ref().map(|tail| {
            let today = tail.today(at);
            FiguresView {
                orders: today.orders,
                sales_fen: today.sales.0,
                refunds_fen: today.refunds.0,
                pending: self.pending,
                drift: self.drift,
            }
        });
        let orphans = self.orphans.iter().map(|(order, orphan)| OrphanView {
            order: order.to_string(),
            trade: orphan.trade.to_string(),
            fen: orphan.paid.0,
            at: orphan.at.0,
        });
        let orphans = orphans.collect();
        let check = match self.check.as_ref().map(|checked| &checked.result) {
            Some(Ok(view)) => view.clone(),
            _ => CheckView::default(),
        };
        View {
            name: desk.config.name.to_string(),
            preset: desk.config.preset.clone(),
            database: desk.hands.shop.dialect().name(),
            up: self.up.is_ok(),
            error: self.up.clone().err(),
            provider: if desk.hands.provider.is_there() { "wechatpay" } else { "none" },
            monitors: self.monitor_views(at, standby.as_deref()),
            standby,
            stopped: desk.is_stopped(),
            kill_switch: desk.kill_switch.display().to_string(),
            tick_at: at.0,
            tick_seconds: self.begun.elapsed().as_secs_f64(),
            every_seconds: desk.config.every.0 as f64 / 1e3,
            check,
            callbacks: CallbacksView { down: self.callbacks.down(at), late: self.callbacks.late(at) },
            refunds: self.refunds.clone(),
            orphans,
            paid_after_cancel: self.paid_after_cancel,
            stock: self.stock.clone(),
            groups: self.groups.clone(),
            groups_ended: self.groups_ended.clone(),
            figures,
        }
    }

    fn monitor_views(&mut self, at: Timestamp, standby: Option<&str>) -> Vec<MonitorView> {
        let mut facts: BTreeMap<Monitor, BTreeMap<String, u64>> = BTreeMap::new();
        for (monitor, kind, count) in self.desk.hands.facts.counts() {
            facts.entry(monitor).or_default().insert(kind, count);
        }
        let mut views = Vec::new();
        for monitor in Monitor::ALL {
            let mut view = MonitorView::new(monitor, monitor.mode(&self.desk.config).name());
            let tally = self.tallies.remove(&monitor).unwrap_or_default();
            view.paused_by = self.desk.paused_by(monitor);
            view.halted = self.gates.halted(monitor).map(halt_detail);
            view.refuses = match standby {
                Some(member) => Some(Refusal::new("standby", member)),
                None if monitor.acts() => self.refusal(monitor, at),
                None => tally.refuses,
            };
            (view.error, view.found, view.acted, view.held) =
                (tally.error, tally.found, tally.acted, tally.held);
            view.quarantined = self.gates.quarantined(monitor);
            view.facts = facts.remove(&monitor).unwrap_or_default();
            views.push(view);
        }
        views
    }
}

impl Gates {
    fn of(&mut self, monitor: Monitor) -> Vec<&mut Gate> {
        match monitor {
            Monitor::OrderTimeout => vec![&mut self.timeout],
            Monitor::GroupSettle => vec![&mut self.success, &mut self.fail],
            _ => Vec::new(),
        }
    }

    fn halted(&self, monitor: Monitor) -> Option<Halt> {
        match monitor {
            Monitor::OrderTimeout => self.timeout.halted(),
            Monitor::GroupSettle => self.success.halted().or(self.fail.halted()),
            Monitor::Refunds => self.refunds,
            Monitor::LowStock | Monitor::Figures => None,
        }
    }

    fn quarantined(&self, monitor: Monitor) -> Vec<String> {
        match monitor {
            Monitor::OrderTimeout => self.timeout.quarantined().map(ToString::to_string).collect(),
            Monitor::GroupSettle => {
                self.success.quarantined().chain(self.fail.quarantined()).map(ToString::to_string).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn fact(kind: FactKind, order: &OrderKey, amount: Option<Fen>, detail: &str, at: Timestamp) -> Fact {
    Fact { kind, subject: Subject::Order(order.clone()), amount, detail: detail.into(), at }
}

fn refund_rows(rows: Vec<LedgerRow>) -> Vec<RefundRow> {
    let refund = |row| match row {
        LedgerRow::Refund(row) => Some(row),
        LedgerRow::Cancel(_) => None,
    };
    rows.into_iter().filter_map(refund).collect()
}

fn held_name(held: Held) -> &'static str {
    match held {
        Held::FirstSeen => "first_seen",
        Held::TooOld => "too_old",
        Held::Paused => "retry_later",
        Held::Quarantined => "quarantined",
        Held::Limit => "limit",
        Held::Halted => "halted",
    }
}

fn refund_held_name(held: lingshao_shop::safety::RefundHeld) -> &'static str {
    use lingshao_shop::safety::RefundHeld;
    match held {
        RefundHeld::DayCap => "day_cap",
        RefundHeld::SizeCap => "size_cap",
        RefundHeld::RunCap => "limit",
        RefundHeld::Pause => "retry_later",
    }
}

fn halt_detail(halt: Halt) -> String {
    match halt {
        Halt::Share { going, pending } => format!("share: {going} of {pending} pending would go at once"),
        halt => halt.name().to_owned(),
    }
}

fn write_halt(halt: Halt) -> String {
    match halt {
        Halt::Share { going, pending } => format!("share {going} {pending}"),
        halt => halt.name().to_owned(),
    }
}

fn read_halt(text: &str) -> Option<Halt> {
    let mut words = text.split(' ');
    Some(match words.next()? {
        "kill_switch" => Halt::KillSwitch,
        "share" => {
            let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
            Halt::Share { going: number(), pending: number() }
        }
        "rows_mismatch" => Halt::RowsMismatch,
        "our_fault" => Halt::OurFault,
        "schema_changed" => Halt::SchemaChanged,
        "clock_skew" => Halt::ClockSkew,
        "quarantine" => Halt::Quarantine,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_halt_survives_a_restart() {
        for halt in [
            Halt::Share { going: 51, pending: 100 },
            Halt::RowsMismatch,
            Halt::OurFault,
            Halt::KillSwitch,
            Halt::SchemaChanged,
            Halt::ClockSkew,
            Halt::Quarantine,
        ] {
            assert_eq!(read_halt(&write_halt(halt)), Some(halt));
        }
        assert_eq!(read_halt("what?"), None);
    }
}
