//! Bodies that carry data: memory is admitted before it is used, bytes as they arrive, decoded ones by the number of
//! decoders. What cannot be admitted in time is a temporary refusal, which senders repeat.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::request::{BodyError, Call, Pieces};

/// All bodies in memory together.
const BODIES_BYTES_MAX: usize = 64 << 20;
/// Admission is asked for in steps of this size, so that a slow sender holds little more than it has sent.
const ADMISSION_STEP: usize = 256 << 10;
/// How long a request waits for memory or a decoder before it is told to come again.
const ADMISSION_TIMEOUT: Duration = Duration::from_secs(5);
/// Buffers above this are given back to the system and not kept for the next request.
pub(crate) const KEPT_BYTES_MAX: usize = 4 << 20;
/// Decoding and appending take no sleep: more decoders than cores would only cost memory.
const DECODERS_MAX: usize = 8;

/// Memory and decoders for one kind of data.
#[derive(Debug)]
pub(crate) struct Intake<S> {
    /// One permit is one byte of a body.
    body_bytes: Arc<Semaphore>,
    /// One permit is one decoder with its buffers.
    decoders: Arc<Semaphore>,
    buffers_max: usize,
    scratches: Mutex<Vec<S>>,
    bodies: Mutex<Vec<Vec<u8>>>,
}

/// Buffers of a decoder that are used again.
pub(crate) trait Scratch: Default + Send + 'static {
    /// Gives back what is larger than the next request is likely to need.
    fn shrink(&mut self);
}

/// A body with the memory that was admitted for it.
#[derive(Debug)]
pub(crate) struct Body {
    /// As it was sent.
    pub(crate) bytes: Vec<u8>,
    admitted: Vec<OwnedSemaphorePermit>,
}

/// Why a body was not taken or not decoded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IntakeError {
    /// Temporary.
    #[error("{0}; try again")]
    Overloaded(&'static str),
    /// The sender's fault.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// Ours.
    #[error("internal error; see the server's log")]
    Panicked,
}

impl<S: Scratch> Intake<S> {
    /// For a machine with that many cores.
    pub(crate) fn new(cores: usize) -> Intake<S> {
        let decoders = cores.clamp(1, DECODERS_MAX);
        Intake {
            body_bytes: Arc::new(Semaphore::new(BODIES_BYTES_MAX)),
            decoders: Arc::new(Semaphore::new(decoders)),
            buffers_max: decoders,
            scratches: Mutex::default(),
            bodies: Mutex::default(),
        }
    }

    /// Collects a body into one buffer.
    pub(crate) async fn receive(&self, call: Call, bytes_max: usize) -> Result<Body, IntakeError> {
        let mut pieces = Pieces::new(call, bytes_max);
        let declared = usize::try_from(pieces.declared().unwrap_or(0)).unwrap_or(0);
        let mut body = Body { bytes: self.take_buffer(), admitted: Vec::new() };
        let mut admitted = 0;
        body.bytes.reserve(declared.min(ADMISSION_STEP));
        while let Some(piece) = pieces.next().await? {
            let length = body.bytes.len() + piece.len();
            while admitted < length {
                body.admitted.push(self.admit(ADMISSION_STEP).await?);
                admitted += ADMISSION_STEP;
            }
            body.bytes.extend_from_slice(&piece);
        }
        Ok(body)
    }

    /// The same for bytes that did not come by HTTP.
    pub(crate) async fn admit_bytes(&self, bytes: Bytes) -> Result<Body, IntakeError> {
        let admitted = vec![self.admit(bytes.len().max(1)).await?];
        Ok(Body { bytes: bytes.into(), admitted })
    }

    /// Runs a decoder on a thread that may block.
    pub(crate) async fn decode<R: Send + 'static>(
        self: &Arc<Self>,
        body: Body,
        decode: impl FnOnce(&[u8], &mut S) -> R + Send + 'static,
    ) -> Result<R, IntakeError> {
        let decoder = timeout(ADMISSION_TIMEOUT, self.decoders.clone().acquire_owned()).await;
        let Ok(Ok(decoder)) = decoder else {
            return Err(IntakeError::Overloaded("too many requests are being decoded"));
        };
        let intake = self.clone();
        let outcome = tokio::task::spawn_blocking(move || {
            let mut scratch = intake.lock(&intake.scratches).pop().unwrap_or_default();
            let outcome = decode(&body.bytes, &mut scratch);
            intake.keep(body.bytes, scratch);
            // Held here, because this goes on when the client has gone and its handler with it.
            drop((decoder, body.admitted));
            outcome
        });
        outcome.await.map_err(|_| IntakeError::Panicked)
    }

    async fn admit(&self, bytes: usize) -> Result<OwnedSemaphorePermit, IntakeError> {
        let bytes = u32::try_from(bytes).expect("steps are far below 4 GiB");
        match timeout(ADMISSION_TIMEOUT, self.body_bytes.clone().acquire_many_owned(bytes)).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(IntakeError::Overloaded("too many bytes are being received")),
        }
    }

    fn lock<'a, T>(&self, mutex: &'a Mutex<T>) -> std::sync::MutexGuard<'a, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner) // A list of buffers: whole at any time.
    }

    fn take_buffer(&self) -> Vec<u8> {
        self.lock(&self.bodies).pop().unwrap_or_default()
    }

    /// Keeps at most as many buffers as there are decoders, none of them large.
    fn keep(&self, mut body: Vec<u8>, mut scratch: S) {
        if body.capacity() <= KEPT_BYTES_MAX {
            body.clear();
            let mut bodies = self.lock(&self.bodies);
            if bodies.len() < self.buffers_max {
                bodies.push(body);
            }
        }
        scratch.shrink();
        let mut scratches = self.lock(&self.scratches);
        if scratches.len() < self.buffers_max {
            scratches.push(scratch);
        }
    }
}
