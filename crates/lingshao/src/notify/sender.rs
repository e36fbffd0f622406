//! The task behind a queue.

use std::sync::Arc;

use lingshao_model::DeliveryOutcome;

use super::mailbox::{Mailbox, Waiting};
use super::{Finished, Report};
use crate::clock;

/// Reports whatever comes as failed: nobody can send it.
pub(super) async fn give_up_all(mailbox: Arc<Mailbox>, report: Report) {
    loop {
        mailbox.changed().await;
        give_up(&mailbox, &report, "the receiver is not configured, or its queue is full").await;
    }
}

/// Reports all that waits as failed.
async fn give_up(mailbox: &Mailbox, report: &Report, reason: &str) {
    let waiting = mailbox.take_all();
    if !waiting.is_empty() {
        let outcome = DeliveryOutcome::Failed(reason.to_owned());
        report(waiting.into_iter().map(|one| finished(one, outcome.clone())).collect()).await;
    }
}

fn finished(waiting: Waiting, outcome: DeliveryOutcome) -> Finished {
    Finished {
        id: waiting.delivery.id,
        group_key: waiting.delivery.group_key.clone(),
        to: waiting.delivery.to.clone(),
        outcome,
        attempts: waiting.attempts,
        began_at: waiting.began_at,
        ended_at: clock::now(),
    }
}
