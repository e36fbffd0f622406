//! The bit pattern that ends a series.

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
