//! Names by which a request is found again: `X-Request-ID` and the trace of `traceparent`.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderValue};

pub(crate) const REQUEST_ID: http::HeaderName = http::HeaderName::from_static("x-request-id");

/// Longest request id that is taken over: generous for a UUID with a prefix.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// The caller's request id, if it is a sound one.
pub(crate) fn given_request_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let id = headers.get(&REQUEST_ID)?;
    let sound = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+/=".contains(byte);
    let bytes = id.as_bytes();
    (!bytes.is_empty() && bytes.len() <= REQUEST_ID_BYTES_MAX && bytes.iter().all(sound)).then(|| id.clone())
}

/// A new request id: 32 hexadecimal digits, different in this process by construction and from other processes by
/// chance. It is a name and no secret.
pub(crate) fn new_request_id() -> HeaderValue {
    static SALT: LazyLock<(u64, u64)> = LazyLock::new(|| {
        let random = RandomState::new();
        (random.hash_one(1), random.hash_one(2))
    });
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let halves = [mixed(SALT.0.wrapping_add(n)), mixed(SALT.1 ^ n)];
    let nibble = |index: usize| (halves[index / 16] >> (index % 16 * 4)) as usize & 15;
    let id: [u8; 32] = std::array::from_fn(|index| b"0123456789abcdef"[nibble(index)]);
    HeaderValue::from_bytes(&id).expect("hexadecimal digits are a header value")
}

/// The last step of SplitMix64 (Steele, Lea, Flood 2014): one to one, so that no two counts meet.
fn mixed(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// The trace of a `traceparent` header (W3C Trace Context): 32 lower-case hexadecimal digits, not all 0.
pub(crate) fn trace_id(headers: &HeaderMap) -> Option<[u8; 32]> {
    let text = headers.get("traceparent")?.as_bytes();
    let hex = |bytes: &[u8]| bytes.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let (version, rest) = text.split_at_checked(2)?;
    let [b'-', trace @ .., b'-'] = rest.get(..34)? else { return None };
    // Later versions may add fields; version 00 has exactly four.
    let complete = rest.get(34..50).is_some_and(hex) && rest.get(50) == Some(&b'-');
    let ends = rest.len() >= 53
        && hex(&rest[51..53])
        && (rest.len() == 53 || (version != b"00" && rest[53] == b'-'));
    let sound = hex(version)
        && version != b"ff"
        && complete
        && ends
        && hex(trace)
        && trace.iter().any(|b| *b != b'0');
    sound.then(|| trace.try_into().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_trace(traceparent: &str, expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", HeaderValue::from_str(traceparent).expect("a header"));
        let found = trace_id(&headers);
        assert_eq!(found.as_ref().map(|digits| str::from_utf8(digits).expect("digits")), expected);
    }

    #[test]
    fn traces_are_read_as_w3c_says() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let span = "00f067aa0ba902b7";
        check_trace(&format!("00-{trace}-{span}-01"), Some(trace));
        check_trace(&format!("01-{trace}-{span}-01-more"), Some(trace));
        check_trace(&format!("00-{trace}-{span}-01-more"), None);
        check_trace(&format!("ff-{trace}-{span}-01"), None);
        check_trace(&format!("00-{}-{span}-01", trace.to_uppercase()), None);
        check_trace(&format!("00-{}-{span}-01", "0".repeat(32)), None);
        check_trace(&format!("00-{trace}-{span}"), None);
        check_trace("00", None);
    }

    #[test]
    fn request_ids_are_taken_over_only_if_they_are_sound() {
        let given = |id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(id).expect("a header"));
            given_request_id(&headers).is_some()
        };
        assert!(given("0191-abc_DEF.9:x"));
        assert!(!given(""));
        assert!(!given("a b"));
        assert!(!given("a\"b"));
        assert!(!given(&"x".repeat(129)));
        assert_ne!(new_request_id(), new_request_id());
        assert_eq!(new_request_id().len(), 32);
    }
}
