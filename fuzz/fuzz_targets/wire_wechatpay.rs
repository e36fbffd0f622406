//! A key, and an answer or callback of WeChat Pay: its first byte is the status, the rest its body, signed and not.
//! Whatever it says, only a signed answer about the order that was asked for is a state.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use lingshao_model::Timestamp;
use lingshao_wire::provider::{Refund, Trade};
use lingshao_wire::wechatpay::notice::{self, NoticeError};
use lingshao_wire::wechatpay::{
    Answer, ApiV3Key, Merchant, MerchantKey, PlatformKeys, RefundOrder, SignatureHeaders, answer,
};

const SECONDS: i64 = 1_772_541_000;
const NOW: Timestamp = Timestamp(SECONDS * 1000);
const SERIAL: &str = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1";
const ORDER: RefundOrder<'_> = RefundOrder {
    order: "20260303123456",
    number: "LSlingxian-42-group-1",
    fen: 880,
    total_fen: 1990,
    reason: None,
    notify_url: None,
};

macro_rules! pem {
    ($name:literal) => {
        include_str!(concat!("../../crates/wire/src/wechatpay/testdata/", $name))
    };
}

static MERCHANT: LazyLock<Merchant> = LazyLock::new(|| {
    let mut keys = PlatformKeys::new();
    keys.add_certificate(pem!("platform.certificate.pem")).expect("test data");
    let key = MerchantKey::from_pem(pem!("merchant.key.pem")).expect("test data");
    Merchant::new("https://pay.test", "1900000109", "01AB", key, keys).expect("test data")
});
static PLATFORM: LazyLock<MerchantKey> =
    LazyLock::new(|| MerchantKey::from_pem(pem!("platform.key.pem")).expect("test data"));
static API_KEY: LazyLock<ApiV3Key> =
    LazyLock::new(|| ApiV3Key::new("0123456789abcdef0123456789ABCDEF").expect("test data"));

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = MerchantKey::from_pem(text);
        let _ = PlatformKeys::new().add_certificate(text);
        let _ = PlatformKeys::new().add_public_key("PUB_KEY_ID_1", text);
    }
    let Some((first, body)) = bytes.split_first() else { return };
    let status = [200, 204, 202, 400, 401, 403, 404, 429, 500, 502][usize::from(*first) % 10];
    read(status, body, &SignatureHeaders::default());
    let message = [format!("{SECONDS}\nn\n").as_bytes(), body, b"\n"].concat();
    let (signature, seconds) = (PLATFORM.sign(&message), SECONDS.to_string());
    let signed = SignatureHeaders {
        serial: Some(SERIAL),
        timestamp: Some(&seconds),
        nonce: Some("n"),
        signature: Some(&signature),
        kind: None,
    };
    read(status, body, &signed);
});

fn read(status: u16, body: &[u8], signature: &SignatureHeaders<'_>) {
    let given = Answer { status, signature: *signature, body, now: NOW };
    let trade = answer::trade(&MERCHANT, ORDER.order, &given);
    let closing = answer::closing(&MERCHANT, &given);
    let refund = answer::refund(&MERCHANT, &ORDER, &given);
    let query = answer::refund_query(&MERCHANT, &ORDER, &given);
    let notice = notice::open(MERCHANT.mchid(), MERCHANT.platform_keys(), &API_KEY, signature, body, NOW);
    if signature.signature.is_none() {
        assert!(trade.is_err() && closing.is_err() && refund.is_err() && query.is_err());
        assert!(matches!(notice, Err(NoticeError::Signature(_) | NoticeError::TooLong)));
    }
    assert!(refund != Ok(Refund::NotFound));
    if let Ok(Trade::Paid(payment) | Trade::Refunded(payment)) = trade {
        assert!(status == 200 && 0 < payment.fen && !payment.transaction.is_empty());
    }
    if let Ok(Refund::Processing(told) | Refund::Done(told) | Refund::Abnormal(told) | Refund::Closed(told)) =
        query
    {
        assert!(told.fen == ORDER.fen && !told.id.is_empty());
    }
}
