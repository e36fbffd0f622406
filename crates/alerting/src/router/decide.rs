//! Whether an integration has to be told: Alertmanager's `DedupStage.needsUpdate`, with a message that still waits.

use lingshao_model::{DeliveryReason, Fingerprint, TimeDelta, Timestamp};

use super::sets::{intersects, is_subset};

/// The last word that an integration took.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Told {
    pub(super) firing: Vec<Fingerprint>,
    pub(super) resolved: Vec<Fingerprint>,
    /// Perhaps told to fire, and muted since.
    pub(super) muted: Vec<Fingerprint>,
    pub(super) at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) repeat_interval: TimeDelta,
}

impl Told {
    /// Nothing was taken yet; only `muted` will say something.
    pub(super) fn nothing() -> Told {
        Told { at: Timestamp::MIN, expires_at: Timestamp::MIN, ..Told::default() }
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.at == Timestamp::MIN
    }
}

/// What could be said now. Nothing in it is muted; all sets ascend.
#[derive(Debug)]
pub(super) struct Word<'a> {
    pub(super) firing: &'a [Fingerprint],
    /// What has ended, and was not told to have; empty for integrations that are not told of ends.
    pub(super) ended: &'a [Fingerprint],
}

/// What becomes of the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It stays as it is.
    Leave,
    /// The word becomes its row.
    Tell(DeliveryReason),
    /// Its row goes: there is nothing to say any more.
    Withdraw,
}

/// Decides. `waiting` are the sets of the row that waits, if one does.
pub(super) fn decide(
    word: &Word<'_>,
    told: Option<&Told>,
    waiting: Option<(&[Fingerprint], &[Fingerprint])>,
    repeat_interval: TimeDelta,
    now: Timestamp,
) -> Verdict {
    let first = told.is_none_or(Told::is_nothing);
    let changed = if first { DeliveryReason::First } else { DeliveryReason::Changed };
    if let Some((firing, ended)) = waiting {
        if word.firing.is_empty() && word.ended.is_empty() {
            return Verdict::Withdraw;
        }
        // Also when the log knows it all: the row may be on its way, and what it says is no longer so.
        return if (firing, ended) == (word.firing, word.ended) {
            Verdict::Leave
        } else {
            Verdict::Tell(changed)
        };
    }
    let Some(told) = told else {
        return if word.firing.is_empty() { Verdict::Leave } else { Verdict::Tell(changed) };
    };
    if !is_subset(word.firing, &told.firing) {
        return Verdict::Tell(changed);
    }
    if word.firing.is_empty() {
        let known = intersects(word.ended, &told.firing) || intersects(word.ended, &told.muted);
        return if known { Verdict::Tell(changed) } else { Verdict::Leave };
    }
    if !word.ended.is_empty() {
        return Verdict::Tell(changed);
    }
    if told.at < now - repeat_interval { Verdict::Tell(DeliveryReason::Repeat) } else { Verdict::Leave }
}
