//! Collectors that watch this host and databases without an exporter.
//!
//! Contract: they speak the names, labels and units of the exporters that they stand in for, so that public boards
//! and rules work unchanged. What cannot be read is left out of the page; a page is always made.
//!
//! - [`host`]: this host, read from files on a blocking thread.
//! - [`database`]: one PostgreSQL, MySQL or Redis server, asked over a socket that is kept; its module says what holds
//!   for all kinds, `postgres`, `mysql` and `redis` what is asked of each, [`dsn`] how an address is written.

pub mod database;
pub mod dsn;
mod figures;
pub mod host;
mod mysql;
mod postgres;
mod redis;
