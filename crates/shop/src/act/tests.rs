//! Every answer at every stage: the trace of effects, and where the act ends.

use super::*;
use crate::ledger::{Purpose, RefundRow, RefundState};
use crate::provider::{Doubt, Refunded};
use crate::{OrderNumber, RefundNumber, ShopName};

const NOW: Timestamp = Timestamp(1_000);

fn order() -> OrderKey {
    OrderKey::new("7").unwrap()
}

fn trades(count: usize) -> Vec<OrderNumber> {
    (1..=count).map(|index| OrderNumber::new(&format!("T{index}")).unwrap()).collect()
}

/// The effects in one word each: `PLANNED query:T1 close:T1 …`; facts in brackets.
fn trace(act: &mut Act, events: Vec<Event>) -> String {
    let mut words = Vec::new();
    for event in events {
        words.extend(step(act, event, NOW).iter().map(word));
    }
    words.join(" ")
}

fn word(effect: &Effect) -> String {
    match effect {
        Effect::Ledger(LedgerRow::Cancel(row)) => row.state.name().to_owned(),
        Effect::Ledger(LedgerRow::Refund(row)) => row.state.name().to_owned(),
        Effect::Provider(ProviderCall::QueryTrade(number)) => format!("query:{number}"),
        Effect::Provider(ProviderCall::CloseTrade(number)) => format!("close:{number}"),
        Effect::Provider(ProviderCall::QueryRefund(number)) => format!("ask:{number}"),
        Effect::Provider(ProviderCall::Refund(request)) => {
            format!("refund:{}:{}", request.number, request.amount.0)
        }
        Effect::ShopTx(ShopTx::Cancel { rehearse: true, .. }) => "rehearse".to_owned(),
        Effect::ShopTx(ShopTx::Cancel { .. }) => "cancel".to_owned(),
        Effect::ShopTx(ShopTx::Claim { .. }) => "claim".to_owned(),
        Effect::ShopTx(ShopTx::MarkRefunded { .. }) => "mark".to_owned(),
        Effect::ShopTx(ShopTx::Read { .. }) => "read".to_owned(),
        Effect::ShopTx(ShopTx::Settle { ending, .. }) => format!("settle:{ending:?}"),
        Effect::Audit(fact) => format!("[{}]", fact.kind.name()),
    }
}

fn trade(answer: TradeAnswer) -> Event {
    Event::Trade(answer)
}

fn paid(fen: i64, refunded: Refunded) -> Event {
    Event::Trade(TradeAnswer::Paid { paid: Fen(fen), refunded })
}

fn doubt() -> Event {
    Event::Trade(TradeAnswer::Doubt(Doubt::NoAnswer))
}

fn close(answer: CloseAnswer) -> Event {
    Event::Close(answer)
}

fn refund(answer: RefundAnswer) -> Event {
    Event::Refund(answer)
}

fn shop(answer: ShopAnswer) -> Event {
    Event::Shop(answer)
}

fn state(state: OrderState) -> Event {
    Event::Shop(ShopAnswer::State(state))
}

#[track_caller]
fn cancels(mode: Mode, trade_count: usize, answers: Vec<Event>, expected: &str) {
    let mut act = Act::Cancel(Cancel::new(order(), trades(trade_count), Fen(100), mode));
    let events = std::iter::once(Event::Start).chain(answers).collect();
    assert_eq!(trace(&mut act, events), expected);
}

/// In mode act with one trade, behind the beginning that is always the same.
#[track_caller]
fn acts(answers: Vec<Event>, expected: &str) {
    cancels(Mode::Act, 1, answers, &format!("[cancelling] PLANNED query:T1 {expected}"));
}

#[test]
fn unpaid_is_closed_then_compared_and_set() {
    use TradeAnswer::{Closed, NotFound, NotPaid};
    let done = || shop(ShopAnswer::Done);
    let closed = || close(CloseAnswer::Closed);
    let asked_again = "close:T1 query:T1 CLOSED cancel DONE [cancelled]";
    acts(vec![trade(NotPaid), closed(), trade(Closed), done()], asked_again);
    // What the provider never saw it says to have closed, too.
    acts(vec![trade(NotFound), closed(), trade(NotFound), done()], asked_again);
    acts(vec![trade(Closed), done()], "CLOSED cancel DONE [cancelled]");
    // Not found is not closed: closing is tried all the same.
    acts(
        vec![trade(NotFound), close(CloseAnswer::NotFound), done()],
        "close:T1 CLOSED cancel DONE [cancelled]",
    );
}

#[test]
fn paid_or_paying_is_never_cancelled() {
    use TradeAnswer::{NotPaid, Paying};
    let paid = || paid(100, Refunded::Nothing);
    acts(vec![paid()], "DROPPED [paid_but_pending]");
    acts(vec![trade(Paying)], "DROPPED [customer_paying]");
    acts(vec![trade(NotPaid), close(CloseAnswer::Paying)], "close:T1 DROPPED [customer_paying]");
    let answers = vec![trade(NotPaid), close(CloseAnswer::AlreadyPaid), paid()];
    acts(answers, "close:T1 query:T1 DROPPED [paid_but_pending]");
}

#[test]
fn doubt_never_leads_to_the_compare_and_set() {
    use TradeAnswer::{Closed, NotPaid};
    let unclear = || close(CloseAnswer::Doubt(Doubt::ProviderError));
    acts(vec![doubt()], "DROPPED [cancel_postponed]");
    acts(vec![trade(NotPaid), unclear(), doubt()], "close:T1 query:T1 DROPPED [cancel_postponed]");
    acts(vec![trade(NotPaid), unclear(), trade(NotPaid)], "close:T1 query:T1 DROPPED [cancel_postponed]");
    let answers = vec![trade(NotPaid), close(CloseAnswer::AlreadyPaid), trade(NotPaid)];
    acts(answers, "close:T1 query:T1 DROPPED [cancel_postponed]");
    // "Closed", and still to be paid: the answer was not about this trade.
    let answers = vec![trade(NotPaid), close(CloseAnswer::Closed), trade(NotPaid)];
    acts(answers, "close:T1 query:T1 DROPPED [cancel_postponed]");
    let answers = vec![trade(NotPaid), close(CloseAnswer::Closed), paid(100, Refunded::Nothing)];
    acts(answers, "close:T1 query:T1 DROPPED [paid_but_pending]");
    // Only the provider's clear word that it is closed.
    let answers = vec![trade(NotPaid), unclear(), trade(Closed), shop(ShopAnswer::Done)];
    acts(answers, "close:T1 query:T1 CLOSED cancel DONE [cancelled]");
}

#[test]
fn a_request_of_ours_that_is_wrong_halts_all() {
    let wrong = || "SIGN_ERROR".into();
    acts(vec![trade(TradeAnswer::OurFault(wrong()))], "DROPPED [cancel_postponed] [our_fault]");
    let answers = vec![trade(TradeAnswer::NotPaid), close(CloseAnswer::OurFault(wrong()))];
    acts(answers, "close:T1 DROPPED [cancel_postponed] [our_fault]");
    let answers = vec![refund(RefundAnswer::NotFound), trade(TradeAnswer::OurFault(wrong()))];
    let expected = "ask:LSlx-7-f0 query:T1 UNKNOWN [refund_unknown] [our_fault]";
    refunds(row(RefundState::Unknown), &[], Mode::Act, answers, expected);
}

#[test]
fn whoever_was_faster_wins_quietly() {
    let lost = |state| vec![trade(TradeAnswer::Closed), shop(ShopAnswer::Lost), self::state(state)];
    acts(lost(OrderState::Paid), "CLOSED cancel read DROPPED [cancel_lost]");
    acts(lost(OrderState::Cancelled), "CLOSED cancel read DONE [found_cancelled]");
    let doubtful = |state| vec![trade(TradeAnswer::Closed), shop(ShopAnswer::Doubt), self::state(state)];
    acts(doubtful(OrderState::Cancelled), "CLOSED cancel read DONE [found_cancelled]");
    acts(doubtful(OrderState::Pending), "CLOSED cancel read DROPPED [cancel_postponed]");
    // Nobody knows: the row stays, and the next start looks again.
    let blind =
        vec![trade(TradeAnswer::Closed), shop(ShopAnswer::Doubt), shop(ShopAnswer::NotDone("".into()))];
    acts(blind, "CLOSED cancel read [cancel_postponed]");
}

#[test]
fn a_transaction_that_changed_the_wrong_rows_halts_all() {
    let answers =
        vec![trade(TradeAnswer::Closed), shop(ShopAnswer::Mismatch("step 2 changed 0 rows".into()))];
    acts(answers, "CLOSED cancel DROPPED [rows_mismatch]");
    assert!(FactKind::RowsMismatch.halts() && FactKind::OurFault.halts() && !FactKind::CancelLost.halts());
}

#[test]
fn every_trade_of_an_order_is_asked_for_before_it_is_cancelled() {
    use TradeAnswer::{Closed, NotPaid};
    let answers = vec![
        trade(Closed),
        trade(NotPaid),
        close(CloseAnswer::Closed),
        trade(Closed),
        shop(ShopAnswer::Done),
    ];
    let expected = "[cancelling] PLANNED query:T1 query:T2 close:T2 query:T2 CLOSED cancel DONE [cancelled]";
    cancels(Mode::Act, 2, answers, expected);
    let answers = vec![trade(Closed), paid(100, Refunded::Nothing)];
    cancels(Mode::Act, 2, answers, "[cancelling] PLANNED query:T1 query:T2 DROPPED [paid_but_pending]");
    cancels(Mode::Act, 0, vec![shop(ShopAnswer::Done)], "[cancelling] PLANNED cancel DONE [cancelled]");
}

#[test]
fn what_is_not_switched_on_changes_nothing() {
    cancels(Mode::Observe, 1, vec![], "[would_cancel]");
    let answers = vec![trade(TradeAnswer::NotPaid), shop(ShopAnswer::Done)];
    cancels(Mode::DryRun, 1, answers, "query:T1 rehearse [would_cancel]");
    cancels(Mode::DryRun, 1, vec![paid(100, Refunded::Nothing)], "query:T1 [paid_but_pending]");
}

#[test]
fn answers_that_come_twice_or_too_late_change_nothing() {
    let answers = vec![
        close(CloseAnswer::Closed),
        trade(TradeAnswer::Closed),
        trade(TradeAnswer::Closed),
        shop(ShopAnswer::Done),
        shop(ShopAnswer::Done),
        Event::Start,
    ];
    acts(answers, "CLOSED cancel DONE [cancelled]");
}

fn row(state: RefundState) -> RefundRow {
    let wish =
        Wish { trade: trades(1).remove(0), purpose: Purpose::Orphan, paid: Fen(100), amount: Fen(100) };
    let row = Refund::plan(&ShopName::new("lx").unwrap(), order(), wish, NOW).unwrap();
    RefundRow { state, ..row }
}

#[track_caller]
fn refunds(row: RefundRow, all: &[RefundRow], mode: Mode, answers: Vec<Event>, expected: &str) {
    let mut act = Act::Refund(Refund::new(row, all, mode));
    let events = std::iter::once(Event::Start).chain(answers).collect();
    assert_eq!(trace(&mut act, events), expected);
}

/// A new refund, up to the answer to its request.
#[track_caller]
fn answers_to_a_request(answer: RefundAnswer, expected: &str) {
    let nothing = paid(100, Refunded::Nothing);
    let answers = vec![shop(ShopAnswer::Done), refund(RefundAnswer::NotFound), nothing, refund(answer)];
    let before =
        "PLANNED [refund_planned] claim ask:LSlx-7-f0 query:T1 SENT [refund_sent] refund:LSlx-7-f0:100";
    refunds(row(RefundState::Planned), &[], Mode::Act, answers, &format!("{before} {expected}"));
}

#[test]
fn a_request_is_written_down_before_it_leaves_and_its_answer_after() {
    answers_to_a_request(RefundAnswer::Processing, "ACCEPTED [refund_accepted]");
    answers_to_a_request(RefundAnswer::Done, "DONE [refund_done] mark");
    answers_to_a_request(RefundAnswer::NotEnough, "UNKNOWN [refund_waits_for_money]");
    answers_to_a_request(RefundAnswer::Final("USER_ACCOUNT_ABNORMAL".into()), "HUMAN [refund_needs_human]");
    answers_to_a_request(RefundAnswer::OurFault("SIGN_ERROR".into()), "SENT [refund_unknown] [our_fault]");
    for doubt in
        [Doubt::NoAnswer, Doubt::ProviderError, Doubt::TooMany, Doubt::BadSignature, Doubt::NotUnderstood]
    {
        answers_to_a_request(RefundAnswer::Doubt(doubt), "UNKNOWN [refund_unknown]");
    }
}

#[test]
fn the_audit_says_from_which_state_to_which_a_refund_has_gone() {
    let changes = |mut act: Act, events: Vec<Event>| {
        let effects = events.into_iter().flat_map(|event| step(&mut act, event, NOW));
        let changes = effects.filter_map(|effect| match effect {
            Effect::Audit(fact) => fact.change.map(|(before, after)| format!("{before}>{after}")),
            _ => None,
        });
        changes.collect::<Vec<_>>()
    };
    let refund_of = |state| Act::Refund(Refund::new(row(state), &[], Mode::Act));
    let sent = vec![
        Event::Start,
        shop(ShopAnswer::Done),
        refund(RefundAnswer::NotFound),
        paid(100, Refunded::Nothing),
        refund(RefundAnswer::Doubt(Doubt::NoAnswer)),
    ];
    let expected = [">PLANNED", "PLANNED>SENT", "SENT>UNKNOWN"];
    assert_eq!(changes(refund_of(RefundState::Planned), sent), expected);
    let done = vec![Event::Start, refund(RefundAnswer::Done), shop(ShopAnswer::Done)];
    assert_eq!(changes(refund_of(RefundState::Unknown), done), ["UNKNOWN>DONE", "refunding>refunded"]);
    let still = vec![Event::Start, refund(RefundAnswer::Processing)];
    assert_eq!(changes(refund_of(RefundState::Accepted), still), [""; 0]);
    let never = Act::Refund(Refund::hand_over(row(RefundState::Planned), "too large", Mode::Act));
    assert_eq!(changes(never, vec![Event::Start]), ["PLANNED>HUMAN"]);
}

#[test]
fn an_order_whose_money_was_given_back_by_hand_is_claimed_before_it_is_marked() {
    let by_hand = |claimed, expected: &str| {
        let answers = vec![shop(claimed), shop(ShopAnswer::Done)];
        refunds(row(RefundState::Done), &[], Mode::Act, answers, &format!("claim {expected}"));
    };
    by_hand(ShopAnswer::Done, "mark DONE [refund_marked]");
    by_hand(ShopAnswer::Lost, "mark DONE [refund_marked]");
    by_hand(ShopAnswer::NotDone("deadlock".into()), "DONE [refund_done]");
    by_hand(ShopAnswer::Mismatch("2 rows".into()), "DONE [refund_done] [rows_mismatch]");
    let sent = RefundRow { sent_at: Some(NOW), ..row(RefundState::Done) };
    refunds(sent, &[], Mode::Act, vec![shop(ShopAnswer::Done)], "mark DONE [refund_marked]");
}

#[test]
fn what_waits_is_tried_again_after_a_minute_then_later_and_later() {
    let mut row = row(RefundState::Unknown);
    for minutes in [1, 2, 4, 8] {
        let mut refund = Refund::new(row.clone(), &[], Mode::Act);
        refund.step(Event::Start, NOW);
        refund.step(self::refund(RefundAnswer::NotEnough), NOW);
        row = refund.row().clone();
        assert_eq!((row.next_at - NOW).0 / 60_000, minutes);
        assert!(row.waits_for_money());
    }
    row.attempts = ATTEMPTS_MAX - 2;
    let mut refund = Refund::new(row, &[], Mode::Act);
    refund.step(Event::Start, NOW);
    refund.step(self::refund(RefundAnswer::NotEnough), NOW);
    assert_eq!((refund.row().next_at - NOW).0 / 3_600_000, 6);
}

#[test]
fn what_may_have_left_is_asked_for_before_it_is_sent_again() {
    let sent = |answers, expected: &str| {
        for state in [RefundState::Sent, RefundState::Unknown] {
            let expected = format!("ask:LSlx-7-f0 {expected}").replace("SAME", state.name());
            refunds(row(state), &[], Mode::Act, Clone::clone(&answers), &expected);
        }
    };
    sent(
        vec![refund(RefundAnswer::Done), shop(ShopAnswer::Done)],
        "DONE [refund_done] mark DONE [refund_marked]",
    );
    sent(vec![refund(RefundAnswer::Processing)], "ACCEPTED [refund_accepted]");
    sent(vec![refund(RefundAnswer::Doubt(Doubt::NoAnswer))], "SAME [refund_unknown]");
    let again = vec![refund(RefundAnswer::NotFound), paid(100, Refunded::Nothing)];
    sent(again, "query:T1 SENT [refund_sent] refund:LSlx-7-f0:100");
    let vanished = vec![refund(RefundAnswer::NotFound)];
    refunds(row(RefundState::Accepted), &[], Mode::Act, vanished, "ask:LSlx-7-f0 HUMAN [refund_needs_human]");
}

#[test]
fn never_more_than_was_paid_without_what_went_back() {
    let sent = |row: RefundRow, all: &[RefundRow], trade, expected: &str| {
        let answers = vec![refund(RefundAnswer::NotFound), trade, refund(RefundAnswer::NotFound)];
        refunds(row, all, Mode::Act, answers, &format!("ask:LSlx-7-f0 query:T1 {expected}"));
    };
    let unknown = || row(RefundState::Unknown);
    let part = |fen| RefundRow { amount: Fen(fen), ..unknown() };
    let other = |fen, state| RefundRow { number: RefundNumber::new("other").unwrap(), state, ..part(fen) };
    let human = "HUMAN [refund_needs_human]";
    // The provider was paid another amount than the shop says.
    sent(unknown(), &[], paid(99, Refunded::Nothing), human);
    sent(part(0), &[], paid(100, Refunded::Nothing), human);
    sent(part(-5), &[], paid(100, Refunded::Nothing), human);
    sent(part(61), &[other(40, RefundState::Done)], paid(100, Refunded::Something), human);
    let send = "SENT [refund_sent] refund:LSlx-7-f0:60 UNKNOWN [refund_unknown]";
    sent(part(60), &[other(40, RefundState::Done)], paid(100, Refunded::Amount(Fen(40))), send);
    sent(part(60), &[other(41, RefundState::Failed)], paid(100, Refunded::Nothing), send);
    // A person refunded in the provider's own pages: asked once more for ours, then given to a person.
    sent(unknown(), &[], paid(100, Refunded::Something), "ask:LSlx-7-f0 HUMAN [refund_needs_human]");
    sent(unknown(), &[], paid(100, Refunded::Amount(Fen(1))), "ask:LSlx-7-f0 HUMAN [refund_needs_human]");
    sent(unknown(), &[], trade(TradeAnswer::NotPaid), human);
}

#[test]
fn only_an_order_that_cannot_be_shipped_is_refunded() {
    let lost = |state, expected: &str| {
        let answers = vec![shop(ShopAnswer::Lost), self::state(state)];
        let expected = format!("PLANNED [refund_planned] claim read {expected}");
        refunds(row(RefundState::Planned), &[], Mode::Act, answers, &expected);
    };
    lost(OrderState::Paid, "FAILED [refund_dropped]");
    lost(OrderState::Refunded, "FAILED [refund_dropped]");
    lost(OrderState::Refunding, "ask:LSlx-7-f0");
    lost(OrderState::Pending, "PLANNED [refund_unknown]");
}

#[test]
fn a_person_may_have_it_tried_under_a_new_number_which_asks_for_the_old_one() {
    let shop_name = ShopName::new("lx").unwrap();
    let old = row(RefundState::Human);
    let [old, new] = next_generation(&old, &shop_name, NOW).unwrap();
    assert_eq!((new.number.as_str(), old.replaced_by.as_ref()), ("LSlx-7-f1", Some(&new.number)));
    assert!(!old.needs_human());
    let error = next_generation(&old, &shop_name, NOW).unwrap_err();
    assert_eq!(error.to_string(), "refund LSlx-7-f0 was replaced by LSlx-7-f1");
    let all = [old, new.clone()];
    let before = "PLANNED [refund_planned] claim ask:LSlx-7-f0";
    let gone = vec![shop(ShopAnswer::Done), refund(RefundAnswer::Done)];
    refunds(new.clone(), &all, Mode::Act, gone, &format!("{before} FAILED [refund_dropped]"));
    let closed = refund(RefundAnswer::Final("CLOSED".into()));
    let nothing = paid(100, Refunded::Nothing);
    let answers = vec![shop(ShopAnswer::Done), closed, refund(RefundAnswer::NotFound), nothing];
    let expected = format!("{before} ask:LSlx-7-f1 query:T1 SENT [refund_sent] refund:LSlx-7-f1:100");
    refunds(new, &all, Mode::Act, answers, &expected);
    let error = next_generation(&row(RefundState::Unknown), &shop_name, NOW).unwrap_err();
    assert_eq!(
        error.to_string(),
        "refund LSlx-7-f0 is UNKNOWN; only one that is HUMAN or FAILED can get a new number"
    );
}

#[test]
fn switching_off_stops_new_money_but_not_the_question_what_became_of_the_old() {
    for mode in [Mode::Observe, Mode::DryRun] {
        refunds(row(RefundState::Planned), &[], mode, vec![], "[would_refund]");
        let missing = vec![refund(RefundAnswer::NotFound)];
        refunds(row(RefundState::Unknown), &[], mode, missing, "ask:LSlx-7-f0 [would_refund]");
        let there = vec![refund(RefundAnswer::Done)];
        refunds(row(RefundState::Sent), &[], mode, there, "ask:LSlx-7-f0 DONE [refund_done]");
    }
}

#[test]
fn word_of_a_refund_that_had_ended_is_asked_about_and_sends_nothing() {
    let heard = |state, mode, answer, expected: &str| {
        refunds(row(state), &[], mode, vec![refund(answer)], format!("ask:LSlx-7-f0 {expected}").trim_end());
    };
    for state in [RefundState::Human, RefundState::Failed] {
        heard(state, Mode::Act, RefundAnswer::Done, "DONE [refund_done] mark");
        heard(state, Mode::Observe, RefundAnswer::Done, "DONE [refund_done]");
        heard(state, Mode::Act, RefundAnswer::Processing, "ACCEPTED [refund_accepted]");
        let final_word = RefundAnswer::Final("CLOSED".into());
        heard(state, Mode::Act, RefundAnswer::Doubt(Doubt::NoAnswer), "");
        heard(state, Mode::Act, RefundAnswer::OurFault("SIGN_ERROR".into()), "");
        for answer in [RefundAnswer::NotFound, RefundAnswer::NotEnough, final_word] {
            heard(state, Mode::Act, answer, "HUMAN [refund_needs_human]");
        }
    }
}

#[test]
fn what_never_ends_goes_to_a_person() {
    let tries = |attempts| {
        let row = RefundRow { attempts, ..row(RefundState::Unknown) };
        let mut act = Act::Refund(Refund::new(row, &[], Mode::Act));
        let unclear = refund(RefundAnswer::Doubt(Doubt::NoAnswer));
        trace(&mut act, vec![Event::Start, unclear])
    };
    assert_eq!(tries(ATTEMPTS_MAX - 2), "ask:LSlx-7-f0 UNKNOWN [refund_unknown]");
    assert_eq!(tries(ATTEMPTS_MAX - 1), "ask:LSlx-7-f0 HUMAN [refund_needs_human]");
}

#[test]
fn what_is_on_its_way_to_a_bank_card_over_a_weekend_needs_no_person() {
    let mut row = RefundRow { attempts: ATTEMPTS_MAX - 1, ..row(RefundState::Accepted) };
    for _ in 0..ATTEMPTS_MAX {
        let mut act = Act::Refund(Refund::new(row.clone(), &[], Mode::Act));
        let answers = vec![Event::Start, refund(RefundAnswer::Processing)];
        assert_eq!(trace(&mut act, answers), "ask:LSlx-7-f0 ACCEPTED [refund_accepted]");
        let Act::Refund(refund) = act else { unreachable!() };
        row = refund.row().clone();
    }
}

#[test]
fn a_group_ends_by_one_transaction() {
    let settle = |success, mode, answer| {
        let mut act = Act::Settle(Settle::group(GroupKey::new("3").unwrap(), success, mode));
        trace(&mut act, vec![Event::Start, shop(answer)])
    };
    assert_eq!(settle(true, Mode::Act, ShopAnswer::Done), "[settling] settle:Success [group_succeeded]");
    assert_eq!(settle(false, Mode::Act, ShopAnswer::Done), "[settling] settle:Failed [group_failed]");
    assert_eq!(settle(false, Mode::Act, ShopAnswer::Lost), "[settling] settle:Failed [settle_lost]");
    assert_eq!(settle(false, Mode::Act, ShopAnswer::Doubt), "[settling] settle:Failed [settle_postponed]");
    assert_eq!(settle(false, Mode::DryRun, ShopAnswer::Done), "settle:Failed [would_settle]");
    assert_eq!(settle(false, Mode::Observe, ShopAnswer::Done), "[would_settle]");
}

#[test]
fn who_paid_after_the_group_had_failed_fails_alone() {
    let settle = |mode, answer| {
        let member = GroupKey::new("8").unwrap();
        let mut act = Act::Settle(Settle::late_member(member, order(), mode));
        trace(&mut act, vec![Event::Start, shop(answer)])
    };
    assert_eq!(settle(Mode::Act, ShopAnswer::Done), "[settling] settle:LateMember [late_member_failed]");
    assert_eq!(settle(Mode::Act, ShopAnswer::Lost), "[settling] settle:LateMember [settle_lost]");
    assert_eq!(settle(Mode::DryRun, ShopAnswer::Done), "settle:LateMember [would_settle]");
    assert_eq!(settle(Mode::Observe, ShopAnswer::Done), "[would_settle]");
}

#[test]
fn what_only_a_person_may_send_is_written_down_and_moves_nothing() {
    let hand_over = |mode| {
        let mut act = Act::Refund(Refund::hand_over(row(RefundState::Planned), "too large", mode));
        let trace = trace(&mut act, vec![Event::Start]);
        let Act::Refund(refund) = act else { unreachable!() };
        (trace, refund.row().why.to_string())
    };
    assert_eq!(hand_over(Mode::Act), ("HUMAN [refund_needs_human]".to_owned(), "too large".to_owned()));
    assert_eq!(hand_over(Mode::Observe).0, "[would_refund]");
}

#[test]
fn after_a_crash_only_what_is_open_goes_on() {
    let cancel = |state| {
        let row =
            crate::ledger::CancelRow { order: order(), trades: trades(1), amount: Fen(1), state, at: NOW };
        LedgerRow::Cancel(row)
    };
    let open = |row| recover(vec![row], Mode::Act).len();
    assert_eq!([CancelState::Planned, CancelState::Closed].map(|state| open(cancel(state))), [1, 1]);
    assert_eq!([CancelState::Done, CancelState::Dropped].map(|state| open(cancel(state))), [0, 0]);
    use RefundState::*;
    let states = [Planned, Sent, Accepted, Unknown, Done, Failed, Human];
    assert_eq!(states.map(|state| open(LedgerRow::Refund(row(state)))), [1, 1, 1, 1, 1, 0, 0]);
    let marked = RefundRow { marked: true, ..row(Done) };
    assert_eq!(open(LedgerRow::Refund(marked)), 0);
}
