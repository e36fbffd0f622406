//! One measured point, and the bit pattern that ends a series.

use crate::Timestamp;

/// Bits of the NaN that marks a series as ended ("stale"); every other NaN is an ordinary value.
/// Source: prometheus `model/value/value.go`.
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// The staleness marker.
pub fn stale_nan() -> f64 {
    f64::from_bits(STALE_NAN_BITS)
}

/// Whether this value is the staleness marker, by its bits.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}

/// What was measured. Closed: native histograms join as a second variant, and `match` finds every place.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    /// A float, kept bit for bit, NaN payloads included.
    Float(f64),
}

/// One point of one series.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// When it was measured.
    pub t: Timestamp,
    /// When the counter that it belongs to began counting, where the sender says so (OpenMetrics `_created`,
    /// remote write 2.0 `start_timestamp`).
    pub start: Option<Timestamp>,
    /// What was measured.
    pub value: Value,
}
