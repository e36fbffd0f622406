//! From bytes to lines: where a line ends, which lines belong together, and what container runtimes write around them.
//!
//! Contract: state machines without I/O that take bytes or lines as they come and give whole lines. What one of them
//! holds back has a limit; a line beyond [`LINE_BYTES_MAX`] is cut there, and what is cut off is thrown away up to the
//! line's end. The record of a cut line says so, because its text is longer than
//! [`VALUE_BYTES_MAX`](crate::log_json::VALUE_BYTES_MAX).
//!
//! - [`Framer`]: the lines, objects or syslog messages of a stream.
//! - [`Joiner`]: stack traces and the line that they belong to.
//! - [`ContainerLines`]: Docker's json-file and the CRI format, partial lines joined.

mod container;
mod framer;
mod joiner;

pub use container::{ContainerLine, ContainerLines};
pub use framer::Framer;
pub use joiner::Joiner;

/// Longest line: as long as the largest record.
pub const LINE_BYTES_MAX: usize = crate::log_json::RECORD_BYTES_MAX;
