//! One tick after the other over one shop: what is found is judged, what may be done is done, what was seen is shown.
//!
//! Every tick derives its work anew from the shop's state and the ledger; nothing that a crash could lose is kept here. A
//! monitor that fails says so, and the others go on.

pub(super) mod by_hand;
mod figures;
mod gates;
mod groups;
mod money;
mod orders;
mod seen;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lingshao_model::{TimeDelta, Timestamp};
use lingshao_shop::act::{Act, Fact, FactKind, Subject};
use lingshao_shop::day::{DAY, day};
use lingshao_shop::mapping::KeyKind;
use lingshao_shop::safety::{Admission, CallbackLimits, Callbacks, Candidate, Gate, Halt, Trouble};
use lingshao_shop::sql::check::{Known, PAYMENTS, PLACED, Report};
use lingshao_shop::sql::{AttemptTail, CountedOrders, ShopError, Tail};
use lingshao_shop::{Fen, OrderKey, OrderNumber};

use self::by_hand::WANTED_FOR;
use self::gates::{
    Gates, HARMFUL_KEPT, Harmful, halt_detail, harmful_name, held_name, read_harmful, statements, write_halt,
};
use self::money::{Doubt, Orphan, Watch};
use super::desk::{Desk, halt_name};
use super::hands::{Carried, Told};
use super::monitor::Monitor;
use super::view::{
    CheckView, DriftView, FindingView, GroupView, PaymentView, RefundsView, Refusal, StockView, View,
};
use crate::clock::now;
use crate::failure::with_causes;
use crate::state::StateError;

/// The database is compared with the mapping so often; a deploy of the shop may change its tables at any time.
const CHECK_EVERY: TimeDelta = TimeDelta::from_secs(3_600);
/// After a comparison that failed, or found an error: somebody is at work on it, and waits to see it gone.
const CHECK_AGAIN_AFTER: TimeDelta = TimeDelta::from_secs(15);
/// Where only the index is missing that leads to new orders: to look for the newest one costs a walk over all of them.
const CHECK_INDEX_AFTER: TimeDelta = TimeDelta::from_secs(600);
/// A tick that takes longer leaves the rest to the next, so that people's words are heard.
const TICK_TIME: Duration = Duration::from_secs(60);
/// Questions to the provider that are no part of an act: WeChat Pay allows far more, and a shop has few late orders.
const QUESTIONS_PER_TICK: usize = 20;

/// Orders remembered that cannot be read; beyond, all are forgotten.
const UNREADABLE_MAX: usize = 10_000;

/// What is remembered over restarts: the tables that a person has agreed to, when the newest order was placed, in
/// milliseconds, and when that was seen, with the clock of the column that was read.
const FINGERPRINT: &str = "fingerprint";
const NEWEST_ORDER: &str = "newest_order";
const LOOKED_AT: &str = "looked_at";

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
            Failed::Shop(error) => with_causes(&error),
            Failed::State(error) => {
                format!("the ledger cannot be used, so nothing is done: {}", with_causes(&error))
            }
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
    attempts: Option<AttemptTail>,
    payments: Option<Vec<PaymentView>>,
    drift: Option<DriftView>,
    recounted: i64,
    /// How many orders are remembered over restarts, and since when.
    counted: Option<CountedOrders>,
    counted_at: Timestamp,
    forgot: i64,
    orphans: BTreeMap<OrderNumber, Orphan>,
    /// Another process looked after the shop at the last tick.
    stood_by: bool,
    /// Nor is it known whether another did.
    unsure: bool,
    watched: HashMap<OrderKey, Watch>,
    asked: HashMap<OrderKey, Timestamp>,
    /// Orders that somebody tried to pay in a way that this provider is not asked about, and when that was seen.
    elsewhere: HashMap<OrderKey, Timestamp>,
    /// Orders of whose trades not all are clear.
    doubtful: HashMap<OrderKey, Doubt>,
    /// What was done at this tick because a person said so.
    done_by_hand: HashSet<String>,
    /// The last order of which the provider said nothing.
    unclear: Option<OrderKey>,
    reviewed_at: Timestamp,
    paid_after_cancel: usize,
    ended: BTreeMap<String, bool>,
    groups: Vec<GroupView>,
    groups_unsettled: usize,
    groups_ended: BTreeMap<&'static str, u64>,
    stock: StockView,
    refunds: RefundsView,
    pending: usize,
    up: Result<(), String>,
    tallies: BTreeMap<Monitor, Tally>,
    /// Orders of which it was told that they cannot be read.
    unreadable: HashSet<String>,
    /// What failed at the last tick, and why.
    failing: BTreeMap<Monitor, String>,
    begun: Instant,
    questions: usize,
}

struct Checked {
    at: Timestamp,
    result: Result<CheckView, String>,
}

fn is_of_index(finding: &FindingView) -> bool {
    finding.severity == "error" && finding.place == PLACED
}

impl Checked {
    /// Whether it came to its end and found no error that an act could meet: figures are only looked at.
    fn is_good(&self) -> bool {
        self.has_no_error_but(&[PAYMENTS, PLACED])
    }

    fn has_no_error_but(&self, places: &[&str]) -> bool {
        let is_other =
            |finding: &FindingView| finding.severity == "error" && !places.contains(&finding.place.as_str());
        self.result.as_ref().is_ok_and(|view| !view.findings.iter().any(is_other))
    }

    /// Until the next one.
    fn pause(&self) -> TimeDelta {
        let lacks_index = self.result.as_ref().is_ok_and(|view| view.findings.iter().any(is_of_index));
        if self.has_no_error_but(&[]) {
            CHECK_EVERY
        } else if lacks_index && self.has_no_error_but(&[PLACED, PAYMENTS, "clock"]) {
            CHECK_INDEX_AFTER
        } else {
            CHECK_AGAIN_AFTER
        }
    }
}

impl Keeper {
    /// Goes on where the ledger says that the last life ended.
    pub(super) async fn start(desk: Arc<Desk>, now: Timestamp) -> Result<Keeper, StateError> {
        let store = desk.store.clone();
        let day_ago = now - DAY;
        let (cancelling, settling) =
            (store.instants("cancelling", day_ago).await?, store.instants("settling", day_ago).await?);
        let remembered = loop {
            let words = desk.words();
            let remembered = store.remembered().await?;
            if desk.heed(&remembered, words) {
                break remembered; // Nobody has said anything meanwhile.
            }
        };
        let remembered: HashMap<String, String> = remembered.into_iter().collect();
        let orphans: BTreeMap<OrderNumber, Orphan> =
            remembered.iter().filter_map(|(name, value)| Orphan::read(name, value)).collect();
        let doubtful = orphans.values().map(|orphan| (orphan.order.clone(), Doubt::new(now))).collect();
        let gates = Gates::recall(&desk, &remembered, &cancelling, &settling);
        Ok(Keeper {
            desk,
            gates,
            callbacks: Callbacks::new(CallbackLimits::default()),
            told: Told::default(),
            check: None,
            tail: None,
            attempts: None,
            payments: None,
            drift: None,
            recounted: 0,
            counted: None,
            counted_at: Timestamp(0),
            forgot: 0,
            orphans,
            stood_by: false,
            unsure: false,
            watched: HashMap::new(),
            elsewhere: HashMap::new(),
            doubtful,
            done_by_hand: HashSet::new(),
            asked: HashMap::new(),
            unclear: None,
            reviewed_at: Timestamp(0),
            paid_after_cancel: 0,
            ended: BTreeMap::new(),
            groups: Vec::new(),
            groups_unsettled: 0,
            groups_ended: BTreeMap::new(),
            stock: StockView::default(),
            refunds: RefundsView::default(),
            pending: 0,
            up: Err("not asked yet".to_owned()),
            tallies: BTreeMap::new(),
            unreadable: HashSet::new(),
            failing: BTreeMap::new(),
            begun: Instant::now(),
            questions: 0,
        })
    }

    /// Looks at everything once, does what may be done, and says how all of it stands.
    pub(super) async fn tick(&mut self) -> View {
        let at = now();
        (self.begun, self.questions) = (Instant::now(), QUESTIONS_PER_TICK);
        self.done_by_hand.clear();
        self.tallies = Monitor::ALL.into_iter().map(|monitor| (monitor, Tally::default())).collect();
        let lead_for = TimeDelta(3 * self.desk.config.every.0 + 2 * TICK_TIME.as_millis() as i64);
        let lead = match &self.desk.member {
            Some(member) => self.desk.store.lead(member, at + lead_for, at).await,
            None => Ok(None), // The folder's lock says that there is no other.
        };
        let standby = match &lead {
            Ok(other) => other.clone(),
            Err(error) => {
                tracing::error!(error = %with_causes(error), "the shop's monitors cannot use state.db");
                None
            }
        };
        self.hear().await;
        self.forget(at).await;
        let away = self.compare(at).await;
        if standby.is_none() && lead.is_ok() {
            if let Err(error) = self.take_over().await {
                tracing::error!(error = %with_causes(&error), "what others knew of the shop cannot be read");
                return self.view(at, None).await;
            }
            self.work(at, away).await;
        }
        if lead.is_err() {
            self.unsure = true; // Another may look after it.
        } else {
            (self.stood_by, self.unsure) = (standby.is_some(), false);
        }
        self.view(at, standby).await
    }

    /// Whoever takes over knows what the other has known: its halts, what it left to people, how much of the limits is used.
    async fn take_over(&mut self) -> Result<(), StateError> {
        if self.unsure && !self.stood_by {
            // What state.db did not take while it was away.
            for monitor in Monitor::ALL {
                if let Some(halt) = self.gates.halted(monitor) {
                    self.desk.store.remember(&halt_name(monitor), Some(&write_halt(halt))).await?;
                }
            }
        }
        if self.stood_by || self.unsure {
            let check = self.check.take();
            let (begun, questions) = (self.begun, self.questions);
            *self = Keeper::start(self.desk.clone(), now()).await?;
            (self.check, self.begun, self.questions) = (check, begun, questions);
            self.tallies = Monitor::ALL.into_iter().map(|monitor| (monitor, Tally::default())).collect();
        }
        Ok(())
    }

    /// `away`: the database is known not to answer.
    async fn work(&mut self, at: Timestamp, mut away: Option<String>) {
        let (wanted, stale): (Vec<_>, Vec<_>) =
            self.desk.take_wanted().into_iter().partition(|wanted| at - wanted.at < WANTED_FOR);
        let order = [
            Monitor::Figures,
            Monitor::OrderTimeout,
            Monitor::GroupSettle,
            Monitor::Refunds,
            Monitor::LowStock,
        ];
        for monitor in order {
            if let Some(error) = away.clone() {
                // Each would wait in vain, and a tick would take half a minute. What has left is asked for all the same.
                let asked = match monitor {
                    Monitor::Refunds => self.money_back(at, true).await,
                    _ => Ok(()),
                };
                self.note(monitor, Some(asked.err().map_or(error, Failed::describe)));
                continue;
            }
            let outcome = match monitor {
                Monitor::Figures => self.figures(at).await,
                Monitor::OrderTimeout => self.order_timeout(at, &wanted).await,
                Monitor::GroupSettle => self.group_settle(at, &wanted).await,
                Monitor::Refunds => self.money_back(at, false).await,
                Monitor::LowStock => self.low_stock().await,
            };
            self.count_unreadable(monitor);
            let is_away = matches!(&outcome, Err(Failed::Shop(error)) if error.is_away());
            let error = outcome.err().map(Failed::describe);
            away = error.clone().filter(|_| is_away);
            if let Some(error) = &away {
                self.up = Err(error.clone());
            }
            self.note(monitor, error);
        }
        for wanted in wanted.into_iter().chain(stale) {
            self.answer_for(wanted, at).await;
        }
    }

    /// Whether the shop's database is there; an answer that the mapping does not promise is one.
    fn saw<T>(&mut self, outcome: &Result<T, ShopError>) {
        self.up = match outcome {
            Err(error) if !error.is_of_mapping() => Err(with_causes(error)),
            _ => Ok(()),
        };
    }

    /// Orders that this monitor's questions have passed over.
    fn count_unreadable(&mut self, monitor: Monitor) {
        let unreadable = self.desk.hands.shop.take_unreadable();
        if unreadable.is_empty() {
            return;
        }
        self.tally(monitor).held.insert("unreadable", unreadable.len());
        if UNREADABLE_MAX < self.unreadable.len() {
            self.unreadable.clear(); // Told once more.
        }
        for (order, why) in unreadable {
            if self.unreadable.insert(order.clone()) {
                tracing::warn!(%order, %why, "a row of the shop cannot be read; no monitor looks after it");
            }
        }
    }

    fn note(&mut self, monitor: Monitor, error: Option<String>) {
        // Once, not at every tick: a database that is away for a night is one line.
        if self.failing.get(&monitor) != error.as_ref() {
            match &error {
                Some(error) => {
                    tracing::warn!(monitor = monitor.name(), %error, "a monitor of the shop failed; it is tried again at every tick");
                }
                None => tracing::info!(monitor = monitor.name(), "a monitor of the shop looks again"),
            }
        }
        match &error {
            Some(error) => drop(self.failing.insert(monitor, error.clone())),
            None => drop(self.failing.remove(&monitor)),
        }
        self.tally(monitor).error = error;
    }

    fn tally(&mut self, monitor: Monitor) -> &mut Tally {
        self.tallies.entry(monitor).or_default()
    }

    fn is_late(&self) -> bool {
        self.desk.is_ending() || TICK_TIME < self.begun.elapsed()
    }

    /// Once a day.
    async fn forget(&mut self, at: Timestamp) {
        if self.forgot == day(at) {
            return;
        }
        self.forgot = day(at);
        if let Err(error) = self.desk.store.forget(at).await {
            tracing::warn!(error = %with_causes(&error), "old rows of the shop's ledger stay for a day more");
        }
        let statements = statements(&self.desk);
        for (name, seen) in self.desk.store.remembered().await.unwrap_or_default() {
            let is_over = |one: &Harmful| HARMFUL_KEPT < at - one.at || one.statements != statements;
            if read_harmful(&name, &seen).is_some_and(|one| is_over(&one)) {
                self.remember(&name, None).await;
            }
        }
    }

    /// What people said since the last tick.
    async fn hear(&mut self) {
        for monitor in self.desk.take_resumed() {
            self.gates.of(monitor).into_iter().for_each(Gate::resume);
            self.gates.refunds = self.gates.refunds.filter(|_| monitor != Monitor::Refunds);
            self.remember(&halt_name(monitor), None).await;
        }
        if self.desk.take_agreed() {
            self.remember(FINGERPRINT, None).await;
            self.check = None;
        }
    }

    async fn remember(&self, name: &str, value: Option<&str>) {
        if let Err(error) = self.desk.store.remember(name, value).await {
            tracing::error!(error = %with_causes(&error), name, "state.db does not remember this of the shop");
        }
    }

    /// The mapping against the database, at the start and every hour; sooner while something is wrong. What is
    /// returned: the database is away.
    async fn compare(&mut self, at: Timestamp) -> Option<String> {
        let due = self.check.as_ref().is_none_or(|checked| checked.pause() <= at - checked.at);
        if !due {
            return None;
        }
        let desk = self.desk.clone();
        let remembered: HashMap<String, String> = match desk.store.remembered().await {
            Ok(remembered) => remembered.into_iter().collect(),
            Err(error) => {
                let result = Err(format!("state.db cannot be read: {}", with_causes(&error)));
                self.check = Some(Checked { at, result });
                return None;
            }
        };
        let fingerprint = remembered.get(FINGERPRINT).map(String::as_str);
        let newest = remembered.get(NEWEST_ORDER).and_then(|text| text.parse().ok()).map(Timestamp);
        let clock = format!("{:?}", desk.hands.shop.mapping().clock.column);
        let looked = remembered.get(LOOKED_AT).and_then(|text| text.split_once(' '));
        let looked_at =
            looked.filter(|(_, of)| *of == clock).and_then(|(at, _)| at.parse().ok()).map(Timestamp);
        let result = desk.hands.shop.check(Known { fingerprint, newest, looked_at }, at).await;
        let is_away = result.as_ref().is_err_and(ShopError::is_away);
        self.up = result.as_ref().map(drop).map_err(|error| with_causes(error));
        let seen = result.as_ref().ok().and_then(|report| report.newest);
        let checked = Checked {
            at,
            result: result.map(|report| check_view(report, at)).map_err(|error| with_causes(&error)),
        };
        if let (Ok(view), None, true) = (&checked.result, fingerprint, checked.is_good()) {
            // The first look that finds nothing wrong is agreed to by whoever wrote the configuration. Not one by a user
            // who may not see the tables yet: to give the rights would then be a change.
            self.remember(FINGERPRINT, Some(&view.fingerprint)).await;
        }
        if let Some(seen) = seen {
            if Some(seen) != newest {
                self.remember(NEWEST_ORDER, Some(&seen.0.to_string())).await;
            }
            self.remember(LOOKED_AT, Some(&format!("{} {clock}", at.0))).await;
        }
        self.check = Some(checked);
        self.up.clone().err().filter(|_| is_away)
    }

    /// Why a monitor does not act, the weightiest reason first.
    fn refusal(&self, monitor: Monitor, at: Timestamp) -> Option<Refusal> {
        let desk = &self.desk;
        if desk.is_stopped() {
            return Some(Refusal::new("stopped", desk.stopped_by()));
        }
        if let Some(by) = desk.paused_by(monitor) {
            return Some(Refusal::new("paused", by));
        }
        match self.check.as_ref().map(|checked| &checked.result) {
            None => return Some(Refusal::new("database", "not asked yet")),
            Some(Err(error)) => return Some(Refusal::new("database", error.clone())),
            Some(Ok(_)) => {}
        }
        if let Some(refusal) = self.misfit(monitor) {
            return Some(refusal);
        }
        if let Some(halt) = self.gates.halted(monitor) {
            return Some(Refusal::new("halted", halt_detail(halt)));
        }
        match self.callbacks.trouble(at).filter(|_| monitor == Monitor::OrderTimeout)? {
            Trouble::Late(late) => Some(Refusal::new("callbacks", format!("{late} late"))),
            Trouble::Silent(answers) => Some(Refusal::new("provider", format!("{answers} unclear"))),
        }
    }

    /// What of the mapping does not fit the tables that a monitor looks at.
    fn misfit(&self, monitor: Monitor) -> Option<Refusal> {
        let finding = self.errors().find(|finding| monitor.is_concerned_by(&finding.place))?;
        Some(Refusal::new("mapping", format!("{}: {}", finding.place, finding.message)))
    }

    /// Whether the check found an error at this place.
    fn is_wrong(&self, place: &str) -> bool {
        self.errors().any(|finding| finding.place == place)
    }

    /// Whether new orders are found without a walk over all of them.
    fn finds_orders(&self) -> bool {
        let keys_grow = self.desk.hands.shop.mapping().orders.key == KeyKind::Growing;
        let is_checked = self.check.as_ref().is_some_and(|checked| checked.result.is_ok());
        keys_grow || (is_checked && !self.is_wrong(PLACED))
    }

    fn errors(&self) -> impl Iterator<Item = &FindingView> {
        let view = self.check.as_ref().and_then(|checked| checked.result.as_ref().ok());
        let findings = view.map(|view| view.findings.as_slice()).unwrap_or_default();
        findings.iter().filter(|finding| finding.severity == "error")
    }

    /// What an act's facts mean for what comes next.
    async fn learn(&mut self, monitor: Monitor, order: Option<&OrderKey>, carried: &Carried) {
        let at = now();
        for clear in &carried.answers {
            match order {
                Some(order) => self.answered(order, *clear, at),
                None => self.callbacks.answered(*clear, at),
            }
        }
        if let Some(order) = order {
            if carried.has(FactKind::PaidButPending) {
                self.callbacks.paid_but_pending(order, at);
            }
            let has = |kinds: &[FactKind]| kinds.iter().any(|kind| carried.has(*kind));
            for gate in self.gates.of(monitor) {
                if has(&[FactKind::RowsMismatch]) {
                    gate.quarantine(order, at);
                } else if has(&[FactKind::CancelPostponed, FactKind::SettlePostponed]) {
                    gate.failed(order, at);
                } else if has(&[FactKind::PaidButPending, FactKind::CustomerPaying, FactKind::CancelLost]) {
                    gate.put_off(order, at);
                }
            }
            // A rehearsal shows what is to be mended; what was mended must not be left alone for ever.
            let was_act = carried.has(FactKind::Cancelling) || carried.has(FactKind::Settling);
            if was_act && carried.has(FactKind::RowsMismatch) {
                let value = format!("{} {}", at.0, statements(&self.desk));
                self.remember(&harmful_name(monitor, order), Some(&value)).await;
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

    /// The provider was asked about an order, and said something or nothing.
    fn answered(&mut self, order: &OrderKey, clear: bool, at: Timestamp) {
        self.callbacks.answered(clear, at);
        if !clear {
            self.unclear = Some(order.clone());
        }
    }

    async fn halt(&mut self, monitor: Monitor, halt: Halt) {
        for gate in self.gates.of(monitor) {
            gate.halt(halt);
        }
        if monitor == Monitor::Refunds {
            self.gates.refunds.get_or_insert(halt);
        }
        self.remember(&halt_name(monitor), Some(&write_halt(halt))).await;
    }

    /// What a gate lets through; what it holds is counted, and a halt that it has found just now is remembered.
    async fn admitted(
        &mut self,
        monitor: Monitor,
        halted_before: Option<Halt>,
        admission: Admission,
    ) -> Vec<Candidate> {
        let halted = self.gates.halted(monitor);
        if let Some(halt) = halted.filter(|_| halted != halted_before) {
            self.remember(&halt_name(monitor), Some(&write_halt(halt))).await;
        }
        let held = &mut self.tally(monitor).held;
        for (_, why) in admission.held {
            *held.entry(held_name(why)).or_default() += 1;
        }
        admission.go
    }

    /// Whether a monitor does nothing at this tick; what it found is then held for that reason.
    fn refuses(&mut self, monitor: Monitor, at: Timestamp, found: usize) -> bool {
        let refusal = self.refusal(monitor, at);
        let tally = self.tally(monitor);
        if let Some(refusal) = &refusal {
            tally.held.insert(refusal.reason, found);
        }
        tally.refuses = refusal;
        tally.refuses.is_some()
    }

    /// Whether nothing more is to be done at this tick.
    fn must_stop(&self, monitor: Monitor) -> bool {
        self.is_late() || self.refusal(monitor, now()).is_some()
    }

    async fn carry(&mut self, monitor: Monitor, act: &mut Act, by: &str) -> Result<Carried, StateError> {
        let desk = self.desk.clone();
        desk.hands.carry_out(monitor, act, by, &mut self.told).await
    }
}

fn check_view(report: Report, at: Timestamp) -> CheckView {
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
            severity: finding.severity(),
            place: finding.place,
            message: finding.problem.to_string(),
        });
    }
    view
}

fn fact(kind: FactKind, order: &OrderKey, amount: Option<Fen>, detail: &str, at: Timestamp) -> Fact {
    Fact::new(kind, Subject::Order(order.clone()), amount, detail, at)
}
