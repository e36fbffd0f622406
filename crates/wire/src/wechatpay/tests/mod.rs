//! WeChat Pay stands on the other side here with its own key: what it signs is what it would send.

mod answers;
mod keys;
mod notices;
mod requests;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lingshao_model::Timestamp;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::{Merchant, MerchantKey, PlatformKeys, RefundOrder, SignatureHeaders};

const MERCHANT_KEY: &str = include_str!("../testdata/merchant.key.pem");
const MERCHANT_PUBLIC_KEY: &str = include_str!("../testdata/merchant.public.pem");
const PLATFORM_KEY: &str = include_str!("../testdata/platform.key.pem");
const PLATFORM_PUBLIC_KEY: &str = include_str!("../testdata/platform.public.pem");
const PLATFORM_CERTIFICATE: &str = include_str!("../testdata/platform.certificate.pem");
const CERTIFICATE_SERIAL: &str = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1";
const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119000001092025";
const API_KEY: &str = "0123456789abcdef0123456789ABCDEF";
const MCHID: &str = "1900000109";
const SECONDS: i64 = 1_772_541_000;
const NOW: Timestamp = Timestamp(SECONDS * 1000 + 999);

const ORDER: RefundOrder<'_> = RefundOrder {
    order: "20260303123456",
    number: "LSlingxian-42-group-1",
    fen: 880,
    total_fen: 1990,
    reason: None,
    notify_url: None,
};

fn keys() -> PlatformKeys {
    let mut keys = PlatformKeys::new();
    keys.add_certificate(PLATFORM_CERTIFICATE).unwrap();
    keys
}

fn merchant_with(keys: PlatformKeys) -> Merchant {
    let key = MerchantKey::from_pem(MERCHANT_KEY).unwrap();
    Merchant::new("https://pay.test/", MCHID, "01AB", key, keys).unwrap()
}

/// A message as WeChat Pay signs it.
#[derive(Clone)]
struct Signed {
    serial: String,
    timestamp: String,
    nonce: String,
    signature: String,
    kind: Option<String>,
    body: Vec<u8>,
}

impl Signed {
    fn of(body: &str) -> Signed {
        Signed::by(MerchantKey::from_pem(PLATFORM_KEY).unwrap(), SECONDS, body)
    }

    fn by(key: MerchantKey, seconds: i64, body: &str) -> Signed {
        let nonce = "n0nce".to_owned();
        Signed {
            serial: CERTIFICATE_SERIAL.to_owned(),
            timestamp: seconds.to_string(),
            signature: key.sign(format!("{seconds}\n{nonce}\n{body}\n").as_bytes()),
            nonce,
            kind: Some("WECHATPAY2-SHA256-RSA2048".to_owned()),
            body: body.as_bytes().to_vec(),
        }
    }

    fn headers(&self) -> SignatureHeaders<'_> {
        SignatureHeaders {
            serial: Some(&self.serial),
            timestamp: Some(&self.timestamp),
            nonce: Some(&self.nonce),
            signature: Some(&self.signature),
            kind: self.kind.as_deref(),
        }
    }
}

/// As WeChat Pay encrypts: base64 with the tag at the end.
fn seal(key: &str, nonce: &str, associated_data: &str, text: &str) -> String {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_bytes()).unwrap());
    let nonce = Nonce::assume_unique_for_key(nonce.as_bytes().try_into().unwrap());
    let mut bytes = text.as_bytes().to_vec();
    key.seal_in_place_append_tag(nonce, Aad::from(associated_data.as_bytes()), &mut bytes).unwrap();
    STANDARD.encode(bytes)
}
