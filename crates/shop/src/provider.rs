//! What a payment provider is asked and what it answers, in words that every provider has.
//!
//! A client (WeChat Pay now, Alipay later) maps its own codes to these; nothing in here knows a provider's name. What a
//! client does not understand, or cannot verify the signature of, is [`Doubt`]: it may have happened.

use crate::{Fen, OrderNumber, RefundNumber};

/// One question or order to the provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ProviderCall {
    /// How does this trade stand? Changes nothing.
    QueryTrade(OrderNumber),
    /// Let nobody pay this trade any more.
    CloseTrade(OrderNumber),
    /// How does this refund stand? Changes nothing.
    QueryRefund(RefundNumber),
    /// Give money back.
    Refund(RefundRequest),
}

/// Everything a refund's request says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RefundRequest {
    /// Which trade.
    pub order: OrderNumber,
    /// The key that makes a repetition harmless.
    pub number: RefundNumber,
    /// How much goes back.
    pub amount: Fen,
    /// What was paid in all: providers compare it.
    pub paid: Fen,
}

/// How a trade stands at the provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TradeAnswer {
    /// It knows no such trade. That is not "closed": the customer may still open the page on which one pays.
    NotFound,
    /// Known and not paid.
    NotPaid,
    /// The customer types the password at this moment.
    Paying,
    /// Paid.
    Paid {
        /// How much.
        paid: Fen,
        /// How much of it went back already, as far as the provider tells with a trade.
        refunded: Refunded,
    },
    /// Closed or revoked: nobody can pay it.
    Closed,
    /// Our question was wrong, as all others will be: nothing may be sent until somebody has looked.
    OurFault(Box<str>),
    /// It may be anything.
    Doubt(Doubt),
}

/// What a provider tells about refunds of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refunded {
    /// Nothing went back.
    Nothing,
    /// Some did, and it does not say how much (WeChat Pay's `trade_state: REFUND`).
    Something,
    /// This much.
    Amount(Fen),
}

/// What came of closing a trade.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CloseAnswer {
    /// Closed now or before. Some providers say so of numbers, too, that they never saw: it is asked for once more.
    Closed,
    /// It knows no such trade.
    NotFound,
    /// Too late: the customer has paid.
    AlreadyPaid,
    /// The customer is paying.
    Paying,
    /// Our request was wrong, as all others will be.
    OurFault(Box<str>),
    /// It may be closed or not.
    Doubt(Doubt),
}

/// How a refund stands, as answer to the request and to the question alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RefundAnswer {
    /// Taken, and on its way.
    Processing,
    /// The money is back.
    Done,
    /// It knows no refund of this number.
    NotFound,
    /// Refused for now: the merchant's account is empty. The same number is right later.
    NotEnough,
    /// Refused for ever, closed or abnormal: a person must look.
    Final(Box<str>),
    /// Our request was wrong (signature, parameter, merchant): nothing may be sent until somebody has looked.
    OurFault(Box<str>),
    /// It may have happened: time out, 5xx, frequency limit, SYSTEM_ERROR, an answer whose signature is wrong.
    Doubt(Doubt),
}

/// Why an answer is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Doubt {
    /// No answer in time, or no connection.
    NoAnswer,
    /// The provider said that it does not know itself.
    ProviderError,
    /// Too many requests.
    TooMany,
    /// The answer's signature is not the provider's.
    BadSignature,
    /// An answer in words that the client does not know.
    NotUnderstood,
}

impl Doubt {
    /// As it stands in audit facts and labels.
    pub fn name(self) -> &'static str {
        match self {
            Doubt::NoAnswer => "no_answer",
            Doubt::ProviderError => "provider_error",
            Doubt::TooMany => "too_many_requests",
            Doubt::BadSignature => "bad_signature",
            Doubt::NotUnderstood => "not_understood",
        }
    }
}
