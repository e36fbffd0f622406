//! Short messages: the services of Aliyun and Tencent, which verify every signature with the account's secret.

mod aliyun;
mod tencent;

use std::time::SystemTime;

use ring::{digest, hmac};

pub use aliyun::{Aliyun, FakeAliyunSms};
pub use tencent::{FakeTencentSms, Tencent};

/// The account, the signature and the one approved template of a fake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmsAccount {
    /// `access_key_id`
    pub key_id: String,
    /// `access_key_secret`; it must be seen nowhere.
    pub key_secret: String,
    /// The approved signature.
    pub sign_name: String,
    /// The approved template.
    pub template_id: String,
    /// Names of the template's variables; Tencent numbers them, and only their count matters.
    pub variables: Vec<String>,
    /// Tencent's SmsSdkAppId.
    pub app_id: String,
}

impl Default for SmsAccount {
    fn default() -> SmsAccount {
        SmsAccount {
            key_id: "LTAI5tFakeFakeFakeFakeFa".to_owned(),
            key_secret: "h3Kq9ZtW1yXcV7bN5mP2sD8fG4jL0a".to_owned(),
            sign_name: "灵鲜".to_owned(),
            template_id: "SMS_154950909".to_owned(),
            variables: ["service", "fault", "time", "count"].map(str::to_owned).to_vec(),
            app_id: "1400006666".to_owned(),
        }
    }
}

/// A message that went out to one telephone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortMessage {
    /// When it was taken.
    pub at: SystemTime,
    /// As it was sent: `13800000000` or `+8613800000000`.
    pub number: String,
    /// Variable and value.
    pub values: Vec<(String, String)>,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hmac_sha256(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

/// `Credential=a, SignedHeaders=b, Signature=c` behind the algorithm's name.
fn authorization<'a>(header: &'a str, algorithm: &str) -> Option<[&'a str; 3]> {
    let pairs = header.strip_prefix(algorithm)?.strip_prefix(' ')?;
    let value = |name: &str| {
        let mut pairs = pairs.split(',').filter_map(|pair| pair.trim().split_once('='));
        pairs.find_map(|(own, value)| (own == name).then_some(value))
    };
    Some([value("Credential")?, value("SignedHeaders")?, value("Signature")?])
}

/// What both refuse in a variable: links, as the regulator demands.
fn holds_link(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    ["http://", "https://", "www."].iter().any(|part| lower.contains(part))
}
