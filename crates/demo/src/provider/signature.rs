//! How shop and provider know that it was the other who wrote.
//!
//! HMAC-SHA256 over five lines, each ended by a line feed: method, path, seconds since 1970, nonce, body. In the headers
//! `Pay-Timestamp`, `Pay-Nonce` and `Pay-Signature` (base64). The scheme is that of WeChat Pay v3, whose RSA keys `ring`
//! can use, but not make.

use axum::http::{HeaderMap, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use crate::time::Moment;

/// How far the sender's clock may be off.
const SKEW_MS_MAX: i64 = 300_000;

const HEADERS: [&str; 3] = ["pay-timestamp", "pay-nonce", "pay-signature"];

/// A key that both sides have.
#[derive(Clone, Debug)]
pub(crate) struct Key(hmac::Key);

/// No randomness is to be had from the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers to make keys of")]
pub(crate) struct NoRandomness;

impl Key {
    /// A new key.
    pub(crate) fn generate() -> Result<Key, NoRandomness> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        key.map(Key).map_err(|_| NoRandomness)
    }

    /// The headers for a message.
    pub(crate) fn sign(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
        now: Moment,
    ) -> Result<[(&'static str, HeaderValue); 3], NoRandomness> {
        let mut nonce = [0; 12];
        SystemRandom::new().fill(&mut nonce).map_err(|_| NoRandomness)?;
        let (timestamp, nonce) = ((now.0 / 1_000).to_string(), STANDARD.encode(nonce));
        let tag = hmac::sign(&self.0, &message(method, path, &timestamp, &nonce, body));
        let values = [timestamp, nonce, STANDARD.encode(tag)];
        let value = |index: usize| {
            let text = HeaderValue::from_str(&values[index]).expect("digits and base64 are header values");
            (HEADERS[index], text)
        };
        Ok([value(0), value(1), value(2)])
    }

    /// Whether the message is the other side's; the error says why not.
    pub(crate) fn verify(
        &self,
        method: &str,
        path: &str,
        headers: &HeaderMap,
        body: &[u8],
        now: Moment,
    ) -> Result<(), &'static str> {
        let header = |index: usize| headers.get(HEADERS[index]).and_then(|value| value.to_str().ok());
        let (Some(timestamp), Some(nonce), Some(signature)) = (header(0), header(1), header(2)) else {
            return Err("a Pay-* header is missing");
        };
        let sent: i64 = timestamp.parse().map_err(|_| "Pay-Timestamp is no number")?;
        if (now.0 / 1_000).abs_diff(sent) * 1_000 > SKEW_MS_MAX as u64 {
            return Err("Pay-Timestamp is more than five minutes off");
        }
        let signature = STANDARD.decode(signature).map_err(|_| "Pay-Signature is no base64")?;
        let message = message(method, path, timestamp, nonce, body);
        hmac::verify(&self.0, &message, &signature).map_err(|_| "Pay-Signature does not fit")
    }
}

fn message(method: &str, path: &str, timestamp: &str, nonce: &str, body: &[u8]) -> Vec<u8> {
    let mut message = format!("{method}\n{path}\n{timestamp}\n{nonce}\n").into_bytes();
    message.extend_from_slice(body);
    message.push(b'\n');
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_counts_only_as_it_was_signed() {
        let (key, other) = (Key::generate().expect("random"), Key::generate().expect("random"));
        let now = Moment(1_772_541_000_000);
        let signed = key.sign("POST", "/notify", b"{\"total\":100}", now).expect("random");
        let headers: HeaderMap = signed.into_iter().map(|(n, v)| (n.parse().expect("a name"), v)).collect();
        let check = |key: &Key, path: &str, body: &[u8], at: i64| {
            key.verify("POST", path, &headers, body, Moment(at))
        };
        assert_eq!(check(&key, "/notify", b"{\"total\":100}", now.0 + 299_000), Ok(()));
        assert!(check(&key, "/notify", b"{\"total\":101}", now.0).is_err());
        assert!(check(&key, "/other", b"{\"total\":100}", now.0).is_err());
        assert!(check(&other, "/notify", b"{\"total\":100}", now.0).is_err());
        assert!(check(&key, "/notify", b"{\"total\":100}", now.0 + 301_000).is_err());
        assert!(key.verify("POST", "/notify", &HeaderMap::new(), b"", now).is_err());
    }
}
