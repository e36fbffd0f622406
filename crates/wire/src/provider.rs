//! What a payment provider's answer means, in words that every provider has.
//!
//! Contract: the client of each provider ([`crate::wechatpay`]; Alipay has its place beside it) maps its own codes to
//! these, and nothing in here knows a provider's name. Amounts are whole fen. What an answer does not say beyond doubt is
//! a [`Trouble`], never a state: nobody is to cancel or to pay on a guess.

use std::fmt;

/// How a trade stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trade {
    /// No trade of this number. Not "closed": the customer may still open the page on which one pays.
    NotFound,
    /// Known, and not paid.
    Unpaid,
    /// The customer is at it in this moment.
    Paying,
    /// Paid.
    Paid(Payment),
    /// Paid, and some of it or all has been asked back; how much, only the refunds themselves say.
    Refunded(Payment),
    /// Closed or revoked: nobody can pay it.
    Closed,
}

/// A payment that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// What the order cost, which is also the most that can go back.
    pub fen: i64,
    /// The provider's number of it.
    pub transaction: String,
}

/// What came of closing a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// Nobody can pay under this number, now or since before. Not every provider looks whether it knew the number.
    Closed,
    /// No trade of this number.
    NotFound,
    /// Too late: it is paid.
    AlreadyPaid,
    /// The customer is at it in this moment.
    Paying,
}

/// How a refund stands: as answer to the request and to the question alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refund {
    /// No refund of this number.
    NotFound,
    /// Accepted and on its way; the money is not there yet.
    Processing(Repayment),
    /// The money is back.
    Done(Repayment),
    /// The customer's account does not take it. Not the end: a person can send it elsewhere.
    Abnormal(Repayment),
    /// Given up by the provider. Only a refund under a new number can still bring the money, which a person decides.
    Closed(Repayment),
}

/// A refund that the provider knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repayment {
    /// How much goes back.
    pub fen: i64,
    /// The provider's number of it.
    pub id: String,
}

/// Why an answer does not say how things stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// What was asked for may have happened or not. Ask how it stands, then repeat it, under the same number.
    RetrySameNumber(Doubt, String),
    /// The merchant's account is empty. The same request is right once there is money.
    WaitForMerchant(String),
    /// Refused for ever: a person must look at this one.
    Final(String),
    /// We asked wrongly, and shall ask all others as wrongly: nothing may be sent until a person has looked.
    OurBug(String),
    /// The answer does not fit the question, or is in words that we do not know. To be treated as
    /// [`Trouble::RetrySameNumber`]; it is told apart because repeating it is unlikely to help.
    Unknown(String),
}

/// Why something may have happened or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The provider says that it does not know itself, or is out of order.
    ProviderError,
    /// We ask too often.
    TooMany,
    /// It is not proven that the provider wrote the answer.
    BadSignature,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::RetrySameNumber(doubt, said) => write!(f, "{doubt}: {said}"),
            Trouble::WaitForMerchant(said) => write!(f, "the merchant's account has not enough: {said}"),
            Trouble::Final(said) => write!(f, "the provider refuses: {said}"),
            Trouble::OurBug(said) => write!(f, "our request was wrong: {said}"),
            Trouble::Unknown(said) => write!(f, "the answer is not understood: {said}"),
        }
    }
}

impl std::error::Error for Trouble {}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Doubt::ProviderError => "the provider is out of order",
            Doubt::TooMany => "the provider was asked too often",
            Doubt::BadSignature => "the answer is not proven to be the provider's",
        })
    }
}
