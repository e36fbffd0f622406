//! WeChat Pay, API v3 (pay.weixin.qq.com/doc/v3/merchant): orders and refunds of one merchant.
//!
//! Contract: pure. [`Merchant`] makes signed requests, the functions of [`answer`] say what came back in the words of
//! [`crate::provider`], [`notice`] opens callbacks; time and nonces are arguments. Keys are read once into types that
//! show nothing in `Debug`. Nothing is believed whose signature was not verified over the bytes as they came.
//!
//! Requests are signed and answers verified by RSA PKCS#1 v1.5 with SHA-256, callbacks are encrypted by AES-256-GCM, all
//! by `ring`. What is left out: asking for payments (the shop does that), bills, and downloading platform certificates
//! (they are configured, as the public key is, which has replaced them for all new merchants).

pub mod answer;
mod der;
mod key;
pub mod notice;
mod pem;
mod request;
mod signature;

pub use answer::{Answer, BODY_BYTES_MAX};
pub use key::{ApiV3Key, KeyError, MerchantKey, PlatformKeys};
pub use request::{Merchant, RefundOrder, RequestError};
pub use signature::{CLOCK_SECONDS_MAX, SignatureError, SignatureHeaders};

#[cfg(test)]
#[allow(clippy::needless_pass_by_value)] // `check` takes its line of data whole.
mod tests;
