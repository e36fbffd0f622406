//! What we ask, signed.

use lingshao_model::Timestamp;
use serde_json::json;

use super::{KeyError, MerchantKey, PlatformKeys};
use crate::notify::Request;
use crate::notify::sign::percent_encode;

/// Of an order (`out_trade_no`), in bytes.
const ORDER_BYTES: std::ops::RangeInclusive<usize> = 6..=32;
/// Of a refund (`out_refund_no`), in bytes.
const REFUND_BYTES: std::ops::RangeInclusive<usize> = 1..=64;
/// Of the reason that the customer reads, counted the stricter way.
const REASON_BYTES_MAX: usize = 80;
const NOTIFY_URL_BYTES_MAX: usize = 256;

/// Who asks.
#[derive(Debug)]
pub struct Merchant {
    /// `https://api.mch.weixin.qq.com`, without a slash at the end.
    endpoint: String,
    mchid: String,
    /// Of the merchant's own certificate.
    serial: String,
    key: MerchantKey,
    /// By which answers are believed.
    keys: PlatformKeys,
}

/// A refund as it is asked for, and as its answers have to be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefundOrder<'a> {
    /// The shop's number of the order.
    pub order: &'a str,
    /// Our number of the refund: the same number never refunds twice.
    pub number: &'a str,
    /// How much goes back.
    pub fen: i64,
    /// What the order cost.
    pub total_fen: i64,
    /// Read by the customer.
    pub reason: Option<&'a str>,
    /// Where WeChat Pay tells the end of it.
    pub notify_url: Option<&'a str>,
}

/// Why something is not asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// WeChat Pay would refuse it, or take it for part of the address.
    #[error("`{0}` is no order number of WeChat Pay: 6 to 32 of letters, digits and _-*|@")]
    Order(String),
    /// As above.
    #[error("`{0}` is no refund number of WeChat Pay: 1 to 64 of letters, digits and _-*|@")]
    Refund(String),
    /// Nothing, less than nothing, or more than was paid.
    #[error("a refund of {fen} fen for an order of {total_fen} fen")]
    Amount {
        /// What was to go back.
        fen: i64,
        /// What was paid.
        total_fen: i64,
    },
    /// Longer than what is shown.
    #[error("the reason of a refund is longer than 80 bytes")]
    Reason,
    /// Not one that WeChat Pay calls.
    #[error("`{0}` is no address for callbacks: http or https, no `?`, at most 256 bytes")]
    NotifyUrl(String),
}

impl Merchant {
    /// `endpoint`: `https://api.mch.weixin.qq.com`; `serial`: of the merchant's certificate, in hex.
    pub fn new(
        endpoint: &str,
        mchid: &str,
        serial: &str,
        key: MerchantKey,
        keys: PlatformKeys,
    ) -> Result<Merchant, KeyError> {
        let fits = |text: &str, most: usize, right: fn(&u8) -> bool| {
            !text.is_empty() && text.len() <= most && text.bytes().all(|byte| right(&byte))
        };
        if !fits(mchid, 32, u8::is_ascii_digit) {
            return Err(KeyError::Name(mchid.to_owned(), "a merchant number: up to 32 digits"));
        }
        if !fits(serial, 64, u8::is_ascii_hexdigit) {
            return Err(KeyError::Name(
                serial.to_owned(),
                "the serial number of a certificate: up to 64 hex digits",
            ));
        }
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        Ok(Merchant { endpoint, mchid: mchid.to_owned(), serial: serial.to_owned(), key, keys })
    }

    /// Our number at WeChat Pay.
    pub fn mchid(&self) -> &str {
        &self.mchid
    }

    /// By which answers and callbacks are believed.
    pub fn platform_keys(&self) -> &PlatformKeys {
        &self.keys
    }

    /// How does this order stand? Changes nothing.
    pub fn query_trade(&self, order: &str, nonce: &str, now: Timestamp) -> Result<Request, RequestError> {
        let path = format!("{}?mchid={}", trade_path(order)?, self.mchid);
        Ok(self.request("GET", &path, Vec::new(), nonce, now))
    }

    /// Let nobody pay this order any more.
    pub fn close_trade(&self, order: &str, nonce: &str, now: Timestamp) -> Result<Request, RequestError> {
        let path = format!("{}/close", trade_path(order)?);
        let body = json!({ "mchid": self.mchid }).to_string();
        Ok(self.request("POST", &path, body.into_bytes(), nonce, now))
    }

    /// Give money back. To be repeated only unchanged.
    pub fn refund(
        &self,
        order: &RefundOrder<'_>,
        nonce: &str,
        now: Timestamp,
    ) -> Result<Request, RequestError> {
        order.check()?;
        let mut body = json!({
            "out_trade_no": order.order,
            "out_refund_no": order.number,
            "amount": { "refund": order.fen, "total": order.total_fen, "currency": "CNY" },
        });
        for (name, value) in [("reason", order.reason), ("notify_url", order.notify_url)] {
            if let Some(value) = value {
                body[name] = value.into();
            }
        }
        Ok(self.request("POST", "/v3/refund/domestic/refunds", body.to_string().into_bytes(), nonce, now))
    }

    /// How does this refund stand? Changes nothing.
    pub fn query_refund(&self, number: &str, nonce: &str, now: Timestamp) -> Result<Request, RequestError> {
        check_number(number, REFUND_BYTES).map_err(RequestError::Refund)?;
        let path = format!("/v3/refund/domestic/refunds/{}", percent_encode(number));
        Ok(self.request("GET", &path, Vec::new(), nonce, now))
    }

    fn request(&self, method: &str, path: &str, body: Vec<u8>, nonce: &str, now: Timestamp) -> Request {
        let mut headers = vec![
            ("authorization", self.authorization(method, path, &body, nonce, now)),
            ("accept", "application/json".to_owned()),
            // WeChat Pay may refuse whoever does not say what he is.
            ("user-agent", concat!("lingshao/", env!("CARGO_PKG_VERSION")).to_owned()),
        ];
        if method == "POST" {
            headers.push(("content-type", "application/json".to_owned()));
        }
        if let Some(wanted) = self.keys.wanted() {
            headers.push(("wechatpay-serial", wanted.to_owned()));
        }
        Request { is_post: method == "POST", url: format!("{}{path}", self.endpoint), headers, body }
    }

    /// The `Authorization` header. `path` as it goes out, with its query.
    pub fn authorization(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
        nonce: &str,
        now: Timestamp,
    ) -> String {
        let seconds = now.0.div_euclid(1000);
        let head = format!("{method}\n{path}\n{seconds}\n{nonce}\n");
        let signature = self.key.sign(&[head.as_bytes(), body, b"\n"].concat());
        format!(
            r#"WECHATPAY2-SHA256-RSA2048 mchid="{}",nonce_str="{nonce}",signature="{signature}",timestamp="{seconds}",serial_no="{}""#,
            self.mchid, self.serial
        )
    }
}

impl RefundOrder<'_> {
    /// Whether WeChat Pay could take it.
    pub fn check(&self) -> Result<(), RequestError> {
        check_number(self.order, ORDER_BYTES).map_err(RequestError::Order)?;
        check_number(self.number, REFUND_BYTES).map_err(RequestError::Refund)?;
        if self.fen <= 0 || self.total_fen < self.fen {
            return Err(RequestError::Amount { fen: self.fen, total_fen: self.total_fen });
        }
        if self.reason.is_some_and(|reason| REASON_BYTES_MAX < reason.len()) {
            return Err(RequestError::Reason);
        }
        let callable = |url: &str| {
            let is_http = url.starts_with("https://") || url.starts_with("http://");
            is_http && !url.contains('?') && url.len() <= NOTIFY_URL_BYTES_MAX
        };
        match self.notify_url.filter(|url| !callable(url)) {
            Some(url) => Err(RequestError::NotifyUrl(url.chars().take(NOTIFY_URL_BYTES_MAX).collect())),
            None => Ok(()),
        }
    }
}

fn trade_path(order: &str) -> Result<String, RequestError> {
    check_number(order, ORDER_BYTES).map_err(RequestError::Order)?;
    Ok(format!("/v3/pay/transactions/out-trade-no/{}", percent_encode(order)))
}

/// The error shows the number, cut.
fn check_number(number: &str, length: std::ops::RangeInclusive<usize>) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-*|@".contains(&byte);
    if length.contains(&number.len()) && number.bytes().all(allowed) {
        return Ok(());
    }
    Err(number.chars().filter(|c| !c.is_control()).take(64).collect())
}
