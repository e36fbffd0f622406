//! From bytes that somebody sent to records that are stored.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use lingshao_disk::Commit;
use lingshao_logs::{AppendError, Outcome};
use lingshao_model::log::LogBatch;
use lingshao_wire::log_json::{self, Reader, RecordContext};

use tokio::sync::watch;
use tokio::time::sleep;

use super::{Logs, Settings};
use crate::durable::SyncFailed;
use crate::server::intake::{Body, IntakeError, KEPT_BYTES_MAX, Scratch};
use crate::server::request::Call;

/// Largest body on the wire. Filebeat sends a few hundred kB, Logstash up to 20 MB, Vector 10 MB; all of them send less
/// after a 413.
pub(crate) const BODY_BYTES_MAX: usize = 32 << 20;
/// Between two attempts to store what cannot be refused.
const PAUSE: Duration = Duration::from_millis(200);
/// When the process is ending.
const ATTEMPTS_AT_THE_END: u32 = 10;
/// And unpacked: what Elasticsearch takes by default.
pub(crate) const PLAIN_BYTES_MAX: usize = 100 << 20;

/// What a decoder uses again.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    /// With the settings that it was made for.
    reader: Option<(Arc<log_json::Settings>, Reader)>,
    batch: LogBatch,
}

impl Scratch for Buffers {
    fn shrink(&mut self) {
        if KEPT_BYTES_MAX < self.batch.bytes() {
            self.batch = LogBatch::default();
        }
    }
}

/// A decoder at work.
pub(crate) struct Work<'b> {
    /// Where records go that name no index.
    pub(crate) settings: &'b Settings,
    /// Reads JSON.
    pub(crate) reader: &'b mut Reader,
    /// Takes the records.
    pub(crate) batch: &'b mut LogBatch,
}

/// What became of a body.
#[derive(Debug)]
pub(crate) struct Taken<P> {
    /// What the decoder says of it.
    pub(crate) plan: P,
    /// One for each record, in order.
    pub(crate) outcomes: Vec<Outcome>,
    /// To wait for.
    pub(crate) commit: Commit,
}

/// Why a body was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TakeError<E> {
    /// The whole body is wrong.
    #[error("{0}")]
    Decode(E),
    /// Temporary, or for ever: the error knows.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// It did not come, or there is no room for it.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// It may be lost.
    #[error(transparent)]
    Sync(#[from] SyncFailed),
}

impl Logs {
    /// Reads the body of a request.
    pub(crate) async fn receive(&self, call: Call) -> Result<Body, IntakeError> {
        self.intake.receive(call, BODY_BYTES_MAX).await
    }

    /// The same for a body that was read elsewhere.
    pub(super) async fn admit(&self, bytes: Vec<u8>) -> Result<Body, IntakeError> {
        self.intake.admit_bytes(Bytes::from(bytes)).await
    }

    /// Decodes a body and stores its records; what is answered must wait for [`Taken::commit`].
    pub(crate) async fn take<P, E>(
        self: &Arc<Self>,
        body: Body,
        decode: impl FnOnce(&[u8], Work<'_>) -> Result<P, E> + Send + 'static,
    ) -> Result<Taken<P>, TakeError<E>>
    where
        P: Send + 'static,
        E: Send + 'static,
    {
        let logs = self.clone();
        self.telemetry.bytes.add(body.bytes.len() as u64);
        let work = move |bytes: &[u8], buffers: &mut Buffers| {
            let settings = logs.settings();
            let (reader, batch) = buffers.parts(&settings);
            let before = reader.counts();
            let plan =
                decode(bytes, Work { settings: &settings, reader, batch }).map_err(TakeError::Decode)?;
            logs.telemetry.changed(before, reader.counts());
            let appended = logs.append(batch)?;
            Ok(Taken { plan, outcomes: appended.outcomes, commit: appended.commit })
        };
        self.intake.decode(body, work).await?
    }

    /// The same, and what has been stored is durable when it returns.
    pub(crate) async fn take_durably<P, E>(
        self: &Arc<Self>,
        body: Body,
        decode: impl FnOnce(&[u8], Work<'_>) -> Result<P, E> + Send + 'static,
    ) -> Result<Taken<P>, TakeError<E>>
    where
        P: Send + 'static,
        E: Send + 'static,
    {
        let taken = self.take(body, decode).await?;
        self.durable(taken.commit).await?;
        Ok(taken)
    }
}

impl Logs {
    /// For senders that cannot be told to come again: what the storage cannot take for the moment is tried again until it
    /// is taken, or until `stop` has been true for a while.
    pub(super) async fn take_patiently(
        self: &Arc<Self>,
        bytes: Vec<u8>,
        decode: fn(&[u8], Work<'_>),
        stop: &mut watch::Receiver<bool>,
    ) -> Result<Commit, TakeError<Infallible>> {
        let bytes = Bytes::from(bytes);
        let mut attempts_left = None;
        loop {
            let body = self.intake.admit_bytes(bytes.clone()).await;
            let outcome = match body {
                Ok(body) => {
                    self.take(body, move |bytes, work| {
                        decode(bytes, work);
                        Ok(())
                    })
                    .await
                }
                Err(error) => Err(error.into()),
            };
            match outcome {
                Ok(taken) => return Ok(taken.commit),
                Err(error) if !error.is_temporary() => {
                    tracing::error!(%error, "lines were lost");
                    return Err(error);
                }
                Err(error) => {
                    self.telemetry.overloads.add(1);
                    if *stop.borrow() {
                        let left = attempts_left.get_or_insert(ATTEMPTS_AT_THE_END);
                        *left -= 1;
                        if *left == 0 {
                            tracing::error!(%error, "lines that were read are lost with the end of the process");
                            return Err(error);
                        }
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

impl Logs {
    /// For what has been read from elsewhere already; it is durable when this returns.
    pub(super) async fn take_decoded(
        self: &Arc<Self>,
        decode: impl FnOnce(&[u8], Work<'_>) + Send + 'static,
    ) -> Result<(), TakeError<Infallible>> {
        let body = self.intake.admit_bytes(Bytes::new()).await?;
        let decode = move |bytes: &[u8], work: Work<'_>| {
            decode(bytes, work);
            Ok(())
        };
        self.take_durably(body, decode).await.map(drop)
    }
}

impl<E> TakeError<E> {
    /// Whether the same may be taken later.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            TakeError::Append(AppendError::Busy { .. } | AppendError::Full(_)) => true,
            TakeError::Intake(IntakeError::Overloaded(_)) => true,
            TakeError::Append(_) | TakeError::Intake(_) | TakeError::Decode(_) | TakeError::Sync(_) => false,
        }
    }
}

impl Buffers {
    /// A reader for these settings, and an empty batch.
    fn parts(&mut self, settings: &Settings) -> (&mut Reader, &mut LogBatch) {
        self.batch.clear();
        let is_current =
            self.reader.as_ref().is_some_and(|(made_for, _)| Arc::ptr_eq(made_for, &settings.reader));
        if !is_current {
            self.reader = None;
        }
        let (_, reader) = self
            .reader
            .get_or_insert_with(|| (settings.reader.clone(), Reader::new(settings.reader.clone())));
        (reader, &mut self.batch)
    }
}

/// Every line is a record: JSON, or text.
pub(super) fn lines(lines: &[u8], work: Work<'_>) {
    let Work { settings, reader, batch } = work;
    let text = String::from_utf8_lossy(lines);
    let context = RecordContext::new(&settings.index);
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        reader.line(line, &context, batch);
    }
}
