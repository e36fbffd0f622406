//! What of us does not work at the moment, for the page, for `/metrics` and, once, for the log.
//!
//! Contract: the one place that knows. Engines say what they refused, threads and the owner of alerts say what they could
//! not write; this looks at all of it every second and says since when.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use lingshao_disk::{Refusal, WalSync};
use lingshao_model::{TimeDelta, Timestamp};
use rustix::fs::statvfs;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use crate::clock::now;
use crate::telemetry::{Fault, Page, Telemetry, WalTelemetry};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What was refused counts for so long, though a smaller record was taken since: a disk that is nearly full takes some.
const REFUSAL_COUNTS: TimeDelta = TimeDelta::from_secs(10);
/// A disk with less room is full, whatever was to be written: SQLite does not say it in a way that could be read.
const ROOM_BYTES_MIN: u64 = 1 << 20;

/// What of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Metrics,
    Logs,
    /// `state.db`: alerts, silences, boards, what was told.
    State,
}

impl Part {
    const ALL: [Part; 3] = [Part::Metrics, Part::Logs, Part::State];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Part::Metrics => "metrics",
            Part::Logs => "logs",
            Part::State => "state",
        }
    }
}

/// In which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// There is no room. It goes on by itself when there is.
    Full,
    /// It cannot write for another reason, and tries again.
    Refused,
    /// A sync failed: nothing is acknowledged before the next start.
    Unsynced,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Full => "full",
            Kind::Refused => "refused",
            Kind::Unsynced => "unsynced",
        }
    }
}

/// One part that does not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) part: Part,
    pub(crate) kind: Kind,
    pub(crate) since: Timestamp,
    pub(crate) error: Arc<str>,
}

/// What the watch has found; empty when all is well.
#[derive(Debug, Default)]
pub(crate) struct Health(RwLock<Arc<[Trouble]>>);

impl Health {
    /// At most one for each part.
    pub(crate) fn troubles(&self) -> Arc<[Trouble]> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, troubles: Vec<Trouble>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = troubles.into();
    }

    /// Adds it to a page.
    pub(crate) fn render(&self, page: &mut Page) {
        let name = "lingshao_degraded";
        page.family(name, "gauge", "1 while a part of us cannot keep what it is given.");
        let troubles = self.troubles();
        for part in Part::ALL {
            let is_troubled = troubles.iter().any(|trouble| trouble.part == part);
            page.sample(name, &[("part", part.name())], f64::from(u8::from(is_troubled)));
        }
    }
}

/// Looks again and again, until the runtime ends.
pub(crate) async fn watch(metrics: WalSync, logs: WalSync, data: PathBuf, telemetry: Arc<Telemetry>) {
    let mut watches = Part::ALL.map(Watch::new);
    let mut tick = interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let seen = [
            Seen::log(&metrics, &telemetry.wal, &telemetry.maintenance),
            Seen::log(&logs, &telemetry.log_wal, &telemetry.log_maintenance),
            Seen { fault: telemetry.alertmanager.state_failed.get(), ..Seen::default() },
        ];
        let is_asked =
            seen.iter().any(|seen| seen.fault.is_some()) || watches.iter().any(Watch::waits_for_room);
        // A disk that hangs makes this wait, and what was found stays as it is.
        let room = if is_asked { room(&data).await } else { None };
        let at = now();
        let found = watches.iter_mut().zip(seen).filter_map(|(watch, seen)| watch.look(seen, room, at));
        telemetry.health.set(found.collect());
    }
}

/// Bytes that the folder's disk has left for us.
async fn room(data: &Path) -> Option<u64> {
    let data = data.to_owned();
    let asked = spawn_blocking(move || statvfs(&data).ok()).await;
    asked.ok()?.map(|answer| answer.f_bavail * answer.f_frsize)
}

/// What there is to see of a part at one instant.
#[derive(Clone, Debug, Default)]
struct Seen {
    is_unsynced: bool,
    refusal: Option<Refusal>,
    /// Of what is written besides the log, and tried again and again.
    fault: Option<String>,
}

impl Seen {
    fn log(wal: &WalSync, telemetry: &WalTelemetry, maintenance: &Fault) -> Seen {
        let is_unsynced = telemetry.failed.get() == 1.0;
        Seen { is_unsynced, refusal: wal.refusal(), fault: maintenance.get() }
    }
}

/// What is known of a part from one look to the next.
#[derive(Debug)]
struct Watch {
    part: Part,
    /// Number of the last refusal that was seen.
    seen: u64,
    refused: Option<Refused>,
    trouble: Option<Trouble>,
}

#[derive(Debug)]
struct Refused {
    at: Timestamp,
    bytes: u64,
    is_full: bool,
    error: Arc<str>,
}

impl Watch {
    fn new(part: Part) -> Watch {
        Watch { part, seen: 0, refused: None, trouble: None }
    }

    fn waits_for_room(&self) -> bool {
        self.refused.is_some()
    }

    /// The trouble that the part is in.
    fn look(&mut self, seen: Seen, room: Option<u64>, at: Timestamp) -> Option<Trouble> {
        self.note_refusal(seen.refusal.as_ref(), room, at);
        let found = match (&self.refused, seen.fault) {
            _ if seen.is_unsynced => {
                Some((Kind::Unsynced, Arc::from(crate::durable::SyncFailed.to_string())))
            }
            (Some(refused), _) => {
                let kind = if refused.is_full { Kind::Full } else { Kind::Refused };
                Some((kind, refused.error.clone()))
            }
            (None, Some(error)) => {
                let is_full = room.is_some_and(|room| room < ROOM_BYTES_MIN);
                Some((if is_full { Kind::Full } else { Kind::Refused }, Arc::from(error)))
            }
            (None, None) => None,
        };
        let before = self.trouble.take();
        self.trouble = found.map(|(kind, error)| {
            let since = before.as_ref().map_or(at, |trouble| trouble.since);
            Trouble { part: self.part, kind, since, error }
        });
        self.tell(before.as_ref(), at);
        self.trouble.clone()
    }

    /// A refusal counts until something was taken, or could be, and for a while.
    fn note_refusal(&mut self, refusal: Option<&Refusal>, room: Option<u64>, at: Timestamp) {
        let Some(refusal) = refusal else { return };
        if self.seen < refusal.number {
            self.seen = refusal.number;
            let (bytes, is_full, error) = (refusal.bytes as u64, refusal.is_full, refusal.error.clone());
            self.refused = Some(Refused { at, bytes, is_full, error });
        }
        let is_over = self.refused.as_ref().is_some_and(|refused| {
            let has_room = refused.is_full && room.is_some_and(|room| refused.bytes + ROOM_BYTES_MIN <= room);
            // Also when the clock was set back: then it counts from the next refusal.
            let counts = refused.at <= at && at < refused.at + REFUSAL_COUNTS;
            (refusal.is_over || has_room) && !counts
        });
        if is_over {
            self.refused = None;
        }
    }

    fn tell(&self, before: Option<&Trouble>, at: Timestamp) {
        let part = self.part.name();
        match (before, &self.trouble) {
            (None, Some(Trouble { kind, error, .. })) => {
                tracing::error!(part, kind = kind.name(), %error, "what is given to us is not kept");
            }
            (Some(before), None) => {
                let seconds = (at - before.since).as_seconds();
                tracing::info!(part, seconds, "what is given to us is kept again");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: Option<&str> = None;

    fn refusal(number: u64, is_over: bool) -> Seen {
        let refusal = Refusal { number, bytes: 100, is_full: true, error: "no room".into(), is_over };
        Seen { refusal: Some(refusal), ..Seen::default() }
    }

    fn fault(error: &str) -> Seen {
        Seen { fault: Some(error.to_owned()), ..Seen::default() }
    }

    /// What is said, second by second, with how long it has been so.
    #[track_caller]
    fn check(looks: &[(i64, Seen, u64, Option<&str>)]) {
        let mut watch = Watch::new(Part::Logs);
        for (second, seen, room, expected) in looks {
            let at = Timestamp(second * 1000);
            let found = watch.look(seen.clone(), Some(*room), at);
            let said =
                found.map(|found| format!("{} for {} s", found.kind.name(), (at - found.since).as_seconds()));
            assert_eq!(said.as_deref(), *expected, "at {second}");
        }
    }

    #[test]
    fn nothing_is_said_while_all_is_well() {
        check(&[(0, Seen::default(), 0, WELL), (1, Seen::default(), 0, WELL)]);
    }

    #[test]
    fn a_full_disk_is_said_until_something_is_taken_and_for_ten_seconds() {
        check(&[
            (0, refusal(1, false), 0, Some("full for 0 s")),
            (5, refusal(3, true), 0, Some("full for 5 s")),
            (14, refusal(3, true), 0, Some("full for 14 s")),
            (15, refusal(3, true), 0, WELL),
            (16, refusal(4, false), 0, Some("full for 0 s")),
        ]);
    }

    /// The sender may never come again.
    #[test]
    fn room_ends_it_though_nobody_asks() {
        check(&[
            (0, refusal(1, false), 0, Some("full for 0 s")),
            (60, refusal(1, false), ROOM_BYTES_MIN, Some("full for 60 s")),
            (61, refusal(1, false), ROOM_BYTES_MIN + 100, WELL),
            (62, refusal(1, false), 0, WELL),
        ]);
    }

    #[test]
    fn what_cannot_be_written_is_said_at_once_and_ends_at_once() {
        check(&[
            (0, fault("disk I/O error"), 1 << 30, Some("refused for 0 s")),
            (7, fault("database or disk is full"), 0, Some("full for 7 s")),
            (8, Seen::default(), 0, WELL),
        ]);
    }

    #[test]
    fn a_failed_sync_is_the_worst_and_stays() {
        let unsynced = Seen { is_unsynced: true, ..refusal(1, false) };
        check(&[
            (0, refusal(1, false), 0, Some("full for 0 s")),
            (1, unsynced.clone(), 0, Some("unsynced for 1 s")),
            (99, unsynced, 1 << 30, Some("unsynced for 99 s")),
        ]);
    }
}
