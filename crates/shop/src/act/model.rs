//! Two monitors with ledgers of their own, a payer, the shop's callback and its own job, a provider, and a network that
//! loses, doubles and delays: every order of their steps is tried, with the very `step` that runs in a shop.
//!
//! What must hold (the names are the properties'): no more goes back than was paid; an order is never both shippable and
//! cancelled or refunded; stock comes back once, when the order is cancelled; and when nothing is left to happen, money
//! of a cancelled order is back or a person was told. Then the same world with one thing broken, which must be seen.

use stateright::{Checker, Model, Property};

use super::{Act, Cancel, Effect, Event, OrderState, Refund, ShopAnswer, ShopTx, Wish, recover, step};
use crate::ledger::{LedgerRow, Purpose, RefundRow, RefundState};
use crate::provider::{CloseAnswer, Doubt, ProviderCall, RefundAnswer, RefundRequest, Refunded, TradeAnswer};
use crate::safety::Mode;
use crate::{Fen, OrderKey, OrderNumber, RefundNumber, ShopName};
use lingshao_model::Timestamp;

const NOW: Timestamp = Timestamp(0);
const PAID: Fen = Fen(100);

/// What is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutant {
    None,
    /// The cancelling update does not name the state.
    NoCompareAndSet,
    /// It names the time of the last change instead, in whole seconds.
    OneSecondLock,
    /// Every request has a number of its own.
    RandomNumber,
    /// A request is sent again without a question before.
    NoQueryBeforeRetry,
}

#[derive(Clone, Debug)]
struct World {
    mutant: Mutant,
    faults: u8,
    monitors: usize,
    /// The provider forgets keys after a day (Stripe does), and the second money goes out.
    forgets: bool,
    /// A late callback makes a cancelled order a paid one (litemall does).
    resurrects: bool,
    /// The order begins as one of a failed group, paid and waiting for its refund.
    group: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    order: OrderState,
    stock_returned: u8,
    trade: TradeAnswer,
    callbacks: u8,
    shop_job_ran: bool,
    /// Every refund that moved money.
    moved: Vec<RefundNumber>,
    /// Keys by which the provider knows a repetition.
    keys: Vec<RefundNumber>,
    /// Requests that are late.
    network: Vec<RefundRequest>,
    sent: u8,
    faults: u8,
    monitors: Vec<Monitor>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Monitor {
    ledger: Vec<LedgerRow>,
    act: Option<Act>,
    todo: Vec<Effect>,
    /// A broken update that has read and not yet written.
    about_to_write: bool,
    reported: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    Pay,
    Callback,
    DoubleCallback,
    ShopJob,
    Late(usize),
    Forget,
    BeginCancel(usize),
    BeginRefund(usize),
    Recover(usize, usize),
    Crash(usize),
    Effect(usize, Fault),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fault {
    None,
    /// It did not arrive.
    Lost,
    /// It arrived, and its answer did not.
    Mute,
    /// It will arrive later.
    Late,
}

fn order() -> OrderKey {
    OrderKey::new("1").unwrap()
}

fn trade() -> OrderNumber {
    OrderNumber::new("T1").unwrap()
}

fn new_refund(purpose: Purpose) -> RefundRow {
    let wish = Wish { trade: trade(), purpose, paid: PAID, amount: PAID };
    Refund::plan(&ShopName::new("lx").unwrap(), order(), wish, NOW).unwrap()
}

fn paid(refunded: Refunded) -> TradeAnswer {
    TradeAnswer::Paid { paid: PAID, refunded }
}

impl State {
    fn is_paid(&self) -> bool {
        matches!(self.trade, TradeAnswer::Paid { .. })
    }

    fn refund_rows(&self) -> impl Iterator<Item = &RefundRow> {
        self.monitors.iter().flat_map(|monitor| &monitor.ledger).filter_map(|row| match row {
            LedgerRow::Refund(row) => Some(row),
            LedgerRow::Cancel(_) => None,
        })
    }

    /// The shop's own code on a payment's callback.
    fn callback(&mut self, resurrects: bool) {
        if self.order == OrderState::Pending || (resurrects && self.order == OrderState::Cancelled) {
            self.order = OrderState::Paid;
        }
    }

    fn cancel(&mut self) {
        self.order = OrderState::Cancelled;
        self.stock_returned += 1;
    }

    fn shop(&mut self, call: &ShopTx) -> ShopAnswer {
        let swap = |state: &mut State, from: OrderState, to: OrderState| {
            if state.order == to {
                return ShopAnswer::Done;
            }
            let found = state.order == from;
            state.order = if found { to } else { state.order };
            if found { ShopAnswer::Done } else { ShopAnswer::Lost }
        };
        match call {
            ShopTx::Cancel { .. } if self.order != OrderState::Pending => ShopAnswer::Lost,
            ShopTx::Cancel { .. } => {
                self.cancel();
                ShopAnswer::Done
            }
            ShopTx::Claim { .. } => swap(self, OrderState::Cancelled, OrderState::Refunding),
            ShopTx::MarkRefunded { .. } => swap(self, OrderState::Refunding, OrderState::Refunded),
            ShopTx::Read { .. } => ShopAnswer::State(self.order),
            ShopTx::Settle { .. } => ShopAnswer::Lost,
        }
    }

    fn provider(&mut self, call: &ProviderCall) -> Event {
        match call {
            ProviderCall::QueryTrade(_) if self.is_paid() && !self.moved.is_empty() => {
                Event::Trade(paid(Refunded::Something))
            }
            ProviderCall::QueryTrade(_) => Event::Trade(self.trade.clone()),
            ProviderCall::CloseTrade(_) if self.is_paid() => Event::Close(CloseAnswer::AlreadyPaid),
            ProviderCall::CloseTrade(_) => {
                self.trade = TradeAnswer::Closed;
                Event::Close(CloseAnswer::Closed)
            }
            ProviderCall::QueryRefund(number) => Event::Refund(match self.moved.contains(number) {
                true => RefundAnswer::Done,
                false => RefundAnswer::NotFound,
            }),
            ProviderCall::Refund(request) => {
                self.refund(request);
                Event::Refund(RefundAnswer::Processing)
            }
        }
    }

    /// No cap of the provider's own: that no more goes back than was paid must be ours to keep.
    fn refund(&mut self, request: &RefundRequest) {
        if !self.keys.contains(&request.number) {
            self.keys.push(request.number.clone());
            self.moved.push(request.number.clone());
        }
    }
}

fn in_doubt(call: &ProviderCall) -> Event {
    match call {
        ProviderCall::QueryTrade(_) => Event::Trade(TradeAnswer::Doubt(Doubt::NoAnswer)),
        ProviderCall::CloseTrade(_) => Event::Close(CloseAnswer::Doubt(Doubt::NoAnswer)),
        ProviderCall::QueryRefund(_) | ProviderCall::Refund(_) => {
            Event::Refund(RefundAnswer::Doubt(Doubt::NoAnswer))
        }
    }
}

impl World {
    fn begin(&self, state: &mut State, monitor: usize, act: Act) {
        state.monitors[monitor].act = Some(act);
        self.give(state, monitor, Event::Start);
    }

    fn give(&self, state: &mut State, monitor: usize, event: Event) {
        let monitor = &mut state.monitors[monitor];
        let Some(act) = &mut monitor.act else { return };
        let effects = step(act, event, NOW);
        let told = |effect: &Effect| matches!(effect, Effect::Audit(fact) if fact.kind == super::FactKind::PaidButPending);
        monitor.reported |= effects.iter().any(told);
        // Facts change nothing in this world: without them there are fewer states to see.
        monitor.todo = effects.into_iter().filter(|effect| !matches!(effect, Effect::Audit(_))).collect();
        if monitor.todo.is_empty() {
            monitor.act = None;
        }
    }

    fn carry_out(&self, state: &mut State, index: usize, fault: Fault) {
        let effect = state.monitors[index].todo.remove(0);
        match effect {
            Effect::Ledger(row) => {
                keep(&mut state.monitors[index].ledger, row);
                if state.monitors[index].todo.is_empty() {
                    state.monitors[index].act = None;
                }
            }
            Effect::Provider(call) => {
                let event = self.ask(state, call, fault);
                self.give(state, index, event);
            }
            Effect::ShopTx(call) => self.transact(state, index, call, fault),
            Effect::Audit(_) => {}
        }
    }

    fn ask(&self, state: &mut State, mut call: ProviderCall, fault: Fault) -> Event {
        match (&mut call, self.mutant) {
            (ProviderCall::QueryRefund(_), Mutant::NoQueryBeforeRetry) => {
                return Event::Refund(RefundAnswer::NotFound);
            }
            (ProviderCall::QueryTrade(_), Mutant::NoQueryBeforeRetry) if state.is_paid() => {
                return Event::Trade(paid(Refunded::Nothing));
            }
            (ProviderCall::Refund(request), Mutant::RandomNumber) => {
                state.sent += 1;
                request.number = RefundNumber::new(&format!("R{}", state.sent)).unwrap();
            }
            _ => {}
        }
        match (fault, &call) {
            (Fault::None, call) => state.provider(call),
            (Fault::Mute, call) => {
                state.provider(call);
                in_doubt(call)
            }
            (Fault::Late, ProviderCall::Refund(request)) => {
                state.network.push(request.clone());
                in_doubt(&call)
            }
            (_, call) => in_doubt(call),
        }
    }

    fn transact(&self, state: &mut State, index: usize, call: ShopTx, fault: Fault) {
        let breaks = matches!(self.mutant, Mutant::NoCompareAndSet | Mutant::OneSecondLock);
        if breaks && matches!(call, ShopTx::Cancel { .. }) && !state.monitors[index].about_to_write {
            // Read, see that it is pending (all within one second), and write later.
            if state.order == OrderState::Pending {
                state.monitors[index].about_to_write = true;
                state.monitors[index].todo.insert(0, Effect::ShopTx(call));
            } else {
                self.give(state, index, Event::Shop(ShopAnswer::Lost));
            }
            return;
        }
        let answer = if std::mem::take(&mut state.monitors[index].about_to_write) {
            state.cancel();
            ShopAnswer::Done
        } else {
            match fault {
                Fault::None => state.shop(&call),
                Fault::Mute => {
                    state.shop(&call);
                    ShopAnswer::Doubt
                }
                Fault::Lost | Fault::Late => ShopAnswer::NotDone("no connection".into()),
            }
        };
        self.give(state, index, Event::Shop(answer));
    }

    fn monitor_steps(&self, state: &State, index: usize, steps: &mut Vec<Step>) {
        let monitor = &state.monitors[index];
        let Some(next) = monitor.todo.first() else {
            if state.order == OrderState::Pending && !monitor.reported {
                steps.push(Step::BeginCancel(index));
            }
            let known = monitor.ledger.iter().any(|row| matches!(row, LedgerRow::Refund(_)));
            let orphan = state.order == OrderState::Cancelled && state.is_paid();
            if !known && (orphan || (self.group && state.order == OrderState::Refunding)) {
                steps.push(Step::BeginRefund(index));
            }
            let open = recover(monitor.ledger.clone(), Mode::Act).len();
            steps.extend((0..open).map(|act| Step::Recover(index, act)));
            return;
        };
        steps.push(Step::Effect(index, Fault::None));
        if state.faults > 0 {
            steps.push(Step::Crash(index));
            if matches!(next, Effect::Provider(_) | Effect::ShopTx(_)) {
                steps.extend([Step::Effect(index, Fault::Lost), Step::Effect(index, Fault::Mute)]);
            }
            if matches!(next, Effect::Provider(ProviderCall::Refund(_))) {
                steps.push(Step::Effect(index, Fault::Late));
            }
        }
    }
}

/// The newest row of a key counts.
fn keep(ledger: &mut Vec<LedgerRow>, row: LedgerRow) {
    let same = |old: &LedgerRow| match (old, &row) {
        (LedgerRow::Cancel(old), LedgerRow::Cancel(new)) => old.order == new.order,
        (LedgerRow::Refund(old), LedgerRow::Refund(new)) => old.number == new.number,
        _ => false,
    };
    ledger.retain(|old| !same(old));
    ledger.push(row);
    ledger.sort_by_key(|row| matches!(row, LedgerRow::Refund(_)));
}

impl Model for World {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            order: if self.group { OrderState::Refunding } else { OrderState::Pending },
            stock_returned: 0,
            trade: if self.group { paid(Refunded::Nothing) } else { TradeAnswer::NotPaid },
            callbacks: 0,
            shop_job_ran: self.group,
            moved: Vec::new(),
            keys: Vec::new(),
            network: Vec::new(),
            sent: 0,
            faults: self.faults,
            monitors: vec![Monitor::default(); self.monitors],
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        if matches!(state.trade, TradeAnswer::NotPaid) {
            steps.push(Step::Pay);
        }
        if state.callbacks > 0 {
            steps.push(Step::Callback);
        }
        if state.callbacks == 1 && state.faults > 0 {
            steps.push(Step::DoubleCallback);
        }
        if !state.shop_job_ran {
            steps.push(Step::ShopJob);
        }
        steps.extend((0..state.network.len()).map(Step::Late));
        let quiet = state.network.is_empty() && state.monitors.iter().all(|monitor| monitor.act.is_none());
        if self.forgets && quiet && !state.keys.is_empty() {
            steps.push(Step::Forget);
        }
        (0..self.monitors).for_each(|index| self.monitor_steps(state, index, steps));
    }

    fn next_state(&self, last: &State, action: Step) -> Option<State> {
        let mut state = last.clone();
        match action {
            Step::Pay => (state.trade, state.callbacks) = (paid(Refunded::Nothing), 1),
            Step::Callback => {
                state.callbacks -= 1;
                state.callback(self.resurrects);
            }
            Step::DoubleCallback => (state.callbacks, state.faults) = (2, state.faults - 1),
            // Right in its compare-and-set, and without a word to the provider: where orphans come from.
            Step::ShopJob => {
                state.shop_job_ran = true;
                state.shop(&ShopTx::Cancel { order: order(), rehearse: false });
            }
            Step::Late(index) => {
                let request = state.network.remove(index);
                state.refund(&request);
            }
            Step::Forget => state.keys.clear(),
            Step::BeginCancel(index) => {
                self.begin(
                    &mut state,
                    index,
                    Act::Cancel(Cancel::new(order(), vec![trade()], PAID, Mode::Act)),
                );
            }
            Step::BeginRefund(index) => {
                let purpose = if self.group { Purpose::GroupFailed } else { Purpose::Orphan };
                let act = Act::Refund(Refund::new(new_refund(purpose), &[], Mode::Act));
                self.begin(&mut state, index, act);
            }
            Step::Recover(index, act) => {
                let act = recover(state.monitors[index].ledger.clone(), Mode::Act).remove(act);
                self.begin(&mut state, index, act);
            }
            Step::Crash(index) => {
                state.faults -= 1;
                let monitor = &mut state.monitors[index];
                (monitor.act, monitor.todo, monitor.about_to_write) = (None, Vec::new(), false);
            }
            Step::Effect(index, fault) => {
                state.faults -= u8::from(fault != Fault::None);
                self.carry_out(&mut state, index, fault);
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no more goes back than was paid", |_, state: &State| state.moved.len() <= 1),
            Property::always(
                "shippable is neither cancelled nor refunded",
                |world: &World, state: &State| {
                    let kept = world.resurrects || state.stock_returned == 0;
                    state.order != OrderState::Paid || (kept && state.moved.is_empty())
                },
            ),
            Property::always(
                "stock comes back once, with the cancellation",
                |world: &World, state: &State| {
                    let back = !matches!(state.order, OrderState::Pending | OrderState::Paid) && !world.group;
                    world.resurrects || state.stock_returned == u8::from(back)
                },
            ),
            Property::always(
                "in the end the money is back or a person knows",
                |world: &World, state: &State| {
                    let mut steps = Vec::new();
                    world.actions(state, &mut steps);
                    if !steps.iter().all(|step| matches!(step, Step::Forget)) {
                        return true;
                    }
                    let human = state.refund_rows().any(|row| row.state == RefundState::Human);
                    let reported = state.monitors.iter().all(|monitor| monitor.reported);
                    match state.order {
                        OrderState::Pending => state.is_paid() && reported,
                        OrderState::Refunded => state.moved.len() == 1,
                        OrderState::Cancelled | OrderState::Refunding => !state.is_paid() || human,
                        _ => state.is_paid(),
                    }
                },
            ),
            Property::sometimes("an orphan's money comes back", |_, state: &State| {
                state.order == OrderState::Refunded
            }),
            Property::sometimes("the customer wins", |world: &World, state: &State| {
                world.group || state.order == OrderState::Paid
            }),
        ]
    }
}

const CALM: World =
    World { mutant: Mutant::None, faults: 1, monitors: 2, forgets: false, resurrects: false, group: false };

#[track_caller]
fn holds(world: World) {
    let name = format!("{world:?}");
    let checker = world.checker().threads(2).spawn_bfs().join();
    println!("{name}: {} states", checker.unique_state_count());
    checker.assert_properties();
}

#[track_caller]
fn is_caught(mutant: Mutant, forgets: bool, property: &'static str) {
    let checker = World { mutant, forgets, ..CALM }.checker().threads(2).spawn_bfs().join();
    assert!(checker.discovery(property).is_some(), "{mutant:?} is not seen to break: {property}");
}

/// Runs of `make soak`: more faults, which take minutes.
fn faults() -> u8 {
    std::env::var("LINGSHAO_SOAK").map_or(1, |_| 3)
}

#[test]
fn two_monitors_a_payer_and_the_shops_job_never_lose_money() {
    holds(World { faults: faults(), ..CALM });
}

#[test]
fn one_monitor_survives_more_faults() {
    holds(World { faults: faults() + 1, monitors: 1, ..CALM });
}

#[test]
fn a_provider_that_forgets_keys_gives_money_back_once() {
    holds(World { faults: faults(), forgets: true, ..CALM });
}

#[test]
fn a_shop_that_resurrects_cancelled_orders_never_ships_what_was_refunded() {
    holds(World { faults: faults(), resurrects: true, ..CALM });
}

#[test]
fn members_of_a_failed_group_get_their_money_back_once() {
    holds(World { faults: faults() + 1, group: true, ..CALM });
}

#[test]
fn what_is_broken_on_purpose_is_seen() {
    let stock = "stock comes back once, with the cancellation";
    let money = "no more goes back than was paid";
    is_caught(Mutant::NoCompareAndSet, false, stock);
    is_caught(Mutant::OneSecondLock, false, stock);
    is_caught(Mutant::RandomNumber, false, money);
    is_caught(Mutant::NoQueryBeforeRetry, true, money);
}
