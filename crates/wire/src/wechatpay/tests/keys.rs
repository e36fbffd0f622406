use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::wechatpay::{ApiV3Key, KeyError, pem};

#[track_caller]
fn check_private(text: &str, expected: Option<KeyError>) {
    assert_eq!(MerchantKey::from_pem(text).err(), expected);
}

/// The `RSAPrivateKey` inside of a PKCS#8 key of 2048 bits.
fn pkcs1() -> String {
    let (_, bytes) = pem::first(MERCHANT_KEY).unwrap();
    format!(
        "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
        STANDARD.encode(&bytes[26..])
    )
}

#[test]
fn private_keys_are_read_in_both_forms() {
    check_private(MERCHANT_KEY, None);
    check_private(&pkcs1(), None);
    check_private(&pkcs1().replace("RSA PRIVATE", "PRIVATE"), Some(KeyError::PrivateKey));
    check_private("", Some(KeyError::NotPem));
    check_private(&MERCHANT_KEY.replace("-----END", "----END"), Some(KeyError::NotPem));
    let wanted = "private key that is not encrypted";
    check_private(PLATFORM_CERTIFICATE, Some(KeyError::OtherPem("CERTIFICATE".to_owned(), wanted)));
    let encrypted = MERCHANT_KEY.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    check_private(&encrypted, Some(KeyError::OtherPem("ENCRYPTED PRIVATE KEY".to_owned(), wanted)));
    let signs = |text: &str| MerchantKey::from_pem(text).unwrap().sign(b"the same");
    assert_eq!(signs(MERCHANT_KEY), signs(&pkcs1()));
}

#[track_caller]
fn check_certificate(text: &str, expected: Result<&str, KeyError>) {
    let mut keys = PlatformKeys::new();
    let added = keys.add_certificate(text);
    let serials: Vec<_> = keys.serials().map(str::to_owned).collect();
    assert_eq!(added.map(|()| serials.join(",")), expected.map(str::to_owned));
}

#[test]
fn a_certificate_brings_its_serial_number() {
    check_certificate(PLATFORM_CERTIFICATE, Ok(CERTIFICATE_SERIAL));
    check_certificate(
        MERCHANT_PUBLIC_KEY,
        Err(KeyError::OtherPem("PUBLIC KEY".to_owned(), "platform certificate")),
    );
    check_certificate(
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----",
        Err(KeyError::Malformed),
    );
}

/// Every certificate and key that ends too early, or has one byte changed, is refused or read, and never panics.
#[test]
fn damaged_keys_are_refused() {
    for (pem_text, label) in [(PLATFORM_CERTIFICATE, "CERTIFICATE"), (PLATFORM_PUBLIC_KEY, "PUBLIC KEY")] {
        let (_, bytes) = pem::first(pem_text).unwrap();
        let read = |bytes: &[u8]| {
            let text = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----", STANDARD.encode(bytes));
            let mut keys = PlatformKeys::new();
            if label == "CERTIFICATE" {
                keys.add_certificate(&text)
            } else {
                keys.add_public_key(PUBLIC_KEY_ID, &text)
            }
        };
        assert_eq!(read(&bytes), Ok(()));
        for length in 0..bytes.len() {
            assert_eq!(read(&bytes[..length]), Err(KeyError::Malformed), "{label} of {length} bytes");
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0xff;
            drop(read(&changed));
        }
    }
}

#[track_caller]
fn check_public(id: &str, text: &str, expected: Result<(), KeyError>) {
    assert_eq!(PlatformKeys::new().add_public_key(id, text), expected, "{id}");
}

#[test]
fn a_public_key_needs_its_id() {
    check_public(PUBLIC_KEY_ID, PLATFORM_PUBLIC_KEY, Ok(()));
    for id in ["", "PUB_KEY_ID_", "5157F09E", "PUB_KEY_ID_01\r\nx"] {
        check_public(id, PLATFORM_PUBLIC_KEY, Err(KeyError::PublicKeyId(id.to_owned())));
    }
    let other = KeyError::OtherPem("CERTIFICATE".to_owned(), "public key");
    check_public(PUBLIC_KEY_ID, PLATFORM_CERTIFICATE, Err(other));
    // An elliptic curve, and RSA of 512 bits.
    let curve =
        "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaGVsbG8=\n-----END PUBLIC KEY-----";
    check_public(PUBLIC_KEY_ID, curve, Err(KeyError::Malformed));
    let short = "-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf\n9Cnzj4p4WGeKLs1Pt8QuKUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQ==\n-----END PUBLIC KEY-----";
    check_public(PUBLIC_KEY_ID, short, Err(KeyError::NotRsa));
}

#[test]
fn each_key_is_given_once() {
    let mut keys = keys();
    assert_eq!(
        keys.add_certificate(PLATFORM_CERTIFICATE),
        Err(KeyError::Twice(CERTIFICATE_SERIAL.to_owned()))
    );
    for number in 0..7 {
        keys.add_public_key(&format!("PUB_KEY_ID_{number}"), PLATFORM_PUBLIC_KEY).unwrap();
    }
    assert_eq!(keys.add_public_key(PUBLIC_KEY_ID, PLATFORM_PUBLIC_KEY), Err(KeyError::TooMany));
}

#[test]
fn the_key_of_callbacks_has_32_bytes_and_opens_what_was_not_changed() {
    assert_eq!(ApiV3Key::new("short").err(), Some(KeyError::ApiV3Key(5)));
    let key = ApiV3Key::new(&format!(" {API_KEY}\n")).unwrap();
    let sealed = seal(API_KEY, "0123456789ab", "refund", "{\"退\":1}");
    let open = |nonce, associated, text: &str| key.open(nonce, associated, text);
    assert_eq!(open("0123456789ab", "refund", &sealed), Some("{\"退\":1}".as_bytes().to_vec()));
    assert_eq!(open("0123456789ac", "refund", &sealed), None);
    assert_eq!(open("0123456789a", "refund", &sealed), None);
    assert_eq!(open("0123456789ab", "", &sealed), None);
    assert_eq!(open("0123456789ab", "refund", &sealed[4..]), None);
    assert_eq!(open("0123456789ab", "refund", "AAAA"), None);
    assert_eq!(open("0123456789ab", "refund", ""), None);
    assert_eq!(ApiV3Key::new(&API_KEY.to_lowercase()).unwrap().open("0123456789ab", "refund", &sealed), None);
}

#[test]
fn secrets_do_not_show() {
    let merchant = format!("{:?}", merchant_with(keys()));
    let api_key = format!("{:?}", ApiV3Key::new(API_KEY).unwrap());
    assert_eq!(
        merchant,
        format!(
            "Merchant {{ endpoint: \"https://pay.test\", mchid: \"{MCHID}\", serial: \"01AB\", key: MerchantKey, \
             keys: PlatformKeys([{CERTIFICATE_SERIAL}]) }}"
        )
    );
    assert_eq!(api_key, "ApiV3Key");
}
