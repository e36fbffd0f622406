//! What people order by hand and is not done.

use lingshao_model::{TimeDelta, Timestamp};

use super::Keeper;
use crate::clock::now;
use crate::failure::with_causes;
use crate::shop::desk::{Desk, Wanted};
use crate::shop::hands::log;
use crate::state::AuditEntry;

/// So long an order by hand is tried again that could not be looked at; then whoever gave it may have thought better of it.
pub(super) const WANTED_FOR: TimeDelta = TimeDelta::from_secs(300);

impl Keeper {
    /// What a person has ordered and was not done: kept while it could not be looked at, else told, as everybody was told that
    /// it would be.
    pub(super) async fn answer_for(&mut self, wanted: Wanted, at: Timestamp) {
        let left: Vec<_> =
            wanted.keys.iter().filter(|key| !self.done_by_hand.contains(*key)).cloned().collect();
        if left.is_empty() {
            return;
        }
        let is_late = self.is_late();
        let tally = self.tally(wanted.monitor);
        let why = match (&tally.error, &tally.refuses) {
            (None, Some(refusal)) => refusal.reason,
            (None, None) if !is_late => "it is not due, was tried another way, or statements cannot undo it",
            _ if at - wanted.at < WANTED_FOR => {
                self.desk.want_again(Wanted { keys: left, ..wanted });
                return;
            }
            _ => "the shop's database did not tell in time",
        };
        not_done(&self.desk, Wanted { keys: left, ..wanted }, why).await;
    }
}

/// Tells that an order by hand is not carried out.
pub(in crate::shop) async fn not_done(desk: &Desk, wanted: Wanted, why: &str) {
    let entry = AuditEntry {
        at: now().0,
        kind: "by_hand_not_done".to_owned(),
        monitor: wanted.monitor.name().to_owned(),
        detail: format!("{}: {why}", wanted.keys.join(",")),
        by: wanted.by,
        ..AuditEntry::default()
    };
    match desk.store.write(&[], std::slice::from_ref(&entry)).await {
        Ok(()) => log(&desk.hands.logs, vec![entry]).await,
        Err(error) => tracing::error!(error = %with_causes(&error), "the audit trail lacks a line"),
    }
}
