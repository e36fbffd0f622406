//! Figures about what is kept, for `/metrics` and the status page.

use lingshao_model::{METRIC_NAME, Timestamp};

use crate::db::Db;
use crate::generation::time_range;

/// Sizes and counts at one instant.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Series of the generation that is being written.
    pub head_series: u64,
    /// Samples in memory.
    pub head_samples: u64,
    /// Bytes of memory for them, roughly.
    pub head_bytes: u64,
    /// First instant in memory.
    pub head_min_time: Option<Timestamp>,
    /// Last instant in memory.
    pub head_max_time: Option<Timestamp>,
    /// Generations that wait to be sealed.
    pub frozen_generations: u64,
    /// Blocks on disk.
    pub blocks: u64,
    /// Samples in them.
    pub block_samples: u64,
    /// Their bytes.
    pub block_bytes: u64,
    /// Bytes of the log.
    pub wal_bytes: u64,
    /// First instant kept.
    pub min_time: Option<Timestamp>,
    /// Last instant kept.
    pub max_time: Option<Timestamp>,
}

/// What the series of the current generation are made of: the largest first.
#[derive(Clone, Debug, Default)]
pub struct Cardinality {
    /// Series per metric name.
    pub series_by_metric: Vec<(String, u64)>,
    /// Values per label name.
    pub values_by_label: Vec<(String, u64)>,
    /// Bytes of values per label name, over all series.
    pub bytes_by_label: Vec<(String, u64)>,
    /// Series per `name=value`.
    pub series_by_pair: Vec<(String, u64)>,
    /// Label names.
    pub label_names: u64,
    /// Distinct pairs of name and value.
    pub label_pairs: u64,
}

impl Db {
    /// Counts; cheap.
    pub fn stats(&self) -> Stats {
        let writer = self.writer();
        let range = writer.time_range();
        let head = time_range(writer.head_extents());
        let mut stats = Stats {
            head_series: u64::from(writer.head.series_count()),
            frozen_generations: writer.frozen.len() as u64,
            blocks: writer.blocks.len() as u64,
            wal_bytes: writer.wal.bytes(),
            min_time: range.map(|(min, _)| min),
            max_time: range.map(|(_, max)| max),
            head_min_time: head.map(|(min, _)| min),
            head_max_time: head.map(|(_, max)| max),
            ..Stats::default()
        };
        for extent in writer.head_extents().filter(|extent| extent.samples > 0) {
            stats.head_samples += extent.samples;
            stats.head_bytes += extent.bytes;
        }
        for block in writer.blocks.iter() {
            stats.block_samples += block.extent.samples;
            stats.block_bytes += block.extent.bytes;
        }
        stats
    }

    /// The `limit` largest of each kind; looks at the whole index.
    pub fn cardinality(&self, limit: usize) -> Cardinality {
        let view = self.writer().head.view();
        view.with_index(|index| {
            let mut all = Cardinality::default();
            for name in index.names() {
                let (mut values, mut bytes) = (0, 0);
                for (value, series) in index.values(name) {
                    values += 1;
                    bytes += (value.len() * series) as u64;
                    all.series_by_pair.push((format!("{name}={value}"), series as u64));
                    if name == METRIC_NAME {
                        all.series_by_metric.push((value.to_owned(), series as u64));
                    }
                }
                all.label_names += 1;
                all.label_pairs += values;
                all.values_by_label.push((name.to_owned(), values));
                all.bytes_by_label.push((name.to_owned(), bytes));
            }
            for list in [
                &mut all.series_by_metric,
                &mut all.values_by_label,
                &mut all.bytes_by_label,
                &mut all.series_by_pair,
            ] {
                list.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
                list.truncate(limit);
            }
            all
        })
    }
}
