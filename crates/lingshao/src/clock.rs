//! The wall clock: the one place that reads it. Engines get the time as an argument.

use lingshao_model::Timestamp;

/// The time.
pub(crate) fn now() -> Timestamp {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    // A clock before 1970 is answered with 1970: every sample is then refused as too far ahead, and says so.
    Timestamp(since_epoch.map_or(0, |span| i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
}
