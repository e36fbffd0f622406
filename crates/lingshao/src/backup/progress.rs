//! How far a long copy has come, for whoever watches it.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Nobody reads faster.
const PAUSE: Duration = Duration::from_secs(1);

/// A line on the terminal, written over and over; nothing where there is none, as cron would send it by mail.
#[derive(Debug)]
pub(super) struct Progress {
    what: &'static str,
    bytes: u64,
    shown: Option<Instant>,
    is_watched: bool,
    began: Instant,
}

impl Progress {
    pub(super) fn new(what: &'static str) -> Progress {
        Progress {
            what,
            bytes: 0,
            shown: None,
            is_watched: io::stderr().is_terminal(),
            began: Instant::now(),
        }
    }

    pub(super) fn add(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        if self.is_watched && self.shown.unwrap_or(self.began).elapsed() >= PAUSE {
            self.shown = Some(Instant::now());
            // Only a nicety: a terminal that has gone is no reason to stop.
            drop(write!(io::stderr(), "\r{} {}  ", self.what, megabytes(self.bytes)));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            drop(io::stderr().write_all(b"\r\x1b[K"));
        }
    }
}

/// As a person says it.
pub(crate) fn megabytes(bytes: u64) -> String {
    const MEGA: f64 = 1_000_000.0;
    let mega = bytes as f64 / MEGA;
    if mega < 1_000.0 { format!("{mega:.1} MB") } else { format!("{:.2} GB", mega / 1_000.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_in_the_unit_that_fits() {
        for (bytes, said) in [(0, "0.0 MB"), (1_234_567, "1.2 MB"), (41_230_000_000, "41.23 GB")] {
            assert_eq!(megabytes(bytes), said);
        }
    }
}
