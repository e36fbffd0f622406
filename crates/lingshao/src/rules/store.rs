//! What rules read from and write to: the storage of metrics, or one in memory that runs on a test's clock.

use lingshao_alerting::rules::Sample;
use lingshao_model::{Refusals, SeriesBatch, SeriesSource, Timestamp};
use lingshao_tsdb::{Db, Snapshot};

use crate::clock::now;

/// Keeps samples and shows them.
pub(crate) trait Store {
    /// Everything appended up to now. Held while one expression is computed.
    fn snapshot(&self) -> Box<dyn SeriesSource + '_>;
    /// Appends samples at one instant; the error is for a person.
    fn append(&mut self, at: Timestamp, samples: &[Sample]) -> Result<Refusals, String>;
}

/// The storage of metrics.
#[derive(Debug)]
pub(super) struct Metrics<'d> {
    db: &'d Db,
    batch: SeriesBatch,
}

impl Metrics<'_> {
    pub(super) fn new(db: &Db) -> Metrics<'_> {
        Metrics { db, batch: SeriesBatch::default() }
    }
}

impl Store for Metrics<'_> {
    fn snapshot(&self) -> Box<dyn SeriesSource + '_> {
        let snapshot: Snapshot = self.db.snapshot();
        Box::new(snapshot)
    }

    fn append(&mut self, at: Timestamp, samples: &[Sample]) -> Result<Refusals, String> {
        self.batch.clear();
        for sample in samples {
            self.batch.push(at, None, sample.value);
            self.batch.finish_series_of(&sample.labels);
        }
        let appended = self.db.append(&self.batch, now()).map_err(|error| error.to_string())?;
        Ok(appended.refusals)
    }
}
