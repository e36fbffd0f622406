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

/// What a `traceparent` header says (W3C Trace Context).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    id: [u8; 32],
    span: [u8; 16],
}

impl Trace {
    /// None if anything about the header is wrong: then it is as good as none.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Trace> {
        let text = headers.get("traceparent")?.as_bytes();
        let (head, more) = text.split_at_checked("00-".len() + 32 + "-".len() + 16 + "-01".len())?;
        let (version, rest) = head.split_at(2);
        let (id, rest) = rest.strip_prefix(b"-")?.split_at(32);
        let (span, rest) = rest.strip_prefix(b"-")?.split_at(16);
        let flags = rest.strip_prefix(b"-")?;
        let digits = [version, id, span, flags].concat();
        let hex = digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let names = |bytes: &[u8]| bytes.iter().any(|byte| *byte != b'0');
        // Later versions may add fields; version 00 has exactly four.
        let ends = more.is_empty() || (version != b"00" && more[0] == b'-');
        let sound = hex && version != b"ff" && names(id) && names(span) && ends;
        sound.then(|| Some(Trace { id: id.try_into().ok()?, span: span.try_into().ok()? }))?
    }

    /// The trace: 32 lower-case hexadecimal digits, not all 0.
    pub(crate) fn id(&self) -> &str {
        str::from_utf8(&self.id).unwrap_or_default()
    }

    /// The caller's span: 16 digits. We make none, so this is the one that a tracing system knows.
    pub(crate) fn span(&self) -> &str {
        str::from_utf8(&self.span).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_trace(traceparent: &str, expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", HeaderValue::from_str(traceparent).expect("a header"));
        let found = Trace::of(&headers);
        assert_eq!(found.as_ref().map(Trace::id), expected);
        assert!(found.is_none_or(|trace| trace.span() == "00f067aa0ba902b7"));
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
        check_trace(&format!("00-{trace}-{}-01", "0".repeat(16)), None);
        check_trace(&format!("00-{trace}-{span}"), None);
        check_trace(&format!("00-{trace}-{span}-0g"), None);
        check_trace(&format!("00_{trace}-{span}-01"), None);
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
