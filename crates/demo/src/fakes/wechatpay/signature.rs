//! Signatures of both sides, written apart from our own client's: "签名生成" and "签名验证" of API v3.

use std::collections::BTreeMap;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use super::super::http::Request;
use super::Account;

const SCHEME: &str = "WECHATPAY2-SHA256-RSA2048";
const CLOCK_MAY_DIFFER_SECONDS: u64 = 300;

/// How answers are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signing {
    /// By the key that the request asks for.
    #[default]
    Honest,
    /// By somebody else's key under the platform's name.
    Forged,
    /// Ten minutes ago.
    Stale,
    /// Not at all.
    Missing,
    /// As the service does now and then, to see whether anybody looks.
    Probe,
}

pub(crate) struct Signer {
    merchant: UnparsedPublicKey<Vec<u8>>,
    platform: RsaKeyPair,
    forger: RsaKeyPair,
    api_key: LessSafeKey,
    random: SystemRandom,
}

impl Signer {
    pub(crate) fn new() -> io::Result<Signer> {
        let merchant = pair(Account::MERCHANT_KEY)?;
        let api_key = UnboundKey::new(&AES_256_GCM, Account::API_V3_KEY.as_bytes());
        Ok(Signer {
            merchant: UnparsedPublicKey::new(
                &RSA_PKCS1_2048_8192_SHA256,
                merchant.public().as_ref().to_vec(),
            ),
            platform: pair(include_str!("keys/demo-only-platform.key.pem"))?,
            forger: pair(include_str!("keys/demo-only-forger.key.pem"))?,
            api_key: LessSafeKey::new(api_key.map_err(|_| io::Error::other("the APIv3 key has 32 bytes"))?),
            random: SystemRandom::new(),
        })
    }

    /// Why the request is not believed to be the merchant's.
    pub(crate) fn refuses(&self, request: &Request, now: SystemTime) -> Option<&'static str> {
        let Some(fields) = request.header("authorization").and_then(fields) else {
            return Some("Authorization is missing or not of its form");
        };
        let field = |name: &str| fields.get(name).copied().unwrap_or_default();
        if field("mchid") != Account::MCHID {
            return Some("商户号与签名不匹配");
        }
        if !field("serial_no").eq_ignore_ascii_case(Account::MERCHANT_SERIAL) {
            return Some("商户证书序列号有误");
        }
        let is_near = field("timestamp")
            .parse::<u64>()
            .is_ok_and(|seconds| seconds.abs_diff(seconds_of(now)) < CLOCK_MAY_DIFFER_SECONDS);
        if !is_near {
            return Some("Http头Authorization中的timestamp与发起请求的时间不得超过5分钟");
        }
        if field("nonce_str").is_empty() {
            return Some("nonce_str is empty");
        }
        let (method, target) = (&request.method, &request.target);
        let head = format!("{method}\n{target}\n{}\n{}\n", field("timestamp"), field("nonce_str"));
        let message = [head.as_bytes(), &request.body, b"\n"].concat();
        let signature = STANDARD.decode(field("signature")).unwrap_or_default();
        self.merchant.verify(&message, &signature).is_err().then_some("签名错误，请检查后再试")
    }

    /// The headers that go with a body. `key`: as the other side calls the key it has.
    pub(crate) fn headers(&self, how: Signing, key: &str, body: &str) -> Vec<(String, String)> {
        let seconds = seconds_of(SystemTime::now()) - if how == Signing::Stale { 600 } else { 0 };
        let nonce = self.nonce(32);
        let pair = if how == Signing::Forged { &self.forger } else { &self.platform };
        let mut signature = self.sign(pair, &format!("{seconds}\n{nonce}\n{body}\n"));
        if how == Signing::Probe {
            signature.insert_str(0, "WECHATPAY/SIGNTEST/");
        }
        let headers = [
            ("Request-ID", self.nonce(32)),
            ("Wechatpay-Timestamp", seconds.to_string()),
            ("Wechatpay-Nonce", nonce),
            ("Wechatpay-Serial", key.to_owned()),
            ("Wechatpay-Signature", signature),
            ("Wechatpay-Signature-Type", SCHEME.to_owned()),
        ];
        let count = if how == Signing::Missing { 1 } else { headers.len() };
        headers.into_iter().take(count).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// AEAD_AES_256_GCM: nonce and ciphertext.
    pub(super) fn seal(&self, associated_data: &str, text: &str) -> (String, String) {
        let nonce = self.nonce(12);
        let unique = Nonce::assume_unique_for_key(nonce.as_bytes().try_into().expect("12 bytes"));
        let mut bytes = text.as_bytes().to_vec();
        let aad = Aad::from(associated_data.as_bytes());
        self.api_key.seal_in_place_append_tag(unique, aad, &mut bytes).expect("a short text");
        (nonce, STANDARD.encode(bytes))
    }

    fn sign(&self, pair: &RsaKeyPair, message: &str) -> String {
        let mut signature = vec![0; pair.public().modulus_len()];
        let signed = pair.sign(&RSA_PKCS1_SHA256, &self.random, message.as_bytes(), &mut signature);
        signed.expect("a signature is as long as the modulus");
        STANDARD.encode(signature)
    }

    fn nonce(&self, length: usize) -> String {
        let mut bytes = vec![0; length / 2];
        self.random.fill(&mut bytes).expect("the system has random numbers");
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The five fields of `Authorization`, each once.
fn fields(header: &str) -> Option<BTreeMap<&str, &str>> {
    let mut fields = BTreeMap::new();
    for field in header.strip_prefix(SCHEME)?.strip_prefix(' ')?.split(',') {
        let (name, value) = field.trim_start().split_once('=')?;
        let value = value.strip_prefix('"')?.strip_suffix('"')?;
        fields.insert(name, value).is_none().then_some(())?;
    }
    let names = ["mchid", "nonce_str", "serial_no", "signature", "timestamp"];
    fields.keys().copied().eq(names).then_some(fields)
}

fn pair(pem: &str) -> io::Result<RsaKeyPair> {
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(io::Error::other)?;
    RsaKeyPair::from_pkcs8(key.secret_der()).map_err(|_| io::Error::other("a key of the demo is no RSA key"))
}

fn seconds_of(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
