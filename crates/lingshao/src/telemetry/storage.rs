//! The storage's figures; where Prometheus has the same one, under its name too, because boards ask for it.

use lingshao_model::Timestamp;
use lingshao_tsdb::{OpenReport, Stats};

use super::{Counter, Gauge, Page};

/// Damage that was found. It stays on the page until the next start, so that an alert on it does not end by itself.
#[derive(Debug, Default)]
pub(crate) struct StorageTelemetry {
    losses: Gauge,
    lost_records: Gauge,
    orphaned_samples: Gauge,
    quarantined_blocks: Gauge,
    /// Blocks that cannot be merged.
    pub(crate) damaged_blocks: Counter,
}

impl StorageTelemetry {
    /// What opening the storage found.
    pub(crate) fn opened(&self, report: &OpenReport) {
        let losses = report.wal.as_ref().map_or([].as_slice(), |recovery| &recovery.losses);
        let records: u64 = losses.iter().filter_map(|loss| loss.records).sum();
        self.losses.set(losses.len() as f64);
        self.lost_records.set((records + report.unreadable_records) as f64);
        self.orphaned_samples.set(report.orphaned as f64);
        self.quarantined_blocks.set(report.quarantined.len() as f64);
    }

    /// Places of log and blocks at which something is lost.
    pub(crate) fn corruptions(&self) -> u64 {
        (self.losses.get() + self.quarantined_blocks.get()) as u64 + self.damaged_blocks.get()
    }

    pub(super) fn render(&self, page: &mut Page) {
        let gauges = [
            ("lingshao_storage_losses", "Places of the log with lost records, found at start.", &self.losses),
            ("lingshao_storage_lost_records", "Records known to be lost there.", &self.lost_records),
            ("lingshao_storage_orphaned_samples", "Samples lost with their labels.", &self.orphaned_samples),
            ("lingshao_storage_quarantined_blocks", "Blocks set aside at start.", &self.quarantined_blocks),
        ];
        for (name, help, gauge) in gauges {
            page.gauge(name, help, gauge.get());
        }
        let help = "Blocks found damaged while merging.";
        page.counter("lingshao_storage_damaged_blocks_total", help, self.damaged_blocks.get() as f64);
    }
}

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
