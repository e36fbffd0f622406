//! Scraping on real sockets: what becomes of series, hostile targets, credentials.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod credentials;
mod hostile;
mod series;
mod support;
