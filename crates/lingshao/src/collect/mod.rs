//! Collectors that watch this host without an exporter.
//!
//! Contract: they speak the names, labels and units of the exporters that they stand in for, so that public boards
//! and rules work unchanged. What cannot be read is left out of the page; a page is always made.

pub mod host;
