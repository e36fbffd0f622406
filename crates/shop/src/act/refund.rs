//! Giving money back, once.
//!
//! The order is first made one that cannot be shipped (*claimed*). Before every request the provider is asked for the
//! refund's number and then for the trade; the row SENT is on disk before the first byte leaves. A number is never
//! replaced by another one, but by a person. What is in doubt stays UNKNOWN and is asked for again, later and later. What had
//! ended without money is asked for once more when the provider sends word of it, and never sent again.

use lingshao_model::{TimeDelta, Timestamp};

use super::{Effect, Event, Fact, FactKind, OrderState, ShopAnswer, ShopTx, Subject};
use crate::ledger::{ACCOUNT_EMPTY, LedgerRow, Purpose, RefundRow, RefundState};
use crate::provider::{ProviderCall, RefundAnswer, RefundRequest, Refunded, TradeAnswer};
use crate::safety::Mode;
use crate::{Fen, KeyError, OrderKey, OrderNumber, RefundNumber, ShopName};

/// After so many tries without an end, about three days, a person must look.
pub const ATTEMPTS_MAX: u32 = 20;
/// A provider's own word on a refund is worth asking for after a minute at the earliest.
const PAUSE_MIN: TimeDelta = TimeDelta::from_secs(60);
/// Before what a provider says of a refund that had ended.
const ASKED: &str = "the provider sent word of it; asked, it says: ";
/// Later than that, nobody would see that an account was filled up.
const PAUSE_MAX: TimeDelta = TimeDelta::from_secs(6 * 3600);

/// A refund under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Refund {
    row: RefundRow,
    /// What went, goes, or may go back for this trade under other numbers of ours.
    others: Fen,
    mode: Mode,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stage {
    Idle,
    Claiming,
    /// The claim lost, or had no answer.
    Reading,
    /// Asks for a number that a person gave up.
    Earlier(usize),
    /// Asks for the own number. `again`: the trade shows money that went back, so that it is asked for a second time.
    Number {
        again: bool,
    },
    Trade,
    Sending,
    /// The same, of money that is back already.
    ClaimingDone,
    Marking,
    /// Word came of what had ended: asks for the own number.
    Ended,
    /// A person is to decide before anything is sent.
    HandOver,
    Rest,
}

impl Refund {
    /// The first generation of a refund, planned at `now`.
    pub fn plan(shop: &ShopName, order: OrderKey, wish: Wish, now: Timestamp) -> Result<RefundRow, KeyError> {
        Ok(RefundRow {
            number: RefundNumber::of(shop, &order, wish.purpose, 0)?,
            earlier: Vec::new(),
            order,
            trade: wish.trade,
            purpose: wish.purpose,
            paid: wish.paid,
            amount: wish.amount,
            state: RefundState::Planned,
            marked: false,
            attempts: 0,
            planned_at: now,
            sent_at: None,
            next_at: now,
            replaced_by: None,
            why: "".into(),
        })
    }

    /// Begins, or goes on, with [`Event::Start`]. `all`: every refund of the ledger that may belong to the same trade.
    pub fn new(row: RefundRow, all: &[RefundRow], mode: Mode) -> Refund {
        let same = |other: &&RefundRow| other.trade == row.trade && other.number != row.number;
        // Numbers that a person gave up are asked for one by one instead.
        let counts =
            |other: &&RefundRow| other.state.may_have_moved_money() && !row.earlier.contains(&other.number);
        let others = all.iter().filter(same).filter(counts).map(|other| other.amount).sum();
        Refund { row, others, mode, stage: Stage::Idle }
    }

    /// One that only a person may send, and why. It moves no money: its row becomes HUMAN.
    pub fn hand_over(row: RefundRow, why: &str, mode: Mode) -> Refund {
        let row = RefundRow { why: why.into(), ..row };
        Refund { row, others: Fen::ZERO, mode, stage: Stage::HandOver }
    }

    /// As it stands now.
    pub fn row(&self) -> &RefundRow {
        &self.row
    }

    pub(super) fn step(&mut self, event: Event, now: Timestamp) -> Vec<Effect> {
        match (self.stage, event) {
            (Stage::Idle, Event::Start) => self.start(now),
            (Stage::Claiming, Event::Shop(answer)) => self.claimed(&answer, now),
            (Stage::Reading, Event::Shop(answer)) => self.read(&answer, now),
            (Stage::Earlier(index), Event::Refund(answer)) => self.asked_earlier(index, &answer, now),
            (Stage::Number { again }, Event::Refund(answer)) => self.asked_number(again, answer, now),
            (Stage::Trade, Event::Trade(answer)) => self.asked_trade(&answer, now),
            (Stage::Sending, Event::Refund(answer)) => self.sent(answer, now),
            (Stage::ClaimingDone, Event::Shop(ShopAnswer::Done | ShopAnswer::Lost)) => self.mark(),
            (Stage::ClaimingDone | Stage::Marking, Event::Shop(answer)) => self.marked(answer, now),
            (Stage::Ended, Event::Refund(answer)) => self.asked_ended(answer, now),
            (Stage::HandOver, Event::Start) => self.handed_over(now),
            _ => Vec::new(),
        }
    }

    fn handed_over(&mut self, now: Timestamp) -> Vec<Effect> {
        let why = self.row.why.clone();
        match self.mode {
            Mode::Act => self.settle(RefundState::Human, FactKind::RefundNeedsHuman, &why, now),
            Mode::Observe | Mode::DryRun => self.rest(FactKind::WouldRefund, &why, now),
        }
    }

    fn start(&mut self, now: Timestamp) -> Vec<Effect> {
        let may_have_left =
            matches!(self.row.state, RefundState::Sent | RefundState::Accepted | RefundState::Unknown);
        match self.row.state {
            RefundState::Failed | RefundState::Human => {
                self.stage = Stage::Ended;
                vec![Effect::Provider(ProviderCall::QueryRefund(self.row.number.clone()))]
            }
            // The money is back; that the order shows it waits for acting.
            RefundState::Done if self.mode != Mode::Act => {
                self.stage = Stage::Rest;
                Vec::new()
            }
            // Given back by hand before anything was sent: the order may still be one that is only cancelled.
            RefundState::Done if self.row.sent_at.is_none() => {
                self.stage = Stage::ClaimingDone;
                vec![Effect::ShopTx(ShopTx::Claim { order: self.row.order.clone() })]
            }
            RefundState::Done => self.mark(),
            _ if self.mode != Mode::Act && !may_have_left => self.rest(FactKind::WouldRefund, "", now),
            RefundState::Sent | RefundState::Accepted | RefundState::Unknown => self.ask_number(false),
            RefundState::Planned => {
                self.stage = Stage::Claiming;
                let mut effects = vec![self.row_effect()];
                if self.row.attempts == 0 {
                    effects.push(self.fact(FactKind::RefundPlanned, self.row.purpose.name(), now));
                }
                effects.push(Effect::ShopTx(ShopTx::Claim { order: self.row.order.clone() }));
                effects
            }
        }
    }

    fn claimed(&mut self, answer: &ShopAnswer, now: Timestamp) -> Vec<Effect> {
        match answer {
            ShopAnswer::Done => self.ask_earlier(0),
            ShopAnswer::Lost | ShopAnswer::Doubt => {
                self.stage = Stage::Reading;
                vec![Effect::ShopTx(ShopTx::Read { order: self.row.order.clone() })]
            }
            ShopAnswer::Mismatch(why) => {
                let mut effects = self.settle(RefundState::Human, FactKind::RefundNeedsHuman, why, now);
                effects.push(self.fact(FactKind::RowsMismatch, why.clone(), now));
                effects
            }
            ShopAnswer::NotDone(why) => self.later(RefundState::Planned, FactKind::RefundUnknown, why, now),
            ShopAnswer::State(_) => Vec::new(),
        }
    }

    fn read(&mut self, answer: &ShopAnswer, now: Timestamp) -> Vec<Effect> {
        match answer {
            ShopAnswer::State(OrderState::Refunding) => self.ask_earlier(0),
            // Shipped or refunded by somebody else: giving money back now would be wrong.
            ShopAnswer::State(OrderState::Paid | OrderState::Refunded | OrderState::Missing) => self.settle(
                RefundState::Failed,
                FactKind::RefundDropped,
                "the order is no longer one to refund",
                now,
            ),
            ShopAnswer::State(state) => {
                self.later(RefundState::Planned, FactKind::RefundUnknown, state.name(), now)
            }
            _ => {
                self.later(RefundState::Planned, FactKind::RefundUnknown, "the order could not be read", now)
            }
        }
    }

    fn ask_earlier(&mut self, index: usize) -> Vec<Effect> {
        match self.row.earlier.get(index) {
            Some(number) => {
                self.stage = Stage::Earlier(index);
                vec![Effect::Provider(ProviderCall::QueryRefund(number.clone()))]
            }
            None => self.ask_number(false),
        }
    }

    fn asked_earlier(&mut self, index: usize, answer: &RefundAnswer, now: Timestamp) -> Vec<Effect> {
        match answer {
            RefundAnswer::NotFound | RefundAnswer::NotEnough | RefundAnswer::Final(_) => {
                self.ask_earlier(index + 1)
            }
            RefundAnswer::Done | RefundAnswer::Processing => {
                let why = format!("the money already goes back as {}", self.row.earlier[index]);
                self.settle(RefundState::Failed, FactKind::RefundDropped, &why, now)
            }
            RefundAnswer::OurFault(why) => self.our_fault(why, now),
            RefundAnswer::Doubt(doubt) => {
                self.later(self.row.state, FactKind::RefundUnknown, doubt.name(), now)
            }
        }
    }

    fn ask_number(&mut self, again: bool) -> Vec<Effect> {
        self.stage = Stage::Number { again };
        vec![Effect::Provider(ProviderCall::QueryRefund(self.row.number.clone()))]
    }

    fn asked_number(&mut self, again: bool, answer: RefundAnswer, now: Timestamp) -> Vec<Effect> {
        match answer {
            RefundAnswer::NotFound if again => {
                let why = "money of this trade went back that is not ours";
                self.settle(RefundState::Human, FactKind::RefundNeedsHuman, why, now)
            }
            RefundAnswer::NotFound if self.row.state == RefundState::Accepted => {
                let why = "accepted before, and now the provider knows nothing of it";
                self.settle(RefundState::Human, FactKind::RefundNeedsHuman, why, now)
            }
            // It has not arrived; whether it is sent once more is for the mode to say.
            RefundAnswer::NotFound if self.mode != Mode::Act => self.rest(FactKind::WouldRefund, "", now),
            RefundAnswer::NotFound => {
                self.stage = Stage::Trade;
                vec![Effect::Provider(ProviderCall::QueryTrade(self.row.trade.clone()))]
            }
            RefundAnswer::Doubt(doubt) => {
                self.later(self.row.state, FactKind::RefundUnknown, doubt.name(), now)
            }
            answer => self.told(answer, now),
        }
    }

    fn asked_trade(&mut self, answer: &TradeAnswer, now: Timestamp) -> Vec<Effect> {
        match answer {
            TradeAnswer::Paid { paid, refunded } => self.check(*paid, *refunded, now),
            TradeAnswer::Paying => {
                self.later(self.row.state, FactKind::RefundUnknown, "the customer is paying", now)
            }
            TradeAnswer::OurFault(why) => self.our_fault(why, now),
            TradeAnswer::Doubt(doubt) => {
                self.later(self.row.state, FactKind::RefundUnknown, doubt.name(), now)
            }
            TradeAnswer::NotFound | TradeAnswer::NotPaid | TradeAnswer::Closed => {
                let why = "the shop says paid, the provider says not paid";
                self.settle(RefundState::Human, FactKind::RefundNeedsHuman, why, now)
            }
        }
    }

    /// Never above what was paid without what went back: by the provider's figures and by ours.
    fn check(&mut self, paid: Fen, refunded: Refunded, now: Timestamp) -> Vec<Effect> {
        let foreign = match refunded {
            Refunded::Nothing => false,
            Refunded::Something => self.others == Fen::ZERO,
            Refunded::Amount(amount) => amount > self.others,
        };
        if foreign {
            return self.ask_number(true); // Perhaps ours, sent by a second process a moment ago.
        }
        let fits = self.others.checked_add(self.row.amount).is_some_and(|sum| sum <= paid);
        if self.row.amount <= Fen::ZERO || paid != self.row.paid || !fits {
            let why = format!(
                "{} of {} paid, {} went back before, and the provider says that {paid} were paid",
                self.row.amount, self.row.paid, self.others
            );
            return self.settle(RefundState::Human, FactKind::RefundNeedsHuman, &why, now);
        }
        self.send(now)
    }

    fn send(&mut self, now: Timestamp) -> Vec<Effect> {
        self.stage = Stage::Sending;
        let was = std::mem::replace(&mut self.row.state, RefundState::Sent);
        self.row.sent_at.get_or_insert(now);
        self.row.next_at = now + pause(self.row.attempts);
        let request = RefundRequest {
            order: self.row.trade.clone(),
            number: self.row.number.clone(),
            amount: self.row.amount,
            paid: self.row.paid,
        };
        vec![
            self.row_effect(),
            self.moved(was, FactKind::RefundSent, "", now),
            Effect::Provider(ProviderCall::Refund(request)),
        ]
    }

    fn sent(&mut self, answer: RefundAnswer, now: Timestamp) -> Vec<Effect> {
        match answer {
            // No answer to a request can mean that the request was not there.
            RefundAnswer::NotFound => {
                self.later(RefundState::Unknown, FactKind::RefundUnknown, "not understood", now)
            }
            RefundAnswer::Doubt(doubt) => {
                self.later(RefundState::Unknown, FactKind::RefundUnknown, doubt.name(), now)
            }
            answer => self.told(answer, now),
        }
    }

    /// A clear word on the own number.
    fn told(&mut self, answer: RefundAnswer, now: Timestamp) -> Vec<Effect> {
        match answer {
            RefundAnswer::Done => {
                let mut effects = self.settle(RefundState::Done, FactKind::RefundDone, "", now);
                if self.mode == Mode::Act {
                    effects.extend(self.mark());
                }
                effects
            }
            RefundAnswer::Processing if self.row.state == RefundState::Accepted => {
                // To a bank card it takes working days, and a weekend is longer than all tries: its age is told of, and no
                // person could do anything.
                self.row.attempts = self.row.attempts.min(ATTEMPTS_MAX - 2);
                self.later(RefundState::Accepted, FactKind::RefundAccepted, "still on its way", now)
            }
            RefundAnswer::Processing => {
                self.row.attempts = 0;
                self.later(RefundState::Accepted, FactKind::RefundAccepted, "", now)
            }
            RefundAnswer::NotEnough => {
                self.later(RefundState::Unknown, FactKind::RefundWaitsForMoney, ACCOUNT_EMPTY, now)
            }
            RefundAnswer::Final(why) => {
                self.settle(RefundState::Human, FactKind::RefundNeedsHuman, &why, now)
            }
            RefundAnswer::OurFault(why) => self.our_fault(&why, now),
            RefundAnswer::NotFound | RefundAnswer::Doubt(_) => Vec::new(),
        }
    }

    /// The number stays open: once we are put right, it goes on.
    fn our_fault(&mut self, why: &str, now: Timestamp) -> Vec<Effect> {
        let mut effects = self.later(self.row.state, FactKind::RefundUnknown, why, now);
        effects.push(self.fact(FactKind::OurFault, why, now));
        effects
    }

    /// Money that went back after all is noted, whoever was to decide; another clear word stays, or comes, before a person;
    /// of an unclear one nothing is written, and it is asked again.
    fn asked_ended(&mut self, answer: RefundAnswer, now: Timestamp) -> Vec<Effect> {
        let said: Box<str> = match answer {
            RefundAnswer::Done | RefundAnswer::Processing => return self.told(answer, now),
            RefundAnswer::Doubt(_) | RefundAnswer::OurFault(_) => {
                self.stage = Stage::Rest;
                return Vec::new();
            }
            RefundAnswer::NotFound => "it knows no refund of this number".into(),
            RefundAnswer::NotEnough => ACCOUNT_EMPTY.into(),
            RefundAnswer::Final(why) => why,
        };
        let before = self.row.why.split(ASKED).next().unwrap_or_default().trim_end_matches("; ");
        let separator = if before.is_empty() { "" } else { "; " };
        let why = format!("{before}{separator}{ASKED}{said}");
        self.settle(RefundState::Human, FactKind::RefundNeedsHuman, &why, now)
    }

    fn mark(&mut self) -> Vec<Effect> {
        self.stage = Stage::Marking;
        let (order, amount) = (self.row.order.clone(), self.row.amount);
        vec![Effect::ShopTx(ShopTx::MarkRefunded { order, amount })]
    }

    fn marked(&mut self, answer: ShopAnswer, now: Timestamp) -> Vec<Effect> {
        match answer {
            ShopAnswer::Done => {
                self.row.marked = true;
                self.settle(RefundState::Done, FactKind::RefundMarked, "", now)
            }
            // The money is back and the order is in a state that nobody mapped: the shop's business.
            ShopAnswer::Lost => {
                self.row.marked = true;
                self.settle(RefundState::Done, FactKind::RefundMarked, "the order had left its state", now)
            }
            // The money is back; to try the statements again would halt everything again.
            ShopAnswer::Mismatch(why) => {
                self.row.marked = true;
                let mut effects = self.settle(RefundState::Done, FactKind::RefundDone, &why, now);
                effects.push(self.fact(FactKind::RowsMismatch, why, now));
                effects
            }
            ShopAnswer::NotDone(why) => self.later(RefundState::Done, FactKind::RefundDone, &why, now),
            ShopAnswer::Doubt => {
                self.later(RefundState::Done, FactKind::RefundDone, "the commit had no answer", now)
            }
            ShopAnswer::State(_) => Vec::new(),
        }
    }

    /// Tried once more after a pause, or given to a person when that was often enough.
    fn later(&mut self, state: RefundState, kind: FactKind, why: &str, now: Timestamp) -> Vec<Effect> {
        self.row.next_at = now + pause(self.row.attempts);
        self.row.attempts += 1;
        if self.row.attempts >= ATTEMPTS_MAX && state != RefundState::Done {
            return self.settle(RefundState::Human, FactKind::RefundNeedsHuman, why, now);
        }
        self.settle(state, kind, why, now)
    }

    fn settle(&mut self, state: RefundState, kind: FactKind, why: &str, now: Timestamp) -> Vec<Effect> {
        self.stage = Stage::Rest;
        let was = std::mem::replace(&mut self.row.state, state);
        self.row.why = why.into();
        vec![self.row_effect(), self.moved(was, kind, why, now)]
    }

    /// Nothing was done, and nothing is written but that.
    fn rest(&mut self, kind: FactKind, why: &str, now: Timestamp) -> Vec<Effect> {
        self.stage = Stage::Rest;
        vec![self.fact(kind, why, now)]
    }

    fn row_effect(&self) -> Effect {
        Effect::Ledger(LedgerRow::Refund(self.row.clone()))
    }

    fn fact(&self, kind: FactKind, detail: impl Into<Box<str>>, at: Timestamp) -> Effect {
        self.moved(self.row.state, kind, detail, at)
    }

    /// A fact by which the row has left this state, if it is another by now.
    fn moved(&self, was: RefundState, kind: FactKind, detail: impl Into<Box<str>>, at: Timestamp) -> Effect {
        let subject = Subject::Refund(self.row.order.clone(), self.row.number.clone());
        let fact = Fact::new(kind, subject, Some(self.row.amount), detail, at);
        let is = self.row.state;
        let change = (was != is).then(|| (was.name(), is.name())).or(fact.change);
        Effect::Audit(Fact { change, ..fact })
    }
}

/// What a new refund is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wish {
    /// The trade that was paid.
    pub trade: OrderNumber,
    /// Why.
    pub purpose: Purpose,
    /// What was paid in all.
    pub paid: Fen,
    /// What is to go back.
    pub amount: Fen,
}

/// Why a person cannot have a refund tried under a new number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NextGenerationError {
    /// It is still under way, or done.
    #[error("refund {0} is {1}; only one that is HUMAN or FAILED can get a new number")]
    NotEnded(RefundNumber, &'static str),
    /// A person has decided before.
    #[error("refund {0} was replaced by {1}")]
    Replaced(RefundNumber, RefundNumber),
    /// The new number would be none.
    #[error(transparent)]
    Number(#[from] KeyError),
}

/// A person's decision: the refund is tried under a new number. All older numbers are asked for before it is sent. What is
/// returned: the old row, of which nothing is to be decided any more, and the new one.
pub fn next_generation(
    row: &RefundRow,
    shop: &ShopName,
    now: Timestamp,
) -> Result<[RefundRow; 2], NextGenerationError> {
    if let Some(new) = &row.replaced_by {
        return Err(NextGenerationError::Replaced(row.number.clone(), new.clone())); // Said twice: the first word counts.
    }
    if !matches!(row.state, RefundState::Human | RefundState::Failed) {
        return Err(NextGenerationError::NotEnded(row.number.clone(), row.state.name()));
    }
    let mut earlier = row.earlier.clone();
    earlier.push(row.number.clone());
    let generation = u32::try_from(earlier.len()).unwrap_or(u32::MAX);
    let number = RefundNumber::of(shop, &row.order, row.purpose, generation)?;
    let replaced = RefundRow { replaced_by: Some(number.clone()), ..row.clone() };
    let new = RefundRow {
        number,
        earlier,
        state: RefundState::Planned,
        marked: false,
        attempts: 0,
        planned_at: now,
        sent_at: None,
        next_at: now,
        why: "".into(),
        ..row.clone()
    };
    Ok([replaced, new])
}

/// 1, 2, 4 … minutes, at most 6 hours.
pub fn pause(attempts: u32) -> TimeDelta {
    TimeDelta(PAUSE_MIN.0.saturating_mul(1 << attempts.min(16)).min(PAUSE_MAX.0))
}
