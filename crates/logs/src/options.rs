//! What the storage may keep and accept.

use lingshao_model::TimeDelta;

/// Limits of one [`crate::Store`], each with its reason.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whole days older than this are deleted. 180 days: what the law asks of network logs in China.
    pub retention: TimeDelta,
    /// Oldest days are deleted when parts and log exceed this; `None`: no limit.
    pub size_bytes_max: Option<u64>,
    /// How far behind its arrival a record's own day may be; older ones are kept in the folder of their arrival, under
    /// their own time. 2 days: a shipper that was cut off over a weekend.
    pub late_max: TimeDelta,
    /// The same ahead of its arrival. 10 minutes: beyond that the sender's clock is wrong.
    pub early_max: TimeDelta,
    /// Memory for records that are not sealed yet, in a generation; at twice as much, appends are refused until one is
    /// sealed. 24 MiB: about 60,000 request logs, one block.
    pub tail_bytes_max: u64,
    /// A generation is sealed when it is this old: the log that a restart replays stays short. 10 minutes.
    pub tail_age_max: TimeDelta,
    /// A generation of at least an eighth of `tail_bytes_max` is sealed when nothing arrived for so long. 5 seconds.
    pub tail_idle_max: TimeDelta,
    /// Bytes of one log segment.
    pub segment_bytes_max: u64,
    /// For how long a sender's id is known again. 24 hours: shippers repeat within minutes; a restart rebuilds it.
    pub id_memory: TimeDelta,
    /// Ids known at most; with more, the older half is forgotten early. A million take about 40 MB.
    pub ids_max: usize,
    /// Different field names of an index between two seals. 10,000: ten times Elasticsearch's limit, and still no sender
    /// that uses values as names takes the memory of all others.
    pub fields_max: usize,
    /// Fields of a record. 4,096: long arrays count one for each item.
    pub record_fields_max: usize,
    /// Bytes of a text; longer ones are cut, and a field `_cut` names them. 256 KiB: longer than any stack trace.
    pub field_bytes_max: usize,
    /// Bytes of all of a record. 4 MiB.
    pub record_bytes_max: usize,
    /// Indices. 1,000: one a day for shippers that name them by the date, for longer than `retention`.
    pub indices_max: usize,
    /// Memory for columns and headers that queries used. 24 MiB: the words' filters of ten million records.
    pub cache_bytes_max: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            retention: TimeDelta::from_secs(180 * 86_400),
            size_bytes_max: None,
            late_max: TimeDelta::from_secs(2 * 86_400),
            early_max: TimeDelta::from_secs(600),
            tail_bytes_max: 24 << 20,
            tail_age_max: TimeDelta::from_secs(600),
            tail_idle_max: TimeDelta::from_secs(5),
            segment_bytes_max: 64 << 20,
            id_memory: TimeDelta::from_secs(86_400),
            ids_max: 1_000_000,
            fields_max: 10_000,
            record_fields_max: 4_096,
            field_bytes_max: 256 << 10,
            record_bytes_max: 4 << 20,
            indices_max: 1_000,
            cache_bytes_max: 24 << 20,
        }
    }
}

/// Nanoseconds of a span.
pub(crate) fn nanos(delta: TimeDelta) -> i64 {
    delta.0.saturating_mul(1_000_000)
}
