//! Asking the payment provider, in the words of `lingshao_shop::provider`.

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use lingshao_shop::Fen;
use lingshao_shop::ledger::RefundRow;
use lingshao_shop::provider::{CloseAnswer, Doubt, ProviderCall, RefundAnswer, Refunded, TradeAnswer};
use lingshao_wire::notify::Request;
use lingshao_wire::prometheus_config::HttpClientConfig;
use lingshao_wire::provider::{self as said, Closing, Refund, Trade, Trouble};
use lingshao_wire::wechatpay::notice::{self, Notice, NoticeError};
use lingshao_wire::wechatpay::{
    Answer, ApiV3Key, BODY_BYTES_MAX, Merchant, MerchantKey, PlatformKeys, RefundOrder, RequestError,
    SignatureHeaders, answer,
};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method};
use ring::digest::{Context, SHA256};

use crate::clock::now;
use crate::config::shop::{self, Wechatpay};
use crate::scrape::{http_client, read_at_most};
use crate::security::nonce;

/// Where WeChat Pay is asked.
pub(crate) const ENDPOINT: &str = "https://api.mch.weixin.qq.com";
/// Where its callbacks are taken, below our own address.
pub(crate) const NOTIFY_PATH: &str = "/api/lingshao/v1/shop/wechatpay/refund";
/// WeChat Pay calls no longer address.
const NOTIFY_URL_BYTES_MAX: usize = 256;
/// WeChat Pay answers in some hundred milliseconds; what takes longer is in doubt, and asked for later.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Who is asked.
#[derive(Debug)]
pub(super) enum Provider {
    /// Nobody.
    None,
    /// WeChat Pay.
    Wechatpay(Box<Wechat>),
}

/// WeChat Pay, and connections to it.
#[derive(Debug)]
pub(super) struct Wechat {
    merchant: Merchant,
    /// By which its callbacks are read.
    api_key: Option<ApiV3Key>,
    notify_url: Option<String>,
    keys: KeysDigest,
    client: Client,
}

/// What the provider says to one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Trade(TradeAnswer),
    Close(CloseAnswer),
    Refund(RefundAnswer),
}

impl Said {
    /// Whether it says how things stand: what the detector of a broken provider counts.
    pub(super) fn is_clear(&self) -> bool {
        !matches!(
            self,
            Said::Trade(TradeAnswer::Doubt(_) | TradeAnswer::OurFault(_))
                | Said::Close(CloseAnswer::Doubt(_) | CloseAnswer::OurFault(_))
                | Said::Refund(RefundAnswer::Doubt(_) | RefundAnswer::OurFault(_))
        )
    }
}

/// SHA-256 over all keys as they stand in their files: a file may hold another key tomorrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeysDigest([u8; 32]);

/// Whether WeChat Pay would call it.
pub(crate) fn is_notify_url(url: &str) -> bool {
    let is_http = url
        .parse::<http::Uri>()
        .is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some());
    is_http && !url.contains('?') && url.len() <= NOTIFY_URL_BYTES_MAX
}

/// Whether the keys that a configuration names can be used.
pub(crate) fn check(config: &Wechatpay) -> Result<(), String> {
    keys(config).map(drop)
}

/// Reads the keys that a configuration names.
fn keys(config: &Wechatpay) -> Result<(Merchant, Option<ApiV3Key>, KeysDigest), String> {
    let digest = RefCell::new(Context::new(&SHA256));
    let read = |path: &Path| {
        let text = crate::config::read_text(path)
            .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
        let mut digest = digest.borrow_mut();
        digest.update(&text.len().to_le_bytes());
        digest.update(text.as_bytes());
        Ok::<String, String>(text)
    };
    let named = |path: &Path, error: &dyn std::fmt::Display| format!("`{}`: {error}", path.display());
    let key_file = &config.private_key_file;
    let key = MerchantKey::from_pem(&read(key_file)?).map_err(|error| named(key_file, &error))?;
    let api_key = match &config.api_v3_key_file {
        Some(file) => Some(ApiV3Key::new(&read(file)?).map_err(|error| named(file, &error))?),
        None => None,
    };
    let mut keys = PlatformKeys::new();
    if let Some((id, file)) = &config.public_key {
        keys.add_public_key(id, &read(file)?).map_err(|error| named(file, &error))?;
    }
    for file in &config.certificate_files {
        keys.add_certificate(&read(file)?).map_err(|error| named(file, &error))?;
    }
    let merchant = Merchant::new(&config.endpoint, &config.mchid, &config.serial, key, keys)
        .map_err(|error| error.to_string())?;
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.into_inner().finish().as_ref());
    Ok((merchant, api_key, KeysDigest(bytes)))
}

impl Provider {
    /// Ready to be asked.
    pub(super) fn new(config: &shop::Provider) -> Result<Provider, String> {
        match config {
            shop::Provider::None => Ok(Provider::None),
            shop::Provider::Wechatpay(config) => {
                let client = http_client(&HttpClientConfig::default())?;
                let (merchant, api_key, keys) = keys(config)?;
                let notify_url = config.notify_url.clone();
                Ok(Provider::Wechatpay(Box::new(Wechat { merchant, api_key, notify_url, keys, client })))
            }
        }
    }

    /// Whether there is anybody.
    pub(super) fn is_there(&self) -> bool {
        matches!(self, Provider::Wechatpay(_))
    }

    /// Opens a callback of WeChat Pay; `None`: none is taken here.
    pub(super) fn open_notice(
        &self,
        signature: &SignatureHeaders<'_>,
        body: &[u8],
    ) -> Option<Result<Notice, NoticeError>> {
        let Provider::Wechatpay(wechat) = self else { return None };
        let api_key = wechat.api_key.as_ref()?;
        let Wechat { merchant, .. } = &**wechat;
        Some(notice::open(merchant.mchid(), merchant.platform_keys(), api_key, signature, body, now()))
    }

    /// Which keys are in use.
    pub(super) fn keys(&self) -> Option<KeysDigest> {
        match self {
            Provider::None => None,
            Provider::Wechatpay(wechat) => Some(wechat.keys),
        }
    }

    /// Asks or tells, once. `refund`: the row that calls about refunds belong to, by which their answers are judged.
    pub(super) async fn call(&self, call: &ProviderCall, refund: Option<&RefundRow>) -> Said {
        match self {
            Provider::Wechatpay(wechat) => wechat.call(call, refund).await,
            Provider::None => nobody(call),
        }
    }
}

/// Whether it is about an order whose number WeChat Pay would never have taken: then it knows no such trade.
fn is_no_number(request: &Result<Request, RequestError>) -> bool {
    matches!(request, Err(RequestError::Order(_)))
}

/// Acts on trades do not begin without a provider; a call that is not made all the same is in doubt.
fn nobody(call: &ProviderCall) -> Said {
    match call {
        ProviderCall::QueryTrade(_) => Said::Trade(TradeAnswer::Doubt(Doubt::NoAnswer)),
        ProviderCall::CloseTrade(_) => Said::Close(CloseAnswer::Doubt(Doubt::NoAnswer)),
        ProviderCall::QueryRefund(_) | ProviderCall::Refund(_) => {
            Said::Refund(RefundAnswer::Doubt(Doubt::NoAnswer))
        }
    }
}

impl Wechat {
    async fn call(&self, call: &ProviderCall, row: Option<&RefundRow>) -> Said {
        let Some(nonce) = nonce() else { return nobody(call) };
        let at = now();
        match call {
            ProviderCall::QueryTrade(order) => {
                let order = order.as_str();
                let request = self.merchant.query_trade(order, &nonce, at);
                if is_no_number(&request) {
                    return Said::Trade(TradeAnswer::NotFound);
                }
                let judge = |answer: &Answer<'_>| answer::trade(&self.merchant, order, answer);
                Said::Trade(match self.exchange(request, judge).await {
                    Ok(trade) => trade_answer(trade),
                    Err(trouble) => trouble_with_trade(trouble),
                })
            }
            ProviderCall::CloseTrade(order) => {
                let request = self.merchant.close_trade(order.as_str(), &nonce, at);
                if is_no_number(&request) {
                    return Said::Close(CloseAnswer::NotFound);
                }
                let judge = |answer: &Answer<'_>| answer::closing(&self.merchant, answer);
                Said::Close(match self.exchange(request, judge).await {
                    Ok(closing) => close_answer(closing),
                    Err(trouble) => trouble_with_close(trouble),
                })
            }
            ProviderCall::QueryRefund(number) => {
                let Some(row) = row else { return nobody(call) };
                let order = self.refund_order(row.trade.as_str(), number.as_str(), row.amount, row.paid);
                let request = self.merchant.query_refund(number.as_str(), &nonce, at);
                let judge = |answer: &Answer<'_>| answer::refund_query(&self.merchant, &order, answer);
                Said::Refund(
                    self.exchange(request, judge)
                        .await
                        .map_or_else(trouble_with_refund, |refund| refund_answer(&refund)),
                )
            }
            ProviderCall::Refund(wish) => {
                let order =
                    self.refund_order(wish.order.as_str(), wish.number.as_str(), wish.amount, wish.paid);
                let request = self.merchant.refund(&order, &nonce, at);
                let judge = |answer: &Answer<'_>| answer::refund(&self.merchant, &order, answer);
                Said::Refund(
                    self.exchange(request, judge)
                        .await
                        .map_or_else(trouble_with_refund, |refund| refund_answer(&refund)),
                )
            }
        }
    }

    fn refund_order<'a>(
        &'a self,
        order: &'a str,
        number: &'a str,
        amount: Fen,
        paid: Fen,
    ) -> RefundOrder<'a> {
        let notify_url = self.notify_url.as_deref();
        RefundOrder { order, number, fen: amount.0, total_fen: paid.0, reason: None, notify_url }
    }

    async fn exchange<T>(
        &self,
        request: Result<Request, RequestError>,
        judge: impl FnOnce(&Answer<'_>) -> Result<T, Trouble>,
    ) -> Result<T, Failed> {
        let request = request.map_err(|error| Failed::Said(Trouble::OurBug(error.to_string())))?;
        // Names the trade or the refund, and nothing secret.
        let url = request.url.clone();
        let sent = tokio::time::timeout(TIMEOUT, self.send(request)).await;
        // Whatever went wrong on the way: the request may have arrived.
        let Ok(Ok((status, headers, body))) = sent else { return Err(Failed::NoAnswer) };
        let header = |name: &'static str| headers.get(name).and_then(|value| value.to_str().ok());
        let answer = Answer { status, signature: SignatureHeaders::read(header), body: &body, now: now() };
        judge(&answer).map_err(|trouble| {
            if matches!(trouble, Trouble::Unknown(_)) {
                tracing::warn!(%url, status, %trouble, "an answer of the payment provider is not understood");
            }
            Failed::Said(trouble)
        })
    }

    async fn send(&self, request: Request) -> Result<(u16, HeaderMap, Vec<u8>), reqwest::Error> {
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            // They are made of digits, hex and base64.
            if let Ok(mut value) = HeaderValue::from_str(value) {
                value.set_sensitive(*name == "authorization");
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        let method = if request.is_post { Method::POST } else { Method::GET };
        let sent = self.client.request(method, request.url).headers(headers).body(request.body).send();
        let mut response = sent.await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        // One byte more than there may be, which the codec says.
        let body = read_at_most(&mut response, BODY_BYTES_MAX + 1).await?;
        Ok((status, headers, body))
    }
}

/// Why there is no state.
enum Failed {
    NoAnswer,
    Said(Trouble),
}

fn trade_answer(trade: Trade) -> TradeAnswer {
    match trade {
        Trade::NotFound => TradeAnswer::NotFound,
        Trade::Unpaid => TradeAnswer::NotPaid,
        Trade::Paying => TradeAnswer::Paying,
        Trade::Closed => TradeAnswer::Closed,
        Trade::Paid(payment) => TradeAnswer::Paid { paid: Fen(payment.fen), refunded: Refunded::Nothing },
        Trade::Refunded(payment) => {
            TradeAnswer::Paid { paid: Fen(payment.fen), refunded: Refunded::Something }
        }
    }
}

fn trouble_with_trade(failed: Failed) -> TradeAnswer {
    match doubt(failed) {
        Ok(doubt) => TradeAnswer::Doubt(doubt),
        Err(why) => TradeAnswer::OurFault(why),
    }
}

fn close_answer(closing: Closing) -> CloseAnswer {
    match closing {
        Closing::Closed => CloseAnswer::Closed,
        Closing::NotFound => CloseAnswer::NotFound,
        Closing::AlreadyPaid => CloseAnswer::AlreadyPaid,
        Closing::Paying => CloseAnswer::Paying,
    }
}

fn trouble_with_close(failed: Failed) -> CloseAnswer {
    match doubt(failed) {
        Ok(doubt) => CloseAnswer::Doubt(doubt),
        Err(why) => CloseAnswer::OurFault(why),
    }
}

fn refund_answer(refund: &Refund) -> RefundAnswer {
    match refund {
        Refund::NotFound => RefundAnswer::NotFound,
        Refund::Processing(_) => RefundAnswer::Processing,
        Refund::Done(_) => RefundAnswer::Done,
        Refund::Abnormal(_) => {
            RefundAnswer::Final("ABNORMAL: the customer's account does not take it".into())
        }
        Refund::Closed(_) => RefundAnswer::Final("CLOSED: the provider has given it up".into()),
    }
}

fn trouble_with_refund(failed: Failed) -> RefundAnswer {
    match failed {
        Failed::Said(Trouble::WaitForMerchant(_)) => RefundAnswer::NotEnough,
        Failed::Said(Trouble::Final(why)) => RefundAnswer::Final(why.into()),
        failed => match doubt(failed) {
            Ok(doubt) => RefundAnswer::Doubt(doubt),
            Err(why) => RefundAnswer::OurFault(why),
        },
    }
}

/// A doubt, or what we did wrong.
fn doubt(failed: Failed) -> Result<Doubt, Box<str>> {
    match failed {
        Failed::NoAnswer => Ok(Doubt::NoAnswer),
        Failed::Said(Trouble::RetrySameNumber(doubt, _)) => Ok(match doubt {
            said::Doubt::ProviderError => Doubt::ProviderError,
            said::Doubt::TooMany => Doubt::TooMany,
            said::Doubt::BadSignature => Doubt::BadSignature,
        }),
        Failed::Said(Trouble::OurBug(why)) => Err(why.into()),
        Failed::Said(_) => Ok(Doubt::NotUnderstood),
    }
}
