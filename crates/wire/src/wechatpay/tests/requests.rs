use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

use super::*;
use crate::notify::Request;
use crate::wechatpay::{KeyError, RequestError, der, pem};

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str())
}

/// The five lines under the signature, as WeChat Pay would put them together from what it was sent.
#[track_caller]
fn check_signed(request: &Request) {
    let authorization = header(request, "authorization").unwrap();
    let fields = authorization.strip_prefix("WECHATPAY2-SHA256-RSA2048 ").unwrap();
    let field = |name: &str| {
        let value = fields.split(',').find_map(|field| field.strip_prefix(&format!("{name}=\"")));
        value.unwrap().strip_suffix('"').unwrap().to_owned()
    };
    assert_eq!((field("mchid"), field("serial_no")), (MCHID.to_owned(), "01AB".to_owned()));
    assert_eq!((field("timestamp"), field("nonce_str")), (SECONDS.to_string(), "n-1".to_owned()));
    let method = if request.is_post { "POST" } else { "GET" };
    let path = request.url.strip_prefix("https://pay.test").unwrap();
    let body = std::str::from_utf8(&request.body).unwrap();
    let message = format!("{method}\n{path}\n{SECONDS}\nn-1\n{body}\n");
    let (_, spki) = pem::first(MERCHANT_PUBLIC_KEY).unwrap();
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der::rsa_key(&spki).unwrap());
    let signature = STANDARD.decode(field("signature")).unwrap();
    assert!(key.verify(message.as_bytes(), &signature).is_ok(), "{message}");
}

#[track_caller]
fn check(request: Result<Request, RequestError>, url: &str, body: Option<&str>) {
    let request = request.unwrap();
    assert_eq!(request.url, format!("https://pay.test{url}"));
    assert_eq!(String::from_utf8(request.body.clone()).unwrap(), body.unwrap_or_default());
    assert_eq!(request.is_post, body.is_some());
    assert_eq!(header(&request, "content-type"), body.map(|_| "application/json"));
    assert_eq!(header(&request, "accept"), Some("application/json"));
    assert!(header(&request, "user-agent").is_some());
    check_signed(&request);
}

#[test]
fn each_request_is_as_the_service_wants_it() {
    let merchant = merchant_with(keys());
    let order = ORDER.order;
    check(
        merchant.query_trade(order, "n-1", NOW),
        "/v3/pay/transactions/out-trade-no/20260303123456?mchid=1900000109",
        None,
    );
    check(
        merchant.close_trade("a_b-c*|@1", "n-1", NOW),
        "/v3/pay/transactions/out-trade-no/a_b-c%2A%7C%401/close",
        Some(r#"{"mchid":"1900000109"}"#),
    );
    check(
        merchant.refund(&ORDER, "n-1", NOW),
        "/v3/refund/domestic/refunds",
        Some(
            r#"{"amount":{"currency":"CNY","refund":880,"total":1990},"out_refund_no":"LSlingxian-42-group-1","out_trade_no":"20260303123456"}"#,
        ),
    );
    let whole = RefundOrder {
        fen: 1990,
        reason: Some("拼团未成功"),
        notify_url: Some("https://shop.test/wechat/refund"),
        ..ORDER
    };
    check(
        merchant.refund(&whole, "n-1", NOW),
        "/v3/refund/domestic/refunds",
        Some(
            r#"{"amount":{"currency":"CNY","refund":1990,"total":1990},"notify_url":"https://shop.test/wechat/refund","out_refund_no":"LSlingxian-42-group-1","out_trade_no":"20260303123456","reason":"拼团未成功"}"#,
        ),
    );
    check(
        merchant.query_refund(ORDER.number, "n-1", NOW),
        "/v3/refund/domestic/refunds/LSlingxian-42-group-1",
        None,
    );
}

#[test]
fn the_public_key_is_asked_for_when_there_is_one() {
    let serial = |keys| {
        let request = merchant_with(keys).query_trade(ORDER.order, "n-1", NOW).unwrap();
        header(&request, "wechatpay-serial").map(str::to_owned)
    };
    assert_eq!(serial(keys()), None);
    let mut both = keys();
    both.add_public_key(PUBLIC_KEY_ID, PLATFORM_PUBLIC_KEY).unwrap();
    assert_eq!(serial(both).as_deref(), Some(PUBLIC_KEY_ID));
}

#[track_caller]
fn check_refused(order: RefundOrder<'_>, expected: RequestError) {
    assert_eq!(merchant_with(keys()).refund(&order, "n-1", NOW), Err(expected));
}

#[test]
fn nothing_is_asked_that_could_only_be_refused_or_go_elsewhere() {
    let amount = |fen, total_fen| {
        check_refused(RefundOrder { fen, total_fen, ..ORDER }, RequestError::Amount { fen, total_fen });
    };
    amount(0, 100);
    amount(-1, 100);
    amount(101, 100);
    amount(i64::MIN, i64::MIN);
    for order in ["12345", &"1".repeat(33), "123456/close?x=", "订单123456", "123456\r\n"] {
        let shown: String = order.chars().filter(|c| !c.is_control()).collect();
        check_refused(RefundOrder { order, ..ORDER }, RequestError::Order(shown.clone()));
        let merchant = merchant_with(keys());
        assert_eq!(merchant.query_trade(order, "n-1", NOW), Err(RequestError::Order(shown.clone())));
        assert_eq!(merchant.close_trade(order, "n-1", NOW), Err(RequestError::Order(shown)));
    }
    for number in ["", &"1".repeat(65), "a b", "../x"] {
        let shown = number.chars().take(64).collect::<String>();
        check_refused(RefundOrder { number, ..ORDER }, RequestError::Refund(shown.clone()));
        assert_eq!(merchant_with(keys()).query_refund(number, "n-1", NOW), Err(RequestError::Refund(shown)));
    }
    check_refused(RefundOrder { reason: Some(&"退".repeat(27)), ..ORDER }, RequestError::Reason);
    for url in ["ftp://shop.test/", "shop.test/refund", "https://shop.test/?id=1"] {
        let refused = RequestError::NotifyUrl(url.to_owned());
        check_refused(RefundOrder { notify_url: Some(url), ..ORDER }, refused);
    }
}

#[test]
fn a_merchant_has_a_number_and_a_serial() {
    let new = |mchid, serial| {
        let key = MerchantKey::from_pem(MERCHANT_KEY).unwrap();
        Merchant::new("https://pay.test", mchid, serial, key, keys()).err()
    };
    let name = |text: &str, what| Some(KeyError::Name(text.to_owned(), what));
    assert_eq!(new(MCHID, "01AB"), None);
    assert_eq!(new("19\"", "01AB"), name("19\"", "a merchant number: up to 32 digits"));
    let hex = "the serial number of a certificate: up to 64 hex digits";
    assert_eq!(new(MCHID, ""), name("", hex));
    assert_eq!(new(MCHID, "xyz"), name("xyz", hex));
}
