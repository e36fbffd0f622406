//! The signature of WeChat Pay under its answers and callbacks: over time, nonce and body as it came.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lingshao_model::Timestamp;

use super::PlatformKeys;

/// How far WeChat Pay's clock may be from ours, excluded: the vendor's own clients take the same.
pub const CLOCK_SECONDS_MAX: u64 = 300;
/// How a signature begins that WeChat Pay makes wrong on purpose, to see whether anybody looks.
const PROBE: &str = "WECHATPAY/SIGNTEST/";
const SCHEME: &str = "WECHATPAY2-SHA256-RSA2048";

/// The headers that carry a signature, as they came.
#[derive(Clone, Copy, Debug, Default)]
pub struct SignatureHeaders<'a> {
    /// `Wechatpay-Serial`: by which key.
    pub serial: Option<&'a str>,
    /// `Wechatpay-Timestamp`: seconds since 1970.
    pub timestamp: Option<&'a str>,
    /// `Wechatpay-Nonce`
    pub nonce: Option<&'a str>,
    /// `Wechatpay-Signature`: in base64.
    pub signature: Option<&'a str>,
    /// `Wechatpay-Signature-Type`; without one it is RSA.
    pub kind: Option<&'a str>,
}

/// Why a message is not taken for WeChat Pay's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not signed, or not wholly.
    #[error("the header {0} is missing")]
    Missing(&'static str),
    /// Another algorithm, as SM2.
    #[error("it is signed by `{0}` instead of {SCHEME}")]
    Scheme(String),
    /// Too old, or an old one sent again, or a clock is wrong.
    #[error("it was signed {0} s away from now, more than 300; is the clock of this host right?")]
    Clock(u64),
    /// A key that we do not have.
    #[error(
        "it is signed by the key `{0}`, which is not configured; add that platform certificate or public key"
    )]
    UnknownKey(String),
    /// Made wrong on purpose by WeChat Pay, who wants to see it refused.
    #[error("its signature is one of WeChat Pay's probes, which are to be refused")]
    Probe,
    /// Not WeChat Pay's, or changed on the way.
    #[error("its signature does not fit what it says")]
    Wrong,
}

impl<'a> SignatureHeaders<'a> {
    /// Picks them; names are asked for in lower case.
    pub fn read(header: impl Fn(&'static str) -> Option<&'a str>) -> SignatureHeaders<'a> {
        SignatureHeaders {
            serial: header("wechatpay-serial"),
            timestamp: header("wechatpay-timestamp"),
            nonce: header("wechatpay-nonce"),
            signature: header("wechatpay-signature"),
            kind: header("wechatpay-signature-type"),
        }
    }

    /// Whether WeChat Pay wrote this body, less than five minutes ago.
    pub fn verify(&self, keys: &PlatformKeys, body: &[u8], now: Timestamp) -> Result<(), SignatureError> {
        let serial = self.serial.ok_or(SignatureError::Missing("Wechatpay-Serial"))?;
        let timestamp = self.timestamp.ok_or(SignatureError::Missing("Wechatpay-Timestamp"))?;
        let nonce = self.nonce.ok_or(SignatureError::Missing("Wechatpay-Nonce"))?;
        let signature = self.signature.ok_or(SignatureError::Missing("Wechatpay-Signature"))?;
        if let Some(kind) = self.kind.filter(|kind| *kind != SCHEME) {
            return Err(SignatureError::Scheme(excerpt(kind)));
        }
        if signature.starts_with(PROBE) {
            return Err(SignatureError::Probe);
        }
        let seconds: i64 = timestamp.parse().map_err(|_| SignatureError::Wrong)?;
        let apart = now.0.div_euclid(1000).abs_diff(seconds);
        if CLOCK_SECONDS_MAX <= apart {
            return Err(SignatureError::Clock(apart));
        }
        let bytes = STANDARD.decode(signature).map_err(|_| SignatureError::Wrong)?;
        let message = [timestamp.as_bytes(), b"\n", nonce.as_bytes(), b"\n", body, b"\n"].concat();
        match keys.verify(serial, &message, &bytes) {
            Some(true) => Ok(()),
            Some(false) => Err(SignatureError::Wrong),
            None => Err(SignatureError::UnknownKey(excerpt(serial))),
        }
    }
}

/// What a stranger wrote, for people: not long, and nothing that moves the cursor.
fn excerpt(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}
