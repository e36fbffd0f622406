//! The storage's figures; where Prometheus has the same one, under its name too, because boards ask for it.

use lingshao_model::Timestamp;
use lingshao_tsdb::Stats;

use super::Page;

/// Adds all of them.
pub(crate) fn render(page: &mut Page, stats: &Stats) {
    let gauges = [
        ("lingshao_tsdb_head_series", "Series in memory.", stats.head_series),
        ("prometheus_tsdb_head_series", "Series in memory, under Prometheus' name.", stats.head_series),
        ("lingshao_tsdb_head_samples", "Samples in memory.", stats.head_samples),
        ("lingshao_tsdb_head_bytes", "Bytes of memory for them, roughly.", stats.head_bytes),
        ("lingshao_tsdb_frozen_generations", "Generations that wait to be sealed.", stats.frozen_generations),
        ("lingshao_tsdb_blocks", "Blocks on disk.", stats.blocks),
        ("lingshao_tsdb_block_samples", "Samples in blocks.", stats.block_samples),
        ("lingshao_tsdb_block_bytes", "Bytes of blocks.", stats.block_bytes),
        ("lingshao_wal_bytes", "Bytes of the write-ahead log.", stats.wal_bytes),
    ];
    for (name, help, value) in gauges {
        page.gauge(name, help, value as f64);
    }
    let times = [
        ("lingshao_tsdb_lowest_timestamp_seconds", "First instant kept.", stats.min_time),
        ("lingshao_tsdb_highest_timestamp_seconds", "Last instant kept.", stats.max_time),
    ];
    for (name, help, time) in times {
        page.gauge(name, help, time.map_or(f64::NAN, Timestamp::as_seconds));
    }
}
