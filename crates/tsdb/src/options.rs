//! What the storage may keep and accept.

use lingshao_model::TimeDelta;

/// Limits of one [`crate::Db`], each with its reason.
#[derive(Clone, Debug)]
pub struct Options {
    /// Samples older than this are deleted, a block at a time. 90 days: a shop compares with last season.
    pub retention: TimeDelta,
    /// Oldest blocks are deleted when blocks and log exceed this; `None`: no limit.
    pub size_bytes_max: Option<u64>,
    /// Series that may exist in one generation. A million take about 1 GB; a small shop has some thousands, and
    /// one label with user ids in it must not take the memory of all others.
    pub series_max: u32,
    /// Labels per series. 64: Prometheus' users rarely pass 30.
    pub labels_max: usize,
    /// Bytes of a label's name. 1 KiB.
    pub label_name_bytes_max: usize,
    /// Bytes of a label's value. 4 KiB, the limit of the peers: longer ones are texts that belong into logs.
    pub label_value_bytes_max: usize,
    /// How far behind our clock a sample may be. A week: a sender that was cut off over a holiday catches up.
    pub out_of_order_window: TimeDelta,
    /// How far ahead of our clock a sample may be. 10 minutes: beyond that the sender's clock is wrong.
    pub future_max: TimeDelta,
    /// A generation is sealed when it is this old: the log that a restart replays stays short.
    pub generation_age_max: TimeDelta,
    /// A generation is sealed early at about this many bytes of memory; at twice as many, appends are refused
    /// until it is sealed.
    pub head_bytes_max: u64,
    /// Bytes of one log segment.
    pub segment_bytes_max: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            retention: TimeDelta::from_secs(90 * 86_400),
            size_bytes_max: None,
            series_max: 1_000_000,
            labels_max: 64,
            label_name_bytes_max: 1 << 10,
            label_value_bytes_max: 4 << 10,
            out_of_order_window: TimeDelta::from_secs(7 * 86_400),
            future_max: TimeDelta::from_secs(600),
            generation_age_max: TimeDelta::from_secs(7_200),
            head_bytes_max: 512 << 20,
            segment_bytes_max: 64 << 20,
        }
    }
}
