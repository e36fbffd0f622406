//! Callbacks: what WeChat Pay tells by itself, signed and encrypted. They come more than once, in any order, or not at
//! all; so one is a reason to ask, and what it says is checked against what we know.

use lingshao_model::Timestamp;
use serde::Deserialize;

use super::answer::{BODY_BYTES_MAX, RefundAmount, checked_fen, checked_id, parse, refund_state, repayment};
use super::{ApiV3Key, PlatformKeys, SignatureError, SignatureHeaders};
use crate::notify::one_line;
use crate::provider::{Payment, Refund, Trouble};

/// A callback, opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The same for each time that the same is told.
    pub id: String,
    /// What is told.
    pub event: NoticeEvent,
}

/// What is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoticeEvent {
    /// How a refund ended.
    Refund {
        /// The shop's number of the order.
        order: String,
        /// Our number of the refund.
        number: String,
        /// How it stands.
        refund: Refund,
    },
    /// An order was paid.
    Paid {
        /// The shop's number of the order.
        order: String,
        /// How much, and under which number.
        payment: Payment,
    },
    /// Something else, by its name; it was not looked at.
    Other(String),
}

/// Why a callback is refused: it is to be answered with 4xx, so that WeChat Pay tells it again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoticeError {
    /// More than any has.
    #[error("a callback of more than {BODY_BYTES_MAX} bytes")]
    TooLong,
    /// Not proven to be WeChat Pay's.
    #[error("a callback is refused: {0}")]
    Signature(#[from] SignatureError),
    /// Its content was encrypted by another key.
    #[error("a callback cannot be decrypted; is the APIv3 key the one that is set on the merchant platform?")]
    Sealed,
    /// Signed, and yet for somebody else, or in words that we do not know.
    #[error("a callback is not understood: {0}")]
    NotUnderstood(String),
}

impl From<Trouble> for NoticeError {
    fn from(trouble: Trouble) -> NoticeError {
        NoticeError::NotUnderstood(trouble.to_string())
    }
}

#[derive(Deserialize)]
struct Envelope {
    id: String,
    event_type: String,
    resource: Resource,
}

#[derive(Deserialize)]
struct Resource {
    algorithm: String,
    ciphertext: String,
    nonce: String,
    #[serde(default)]
    associated_data: Option<String>,
}

#[derive(Deserialize)]
struct RefundResource {
    mchid: String,
    out_trade_no: String,
    out_refund_no: String,
    refund_id: String,
    refund_status: String,
    amount: RefundAmount,
}

#[derive(Deserialize)]
struct PaidResource {
    mchid: String,
    out_trade_no: String,
    transaction_id: String,
    trade_state: String,
    amount: PaidAmount,
}

#[derive(Deserialize)]
struct PaidAmount {
    total: i64,
    currency: Option<String>,
}

/// Opens a callback to the merchant `mchid`.
pub fn open(
    mchid: &str,
    keys: &PlatformKeys,
    api_key: &ApiV3Key,
    signature: &SignatureHeaders<'_>,
    body: &[u8],
    now: Timestamp,
) -> Result<Notice, NoticeError> {
    if BODY_BYTES_MAX < body.len() {
        return Err(NoticeError::TooLong);
    }
    signature.verify(keys, body, now)?;
    let envelope: Envelope = parse(body)?;
    if envelope.id.is_empty() || 64 < envelope.id.len() {
        return Err(NoticeError::NotUnderstood("its id is empty or longer than 64 bytes".to_owned()));
    }
    let is_refund = envelope.event_type.starts_with("REFUND.");
    let event = if is_refund || envelope.event_type == "TRANSACTION.SUCCESS" {
        let content = unseal(api_key, &envelope.resource)?;
        if is_refund { refund(mchid, &envelope.event_type, &content)? } else { paid(mchid, &content)? }
    } else {
        NoticeEvent::Other(one_line(&envelope.event_type, 64))
    };
    Ok(Notice { id: envelope.id, event })
}

fn unseal(api_key: &ApiV3Key, resource: &Resource) -> Result<Vec<u8>, NoticeError> {
    if resource.algorithm != "AEAD_AES_256_GCM" {
        let other = one_line(&resource.algorithm, 64);
        return Err(NoticeError::NotUnderstood(format!("it is encrypted by `{other}`")));
    }
    let associated = resource.associated_data.as_deref().unwrap_or_default();
    api_key.open(&resource.nonce, associated, &resource.ciphertext).ok_or(NoticeError::Sealed)
}

fn refund(mchid: &str, event: &str, content: &[u8]) -> Result<NoticeEvent, NoticeError> {
    let told: RefundResource = parse(content)?;
    if told.mchid != mchid {
        return Err(NoticeError::NotUnderstood("it is for another merchant".to_owned()));
    }
    if event != format!("REFUND.{}", told.refund_status) {
        return Err(NoticeError::NotUnderstood("its envelope tells another end than its content".to_owned()));
    }
    let refund = refund_state(&told.refund_status, repayment(&told.refund_id, &told.amount)?)?;
    Ok(NoticeEvent::Refund { order: told.out_trade_no, number: told.out_refund_no, refund })
}

fn paid(mchid: &str, content: &[u8]) -> Result<NoticeEvent, NoticeError> {
    let told: PaidResource = parse(content)?;
    if told.mchid != mchid {
        return Err(NoticeError::NotUnderstood("it is for another merchant".to_owned()));
    }
    if told.trade_state != "SUCCESS" {
        return Err(NoticeError::NotUnderstood("its envelope tells another end than its content".to_owned()));
    }
    let fen = checked_fen(told.amount.total, told.amount.currency.as_deref())?;
    let payment = Payment { fen, transaction: checked_id(&told.transaction_id)? };
    Ok(NoticeEvent::Paid { order: told.out_trade_no, payment })
}
