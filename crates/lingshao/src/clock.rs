//! The wall clock: the one place that reads it. Engines get the time as an argument.

use lingshao_model::Timestamp;

/// The time.
pub(crate) fn now() -> Timestamp {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    // A clock before 1970 is answered with 1970: every sample is then refused as too far ahead, and says so.
    let now = since_epoch.map_or(0, |span| i64::try_from(span.as_millis()).unwrap_or(i64::MAX));
    Timestamp(now.saturating_add(offset_millis()))
}

/// What a test adds to the clock, by writing milliseconds into the file that `LINGSHAO_CLOCK_OFFSET_FILE` names.
#[cfg(debug_assertions)]
fn offset_millis() -> i64 {
    use std::sync::LazyLock;
    static FILE: LazyLock<Option<std::ffi::OsString>> =
        LazyLock::new(|| std::env::var_os("LINGSHAO_CLOCK_OFFSET_FILE"));
    let text = FILE.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

#[cfg(not(debug_assertions))]
#[inline]
fn offset_millis() -> i64 {
    0
}
